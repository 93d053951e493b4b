//! The order of it all: one worker's validator.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hickory_net::dnssec::DnssecDnsHandle;
use hickory_net::xfer::DnsHandle as _;
use hickory_net::{DnsError, NetError};
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData};
use hickory_proto::dnssec::{Nsec3HashAlgorithm, Proof};
use hickory_proto::op::{DnsRequestOptions, DnsResponse, Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType, SerialNumber};
use tokio::time::timeout;

use super::anchors::{Anchors, Governor};
use super::budget::{Budget, Limit, signature};
use super::chain::{Broken, Part, Parts, take_apart};
use super::handle::{Done, Source, Work};
use super::messages::{Ask, Messages, Unanswered};
use super::trust::{self, Trust};
use super::verdict::{self, Judgement, Reason, Unsupported, Verdict, reason};
use super::{above, parsed, wire};
use crate::metrics::{Event, Gauge, WorkerMetrics};
use crate::sys::clock::{self, Moment};
use crate::wire::header::{self, HEADER, ede, rtype};
use crate::wire::{name, record, u16_at};

/// Zones of which it is remembered that they are not signed, or that they rest. Each takes about 100 bytes.
const ZONES: usize = 8192;

/// The longest that a zone is remembered as unsigned, in seconds: one that becomes signed is validated within the hour.
const UNSIGNED: u32 = 3600;

/// How long a zone rests that cost too much. Each question for one of its names would cost as much again. A guess.
const REST: Duration = Duration::from_secs(30);

/// How old keys and delegations must be to be asked for again when an answer does not fit them: they may have changed since. Also how often
/// a zone that is broken for good is asked for them.
const OLD: Duration = Duration::from_secs(10);

/// One worker's validator. Everything it remembers is its own and bounded.
pub struct Validator {
    /// Whom to trust.
    anchors: Arc<Anchors>,
    /// Keys of the anchors' zones.
    trust: Trust,
    /// Keys and delegations.
    messages: Rc<Messages>,
    /// Zones that are not signed, and until when; what is below is not signed either.
    unsigned: RefCell<Remembered<Option<Unsupported>>>,
    /// Zones that cost too much, and until when nothing of them is validated.
    resting: RefCell<Remembered<Limit>>,
    /// What is counted.
    metrics: Arc<WorkerMetrics>,
}

/// What is remembered of zones, by name in wire format.
type Remembered<T> = HashMap<Box<[u8]>, (T, Moment), RandomState>;

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator").field("messages", &self.messages.count()).finish_non_exhaustive()
    }
}

impl Validator {
    /// A validator that has seen nothing. Must be made in the worker's own thread.
    #[must_use]
    pub fn new(anchors: &Arc<Anchors>, metrics: &Arc<WorkerMetrics>) -> Self {
        Self {
            anchors: Arc::clone(anchors),
            trust: Trust::new(),
            messages: Messages::new(),
            unsigned: RefCell::default(),
            resting: RefCell::default(),
            metrics: Arc::clone(metrics),
        }
    }

    /// Whether it goes by these anchors.
    #[must_use]
    pub fn goes_by(&self, anchors: &Arc<Anchors>) -> bool {
        *self.anchors == **anchors
    }

    /// Judges `message`, which answers the question for `name`, folded and in wire format, and `qtype`. `ask` asks those who sent it, `patience`
    /// is how long all of it may take.
    pub async fn judge(&self, name: &[u8], qtype: u16, message: &[u8], ask: &Ask, patience: Duration) -> Judgement {
        let judgement = match timeout(patience, self.judge_patiently(name, qtype, message, ask)).await {
            Ok(judgement) => judgement,
            Err(_) => {
                self.metrics.count(Limit::Time.event());
                let late = Unanswered { ede: Some(ede::NO_REACHABLE_AUTHORITY), is_timeout: true };
                Judgement { verdict: Verdict::Indeterminate(late), lifetime: 0 }
            }
        };
        self.metrics.count(match judgement.verdict {
            Verdict::Secure => Event::DnssecSecure,
            Verdict::Insecure(_) => Event::DnssecInsecure,
            Verdict::Bogus(_) => Event::DnssecBogus,
            Verdict::Indeterminate(_) => Event::DnssecIndeterminate,
        });
        self.metrics.set(Gauge::DnssecMessages, self.messages.count());
        judgement
    }

