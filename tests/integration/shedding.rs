//! Too much work is refused, told and counted; what needs no work goes on.

use super::common::ask::Ask;
use super::common::client::Udp;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Gate, Upstream, one_address};
use super::common::wire::rcode;

/// A daemon with these limits whose upstream answers only `warm` before the gate opens.
fn limited(limits: &str) -> (Upstream, Daemon, Gate) {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query| match query.name().as_str() {
        "warm.example.org" => one_address(query).into(),
        name if name.starts_with("broken") => query.answer().rcode(rcode::SERVFAIL).into(),
        _ => held.hold(&one_address(query)),
    });
    let daemon = Setup::forward(&upstream).section("limits", limits).start();
    daemon.ask(&Ask::a("warm.example.org"));
    (upstream, daemon, gate)
}

/// Sends queries for `count` names that wait behind the gate, each from a pod of its own: one pod may not take all places.
fn occupy(upstream: &Upstream, daemon: &Daemon, count: usize) -> Vec<(Udp, Ask)> {
    let before = upstream.queries();
    let waiting = (0..count).map(|number| {
        let (client, ask) = (daemon.udp_of(number), Ask::a(&format!("slow-{number}.example.org")));
        client.send(&ask);
        (client, ask)
    });
    let waiting = waiting.collect();
    upstream.wait_for(before + count);
    waiting
}

#[test]
fn a_question_too_many_is_refused_with_a_reason_and_not_kept() {
    let (upstream, daemon, gate) = limited("in-flight = 16");
    let waiting = occupy(&upstream, &daemon, 16);
    let shed = daemon.ask(&Ask::a("more.example.org").edns(1232));
    assert_eq!(shed.rcode(), rcode::REFUSED);
    assert!(!shed.extended_errors().is_empty(), "{shed}");
    assert!(daemon.metric("nodens_queries_rejected_total", &[("reason", "in_flight")]) >= 1.0);
    assert_eq!(daemon.ask(&Ask::a("warm.example.org")).rcode(), rcode::NOERROR, "a kept answer needs no place");
    gate.open();
    for (client, ask) in &waiting {
        assert_eq!(client.receive(ask).rcode(), rcode::NOERROR);
    }
    super::common::wait_until("the refusal was not kept", || {
        daemon.ask(&Ask::a("more.example.org")).rcode() == rcode::NOERROR
    });
}

#[test]
fn a_client_too_many_is_refused_with_a_reason() {
    let (_upstream, daemon, gate) = limited("waiting = 16\nin-flight = 16");
    let ask = Ask::a("slow.example.org").edns(1232);
    let clients: Vec<Udp> = (0..16).map(|pod| daemon.udp_of(pod)).collect();
    clients.iter().for_each(|client| client.send(&ask));
    daemon.wait_for_metric("nodens_queries_waiting", &[], 16.0);
    let shed = daemon.ask(&ask);
    assert_eq!(shed.rcode(), rcode::REFUSED);
    assert!(!shed.extended_errors().is_empty(), "{shed}");
    gate.open();
    for client in &clients {
        assert_eq!(client.receive(&ask).rcode(), rcode::NOERROR);
    }
    assert!(daemon.metric("nodens_queries_rejected_total", &[("reason", "waiting")]) >= 1.0);
}

#[test]
fn joining_a_question_under_way_needs_no_new_place() {
    let (upstream, daemon, gate) = limited("in-flight = 16");
    let waiting = occupy(&upstream, &daemon, 16);
    let (late, ask) = (daemon.udp(), Ask::a("slow-0.example.org"));
    late.send(&ask);
    daemon.wait_for_metric("nodens_queries_waiting", &[], 17.0);
    gate.open();
    for (client, ask) in &waiting {
        client.receive(ask);
    }
    assert_eq!(late.receive(&ask).rcode(), rcode::NOERROR);
}

#[test]
fn places_are_given_back_after_answers_and_after_failures() {
    let (upstream, daemon, gate) = limited("in-flight = 16");
    for (client, ask) in occupy(&upstream, &daemon, 16) {
        gate.open();
        client.receive(&ask);
    }
    // More than the limit one after the other, half of them failures.
    for number in 0..40 {
        daemon.ask(&Ask::a(&format!("{}-{number}.example.org", if number % 2 == 0 { "later" } else { "broken" })));
    }
    super::common::wait_until("nothing is in flight", || daemon.metric("nodens_questions_in_flight", &[]) < 0.5);
}

/// N5
#[test]
fn a_flood_from_one_pod_leaves_room_for_the_others() {
    let (_upstream, daemon, gate) = limited("in-flight = 64");
    let flood = daemon.udp_of(0);
    let asks: Vec<Ask> = (0..300).map(|number| Ask::a(&format!("flood-{number}.example.org"))).collect();
    asks.iter().for_each(|ask| flood.send(ask));
    daemon.wait_for_metric("nodens_queries_rejected_total", &[("reason", "client_share")], 200.0);
    let in_flight = daemon.metric("nodens_questions_in_flight", &[]);
    assert!((30.0..=34.0).contains(&in_flight), "half of the places: {in_flight}");
    // Twenty others come in, and whoever asks for what is kept is answered as ever.
    let others: Vec<_> = (1..=20).map(|pod| (daemon.udp_of(pod), Ask::a(&format!("pod-{pod}.example.org")))).collect();
    others.iter().for_each(|(client, ask)| client.send(ask));
    assert_eq!(daemon.ask(&Ask::a("warm.example.org")).rcode(), rcode::NOERROR);
    daemon.wait_for_metric("nodens_questions_in_flight", &[], in_flight + 20.0);
    gate.open();
    for (client, ask) in &others {
        assert_eq!(client.receive(ask).rcode(), rcode::NOERROR);
    }
}
