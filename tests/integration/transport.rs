//! UDP, TCP, and several addresses: by which way a server is asked, and what follows when that way is closed.

use std::time::Duration;

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::compose::text_data;
use super::common::daemon::{Daemon, Setup};
use super::common::elapsed;
use super::common::skip::{Need, unless};
use super::common::upstream::{Action, Builder, Query, Upstream, Via, one_address};
use super::common::wire::{kind, rcode};

/// A daemon that asks the server with this URL.
fn daemon(url: String, extra: &str) -> Daemon {
    Setup::new().upstream("all", &[url], extra).zone(".", "all", "max-ttl = \"0s\"").start()
}

/// Names under "large" only fit a stream, the others any datagram.
fn by_size(query: &Query) -> Action {
    if !query.name().starts_with("large") {
        return one_address(query).into();
    }
    match query.via {
        Via::Udp => query.answer().truncated().into(),
        _ => (0..30).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 300, &text_data(100))).into(),
    }
}

/// The ways in which `name` was asked, in their order.
fn ways(upstream: &Upstream, name: &str) -> Vec<Via> {
    upstream.seen().iter().filter(|query| query.name() == name).map(|query| query.via).collect()
}

/// Asks for the texts of `name` over TCP.
fn texts(daemon: &Daemon, name: &str) -> usize {
    daemon.tcp().ask(&Ask::new(name, kind::TXT)).answers.len()
}

/// N10: auto asks by UDP with 1232 bytes, goes to TCP for what does not fit, and remembers for which names.
#[test]
fn what_did_not_fit_is_asked_over_tcp_at_once_the_next_time() {
    let upstream = Upstream::auto().serve(by_size);
    let daemon = daemon(upstream.url(), "");
    for _ in 0..3 {
        assert_eq!(texts(&daemon, "large.example.org"), 30);
        assert_eq!(daemon.ask(&Ask::a("small.example.org")).addresses().len(), 1);
    }
    assert_eq!(ways(&upstream, "large.example.org"), [Via::Udp, Via::Tcp, Via::Tcp, Via::Tcp]);
    assert_eq!(ways(&upstream, "small.example.org"), [Via::Udp; 3]);
    let seen = upstream.seen();
    assert!(seen.iter().all(|query| query.message.edns.as_ref().is_some_and(|edns| edns.size == 1232)));
    daemon.wait_for_metric("nodens_upstream_tcp_first_total", &[], 2.0);
    daemon.wait_for_metric("nodens_upstream_retries_total", &[("reason", "truncated")], 1.0);
}

/// The first answer may take as long as TCP takes to fail; the others come at once, as parts.
fn stays_with_udp(upstream: Builder, handler: impl Fn(&Query) -> Action + Send + Sync + 'static) {
    let upstream = upstream.serve(handler);
    let daemon = daemon(upstream.url(), "try-timeout = \"500ms\"");
    for number in 0..4 {
        let start = clock::now();
        let answer = daemon.ask(&Ask::new(&format!("large-{number}.example.org"), kind::TXT).edns(1232));
        assert!(answer.truncated() && answer.rcode() == rcode::NOERROR, "{answer}");
        assert!(number == 0 || elapsed(start) < Duration::from_millis(400), "{:?}", elapsed(start));
        assert_eq!(daemon.ask(&Ask::a("small.example.org")).addresses().len(), 1);
    }
    daemon.wait_for_metric("nodens_upstream_downgrades_total", &[("feature", "tcp")], 1.0);
    daemon.wait_for_metric("nodens_upstream_retries_total", &[("reason", "truncated")], 1.0);
}

/// N10: TCP must not be assumed.
#[test]
fn where_tcp_is_refused_an_auto_server_is_asked_by_udp_alone() {
    stays_with_udp(Upstream::auto().datagrams_only(), by_size);
}

/// N10
#[test]
fn where_tcp_is_never_answered_an_auto_server_is_asked_by_udp_alone() {
    stays_with_udp(Upstream::auto(), |query| match query.via {
        Via::Udp => by_size(query),
        _ => Action::Ignore,
    });
}

/// N10: however late the part comes and however long TCP may take, the client hears of it before the whole time is over.
#[test]
fn a_truncated_answer_that_comes_late_is_passed_on_in_time_where_tcp_is_never_answered() {
    for late in [Duration::ZERO, Duration::from_millis(1200)] {
        let upstream = Upstream::auto().serve(move |query| match query.via {
            Via::Udp => Action::Later(late, query.answer().truncated().bytes()),
            _ => Action::Ignore,
        });
        let daemon = daemon(upstream.url(), "try-timeout = \"2s\"\ntimeout = \"2s\"");
        let answer = daemon.ask(&Ask::new("large.example.org", kind::TXT).edns(1232));
        assert!(answer.truncated() && answer.rcode() == rcode::NOERROR, "{late:?}: {answer}");
    }
}

/// N10: only "auto" may take the part for the whole.
#[test]
fn a_truncated_answer_of_a_udp_server_that_refuses_tcp_is_a_failure() {
    let upstream = Upstream::udp().datagrams_only().serve(by_size);
    let daemon = daemon(upstream.url(), "");
    assert_eq!(daemon.ask(&Ask::new("large.example.org", kind::TXT)).rcode(), rcode::SERVFAIL);
    assert_eq!(daemon.ask(&Ask::a("small.example.org")).addresses().len(), 1);
}

/// A server whose first address is closed, by any scheme.
fn is_found_at_its_second_address(upstream: &Upstream) {
    let closed = std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap();
    let url = upstream.url().replace("://", &format!("://{closed},"));
    let daemon = daemon(url, &upstream.extra());
    let start = clock::now();
    for number in 0..10 {
        let answer = daemon.ask(&Ask::a(&format!("name-{number}.example.org")));
        assert_eq!((answer.rcode(), answer.addresses().len()), (rcode::NOERROR, 1), "{answer}");
    }
    assert!(elapsed(start) < Duration::from_secs(2), "{:?}", elapsed(start));
    assert_eq!(upstream.queries(), 10);
}

/// N8: a family that does not work is not noticed (RFC 8305).
#[test]
fn a_server_of_two_families_is_reached_by_the_one_that_works() {
    if unless(&[Need::Ipv6]).is_some() {
        return;
    }
    let authority = super::common::certificate::Authority::new();
    is_found_at_its_second_address(&Upstream::tls(&authority).serve(one_address));
    is_found_at_its_second_address(&Upstream::tcp().serve(one_address));
    is_found_at_its_second_address(&Upstream::udp().serve(one_address));
}

#[test]
fn metrics_call_a_server_by_its_first_address() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = daemon(format!("{},[2001:db8::1]:53", upstream.url()), "");
    daemon.ask(&Ask::a("www.example.org"));
    let to = upstream.url();
    assert!(daemon.scrape().value("nodens_upstream_retries_total", &[("to", &to)]).is_some());
}
