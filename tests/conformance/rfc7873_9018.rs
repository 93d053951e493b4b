//! RFC 7873, Domain Name System (DNS) Cookies; RFC 9018, Interoperable Domain Name System (DNS) Server Cookies: as a client of servers.
//!
//! - RFC 7873 section 4.1, RFC 9018 section 3: a client's cookie is another one for each server, and for each address of the client.
//! - RFC 7873 section 5.3: "If the client is expecting the response to contain a COOKIE option and it is missing, the response MUST be
//!   discarded."; and it "MUST discard the response if it contains an illegal COOKIE option length or an incorrect Client Cookie value".
//! - RFC 7873 section 5.3: after BADCOOKIE "the client SHOULD retry the request using the new Server Cookie from the response", and if that is
//!   answered by BADCOOKIE as well, "the client SHOULD retry using TCP as the transport".

use std::collections::HashSet;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::compose::Compose;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Action, Builder, Query, Upstream, Via, one_address};
use super::common::wire::rcode;

/// The COOKIE option.
const COOKIE: u16 = 10;

/// The response code BADCOOKIE.
const BADCOOKIE: u16 = 23;

/// The cookie of a query; empty without one.
fn cookie(query: &Query) -> Vec<u8> {
    query.message.option(COOKIE).unwrap_or_default().to_vec()
}

/// The same answer with the client's cookie and this one of the server.
fn with_cookie(answer: Compose, query: &Query, server: &[u8]) -> Compose {
    answer.option(COOKIE, &[&cookie(query)[..8], server].concat())
}

/// An answer that must not be believed.
fn forged(query: &Query) -> Compose {
    query.answer().addresses(300, &[[203, 0, 113, 66]])
}

/// A server that knows cookies, and over UDP says this about names that begin with "odd".
fn server<A: Into<Action>>(odd: impl Fn(&Query) -> A + Send + Sync + 'static) -> Upstream {
    Upstream::auto().serve(move |query| match query.via {
        Via::Udp if query.name().starts_with("odd") => odd(query).into(),
        Via::Udp => with_cookie(one_address(query), query, b"a secret").into(),
        _ => one_address(query).into(),
    })
}

/// A daemon that has asked this server once.
fn acquainted(server: &Upstream) -> Daemon {
    let daemon = Setup::forward(server).start();
    daemon.ask(&Ask::a("first.example.org"));
    daemon
}

/// Asks for a name that the server is odd about and expects the truth, by TCP.
#[track_caller]
fn is_answered_over_tcp(server: &Upstream, daemon: &Daemon, doubt: &str) {
    let answer = daemon.ask(&Ask::a("odd.example.org"));
    assert_eq!(answer.addresses(), ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()], "{answer}");
    assert_eq!(server.seen().last().unwrap().via, Via::Tcp);
    daemon.wait_for_metric("nodens_upstream_doubts_total", &[("reason", doubt)], 1.0);
}

#[test]
fn each_server_gets_a_cookie_of_its_own_and_always_the_same() {
    let servers = [(), ()].map(|()| Upstream::udp().serve(one_address));
    let urls = servers.each_ref().map(Upstream::url);
    let daemon = Setup::new().upstream("all", &urls, "policy = \"round-robin\"").zone(".", "all", "").start();
    for number in 0..8 {
        daemon.ask(&Ask::a(&format!("name-{number}.example.org")));
    }
    let cookies = servers.each_ref().map(|server| server.seen().iter().map(cookie).collect::<HashSet<_>>());
    assert_eq!(cookies.each_ref().map(HashSet::len), [1, 1]);
    assert!(cookies[0].is_disjoint(&cookies[1]), "{cookies:?}");
    assert!(cookies.iter().flatten().all(|cookie| cookie.len() == 8));
}

#[test]
fn a_restart_brings_other_cookies() {
    let server = Upstream::udp().serve(one_address);
    for _ in 0..2 {
        Setup::forward(&server).start().ask(&Ask::a("www.example.org"));
    }
    assert_ne!(cookie(&server.seen()[0]), cookie(&server.seen()[1]));
}

