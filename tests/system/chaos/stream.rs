//! Servers that do not keep to the framing of DNS over TCP (RFC 1035 section 4.2.2): each lie in front of a daemon of its own.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nodens::sys::clock;
use socket2::SockRef;

use super::what_was_not_asked;
use crate::common::ask::Ask;
use crate::common::chaos::load::CLIENT_PATIENCE;
use crate::common::client::prefixed;
use crate::common::compose::Compose;
use crate::common::daemon::Setup;
use crate::common::elapsed;
use crate::common::wire::{Message, kind, rcode};

/// What a server writes to a query that is lied to: pieces, each in a segment of its own, and how the connection ends.
type Lie = (&'static str, fn(&Compose) -> Vec<Vec<u8>>, Then, Want);

/// What happens to a connection behind a lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It stays.
    Stay,
    /// FIN.
    Finish,
    /// RST.
    Reset,
}

/// What a client must get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// The address.
    Truth,
    /// A failure, or the address if the daemon found a way.
    Honesty,
}

/// A frame whose length says something else.
fn framed(length: u16, message: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], message].concat()
}

/// All lies.
const LIES: &[Lie] = &[
    ("a length that is never filled, then FIN", |a| vec![framed(500, &a.bytes())], Then::Finish, Want::Honesty),
    ("a length that is never filled, then silence", |a| vec![framed(500, &a.bytes())], Then::Stay, Want::Honesty),
    ("a length of 65,535, then garbage", |_| vec![framed(65_535, &[0xa5; 60_000])], Then::Finish, Want::Honesty),
    ("a length of 0", |_| vec![vec![0, 0]], Then::Stay, Want::Honesty),
    (
        "a thousand lengths of 0, then the truth",
        |a| vec![[vec![0; 2000], prefixed(&a.bytes())].concat()],
        Then::Stay,
        Want::Honesty,
    ),
    ("a message of one byte", |_| vec![framed(1, b"x")], Then::Stay, Want::Honesty),
    ("a length that is too short", |a| vec![framed(20, &a.bytes())], Then::Stay, Want::Honesty),
    (
        "another protocol",
        |_| vec![b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec()],
        Then::Finish,
        Want::Honesty,
    ),
    ("two answers in one frame", |a| vec![prefixed(&a.bytes().repeat(2))], Then::Stay, Want::Truth),
    ("byte by byte", |a| prefixed(&a.bytes()).into_iter().map(|byte| vec![byte]).collect(), Then::Stay, Want::Truth),
    (
        "a hundred answers to nobody's question, then the truth",
        |a| vec![[prefixed(&a.clone().id(1).bytes()).repeat(100), prefixed(&a.bytes())].concat()],
        Then::Stay,
        Want::Honesty,
    ),
    ("the truth three times", |a| vec![prefixed(&a.bytes()).repeat(3)], Then::Stay, Want::Truth),
    ("the truth, then FIN", |a| vec![prefixed(&a.bytes())], Then::Finish, Want::Truth),
    ("the truth, then RST", |a| vec![prefixed(&a.bytes())], Then::Reset, Want::Honesty),
    ("RST", |_| vec![], Then::Reset, Want::Honesty),
    (
        "the truth and half of something",
        |a| vec![[prefixed(&a.bytes()), vec![1, 0, 0]].concat()],
        Then::Stay,
        Want::Truth,
    ),
];

/// A server that writes bytes as a lie has them to names that begin with `lie`, and answers all others; stopped when dropped.
struct Liar {
    /// Where it listens.
    address: SocketAddr,
    /// What its threads share.
    state: Arc<State>,
    /// Accepts connections.
    thread: Option<JoinHandle<()>>,
}

/// What the threads of a liar share.
struct State {
    /// The lie.
    lie: &'static Lie,
    /// Whether it is over.
    stopped: AtomicBool,
    /// All connections, to end them.
    streams: Mutex<Vec<TcpStream>>,
}

impl Liar {
    /// A server that tells this lie.
    fn new(lie: &'static Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { lie, stopped: AtomicBool::new(false), streams: Mutex::default() });
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                shared.streams.lock().unwrap().push(stream.try_clone().unwrap());
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { address, state, thread: Some(thread) }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Wakes the one that accepts.
        drop(TcpStream::connect(self.address));
        self.thread.take().expect("taken only here").join().unwrap();
        for stream in self.state.streams.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl State {
    /// Serves one connection to its end.
    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut query).is_err() {
                return;
            }
            let query = Message::read(&query).expect("the daemon sends messages that parse");
            let answer = Compose::to(&query).answer(kind::A, 300, &[192, 0, 2, 1]);
            if !query.questions[0].name.to_ascii_lowercase().starts_with("lie") {
                if stream.write_all(&prefixed(&answer.bytes())).is_err() {
                    return;
                }
                continue;
            }
            let (_, pieces, then, _) = self.lie;
            for piece in pieces(&answer) {
                if stream.write_all(&piece).is_err() {
                    return;
                }
            }
            match then {
                Then::Stay => {}
                Then::Finish => {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
                Then::Reset => {
                    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                    // The other handle of the connection would keep it open.
                    let address = stream.peer_addr().ok();
                    self.streams.lock().unwrap().retain(|other| other.peer_addr().ok() != address);
                    return;
                }
            }
        }
    }
}

/// Tells one lie; what is wrong with what clients got.
fn tell(lie: &'static Lie) -> Option<String> {
    let (what, _, _, want) = *lie;
    let server = Liar::new(lie);
    let daemon = Setup::new().upstream("all", &[format!("tcp://{}", server.address)], "").zone(".", "all", "").start();
    for round in 0..2 {
        let ask = Ask::a(&format!("lie-{round}.example.org")).edns(1232);
        let good = Ask::a(&format!("good-{round}.example.org")).edns(1232);
        let (start, client) = (clock::now(), daemon.udp());
        client.send(&ask);
        let answer = client.receive(&ask);
        let took = elapsed(start);
        let truth = answer.rcode() == rcode::NOERROR && answer.addresses().len() == 1;
        let honest = truth || answer.rcode() == rcode::SERVFAIL && !answer.extended_errors().is_empty();
        if took >= CLIENT_PATIENCE || what_was_not_asked(&answer).is_some() || !honest || want == Want::Truth && !truth
        {
            return Some(format!("{what}: after {took:?} {answer}"));
        }
        let start = clock::now();
        let answer = daemon.tcp().ask(&good);
        if elapsed(start) >= CLIENT_PATIENCE || answer.addresses().len() != 1 {
            return Some(format!("good after {what}: after {:?} {answer}", elapsed(start)));
        }
    }
    None
}

/// N8, N18: whatever a stream holds, its client hears of it in time, and the next question is answered.
#[test]
fn lies_in_the_framing_of_streams_break_nothing() {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let told: Vec<_> = LIES.iter().map(|lie| scope.spawn(move || tell(lie))).collect();
        told.into_iter().filter_map(|told| told.join().expect("told to its end")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
