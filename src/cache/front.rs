//! One worker's table in front of the store: no lock, no atomic, no allocation on a look-up.

use crate::sys::clock::Moment;

use super::{Entry, Key};

/// Sets of the table; a power of two. With [`WAYS`] ways it holds 16,384 answers, more than a node's pods use at a time (a guess
/// from the sizes people configure elsewhere: 9,984 in node-local-dns), in 260 KiB.
const SETS: usize = 2048;

/// Entries of a set. With four, one name in thirteen of a 9,181-name load found its set full; with eight, none in a hundred does.
const WAYS: usize = 8;

/// One hit in so many is reported to the store, so that a name this table holds does not look cold there.
const REPORT_EVERY: u16 = 64;

/// Uses of a predecessor that count at most: a name that was in fashion once is forgotten after a few lifetimes.
const MOST_CARRIED: u16 = 64;

/// A set: two cache lines of its own. A look-up that finds nothing reads only the first, which has all tags.
#[derive(Debug, Default)]
#[repr(C, align(64))]
struct Set {
    /// High half of each entry's hash, lowest bit set; 0 is empty.
    tags: [u32; WAYS],
    /// How often each was used; wraps around.
    uses: [u16; WAYS],
    /// Where the next one goes when all are in use.
    hand: u8,
    /// The entries. Invariant: `Some` where the tag is not 0.
    entries: [Option<Entry>; WAYS],
}

/// What a look-up found.
#[derive(Debug)]
pub struct Found<'a> {
    /// The answer.
    pub entry: &'a Entry,
    /// How often it was given by this worker before; drives rotation, and tells what is worth a prefetch.
    pub uses: u16,
    /// Whether the store should hear of it.
    pub report: bool,
}

/// The table.
#[derive(Debug)]
pub struct Front {
    /// [`SETS`] sets.
    sets: Box<[Set]>,
    /// The store's generation this table was filled in.
    generation: u64,
}

impl Default for Front {
    fn default() -> Self {
        Self { sets: (0..SETS).map(|_| Set::default()).collect(), generation: 0 }
    }
}

/// The set and the tag of a hash.
#[inline]
fn place(hash: u64) -> (usize, u32) {
    let low = usize::try_from(hash & (SETS as u64 - 1)).unwrap_or(0);
    (low, u32::try_from(hash >> 32).unwrap_or(0) | 1)
}

impl Front {
    /// Empties the table if the store was flushed since it was filled.
    #[inline]
    pub fn follow(&mut self, generation: u64) {
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
    }

    /// Finds a fresh answer to the question of `key`.
    #[inline]
    pub fn find(&mut self, key: &Key, now: Moment) -> Option<Found<'_>> {
        let (set, tag) = place(key.hash());
        let set = &mut self.sets[set];
        for way in 0..WAYS {
            if set.tags[way] == tag
                && let Some(entry) = &set.entries[way]
                && entry.answers(key)
            {
                if !entry.is_fresh(now) {
                    return None;
                }
                let uses = set.uses[way];
                set.uses[way] = uses.wrapping_add(1);
                return Some(Found { entry, uses, report: uses % REPORT_EVERY == REPORT_EVERY - 1 });
            }
        }
        None
    }

    /// How often `entry` was given under `key`, if it is still here.
    #[must_use]
    pub fn uses(&self, key: &Key, entry: &Entry) -> Option<u16> {
        let (set, tag) = place(key.hash());
        let set = &self.sets[set];
        let same =
            |way: &usize| set.tags[*way] == tag && set.entries[*way].as_ref().is_some_and(|known| known.is_same(entry));
        (0..WAYS).find(same).map(|way| set.uses[way])
    }

    /// The fresh answer to the question of `key` and how often it was given, without counting this as a use.
    #[must_use]
    pub fn peek(&self, key: &Key, now: Moment) -> Option<(&Entry, u16)> {
        let (set, tag) = place(key.hash());
        let set = &self.sets[set];
        let there =
            |way: &usize| set.tags[*way] == tag && set.entries[*way].as_ref().is_some_and(|entry| entry.answers(key));
        let way = (0..WAYS).find(there)?;
        set.entries[way].as_ref().filter(|entry| entry.is_fresh(now)).map(|entry| (entry, set.uses[way]))
    }

    /// Whether it was filled in this generation of the store.
    #[must_use]
    pub fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// The hash of each answer in part `part` of [`Front::PARTS`], and how often it was given.
    pub fn used(&self, part: usize) -> impl Iterator<Item = (u64, u16)> + '_ {
        const LENGTH: usize = SETS / Front::PARTS;
        let sets = self.sets.iter().skip(part * LENGTH).take(LENGTH);
        sets.flat_map(|set| set.entries.iter().zip(set.uses))
            .filter_map(|(entry, uses)| Some((entry.as_ref()?.hash(), uses)))
    }

    /// In how many parts [`Front::used`] looks at the table, so that no worker is held up for longer than some 20 µs.
    pub const PARTS: usize = 16;

    /// Puts an answer in, under the hash of the question it answered here (an NXDOMAIN has several); how many uses it begins with.
    ///
    /// Three quarters of its predecessor's uses count for it, too, if that was not out of date for long: a name that is asked every 20 seconds is
    /// popular, although no answer with a TTL of 30 is given three times.
    pub fn insert(&mut self, key: &Key, entry: Entry, now: Moment) -> u16 {
        let (set, tag) = place(key.hash());
        let set = &mut self.sets[set];
        let same = (0..WAYS)
            .find(|way| set.tags[*way] == tag && set.entries[*way].as_ref().is_some_and(|old| old.answers(key)));
        let free = || (0..WAYS).find(|way| set.entries[*way].as_ref().is_none_or(|old| !old.is_fresh(now)));
        let way = same.or_else(free).unwrap_or_else(|| usize::from(set.hand) % WAYS);
        let carried = match (same, &set.entries[way]) {
            (Some(_), Some(old)) if now < old.expires() + (old.expires() - old.inserted()) => {
                set.uses[way].min(MOST_CARRIED) * 3 / 4
            }
            _ => 0,
        };
        if same.is_none() {
            set.hand = set.hand.wrapping_add(1);
        }
        set.uses[way] = carried;
        set.tags[way] = tag;
        set.entries[way] = Some(entry);
        carried
    }
}
