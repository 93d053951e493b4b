//! Failures that are kept for a moment (RFC 9520), and questions that run out of time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::upstream::{Action, Upstream, one_address};
use super::common::wire::{kind, rcode};
use super::common::{elapsed, wait_until};

/// N26
#[test]
fn a_failure_is_told_again_without_asking_until_its_time_is_over() {
    let upstream = Upstream::tcp().serve(|query| query.answer().rcode(rcode::SERVFAIL));
    let daemon = Setup::forward(&upstream).more("servfail = \"1s\"").start();
    let ask = Ask::a("www.example.org").edns(1232);
    let start = clock::now();
    let first = daemon.ask(&ask);
    assert_eq!((first.rcode(), first.extended_errors()), (rcode::SERVFAIL, vec![23]), "{first}");
    let tries = upstream.queries();
    let again = daemon.ask(&ask);
    assert_eq!((again.rcode(), again.extended_errors()), (rcode::SERVFAIL, vec![23]), "{again}");
    if elapsed(start) < Duration::from_secs(1) {
        assert_eq!(upstream.queries(), tries);
    }
    assert_eq!(daemon.ask(&Ask::new("www.example.org", kind::AAAA)).rcode(), rcode::SERVFAIL);
    assert!(upstream.queries() > tries, "another type is another question");
    wait_until("it is asked again", || {
        let before = upstream.queries();
        daemon.ask(&ask);
        upstream.queries() > before
    });
    assert!(elapsed(start) >= Duration::from_secs(1));
    assert!(daemon.metric("nodens_cache_failures", &[]) >= 1.0);
}

/// N26
#[test]
fn failures_are_not_kept_where_the_zone_says_so() {
    let upstream = Upstream::tcp().serve(|query| query.answer().rcode(rcode::SERVFAIL));
    let daemon = Setup::forward(&upstream).more("servfail = \"0s\"").start();
    for _ in 0..3 {
        let before = upstream.queries();
        assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::SERVFAIL);
        assert!(upstream.queries() > before);
    }
}

/// N26
#[test]
fn a_failure_never_hides_a_good_answer() {
    let upstream =
        Upstream::tcp().serve(|query| match query.message.edns.as_ref().is_some_and(|edns| edns.dnssec_ok) {
            true => query.answer().rcode(rcode::SERVFAIL),
            false => one_address(query),
        });
    let daemon = Setup::forward(&upstream).more("dnssec = \"forward\"").start();
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::NOERROR);
    assert_eq!(daemon.ask(&Ask::a("www.example.org").dnssec_ok()).rcode(), rcode::SERVFAIL);
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::NOERROR);
}

/// N13
#[test]
fn who_comes_late_to_a_question_that_runs_out_of_time_gets_another_try() {
    // The first two tries meet silence, whatever comes then an answer.
    let seen = AtomicUsize::new(0);
    let upstream = Upstream::udp().serve(move |query| match seen.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Action::Ignore,
        _ => one_address(query).into(),
    });
    let patience = "timeout = \"2s\"\ntry-timeout = \"1s\"";
    let daemon = Setup::new().upstream("all", &[upstream.url()], patience).zone(".", "all", "").start();
    let ask = Ask::a("slow.example.org").edns(1232);
    let (early, late) = (daemon.udp(), daemon.udp());
    let start = clock::now();
    early.send(&ask);
    wait_until("a second has passed", || elapsed(start) > Duration::from_millis(1_200));
    late.send(&ask);
    let first = early.receive(&ask);
    assert_eq!((first.rcode(), first.extended_errors()), (rcode::SERVFAIL, vec![22]), "{first}");
    assert_eq!(late.receive(&ask).rcode(), rcode::NOERROR, "it had time left");
    assert!(daemon.metric("nodens_questions_asked_again_total", &[]) >= 1.0);
}
