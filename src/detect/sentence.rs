//! Clients that are held back below a domain, in the modes that do so: written by the observing thread, read by workers on a miss.
//!
//! Only what a server has to be asked is held back. What is kept is answered as ever, which costs a tunnel everything and a mistake little.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use crate::sys::clock::Moment;
use crate::wire::name;

use super::table::who;

/// Sentences in force at most; where there are more, the one that ends first ends now.
pub(super) const MOST: usize = 1_024;

/// The most labels of a name that are looked at, from behind: a registered domain has at most seven.
const MOST_LABELS: usize = 8;

/// How hard it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// So many questions a second pass.
    Limit,
    /// None does.
    Block,
}

/// One client and one domain.
#[derive(Clone, Debug)]
pub struct Sentence {
    /// Who.
    client: IpAddr,
    /// The domain in wire format.
    domain: Box<[u8]>,
    /// How hard.
    severity: Severity,
    /// Until when, in seconds of [`Moment`].
    until: u32,
}

impl Sentence {
    /// A sentence.
    #[must_use]
    pub fn new(client: IpAddr, domain: &[u8], severity: Severity, until: u32) -> Self {
        Self { client, domain: domain.into(), severity, until }
    }
}

/// A sentence in force.
#[derive(Debug)]
struct InForce {
    /// How hard.
    severity: Severity,
    /// Until when, in seconds.
    until: u32,
    /// When the next question may pass, in nanoseconds.
    free_at_ns: AtomicU64,
}

/// All of them, by hash of client and domain.
type Set = HashMap<u64, Arc<InForce>, RandomState>;

/// Sentences, for everybody to ask.
#[derive(Debug, Default)]
pub struct Sentences {
    /// Whether there are any: mostly not.
    some: AtomicBool,
    /// Questions a second of those that are limited, which pass.
    limit: AtomicU32,
    /// Which.
    set: ArcSwap<Set>,
    /// Hashes clients with domains.
    hashing: RandomState,
}

impl Sentences {
    /// Whether there are any.
    #[must_use]
    #[inline]
    pub fn is_some(&self) -> bool {
        self.some.load(Ordering::Relaxed)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.set.load().len()
    }

    /// Whether a question of `client` for the folded `name` is refused.
    #[must_use]
    pub fn refuses(&self, client: IpAddr, name: &[u8], now: Moment) -> bool {
        let Some(sentence) = self.find(client, name, now) else { return false };
        match sentence.severity {
            Severity::Block => true,
            Severity::Limit => {
                let interval = 1_000_000_000 / u64::from(self.limit.load(Ordering::Relaxed).max(1));
                let take = |free_at: u64| (free_at <= now.as_nanos()).then(|| now.as_nanos() + interval);
                sentence.free_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err()
            }
        }
    }

    /// How `client` is held back for the folded `name`, and for how much longer; takes no turn from it.
    #[must_use]
    pub fn standing(&self, client: IpAddr, name: &[u8], now: Moment) -> Option<(Severity, Duration)> {
        let sentence = self.find(client, name, now)?;
        Some((sentence.severity, Duration::from_secs(u64::from(sentence.until).saturating_sub(now.as_secs()))))
    }

    /// The sentence that holds for `client` and the folded `name`.
    fn find(&self, client: IpAddr, name: &[u8], now: Moment) -> Option<Arc<InForce>> {
        if !self.is_some() {
            return None;
        }
        let set = self.set.load();
        let who = who(client);
        let labels = name::suffixes(name).count();
        let ends = name::suffixes(name).skip(labels.saturating_sub(MOST_LABELS + 1));
        let found = ends.filter_map(|at| set.get(&self.hashing.hash_one((who, &name[at..])))).next();
        found.filter(|sentence| u64::from(sentence.until) > now.as_secs()).cloned()
    }

