//! What is looked at between a worker's own answers and the node's memory, where the operator wrote something down: names that nobody gets, names
//! that tell where one asks from, and questions that memory knows nothing of since a rule answers them.
//!
//! Their answers are in no store, only in a worker's front if at all, so that a hit there needs none of this.

use std::rc::Rc;

use crate::cache::Key;
use crate::listener::{Outcome, ReplyTo};
use crate::metrics::{Event, Source};
use crate::policy::acl::Action;
use crate::policy::rewrite::Turn;
use crate::policy::whoami;
use crate::reply;
use crate::wire::body::Body;
use crate::wire::header::{HEADER, ede};
use crate::wire::query::{Edns, Query};
use crate::wire::{rcode, rtype};

use super::Pipeline;
use super::hit::Context;
use super::observe::{Said, Verdict};
use super::plan::Plan;

impl Plan {
    /// Whether addresses are made up for a question from such a client: not for one that validates itself (RFC 6147 section 5.5).
    fn translates(&self, key: &Key, context: &Context) -> bool {
        if !self.translates_some || key.qtype() != rtype::AAAA {
            return false;
        }
        let validates = key.variant().dnssec_ok() && key.variant().checking_disabled();
        let dns64 = self.rules(self.zones.find(key.name())).dns64.filter(|_| !validates);
        dns64.is_some_and(|dns64| dns64.ipv4_clients || context.client.to_canonical().is_ipv6())
    }

    /// Whether a question has another answer for some clients, so that its own must not lie where it is found first.
    pub(super) fn has_another(&self, key: &Key) -> bool {
        self.translates_some
            && key.qtype() == rtype::AAAA
            && !key.variant().is_translated()
            && self.rules(self.zones.find(key.name())).dns64.is_some()
    }

    /// What access lists say of a question: the line, the zone, and what is done.
    pub(super) fn access(&self, client: std::net::IpAddr, name: &[u8], qtype: u16) -> Option<(usize, u16, Action)> {
        let judge = |zone: u16, qtype: u16| {
            let (action, line) = self.rules(zone).acl.as_ref()?.judge(client, qtype);
            line.filter(|_| action != Action::Allow).map(|line| (line, zone, action))
        };
        let zone = self.zones.find(name);
        judge(zone, qtype).or_else(|| {
            // What a rule leads to, another name or another type, is not to be had by way of the rule.
            let place = self.set.place(name, false);
            let turn = self.set.rewrites.turn(name, qtype, place).ok().flatten().filter(Turn::changes)?;
            let is_asked_there = turn.route == crate::config::Route::Target;
            judge(if is_asked_there { self.zones.find(&turn.name) } else { zone }, turn.qtype)
        })
    }
}

impl Pipeline {
    /// Answers what memory must not be asked for, or lets it wait; `None` if memory is to be asked.
    #[cold]
    pub(super) fn intercept(
        self: &Rc<Self>,
        room: &mut [u8],
        context: &Context,
        query: &Query,
        key: &Key,
        reply_to: &dyn Fn() -> ReplyTo,
    ) -> Option<Outcome> {
        let plan = Rc::clone(&self.plan.borrow());
        if plan.set.is_whoami(key.name()) {
            return Some(self.tell_where(room, context, query.edns, &plan));
        }
        if plan.local.blocks_some()
            && let Some(outcome) = self.block(room, context, query, key)
        {
            return Some(outcome);
        }
        if plan.translates(key, context) {
            // Under which such an answer is kept.
            let key = Key::new(key.name(), rtype::AAAA, key.variant().translated(), self.store.hashing());
            let found =
                self.front.borrow_mut().find(&key, context.received).map(|found| (found.entry.clone(), found.uses));
            if let Some((entry, uses)) = found {
                return Some(self.give(room, context, query.edns, &entry, usize::from(uses)));
            }
            return Some(self.later(room, context, query, key, None, reply_to));
        }
        plan.touches(key).then(|| self.later(room, context, query, key.clone(), None, reply_to))
    }

    /// Tells a client where it asks from.
    fn tell_where(&self, room: &mut [u8], context: &Context, edns: Option<Edns>, plan: &Plan) -> Outcome {
        self.metrics.count(Event::ToldWhere);
        let records = whoami::records(context.client, context.port, context.protocol);
        let body = Body {
            records: &records,
            ttls: &[],
            age: 0,
            least_ttl: 0,
            counts: [0, 0, 2],
            rcode: rcode::NOERROR,
            ede: None,
            rotation: None,
            authentic: false,
            authoritative: true,
            truncated: false,
        };
        let client = plan.client(room, context, edns);
        let composed = reply::answer(room, context.question_end, &client, &body, 0);
        let verdict = Verdict::without(rcode::NOERROR, plan.zones.root(), Source::Local);
        self.done(context, edns, Said { message: room, composed, verdict })
    }

    /// Turns away a query that an access list of its zone is against; `None` if it may pass.
    pub(super) fn turn_away(
        &self,
        plan: &Plan,
        room: &mut [u8],
        context: &Context,
        edns: Option<Edns>,
    ) -> Option<Outcome> {
        let name = room.get(HEADER..context.question_end.checked_sub(4)?)?.to_ascii_lowercase();
        let Some((_, zone, action)) = plan.access(context.client, &name, context.qtype) else {
            self.metrics.count(Event::AclAllowed);
            return None;
        };
        let count = |event| self.metrics.ruled(zone, context.qtype, event);
        match action {
            Action::Allow => None,
            Action::Block => {
                count(Event::AclBlocked);
                Some(self.refuse(room, context, edns, rcode::REFUSED, Some(ede::BLOCKED)))
            }
            Action::Filter => {
                count(Event::AclFiltered);
                Some(self.refuse(room, context, edns, rcode::NOERROR, Some(ede::FILTERED)))
            }
            Action::Drop => {
                count(Event::AclDropped);
                Some(Outcome::Drop)
            }
        }
    }
}
