//! The whole step, with zones that are signed here: verdicts, what is remembered, and every bound.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::dnssec::Nsec3HashAlgorithm;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, NSEC3};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, Record, RecordType};

use super::anchors::parse;
use super::budget::Limit;
use super::signing::{SignedZone, address, colliding, denial, message, name, server};
use super::*;
use crate::config::{Config, Environment};
use crate::metrics::{Event, WorkerMetrics};
use crate::sys::clock;
use crate::wire;

/// A time of day to hold.
const NOW: Duration = Duration::from_secs(1_800_000_000);

/// A name server in a closure: what it answers, and what it was asked.
#[derive(Default)]
struct World {
    /// Messages, by name and type.
    answers: RefCell<BTreeMap<(String, u16), Vec<u8>>>,
    /// What it was asked, in order.
    asked: RefCell<Vec<(String, u16)>>,
    /// Whether it is silent.
    is_silent: Cell<bool>,
}

impl World {
    /// Lets it answer a question.
    fn put(&self, owner: &str, kind: RecordType, answers: Vec<Record>, authorities: Vec<Record>) {
        let bytes = message(7, owner, kind, ResponseCode::NoError, answers, authorities);
        self.answers.borrow_mut().insert((owner.to_owned(), kind.into()), bytes);
    }

    /// What asks it.
    fn ask(self: &Rc<Self>) -> Ask {
        let world = Rc::clone(self);
        Rc::new(move |owner, kind| {
            let question = (wire::name::display(owner).to_string().trim_end_matches('.').to_owned(), kind);
            let answer = world.answers.borrow().get(&question).cloned();
            world.asked.borrow_mut().push(question);
            let is_silent = world.is_silent.get();
            Box::pin(async move {
                if is_silent {
                    future::pending::<()>().await;
                }
                answer.ok_or(Unanswered { ede: Some(22), is_timeout: false })
            })
        })
    }

    /// How often it was asked.
    fn count(&self) -> usize {
        self.asked.borrow().len()
    }
}

/// A validator with a zone at the root, its server, and what is counted.
fn setting() -> (Validator, Rc<World>, SignedZone, Arc<WorkerMetrics>) {
    clock::hold_wall(NOW);
    let (zone, world) = (SignedZone::new(".", NOW), Rc::new(World::default()));
    world.put("", RecordType::DNSKEY, zone.keys(), vec![]);
    let metrics = Arc::new(WorkerMetrics::default());
    (Validator::new(&anchors(&zone.anchor(), ""), &metrics), world, zone, metrics)
}

/// The anchors of a file with this text, and of a zone with more lines.
fn anchors(text: &str, more: &str) -> Arc<Anchors> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchors");
    std::fs::write(&file, text).unwrap();
    let config = format!(
        "[dnssec]\ntrust-anchors = {file:?}\n[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\"]\n\
         [[zone]]\nname = \".\"\nupstream = \"a\"\ndnssec = \"validate\"\n{more}\n"
    );
    Arc::new(Anchors::new(&Config::parse(&config, "test", &Environment::neutral()).unwrap().config).unwrap())
}

/// The verdict on a message.
async fn verdict(validator: &Validator, world: &Rc<World>, owner: &str, message: &[u8]) -> Verdict {
    let owner = wire::name::parse(if owner.is_empty() { "." } else { owner }).unwrap();
    validator.judge(&owner, 1, message, &world.ask(), Duration::from_secs(4)).await.verdict
}

/// An answer of addresses.
fn answer(owner: &str, set: Vec<Record>) -> Vec<u8> {
    message(1, owner, RecordType::A, ResponseCode::NoError, set, vec![])
}

/// Another that trusts the same zone.
fn fresh(zone: &SignedZone) -> Validator {
    Validator::new(&anchors(&zone.anchor(), ""), &Arc::default())
}

/// N28
#[tokio::test(start_paused = true)]
async fn a_signature_is_good_between_its_dates_and_the_clock_decides() {
    let (_, world, zone, _) = setting();
    let message = answer("www", zone.signed_as(vec![address("www", 1)], 1, 100, 200));
    for (seconds, expected) in [
        (0, Verdict::Bogus(Reason::NotYetValid)),
        (99, Verdict::Bogus(Reason::NotYetValid)),
        (100, Verdict::Secure),
        (200, Verdict::Secure),
        (201, Verdict::Bogus(Reason::Expired)),
    ] {
        clock::hold_wall(NOW + Duration::from_secs(seconds));
        assert_eq!(verdict(&fresh(&zone), &world, "www", &message).await, expected, "{seconds}");
    }
}

