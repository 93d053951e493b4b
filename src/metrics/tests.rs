//! The exposition as a scraper sees it, and the counters against a naive model.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::family::Feature;
use super::label::{rcode_index, rcode_name, type_index, type_name};
use super::*;
use crate::config::{Class, Config, Environment, MetricNames};

//------ A small reader of the exposition ----------------------------------------------------------------------------

/// One family as read back.
#[derive(Debug, Default)]
struct Read {
    /// From its TYPE line.
    kind: String,
    /// From its HELP line.
    help: String,
    /// Values by "name{labels}".
    samples: BTreeMap<String, f64>,
}

/// Reads an exposition and checks its form on the way.
fn read(text: &str) -> BTreeMap<String, Read> {
    let mut families = BTreeMap::<String, Read>::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(!families.contains_key(name), "{name} comes twice");
            name.clone_into(&mut current);
            families.entry(current.clone()).or_default().help = help.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, current, "TYPE follows HELP");
            families.get_mut(name).unwrap().kind = kind.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a sample");
            let name = series.split('{').next().unwrap();
            let family = families.get_mut(&current).expect("HELP comes before samples");
            if family.kind == "histogram" {
                let part = name.strip_prefix(&current).expect("samples follow their family");
                assert!(["_bucket", "_sum", "_count"].contains(&part), "{line}");
            } else {
                assert_eq!(name, current, "samples follow their family");
            }
            let first = family.samples.insert(series.to_owned(), value.parse().expect("a number"));
            assert_eq!(first, None, "{series} comes twice");
        }
    }
    families
}

impl Read {
    /// The sum of all samples whose labels contain each of the parts.
    fn sum(&self, parts: &[&str]) -> f64 {
        let chosen = self.samples.iter().filter(|(series, _)| parts.iter().all(|part| series.contains(part)));
        chosen.map(|(_, value)| value).sum()
    }
}

/// The layout of a node in a cluster.
fn layout() -> Layout {
    Layout {
        servers: vec!["dns://169.254.20.10:53".to_owned(), "dns://[fd00:10::a]:53".to_owned()],
        zones: vec!["cluster.local.".to_owned(), ".".to_owned()],
        upstreams: vec![
            ("cluster-dns".to_owned(), "tcp://10.96.0.11:53".to_owned()),
            ("internet".to_owned(), "tls://1.1.1.1:853".to_owned()),
            ("internet".to_owned(), "tls://9.9.9.9:853".to_owned()),
            ("corp".to_owned(), "auto://192.0.2.53:53".to_owned()),
        ],
    }
}

/// A hit as most are.
const HIT: Answered = Answered {
    server: 0,
    zone: 1,
    protocol: Protocol::Udp,
    qtype: 1,
    rcode: 0,
    dnssec_ok: false,
    source: Source::CacheSuccess,
    request_size: 50,
    response_size: 120,
    duration: Duration::from_micros(3),
};

/// A cache that is half full.
struct HalfFull;

impl CacheFigures for HalfFull {
    fn failures(&self) -> u64 {
        3
    }

    fn entries(&self) -> [u64; 2] {
        [100, 20]
    }
    fn bytes(&self) -> [u64; 2] {
        [32_000, 4_000]
    }
    fn capacity(&self) -> [u64; 2] {
        [64_000, 8_000]
    }
    fn evictions(&self) -> [u64; 2] {
        [7, 0]
    }
}

/// A node that has seen a bit of everything.
fn busy() -> Metrics {
    let metrics = Metrics::new(&layout(), 2);
    metrics.set_cache(Arc::new(HalfFull));
    for index in 0..2 {
        let worker = metrics.worker(index);
        for (source, rcode) in [
            (Source::CacheSuccess, 0),
            (Source::CacheDenial, 3),
            (Source::Stale, 0),
            (Source::CacheFailure, 2),
            (Source::Forward, 0),
            (Source::Local, 0),
            (Source::Policy, 2),
            (Source::Policy, 5),
        ] {
            worker.answered(&Answered { source, rcode, ..HIT });
            worker.answered(&Answered { source, rcode, zone: 0, qtype: 28, protocol: Protocol::Tcp, ..HIT });
        }
        for server in 0..4 {
            worker.exchanged(server, 0, Duration::from_millis(12));
            worker.upstream(server, UpstreamEvent::ConnectionReused);
            worker.upstream(server, UpstreamEvent::HandshakeFull);
        }
        Event::ALL.iter().for_each(|&event| worker.count(event));
        worker.set(Gauge::InFlight, 5);
    }
    metrics
}

