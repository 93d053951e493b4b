//! What is kept, for how long, and what pushes out what.

use std::time::Duration;

use crate::sys::clock::Moment;
use crate::sys::memory::allocated;
use crate::wire::answer::{Answer, Asked, Kind};
use crate::wire::name;

use super::entry::Terms;
use super::ttl::Bounds;
use super::{Entry, Failure, Front, Key, Known, Store, Variant};

/// When the stories begin.
const START: Moment = Moment::from_secs(1_000);

/// A key for `name A`.
fn key(store: &Store, text: &str) -> Key {
    Key::new(&name::parse(text).unwrap(), 1, Variant::default(), store.hashing())
}

/// An entry for `name A`: positive, or NXDOMAIN, good for `lifetime` seconds.
fn entry(store: &Store, text: &str, kind: Kind, lifetime: u32) -> Entry {
    let mut answer = Answer::default();
    answer.kind = kind;
    let terms = Terms { now: START, lifetime, ..Terms::default() };
    Entry::new(&key(store, text), &mut answer, terms, store.hashing())
}

/// A store of 1 MiB each.
fn store() -> Store {
    Store::new(1 << 20, 1 << 20)
}

#[test]
fn an_answer_is_found_in_any_letter_case_until_it_expires() {
    let store = store();
    store.insert(entry(&store, "www.example", Kind::Positive, 60));
    let upper = Key::new(b"\x03WWW\x07eXample\0", 1, Variant::default(), store.hashing());
    assert!(store.find(&upper, START + Duration::from_millis(59_999)).fresh().is_some());
    assert!(store.find(&upper, START + Duration::from_secs(60)).fresh().is_none());
}

#[test]
fn type_and_dnssec_bits_are_never_mixed() {
    let store = store();
    store.insert(entry(&store, "www.example", Kind::Positive, 60));
    let name = name::parse("www.example").unwrap();
    for (qtype, variant) in [(28, Variant::default()), (1, Variant::new(true, false)), (1, Variant::new(false, true))] {
        assert!(store.find(&Key::new(&name, qtype, variant, store.hashing()), START).fresh().is_none());
    }
}

#[test]
fn nxdomain_answers_for_every_type_and_every_name_below() {
    let store = store();
    store.insert(entry(&store, "gone.example", Kind::NxDomain, 30));
    let aaaa = |text: &str| Key::new(&name::parse(text).unwrap(), 28, Variant::default(), store.hashing());
    for (name, denied) in
        [("gone.example", true), ("a.b.gone.example", true), ("example", false), ("undergone.example", false)]
    {
        let found = matches!(store.find(&aaaa(name), START), Known::Fresh(_) | Known::Above(..));
        assert_eq!(found, denied, "{name}");
    }
    let other = Key::new(&name::parse("a.gone.example").unwrap(), 1, Variant::new(true, false), store.hashing());
    assert!(store.find(&other, START).fresh().is_none(), "only within the same answer class");
}

#[test]
fn nodata_denies_one_type_of_one_name() {
    let store = store();
    store.insert(entry(&store, "half.example", Kind::NoData, 30));
    assert!(store.find(&key(&store, "half.example"), START).fresh().is_some());
    assert!(store.find(&key(&store, "a.half.example"), START).fresh().is_none());
    let mx = Key::new(&name::parse("half.example").unwrap(), 15, Variant::default(), store.hashing());
    assert!(store.find(&mx, START).fresh().is_none());
}

#[test]
fn a_flood_of_denials_pushes_out_no_good_answer() {
    let store = Store::new(1 << 20, 64 << 10);
    let kept: Vec<_> = (0..100).map(|i| format!("good{i}.example")).collect();
    for name in &kept {
        store.insert(entry(&store, name, Kind::Positive, 60));
    }
    for i in 0..20_000 {
        store.insert(entry(&store, &format!("bad{i}.example"), Kind::NxDomain, 60));
    }
    assert!(kept.iter().all(|name| store.find(&key(&store, name), START).fresh().is_some()));
}

