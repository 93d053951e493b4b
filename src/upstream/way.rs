//! One server by all ways that lead to it, and one try of a query at it.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::timeout;

use crate::config::Server;
use crate::metrics::UpstreamEvent;
use crate::sys::clock::{self, Moment};
use crate::wire::header::{self, COUNTS, HEADER, flag, rcode};
use crate::wire::message::Outgoing;
use crate::wire::u16_at;

use super::error::UpstreamError;
use super::health;
use super::learned::Learned;
use super::plain::PlainServer;
use super::stream::StreamServer;

/// How long a server that did not understand EDNS is asked without it, before it is tried again: it may have been replaced. A guess.
const PLAIN_TIME: Duration = Duration::from_secs(300);

/// An answer, and what its way says about it.
pub struct Response {
    /// The whole message.
    pub bytes: Vec<u8>,
    /// Whether it came from a server that proved who it is, over an encrypted connection.
    pub authenticated: bool,
    /// Tries that were made until it came, this one included; see [`Failed::tries`](super::exchange::Failed::tries).
    pub tries: u8,
    /// Servers that were asked.
    pub servers: u8,
    /// Who sent it.
    from: Rc<StreamServer>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("length", &self.bytes.len())
            .field("authenticated", &self.authenticated)
            .field("tries", &self.tries)
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// Whether the server says that it could not or would not help.
    pub(super) fn is_poor(&self) -> bool {
        let code = header::flags(&self.bytes) & flag::RCODE;
        !matches!(code, rcode::NOERROR | rcode::NXDOMAIN)
    }

    /// The same after so many tries at so many servers.
    pub(super) fn after(mut self, tries: u8, servers: u8) -> Self {
        (self.tries, self.servers) = (tries, servers);
        self
    }

    /// The server said how long its connections may be unused, in units of 100 ms (RFC 7828).
    pub fn keepalive(&self, told: u16) {
        self.from.told(told);
    }
}

/// A question that may be tried at several servers.
pub(super) struct Inquiry {
    /// What is asked.
    pub(super) query: Rc<Outgoing>,
    /// See [`health::domain`].
    domain: u64,
    /// When it was asked first.
    asked: Moment,
    /// Whether a server has answered it.
    pub(super) answered: Cell<bool>,
}

/// What there is to know of a try while it is under way.
pub(super) struct Course {
    /// When its question was asked first.
    pub(super) asked: Moment,
    /// Whether the server has said something.
    pub(super) heard: Cell<bool>,
    /// How much time was spent on opening connections.
    pub(super) opening: Cell<Duration>,
}

impl Inquiry {
    /// A question that was not asked yet.
    pub(super) fn new(query: &Rc<Outgoing>) -> Rc<Self> {
        let domain = health::domain(query.as_bytes().get(HEADER..query.question_end()).unwrap_or_default());
        Rc::new(Self { query: Rc::clone(query), domain, asked: clock::now(), answered: Cell::default() })
    }
}

/// A try that is under way. It needs nobody who waits for it, so that a try that lost a race can be heard to its end.
pub(super) type Attempt = Pin<Box<dyn Future<Output = Result<Response, UpstreamError>>>>;

/// One server by all ways that lead to it.
pub(super) struct Way {
    /// The server.
    pub(super) server: Server,
    /// Datagrams, and streams where they are needed.
    pub(super) plain: Option<PlainServer>,
    /// Streams.
    pub(super) stream: Rc<StreamServer>,
    /// Whether an answer over the stream is from whom it should be.
    pub(super) authenticated: bool,
    /// Until when it is asked without EDNS.
    pub(super) plain_until: Cell<Moment>,
}

/// A query that is under way at a server, as long as it lives.
struct Departure<'a>(&'a Learned);

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        self.0.pace().is_over();
    }
}

impl Way {
    /// What is known of the server.
    pub(super) fn learned(&self) -> &Learned {
        self.stream.learned()
    }

    /// Counts an event at the server.
    pub(super) fn count(&self, event: UpstreamEvent) {
        self.learned().count(event);
    }

    /// Tries a question once, for as long as the caller lets it. What came of it after `patience` is held against the server or in its favour.
    pub(super) fn attempt(self: &Rc<Self>, inquiry: &Rc<Inquiry>, patience: Duration) -> Attempt {
        let (way, inquiry) = (Rc::clone(self), Rc::clone(inquiry));
        Box::pin(async move {
            let (learned, started) = (way.learned(), clock::now());
            let course = Course { asked: inquiry.asked, heard: Cell::default(), opening: Cell::default() };
            learned.pace().leaves(started);
            let _departure = Departure(learned);
            let mut answer = pin!(way.ask(&inquiry.query, &course));
            let took = || clock::now().since(started);
            let failed = |error| {
                if course.heard.get() {
                    learned.heard();
                } else {
                    learned.failed(took(), error, inquiry.domain, inquiry.answered.get());
                }
            };
            match timeout(patience, answer.as_mut()).await {
                Ok(Ok(response)) => {
                    learned.answered(took(), course.opening.get(), !response.is_poor(), inquiry.domain);
                    Ok(response)
                }
                Ok(Err(error)) => {
                    failed(error);
                    Err(error)
                }
                Err(_) => {
                    way.count(UpstreamEvent::TryTimeout);
                    failed(UpstreamError::Timeout);
                    let outcome = answer.await;
                    match &outcome {
                        Ok(_) => learned.heard(),
                        // Silence was noted; what ends it is news only if it says more.
                        Err(error) if error.is_unreachable() => failed(*error),
                        Err(_) => {}
                    }
                    outcome
                }
            }
        })
    }

    /// Asks the server; once more without EDNS if it does not understand that (RFC 6891 section 7).
    async fn ask(&self, query: &Rc<Outgoing>, course: &Course) -> Result<Response, UpstreamError> {
        let started = clock::now();
        let plain = started < self.plain_until.get();
        let mut response = if plain {
            self.ask_once(&Rc::new(query.without_edns()), course).await?
        } else {
            self.ask_once(query, course).await?
        };
        let code = header::flags(&response.bytes) & flag::RCODE;
        // An answer to EDNS without an OPT record, and an error: the server is older than EDNS.
        let bare = u16_at(&response.bytes, COUNTS[3]) == Some(0);
        if matches!(code, rcode::FORMERR | rcode::NOTIMP) && bare && query.has_edns() && !plain {
            course.heard.set(true);
            self.count(UpstreamEvent::EdnsRefused);
            response = self.ask_once(&Rc::new(query.without_edns()), course).await?;
            if !response.is_poor() {
                self.plain_until.set(started + PLAIN_TIME);
            }
        }
        self.learned().exchanged(header::flags(&response.bytes) & flag::RCODE, clock::now().since(started));
        Ok(response)
    }

    /// Asks the server by UDP, or by its stream.
    async fn ask_once(&self, query: &Rc<Outgoing>, course: &Course) -> Result<Response, UpstreamError> {
        let response = |bytes, authenticated| Response {
            bytes,
            authenticated,
            tries: 1,
            servers: 1,
            from: Rc::clone(&self.stream),
        };
        if let Some(plain) = &self.plain {
            return Ok(response(plain.exchange(query, course).await?, false));
        }
        Ok(response(self.stream.exchange(query, &course.opening).await?, self.authenticated))
    }
}
