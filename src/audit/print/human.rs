//! For people: by severity, each rule's reason once, the fix as text to paste.

use std::fmt::Write as _;

use super::super::rule::{Finding, MOST_FINDINGS, Severity};
use super::super::{Report, rules, totals};
use super::{Audited, plural};

/// Columns of running text.
const WIDTH: usize = 92;

/// The report about all files. `has_colour` is for a terminal.
#[must_use]
pub fn human(files: &[Audited], has_colour: bool) -> String {
    let mut text = String::new();
    for file in files {
        let _ = writeln!(text, "{}: {}", plain(&file.origin), summary(&file.report));
        for severity in Severity::ALL {
            let of_severity = |finding: &&Finding| finding.accepted.is_none() && finding.rule.severity == severity;
            let mut found: Vec<&Finding> = file.report.findings.iter().filter(of_severity).collect();
            if found.is_empty() {
                continue;
            }
            // All places of a rule together, so that its reason is read once.
            found.sort_by_key(|finding| finding.rule.id);
            let _ =
                writeln!(text, "\n{}", painted(severity.name().to_uppercase().as_str(), colour(severity), has_colour));
            for (at, finding) in found.iter().enumerate() {
                let before = at.checked_sub(1).and_then(|before| found.get(before));
                write_finding(&mut text, finding, before.filter(|before| before.rule == finding.rule), has_colour);
            }
        }
        write_accepted(&mut text, &file.report, has_colour);
        if file.report.left_out > 0 {
            let _ = writeln!(text, "\n{} more: the report ends after {MOST_FINDINGS}", file.report.left_out);
        }
        text += "\n";
    }
    if files.len() > 1 {
        let all = totals(files.iter().map(|file| &file.report));
        let count = |severity| all.get(&severity).copied().unwrap_or(0);
        let parts: Vec<_> =
            Severity::ALL.into_iter().map(|severity| format!("{} {severity}", count(severity))).collect();
        let _ = writeln!(text, "{}: {}", plural(files.len(), "Corefile"), parts.join(", "));
    } else {
        text.truncate(text.trim_end().len());
        text += "\n";
    }
    text
}

/// "2 high, 1 low; 1 accepted".
fn summary(report: &Report) -> String {
    let all = totals([report]);
    let parts: Vec<_> =
        Severity::ALL.into_iter().filter_map(|severity| Some(format!("{} {severity}", all.get(&severity)?))).collect();
    let found = if parts.is_empty() { format!("nothing found by {} rules", rules().count()) } else { parts.join(", ") };
    match report.findings.iter().filter(|finding| finding.accepted.is_some()).count() {
        0 => found,
        accepted => format!("{found}; {accepted} accepted"),
    }
}

/// One finding; behind another of the same rule only what differs.
fn write_finding(text: &mut String, finding: &Finding, before: Option<&&Finding>, has_colour: bool) {
    let rule = finding.rule;
    let place = painted(&plain(&finding.place.to_string()), "1", has_colour);
    if before.is_none() {
        let _ = writeln!(text, "  {} {}: {}", painted(rule.id, "1", has_colour), rule.name, rule.title);
        write_block(text, "why", &wrapped(rule.why));
    }
    let _ = writeln!(text, "    {place}  {}", plain(&finding.what));
    if before.is_none_or(|before| before.fix != finding.fix) {
        write_block(text, "fix", &plain(&finding.fix));
    }
    if before.is_none() {
        write_block(text, "see", &rule.sources.join("\n"));
    }
}

/// A word and the lines that belong to it.
fn write_block(text: &mut String, word: &str, lines: &str) {
    for (at, line) in lines.lines().enumerate() {
        let _ = writeln!(text, "    {:5}{line}", if at == 0 { word } else { "" });
    }
}

/// What somebody lives with, and why.
fn write_accepted(text: &mut String, report: &Report, has_colour: bool) {
    let mut accepted =
        report.findings.iter().filter_map(|finding| Some((finding, finding.accepted.as_ref()?))).peekable();
    if accepted.peek().is_some() {
        let _ = writeln!(text, "\n{}", painted("ACCEPTED", "2", has_colour));
    }
    for (finding, reason) in accepted {
        let (place, rule) = (plain(&finding.place.to_string()), finding.rule);
        let _ = writeln!(text, "  {place}  {} {} ({}): {}", rule.id, rule.name, rule.severity, plain(reason));
    }
}

/// The colour of a severity.
fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "1;31",
        Severity::Medium => "1;33",
        Severity::Low => "1;36",
        Severity::Info => "1",
    }
}

/// Text in a colour, if there are colours.
fn painted(text: &str, code: &str, has_colour: bool) -> String {
    if has_colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Running text in lines.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let room = lines.last().map_or(0, |line| line.chars().count() + 1 + word.chars().count());
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if room <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Text of the file that no terminal obeys.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '?' } else { letter }).collect()
}
