//! Many clients, one question, one query to the upstream.

use super::common::ask::{Ask, Over};
use super::common::client::Udp;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Gate, Query, Upstream, one_address};
use super::common::wait_until;
use super::common::wire::{Message, kind, rcode};

/// Clients that wait at a time; few sockets carry them, told apart by ID.
const CLIENTS: u16 = 10_000;
/// Queries sent before the daemon's count is looked at: what a socket's receive buffer holds at its default size.
const BURST: u16 = 100;

/// Sends the question of `ask` for `CLIENTS` clients and waits until all of them wait.
fn crowd(daemon: &Daemon, ask: &Ask, sockets: usize) -> Vec<Udp> {
    let clients: Vec<Udp> = (0..sockets).map(|_| daemon.udp()).collect();
    for id in 0..CLIENTS {
        clients[usize::from(id) % sockets].send(&ask.clone().id(id));
        if (id + 1) % BURST == 0 {
            daemon.wait_for_metric("nodens_queries_waiting", &[], f64::from(id + 1));
        }
    }
    clients
}

/// Takes the replies of a crowd; fails on a missing or doubled one.
fn collect(clients: &[Udp], ask: &Ask) -> Vec<Message> {
    let mut seen = vec![false; usize::from(CLIENTS)];
    let mut replies = Vec::new();
    for (index, client) in clients.iter().enumerate() {
        for _ in (index..usize::from(CLIENTS)).step_by(clients.len()) {
            let bytes = client.receive_bytes();
            let id = Message::read(&bytes).unwrap().id;
            replies.push(ask.clone().id(id).check(&bytes, Over::Udp));
            assert!(!std::mem::replace(&mut seen[usize::from(id)], true), "two replies to one client");
        }
    }
    replies
}

/// N13
#[test]
fn ten_thousand_clients_of_one_cold_name_cost_one_query_a_worker() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query| held.hold(&one_address(query)));
    // A slow machine takes longer to send so much than servers are waited for as a rule.
    let daemon = Setup::new()
        .upstream("all", &[upstream.url()], "timeout = \"60s\"\ntry-timeout = \"60s\"")
        .zone(".", "all", "")
        .section("listen", "workers = 2")
        .section("limits", "waiting = 40000")
        .start();
    let ask = Ask::a("cold.example.org");
    let clients = crowd(&daemon, &ask, 64);
    gate.open();
    for reply in collect(&clients, &ask) {
        assert_eq!(reply.rcode(), rcode::NOERROR);
    }
    assert!((1..=2).contains(&upstream.queries()), "{} queries", upstream.queries());
    assert!(daemon.metric("nodens_queries_coalesced_total", &[]) >= f64::from(CLIENTS) - 2.0);
}

/// N13
#[test]
fn a_failure_reaches_everyone_who_waits_for_it() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query| held.hold(&query.answer().rcode(rcode::SERVFAIL)));
    let daemon = Setup::forward(&upstream).section("limits", "waiting = 20000").start();
    let ask = Ask::a("cold.example.org");
    let clients: Vec<Udp> = (0..20).map(|_| daemon.udp()).collect();
    clients.iter().for_each(|client| client.send(&ask));
    daemon.wait_for_metric("nodens_queries_waiting", &[], 20.0);
    gate.open();
    for client in &clients {
        assert_eq!(client.receive(&ask).rcode(), rcode::SERVFAIL);
    }
    assert!(upstream.queries() <= 2, "{} queries", upstream.queries());
}

#[test]
fn each_client_that_waits_gets_its_own_letters_size_and_transport() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query: &Query| {
        let texts =
            (0..8).fold(query.answer(), |a, _| a.answer(kind::TXT, 300, &super::common::compose::text_data(100)));
        held.hold(&texts)
    });
    let daemon = Setup::forward(&upstream).start();
    let small = Ask::new("cold.example.org", kind::TXT);
    let large = Ask::new("COLD.example.org", kind::TXT).edns(1232);
    let stream = Ask::new("cold.EXAMPLE.org", kind::TXT);
    let (first, second, mut third) = (daemon.udp(), daemon.udp(), daemon.tcp());
    first.send(&small);
    second.send(&large);
    third.send(&[&stream]);
    daemon.wait_for_metric("nodens_queries_waiting", &[], 3.0);
    gate.open();
    assert!(first.receive(&small).truncated());
    assert_eq!(second.receive(&large).answers.len(), 8);
    assert_eq!(third.receive(&stream).answers.len(), 8);
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn questions_that_differ_do_not_wait_for_each_other() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query| held.hold(&one_address(query)));
    let daemon = Setup::forward(&upstream).start();
    let asks = [Ask::a("cold.example.org"), Ask::new("cold.example.org", kind::TXT), Ask::a("colder.example.org")];
    let clients: Vec<Udp> = asks
        .iter()
        .map(|ask| {
            let client = daemon.udp();
            client.send(ask);
            client
        })
        .collect();
    upstream.wait_for(3);
    gate.open();
    for (client, ask) in clients.iter().zip(&asks) {
        client.receive(ask);
    }
}

#[test]
fn a_client_that_asks_again_and_again_while_it_waits_costs_one_query() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query| held.hold(&one_address(query)));
    let daemon = Setup::forward(&upstream).start();
    let (client, ask) = (daemon.udp(), Ask::a("cold.example.org").id(7));
    for _ in 0..5 {
        client.send(&ask);
    }
    upstream.wait_for(1);
    wait_until("all five were read", || daemon.metric("nodens_queries_waiting", &[]) >= 5.0);
    gate.open();
    client.receive(&ask);
    assert_eq!(upstream.queries(), 1);
}
