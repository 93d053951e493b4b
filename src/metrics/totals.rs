//! What is counted, added up over all workers, in numbers rather than in the exposition: for `nodens ctl` and `nodens top`.

use std::collections::BTreeMap;

use super::collect::Metrics;
use super::counter::{DURATION_BOUNDS, Tally, duration_bound};
use super::event::{Event, Gauge, UpstreamEvent};
use super::family::{self, Family};
use super::label::{AddressClass, rcode_name};
use super::worker;
use super::{Protocol, Source};

/// Counts since the start of the process, and gauges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Answers by [`Source`], in the order of its variants.
    pub sources: [u64; 7],
    /// Answers by response code; those that never happened are left out.
    pub rcodes: BTreeMap<&'static str, u64>,
    /// Upper bounds of durations in seconds.
    pub duration_bounds: Vec<f64>,
    /// Answers by duration, one cell more than bounds.
    pub durations: Vec<u64>,
    /// All durations in seconds.
    pub duration_sum: f64,
    /// Answers with addresses that are not public: passed and reported, then withheld.
    pub rebinding: [u64; 2],
}

/// What was counted of one upstream server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTotals {
    /// Exchanges that brought an answer.
    pub exchanges: u64,
    /// Queries that found a connection open.
    pub reused: u64,
    /// Queries that waited for one.
    pub opened: u64,
    /// Failures by kind; those that never happened are left out.
    pub failures: BTreeMap<&'static str, u64>,
}

impl Metrics {
    /// How often an event was counted.
    #[must_use]
    pub fn total(&self, event: Event) -> u64 {
        self.workers().iter().map(|worker| worker.counted(event)).sum()
    }

    /// What a gauge says, over all workers.
    #[must_use]
    pub fn gauge(&self, gauge: Gauge) -> u64 {
        self.workers().iter().map(|worker| worker.gauged(gauge)).sum()
    }

    /// What the supervisor has counted, by what it is called in the exposition.
    #[must_use]
    pub fn supervised(&self) -> BTreeMap<String, u64> {
        let of = |gauge: Gauge| {
            let (family, label) = gauge.series();
            let name = family.name.trim_start_matches("nodens_");
            (label.map_or_else(|| name.to_owned(), |label| format!("{name}/{label}")), self.gauge(gauge))
        };
        Gauge::SUPERVISED.into_iter().map(of).collect()
    }

    /// The verdicts of validation so far, by name.
    #[must_use]
    pub fn verdicts(&self) -> BTreeMap<String, u64> {
        self.by_label(&family::VALIDATIONS)
    }

    /// The events of a family, by label.
    fn by_label(&self, of: &'static Family) -> BTreeMap<String, u64> {
        let label = |event: &Event| {
            let (family, label) = event.series();
            Some((label.filter(|_| family.name == of.name)?.to_owned(), self.total(*event)))
        };
        Event::ALL.iter().filter_map(label).collect()
    }