#[test]
fn the_budget_holds() {
    let store = store();
    for i in 0..20_000 {
        store.insert(entry(&store, &format!("name{i}.example"), Kind::Positive, 60));
    }
    store.settle();
    assert!(store.bytes()[0] <= store.capacity()[0]);
    assert!(store.evictions()[0] > 0);
}

#[test]
fn flushing_takes_a_name_or_a_whole_subtree_from_store_and_fronts() {
    let store = store();
    let names = ["example", "a.example", "b.a.example", "aexample"];
    let mut front = Front::default();
    for name in names {
        let entry = entry(&store, name, Kind::Positive, 60);
        front.insert(&key(&store, name), entry.clone(), START);
        store.insert(entry);
    }
    assert_eq!(store.flush(&name::parse("a.example").unwrap(), true), 2);
    front.follow(store.generation());
    let left: Vec<_> =
        names.into_iter().filter(|name| store.find(&key(&store, name), START).fresh().is_some()).collect();
    assert_eq!(left, ["example", "aexample"]);
    assert!(front.find(&key(&store, "a.example"), START).is_none());
}

#[test]
fn the_front_never_gives_what_has_expired_or_what_was_not_asked() {
    let store = store();
    let mut front = Front::default();
    for i in 0..50_000 {
        let name = format!("name{i}.example");
        front.insert(&key(&store, &name), entry(&store, &name, Kind::Positive, 60), START);
        let found = front.find(&key(&store, &name), START).expect("what was just put in is there");
        assert_eq!(found.entry.name(), key(&store, &name).name());
        assert!(front.find(&key(&store, &name), START + Duration::from_secs(60)).is_none());
    }
}

#[test]
fn bounds_of_a_zone_reach_into_the_records() {
    let bounds = Bounds { max: 100, min: 10, max_negative: 5 };
    let name = name::parse("x.example").unwrap();
    for (ttl, kept) in [(0_u32, 0), (5, 10), (50, 50), (500, 100), (0x8000_0000, 0)] {
        let mut message =
            b"\0\0\x81\x80\0\x01\0\x01\0\0\0\0\x01x\x07example\0\0\x01\0\x01\xC0\x0C\0\x01\0\x01".to_vec();
        message.extend(ttl.to_be_bytes());
        message.extend([0, 4, 192, 0, 2, 1]);
        let mut answer = Answer::default();
        answer.read(&message, &Asked { name: &name, qtype: 1, qclass: 1, dnssec_ok: false }).unwrap();
        assert_eq!(bounds.apply(&mut answer), kept, "TTL {ttl}");
        if kept > 0 {
            assert_eq!(answer.records[6..10], kept.to_be_bytes());
        }
    }
}

/// N25: in an internal zone a denial is over after five seconds, whatever it says itself, so that a service which was asked for too early
/// is found soon after it is made.
#[test]
fn a_denial_in_an_internal_zone_is_gone_after_five_seconds() {
    let store = store();
    let bounds = Bounds { max: 30, min: 0, max_negative: 5 };
    let (name, key) = (name::parse("new.svc").unwrap(), key(&store, "new.svc"));
    let asked = Asked { name: &name, qtype: 1, qclass: 1, dnssec_ok: false };
    let mut message = b"\0\0\x81\x83\0\x01\0\0\0\x01\0\0\x03new\x03svc\0\0\x01\0\x01".to_vec();
    crate::wire::denial::write_soa(&mut message, b"\x03svc\0", 300);
    let mut answer = Answer::default();
    answer.read(&message, &asked).unwrap();
    let lifetime = bounds.apply(&mut answer);
    assert_eq!((answer.kind, lifetime), (Kind::NxDomain, 5));
    let terms = Terms { now: START, lifetime, ..Terms::default() };
    store.insert(Entry::new(&key, &mut answer, terms, store.hashing()));
    assert!(store.find(&key, START + Duration::from_millis(4_999)).fresh().is_some());
    assert!(store.find(&key, START + Duration::from_secs(5)).fresh().is_none());
    store.insert(entry(&store, "new.svc", Kind::Positive, 30));
    assert!(store.find(&key, START + Duration::from_secs(5)).fresh().is_some_and(|found| !found.is_denial()));
}

