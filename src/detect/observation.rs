//! What a worker tells: one question and what became of it, in so many bytes.

use std::net::{IpAddr, Ipv4Addr};

use crate::metrics::Source;
use crate::sys::clock::Moment;
use crate::wire::name::MAX_NAME;

/// Why it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server had to be asked, or would have been had it not been refused.
    Miss,
    /// One of the answers of all kinds, which stands for so many.
    Sample(u32),
    /// The answer led to an address that no public name may have, and was blocked or reported.
    Rebinding,
    /// Nobody gets this type.
    Type,
}

/// One client's question and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// When it was answered.
    pub at: Moment,
    /// Who asked.
    pub client: IpAddr,
    /// Why it is told.
    pub kind: Kind,
    /// QTYPE.
    pub qtype: u16,
    /// RCODE with the extended bits.
    pub rcode: u16,
    /// The zone's number; `u16::MAX` is none.
    pub zone: u16,
    /// Bytes of the records in the answer.
    pub answer_bytes: u16,
    /// Least TTL of the answer section as it came, in seconds; `u32::MAX` if there is none.
    pub ttl: u32,
    /// Who knew.
    pub source: Source,
    /// Bytes of the name used.
    length: u8,
    /// The name, folded, in wire format.
    name: [u8; MAX_NAME],
}

impl Observation {
    /// One about a name in wire format, which is folded here; of nobody, and of nothing else yet. What is longer than a name can be is cut off.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let mut bytes = [0; MAX_NAME];
        let length = name.len().min(MAX_NAME);
        bytes[..length].copy_from_slice(&name[..length]);
        bytes[..length].make_ascii_lowercase();
        Self {
            at: Moment::default(),
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            kind: Kind::Miss,
            qtype: 0,
            rcode: 0,
            zone: u16::MAX,
            answer_bytes: 0,
            ttl: u32::MAX,
            source: Source::Forward,
            length: u8::try_from(length).unwrap_or(u8::MAX),
            name: bytes,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name[..usize::from(self.length)]
    }
}
