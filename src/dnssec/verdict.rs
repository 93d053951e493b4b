//! What comes of a validation, and why.
//!
//! RFC 4033 section 5 has four ends. Two are answers: secure (the chain holds, AD may be shown) and insecure (it is proved that there is none).
//! Bogus is none: somebody signed, and this is not what was signed. Indeterminate is none either, but says nothing of the answer: the keys
//! could not be had, which is the fault of a server or of the network, and may be over soon.
//!
//! hickory's validator says that something is bogus, not why. The reason is found here afterwards, from the same messages: it decides
//! nothing, it is only told.

use std::fmt;

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType, SerialNumber};

use super::budget::{Limit, key, signature, tag};
use super::messages::Unanswered;
use crate::wire::header::ede;

/// The end of a validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The chain of signatures holds.
    Secure,
    /// It is proved that there is none, or nothing is to be proved.
    Insecure(Option<Unsupported>),
    /// There should be one, and it does not hold.
    Bogus(Reason),
    /// What it takes to judge could not be had.
    Indeterminate(Unanswered),
}

/// What keeps a signed zone from being validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// All its keys are of algorithms that are not known (RFC 4035 section 5.2).
    Algorithm,
    /// All digests of them are of types that are not known (RFC 4509 section 3).
    Digest,
}

/// Why an answer is bogus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A signature does not fit.
    Signature,
    /// All signatures have expired.
    Expired,
    /// No signature is valid yet.
    NotYetValid,
    /// No key of the zone is the one that its parent vouches for, or that signed.
    KeyMissing,
    /// A set of a signed zone has no signature.
    SignatureMissing,
    /// It is not proved that something does not exist.
    DenialMissing,
    /// It would cost too much to find out.
    Work(Work),
}

/// A bound on the work for a question, as far as others need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work(pub(super) Limit);

/// A verdict and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// For how many seconds the answer may be believed: until the first signature expires, and no longer than the signer says (RFC 4035 section
    /// 5.3.3).
    pub lifetime: u32,
}

