//! Answers that operators have a hand in: questions asked in another form, answers made of the question, and what a zone knows itself.
//!
//! ```text
//! flight ─► rewrite ─┬─ another question ─► as if that were asked ─► its names as they were asked
//!                    └─ template ─► hosts of the zone ─► the node's own names and servers, as for any question
//! ```
//!
//! What comes of it is kept by its worker alone, which begins anew with every configuration, so that no answer outlives the rule that made it.
//! What servers said of the question that was asked instead is kept as ever, where that is the same for all who ask: a name of the zone that it is
//! asked of, and one that no rule touches. So nobody waits for a question that waits for another in turn, and rules that lead in a circle
//! through aliases come to an end at [`MOST_DEPTH`].

use std::rc::Rc;

use tracing::warn;

use crate::cache::entry::{Judgement, Terms};
use crate::cache::{Entry, Key, Known};
use crate::config::Route;
use crate::log::{Topic, escaped};
use crate::metrics::{Event, Source};
use crate::policy::hosts::HostsAnswer;
use crate::policy::local::LocalZone;
use crate::policy::rewrite::Turn;
use crate::policy::template::{Made, MadeAnswer};
use crate::sys::clock;
use crate::wire::answer::{Answer, Asked, Kind};
use crate::wire::body::Body;
use crate::wire::header::{HEADER, class, ede};
use crate::wire::rename::rename;
use crate::wire::{name, put_u16, rcode, record, rtype, u16_at};

use super::Pipeline;
use super::miss::{Failed, Finding, Flight, RECHECK};
use super::plan::Plan;

/// Questions inside questions, at most: aliases that lead from one template to the next. A guess: one is usual.
const MOST_DEPTH: u8 = 4;

/// Seconds that a worker remembers an answer of a rule that says nothing of it itself (what CoreDNS's cache keeps at least).
const BARE_TTL: u32 = 5;

impl Plan {
    /// Whether a rule has its say in the answer to a question, so that memory knows nothing of it.
    pub(super) fn touches(&self, key: &Key) -> bool {
        if !self.makes_some {
            return false;
        }
        let (name, qtype) = (key.name(), key.qtype());
        let own = self.local.owner(name, qtype).map(|(zone, _)| zone);
        if matches!(own, Some(LocalZone::OwnName | LocalZone::Blocked)) {
            return false;
        }
        let place = self.set.place(name, own.is_some());
        self.set.rewrites.changes(name, qtype, place)
            || self.set.templates.claims(name, qtype, place)
            || self.hosts_answer(name, qtype, self.zones.find(name)).is_some()
    }

    /// What the hosts of the zone of that number say; a zone that denies all it does not know leaves special names to the node.
    pub(super) fn hosts_answer(&self, name: &[u8], qtype: u16, zone: u16) -> Option<HostsAnswer> {
        let answer = self.rules(zone).hosts.as_ref()?.answer(name, qtype)?;
        let is_left = answer == HostsAnswer::Failure && self.local.owner(name, qtype).is_some();
        (!is_left).then_some(answer)
    }
}

impl Pipeline {
    /// What rules make of a question; `None` if they leave it to the node and its servers.
    pub(super) async fn by_rules(self: &Rc<Self>, flight: &Flight) -> Option<Finding> {
        let Flight { key, plan, zone, .. } = flight;
        let (name, qtype) = (key.name(), key.qtype());
        let own = plan.local.owner(name, qtype).map(|(zone, _)| zone);
        if matches!(own, Some(LocalZone::OwnName | LocalZone::Blocked)) {
            return None;
        }
        let place = plan.set.place(name, own.is_some());
        if !flight.is_rewritten {
            match plan.set.rewrites.turn(name, qtype, place) {
                Err(wrong) => {
                    return Some(self.spoilt(flight, Event::RewriteFailed, "a [[rewrite]] makes no name", wrong.rule));
                }
                Ok(Some(turn)) if turn.changes() => return Some(self.rewritten(flight, &turn).await),
                Ok(turn) => flight.ttls.set(turn.and_then(|turn| turn.ttls)),
            }
        }
        // A question that a rule keeps with the servers of its first name has nothing to do with the templates of its new one's zone.
        let is_elsewhere = flight.is_rewritten && plan.zones.find(name) != *zone;
        if !is_elsewhere && let Some(made) = plan.set.templates.answer(name, qtype, place) {
            return Some(self.templated(flight, made).await);
        }
        match plan.hosts_answer(name, qtype, *zone)? {
            HostsAnswer::Message(message) => {
                self.metrics.count(Event::FromHosts);
                Some(self.keep_made(flight, &message, None))
            }
            HostsAnswer::Failure => Some(Finding::Nothing(Self::unmade(flight, rcode::SERVFAIL, None))),
        }
    }