/// N6
#[test]
fn what_has_expired_is_told_from_what_is_fresh_and_from_what_is_too_old() {
    let store = store();
    let made = entry(&store, "www.example", Kind::Positive, 60);
    store.insert(made.clone());
    let key = key(&store, "www.example");
    assert!(matches!(store.find(&key, START + Duration::from_secs(59)), Known::Fresh(_)));
    assert!(matches!(store.find(&key, START + Duration::from_secs(60)), Known::Stale(_)));
    for (second, stale) in [(59, false), (60, true), (60 + 99, true), (60 + 100, false)] {
        assert_eq!(made.is_stale(START + Duration::from_secs(second), 100), stale, "{second}");
    }
}

/// N6 (d)
#[test]
fn of_two_answers_that_have_expired_the_later_counts() {
    let store = store();
    let (name, later) = ("gone.example", START + Duration::from_secs(100));
    store.insert(entry(&store, name, Kind::Positive, 60));
    let mut answer = Answer::default();
    answer.kind = Kind::NxDomain;
    let terms = Terms { now: START + Duration::from_secs(60), lifetime: 5, ..Terms::default() };
    store.insert(Entry::new(&key(&store, name), &mut answer, terms, store.hashing()));
    let Known::Stale(found) = store.find(&key(&store, name), later) else { panic!("something is known") };
    assert!(found.is_denial());
}

/// N6 (e), as issue and RFC 8767 section 5 have it: room is made of what has expired, not of what is good.
#[test]
fn where_room_becomes_short_expired_answers_leave_first_the_longest_expired_before_others() {
    let store = store();
    let later = START + Duration::from_secs(100_000);
    let weight = u64::from(entry(&store, "name0000.example", Kind::Positive, 60).weight());
    let count = u32::try_from((1 << 20) * 95 / 100 / weight).unwrap();
    for i in 0..count {
        // A quarter is fresh for days; of the others, those of higher numbers expired later.
        let lifetime = if i % 4 == 0 { 200_000 } else { 10 + i };
        store.insert(entry(&store, &format!("name{i:04}.example"), Kind::Positive, lifetime));
    }
    store.settle();
    assert!(store.tidy(later) > 0);
    store.settle();
    assert!(store.bytes()[0] <= (1 << 20) * 81 / 100);
    let known = |i: u32| store.find(&key(&store, &format!("name{i:04}.example")), later);
    assert!((0..count).step_by(4).all(|i| matches!(known(i), Known::Fresh(_))), "no fresh answer was taken");
    let gone = |numbers: std::ops::Range<u32>| numbers.filter(|i| matches!(known(*i), Known::Nothing)).count();
    assert_eq!((gone(0..40), gone(count - 40..count)), (30, 0));
    assert_eq!(store.tidy(later), 0, "there is room again");
}

/// N26
#[test]
fn failures_are_bounded_and_forgotten_with_the_first_answer() {
    let store = store();
    let failure = Failure { at: START, rcode: 2, ede: Some(22), is_bogus: false };
    let seven = key(&store, "seven.example");
    assert_eq!(store.failure(seven.hash()), None);
    store.fail(&seven, failure);
    assert_eq!(store.failure(seven.hash()), Some(failure));
    store.succeed(seven.hash());
    assert_eq!(store.failure(seven.hash()), None);
    let before = allocated();
    for number in 0..50_000_u64 {
        store.fail(&key(&store, &format!("name{number}.example")), failure);
    }
    store.settle();
    let (noted, taken) = (store.failures(), allocated() - before);
    assert!((5_500..6_500).contains(&noted), "{noted}");
    assert!((1 << 20..5 << 19).contains(&taken), "two mebibytes, but {taken} bytes");
}

