//! What is known of one client's questions below one registered domain.
//!
//! A name that was never seen before carries information; one that was seen carries none, however often it is asked. What hosts are called by
//! is short, is mostly asked for A and AAAA at once, and has answers that are good for a while. A fresh encoded name is *odd* if it has
//! something that hosts do not have: a type that carries data, more than 64 characters of data, bytes that host names lack, or no
//! answer worth keeping. Rules go by odd names where they can, since 40 hosts called by hashes are no tunnel.

use crate::wire::{rcode, rtype};

use super::charset::{Charset, Shape};
use super::observation::Observation;
use super::window::{Count, Fading, MINUTE, QUARTER, Sum, Window};

/// Characters of data above which a name is too long for a host: a hash of 256 bits has 64.
const LONG: u8 = 65;

/// Characters of data from which on a name without an answer worth keeping is odd: container identifiers have 12, the short form of a hash 16.
const ODD: u8 = 17;

/// Seconds up to which an answer is not worth keeping.
const BRIEF: u32 = 5;

/// Anything at all (RFC 1035 section 3.3.10).
const NULL: u16 = 10;
/// Types of private use (RFC 6895 section 3.1); iodine's PRIVATE is one.
const PRIVATE: std::ops::RangeInclusive<u16> = 65_280..=65_534;
/// Key of a zone.
const DNSKEY: u16 = 48;
/// Who may certify.
const CAA: u16 = 257;

/// Names of which it is remembered that they were asked a moment ago.
const RECENT: usize = 4;

/// Part of the difference by which averages follow, as a divisor.
const FOLLOW: f32 = 12.0;

/// What a name's type is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Addresses.
    Address,
    /// Text, aliases and whatever has room for data.
    Payload,
    /// NULL, and types of private use: nothing else asks for them.
    Null,
    /// Pointers, zones, keys.
    Other,
}

impl Use {
    /// That of a type.
    fn of(qtype: u16) -> Self {
        match qtype {
            rtype::A | rtype::AAAA | rtype::HTTPS | rtype::SVCB => Self::Address,
            rtype::PTR | rtype::NS | rtype::SOA | rtype::DS | rtype::RRSIG | rtype::ANY | DNSKEY | CAA => Self::Other,
            NULL => Self::Null,
            private if PRIVATE.contains(&private) => Self::Null,
            _ => Self::Payload,
        }
    }
}

/// Signs that a known program left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The handshake of iodine.
    Iodine,
    /// The prefix of dnscat2.
    Dnscat,
    /// The resources of dns2tcp.
    Dns2tcp,
    /// The first question of `DNSExfiltrator`.
    Exfiltrator,
}

impl Sign {
    /// What it is of.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Iodine => "the handshake of iodine",
            Self::Dnscat => "the prefix of dnscat2",
            Self::Dns2tcp => "a resource of dns2tcp",
            Self::Exfiltrator => "the first question of DNSExfiltrator",
        }
    }

    /// The sign in labels below a domain, in wire format and folded.
    fn find(labels: &[u8], shape: &Shape, qtype: u16) -> Option<Self> {
        let (&length, behind) = labels.split_first()?;
        let (first, rest) = behind.split_at_checked(usize::from(length))?;
        if first.starts_with(b"vaaaak") && shape.encoded >= 8 || contains(labels, b"aabbccddeeffgghhiijjkkllmm") {
            Some(Self::Iodine)
        } else if first == b"dnscat" && shape.encoded >= 8 {
            Some(Self::Dnscat)
        } else if contains(labels, b"\x05=auth") || contains(labels, b"\x08=connect") {
            Some(Self::Dns2tcp)
        } else if first == b"init"
            && qtype == rtype::TXT
            && (contains(rest, b"\x06base64") || contains(rest, b"\x06base32"))
        {
            Some(Self::Exfiltrator)
        } else {
            None
        }
    }
}

/// Whether bytes hold others.
fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What was told of something that goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// When it was logged last, in seconds; 0 is never.
    pub(super) logged: u32,
    /// When it was shown anew last.
    pub(super) shown: u32,
    /// How often it was found.
    pub(super) found: u32,
    /// How often it was logged.
    times: u8,
    /// The score that was told last.
    pub(super) score: u8,
}

/// What is to be told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// Nothing: it was told a moment ago.
    Silent,
    /// What is shown of it is put right.
    Again,
    /// It is new, or has gone on for long.
    Aloud,
}

