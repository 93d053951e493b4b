//! When a pair of client and domain is a tunnel, and why, in words.
//!
//! | rule | looks for | in |
//! |---|---|---|
//! | signature | what a known program leaves, NULL and private types, binary labels | a minute |
//! | burst | odd names, or many that are too long for hosts; names that bring data | a minute |
//! | volume | the same at a tenth of the speed; much information in fresh names of any kind; fresh names by the clock | a quarter of an hour |
//! | slow | the same at a thousandth of the speed, where nothing is ever asked twice | half a day and what fades of the days before |
//!
//! [`super::pair`] says what is odd. A score is 60 where a rule begins to hold and 80 where twice as much is there; what is not worth 60 is nobody's
//! business. A client is sentenced from [`CONVICTS`] on.

use std::fmt::Write as _;

use hickory_proto::rr::RecordType;

use super::pair::Pair;
use super::window::{Count, Sum, Tally};

/// The least score that is told.
const TELLS: f32 = 60.0;

/// The least score that has consequences in the modes that have some.
pub const CONVICTS: u8 = 75;

/// Scores are below, since nobody knows for certain.
const MOST: f32 = 99.0;

/// Seconds over which names must come for it to be no burst, as starts and pages are.
const LONG_ENOUGH: u32 = 300;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Signs of a known program.
    Signature,
    /// A tunnel at full speed.
    Burst,
    /// A throttled one.
    Volume,
    /// A slow one.
    Slow,
    /// One client asks too fast.
    Flood,
    /// One client asks too fast for names that do not exist.
    Denial,
    /// Public names lead one client to addresses inside.
    Rebinding,
    /// A client asks for a type that nobody gets.
    Type,
}

impl Rule {
    /// All of them, each at its position.
    pub const ALL: [Self; 8] = [
        Self::Signature,
        Self::Burst,
        Self::Volume,
        Self::Slow,
        Self::Flood,
        Self::Denial,
        Self::Rebinding,
        Self::Type,
    ];

    /// What logs and labels call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Burst => "burst",
            Self::Volume => "volume",
            Self::Slow => "slow",
            Self::Flood => "flood",
            Self::Denial => "denial",
            Self::Rebinding => "rebinding",
            Self::Type => "type",
        }
    }
}

/// What a rule says of a pair.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// The rule that says most.
    pub(super) rule: Rule,
    /// How sure it is, from 60 to 99.
    pub(super) score: u8,
    /// In which window it looked; what reasons are made of.
    window: &'static str,
    /// What was counted there.
    tally: Tally,
}

/// How much of what is needed is there: at least 1 if a rule holds.
struct Measure(f32);

impl Measure {
    /// Nothing is missing yet.
    const fn new() -> Self {
        Self(f32::MAX)
    }

    /// There must be so much of it.
    fn least(self, there: f32, needed: f32) -> Self {
        Self(self.0.min(there / needed))
    }

    /// It must be so, or there is nothing.
    fn only_if(self, holds: bool) -> Self {
        if holds { self } else { Self(0.0) }
    }

    /// The score, where `begins` is that of just enough.
    fn score(&self, begins: f32) -> f32 {
        if self.0 < 1.0 { 0.0 } else { (begins + 20.0 * self.0.log2()).min(MOST) }
    }
}

/// Judges a pair.
pub(super) fn judge(pair: &Pair, now: u32) -> Option<Verdict> {
    let minute = pair.minute.tally(now);
    let mut best: Option<Verdict> = None;
    let mut hold = |rule, score: f32, window, tally: &Tally| {
        if score >= TELLS && best.as_ref().is_none_or(|best| f32::from(best.score) < score) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "scores are between 60 and 99")]
            let score = score as u8;
            best = Some(Verdict { rule, score, window, tally: *tally });
        }
    };
    hold(Rule::Signature, signature(pair, &minute), "60 s", &minute);
    hold(Rule::Burst, burst(pair, &minute), "60 s", &minute);
    let quarter = pair.quarter.tally(now);
    hold(Rule::Volume, volume(pair, &quarter, &minute, now), "15 min", &quarter);
    hold(Rule::Slow, slow(pair), "a day", &pair.day.now);
    best
}

/// Whether it would be worth to [`judge`]: nothing that it says is said of less.
pub(super) fn is_worth_judging(pair: &Pair) -> bool {
    let day = &pair.day.now;
    day.of(Count::Fresh) >= 8.0 || day.of(Count::Null) > 0.0 || pair.sign.is_some()
}

/// Questions that were not for the other type of a name which was just asked.
fn single(tally: &Tally) -> f32 {
    (tally.of(Count::Questions) - tally.of(Count::Twins)).max(1.0)
}

/// How many of these were for fresh names.
fn freshness(tally: &Tally) -> f32 {
    tally.of(Count::Fresh) / single(tally)
}

/// Whether nearly nothing is ever asked twice, for another type or later.
fn never_repeats(tally: &Tally) -> bool {
    freshness(tally) >= 0.95 && tally.share(Count::Twins, Count::Questions) <= 0.05
}