    /// The same, for as long as it takes.
    async fn judge_patiently(&self, name: &[u8], qtype: u16, message: &[u8], ask: &Ask) -> Judgement {
        let judged = |verdict| Judgement { verdict, lifetime: u32::MAX };
        // Signatures asked for by themselves are not signed (RFC 4034 section 3), and no validator proves them.
        if qtype == rtype::RRSIG || qtype == rtype::SIG {
            return judged(Verdict::Insecure(None));
        }
        // Most names are not signed, and it is known of most zones: their answers are not even parsed. An alias may lead from there into a zone
        // that is, though, and then that one's answer has to hold.
        let owner = if qtype == rtype::DS { above(name) } else { name };
        let anchor = match self.govern(owner) {
            Ok(anchor) => anchor,
            Err(verdict) if !has_aliases(message, name) => return judged(verdict),
            Err(_) => owner,
        };
        let broken = Unanswered { ede: Some(ede::INVALID_DATA), is_timeout: false };
        let (Some(asked), Ok(response)) = (parsed(name), DnsResponse::from_buffer(message.to_vec())) else {
            return judged(Verdict::Indeterminate(broken));
        };
        if response.truncation {
            return judged(Verdict::Indeterminate(Unanswered { ede: Some(ede::NETWORK_ERROR), is_timeout: false }));
        }
        let blamed = blamed(&response, owner, anchor);
        let Parts { parts, is_whole } = match take_apart(response, asked, RecordType::from(qtype)) {
            Ok(parts) => parts,
            Err(Broken::Limit(limit)) => return judged(self.spent(&blamed, limit)),
            Err(Broken::Chain) => return judged(Verdict::Bogus(Reason::Signature)),
        };
        let whole = if is_whole { Verdict::Secure } else { Verdict::Insecure(None) };
        let (mut budget, mut all) = (Budget::default(), judged(whole));
        for part in parts {
            let one = self.judge_part(part, &blamed, &mut budget, ask).await;
            all = Judgement { verdict: all.verdict.and(one.verdict), lifetime: all.lifetime.min(one.lifetime) };
            if matches!(all.verdict, Verdict::Bogus(_)) {
                // It was no work without end, but would be if it were asked for again under every name that there is.
                if budget.is_heavy() {
                    self.rest(&blamed, Limit::Signatures);
                }
                break;
            }
        }
        all
    }

