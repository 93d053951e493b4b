//! The order of the steps, and nothing else.
//!
//! ```text
//! handle: parse ─► policy ─► cache ─┬─ hit ─► reply                       (hit: no await, no allocation, no shared lock)
//!                                   └─ miss ─► join or begin an exchange  (miss: one local task a question)
//!                                        local zones ─► or: route ─► upstream ─► TTL bounds ─► cache ─► reply to all who wait
//! ```
//!
//! One [`Pipeline`] a worker; a query never leaves it. What workers share is the store, the local zones and the TLS configuration, none of
//! which a hit writes to.
//!
//! - `hit` what can be answered at once.
//! - `miss` what has to be found out.

mod hit;
mod miss;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::cache::store::Passed;
use crate::cache::ttl::Bounds;
use crate::cache::{Front, Store};
use crate::config::{Config, Dnssec};
use crate::log::LogLimiter;
use crate::metrics::{Gauge, WorkerMetrics};
use crate::policy::local::Local;
use crate::route::Zones;
use crate::upstream::{Group, TlsGroup};
use crate::wire::answer::Answer;

use miss::Flight;

/// What all workers share.
#[derive(Clone)]
pub struct Shared {
    /// The configuration.
    pub config: Arc<Config>,
    /// The node's answers.
    pub store: Arc<Store>,
    /// The node's own names.
    pub local: Arc<Local>,
    /// How to encrypt, a group each; `None` for groups without TLS servers.
    pub tls: Arc<[Option<TlsGroup>]>,
}

/// One worker's way for queries.
pub struct Pipeline {
    /// Who may ask; empty is everybody.
    allow: Vec<IpNet>,
    /// Largest UDP answer.
    udp_size: u16,
    /// What TCP clients are told by edns-tcp-keepalive, in units of 100 ms.
    keepalive: u16,
    /// Whether sets of addresses change their order.
    rotate: bool,
    /// Exchanges and clients that may wait.
    limits: [usize; 2],
    /// This worker's answers.
    front: RefCell<Front>,
    /// The node's answers.
    store: Arc<Store>,
    /// The node's own names.
    local: Arc<Local>,
    /// Which zone a name belongs to.
    zones: Zones,
    /// What the zones say, by position.
    rules: Vec<Rules>,
    /// The servers, by position in the configuration.
    groups: Vec<Group>,
    /// Questions that are being found out, by the hash of their key.
    flights: RefCell<HashMap<u64, Rc<Flight>, BuildHasherDefault<Passed>>>,
    /// How many are, those whose hash met another's included.
    flying: Cell<usize>,
    /// Clients that wait for them.
    waiting: Cell<usize>,
    /// Room to read an upstream's answer in.
    scratch: RefCell<Answer>,
    /// What is counted.
    metrics: Arc<WorkerMetrics>,
    /// What may be logged of what strangers cause.
    limiter: LogLimiter,
}

/// What a zone says.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Position of its servers.
    group: usize,
    /// Whether DNSSEC is asked for.
    dnssec: Dnssec,
    /// How long its answers are kept.
    bounds: Bounds,
    /// Whether the NXDOMAIN of a name answers for the names below it.
    nxdomain_cut: bool,
}

impl Pipeline {
    /// A pipeline that has seen nothing. Must be made in the worker's own thread.
    #[must_use]
    pub fn new(shared: &Shared, metrics: Arc<WorkerMetrics>) -> Rc<Self> {
        let config = &shared.config;
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        let rules = |zone: &crate::config::Zone| Rules {
            group: zone.upstream,
            dnssec: zone.dnssec,
            bounds: Bounds {
                max: seconds(zone.max_ttl),
                min: seconds(zone.min_ttl),
                max_negative: seconds(zone.max_negative_ttl),
            },
            nxdomain_cut: zone.nxdomain_cut,
        };
        let connections = Rc::new(Cell::new(0));
        let mut first = 0;
        let mut groups = Vec::new();
        for (upstream, tls) in config.upstreams.iter().zip(shared.tls.iter()) {
            groups.push(Group::new(upstream, tls.as_ref(), &metrics, first, &connections));
            first += upstream.servers.len();
        }
        // The bounds are for the node; each worker takes its part.
        let share = |limit: usize| limit.div_ceil(config.listen.workers).max(1);
        Rc::new(Self {
            allow: config.listen.allow.clone(),
            udp_size: config.listen.udp_size,
            keepalive: u16::try_from(config.listen.tcp_idle_timeout.as_millis() / 100).unwrap_or(u16::MAX),
            rotate: config.cache.rotate,
            limits: [share(config.limits.in_flight), share(config.limits.waiting)],
            front: RefCell::default(),
            store: Arc::clone(&shared.store),
            local: Arc::clone(&shared.local),
            zones: Zones::new(&config.zones),
            rules: config.zones.iter().map(rules).collect(),
            groups,
            flights: RefCell::default(),
            flying: Cell::new(0),
            waiting: Cell::new(0),
            scratch: RefCell::default(),
            limiter: LogLimiter::new(Arc::clone(&metrics)),
            metrics,
        })
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
