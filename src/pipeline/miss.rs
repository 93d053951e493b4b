//! What has to be found out: one task a question, however many clients wait for it.
//!
//! ```text
//! later ─► known to fail? ─┬─ yes ─► the expired answer, or the failure, at once; now and then servers are asked again beside it
//!                          └─ no ──► join the flight of the same question, or begin one
//! flight: ask ─┬─ an answer ──────────────► all who wait
//!              ├─ not within 1.8 s ───────► the expired answer, if there is one; the flight goes on
//!              └─ a failure ──────────────► the expired answer; or the failure; who came late gets one more flight, together
//! ```
//!
//! Clients keep their own deadlines: nobody waits longer for others than the servers would be given for him alone.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::sleep;
use tracing::warn;

use crate::cache::{Entry, Failure, Key};
use crate::listener::{Outcome, ReplyTo};
use crate::log::Topic;
use crate::metrics::{Event, Source};
use crate::reply::{self, Composed};
use crate::sys::clock::{self, Moment};
use crate::wire::answer::Kind;
use crate::wire::header::{class, ede};
use crate::wire::query::{Edns, Query};
use crate::wire::rcode;

use super::Pipeline;
use super::hit::Context;
use super::observe::{Said, Verdict};
use super::plan::Plan;

/// How long the first clients wait before they get an expired answer (RFC 8767 section 5: the client response timer, "1.8 seconds").
const STALE_AFTER: Duration = Duration::from_millis(1_800);

/// How long a question that failed rests before servers are asked again beside an expired answer (RFC 8767 section 5: the failure recheck
/// timer, "no more frequently than every 30 seconds").
pub(super) const RECHECK: Duration = Duration::from_secs(30);

/// How long a client waits when such a question is asked again and servers are up, before it gets the expired answer once more: if all is well
/// again, it is the first to hear of it; if not, it hardly notices.
const RECHECK_WAIT: Duration = Duration::from_millis(200);

/// Part of its patience that a client must have left for another flight to be worth it, as a divisor.
const WORTH_ANOTHER: u32 = 4;

/// A question that is being found out.
pub(super) struct Flight {
    /// The question.
    pub(super) key: Key,
    /// Its class.
    pub(super) qclass: u16,
    /// The zone it belongs to.
    pub(super) zone: u16,
    /// What held when it was asked.
    pub(super) plan: Rc<Plan>,
    /// Whether it is asked before the answer expires, for nobody in particular.
    pub(super) ahead: bool,
    /// Whether it is the second for those who came late to the first.
    second: bool,
    /// The client that has to answer for it.
    owner: Option<IpAddr>,
    /// The answer that has expired, if there is one that may be given.
    pub(super) stale: RefCell<Option<Entry>>,
    /// How long the first client waits before it gets that.
    settles_after: Duration,
    /// Whether that is given now to all who come.
    settled_for_stale: Cell<bool>,
    /// Who wants to know, who came first first.
    waiters: RefCell<VecDeque<Waiter>>,
    /// Who wants to know for the sake of another question.
    listeners: RefCell<Vec<oneshot::Sender<Finding>>>,
    /// Whether rules for rewriting have had their say.
    pub(super) is_rewritten: bool,
    /// Within how many other questions it is asked.
    pub(super) depth: u8,
    /// Between which TTLs a rule brings the answer's.
    pub(super) ttls: Cell<Option<(u32, u32)>>,
}

impl Flight {
    /// The client that has to answer for it, if there is one.
    pub(super) const fn owner(&self) -> Option<IpAddr> {
        self.owner
    }

    /// Whether what comes of it is true under `plan`, too: no reload gave its name to other servers or to the node.
    pub(super) fn holds(&self, plan: &Plan) -> bool {
        std::ptr::eq(&raw const *self.plan, plan) || plan.holds(self.key.name(), self.key.qtype(), self.zone)
    }
}

/// A client that waits.
struct Waiter {
    /// Its header and question, as it sent them.
    question: Box<[u8]>,
    /// What it said by EDNS.
    edns: Option<Edns>,
    /// What else is known of it.
    context: Context,
    /// The way back.
    reply_to: ReplyTo,
}

