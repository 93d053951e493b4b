//! Records with addresses, before the filter against rebinding: one passes exactly when hardly anything can be read in it as an address that is
//! not public, as hickory-proto reads it; and what an IPv4 address may not be, it may not be inside an IPv6 one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::svcb::SvcParamValue;
use nodens::config::{Config, Environment};
use nodens::filter::{Addresses, Policy};

use crate::Choices;

/// The defaults of a public zone.
static DEFAULTS: LazyLock<(Addresses, Policy)> = LazyLock::new(|| {
    let text =
        "[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\"]\n[[zone]]\nname = \".\"\nupstream = \"a\"\n";
    let config = Config::parse(text, "fuzz", &Environment::neutral()).expect("it has no mistakes").config;
    (Addresses::new(&config.rebinding, &[]), Policy::new(&config.zones[0].rebinding))
});

/// A first byte says which type, then RDATA.
pub fn check(data: &[u8]) {
    let mut choices = Choices(data);
    let rtype = [1, 28, 64, 65][usize::from(choices.byte() % 4)];
    let rdata = choices.0;
    let (addresses, policy) = &*DEFAULTS;
    let passes = policy.judge(addresses, b"\x03www\x07example\0", rtype, rdata).is_none();
    let offends = |address: &IpAddr| addresses.rule(*address).is_some();
    if let Some(found) = naive(rtype, rdata) {
        let worst = found.iter().any(offends);
        assert!(!(passes && worst), "{found:?} of TYPE{rtype} {rdata:02x?}");
        let is_whole = rtype > 28 || rdata.len() == if rtype == 1 { 4 } else { 16 };
        assert!(passes || worst || rtype > 28 || !is_whole, "{found:?} of TYPE{rtype} {rdata:02x?}");
    }
    if let Some(four) = rdata.first_chunk::<4>() {
        inside(Ipv4Addr::from(*four), addresses);
    }
}

/// The addresses that hickory-proto finds in a record; `None` if it cannot read it.
fn naive(rtype: u16, rdata: &[u8]) -> Option<Vec<IpAddr>> {
    let mut message = b"\0\0\x81\x80\0\0\0\x01\0\0\0\0\0".to_vec();
    message.extend(rtype.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 1]);
    message.extend(u16::try_from(rdata.len()).ok()?.to_be_bytes());
    message.extend(rdata);
    let read = Message::from_vec(&message).ok()?;
    let params = match &read.answers.first()?.data {
        RData::A(address) => return Some(vec![address.0.into()]),
        RData::AAAA(address) => return Some(vec![address.0.into()]),
        RData::SVCB(service) => &service.svc_params,
        RData::HTTPS(service) => &service.0.svc_params,
        _ => return None,
    };
    let mut found: Vec<IpAddr> = Vec::new();
    for (_, value) in params.iter() {
        match value {
            SvcParamValue::Ipv4Hint(hints) => found.extend(hints.0.iter().map(|address| IpAddr::V4(address.0))),
            SvcParamValue::Ipv6Hint(hints) => found.extend(hints.0.iter().map(|address| IpAddr::V6(address.0))),
            _ => {}
        }
    }
    Some(found)
}

/// Every form in which an IPv4 address goes in disguise (RFC 4291, 6052, 3056, 4380, 5214).
fn inside(four: Ipv4Addr, addresses: &Addresses) {
    if addresses.rule(four.into()).is_none() {
        return;
    }
    let [a, b, c, d] = four.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    for disguised in [
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
        Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0, high, low, 0, 0, 0, 0),
        Ipv6Addr::new(0x2001, 0, 0x0808, 0x0808, 0, 0, !high, !low),
        Ipv6Addr::new(0x2a00, 1, 2, 3, 0, 0x5efe, high, low),
    ] {
        assert!(addresses.rule(disguised.into()).is_some(), "{four} in {disguised}");
    }
}
