//! Asking again for what is popular before it expires, so that no client waits for it.
//!
//! An answer that was given often enough in its lifetime gets a moment in the last twentieth of it, chosen at random so that nodes and workers do
//! not meet; another worker's refresh is taken over.
//!
//! What this costs servers is kept below a tenth of what they are asked anyway. An answer that is given *u* times in its lifetime is, with
//! refreshes, asked for once a lifetime instead of once a lifetime and the *u*th part of one that passes until the next client comes. So each
//! refresh has a price, in hundredths of an exchange: 4 for being early and 100 / (*u* + 1). It is paid from what each exchange puts aside.
//! A refresh that turns out to be for nobody costs the whole hundred.

use std::cell::{Cell, RefCell};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::cache::{Entry, Known};
use crate::metrics::Event;
use crate::sys::clock::{self, Moment};
use crate::sys::random;

use super::Pipeline;

/// How long before its end an answer is refreshed, in parts of its lifetime: early enough for the new one, late enough to cost little.
const AHEAD: std::ops::Range<f64> = 0.01..0.06;

/// The least time before its end, where that is not more than a tenth of a lifetime: the new answer has to come from somewhere.
const LEAST_AHEAD: Duration = Duration::from_millis(250);

/// Answers of one worker waiting for their moment, at most.
const MOST_WAITING: usize = 4_096;

/// An exchange, in the coin that refreshes are paid with.
const EXCHANGE: i64 = 100;

/// What each exchange puts aside: a tenth.
const PUT_ASIDE: i64 = 10;

/// The price of being early: the mean of [`AHEAD`], and something for the answers that have less time.
const EARLY: i64 = 4;

/// What there is in the beginning: enough for forty answers that are just popular enough.
const FIRST_CREDIT: i64 = 1_000;

/// What is left for answers that are popular by their own uses.
const RESERVE: i64 = 500;

/// The most that can be saved.
const MOST_CREDIT: i64 = 100_000;

/// Below this nothing is refreshed any more: too much was for nobody.
const LEAST_CREDIT: i64 = -2_000;

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
    credit: Cell<i64>,
}

/// An answer and its moment.
#[derive(Debug)]
struct Due {
    /// When.
    at: Moment,
    /// Uses without which it is not worth it.
    least: u16,
    /// Uses of its predecessors that are counted with its own, about.
    carried: u16,
    /// Whether it was refreshed by this worker, so that it is to blame if nobody used it.
    is_ours: bool,
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
    /// An exchange was made.
    pub(super) fn earn(&self) {
        self.credit.set((self.credit.get() + PUT_ASIDE).min(MOST_CREDIT));
    }

    /// Pays for a refresh of an answer that was given so often, if that can be afforded. Those that are given so often that they pay for themselves
    /// wait for nobody; those that are popular only with what their predecessors left leave a reserve for others.
    fn pays(&self, uses: u16, popular_at: u16) -> bool {
        let (credit, price) = (self.credit.get(), EARLY + EXCHANGE / (i64::from(uses) + 1));
        let reserve = if uses < popular_at { RESERVE } else { 0 };
        let affordable = credit >= price + reserve || (price <= PUT_ASIDE && credit > LEAST_CREDIT);
        if affordable {
            self.credit.set(credit - price);
        }
        affordable
    }

    /// A refresh was for nobody.
    fn regret(&self) {
        self.credit.set((self.credit.get() - EXCHANGE).max(LEAST_CREDIT));
    }
}

impl Pipeline {
    /// Gives a popular answer its moment. `carried` is how many uses it began with; `None` if it has just become popular by a use.
    #[cold]
    pub(super) fn prefetch_later(self: &Rc<Self>, entry: &Entry, carried: Option<u16>, is_ours: bool, now: Moment) {
        let (least, carried) = carried.map_or_else(|| (entry.popular_at(), 0), |carried| (carried + 1, carried));
        let prefetch = &self.prefetch;
        if prefetch.waiting.borrow().len() >= MOST_WAITING {
            return self.metrics.count(Event::PrefetchFull);
        }
        let lifetime = entry.expires() - entry.inserted();
        let ahead = lifetime.mul_f64(random::rng().random_range(AHEAD)).max(LEAST_AHEAD.min(lifetime / 10));
        let at = (entry.inserted() + (lifetime - ahead)).max(now);
        let soonest = prefetch.waiting.borrow().peek().is_none_or(|Reverse(due)| at < due.at);
        prefetch.waiting.borrow_mut().push(Reverse(Due { at, least, carried, is_ours, entry: entry.clone() }));
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
        // What was pushed out of the front, or replaced there, has nothing to do with its uses.
        let Some(uses) = self.front.borrow().uses(&key, &due.entry) else { return };
        if uses < due.least {
            if due.is_ours {
                self.prefetch.regret();
            }
            return;
        }
        if let Known::Fresh(newer) = self.find(&key, now, None)
            && newer.inserted() > due.entry.inserted()
        {
            return self.put_in_front(&key, &newer, false, now);
        }
        if !self.prefetch.pays(uses - due.carried, due.entry.popular_at()) {
            return self.metrics.count(Event::PrefetchOverBudget);
        }
        if self.ask_ahead(key) {
            self.prefetch.earn();
            self.metrics.count(Event::Prefetched);
        }
    }
}
