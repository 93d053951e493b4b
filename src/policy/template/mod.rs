//! Answers that are made of the question (`[[template]]`), as by CoreDNS's template plugin.
//!
//! A template answers if the name is in its zone, the type is one of its types and a regular expression fits. If only the expression does not, the
//! question fails, unless the template lets it fall through. What is made is a whole message, which is the same for everybody who asks the
//! same, so that it can be kept.

#[cfg(test)]
mod tests;
mod text;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};

use crate::config;
use crate::wire::name::{self, is_below};
use crate::wire::{rcode, record, rtype};

use super::local::records;
use super::mistake::{Mistake, Written};
use super::pattern::{self, Pattern};
use super::scope::{Place, Scope};
use text::{Facts, Text};

/// All templates, in their order.
#[derive(Clone, Debug, Default)]
pub struct Templates(Vec<Template>);

/// A template, compiled.
#[derive(Clone, Debug)]
struct Template {
    /// Its number in the file, from 1.
    number: usize,
    /// Which names it is for.
    scope: Scope,
    /// Which types; ANY is all.
    types: Vec<u16>,
    /// What a name must fit; empty fits all.
    patterns: Vec<Pattern>,
    /// The response code.
    rcode: u16,
    /// The records of each section.
    records: [Vec<Text>; 3],
    /// The code of an extended error.
    ede: Option<u16>,
    /// Below what names fall through that fit no expression, in wire format; `None` if none do.
    through: Option<Vec<Vec<u8>>>,
}

/// What a template makes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The template, by its number in the file, from 1.
    pub template: usize,
    /// The answer.
    pub answer: MadeAnswer,
}

/// The answer that a template makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MadeAnswer {
    /// A message in wire format, and the code of an extended error.
    Message(Vec<u8>, Option<u16>),
    /// A response code alone, and the code of an extended error.
    Code(u16, Option<u16>),
    /// What it makes is no record.
    Broken,
}