    //------ Another question --------------------------------------------------------------------------------------------

    /// Asks what rules make of a question, and gives the answer its names back.
    async fn rewritten(self: &Rc<Self>, flight: &Flight, turn: &Turn<'_>) -> Finding {
        let Flight { key, plan, .. } = flight;
        self.metrics.count(Event::Rewritten);
        let target = Key::new(&turn.name, turn.qtype, key.variant(), self.store.hashing());
        let home = plan.zones.find(target.name());
        let zone = if turn.route == Route::Question { flight.zone } else { home };
        let finding = if zone == home && flight.depth == 0 && !plan.touches(&target) {
            self.learn(&target, zone, flight).await
        } else {
            self.ask_within(target.clone(), zone, flight, true).await
        };
        let Finding::Entry(entry, source) = finding else { return finding };
        let rule = turn.rules.first().copied().unwrap_or_default();
        match self.restored(flight, turn, &target, &entry, source) {
            Some(entry) => Finding::Entry(entry, source),
            None => self.spoilt(flight, Event::RewriteFailed, "the answer to a [[rewrite]] has no such names", rule),
        }
    }

    /// The answer to the question of `target` as one to that of `flight`; `None` if it has names that cannot be written.
    fn restored(&self, flight: &Flight, turn: &Turn<'_>, target: &Key, entry: &Entry, source: Source) -> Option<Entry> {
        let key = &flight.key;
        let (body, left) = standing(entry, source);
        let asked = Asked { name: target.name(), qtype: turn.qtype, qclass: class::IN, dnssec_ok: false };
        let message = Answer::message_below(&body, target.name(), &asked).ok()?;
        let message = turn.restore(&message, key.name()).ok()?;
        let mut answer = self.scratch.borrow_mut();
        answer.read_whole(&message, &Asked { name: key.name(), ..asked }).ok()?;
        (answer.kind, answer.ede, answer.truncated) = (entry.kind(), body.ede, body.truncated);
        let lifetime = retime(turn.ttls.filter(|_| source != Source::Stale), &mut answer, left);
        Some(self.derived(flight, entry, &mut answer, lifetime, false))
    }

    /// Makes an entry of `answer`, which comes of `origin`, and keeps it in this worker.
    pub(super) fn derived(
        &self,
        flight: &Flight,
        origin: &Entry,
        answer: &mut Answer,
        lifetime: u32,
        authentic: bool,
    ) -> Entry {
        let judgement = Judgement { is_withheld: origin.judgement().is_withheld, ..flight.plan.judgement() };
        let authoritative = origin.terms().authoritative;
        let (now, zone) = (clock::coarse(), flight.zone);
        let terms = Terms { now, lifetime, zone, authentic, authoritative, judgement, ..Terms::default() };
        let entry = Entry::new(&flight.key, answer, terms, self.store.hashing());
        self.put_made_in_front(flight, &entry);
        entry
    }

