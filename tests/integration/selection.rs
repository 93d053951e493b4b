//! Which server of a group is asked, by each policy.

use std::time::Duration;

use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Action, Upstream, one_address};
use super::common::wire::rcode;

/// Questions asked of each group.
const QUESTIONS: usize = 120;

/// Asks many questions of three servers, of which the first takes 40 ms longer; how many each got.
fn shares(policy: Option<&str>) -> ([usize; 3], Daemon) {
    let slow = Upstream::tcp().serve(|query| Action::Later(Duration::from_millis(40), one_address(query).bytes()));
    let servers = [slow, Upstream::tcp().serve(one_address), Upstream::tcp().serve(one_address)];
    let extra = policy.map(|policy| format!("policy = {policy:?}")).unwrap_or_default();
    let urls = servers.each_ref().map(Upstream::url);
    let daemon = Setup::new().upstream("all", &urls, &extra).zone(".", "all", "").start();
    for number in 0..QUESTIONS {
        let answer = daemon.ask(&Ask::a(&format!("www.site-{number}.example")));
        assert_eq!(answer.rcode(), rcode::NOERROR, "{answer}");
    }
    (servers.each_ref().map(Upstream::queries), daemon)
}

#[test]
fn fastest_is_the_default_and_leaves_a_slow_server_alone() {
    for policy in [None, Some("fastest")] {
        let (counts, _) = shares(policy);
        assert!(counts[0] < QUESTIONS / 6, "{counts:?}");
        assert!(counts[1] > 0 && counts[2] > 0, "{counts:?}");
    }
}

#[test]
fn sequential_asks_the_first_however_slow() {
    let (counts, daemon) = shares(Some("sequential"));
    assert_eq!(counts, [QUESTIONS, 0, 0]);
    assert_eq!(daemon.metric("nodens_upstream_hedges_total", &[("event", "sent")]), 0.0);
}

#[test]
fn round_robin_asks_each_in_its_turn() {
    let (counts, daemon) = shares(Some("round-robin"));
    // Besides, a slow answer may have been raced.
    let hedges = daemon.metric("nodens_upstream_hedges_total", &[("event", "sent")]);
    assert!(hedges <= 6.0, "{hedges}");
    assert!(counts.iter().all(|count| (QUESTIONS / 3..=QUESTIONS / 3 + 6).contains(count)), "{counts:?}");
}

#[test]
fn random_asks_all_alike() {
    let (counts, _) = shares(Some("random"));
    // Forty each; fifteen is five standard deviations away.
    assert!(counts.iter().all(|count| (15..=70).contains(count)), "{counts:?}");
}
