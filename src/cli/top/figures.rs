//! What follows from the daemon's answers: rates from two of them, percentiles from the last ten seconds, and what has happened between them.
//!
//! All times are those that the answers carry.

use std::collections::VecDeque;
use std::time::Duration;

use crate::control::admin::protocol::{Blocks, Detection, Server, Sources, Stats};

/// Points of the curves: five minutes at one a second, more than any terminal is wide.
const MOST_POINTS: usize = 300;

/// Answers over which percentiles, rates of servers and reuse are reckoned.
const WINDOW: usize = 10;

/// Things that have happened, which are kept.
const MOST_NOTES: usize = 200;

/// Things of one kind that happen within this time of the first of them are told in one line.
const TOGETHER: Duration = Duration::from_secs(60);

/// One point of the curves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Queries a second.
    pub(super) rate: f64,
    /// Part of them that memory answered; `None` if there was none to answer.
    pub(super) hits: Option<f64>,
}

/// How long answers took; `None` if there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Percentiles {
    /// Half of them.
    pub(super) half: Option<f64>,
    /// Nine of ten.
    pub(super) nine_of_ten: Option<f64>,
    /// Ninety-nine of a hundred.
    pub(super) most: Option<f64>,
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// When, since 1970.
    pub(super) at: Duration,
    /// What.
    pub(super) what: Happening,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// Something was detected.
    Detected(Box<Detection>),
    /// So many queries or answers were withheld, the first of them then.
    Withheld(u64, &'static str, Duration),
}

/// What is known of a daemon.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// The last answers, the newest last.
    window: VecDeque<Stats>,
    /// The curves, the newest last.
    points: VecDeque<Point>,
    /// What was withheld, the newest last.
    withheld: VecDeque<Note>,
}

impl Figures {
    /// Takes an answer.
    pub(super) fn take(&mut self, stats: Stats) {
        if let Some(before) = self.window.back() {
            // Another process answers, and counts from 0: nothing can be compared.
            if stats.queries < before.queries || stats.uptime_seconds < before.uptime_seconds {
                self.window.clear();
            } else if stats.time <= before.time {
                // The clock was set back: this one takes the place of the last.
                self.window.pop_back();
            }
        }
        if let Some(before) = self.window.back() {
            let point = Point { rate: per_second(before, &stats, |stats| stats.queries), hits: hits(before, &stats) };
            push(&mut self.points, point, MOST_POINTS);
            for note in withheld(&before.blocks, &stats.blocks, stats.time) {
                self.withhold(note);
            }
        }
        push(&mut self.window, stats, WINDOW + 1);
    }

    /// Notes what was withheld, together with what is alike and not long ago.
    fn withhold(&mut self, note: Note) {
        let Happening::Withheld(more, kind, now) = note.what else { return };
        for known in self.withheld.iter_mut().rev() {
            if let Happening::Withheld(count, what, first) = &mut known.what
                && *what == kind
                && now.saturating_sub(*first) < TOGETHER
            {
                (known.at, *count) = (now, *count + more);
                return;
            }
        }
        push(&mut self.withheld, note, MOST_NOTES);
    }

    /// The last answer.
    pub(super) fn last(&self) -> Option<&Stats> {
        self.window.back()
    }

    /// The answers that things are reckoned over: the oldest and the last, if there are two.
    fn span(&self) -> Option<(&Stats, &Stats)> {
        Some((self.window.front()?, self.window.back()?)).filter(|_| self.window.len() > 1)
    }

    /// The last point of the curves.
    pub(super) fn now(&self) -> Option<Point> {
        self.points.back().copied()
    }

    /// As many of the last points as there is room for, the oldest first.
    pub(super) fn points(&self, room: usize) -> impl Iterator<Item = &Point> {
        self.points.range(self.points.len().saturating_sub(room)..)
    }

