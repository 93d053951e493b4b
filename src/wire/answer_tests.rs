//! Upstream messages, good and bad, and what is left of them.

use std::str::FromStr;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, MX, NS, NULL, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;

use super::*;
use crate::wire::body::Body;

/// A response to `name type` with the given answer and authority records.
fn response(name: &str, qtype: RecordType, code: ResponseCode, answers: &[Record], authorities: &[Record]) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    message.metadata.response_code = code;
    message.add_query(Query::query(Name::from_str(name).unwrap(), qtype));
    message.answers.extend(answers.iter().cloned());
    message.authorities.extend(authorities.iter().cloned());
    message.to_vec().unwrap()
}

/// One record.
fn record(name: &str, ttl: u32, rdata: RData) -> Record {
    Record::from_rdata(Name::from_str(name).unwrap(), ttl, rdata)
}

/// An address record.
fn a(name: &str, ttl: u32, last: u8) -> Record {
    record(name, ttl, RData::A(A::new(192, 0, 2, last)))
}

/// An alias record.
fn alias(name: &str, ttl: u32, target: &str) -> Record {
    record(name, ttl, RData::CNAME(CNAME(Name::from_str(target).unwrap())))
}

/// A zone's start with a negative TTL of `minimum`.
fn soa(name: &str, ttl: u32, minimum: u32) -> Record {
    let name_of = |text| Name::from_str(text).unwrap();
    record(name, ttl, RData::SOA(SOA::new(name_of("ns.example."), name_of("admin.example."), 1, 2, 3, 4, minimum)))
}

/// Reads a message that answers `name type`.
fn read(message: &[u8], name: &str, qtype: u16) -> Result<Answer, Malformed> {
    let mut answer = Answer::default();
    let name = name::parse(name).unwrap();
    answer.read(message, &Asked { name: &name, qtype, qclass: 1, dnssec_ok: false })?;
    Ok(answer)
}

#[test]
fn a_dname_above_two_aliases_is_written_once() {
    // Aliases made by hand: hickory-proto has no DNAME without its DNSSEC features.
    let mut message = response("a.example.", RecordType::A, ResponseCode::NoError, &[], &[]);
    message[7] = 3;
    message.extend(b"\xC0\x0E\0\x27\0\x01\0\0\0\x3C\0\x06\x04test\0");
    message.extend(b"\xC0\x0C\0\x05\0\x01\0\0\0\x3C\0\x04\x01b\xC0\x0E");
    message.extend(b"\x01b\xC0\x0E\0\x05\0\x01\0\0\0\x3C\0\x04\x01c\xC0\x0E");
    assert_eq!(read(&message, "a.example", 1).unwrap().counts, [3, 0, 0]);
}

