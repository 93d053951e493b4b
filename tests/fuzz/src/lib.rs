//! What must hold of the daemon whatever bytes it is given, as plain functions that panic where it does not.
//!
//! Each module is a property and its naive model, written without a look at how the daemon does it: clear before fast. libFuzzer
//! finds the bytes, [`seeds`] has the first of them, and `regressions/` keeps those that once broke something.
//!
//! - [`name`] names: expansion against a naive reader; text and back.
//! - [`query`] a client's message against a naive reader and hickory-proto.
//! - [`answer`] an upstream's message: what comes out is well-formed, and read again it stays the same.
//! - [`reply`] any answer for any client: sizes, TC, what is left out.
//! - [`snapshot`] the file of the cache: what comes back may be given, and stays the same.
//! - [`tcp`] a stream cut anywhere, through the real connection.
//! - [`edns`] OPT records of both sides against a naive reader.
//! - [`hit`] a client's message through the pipeline: from the store, from the front, and as the writer writes it.
//! - [`local`] any question to the node's own names, through hickory-server.
//! - [`stream`] a server's stream cut anywhere, through the real connection.
//! - [`datagram`] a server's datagram: whether it is the answer.
//! - [`validate`] answers of a signed zone, spoilt, and files of trust anchors.
//! - [`filter`] records with addresses, before the filter against rebinding.
//! - [`files`] hosts, static records, names to block, nameservers.
//! - [`config`] any text; what is accepted prints and reads back.
//! - [`corefile`] any text as a Corefile; what is accepted becomes a configuration.
//! - [`seeds`] the first inputs of all of them.
//! - [`walker`] the strict reader of messages that all lean on.

pub mod answer;
pub mod config;
pub mod corefile;
pub mod datagram;
pub mod edns;
pub mod files;
pub mod filter;
pub mod hit;
pub mod local;
pub mod name;
pub mod query;
pub mod reply;
pub mod seeds;
pub mod snapshot;
pub mod stream;
pub mod tcp;
pub mod validate;
pub mod walker;

/// A property: it panics where it does not hold of the bytes.
pub type Property = fn(&[u8]);

/// Every target.
pub const ALL: [(&str, Property); 16] = [
    ("name", name::check),
    ("query", query::check),
    ("edns", edns::check),
    ("hit", hit::check),
    ("local", local::check),
    ("tcp", tcp::check),
    ("answer", answer::check),
    ("reply", reply::check),
    ("stream", stream::check),
    ("datagram", datagram::check),
    ("filter", filter::check),
    ("validate", validate::check),
    ("snapshot", snapshot::check),
    ("files", files::check),
    ("config", |data| text(data, config::check)),
    ("corefile", |data| text(data, corefile::check)),
];

/// Hands bytes on if they are text.
fn text(data: &[u8], check: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text);
    }
}

/// Takes small choices off the front of the fuzzer's bytes; zeros when they are used up.
#[derive(Debug)]
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next two bytes.
    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }
}
