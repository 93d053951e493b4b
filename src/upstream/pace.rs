//! How well a server answers: its usual time, the time within which 95 of 100 answers come, and how often it cannot help.
//!
//! From these and the queries under way comes its cost, by which servers of a group are compared. What is known fades: a server that
//! was slow is not asked, so nothing new is learned of it, and after a while it is tried again. One that has said nothing since it was asked
//! costs as much as if it had answered only now, long before its silence is a failure.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::sys::clock::Moment;

/// Time in which what is known of a server loses half of its weight. A guess: a server ten times as slow as another is tried
/// again after half a minute, one that did not answer for two seconds after a minute and a half.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// Answer times below this are alike; also the time of a server of which nothing is known.
const LEAST_TIME: Duration = Duration::from_micros(100);

/// What a server is taken to cost more that never helps; in proportion if it helps now and then. More than asking another one after it costs.
const POOR_COST: Duration = Duration::from_secs(1);

/// Domains remembered for which a server could not help, so that each counts once.
const POOR_DOMAINS: usize = 8;

/// Answers seen before anything is said about 95 of 100.
const FEW: u32 = 20;

/// Answers after which older ones count half.
const MANY: u32 = 512;

/// Upper bounds of the cells of a histogram: half octaves from 1 ms to 2.9 s. The last cell, beyond them, has none.
const BOUNDS: [Duration; 24] = {
    let mut bounds = [Duration::ZERO; 24];
    let mut cell = 0;
    while cell < 24 {
        let base = if cell % 2 == 0 { 1000 } else { 1414 };
        bounds[cell] = Duration::from_micros(base << (cell / 2));
        cell += 1;
    }
    bounds
};

/// The pace of one server.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Smoothed time of an answer, and when it was last fed.
    time: Cell<(Duration, Moment)>,
    /// Answers by their time; the last cell is beyond [`BOUNDS`].
    cells: RefCell<[u32; BOUNDS.len() + 1]>,
    /// Queries under way.
    in_flight: Cell<u32>,
    /// Since when it has said nothing although it was asked; has no meaning while no query is under way.
    silent: Cell<Moment>,
    /// The smoothed share of answers that did not help, from 0 to 1.
    poor: Cell<f32>,
    /// The last domains for which it could not help, the oldest first.
    poor_domains: Cell<[u64; POOR_DOMAINS]>,
}

impl Pace {
    /// Goes on with what is known of the same server; queries that are under way there are not ours.
    pub(super) fn go_on_with(&self, before: &Self) {
        self.time.set(before.time.get());
        *self.cells.borrow_mut() = *before.cells.borrow();
        self.poor.set(before.poor.get());
        self.poor_domains.set(before.poor_domains.get());
    }

    /// A try took so long, to its answer or until it was given up. Each counts an eighth (as RFC 6298 section 2 does), and more the longer
    /// those before are ago: a server that is tried again after half a minute is known by what it does then.
    pub(super) fn took(&self, took: Duration, now: Moment) {
        let (known, at) = self.time.get();
        let weight = if known.is_zero() { 0.0 } else { 7.0 * faded(now.since(at) * 4) };
        self.time.set(((known.mul_f64(weight) + took).div_f64(weight + 1.0), now));
    }

    /// An answer came so long after its question had been sent. The time before, in which a connection was opened, tells nothing of the
    /// next answer; nor does silence, lest a server that loses questions be raced too late.
    pub(super) fn came_after(&self, took: Duration) {
        let mut cells = self.cells.borrow_mut();
        cells[BOUNDS.partition_point(|bound| *bound < took)] += 1;
        if cells.iter().sum::<u32>() > MANY {
            cells.iter_mut().for_each(|count| *count /= 2);
        }
    }

    /// The time within which 95 of 100 of the last few hundred answers came, rounded up to a half octave; `None` if too few came to tell, or
    /// if it is longer than anybody waits.
    pub(super) fn percentile_95(&self) -> Option<Duration> {
        let cells = self.cells.borrow();
        let total: u32 = cells.iter().sum();
        let mut rest = (total - total / 20).max(1);
        let cell = cells.iter().position(|count| {
            rest = rest.saturating_sub(*count);
            rest == 0
        });
        BOUNDS.get(cell?).copied().filter(|_| total >= FEW)
    }

    /// It said something.
    pub(super) fn heard(&self, now: Moment) {
        self.silent.set(now);
    }

    /// A query leaves.
    pub(super) fn leaves(&self, now: Moment) {
        if self.in_flight.get() == 0 {
            self.silent.set(now);
        }
        self.in_flight.set(self.in_flight.get().saturating_add(1));
    }

    /// A query is over.
    pub(super) fn is_over(&self) {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
    }

    /// Queries under way.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// An answer helped, or did not, with a name of `domain`. A domain that is broken counts once, however often it is asked for.
    pub(super) fn helped(&self, helped: bool, domain: u64) {
        let mut domains = self.poor_domains.get();
        if !helped {
            if domains.contains(&domain) {
                return;
            }
            domains.rotate_left(1);
            domains[POOR_DOMAINS - 1] = domain;
            self.poor_domains.set(domains);
        }
        let target = if helped { 0.0 } else { 1.0 };
        self.poor.set(self.poor.get() + (target - self.poor.get()) / 8.0);
    }

