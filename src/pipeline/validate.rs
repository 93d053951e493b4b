//! Answers that are judged by their signatures before anybody gets them.
//!
//! What may be kept of a verdict, and what follows from it:
//!
//! | verdict | client gets | kept |
//! |---|---|---|
//! | secure | the answer, and AD if it set DO or AD | until the first signature expires at the latest |
//! | insecure | the answer | as any |
//! | bogus | SERVFAIL and the reason, also where there is an answer that has expired | the failure, for `servfail` |
//! | indeterminate | what has expired; or SERVFAIL and the reason | the failure, if enough was tried |
//!
//! An expired answer does not stand in for a bogus one. RFC 8767 is for servers that cannot be reached; here one was, and what it says is
//! forged or broken. To give what was there before would let whoever forges answers keep an address alive that its owner has taken
//! back, for as long as `serve-stale`; and nobody would notice. A failure is noticed, and says why (RFC 4035 section 5.5). The expired answer is not
//! forgotten: it is there again when servers are silent.
//!
//! A client that sets CD gets what the server says, unjudged and without AD. Its answers are kept apart (the variant of the key), so that nobody
//! else is given them.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tracing::warn;

use crate::cache::Variant;
use crate::config::Dnssec;
use crate::dnssec::{Ask, Unanswered, Verdict};
use crate::log::{Topic, escaped};
use crate::metrics::Source;
use crate::sys::clock;
use crate::upstream::UpstreamError;
use crate::wire::answer::{Answer, Asked, Kind};
use crate::wire::header::{class, rtype};
use crate::wire::message::{Outgoing, Question};
use crate::wire::{name, rcode};

use super::Pipeline;
use super::miss::{Failed, Flight};
use super::plan::Plan;

/// What a zone asks its servers for, beside name and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    /// DO.
    pub(super) dnssec_ok: bool,
    /// CD.
    pub(super) checking_disabled: bool,
    /// AD.
    pub(super) authentic_data: bool,
    /// Whether the answer is judged here.
    pub(super) is_judged: bool,
}

impl Bits {
    /// Those for a client's bits in a zone with that option.
    pub(super) fn of(dnssec: Dnssec, variant: Variant) -> Self {
        let (dnssec_ok, checking_disabled) = (variant.dnssec_ok(), variant.checking_disabled());
        match dnssec {
            Dnssec::Off => Self { dnssec_ok: false, checking_disabled: false, authentic_data: false, is_judged: false },
            Dnssec::Forward => Self { dnssec_ok, checking_disabled, authentic_data: true, is_judged: false },
            // Without CD, a server that validates itself would answer what is bogus with a bare SERVFAIL.
            Dnssec::Validate => Self {
                dnssec_ok: dnssec_ok || !checking_disabled,
                checking_disabled: true,
                authentic_data: false,
                is_judged: !checking_disabled,
            },
        }
    }
}

/// What is believed of an upstream's message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Believed {
    /// Whether AD may be shown; `None` if the server's own AD decides.
    pub(super) authentic: Option<bool>,
    /// The longest it may be kept, in seconds.
    pub(super) lifetime: u32,
    /// An extended error that tells of the verdict.
    pub(super) ede: Option<u16>,
}

impl Believed {
    /// What a server says: its AD counts where the server is known to be who it should be.
    pub(super) const fn forwarded(is_trusted: bool) -> Self {
        Self { authentic: if is_trusted { None } else { Some(false) }, lifetime: u32::MAX, ede: None }
    }

    /// Applies it to an answer that may be kept for so many seconds; for how many it may.
    pub(super) fn apply(&self, answer: &mut Answer, lifetime: u32) -> u32 {
        answer.ede = answer.ede.or(self.ede);
        if self.lifetime < lifetime {
            answer.limit(self.lifetime);
        }
        lifetime.min(self.lifetime)
    }
}

