//! Names that the operator declared not to exist: what search paths make of names outside the cluster, above all.
//!
//! There is no list of our own, since none could be right by itself. `api.example.com.svc.cluster.local` is dead only for as long as no
//! namespace is called "com", and `api.example.com.default.svc.cluster.local` as no service is: both are legal names, and only
//! the cluster knows. Where the operator does not say, `zone.nxdomain-cut` finds it out from the cluster's own denials.

use crate::wire::denial::write_soa;
use crate::wire::suffixes::Suffixes;
use crate::wire::{flag, name, put_u16, rcode};

/// Seconds that a denial may be kept. A guess: what does not exist by declaration changes with the configuration alone.
pub(super) const TTL: u32 = 300;

/// A table of suffixes in the form of [`crate::config::Local::dead_suffixes`].
pub(super) fn table(suffixes: &[String]) -> Suffixes<()> {
    let mut table = Suffixes::default();
    for suffix in suffixes {
        table.insert(suffix, ());
    }
    table
}

/// Turns a query without EDNS into the denial of its name, of which `suffix` is the part that is dead, good for `ttl` seconds.
///
/// The SOA is that of the name above, which could be a zone; a dead name cannot.
pub(super) fn answer(mut query: Vec<u8>, suffix: &[u8], ttl: u32) -> Vec<u8> {
    /// Offset of NSCOUNT.
    const AUTHORITIES: usize = 8;
    let above = name::suffixes(suffix).nth(1).and_then(|at| suffix.get(at..)).unwrap_or(&[0]);
    put_u16(&mut query, 2, flag::QR | flag::AA | rcode::NXDOMAIN);
    put_u16(&mut query, AUTHORITIES, 1);
    write_soa(&mut query, above, ttl);
    query
}
