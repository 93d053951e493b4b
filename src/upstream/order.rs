//! Whether a server answers strictly in the order in which it was asked (RFC 7766 section 6.2.1.1 asks it not to).
//!
//! Behind such a server one name that takes long delays all that were asked after it on the same connection; it is given more connections.
//! One answer that overtakes another proves the contrary. Answers that come in order prove nothing, unless those behind a late one had to
//! wait for it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use crate::sys::clock::Moment;

/// How many answers in a row must have been held up by the one before.
const EVIDENCE: u32 = 3;

/// Queries of a connection that are remembered; the oldest is forgotten then, as it may never be answered.
const REMEMBERED: usize = 4096;

/// What the answers of one server have shown.
#[derive(Default)]
pub(super) struct Order {
    /// Answers in a row that were held up.
    held_up: Cell<u32>,
}

impl Order {
    /// Whether the server is taken to answer strictly in order.
    pub(super) fn is_strict(&self) -> bool {
        self.held_up.get() >= EVIDENCE
    }

    /// Notes what an answer shows; true if the server is found to be strict just now.
    pub(super) fn note(&self, shown: Shown) -> bool {
        let before = self.held_up.get();
        match shown {
            Shown::Nothing => {}
            Shown::Overtook => self.held_up.set(0),
            Shown::HeldUp => self.held_up.set(before.saturating_add(1)),
        }
        before < EVIDENCE && self.is_strict()
    }
}

/// What one answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It came in order, as it may anywhere.
    Nothing,
    /// It came before the answer to an earlier query.
    Overtook,
    /// It was late, and the query behind it waits for too long as well.
    HeldUp,
}

/// The queries of one connection in the order in which they left.
#[derive(Default)]
pub(super) struct Line {
    /// When each left; `None` once it was answered. Invariant: the first is not answered.
    queue: VecDeque<Option<Moment>>,
    /// Number of the first.
    first: u64,
}

impl Line {
    /// A query leaves; its number.
    pub(super) fn join(&mut self, now: Moment) -> u64 {
        if self.queue.len() >= REMEMBERED {
            self.leave_first();
        }
        self.queue.push_back(Some(now));
        self.first + self.queue.len() as u64 - 1
    }

    /// A query was answered; `late` is how long an answer takes that is late.
    pub(super) fn leave(&mut self, number: u64, now: Moment, late: Duration) -> Shown {
        let Some(place) = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok()) else {
            return Shown::Nothing;
        };
        if place > 0 {
            if let Some(sent) = self.queue.get_mut(place) {
                *sent = None;
            }
            return Shown::Overtook;
        }
        let was_late = self.waits(now) >= late;
        self.leave_first();
        if was_late && self.waits(now) >= late / 2 { Shown::HeldUp } else { Shown::Nothing }
    }

    /// How long the first has been waiting; zero if there is none.
    pub(super) fn waits(&self, now: Moment) -> Duration {
        self.queue.front().copied().flatten().map_or(Duration::ZERO, |sent| now.since(sent))
    }

    /// Takes the first out, and those behind it that were answered.
    fn leave_first(&mut self) {
        self.queue.pop_front();
        self.first += 1;
        while self.queue.front().is_some_and(Option::is_none) {
            self.queue.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is late.
    const LATE: Duration = Duration::from_millis(200);

    /// A moment.
    fn at(milliseconds: u64) -> Moment {
        Moment::from_nanos(milliseconds * 1_000_000)
    }

    /// What the answers at these times show, in the order of `answers`, to queries that all left at 0.
    fn shown(answers: &[(u64, u64)]) -> Vec<Shown> {
        let mut line = Line::default();
        for number in 0..answers.len() as u64 {
            assert_eq!(line.join(at(0)), number);
        }
        answers.iter().map(|&(number, time)| line.leave(number, at(time), LATE)).collect()
    }

    #[test]
    fn quick_answers_in_order_show_nothing() {
        assert_eq!(shown(&[(0, 10), (1, 11), (2, 12)]), [Shown::Nothing; 3]);
    }

    #[test]
    fn an_answer_before_an_earlier_one_shows_that_the_order_is_free() {
        let expected = [Shown::Overtook, Shown::Overtook, Shown::Nothing];
        assert_eq!(shown(&[(2, 10), (1, 11), (0, 900)]), expected);
    }

    #[test]
    fn answers_behind_a_late_one_show_that_they_had_to_wait() {
        let expected = [Shown::HeldUp, Shown::HeldUp, Shown::HeldUp, Shown::Nothing];
        assert_eq!(shown(&[(0, 900), (1, 901), (2, 902), (3, 903)]), expected);
    }

    #[test]
    fn three_held_up_in_a_row_make_a_strict_server_and_one_overtaking_frees_it() {
        let order = Order::default();
        let notes = [Shown::HeldUp, Shown::HeldUp, Shown::Overtook, Shown::HeldUp, Shown::HeldUp, Shown::Nothing];
        assert!(notes.iter().all(|&shown| !order.note(shown)));
        assert!(order.note(Shown::HeldUp) && order.is_strict());
        assert!(!order.note(Shown::HeldUp), "it is known already");
        order.note(Shown::Overtook);
        assert!(!order.is_strict());
    }

    #[test]
    fn a_query_that_is_never_answered_is_forgotten_in_the_end() {
        let mut line = Line::default();
        for number in 0..100_000 {
            assert_eq!(line.join(at(number)), number);
            if number > 0 {
                line.leave(number, at(number), LATE);
            }
            assert!(line.queue.len() <= REMEMBERED);
        }
        assert!(line.queue.is_empty(), "with it, all behind it that were answered");
        assert_eq!(line.leave(0, at(100_000), LATE), Shown::Nothing);
    }
}
