//! RFC 4343, DNS case insensitivity clarification.
//!
//! - Section 3: "comparisons on name lookup for DNS queries should be case insensitive".
//! - Section 4.1: no case is changed on the way: a client gets its question back with the letters it wrote.

use super::behind;
use super::common::ask::Ask;
use super::common::compose::Compose;
use super::common::upstream::one_address;
use super::common::wire::{kind, rcode};

#[test]
fn one_kept_answer_serves_every_spelling() {
    let (upstream, daemon) = behind(one_address);
    for name in ["www.example.org", "WWW.EXAMPLE.ORG", "wWw.eXaMpLe.OrG"] {
        assert_eq!(daemon.ask(&Ask::a(name)).addresses().len(), 1, "{name}");
    }
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn the_question_comes_back_as_it_was_written() {
    // Every reply of every test is checked for this; here the spellings meet in one exchange and one connection.
    let (_upstream, daemon) = behind(one_address);
    let mut connection = daemon.tcp();
    for name in ["MiXeD.example.org", "mIxEd.example.org", "mixed.EXAMPLE.org"] {
        let answer = connection.ask(&Ask::a(name));
        assert_eq!(answer.questions[0].name, name);
        assert!(answer.answers[0].name.eq_ignore_ascii_case(name));
    }
}

#[test]
fn the_question_comes_back_as_it_was_written_in_errors_and_denials() {
    let (_upstream, daemon) = behind(|query| match query.name().as_str() {
        "gone.example.org" => query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 300, 300),
        _ => query.answer().rcode(rcode::SERVFAIL),
    });
    for name in ["GoNe.example.org", "gOnE.example.org", "BroKen.example.org"] {
        assert_eq!(daemon.ask(&Ask::a(name)).questions[0].name, name);
    }
    assert_eq!(daemon.ask(&Ask::a("NoT.example.org").opcode(9)).questions[0].name, "NoT.example.org");
    assert_eq!(daemon.ask(&Ask::new("NoT.example.org", kind::AXFR)).questions[0].name, "NoT.example.org");
}

#[test]
fn only_ascii_letters_are_equal_to_each_other() {
    let (upstream, daemon) = behind(one_address);
    // 0x5b and 0x7b, 0x40 and 0x60, 0xc4 and 0xe4 differ by the bit that makes letters small.
    let names = [
        "\\091.example.org",
        "\\123.example.org",
        "\\064.example.org",
        "\\096.example.org",
        "\\196.example.org",
        "\\228.example.org",
    ];
    for name in names {
        daemon.ask(&Ask::a(name));
    }
    assert_eq!(upstream.queries(), names.len());
}

#[test]
fn names_inside_records_keep_their_letters() {
    let (_upstream, daemon) =
        behind(|query| -> Compose { query.answer().answer(kind::PTR, 300, b"\x04HoSt\x07ExAmPlE\x03oRg\x00") });
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::new("1.2.0.198.in-addr.example", kind::PTR));
        assert_eq!(answer.answers[0].names, ["HoSt.ExAmPlE.oRg"]);
    }
}
