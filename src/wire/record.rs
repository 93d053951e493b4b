//! Records of a message, one after another, and the names inside their RDATA (RFC 1035 sections 3.2.1 and 4.1.3).

use std::fmt;
use std::ops::Range;

use hickory_proto::rr::RecordType;

use super::header::rtype;
use super::{name, u16_at, u32_at};

/// Where the parts of one record are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset of the owner name.
    pub start: usize,
    /// TYPE.
    pub rtype: u16,
    /// CLASS, or the sender's UDP size in an OPT record.
    pub class: u16,
    /// TTL in seconds as it stands there, or flags in an OPT record.
    pub ttl: u32,
    /// Offset of the RDATA.
    pub rdata_start: usize,
    /// Offset behind the record. Invariant: within the message it was read from.
    pub end: usize,
}

impl Record {
    /// The RDATA in the message the record was read from.
    #[must_use]
    #[inline]
    pub fn rdata<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        message.get(self.rdata_start..self.end).unwrap_or_default()
    }
}

/// Reads the record at `at`; `None` if the message ends before it does or its owner is no name.
#[must_use]
#[inline]
pub fn read(message: &[u8], at: usize) -> Option<Record> {
    let fixed = name::skip(message, at)?;
    let rdata_start = fixed + 10;
    let end = rdata_start + usize::from(u16_at(message, fixed + 8)?);
    (end <= message.len()).then_some(Record {
        start: at,
        rtype: u16_at(message, fixed)?,
        class: u16_at(message, fixed + 2)?,
        ttl: u32_at(message, fixed + 4)?,
        rdata_start,
        end,
    })
}

/// The options in the RDATA of an OPT record; a `None` item, the last, where one is cut off (RFC 6891 section 6.1.2).
pub fn options(rdata: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    let mut rest = rdata;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let whole = || {
            let (code, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
            Some((code, rest.get(4..4 + length)?))
        };
        let option = whole();
        rest = option.map_or(&[], |(_, value)| &rest[4 + value.len()..]);
        Some(option)
    })
}

/// The form of a type's RDATA, as far as a forwarder has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Passed on byte for byte.
    Opaque,
    /// Passed on byte for byte, if the name in it is not compressed: behind another question a pointer would mean something else.
    Plain {
        /// Bytes in front of the name.
        lead: usize,
    },
    /// Exactly so many bytes.
    Fixed(usize),
    /// Names that a sender may have compressed (RFC 3597 section 4), so that they must be written out or compressed anew.
    Names {
        /// Bytes in front of the names.
        lead: usize,
        /// How many names.
        names: usize,
        /// Bytes behind the names.
        tail: Tail,
        /// Whether we may compress them: only the types of RFC 1035.
        compress: bool,
    },
    /// NAPTR: order, preference, three strings, a name (RFC 3403 section 4.1).
    Naptr,
}

/// What follows the names in RDATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Exactly so many bytes.
    Exactly(usize),
    /// Whatever is there.
    Any,
}

/// A type as people write it: by name, or as "TYPE" and its number (RFC 3597 section 5).
pub fn type_name(rtype: u16) -> impl fmt::Display {
    fmt::from_fn(move |f| match RecordType::from(rtype) {
        RecordType::Unknown(number) => write!(f, "TYPE{number}"),
        // There is no such type, but it can be asked for.
        RecordType::ZERO => f.write_str("TYPE0"),
        known => write!(f, "{known}"),
    })
}

/// The number of a type as [`type_name`] writes it, in any letter case.
#[must_use]
pub fn type_number(text: &str) -> Option<u16> {
    let upper = text.to_ascii_uppercase();
    match upper.strip_prefix("TYPE") {
        Some(digits) => digits.parse().ok(),
        None => upper.parse().ok().map(|known: RecordType| u16::from(known)),
    }
}

/// As [`type_number`], of a type that may be asked for.
#[must_use]
pub fn question_type(text: &str) -> Option<u16> {
    type_number(text).filter(|number| *number != 0 && *number != rtype::OPT)
}

