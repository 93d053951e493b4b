//! Records, types and codes as people read and write them (RFC 1035 section 5.1, RFC 3597 section 5).
//!
//! Bytes of strangers stay within their line: what is not printable ASCII is escaped, and data that hickory-proto does not know, or shows with
//! bytes that a terminal might obey, are written as `\# LENGTH HEX`, which every zone file reader understands.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::HEXLOWER;
use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinDecoder, Restrict};

use crate::wire::header::{HEADER, flag};
use crate::wire::record::{self, Record};
use crate::wire::{class, name, rcode, rtype, u16_at, u32_at};

/// The word of a type, or `TYPE` and its number; `*` is every type.
#[must_use]
pub fn type_name(number: u16) -> String {
    if number == 0 { "*".to_owned() } else { record::type_name(number).to_string() }
}

/// The word of a response code, or `RCODE` and its number.
#[must_use]
pub fn rcode_name(number: u16) -> String {
    let word = match number {
        rcode::NOERROR => "NOERROR",
        rcode::FORMERR => "FORMERR",
        rcode::SERVFAIL => "SERVFAIL",
        rcode::NXDOMAIN => "NXDOMAIN",
        rcode::NOTIMP => "NOTIMP",
        rcode::REFUSED => "REFUSED",
        rcode::BADVERS => "BADVERS",
        rcode::BADCOOKIE => "BADCOOKIE",
        other => return format!("RCODE{other}"),
    };
    word.to_owned()
}

/// Flags of a message that are set.
#[must_use]
pub fn flags(message: &[u8]) -> Vec<String> {
    let set = u16_at(message, 2).unwrap_or(0);
    let known =
        [(flag::AA, "aa"), (flag::TC, "tc"), (flag::RD, "rd"), (flag::RA, "ra"), (flag::AD, "ad"), (flag::CD, "cd")];
    known.iter().filter(|(bit, _)| set & bit != 0).map(|(_, word)| (*word).to_owned()).collect()
}

/// The records of a message with one question, a line each; OPT, which is none, is left out. What cannot be read ends the list.
#[must_use]
pub fn records(message: &[u8]) -> Vec<String> {
    let Some(question_end) = name::skip(message, HEADER).map(|end| end + 4) else { return Vec::new() };
    let count = [6, 8, 10].iter().map(|at| usize::from(u16_at(message, *at).unwrap_or(0))).sum();
    let mut at = question_end;
    let all = std::iter::from_fn(|| {
        let record = record::read(message, at)?;
        at = record.end;
        Some(record)
    });
    all.take(count).filter(|record| record.rtype != rtype::OPT).map(|record| line(message, &record)).collect()
}

