//! Answers that have expired: what clients get when no server gives a better one, and what takes their place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::compose::Compose;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Action, Gate, Query, Upstream};
use super::common::wire::{Message, kind, rcode};
use super::common::{elapsed, wait_until};

/// What the server of these tests does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Mood {
    /// Gives the address 192.0.2.1 for a second.
    Good,
    /// Gives another address, for an hour.
    New,
    /// Says nothing.
    Silent,
    /// SERVFAIL.
    Broken,
    /// REFUSED.
    Refusing,
    /// NXDOMAIN, for a second.
    Denying,
    /// NXDOMAIN without a SOA, which may not be kept.
    DenyingBadly,
}

/// A server and a way to change its mood.
struct Moody {
    /// The server.
    upstream: Upstream,
    /// A [`Mood`].
    mood: Arc<AtomicU8>,
}

impl Moody {
    /// A server in a good mood.
    fn new() -> Self {
        let mood = Arc::new(AtomicU8::new(Mood::Good as u8));
        let told = Arc::clone(&mood);
        let upstream = Upstream::tcp().serve(move |query| {
            let mood = told.load(Ordering::SeqCst);
            let is = |one: Mood| mood == one as u8;
            let address = |ttl, last| query.answer().addresses(ttl, &[[192, 0, 2, last]]);
            match () {
                () if query.name().starts_with("nodens-loop") || is(Mood::Silent) => Action::Ignore,
                () if is(Mood::Good) => address(1, 1).into(),
                () if is(Mood::New) => address(3600, 2).into(),
                () if is(Mood::Broken) => query.answer().rcode(rcode::SERVFAIL).into(),
                () if is(Mood::Refusing) => query.answer().rcode(rcode::REFUSED).into(),
                () if is(Mood::DenyingBadly) => query.answer().rcode(rcode::NXDOMAIN).into(),
                () => denied(query).into(),
            }
        });
        Self { upstream, mood }
    }

    /// Changes the mood.
    fn becomes(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// A daemon in front of it that knows `www.example.org`, whose answer has expired.
    fn expired(&self, zone: &str) -> Daemon {
        // Short, so that a daemon that waits for a silent server has done so soon.
        let patience = "timeout = \"3s\"\ntry-timeout = \"500ms\"";
        let daemon = Setup::new().upstream("all", &[self.upstream.url()], patience).zone(".", "all", zone).start();
        let fresh = daemon.ask(&Ask::a("www.example.org"));
        assert_eq!((fresh.rcode(), fresh.answers[0].ttl), (rcode::NOERROR, 1));
        expire();
        daemon
    }
}

/// NXDOMAIN that may be kept for a second.
fn denied(query: &Query) -> Compose {
    query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 1, 1)
}

/// Waits until an answer with a TTL of a second has expired.
fn expire() {
    let start = clock::now();
    wait_until("a second has passed", || elapsed(start) > Duration::from_millis(1_050));
}

/// Asks for `www.example.org`.
fn ask(daemon: &Daemon) -> Message {
    daemon.ask(&Ask::a("www.example.org").edns(1232))
}

/// Checks that a reply is the expired answer, marked as such.
#[track_caller]
fn is_stale(reply: &Message) {
    assert_eq!(reply.rcode(), rcode::NOERROR, "{reply}");
    assert_eq!(reply.answers[0].ttl, 30, "RFC 8767 section 4");
    assert_eq!(reply.extended_errors(), [3], "{reply}");
}

/// N6 (a)
#[test]
fn while_servers_are_silent_the_first_client_waits_less_than_two_seconds_and_the_next_not_at_all() {
    let server = Moody::new();
    let daemon = server.expired("");
    server.becomes(Mood::Silent);
    let start = clock::now();
    is_stale(&ask(&daemon));
    let first = elapsed(start);
    assert!(first > Duration::from_millis(1_700) && first < Duration::from_millis(2_500), "{first:?}");
    let before = server.upstream.queries();
    for _ in 0..50 {
        is_stale(&ask(&daemon));
    }
    assert_eq!(server.upstream.queries(), before, "N6 (f): asked again every 30 s at most");
    assert!(daemon.metric("coredns_cache_served_stale_total", &[]) >= 51.0);
}

/// N6 (c)
#[test]
fn a_server_that_fails_hides_no_expired_answer() {
    for mood in [Mood::Broken, Mood::Refusing] {
        let server = Moody::new();
        let daemon = server.expired("");
        server.becomes(mood);
        for _ in 0..3 {
            is_stale(&ask(&daemon));
        }
    }
}

