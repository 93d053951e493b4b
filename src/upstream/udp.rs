//! One query, one server, over UDP (step 6 of the flow).
//!
//! Answers are believed only if forging them is hard (RFC 5452): each query has a fresh socket with a random port, a random ID, and
//! random letter case in the name where the server repeats it (draft-vixie-dnsext-dns0x20). What does not match is counted and
//! ignored, and the wait goes on: a forger must not be able to end it.
//!
//! There is no time limit here, no second try and no change to TCP: the caller drops a wait that takes too long, and asks again over
//! TCP when an answer has TC set. Dropping leaves no socket, entry or task behind.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;

use self::letters::{CaseEcho, HEADER, Query, restore_question};
use self::socket::{Outcome, Socket};
use crate::config::Upstream;
use crate::metrics::{UpstreamEvent, WorkerMetrics};
use crate::sys::clock::{self, Moment};
use crate::sys::random;
use crate::upstream::address::Addresses;
use crate::upstream::error::UpstreamError;

mod letters;
#[doc(hidden)]
pub mod probe;
mod socket;

/// How long a query waits at least before its silence is held against the server's address.
const SILENCE: Duration = Duration::from_millis(500);

/// Silent queries in a row after which another address is used.
const SILENT_QUERIES: u32 = 2;

/// What the operator said about UDP to the servers of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpSettings {
    /// Most sockets open to one server from one worker; at least 1.
    pub sockets: usize,
    /// Whether queries carry random letter case.
    pub case_randomization: bool,
}

impl From<&Upstream> for UdpSettings {
    fn from(upstream: &Upstream) -> Self {
        Self { sockets: upstream.udp_sockets, case_randomization: upstream.case_randomization }
    }
}

/// One server as one worker speaks to it over UDP. Stays in its worker's thread.
pub struct UdpServer {
    /// Where it is.
    addresses: Rc<Addresses>,
    /// Queries in a row that got no answer from the address in use.
    silent: Cell<u32>,
    /// What the operator said.
    settings: UdpSettings,
    /// Where events are counted.
    metrics: Arc<WorkerMetrics>,
    /// Position of the server in [`crate::metrics::Layout::upstreams`].
    index: usize,
    /// Sockets with at least one query waiting. Invariant: at most `settings.sockets`, or 1 if that is 0.
    sockets: RefCell<Vec<Rc<Socket>>>,
    /// Whether it repeats letter case.
    case: Cell<CaseEcho>,
}

impl UdpServer {
    /// A server of which nothing is known yet; no socket is opened.
    pub(super) fn new(
        addresses: Rc<Addresses>,
        settings: UdpSettings,
        metrics: Arc<WorkerMetrics>,
        index: usize,
    ) -> Self {
        let (silent, sockets, case) = (Cell::default(), RefCell::default(), Cell::default());
        Self { addresses, silent, settings, metrics, index, sockets, case }
    }

    /// Asks the server and waits for its answer, for as long as the caller lets it.
    ///
    /// `query` is a whole message with ID 0 and a lower-case name; `question_end` is the offset after its only question. The answer
    /// is as the server sent it, except that its question is that of `query`, letter by letter. It may have TC set.
    ///
    /// Cancellation safe: dropping the future frees all it held.
    ///
    /// # Errors
    /// When the server cannot be reached, as far as ICMP tells; when no socket is to be had ([`UpstreamError::System`]); and when
    /// all sockets carry as many queries as they may ([`UpstreamError::Shed`]). Never because of what a datagram holds.
    pub async fn exchange(&self, query: &[u8], question_end: usize, now: Moment) -> Result<Vec<u8>, UpstreamError> {
        debug_assert!(Query::is_sound(query, question_end), "the caller makes queries with one question");
        if !Query::is_sound(query, question_end) {
            return Err(UpstreamError::System(libc::EINVAL));
        }
        let address = self.addresses.first(now);
        let attempt = Attempt { server: self, address, started: now, is_over: Cell::new(false) };
        let outcome = self.ask(address, query, question_end, now).await;
        attempt.ended(&outcome);
        let mut answer = outcome?;
        restore_question(&mut answer, &query[HEADER..question_end]);
        Ok(answer)
    }

    /// Asks one address.
    async fn ask(
        &self,
        address: SocketAddr,
        query: &[u8],
        question_end: usize,
        now: Moment,
    ) -> Result<Vec<u8>, UpstreamError> {
        #[cfg(test)]
        if let Some(answer) = crate::upstream::dial::simulated(|network| network.ask(address, query)) {
            return answer.await;
        }
        let randomize = self.settings.case_randomization && self.case.get().is_expected(now);
        let flight = self.depart(address, query, question_end, randomize)?;
        match flight.outcome().await? {
            Outcome::Answer(answer) => {
                if flight.secret_case {
                    self.learn(CaseEcho::repeated);
                }
                Ok(answer)
            }
            Outcome::OtherCase => self.confirm(&flight, address, query, question_end, now).await,
        }
    }

