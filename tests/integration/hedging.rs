//! An answer that takes unusually long is raced by a second server, for few questions only.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup};
use super::common::elapsed;
use super::common::upstream::{Action, Upstream, one_address};
use super::common::wire::rcode;

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_millis(500);

/// A server of which every `nth` answer is slow.
fn sometimes_slow(nth: usize) -> Upstream {
    let count = AtomicUsize::new(1);
    Upstream::tcp().serve(move |query| {
        let answer = one_address(query);
        let slow = count.fetch_add(1, Ordering::SeqCst).is_multiple_of(nth);
        if slow { Action::Later(SLOW, answer.bytes()) } else { answer.into() }
    })
}

/// Asks `count` questions; how many answers were slow.
fn slow_answers(daemon: &Daemon, count: usize) -> usize {
    let mut slow = 0;
    for number in 0..count {
        let start = clock::now();
        assert_eq!(daemon.ask(&Ask::a(&format!("www.site-{number}.example"))).rcode(), rcode::NOERROR);
        slow += usize::from(elapsed(start) >= SLOW);
    }
    slow
}

/// Two servers of which about every `nth` answer is slow, but seldom those of both to one question.
fn daemon(nth: usize, policy: &str) -> (Daemon, [Upstream; 2]) {
    let servers = [sometimes_slow(nth), sometimes_slow(nth + 7)];
    let extra = format!("policy = {policy:?}");
    let urls = servers.each_ref().map(Upstream::url);
    (Setup::new().upstream("all", &urls, &extra).zone(".", "all", "").start(), servers)
}

/// E13
#[test]
fn clients_do_not_see_the_slow_answers_and_few_questions_are_asked_twice() {
    let (daemon, servers) = daemon(60, "round-robin");
    let slow = slow_answers(&daemon, 600);
    // Ten answers are slow; the first may come before there is a budget.
    assert!(slow <= 3, "{slow} slow answers");
    let of = |event| daemon.metric("nodens_upstream_hedges_total", &[("event", event)]);
    let (sent, won) = (of("sent"), of("won"));
    assert!((5.0..=30.0).contains(&sent) && won >= 5.0 && won <= sent, "{sent} hedges, {won} won");
    let queries: usize = servers.iter().map(Upstream::queries).sum();
    assert!(queries <= 630, "{queries} queries for 600 questions");
}

#[test]
fn where_many_answers_are_slow_no_more_is_asked_than_the_budget_allows() {
    let (daemon, servers) = daemon(2, "round-robin");
    slow_answers(&daemon, 24);
    let queries: usize = servers.iter().map(Upstream::queries).sum();
    assert!(queries <= 26, "{queries} queries for 24 questions");
}

#[test]
fn a_sequential_group_does_not_tell_its_second_server_what_the_first_can_answer() {
    let (daemon, servers) = daemon(30, "sequential");
    assert!(slow_answers(&daemon, 90) >= 3);
    assert_eq!((servers[0].queries(), servers[1].queries()), (90, 0));
}