/// N6 (c)
#[test]
fn a_failure_to_refresh_a_good_answer_takes_nothing_away() {
    let server = Moody::new();
    let daemon = Setup::forward(&server.upstream).more("prefetch = 2\nmin-ttl = \"2s\"").start();
    ask(&daemon);
    server.becomes(Mood::Broken);
    wait_until("a refresh was tried", || {
        assert_eq!(ask(&daemon).rcode(), rcode::NOERROR);
        server.upstream.queries() >= 2
    });
    assert_eq!(ask(&daemon).rcode(), rcode::NOERROR);
}

/// N6 (d)
#[test]
fn a_denial_takes_the_place_of_an_expired_answer() {
    for mood in [Mood::Denying, Mood::DenyingBadly] {
        let server = Moody::new();
        let daemon = server.expired("");
        server.becomes(mood);
        assert_eq!(ask(&daemon).rcode(), rcode::NXDOMAIN);
        server.becomes(Mood::Broken);
        expire();
        let reply = ask(&daemon);
        if mood == Mood::Denying {
            assert_eq!((reply.rcode(), reply.extended_errors()), (rcode::NXDOMAIN, vec![19]), "{reply}");
        } else {
            assert_eq!(reply.rcode(), rcode::SERVFAIL, "nothing is known any more: {reply}");
        }
    }
}

/// N6 (b)
#[test]
fn when_servers_are_back_the_answer_is_fresh_again() {
    let server = Moody::new();
    let daemon = server.expired("");
    server.becomes(Mood::Silent);
    is_stale(&ask(&daemon));
    // Enough others to know that it is not one name's fault.
    let clients: Vec<_> = (0..4).map(|number| (daemon.udp(), Ask::a(&format!("cut-{number}.example.org")))).collect();
    clients.iter().for_each(|(client, ask)| client.send(ask));
    for (client, ask) in &clients {
        assert_eq!(client.receive(ask).rcode(), rcode::SERVFAIL);
    }
    server.becomes(Mood::New);
    // Another name shows that the server is back.
    wait_until("the server is believed again", || {
        daemon.ask(&Ask::a(&format!("new-{}.example.org", clock::now().as_nanos()))).rcode() == rcode::NOERROR
    });
    wait_until("the answer is fresh", || ask(&daemon).answers.first().is_some_and(|record| record.ttl > 30));
}

#[test]
fn an_answer_that_comes_after_the_client_was_served_is_kept() {
    let gate = Gate::new();
    let (held, asked) = (gate.clone(), AtomicU8::new(0));
    let upstream = Upstream::tcp().serve(move |query| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => query.answer().addresses(1, &[[192, 0, 2, 1]]).into(),
        _ => held.hold(&query.answer().addresses(3600, &[[192, 0, 2, 2]])),
    });
    let daemon = Setup::forward(&upstream).start();
    ask(&daemon);
    expire();
    is_stale(&ask(&daemon));
    gate.open();
    wait_until("the late answer is there", || ask(&daemon).answers.first().is_some_and(|record| record.ttl > 30));
}

/// All servers are away, everything has expired, and everything is asked for: servers are tried for a few names a second.
#[test]
fn names_that_are_not_asked_for_again_at_once_are_counted() {
    let upstream = Upstream::tcp().serve(|query: &Query| query.answer().addresses(1, &[[192, 0, 2, 1]]));
    let daemon = Setup::forward(&upstream).start();
    let names: Vec<Ask> = (0..20).map(|number| Ask::a(&format!("stale-{number}.example.org")).edns(1232)).collect();
    names.iter().for_each(|ask| assert_eq!(daemon.ask(ask).answers.len(), 1));
    drop(upstream);
    expire();
    wait_until("it is known that nobody is there", || {
        names.iter().for_each(|ask| is_stale(&daemon.ask(ask)));
        daemon.metric("nodens_stale_rechecks_held_back_total", &[]) > 0.0
    });
    assert!(daemon.metric("nodens_stale_rechecks_total", &[]) > 0.0);
}

#[test]
fn a_zone_without_it_gets_the_failure() {
    let server = Moody::new();
    let daemon = server.expired("serve-stale = \"0s\"");
    server.becomes(Mood::Broken);
    assert_eq!(ask(&daemon).rcode(), rcode::SERVFAIL);
}

#[test]
fn an_expired_answer_is_no_answer_to_another_question() {
    let server = Moody::new();
    let daemon = server.expired("");
    server.becomes(Mood::Broken);
    assert_eq!(daemon.ask(&Ask::new("www.example.org", kind::TXT)).rcode(), rcode::SERVFAIL);
    assert_eq!(daemon.ask(&Ask::a("www.example.org").checking_disabled()).rcode(), rcode::SERVFAIL);
}
