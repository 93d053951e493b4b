//! For how long an answer may be kept, and which TTLs it shows.

use std::time::Duration;

use crate::config::Zone;
use crate::wire::answer::{Answer, Kind};
use crate::wire::{put_u32, u32_at};

/// The bounds of a zone, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// No positive answer is kept longer.
    pub max: u32,
    /// A positive answer that may be kept at all is kept at least so long.
    pub min: u32,
    /// No negative answer is kept longer (RFC 2308 section 5: at most three hours, and better much less where names appear at any time).
    pub max_negative: u32,
}

impl Bounds {
    /// What a zone says.
    #[must_use]
    pub fn of(zone: &Zone) -> Self {
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        Self { max: seconds(zone.max_ttl), min: seconds(zone.min_ttl), max_negative: seconds(zone.max_negative_ttl) }
    }

    /// Brings the TTLs of `answer` within the bounds and says for how many seconds it may be kept; 0 is not at all.
    ///
    /// Not kept: TTL 0 (RFC 1035 section 3.2.1: "only used for the transaction in progress"), negative answers without an SOA record (RFC 2308
    /// section 5: "SHOULD NOT be cached"), failures, and what was truncated.
    #[must_use]
    pub fn apply(&self, answer: &mut Answer) -> u32 {
        let negative = match (answer.kind, answer.negative_ttl) {
            (Kind::Positive, _) => None,
            (Kind::Failure, _) | (_, None) => return 0,
            (_, Some(ttl)) => Some(ttl.min(self.max_negative)),
        };
        if answer.truncated {
            return 0;
        }
        let lifetime = match negative {
            // An alias in front of a negative answer has a TTL of its own.
            Some(ttl) => ttl.min(answer.ttl),
            None if answer.ttl == 0 || answer.counts[0] == 0 => 0,
            None => answer.ttl.clamp(self.min.min(self.max), self.max),
        };
        if lifetime == 0 {
            return 0;
        }
        let (low, high) = if negative.is_some() { (0, lifetime) } else { (self.min.min(self.max), self.max) };
        for at in &answer.ttls {
            let at = usize::from(*at);
            let ttl = u32_at(&answer.records, at).unwrap_or(0);
            put_u32(&mut answer.records, at, ttl.clamp(low, high));
        }
        lifetime
    }
}