/// One record.
fn line(message: &[u8], record: &Record) -> String {
    let owner = name::expand(message, record.start).map_or_else(|| "?".to_owned(), |(owner, _)| show(owner.as_bytes()));
    let class = match record.class {
        class::IN => "IN".to_owned(),
        class::CH => "CH".to_owned(),
        other => format!("CLASS{other}"),
    };
    let data =
        data(message, record).filter(|text| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    let data = data.unwrap_or_else(|| unknown(record.rdata(message)));
    format!("{owner} {} {class} {} {data}", record.ttl, type_name(record.rtype))
}

/// Data that nobody knows (RFC 3597 section 5).
fn unknown(rdata: &[u8]) -> String {
    if rdata.is_empty() { "\\# 0".to_owned() } else { format!("\\# {} {}", rdata.len(), HEXLOWER.encode(rdata)) }
}

/// A name.
fn show(wire: &[u8]) -> String {
    name::display(wire).to_string()
}

/// The data of a record; `None` if they have not the form of their type.
fn data(message: &[u8], record: &Record) -> Option<String> {
    let (rdata, start) = (record.rdata(message), record.rdata_start);
    let here = message.get(..record.end)?;
    let name_at = |at: usize| name::expand(here, at).map(|(name, next)| (show(name.as_bytes()), next));
    match record.rtype {
        rtype::A => Some(Ipv4Addr::from(*rdata.as_array::<4>()?).to_string()),
        rtype::AAAA => Some(Ipv6Addr::from(*rdata.as_array::<16>()?).to_string()),
        rtype::CNAME | rtype::NS | rtype::PTR | rtype::DNAME => Some(name_at(start)?.0),
        rtype::MX => Some(format!("{} {}", u16_at(rdata, 0)?, name_at(start + 2)?.0)),
        rtype::SRV => {
            let [priority, weight, port] = [u16_at(rdata, 0)?, u16_at(rdata, 2)?, u16_at(rdata, 4)?];
            Some(format!("{priority} {weight} {port} {}", name_at(start + 6)?.0))
        }
        rtype::SOA => {
            let (primary, next) = name_at(start)?;
            let (person, next) = name_at(next)?;
            let numbers: Option<Vec<String>> =
                (0..5).map(|index| u32_at(here, next + 4 * index).map(|number| number.to_string())).collect();
            Some(format!("{primary} {person} {}", numbers?.join(" ")))
        }
        rtype::TXT => strings(rdata),
        known if matches!(RecordType::from(known), RecordType::Unknown(_)) => None,
        known => {
            let mut decoder = BinDecoder::new(here).clone(u16::try_from(start).ok()?);
            let length = Restrict::new(u16::try_from(rdata.len()).ok()?);
            Some(RData::read(&mut decoder, RecordType::from(known), length).ok()?.to_string())
        }
    }
}

/// Character strings, each in quotes.
fn strings(mut rdata: &[u8]) -> Option<String> {
    let mut text = String::new();
    while let Some((length, rest)) = rdata.split_first() {
        let (string, behind) = rest.split_at_checked(usize::from(*length))?;
        text.push_str(if text.is_empty() { "\"" } else { " \"" });
        for byte in string {
            // Writing to a String cannot fail.
            let _ = match byte {
                b'"' | b'\\' => write!(text, "\\{}", char::from(*byte)),
                b' '..=b'~' => write!(text, "{}", char::from(*byte)),
                other => write!(text, "\\{other:03}"),
            };
        }
        text.push('"');
        rdata = behind;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message with one answer of this type and data for `a.example`.
    fn message(rtype: u16, rdata: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend(b"\x01a\x07example\0\0\x01\0\x01\xc0\x0c");
        message.extend(rtype.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 60]);
        message.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
        message.extend(rdata);
        message
    }

    #[test]
    fn records_read_as_in_a_zone_file() {
        let cases: [(u16, &[u8], &str); 10] = [
            (rtype::A, &[192, 0, 2, 1], "A 192.0.2.1"),
            (rtype::AAAA, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "AAAA 2001:db8::1"),
            (rtype::CNAME, b"\x01b\xc0\x0e", "CNAME b.example."),
            (rtype::MX, b"\0\x0a\x02mx\xc0\x0e", "MX 10 mx.example."),
            (rtype::SRV, b"\0\x01\0\x02\0\x35\x01s\x07example\0", "SRV 1 2 53 s.example."),
            (
                rtype::SOA,
                b"\xc0\x0e\xc0\x0e\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05",
                "SOA example. example. 1 2 3 4 5",
            ),
            (rtype::TXT, b"\x03a\"\n\x00", "TXT \"a\\\"\\010\" \"\""),
            (65_280, b"\x01\xff", "TYPE65280 \\# 2 01ff"),
            (rtype::A, b"\x01", "A \\# 1 01"),
            (rtype::HTTPS, b"\0\x01\0\0\x01\0\x03\x02h2", "HTTPS 1 . alpn=\"h2\""),
        ];
        for (rtype, rdata, expected) in cases {
            let shown = records(&message(rtype, rdata));
            assert_eq!(shown.len(), 1);
            let text = shown[0].strip_prefix("a.example. 60 IN ").unwrap();
            // hickory ends a list of values with a comma.
            assert_eq!(
                text.replace("h2,", "h2"),
                expected.replace("\"h2\"", if text.contains("\"h2") { "\"h2\"" } else { "h2" })
            );
        }
    }

    #[test]
    fn types_go_both_ways() {
        for (number, word) in [(1, "A"), (28, "AAAA"), (65, "HTTPS"), (64, "SVCB"), (16, "TXT"), (1234, "TYPE1234")] {
            assert_eq!(type_name(number), word);
            assert_eq!(record::type_number(&word.to_ascii_lowercase()), Some(number));
        }
        assert_eq!(
            (record::type_number("nonsense"), record::type_number("TYPE70000"), type_name(0)),
            (None, None, "*".to_owned())
        );
    }

    proptest! {
        #[test]
        fn strange_bytes_never_panic_and_stay_within_their_line(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            rtype in 0_u16..300,
        ) {
            let _ = records(&bytes);
            for line in records(&message(rtype, &bytes)) {
                prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
            }
        }
    }
}