    /// The zone of the anchor that decides over `owner`; or the verdict, if it is known without looking.
    fn govern<'a>(&self, owner: &'a [u8]) -> Result<&'a [u8], Verdict> {
        let Governor::Anchor(anchor) = self.anchors.govern(owner) else { return Err(Verdict::Insecure(None)) };
        let now = clock::coarse();
        let (unsigned, resting) = (self.unsigned.borrow(), self.resting.borrow());
        let below = name::suffixes(owner).map(|at| &owner[at..]).take_while(|suffix| suffix.len() > anchor.len());
        for suffix in below {
            if let Some((why, _)) = unsigned.get(suffix).filter(|(_, until)| now < *until) {
                return Err(Verdict::Insecure(*why));
            }
            if let Some((limit, _)) = resting.get(suffix).filter(|(_, until)| now < *until) {
                self.metrics.count(Event::DnssecRested);
                return Err(Verdict::Bogus(Reason::Work(verdict::Work(*limit))));
            }
        }
        Ok(anchor)
    }

    /// Judges one part; a second time with fresh keys, if the first time does not fit and they were not fresh.
    async fn judge_part(&self, part: Part, blamed: &[u8], budget: &mut Budget, ask: &Ask) -> Judgement {
        let judged = |verdict| Judgement { verdict, lifetime: u32::MAX };
        let owner = wire(part.query.name());
        let owner = if part.query.query_type() == RecordType::DS { above(&owner) } else { &owner };
        let anchor = match self.govern(owner) {
            Ok(anchor) => anchor,
            Err(verdict) => return judged(verdict),
        };
        if let Err(limit) = budget.take(part.cost, false) {
            return judged(self.spent(blamed, limit));
        }
        let mut again = false;
        loop {
            let validator = match self.trusted(anchor, budget, ask).await {
                Ok(validator) => validator,
                Err(verdict) => return judged(verdict),
            };
            let (work, outcome) = self.run(&validator, &part, anchor, *budget, ask).await;
            let done = work.done();
            *budget = done.budget;
            if let Some(limit) = done.limit {
                return judged(self.spent(blamed, limit));
            }
            let judgement = self.conclude(&part, anchor, &outcome, &done);
            if !again && matches!(judgement.verdict, Verdict::Bogus(_)) && self.messages.forget(done.seen.iter(), OLD) {
                again = true;
                continue;
            }
            if let Verdict::Insecure(why) = judgement.verdict {
                self.learn(owner, anchor, why, &done);
            }
            return judgement;
        }
    }

    /// The validator, once the keys of the anchor's zone are known.
    async fn trusted(
        &self,
        zone: &[u8],
        budget: &mut Budget,
        ask: &Ask,
    ) -> Result<Rc<DnssecDnsHandle<Source>>, Verdict> {
        if let Some(validator) = self.trust.validator(zone) {
            return Ok(validator);
        }
        let anchor = self.anchors.of(zone).ok_or(Verdict::Insecure(None))?;
        let question = trust::question(zone);
        let mut tried = false;
        loop {
            budget.ask().map_err(|limit| Verdict::Bogus(Reason::Work(verdict::Work(limit))))?;
            let (found, asked) = self.messages.find(&question, ask).await;
            self.metrics.count(if asked { Event::DnssecAsked } else { Event::DnssecKnown });
            let known = found.map_err(Verdict::Indeterminate)?;
            let taken = self.trust.take(zone, anchor, &known);
            // The zone may have changed its keys since they were fetched.
            if taken.is_err() && !tried && self.messages.forget(std::iter::once(&(question.clone(), known)), OLD) {
                tried = true;
                continue;
            }
            return taken;
        }
    }

    /// Lets hickory's validator work on a part, and asks what it wants to know.
    async fn run(
        &self,
        validator: &DnssecDnsHandle<Source>,
        part: &Part,
        anchor: &[u8],
        budget: Budget,
        ask: &Ask,
    ) -> (Arc<Work>, Result<DnsResponse, NetError>) {
        let (work, mut orders) = Work::new(part.response.clone(), anchor, budget, self.messages.kept());
        let query = part.query.clone();
        let validation = async {
            // Its first question is for what was prepared.
            let mut answers = validator.lookup(query, DnsRequestOptions::default());
            answers.next().await.unwrap_or(Err(NetError::NoConnections))
        };
        let mut validation = pin!(Arc::clone(&work).on_account(validation));
        let mut asked = FuturesUnordered::new();
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut validation => break outcome,
                Some(order) = orders.recv() => asked.push(async move {
                    let (found, asked) = self.messages.find(&order.question, ask).await;
                    self.metrics.count(if asked { Event::DnssecAsked } else { Event::DnssecKnown });
                    // The validator may have found what it needs already.
                    let _ = order.reply.send(found);
                }),
                Some(()) = asked.next() => {}
            }
        };
        drop(asked);
        (work, outcome)
    }

    /// What follows from what hickory's validator says.
    fn conclude(&self, part: &Part, anchor: &[u8], outcome: &Result<DnsResponse, NetError>, done: &Done) -> Judgement {
        let (verdict, lifetime) = match outcome {
            Ok(response) => summarize(response),
            // The star itself stands before what it stands for, and hickory wants it denied as well.
            Err(NetError::Dns(DnsError::Nsec { response, .. })) if is_expanded(response, part.query.name()) => {
                summarize(response)
            }
            // Denials that took too many iterations to look at prove nothing; they are signed, though, or they would be bogus.
            Err(NetError::Dns(DnsError::Nsec { proof: Proof::Insecure, .. })) => {
                (Some(Verdict::Insecure(None)), u32::MAX)
            }
            Err(_) => (None, 0),
        };
        let verdict = match verdict {
            Some(Verdict::Secure) if leaves_out(part) => Verdict::Insecure(None),
            Some(Verdict::Insecure(_)) => Verdict::Insecure(unsupported(done)),
            Some(verdict) => verdict,
            None => match done.unanswered {
                Some(unanswered) => Verdict::Indeterminate(unanswered),
                None if is_unproved(outcome) => Verdict::Bogus(Reason::DenialMissing),
                None => Verdict::Bogus(self.reason(part, anchor, done)),
            },
        };
        Judgement { verdict, lifetime }
    }

    /// Why a part is bogus.
    fn reason(&self, part: &Part, zone: &[u8], done: &Done) -> Reason {
        let now = u32::try_from(clock::wall().as_secs() & u64::from(u32::MAX)).unwrap_or(0);
        let chain = done.seen.iter().filter_map(|(_, known)| known.response.as_deref().ok());
        let anchored = |name: &Name, key: &DNSKEY| {
            wire(name) == zone && self.anchors.of(zone).is_some_and(|anchor| anchor.holds(name, key))
        };
        let own = trust::question(zone);
        // The anchor's keys are good: they were looked at before.
        let chain = chain.filter(|message| {
            message
                .queries
                .first()
                .is_none_or(|query| wire(query.name()) != *own.name || query.query_type() != RecordType::DNSKEY)
        });
        reason(chain, &part.response, anchored, now)
    }

    /// A question cost too much; its zone rests.
    fn spent(&self, blamed: &[u8], limit: Limit) -> Verdict {
        self.metrics.count(limit.event());
        self.rest(blamed, limit);
        Verdict::Bogus(Reason::Work(verdict::Work(limit)))
    }

    /// Nothing of a zone is validated for a while.
    fn rest(&self, zone: &[u8], limit: Limit) {
        if zone.len() > 1 {
            let is_full = remember(&mut self.resting.borrow_mut(), zone, limit, clock::coarse() + REST);
            self.forgot(is_full);
        }
    }

    /// Remembers which zone was proved not to be signed: the lowest one for whose DS set was asked, if it has none that is of use.
    fn learn(&self, owner: &[u8], anchor: &[u8], why: Option<Unsupported>, done: &Done) {
        let lowest = done.seen.iter().filter(|(question, _)| {
            question.kind == rtype::DS && question.name.len() > anchor.len() && name::is_below(owner, &question.name)
        });
        let Some((question, known)) = lowest.max_by_key(|(question, _)| question.name.len()) else { return };
        let is_of_use = known.response.as_ref().map_or(true, |response| response.answers.iter().any(is_supported));
        if !is_of_use {
            let until = known.until.min(known.since + Duration::from_secs(u64::from(UNSIGNED)));
            let is_full = remember(&mut self.unsigned.borrow_mut(), &question.name, why, until);
            self.forgot(is_full);
        }
    }

    /// Counts that all zones of a table were forgotten, if they were.
    fn forgot(&self, is_full: bool) {
        if is_full {
            self.metrics.count(Event::DnssecForgotten);
        }
    }
}

