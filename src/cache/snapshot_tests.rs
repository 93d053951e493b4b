//! What comes back of what was written, and what does not.

use proptest::prelude::*;

use super::*;
use crate::wire::{put_u16, rtype};

/// When it is written: after some days, so that answers can be old.
const WRITTEN: Now = Now { moment: Moment::from_secs(1_000_000), wall: Duration::from_secs(1_800_000_000) };

/// The only zone of most stories.
const ZONE: u16 = 7;

/// What it says: answers may be given for an hour after their expiry.
const RULES: Rules = Rules {
    digest: [0xD1; DIGEST],
    bounds: Bounds { max: 86_400, min: 0, max_negative: 300 },
    serve_stale: 3_600,
    prefetch: 3,
};

/// The rules of that zone alone.
fn rules() -> BTreeMap<u16, Rules> {
    BTreeMap::from([(ZONE, RULES)])
}

/// So many seconds after it was written, by a process whose own clock says something else.
fn after(seconds: u64) -> Now {
    Now { moment: Moment::from_secs(5_000_000), wall: WRITTEN.wall + Duration::from_secs(seconds) }
}

/// An answer without EDNS for `name`: its records in wire form, with `counts` of them.
fn message(name: &str, qtype: u16, rcode: u16, counts: [u16; 3], records: &[u8]) -> Vec<u8> {
    let mut message = vec![0; HEADER];
    put_u16(&mut message, 2, flag::QR | flag::AD | rcode);
    for (at, count) in [(4, 1), (6, counts[0]), (8, counts[1]), (10, counts[2])] {
        put_u16(&mut message, at, count);
    }
    message.extend(name::parse(name).unwrap());
    message.extend(qtype.to_be_bytes());
    message.extend(class::IN.to_be_bytes());
    message.extend(records);
    message
}

/// An address record of the question's name.
fn address(ttl: u32, last: u8) -> Vec<u8> {
    [&[0xC0, 12, 0, 1, 0, 1][..], &ttl.to_be_bytes(), &[0, 4, 192, 0, 2, last]].concat()
}

/// An SOA record of "example".
fn soa(ttl: u32) -> Vec<u8> {
    let mut record = Vec::new();
    crate::wire::denial::write_soa(&mut record, b"\x07example\0", ttl);
    record
}

/// Keeps the answer in `store` that a server gave `age` seconds before the writing.
fn keep(store: &Store, message: &[u8], variant: Variant, age: u64, ede: Option<u16>) {
    let end = HEADER + name::plain_length(message, HEADER).unwrap();
    let key = Key::new(&message[HEADER..end], u16_at(message, end).unwrap(), variant, store.hashing());
    let asked = key.asked();
    let mut answer = Answer::default();
    answer.read(message, &asked).unwrap();
    answer.ede = ede;
    let terms = Terms {
        now: WRITTEN.moment.before(Duration::from_secs(age)).unwrap(),
        lifetime: RULES.bounds.apply(&mut answer),
        zone: ZONE,
        authentic: answer.authentic,
        ..Terms::default()
    };
    store.insert(Entry::new(&key, &mut answer, terms, store.hashing()));
}

/// Keeps the address of `name`.
fn keep_address(store: &Store, name: &str, ttl: u32, age: u64) {
    keep(store, &message(name, rtype::A, 0, [1, 0, 0], &address(ttl, 1)), Variant::default(), age, None);
}

/// A store of 1 MiB each.
fn store() -> Store {
    Store::new(1 << 20, 1 << 20)
}

/// The file of a store.
fn file(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    let written = write(store, &rules(), WRITTEN, 1 << 20, &mut file).unwrap();
    assert_eq!((written.bytes, written.left_out), (length(file.len()), 0));
    file
}

/// Reads a file where nothing has changed.
fn read_at(file: &[u8], now: Now) -> Result<Restored, Unusable> {
    read(file, &rules(), |_| Some(ZONE), now, &Hashing::default())
}

