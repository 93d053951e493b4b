//! Workers: threads that answer, each with a runtime, sockets and upstream connections of its own.
//!
//! [`start`] binds every listen address once a worker (SO_REUSEPORT: the kernel spreads clients over them), makes what the workers share,
//! and starts the threads. [`Running::stop`] lets them finish what they have in hand. The main thread answers no queries.
//!
//! - [`run()`] the daemon's main thread: signals, health, metrics.
//! - `sockets` binding.
//! - `thread` one worker.

mod run;
mod sockets;
mod thread;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::cache::Store;
use crate::config::{Config, Transport};
use crate::error::{ExitCode, Failure};
use crate::listener::limits::Connections;
use crate::metrics::{CacheFigures, Layout, Metrics};
use crate::pipeline::{Numbers, Shared};
use crate::policy::local::Local;
use crate::upstream::{SystemRoots, TlsGroup};

pub use run::run;

/// Workers that answer.
#[derive(Debug)]
pub struct Running {
    /// Where, with real ports, in the order of the configuration.
    pub addresses: Vec<SocketAddr>,
    /// What they count.
    metrics: Arc<Metrics>,
    /// Tells them to stop.
    drain: watch::Sender<bool>,
    /// Their threads.
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// What they count.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Lets them answer what they have in hand, for at most `listen.drain-timeout`, and waits for them.
    pub fn stop(self) {
        // Without receivers there is nobody left to tell.
        let _ = self.drain.send(true);
        for thread in self.threads {
            // A worker that panicked has already ended the process, or in tests its own thread, and said so.
            let _ = thread.join();
        }
    }
}

/// Starts the workers.
///
/// # Errors
///
/// When an address cannot be bound, a certificate file cannot be used, a local record is wrong, or the kernel has no more threads.
pub fn start(config: Config) -> Result<Running, Failure> {
    let local = Arc::new(Local::new(&config)?);
    for warning in local.warnings() {
        tracing::warn!("{warning}");
    }
    let roots = SystemRoots::default();
    let tls = |upstream: &crate::config::Upstream| {
        let encrypted = upstream.servers.iter().any(|server| server.transport == Transport::Tls);
        encrypted.then(|| TlsGroup::with_roots(upstream, &roots)).transpose()
    };
    let tls: Result<Vec<_>, Failure> = config.upstreams.iter().map(tls).collect();
    let store = Arc::new(Store::new(config.cache.size, config.cache.negative_size));
    let sockets = sockets::bind(&config.listen)?;
    let addresses = sockets.addresses.clone();
    let metrics = Arc::new(Metrics::new(&layout(&config, &addresses), config.listen.workers));
    metrics.set_cache(Arc::clone(&store) as Arc<dyn CacheFigures>);
    let connections = Connections::new(config.limits.tcp_connections, config.limits.tcp_connections_per_client);
    let numbers = Arc::new(Numbers::of(&config));
    let shared = Shared { config: Arc::new(config), store, local, tls: tls?.into(), loops: Arc::default(), numbers };
    let (drain, drained) = watch::channel(false);
    let mut threads = Vec::new();
    for (index, sockets) in sockets.workers.into_iter().enumerate() {
        let worker = thread::Worker {
            shared: shared.clone(),
            sockets,
            connections: Arc::clone(&connections),
            metrics: metrics.worker(index),
            drain: drained.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || worker.work());
        threads
            .push(thread.map_err(|error| Failure::new(ExitCode::System, format!("no thread for a worker: {error}")))?);
    }
    Ok(Running { addresses, metrics, drain, threads })
}

/// The labels of the series.
fn layout(config: &Config, addresses: &[SocketAddr]) -> Layout {
    let zone = |name: &str| if name == "." { name.to_owned() } else { format!("{name}.") };
    let server = |server: &crate::config::Server| format!("{}://{}", server.transport.scheme(), server.address);
    Layout {
        servers: addresses.iter().map(|address| format!("dns://{address}")).collect(),
        zones: config.zones.iter().map(|configured| zone(&configured.name)).collect(),
        upstreams: config
            .upstreams
            .iter()
            .flat_map(|upstream| upstream.servers.iter().map(move |each| (upstream.name.clone(), server(each))))
            .collect(),
    }
}

impl CacheFigures for Store {
    fn entries(&self) -> [u64; 2] {
        // moka counts when it tidies up, which a quiet node may not have made it do.
        self.settle();
        Self::entries(self)
    }

    fn bytes(&self) -> [u64; 2] {
        Self::bytes(self)
    }

    fn capacity(&self) -> [u64; 2] {
        Self::capacity(self)
    }

    fn evictions(&self) -> [u64; 2] {
        Self::evictions(self)
    }

    fn failures(&self) -> u64 {
        Self::failures(self)
    }
}