/// The message that a client would get.
fn complete(answer: &Answer, name: &str, qtype: u16) -> Message {
    let mut bytes = vec![0, 7, 0x81, 0x80, 0, 1];
    bytes.extend(answer.counts.iter().flat_map(|count| count.to_be_bytes()));
    bytes.extend(name::parse(name).unwrap());
    bytes.extend(qtype.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(&answer.records);
    Message::from_vec(&bytes).unwrap()
}

#[test]
fn an_address_set_is_kept_and_can_be_rotated() {
    let message = response(
        "www.example.",
        RecordType::A,
        ResponseCode::NoError,
        &[a("www.example.", 60, 1), a("www.example.", 30, 2)],
        &[],
    );
    let answer = read(&message, "www.example.", 1).unwrap();
    assert_eq!((answer.kind, answer.ttl, answer.counts), (Kind::Positive, 30, [2, 0, 0]));
    assert_eq!(answer.rotation, Some(Rotation { start: 0, stride: 16, count: 2 }));
    let client = complete(&answer, "www.example.", 1);
    assert_eq!(
        client.answers,
        [a("www.example.", 30, 1), a("www.example.", 30, 2)],
        "RFC 2181 section 5.2: one TTL a set"
    );
}

#[test]
fn an_alias_chain_comes_out_in_order_whatever_order_it_came_in() {
    let records =
        [a("c.example.", 60, 1), alias("b.example.", 50, "c.example."), alias("a.example.", 40, "b.example.")];
    let message = response("a.example.", RecordType::A, ResponseCode::NoError, &records, &[]);
    let answer = read(&message, "a.example.", 1).unwrap();
    assert_eq!((answer.kind, answer.ttl), (Kind::Positive, 40));
    let [address, second, first] = records;
    assert_eq!(complete(&answer, "a.example.", 1).answers, [first, second, address]);
}

#[test]
fn alias_loops_are_errors() {
    let circle = [alias("a.example.", 1, "b.example."), alias("b.example.", 1, "a.example.")];
    let late = [alias("a.example.", 1, "b.example."), alias("b.example.", 1, "b.example.")];
    for records in [&circle[..], &late, &[alias("a.example.", 1, "A.example.")]] {
        let message = response("a.example.", RecordType::A, ResponseCode::NoError, records, &[]);
        assert_eq!(read(&message, "a.example.", 1).unwrap_err(), Malformed::Chain);
    }
}

#[test]
fn a_chain_is_whole_or_an_error() {
    let message = |links: usize| {
        let link = |n: usize| alias(&format!("{n}.example."), 1, &format!("{}.example.", n + 1));
        let mut records: Vec<Record> = (0..links).map(link).collect();
        records.push(a(&format!("{links}.example."), 60, 1));
        response("0.example.", RecordType::A, ResponseCode::NoError, &records, &[])
    };
    assert_eq!(read(&message(MAX_CHAIN), "0.example.", 1).unwrap().counts, [17, 0, 0]);
    assert_eq!(read(&message(MAX_CHAIN + 1), "0.example.", 1).unwrap_err(), Malformed::Chain);
}

#[test]
fn additional_addresses_are_those_of_hosts_that_the_answer_names() {
    let exchange = record("example.", 60, RData::MX(MX::new(1, Name::from_str("mail.example.").unwrap())));
    let mut message = response("example.", RecordType::MX, ResponseCode::NoError, &[exchange], &[]);
    // The exchange's name lies behind a preference: header 12, question 13, owner and fixed fields 12, preference 2.
    message.extend(b"\xC0\x27\0\x01\0\x01\0\0\0\x3C\0\x04\xC0\0\x02\x01");
    message.extend(b"\x06victim\x04test\0\0\x01\0\x01\0\0\0\x3C\0\x04\xC0\0\x02\x42");
    message[11] = 2;
    let answer = read(&message, "example.", 15).unwrap();
    assert_eq!(answer.counts, [1, 0, 1]);
    assert_eq!(complete(&answer, "example.", 15).additionals, [a("mail.example.", 60, 1)]);
}

#[test]
fn a_service_that_names_the_root_means_its_owner() {
    let mut message = response("www.example.", RecordType::HTTPS, ResponseCode::NoError, &[], &[]);
    message.extend(b"\xC0\x0C\0\x41\0\x01\0\0\0\x3C\0\x03\0\x01\0");
    message.extend(b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x04\xC0\0\x02\x01");
    (message[7], message[11]) = (1, 1);
    assert_eq!(read(&message, "www.example.", 65).unwrap().counts, [1, 0, 1]);
}

#[test]
fn records_nobody_asked_for_are_not_believed() {
    let records = [
        a("www.example.", 60, 1),
        a("bank.example.", 60, 66),
        record("www.example.", 9, RData::MX(MX::new(1, Name::root()))),
    ];
    let authority = [record("example.", 60, RData::NS(NS(Name::from_str("evil.example.").unwrap())))];
    let message = response("www.example.", RecordType::A, ResponseCode::NoError, &records, &authority);
    let answer = read(&message, "www.example.", 1).unwrap();
    assert_eq!(complete(&answer, "www.example.", 1).answers, [a("www.example.", 60, 1)]);
    assert_eq!(answer.counts, [1, 0, 0]);
}

#[test]
fn negative_answers_carry_the_smaller_of_both_ttls() {
    for (code, kind) in [(ResponseCode::NXDomain, Kind::NxDomain), (ResponseCode::NoError, Kind::NoData)] {
        for (ttl, minimum) in [(300, 60), (60, 300)] {
            let message = response("no.example.", RecordType::A, code, &[], &[soa("example.", ttl, minimum)]);
            let answer = read(&message, "no.example.", 1).unwrap();
            assert_eq!((answer.kind, answer.negative_ttl), (kind, Some(60)));
            assert_eq!(complete(&answer, "no.example.", 1).authorities[0].ttl, 60);
        }
    }
}

#[test]
fn a_denial_can_be_moved_below_its_name() {
    let message = response("no.example.", RecordType::A, ResponseCode::NXDomain, &[], &[soa("example.", 60, 60)]);
    let above = read(&message, "no.example.", 1).unwrap();
    let ttls: Vec<u8> = above.ttls.iter().flat_map(|at| at.to_be_bytes()).collect();
    let body = Body {
        records: &above.records,
        ttls: &ttls,
        age: 20,
        least_ttl: 0,
        counts: above.counts,
        rcode: 3,
        ede: None,
        rotation: None,
        authentic: false,
        authoritative: false,
        truncated: false,
    };
    let name = name::parse("a.b.no.example.").unwrap();
    let mut below = Answer::default();
    let asked = Asked { name: &name, qtype: 28, qclass: 1, dnssec_ok: false };
    below.read_below(&body, &name::parse("no.example.").unwrap(), &asked).unwrap();
    assert_eq!(below.kind, Kind::NxDomain);
    assert_eq!(complete(&below, "a.b.no.example.", 28).authorities, [soa("example.", 40, 60)]);
}

#[test]
fn an_soa_of_another_zone_proves_nothing() {
    let message = response("no.example.", RecordType::A, ResponseCode::NXDomain, &[], &[soa("test.", 60, 60)]);
    let answer = read(&message, "no.example.", 1).unwrap();
    assert_eq!((answer.kind, answer.negative_ttl, answer.counts), (Kind::NxDomain, None, [0, 0, 0]));
}

#[test]
fn a_pointer_where_none_may_be_is_dropped() {
    // Behind our own header and question it would lead somewhere else.
    let pointing = [0xC0, 0x00, 0x00, 0x01, 0x40];
    for (code, lead) in [(47, 0), (46, 18), (64, 2), (65, 2)] {
        let rtype = RecordType::Unknown(code);
        let rdata = [&vec![0; lead][..], &pointing].concat();
        let bad = record("x.example.", 60, RData::Unknown { code: rtype, rdata: NULL::with(rdata) });
        let mut message = response("x.example.", rtype, ResponseCode::NoError, &[bad], &[]);
        let answer = read(&message, "x.example.", code).unwrap();
        assert_eq!((answer.counts, answer.dropped), ([0, 0, 0], 1), "type {code}");
        let at = message.len() - pointing.len();
        message[at..at + 2].copy_from_slice(&[1, b'a']);
        message[at + 2] = 0;
        let answer = read(&message, "x.example.", code).unwrap();
        assert_eq!((answer.counts, answer.dropped), ([1, 0, 0], 0), "type {code}");
    }
}

#[test]
fn unknown_types_pass_byte_for_byte() {
    let data = vec![0xC0, 0x0C, 1, 2, 3];
    let unknown =
        record("x.example.", 60, RData::Unknown { code: RecordType::Unknown(65_280), rdata: NULL::with(data.clone()) });
    let message = response("x.example.", RecordType::Unknown(65_280), ResponseCode::NoError, &[unknown], &[]);
    let answer = read(&message, "x.example.", 65_280).unwrap();
    assert!(answer.records.ends_with(&data));
}

#[test]
fn one_broken_record_does_not_lose_the_others() {
    let mut message = response(
        "www.example.",
        RecordType::A,
        ResponseCode::NoError,
        &[a("www.example.", 60, 1), a("www.example.", 60, 2)],
        &[],
    );
    message.extend([0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 60, 0, 3, 1, 2, 3]);
    message[7] = 3;
    let answer = read(&message, "www.example.", 1).unwrap();
    assert_eq!((answer.counts, answer.dropped), ([2, 0, 0], 1));
}

#[test]
fn other_questions_and_cut_messages_are_refused() {
    let message = response("www.example.", RecordType::A, ResponseCode::NoError, &[a("www.example.", 60, 1)], &[]);
    assert_eq!(read(&message, "xxx.example.", 1).unwrap_err(), Malformed::Question);
    assert_eq!(read(&message, "www.example.", 28).unwrap_err(), Malformed::Question);
    assert_eq!(read(&message[..message.len() - 1], "www.example.", 1).unwrap_err(), Malformed::Record);
    assert_eq!(read(&message[..10], "www.example.", 1).unwrap_err(), Malformed::Header);
}

#[test]
fn edns_of_the_upstream_is_read_and_left_behind() {
    let mut message = response("www.example.", RecordType::A, ResponseCode::ServFail, &[], &[]);
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 12, 0, 15, 0, 2, 0, 6, 0, 11, 0, 2, 0, 100]);
    message[11] = 1;
    let answer = read(&message, "www.example.", 1).unwrap();
    assert_eq!(
        (answer.kind, answer.rcode, answer.edns, answer.ede, answer.keepalive),
        (Kind::Failure, 2, true, Some(6), Some(100))
    );
    assert_eq!(answer.counts, [0, 0, 0]);
}

