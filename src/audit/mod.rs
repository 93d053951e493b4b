//! What a security review says of a CoreDNS Corefile: `nodens audit`.
//!
//! Reading guide:
//!
//! 1. [`manifest`] finds Corefiles in what is given: a file as it is, or the ConfigMap of a cluster in YAML or JSON.
//! 2. [`source`] lets [`corefile::parse`] read it with its imports and keeps every line.
//! 3. [`sight`] and [`upstream`] answer questions that several rules have of the tree.
//! 4. [`rule`] is what a rule is; `rules/` has them, a file a subject.
//! 5. [`ignore`] reads comments that accept findings.
//! 6. [`mod@print`] writes reports for people, as JSON, and as SARIF for code scanners.
//!
//! A rule looks at the file alone. What a network policy, a service or a version adds or takes away it does not know; that is what
//! acceptances with a reason are for. A plugin that does not come with CoreDNS is no error: the language does not depend on plugins.
//! Nothing here reads a clock, asks a server, or writes to a file.

use std::collections::BTreeMap;

use crate::corefile::{self, Mistake, Surroundings};

// What is read.
pub mod manifest;
pub mod source;
// What is looked for.
pub mod rule;
mod rules;
pub mod sight;
pub mod upstream;
mod zone_set;
// What comes of it.
mod ignore;
pub mod print;

use ignore::apply;
use rule::{Finding, Findings, Rule, Severity};
use sight::Sight;
pub use source::MOST_BYTES;
use source::Patient;

/// Most zones and plugins of a Corefile, all servers together. Some rules compare all of a kind with each other.
const MOST_PARTS: usize = 10_000;

/// All rules, in the order of their numbers.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    rules::ALL.iter().copied().flatten()
}

/// What was found in one Corefile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The worst first, then by place; accepted ones among them.
    pub findings: Vec<Finding>,
    /// How many were found beyond [`rule::MOST_FINDINGS`].
    pub left_out: usize,
}

impl Report {
    /// How many findings of at least this severity nobody accepts.
    #[must_use]
    pub fn count(&self, least: Severity) -> usize {
        let open = |finding: &&Finding| finding.accepted.is_none() && finding.rule.severity >= least;
        self.findings.iter().filter(open).count()
    }
}

/// Looks at a Corefile; `origin` is what places call it.
///
/// # Errors
///
/// What keeps it from being read at all.
pub fn audit(text: &str, origin: &str, machine: &dyn Surroundings) -> Result<Report, Vec<Mistake>> {
    let patient = Patient::new(machine, origin, text);
    let corefile = corefile::parse(text, origin, &patient)?;
    let parts: usize = corefile.blocks.iter().map(|server| server.keys.len() + server.directives.len()).sum();
    if let Some(server) = corefile.blocks.first().filter(|_| parts > MOST_PARTS) {
        return Err(vec![Mistake {
            place: server.place.clone(),
            subject: "audit".to_owned(),
            wrong: format!("{parts} zones and plugins are more than can be compared"),
            right: format!("audit files of at most {MOST_PARTS} one by one"),
        }]);
    }
    let texts = patient.into_texts();
    let sight = Sight::new(&corefile, &texts);
    let (mut findings, left_out) = Findings::of(rules::ALL, &sight);
    let unused = apply(&mut findings, &texts, |id| rules().any(|rule| rule.id == id));
    if let Some(rule) = rules().find(|rule| rule.id == rules::ACCEPTANCE) {
        let found = unused.into_iter().map(|(place, what)| Finding {
            rule,
            place,
            what,
            fix: rule.fix.to_owned(),
            accepted: None,
        });
        findings.extend(found.take(rule::MOST_FINDINGS));
    }
    findings.sort_by(|a, b| {
        let order =
            |finding: &Finding| (std::cmp::Reverse(finding.rule.severity), finding.place.clone(), finding.rule.id);
        order(a).cmp(&order(b))
    });
    // A snippet that several servers import is written once, and found in once.
    findings.dedup_by(|a, b| a.rule == b.rule && a.place == b.place && a.what == b.what);
    Ok(Report { findings, left_out })
}

/// How many findings there are of each severity, accepted ones left out.
#[must_use]
pub fn totals<'a>(reports: impl IntoIterator<Item = &'a Report>) -> BTreeMap<Severity, usize> {
    let open = reports.into_iter().flat_map(|report| &report.findings).filter(|finding| finding.accepted.is_none());
    open.fold(BTreeMap::new(), |mut counts, finding| {
        *counts.entry(finding.rule.severity).or_default() += 1;
        counts
    })
}

#[cfg(test)]
mod tests;
