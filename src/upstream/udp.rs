//! One query, one server, over UDP (step 6 of the flow).
//!
//! Answers are believed only if forging them is hard (RFC 5452): each query has a fresh socket with a random port, a random ID, and
//! random letter case in the name where the server repeats it (draft-vixie-dnsext-dns0x20), and a cookie where the server knows these
//! (RFC 7873). What does not match is counted and ignored, and the wait goes on: a forger must not be able to end it. But where more of that
//! comes than chance can explain, or what matches lacks the cookie or came in fragments, UDP is not trusted with the question:
//! [`UpstreamError::Mismatched`] tells the caller to ask over TCP, which cannot be forged without seeing it. A guess costs an attacker as much
//! as before; what he gets is 16 of them for a question, not as many as he can send.
//!
//! There is no time limit here, no second try and no change to TCP: the caller drops a wait that takes too long, and asks again over
//! TCP when an answer has TC set. Dropping leaves no socket, entry or task behind.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;

use self::alike::Alike;
use self::cookie::{Cookie, Jar};
use self::letters::{CaseEcho, HEADER, Query, restore_question};
use self::socket::{Doubt, Outcome, Socket};
use crate::config::Upstream;
use crate::metrics::{UpstreamEvent, WorkerMetrics};
use crate::sys::clock::{self, Moment};
use crate::sys::random;
use crate::upstream::address::Addresses;
use crate::upstream::error::UpstreamError;
use crate::wire::header::{self, COUNTS, flag, rcode};
use crate::wire::u16_at;

mod alike;
mod cookie;
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
    /// Whether queries carry cookies.
    pub cookies: bool,
}

impl From<&Upstream> for UdpSettings {
    fn from(upstream: &Upstream) -> Self {
        Self {
            sockets: upstream.udp_sockets,
            case_randomization: upstream.case_randomization,
            cookies: upstream.cookies,
        }
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
    /// Its cookies and ours.
    cookies: Jar,
    /// Which questions are under way how often.
    alike: Alike,
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
        let (cookies, alike) = (Jar::default(), Alike::default());
        Self { addresses, silent, settings, metrics, index, sockets, case, cookies, alike }
    }

