//! Names that nobody gets: `policy.block` and `policy.block-file`, less `policy.unblock`.
//!
//! Lists of a million names are usual, so that a name is kept as the 64 bits of its hash: 10 to 20 bytes with its place in the table, where the
//! name itself would take a hundred. The hash is seeded anew in every process, so that nobody can look for a name that is taken for a
//! blocked one; with two million names, a name that is not blocked is taken for one once in 10^13 look-ups.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::{fast, quality};

use super::blocklist;
use super::suffixes_of;
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
        let Self { blocked, unblocked, deepest, hashing } = &mut all;
        let mut add = |names: &mut Hashes, wire: &[u8]| {
            names.insert(hashing.hash_one(wire));
            *deepest = (*deepest).max(suffixes_of(wire).count() - 1);
            names.len()
        };
        for suffix in policy.block.iter().filter_map(|suffix| name::parse(suffix)) {
            add(blocked, &suffix);
        }
        for suffix in policy.unblock.iter().filter_map(|suffix| name::parse(suffix)) {
            add(unblocked, &suffix);
        }
        if let Some(path) = &policy.block_file {
            blocklist::read(path, |wire| add(blocked, wire))?;
        }
        blocked.shrink_to_fit();
        Ok(all)
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
        let labels = suffixes_of(name).count().saturating_sub(1);
        for suffix in suffixes_of(name).skip(labels.saturating_sub(self.deepest)).filter(|suffix| suffix.len() > 1) {
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
