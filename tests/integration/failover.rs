//! Servers that are gone, slow or short-spoken: the next one is asked, over the transport that works.

use std::time::Duration;

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::compose::text_data;
use super::common::daemon::{Daemon, Setup};
use super::common::elapsed;
use super::common::peer::free_address;
use super::common::upstream::{Action, Close, Upstream, Via, one_address};
use super::common::wire::{kind, rcode};

/// A daemon with these servers in one group, asked in this order.
fn daemon(servers: &[String], extra: &str) -> Daemon {
    let extra = format!("policy = \"sequential\"\n{extra}");
    Setup::new().upstream("all", servers, &extra).zone(".", "all", "").start()
}

/// Asks for a new name each time and expects an address.
#[track_caller]
fn serves(daemon: &Daemon, name: &str) {
    let answer = daemon.ask(&Ask::a(name));
    assert_eq!((answer.rcode(), answer.addresses().len()), (rcode::NOERROR, 1), "{answer}");
}

#[test]
fn a_server_that_refuses_connections_is_passed_over() {
    let second = Upstream::tcp().serve(one_address);
    let daemon = daemon(&[format!("tcp://{}", free_address()), second.url()], "");
    for number in 0..5 {
        serves(&daemon, &format!("name-{number}.example.org"));
    }
    assert_eq!(second.queries(), 5);
}

#[test]
fn a_server_that_does_not_answer_is_passed_over_after_a_try() {
    let (first, second) = (Upstream::tcp().serve(|_| Action::Ignore), Upstream::tcp().serve(one_address));
    let daemon = daemon(&[first.url(), second.url()], "try-timeout = \"200ms\"");
    let start = clock::now();
    serves(&daemon, "www.example.org");
    assert!(elapsed(start) < Duration::from_secs(3), "{:?}", elapsed(start));
    assert!(first.queries() >= 1);
}

#[test]
fn over_udp_a_server_that_does_not_answer_is_passed_over_after_a_try() {
    let (first, second) = (Upstream::udp().serve(|_| Action::Ignore), Upstream::udp().serve(one_address));
    let daemon = daemon(&[first.url(), second.url()], "try-timeout = \"200ms\"");
    serves(&daemon, "www.example.org");
}

#[test]
fn a_server_that_ends_every_connection_is_passed_over() {
    for how in [Close::Finish, Close::Reset] {
        let (first, second) = (Upstream::tcp().serve(move |_| Action::End(how)), Upstream::tcp().serve(one_address));
        serves(&daemon(&[first.url(), second.url()], ""), "www.example.org");
    }
}

#[test]
fn a_server_that_fails_is_passed_over() {
    for code in [rcode::SERVFAIL, rcode::REFUSED, rcode::NOTIMP] {
        let (first, second) =
            (Upstream::tcp().serve(move |query| query.answer().rcode(code)), Upstream::tcp().serve(one_address));
        serves(&daemon(&[first.url(), second.url()], ""), "www.example.org");
    }
}

#[test]
fn a_server_that_denies_is_believed() {
    let first = Upstream::tcp().serve(|query| query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 60, 60));
    let second = Upstream::tcp().serve(one_address);
    let daemon = daemon(&[first.url(), second.url()], "");
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::NXDOMAIN);
    assert_eq!(second.queries(), 0);
}

#[test]
fn a_server_with_a_wrong_certificate_is_passed_over_for_one_with_the_right_one() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let wrong = Upstream::tls(&stranger).serve(one_address);
    let right = Upstream::tls(&authority).serve(one_address);
    let daemon = daemon(&[wrong.url(), right.url()], &right.extra());
    serves(&daemon, "www.example.org");
    assert_eq!((wrong.queries(), right.queries()), (0, 1));
}

#[test]
fn the_first_server_is_asked_first() {
    let (first, second) = (Upstream::tcp().serve(one_address), Upstream::tcp().serve(one_address));
    let daemon = daemon(&[first.url(), second.url()], "");
    for number in 0..10 {
        serves(&daemon, &format!("name-{number}.example.org"));
    }
    assert_eq!((first.queries(), second.queries()), (10, 0));
}

#[test]
fn when_all_fail_the_client_hears_of_it_within_the_deadline() {
    let servers = [Upstream::tcp().serve(|_| Action::Ignore), Upstream::tcp().serve(|_| Action::Ignore)];
    let daemon = daemon(&servers.each_ref().map(Upstream::url), "timeout = \"700ms\"\ntry-timeout = \"300ms\"");
    let start = clock::now();
    let answer = daemon.ask(&Ask::a("www.example.org").edns(1232));
    assert_eq!(answer.rcode(), rcode::SERVFAIL);
    assert!(elapsed(start) < Duration::from_secs(2), "{:?}", elapsed(start));
    assert!(!answer.extended_errors().is_empty(), "{answer}");
}

/// An answer that only fits a stream, truncated over UDP.
fn large_over_udp(scheme: fn() -> super::common::upstream::Builder) {
    let upstream = scheme().serve(|query| match query.via {
        Via::Udp => query.answer().truncated(),
        _ => (0..30).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 300, &text_data(100))),
    });
    let daemon = daemon(&[upstream.url()], "");
    let ask = Ask::new("large.example.org", kind::TXT);
    assert_eq!(daemon.tcp().ask(&ask).answers.len(), 30);
    assert!(daemon.ask(&ask).truncated(), "a UDP client is told to come over TCP");
    assert_eq!(upstream.queries(), 2, "one over UDP, one over TCP, then memory");
    daemon.wait_for_metric("nodens_upstream_retries_total", &[("reason", "truncated")], 1.0);
}

#[test]
fn a_truncated_answer_is_fetched_over_tcp() {
    large_over_udp(Upstream::udp);
}

#[test]
fn a_truncated_answer_is_fetched_over_tcp_from_an_auto_server() {
    large_over_udp(Upstream::auto);
}

#[test]
fn a_truncated_answer_is_better_than_none_where_tcp_fails() {
    let upstream = Upstream::udp().serve(|query| match query.via {
        Via::Udp => Action::from(one_address(query).truncated()),
        _ => Action::End(Close::Reset),
    });
    let daemon = daemon(&[upstream.url()], "timeout = \"1s\"\ntry-timeout = \"300ms\"");
    let answer = daemon.ask(&Ask::a("www.example.org"));
    // Either the part that came, marked as a part, or an honest failure; never a part that looks whole.
    assert!(answer.rcode() == rcode::SERVFAIL || answer.truncated(), "{answer}");
}
