//! What would happen to a query, for whoever asks why: the facts in the order in which [`handle`](crate::listener::Handler::handle) meets them.
//!
//! Nothing is asked, counted or changed, but that the store hears of the look-up. The same plan, front and store are looked at that a query of
//! this worker would meet now, so that what is said here is what would happen; only who else asks in the same moment is not foreseen.
//! It takes some ten microseconds.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Entry, Failure, Key, Known, Variant};
use crate::config::{Config, Dnssec, RebindingMode};
use crate::detect::Severity;
use crate::filter::Offence;
use crate::policy::local::LocalZone;
use crate::sys::clock::{self, Moment};
use crate::upstream::ServerReport;
use crate::wire::answer::{Answer, Kind};
use crate::wire::{name, rcode, rtype};

use super::Pipeline;
use super::miss::RECHECK;
use super::plan::{Plan, Rules};

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The name in wire format, lower-case.
    pub name: Vec<u8>,
    /// The type.
    pub qtype: u16,
    /// DO and CD.
    pub variant: Variant,
    /// Who asks; `None` is somebody who may.
    pub client: Option<IpAddr>,
}

/// What there is to say of it.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The configuration that the worker goes by.
    pub config: Arc<Config>,
    /// Whether the client may ask at all.
    pub is_allowed: bool,
    /// Whether it would pass its rate just now; `None` if there is none for it.
    pub passes_rate: Option<bool>,
    /// Whether nobody gets this type.
    pub is_type_refused: bool,
    /// How detection holds the client back below the name's domain, and for how much longer.
    pub sentence: Option<(Severity, Duration)>,
    /// What a rule that the operator wrote makes of it: a word, the response code where it is known, and the same in words.
    pub rule: Option<(&'static str, Option<u16>, String)>,
    /// What the node knows itself, and the suffix that says so.
    pub local: Option<(LocalZone, Vec<u8>)>,
    /// The suffix that makes it a name of its zone, in wire format.
    pub apex: Vec<u8>,
    /// Number of the zone.
    pub zone: u16,
    /// What is kept of the question: plain, with DO, with CD, with both.
    pub variants: Vec<VariantKept>,
    /// The generation of the policy of now.
    pub policy: u32,
    /// Whether the zone is cut off since its servers ask us.
    pub is_looping: bool,
    /// Whether the zone leaves this type out.
    pub is_type_left_out: bool,
    /// Position of the servers' group in the configuration.
    pub group: usize,
    /// Whether all of them are down.
    pub is_failing: bool,
    /// What is known of them, in the order of the configuration.
    pub servers: Vec<ServerReport>,
    /// The suffix by which the name may have addresses that are not public, and which.
    pub exempt_by: Option<String>,
    /// What is wrong with the addresses of what is kept.
    pub offence: Option<String>,
    /// What would happen: a word, the response code where it is known, and the same in words.
    pub verdict: (&'static str, Option<u16>, String),
}

/// What is kept of a question with some bits.
#[derive(Clone, Debug)]
pub struct VariantKept {
    /// The bits.
    pub variant: Variant,
    /// How it stands.
    pub standing: Standing,
    /// The answer; of [`Standing::Above`], that of the name above.
    pub entry: Option<Entry>,
    /// How often this worker has given it.
    pub uses: u16,
    /// Whether it lies in the worker's own table.
    pub is_in_front: bool,
    /// Whether it is judged by the policy of now before it is given.
    pub is_judged_anew: bool,
    /// The failure that is noted, and for how long it is answered without asking again.
    pub failure: Option<(Failure, Duration)>,
}

/// How a kept answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is given.
    Fresh,
    /// The name above does not exist.
    Above,
    /// It has expired, and may be given if no server has a better one.
    Stale,
    /// It has expired for too long.
    Expired,
    /// There is none.
    Absent,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Above => "above",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Absent => "absent",
        }
    }
}

impl Pipeline {
    /// The configuration that this worker goes by, and what it knows of all servers, by group.
    #[must_use]
    pub fn servers(&self) -> (Arc<Config>, Vec<Vec<ServerReport>>) {
        let plan = self.plan.borrow();
        (Arc::clone(plan.config()), plan.report(clock::now()))
    }

    /// The hashes of answers in one part of this worker's table, and how often it has given each.
    #[must_use]
    pub fn uses(&self, part: usize) -> Vec<(u64, u16)> {
        self.front.borrow().used(part).collect()
    }

