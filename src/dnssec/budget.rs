//! How much work one question may cause.
//!
//! A zone's owner decides how many keys, signatures and denials a validator sees, and a validator that tries every signature with every key
//! of its tag can be kept busy for minutes by one answer (KeyTrap, CVE-2023-50387); hashes of names, thousands of iterations each, do
//! the same (CVE-2023-50868). RFC 4035 section 5: "the resolver MUST bound the work it puts into answering any particular query".
//!
//! The work is charged before it is done, by what a message could cost at most. A question whose budget is spent is bogus, and its zone rests
//! for a while, so that names made up by the million do not each cost as much again.

use hickory_proto::dnssec::PublicKey as _;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::metrics::Event;

/// Verifications of signatures that a question may cause: tries, so each signature counts once for each key that it may be of. A chain from the
/// root through four zones, with nothing known, takes about 30. 128 of P-256 are 6 to 8 ms.
const SIGNATURES: u32 = 128;

/// Verifications from which on a bogus answer lets its zone rest. A guess: a denial of an honest zone takes 16, its chain about as many, once.
const HEAVY: u32 = 64;

/// Questions for keys and delegations that one question may cause, from memory or not. About six a zone are usual.
const QUERIES: u32 = 64;

/// Rounds of NSEC3's hash that a question may cause; 20,000 are 3 to 4 ms. A denial ten labels below its zone takes 12 with
/// the iterations that RFC 9276 wants, which is none.
const HASHES: u32 = 20_000;

/// Sets of records in one message, and records of one set of keys, that are looked at. A denial has five sets; a zone that changes keys and
/// algorithm at once has eight keys.
const RECORDS: usize = 32;

/// Signatures of one set that are tried; hickory's validator would look at as many itself.
const SIGNATURES_OF_A_SET: usize = 8;

/// Keys with the same tag and algorithm that a signature is tried with: hickory's validator takes so many. Of 65,536 tags, two of ten keys
/// share one by chance once in 1,500 zones.
const COLLISIONS: u32 = 2;

/// Iterations of NSEC3 above which a denial is not verified and proves nothing (RFC 9276 section 3.2: "MAY return an insecure response"); unbound draws
/// the line here, too. There is no second line, above which it would be bogus: RFC 9276 allows one, unbound has none, and names that others
/// answer would fail here.
pub(super) const ITERATIONS: u16 = 150;

/// A bound that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// [`SIGNATURES`]
    Signatures,
    /// [`QUERIES`]
    Queries,
    /// [`HASHES`]
    Hashes,
    /// [`RECORDS`]
    Records,
    /// The time for a question.
    Time,
}

impl Limit {
    /// What counts it.
    pub(super) const fn event(self) -> Event {
        match self {
            Self::Signatures => Event::DnssecSignatures,
            Self::Queries => Event::DnssecQueries,
            Self::Hashes => Event::DnssecHashes,
            Self::Records => Event::DnssecRecords,
            Self::Time => Event::DnssecTime,
        }
    }
}

/// What a message costs at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Verifications.
    pub(super) signatures: u32,
    /// Rounds of hashing.
    pub(super) hashes: u32,
}

/// What is left for a question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Verifications.
    signatures: u32,
    /// Questions.
    queries: u32,
    /// Rounds of hashing.
    hashes: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { signatures: SIGNATURES, queries: QUERIES, hashes: HASHES }
    }
}

impl Budget {
    /// Takes the cost of a message. What was handed out before is charged a quarter: when it was good, its verdict is remembered; when not, it
    /// is verified again.
    pub(super) fn take(&mut self, cost: Cost, again: bool) -> Result<(), Limit> {
        let part = |whole: u32| if again { whole.div_ceil(4) } else { whole };
        self.signatures = self.signatures.checked_sub(part(cost.signatures)).ok_or(Limit::Signatures)?;
        self.hashes = self.hashes.checked_sub(part(cost.hashes)).ok_or(Limit::Hashes)?;
        Ok(())
    }

