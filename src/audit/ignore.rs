//! `# nodens-audit: ignore NDA012 reason`: somebody has seen a finding and lives with it, and says why.
//!
//! At the end of a line it accepts what is found in that line; in lines of its own, what is found in the next line that says something. The
//! line that opens a server block is where findings about the whole server stand. Several numbers are parted by commas. Without a reason
//! nothing is accepted.

use std::collections::BTreeMap;

use super::rule::Finding;
use super::source::Texts;
use crate::corefile::Place;

/// What the comment begins with.
const MARK: &str = "nodens-audit:";

/// A comment that accepts.
#[derive(Debug)]
struct Acceptance {
    /// Where the comment stands.
    place: Place,
    /// Which rule.
    id: String,
    /// Why; empty accepts nothing.
    reason: String,
    /// Whether it accepted something.
    is_used: bool,
}

/// Marks findings as accepted where a comment says so. What is left are comments that accept nothing, with the reason for that.
pub(super) fn apply(findings: &mut [Finding], texts: &Texts, knows: impl Fn(&str) -> bool) -> Vec<(Place, String)> {
    let mut by_line: BTreeMap<Place, Vec<Acceptance>> = BTreeMap::new();
    let mut waiting: Vec<Acceptance> = Vec::new();
    for (place, line) in texts.all() {
        let code = line.split('#').next().unwrap_or_default();
        // A file's last comments have nothing to accept, certainly nothing in the next file.
        let (mut carried, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut waiting).into_iter().partition(|acceptance| acceptance.place.file == place.file);
        by_line.entry(place.clone()).or_default().extend(lost);
        carried.extend(read(line, &place));
        if code.trim().is_empty() {
            waiting = carried;
        } else {
            by_line.entry(place).or_default().extend(carried);
        }
    }
    for finding in findings {
        let Some(all) = by_line.get_mut(&finding.place) else { continue };
        let fits = |acceptance: &&mut Acceptance| acceptance.id == finding.rule.id && !acceptance.reason.is_empty();
        if let Some(acceptance) = all.iter_mut().find(fits) {
            acceptance.is_used = true;
            finding.accepted = Some(acceptance.reason.clone());
        }
    }
    let unused = by_line.into_values().flatten().chain(waiting).filter(|acceptance| !acceptance.is_used);
    unused
        .map(|acceptance| {
            let why = if acceptance.id.is_empty() {
                "names no rule".to_owned()
            } else if !knows(&acceptance.id) {
                format!("{} is no rule", acceptance.id)
            } else if acceptance.reason.is_empty() {
                format!("{} without a reason", acceptance.id)
            } else {
                format!("{} is not found in the line that it stands for", acceptance.id)
            };
            (acceptance.place, why)
        })
        .collect()
}

/// What the comment of a line accepts.
fn read(line: &str, place: &Place) -> Vec<Acceptance> {
    let Some((before, rest)) = line.split_once(MARK) else { return Vec::new() };
    let Some(rest) = rest.trim_start().strip_prefix("ignore").filter(|_| before.trim_end().ends_with('#')) else {
        return Vec::new();
    };
    let (ids, reason) = rest.trim().split_once(char::is_whitespace).unwrap_or_else(|| (rest.trim(), ""));
    let acceptance = |id: &str| Acceptance {
        place: place.clone(),
        id: id.to_ascii_uppercase(),
        reason: reason.trim().to_owned(),
        is_used: false,
    };
    ids.split(',').map(str::trim).map(acceptance).collect()
}
