//! The scrape: reads all workers, adds up, derives what was not counted, and writes the text exposition.
//!
//! It runs on the main thread, a few hundred microseconds every time Prometheus asks, and takes no lock that a worker waits for.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};

use super::counter::{Counts, Durations, SOME_COUNTS, SOME_DURATIONS};
use super::event::{Event, Gauge, UpstreamEvent};
use super::family::{self, Family, Feature};
use super::habits::Habits;
use super::label::{AddressClass, exchange_rcode};
use super::queries::{self, CACHE_TYPES, NO_VIEW, Queries};
use super::samples::{Histograms, Scalars};
use super::worker::{self, WorkerMetrics};
use super::{HostsRead, Layout, Protocol, process};
use crate::config::{Config, Dnssec, Server, Upstream};

/// What a build calls itself besides its version, a commit as a rule; set when the package is built.
const REVISION: &str = match option_env!("NODENS_REVISION") {
    Some(revision) => revision,
    None => "",
};

/// The plugin whose metrics name upstream servers.
const PROXY_NAME: &str = "forward";

/// What a cache says of itself; each pair is positive answers, then negative ones.
pub trait CacheFigures: Send + Sync {
    /// Answers kept.
    fn entries(&self) -> [u64; 2];
    /// Bytes they take.
    fn bytes(&self) -> [u64; 2];
    /// Bytes they may take.
    fn capacity(&self) -> [u64; 2];
    /// Answers dropped before their time to make room.
    fn evictions(&self) -> [u64; 2];
    /// Questions of which a failure is noted.
    fn failures(&self) -> u64;
}

/// The counters of all workers, and how to read them.
pub struct Metrics {
    /// What is read; the registry holds it, too.
    shared: Arc<Shared>,
    /// Sorts and encodes; our own, so that two nodens in one process do not meet.
    registry: Registry,
}

/// Threads that are no workers. Each has counters of its own, since a counter has one writer.
#[derive(Clone, Copy, Debug)]
pub enum Beside {
    /// The main thread.
    Main,
    /// The one that writes the query log.
    QueryLog,
    /// The one that looks for tunnels.
    Detect,
    /// The one that takes over the answers of the process before.
    Restore,
}

impl Beside {
    /// How many there are.
    const COUNT: usize = Self::Restore as usize + 1;
}

impl Metrics {
    /// Counters for `workers` workers.
    ///
    /// # Panics
    ///
    /// If two families contradict each other, which a test excludes.
    #[must_use]
    pub fn new(layout: &Layout, workers: usize) -> Self {
        let shared = Arc::new(Shared {
            layout: Mutex::new(Arc::new(layout.clone())),
            hash: Mutex::default(),
            servers: Mutex::default(),
            features: Mutex::default(),
            habits: Mutex::default(),
            hosts: Mutex::default(),
            workers: (0..workers + Beside::COUNT).map(|_| Arc::new(WorkerMetrics::new(layout))).collect(),
            cache: Mutex::new(None),
            descriptions: family::ALL.iter().map(describe).collect(),
        });
        let registry = Registry::new();
        registry.register(Box::new(Scrape(Arc::clone(&shared)))).expect("family names are distinct");
        Self { shared, registry }
    }

    /// The counters of one worker.
    ///
    /// # Panics
    ///
    /// If there are not so many workers: two threads must never share counters.
    #[must_use]
    pub fn worker(&self, index: usize) -> Arc<WorkerMetrics> {
        assert!(index + Beside::COUNT < self.shared.workers.len(), "there is no worker {index}");
        Arc::clone(&self.shared.workers[index])
    }

    /// The counters of the main thread, which serves HTTP.
    #[must_use]
    pub fn main(&self) -> Arc<WorkerMetrics> {
        self.beside(Beside::Main)
    }

    /// The counters of a thread that is no worker.
    #[must_use]
    pub fn beside(&self, thread: Beside) -> Arc<WorkerMetrics> {
        Arc::clone(&self.shared.workers[self.shared.workers.len() - Beside::COUNT + thread as usize])
    }

    /// Answers given so far at a listen address, by its position in the configuration.
    #[must_use]
    pub fn answers(&self, server: u16, protocol: Protocol) -> u64 {
        let zones = self.shared.layout().zones.len();
        let rows = (0..zones).chain([worker::NO_ZONE]).flat_map(|zone| {
            self.shared.workers.iter().filter_map(move |worker| worker.row(usize::from(server), zone, protocol))
        });
        rows.map(|row| row.requests().iter().flatten().sum::<u64>()).sum()
    }

