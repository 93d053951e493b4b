//! How an event becomes one line: `time=... level=info msg="listening" service=metrics`, or the same as a JSON object.
//!
//! Whatever a value holds, it stays within its quotes and its line: control characters, quotes and everything Unicode does not
//! call printable (line separators and text direction among it) are escaped. Keys are ours, from the source.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The field that the text of an event is in.
const MESSAGE: &str = "message";

/// Turns events into lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// A JSON object rather than `key=value`.
    pub(super) json: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut fields = Fields { json: self.json, message: String::new(), others: String::new() };
        event.record(&mut fields);
        let target = event.metadata().target();
        if !target.starts_with(super::OWN_TARGET) {
            fields.text("target", target);
        }
        let Fields { message, others, .. } = fields;
        if target == super::DETECTIONS {
            return writeln!(writer, "{message}");
        }
        let level = level_name(*event.metadata().level());
        if self.json {
            writeln!(writer, r#"{{"time":"{time}","level":"{level}","msg":{}{others}}}"#, Quoted(&message, true))
        } else {
            // Always quoted, so that a search for msg="listening" finds it.
            writeln!(writer, "time={time} level={level} msg={}{others}", Quoted(&message, false))
        }
    }
}

/// A level as lines have it.
const fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG | Level::TRACE => "debug",
    }
}

//------ Fields ------------------------------------------------------------------------------------------------------

/// The fields of an event, written as they come; the message apart, since it goes first.
struct Fields {
    /// Whether it becomes JSON.
    json: bool,
    /// The event's text, not yet quoted.
    message: String,
    /// All other fields, each with what separates it from the one before.
    others: String,
}

impl Fields {
    /// Writes a value that needs no quotes in either form: a number or a truth value.
    fn bare(&mut self, key: &str, value: impl fmt::Display) {
        // Writing to a String cannot fail.
        let _ = if self.json {
            write!(self.others, ",{}:{value}", Quoted(key, true))
        } else {
            write!(self.others, " {key}={value}")
        };
    }

    /// Writes any other value.
    fn text(&mut self, key: &str, value: &str) {
        if self.json || !value.bytes().all(is_plain) || value.is_empty() {
            let quoted = Quoted(value, self.json).to_string();
            self.bare(key, quoted);
        } else {
            self.bare(key, value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        self.record_str(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            value.clone_into(&mut self.message);
        } else {
            self.text(field.name(), value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is not finite (RFC 8259 section 6).
        if value.is_finite() {
            self.bare(field.name(), value);
        } else {
            self.text(field.name(), &value.to_string());
        }
    }
}

/// Whether a byte may stand in a value without quotes.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=' | b'\'')
}

/// A text in quotes, escaped as JSON wants it if the second is true.
struct Quoted<'a>(&'a str, bool);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, json) = *self;
        f.write_char('"')?;
        for character in text.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\'' => f.write_char('\'')?,
                // The standard library's idea of printable; all others have an escape of more than one character.
                _ if character.escape_debug().len() == 1 => f.write_char(character)?,
                _ if json => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(f, "\\u{unit:04x}")?;
                    }
                }
                _ => write!(f, "{}", character.escape_unicode())?,
            }
        }
        f.write_char('"')
    }
}
