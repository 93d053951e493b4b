//! Asking whoever knows, and making of what they say something that can be kept and given.

use std::rc::Rc;
use std::time::Duration;

use tracing::warn;

use crate::cache::Entry;
use crate::cache::entry::Terms;
use crate::log::{Topic, escaped};
use crate::metrics::{Event, Source};
use crate::policy::local::LocalZone;
use crate::sys::clock;
use crate::upstream::UpstreamError;
use crate::wire::answer::{Answer, Asked, Kind};
use crate::wire::header::{class, ede};
use crate::wire::message::{Outgoing, Question};
use crate::wire::{name, rcode};

use super::Pipeline;
use super::miss::{Failed, Finding, Flight};
use super::plan::Plan;
use super::rules::retime;
use super::validate::{Believed, Bits};

/// A failure that took so long may be that of a question which came back to us.
const SLOW: Duration = Duration::from_secs(1);

impl Pipeline {
    /// Asks whoever knows: the node's own zones, or the servers of the name's zone.
    pub(super) async fn find_out(self: &Rc<Self>, flight: &Flight) -> Finding {
        let Flight { key, plan, zone, .. } = flight;
        if flight.qclass == class::IN {
            if key.variant().is_translated() {
                return Box::pin(self.translate(flight)).await;
            }
            if plan.has_rules
                && let Some(finding) = Box::pin(self.by_rules(flight)).await
            {
                return finding;
            }
        }
        match plan.local.lookup(key.name(), key.qtype(), flight.qclass) {
            None => {}
            Some(LocalZone::Blocked) => return self.blocked(flight, plan),
            Some(_) => {
                let message = plan.local.answer(key.name(), key.qtype(), flight.qclass).await;
                return self.own(flight, &message);
            }
        }
        if flight.qclass != class::IN {
            let (rcode, ede, zone) = (rcode::REFUSED, Some(ede::NOT_SUPPORTED), plan.zones.root());
            return Finding::Nothing(Failed { rcode, ede, zone, ..Failed::unreachable() });
        }
        let rules = plan.rules(*zone);
        if rules.hides(key) {
            return self.without_type(flight).await;
        }
        let bits = Bits::of(rules.dnssec, key.variant());
        let query = Rc::new(Outgoing::new(&Question {
            name: key.name(),
            qtype: key.qtype(),
            qclass: class::IN,
            dnssec_ok: bits.dnssec_ok,
            checking_disabled: bits.checking_disabled,
            authentic_data: bits.authentic_data,
        }));
        let reads = |message: &[u8]| Self::read(flight, message, &mut self.scratch.borrow_mut());
        let begun = clock::now();
        let outcome = plan.group(rules).exchange(&query, &reads).await;
        let was_slow = clock::now().since(begun) >= SLOW;
        let conclusive = plan.group(rules).is_conclusive(&outcome);
        let finding = match outcome {
            Ok(response) => {
                if self.records_queries.get() {
                    let took = clock::now().since(begun);
                    self.record_exchange(*zone, query.as_bytes(), &response.bytes, begun, took);
                }
                let believed = if bits.is_judged {
                    let spent = clock::now().since(begun);
                    match self.judge_answer(flight, &response.bytes, spent).await {
                        Ok(believed) => believed,
                        Err(failed) => return Finding::Nothing(failed),
                    }
                } else {
                    Believed::forwarded(bits.authentic_data && response.authenticated)
                };
                let keepalive = self.understand(flight, &response.bytes, believed, conclusive);
                match keepalive {
                    Ok((finding, told)) => {
                        if let Some(told) = told {
                            response.keepalive(told);
                        }
                        finding
                    }
                    Err(()) => self.failed(flight, UpstreamError::Malformed, conclusive),
                }
            }
            Err(failed) => self.failed(flight, failed.error, conclusive),
        };
        // A question that comes back to us waits for itself until somebody on the way gives up, we or they.
        if let Finding::Nothing(failed) = &finding
            && (failed.is_timeout || was_slow)
        {
            self.suspect_loop(*zone, plan);
        }
        finding
    }

    /// Reads an upstream's message into `answer`; whether it is an answer to the question. It is read twice, before a server is believed and
    /// when an entry is made of it: a fifth of a microsecond, and no state that has to be carried from there to here.
    pub(super) fn read(flight: &Flight, message: &[u8], answer: &mut Answer) -> bool {
        let Flight { key, qclass, .. } = flight;
        let asked = Asked { qclass: *qclass, ..key.asked() };
        // What is left when every record was unusable is no answer.
        answer.read(message, &asked).is_ok() && (answer.dropped == 0 || answer.counts != [0; 3])
    }

