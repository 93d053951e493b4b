//! The order of the steps, and nothing else.
//!
//! ```text
//! handle: parse ─► policy ─► cache ─┬─ hit ─► reply                       (hit: no await, no allocation, no shared lock)
//!                                   └─ miss ─► known to fail? ─► join or begin a flight
//! flight: local zones ─► or: route ─► upstream ─► filter ─► TTL bounds ─► cache ─► reply to all who wait; or what has expired
//! ```
//!
//! One [`Pipeline`] a worker; a query never leaves it. What workers share is the store, the local zones and the TLS configuration, none of
//! which a hit writes to.
//!
//! - `plan` what the configuration says of queries.
//! - `guard` who may ask, how much, and for what.
//! - `hit` what can be answered at once.
//! - `intercept` what memory must not be asked for.
//! - `blocked` names that nobody gets.
//! - `miss` what has to be found out: who waits, for how long, and what they get when it fails.
//! - `ask` finding it out.
//! - `rules` answers that operators have a hand in.
//! - `translate` addresses for networks without IPv4.
//! - `validate` answers that are judged by their signatures first.
//! - `rebinding` what becomes of answers that lead from public names to addresses inside.
//! - `absent` what is answered for types that a zone leaves out.
//! - `observe` what query log, detection and metrics are told of an answer.
//! - `share` how much one client may hold.
//! - `pace` how fast expired answers are asked for again.
//! - `prefetch` popular answers that are asked for before they expire.
//! - `loops` zones whose servers ask us.
//! - `explain` what would happen to a query, for whoever asks why; `explain_rules` where rules have their say.

mod absent;
mod ask;
mod blocked;
mod explain;
mod explain_rules;
mod guard;
mod hit;
mod intercept;
mod loops;
mod miss;
mod observe;
mod pace;
mod plan;
mod prefetch;
mod rebinding;
mod rules;
mod share;
mod translate;
mod validate;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::rc::Rc;
use std::sync::Arc;

use crate::cache::store::Passed;
use crate::cache::{Front, Store};
use crate::config::Config;
use crate::detect::Tap;
use crate::dnssec::Anchors;
use crate::filter::Addresses;
use crate::log::LogLimiter;
use crate::metrics::{Gauge, WorkerMetrics};
use crate::policy::local::Local;
use crate::policy::rate::Rates;
use crate::policy::rules::RuleSet;
use crate::querylog::Recorder;
use crate::sys::clock;
use crate::upstream::TlsGroup;
use crate::wire::answer::Answer;

use miss::Flight;
use pace::Pace;
use plan::Plan;
use prefetch::Prefetch;
use share::Shares;

pub use explain::{Asking, Explained, Standing, VariantKept};
pub use loops::Loops;

/// What all workers share.
#[derive(Clone)]
pub struct Shared {
    /// The configuration.
    pub config: Arc<Config>,
    /// The node's answers.
    pub store: Arc<Store>,
    /// The node's own names.
    pub local: Arc<Local>,
    /// What operators write down of questions and answers.
    pub rules: Arc<RuleSet>,
    /// Whom to trust.
    pub anchors: Arc<Anchors>,
    /// How fast clients may ask; `None` is as fast as they like.
    pub rates: Option<Arc<Rates>>,
    /// How to encrypt, a group each; `None` for groups without TLS servers.
    pub tls: Arc<[Option<TlsGroup>]>,
    /// The addresses that no public name may have.
    pub addresses: Arc<Addresses>,
    /// Generation of what is said of them: raised by every reload, and when addresses of the machine change.
    pub policy: u32,
    /// Zones whose servers ask us.
    pub loops: Arc<Loops>,
    /// What zones and servers are numbered by.
    pub numbers: Arc<Numbers>,
}

/// The numbers of a configuration's zones and servers, in counters and kept answers. A zone keeps its number over reloads for as long as
/// nothing about it changes, and a server for as long as it is there; numbers of what is gone are not used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Of each zone: its position in [`crate::metrics::Layout::zones`].
    pub zones: Vec<u16>,
    /// Of each group's first server: its position in [`crate::metrics::Layout::upstreams`]; the others follow.
    pub servers: Vec<usize>,
}

impl Numbers {
    /// The numbers of the first configuration: zones and servers as they stand in it.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut next = 0;
        let first = |upstream: &crate::config::Upstream| {
            let first = next;
            next += upstream.servers.len();
            first
        };
        Self { zones: (0..).take(config.zones.len()).collect(), servers: config.upstreams.iter().map(first).collect() }
    }
}

