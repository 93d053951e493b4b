//! One server over TCP or TLS: which connection a query takes, and when a new one is opened.
//!
//! In normal times a worker has one connection to a server. It opens another when the first is full, aged, or does not answer any more;
//! never more than one at a time is being opened, however many queries wait for it ([`opening`](super::opening) tells of the exception). A query whose connection dies under it, when that had
//! been used before, is sent once more on a fresh one: servers close idle connections at any time, and the client must not notice (RFC 7766
//! section 6.2.4). A connection that has been quiet and stays so is suspected: the query also goes out on a fresh one, and the first answer wins.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::config::{Server, Transport, Upstream};
use crate::metrics::UpstreamEvent;
use crate::sys::clock::{self, Moment};
use crate::sys::random;
use crate::wire::message::Outgoing;

use super::address::Addresses;
use super::connection::{Connection, Reply, Terms};
use super::dial::Dial;
use super::driver::{Carrier, Driver};
use super::error::UpstreamError;
use super::learned::Learned;
use super::opening::{Opener, Pace, pause};
use super::order::Order;
use super::tls::TlsGroup;

/// A connection on which nothing has come for so long is watched when it is used.
const QUIET: Duration = Duration::from_secs(1);

/// How long it is believed that a server ends connections early: a cut or a restart may have looked like it.
const BELIEF: Duration = Duration::from_secs(600);

/// Times a query looks for a connection with room before it is shed.
const ATTEMPTS: usize = 3;

/// A server over streams.
pub(super) struct StreamServer {
    /// What opens streams to it.
    opener: Opener,
    /// How connections are used.
    terms: Terms,
    /// Most connections.
    limit: usize,
    /// How old a connection grows.
    max_age: Duration,
    /// When what is known of the server's idle time is forgotten.
    forgets: Cell<Moment>,
    /// Those that are open.
    connections: RefCell<Vec<(Rc<Connection>, Moment)>>,
    /// The one that is being opened.
    opening: RefCell<Option<Rc<Opening>>>,
    /// Wakes those who wait for a connection: one was opened or not, or an old one came to life again.
    change: Rc<Notify>,
    /// What is known of the order of its answers.
    order: Rc<Order>,
    /// What is known of the server.
    learned: Rc<Learned>,
}

/// How opening a connection went, once it is over.
type Opening = RefCell<Option<Result<Rc<Connection>, UpstreamError>>>;

impl StreamServer {
    /// A server to which nothing is open yet.
    pub(super) fn new(
        server: &Server,
        upstream: &Upstream,
        group: Option<&TlsGroup>,
        addresses: Rc<Addresses>,
        dial: Rc<dyn Dial>,
        learned: Rc<Learned>,
    ) -> Self {
        let encrypted = server.transport == Transport::Tls;
        let padding = if encrypted { upstream.padding } else { 0 };
        let tls = group.filter(|_| encrypted).map(|group| group.connector(server));
        let (pace, wanted, handshake) = (Pace::default(), Cell::default(), Cell::default());
        Self {
            opener: Opener { addresses, dial, tls, learned: Rc::clone(&learned), pace, wanted, handshake },
            terms: Terms { pipeline: upstream.pipeline, idle: upstream.idle_timeout, padding },
            limit: upstream.connections,
            max_age: upstream.max_age,
            forgets: Cell::default(),
            connections: RefCell::default(),
            opening: RefCell::default(),
            change: Rc::default(),
            order: Rc::default(),
            learned,
        }
    }

    /// Asks the server and waits for its answer, for as long as the caller lets it. Cancellation safe. Time that was spent until a connection
    /// was open is added to `opening`.
    pub(super) async fn exchange(
        self: &Rc<Self>,
        query: &Rc<Outgoing>,
        opening: &Cell<Duration>,
    ) -> Result<Vec<u8>, UpstreamError> {
        for _ in 0..ATTEMPTS {
            let now = clock::now();
            let (connection, waited) = match self.pick(now)? {
                Some(connection) if !self.is_hopeless(&connection, now) => (connection, false),
                _ => {
                    let opened = self.open().await?;
                    opening.set(opening.get() + clock::now().since(now));
                    (opened, true)
                }
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
                // What we have closed because it was silent is for the group to ask again, within its budget.
                Err(error) if used && !waited && has_died(error) && !connection.is_suspected() => {
                    self.learned.count(UpstreamEvent::Retried);
                    self.open_or_pick().await?.send(query)?.await
                }
                other => other,
            };
        }
        Err(UpstreamError::Shed)
    }

