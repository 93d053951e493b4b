//! RFC 1035, Domain names: implementation and specification.
//!
//! - Section 4.1.1, ID: "This identifier is copied the corresponding reply and can be used by the requester to match up replies to
//!   outstanding queries."
//! - Section 4.1.1, RCODE 1: "Format error - The name server was unable to interpret the query."; RCODE 4: "Not Implemented - The
//!   name server does not support the requested kind of query."
//! - Section 4.2.1: "Messages carried by UDP are restricted to 512 bytes (not counting the IP or UDP headers). Longer messages are
//!   truncated and the TC bit is set in the header."
//! - Section 4.2.2: "The message is prefixed with a two byte length field which gives the message length, excluding the two byte
//!   length field."
//! - Section 3.2.1, TTL: "Zero values are interpreted to mean that the RR can only be used for the transaction in progress, and
//!   should not be cached."
//! - Section 7.3: responses are only taken where a query was sent; a listener for queries takes none.

use super::behind;
use super::common::ask::Ask;
use super::common::compose::text_data;
use super::common::upstream::{Query, one_address};
use super::common::wait_until;
use super::common::wire::{Message, kind, rcode};

/// Ten TXT records of 101 bytes of RDATA: too many for 512 bytes, few enough for 1,232.
fn ten_texts(query: &Query) -> super::common::compose::Compose {
    (0..10).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 300, &text_data(100)))
}

#[test]
fn an_answer_from_an_upstream_and_one_from_memory_differ_only_in_id() {
    let (upstream, daemon) = behind(one_address);
    let first = daemon.ask(&Ask::a("www.example.org").id(1));
    let second = daemon.ask(&Ask::a("www.example.org").id(65_535));
    assert_eq!(first.addresses(), second.addresses());
    assert_eq!(first.flags, second.flags);
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn answers_from_memory_are_not_authoritative_and_offer_recursion() {
    let (_upstream, daemon) = behind(|query| one_address(query).set(0x0400));
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::a("www.example.org"));
        assert!(!answer.authoritative() && answer.recursion_available(), "{answer}");
    }
}

#[test]
fn a_name_of_255_bytes_is_asked_and_answered() {
    let (upstream, daemon) = behind(one_address);
    let label = "a".repeat(63);
    let name = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_eq!(daemon.ask(&Ask::a(&name)).rcode(), rcode::NOERROR);
    assert_eq!(upstream.queries_for(&name), 1);
}

#[test]
fn the_root_is_asked_and_answered() {
    let (_upstream, daemon) = behind(|query| query.answer().answer(kind::NS, 300, b"\x01a\x0croot-servers\x03net\x00"));
    let answer = daemon.ask(&Ask::new(".", kind::NS));
    assert_eq!(answer.answers[0].names, ["a.root-servers.net"]);
}

