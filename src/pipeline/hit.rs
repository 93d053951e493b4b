//! What can be answered at once: what is malformed, what policy decides, and what the cache knows.
//!
//! The way of a hit has no await, no allocation and no lock that another worker takes; it reads the worker's own front and writes over
//! the client's message.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::cache::entry::Terms;
use crate::cache::front::Found;
use crate::cache::{Entry, Key, Known, Variant};
use crate::listener::{Handler, Incoming, Outcome, ReplyTo};
use crate::metrics::{Event, Protocol, Source};
use crate::reply;
use crate::sys::clock::Moment;
use crate::wire::header::{self, ede};
use crate::wire::query::{Edns, Query, Reject};
use crate::wire::{class, flag, rcode, rtype};

use super::Pipeline;
use super::observe::{Said, Verdict};

/// The zone of what was answered before it had one.
pub(super) const NO_ZONE: u16 = u16::MAX;

/// What is known of a query besides its message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// Position of the listen address.
    pub(super) server: u16,
    /// How it came.
    pub(super) protocol: Protocol,
    /// When.
    pub(super) received: Moment,
    /// From whom.
    pub(super) client: IpAddr,
    /// The port that it came from.
    pub(super) port: u16,
    /// Bytes of it.
    pub(super) size: usize,
    /// QTYPE; 0 before it is known.
    pub(super) qtype: u16,
    /// Offset behind its question.
    pub(super) question_end: usize,
}

impl Handler for Pipeline {
    #[inline]
    fn handle(self: &Rc<Self>, incoming: Incoming<'_>, reply_to: &dyn Fn() -> ReplyTo) -> Outcome {
        let Incoming { server, protocol, client, port, room, length, cut, now } = incoming;
        let Some(message) = room.get(..length) else { return Outcome::Drop };
        let mut context = Context {
            server,
            protocol,
            received: now,
            client,
            port,
            size: length,
            qtype: 0,
            question_end: header::HEADER,
        };
        if self.records_queries.get() {
            self.record_query(&context, message);
        }
        let query = match Query::parse(message) {
            Ok(query) if !cut => query,
            // The rest of the datagram is lost, and with it what it meant.
            Ok(query) => return self.refuse(room, &context, query.edns, rcode::FORMERR, None),
            Err(reject) => return self.reject(room, &context, reject),
        };
        context.question_end = query.question_end;
        context.qtype = query.qtype;
        if let Some(outcome) = self.judge(room, &context, &query) {
            return outcome;
        }
        let variant = Variant::new(query.dnssec_ok(), header::flags(room) & flag::CD != 0);
        if query.qclass == class::CH {
            let key = Key::new(query.name(room), query.qtype, variant.chaos(), self.store.hashing());
            return self.later(room, &context, &query, key, None, reply_to);
        }
        let key = Key::new(query.name(room), query.qtype, variant, self.store.hashing());
        let mut front = self.front.borrow_mut();
        front.follow(self.store.generation());
        if let Some(found) = front.find(&key, now) {
            let Found { entry, uses, report } = found;
            if report {
                self.store.touch(entry);
            }
            if uses.wrapping_add(1) == entry.popular_at() {
                self.prefetch_later(entry, None, false, now);
            }
            return self.give(room, &context, query.edns, entry, usize::from(uses));
        }
        drop(front);
        let intercepts = self.plan.borrow().intercepts;
        if intercepts && let Some(outcome) = self.intercept(room, &context, &query, &key, reply_to) {
            return outcome;
        }
        let stale = match self.find(&key, now, Some(client)) {
            Known::Fresh(entry) => {
                let outcome = self.give(room, &context, query.edns, &entry, 0);
                self.put_in_front(&key, &entry, false, now);
                return outcome;
            }
            Known::Above(above, stale) => {
                if let Some(entry) = self.cut(&above, &key, now) {
                    let outcome = self.give(room, &context, query.edns, &entry, 0);
                    self.put_in_front(&key, &entry, false, now);
                    return outcome;
                }
                stale
            }
            Known::Stale(entry) => Some(entry),
            Known::Nothing => None,
        };
        self.later(room, &context, &query, key, stale, reply_to)
    }
}

impl Pipeline {
    /// What becomes of a message that is no query.
    #[cold]
    fn reject(&self, room: &mut [u8], context: &Context, reject: Reject) -> Outcome {
        match reject {
            Reject::Garbage => {
                self.metrics.count(Event::Garbage);
                Outcome::Drop
            }
            Reject::Response => {
                self.metrics.count(Event::UnexpectedResponse);
                Outcome::Drop
            }
            Reject::Answer { rcode, question_end, edns } => {
                let context = Context { question_end, ..*context };
                let plan = self.plan.borrow();
                if let Some(guard) = &plan.guard
                    && let Some(outcome) = self.guard(&plan, guard, room, &context, edns)
                {
                    return outcome;
                }
                drop(plan);
                self.metrics.count(Event::Malformed);
                self.refuse(room, &context, edns, rcode, None)
            }
        }
    }