    /// Says where the figures of the cache come from.
    pub fn set_cache(&self, cache: Arc<dyn CacheFigures>) {
        *self.shared.cache.lock().unwrap_or_else(PoisonError::into_inner) = Some(cache);
    }

    /// Names what a new configuration has added to the zones and servers there were; counts of those that it no longer has stay.
    ///
    /// # Panics
    ///
    /// In tests, if one that there was is renamed or gone: its number would count for another.
    pub fn extend(&self, layout: &Layout) {
        let mut current = self.shared.layout.lock().unwrap_or_else(PoisonError::into_inner);
        debug_assert!(layout.zones.starts_with(&current.zones) && layout.upstreams.starts_with(&current.upstreams));
        *current = Arc::new(Layout { servers: current.servers.clone(), ..layout.clone() });
    }

    /// Says which configuration is in force, by the SHA-256 of its file in hexadecimal.
    pub fn set_hash(&self, hash: &str) {
        hash.clone_into(&mut self.shared.hash.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Says what the configuration in force has turned on, how its servers are spoken to, and what they must prove.
    pub fn set_config(&self, config: &Config) {
        let mut features = Vec::new();
        let zones = config.zones.iter();
        for (feature, is_on) in [
            (Feature::Snapshot, config.cache.snapshot.is_some()),
            (Feature::Validation, zones.clone().any(|zone| zone.dnssec == Dnssec::Validate)),
            (Feature::HandOver, config.supervisor.socket.is_some()),
            (Feature::Blocking, !config.policy.block.is_empty() || config.policy.block_file.is_some()),
            (Feature::ClientRate, config.limits.client_rate > 0),
            (Feature::WrittenRules, config.has_rules()),
            (
                Feature::QueryLog,
                !config.query_log.classes.is_empty() || zones.clone().any(|zone| !zone.query_log.is_empty()),
            ),
        ] {
            if is_on {
                features.push(feature);
            }
        }
        *self.shared.features.lock().unwrap_or_else(PoisonError::into_inner) = features;
        let of = |upstream: &Upstream| {
            let server = |server: &Server| {
                let Server { transport, address, .. } = server;
                let scheme = transport.scheme();
                let to = format!("{scheme}://{address}");
                [upstream.name.clone(), to, scheme.to_owned(), upstream.proof(server).to_owned()]
            };
            upstream.servers.iter().map(server).collect::<Vec<_>>()
        };
        let servers = config.upstreams.iter().flat_map(of).collect();
        *self.shared.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
        *self.shared.habits.lock().unwrap_or_else(PoisonError::into_inner) = Habits::of(config);
    }

    /// Says what the hosts of zones are that are in force.
    pub fn set_hosts(&self, hosts: Vec<HostsRead>) {
        *self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner) = hosts;
    }

    /// The counters of all workers, the main thread's last.
    pub(super) fn workers(&self) -> &[Arc<WorkerMetrics>] {
        &self.shared.workers
    }

    /// The label values now.
    pub(super) fn layout(&self) -> Arc<Layout> {
        self.shared.layout()
    }

    /// The text exposition, version 0.0.4.
    #[must_use]
    pub fn exposition(&self) -> String {
        let mut text = String::new();
        // Encoding into memory fails only for a family without name or samples, and the registry passes no such on.
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics are incomplete");
        }
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("layout", &self.shared.layout()).finish_non_exhaustive()
    }
}

/// A family as the registry wants it described.
fn describe(family: &Family) -> Desc {
    let labels = family.labels.iter().map(|&label| label.to_owned()).collect();
    Desc::new(family.name.to_owned(), family.help.to_owned(), labels, std::collections::HashMap::new())
        .expect("names, labels and help texts are valid")
}

//------ The collector -----------------------------------------------------------------------------------------------

/// What a scrape reads.
struct Shared {
    /// The label values; a reload adds some.
    layout: Mutex<Arc<Layout>>,
    /// Which configuration is in force; empty before anybody said so.
    hash: Mutex<String>,
    /// The labels of [`family::UPSTREAM_INFO`], a server each; empty before anybody said so.
    servers: Mutex<Vec<[String; 4]>>,
    /// What that configuration has turned on.
    features: Mutex<Vec<Feature>>,
    /// What those look for who come from CoreDNS.
    habits: Mutex<Habits>,
    /// The hosts of zones.
    hosts: Mutex<Vec<HostsRead>>,
    /// One a worker, and the main thread's last.
    workers: Vec<Arc<WorkerMetrics>>,
    /// Where the figures of the cache come from, once there is one.
    cache: Mutex<Option<Arc<dyn CacheFigures>>>,
    /// All families.
    descriptions: Vec<Desc>,
}

