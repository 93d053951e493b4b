//! Queries to upstreams, as we write them: one question, RD, an OPT record without anything of the client's
//! (no ECS, no cookie: egress carries what the question needs and no more).

use super::header::{HEADER, flag, option};
use super::put_u16;

/// The UDP size we offer to upstreams (DNS flag day 2020).
pub const UDP_SIZE: u16 = 1232;

/// Bytes of an OPT record without options.
const OPT: usize = 11;

/// A query ready to be sent but for its ID, the letter case of its name and options of the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Header with ID 0, question, and OPT unless the server cannot take it.
    bytes: Vec<u8>,
    /// Offset behind the question.
    question_end: usize,
}

/// What to ask.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name, folded, uncompressed.
    pub name: &'a [u8],
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// Whether to set DO.
    pub dnssec_ok: bool,
    /// Whether to set CD.
    pub checking_disabled: bool,
    /// Whether to set AD, which asks for the AD bit in the answer without DO (RFC 6840 section 5.7).
    pub authentic_data: bool,
}

impl Outgoing {
    /// A query for `question`, with EDNS.
    #[must_use]
    pub fn new(question: &Question<'_>) -> Self {
        let mut flags = flag::RD;
        if question.checking_disabled {
            flags |= flag::CD;
        }
        if question.authentic_data {
            flags |= flag::AD;
        }
        let mut bytes = Vec::with_capacity(HEADER + question.name.len() + 4 + OPT);
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&flags.to_be_bytes());
        bytes.extend_from_slice(&[0, 1, 0, 0, 0, 0, 0, 1]);
        bytes.extend_from_slice(question.name);
        bytes.extend_from_slice(&question.qtype.to_be_bytes());
        bytes.extend_from_slice(&question.qclass.to_be_bytes());
        let question_end = bytes.len();
        bytes.extend_from_slice(&[0, 0, 41]);
        bytes.extend_from_slice(&UDP_SIZE.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, if question.dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
        Self { bytes, question_end }
    }

    /// The same query for a server that does not know EDNS (RFC 6891 section 6.2.2).
    #[must_use]
    pub fn without_edns(&self) -> Self {
        let mut bytes = self.bytes[..self.question_end].to_vec();
        put_u16(&mut bytes, 10, 0);
        Self { bytes, question_end: self.question_end }
    }

    /// Whether it has an OPT record.
    #[must_use]
    pub fn has_edns(&self) -> bool {
        self.bytes.len() > self.question_end
    }

    /// The message with ID 0 and no options.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Offset behind the question.
    #[must_use]
    pub fn question_end(&self) -> usize {
        self.question_end
    }

    /// The name, type and class asked for.
    #[must_use]
    pub fn question(&self) -> &[u8] {
        &self.bytes[HEADER..self.question_end]
    }

    /// Appends the message to a stream's buffer, its length in front (RFC 1035 section 4.2.2), with an empty edns-tcp-keepalive
    /// option if wanted (RFC 7828 section 3.2.1) and padded to a multiple of `block` bytes (RFC 8467 section 4.1); 0 pads nothing.
    pub fn append_to(&self, stream: &mut Vec<u8>, id: u16, keepalive: bool, block: u16) {
        let start = stream.len();
        stream.extend_from_slice(&[0, 0]);
        stream.extend_from_slice(&self.bytes);
        put_u16(stream, start + 2, id);
        if self.has_edns() {
            let options = stream.len();
            if keepalive {
                stream.extend_from_slice(&option::KEEPALIVE.to_be_bytes());
                stream.extend_from_slice(&[0, 0]);
            }
            if block > 0 {
                let bare = stream.len() - start - 2 + 4;
                let padding = bare.next_multiple_of(usize::from(block)) - bare;
                stream.extend_from_slice(&option::PADDING.to_be_bytes());
                stream.extend_from_slice(&u16::try_from(padding).unwrap_or(0).to_be_bytes());
                stream.resize(stream.len() + padding, 0);
            }
            let length = u16::try_from(stream.len() - options).unwrap_or(0);
            put_u16(stream, options - 2, length);
        }
        let length = u16::try_from(stream.len() - start - 2).unwrap_or(0);
        put_u16(stream, start, length);
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;

    use super::super::name;
    use super::*;

    /// A query for the AAAA of a name.
    fn query(name: &[u8]) -> Outgoing {
        Outgoing::new(&Question {
            name,
            qtype: 28,
            qclass: 1,
            dnssec_ok: true,
            checking_disabled: true,
            authentic_data: false,
        })
    }

    #[test]
    fn padded_queries_are_whole_blocks_and_parse() {
        for labels in 0..60 {
            let name = name::parse(&format!("{}example", "a.".repeat(labels))).unwrap();
            for (block, keepalive) in [(0, false), (0, true), (128, false), (128, true), (468, true)] {
                let mut stream = b"before".to_vec();
                query(&name).append_to(&mut stream, 0x1234, keepalive, block);
                let message = &stream[8..];
                assert_eq!(usize::from(u16::from_be_bytes([stream[6], stream[7]])), message.len());
                assert!(block == 0 || message.len().is_multiple_of(usize::from(block)));
                let parsed = Message::from_vec(message).unwrap();
                assert_eq!((parsed.metadata.id, parsed.metadata.checking_disabled), (0x1234, true));
                let edns = parsed.edns.unwrap();
                assert_eq!((edns.flags().dnssec_ok, edns.max_payload()), (true, UDP_SIZE));
                assert_eq!(
                    edns.options().as_ref().iter().any(|(code, _)| u16::from(*code) == option::KEEPALIVE),
                    keepalive
                );
            }
        }
    }

    #[test]
    fn a_query_without_edns_has_no_additional_record() {
        let name = name::parse("www.example").unwrap();
        let parsed = Message::from_vec(query(&name).without_edns().as_bytes()).unwrap();
        assert_eq!((parsed.queries.len(), parsed.additionals.len(), parsed.edns.is_some()), (1, 0, false));
    }
}
