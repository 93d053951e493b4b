//! One cell and one histogram, each written by one thread and read by any.
//!
//! A count is a load and a store, both relaxed, not a read-modify-write: with a single writer nothing can get between them,
//! and the processor needs no bus lock (about 5 ns an increment on x86). Readers see each cell whole, at most some
//! nanoseconds late; two cells may differ by the queries counted in between, as in any exposition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that one thread changes.
///
/// Invariant: all writes come from one thread. Two writers would lose counts, nothing worse.
#[derive(Debug)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Zero.
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `amount`; wraps at 2^64.
    #[inline]
    pub(super) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Replaces the number.
    #[inline]
    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number now.
    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

//------ Histograms --------------------------------------------------------------------------------------------------

/// Upper bounds of durations: 0.25 ms doubled 15 times, as CoreDNS has them.
pub(super) const DURATION_BOUNDS: usize = 16;

/// The first upper bound of durations, in nanoseconds.
const FIRST_DURATION_NS: u64 = 250_000;

/// Upper bounds of sizes in bytes, as CoreDNS has them (8291, too).
pub(super) const SIZE_BOUNDS: [u16; 14] =
    [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000];

/// The bounds of durations that are shown of clients' queries: all.
pub(super) const ALL_DURATIONS: [usize; DURATION_BOUNDS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Those that are shown of servers' answers, of which there are several histograms a server: 1 ms quadrupled 6 times. A try that takes longer than
/// the last is no answer any more.
pub(super) const SOME_DURATIONS: [usize; 7] = [2, 4, 6, 8, 10, 12, 14];

/// The bounds of sizes that are shown: 100, 200, 511, 1,023 and 4,095. No message has 0 bytes, and the others only split what is rare.
pub(super) const SOME_SIZES: [usize; 5] = [1, 2, 5, 6, 8];

/// The bounds of counts that are shown: 1, 64, 4,096.
pub(super) const SOME_COUNTS: [usize; 3] = [0, 3, 6];

/// Durations; the last cell has no upper bound. The sum is in nanoseconds.
pub(super) type Durations = Histogram<{ DURATION_BOUNDS + 1 }>;

/// Message sizes; the last cell has no upper bound. The sum is in bytes.
pub(super) type Sizes = Histogram<{ SIZE_BOUNDS.len() + 1 }>;

/// Queries on a connection; the last cell has no upper bound.
pub(super) type Counts = Histogram<{ COUNT_BOUNDS + 1 }>;

/// Upper bounds of counts: 1 quadrupled 8 times.
pub(super) const COUNT_BOUNDS: usize = 9;

/// How often a value fell between two bounds. The count of all values is the sum of the cells, so it is not kept.
#[derive(Debug)]
pub(super) struct Histogram<const CELLS: usize> {
    /// All values added up.
    sum: Counter,
    /// Values up to a bound and above the one before; not cumulative.
    cells: [Counter; CELLS],
}

impl<const CELLS: usize> Histogram<CELLS> {
    /// No values.
    pub(super) const fn new() -> Self {
        Self { sum: Counter::new(), cells: [const { Counter::new() }; CELLS] }
    }

    /// Counts one value in its cell; a cell above the last counts in the last.
    #[inline]
    fn record(&self, cell: usize, value: u64) {
        self.cells[cell.min(CELLS - 1)].add(1);
        self.sum.add(value);
    }

    /// How many values there were.
    pub(super) fn count(&self) -> u64 {
        self.cells.iter().fold(0, |all, cell| all.wrapping_add(cell.value()))
    }

    /// Adds these values to a tally.
    pub(super) fn tally(&self, tally: &mut Tally<CELLS>) {
        for (total, cell) in tally.cells.iter_mut().zip(&self.cells) {
            *total = total.wrapping_add(cell.value());
        }
        tally.sum = tally.sum.wrapping_add(self.sum.value());
    }
}

impl Durations {
    /// Counts one duration; above 584 years it saturates.
    #[inline]
    pub(super) fn observe(&self, duration: Duration) {
        let nanoseconds =
            duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()));
        self.record(duration_cell(nanoseconds), nanoseconds);
    }
}

