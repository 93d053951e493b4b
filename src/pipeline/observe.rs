//! What those beside the way are told of an answer: never more than a copy of a few hundred bytes, and never anything that waits.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::cache::{Entry, Key};
use crate::detect::{Kind, Observation, Tap};
use crate::listener::Outcome;
use crate::metrics::{Answered, Event, Source};
use crate::querylog::{Classes, Noted, Recorder};
use crate::reply::{self, Composed};
use crate::sys::clock::{self, Moment};
use crate::wire::header::{HEADER, class, ede, rcode};
use crate::wire::query::Edns;

use super::Pipeline;
use super::hit::{Context, NO_ZONE};

/// An answer that goes out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    /// The message; behind it may stand anything.
    pub(super) message: &'a [u8],
    /// How much of it there is.
    pub(super) composed: Composed,
    /// What it says.
    pub(super) verdict: Verdict,
}

/// What an answer says, and who says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    /// RCODE with the extended bits.
    pub(super) rcode: u16,
    /// Whose name it is, or [`NO_ZONE`].
    pub(super) zone: u16,
    /// Who knew.
    pub(super) source: Source,
    /// Whether it is not what servers say: by the filter, the list of blocked names, or a detection.
    pub(super) is_withheld: bool,
}

impl Verdict {
    /// That of a kept answer.
    #[inline]
    pub(super) fn of(entry: &Entry, source: Source) -> Self {
        let is_withheld = entry.judgement().is_withheld || entry.is_denial() && entry.is_blocked();
        Self { rcode: entry.rcode(), zone: entry.zone(), source, is_withheld }
    }

    /// That there is none.
    #[inline]
    pub(super) const fn without(rcode: u16, zone: u16, source: Source) -> Self {
        Self { rcode, zone, source, is_withheld: false }
    }
}

impl Pipeline {
    /// Lets what is noted of answers be written by `recorder`.
    pub fn record_by(&self, recorder: Recorder) {
        self.recorder.replace(Some(recorder));
        self.follow_records();
    }

    /// Goes by what the plan says of the query log.
    pub(super) fn follow_records(&self) {
        let (plan, mut recorder) = (self.plan.borrow(), self.recorder.borrow_mut());
        let Some(recorder) = &mut *recorder else { return };
        recorder.set_sample(plan.record_sample);
        self.records.set(plan.records);
        self.records_queries.set(plan.records && recorder.has_messages());
    }

    /// Counts an answer, and tells of it whoever wants to know.
    #[inline]
    pub(super) fn count(&self, context: &Context, edns: Option<Edns>, said: Said<'_>, duration: Duration) {
        let Said { composed, verdict: Verdict { rcode, zone, source, .. }, .. } = said;
        if composed.truncated {
            self.metrics.count(Event::Truncated);
        }
        self.metrics.answered(&Answered {
            server: context.server,
            zone,
            protocol: context.protocol,
            qtype: context.qtype,
            rcode,
            dnssec_ok: edns.is_some_and(|edns| edns.dnssec_ok),
            source,
            request_size: context.size,
            response_size: composed.length,
            duration,
        });
        let left = self.untold.get().wrapping_sub(1);
        self.untold.set(left);
        if left == 0 {
            self.sample(context, &said);
        }
        if self.records.get() {
            self.record(context, edns, &said, duration);
        }
    }

    /// Lets what is worth watching be told by `tap`.
    pub fn watch_by(&self, tap: Tap) {
        self.tap.replace(Some(tap));
        self.untold.set(1);
    }

    /// What detection is told of an answer; `None` of what had no name in its question.
    fn observation(context: &Context, said: &Said<'_>, kind: Kind, ttl: u32) -> Option<Observation> {
        let name = said.message.get(HEADER..context.question_end.checked_sub(4)?).filter(|name| !name.is_empty())?;
        let Verdict { rcode, zone, source, .. } = said.verdict;
        let mut seen = Observation::of(name);
        seen.answer_bytes = u16::try_from(said.composed.length - context.question_end).unwrap_or(u16::MAX);
        (seen.client, seen.kind, seen.qtype, seen.ttl) = (context.client, kind, context.qtype, ttl);
        (seen.rcode, seen.zone, seen.source) = (rcode, zone, source);
        seen.at = clock::coarse();
        Some(seen)
    }

    /// Tells detection of one answer of many.
    #[cold]
    fn sample(&self, context: &Context, said: &Said<'_>) {
        if let Some(tap) = &mut *self.tap.borrow_mut() {
            let (weight, next) = tap.take(context.received);
            self.untold.set(next);
            // The daemon asks itself every second whether it is at work.
            let class = context.question_end.checked_sub(2).and_then(|at| said.message.get(at..context.question_end));
            if class != Some(&class::CH.to_be_bytes())
                && let Some(seen) = Self::observation(context, said, Kind::Sample(weight), u32::MAX)
            {
                tap.sample(seen);
            }
        }
    }