#[test]
fn the_servers_cookie_is_sent_back_to_it() {
    let server = server(one_address);
    let daemon = acquainted(&server);
    daemon.ask(&Ask::a("second.example.org"));
    let (first, second) = (cookie(&server.seen()[0]), cookie(&server.seen()[1]));
    assert_eq!(second, [&first[..], b"a secret"].concat());
    assert_eq!(daemon.metric("nodens_upstream_cookies_total", &[("event", "right")]), 2.0);
}

/// N29.
#[test]
fn an_answer_without_the_cookie_that_is_expected_is_discarded() {
    let server = server(forged);
    is_answered_over_tcp(&server, &acquainted(&server), "cookie");
}

/// N29.
#[test]
fn an_answer_with_another_clients_cookie_is_discarded() {
    let server = server(|query| forged(query).option(COOKIE, b"another one, a secret"));
    is_answered_over_tcp(&server, &acquainted(&server), "cookie");
}

#[test]
fn an_answer_with_a_cookie_of_an_illegal_length_is_discarded() {
    let server = server(|query| with_cookie(forged(query), query, b"short"));
    is_answered_over_tcp(&server, &acquainted(&server), "cookie");
}

#[test]
fn bad_cookie_is_answered_by_the_new_cookie() {
    let server = server(|query| match &cookie(query)[8..] {
        b"new cookie" => with_cookie(one_address(query), query, b"new cookie"),
        _ => with_cookie(query.answer().rcode(BADCOOKIE), query, b"new cookie"),
    });
    let daemon = acquainted(&server);
    assert_eq!(daemon.ask(&Ask::a("odd.example.org")).rcode(), rcode::NOERROR);
    assert_eq!(server.seen().iter().map(|query| query.via).collect::<Vec<_>>(), [Via::Udp; 3]);
    assert_eq!(daemon.metric("nodens_upstream_cookies_total", &[("event", "refused")]), 1.0);
}

#[test]
fn bad_cookie_again_is_answered_by_tcp() {
    let server = server(|query| with_cookie(query.answer().rcode(BADCOOKIE), query, b"new cookie"));
    is_answered_over_tcp(&server, &acquainted(&server), "bad_cookie");
    assert_eq!(server.seen().len(), 4, "once to be acquainted, twice by UDP, once by TCP");
}

#[test]
fn a_server_that_knows_no_cookies_is_asked_as_ever() {
    let server = Upstream::auto().serve(one_address);
    let daemon = Setup::forward(&server).start();
    for number in 0..10 {
        assert_eq!(daemon.ask(&Ask::a(&format!("name-{number}.example.org"))).rcode(), rcode::NOERROR);
    }
    assert!(server.seen().iter().all(|query| query.via == Via::Udp));
    assert_eq!(server.queries(), 10);
}

#[test]
fn there_are_none_on_streams_and_none_where_they_are_switched_off() {
    let authority = Authority::new();
    let cookies = |builder: Builder, lines: &str| {
        let server = builder.serve(one_address);
        let extra = format!("{}\n{lines}", server.extra());
        Setup::new()
            .upstream("all", &[server.url()], &extra)
            .zone(".", "all", "")
            .start()
            .ask(&Ask::a("www.example.org"));
        cookie(&server.seen()[0]).len()
    };
    assert_eq!(cookies(Upstream::udp(), ""), 8);
    assert_eq!(cookies(Upstream::udp(), "cookies = false"), 0);
    assert_eq!(cookies(Upstream::tcp(), ""), 0);
    assert_eq!(cookies(Upstream::tls(&authority), ""), 0);
}

#[test]
fn cookies_of_clients_and_servers_are_never_passed_on() {
    let server = server(one_address);
    let daemon = Setup::forward(&server).start();
    let answer = daemon.ask(&Ask::a("www.example.org").option(COOKIE, &[9; 8]));
    assert_eq!((answer.rcode(), answer.option(COOKIE)), (rcode::NOERROR, None));
    assert_ne!(cookie(&server.seen()[0]), [9; 8]);
}
