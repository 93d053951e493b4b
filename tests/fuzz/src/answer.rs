//! An upstream's message: what we make of it is well-formed, about the question alone, and a fixed point.

use hickory_proto::op::Message;
use nodens::cache::entry::Terms;
use nodens::cache::{Entry, Hashing, Key, Variant};
use nodens::reply::{self, Client};
use nodens::sys::clock::Moment;
use nodens::wire::answer::{Answer, Asked, Kind};
use nodens::wire::query::Edns;
use nodens::wire::{name, u16_at};

use crate::walker;

/// When all this happens.
const NOW: Moment = Moment::from_secs(1_000);

/// Types whose RDATA we check ourselves, so that hickory-proto must be able to read what we let pass.
const CHECKED: [u16; 9] = [1, 2, 5, 6, 12, 15, 28, 33, 39];

/// Types with names in their RDATA that hickory-proto takes for mere bytes, so that it reads a compressed and a whole name as two different things.
const HALF_KNOWN: [u16; 13] = [3, 4, 7, 8, 9, 14, 17, 18, 21, 26, 30, 36, 39];

/// A first byte of choices, then the message, taken as an answer to the question it carries itself.
pub fn check(data: &[u8]) {
    let Some((choice, message)) = data.split_first() else { return };
    let Some(end) = name::plain_length(message, 12).map(|length| 12 + length) else { return };
    let (Some(qtype), Some(qclass)) = (u16_at(message, end), u16_at(message, end + 2)) else { return };
    let folded = message[12..end].to_ascii_lowercase();
    let asked = Asked { name: &folded, qtype, qclass, dnssec_ok: choice & 1 != 0 };
    let mut answer = Answer::default();
    if answer.read(message, &asked).is_err() {
        return;
    }
    let mut question = message[..end + 4].to_vec();
    question[2..4].copy_from_slice(&[1, 0]);
    if let Some(entry) = entry(&mut answer, &asked) {
        let written = compose(&entry, &question, choice & 2 != 0);
        well_formed(&written, &asked);
        as_hickory_reads_it(message, &written);
        again(&written, &asked, &answer);
    }
}

/// The answer as the cache keeps it; `None` if it has no place for records of that size.
pub(crate) fn entry(answer: &mut Answer, asked: &Asked<'_>) -> Option<Entry> {
    let hashing = Hashing::default();
    let key = Key::new(asked.name, asked.qtype, Variant::new(asked.dnssec_ok, false), &hashing);
    let terms = Terms { now: NOW, lifetime: 60, zone: 0, authentic: answer.authentic, ..Terms::default() };
    (answer.records.len() <= usize::from(u16::MAX)).then(|| Entry::new(&key, answer, terms, &hashing))
}

/// The answer as a client sees it over TCP.
pub(crate) fn compose(entry: &Entry, question: &[u8], edns: bool) -> Vec<u8> {
    let edns = edns.then_some(Edns { udp_size: 1232, dnssec_ok: false, keepalive: false, nsid: false });
    let client = Client { flags: 0x0120, edns, limit: 65_535, udp_size: 1232, options: &[] };
    let mut room = question.to_vec();
    room.resize(65_535, 0xEE);
    let composed = reply::answer(&mut room, question.len(), &client, &entry.body(NOW), 0);
    room.truncate(composed.length);
    room
}

/// A strict reader can read it; no record is of another class, and RDATA with names is whole.
pub(crate) fn well_formed(written: &[u8], asked: &Asked<'_>) {
    let message = walker::message(written).unwrap_or_else(|| panic!("not well-formed: {written:02x?}"));
    for record in &message.records {
        assert_eq!(record.class, asked.qclass, "{record:?}");
        assert!(record.ttl <= 0x7FFF_FFFF, "{record:?}");
        assert!(walker::rdata_is_whole(written, record), "{record:?} in {written:02x?}");
    }
    if message.records.iter().all(|record| CHECKED.contains(&record.rtype)) {
        let theirs = Message::from_vec(written).unwrap_or_else(|error| panic!("{error}: {written:02x?}"));
        let counts = [theirs.answers.len(), theirs.authorities.len(), theirs.additionals.len()];
        assert_eq!(counts, [0, 1, 2].map(|section| message.count(section)));
    }
}

/// No record that hickory-proto reads in what we wrote is missing in what it reads in the message that it was made of: only TTLs may differ.
fn as_hickory_reads_it(message: &[u8], written: &[u8]) {
    let (Ok(theirs), Ok(ours)) = (Message::from_vec(message), Message::from_vec(written)) else { return };
    for (section, from) in [
        (&ours.answers, &theirs.answers),
        (&ours.authorities, &theirs.authorities),
        (&ours.additionals, &theirs.additionals),
    ] {
        for record in section.iter().filter(|record| !HALF_KNOWN.contains(&u16::from(record.record_type()))) {
            let is_there = from.iter().any(|other| {
                record.name == other.name && record.data == other.data && record.dns_class == other.dns_class
            });
            assert!(is_there, "{record:?} is not in {message:02x?}");
        }
    }
}

/// What we wrote, read as an upstream's message, comes out as it went in.
fn again(written: &[u8], asked: &Asked<'_>, first: &Answer) {
    if first.kind == Kind::Failure || written.len() >= 65_000 || first.ttls.len() != total(first) {
        return;
    }
    let mut second = Answer::default();
    second.read(written, asked).unwrap_or_else(|error| panic!("{error:?}: {written:02x?}"));
    assert_eq!(second.dropped, 0, "{written:02x?}");
    assert_eq!((second.kind, second.counts, second.ttl), (first.kind, first.counts, first.ttl), "{written:02x?}");
    assert_eq!((second.negative_ttl, second.rotation), (first.negative_ttl, first.rotation), "{written:02x?}");
    assert_eq!(second.ttls, first.ttls);
    assert_eq!(second.records, first.records, "{written:02x?}");
}

/// Records in all.
fn total(answer: &Answer) -> usize {
    answer.counts.iter().map(|count| usize::from(*count)).sum()
}
