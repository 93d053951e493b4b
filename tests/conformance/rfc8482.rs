//! RFC 8482, Providing minimal-sized responses to DNS queries that have QTYPE=ANY.
//!
//! - Section 4: a responder "MAY decline to provide a conventional ANY response".
//! - Section 4.2: the answer may be a synthesised HINFO record whose CPU field is "RFC8482".

use super::behind;
use super::common::ask::Ask;
use super::common::upstream::one_address;
use super::common::wire::{kind, rcode};

#[test]
fn any_is_answered_with_one_small_record_and_goes_nowhere() {
    let (upstream, daemon) = behind(one_address);
    for ask in [Ask::new("example.org", kind::ANY), Ask::new("example.org", kind::ANY).dnssec_ok()] {
        for answer in [daemon.ask(&ask), daemon.tcp().ask(&ask)] {
            assert_eq!((answer.rcode(), answer.answers.len()), (rcode::NOERROR, 1), "{answer}");
            assert_eq!(answer.answers[0].kind, kind::HINFO);
            assert!(answer.answers[0].data.starts_with(b"\x07RFC8482"), "{answer}");
        }
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn any_does_not_stand_in_for_other_types() {
    let (_upstream, daemon) = behind(one_address);
    daemon.ask(&Ask::new("www.example.org", kind::ANY));
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    assert_eq!(daemon.ask(&Ask::new("www.example.org", kind::ANY)).answers[0].kind, kind::HINFO);
}