    /// Takes a question.
    pub(super) fn ask(&mut self) -> Result<(), Limit> {
        self.queries = self.queries.checked_sub(1).ok_or(Limit::Queries)?;
        Ok(())
    }

    /// Whether so much was taken that it would do harm if each of many questions took it: bogus answers of an honest zone cost a tenth.
    pub(super) const fn is_heavy(&self) -> bool {
        SIGNATURES - self.signatures >= HEAVY
    }
}

/// The signature in a record.
pub(super) fn signature(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature),
        _ => None,
    }
}

/// The key in a record.
pub(super) fn key(record: &Record) -> Option<&DNSKEY> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
        _ => None,
    }
}

/// Leaves of a message what a verdict on `name` and `kind` needs: records of that set, denials, and their signatures, not too many. With it,
/// what it costs at most.
///
/// Everything else only costs: NS sets of the authority section would be verified, and unsigned ones make the validator look for the end of
/// the signed world; additional records are never given as an answer to this question.
pub(super) fn reduce(message: &mut Message, name: &Name, kind: RecordType) -> Result<Cost, Limit> {
    message.additionals = Vec::new();
    message.edns = None;
    let wanted = |record: &Record| record.record_type() == kind || covers(record) == Some(kind);
    message.answers.retain(|record| record.name == *name && wanted(record));
    let proves = |kind: RecordType| matches!(kind, RecordType::SOA | RecordType::NSEC | RecordType::NSEC3);
    message.authorities.retain(|record| proves(covers(record).unwrap_or_else(|| record.record_type())));
    let keys: Vec<(u16, u8)> = message.answers.iter().filter_map(key).map(tag).collect();
    if keys.len() > RECORDS || message.authorities.len() > 2 * RECORDS {
        return Err(Limit::Records);
    }
    let mut cost = Cost::default();
    for section in [&mut message.answers, &mut message.authorities] {
        let mut seen: Vec<(Name, RecordType, usize)> = Vec::new();
        section.retain(|record| {
            let Some(signature) = signature(record) else { return true };
            let covered = signature.input().type_covered;
            let at = seen.iter().position(|(owner, kind, _)| *owner == record.name && *kind == covered);
            let at = at.unwrap_or_else(|| {
                seen.push((record.name.clone(), covered, 0));
                seen.len() - 1
            });
            seen[at].2 += 1;
            let kept = seen[at].2 <= SIGNATURES_OF_A_SET;
            if kept {
                let tagged = (signature.input().key_tag, u8::from(signature.input().algorithm));
                // A set of keys is verified with its own, and there the validator does not stop at two.
                let tries = if covered == RecordType::DNSKEY {
                    u32::try_from(keys.iter().filter(|key| **key == tagged).count()).unwrap_or(u32::MAX)
                } else {
                    COLLISIONS
                };
                cost.signatures += tries;
            }
            kept
        });
    }
    message.answers.shrink_to_fit();
    message.authorities.shrink_to_fit();
    cost.hashes = hashes(message, name);
    Ok(cost)
}

/// The type that a signature covers.
fn covers(record: &Record) -> Option<RecordType> {
    signature(record).map(|signature| signature.input().type_covered)
}

/// Tag and algorithm of a key.
pub(super) fn tag(key: &DNSKEY) -> (u16, u8) {
    (key.calculate_key_tag().unwrap_or(0), u8::from(key.public_key().algorithm()))
}

/// Rounds of hashing that the denials of a message may take: every name from `name` up to their zone, the next closer one and a wildcard, each
/// as often as the first denial says. Above [`ITERATIONS`] none is made.
fn hashes(message: &Message, name: &Name) -> u32 {
    let denial = message.authorities.iter().find_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC3(denial)) => Some((record.name.num_labels(), denial.iterations())),
        _ => None,
    });
    let Some((labels, iterations)) = denial.filter(|(_, iterations)| *iterations <= ITERATIONS) else { return 0 };
    let names = u32::from(name.num_labels().saturating_sub(labels.saturating_sub(1))) + 3;
    // Each is hashed to be looked for as a name that matches, and as one that is covered, by each denial.
    2 * names * (u32::from(iterations) + 1)
}
