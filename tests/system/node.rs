//! A pod and its node, as network namespaces: the link-local address, the C library, and what leaves the node.

use std::path::Path;

use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup};
use super::common::namespace::NetNs;
use super::common::peer::{Peer, free_address};
use super::common::skip::{Need, unless};
use super::common::upstream::NAME;

/// What pods ask.
const LINK_LOCAL: &str = "169.254.20.10";
/// The cluster's DNS, a service address on the node's side.
const CLUSTER_DNS: &str = "10.96.0.11:53";

/// What these tests need.
const NEEDS: &[Need] = &[Need::Namespaces, Need::Program("named"), Need::Program("dig"), Need::Program("getent")];

/// A node with the daemon on its link-local address, cluster DNS, and a pod that knows nothing but its resolv.conf.
/// Fields are dropped in their order: processes before the namespaces they run in.
struct Node {
    /// The daemon.
    daemon: Daemon,
    /// bind9 as cluster DNS.
    cluster: Peer,
    /// The pod.
    pod: NetNs,
    /// The node.
    _node: NetNs,
}

/// The zone of a cloud, in which no machine has a name.
const CLOUD_ZONE: &str =
    "$ORIGIN cloud.internal.\n$TTL 300\n@ SOA ns hostmaster 1 7200 1800 86400 300\n@ NS ns\nns A 10.0.0.2\n";

/// Builds a node with the daemon as it comes.
fn node() -> Node {
    node_with("", "")
}

/// Builds a node with more lines for `[local]` and for the cluster's zone.
fn node_with(local: &str, zone: &str) -> Node {
    let (node, pod) = (NetNs::new(), NetNs::new());
    node.link("veth-pod", "10.244.0.1/24", &pod, "eth0", "10.244.0.7/24");
    pod.ip(&["route", "add", "default", "via", "10.244.0.1"]);
    // With an IPv6 address the C library asks for both families at once.
    if Path::new("/proc/net/if_inet6").exists() {
        pod.ip(&["address", "add", "fd00:10:244::7/64", "dev", "eth0", "nodad"]);
    }
    // On loopback, not on a dummy device as nodes have it: not every kernel has that type, and packets do not see a difference.
    for address in ["169.254.20.10/32", "10.96.0.11/32"] {
        node.ip(&["address", "add", address, "dev", "lo"]);
    }
    pod.resolv_conf(&format!(
        "nameserver {LINK_LOCAL}\nsearch default.svc.cluster.local svc.cluster.local cluster.local cloud.internal\noptions ndots:5 timeout:5 attempts:1\n"
    ));
    let zones = [
        ("cluster.local", super::cluster_zone()),
        ("example.org", super::PUBLIC_ZONE.to_owned()),
        ("cloud.internal", CLOUD_ZONE.to_owned()),
    ];
    let zones: Vec<(&str, &str)> = zones.iter().map(|(origin, text)| (*origin, text.as_str())).collect();
    let cluster = Peer::bind_inside(CLUSTER_DNS.parse().unwrap(), &zones, &node);
    let daemon = Setup::new()
        .section("listen", &format!("addresses = [\"{LINK_LOCAL}:53\"]"))
        .section("local", local)
        .upstream("cluster", &[format!("tcp://{CLUSTER_DNS}")], "")
        .zone("cluster.local", "cluster", &format!("class = \"internal\"\n{zone}"))
        .zone(".", "cluster", "")
        .under(&node.wrapper())
        .start();
    Node { daemon, cluster, pod, _node: node }
}

