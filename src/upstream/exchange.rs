//! A group of servers: one question, as few tries as it takes.
//!
//! ```text
//! 0                 usual time × ~2        try-timeout                timeout
//! ├─ one server ────┼─ hedge: a second ────┼─ another, beside it ────┤ SERVFAIL
//! └─ it fails, or cannot help: another at once
//! ```
//!
//! Which server is asked is [`select`](super::select)'s choice, whether it is up [`health`](super::health)'s. The first good answer
//! wins. A server that takes longer than `try-timeout` is not forgotten: the next is asked beside it. One that takes longer than 95 of 100 of
//! its answers is raced by a second server (a hedge), unless the policy is `sequential`: who lists servers in an order means that the
//! second sees nothing while the first is well. When all servers are down, the two least bad are asked at once.
//!
//! # What a question may cost
//!
//! Two tries, hedge included, are free; each further one takes a token from a bucket that gets a tenth of a token a question. So servers
//! never get more than 2.1 queries a question, however many of them are listed and however badly they do; in good times it
//! is 1, and 1.05 with hedges. Not counted are what a try does inside (TCP after a truncated answer, a fresh connection for one that died
//! or fell silent), and one query a back-off to each server that is down.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::config::{Authentication, Policy, Server, Transport, Upstream};
use crate::metrics::{Event, UpstreamEvent, WorkerMetrics};
use crate::sys::clock::{self, Moment};
use crate::sys::random;
use crate::wire::message::Outgoing;

use super::address::Addresses;
use super::budget::Budget;
use super::dial::{Dial, Tcp};
use super::error::UpstreamError;
use super::learned::{Learned, Roster};
use super::plain::PlainServer;
use super::report::ServerReport;
use super::select::{Selector, Servers};
use super::stream::StreamServer;
use super::tls::TlsGroup;
use super::trial;
use super::udp::{UdpServer, UdpSettings};
use super::way::{Attempt, Inquiry, Response, Way};

/// Tries of a question that need no budget: RFC 9520 wants two before a failure is believed.
const FREE_TRIES: u8 = 2;

/// Hundredths of a further try that a question earns, and how many tries may be saved up.
const RETRIES: (u32, u32) = (10, 10);

/// Hundredths of a hedge that a question earns, and how many hedges may be saved up. At first there are none.
const HEDGES: (u32, u32) = (5, 10);

/// No answer is called slow before this: timers are not finer, and a race on one machine is won by chance.
const SOONEST_HEDGE: Duration = Duration::from_millis(5);

/// Tries that lost a race and are still listened to, a group. What is beyond is forgotten unjudged. A guess.
const LISTENERS: usize = 128;

/// By how much timers may be late.
pub(super) const GRAIN: Duration = Duration::from_millis(10);

/// Why a question has no answer, and what was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The last error.
    pub error: UpstreamError,
    /// Tries. One that waited in silence for twice `try-timeout` on a stream counts as two: to ask again would only have queued behind it.
    pub tries: u8,
    /// Servers that were asked.
    pub servers: u8,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (tries: {}, servers: {})", self.error, self.tries, self.servers)
    }
}

impl std::error::Error for Failed {}

