//! What the daemon tells about itself: metrics with CoreDNS's names, logs that a stranger cannot flood.

use std::collections::HashSet;

use super::behind;
use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup};
use super::common::metrics::Scrape;
use super::common::upstream::{Query, Upstream, one_address};
use super::common::wait_until;
use super::common::wire::{kind, rcode};

/// An answer by the query's name.
fn various(query: &Query) -> super::common::compose::Compose {
    match query.name().as_str() {
        "gone.example.org" => query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 300, 300),
        "broken.example.org" => query.answer().rcode(rcode::SERVFAIL),
        _ => one_address(query),
    }
}

/// What was counted before a test's own queries: the daemon asks itself until it is ready.
struct Counted {
    /// The daemon.
    daemon: Daemon,
    /// The scrape at the start.
    before: Scrape,
}

impl Counted {
    /// Waits until the daemon has done with asking itself.
    fn from(daemon: Daemon) -> Self {
        wait_until("ready", || daemon.http("health", "/ready").status == 200);
        let before = daemon.scrape();
        Self { daemon, before }
    }

    /// Waits until the series has grown by exactly this value; it must never grow by more.
    #[track_caller]
    fn grew(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        let before = self.before.value(name, labels).unwrap_or(0.0);
        self.daemon.wait_for_metric(name, labels, before + value);
        let by = self.daemon.metric(name, labels) - before;
        assert!((by - value).abs() < 0.5, "{name} {labels:?} grew by {by}, not {value}");
    }
}

#[test]
fn queries_and_answers_are_counted_under_the_names_of_coredns() {
    let (_upstream, daemon) = behind(various);
    let counted = Counted::from(daemon);
    let daemon = &counted.daemon;
    for name in ["www.example.org", "www.example.org", "gone.example.org", "gone.example.org", "broken.example.org"] {
        daemon.ask(&Ask::a(name));
    }
    daemon.tcp().ask(&Ask::new("www.example.org", kind::AAAA).dnssec_ok());
    counted.grew("coredns_dns_requests_total", &[("proto", "udp"), ("type", "A"), ("family", "1"), ("zone", ".")], 5.0);
    counted.grew("coredns_dns_requests_total", &[("proto", "tcp"), ("type", "AAAA")], 1.0);
    counted.grew("coredns_dns_responses_total", &[("rcode", "NXDOMAIN")], 2.0);
    counted.grew("coredns_dns_responses_total", &[("rcode", "SERVFAIL")], 1.0);
    counted.grew("coredns_dns_do_requests_total", &[], 1.0);
    counted.grew("coredns_cache_hits_total", &[("type", "success")], 1.0);
    counted.grew("coredns_cache_hits_total", &[("type", "denial")], 1.0);
    counted.grew("coredns_cache_misses_total", &[], 4.0);
    counted.grew("coredns_dns_request_duration_seconds_count", &[("zone", ".")], 6.0);
}

#[test]
fn kept_answers_show_in_the_number_of_entries() {
    let (_upstream, daemon) = behind(various);
    for number in 0..20 {
        daemon.ask(&Ask::a(&format!("name-{number}.example.org")));
    }
    daemon.ask(&Ask::a("gone.example.org"));
    daemon.wait_for_metric("coredns_cache_entries", &[("type", "success")], 20.0);
    daemon.wait_for_metric("coredns_cache_entries", &[("type", "denial")], 1.0);
    daemon.wait_for_metric("nodens_cache_bytes", &[], 1.0);
}

#[test]
fn servers_are_named_by_their_addresses() {
    let (upstream, daemon) = behind(various);
    let counted = Counted::from(daemon);
    let daemon = &counted.daemon;
    daemon.ask(&Ask::a("www.example.org"));
    let server = format!("dns://{}", daemon.udp_address());
    // What the daemon asks itself belongs to no zone.
    counted.grew("coredns_dns_requests_total", &[("server", &server), ("zone", ".")], 1.0);
    let to = upstream.address.to_string();
    let scrape = daemon.scrape();
    let named = scrape
        .series
        .iter()
        .any(|s| s.name.starts_with("coredns_proxy_") && s.labels.get("to").is_some_and(|l| l.contains(&to)));
    assert!(named, "no series names the upstream {to}:\n{}", scrape.text);
}

#[test]
fn no_label_carries_a_name_or_a_client() {
    let (_upstream, daemon) = behind(various);
    let client = daemon.udp();
    let names: HashSet<String> = (0..30).map(|n| format!("secret-{n}.example.org")).collect();
    let before = daemon.scrape().series.len();
    for name in &names {
        client.ask(&Ask::a(name));
        client.ask(&Ask::new(name, 65_280));
    }
    daemon.ask(&Ask::a("gone.example.org"));
    daemon.wait_for_metric("coredns_dns_requests_total", &[], 61.0);
    let scrape = daemon.scrape();
    assert!(!scrape.text.contains("secret") && !scrape.text.contains("example.org"), "{}", scrape.text);
    assert!(
        scrape.series.len() <= before + 100,
        "{} series after {before}: they grow with what strangers ask",
        scrape.series.len()
    );
}

#[test]
fn every_series_has_help_and_type_and_appears_once() {
    let (_upstream, daemon) = behind(various);
    daemon.ask(&Ask::a("www.example.org"));
    let scrape = daemon.scrape();
    let typed: HashSet<&str> =
        scrape.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let helped: HashSet<&str> =
        scrape.text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    assert_eq!(typed, helped);
    let mut seen = HashSet::new();
    for series in &scrape.series {
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| series.name.strip_suffix(end).filter(|f| typed.contains(f)));
        assert!(typed.contains(family.unwrap_or(&series.name)), "{} has no type", series.name);
        assert!(seen.insert(format!("{} {:?}", series.name, series.labels)), "{series:?} appears twice");
    }
}

#[test]
fn the_source_list_of_metrics_keeps_others_out() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("metrics", "allow = [\"192.0.2.0/24\"]").start();
    assert_eq!(daemon.http("metrics", "/metrics").status, 403);
}

#[test]
fn what_strangers_send_does_not_flood_the_log() {
    let (_upstream, daemon) = behind(various);
    let before = daemon.log().len();
    let client = daemon.udp();
    for round in 0..50 {
        for _ in 0..40 {
            client.send_bytes(&[0; 5]);
            client.send(&Ask::a("x.example.org").flags(0x8000));
        }
        client.ask(&Ask::a("www.example.org").id(round));
    }
    daemon.wait_for_metric("nodens_messages_dropped_total", &[], 100.0);
    let lines = daemon.log().len() - before;
    assert!(lines < 400, "{lines} log lines for 4,000 datagrams");
}

#[test]
fn logs_in_json_are_one_object_a_line() {
    let upstream = Upstream::tcp().serve(one_address);
    let setup = Setup::forward(&upstream).section("log", "format = \"json\"");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodens.toml");
    std::fs::write(&file, setup.text()).unwrap();
    let mut child = std::process::Command::new(super::common::daemon::BINARY)
        .args(["run", "--config", file.to_str().unwrap()])
        .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let read = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    wait_until("the log speaks of being ready", || read().lines().any(|line| line.contains("\"ready\"")));
    child.kill().unwrap();
    child.wait().unwrap();
    for line in read().lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
}