/// Seconds after which what is shown of something that goes on is put right.
const SHOW_AGAIN: u32 = 10;

/// How often the time doubles in which something that goes on is not logged again.
const MOST_DOUBLINGS: u8 = 7;

/// The longest such time in seconds, where the operator's own is not longer.
const LONGEST_REST: u32 = 86_400;

impl Told {
    /// Notes that it was found again, with this score; what is to be told.
    pub(super) fn find(&mut self, score: u8, hold: u32, now: u32) -> Telling {
        self.found = self.found.saturating_add(1);
        // What goes on for days is no news each time.
        let rest = hold << self.times.saturating_sub(1).min(MOST_DOUBLINGS);
        let is_due = self.logged == 0 || now.saturating_sub(self.logged) >= rest.min(LONGEST_REST.max(hold));
        let is_other = score >= self.score.saturating_add(8) || now.saturating_sub(self.shown) >= SHOW_AGAIN;
        if !is_due && !is_other {
            return Telling::Silent;
        }
        (self.shown, self.score) = (now, score);
        if is_due {
            self.logged = now;
            self.times = self.times.saturating_add(1);
            Telling::Aloud
        } else {
            Telling::Again
        }
    }
}

/// One client and one domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair {
    /// Hash of both; 0 is nobody.
    pub(super) tag: u64,
    /// The client's hash, cut short.
    pub(super) client: u32,
    /// When it was seen first and last, in seconds.
    pub(super) first: u32,
    /// Last.
    pub(super) last: u32,
    /// Answers that needed no server, as far as samples tell.
    pub(super) hits: u32,
    /// A minute.
    pub(super) minute: Window<MINUTE>,
    /// A quarter of an hour.
    pub(super) quarter: Window<QUARTER>,
    /// Half a day and what is left of the days before.
    pub(super) day: Fading,
    /// Names asked a moment ago, by hash cut short.
    recent: [u32; RECENT],
    /// When the last fresh encoded name came, in milliseconds of the detector's time.
    beat: u32,
    /// Average time between such names, in milliseconds, and average difference from it.
    gap: (f32, f32),
    /// The type of most fresh names, as far as one number can tell (Boyer and Moore), and how sure that is.
    pub(super) qtype: (u16, u16),
    /// The sign that was left.
    pub(super) sign: Option<Sign>,
    /// What was told of tunnels and of rebinding.
    pub(super) told: [Told; 2],
    /// Position of the next of [`Self::recent`].
    turn: u8,
    /// Answers led to addresses that no public name may have.
    pub(super) rebindings: u16,
    /// Whether an answer had addresses that it may have.
    pub(super) had_addresses: bool,
}

/// What is said of a miss besides the observation itself.
pub(super) struct Facts<'a> {
    /// Labels below the domain.
    pub(super) labels: &'a [u8],
    /// Hash of the name, cut short.
    pub(super) hash: u32,
    /// Whether it was never seen before.
    pub(super) is_fresh: bool,
    /// Whether it is a public host's name in front of a search path's domain.
    pub(super) is_expansion: bool,
    /// Seconds.
    pub(super) now: u32,
    /// Milliseconds.
    pub(super) beat: u32,
}

impl Pair {
    /// One that is seen for the first time.
    pub(super) fn begin(tag: u64, client: u32, now: u32) -> Self {
        Self {
            tag,
            client,
            first: now,
            last: now,
            minute: Window::begin(now),
            quarter: Window::begin(now),
            day: Fading::begin(now),
            ..Self::default()
        }
    }

    /// How much would be lost with it, for whoever needs its place: information, fading.
    pub(super) fn worth(&self, now: u32) -> u32 {
        let idle = now.saturating_sub(self.last) / QUARTER;
        let sum = self.day.now.sum(Sum::Information) + 4.0 * self.day.now.sum(Sum::Odd) + 1.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        let sum = sum as u32;
        // What has just begun may be the beginning of much.
        let young = if now.saturating_sub(self.last) < 5 { 64 } else { 0 };
        (sum + young) >> idle.min(24)
    }

