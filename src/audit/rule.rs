//! What a rule is, and what it finds.

use std::fmt;

use serde::{Serialize, Serializer};

use super::sight::Sight;
use crate::corefile::Place;

/// How much a finding matters, the least first, so that they compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing: no risk by itself, or something that the audit could not look at.
    Info,
    /// Worth mending when the file is touched next.
    Low,
    /// A weakness that an attack or an outage needs a second one for.
    Medium,
    /// Secrets, names or zones are open to strangers, or the file does not start at all.
    High,
}

impl Severity {
    /// All, the worst first, as a report is read.
    pub const ALL: [Self; 4] = [Self::High, Self::Medium, Self::Low, Self::Info];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that a review looks for: data that says what and why, and a function that looks.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// "NDA" and three digits. Once published it never means anything else.
    pub id: &'static str,
    /// The same for people: words with hyphens.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why that matters, in one or two sentences.
    pub why: &'static str,
    /// What to write instead: lines of a server block, a server block, or comments. It never raises the same finding.
    pub fix: &'static str,
    /// Pages of CoreDNS's documentation, RFCs and CVEs that say so.
    pub sources: &'static [&'static str],
    /// Looks for it.
    pub look: fn(&Sight<'_>, &mut Findings),
}

/// Rules compare by their ids.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A rule is shown by its id.
impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}

/// What a rule has found at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// By which rule.
    pub rule: &'static Rule,
    /// Where.
    pub place: Place,
    /// What stands there, as a clause without a full stop.
    pub what: String,
    /// What to write instead, made for this place where that can be.
    pub fix: String,
    /// Why somebody accepts it; such a finding fails no pipeline.
    pub accepted: Option<String>,
}

/// Most findings of one file: a file of strangers may be long, a report may not.
pub const MOST_FINDINGS: usize = 2_000;

/// What is found while rules look.
#[derive(Debug)]
pub struct Findings {
    /// The rule that looks.
    rule: &'static Rule,
    /// What was found.
    found: Vec<Finding>,
    /// How many were found beyond [`MOST_FINDINGS`].
    left_out: usize,
}

impl Findings {
    /// Lets all rules look.
    pub(super) fn of(rules: &'static [&'static [Rule]], sight: &Sight<'_>) -> (Vec<Finding>, usize) {
        let (mut found, mut left_out) = (Vec::new(), 0);
        for rule in rules.iter().copied().flatten() {
            let mut findings = Self { rule, found, left_out };
            (rule.look)(sight, &mut findings);
            (found, left_out) = (findings.found, findings.left_out);
        }
        (found, left_out)
    }

    /// Adds what the rule's own fix mends.
    pub(super) fn add(&mut self, place: &Place, what: impl Into<String>) {
        self.add_with(place, what, self.rule.fix);
    }

    /// Adds something with a fix made for it.
    pub(super) fn add_with(&mut self, place: &Place, what: impl Into<String>, fix: impl Into<String>) {
        if self.found.len() >= MOST_FINDINGS {
            self.left_out += 1;
            return;
        }
        let (what, fix) = (what.into(), fix.into());
        self.found.push(Finding { rule: self.rule, place: place.clone(), what, fix, accepted: None });
    }
}