/// The form of a type's RDATA.
#[must_use]
pub fn form(rtype: u16) -> Form {
    let names = |lead, names, tail, compress| Form::Names { lead, names, tail, compress };
    let nothing = Tail::Exactly(0);
    match rtype {
        rtype::A => Form::Fixed(4),
        rtype::AAAA => Form::Fixed(16),
        rtype::NS | rtype::MD | rtype::MF | rtype::CNAME | rtype::MB | rtype::MG | rtype::MR | rtype::PTR => {
            names(0, 1, nothing, true)
        }
        rtype::SOA => names(0, 2, Tail::Exactly(20), true),
        rtype::MINFO => names(0, 2, nothing, true),
        rtype::MX => names(2, 1, nothing, true),
        rtype::RP => names(0, 2, nothing, false),
        rtype::AFSDB | rtype::RT | rtype::KX => names(2, 1, nothing, false),
        rtype::PX => names(2, 2, nothing, false),
        rtype::SRV => names(6, 1, nothing, false),
        rtype::DNAME => names(0, 1, nothing, false),
        rtype::SIG => names(18, 1, Tail::Any, false),
        rtype::NXT => names(0, 1, Tail::Any, false),
        rtype::NAPTR => Form::Naptr,
        // RFC 4034 section 4.1.1 and 3.1.7: "A sender MUST NOT use DNS name compression"; RFC 9460 section 2.2: an uncompressed name.
        rtype::NSEC => Form::Plain { lead: 0 },
        rtype::RRSIG => Form::Plain { lead: 18 },
        rtype::SVCB | rtype::HTTPS => Form::Plain { lead: 2 },
        _ => Form::Opaque,
    }
}

/// The parts of RDATA with names: what stands before them, the names expanded one after another in `names`, and what stands behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts {
    /// Bytes before the names, in the message.
    pub lead: Range<usize>,
    /// Bytes behind them, in the message.
    pub tail: Range<usize>,
    /// Whether we may compress the names.
    pub compress: bool,
}

/// Takes RDATA with names apart, appending each name, expanded, to `names`. `None` if it does not have its type's form.
pub fn take_apart(message: &[u8], record: &Record, form: Form, names: &mut Vec<u8>) -> Option<Parts> {
    let (lead, count, tail, compress) = match form {
        Form::Names { lead, names, tail, compress } => (lead, names, tail, compress),
        Form::Naptr => {
            let mut lead = 4;
            for _ in 0..3 {
                lead += 1 + usize::from(*record.rdata(message).get(lead)?);
            }
            (lead, 1, Tail::Exactly(0), false)
        }
        Form::Opaque | Form::Plain { .. } | Form::Fixed(_) => return None,
    };
    let first = record.rdata_start + lead;
    // Names may point anywhere before, but what stands here must end where the record ends.
    let here = message.get(..record.end)?;
    let mut at = first;
    for _ in 0..count {
        let (name, next) = name::expand(here, at)?;
        names.extend_from_slice(name.as_bytes());
        at = next;
    }
    let length = record.end - at;
    (tail == Tail::Any || tail == Tail::Exactly(length)).then_some(Parts {
        lead: record.rdata_start..first,
        tail: at..record.end,
        compress,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mail_exchanger_is_taken_apart() {
        let message = b"\x04mail\x07example\0\0\x0F\0\x01\0\0\0\x3C\0\x07\0\x0A\x02mx\xC0\x05rest";
        let record = read(message, 0).unwrap();
        assert_eq!((record.rtype, record.class, record.ttl, record.end), (rtype::MX, 1, 60, 31));
        let mut names = Vec::new();
        let parts = take_apart(message, &record, form(rtype::MX), &mut names).unwrap();
        assert_eq!((&message[parts.lead], parts.compress), (&b"\0\x0A"[..], true));
        assert_eq!(names, b"\x02mx\x07example\0");
    }

    #[test]
    fn rdata_that_is_not_of_its_form_is_noticed() {
        let message = b"\0\0\x0F\0\x01\0\0\0\x3C\0\x04\0\x0A\0\x07";
        let record = read(message, 0).unwrap();
        assert_eq!(take_apart(message, &record, form(rtype::MX), &mut Vec::new()), None, "a byte too many");
        assert_eq!(read(&message[..14], 0), None, "a byte too few");
    }

    proptest! {
        #[test]
        fn strange_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..210, rtype in 0_u16..70) {
            if let Some(record) = read(&bytes, at) {
                prop_assert!(record.end <= bytes.len());
                let _ = take_apart(&bytes, &record, form(rtype), &mut Vec::new());
                prop_assert!(options(record.rdata(&bytes)).count() <= bytes.len());
            }
        }
    }
}