    /// Answers by source, code and duration.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let layout = self.layout();
        let mut totals = Totals::default();
        let mut durations = Tally::<{ DURATION_BOUNDS + 1 }>::default();
        for server in 0..layout.servers.len() {
            for zone in (0..layout.zones.len()).chain([worker::NO_ZONE]) {
                for protocol in [Protocol::Udp, Protocol::Tcp] {
                    for row in self.workers().iter().filter_map(|worker| worker.row(server, zone, protocol)) {
                        for source in Source::ALL {
                            for (rcode, count) in
                                row.responses(source).into_iter().enumerate().filter(|(_, count)| *count > 0)
                            {
                                totals.sources[source as usize] += count;
                                *totals.rcodes.entry(rcode_name(rcode)).or_default() += count;
                            }
                        }
                        row.durations().tally(&mut durations);
                    }
                }
            }
        }
        totals.duration_bounds = (0..DURATION_BOUNDS).map(duration_bound).collect();
        totals.durations = durations.cells.to_vec();
        totals.duration_sum = durations.sum as f64 * 1e-9;
        for zone in 0..layout.zones.len() {
            for row in self.workers().iter().filter_map(|worker| worker.rebindings(zone)) {
                for class in AddressClass::ALL {
                    for (total, counter) in totals.rebinding.iter_mut().zip(&row[class as usize]) {
                        *total += counter.value();
                    }
                }
            }
        }
        totals
    }

    /// Queries so far that waited for a connection to a server to be opened.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        let servers = 0..self.layout().upstreams.len();
        let rows = servers.flat_map(|server| self.workers().iter().filter_map(move |worker| worker.upstreams(server)));
        rows.map(|row| row.event(UpstreamEvent::ConnectionOpened)).sum()
    }

    /// What was counted of one upstream server, by its position in [`Layout::upstreams`](super::Layout::upstreams).
    #[must_use]
    pub fn upstream_totals(&self, server: usize) -> UpstreamTotals {
        let mut totals = UpstreamTotals::default();
        for row in self.workers().iter().filter_map(|worker| worker.upstreams(server)) {
            totals.reused += row.event(UpstreamEvent::ConnectionReused);
            totals.opened += row.event(UpstreamEvent::ConnectionOpened);
            for event in UpstreamEvent::ALL {
                let (family, label) = event.series();
                let count = row.event(*event);
                if family.name == family::UPSTREAM_FAILURES.name && count > 0 {
                    *totals.failures.entry(label.unwrap_or_default()).or_default() += count;
                }
            }
            for exchanges in row.exchanges() {
                let mut tally = Tally::default();
                exchanges.tally(&mut tally);
                totals.exchanges += tally.cells.iter().sum::<u64>();
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{Answered, Layout};

    #[test]
    fn what_workers_count_is_added_up() {
        let layout = Layout {
            servers: vec!["dns://127.0.0.1:53".to_owned()],
            zones: vec![".".to_owned()],
            upstreams: vec![("all".to_owned(), "udp://192.0.2.1:53".to_owned())],
        };
        let metrics = Metrics::new(&layout, 2);
        let answered = |worker: usize, source, rcode, zone| {
            metrics.worker(worker).answered(&Answered {
                server: 0,
                zone,
                protocol: Protocol::Udp,
                qtype: 1,
                rcode,
                dnssec_ok: false,
                source,
                request_size: 30,
                response_size: 60,
                duration: Duration::from_millis(3),
            });
        };
        answered(0, Source::CacheSuccess, 0, 0);
        answered(1, Source::CacheSuccess, 0, 0);
        answered(1, Source::Forward, 3, 0);
        answered(0, Source::Policy, 5, u16::MAX);
        let totals = metrics.totals();
        assert_eq!(totals.sources, [2, 0, 0, 0, 1, 0, 1]);
        assert_eq!(totals.rcodes, BTreeMap::from([("NOERROR", 2), ("NXDOMAIN", 1), ("REFUSED", 1)]));
        assert_eq!(totals.durations.len(), totals.duration_bounds.len() + 1);
        assert_eq!(totals.durations.iter().sum::<u64>(), 4);
        assert!((totals.duration_sum - 0.012).abs() < 1e-9);
        for worker in 0..2 {
            metrics.worker(worker).upstream(0, UpstreamEvent::ConnectRefused);
            metrics.worker(worker).upstream(0, UpstreamEvent::ConnectionReused);
            metrics.worker(worker).exchanged(0, 0, Duration::from_millis(1));
            metrics.worker(worker).rebinding(0, AddressClass::Private, worker == 0);
        }
        let upstream = metrics.upstream_totals(0);
        assert_eq!((upstream.exchanges, upstream.reused, upstream.opened), (2, 2, 0));
        assert_eq!(upstream.failures, BTreeMap::from([("refused", 2)]));
        assert_eq!(metrics.totals().rebinding, [1, 1]);
        metrics.main().set(Gauge::WorkerDied, 3);
        assert_eq!(metrics.supervised()["worker_restarts_total/died"], 3);
        metrics.main().count(Event::Coalesced);
        assert_eq!(metrics.total(Event::Coalesced), 1);
        assert!(metrics.verdicts().contains_key("secure"));
    }
}
