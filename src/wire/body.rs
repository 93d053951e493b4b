//! What stands behind the question in an answer: the form in which whoever knows it hands it to whoever writes it.

use super::answer::Rotation;
use super::{put_u32, u16_at, u32_at};

/// The body of an answer, borrowed from where it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// The records, with the TTLs they had at first.
    pub records: &'a [u8],
    /// Where their TTLs are, counted from the first record: 16-bit numbers in network order.
    pub ttls: &'a [u8],
    /// Whole seconds since then.
    pub age: u32,
    /// The least TTL that is shown.
    pub least_ttl: u32,
    /// Answer, authority and additional records.
    pub counts: [u16; 3],
    /// RCODE with the extended bits.
    pub rcode: u16,
    /// Extended error to pass on.
    pub ede: Option<u16>,
    /// Addresses whose order may change.
    pub rotation: Option<Rotation>,
    /// Whether AD may be shown.
    pub authentic: bool,
    /// Whether we own the name ourselves.
    pub authoritative: bool,
    /// Whether records are missing already.
    pub truncated: bool,
}

impl Body<'_> {
    /// Takes the age off every TTL in `records`, a copy of the first bytes of [`Self::records`]; what is left is at least
    /// [`Self::least_ttl`].
    #[inline]
    pub fn age_ttls(&self, records: &mut [u8]) {
        if self.age == 0 {
            return;
        }
        if self.least_ttl > 0 {
            return self.set_ttls(records);
        }
        for pair in self.ttls.chunks_exact(2) {
            let at = usize::from(u16_at(pair, 0).unwrap_or(0));
            let Some(ttl) = u32_at(records, at) else { break };
            put_u32(records, at, ttl.saturating_sub(self.age));
        }
    }

    /// Ages TTLs that may not fall below a bound: those of what has expired.
    #[cold]
    fn set_ttls(&self, records: &mut [u8]) {
        for pair in self.ttls.chunks_exact(2) {
            let at = usize::from(u16_at(pair, 0).unwrap_or(0));
            let Some(ttl) = u32_at(records, at) else { break };
            put_u32(records, at, ttl.saturating_sub(self.age).max(self.least_ttl));
        }
    }
}
