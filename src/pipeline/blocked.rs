//! Names that nobody gets (`policy.block`), and names whose aliases lead to one.
//!
//! A blocked name is denied before the store is asked, so that what is kept of it does not matter from the moment of a reload on. An alias is
//! followed when the answer comes: it may lead from any name to a blocked one, and be sent there for that very purpose. Both denials go into the
//! worker's front alone, as all of the node's own do, and are gone with the next reload; so no list is ever looked at for a hit.

use std::rc::Rc;

use tracing::warn;

use crate::cache::entry::Terms;
use crate::cache::{Entry, Key};
use crate::listener::Outcome;
use crate::log::{Topic, escaped};
use crate::metrics::{Event, Source};
use crate::sys::clock::Moment;
use crate::wire::answer::Answer;
use crate::wire::body::leads_to;
use crate::wire::header::ede;
use crate::wire::name;
use crate::wire::query::Query;

use super::Pipeline;
use super::hit::Context;
use super::plan::Plan;

impl Pipeline {
    /// Denies the name of `key` if nobody gets it.
    #[cold]
    pub(super) fn block(
        self: &Rc<Self>,
        room: &mut [u8],
        context: &Context,
        query: &Query,
        key: &Key,
    ) -> Option<Outcome> {
        let plan = Rc::clone(&self.plan.borrow());
        if !plan.local.blocks(key.name()) {
            return None;
        }
        let entry = self.denial(key, plan.zones.find(key.name()), &plan, context.received)?;
        Some(self.give(room, context, query.edns, &entry, 0))
    }

    /// The denial of a name that nobody gets, or whose alias leads to one; in the worker's front from now on.
    pub(super) fn denial(&self, key: &Key, zone: u16, plan: &Rc<Plan>, now: Moment) -> Option<Entry> {
        let message = plan.local.deny(key.name(), key.qtype());
        let asked = key.asked_unsigned();
        let mut answer = self.scratch.borrow_mut();
        answer.read(&message, &asked).ok()?;
        answer.ede = Some(ede::BLOCKED);
        let lifetime = answer.negative_ttl.unwrap_or(0);
        let terms = Terms { now, lifetime, zone, authoritative: answer.authoritative, ..Terms::default() };
        let entry = Entry::new(key, &mut answer, terms, self.store.hashing());
        if Rc::ptr_eq(plan, &self.plan.borrow()) {
            self.front.borrow_mut().insert(key, entry.clone(), now);
        }
        Some(entry)
    }

    /// Whether a server's answer to the question of `key` leads to a name that nobody gets.
    pub(super) fn leads_to_blocked(plan: &Plan, key: &Key, answer: &Answer) -> bool {
        let blocks = |target: &[u8]| plan.local.blocks(target);
        plan.local.blocks_some() && leads_to(&answer.records, answer.counts[0], key.name(), blocks)
    }

    /// Counts a query for a blocked name, and says so within limits.
    #[cold]
    pub(super) fn note_blocked(&self, context: &Context, entry: &Entry) {
        self.metrics.count(Event::Blocked);
        if self.limiter.admits(Topic::Blocked, context.received) {
            let name = escaped(&name::display(entry.name()).to_string()).to_string();
            warn!(name, client = %context.client, "a blocked name was asked for");
        }
    }

    /// Who gave an answer that is kept; a blocked name is denied by policy, wherever its denial lies.
    #[inline]
    pub(super) fn source_of(&self, context: &Context, entry: &Entry) -> Source {
        if !entry.is_denial() {
            return Source::CacheSuccess;
        }
        if !entry.is_blocked() {
            return Source::CacheDenial;
        }
        self.note_blocked(context, entry);
        Source::Policy
    }
}
