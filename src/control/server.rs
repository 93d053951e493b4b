//! Listeners, connections and their bounds.
//!
//! An address that cannot be had stops nobody: DNS goes on, and the address is tried again. Nothing here speaks to an upstream.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::http::{Pages, Site};
use super::readiness::Readiness;
use crate::config::{Config, Endpoint, Health};
use crate::log::{LogLimiter, Topic};
use crate::metrics::{Event, Metrics};
use crate::sys::clock;

/// Connections of one listener. Probes and Prometheus need two or three.
pub(super) const MAX_CONNECTIONS: usize = 64;

/// Time a client has to send a request, and time a connection may be idle between two.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Age at which a connection is no longer kept for another request.
pub(super) const MAX_AGE: Duration = Duration::from_secs(60);

/// Time that a connection has after that to take the answer in hand.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of request line and headers; 8 KiB is the least that hyper has.
const MAX_HEADER_BYTES: usize = 8192;

/// Headers of a request.
const MAX_HEADERS: usize = 64;

/// Time until an address that could not be had is tried again.
pub(super) const BIND_PAUSE: Duration = Duration::from_secs(5);

/// Time without accepting after the kernel could not hand over a connection, so that want of descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections waiting to be accepted.
const BACKLOG: u32 = 64;

/// What the operator says of both endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoints {
    /// `[metrics]`
    pub metrics: Endpoint,
    /// `[health]`
    pub health: Health,
}

impl Endpoints {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self { metrics: config.metrics.clone(), health: config.health.clone() }
    }
}

/// Where the endpoints listen in the end, once they do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// `/metrics`.
    pub metrics: Vec<SocketAddr>,
    /// `/health` and `/ready`.
    pub health: Vec<SocketAddr>,
    /// `/ready` alone.
    pub ready: Vec<SocketAddr>,
}

/// Serves all endpoints, over one listener where they have the same address; runs until it is dropped, with its connections.
///
/// `bound` is told of each address as it is had, with the port that port 0 became. The addresses of `endpoints` are those at the start, who
/// may ask is looked up in it at each request.
pub async fn serve(
    endpoints: watch::Receiver<Endpoints>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    bound: watch::Sender<Bound>,
) {
    let mut places: Vec<(SocketAddr, Pages)> = Vec::new();
    {
        let endpoints = endpoints.borrow();
        let Health { listen, ready_listen, .. } = &endpoints.health;
        for (addresses, pages) in
            [(&endpoints.metrics.listen, Pages::METRICS), (listen, Pages::HEALTH), (ready_listen, Pages::READY)]
        {
            for &address in addresses {
                // Port 0 is a different one each time.
                match places.iter_mut().find(|(known, _)| *known == address && address.port() != 0) {
                    Some((_, there)) => *there = there.and(pages),
                    None => places.push((address, pages)),
                }
            }
        }
    }
    let site = |pages| Site {
        pages,
        endpoints: endpoints.clone(),
        metrics: Arc::clone(&metrics),
        readiness: Arc::clone(&readiness),
    };
    let sites: Vec<_> = places.into_iter().map(|(address, pages)| (address, site(pages))).collect();
    let limiter = Arc::new(LogLimiter::new(metrics.main()));
    let mut listeners = JoinSet::new();
    for (address, site) in sites {
        let (bound, limiter) = (bound.clone(), Arc::clone(&limiter));
        listeners.spawn(async move {
            let listener = bind(address, &site).await;
            bound.send_modify(|bound| {
                let address = listener.local_addr().ok();
                let Pages { has_metrics, has_health, has_ready } = site.pages;
                for (is_served, list) in [
                    (has_metrics, &mut bound.metrics),
                    (has_health, &mut bound.health),
                    (has_ready && !has_health, &mut bound.ready),
                ] {
                    list.extend(address.filter(|_| is_served));
                }
            });
            accept(listener, Arc::new(site), &limiter).await;
        });
    }
    while listeners.join_next().await.is_some() {}
    std::future::pending::<()>().await;
}

//------ Listeners ---------------------------------------------------------------------------------------------------

/// Binds an address, however long it takes; says so once when it fails and once when it succeeds.
async fn bind(address: SocketAddr, site: &Site) -> TcpListener {
    let service = site.pages.name();
    let mut failed = false;
    loop {
        match listen(address) {
            Ok(listener) => {
                let address = listener.local_addr().unwrap_or(address);
                tracing::info!(service, %address, "listening");
                return listener;
            }
            Err(error) if !failed => {
                tracing::warn!(service, %address, %error, retry_seconds = BIND_PAUSE.as_secs(), "cannot listen");
                failed = true;
            }
            Err(_) => {}
        }
        sleep(BIND_PAUSE).await;
    }
}

/// Binds an address once.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a predecessor that linger in TIME_WAIT must not keep us out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections for ever.
async fn accept(listener: TcpListener, site: Arc<Site>, limiter: &LogLimiter) {
    let counters = site.metrics.main();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) if connections.len() >= MAX_CONNECTIONS => {
                // At once rather than in the backlog, where a probe would wait for its timeout to learn the same.
                drop(stream);
                counters.count(Event::HttpRefused);
                if limiter.admits(Topic::Http, clock::coarse()) {
                    tracing::warn!(limit = MAX_CONNECTIONS, "too many HTTP connections");
                }
            }
            Ok((stream, client)) => {
                connections.spawn(converse(stream, client, Arc::clone(&site)));
            }
            // The client went away before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                counters.count(Event::AcceptFailed);
                if limiter.admits(Topic::System, clock::coarse()) {
                    tracing::warn!(%error, "cannot accept an HTTP connection");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

//------ Connections -------------------------------------------------------------------------------------------------

/// Serves one connection to its end.
async fn converse(stream: TcpStream, client: SocketAddr, site: Arc<Site>) {
    let counters = site.metrics.main();
    let asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        let answer = site.answer(&request, client.ip());
        async { Ok::<_, Infallible>(answer) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIMEOUT)
            .max_buf_size(MAX_HEADER_BYTES)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
    );
    let result = match timeout(MAX_AGE, connection.as_mut()).await {
        Ok(result) => result,
        Err(_) => {
            connection.as_mut().graceful_shutdown();
            match timeout(LAST_ANSWER_TIMEOUT, connection).await {
                Ok(result) => result,
                Err(_) => return counters.count(Event::HttpSlowClosed),
            }
        }
    };
    // After a request the timeout is the end of a kept connection, as it should be. All other errors are clients that went
    // away or spoke something else; hyper has answered what can be answered.
    if result.is_err_and(|error| error.is_timeout()) && !asked.load(Ordering::Relaxed) {
        counters.count(Event::HttpSlowClosed);
    }
}
