//! The special-use names and the empty reverse zones: what would only tell the Internet about this node if it left it.
//!
//! The list is that of unbound's defaults. Not in it, on purpose: `example.*` (RFC 6761 section 6.5: treat as any other name), `local`
//! (RFC 6762: not DNS, but clusters do use it), `ipv4only.arpa` (RFC 8880: must be asked) and `alt` (RFC 9476: may be asked).
//!
//! RFCs: 6303 (empty zones, their SOA and NS), 6761, 7686 (onion), 7793 (100.64/10), 8375 (home.arpa), 9462 (resolver.arpa),
//! 9665 (service.arpa).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use hickory_net::runtime::TokioRuntimeProvider;
use hickory_proto::rr::rdata::{A, AAAA, NS, PTR};
use hickory_proto::rr::{DNSClass, LowerName, Name, RData, RecordSet, RrKey};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, ZoneType};

use super::constant::{Constant, Owned, start_of_authority};

/// Seconds that answers of the built-in zones, positive and negative, may be kept (RFC 6303 section 3).
pub(super) const TTL: u32 = 10_800;

/// Zones without a name in them.
const EMPTY: &[&str] = &[
    // RFC 6761 sections 6.2 and 6.4, RFC 7686, RFC 8375, RFC 9665.
    "invalid",
    "test",
    "onion",
    "home.arpa",
    "service.arpa",
    // RFC 6303 section 4.1: RFC 1918 addresses; 172.16/12 is added below.
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    // RFC 6303 section 4.2: this network, link-local, the three TEST-NETs, broadcast.
    "0.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    // RFC 6303 section 4.3: the unspecified address.
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    // RFC 6303 section 4.4: locally assigned, section 4.5: link-local fe80::/10, section 4.6: documentation.
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
];

/// The second octets of 172.16/12 (RFC 1918).
const PRIVATE_172: std::ops::RangeInclusive<u8> = 16..=31;

/// The second octets of 100.64/10, shared with carriers (RFC 7793).
const SHARED_100: std::ops::RangeInclusive<u8> = 64..=127;

/// Every built-in zone with what answers for it.
pub(super) fn zones() -> Vec<Owned> {
    let mut zones: Vec<Owned> = Vec::new();
    let names = EMPTY.iter().map(|name| (*name).to_owned());
    let private = PRIVATE_172.map(|octet| format!("{octet}.172.in-addr.arpa"));
    let shared = SHARED_100.map(|octet| format!("{octet}.100.in-addr.arpa"));
    for name in names.chain(private).chain(shared) {
        let origin = literal(&name);
        zones.push((origin.clone(), Arc::new(in_memory(&origin, []))));
    }

    // RFC 6761 section 6.3: localhost and every name below it.
    let localhost = literal("localhost");
    let addresses =
        [set(&localhost, RData::A(A(Ipv4Addr::LOCALHOST))), set(&localhost, RData::AAAA(AAAA(Ipv6Addr::LOCALHOST)))];
    let handler = Constant::new(localhost.clone(), DNSClass::IN, TTL)
        .with_apex(Arc::new(name_server(&localhost)))
        .with_sets(addresses.map(Arc::new).into());
    zones.push((localhost.clone(), Arc::new(handler)));

    // RFC 9462 section 6.4: NODATA, not NXDOMAIN, at every name, so that clients stop looking for designated resolvers.
    let resolver = literal("resolver.arpa");
    let handler = Constant::new(resolver.clone(), DNSClass::IN, TTL).with_apex(Arc::new(name_server(&resolver)));
    zones.push((resolver, Arc::new(handler)));

    // RFC 6303 sections 4.2 and 4.3: the loopback addresses have a name.
    let pointer = |address: IpAddr| {
        let owner = LowerName::new(&Name::from(address));
        (owner.clone(), set(&owner, RData::PTR(PTR(Name::from(&localhost)))))
    };
    let (_, loopback) = pointer(Ipv4Addr::LOCALHOST.into());
    let origin = literal("127.in-addr.arpa");
    zones.push((origin.clone(), Arc::new(in_memory(&origin, [loopback]))));
    let (origin, loopback) = pointer(Ipv6Addr::LOCALHOST.into());
    zones.push((origin.clone(), Arc::new(in_memory(&origin, [loopback]))));
    zones
}

/// A zone with SOA and NS as RFC 6303 section 3 has them, and some more sets.
fn in_memory<const N: usize>(origin: &LowerName, sets: [RecordSet; N]) -> InMemoryZoneHandler<TokioRuntimeProvider> {
    let soa = set(origin, RData::SOA(start_of_authority(origin, TTL)));
    let records: BTreeMap<RrKey, RecordSet> = [soa, name_server(origin)]
        .into_iter()
        .chain(sets)
        .map(|set| (RrKey::new(LowerName::new(set.name()), set.record_type()), set))
        .collect();
    InMemoryZoneHandler::new(Name::from(origin), records, ZoneType::Primary, AxfrPolicy::Deny)
        .expect("the zone has an SOA and no two sets collide")
}

/// NS of a zone that no server but this one has: itself.
fn name_server(origin: &LowerName) -> RecordSet {
    set(origin, RData::NS(NS(Name::from(origin))))
}

/// A set of one record.
fn set(owner: &LowerName, data: RData) -> RecordSet {
    let mut set = RecordSet::with_ttl(Name::from(owner), data.record_type(), TTL);
    set.add_rdata(data);
    set
}

/// A name of the tables above.
fn literal(name: &str) -> LowerName {
    let mut name = Name::from_ascii(name).expect("the tables hold valid names");
    name.set_fqdn(true);
    LowerName::new(&name)
}