/// N28
#[tokio::test(start_paused = true)]
async fn a_signature_that_was_good_is_not_good_for_ever() {
    let (validator, world, zone, _) = setting();
    let message = answer("www", zone.signed_as(vec![address("www", 1)], 1, -100, 200));
    let owner = wire::name::parse("www").unwrap();
    for (seconds, expected, left) in [
        (0, Verdict::Secure, 200),
        (150, Verdict::Secure, 50),
        (200, Verdict::Secure, 0),
        (201, Verdict::Bogus(Reason::Expired), 0),
    ] {
        clock::hold_wall(NOW + Duration::from_secs(seconds));
        let judgement = validator.judge(&owner, 1, &message, &world.ask(), Duration::from_secs(4)).await;
        assert_eq!(judgement, Judgement { verdict: expected, lifetime: left }, "{seconds}");
    }
}

/// N28
#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_had_are_no_verdict_and_are_asked_for_again() {
    let (validator, world, zone, metrics) = setting();
    let keys = world.answers.borrow_mut().remove(&(String::new(), 48)).unwrap();
    let message = answer("www", zone.signed(vec![address("www", 1)]));
    let unanswered = Unanswered { ede: Some(22), is_timeout: false };
    assert_eq!(verdict(&validator, &world, "www", &message).await, Verdict::Indeterminate(unanswered));
    world.answers.borrow_mut().insert((String::new(), 48), keys);
    assert_eq!(verdict(&validator, &world, "www", &message).await, Verdict::Secure);
    assert_eq!([Event::DnssecIndeterminate, Event::DnssecSecure].map(|event| metrics.counted(event)), [1, 1]);
}

/// N28
#[tokio::test(start_paused = true)]
async fn a_failure_deep_in_the_chain_is_not_remembered_as_a_bad_verdict() {
    let (validator, world, root, _) = setting();
    let child = SignedZone::new("child", NOW);
    let message = answer("www.child", child.signed(vec![address("www.child", 1)]));
    world.put("child", RecordType::DNSKEY, child.keys(), vec![]);
    assert!(matches!(verdict(&validator, &world, "www.child", &message).await, Verdict::Indeterminate(_)));
    world.put("child", RecordType::DS, root.signed(vec![child.delegation()]), vec![]);
    assert_eq!(verdict(&validator, &world, "www.child", &message).await, Verdict::Secure);
}

/// N28
#[tokio::test(start_paused = true)]
async fn equal_questions_are_asked_once() {
    let (validator, world, zone, _) = setting();
    let messages = ["a", "b", "c"].map(|owner| answer(owner, zone.signed(vec![address(owner, 1)])));
    let all = futures_util::future::join3(
        verdict(&validator, &world, "a", &messages[0]),
        verdict(&validator, &world, "b", &messages[1]),
        verdict(&validator, &world, "c", &messages[2]),
    );
    assert_eq!(all.await, (Verdict::Secure, Verdict::Secure, Verdict::Secure));
    assert_eq!(world.count(), 1, "{:?}", world.asked.borrow());
    assert!(validator.knows(&[0], 48));
}

/// A delegation "open" of the root that is not signed.
fn open_delegation(world: &World, zone: &SignedZone) {
    let proof = zone.start().into_iter().chain(zone.signed(vec![denial("open", "p", &[RecordType::NS])]));
    world.put("open", RecordType::DS, vec![], proof.collect());
    world.put("open", RecordType::NS, vec![server("open")], vec![]);
}

