//! How fast expired answers are asked for again when servers are back, or are tried while they are away.
//!
//! During an outage everything expires, and the first moment after it would see every name asked at once, by every node of the fleet.
//! A worker therefore refreshes at most twice as many names a second as it asked for in normal times; clients get the expired answer
//! meanwhile. Names of which nothing is known are asked for at once, always.

use std::cell::Cell;
use std::time::Duration;

use crate::metrics::Event;
use crate::sys::clock::Moment;

use super::Pipeline;

/// The least there may be: a quiet node is not slow. Refreshes a second.
const LEAST: f64 = 2.0;

/// Over what time the normal rate is averaged, about.
const MEMORY: Duration = Duration::from_secs(120);

/// How far the rate of refreshes may be above the normal rate of exchanges.
const FACTOR: f64 = 2.0;

/// A token bucket whose rate follows what is normal.
#[derive(Debug)]
pub(super) struct Pace {
    /// Exchanges a second in normal times.
    normal: Cell<f64>,
    /// When one was counted last.
    counted: Cell<Moment>,
    /// Refreshes that may begin now; a second's worth at most.
    tokens: Cell<f64>,
    /// When they were counted last.
    filled: Cell<Moment>,
}

impl Pace {
    /// A pace of which nothing is known before `now`.
    pub(super) fn new(now: Moment) -> Self {
        Self { normal: Cell::new(0.0), counted: Cell::new(now), tokens: Cell::new(LEAST), filled: Cell::new(now) }
    }

    /// An exchange began because a client asked, in normal times.
    pub(super) fn count(&self, now: Moment) {
        // The average of a train of impulses: it decays, and each impulse adds its part of a second.
        let memory = MEMORY.as_secs_f64();
        let decayed = self.normal.get() * (-now.since(self.counted.get()).as_secs_f64() / memory).exp();
        self.normal.set(decayed + 1.0 / memory);
        self.counted.set(now);
    }

    /// Whether a refresh may begin; takes the token.
    pub(super) fn admits(&self, now: Moment) -> bool {
        let rate = (self.normal.get() * FACTOR).max(LEAST);
        let tokens = (self.tokens.get() + now.since(self.filled.get()).as_secs_f64() * rate).min(rate);
        self.filled.set(now);
        self.tokens.set(if tokens >= 1.0 { tokens - 1.0 } else { tokens });
        tokens >= 1.0
    }
}

impl Pipeline {
    /// Whether servers may be asked again for what has expired.
    pub(super) fn may_recheck(&self, now: Moment) -> bool {
        let admits = self.pace.admits(now);
        if !admits {
            self.metrics.count(Event::RecheckHeldBack);
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refreshes that `pace` lets begin in the ten seconds from `start`, when there are always more waiting.
    fn in_ten_seconds(pace: &Pace, start: Moment) -> usize {
        (0..10_000).filter(|milli| pace.admits(start + Duration::from_millis(*milli))).count()
    }

    #[test]
    fn a_quiet_worker_refreshes_two_names_a_second() {
        let start = Moment::from_secs(100);
        let count = in_ten_seconds(&Pace::new(start), start);
        assert!((20..=22).contains(&count), "{count}");
    }

    #[test]
    fn a_busy_worker_refreshes_at_twice_its_normal_rate() {
        let start = Moment::from_secs(100);
        let pace = Pace::new(start);
        // 50 a second, for ten minutes.
        for turn in 0..30_000 {
            pace.count(start + Duration::from_millis(turn * 20));
        }
        let count = in_ten_seconds(&pace, start + Duration::from_secs(600));
        assert!((950..=1_110).contains(&count), "{count}");
    }

    #[test]
    fn nothing_is_saved_up_beyond_a_second() {
        let start = Moment::from_secs(100);
        let pace = Pace::new(start);
        let later = start + Duration::from_secs(3_600);
        assert!(pace.admits(later) && pace.admits(later) && !pace.admits(later));
    }
}
