//! RFC 2308, Negative caching of DNS queries.
//!
//! - Section 3: the TTL of a negative answer "is set from the minimum of the MINIMUM field of the SOA record and the TTL of the SOA
//!   itself, and indicates how long a resolver may cache the negative answer".
//! - Section 5: "Negative responses without SOA records SHOULD NOT be cached".
//! - Section 6: a cached negative answer carries "the cached SOA record" in the authority section "with the TTL decremented by the
//!   amount of time it was stored in the cache".
//! - Section 7.1: a server failure must not be cached "for longer than five (5) minutes"; it is never kept as an answer.

use std::sync::atomic::{AtomicBool, Ordering};

use super::behind;
use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;
use super::common::wire::{Message, kind, rcode};

/// The TTL of the SOA record that a negative answer carries.
fn soa_ttl(answer: &Message) -> u32 {
    let soa = answer.authorities.iter().find(|record| record.kind == kind::SOA);
    soa.unwrap_or_else(|| panic!("no SOA\n{answer}")).ttl
}

/// The SOA TTL in the answer, fresh and kept, when the server says `ttl` and `minimum` and the zone's cap is `cap`.
fn negative_ttls(code: u16, ttl: u32, minimum: u32, cap: &str) -> (u32, u32) {
    let upstream = Upstream::tcp().serve(move |query| query.answer().rcode(code).soa("example.org", ttl, minimum));
    let daemon = Setup::forward(&upstream).more(&format!("max-negative-ttl = \"{cap}\"")).start();
    let fresh = daemon.ask(&Ask::a("gone.example.org"));
    let kept = daemon.ask(&Ask::a("gone.example.org"));
    assert_eq!((fresh.rcode(), kept.rcode()), (code, code));
    assert_eq!(upstream.queries(), 1, "the second answer comes from memory");
    (soa_ttl(&fresh), soa_ttl(&kept))
}

#[test]
fn an_nxdomain_is_kept_for_the_minimum_field_if_that_is_less() {
    let (_, kept) = negative_ttls(rcode::NXDOMAIN, 300, 60, "1h");
    assert!((59..=60).contains(&kept), "{kept}");
}

#[test]
fn an_nxdomain_is_kept_for_the_ttl_of_the_soa_if_that_is_less() {
    let (_, kept) = negative_ttls(rcode::NXDOMAIN, 40, 600, "1h");
    assert!((39..=40).contains(&kept), "{kept}");
}

#[test]
fn an_empty_answer_follows_the_same_rule() {
    let (_, kept) = negative_ttls(rcode::NOERROR, 300, 60, "1h");
    assert!((59..=60).contains(&kept), "{kept}");
}

#[test]
fn the_cap_of_a_zone_bounds_what_the_server_says() {
    let (_, kept) = negative_ttls(rcode::NXDOMAIN, 300, 300, "5s");
    assert!((4..=5).contains(&kept), "{kept}");
}

#[test]
fn the_soa_of_a_kept_denial_counts_down_and_the_name_is_asked_again_afterwards() {
    let (upstream, daemon) = behind(|query| query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 2, 2));
    let mut smallest = 2;
    wait_until("the denial runs out", || {
        let answer = daemon.ask(&Ask::a("gone.example.org"));
        assert_eq!(answer.rcode(), rcode::NXDOMAIN);
        smallest = smallest.min(soa_ttl(&answer));
        upstream.queries() >= 2
    });
    assert!(smallest < 2, "the TTL was never below 2");
}

/// N25: a denial that says for how long it is good to nobody is asked for each time.
#[test]
fn a_denial_without_soa_is_not_kept() {
    let (upstream, daemon) = behind(|query| query.answer().rcode(rcode::NXDOMAIN));
    for asked in 1..=2 {
        assert_eq!(daemon.ask(&Ask::a("gone.example.org")).rcode(), rcode::NXDOMAIN);
        assert_eq!(upstream.queries(), asked);
    }
}

/// N25
#[test]
fn an_empty_answer_without_soa_is_not_kept() {
    let (upstream, daemon) = behind(|query| query.answer());
    for asked in 1..=2 {
        let answer = daemon.ask(&Ask::a("empty.example.org"));
        assert_eq!((answer.rcode(), answer.answers.len()), (rcode::NOERROR, 0));
        assert_eq!(upstream.queries(), asked);
    }
}

/// N30: NODATA for one type never becomes NXDOMAIN for another.
#[test]
fn an_empty_answer_is_about_one_type_only() {
    let (upstream, daemon) = behind(|query| match query.kind() {
        kind::A => one_address(query),
        _ => query.answer().soa("example.org", 300, 300),
    });
    for _ in 0..2 {
        assert!(daemon.ask(&Ask::new("www.example.org", kind::AAAA)).answers.is_empty());
        assert_eq!(daemon.ask(&Ask::a("www.example.org")).answers.len(), 1);
    }
    assert_eq!(upstream.queries(), 2);
}

#[test]
fn an_nxdomain_is_about_all_types() {
    let (upstream, daemon) = behind(|query| query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 300, 300));
    for kind in [kind::A, kind::AAAA, kind::TXT] {
        assert_eq!(daemon.ask(&Ask::new("gone.example.org", kind)).rcode(), rcode::NXDOMAIN);
    }
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn a_server_failure_is_never_kept_as_an_answer() {
    let healed = std::sync::Arc::new(AtomicBool::new(false));
    let state = std::sync::Arc::clone(&healed);
    let (_upstream, daemon) =
        behind(
            move |query| {
                if state.load(Ordering::SeqCst) { one_address(query) } else { query.answer().rcode(rcode::SERVFAIL) }
            },
        );
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::SERVFAIL);
    healed.store(true, Ordering::SeqCst);
    wait_until("the failure is forgotten", || daemon.ask(&Ask::a("www.example.org")).rcode() == rcode::NOERROR);
}

#[test]
fn a_refusal_is_never_kept_as_an_answer() {
    let healed = std::sync::Arc::new(AtomicBool::new(false));
    let state = std::sync::Arc::clone(&healed);
    let (_upstream, daemon) =
        behind(
            move |query| {
                if state.load(Ordering::SeqCst) { one_address(query) } else { query.answer().rcode(rcode::REFUSED) }
            },
        );
    let code = daemon.ask(&Ask::a("www.example.org")).rcode();
    assert!([rcode::REFUSED, rcode::SERVFAIL].contains(&code), "{code}");
    healed.store(true, Ordering::SeqCst);
    wait_until("the refusal is forgotten", || daemon.ask(&Ask::a("www.example.org")).rcode() == rcode::NOERROR);
}
