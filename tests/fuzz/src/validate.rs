//! Answers of a signed zone, spoilt, before the validator: what it calls secure is what the zone signed; and files of trust anchors.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use nodens::config::{Config, Environment};
use nodens::dnssec::{Anchors, Ask, Unanswered, Validator, Verdict};
use nodens::sys::clock;
use nodens::wire::answer::{Answer, Asked, Kind};
use nodens::wire::{name, put_u32, rtype};
use tokio::runtime::{Builder, Runtime};

use crate::Choices;

#[path = "../../common/signing.rs"]
#[expect(dead_code, reason = "the tests of the daemon use other parts")]
mod signing;

use signing::{SignedZone, address, denial, message};

/// What the zone says, signed: its keys, the addresses of `www`, and that there is no `no`.
struct Signed {
    /// Whom to trust.
    anchors: Arc<Anchors>,
    /// The keys.
    keys: Vec<u8>,
    /// Name, answer, and whether that denies.
    answers: [(Vec<u8>, Vec<u8>, bool); 2],
}

/// A root zone of our own.
static ZONE: LazyLock<Signed> = LazyLock::new(|| {
    let zone = SignedZone::new(".", clock::wall());
    let keys = message(1, "", RecordType::DNSKEY, ResponseCode::NoError, zone.keys(), vec![]);
    let set = zone.signed(vec![address("www", 1), address("www", 2)]);
    let www = message(1, "www", RecordType::A, ResponseCode::NoError, set, vec![]);
    let proofs = [zone.start(), zone.signed(vec![denial("", "www", &[RecordType::SOA])])].concat();
    let no = message(1, "no", RecordType::A, ResponseCode::NXDomain, vec![], proofs);
    let wire = |text: &str| name::parse(text).expect("it is a name");
    let anchors = anchors(zone.anchor().as_bytes()).expect("an anchor in its usual form");
    Signed { anchors: Arc::new(anchors), keys, answers: [(wire("www"), www, false), (wire("no"), no, true)] }
});

/// What a file of anchors says.
fn anchors(text: &[u8]) -> Option<Anchors> {
    let file = std::env::temp_dir().join(format!("nodens-fuzz-anchors-{}", std::process::id()));
    std::fs::write(&file, text).expect("a file for a moment");
    let config = format!(
        "[dnssec]\ntrust-anchors = {file:?}\n[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\"]\n[[zone]]\nname = \".\"\nupstream = \"a\"\ndnssec = \"validate\"\n"
    );
    let config = Config::parse(&config, "fuzz", &Environment::neutral()).expect("the file is there").config;
    let anchors = Anchors::new(&config);
    std::fs::remove_file(&file).expect("it was there");
    anchors.ok()
}

/// Records as a client gets them, without TTLs, which nobody signs below the first.
fn shown(answer: &mut Answer) -> Vec<u8> {
    for at in answer.ttls.clone() {
        put_u32(&mut answer.records, usize::from(at), 0);
    }
    answer.records.clone()
}

/// Changes bytes: two say where, one by what.
fn spoil(bytes: &mut [u8], changes: &[u8]) {
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] ^= change[2];
    }
}

/// A first byte says which answer and how many of the following changes are to the keys, or that the rest is a file of anchors.
pub fn check(data: &[u8]) {
    thread_local! {
        /// One for all inputs.
        static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime needs no more");
    }
    let mut choices = Choices(data);
    let how = choices.byte();
    if how == u8::MAX {
        return drop(anchors(choices.0));
    }
    let (owner, good, denies) = &ZONE.answers[usize::from(how & 1)];
    let (of_keys, of_answer) = choices.0.split_at(choices.0.len().min(usize::from(how >> 1) * 3));
    let (mut keys, mut bad) = (ZONE.keys.clone(), good.clone());
    spoil(&mut keys, of_keys);
    spoil(&mut bad, of_answer);
    let asked = Asked { name: owner, qtype: rtype::A, qclass: 1, dnssec_ok: false };
    let (mut answer, mut truth) = (Answer::default(), Answer::default());
    truth.read(good, &asked).expect("what was signed is well-formed");
    // What is no answer is not judged.
    if answer.read(&bad, &asked).is_err() || answer.kind == Kind::Failure {
        return;
    }
    let asks = Rc::new(Cell::new(0_u32));
    let count = Rc::clone(&asks);
    let ask: Ask = Rc::new(move |_, qtype| {
        count.set(count.get() + 1);
        let found = if qtype == 48 { Ok(keys.clone()) } else { Err(Unanswered { ede: Some(22), is_timeout: false }) };
        Box::pin(async move { found })
    });
    let validator = Validator::new(&ZONE.anchors, &Arc::default());
    let verdict = RUNTIME
        .with(|runtime| runtime.block_on(validator.judge(owner, rtype::A, &bad, &ask, Duration::from_secs(4))))
        .verdict;
    assert!(asks.get() < 100, "{} questions for one", asks.get());
    if verdict == Verdict::Secure {
        let is_denial = matches!(answer.kind, Kind::NoData | Kind::NxDomain);
        assert_eq!(is_denial, *denies, "{bad:02x?}");
        assert!(is_denial || shown(&mut answer) == shown(&mut truth), "{bad:02x?}");
    } else {
        assert!(bad != *good || !of_keys.is_empty(), "what was signed is secure, not {verdict:?}");
        // The zone is trusted by an anchor, so that nothing of it is merely unsigned.
        assert!(!matches!(verdict, Verdict::Insecure(None)), "{bad:02x?}");
    }
}
