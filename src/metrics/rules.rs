//! What the rules that operators write down did, zone by zone, in CoreDNS's names: shown to those who ask for them (`metrics.names`).
//!
//! In nodens's own name, and without zones, it is [`family::WRITTEN_RULES`]. What a rule did is counted where it is done, so that a hit counts nothing
//! of it; but who is let pass by access lists is asked for every query, as soon as one zone has a list.
//!
//! CoreDNS names a failed template by its text and section. Here these labels are empty, since texts may be many: the log has the template's number.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::counter::Counter;
use super::event::Event;
use super::family::{self, Family};
use super::label::{TYPE_COUNT, type_index, type_name};
use super::queries::NO_VIEW;
use super::samples::Scalars;
use super::worker::WorkerMetrics;
use super::{HostsRead, Layout};
use crate::config::Config;

/// The class that all rules are for.
const CLASS: &str = "IN";

/// Queries that access lists turned away, and the family of each.
const TURNED_AWAY: [(Event, &Family); 3] = [
    (Event::AclBlocked, &family::ACL_BLOCKED),
    (Event::AclFiltered, &family::ACL_FILTERED),
    (Event::AclDropped, &family::ACL_DROPPED),
];

/// Where counts of templates begin in a row: answers by type, then failures by type.
const TEMPLATED: usize = TURNED_AWAY.len();

/// What rules did in one zone.
pub(super) type RuleRow = [Counter; TEMPLATED + 2 * TYPE_COUNT];

/// Where in a row an event is counted, for a question of that type; `None` if it is not told by zone.
pub(super) fn place(event: Event, qtype: u16) -> Option<usize> {
    match event {
        Event::Templated => Some(TEMPLATED + type_index(qtype)),
        Event::TemplateFailed => Some(TEMPLATED + TYPE_COUNT + type_index(qtype)),
        _ => TURNED_AWAY.iter().position(|(known, _)| *known == event),
    }
}

/// Which rules a configuration has.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// Zones with an access list, as labels have them.
    listed: Vec<String>,
    /// Whether a zone has addresses made up.
    translates: bool,
}

impl Written {
    /// Those of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        let listed = config.zones.iter().filter(|zone| !zone.rules.acl.is_empty());
        Self {
            listed: listed.map(|zone| label(&zone.name)).collect(),
            translates: config.zones.iter().any(|zone| zone.rules.dns64.is_some()),
        }
    }

    /// Adds the families of rules that there are, or were.
    pub(super) fn collect(
        &self,
        layout: &Layout,
        workers: &[Arc<WorkerMetrics>],
        hosts: &[HostsRead],
        families: &mut Vec<MetricFamily>,
    ) {
        let server = layout.servers.first().map_or("", String::as_str);
        let total = |event| workers.iter().map(|worker| worker.counted(event)).sum::<u64>();
        let rows = || {
            let of = |(number, zone)| workers.iter().filter_map(move |worker| Some((zone, worker.rules(number)?)));
            layout.zones.iter().map(String::as_str).enumerate().flat_map(of)
        };
        for (at, (_, family)) in TURNED_AWAY.iter().enumerate() {
            let mut samples = Scalars::new(family);
            self.listed.iter().for_each(|zone| samples.count(&[server, zone, NO_VIEW], 0));
            rows().for_each(|(zone, row)| samples.count_if_any(&[server, zone, NO_VIEW], row[at].value()));
            families.push(samples.finish());
        }
        let (mut matches, mut failures) =
            (Scalars::new(&family::TEMPLATE_MATCHES), Scalars::new(&family::TEMPLATE_FAILURES));
        for (zone, row) in rows() {
            for at in 0..TYPE_COUNT {
                let [made, failed] = [0, TYPE_COUNT].map(|part| row[TEMPLATED + part + at].value());
                let labels = [server, zone, NO_VIEW, CLASS, type_name(at), "", ""];
                // CoreDNS counts what fits, whatever comes of it.
                matches.count_if_any(&labels[..5], made + failed);
                failures.count_if_any(&labels, failed);
            }
        }
        families.extend([matches.finish(), failures.finish()]);
        for (family, labels, event, is_on) in [
            (&family::ACL_ALLOWED, &[server, NO_VIEW] as &[&str], Event::AclAllowed, !self.listed.is_empty()),
            (&family::DNS64_TRANSLATED, &[server], Event::Translated, self.translates),
        ] {
            let (mut samples, count) = (Scalars::new(family), total(event));
            if is_on || count > 0 {
                samples.count(labels, count);
            }
            families.push(samples.finish());
        }
        families.extend(of_hosts(hosts));
    }
}

/// The families of zones' hosts.
fn of_hosts(hosts: &[HostsRead]) -> [MetricFamily; 2] {
    let (mut entries, mut read) = (Scalars::new(&family::HOSTS_ENTRIES), Scalars::new(&family::HOSTS_RELOADED));
    for HostsRead { file, entries: count, .. } in hosts {
        entries.count(&[file], *count);
    }
    if let Some(latest) = hosts.iter().filter_map(|hosts| hosts.modified).max_by(f64::total_cmp) {
        read.add(&[], latest);
    }
    [entries.finish(), read.finish()]
}

