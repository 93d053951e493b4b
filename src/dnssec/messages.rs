//! Answers to the validator's questions for keys and delegations: kept for as long as they are good, and asked for once at a time.
//!
//! The validator remembers verdicts, not messages, and asks for a zone's keys with every signature. Here they are found without asking anybody;
//! one worker's, so that nothing is locked or shared. Only what a verdict needs is kept ([`reduce`]), and it is judged each time it is used:
//! nothing is trusted for being here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};
use hickory_proto::op::{DnsResponse, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use moka::sync::Cache;

use super::budget::{Cost, Limit, reduce};
use super::parsed;
use crate::sys::clock::{self, Moment};
use crate::wire::header::{ede, rtype};

/// Bytes of messages that a worker keeps: keys and delegations of about 800 zones, or that 1,700 zones are not signed.
const CAPACITY: u64 = 4 << 20;

/// The longest a message is kept, in seconds, whatever its TTL: a zone that had to change its keys in a hurry is believed again within the hour.
const LONGEST: u32 = 3600;

/// For how long a denial without an SOA record is kept, in seconds. A guess: it spares the question to those who come at once.
const WITHOUT_SOA: u32 = 5;

/// What the validator asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// The name, folded, in wire format.
    pub(super) name: Box<[u8]>,
    /// DNSKEY, DS or NS.
    pub(super) kind: u16,
}

/// An answer to it.
#[derive(Debug)]
pub(super) struct Known {
    /// The answer, reduced to what a verdict needs; or the bound that it breaks.
    pub(super) response: Result<DnsResponse, Limit>,
    /// What it costs at most to verify.
    pub(super) cost: Cost,
    /// When it came.
    pub(super) since: Moment,
    /// Until when it is good.
    pub(super) until: Moment,
}

/// Why a question of the validator's has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The extended error that fits.
    pub ede: Option<u16>,
    /// Whether it was for want of time.
    pub is_timeout: bool,
}

/// What asks an upstream: name in wire format and type, with DO and CD set; the message that answers.
pub type Ask = Rc<dyn Fn(&[u8], u16) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Unanswered>>>>>;

/// What comes of a question.
type Found = Result<Arc<Known>, Unanswered>;

/// A worker's messages.
pub(super) struct Messages {
    /// The answers that are kept.
    kept: Cache<Question, Arc<Known>, RandomState>,
    /// Questions that are under way. Invariant: whoever waits for one holds it; one that nobody waits for is gone.
    under_way: RefCell<HashMap<Question, WeakShared<LocalBoxFuture<'static, Found>>, RandomState>>,
}

impl Messages {
    /// None yet.
    pub(super) fn new() -> Rc<Self> {
        let kept = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(|question: &Question, known: &Arc<Known>| {
                u32::try_from(question.name.len() + known.bytes()).unwrap_or(u32::MAX)
            })
            .build_with_hasher(RandomState::default());
        Rc::new(Self { kept, under_way: RefCell::default() })
    }

    /// The answers, for those who look in another context.
    pub(super) fn kept(&self) -> Cache<Question, Arc<Known>, RandomState> {
        self.kept.clone()
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.kept.entry_count()
    }

    /// The answer to `question`: one that is kept, one that is under way, or whatever `ask` brings. With it, whether anybody was asked.
    pub(super) async fn find(self: &Rc<Self>, question: &Question, ask: &Ask) -> (Found, bool) {
        if let Some(known) = fresh(&self.kept, question) {
            return (Ok(known), false);
        }
        let known = self.under_way.borrow().get(question).and_then(WeakShared::upgrade);
        let joined = known.is_some();
        let flight = known.unwrap_or_else(|| self.begin(question, ask));
        (flight.await, !joined)
    }

    /// Begins to ask.
    fn begin(self: &Rc<Self>, question: &Question, ask: &Ask) -> Shared<LocalBoxFuture<'static, Found>> {
        let (messages, question) = (Rc::clone(self), question.clone());
        let asked = ask(&question.name, question.kind);
        let flight = {
            let question = question.clone();
            async move {
                let found = asked.await.and_then(|bytes| Known::read(bytes, &question).map(Arc::new));
                messages.under_way.borrow_mut().remove(&question);
                if let Ok(known) = &found
                    && known.until > known.since
                    && !known.is_no_zone(&question)
                {
                    messages.kept.insert(question, Arc::clone(known));
                }
                found
            }
        };
        let flight = flight.boxed_local().shared();
        let mut under_way = self.under_way.borrow_mut();
        // Whoever waited may have given up all at once.
        under_way.retain(|_, flight| flight.upgrade().is_some());
        if let Some(weak) = flight.downgrade() {
            under_way.insert(question, weak);
        }
        flight
    }

    /// Forgets what is older than `age`, keys and delegation of a zone together, since they change together; whether there was any of it.
    pub(super) fn forget<'a>(
        &self,
        questions: impl Iterator<Item = &'a (Question, Arc<Known>)>,
        age: Duration,
    ) -> bool {
        let now = clock::coarse();
        let old = questions.filter(|(_, known)| now.since(known.since) >= age);
        old.fold(false, |_, (question, _)| {
            self.kept.invalidate(question);
            let other = match question.kind {
                rtype::DS => RecordType::DNSKEY.into(),
                _ => rtype::DS,
            };
            self.kept.invalidate(&Question { name: question.name.clone(), kind: other });
            true
        })
    }
}

