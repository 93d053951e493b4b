//! One kept answer: records in wire form, ready to stand behind a client's question.

use std::time::Duration;

use triomphe::ThinArc;

use crate::sys::clock::Moment;
use crate::wire::answer::{Answer, Kind, Rotation};
use crate::wire::body::Body;
use crate::wire::header::ede;

use super::key::{EVERY_TYPE, Key, Variant};

/// The TTL of an expired answer, in seconds (RFC 8767 section 4: "a value of 30 seconds").
const STALE_TTL: u32 = 30;

/// An answer and everything needed to give it; immutable, shared by all workers, cheap to clone.
///
/// One allocation: the head, then records, offsets of TTLs and folded name, so that a hit waits for memory once.
#[derive(Clone, Debug)]
pub struct Entry(ThinArc<Head, u8>);

/// What is known of an answer besides its bytes.
#[derive(Clone, Debug)]
struct Head {
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
    /// Uses that make it worth a refresh before it expires; 0 is never.
    popular_at: u16,
    /// What was judged of its addresses.
    judgement: Judgement,
}

/// What was judged of the addresses in an answer, and by which policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Generation of the policy; 0 if nobody has judged.
    pub policy: u32,
    /// Whether records were withheld, so that another policy cannot judge what is here.
    pub is_withheld: bool,
}

/// What an entry is made of besides the answer.
#[derive(Clone, Copy, Debug, Default)]
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
    /// Uses that make it worth a refresh before it expires; 0 is never.
    pub popular_at: u16,
    /// What was judged of its addresses.
    pub judgement: Judgement,
}

impl Entry {
    /// Keeps `answer` under `key`; NXDOMAIN of the very name under all types. `answer` lends its room and is what it was afterwards.
    #[must_use]
    pub fn new(key: &Key, answer: &mut Answer, terms: Terms, hashing: &super::Hashing) -> Self {
        // With an alias in front, the code is about the alias's target, and the name itself exists (RFC 6604 section 3).
        let every_type = answer.kind == Kind::NxDomain && answer.counts[0] == 0;
        let (qtype, hash) =
            if every_type { (EVERY_TYPE, key.nxdomain(0, hashing).hash()) } else { (key.qtype(), key.hash()) };
        let (name, records) = (key.name(), answer.records.len());
        let head = Head {
            inserted: terms.now,
            hash,
            lifetime: terms.lifetime,
            records: u16::try_from(records).unwrap_or(0),
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
            popular_at: terms.popular_at,
            judgement: terms.judgement,
        };
        answer.records.extend(answer.ttls.iter().flat_map(|at| at.to_be_bytes()));
        answer.records.extend_from_slice(name);
        let entry = Self(ThinArc::from_header_and_slice(head, &answer.records));
        answer.records.truncate(records);
        entry
    }

    /// The same answer after another judgement that takes nothing away.
    #[must_use]
    pub fn judged(&self, judgement: Judgement) -> Self {
        Self(ThinArc::from_header_and_slice(Head { judgement, ..self.head().clone() }, self.data()))
    }

    /// What was judged of its addresses.
    #[must_use]
    pub fn judgement(&self) -> Judgement {
        self.head().judgement
    }

    /// What it is made of besides the answer.
    #[must_use]
    pub fn terms(&self) -> Terms {
        let head = self.head();
        Terms {
            now: head.inserted,
            lifetime: head.lifetime,
            zone: head.zone,
            authentic: head.authentic,
            authoritative: head.authoritative,
            popular_at: head.popular_at,
            judgement: head.judgement,
        }
    }

    /// What is known besides the bytes.
    #[inline]
    fn head(&self) -> &Head {
        &self.0.header.header
    }

    /// The bytes: records, offsets of TTLs, name.
    #[inline]
    fn data(&self) -> &[u8] {
        &self.0.slice
    }

    /// Whether it answers the question of `key`.
    #[must_use]
    #[inline]
    pub fn answers(&self, key: &Key) -> bool {
        (self.head().qtype == key.qtype() || self.head().qtype == EVERY_TYPE)
            && self.head().variant == key.variant()
            && self.name() == key.name()
    }

    /// Whether it may still be given.
    #[must_use]
    #[inline]
    pub fn is_fresh(&self, now: Moment) -> bool {
        now.since(self.head().inserted) < Duration::from_secs(u64::from(self.head().lifetime))
    }

