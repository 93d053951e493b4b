//! One server over TCP or TLS: which connection a query takes, and when a new one is opened.
//!
//! In normal times a worker has one connection to a server. It opens another when the first is full, aged, or does not answer any more;
//! never more than one at a time is being opened, however many queries wait for it. A query whose connection dies under it, when that had
//! been used before, is sent once more on a fresh one: servers close idle connections at any time, and the client must not notice (RFC 7766
//! section 6.2.4). A connection that has been quiet and stays so is suspected: the query also goes out on a fresh one, and the first answer wins.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt as _;
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::{Server, Transport, Upstream};
use crate::metrics::UpstreamEvent;
use crate::sys::clock::{self, Moment};
use crate::sys::random;
use crate::wire::message::Outgoing;

use super::connection::{Connection, Reply, Terms};
use super::dial::Dial;
use super::driver::{Carrier, Driver};
use super::error::UpstreamError;
use super::learned::Learned;
use super::tls::{self, TlsGroup};

/// A connection on which nothing has come for so long is watched when it is used.
const QUIET: Duration = Duration::from_secs(1);

/// Times a query looks for a connection with room before it is shed.
const ATTEMPTS: usize = 3;

/// A server over streams.
pub(super) struct StreamServer {
    /// Where it is and how it proves itself.
    server: Server,
    /// What opens streams to it.
    dial: Rc<dyn Dial>,
    /// What encrypts; `None` is plain TCP.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// How connections are used.
    terms: Terms,
    /// Most connections.
    limit: usize,
    /// How old a connection grows.
    max_age: Duration,
    /// How long opening one may take.
    timeout: Duration,
    /// Those that are open.
    connections: RefCell<Vec<(Rc<Connection>, Moment)>>,
    /// The one that is being opened.
    opening: RefCell<Option<Rc<Opening>>>,
    /// What is known of the server.
    learned: Rc<Learned>,
}

/// A connection being opened, and those who wait for it.
#[derive(Default)]
struct Opening {
    /// How it went.
    outcome: RefCell<Option<Result<Rc<Connection>, UpstreamError>>>,
    /// Wakes those who wait.
    done: Notify,
}

impl StreamServer {
    /// A server to which nothing is open yet.
    pub(super) fn new(
        server: &Server,
        upstream: &Upstream,
        group: Option<&TlsGroup>,
        dial: Rc<dyn Dial>,
        learned: Rc<Learned>,
    ) -> Self {
        let encrypted = server.transport == Transport::Tls;
        let padding = if encrypted { upstream.padding } else { 0 };
        Self {
            server: server.clone(),
            dial,
            tls: group.filter(|_| encrypted).map(|group| group.connector(server)),
            terms: Terms { pipeline: upstream.pipeline, idle: upstream.idle_timeout, padding },
            limit: upstream.connections,
            max_age: upstream.max_age,
            timeout: upstream.timeout,
            connections: RefCell::default(),
            opening: RefCell::default(),
            learned,
        }
    }

    /// Asks the server and waits for its answer, for as long as the caller lets it. Cancellation safe.
    pub(super) async fn exchange(self: &Rc<Self>, query: &Rc<Outgoing>) -> Result<Vec<u8>, UpstreamError> {
        for _ in 0..ATTEMPTS {
            let now = clock::now();
            let (connection, waited) = match self.pick(now)? {
                Some(connection) => (connection, false),
                None => (self.open().await?, true),
            };
            let used = connection.is_used();
            let reply = match connection.send(query) {
                Ok(reply) => reply,
                // Others who waited for the same connection were faster, or it is gone already.
                Err(UpstreamError::Shed | UpstreamError::Closed) => continue,
                Err(error) => return Err(error),
            };
            self.learned.count(if waited { UpstreamEvent::ConnectionOpened } else { UpstreamEvent::ConnectionReused });
            let answer = if waited || connection.quiet_for(now) < QUIET {
                reply.await
            } else {
                self.watch(&connection, reply, query).await
            };
            return match answer {
                Err(UpstreamError::Closed) if used && !waited => {
                    self.learned.count(UpstreamEvent::Retried);
                    self.open_or_pick().await?.send(query)?.await
                }
                other => other,
            };
        }
        Err(UpstreamError::Shed)
    }

