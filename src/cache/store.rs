//! The node's answers: two moka caches, bounded by bytes, shared by all workers.
//!
//! Negative answers have a budget of their own, so that a flood of names that do not exist (search paths, scanners) pushes out no good answer.
//! moka weighs and evicts (TinyLFU: a name asked once does not push out one asked often); entries know their own times, so that
//! moka's expiry, which costs more than the look-up, is not used.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use moka::sync::Cache;

use crate::sys::clock::Moment;
use crate::wire::name;

use super::{Entry, Hashing, Key, Variant};

/// Passes on the hash that a key already has, for tables of keys.
#[derive(Clone, Debug, Default)]
pub struct Passed(u64);

impl Hasher for Passed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A moka cache from a key's hash to its entry.
type Shelf = Cache<u64, Entry, BuildHasherDefault<Passed>>;

/// What is known of a question.
#[derive(Debug)]
pub enum Known {
    /// An answer that may be given.
    Fresh(Entry),
    /// The NXDOMAIN of a name above, which answers where that is believed (RFC 8020); and the question's own answer if that has expired.
    Above(Entry, Option<Entry>),
    /// An answer that has expired; of use only if no server gives a better one (RFC 8767).
    Stale(Entry),
    /// Nothing.
    Nothing,
}

impl Known {
    /// The answer that may be given, if there is one.
    #[must_use]
    pub fn fresh(self) -> Option<Entry> {
        match self {
            Self::Fresh(entry) => Some(entry),
            Self::Above(..) | Self::Stale(_) | Self::Nothing => None,
        }
    }
}

/// That a question was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it was asked last.
    pub at: Moment,
    /// RCODE for clients.
    pub rcode: u16,
    /// Extended error for clients.
    pub ede: Option<u16>,
    /// Whether there was an answer, but a bogus one.
    pub is_bogus: bool,
}

/// Bytes of failures that are noted, at most: 6,000 questions of the usual kind.
const FAILURES_SIZE: u64 = 2 << 20;

/// Bytes that moka and the allocator add to a failure's question.
const FAILURE_OVERHEAD: usize = 320;

/// A failure, and of which question.
#[derive(Clone, Debug)]
struct Noted {
    /// The failure.
    failure: Failure,
    /// The question, as a key has it.
    question: Box<[u8]>,
}

/// The node-wide store.
#[derive(Debug)]
pub struct Store {
    /// Positive answers.
    success: Shelf,
    /// NXDOMAIN and NODATA.
    denial: Shelf,
    /// Questions that were not answered when they were asked last.
    failures: Cache<u64, Noted, BuildHasherDefault<Passed>>,
    /// Whether there ever was one.
    failed: AtomicBool,
    /// Whether a denial was ever kept: until then, looking for one is saved.
    denials: AtomicBool,
    /// Bytes allowed for each.
    capacity: [u64; 2],
    /// Entries put in that were not there before, less those taken out: what would be there without evictions.
    kept: [AtomicU64; 2],
    /// Raised by every flush; fronts compare it.
    generation: AtomicU64,
    /// Whether answers were flushed, so that none of those of an earlier process may come any more. Held while some come.
    flushed: Mutex<bool>,
    /// The seed of the keys.
    hashing: Hashing,
}

impl Store {
    /// A store for so many bytes of positive and of negative answers.
    #[must_use]
    pub fn new(size: u64, negative_size: u64) -> Self {
        let shelf = |capacity| {
            let weigher = |_: &u64, entry: &Entry| entry.weight();
            Cache::builder().max_capacity(capacity).weigher(weigher).build_with_hasher(BuildHasherDefault::default())
        };
        Self {
            success: shelf(size),
            denial: shelf(negative_size),
            failures: Cache::builder()
                .max_capacity(FAILURES_SIZE)
                .weigher(|_, noted: &Noted| u32::try_from(noted.question.len() + FAILURE_OVERHEAD).unwrap_or(u32::MAX))
                .build_with_hasher(BuildHasherDefault::default()),
            failed: AtomicBool::new(false),
            denials: AtomicBool::new(false),
            capacity: [size, negative_size],
            kept: [AtomicU64::new(0), AtomicU64::new(0)],
            generation: AtomicU64::new(0),
            flushed: Mutex::new(false),
            hashing: Hashing::default(),
        }
    }

    /// The seed that keys for this store are made with.
    #[must_use]
    pub fn hashing(&self) -> &Hashing {
        &self.hashing
    }