#[test]
fn no_question_and_two_questions_are_format_errors() {
    let (upstream, daemon) = behind(one_address);
    for count in [0, 2] {
        let answer = daemon.ask(&Ask::a("www.example.org").questions(count));
        assert_eq!(answer.rcode(), rcode::FORMERR, "QDCOUNT={count}");
        let answer = daemon.tcp().ask(&Ask::a("www.example.org").questions(count));
        assert_eq!(answer.rcode(), rcode::FORMERR, "QDCOUNT={count} over TCP");
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn a_question_that_is_cut_off_is_a_format_error() {
    let (upstream, daemon) = behind(one_address);
    let whole = Ask::a("www.example.org").bytes();
    let socket = daemon.udp();
    for length in 12..whole.len() {
        socket.send_bytes(&whole[..length]);
        let reply = Message::read(&socket.receive_bytes()).unwrap();
        assert_eq!(
            (reply.id, reply.rcode()),
            (u16::from_be_bytes([whole[0], whole[1]]), rcode::FORMERR),
            "{length} bytes"
        );
    }
    assert_eq!(upstream.queries(), 0);
}

/// N29
#[test]
fn unknown_opcodes_are_not_implemented_and_go_nowhere() {
    let (upstream, daemon) = behind(one_address);
    for opcode in 1..16 {
        let answer = daemon.ask(&Ask::a("www.example.org").opcode(opcode));
        assert_eq!(answer.rcode(), rcode::NOTIMP, "OPCODE {opcode}");
        let answer = daemon.tcp().ask(&Ask::a("www.example.org").opcode(opcode).edns(1232));
        assert_eq!(answer.rcode(), rcode::NOTIMP, "OPCODE {opcode} over TCP");
    }
    assert_eq!(upstream.queries(), 0);
}

/// N29
#[test]
fn zone_transfers_are_refused_and_go_nowhere() {
    let (upstream, daemon) = behind(one_address);
    for kind in [kind::AXFR, kind::IXFR] {
        assert_eq!(daemon.ask(&Ask::new("example.org", kind)).rcode(), rcode::REFUSED, "TYPE{kind}");
        assert_eq!(daemon.tcp().ask(&Ask::new("example.org", kind)).rcode(), rcode::REFUSED, "TYPE{kind} over TCP");
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn classes_other_than_internet_and_chaos_go_nowhere() {
    let (upstream, daemon) = behind(one_address);
    for class in [0, 2, 4, 254, 255, 65_280] {
        let code = daemon.ask(&Ask::a("www.example.org").class(class)).rcode();
        assert!([rcode::REFUSED, rcode::NOTIMP].contains(&code), "CLASS{class}: {code}");
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn responses_are_dropped_and_counted() {
    let (upstream, daemon) = behind(one_address);
    let socket = daemon.udp();
    socket.send(&Ask::a("www.example.org").flags(0x8100));
    let sound = Ask::a("www.example.org");
    socket.ask(&sound);
    daemon.wait_for_metric("nodens_messages_dropped_total", &[("reason", "response")], 1.0);
    assert_eq!(upstream.queries(), 1, "only the sound query");
}

#[test]
fn datagrams_shorter_than_a_header_are_dropped_and_counted() {
    let (_upstream, daemon) = behind(one_address);
    let socket = daemon.udp();
    for length in 0..12 {
        socket.send_bytes(&vec![0; length]);
    }
    socket.ask(&Ask::a("www.example.org"));
    daemon.wait_for_metric("nodens_messages_dropped_total", &[("reason", "short")], 12.0);
}

#[test]
fn without_edns_512_bytes_are_the_limit_and_what_is_left_out_is_told() {
    let (_upstream, daemon) = behind(ten_texts);
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::new("text.example.org", kind::TXT));
        assert!(answer.truncated(), "{answer}");
    }
}

#[test]
fn a_truncated_answer_carries_as_many_records_as_fit() {
    let (_upstream, daemon) = behind(ten_texts);
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::new("text.example.org", kind::TXT));
        // 12 header, 22 question, 113 a record with a compressed owner: four fit, a fifth does not.
        assert_eq!(answer.answers.len(), 4, "{answer}");
    }
}

#[test]
fn an_answer_that_fits_is_whole_and_not_marked() {
    let (_upstream, daemon) = behind(ten_texts);
    let answer = daemon.ask(&Ask::new("text.example.org", kind::TXT).edns(1232));
    assert!(!answer.truncated(), "{answer}");
    assert_eq!(answer.answers.len(), 10);
}

#[test]
fn over_tcp_the_same_answer_is_whole() {
    let (_upstream, daemon) = behind(ten_texts);
    let ask = Ask::new("text.example.org", kind::TXT);
    assert!(daemon.ask(&ask).truncated());
    assert_eq!(daemon.tcp().ask(&ask).answers.len(), 10);
}

#[test]
fn an_answer_of_60_kilobytes_passes_over_tcp() {
    let (_upstream, daemon) =
        behind(|query| (0..220).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 300, &text_data(255))));
    for _ in 0..2 {
        assert_eq!(daemon.tcp().ask(&Ask::new("text.example.org", kind::TXT)).answers.len(), 220);
    }
}

#[test]
fn a_kept_answer_counts_down() {
    let (upstream, daemon) = behind(one_address);
    let ask = Ask::a("www.example.org");
    let first = daemon.ask(&ask).ttl();
    assert!((299..=300).contains(&first), "{first}");
    wait_until("the TTL falls", || daemon.ask(&ask).ttl() < first - 1);
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn an_answer_with_ttl_zero_is_passed_on_and_not_kept() {
    let (upstream, daemon) = behind(|query| query.answer().addresses(0, &[[192, 0, 2, 1]]));
    for asked in 1..=3 {
        let answer = daemon.ask(&Ask::a("www.example.org"));
        assert_eq!((answer.ttl(), answer.addresses().len()), (0, 1));
        assert_eq!(upstream.queries(), asked);
    }
}

#[test]
fn an_answer_is_asked_for_again_when_its_time_is_over() {
    let (upstream, daemon) = behind(|query| query.answer().addresses(1, &[[192, 0, 2, 1]]));
    wait_until("the answer runs out", || {
        assert!(daemon.ask(&Ask::a("www.example.org")).ttl() <= 1);
        upstream.queries() >= 2
    });
}

#[test]
fn types_of_a_name_are_kept_apart() {
    let (upstream, daemon) = behind(|query| match query.kind() {
        kind::A => one_address(query),
        _ => query.answer().answer(kind::AAAA, 300, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    });
    for _ in 0..2 {
        assert!(daemon.ask(&Ask::a("www.example.org")).addresses()[0].is_ipv4());
        assert!(daemon.ask(&Ask::new("www.example.org", kind::AAAA)).addresses()[0].is_ipv6());
    }
    assert_eq!(upstream.queries(), 2);
}

#[test]
fn records_of_the_other_sections_pass_whole() {
    let (_upstream, daemon) = behind(|query| {
        let mail = b"\x00\x0a\x04mail\x07example\x03org\x00";
        let answer = query.answer().answer(kind::MX, 300, mail);
        answer.record(1, "example.org", kind::NS, 300, b"\x02ns\x07example\x03org\x00").record(
            2,
            "mail.example.org",
            kind::A,
            300,
            &[192, 0, 2, 25],
        )
    });
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::new("example.org", kind::MX));
        assert_eq!(answer.answers[0].names, ["mail.example.org"], "{answer}");
    }
}
