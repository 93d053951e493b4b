//! A group of servers: which is asked, and which next when that one does not help.
//!
//! Servers are asked in the configured order. One that fails, or answers that it cannot help, passes the query on to the next at once; one that
//! takes longer than `try-timeout` is not forgotten: the next is asked beside it, and the first good answer wins. The whole ends
//! at `timeout`. (Choosing by latency, health and hedging goes where `Group::order` is.)

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::config::{Authentication, Server, Transport, Upstream};
use crate::metrics::{UpstreamEvent, WorkerMetrics};
use crate::sys::clock::{self, Moment};
use crate::wire::header::{self, COUNTS, flag, rcode};
use crate::wire::message::Outgoing;
use crate::wire::u16_at;

use super::dial::{Dial, Tcp};
use super::error::UpstreamError;
use super::learned::Learned;
use super::stream::StreamServer;
use super::tls::TlsGroup;
use super::udp::{UdpServer, UdpSettings};

/// Times the servers are gone through.
const ROUNDS: usize = 2;

/// How long a server that did not understand EDNS is asked without it, before it is tried again: it may have been replaced. A guess.
const PLAIN_TIME: Duration = Duration::from_secs(300);

/// An answer, and what its way says about it.
pub struct Response {
    /// The whole message.
    pub bytes: Vec<u8>,
    /// Whether it came from a server that proved who it is, over an encrypted connection.
    pub authenticated: bool,
    /// Who sent it.
    from: Rc<StreamServer>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("length", &self.bytes.len())
            .field("authenticated", &self.authenticated)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// Whether the server says that it could not or would not help.
    fn is_poor(&self) -> bool {
        let code = header::flags(&self.bytes) & flag::RCODE;
        !matches!(code, rcode::NOERROR | rcode::NXDOMAIN)
    }

    /// The server said how long its connections may be unused, in units of 100 ms (RFC 7828).
    pub fn keepalive(&self, told: u16) {
        self.from.told(told);
    }
}

/// One server by all ways that lead to it.
struct Way {
    /// How it is spoken to first.
    transport: Transport,
    /// Datagrams.
    udp: Option<UdpServer>,
    /// Streams.
    stream: Rc<StreamServer>,
    /// Whether an answer over the stream is from whom it should be.
    authenticated: bool,
    /// Until when it is asked without EDNS.
    plain_until: Cell<Moment>,
}

/// A group of servers as one worker knows it.
pub struct Group {
    /// In the configured order.
    ways: Vec<Way>,
    /// For one query in all.
    timeout: Duration,
    /// Before the next server is asked as well.
    try_timeout: Duration,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("servers", &self.ways.len()).finish_non_exhaustive()
    }
}

impl Group {
    /// A group of which nothing is known yet. `first` is the position of its first server in [`crate::metrics::Layout::upstreams`];
    /// `connections` counts the open connections of the worker.
    #[must_use]
    pub fn new(
        upstream: &Upstream,
        tls: Option<&TlsGroup>,
        metrics: &Arc<WorkerMetrics>,
        first: usize,
        connections: &Rc<Cell<u64>>,
    ) -> Self {
        Self::with_dial(upstream, tls, metrics, first, connections, &(Rc::new(Tcp) as Rc<dyn Dial>))
    }

    /// A group whose streams are opened by `dial`.
    pub(crate) fn with_dial(
        upstream: &Upstream,
        tls: Option<&TlsGroup>,
        metrics: &Arc<WorkerMetrics>,
        first: usize,
        connections: &Rc<Cell<u64>>,
        dial: &Rc<dyn Dial>,
    ) -> Self {
        let way = |(offset, server): (usize, &Server)| {
            let index = first + offset;
            let learned = Rc::new(Learned::new(Arc::clone(metrics), index, Rc::clone(connections)));
            let datagrams = matches!(server.transport, Transport::Udp | Transport::Auto);
            Way {
                transport: server.transport,
                udp: datagrams
                    .then(|| UdpServer::new(server.address, UdpSettings::from(upstream), Arc::clone(metrics), index)),
                stream: Rc::new(StreamServer::new(server, upstream, tls, Rc::clone(dial), learned)),
                authenticated: server.transport == Transport::Tls
                    && server.authentication != Some(Authentication::Nothing),
                plain_until: Cell::default(),
            }
        };
        Self {
            ways: upstream.servers.iter().enumerate().map(way).collect(),
            timeout: upstream.timeout,
            try_timeout: upstream.try_timeout,
        }
    }

    /// The servers to ask, in order.
    fn order(&self) -> impl Iterator<Item = &Way> {
        (0..ROUNDS).flat_map(|_| &self.ways)
    }

