//! Who may ask, how much, and for what: looked at only where the operator said something, so that silence costs a hit one branch.
//!
//! A client that asks too fast gets REFUSED, over UDP as over TCP. Dropping its queries would look like a lossy network: it would wait for
//! five seconds and ask again, and whoever looks for the fault would find nothing. TC, by which authoritative servers make forged sources harmless,
//! would bring the flood to TCP, where a query costs more. And a forged source gains nothing: a refusal is no longer than the query,
//! but for the 17 bytes of an extended error to who speaks EDNS. What remains is that who can forge the address of a pod can use up its
//! rate; that is for the network of the node to prevent, which knows whose address it is.

use std::net::IpAddr;
use std::sync::Arc;

use tracing::warn;

use crate::config::{Config, Prefixes};
use crate::listener::Outcome;
use crate::log::Topic;
use crate::metrics::Event;
use crate::policy::rate::{Rates, Verdict};
use crate::sys::clock::Moment;
use crate::wire::header::ede;
use crate::wire::query::Edns;
use crate::wire::rcode;

use super::Pipeline;
use super::hit::Context;
use super::plan::Plan;

/// What the operator said of clients.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// Who may ask; empty is everybody.
    allow: Prefixes,
    /// Types that nobody gets.
    refused: Box<[u16]>,
    /// How fast one may ask.
    rates: Option<Arc<Rates>>,
    /// To whom that does not apply.
    exempt: Prefixes,
    /// Whether zones say who may ask for their names.
    has_acls: bool,
}

impl Guard {
    /// What a configuration says, with its buckets; `None` if it says nothing.
    pub(super) fn new(config: &Config, rates: Option<&Arc<Rates>>, has_acls: bool) -> Option<Box<Self>> {
        let guard = Self {
            allow: config.listen.allow.clone(),
            refused: config.policy.refuse_types.as_slice().into(),
            rates: rates.cloned(),
            exempt: config.limits.client_rate_exempt.clone(),
            has_acls,
        };
        let is_silent = guard.allow.is_empty() && guard.refused.is_empty() && guard.rates.is_none() && !has_acls;
        (!is_silent).then(|| Box::new(guard))
    }

    /// Whether a client may ask.
    pub(super) fn allows(&self, client: IpAddr) -> bool {
        self.allow.allows(client)
    }

    /// Whether a client with a rate of its own would pass just now; `None` if there is no rate for it.
    pub(super) fn would_pass(&self, client: IpAddr, now: Moment) -> Option<bool> {
        let rates = self.rates.as_ref().filter(|_| !self.exempt.contains(client))?;
        Some(rates.would_pass(client, now))
    }

    /// Whether nobody gets records of this type.
    pub(super) fn refuses(&self, qtype: u16) -> bool {
        self.refused.contains(&qtype)
    }
}

impl Pipeline {
    /// Refuses a query of a client who may not ask, or not that, or not now; `None` if it may pass.
    #[inline(never)]
    pub(super) fn guard(
        &self,
        plan: &Plan,
        guard: &Guard,
        room: &mut [u8],
        context: &Context,
        edns: Option<Edns>,
    ) -> Option<Outcome> {
        let client = context.client;
        if !guard.allow.allows(client) {
            self.metrics.count(Event::NotAllowed);
            return Some(self.refuse(room, context, edns, rcode::REFUSED, Some(ede::PROHIBITED)));
        }
        if let Some(rates) = guard.rates.as_ref().filter(|_| !guard.exempt.contains(client)) {
            let Verdict { passes, is_crowded } = rates.charge(client, context.received);
            if is_crowded {
                self.metrics.count(Event::RateShared);
            }
            if !passes {
                self.metrics.count(Event::ClientRate);
                if self.limiter.admits(Topic::Rate, context.received) {
                    warn!(%client, "a client asks too fast; refusing");
                }
                return Some(self.refuse(room, context, edns, rcode::REFUSED, Some(ede::OTHER)));
            }
        }
        if guard.refused.contains(&context.qtype) {
            self.metrics.count(Event::TypeRefused);
            self.watch_type(context, room);
            return Some(self.refuse(room, context, edns, rcode::REFUSED, Some(ede::PROHIBITED)));
        }
        if guard.has_acls { self.turn_away(plan, room, context, edns) } else { None }
    }
}