/// What was found out.
#[derive(Clone)]
pub(super) enum Finding {
    /// An answer, and who knew it.
    Entry(Entry, Source),
    /// None, and why.
    Nothing(Failed),
}

/// That servers gave no answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    /// The code for the client.
    pub(super) rcode: u16,
    /// More about it.
    pub(super) ede: Option<u16>,
    /// The zone.
    pub(super) zone: u16,
    /// Who says so.
    pub(super) source: Source,
    /// Whether enough was tried that asking again at once is of no use (RFC 9520 section 3.1).
    pub(super) is_conclusive: bool,
    /// Whether it was for want of time, so that somebody with more of it may see another end.
    pub(super) is_timeout: bool,
    /// Whether there was an answer, which is not what its zone signed: what has expired must not stand in for it.
    pub(super) is_bogus: bool,
}

impl Pipeline {
    /// Answers what is known to fail; lets the client wait for everything else, with others who asked the same, or sheds it where too many
    /// wait already. `stale` is the answer that has expired.
    #[cold]
    pub(super) fn later(
        self: &Rc<Self>,
        room: &mut [u8],
        context: &Context,
        query: &Query,
        key: Key,
        stale: Option<Entry>,
        reply_to: &dyn Fn() -> ReplyTo,
    ) -> Outcome {
        let plan = Rc::clone(&self.plan.borrow());
        let zone = plan.zones.find(key.name());
        if query.qclass == class::IN
            && let Some(outcome) = self.hold_back(room, context, query.edns, &key, zone)
        {
            return outcome;
        }
        let stale = stale.filter(|entry| entry.is_stale(context.received, plan.rules(zone).serve_stale));
        let settles_after = match self.known(room, context, query, &key, zone, &plan, stale.as_ref()) {
            Ok(outcome) => return outcome,
            Err(settles_after) => settles_after,
        };
        if self.waiting.get() >= plan.limits[1] {
            return self.shed(room, context, query.edns, Event::ShedWaiting);
        }
        if !self.waiters.admits(context.client, self.waiting.get(), plan.limits[1]) {
            return self.shed(room, context, query.edns, Event::ShedClient);
        }
        let flying = self.flight(&key);
        if let Some(entry) = flying.as_ref().filter(|flight| flight.settled_for_stale.get()).and(stale.as_ref()) {
            return self.give_stale(room, context, query.edns, entry);
        }
        if flying.is_none() && self.flying.get() >= plan.limits[0] {
            return self.shed(room, context, query.edns, Event::ShedInFlight);
        }
        if flying.is_none() && !self.flyers.admits(context.client, self.flying.get(), plan.limits[0]) {
            return self.shed(room, context, query.edns, Event::ShedClient);
        }
        let waiter = Waiter {
            question: room.get(..query.question_end).unwrap_or_default().into(),
            edns: query.edns,
            // A miss is worth a precise clock: its time is measured.
            context: Context { received: clock::now(), ..*context },
            reply_to: reply_to(),
        };
        self.waiting.set(self.waiting.get() + 1);
        self.waiters.take(context.client);
        if let Some(flight) = flying {
            self.metrics.count(Event::Coalesced);
            flight.waiters.borrow_mut().push_back(waiter);
            if let Some(entry) = stale.filter(|_| flight.stale.borrow().is_none()) {
                self.expire(&flight, entry);
            }
        } else {
            self.prefetch.earn();
            if !plan.group(plan.rules(zone)).is_failing() {
                self.pace.count(context.received);
            }
            self.begin(Flight {
                qclass: query.qclass,
                owner: Some(context.client),
                settles_after,
                stale: RefCell::new(stale),
                waiters: RefCell::new(VecDeque::from([waiter])),
                ..Flight::new(key, zone, plan)
            });
        }
        self.publish();
        Outcome::Later
    }

