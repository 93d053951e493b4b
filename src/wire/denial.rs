//! The record that makes a negative answer of our own whole: an SOA, without which nobody may keep it (RFC 2308 section 5).

use super::header::{class, rtype};

/// Appends the SOA record that an answer under `zone`, uncompressed, needs to be kept for `ttl` seconds, with the values of RFC 6303
/// section 3: the zone is its own server, and nobody is to be written to about it.
pub fn write_soa(message: &mut Vec<u8>, zone: &[u8], ttl: u32) {
    /// Who is responsible, by RFC 6303.
    const NOBODY: &[u8] = b"\x06nobody\x07invalid\x00";
    let length = u16::try_from(zone.len() + NOBODY.len() + 20).unwrap_or(0);
    message.extend_from_slice(zone);
    for field in [rtype::SOA, class::IN] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    message.extend_from_slice(&ttl.to_be_bytes());
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(zone);
    message.extend_from_slice(NOBODY);
    // Serial, refresh, retry, expire: no secondary reads them. Minimum.
    for field in [1, 3_600, 1_200, 604_800, ttl] {
        message.extend_from_slice(&field.to_be_bytes());
    }
}
