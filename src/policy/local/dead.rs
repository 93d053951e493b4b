//! Names that the operator declared not to exist: what search paths make of names outside the cluster, above all.
//!
//! There is no list of our own, since none could be right by itself. `api.example.com.svc.cluster.local` is dead only for as long as no
//! namespace is called "com", and `api.example.com.default.svc.cluster.local` as no service is: both are legal names, and only
//! the cluster knows. Where the operator does not say, `zone.nxdomain-cut` finds it out from the cluster's own denials.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::wire::denial::write_soa;
use crate::wire::{flag, name, put_u16, rcode};

/// Seconds that a denial may be kept. A guess: what does not exist by declaration changes with the configuration alone.
pub(super) const TTL: u32 = 300;

/// The label that stands for any.
const STAR: &[u8] = b"\x01*";

/// The suffixes, by how they look: plain ones of the same number of labels are found by one hash, and so are those that have the star
/// in the same place.
#[derive(Debug, Default)]
pub(super) struct DeadSuffixes {
    /// All of them in wire format, lower-case.
    patterns: HashSet<Box<[u8]>, RandomState>,
    /// How they look, each once, those of most labels first.
    shapes: Vec<Shape>,
}

/// How a suffix looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    /// Its labels, the root not counted.
    labels: usize,
    /// The label that is a star, from 0.
    star: Option<usize>,
}

impl DeadSuffixes {
    /// A table of suffixes in the form of [`crate::config::Local::dead_suffixes`].
    pub(super) fn new(suffixes: &[String]) -> Self {
        let mut table = Self::default();
        for suffix in suffixes {
            let Some(wire) = name::parse(suffix) else { continue };
            let star = suffix.split('.').position(|label| label == "*");
            table.shapes.push(Shape { labels: name::suffixes(&wire).count() - 1, star });
            table.patterns.insert(wire.into_boxed_slice());
        }
        table.shapes.sort_unstable_by(|one, other| other.cmp(one));
        table.shapes.dedup();
        table
    }

    /// The longest suffix of `name`, in wire format and lower-case, that is dead: a hash for each shape that there is.
    pub(super) fn find<'a>(&self, name: &'a [u8]) -> Option<&'a [u8]> {
        if self.shapes.is_empty() {
            return None;
        }
        let labels = name::suffixes(name).count().saturating_sub(1);
        self.shapes.iter().find_map(|shape| {
            let suffix = name.get(name::suffixes(name).nth(labels.checked_sub(shape.labels)?)?..)?;
            let is_dead = match shape.star {
                None => self.patterns.contains(suffix),
                Some(star) => {
                    let mut ends = name::suffixes(suffix).skip(star);
                    let (from, to) = (ends.next()?, ends.next()?);
                    self.patterns.contains([suffix.get(..from)?, STAR, suffix.get(to..)?].concat().as_slice())
                }
            };
            is_dead.then_some(suffix)
        })
    }
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
