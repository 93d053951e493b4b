//! When a worker that ended is started again.
//!
//! At once as a rule: clients wait. One that ends as soon as it begins would only burn the processor, so it waits for twice as long each
//! time, and begins without the answers that may have been its undoing.

use std::time::Duration;

/// A worker that answered for so long was sound.
const SOUND: Duration = Duration::from_millis(500);

/// The first pause.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause. Queries wait in the sockets for a second or two at most, whatever happens; a person repairs in minutes.
const LONGEST: Duration = Duration::from_secs(5);

/// What is known of workers before.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// The pause before the next one.
    pause: Duration,
}

impl Patience {
    /// A worker ended that had answered for so long, `None` if never; how long the next one waits.
    pub(super) fn after(&mut self, answered: Option<Duration>) -> Duration {
        self.pause = if answered.is_some_and(|time| time >= SOUND) {
            Duration::ZERO
        } else {
            (self.pause * 2).clamp(FIRST, LONGEST)
        };
        self.pause
    }

    /// Whether the next one may believe what the last one left.
    pub(super) fn trusts_answers(&self) -> bool {
        self.pause <= FIRST
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
        let pauses: Vec<u128> = (0..9).map(|_| patience.after(None).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert!(!patience.trusts_answers());
        assert_eq!(patience.after(second), Duration::ZERO);
        assert!(patience.trusts_answers());
        assert_eq!(patience.after(Some(Duration::from_millis(1))), FIRST);
        assert!(patience.trusts_answers(), "once may have been chance");
    }
}