/// One of each kind: a set of addresses that may be rotated, an alias, a signature's variant, a denied type, a denied name, one that has expired.
fn variety() -> Store {
    let store = store();
    let plain = Variant::default();
    keep(
        &store,
        &message("www.example", rtype::A, 0, [2, 0, 0], &[address(300, 1), address(300, 2)].concat()),
        plain,
        10,
        None,
    );
    let alias =
        [&[0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'b', 0xC0, 14][..], &[1, b'b', 0xC0, 14], &address(90, 3)[2..]];
    keep(&store, &message("a.example", rtype::A, 0, [2, 0, 0], &alias.concat()), plain, 10, Some(0));
    let signed = Variant::new(true, true);
    keep(&store, &message("www.example", rtype::A, 0, [1, 0, 0], &address(300, 9)), signed, 0, None);
    keep(&store, &message("www.example", rtype::AAAA, 0, [0, 1, 0], &soa(30)), plain, 5, Some(29));
    keep(&store, &message("gone.example", rtype::A, 3, [0, 1, 0], &soa(30)), plain, 5, None);
    keep_address(&store, "old.example", 60, 1_000);
    store
}

/// What an entry is, as far as it must come back, times aside.
fn essence(entry: &Entry) -> String {
    let key = entry.key(&Hashing::default());
    let body = entry.body(entry.inserted());
    format!(
        "{} {} {:?} {:?} {} {:?}",
        name::display(key.name()),
        key.qtype(),
        key.variant(),
        entry.kind(),
        entry.lifetime(),
        body
    )
}

#[test]
fn what_may_be_given_comes_back_as_it_was() {
    let store = variety();
    let restored = read_at(&file(&store), after(0)).unwrap();
    assert_eq!(restored.dropped, 0);
    let sorted = |entries: &[Entry]| {
        let mut all: Vec<String> = entries.iter().map(essence).collect();
        all.sort();
        all
    };
    let kept = store.select(|_| true);
    assert_eq!(kept.len(), 6);
    assert_eq!(sorted(&restored.entries), sorted(&kept));
    assert!(restored.entries.iter().all(|entry| entry.zone() == ZONE));
    let popular = |entry: &Entry| (entry.kind() == Kind::Positive, entry.popular_at());
    assert!(
        restored.entries.iter().map(popular).all(|it| matches!(it, (true, 3) | (false, 0))),
        "by the present rules"
    );
}

#[test]
fn what_was_read_is_found_by_the_questions_it_answers() {
    let file = file(&variety());
    let next = store();
    let restored = read(&file, &rules(), |_| Some(ZONE), after(1), next.hashing()).unwrap();
    restored.entries.into_iter().for_each(|entry| next.insert(entry));
    let find = |text: &str, qtype, variant| {
        next.find(&Key::new(&name::parse(text).unwrap(), qtype, variant, next.hashing()), after(1).moment)
    };
    let plain = Variant::default();
    assert!(
        find("WWW.example", rtype::A, plain)
            .fresh()
            .is_some_and(|entry| entry.body(Moment::default()).counts == [2, 0, 0])
    );
    assert!(
        find("www.example", rtype::A, Variant::new(true, true))
            .fresh()
            .is_some_and(|entry| entry.body(Moment::default()).counts == [1, 0, 0])
    );
    assert!(find("www.example", rtype::AAAA, plain).fresh().is_some_and(|entry| entry.kind() == Kind::NoData));
    assert!(find("gone.example", rtype::MX, plain).fresh().is_some_and(|entry| entry.kind() == Kind::NxDomain));
    assert!(matches!(find("x.gone.example", rtype::A, plain), crate::cache::Known::Above(..)));
    assert!(matches!(find("old.example", rtype::A, plain), crate::cache::Known::Stale(_)));
}

/// The TTL that an answer shows.
fn shown(entry: &Entry, now: Moment) -> u32 {
    let body = entry.body(now);
    let mut records = body.records.to_vec();
    body.age_ttls(&mut records);
    crate::wire::u32_at(&records, 6).unwrap()
}

#[test]
fn ttls_go_on_by_the_time_that_passed() {
    let store = store();
    keep_address(&store, "www.example", 300, 20);
    let file = file(&store);
    for (passed, left) in [(0, Some(280)), (1, Some(279)), (279, Some(1)), (280, None)] {
        let restored = read_at(&file, after(passed)).unwrap();
        let [entry] = &restored.entries[..] else { panic!("one answer") };
        let now = after(passed).moment;
        assert_eq!(entry.is_fresh(now).then(|| shown(entry, now)), left, "after {passed} s");
    }
}

