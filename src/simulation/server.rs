//! A server in memory, as the network shows it: what it answers, how long the way is, and what is wrong with it at the moment.
//!
//! Streams lose nothing but are late, as TCP is: what is sent while packets vanish arrives with the first retransmission behind it, and a
//! connection whose bytes stay unacknowledged for too long breaks. Datagrams are lost.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::sys::clock::{self, Moment};
use crate::upstream::UpstreamError;
use crate::upstream::dial::{Asking, Dialing, Link, Network, USER_TIMEOUT};
use crate::wire::header::{HEADER, flag, rcode};
use crate::wire::{name, put_u16};

use super::line::Line;

/// The first pause before TCP sends again what was not acknowledged; each further one is twice as long (RFC 6298).
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// The same for the first packet of a connection.
const FIRST_RETRANSMISSION: Duration = Duration::from_secs(1);

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    /// No packet comes through, either way.
    Silent,
    /// The process stands still; the kernel goes on accepting and acknowledging.
    Stopped,
    /// Nobody listens, and whoever was connected is reset.
    Gone,
    /// Each answer takes so much longer.
    Slow(Duration),
    /// SERVFAIL.
    Fail,
    /// REFUSED.
    Refuse,
    /// Every query ends the connection.
    Close,
    /// Half an answer, then the connection ends.
    Half,
    /// Bytes without sense behind the right question.
    Garbage,
    /// Another ID.
    OtherId,
    /// An answer to another question.
    OtherQuestion,
    /// The right answer, and records that nobody asked for.
    Foreign,
    /// Nothing but the TC bit in datagrams; streams are in order.
    Truncated,
}

/// What a server knows.
pub(super) trait Knowledge {
    /// The answer to a query that came to the server of that number, with the same ID; behind it, if wanted, records nobody asked for.
    fn answer(&self, server: usize, query: &[u8], foreign: bool) -> Vec<u8>;
}

/// A server.
pub(super) struct Server {
    /// Its number.
    number: usize,
    /// What it knows.
    knowledge: Rc<dyn Knowledge>,
    /// A packet's way to it and back.
    round_trip: Duration,
    /// Round trips before the first query of a connection, the one of TCP included.
    greetings: u32,
    /// What is wrong with it.
    fault: Cell<Option<Fault>>,
    /// Tells of another fault, or of none.
    changed: Notify,
    /// Its connections.
    lines: RefCell<Vec<Weak<Line>>>,
    /// When it began.
    begun: Moment,
    /// What it saw, by second.
    seen: RefCell<Vec<Seen>>,
}

/// What a server saw in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// First packets of connections that reached its machine.
    pub(super) attempts: u64,
    /// Connections that were ready for queries.
    pub(super) handshakes: u64,
    /// Queries that reached the process.
    pub(super) queries: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.attempts, self.handshakes, self.queries)
    }
}

impl Server {
    /// A server in order.
    pub(super) fn new(number: usize, knowledge: Rc<dyn Knowledge>, round_trip: Duration, greetings: u32) -> Rc<Self> {
        Rc::new(Self {
            number,
            knowledge,
            round_trip,
            greetings,
            fault: Cell::default(),
            changed: Notify::new(),
            lines: RefCell::default(),
            begun: clock::now(),
            seen: RefCell::default(),
        })
    }

    /// Makes something be wrong with it from now on, or nothing.
    pub(super) fn suffer(&self, fault: Option<Fault>) {
        self.fault.set(fault);
        if fault == Some(Fault::Gone) {
            for line in self.lines.take().iter().filter_map(Weak::upgrade) {
                line.finish(Some(io::ErrorKind::ConnectionReset));
            }
        }
        self.changed.notify_waiters();
    }

    /// Connections that are open.
    pub(super) fn connections(&self) -> usize {
        self.lines.borrow().iter().filter_map(Weak::upgrade).filter(|line| line.is_open()).count()
    }

    /// What it saw, by second since it began.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// Notes something seen now.
    fn note(&self, change: impl FnOnce(&mut Seen)) {
        let second = usize::try_from(clock::now().since(self.begun).as_secs()).unwrap();
        let mut seen = self.seen.borrow_mut();
        if seen.len() <= second {
            seen.resize(second + 1, Seen::default());
        }
        change(&mut seen[second]);
    }