    /// How long answers took lately.
    pub(super) fn percentiles(&self) -> Percentiles {
        let Some((first, last)) = self.span() else { return Percentiles::default() };
        let counts: Vec<u64> = last
            .latency
            .counts
            .iter()
            .enumerate()
            .map(|(cell, count)| count.saturating_sub(first.latency.counts.get(cell).copied().unwrap_or_default()))
            .collect();
        let at = |part| percentile(&last.latency.bounds, &counts, part);
        Percentiles { half: at(0.5), nine_of_ten: at(0.9), most: at(0.99) }
    }

    /// A rate over the last answers.
    pub(super) fn rate(&self, count: impl Fn(&Stats) -> u64) -> f64 {
        self.span().map_or(0.0, |(first, last)| per_second(first, last, count))
    }

    /// Exchanges and failures of a server a second, and the part of its queries that found a connection open.
    pub(super) fn server(&self, server: &Server) -> (f64, f64, Option<f64>) {
        let find = |stats: &Stats| {
            let same = |other: &&Server| other.group == server.group && other.address == server.address;
            stats.upstreams.iter().find(same).cloned().unwrap_or_default()
        };
        let part = |reused: u64, opened: u64| (reused + opened > 0).then(|| reused as f64 / (reused + opened) as f64);
        let Some((first, _)) = self.span() else { return (0.0, 0.0, part(server.reused, server.opened)) };
        let before = find(first);
        let (reused, opened) =
            (server.reused.saturating_sub(before.reused), server.opened.saturating_sub(before.opened));
        // While nothing is asked of it, what was before tells more than nothing.
        let reuse = part(reused, opened).or_else(|| part(server.reused, server.opened));
        (self.rate(|stats| find(stats).exchanges), self.rate(|stats| find(stats).failures), reuse)
    }

    /// What has happened, the newest first.
    pub(super) fn notes(&self) -> Vec<Note> {
        let detections = self.last().map(|stats| stats.detections.as_slice()).unwrap_or_default();
        let detected = detections.iter().map(|detection| Note {
            at: Duration::from_secs(detection.last.max(detection.at)),
            what: Happening::Detected(Box::new(detection.clone())),
        });
        let mut notes: Vec<_> = self.withheld.iter().rev().cloned().chain(detected).collect();
        notes.sort_by_key(|note| std::cmp::Reverse(note.at));
        notes
    }
}

/// Adds at the end, and lets the oldest go where there are too many.
fn push<T>(to: &mut VecDeque<T>, item: T, most: usize) {
    if to.len() >= most {
        to.pop_front();
    }
    to.push_back(item);
}

/// How much a count grows in a second.
fn per_second(before: &Stats, after: &Stats, count: impl Fn(&Stats) -> u64) -> f64 {
    let seconds = after.time - before.time;
    if seconds > 0.0 { count(after).saturating_sub(count(before)) as f64 / seconds } else { 0.0 }
}

/// The part of queries that memory answered, of those that could be. What the node knows itself and what nobody gets is left out: the
/// questions with which the daemon looks after itself are among it.
fn hits(before: &Stats, after: &Stats) -> Option<f64> {
    let memory = |answers: &Sources| answers.hits + answers.denials + answers.stale + answers.failures;
    let all = |answers: &Sources| memory(answers) + answers.forwarded;
    let asked = all(&after.answers).saturating_sub(all(&before.answers));
    let known = memory(&after.answers).saturating_sub(memory(&before.answers));
    (asked > 0).then(|| known as f64 / asked as f64)
}

/// What was withheld between two answers.
fn withheld(before: &Blocks, after: &Blocks, time: f64) -> Vec<Note> {
    let at = Duration::try_from_secs_f64(time).unwrap_or_default();
    let kinds = [
        (before.names, after.names, "queries for blocked names"),
        (before.refused, after.refused, "queries refused: who asks, how fast, or the type"),
        (before.rebinding, after.rebinding, "answers withheld: private addresses (rebinding)"),
        (before.rebinding_reported, after.rebinding_reported, "answers with private addresses, passed on"),
    ];
    let grown = kinds.into_iter().filter(|(before, after, _)| after > before);
    grown.map(|(before, after, what)| Note { at, what: Happening::Withheld(after - before, what, at) }).collect()
}

