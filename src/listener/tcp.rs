//! DNS over TCP (RFC 7766): many queries on a connection, answers in the order in which they are known.
//!
//! All queries that one read brings are looked at before anything is written, so that their answers leave in one write, each behind its
//! length. A connection reads no further while too many of its queries wait or its client does not take what is there; one that neither finishes
//! a query nor takes an answer for `listen.tcp-idle-timeout` is closed.
//!
//! When another process takes over, a connection goes on there as soon as nothing of it is in hand here: as the descriptor, and the bytes of
//! a query that is not yet whole.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, Sleep, sleep};

use crate::config::Prefixes;
use crate::metrics::{Event, Gauge, Protocol, WorkerMetrics};
use crate::sys::clock;
use crate::wire::header::{HEADER, MAX_MESSAGE};
use crate::wire::u16_at;

use super::limits::{Connections, Full, Permit};
use super::{Handler, Incoming, Outcome, ReplyTo};

/// Bytes read at once.
const INPUT: usize = 8 << 10;

/// Unwritten answers in bytes at which no more queries are read.
const HIGH_WATER: usize = 64 << 10;

/// Unwritten answers in bytes at which the connection is given up: late answers come whether there is room or not.
const OVERFLOW: usize = 1 << 20;

/// How long to wait when the kernel has no descriptor for a new connection; the backlog keeps it meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Reads in one turn before other tasks of the worker get theirs.
const READS_A_TURN: usize = 4;

/// What all connections of a worker share.
pub struct Settings {
    /// How long one may be idle; may change at any time.
    pub idle: Cell<Duration>,
    /// Queries of one that may wait; may change at any time.
    pub pipeline: Cell<usize>,
    /// Bounds over all workers.
    pub connections: Arc<Connections>,
    /// Who may connect; may change at any time.
    pub allow: RefCell<Prefixes>,
    /// Where it is counted.
    pub metrics: Arc<WorkerMetrics>,
    /// Open ones of this worker.
    pub open: Cell<u64>,
    /// Room for one query and its answer.
    pub room: RefCell<Box<[u8]>>,
    /// Tells when no more queries shall be read.
    pub drain: watch::Receiver<Drain>,
    /// Where connections go that somebody else goes on with.
    pub heirs: mpsc::Sender<Begun>,
}

/// Whether queries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// They are.
    No,
    /// No more; connections are closed when all is answered.
    Stop,
    /// No more here; connections go on elsewhere.
    Leave,
}

/// A connection that somebody else began to serve.
#[derive(Debug)]
pub struct Begun {
    /// The connection.
    pub descriptor: OwnedFd,
    /// What was read of a query that is not yet whole.
    pub input: Vec<u8>,
}

/// Accepts connections for as long as it is polled.
pub async fn accept<H: Handler>(
    listener: TcpListener,
    server: u16,
    settings: Rc<Settings>,
    handler: Rc<H>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // A connection that ended before we took it is no reason to pause; for anything else, trying at once again would only spin.
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    settings.metrics.count(Event::AcceptFailed);
                    sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        if !settings.allow.borrow().allows(client.ip()) && !is_ourselves(&stream, client.ip()) {
            // Queries that come on what is open when the list changes are refused one by one.
            settings.metrics.count(Event::TcpRefusedSource);
            continue;
        }
        let permit = match settings.connections.admit(client.ip()) {
            Ok(permit) => permit,
            Err(full) => {
                settings.metrics.count(if full == Full::Total {
                    Event::TcpRefusedTotal
                } else {
                    Event::TcpRefusedClient
                });
                continue;
            }
        };
        settings.metrics.count(Event::TcpAccepted);
        begin(Connection::new(stream, client, server, permit, Rc::clone(&settings), Rc::clone(&handler)));
    }
}

/// Goes on with connections that somebody else began, for as long as it is polled. `server` tells to which listen address one was made.
pub async fn resume<H: Handler>(
    mut begun: mpsc::Receiver<Begun>,
    server: impl Fn(SocketAddr) -> Option<u16>,
    settings: Rc<Settings>,
    handler: Rc<H>,
) {
    while let Some(Begun { descriptor, input }) = begun.recv().await {
        let stream = std::net::TcpStream::from(descriptor);
        // One that has ended meanwhile, or was made to an address that is no longer ours, is closed.
        let Ok(client) = stream.peer_addr() else { continue };
        let Some(server) = stream.local_addr().ok().and_then(&server) else { continue };
        let Ok(permit) = settings.connections.admit(client.ip()) else { continue };
        let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) else { continue };
        let mut connection = Connection::new(stream, client, server, permit, Rc::clone(&settings), Rc::clone(&handler));
        connection.filled = input.len().min(MAX_MESSAGE + 2);
        connection.input.resize(connection.filled.max(INPUT), 0);
        connection.input[..connection.filled].copy_from_slice(&input[..connection.filled]);
        begin(connection);
    }
}

