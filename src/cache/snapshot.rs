//! The answers in a file, so that a restart need not ask again, and during an outage loses nothing.
//!
//! ```text
//! magic 8 | version 2 | time of writing 8 | zones 2 | a digest of 32 bytes for each      (numbers in network order)
//! for each answer: zone 2 | bits 1 | extended error 2 | age 8 | lifetime 4 | length 2 | message
//! SHA-256 of all before 32
//! ```
//!
//! An answer stands there as the message of a server, and is read as one: [`Answer::read`] takes it apart again. So nothing is believed of
//! a file that would not be believed of a server, and kind, offsets of TTLs and what may be rotated need not be written. Nothing in
//! it is of this process: zones are known by a digest of what the configuration says of them, times are ages at the time of writing, and
//! keys get the hash of whoever reads. An answer of a zone that says something else now is left out.
//!
//! Times are in milliseconds, the time of writing since 1970. By a clock that was set back, no time has passed.
//!
//! Which answers, where not all fit? moka already keeps what is asked often. Of this, positive answers go before denials, which last
//! seconds, and then those that are good for longest, since what has expired by the next start has to be asked again anyway; answers that have
//! expired but may still be given come last. All that may be given goes in if there is room, as by default there is.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::time::Duration;

use aws_lc_rs::digest::{self, Context, SHA256};

use crate::config::{Upstream, Zone};
use crate::sys::clock::Moment;
use crate::wire::answer::{Answer, Kind};
use crate::wire::header::{HEADER, MAX_MESSAGE, class, flag};
use crate::wire::{name, u16_at};

use super::entry::Terms;
use super::key::EVERY_TYPE;
use super::ttl::Bounds;
use super::{Entry, Hashing, Key, Store, Variant};

/// What such a file begins with; the line end is spoilt by whatever spoils line ends.
const MAGIC: [u8; 8] = *b"nodens\r\n";

/// The form that is written, and the only one that is read. To be raised when the layout above changes.
const VERSION: u16 = 1;

/// Bytes in front of the zones.
const HEAD: usize = 20;

/// Bytes in front of an answer's message.
const ENTRY: usize = 19;

/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// Bytes that are written, and taken into the digest, at a time.
const BUFFER: usize = 64 << 10;

/// Bits of an answer: signatures are wanted.
const DNSSEC_OK: u8 = 1;
/// Unvalidated data are wanted.
const CHECKING_DISABLED: u8 = 2;
/// There is an extended error.
const EDE: u8 = 4;

/// What a zone says of kept answers.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// SHA-256 of the zone's name and what its answers are made by. Equal where answers may be taken over.
    pub digest: [u8; DIGEST],
    /// For how long answers are kept.
    pub bounds: Bounds,
    /// For how long after its expiry an answer may be given, in seconds.
    pub serve_stale: u32,
    /// Uses that make a positive answer worth a refresh before it expires; 0 is never.
    pub prefetch: u16,
}

impl Rules {
    /// Those of `zone`, whose servers are `upstream`.
    #[must_use]
    pub fn new(zone: &Zone, upstream: &Upstream) -> Self {
        // The text is another after a change of either type, which costs one cold start.
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(digest::digest(&SHA256, zone.answered(upstream).as_bytes()).as_ref());
        Self {
            digest,
            bounds: Bounds::of(zone),
            serve_stale: u32::try_from(zone.serve_stale.as_secs()).unwrap_or(u32::MAX),
            prefetch: zone.prefetch,
        }
    }

    /// The same, where `more` has a say in what answers are worth.
    #[must_use]
    pub fn judged_by(mut self, more: &str) -> Self {
        let mut whole = Context::new(&SHA256);
        whole.update(&self.digest);
        whole.update(more.as_bytes());
        self.digest.copy_from_slice(whole.finish().as_ref());
        self
    }

    /// Whether an answer may still be given, if only when there is no better one.
    fn admit(&self, entry: &Entry, now: Moment) -> bool {
        entry.is_fresh(now) || entry.is_stale(now, self.serve_stale)
    }
}

/// One time on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Of this process.
    pub moment: Moment,
    /// Of the world, since 1970.
    pub wall: Duration,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Answers in the file.
    pub entries: u64,
    /// Answers that it had no room for.
    pub left_out: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Restored {
    /// Answers that may be given, in the order of the file.
    pub entries: Vec<Entry>,
    /// Others: too old, or of zones or names that are not the same now.
    pub dropped: u64,
}

/// Why a file is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is something else.
    Foreign,
    /// Another version wrote it.
    Version(u16),
    /// It is cut off, or not as it was written.
    Damaged,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it is not a snapshot of the cache"),
            Self::Version(version) => write!(f, "it has the form {version}; this version knows {VERSION}"),
            Self::Damaged => f.write_str("it is damaged"),
        }
    }
}