//------ Form --------------------------------------------------------------------------------------------------------

#[test]
fn families_have_valid_names_help_and_type() {
    let valid = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase() || matches!(c, '_' | ':'))
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | ':'))
    };
    let mut names = BTreeSet::new();
    for family in family::ALL {
        assert!(valid(family.name), "{}", family.name);
        assert!(family.labels.iter().all(|label| valid(label) && *label != "le"), "{}", family.name);
        assert!(family.help.ends_with('.'), "{}", family.name);
        assert_eq!(family.kind == family::Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
        assert!(names.insert(family.name), "{} comes twice", family.name);
    }
    for (name, read) in read(&busy().exposition()) {
        let family = family::ALL.iter().find(|family| family.name == name).expect("only what is listed is exposed");
        assert_eq!(read.kind, format!("{:?}", family.kind).to_lowercase());
        assert_eq!(read.help, family.help);
        assert!(!read.samples.is_empty());
    }
}

#[test]
fn every_event_has_its_own_series_with_the_labels_of_its_family() {
    let mut seen = HashMap::new();
    let events = Event::ALL.iter().map(|event| (format!("{event:?}"), event.series(), 0));
    let upstream = UpstreamEvent::ALL.iter().map(|event| (format!("{event:?}"), event.series(), 2));
    let gauges = Gauge::ALL.iter().map(|gauge| (format!("{gauge:?}"), gauge.series(), 0));
    for (event, (family, label), common_labels) in events.chain(upstream).chain(gauges) {
        assert_eq!(seen.insert((family.name, label), event.clone()), None, "{event}");
        if !family.name.starts_with("coredns_") {
            assert_eq!(family.labels.len(), common_labels + usize::from(label.is_some()), "{event}");
        }
    }
    for (position, &event) in Event::ALL.iter().enumerate() {
        assert_eq!(event as usize, position);
    }
}

#[test]
fn histograms_are_cumulative_and_agree_with_their_count() {
    let families = read(&busy().exposition());
    let mut checked = 0;
    for (name, family) in families.iter().filter(|(_, family)| family.kind == "histogram") {
        for (series, count) in family.samples.iter().filter(|(series, _)| series.contains("_count{")) {
            let labels = series.split_once('{').unwrap().1.trim_end_matches('}');
            let prefix = format!("{name}_bucket{{{labels},le=\"");
            let mut buckets: Vec<(f64, f64)> = family
                .samples
                .iter()
                .filter_map(|(series, value)| Some((series.strip_prefix(&prefix)?, *value)))
                .map(|(bound, value)| (bound.trim_end_matches("\"}").parse().unwrap(), value))
                .collect();
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            let bounds = match name.as_str() {
                "coredns_dns_request_duration_seconds" => 16,
                "coredns_proxy_request_duration_seconds" => 7,
                _ => 5,
            };
            assert_eq!(buckets.len(), bounds + 1, "{name}");
            assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{series}");
            assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, *count), "{series}");
            checked += 1;
        }
    }
    // One of durations, sizes of queries and answers over two transports each, four upstream servers.
    assert_eq!(checked, 1 + 2 * 2 + 4);
}

#[test]
fn a_fresh_node_shows_every_event_as_zero_and_no_empty_combination() {
    let families = read(&Metrics::new(&layout(), 2).exposition());
    assert_eq!(families["nodens_queries_coalesced_total"].samples["nodens_queries_coalesced_total"], 0.0);
    assert_eq!(families["coredns_panics_total"].samples["coredns_panics_total"], 0.0);
    assert_eq!(families["coredns_forward_max_concurrent_rejects_total"].samples.len(), 1);
    // What only encryption has to fear is not shown of the two that have none, and what only datagrams have of one alone.
    assert_eq!(families["nodens_upstream_failures_total"].samples.len(), 2 * 13 + 2 * 5);
    assert_eq!(families["nodens_upstream_doubts_total"].samples.len(), 5);
    assert!(!families.contains_key("coredns_dns_requests_total"));
    assert!(!families.contains_key("coredns_dns_request_duration_seconds"));
}

