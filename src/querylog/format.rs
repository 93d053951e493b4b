//! Lines, in CoreDNS's form and as JSON.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::metrics::{Protocol, Source, name_of_rcode};
use crate::wire::{class, flag, header, name, record, u16_at};

use super::record::Record;

/// A pod, as far as its node knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// What a line is made of.
pub(super) struct Line<'a> {
    /// What was noted.
    pub(super) record: &'a Record<'a>,
    /// What the client is called.
    pub(super) client: IpAddr,
    /// Its pod, if that may be known.
    pub(super) pod: Option<Pod>,
    /// The listen address.
    pub(super) server: &'a str,
    /// When the query came, since 1970.
    pub(super) time: Duration,
}

/// Where the question of a message stands: its name, its type, its class.
struct Question<'a> {
    /// The name; the root where there is none.
    name: &'a [u8],
    /// The type.
    qtype: u16,
    /// The class.
    qclass: u16,
}

impl<'a> Question<'a> {
    /// That of a message.
    fn of(message: &'a [u8]) -> Self {
        let length = name::plain_length(message, header::HEADER).unwrap_or(0);
        let end = header::HEADER + length;
        let field = |at| if length > 0 { u16_at(message, at).unwrap_or(0) } else { 0 };
        Self {
            name: message.get(header::HEADER..end).filter(|name| !name.is_empty()).unwrap_or(&[0]),
            qtype: field(end),
            qclass: field(end + 2),
        }
    }

    /// Writes the class.
    fn push_class(&self, out: &mut String) {
        let _ = match self.qclass {
            class::IN => out.write_str("IN"),
            class::CH => out.write_str("CH"),
            other => write!(out, "CLASS{other}"),
        };
    }

    /// Writes the name in presentation form and lower case. By far the most bytes need no thought.
    fn push_name(&self, out: &mut String) {
        let mut folded = [0; name::MAX_NAME];
        let length = self.name.len().min(folded.len());
        folded[..length].copy_from_slice(&self.name[..length]);
        folded[..length].make_ascii_lowercase();
        let start = out.len();
        let mut at = 0;
        while at < length && folded[at] != 0 {
            let next = at + 1 + usize::from(folded[at]);
            let label = folded.get(at + 1..next).unwrap_or_default();
            if !label.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')) {
                out.truncate(start);
                let _ = write!(out, "{}", name::display(&folded[..length]));
                return;
            }
            out.extend(label.iter().map(|byte| char::from(*byte)));
            out.push('.');
            at = next;
        }
        if out.len() == start {
            out.push('.');
        }
    }
}

/// The flags of a header, in the order and with the names of CoreDNS.
fn flags(message: &[u8]) -> impl Iterator<Item = &'static str> {
    let flags = header::flags(message);
    [
        (flag::QR, "qr"),
        (flag::AA, "aa"),
        (flag::TC, "tc"),
        (flag::RD, "rd"),
        (flag::RA, "ra"),
        (0x40, "z"),
        (flag::AD, "ad"),
        (flag::CD, "cd"),
    ]
    .into_iter()
    .filter(move |(bit, _)| flags & bit != 0)
    .map(|(_, name)| name)
}

/// Writes the name of a response code, or its number.
fn push_rcode(out: &mut String, number: u16) {
    match name_of_rcode(number) {
        "other" => {
            let _ = write!(out, "{number}");
        }
        name => out.push_str(name),
    }
}

/// As [`crate::metrics::Protocol`] is written.
pub(super) const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "udp",
        Protocol::Tcp => "tcp",
    }
}