    /// Asks once more, in lower case, after an answer that was right but for its letters: either the server does not repeat them,
    /// or a forger has met our port and ID. The first query stays on the way; if its right answer comes, the other was forged.
    async fn confirm(
        &self,
        first: &Flight<'_>,
        address: SocketAddr,
        query: &[u8],
        question_end: usize,
        now: Moment,
    ) -> Result<Vec<u8>, UpstreamError> {
        self.metrics.upstream(self.index, UpstreamEvent::CaseNotEchoed);
        let second = self.depart(address, query, question_end, false)?;
        loop {
            let (outcome, learned): (_, fn(&mut CaseEcho, Moment)) = tokio::select! {
                biased;
                outcome = first.outcome() => (outcome?, |case, _| case.repeated()),
                outcome = second.outcome() => (outcome?, CaseEcho::failed),
            };
            match outcome {
                Outcome::Answer(answer) => {
                    self.learn(|case| learned(case, now));
                    return Ok(answer);
                }
                Outcome::OtherCase => self.metrics.upstream(self.index, UpstreamEvent::Mismatched),
            }
        }
    }

    /// Sends a query on a socket of its own, or on a shared one if there are as many as there may be.
    fn depart(
        &self,
        address: SocketAddr,
        query: &[u8],
        question_end: usize,
        randomize: bool,
    ) -> Result<Flight<'_>, UpstreamError> {
        let mut random = random::rng();
        let socket = self.take_socket(address)?;
        let id = socket.choose_id(&mut random);
        let query = Query::new(query, question_end, id, randomize, &mut random);
        let secret_case = query.has_secret_case();
        socket.expect(id, query);
        let flight = Flight { server: self, socket, id, secret_case };
        flight.socket.send(id)?;
        Ok(flight)
    }

    /// A fresh socket, or else one that has room; the caller lets a query wait there at once.
    fn take_socket(&self, address: SocketAddr) -> Result<Rc<Socket>, UpstreamError> {
        let mut random = random::rng();
        let mut sockets = self.sockets.borrow_mut();
        let mut failure = UpstreamError::Shed;
        if sockets.len() < self.settings.sockets.max(1) {
            match Socket::open(address, &mut random) {
                Ok(socket) => {
                    let socket = Rc::new(socket);
                    sockets.push(Rc::clone(&socket));
                    return Ok(socket);
                }
                Err(error) => failure = UpstreamError::from(&error),
            }
            // Out of descriptors or memory: as good as the bound. Anything else is about the server.
            if !matches!(failure, UpstreamError::System(_)) {
                return Err(failure);
            }
        }
        if sockets.is_empty() {
            return Err(failure);
        }
        // Whichever it is must not be predictable, so the search for room starts anywhere.
        let (before, after) = sockets.split_at(random.random_range(0..sockets.len()));
        let socket = after.iter().chain(before).find(|socket| !socket.is_full()).ok_or(failure)?;
        self.metrics.upstream(self.index, UpstreamEvent::SocketShared);
        Ok(Rc::clone(socket))
    }

    /// Notes what an answer showed about letter case.
    fn learn(&self, change: impl FnOnce(&mut CaseEcho)) {
        let mut case = self.case.get();
        change(&mut case);
        self.case.set(case);
    }
}

/// A query to one address of the server; dropping it before its end is a silence.
struct Attempt<'a> {
    /// Whose address it is.
    server: &'a UdpServer,
    /// Which.
    address: SocketAddr,
    /// When the query was sent.
    started: Moment,
    /// Whether something came.
    is_over: Cell<bool>,
}

impl Attempt<'_> {
    /// Something came: an answer, or word that there is no way to the address.
    fn ended(&self, outcome: &Result<Vec<u8>, UpstreamError>) {
        self.is_over.set(true);
        match outcome {
            Ok(_) => {
                self.server.silent.set(0);
                self.server.addresses.worked(self.address, self.started);
            }
            Err(UpstreamError::Connect(_)) => self.server.addresses.failed(self.address, self.started),
            Err(_) => {}
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let now = clock::now();
        if self.is_over.get() || now.since(self.started) < SILENCE {
            return;
        }
        let silent = self.server.silent.get() + 1;
        if silent < SILENT_QUERIES {
            self.server.silent.set(silent);
        } else {
            self.server.silent.set(0);
            self.server.addresses.failed(self.address, now);
        }
    }
}

/// A query on its way; dropping it ends the wait and closes the socket unless others wait on it.
struct Flight<'a> {
    /// Whom was asked.
    server: &'a UdpServer,
    /// On which socket.
    socket: Rc<Socket>,
    /// Under which ID.
    id: u16,
    /// Whether the answer must repeat our letters.
    secret_case: bool,
}

impl Flight<'_> {
    /// Waits for what comes back; may be called again after [`Outcome::OtherCase`].
    async fn outcome(&self) -> Result<Outcome, UpstreamError> {
        let mismatched = || self.server.metrics.upstream(self.server.index, UpstreamEvent::Mismatched);
        self.socket.outcome(self.id, &mismatched).await
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.socket.forget(self.id);
        if self.socket.is_idle() {
            self.server.sockets.borrow_mut().retain(|socket| !Rc::ptr_eq(socket, &self.socket));
        }
    }
}

#[cfg(test)]
mod tests;
