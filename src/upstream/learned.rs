//! What a worker has found out about one server by using it, and about a group by using its servers.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use crate::log::{LogLimiter, Topic};
use crate::metrics::{Gauge, UpstreamEvent, WorkerMetrics};
use crate::sys::clock::{self, Moment};
use crate::sys::random;

use super::error::{Fault, UpstreamError};
use super::health::{Change, Evidence, Health, JITTER};
use super::pace::Pace;
use super::report::ServerReport;
use super::select::Standing;

/// The idle time is never taken to be less, lest a server that closed by chance makes every query open a connection.
const SHORTEST_IDLE: Duration = Duration::from_millis(200);

/// Two idle times are the same if they differ by no more than the longer one divided by this. A guess.
const HABIT: u32 = 5;

/// Bounds of the time after which silence of a connection that has been quiet is odd; in between, it follows the usual time of an answer.
const SUSPICION: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Knowledge of one server, shared by its connections in one worker.
pub(super) struct Learned {
    /// How long it lets a connection be unused, by its own word (RFC 7828) or by what it did.
    idle: Cell<Option<Duration>>,
    /// When the server closed an unused connection last, and for how long that had been unused.
    closed: Cell<Option<(Moment, Duration)>>,
    /// Whether a connection was given up because it was silent, since an answer came in time.
    doubted: Cell<bool>,
    /// Whether an answer came on such a connection after all, and none in time since.
    in_vain: Cell<bool>,
    /// Smoothed time of an answer, each new one counting an eighth (as RFC 6298 section 2 does); unlike that of [`Pace`] it does not fade.
    answer_time: Cell<Duration>,
    /// How well it answers.
    pace: Pace,
    /// Whether it answers.
    health: Health,
    /// What its group has in common.
    roster: Rc<Roster>,
    /// What logs call it.
    name: String,
    /// Why no connection could be opened, as far as it was logged.
    told_error: Cell<Option<UpstreamError>>,
    /// Whether queries go over streams first, so that a stream which cannot be opened is as good as no server.
    needs_stream: bool,
    /// Connections open to all servers of this worker.
    all_connections: Rc<Cell<u64>>,
    /// Where it is counted.
    metrics: Arc<WorkerMetrics>,
    /// Position of the server in [`crate::metrics::Layout::upstreams`].
    index: usize,
}

/// What the servers of a group know together.
pub(super) struct Roster {
    /// What logs call the group.
    name: String,
    /// Servers that are up.
    up: Cell<usize>,
    /// Times one came up when none was.
    recoveries: Cell<u64>,
    /// Bounds what is logged.
    limiter: LogLimiter,
}

impl Roster {
    /// A group of so many servers, all of them up until they show otherwise.
    pub(super) fn new(name: &str, servers: usize, metrics: &Arc<WorkerMetrics>) -> Self {
        let limiter = LogLimiter::new(Arc::clone(metrics));
        Self { name: name.to_owned(), up: Cell::new(servers), recoveries: Cell::default(), limiter }
    }

    /// Servers that are up.
    pub(super) fn up(&self) -> usize {
        self.up.get()
    }

    /// Times one came up when none was.
    pub(super) fn recoveries(&self) -> u64 {
        self.recoveries.get()
    }
}

impl Learned {
    /// Nothing yet, of a server that is alone.
    pub(super) fn new(metrics: Arc<WorkerMetrics>, index: usize, all_connections: Rc<Cell<u64>>) -> Self {
        Self {
            idle: Cell::default(),
            closed: Cell::default(),
            doubted: Cell::default(),
            in_vain: Cell::default(),
            answer_time: Cell::default(),
            pace: Pace::default(),
            health: Health::default(),
            roster: Rc::new(Roster::new("", 1, &metrics)),
            name: String::new(),
            told_error: Cell::default(),
            needs_stream: true,
            all_connections,
            metrics,
            index,
        }
    }

    /// The same of a server that belongs to a group.
    pub(super) fn in_group(mut self, roster: &Rc<Roster>, name: String, needs_stream: bool) -> Self {
        self.roster = Rc::clone(roster);
        (self.name, self.needs_stream) = (name, needs_stream);
        self
    }

    /// Goes on with what was found out about the same server: whether it is up, and how it is best used.
    pub(super) fn go_on_with(&self, before: &Self) {
        self.idle.set(before.idle.get());
        self.closed.set(before.closed.get());
        self.answer_time.set(before.answer_time.get());
        self.told_error.set(before.told_error.get());
        self.pace.go_on_with(&before.pace);
        self.health.go_on_with(&before.health);
        if !self.is_up() {
            self.roster.up.set(self.roster.up.get().saturating_sub(1));
            self.metrics.upstream_down(self.index, true);
        }
    }

    //------ Whether and how well it answers -------------------------------------------------------------------------

