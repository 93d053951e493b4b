//! The only clock. Steps take the time as an argument; whoever drives them reads it here, once a batch.
//!
//! All that is measured and kept goes by the monotonic clock. The time of day is for what outlasts the machine's start: a file.

use std::ops::{Add, Sub};
use std::time::Duration;

/// How much earlier than boot a moment can be: an answer that was kept over a restart of the machine may be as old as the longest
/// `max-ttl` and `serve-stale`, 14 days.
const BEFORE_BOOT: u64 = 30 * 86_400 * 1_000_000_000;

/// A moment on the kernel's monotonic clock, in nanoseconds since 30 days before boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The moment of so many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// The moment of so many seconds; for tests and simulations.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    /// Its nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Its whole seconds.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The time from `earlier` until now; zero when `earlier` is later, as it can be between two clocks of different grain.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment so long before; `None` if that is more than 30 days before boot.
    #[must_use]
    pub fn before(self, duration: Duration) -> Option<Self> {
        Some(Self(self.0.checked_sub(u64::try_from(duration.as_nanos()).ok()?)?))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// The time to the nanosecond; about 20 ns.
#[must_use]
pub fn now() -> Moment {
    read(libc::CLOCK_MONOTONIC)
}

/// The time of the last timer tick (1–10 ms ago at most); about 6 ns.
#[must_use]
pub fn coarse() -> Moment {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// The kernel's monotonic clock as other programs read it (`CLOCK_MONOTONIC`): for what is told to them, not for measuring.
#[must_use]
pub fn since_boot() -> Duration {
    Duration::from_nanos(kernel(libc::CLOCK_MONOTONIC))
}

/// The time of day, since 1970; it may be set back and ahead at any time.
#[must_use]
pub fn wall() -> Duration {
    #[cfg(test)]
    if let Some(held) = tests::held() {
        return held;
    }
    Duration::from_nanos(kernel(libc::CLOCK_REALTIME))
}

/// Reads one of the kernel's monotonic clocks. In the crate's own tests this is the event loop's clock, which they hold still or move on.
fn read(clock: libc::clockid_t) -> Moment {
    #[cfg(not(test))]
    let moment = Moment(kernel(clock) + BEFORE_BOOT);
    #[cfg(test)]
    let moment = tests::event_loop(clock);
    moment
}

/// Asks the kernel for the nanoseconds of one of its clocks.
#[expect(unsafe_code, reason = "clock_gettime has no safe wrapper that offers the coarse clock without a system call")]
fn kernel(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, writable timespec for the duration of the call, and all three clocks exist on every Linux.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    debug_assert_eq!(status, 0, "the clocks exist on every Linux");
    u64::try_from(time.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000) + time.tv_nsec.unsigned_abs()
}

#[cfg(test)]
pub(crate) use tests::{begin, hold_wall};

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::OnceLock;
    use tokio::time::Instant;

    use super::*;

    /// The time at which [`begin`] puts a thread.
    const BEGINNING: Moment = Moment::from_secs(1_000_000);

    thread_local! {
        /// The event loop's time when this thread began to count anew.
        static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
        /// The time of day that this thread goes by, if it is not the kernel's.
        static HELD: Cell<Option<Duration>> = const { Cell::new(None) };
    }

    /// Lets this thread go by another time of day.
    pub(crate) fn hold_wall(time: Duration) {
        HELD.set(Some(time));
    }

    /// The time of day that this thread goes by, if it is not the kernel's.
    pub(super) fn held() -> Option<Duration> {
        HELD.get()
    }

    /// Counts this thread's time anew from the event loop's now, so that whatever is repeated happens at the same times.
    pub(crate) fn begin() {
        BEGUN.set(Some(Instant::now()));
    }

    /// The time of tokio's clock, counted from the kernel's at the first call.
    pub(super) fn event_loop(clock: libc::clockid_t) -> Moment {
        if let Some(begun) = BEGUN.get() {
            return BEGINNING + begun.elapsed();
        }
        static ORIGIN: OnceLock<(Instant, Moment)> = OnceLock::new();
        let (start, base) = ORIGIN.get_or_init(|| (Instant::now(), Moment(kernel(clock) + BEFORE_BOOT)));
        let now = Instant::now();
        let behind = u64::try_from(start.saturating_duration_since(now).as_nanos()).unwrap_or_default();
        Moment(base.0 - behind) + now.saturating_duration_since(*start)
    }

    #[tokio::test(start_paused = true)]
    async fn tests_hold_the_clock_still_and_move_it_on() {
        let start = now();
        assert_eq!(now(), start);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(now().since(start), Duration::from_secs(3));
        assert_eq!(coarse(), now());
    }
}
