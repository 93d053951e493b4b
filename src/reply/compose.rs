//! Writing an answer behind the client's question.

use crate::wire::body::Body;
use crate::wire::header::{COUNTS, flag, option, rcode};
use crate::wire::query::Edns;
use crate::wire::{put_u16, record};

/// UDP size of a client without EDNS, and the least that one with EDNS is taken to mean (RFC 6891 section 6.2.3).
pub const PLAIN_UDP_SIZE: usize = 512;

/// Bytes of an OPT record without options.
const OPT: usize = 11;

/// Bytes of an extended error without text.
const EDE: usize = 6;

/// What matters of the client for the form of its answer.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The query's flags.
    pub flags: u16,
    /// What it said by EDNS.
    pub edns: Option<Edns>,
    /// Largest answer in bytes, OPT included; see [`Client::udp_limit`].
    pub limit: usize,
    /// The UDP size we offer in our OPT record.
    pub udp_size: u16,
    /// The EDNS options that it asked for, in wire format.
    pub options: &'a [u8],
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Composed {
    /// Bytes of the message.
    pub length: usize,
    /// Whether TC is set.
    pub truncated: bool,
}

impl Client<'_> {
    /// The largest UDP answer for a client: what it said, at least 512 and at most `ours`; 512 without EDNS.
    #[must_use]
    #[inline]
    pub fn udp_limit(edns: Option<Edns>, ours: u16) -> usize {
        edns.map_or(PLAIN_UDP_SIZE, |edns| usize::from(edns.udp_size.min(ours)).max(PLAIN_UDP_SIZE))
    }

    /// Bytes of the longest OPT record that its answer can have.
    #[must_use]
    pub fn largest_opt(&self) -> usize {
        OPT + EDE + self.options.len()
    }

    /// Bytes of the OPT record in its answer.
    #[inline]
    fn opt_length(&self, ede: Option<u16>) -> usize {
        match self.edns {
            None => 0,
            Some(_) => OPT + if ede.is_some() { EDE } else { 0 } + self.options.len(),
        }
    }

    /// Writes the OPT record at `at`; how many bytes.
    fn write_opt(&self, room: &mut [u8], at: usize, rcode: u16, ede: Option<u16>) -> usize {
        let Some(edns) = self.edns else { return 0 };
        let length = self.opt_length(ede);
        let Some(room) = room.get_mut(at..at + length) else { return 0 };
        room[..3].copy_from_slice(&[0, 0, 41]);
        put_u16(room, 3, self.udp_size);
        let [_, extended] = (rcode >> 4).to_be_bytes();
        room[5..9].copy_from_slice(&[extended, 0, if edns.dnssec_ok { 0x80 } else { 0 }, 0]);
        put_u16(room, 9, u16::try_from(length - OPT).unwrap_or(0));
        let mut next = OPT;
        if let Some(ede) = ede {
            put_u16(room, next, option::EDE);
            put_u16(room, next + 2, 2);
            put_u16(room, next + 4, ede);
            next += EDE;
        }
        if !self.options.is_empty() {
            room[next..].copy_from_slice(self.options);
        }
        length
    }
}

/// Writes `body` behind the question in `room`.
///
/// `room[..question_end]` holds the client's header and question, and `room` has place for `client.limit` bytes, or for the whole answer if
/// that is less. Where not all fits, additional records go first, which no client needs (RFC 2181 section 9); if records of the
/// answer or authority section have to go, TC says so, and as many as fit are still there, for clients that never come back by TCP.
/// `turn` chooses which of a set of addresses comes first.
#[inline]
pub fn answer(room: &mut [u8], question_end: usize, client: &Client<'_>, body: &Body<'_>, turn: usize) -> Composed {
    let records = body.records;
    let opt = client.opt_length(body.ede);
    let space = client.limit.min(room.len()).saturating_sub(question_end + opt);
    let (length, counts, truncated) =
        if records.len() <= space { (records.len(), body.counts, false) } else { fit(records, body.counts, space) };
    let target = &mut room[question_end..question_end + length];
    match body.rotation {
        Some(set) if !turn.is_multiple_of(usize::from(set.count)) => {
            copy_rotated(
                target,
                records,
                usize::from(set.start),
                usize::from(set.stride),
                usize::from(set.count),
                turn,
            );
        }
        _ => target.copy_from_slice(&records[..length]),
    }
    body.age_ttls(target);
    let mut flags = flag::QR | flag::RA | client.flags & (flag::RD | flag::CD) | body.rcode & flag::RCODE;
    // RFC 6840 section 5.8: AD is shown to those who set DO or AD.
    let wants_ad = client.flags & flag::AD != 0 || client.edns.is_some_and(|edns| edns.dnssec_ok);
    if body.authentic && wants_ad && client.flags & flag::CD == 0 {
        flags |= flag::AD;
    }
    if body.authoritative {
        flags |= flag::AA;
    }
    if truncated || body.truncated {
        flags |= flag::TC;
    }
    finish(room, question_end, length, client, flags, counts, body.rcode, body.ede, truncated)
}

