//! Somebody who sprays forged answers at the daemon, with the server's own address and port.
//!
//! He knows each question as it is asked, which is more than most attackers do. He guesses ports and IDs; and, as nobody can from off the path,
//! he is also told the port, or the port, the ID and the letters, and has to guess what is left: the ID, the letters, the cookie. The server answers
//! after he has done his worst. `NODENS_FORGERIES` says how many he may send.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nodens::sys::clock;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use socket2::{Domain, Protocol, Socket, Type};

use super::is_inside;
use crate::common::ask::Ask;
use crate::common::client::prefixed;
use crate::common::compose::Compose;
use crate::common::daemon::{Daemon, Setup};
use crate::common::elapsed;
use crate::common::skip::{Need, unless};
use crate::common::wire::Message;

/// Forged answers in an ordinary run.
const FEW: u64 = 200_000;

/// What the attacker wants to be believed.
const LIE: [u8; 4] = [203, 0, 113, 66];

/// What is true.
const TRUTH: [u8; 4] = [192, 0, 2, 1];

/// The server's cookie.
const COOKIE: [u8; 8] = *b"a secret";

/// Guesses at port and ID for each query.
const BLIND: u64 = 1000;

/// A datagram socket at an address that others have as well: what is sent to it comes to the last one that was made.
fn socket_at(address: SocketAddr) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_recv_buffer_size(8 << 20).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    socket.into()
}

/// The answer with this address and, if the query has one, this server's cookie behind the client's.
fn answer(query: &Message, address: [u8; 4]) -> Compose {
    let answer = Compose::to(query).addresses(300, &[address]);
    match query.option(10) {
        Some(cookie) => answer.option(10, &[&cookie[..8], &COOKIE].concat()),
        None => answer,
    }
}

/// The attacker and his victim's server.
struct Attack {
    /// Sends in the server's name.
    forger: UdpSocket,
    /// Chooses.
    random: StdRng,
    /// Forged answers that were sent.
    sent: Arc<AtomicU64>,
    /// Queries that were attacked.
    queries: u64,
}

