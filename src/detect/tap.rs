//! A worker's end: tells of every miss, and of one in so many of all answers.
//!
//! Below a thousand answers a second each of them is told; above, one in so many that there are about a thousand, not always the same one, each with
//! the number that it stands for. Between two of them an answer costs the worker a decrement and a branch.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use rtrb::Producer;

use crate::metrics::{Event, WorkerMetrics};
use crate::sys::clock::Moment;

use super::observation::Observation;
use super::sentence::{Sentences, Severity};

/// Observations that a ring holds.
pub(super) const SLOTS: usize = 512;

/// Places of it that samples leave to misses.
const FOR_MISSES: usize = SLOTS / 2;

/// Samples in a [`SLICE`]: a thousand a second.
const BUDGET: u32 = 100;

/// In what time the budget is for.
const SLICE: Duration = Duration::from_millis(100);

/// Most answers that a sample may stand for.
const MOST: u32 = 1 << 16;

/// The end.
#[derive(Debug)]
pub struct Tap {
    /// What is told.
    ring: Producer<Observation>,
    /// Who takes it out; woken when the ring is half full.
    sleeper: Arc<OnceLock<Thread>>,
    /// Who is held back.
    sentences: Arc<Sentences>,
    /// What was lost.
    metrics: Arc<WorkerMetrics>,
    /// Which answers are told.
    pace: Pace,
}

/// One in how many answers is told.
#[derive(Debug)]
struct Pace {
    /// One in so many, on average.
    every: u32,
    /// Answers since the last one, that one included.
    gap: u32,
    /// When the time that runs began.
    begun: Moment,
    /// Samples in it.
    count: u32,
    /// Chance.
    dice: u32,
}

impl Pace {
    /// The number of answers that the sample of now stands for; the next one follows after [`Self::gap`].
    fn take(&mut self, now: Moment) -> u32 {
        let weight = self.gap;
        self.count += 1;
        if now.since(self.begun) >= SLICE {
            if self.count < BUDGET / 3 || now.since(self.begun) >= 10 * SLICE {
                self.every = (self.every / 2).max(1);
            }
            (self.begun, self.count) = (now, 0);
        } else if self.count >= BUDGET {
            self.every = (self.every * 2).min(MOST);
            self.count = BUDGET / 2;
        }
        // Xorshift (Marsaglia), so that what comes in turns is not always passed over.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 17;
        self.dice ^= self.dice << 5;
        self.gap = 1 + self.dice % (2 * self.every - 1);
        weight
    }
}

impl Tap {
    /// One that has told nothing. `seed` tells workers apart.
    pub(super) fn new(
        ring: Producer<Observation>,
        sleeper: Arc<OnceLock<Thread>>,
        sentences: Arc<Sentences>,
        metrics: Arc<WorkerMetrics>,
        seed: u32,
    ) -> Self {
        let pace = Pace { every: 1, gap: 1, begun: Moment::default(), count: 0, dice: seed | 1 };
        Self { ring, sleeper, sentences, metrics, pace }
    }

    /// Takes an answer as a sample: how many it stands for, and after how many the next one is due.
    pub fn take(&mut self, now: Moment) -> (u32, u32) {
        let weight = self.pace.take(now);
        (weight, self.pace.gap)
    }

    /// Tells of one answer of many, if there is room enough.
    pub fn sample(&mut self, seen: Observation) {
        if self.ring.slots() > FOR_MISSES {
            self.tell(seen);
        } else {
            self.metrics.count(Event::DetectDropped);
        }
    }

    /// Tells; what finds no room is lost.
    pub fn tell(&mut self, seen: Observation) {
        if self.ring.push(seen).is_err() {
            self.metrics.count(Event::DetectDropped);
        } else if self.ring.slots() == FOR_MISSES
            && let Some(sleeper) = self.sleeper.get()
        {
            sleeper.unpark();
        }
    }

    /// Whether a question of `client` for the folded `name` is to be refused.
    #[must_use]
    pub fn refuses(&self, client: IpAddr, name: &[u8], now: Moment) -> bool {
        self.sentences.refuses(client, name, now)
    }

    /// How `client` is held back for the folded `name`, and for how much longer.
    #[must_use]
    pub fn standing(&self, client: IpAddr, name: &[u8], now: Moment) -> Option<(Severity, Duration)> {
        self.sentences.standing(client, name, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_answers_are_all_told_and_many_by_samples_that_stand_for_all() {
        for (rate, most) in [(500_u64, 510.0), (50_000, 1_600.0), (200_000, 1_600.0)] {
            let mut pace = Pace { every: 1, gap: 1, begun: Moment::default(), count: 0, dice: 7 };
            let (mut left, mut samples, mut stood_for) = (1_u32, 0_u64, 0_u64);
            let (from, until) = (2 * rate, 12 * rate);
            for answer in 0..until {
                left -= 1;
                if left == 0 {
                    let now = Moment::from_secs(100) + Duration::from_nanos(answer * (1_000_000_000 / rate));
                    let weight = pace.take(now);
                    left = pace.gap;
                    if answer >= from {
                        (samples, stood_for) = (samples + 1, stood_for + u64::from(weight));
                    }
                }
            }
            let (samples, stood_for) = (samples as f64 / 10.0, stood_for as f64 / 10.0);
            assert!(samples <= most && samples >= 250.0, "{samples} samples a second of {rate}");
            assert!((stood_for - rate as f64).abs() < rate as f64 / 50.0, "they stand for {stood_for} of {rate}");
        }
    }
}
