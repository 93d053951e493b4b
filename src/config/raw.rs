//! A file's text as sections of checked values, each of which knows where it stands.
//!
//! This is the walk along the table of options: unknown sections and keys, wrong types, values out of range, missing options.
//! What only makes sense between two values is not seen here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::mistake::{Fault, Place, Report, nearest};
use super::options::{Section, Silent, settings};
use super::value::{FromValue, Value, quote};

/// A file, section by section.
#[derive(Debug)]
pub(super) struct File {
    /// The sections that stand once, each present even when the file does not have it.
    single: BTreeMap<Section, Raw>,
    /// Each `[[upstream]]`.
    pub(super) upstreams: Vec<Raw>,
    /// Each `[[zone]]`.
    pub(super) zones: Vec<Raw>,
    /// Each `[[rewrite]]`.
    pub(super) rewrites: Vec<Raw>,
    /// Each `[[template]]`.
    pub(super) templates: Vec<Raw>,
    /// Whether the file says nothing at all about upstreams and zones.
    pub(super) is_silent: bool,
}

/// One table of a file.
#[derive(Debug)]
pub(super) struct Raw {
    /// Which.
    pub(super) section: Section,
    /// The byte at which it begins.
    pub(super) offset: usize,
    /// What is written and could be read; of a list that has failed, what is right in it.
    found: BTreeMap<&'static str, Found>,
    /// What is written or required, but wrong or missing.
    failed: BTreeSet<&'static str>,
}

/// A value and where it is written.
#[derive(Debug)]
struct Found {
    /// The value.
    value: Value,
    /// The byte at which it begins.
    offset: usize,
}

impl Raw {
    /// A section that is not written.
    const fn absent(section: Section) -> Self {
        Self { section, offset: 0, found: BTreeMap::new(), failed: BTreeSet::new() }
    }

    /// What is written for a key, if it is written and could be read.
    pub(super) fn given<T: FromValue>(&self, key: &str) -> Option<T> {
        let value = self.found.get(key)?.value.clone();
        Some(T::from_value(value).expect("the table of options gives this key a kind that fits this type"))
    }

    /// What is written for a key, or else the table's default or example.
    ///
    /// The example only stands in for what is missing or wrong, so that the rest of the file is checked; then there is a mistake already.
    pub(super) fn value<T: FromValue>(&self, key: &str) -> T {
        self.given(key).unwrap_or_else(|| default(self.section, key))
    }

    /// Whether what is written for a key is wrong, or a required key is missing.
    pub(super) fn has_failed(&self, key: &str) -> bool {
        self.failed.contains(key)
    }

    /// Where a key's value is written; the table if it is not.
    pub(super) fn place(&self, key: &str) -> Place {
        self.found.get(key).map_or(Place::Table(self.offset), |found| Place::Exact(found.offset))
    }

    /// The name of one of this section's keys in messages.
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.section.name())
    }
}

/// An option's default or, where that is derived or required, its example.
pub(super) fn default<T: FromValue>(section: Section, key: &str) -> T {
    let setting = section.setting(key).expect("the keys that the code reads are in the table of options");
    let (Silent::Value(text) | Silent::Derived { example: text, .. } | Silent::Required { example: text }) =
        setting.silent;
    let written = DeValue::parse(text).expect("defaults and examples are TOML");
    let value = Value::read(&setting.kind, &written).value.expect("defaults and examples are in range");
    T::from_value(value).expect("the table of options gives this key a kind that fits this type")
}

impl File {
    /// Reads a text, noting all that is wrong in it.
    pub(super) fn read(text: &str, report: &mut Report<'_>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        note_syntax(text, table.get_ref(), &errors, report);
        let mut file = Self {
            single: BTreeMap::new(),
            upstreams: Vec::new(),
            zones: Vec::new(),
            rewrites: Vec::new(),
            templates: Vec::new(),
            is_silent: true,
        };
        for (name, content) in table.get_ref() {
            match Section::named(name.get_ref()) {
                Some(section) => file.read_section(section, name, content, report),
                None => report.mistake(
                    Place::Exact(name.span().start),
                    name.get_ref().as_ref(),
                    unknown_section(name.get_ref(), content),
                ),
            }
        }
        file
    }

