//! One UDP socket to one server, and the queries that wait on it.
//!
//! Usually that is one query. When sockets are short, several share a socket; then whoever is awake reads for all: there is no task
//! to feed the waiting ones, so dropping a wait leaves nothing behind. Single-threaded; nothing is borrowed across an await.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::task::{Context, Poll, Waker};

use rand::{Rng, RngExt};
use socket2::{Domain, Protocol, SockAddr, SockRef, Type};
use tokio::io::Interest;

use super::letters::{Query, Verdict};
use crate::sys::fragment;
use crate::upstream::error::UpstreamError;

/// Most queries that wait on one socket; a guess. Each one more is one more ID that a forger may guess (RFC 5452 section 7).
const SHARERS: usize = 256;

/// The largest answer that is taken over UDP, in octets; larger ones come over TCP. Above what we ever offer by EDNS (1,232).
const LARGEST: usize = 4096;

/// Ports of our own choice that are tried before the kernel chooses.
const PORT_TRIES: usize = 4;

/// Datagrams that answer nothing after which a query stops waiting here, since somebody seems to be guessing: each has one chance in 65,536 to
/// meet the ID, if he knows the port. Nobody else has a reason to send to a port that is new for each query. A guess.
const MOST_MISMATCHES: u32 = 16;

/// The same on a socket that several queries share, where late answers to those that have given up come as well: one for each of them.
const MOST_MISMATCHES_SHARED: u32 = 256;

/// Datagrams read before others get a turn, so that a flood cannot hold the worker.
const READ_BATCH: usize = 32;

/// A connected socket, and who waits on it.
pub(super) struct Socket {
    /// Connected, so that the kernel drops what does not come from the server's address and port (RFC 5452 section 9.1).
    io: tokio::net::UdpSocket,
    /// The server.
    server: SocketAddr,
    /// The address that the kernel has chosen for us.
    local: IpAddr,
    /// Datagrams that came and answered nothing.
    mismatches: Cell<u32>,
    /// Whether a second query has waited here.
    is_shared: Cell<bool>,
    /// By ID. Invariant: at most [`SHARERS`].
    waiting: RefCell<HashMap<u16, Waiting, foldhash::fast::RandomState>>,
}

/// A query on its way.
struct Waiting {
    /// What was asked.
    query: Query,
    /// What came back, until it is fetched. An answer is never replaced.
    outcome: Option<Result<Outcome, UpstreamError>>,
    /// Whom to wake when another reader finds the answer.
    waker: Option<Waker>,
    /// [`Socket::mismatches`] when it was sent.
    mismatches_before: u32,
}

/// What came back.
pub(super) enum Outcome {
    /// The answer.
    Answer(Vec<u8>),
    /// An answer that is right but for the letter case.
    OtherCase,
    /// An answer that came in fragments, or too many datagrams that answer nothing: nothing that comes here is to be trusted.
    Doubt(Doubt),
}

/// Why what comes by UDP is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Too many datagrams answered nothing.
    Mismatches,
    /// The answer came in fragments (RFC 9715 section 3.2).
    Fragments,
}

/// How a round of reading ended.
enum Round {
    /// There is an outcome for the query that was asked about.
    Found,
    /// Nothing is left to read.
    Empty,
    /// Datagrams may be left.
    Busy,
}