impl Templates {
    /// Compiles the templates of a configuration.
    ///
    /// # Errors
    ///
    /// All that is wrong in them.
    pub(super) fn new(templates: &[config::Template]) -> Result<Self, Vec<Mistake>> {
        let (mut mistakes, mut compiled) = (Vec::new(), Vec::with_capacity(templates.len()));
        for (number, template) in (1..).zip(templates) {
            match Template::new(number, template) {
                Ok(template) => compiled.push(template),
                Err(wrong) => {
                    mistakes.extend(wrong.into_iter().map(|wrong| Mistake { at: Written::Template(number), wrong }));
                }
            }
        }
        if mistakes.is_empty() { Ok(Self(compiled)) } else { Err(mistakes) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is made of a question at a place; `None` if no template is for it.
    #[must_use]
    pub fn answer(&self, name: &[u8], qtype: u16, place: Place) -> Option<Made> {
        let text = pattern::text(name);
        self.0.iter().filter(|template| template.is_for(name, qtype, place)).find_map(|template| {
            let answer = match template.fit(&text) {
                Some(pattern) => template.fill(&text, qtype, pattern),
                None if template.lets_through(name) => return None,
                None => MadeAnswer::Code(rcode::SERVFAIL, None),
            };
            Some(Made { template: template.number, answer })
        })
    }

    /// Whether a template answers a question.
    #[must_use]
    pub fn claims(&self, name: &[u8], qtype: u16, place: Place) -> bool {
        let mut candidates = self.0.iter().filter(|template| template.is_for(name, qtype, place)).peekable();
        if candidates.peek().is_none() {
            return false;
        }
        let text = pattern::text(name);
        candidates.any(|template| template.fit(&text).is_some() || !template.lets_through(name))
    }
}

impl Template {
    /// Compiles one.
    fn new(number: usize, template: &config::Template) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut patterns = Vec::with_capacity(template.patterns.len());
        for text in &template.patterns {
            match Pattern::new(text) {
                Ok(pattern) => patterns.push(pattern),
                Err(wrong) => mistakes.push(format!("match: {wrong}")),
            }
        }
        let scope = Scope::new(&template.zone);
        let are_whole = mistakes.is_empty();
        let records = [0, 1, 2].map(|section: usize| {
            let key = ["answers", "authority", "additional"][section];
            let mut texts = Vec::with_capacity(template.records[section].len());
            for line in &template.records[section] {
                let checked = Text::new(line).and_then(|text| {
                    check(&text, line, &scope, &patterns, are_whole)?;
                    Ok(text)
                });
                match checked {
                    Ok(text) => texts.push(text),
                    Err(wrong) => mistakes.push(format!("{key}: {wrong}")),
                }
            }
            texts
        });
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let zones = || template.fallthrough_zones.iter().filter_map(|zone| name::parse(zone)).collect();
        Ok(Self {
            number,
            scope,
            types: template.types.clone(),
            patterns,
            rcode: template.rcode,
            records,
            ede: template.extended_error,
            through: template.fallthrough.then(zones),
        })
    }

    /// Whether a question is in its zone and of one of its types.
    fn is_for(&self, name: &[u8], qtype: u16, place: Place) -> bool {
        self.types.iter().any(|known| *known == qtype || *known == rtype::ANY) && self.scope.holds(name, place)
    }

    /// The expression that fits, if one has to; `None` if none does.
    #[expect(clippy::option_option, reason = "without expressions everything fits")]
    fn fit(&self, text: &str) -> Option<Option<&Pattern>> {
        if self.patterns.is_empty() {
            return Some(None);
        }
        self.patterns.iter().find(|pattern| pattern.matches(text)).map(Some)
    }

    /// Whether a name that fits no expression goes on.
    fn lets_through(&self, name: &[u8]) -> bool {
        self.through.as_ref().is_some_and(|zones| zones.is_empty() || zones.iter().any(|zone| is_below(name, zone)))
    }

    /// Makes the answer.
    fn fill(&self, text: &str, qtype: u16, pattern: Option<&Pattern>) -> MadeAnswer {
        if !matches!(self.rcode, rcode::NOERROR | rcode::NXDOMAIN) {
            return MadeAnswer::Code(self.rcode, self.ede);
        }
        let found = pattern.and_then(|pattern| pattern.find(text));
        let (zone, qtype_text) = (self.scope.text(), record::type_name(qtype).to_string());
        let facts = Facts { name: text, zone: &zone, qtype: &qtype_text, found: found.as_ref() };
        self.message(text, qtype, &facts).map_or(MadeAnswer::Broken, |message| MadeAnswer::Message(message, self.ede))
    }

    /// The message, in wire format.
    fn message(&self, text: &str, qtype: u16, facts: &Facts<'_>) -> Option<Vec<u8>> {
        let section = |texts: &[Text]| -> Option<Vec<Record>> {
            texts.iter().map(|text| records::read(&text.fill(facts)?).ok()).collect()
        };
        let mut message = Message::new(0, MessageType::Response, OpCode::Query);
        message.metadata.authoritative = true;
        message.metadata.response_code = ResponseCode::from_low(u8::try_from(self.rcode).ok()?);
        message.queries.push(Query::query(Name::from_ascii(text).ok()?, RecordType::from(qtype)));
        message.answers = section(&self.records[0])?;
        message.authorities = section(&self.records[1])?;
        message.additionals = section(&self.records[2])?;
        message.to_vec().ok()
    }
}

/// Checks what can be known of a record before anybody asks: its groups, and, where it has none, the record itself.
fn check(text: &Text, line: &str, scope: &Scope, patterns: &[Pattern], are_whole: bool) -> Result<(), String> {
    if let Some(unknown) = text.unknown_group(patterns).filter(|_| are_whole) {
        return Err(format!("{line:?}: no regular expression of match has a group {unknown:?}"));
    }
    if text.is_fixed() {
        let (name, zone) = (format!("a.{}", scope.text().trim_start_matches('.')), scope.text());
        let filled = text.fill(&Facts { name: &name, zone: &zone, qtype: "A", found: None });
        records::read(&filled.unwrap_or_default()).map_err(|wrong| format!("{line:?}: {wrong}"))?;
    }
    Ok(())
}