    /// Asks the server and waits for its answer, for as long as the caller lets it.
    ///
    /// `query` is a whole message with ID 0 and a lower-case name; `question_end` is the offset after its only question. The answer
    /// is as the server sent it, except that its question is that of `query`, letter by letter. It may have TC set.
    ///
    /// Cancellation safe: dropping the future frees all it held.
    ///
    /// # Errors
    /// When the server cannot be reached, as far as ICMP tells; when no socket is to be had ([`UpstreamError::System`]); when
    /// all sockets carry as many queries as they may ([`UpstreamError::Shed`]); and when UDP is not to be trusted with this question
    /// ([`UpstreamError::Mismatched`]). Never because of what a single datagram holds that does not match.
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
        let Some(_place) = self.alike.enter(&query[HEADER..question_end]) else {
            return Err(self.doubt(UpstreamEvent::DoubtAlike));
        };
        let mut ours = Ours { address, query, question_end, now, cookies: self.settings.cookies };
        let answer = match self.ask_once(&ours).await? {
            Proven::Answer(answer) => answer,
            Proven::Puzzled(answer) => {
                ours.cookies = false;
                let Proven::Answer(second) = self.ask_once(&ours).await? else { return Ok(answer) };
                if !is_puzzled(&second) {
                    self.cookies.refused(address, now);
                    self.metrics.upstream(self.index, UpstreamEvent::CookiesGone);
                }
                second
            }
            // RFC 7873 section 5.3: "The client SHOULD retry the request using the new Server Cookie from the response."
            Proven::Refused => match self.ask_once(&ours).await? {
                Proven::Answer(answer) | Proven::Puzzled(answer) => answer,
                // Likewise: "If the reply to a retried request with a fresh Server Cookie is BADCOOKIE, the client SHOULD retry using TCP".
                Proven::Refused => return Err(self.doubt(UpstreamEvent::DoubtBadCookie)),
            },
        };
        Ok(answer)
    }

    /// Sends a query and waits for an answer that is right in every respect.
    async fn ask_once(&self, ours: &Ours<'_>) -> Result<Proven, UpstreamError> {
        let randomize = self.settings.case_randomization && self.case.get().is_expected(ours.now);
        let flight = self.depart(ours, randomize)?;
        match flight.outcome().await? {
            Outcome::Answer(answer) => {
                if flight.secret_case {
                    self.learn(CaseEcho::repeated);
                }
                self.prove(&flight, ours, answer)
            }
            Outcome::OtherCase => self.confirm(&flight, ours).await,
            Outcome::Doubt(doubt) => Err(self.doubt_of(doubt)),
        }
    }

    /// Asks once more, in lower case, after an answer that was right but for its letters: either the server does not repeat them,
    /// or a forger has met our port and ID. The first query stays on the way; if its right answer comes, the other was forged.
    async fn confirm(&self, first: &Flight<'_>, ours: &Ours<'_>) -> Result<Proven, UpstreamError> {
        self.metrics.upstream(self.index, UpstreamEvent::CaseNotEchoed);
        let second = self.depart(ours, false)?;
        loop {
            let (flight, outcome, learned): (_, _, fn(&mut CaseEcho, Moment)) = tokio::select! {
                biased;
                outcome = first.outcome() => (first, outcome?, |case, _| case.repeated()),
                outcome = second.outcome() => (&second, outcome?, CaseEcho::failed),
            };
            match outcome {
                Outcome::Answer(answer) => {
                    self.learn(|case| learned(case, ours.now));
                    return self.prove(flight, ours, answer);
                }
                Outcome::OtherCase => self.metrics.upstream(self.index, UpstreamEvent::Mismatched),
                Outcome::Doubt(doubt) => return Err(self.doubt_of(doubt)),
            }
        }
    }

    /// Looks at the cookie of an answer that is right in every other respect.
    fn prove(&self, flight: &Flight<'_>, ours: &Ours<'_>, answer: Vec<u8>) -> Result<Proven, UpstreamError> {
        let Some(sent) = &flight.cookie else { return Ok(Proven::Answer(answer)) };
        // A header and a question with TC set hold nothing to be believed; what they lead to does not come by UDP.
        if header::flags(&answer) & flag::TC != 0 && answer.len() == ours.question_end {
            return Ok(Proven::Answer(answer));
        }
        let count = |event| self.metrics.upstream(self.index, event);
        match self.cookies.judge(ours.address, sent, &answer, ours.question_end, ours.now) {
            cookie::Verdict::Absent if is_puzzled(&answer) => Ok(Proven::Puzzled(answer)),
            cookie::Verdict::Absent => Ok(Proven::Answer(answer)),
            cookie::Verdict::Right => {
                count(UpstreamEvent::CookieRight);
                Ok(Proven::Answer(answer))
            }
            cookie::Verdict::Refused => {
                count(UpstreamEvent::CookieRefused);
                Ok(Proven::Refused)
            }
            cookie::Verdict::Unproven => {
                if self.cookies.is_off(ours.address, ours.now) {
                    count(UpstreamEvent::CookiesGone);
                }
                Err(self.doubt(UpstreamEvent::DoubtCookie))
            }
        }
    }

    /// What a doubt about a socket means.
    fn doubt_of(&self, doubt: Doubt) -> UpstreamError {
        self.doubt(match doubt {
            Doubt::Mismatches => UpstreamEvent::DoubtMismatches,
            Doubt::Fragments => UpstreamEvent::DoubtFragments,
        })
    }

    /// Counts why UDP is not trusted with a question.
    fn doubt(&self, event: UpstreamEvent) -> UpstreamError {
        self.metrics.upstream(self.index, event);
        UpstreamError::Mismatched
    }

    /// Sends a query on a socket of its own, or on a shared one if there are as many as there may be.
    fn depart(&self, ours: &Ours<'_>, randomize: bool) -> Result<Flight<'_>, UpstreamError> {
        let mut random = random::rng();
        let socket = self.take_socket(ours.address)?;
        let id = socket.choose_id(&mut random);
        let mut query = Query::new(ours.query, ours.question_end, id, randomize, &mut random);
        let secret_case = query.has_secret_case();
        let wants_cookie = ours.cookies && ours.has_edns();
        let take = || self.cookies.take(ours.address, socket.local(), ours.now, &mut random);
        let cookie = wants_cookie.then(take).flatten();
        if let Some(cookie) = &cookie {
            query.add_cookie(cookie.octets());
        }
        socket.expect(id, query);
        let flight = Flight { server: self, socket, id, secret_case, cookie };
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

/// A question as it is asked at one address.
struct Ours<'a> {
    /// Which.
    address: SocketAddr,
    /// The whole message, with ID 0 and in lower case.
    query: &'a [u8],
    /// Where its question ends.
    question_end: usize,
    /// When it is asked.
    now: Moment,
    /// Whether it may carry a cookie.
    cookies: bool,
}

impl Ours<'_> {
    /// Whether there is an OPT record for a cookie.
    fn has_edns(&self) -> bool {
        self.query.len() > self.question_end
    }
}

/// What came of a query.
enum Proven {
    /// The answer.
    Answer(Vec<u8>),
    /// The server wants to see the cookie that it has just told us.
    Refused,
    /// This answer: it knows EDNS, and stumbles over something in the query. The cookie is the only thing that not everybody sends.
    Puzzled(Vec<u8>),
}

/// Whether an answer says that a query with EDNS was not understood, and yet has an OPT record itself.
fn is_puzzled(answer: &[u8]) -> bool {
    let code = header::flags(answer) & flag::RCODE;
    matches!(code, rcode::FORMERR | rcode::NOTIMP) && u16_at(answer, COUNTS[3]).is_some_and(|count| count > 0)
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
        self.server.cookies.silence(self.address, now);
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
    /// The cookie that it carries.
    cookie: Option<Cookie>,
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