    /// The connection a query takes now; `None` if one has to be opened.
    fn pick(self: &Rc<Self>, now: Moment) -> Result<Option<Rc<Connection>>, UpstreamError> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|(connection, _)| connection.is_open());
        let usable = connections.iter().filter(|(connection, _)| connection.is_usable(now));
        let with_room = usable.clone().filter(|(connection, _)| connection.has_room());
        // The youngest first, so that an aged one empties.
        let Some((connection, retires)) = with_room.max_by_key(|(connection, _)| connection.opened) else {
            let open = usable.count();
            return if open < self.limit || self.opening.borrow().is_some() {
                Ok(None)
            } else {
                Err(UpstreamError::Shed)
            };
        };
        let aged = now >= *retires;
        for (older, retires) in connections.iter() {
            if now >= *retires && !Rc::ptr_eq(older, connection) && older.is_usable(now) {
                self.learned.count(UpstreamEvent::ClosedAge);
                older.drain();
            }
        }
        let connection = Rc::clone(connection);
        drop(connections);
        if aged && self.opening.borrow().is_none() {
            // It goes on serving until its successor is there.
            self.start_opening();
        }
        Ok(Some(connection))
    }

    /// A connection that was opened for this query, or that is being opened for others.
    async fn open(self: &Rc<Self>) -> Result<Rc<Connection>, UpstreamError> {
        let running = self.opening.borrow().clone();
        let opening = running.unwrap_or_else(|| self.start_opening());
        loop {
            if let Some(outcome) = &*opening.outcome.borrow() {
                return outcome.clone();
            }
            opening.done.notified().await;
        }
    }

    /// A connection for a query whose own has died: one that was opened since, or else a fresh one.
    async fn open_or_pick(self: &Rc<Self>) -> Result<Rc<Connection>, UpstreamError> {
        let now = clock::now();
        match self.pick(now)? {
            Some(connection) if connection.quiet_for(now) < QUIET => Ok(connection),
            _ => self.open().await,
        }
    }

    /// Begins to open a connection in a task of its own, so that it is finished even if the query that wanted it is not.
    fn start_opening(self: &Rc<Self>) -> Rc<Opening> {
        let opening = Rc::new(Opening::default());
        *self.opening.borrow_mut() = Some(Rc::clone(&opening));
        let (server, promise) = (Rc::clone(self), Rc::clone(&opening));
        spawn_local(async move {
            let outcome = timeout(server.timeout, server.connect()).await.unwrap_or(Err(UpstreamError::Timeout));
            if outcome.is_ok() {
                server.learned.reached();
            }
            if let Err(error) = outcome {
                server.learned.unreachable(error);
                let authentication = matches!(error, UpstreamError::Authentication(_));
                server.learned.count(if authentication {
                    UpstreamEvent::AuthenticationFailed
                } else {
                    UpstreamEvent::ConnectFailed
                });
            }
            *server.opening.borrow_mut() = None;
            *promise.outcome.borrow_mut() = Some(outcome);
            promise.done.notify_waiters();
        });
        opening
    }

    /// Begins to open a connection if none is open and none is being opened; [`Learned`] is told how it went.
    pub(super) fn warm(self: &Rc<Self>) {
        if !self.connections.borrow().iter().any(|(connection, _)| connection.is_open())
            && self.opening.borrow().is_none()
        {
            self.start_opening();
        }
    }

    /// Opens a connection and starts its driver.
    async fn connect(self: &Rc<Self>) -> Result<Rc<Connection>, UpstreamError> {
        let stream = self.dial.dial(self.server.address).await.map_err(|error| UpstreamError::from(&error))?;
        let Some((connector, name)) = &self.tls else { return Ok(self.adopt(stream)) };
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| tls::classify(&error))?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        self.learned.count(if resumed { UpstreamEvent::HandshakeResumed } else { UpstreamEvent::HandshakeFull });
        Ok(self.adopt(stream))
    }

    /// Takes a stream into the pool.
    fn adopt(self: &Rc<Self>, stream: impl Carrier + 'static) -> Rc<Connection> {
        let (mask, jitter) = {
            let mut random = random::rng();
            (random.random::<u16>(), random.random_range(0.8..1.2))
        };
        let connection = Rc::new(Connection::new(self.terms, mask, Rc::clone(&self.learned)));
        self.learned.connection_opened();
        spawn_local(Driver::new(Rc::clone(&connection), stream).run());
        self.connections.borrow_mut().push((Rc::clone(&connection), connection.opened + self.max_age.mul_f32(jitter)));
        connection
    }

    /// Waits for a reply on a connection that has been quiet. If it stays quiet, the query also takes a fresh one.
    async fn watch(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        mut reply: Reply,
        query: &Rc<Outgoing>,
    ) -> Result<Vec<u8>, UpstreamError> {
        let quiet = connection.quiet_for(clock::now());
        if let Ok(outcome) = timeout(self.learned.suspicion(), &mut reply).await {
            return outcome;
        }
        let still_quiet = |connection: &Connection| connection.quiet_for(clock::now()) >= quiet;
        if !still_quiet(connection) {
            return reply.await;
        }
        // Nobody else shall go into the same trap.
        connection.drain();
        let second = async {
            let fresh = self.open_or_pick().await?;
            fresh.send(query)?.await
        };
        tokio::select! {
            biased;
            outcome = &mut reply => match outcome {
                Err(UpstreamError::Closed) => {
                    self.learned.count(UpstreamEvent::Retried);
                    self.open_or_pick().await?.send(query)?.await
                }
                other => other,
            },
            outcome = second => {
                if outcome.is_err() {
                    return reply.await;
                }
                if still_quiet(connection) && connection.is_open() {
                    // Dead without a word: next time we are the first to close.
                    self.learned.forgets_after(quiet);
                    self.learned.count(UpstreamEvent::ClosedSilent);
                    connection.close();
                }
                outcome
            }
        }
    }

    /// Stops using connections on which queries wait and nothing has come for `limit`; whether there were any.
    pub(super) fn abandon_quiet(&self, limit: Duration) -> bool {
        let now = clock::now();
        let connections = self.connections.borrow();
        let stuck = |connection: &Connection| {
            connection.is_usable(now) && connection.awaited() > 0 && connection.quiet_for(now) >= limit
        };
        let stuck = connections.iter().filter(|(connection, _)| stuck(connection));
        stuck
            .map(|(connection, _)| {
                self.learned.count(UpstreamEvent::ClosedSilent);
                connection.drain();
            })
            .count()
            > 0
    }

    /// The server said how long connections may be unused, in units of 100 ms (RFC 7828 section 3.1). Zero asks to close now (section 3.4).
    pub(super) fn told(&self, keepalive: u16) {
        self.learned.told(keepalive);
        for (connection, _) in &*self.connections.borrow() {
            if keepalive == 0 {
                connection.drain();
            } else {
                connection.wake_driver();
            }
        }
    }

    /// What is known of the server.
    pub(super) fn learned(&self) -> &Rc<Learned> {
        &self.learned
    }
}

impl std::fmt::Debug for StreamServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamServer")
            .field("server", &self.server.address)
            .field("connections", &self.connections.borrow().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
