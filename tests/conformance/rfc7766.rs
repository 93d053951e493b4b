//! RFC 7766, DNS transport over TCP: implementation requirements.
//!
//! - Section 6.2.1.1: a server takes several queries on one connection without waiting in between.
//! - Section 7: resolvers prepare answers in parallel and send them in the order in which they are ready.
//! - Section 8: "DNS clients and servers SHOULD pass the two-octet length field, and the message described by that length field, to
//!   the TCP layer at the same time (e.g., in a single "write" system call)".
//! - Section 6.2.3: idle connections are closed; section 6.2.2: a server may limit connections, in all and for one client.

use std::time::Duration;

use nodens::sys::clock;

use super::behind;
use super::common::ask::{Ask, Over};
use super::common::client::{Tcp, prefixed};
use super::common::compose::text_data;
use super::common::daemon::Setup;
use super::common::upstream::{Action, Gate, Upstream, one_address};
use super::common::wire::{Message, kind};
use super::common::{elapsed, wait_until};

#[test]
fn many_queries_of_one_connection_are_all_answered() {
    let (_upstream, daemon) = behind(one_address);
    let mut connection = daemon.tcp();
    for number in 0..100 {
        connection.ask(&Ask::a(&format!("name-{}.example.org", number % 10)));
    }
}

#[test]
fn queries_of_one_segment_are_all_answered() {
    let (_upstream, daemon) = behind(one_address);
    let asks: Vec<Ask> = (0..20).map(|n| Ask::a(&format!("name-{n}.example.org")).id(n)).collect();
    let mut connection = daemon.tcp();
    connection.send(&asks.iter().collect::<Vec<_>>());
    let mut seen = [false; 20];
    for _ in 0..20 {
        let bytes = connection.receive_bytes();
        let id = usize::from(Message::read(&bytes).unwrap().id);
        asks[id].check(&bytes, Over::Tcp);
        assert!(!std::mem::replace(&mut seen[id], true), "two answers to one query");
    }
}

#[test]
fn a_slow_answer_does_not_hold_back_the_next() {
    let gate = Gate::new();
    let held = gate.clone();
    let (_upstream, daemon) = behind(move |query| match query.name().as_str() {
        "slow.example.org" => held.hold(&one_address(query)),
        _ => one_address(query).into(),
    });
    let (slow, quick) = (Ask::a("slow.example.org"), Ask::a("quick.example.org"));
    let mut connection = daemon.tcp();
    connection.send(&[&slow, &quick]);
    connection.receive(&quick);
    gate.open();
    connection.receive(&slow);
}

#[test]
fn kept_answers_overtake_a_slow_one() {
    let gate = Gate::new();
    let held = gate.clone();
    let (_upstream, daemon) = behind(move |query| match query.name().as_str() {
        "slow.example.org" => held.hold(&one_address(query)),
        _ => one_address(query).into(),
    });
    let (slow, quick) = (Ask::a("slow.example.org"), Ask::a("quick.example.org"));
    daemon.ask(&quick);
    let mut connection = daemon.tcp();
    connection.send(&[&slow, &quick, &quick]);
    connection.receive(&quick);
    connection.receive(&quick);
    gate.open();
    connection.receive(&slow);
}

#[test]
fn a_query_that_comes_byte_by_byte_is_answered() {
    let (_upstream, daemon) = behind(one_address);
    let ask = Ask::a("www.example.org");
    let mut connection = daemon.tcp();
    for byte in prefixed(&ask.bytes()) {
        connection.send_bytes(&[byte]).unwrap();
    }
    connection.receive(&ask);
}

#[test]
fn a_segment_may_end_anywhere() {
    let (_upstream, daemon) = behind(one_address);
    let ask = Ask::a("www.example.org");
    let two = [prefixed(&ask.bytes()), prefixed(&ask.bytes())].concat();
    for cut in 1..two.len() {
        let mut connection = daemon.tcp();
        connection.send_bytes(&two[..cut]).unwrap();
        if cut >= two.len() / 2 {
            connection.receive(&ask);
            connection.send_bytes(&two[cut..]).unwrap();
            connection.receive(&ask);
        } else {
            connection.send_bytes(&two[cut..]).unwrap();
            connection.receive(&ask);
            connection.receive(&ask);
        }
    }
}

