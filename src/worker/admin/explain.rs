//! Why a name gets the answer it gets: what a worker says of it, and what all of them know of its servers.

use std::sync::Arc;
use std::time::Duration;

use super::dump::ZoneNames;
use super::figures::{State, merge, order};
use super::{Admin, parse};
use crate::cache::Variant;
use crate::config::Dnssec;
use crate::control::admin::protocol::{
    ClientView, DnssecView, Explanation, GroupView, LocalView, RebindingView, Server, Subject, VariantView, Verdict,
    ZoneView,
};
use crate::control::admin::{ask, text};
use crate::pipeline::{Asking, Explained, Standing, VariantKept};
use crate::policy::local::LocalZone;
use crate::sys::clock::{self, Moment};
use crate::wire::header::{class, flag};
use crate::wire::{name, record, rtype, u16_at};

/// Time that an answer may take beyond what its group's servers have.
const GRACE: Duration = Duration::from_secs(2);

impl Admin {
    /// What would happen to a query; and what does, if that is asked for.
    pub(super) async fn explain(&self, subject: &Subject) -> Result<Explanation, String> {
        let wire = parse(&subject.name)?;
        let qtype = match subject.qtype.as_deref() {
            None => rtype::A,
            Some(word) => record::type_number(word)
                .ok_or_else(|| format!("{word:?} is no type of records; write one such as \"AAAA\", or \"TYPE65\""))?,
        };
        let variant = Variant::new(subject.dnssec_ok, subject.checking_disabled);
        let asking = Asking { name: wire.clone(), qtype, variant, client: subject.client };
        let asked = asking.clone();
        let told = self.ask_workers(move |pipeline| pipeline.explain(&asked)).await;
        let mut explanation = self.view(&asking, told).await.ok_or("no worker answers; see the log")?;
        if subject.ask {
            let snapshot = self.snapshot();
            let patience = snapshot.shared.config.upstreams.iter().map(|upstream| upstream.timeout).max();
            let listener = *self.addresses.first().ok_or("there is no listener to ask")?;
            let bits = (subject.dnssec_ok, subject.checking_disabled);
            let answer = ask::ask(listener, &wire, qtype, bits, patience.unwrap_or_default() + GRACE).await;
            explanation.answer = Some(answer.map_err(|error| format!("udp://{listener} does not answer: {error}"))?);
        }
        Ok(explanation)
    }

    /// Makes one explanation of what all workers say.
    async fn view(&self, asking: &Asking, told: Vec<Explained>) -> Option<Explanation> {
        let mut told = told.into_iter();
        let mut first = told.next()?;
        let config = Arc::clone(&first.config);
        let mut states: Vec<State> = first.servers.iter().map(State::of).collect();
        for other in told.filter(|other| Arc::ptr_eq(&other.config, &config)) {
            merge(&mut first.servers, &other.servers, &mut states);
            for (kept, other) in first.variants.iter_mut().zip(&other.variants) {
                kept.uses = kept.uses.saturating_add(other.uses);
                kept.is_in_front |= other.is_in_front;
            }
        }
        let snapshot = self.snapshot();
        let zones = ZoneNames::of(&snapshot);
        let now = clock::coarse();
        let upstream = &config.upstreams[first.group];
        let zone = config.zones.iter().zip(&snapshot.shared.numbers.zones).find(|(_, number)| **number == first.zone);
        let zone = zone.map_or(&config.zones[0], |(zone, _)| zone);
        let server = |at: usize| self.server(&config, (first.group, at), first.servers[at], states[at]);
        let servers: Vec<Server> = order(upstream.policy, &first.servers).into_iter().map(server).collect();
        let asked = first.variants.iter().find(|kept| kept.variant == asking.variant);
        let mut verdict = first.verdict.2.clone();
        if let ("ask" | "stale-unless-answered", Some(server)) = (first.verdict.0, servers.first()) {
            verdict = format!("{verdict}; most likely {} first", server.address);
        }
        Some(Explanation {
            name: name::display(&asking.name).to_string(),
            qtype: text::type_name(asking.qtype),
            client: self.client(asking, &first),
            local: local(asking, &first, &snapshot.shared.local).await,
            zone: ZoneView {
                name: zones.name(first.zone),
                shorter: shorter(asking, &first, &config.zones),
                class: zone.class.word().to_owned(),
                serve_stale_seconds: zones.serve_stale(first.zone).as_secs(),
            },
            cache: first.variants.iter().map(|kept| variant(kept, asking, &zones, now)).collect(),
            looping: first.is_looping,
            type_left_out: first.is_type_left_out,
            servers,
            group: GroupView {
                name: upstream.name.clone(),
                policy: upstream.policy.word().to_owned(),
                failing: first.is_failing,
            },
            rebinding: RebindingView {
                mode: zone.rebinding.mode.word().to_owned(),
                action: zone.rebinding.action.word().to_owned(),
                exempt_by: first.exempt_by.clone(),
                offence: first.offence.clone(),
            },
            dnssec: DnssecView {
                mode: zone.dnssec.word().to_owned(),
                verdict: asked.and_then(|kept| found(kept, zone.dnssec)).map(str::to_owned),
            },
            verdict: Verdict {
                outcome: first.verdict.0.to_owned(),
                rcode: first.verdict.1.map(text::rcode_name),
                text: verdict,
            },
            answer: None,
        })
    }