/// Whether a message, which answers the question for `name`, has an alias or something else that is not to be understood at a glance.
fn has_aliases(message: &[u8], name: &[u8]) -> bool {
    let mut at = HEADER + name.len() + 4;
    (0..u16_at(message, header::COUNTS[1]).unwrap_or(0)).any(|_| {
        let record = record::read(message, at);
        at = record.as_ref().map_or(message.len(), |record| record.end);
        record.is_none_or(|record| matches!(record.rtype, rtype::CNAME | rtype::DNAME))
    })
}

/// Remembers something of a zone. What is over makes room; if nothing is, all does, and is learned again: whether that was so.
fn remember<T>(zones: &mut Remembered<T>, zone: &[u8], what: T, until: Moment) -> bool {
    let mut is_full = false;
    if zones.len() >= ZONES {
        let now = clock::coarse();
        zones.retain(|_, (_, until)| now < *until);
        if zones.len() >= ZONES {
            zones.clear();
            is_full = true;
        }
    }
    zones.insert(zone.into(), (what, until));
    is_full
}

/// Which zone rests if this answer costs too much: the one whose signatures its first name carries. No other: aliases lead wherever whoever wrote
/// them wants.
fn blamed(message: &Message, owner: &[u8], anchor: &[u8]) -> Box<[u8]> {
    let signer = message
        .answers
        .iter()
        .chain(&message.authorities)
        .find_map(signature)
        .map(|signature| wire(&signature.input().signer_name));
    signer
        .filter(|zone| name::is_below(owner, zone) && zone.len() > anchor.len())
        .unwrap_or_else(|| owner.to_vec())
        .into()
}