/// Whether hardly anything was answered from memory.
fn never_hits(pair: &Pair, share: f32) -> bool {
    (pair.hits as f32) <= share * pair.day.now.of(Count::Questions)
}

/// S1.
fn signature(pair: &Pair, minute: &Tally) -> f32 {
    let of_program: f32 = if pair.sign.is_some() { 95.0 } else { 0.0 };
    let of_types = Measure::new().least(minute.of(Count::Null), 5.0).score(90.0);
    let of_bytes = Measure::new().least(minute.of(Count::Binary), 4.0).score(85.0);
    of_program.max(of_types).max(of_bytes)
}

/// S2.
fn burst(pair: &Pair, minute: &Tally) -> f32 {
    let of = |count| minute.of(count);
    let odd = Measure::new()
        .least(of(Count::Odd), 12.0)
        .least(minute.sum(Sum::Odd), 96.0)
        .only_if(minute.share(Count::Odd, Count::Fresh) >= 0.5 && freshness(minute) >= 0.5);
    let long = Measure::new()
        .least(of(Count::Long), 8.0)
        .only_if(minute.share(Count::Long, Count::Fresh) >= 0.5 && freshness(minute) >= 0.4);
    // Between a hash of 160 bits and one of 256.
    let lengthy = Measure::new()
        .least(of(Count::Encoded), 25.0)
        .least(minute.sum(Sum::Length), 41.0 * of(Count::Encoded))
        .only_if(minute.share(Count::Encoded, Count::Fresh) >= 0.8 && never_repeats(minute));
    let brings = Measure::new()
        .least(of(Count::Payload), 25.0)
        .least(minute.sum(Sum::Down), 100.0 * of(Count::Payload))
        .only_if(minute.share(Count::Payload, Count::Fresh) >= 0.8 && freshness(minute) >= 0.8);
    let other = by_the_clock(pair, minute, 25.0, 0.3).max(asks_for_data(minute, 40.0));
    odd.score(66.0).max(long.score(72.0)).max(lengthy.score(62.0)).max(brings.score(62.0)).max(other)
}

/// S3.
fn volume(pair: &Pair, quarter: &Tally, minute: &Tally, now: u32) -> f32 {
    let of = |count| quarter.of(count);
    let odd = Measure::new()
        .least(of(Count::Odd), 25.0)
        .least(quarter.sum(Sum::Odd), 400.0)
        .only_if(quarter.share(Count::Odd, Count::Fresh) >= 0.5 && freshness(quarter) >= 0.5);
    let long = Measure::new()
        .least(of(Count::Long), 12.0)
        .only_if(quarter.share(Count::Long, Count::Fresh) >= 0.5 && freshness(quarter) >= 0.4);
    let brings = Measure::new()
        .least(of(Count::Payload), 40.0)
        .least(quarter.sum(Sum::Down), 8_192.0)
        .least(quarter.sum(Sum::Down), 80.0 * of(Count::Payload))
        .only_if(quarter.share(Count::Payload, Count::Fresh) >= 0.8 && freshness(quarter) >= 0.8);
    // Much of it is a tunnel, whatever it looks like; hosts that are asked for A and AAAA, or in words, need much more.
    let is_encoded = quarter.share(Count::Encoded, Count::Fresh) >= 0.5;
    let needed = match (is_encoded, never_repeats(quarter)) {
        (true, true) => 10_240.0,
        (false, true) => 24_576.0,
        (true, false) => 49_152.0,
        (false, false) => 196_608.0,
    };
    let much = Measure::new().least(quarter.sum(Sum::Information), needed).only_if(freshness(quarter) >= 0.8);
    // Between a hash of 160 bits and one of 256; or any that says more than a short hash does, in no hurry.
    let is_all = quarter.share(Count::Encoded, Count::Fresh) >= 0.9 && never_repeats(quarter) && pair.hits == 0;
    let is_spread =
        minute.of(Count::Encoded) <= 0.25 * of(Count::Encoded) && now.saturating_sub(pair.first) >= LONG_ENOUGH;
    let lengthy =
        Measure::new().least(of(Count::Encoded), 25.0).least(quarter.sum(Sum::Length), 41.0 * of(Count::Encoded));
    let patient =
        Measure::new().least(of(Count::Encoded), 50.0).least(quarter.sum(Sum::Length), 24.0 * of(Count::Encoded));
    let hosts = lengthy.only_if(is_all).score(62.0).max(patient.only_if(is_all && is_spread).score(60.0).min(74.0));
    let other = by_the_clock(pair, quarter, 50.0, 0.35).max(asks_for_data(quarter, 50.0)).max(hosts);
    odd.score(66.0).max(long.score(72.0)).max(brings.score(62.0)).max(much.score(64.0)).max(other)
}