    /// Says what would happen to a query.
    #[must_use]
    pub fn explain(&self, asking: &Asking) -> Explained {
        let now = clock::coarse();
        let plan = Rc::clone(&self.plan.borrow());
        let name = asking.name.as_slice();
        let zone = plan.zones.find(name);
        let rules = plan.rules(zone);
        let key = |variant| Key::new(name, asking.qtype, variant, self.store.hashing());
        let variants = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(dnssec_ok, cd)| self.kept(&plan, rules, &key(Variant::new(dnssec_ok, cd)), now));
        let guard = plan.guard.as_ref();
        let with_client = || Some((guard?, asking.client?));
        let group = plan.group(rules);
        let policy = &rules.rebinding;
        let exempt_by = policy.exempt.found(name).map(|(suffix, within)| {
            let within: Vec<String> = within.iter().map(ToString::to_string).collect();
            let only = if within.is_empty() { String::new() } else { format!(" (for {} alone)", within.join(", ")) };
            format!("{}{only}", name::display(suffix))
        });
        let mut explained = Explained {
            config: Arc::clone(plan.config()),
            is_allowed: with_client().is_none_or(|(guard, client)| guard.allows(client)),
            passes_rate: with_client().and_then(|(guard, client)| guard.would_pass(client, now)),
            is_type_refused: guard.is_some_and(|guard| guard.refuses(asking.qtype)),
            sentence: asking
                .client
                .and_then(|client| self.tap.borrow().as_ref().and_then(|tap| tap.standing(client, name, now))),
            rule: plan.rule_for(asking),
            local: plan.local.owner(name, asking.qtype).map(|(zone, suffix)| (zone, suffix.to_vec())),
            apex: plan.apex(name, zone).to_vec(),
            zone,
            policy: plan.policy,
            is_looping: self.loops.is_cut_off(zone),
            is_type_left_out: rules.hides(&key(asking.variant)),
            group: rules.group,
            is_failing: group.is_failing(),
            servers: group.report(clock::now()),
            exempt_by,
            offence: None,
            verdict: ("ask", None, String::new()),
            variants: variants.into(),
        };
        let asked = explained.variants.iter().find(|kept| kept.variant == asking.variant).cloned();
        let offence = asked.as_ref().and_then(|kept| self.offence_in(&plan, rules, kept.entry.as_ref()?));
        explained.offence = offence.as_ref().map(describe);
        if let Some(kept) = asked {
            explained.verdict = explained.judge(asking, &kept, &plan, rules, offence.is_some(), now);
        }
        explained
    }

    /// What is kept of the question of `key`.
    fn kept(&self, plan: &Plan, rules: &Rules, key: &Key, now: Moment) -> VariantKept {
        let failure = self.store.failure(key.hash()).map(|failure| {
            let left = (failure.at + rules.servfail).since(now);
            (failure, left)
        });
        let kept = |standing, entry: Option<Entry>, uses, is_in_front: bool| {
            let is_judged_anew = !is_in_front
                && standing != Standing::Above
                && entry.as_ref().is_some_and(|entry| entry.judgement().policy != plan.policy);
            VariantKept { variant: key.variant(), standing, entry, uses, is_in_front, is_judged_anew, failure }
        };
        let front = self.front.borrow();
        if front.is_of(self.store.generation())
            && let Some((entry, uses)) = front.peek(key, now)
        {
            return kept(Standing::Fresh, Some(entry.clone()), uses, true);
        }
        let expired = |entry: Entry| {
            let standing = if entry.is_stale(now, rules.serve_stale) { Standing::Stale } else { Standing::Expired };
            kept(standing, Some(entry), 0, false)
        };
        match self.store.find(key, now) {
            Known::Fresh(entry) => kept(Standing::Fresh, Some(entry), 0, false),
            Known::Above(above, stale) => {
                let zone = above.zone();
                if plan.rules(zone).nxdomain_cut && plan.holds(key.name(), key.qtype(), zone) {
                    return kept(Standing::Above, Some(above), 0, false);
                }
                stale.map_or_else(|| kept(Standing::Absent, None, 0, false), expired)
            }
            Known::Stale(entry) => expired(entry),
            Known::Nothing => kept(Standing::Absent, None, 0, false),
        }
    }

    /// What is wrong with the addresses of a kept answer, by the policy of now.
    fn offence_in(&self, plan: &Plan, rules: &Rules, entry: &Entry) -> Option<Offence> {
        let body = entry.body(entry.inserted());
        if rules.rebinding.mode == RebindingMode::Off || body.counts[0] == 0 {
            return None;
        }
        let key = entry.key(self.store.hashing());
        let asked = key.asked();
        let message = Answer::message_below(&body, key.name(), &asked).ok()?;
        let mut answer = self.scratch.borrow_mut();
        answer.read(&message, &asked).ok()?;
        plan.offence(rules, key.name(), &answer)
    }
}