impl Node {
    /// Runs a command in the pod; its standard output.
    #[track_caller]
    fn in_pod(&self, words: &[&str]) -> String {
        let output = self.pod.run(words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{words:?}: {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Has the C library look up `name` so many times, one after another, and says how many queries that costs the servers behind.
    #[track_caller]
    fn queries_of(&self, name: &str, lookups: usize) -> usize {
        let asked = || self.cluster.log().matches("query: ").count();
        let before = asked();
        let said = self.in_pod(&[&["getent", "ahosts"], &vec![name; lookups][..]].concat());
        assert!(said.matches("STREAM").count() >= lookups, "{said}");
        asked() - before
    }
}

#[test]
fn a_pod_asks_the_link_local_address_of_its_node() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = node();
    for transport in ["+notcp", "+tcp"] {
        let said =
            node.in_pod(&["dig", &format!("@{LINK_LOCAL}"), transport, "+tries=1", "web.default.svc.cluster.local"]);
        assert!(said.contains("10.96.12.34") && said.contains(&format!("SERVER: {LINK_LOCAL}#53")), "{said}");
    }
}

#[test]
fn the_c_library_finds_services_and_public_names_through_its_search_list() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = node();
    for (name, address) in [
        ("web", "10.96.12.34"),
        ("web.default", "10.96.12.34"),
        ("db.prod.svc", "10.244.1.2"),
        ("www.example.org", "192.0.2.80"),
        ("localhost", "127.0.0.1"),
    ] {
        // A and AAAA leave one socket at the same time; both must come back.
        let said = node.in_pod(&["getent", "ahosts", name]);
        assert!(said.contains(address), "{name}: {said}");
    }
    let before = node.cluster.log().matches("query: ").count();
    node.in_pod(&["getent", "ahosts", "web.default"]);
    assert_eq!(node.cluster.log().matches("query: ").count(), before, "the second time memory answers");
}

/// N12: a pod that looks up an outside name again and again, with ndots:5 and four search domains: ten queries a lookup from the C library, and
/// none of them leaves the node.
#[test]
fn a_loop_of_getaddrinfo_costs_the_upstreams_next_to_nothing() {
    if unless(NEEDS).is_some() {
        return;
    }
    // Not the 5 s of a cluster zone: a test on a busy machine may be slower than a pod, and then there is more than one renewal in it.
    let node = node_with("", "max-negative-ttl = \"30s\"");
    let first = node.queries_of("www.example.org", 1);
    assert!((5..=10).contains(&first), "both families of each expansion, unless a denial came first: {first}");
    let queries = node.queries_of("www.example.org", 1_000);
    eprintln!("{first} queries for the first lookup, {queries} for 1,000 more");
    assert!(queries <= 10, "{queries} queries for 1,000 lookups");
}

/// N12: with the list of dead suffixes, not even the first lookup of a name asks for what the search path makes of it.
#[test]
fn dead_suffixes_keep_what_a_search_path_makes_up_on_the_node() {
    if unless(NEEDS).is_some() {
        return;
    }
    let dead = r#"dead-suffixes = ["org.*.svc.cluster.local", "org.svc.cluster.local", "org.cluster.local", "cloud.internal"]"#;
    let node = node_with(dead, "");
    for name in ["a.example.org", "b.example.org", "c.example.org"] {
        assert!(node.queries_of(name, 5) <= 2, "the addresses of the name itself, of each family");
    }
    assert!(node.in_pod(&["getent", "ahosts", "web"]).contains("10.96.12.34"), "what exists is found");
    let log = node.cluster.log();
    assert!(!log.contains("query: a.example.org."), "{log}");
}

/// N30: the C library asks for both families at once; where AAAA is left out, that is one query, and the name is found.
#[test]
fn the_c_library_finds_names_of_a_zone_that_leaves_a_family_out() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = node_with("", "no-types = [\"AAAA\"]");
    assert_eq!(node.queries_of("web", 1), 1);
    let said = node.in_pod(&["getent", "ahosts", "web"]);
    assert!(said.contains("10.96.12.34") && !said.contains("fd00:10:96::1234"), "{said}");
    assert_eq!(node.pod.run(&["getent", "ahosts", "nothing.default.svc"]).status.code(), Some(2), "not found");
}

#[test]
fn the_c_library_finds_services_of_both_families() {
    if unless(&[NEEDS, &[Need::Ipv6]].concat()).is_some() {
        return;
    }
    let node = node();
    for _ in 0..2 {
        let said = node.in_pod(&["getent", "ahosts", "web"]);
        assert!(said.contains("10.96.12.34") && said.contains("fd00:10:96::1234"), "{said}");
    }
    let said = node.in_pod(&["getent", "ahostsv6", "web"]);
    assert!(said.contains("fd00:10:96::1234"), "{said}");
}

#[test]
fn the_c_library_takes_a_set_of_200_pods() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = node();
    let said = node.in_pod(&["getent", "ahostsv4", "many.prod.svc"]);
    assert_eq!(said.lines().filter(|line| line.contains("STREAM")).count(), 200, "{said}");
}

#[test]
fn a_name_that_does_not_exist_is_an_error_of_the_c_library_at_once() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = node();
    let output = node.pod.run(&["getent", "ahosts", "nothing.default.svc"]);
    assert_eq!(output.status.code(), Some(2), "not found, not failed: {}", String::from_utf8_lossy(&output.stderr));
    assert!(node.daemon.log().iter().all(|line| !line.contains("ERROR")), "{:#?}", node.daemon.log());
}

#[test]
fn a_wrong_certificate_sends_nothing_in_plain_text_to_any_port() {
    if unless(&[Need::Namespaces, Need::Program("named"), Need::Program("dnsdist"), Need::Program("dig")]).is_some() {
        return;
    }
    // On loopback of the test's own host: the resolver's plain port is open and would answer, but is never asked.
    let (known, unknown, backend) = (Authority::new(), Authority::new(), super::bind());
    let resolver = Peer::dnsdist(free_address(), backend.address, &unknown.certificate(&[NAME]));
    let extra = format!("ca = {:?}", known.file());
    let daemon = Setup::new()
        .upstream("all", &[format!("tls://{}#{NAME}", resolver.address)], &extra)
        .zone(".", "all", "")
        .start();
    let port = daemon.udp_address().port().to_string();
    let said = super::common::peer::output("dig", &["@127.0.0.1", "-p", &port, "+tries=1", "www.example.org"]);
    assert!(said.contains("status: SERVFAIL") && said.contains("EDE"), "{said}");
    assert_eq!(backend.log().matches("query: www.example.org").count(), 0, "{}", backend.log());
}
