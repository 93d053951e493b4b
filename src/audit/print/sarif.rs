//! For code scanners: SARIF 2.1.0 (OASIS), as GitHub, GitLab and others read it.

use serde_json::{Value, json};

use super::super::rule::{Finding, Rule, Severity};
use super::super::rules;
use super::Audited;

/// Where the schema of the document is.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The report about all files, with a line break at its end.
#[must_use]
pub fn sarif(files: &[Audited]) -> String {
    let all: Vec<&Rule> = rules().collect();
    let results: Vec<Value> =
        files.iter().flat_map(|file| file.report.findings.iter().map(|finding| result(file, finding, &all))).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "nodens audit",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": all.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// The level that scanners know.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// A number between 0 and 10, by which GitHub orders alerts.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "1.0",
    }
}

/// A rule.
fn descriptor(rule: &Rule) -> Value {
    let sources: Vec<String> = rule.sources.iter().map(|source| format!("- <{source}>")).collect();
    json!({
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": format!("{}\n\nFix:\n{}\n\nSee: {}", rule.why, rule.fix, rule.sources.join(" ")),
            "markdown": format!("{}\n\n```\n{}\n```\n\n{}", rule.why, rule.fix, sources.join("\n")),
        },
        "helpUri": rule.sources.first(),
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {
            "tags": ["security", "dns", "coredns"],
            "precision": "high",
            "problem.severity": if rule.severity == Severity::High { "error" } else { "warning" },
            "security-severity": score(rule.severity),
            "severity": rule.severity.name(),
        },
    })
}

/// A finding.
fn result(file: &Audited, finding: &Finding, all: &[&Rule]) -> Value {
    let rule = finding.rule;
    let is_within = !file.is_exact && *finding.place.file == *file.origin;
    let (path, line) = if is_within { (file.path.as_str(), 1) } else { (&*finding.place.file, finding.place.line) };
    let at = if is_within { format!(" (line {} of {})", finding.place.line, file.origin) } else { String::new() };
    let mut value = json!({
        "ruleId": rule.id,
        "ruleIndex": all.iter().position(|other| *other == rule),
        "level": level(rule.severity),
        "message": {"text": format!("{}: {}{at}\n\nInstead:\n{}", rule.title, finding.what, finding.fix)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(path)},
            "region": {"startLine": line.max(1)},
        }}],
        "partialFingerprints": {"ruleAndText/v1": format!("{}:{}", rule.id, finding.what)},
    });
    if let (Some(reason), Some(result)) = (&finding.accepted, value.as_object_mut()) {
        result.insert("suppressions".to_owned(), json!([{"kind": "inSource", "justification": reason}]));
    }
    value
}

/// A path as a URI reference (RFC 3986): relative ones stay so, as scanners want them.
fn uri(path: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let escaped: String = path
        .bytes()
        .map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    if escaped.starts_with('/') { format!("file://{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("a b/Corefile"), "a%20b/Corefile");
        assert_eq!(uri("/etc/coredns/Corefile"), "file:///etc/coredns/Corefile");
        assert_eq!(uri("x:y#z"), "x%3Ay%23z");
    }
}
