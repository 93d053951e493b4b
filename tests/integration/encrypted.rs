//! The pool of encrypted connections: few of them, shared, replaced without a client noticing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nodens::sys::clock;

use super::common::ask::{Ask, Over};
use super::common::certificate::Authority;
use super::common::client::Udp;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Action, Close, Gate, Upstream, one_address};
use super::common::wire::{Message, rcode};
use super::common::{elapsed, wait_until};

/// A daemon in front of `upstream` with further lines for its group.
fn daemon(upstream: &Upstream, extra: &str) -> Daemon {
    let lines = format!("{}\n{extra}", upstream.extra());
    Setup::new().upstream("all", &[upstream.url()], &lines).zone(".", "all", "").start()
}

/// Asks for `name` and expects an address.
#[track_caller]
fn serves(daemon: &Daemon, name: &str) {
    let answer = daemon.ask(&Ask::a(name));
    assert_eq!((answer.rcode(), answer.addresses().len()), (rcode::NOERROR, 1), "{answer}");
}

/// Cold names asked at a time.
const NAMES: u16 = 1_000;

/// Sends a query for each of [`NAMES`], ID by name; a pause each 100 so that a default receive buffer holds them.
fn thousand(daemon: &Daemon) -> Udp {
    let client = daemon.udp();
    for id in 0..NAMES {
        client.send(&Ask::a(&format!("name-{id}.example.org")).id(id));
        if (id + 1) % 100 == 0 {
            daemon.wait_for_metric("nodens_questions_in_flight", &[], f64::from(id + 1));
        }
    }
    client
}

/// N14
#[test]
fn a_thousand_cold_names_take_two_connections_at_most() {
    let (authority, gate) = (Authority::new(), Gate::new());
    let held = gate.clone();
    let upstream = Upstream::tls(&authority).serve(move |query| held.hold(&one_address(query)));
    let daemon = daemon(&upstream, "");
    let client = thousand(&daemon);
    upstream.wait_for(usize::from(NAMES));
    gate.open();
    for _ in 0..NAMES {
        let bytes = client.receive_bytes();
        let id = Message::read(&bytes).unwrap().id;
        Ask::a(&format!("name-{id}.example.org")).id(id).check(&bytes, Over::Udp);
    }
    assert!(upstream.connections() <= 2, "{} connections", upstream.connections());
    assert_eq!(upstream.queries(), usize::from(NAMES), "none was sent twice");
}