impl std::error::Error for Unusable {}

//------ Writing -----------------------------------------------------------------------------------------------------

/// Writes the answers of `store` that may still be given; at most `limit` bytes. `rules` are those of all zones, by number.
///
/// # Errors
///
/// As `out`, and [`io::ErrorKind::FileTooLarge`] if not even the zones have room.
pub fn write(
    store: &Store,
    rules: &BTreeMap<u16, Rules>,
    now: Now,
    limit: u64,
    out: &mut impl Write,
) -> io::Result<Written> {
    let fixed = length(HEAD + rules.len() * DIGEST + DIGEST);
    let zones = u16::try_from(rules.len()).ok().filter(|_| fixed <= limit).ok_or(io::ErrorKind::FileTooLarge)?;
    let mut out = BufWriter::with_capacity(BUFFER, Sealed { out, digest: Context::new(&SHA256) });
    out.write_all(&MAGIC)?;
    out.write_all(&VERSION.to_be_bytes())?;
    out.write_all(&u64::try_from(now.wall.as_millis()).unwrap_or(u64::MAX).to_be_bytes())?;
    out.write_all(&zones.to_be_bytes())?;
    for zone in rules.values() {
        out.write_all(&zone.digest)?;
    }
    let places: BTreeMap<u16, u16> = rules.keys().copied().zip(0..).collect();
    let mut entries = store.select(|entry| {
        // Of what was withheld there is nothing left to judge anew.
        rules.get(&entry.zone()).is_some_and(|rules| rules.admit(entry, now.moment))
            && !entry.judgement().is_withheld
            && message_length(entry) <= MAX_MESSAGE
    });
    if fixed + entries.iter().map(size).sum::<u64>() > limit {
        entries.sort_unstable_by_key(|entry| (entry.is_denial(), Reverse(entry.expires())));
    }
    let mut written = Written { bytes: fixed, ..Written::default() };
    for entry in &entries {
        let place = places.get(&entry.zone()).filter(|_| written.bytes + size(entry) <= limit);
        if let Some(place) = place {
            write_entry(entry, *place, now.moment, store.hashing(), &mut out)?;
            written.entries += 1;
            written.bytes += size(entry);
        } else {
            written.left_out += 1;
        }
    }
    let Sealed { out, digest } = out.into_inner().map_err(IntoInnerError::into_error)?;
    out.write_all(digest.finish().as_ref())?;
    Ok(written)
}

/// Writes one answer.
fn write_entry(entry: &Entry, zone: u16, now: Moment, hashing: &Hashing, out: &mut impl Write) -> io::Result<()> {
    let (key, body) = (entry.key(hashing), entry.body(entry.inserted()));
    let bit = |is: bool, bit: u8| if is { bit } else { 0 };
    let bits = bit(key.variant().dnssec_ok(), DNSSEC_OK)
        | bit(key.variant().checking_disabled(), CHECKING_DISABLED)
        | bit(body.ede.is_some(), EDE);
    out.write_all(&zone.to_be_bytes())?;
    out.write_all(&[bits])?;
    out.write_all(&body.ede.unwrap_or(0).to_be_bytes())?;
    // Rounded up: an answer may become older by this, never younger.
    let age = u64::try_from(now.since(entry.inserted()).as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    out.write_all(&age.to_be_bytes())?;
    out.write_all(&entry.lifetime().to_be_bytes())?;
    out.write_all(&u16::try_from(message_length(entry)).unwrap_or(0).to_be_bytes())?;
    let flags = flag::QR | if body.authentic { flag::AD } else { 0 } | body.rcode & flag::RCODE;
    for word in [0, flags, 1].into_iter().chain(body.counts) {
        out.write_all(&word.to_be_bytes())?;
    }
    out.write_all(key.name())?;
    out.write_all(&key.qtype().to_be_bytes())?;
    out.write_all(&class::IN.to_be_bytes())?;
    out.write_all(body.records)
}

/// Bytes of an answer as a message.
fn message_length(entry: &Entry) -> usize {
    HEADER + entry.name().len() + 4 + entry.body(entry.inserted()).records.len()
}

/// Bytes of an answer in the file.
fn size(entry: &Entry) -> u64 {
    length(ENTRY + message_length(entry))
}

/// A length as files count.
fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Writes, and takes the digest of what was written.
struct Sealed<'a, W> {
    /// Where to.
    out: &'a mut W,
    /// So far.
    digest: Context,
}

impl<W: Write> Write for Sealed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

//------ Reading -----------------------------------------------------------------------------------------------------

