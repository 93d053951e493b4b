//! What dashboards and alerts of CoreDNS look for and what says nothing new here: shown to those who ask for it (`metrics.names`).

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::collect::coredns_address;
use super::counter::{Durations, SOME_DURATIONS};
use super::event::UpstreamEvent;
use super::family;
use super::label::exchange_rcode;
use super::queries::NO_VIEW;
use super::rules::{Written, label};
use super::samples::{Histograms, Scalars};
use super::worker::WorkerMetrics;
use super::{HostsRead, Layout};
use crate::config::{Config, MetricNames, QueryClass, Zone};

/// What is shown besides.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {
    /// How much of it.
    names: MetricNames,
    /// Zones as labels have them, each with the plugins that CoreDNS would need for what is done here.
    plugins: Vec<(String, Vec<&'static str>)>,
    /// Which rules there are.
    written: Written,
}

impl Habits {
    /// Those of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        let names = config.metrics.names;
        if names == MetricNames::Few {
            return Self::default();
        }
        // What is said for all names below a suffix is done where the suffix lies: rules leave longer zones alone.
        let holds = |zone: &Zone, suffix: &str| home(&config.zones, suffix) == Some(zone.name.as_str());
        let plugins = |zone: &Zone| {
            let logs = |wanted: fn(&QueryClass) -> bool| zone.query_log.iter().any(wanted);
            let all = [
                ("acl", !zone.rules.acl.is_empty()),
                ("bind", true),
                ("cache", true),
                ("dns64", zone.rules.dns64.is_some()),
                ("errors", logs(|class| *class == QueryClass::Failure)),
                ("forward", true),
                ("health", !config.health.listen.is_empty()),
                ("hosts", config.local.hosts.is_some() || !zone.rules.hosts.is_silent()),
                ("log", logs(|class| *class != QueryClass::Failure)),
                ("loop", true),
                ("nsid", !config.local.nsid.is_empty()),
                ("prometheus", !config.metrics.listen.is_empty()),
                ("ready", !config.health.ready_listen.is_empty()),
                ("reload", true),
                ("rewrite", config.rewrites.iter().any(|rule| holds(zone, &rule.zone))),
                ("template", config.templates.iter().any(|rule| holds(zone, &rule.zone))),
                ("whoami", config.local.whoami.iter().any(|suffix| holds(zone, suffix))),
            ];
            all.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect()
        };
        let plugins = config.zones.iter().map(|zone| (label(&zone.name), plugins(zone))).collect();
        Self { names, plugins, written: Written::of(config) }
    }

    /// Adds its families.
    pub(super) fn collect(
        &self,
        layout: &Layout,
        workers: &[Arc<WorkerMetrics>],
        hosts: &[HostsRead],
        families: &mut Vec<MetricFamily>,
    ) {
        if self.names >= MetricNames::Coredns {
            let server = layout.servers.first().map_or("", String::as_str);
            let mut plugins = Scalars::new(&family::PLUGIN_ENABLED);
            for (zone, names) in &self.plugins {
                names.iter().for_each(|name| plugins.add(&[server, zone, NO_VIEW, name], 1.0));
            }
            let mut drops = Scalars::new(&family::CACHE_DROPS);
            drops.count(&[server, ".", NO_VIEW], 0);
            families.extend([plugins.finish(), drops.finish()]);
            self.written.collect(layout, workers, hosts, families);
        }
        if self.names >= MetricNames::All {
            forward(layout, workers, families);
        }
    }
}

/// The name of the zone that holds a suffix: the longest that it ends in.
fn home<'a>(zones: &'a [Zone], suffix: &str) -> Option<&'a str> {
    let suffix = label(suffix);
    let is_below = |zone: &str| {
        let zone = label(zone);
        zone == "." || suffix.strip_suffix(&zone).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    zones.iter().map(|zone| zone.name.as_str()).filter(|zone| is_below(zone)).max_by_key(|zone| label(zone).len())
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
