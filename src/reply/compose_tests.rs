//! Every size, every flag: what a client sees.

use hickory_proto::op::Message;
use proptest::prelude::*;

use crate::cache::entry::Terms;
use crate::cache::{Entry, Hashing, Key, Variant};
use crate::sys::clock::Moment;
use crate::wire::answer::{Answer, Asked};
use crate::wire::name;

use super::*;

/// A query for `wWw.example. A` and where its question ends.
fn question() -> (Vec<u8>, usize) {
    let mut message = b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\x03wWw\x07example\0\0\x01\0\x01".to_vec();
    let end = message.len();
    message.resize(65_535, 0);
    (message, end)
}

/// An entry with `addresses` A records of TTL 100.
fn entry(addresses: u8, authentic: bool) -> Entry {
    let hashing = Hashing::default();
    let name = name::parse("www.example").unwrap();
    let (mut message, end) = question();
    message.truncate(end);
    message[2] = 0x81;
    message[7] = addresses;
    for last in 0..addresses {
        message.extend([0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 100, 0, 4, 192, 0, 2, last]);
    }
    let mut answer = Answer::default();
    answer.read(&message, &Asked { name: &name, qtype: 1, qclass: 1, dnssec_ok: false }).unwrap();
    let terms = Terms { now: Moment::from_secs(1_000), lifetime: 100, authentic, ..Terms::default() };
    Entry::new(&Key::new(&name, 1, Variant::default(), &hashing), &mut answer, terms, &hashing)
}

/// A client with or without EDNS.
fn client(edns: Option<(u16, bool)>, flags: u16) -> Client<'static> {
    let edns = edns.map(|(udp_size, dnssec_ok)| Edns { udp_size, dnssec_ok, keepalive: false, nsid: false });
    Client { flags, edns, limit: Client::udp_limit(edns, 1232), udp_size: 1232, options: &[] }
}

/// The answer as the client reads it.
fn ask(entry: &Entry, client: &Client<'_>, now: u64, turn: usize) -> Message {
    let (mut room, end) = question();
    let composed = answer(&mut room, end, client, &entry.body(Moment::from_secs(now)), turn);
    assert!(composed.length <= client.limit);
    assert_eq!(&room[12..end], &question().0[12..end], "the question keeps its letter case");
    Message::from_vec(&room[..composed.length]).unwrap()
}

#[test]
fn ttls_count_down() {
    let message = ask(&entry(2, false), &client(None, 0x0100), 1_040, 0);
    assert_eq!(message.answers.iter().map(|record| record.ttl).collect::<Vec<_>>(), [60, 60]);
    assert!(
        message.metadata.recursion_available && message.metadata.recursion_desired && !message.metadata.authoritative
    );
}

#[test]
fn rotation_begins_with_each_address_in_turn() {
    let entry = entry(3, false);
    let firsts: Vec<_> =
        (0..4).map(|turn| ask(&entry, &client(None, 0), 1_000, turn).answers[0].data.to_string()).collect();
    assert_eq!(firsts, ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.0"]);
    assert_eq!(ask(&entry, &client(None, 0), 1_000, 1).answers.len(), 3);
}

#[test]
fn ad_is_shown_to_those_who_asked_for_it() {
    for (edns, flags, shown) in [
        (None, 0, false),
        (None, flag::AD, true),
        (Some((1232, true)), 0, true),
        (Some((1232, false)), 0, false),
        (None, flag::AD | flag::CD, false),
    ] {
        assert_eq!(
            ask(&entry(1, true), &client(edns, flags), 1_000, 0).metadata.authentic_data,
            shown,
            "{edns:?} {flags:#x}"
        );
        assert!(!ask(&entry(1, false), &client(edns, flags), 1_000, 0).metadata.authentic_data);
    }
}

#[test]
fn edns_is_answered_with_edns_only() {
    assert!(ask(&entry(1, false), &client(None, 0), 1_000, 0).edns.is_none());
    let edns = ask(&entry(1, false), &client(Some((4096, true)), 0), 1_000, 0).edns.unwrap();
    assert_eq!((edns.version(), edns.max_payload(), edns.flags().dnssec_ok), (0, 1232, true));
}

#[test]
fn an_extended_code_needs_both_halves() {
    let (mut room, end) = question();
    let composed = error(&mut room, end, &client(Some((1232, false)), 0), rcode::BADVERS, None);
    let message = Message::from_vec(&room[..composed.length]).unwrap();
    assert_eq!(u16::from(message.metadata.response_code), rcode::BADVERS);
}

#[test]
fn a_minimal_answer_to_any_parses() {
    let (mut room, end) = question();
    let composed = minimal_any(&mut room, end, &client(Some((1232, false)), 0));
    let message = Message::from_vec(&room[..composed.length]).unwrap();
    assert_eq!((message.answers.len(), message.answers[0].record_type().to_string().as_str()), (1, "HINFO"));
}

proptest! {
    #[test]
    fn tc_is_set_when_and_only_when_records_were_dropped(addresses in 1_u8..=255, size in 0_u16..5_000, edns in any::<bool>(), turn in 0_usize..300) {
        let client = client(edns.then_some((size, false)), 0);
        let message = ask(&entry(addresses, false), &client, 1_000, turn);
        let kept = message.answers.len();
        prop_assert_eq!(message.metadata.truncation, kept < usize::from(addresses));
        let opt = if edns { OPT } else { 0 };
        let room = (client.limit - question().1 - opt) / 16;
        prop_assert_eq!(kept, room.min(usize::from(addresses)), "as many as fit");
        let mut distinct: Vec<_> = message.answers.iter().map(|record| record.data.to_string()).collect();
        distinct.sort();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), kept);
    }
}
