//! One kept answer: records in wire form, ready to stand behind a client's question.

use std::time::Duration;

use crate::sys::clock::Moment;
use crate::wire::answer::{Answer, Kind, Rotation};
use crate::wire::body::Body;

use super::key::{EVERY_TYPE, Key, Variant};

/// An answer and everything needed to give it; immutable, shared by all workers.
#[derive(Debug)]
pub struct Entry {
    /// Folded name, records, offsets of TTLs, one after another: one allocation.
    data: Box<[u8]>,
    /// When it was made.
    inserted: Moment,
    /// The key's hash.
    hash: u64,
    /// How long it is good for, in seconds; 0 if it answers only those who wait for it now.
    lifetime: u32,
    /// Bytes of the records.
    records: u16,
    /// QTYPE it answers, or [`EVERY_TYPE`].
    qtype: u16,
    /// Answer, authority and additional records.
    counts: [u16; 3],
    /// RCODE.
    rcode: u16,
    /// Position of its zone in the configuration.
    zone: u16,
    /// Extended error of the responder (RFC 8914).
    ede: Option<u16>,
    /// Addresses whose order may change.
    rotation: Option<Rotation>,
    /// Bytes of the name.
    name: u8,
    /// The bits of the question.
    variant: Variant,
    /// What it says.
    kind: Kind,
    /// Whether AD may be shown.
    authentic: bool,
    /// Whether we own the name ourselves.
    authoritative: bool,
    /// Whether records are missing; never kept then.
    truncated: bool,
}

/// What an entry is made of besides the answer.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// When.
    pub now: Moment,
    /// For how long, in seconds.
    pub lifetime: u32,
    /// Position of its zone in the configuration.
    pub zone: u16,
    /// Whether AD may be shown.
    pub authentic: bool,
    /// Whether we own the name ourselves.
    pub authoritative: bool,
}

impl Entry {
    /// Keeps `answer` under `key`; NXDOMAIN of the very name under all types.
    #[must_use]
    pub fn new(key: &Key, answer: &Answer, terms: Terms, hashing: &super::Hashing) -> Self {
        // With an alias in front, the code is about the alias's target, and the name itself exists (RFC 6604 section 3).
        let every_type = answer.kind == Kind::NxDomain && answer.counts[0] == 0;
        let (qtype, hash) =
            if every_type { (EVERY_TYPE, key.nxdomain(0, hashing).hash()) } else { (key.qtype(), key.hash()) };
        let name = key.name();
        let mut data = Vec::with_capacity(name.len() + answer.records.len() + 2 * answer.ttls.len());
        data.extend_from_slice(name);
        data.extend_from_slice(&answer.records);
        data.extend(answer.ttls.iter().flat_map(|at| at.to_be_bytes()));
        Self {
            data: data.into_boxed_slice(),
            inserted: terms.now,
            hash,
            lifetime: terms.lifetime,
            records: u16::try_from(answer.records.len()).unwrap_or(0),
            qtype,
            counts: answer.counts,
            rcode: answer.rcode,
            zone: terms.zone,
            ede: answer.ede,
            rotation: answer.rotation,
            name: u8::try_from(name.len()).unwrap_or(0),
            variant: key.variant(),
            kind: answer.kind,
            authentic: terms.authentic,
            authoritative: terms.authoritative,
            truncated: answer.truncated,
        }
    }

    /// Whether it answers the question of `key`.
    #[must_use]
    #[inline]
    pub fn answers(&self, key: &Key) -> bool {
        (self.qtype == key.qtype() || self.qtype == EVERY_TYPE)
            && self.variant == key.variant()
            && self.name() == key.name()
    }

    /// Whether it may still be given.
    #[must_use]
    #[inline]
    pub fn is_fresh(&self, now: Moment) -> bool {
        now.since(self.inserted) < Duration::from_secs(u64::from(self.lifetime))
    }

    /// How long it is good for in all, in seconds.
    #[must_use]
    pub fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// The folded name.
    #[must_use]
    #[inline]
    pub fn name(&self) -> &[u8] {
        &self.data[..usize::from(self.name)]
    }

    /// What goes to a client.
    #[must_use]
    #[inline]
    pub fn body(&self, now: Moment) -> Body<'_> {
        let (records, ttls) = self.data[usize::from(self.name)..].split_at(usize::from(self.records));
        Body {
            records,
            ttls,
            age: u32::try_from(now.since(self.inserted).as_secs()).unwrap_or(u32::MAX),
            counts: self.counts,
            rcode: self.rcode,
            ede: self.ede,
            rotation: self.rotation,
            authentic: self.authentic,
            authoritative: self.authoritative,
            truncated: self.truncated,
        }
    }

    /// RCODE.
    #[must_use]
    #[inline]
    pub fn rcode(&self) -> u16 {
        self.rcode
    }

    /// Position of its zone in the configuration.
    #[must_use]
    #[inline]
    pub fn zone(&self) -> u16 {
        self.zone
    }

    /// What it says.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it denies: NXDOMAIN or NODATA.
    #[must_use]
    #[inline]
    pub fn is_denial(&self) -> bool {
        matches!(self.kind, Kind::NxDomain | Kind::NoData)
    }

    /// Whether no name below can exist (RFC 8020 section 2).
    #[must_use]
    pub fn cuts(&self) -> bool {
        self.qtype == EVERY_TYPE
    }

    /// The key's hash.
    #[must_use]
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Bytes it takes, all bookkeeping of the store included.
    #[must_use]
    pub fn weight(&self) -> u32 {
        /// What the store and the allocator add to an entry: measured as resident bytes over 200,000 entries.
        const OVERHEAD: usize = 300;
        u32::try_from(self.data.len() + size_of::<Self>() + OVERHEAD).unwrap_or(u32::MAX)
    }
}
