//! One rule, compiled.

use crate::config::{self, Answers, Matching, Route};
use crate::policy::pattern::{Pattern, fill, largest_group};
use crate::policy::scope::Scope;
use crate::wire::rename::Stand;
use crate::wire::{name, record};

use super::Revert;

/// The largest TTL (RFC 2181 section 8).
const MAX_TTL: u32 = 0x7FFF_FFFF;

/// A rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Its number in the file, from 1.
    pub(super) number: usize,
    /// Which names it is for.
    pub(super) scope: Scope,
    /// Whether it can only fit names below some suffix, and so may be for special ones, too.
    pub(super) is_narrow: bool,
    /// When it fits.
    test: Test,
    /// What it changes.
    pub(super) change: Change,
    /// Whether names in the answer become again what they were.
    is_auto: bool,
    /// What else is done to names in the answer.
    fixed: Vec<(Stand, Pattern, String)>,
    /// Whose servers are asked.
    pub(super) route: Route,
    /// Whether the rules after it are tried, too.
    pub(super) continues: bool,
}

/// When a rule fits.
#[derive(Clone, Debug)]
enum Test {
    /// The name is this.
    Exact(String),
    /// It begins so.
    Prefix(String),
    /// It ends so.
    Suffix(String),
    /// It holds this.
    Substring(String),
    /// An expression finds something in it.
    Regex(Pattern),
    /// The type is this.
    Type(u16),
}

/// What a rule changes.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// The name, or the part of it that fits.
    Name(String),
    /// The type.
    Type(u16),
    /// The TTLs of the answer: least and most.
    Ttls(u32, u32),
}

impl Rule {
    /// Compiles a rule.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn new(number: usize, rule: &config::Rewrite) -> Result<Self, String> {
        let matching = if rule.matching == Matching::Ttl { rule.name_matching } else { rule.matching };
        let test = Test::new(matching, &rule.from)?;
        let change = match rule.matching {
            Matching::Type => Change::Type(type_number(&rule.to)?),
            Matching::Ttl => {
                let (least, most) = ttls(&rule.to)
                    .ok_or_else(|| format!("to: {:?} is no TTL; write seconds, or \"MIN-MAX\" in seconds", rule.to))?;
                Change::Ttls(least, most)
            }
            Matching::Exact | Matching::Suffix => Change::Name(with_dot(&rule.to)),
            Matching::Prefix | Matching::Substring => Change::Name(rule.to.to_ascii_lowercase()),
            Matching::Regex => Change::Name(with_dot(&rule.to)),
        };
        if let (Test::Regex(pattern), Change::Name(to)) = (&test, &change) {
            check_groups("to", to, pattern)?;
        }
        if let (Test::Exact(_), Change::Name(to)) = (&test, &change)
            && name::parse(to).is_none()
        {
            return Err(format!("to: {to:?} is no name"));
        }
        let mut fixed = Vec::new();
        for (key, stand, lines) in
            [("answer-names", Stand::Owner, &rule.answer_names), ("answer-values", Stand::Value, &rule.answer_values)]
        {
            for line in lines {
                let (pattern, replacement) = answer(line).map_err(|wrong| format!("{key}: {wrong}"))?;
                check_groups(key, &replacement, &pattern)?;
                fixed.push((stand, pattern, replacement));
            }
        }
        Ok(Self {
            number,
            scope: Scope::new(&rule.zone),
            is_narrow: test.suffix().len() > 1,
            is_auto: matches!(change, Change::Name(_)) && rule.answers == Answers::Auto,
            test,
            change,
            fixed,
            route: rule.route,
            continues: rule.continues,
        })
    }

    /// Whether it fits the name `now`, as text, and the type; with the new name if it changes that.
    #[expect(clippy::option_option, reason = "a rule that fits may leave the name as it is")]
    pub(super) fn apply(&self, now: &str, qtype: u16) -> Option<Option<String>> {
        let to = match &self.change {
            Change::Name(to) => to.as_str(),
            Change::Type(_) | Change::Ttls(..) => return self.test.fits(now, qtype).then_some(None),
        };
        match &self.test {
            Test::Exact(from) => (now == from).then(|| Some(to.to_owned())),
            Test::Prefix(from) => now.strip_prefix(from.as_str()).map(|rest| Some(format!("{to}{rest}"))),
            Test::Suffix(from) => now.strip_suffix(from.as_str()).map(|rest| Some(format!("{rest}{to}"))),
            Test::Substring(from) => now.contains(from.as_str()).then(|| Some(now.replace(from.as_str(), to))),
            Test::Regex(pattern) => pattern.find(now).map(|found| Some(fill(to, &found))),
            Test::Type(_) => None,
        }
    }

    /// What is done to names in the answer when it made the name `after` of `before`.
    pub(super) fn reverts(&self, before: &[u8], after: &[u8]) -> impl Iterator<Item = Revert<'_>> {
        let auto = self.is_auto.then(|| match (&self.test, &self.change) {
            (Test::Suffix(from), Change::Name(to)) => Revert::End { from: to, to: from },
            _ => Revert::Back { from: after.to_vec(), to: before.to_vec() },
        });
        let fixed = self.fixed.iter().map(|(stand, pattern, replacement)| Revert::Regex {
            stand: *stand,
            pattern,
            replacement,
        });
        auto.into_iter().chain(fixed)
    }
}