    /// What is known of another question that no rule touches, or will be found out: from memory, from who asks it already, or by asking.
    pub(super) async fn learn(self: &Rc<Self>, key: &Key, zone: u16, flight: &Flight) -> Finding {
        let now = clock::coarse();
        let plan = &flight.plan;
        let rules = plan.rules(zone);
        let kept = |entry: Entry| {
            let source = if entry.is_denial() { Source::CacheDenial } else { Source::CacheSuccess };
            Finding::Entry(entry, source)
        };
        let stale = match self.find(key, now, flight.owner()) {
            Known::Fresh(entry) => return kept(entry),
            Known::Above(above, stale) => match self.cut(&above, key, now) {
                Some(entry) => return kept(entry),
                None => stale,
            },
            Known::Stale(entry) => Some(entry),
            Known::Nothing => None,
        };
        let stale = stale.filter(|entry| entry.is_stale(now, rules.serve_stale));
        let failure = self.store.failure(key.hash());
        if let Some(failure) = failure {
            let rests = if stale.is_some() && !failure.is_bogus { RECHECK } else { rules.servfail };
            if now.since(failure.at) < rests {
                return match stale.filter(|_| !failure.is_bogus) {
                    Some(entry) => Finding::Entry(entry, Source::Stale),
                    None => {
                        let (rcode, ede, source) = (failure.rcode, failure.ede, Source::CacheFailure);
                        let is_bogus = failure.is_bogus;
                        Finding::Nothing(Failed { rcode, ede, zone, source, is_bogus, ..Failed::unreachable() })
                    }
                };
            }
        }
        let lost = Finding::Nothing(Failed { ede: Some(ede::OTHER), zone, ..Failed::unreachable() });
        // The other task goes on to its end whatever happens; only the end of the worker could take it away.
        match (self.listen(key, zone, plan).await.unwrap_or(lost), stale) {
            (Finding::Nothing(failed), Some(entry)) if !failed.is_bogus => Finding::Entry(entry, Source::Stale),
            (finding, _) => finding,
        }
    }

    /// Finds another question out within this one, for nobody else.
    pub(super) async fn ask_within(
        self: &Rc<Self>,
        key: Key,
        zone: u16,
        flight: &Flight,
        is_rewritten: bool,
    ) -> Finding {
        if flight.depth >= MOST_DEPTH {
            return self.spoilt(flight, Event::RulesTooDeep, "rules lead from one to the next for too long", 0);
        }
        let inner = flight.within(key, zone, is_rewritten);
        Box::pin(self.find_out(&inner)).await
    }

    /// What is known of another question of the same client, whether rules touch it or not.
    pub(super) async fn look_up(self: &Rc<Self>, key: &Key, flight: &Flight) -> Finding {
        let zone = flight.plan.zones.find(key.name());
        if flight.depth == 0 && !flight.plan.touches(key) {
            return self.learn(key, zone, flight).await;
        }
        self.ask_within(key.clone(), zone, flight, false).await
    }

    //------ Answers that are made ---------------------------------------------------------------------------------------

    /// The answer of a template.
    async fn templated(self: &Rc<Self>, flight: &Flight, made: Made) -> Finding {
        let Made { template, answer } = made;
        match answer {
            MadeAnswer::Broken => {
                self.spoilt(flight, Event::TemplateFailed, "a [[template]] makes no record", template)
            }
            MadeAnswer::Code(rcode, ede) => {
                self.metrics.ruled(flight.zone, flight.key.qtype(), Event::Templated);
                Finding::Nothing(Self::unmade(flight, rcode, ede))
            }
            MadeAnswer::Message(message, ede) => {
                self.metrics.ruled(flight.zone, flight.key.qtype(), Event::Templated);
                let is_address = matches!(flight.key.qtype(), rtype::A | rtype::AAAA);
                let target = if is_address { loose_end(&message, flight.key.name()) } else { None };
                let message = match target {
                    Some(target) => self.followed(flight, &message, &target).await.unwrap_or(message),
                    None => message,
                };
                self.keep_made(flight, &message, ede)
            }
        }
    }

    /// The message with what is known of the name that its alias leads to; `None` if that is nothing.
    async fn followed(self: &Rc<Self>, flight: &Flight, message: &[u8], target: &[u8]) -> Option<Vec<u8>> {
        let key = &flight.key;
        let next = Key::new(target, key.qtype(), key.variant().plain(), self.store.hashing());
        let Finding::Entry(entry, _) = self.look_up(&next, flight).await else { return None };
        let asked = Asked { name: target, ..key.asked_unsigned() };
        let more = Answer::message_below(&entry.body(clock::coarse()), target, &asked).ok()?;
        let same = |message: &[u8], name: &[u8]| rename(message, name, name, |_, name| Some(name.to_vec())).ok();
        let (mut plain, more) = (same(message, key.name())?, same(&more, target)?);
        let counts = [u16_at(&plain, 6)?, u16_at(&more, 6)?];
        let (here, there) = (section_end(&plain, key.name(), counts[0])?, section_end(&more, target, counts[1])?);
        let answers = more.get(HEADER + target.len() + 4..there)?;
        plain.splice(here..here, answers.iter().copied());
        put_u16(&mut plain, 6, counts[0].checked_add(counts[1])?);
        Some(plain)
    }

