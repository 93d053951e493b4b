//! Kept answers: which one serves whom, for how long, and in which order.

use std::collections::HashSet;
use std::net::IpAddr;

use super::behind;
use super::common::ask::Ask;
use super::common::compose::{Compose, text_data};
use super::common::daemon::Setup;
use super::common::upstream::{Query, Upstream, one_address};
use super::common::wire::{kind, rcode};

/// Four addresses.
fn four(query: &Query) -> Compose {
    query.answer().addresses(300, &[[192, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 3], [192, 0, 2, 4]])
}

/// The orders of addresses seen in 40 answers.
fn orders(setup: &Setup) -> HashSet<Vec<IpAddr>> {
    let daemon = setup.start();
    (0..40).map(|_| daemon.ask(&Ask::a("www.example.org")).addresses()).collect()
}

#[test]
fn addresses_take_turns_and_none_is_lost() {
    let upstream = Upstream::tcp().serve(four);
    let seen = orders(&Setup::forward(&upstream).section("cache", "rotate = true"));
    let firsts: HashSet<IpAddr> = seen.iter().map(|order| order[0]).collect();
    assert!(firsts.len() >= 3, "{firsts:?} came first");
    for order in &seen {
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), 4, "{order:?}");
    }
}

#[test]
fn addresses_keep_their_order_when_told_so() {
    let upstream = Upstream::tcp().serve(four);
    assert_eq!(orders(&Setup::forward(&upstream).section("cache", "rotate = false")).len(), 1);
}

#[test]
fn an_alias_stays_before_its_addresses_when_they_take_turns() {
    let (_upstream, daemon) = behind(|query| {
        let target = b"\x01b\x07example\x03org\x00";
        let answer = query.answer().answer(kind::CNAME, 300, target);
        (1..=4).fold(answer, |a, n| a.record(0, "b.example.org", kind::A, 300, &[192, 0, 2, n]))
    });
    for _ in 0..12 {
        let answer = daemon.ask(&Ask::a("a.example.org"));
        let kinds: Vec<u16> = answer.answers.iter().map(|record| record.kind).collect();
        assert_eq!(kinds, [kind::CNAME, kind::A, kind::A, kind::A, kind::A], "{answer}");
        assert_eq!(answer.addresses().iter().collect::<HashSet<_>>().len(), 4);
    }
}

/// Which of the four kinds of clients a query came from: DO and CD.
fn variant(query: &Query) -> u8 {
    let dnssec_ok = query.message.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
    u8::from(dnssec_ok) * 2 + u8::from(query.message.checking_disabled())
}

/// RDATA of a signature that nobody checks.
fn signature() -> Vec<u8> {
    let mut data = vec![0, 1, 13, 3];
    data.extend(300_u32.to_be_bytes());
    data.extend([0x7f, 0, 0, 0, 0x60, 0, 0, 0, 0x12, 0x34]);
    data.extend(b"\x07example\x03org\x00");
    data.extend([7; 64]);
    data
}

#[test]
fn clients_that_differ_in_do_or_cd_never_get_each_others_answers() {
    let upstream = Upstream::tcp().serve(|query| query.answer().addresses(300, &[[192, 0, 2, variant(query)]]));
    let daemon = Setup::forward(&upstream).more("dnssec = \"forward\"").start();
    let plain = Ask::a("www.example.org");
    let asks = [
        plain.clone(),
        plain.clone().checking_disabled(),
        plain.clone().dnssec_ok(),
        plain.dnssec_ok().checking_disabled(),
    ];
    for _ in 0..2 {
        for (variant, ask) in asks.iter().enumerate() {
            let answer = daemon.ask(ask);
            assert_eq!(answer.addresses()[0].to_string(), format!("192.0.2.{variant}"));
            assert_eq!(answer.checking_disabled(), variant % 2 == 1, "CD comes back");
        }
    }
    assert_eq!(upstream.queries(), 4);
}

#[test]
fn signatures_reach_only_clients_that_ask_for_them() {
    let upstream = Upstream::tcp().serve(|query| {
        let answer = one_address(query);
        if variant(query) >= 2 { answer.answer(kind::RRSIG, 300, &signature()) } else { answer }
    });
    let daemon = Setup::forward(&upstream).more("dnssec = \"forward\"").start();
    for _ in 0..2 {
        assert_eq!(daemon.ask(&Ask::a("www.example.org").dnssec_ok()).answers.len(), 2);
        assert_eq!(daemon.ask(&Ask::a("www.example.org")).answers.len(), 1);
    }
}