/// One worker's way for queries.
pub struct Pipeline {
    /// What the configuration says; a reload puts another in its place.
    plan: RefCell<Rc<Plan>>,
    /// This worker's answers.
    front: RefCell<Front>,
    /// The node's answers.
    store: Arc<Store>,
    /// Questions that are being found out, by the hash of their key.
    flights: RefCell<HashMap<u64, Rc<Flight>, BuildHasherDefault<Passed>>>,
    /// How many are, those whose hash met another's included.
    flying: Cell<usize>,
    /// Clients that wait for them.
    waiting: Cell<usize>,
    /// Of these, whose they are.
    waiters: Shares,
    /// Of the questions, whose they are.
    flyers: Shares,
    /// Popular answers that will be asked for before they expire.
    prefetch: Prefetch,
    /// How fast expired answers are asked for again.
    pace: Pace,
    /// Zones whose servers ask us.
    loops: Arc<Loops>,
    /// Of those, how many this worker looks after.
    looping: Cell<u64>,
    /// Open connections to all servers.
    connections: Rc<Cell<u64>>,
    /// Room to read an upstream's answer in.
    scratch: RefCell<Answer>,
    /// Tells detection.
    tap: RefCell<Option<Tap>>,
    /// Answers until the next of which it is told.
    untold: Cell<u32>,
    /// Writes the query log.
    recorder: RefCell<Option<Recorder>>,
    /// Whether any zone has one.
    records: Cell<bool>,
    /// Whether it has queries, too, not their answers alone.
    records_queries: Cell<bool>,
    /// What is counted.
    metrics: Arc<WorkerMetrics>,
    /// What may be logged of what strangers cause.
    limiter: LogLimiter,
}

impl Pipeline {
    /// A pipeline that has seen nothing. Must be made in the worker's own thread.
    #[must_use]
    pub fn new(shared: &Shared, metrics: Arc<WorkerMetrics>) -> Rc<Self> {
        let connections = Rc::default();
        Rc::new(Self {
            plan: RefCell::new(Rc::new(Plan::new(shared, &metrics, &connections, None))),
            front: RefCell::default(),
            store: Arc::clone(&shared.store),
            flights: RefCell::default(),
            flying: Cell::new(0),
            waiting: Cell::new(0),
            waiters: Shares::default(),
            flyers: Shares::default(),
            prefetch: Prefetch::default(),
            pace: Pace::new(clock::now()),
            loops: Arc::clone(&shared.loops),
            looping: Cell::new(0),
            connections,
            scratch: RefCell::default(),
            tap: RefCell::default(),
            untold: Cell::new(0),
            recorder: RefCell::default(),
            records: Cell::new(false),
            records_queries: Cell::new(false),
            limiter: LogLimiter::new(Arc::clone(&metrics)),
            metrics,
        })
    }

    /// Goes by another configuration from now on. Queries that are under way end by the one they began with; servers of groups that stay
    /// as they were keep their connections. The store is the same: whoever reloads takes out of it what no longer holds.
    pub fn adopt(&self, shared: &Shared) {
        let next = Plan::new(shared, &self.metrics, &self.connections, Some(&self.plan.borrow()));
        // Whoever asks now does not wait for servers that are not asked any more.
        self.flights.borrow_mut().retain(|_, flight| flight.holds(&next));
        *self.plan.borrow_mut() = Rc::new(next);
        // It also holds denials of the node's own, which are in no store and may hold no longer.
        self.front.replace(Front::default());
        self.follow_records();
    }

    /// Forgets what was learned for validation: keys, delegations, and zones that rest. It is asked for again.
    pub fn forget_keys(&self) {
        let before = Rc::clone(&self.plan.borrow());
        *self.plan.borrow_mut() = Rc::new(before.without_keys(&self.metrics, &self.connections));
    }

    /// Whether no client waits for anything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.get() == 0 && self.flying.get() == 0
    }

    /// Publishes how many wait.
    fn publish(&self) {
        self.metrics.set(Gauge::InFlight, u64::try_from(self.flying.get()).unwrap_or(u64::MAX));
        self.metrics.set(Gauge::Waiting, u64::try_from(self.waiting.get()).unwrap_or(u64::MAX));
    }
}