#[test]
fn by_a_clock_that_was_set_back_no_time_has_passed() {
    let store = store();
    keep_address(&store, "www.example", 300, 20);
    let now = Now { wall: Duration::from_secs(5), ..after(0) };
    let restored = read_at(&file(&store), now).unwrap();
    assert_eq!(shown(&restored.entries[0], now.moment), 280);
}

#[test]
fn what_has_expired_comes_back_for_as_long_as_it_may_be_given() {
    let store = store();
    keep_address(&store, "www.example", 300, 20);
    let file = file(&store);
    let within = after(280 + 3_599);
    let restored = read_at(&file, within).unwrap();
    assert!(restored.entries[0].is_stale(within.moment, 3_600));
    for too_late in [280 + 3_600, 1_000_000_000] {
        let restored = read_at(&file, after(too_late)).unwrap();
        assert_eq!((restored.entries.len(), restored.dropped), (0, 1), "after {too_late} s");
    }
    let forgetful = BTreeMap::from([(ZONE, Rules { serve_stale: 0, ..RULES })]);
    keep_address(&store, "old.example", 60, 61);
    let written = write(&store, &forgetful, WRITTEN, 1 << 20, &mut Vec::new()).unwrap();
    assert_eq!((written.entries, written.left_out), (1, 0), "where nothing is given that has expired");
}

#[test]
fn answers_of_zones_that_are_not_the_same_are_left_out() {
    let file = file(&variety());
    let changed = BTreeMap::from([(ZONE, Rules { digest: [0xD2; DIGEST], ..RULES })]);
    let count = |rules: &BTreeMap<u16, Rules>, zone: Option<u16>| {
        read(&file, rules, |_| zone, after(0), &Hashing::default()).unwrap().entries.len()
    };
    assert_eq!(count(&rules(), Some(ZONE)), 6);
    assert_eq!(count(&changed, Some(ZONE)), 0, "the zone says something else");
    assert_eq!(count(&rules(), None), 0, "the node answers these names itself");
    let moved = BTreeMap::from([(1, RULES), (ZONE, Rules { digest: [0xD2; DIGEST], ..RULES })]);
    assert_eq!(count(&moved, Some(1)), 6, "the same zone by another number");
    assert_eq!(count(&moved, Some(ZONE)), 0, "the names belong to another zone");
}

#[test]
fn no_answer_is_kept_for_longer_than_the_present_rules_say() {
    let store = store();
    keep_address(&store, "www.example", 300, 20);
    let short = BTreeMap::from([(ZONE, Rules { bounds: Bounds { max: 30, ..RULES.bounds }, ..RULES })]);
    let restored = read(&file(&store), &short, |_| Some(ZONE), after(0), &Hashing::default()).unwrap();
    assert_eq!(restored.entries[0].lifetime(), 30, "even if a file claims that the rules are the same");
}

#[test]
fn where_not_all_fit_good_answers_go_first_and_those_that_last() {
    let store = store();
    for (name, ttl, age) in [("long.example", 3_000, 0), ("short.example", 50, 0), ("expired.example", 50, 60)] {
        keep_address(&store, name, ttl, age);
    }
    keep(&store, &message("gone.example", rtype::A, 3, [0, 1, 0], &soa(300)), Variant::default(), 0, None);
    let order = ["long.example", "short.example", "expired.example", "gone.example"];
    let whole = length(file(&store).len());
    let (mut seen, mut before) = (0, u64::MAX);
    for limit in (0..=whole).rev() {
        let mut file = Vec::new();
        let Ok(written) = write(&store, &rules(), WRITTEN, limit, &mut file) else {
            assert!(limit < length(HEAD + 2 * DIGEST), "there is room for {limit} bytes");
            continue;
        };
        assert!(written.bytes == length(file.len()) && written.bytes <= limit, "{written:?} of {limit}");
        assert_eq!(written.entries + written.left_out, 4);
        let restored = read_at(&file, after(0)).unwrap();
        let names: Vec<_> = restored.entries.iter().map(|entry| name::display(entry.name()).to_string()).collect();
        if written.entries < before && before != u64::MAX {
            assert_eq!(names, order.map(|name| format!("{name}."))[..names.len()], "at {limit} bytes");
            seen += 1;
        }
        before = written.entries;
    }
    assert_eq!(seen, 4);
}