    /// Adds a question that a server had to be asked; whether rules should look.
    pub(super) fn add(&mut self, seen: &Observation, facts: &Facts<'_>) -> bool {
        let now = facts.now;
        self.last = now;
        self.minute.advance(now);
        self.quarter.advance(now);
        self.day.advance(now);
        self.count(Count::Questions);
        let uses = Use::of(seen.qtype);
        if uses == Use::Null {
            self.count(Count::Null);
        }
        if uses == Use::Address && seen.rcode == rcode::NOERROR && seen.ttl != u32::MAX {
            self.had_addresses = true;
        }
        if !facts.is_fresh {
            if self.recent.contains(&facts.hash) {
                self.count(Count::Twins);
            }
            return uses == Use::Null;
        }
        self.recent[usize::from(self.turn) % RECENT] = facts.hash;
        self.turn = self.turn.wrapping_add(1);
        self.fresh(seen, facts, uses);
        true
    }

    /// Adds a name that was never seen before.
    fn fresh(&mut self, seen: &Observation, facts: &Facts<'_>, uses: Use) {
        let shape = Shape::of(facts.labels);
        self.sign = Sign::find(facts.labels, &shape, seen.qtype).or(self.sign);
        let (is_denied, is_brief) = (seen.rcode == rcode::NXDOMAIN, seen.ttl <= BRIEF);
        // Others say little.
        let discount = if facts.is_expansion { 8 } else { 1 };
        let bytes = u32::from(shape.bits) / 8 / discount;
        let (most, lead) = &mut self.qtype;
        if *most == seen.qtype {
            *lead = lead.saturating_add(1);
        } else if *lead == 0 {
            (*most, *lead) = (seen.qtype, 1);
        } else {
            *lead -= 1;
        }
        self.count(Count::Fresh);
        self.add_up(Sum::Information, bytes);
        if is_denied {
            self.count(Count::Denied);
        }
        if is_brief {
            self.count(Count::Brief);
        }
        if matches!(uses, Use::Payload | Use::Null) && !shape.is_service && !shape.is_address {
            self.count(Count::Payload);
            self.add_up(Sum::Down, seen.answer_bytes.into());
        }
        // Hosts of tenants and contents are called so: what they say is counted, what they look like is not.
        let is_named = shape.is_identifier && uses == Use::Address;
        if !shape.is_encoded() || facts.is_expansion || is_named {
            return;
        }
        self.count(Count::Encoded);
        self.count(match shape.charset {
            Charset::Hex => Count::Hex,
            Charset::Base32 => Count::Base32,
            Charset::Binary => Count::Binary,
        });
        self.add_up(Sum::Length, shape.encoded.into());
        let is_long = shape.encoded >= LONG;
        if is_long {
            self.count(Count::Long);
        }
        let carries = match uses {
            Use::Null => true,
            // Keys of senders and challenges of certificates are called by tokens.
            Use::Payload => !shape.is_service && !shape.is_identifier,
            Use::Address | Use::Other => shape.encoded >= ODD && (is_denied || is_brief) && !shape.is_service,
        };
        if carries || is_long || shape.charset == Charset::Binary {
            self.count(Count::Odd);
            self.add_up(Sum::Odd, bytes);
        }
        self.beat(facts.beat);
    }

    /// Notes the time of a fresh encoded name.
    fn beat(&mut self, at: u32) {
        let gap = at.wrapping_sub(self.beat) as f32;
        let (mean, off) = self.gap;
        self.gap = if self.beat == 0 {
            (0.0, 0.0)
        } else if mean == 0.0 {
            (gap.max(1.0), gap.max(1.0))
        } else {
            (mean + (gap - mean) / FOLLOW, off + ((gap - mean).abs() - off) / FOLLOW)
        };
        self.beat = at;
    }

    /// How irregularly fresh encoded names come: 0 is a clock, 0.74 is chance; and the average time between them, in milliseconds.
    pub(super) fn irregularity(&self) -> (f32, f32) {
        let (mean, off) = self.gap;
        (if mean > 0.0 { off / mean } else { 1.0 }, mean)
    }

    /// Counts in all windows.
    fn count(&mut self, count: Count) {
        self.minute.now.count(count);
        self.quarter.now.count(count);
        self.day.now.count(count);
    }

    /// Adds up in all windows.
    fn add_up(&mut self, sum: Sum, amount: u32) {
        self.minute.now.add(sum, amount);
        self.quarter.now.add(sum, amount);
        self.day.now.add(sum, amount);
    }
}
