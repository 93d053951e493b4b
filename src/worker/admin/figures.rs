//! Counts, servers, and the daemon itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Admin;
use crate::cache::Store;
use crate::config::{Config, Policy};
use crate::control::admin::protocol::{
    Blocks, CacheFigures, Latency, Listener, Sandbox, Server, Sources, Stats, Status, USUAL_LIST,
};
use crate::control::{self, Bound};
use crate::metrics::{Event, Gauge, Source};
use crate::sys::clock;
use crate::sys::sandbox::{Report, user};
use crate::upstream::ServerReport;

impl Admin {
    /// The daemon and its configuration.
    pub(super) fn status(&self) -> Status {
        let snapshot = self.snapshot();
        let pending = self.readiness.pending();
        let (config_sha256, config_mistake) = self.readiness.in_force();
        let Bound { metrics, health, ready } = self.bound.borrow().clone();
        let endpoints = [("metrics", metrics), ("health", health), ("ready", ready)];
        let Report { capabilities, calls, files, missing, .. } = self.about.sandbox.clone();
        let listener = |address: String| Listener { ready: !pending.contains(&address), address };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: clock::now().since(self.about.started).as_secs(),
            worker_pid: std::process::id(),
            supervisor_pid: self.about.supervisor,
            user: user::now(),
            workers: snapshot.shared.config.listen.workers,
            config_file: self.about.file.as_ref().map(|path| path.display().to_string()),
            config_sha256,
            config_mistake,
            ready: pending.is_empty(),
            listeners: control::listeners(&self.addresses).into_iter().map(listener).collect(),
            endpoints: endpoints
                .into_iter()
                .filter(|(_, at)| !at.is_empty())
                .map(|(name, at)| (name.to_owned(), at.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
                .collect(),
            sandbox: Sandbox { capabilities, system_calls: calls, landlock: files, missing },
            supervisor: self.metrics.supervised(),
            log_level: self.log.level().word().to_owned(),
        }
    }

    /// All figures that change.
    pub(super) async fn stats(&self) -> Stats {
        let upstreams = self.servers().await;
        let metrics = &self.metrics;
        let totals = metrics.totals();
        let of = |source: Source| totals.sources[source as usize];
        let sum = |events: &[Event]| events.iter().map(|event| metrics.total(*event)).sum();
        let store = Arc::clone(&self.snapshot().shared.store);
        Stats {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: clock::now().since(self.about.started).as_secs(),
            time: clock::wall().as_secs_f64(),
            queries: totals.sources.iter().sum(),
            answers: Sources {
                hits: of(Source::CacheSuccess),
                denials: of(Source::CacheDenial),
                stale: of(Source::Stale),
                failures: of(Source::CacheFailure),
                forwarded: of(Source::Forward),
                local: of(Source::Local),
                policy: of(Source::Policy),
            },
            rcodes: totals.rcodes.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect(),
            latency: Latency { bounds: totals.duration_bounds, counts: totals.durations, sum: totals.duration_sum },
            shed: sum(&[Event::ShedInFlight, Event::ShedWaiting, Event::ShedClient]),
            in_flight: metrics.gauge(Gauge::InFlight),
            waiting: metrics.gauge(Gauge::Waiting),
            coalesced: metrics.total(Event::Coalesced),
            prefetched: metrics.total(Event::Prefetched),
            tcp_connections: metrics.gauge(Gauge::TcpConnections),
            upstream_connections: metrics.gauge(Gauge::UpstreamConnections),
            cache: cache(&store),
            blocks: Blocks {
                names: metrics.total(Event::Blocked),
                refused: sum(&[Event::NotAllowed, Event::ClientRate, Event::TypeRefused]),
                rebinding: totals.rebinding[1],
                rebinding_reported: totals.rebinding[0],
            },
            dnssec: metrics.verdicts(),
            upstreams,
            top_names: self.observers.top_names(USUAL_LIST),
            top_clients: self.observers.top_clients(USUAL_LIST),
            detections: self.observers.detections(USUAL_LIST),
        }
    }

    /// The servers that are asked, group by group in the order of the configuration.
    pub(super) async fn servers(&self) -> Vec<Server> {
        let mut told = self.ask_workers(crate::pipeline::Pipeline::servers).await.into_iter();
        let Some((config, mut groups)) = told.next() else { return Vec::new() };
        let mut states: Vec<Vec<State>> = groups.iter().map(|group| group.iter().map(State::of).collect()).collect();
        // Of a worker that goes by another configuration for a moment, nothing can be matched.
        for (_, others) in told.filter(|(other, _)| Arc::ptr_eq(other, &config)) {
            for (position, reports) in others.into_iter().enumerate() {
                merge(&mut groups[position], &reports, &mut states[position]);
            }
        }
        let group = |(position, reports): (usize, Vec<ServerReport>)| -> Vec<Server> {
            let server = |(at, report): (usize, ServerReport)| {
                self.server(&config, (position, at), report, states[position][at])
            };
            reports.into_iter().enumerate().map(server).collect()
        };
        groups.into_iter().enumerate().flat_map(group).collect()
    }

    /// One server of the configuration, by its group and its place in it.
    pub(super) fn server(
        &self,
        config: &Config,
        (group, at): (usize, usize),
        report: ServerReport,
        state: State,
    ) -> Server {
        let upstream = &config.upstreams[group];
        let server = &upstream.servers[at];
        let counted = self.metrics.upstream_totals(report.index);
        let milliseconds = |time: std::time::Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let failures_by_kind: BTreeMap<String, u64> =
            counted.failures.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        Server {
            group: upstream.name.clone(),
            address: format!("{}://{}", server.transport.scheme(), server.address),
            authentication: upstream.proof(server).to_owned(),
            policy: upstream.policy.word().to_owned(),
            state: state.word().to_owned(),
            retry_in_ms: report.retry_in.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            latency_ms: report.answer_time.map(milliseconds),
            latency_95_ms: report.percentile_95.map(milliseconds),
            in_flight: u64::from(report.in_flight),
            connections: report.connections as u64,
            exchanges: counted.exchanges,
            reused: counted.reused,
            opened: counted.opened,
            failures: failures_by_kind.values().sum(),
            failures_by_kind,
        }
    }
}

/// How workers see a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// All of them ask it.
    Up,
    /// None does.
    Down,
    /// Some do.
    Mixed,
}

