//! Types that a zone leaves out: no data where the name exists, NXDOMAIN where it does not, and one query for all.

use super::common::ask::{Ask, Over};
use super::common::compose::Compose;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Action, Gate, Query, Upstream};
use super::common::wire::{Message, kind, name_bytes, option, rcode};

/// A service binding (RFC 9460).
const HTTPS: u16 = 65;

/// The types that these tests leave out.
const LEFT_OUT: &str = "no-types = [\"AAAA\", \"HTTPS\"]";

/// `alias` leads to `www`, `away` out of the zone, `text` has no address, `short` is not kept for long, `broken` fails, `gone` does not
/// exist; everything else has an address of each family.
fn names(query: &Query) -> Compose {
    let answer = query.answer();
    let aliased = |answer: Compose, target: &str| {
        let answer = answer.answer(kind::CNAME, 300, &name_bytes(target));
        answer.record(0, target, kind::A, 300, &[192, 0, 2, 1])
    };
    match query.name().split('.').next().unwrap_or_default() {
        "alias" => aliased(answer, "www.corp.example"),
        "away" => aliased(answer, "www.example.org"),
        "text" => answer.soa("corp.example", 300, 300),
        "short" => answer.addresses(7, &[[192, 0, 2, 1]]),
        "broken" => answer.rcode(rcode::SERVFAIL),
        "gone" => answer.rcode(rcode::NXDOMAIN).soa("corp.example", 300, 300),
        _ if query.kind() == kind::AAAA => answer.answer(kind::AAAA, 300, &[0x20; 16]),
        _ => answer.addresses(300, &[[192, 0, 2, 1]]),
    }
}

/// A daemon that leaves types out under `corp.example` and nowhere else; `extra` are more lines for that zone.
fn daemon(upstream: &Upstream, extra: &str) -> Daemon {
    Setup::forward(upstream)
        .zone("corp.example", "all", &format!("{LEFT_OUT}\nmax-negative-ttl = \"30s\"\n{extra}"))
        .start()
}

/// Name, TTL and number of the SOA records of an answer.
fn soas(answer: &Message) -> Vec<(&str, u32)> {
    let soas = answer.authorities.iter().filter(|record| record.kind == kind::SOA);
    soas.map(|record| (record.name.as_str(), record.ttl)).collect()
}

/// N30: a name that exists has no data of a type that its zone leaves out, and both families cost one query.
#[test]
fn a_type_that_a_zone_leaves_out_has_no_data_and_costs_no_query() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = daemon(&upstream, "");
    for _ in 0..2 {
        for kind in [kind::AAAA, HTTPS] {
            let answer = daemon.ask(&Ask::new("www.corp.example", kind).edns(1232));
            assert_eq!((answer.rcode(), answer.answers.len()), (rcode::NOERROR, 0), "{answer}");
            let [(zone, ttl)] = soas(&answer)[..] else { panic!("{answer}") };
            assert!(zone == "corp.example" && (28..=30).contains(&ttl), "{answer}");
            assert_eq!(answer.option(option::EDE), Some(&[0, 29][..]), "it says that it is made up");
        }
        assert_eq!(daemon.ask(&Ask::a("www.corp.example")).addresses().len(), 1);
    }
    assert_eq!((upstream.queries(), upstream.seen()[0].kind()), (1, kind::A));
    let ttl = |name: &str| soas(&daemon.ask(&Ask::new(name, kind::AAAA)))[0].1;
    assert!(ttl("short.corp.example") <= 7, "no longer than what it follows from");
}

