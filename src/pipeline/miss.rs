//! What has to be found out: one task a question, however many clients wait for it.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::task::spawn_local;
use tracing::warn;

use crate::cache::entry::Terms;
use crate::cache::{Entry, Key};
use crate::config::Dnssec;
use crate::listener::{Outcome, ReplyTo};
use crate::log::{Topic, escaped};
use crate::metrics::{Event, Source};
use crate::reply::{self, Composed, compose::LARGEST_OPT};
use crate::sys::clock;
use crate::upstream::UpstreamError;
use crate::wire::answer::{Asked, Kind};
use crate::wire::header::{class, ede};
use crate::wire::message::{Outgoing, Question};
use crate::wire::query::{Edns, Query};
use crate::wire::{name, rcode};

use super::Pipeline;
use super::hit::Context;
use super::plan::Plan;

/// A question that is being found out.
pub(super) struct Flight {
    /// The question.
    key: Key,
    /// Its class.
    qclass: u16,
    /// What held when it was asked.
    plan: Rc<Plan>,
    /// Who wants to know.
    waiters: RefCell<Vec<Waiter>>,
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
enum Finding {
    /// An answer, and who knew it.
    Entry(Entry, Source),
    /// None, and why.
    Nothing {
        /// The code for the client.
        rcode: u16,
        /// More about it.
        ede: Option<u16>,
        /// The zone.
        zone: u16,
    },
}

impl Pipeline {
    /// Lets the client wait for the answer, with others who asked the same, or sheds it where too many wait already.
    pub(super) fn later(
        self: &Rc<Self>,
        room: &mut [u8],
        context: &Context,
        query: &Query,
        key: Key,
        reply_to: &dyn Fn() -> ReplyTo,
    ) -> Outcome {
        let plan = Rc::clone(&self.plan.borrow());
        if self.waiting.get() >= plan.limits[1] {
            return self.shed(room, context, query.edns, Event::ShedWaiting);
        }
        let flying =
            self.flights.borrow().get(&key.hash()).filter(|flight| flight.key.as_bytes() == key.as_bytes()).cloned();
        if flying.is_none() && self.flying.get() >= plan.limits[0] {
            return self.shed(room, context, query.edns, Event::ShedInFlight);
        }
        let waiter = Waiter {
            question: room.get(..query.question_end).unwrap_or_default().into(),
            edns: query.edns,
            // A miss is worth a precise clock: its time is measured.
            context: Context { received: clock::now(), ..*context },
            reply_to: reply_to(),
        };
        self.waiting.set(self.waiting.get() + 1);
        if let Some(flight) = flying {
            self.metrics.count(Event::Coalesced);
            flight.waiters.borrow_mut().push(waiter);
        } else {
            let flight = Rc::new(Flight { key, qclass: query.qclass, plan, waiters: RefCell::new(vec![waiter]) });
            self.flying.set(self.flying.get() + 1);
            // Of two questions with one hash, the second flies alone.
            self.flights.borrow_mut().entry(flight.key.hash()).or_insert_with(|| Rc::clone(&flight));
            spawn_local(Rc::clone(self).fly(flight));
        }
        self.publish();
        Outcome::Later
    }

    /// Refuses a client for want of room; never kept, since the next moment may have room (RFC 8914 has no code for it).
    fn shed(&self, room: &mut [u8], context: &Context, edns: Option<Edns>, event: Event) -> Outcome {
        self.metrics.count(event);
        if self.limiter.admits(Topic::Shed, context.received) {
            warn!(waiting = self.waiting.get(), in_flight = self.flying.get(), "too many queries wait; shedding");
        }
        self.refuse(room, context, edns, rcode::REFUSED, Some(ede::OTHER))
    }

    /// Finds an answer out and gives it to all who wait.
    async fn fly(self: Rc<Self>, flight: Rc<Flight>) {
        let finding = self.find_out(&flight).await;
        let mut flights = self.flights.borrow_mut();
        if flights.get(&flight.key.hash()).is_some_and(|known| Rc::ptr_eq(known, &flight)) {
            flights.remove(&flight.key.hash());
        }
        drop(flights);
        let waiters = flight.waiters.take();
        self.flying.set(self.flying.get() - 1);
        self.waiting.set(self.waiting.get() - waiters.len());
        self.publish();
        let now = clock::now();
        for (turn, waiter) in waiters.into_iter().enumerate() {
            self.reply(waiter, &finding, now, turn);
        }
    }

    /// Answers one client.
    fn reply(&self, waiter: Waiter, finding: &Finding, now: clock::Moment, turn: usize) {
        let Waiter { question, edns, context, reply_to } = waiter;
        let client = self.client(&question, &context, edns);
        let records = match finding {
            Finding::Entry(entry, _) => entry.body(now).records.len(),
            Finding::Nothing { .. } => 0,
        };
        let room = client.limit.min(question.len() + records + LARGEST_OPT);
        let write = |bytes: &mut [u8]| -> usize {
            bytes[..question.len()].copy_from_slice(&question);
            let (composed, rcode, zone, source): (Composed, _, _, _) = match finding {
                Finding::Entry(entry, source) => {
                    let turn = if self.plan.borrow().rotate { turn } else { 0 };
                    (
                        reply::answer(bytes, question.len(), &client, &entry.body(now), turn),
                        entry.rcode(),
                        entry.zone(),
                        *source,
                    )
                }
                Finding::Nothing { rcode, ede, zone } => {
                    (reply::error(bytes, question.len(), &client, *rcode, *ede), *rcode, *zone, Source::Policy)
                }
            };
            self.count(&context, edns, composed, rcode, zone, source, now.since(context.received));
            composed.length
        };
        reply_to.send(room, write);
    }

