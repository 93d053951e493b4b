//! One option's value: from TOML, checked against its [`Kind`], and back to TOML.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;

use super::Exemption;
use super::address::{
    RawServer, parse_address, parse_domain, parse_exemption, parse_pin, parse_prefix, parse_query_type, parse_server,
    parse_suffix, parse_top, parse_type, print_pin, print_type,
};
use super::mistake::Fault;
use super::options::Kind;
use super::units::{parse_duration, parse_size, print_duration, print_size};

/// A checked value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// [`Kind::Switch`]
    Switch(bool),
    /// [`Kind::Integer`]
    Integer(u64),
    /// [`Kind::Duration`] and [`Kind::Ttl`]
    Duration(Duration),
    /// [`Kind::Size`]
    Size(u64),
    /// [`Kind::Text`], [`Kind::Label`], [`Kind::Choice`], [`Kind::Path`] and [`Kind::Domain`]
    Text(String),
    /// [`Kind::Addresses`], [`Kind::Destinations`] and [`Kind::Endpoints`]
    Addresses(Vec<At<SocketAddr>>),
    /// [`Kind::Prefixes`]
    Prefixes(Vec<At<IpNet>>),
    /// [`Kind::Lines`], [`Kind::Suffixes`], [`Kind::Domains`] and [`Kind::Choices`]
    Lines(Vec<At<String>>),
    /// [`Kind::Servers`]
    Servers(Vec<At<RawServer>>),
    /// [`Kind::Pins`]
    Pins(Vec<At<[u8; 32]>>),
    /// [`Kind::Types`] and [`Kind::QueryTypes`]
    Types(Vec<At<u16>>),
    /// [`Kind::Exemptions`]
    Exemptions(Vec<At<Exemption>>),
}

/// An element of a list and the byte at which it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At<T> {
    /// The element.
    pub(super) value: T,
    /// Where it is, in bytes from the beginning of the file.
    pub(super) offset: usize,
}

impl<T> At<T> {
    /// An element that is in no file.
    pub(super) const fn nowhere(value: T) -> Self {
        Self { value, offset: 0 }
    }
}

/// What was read and what is wrong. A list with faults keeps its other elements, so that these are checked as well.
#[derive(Debug)]
pub(super) struct Reading {
    /// What could be read.
    pub(super) value: Option<Value>,
    /// What is wrong, and the byte it is at; empty if all of it could be read.
    pub(super) faults: Vec<(usize, Fault)>,
}

//------ From TOML -----------------------------------------------------------

impl Value {
    /// Reads what is written for an option of this kind; all faults of a list at once.
    pub(super) fn read(kind: &Kind, written: &Spanned<DeValue<'_>>) -> Reading {
        match kind {
            Kind::Addresses { port } => {
                let parse =
                    |text: &str| parse_address(text, Some(*port)).and_then(|address| refuse_multicast(text, address));
                filled(elements(kind, written, parse, Self::Addresses), kind, written)
            }
            Kind::Destinations { port } => {
                elements(kind, written, |text| parse_address(text, Some(*port)), Self::Addresses)
            }
            Kind::Endpoints => match written.get_ref() {
                DeValue::Array(_) => elements(kind, written, parse_endpoint, Self::Addresses),
                _ => Self::read_endpoint(kind, written),
            },
            Kind::Servers => filled(elements(kind, written, parse_server, Self::Servers), kind, written),
            Kind::Prefixes => elements(kind, written, parse_prefix, Self::Prefixes),
            Kind::Pins => elements(kind, written, parse_pin, Self::Pins),
            Kind::Lines => elements(kind, written, parse_line, Self::Lines),
            Kind::Types => elements(kind, written, parse_type, Self::Types),
            Kind::QueryTypes => filled(elements(kind, written, parse_query_type, Self::Types), kind, written),
            Kind::Suffixes => elements(kind, written, parse_suffix, Self::Lines),
            Kind::Domains => elements(kind, written, parse_top, Self::Lines),
            Kind::Exemptions => elements(kind, written, parse_exemption, Self::Exemptions),
            Kind::Choices(words) => elements(kind, written, |text| parse_choice(text, words, kind), Self::Lines),
            _ => match Self::read_single(kind, written.get_ref()) {
                Ok(value) => Reading { value: Some(value), faults: Vec::new() },
                Err(fault) => Reading::fault(written, fault),
            },
        }
    }