    /// Changes whenever something was flushed.
    #[must_use]
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Finds what is known: a fresh answer, or the fresh NXDOMAIN of the name or of one above it (RFC 8020), or else an answer to the very
    /// question that has expired. About 0.5 µs.
    #[must_use]
    pub fn find(&self, key: &Key, now: Moment) -> Known {
        let mut stale: Option<Entry> = None;
        if let Some(entry) = self.success.get(&key.hash()).filter(|entry| entry.answers(key)) {
            if entry.is_fresh(now) {
                return Known::Fresh(entry);
            }
            stale = Some(entry);
        }
        // Asking whether a key is there does no policy work, unlike getting it; most questions have no denial.
        let denial = |hash| self.denial.contains_key(&hash).then(|| self.denial.get(&hash)).flatten();
        if self.denials.load(Ordering::Relaxed) {
            // Of two that have expired, the later says how things were last.
            let later = |entry: Entry, known: Option<Entry>| match known {
                Some(known) if known.inserted() > entry.inserted() => Some(known),
                _ => Some(entry),
            };
            if let Some(entry) = denial(key.hash()).filter(|entry| entry.answers(key)) {
                if entry.is_fresh(now) {
                    return Known::Fresh(entry);
                }
                stale = later(entry, stale);
            }
            for from in name::suffixes(key.name()) {
                let above = key.nxdomain(from, &self.hashing);
                let Some(entry) = denial(above.hash()).filter(|entry| entry.answers(&above) && entry.cuts()) else {
                    continue;
                };
                match from {
                    0 if entry.is_fresh(now) => return Known::Fresh(entry),
                    0 => stale = later(entry, stale),
                    _ if entry.is_fresh(now) => return Known::Above(entry, stale),
                    _ => {}
                }
            }
        }
        stale.map_or(Known::Nothing, Known::Stale)
    }

    /// Takes out what is kept of the very question of `key`.
    pub fn forget(&self, key: &Key) {
        for (index, hash) in [(0, key.hash()), (1, key.hash()), (1, key.nxdomain(0, &self.hashing).hash())] {
            if self.shelf(index).contains_key(&hash) {
                self.take_out(index, hash);
            }
        }
    }

    /// Why the question of this hash was not answered when it was asked last, if it was not. Hashes are 64 bits and seeded: that one
    /// question is taken for another does not happen in the life of a node.
    #[must_use]
    pub fn failure(&self, hash: u64) -> Option<Failure> {
        // As with denials: nothing is looked for where nothing ever was.
        if !self.failed.load(Ordering::Relaxed) || !self.failures.contains_key(&hash) {
            return None;
        }
        self.failures.get(&hash).map(|noted| noted.failure)
    }

    /// Notes that the question of `key` was not answered (RFC 9520).
    pub fn fail(&self, key: &Key, failure: Failure) {
        self.failed.store(true, Ordering::Relaxed);
        self.failures.insert(key.hash(), Noted { failure, question: key.as_bytes().into() });
    }

    /// The question of this hash was answered.
    pub fn succeed(&self, hash: u64) {
        if self.failed.load(Ordering::Relaxed) && self.failures.contains_key(&hash) {
            self.failures.invalidate(&hash);
        }
    }

    /// Forgets all failures: other servers may know better.
    pub fn forget_failures(&self) {
        self.failures.invalidate_all();
    }

    /// Forgets the failures of questions for names that `matches` says; how many.
    pub fn forget_failures_if(&self, matches: impl Fn(&[u8]) -> bool) -> usize {
        let all = self
            .failures
            .iter()
            .filter(|(_, noted)| Key::parts(&noted.question).is_some_and(|(name, ..)| matches(name)));
        let hashes: Vec<u64> = all.map(|(hash, _)| *hash).collect();
        hashes.iter().for_each(|hash| self.failures.invalidate(hash));
        hashes.len()
    }

    /// Calls `note` for each failure that is noted, with name, type and variant of its question, until that says to stop.
    pub fn each_failure(&self, mut note: impl FnMut(&[u8], u16, Variant, Failure) -> bool) {
        for (_, Noted { failure, question }) in &self.failures {
            if let Some((name, qtype, variant)) = Key::parts(&question)
                && !note(name, qtype, variant, failure)
            {
                return;
            }
        }
    }

    /// Calls `note` for each answer, positive ones first, until that says to stop. What is there is looked at piece by piece, beside whoever
    /// reads and writes it; nothing of it counts as use.
    pub fn each_entry(&self, mut note: impl FnMut(&Entry) -> bool) {
        for (_, entry) in self.success.iter().chain(self.denial.iter()) {
            if !note(&entry) {
                return;
            }
        }
    }

