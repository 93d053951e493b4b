//! What a client may be told, and what not.
//!
//! The judge knows the book of all that was said and when which server was out of order. It looks at each answer when it arrives:
//!
//! - every record is one that a server sent for that name and type, and nothing else stands beside it;
//! - nothing is older than its TTL and the zone's bound; if it is, it is marked as stale, has the TTL of stale answers, is not too old, and its
//!   servers were out of order a moment ago;
//! - a failure has a reason: no server of the zone was in order all the time; and it takes the place of nothing that was known.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{RData, Record, RecordType};

use crate::sys::clock::{self, Moment};
use crate::wire::header::ede;
use crate::wire::{header, name};

use super::server::Fault;
use super::truth::{FOREIGN, Kind, Said, Truth};

/// For how long negative answers are kept at most, in seconds, by zone: the defaults of internal and of public zones.
const NEGATIVE: [u32; 2] = [5, 30];

/// The TTL of stale answers in seconds (RFC 8767 section 4).
const STALE_TTL: u32 = 30;

/// For how long after its servers are in order again a zone may still give stale answers: the time between two rechecks of a name
/// (RFC 8767 section 5), and one query.
const STALE_AFTER: Duration = Duration::from_secs(35);

/// After that, whoever first asks a question that has failed before still gets a stale answer, and so do others while servers are asked again
/// beside it.
const BELATED: Duration = Duration::from_secs(1);

/// The same for failures: the longest that one is kept (RFC 9520 section 3.2), and one query.
const FAILURE_AFTER: Duration = Duration::from_secs(10);

/// How long a client may wait: the C library gives up after 5 s.
pub(super) const DEADLINE: Duration = Duration::from_millis(4999);

/// What a client asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The ID of its message.
    pub(super) id: u16,
    /// The name on the wire.
    pub(super) wire: Vec<u8>,
    /// The type.
    pub(super) qtype: u16,
    /// When.
    pub(super) asked: Moment,
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verdict {
    /// What the server says now, or said not long ago.
    Fresh,
    /// What it said once.
    Stale,
    /// A failure.
    Failed,
    /// Refused for want of room.
    Shed,
}

/// A time during which a server was out of order.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    /// Of which zone it is.
    zone: usize,
    /// Its number.
    server: usize,
    /// Since when.
    since: Moment,
    /// Until when, if it is over.
    until: Option<Moment>,
}

/// Who decides.
pub(super) struct Judge {
    /// What was said.
    truth: Rc<Truth>,
    /// How long stale answers may be given; zero is never.
    serve_stale: Duration,
    /// Which servers each zone has.
    servers: [Vec<usize>; 2],
    /// When they were out of order.
    troubles: RefCell<Vec<Trouble>>,
    /// Until when an answer is known, by question: clients had it.
    known: RefCell<HashMap<(Vec<u8>, u16), Moment>>,
    /// When a stale answer was given first long after its servers were in order again, by question, unless there was a fresh one since.
    belated: RefCell<HashMap<(Vec<u8>, u16), Moment>>,
    /// The first thing that was wrong.
    violation: RefCell<Option<String>>,
    /// The story's seed, for whoever has to repeat it.
    seed: u64,
    /// When the story began.
    begun: Moment,
    /// Answers by verdict.
    pub(super) counts: [Cell<u64>; 4],
}

impl Judge {
    /// A judge of answers from now on.
    pub(super) fn new(truth: &Rc<Truth>, servers: [Vec<usize>; 2], serve_stale: Duration, seed: u64) -> Self {
        Self {
            truth: Rc::clone(truth),
            serve_stale,
            servers,
            troubles: RefCell::default(),
            known: RefCell::default(),
            belated: RefCell::default(),
            violation: RefCell::default(),
            seed,
            begun: clock::now(),
            counts: Default::default(),
        }
    }

    /// A server goes out of order, or is in order again.
    pub(super) fn note(&self, zone: usize, server: usize, fault: Option<Fault>) {
        let mut troubles = self.troubles.borrow_mut();
        let now = clock::now();
        if let Some(last) = troubles.iter_mut().rev().find(|trouble| trouble.server == server) {
            last.until.get_or_insert(now);
        }
        // The other faults are no reason for anything but the right answer.
        if fault.is_some_and(|fault| !matches!(fault, Fault::Foreign | Fault::Truncated)) {
            troubles.push(Trouble { zone, server, since: now, until: None });
        }
    }

    /// Whether a server was out of order at any time since then.
    fn was_troubled(&self, zone: usize, server: usize, since: Moment) -> bool {
        let troubles = self.troubles.borrow();
        let mut own = troubles.iter().rev().filter(|trouble| (trouble.zone, trouble.server) == (zone, server));
        own.next().is_some_and(|trouble| trouble.until.is_none_or(|until| until >= since))
    }

