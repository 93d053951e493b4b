//! Whatever a server sends, clients get replies that parse, and the next question is answered.

use std::time::Duration;

use super::common::ask::Ask;
use super::common::compose::{Compose, fields, soa_data};
use super::common::daemon::Setup;
use super::common::upstream::{Action, Query, Upstream, one_address};
use super::common::wire::{kind, name_bytes, rcode};

/// One way to be wrong.
type Fault = (&'static str, fn(&Query) -> Vec<u8>);

/// All ways to be wrong that we know of, each as a name and the message it makes.
const FAULTS: &[Fault] = &[
    ("an empty message", |_| Vec::new()),
    ("one byte", |_| vec![0]),
    ("half a header", |q| good(q)[..6].to_vec()),
    ("a header alone that promises a question", |q| good(q)[..12].to_vec()),
    ("a question that is cut off", |q| good(q)[..20].to_vec()),
    ("a record that is cut off", |q| cut(q, 2)),
    ("a record without its data", |q| cut(q, 4)),
    ("more answers promised than given", |q| patch(q, 7, 9)),
    ("fewer answers promised than given", |q| patch(q, 7, 0)),
    ("more authorities promised than given", |q| patch(q, 9, 9)),
    ("RDLENGTH beyond the end", |q| raw(q, 0, &broken_length(200))),
    ("RDLENGTH of 65,535", |q| raw(q, 0, &broken_length(65_535))),
    ("an A record of three bytes", |q| answer(q, kind::A, &[1, 2, 3])),
    ("an A record of five bytes", |q| answer(q, kind::A, &[1, 2, 3, 4, 5])),
    ("an A record of no bytes", |q| answer(q, kind::A, &[])),
    ("an AAAA record of four bytes", |q| answer(q, kind::AAAA, &[1, 2, 3, 4])),
    ("a CNAME of no bytes", |q| answer(q, kind::CNAME, &[])),
    ("a CNAME with a byte behind it", |q| answer(q, kind::CNAME, b"\x01a\x00x")),
    ("a CNAME that runs out of its record", |q| answer(q, kind::CNAME, b"\x3fabc")),
    ("an MX of one byte", |q| answer(q, kind::MX, &[0])),
    ("an SOA that is cut off", |q| answer(q, kind::SOA, &soa_data(60)[..30])),
    ("a TXT whose string is too long", |q| answer(q, kind::TXT, b"\x20short")),
    ("an SRV of two bytes", |q| answer(q, kind::SRV, &[0, 1])),
    ("an RRSIG of three bytes", |q| answer(q, kind::RRSIG, &[0, 1, 2])),
    ("an owner that points at itself", |q| raw(q, 0, &owner(&[0xc0, own_offset(q)]))),
    ("an owner that points forward", |q| raw(q, 0, &owner(&[0xc0, own_offset(q) + 4]))),
    ("an owner that points beyond the end", |q| raw(q, 0, &owner(&[0xff, 0xff]))),
    ("an owner that points into the header", |q| raw(q, 0, &owner(&[0xc0, 0]))),
    ("an owner with a label of 64", |q| raw(q, 0, &owner(&[&[64][..], &[b'a'; 64], &[0]].concat()))),
    ("an owner with a reserved label type", |q| raw(q, 0, &owner(&[0x80, 1, 0]))),
    ("an owner of 300 bytes", |q| raw(q, 0, &owner(&[&[49; 50].repeat(6)[..], &[0]].concat()))),
    ("two pointers that point at each other", |q| {
        let at = own_offset(q);
        raw(q, 0, &owner(&[0xc0, at + 2, 0xc0, at]))
    }),
    ("CNAME data that points at itself", |q| answer(q, kind::CNAME, &[0xc0, own_offset(q) + 12])),
    ("a chain of aliases in a circle", |q| {
        let to_b = q.answer().answer(kind::CNAME, 60, &name_bytes("b.example.org"));
        to_b.record(0, "b.example.org", kind::CNAME, 60, &name_bytes(&q.name())).bytes()
    }),
    ("an alias to itself", |q| q.answer().answer(kind::CNAME, 60, &name_bytes(&q.name())).bytes()),
    ("two different aliases of one name", |q| {
        let one = q.answer().answer(kind::CNAME, 60, &name_bytes("b.example.org"));
        one.answer(kind::CNAME, 60, &name_bytes("c.example.org")).bytes()
    }),
    ("two OPT records", |q| opt(opt(q.answer().no_edns())).bytes()),
    ("an OPT record among the answers", |q| q.answer().raw(0, &opt_record()).bytes()),
    ("an OPT record with a cut-off option", |q| {
        let mut record = opt_record();
        record[10] = 3;
        record.extend([0, 3, 0]);
        q.answer().no_edns().raw(2, &record).bytes()
    }),
    ("an OPT record of another version", |q| {
        let mut record = opt_record();
        record[6] = 5;
        q.answer().no_edns().raw(2, &record).bytes()
    }),
    ("no question but an answer", |q| {
        let mut message = good(q);
        message[5] = 0;
        message
    }),
    ("two questions", |q| patch(q, 5, 2)),
    ("a query instead of an answer", |q| good_as(q).clear(0x8000).bytes()),
    ("another opcode", |q| good_as(q).set(0x2000).bytes()),
    ("the reserved bit", |q| good_as(q).set(0x0040).bytes()),
    ("a response code that does not exist", |q| q.answer().rcode(15).bytes()),
    ("an extended response code that does not exist", |q| q.answer().rcode(0xabc).bytes()),
    ("bytes behind the end", |q| [&good(q)[..], &[0xff; 40]].concat()),
    ("TC over a stream", |q| good_as(q).truncated().bytes()),
    ("a record of another class", |q| {
        let mut record = vec![0xc0, 12];
        record.extend(fields(kind::A, 60, &[192, 0, 2, 1]));
        record[5] = 3;
        raw(q, 0, &record)
    }),
    ("an answer for another name only", |q| {
        q.answer().record(0, "www.example.net", kind::A, 60, &[192, 0, 2, 1]).bytes()
    }),
    ("a largest TTL", |q| q.answer().addresses(u32::MAX, &[[192, 0, 2, 1]]).bytes()),
    ("a meta type among the answers", |q| answer(q, kind::AXFR, b"x")),
    ("type 0 among the answers", |q| answer(q, 0, b"")),
    ("an NXDOMAIN whose SOA is cut off", |q| {
        q.answer().rcode(rcode::NXDOMAIN).record(1, "example.org", kind::SOA, 60, &[0]).bytes()
    }),
    ("an NXDOMAIN with addresses", |q| good_as(q).rcode(rcode::NXDOMAIN).bytes()),
    ("60 kilobytes of zeros", |q| [&good(q)[..], &vec![0; 60_000]].concat()),
    ("4,000 records", |q| {
        (0..4_000_u16)
            .fold(q.answer(), |a, n| a.answer(kind::A, 60, &[10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]))
            .bytes()
    }),
];

/// A sound answer in the making.
fn good_as(query: &Query) -> Compose {
    one_address(query).no_edns()
}

/// A sound answer; its one record is its end.
fn good(query: &Query) -> Vec<u8> {
    good_as(query).bytes()
}

/// A sound answer without its last bytes.
fn cut(query: &Query, bytes: usize) -> Vec<u8> {
    let whole = good(query);
    whole[..whole.len() - bytes].to_vec()
}

/// A sound answer with one byte changed.
fn patch(query: &Query, at: usize, byte: u8) -> Vec<u8> {
    let mut message = good(query);
    message[at] = byte;
    message
}

/// An answer with one record of the question's name.
fn answer(query: &Query, kind: u16, data: &[u8]) -> Vec<u8> {
    query.answer().no_edns().answer(kind, 60, data).bytes()
}

/// An answer with one record of the caller's own writing.
fn raw(query: &Query, section: usize, record: &[u8]) -> Vec<u8> {
    query.answer().no_edns().raw(section, record).bytes()
}

/// Where the first record begins.
fn own_offset(query: &Query) -> u8 {
    u8::try_from(12 + query.message.question_bytes.len()).unwrap()
}

/// An A record with this owner.
fn owner(name: &[u8]) -> Vec<u8> {
    [name, &fields(kind::A, 60, &[192, 0, 2, 1])].concat()
}

/// An A record whose RDLENGTH lies.
fn broken_length(length: u16) -> Vec<u8> {
    let mut record = vec![0xc0, 12];
    record.extend(fields(kind::A, 60, &[192, 0, 2, 1]));
    record[10..12].copy_from_slice(&length.to_be_bytes());
    record
}

/// An OPT record without options.
fn opt_record() -> Vec<u8> {
    vec![0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]
}

/// The same with an OPT record.
fn opt(answer: Compose) -> Compose {
    answer.raw(2, &opt_record())
}

/// Sends each fault as the answer to a query of its own; each reply must parse, and a sound name must work afterwards.
fn nothing_breaks(start: fn() -> super::common::upstream::Builder) {
    let upstream = start().serve(|query| {
        let number = query.name().strip_prefix("fault-").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        match number {
            Some(number) => Action::Answer(vec![FAULTS[number].1(query)]),
            None => one_address(query).into(),
        }
    });
    let extra = "timeout = \"400ms\"\ntry-timeout = \"200ms\"\ncase-randomization = false";
    let daemon = Setup::new().upstream("all", &[upstream.url()], extra).zone(".", "all", "").start();
    for (number, (fault, _)) in FAULTS.iter().enumerate() {
        let start = nodens::sys::clock::now();
        let plain = Ask::a(&format!("fault-{number}.example.org")).partial();
        let edns = plain.clone().edns(1232);
        let (first, second, mut third) = (daemon.udp(), daemon.udp(), daemon.tcp());
        first.send(&plain);
        second.send(&edns);
        third.send(&[&plain]);
        // Ask::check does the work: the reply parses, twice, and is one to this question.
        first.receive(&plain);
        second.receive(&edns);
        third.receive(&plain);
        let took = super::common::elapsed(start);
        assert!(took < Duration::from_secs(6), "{fault}: {took:?}");
        let sound = daemon.ask(&Ask::a(&format!("sound-{number}.example.org")));
        assert_eq!((sound.rcode(), sound.addresses().len()), (rcode::NOERROR, 1), "after {fault}: {sound}");
    }
}

#[test]
fn malformed_answers_over_tcp_break_nothing() {
    nothing_breaks(Upstream::tcp);
}

#[test]
fn malformed_answers_over_udp_break_nothing() {
    nothing_breaks(Upstream::udp);
}

#[test]
fn one_broken_record_does_not_lose_the_others() {
    let upstream = Upstream::tcp().serve(|query| {
        query.answer().answer(kind::A, 60, &[192, 0, 2, 1]).answer(kind::A, 60, &[1, 2, 3]).answer(
            kind::A,
            60,
            &[192, 0, 2, 2],
        )
    });
    let daemon = Setup::forward(&upstream).start();
    let mut found: Vec<String> =
        daemon.ask(&Ask::a("www.example.org")).addresses().iter().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(found, ["192.0.2.1", "192.0.2.2"]);
    daemon.wait_for_metric("nodens_upstream_records_dropped_total", &[], 1.0);
}

#[test]
fn a_stream_that_ends_inside_a_message_breaks_nothing() {
    let upstream = Upstream::tcp().serve(|query| match query.name() {
        // A length that is never filled: the daemon waits, gives up, and does not take the next answer for the rest.
        name if name.starts_with("half") => Action::Ignore,
        _ => one_address(query).into(),
    });
    let extra = "timeout = \"600ms\"\ntry-timeout = \"300ms\"";
    let daemon = Setup::new().upstream("all", &[upstream.url()], extra).zone(".", "all", "").start();
    assert_eq!(daemon.ask(&Ask::a("half.example.org")).rcode(), rcode::SERVFAIL);
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::NOERROR);
}

/// RFC 1034 section 3.6.2: "CNAME loops signalled as an error".
#[test]
fn more_aliases_than_anybody_follows_are_a_failure_that_is_counted() {
    let upstream = Upstream::tcp().serve(|query: &Query| {
        let first = query.name();
        let count = if first.starts_with("short") { 16 } else { 17 };
        (0..count).fold(query.answer(), |answer, number| {
            let owner = if number == 0 { first.clone() } else { format!("{number}.example.org") };
            answer.record(0, &owner, kind::CNAME, 300, &name_bytes(&format!("{}.example.org", number + 1)))
        })
    });
    let daemon = Setup::forward(&upstream).start();
    assert_eq!(daemon.ask(&Ask::a("short.example.org")).answers.len(), 16);
    assert_eq!(daemon.metric("nodens_upstream_answers_unusable_total", &[]), 0.0);
    assert_eq!(daemon.ask(&Ask::a("long.example.org")).rcode(), rcode::SERVFAIL);
    assert_eq!(daemon.metric("nodens_upstream_answers_unusable_total", &[]), 1.0);
}
