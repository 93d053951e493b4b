//! Every lie of [`super::lies`], told over UDP and TCP to clients over UDP and TCP.

use std::time::Duration;

use nodens::sys::clock;

use super::lies::{LIES, Lie};
use super::{POISON, VICTIM, what_was_not_asked};
use crate::common::ask::{Ask, Over};
use crate::common::chaos::load::CLIENT_PATIENCE;
use crate::common::daemon::{Daemon, Setup};
use crate::common::elapsed;
use crate::common::upstream::{Action, Builder, Query, Upstream, one_address};
use crate::common::wire::{Message, rcode};

/// Lies to names that begin with `lie-N`, tells the truth about all others.
fn liar(query: &Query) -> Action {
    match number(&query.name()) {
        Some(number) => (LIES[number].say)(query),
        None => one_address(query).into(),
    }
}

/// The lie that a name stands for.
fn number(name: &str) -> Option<usize> {
    name.strip_prefix("lie-")?.split(['-', '.']).next()?.parse().ok()
}

/// A query for a lie; `client` tells the two clients' names apart, so that both get it from the server.
fn ask(number: usize, lie: &Lie, client: &str) -> Ask {
    let id = u16::try_from(number).expect("few lies");
    Ask::new(&format!("lie-{number}-{client}.example.org"), lie.kind).edns(1232).id(id).partial()
}

/// What is wrong with an answer: by what every client may expect, and, if `exact`, by what this lie must come to.
fn judge(lie: &Lie, message: &Message, exact: bool) -> Option<String> {
    let poisoned = message.answers.iter().chain(&message.additionals).any(|record| record.data == POISON);
    let wrong = what_was_not_asked(message)
        .or_else(|| poisoned.then(|| format!("poison\n{message}")))
        .or_else(|| (exact && !(lie.want)(message)).then(|| format!("not what must come of it\n{message}")));
    wrong.map(|wrong| format!("{}: {wrong}", lie.what))
}

/// Asks for all lies at once over UDP and over TCP; all answers come before clients lose patience. What is wrong with them.
fn hear_all(daemon: &Daemon, exact: bool) -> Vec<String> {
    let (udp, mut tcp) = (daemon.udp(), daemon.tcp());
    let start = clock::now();
    for (number, lie) in LIES.iter().enumerate() {
        udp.send(&ask(number, lie, "udp"));
        tcp.send(&[&ask(number, lie, "tcp")]);
    }
    let mut wrong = Vec::new();
    for (over, client) in [(Over::Udp, "udp"), (Over::Tcp, "tcp")] {
        let mut left: Vec<usize> = (0..LIES.len()).collect();
        for _ in LIES {
            let bytes = if over == Over::Udp { udp.receive_bytes() } else { tcp.receive_bytes() };
            let id = usize::from(Message::read(&bytes).unwrap_or_else(|e| panic!("{e}\n{bytes:02x?}")).id);
            let message = ask(id, &LIES[id], client).check(&bytes, over);
            let place = left.iter().position(|number| *number == id).expect("one answer a query");
            left.swap_remove(place);
            wrong.extend(judge(&LIES[id], &message, exact));
        }
        let took = elapsed(start);
        if took >= CLIENT_PATIENCE {
            wrong.push(format!("{client}: the last answer after {took:?}"));
        }
    }
    wrong
}

/// Tells all lies over one transport.
fn nothing_comes_of_lies(server: fn() -> Builder, exact: bool) {
    let upstream = server().serve(liar);
    let daemon = Setup::forward(&upstream).start();
    let wrong = hear_all(&daemon, exact);
    // Whatever happened to the daemon's sockets and connections: the next question is answered.
    for number in 0..20 {
        let good = daemon.ask(&Ask::a(&format!("good-{number}.example.org")));
        assert_eq!((good.rcode(), good.addresses().len()), (rcode::NOERROR, 1), "{good}");
    }
    // Nobody's name was poisoned: each is asked for, and the truth comes.
    for name in [VICTIM, "example.org", "mail.example.org", "two.example.org", "other.example.org"] {
        let answer = daemon.ask(&Ask::a(name));
        assert_eq!(answer.addresses().first().map(ToString::to_string).as_deref(), Some("192.0.2.1"), "{answer}");
        assert_eq!(upstream.queries_for(name), 1, "{name} was asked for");
    }
    for counter in LIES.iter().filter(|_| exact).filter_map(|lie| lie.counted) {
        let count = LIES.iter().filter(|lie| lie.counted == Some(counter)).count();
        let count = f64::from(u32::try_from(count).unwrap());
        assert!(daemon.metric(counter, &[]) >= count, "{counter} counts each of {count}");
    }
    assert!(wrong.is_empty(), "{} of {} lies came to something else:\n{}", wrong.len(), LIES.len(), wrong.join("\n"));
}

/// N18, N29: over UDP a lie befalls one question only, so what each must come to is known.
#[test]
fn lies_over_udp_come_to_nothing() {
    nothing_comes_of_lies(Upstream::udp, true);
}

/// N18, N29: over a stream, a lie may cost the connection, and with it others their first try.
#[test]
fn lies_over_tcp_come_to_nothing() {
    nothing_comes_of_lies(Upstream::tcp, false);
}

/// A denial is kept under the name it is about, with a SOA record of its own zone, or not at all.
#[test]
fn denials_that_prove_nothing_are_not_kept() {
    let upstream = Upstream::udp().serve(liar);
    // What does not parse is a failure, and failures are kept for a while.
    let daemon = Setup::forward(&upstream).section("cache", "servfail = \"0s\"").start();
    for (number, lie) in
        LIES.iter().enumerate().filter(|(_, lie)| lie.what.contains("SOA") || lie.what.contains("no record"))
    {
        let ask = ask(number, lie, "denied");
        let queries = || upstream.queries_for(&format!("lie-{number}-denied.example.org"));
        daemon.ask(&ask);
        let before = queries();
        daemon.ask(&ask);
        assert!(queries() > before, "{} was kept", lie.what);
    }
}

/// RFC 8020: "the denial is for the last name of the chain", so names below the alias still exist.
#[test]
fn a_denial_behind_an_alias_denies_no_name_below_the_alias() {
    let number = LIES.iter().position(|lie| lie.what == "an NXDOMAIN behind an alias").expect("it is there");
    let upstream = Upstream::udp().serve(liar);
    let daemon = Setup::forward(&upstream).start();
    assert_eq!(daemon.ask(&ask(number, &LIES[number], "above")).rcode(), rcode::NXDOMAIN);
    assert_eq!(daemon.ask(&Ask::a(&format!("below.lie-{number}-above.example.org"))).rcode(), rcode::NOERROR);
}

/// The time in which a liar's victim hears of a failure does not add up over the lies.
#[test]
fn a_lie_with_a_healthy_second_server_is_not_seen() {
    let (first, second) = (Upstream::udp().serve(liar), Upstream::udp().serve(one_address));
    let daemon = Setup::new().upstream("all", &[first.url(), second.url()], "").zone(".", "all", "").start();
    let broken = ["more answers promised than given", "a record cut off", "an owner that points at itself"];
    let start = clock::now();
    for (number, lie) in LIES.iter().enumerate().filter(|(_, lie)| broken.contains(&lie.what)) {
        let answer = daemon.ask(&ask(number, lie, "second"));
        assert_eq!((answer.rcode(), answer.addresses().len()), (rcode::NOERROR, 1), "{}: {answer}", lie.what);
    }
    assert!(elapsed(start) < Duration::from_secs(3), "{:?}", elapsed(start));
}
