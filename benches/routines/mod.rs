//! What is measured: the pieces of a hit, the whole of it, and the reading of an upstream's answer.
//!
//! Shared by `micro`, which takes the time, and `instructions`, which counts. A routine does the same work every time it is called.

mod messages;
mod whole;

use std::hint::black_box;
use std::sync::Arc;

use nodens::cache::entry::Terms;
use nodens::cache::{Entry, Front, Hashing, Key, Variant};
use nodens::config::Config;
use nodens::detect::{Detector, Observation, Settings};
use nodens::filter::{Addresses, Policy};
use nodens::metrics::{Answered, Layout, Metrics, Protocol, Source};
use nodens::reply::{self, Client};
use nodens::sys::clock::{self, Moment};
use nodens::wire::answer::{Answer, Asked};
use nodens::wire::query::Query;
use nodens::wire::{name, rtype};

/// One thing to measure.
pub(crate) struct Routine {
    /// What it is called, in tables and on the command line.
    pub(crate) name: &'static str,
    /// What one call does.
    pub(crate) what: &'static str,
    /// Makes it ready.
    pub(crate) prepare: fn() -> Box<dyn FnMut()>,
}

/// All of them, the pieces before the whole.
pub(crate) const ALL: &[Routine] = &[
    Routine { name: "query-parse", what: "read a query with EDNS", prepare: query_parse },
    Routine { name: "key-front", what: "make the key, find it in the front", prepare: key_front },
    Routine { name: "compose-a", what: "write an answer of one address", prepare: || compose(1, 0) },
    Routine {
        name: "compose-8a-turned",
        what: "write one of eight, TTLs aged, order changed",
        prepare: || compose(8, 3),
    },
    Routine { name: "count", what: "count an answer", prepare: count },
    Routine { name: "hit-udp", what: "a whole UDP hit", prepare: whole::hit },
    Routine { name: "hit-guarded", what: "one by a list of 1,024 prefixes, with a rate", prepare: whole::guarded },
    Routine { name: "hit-tcp", what: "a whole TCP hit, 1 of 32 in a read", prepare: whole::tcp },
    Routine {
        name: "read-a",
        what: "read an upstream's answer of one address",
        prepare: || read(&messages::address()),
    },
    Routine {
        name: "read-chain",
        what: "read one of two aliases and an address",
        prepare: || read(&messages::chain()),
    },
    Routine {
        name: "read-srv",
        what: "read one of three services and their addresses",
        prepare: || read(&messages::services()),
    },
    Routine { name: "judge-a", what: "judge an answer of one address", prepare: || judge(&messages::address()) },
    Routine {
        name: "judge-srv",
        what: "judge one of three services and their addresses",
        prepare: || judge(&messages::services()),
    },
    Routine { name: "keep-a", what: "make an entry of an address", prepare: keep },
    Routine {
        name: "detect-host",
        what: "tell of a miss, an address of a host, and look at it",
        prepare: || detect(false),
    },
    Routine { name: "detect-tunnel", what: "the same of a long name that is data", prepare: || detect(true) },
];

/// Seconds for which entries are good: longer than any run.
const LIFETIME: u32 = 1_000_000;

/// An upstream's message and the question it answers.
pub(crate) struct Sample {
    /// The message.
    message: Vec<u8>,
    /// The name, folded.
    name: Vec<u8>,
    /// QTYPE.
    qtype: u16,
}

impl Sample {
    /// The question.
    fn asked(&self) -> Asked<'_> {
        Asked { name: &self.name, qtype: self.qtype, qclass: 1, dnssec_ok: false }
    }

    /// The answer, read.
    fn answer(&self) -> Answer {
        let mut answer = Answer::default();
        answer.read(&self.message, &self.asked()).expect("the samples are well-formed");
        answer
    }
}

/// What is kept of a sample.
fn entry(sample: &Sample, hashing: &Hashing, now: Moment) -> (Key, Entry) {
    let key = Key::new(&sample.name, sample.qtype, Variant::default(), hashing);
    let terms = Terms { now, lifetime: LIFETIME, ..Terms::default() };
    let entry = Entry::new(&key, &mut sample.answer(), terms, hashing);
    (key, entry)
}

/// Reads a query.
fn query_parse() -> Box<dyn FnMut()> {
    let query = messages::query("www.site17.example", rtype::A);
    Box::new(move || {
        let _ = black_box(Query::parse(black_box(&query)));
    })
}

/// Makes a key and finds its entry.
fn key_front() -> Box<dyn FnMut()> {
    let (hashing, now) = (Hashing::default(), clock::coarse());
    let sample = messages::address();
    let (key, entry) = entry(&sample, &hashing, now);
    let mut front = Front::default();
    front.insert(&key, entry, now);
    Box::new(move || {
        let key = Key::new(black_box(&sample.name), sample.qtype, Variant::default(), &hashing);
        black_box(front.find(&key, now).is_some());
    })
}

