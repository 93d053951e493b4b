//! Asking again for what is popular before it expires, so that no client waits for it.
//!
//! An answer that was given often enough in its lifetime gets a moment in the last tenth of it, chosen at random so that nodes and workers do
//! not meet; another worker's refresh is taken over. What this costs is bounded twice: being early makes at most a tenth more of the
//! exchanges that would happen anyway (a sixteenth on average), and refreshes that turn out to be for nobody come out of a budget of one in fifty.

use std::cell::{Cell, RefCell};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::rc::Rc;

use rand::RngExt as _;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::cache::{Entry, Known};
use crate::metrics::Event;
use crate::sys::clock::{self, Moment};
use crate::sys::random;

use super::Pipeline;

/// The part of its lifetime in which an answer is refreshed: late enough that nine in ten exchanges are saved, early enough for the answer.
const WINDOW: std::ops::Range<f64> = 0.91..0.98;

/// Answers of one worker waiting for their moment, at most.
const MOST_WAITING: usize = 4_096;

/// What a refresh costs of the credit, where an ordinary exchange earns 1; it is paid back when the refreshed answer was used.
const COST: u32 = 50;

/// The credit in the beginning: 20 refreshes.
const FIRST_CREDIT: u32 = 20 * COST;

/// The most credit.
const MOST_CREDIT: u32 = 1_000 * COST;

/// The answers waiting for their moment.
#[derive(Debug)]
pub(super) struct Prefetch {
    /// Soonest first.
    waiting: RefCell<BinaryHeap<Reverse<Due>>>,
    /// Whether the task that looks after them runs.
    awake: Cell<bool>,
    /// Tells the task that there is a sooner one.
    sooner: Notify,
    /// What may still be spent.
    credit: Cell<u32>,
}

/// An answer and its moment.
#[derive(Debug)]
struct Due {
    /// When.
    at: Moment,
    /// Uses without which it is not worth it.
    least: u16,
    /// The answer.
    entry: Entry,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl Default for Prefetch {
    fn default() -> Self {
        Self {
            waiting: RefCell::default(),
            awake: Cell::new(false),
            sooner: Notify::new(),
            credit: Cell::new(FIRST_CREDIT),
        }
    }
}

impl Prefetch {
    /// An exchange was made because a client asked.
    pub(super) fn earn(&self) {
        self.pay_back(1);
    }

    /// Gives credit back.
    fn pay_back(&self, credit: u32) {
        self.credit.set((self.credit.get() + credit).min(MOST_CREDIT));
    }

    /// Takes what a refresh costs, if there is so much.
    fn spend(&self) -> bool {
        let credit = self.credit.get();
        self.credit.set(credit.checked_sub(COST).unwrap_or(credit));
        credit >= COST
    }
}

impl Pipeline {
    /// Gives a popular answer its moment; when that comes, it must have been used `least` times.
    #[cold]
    pub(super) fn prefetch_later(self: &Rc<Self>, entry: &Entry, least: u16, now: Moment) {
        let prefetch = &self.prefetch;
        if prefetch.waiting.borrow().len() >= MOST_WAITING {
            return self.metrics.count(Event::PrefetchFull);
        }
        let lifetime = entry.expires() - entry.inserted();
        let at = (entry.inserted() + lifetime.mul_f64(random::rng().random_range(WINDOW))).max(now);
        let soonest = prefetch.waiting.borrow().peek().is_none_or(|Reverse(due)| at < due.at);
        prefetch.waiting.borrow_mut().push(Reverse(Due { at, least, entry: entry.clone() }));
        if !prefetch.awake.replace(true) {
            spawn_local(Rc::clone(self).keep_fresh());
        } else if soonest {
            prefetch.sooner.notify_one();
        }
    }

    /// Looks after the waiting answers for as long as there are any.
    async fn keep_fresh(self: Rc<Self>) {
        let prefetch = &self.prefetch;
        loop {
            let Some(at) = prefetch.waiting.borrow().peek().map(|Reverse(due)| due.at) else { break };
            let now = clock::now();
            if now < at {
                tokio::select! {
                    () = sleep(at - now) => {}
                    () = prefetch.sooner.notified() => {}
                }
                continue;
            }
            let due = prefetch.waiting.borrow_mut().pop();
            if let Some(Reverse(due)) = due {
                self.refresh(&due);
            }
        }
        prefetch.awake.set(false);
    }

    /// Asks for a popular answer again, if it still is popular and nobody did.
    fn refresh(self: &Rc<Self>, due: &Due) {
        let now = clock::coarse();
        let key = due.entry.key(self.store.hashing());
        let uses = self.front.borrow().uses(&key, &due.entry);
        if uses.is_none_or(|uses| uses < due.least) {
            return;
        }
        if due.entry.is_prefetched() {
            self.prefetch.pay_back(COST);
        }
        if let Known::Fresh(newer) = self.store.find(&key, now)
            && newer.inserted() > due.entry.inserted()
        {
            return self.put_in_front(&key, &newer, now);
        }
        if !self.prefetch.spend() {
            return self.metrics.count(Event::PrefetchOverBudget);
        }
        if self.ask_ahead(key) {
            self.metrics.count(Event::Prefetched);
        }
    }
}
