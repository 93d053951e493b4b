//! nodens as node-cache on loopback: metrics, ports and lines that people already look at. Needs N31.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::common::ask::Ask;
use super::common::client::{Tcp, Udp};
use super::common::daemon::{BINARY, Daemon};
use super::common::metrics::{Scrape, get};
use super::common::peer::free_address;
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;
use super::common::wire::rcode;

/// Every name of a CoreDNS that node-local-dns ships, with its labels; the shape of those that histograms have is their count.
const NAMES: &[(&str, &[&str])] = &[
    ("coredns_nodecache_setup_errors_total", &["errortype"]),
    ("coredns_build_info", &["version", "revision", "goversion"]),
    ("coredns_panics_total", &[]),
    ("coredns_plugin_enabled", &["server", "zone", "view", "name"]),
    ("coredns_dns_requests_total", &["server", "zone", "view", "proto", "family", "type"]),
    ("coredns_dns_responses_total", &["server", "zone", "view", "rcode", "plugin"]),
    ("coredns_dns_request_duration_seconds_count", &["server", "zone", "view"]),
    ("coredns_dns_request_size_bytes_count", &["server", "zone", "view", "proto"]),
    ("coredns_dns_response_size_bytes_count", &["server", "zone", "view", "proto"]),
    ("coredns_dns_do_requests_total", &["server", "zone", "view"]),
    ("coredns_cache_entries", &["server", "type", "zones", "view"]),
    ("coredns_cache_requests_total", &["server", "zones", "view"]),
    ("coredns_cache_hits_total", &["server", "type", "zones", "view"]),
    ("coredns_cache_misses_total", &["server", "zones", "view"]),
    ("coredns_cache_prefetch_total", &["server", "zones", "view"]),
    ("coredns_cache_drops_total", &["server", "zones", "view"]),
    ("coredns_cache_served_stale_total", &["server", "zones", "view"]),
    ("coredns_cache_evictions_total", &["server", "type", "zones", "view"]),
    ("coredns_forward_healthcheck_broken_total", &[]),
    ("coredns_forward_max_concurrent_rejects_total", &[]),
    ("coredns_proxy_request_duration_seconds_count", &["proxy_name", "to", "rcode"]),
    ("coredns_proxy_healthcheck_failures_total", &["proxy_name", "to"]),
    ("coredns_proxy_conn_cache_hits_total", &["proxy_name", "to", "proto"]),
    ("coredns_proxy_conn_cache_misses_total", &["proxy_name", "to", "proto"]),
    ("coredns_reload_failed_total", &[]),
    ("coredns_reload_version_info", &["hash", "value"]),
    ("process_cpu_seconds_total", &[]),
    ("process_resident_memory_bytes", &[]),
    ("process_open_fds", &[]),
];

/// Names that CoreDNS had before; with `metrics.names = "all"`.
const OLDER: &[(&str, &[&str])] = &[
    ("coredns_forward_requests_total", &["to"]),
    ("coredns_forward_responses_total", &["to", "rcode"]),
    ("coredns_forward_request_duration_seconds_count", &["to", "rcode"]),
    ("coredns_forward_healthcheck_failures_total", &["to"]),
];

/// Names that are left out; the manual says why.
const LEFT_OUT: &[&str] = &[
    "coredns_health_request_duration_seconds",
    "coredns_health_request_failures_total",
    "coredns_template_template_failures_total",
    "go_*",
];

/// A node-cache on loopback whose Corefile has a zone with a server and one whose server is gone.
struct Node {
    /// The daemon.
    daemon: Daemon,
    /// Where it answers.
    listen: SocketAddr,
    /// Where metrics are: the Corefile's, and the flag's.
    metrics: [SocketAddr; 2],
    /// Where health and readiness are.
    probes: [SocketAddr; 2],
    /// Its files.
    folder: tempfile::TempDir,
}

/// Starts it before `upstream`, with more lines for its own file.
fn start(upstream: &Upstream, own: &str) -> Node {
    let folder = tempfile::tempdir().unwrap();
    let [listen, one, other, health, ready] = [(); 5].map(|()| free_address());
    let corefile = format!(
        ".:{port} {{\n errors\n cache 30\n bind __PILLAR__LOCAL__DNS__\n forward . {} {{\n force_tcp\n }}\n prometheus __PROMETHEUS__ENDPOINT__\n health {health}\n ready {ready}\n}}\n\
         dead.example:{port} {{\n errors\n bind __PILLAR__LOCAL__DNS__\n forward . 127.0.0.1:1 {{\n force_tcp\n }}\n}}\n",
        upstream.address,
        port = listen.port()
    );
    fs::write(folder.path().join("Corefile.base"), corefile).unwrap();
    let log = folder.path().join("queries");
    let own = format!(
        "[query-log]\noutput = \"file:{}\"\n[sandbox]\nuser = \"root\"\n[log]\nlevel = \"debug\"\n{own}",
        log.display()
    );
    fs::write(folder.path().join("nodens.toml"), own).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut command = Command::new(BINARY);
    command.args(["node-cache", "--localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false"]);
    command.args(["-basecorefile", &path("Corefile.base"), "-conf", &path("Corefile"), "-pidfile", &path("pid")]);
    command.args(["-kubednscm", &path("kube-dns"), &format!("-prometheus-listen-address={one}")]);
    command.args([&format!("-metrics-listen-address={other}"), "-dns.port", &listen.port().to_string()]);
    let daemon = Daemon::start(command, tempfile::tempdir().unwrap());
    Node { daemon, listen, metrics: [one, other], probes: [health, ready], folder }
}