    /// Answers at once what cannot be found out now: with the expired answer, or with the failure, while that is young. The error is how long
    /// the client waits for what can be found out before it gets the expired answer.
    #[expect(clippy::too_many_arguments, reason = "the facts of a query, gathered by the only caller")]
    fn known(
        self: &Rc<Self>,
        room: &mut [u8],
        context: &Context,
        query: &Query,
        key: &Key,
        zone: u16,
        plan: &Rc<Plan>,
        stale: Option<&Entry>,
    ) -> Result<Outcome, Duration> {
        let now = context.received;
        if query.qclass != class::IN {
            return Err(STALE_AFTER);
        }
        if let Some(failed) = self.loops.judge(key, zone) {
            return Ok(match stale {
                Some(entry) => self.give_stale(room, context, query.edns, entry),
                None => self.give_failure(room, context, query.edns, zone, failed.0, failed.1),
            });
        }
        let rules = plan.rules(zone);
        let failure = self.store.failure(key.hash());
        let group = plan.group(rules);
        // Why an expired answer does not help then: see `validate`. After that it is asked again as if nothing had expired.
        if let Some(failure) = failure.filter(|failure| failure.is_bogus) {
            if now.since(failure.at) < rules.servfail {
                return Ok(self.give_failure(room, context, query.edns, zone, failure.rcode, failure.ede));
            }
            return Err(STALE_AFTER);
        }
        let Some(entry) = stale else {
            let failure = failure.filter(|failure| now.since(failure.at) < rules.servfail).ok_or(STALE_AFTER)?;
            return Ok(self.give_failure(room, context, query.edns, zone, failure.rcode, failure.ede));
        };
        // Servers that are all down are not waited for; that of a question which failed is what is known best of it.
        let failed_at = failure.map(|failure| failure.at);
        if failed_at.is_none() && !group.is_failing() {
            return Err(STALE_AFTER);
        }
        let is_back = failed_at.is_some_and(|at| plan.recovered_since(rules, at, now)) && !group.is_failing();
        let is_due = failed_at.is_none_or(|at| now.since(at) >= RECHECK);
        if (is_back || is_due) && self.flight(key).is_none() && self.may_recheck(now) {
            // The next clients need not wait for what this one finds out.
            self.note_failure(key, now, failure.map_or(rcode::SERVFAIL, |failure| failure.rcode), None, false);
            if !group.is_failing() {
                self.metrics.count(Event::Rechecked);
                return Err(RECHECK_WAIT);
            }
            if self.ask_beside(key.clone(), zone, plan, entry) {
                self.metrics.count(Event::Rechecked);
            }
        }
        Ok(self.give_stale(room, context, query.edns, entry))
    }

    /// Refuses a client for want of room; never kept, since the next moment may have room (RFC 8914 has no code for it).
    fn shed(&self, room: &mut [u8], context: &Context, edns: Option<Edns>, event: Event) -> Outcome {
        self.metrics.count(event);
        if self.limiter.admits(Topic::Shed, context.received) {
            warn!(
                waiting = self.waiting.get(),
                in_flight = self.flying.get(),
                client = %context.client,
                "too many queries wait; shedding"
            );
        }
        self.refuse(room, context, edns, rcode::REFUSED, Some(ede::OTHER))
    }

    /// Answers from an entry that has expired.
    fn give_stale(&self, room: &mut [u8], context: &Context, edns: Option<Edns>, entry: &Entry) -> Outcome {
        let plan = self.plan.borrow();
        let client = plan.client(room, context, edns);
        let composed = reply::answer(room, context.question_end, &client, &entry.stale_body(), 0);
        self.done(context, edns, Said { message: room, composed, verdict: Verdict::of(entry, Source::Stale) })
    }

    /// Answers with a failure that is known.
    fn give_failure(
        &self,
        room: &mut [u8],
        context: &Context,
        edns: Option<Edns>,
        zone: u16,
        rcode: u16,
        ede: Option<u16>,
    ) -> Outcome {
        let plan = self.plan.borrow();
        let client = plan.client(room, context, edns);
        let composed = reply::error(room, context.question_end, &client, rcode, ede);
        let verdict = Verdict::without(rcode, zone, Source::CacheFailure);
        self.done(context, edns, Said { message: room, composed, verdict })
    }

