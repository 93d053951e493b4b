//! Which names a rule is for.

use crate::wire::name;

/// Where a name stands among zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the name of the `[[zone]]` that it belongs to.
    pub zone: usize,
    /// Whether the node itself would answer: a special-use name, or one that is declared dead.
    pub is_special: bool,
}

/// A suffix whose names a rule is for.
#[derive(Clone, Debug)]
pub(super) struct Scope(Vec<u8>);

impl Scope {
    /// The names below `zone`, a name as the configuration has it.
    pub(super) fn new(zone: &str) -> Self {
        Self(name::parse(zone).unwrap_or_else(|| vec![0]))
    }

    /// Whether the rule is for a name at that place: not if a longer zone holds it, and what is for all names is not for special ones.
    pub(super) fn holds(&self, name: &[u8], place: Place) -> bool {
        place.zone <= self.0.len() && (self.0.len() > 1 || !place.is_special) && name::is_below(name, &self.0)
    }

    /// The suffix as text.
    pub(super) fn text(&self) -> String {
        name::display(&self.0).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_zone_and_special_names_are_left_alone() {
        let holds = |scope: &str, name: &str, zone: &str, is_special| {
            let zone = name::parse(zone).unwrap().len();
            Scope::new(scope).holds(&name::parse(name).unwrap(), Place { zone, is_special })
        };
        assert!(holds(".", "www.example", ".", false));
        assert!(!holds(".", "a.cluster.local", "cluster.local", false));
        assert!(!holds(".", "localhost", ".", true));
        assert!(holds("cluster.local", "a.cluster.local", "cluster.local", true));
        assert!(holds("b.cluster.local", "a.b.cluster.local", "cluster.local", false), "narrower than its zone");
        assert!(!holds("b.cluster.local", "b.c.cluster.local", "cluster.local", false));
    }
}
