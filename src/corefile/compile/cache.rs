//! `cache`: for how long answers are kept, zone by zone.

use std::time::Duration;

use super::report::Report;
use super::words;
use crate::config::print_duration;
use crate::corefile::{Directive, Place};

/// The longest time that CoreDNS keeps a positive answer unless the Corefile says otherwise.
const MAX_TTL: Duration = Duration::from_secs(3_600);
/// The longest time that it keeps a denial.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(1_800);
/// The shortest time that it keeps anything.
const MIN_TTL: Duration = Duration::from_secs(5);
/// For how long it keeps a failure.
const SERVFAIL: Duration = Duration::from_secs(5);
/// For how long after its expiry it gives an answer if `serve_stale` says nothing more.
const SERVE_STALE: Duration = Duration::from_secs(3_600);

/// Bounds of our options, in seconds: the longest `max-ttl` and `serve-stale`, the longest `min-ttl`, the longest `max-negative-ttl`.
const LONGEST: [u64; 3] = [7 * 86_400, 3_600, 86_400];

/// What a `cache` says.
#[derive(Debug)]
pub(super) struct Cache {
    /// Where it stands.
    pub(super) place: Place,
    /// Names whose answers are kept; empty is all of the block.
    pub(super) zones: Vec<String>,
    /// Positive answers kept at most, if the Corefile says a number, else 0.
    pub(super) positive: u64,
    /// Denials kept at most, likewise.
    pub(super) negative: u64,
    /// Longest and shortest time for positive answers.
    ttl: (Duration, Duration),
    /// Longest time for denials.
    negative_ttl: Duration,
    /// For how long failures are kept.
    servfail: Duration,
    /// For how long expired answers are given.
    stale: Option<Duration>,
    /// Uses that make an answer worth a refresh.
    prefetch: Option<u64>,
    /// Names whose positive answers are not kept.
    pub(super) no_positive: Vec<String>,
    /// Names whose denials are not kept.
    pub(super) no_negative: Vec<String>,
}

impl Cache {
    /// Reads it.
    pub(super) fn read(line: &Directive, report: &mut Report) -> Self {
        let mut cache = Self {
            place: line.place.clone(),
            zones: Vec::new(),
            positive: 0,
            negative: 0,
            ttl: (MAX_TTL, MIN_TTL),
            negative_ttl: MAX_NEGATIVE_TTL,
            servfail: SERVFAIL,
            stale: None,
            prefetch: None,
            no_positive: Vec::new(),
            no_negative: Vec::new(),
        };
        let mut zones = line.arguments.as_slice();
        if let Some((first, rest)) = zones.split_first()
            && first.parse::<i64>().is_ok()
        {
            if let Some(ttl) = seconds(line, "cache", 0, 1, report) {
                cache.ttl.0 = ttl;
                cache.negative_ttl = ttl;
            }
            zones = rest;
        }
        cache.zones = names(line, "cache", zones, report);
        for option in line.lines() {
            cache.option(option, report);
        }
        let print = print_duration;
        let [max, min, negative] = LONGEST.map(Duration::from_secs);
        cache.ttl.0 = report.bounded(line, "cache", cache.ttl.0, (Duration::ZERO, max), print);
        cache.ttl.1 = report.bounded(line, "cache", cache.ttl.1, (Duration::ZERO, min), print).min(cache.ttl.0);
        cache.negative_ttl = report.bounded(line, "cache", cache.negative_ttl, (Duration::ZERO, negative), print);
        cache
    }

    /// Reads one line of its braces.
    fn option(&mut self, line: &Directive, report: &mut Report) {
        match line.name.as_str() {
            "success" => {
                let subject = "cache success";
                self.positive = report.number(line, subject, 0, 0).unwrap_or(self.positive);
                self.ttl.0 = seconds(line, subject, 1, 1, report).unwrap_or(self.ttl.0);
                self.ttl.1 = seconds(line, subject, 2, 0, report).unwrap_or(self.ttl.1);
            }
            "denial" => {
                let subject = "cache denial";
                self.negative = report.number(line, subject, 0, 0).unwrap_or(self.negative);
                self.negative_ttl = seconds(line, subject, 1, 1, report).unwrap_or(self.negative_ttl);
                if let Some(least) = seconds(line, subject, 2, 0, report)
                    && !least.is_zero()
                {
                    let differs = format!("no denial is kept for {} if its zone says less", print_duration(least));
                    report.notice(&line.place, subject, differs, "it is kept for as long as its zone says (RFC 2308)");
                }
            }
            "prefetch" => self.prefetch(line, report),
            "serve_stale" => self.serve_stale(line, report),
            "servfail" => {
                if let Some(duration) = report.duration(line, "cache servfail", 0) {
                    let longest = Duration::from_secs(300);
                    if duration > longest {
                        let wrong = format!("{} is too long", print_duration(duration));
                        report.mistake(&line.place, "cache servfail", wrong, "write at most 5m (RFC 2308)");
                    }
                    self.servfail = duration.min(longest);
                }
            }
            "disable" => {
                let (kind, zones) = match line.arguments.split_first() {
                    Some((kind, zones)) => (kind.as_str(), zones),
                    None => ("", line.arguments.as_slice()),
                };
                let mut zones = names(line, "cache disable", zones, report);
                if zones.is_empty() {
                    zones.push(".".to_owned());
                }
                match kind {
                    "success" => self.no_positive = zones,
                    "denial" => self.no_negative = zones,
                    _ => {
                        let wrong = format!("{kind:?} is not kept apart");
                        report.mistake(&line.place, "cache disable", wrong, "write success or denial");
                    }
                }
            }
            _ => {}
        }
    }

