//! Mistakes of a configuration file: collected, placed, printed in the order of their lines.
//!
//! Nothing here knows an option. Whoever finds something wrong says where (a byte offset), which key, what is wrong and what
//! would be right; [`Report`] turns offsets into lines and leaves out what only follows from a syntax error.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// One thing that is wrong in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as the operator named it.
    pub origin: String,
    /// The line, from 1; `None` if no line is to blame.
    pub line: Option<usize>,
    /// The column in characters, from 1; `None` if the whole line is meant.
    pub column: Option<usize>,
    /// The option in the form "section.key", the section, or "syntax".
    pub key: String,
    /// What is wrong, and what would be right.
    pub fault: Fault,
}

/// What is wrong with a value, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, as a clause without a full stop.
    pub wrong: String,
    /// What would be right, as a clause without a full stop.
    pub right: String,
}

impl Fault {
    /// A fault in its two halves.
    pub(super) fn new(wrong: impl Into<String>, right: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), right: right.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}: {}; {}", self.key, self.fault.wrong, self.fault.right)
    }
}

//------ Report --------------------------------------------------------------

/// Where in a file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this byte: printed with line and column.
    Exact(usize),
    /// Somewhere in the table that begins at this byte: printed with the line alone.
    Table(usize),
    /// In no line.
    Nowhere,
}

/// Collects the mistakes and warnings of one file.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// The file, as the operator named it.
    origin: &'a str,
    /// Its text.
    text: &'a str,
    /// The byte offset at which each line begins; never empty.
    starts: Vec<usize>,
    /// Lines that a syntax error makes unreadable: what is found there besides is a consequence.
    broken: BTreeSet<usize>,
    /// Whether a syntax error may have hidden more than its lines: a key, a headline.
    is_torn: bool,
    /// Whether lines mean nothing to the operator, who has never seen the text.
    is_made: bool,
    /// What is wrong.
    mistakes: Vec<Mistake>,
    /// What is odd.
    warnings: Vec<String>,
}

impl<'a> Report<'a> {
    /// An empty report about `text`.
    pub(super) fn new(origin: &'a str, text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(offset, _)| offset + 1)).collect();
        Self {
            origin,
            text,
            starts,
            broken: BTreeSet::new(),
            is_torn: false,
            is_made: false,
            mistakes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The same about a text that is only a part: nothing is missing in it.
    pub(super) const fn of_a_part(mut self) -> Self {
        self.is_torn = true;
        self
    }

    /// The same about a text that was made from something else: no line is to blame.
    pub(super) const fn of_something_else(mut self) -> Self {
        self.is_made = true;
        self
    }

    /// Notes a mistake, unless a syntax error has spoilt its line.
    pub(super) fn mistake(&mut self, place: Place, key: impl Into<String>, fault: Fault) {
        let (line, column) = self.locate(place);
        if line.is_some_and(|line| self.broken.contains(&line)) {
            return;
        }
        let (line, column) = if self.is_made { (None, None) } else { (line, column) };
        self.mistakes.push(Mistake { origin: self.origin.to_owned(), line, column, key: key.into(), fault });
    }

    /// Notes something that is missing. It may be the very thing that a syntax error hides, so then nothing is said.
    pub(super) fn absence(&mut self, place: Place, key: impl Into<String>, fault: Fault) {
        if !self.is_torn {
            self.mistake(place, key, fault);
        }
    }

    /// Notes a syntax error. `range` are the bytes that it makes unreadable; one error a line is enough. `tears` tells whether the
    /// parser may have lost more than a value.
    pub(super) fn syntax(&mut self, offset: usize, range: &Range<usize>, tears: bool, fault: Fault) {
        self.is_torn |= tears;
        if self.broken.contains(&self.line(offset)) {
            return;
        }
        self.mistake(Place::Exact(offset), "syntax", fault);
        self.broken.extend(self.line(range.start)..=self.line(range.end));
        self.broken.insert(self.line(offset));
    }

    /// Notes something odd that does not keep the daemon from starting.
    pub(super) fn warn(&mut self, place: Place, key: &str, text: &str) {
        self.warnings.push(match self.locate(place).0.filter(|_| !self.is_made) {
            Some(line) => format!("{}:{line}: {key}: {text}", self.origin),
            None => format!("{}: {key}: {text}", self.origin),
        });
    }

    /// The warnings, or else all mistakes in the order of their lines.
    pub(super) fn finish(mut self) -> Result<Vec<String>, Vec<Mistake>> {
        if self.mistakes.is_empty() {
            return Ok(self.warnings);
        }
        self.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        Err(self.mistakes)
    }

    /// Line and column of a place.
    fn locate(&self, place: Place) -> (Option<usize>, Option<usize>) {
        match place {
            Place::Nowhere => (None, None),
            Place::Table(offset) => (Some(self.line(offset)), None),
            Place::Exact(offset) => {
                let line = self.line(offset);
                let start = self.starts.get(line - 1).copied().unwrap_or(0);
                let column = self.text.get(start..offset).map_or(1, |before| before.chars().count() + 1);
                (Some(line), Some(column))
            }
        }
    }

    /// The line, from 1, that holds the byte at `offset`.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }
}

//------ Suggestions ---------------------------------------------------------

/// Bytes of a word up to which a suggestion is looked for: the work grows with the length, and no key is half as long.
const LONGEST_WORD: usize = 64;

/// The candidate that somebody who wrote `word` most likely meant.
///
/// As far as a third of the word's letters may be wrong, missing, swapped or too many, three at most.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let word = word.to_lowercase().replace('_', "-");
    let most = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of letters to insert, delete, replace or swap with their neighbour that makes `right` of `left`.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=right.len()).collect();
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::{Fault, Place, Report, distance, nearest};

    #[test]
    fn a_slip_of_the_keyboard_is_understood() {
        let keys = ["udp-size", "timeout", "try-timeout", "pins"];
        assert_eq!(nearest("udp_size", keys), Some("udp-size"));
        assert_eq!(nearest("timeuot", keys), Some("timeout"));
        assert_eq!(nearest("TimeOut", keys), Some("timeout"));
        assert_eq!(nearest("pin", keys), Some("pins"));
        assert_eq!(nearest("forwarders", keys), None);
        assert_eq!(nearest("", keys), None);
    }

    #[test]
    fn a_distance_counts_swaps_once() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn columns_count_characters_and_lines_begin_at_one() {
        let text = "a = 1\näö = 2\n";
        let mut report = Report::new("f", text);
        report.mistake(Place::Exact(text.find('2').unwrap()), "k", Fault::new("w", "r"));
        report.mistake(Place::Exact(0), "k", Fault::new("w", "r"));
        let printed: Vec<String> = report.finish().unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(printed, ["f:1:1: k: w; r", "f:2:6: k: w; r"]);
    }
}
