//! What a client asks: one question and perhaps an OPT record (RFC 1035 section 4.1.2, RFC 6891).
//!
//! Parsing allocates nothing and copies nothing; offsets lead back into the message. It decides form only: which
//! classes and types are served is the policy's business.

use super::header::{HEADER, flag, opcode, option, rcode, rtype};
use super::{header, name, record, u16_at};

/// A query that can be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Offset behind the question; the name begins at 12.
    pub question_end: usize,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// What the client says of itself by EDNS.
    pub edns: Option<Edns>,
}

/// The parts of a client's OPT record that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP message it takes, as it said.
    pub udp_size: u16,
    /// The DO bit (RFC 3225).
    pub dnssec_ok: bool,
    /// Whether edns-tcp-keepalive was sent (RFC 7828).
    pub keepalive: bool,
    /// Whether it is asked who answers (RFC 5001).
    pub nsid: bool,
}

/// Why a message is not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// Shorter than a header: dropped.
    Garbage,
    /// A response: dropped, since an answer to an answer could go back and forth for ever.
    Response,
    /// Answered with an error.
    Answer {
        /// The error.
        rcode: u16,
        /// Offset behind the question to be carried back; 12 if none can be read.
        question_end: usize,
        /// Whether the client knows EDNS.
        edns: Option<Edns>,
    },
}

impl Query {
    /// The question's name as it came, uncompressed.
    #[must_use]
    #[inline]
    pub fn name<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        message.get(HEADER..self.question_end - 4).unwrap_or(&[0])
    }

    /// Whether the client set DO.
    #[must_use]
    #[inline]
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }

    /// Reads a client's message.
    ///
    /// # Errors
    ///
    /// [`Reject`] says whether to drop it or with which error to answer it: FORMERR for anything but exactly one question (RFC 9619),
    /// for records in the answer or authority section and for what does not parse; NOTIMP for opcodes other than QUERY;
    /// BADVERS for EDNS versions above 0 (RFC 6891 section 6.1.3).
    #[inline]
    pub fn parse(message: &[u8]) -> Result<Self, Reject> {
        if message.len() < HEADER {
            return Err(Reject::Garbage);
        }
        let flags = header::flags(message);
        if flags & flag::QR != 0 {
            return Err(Reject::Response);
        }
        let [questions, answers, authorities, additionals] = header::COUNTS.map(|at| u16_at(message, at).unwrap_or(0));
        let length = if questions == 0 { None } else { name::plain_length(message, HEADER) };
        let question_end = length.map(|length| HEADER + length + 4).filter(|end| *end <= message.len());
        let reject = |rcode| Reject::Answer { rcode, question_end: question_end.unwrap_or(HEADER), edns: None };
        if flags & flag::OPCODE != opcode::QUERY {
            return Err(reject(rcode::NOTIMP));
        }
        let Some(question_end) = question_end else { return Err(reject(rcode::FORMERR)) };
        if questions != 1 || answers != 0 || authorities != 0 {
            return Err(reject(rcode::FORMERR));
        }
        let (Some(qtype), Some(qclass)) = (u16_at(message, question_end - 4), u16_at(message, question_end - 2)) else {
            return Err(reject(rcode::FORMERR));
        };
        let edns = if additionals == 0 { None } else { additional(message, question_end, additionals)? };
        Ok(Self { question_end, qtype, qclass, edns })
    }
}

