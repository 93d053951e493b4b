//! What an operator asks over the admin socket, answered by whoever knows: the counters, the store, the configuration, and the workers for what
//! they alone know.
//!
//! On the main thread, which answers no queries. Workers are asked by errands, some ten microseconds each; what takes longer, such as walking
//! through the store, goes to a thread of its own. Nobody here waits for a worker for longer than a second.
//!
//! - `figures` counts, servers, and the daemon itself.
//! - `dump` kept answers, piece by piece.
//! - `explain` why a name gets the answer it gets.

mod dump;
mod explain;
mod figures;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::in_background;
use super::reload::Asking;
use super::snapshot::Snapshot;
use super::thread::Errand;
use crate::config;
use crate::control::admin::protocol::{
    Detection, Flush, Flushed, LONGEST_LIST, Level, LogLevel, Reload, Reply, Request, Top, USUAL_LIST,
};
use crate::control::admin::{Answers, Line};
use crate::control::{Bound, Readiness};
use crate::detect::Board;
use crate::log;
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::sys::clock::Moment;
use crate::sys::sandbox::Report;
use crate::who::Directory;
use crate::wire::name;

/// How long a worker has for an errand. One that hangs is the supervisor's business.
const PATIENCE: Duration = Duration::from_secs(1);

/// What observers know of clients and names.
pub(super) trait Observers {
    /// What was detected, the newest first, at most so many.
    fn detections(&self, limit: usize) -> Vec<Detection>;
    /// The domains that are asked for most.
    fn top_names(&self, limit: usize) -> Vec<Top>;
    /// The clients that ask most.
    fn top_clients(&self, limit: usize) -> Vec<Top>;
    /// Namespace and name of a client's pod.
    fn pod(&self, client: IpAddr) -> Option<(String, String)>;
}

/// Those of a running daemon.
pub(super) struct Known {
    /// Whose the clients' addresses are.
    pub(super) directory: Directory,
    /// What was detected, and what is asked most.
    pub(super) board: Arc<Board>,
}

impl Known {
    /// What is asked most, or who asks most, with the pod that it is.
    fn shown(&self, top: crate::detect::Top) -> Top {
        let (namespace, pod) = top.what.parse().ok().and_then(|client| self.pod(client)).unzip();
        let crate::detect::Top { what, queries_per_second, share, .. } = top;
        Top { what, queries_per_second, share, namespace, pod }
    }
}

impl Observers for Known {
    fn detections(&self, limit: usize) -> Vec<Detection> {
        let shown = |found: crate::detect::Detection| {
            let (namespace, pod) = self.pod(found.client).unzip();
            Detection {
                at: found.at,
                last: found.last,
                rule: found.rule.name().to_owned(),
                client: found.client.to_string(),
                namespace,
                pod,
                domain: found.domain,
                score: found.score,
                reasons: found.reasons,
                action: found.action.name().to_owned(),
                count: found.count.into(),
            }
        };
        self.board.detections().into_iter().take(limit).map(shown).collect()
    }

    fn top_names(&self, limit: usize) -> Vec<Top> {
        self.board.top_names(limit).into_iter().map(|top| self.shown(top)).collect()
    }

    fn top_clients(&self, limit: usize) -> Vec<Top> {
        self.board.top_clients(limit).into_iter().map(|top| self.shown(top)).collect()
    }

    fn pod(&self, client: IpAddr) -> Option<(String, String)> {
        self.directory.of(client).map(|who| (who.namespace.to_string(), who.pod.to_string()))
    }
}

/// What is known of the process since its start.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// When it began.
    pub(super) started: Moment,
    /// The process behind it.
    pub(super) supervisor: Option<u32>,
    /// What it has given up.
    pub(super) sandbox: Report,
    /// The configuration file, if there is one.
    pub(super) file: Option<PathBuf>,
}

/// Whoever answers.
pub(super) struct Admin {
    /// What workers share; changes with a reload.
    pub(super) orders: watch::Receiver<Arc<Snapshot>>,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// Which listeners answer.
    pub(super) readiness: Arc<Readiness>,
    /// Where clients ask.
    pub(super) addresses: Vec<SocketAddr>,
    /// Where health and metrics are.
    pub(super) bound: watch::Receiver<Bound>,
    /// Asks workers what they alone know.
    pub(super) errands: Vec<mpsc::Sender<Errand>>,
    /// Asks for a reading of the configuration.
    pub(super) reloads: mpsc::Sender<Asking>,
    /// Which log lines are written.
    pub(super) log: Rc<log::Control>,
    /// The process itself.
    pub(super) about: About,
    /// Who knows of clients and names.
    pub(super) observers: Box<dyn Observers>,
}