/// Asks for something of every kind.
fn ask_all(listen: SocketAddr) {
    let (udp, mut tcp) = (Udp::to(listen), Tcp::to(listen));
    for _ in 0..2 {
        udp.ask(&Ask::a("www.example.org"));
        tcp.ask(&Ask::a("tcp.example.org").dnssec_ok());
    }
    assert_eq!(udp.ask(&Ask::a("www.dead.example")).rcode(), rcode::SERVFAIL);
}

/// The series of a page.
#[track_caller]
fn scrape(address: SocketAddr) -> Scrape {
    let page = get(address, "/metrics");
    assert_eq!(page.status, 200);
    Scrape::read(&page.body)
}

/// Checks that each name is there with exactly these labels.
#[track_caller]
fn check(scrape: &Scrape, names: &[(&str, &[&str])]) {
    for (name, labels) in names {
        let series = scrape.series.iter().find(|series| series.name == *name);
        let series = series.unwrap_or_else(|| panic!("no {name}\n{}", scrape.text));
        let mut expected: Vec<&str> = labels.to_vec();
        expected.sort_unstable();
        assert_eq!(series.labels.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{name}");
    }
}

/// N31, 2.13: "both metrics ports answer; 2.8 names present"
#[test]
fn both_ports_of_metrics_have_all_names_of_coredns_with_their_labels() {
    let upstream = Upstream::tcp().serve(one_address);
    let node = start(&upstream, "");
    ask_all(node.listen);
    for address in node.metrics {
        let scrape = scrape(address);
        check(&scrape, NAMES);
        assert!(OLDER.iter().all(|(name, _)| !scrape.text.contains(name)), "only for those who ask for them");
        for kind in ["iptables", "iptables_lock", "interface_add", "interface_check", "configmap"] {
            assert_eq!(scrape.value("coredns_nodecache_setup_errors_total", &[("errortype", kind)]), Some(0.0));
        }
        assert!(scrape.value("coredns_plugin_enabled", &[("zone", "."), ("name", "errors")]) == Some(1.0));
        let server = format!("dns://{}", node.listen);
        assert!(
            scrape.value("coredns_dns_requests_total", &[("server", &server), ("zone", "."), ("family", "1")])
                > Some(0.0)
        );
    }
    let manual = include_str!("../../src/manual/dropin.rs");
    for name in LEFT_OUT {
        assert!(manual.contains(&format!("`{name}`")), "the manual says why there is no {name}");
    }
}

/// N31: alerts that were written years ago.
#[test]
fn older_names_of_coredns_are_there_for_those_who_ask_for_them() {
    let upstream = Upstream::tcp().serve(one_address);
    let node = start(&upstream, "[metrics]\nnames = \"all\"\n");
    ask_all(node.listen);
    let scrape = scrape(node.metrics[0]);
    check(&scrape, NAMES);
    check(&scrape, OLDER);
    let to = upstream.address.to_string();
    assert_eq!(scrape.value("coredns_forward_responses_total", &[("to", &to), ("rcode", "NOERROR")]), Some(2.0));
}

/// N31, 2.9, 2.11: probes, the file with the process's number, and the line of a failure.
#[test]
fn probes_files_and_lines_are_those_of_node_cache() {
    let upstream = Upstream::tcp().serve(one_address);
    let mut node = start(&upstream, "");
    ask_all(node.listen);
    let [health, ready] = node.probes.map(|address| (get(address, "/health"), get(address, "/ready")));
    assert_eq!((health.0.status, health.0.body.as_str(), health.1.status), (200, "OK", 200));
    assert_eq!((ready.0.status, ready.1.status), (404, 200));
    assert!(ready.1.body.starts_with("OK"), "{}", ready.1.body);
    let read = |name: &str| fs::read_to_string(node.folder.path().join(name)).unwrap_or_default();
    wait_until("the failure has a line", || {
        read("queries").lines().any(|line| line.starts_with("[ERROR] plugin/errors: 2 www.dead.example. A: "))
    });
    assert!(!read("queries").contains("[INFO]"), "nobody asked for a log of queries");
    assert_eq!(read("pid").trim(), node.daemon.pid().to_string());
    assert!(read("Corefile").contains(&format!("forward . {}", upstream.address)));
    node.daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(node.daemon.wait().code(), Some(0));
    assert!(!node.folder.path().join("pid").exists());
}

/// N31, N35: what a cloud's load balancer says passes and is told of; one line in a file of nodens's own blocks it.
#[test]
fn private_addresses_are_reported_unless_somebody_says_otherwise() {
    for (own, answers, action) in
        [("", 1, "reported"), ("[[zone]]\nname = \".\"\nrebinding.mode = \"block\"\n", 0, "blocked")]
    {
        let upstream = Upstream::tcp().serve(|query: &super::Query| query.answer().addresses(300, &[[10, 0, 0, 1]]));
        let node = start(&upstream, own);
        let reply = Udp::to(node.listen).ask(&Ask::a("lb.example.org"));
        assert_eq!(reply.answers.len(), answers, "{own:?}");
        let scrape = scrape(node.metrics[0]);
        assert_eq!(
            scrape.value("nodens_rebinding_answers_total", &[("action", action)]),
            Some(1.0),
            "{own:?}\n{}",
            scrape.text
        );
    }
}