/// S4.
fn slow(pair: &Pair) -> f32 {
    let day = &pair.day.now;
    let of = |count| day.of(count);
    let odd = Measure::new()
        .least(of(Count::Odd), 60.0)
        .least(day.sum(Sum::Odd), 2_048.0)
        .only_if(day.share(Count::Odd, Count::Fresh) >= 0.5 && freshness(day) >= 0.5 && never_hits(pair, 0.1));
    let long = Measure::new()
        .least(of(Count::Long), 24.0)
        .only_if(day.share(Count::Long, Count::Fresh) >= 0.5 && freshness(day) >= 0.4 && never_hits(pair, 0.1));
    let much = Measure::new()
        .least(day.sum(Sum::Information), 32_768.0)
        .only_if(day.share(Count::Encoded, Count::Fresh) >= 0.9 && never_repeats(day) && never_hits(pair, 0.02));
    odd.score(66.0).max(long.score(70.0)).max(much.score(60.0))
}

/// Fresh encoded names that come like the ticks of a clock, and nothing else: no host is called by another hash each second. Never more than
/// told, since a program may well go through a list.
fn by_the_clock(pair: &Pair, tally: &Tally, least: f32, irregular: f32) -> f32 {
    let (irregularity, gap_ms) = pair.irregularity();
    let is_clock = irregularity <= irregular && gap_ms >= 200.0;
    let is_all = tally.share(Count::Encoded, Count::Fresh) >= 0.9 && never_repeats(tally) && pair.hits == 0;
    Measure::new().least(tally.of(Count::Encoded), least).only_if(is_clock && is_all).score(62.0).min(74.0)
}

/// Fresh names that are asked for types which carry data, and nothing else, whatever they look like: data may be written in words. Never more
/// than told, since a mail server may well have many correspondents below one domain.
fn asks_for_data(tally: &Tally, least: f32) -> f32 {
    let is_all = tally.share(Count::Payload, Count::Fresh) >= 0.95 && never_repeats(tally);
    Measure::new().least(tally.of(Count::Payload), least).only_if(is_all).score(60.0).min(74.0)
}

/// A type as people write it (RFC 3597 section 5 where it has no name).
pub(super) fn type_name(qtype: u16) -> String {
    match RecordType::from(qtype) {
        RecordType::Unknown(number) => format!("TYPE{number}"),
        named => named.to_string(),
    }
}

impl Verdict {
    /// Why, in words; `domain` is the domain as people write it.
    pub(super) fn reasons(&self, pair: &Pair, domain: &str, now: u32) -> Vec<String> {
        let tally = &self.tally;
        let mut reasons = Vec::new();
        if let Some(sign) = pair.sign.filter(|_| self.rule == Rule::Signature) {
            reasons.push(format!("{} under {domain}", sign.name()));
        }
        let (fresh, encoded) = (tally.of(Count::Fresh), tally.of(Count::Encoded));
        let plural = if fresh < 1.5 { "" } else { "s" };
        let mut text = format!("{fresh:.0} name{plural} never asked before under {domain} in {}", self.window);
        if encoded > 0.0 {
            let _ = write!(
                text,
                ", {:.0} % of them {} data of {:.0} characters on average",
                100.0 * encoded / fresh.max(1.0),
                tally.charset().name(),
                tally.sum(Sum::Length) / encoded
            );
        }
        reasons.push(text);
        reasons.push(format!("{:.0} bytes of information in them", tally.sum(Sum::Information)));
        let payload = tally.share(Count::Payload, Count::Fresh);
        let (qtype, _) = pair.qtype;
        if payload >= 0.2 {
            reasons.push(format!("{:.0} % for types that carry data, mostly {}", 100.0 * payload, type_name(qtype)));
        }
        if tally.of(Count::Null) >= 1.0 {
            reasons.push(format!("{:.0} questions for NULL or a private type", tally.of(Count::Null)));
        }
        if tally.of(Count::Payload) >= 25.0 && tally.sum(Sum::Down) >= 80.0 * tally.of(Count::Payload) {
            reasons.push(format!("{:.0} bytes in the answers", tally.sum(Sum::Down)));
        }
        for (count, text) in [(Count::Denied, "do not exist"), (Count::Brief, "are good for 5 s at most")] {
            if tally.share(count, Count::Fresh) >= 0.5 {
                reasons.push(format!("{:.0} % {text}", 100.0 * tally.share(count, Count::Fresh)));
            }
        }
        let (irregularity, gap_ms) = pair.irregularity();
        if irregularity <= 0.35 && encoded >= 20.0 {
            reasons.push(format!("one every {:.1} s, like a clock", gap_ms / 1_000.0));
        }
        let hits = 100.0 * pair.hits as f32 / (pair.hits as f32 + pair.day.now.of(Count::Questions)).max(1.0);
        reasons.push(if hits < 0.5 {
            "none answered from memory".to_owned()
        } else {
            format!("{hits:.0} % answered from memory")
        });
        let age = now.saturating_sub(pair.first);
        reasons.push(match age {
            0..120 => format!("first asked {age} s ago"),
            120..7_200 => format!("first asked {} min ago", age / 60),
            _ => format!("first asked {} h ago", age / 3_600),
        });
        reasons
    }
}
