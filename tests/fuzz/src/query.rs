//! A client's message: what we make of it, against a naive reader and against hickory-proto.

use hickory_proto::op::{Message, OpCode};
use nodens::wire::query::{Edns, Query, Reject};

use crate::walker;

/// What the naive reader makes of a message.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// A question: QTYPE, QCLASS, offset behind it, EDNS.
    Ask(u16, u16, usize, Option<Edns>),
    /// An error with this code.
    Error(u16),
    /// Silence.
    Drop,
}

/// Our reading is the naive one; what hickory-proto takes for a plain query we take, too, and read alike.
pub fn check(message: &[u8]) {
    let ours = Query::parse(message);
    let verdict = match ours {
        Ok(query) => Verdict::Ask(query.qtype, query.qclass, query.question_end, query.edns),
        Err(Reject::Answer { rcode, question_end, .. }) => {
            assert!(question_end >= 12 && question_end <= message.len());
            Verdict::Error(rcode)
        }
        Err(Reject::Garbage | Reject::Response) => Verdict::Drop,
    };
    assert_eq!(verdict, naive(message), "{message:02x?}");
    let (Ok(query), Ok(theirs)) = (ours, Message::from_vec(message)) else { return };
    assert_eq!((theirs.metadata.op_code, theirs.queries.len()), (OpCode::Query, 1));
    let question = &theirs.queries[0];
    assert_eq!(query.qtype, u16::from(question.query_type()));
    assert_eq!(query.qclass, u16::from(question.query_class()));
    let labels: Vec<_> = question.name().iter().map(<[u8]>::to_vec).collect();
    assert_eq!(walker::name(query.name(message), 0).map(|(labels, _)| labels), Some(labels));
    let edns = theirs.edns.as_ref().map(|edns| (edns.max_payload().max(512), edns.flags().dnssec_ok));
    assert_eq!(query.edns.map(|edns| (edns.udp_size.max(512), edns.dnssec_ok)), edns);
}

/// The rules in the order in which a client notices them.
fn naive(message: &[u8]) -> Verdict {
    let word = |at: usize| message.get(at..at + 2).map(|pair| u16::from(pair[0]) << 8 | u16::from(pair[1]));
    if message.len() < 12 || message[2] & 0x80 != 0 {
        return Verdict::Drop;
    }
    if message[2] & 0x78 != 0 {
        return Verdict::Error(4);
    }
    if [word(4), word(6), word(8)] != [Some(1), Some(0), Some(0)] {
        return Verdict::Error(1);
    }
    // A pointer in the question has nothing to point at, and no answer could be put behind it as it stands.
    let Some((labels, behind)) = walker::name(message, 12) else { return Verdict::Error(1) };
    if behind != 12 + labels.iter().map(|label| label.len() + 1).sum::<usize>() + 1 {
        return Verdict::Error(1);
    }
    let (Some(qtype), Some(qclass)) = (word(behind), word(behind + 2)) else { return Verdict::Error(1) };
    let (mut at, mut edns) = (behind + 4, None);
    for _ in 0..word(10).unwrap_or(0) {
        let start = at;
        // Owners in the additional section are stepped over, not followed.
        loop {
            match message.get(at) {
                Some(0) => break at += 1,
                Some(192..) => break at += 2,
                Some(1..64) => at += 1 + usize::from(message[at]),
                _ => return Verdict::Error(1),
            }
        }
        let (Some(rtype), Some(class), Some(length)) = (word(at), word(at + 2), word(at + 8)) else {
            return Verdict::Error(1);
        };
        let Some(rdata) = message.get(at + 10..at + 10 + usize::from(length)) else { return Verdict::Error(1) };
        let (version, dnssec_ok) = (message[at + 5], message[at + 6] & 0x80 != 0);
        at += 10 + rdata.len();
        if rtype != 41 {
            continue;
        }
        if edns.is_some() || message[start] != 0 {
            return Verdict::Error(1);
        }
        if version != 0 {
            return Verdict::Error(16);
        }
        let (mut keepalive, mut nsid, mut rest) = (false, false, rdata);
        while !rest.is_empty() {
            let Some((head, value)) = rest.split_at_checked(4) else { return Verdict::Error(1) };
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let Some(behind) = value.get(length..) else { return Verdict::Error(1) };
            keepalive |= head[..2] == [0, 11];
            nsid |= head[..2] == [0, 3];
            rest = behind;
        }
        edns = Some(Edns { udp_size: class, dnssec_ok, keepalive, nsid });
    }
    Verdict::Ask(qtype, qclass, behind + 4, edns)
}
