//! What is counted of one client's questions below one domain, over a minute, a quarter of an hour and half a day.
//!
//! The two shorter windows are two counts each, of the time that runs and of the one before; of the latter, that part counts which has not
//! slid out yet. The long one is a single count that is halved every half day.

use super::charset::Charset;

/// Lengths of the windows in seconds.
pub(super) const MINUTE: u32 = 60;
/// A quarter of an hour.
pub(super) const QUARTER: u32 = 900;
/// Half a day, after which counts are halved.
pub(super) const HALF_DAY: u32 = 43_200;

/// What is counted; each saturates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Questions that a server had to be asked.
    Questions,
    /// Of these, for a name that was asked a moment ago for another type.
    Twins,
    /// Names never seen before.
    Fresh,
    /// Of these, data in an encoding.
    Encoded,
    /// Of these, with something about them that hosts do not have: [`super::pair`] says what.
    Odd,
    /// Of these, too long for a host.
    Long,
    /// Fresh names asked for types that carry data.
    Payload,
    /// Fresh names that do not exist.
    Denied,
    /// Fresh names whose answer is good for five seconds at most.
    Brief,
    /// Questions for NULL and for types of private use.
    Null,
    /// Encoded names by encoding.
    Hex,
    /// Base32 and its like.
    Base32,
    /// Binary.
    Binary,
}

impl Count {
    /// How many there are.
    const COUNT: usize = Self::Binary as usize + 1;
}

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    /// Information in fresh names, in bytes.
    Information,
    /// Of that, in odd ones.
    Odd,
    /// Characters of encoded names.
    Length,
    /// Bytes of answers to fresh names that were asked for types that carry data.
    Down,
}

impl Sum {
    /// How many there are.
    const COUNT: usize = Self::Down as usize + 1;
}

/// Counts and sums of a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// By [`Sum`].
    sums: [u32; Sum::COUNT],
    /// By [`Count`].
    counts: [u16; Count::COUNT],
}

impl Tally {
    /// Counts one.
    pub(super) fn count(&mut self, count: Count) {
        let cell = &mut self.counts[count as usize];
        *cell = cell.saturating_add(1);
    }

    /// Adds up.
    pub(super) fn add(&mut self, sum: Sum, amount: u32) {
        let cell = &mut self.sums[sum as usize];
        *cell = cell.saturating_add(amount);
    }

    /// What was counted.
    pub(super) fn of(&self, count: Count) -> f32 {
        f32::from(self.counts[count as usize])
    }

    /// What was added up.
    pub(super) fn sum(&self, sum: Sum) -> f32 {
        self.sums[sum as usize] as f32
    }

    /// A part of `whole`, of what was counted.
    pub(super) fn share(&self, part: Count, whole: Count) -> f32 {
        self.of(part) / self.of(whole).max(1.0)
    }

    /// The encoding of most names.
    pub(super) fn charset(&self) -> Charset {
        let all = [(Count::Hex, Charset::Hex), (Count::Base32, Charset::Base32), (Count::Binary, Charset::Binary)];
        all.into_iter()
            .max_by_key(|(count, _)| self.counts[*count as usize])
            .map_or(Charset::Hex, |(_, charset)| charset)
    }

    /// As much again as `share`, in 1/256, of `other`.
    fn plus(&self, other: &Self, share: u32) -> Self {
        let mut all = *self;
        for (cell, more) in all.sums.iter_mut().zip(other.sums) {
            *cell = cell.saturating_add(u32::try_from(u64::from(more) * u64::from(share) / 256).unwrap_or(u32::MAX));
        }
        for (cell, more) in all.counts.iter_mut().zip(other.counts) {
            *cell = cell.saturating_add(u16::try_from(u32::from(more) * share / 256).unwrap_or(u16::MAX));
        }
        all
    }

    /// Half of it.
    fn halve(&mut self) {
        self.sums.iter_mut().for_each(|cell| *cell /= 2);
        self.counts.iter_mut().for_each(|cell| *cell /= 2);
    }
}

/// A time that slides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window<const SECONDS: u32> {
    /// What runs.
    pub(super) now: Tally,
    /// What was before.
    before: Tally,
    /// When the one that runs began, in seconds.
    begun: u32,
}

impl<const SECONDS: u32> Window<SECONDS> {
    /// One that begins.
    pub(super) fn begin(at: u32) -> Self {
        Self { begun: at, ..Self::default() }
    }

    /// Goes on to `at`.
    pub(super) fn advance(&mut self, at: u32) {
        let passed = at.saturating_sub(self.begun) / SECONDS;
        if passed > 0 {
            self.before = if passed == 1 { self.now } else { Tally::default() };
            self.now = Tally::default();
            self.begun += passed * SECONDS;
        }
    }

    /// What was counted within the time before `at`.
    pub(super) fn tally(&self, at: u32) -> Tally {
        let passed = at.saturating_sub(self.begun).min(SECONDS);
        self.now.plus(&self.before, (SECONDS - passed) * 256 / SECONDS)
    }
}

/// The time that is halved.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fading {
    /// What is left.
    pub(super) now: Tally,
    /// When it was halved last, in seconds.
    halved: u32,
}

impl Fading {
    /// One that begins.
    pub(super) fn begin(at: u32) -> Self {
        Self { halved: at, ..Self::default() }
    }

    /// Goes on to `at`.
    pub(super) fn advance(&mut self, at: u32) {
        let passed = at.saturating_sub(self.halved) / HALF_DAY;
        for _ in 0..passed.min(32) {
            self.now.halve();
        }
        self.halved += passed * HALF_DAY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_slid_out_counts_no_more() {
        let mut window = Window::<60>::begin(100);
        for second in 100..160 {
            window.advance(second);
            window.now.count(Count::Questions);
        }
        assert!((window.tally(159).of(Count::Questions) - 60.0).abs() < 1.0);
        for (second, left) in [(160, 60.0), (190, 30.0), (219, 1.0), (220, 0.0), (400, 0.0)] {
            window.advance(second);
            let counted = window.tally(second).of(Count::Questions);
            assert!((counted - left).abs() <= 1.0, "{counted} at {second}");
        }
    }

    #[test]
    fn half_a_day_halves_what_was_counted() {
        let mut fading = Fading::begin(0);
        fading.now.add(Sum::Information, 1_000);
        fading.advance(HALF_DAY - 1);
        assert!((fading.now.sum(Sum::Information) - 1_000.0).abs() < 0.1);
        fading.advance(3 * HALF_DAY + 5);
        assert!((fading.now.sum(Sum::Information) - 125.0).abs() < 0.1);
    }

    #[test]
    fn counts_saturate() {
        let mut tally = Tally::default();
        for _ in 0..70_000 {
            tally.count(Count::Fresh);
            tally.add(Sum::Down, 100_000);
        }
        assert!((tally.of(Count::Fresh) - 65_535.0).abs() < 0.1 && tally.sum(Sum::Down) > 4e9);
    }
}
