//! DNS messages as bytes. No I/O, no clock, and no allocation on the way of a hit.
//!
//! The daemon's own parser for what passes through it: a hit is found and answered on wire bytes, and an upstream's answer is
//! checked, put in order and compressed again without its RDATA ever being understood where nothing asks for it. One malformed or
//! unknown record therefore does not lose the message (RFC 3597). What needs real understanding (zone data, DNSSEC) is left to
//! hickory-proto, which also serves as the model this parser is fuzzed against.
//!
//! - [`header`] the twelve bytes, flags and codes (RFC 1035 section 4.1.1).
//! - [`name`] domain names: lengths, letter case, compression, presentation form (RFC 1035 section 4.1.4, RFC 4343).
//! - [`query`] what a client asks (RFC 1035 section 4.1.2, RFC 6891).
//! - [`record`] walking the records of a message; where names hide in RDATA (RFC 3597 section 4).
//! - [`answer`] an upstream's message, checked and reduced to what answers the question (RFC 2181, 2308).
//! - [`body`] what stands behind the question in an answer, on its way to a client.
//! - [`denial`] the record that makes a negative answer of our own whole (RFC 2308).
//! - [`message`] queries to upstreams, as we write them (RFC 7830, 8467, 7828).
//! - [`rename`] the same message with other names.
//! - [`suffixes`] a table of suffixes.

pub mod answer;
pub mod body;
pub mod denial;
pub mod header;
pub mod message;
pub mod name;
pub mod query;
pub mod record;
pub mod rename;
pub mod suffixes;

pub use header::{class, flag, opcode, rcode, rtype};

/// The two bytes at `at` in network order; `None` past the end.
#[must_use]
#[inline]
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

/// The four bytes at `at` in network order; `None` past the end.
#[must_use]
#[inline]
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

/// Writes two bytes at `at` in network order. The caller has made the room; nothing is written past the end.
#[inline]
pub fn put_u16(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(room) = bytes.get_mut(at..at + 2) {
        room.copy_from_slice(&value.to_be_bytes());
    }
}

/// Writes four bytes at `at` in network order. The caller has made the room; nothing is written past the end.
#[inline]
pub fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(room) = bytes.get_mut(at..at + 4) {
        room.copy_from_slice(&value.to_be_bytes());
    }
}
