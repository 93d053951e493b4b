//! The file of the cache: whatever stands in it, what comes back is what a server could have said, may be given, and is a fixed point.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use nodens::cache::snapshot::{Now, Restored, Rules, read, write};
use nodens::cache::ttl::Bounds;
use nodens::cache::{Entry, Store};
use nodens::sys::clock::Moment;
use nodens::wire::answer::Asked;

use crate::answer;

/// When it is read.
const NOW: Now = Now { moment: Moment::from_secs(5_000_000), wall: Duration::from_secs(1_800_000_000) };

/// For how long answers may be given after their expiry, in seconds.
const STALE: u32 = 3_600;

/// The only zone.
const RULES: Rules = Rules {
    digest: [7; 32],
    bounds: Bounds { max: 86_400, min: 0, max_negative: 300 },
    serve_stale: STALE,
    prefetch: 3,
};

/// A first byte says how many minutes ago the file was written; answers as they stand in it follow.
pub fn check(data: &[u8]) {
    let _ = restore(data, &store());
    let Some((minutes, answers)) = data.split_first() else { return };
    let written = NOW.wall - Duration::from_secs(60) * u32::from(*minutes);
    let milliseconds = u64::try_from(written.as_millis()).expect("a time of this century");
    let mut file = b"nodens\r\n\0\x01".to_vec();
    file.extend(milliseconds.to_be_bytes());
    file.extend([0, 1]);
    file.extend(RULES.digest);
    file.extend(answers);
    file.extend(digest(&SHA256, &file).as_ref());
    let store = store();
    let Some(restored) = restore(&file, &store) else { return };
    for entry in &restored.entries {
        may_be_given(entry);
        is_well_formed(entry, &store);
        store.insert(entry.clone());
    }
    let kept = store.select(|_| true);
    assert!(kept.len() <= restored.entries.len());
    let mut again = Vec::new();
    let about = write(&store, &rules(), NOW, 1 << 20, &mut again).expect("memory takes it");
    assert_eq!((about.entries, about.left_out, about.bytes), (count(&kept), 0, again.len() as u64));
    let twice = restore(&again, &store).expect("our own file is sound");
    assert_eq!((count(&twice.entries), twice.dropped), (count(&kept), 0));
    for (one, other) in kept.iter().zip(&twice.entries) {
        assert_eq!(format!("{:?}", one.body(Moment::default())), format!("{:?}", other.body(Moment::default())));
        assert_eq!(
            (one.key(store.hashing()).as_bytes(), one.lifetime()),
            (other.key(store.hashing()).as_bytes(), other.lifetime())
        );
    }
}

/// An empty store.
fn store() -> Store {
    Store::new(1 << 20, 1 << 20)
}

/// The zone by its number.
fn rules() -> BTreeMap<u16, Rules> {
    BTreeMap::from([(4, RULES)])
}

/// Reads a file.
fn restore(file: &[u8], store: &Store) -> Option<Restored> {
    read(file, &rules(), |_| Some(4), NOW, store.hashing()).ok()
}

/// How many.
fn count(entries: &[Entry]) -> u64 {
    entries.len() as u64
}

/// Neither older nor longer than the zone allows.
fn may_be_given(entry: &Entry) {
    assert!(entry.inserted() <= NOW.moment && entry.lifetime() <= RULES.bounds.max);
    let end = entry.expires() + Duration::from_secs(STALE.into());
    assert!(end > NOW.moment, "{entry:?}");
    assert!(!entry.is_denial() || entry.lifetime() <= RULES.bounds.max_negative, "{entry:?}");
}

/// What a client gets is sound. The answer to all types is asked for by one of them.
fn is_well_formed(entry: &Entry, store: &Store) {
    let key = entry.key(store.hashing());
    let qtype = if entry.cuts() { 1 } else { key.qtype() };
    let mut question = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    question.extend(key.name());
    question.extend(qtype.to_be_bytes());
    question.extend([0, 1]);
    let asked = Asked { name: key.name(), qtype, qclass: 1, dnssec_ok: key.variant().dnssec_ok() };
    answer::well_formed(&answer::compose(entry, &question, false), &asked);
}