    /// Tells detection of an answer for which a server had to be asked. `ttl` is for how long it is good; `u32::MAX` if it is none.
    pub(super) fn watch(&self, context: &Context, said: &Said<'_>, ttl: u32) {
        let Verdict { source, is_withheld, .. } = said.verdict;
        // What the node knows itself, and names that nobody gets.
        if source == Source::Local || source == Source::Policy && is_withheld {
            return;
        }
        if let Some(tap) = &mut *self.tap.borrow_mut()
            && let Some(seen) = Self::observation(context, said, Kind::Miss, ttl)
        {
            tap.tell(seen);
        }
    }

    /// Tells detection that an answer led to an address which no public name may have.
    pub(super) fn watch_rebinding(&self, key: &Key, zone: u16, client: IpAddr) {
        if let Some(tap) = &mut *self.tap.borrow_mut() {
            let mut seen = Observation::of(key.name());
            (seen.at, seen.kind, seen.client) = (clock::coarse(), Kind::Rebinding, client);
            (seen.qtype, seen.zone) = (key.qtype(), zone);
            tap.tell(seen);
        }
    }

    /// Tells detection that a type was asked which nobody gets.
    pub(super) fn watch_type(&self, context: &Context, message: &[u8]) {
        let name = context.question_end.checked_sub(4).and_then(|end| message.get(HEADER..end));
        if let (Some(tap), Some(name)) = (&mut *self.tap.borrow_mut(), name) {
            let mut seen = Observation::of(name);
            (seen.at, seen.kind, seen.client, seen.qtype) =
                (context.received, Kind::Type, context.client, context.qtype);
            tap.tell(seen);
        }
    }

    /// Refuses a question of a client that detection holds back below its domain, before a server is asked.
    pub(super) fn hold_back(
        &self,
        room: &mut [u8],
        context: &Context,
        edns: Option<Edns>,
        key: &Key,
        zone: u16,
    ) -> Option<Outcome> {
        let holds = |tap: &Tap| tap.refuses(context.client, key.name(), context.received);
        if !self.tap.borrow().as_ref().is_some_and(holds) {
            return None;
        }
        self.metrics.count(Event::Sentenced);
        let plan = Rc::clone(&self.plan.borrow());
        let client = plan.client(room, context, edns);
        let composed = reply::error(room, context.question_end, &client, rcode::REFUSED, Some(ede::BLOCKED));
        let verdict = Verdict { is_withheld: true, ..Verdict::without(rcode::REFUSED, zone, Source::Policy) };
        let said = Said { message: room, composed, verdict };
        self.count(context, edns, said, Duration::ZERO);
        // It goes on: so does what follows.
        if let Some(tap) = &mut *self.tap.borrow_mut()
            && let Some(seen) = Self::observation(context, &said, Kind::Miss, u32::MAX)
        {
            tap.tell(seen);
        }
        Some(Outcome::Answer(composed.length))
    }

    /// Notes an answer in the query log, if its zone wants that.
    #[cold]
    fn record(&self, context: &Context, edns: Option<Edns>, said: &Said<'_>, duration: Duration) {
        let plan = self.plan.borrow();
        let Verdict { rcode, zone, source, is_withheld } = said.verdict;
        let wanted = if zone == NO_ZONE { plan.recorded } else { plan.rules(zone).recorded };
        let Some(message) = said.message.get(..said.composed.length) else { return };
        if let Some(recorder) = &mut *self.recorder.borrow_mut() {
            recorder.answer(
                wanted,
                &Noted {
                    client: context.client,
                    port: context.port,
                    server: context.server,
                    protocol: context.protocol,
                    size: context.size,
                    edns,
                    message,
                    question_end: context.question_end,
                    rcode,
                    source,
                    is_withheld,
                    received: context.received,
                    duration,
                },
            );
        }
    }

    /// Notes a query as it came, for a log that has whole messages.
    #[cold]
    pub(super) fn record_query(&self, context: &Context, message: &[u8]) {
        let wanted = self.plan.borrow().recorded;
        if let Some(recorder) = &mut *self.recorder.borrow_mut()
            && wanted.has(Classes::ALL)
        {
            recorder.query(context.client, context.port, context.server, context.protocol, message, context.received);
        }
    }

    /// Notes what a server was asked and what it said.
    #[cold]
    pub(super) fn record_exchange(&self, zone: u16, query: &[u8], response: &[u8], begun: Moment, duration: Duration) {
        let wanted = self.plan.borrow().rules(zone).recorded;
        if let Some(recorder) = &mut *self.recorder.borrow_mut() {
            recorder.exchange(wanted, query, response, begun, duration);
        }
    }
}
