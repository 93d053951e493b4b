//! What dashboards and alerts of CoreDNS look for and what says nothing new here: shown to those who ask for it (`metrics.names`).

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::Layout;
use super::collect::coredns_address;
use super::counter::{Durations, SOME_DURATIONS};
use super::event::UpstreamEvent;
use super::family;
use super::label::exchange_rcode;
use super::queries::NO_VIEW;
use super::samples::{Histograms, Scalars};
use super::worker::WorkerMetrics;
use crate::config::{Config, MetricNames, QueryClass, Zone};

/// What is shown besides.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {
    /// How much of it.
    names: MetricNames,
    /// Zones as labels have them, each with the plugins that CoreDNS would need for what is done here.
    plugins: Vec<(String, Vec<&'static str>)>,
}

impl Habits {
    /// Those of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        let names = config.metrics.names;
        if names == MetricNames::Few {
            return Self::default();
        }
        let plugins = |zone: &Zone| {
            let logs = |wanted: fn(&QueryClass) -> bool| zone.query_log.iter().any(wanted);
            let all = [
                ("bind", true),
                ("cache", true),
                ("errors", logs(|class| *class == QueryClass::Failure)),
                ("forward", true),
                ("health", !config.health.listen.is_empty()),
                ("hosts", config.local.hosts.is_some()),
                ("log", logs(|class| *class != QueryClass::Failure)),
                ("loop", true),
                ("prometheus", !config.metrics.listen.is_empty()),
                ("ready", !config.health.ready_listen.is_empty()),
                ("reload", true),
            ];
            all.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect()
        };
        let label = |zone: &Zone| format!("{}.", zone.name.trim_end_matches('.'));
        Self { names, plugins: config.zones.iter().map(|zone| (label(zone), plugins(zone))).collect() }
    }

    /// Adds its families.
    pub(super) fn collect(&self, layout: &Layout, workers: &[Arc<WorkerMetrics>], families: &mut Vec<MetricFamily>) {
        if self.names >= MetricNames::Coredns {
            let server = layout.servers.first().map_or("", String::as_str);
            let mut plugins = Scalars::new(&family::PLUGIN_ENABLED);
            for (zone, names) in &self.plugins {
                names.iter().for_each(|name| plugins.add(&[server, zone, NO_VIEW, name], 1.0));
            }
            let mut drops = Scalars::new(&family::CACHE_DROPS);
            drops.count(&[server, ".", NO_VIEW], 0);
            families.extend([plugins.finish(), drops.finish()]);
        }
        if self.names >= MetricNames::All {
            forward(layout, workers, families);
        }
    }
}

/// The names of the plugin forward before those of its connections were taken out of it.
fn forward(layout: &Layout, workers: &[Arc<WorkerMetrics>], families: &mut Vec<MetricFamily>) {
    let mut requests = Scalars::new(&family::FORWARD_REQUESTS);
    let mut responses = Scalars::new(&family::FORWARD_RESPONSES);
    let mut failures = Scalars::new(&family::FORWARD_HEALTH_FAILURES);
    let mut durations = Histograms::new(&family::FORWARD_DURATION, &SOME_DURATIONS);
    for (index, (_, to)) in layout.upstreams.iter().enumerate() {
        let (address, _) = coredns_address(to);
        requests.count(&[address], 0);
        failures.count(&[address], 0);
        for row in workers.iter().filter_map(|worker| worker.upstreams(index)) {
            failures.count(&[address], row.event(UpstreamEvent::ProbeFailed));
            for (rcode, times) in row.exchanges().iter().enumerate() {
                let count = times.count();
                requests.count(&[address], count);
                responses.count_if_any(&[address, exchange_rcode(rcode)], count);
                durations.add(&[address, exchange_rcode(rcode)], times);
            }
        }
    }
    families.extend([requests.finish(), responses.finish(), failures.finish()]);
    families.push(durations.finish::<Durations>());
}
