//! Games with TC and with sizes (N18): what is truncated is fetched whole or marked as a part, never kept, and never asked for without end.

use nodens::sys::clock;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{POISON, what_was_not_asked};
use crate::common::ask::{Ask, Over};
use crate::common::chaos::load::CLIENT_PATIENCE;
use crate::common::compose::{Compose, text_data};
use crate::common::daemon::{Daemon, Setup};
use crate::common::elapsed;
use crate::common::upstream::{Action, Builder, Close, Query, Upstream, Via, one_address};
use crate::common::wire::{Message, kind, rcode};

/// What a server does over UDP and over TCP, and what the client must get.
type Game = (&'static str, fn(&Query) -> Action, fn(&Query) -> Action, fn(&Message) -> bool);

/// The one true address, whole.
fn whole(message: &Message) -> bool {
    !message.truncated() && message.addresses().iter().map(ToString::to_string).eq(["192.0.2.1"])
}

/// A failure, or a part that says so.
fn part_or_failure(message: &Message) -> bool {
    message.truncated() || message.rcode() == rcode::SERVFAIL
}

/// The truth.
fn truth(query: &Query) -> Action {
    one_address(query).into()
}

/// A part without records.
fn empty_part(query: &Query) -> Action {
    query.answer().truncated().into()
}

/// A part with a record that the whole does not have.
fn poisoned_part(query: &Query) -> Action {
    query.answer().truncated().addresses(300, &[POISON]).into()
}

/// All games. Over a stream alone the second server function counts.
const GAMES: &[Game] = &[
    ("TC without records, whole over TCP", empty_part, truth, whole),
    ("TC with records, whole over TCP", poisoned_part, truth, whole),
    ("TC with NXDOMAIN, whole over TCP", |q| q.answer().truncated().rcode(rcode::NXDOMAIN).into(), truth, whole),
    ("TC, and TCP refused", empty_part, |_| Action::End(Close::Reset), part_or_failure),
    (
        "TC with records, and TCP closed",
        |q| one_address(q).truncated().into(),
        |_| Action::End(Close::Finish),
        part_or_failure,
    ),
    ("TC, and TCP silent", empty_part, |_| Action::Ignore, part_or_failure),
    ("TC over UDP and TCP", empty_part, empty_part, part_or_failure),
    (
        "TC with records over UDP and TCP",
        |q| one_address(q).truncated().into(),
        |q| one_address(q).truncated().into(),
        part_or_failure,
    ),
    (
        "TC with half a record, whole over TCP",
        |q| {
            let mut bytes = one_address(q).no_edns().truncated().bytes();
            bytes.truncate(bytes.len() - 3);
            Action::Answer(vec![bytes])
        },
        truth,
        whole,
    ),
    ("whole over UDP with TC set by mistake", |q| one_address(q).truncated().into(), truth, whole),
];

/// Plays one game twice, against clients over UDP and TCP; what is wrong with what they got.
fn play(server: fn() -> Builder, (what, datagram, stream, want): Game) -> Option<String> {
    let upstream = server().serve(move |query| match (query.name().starts_with("game"), query.via) {
        (false, _) => truth(query),
        (true, Via::Udp) => datagram(query),
        (true, _) => stream(query),
    });
    let daemon = Setup::forward(&upstream).start();
    for _ in 0..2 {
        let (over_udp, over_tcp) =
            (Ask::a("game-udp.example.org").edns(1232), Ask::a("game-tcp.example.org").partial());
        let (udp, mut tcp, start) = (daemon.udp(), daemon.tcp(), clock::now());
        udp.send(&over_udp);
        tcp.send(&[&over_tcp]);
        let answers = [udp.receive(&over_udp), tcp.receive(&over_tcp)];
        let took = elapsed(start);
        for answer in answers {
            if !want(&answer) || what_was_not_asked(&answer).is_some() || took >= CLIENT_PATIENCE {
                return Some(format!("{what}: after {took:?} {answer}"));
            }
        }
    }
    // Two questions, each server asked twice over two transports is plenty; without end is more.
    let count = upstream.queries_for("game-udp.example.org");
    let good = daemon.ask(&Ask::a("www.example.org"));
    (count > 12 || good.addresses().len() != 1).then(|| format!("{what}: {count} queries for two questions\n{good}"))
}

/// N18: over `udp://`, over `auto://`, which passes on what was truncated where TCP fails, and over `tcp://`, where TC is a mistake; each
/// game with a server and a daemon of its own.
#[test]
fn games_with_truncation_end() {
    const SCHEMES: [fn() -> Builder; 3] = [Upstream::udp, Upstream::auto, Upstream::tcp];
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let games = GAMES.iter().flat_map(|game| SCHEMES.map(|scheme| (scheme, *game)));
        let played: Vec<_> = games.map(|(scheme, game)| scope.spawn(move || play(scheme, game))).collect();
        played.into_iter().filter_map(|played| played.join().expect("played to its end")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Chance from a seed that a failing test prints.
fn chance() -> StdRng {
    let seed = std::env::var("NODENS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("NODENS_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// N18: "truncated upstream answers are never cached", whatever they hold.
#[test]
fn a_truncated_answer_is_never_kept() {
    let upstream = Upstream::auto().serve(|query| {
        if query.via != Via::Udp {
            return Action::End(Close::Reset);
        }
        // The name says what the part holds: records, their type, RCODE, a SOA record.
        let numbers: Vec<u16> = query.name().split('.').take(4).map(|label| label.parse().unwrap()).collect();
        let whole = (0..numbers[0]).fold(query.answer(), |answer, n| match numbers[1] {
            0 => answer.answer(kind::A, 3600, &[192, 0, 2, n.to_be_bytes()[1]]),
            1 => answer.answer(kind::TXT, 3600, &text_data(200)),
            _ => answer.answer(kind::CNAME, 3600, b"\x03www\x07example\x03org\0"),
        });
        let whole = if numbers[3] == 1 { whole.soa("example.org", 3600, 3600) } else { whole };
        whole.rcode(numbers[2]).truncated().into()
    });
    let daemon = Setup::forward(&upstream).start();
    let mut random = chance();
    for turn in 0..60 {
        let numbers: [u16; 3] = [random.random_range(0..6), random.random_range(0..3), random.random_range(0..2) * 3];
        let name =
            format!("{}.{}.{}.{}.{turn}.example.org", numbers[0], numbers[1], numbers[2], random.random_range(0..2));
        let kind = if numbers[1] == 1 { kind::TXT } else { kind::A };
        for round in 1..=2 {
            let before = upstream.seen().iter().filter(|query| query.name() == name && query.via == Via::Udp).count();
            let answer = daemon.ask(&Ask::new(&name, kind).edns(1232));
            assert!(answer.truncated() || answer.rcode() == rcode::SERVFAIL, "{answer}");
            let after = upstream.seen().iter().filter(|query| query.name() == name && query.via == Via::Udp).count();
            assert!(after > before, "round {round}: {name} was answered from memory\n{answer}");
        }
    }
}

/// N18: "for any cached RRset and any client bufsize b, UDP answer <= min(max(b,512),1232) and TC=1 iff RRs were dropped".
#[test]
fn any_set_fits_any_client_and_says_when_it_does_not() {
    let upstream = Upstream::tcp().serve(|query| {
        let numbers: Vec<u8> = query.name().split('.').take(2).map(|label| label.parse().unwrap()).collect();
        (0..numbers[0]).fold(query.answer(), |answer, n| {
            let mut text = text_data(numbers[1]);
            // No two records are equal.
            text[1] = b'A' + n;
            answer.answer(kind::TXT, 3600, &text)
        })
    });
    let daemon = Setup::forward(&upstream).start();
    let (mut random, client, mut stream) = (chance(), daemon.udp(), daemon.tcp());
    for _ in 0..60 {
        let (count, length): (u8, u8) = (random.random_range(1..40), random.random_range(1..=255));
        let name = format!("{count}.{length}.example.org");
        assert_eq!(stream.ask(&Ask::new(&name, kind::TXT)).answers.len(), usize::from(count));
        for size in [None, Some(0), Some(512), Some(random.random()), Some(random.random_range(512..1300)), Some(1232)]
        {
            let ask = Ask::new(&name, kind::TXT);
            // Ask::check holds the size to the client's limit.
            let answer = client.ask(&size.map_or_else(|| ask.clone(), |size| ask.clone().edns(size)));
            assert_eq!(answer.truncated(), answer.answers.len() < usize::from(count), "{size:?}: {answer}");
        }
    }
}

/// A sound answer with some of its bytes changed, cut or doubled; the ID stays, so that it is looked at.
fn spoil(query: &Query, random: &mut StdRng) -> Vec<u8> {
    let sound: Compose = one_address(query).record(1, "example.org", kind::NS, 60, b"\x02ns\xc0\x0c").answer(
        kind::MX,
        60,
        b"\0\x01\xc0\x0c",
    );
    let mut bytes = sound.bytes();
    for _ in 0..random.random_range(0..6) {
        let at = random.random_range(2..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes.truncate(at.max(3)),
            _ => bytes.extend_from_within(at..),
        }
    }
    bytes
}

/// Sends so many queries at once and takes an answer to each.
fn hear(daemon: &Daemon, name: &str, count: u16) -> Vec<Message> {
    let client = daemon.udp();
    let ask = |id: u16| Ask::a(&format!("{name}-{id}.example.org")).edns(1232).id(id).partial();
    for id in 0..count {
        client.send(&ask(id));
    }
    let mut heard = Vec::new();
    for _ in 0..count {
        let bytes = client.receive_bytes();
        let id = Message::read(&bytes).unwrap_or_else(|e| panic!("{e}\n{bytes:02x?}")).id;
        heard.push(ask(id).check(&bytes, Over::Udp));
    }
    heard
}

/// N18: "malformed upstream UDP never wedges the socket": few sockets, many queries on each, spoilt answers and sound ones behind them.
#[test]
fn spoilt_datagrams_never_wedge_a_socket() {
    let random = std::sync::Mutex::new(chance());
    let upstream = Upstream::udp().serve(move |query| match query.name().starts_with("spoilt") {
        true => Action::Answer((0..3).map(|_| spoil(query, &mut random.lock().unwrap())).collect()),
        false => truth(query),
    });
    let extra = "udp-sockets = 16\ntry-timeout = \"300ms\"\ntimeout = \"1s\"";
    let daemon = Setup::new().upstream("all", &[upstream.url()], extra).zone(".", "all", "").start();
    for round in 0..4 {
        for message in hear(&daemon, &format!("spoilt-{round}"), 200) {
            assert_eq!(what_was_not_asked(&message), None);
        }
        for message in hear(&daemon, &format!("sound-{round}"), 100) {
            assert_eq!((message.rcode(), message.addresses().len()), (rcode::NOERROR, 1), "{message}");
        }
    }
}

/// The largest message there is passes over streams and is truncated over UDP.
#[test]
fn an_answer_of_64_kilobytes_passes() {
    let upstream = Upstream::tcp().serve(|query| {
        // 12 bytes of header, 25 of question, 11 of OPT, and 240 records of 272 bytes: 65,328 of 65,535.
        (0..240).fold(query.answer(), |answer, n| {
            let mut text = text_data(255);
            text[1] = n;
            text.extend([2, b'o', b'k', 0]);
            answer.answer(kind::TXT, 300, &text)
        })
    });
    let daemon = Setup::forward(&upstream).start();
    let ask = Ask::new("huge.example.org", kind::TXT);
    for _ in 0..2 {
        assert_eq!(daemon.tcp().ask(&ask).answers.len(), 240);
        assert!(daemon.ask(&ask).truncated());
    }
    assert_eq!(upstream.queries(), 1, "it was kept");
}
