//! What is noted, as bytes in a ring: fields of fixed size, then one message, or two.
//!
//! Both ends are this program, so the form has no version and no regard for strangers; but a reader that is out of step stops rather than guess.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::metrics::{Protocol, Source};
use crate::sys::clock::Moment;
use crate::wire::query::Edns;

/// An answer, as the worker that gave it knows it.
#[derive(Clone, Copy, Debug)]
pub struct Noted<'a> {
    /// Who asked.
    pub client: IpAddr,
    /// From which port.
    pub port: u16,
    /// Position of the listen address.
    pub server: u16,
    /// How it came.
    pub protocol: Protocol,
    /// Bytes of the query.
    pub size: usize,
    /// What the client said by EDNS.
    pub edns: Option<Edns>,
    /// The answer.
    pub message: &'a [u8],
    /// Offset behind its question.
    pub question_end: usize,
    /// RCODE with the extended bits.
    pub rcode: u16,
    /// Who knew.
    pub source: Source,
    /// Whether it is not what servers say.
    pub is_withheld: bool,
    /// When the query came.
    pub received: Moment,
    /// How long it took.
    pub duration: Duration,
}

/// What a record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An answer to a client.
    Answer,
    /// A client's query, whole.
    Query,
    /// A server's question and answer, whole.
    Exchange,
}

/// A record, read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What it tells of.
    pub kind: Kind,
    /// Who asked; nobody in an exchange.
    pub client: IpAddr,
    /// From which port.
    pub port: u16,
    /// Position of the listen address.
    pub server: u16,
    /// How it came.
    pub protocol: Protocol,
    /// Bytes of the query.
    pub size: u32,
    /// The UDP size that the client offered, if it knows EDNS.
    pub udp_size: Option<u16>,
    /// Whether it set DO.
    pub dnssec_ok: bool,
    /// RCODE with the extended bits.
    pub rcode: u16,
    /// Who knew.
    pub source: Source,
    /// Whether it is not what servers say.
    pub is_withheld: bool,
    /// Whether it is wanted as a failure, and whether as an answer besides.
    pub wanted_as: [bool; 2],
    /// When the query came.
    pub received: Moment,
    /// How long it took.
    pub duration: Duration,
    /// Bytes of the answer.
    pub answer_size: u32,
    /// Header and question of the answer at least; the query in a record of one; the question to a server in an exchange.
    pub message: &'a [u8],
    /// A server's answer.
    pub response: &'a [u8],
}

/// Bytes before the messages, the length not counted.
const HEAD: usize = 64;

/// The most that a record can have, its length included: a question and an answer, both as long as a message can be.
pub const LONGEST: usize = 4 + HEAD + 2 * 65_535;

impl Record<'_> {
    /// One with no facts.
    pub const EMPTY: Record<'static> = Record {
        kind: Kind::Query,
        client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        port: 0,
        server: 0,
        protocol: Protocol::Udp,
        size: 0,
        udp_size: None,
        dnssec_ok: false,
        rcode: 0,
        source: Source::Policy,
        is_withheld: false,
        wanted_as: [false, true],
        received: Moment::from_nanos(0),
        duration: Duration::ZERO,
        answer_size: 0,
        message: &[],
        response: &[],
    };

    /// Writes it into `room`, with its length before it.
    pub fn write(&self, room: &mut Vec<u8>) {
        room.clear();
        let length = HEAD + self.message.len() + self.response.len();
        room.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_ne_bytes());
        let (family, address) = match self.client {
            IpAddr::V4(address) => (4, address.to_ipv6_mapped().octets()),
            IpAddr::V6(address) => (6, address.octets()),
        };
        let flags = u8::from(self.dnssec_ok) | u8::from(self.is_withheld) << 1 | u8::from(self.udp_size.is_some()) << 2;
        room.extend_from_slice(&[
            match self.kind {
                Kind::Answer => 0,
                Kind::Query => 1,
                Kind::Exchange => 2,
            },
            u8::from(self.protocol == Protocol::Tcp),
            family,
            flags,
            self.source as u8,
            u8::from(self.wanted_as[0]) | u8::from(self.wanted_as[1]) << 1,
        ]);
        for number in [self.port, self.server, self.udp_size.unwrap_or(0), self.rcode] {
            room.extend_from_slice(&number.to_ne_bytes());
        }
        room.extend_from_slice(&address);
        for number in [self.size, self.answer_size, u32::try_from(self.message.len()).unwrap_or(0)] {
            room.extend_from_slice(&number.to_ne_bytes());
        }
        room.extend_from_slice(&self.received.as_nanos().to_ne_bytes());
        room.extend_from_slice(&u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX).to_ne_bytes());
        room.resize(4 + HEAD, 0);
        room.extend_from_slice(self.message);
        room.extend_from_slice(self.response);
    }
}

impl<'a> Record<'a> {
    /// Reads one, without the length before it; `None` if it is none.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, messages) = bytes.split_at_checked(HEAD)?;
        let short = |at: usize| Some(u16::from_ne_bytes(head.get(at..at + 2)?.try_into().ok()?));
        let long = |at: usize| Some(u32::from_ne_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let longer = |at: usize| Some(u64::from_ne_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let address = Ipv6Addr::from(<[u8; 16]>::try_from(head.get(14..30)?).ok()?);
        let (message, response) = messages.split_at_checked(usize::try_from(long(38)?).ok()?)?;
        Some(Self {
            kind: match head[0] {
                0 => Kind::Answer,
                1 => Kind::Query,
                2 => Kind::Exchange,
                _ => return None,
            },
            protocol: if head[1] == 0 { Protocol::Udp } else { Protocol::Tcp },
            client: if head[2] == 4 { IpAddr::V4(address.to_ipv4_mapped()?) } else { IpAddr::V6(address) },
            dnssec_ok: head[3] & 1 != 0,
            is_withheld: head[3] & 2 != 0,
            udp_size: (head[3] & 4 != 0).then_some(short(10)?),
            source: *Source::ALL.get(usize::from(head[4]))?,
            wanted_as: [head[5] & 1 != 0, head[5] & 2 != 0],
            port: short(6)?,
            server: short(8)?,
            rcode: short(12)?,
            size: long(30)?,
            answer_size: long(34)?,
            received: Moment::from_nanos(longer(42)?),
            duration: Duration::from_nanos(longer(50)?),
            message,
            response,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (client, source) in [("192.0.2.1", Source::Forward), ("2001:db8::1", Source::Local)] {
            let record = Record {
                kind: Kind::Exchange,
                client: client.parse().unwrap(),
                port: 4321,
                server: 7,
                protocol: Protocol::Tcp,
                size: 41,
                udp_size: Some(4096),
                dnssec_ok: true,
                rcode: 16,
                source,
                is_withheld: true,
                wanted_as: [true, false],
                received: Moment::from_secs(7),
                duration: Duration::from_micros(93),
                answer_size: 68,
                message: b"question",
                response: b"answer",
            };
            let mut room = vec![1, 2, 3];
            record.write(&mut room);
            assert_eq!(u32::from_ne_bytes(room[..4].try_into().unwrap()) as usize, room.len() - 4);
            let read = Record::read(&room[4..]).unwrap();
            assert_eq!(format!("{read:?}"), format!("{record:?}"));
        }
    }

    proptest! {
        #[test]
        fn strange_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::read(&bytes);
        }
    }
}