    /// Waits until a packet comes through that is sent again and again, `pause` after the first time.
    async fn pass(&self, mut pause: Duration) {
        while self.fault.get() == Some(Fault::Silent) {
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Waits while the process stands still.
    async fn awake(&self) {
        loop {
            let changed = self.changed.notified();
            if self.fault.get() != Some(Fault::Stopped) {
                return;
            }
            changed.await;
        }
    }

    /// Opens a connection.
    async fn accept(self: Rc<Self>) -> io::Result<Link> {
        self.pass(FIRST_RETRANSMISSION).await;
        self.note(|seen| seen.attempts += 1);
        sleep(self.round_trip).await;
        for _ in 1..self.greetings {
            self.awake().await;
            self.pass(RETRANSMISSION).await;
            sleep(self.round_trip).await;
        }
        if self.fault.get() == Some(Fault::Gone) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.note(|seen| seen.handshakes += 1);
        let (line, stream) = Line::open(&self);
        let mut lines = self.lines.borrow_mut();
        lines.retain(|line| line.upgrade().is_some_and(|line| line.is_open()));
        lines.push(Rc::downgrade(&line));
        Ok(Box::new(stream))
    }

    /// Takes a message that a client wrote to a stream.
    pub(super) fn take(server: &Rc<Self>, line: &Rc<Line>, query: Vec<u8>) {
        let (server, line) = (Rc::clone(server), Rc::clone(line));
        spawn_local(async move { server.serve(&line, &query).await });
    }

    /// Answers a message of a stream.
    async fn serve(&self, line: &Line, query: &[u8]) {
        let sent = Instant::now();
        self.pass(RETRANSMISSION).await;
        if sent.elapsed() > USER_TIMEOUT {
            return line.finish(Some(io::ErrorKind::TimedOut));
        }
        sleep(self.round_trip / 2).await;
        self.awake().await;
        if !line.is_open() {
            return;
        }
        self.note(|seen| seen.queries += 1);
        let fault = self.fault.get();
        match fault {
            Some(Fault::Gone) => return line.finish(Some(io::ErrorKind::ConnectionReset)),
            Some(Fault::Close) => return line.finish(None),
            Some(Fault::Slow(time)) => sleep(time).await,
            _ => {}
        }
        sleep(self.round_trip / 2).await;
        self.pass(RETRANSMISSION).await;
        // What is said is said when it arrives, so that its age is known to the millisecond.
        let mut answer = self.answer(fault, query);
        let length = u16::try_from(answer.len()).unwrap();
        answer.splice(0..0, length.to_be_bytes());
        if fault == Some(Fault::Half) {
            line.deliver(&answer[..answer.len() / 2]);
            return line.finish(None);
        }
        line.deliver(&answer);
    }

    /// What it says to a query under a fault.
    fn answer(&self, fault: Option<Fault>, query: &[u8]) -> Vec<u8> {
        match fault {
            Some(Fault::Fail) => return code(query, rcode::SERVFAIL),
            Some(Fault::Refuse) => return code(query, rcode::REFUSED),
            Some(Fault::Foreign) => return self.knowledge.answer(self.number, query, true),
            _ => {}
        }
        let mut answer = self.knowledge.answer(self.number, query, false);
        match fault {
            Some(Fault::Garbage) => {
                let end = name::skip(&answer, HEADER).unwrap() + 4;
                answer[end..].iter_mut().for_each(|byte| *byte = byte.rotate_left(3) ^ 0xc5);
            }
            Some(Fault::OtherId) => answer[1] ^= 1,
            // The first letter of the name.
            Some(Fault::OtherQuestion) => answer[HEADER + 1] ^= 1,
            _ => {}
        }
        answer
    }

    /// Answers a datagram, or loses it.
    async fn receive(self: Rc<Self>, query: Vec<u8>) -> Result<Vec<u8>, UpstreamError> {
        let lost = std::future::pending;
        if self.fault.get() == Some(Fault::Silent) {
            return lost().await;
        }
        sleep(self.round_trip / 2).await;
        self.awake().await;
        let fault = self.fault.get();
        if fault == Some(Fault::Gone) {
            sleep(self.round_trip / 2).await;
            return Err(UpstreamError::Connect(io::ErrorKind::ConnectionRefused));
        }
        self.note(|seen| seen.queries += 1);
        if let Some(Fault::Slow(time)) = fault {
            sleep(time).await;
        }
        sleep(self.round_trip / 2).await;
        match fault {
            _ if self.fault.get() == Some(Fault::Silent) => lost().await,
            // None of these is believed, and the wait goes on.
            Some(Fault::Close | Fault::Half | Fault::OtherId | Fault::OtherQuestion) => lost().await,
            Some(Fault::Truncated) => Ok(code(&query, flag::TC)),
            fault => Ok(self.answer(fault, &query)),
        }
    }
}

/// A query turned into an answer with nothing but a code or a flag.
fn code(query: &[u8], code: u16) -> Vec<u8> {
    let mut answer = query.to_vec();
    put_u16(&mut answer, 2, flag::QR | flag::RD | flag::RA | code);
    answer
}

/// All servers, by their addresses.
pub(super) struct Servers(pub(super) BTreeMap<SocketAddr, Rc<Server>>);

impl Network for Servers {
    fn connect(&self, address: SocketAddr) -> Dialing {
        Box::pin(Rc::clone(&self.0[&address]).accept())
    }

    fn ask(&self, address: SocketAddr, query: &[u8]) -> Asking {
        Box::pin(Rc::clone(&self.0[&address]).receive(query.to_vec()))
    }
}