/// Reads the additional section for the one OPT record it may hold; other records there (TSIG, SIG(0)) mean nothing to a forwarder
/// without keys and are passed over.
fn additional(message: &[u8], question_end: usize, count: u16) -> Result<Option<Edns>, Reject> {
    let reject = |rcode, edns| Reject::Answer { rcode, question_end, edns };
    let mut found = None;
    let mut at = question_end;
    for _ in 0..count {
        let Some(record) = record::read(message, at) else { return Err(reject(rcode::FORMERR, found)) };
        at = record.end;
        if record.rtype != rtype::OPT {
            continue;
        }
        // RFC 6891 section 6.1.1: "If a query message with more than one OPT RR is received, a FORMERR (RCODE=1) MUST be returned."
        // Its owner is the root.
        if found.is_some() || message.get(record.start) != Some(&0) {
            return Err(reject(rcode::FORMERR, found));
        }
        let dnssec_ok = record.ttl & 0x8000 != 0;
        let mut edns = Edns { udp_size: record.class, dnssec_ok, keepalive: false, nsid: false };
        found = Some(edns);
        if record.ttl >> 16 & 0xFF != 0 {
            return Err(reject(rcode::BADVERS, found));
        }
        for option in record::options(record.rdata(message)) {
            match option {
                Some((option::KEEPALIVE, _)) => edns.keepalive = true,
                Some((option::NSID, _)) => edns.nsid = true,
                Some(_) => {}
                None => return Err(reject(rcode::FORMERR, found)),
            }
        }
        found = Some(edns);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A query for `www.example. A` with `tail` behind the question and `counts` in the header.
    fn query(counts: [u8; 4], tail: &[u8]) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 0x01, 0x00];
        message.extend(counts.iter().flat_map(|count| [0, *count]));
        message.extend(b"\x03wWw\x07example\0\0\x01\0\x01");
        message.extend(tail);
        message
    }

    /// An OPT record of size 4096 with the given version, flags and options.
    fn opt(version: u8, flags: u16, options: &[u8]) -> Vec<u8> {
        let mut record = vec![0, 0, 41, 0x10, 0, 0, version];
        record.extend(flags.to_be_bytes());
        record.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        record.extend(options);
        record
    }

    /// The error a message is answered with.
    fn error(message: &[u8]) -> u16 {
        match Query::parse(message) {
            Err(Reject::Answer { rcode, .. }) => rcode,
            other => panic!("expected an error, got {other:?}"),
        }
    }

    #[test]
    fn a_plain_question_is_read_in_place() {
        let message = query([1, 0, 0, 0], b"");
        let parsed = Query::parse(&message).unwrap();
        assert_eq!((parsed.qtype, parsed.qclass, parsed.edns, parsed.question_end), (1, 1, None, message.len()));
        assert_eq!(parsed.name(&message), b"\x03wWw\x07example\0");
    }

    #[test]
    fn edns_is_understood_and_unknown_options_are_ignored() {
        let message = query([1, 0, 0, 1], &opt(0, 0x8000, b"\0\x0A\0\x08cookiesz\0\x0B\0\0"));
        let edns = Query::parse(&message).unwrap().edns.unwrap();
        assert_eq!(edns, Edns { udp_size: 4096, dnssec_ok: true, keepalive: true, nsid: false });
    }

    #[test]
    fn what_cannot_be_answered_gets_the_right_error() {
        assert_eq!(error(&query([0, 0, 0, 0], b"")), rcode::FORMERR);
        assert_eq!(error(&query([2, 0, 0, 0], b"\x01a\0\0\x01\0\x01")), rcode::FORMERR);
        assert_eq!(error(&query([1, 1, 0, 0], b"")), rcode::FORMERR);
        assert_eq!(error(&query([1, 0, 0, 1], b"")), rcode::FORMERR);
        assert_eq!(error(&query([1, 0, 0, 1], &opt(1, 0, b""))), rcode::BADVERS);
        assert_eq!(error(&query([1, 0, 0, 1], &opt(0, 0, b"\0\x0A\0\x09short"))), rcode::FORMERR);
        let twice = [opt(0, 0, b""), opt(0, 0, b"")].concat();
        assert_eq!(error(&query([1, 0, 0, 2], &twice)), rcode::FORMERR);
        let mut update = query([1, 0, 0, 0], b"");
        update[2] = 5 << 3;
        assert_eq!(error(&update), rcode::NOTIMP);
    }

    #[test]
    fn responses_and_scraps_are_dropped() {
        assert_eq!(Query::parse(b"short"), Err(Reject::Garbage));
        let mut response = query([1, 0, 0, 0], b"");
        response[2] |= 0x80;
        assert_eq!(Query::parse(&response), Err(Reject::Response));
    }

    proptest! {
        #[test]
        fn what_hickory_accepts_is_read_alike(bytes in proptest::collection::vec(any::<u8>(), 12..80), plain in any::<bool>()) {
            let mut bytes = bytes;
            if plain {
                bytes[2] &= 0x07;
                bytes[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
            }
            let ours = Query::parse(&bytes);
            if let (Ok(ours), Ok(theirs)) = (ours, hickory_proto::op::Message::from_vec(&bytes)) {
                let question = &theirs.queries[0];
                prop_assert_eq!(ours.qtype, u16::from(question.query_type()));
                prop_assert_eq!(ours.qclass, u16::from(question.query_class()));
                prop_assert_eq!(ours.edns.is_some(), theirs.edns.is_some());
            }
        }
    }
}
