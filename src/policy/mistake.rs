//! What is wrong in rules that operators write down, and which of them it is: as a value, so that whoever made the rules of something else, such
//! as a Corefile, can say where that is.

use std::fmt;

/// What is wrong in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The rule.
    pub at: Written,
    /// What is wrong with it.
    pub wrong: String,
}

/// A rule in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// A `[[rewrite]]`, by its number from 1.
    Rewrite(usize),
    /// A `[[template]]`, by its number from 1.
    Template(usize),
    /// A line of `zone.acl`.
    Access {
        /// The zone, by its position from 0.
        zone: usize,
        /// Its name.
        name: String,
        /// The line, by its number from 1.
        line: usize,
    },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Written::Rewrite(number) => write!(f, "rewrite, rule {number}: {}", self.wrong),
            Written::Template(number) => write!(f, "template {number}: {}", self.wrong),
            Written::Access { name, .. } => write!(f, "zone.acl of {name:?}: {}", self.wrong),
        }
    }
}