    /// Makes an entry of an upstream's message, keeps it if it may be kept; with it, what the server said of its connections.
    fn understand(
        self: &Rc<Self>,
        flight: &Flight,
        message: &[u8],
        believed: Believed,
        is_conclusive: bool,
    ) -> Result<(Finding, Option<u16>), ()> {
        let (key, zone) = (&flight.key, flight.zone);
        let mut answer = self.scratch.borrow_mut();
        if !Self::read(flight, message, &mut answer) {
            return Err(());
        }
        for _ in 0..answer.dropped {
            self.metrics.count(Event::RecordDropped);
        }
        let keepalive = answer.keepalive;
        if answer.kind == Kind::Failure {
            let (rcode, ede) = (answer.rcode, answer.ede.or_else(|| UpstreamError::Rcode(answer.rcode).ede()));
            let source = Source::Forward;
            let failed = Failed { rcode, ede, zone, source, is_conclusive, is_timeout: false, is_bogus: false };
            return Ok((Finding::Nothing(failed), keepalive));
        }
        // The list of now: a reload may have changed it while the server was asked.
        let plan = Rc::clone(&self.plan.borrow());
        if Self::leads_to_blocked(&plan, key, &answer) {
            drop(answer);
            self.store.succeed(key.hash());
            if flight.is_kept() {
                self.store.forget(key);
            }
            return Ok((self.blocked(flight, &plan), keepalive));
        }
        let rules = flight.plan.rules(zone);
        let judgement = self.admit(&flight.plan, key, zone, flight.owner(), message, &mut answer);
        let lifetime = rules.bounds.apply(&mut answer);
        let lifetime = retime(flight.ttls.get(), &mut answer, lifetime);
        let lifetime = believed.apply(&mut answer, lifetime);
        // A coarse moment, as hits compare it with: a fine one could lie ahead of them.
        let now = clock::coarse();
        // What the filter has changed is not what anybody vouches for.
        let authentic = !judgement.is_withheld && believed.authentic.unwrap_or(answer.authentic);
        let popular_at = if answer.kind == Kind::Positive { rules.prefetch } else { 0 };
        let terms = Terms { now, lifetime, zone, authentic, authoritative: false, popular_at, judgement };
        let entry = Entry::new(key, &mut answer, terms, self.store.hashing());
        drop(answer);
        self.store.succeed(key.hash());
        // Where a reload gave the name to another zone meanwhile, this one's answer serves those who wait for it and nobody else.
        let current = Rc::ptr_eq(&flight.plan, &plan) || plan.holds(key.name(), key.qtype(), zone);
        if !flight.is_kept() {
            // It answers another question, of which nobody else asks in this way.
        } else if lifetime > 0 && current {
            self.store.insert(entry.clone());
            self.put_in_front(key, &entry, flight.ahead, now);
        } else if flight.stale.borrow().is_some() {
            // What may not be kept still says that what was kept is not so any more.
            self.store.forget(key);
        }
        Ok((Finding::Entry(entry, Source::Forward), keepalive))
    }

    /// Makes an entry of what the node knows itself. It is here already, so the store has no use for it; but denials go into the worker's
    /// front, since what search paths make of names is most of what pods ask.
    fn own(&self, flight: &Flight, message: &[u8]) -> Finding {
        let Flight { key, plan, zone, .. } = flight;
        let mut answer = self.scratch.borrow_mut();
        let asked = Asked { qclass: flight.qclass, ..key.asked_unsigned() };
        if answer.read(message, &asked).is_err() {
            let failed = Failed { ede: Some(ede::OTHER), zone: *zone, ..Failed::unreachable() };
            return Finding::Nothing(failed);
        }
        let (now, lifetime) = (clock::coarse(), answer.negative_ttl.unwrap_or(0));
        let terms = Terms { now, lifetime, zone: *zone, authoritative: answer.authoritative, ..Terms::default() };
        let entry = Entry::new(key, &mut answer, terms, self.store.hashing());
        if lifetime > 0 && flight.is_kept() && Rc::ptr_eq(plan, &self.plan.borrow()) {
            self.front.borrow_mut().insert(key, entry.clone(), now);
        }
        Finding::Entry(entry, Source::Local)
    }

    /// What is said of a name that nobody gets.
    fn blocked(&self, flight: &Flight, plan: &Rc<Plan>) -> Finding {
        let Flight { key, zone, .. } = flight;
        let failed = Failed { ede: Some(ede::OTHER), zone: *zone, ..Failed::unreachable() };
        let denial = self.denial(key, *zone, plan, clock::coarse());
        denial.map_or(Finding::Nothing(failed), |entry| Finding::Entry(entry, Source::Policy))
    }

    /// Says, within limits, that a question found no answer.
    fn failed(self: &Rc<Self>, flight: &Flight, error: UpstreamError, is_conclusive: bool) -> Finding {
        let key = &flight.key;
        if error == UpstreamError::Malformed {
            self.metrics.count(Event::AnswerUnusable);
        }
        if self.limiter.admits(Topic::Upstream, clock::coarse()) {
            warn!(name = %escaped(&name::display(key.name()).to_string()), qtype = key.qtype(), error = %error, "no server answered");
        }
        let ede = if error == UpstreamError::Malformed { Some(ede::INVALID_DATA) } else { error.ede() };
        let is_timeout = error == UpstreamError::Timeout;
        let is_conclusive = is_conclusive && error.retry_elsewhere();
        let (rcode, zone) = (error.rcode(), flight.zone);
        Finding::Nothing(Failed { rcode, ede, zone, is_conclusive, is_timeout, ..Failed::unreachable() })
    }
}