/// The layout of `config/kubernetes.toml` as it is, and that file.
fn kubernetes() -> (Layout, Config) {
    let text = include_str!("../../config/kubernetes.toml");
    let config = Config::parse(text, "kubernetes.toml", &Environment::neutral()).unwrap().config;
    let servers = config.listen.addresses.iter().map(|address| format!("dns://{address}")).collect();
    let zones = config.zones.iter().map(|zone| format!("{}.", zone.name.trim_end_matches('.'))).collect();
    let of = |upstream: &crate::config::Upstream| {
        let name = upstream.name.clone();
        let to = |server: &crate::config::Server| format!("{}://{}", server.transport.scheme(), server.address);
        upstream.servers.iter().map(move |server| (name.clone(), to(server))).collect::<Vec<_>>()
    };
    let upstreams = config.upstreams.iter().flat_map(of).collect();
    (Layout { servers, zones, upstreams }, config)
}

/// The most series that a node may have by what is shown: what is new here, CoreDNS's names besides, and those that it had before, too.
const MOST_SERIES: [(MetricNames, usize); 3] =
    [(MetricNames::Few, 600), (MetricNames::Coredns, 650), (MetricNames::All, 850)];

/// N38: whatever clients, servers and the kernel do, and whether it can be or not: every type, RCODE and source in every zone over every
/// transport, every event at every server, everything that the supervisor counts, every class of address.
#[test]
fn a_node_of_a_cluster_has_no_more_than_600_series_whatever_happens() {
    for (names, most) in MOST_SERIES {
        let (layout, mut config) = kubernetes();
        config.metrics.names = names;
        let families = on_its_worst_day(&layout, &config);
        let series: usize = families.values().map(|family| family.samples.len()).sum();
        let by_family = families.iter().map(|(name, family)| format!("{:4} {name}\n", family.samples.len()));
        eprintln!("{names:?}: {series} series at most");
        assert!(series <= most, "{names:?}: {series} series:\n{}", by_family.collect::<String>());
        // A quiet node has a good deal less.
        let quiet = Metrics::new(&layout, 2);
        quiet.set_config(&config);
        let series: usize = read(&quiet.exposition()).values().map(|family| family.samples.len()).sum();
        assert!((100..most / 2).contains(&series), "{names:?}: {series} series of a node that nobody asks");
    }
}

/// What is exposed of a node to which happened what can happen.
fn on_its_worst_day(layout: &Layout, config: &Config) -> BTreeMap<String, Read> {
    let metrics = Metrics::new(layout, 2);
    metrics.set_cache(Arc::new(HalfFull));
    metrics.set_config(config);
    metrics.set_hash("aa");
    let worker = metrics.worker(1);
    let zones = || (0..u16::try_from(layout.zones.len()).unwrap()).chain([u16::MAX]);
    let places =
        (0..u16::try_from(layout.servers.len()).unwrap()).flat_map(|server| zones().map(move |zone| (server, zone)));
    for (server, zone) in places {
        for protocol in [Protocol::Udp, Protocol::Tcp] {
            for qtype in 0..=260 {
                worker.answered(&Answered { server, zone, protocol, qtype, dnssec_ok: true, ..HIT });
            }
            for rcode in 0..30 {
                // Nobody is asked for a query that got to no zone, and nothing is kept of it.
                for source in Source::ALL.into_iter().skip(if zone == u16::MAX { 5 } else { 0 }) {
                    worker.answered(&Answered { server, zone, protocol, source, rcode, ..HIT });
                }
            }
        }
    }
    for server in 0..layout.upstreams.len() {
        (0..30).for_each(|rcode| worker.exchanged(server, rcode, Duration::from_millis(9)));
        UpstreamEvent::ALL.iter().for_each(|&event| worker.upstream(server, event));
        worker.connection_ended(server, 100);
        worker.upstream_down(server, true);
    }
    // What is not turned on has nobody who counts it; but answers are handed over from one worker to the next with the counters of snapshots.
    let can_be = |family: &family::Family| family.feature().is_none_or(|feature| feature == Feature::Snapshot);
    Event::ALL.iter().filter(|event| can_be(event.series().0)).for_each(|&event| worker.count(event));
    Gauge::ALL.iter().filter(|gauge| can_be(gauge.series().0)).for_each(|&gauge| worker.set(gauge, 1));
    // The filter leaves internal zones alone, and does one of two things in the others.
    for (number, _) in config.zones.iter().enumerate().filter(|(_, zone)| zone.class == Class::Public) {
        AddressClass::ALL.iter().for_each(|&class| worker.rebinding(u16::try_from(number).unwrap(), class, true));
    }
    read(&metrics.exposition())
}

