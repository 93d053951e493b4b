//! Step 4: which zone a name belongs to, by its longest suffix (as RFC 1034 section 4.3.2 finds zones).
//!
//! A small table; a look-up hashes each suffix that could match, longest first. No I/O, no clock.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::config::Zone;
use crate::wire::name;

/// The zones of a configuration, by suffix.
#[derive(Clone, Debug)]
pub struct Zones {
    /// Numbers, by wire-format name.
    numbers: HashMap<Box<[u8]>, u16, RandomState>,
    /// Bytes of the longest suffix: longer ones are not looked for.
    longest: usize,
    /// Where everything else goes.
    root: u16,
}

impl Zones {
    /// A table of `zones` and their numbers; names under none of them belong to the root's, or to number 0 if there is none.
    #[must_use]
    pub fn new(zones: &[Zone], numbers: &[u16]) -> Self {
        let mut table = Self { numbers: HashMap::default(), longest: 0, root: 0 };
        for (zone, number) in zones.iter().zip(numbers.iter().copied()) {
            let Some(name) = name::parse(&zone.name) else { continue };
            if name.len() == 1 {
                table.root = number;
            } else {
                table.longest = table.longest.max(name.len());
                table.numbers.insert(name.into_boxed_slice(), number);
            }
        }
        table
    }

    /// The number of the zone that `name`, folded and uncompressed, belongs to.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> u16 {
        name::suffixes(name)
            .map(|at| &name[at..])
            .filter(|suffix| suffix.len() <= self.longest)
            .find_map(|suffix| self.numbers.get(suffix).copied())
            .unwrap_or(self.root)
    }

    /// Where names under no other zone go.
    #[must_use]
    pub fn root(&self) -> u16 {
        self.root
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    use super::*;

    #[test]
    fn the_longest_suffix_wins() {
        let root = Config::default().zones[0].clone();
        let zones: Vec<_> = ["cluster.local", ".", "local", "a.cluster.local"]
            .map(|name| Zone { name: name.into(), ..root.clone() })
            .into();
        let table = Zones::new(&zones, &[0, 1, 2, 3]);
        let cases = [
            ("cluster.local", 0),
            ("x.cluster.local", 0),
            ("x.local", 2),
            ("b.a.cluster.local", 3),
            ("xcluster.local", 2),
            ("example", 1),
            (".", 1),
        ];
        for (name, position) in cases {
            assert_eq!(table.find(&name::parse(name).unwrap()), position, "{name}");
        }
    }
}