impl Attack {
    /// Sends one forged answer.
    fn send(&self, bytes: &[u8], port: u16) {
        // Nobody is at most of these ports; the kernel may say so, to no avail.
        let _ = self.forger.send_to(bytes, ("127.0.0.1", port));
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Does his worst to one query, each time in another way.
    fn at(&mut self, query: &Message, port: u16) {
        self.queries += 1;
        let lie = answer(query, LIE);
        // Port and ID are not known.
        let mut bytes = lie.bytes();
        for _ in 0..BLIND {
            let guess: [u8; 4] = self.random.random();
            bytes[..2].copy_from_slice(&guess[..2]);
            let guessed = u16::from_be_bytes([guess[2], guess[3]]);
            if guessed != port || bytes[..2] != query.id.to_be_bytes() {
                self.send(&bytes, guessed);
            }
        }
        match self.queries % 8 {
            // The port is known, and the ID is not: too few guesses to be noticed, and so many that UDP is not trusted.
            0..=3 => self.guess_ids(&lie, query.id, port, 12),
            4 => self.guess_ids(&lie, query.id, port, 400),
            // Port and ID are known; the letters are not.
            5 => {
                let name: String = query.questions[0].name.chars().map(flip).collect();
                self.send(&lie.question(&name, query.questions[0].kind).bytes(), port);
            }
            // Everything is known but the cookie.
            6 if query.option(10).is_some() => {
                let mut wrong = query.option(10).unwrap()[..8].to_vec();
                wrong[self.random.random_range(0..8)] ^= 1 << self.random.random_range(0..8);
                let lie = Compose::to(query).addresses(300, &[LIE]);
                self.send(&lie.option(10, &[&wrong[..], &COOKIE].concat()).bytes(), port);
            }
            7 if query.option(10).is_some_and(|cookie| cookie.len() > 8) => {
                self.send(&Compose::to(query).addresses(300, &[LIE]).bytes(), port);
            }
            _ => {}
        }
    }

    /// Sends this with IDs that are not the right one.
    fn guess_ids(&mut self, lie: &Compose, right: u16, port: u16, times: u16) {
        let mut bytes = lie.bytes();
        for _ in 0..times {
            let id: u16 = self.random.random();
            bytes[..2].copy_from_slice(&(if id == right { !id } else { id }).to_be_bytes());
            self.send(&bytes, port);
        }
    }
}

/// A letter in its other case.
fn flip(letter: char) -> char {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

/// Answers over TCP, where nobody can forge what he does not see.
fn serve_tcp(listener: &TcpListener) {
    for mut stream in listener.incoming().map_while(Result::ok) {
        std::thread::spawn(move || {
            let (mut buffer, mut received) = ([0; 4096], Vec::new());
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                received.extend_from_slice(&buffer[..length]);
                while let Some((head, rest)) = received.split_first_chunk::<2>() {
                    let length = usize::from(u16::from_be_bytes(*head));
                    let Some(message) = rest.get(..length) else { break };
                    let answer = answer(&Message::read(message).unwrap(), TRUTH).bytes();
                    if stream.write_all(&prefixed(&answer)).is_err() {
                        return;
                    }
                    received.drain(..2 + length);
                }
            }
        });
    }
}

/// Asks for new names, a few at a time, until enough forged answers were sent; how many names.
fn ask(daemon: &Daemon, sent: &AtomicU64, enough: u64, client: usize, lies: &Mutex<Vec<String>>) -> u64 {
    let (socket, mut asked) = (daemon.udp_of(client), 0);
    while sent.load(Ordering::Relaxed) < enough {
        let ask = Ask::a(&format!("a-name-of-client-{client}-number-{asked}.example.org"));
        // The second answer is from memory: what is believed there is believed by all.
        for _ in 0..2 {
            let answer = socket.ask(&ask);
            if answer.addresses() != [std::net::IpAddr::from(TRUTH)] {
                lies.lock().unwrap().push(answer.to_string());
            }
        }
        asked += 1;
    }
    asked
}

/// N29: no forged answer is believed, whatever the attacker knows besides what he has to guess.
#[test]
fn no_forged_answer_is_believed() {
    let name = "egress::forgery::no_forged_answer_is_believed";
    if unless(&[Need::Namespaces]).is_some() || !is_inside(name) {
        return;
    }
    let enough = std::env::var("NODENS_FORGERIES").map_or(FEW, |count| count.parse().expect("a number"));
    let address = SocketAddr::from(([127, 0, 0, 1], 53));
    // The forger first, so that queries come to the server.
    let (forger, server) = (socket_at(address), socket_at(address));
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || serve_tcp(&listener));
    let (sent, over) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
    let extra = "try-timeout = \"4s\"\ntimeout = \"20s\"";
    let setup = Setup::new()
        .section("log", "level = \"info\"")
        .upstream("all", &[format!("auto://{address}")], extra)
        .zone(".", "all", "");
    let daemon = setup.start();
    let (lies, start) = (Mutex::default(), clock::now());
    let (mut attack, mut buffer) =
        (Attack { forger, random: StdRng::seed_from_u64(29), sent: Arc::clone(&sent), queries: 0 }, [0; 4096]);
    let (names, queries) = std::thread::scope(|scope| {
        let attacked = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let Ok((length, client)) = server.recv_from(&mut buffer) else { continue };
                let query = Message::read(&buffer[..length]).unwrap();
                // A guess that has met the server itself.
                if client == address {
                    continue;
                }
                // The first of all teaches the daemon that there are cookies.
                if attack.queries > 0 || query.option(10).is_some_and(|cookie| cookie.len() > 8) {
                    attack.at(&query, client.port());
                }
                attack.queries = attack.queries.max(1);
                let _ = server.send_to(&answer(&query, TRUTH).bytes(), client);
            }
            attack.queries
        });
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let (daemon, sent, lies) = (&daemon, &sent, &lies);
                scope.spawn(move || ask(daemon, sent, enough, client, lies))
            })
            .collect();
        let names: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
        over.store(true, Ordering::Relaxed);
        (names, attacked.join().unwrap())
    });
    let lies: Vec<String> = lies.into_inner().unwrap();
    assert!(lies.is_empty(), "{} answers to {names} names were not the truth: {}", lies.len(), lies[0]);
    let sent = sent.load(Ordering::Relaxed);
    let doubts = |reason: &str| daemon.metric("nodens_upstream_doubts_total", &[("reason", reason)]);
    println!(
        "{sent} forged answers in {:.1} s to {queries} queries for {names} names, 0 believed; ignored {}, doubts: mismatches {}, cookie {}; \
         right cookies {}, case {}",
        elapsed(start).as_secs_f32(),
        daemon.metric("nodens_upstream_mismatches_total", &[]),
        doubts("mismatches"),
        doubts("cookie"),
        daemon.metric("nodens_upstream_cookies_total", &[("event", "right")]),
        daemon.metric("nodens_upstream_downgrades_total", &[("feature", "case")]),
    );
    assert!(sent >= enough && doubts("mismatches") >= 1.0 && doubts("cookie") >= 1.0);
    assert!(daemon.metric("nodens_upstream_mismatches_total", &[]) >= 100.0);
    assert!(daemon.metric("nodens_upstream_downgrades_total", &[("feature", "case")]) >= 1.0);
    assert_eq!(daemon.metric("nodens_upstream_downgrades_total", &[("feature", "cookie")]), 0.0);
}