    /// Asks until one answers. Cancellation safe.
    ///
    /// # Errors
    ///
    /// The error of the last server, when no server answered at all; an answer that says it could not help is an answer if there is no better.
    pub async fn exchange(&self, query: &Rc<Outgoing>) -> Result<Response, UpstreamError> {
        let deadline = Instant::now() + self.timeout;
        let Some(way) = self.order().next() else { return Err(UpstreamError::NoServer) };
        let mut first = pin!(way.ask(query));
        let outcome = timeout_at(deadline.min(Instant::now() + self.try_timeout), first.as_mut()).await;
        let (running, done): (Vec<Try<'_>>, _) = match outcome {
            Ok(Ok(response)) if !response.is_poor() => return Ok(response),
            Ok(outcome) => (Vec::new(), Some(outcome)),
            Err(_) => {
                way.count(UpstreamEvent::TryTimeout);
                (vec![Box::new(first)], None)
            }
        };
        self.go_on(query, self.order().skip(1), running, done, deadline).await
    }

    /// Asks the next servers, beside those in `running`; `last` is what came of the one before.
    async fn go_on<'a>(
        &'a self,
        query: &'a Rc<Outgoing>,
        mut order: impl Iterator<Item = &'a Way>,
        mut running: Vec<Try<'a>>,
        last: Option<Result<Response, UpstreamError>>,
        deadline: Instant,
    ) -> Result<Response, UpstreamError> {
        let mut best = Err(UpstreamError::Timeout);
        let mut done = last;
        let mut asked = 1;
        loop {
            match done.take() {
                Some(Ok(response)) if !response.is_poor() => return Ok(response),
                // A poor answer is not asked for again: the server has spoken.
                Some(outcome) => {
                    let ours = matches!(&outcome, Err(error) if !error.retry_elsewhere());
                    if best.is_err() {
                        best = outcome;
                    }
                    if ours {
                        return best;
                    }
                }
                None => {}
            }
            // In the second round, asking a stream again beside a query that still waits there would only wait twice, unless that
            // stream is dead.
            let again =
                |way: &Way| running.is_empty() || way.udp.is_some() || way.stream.abandon_quiet(self.try_timeout);
            let next = order.next().filter(|way| asked < self.ways.len() || best.is_err() && again(way));
            asked += 1;
            match next {
                Some(way) => running.push(Box::new(Box::pin(way.ask(query)))),
                None if running.is_empty() => return best,
                None => {}
            }
            let patience = deadline.min(Instant::now() + self.try_timeout);
            tokio::select! {
                biased;
                outcome = first_of(&mut running) => done = Some(outcome),
                () = sleep_until(patience) => if patience >= deadline { return best },
            }
        }
    }
}

/// A try that is under way.
type Try<'a> = Box<dyn Future<Output = Result<Response, UpstreamError>> + Unpin + 'a>;

/// Waits for the first of the tries to end and takes it out.
async fn first_of(running: &mut Vec<Try<'_>>) -> Result<Response, UpstreamError> {
    std::future::poll_fn(|context| {
        for index in 0..running.len() {
            if let Poll::Ready(outcome) = Pin::new(&mut running[index]).poll(context) {
                drop(running.swap_remove(index));
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    })
    .await
}

impl Way {
    /// Counts an event at the server.
    fn count(&self, event: UpstreamEvent) {
        self.stream.learned().count(event);
    }

    /// Asks the server; once more without EDNS if it does not understand that (RFC 6891 section 7).
    async fn ask(&self, query: &Rc<Outgoing>) -> Result<Response, UpstreamError> {
        let started = clock::now();
        let plain = started < self.plain_until.get();
        let mut response =
            if plain { self.ask_once(&Rc::new(query.without_edns())).await? } else { self.ask_once(query).await? };
        let code = header::flags(&response.bytes) & flag::RCODE;
        // An answer to EDNS without an OPT record, and an error: the server is older than EDNS.
        let bare = u16_at(&response.bytes, COUNTS[3]) == Some(0);
        if matches!(code, rcode::FORMERR | rcode::NOTIMP) && bare && query.has_edns() && !plain {
            self.count(UpstreamEvent::EdnsRefused);
            response = self.ask_once(&Rc::new(query.without_edns())).await?;
            if !response.is_poor() {
                self.plain_until.set(started + PLAIN_TIME);
            }
        }
        let took = clock::now().since(started);
        let learned = self.stream.learned();
        learned.answered(took);
        learned.exchanged(header::flags(&response.bytes) & flag::RCODE, took);
        Ok(response)
    }

    /// Asks the server by UDP, then by TCP if the answer was truncated; or by its stream.
    async fn ask_once(&self, query: &Rc<Outgoing>) -> Result<Response, UpstreamError> {
        let from = Rc::clone(&self.stream);
        if let Some(udp) = &self.udp {
            let bytes = udp.exchange(query.as_bytes(), query.question_end(), clock::now()).await?;
            if header::flags(&bytes) & flag::TC == 0 {
                return Ok(Response { bytes, authenticated: false, from });
            }
            self.count(UpstreamEvent::TruncatedRetry);
            return match self.stream.exchange(query).await {
                Ok(bytes) => Ok(Response { bytes, authenticated: false, from }),
                // Half an answer, marked as such, is better than none where TCP is not allowed.
                Err(_) if self.transport == Transport::Auto => Ok(Response { bytes, authenticated: false, from }),
                Err(error) => Err(error),
            };
        }
        let bytes = self.stream.exchange(query).await?;
        Ok(Response { bytes, authenticated: self.authenticated, from })
    }
}