/// Writes an answer of so many addresses.
fn compose(addresses: u8, turn: usize) -> Box<dyn FnMut()> {
    let now = clock::coarse();
    let (_, entry) = entry(&messages::addresses(addresses), &Hashing::default(), now);
    let mut room = messages::query("www.site17.example", rtype::A);
    let query = Query::parse(&room).expect("the query is well-formed");
    room.resize(4096, 0);
    let limit = Client::udp_limit(query.edns, 1232);
    let client = Client { flags: 0x0100, edns: query.edns, limit, udp_size: 1232, options: &[] };
    let later = if turn > 0 { now + std::time::Duration::from_secs(10) } else { now };
    Box::new(move || {
        black_box(reply::answer(&mut room, query.question_end, black_box(&client), &entry.body(later), turn));
    })
}

/// Counts an answer.
fn count() -> Box<dyn FnMut()> {
    let layout =
        Layout { servers: vec!["dns://127.0.0.1:53".to_owned()], zones: vec![".".to_owned()], upstreams: vec![] };
    let metrics = Metrics::new(&layout, 1);
    let worker = metrics.worker(0);
    Box::new(move || {
        worker.answered(black_box(&Answered {
            server: 0,
            zone: 0,
            protocol: Protocol::Udp,
            qtype: rtype::A,
            rcode: 0,
            dnssec_ok: false,
            source: Source::CacheSuccess,
            request_size: 47,
            response_size: 63,
            duration: std::time::Duration::ZERO,
        }));
    })
}

/// Reads an upstream's answer.
fn read(sample: &Sample) -> Box<dyn FnMut()> {
    let Sample { message, name, qtype } = sample;
    let (message, name, qtype) = (message.clone(), name.clone(), *qtype);
    let mut answer = Answer::default();
    Box::new(move || {
        let asked = Asked { name: &name, qtype, qclass: 1, dnssec_ok: false };
        let _ = black_box(answer.read(black_box(&message), &asked));
    })
}

/// Looks for addresses that no public name may have.
fn judge(sample: &Sample) -> Box<dyn FnMut()> {
    let config = Config::default();
    let addresses = Addresses::new(&config.rebinding, &[]);
    let policy = Policy::new(&config.zones[0].rebinding);
    let (answer, name) = (sample.answer(), sample.name.clone());
    Box::new(move || {
        let found = black_box(&answer).data().find_map(|(rtype, rdata)| policy.judge(&addresses, &name, rtype, rdata));
        black_box(found);
    })
}

/// Makes an entry.
fn keep() -> Box<dyn FnMut()> {
    let (hashing, sample) = (Hashing::default(), messages::address());
    let key = Key::new(&sample.name, sample.qtype, Variant::default(), &hashing);
    let mut answer = sample.answer();
    let terms = Terms { now: clock::coarse(), lifetime: LIFETIME, ..Terms::default() };
    Box::new(move || {
        black_box(Entry::new(black_box(&key), &mut answer, terms, &hashing));
    })
}

/// Tells of misses by one client below one domain, each for another name, and lets the detector look at each.
fn detect(is_data: bool) -> Box<dyn FnMut()> {
    let config = Config::default().detect;
    let settings = Settings::new(&config, [(0, config.mode)].into_iter());
    let mut detector = Detector::new(Arc::new(settings));
    let (mut ring, mut out) = rtrb::RingBuffer::new(512);
    let observations = (0..1_024_u64).map(|number| {
        let data = format!("{:032x}", u128::from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)) * 0x1234_5678_9ABC_DEF1);
        let name = if is_data {
            format!("{data}.{data}.{data}.{data}.t.example.com")
        } else {
            format!("www{number}.example.com")
        };
        let mut seen = Observation::of(&wire(&name));
        (seen.at, seen.client, seen.qtype, seen.zone, seen.ttl) =
            (Moment::from_secs(1_000), [10, 0, 0, 1].into(), 16, 0, 60);
        seen
    });
    let observations: Vec<_> = observations.collect();
    let mut turn = 0;
    Box::new(move || {
        let mut seen = observations[turn % observations.len()];
        turn += 1;
        seen.at = seen.at + std::time::Duration::from_millis(turn as u64);
        let _ = ring.push(black_box(seen));
        if let Ok(seen) = out.pop() {
            let _ = black_box(detector.observe(&seen));
        }
    })
}

/// A name in wire form.
fn wire(text: &str) -> Vec<u8> {
    name::parse(text).expect("the samples' names are names")
}