#[test]
fn length_and_message_come_in_one_segment() {
    let (_upstream, daemon) = behind(one_address);
    let ask = Ask::a("www.example.org");
    let mut connection = daemon.tcp();
    for _ in 0..20 {
        connection.send(&[&ask]);
        // Whatever the first read brings: it must not be the two bytes of the length alone.
        let mut first = [0; 512];
        let mut length = 0;
        wait_until("bytes arrive", || {
            length = connection.stream().peek(&mut first).unwrap();
            length > 0
        });
        assert!(length > 2, "the length prefix came alone");
        connection.receive(&ask);
    }
}

#[test]
fn a_client_that_says_no_more_gets_what_it_asked_for() {
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, daemon) = behind(move |query| held.hold(&one_address(query)));
    let ask = Ask::a("www.example.org");
    let mut connection = daemon.tcp();
    connection.send(&[&ask]);
    upstream.wait_for(1);
    connection.finish();
    gate.open();
    connection.receive(&ask);
    connection.wait_for_close();
}

#[test]
fn a_message_shorter_than_a_header_ends_the_connection_at_most() {
    let (_upstream, daemon) = behind(one_address);
    for length in 0..12 {
        let mut connection = daemon.tcp();
        connection.send_bytes(&prefixed(&vec![0; length])).unwrap();
        connection.finish();
        assert!(connection.wait_for_close().is_empty(), "{length} bytes are no query");
    }
    daemon.tcp().ask(&Ask::a("www.example.org"));
}

#[test]
fn a_silent_connection_is_closed_after_the_idle_timeout() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("listen", "tcp-idle-timeout = \"1s\"").start();
    let mut connection = daemon.tcp();
    connection.ask(&Ask::a("www.example.org"));
    let start = clock::now();
    assert!(connection.wait_for_close().is_empty());
    assert!(elapsed(start) > Duration::from_millis(700), "closed after {:?}", elapsed(start));
    daemon.wait_for_metric("nodens_tcp_closed_total", &[("reason", "idle")], 1.0);
}

#[test]
fn half_a_query_does_not_keep_a_connection_alive() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("listen", "tcp-idle-timeout = \"1s\"").start();
    let mut connection = daemon.tcp();
    connection.send_bytes(&prefixed(&Ask::a("www.example.org").bytes())[..9]).unwrap();
    assert!(connection.wait_for_close().is_empty());
}

#[test]
fn a_connection_with_a_query_in_hand_is_not_idle() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query| match query.name().as_str() {
        "slow.example.org" => held.hold(&one_address(query)),
        _ => one_address(query).into(),
    });
    let daemon = Setup::forward(&upstream).section("listen", "tcp-idle-timeout = \"1s\"").start();
    let (mut busy, mut idle) = (daemon.tcp(), daemon.tcp());
    let ask = Ask::a("slow.example.org");
    busy.send(&[&ask]);
    idle.ask(&Ask::a("quick.example.org"));
    idle.wait_for_close();
    gate.open();
    busy.receive(&ask);
}

#[test]
fn connections_of_one_client_are_capped_and_the_first_ones_live_on() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("limits", "tcp-connections-per-client = 2").start();
    let ask = Ask::a("www.example.org");
    let (mut first, mut second) = (daemon.tcp(), daemon.tcp());
    first.ask(&ask);
    second.ask(&ask);
    daemon.tcp().wait_for_close();
    first.ask(&ask);
    second.ask(&ask);
    daemon.wait_for_metric("nodens_tcp_refused_total", &[("limit", "client")], 1.0);
    drop(first);
    wait_until("the place is free again", || {
        let mut third = daemon.tcp();
        let _ = third.send_bytes(&prefixed(&ask.bytes()));
        !third.wait_for_reply_or_close().is_empty()
    });
}