    /// What a query to it costs, to be compared with the cost of others; in nanoseconds of waiting.
    pub(super) fn cost(&self, now: Moment) -> u64 {
        let (time, at) = self.time.get();
        let time = (time + POOR_COST.mul_f32(self.poor.get())).mul_f64(faded(now.since(at))).max(LEAST_TIME);
        let in_flight = self.in_flight.get();
        let time = if in_flight > 0 { time.max(now.since(self.silent.get())) } else { time };
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).saturating_mul(u64::from(in_flight) + 1)
    }
}

/// What is left after so long, from 1 to 0.
fn faded(after: Duration) -> f64 {
    0.5_f64.powf(after.as_secs_f64() / HALF_LIFE.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment to begin with.
    const START: Moment = Moment::from_secs(1000);

    /// So many milliseconds.
    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A server that always took this long.
    fn steady(took: Duration) -> Pace {
        let pace = Pace::default();
        (0..100).for_each(|_| pace.took(took, START));
        pace
    }

    #[test]
    fn the_first_answer_counts_whole_and_later_ones_an_eighth() {
        let pace = Pace::default();
        let cost = |now| Duration::from_nanos(pace.cost(now));
        assert_eq!(cost(START), LEAST_TIME, "nothing is known");
        pace.took(ms(80), START);
        assert_eq!(cost(START), ms(80));
        pace.took(ms(160), START);
        assert_eq!(cost(START), ms(90));
        let later = START + HALF_LIFE * 3;
        assert_eq!(cost(later), ms(90) / 8);
        pace.took(ms(10), later);
        assert!((ms(10)..ms(11)).contains(&cost(later)), "{:?}", cost(later));
    }

    #[test]
    fn a_slow_server_is_tried_again_after_a_while_and_left_again_after_one_answer() {
        let (slow, fast) = (steady(ms(200)), steady(ms(20)));
        let at = |seconds| START + Duration::from_secs(seconds);
        let fast_at = |now| {
            fast.took(ms(20), now);
            fast.cost(now)
        };
        assert!(slow.cost(at(30)) > fast_at(at(30)));
        assert!(slow.cost(at(40)) < fast_at(at(40)));
        slow.took(ms(200), at(40));
        assert!(slow.cost(at(40)) > fast_at(at(40)));
    }

    #[test]
    fn queries_under_way_raise_the_cost() {
        let (one, other) = (steady(ms(10)), steady(ms(15)));
        assert!(one.cost(START) < other.cost(START));
        one.leaves(START);
        assert!(one.cost(START) > other.cost(START));
        one.is_over();
        one.is_over();
        assert!(one.cost(START) < other.cost(START));
    }

    #[test]
    fn a_server_that_cannot_help_with_many_domains_costs_more_and_one_broken_domain_changes_little() {
        let (refuses, broken, good) = (steady(ms(1)), steady(ms(1)), steady(ms(50)));
        for domain in 0..100 {
            refuses.helped(false, domain);
            broken.helped(false, 7);
            broken.helped(true, domain);
            good.helped(true, domain);
        }
        assert!(refuses.cost(START) > 10 * good.cost(START));
        assert!(broken.cost(START) < good.cost(START));
        // It is forgiven when it helps again, and tried again when nothing is known any more.
        assert!(refuses.cost(START + Duration::from_secs(120)) < good.cost(START));
        (0..40).for_each(|_| refuses.helped(true, 1));
        assert!(refuses.cost(START) < good.cost(START));
    }

    #[test]
    fn a_fast_server_that_falls_silent_costs_more_from_one_question_to_the_next() {
        let (silent, slow) = (steady(ms(2)), steady(ms(40)));
        silent.leaves(START);
        assert!(silent.cost(START + ms(5)) < slow.cost(START + ms(5)));
        assert!(silent.cost(START + ms(50)) > slow.cost(START + ms(50)));
        // Others may have been asked first: who answers any of them is not silent.
        silent.leaves(START + ms(50));
        silent.heard(START + ms(60));
        assert!(silent.cost(START + ms(61)) < slow.cost(START + ms(61)));
        silent.is_over();
        silent.is_over();
        silent.leaves(START + ms(5000));
        assert!(silent.cost(START + ms(5001)) < slow.cost(START + ms(5001)), "nothing was asked meanwhile");
    }

    #[test]
    fn ninety_five_of_a_hundred_answers_come_within_the_percentile() {
        let pace = Pace::default();
        (0..19).for_each(|_| pace.came_after(ms(3)));
        assert_eq!(pace.percentile_95(), None, "too few to tell");
        for number in 0..1000 {
            pace.came_after(if number % 25 == 0 { ms(700) } else { ms(3) });
        }
        assert_eq!(pace.percentile_95(), Some(Duration::from_micros(4000)));
        for number in 0..1000 {
            pace.came_after(if number % 10 == 0 { ms(700) } else { ms(3) });
        }
        assert_eq!(pace.percentile_95(), Some(Duration::from_micros(1414 << 9)));
        (0..2000).for_each(|_| pace.came_after(ms(1)));
        assert_eq!(pace.percentile_95(), Some(ms(1)), "old answers are forgotten");
        (0..2000).for_each(|_| pace.came_after(ms(5000)));
        assert_eq!(pace.percentile_95(), None, "nobody waits so long");
    }
}
