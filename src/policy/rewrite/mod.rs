//! Questions that are asked in another form (`[[rewrite]]`), and their answers made fit for the question as it was.
//!
//! ```text
//! question ─► rule ─► rule ─► … ─► the question that is asked
//! answer   ◄─ what each rule says of answers, the last rule first ◄─ the answer to that
//! ```
//!
//! The rules are those of CoreDNS's rewrite plugin for names, types and TTLs; what differs is said in the manual. Here they are compiled and applied;
//! who asks, keeps and answers is the pipeline. No rule is applied twice to a question, so that there are no circles.

mod rule;
#[cfg(test)]
mod tests;

use crate::config::{self, Route};
use crate::wire::name;
use crate::wire::rename::{Stand, Unnamable, rename};

use super::mistake::{Mistake, Written};
use super::pattern::{Pattern, fill, text};
use super::scope::Place;
use rule::{Change, Rule};

/// All rules, in their order.
#[derive(Clone, Debug, Default)]
pub struct Rewrites(Vec<Rule>);

/// What rules make of a question.
#[derive(Debug)]
pub struct Turn<'r> {
    /// The name to be asked for, in wire format and lower case.
    pub name: Vec<u8>,
    /// The type.
    pub qtype: u16,
    /// Whose servers are asked.
    pub route: Route,
    /// Between which TTLs the answer's are brought, in seconds.
    pub ttls: Option<(u32, u32)>,
    /// The rules that fit, by their numbers in the file, from 1.
    pub rules: Vec<usize>,
    /// What is done to names in the answer, in the order of the rules.
    reverts: Vec<Revert<'r>>,
    /// Whether it is another question, or its answer has other names.
    changes: bool,
}

/// That a rule makes no name of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoName {
    /// The rule, by its number in the file, from 1.
    pub rule: usize,
}

/// What is done to a name in an answer.
#[derive(Debug)]
enum Revert<'r> {
    /// A name, or one below it, becomes another.
    Back {
        /// The name, in wire format.
        from: Vec<u8>,
        /// The other.
        to: Vec<u8>,
    },
    /// What a name ends in becomes something else.
    End {
        /// What it ends in.
        from: &'r str,
        /// What it becomes.
        to: &'r str,
    },
    /// What an expression makes of it.
    Regex {
        /// Whose names.
        stand: Stand,
        /// The expression.
        pattern: &'r Pattern,
        /// What is put in the place of the whole name.
        replacement: &'r str,
    },
}

impl Rewrites {
    /// Compiles the rules of a configuration.
    ///
    /// # Errors
    ///
    /// All that is wrong in them.
    pub(super) fn new(rules: &[config::Rewrite]) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut compiled = Vec::with_capacity(rules.len());
        for (number, rule) in (1..).zip(rules) {
            match Rule::new(number, rule) {
                Ok(rule) => compiled.push(rule),
                Err(wrong) => mistakes.push(Mistake { at: Written::Rewrite(number), wrong }),
            }
        }
        if mistakes.is_empty() { Ok(Self(compiled)) } else { Err(mistakes) }
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a rule that makes another question of one.
    pub(super) fn change_some(&self) -> bool {
        self.0.iter().any(|rule| !matches!(rule.change, Change::Ttls(..)))
    }

    /// What the rules make of a question at a place; `None` if none fits.
    ///
    /// # Errors
    ///
    /// When what a rule makes of the name is no name.
    pub fn turn(&self, name: &[u8], qtype: u16, place: Place) -> Result<Option<Turn<'_>>, NoName> {
        let mut turn: Option<Turn<'_>> = None;
        let mut now = text(name);
        for rule in &self.0 {
            // Which names a rule is for is decided by the question as it came.
            let place = Place { is_special: place.is_special && !rule.is_narrow, ..place };
            if !rule.scope.holds(name, place) {
                continue;
            }
            let Some(new) = rule.apply(&now, turn.as_ref().map_or(qtype, |turn| turn.qtype)) else { continue };
            let turn = turn.get_or_insert_with(|| Turn::of(name, qtype));
            turn.rules.push(rule.number);
            match (&rule.change, new) {
                (Change::Ttls(least, most), _) => turn.clamp(*least, *most),
                (Change::Type(qtype), _) => {
                    turn.changes |= turn.qtype != *qtype;
                    turn.qtype = *qtype;
                }
                (Change::Name(_), Some(new)) => {
                    let wire = name::parse(&new).ok_or(NoName { rule: rule.number })?;
                    turn.reverts.extend(rule.reverts(&turn.name, &wire));
                    if rule.route == Route::Question {
                        turn.route = Route::Question;
                    }
                    (now, turn.name) = (text(&wire), wire);
                    turn.changes |= turn.name != name || !turn.reverts.is_empty();
                }
                (Change::Name(_), None) => {}
            }
            if !rule.continues {
                break;
            }
        }
        Ok(turn)
    }

    /// Whether another question is asked for one, or its answer gets other names; also where that fails.
    #[must_use]
    pub fn changes(&self, name: &[u8], qtype: u16, place: Place) -> bool {
        self.turn(name, qtype, place).map_or(true, |turn| turn.is_some_and(|turn| turn.changes))
    }
}

impl Turn<'_> {
    /// A question as it is.
    fn of(name: &[u8], qtype: u16) -> Self {
        let (name, route) = (name.to_vec(), Route::Target);
        Self { name, qtype, route, ttls: None, rules: Vec::new(), reverts: Vec::new(), changes: false }
    }

    /// Whether another question is asked, or the answer gets other names.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.changes
    }

    /// Brings the TTLs between two bounds, before rules that came first do what they do: those have the last word, as with names.
    fn clamp(&mut self, least: u32, most: u32) {
        let bounds =
            self.ttls.map_or((least, most), |(first, last)| (least.clamp(first, last), most.clamp(first, last)));
        self.ttls = Some(bounds);
    }

    /// Makes of a message that answers the question which was asked one that answers the question for `question`.
    ///
    /// # Errors
    ///
    /// When a name in it becomes no name, or the message is broken.
    pub fn restore(&self, message: &[u8], question: &[u8]) -> Result<Vec<u8>, Unnamable> {
        rename(message, &self.name, question, |stand, name| {
            self.reverts.iter().rev().try_fold(name.to_vec(), |name, revert| revert.apply(stand, name))
        })
    }
}

impl Revert<'_> {
    /// What becomes of a name; `None` if that is no name.
    fn apply(&self, stand: Stand, mut wire: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Back { from, to } if name::is_below(&wire, from) => {
                wire.truncate(wire.len() - from.len());
                wire.extend_from_slice(to);
                Some(wire)
            }
            Self::End { from, to } => {
                let text = text(&wire.to_ascii_lowercase());
                match text.strip_suffix(from) {
                    Some(before) => name::parse(&format!("{before}{to}")),
                    None => Some(wire),
                }
            }
            Self::Regex { stand: wanted, pattern, replacement } if *wanted == stand => {
                let text = text(&wire.to_ascii_lowercase());
                match pattern.find(&text) {
                    Some(found) => name::parse(&fill(replacement, &found)),
                    None => Some(wire),
                }
            }
            Self::Back { .. } | Self::Regex { .. } => Some(wire),
        }
    }
}
