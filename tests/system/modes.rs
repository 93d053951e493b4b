//! The ways to put nodens on a node, each with its sample of `config/`.

use std::fs;
use std::path::Path;

use super::common::cluster::{
    Cluster, DNS_POD, KUBE_DNS, LINK_LOCAL, LOCAL_V6, Proxy, SERVICES_V6, UPSTREAM, Wiring, has_ipv6,
};
use super::common::daemon::{Daemon, Setup};
use super::common::namespace::NetNs;
use super::common::peer::Peer;
use super::common::skip::{Need, unless};
use super::common::wait_until;

/// What these tests need.
const NEEDS: &[Need] =
    &[Need::Namespaces, Need::Program("named"), Need::Program("dig"), Need::Program("nft"), Need::Program("iptables")];

/// The cluster's zone.
fn zones() -> [(&'static str, &'static str); 1] {
    [("cluster.local", super::CLUSTER_ZONE)]
}

/// Without any cache: what a pod asks reaches the cluster's DNS however pods and services are made.
#[test]
fn the_cluster_of_the_tests_works_without_a_cache() {
    if unless(NEEDS).is_some() {
        return;
    }
    for (wiring, proxy) in
        [(Wiring::Bridge, Proxy::Nftables), (Wiring::Routed, Proxy::Iptables), (Wiring::Routed, Proxy::Ipvs)]
    {
        let cluster = Cluster::new(2, wiring, proxy);
        let dns = cluster.serve(&zones());
        let services = [KUBE_DNS, UPSTREAM, SERVICES_V6[0]];
        for server in services.iter().filter(|server| !server.contains(':') || has_ipv6()) {
            for transport in ["+notcp", "+tcp"] {
                let said = cluster.dig(1, server, "web.default.svc.cluster.local", &[transport]);
                assert!(said.contains("10.96.12.34"), "{wiring:?} {proxy:?} {server}: {said}");
            }
        }
        let said = cluster.node.output(&["dig", &format!("@{UPSTREAM}"), "web.default.svc.cluster.local", "+tries=1"]);
        assert!(said.contains("10.96.12.34"), "from the node: {said}");
        drop(dns);
    }
}

/// What pods ask for in these tests.
const NAME: &str = "web.default.svc.cluster.local";
/// What they get.
const ADDRESS: &str = "10.96.12.34";

/// A sample configuration.
fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
}

/// Starts the daemon with a configuration inside a namespace.
#[track_caller]
fn start(text: &str, space: &NetNs) -> Daemon {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodens.toml");
    fs::write(&file, text).unwrap();
    Setup::new().under(&space.wrapper()).start_at(&file)
}

/// Waits until queries for the cluster's DNS come to the daemon: it makes its rules when it answers.
#[track_caller]
fn wait_for_rules(cluster: &Cluster) {
    wait_until("there are rules", || cluster.node.output(&["nft", "list", "tables"]).contains("inet nodens"));
}

/// How often the cluster's DNS was asked for the name.
fn asked(dns: &Peer) -> usize {
    dns.log().matches(&format!("query: {NAME} ")).count()
}

/// Has a pod ask these servers over UDP and TCP, and checks that all together cost the cluster's DNS so many queries.
#[track_caller]
fn costs(cluster: &Cluster, dns: &Peer, pod: usize, servers: &[&str], expected: usize) {
    let before = asked(dns);
    for server in servers {
        for transport in ["+notcp", "+tcp"] {
            let said = cluster.dig(pod, server, NAME, &[transport]);
            assert!(said.contains(ADDRESS) && said.contains(&format!("SERVER: {server}#53")), "{said}");
        }
    }
    assert_eq!(asked(dns) - before, expected, "{servers:?}");
}

/// The links of a namespace and its packet rules.
fn state(space: &NetNs) -> String {
    ["ip -oneline link", "ip -oneline address", "nft list ruleset", "iptables-save"]
        .iter()
        .map(|line| space.output(&line.split(' ').collect::<Vec<_>>()))
        .flat_map(|text| {
            text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect::<Vec<_>>()
        })
        .collect()
}

