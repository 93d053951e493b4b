//! The rules, a file a subject. Each is data and one small function; [`ALL`] is their order, which is that of their numbers.
//!
//! A new rule takes the next free number, whatever its subject; a number is never used again. It needs a Corefile in
//! `tests/data/audit/bad` that shows it and a line in the manual's chapter (`src/manual/audit.rs`); tests ask for both.

use super::rule::Rule;

// Where names go, and what comes back.
mod answers;
mod upstreams;
// Who may ask, look or copy.
mod exposure;
mod listeners;
mod transfers;
// What keeps it running and what tells that it does not.
mod cache;
mod operation;
// What it answers from.
mod kubernetes;
mod names;
mod secrets;
mod zones;
// What the audit itself could not do.
mod coverage;

pub(super) use coverage::{ACCEPTANCE, PLUGINS};

/// All rules.
pub(super) const ALL: &[&[Rule]] = &[
    upstreams::RULES,
    answers::RULES,
    exposure::RULES,
    transfers::RULES,
    listeners::RULES,
    operation::RULES,
    cache::RULES,
    kubernetes::RULES,
    names::RULES,
    zones::RULES,
    secrets::RULES,
    coverage::RULES,
];
