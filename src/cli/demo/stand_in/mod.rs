//! The two servers that the demo's daemon asks: one plays cluster DNS, the other a public DNS-over-TLS resolver.
//!
//! Both are hickory-server catalogs ([`zones`]) in one thread. Cluster DNS is served by hickory-server itself, over UDP and TCP; the
//! TLS listener is our own ([`tls`]), because it must answer pipelined queries side by side, as real resolvers do.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use hickory_net::runtime::Time;
use hickory_server::Server;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::Catalog;
use tokio::sync::oneshot;

use super::folder::Folder;
use crate::error::{ExitCode, Failure};

pub(super) mod certificate;
mod tls;
mod zones;

pub(super) use certificate::AUTHENTICATION_NAME;

/// How far away cluster DNS seems to be: another node of the same cluster.
pub(super) const CLUSTER_LATENCY: Duration = Duration::from_millis(1);

/// How far away the resolver seems to be: a public service in the same country.
pub(super) const RESOLVER_LATENCY: Duration = Duration::from_millis(12);

/// How long a silent connection to a stand-in is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Answers that may wait for one TCP connection to cluster DNS.
const RESPONSE_BUFFER: usize = 64;

/// Ports tried until one is free for both UDP and TCP.
const PORT_TRIES: usize = 32;

/// The running stand-ins.
pub(super) struct StandIns {
    /// Where cluster DNS listens.
    cluster: SocketAddr,
    /// Where the resolver listens.
    resolver: SocketAddr,
    /// Holds the certificate of the authority that signed the resolver's.
    folder: Folder,
    /// Questions that reached cluster DNS.
    cluster_questions: Arc<AtomicU64>,
    /// Questions that reached the resolver.
    resolver_questions: Arc<AtomicU64>,
    /// Ends the thread.
    stop: oneshot::Sender<()>,
    /// Runs both servers.
    thread: JoinHandle<()>,
}

/// How many questions the stand-ins got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Questions {
    /// At cluster DNS.
    pub(super) cluster: u64,
    /// At the resolver.
    pub(super) resolver: u64,
}

impl StandIns {
    /// Makes certificates, takes free ports and starts to serve.
    pub(super) fn start() -> Result<Self, Failure> {
        let folder = Folder::new().map_err(|error| failed("temporary folder", error))?;
        let certificates = certificate::make().map_err(|error| failed("certificate", error))?;
        fs::write(ca_file(&folder), certificates.authority_pem).map_err(|error| failed("certificate", error))?;

        let (udp, tcp) = free_port().map_err(|error| failed("cluster DNS", error))?;
        let tls = listener().map_err(|error| failed("resolver", error))?;
        let address = |address: io::Result<SocketAddr>| address.map_err(|error| failed("address", error));
        let (cluster, resolver) = (address(tcp.local_addr())?, address(tls.local_addr())?);

        let cluster_handler = Distant::new(zones::cluster(), CLUSTER_LATENCY);
        let resolver_handler = Distant::new(zones::resolver(), RESOLVER_LATENCY);
        let (cluster_questions, resolver_questions) =
            (Arc::clone(&cluster_handler.questions), Arc::clone(&resolver_handler.questions));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed("runtime", error))?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async move {
                let mut server = Server::new(cluster_handler);
                // The sockets come from this process, are non-blocking and of the right kind: tokio takes them.
                server.register_socket(tokio::net::UdpSocket::from_std(udp).expect("a fresh socket"));
                let tcp = tokio::net::TcpListener::from_std(tcp).expect("a fresh socket");
                server.register_listener(tcp, IDLE, RESPONSE_BUFFER);
                let tls = tokio::net::TcpListener::from_std(tls).expect("a fresh socket");
                tokio::select! {
                    _ = stopped => {}
                    () = tls::serve(tls, certificates.server, Arc::new(resolver_handler)) => {}
                }
                // What it could say about its end would help nobody now.
                let _ = server.shutdown_gracefully().await;
            });
        };
        let thread = thread::Builder::new()
            .name("stand-ins".to_owned())
            .spawn(serve)
            .map_err(|error| failed("thread", error))?;
        Ok(Self { cluster, resolver, folder, cluster_questions, resolver_questions, stop, thread })
    }

    /// Where cluster DNS listens, UDP and TCP.
    pub(super) fn cluster(&self) -> SocketAddr {
        self.cluster
    }

    /// Where the resolver listens, TLS.
    pub(super) fn resolver(&self) -> SocketAddr {
        self.resolver
    }

    /// The authority that the resolver's certificate must chain to, in PEM.
    pub(super) fn ca(&self) -> PathBuf {
        ca_file(&self.folder)
    }

    /// How many questions came until now.
    pub(super) fn questions(&self) -> Questions {
        // The counts are read after an answer that the counted question led to, which orders them.
        Questions {
            cluster: self.cluster_questions.load(Ordering::Relaxed),
            resolver: self.resolver_questions.load(Ordering::Relaxed),
        }
    }

    /// Ends the thread and removes the folder.
    pub(super) fn stop(self) {
        let _ = self.stop.send(());
        // A stand-in that panicked has said so itself.
        let _ = self.thread.join();
    }
}

/// A catalog that counts its questions and answers some time later.
struct Distant {
    /// What it knows.
    catalog: Catalog,
    /// How much later.
    latency: Duration,
    /// Questions until now.
    questions: Arc<AtomicU64>,
}

impl Distant {
    /// A catalog `latency` away.
    fn new(catalog: Catalog, latency: Duration) -> Self {
        Self { catalog, latency, questions: Arc::default() }
    }
}

#[async_trait]
impl RequestHandler for Distant {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, response: R) -> ResponseInfo {
        self.questions.fetch_add(1, Ordering::Relaxed);
        T::delay_for(self.latency).await;
        self.catalog.handle_request::<R, T>(request, response).await
    }
}

/// Where the authority's certificate is.
fn ca_file(folder: &Folder) -> PathBuf {
    Path::join(folder.path(), "ca.pem")
}

/// A TCP listener on a free loopback port.
fn listener() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Sockets on a loopback port that is free for UDP and TCP.
fn free_port() -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let tcp = listener()?;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(udp) => {
                udp.set_nonblocking(true)?;
                return Ok((udp, tcp));
            }
            Err(error) if tries == PORT_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

/// A stand-in could not be set up.
fn failed(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(ExitCode::System, format!("demo: {what} of the stand-ins: {error}"))
}
