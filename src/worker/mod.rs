//! Workers: threads that answer, each with a runtime, sockets and upstream connections of its own.
//!
//! [`start`] makes what the workers share, binds every listen address once a worker (SO_REUSEPORT: the kernel spreads clients over them),
//! and starts the threads. [`Running::reload`] gives them another configuration, [`Running::stop`] lets them finish what they have in
//! hand. The main thread answers no queries.
//!
//! - [`run()`] the daemon's main thread: signals, health, metrics.
//! - `admin` what an operator asks over the admin socket.
//! - `chain` what the supervisor says, and what it is told.
//! - `disk` the kept answers in a file, for the next start.
//! - `pulse` whether they all answer.
//! - `reload` when the configuration is read again, and what becomes of it.
//! - `restore` the kept answers of the process before.
//! - `snapshot` what workers share, made of a configuration.
//! - `thread` one worker.

mod admin;
mod chain;
mod disk;
mod pulse;
mod reload;
mod restore;
mod run;
mod snapshot;
mod thread;

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

use crate::cache::Store;
use crate::config::Config;
use crate::detect::{self, Board, Tap, Watch};
use crate::error::{ExitCode, Failure};
use crate::listener::limits::Connections;
use crate::listener::sockets::Sockets;
use crate::listener::tcp::{Begun, Drain};
use crate::metrics::{Beside, CacheFigures, Gauge, Metrics};
use crate::pipeline::Shared;
use crate::policy::local::Local;
use crate::policy::rules::RuleSet;
use crate::querylog::{Names, Pod, QueryLogs};
use crate::who::{Directory, Who};

use disk::Disk;
use pulse::Pulse;
use restore::{Restoring, Source};
use snapshot::Snapshot;

pub use run::{run, run_alone};

/// Connections from elsewhere that a worker has not looked at yet.
const BEGUN_AT_ONCE: usize = 64;

/// Errands that a worker has not done yet; the main thread has one under way with each, and a connection may give one up.
const ERRANDS_AT_ONCE: usize = 16;

/// What workers are given by whoever started this process; by default nothing.
#[derive(Debug, Default)]
pub struct Given {
    /// The sockets they answer on, instead of those that the configuration says.
    pub sockets: Option<Sockets>,
    /// The answers of those before them, as a snapshot of the cache.
    pub answers: Option<File>,
    /// The document that those before them went by.
    pub document: Option<String>,
}

impl Given {
    /// What another process has given.
    #[must_use]
    pub fn new(sockets: Vec<OwnedFd>, answers: Option<OwnedFd>, document: Option<String>) -> Self {
        Self { sockets: Some(Sockets::adopt(sockets)), answers: answers.map(File::from), document }
    }
}

/// Workers that answer.
#[derive(Debug)]
pub struct Running {
    /// Where, with real ports, in the order of the configuration.
    pub addresses: Vec<SocketAddr>,
    /// What they count.
    metrics: Arc<Metrics>,
    /// The bound on TCP clients.
    connections: Arc<Connections>,
    /// What they go by.
    snapshot: Arc<Snapshot>,
    /// Tells them to go by another.
    orders: watch::Sender<Arc<Snapshot>>,
    /// Each of them tells when it does.
    adopted: mpsc::Receiver<()>,
    /// Whether they are at work.
    pulse: Arc<Pulse>,
    /// Asks them what they alone know, one each.
    errands: Vec<mpsc::Sender<thread::Errand>>,
    /// Takes connections that somebody else began, one each.
    begun: Vec<mpsc::Sender<Begun>>,
    /// Connections that somebody else shall go on with.
    leaving: mpsc::Receiver<Begun>,
    /// Tells them to stop.
    drain: watch::Sender<Drain>,
    /// Whose the clients' addresses are.
    directory: Directory,
    /// Writes what they note.
    query_log: QueryLogs,
    /// Looks for tunnels in what they tell.
    watch: Watch,
    /// Whether answers of the process before still come in.
    restoring: Restoring,
    /// Their threads.
    threads: Vec<JoinHandle<()>>,
}

/// What a new configuration changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Options that say something new and take effect at the next start.
    pub kept: Vec<&'static str>,
    /// What is odd about the node's own names.
    pub warnings: Vec<String>,
    /// Kept answers that no longer held; `None` if nothing changed at all.
    pub forgotten: Option<usize>,
}