impl Line<'_> {
    /// The line that CoreDNS's plugin log writes by default (`{combined}`, plugin/log/README.md).
    pub(super) fn coredns(&self, out: &mut String) {
        let Record { message, protocol: by, size, udp_size, dnssec_ok, answer_size, duration, .. } = *self.record;
        let question = Question::of(message);
        let udp_size = match (by, udp_size) {
            // What CoreDNS takes a client to be able to take.
            (Protocol::Tcp, _) => 65_535,
            (Protocol::Udp, Some(offered)) => offered.max(512),
            (Protocol::Udp, None) => 512,
        };
        let _ = match self.client {
            IpAddr::V4(client) => write!(out, "[INFO] {client}"),
            IpAddr::V6(client) => write!(out, "[INFO] [{client}]"),
        };
        let id = u16_at(message, 0).unwrap_or(0);
        let _ = write!(out, ":{} - {id} \"{} ", self.record.port, record::type_name(question.qtype));
        question.push_class(out);
        out.push(' ');
        question.push_name(out);
        let _ = write!(out, " {} {size} {dnssec_ok} {udp_size}\" ", protocol(by));
        push_rcode(out, self.record.rcode);
        for (position, name) in flags(message).enumerate() {
            out.push(if position == 0 { ' ' } else { ',' });
            out.push_str(name);
        }
        let _ = writeln!(out, " {answer_size} {}s", duration.as_secs_f64());
    }

    /// The line that CoreDNS's plugin errors writes: code, name and type, and what happened.
    pub(super) fn failure(&self, out: &mut String) {
        let question = Question::of(self.record.message);
        let _ = write!(out, "[ERROR] plugin/errors: {} ", self.record.rcode);
        question.push_name(out);
        let _ = writeln!(
            out,
            " {}: no server gave an answer within {}s",
            record::type_name(question.qtype),
            self.record.duration.as_secs_f64()
        );
    }

    /// An object of JSON; its keys are those of [`Object`].
    pub(super) fn json(&self, out: &mut String) {
        let record = self.record;
        let question = Question::of(record.message);
        let (mut name, mut qclass, mut rcode) = (String::new(), String::new(), String::new());
        question.push_name(&mut name);
        question.push_class(&mut qclass);
        push_rcode(&mut rcode, record.rcode);
        let pod = self.pod.as_ref();
        let object = Object {
            time: timestamp(self.time),
            client: self.client,
            port: record.port,
            namespace: pod.map(|pod| &*pod.namespace),
            pod: pod.map(|pod| &*pod.name),
            server: self.server,
            protocol: protocol(record.protocol),
            id: u16_at(record.message, 0).unwrap_or(0),
            name: &name,
            r#type: &record::type_name(question.qtype).to_string(),
            class: &qclass,
            size: record.size,
            r#do: record.dnssec_ok,
            udp_size: record.udp_size,
            rcode: &rcode,
            flags: flags(record.message).collect(),
            answers: u16_at(record.message, header::COUNTS[1]).unwrap_or(0),
            response_size: record.answer_size,
            duration_us: u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX),
            source: source(record.source),
            blocked: record.is_withheld,
        };
        out.push_str(&serde_json::to_string(&object).unwrap_or_default());
        out.push('\n');
    }
}

/// A line in JSON. Keys are only ever added.
#[derive(Serialize)]
struct Object<'a> {
    /// When the query came (RFC 3339, UTC, microseconds).
    time: String,
    /// Who asked: address, prefix or pseudonym, as `query-log.clients` says.
    client: IpAddr,
    /// From which port.
    port: u16,
    /// The client's namespace, if its pod is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    /// The client's pod, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<&'a str>,
    /// The listen address.
    server: &'a str,
    /// "udp" or "tcp".
    protocol: &'static str,
    /// The message's ID.
    id: u16,
    /// The name that was asked for, in lower case and presentation form (RFC 1035 section 5.1).
    name: &'a str,
    /// Its type, by name or as TYPE and a number (RFC 3597 section 5).
    r#type: &'a str,
    /// Its class.
    class: &'a str,
    /// Bytes of the query.
    size: u32,
    /// Whether DO was set.
    r#do: bool,
    /// The UDP size that the client offered; missing without EDNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    udp_size: Option<u16>,
    /// The response code.
    rcode: &'a str,
    /// The flags of the answer.
    flags: Vec<&'static str>,
    /// Records of the answer section.
    answers: u16,
    /// Bytes of the answer.
    response_size: u32,
    /// Microseconds from the query to the answer; 0 for what was answered at once.
    duration_us: u64,
    /// Who knew: "cache", "denial", "stale", "failure" (kept ones), "upstream", "local" or "policy".
    source: &'static str,
    /// Whether it was withheld by rebinding filter, block list or detection.
    blocked: bool,
}

/// Who knew, in a word.
const fn source(source: Source) -> &'static str {
    match source {
        Source::CacheSuccess => "cache",
        Source::CacheDenial => "denial",
        Source::Stale => "stale",
        Source::CacheFailure => "failure",
        Source::Forward => "upstream",
        Source::Local => "local",
        Source::Policy => "policy",
    }
}

/// A time since 1970 as RFC 3339 has it, in UTC with microseconds.
pub(super) fn timestamp(since: Duration) -> String {
    let (seconds, micros) = (since.as_secs(), since.subsec_micros());
    let [year, month, day] = date(seconds / 86_400);
    let of_day = seconds % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{micros:06}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Year, month and day of a day since 1970, in the calendar of today. Days are counted from a first of March, so that the leap day is the last
/// of its year; 400 years have 146,097 of them.
fn date(since: u64) -> [u64; 3] {
    let shifted = since + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    [era * 400 + year + next, month, day]
}
