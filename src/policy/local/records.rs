//! Reads the static records, one zone-file line each (RFC 1035 section 5.1): name, TTL, perhaps the class IN, type, data.
//!
//! hickory's zone parser reads them, so that every type it knows is known here. It can do more than a line of a configuration
//! should: directives, several records, names relative to an origin. Those are refused or have only one meaning here.

use hickory_proto::ProtoError;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::BinEncodable;
use hickory_proto::serialize::txt::{ParseError, Parser};

use super::own::{Conflict, OwnNames};
use crate::error::Failure;

/// The form that every error ends with.
const FORM: &str = "write \"name TTL TYPE data\", as in \"db.example. 300 A 192.0.2.1\"";

/// Adds the records of `local.records`.
///
/// # Errors
///
/// When any is wrong; all wrong ones are in the failure, each with its number, its text and the reason.
pub(super) fn parse(lines: &[String], own: &mut OwnNames) -> Result<(), Failure> {
    let mut mistakes = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let added = record(line).and_then(|record| own.add(record).map_err(Mistake::Conflict));
        if let Err(mistake) = added {
            mistakes.push(format!("local.records, line {}: {line:?}: {mistake}", index + 1));
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(Failure::of_mistakes(&mistakes)) }
}

/// Reads one line for somebody else.
///
/// # Errors
///
/// What is wrong with it.
pub(in crate::policy) fn read(line: &str) -> Result<Record, String> {
    record(line).map_err(|mistake| mistake.to_string())
}

/// What is wrong with a line.
#[derive(Debug)]
enum Mistake {
    /// The parser does not understand it.
    Syntax(ParseError),
    /// It is not one record: a directive, several lines, or nothing.
    NotOneRecord,
    /// It is not of class IN.
    Class(DNSClass),
    /// A record here is for one name.
    Wildcard,
    /// A type that exists only in hickory.
    Type(RecordType),
    /// It is a text without any (RFC 1035 section 3.3.14: "one or more" strings), which no client can read.
    NoText,
    /// It cannot be written as a message: a text of more than 255 bytes, for instance.
    Encoding(ProtoError),
    /// It cannot stand beside the others.
    Conflict(Conflict),
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "{error}; {FORM}"),
            Self::NotOneRecord => write!(f, "not one record; {FORM}"),
            Self::Class(class) => write!(f, "class {class}, but only IN is answered; {FORM}"),
            Self::Wildcard => {
                f.write_str("a wildcard; write a line for each name, or send the zone to an upstream of its own")
            }
            Self::Type(record_type) => write!(f, "type {record_type} is not known in DNS; {FORM}"),
            Self::NoText => f.write_str("no text; an empty one is written \"\""),
            Self::Encoding(error) => write!(f, "{error}"),
            Self::Conflict(conflict) => write!(f, "{conflict}"),
        }
    }
}

/// Reads one line.
fn record(line: &str) -> Result<Record, Mistake> {
    let line = line.trim();
    // "$INCLUDE" would read another file, "@" and a line break have no meaning in a list of single records.
    if line.is_empty()
        || line.starts_with(['$', '@', ';'])
        || line.contains(|char: char| char.is_control() && char != '\t')
    {
        return Err(Mistake::NotOneRecord);
    }
    // Names are absolute with and without the last dot: there is no zone they could be relative to.
    let (_, sets) = Parser::new(line, None, Some(Name::root())).parse().map_err(Mistake::Syntax)?;
    let mut records = sets.into_values().flat_map(|set| set.into_parts().records);
    let (Some(mut record), None) = (records.next(), records.next()) else { return Err(Mistake::NotOneRecord) };
    record.name.set_fqdn(true);
    match (record.dns_class, record.record_type()) {
        (DNSClass::IN, RecordType::ANAME) => Err(Mistake::Type(RecordType::ANAME)),
        (DNSClass::IN, _) if record.name.is_wildcard() => Err(Mistake::Wildcard),
        (DNSClass::IN, _) if matches!(&record.data, RData::TXT(text) if text.txt_data.is_empty()) => {
            Err(Mistake::NoText)
        }
        (DNSClass::IN, _) => record.to_bytes().map_err(Mistake::Encoding).map(|_| record),
        (class, _) => Err(Mistake::Class(class)),
    }
}