    /// Brings sentences into force, and ends those that are over; how many ended before their time. For one thread alone.
    pub(super) fn pass(&self, new: Vec<Sentence>, now: u32) -> u64 {
        let set = self.set.load();
        if new.is_empty() && set.values().all(|sentence| sentence.until > now) {
            return 0;
        }
        let mut ended = 0;
        let mut next: Set = set
            .iter()
            .filter(|(_, sentence)| sentence.until > now)
            .map(|(key, sentence)| (*key, Arc::clone(sentence)))
            .collect();
        for Sentence { client, domain, severity, until } in new {
            let key = self.hashing.hash_one((who(client), &*domain));
            let free_at_ns = next.get(&key).map_or(0, |before| before.free_at_ns.load(Ordering::Relaxed));
            if next.len() >= MOST && !next.contains_key(&key) {
                let first = next.iter().min_by_key(|(_, sentence)| sentence.until).map(|(key, _)| *key);
                ended += u64::from(first.and_then(|first| next.remove(&first)).is_some());
            }
            next.insert(key, Arc::new(InForce { severity, until, free_at_ns: AtomicU64::new(free_at_ns) }));
        }
        let some = !next.is_empty();
        self.set.store(Arc::new(next));
        self.some.store(some, Ordering::Relaxed);
        ended
    }

    /// Lets so many questions a second through of those that are limited.
    pub(super) fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Ends all of them.
    pub(super) fn pardon(&self) {
        self.some.store(false, Ordering::Relaxed);
        self.set.store(Arc::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name.
    fn wire(text: &str) -> Vec<u8> {
        name::parse(text).unwrap()
    }

    const NOW: Moment = Moment::from_secs(1_000);

    #[test]
    fn only_that_client_is_held_back_and_only_below_that_domain() {
        let sentences = Sentences::default();
        let [bad, good] = [7, 8].map(|last| IpAddr::from([10, 0, 0, last]));
        assert!(!sentences.refuses(bad, &wire("a.tunnel.test"), NOW));
        sentences.pass(vec![Sentence::new(bad, &wire("tunnel.test"), Severity::Block, 1_010)], 1_000);
        for name in ["tunnel.test", "a.b.tunnel.test", "1.2.3.4.5.6.7.8.9.10.tunnel.test"] {
            assert!(sentences.refuses(bad, &wire(name), NOW), "{name}");
        }
        assert!(!sentences.refuses(good, &wire("a.tunnel.test"), NOW));
        let standing = sentences.standing(bad, &wire("a.tunnel.test"), NOW);
        assert_eq!(standing, Some((Severity::Block, Duration::from_secs(10))));
        assert_eq!(sentences.standing(good, &wire("a.tunnel.test"), NOW), None);
        assert!(!sentences.refuses(bad, &wire("other.test"), NOW) && !sentences.refuses(bad, &wire("."), NOW));
        assert!(!sentences.refuses(bad, &wire("tunnel.test"), NOW + Duration::from_secs(11)), "it is over");
        sentences.pass(Vec::new(), 1_011);
        assert!(!sentences.is_some());
    }

    #[test]
    fn a_limit_lets_so_many_through() {
        let sentences = Sentences::default();
        let client = IpAddr::from([10, 0, 0, 7]);
        sentences.set_limit(2);
        sentences.pass(vec![Sentence::new(client, &wire("tunnel.test"), Severity::Limit, 2_000)], 1_000);
        let name = wire("x.tunnel.test");
        let passed = (0..10_000_u32)
            .filter(|tick| !sentences.refuses(client, &name, NOW + Duration::from_millis(u64::from(*tick))))
            .count();
        assert_eq!(passed, 20, "two a second for ten seconds");
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let sentences = Sentences::default();
        let client = |number: u32| IpAddr::from(number.to_be_bytes());
        let all =
            (0..2_000).map(|number| Sentence::new(client(number), &wire("t.test"), Severity::Block, 2_000 + number));
        assert_eq!(sentences.pass(all.collect(), 1_000), 2_000 - MOST as u64);
        assert_eq!(sentences.count(), MOST);
        assert!(
            sentences.refuses(client(1_999), &wire("t.test"), NOW)
                && !sentences.refuses(client(0), &wire("t.test"), NOW)
        );
        sentences.pardon();
        assert!(!sentences.refuses(client(1_999), &wire("t.test"), NOW));
    }
}
