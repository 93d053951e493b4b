//! One server over UDP, and over TCP where that is needed: answers that do not fit, names whose answers did not fit before, and questions
//! with which UDP is not to be trusted, since somebody seems to forge.
//!
//! TCP must not be assumed: there are servers that refuse it, firewalls that drop it, and limits on it. Nothing here is for encrypted
//! servers, which are never asked in any other way.

use std::cell::{Cell, RefCell};
use std::hash::BuildHasher as _;
use std::rc::Rc;
use std::time::Duration;

use foldhash::quality::FixedState;
use rand::RngExt as _;
use tokio::time::timeout;

use crate::metrics::UpstreamEvent;
use crate::sys::clock::{self, Moment};
use crate::sys::random;
use crate::wire::header::{self, flag};
use crate::wire::message::Outgoing;

use super::error::UpstreamError;
use super::stream::StreamServer;
use super::udp::UdpServer;
use super::way::Course;

/// How long a question is asked over TCP first after its answer was truncated: about as long as popular large answers are kept.
const MEMORY: Duration = Duration::from_secs(300);

/// Questions that are remembered, at 16 bytes. One that takes the place of another costs that one an exchange over UDP more.
const REMEMBERED: usize = 1024;

/// How long TCP is not tried after it failed.
const NO_STREAM: Duration = Duration::from_secs(30);

/// How long TCP may take to settle a doubt, where nothing else bounds it. A guess.
const SETTLES: Duration = Duration::from_secs(1);

/// Times a question goes back to UDP, from a new port, because TCP could not settle a doubt about it: a forger must not be able to take away
/// what a firewall has left. Each gives him as many guesses as the first.
const MOST_DOUBTS: u8 = 3;

/// A server that is asked over UDP first.
pub(super) struct PlainServer {
    /// Over UDP.
    udp: UdpServer,
    /// Over TCP.
    stream: Rc<StreamServer>,
    /// How long TCP may take before the truncated answer is passed on, and how long a question may take in all; `None`: it never is.
    patience: Option<[Duration; 2]>,
    /// Until when TCP is not tried.
    no_stream: Cell<Moment>,
    /// Questions whose answers were truncated.
    truncated: Truncated,
}

impl PlainServer {
    /// A server of which nothing is known yet. With `patience`, a truncated answer is passed on when TCP fails or takes longer.
    pub(super) fn new(udp: UdpServer, stream: Rc<StreamServer>, patience: Option<[Duration; 2]>) -> Self {
        Self { udp, stream, patience, no_stream: Cell::default(), truncated: Truncated::default() }
    }

    /// Asks the server and waits for its answer, for as long as the caller lets it. Cancellation safe. `course` hears when it has said
    /// something, so that what goes wrong over TCP afterwards is not taken for its absence.
    pub(super) async fn exchange(&self, query: &Rc<Outgoing>, course: &Course) -> Result<Vec<u8>, UpstreamError> {
        let now = clock::now();
        if self.truncated.holds(query.question(), now) && now >= self.no_stream.get() {
            self.stream.learned().count(UpstreamEvent::StreamFirst);
            if let Ok(bytes) = self.over_stream(query, course).await {
                return Ok(bytes);
            }
        }
        let (bytes, is_settled) = self.over_datagrams(query, course).await?;
        if is_settled || header::flags(&bytes) & flag::TC == 0 {
            return Ok(bytes);
        }
        course.heard.set(true);
        let now = clock::now();
        self.truncated.insert(query.question(), now);
        if now < self.no_stream.get() {
            return Ok(bytes);
        }
        self.stream.learned().count(UpstreamEvent::TruncatedRetry);
        match self.over_stream(query, course).await {
            // Half an answer, marked as such, is better than none where TCP is not allowed.
            Err(_) if self.patience.is_some() => Ok(bytes),
            outcome => outcome,
        }
    }