    /// A section that stands once.
    pub(super) fn section(&mut self, section: Section) -> &Raw {
        self.single.entry(section).or_insert_with(|| Raw::absent(section))
    }

    /// Reads a section in the form that it should have.
    fn read_section(
        &mut self,
        section: Section,
        name: &Spanned<DeString<'_>>,
        content: &Spanned<DeValue<'_>>,
        report: &mut Report<'_>,
    ) {
        self.is_silent &= !section.is_forwarding();
        let place = Place::Exact(name.span().start);
        match (content.get_ref(), section.is_repeated()) {
            (DeValue::Table(_), false) | (DeValue::Array(_), true) => {}
            (DeValue::Table(_), true) => {
                let fault = Fault::new("one pair of brackets, but there may be several", section.header());
                report.mistake(place, section.name(), fault);
            }
            (DeValue::Array(_), false) => {
                report.mistake(place, section.name(), Fault::new("may stand only once", section.header()))
            }
            _ => return report.mistake(place, section.name(), Fault::new("is not a table", section.header())),
        }
        // Brackets may be wrong, what stands under them is read nevertheless.
        let tables = match content.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => vec![content],
        };
        for content in tables {
            let offset = content.span().start;
            let DeValue::Table(table) = content.get_ref() else {
                report.mistake(Place::Exact(offset), section.name(), Fault::new("is not a table", section.header()));
                continue;
            };
            let raw = read_table(section, table, offset, report);
            match section {
                Section::Upstream => self.upstreams.push(raw),
                Section::Zone => self.zones.push(raw),
                Section::Rewrite => self.rewrites.push(raw),
                Section::Template => self.templates.push(raw),
                _ => {
                    self.single.insert(section, raw);
                }
            }
        }
    }
}

/// The keys of one table, where they are and what is written; those of a table inside, if the section has one of that name, with its name and a
/// dot in front.
fn keys<'t, 'a>(section: Section, table: &'t DeTable<'a>) -> Vec<(String, usize, &'t Spanned<DeValue<'a>>)> {
    let mut keys = Vec::with_capacity(table.len());
    for (key, written) in table {
        let prefix = format!("{}.", key.get_ref());
        match written.get_ref() {
            DeValue::Table(inner) if section.settings().any(|setting| setting.key.starts_with(&prefix)) => {
                let inner = inner
                    .iter()
                    .map(|(key, written)| (format!("{prefix}{}", key.get_ref()), key.span().start, written));
                keys.extend(inner);
            }
            _ => keys.push((key.get_ref().to_string(), key.span().start, written)),
        }
    }
    keys
}

/// Reads the keys of one table.
fn read_table(section: Section, table: &DeTable<'_>, offset: usize, report: &mut Report<'_>) -> Raw {
    let mut raw = Raw { section, offset, found: BTreeMap::new(), failed: BTreeSet::new() };
    for (key, at, written) in keys(section, table) {
        let Some(setting) = section.setting(&key) else {
            let path = format!("{}.{key}", section.name());
            report.mistake(Place::Exact(at), path, unknown_key(section, &key));
            continue;
        };
        let reading = Value::read(&setting.kind, written);
        if let Some(value) = reading.value {
            raw.found.insert(setting.key, Found { value, offset: written.span().start });
        }
        for (offset, fault) in reading.faults {
            raw.failed.insert(setting.key);
            report.mistake(Place::Exact(offset), setting.path(), fault);
        }
    }
    for setting in section.settings() {
        let is_missing = !raw.found.contains_key(setting.key) && !raw.failed.contains(setting.key);
        if let (Silent::Required { example }, true) = (setting.silent, is_missing) {
            raw.failed.insert(setting.key);
            let right = format!("{}, such as {example}", setting.kind);
            report.absence(Place::Table(offset), setting.path(), Fault::new("is missing", right));
        }
    }
    raw
}

//------ What to say ---------------------------------------------------------

