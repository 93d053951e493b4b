//! On a node: links and rules that others take away, are in the way of, or do not allow.

use super::super::common::cluster::{Cluster, DNS_POD, KUBE_DNS, LINK_LOCAL, Proxy, UPSTREAM, Wiring};
use super::super::common::daemon::{Daemon, Setup};
use super::super::common::namespace::NetNs;
use super::super::common::skip::Need;
use super::{is_missing, row};

/// What these tests need.
const NEEDS: &[Need] = &[
    Need::Namespaces,
    Need::Program("named"),
    Need::Program("nft"),
    Need::Program("conntrack"),
    Need::Program("unshare"),
];

/// A daemon that manages its link and, with nftables, its rules.
fn setup(space: &NetNs, addresses: &[&str], rules: &str) -> Setup {
    Setup::new()
        .under(&space.wrapper())
        .section("listen", &format!("addresses = {addresses:?}"))
        .section("interface", "manage = true")
        .section("rules", rules)
        .upstream("cluster-dns", &[format!("tcp://{UPSTREAM}")], "")
        .zone("cluster.local", "cluster-dns", "class = \"internal\"")
        .zone(".", "cluster-dns", "")
}

/// Looks at the row from the node.
#[track_caller]
fn holds(symptom: &str, daemon: &Daemon, space: &NetNs) {
    row(symptom).at(daemon).inside(space).holds(&|| daemon.log());
}

#[test]
fn what_others_take_away() {
    if is_missing(NEEDS) {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = cluster.serve(&[("cluster.local", super::super::CLUSTER_ZONE)]);
    let rules = format!("backend = \"nftables\"\nfallback = [\"{DNS_POD}\"]");
    let daemon = setup(&cluster.node, &[LINK_LOCAL, KUBE_DNS], &rules).start();
    let pods = row("pods get no answer at the address of kube-dns").with("POD", &Cluster::pod_address(0));
    let pods = pods.at(&daemon).inside(&cluster.node);
    // Until there are rules, nobody's way but kube-proxy's is open.
    pods.holds_alone();
    for transport in ["+notcp", "+tcp"] {
        let said = cluster.dig(0, KUBE_DNS, "web.default.svc.cluster.local", &[transport]);
        assert!(said.contains("10.96.12.34"), "{said}");
    }
    pods.holds_alone();
    cluster.node.ip(&["link", "delete", "nodelocaldns"]);
    holds("the link has gone", &daemon, &cluster.node);
    cluster.node.output(&["nft", "delete", "table", "inet", "nodens"]);
    holds("the rules have gone", &daemon, &cluster.node);
}

#[test]
fn what_is_in_the_way() {
    if is_missing(NEEDS) {
        return;
    }
    let node = NetNs::new();
    node.ip(&["link", "add", "nodelocaldns", "type", "veth", "peer", "name", "other"]);
    node.ip(&["address", "add", "10.1.2.3/24", "dev", "nodelocaldns"]);
    let daemon = setup(&node, &["127.0.0.1:0", LINK_LOCAL], "").spawn();
    daemon.wait_for_log("service=metrics");
    holds("there is a link of that name already", &daemon, &node);
}

#[test]
fn what_is_not_allowed() {
    if is_missing(&[NEEDS, &[Need::Program("setpriv")]].concat()) {
        return;
    }
    let node = NetNs::new();
    let setup = setup(&node, &["127.0.0.1:0", LINK_LOCAL], "");
    let daemon = setup.around(&["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]).spawn();
    daemon.wait_for_log("service=metrics");
    holds("link and rules cannot be made", &daemon, &node);
}
