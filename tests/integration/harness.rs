//! The tests' own tools can fail: a harness that takes everything proves nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::common::ask::{Ask, Over};
use super::common::compose::{Compose, text_data};
use super::common::metrics::Scrape;
use super::common::wire::{Message, kind};

/// Whether the check takes this reply.
fn passes(ask: &Ask, reply: &[u8], over: Over) -> bool {
    catch_unwind(AssertUnwindSafe(|| ask.check(reply, over))).is_ok()
}

/// One change to a sound reply.
type Change = (&'static str, fn(Compose) -> Vec<u8>);

/// Replies that no client should have to take.
const BROKEN: &[Change] = &[
    ("another ID", |reply| reply.id(0x4321).bytes()),
    ("a query", |reply| reply.clear(0x8000).bytes()),
    ("another opcode", |reply| reply.set(0x2000).bytes()),
    ("RD cleared", |reply| reply.clear(0x0100).bytes()),
    ("Z set", |reply| reply.set(0x0040).bytes()),
    ("another name", |reply| reply.question("www.example.net", kind::A).bytes()),
    ("another type", |reply| reply.question("WWW.example.org", kind::TXT).bytes()),
    ("other letters", |reply| reply.question("www.example.org", kind::A).bytes()),
    ("no EDNS", |reply| reply.no_edns().bytes()),
    ("bytes behind the end", |reply| [reply.bytes(), vec![0]].concat()),
    ("a byte too few", |reply| reply.bytes()[..reply.bytes().len() - 1].to_vec()),
    ("an address of three bytes", |reply| reply.answer(kind::A, 1, &[1, 2, 3]).bytes()),
    ("a pointer forward", |reply| reply.raw(0, &[0xc0, 0xff, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]).bytes()),
    ("two OPT records", |reply| reply.raw(2, &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]).bytes()),
    ("keepalive over UDP", |reply| reply.option(11, &[0, 1]).bytes()),
    ("more than fits", |reply| (0..12).fold(reply, |r, _| r.answer(kind::TXT, 1, &text_data(100))).bytes()),
    ("nothing", |_| Vec::new()),
];

#[test]
fn a_sound_reply_passes_and_each_broken_one_does_not() {
    let ask = Ask::a("WWW.example.org").edns(1232).id(0x1234);
    let sound = || Compose::to(&Message::read(&ask.bytes()).unwrap()).addresses(300, &[[192, 0, 2, 1]]);
    assert!(passes(&ask, &sound().bytes(), Over::Udp));
    assert!(passes(&ask, &sound().bytes(), Over::Tcp));
    for (fault, change) in BROKEN {
        assert!(!passes(&ask, &change(sound()), Over::Udp), "{fault} passed");
    }
    assert!(!passes(&ask, &sound().truncated().bytes(), Over::Tcp), "TC over TCP passed");
}

#[test]
fn a_reply_with_edns_to_a_query_without_does_not_pass() {
    let (with, without) = (Ask::a("www.example.org").edns(1232).id(1), Ask::a("www.example.org").id(1));
    let reply = Compose::to(&Message::read(&with.bytes()).unwrap()).bytes();
    assert!(passes(&with, &reply, Over::Udp) && !passes(&without, &reply, Over::Udp));
}

#[test]
fn names_are_read_and_written_the_same() {
    for name in [".", "a", "www.Example.org", "\\000\\255.x", "a\\046b.c"] {
        let query = Message::read(&Ask::a(name).bytes()).unwrap();
        assert_eq!(query.questions[0].name, name);
    }
}

#[test]
fn a_scrape_is_read_and_added_up() {
    let scrape = Scrape::read(
        "# HELP a_total x\n# TYPE a_total counter\na_total{k=\"v\",l=\"w\"} 2\na_total{k=\"u\",l=\"w\"} 3\nb 1e3\n",
    );
    assert_eq!(scrape.value("a_total", &[]), Some(5.0));
    assert_eq!(scrape.value("a_total", &[("k", "v")]), Some(2.0));
    assert_eq!((scrape.value("b", &[]), scrape.value("c", &[])), (Some(1000.0), None));
}