impl Running {
    /// What they count.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// The configuration they go by.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.snapshot.shared.config
    }

    /// The answers that are kept, over all configurations.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.snapshot.shared.store)
    }

    /// What was detected, and what is asked most.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        self.watch.board()
    }

    /// Whoever writes them to `cache.snapshot`, also when the workers have stopped.
    fn disk(&self) -> Disk {
        Disk::new(self.orders.subscribe(), self.metrics.main(), self.restoring.clone())
    }

    /// Whether the machine has other addresses than when the configuration was taken, of those that matter to it.
    fn has_moved(&self) -> bool {
        self.snapshot.has_moved()
    }

    /// Lets all workers go by another configuration, and takes the answers out of the store that no longer hold. Returns when all that is
    /// done. Sockets stay as they are, and so does everything else if there is an error.
    ///
    /// # Errors
    ///
    /// As [`start`], and when a server is one of our own addresses, or too much is new since the start.
    pub async fn reload(&mut self, mut config: Config) -> Result<Changes, Failure> {
        let kept = config.keep(self.config())?;
        let before = Arc::clone(&self.snapshot);
        let next = in_background(move || Snapshot::new(config, Some(&before))).await??;
        let before = std::mem::replace(&mut self.snapshot, Arc::new(next));
        if self.snapshot.is_same(&before) {
            return Ok(Changes { kept, warnings: Vec::new(), forgotten: None });
        }
        let shared = &self.snapshot.shared;
        // Names first: a worker counts by a new number as soon as it knows it.
        self.metrics.extend(&self.snapshot.layout);
        self.metrics.set_config(&shared.config);
        let limits = &shared.config.limits;
        self.connections.set(limits.tcp_connections, limits.tcp_connections_per_client);
        self.query_log.adopt(&shared.config);
        self.watch.adopt(watched(shared));
        self.orders.send_replace(Arc::clone(&self.snapshot));
        for _ in &self.threads {
            // They all live as long as the process; if not, it is ending.
            if self.adopted.recv().await.is_none() {
                break;
            }
        }
        // Only now, when nobody goes by the old one, does nothing of it come back into the store. A failure says nothing of how servers are asked now.
        shared.store.forget_failures();
        let forgotten = if self.snapshot.keeps_answers(&before) {
            0
        } else {
            let snapshot = Arc::clone(&self.snapshot);
            in_background(move || snapshot.forget_what_changed()).await?
        };
        let shared = &self.snapshot.shared;
        publish_names(&shared.local, &shared.rules, &self.metrics);
        let warnings = [shared.local.warnings(), shared.rules.warnings()].concat();
        Ok(Changes { kept, warnings, forgotten: Some(forgotten) })
    }

    /// Lets them answer what they have in hand, for at most `listen.drain-timeout`, and waits for them.
    pub fn stop(self) {
        // Without receivers there is nobody left to tell.
        let _ = self.drain.send(Drain::Stop);
        self.join();
    }

    /// As [`stop`](Self::stop), but gives `heir` every connection as soon as nothing of it is in hand.
    pub async fn leave(mut self, heir: impl AsyncFn(Begun)) {
        let _ = self.drain.send(Drain::Leave);
        // Until the last worker has ended.
        while let Some(connection) = self.leaving.recv().await {
            heir(connection).await;
        }
        self.join();
    }

    /// Waits for their ends.
    fn join(self) {
        for thread in self.threads {
            // A worker that panicked has already ended the process, or in tests its own thread, and said so.
            let _ = thread.join();
        }
        self.query_log.stop();
        self.watch.stop();
    }
}

/// Tells the query log which pod a client is.
fn names(directory: &Directory) -> Names {
    let directory = directory.clone();
    let pod = |who: Who| Pod { namespace: who.namespace, name: who.pod };
    Arc::new(move |client| directory.of(client).map(pod))
}

/// Whose addresses are, for detection.
fn pods(directory: &Directory) -> detect::Names {
    let directory = directory.clone();
    Arc::new(move |client| directory.of(client).map(|who| (who.namespace.to_string(), who.pod.to_string())))
}

/// Starts the thread that looks for tunnels; with a tap for each worker.
fn watch(shared: &Shared, directory: &Directory, metrics: &Metrics) -> Result<(Watch, Vec<Tap>), Failure> {
    let of_workers = (0..shared.config.listen.workers).map(|index| metrics.worker(index));
    Watch::start(watched(shared), pods(directory), metrics.beside(Beside::Detect), of_workers)
}

/// What detection goes by.
fn watched(shared: &Shared) -> detect::Settings {
    let modes = shared.config.zones.iter().map(|zone| zone.detect);
    detect::Settings::new(&shared.config.detect, shared.numbers.zones.iter().copied().zip(modes))
}

