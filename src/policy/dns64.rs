//! IPv6 addresses for names that have none (`zone.dns64`, RFC 6147): an A record's address inside the prefix of the network's NAT64.
//!
//! What is asked, and for whom, is the pipeline's; here messages become others. Addresses are put together as RFC 6052 section 2.2 says.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use crate::wire::header::{HEADER, rtype};
use crate::wire::{put_u16, record, u16_at};

/// The longest TTL of an address that is made up where the denial of AAAA records has none (RFC 6147 section 5.1.7: "600 seconds").
pub const MAX_TTL: u32 = 600;

/// An IPv4 address inside a prefix of 32, 40, 48, 56, 64 or 96 bits.
#[must_use]
pub fn embed(prefix: Ipv6Net, address: Ipv4Addr) -> Ipv6Addr {
    /// The byte that stays zero (RFC 6052 section 2.2: bits 64 to 71).
    const RESERVED: usize = 8;
    let mut bytes = prefix.addr().octets();
    let start = usize::from(prefix.prefix_len() / 8);
    let places = (start..bytes.len()).filter(|at| *at != RESERVED);
    for (at, byte) in places.zip(address.octets()) {
        bytes[at] = byte;
    }
    Ipv6Addr::from(bytes)
}

/// Whether an address may stand for an AAAA record of a name: not one that only holds an IPv4 address (RFC 6147 section 5.1.4).
#[must_use]
pub fn is_real(rdata: &[u8]) -> bool {
    !rdata.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
}

/// Makes of a message with an uncompressed question for `name` A, and no compression anywhere else, one for `name` AAAA: each A record of the answer
/// section becomes an AAAA record with a TTL of at most `most` seconds, everything else stays (RFC 6147 sections 5.3.2 and 5.3.3). `None` if
/// it is broken.
#[must_use]
pub fn translate(message: &[u8], name: &[u8], prefix: Ipv6Net, most: u32) -> Option<Vec<u8>> {
    let question_end = HEADER + name.len() + 4;
    let mut written = message.get(..question_end)?.to_vec();
    put_u16(&mut written, question_end - 4, rtype::AAAA);
    let mut at = question_end;
    for _ in 0..u16_at(message, 6)? {
        let record = record::read(message, at)?;
        at = record.end;
        let Some(address) = record.rdata(message).as_array::<4>().filter(|_| record.rtype == rtype::A) else {
            written.extend_from_slice(&message[record.start..record.end]);
            continue;
        };
        // Type, class, TTL and RDLENGTH stand before the address.
        written.extend_from_slice(message.get(record.start..record.rdata_start.checked_sub(10)?)?);
        for field in [rtype::AAAA, record.class] {
            written.extend_from_slice(&field.to_be_bytes());
        }
        written.extend_from_slice(&record.ttl.min(most).to_be_bytes());
        written.extend_from_slice(&16_u16.to_be_bytes());
        written.extend_from_slice(&embed(prefix, Ipv4Addr::from(*address)).octets());
    }
    written.extend_from_slice(message.get(at..)?);
    Some(written)
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;

    use super::*;
    use crate::wire::name;

    #[test]
    fn addresses_are_put_together_as_in_the_table_of_rfc_6052() {
        let address = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, whole) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
        ] {
            assert_eq!(embed(prefix.parse().unwrap(), address), whole.parse::<Ipv6Addr>().unwrap(), "{prefix}");
        }
    }

    #[test]
    fn a_message_keeps_all_but_its_addresses() {
        let name = name::parse("a.x").unwrap();
        let message = b"\0\0\x80\0\0\x01\0\x02\0\0\0\x01\x01a\x01x\0\0\x01\0\x01\
            \x01a\x01x\0\0\x05\0\x01\0\0\x03\xE8\0\x05\x01b\x01x\0\
            \x01b\x01x\0\0\x01\0\x01\0\0\x03\xE8\0\x04\xC0\0\x02\x01\x01b\x01x\0\0\x01\0\x01\0\0\0\x3C\0\x04\xC0\0\x02\x02";
        let made = translate(message, &name, "64:ff9b::/96".parse().unwrap(), 600).unwrap();
        let made = Message::from_vec(&made).unwrap();
        assert_eq!(made.queries[0].query_type(), hickory_proto::rr::RecordType::AAAA);
        let answers: Vec<_> = made.answers.iter().map(ToString::to_string).collect();
        assert_eq!(answers, ["a.x. 1000 IN CNAME b.x.", "b.x. 600 IN AAAA 64:ff9b::c000:201"]);
        assert_eq!(made.additionals[0].to_string(), "b.x. 60 IN A 192.0.2.2");
        for end in 0..message.len() {
            let _ = translate(&message[..end], &name, "64:ff9b::/96".parse().unwrap(), 600);
        }
    }

    #[test]
    fn an_address_that_only_holds_an_older_one_is_none() {
        assert!(!is_real(&"::ffff:192.0.2.1".parse::<Ipv6Addr>().unwrap().octets()));
        assert!(is_real(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets()));
    }
}