/// N30: NXDOMAIN for one type alone would take the name away; no data for a name that does not exist would keep clients searching.
#[test]
fn a_name_that_does_not_exist_is_denied_for_types_that_are_left_out_too() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = daemon(&upstream, "");
    for kind in [kind::AAAA, HTTPS, kind::A, kind::AAAA] {
        let answer = daemon.ask(&Ask::new("gone.corp.example", kind));
        assert_eq!((answer.rcode(), soas(&answer).len()), (rcode::NXDOMAIN, 1), "{answer}");
    }
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn aliases_are_shown_before_the_data_that_is_not() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = daemon(&upstream, "");
    for (name, target, zone) in
        [("alias.corp.example", "www.corp.example", "corp.example"), ("away.corp.example", "www.example.org", ".")]
    {
        for _ in 0..2 {
            let answer = daemon.ask(&Ask::new(name, kind::AAAA));
            assert_eq!((answer.rcode(), answer.answers.len()), (rcode::NOERROR, 1), "{answer}");
            assert_eq!((answer.answers[0].kind, answer.answers[0].names[0].as_str()), (kind::CNAME, target));
            assert_eq!(soas(&answer)[0].0, zone, "{answer}");
        }
    }
    assert_eq!(upstream.queries(), 2);
}

#[test]
fn a_name_without_addresses_has_no_data_by_its_own_denial() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = daemon(&upstream, "");
    for kind in [kind::AAAA, kind::A, HTTPS] {
        let answer = daemon.ask(&Ask::new("text.corp.example", kind));
        assert_eq!((answer.rcode(), answer.answers.len(), soas(&answer).len()), (rcode::NOERROR, 0, 1), "{answer}");
    }
    assert_eq!(upstream.queries(), 1);
}

/// N30: what getaddrinfo sends, A and AAAA at once and in either order, is one query.
#[test]
fn both_families_at_once_are_one_query() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::tcp().serve(move |query| -> Action { held.hold(&names(query)) });
    let daemon = daemon(&upstream, "");
    let client = daemon.udp();
    let asks = [("one", [kind::A, kind::AAAA]), ("two", [kind::AAAA, kind::A])]
        .map(|(name, kinds)| kinds.map(|kind| Ask::new(&format!("{name}.corp.example"), kind)));
    let asks: Vec<Ask> = asks.into_iter().flatten().zip(1..).map(|(ask, id)| ask.id(id)).collect();
    for ask in &asks {
        client.send(ask);
    }
    daemon.wait_for_metric("nodens_queries_waiting", &[], 4.0);
    upstream.wait_for(2);
    gate.open();
    for _ in &asks {
        let bytes = client.receive_bytes();
        let id = Message::read(&bytes).unwrap().id;
        let ask = asks.iter().find(|ask| ask.id == id).unwrap();
        let answer = ask.check(&bytes, Over::Udp);
        assert_eq!((answer.rcode(), answer.questions[0].kind == kind::A), (rcode::NOERROR, answer.answers.len() == 1));
    }
    assert_eq!(upstream.queries(), 2, "one for each name");
}

#[test]
fn a_failure_is_the_same_for_all_types() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = daemon(&upstream, "");
    for kind in [kind::AAAA, kind::A] {
        assert_eq!(daemon.ask(&Ask::new("broken.corp.example", kind)).rcode(), rcode::SERVFAIL);
    }
}

#[test]
fn other_zones_and_the_nodes_own_names_keep_all_types() {
    let upstream = Upstream::tcp().serve(names);
    let daemon = Setup::forward(&upstream)
        .section("local", "records = [\"db.corp.example 60 AAAA 2001:db8::7\"]")
        .zone("corp.example", "all", LEFT_OUT)
        .start();
    for name in ["www.example.org", "db.corp.example"] {
        assert_eq!(daemon.ask(&Ask::new(name, kind::AAAA)).addresses().len(), 1, "{name}");
    }
    assert_eq!(daemon.ask(&Ask::new("www.corp.example", kind::TXT)).rcode(), rcode::NOERROR);
    assert_eq!(upstream.seen()[1].kind(), kind::TXT, "other types are asked for");
}

#[test]
fn who_wants_proof_and_can_have_it_is_told_what_the_servers_say() {
    let upstream = Upstream::tcp().serve(names);
    let ask = Ask::new("www.corp.example", kind::AAAA).dnssec_ok();
    let shown = |dnssec: &str| daemon(&upstream, dnssec).ask(&ask).answers.len();
    assert_eq!((shown("dnssec = \"forward\""), shown("dnssec = \"off\"")), (1, 0));
}