/// Shows how many names are blocked, and how many zones know themselves.
fn publish_names(local: &Local, rules: &RuleSet, metrics: &Metrics) {
    for (gauge, count) in [(Gauge::BlockedNames, local.blocked_names()), (Gauge::HostsNames, rules.hosts())] {
        metrics.main().set(gauge, u64::try_from(count).unwrap_or(u64::MAX));
    }
    metrics.set_hosts(rules.hosts_read());
}

/// Runs on a thread of its own what may read files or take its time, so that health and metrics go on.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    spawn_blocking(work).await.map_err(|error| Failure::new(ExitCode::Software, format!("a task was lost: {error}")))
}

/// Starts the workers.
///
/// # Errors
///
/// When an address cannot be bound, a certificate file cannot be used, a local record is wrong, or the kernel has no more threads.
pub fn start(config: Config, given: Given) -> Result<Running, Failure> {
    start_from(config, given.sockets, |snapshot| restore::sources(snapshot, given.answers))
}

/// The same with answers of these sources.
fn start_from(
    mut config: Config,
    sockets: Option<Sockets>,
    sources: impl FnOnce(&Snapshot) -> Vec<Source>,
) -> Result<Running, Failure> {
    if let Some(sockets) = &sockets {
        // What the file says now takes effect when whoever holds the sockets starts anew.
        config.listen.addresses = sockets.addresses();
    }
    let mut snapshot = Snapshot::new(config, None)?;
    let Shared { config, local, rules, store, .. } = snapshot.shared.clone();
    for warning in local.warnings().iter().chain(rules.warnings()) {
        tracing::warn!("{warning}");
    }
    let sockets = sockets.map_or_else(|| Sockets::bind(&config.listen), Ok)?;
    let addresses = sockets.addresses();
    snapshot.layout.servers = addresses.iter().map(|address| format!("dns://{address}")).collect();
    let metrics = Arc::new(Metrics::new(&snapshot.layout, config.listen.workers));
    metrics.set_config(&config);
    metrics.set_cache(store as Arc<dyn CacheFigures>);
    publish_names(&local, &rules, &metrics);
    let connections = Connections::new(config.limits.tcp_connections, config.limits.tcp_connections_per_client);
    let (drain, drained) = watch::channel(Drain::No);
    let snapshot = Arc::new(snapshot);
    let (orders, ordered) = watch::channel(Arc::clone(&snapshot));
    // The sockets are bound: what clients ask meanwhile waits in them.
    let restoring = restore::begin(sources(&snapshot), ordered.clone(), metrics.beside(Beside::Restore));
    let (adopt, adopted) = mpsc::channel(config.listen.workers);
    let pulse = Arc::new(Pulse::new(config.listen.workers));
    // As many as there can be, so that none has to wait for its descriptor to be sent.
    let (heirs, leaving) = mpsc::channel(config.limits.tcp_connections);
    let (mut threads, mut begun, mut errands) = (Vec::new(), Vec::new(), Vec::new());
    let workers = config.listen.workers;
    let directory = Directory::open(&config.clients);
    let (query_log, recorders) = QueryLogs::start(&config, &addresses, names(&directory), &metrics)?;
    let (watch, taps) = watch(&snapshot.shared, &directory, &metrics)?;
    let sockets = sockets.share(workers).into_iter().zip(recorders).zip(taps);
    for (index, ((sockets, recorder), tap)) in sockets.enumerate() {
        let (sender, receiver) = mpsc::channel(BEGUN_AT_ONCE);
        begun.push(sender);
        let (errand, taken) = mpsc::channel(ERRANDS_AT_ONCE);
        errands.push(errand);
        let worker = thread::Worker {
            begun: receiver,
            errands: taken,
            heirs: heirs.clone(),
            orders: ordered.clone(),
            adopted: adopt.clone(),
            sockets,
            connections: Arc::clone(&connections),
            metrics: metrics.worker(index),
            tap,
            recorder,
            pulse: (Arc::clone(&pulse), index),
            drain: drained.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || worker.work());
        threads
            .push(thread.map_err(|error| Failure::new(ExitCode::System, format!("no thread for a worker: {error}")))?);
    }
    Ok(Running {
        addresses,
        metrics,
        connections,
        snapshot,
        orders,
        adopted,
        pulse,
        errands,
        begun,
        leaving,
        drain,
        directory,
        query_log,
        watch,
        restoring,
        threads,
    })
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