/// N28
#[tokio::test(start_paused = true)]
async fn a_zone_that_is_not_signed_is_asked_about_once() {
    let (validator, world, zone, _) = setting();
    open_delegation(&world, &zone);
    let start = SignedZone::new("open", NOW).start()[0].clone();
    for owner in ["www.open", "a.b.open"] {
        world.put(owner, RecordType::NS, vec![], vec![start.clone()]);
    }
    let first = answer("a.b.open", vec![address("a.b.open", 1)]);
    assert_eq!(verdict(&validator, &world, "a.b.open", &first).await, Verdict::Insecure(None));
    // The root's keys, the end of the zone by its SOA record, and the delegation.
    let asked = world.count();
    assert_eq!(asked, 3, "{:?}", world.asked.borrow());
    // That no zone begins at a name is of no use to other names, of which there may be thousands.
    let knows = |name: &str, kind: RecordType| validator.knows(&wire::name::parse(name).unwrap(), kind.into());
    assert!(knows("open", RecordType::DS) && !knows("a.b.open", RecordType::NS));
    let second = answer("www.open", vec![address("www.open", 2)]);
    assert_eq!(verdict(&validator, &world, "www.open", &second).await, Verdict::Insecure(None));
    assert_eq!(world.count(), asked, "nothing more");
    // It is signed from now on, and that is found out when the denial has expired.
    tokio::time::advance(Duration::from_secs(61)).await;
    world.put("open", RecordType::DS, zone.signed(vec![SignedZone::new("open", NOW).delegation()]), vec![]);
    assert_eq!(
        verdict(&validator, &world, "www.open", &second).await,
        Verdict::Bogus(Reason::SignatureMissing),
        "{:?}",
        world.asked.borrow()
    );
}

/// N28
#[tokio::test(start_paused = true)]
async fn keys_that_have_changed_are_fetched_again_when_an_answer_does_not_fit() {
    let (validator, world, root, _) = setting();
    let (old, new) = (SignedZone::new("child", NOW), SignedZone::new("child", NOW));
    world.put("child", RecordType::DNSKEY, old.keys(), vec![]);
    world.put("child", RecordType::DS, root.signed(vec![old.delegation()]), vec![]);
    let message = answer("www.child", old.signed(vec![address("www.child", 1)]));
    assert_eq!(verdict(&validator, &world, "www.child", &message).await, Verdict::Secure);
    world.put("child", RecordType::DNSKEY, new.keys(), vec![]);
    world.put("child", RecordType::DS, root.signed(vec![new.delegation()]), vec![]);
    let message = answer("new.child", new.signed(vec![address("new.child", 1)]));
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(verdict(&validator, &world, "new.child", &message).await, Verdict::Secure);
}

/// N28
#[tokio::test(start_paused = true)]
async fn a_wildcard_needs_the_proof_that_nothing_nearer_exists() {
    let (validator, world, zone, _) = setting();
    // The signature is over "*.wild".
    let over_star = || {
        let mut set = zone.signed_as(vec![address("*.wild", 1)], 1, -60, 60);
        for record in &mut set {
            record.name = name("x.wild");
        }
        set
    };
    let reply = |set, proof: Vec<Record>| message(1, "x.wild", RecordType::A, ResponseCode::NoError, set, proof);
    let good = zone.signed(vec![denial("*.wild", "z", &[RecordType::A])]);
    assert_eq!(verdict(&validator, &world, "x.wild", &reply(over_star(), good.clone())).await, Verdict::Secure);
    assert!(matches!(verdict(&validator, &world, "x.wild", &reply(over_star(), vec![])).await, Verdict::Bogus(_)));
    let nearer = zone.signed(vec![denial("w.wild", "y.x.wild", &[RecordType::A])]);
    assert!(matches!(verdict(&validator, &world, "x.wild", &reply(over_star(), nearer)).await, Verdict::Bogus(_)));
    let elsewhere = zone.signed(vec![denial("y.wild", "z", &[RecordType::A])]);
    assert!(matches!(verdict(&validator, &world, "x.wild", &reply(over_star(), elsewhere)).await, Verdict::Bogus(_)));
}

/// N28
#[tokio::test(start_paused = true)]
async fn an_answer_about_other_names_alone_is_a_denial_that_nothing_proves() {
    let (validator, world, zone, _) = setting();
    for set in [vec![], vec![address("other", 1)], zone.signed(vec![address("other", 1)])] {
        // The server of this test denies no delegation, so that it remains open what is broken.
        let found = verdict(&validator, &world, "www", &answer("www", set)).await;
        assert!(matches!(found, Verdict::Bogus(_) | Verdict::Indeterminate(_)), "{found:?}");
    }
}

