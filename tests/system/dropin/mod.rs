//! In the place of node-local-dns: the official manifest with another image, and all that people do around it. Needs N31, N32.
//!
//! Each line of the acceptance list for a drop-in is a test here; those that need no network are beside the code (`src/cli/node_cache`,
//! `src/corefile`).

mod alike;
mod changes;
mod container;
mod encrypted;
mod manifest;
mod plugins;
mod takeover;

use crate::common::cluster::Cluster;
use crate::common::peer::Peer;
use crate::common::skip::Need;

/// What these tests need.
const NEEDS: &[Need] = &[
    Need::Namespaces,
    Need::Program("named"),
    Need::Program("dig"),
    Need::Program("nft"),
    Need::Program("iptables-restore"),
    Need::Program("unshare"),
];

/// The link of node-local-dns.
const LINK: &str = "nodelocaldns";

/// The comments of node-local-dns's rules.
const COMMENTS: [&str; 2] = ["NodeLocal DNS Cache: skip conntrack", "NodeLocal DNS Cache: allow DNS traffic"];

/// Rules for one address: queries and answers past connection tracking and through the filter, over both transports, and probes.
const RULES_OF_AN_ADDRESS: usize = 12;

/// A name of the cluster, and its address.
const CLUSTER_NAME: (&str, &str) = ("web.default.svc.cluster.local", "10.96.12.34");
/// A name outside, and its address.
const PUBLIC_NAME: (&str, &str) = ("www.example.org", "192.0.2.80");

/// The reverse zone of the cluster's services.
const REVERSE_ZONE: &str = "$TTL 30\n@ SOA ns.dns.cluster.local. hostmaster 1 7200 1800 86400 30\n@ NS ns.dns.cluster.local.\n34.12 PTR web.default.svc.cluster.local.\n";

/// The cluster's DNS, which knows the names outside as well: the node's resolv.conf names it.
fn serve(cluster: &Cluster) -> Peer {
    cluster.serve(&[
        ("cluster.local", super::CLUSTER_ZONE),
        ("example.org", super::PUBLIC_ZONE),
        ("96.10.in-addr.arpa", REVERSE_ZONE),
    ])
}

/// The rules of node-local-dns on the node, as `iptables-save` prints them.
fn rules(cluster: &Cluster) -> Vec<String> {
    let text: String = ["raw", "filter"].map(|table| cluster.node.output(&["iptables-save", "-t", table])).concat();
    text.lines().filter(|line| COMMENTS.iter().any(|comment| line.contains(comment))).map(str::to_owned).collect()
}

/// The addresses on its link; `None` if there is no link.
fn addresses(cluster: &Cluster) -> Option<Vec<String>> {
    let output = cluster.node.run(&["ip", "-4", "-brief", "address", "show", "dev", LINK]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output
        .status
        .success()
        .then(|| text.split_whitespace().skip(2).map(|word| word.trim_end_matches("/32").to_owned()).collect())
}

/// Whether a pod gets the address of a name from this server.
fn resolves(cluster: &Cluster, server: &str, (name, address): (&str, &str)) -> bool {
    let server = format!("@{server}");
    let output = cluster.pods[0].run(&["dig", &server, name, "+tries=1", "+time=2", "+short"]);
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line == address)
}
