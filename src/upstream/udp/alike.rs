//! How often the same question is under way at one server (RFC 5452 section 5: the birthday attack).
//!
//! Whoever makes us ask the same thing many times at once needs to meet only one of the ports and IDs. The pipeline asks once however many
//! clients wait, but the same name and type may be asked with other flags (DO, CD), again after a silence, and once more to confirm letters:
//! six or so, never by chance more than [`MOST`]. What is beyond is not sent as a datagram.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher as _;

/// Most queries with the same name, type and class that one worker has under way at one server over UDP. A guess.
const MOST: u8 = 8;

/// Counts questions under way, by their hashes: that two of them meet in one costs a round trip over TCP. Holds as many as there are queries.
#[derive(Debug, Default)]
pub(super) struct Alike(RefCell<HashMap<u64, u8, foldhash::fast::RandomState>>);

/// A question that is under way, as long as it lives.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Where it is counted.
    all: &'a Alike,
    /// Its hash.
    hash: u64,
}

impl Alike {
    /// Counts a question; `None` if it is under way too often.
    pub(super) fn enter(&self, question: &[u8]) -> Option<Place<'_>> {
        let mut all = self.0.borrow_mut();
        let hash = all.hasher().hash_one(question);
        let count = all.entry(hash).or_default();
        if *count == MOST {
            return None;
        }
        *count += 1;
        Some(Place { all: self, hash })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut all = self.all.0.borrow_mut();
        match all.get_mut(&self.hash) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(all.remove(&self.hash)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_is_under_way_eight_times_at_most_and_others_do_not_care() {
        let all = Alike::default();
        let mut places: Vec<_> = (0..MOST).map(|_| all.enter(b"www").unwrap()).collect();
        assert!(all.enter(b"www").is_none());
        assert!(all.enter(b"mail").is_some());
        places.pop();
        assert!(all.enter(b"www").is_some());
        places.clear();
        assert!(all.0.borrow().is_empty());
    }
}