    /// Whether no server of a zone was in order all the time since then.
    fn was_dead(&self, zone: usize, since: Moment) -> bool {
        self.servers[zone].iter().all(|server| self.was_troubled(zone, *server, since))
    }

    /// Ends the test if anything was wrong so far: what tasks find out ends only them.
    pub(super) fn check(&self) {
        if let Some(violation) = &*self.violation.borrow() {
            panic!("{violation}");
        }
    }

    /// Notes what is wrong and ends the task.
    pub(super) fn violation(&self, question: &Question, what: &str) -> ! {
        let troubles: Vec<_> = self
            .troubles
            .borrow()
            .iter()
            .rev()
            .take(6)
            .map(|trouble| {
                let from = trouble.since.since(self.begun);
                format!("server {} {from:?}..{:?}", trouble.server, trouble.until.map(|until| until.since(self.begun)))
            })
            .collect();
        let text = format!(
            "seed {}: {what}; {} type {} asked {:?}, now {:?}; out of order: {troubles:?}",
            self.seed,
            name::display(&question.wire),
            question.qtype,
            question.asked.since(self.begun),
            clock::now().since(self.begun),
        );
        panic!("{}", self.violation.borrow_mut().get_or_insert(text));
    }

    /// Judges an answer that arrives now; `at_once` says that the client did not wait.
    pub(super) fn judge(&self, question: &Question, bytes: &[u8], at_once: bool) -> Verdict {
        let bad = |what: &str| -> ! { self.violation(question, what) };
        let Ok(message) = Message::from_vec(bytes) else { bad("the answer does not parse") };
        let asked = message.queries.first().map(|query| query.name().to_string().to_lowercase());
        let wanted = name::display(&question.wire).to_string();
        if message.metadata.id != question.id || header::flags(bytes) >> 15 != 1 || message.queries.len() != 1 {
            bad("the answer is not one to the query");
        }
        if asked.as_deref().map(|name| name.trim_end_matches('.')) != Some(wanted.trim_end_matches('.')) {
            bad(&format!("the answer has another question, {asked:?}"));
        }
        if clock::now().since(question.asked) > DEADLINE {
            bad("the answer is late");
        }
        let stale = extended_errors(&message).iter().any(|code| matches!(code, 3 | 19));
        let verdict = match message.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => self.judge_answer(question, &message, stale),
            ResponseCode::Refused if at_once && extended_errors(&message).contains(&ede::OTHER) => Verdict::Shed,
            ResponseCode::ServFail | ResponseCode::Refused => self.judge_failure(question),
            other => bad(&format!("the code is {other}")),
        };
        let count = &self.counts[verdict as usize];
        count.set(count.get() + 1);
        verdict
    }

    /// Judges something that was found.
    fn judge_answer(&self, question: &Question, message: &Message, stale: bool) -> Verdict {
        let bad = |what: &str| -> ! { self.violation(question, what) };
        let records = [&message.answers, &message.authorities, &message.additionals];
        let positive = !message.answers.is_empty();
        let number = if positive { self.number_of(question, &message.answers) } else { serial(&message.authorities) };
        let Some(number) = number else { bad("the records do not answer the question") };
        if records.into_iter().flatten().any(|record| number_in(record) == Some(FOREIGN)) || number >= FOREIGN {
            bad("a foreign record was passed on");
        }
        let beside = if positive { message.authorities.len() } else { message.authorities.len() - 1 };
        if beside + message.additionals.len() > 0 {
            bad("there are records beside the answer");
        }
        let Some(said) = self.truth.said(number) else { bad("nobody said this") };
        let Some((position, below)) = self.truth.position(&question.wire) else { bad("an answer for an unknown name") };
        let kind = match (positive, message.metadata.response_code) {
            (true, _) => Kind::Address,
            (false, ResponseCode::NXDomain) => Kind::Gone,
            (false, _) => Kind::Empty,
        };
        let any_type = kind == Kind::Gone;
        if said.name != position || kind != said.kind || below && positive || said.qtype != question.qtype && !any_type
        {
            bad(&format!("this was said of something else: {said:?}"));
        }
        self.judge_age(question, &said, records, stale)
    }

    /// Judges how old an answer is.
    fn judge_age(&self, question: &Question, said: &Said, records: [&Vec<Record>; 3], stale: bool) -> Verdict {
        let bad = |what: &str| -> ! { self.violation(question, what) };
        let truth = &self.truth.names[said.name];
        let bound = if said.kind == Kind::Address { u32::MAX } else { NEGATIVE[truth.zone] };
        let lifetime = truth.ttl.min(bound);
        let age = clock::now().since(said.at);
        let expired = age.checked_sub(Duration::from_secs(u64::from(lifetime)));
        let shown = || records.into_iter().flatten().map(|record| record.ttl);
        let verdict = match expired {
            Some(behind) if !behind.is_zero() => {
                if !stale || shown().any(|ttl| ttl != STALE_TTL) {
                    bad(&format!("an answer of {age:?} with TTL {lifetime} is not marked as stale"));
                }
                if behind > self.serve_stale {
                    bad(&format!("a stale answer is {age:?} old, with TTL {lifetime}"));
                }
                let troubled =
                    |since| self.servers[truth.zone].iter().any(|server| self.was_troubled(truth.zone, *server, since));
                let now = clock::now();
                if !troubled(before(now, STALE_AFTER)) {
                    let mut belated = self.belated.borrow_mut();
                    let first = belated.entry((question.wire.clone(), question.qtype)).or_insert(now);
                    if troubled(*first) {
                        *first = now;
                    }
                    if now.since(*first) > BELATED {
                        bad("another stale answer, although its servers are in order");
                    }
                }
                Verdict::Stale
            }
            _ => {
                let left = u64::from(lifetime) - age.as_secs().min(u64::from(lifetime));
                if stale || shown().any(|ttl| u64::from(ttl) > left) {
                    bad(&format!("an answer of {age:?} shows TTL {:?} of {lifetime}", shown().collect::<Vec<_>>()));
                }
                self.belated.borrow_mut().remove(&(question.wire.clone(), question.qtype));
                Verdict::Fresh
            }
        };
        if name::equal(&truth.wire, &question.wire) || said.kind != Kind::Gone {
            // What followed from a denial of the name above was never kept by itself.
            self.keep(question, said.at, lifetime);
        }
        verdict
    }

    /// Notes that an answer is known.
    fn keep(&self, question: &Question, said: Moment, lifetime: u32) {
        let until = said + Duration::from_secs(u64::from(lifetime)) + self.serve_stale;
        self.known.borrow_mut().insert((question.wire.clone(), question.qtype), until);
    }

    /// Judges a failure.
    fn judge_failure(&self, question: &Question) -> Verdict {
        let bad = |what: &str| -> ! { self.violation(question, what) };
        let Some((position, _)) = self.truth.position(&question.wire) else { bad("a failure for an unknown name") };
        if !self.was_dead(self.truth.names[position].zone, before(question.asked, FAILURE_AFTER)) {
            bad("a failure, although a server was in order");
        }
        let known = self.known.borrow().get(&(question.wire.clone(), question.qtype)).copied();
        if known.is_some_and(|until| question.asked < until) {
            bad(&format!("a failure, although an answer was known until {:?}", known.unwrap().since(self.begun)));
        }
        Verdict::Failed
    }

    /// The number that a chain of records from the question's name to addresses carries.
    fn number_of(&self, question: &Question, answers: &[Record]) -> Option<u32> {
        let mut owner = name::display(&question.wire).to_string().trim_end_matches('.').to_owned();
        for record in answers {
            if record.name.to_string().trim_end_matches('.') != owner {
                return None;
            }
            match &record.data {
                RData::CNAME(target) => target.0.to_string().trim_end_matches('.').clone_into(&mut owner),
                _ if record.record_type() == RecordType::from(question.qtype) => return number_in(record),
                _ => return None,
            }
        }
        None
    }
}

/// The moment so long before another.
fn before(moment: Moment, time: Duration) -> Moment {
    Moment::from_nanos(moment.as_nanos() - u64::try_from(time.as_nanos()).unwrap())
}

/// The number of an SOA record that stands alone.
fn serial(authorities: &[Record]) -> Option<u32> {
    let [record] = authorities else { return None };
    number_in(record)
}

/// The number that a record carries.
fn number_in(record: &Record) -> Option<u32> {
    match &record.data {
        RData::A(address) => Some(u32::from(address.0)),
        RData::AAAA(address) => address.0.octets().last_chunk().map(|last| u32::from_be_bytes(*last)),
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    }
}

/// The extended errors of a message (RFC 8914).
fn extended_errors(message: &Message) -> Vec<u16> {
    let Some(edns) = &message.edns else { return Vec::new() };
    let code = |(code, option): &(EdnsCode, EdnsOption)| match option {
        EdnsOption::Unknown(_, bytes) if u16::from(*code) == header::option::EDE => {
            bytes.first_chunk().map(|code| u16::from_be_bytes(*code))
        }
        _ => None,
    };
    edns.options().as_ref().iter().filter_map(code).collect()
}