/// A zone's name as labels have it.
pub(super) fn label(zone: &str) -> String {
    format!("{}.", zone.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::super::{Metrics, WorkerMetrics};
    use super::*;
    use crate::config::Environment;

    /// A node of two zones, the outer one with rules and their CoreDNS names.
    const RULES: &str = r#"
        [metrics]
        names = "coredns"
        [local]
        whoami = ["me.test"]
        nsid = "node-1"
        [[upstream]]
        name = "all"
        servers = ["tcp://192.0.2.53:53"]
        [[zone]]
        name = "corp.test"
        class = "internal"
        upstream = "all"
        acl = ["block net 10.0.0.0/8"]
        [[zone]]
        name = "."
        upstream = "all"
        dns64 = "64:ff9b::/96"
        hosts-lines = ["192.0.2.1 a.example"]
        [[rewrite]]
        from = "red.test"
        to = "blue.test"
        [[template]]
        zone = "t.corp.test"
        rcode = "NXDOMAIN"
    "#;

    /// What a scraper of such a node gets after `happen`.
    fn scraped(text: &str, happen: impl FnOnce(&Metrics, &WorkerMetrics)) -> String {
        let config = Config::parse(text, "test", &Environment::neutral()).unwrap().config;
        let zones = config.zones.iter().map(|zone| label(&zone.name)).collect();
        let layout = Layout { servers: vec!["dns://192.0.2.1:53".to_owned()], zones, upstreams: Vec::new() };
        let metrics = Metrics::new(&layout, 1);
        metrics.set_config(&config);
        happen(&metrics, &metrics.worker(0));
        metrics.exposition()
    }

    #[test]
    fn rules_have_coredns_names_and_labels() {
        let text = scraped(RULES, |metrics, worker| {
            for event in [Event::AclBlocked, Event::AclFiltered, Event::AclDropped] {
                worker.ruled(0, 1, event);
            }
            worker.count(Event::AclAllowed);
            worker.ruled(0, 28, Event::Templated);
            worker.ruled(0, 28, Event::TemplateFailed);
            worker.ruled(0, 28, Event::Translated);
            let modified = Some(1_700_000_000.5);
            let file = "/etc/hosts".to_owned();
            let lines = HostsRead { file: String::new(), entries: 2, modified: None };
            metrics.set_hosts(vec![HostsRead { file, entries: 4, modified }, lines]);
        });
        let zone = "server=\"dns://192.0.2.1:53\",zone=\"corp.test.\",view=\"\"";
        for series in [
            format!("coredns_acl_blocked_requests_total{{{zone}}} 1"),
            format!("coredns_acl_filtered_requests_total{{{zone}}} 1"),
            format!("coredns_acl_dropped_requests_total{{{zone}}} 1"),
            "coredns_acl_allowed_requests_total{server=\"dns://192.0.2.1:53\",view=\"\"} 1".to_owned(),
            format!("coredns_template_matches_total{{{zone},class=\"IN\",type=\"AAAA\"}} 2"),
            format!(
                "coredns_template_rr_failures_total{{{zone},class=\"IN\",type=\"AAAA\",section=\"\",template=\"\"}} 1"
            ),
            "coredns_dns64_requests_translated_total{server=\"dns://192.0.2.1:53\"} 1".to_owned(),
            "coredns_hosts_entries{hostsfile=\"/etc/hosts\"} 4".to_owned(),
            "coredns_hosts_entries{hostsfile=\"\"} 2".to_owned(),
            "coredns_hosts_reload_timestamp_seconds 1700000000.5".to_owned(),
            "nodens_written_rules_total{rule=\"acl_allow\"} 1".to_owned(),
        ] {
            assert!(text.contains(&series), "{series}\n{text}");
        }
    }

    #[test]
    fn plugins_are_on_in_the_zone_that_holds_their_names() {
        let text = scraped(RULES, |_, _| {});
        let is_on = |zone: &str, name: &str| {
            let labels = format!("{{server=\"dns://192.0.2.1:53\",zone=\"{zone}\",view=\"\",name=\"{name}\"}} 1");
            text.contains(&format!("coredns_plugin_enabled{labels}"))
        };
        for (name, in_corp, in_root) in [
            ("acl", true, false),
            ("dns64", false, true),
            ("hosts", false, true),
            ("nsid", true, true),
            ("rewrite", false, true),
            ("template", true, false),
            ("whoami", false, true),
        ] {
            assert_eq!((is_on("corp.test.", name), is_on(".", name)), (in_corp, in_root), "{name}\n{text}");
        }
    }

    #[test]
    fn rules_that_nobody_wrote_have_no_series() {
        let plain = RULES.split("[[rewrite]]").next().unwrap().lines().filter(|line| {
            !["whoami", "nsid", "acl", "dns64", "hosts"].iter().any(|word| line.trim_start().starts_with(word))
        });
        let text = scraped(&plain.collect::<Vec<_>>().join("\n"), |_, _| {});
        for word in [
            "coredns_acl",
            "coredns_template",
            "coredns_dns64",
            "coredns_hosts",
            "written_rules",
            "name=\"whoami\"",
            "name=\"nsid\"",
        ] {
            assert!(!text.contains(word), "{word}");
        }
    }

    #[test]
    fn zones_that_a_reload_brought_are_counted_too() {
        let text = scraped(RULES, |metrics, worker| {
            let zones = ["corp.test.", ".", "new.test."].map(str::to_owned).to_vec();
            metrics.extend(&Layout { zones, ..Layout::default() });
            worker.ruled(2, 1, Event::AclBlocked);
            worker.ruled(u16::MAX, 1, Event::AclBlocked);
        });
        let series = "coredns_acl_blocked_requests_total{server=\"dns://192.0.2.1:53\",zone=\"new.test.\",view=\"\"} 1";
        assert!(text.contains(series), "{text}");
        assert!(text.contains("nodens_written_rules_total{rule=\"acl_block\"} 2"), "{text}");
    }
}