    //------ Flights -------------------------------------------------------------------------------------------------

    /// The flight of that question, if there is one.
    fn flight(&self, key: &Key) -> Option<Rc<Flight>> {
        self.flights.borrow().get(&key.hash()).filter(|flight| flight.key.as_bytes() == key.as_bytes()).cloned()
    }

    /// Begins a flight.
    fn begin(self: &Rc<Self>, flight: Flight) -> Rc<Flight> {
        let flight = Rc::new(flight);
        self.flying.set(self.flying.get() + 1);
        if let Some(owner) = flight.owner {
            self.flyers.take(owner);
        }
        // Of two questions with one hash, the second flies alone.
        self.flights.borrow_mut().entry(flight.key.hash()).or_insert_with(|| Rc::clone(&flight));
        spawn_local(Rc::clone(self).fly(Rc::clone(&flight)));
        flight
    }

    /// What will be found out about `key`, for the sake of another question that is under way: so it needs no place of its own, since that one
    /// asks nobody meanwhile.
    pub(super) fn listen(self: &Rc<Self>, key: &Key, zone: u16, plan: &Rc<Plan>) -> oneshot::Receiver<Finding> {
        let (listener, found) = oneshot::channel();
        let begin = || self.begin(Flight::new(key.clone(), zone, Rc::clone(plan)));
        self.flight(key).unwrap_or_else(begin).listeners.borrow_mut().push(listener);
        found
    }

    /// Asks for something that nobody waits for, if there is room and nobody asks for it already; whether it is asked.
    fn ask_unwaited(self: &Rc<Self>, key: Key, zone: u16, plan: Rc<Plan>, ahead: bool, stale: Option<Entry>) -> bool {
        if self.flying.get() >= plan.limits[0] || self.flight(&key).is_some() {
            return false;
        }
        self.begin(Flight {
            ahead,
            settled_for_stale: Cell::new(stale.is_some()),
            stale: RefCell::new(stale),
            ..Flight::new(key, zone, plan)
        });
        self.publish();
        true
    }

    /// Asks for a popular answer before it expires; whether that could be done.
    pub(super) fn ask_ahead(self: &Rc<Self>, key: Key) -> bool {
        let plan = Rc::clone(&self.plan.borrow());
        let zone = plan.zones.find(key.name());
        // What is popular will be asked for anyway when servers are back.
        !plan.group(plan.rules(zone)).is_failing() && self.ask_unwaited(key, zone, plan, true, None)
    }

    /// Asks again for an answer that has expired, beside giving it; whether that could be done.
    fn ask_beside(self: &Rc<Self>, key: Key, zone: u16, plan: &Rc<Plan>, stale: &Entry) -> bool {
        self.ask_unwaited(key, zone, Rc::clone(plan), false, Some(stale.clone()))
    }

    /// Finds an answer out and gives it to all who wait.
    async fn fly(self: Rc<Self>, flight: Rc<Flight>) {
        let finding = self.find_out_in_time(&flight).await;
        let mut flights = self.flights.borrow_mut();
        if flights.get(&flight.key.hash()).is_some_and(|known| Rc::ptr_eq(known, &flight)) {
            flights.remove(&flight.key.hash());
        }
        drop(flights);
        self.flying.set(self.flying.get() - 1);
        if let Some(owner) = flight.owner {
            self.flyers.give_back(owner);
        }
        for listener in flight.listeners.take() {
            // One who no longer wants to know is gone.
            let _ = listener.send(finding.clone());
        }
        let now = clock::now();
        let mut waiters = flight.waiters.take();
        match &finding {
            Finding::Entry(entry, source) => {
                let body = entry.body(now);
                let ttl = if entry.kind() == Kind::Positive { entry.lifetime() } else { u32::MAX };
                for (turn, waiter) in waiters.into_iter().enumerate() {
                    if entry.is_blocked() {
                        self.note_blocked(&waiter.context, entry);
                    }
                    let turn = if flight.plan.rotate { turn } else { 0 };
                    let said = (Verdict::of(entry, *source), ttl);
                    self.reply(waiter, now, body.records.len(), said, |room, at, client| {
                        reply::answer(room, at, client, &body, turn)
                    });
                }
            }
            Finding::Nothing(failed) => {
                if failed.is_conclusive && flight.holds(&self.plan.borrow()) {
                    self.note_failure(&flight.key, now, failed.rcode, failed.ede, failed.is_bogus);
                }
                if flight.stale.borrow().is_some() && !failed.is_bogus {
                    return self.settle_for_stale(&flight, waiters);
                }
                if failed.is_timeout && !flight.second {
                    let late = waiters.partition_point(|waiter| !is_worth_another(waiter, &flight, now));
                    let late = waiters.split_off(late);
                    if !late.is_empty() {
                        self.fly_again(&flight, late);
                    }
                }
                for waiter in waiters {
                    self.fail(waiter, now, failed);
                }
            }
        }
        self.publish();
    }