impl Answers for Admin {
    async fn answer(&self, request: Request, line: &mut Line<'_>) -> io::Result<()> {
        let most = |limit: Option<usize>| limit.unwrap_or(USUAL_LIST).min(LONGEST_LIST);
        match request {
            Request::Status => line.say(&Reply::Ok(self.status())).await,
            Request::Stats => line.say(&Reply::Ok(self.stats().await)).await,
            Request::Upstreams => line.say(&Reply::Ok(self.servers().await)).await,
            Request::CacheDump { suffix } => self.dump(suffix, line).await,
            Request::CacheFlush { what } => line.say(&reply(self.flush(what).await)).await,
            Request::Detections { limit } => line.say(&Reply::Ok(self.observers.detections(most(limit)))).await,
            Request::TopNames { limit } => line.say(&Reply::Ok(self.observers.top_names(most(limit)))).await,
            Request::TopClients { limit } => line.say(&Reply::Ok(self.observers.top_clients(most(limit)))).await,
            Request::LogLevel { level } => line.say(&Reply::Ok(self.set_level(level))).await,
            Request::Reload => line.say(&reply(self.reload().await)).await,
            Request::Explain(subject) => line.say(&reply(self.explain(&subject).await)).await,
        }
    }
}

/// An outcome as it is said.
fn reply<T>(outcome: Result<T, String>) -> Reply<T> {
    outcome.map_or_else(Reply::Error, Reply::Ok)
}

/// A name of a request, in wire format.
fn parse(text: &str) -> Result<Vec<u8>, String> {
    name::parse(text).ok_or_else(|| {
        format!("{text:?} is no domain name; write one such as \"www.example.org\", or \".\" for the root")
    })
}

impl Admin {
    /// What workers share now.
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.orders.borrow())
    }

    /// Asks all workers; what those say that answer within a second, in their order.
    async fn ask_workers<T, F>(&self, question: F) -> Vec<T>
    where
        T: Send + 'static,
        F: Fn(&Pipeline) -> T + Clone + Send + 'static,
    {
        let asked = self.errands.iter().map(|errands| {
            let question = question.clone();
            async move {
                let (told, answer) = oneshot::channel();
                // Who asked may have given up meanwhile.
                let errand: Errand = Box::new(move |pipeline| drop(told.send(question(pipeline))));
                errands.send(errand).await.ok()?;
                answer.await.ok()
            }
        });
        let all = asked.map(|one| async { timeout(PATIENCE, one).await.ok().flatten() });
        join_all(all).await.into_iter().flatten().collect()
    }

    /// Forgets kept answers and failures, in the workers' own tables, too.
    async fn flush(&self, what: Flush) -> Result<Flushed, String> {
        let (wire, is_below) = match &what {
            Flush::Name(name) => (parse(name)?, false),
            Flush::Suffix(suffix) => (parse(suffix)?, true),
            Flush::All(true) => (vec![0], true),
            Flush::All(false) => return Err("\"all\" is true, or left out".to_owned()),
        };
        let store = Arc::clone(&self.snapshot().shared.store);
        if is_below {
            // Keys that were learned when they were wrong would make the next answers bogus, too.
            self.ask_workers(Pipeline::forget_keys).await;
        }
        let work = move || {
            let matches =
                |found: &[u8]| if is_below { name::is_below(found, &wire) } else { name::equal(found, &wire) };
            let failures = store.forget_failures_if(matches);
            Flushed { entries: store.flush(&wire, is_below), failures }
        };
        let flushed = in_background(work).await.map_err(|failure| failure.message)?;
        tracing::info!(?what, entries = flushed.entries, failures = flushed.failures, "kept answers were flushed");
        Ok(flushed)
    }

    /// Changes which log lines are written.
    fn set_level(&self, level: Level) -> LogLevel {
        let before = self.log.level();
        self.log.set(match level {
            Level::Error => config::Level::Error,
            Level::Warn => config::Level::Warn,
            Level::Info => config::Level::Info,
            Level::Debug => config::Level::Debug,
        });
        LogLevel { before: before.word().to_owned(), now: self.log.level().word().to_owned() }
    }

    /// Reads the configuration again, and waits for what comes of it.
    async fn reload(&self) -> Result<Reload, String> {
        let gone = || "the process is ending".to_owned();
        let (asking, outcome) = oneshot::channel();
        self.reloads.send(asking).await.map_err(|_| gone())?;
        match outcome.await.map_err(|_| gone())? {
            Ok((changes, hash)) => Ok(Reload {
                changed: changes.forgotten.is_some(),
                config_sha256: hash,
                forgotten: changes.forgotten.unwrap_or(0),
                at_next_start: changes.kept.iter().map(|option| (*option).to_owned()).collect(),
                warnings: changes.warnings,
            }),
            Err(failure) => Err(format!("not taken, the configuration before stays:\n{}", failure.message)),
        }
    }
}
