//! A kubelet or an API server of the tests: a real HTTP server on loopback, with or without TLS.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// What a server answers.
pub(super) enum Reply {
    /// This status with this body.
    Whole(u16, Vec<u8>),
    /// Status 200, and a body that comes piece by piece.
    Pieces(mpsc::UnboundedReceiver<String>),
    /// Nothing, ever.
    Nothing,
}

/// A request: path with query, and the token.
pub(super) type Asked = (String, Option<String>);

/// A server; gone when dropped.
pub(super) struct Server {
    /// Where it is.
    pub(super) address: SocketAddr,
    /// What it was asked.
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Accepts.
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// What it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A server that answers by path and token.
    pub(super) async fn start(
        identity: Option<&Identity>,
        answer: impl Fn(&str, Option<&str>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let acceptor = identity.map(Identity::acceptor);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, answer) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(answer));
        let notes = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            // Connections end with the server.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (notes, answer, acceptor) = (Arc::clone(&notes), Arc::clone(&answer), acceptor.clone());
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let path = request.uri().to_string();
                    let token = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
                    let reply = answer(&path, token.as_deref());
                    notes.lock().unwrap().push((path, token));
                    respond(reply)
                });
                connections.spawn(async move {
                    // Clients that refuse us or go away are what many of the tests are about.
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                            }
                        }
                        None => {
                            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                        }
                    }
                });
            }
        });
        Self { address, asked, task: task.abort_handle() }
    }

    /// Its URL.
    pub(super) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }
}

/// The answer as hyper wants it.
async fn respond(reply: Reply) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (status, body) = match reply {
        Reply::Whole(status, body) => (status, Full::new(Bytes::from(body)).boxed()),
        Reply::Pieces(pieces) => {
            let stream = futures_util::stream::unfold(pieces, |mut pieces| async {
                let piece = pieces.recv().await?;
                Some((Ok(Frame::data(Bytes::from(piece))), pieces))
            });
            (200, BoxBody::new(StreamBody::new(stream)))
        }
        Reply::Nothing => std::future::pending().await,
    };
    Ok(Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(body).unwrap())
}

/// A server's key and certificates, and a file for its clients.
pub(super) struct Identity {
    /// Its own certificate first.
    chain: Vec<CertificateDer<'static>>,
    /// Its key.
    key: KeyPair,
    /// The authority's certificate, PEM.
    pub(super) authority: String,
    /// Its own certificate, PEM.
    pub(super) own: String,
}

impl Identity {
    /// A certificate for these names, signed by an authority of its own, as a kubelet makes them.
    pub(super) fn new(names: &[&str]) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "node-7-ca@1795750320");
        let authority = params.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let own = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        Self { chain: vec![own.der().clone()], key, authority, own: own.pem() }
    }

    /// Shakes hands as this server.
    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A folder for files that the tests write.
pub(super) struct Files(TempDir);

impl Files {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file as Kubernetes does: a new one in the place of the old one.
    pub(super) fn put(&self, name: &str, text: &str) -> PathBuf {
        let (path, new) = (self.0.path().join(name), self.0.path().join("..new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }

    /// A file that is not there.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}
