//! What stands behind the question in an answer: the form in which whoever knows it hands it to whoever writes it.

use super::answer::Rotation;
use super::header::{HEADER, rtype};
use super::record::{self, Record};
use super::{name, put_u32, u16_at, u32_at};

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

/// Whether one of the aliases among the first `count` of `records`, which stand behind a question for the name `question`, leads to a name that
/// `matches`; it gets that in lower case. Copies the records if there is an alias at all.
pub fn leads_to(records: &[u8], count: u16, question: &[u8], matches: impl Fn(&[u8]) -> bool) -> bool {
    let aliases = |bytes, from| first(bytes, from, count).filter(|record| record.rtype == rtype::CNAME);
    if aliases(records, 0).next().is_none() {
        return false;
    }
    // Pointers count from the message's first byte.
    let base = HEADER + question.len() + 4;
    let mut message = vec![0; base];
    message[HEADER..HEADER + question.len()].copy_from_slice(question);
    message.extend_from_slice(records);
    aliases(&message, base).any(|alias| {
        let target = name::expand(&message, alias.rdata_start);
        target.is_some_and(|(target, _)| matches(&target.as_bytes().to_ascii_lowercase()))
    })
}

/// The first `count` records from an offset on, as far as there are so many.
fn first(bytes: &[u8], from: usize, count: u16) -> impl Iterator<Item = Record> + '_ {
    let mut at = from;
    (0..count).map_while(move |_| {
        let record = record::read(bytes, at)?;
        at = record.end;
        Some(record)
    })
}
