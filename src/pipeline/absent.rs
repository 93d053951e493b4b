//! Types that a zone leaves out (`zone.no-types`): what its names answer for them.
//!
//! A program that asks for A and AAAA must hear the same of both: NXDOMAIN where a name does not exist, and no data where only AAAA is
//! missing. An NXDOMAIN for AAAA alone would take the name away (RFC 2308 section 2.1, RFC 4074 section 4.2). Whether a name exists is known
//! from its A answer, which is asked for anyway: from memory, from an exchange that is under way, or from one that begins here. Such a
//! question waits for that one and asks nobody itself, so that there are never more exchanges than `limits.in-flight`.

use std::rc::Rc;

use crate::cache::entry::Terms;
use crate::cache::{Entry, Key};
use crate::metrics::Source;
use crate::sys::clock::{self, Moment};
use crate::wire::body::Body;
use crate::wire::denial::write_soa;
use crate::wire::header::ede;
use crate::wire::rtype;

use super::Pipeline;
use super::miss::{Failed, Finding, Flight};

impl Pipeline {
    /// The answer to a question for a type that the zone leaves out; kept for as long as what it follows from, and as a denial.
    pub(super) async fn without_type(self: &Rc<Self>, flight: &Flight) -> Finding {
        let Flight { key, zone, .. } = flight;
        let nothing = Finding::Nothing(Failed { ede: Some(ede::OTHER), zone: *zone, ..Failed::unreachable() });
        let address = Key::new(key.name(), rtype::A, key.variant(), self.store.hashing());
        let finding = if flight.is_kept() && !flight.plan.touches(&address) {
            match self.find(&address, clock::coarse(), flight.owner()).fresh() {
                Some(entry) => Finding::Entry(entry, Source::CacheDenial),
                // The other task goes on to its end whatever happens; only the end of the worker could take it away.
                None => self.listen(&address, *zone, &flight.plan).await.unwrap_or_else(|_| nothing.clone()),
            }
        } else {
            // A rule has its say, or other servers than those of the name's zone are asked.
            self.ask_within(address, *zone, flight, flight.is_rewritten).await
        };
        let now = clock::coarse();
        let Finding::Entry(entry, source) = finding else { return finding };
        if entry.is_blocked() {
            // It denies the name, whatever the type, and is not to be kept.
            return Finding::Entry(entry, source);
        }
        let Some((stripped, lifetime)) = self.strip(&entry, flight, now) else { return nothing };
        if lifetime > 0 && flight.is_kept() && self.plan.borrow().holds(key.name(), key.qtype(), *zone) {
            self.store.insert(stripped.clone());
            self.put_in_front(key, &stripped, false, now);
        }
        Finding::Entry(stripped, source)
    }

    /// What the A answer of a name leaves when its addresses are taken away: aliases, and the SOA of its denial; one of the zone if there
    /// was none to be denied. With it, for how many seconds it may be kept.
    fn strip(&self, entry: &Entry, flight: &Flight, now: Moment) -> Option<(Entry, u32)> {
        let Flight { key, plan, zone, .. } = flight;
        let bounds = plan.rules(*zone).bounds;
        let body = entry.body(now);
        let asked = key.asked_unsigned();
        let mut answer = self.scratch.borrow_mut();
        if entry.is_denial() {
            answer.read_below(&body, key.name(), &asked).ok()?;
        } else {
            let ttl = entry.lifetime().saturating_sub(body.age).min(bounds.max_negative);
            let apex = plan.apex(key.name(), *zone);
            // Where an alias leads out of the zone, the end of the chain is nobody's but the root's.
            for owner in [apex, &[0]] {
                let mut records = body.records.to_vec();
                write_soa(&mut records, owner, ttl);
                let counts = [body.counts[0], body.counts[1] + 1, body.counts[2]];
                answer.read_below(&Body { records: &records, counts, ..body }, key.name(), &asked).ok()?;
                if answer.negative_ttl.is_some() {
                    break;
                }
            }
            answer.ede = Some(ede::SYNTHESIZED);
        }
        let lifetime = bounds.apply(&mut answer);
        let terms = Terms { now, lifetime, zone: *zone, judgement: plan.judgement(), ..Terms::default() };
        Some((Entry::new(key, &mut answer, terms, self.store.hashing()), lifetime))
    }
}
