//! The part of Go's template language that is found in records: values and three functions, nothing that loops or decides.

use regex::bytes::Captures;

use crate::policy::pattern::{Pattern, group};

/// Longest record that is made, in bytes of text. A guess: a record of a zone file is rarely longer than a line.
const MAX_RECORD: usize = 4_096;

/// A record with places to fill.
#[derive(Clone, Debug)]
pub(super) struct Text(Vec<Piece>);

/// A part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// As it is.
    Plain(String),
    /// A place to fill.
    Place(Value),
}

/// What a place is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// The name that was asked for.
    Name,
    /// The zone of the template.
    Zone,
    /// The class.
    Class,
    /// The type that was asked for.
    Type,
    /// What a group of the regular expression found.
    Group(String),
    /// A text.
    Literal(String),
    /// A number to a base, at most so many bits, written to base 10.
    Number(Box<Self>, u32, u32),
}

/// What places are filled from.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// The name that was asked for, as text.
    pub(super) name: &'a str,
    /// The zone of the template, as text.
    pub(super) zone: &'a str,
    /// The type that was asked for.
    pub(super) qtype: &'a str,
    /// What the regular expression found; `None` without one.
    pub(super) found: Option<&'a Captures<'a>>,
}

impl Text {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("{{") {
            let (inside, after) =
                behind.split_once("}}").ok_or_else(|| format!("{text:?} has a \"{{{{\" without \"}}}}\""))?;
            let (inside, trims_before) = inside.strip_prefix("- ").map_or((inside, false), |inside| (inside, true));
            let (inside, trims_after) = inside.strip_suffix(" -").map_or((inside, false), |inside| (inside, true));
            pieces.push(Piece::Plain(if trims_before { before.trim_end() } else { before }.to_owned()));
            rest = if trims_after { after.trim_start() } else { after };
            let inside = inside.trim();
            if inside.starts_with("/*") && inside.ends_with("*/") {
                continue;
            }
            pieces.push(Piece::Place(value(inside).map_err(|wrong| format!("{{{{ {inside} }}}}: {wrong}"))?));
        }
        pieces.push(Piece::Plain(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The groups that it takes from a regular expression.
    fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Place(value) => value.group(),
            Piece::Plain(_) => None,
        })
    }

    /// Whether the same record is made of every question but for its name.
    pub(super) fn is_fixed(&self) -> bool {
        self.groups().next().is_none() && !self.0.contains(&Piece::Place(Value::Type))
    }

    /// A group that no expression has; the whole, group 0, is always there.
    pub(super) fn unknown_group(&self, patterns: &[Pattern]) -> Option<&str> {
        self.groups().find(|name| *name != "0" && !patterns.iter().any(|pattern| pattern.has_group(name)))
    }

    /// The record with its places filled; `None` if a number is none, or it becomes too long.
    pub(super) fn fill(&self, facts: &Facts<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Place(value) => text.push_str(&value.of(facts)?),
            }
        }
        (text.len() <= MAX_RECORD).then_some(text)
    }
}

impl Value {
    /// The group that it is taken from, if it is.
    fn group(&self) -> Option<&str> {
        match self {
            Self::Group(name) => Some(name),
            Self::Number(inner, ..) => inner.group(),
            _ => None,
        }
    }

    /// What it is.
    fn of(&self, facts: &Facts<'_>) -> Option<String> {
        Some(match self {
            Self::Name => facts.name.to_owned(),
            Self::Zone => facts.zone.to_owned(),
            Self::Class => "IN".to_owned(),
            Self::Type => facts.qtype.to_owned(),
            Self::Group(name) => match facts.found {
                Some(found) => group(found, name).to_owned(),
                // Without an expression everything is found.
                None => facts.name.to_owned(),
            },
            Self::Literal(text) => text.clone(),
            Self::Number(inner, base, bits) => {
                let text = inner.of(facts)?;
                // Go takes no sign here.
                let number = if text.starts_with(['+', '-']) { None } else { u64::from_str_radix(&text, *base).ok() };
                number.filter(|number| *bits == 64 || number >> bits == 0)?.to_string()
            }
        })
    }
}

//------ Reading -------------------------------------------------------------

/// Reads what stands between braces.
fn value(inside: &str) -> Result<Value, String> {
    let words = words(inside)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Err("is empty".to_owned()),
        [word] => single(word),
        ["index", ".Match", number] => match number.parse::<u8>() {
            Ok(number) => Ok(Value::Group(number.to_string())),
            Err(_) => Err(format!("{number:?} is no number of a group")),
        },
        ["index", ".Group", name] => match literal(name) {
            Some(name) => Ok(Value::Group(name.to_owned())),
            None => Err("the name of a group stands in quotes".to_owned()),
        },
        ["parseInt", argument, base, bits] => {
            let base =
                base.parse().ok().filter(|base| (2..=36).contains(base)).ok_or("the base is a number from 2 to 36")?;
            let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 64).ok_or("the bits are a number from 0 to 64")?;
            // Go takes 0 for 64.
            Ok(Value::Number(Box::new(single(argument)?), base, if bits == 0 { 64 } else { bits }))
        }
        [function, ..] => Err(format!(
            "{function:?} is not known here; what is: .Name .Zone .Class .Type .Group.NAME, index .Match N, parseInt"
        )),
    }
}

/// Reads one word: a field, a text, or something in parentheses.
fn single(word: &str) -> Result<Value, String> {
    if let Some(inner) = word.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return value(inner);
    }
    if let Some(text) = literal(word) {
        return Ok(Value::Literal(text.to_owned()));
    }
    match word {
        ".Name" | ".Question.Name" => Ok(Value::Name),
        ".Zone" => Ok(Value::Zone),
        ".Class" => Ok(Value::Class),
        ".Type" => Ok(Value::Type),
        _ => match word.strip_prefix(".Group.") {
            Some(name) if !name.is_empty() => Ok(Value::Group(name.to_owned())),
            _ => Err(format!(
                "{word:?} is not known here; what is: .Name .Zone .Class .Type .Group.NAME, index .Match N, parseInt"
            )),
        },
    }
}

/// The text in quotes.
fn literal(word: &str) -> Option<&str> {
    let inside = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('`'))
}

/// Splits at blanks that are in neither quotes nor parentheses.
fn words(inside: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote, mut depth) = (Vec::new(), String::new(), None, 0_u32);
    for c in inside.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(c),
            // Deeper ones have no meaning, and would be read by recursion.
            (None, '(') if depth == 4 => return Err("has too many parentheses".to_owned()),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.checked_sub(1).ok_or("has a \")\" too many")?,
            (None, '|') => return Err("pipes are not known here".to_owned()),
            (None, _) if c.is_whitespace() && depth == 0 => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            (None, _) => {}
        }
        word.push(c);
    }
    if quote.is_some() || depth > 0 {
        return Err("has an open quote or parenthesis".to_owned());
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}