/// The time within which this part of the answers came, by their counts in cells; within a cell they are taken to be spread evenly. What lies
/// above all bounds is the last bound at least.
fn percentile(bounds: &[f64], counts: &[u64], part: f64) -> Option<f64> {
    let all: u64 = counts.iter().sum();
    if all == 0 || bounds.is_empty() {
        return None;
    }
    let wanted = part * all as f64;
    let mut below = 0_u64;
    for (cell, &count) in counts.iter().enumerate() {
        if count > 0 && (below + count) as f64 >= wanted {
            let lower = if cell == 0 { 0.0 } else { bounds.get(cell - 1).copied()? };
            let Some(upper) = bounds.get(cell) else { return bounds.last().copied() };
            return Some(lower + (upper - lower) * ((wanted - below as f64) / count as f64));
        }
        below += count;
    }
    bounds.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::admin::protocol::Latency;

    /// An answer at a time, after so many hits and questions to servers.
    fn stats(time: f64, hits: u64, forwarded: u64) -> Stats {
        let answers = Sources { hits, forwarded, ..Sources::default() };
        Stats {
            time,
            uptime_seconds: super::super::text::whole(time),
            queries: hits + forwarded,
            answers,
            ..Stats::default()
        }
    }

    #[test]
    fn rates_are_differences_by_the_time_between() {
        let mut figures = Figures::default();
        assert_eq!((figures.now(), figures.rate(|stats| stats.queries)), (None, 0.0));
        figures.take(stats(100.0, 1000, 0));
        assert_eq!(figures.now(), None, "one answer says nothing of a rate");
        figures.take(stats(102.0, 1300, 100));
        assert_eq!(figures.now(), Some(Point { rate: 200.0, hits: Some(0.75) }));
        figures.take(stats(103.0, 1300, 100));
        assert_eq!(figures.now(), Some(Point { rate: 0.0, hits: None }));
        assert_eq!(figures.points(10).count(), 2);
        assert_eq!(figures.points(1).next(), Some(&Point { rate: 0.0, hits: None }));
    }

    #[test]
    fn a_daemon_that_was_started_again_counts_anew() {
        let mut figures = Figures::default();
        figures.take(stats(100.0, 1000, 0));
        figures.take(stats(101.0, 5, 0));
        assert_eq!(figures.now(), None);
        figures.take(stats(102.0, 15, 0));
        assert_eq!(figures.now(), Some(Point { rate: 10.0, hits: Some(1.0) }));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_rate() {
        let mut figures = Figures::default();
        for time in [100.0, 100.0, 90.0] {
            figures.take(Stats { uptime_seconds: 7, ..stats(time, 1000, 0) });
        }
        assert_eq!(figures.now(), None);
        figures.take(Stats { uptime_seconds: 7, ..stats(91.0, 1003, 0) });
        assert_eq!(figures.now().unwrap().rate, 3.0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut figures = Figures::default();
        for second in 0..1000 {
            let blocks = Blocks { names: second, ..Blocks::default() };
            figures.take(Stats { blocks, ..stats(100.0 + second as f64, second * 7, second) });
        }
        assert_eq!((figures.points.len(), figures.window.len(), figures.withheld.len()), (300, 11, 17));
        for minute in 0..1000 {
            let blocks = Blocks { names: 1000 + minute, ..Blocks::default() };
            figures.take(Stats { blocks, ..stats(2000.0 + 60.0 * minute as f64, 7000, 1000) });
        }
        assert_eq!(figures.withheld.len(), 200);
    }

    #[test]
    fn what_goes_on_is_told_in_one_line_a_minute() {
        let mut figures = Figures::default();
        for second in 0..70 {
            let blocks = Blocks { names: second * 5, refused: u64::from(second > 30), ..Blocks::default() };
            figures.take(Stats { blocks, ..stats(100.0 + second as f64, 0, 0) });
        }
        let told: Vec<_> = figures.notes().into_iter().map(|note| (note.at.as_secs(), note.what)).collect();
        let first = Duration::from_secs;
        let names = |count, at| Happening::Withheld(count, "queries for blocked names", first(at));
        let refused = Happening::Withheld(1, "queries refused: who asks, how fast, or the type", first(131));
        assert_eq!(told, [(169, names(45, 161)), (160, names(300, 101)), (131, refused)]);
    }

    #[test]
    fn percentiles_lie_within_their_cells() {
        let bounds = [0.001, 0.002, 0.004];
        assert_eq!(percentile(&bounds, &[0, 0, 0, 0], 0.5), None);
        assert_eq!(percentile(&[], &[3], 0.5), None);
        assert_eq!(percentile(&bounds, &[100, 0, 0, 0], 0.5), Some(0.0005));
        assert_eq!(percentile(&bounds, &[50, 50, 0, 0], 0.5), Some(0.001));
        assert_eq!(percentile(&bounds, &[50, 0, 50, 0], 0.75), Some(0.003));
        assert_eq!(percentile(&bounds, &[1, 0, 0, 99], 0.99), Some(0.004), "above all bounds it is the last at least");
        let mut figures = Figures::default();
        let with = |time: f64, counts: [u64; 4]| Stats {
            latency: Latency { bounds: bounds.to_vec(), counts: counts.to_vec(), sum: 0.0 },
            ..stats(time, 0, 0)
        };
        figures.take(with(100.0, [1000, 0, 0, 0]));
        figures.take(with(101.0, [1000, 100, 0, 0]));
        let percentiles = figures.percentiles();
        assert_eq!(percentiles.half, Some(0.0015), "what was before does not count");
    }

    #[test]
    fn what_is_withheld_and_detected_is_told_newest_first() {
        let mut figures = Figures::default();
        let detection =
            |last: u64, domain: &str| Detection { at: 50, last, domain: domain.to_owned(), ..Detection::default() };
        figures.take(stats(100.0, 0, 0));
        let blocks = Blocks { names: 3, rebinding: 1, ..Blocks::default() };
        figures.take(Stats {
            blocks,
            detections: vec![detection(0, "old.example"), detection(120, "new.example")],
            ..stats(101.0, 0, 0)
        });
        let notes: Vec<_> = figures
            .notes()
            .into_iter()
            .map(|note| match note.what {
                Happening::Detected(detection) => (note.at.as_secs(), detection.domain),
                Happening::Withheld(count, what, _) => (note.at.as_secs(), format!("{count} {what}")),
            })
            .collect();
        let told = [
            (120, "new.example"),
            (101, "1 answers withheld: private addresses (rebinding)"),
            (101, "3 queries for blocked names"),
            (50, "old.example"),
        ];
        assert_eq!(notes, told.map(|(at, what)| (at, what.to_owned())));
    }

    #[test]
    fn a_servers_reuse_is_that_of_lately_or_else_of_all_time() {
        let server = |exchanges, reused, opened, failures| Server {
            group: "internet".to_owned(),
            address: "tls://192.0.2.1:853".to_owned(),
            exchanges,
            reused,
            opened,
            failures,
            ..Server::default()
        };
        let with = |time: f64, server: Server| Stats { upstreams: vec![server], ..stats(time, 0, 0) };
        let mut figures = Figures::default();
        figures.take(with(100.0, server(100, 50, 50, 0)));
        assert_eq!(figures.server(&server(100, 50, 50, 0)), (0.0, 0.0, Some(0.5)));
        figures.take(with(102.0, server(120, 68, 52, 4)));
        assert_eq!(figures.server(&server(120, 68, 52, 4)), (10.0, 2.0, Some(0.9)));
        assert_eq!(figures.server(&server(0, 0, 0, 0)).2, None);
    }
}
