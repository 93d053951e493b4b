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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::LocalSet;

    use super::super::{Numbers, Shared};
    use super::*;
    use crate::cache::{Store, Variant};
    use crate::config::{Config, Environment};
    use crate::filter::Addresses;
    use crate::metrics::WorkerMetrics;
    use crate::policy::local::Local;

    /// The zone that all names belong to, before any reload, and the policy of that time.
    const BEFORE: (u16, u32) = (0, 1);

    /// What a worker goes by: its only zone treats addresses inside by this mode, and has this number under this policy.
    fn shared(store: &Arc<Store>, mode: &str, (zone, policy): (u16, u32)) -> Shared {
        let text = format!(
            "[[upstream]]\nname = \"all\"\nservers = [\"udp://192.0.2.53\"]\n\
             [[zone]]\nname = \".\"\nupstream = \"all\"\nrebinding.mode = {mode:?}\n"
        );
        let config = Config::parse(&text, "test", &Environment::neutral()).unwrap().config;
        Shared {
            store: Arc::clone(store),
            local: Arc::new(Local::new(&config).unwrap()),
            rules: Arc::default(),
            anchors: Arc::default(),
            rates: None,
            tls: [None].into(),
            addresses: Arc::new(Addresses::new(&config.rebinding, &[])),
            policy,
            loops: Arc::default(),
            numbers: Arc::new(Numbers { zones: vec![zone], servers: vec![0] }),
            config: Arc::new(config),
        }
    }

    /// Keeps an answer of so many seconds with this address, as it was judged before; what it answers.
    fn keep(store: &Store, address: [u8; 4], now: Moment) -> Key {
        let owner = name::parse("www.example.com").unwrap();
        let key = Key::new(&owner, rtype::A, Variant::default(), store.hashing());
        let mut message = vec![0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend(&owner);
        message.extend([0, 1, 0, 1, 0xC0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4]);
        message.extend(address);
        let mut answer = Answer::default();
        answer.read(&message, &key.asked()).unwrap();
        let judgement = Judgement { policy: BEFORE.1, is_withheld: false };
        let terms = Terms { now, lifetime: 300, zone: BEFORE.0, judgement, ..Terms::default() };
        store.insert(Entry::new(&key, &mut answer, terms, store.hashing()));
        store.settle();
        key
    }

    /// What is known of an answer with this address after a reload: what it was judged by, whether something of it was withheld, and its addresses.
    fn after_a_reload(mode: &str, now: (u16, u32), address: [u8; 4]) -> Option<(u32, bool, u16)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let store = Arc::new(Store::new(1 << 20, 1 << 20));
            let pipeline = Pipeline::new(&shared(&store, mode, BEFORE), Arc::new(WorkerMetrics::default()));
            let key = keep(&store, address, clock::coarse());
            assert!(pipeline.find(&key, clock::coarse(), None).fresh().is_some(), "as it was judged");
            pipeline.adopt(&shared(&store, mode, now));
            let found = pipeline.find(&key, clock::coarse(), None).fresh();
            // What was judged is kept as it was judged; what was not is left to whoever takes out what no longer holds.
            store.settle();
            let kept = store.find(&key, clock::coarse()).fresh().expect("it is still there");
            assert_eq!(kept.judgement().policy, found.as_ref().map_or(BEFORE.1, |entry| entry.judgement().policy));
            found.map(|entry| {
                let judgement = entry.judgement();
                (judgement.policy, judgement.is_withheld, entry.body(clock::coarse()).counts[0])
            })
        })
    }

    #[test]
    fn what_was_kept_under_another_policy_is_judged_anew() {
        let ((zone, policy), public, inside) = (BEFORE, [1, 1, 1, 1], [10, 0, 0, 1]);
        for (mode, now, address, expected) in [
            ("block", BEFORE, inside, Some((policy, false, 1))),
            ("block", (zone, 2), public, Some((2, false, 1))),
            ("block", (zone, 2), inside, Some((2, true, 0))),
            ("report", (zone, 2), inside, Some((2, false, 1))),
            ("off", (zone, 2), inside, Some((2, false, 1))),
        ] {
            assert_eq!(after_a_reload(mode, now, address), expected, "{mode} {now:?} {address:?}");
        }
    }

    /// Other servers may say something else: what the zone's servers of before said is not judged but asked for again, harmless or not.
    #[test]
    fn what_was_kept_of_a_zone_that_has_another_number_is_asked_for_again() {
        for address in [[1, 1, 1, 1], [10, 0, 0, 1]] {
            for mode in ["block", "report", "off"] {
                assert_eq!(after_a_reload(mode, (BEFORE.0 + 1, 2), address), None, "{mode} {address:?}");
            }
        }
    }
}