    /// Finds an answer out; meanwhile, whoever has waited long enough gets what there is.
    async fn find_out_in_time(self: &Rc<Self>, flight: &Rc<Flight>) -> Finding {
        let mut finding = pin!(self.find_out(flight));
        if flight.stale.borrow().is_some() && !flight.settled_for_stale.get() {
            tokio::select! {
                biased;
                finding = &mut finding => return finding,
                () = sleep(flight.settles_after) => self.settle(flight),
            }
        }
        if flight.second {
            tokio::select! {
                biased;
                finding = &mut finding => return finding,
                () = self.give_up_in_turn(flight) => {}
            }
        }
        finding.await
    }

    /// An answer has expired while it was being asked for again, ahead of that or a second time: who comes now need not wait longer for the
    /// new one than anybody else whose answer has expired.
    fn expire(self: &Rc<Self>, flight: &Rc<Flight>, entry: Entry) {
        *flight.stale.borrow_mut() = Some(entry);
        let (pipeline, flight) = (Rc::clone(self), Rc::clone(flight));
        spawn_local(async move {
            sleep(STALE_AFTER).await;
            if pipeline.flight(&flight.key).is_some_and(|flying| Rc::ptr_eq(&flying, &flight)) {
                pipeline.settle(&flight);
            }
        });
    }

    /// Gives those who have waited long enough the expired answer. The flight goes on.
    fn settle(&self, flight: &Flight) {
        flight.settled_for_stale.set(true);
        // The next clients need not wait; when servers are asked again is up to the failure, which may never come.
        self.note_failure(&flight.key, clock::now(), rcode::SERVFAIL, Some(ede::NO_REACHABLE_AUTHORITY), false);
        self.settle_for_stale(flight, flight.waiters.take());
    }

    /// Gives up on each client of a second flight when its time is over. Who came first has the least left; those who come now have as much as
    /// the flight.
    async fn give_up_in_turn(&self, flight: &Flight) {
        loop {
            let first = flight.waiters.borrow().front().map(|waiter| waiter.context.received);
            let Some(first) = first else { break };
            let left = flight.plan.rules(flight.zone).timeout.saturating_sub(clock::now().since(first));
            sleep(left).await;
            let waiter = flight.waiters.borrow_mut().pop_front();
            if let Some(waiter) = waiter {
                self.fail(waiter, clock::now(), &Failed { zone: flight.zone, ..Failed::unreachable() });
                self.publish();
            }
        }
    }

    /// One more flight for those who came late to one that ran out of time.
    fn fly_again(self: &Rc<Self>, flight: &Rc<Flight>, waiters: VecDeque<Waiter>) {
        self.metrics.count(Event::FlownAgain);
        self.begin(Flight {
            qclass: flight.qclass,
            second: true,
            owner: flight.owner,
            waiters: RefCell::new(waiters),
            ..Flight::new(flight.key.clone(), flight.zone, Rc::clone(&flight.plan))
        });
    }

