//! nodens among the programs it will live with: bind9 as cluster DNS, dnsdist and unbound as DNS-over-TLS resolvers, dig, kdig,
//! dnsperf and the C library as clients, pods and nodes as network namespaces.
//!
//! A test whose programs or rights are missing says so (`common/skip.rs`) and counts as skipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each kind of test uses another part")]
mod common;

mod chaos;
mod clients;
mod cluster;
mod dashboard;
mod demo;
mod dnssec;
mod dropin;
mod egress;
mod interface;
mod life;
mod modes;
mod network;
mod node;
mod rebinding;
mod reload;
mod resolvers;
mod rules;
mod series;
mod troubleshooting;
mod tunnels;

use common::daemon::Setup;
use common::peer::{Peer, free_address};
use common::upstream::{Upstream, one_address};

/// The zone of a small cluster, as its DNS shows it.
const CLUSTER_ZONE: &str = r"$ORIGIN cluster.local.
$TTL 30
@ SOA ns.dns hostmaster 1 7200 1800 86400 30
@ NS ns.dns
ns.dns A 10.96.0.10
web.default.svc A 10.96.12.34
web.default.svc AAAA fd00:10:96::1234
_http._tcp.web.default.svc SRV 0 100 80 web.default.svc
db.prod.svc A 10.244.1.1
db.prod.svc A 10.244.1.2
db.prod.svc A 10.244.1.3
external.default.svc CNAME www.example.org.
";

/// The public names that resolvers of these tests know.
const PUBLIC_ZONE: &str = r"$ORIGIN example.org.
$TTL 300
@ SOA ns hostmaster 1 7200 1800 86400 60
@ NS ns
ns A 192.0.2.53
@ MX 10 mail
mail A 192.0.2.25
www A 192.0.2.80
www AAAA 2001:db8::80
alias CNAME www
text TXT ( one two ) 
odd TYPE65400 \# 4 c00cff00
* A 192.0.2.99
";

/// The cluster zone with a headless service of 200 pods.
fn cluster_zone() -> String {
    let pods = (0..200).map(|n| format!("many.prod.svc A 10.244.{}.{}\n", n / 100, n % 100));
    CLUSTER_ZONE.to_owned() + &pods.collect::<String>()
}

/// bind9 as the cluster's DNS and as the source of public names.
fn bind() -> Peer {
    Peer::bind(free_address(), &[("cluster.local", &cluster_zone()), ("example.org", PUBLIC_ZONE)])
}

/// A configuration that sends cluster names to `cluster` over TCP and everything else to a stand-in.
fn in_front_of(cluster: &Peer, rest: &Upstream) -> Setup {
    Setup::new()
        .upstream("cluster", &[format!("tcp://{}", cluster.address)], "")
        .upstream("rest", &[rest.url()], &rest.extra())
        .zone("cluster.local", "cluster", "class = \"internal\"\nmax-ttl = \"30s\"")
        .zone(".", "rest", "")
}

/// A stand-in for the rest of the world: one address for everything.
fn rest() -> Upstream {
    Upstream::tcp().serve(one_address)
}
