//! Reports: for people, for programs, for code scanners.

mod human;
mod json;
mod sarif;

pub use human::human;
pub use json::json;
pub use sarif::sarif;

use super::Report;

/// One Corefile that was looked at.
#[derive(Clone, Debug)]
pub struct Audited {
    /// The file, as the operator named it.
    pub path: String,
    /// What places call it: the path, or the path with the key of a ConfigMap.
    pub origin: String,
    /// Whether lines are those of the file: in JSON they are those of the text within.
    pub is_exact: bool,
    /// What was found.
    pub report: Report,
}

/// "1 finding", "2 findings".
fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