/// Reads a file. `rules` are those of all zones, by number; `zone` tells whose a name is, `None` if it is the node's own. No allocation follows a
/// length that the file claims.
///
/// # Errors
///
/// [`Unusable`] if nothing in it can be used.
pub fn read(
    file: &[u8],
    rules: &BTreeMap<u16, Rules>,
    zone: impl Fn(&[u8]) -> Option<u16>,
    now: Now,
    hashing: &Hashing,
) -> Result<Restored, Unusable> {
    let mut start = file.strip_prefix(&MAGIC).ok_or(Unusable::Foreign)?;
    let version = u16::from_be_bytes(take(&mut start).ok_or(Unusable::Damaged)?);
    if version != VERSION {
        return Err(Unusable::Version(version));
    }
    let (rest, checksum) = start.split_last_chunk::<DIGEST>().ok_or(Unusable::Damaged)?;
    if digest::digest(&SHA256, &file[..file.len() - DIGEST]).as_ref() != checksum {
        return Err(Unusable::Damaged);
    }
    read_entries(rest, rules, zone, now, hashing).ok_or(Unusable::Damaged)
}

/// Reads what stands between the version and the checksum; `None` if something is cut off.
fn read_entries(
    mut rest: &[u8],
    rules: &BTreeMap<u16, Rules>,
    zone: impl Fn(&[u8]) -> Option<u16>,
    now: Now,
    hashing: &Hashing,
) -> Option<Restored> {
    let written = Duration::from_millis(u64::from_be_bytes(take(&mut rest)?));
    let passed = now.wall.saturating_sub(written);
    let zones = usize::from(u16::from_be_bytes(take(&mut rest)?));
    let (digests, mut rest) = rest.split_at_checked(zones * DIGEST)?;
    let (digests, _) = digests.as_chunks::<DIGEST>();
    let mut restored = Restored::default();
    let mut answer = Answer::default();
    while !rest.is_empty() {
        let kept = Kept::read(&mut rest)?;
        let digest = digests.get(usize::from(kept.zone))?;
        // The zone that the name belongs to now must be the one that the answer came from.
        let same = |name: &[u8]| {
            let number = zone(name)?;
            rules.get(&number).filter(|rules| rules.digest == *digest).map(|rules| (number, *rules))
        };
        match kept.restore(&mut answer, same, passed, now.moment, hashing) {
            Some(entry) => restored.entries.push(entry),
            None => restored.dropped += 1,
        }
    }
    Some(restored)
}

/// One answer as the file has it.
struct Kept<'a> {
    /// Position of its zone's digest.
    zone: u16,
    /// DO and CD.
    variant: Variant,
    /// The extended error.
    ede: Option<u16>,
    /// How old it was.
    age: Duration,
    /// How long it is good for in all, in seconds.
    lifetime: u32,
    /// The answer.
    message: &'a [u8],
}

impl<'a> Kept<'a> {
    /// Takes one off the front.
    fn read(rest: &mut &'a [u8]) -> Option<Self> {
        let zone = u16::from_be_bytes(take(rest)?);
        let [bits] = take(rest)?;
        let ede = u16::from_be_bytes(take(rest)?);
        let age = Duration::from_millis(u64::from_be_bytes(take(rest)?));
        let lifetime = u32::from_be_bytes(take(rest)?);
        let length = u16::from_be_bytes(take(rest)?);
        let (message, behind) = rest.split_at_checked(usize::from(length))?;
        *rest = behind;
        let variant = Variant::new(bits & DNSSEC_OK != 0, bits & CHECKING_DISABLED != 0);
        Some(Self { zone, variant, ede: (bits & EDE != 0).then_some(ede), age, lifetime, message })
    }

    /// Makes an entry of it again; `None` if it may not be given any more, or never might. `answer` lends its room.
    fn restore(
        &self,
        answer: &mut Answer,
        zone: impl Fn(&[u8]) -> Option<(u16, Rules)>,
        passed: Duration,
        now: Moment,
        hashing: &Hashing,
    ) -> Option<Entry> {
        let end = HEADER + name::plain_length(self.message, HEADER)?;
        let qtype = u16_at(self.message, end)?;
        let key = Key::new(&self.message[HEADER..end], qtype, self.variant, hashing);
        let (zone, rules) = zone(key.name())?;
        answer.read(self.message, &key.asked()).ok()?;
        let is_name_denied = answer.kind == Kind::NxDomain && answer.counts[0] == 0;
        if is_name_denied != (qtype == EVERY_TYPE) {
            return None;
        }
        answer.ede = self.ede;
        let lifetime = rules.bounds.apply(answer).min(self.lifetime);
        let terms = Terms {
            now: now.before(self.age.checked_add(passed)?)?,
            lifetime,
            zone,
            authentic: answer.authentic,
            popular_at: if answer.kind == Kind::Positive { rules.prefetch } else { 0 },
            ..Terms::default()
        };
        let entry = (lifetime > 0).then(|| Entry::new(&key, answer, terms, hashing))?;
        rules.admit(&entry, now).then_some(entry)
    }
}

/// Takes so many bytes off the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*bytes)
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