/// Bytes that look like records often enough.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(vec![0xC0, 0x0C]),
        Just(vec![3, b'w', b'w', b'w', 0]),
        (0_u8..60, 0_u8..8).prop_map(|(rtype, length)| vec![0, rtype, 0, 1, 0, 0, 0, 60, 0, length]),
        (0_u16..80).prop_map(|target| (0xC000 | target).to_be_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_comes_what_leaves_can_be_parsed(tail in garbage(), counts in any::<[u8; 3]>(), qtype in 0_u16..70, code in 0_u8..5) {
        let name = name::parse("www.example").unwrap();
        let mut message = vec![0, 0, 0x80, code, 0, 1, 0, counts[0] % 5, 0, counts[1] % 5, 0, counts[2] % 5];
        message.extend(&name);
        message.extend(qtype.to_be_bytes());
        message.extend([0, 1]);
        message.extend(&tail);
        let mut answer = Answer::default();
        if answer.read(&message, &Asked { name: &name, qtype, qclass: 1, dnssec_ok: true }).is_ok() {
            let question_end = HEADER + name.len() + 4;
            let mut whole = message[..question_end].to_vec();
            whole.extend(&answer.records);
            let mut at = question_end;
            let mut ttls = Vec::new();
            for _ in 0..answer.counts.iter().sum::<u16>() {
                let record = record::read(&whole, at).expect("every record we wrote can be read");
                prop_assert!(name::expand(&whole, at).is_some(), "every owner we wrote is a name");
                ttls.push(u16::try_from(record.rdata_start - 6 - question_end).unwrap());
                let form = record::form(record.rtype);
                match form {
                    Form::Opaque => {}
                    Form::Plain { lead } => prop_assert!(name::plain_length(record.rdata(&whole), lead).is_some()),
                    Form::Fixed(length) => prop_assert_eq!(record.rdata(&whole).len(), length),
                    Form::Names { .. } | Form::Naptr => prop_assert!(record::take_apart(&whole, &record, form, &mut Vec::new()).is_some()),
                }
                at = record.end;
            }
            prop_assert_eq!(at, whole.len());
            prop_assert_eq!(ttls, answer.ttls);
        }
    }
}