/// Writes an answer without records: an error, or a NODATA that nothing proves. The response code may be an extended one if the client knows EDNS.
pub fn error(room: &mut [u8], question_end: usize, client: &Client<'_>, rcode: u16, ede: Option<u16>) -> Composed {
    // The opcode is carried back (RFC 1035 section 4.1.1), also one that is refused; RA tells of the server, whatever was asked.
    let kept = flag::RD | flag::CD | flag::OPCODE;
    let flags = flag::QR | flag::RA | client.flags & kept | rcode & flag::RCODE;
    finish(room, question_end, 0, client, flags, [0; 3], rcode, ede, false)
}

/// Patches the header and adds OPT.
#[expect(clippy::too_many_arguments, reason = "the tail of two functions, apart only to be shared")]
#[inline]
fn finish(
    room: &mut [u8],
    question_end: usize,
    length: usize,
    client: &Client<'_>,
    flags: u16,
    counts: [u16; 3],
    rcode: u16,
    ede: Option<u16>,
    truncated: bool,
) -> Composed {
    let end = question_end + length;
    let opt = client.write_opt(room, end, rcode, ede);
    put_u16(room, 2, flags);
    let questions = u16::from(question_end > crate::wire::header::HEADER);
    let additional = counts[2] + u16::from(opt > 0);
    for (at, count) in COUNTS.into_iter().zip([questions, counts[0], counts[1], additional]) {
        put_u16(room, at, count);
    }
    Composed { length: end + opt, truncated }
}

/// How many of the records fit into `space`: bytes, counts, and whether any was lost that matters.
fn fit(records: &[u8], counts: [u16; 3], space: usize) -> (usize, [u16; 3], bool) {
    let mut kept = [0; 3];
    let mut end = 0;
    'sections: for (section, count) in counts.into_iter().enumerate().take(2) {
        for _ in 0..count {
            // Offsets are relative, but skipping a record does not follow pointers.
            let Some(record) = record::read(records, end).filter(|record| record.end <= space) else { break 'sections };
            end = record.end;
            kept[section] += 1;
        }
    }
    (end, kept, kept[..2] != counts[..2])
}

/// Copies records with the set at `start` beginning with its `turn`th, as far as `target` reaches.
fn copy_rotated(target: &mut [u8], records: &[u8], start: usize, stride: usize, count: usize, turn: usize) {
    let end = start + stride * count;
    let first = start + stride * (turn % count);
    let pieces = [0..start, first..end, start..first, end..records.len()];
    let mut rest = target;
    for piece in pieces {
        let piece = records.get(piece).unwrap_or_default();
        let length = piece.len().min(rest.len());
        let (here, behind) = rest.split_at_mut(length);
        here.copy_from_slice(&piece[..length]);
        rest = behind;
    }
}

/// The record that stands for all others when a client asks for everything (RFC 8482 section 4.2: a synthesised HINFO record).
pub const MINIMAL_ANY: &[u8] = b"\xC0\x0C\x00\x0D\x00\x01\x00\x00\x0E\x10\x00\x09\x07RFC8482\x00";

/// Writes the minimal answer to ANY.
pub fn minimal_any(room: &mut [u8], question_end: usize, client: &Client<'_>) -> Composed {
    let flags = flag::QR | flag::RA | client.flags & (flag::RD | flag::CD);
    if let Some(target) = room.get_mut(question_end..question_end + MINIMAL_ANY.len()) {
        target.copy_from_slice(MINIMAL_ANY);
        return finish(room, question_end, MINIMAL_ANY.len(), client, flags, [1, 0, 0], rcode::NOERROR, None, false);
    }
    error(room, question_end, client, rcode::SERVFAIL, None)
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