    /// Who asks.
    fn client(&self, asking: &Asking, told: &Explained) -> Option<ClientView> {
        let address = asking.client?;
        let pod = self.observers.pod(address);
        Some(ClientView {
            address: address.to_string(),
            namespace: pod.as_ref().map(|pod| pod.0.clone()),
            pod: pod.map(|pod| pod.1),
            allowed: told.is_allowed,
            rate: told.passes_rate,
            type_refused: told.is_type_refused,
            held_back_seconds: told.sentence.map(|(_, left)| left.as_secs()),
        })
    }
}

/// What the node says itself.
async fn local(asking: &Asking, told: &Explained, local: &crate::policy::local::Local) -> Option<LocalView> {
    let (zone, suffix) = told.local.as_ref()?;
    let kind = match zone {
        LocalZone::OwnName => "own-name",
        LocalZone::SpecialUse | LocalZone::Chaos => "special-use",
        LocalZone::Blocked => "blocked",
        LocalZone::Dead => "dead",
    };
    let message = local.answer(&asking.name, asking.qtype, class::IN).await;
    Some(LocalView {
        kind: kind.to_owned(),
        suffix: name::display(suffix).to_string(),
        records: text::records(&message),
        rcode: text::rcode_name(u16_at(&message, 2).unwrap_or(0) & flag::RCODE),
    })
}

/// Zones whose names are suffixes of the name, too, but shorter than the one that it belongs to.
fn shorter(asking: &Asking, told: &Explained, zones: &[crate::config::Zone]) -> Vec<String> {
    let suffix = |zone: &crate::config::Zone| Some((name::parse(&zone.name)?, zone.name.clone()));
    let is_shorter = |wire: &Vec<u8>| wire.len() < told.apex.len() && name::is_below(&asking.name, wire);
    zones.iter().filter_map(suffix).filter(|(wire, _)| is_shorter(wire)).map(|(_, name)| name).collect()
}

/// What is kept, as it is told.
fn variant(kept: &VariantKept, asking: &Asking, zones: &ZoneNames, now: Moment) -> VariantView {
    VariantView {
        dnssec_ok: kept.variant.dnssec_ok(),
        checking_disabled: kept.variant.checking_disabled(),
        state: kept.standing.word().to_owned(),
        in_front: kept.is_in_front,
        judged_anew: kept.is_judged_anew,
        entry: kept.entry.as_ref().map(|entry| zones.kept(entry, u64::from(kept.uses), now)),
        failure: kept.failure.map(|(failure, _)| zones.failure(&asking.name, asking.qtype, kept.variant, failure, now)),
    }
}

/// What was found of the signatures of what is kept.
fn found(kept: &VariantKept, mode: Dnssec) -> Option<&'static str> {
    if kept.failure.is_some_and(|(failure, _)| failure.is_bogus) {
        return Some("bogus");
    }
    let entry = kept.entry.as_ref().filter(|_| kept.standing != Standing::Above)?;
    Some(match (mode, entry.terms().authentic) {
        (Dnssec::Validate, true) => "secure",
        (Dnssec::Validate, false) if !entry.judgement().is_withheld && !kept.variant.checking_disabled() => "insecure",
        (Dnssec::Forward, true) => "vouched-for",
        _ => "unknown",
    })
}