/// An offence in words.
fn describe(offence: &Offence) -> String {
    match offence.address {
        Some((address, rule)) => format!("{address} is {} ({})", offence.class.name(), rule.prefix),
        None => offence.class.name().to_owned(),
    }
}

/// A time in words, to the second.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

impl Explained {
    /// What would happen, and why.
    fn judge(
        &self,
        asking: &Asking,
        kept: &VariantKept,
        plan: &Plan,
        rules: &Rules,
        offends: bool,
        now: Moment,
    ) -> (&'static str, Option<u16>, String) {
        if let Some(said) = self.before_memory(asking) {
            return said;
        }
        let blocks = offends && rules.rebinding.mode == RebindingMode::Block;
        // Of an answer that was judged by another policy and from which something was taken, nobody knows what that was.
        let entry = kept.entry.as_ref().filter(|entry| !(kept.is_judged_anew && entry.judgement().is_withheld));
        if let Some(entry) = entry {
            let age = seconds(now.since(entry.inserted()));
            let what = match entry.kind() {
                Kind::Positive => "the answer",
                Kind::NxDomain => "that the name does not exist",
                Kind::NoData | Kind::Failure => "that the name has no such records",
            };
            match kept.standing {
                Standing::Fresh => {
                    let left = seconds(entry.expires().since(now));
                    let withheld = if entry.judgement().is_withheld || kept.is_judged_anew && blocks {
                        "; something of it is withheld, since a public name leads to an address that is not public"
                    } else if kept.is_judged_anew {
                        "; it is judged again first, since the policy has changed"
                    } else {
                        ""
                    };
                    let code = (!(kept.is_judged_anew && blocks)).then_some(entry.rcode());
                    return (
                        "memory",
                        code,
                        format!("memory gives {what}, kept {age} ago and good for {left} more{withheld}"),
                    );
                }
                Standing::Above => {
                    let above = name::display(entry.name());
                    let text = format!(
                        "memory says that {above} does not exist, and so no name below it does (RFC 8020), kept {age} ago"
                    );
                    return ("denial-above", Some(rcode::NXDOMAIN), text);
                }
                Standing::Stale | Standing::Expired | Standing::Absent => {}
            }
        }
        if let Some(held) = self.held_back() {
            return held;
        }
        let stale = entry.filter(|_| kept.standing == Standing::Stale);
        if self.is_looping {
            let text = "the zone's servers ask us what we ask them, so that it is cut off (see the log); ";
            return match stale {
                Some(entry) => ("loop", Some(entry.rcode()), format!("{text}what has expired is given")),
                None => ("loop", Some(rcode::SERVFAIL), format!("{text}SERVFAIL")),
            };
        }
        if let Some(failed) = self.failed(kept, stale, plan, rules, now) {
            return failed;
        }
        if self.is_type_left_out {
            let text = "the zone leaves this type out (zone.no-types): no data if the name exists, which its A answer tells, from memory or from a server";
            return ("type-left-out", None, text.to_owned());
        }
        let group = &plan.upstream(rules).name;
        let mut text = format!("the servers of {group} are asked, {}", plan.upstream(rules).policy.word());
        let mut outcome = "ask";
        if self.is_failing {
            text.push_str("; all of them are down, the least bad are tried");
        }
        if stale.is_some() {
            outcome = "stale-unless-answered";
            text.push_str("; if none answers within 1.8 s, what has expired is given");
        }
        if rules.dnssec == Dnssec::Validate && !asking.variant.checking_disabled() {
            text.push_str("; the answer is validated, SERVFAIL if it is bogus");
        }
        match rules.rebinding.mode {
            RebindingMode::Block => text.push_str("; addresses that are not public are withheld"),
            RebindingMode::Report => text.push_str("; addresses that are not public are reported"),
            RebindingMode::Off => {}
        }
        (outcome, None, text)
    }

    /// What is said before anything that is kept is looked at.
    fn before_memory(&self, asking: &Asking) -> Option<(&'static str, Option<u16>, String)> {
        let is_first = !matches!(self.local, Some((LocalZone::OwnName | LocalZone::Blocked, _)));
        let rule = || self.rule.clone().filter(|rule| is_first || rule.0 == "whoami" || rule.0 == "refuse");
        self.refuse(asking).or_else(rule).or_else(|| self.own())
    }

