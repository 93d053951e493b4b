//! The askers' side of one connection to a server: many queries at a time, answers in any order (RFC 7766 sections 6.2.1 and 7).
//!
//! Queries are framed into one buffer and wait for their answers by ID; the [`driver`](super::driver) owns the stream. Both live in one worker:
//! nothing is locked.
//!
//! An asker that goes away leaves its ID in use until the answer comes, so that a late answer never meets a new question.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use crate::metrics::UpstreamEvent;
use crate::sys::clock::{self, Moment};
use crate::wire::header::{HEADER, flag};
use crate::wire::message::Outgoing;
use crate::wire::{header, name, u16_at};

use super::error::UpstreamError;
use super::learned::Learned;
use super::order::{Line, Order};

/// How long a connection is kept that the server is suspected to have forgotten: longer than any query waits.
const LINGER: Duration = Duration::from_secs(10);

/// How connections of one server are used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Queries waiting at a time.
    pub(super) pipeline: usize,
    /// How long it is kept unused.
    pub(super) idle: Duration,
    /// Padding block; 0 on plain TCP.
    pub(super) padding: u16,
}

/// The askers' side of a connection.
pub(super) struct Connection {
    /// Queries waiting for an answer.
    waiting: RefCell<Waiting>,
    /// Framed queries not written yet.
    pub(super) outgoing: RefCell<Vec<u8>>,
    /// Wakes the driver.
    pub(super) driver: RefCell<Option<Waker>>,
    /// Set when nothing can be sent any more.
    pub(super) closed: Cell<bool>,
    /// Set when it shall be closed as soon as nobody waits.
    pub(super) draining: Cell<bool>,
    /// Why we end it, if we do.
    pub(super) reason: Cell<Option<UpstreamEvent>>,
    /// Set while the server is suspected to have forgotten it; whatever comes clears it.
    suspected: Cell<bool>,
    /// Wakes those who wait for a connection.
    change: Rc<Notify>,
    /// Queries sent.
    pub(super) sent: Cell<u64>,
    /// When it was opened.
    pub(super) opened: Moment,
    /// When an answer came last. Bytes alone are no sign of life: where frames are out of step, they only look like one.
    read: Cell<Moment>,
    /// When a query was sent last.
    written: Cell<Moment>,
    /// How it is used.
    terms: Terms,
    /// What is known of the server.
    pub(super) learned: Rc<Learned>,
    /// What is known of the order of its answers.
    order: Rc<Order>,
}

/// The table of waiting queries. An ID is its position, disguised by a mask of the connection's own.
struct Waiting {
    /// By position. Invariant: `None` exactly at the positions in `free`.
    slots: Vec<Option<Rc<Slot>>>,
    /// Positions not in use; the one free for longest is used first.
    free: VecDeque<u16>,
    /// Mixed into the positions.
    mask: u16,
    /// Slots whose asker went away.
    abandoned: usize,
    /// All of them in the order in which they left.
    line: Line,
}

/// One waiting query.
struct Slot {
    /// What was asked.
    query: Rc<Outgoing>,
    /// Its number in [`Waiting::line`].
    number: u64,
    /// What came.
    state: RefCell<State>,
}

/// What came of a query.
enum State {
    /// Nothing yet; who wants to know.
    Waiting(Option<Waker>),
    /// This.
    Done(Result<Vec<u8>, UpstreamError>),
    /// It was fetched, or nobody wants it.
    Over,
}

impl Connection {
    /// A connection that was opened now.
    pub(super) fn new(terms: Terms, mask: u16, change: Rc<Notify>, learned: Rc<Learned>, order: Rc<Order>) -> Self {
        let now = clock::now();
        let (free, line) = (VecDeque::new(), Line::default());
        let waiting = Waiting { slots: Vec::new(), free, mask, abandoned: 0, line };
        Self {
            waiting: RefCell::new(waiting),
            outgoing: RefCell::default(),
            driver: RefCell::default(),
            closed: Cell::new(false),
            draining: Cell::new(false),
            reason: Cell::new(None),
            suspected: Cell::new(false),
            change,
            sent: Cell::new(0),
            opened: now,
            read: Cell::new(now),
            written: Cell::new(now),
            terms,
            learned,
            order,
        }
    }

    /// Queries that have no answer yet, those whose askers went away included.
    pub(super) fn in_flight(&self) -> usize {
        let waiting = self.waiting.borrow();
        waiting.slots.len() - waiting.free.len()
    }