impl Sizes {
    /// Counts one message.
    #[inline]
    pub(super) fn observe(&self, bytes: usize) {
        self.record(size_cell(bytes), bytes as u64);
    }
}

impl Counts {
    /// Counts one number of things.
    pub(super) fn observe(&self, count: u64) {
        let cell = (0..COUNT_BOUNDS).find(|&cell| count <= count_bound(cell));
        self.record(cell.unwrap_or(COUNT_BOUNDS), count);
    }
}

/// The upper bound of a count's cell.
pub(super) const fn count_bound(cell: usize) -> u64 {
    1 << (2 * cell)
}

/// The cell of a duration: how often 0.25 ms must double to reach it; bounds are inclusive.
#[inline]
fn duration_cell(nanoseconds: u64) -> usize {
    let halves = nanoseconds.saturating_sub(1) / FIRST_DURATION_NS;
    (u64::BITS - halves.leading_zeros()) as usize
}

/// The cell of a message size; bounds are inclusive.
#[inline]
fn size_cell(bytes: usize) -> usize {
    // Nearly every message is below 512 bytes, where the bounds are 100 apart but for the last.
    if bytes <= 511 { bytes.div_ceil(100).min(5) } else { large_size_cell(bytes) }
}

/// The cell of a message above 511 bytes.
#[cold]
fn large_size_cell(bytes: usize) -> usize {
    SIZE_BOUNDS.iter().position(|&bound| bytes <= usize::from(bound)).unwrap_or(SIZE_BOUNDS.len())
}

/// A histogram of all workers, for the scrape.
#[derive(Clone, Debug)]
pub(super) struct Tally<const CELLS: usize> {
    /// All values added up.
    pub(super) sum: u64,
    /// Values up to a bound and above the one before; not cumulative.
    pub(super) cells: [u64; CELLS],
}

impl<const CELLS: usize> Default for Tally<CELLS> {
    fn default() -> Self {
        Self { sum: 0, cells: [0; CELLS] }
    }
}

/// The upper bound of a duration cell in seconds.
pub(super) fn duration_bound(cell: usize) -> f64 {
    // Doubling is exact in binary, so that the printed bounds are the decimal numbers dashboards select by.
    0.000_25 * (1_u64 << cell.min(63)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_under_the_smallest_bound_that_holds_it() {
        for nanoseconds in (0..40).flat_map(|shift| {
            let near = FIRST_DURATION_NS << shift >> 12;
            [near.saturating_sub(1), near, near + 1]
        }) {
            let naive = (0..DURATION_BOUNDS)
                .position(|cell| nanoseconds <= FIRST_DURATION_NS << cell)
                .unwrap_or(DURATION_BOUNDS);
            assert_eq!(duration_cell(nanoseconds).min(DURATION_BOUNDS), naive, "{nanoseconds} ns");
        }
        assert!(duration_cell(u64::MAX) >= DURATION_BOUNDS);
    }

    #[test]
    fn a_size_falls_under_the_smallest_bound_that_holds_it() {
        for bytes in 0..=70_000 {
            let naive = SIZE_BOUNDS.iter().filter(|&&bound| bytes > usize::from(bound)).count();
            assert_eq!(size_cell(bytes), naive, "{bytes} bytes");
        }
    }

    #[test]
    fn a_count_falls_under_the_smallest_power_of_four_that_holds_it() {
        let counts = Counts::new();
        for count in [0, 1, 2, 4, 5, 65_536, 65_537, u64::MAX >> 1] {
            counts.observe(count);
        }
        let mut tally = Tally::default();
        counts.tally(&mut tally);
        assert_eq!(tally.cells, [2, 2, 1, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn the_printed_bounds_are_those_of_coredns() {
        let printed: Vec<_> = (0..DURATION_BOUNDS).map(|cell| duration_bound(cell).to_string()).collect();
        assert_eq!(printed[..5], ["0.00025", "0.0005", "0.001", "0.002", "0.004"]);
        assert_eq!(printed.last().unwrap(), "8.192");
    }
}