impl Test {
    /// A test of a name, or of the type.
    fn new(matching: Matching, from: &str) -> Result<Self, String> {
        if from.is_empty() {
            return Err("from: is empty; write what is looked for".to_owned());
        }
        let lower = from.to_ascii_lowercase();
        Ok(match matching {
            Matching::Exact => Self::Exact(with_dot(&lower)),
            Matching::Suffix => Self::Suffix(with_dot(&lower)),
            Matching::Prefix => Self::Prefix(lower),
            Matching::Substring => Self::Substring(lower),
            Matching::Regex => Self::Regex(Pattern::new(from).map_err(|wrong| format!("from: {wrong}"))?),
            Matching::Type => Self::Type(type_number(from)?),
            Matching::Ttl => return Err("name-match: \"ttl\" compares no names".to_owned()),
        })
    }

    /// Whether a question fits.
    fn fits(&self, now: &str, qtype: u16) -> bool {
        match self {
            Self::Exact(from) => now == from,
            Self::Prefix(from) => now.starts_with(from.as_str()),
            Self::Suffix(from) => now.ends_with(from.as_str()),
            Self::Substring(from) => now.contains(from.as_str()),
            Self::Regex(pattern) => pattern.matches(now),
            Self::Type(from) => *from == qtype,
        }
    }

    /// A suffix that all names which fit have, in wire format; the root if nothing longer is known.
    fn suffix(&self) -> Vec<u8> {
        let known = match self {
            Self::Exact(from) => name::parse(from),
            // Its first label may be the end of one.
            Self::Suffix(from) => from.split_once('.').and_then(|(_, rest)| name::parse(rest)),
            _ => None,
        };
        known.unwrap_or_else(|| vec![0])
    }
}

/// A name or the end of one, in lower case, with its last dot.
fn with_dot(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.ends_with('.') { lower } else { lower + "." }
}

/// A type by name.
fn type_number(text: &str) -> Result<u16, String> {
    record::question_type(text)
        .ok_or_else(|| format!("{text:?} is no type of records; write one such as \"AAAA\", or \"TYPE65\""))
}

/// Reads "SECONDS", "MIN-MAX", "MIN-" or "-MAX".
fn ttls(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.parse().ok().filter(|seconds| *seconds <= MAX_TTL);
    let (least, most) = match text.split_once('-') {
        None => (number(text)?, number(text)?),
        Some(("", "")) => return None,
        Some(("", most)) => (0, number(most)?),
        Some((least, "")) => (number(least)?, MAX_TTL),
        Some((least, most)) => (number(least)?, number(most)?),
    };
    (least <= most).then_some((least, most))
}

/// Reads "REGEX REPLACEMENT".
fn answer(line: &str) -> Result<(Pattern, String), String> {
    let (pattern, replacement) = line
        .trim()
        .rsplit_once(char::is_whitespace)
        .ok_or_else(|| format!("{line:?} has one word; write \"REGEX REPLACEMENT\""))?;
    Ok((Pattern::new(pattern.trim_end())?, with_dot(replacement)))
}

/// Whether an expression has the groups that a replacement names.
fn check_groups(key: &str, replacement: &str, pattern: &Pattern) -> Result<(), String> {
    match largest_group(replacement) {
        Some(largest) if largest > pattern.groups() => Err(format!(
            "{key}: {replacement:?} has {{{largest}}}, but the regular expression has {} groups",
            pattern.groups()
        )),
        _ => Ok(()),
    }
}
