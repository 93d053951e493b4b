//! What an answer is found by: name, type and which of DO and CD the question carried. Class is always IN.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;

use crate::wire::answer::Asked;
use crate::wire::class;
use crate::wire::name::{self, MAX_NAME};

/// Bytes behind the name: type and variant.
const TAIL: usize = 3;

/// The type of an entry that answers for all types: NXDOMAIN. No record has type 0 (RFC 6895 section 3.1).
pub const EVERY_TYPE: u16 = 0;

/// The bits of a question, besides name and type, that change its answer.
///
/// AD does not: it is asked for always, and shown to those who ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Variant(u8);

impl Variant {
    /// The variant of a question with these bits.
    #[must_use]
    #[inline]
    pub fn new(dnssec_ok: bool, checking_disabled: bool) -> Self {
        Self(u8::from(dnssec_ok) | u8::from(checking_disabled) << 1)
    }

    /// The same in class CHAOS, which shares the tables of questions under way but no answer.
    #[must_use]
    pub fn chaos(self) -> Self {
        Self(self.0 | 4)
    }

    /// The same for clients to whom addresses are made up (RFC 6147).
    #[must_use]
    pub fn translated(self) -> Self {
        Self(self.0 | 8)
    }

    /// The same for others.
    #[must_use]
    pub fn plain(self) -> Self {
        Self(self.0 & !8)
    }

    /// Whether addresses are made up.
    #[must_use]
    pub fn is_translated(self) -> bool {
        self.0 & 8 != 0
    }

    /// Whether signatures are wanted.
    #[must_use]
    pub fn dnssec_ok(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether unvalidated data are wanted.
    #[must_use]
    pub fn checking_disabled(self) -> bool {
        self.0 & 2 != 0
    }
}

/// The seed of this process; keys are what strangers choose, so that without one they could choose collisions.
#[derive(Clone, Debug, Default)]
pub struct Hashing(RandomState);

/// A key on the stack, made once a question.
///
/// Its hash stands for it in the store: 64 bits, seeded. Two questions of the same hash only push each other out, since an entry
/// holds its own name and is asked whether it answers.
#[derive(Clone)]
pub struct Key {
    /// Folded name, type, variant. Invariant: `bytes[..length]` is in use.
    bytes: [u8; MAX_NAME + TAIL],
    /// Bytes in use.
    length: u16,
    /// Hash of them.
    hash: u64,
}

impl Key {
    /// A key for `name`, uncompressed and in any letter case.
    #[must_use]
    #[inline]
    pub fn new(name: &[u8], qtype: u16, variant: Variant, hashing: &Hashing) -> Self {
        let mut key = Self { bytes: [0; MAX_NAME + TAIL], length: 0, hash: 0 };
        let length = name.len().min(MAX_NAME);
        key.bytes[..length].copy_from_slice(&name[..length]);
        name::fold(&mut key.bytes[..length]);
        let [high, low] = qtype.to_be_bytes();
        key.bytes[length..length + TAIL].copy_from_slice(&[high, low, variant.0]);
        key.length = u16::try_from(length + TAIL).unwrap_or(0);
        key.hash = hashing.0.hash_one(key.as_bytes());
        key
    }

    /// The key under which NXDOMAIN of this name, or of its ancestor that begins at `from`, would be kept.
    #[must_use]
    pub fn nxdomain(&self, from: usize, hashing: &Hashing) -> Self {
        Self::new(self.name().get(from..).unwrap_or(&[0]), EVERY_TYPE, self.variant(), hashing)
    }

    /// What a message must answer to be kept under this key.
    #[must_use]
    pub fn asked(&self) -> Asked<'_> {
        Asked { name: self.name(), qtype: self.qtype(), qclass: class::IN, dnssec_ok: self.variant().dnssec_ok() }
    }

    /// The same of a message of the node's own making, which nobody signs.
    #[must_use]
    pub fn asked_unsigned(&self) -> Asked<'_> {
        Asked { dnssec_ok: false, ..self.asked() }
    }

    /// Name, type and variant of what [`Key::as_bytes`] gave.
    pub(super) fn parts(bytes: &[u8]) -> Option<(&[u8], u16, Variant)> {
        let (name, tail) = bytes.split_at_checked(bytes.len().checked_sub(TAIL)?)?;
        let [high, low, variant] = *tail.as_array::<TAIL>()?;
        Some((name, u16::from_be_bytes([high, low]), Variant(variant)))
    }

    /// All of it.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The folded name.
    #[must_use]
    #[inline]
    pub fn name(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length) - TAIL]
    }

    /// QTYPE, or [`EVERY_TYPE`].
    #[must_use]
    #[inline]
    pub fn qtype(&self) -> u16 {
        let at = usize::from(self.length) - TAIL;
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// The bits besides.
    #[must_use]
    #[inline]
    pub fn variant(&self) -> Variant {
        Variant(self.bytes[usize::from(self.length) - 1])
    }

    /// The hash.
    #[must_use]
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}