impl Verdict {
    /// Whether AD may be shown.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Secure)
    }

    /// The extended error that tells of it, if there is one.
    #[must_use]
    pub const fn ede(self) -> Option<u16> {
        match self {
            Self::Secure | Self::Insecure(None) => None,
            Self::Insecure(Some(Unsupported::Algorithm)) => Some(ede::UNSUPPORTED_ALGORITHM),
            Self::Insecure(Some(Unsupported::Digest)) => Some(ede::UNSUPPORTED_DIGEST),
            Self::Bogus(reason) => Some(reason.ede()),
            Self::Indeterminate(unanswered) => unanswered.ede,
        }
    }

    /// Of two parts of one answer, what holds for both.
    pub(super) fn and(self, other: Self) -> Self {
        let rank = |verdict: Self| match verdict {
            Self::Secure => 0,
            Self::Insecure(_) => 1,
            Self::Indeterminate(_) => 2,
            Self::Bogus(_) => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl Reason {
    /// Its extended error (RFC 8914 sections 4.6 to 4.13).
    #[must_use]
    pub const fn ede(self) -> u16 {
        match self {
            Self::Signature | Self::Work(_) => ede::DNSSEC_BOGUS,
            Self::Expired => ede::SIGNATURE_EXPIRED,
            Self::NotYetValid => ede::SIGNATURE_NOT_YET_VALID,
            Self::KeyMissing => ede::DNSKEY_MISSING,
            Self::SignatureMissing => ede::RRSIGS_MISSING,
            Self::DenialMissing => ede::NSEC_MISSING,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "a signature does not fit",
            Self::Expired => "signature expired",
            Self::NotYetValid => "signature not yet valid",
            Self::KeyMissing => "no key that the parent zone vouches for",
            Self::SignatureMissing => "signature missing",
            Self::DenialMissing => "no proof that it does not exist",
            Self::Work(Work(Limit::Signatures)) => "too many signatures",
            Self::Work(Work(Limit::Queries)) => "too many delegations",
            Self::Work(Work(Limit::Hashes)) => "too many hashes",
            Self::Work(Work(Limit::Records)) => "too many keys or records",
            Self::Work(Work(Limit::Time)) => "too slow",
        })
    }
}

//------ The reason --------------------------------------------------------------------------------------------------

/// Why an answer is bogus: the first fault that is seen on the way down, in the messages with keys and delegations, and then in the answer itself.
pub(super) fn reason<'a>(
    chain: impl Iterator<Item = &'a Message> + Clone,
    answer: &Message,
    anchored: impl Fn(&Name, &DNSKEY) -> bool,
    now: u32,
) -> Reason {
    let digests: Vec<(&Name, &DS)> = chain.clone().flat_map(|message| &message.answers).filter_map(digest).collect();
    let mut keys: Vec<(&Name, &DNSKEY)> = Vec::new();
    // The validator goes up; who reads goes down.
    let mut steps: Vec<&Message> = chain.collect();
    steps.sort_by_key(|message| message.queries.first().map_or(0, |query| query.name().num_labels()));
    for message in steps {
        let Some(query) = message.queries.first() else { continue };
        match query.query_type() {
            RecordType::DNSKEY => {
                let zone: Vec<_> =
                    message.answers.iter().filter_map(|record| Some((&record.name, key(record)?))).collect();
                let delegated = digests.iter().filter(|(owner, _)| *owner == query.name());
                let covers = |(name, key): &(&Name, &DNSKEY)| {
                    anchored(name, key)
                        || delegated.clone().any(|(_, digest)| digest.covers(name, key).unwrap_or(false))
                };
                // Whose delegation was not asked for is known to be good.
                if (zone.is_empty() || delegated.clone().next().is_some()) && !zone.iter().any(covers) {
                    return Reason::KeyMissing;
                }
                keys.extend(zone);
            }
            RecordType::DS => {}
            _ => continue,
        }
        if let Some(reason) = fault(message, &keys, now) {
            return reason;
        }
    }
    fault(answer, &keys, now).unwrap_or_else(|| {
        if answer.answers.is_empty() && !has_denials(answer) { Reason::DenialMissing } else { Reason::Signature }
    })
}

/// The digest in a record, with its owner.
fn digest(record: &Record) -> Option<(&Name, &DS)> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DS(digest)) => Some((&record.name, digest)),
        _ => None,
    }
}

/// Whether a message denies anything by proof.
fn has_denials(message: &Message) -> bool {
    message.authorities.iter().any(|record| matches!(record.record_type(), RecordType::NSEC | RecordType::NSEC3))
}

/// What is wrong with the signatures of a message, as far as it can be seen without verifying them.
fn fault(message: &Message, keys: &[(&Name, &DNSKEY)], now: u32) -> Option<Reason> {
    let now = SerialNumber::new(now);
    for section in [&message.answers, &message.authorities] {
        for record in section.iter().filter(|record| signature(record).is_none()) {
            let of_set = |other: &&Record| {
                other.name == record.name
                    && signature(other).is_some_and(|signature| signature.input().type_covered == record.record_type())
            };
            let signatures: Vec<_> = section.iter().filter(of_set).filter_map(signature).collect();
            if signatures.is_empty() {
                return Some(Reason::SignatureMissing);
            }
            if signatures.iter().all(|signature| signature.input().sig_expiration < now) {
                return Some(Reason::Expired);
            }
            if signatures.iter().all(|signature| signature.input().sig_inception > now) {
                return Some(Reason::NotYetValid);
            }
            let has_key = |signature: &&hickory_proto::dnssec::rdata::RRSIG| {
                let input = signature.input();
                let zone = keys.iter().filter(|(name, _)| **name == input.signer_name);
                let tagged = (input.key_tag, u8::from(input.algorithm));
                let mut zone = zone.peekable();
                zone.peek().is_none() || zone.any(|(_, key)| tag(key) == tagged)
            };
            if !signatures.iter().any(has_key) {
                return Some(Reason::KeyMissing);
            }
        }
    }
    None
}