/// The answer that is kept, if it is still good.
pub(super) fn fresh(kept: &Cache<Question, Arc<Known>, RandomState>, question: &Question) -> Option<Arc<Known>> {
    kept.get(question).filter(|known| clock::coarse() < known.until)
}

impl Known {
    /// Reads an upstream's message.
    fn read(bytes: Vec<u8>, question: &Question) -> Result<Self, Unanswered> {
        let broken = Unanswered { ede: Some(ede::INVALID_DATA), is_timeout: false };
        let name = parsed(&question.name).ok_or(broken)?;
        let mut response = DnsResponse::from_buffer(bytes).map_err(|_| broken)?;
        let kind = RecordType::from(question.kind);
        if response.queries.first().is_none_or(|asked| asked.query_type() != kind || *asked.name() != name) {
            return Err(broken);
        }
        // What is cut off proves nothing; neither does a failure.
        let is_answer = matches!(response.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
        if response.truncation || !is_answer {
            let ede = Some(ede::NETWORK_ERROR);
            return Err(Unanswered { ede, is_timeout: false });
        }
        // The validator looks for denials in all letter cases but wants the question as it asked.
        response.queries = vec![Query::query(name.clone(), kind)];
        let since = clock::coarse();
        let lifetime = |response: &DnsResponse| Duration::from_secs(u64::from(lifetime(response, &name).min(LONGEST)));
        let until = since + lifetime(&response);
        match reduce(&mut response, &name, kind) {
            Ok(cost) => Ok(Self { response: Ok(response), cost, since, until }),
            Err(limit) => {
                let until = since + Duration::from_secs(u64::from(WITHOUT_SOA));
                Ok(Self { response: Err(limit), cost: Cost::default(), since, until })
            }
        }
    }

    /// Bytes that it takes, with all that the cache and the allocator add (700, as measured by the test below).
    fn bytes(&self) -> usize {
        const OVERHEAD: usize = 700;
        // As it came, and once more in what its records point to.
        let taken = |response: &DnsResponse| {
            2 * response.as_buffer().len()
                + size_of::<Record>() * (response.answers.capacity() + response.authorities.capacity())
        };
        self.response.as_ref().map_or(0, taken) + OVERHEAD
    }

    /// Whether it says that no zone begins at a name. That is asked for once with an unsigned answer, of the answer's own name. Then the
    /// answer is kept, or its failure, and where the zone was proved to be unsigned it is remembered so; nobody asks again.
    pub(super) fn is_no_zone(&self, question: &Question) -> bool {
        let has_set =
            |response: &DnsResponse| response.answers.iter().any(|record| record.record_type() == RecordType::NS);
        question.kind == u16::from(RecordType::NS) && self.response.as_ref().is_ok_and(|response| !has_set(response))
    }

    /// The owner of the SOA record in its authority section.
    pub(super) fn apex(&self) -> Option<&Name> {
        let soa = |record: &&Record| record.record_type() == RecordType::SOA;
        self.response.as_ref().ok()?.authorities.iter().find(soa).map(|record| &record.name)
    }
}

/// For how many seconds a message is good: the least TTL of what was asked for, or that of a denial (RFC 2308 section 5).
fn lifetime(response: &DnsResponse, name: &Name) -> u32 {
    if let Some(ttl) = response.answers.iter().filter(|record| record.name == *name).map(|record| record.ttl).min() {
        return ttl;
    }
    let soa = response.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    });
    soa.unwrap_or(WITHOUT_SOA)
}

#[cfg(test)]
mod tests {
    use super::super::signing::{SignedZone, address, denial, message};
    use super::*;
    use crate::sys::memory::allocated;
    use crate::wire::name;

    /// N28
    #[test]
    fn a_message_weighs_what_it_takes() {
        const COUNT: u32 = 400;
        let now = Duration::from_secs(1_800_000_000);
        let zone = SignedZone::new("example", now);
        let unsigned = zone.start().into_iter().chain(zone.signed(vec![denial("example", "b", &[RecordType::NS])]));
        let cases = [
            ("delegation", RecordType::DS, zone.signed(vec![zone.delegation()]), vec![]),
            ("keys", RecordType::DNSKEY, zone.keys(), vec![]),
            ("no delegation", RecordType::DS, vec![], unsigned.collect()),
            ("nothing", RecordType::DS, vec![], vec![]),
            // Whatever is of no use is dropped, and leaves no room behind.
            ("addresses", RecordType::DS, vec![address("example", 1); 200], vec![]),
        ];
        for (what, kind, answers, authorities) in cases {
            let bytes = message(7, "example", kind, ResponseCode::NoError, answers, authorities);
            let messages = Messages::new();
            let question = Question { name: name::parse("example").unwrap().into(), kind: kind.into() };
            let before = allocated();
            for number in 0..COUNT {
                let known = Known::read(bytes.clone(), &question).unwrap();
                let question = Question { name: number.to_be_bytes().into(), kind: kind.into() };
                messages.kept.insert(question, Arc::new(known));
            }
            messages.kept.run_pending_tasks();
            let (taken, weight) = (allocated() - before, usize::try_from(messages.kept.weighted_size()).unwrap());
            assert_eq!(messages.kept.entry_count(), u64::from(COUNT), "{what}: all are kept");
            assert!((weight / 2..=weight * 6 / 5).contains(&taken), "{what}: {taken} bytes weigh {weight}");
        }
    }
}