    /// Queries somebody waits for.
    pub(super) fn awaited(&self) -> usize {
        let waiting = self.waiting.borrow();
        waiting.slots.len() - waiting.free.len() - waiting.abandoned
    }

    /// Whether a query may be sent on it at `now`. One that was unused for so long that the server may be closing it is not.
    pub(super) fn is_usable(&self, now: Moment) -> bool {
        if self.closed.get() || self.draining.get() || self.suspected.get() {
            return false;
        }
        let stale = self.awaited() == 0 && now.since(self.last_use()) >= self.idle_limit();
        if stale {
            self.drain(UpstreamEvent::ClosedIdleByUs);
        }
        !stale
    }

    /// Whether it is open at all.
    pub(super) fn is_open(&self) -> bool {
        !self.closed.get()
    }

    /// Whether another query has room.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight() < self.terms.pipeline
    }

    /// How long no answer has come from the server.
    pub(super) fn quiet_for(&self, now: Moment) -> Duration {
        now.since(self.read.get())
    }

    /// Whether it was used before.
    pub(super) fn is_used(&self) -> bool {
        self.sent.get() > 0
    }

    /// Closes it once nobody waits; the reason is counted then, the first one if there are several.
    pub(super) fn drain(&self, reason: UpstreamEvent) {
        self.draining.set(true);
        self.reason.set(self.reason.get().or(Some(reason)));
        self.wake_driver();
    }

    /// Closes it now, for a server that does not answer; whoever waits gets [`UpstreamError::Closed`].
    pub(super) fn close_silent(&self) {
        self.drain(UpstreamEvent::ClosedSilent);
        self.closed.set(true);
        self.fail_all(UpstreamError::Closed);
    }

    /// Sends nothing on it any more unless something comes: a server that was stopped answers when it goes on.
    pub(super) fn suspect(&self) {
        self.suspected.set(true);
        // Its time is shorter now.
        self.wake_driver();
    }

    /// Whether the server is suspected to have forgotten it.
    pub(super) fn is_suspected(&self) -> bool {
        self.suspected.get()
    }

    /// An answer came.
    fn has_answered(&self) {
        self.read.set(clock::now());
        if self.suspected.replace(false) {
            self.learned.doubted_in_vain();
            self.change.notify_waiters();
        }
    }

    /// Whether the first query in line waits for so long that the others wait for it, where the server answers in order.
    pub(super) fn is_blocked(&self, now: Moment) -> bool {
        self.waiting.borrow().line.waits(now) >= self.learned.suspicion()
    }

    /// The last time anything went either way.
    pub(super) fn last_use(&self) -> Moment {
        self.read.get().max(self.written.get())
    }

    /// How long it may stay unused: the configured time, or what the server taught us.
    pub(super) fn idle_limit(&self) -> Duration {
        let limit = if self.suspected.get() { self.terms.idle.min(LINGER) } else { self.terms.idle };
        self.learned.idle().map_or(limit, |learned| learned.min(limit))
    }

    /// Sends a query; the reply is to be awaited.
    pub(super) fn send(self: &Rc<Self>, query: &Rc<Outgoing>) -> Result<Reply, UpstreamError> {
        if self.closed.get() {
            return Err(UpstreamError::Closed);
        }
        let now = clock::now();
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.has_room(self.terms.pipeline) {
            return Err(UpstreamError::Shed);
        }
        let number = waiting.line.join(now);
        let slot = Rc::new(Slot { query: Rc::clone(query), number, state: RefCell::new(State::Waiting(None)) });
        let id = waiting.insert(Rc::clone(&slot), self.terms.pipeline).ok_or(UpstreamError::Shed)?;
        drop(waiting);
        // RFC 7828 section 3.2.1: the option goes with the first query of a connection.
        let first = self.sent.replace(self.sent.get() + 1) == 0;
        query.append_to(&mut self.outgoing.borrow_mut(), id, first, self.terms.padding);
        self.written.set(now);
        self.wake_driver();
        Ok(Reply { slot, connection: Rc::clone(self) })
    }

    /// Lets the driver run after what runs now.
    pub(super) fn wake_driver(&self) {
        if let Some(waker) = self.driver.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Gives one message from the server to whoever asked for it; `false` if it cannot be what a server sends: it has no header, or is a
    /// query. Then nothing that follows can be trusted to begin where a message does.
    pub(super) fn deliver(&self, message: &[u8]) -> bool {
        let is_answer = message.len() >= HEADER && header::flags(message) & flag::QR != 0;
        if is_answer {
            self.deliver_answer(message);
        } else {
            self.mismatch();
        }
        is_answer
    }

    /// Gives an answer to whoever asked for it.
    fn deliver_answer(&self, message: &[u8]) {
        let Some(id) = u16_at(message, 0) else { return self.mismatch() };
        let mut waiting = self.waiting.borrow_mut();
        let position = id ^ waiting.mask;
        let Some(slot) = waiting.slots.get(usize::from(position)).and_then(Option::as_ref) else {
            return self.mismatch();
        };
        if !is_answer_to(message, &slot.query) {
            return self.mismatch();
        }
        let Some(slot) = waiting.remove(position) else { return };
        self.has_answered();
        let shown = waiting.line.leave(slot.number, self.read.get(), self.learned.suspicion());
        drop(waiting);
        if self.order.note(shown) {
            self.learned.count(UpstreamEvent::StrictOrder);
        }
        slot.finish(|| Ok(message.to_vec()));
    }

    /// Counts a message that answers nothing.
    fn mismatch(&self) {
        self.learned.count(UpstreamEvent::Mismatched);
    }

    /// Ends all waits.
    pub(super) fn fail_all(&self, error: UpstreamError) {
        let slots = {
            let mut waiting = self.waiting.borrow_mut();
            waiting.free.clear();
            waiting.abandoned = 0;
            std::mem::take(&mut waiting.slots)
        };
        for slot in slots.into_iter().flatten() {
            slot.finish(|| Err(error));
        }
    }
}