impl Socket {
    /// A new socket to `server` with a random port.
    ///
    /// RFC 5452 section 9.2 asks for "an unpredictable source port for outgoing queries from the range of available ports", all
    /// above 1024. The kernel's own choice is from a range of 28,232 ports; ours is from 64,512.
    pub(super) fn open(server: SocketAddr, random: &mut impl Rng) -> io::Result<Self> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = socket2::Socket::new(Domain::for_address(server), kind, Some(Protocol::UDP))?;
        if server.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        let bind = |port| {
            let any = match server {
                SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
                SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            };
            socket.bind(&SockAddr::from(any))
        };
        // A port may be taken, or reserved for the privileged; without a bind the kernel chooses one when we connect.
        let _ = (0..PORT_TRIES).any(|_| bind(random.random_range(1024..=u16::MAX)).is_ok());
        socket.connect(&SockAddr::from(server))?;
        // A kernel that does not know how has no fragments to tell of.
        let _ = fragment::tell_fragments(&socket, server);
        let io = tokio::net::UdpSocket::from_std(UdpSocket::from(socket))?;
        let local = io.local_addr()?.ip();
        let (mismatches, is_shared, waiting) = (Cell::default(), Cell::default(), RefCell::default());
        Ok(Self { io, server, local, mismatches, is_shared, waiting })
    }

    /// The address from which queries leave.
    pub(super) fn local(&self) -> IpAddr {
        self.local
    }

    /// Whether no query waits here.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Whether no further query may wait here.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.borrow().len() >= SHARERS
    }

    /// A random ID that no waiting query has.
    pub(super) fn choose_id(&self, random: &mut impl Rng) -> u16 {
        let waiting = self.waiting.borrow();
        // Ends soon: at most SHARERS of 65,536 are taken.
        loop {
            let id = random.random();
            if !waiting.contains_key(&id) {
                return id;
            }
        }
    }

    /// Lets a query wait for its answer until it is [forgotten](Self::forget).
    pub(super) fn expect(&self, id: u16, query: Query) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.is_empty() {
            self.is_shared.set(true);
        }
        let mismatches_before = self.mismatches.get();
        waiting.insert(id, Waiting { query, outcome: None, waker: None, mismatches_before });
    }

    /// Ends the wait of a query; what comes for it later is foreign.
    pub(super) fn forget(&self, id: u16) {
        self.waiting.borrow_mut().remove(&id);
    }

    /// Sends an expected query; never waits.
    ///
    /// The runtime learns that a new socket is writable only in the next turn of its loop, but the kernel knows it now, so it is
    /// asked directly. A full send buffer is an error: it means that nothing leaves the machine.
    pub(super) fn send(&self, id: u16) -> Result<(), UpstreamError> {
        let sent = match self.waiting.borrow().get(&id) {
            Some(waiting) => SockRef::from(&self.io).send(waiting.query.message()).map(drop),
            None => Ok(()),
        };
        // The error may be that of an earlier query on this socket: the kernel reports an ICMP message to whoever calls next.
        sent.map_err(|error| self.fail(&error))
    }

    /// Waits for the outcome of an expected query; `mismatched` is called for each datagram that is nobody's answer.
    ///
    /// Returns once for each outcome; an [`Outcome::OtherCase`] may be followed by the answer. [`Outcome::Doubt`] is the last.
    pub(super) async fn outcome(&self, id: u16, mismatched: &dyn Fn()) -> Result<Outcome, UpstreamError> {
        loop {
            if let Some(outcome) = self.fetch(id) {
                return outcome;
            }
            if self.is_doubtful(id) {
                return Ok(Outcome::Doubt(Doubt::Mismatches));
            }
            match self.read(id, mismatched) {
                Round::Found => {}
                Round::Busy => tokio::task::yield_now().await,
                Round::Empty => tokio::select! {
                    biased;
                    () = poll_fn(|context| self.poll_found(id, context)) => {}
                    ready = self.io.ready(Interest::READABLE | Interest::ERROR) => {
                        ready.map_err(|error| self.fail(&error))?;
                    }
                },
            }
        }
    }

    /// Takes the outcome of a query, if there is one.
    fn fetch(&self, id: u16) -> Option<Result<Outcome, UpstreamError>> {
        self.waiting.borrow_mut().get_mut(&id)?.outcome.take()
    }

    /// Whether too much has come for a query that answers nothing.
    fn is_doubtful(&self, id: u16) -> bool {
        let most = if self.is_shared.get() { MOST_MISMATCHES_SHARED } else { MOST_MISMATCHES };
        let before = self.waiting.borrow().get(&id).map(|waiting| waiting.mismatches_before);
        before.is_some_and(|before| self.mismatches.get().wrapping_sub(before) >= most)
    }

    /// Ready when another query has found the outcome of this one.
    ///
    /// Waiting for the socket is not enough: if another one has taken a datagram or an error before the runtime looked, as a
    /// [`send`](Self::send) takes a pending ICMP message, there is nothing left to be told of.
    fn poll_found(&self, id: u16, context: &Context<'_>) -> Poll<()> {
        match self.waiting.borrow_mut().get_mut(&id) {
            Some(Waiting { outcome: None, waker, .. }) => {
                match waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Reads what is there, for all who wait, until the query `id` has an outcome.
    fn read(&self, id: u16, mismatched: &dyn Fn()) -> Round {
        // One octet more than is taken tells a datagram that fits from one that was cut.
        let mut buffer = [0; LARGEST + 1];
        for _ in 0..READ_BATCH {
            if self.is_doubtful(id) {
                return Round::Found;
            }
            match self.io.try_io(Interest::READABLE, || fragment::receive(&self.io, &mut buffer)) {
                Ok(received) => {
                    let datagram = &buffer[..received.length];
                    // Between bind and connect, a moment, the kernel takes datagrams from anybody.
                    let is_ours = received.source.is_some_and(|source| self.is_server(source));
                    match is_ours.then(|| self.dispatch(datagram, received.fragmented)).flatten() {
                        Some(found) if found == id => return Round::Found,
                        Some(_) => {}
                        None => {
                            self.mismatches.set(self.mismatches.get().wrapping_add(1));
                            mismatched();
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.read_error(),
                Err(error) => {
                    self.fail(&error);
                    return Round::Found;
                }
            }
        }
        Round::Busy
    }

    /// Reads a pending error, such as an ICMP message.
    ///
    /// An error does not make a socket readable in the eyes of the runtime, so it is waited for, asked for and cleared by itself.
    fn read_error(&self) -> Round {
        let pending = self.io.try_io(Interest::ERROR, || match self.io.take_error()? {
            Some(error) => Err(error),
            None => Err(io::ErrorKind::WouldBlock.into()),
        });
        match pending {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                self.fail(&error);
                Round::Found
            }
            Ok(()) | Err(_) => Round::Empty,
        }
    }

    /// Whether a datagram's source is the server; scope and flow of IPv6 aside, of which the kernel keeps its own record.
    fn is_server(&self, source: SocketAddr) -> bool {
        source.ip() == self.server.ip() && source.port() == self.server.port()
    }

    /// Gives a datagram to the query it answers and says which that is; `None` if it answers none.
    fn dispatch(&self, datagram: &[u8], fragmented: bool) -> Option<u16> {
        let id = u16::from_be_bytes(*datagram.first_chunk()?);
        let mut waiting = self.waiting.borrow_mut();
        let waiting = waiting.get_mut(&id)?;
        let outcome = match waiting.query.judge(datagram) {
            Verdict::Answer if fragmented => Outcome::Doubt(Doubt::Fragments),
            Verdict::Answer => Outcome::Answer(waiting.query.keep(datagram, LARGEST)),
            Verdict::OtherCase => Outcome::OtherCase,
            Verdict::Foreign => return None,
        };
        if !matches!(waiting.outcome, Some(Ok(Outcome::Answer(_)))) {
            waiting.outcome = Some(Ok(outcome));
        }
        waiting.waker.take().inspect(Waker::wake_by_ref);
        Some(id)
    }

    /// Ends all waits on this socket with the error, except those that have their answer; returns what the error means.
    ///
    /// An ICMP message (port, host or net unreachable) is about the server, so it is about every query on the way to it.
    fn fail(&self, error: &io::Error) -> UpstreamError {
        let error = UpstreamError::from(error);
        for waiting in self.waiting.borrow_mut().values_mut() {
            if !matches!(waiting.outcome, Some(Ok(Outcome::Answer(_)))) {
                waiting.outcome = Some(Err(error));
                waiting.waker.take().inspect(Waker::wake_by_ref);
            }
        }
        error
    }
}