    /// The answer for the name of `key` that follows from the NXDOMAIN of a name above (RFC 8020). None where the zone does not want it, and
    /// where other servers, or the node itself, know better: somebody outside who denies `local` says nothing of `cluster.local`.
    #[cold]
    pub(super) fn cut(&self, above: &Entry, key: &Key, now: Moment) -> Option<Entry> {
        let plan = self.plan.borrow();
        let zone = above.zone();
        if !plan.rules(zone).nxdomain_cut || !plan.holds(key.name(), key.qtype(), zone) {
            return None;
        }
        let body = above.body(now);
        let mut answer = self.scratch.borrow_mut();
        answer.read_below(&body, above.name(), &key.asked()).ok()?;
        let lifetime = above.lifetime().saturating_sub(body.age);
        let judgement = plan.judgement();
        let terms = Terms { now, lifetime, zone, authentic: body.authentic, judgement, ..Terms::default() };
        Some(Entry::new(key, &mut answer, terms, self.store.hashing()))
    }

    /// Puts an answer where it is found soonest, and sees to it that a popular one is refreshed.
    /// `is_ours` tells that this worker asked for it ahead, and will want to know whether that was of use.
    pub(super) fn put_in_front(self: &Rc<Self>, key: &Key, entry: &Entry, is_ours: bool, now: Moment) {
        // A reload came between: where it is looked up next, it is judged anew.
        let plan = Rc::clone(&self.plan.borrow());
        if entry.judgement().policy != plan.policy || plan.has_another(key) {
            return;
        }
        let carried = self.front.borrow_mut().insert(key, entry.clone(), now);
        if entry.popular_at() > 0 && (is_ours || carried >= entry.popular_at()) {
            self.prefetch_later(entry, Some(carried), is_ours, now);
        }
    }

    /// What policy says before anything is looked up: who may ask, and what is never asked of a cache. `None` if the query may pass.
    #[inline]
    fn judge(&self, room: &mut [u8], context: &Context, query: &Query) -> Option<Outcome> {
        let plan = self.plan.borrow();
        if let Some(guard) = &plan.guard
            && let Some(outcome) = self.guard(&plan, guard, room, context, query.edns)
        {
            return Some(outcome);
        }
        if !matches!(query.qclass, class::IN | class::CH) {
            return Some(self.refuse(room, context, query.edns, rcode::REFUSED, Some(ede::NOT_SUPPORTED)));
        }
        match query.qtype {
            // No such type (RFC 6895 section 3.1), and one that is never asked for.
            0 | rtype::OPT => Some(self.refuse(room, context, query.edns, rcode::FORMERR, None)),
            rtype::ANY if query.qclass == class::IN => {
                let client = plan.client(room, context, query.edns);
                let composed = reply::minimal_any(room, context.question_end, &client);
                let verdict = Verdict::without(rcode::NOERROR, NO_ZONE, Source::Policy);
                Some(self.done(context, query.edns, Said { message: room, composed, verdict }))
            }
            // Transfers and what else is about servers and not about names is answered by no cache, and never passed on.
            rtype::FIRST_META..rtype::ANY => {
                Some(self.refuse(room, context, query.edns, rcode::REFUSED, Some(ede::NOT_SUPPORTED)))
            }
            _ => None,
        }
    }

    /// Answers from an entry.
    #[inline]
    pub(super) fn give(
        &self,
        room: &mut [u8],
        context: &Context,
        edns: Option<Edns>,
        entry: &Entry,
        uses: usize,
    ) -> Outcome {
        let plan = self.plan.borrow();
        let client = plan.client(room, context, edns);
        let turn = if plan.rotate { uses } else { 0 };
        let composed = reply::answer(room, context.question_end, &client, &entry.body(context.received), turn);
        let source = self.source_of(context, entry);
        self.done(context, edns, Said { message: room, composed, verdict: Verdict::of(entry, source) })
    }

    /// Answers with an error of our own.
    pub(super) fn refuse(
        &self,
        room: &mut [u8],
        context: &Context,
        edns: Option<Edns>,
        rcode: u16,
        ede: Option<u16>,
    ) -> Outcome {
        let plan = self.plan.borrow();
        let client = plan.client(room, context, edns);
        let composed = reply::error(room, context.question_end, &client, rcode, ede);
        let is_withheld = ede == Some(ede::BLOCKED);
        let verdict = Verdict { is_withheld, ..Verdict::without(rcode, NO_ZONE, Source::Policy) };
        self.done(context, edns, Said { message: room, composed, verdict })
    }

    /// Counts an answer that goes out at once.
    #[inline]
    pub(super) fn done(&self, context: &Context, edns: Option<Edns>, said: Said<'_>) -> Outcome {
        // The batch was read a few microseconds ago; reading the clock for each would cost more than it tells.
        self.count(context, edns, said, Duration::ZERO);
        Outcome::Answer(said.composed.length)
    }
}