/// What to say about a section that is not in the table.
fn unknown_section(name: &str, content: &Spanned<DeValue<'_>>) -> Fault {
    let is_table = matches!(content.get_ref(), DeValue::Table(_) | DeValue::Array(_));
    if let (false, Some(setting)) = (is_table, settings().find(|setting| setting.key == name)) {
        return Fault::new("stands before any section", format!("it belongs to {}", setting.section.header()));
    }
    match nearest(name, Section::ALL.map(Section::name)).and_then(Section::named) {
        Some(section) => Fault::new("unknown section", format!("did you mean {}?", section.header())),
        None => {
            Fault::new("unknown section", format!("the sections are {}", Section::ALL.map(Section::header).join(" ")))
        }
    }
}

/// What to say about a key that is not in the table.
fn unknown_key(section: Section, key: &str) -> Fault {
    let prefix = format!("{key}.");
    if let Some(inner) = section.settings().find(|setting| setting.key.starts_with(&prefix)) {
        return Fault::new("is not a table", format!("{}, or {key} = {{ … }}", inner.key));
    }
    if let Some(key) = nearest(key, section.settings().map(|setting| setting.key)) {
        return Fault::new("unknown key", format!("did you mean {key}?"));
    }
    if let Some(setting) = settings().find(|setting| setting.key == key) {
        return Fault::new("unknown key", format!("it belongs to {}", setting.section.header()));
    }
    let keys: Vec<&str> = section.settings().map(|setting| setting.key).collect();
    Fault::new("unknown key", format!("the keys of {} are {}", section.header(), keys.join(", ")))
}

//------ Syntax --------------------------------------------------------------

/// What the parser says about a word that is no value; it goes on as if it were quoted.
const UNQUOTED: &str = "string values must be quoted";
/// What it says about the second of two equal keys.
const DUPLICATE: &str = "duplicate key";

/// Notes the syntax errors. Inside one broken list the parser finds an error a word; only the first is worth reading.
fn note_syntax(text: &str, table: &DeTable<'_>, errors: &[toml::de::Error], report: &mut Report<'_>) {
    let mut lists = Vec::new();
    for (_, content) in table {
        collect_lists(content, 2, &mut lists);
    }
    // None of them lies in another: what is inside a list is not looked at.
    lists.sort_by_key(|list| list.start);
    let mut errors: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    for (span, message) in errors {
        let before = lists.partition_point(|list| list.start <= span.start);
        let list = before.checked_sub(1).and_then(|last| lists.get(last)).filter(|list| span.start <= list.end);
        let range = match list {
            Some(list) => list.clone(),
            // The parser takes the next line for the rest of the name.
            None if message.starts_with("unclosed table") => span.start..line_end(text, span.end),
            None => span.clone(),
        };
        let is_about_a_value = message.starts_with(UNQUOTED) || message == DUPLICATE;
        report.syntax(span.start, &range, !is_about_a_value, syntax_fault(text, &span, message));
    }
}

/// The byte after the end of the line that holds `offset`.
fn line_end(text: &str, offset: usize) -> usize {
    text.get(offset..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| offset + end + 1)
}

/// The bytes of all lists of values, down to a depth; tables in lists are not lists of values.
fn collect_lists(content: &Spanned<DeValue<'_>>, depth: usize, lists: &mut Vec<Range<usize>>) {
    match content.get_ref() {
        DeValue::Table(table) if depth > 0 => {
            for (_, inner) in table {
                collect_lists(inner, depth - 1, lists);
            }
        }
        DeValue::Array(array) if array.iter().any(|element| element.get_ref().is_table()) => {
            for element in array.iter() {
                collect_lists(element, depth, lists);
            }
        }
        DeValue::Array(_) => lists.push(content.span()),
        _ => {}
    }
}

/// The parser's message in two halves, with the text itself where that helps.
fn syntax_fault(text: &str, span: &Range<usize>, message: &str) -> Fault {
    let found = text.get(span.clone()).unwrap_or_default();
    if message.starts_with(UNQUOTED) {
        return Fault::new(format!("{found} is neither a number, true, false nor a quoted text"), quote(found));
    }
    if message == DUPLICATE {
        return Fault::new(format!("{found} is written twice"), "keep one of them");
    }
    match message.split_once(", expected ") {
        Some((wrong, right)) => Fault::new(wrong, format!("expected {right}")),
        None => Fault::new(message, "see https://toml.io for what may be written"),
    }
}