    /// Asks over UDP, and over TCP as well if UDP is not to be trusted; whether the answer came that way.
    async fn over_datagrams(&self, query: &Rc<Outgoing>, course: &Course) -> Result<(Vec<u8>, bool), UpstreamError> {
        let mut doubts = 0;
        loop {
            match self.udp.exchange(query.as_bytes(), query.question_end(), clock::now()).await {
                Err(UpstreamError::Mismatched) => {}
                outcome => return outcome.map(|bytes| (bytes, false)),
            }
            self.stream.learned().doubtful();
            if clock::now() >= self.no_stream.get() {
                let limit = if self.patience.is_some() { Duration::MAX } else { SETTLES };
                if let Ok(Ok(bytes)) = timeout(limit, self.over_stream(query, course)).await {
                    return Ok((bytes, true));
                }
            }
            doubts += 1;
            if doubts == MOST_DOUBTS {
                return Err(UpstreamError::Mismatched);
            }
        }
    }

    /// Asks over TCP. If it fails where it may, it is not tried for a while. It gets half of the question's time at most, so that what UDP
    /// brings reaches the client even if it came late.
    async fn over_stream(&self, query: &Rc<Outgoing>, course: &Course) -> Result<Vec<u8>, UpstreamError> {
        let answer = self.stream.exchange(query, &course.opening);
        let Some([patience, in_all]) = self.patience else { return answer.await };
        let left = in_all.saturating_sub(clock::now().since(course.asked));
        let outcome = timeout(patience.min(left / 2), answer).await.unwrap_or(Err(UpstreamError::Timeout));
        if matches!(outcome, Err(UpstreamError::Connect(_) | UpstreamError::Timeout | UpstreamError::Closed)) {
            self.stream.learned().count(UpstreamEvent::StreamRefused);
            self.no_stream.set(clock::now() + NO_STREAM);
        }
        outcome
    }
}

/// A table of questions whose answers were truncated. Holds at most [`REMEMBERED`], each at the one place that its hash gives it.
struct Truncated {
    /// Hashes, and until when they hold; empty before the first.
    table: RefCell<Vec<(u64, Moment)>>,
    /// Ours alone, so that nobody can choose names that meet in one place.
    hasher: FixedState,
}

impl Default for Truncated {
    fn default() -> Self {
        Self { table: RefCell::default(), hasher: FixedState::with_seed(random::rng().random()) }
    }
}

impl Truncated {
    /// Whether a question is in it.
    fn holds(&self, question: &[u8], now: Moment) -> bool {
        let hash = self.hasher.hash_one(question);
        let held = self.table.borrow().get(place(hash)).copied();
        held.is_some_and(|(held, until)| held == hash && now < until)
    }

    /// Puts a question in.
    fn insert(&self, question: &[u8], now: Moment) {
        let hash = self.hasher.hash_one(question);
        let mut table = self.table.borrow_mut();
        if table.is_empty() {
            table.resize(REMEMBERED, (0, Moment::default()));
        }
        table[place(hash)] = (hash, now + MEMORY);
    }
}

/// The place of a hash in the table.
fn place(hash: u64) -> usize {
    usize::from(u16::from_be_bytes([hash.to_be_bytes()[0], hash.to_be_bytes()[1]])) % REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The question number `number`.
    fn question(number: u32) -> [u8; 4] {
        number.to_be_bytes()
    }

    #[test]
    fn a_truncated_question_is_remembered_for_five_minutes() {
        let (table, now) = (Truncated::default(), Moment::from_secs(1000));
        assert!(!table.holds(&question(1), now));
        table.insert(&question(1), now);
        assert!(table.holds(&question(1), now) && !table.holds(&question(2), now));
        assert!(table.holds(&question(1), now + Duration::from_secs(299)));
        assert!(!table.holds(&question(1), now + Duration::from_secs(300)));
    }

    #[test]
    fn the_table_does_not_grow_and_keeps_what_came_last() {
        let (table, now) = (Truncated::default(), Moment::from_secs(1000));
        for number in 0..100_000 {
            table.insert(&question(number), now);
            assert!(table.holds(&question(number), now));
        }
        let held = (0..100_000).filter(|number| table.holds(&question(*number), now)).count();
        assert!((REMEMBERED / 2..=REMEMBERED).contains(&held), "{held}");
    }
}