    /// Reads one address of our own, or none.
    fn read_endpoint(kind: &Kind, written: &Spanned<DeValue<'_>>) -> Reading {
        let offset = written.span().start;
        let read = match written.get_ref() {
            DeValue::String(text) if text.is_empty() => Ok(Vec::new()),
            DeValue::String(text) => parse_endpoint(text).map(|value| vec![At { value, offset }]),
            other => Err(mismatch(kind, other)),
        };
        match read {
            Ok(list) => Reading { value: Some(Self::Addresses(list)), faults: Vec::new() },
            Err(fault) => Reading::fault(written, fault),
        }
    }

    /// Reads a value that is not a list.
    fn read_single(kind: &Kind, written: &DeValue<'_>) -> Result<Self, Fault> {
        match (kind, written) {
            (Kind::Switch, DeValue::Boolean(switch)) => Ok(Self::Switch(*switch)),
            (Kind::Integer { minimum, maximum, .. }, DeValue::Integer(number)) => {
                let signed = i128::from_str_radix(number.as_str(), number.radix()).ok();
                let number_in_range = signed.and_then(|number| u64::try_from(number).ok());
                within(number_in_range, minimum, maximum, kind, &number.to_string()).map(Self::Integer)
            }
            (Kind::Duration { minimum, maximum } | Kind::Ttl { minimum, maximum }, DeValue::String(text)) => {
                let duration = within(Some(parse_duration(text)?), minimum, maximum, kind, &format!("{text:?}"))?;
                if matches!(kind, Kind::Ttl { .. }) && duration.subsec_millis() != 0 {
                    return Err(Fault::new(format!("{text:?} is not in whole seconds"), kind.to_string()));
                }
                Ok(Self::Duration(duration))
            }
            (Kind::Duration { .. } | Kind::Ttl { .. }, DeValue::Integer(number)) => {
                Err(Fault::new(format!("{number} has no unit"), format!("\"{number}s\"")))
            }
            (Kind::Size { minimum, maximum }, DeValue::String(text)) => {
                within(Some(parse_size(text)?), minimum, maximum, kind, &format!("{text:?}")).map(Self::Size)
            }
            (Kind::Size { .. }, DeValue::Integer(number)) => Err(Fault::new(
                format!("{number} has no unit"),
                format!("\"{number}B\", or a number with KiB, MiB or GiB"),
            )),
            (Kind::Text { maximum }, DeValue::String(text)) => {
                if text.len() > *maximum {
                    return Err(Fault::new(format!("the text has {} bytes", text.len()), kind.to_string()));
                }
                Ok(Self::Text(text.to_string()))
            }
            (Kind::Label, DeValue::String(text)) => parse_label(text, kind).map(Self::Text),
            (Kind::Choice(words), DeValue::String(text)) => parse_choice(text, words, kind).map(Self::Text),
            (Kind::Path, DeValue::String(text)) => {
                if text.is_empty() || text.contains('\0') {
                    return Err(Fault::new(format!("{text:?} is not a path"), kind.to_string()));
                }
                Ok(Self::Text(text.to_string()))
            }
            (Kind::Domain, DeValue::String(text)) => parse_domain(text).map(Self::Text),
            _ => Err(mismatch(kind, written)),
        }
    }
}

/// The value, if it is inside its bounds. Nothing is ever clamped: an operator must not believe in a number that does not act.
fn within<T: PartialOrd>(value: Option<T>, minimum: &T, maximum: &T, kind: &Kind, text: &str) -> Result<T, Fault> {
    value
        .filter(|value| value >= minimum && value <= maximum)
        .ok_or_else(|| Fault::new(format!("{text} is out of range"), kind.to_string()))
}

