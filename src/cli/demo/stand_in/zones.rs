//! What the stand-ins know.
//!
//! Public names and addresses are documentation ones (RFC 2606, RFC 5737, RFC 3849), so that a copied line from the demo harms nobody.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use hickory_net::runtime::TokioRuntimeProvider;
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{DNSClass, LowerName, Name, RData, RecordSet, RrKey};
use hickory_proto::serialize::txt::Parser;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType};

use crate::policy::local::Constant;

/// What CoreDNS's kubernetes plugin would answer in a cluster with a shop and a database; its TTLs, too.
const CLUSTER_LOCAL: &str = r#"
$ORIGIN cluster.local.
$TTL 30
@                          IN SOA ns.dns hostmaster 1 7200 1800 86400 5
@                          IN NS  ns.dns
ns.dns                     IN A   10.96.0.10
dns-version                IN TXT "1.1.0"
kubernetes.default.svc     IN A   10.96.0.1
kube-dns.kube-system.svc   IN A   10.96.0.10
shop.default.svc           IN A   10.96.14.7
db.default.svc             IN A   10.244.1.11
db.default.svc             IN A   10.244.2.12
db-0.db.default.svc        IN A   10.244.1.11
db-1.db.default.svc        IN A   10.244.2.12
_sql._tcp.db.default.svc   IN SRV 0 50 5432 db-0.db.default.svc
_sql._tcp.db.default.svc   IN SRV 0 50 5432 db-1.db.default.svc
"#;

/// The pods' reverse zone.
const PODS: &str = r"
$ORIGIN 10.in-addr.arpa.
$TTL 30
@            IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
@            IN NS  ns.dns.cluster.local.
11.1.244     IN PTR db-0.db.default.svc.cluster.local.
12.2.244     IN PTR db-1.db.default.svc.cluster.local.
";

/// A public zone.
const EXAMPLE_COM: &str = r#"
$ORIGIN example.com.
$TTL 300
@            IN SOA  ns1 hostmaster 1 7200 900 1209600 60
@            IN NS   ns1
@            IN A    203.0.113.80
@            IN MX   10 mail
@            IN TXT  "v=spf1 -all"
ns1          IN A    203.0.113.53
mail         IN A    203.0.113.25
www          IN A    203.0.113.80
www          IN AAAA 2001:db8::80
rebind       IN A    10.96.14.7
"#;

/// Address of every name that no zone has.
const ELSEWHERE_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// Address of every name that no zone has.
const ELSEWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
/// Seconds that such an address may be kept.
const ELSEWHERE_TTL: u32 = 60;

/// What cluster DNS knows.
pub(super) fn cluster() -> Catalog {
    catalog(&[CLUSTER_LOCAL, PODS])
}

/// What the resolver knows: one zone in earnest, and an address for any other name.
pub(super) fn resolver() -> Catalog {
    let mut catalog = catalog(&[EXAMPLE_COM]);
    let root = LowerName::new(&Name::root());
    let sets = [RData::A(A(ELSEWHERE_V4)), RData::AAAA(AAAA(ELSEWHERE_V6))].map(|data| {
        let mut set = RecordSet::with_ttl(Name::root(), data.record_type(), ELSEWHERE_TTL);
        set.add_rdata(data);
        Arc::new(set)
    });
    let handler = Constant::new(root.clone(), DNSClass::IN, ELSEWHERE_TTL).with_sets(sets.into());
    catalog.upsert(root, vec![Arc::new(handler)]);
    catalog
}

/// A catalog of zone files.
fn catalog(texts: &[&str]) -> Catalog {
    let mut catalog = Catalog::new();
    for text in texts {
        let (origin, handler) = zone(text);
        catalog.upsert(origin, vec![handler]);
    }
    catalog
}

/// One of the zone files above.
fn zone(text: &str) -> (LowerName, Arc<dyn ZoneHandler>) {
    let (origin, sets): (Name, BTreeMap<RrKey, RecordSet>) =
        Parser::new(text, None, None).parse().expect("the zones above are valid zone files");
    let handler =
        InMemoryZoneHandler::<TokioRuntimeProvider>::new(origin.clone(), sets, ZoneType::Primary, AxfrPolicy::Deny)
            .expect("the zones above have an SOA");
    (LowerName::new(&origin), Arc::new(handler))
}
