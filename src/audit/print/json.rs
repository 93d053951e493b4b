//! For programs: one JSON document, whose fields are only ever added to.

use serde::Serialize;

use super::super::rule::{Finding, Severity};
use super::super::totals;
use super::Audited;

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    /// "nodens audit".
    tool: &'static str,
    /// The version of nodens.
    version: &'static str,
    /// The Corefiles that were looked at.
    files: Vec<File<'a>>,
    /// What was found.
    findings: Vec<Entry<'a>>,
    /// How much of each severity, accepted ones left out.
    counts: Counts,
}

/// A Corefile.
#[derive(Serialize)]
struct File<'a> {
    /// As places call it.
    name: &'a str,
    /// Findings beyond the most that a report holds.
    left_out: usize,
}

/// A finding.
#[derive(Serialize)]
struct Entry<'a> {
    /// The rule's number.
    id: &'a str,
    /// The rule's name.
    name: &'a str,
    /// How much it matters.
    severity: Severity,
    /// The file.
    file: &'a str,
    /// The line, from 1.
    line: u32,
    /// What is wrong in general.
    title: &'a str,
    /// What stands there.
    what: &'a str,
    /// Why it matters.
    why: &'a str,
    /// What to write instead.
    fix: &'a str,
    /// Who says so.
    sources: &'a [&'a str],
    /// Why somebody accepts it; null if nobody does.
    accepted: Option<&'a str>,
}

/// Findings by severity.
#[derive(Serialize)]
struct Counts {
    /// High.
    high: usize,
    /// Medium.
    medium: usize,
    /// Low.
    low: usize,
    /// Info.
    info: usize,
}

/// The report about all files, with a line break at its end.
#[must_use]
pub fn json(files: &[Audited]) -> String {
    let all = totals(files.iter().map(|file| &file.report));
    let count = |severity| all.get(&severity).copied().unwrap_or(0);
    let document = Document {
        tool: "nodens audit",
        version: env!("CARGO_PKG_VERSION"),
        files: files.iter().map(|file| File { name: &file.origin, left_out: file.report.left_out }).collect(),
        findings: files.iter().flat_map(|file| &file.report.findings).map(entry).collect(),
        counts: Counts {
            high: count(Severity::High),
            medium: count(Severity::Medium),
            low: count(Severity::Low),
            info: count(Severity::Info),
        },
    };
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// A finding as the document has it.
fn entry(finding: &Finding) -> Entry<'_> {
    let rule = finding.rule;
    Entry {
        id: rule.id,
        name: rule.name,
        severity: rule.severity,
        file: &finding.place.file,
        line: finding.place.line,
        title: rule.title,
        what: &finding.what,
        why: rule.why,
        fix: &finding.fix,
        sources: rule.sources,
        accepted: finding.accepted.as_deref(),
    }
}
