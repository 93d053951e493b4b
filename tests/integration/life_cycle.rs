//! Start, readiness and the end: nothing is lost that was in hand.

use std::time::Duration;

use nix::sys::signal::Signal;
use nodens::sys::clock;

use super::behind;
use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::elapsed;
use super::common::peer::free_address;
use super::common::upstream::{Action, Gate, Upstream, one_address};
use super::common::wire::rcode;

#[test]
fn ready_needs_no_upstream() {
    let nobody = format!("tls://{}#dns.example", free_address());
    let daemon = Setup::new().upstream("all", &[nobody], "timeout = \"500ms\"").zone(".", "all", "").start();
    super::common::wait_until("ready", || daemon.http("health", "/ready").status == 200);
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::SERVFAIL);
}

#[test]
fn health_says_ok() {
    let (_upstream, daemon) = behind(one_address);
    let response = daemon.http("health", "/health");
    assert_eq!((response.status, response.body.trim()), (200, "OK"));
}

#[test]
fn ready_says_ok_once_the_listeners_answer() {
    let (_upstream, daemon) = behind(one_address);
    super::common::wait_until("ready", || daemon.http("health", "/ready").status == 200);
    assert_eq!(daemon.http("health", "/ready").body.lines().next(), Some("OK"));
}

#[test]
fn other_paths_are_not_found() {
    let (_upstream, daemon) = behind(one_address);
    assert_eq!(daemon.http("health", "/metrics").status, 404);
    assert_eq!(daemon.http("metrics", "/health").status, 404);
    assert_eq!(daemon.http("metrics", "/").status, 404);
}

/// Sends a signal while a query is in hand over UDP and one over TCP; both are answered and the exit is orderly.
fn drains_at(signal: Signal) {
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, mut daemon) = behind(move |query| held.hold(&one_address(query)));
    let (udp, mut tcp) = (daemon.udp(), daemon.tcp());
    let (first, second) = (Ask::a("first.example.org"), Ask::a("second.example.org"));
    udp.send(&first);
    tcp.send(&[&second]);
    upstream.wait_for(2);
    daemon.signal(signal);
    gate.open();
    assert_eq!(udp.receive(&first).addresses().len(), 1);
    assert_eq!(tcp.receive(&second).addresses().len(), 1);
    tcp.wait_for_close();
    assert_eq!(daemon.wait().code(), Some(0), "{:#?}", daemon.log());
}

#[test]
fn sigterm_answers_what_is_in_hand_and_exits_with_0() {
    drains_at(Signal::SIGTERM);
}

#[test]
fn sigint_answers_what_is_in_hand_and_exits_with_0() {
    drains_at(Signal::SIGINT);
}

#[test]
fn an_idle_daemon_ends_at_once() {
    let (_upstream, mut daemon) = behind(one_address);
    let mut idle = daemon.tcp();
    idle.ask(&Ask::a("www.example.org"));
    let start = clock::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(elapsed(start) < Duration::from_secs(2), "{:?}", elapsed(start));
}

#[test]
fn what_never_comes_back_holds_up_the_end_no_longer_than_the_deadline() {
    let upstream = Upstream::tcp().serve(|_| Action::Ignore);
    let mut daemon = Setup::forward(&upstream).more("").section("listen", "drain-timeout = \"300ms\"").start();
    daemon.udp().send(&Ask::a("www.example.org"));
    upstream.wait_for(1);
    let start = clock::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0), "{:#?}", daemon.log());
    assert!(elapsed(start) < Duration::from_secs(2), "{:?}", elapsed(start));
}

#[test]
fn two_workers_share_an_address_and_both_answer() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("listen", "workers = 2").start();
    // The kernel spreads clients by their ports: with 64 of them no worker stays without any.
    for _ in 0..64 {
        daemon.ask(&Ask::a("www.example.org"));
        daemon.tcp().ask(&Ask::a("www.example.org"));
    }
    assert!(upstream.queries() <= 2, "one query a worker at most");
}

#[test]
fn several_addresses_of_both_families_are_served() {
    use super::common::skip::{Need, unless};
    if unless(&[Need::Ipv6]).is_some() {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let addresses = "addresses = [\"127.0.0.1:0\", \"127.0.0.2:0\", \"[::1]:0\"]";
    let daemon = Setup::forward(&upstream).section("listen", addresses).start();
    let ask = Ask::a("www.example.org");
    let (udp, tcp) = (daemon.listening("protocol=udp"), daemon.listening("protocol=tcp"));
    assert_eq!((udp.len(), tcp.len()), (3, 3));
    for address in udp {
        super::common::client::Udp::to(address).ask(&ask);
    }
    for address in tcp {
        super::common::client::Tcp::to(address).ask(&ask);
    }
}