/// Lets a connection be served beside all others, and passes it on when another process takes over.
fn begin<H: Handler>(connection: Connection<TcpStream, H>) {
    let settings = Rc::clone(&connection.settings);
    settings.open.set(settings.open.get() + 1);
    settings.metrics.set(Gauge::TcpConnections, settings.open.get());
    spawn_local(async move {
        if let Some((stream, input)) = connection.run().await
            && let Ok(stream) = stream.into_std()
        {
            // Where nobody waits for it, it is closed.
            let _ = settings.heirs.try_send(Begun { descriptor: stream.into(), input });
        }
        settings.open.set(settings.open.get() - 1);
        settings.metrics.set(Gauge::TcpConnections, settings.open.get());
    });
}

/// Whether a client is on this machine and comes from the very address that it asks, as the daemon does when it checks whether it answers. It
/// gets a connection, and REFUSED on it.
fn is_ourselves(stream: &TcpStream, client: IpAddr) -> bool {
    stream.local_addr().is_ok_and(|address| address.ip() == client)
}

/// Serves one connection to its end. Apart from [`accept`] so that fuzz targets and benches can do without sockets.
#[doc(hidden)]
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin, H: Handler>(
    stream: S,
    client: SocketAddr,
    server: u16,
    permit: Permit,
    settings: Rc<Settings>,
    handler: Rc<H>,
) {
    let _ = Connection::new(stream, client, server, permit, settings, handler).run().await;
}

/// The answers of one connection on their way out.
#[derive(Default)]
struct Answers {
    /// Framed bytes.
    bytes: RefCell<Vec<u8>>,
    /// Queries whose answers come later.
    waiting: Cell<usize>,
    /// Wakes the connection.
    waker: RefCell<Option<Waker>>,
    /// Whether the connection has ended.
    closed: Cell<bool>,
}

impl Answers {
    /// Appends one answer of at most `limit` bytes behind its length.
    fn push(&self, limit: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        let mut bytes = self.bytes.borrow_mut();
        let start = bytes.len();
        bytes.resize(start + 2 + limit, 0);
        let used = write(&mut bytes[start + 2..]).min(limit);
        let length = u16::try_from(used).unwrap_or(u16::MAX);
        bytes[start..start + 2].copy_from_slice(&length.to_be_bytes());
        bytes.truncate(start + 2 + usize::from(length));
    }
}

/// The right to answer one query of a connection; dropping it unused gives it back.
pub struct Ticket(Rc<Answers>);