    /// `prefetch AMOUNT [DURATION [PERCENTAGE%]]`
    fn prefetch(&mut self, line: &Directive, report: &mut Report) {
        let subject = "cache prefetch";
        let amount = report.number(line, subject, 0, 0);
        report.duration(line, subject, 1);
        if let Some(text) = line.arguments.get(2) {
            let percent = text.strip_suffix('%').and_then(|digits| digits.parse::<u8>().ok());
            if percent.is_none_or(|percent| !(10..=90).contains(&percent)) {
                let wrong = format!("{text:?} is no percentage from 10% to 90%");
                report.mistake(&line.place, subject, wrong, "write one such as \"10%\"");
            }
        }
        if line.arguments.len() > 1 {
            let differs = "neither the gap between uses nor the part of the lifetime can be chosen";
            report.notice(
                &line.place,
                subject,
                differs,
                "uses count over the whole lifetime, and an answer is asked for again near its end",
            );
        }
        self.prefetch =
            amount.map(|amount| report.bounded(line, subject, amount, (0, 65_535), |uses| uses.to_string()));
    }

    /// `serve_stale [DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]`
    fn serve_stale(&mut self, line: &Directive, report: &mut Report) {
        let subject = "cache serve_stale";
        let stale = if line.arguments.is_empty() { Some(SERVE_STALE) } else { report.duration(line, subject, 0) };
        let longest = Duration::from_secs(LONGEST[0]);
        self.stale = stale.map(|stale| report.bounded(line, subject, stale, (Duration::ZERO, longest), print_duration));
        let mode = line.arguments.get(1).map(|mode| mode.to_ascii_lowercase());
        for position in 2..line.arguments.len() {
            report.duration(line, subject, position);
        }
        match mode.as_deref() {
            None | Some("immediate") => {
                if line.arguments.len() > 4 {
                    report.mistake(
                        &line.place,
                        subject,
                        "there is a word too many",
                        "end the line after the recheck time",
                    );
                }
                report.notice(
                    &line.place,
                    subject,
                    "an expired answer is not given before servers are asked",
                    "a fresh one has 1.8 seconds; then the expired one is given, and at once to whoever asks next",
                );
            }
            Some("verify") if line.arguments.len() > 2 => report.notice(
                &line.place,
                subject,
                "how long a fresh answer is waited for cannot be chosen",
                "it is 1.8 seconds for the first client and nothing for those that follow",
            ),
            Some("verify") => {}
            Some(other) => {
                let wrong = format!("{other:?} is no way to refresh");
                report.mistake(&line.place, subject, wrong, "write immediate or verify");
            }
        }
        let ttl = if mode.as_deref() == Some("verify") { 3 } else { 2 };
        if line.arguments.len() > ttl {
            report.notice(
                &line.place,
                subject,
                "TTL and recheck time of expired answers cannot be chosen",
                "clients may keep them for 30 seconds, and servers are asked again meanwhile (RFC 8767)",
            );
        }
    }

    /// What it says for names at and below `name`, as options of a zone.
    pub(super) fn settings(&self, name: &str) -> Vec<(&'static str, String)> {
        let holds = |zones: &[String]| zones.iter().any(|zone| words::is_within(name, zone));
        if !self.zones.is_empty() && !holds(&self.zones) {
            return nothing();
        }
        let time = |duration: Duration| format!("\"{}\"", print_duration(in_seconds(duration)));
        let positive = !holds(&self.no_positive);
        let negative = !holds(&self.no_negative);
        let (max, min) = if positive { self.ttl } else { (Duration::ZERO, Duration::ZERO) };
        let mut settings = vec![
            ("max-ttl", time(max)),
            ("min-ttl", time(min)),
            ("max-negative-ttl", time(if negative { self.negative_ttl } else { Duration::ZERO })),
            ("servfail", format!("\"{}\"", print_duration(self.servfail))),
        ];
        settings.extend(self.stale.map(|stale| ("serve-stale", time(stale))));
        settings.extend(self.prefetch.map(|uses| ("prefetch", uses.to_string())));
        settings
    }

    /// Whether the Corefile says how expired answers are treated.
    pub(super) fn says_stale(&self) -> bool {
        self.stale.is_some()
    }
}

/// The options of a zone without `cache`: nothing is kept.
pub(super) fn nothing() -> Vec<(&'static str, String)> {
    ["max-ttl", "max-negative-ttl", "servfail", "serve-stale"].map(|key| (key, "\"0s\"".to_owned())).to_vec()
}

/// A duration in whole seconds, as TTLs are; a part of one counts as one.
fn in_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_nanos() > 0))
}

/// The word at a position as a number of seconds.
fn seconds(line: &Directive, subject: &str, position: usize, least: u64, report: &mut Report) -> Option<Duration> {
    report.number(line, subject, position, least).map(Duration::from_secs)
}

/// Words as names of zones.
pub(super) fn names(line: &Directive, subject: &str, texts: &[String], report: &mut Report) -> Vec<String> {
    let mut names = Vec::new();
    for text in texts {
        match words::zones(text) {
            Some(zones) => names.extend(zones),
            None => {
                let wrong = format!("{text:?} is no zone");
                report.mistake(&line.place, subject, wrong, "write one such as \"cluster.local\"");
            }
        }
    }
    names
}