/// Whether a set made of a wildcard is there with the proof by names that nothing nearer is (RFC 4035 section 5.3.4): one denial spans the name, and
/// of all names that it shows to exist, the nearest above is the wildcard's own.
fn is_expanded(response: &DnsResponse, name: &Name) -> bool {
    let secure = |record: &&Record| record.proof == Proof::Secure;
    let expanded = response.answers.iter().filter(secure).find_map(|record| {
        let input = signature(record)?.input();
        let labels = usize::from(input.num_labels);
        (record.name == *name && input.num_labels < name.num_labels())
            .then(|| (name.trim_to(labels), &input.signer_name))
    });
    let Some((base, zone)) = expanded else { return false };
    response.authorities.iter().filter(secure).any(|record| {
        let RData::DNSSEC(DNSSECRData::NSEC(denial)) = &record.data else { return false };
        let (owner, next) = (&record.name, denial.next_domain_name());
        // At the end of the zone the span leads back to its beginning.
        let spans = owner < name && (name < next || next == zone);
        // A delegation's denial says nothing of what is below it (RFC 6840 section 4.1); neither does an alias's of a tree.
        let types = denial.type_set();
        let is_cut =
            (types.contains(RecordType::NS) && !types.contains(RecordType::SOA)) || types.contains(RecordType::DNAME);
        spans
            && !(is_cut && owner.zone_of(name))
            && zone.zone_of(owner)
            && nearest(name, owner).max(nearest(name, next)) == base.num_labels()
    })
}

/// Whether everything in an answer is signed as it should be, and yet does not prove what it says.
fn is_unproved(outcome: &Result<DnsResponse, NetError>) -> bool {
    let Err(NetError::Dns(DnsError::Nsec { response, .. })) = outcome else { return false };
    let mut records = response.answers.iter().chain(&response.authorities).filter(|record| signature(record).is_none());
    records.all(|record| record.proof == Proof::Secure)
}

/// Labels of the longest name above both.
fn nearest(one: &Name, other: &Name) -> u8 {
    let same = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one.eq_ignore_ascii_case(other));
    u8::try_from(same.count()).unwrap_or(u8::MAX)
}

/// What the proofs of all records of a part say together, `None` if they are bogus; and for how many seconds.
///
/// hickory's validator remembers that a signature was good, and does not look at its dates again.
fn summarize(response: &DnsResponse) -> (Option<Verdict>, u32) {
    let now = SerialNumber::new(u32::try_from(clock::wall().as_secs() & u64::from(u32::MAX)).unwrap_or(0));
    let used = response.answers.iter().chain(&response.authorities).filter(|record| record.proof == Proof::Secure);
    let ends = used.filter_map(signature).map(|signature| signature.input().sig_expiration);
    let left = ends.map(|end| if end < now { None } else { Some(end.get().wrapping_sub(now.get())) });
    let Some(left) = left.collect::<Option<Vec<u32>>>() else { return (None, 0) };
    let records = || response.answers.iter().chain(&response.authorities).filter(|record| signature(record).is_none());
    let lifetime = records().map(|record| record.ttl).chain(left).min().unwrap_or(u32::MAX);
    let worst = records().map(|record| record.proof).min_by_key(|proof| match proof {
        Proof::Bogus | Proof::Indeterminate => 0,
        Proof::Insecure => 1,
        Proof::Secure => 2,
    });
    let verdict = match worst {
        Some(Proof::Secure) => Some(Verdict::Secure),
        // Without any record it is proved that there are no signatures, or hickory had said so.
        Some(Proof::Insecure) | None => Some(Verdict::Insecure(None)),
        Some(Proof::Bogus | Proof::Indeterminate) => None,
    };
    (verdict, lifetime)
}

