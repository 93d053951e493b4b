//! RFC 2181, Clarifications to the DNS specification.
//!
//! - Section 5.2: where the TTLs of one RRSet differ, a client should treat them "as if all TTLs in the RRSet had been set to the
//!   value of the lowest TTL in the RRSet".
//! - Section 8: "Implementations should treat TTL values received with the most significant bit set as if the entire value
//!   received was zero."
//! - Section 9: "The TC bit should be set in responses only when an RRSet is required as a part of the response, but could not be
//!   included in its entirety."
//! - Section 11: "any binary string whatever can be used as the label of any resource record".

use super::behind;
use super::common::ask::Ask;
use super::common::compose::text_data;
use super::common::upstream::one_address;
use super::common::wire::{kind, name_bytes, rcode};

#[test]
fn an_answer_is_kept_no_longer_than_its_shortest_record() {
    let (upstream, daemon) =
        behind(|query| query.answer().addresses(3600, &[[192, 0, 2, 1]]).addresses(1, &[[192, 0, 2, 2]]));
    daemon.ask(&Ask::a("www.example.org"));
    super::common::wait_until("the shortest record runs out", || {
        daemon.ask(&Ask::a("www.example.org"));
        upstream.queries() >= 2
    });
}

#[test]
fn a_ttl_with_its_first_bit_set_is_zero() {
    let (upstream, daemon) = behind(|query| query.answer().addresses(0x8000_0001, &[[192, 0, 2, 1]]));
    for asked in 1..=2 {
        assert_eq!(daemon.ask(&Ask::a("www.example.org")).ttl(), 0);
        assert_eq!(upstream.queries(), asked);
    }
}

#[test]
fn leaving_out_additional_records_alone_does_not_set_tc() {
    let (_upstream, daemon) = behind(|query| {
        let answer = query.answer().addresses(300, &[[192, 0, 2, 1]]);
        (0..4).fold(answer, |a, n| a.record(2, &format!("extra-{n}.example.org"), kind::TXT, 300, &text_data(200)))
    });
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::a("www.example.org"));
        assert!(!answer.truncated(), "{answer}");
        assert_eq!(answer.answers.len(), 1);
    }
}

#[test]
fn labels_of_any_octets_are_asked_answered_and_kept_apart() {
    let (upstream, daemon) = behind(one_address);
    let names = [
        "\\000\\255.example.org",
        "a\\046b.example.org",
        "\\032.example.org",
        "_srv._tcp.example.org",
        "\\195\\132.example.org",
    ];
    for name in names.iter().chain(&names) {
        assert_eq!(daemon.ask(&Ask::a(name)).rcode(), rcode::NOERROR, "{name}");
    }
    assert_eq!(upstream.queries(), names.len());
}

#[test]
fn a_dot_inside_a_label_is_not_a_border() {
    let (upstream, daemon) = behind(one_address);
    daemon.ask(&Ask::a("a\\046b.example.org"));
    daemon.ask(&Ask::a("a.b.example.org"));
    assert_eq!(upstream.queries(), 2);
}

#[test]
fn a_chain_of_aliases_is_passed_on_and_kept_for_its_shortest_link() {
    let (upstream, daemon) = behind(|query| {
        query
            .answer()
            .answer(kind::CNAME, 300, &name_bytes("b.example.org"))
            .record(0, "b.example.org", kind::CNAME, 200, &name_bytes("c.example.org"))
            .record(0, "c.example.org", kind::A, 100, &[192, 0, 2, 1])
    });
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::a("a.example.org"));
        assert_eq!(answer.answers.len(), 3, "{answer}");
        assert_eq!(answer.answers[0].names, ["b.example.org"]);
        assert_eq!(answer.answers[2].name, "c.example.org");
    }
    assert_eq!(upstream.queries(), 1);
}
