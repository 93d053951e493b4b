//! Zones of which it is asked whether one holds a name or lies within it. Each question takes as many steps as the name has labels, however many
//! zones there are: a Corefile may have thousands, and rules ask of all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::sight::ancestors;
use crate::corefile::ServerBlock;

/// A set of zones.
#[derive(Clone, Debug, Default)]
pub(super) struct ZoneSet {
    /// The zones, lower case and with the dot at their end.
    zones: BTreeSet<String>,
    /// Every name above a zone, itself included, with the first such zone.
    above: BTreeMap<String, String>,
}

impl ZoneSet {
    /// The set of these.
    pub(super) fn of<'a>(zones: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = Self::default();
        for zone in zones {
            if set.zones.insert(zone.to_owned()) {
                for name in ancestors(zone) {
                    if !set.above.contains_key(name) {
                        set.above.insert(name.to_owned(), zone.to_owned());
                    }
                }
            }
        }
        set
    }

    /// The zones that a server serves.
    pub(super) fn keys(server: &ServerBlock) -> Self {
        Self::of(server.keys.iter().map(|key| key.zone.as_str()))
    }

    /// Whether a zone is one of them.
    pub(super) fn has(&self, zone: &str) -> bool {
        self.zones.contains(zone)
    }

    /// The longest of them that holds a name.
    pub(super) fn holder(&self, name: &str) -> Option<&str> {
        ancestors(name).find_map(|above| self.zones.get(above)).map(String::as_str)
    }

    /// The first of them that lies within a name, or is it.
    pub(super) fn within(&self, name: &str) -> Option<&str> {
        self.above.get(name).map(String::as_str)
    }

    /// Whether one of them holds a name, or lies within it.
    pub(super) fn touches(&self, name: &str) -> bool {
        self.within(name).is_some() || self.holder(name).is_some()
    }

    /// Whether one of them lies within one of `others` without being it.
    pub(super) fn is_below(&self, others: &Self) -> bool {
        self.zones.iter().any(|zone| ancestors(zone).skip(1).any(|above| others.has(above)))
    }
}

#[cfg(test)]
mod tests {
    use super::ZoneSet;

    #[test]
    fn a_set_knows_who_holds_and_who_lies_within() {
        let set = ZoneSet::of(["a.example.", "b.a.example.", "x."]);
        assert!(set.has("x.") && !set.has("example."));
        assert_eq!(set.holder("c.b.a.example."), Some("b.a.example."));
        assert_eq!(set.holder("ba.example."), None);
        assert_eq!(set.within("example."), Some("a.example."));
        assert_eq!(set.within("."), Some("a.example."));
        assert!(set.touches("y.x.") && set.touches("example.") && !set.touches("y."));
        assert!(set.is_below(&set) && set.is_below(&ZoneSet::of(["."])) && !ZoneSet::of(["x."]).is_below(&set));
        assert!(!ZoneSet::of(["."]).is_below(&ZoneSet::of(["."])));
    }
}