impl Pipeline {
    /// Judges a message that answers the question of `flight`; what is believed of it, or why nothing is.
    pub(super) async fn judge_answer(
        &self,
        flight: &Flight,
        message: &[u8],
        spent: Duration,
    ) -> Result<Believed, Failed> {
        let Flight { key, plan, zone, .. } = flight;
        let is_answer = {
            let mut answer = self.scratch.borrow_mut();
            Self::read(flight, message, &mut answer) && answer.kind != Kind::Failure
        };
        // What is no answer is none, whoever signed it.
        let Some(validator) = plan.validator.as_ref().filter(|_| is_answer) else {
            return Ok(Believed::forwarded(false));
        };
        let patience = plan.rules(*zone).timeout;
        // An answer that took nearly all the time has some left to be judged: memory mostly has what it takes.
        let patience = patience.saturating_sub(spent).max(patience / 4);
        let judgement = validator.judge(key.name(), key.qtype(), message, &asker(plan), patience).await;
        let ede = judgement.verdict.ede();
        let failed =
            Failed { rcode: rcode::SERVFAIL, ede, zone: *zone, source: Source::Forward, ..Failed::unreachable() };
        match judgement.verdict {
            Verdict::Secure => Ok(Believed { authentic: Some(true), lifetime: judgement.lifetime, ede }),
            Verdict::Insecure(_) => Ok(Believed { authentic: Some(false), lifetime: judgement.lifetime, ede }),
            Verdict::Bogus(reason) => {
                if self.limiter.admits(Topic::Validation, clock::coarse()) {
                    let shown = name::display(key.name()).to_string();
                    warn!(name = %escaped(&shown), qtype = key.qtype(), %reason, "an answer is bogus");
                }
                Err(Failed { is_conclusive: true, is_bogus: true, ..failed })
            }
            Verdict::Indeterminate(unanswered) => {
                if self.limiter.admits(Topic::Upstream, clock::coarse()) {
                    let shown = name::display(key.name()).to_string();
                    warn!(name = %escaped(&shown), qtype = key.qtype(), "keys to validate an answer could not be had");
                }
                Err(Failed { is_conclusive: !unanswered.is_timeout, ..failed })
            }
        }
    }
}

/// What asks for keys and delegations: servers of the zone that each name belongs to, a delegation's of the one above it.
fn asker(plan: &Rc<Plan>) -> Ask {
    let plan = Rc::clone(plan);
    Rc::new(move |name: &[u8], qtype: u16| {
        let owner =
            if qtype == rtype::DS { name::suffixes(name).nth(1).map_or(&[0][..], |at| &name[at..]) } else { name };
        let zone = plan.zones.find(owner);
        let question = Question {
            name,
            qtype,
            qclass: class::IN,
            dnssec_ok: true,
            checking_disabled: true,
            authentic_data: false,
        };
        Box::pin(ask(Rc::clone(&plan), zone, Rc::new(Outgoing::new(&question)), name.into(), qtype))
            as Pin<Box<dyn Future<Output = Result<Vec<u8>, Unanswered>>>>
    })
}

/// Asks the servers of a zone.
async fn ask(
    plan: Rc<Plan>,
    zone: u16,
    query: Rc<Outgoing>,
    name: Box<[u8]>,
    qtype: u16,
) -> Result<Vec<u8>, Unanswered> {
    let asked = Asked { name: &name, qtype, qclass: class::IN, dnssec_ok: true };
    let reads = |message: &[u8]| Answer::default().read(message, &asked).is_ok();
    match plan.group(plan.rules(zone)).exchange(&query, &reads).await {
        Ok(response) => Ok(response.bytes.to_vec()),
        Err(failed) => Err(Unanswered { ede: failed.error.ede(), is_timeout: failed.error == UpstreamError::Timeout }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N28
    #[test]
    fn what_is_asked_for_follows_from_the_zone_and_the_client() {
        let shown = |dnssec| {
            [(false, false), (true, false), (false, true), (true, true)].map(|(dnssec_ok, checking_disabled)| {
                let bits = Bits::of(dnssec, Variant::new(dnssec_ok, checking_disabled));
                (bits.dnssec_ok, bits.checking_disabled, bits.is_judged)
            })
        };
        assert_eq!(shown(Dnssec::Off), [(false, false, false); 4]);
        assert_eq!(
            shown(Dnssec::Forward),
            [(false, false, false), (true, false, false), (false, true, false), (true, true, false)]
        );
        assert_eq!(
            shown(Dnssec::Validate),
            [(true, true, true), (true, true, true), (false, true, false), (true, true, false)]
        );
    }
}