    /// What is refused before anything is looked up.
    fn refuse(&self, asking: &Asking) -> Option<(&'static str, Option<u16>, String)> {
        let refused = |text: String| Some(("refuse", Some(rcode::REFUSED), text));
        let client = asking.client.map(|client| client.to_string()).unwrap_or_default();
        if !self.is_allowed {
            return refused(format!("{client} is not in listen.allow"));
        }
        if self.passes_rate == Some(false) {
            return refused(format!("{client} asks faster than limits.client-rate just now"));
        }
        if self.is_type_refused {
            return refused("nobody gets this type (policy.refuse-types)".to_owned());
        }
        match asking.qtype {
            0 | rtype::OPT => Some(("refuse", Some(rcode::FORMERR), "no record has this type".to_owned())),
            rtype::ANY => {
                Some(("local", Some(rcode::NOERROR), "ANY is answered with one HINFO record (RFC 8482)".to_owned()))
            }
            rtype::FIRST_META..rtype::ANY => refused("transfers and the like are answered by no cache".to_owned()),
            _ => None,
        }
    }

    /// What detection lets through of what servers would have to be asked.
    fn held_back(&self) -> Option<(&'static str, Option<u16>, String)> {
        let (severity, left) = self.sentence?;
        let left = seconds(left);
        Some(match severity {
            Severity::Block => {
                let text = format!(
                    "detection took this client for one end of a tunnel below this domain (nodens ctl detections): no server is asked for {left} more"
                );
                ("held-back", Some(rcode::REFUSED), text)
            }
            Severity::Limit => {
                let text = format!(
                    "detection took this client for one end of a tunnel below this domain (nodens ctl detections): detect.limit questions a second pass for {left} more, others are REFUSED"
                );
                ("limited", None, text)
            }
        })
    }

    /// What the node says itself.
    fn own(&self) -> Option<(&'static str, Option<u16>, String)> {
        let (zone, suffix) = self.local.as_ref()?;
        let suffix = name::display(suffix);
        Some(match zone {
            LocalZone::Blocked => {
                let text = format!(
                    "nobody gets {suffix} or a name below it (policy.block, policy.block-file): NXDOMAIN with the extended error \"Blocked\""
                );
                ("block", Some(rcode::NXDOMAIN), text)
            }
            LocalZone::Dead => {
                let text = format!("{suffix} and names below it do not exist (local.dead-suffixes)");
                ("local", Some(rcode::NXDOMAIN), text)
            }
            LocalZone::OwnName => {
                ("local", None, "the node answers it itself, from local.hosts or local.records".to_owned())
            }
            LocalZone::SpecialUse | LocalZone::Chaos => {
                let text = format!(
                    "the node answers it itself: {suffix} is a special-use name or an empty reverse zone (local.special-use)"
                );
                ("local", None, text)
            }
        })
    }

    /// What follows from a failure that is noted, or from servers that are all down.
    fn failed(
        &self,
        kept: &VariantKept,
        stale: Option<&Entry>,
        plan: &Plan,
        rules: &Rules,
        now: Moment,
    ) -> Option<(&'static str, Option<u16>, String)> {
        let young = |left: Duration| !left.is_zero();
        if let Some((failure, left)) = kept.failure.filter(|(failure, _)| failure.is_bogus) {
            return young(left).then(|| {
                let text = format!(
                    "the last answer, {} ago, was not what its zone signed; that is answered for {} more",
                    seconds(now.since(failure.at)),
                    seconds(left)
                );
                ("failure", Some(failure.rcode), text)
            });
        }
        let Some(entry) = stale else {
            let (failure, left) = kept.failure.filter(|(_, left)| young(*left))?;
            let text = format!(
                "it was not answered {} ago; that is answered for {} more without asking (cache.servfail)",
                seconds(now.since(failure.at)),
                seconds(left)
            );
            return Some(("failure", Some(failure.rcode), text));
        };
        if kept.failure.is_none() && !self.is_failing {
            return None;
        }
        let is_back =
            kept.failure.is_some_and(|(failure, _)| plan.recovered_since(rules, failure.at, now)) && !self.is_failing;
        let is_due = kept.failure.is_none_or(|(failure, _)| now.since(failure.at) >= RECHECK);
        let why = if self.is_failing { "all servers are down" } else { "it was not answered when it was asked last" };
        let again = if is_back || is_due { "; servers are asked again beside that" } else { "" };
        let text = format!("what has expired is given, since {why}{again}");
        Some(("stale", Some(entry.rcode()), text))
    }
}
