//! One worker of a daemon without its sockets, asked as its listeners ask it.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::LocalSet;

use crate::cache::Store;
use crate::config::{Config, Environment, RebindingMode};
use crate::filter::Addresses;
use crate::listener::{Handler as _, Incoming, Outcome, ReplyTo};
use crate::metrics::{Gauge, Layout, Metrics, Protocol, WorkerMetrics};
use crate::pipeline::{Numbers, Pipeline, Shared};
use crate::policy::local::Local;
use crate::policy::rules::RuleSet;
use crate::sys::{clock, random};

/// Room for a datagram and its answer in bytes.
const ROOM: usize = 4096;

/// A node.
pub(super) struct Node {
    /// The way of its queries.
    pipeline: Rc<Pipeline>,
    /// What it counts.
    metrics: Arc<WorkerMetrics>,
}

impl Node {
    /// A node with an empty cache, and apart from that like all others of `shared`.
    pub(super) fn new(shared: &Shared) -> Self {
        let cache = &shared.config.cache;
        let store = Arc::new(Store::new(cache.size, cache.negative_size));
        let shared = Shared { store, loops: Arc::default(), ..shared.clone() };
        let metrics = Metrics::new(&Layout::default(), 1).worker(0);
        Self { pipeline: Pipeline::new(&shared, Arc::clone(&metrics)), metrics }
    }

    /// Asks it by a datagram; `take` gets the answer, and whether it came at once. A query that gets none never comes back.
    pub(super) fn ask(&self, client: IpAddr, query: &[u8], take: impl FnOnce(&[u8], bool) + 'static) {
        let mut room = vec![0; ROOM];
        room[..query.len()].copy_from_slice(query);
        let incoming = Incoming {
            server: 0,
            protocol: Protocol::Udp,
            client,
            port: 40_000,
            room: &mut room,
            length: query.len(),
            cut: false,
            now: clock::coarse(),
        };
        let take = Rc::new(std::cell::Cell::new(Some(take)));
        let later = || {
            let take = Rc::clone(&take);
            ReplyTo::Test(Box::new(move |answer: &[u8]| take.take().expect("a client is answered once")(answer, false)))
        };
        if let Outcome::Answer(length) = self.pipeline.handle(incoming, &later) {
            take.take().expect("a client is answered once")(&room[..length], true);
        }
    }

    /// Questions that are being found out, and clients that wait.
    pub(super) fn load(&self) -> [u64; 2] {
        [self.metrics.gauged(Gauge::InFlight), self.metrics.gauged(Gauge::Waiting)]
    }

    /// Whether nobody waits for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.pipeline.is_idle()
    }
}

/// What nodes of a configuration have in common, which must have one worker and no TLS.
pub(super) fn configure(text: &str) -> Shared {
    let mut config = Config::parse(text, "simulation.toml", &Environment::neutral()).unwrap().config;
    // Truths are made of any numbers.
    config.zones.iter_mut().for_each(|zone| zone.rebinding.mode = RebindingMode::Off);
    Shared {
        store: Arc::new(Store::new(config.cache.size, config.cache.negative_size)),
        local: Arc::new(Local::new(&config).unwrap()),
        rules: Arc::new(RuleSet::new(&config).unwrap()),
        anchors: Arc::default(),
        rates: None,
        tls: config.upstreams.iter().map(|_| None).collect(),
        addresses: Arc::new(Addresses::new(&config.rebinding, &[])),
        policy: 1,
        loops: Arc::default(),
        numbers: Arc::new(Numbers::of(&config)),
        config: Arc::new(config),
    }
}

/// A query for a name and type in class IN, with RD and EDNS.
pub(super) fn query(id: u16, name: &[u8], qtype: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    message.extend_from_slice(name);
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&[0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    message
}

/// Runs something from a fixed time on, by a seed, as fast as it goes: the clock moves only when everybody waits.
pub(super) fn run<T>(seed: u64, what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        clock::begin();
        random::sow(seed);
        what.await
    })
}