/// The registry's handle on [`Shared`].
struct Scrape(Arc<Shared>);

impl Collector for Scrape {
    fn desc(&self) -> Vec<&Desc> {
        self.0.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Vec::with_capacity(family::ALL.len());
        self.0.constants(&mut families);
        self.0.queries(&mut families);
        self.0.events(&mut families);
        self.0.rebinding(&mut families);
        self.0.cache(&mut families);
        self.0.upstreams(&mut families);
        let layout = self.0.layout();
        let habits = self.0.habits.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        habits.collect(&layout, &self.0.workers, &hosts, &mut families);
        families.extend(process::families());
        families
    }
}

impl Shared {
    /// The label values now.
    fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What changes with a reload or never.
    fn constants(&self, families: &mut Vec<MetricFamily>) {
        let version = env!("CARGO_PKG_VERSION");
        let hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !hash.is_empty() {
            let mut samples = Scalars::new(&family::RELOAD_VERSION);
            samples.add(&["sha256", &hash], 1.0);
            families.push(samples.finish());
        }
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !servers.is_empty() {
            let mut samples = Scalars::new(&family::UPSTREAM_INFO);
            for labels in &servers {
                samples.add(&labels.each_ref().map(String::as_str), 1.0);
            }
            families.push(samples.finish());
        }
        let workers = self.workers.len().saturating_sub(Beside::COUNT);
        for (family, labels, value) in [
            (&family::BUILD_INFO, &[version, REVISION, ""] as &[&str], 1.0),
            (&family::NODENS_BUILD_INFO, &[version, REVISION], 1.0),
            (&family::PANICS, &[], 0.0),
            (&family::WORKERS, &[], workers as f64),
        ] {
            let mut samples = Scalars::new(family);
            samples.add(labels, value);
            families.push(samples.finish());
        }
    }

    /// What [`WorkerMetrics::answered`] counts.
    fn queries(&self, families: &mut Vec<MetricFamily>) {
        let layout = self.layout();
        let mut queries = Queries::new(layout.servers.first().map_or("", String::as_str));
        for (server_index, server) in layout.servers.iter().enumerate() {
            let zones = layout.zones.iter().map(String::as_str).enumerate();
            for (zone_index, zone) in zones.chain([(worker::NO_ZONE, queries::NO_ZONE)]) {
                for protocol in [Protocol::Udp, Protocol::Tcp] {
                    let rows = self.workers.iter().filter_map(|worker| worker.row(server_index, zone_index, protocol));
                    rows.for_each(|row| queries.add(server, zone, protocol, row));
                }
            }
        }
        queries.finish(families);
    }

    /// Plain events and gauges, zero or not but for those of what is not turned on, and what CoreDNS calls some of them.
    fn events(&self, families: &mut Vec<MetricFamily>) {
        let total = |event| self.workers.iter().map(|worker| worker.counted(event)).sum::<u64>();
        let mut samples: Vec<Scalars<'_>> = Vec::new();
        for &event in Event::ALL {
            let (family, label) = event.series();
            in_family(&mut samples, family).count(label.as_slice(), total(event));
        }
        for &gauge in Gauge::ALL {
            let (family, label) = gauge.series();
            let value = self.workers.iter().map(|worker| worker.gauged(gauge)).sum();
            in_family(&mut samples, family).count(label.as_slice(), value);
        }
        in_family(&mut samples, &family::FORWARD_REJECTS)
            .count(&[], total(Event::ShedInFlight) + total(Event::ShedWaiting) + total(Event::ShedClient));
        let features = self.features.lock().unwrap_or_else(PoisonError::into_inner).clone();
        samples.retain(|samples| {
            samples.family().feature().is_none_or(|feature| features.contains(&feature)) || samples.has_any()
        });
        families.extend(samples.into_iter().map(Scalars::finish));
    }

    /// What the filter found, zone by zone; classes that were never met have no series.
    fn rebinding(&self, families: &mut Vec<MetricFamily>) {
        let layout = self.layout();
        let mut samples = Scalars::new(&family::REBINDING);
        for (index, zone) in layout.zones.iter().enumerate() {
            for class in AddressClass::ALL {
                for (action, name) in [(1, "blocked"), (0, "reported")] {
                    let rows = self.workers.iter().filter_map(|worker| worker.rebindings(index));
                    let count: u64 = rows.map(|row| row[class as usize][action].value()).sum();
                    if count > 0 {
                        samples.count(&[zone, class.name(), name], count);
                    }
                }
            }
        }
        families.push(samples.finish());
    }

