//! The ways to put nodens on a node, each with its sample of `config/`.

use super::common::cluster::{Cluster, KUBE_DNS, Proxy, SERVICES_V6, UPSTREAM, Wiring};
use super::common::skip::{Need, unless};

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
        for server in services.iter().filter(|server| !server.contains(':') || super::common::cluster::has_ipv6()) {
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
