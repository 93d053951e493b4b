//! What becomes of answers that lead from a public name to an address which is not public ([`crate::filter`] says which do).
//!
//! An answer is judged once, before it is kept, and carries the judgement and the generation of the policy that made it. Every reload, and
//! every address that the machine gets or loses, makes another generation: what was kept under an older one is judged anew when it is
//! looked up in the store, fresh or expired; the workers' fronts begin anew with each generation, so that a hit there costs nothing. An answer
//! of which something was withheld cannot be judged anew, since what was withheld is not kept: it is asked for again.

use std::net::IpAddr;
use std::rc::Rc;

use tracing::warn;

use crate::cache::entry::{Judgement, Terms};
use crate::cache::{Entry, Key, Known};
use crate::config::{Class, RebindingAction, RebindingMode};
use crate::filter::Offence;
use crate::filter::exempt::preset_for;
use crate::log::{Topic, escaped};
use crate::sys::clock::{self, Moment};
use crate::wire::answer::{Answer, Kind};
use crate::wire::header::{class, ede};
use crate::wire::{name, rcode, rtype};

use super::Pipeline;
use super::plan::{Plan, Rules};

impl Pipeline {
    /// What is known of a question, as the policy of now lets it pass.
    pub(super) fn find(&self, key: &Key, now: Moment, client: Option<IpAddr>) -> Known {
        match self.store.find(key, now) {
            Known::Fresh(entry) => self.judged(entry, client).map_or(Known::Nothing, Known::Fresh),
            Known::Stale(entry) => self.judged(entry, client).map_or(Known::Nothing, Known::Stale),
            Known::Above(above, stale) => Known::Above(above, stale.and_then(|entry| self.judged(entry, client))),
            Known::Nothing => Known::Nothing,
        }
    }

    /// A kept answer as the policy of now lets it pass; `None` if that has to be asked for.
    fn judged(&self, entry: Entry, client: Option<IpAddr>) -> Option<Entry> {
        let plan = Rc::clone(&self.plan.borrow());
        if entry.judgement().policy == plan.policy { Some(entry) } else { self.judge_again(&plan, &entry, client) }
    }

    /// Judges a kept answer by another policy than when it came, and keeps it as that wants it.
    #[cold]
    fn judge_again(&self, plan: &Plan, entry: &Entry, client: Option<IpAddr>) -> Option<Entry> {
        // What a reload is about to take out of the store must not come back by being judged: servers that are asked no longer have said it.
        if entry.judgement().is_withheld || plan.zones.find(entry.name()) != entry.zone() {
            return None;
        }
        let (key, body) = (entry.key(self.store.hashing()), entry.body(entry.inserted()));
        let asked = key.asked();
        let mut answer = self.scratch.borrow_mut();
        let mut judgement = plan.judgement();
        // A denial without aliases has no addresses.
        if body.counts[0] > 0 {
            let message = Answer::message_below(&body, key.name(), &asked).ok()?;
            answer.read(&message, &asked).ok()?;
            answer.ede = body.ede;
            judgement = self.admit(plan, &key, plan.zones.find(key.name()), client, &message, &mut answer);
        }
        let terms = Terms { judgement, ..entry.terms() };
        let judged = if judgement.is_withheld {
            let age = clock::coarse().since(entry.inserted()).as_secs();
            let most =
                plan.rules(entry.zone()).bounds.max_negative.saturating_add(u32::try_from(age).unwrap_or(u32::MAX));
            let lifetime = if answer.kind == Kind::Positive { terms.lifetime } else { terms.lifetime.min(most) };
            Entry::new(
                &key,
                &mut answer,
                Terms { lifetime, popular_at: 0, authentic: false, ..terms },
                self.store.hashing(),
            )
        } else {
            entry.judged(judgement)
        };
        self.store.insert(judged.clone());
        Some(judged)
    }