#[test]
fn where_dnssec_is_off_it_is_not_asked_for() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).more("dnssec = \"off\"").start();
    daemon.ask(&Ask::a("www.example.org").dnssec_ok());
    assert_eq!(variant(&upstream.seen()[0]) & 2, 0, "DO went out");
}

#[test]
fn authentic_data_of_a_plain_server_is_not_believed() {
    let upstream = Upstream::tcp().serve(|query| one_address(query).authentic());
    let daemon = Setup::forward(&upstream).more("dnssec = \"forward\"").start();
    for _ in 0..2 {
        assert!(!daemon.ask(&Ask::a("www.example.org").dnssec_ok()).authentic());
        assert!(!daemon.ask(&Ask::a("www.example.org").wants_authentic()).authentic());
    }
}

#[test]
fn the_caps_and_floors_of_a_zone_bound_a_ttl() {
    let upstream = Upstream::tcp().serve(|query| {
        let ttl = if query.name().starts_with("long") { 86_400 } else { 1 };
        query.answer().addresses(ttl, &[[192, 0, 2, 1]])
    });
    let daemon = Setup::forward(&upstream).more("max-ttl = \"30s\"\nmin-ttl = \"10s\"").start();
    daemon.ask(&Ask::a("long.example.org"));
    daemon.ask(&Ask::a("short.example.org"));
    let (long, short) = (daemon.ask(&Ask::a("long.example.org")).ttl(), daemon.ask(&Ask::a("short.example.org")).ttl());
    assert!((29..=30).contains(&long), "{long}");
    assert!((9..=10).contains(&short), "{short}");
    assert_eq!(upstream.queries(), 2);
}

#[test]
fn a_floor_does_not_keep_what_must_not_be_kept() {
    let upstream = Upstream::tcp().serve(|query| query.answer().addresses(0, &[[192, 0, 2, 1]]));
    let daemon = Setup::forward(&upstream).more("min-ttl = \"10s\"").start();
    daemon.ask(&Ask::a("www.example.org"));
    daemon.ask(&Ask::a("www.example.org"));
    assert_eq!(upstream.queries(), 2);
}

#[test]
fn more_answers_than_fit_are_forgotten_not_hoarded() {
    let upstream = Upstream::tcp()
        .serve(|query| (0..8).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 3600, &text_data(120))));
    let daemon = Setup::forward(&upstream).section("cache", "size = \"1MiB\"").start();
    let client = daemon.udp();
    for number in 0..3_000 {
        client.ask(&Ask::new(&format!("name-{number}.example.org"), kind::TXT).edns(1232));
    }
    super::common::wait_until("the store is within its size", || {
        let (bytes, capacity) = (
            daemon.metric("nodens_cache_bytes", &[("type", "success")]),
            daemon.metric("nodens_cache_capacity_bytes", &[("type", "success")]),
        );
        bytes > 0.0 && bytes <= capacity && capacity <= 1_048_576.0
    });
}

/// N12: denials have a budget of their own.
#[test]
fn a_flood_of_denials_evicts_no_good_answer() {
    let upstream = Upstream::tcp().serve(|query| match query.name() {
        name if name.starts_with("good") => one_address(query),
        _ => query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 3600, 3600),
    });
    let daemon = Setup::forward(&upstream).section("cache", "size = \"1MiB\"\nnegative-size = \"64KiB\"").start();
    for number in 0..50 {
        daemon.ask(&Ask::a(&format!("good-{number}.example.org")));
    }
    let client = daemon.udp();
    for number in 0..3_000 {
        client.ask(&Ask::a(&format!("bad-{number}.example.org")));
    }
    let before = upstream.queries();
    for number in 0..50 {
        daemon.ask(&Ask::a(&format!("good-{number}.example.org")));
    }
    assert_eq!(upstream.queries(), before, "all good answers are still here");
}

#[test]
fn a_truncated_answer_of_an_upstream_is_not_kept_as_the_whole() {
    // Over TCP nothing can be truncated; a server that says so all the same is not believed to have said everything.
    let (upstream, daemon) = behind(|query| one_address(query).truncated());
    for _ in 0..2 {
        let answer = daemon.tcp().ask(&Ask::a("www.example.org").partial());
        assert!(answer.truncated() || answer.rcode() == rcode::SERVFAIL, "{answer}");
    }
    assert!(upstream.queries() >= 2, "it was kept");
}