/// Whether a DS record is of an algorithm and a digest type that can be verified.
fn is_supported(record: &Record) -> bool {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DS(digest)) => {
            digest.algorithm().is_supported() && digest.digest_type().is_supported()
        }
        _ => false,
    }
}

/// What is not supported of the delegation that ended the chain, if that is why.
fn unsupported(done: &Done) -> Option<Unsupported> {
    let delegations = done.seen.iter().filter(|(question, _)| question.kind == rtype::DS);
    let (_, lowest) = delegations.max_by_key(|(question, _)| question.name.len())?;
    let digests = lowest.response.as_ref().ok()?.answers.iter().filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::DS(digest)) => Some(digest),
        _ => None,
    });
    let mut found = None;
    for digest in digests {
        match (digest.algorithm().is_supported(), digest.digest_type().is_supported()) {
            (true, true) => return None,
            (false, _) => found = Some(Unsupported::Algorithm),
            (true, false) => found = found.or(Some(Unsupported::Digest)),
        }
    }
    found
}

/// Whether a denial leaves it open that the name is there, unsigned: the span that covers it may leave out delegations (opt-out, RFC 5155 section
/// 9.2: "the AD bit ... MUST NOT be set").
fn leaves_out(part: &Part) -> bool {
    let denials = || {
        part.response.authorities.iter().filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::NSEC3(denial)) => Some((&record.name, denial)),
            _ => None,
        })
    };
    if !denials().any(|(_, denial)| denial.opt_out()) {
        return false;
    }
    let is_denied = part.response.response_code == ResponseCode::NXDomain || !part.response.answers.is_empty();
    // A denial of the very name is about what it has, and leaves nothing out.
    is_denied || !denials().any(|(owner, denial)| matches(owner, denial, part.query.name()))
}

/// Whether a denial is of this very name.
fn matches(owner: &Name, denial: &hickory_proto::dnssec::rdata::NSEC3, name: &Name) -> bool {
    let hash = Nsec3HashAlgorithm::SHA1.hash(denial.salt(), name, denial.iterations());
    let label = hash.map(|hash| data_encoding::BASE32_DNSSEC.encode(hash.as_ref()));
    let first = owner.iter().next().unwrap_or_default();
    label.is_ok_and(|label| label.as_bytes().eq_ignore_ascii_case(first))
}

/// Questions for keys and delegations that this worker's validator has answers to; for tests.
#[cfg(test)]
impl Validator {
    /// Whether an answer is kept.
    pub(super) fn knows(&self, name: &[u8], kind: u16) -> bool {
        super::messages::fresh(&self.messages.kept(), &super::messages::Question { name: name.into(), kind }).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_zones_are_remembered_at_most_and_one_that_is_over_makes_room_first() {
        let (mut zones, now) = (Remembered::default(), clock::coarse());
        let name = |number: usize| number.to_be_bytes();
        let later = now + Duration::from_secs(60);
        for number in 0..ZONES {
            let until = if number == 0 { now } else { later };
            assert!(!remember(&mut zones, &name(number), (), until), "{number}");
        }
        assert!(!remember(&mut zones, &name(ZONES), (), later), "the first was over");
        assert_eq!(zones.len(), ZONES);
        assert!(remember(&mut zones, &name(ZONES + 1), (), later));
        assert_eq!(zones.len(), 1);
    }
}