    /// Whether it has expired no longer ago than `limit` seconds (RFC 8767 section 5: the maximum stale timer).
    #[must_use]
    pub fn is_stale(&self, now: Moment, limit: u32) -> bool {
        !self.is_fresh(now) && now.since(self.expires()) < Duration::from_secs(u64::from(limit))
    }

    /// When it was made.
    #[must_use]
    pub fn inserted(&self) -> Moment {
        self.head().inserted
    }

    /// When it expires, or did.
    #[must_use]
    pub fn expires(&self) -> Moment {
        self.head().inserted + Duration::from_secs(u64::from(self.head().lifetime))
    }

    /// Uses that make it worth a refresh before it expires; 0 is never.
    #[must_use]
    #[inline]
    pub fn popular_at(&self) -> u16 {
        self.head().popular_at
    }

    /// The type and the bits of its question; the type of an NXDOMAIN is [`EVERY_TYPE`].
    #[must_use]
    pub fn question(&self) -> (u16, Variant) {
        (self.head().qtype, self.head().variant)
    }

    /// The key it is kept under.
    #[must_use]
    pub fn key(&self, hashing: &super::Hashing) -> Key {
        Key::new(self.name(), self.head().qtype, self.head().variant, hashing)
    }

    /// Whether two are one and the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.head(), other.head())
    }

    /// How long it is good for in all, in seconds.
    #[must_use]
    pub fn lifetime(&self) -> u32 {
        self.head().lifetime
    }

    /// The folded name.
    #[must_use]
    #[inline]
    pub fn name(&self) -> &[u8] {
        let data = self.data();
        &data[data.len() - usize::from(self.head().name)..]
    }

    /// What goes to a client.
    #[must_use]
    #[inline]
    pub fn body(&self, now: Moment) -> Body<'_> {
        let head = self.head();
        let (records, rest) = self.data().split_at(usize::from(head.records));
        Body {
            records,
            ttls: &rest[..rest.len() - usize::from(head.name)],
            age: u32::try_from(now.since(self.head().inserted).as_secs()).unwrap_or(u32::MAX),
            least_ttl: 0,
            counts: self.head().counts,
            rcode: self.head().rcode,
            ede: self.head().ede,
            rotation: self.head().rotation,
            authentic: self.head().authentic,
            authoritative: self.head().authoritative,
            truncated: self.head().truncated,
        }
    }

    /// What goes to a client when it has expired and there is nothing better: every TTL is [`STALE_TTL`], the extended error says so, unless
    /// that tells that something was withheld, and nobody vouches for it any more.
    #[must_use]
    pub fn stale_body(&self) -> Body<'_> {
        let stale = if self.kind() == Kind::NxDomain { ede::STALE_NXDOMAIN_ANSWER } else { ede::STALE_ANSWER };
        let withheld = self.head().ede.filter(|_| self.head().judgement.is_withheld);
        Body {
            age: u32::MAX,
            least_ttl: STALE_TTL,
            ede: withheld.or(Some(stale)),
            authentic: false,
            ..self.body(self.head().inserted)
        }
    }

    /// RCODE.
    #[must_use]
    #[inline]
    pub fn rcode(&self) -> u16 {
        self.head().rcode
    }

    /// Position of its zone in the configuration.
    #[must_use]
    #[inline]
    pub fn zone(&self) -> u16 {
        self.head().zone
    }

    /// What it says.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        self.head().kind
    }

    /// Whether it denies: NXDOMAIN or NODATA.
    #[must_use]
    #[inline]
    pub fn is_denial(&self) -> bool {
        matches!(self.head().kind, Kind::NxDomain | Kind::NoData)
    }

    /// Whether it denies a name that nobody gets, by the node's own word (`policy.block`). What a server says with the same extended error is the
    /// server's.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.head().authoritative && self.head().ede == Some(ede::BLOCKED)
    }

    /// Whether no name below can exist (RFC 8020 section 2).
    #[must_use]
    pub fn cuts(&self) -> bool {
        self.head().qtype == EVERY_TYPE
    }

    /// The key's hash.
    #[must_use]
    #[inline]
    pub fn hash(&self) -> u64 {
        self.head().hash
    }

    /// Bytes it takes, all bookkeeping of the store included.
    #[must_use]
    pub fn weight(&self) -> u32 {
        /// What the store and the allocator add to an entry: measured as resident bytes over 200,000 entries.
        const OVERHEAD: usize = 300;
        u32::try_from(self.data().len() + size_of::<Head>() + OVERHEAD).unwrap_or(u32::MAX)
    }
}