    /// Judges `answer`, which was read of `message` and answers `key`, and leaves of it what may pass.
    pub(super) fn admit(
        &self,
        plan: &Plan,
        key: &Key,
        zone: u16,
        client: Option<IpAddr>,
        message: &[u8],
        answer: &mut Answer,
    ) -> Judgement {
        let rules = plan.rules(zone);
        let policy = &rules.rebinding;
        let passes = plan.judgement();
        if policy.mode == RebindingMode::Off {
            return passes;
        }
        let Some(offence) = plan.offence(rules, key.name(), answer) else { return passes };
        let blocks = policy.mode == RebindingMode::Block;
        self.metrics.rebinding(zone, offence.class, blocks);
        self.tell(plan, key, zone, client, &offence, blocks);
        if let Some(client) = client {
            self.watch_rebinding(key, zone, client);
        }
        if !blocks {
            return passes;
        }
        let withhold =
            |answer: &mut Answer, rcode: u16| answer.withhold(plan.apex(key.name(), zone), rcode, ede::BLOCKED);
        match policy.action {
            RebindingAction::NoData => withhold(answer, rcode::NOERROR),
            RebindingAction::Refuse => withhold(answer, rcode::REFUSED),
            RebindingAction::Strip => {
                let asked = key.asked();
                let keep = |rtype: u16, rdata: &[u8]| policy.judge(&plan.addresses, key.name(), rtype, rdata).is_none();
                let is_left = answer.read_where(message, &asked, keep).is_ok() && answer.data().next().is_some();
                if is_left && plan.offence(rules, key.name(), answer).is_none() {
                    answer.ede = Some(ede::BLOCKED);
                } else {
                    withhold(answer, rcode::NOERROR);
                }
            }
        }
        Judgement { is_withheld: true, ..passes }
    }

    /// Says, within limits, that a name led to an address.
    fn tell(&self, plan: &Plan, key: &Key, zone: u16, client: Option<IpAddr>, offence: &Offence, blocks: bool) {
        if !self.limiter.admits(Topic::Rebinding, clock::coarse()) {
            return;
        }
        let shown = |name: &[u8]| escaped(&name::display(name).to_string()).to_string();
        let (address, rule) = offence.address.map_or_else(Default::default, |(address, rule)| {
            let preset =
                preset_for(key.name(), address).map(|preset| format!(", exempt by the preset {}", preset.word()));
            (address.to_string(), format!("{}{}", rule.prefix, preset.unwrap_or_default()))
        });
        warn!(
            name = %shown(key.name()),
            qtype = key.qtype(),
            address,
            class = offence.class.name(),
            rule,
            zone = %plan.zone_name(zone).map(|name| shown(&name)).unwrap_or_default(),
            client = %client.map(|client| client.to_string()).unwrap_or_default(),
            action = if blocks { "blocked" } else { "reported" },
            "a public name leads to an address that is not public"
        );
    }
}

impl Plan {
    /// The judgement that nothing was withheld.
    pub(super) const fn judgement(&self) -> Judgement {
        Judgement { policy: self.policy, is_withheld: false }
    }

    /// What is wrong with an answer to `name`; `None` if it may pass.
    pub(super) fn offence(&self, rules: &Rules, name: &[u8], answer: &Answer) -> Option<Offence> {
        let policy = &rules.rebinding;
        let found = answer.data().find_map(|(rtype, rdata)| policy.judge(&self.addresses, name, rtype, rdata));
        found.or_else(|| {
            let is_laundered = answer.kind == Kind::Positive && self.leads_inside(answer);
            (is_laundered && !policy.exempt.is_free(name)).then_some(Offence::ALIAS)
        })
    }

    /// Whether an answer leads to a name that is not anybody's, and leaves it to the client to ask for that: by an alias of which nothing more is
    /// said, or by the target of SVCB or HTTPS. A client that goes on by itself would get for that name what it may not get for the first.
    fn leads_inside(&self, answer: &Answer) -> bool {
        let is_inside = |name: &[u8]| {
            let mut name = name.to_vec();
            name::fold(&mut name);
            let rules = self.rules(self.zones.find(&name));
            rules.class == Class::Internal
                || rules.rebinding.exempt.is_free(&name)
                || self.local.lookup(&name, rtype::A, class::IN).is_some()
        };
        let target = |(rtype, rdata): (u16, &[u8])| {
            let is_service = matches!(rtype, rtype::SVCB | rtype::HTTPS);
            let (target, _) = name::expand(rdata, 2).filter(|_| is_service)?;
            (target.as_bytes() != [0]).then_some(target)
        };
        answer.loose_end().is_some_and(is_inside)
            || answer.data().filter_map(target).any(|target| is_inside(target.as_bytes()))
    }
}