/// Whether a response is one to that query: opcode and the question compared (RFC 5452 section 9.1). A server that could not read
/// the query may leave the question out of its error (RFC 1035 section 4.1.1 does not say).
fn is_answer_to(message: &[u8], query: &Outgoing) -> bool {
    let flags = header::flags(message);
    if flags & flag::OPCODE != 0 {
        return false;
    }
    let question = message.get(HEADER..query.question_end()).unwrap_or_default();
    u16_at(message, 4) == Some(1) && name::equal(question, query.question())
        || u16_at(message, 4) == Some(0) && flags & flag::RCODE != 0
}

impl Waiting {
    /// Whether an ID is left.
    fn has_room(&self, limit: usize) -> bool {
        self.slots.len() < limit || !self.free.is_empty()
    }

    /// Finds an ID for a query; `None` if all are in use.
    fn insert(&mut self, slot: Rc<Slot>, limit: usize) -> Option<u16> {
        if self.slots.len() < limit {
            let position = u16::try_from(self.slots.len()).ok()?;
            self.slots.push(Some(slot));
            return Some(position ^ self.mask);
        }
        let position = self.free.pop_front()?;
        self.slots[usize::from(position)] = Some(slot);
        Some(position ^ self.mask)
    }

    /// Frees an ID.
    fn remove(&mut self, position: u16) -> Option<Rc<Slot>> {
        let slot = self.slots.get_mut(usize::from(position))?.take()?;
        self.free.push_back(position);
        if matches!(*slot.state.borrow(), State::Over) {
            self.abandoned -= 1;
        }
        Some(slot)
    }
}

impl Slot {
    /// Stores what came and tells the asker, if it is still there.
    fn finish(&self, outcome: impl FnOnce() -> Result<Vec<u8>, UpstreamError>) {
        let mut state = self.state.borrow_mut();
        if let State::Waiting(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Done(outcome());
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// The answer to come. Dropping it gives it up.
pub(super) struct Reply {
    /// Where it will be.
    slot: Rc<Slot>,
    /// Where it will come from.
    connection: Rc<Connection>,
}

impl Future for Reply {
    type Output = Result<Vec<u8>, UpstreamError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.state.borrow_mut();
        match std::mem::replace(&mut *state, State::Over) {
            State::Waiting(_) => {
                *state = State::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
            State::Done(outcome) => Poll::Ready(outcome),
            State::Over => Poll::Ready(Err(UpstreamError::Closed)),
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let given_up = {
            let mut state = self.slot.state.borrow_mut();
            let given_up = matches!(*state, State::Waiting(_));
            if given_up {
                *state = State::Over;
            }
            given_up
        };
        if given_up {
            let abandoned = {
                let mut waiting = self.connection.waiting.borrow_mut();
                waiting.abandoned += 1;
                waiting.abandoned
            };
            if self.connection.draining.get() {
                self.connection.wake_driver();
            }
            // Half of the IDs stuck on answers that never came: a new connection is better than this one.
            if abandoned > self.connection.terms.pipeline / 2 {
                self.connection.drain(UpstreamEvent::ClosedSilent);
            }
        }
    }
}