    /// Questions of which a failure is noted; lags behind by moka's housekeeping.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.entry_count()
    }

    /// Takes expired answers out where room becomes short, those first that expired first; how many. Walks a shelf that is nine tenths full.
    ///
    /// moka knows what is asked often, not what is still good: without this, a good answer could make room while expired ones stay.
    pub fn tidy(&self, now: Moment) -> usize {
        let mut taken = 0;
        for index in 0..2 {
            let shelf = self.shelf(index);
            let (full, enough) = (self.capacity[index] / 10 * 9, self.capacity[index] / 10 * 8);
            shelf.run_pending_tasks();
            let used = shelf.weighted_size();
            if used < full {
                continue;
            }
            let mut expired: Vec<_> = shelf
                .iter()
                .filter(|(_, entry)| !entry.is_fresh(now))
                .map(|(hash, entry)| (entry.expires(), *hash, u64::from(entry.weight())))
                .collect();
            expired.sort_unstable_by_key(|(expires, ..)| *expires);
            let mut left = used;
            for (_, hash, weight) in expired {
                if left <= enough {
                    break;
                }
                self.take_out(index, hash);
                left = left.saturating_sub(weight);
                taken += 1;
            }
        }
        taken
    }

    /// The answers that `matches` says, positive ones first. Looks at the whole store, beside whoever reads and writes it.
    #[must_use]
    pub fn select(&self, matches: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let entries = self.success.iter().chain(self.denial.iter()).map(|(_, entry)| entry);
        entries.filter(|entry| matches(entry)).collect()
    }

    /// Keeps an answer.
    pub fn insert(&self, entry: Entry) {
        let denial = usize::from(entry.is_denial());
        if denial == 1 && !self.denials.load(Ordering::Relaxed) {
            self.denials.store(true, Ordering::Relaxed);
        }
        // What a name is said to be now takes the place of what was said before. Asking for a key is cheap, taking it out is not.
        let other = 1 - denial;
        if (denial == 1 || self.denials.load(Ordering::Relaxed)) && self.shelf(other).contains_key(&entry.hash()) {
            self.take_out(other, entry.hash());
        }
        if !self.shelf(denial).contains_key(&entry.hash()) {
            self.kept[denial].fetch_add(1, Ordering::Relaxed);
        }
        self.shelf(denial).insert(entry.hash(), entry);
    }

    /// Keeps answers of an earlier process where there is no newer one; how many, or `None` if none may come any more. A worker that keeps an
    /// answer in the very microsecond in which an older one is kept may lose to that, which costs the question once more.
    pub fn restore(&self, entries: impl Iterator<Item = Entry>) -> Option<u64> {
        let flushed = self.flushed();
        let is_newest = |entry: &Entry| {
            let known = [0, 1].map(|index| self.shelf(index).get(&entry.hash()));
            known.into_iter().flatten().all(|known| known.inserted() < entry.inserted())
        };
        (!*flushed).then(|| entries.filter(is_newest).map(|entry| self.insert(entry)).map(|()| 1).sum())
    }

    /// Whether answers were flushed.
    fn flushed(&self) -> MutexGuard<'_, bool> {
        self.flushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The positive answers, or the negative ones.
    fn shelf(&self, denial: usize) -> &Shelf {
        if denial == 0 { &self.success } else { &self.denial }
    }

    /// Takes an entry that is there out of a shelf, which is no eviction.
    fn take_out(&self, index: usize, hash: u64) {
        self.shelf(index).invalidate(&hash);
        self.kept[index].fetch_sub(1, Ordering::Relaxed);
    }

    /// Tells the store that an entry was used without its knowledge.
    pub fn touch(&self, entry: &Entry) {
        let _ = self.shelf(usize::from(entry.is_denial())).get(&entry.hash());
    }

    /// Entries kept, positive and negative; lags behind by moka's housekeeping.
    #[must_use]
    pub fn entries(&self) -> [u64; 2] {
        [self.success.entry_count(), self.denial.entry_count()]
    }

    /// Bytes used, positive and negative; lags likewise.
    #[must_use]
    pub fn bytes(&self) -> [u64; 2] {
        [self.success.weighted_size(), self.denial.weighted_size()]
    }

    /// Bytes allowed, positive and negative.
    #[must_use]
    pub fn capacity(&self) -> [u64; 2] {
        self.capacity
    }

    /// Entries pushed out for want of room, positive and negative. Worked out from what went in, since a listener for each removal would
    /// cost every insert a lock; two workers that insert the same name at once can make it one too many.
    #[must_use]
    pub fn evictions(&self) -> [u64; 2] {
        let entries = self.entries();
        [0, 1].map(|index: usize| self.kept[index].load(Ordering::Relaxed).saturating_sub(entries[index]))
    }

    /// Lets moka finish what it put off, so that the figures are exact.
    pub fn settle(&self) {
        self.success.run_pending_tasks();
        self.denial.run_pending_tasks();
        self.failures.run_pending_tasks();
    }

    /// Forgets all answers to `name`, or with `below` also to every name below it; how many. Walks the whole store. From then on, none of an earlier
    /// process comes in.
    pub fn flush(&self, name: &[u8], below: bool) -> usize {
        *self.flushed() = true;
        self.forget_if(|entry| if below { name::is_below(entry.name(), name) } else { name::equal(entry.name(), name) })
    }

    /// Forgets all answers that `matches` says; how many. Walks the whole store.
    pub fn forget_if(&self, matches: impl Fn(&Entry) -> bool) -> usize {
        let mut flushed = 0;
        for index in 0..2 {
            for (hash, entry) in self.shelf(index) {
                if matches(&entry) {
                    self.take_out(index, *hash);
                    flushed += 1;
                }
            }
        }
        self.generation.fetch_add(1, Ordering::Relaxed);
        flushed
    }
}