    /// Asks whoever knows: the node's own zones, or the servers of the name's zone.
    async fn find_out(&self, flight: &Flight) -> Finding {
        let Flight { key, plan, .. } = flight;
        if plan.local.lookup(key.name(), key.qtype(), flight.qclass).is_some() {
            let message = plan.local.answer(key.name(), key.qtype(), flight.qclass).await;
            return self.own(flight, &message);
        }
        if flight.qclass != class::IN {
            return Finding::Nothing { rcode: rcode::REFUSED, ede: Some(ede::NOT_SUPPORTED), zone: plan.zones.root() };
        }
        let zone = plan.zones.find(key.name());
        let rules = plan.rules(zone);
        let dnssec = rules.dnssec == Dnssec::Forward;
        let query = Rc::new(Outgoing::new(&Question {
            name: key.name(),
            qtype: key.qtype(),
            qclass: class::IN,
            dnssec_ok: dnssec && key.variant().dnssec_ok(),
            checking_disabled: dnssec && key.variant().checking_disabled(),
            authentic_data: dnssec,
        }));
        match plan.group(rules).exchange(&query).await {
            Ok(response) => {
                let keepalive = self.understand(flight, &response.bytes, zone, dnssec && response.authenticated);
                match keepalive {
                    Ok((finding, Some(told))) => {
                        response.keepalive(told);
                        finding
                    }
                    Ok((finding, None)) => finding,
                    Err(()) => self.failed(key, zone, UpstreamError::Malformed),
                }
            }
            Err(failed) => self.failed(key, zone, failed.error),
        }
    }

    /// Makes an entry of an upstream's message, keeps it if it may be kept; with it, what the server said of its connections.
    fn understand(
        &self,
        flight: &Flight,
        message: &[u8],
        zone: u16,
        authentic: bool,
    ) -> Result<(Finding, Option<u16>), ()> {
        let key = &flight.key;
        let mut answer = self.scratch.borrow_mut();
        let asked =
            Asked { name: key.name(), qtype: key.qtype(), qclass: flight.qclass, dnssec_ok: key.variant().dnssec_ok() };
        // What is left when every record was unusable is no answer.
        let empty = |answer: &crate::wire::answer::Answer| answer.dropped > 0 && answer.counts == [0; 3];
        if answer.read(message, &asked).is_err() || empty(&answer) {
            return Err(());
        }
        for _ in 0..answer.dropped {
            self.metrics.count(Event::RecordDropped);
        }
        let lifetime = flight.plan.rules(zone).bounds.apply(&mut answer);
        // A coarse moment, as hits compare it with: a fine one could lie ahead of them.
        let now = clock::coarse();
        let authentic = authentic && answer.authentic;
        let terms = Terms { now, lifetime, zone, authentic, authoritative: false };
        let entry = Entry::new(key, &mut answer, terms, self.store.hashing());
        let keepalive = answer.keepalive;
        drop(answer);
        // Where a reload gave the name to another zone meanwhile, this one's answer serves those who wait for it and nobody else.
        let plan = self.plan.borrow();
        let current = Rc::ptr_eq(&flight.plan, &plan) || plan.holds(key.name(), key.qtype(), zone);
        if lifetime > 0 && entry.kind() != Kind::Failure && current {
            self.store.insert(entry.clone());
            self.front.borrow_mut().insert(key, entry.clone(), now);
        }
        Ok((Finding::Entry(entry, Source::Forward), keepalive))
    }

    /// Makes an entry of what the node knows itself. It is not kept: it is here already.
    fn own(&self, flight: &Flight, message: &[u8]) -> Finding {
        let Flight { key, plan, .. } = flight;
        let zone = plan.zones.find(key.name());
        let mut answer = self.scratch.borrow_mut();
        let asked = Asked { name: key.name(), qtype: key.qtype(), qclass: flight.qclass, dnssec_ok: false };
        if answer.read(message, &asked).is_err() {
            return Finding::Nothing { rcode: rcode::SERVFAIL, ede: Some(ede::OTHER), zone };
        }
        let authoritative = answer.authoritative;
        let terms = Terms { now: clock::coarse(), lifetime: 0, zone, authentic: false, authoritative };
        Finding::Entry(Entry::new(key, &mut answer, terms, self.store.hashing()), Source::Local)
    }

    /// Says, within limits, that a question found no answer.
    fn failed(&self, key: &Key, zone: u16, error: UpstreamError) -> Finding {
        if self.limiter.admits(Topic::Upstream, clock::coarse()) {
            warn!(name = %escaped(&name::display(key.name()).to_string()), qtype = key.qtype(), error = %error, "no server answered");
        }
        let ede = if error == UpstreamError::Malformed { Some(ede::INVALID_DATA) } else { error.ede() };
        Finding::Nothing { rcode: error.rcode(), ede, zone }
    }
}