    /// Connections that are open.
    pub(super) fn open_connections(&self) -> usize {
        self.connections.borrow().iter().filter(|(connection, _)| connection.is_open()).count()
    }

    /// The connection a query takes now; `None` if one has to be opened.
    fn pick(self: &Rc<Self>, now: Moment) -> Result<Option<Rc<Connection>>, UpstreamError> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|(connection, _)| connection.is_open());
        let usable = connections.iter().filter(|(connection, _)| connection.is_usable(now));
        let open = usable.clone().count();
        let with_room = usable.filter(|(connection, _)| connection.has_room());
        let strict = self.order.is_strict();
        let chosen = if strict {
            with_room.min_by_key(|(one, _)| (one.is_blocked(now), one.in_flight(), Reverse(one.opened)))
        } else {
            // The youngest first, so that an aged one empties.
            with_room.max_by_key(|(connection, _)| connection.opened)
        };
        let may_open = open < self.limit || self.opening.borrow().is_some();
        let Some((connection, retires)) = chosen else {
            return if may_open { Ok(None) } else { Err(UpstreamError::Shed) };
        };
        if strict && may_open && connection.is_blocked(now) {
            return Ok(None);
        }
        let aged = now >= *retires;
        for (older, retires) in connections.iter() {
            if now >= *retires && !Rc::ptr_eq(older, connection) && older.is_usable(now) {
                older.drain(UpstreamEvent::ClosedAge);
            }
        }
        let connection = Rc::clone(connection);
        drop(connections);
        // An aged one goes on serving until its successor is there.
        if aged || strict && open < self.limit && connection.in_flight() > 0 {
            self.begin_opening(now);
        }
        Ok(Some(connection))
    }

    /// Whether a connection is as silent as the one before it. It is given up then, before one more query is sent on it in vain.
    fn is_hopeless(&self, connection: &Connection, now: Moment) -> bool {
        let hopeless = self.opener.tls.is_none()
            && self.learned.is_in_doubt()
            && connection.in_flight() > 0
            && connection.quiet_for(now) >= QUIET;
        if hopeless {
            connection.suspect();
        }
        hopeless
    }

    /// A connection that was opened for this query, or that is being opened for others.
    async fn open(self: &Rc<Self>) -> Result<Rc<Connection>, UpstreamError> {
        let now = clock::now();
        self.opener.wanted.set(now);
        let running = self.opening.borrow().clone();
        let opening = match running {
            Some(opening) => opening,
            None => self.start_opening(self.opener.pace.for_query(now, self.learned.others_are_up())?),
        };
        loop {
            self.change.notified().await;
            if let Some(outcome) = &*opening.borrow() {
                return outcome.clone();
            }
            if let Some(connection) = self.revived(clock::now()) {
                return Ok(connection);
            }
        }
    }

    /// A connection on which the server has just answered.
    fn revived(&self, now: Moment) -> Option<Rc<Connection>> {
        let is_alive = |one: &Connection| {
            one.is_usable(now) && one.has_room() && one.quiet_for(now) < QUIET && !one.is_blocked(now)
        };
        let connections = self.connections.borrow();
        connections.iter().map(|(connection, _)| connection).find(|connection| is_alive(connection)).cloned()
    }

    /// Begins to open a connection if none is open or being opened, and no attempt has failed lately; whether it did. No query waits for
    /// it: whether it succeeds tells whether the server is there ([`Learned::reached`]), and the next query finds it open.
    pub(super) fn warm(self: &Rc<Self>) -> bool {
        let now = clock::now();
        !self.connections.borrow().iter().any(|(connection, _)| connection.is_usable(now)) && self.begin_opening(now)
    }

    /// Begins to open a connection that no query waits for, unless one is being opened or an attempt has failed lately; whether it did.
    fn begin_opening(self: &Rc<Self>, now: Moment) -> bool {
        let begins = self.opening.borrow().is_none() && self.opener.pace.allows_probe(now);
        if begins {
            self.start_opening(Duration::ZERO);
        }
        begins
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
    fn start_opening(self: &Rc<Self>, rest: Duration) -> Rc<Opening> {
        let opening = Rc::<Opening>::default();
        *self.opening.borrow_mut() = Some(Rc::clone(&opening));
        let (server, promise) = (Rc::clone(self), Rc::clone(&opening));
        spawn_local(async move {
            pause(rest).await;
            let outcome = server.opener.open().await.map(|stream| server.adopt(stream));
            *server.opening.borrow_mut() = None;
            *promise.borrow_mut() = Some(outcome);
            server.change.notify_waiters();
        });
        opening
    }

    /// Takes a stream into the pool.
    fn adopt(self: &Rc<Self>, stream: Box<dyn Carrier>) -> Rc<Connection> {
        let (mask, jitter) = {
            let mut random = random::rng();
            (random.random::<u16>(), random.random_range(0.8..1.2))
        };
        let (change, learned, order) = (Rc::clone(&self.change), Rc::clone(&self.learned), Rc::clone(&self.order));
        let connection = Rc::new(Connection::new(self.terms, mask, change, learned, order));
        self.learned.connection_opened();
        if connection.opened >= self.forgets.get() {
            self.forgets.set(connection.opened + BELIEF);
            self.learned.forget_idle();
        }
        spawn_local(Driver::new(Rc::clone(&connection), stream).run());
        let mut connections = self.connections.borrow_mut();
        // Each of those that are kept beside it in case the server goes on may cost it as much as any other.
        let suspected = || connections.iter().map(|(connection, _)| connection).filter(|one| one.is_suspected());
        if suspected().count() > self.limit {
            suspected().min_by_key(|one| one.opened).into_iter().for_each(|oldest| oldest.close_silent());
        }
        connections.push((Rc::clone(&connection), connection.opened + self.max_age.mul_f32(jitter)));
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
        if !still_quiet(connection) || !self.learned.may_doubt() {
            return reply.await;
        }
        // Nobody else shall go into the same trap.
        connection.suspect();
        self.learned.doubted();
        let mut second = pin!(async {
            let fresh = self.open_or_pick().await?;
            fresh.send(query)?.await
        });
        tokio::select! {
            biased;
            outcome = &mut reply => match outcome {
                Err(error) if has_died(error) => {
                    self.learned.count(UpstreamEvent::Retried);
                    second.await
                }
                other => other,
            },
            outcome = &mut second => {
                if outcome.is_err() {
                    return reply.await;
                }
                if still_quiet(connection) && connection.is_open() {
                    // Dead without a word: next time we are the first to close.
                    self.learned.doubted_rightly();
                    self.learned.forgets_after(quiet);
                    connection.close_silent();
                }
                outcome
            }
        }
    }

    /// Stops using connections on which queries wait and nothing has come for `limit`; whether there were any.
    pub(super) fn abandon_quiet(&self, limit: Duration) -> bool {
        if !self.learned.may_doubt() {
            return false;
        }
        let now = clock::now();
        let connections = self.connections.borrow();
        let stuck = |connection: &Connection| {
            connection.is_usable(now) && connection.awaited() > 0 && connection.quiet_for(now) >= limit
        };
        let stuck = connections.iter().filter(|(connection, _)| stuck(connection));
        let any = stuck.map(|(connection, _)| connection.suspect()).count() > 0;
        if any {
            self.learned.doubted();
        }
        any
    }

    /// The server said how long connections may be unused, in units of 100 ms (RFC 7828 section 3.1). Zero asks to close now (section 3.4);
    /// it tells nothing of those to come.
    pub(super) fn told(&self, keepalive: u16) {
        if keepalive > 0 {
            self.learned.told(keepalive);
        }
        for (connection, _) in &*self.connections.borrow() {
            if keepalive == 0 {
                connection.drain(UpstreamEvent::ClosedTold);
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

/// Whether the error of a query means that its connection ended under it: closed, or its bytes never acknowledged.
fn has_died(error: UpstreamError) -> bool {
    matches!(error, UpstreamError::Closed | UpstreamError::Timeout)
}

impl std::fmt::Debug for StreamServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamServer")
            .field("server", &self.opener.addresses.first(clock::now()))
            .field("connections", &self.connections.borrow().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
