//! RFC 7828, The edns-tcp-keepalive EDNS0 option.
//!
//! - Section 3.3.1: a server ignores the option in a query over UDP.
//! - Section 3.3.2: over TCP a server that sees an OPT record "MAY include the edns-tcp-keepalive option in the response to signal
//!   the expected idle timeout on a connection".
//! - Section 3.2.1: "DNS clients MUST NOT include the edns-tcp-keepalive option in queries sent using UDP transport."
//! - Section 3.2.2: a client's option carries no timeout; section 3.4: TIMEOUT 0 asks the client to close.
//! - Section 3.1: units of 100 milliseconds.

use super::behind;
use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;
use super::common::wire::option::KEEPALIVE;

#[test]
fn over_tcp_the_idle_timeout_is_told_in_tenths_of_a_second() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("listen", "tcp-idle-timeout = \"7s\"").start();
    let mut connection = daemon.tcp();
    for _ in 0..2 {
        let answer = connection.ask(&Ask::a("www.example.org").option(KEEPALIVE, b""));
        assert_eq!(answer.option(KEEPALIVE), Some(&70_u16.to_be_bytes()[..]), "{answer}");
    }
}

#[test]
fn over_udp_the_option_is_ignored() {
    // Ask::check refuses the option in any UDP reply.
    let (_upstream, daemon) = behind(one_address);
    for _ in 0..2 {
        daemon.ask(&Ask::a("www.example.org").option(KEEPALIVE, b""));
    }
}

#[test]
fn an_answer_without_edns_carries_no_timeout() {
    let (_upstream, daemon) = behind(one_address);
    assert!(daemon.tcp().ask(&Ask::a("www.example.org")).edns.is_none());
}

#[test]
fn the_option_is_never_sent_to_an_upstream_over_udp() {
    let upstream = Upstream::udp().serve(one_address);
    let daemon = Setup::forward(&upstream).start();
    daemon.tcp().ask(&Ask::a("www.example.org").option(KEEPALIVE, b""));
    assert_eq!(upstream.seen()[0].message.option(KEEPALIVE), None);
}

#[test]
fn the_first_query_to_an_upstream_over_tcp_asks_for_the_timeout_without_naming_one() {
    let (upstream, daemon) = behind(one_address);
    daemon.ask(&Ask::a("www.example.org"));
    assert_eq!(upstream.seen()[0].message.option(KEEPALIVE), Some(&b""[..]));
}

#[test]
fn the_timeout_of_an_upstream_is_obeyed_and_not_passed_on() {
    let upstream = Upstream::tcp().serve(|query| one_address(query).option(KEEPALIVE, &10_u16.to_be_bytes()));
    let daemon = Setup::forward(&upstream).start();
    let answer = daemon.tcp().ask(&Ask::a("www.example.org").option(KEEPALIVE, b""));
    assert_ne!(answer.option(KEEPALIVE), Some(&10_u16.to_be_bytes()[..]), "the upstream's word reached the client");
    wait_until("the daemon closes the connection first", || {
        upstream.state().closed_by_peer.load(std::sync::atomic::Ordering::SeqCst) >= 1
    });
    assert_eq!(daemon.ask(&Ask::a("again.example.org")).addresses().len(), 1);
    assert_eq!(upstream.connections(), 2);
}

#[test]
fn a_timeout_of_zero_closes_the_connection_once_it_is_quiet() {
    let upstream = Upstream::tcp().serve(|query| one_address(query).option(KEEPALIVE, &0_u16.to_be_bytes()));
    let daemon = Setup::forward(&upstream).start();
    daemon.ask(&Ask::a("www.example.org"));
    wait_until("the daemon closes the connection", || {
        upstream.state().closed_by_peer.load(std::sync::atomic::Ordering::SeqCst) >= 1
    });
    assert_eq!(daemon.ask(&Ask::a("again.example.org")).addresses().len(), 1);
    daemon.wait_for_metric("nodens_upstream_connections_closed_total", &[("reason", "told")], 2.0);
}
