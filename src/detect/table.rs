//! All pairs of client and domain, and which names were seen: both in memory that does not grow.
//!
//! **Pairs** lie in sets of eight. A new one takes the place of the one that would be missed least: by the information it has given so far, which fades
//! while nothing comes. Whoever asks for many domains to have a tunnel forgotten loses his own places first where he has half of a set.
//!
//! **Names** are bits of two filters (Bloom), of which one is filled and the other remembers what was before; neither knows a name, and one
//! name in a hundred is taken for seen that was not.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::quality::RandomState;

use super::pair::Pair;

/// Sets of pairs: as many as two mebibytes have room for, beside all else that detection needs.
const SETS: usize = 448;
/// Pairs of a set.
const WAYS: usize = 8;
/// Pairs at most.
pub const PAIRS: usize = SETS * WAYS;

/// Bits of a filter; a power of two.
const BITS: usize = 1 << 20;
/// Bits set for a name.
const HASHES: u32 = 4;
/// Names after which a filter is full: a third of its bits is set then.
const NAMES: u32 = 100_000;
/// Seconds after which the other filter is begun all the same: what a node asks changes with the day.
const GENERATION: u32 = 12 * 3600;

/// The pairs.
#[derive(Debug)]
pub(super) struct Pairs {
    /// The sets: [`WAYS`] pairs, or none as long as nothing fell into it. All of them are 1.2 MB, which a node without outside names never needs.
    sets: Box<[Vec<Pair>]>,
    /// Chooses sets; secret, so that nobody can choose his neighbours.
    hashing: RandomState,
}

impl Pairs {
    /// None.
    pub(super) fn new() -> Self {
        Self { sets: vec![Vec::new(); SETS].into(), hashing: RandomState::default() }
    }

    /// The hash of a client and a domain, and the client's cut short.
    pub(super) fn hash(&self, client: IpAddr, domain: &[u8]) -> (u64, u32) {
        let who = who(client);
        (self.hashing.hash_one((who, domain)) | 1, cut(self.hashing.hash_one(who)))
    }

    /// The hash of a name, cut short and whole.
    pub(super) fn name(&self, tag: u64, labels: &[u8]) -> u64 {
        self.hashing.hash_one((tag, labels))
    }

    /// A pair that is known.
    pub(super) fn find(&mut self, tag: u64) -> Option<&mut Pair> {
        self.sets[set_of(tag)].iter_mut().find(|pair| pair.tag == tag)
    }

    /// A pair, new if it is not known; and whether another had to be forgotten for it.
    pub(super) fn entry(&mut self, (tag, client): (u64, u32), now: u32) -> (&mut Pair, bool) {
        let set = self.set(tag);
        if let Some(at) = set.iter().position(|pair| pair.tag == tag) {
            return (&mut set[at], false);
        }
        let owns_half = set.iter().filter(|pair| pair.tag != 0 && pair.client == client).count() * 2 >= WAYS;
        let worth = |pair: &&mut Pair| {
            let is_spared = owns_half && pair.client != client;
            if pair.tag == 0 { (false, 0) } else { (is_spared, pair.worth(now).max(1)) }
        };
        // A set has eight.
        let Some(place) = set.iter_mut().min_by_key(worth) else { unreachable!("a set has {WAYS} pairs") };
        let is_lost = place.tag != 0;
        *place = Pair::begin(tag, client, now);
        (place, is_lost)
    }

    /// The set of a hash.
    fn set(&mut self, tag: u64) -> &mut [Pair] {
        let set = &mut self.sets[set_of(tag)];
        if set.is_empty() {
            *set = vec![Pair::default(); WAYS];
        }
        set
    }
}

/// The number of a hash's set.
fn set_of(tag: u64) -> usize {
    usize::try_from(tag >> 40).unwrap_or(0) % SETS
}

/// A client as it is told apart: all addresses of an IPv6 host's network are one.
pub(super) fn who(client: IpAddr) -> (u8, u64) {
    match client.to_canonical() {
        IpAddr::V4(address) => (4, u64::from(u32::from(address))),
        IpAddr::V6(address) => (6, u64::try_from(u128::from(address) >> 64).unwrap_or(0)),
    }
}

/// The low half.
#[expect(clippy::cast_possible_truncation, reason = "cut short on purpose")]
pub(super) const fn cut(hash: u64) -> u32 {
    hash as u32
}

/// Which names were seen.
#[derive(Debug)]
pub(super) struct Names {
    /// The one that is filled and the one before.
    filters: [Box<[u64]>; 2],
    /// Names in the first.
    count: u32,
    /// When it was begun, in seconds.
    begun: u32,
}

impl Names {
    /// None.
    pub(super) fn new() -> Self {
        let empty = || vec![0; BITS / 64].into();
        Self { filters: [empty(), empty()], count: 0, begun: 0 }
    }

    /// Notes the name with this hash; whether it was not there.
    pub(super) fn insert(&mut self, hash: u64, now: u32) -> bool {
        if self.count >= NAMES || now.saturating_sub(self.begun) >= GENERATION {
            self.filters.swap(0, 1);
            self.filters[0].fill(0);
            (self.count, self.begun) = (0, now);
        }
        let [new, old] = &mut self.filters;
        let (mut in_new, mut in_old) = (true, true);
        for round in 0..HASHES {
            let bit = usize::try_from(hash.wrapping_add((hash >> 32 | 1).wrapping_mul(u64::from(round) << 11)) >> 11)
                .unwrap_or(0)
                % BITS;
            let mask = 1 << (bit % 64);
            in_old &= old[bit / 64] & mask != 0;
            in_new &= new[bit / 64] & mask != 0;
            new[bit / 64] |= mask;
        }
        self.count += u32::from(!in_new);
        !in_new && !in_old
    }

    /// Bytes that it takes.
    pub(super) const fn bytes() -> usize {
        2 * BITS / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once_and_few_are_taken_for_seen() {
        let (pairs, mut names) = (Pairs::new(), Names::new());
        let hash = |number: u32| pairs.name(7, &number.to_be_bytes());
        let taken = (0..NAMES).filter(|number| !names.insert(hash(*number), 1)).count();
        assert!(taken < 500, "{taken}");
        assert!((0..NAMES).all(|number| !names.insert(hash(number), 2)), "the one before remembers");
        let later = (NAMES..2 * NAMES).filter(|number| !names.insert(hash(*number), 3)).count();
        assert!(later < 2_500, "{later}");
    }

    #[test]
    fn the_table_does_not_grow_and_keeps_what_gave_most() {
        let mut pairs = Pairs::new();
        let victim = pairs.hash(IpAddr::from([10, 0, 0, 1]), b"\x06tunnel\x04test\0");
        let (pair, _) = pairs.entry(victim, 100);
        pair.day.now.add(super::super::window::Sum::Information, 500);
        let mut lost = 0;
        for number in 0..100_000_u32 {
            let flooder = IpAddr::from((0x0A01_0000 + number % 200).to_be_bytes());
            let key = pairs.hash(flooder, &number.to_be_bytes());
            lost += usize::from(pairs.entry(key, 130).1);
        }
        assert!(lost > 90_000, "{lost}");
        assert!(pairs.find(victim.0).is_some(), "what has given information is not forgotten for what has not");
    }
}