/// N28
#[tokio::test(start_paused = true)]
async fn what_is_there_as_signed_cannot_be_denied_and_a_chain_needs_its_end() {
    let (validator, world, zone, _) = setting();
    let www = || zone.signed(vec![address("www", 1)]);
    let alias = || {
        let target = RData::CNAME(hickory_proto::rr::rdata::CNAME(name("www")));
        zone.signed(vec![Record::from_rdata(name("alias"), 300, target)])
    };
    let reply = |owner, rcode, answers, proof| message(1, owner, RecordType::A, rcode, answers, proof);
    world.put("www", RecordType::NS, vec![], vec![]);
    let whole: Vec<Record> = alias().into_iter().chain(www()).collect();
    let stray = zone.signed(vec![denial("x", "y", &[RecordType::A])]);
    for (message, expected) in [
        (reply("alias", ResponseCode::NoError, whole.clone(), vec![]), Verdict::Secure),
        (reply("alias", ResponseCode::NoError, whole.clone(), stray), Verdict::Insecure(None)),
        (reply("alias", ResponseCode::NoError, alias(), vec![]), Verdict::Insecure(None)),
        (reply("alias", ResponseCode::NXDomain, whole, vec![]), Verdict::Bogus(Reason::Signature)),
        (reply("alias", ResponseCode::NXDomain, alias(), vec![]), Verdict::Bogus(Reason::DenialMissing)),
    ] {
        assert_eq!(verdict(&validator, &world, "alias", &message).await, expected);
    }
    let denied = reply("www", ResponseCode::NXDomain, www(), vec![]);
    assert_eq!(verdict(&validator, &world, "www", &denied).await, Verdict::Bogus(Reason::Signature));
    // An alias of itself ends.
    let target = RData::CNAME(hickory_proto::rr::rdata::CNAME(name("loop")));
    let turn =
        reply("loop", ResponseCode::NoError, zone.signed(vec![Record::from_rdata(name("loop"), 300, target)]), vec![]);
    assert_eq!(verdict(&validator, &world, "loop", &turn).await, Verdict::Bogus(Reason::Signature));
}

//------ Bounds ------------------------------------------------------------------------------------------------------

/// Records of keys at the root.
fn key_record(owner: &str, key: DNSKEY) -> Record {
    Record::from_rdata(name(owner), 300, RData::DNSSEC(DNSSECRData::DNSKEY(key)))
}

/// What a bound gives.
fn limited(limit: Limit) -> Verdict {
    Verdict::Bogus(Reason::Work(Work(limit)))
}

/// A zone "trap" with many keys of one tag, and as many signatures that fit none of them.
fn trap(keys: u8, signatures: usize) -> (Rc<World>, Validator, SignedZone, Arc<WorkerMetrics>) {
    let (validator, world, root, metrics) = setting();
    let zone = SignedZone::new("trap", NOW);
    let tag = zone.dnskey.calculate_key_tag().unwrap();
    let mut set: Vec<Record> = (0..keys).map(|seed| key_record("trap", colliding(seed, tag))).collect();
    set.push(zone.key());
    let signed = zone.signed(set);
    let (signature, set) = signed.split_last().unwrap();
    let mut broken = signature.clone();
    broken.ttl = 299;
    if let RData::DNSSEC(DNSSECRData::RRSIG(signature)) = &broken.data {
        let input = signature.input().clone();
        broken.data =
            RData::DNSSEC(DNSSECRData::RRSIG(hickory_proto::dnssec::rdata::RRSIG::from_sig(input, vec![1; 64])));
    }
    let all = set.iter().cloned().chain(std::iter::repeat_n(broken, signatures)).collect();
    world.put("trap", RecordType::DNSKEY, all, vec![]);
    world.put("trap", RecordType::DS, root.signed(vec![zone.delegation()]), vec![]);
    (world, validator, zone, metrics)
}

/// N28
#[tokio::test(start_paused = true)]
async fn many_keys_of_one_tag_and_many_signatures_are_not_tried_with_each_other() {
    let (world, validator, zone, metrics) = trap(20, 100);
    let message = answer("www.trap", zone.signed(vec![address("www.trap", 1)]));
    assert_eq!(verdict(&validator, &world, "www.trap", &message).await, limited(Limit::Signatures));
    assert_eq!(metrics.counted(Event::DnssecSignatures), 1);
    // The zone rests: another of its names costs nothing.
    let asked = world.count();
    let message = answer("more.trap", zone.signed(vec![address("more.trap", 1)]));
    assert_eq!(verdict(&validator, &world, "more.trap", &message).await, limited(Limit::Signatures));
    assert_eq!((world.count(), metrics.counted(Event::DnssecRested)), (asked, 1));
    assert_eq!(metrics.counted(Event::DnssecBogus), 2);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(verdict(&validator, &world, "more.trap", &message).await, limited(Limit::Signatures));
    assert_eq!(metrics.counted(Event::DnssecSignatures), 2, "tried again after its rest");
}