#[test]
fn labels_are_escaped() {
    let layout = Layout { upstreams: vec![("a\"b\\c\nd".to_owned(), "udp://192.0.2.1:53".to_owned())], ..layout() };
    let text = Metrics::new(&layout, 1).exposition();
    assert!(text.contains(r#"upstream="a\"b\\c\nd""#));
    read(&text);
}

/// N32
#[test]
fn zones_and_servers_of_a_new_configuration_are_counted_and_no_count_is_lost() {
    let metrics = Metrics::new(&layout(), 2);
    let worker = metrics.worker(0);
    worker.answered(&Answered { zone: 0, ..HIT });
    worker.answered(&Answered { zone: u16::MAX, source: Source::Policy, ..HIT });
    worker.upstream(0, UpstreamEvent::TryTimeout);
    let mut grown = layout();
    // The zone has changed and stands there a second time; there is a new one, and many more.
    grown.zones.extend(["cluster.local.".to_owned(), "new.example.".to_owned()]);
    grown.zones.extend((0..MOST_LATER - 2).map(|number| format!("{number}.example.")));
    grown.upstreams.push(("new".to_owned(), "udp://192.0.2.54:53".to_owned()));
    metrics.extend(&grown);
    worker.answered(&Answered { zone: 2, ..HIT });
    worker.answered(&Answered { zone: 3, server: 1, protocol: Protocol::Tcp, ..HIT });
    let last = u16::try_from(grown.zones.len() - 1).unwrap();
    worker.answered(&Answered { zone: last, server: 1, protocol: Protocol::Tcp, ..HIT });
    worker.upstream(4, UpstreamEvent::TryTimeout);
    let families = read(&metrics.exposition());
    let requests = &families["coredns_dns_requests_total"];
    assert_eq!(requests.sum(&["zone=\"cluster.local.\""]), 2.0);
    assert_eq!(requests.sum(&["zone=\"new.example.\"", "proto=\"tcp\"", "family=\"2\""]), 1.0);
    assert_eq!(requests.sum(&[&format!("zone=\"{}\"", grown.zones.last().unwrap())]), 1.0);
    assert_eq!(requests.sum(&["zone=\"dropped\""]), 1.0);
    assert_eq!(requests.sum(&[]), 5.0);
    let timeouts = &families["nodens_upstream_failures_total"];
    assert_eq!(timeouts.sum(&["timeout", "cluster-dns"]), 1.0);
    assert_eq!(timeouts.sum(&["timeout", "upstream=\"new\""]), 1.0);
}

/// N17.
#[test]
fn what_each_server_of_the_configuration_in_force_must_prove_is_shown() {
    let metrics = Metrics::new(&layout(), 1);
    assert!(!read(&metrics.exposition()).contains_key("nodens_upstream_info"));
    let shown = |lines: &str| -> Vec<String> {
        let text = format!("[[upstream]]\nname = \"u\"\n{lines}\n[[zone]]\nname = \".\"\nupstream = \"u\"\n");
        let environment = Environment { cores: 1, ..Environment::neutral() };
        metrics.set_config(&Config::parse(&text, "f.toml", &environment).unwrap().config);
        let families = read(&metrics.exposition());
        let label =
            |series: &str, key: &str| series.split(&format!("{key}=\"")).nth(1)?.split('"').next().map(str::to_owned);
        let labels =
            |series: &String| ["upstream", "to", "transport", "authentication"].map(|key| label(series, key).unwrap());
        let mut shown: Vec<String> =
            families["nodens_upstream_info"].samples.keys().map(|series| labels(series).join(" ")).collect();
        shown.sort();
        shown
    };
    let pins = "pins = [\"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]";
    assert_eq!(
        shown("servers = [\"tls://192.0.2.1#dns.example\", \"tls://192.0.2.2\"]\ninsecure = true"),
        ["u tls://192.0.2.1:853 tls name", "u tls://192.0.2.2:853 tls none"]
    );
    assert_eq!(
        shown(&format!("servers = [\"tls://192.0.2.1#dns.example\", \"tls://192.0.2.2\"]\n{pins}")),
        ["u tls://192.0.2.1:853 tls name+pins", "u tls://192.0.2.2:853 tls pins"]
    );
    assert_eq!(shown("servers = [\"udp://192.0.2.3\"]"), ["u udp://192.0.2.3:53 udp none"]);
}

#[test]
fn the_hash_of_the_configuration_in_force_is_shown() {
    let metrics = Metrics::new(&layout(), 1);
    assert!(!read(&metrics.exposition()).contains_key("coredns_reload_version_info"));
    for hash in ["aa", "bb"] {
        metrics.set_hash(hash);
        let families = read(&metrics.exposition());
        let sample = format!("coredns_reload_version_info{{hash=\"sha256\",value=\"{hash}\"}}");
        assert_eq!(families["coredns_reload_version_info"].samples.len(), 1);
        assert_eq!(families["coredns_reload_version_info"].samples[&sample], 1.0);
    }
}

//------ Meaning -----------------------------------------------------------------------------------------------------

#[test]
fn workers_and_the_main_thread_are_added_up() {
    let metrics = Metrics::new(&layout(), 2);
    for (index, hits) in [(0, 3), (1, 4)] {
        let worker = metrics.worker(index);
        (0..hits).for_each(|_| worker.answered(&HIT));
        worker.count(Event::LogSuppressed);
        worker.set(Gauge::TcpConnections, 10);
        worker.upstream(1, UpstreamEvent::Retried);
    }
    metrics.main().count(Event::LogSuppressed);
    let text = metrics.exposition();
    for line in [
        r#"coredns_dns_requests_total{server="dns://169.254.20.10:53",zone=".",view="",proto="udp",family="1",type="A"} 7"#,
        r#"coredns_dns_responses_total{server="dns://169.254.20.10:53",zone=".",view="",rcode="NOERROR",plugin="cache"} 7"#,
        r#"coredns_dns_do_requests_total{server="dns://169.254.20.10:53",zone=".",view=""} 0"#,
        r#"coredns_dns_request_duration_seconds_bucket{server="dns://169.254.20.10:53",zone=".",view="",le="0.00025"} 7"#,
        r#"coredns_dns_request_size_bytes_sum{server="dns://169.254.20.10:53",zone=".",view="",proto="udp"} 350"#,
        r#"coredns_dns_response_size_bytes_bucket{server="dns://169.254.20.10:53",zone=".",view="",proto="udp",le="100"} 0"#,
        r#"coredns_dns_response_size_bytes_bucket{server="dns://169.254.20.10:53",zone=".",view="",proto="udp",le="4095"} 7"#,
        r#"coredns_cache_hits_total{server="dns://169.254.20.10:53",type="success",zones=".",view=""} 7"#,
        r"nodens_log_lines_suppressed_total 3",
        r"nodens_tcp_connections 20",
        r"nodens_workers 2",
        r#"nodens_upstream_retries_total{upstream="internet",to="tls://1.1.1.1:853",reason="connection"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn hits_and_misses_make_up_the_requests_of_the_cache() {
    let families = read(&busy().exposition());
    let total = |name: &str| families[name].sum(&[]);
    // Of eight answers a zone and worker, four are hits, of which one had expired and one is a failure, two are misses, one is local, one was refused.
    assert_eq!(total("coredns_cache_hits_total"), 4.0 * 4.0);
    assert_eq!(total("coredns_cache_served_stale_total"), 4.0);
    assert_eq!(total("coredns_cache_misses_total"), 2.0 * 4.0);
    assert_eq!(total("coredns_cache_requests_total"), 6.0 * 4.0);
    assert_eq!(total("coredns_dns_requests_total"), 8.0 * 4.0);
    assert_eq!(total("coredns_dns_responses_total"), 8.0 * 4.0);
    assert_eq!(total("coredns_forward_max_concurrent_rejects_total"), 6.0);
    assert_eq!(families["coredns_cache_entries"].sum(&["denial"]), 20.0);
    assert_eq!(families["nodens_cache_capacity_bytes"].sum(&["success"]), 64_000.0);
}

#[test]
fn upstream_servers_have_coredns_names_in_its_families() {
    let text = busy().exposition();
    for line in [
        r#"coredns_proxy_conn_cache_hits_total{proxy_name="forward",to="1.1.1.1:853",proto="tcp-tls"} 2"#,
        r#"coredns_proxy_conn_cache_hits_total{proxy_name="forward",to="10.96.0.11:53",proto="tcp"} 2"#,
        r#"coredns_proxy_conn_cache_misses_total{proxy_name="forward",to="192.0.2.53:53",proto="udp"} 0"#,
        r#"coredns_proxy_request_duration_seconds_count{proxy_name="forward",to="1.1.1.1:853",rcode="NOERROR"} 2"#,
        r#"coredns_proxy_request_duration_seconds_bucket{proxy_name="forward",to="1.1.1.1:853",rcode="NOERROR",le="0.004"} 0"#,
        r#"coredns_proxy_request_duration_seconds_bucket{proxy_name="forward",to="1.1.1.1:853",rcode="NOERROR",le="0.016"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_query_that_reached_no_zone_is_counted_as_dropped() {
    let metrics = Metrics::new(&layout(), 1);
    metrics.worker(0).answered(&Answered { server: 1, zone: u16::MAX, source: Source::Policy, rcode: 1, ..HIT });
    let families = read(&metrics.exposition());
    assert_eq!(families["coredns_dns_requests_total"].sum(&["zone=\"dropped\"", "family=\"2\""]), 1.0);
    assert!(!families.contains_key("coredns_cache_requests_total"));
}

#[test]
fn a_step_that_is_tried_alone_keeps_its_events() {
    let alone = WorkerMetrics::default();
    alone.answered(&HIT);
    alone.upstream(0, UpstreamEvent::Retried);
    alone.exchanged(0, 0, Duration::from_millis(1));
    alone.count(Event::Truncated);
    alone.set(Gauge::Waiting, 3);
    assert_eq!(alone.counted(Event::Truncated), 1);
    assert_eq!(alone.gauged(Gauge::Waiting), 3);
    assert_eq!(alone.counted_upstream(0, UpstreamEvent::Retried), 0);
}

//------ Against a naive model ---------------------------------------------------------------------------------------

prop_compose! {
    /// Any answer that the layout allows.
    fn any_answer()(
        server in 0..2_u16,
        zone in prop::sample::select(vec![0, 1, u16::MAX]),
        tcp in any::<bool>(),
        qtype in prop_oneof![Just(1), Just(28), Just(65), any::<u16>()],
        rcode in prop_oneof![0..24_u16, any::<u16>()],
        dnssec_ok in any::<bool>(),
        source in prop::sample::select(vec![
            Source::CacheSuccess, Source::CacheDenial, Source::Stale, Source::CacheFailure, Source::Forward, Source::Local, Source::Policy,
        ]),
        request_size in 0..70_000_usize,
        response_size in 0..70_000_usize,
        duration_us in 0..20_000_000_u64,
    ) -> Answered {
        let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
        let duration = Duration::from_micros(duration_us);
        Answered { server, zone, protocol, qtype, rcode, dnssec_ok, source, request_size, response_size, duration }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_answers_are_counted_as_a_naive_model_counts_them(
        answers in prop::collection::vec((0..2_usize, any_answer()), 0..200),
    ) {
        let layout = layout();
        let metrics = Metrics::new(&layout, 2);
        let mut model = HashMap::<String, f64>::new();
        let mut add = |series: String, value: f64| *model.entry(series).or_default() += value;
        for (worker, answer) in &answers {
            metrics.worker(*worker).answered(answer);
            let zone = layout.zones.get(usize::from(answer.zone)).map_or("dropped", String::as_str);
            let server = format!("server=\"{}\"", layout.servers[0]);
            let (at, all) = (format!("{server},zone=\"{zone}\",view=\"\""), format!("{server},zone=\".\",view=\"\""));
            let protocol = format!("{:?}", answer.protocol).to_lowercase();
            let family = if answer.server == 0 { 1 } else { 2 };
            let qtype = if zone == "dropped" { "other" } else { type_name(type_index(answer.qtype)) };
            add(format!("coredns_dns_requests_total{{{at},proto=\"{protocol}\",family=\"{family}\",type=\"{qtype}\"}}"), 1.0);
            let listener = &layout.servers[usize::from(answer.server)];
            add(format!("nodens_listener_queries_total{{server=\"{listener}\",proto=\"{protocol}\"}}"), 1.0);
            let (rcode, plugin) = (rcode_name(rcode_index(answer.rcode)), match answer.source {
                Source::CacheSuccess | Source::CacheDenial | Source::Stale | Source::CacheFailure => "cache",
                Source::Forward => "forward",
                Source::Local => "local",
                Source::Policy => "policy",
            });
            let rcode = match (rcode, plugin, zone) {
                ("FORMERR" | "NOTIMP", "policy", "dropped") | ("NOERROR" | "NXDOMAIN", ..) => rcode,
                ("REFUSED", "policy" | "forward", _) | ("SERVFAIL", "policy" | "forward" | "cache", _) => rcode,
                _ => "other",
            };
            add(format!("coredns_dns_responses_total{{{at},rcode=\"{rcode}\",plugin=\"{plugin}\"}}"), 1.0);
            add(format!("coredns_dns_do_requests_total{{{at}}}"), f64::from(u8::from(answer.dnssec_ok)));
            add(format!("coredns_dns_request_duration_seconds_count{{{all}}}"), 1.0);
            add(format!("coredns_dns_request_duration_seconds_sum{{{all}}}"), answer.duration.as_secs_f64());
            for power in 0..16 {
                let bound = 0.000_25 * f64::from(1 << power);
                let inside = f64::from(u8::from(answer.duration.as_secs_f64() <= bound));
                add(format!("coredns_dns_request_duration_seconds_bucket{{{all},le=\"{bound}\"}}"), inside);
            }
            for (size, name) in [(answer.request_size, "request"), (answer.response_size, "response")] {
                add(format!("coredns_dns_{name}_size_bytes_sum{{{all},proto=\"{protocol}\"}}"), size as f64);
                for bound in [100, 200, 511, 1023, 4095] {
                    let inside = f64::from(u8::from(size <= bound));
                    add(format!("coredns_dns_{name}_size_bytes_bucket{{{all},proto=\"{protocol}\",le=\"{bound}\"}}"), inside);
                }
            }
        }
        let families = read(&metrics.exposition());
        let found: HashMap<_, _> = families.values().flat_map(|family| &family.samples).collect();
        for (series, expected) in &model {
            let value = found.get(series).copied();
            prop_assert!(value.is_some(), "{} is missing", series);
            prop_assert!((value.unwrap() - expected).abs() < 1e-6 * expected.max(1.0), "{}: {:?} for {}", series, value, expected);
        }
        let total: f64 = families.get("coredns_dns_requests_total").map_or(0.0, |family| family.sum(&[]));
        prop_assert_eq!(total, answers.len() as f64);
    }
}
