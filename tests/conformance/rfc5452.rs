//! RFC 5452, Measures for making DNS more resilient against forged answers.
//!
//! - Section 9.1: a resolver must match responses to the query's addresses, ports, ID, name, class and type: "A mismatch and the
//!   response MUST be considered invalid."
//! - Section 9.2: "Use an unpredictable source port for outgoing queries", "Use an unpredictable query ID for outgoing queries".
//! - draft-vixie-dnsext-dns0x20: random letter case as further entropy.

use std::collections::HashSet;

use super::common::ask::Ask;
use super::common::compose::Compose;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Action, Query, Upstream, Via, one_address};
use super::common::wire::{kind, rcode};

/// A daemon that forwards everything over UDP.
fn behind_udp<A: Into<Action>>(
    extra: &str,
    handler: impl Fn(&Query) -> A + Send + Sync + 'static,
) -> (Upstream, Daemon) {
    let upstream = Upstream::udp().serve(handler);
    let daemon = Setup::new().upstream("all", &[upstream.url()], extra).zone(".", "all", "").start();
    (upstream, daemon)
}

/// An answer that must not be believed.
fn forged(query: &Query) -> Compose {
    query.answer().addresses(300, &[[203, 0, 113, 66]])
}

/// Asks once behind a server that first sends what `forge` makes of each query, then the truth.
#[track_caller]
fn only_the_truth_is_believed(forge: impl Fn(&Query) -> Compose + Send + Sync + 'static) {
    let (_upstream, daemon) = behind_udp("", move |query| vec![forge(query), one_address(query)]);
    let answer = daemon.ask(&Ask::a("www.example.org"));
    assert_eq!(answer.addresses(), ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
    daemon.wait_for_metric("nodens_upstream_mismatches_total", &[], 1.0);
}

/// N29.
#[test]
fn an_answer_with_another_id_is_ignored() {
    only_the_truth_is_believed(|query| forged(query).id(query.message.id ^ 0x0100));
}

/// N29.
#[test]
fn an_answer_to_another_name_is_ignored() {
    only_the_truth_is_believed(|query| forged(query).question("www.example.net", kind::A));
}

/// N29.
#[test]
fn an_answer_to_another_type_is_ignored() {
    only_the_truth_is_believed(|query| forged(query).question("www.example.org", kind::TXT));
}

/// N29.
#[test]
fn an_answer_from_another_address_is_ignored() {
    // A second server answers in the name of the first, with the right ID, question and port, before the first does.
    let gate = super::common::upstream::Gate::new();
    let held = gate.clone();
    let (upstream, daemon) = behind_udp("case-randomization = false", move |query| held.hold(&one_address(query)));
    let (client, ask) = (daemon.udp(), Ask::a("www.example.org"));
    client.send(&ask);
    upstream.wait_for(1);
    let query = upstream.seen()[0].clone();
    let liar = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    liar.send_to(&forged(&query).bytes(), ("127.0.0.1", query.port)).unwrap();
    gate.open();
    assert_eq!(client.receive(&ask).addresses()[0].to_string(), "192.0.2.1");
}

/// A server that sends `count` forged answers with wrong IDs before the true one, and over TCP the truth.
fn besieged(count: u16) -> impl Fn(&Query) -> Vec<Compose> + Send + Sync + 'static {
    move |query| {
        let count = if query.via == Via::Udp { count } else { 0 };
        let forgeries = (1..=count).map(|bits| forged(query).id(query.message.id ^ bits));
        forgeries.chain([one_address(query)]).collect()
    }
}

/// N29: a forger who has found the port has fifteen guesses at the ID and no more.
#[test]
fn after_sixteen_answers_that_fit_nothing_the_question_is_asked_over_tcp() {
    for (count, way) in [(15, Via::Udp), (16, Via::Tcp)] {
        let upstream = Upstream::auto().serve(besieged(count));
        let daemon = Setup::forward(&upstream).start();
        assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses()[0].to_string(), "192.0.2.1");
        assert_eq!(upstream.seen().last().unwrap().via, way, "{count}");
        let doubts = daemon.metric("nodens_upstream_doubts_total", &[("reason", "mismatches")]);
        assert_eq!(doubts, if way == Via::Tcp { 1.0 } else { 0.0 });
        let told = daemon.log().iter().any(|line| line.contains("what comes by UDP is not trusted"));
        assert_eq!(told, way == Via::Tcp);
    }
}