/// A group of servers as one worker knows it.
pub struct Group {
    /// In the configured order.
    ways: Rc<[Rc<Way>]>,
    /// Chooses among them.
    selector: Selector,
    /// What they know together.
    roster: Rc<Roster>,
    /// Whether a slow answer is raced.
    hedging: bool,
    /// For hedges.
    hedges: Budget,
    /// For third and later tries.
    retries: Budget,
    /// Tries that lost a race and are still listened to.
    listeners: Rc<Cell<usize>>,
    /// When a question came last.
    demand: Rc<Cell<Moment>>,
    /// Whether [`trial::watch`] runs.
    watched: Rc<Cell<bool>>,
    /// For one query in all.
    timeout: Duration,
    /// Before the next server is asked as well.
    try_timeout: Duration,
    /// Where it is counted.
    metrics: Arc<WorkerMetrics>,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("servers", &self.ways.len())
            .field("up", &self.roster.up())
            .finish_non_exhaustive()
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
        let roster = Rc::new(Roster::new(&upstream.name, upstream.servers.len(), metrics));
        let way = |(offset, server): (usize, &Server)| {
            let index = first + offset;
            let addresses = Rc::new(Addresses::new(server));
            let datagrams = matches!(server.transport, Transport::Udp | Transport::Auto);
            let name = format!("{}://{}", server.transport.scheme(), server.address);
            let learned = Learned::new(Arc::clone(metrics), index, Rc::clone(connections));
            let learned = Rc::new(learned.in_group(&roster, name, !datagrams));
            let udp = datagrams.then(|| {
                UdpServer::new(Rc::clone(&addresses), UdpSettings::from(upstream), Arc::clone(metrics), index)
            });
            let stream = Rc::new(StreamServer::new(server, upstream, tls, addresses, Rc::clone(dial), learned));
            let patience = (server.transport == Transport::Auto).then_some([upstream.try_timeout, upstream.timeout]);
            Rc::new(Way {
                server: server.clone(),
                plain: udp.map(|udp| PlainServer::new(udp, Rc::clone(&stream), patience)),
                stream,
                authenticated: server.transport == Transport::Tls
                    && server.authentication != Some(Authentication::Nothing),
                plain_until: Cell::default(),
            })
        };
        Self {
            ways: upstream.servers.iter().enumerate().map(way).collect(),
            selector: Selector::new(upstream.policy),
            roster,
            hedging: upstream.policy != Policy::Sequential,
            hedges: Budget::new(HEDGES.0, HEDGES.1, 0),
            retries: Budget::new(RETRIES.0, RETRIES.1, RETRIES.1),
            listeners: Rc::default(),
            demand: Rc::default(),
            watched: Rc::default(),
            timeout: upstream.timeout,
            try_timeout: upstream.try_timeout,
            metrics: Arc::clone(metrics),
        }
    }

    /// Goes on with what `before` has found out about its servers, which are the same in whatever order; none of its connections is taken over.
    pub(crate) fn go_on_with(&self, before: &Self) {
        for way in &*self.ways {
            if let Some(known) = before.ways.iter().find(|known| known.server == way.server) {
                way.learned().go_on_with(known.learned());
            }
        }
    }

    /// Whether no server is up. Questions are asked nevertheless.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.roster.up() == 0
    }

    /// How often a server came up when none was.
    #[must_use]
    pub fn recoveries(&self) -> u64 {
        self.roster.recoveries()
    }

    /// What an operator is told of its servers, in the configured order.
    #[must_use]
    pub fn report(&self, now: Moment) -> Vec<ServerReport> {
        self.ways.iter().map(|way| way.learned().report(way.stream.open_connections(), now)).collect()
    }

    /// Whether what came of a question that failed is believed without asking again (RFC 9520): two servers were asked, or twice the only
    /// one there is, unless that has said itself that it cannot help.
    #[must_use]
    pub fn is_conclusive(&self, outcome: &Result<Response, Failed>) -> bool {
        let enough = u8::from(self.ways.len() > 1) + 1;
        match outcome {
            Ok(response) => response.servers >= enough,
            Err(failed) => failed.servers >= enough && failed.tries >= FREE_TRIES,
        }
    }

    /// Asks until one answers. Cancellation safe. `reads` tells whether a message can be read as an answer to the question; one that cannot is a
    /// try that failed, so that another server is asked.
    ///
    /// # Errors
    ///
    /// The error of the last server, when no server answered at all; an answer that says it could not help is an answer if there is no better.
    pub async fn exchange(&self, query: &Rc<Outgoing>, reads: &dyn Fn(&[u8]) -> bool) -> Result<Response, Failed> {
        self.hedges.earn();
        self.retries.earn();
        self.demand.set(clock::now());
        let mut question = Question {
            group: self,
            reads,
            inquiry: Inquiry::new(query),
            running: Vec::with_capacity(usize::from(FREE_TRIES)),
            asked: Servers::default(),
            again: Servers::default(),
            hedge: None,
            tries: 0,
            best: Err(UpstreamError::NoServer),
        };
        let hedge_after = question.ask_first();
        if self.roster.up() < self.ways.len() {
            trial::ask_those_down(&self.ways, question.asked, &question.inquiry, self.try_timeout);
        }
        let outcome = question.settle(hedge_after).await;
        if self.roster.up() < self.ways.len() {
            self.watch();
        }
        outcome
    }

    /// Looks after the servers that are down, unless somebody does so already.
    fn watch(&self) {
        if self.ways.iter().any(|way| way.learned().opens_at().is_some()) && !self.watched.replace(true) {
            let (ways, demand, watched) = (Rc::clone(&self.ways), Rc::clone(&self.demand), Rc::clone(&self.watched));
            spawn_local(async move {
                trial::watch(ways, || demand.get()).await;
                watched.set(false);
            });
        }
    }
}