#[test]
fn failures_are_listed_and_forgotten_by_name() {
    let store = store();
    let failure = Failure { at: START, rcode: 2, ede: None, is_bogus: false };
    for name in ["a.example", "b.a.example", "c.example"] {
        store.fail(&key(&store, name), failure);
    }
    store.settle();
    let listed = || {
        let mut names = Vec::new();
        store.each_failure(|name, _, _, found| {
            assert_eq!(found, failure);
            names.push(name::display(name).to_string());
            true
        });
        names.sort();
        names
    };
    assert_eq!(listed(), ["a.example.", "b.a.example.", "c.example."]);
    let suffix = name::parse("a.example").unwrap();
    assert_eq!(store.forget_failures_if(|name| name::is_below(name, &suffix)), 2);
    assert_eq!(listed(), ["c.example."]);
    assert_eq!(store.failure(key(&store, "a.example").hash()), None);
}

/// N27
#[test]
fn a_successor_begins_with_three_quarters_of_the_uses_of_an_answer_that_was_popular_lately() {
    let store = store();
    let key = key(&store, "www.example");
    let successor = |uses: usize, after: Duration| {
        let mut front = Front::default();
        front.insert(&key, entry(&store, "www.example", Kind::Positive, 60), START);
        for _ in 0..uses {
            front.find(&key, START).expect("it is there");
        }
        front.insert(&key, entry(&store, "www.example", Kind::Positive, 60), START + after)
    };
    let minute = Duration::from_secs(60);
    assert_eq!(successor(4, minute), 3);
    assert_eq!(successor(1, minute), 0, "once is never");
    assert_eq!(successor(1_000, minute), 48, "fashion passes");
    assert_eq!(successor(4, minute * 2), 0, "it was forgotten meanwhile");
}

#[test]
fn to_look_at_an_answer_is_no_use_of_it_and_all_uses_are_listed() {
    let (store, mut front) = (store(), Front::default());
    let keys = ["a.example", "b.example", "c.example"].map(|name| key(&store, name));
    for (key, name) in keys.iter().zip(["a.example", "b.example", "c.example"]) {
        front.insert(key, entry(&store, name, Kind::Positive, 60), START);
    }
    for _ in 0..3 {
        front.find(&keys[1], START).expect("it is there");
    }
    for _ in 0..5 {
        assert_eq!(front.peek(&keys[1], START).map(|(_, uses)| uses), Some(3));
    }
    assert!(front.peek(&keys[1], START + Duration::from_secs(60)).is_none(), "it has expired");
    assert!(front.peek(&key(&store, "d.example"), START).is_none());
    let mut listed: Vec<(u64, u16)> = (0..Front::PARTS).flat_map(|part| front.used(part).collect::<Vec<_>>()).collect();
    listed.sort_unstable();
    let mut expected: Vec<(u64, u16)> = keys.iter().map(Key::hash).zip([0, 3, 0]).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    assert!(front.is_of(0));
    front.follow(1);
    assert!(front.is_of(1) && front.peek(&keys[1], START).is_none());
}

#[test]
fn what_is_kept_is_listed_until_whoever_reads_has_enough() {
    let store = store();
    for number in 0..100 {
        store.insert(entry(&store, &format!("name{number}.example"), Kind::Positive, 60));
    }
    store.insert(entry(&store, "gone.example", Kind::NxDomain, 30));
    store.settle();
    let count = |most: usize| {
        let mut seen = 0;
        store.each_entry(|_| {
            seen += 1;
            seen < most
        });
        seen
    };
    assert_eq!((count(1_000), count(7)), (101, 7));
}