#[test]
fn where_tcp_is_refused_a_question_goes_back_to_udp_from_other_ports_and_fails_after_three_sieges() {
    for sieges in [1, 2, 3] {
        let begun = std::sync::atomic::AtomicU16::new(0);
        let upstream = Upstream::auto().datagrams_only().serve(move |query| {
            let is_besieged = begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < sieges;
            besieged(if is_besieged { 16 } else { 0 })(query)
        });
        let daemon = Setup::forward(&upstream).start();
        let answer = daemon.ask(&Ask::a("www.example.org"));
        assert!(answer.addresses().iter().all(|address| address.to_string() == "192.0.2.1"), "{answer}");
        let ports: HashSet<u16> = upstream.seen().iter().map(|query| query.port).collect();
        assert_eq!(ports.len(), upstream.queries(), "each from another port");
        if sieges < 3 {
            assert_eq!((answer.rcode(), ports.len()), (rcode::NOERROR, usize::from(sieges) + 1));
        }
    }
}

#[test]
fn over_a_stream_an_answer_with_another_id_or_question_is_no_answer_to_anybody() {
    let upstream = Upstream::tcp().serve(|query| {
        vec![
            forged(query).id(query.message.id ^ 0x5555),
            forged(query).question("www.example.net", kind::A),
            one_address(query),
        ]
    });
    let daemon = Setup::forward(&upstream).start();
    let answer = daemon.ask(&Ask::a("www.example.org"));
    // Whether the connection lives on is the pool's decision; nobody may believe the forgery.
    assert!(answer.addresses().iter().all(|address| address.to_string() == "192.0.2.1"), "{answer}");
}

/// N29.
#[test]
fn ports_and_ids_are_not_the_same_twice_in_a_row() {
    let (upstream, daemon) = behind_udp("", one_address);
    for number in 0..48 {
        daemon.ask(&Ask::a(&format!("name-{number}.example.org")).id(7));
    }
    let seen = upstream.seen();
    let (ports, ids): (HashSet<u16>, HashSet<u16>) = seen.iter().map(|query| (query.port, query.message.id)).unzip();
    assert!(ids.len() >= 46, "{} IDs for {} queries", ids.len(), seen.len());
    assert!(ports.len() >= 16, "{} ports for {} queries", ports.len(), seen.len());
    let steps: HashSet<u16> = seen.windows(2).map(|w| w[1].message.id.wrapping_sub(w[0].message.id)).collect();
    assert!(steps.len() >= 40, "IDs go up in steps");
}

#[test]
fn letter_case_is_random_towards_the_server_and_as_asked_towards_the_client() {
    let (upstream, daemon) = behind_udp("case-randomization = true", one_address);
    for number in 0..8 {
        daemon.ask(&Ask::a(&format!("a-rather-long-name-{number}.example.org")));
    }
    let mixed = upstream.seen().iter().filter(|query| query.message.questions[0].name != query.name()).count();
    assert!(mixed >= 7, "{mixed} of 8 names carried capital letters");
}

/// N29.
#[test]
fn an_answer_in_the_wrong_letter_case_is_not_believed_from_a_server_that_keeps_it() {
    let (_upstream, daemon) = behind_udp("case-randomization = true", |query| {
        if query.name() == "warm.example.org" {
            return vec![one_address(query)];
        }
        let flipped: String = query.message.questions[0]
            .name
            .chars()
            .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        vec![forged(query).question(&flipped, kind::A), one_address(query)]
    });
    daemon.ask(&Ask::a("warm.example.org"));
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses()[0].to_string(), "192.0.2.1");
}

#[test]
fn a_server_that_does_not_keep_letter_case_still_serves() {
    let (_upstream, daemon) = behind_udp("case-randomization = true\ntry-timeout = \"500ms\"", |query| {
        one_address(query).question(&query.name(), query.kind())
    });
    for number in 0..8 {
        let answer = daemon.ask(&Ask::a(&format!("name-number-{number}.example.org")));
        assert_eq!(answer.rcode(), rcode::NOERROR, "{answer}");
    }
    daemon.wait_for_metric("nodens_upstream_downgrades_total", &[("feature", "case")], 1.0);
}
