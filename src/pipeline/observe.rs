//! What those beside the way are told of an answer: never more than a copy of a few hundred bytes, and never anything that waits.

use std::time::Duration;

use crate::cache::Entry;
use crate::metrics::{Answered, Event, Source};
use crate::querylog::{Classes, Noted, Recorder};
use crate::reply::Composed;
use crate::sys::clock::Moment;
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
        if self.records.get() {
            self.record(context, edns, &said, duration);
        }
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