    /// Makes an entry of a message of our own making, and keeps it in this worker.
    fn keep_made(&self, flight: &Flight, message: &[u8], ede: Option<u16>) -> Finding {
        let Flight { key, plan, zone, .. } = flight;
        let mut answer = self.scratch.borrow_mut();
        let asked = key.asked_unsigned();
        if answer.read_whole(message, &asked).is_err() || answer.kind == Kind::Failure {
            drop(answer);
            return Finding::Nothing(Self::unmade(flight, rcode::SERVFAIL, ede));
        }
        answer.ede = ede;
        let lifetime = match answer.kind {
            Kind::Positive => answer.ttl,
            _ => answer.negative_ttl.unwrap_or(BARE_TTL),
        };
        let lifetime = retime(flight.ttls.get(), &mut answer, lifetime);
        let (now, authoritative, judgement) = (clock::coarse(), answer.authoritative, plan.judgement());
        let terms = Terms { now, lifetime, zone: *zone, authoritative, judgement, ..Terms::default() };
        let entry = Entry::new(key, &mut answer, terms, self.store.hashing());
        drop(answer);
        self.put_made_in_front(flight, &entry);
        Finding::Entry(entry, Source::Local)
    }

    /// Keeps an answer that rules had a hand in, in this worker, until the next configuration.
    pub(super) fn put_made_in_front(&self, flight: &Flight, entry: &Entry) {
        if entry.lifetime() > 0 && flight.is_kept() && Rc::ptr_eq(&flight.plan, &self.plan.borrow()) {
            self.front.borrow_mut().insert(&flight.key, entry.clone(), clock::coarse());
        }
    }

    /// That a rule gives a response code and nothing else.
    fn unmade(flight: &Flight, rcode: u16, ede: Option<u16>) -> Failed {
        Failed { rcode, ede, zone: flight.zone, source: Source::Local, ..Failed::unreachable() }
    }

    /// That nothing comes of a rule; says so within limits.
    fn spoilt(&self, flight: &Flight, event: Event, what: &'static str, rule: usize) -> Finding {
        self.metrics.ruled(flight.zone, flight.key.qtype(), event);
        if self.limiter.admits(Topic::Rules, clock::coarse()) {
            let shown = name::display(flight.key.name()).to_string();
            warn!(name = %escaped(&shown), qtype = flight.key.qtype(), rule, "{what}");
        }
        Finding::Nothing(Self::unmade(flight, rcode::SERVFAIL, Some(ede::OTHER)))
    }
}

/// What a kept answer says now, and for how many seconds more; an expired one for none.
pub(super) fn standing(entry: &Entry, source: Source) -> (Body<'_>, u32) {
    if source == Source::Stale {
        return (entry.stale_body(), 0);
    }
    let body = entry.body(clock::coarse());
    let left = entry.lifetime().saturating_sub(body.age);
    (body, left)
}

/// Brings the TTLs of an answer that is good for so many seconds between the bounds of a rule, if there is one; for how many it is good then.
pub(super) fn retime(bounds: Option<(u32, u32)>, answer: &mut Answer, lifetime: u32) -> u32 {
    let Some((least, most)) = bounds else { return lifetime };
    answer.clamp_ttls(least, most);
    match answer.kind {
        _ if answer.truncated => 0,
        Kind::Positive if answer.counts[0] > 0 => answer.ttl,
        Kind::NxDomain | Kind::NoData if lifetime > 0 => lifetime.clamp(least, most),
        _ => lifetime,
    }
}

/// The name that the aliases of a message lead to, folded, if there is one and nothing is said of it.
fn loose_end(message: &[u8], question: &[u8]) -> Option<Vec<u8>> {
    let mut at = HEADER + question.len() + 4;
    let mut end = None;
    for _ in 0..u16_at(message, 6)? {
        let record = record::read(message, at)?;
        at = record.end;
        if record.rtype != rtype::CNAME {
            return None;
        }
        let (target, _) = name::expand(message, record.rdata_start)?;
        end = Some(target.as_bytes().to_ascii_lowercase());
    }
    end
}

/// The offset behind the first `count` records of a message.
fn section_end(message: &[u8], question: &[u8], count: u16) -> Option<usize> {
    let start = HEADER + question.len() + 4;
    (0..count).try_fold(start, |at, _| record::read(message, at).map(|record| record.end))
}
