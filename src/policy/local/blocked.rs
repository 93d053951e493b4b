//! Names that nobody gets: `policy.block` and `policy.block-file`, less `policy.unblock`.
//!
//! Lists of a million names are usual, so that a name is kept as the 64 bits of its hash: 10 to 20 bytes with its place in the table, where the
//! name itself would take a hundred. The hash is seeded anew in every process, so that nobody can look for a name that is taken for a
//! blocked one; with two million names, a name that is not blocked is taken for one once in 10^13 look-ups.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::{fast, quality};

use super::blocklist;
use crate::config::Policies;
use crate::error::Failure;
use crate::wire::name;

/// Hashes of names.
type Hashes = HashSet<u64, fast::RandomState>;

/// The names, each with all below it.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    /// Those that are denied.
    blocked: Hashes,
    /// Those that are answered nevertheless.
    unblocked: Hashes,
    /// Labels of the longest of all; longer suffixes of a question need no look-up.
    deepest: usize,
    /// The seed.
    hashing: quality::RandomState,
}

impl Blocked {
    /// Reads the lists of a configuration.
    ///
    /// # Errors
    ///
    /// As [`blocklist::read`].
    pub(super) fn new(policy: &Policies) -> Result<Self, Failure> {
        let mut all = Self::default();
        for suffix in policy.block.iter().filter_map(|suffix| name::parse(suffix)) {
            all.add(&suffix);
        }
        for suffix in policy.unblock.iter().filter_map(|suffix| name::parse(suffix)) {
            let hash = all.hash(&suffix);
            all.unblocked.insert(hash);
        }
        if let Some(path) = &policy.block_file {
            blocklist::read(path, |wire| all.add(wire))?;
        }
        all.blocked.shrink_to_fit();
        Ok(all)
    }

    /// Adds the names of a list.
    ///
    /// # Errors
    ///
    /// As [`blocklist::parse`].
    pub(super) fn add_list(&mut self, text: &[u8]) -> Result<(), Failure> {
        blocklist::parse(text, "list", |wire| self.add(wire))
    }

    /// Adds a name; how many there are.
    fn add(&mut self, wire: &[u8]) -> usize {
        let hash = self.hash(wire);
        self.blocked.insert(hash);
        self.blocked.len()
    }

    /// The hash of a name that is looked for from now on.
    fn hash(&mut self, wire: &[u8]) -> u64 {
        self.deepest = self.deepest.max(name::suffixes(wire).count() - 1);
        self.hashing.hash_one(wire)
    }

    /// Whether there is none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.blocked.is_empty()
    }

    /// How many there are, those below them not counted.
    pub(super) fn len(&self) -> usize {
        self.blocked.len()
    }

    /// The suffix for which `name`, in wire format and lower-case, is denied: the longest of both lists decides. At most two hashes a label.
    pub(super) fn find<'a>(&self, name: &'a [u8]) -> Option<&'a [u8]> {
        if self.blocked.is_empty() {
            return None;
        }
        let labels = name::suffixes(name).count().saturating_sub(1);
        let suffixes = name::suffixes(name).map(|at| &name[at..]).filter(|suffix| suffix.len() > 1);
        for suffix in suffixes.skip(labels.saturating_sub(self.deepest)) {
            let hash = self.hashing.hash_one(suffix);
            if self.unblocked.contains(&hash) {
                return None;
            }
            if self.blocked.contains(&hash) {
                return Some(suffix);
            }
        }
        None
    }
}