/// N28
#[tokio::test(start_paused = true)]
async fn hundreds_of_keys_are_not_looked_at() {
    let (world, validator, zone, metrics) = trap(200, 1);
    let message = answer("www.trap", zone.signed(vec![address("www.trap", 1)]));
    assert_eq!(verdict(&validator, &world, "www.trap", &message).await, limited(Limit::Records));
    assert_eq!(metrics.counted(Event::DnssecRecords), 1);
}

/// N28
#[tokio::test(start_paused = true)]
async fn only_so_many_delegations_are_asked_for() {
    let (validator, world, _, metrics) = setting();
    let owner = "a.".repeat(100) + "open";
    for depth in 0..100 {
        world.put(&("a.".repeat(100 - depth) + "open"), RecordType::NS, vec![], vec![]);
    }
    let message = answer(&owner, vec![address(&owner, 1)]);
    assert_eq!(verdict(&validator, &world, &owner, &message).await, limited(Limit::Queries));
    assert_eq!(metrics.counted(Event::DnssecQueries), 1);
    assert!(world.count() <= 65, "{}", world.count());
}

/// An answer without data for `owner`, proved by a hash of so many iterations.
fn hashed(zone: &SignedZone, owner: &str, iterations: u16) -> Vec<u8> {
    let hash = Nsec3HashAlgorithm::SHA1.hash(&[], &name(owner), iterations).unwrap();
    let label = data_encoding::BASE32_DNSSEC.encode(hash.as_ref());
    let mut next = hash.as_ref().to_vec();
    next[0] = next[0].wrapping_add(1);
    let denial = NSEC3::new(Nsec3HashAlgorithm::SHA1, false, iterations, vec![], next, [RecordType::TXT]);
    let denial = Record::from_rdata(name(&format!("{label}.")), 300, RData::DNSSEC(DNSSECRData::NSEC3(denial)));
    let proof = zone.start().into_iter().chain(zone.signed(vec![denial])).collect();
    message(1, owner, RecordType::A, ResponseCode::NoError, vec![], proof)
}

/// N28
#[tokio::test(start_paused = true)]
async fn hashes_of_many_iterations_prove_nothing_and_are_not_made() {
    let (validator, world, zone, _) = setting();
    for (iterations, expected) in
        [(0, Verdict::Secure), (150, Verdict::Secure), (151, Verdict::Insecure(None)), (2500, Verdict::Insecure(None))]
    {
        let message = hashed(&zone, "www", iterations);
        assert_eq!(verdict(&validator, &world, "www", &message).await, expected, "{iterations}");
    }
}

/// N28
#[tokio::test(start_paused = true)]
async fn a_deep_name_is_not_hashed_at_every_depth_without_end() {
    let (validator, world, zone, metrics) = setting();
    let owner = "a.".repeat(100) + "www";
    let message = hashed(&zone, &owner, 150);
    assert_eq!(verdict(&validator, &world, &owner, &message).await, limited(Limit::Hashes));
    assert_eq!(metrics.counted(Event::DnssecHashes), 1);
    let message = hashed(&zone, "a.b.c.d.e.f.g.h.www", 150);
    assert_eq!(verdict(&fresh(&zone), &world, "a.b.c.d.e.f.g.h.www", &message).await, Verdict::Secure);
}

/// N28
#[tokio::test(start_paused = true)]
async fn a_validation_ends_when_its_time_is_over() {
    let (validator, world, zone, metrics) = setting();
    world.is_silent.set(true);
    let message = answer("www", zone.signed(vec![address("www", 1)]));
    let begun = tokio::time::Instant::now();
    let late = Unanswered { ede: Some(22), is_timeout: true };
    assert_eq!(verdict(&validator, &world, "www", &message).await, Verdict::Indeterminate(late));
    assert_eq!((begun.elapsed(), metrics.counted(Event::DnssecTime)), (Duration::from_secs(4), 1));
    // What was under way is gone with whoever waited for it.
    world.is_silent.set(false);
    assert_eq!(verdict(&validator, &world, "www", &message).await, Verdict::Secure);
}

