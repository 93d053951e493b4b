//! Addresses for networks without IPv4 (`zone.dns64`, RFC 6147): what is asked, and for whom.
//!
//! ```text
//! AAAA ─┬─ real addresses, NXDOMAIN, bogus ─► as it is
//!       └─ none, or no answer ─► A ─┬─ addresses ─► AAAA made of them
//!                                   └─ none ─► as it is
//! ```
//!
//! The same question has two answers then: clients over IPv4, unless they are meant too, and those that validate themselves get what is there. So
//! the answer that is made is kept under a key of its own, and the other one never lies in a worker's front, where it would be found first.

use std::rc::Rc;

use crate::cache::{Entry, Key};
use crate::config::Dns64;
use crate::metrics::{Event, Source};
use crate::policy::dns64::{MAX_TTL, is_real, translate};
use crate::sys::clock;
use crate::wire::answer::{Answer, Asked, Kind};
use crate::wire::{rcode, record, rtype};

use super::Pipeline;
use super::miss::{Finding, Flight};
use super::rules::standing;

impl Pipeline {
    /// The answer to a question for AAAA with addresses made up if need be.
    pub(super) async fn translate(self: &Rc<Self>, flight: &Flight) -> Finding {
        let Flight { key, plan, zone, .. } = flight;
        let plain = Key::new(key.name(), rtype::AAAA, key.variant().plain(), self.store.hashing());
        let first = self.look_up(&plain, flight).await;
        // A reload that took the prefix away came between.
        let Some(dns64) = plan.rules(*zone).dns64 else { return first };
        if !self.wants_more(&first, dns64) {
            return self.as_it_is(flight, first);
        }
        let address = Key::new(key.name(), rtype::A, key.variant().plain(), self.store.hashing());
        let second = self.look_up(&address, flight).await;
        if let Finding::Entry(entry, source) = &second
            && entry.kind() == Kind::Positive
        {
            // RFC 6147 section 5.1.7: not longer than the denial would have been believed.
            let most = match &first {
                Finding::Entry(denial, _) if denial.is_denial() && denial.lifetime() > 0 => {
                    denial.lifetime().saturating_sub(denial.body(clock::coarse()).age).max(1)
                }
                _ => MAX_TTL,
            };
            if let Some(entry) = self.made_of(flight, entry, *source, dns64, most) {
                self.metrics.count(Event::Translated);
                return Finding::Entry(entry, *source);
            }
        }
        self.as_it_is(flight, first)
    }

    /// Whether an answer leaves the name without an IPv6 address although it exists (RFC 6147 sections 5.1.1 to 5.1.4).
    fn wants_more(&self, first: &Finding, dns64: Dns64) -> bool {
        let entry = match first {
            // No answer, and errors, count as an empty one; what is forged does not.
            Finding::Nothing(failed) => return !failed.is_bogus,
            Finding::Entry(entry, _) => entry,
        };
        if entry.rcode() == rcode::NXDOMAIN || entry.is_blocked() || entry.judgement().is_withheld {
            return false;
        }
        let body = entry.body(clock::coarse());
        let mut at = 0;
        let records = (0..body.counts[0]).map_while(|_| {
            let record = record::read(body.records, at)?;
            at = record.end;
            Some(record)
        });
        let mut addresses = records.filter(|record| record.rtype == rtype::AAAA);
        dns64.translate_all || !addresses.any(|record| is_real(record.rdata(body.records)))
    }

    /// The AAAA answer made of an A answer; `None` if there is none to be made.
    fn made_of(&self, flight: &Flight, entry: &Entry, source: Source, dns64: Dns64, most: u32) -> Option<Entry> {
        let key = &flight.key;
        let (body, left) = standing(entry, source);
        let asked = Asked { qtype: rtype::A, ..key.asked_unsigned() };
        let message = Answer::message_below(&body, key.name(), &asked).ok()?;
        let message = translate(&message, key.name(), dns64.prefix, most)?;
        let mut answer = self.scratch.borrow_mut();
        answer.read(&message, &Asked { qtype: rtype::AAAA, ..asked }).ok()?;
        if answer.kind != Kind::Positive {
            return None;
        }
        answer.ede = body.ede;
        answer.truncated = body.truncated;
        // An alias without addresses has no TTL of its own to go by.
        let lifetime = left.min(most).min(answer.ttl);
        Some(self.derived(flight, entry, &mut answer, lifetime, false))
    }

    /// An answer under the key of clients for whom addresses are made up.
    fn as_it_is(&self, flight: &Flight, finding: Finding) -> Finding {
        let Finding::Entry(entry, source) = finding else { return finding };
        let key = &flight.key;
        let (body, left) = standing(&entry, source);
        let asked = Asked { qtype: rtype::AAAA, ..key.asked() };
        let mut answer = self.scratch.borrow_mut();
        let read =
            Answer::message_below(&body, key.name(), &asked).and_then(|message| answer.read_whole(&message, &asked));
        if read.is_err() {
            drop(answer);
            return Finding::Entry(entry, source);
        }
        (answer.kind, answer.ede, answer.truncated) = (entry.kind(), body.ede, body.truncated);
        let authentic = entry.terms().authentic;
        Finding::Entry(self.derived(flight, &entry, &mut answer, left, authentic), source)
    }
}