/// N14
#[test]
fn one_answer_that_is_held_back_delays_no_other() {
    let (authority, gate) = (Authority::new(), Gate::new());
    let held = gate.clone();
    let upstream = Upstream::tls(&authority).serve(move |query| match query.name().as_str() {
        "slow.example.org" => held.hold(&one_address(query)),
        _ => Action::from(one_address(query)),
    });
    let daemon = daemon(&upstream, "connections = 1");
    let (client, slow) = (daemon.udp(), Ask::a("slow.example.org"));
    client.send(&slow);
    upstream.wait_for(1);
    for number in 0..200 {
        serves(&daemon, &format!("name-{number}.example.org"));
    }
    gate.open();
    client.receive(&slow);
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn answers_in_the_reverse_order_find_their_clients() {
    let (authority, gate) = (Authority::new(), Gate::new());
    let held = gate.clone();
    let upstream = Upstream::tls(&authority).serve(move |query| {
        let number: u8 = query.name().split(['-', '.']).nth(1).unwrap().parse().unwrap();
        let answer = query.answer().addresses(300, &[[192, 0, 2, number]]);
        // The first 99 wait; the gate opens with the last, whose answer goes first.
        if number < 99 { held.hold(&answer) } else { answer.into() }
    });
    let daemon = daemon(&upstream, "");
    let client = daemon.udp();
    for id in 0..100 {
        client.send(&Ask::a(&format!("name-{id}.example.org")).id(id));
    }
    upstream.wait_for(100);
    gate.open();
    for _ in 0..100 {
        let bytes = client.receive_bytes();
        let id = Message::read(&bytes).unwrap().id;
        let reply = Ask::a(&format!("name-{id}.example.org")).id(id).check(&bytes, Over::Udp);
        assert_eq!(reply.addresses()[0].to_string(), format!("192.0.2.{id}"));
    }
}

/// A server ends its idle connections as `how` says; the next query is answered all the same, and in time.
fn survives(idle: Duration, how: Close) {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let daemon = daemon(&upstream, "try-timeout = \"500ms\"");
    serves(&daemon, "first.example.org");
    let quiet_since = clock::now();
    wait_until("the connection is idle", || elapsed(quiet_since) >= idle);
    upstream.end_all(how);
    let start = clock::now();
    serves(&daemon, "second.example.org");
    assert!(elapsed(start) < Duration::from_secs(3), "{:?}", elapsed(start));
    serves(&daemon, "third.example.org");
    assert!(upstream.connections() <= 3, "{} connections", upstream.connections());
}

#[test]
fn a_server_that_closes_idle_connections_is_not_noticed() {
    survives(Duration::ZERO, Close::Finish);
    survives(Duration::from_millis(1500), Close::Finish);
}

#[test]
fn a_server_that_resets_idle_connections_is_not_noticed() {
    survives(Duration::ZERO, Close::Reset);
    survives(Duration::from_millis(1500), Close::Reset);
}

#[test]
fn a_server_that_forgets_idle_connections_is_not_noticed() {
    survives(Duration::from_millis(1500), Close::Silence);
}

/// N15: the idle times that public resolvers have, each way of closing at once: as long as the longest of them.
#[test]
fn connections_closed_after_two_five_and_ten_seconds_are_not_noticed() {
    std::thread::scope(|scope| {
        for idle in [2, 5, 10] {
            for how in [Close::Finish, Close::Reset, Close::Silence] {
                scope.spawn(move || survives(Duration::from_secs(idle), how));
            }
        }
    });
}

/// Seconds for which the server stands still; more are asked for by hand.
fn standstill() -> Duration {
    Duration::from_secs(std::env::var("NODENS_STANDSTILL").map_or(6, |seconds| seconds.parse().unwrap()))
}

/// N8: as after `kill -STOP` of the only server, the kernel goes on to accept and acknowledge, and nobody reads. After `-CONT` the first
/// fresh answer comes within a second, whatever piled up.
#[test]
fn a_server_that_stood_still_serves_again_within_a_second() {
    let (authority, (go_on, stopped)) = (Authority::new(), std::sync::mpsc::channel::<()>());
    let stopped = std::sync::Mutex::new(stopped);
    let upstream = Upstream::tls(&authority).serve(move |query| {
        // The server has one thread: this holds all its connections and handshakes.
        if query.name() == "stop.example.org" {
            let _ = stopped.lock().unwrap().recv();
        }
        one_address(query)
    });
    let daemon = daemon(&upstream, "");
    serves(&daemon, "www.example.org");
    let (client, start) = (daemon.udp(), clock::now());
    client.send(&Ask::a("stop.example.org"));
    let mut number = 0;
    wait_until_long("the server has stood still", standstill(), || {
        number += 1;
        client.send(&Ask::a(&format!("name-{number}.example.org")));
        elapsed(start) >= standstill()
    });
    // Dropping the sender is SIGCONT.
    drop(go_on);
    let start = clock::now();
    serves(&daemon, "fresh.example.org");
    assert!(elapsed(start) < Duration::from_secs(1), "{:?}", elapsed(start));
}

/// Calls `until` every tenth of a second until it holds, for somewhat longer than `time` at most.
fn wait_until_long(what: &str, time: Duration, mut until: impl FnMut() -> bool) {
    let start = clock::now();
    while !until() {
        assert!(elapsed(start) < time + Duration::from_secs(20), "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn a_server_that_forgets_a_busy_connection_costs_one_try() {
    survives(Duration::ZERO, Close::Silence);
}

/// Queries at the very moment at which the server closes: none may fail. The server closes after each answer.
fn survives_each_time(how: Close) {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).end_idle(Duration::from_millis(20), how).serve(one_address);
    let daemon = daemon(&upstream, "");
    let start = clock::now();
    let mut number = 0;
    while elapsed(start) < Duration::from_secs(2) {
        serves(&daemon, &format!("name-{number}.example.org"));
        number += 1;
        if number % 8 == 0 {
            // Lets the server's timer run out now and then, so that closing and asking meet.
            wait_until("the server closes", || {
                upstream.state().ended.load(Ordering::SeqCst) + 1 >= upstream.connections()
            });
        }
    }
}

#[test]
fn queries_that_meet_a_close_do_not_fail() {
    survives_each_time(Close::Finish);
}

#[test]
fn queries_that_meet_a_reset_do_not_fail() {
    survives_each_time(Close::Reset);
}

/// N11: a server that ends in whichever way with many queries on the way to it.
#[test]
fn a_connection_that_dies_with_queries_in_flight_costs_no_answer() {
    for how in [Close::Finish, Close::Reset] {
        let (authority, seen) = (Authority::new(), AtomicUsize::new(0));
        let upstream = Upstream::tls(&authority).serve(move |query| match (query.connection, &*query.name()) {
            // What came before the last one is never answered on the first connection.
            (0, "last.example.org") => Action::End(how),
            (0, _) if seen.fetch_add(1, Ordering::SeqCst) > 0 => Action::Ignore,
            _ => one_address(query).into(),
        });
        let daemon = daemon(&upstream, "");
        serves(&daemon, "first.example.org");
        let client = daemon.udp();
        let names =
            (1..50).map(|id| (id, format!("name-{id}.example.org"))).chain([(50, "last.example.org".to_owned())]);
        for (id, name) in names {
            client.send(&Ask::a(&name).id(id));
        }
        for _ in 1..=50 {
            assert_eq!(Message::read(&client.receive_bytes()).unwrap().rcode(), rcode::NOERROR);
        }
        assert_eq!(upstream.connections(), 2);
        daemon.wait_for_metric("nodens_upstream_retries_total", &[("reason", "connection")], 50.0);
        daemon.wait_for_metric("nodens_upstream_connections_closed_total", &[("reason", "broken")], 1.0);
    }
}

/// N16
#[test]
fn many_clients_at_a_cold_start_share_one_handshake_a_connection() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let daemon = daemon(&upstream, "");
    let client = daemon.udp();
    for id in 0..100 {
        client.send(&Ask::a(&format!("name-{id}.example.org")).id(id));
    }
    for _ in 0..100 {
        client.receive_bytes();
    }
    let handshakes = upstream.state().handshakes.load(Ordering::SeqCst);
    assert!(handshakes <= 2, "{handshakes} handshakes");
}

#[test]
fn an_idle_connection_is_closed_by_us_in_time() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let daemon = daemon(&upstream, "idle-timeout = \"500ms\"");
    serves(&daemon, "www.example.org");
    wait_until("the daemon closes it", || upstream.state().closed_by_peer.load(Ordering::SeqCst) >= 1);
    daemon.wait_for_metric("nodens_upstream_connections_closed_total", &[("reason", "idle_us")], 1.0);
    daemon.wait_for_metric("nodens_upstream_connection_queries_sum", &[], 1.0);
    serves(&daemon, "again.example.org");
}