//------ Anchors -----------------------------------------------------------------------------------------------------

#[test]
fn anchors_are_records_of_a_zone_file_and_mistakes_have_lines() {
    let key = SignedZone::new("corp.test", NOW).anchor();
    let digest = "AB".repeat(32);
    let text = format!(
        "; a comment\n\nexample. 3600 IN DS 12345 13 2 {digest} ; another\nEXAMPLE. DS 1 8 1 {}\n\
         example. IN 60 DS 2 14 4 (\n {}\n {} )\n{key}",
        "00".repeat(20),
        "11".repeat(24),
        "22".repeat(24)
    );
    let read = parse(&text).unwrap();
    let mut shown: Vec<_> = read.values().map(|anchor| (anchor.keys.len(), anchor.digests.len())).collect();
    shown.sort_unstable();
    assert_eq!(shown, [(0, 3), (1, 0)]);
    for (text, wrong) in [
        ("example. DS 1 2", "1: dnssec.trust-anchors: a DS record has"),
        ("\n\nexample. DS 1 13 3 00", "3: dnssec.trust-anchors: the digest type is none of 1, 2 and 4"),
        ("example. DS 1 13 2 00", "1: dnssec.trust-anchors: the digest has 1 bytes instead of 32"),
        ("example. DS 1 12 2 00", "1: dnssec.trust-anchors: \"12\" is not the number of a supported algorithm"),
        ("example. DS x 13 2 00", "1: dnssec.trust-anchors: \"x\" is not a key tag"),
        ("example. DNSKEY 257 4 13 AAAA", "1: dnssec.trust-anchors: the protocol is \"4\""),
        ("example. DNSKEY 1 3 13 AAAA", "1: dnssec.trust-anchors: the key is not a zone's"),
        ("example. DNSKEY 257 3 13 AAA", "1: dnssec.trust-anchors: the key is not base64"),
        ("example. A 192.0.2.1", "1: dnssec.trust-anchors: \"A\" is neither DS nor DNSKEY"),
        ("ex..ample. DS 1 13 2 00", "1: dnssec.trust-anchors: \"ex..ample.\" is not a name"),
        ("example. DS ( 1 13 2 00", "1: dnssec.trust-anchors: a parenthesis is not closed"),
    ] {
        let mistakes = parse(text).unwrap_err();
        assert!(mistakes[0].to_string().starts_with(wrong), "{text:?}: {}", mistakes[0]);
    }
}

#[test]
fn keys_and_digests_of_a_zone_are_bounded() {
    let line = |tag: usize| format!("example. DS {tag} 13 2 {}\n", "AB".repeat(32));
    let text: String = (0..16).map(line).collect();
    assert!(parse(&text).is_ok());
    assert!(
        parse(&(text + &line(16))).unwrap_err()[0]
            .to_string()
            .contains("17: dnssec.trust-anchors: example. has more than 16")
    );
}

#[test]
fn the_nearer_of_two_anchors_decides_and_the_negative_one_of_two_on_a_name() {
    use super::anchors::Governor;
    let digest = format!("DS 1 13 2 {}", "AB".repeat(32));
    let text = format!("below.private.test. {digest}\nsame.test. {digest}\n");
    let more = "negative-trust-anchors = [\"private.test\", \"same.test\"]\n[[zone]]\nname = \"corp.test\"\nupstream = \"a\"\nclass = \"internal\"";
    let anchors = anchors(&text, more);
    for (owner, expected) in [
        ("www.example", Some(".")),
        ("www.private.test", None),
        ("www.below.private.test", Some("below.private.test")),
        ("www.same.test", None),
        ("www.corp.test", None),
        ("corp.test", None),
        ("1.0.0.10.in-addr.arpa", None),
        ("1.0.31.172.in-addr.arpa", None),
        ("1.0.32.172.in-addr.arpa", Some(".")),
        ("1.0.0.c.f.ip6.arpa", None),
    ] {
        let owner = wire::name::parse(owner).unwrap();
        let zone = expected.map(|zone| wire::name::parse(zone).unwrap());
        match anchors.govern(&owner) {
            Governor::Anchor(anchor) => assert_eq!(Some(anchor), zone.as_deref()),
            Governor::Nobody => assert_eq!(zone, None, "{}", wire::name::display(&owner)),
        }
    }
}