#[test]
fn a_file_that_is_cut_off_or_altered_anywhere_is_not_used() {
    let whole = file(&variety());
    for length in 0..whole.len() {
        assert!(read_at(&whole[..length], after(0)).is_err(), "{length} bytes");
    }
    assert!(read_at(&[&whole[..], &[0]].concat(), after(0)).is_err(), "one byte more");
    for bit in 0..whole.len() * 8 {
        let mut altered = whole.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(read_at(&altered, after(0)).is_err(), "bit {bit}");
    }
}

#[test]
fn a_file_says_why_it_is_not_used() {
    let whole = file(&variety());
    let mut newer = whole.clone();
    newer[9] = 2;
    for (bytes, reason) in [
        (&b"something else"[..], "it is not a snapshot of the cache"),
        (&newer, "it has the form 2; this version knows 1"),
        (&whole[..whole.len() - 1], "it is damaged"),
    ] {
        assert_eq!(read_at(bytes, after(0)).unwrap_err().to_string(), reason);
    }
}

/// Makes a file whole again after it was altered.
fn seal(file: &mut [u8]) {
    let (bytes, checksum) = file.split_last_chunk_mut::<DIGEST>().unwrap();
    checksum.copy_from_slice(digest::digest(&SHA256, bytes).as_ref());
}

/// Whether all that came back may be given, and is what a server could have said.
fn sound(restored: &Restored, now: Now) {
    for entry in &restored.entries {
        assert!(RULES.admit(entry, now.moment));
        assert!(entry.lifetime() <= RULES.bounds.max);
        let body = entry.body(now.moment);
        let mut bytes = message(&name::display(entry.name()).to_string(), 1, body.rcode, body.counts, body.records);
        // Every record can be found again, up to the last byte.
        let mut at = HEADER + entry.name().len() + 4;
        for _ in 0..body.counts.iter().sum::<u16>() {
            at = crate::wire::record::read(&bytes, at).unwrap().end;
        }
        assert_eq!(at, bytes.len());
        body.age_ttls(&mut bytes[HEADER + entry.name().len() + 4..]);
    }
}

#[test]
fn a_file_that_is_false_but_whole_cannot_bring_in_what_no_server_could_have_said() {
    let whole = file(&variety());
    let mut used = 0;
    for bit in 80..(whole.len() - DIGEST) * 8 {
        let mut altered = whole.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        seal(&mut altered);
        if let Ok(restored) = read_at(&altered, after(0)) {
            sound(&restored, after(0));
            used += 1;
        }
    }
    assert!(used > 1_000, "only {used}");
}

#[test]
fn an_answer_older_than_any_moment_is_left_out() {
    let store = store();
    keep_address(&store, "www.example", 86_400, 20);
    let early = Now { moment: Moment::from_secs(19), wall: WRITTEN.wall };
    assert_eq!(read_at(&file(&store), early).unwrap().dropped, 1);
}

proptest! {
    #[test]
    fn every_address_comes_back_and_never_lasts_longer(
        label in "[a-z0-9]{1,40}",
        ttl in 1_u32..200_000,
        age in 0_u64..100_000,
        milliseconds in 0_u64..200_000_000,
    ) {
        let store = store();
        keep_address(&store, &format!("{label}.example"), ttl, age);
        let passed = Duration::from_millis(milliseconds);
        let now = Now { wall: WRITTEN.wall + passed, ..after(0) };
        let mut file = Vec::new();
        write(&store, &rules(), WRITTEN, 1 << 20, &mut file).unwrap();
        let restored = read_at(&file, now).unwrap();
        let then = store.select(|entry| RULES.admit(entry, WRITTEN.moment + passed));
        prop_assert_eq!(restored.entries.len(), then.len());
        for (restored, then) in restored.entries.iter().zip(&then) {
            let left = restored.expires().since(now.moment);
            let left_then = then.expires().since(WRITTEN.moment + passed);
            prop_assert!(left <= left_then && left_then <= left + Duration::from_millis(1), "{left:?} {left_then:?}");
            prop_assert_eq!(essence(restored), essence(then));
        }
    }

    #[test]
    fn strange_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut file = [&MAGIC[..], &VERSION.to_be_bytes(), &bytes, &[0; DIGEST]].concat();
        seal(&mut file);
        if let Ok(restored) = read_at(&file, after(0)) {
            sound(&restored, after(0));
        }
    }
}