impl State {
    /// How one worker sees it.
    pub(super) fn of(report: &ServerReport) -> Self {
        if report.is_up { Self::Up } else { Self::Down }
    }

    /// How two see it.
    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Mixed }
    }

    /// The word for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Mixed => "mixed",
        }
    }
}

/// Adds what another worker knows of a group's servers.
pub(super) fn merge(group: &mut [ServerReport], other: &[ServerReport], states: &mut [State]) {
    for ((known, report), state) in group.iter_mut().zip(other).zip(states) {
        *state = state.and(State::of(report));
        *known = known.merged(*report);
    }
}

/// In which order the servers of a group would be asked: those that are up as its policy chooses, then those that are down, the least bad first.
pub(super) fn order(policy: Policy, servers: &[ServerReport]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..servers.len()).collect();
    order.sort_by_key(|at| {
        let server = &servers[*at];
        let cost = if policy == Policy::Fastest && server.is_up { server.cost } else { 0 };
        (!server.is_up, server.retry_in.filter(|_| !server.is_up), cost, *at)
    });
    order
}

/// The figures of the store.
fn cache(store: &Store) -> CacheFigures {
    store.settle();
    CacheFigures {
        entries: store.entries(),
        bytes: store.bytes(),
        capacity: store.capacity(),
        evictions: store.evictions(),
        failures: store.failures(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A server that costs so much; one that costs nothing is down, and is tried again in so many seconds.
    fn server(cost: u64, seconds: u64) -> ServerReport {
        ServerReport {
            index: 0,
            is_up: cost > 0,
            retry_in: (cost == 0).then(|| Duration::from_secs(seconds)),
            cost: if cost > 0 { cost } else { u64::MAX },
            answer_time: (cost > 0).then(|| Duration::from_millis(cost)),
            percentile_95: None,
            in_flight: 1,
            connections: 2,
        }
    }

    #[test]
    fn servers_stand_in_the_order_in_which_they_would_be_asked() {
        let servers = [server(9, 0), server(0, 30), server(1, 0), server(0, 2), server(5, 0)];
        assert_eq!(order(Policy::Fastest, &servers), [2, 4, 0, 3, 1]);
        for policy in [Policy::Sequential, Policy::RoundRobin, Policy::Random] {
            assert_eq!(order(policy, &servers), [0, 2, 4, 3, 1]);
        }
    }

    #[test]
    fn what_workers_know_is_added_up_and_where_they_disagree_that_is_told() {
        let mut group = [server(10, 0), server(0, 30), server(4, 0)];
        let mut states: Vec<State> = group.iter().map(State::of).collect();
        merge(&mut group, &[server(20, 0), server(0, 7), server(0, 1)], &mut states);
        assert_eq!(states, [State::Up, State::Down, State::Mixed]);
        assert_eq!((group[0].connections, group[0].in_flight, group[0].cost), (4, 2, 10));
        assert_eq!(group[0].answer_time, Some(Duration::from_millis(15)));
        assert_eq!(group[1].retry_in, Some(Duration::from_secs(7)));
        assert!(!group[2].is_up && group[2].answer_time == Some(Duration::from_millis(4)));
    }
}
