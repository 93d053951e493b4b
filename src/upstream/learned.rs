//! What a worker has found out about one server by using it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::metrics::{Gauge, UpstreamEvent, WorkerMetrics};

/// The idle time is never taken to be less, lest a server that closed by chance makes every query open a connection.
const SHORTEST_IDLE: Duration = Duration::from_millis(200);

/// Bounds of the time after which silence of a connection that has been quiet is odd; in between, it follows the usual time of an answer.
const SUSPICION: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Knowledge of one server, shared by its connections in one worker.
pub(super) struct Learned {
    /// How long it lets a connection be unused, by its own word (RFC 7828) or by what it did.
    idle: Cell<Option<Duration>>,
    /// Smoothed time of an answer, each new one counting an eighth (as RFC 6298 section 2 does).
    answer_time: Cell<Duration>,
    /// Connections open to all servers of this worker.
    all_connections: std::rc::Rc<Cell<u64>>,
    /// Where it is counted.
    metrics: Arc<WorkerMetrics>,
    /// Position of the server in [`crate::metrics::Layout::upstreams`].
    index: usize,
}

impl Learned {
    /// Nothing yet.
    pub(super) fn new(metrics: Arc<WorkerMetrics>, index: usize, all_connections: std::rc::Rc<Cell<u64>>) -> Self {
        let (idle, answer_time) = (Cell::default(), Cell::default());
        Self { idle, answer_time, all_connections, metrics, index }
    }

    /// How long a connection may be unused, if the server gave a hint.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.idle.get()
    }

    /// What is known of that is learned anew.
    pub(super) fn forget_idle(&self) {
        self.idle.set(None);
    }

    /// The server closed a connection that had been unused so long: next time we close first.
    pub(super) fn closed_after(&self, unused: Duration) {
        let earlier = unused.mul_f32(0.9).max(SHORTEST_IDLE);
        self.idle.set(Some(self.idle.get().map_or(earlier, |known| known.min(earlier))));
    }

    /// The server said how long connections may be unused, in units of 100 ms (RFC 7828 section 3.1).
    pub(super) fn told(&self, keepalive: u16) {
        let said = Duration::from_millis(u64::from(keepalive) * 100).mul_f32(0.9).max(SHORTEST_IDLE);
        self.idle.set(Some(self.idle.get().map_or(said, |known| known.min(said))));
    }

    /// An answer took so long.
    pub(super) fn answered(&self, took: Duration) {
        let known = self.answer_time.get();
        self.answer_time.set(if known.is_zero() { took } else { (known * 7 + took) / 8 });
    }

    /// After what time without an answer a connection that has been quiet is suspected to be dead.
    pub(super) fn suspicion(&self) -> Duration {
        (self.answer_time.get() * 4).clamp(SUSPICION[0], SUSPICION[1])
    }

    /// Counts an event.
    pub(super) fn count(&self, event: UpstreamEvent) {
        self.metrics.upstream(self.index, event);
    }

    /// Counts an exchange.
    pub(super) fn exchanged(&self, rcode: u16, took: Duration) {
        self.metrics.exchanged(self.index, rcode, took);
    }

    /// A connection was opened.
    pub(super) fn connection_opened(&self) {
        self.all_connections.set(self.all_connections.get() + 1);
        self.metrics.set(Gauge::UpstreamConnections, self.all_connections.get());
    }

    /// The server can be reached: a connection to it was opened.
    pub(super) fn reached(&self) {}

    /// A connection has ended on which so many queries were sent.
    pub(super) fn connection_closed(&self, queries: u64) {
        self.metrics.connection_ended(self.index, queries);
        self.all_connections.set(self.all_connections.get().saturating_sub(1));
        self.metrics.set(Gauge::UpstreamConnections, self.all_connections.get());
    }
}