    /// What the cache says of itself.
    fn cache(&self, families: &mut Vec<MetricFamily>) {
        let Some(cache) = self.cache.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return };
        let layout = self.layout();
        let server = layout.servers.first().map_or("", String::as_str);
        for (family, values) in
            [(&family::CACHE_ENTRIES, cache.entries()), (&family::CACHE_EVICTIONS, cache.evictions())]
        {
            let mut samples = Scalars::new(family);
            for (kind, value) in CACHE_TYPES.into_iter().zip(values) {
                samples.count(&[server, kind, ".", NO_VIEW], value);
            }
            families.push(samples.finish());
        }
        let mut prefetches = Scalars::new(&family::COREDNS_PREFETCHES);
        let asked = self.workers.iter().map(|worker| worker.counted(Event::Prefetched)).sum();
        prefetches.count(&[server, ".", NO_VIEW], asked);
        families.push(prefetches.finish());
        let mut failures = Scalars::new(&family::CACHE_FAILURES);
        failures.count(&[], cache.failures());
        families.push(failures.finish());
        for (family, values) in [(&family::CACHE_BYTES, cache.bytes()), (&family::CACHE_CAPACITY, cache.capacity())] {
            let mut samples = Scalars::new(family);
            for (kind, value) in CACHE_TYPES.into_iter().zip(values) {
                samples.count(&[kind], value);
            }
            families.push(samples.finish());
        }
    }

    /// What is counted of upstream servers: events zero or not, exchanges where there were any.
    fn upstreams(&self, families: &mut Vec<MetricFamily>) {
        let layout = self.layout();
        let mut samples: Vec<Scalars<'_>> = Vec::new();
        let mut exchanges = Histograms::new(&family::PROXY_DURATION, &SOME_DURATIONS);
        let mut connections = Histograms::new(&family::UPSTREAM_CONNECTION_QUERIES, &SOME_COUNTS);
        for (index, (group, to)) in layout.upstreams.iter().enumerate() {
            let (address, proto) = coredns_address(to);
            let rows = || self.workers.iter().filter_map(|worker| worker.upstreams(index));
            let scheme = to.split_once("://").map_or("", |(scheme, _)| scheme);
            for &event in UpstreamEvent::ALL.iter().filter(|event| event.befalls(scheme)) {
                let (family, label) = event.series();
                let count = rows().map(|row| row.event(event)).sum();
                match (event, label) {
                    (UpstreamEvent::ConnectionReused | UpstreamEvent::ConnectionOpened, _) => {
                        in_family(&mut samples, family).count(&[PROXY_NAME, address, proto], count);
                    }
                    (UpstreamEvent::ProbeFailed, _) => {
                        in_family(&mut samples, family).count(&[PROXY_NAME, address], count);
                    }
                    (_, Some(label)) => in_family(&mut samples, family).count(&[group, to, label], count),
                    (_, None) => in_family(&mut samples, family).count(&[group, to], count),
                }
            }
            // The main thread asks nobody.
            let workers = self.workers.len().saturating_sub(Beside::COUNT).max(1) as f64;
            let down = rows().filter(|row| row.is_down()).count() as f64;
            in_family(&mut samples, &family::UPSTREAM_UP).add(&[group, to], 1.0 - down / workers);
            for row in rows() {
                connections.add(&[group, to], row.connections());
                for (rcode, durations) in row.exchanges().iter().enumerate() {
                    exchanges.add(&[PROXY_NAME, address, exchange_rcode(rcode)], durations);
                }
            }
        }
        families.extend(samples.into_iter().map(Scalars::finish));
        families.push(exchanges.finish::<Durations>());
        families.push(connections.finish::<Counts>());
    }
}

/// The samples of a family, new or already begun; there are a few dozen at most.
fn in_family<'list, 'label>(
    samples: &'list mut Vec<Scalars<'label>>,
    family: &'static Family,
) -> &'list mut Scalars<'label> {
    let position = samples.iter().position(|begun| begun.family().name == family.name).unwrap_or_else(|| {
        samples.push(Scalars::new(family));
        samples.len() - 1
    });
    &mut samples[position]
}

/// An upstream server as CoreDNS writes it: the bare address, and the transport apart.
pub(super) fn coredns_address(to: &str) -> (&str, &'static str) {
    match to.split_once("://") {
        Some(("tls", address)) => (address, "tcp-tls"),
        Some(("tcp", address)) => (address, "tcp"),
        Some((_, address)) => (address, "udp"),
        None => (to, "udp"),
    }
}
