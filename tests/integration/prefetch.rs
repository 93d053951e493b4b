//! Popular answers are asked for again before they expire.

use std::time::Duration;

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::upstream::{Gate, Upstream};
use super::common::wire::rcode;
use super::common::{elapsed, wait_until};

/// N27
#[test]
fn a_popular_name_never_makes_a_client_wait_again() {
    let upstream = Upstream::tcp().serve(|query| query.answer().addresses(1, &[[192, 0, 2, 1]]));
    let daemon = Setup::forward(&upstream).start();
    let ask = Ask::a("www.example.org");
    let start = clock::now();
    daemon.ask(&ask);
    wait_until("four lifetimes have passed", || {
        assert_eq!(daemon.ask(&ask).rcode(), rcode::NOERROR);
        elapsed(start) > Duration::from_secs(4)
    });
    assert!(daemon.metric("coredns_cache_misses_total", &[]) < 1.5, "only the first was a miss");
    assert!(daemon.metric("coredns_cache_prefetch_total", &[]) >= 3.0);
    let queries = upstream.queries_for("www.example.org");
    assert!((4..=6).contains(&queries), "{queries} queries in four lifetimes");
}

/// N27
#[test]
fn a_name_that_is_asked_once_or_twice_is_not_asked_for_again() {
    let upstream = Upstream::tcp().serve(|query| query.answer().addresses(1, &[[192, 0, 2, 1]]));
    let daemon = Setup::forward(&upstream).more("prefetch = 3").start();
    for _ in 0..3 {
        daemon.ask(&Ask::a("thrice.example.org"));
    }
    daemon.ask(&Ask::a("once.example.org"));
    for _ in 0..5 {
        daemon.ask(&Ask::a("popular.example.org"));
    }
    wait_until("the popular one is asked for again", || upstream.queries_for("popular.example.org") >= 2);
    assert_eq!(upstream.queries_for("once.example.org"), 1);
    assert_eq!(upstream.queries_for("thrice.example.org"), 1, "a miss and two uses are not three uses");
}

#[test]
fn a_denial_is_not_asked_for_again_however_popular() {
    let upstream = Upstream::tcp().serve(|query| match query.name().as_str() {
        "gone.example.org" => query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 1, 1),
        _ => query.answer().addresses(1, &[[192, 0, 2, 1]]),
    });
    let daemon = Setup::forward(&upstream).more("prefetch = 3").start();
    for _ in 0..10 {
        daemon.ask(&Ask::a("gone.example.org"));
        daemon.ask(&Ask::a("popular.example.org"));
    }
    wait_until("the popular one is asked for again", || upstream.queries_for("popular.example.org") >= 2);
    assert_eq!(upstream.queries_for("gone.example.org"), 1);
}

#[test]
fn nothing_is_asked_ahead_where_the_zone_does_not_want_it() {
    let upstream = Upstream::tcp().serve(|query| query.answer().addresses(1, &[[192, 0, 2, 1]]));
    let setup = Setup::new().upstream("all", &[upstream.url()], "").zone("example.org", "all", "prefetch = 0");
    let daemon = setup.zone(".", "all", "prefetch = 3").start();
    for _ in 0..10 {
        daemon.ask(&Ask::a("www.example.org"));
        daemon.ask(&Ask::a("www.example.com"));
    }
    wait_until("the other zone's is asked for again", || upstream.queries_for("www.example.com") >= 2);
    assert_eq!(upstream.queries_for("www.example.org"), 1);
}

#[test]
fn clients_of_a_popular_name_get_the_old_answer_while_the_new_one_is_on_its_way() {
    let gate = Gate::new();
    let (held, first) = (gate.clone(), std::sync::atomic::AtomicBool::new(true));
    let upstream = Upstream::tcp().serve(move |query| {
        let answer = query.answer().addresses(2, &[[192, 0, 2, 1]]);
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) { answer.into() } else { held.hold(&answer) }
    });
    let daemon = Setup::forward(&upstream).start();
    let ask = Ask::a("www.example.org");
    wait_until("it is asked for again", || {
        assert_eq!(daemon.ask(&ask).rcode(), rcode::NOERROR);
        upstream.queries() >= 2
    });
    assert!(daemon.ask(&ask).answers[0].ttl <= 1, "the old one, in its last tenth");
    gate.open();
    wait_until("the new one is there", || daemon.ask(&ask).answers[0].ttl == 2);
}
