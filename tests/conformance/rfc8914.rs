//! RFC 8914, Extended DNS errors.
//!
//! - Section 2: the option may be included "in any response (SERVFAIL, NXDOMAIN, REFUSED, even NOERROR, etc.) to a query that
//!   includes an OPT pseudo-RR"; never in one to a query without.
//! - Section 3: extended errors explain, they change nothing about the response code.

use super::behind;
use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup};
use super::common::peer::free_address;
use super::common::upstream::{Action, NAME, Upstream, one_address};
use super::common::wire::rcode;

/// Network error.
const NETWORK_ERROR: u16 = 23;
/// No reachable authority.
const NO_REACHABLE_AUTHORITY: u16 = 22;

/// The extended errors of an answer that must be SERVFAIL.
#[track_caller]
fn failure(daemon: &Daemon) -> Vec<u16> {
    let answer = daemon.ask(&Ask::a("www.example.org").edns(1232));
    assert_eq!(answer.rcode(), rcode::SERVFAIL, "{answer}");
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::SERVFAIL, "without EDNS the code alone");
    answer.extended_errors()
}

/// Quick to give up.
const HASTE: &str = "timeout = \"600ms\"\ntry-timeout = \"300ms\"";

#[test]
fn a_server_that_cannot_be_reached_is_named_as_the_reason() {
    let url = format!("tcp://{}", free_address());
    let daemon = Setup::new().upstream("all", &[url], HASTE).zone(".", "all", "").start();
    let errors = failure(&daemon);
    assert!(errors.iter().any(|code| [NETWORK_ERROR, NO_REACHABLE_AUTHORITY].contains(code)), "{errors:?}");
}

#[test]
fn a_server_that_does_not_answer_is_named_as_the_reason() {
    let upstream = Upstream::udp().serve(|_| Action::Ignore);
    let daemon = Setup::new().upstream("all", &[upstream.url()], HASTE).zone(".", "all", "").start();
    let errors = failure(&daemon);
    assert!(errors.iter().any(|code| [NETWORK_ERROR, NO_REACHABLE_AUTHORITY].contains(code)), "{errors:?}");
}

#[test]
fn a_wrong_certificate_is_named_as_the_reason() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let upstream = Upstream::tls_as(&known, &unknown.certificate(&[NAME])).serve(one_address);
    assert!(!failure(&Setup::forward(&upstream).start()).is_empty());
}

#[test]
fn a_good_answer_carries_no_extended_error() {
    let (_upstream, daemon) = behind(one_address);
    for _ in 0..2 {
        assert_eq!(daemon.ask(&Ask::a("www.example.org").edns(1232)).extended_errors(), [0; 0]);
    }
}

#[test]
fn a_query_without_edns_gets_no_extended_error() {
    // Ask::check refuses EDNS in the reply to a query without.
    let (_upstream, daemon) = behind(|query| query.answer().rcode(rcode::SERVFAIL));
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::SERVFAIL);
}