/// N22: pods go on asking kube-dns, and the cache answers; kube-dns-upstream leads to the cluster's DNS all the same.
#[test]
fn beside_kube_proxy_both_addresses_are_the_cache() {
    if unless(NEEDS).is_some() {
        return;
    }
    for (wiring, proxy) in [(Wiring::Routed, Proxy::Iptables), (Wiring::Bridge, Proxy::Nftables)] {
        let cluster = Cluster::new(2, wiring, proxy);
        let dns = cluster.serve(&zones());
        let _daemon = start(&sample("kubernetes.toml"), &cluster.node);
        wait_for_rules(&cluster);
        costs(&cluster, &dns, 0, &[LINK_LOCAL], 1);
        costs(&cluster, &dns, 1, &[LINK_LOCAL, KUBE_DNS], 0);
        costs(&cluster, &dns, 1, &[UPSTREAM], 2);
        let said = cluster.node.output(&["dig", &format!("@{KUBE_DNS}"), NAME, "+tries=1"]);
        assert!(said.contains(ADDRESS), "the node's own programs: {said}");
        drop(dns);
    }
}

/// N21: one process, both families.
#[test]
fn pods_of_both_families_ask_one_process() {
    if unless(&[NEEDS, &[Need::Ipv6]].concat()).is_some() {
        return;
    }
    let cluster = Cluster::new(2, Wiring::Routed, Proxy::Nftables);
    let dns = cluster.serve(&zones());
    let all = [LINK_LOCAL, KUBE_DNS, LOCAL_V6, SERVICES_V6[0]];
    let text = sample("kubernetes.toml")
        .replace("addresses = [\"169.254.20.10\", \"10.96.0.10\"]", &format!("addresses = {all:?}"));
    let _daemon = start(&text, &cluster.node);
    wait_for_rules(&cluster);
    costs(&cluster, &dns, 0, &[LOCAL_V6], 1);
    costs(&cluster, &dns, 1, &all, 0);
}

/// N22: IPVS has the address of kube-dns; pods ask the link-local one, and kube-dns is what it was.
#[test]
fn beside_ipvs_the_link_local_address_alone_is_the_cache() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(2, Wiring::Routed, Proxy::Ipvs);
    let dns = cluster.serve(&zones());
    let _daemon = start(&sample("kubernetes-ipvs.toml"), &cluster.node);
    costs(&cluster, &dns, 0, &[LINK_LOCAL], 1);
    costs(&cluster, &dns, 1, &[LINK_LOCAL], 0);
    costs(&cluster, &dns, 1, &[KUBE_DNS], 2);
    let said = cluster.node.output(&["ip", "-brief", "-4", "address"]);
    assert_eq!(said.matches("10.96.0.10/32").count(), 1, "on kube-ipvs0 alone: {said}");
}

/// N22: a pod like others, to which Cilium leads what is meant for kube-dns.
#[test]
fn behind_a_local_redirect_nothing_on_the_node_is_touched() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(3, Wiring::Routed, Proxy::Nftables);
    let dns = cluster.serve(&zones());
    // What Cilium does in its programs.
    let (v4, v6) = (Cluster::pod_address(0), Cluster::pod_address_v6(0));
    cluster.services(&[(KUBE_DNS, &v4), (SERVICES_V6[0], &v6), (UPSTREAM, DNS_POD)]);
    let before = [&cluster.node, &cluster.pods[0]].map(state);
    let _daemon = start(&sample("kubernetes-cilium.toml"), &cluster.pods[0]);
    assert_eq!([&cluster.node, &cluster.pods[0]].map(state), before);
    costs(&cluster, &dns, 1, &[KUBE_DNS], 1);
    costs(&cluster, &dns, 2, &[KUBE_DNS], 0);
    if has_ipv6() {
        costs(&cluster, &dns, 2, &[SERVICES_V6[0]], 0);
    }
}

/// N21: a host that is no node, with and without IPv6.
#[test]
fn on_a_plain_host_it_listens_and_nothing_else() {
    if unless(NEEDS).is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("cache");
    let text = sample("systemd.toml").replace("/var/lib/nodens/cache", kept.to_str().unwrap());
    for with_ipv6 in [true, false] {
        let host = NetNs::new();
        if !with_ipv6 && has_ipv6() {
            host.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
        }
        let before = state(&host);
        let daemon = start(&text, &host);
        let warned = daemon.log().iter().any(|line| line.contains("[::1]:53") && line.contains("has no IPv6"));
        assert_eq!(warned, !(with_ipv6 && has_ipv6()), "{:#?}", daemon.log());
        for server in ["127.0.0.1", "::1"].iter().filter(|server| !warned || !server.contains(':')) {
            let said = host.output(&["dig", &format!("@{server}"), "localhost", "+tries=1"]);
            assert!(said.contains("127.0.0.1"), "{said}");
        }
        assert_eq!(state(&host), before);
    }
}