#[test]
fn one_client_at_its_cap_does_not_keep_out_another() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("limits", "tcp-connections-per-client = 1").start();
    let ask = Ask::a("www.example.org");
    let mut first = daemon.tcp();
    first.ask(&ask);
    Tcp::between("127.0.0.2".parse().unwrap(), daemon.tcp_address()).ask(&ask);
}

#[test]
fn connections_in_all_are_capped() {
    let upstream = Upstream::tcp().serve(one_address);
    let limits = "tcp-connections = 3\ntcp-connections-per-client = 3";
    let daemon = Setup::forward(&upstream).section("limits", limits).start();
    let ask = Ask::a("www.example.org");
    let mut held: Vec<Tcp> = (0..3).map(|_| daemon.tcp()).collect();
    held.iter_mut().for_each(|connection| drop(connection.ask(&ask)));
    Tcp::between("127.0.0.2".parse().unwrap(), daemon.tcp_address()).wait_for_close();
    held.iter_mut().for_each(|connection| drop(connection.ask(&ask)));
    daemon.wait_for_metric("nodens_tcp_refused_total", &[("limit", "total")], 1.0);
}

#[test]
fn queries_beyond_the_pipeline_limit_wait_in_the_socket() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query| held.hold(&one_address(query)));
    let daemon = Setup::forward(&upstream).section("limits", "tcp-pipeline = 4").start();
    let asks: Vec<Ask> = (0..12).map(|n| Ask::a(&format!("name-{n}.example.org")).id(n)).collect();
    let mut connection = daemon.tcp();
    connection.send(&asks.iter().collect::<Vec<_>>());
    upstream.wait_for(4);
    // Another client's query goes the same way after all that were read; when it arrives, the limit has held.
    let (other, ask) = (daemon.udp(), Ask::a("other.example.org"));
    other.send(&ask);
    upstream.wait_for(5);
    assert_eq!(upstream.queries(), 5);
    gate.open();
    for _ in 0..12 {
        let bytes = connection.receive_bytes();
        asks[usize::from(Message::read(&bytes).unwrap().id)].check(&bytes, Over::Tcp);
    }
    other.receive(&ask);
}

#[test]
fn a_client_that_does_not_read_is_given_up_and_harms_nobody() {
    let upstream = Upstream::tcp()
        .serve(|query| (0..200).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 300, &text_data(255))));
    let daemon = Setup::forward(&upstream).section("listen", "tcp-idle-timeout = \"1s\"").start();
    let ask = Ask::new("large.example.org", kind::TXT);
    daemon.tcp().ask(&ask);
    let before = daemon.private_kilobytes();
    let mut greedy = Tcp::narrow(daemon.tcp_address());
    let query = prefixed(&ask.bytes());
    wait_until("the daemon stops reading or closes", || {
        // 52 kilobytes come back for each of these 36 bytes; nobody fetches them.
        greedy.send_without_waiting(&query.repeat(100)) == 0
    });
    daemon.tcp().ask(&ask);
    let growth = daemon.private_kilobytes().saturating_sub(before);
    assert!(growth < 32 * 1024, "{growth} kB grew for one client");
    daemon.wait_for_metric("nodens_tcp_closed_total", &[("reason", "slow")], 1.0);
}

#[test]
fn queries_to_the_upstream_share_a_connection_and_overtake_each_other() {
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, daemon) = behind(move |query| match query.name().as_str() {
        "slow.example.org" => held.hold(&one_address(query)),
        _ => Action::from(one_address(query)),
    });
    let (client, slow) = (daemon.udp(), Ask::a("slow.example.org"));
    client.send(&slow);
    upstream.wait_for(1);
    for number in 0..50 {
        daemon.ask(&Ask::a(&format!("name-{number}.example.org")));
    }
    gate.open();
    client.receive(&slow);
    assert!(upstream.connections() <= 2, "{} connections", upstream.connections());
    let ids: std::collections::HashSet<u16> = upstream.seen().iter().map(|query| query.message.id).collect();
    assert!(ids.len() > 45, "IDs repeat on one connection");
}