impl Ticket {
    /// Sends the answer.
    pub(super) fn send(self, limit: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        if !self.0.closed.get() {
            self.0.push(limit, write);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
        if let Some(waker) = self.0.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// One connection.
struct Connection<S, H> {
    /// The stream.
    stream: S,
    /// Whose it is.
    client: SocketAddr,
    /// Position of the listen address in the configuration.
    server: u16,
    /// Its place among all connections.
    _permit: Permit,
    /// What it shares.
    settings: Rc<Settings>,
    /// Who looks at queries.
    handler: Rc<H>,
    /// What waits to be written.
    answers: Rc<Answers>,
    /// How many bytes of it are.
    written: usize,
    /// Room to read into.
    input: Vec<u8>,
    /// Bytes in it that were not looked at.
    filled: usize,
    /// Whether the client will send no more.
    finished: bool,
    /// Fires when nothing was finished for too long.
    idle: Pin<Box<Sleep>>,
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client closed it, or broke it, or sent what is no DNS.
    Client,
    /// It was idle.
    Idle,
    /// The client did not take its answers.
    Slow,
    /// We are going.
    Drained,
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Connection<S, H> {
    /// A connection just accepted.
    fn new(stream: S, client: SocketAddr, server: u16, permit: Permit, settings: Rc<Settings>, handler: Rc<H>) -> Self {
        let idle = Box::pin(sleep(settings.idle.get()));
        let (answers, input) = (Rc::default(), vec![0; INPUT]);
        Self {
            stream,
            client,
            server,
            _permit: permit,
            settings,
            handler,
            answers,
            written: 0,
            input,
            filled: 0,
            finished: false,
            idle,
        }
    }

    /// Serves it to its end. If it goes on elsewhere, what is to go there: the stream, and what was read of a query that is not yet whole.
    async fn run(mut self) -> Option<(S, Vec<u8>)> {
        let mut drain = self.settings.drain.clone();
        let mut goes_on = false;
        let end = tokio::select! {
            end = std::future::poll_fn(|context| self.turn(context)) => end,
            // What is in hand is still answered.
            _ = drain.wait_for(|drain| *drain != Drain::No) => {
                // One that its client has ended, at least on its side, has nothing to go on with.
                goes_on = !self.finished && *self.settings.drain.borrow() == Drain::Leave;
                self.finished = true;
                let end = std::future::poll_fn(|context| self.turn(context)).await;
                goes_on &= end == End::Drained;
                end
            }
        };
        self.answers.closed.set(true);
        match end {
            End::Idle => self.settings.metrics.count(Event::TcpIdleClosed),
            End::Slow => self.settings.metrics.count(Event::TcpSlowClosed),
            End::Client | End::Drained => {}
        }
        goes_on.then(|| {
            self.input.truncate(self.filled);
            (self.stream, self.input)
        })
    }

    /// Does what can be done now.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<End> {
        *self.answers.waker.borrow_mut() = Some(context.waker().clone());
        let mut reads = 0;
        loop {
            let looked_at = self.look();
            if let Poll::Ready(end) = self.write(context) {
                return Poll::Ready(end);
            }
            let Some(looked_at) = looked_at else { return Poll::Ready(End::Client) };
            if looked_at {
                self.idle.as_mut().reset(Instant::now() + self.settings.idle.get());
            }
            let waiting = self.answers.waiting.get();
            let unwritten = self.answers.bytes.borrow().len();
            if self.finished && waiting == 0 && unwritten == 0 {
                return Poll::Ready(if *self.settings.drain.borrow() == Drain::No {
                    End::Client
                } else {
                    End::Drained
                });
            }
            let may_read = !self.finished && waiting < self.settings.pipeline.get() && unwritten < HIGH_WATER;
            if !may_read {
                break;
            }
            if reads == READS_A_TURN {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            reads += 1;
            match self.read(context) {
                Poll::Ready(Ok(0)) => self.finished = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(End::Client),
                Poll::Pending => break,
            }
        }
        if self.idle.as_mut().poll(context).is_ready() {
            if !self.answers.bytes.borrow().is_empty() {
                return Poll::Ready(End::Slow);
            }
            if self.answers.waiting.get() == 0 {
                return Poll::Ready(End::Idle);
            }
            self.idle.as_mut().reset(Instant::now() + self.settings.idle.get());
            return self.idle.as_mut().poll(context).map(|()| End::Idle);
        }
        Poll::Pending
    }

    /// Reads what is there.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(&mut self.input[self.filled..]);
        match Pin::new(&mut self.stream).poll_read(context, &mut room) {
            Poll::Ready(Ok(())) => {
                let count = room.filled().len();
                self.filled += count;
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Looks at the whole queries that were read: whether there was one; `None` if the client does not speak DNS.
    fn look(&mut self) -> Option<bool> {
        let mut start = 0;
        let mut wanted = 0;
        while let Some(length) = u16_at(&self.input[..self.filled], start).map(usize::from) {
            if self.answers.waiting.get() >= self.settings.pipeline.get()
                || self.answers.bytes.borrow().len() >= HIGH_WATER
            {
                break;
            }
            if length < HEADER {
                self.settings.metrics.count(Event::Garbage);
                return None;
            }
            let end = start + 2 + length;
            if end > self.filled {
                wanted = end - start;
                break;
            }
            self.take(start + 2, length);
            start = end;
        }
        if start > 0 {
            self.input.copy_within(start..self.filled, 0);
            self.filled -= start;
        }
        // Only a query larger than the room makes it grow, and not beyond the largest message.
        if wanted > self.input.len() {
            self.input.resize(wanted.min(MAX_MESSAGE + 2), 0);
        }
        Some(start > 0)
    }

    /// Hands one query to the handler, in the place where its answer may be written.
    fn take(&mut self, start: usize, length: usize) {
        let settings = Rc::clone(&self.settings);
        let mut room = settings.room.borrow_mut();
        room[..length].copy_from_slice(&self.input[start..start + length]);
        let incoming = Incoming {
            server: self.server,
            protocol: Protocol::Tcp,
            client: self.client.ip(),
            port: self.client.port(),
            room: &mut room[..],
            length,
            cut: false,
            now: clock::coarse(),
        };
        let reply_to = || {
            self.answers.waiting.set(self.answers.waiting.get() + 1);
            ReplyTo::Tcp(Ticket(Rc::clone(&self.answers)))
        };
        if let Outcome::Answer(used) = self.handler.handle(incoming, &reply_to) {
            self.answers.push(used, |answer| {
                answer.copy_from_slice(&room[..used]);
                used
            });
        }
    }

    /// Writes what waits.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let answers = Rc::clone(&self.answers);
        let mut bytes = answers.bytes.borrow_mut();
        while self.written < bytes.len() {
            match Pin::new(&mut self.stream).poll_write(context, &bytes[self.written..]) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.written += count;
                    self.idle.as_mut().reset(Instant::now() + self.settings.idle.get());
                }
                Poll::Ready(_) => return Poll::Ready(End::Client),
                Poll::Pending => {
                    let unwritten = bytes.len() - self.written;
                    return if unwritten > OVERFLOW { Poll::Ready(End::Slow) } else { Poll::Pending };
                }
            }
        }
        bytes.clear();
        self.written = 0;
        Poll::Pending
    }
}