/// What to say about a value of the wrong type.
fn mismatch(kind: &Kind, written: &DeValue<'_>) -> Fault {
    let found = match written {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Fault::new(format!("{found} is written"), kind.to_string())
}

impl Reading {
    /// Nothing that could be read.
    fn fault(written: &Spanned<DeValue<'_>>, fault: Fault) -> Self {
        Self { value: None, faults: vec![(written.span().start, fault)] }
    }
}

/// Reads each element of a list of texts.
fn elements<T>(
    kind: &Kind,
    written: &Spanned<DeValue<'_>>,
    parse: impl Fn(&str) -> Result<T, Fault>,
    wrap: impl Fn(Vec<At<T>>) -> Value,
) -> Reading {
    let DeValue::Array(array) = written.get_ref() else {
        return Reading::fault(written, mismatch(kind, written.get_ref()));
    };
    if array.len() > Kind::LONGEST_LIST {
        let wrong = format!("the list has {} elements", array.len());
        return Reading::fault(written, Fault::new(wrong, format!("at most {}", Kind::LONGEST_LIST)));
    }
    let (mut list, mut faults) = (Vec::with_capacity(array.len()), Vec::new());
    for element in array.iter() {
        let offset = element.span().start;
        let parsed = match element.get_ref() {
            DeValue::String(text) => parse(text),
            other => Err(mismatch(kind, other)),
        };
        match parsed {
            Ok(value) => list.push(At { value, offset }),
            Err(fault) => faults.push((offset, fault)),
        }
    }
    Reading { value: Some(wrap(list)), faults }
}

/// The reading, unless the list is empty.
fn filled(reading: Reading, kind: &Kind, written: &Spanned<DeValue<'_>>) -> Reading {
    if matches!(written.get_ref(), DeValue::Array(array) if array.is_empty()) {
        return Reading::fault(written, Fault::new("the list is empty", format!("{kind}, at least one")));
    }
    reading
}

/// The address, unless it is one of many hosts.
fn refuse_multicast(text: &str, address: SocketAddr) -> Result<SocketAddr, Fault> {
    if address.ip().is_multicast() {
        return Err(Fault::new(format!("{text:?} is a multicast address"), "an address of this host"));
    }
    Ok(address)
}

/// Reads an address of this host with its port.
fn parse_endpoint(text: &str) -> Result<SocketAddr, Fault> {
    parse_address(text, None).and_then(|address| refuse_multicast(text, address))
}

/// Reads a name that one section gives and another refers to.
fn parse_label(text: &str, kind: &Kind) -> Result<String, Fault> {
    let fits = (1..=63).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(format!("{text:?} is not a name"), kind.to_string()))
}

/// Reads one of the words.
fn parse_choice(text: &str, words: &[&str], kind: &Kind) -> Result<String, Fault> {
    if words.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(format!("{text:?} is not one of the words"), kind.to_string()))
}

/// Reads a line of text; what it means is for others to say.
fn parse_line(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() || text.contains(['\n', '\r', '\0']) {
        return Err(Fault::new(format!("{text:?} is not a line"), "one line of text"));
    }
    Ok(text.to_owned())
}

//------ To TOML -------------------------------------------------------------

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(switch) => write!(f, "{switch}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Duration(duration) => write!(f, "\"{}\"", print_duration(*duration)),
            Self::Size(bytes) => write!(f, "\"{}\"", print_size(*bytes)),
            Self::Text(text) => f.write_str(&quote(text)),
            Self::Addresses(list) => write_list(f, list, |address| format!("\"{address}\"")),
            Self::Prefixes(list) => write_list(f, list, |prefix| format!("\"{prefix}\"")),
            Self::Lines(list) => write_list(f, list, |line| quote(line)),
            Self::Servers(list) => write_list(f, list, |server| format!("\"{server}\"")),
            Self::Pins(list) => write_list(f, list, |pin| format!("\"{}\"", print_pin(pin))),
            Self::Types(list) => write_list(f, list, |number| format!("\"{}\"", print_type(*number))),
            Self::Exemptions(list) => write_list(f, list, |exemption| format!("\"{exemption}\"")),
        }
    }
}

/// Writes a list in brackets.
fn write_list<T>(f: &mut fmt::Formatter<'_>, list: &[At<T>], print: impl Fn(&T) -> String) -> fmt::Result {
    let elements: Vec<String> = list.iter().map(|element| print(&element.value)).collect();
    write!(f, "[{}]", elements.join(", "))
}

/// A text as a TOML basic string.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

//------ To the types of the configuration -----------------------------------

/// A type that a value of some kind becomes.
pub(super) trait FromValue: Sized {
    /// The value, if it is of that kind.
    fn from_value(value: Value) -> Option<Self>;
}

/// Implements [`FromValue`] for the type inside a variant.
macro_rules! from_value {
    ($($type:ty = $variant:ident),+ $(,)?) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$variant(inner) => Some(inner),
                    _ => None,
                }
            }
        }
    )+};
}

from_value! {
    bool = Switch,
    Duration = Duration,
    String = Text,
    Vec<At<SocketAddr>> = Addresses,
    Vec<At<IpNet>> = Prefixes,
    Vec<At<String>> = Lines,
    Vec<At<RawServer>> = Servers,
    Vec<At<[u8; 32]>> = Pins,
    Vec<At<u16>> = Types,
    Vec<At<Exemption>> = Exemptions,
}

/// Implements [`FromValue`] for numbers; those narrower than the table's bounds do not fit and are a mistake in the table.
macro_rules! number_from_value {
    ($($type:ty),+) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Integer(number) | Value::Size(number) => Self::try_from(number).ok(),
                    _ => None,
                }
            }
        }
    )+};
}

number_from_value!(u16, u32, u64, usize);
