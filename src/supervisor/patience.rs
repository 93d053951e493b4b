//! When a worker that ended is started again.
//!
//! At once as a rule: clients wait. When one after the other ends as soon as it begins, that would only burn the processor, so each waits for
//! twice as long as the one before, and begins without the answers that may have been their undoing.

use std::time::Duration;

/// A worker that answered for so long was sound.
const SOUND: Duration = Duration::from_millis(500);

/// The first pause, after the second one in a row.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause. Queries wait in the sockets for a second or two at most, whatever happens; a person repairs in minutes.
const LONGEST: Duration = Duration::from_secs(5);

/// What is known of workers before.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Workers in a row that were not sound.
    broken: u32,
}

impl Patience {
    /// A worker ended that had answered for so long, `None` if never; how long the next one waits.
    pub(super) fn after(&mut self, answered: Option<Duration>) -> Duration {
        self.broken = if answered.is_some_and(|time| time >= SOUND) { 0 } else { self.broken.saturating_add(1) };
        match self.broken {
            0 | 1 => Duration::ZERO,
            more => FIRST.saturating_mul(1 << (more - 2).min(16)).min(LONGEST),
        }
    }

    /// Whether the next one may believe what the last one left.
    pub(super) fn trusts_answers(&self) -> bool {
        self.broken <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_worker_is_replaced_at_once_and_a_broken_one_later_and_later() {
        let mut patience = Patience::default();
        let second = Some(Duration::from_secs(1));
        assert_eq!(patience.after(second), Duration::ZERO);
        let pauses: Vec<u128> = (0..10).map(|_| patience.after(None).as_millis()).collect();
        assert_eq!(pauses, [0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert!(!patience.trusts_answers());
        assert_eq!(patience.after(second), Duration::ZERO);
        assert!(patience.trusts_answers());
        assert_eq!(patience.after(Some(Duration::from_millis(1))), Duration::ZERO);
        assert!(patience.trusts_answers(), "once may have been chance");
    }
}