#[test]
fn a_connection_is_replaced_when_it_is_old() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let daemon = daemon(&upstream, "max-age = \"1s\"");
    let mut number = 0;
    wait_until("a second connection serves", || {
        serves(&daemon, &format!("name-{number}.example.org"));
        number += 1;
        upstream.connections() >= 2
    });
    assert_eq!(upstream.queries(), number, "no query was sent twice");
}

#[test]
fn connections_are_reused_and_counted_so() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let daemon = daemon(&upstream, "");
    for number in 0..20 {
        serves(&daemon, &format!("name-{number}.example.org"));
    }
    assert!(daemon.metric("coredns_proxy_conn_cache_hits_total", &[]) >= 19.0);
    assert!(daemon.metric("coredns_proxy_conn_cache_misses_total", &[]) <= 1.5);
    assert!((daemon.metric("nodens_upstream_handshakes_total", &[]) - 1.0).abs() < 0.5);
}

#[test]
fn authentic_data_of_an_authenticated_server_is_passed_on_to_those_who_ask() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(|query| one_address(query).authentic());
    let extra = upstream.extra();
    let daemon =
        Setup::new().upstream("all", &[upstream.url()], &extra).zone(".", "all", "dnssec = \"forward\"").start();
    for _ in 0..2 {
        assert!(daemon.ask(&Ask::a("www.example.org").dnssec_ok()).authentic());
        assert!(!daemon.ask(&Ask::a("www.example.org")).authentic(), "a client that asked for neither AD nor DO");
    }
}