    /// Whether it is asked like any other.
    pub(super) fn is_up(&self) -> bool {
        self.health.is_up()
    }

    /// Whether a question that fails here has anywhere better to go.
    pub(super) fn others_are_up(&self) -> bool {
        self.roster.up() > usize::from(self.is_up())
    }

    /// By what it is compared with others.
    pub(super) fn standing(&self, now: Moment) -> Standing {
        if self.is_up() { Standing::Up(self.pace.cost(now)) } else { Standing::Down(self.health.badness()) }
    }

    /// How well it answers.
    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// What an operator is told of it, with so many open connections.
    pub(super) fn report(&self, connections: usize, now: Moment) -> ServerReport {
        ServerReport {
            index: self.index,
            is_up: self.is_up(),
            retry_in: self.health.due().map(|(due, _)| due.since(now)),
            cost: if let Standing::Up(cost) = self.standing(now) { cost } else { u64::MAX },
            answer_time: Some(self.answer_time.get()).filter(|time| !time.is_zero()),
            percentile_95: self.pace.percentile_95(),
            in_flight: self.pace.in_flight(),
            connections,
        }
    }

    /// Whether it is down and it is time to try it; saying so begins the next back-off.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        !self.is_up() && self.health.is_due(now, jitter())
    }

    /// When it is time to open a connection in order to see whether that goes again; `None` if it is up, or silent in spite of connections.
    pub(super) fn opens_at(&self) -> Option<Moment> {
        self.health.due().filter(|(_, unreachable)| *unreachable && self.needs_stream).map(|(ends, _)| ends)
    }

    /// It answered a question about a name of `domain` after so long, some of which was spent on `opening` a connection, and whether that helped.
    pub(super) fn answered(&self, took: Duration, opening: Duration, helped: bool, domain: u64) {
        let (known, answer) = (self.answer_time.get(), took.saturating_sub(opening));
        self.answer_time.set(if known.is_zero() { answer } else { (known * 7 + answer) / 8 });
        if took < SUSPICION[1] {
            self.doubted.set(false);
            self.in_vain.set(false);
        }
        self.pace.took(took, clock::now());
        self.pace.came_after(answer);
        self.pace.helped(helped, domain);
        self.heard();
    }

    /// It answered, never mind what and when.
    pub(super) fn heard(&self) {
        self.pace.heard(clock::now());
        self.note(self.health.answered(clock::now()), UpstreamError::Timeout);
    }

    /// A try of it failed, or is not answered yet, after `took`.
    pub(super) fn failed(&self, took: Duration, error: UpstreamError, domain: u64, outdone: bool) {
        if error.fault() == Fault::Us {
            return;
        }
        let now = clock::now();
        let evidence = if error.is_unreachable() {
            Evidence::Unreachable
        } else {
            self.pace.took(took, now);
            Evidence::Silent { domain, outdone }
        };
        self.note(self.health.failed(now, evidence, jitter()), error);
    }

    /// Another server has answered what it was silent about.
    pub(super) fn outdone(&self) {
        self.note(self.health.outdone(clock::now(), jitter()), UpstreamError::Timeout);
    }

    /// A connection to it was opened.
    pub(super) fn reached(&self) {
        self.told_error.set(None);
        if self.needs_stream {
            self.note(self.health.reached(clock::now()), UpstreamError::Timeout);
        }
    }

    /// An attempt to open a connection to it failed.
    pub(super) fn unreachable(&self, error: UpstreamError) {
        // Each cause once: what fails again and again for one reason is counted.
        if self.told_error.replace(Some(error)) != Some(error) && self.admits() {
            tracing::warn!(upstream = self.roster.name, server = self.name, %error, "no connection to a server");
        }
        let evidence = if error.is_unreachable() { Evidence::Unreachable } else { Evidence::Unopened };
        if self.needs_stream && error.fault() == Fault::Upstream {
            self.note(self.health.failed(clock::now(), evidence, jitter()), error);
        }
    }

    /// What comes from it by UDP is not trusted.
    pub(super) fn doubtful(&self) {
        if self.admits() {
            let (upstream, server) = (&self.roster.name, &self.name);
            tracing::warn!(upstream, server, "what comes by UDP is not trusted; asking over TCP");
        }
    }

    /// Whether a line may be logged.
    fn admits(&self) -> bool {
        self.roster.limiter.admits(Topic::Upstream, clock::coarse())
    }

    /// Tells what became of the server to all who want to know.
    fn note(&self, change: Option<Change>, error: UpstreamError) {
        let Some(change) = change else { return };
        let roster = &self.roster;
        let (upstream, server) = (&roster.name, &self.name);
        match change {
            Change::Down => {
                roster.up.set(roster.up.get().saturating_sub(1));
                self.count(UpstreamEvent::Ejected);
                if self.admits() {
                    tracing::warn!(upstream, server, error = %error, left = roster.up.get(), "a server is down");
                }
                self.metrics.upstream_down(self.index, true);
            }
            Change::StaysDown => self.count(UpstreamEvent::ProbeFailed),
            Change::Up(after) => {
                roster.recoveries.set(roster.recoveries.get() + u64::from(roster.up.get() == 0));
                roster.up.set(roster.up.get() + 1);
                if self.admits() {
                    tracing::info!(upstream, server, after_seconds = after.as_secs(), "a server is up again");
                }
                self.metrics.upstream_down(self.index, false);
            }
        }
    }

    //------ How its connections are used ----------------------------------------------------------------------------

    /// How long a connection may be unused, if the server gave a hint.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.idle.get()
    }

    /// Takes nothing of that for granted any more: the server may have been replaced.
    pub(super) fn forget_idle(&self) {
        self.idle.set(None);
    }

    /// The server closed a connection that had been unused so long. If it does so twice, one after the other and after about the same time, it
    /// has a habit, and next time we close first. Once is nothing: a restart closes all connections after whatever time each was unused, and
    /// a node that took that for a habit would open connections all the time from then on.
    pub(super) fn closed_after(&self, unused: Duration) {
        let now = clock::now();
        let Some((before, then)) = self.closed.replace(Some((now, unused))) else { return };
        let habit = now.since(before) >= unused && then.abs_diff(unused) <= then.max(unused) / HABIT;
        if habit {
            self.forgets_after(then.min(unused));
        }
    }

    /// The server does not know a connection any more that has been unused so long: next time we close first.
    pub(super) fn forgets_after(&self, unused: Duration) {
        let earlier = unused.mul_f32(0.9).max(SHORTEST_IDLE);
        self.idle.set(Some(self.idle.get().map_or(earlier, |known| known.min(earlier))));
    }

    /// The server said how long connections may be unused, in units of 100 ms (RFC 7828 section 3.1).
    pub(super) fn told(&self, keepalive: u16) {
        let said = Duration::from_millis(u64::from(keepalive) * 100).mul_f32(0.9).max(SHORTEST_IDLE);
        self.idle.set(Some(self.idle.get().map_or(said, |known| known.min(said))));
    }

    /// Whether a connection may be given up because it is silent, and its queries sent again. Not again after one was in vain, until an answer
    /// has come in time: fresh connections do not make a slow server faster, and one that is slow for want of power pays for their handshakes.
    pub(super) fn may_doubt(&self) -> bool {
        !self.doubted.get()
    }

    /// Whether a connection was given up, and nothing tells yet if that was right: the server is slow, or a firewall has swallowed the fresh
    /// connection as well. Where that costs no handshake, others are tried. Handshakes that are swallowed are
    /// [`opening`](super::opening)'s business.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubted.get() && !self.in_vain.get()
    }

    /// An answer came on a connection that had been given up.
    pub(super) fn doubted_in_vain(&self) {
        self.in_vain.set(true);
    }

    /// A connection was given up because it was silent. Whether the server knows it no more, or is slow, a fresh one will tell.
    pub(super) fn doubted(&self) {
        self.doubted.set(true);
    }

    /// The fresh connection was answered while the other was silent.
    pub(super) fn doubted_rightly(&self) {
        self.doubted.set(false);
        self.in_vain.set(false);
    }

    /// After what time without an answer a connection that has been quiet is suspected to be dead.
    pub(super) fn suspicion(&self) -> Duration {
        (self.answer_time.get() * 4).clamp(SUSPICION[0], SUSPICION[1])
    }

    /// A connection was opened.
    pub(super) fn connection_opened(&self) {
        self.all_connections.set(self.all_connections.get() + 1);
        self.metrics.set(Gauge::UpstreamConnections, self.all_connections.get());
    }

    /// A connection has ended on which so many queries were sent.
    pub(super) fn connection_closed(&self, queries: u64) {
        self.metrics.connection_ended(self.index, queries);
        self.all_connections.set(self.all_connections.get().saturating_sub(1));
        self.metrics.set(Gauge::UpstreamConnections, self.all_connections.get());
    }

    //------ What is counted -----------------------------------------------------------------------------------------

    /// Counts an event.
    pub(super) fn count(&self, event: UpstreamEvent) {
        self.metrics.upstream(self.index, event);
    }

    /// Counts an exchange.
    pub(super) fn exchanged(&self, rcode: u16, took: Duration) {
        self.metrics.exchanged(self.index, rcode, took);
    }
}

impl Drop for Learned {
    /// A group that a reload replaced says no longer that a server is down.
    fn drop(&mut self) {
        if !self.is_up() {
            self.metrics.upstream_down(self.index, false);
        }
    }
}

/// A factor for a back-off.
fn jitter() -> f32 {
    random::rng().random_range(JITTER)
}