//------ One question ------------------------------------------------------------------------------------------------

/// A try that is under way.
struct Try {
    /// Whom it asks.
    position: usize,
    /// When it began.
    started: Instant,
    /// The try.
    attempt: Attempt,
}

/// A question while it is asked.
struct Question<'a> {
    /// Whom it is asked.
    group: &'a Group,
    /// Whether a message can be read.
    reads: &'a dyn Fn(&[u8]) -> bool,
    /// What its tries share.
    inquiry: Rc<Inquiry>,
    /// Its tries.
    running: Vec<Try>,
    /// Servers that were asked.
    asked: Servers,
    /// Servers that were considered for a second time.
    again: Servers,
    /// The server that is asked because another was slow.
    hedge: Option<usize>,
    /// Tries that were made.
    tries: u8,
    /// The best that came so far: an answer that says it could not help, or the last error.
    best: Result<Response, UpstreamError>,
}

impl Question<'_> {
    /// Asks the first server, or the first two if all are down; after how long the answer is slow.
    fn ask_first(&mut self) -> Option<Duration> {
        let failing = self.group.is_failing();
        let position = self.ask_next(false)?;
        if failing {
            self.group.metrics.count(Event::AllDown);
            self.ask_next(false);
            return None;
        }
        let slow = self.group.ways[position].learned().pace().percentile_95()?.max(SOONEST_HEDGE);
        (self.group.hedging && slow < self.group.try_timeout && self.group.roster.up() > 1).then_some(slow)
    }

    /// Asks one more server, or one for a second time where that is allowed; which, or `None` if there is none or no budget for it.
    fn ask_next(&mut self, again: bool) -> Option<usize> {
        let other = self.choose(self.asked);
        let position = other.or_else(|| if again { self.choose_again() } else { None })?;
        let way = &self.group.ways[position];
        if self.tries >= FREE_TRIES && !self.group.retries.spend() {
            way.count(UpstreamEvent::RetryDenied);
            return None;
        }
        self.begin(position);
        Some(position)
    }

    /// Chooses a server that is not among these.
    fn choose(&self, asked: Servers) -> Option<usize> {
        let (ways, now) = (&self.group.ways, clock::now());
        let standing = |position: usize| ways[position].learned().standing(now);
        self.group.selector.choose(ways.len(), asked, standing, &mut random::rng())
    }

    /// Chooses a server for a second try, when all had their first. A poor answer is not asked for again: the server has spoken. To ask a
    /// stream again beside a query that still waits there would only be to wait twice, unless that stream is dead.
    fn choose_again(&mut self) -> Option<usize> {
        if self.best.is_ok() {
            return None;
        }
        let mut looked_at = self.again;
        while let Some(position) = self.choose(looked_at) {
            looked_at.insert(position);
            let waits = self.running.iter().find(|running| running.position == position);
            let Some(begun) = waits.map(|waits| waits.started) else {
                self.again.insert(position);
                return Some(position);
            };
            // The youngest tries have some time left.
            if begun.elapsed() >= self.group.try_timeout {
                self.again.insert(position);
                let way = &self.group.ways[position];
                if way.plain.is_some() || way.stream.abandon_quiet(self.group.try_timeout) {
                    return Some(position);
                }
                self.tries = self.tries.saturating_add(1);
            }
        }
        None
    }

    /// Begins a try.
    fn begin(&mut self, position: usize) {
        let attempt = self.group.ways[position].attempt(&self.inquiry, self.group.try_timeout);
        self.running.push(Try { position, started: Instant::now(), attempt });
        self.asked.insert(position);
        self.tries = self.tries.saturating_add(1);
    }

    /// Waits for an answer and asks on until there is one or the time is over.
    async fn settle(mut self, hedge_after: Option<Duration>) -> Result<Response, Failed> {
        let started = Instant::now();
        let deadline = started + self.group.timeout;
        let mut hedge_at = hedge_after.map(|after| started + after);
        let mut next_at = started + self.group.try_timeout;
        // Unless the fault is ours.
        let mut go_on = true;
        while !self.running.is_empty() {
            let wake = hedge_at.unwrap_or(next_at).min(deadline);
            let outcome = tokio::select! {
                biased;
                outcome = first_of(&mut self.running) => Some(outcome),
                () = sleep_until(wake) => None,
            };
            match outcome {
                Some((position, Ok(response))) if !response.is_poor() && (self.reads)(&response.bytes) => {
                    return Ok(self.won(position, response));
                }
                Some((_, outcome)) => {
                    // A good answer that got here cannot be read.
                    let outcome =
                        outcome.and_then(|answer| answer.is_poor().then_some(answer).ok_or(UpstreamError::Malformed));
                    go_on &= outcome.as_ref().err().is_none_or(|error| error.retry_elsewhere());
                    if self.best.is_err() {
                        self.best = outcome;
                    }
                    // What has just failed is not asked again beside one that may still answer.
                    let again = self.running.is_empty();
                    if !go_on || self.ask_next(again).is_none() {
                        continue;
                    }
                }
                None if wake >= deadline => break,
                None if hedge_at.is_some() => {
                    hedge_at = None;
                    if !self.ask_hedge() {
                        continue;
                    }
                }
                None if go_on => drop(self.ask_next(true)),
                None => {}
            }
            hedge_at = None;
            next_at = Instant::now() + self.group.try_timeout;
        }
        // Those who are still silent now were so until the end.
        if !self.running.is_empty() && self.best.is_err() {
            self.best = Err(UpstreamError::Timeout);
        }
        let (tries, servers) = (self.tries, self.asked.count());
        match self.best {
            Ok(response) => Ok(response.after(tries, servers)),
            Err(error) => Err(Failed { error, tries, servers }),
        }
    }

    /// Asks a second server because the first is slow, if one is up and there is a budget.
    fn ask_hedge(&mut self) -> bool {
        let up = |position: &usize| self.group.ways[*position].learned().is_up();
        let Some(position) = self.choose(self.asked).filter(up) else { return false };
        let way = &self.group.ways[position];
        if !self.group.hedges.spend() {
            way.count(UpstreamEvent::HedgeDenied);
            return false;
        }
        way.count(UpstreamEvent::HedgeSent);
        self.hedge = Some(position);
        self.begin(position);
        true
    }

    /// A server gave a good answer. Those that lost are held to account: a server that is always raced and never waited for would not be
    /// found to be dead.
    fn won(self, position: usize, response: Response) -> Response {
        self.inquiry.answered.set(true);
        if self.hedge == Some(position) {
            self.group.ways[position].count(UpstreamEvent::HedgeWon);
        }
        for Try { position, started, attempt } in self.running {
            let verdict = started + self.group.try_timeout;
            let (way, listeners) = (&self.group.ways[position], &self.group.listeners);
            if verdict <= Instant::now() {
                way.learned().outdone();
            } else if listeners.get() >= LISTENERS {
                way.count(UpstreamEvent::Unheard);
            } else {
                listeners.set(listeners.get() + 1);
                let listeners = Rc::clone(listeners);
                spawn_local(async move {
                    let _ = timeout_at(verdict + GRAIN, attempt).await;
                    listeners.set(listeners.get() - 1);
                });
            }
        }
        response.after(self.tries, self.asked.count())
    }
}

/// Waits for the first of the tries to end and takes it out.
async fn first_of(running: &mut Vec<Try>) -> (usize, Result<Response, UpstreamError>) {
    std::future::poll_fn(|context| {
        for index in 0..running.len() {
            if let Poll::Ready(outcome) = running[index].attempt.as_mut().poll(context) {
                return Poll::Ready((running.swap_remove(index).position, outcome));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests;
