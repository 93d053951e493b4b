//! The list of metrics that people read, made from the table of families.

use std::fmt::Write as _;

use super::family::{ALL, Feature, Kind};

/// What the list begins with.
const INTRODUCTION: &str = "Every metric, made by `nodens generate metrics`. CoreDNS's names keep its labels and buckets; `nodens_*` are ours. \
    No label ever names a query or a client.";

/// All families in the order of the table, as a chapter in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = format!("{INTRODUCTION}\n\n| metric | kind | labels | what it says |\n|---|---|---|---|\n");
    for family in ALL {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let needs = match family.feature() {
            None => "",
            Some(Feature::Snapshot) => " Shown with `cache.snapshot`.",
            Some(Feature::Validation) => " Shown with `dnssec = \"validate\"` in a zone.",
            Some(Feature::HandOver) => " Shown with `supervisor.socket`.",
            Some(Feature::Blocking) => " Shown with `policy.block` or `policy.block-file`.",
            Some(Feature::ClientRate) => " Shown with `limits.client-rate`.",
            Some(Feature::QueryLog) => " Shown with `query-log.classes`.",
            Some(Feature::WrittenRules) => {
                " Shown with rules for questions and answers: `[[rewrite]]`, `[[template]]`, or in a zone."
            }
        };
        // A help text may hold what Markdown gives a meaning to.
        let help = family.help.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*").replace('[', "\\[");
        let _ = writeln!(text, "| `{}` | {kind} | {} | {help}{needs} |", family.name, labels.join(" "));
    }
    text
}