    /// Notes that a question was not answered.
    fn note_failure(&self, key: &Key, at: Moment, rcode: u16, ede: Option<u16>, is_bogus: bool) {
        self.store.fail(key, Failure { at, rcode, ede, is_bogus });
    }

    //------ Replies -------------------------------------------------------------------------------------------------

    /// Gives the expired answer of `flight` to `waiters`.
    fn settle_for_stale(&self, flight: &Flight, waiters: VecDeque<Waiter>) {
        let stale = flight.stale.borrow();
        let Some(entry) = &*stale else { return };
        let (now, body) = (clock::now(), entry.stale_body());
        for waiter in waiters {
            let said = (Verdict::of(entry, Source::Stale), u32::MAX);
            self.reply(waiter, now, body.records.len(), said, |room, at, client| {
                reply::answer(room, at, client, &body, 0)
            });
        }
        self.publish();
    }

    /// Tells one client that there is no answer.
    fn fail(&self, waiter: Waiter, now: Moment, failed: &Failed) {
        let Failed { rcode, ede, zone, source, .. } = *failed;
        let verdict = Verdict::without(rcode, zone, source);
        self.reply(waiter, now, 0, (verdict, u32::MAX), |room, at, client| reply::error(room, at, client, rcode, ede));
    }

    /// Answers one client with what `write` writes behind its question: what that says, and for how long it is good; `u32::MAX` if it is no answer.
    fn reply(
        &self,
        waiter: Waiter,
        now: Moment,
        records: usize,
        (verdict, ttl): (Verdict, u32),
        write: impl FnOnce(&mut [u8], usize, &reply::Client<'_>) -> Composed,
    ) {
        let Waiter { question, edns, context, reply_to } = waiter;
        self.waiting.set(self.waiting.get() - 1);
        self.waiters.give_back(context.client);
        let plan = Rc::clone(&self.plan.borrow());
        let client = plan.client(&question, &context, edns);
        let room = client.limit.min(question.len() + records + client.largest_opt());
        reply_to.send(room, |bytes| {
            bytes[..question.len()].copy_from_slice(&question);
            let composed = write(bytes, question.len(), &client);
            let said = Said { message: bytes, composed, verdict };
            self.count(&context, edns, said, now.since(context.received));
            self.watch(&context, &said, ttl);
            composed.length
        });
    }
}

impl Flight {
    /// A flight of class IN that nobody waits for yet.
    fn new(key: Key, zone: u16, plan: Rc<Plan>) -> Self {
        Self {
            key,
            qclass: class::IN,
            zone,
            plan,
            ahead: false,
            second: false,
            owner: None,
            stale: RefCell::default(),
            settles_after: STALE_AFTER,
            settled_for_stale: Cell::new(false),
            waiters: RefCell::default(),
            listeners: RefCell::default(),
            is_rewritten: false,
            depth: 0,
            ttls: Cell::default(),
        }
    }

    /// Another question that is asked within this one; nobody else waits for it, and nothing of it is kept.
    pub(super) fn within(&self, key: Key, zone: u16, is_rewritten: bool) -> Self {
        let (owner, depth) = (self.owner, self.depth + 1);
        Self { owner, depth, is_rewritten, ..Self::new(key, zone, Rc::clone(&self.plan)) }
    }

    /// Whether what comes of it is kept.
    pub(super) const fn is_kept(&self) -> bool {
        self.depth == 0
    }
}

impl Failed {
    /// That no server could be reached.
    pub(super) const fn unreachable() -> Self {
        let (rcode, ede) = (rcode::SERVFAIL, Some(ede::NO_REACHABLE_AUTHORITY));
        Self { rcode, ede, zone: 0, source: Source::Policy, is_conclusive: false, is_timeout: false, is_bogus: false }
    }
}

/// Whether a client has so much of its patience left that it is worth asking once more.
fn is_worth_another(waiter: &Waiter, flight: &Flight, now: Moment) -> bool {
    let patience = flight.plan.rules(flight.zone).timeout;
    now.since(waiter.context.received) + patience / WORTH_ANOTHER < patience
}
