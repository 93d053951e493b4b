//! A DNS server that does what a test tells it, query by query, and counts what it sees.
//!
//! It runs on a thread of its own with an event loop of its own, so tests stay plain functions. It speaks UDP, TCP and TLS;
//! UDP and TCP share a port. A test's handler maps a query to an [`Action`]: an answer now or behind a [`Gate`], none at all,
//! or the end of the connection.

mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::{broadcast, oneshot, watch};

use super::certificate::{Authority, Certificate};
use super::compose::Compose;
use super::wait_until;
use super::wire::Message;

/// The name that TLS upstreams of tests are known by.
pub(crate) const NAME: &str = "dns.nodens.example";

/// A running server; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The one port of all its transports.
    pub(crate) address: SocketAddr,
    /// `tls`, `tcp`, `udp` or `auto`.
    scheme: &'static str,
    /// The authority's certificate, for TLS.
    ca: Option<PathBuf>,
    /// What it saw.
    state: Arc<State>,
    /// Stops the thread when dropped.
    stop: Option<oneshot::Sender<()>>,
    /// The thread.
    thread: Option<JoinHandle<()>>,
}

/// A server in the making.
#[derive(Debug)]
pub(crate) struct Builder {
    /// `tls`, `tcp`, `udp` or `auto`.
    scheme: &'static str,
    /// Where it listens; port 0 is any.
    address: SocketAddr,
    /// The certificate, for TLS.
    tls: Option<Arc<ServerConfig>>,
    /// The authority's certificate, for TLS.
    ca: Option<PathBuf>,
    /// When a connection that brings no query ends, and how.
    idle: Option<(Duration, Close)>,
    /// Whether TLS handshakes are never answered.
    mute_handshake: bool,
    /// Whether connections are refused.
    datagrams_only: bool,
}

/// What happens to a query.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// These messages go back, in this order and at once.
    Answer(Vec<Vec<u8>>),
    /// This message goes back once the gate opens.
    After(Gate, Vec<u8>),
    /// This message goes back after so long.
    Later(Duration, Vec<u8>),
    /// Nothing goes back.
    Ignore,
    /// The connection ends; over UDP the same as [`Action::Ignore`].
    End(Close),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    /// An orderly end: over TLS close_notify, then FIN.
    Finish,
    /// RST.
    Reset,
    /// No end at all: nothing is read or written any more.
    Silence,
}

/// Holds answers back until a test opens it.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

/// Cuts a server off and brings it back: while it is off, queries are lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut(Arc<AtomicBool>);

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// A datagram.
    Udp,
    /// A plain stream.
    Tcp,
    /// An encrypted stream.
    Tls,
}

/// A query as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The message.
    pub(crate) message: Message,
    /// How it came.
    pub(crate) via: Via,
    /// The connection it came on, counted from 0; 0 over UDP.
    pub(crate) connection: usize,
    /// The port it came from.
    pub(crate) port: u16,
}

/// What a server counts.
#[derive(Debug)]
pub(crate) struct State {
    /// Every query in its order.
    seen: Mutex<Vec<Query>>,
    /// Connections accepted.
    pub(crate) connections: AtomicUsize,
    /// Connections open now.
    pub(crate) open: AtomicUsize,
    /// Most connections open at a time.
    pub(crate) peak: AtomicUsize,
    /// Connections that ended or fell silent on a test's order.
    pub(crate) ended: AtomicUsize,
    /// Connections that the daemon closed or broke.
    pub(crate) closed_by_peer: AtomicUsize,
    /// Handshakes completed.
    pub(crate) handshakes: AtomicUsize,
    /// Of these, resumed.
    pub(crate) resumed: AtomicUsize,
    /// Handshakes that failed.
    pub(crate) handshake_failures: AtomicUsize,
    /// Connections to the TLS port that began with something else than a handshake.
    pub(crate) plain_text: AtomicUsize,
    /// Server name and protocol of each handshake.
    pub(crate) hellos: Mutex<Vec<(Option<String>, Option<String>)>>,
    /// Orders to all connections.
    orders: broadcast::Sender<Close>,
}

impl Default for State {
    fn default() -> Self {
        let zero = AtomicUsize::default;
        Self {
            seen: Mutex::default(),
            connections: zero(),
            open: zero(),
            peak: zero(),
            ended: zero(),
            closed_by_peer: zero(),
            handshakes: zero(),
            resumed: zero(),
            handshake_failures: zero(),
            plain_text: zero(),
            hellos: Mutex::default(),
            orders: broadcast::channel(16).0,
        }
    }
}

/// A test's answer to each query.
trait Handle: Fn(&Query) -> Action + Send + Sync + 'static {}
impl<F: Fn(&Query) -> Action + Send + Sync + 'static> Handle for F {}

impl Builder {
    /// A server of this scheme.
    fn new(scheme: &'static str) -> Self {
        let address = ([127, 0, 0, 1], 0).into();
        Self { scheme, address, tls: None, ca: None, idle: None, mute_handshake: false, datagrams_only: false }
    }

    /// Ends connections that bring no query for `after`.
    pub(crate) fn end_idle(mut self, after: Duration, how: Close) -> Self {
        self.idle = Some((after, how));
        self
    }

    /// Listens on another address.
    pub(crate) fn on(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Accepts connections but never answers a handshake.
    pub(crate) fn mute_handshake(mut self) -> Self {
        self.mute_handshake = true;
        self
    }

    /// Refuses connections.
    pub(crate) fn datagrams_only(mut self) -> Self {
        self.datagrams_only = true;
        self
    }

    /// Starts the server; `handler` decides about each query.
    pub(crate) fn serve<A: Into<Action>>(self, handler: impl Fn(&Query) -> A + Send + Sync + 'static) -> Upstream {
        let state = Arc::new(State::default());
        let (stop, stopped) = oneshot::channel();
        let (started, address) = std::sync::mpsc::channel();
        let (scheme, ca, shared) = (self.scheme, self.ca.clone(), Arc::clone(&state));
        let handler = move |query: &Query| handler(query).into();
        let thread = std::thread::spawn(move || serve::run(&self, handler, &shared, &started, stopped));
        let address = address.recv().expect("the server finds a port");
        Upstream { address, scheme, ca, state, stop: Some(stop), thread: Some(thread) }
    }
}

impl Upstream {
    /// A server over UDP, and over TCP on the same port.
    pub(crate) fn udp() -> Builder {
        Builder::new("udp")
    }

    /// The same, to be configured as `auto`.
    pub(crate) fn auto() -> Builder {
        Builder::new("auto")
    }

    /// A server over TCP.
    pub(crate) fn tcp() -> Builder {
        Builder::new("tcp")
    }

    /// A server over TLS, known by [`NAME`].
    pub(crate) fn tls(authority: &Authority) -> Builder {
        Self::tls_as(authority, &authority.certificate(&[NAME]))
    }

    /// A server over TLS with this certificate; the daemon is told to trust `authority`.
    pub(crate) fn tls_as(authority: &Authority, certificate: &Certificate) -> Builder {
        Self::tls_with(authority, certificate.server())
    }

    /// A server over TLS with these settings.
    pub(crate) fn tls_with(authority: &Authority, settings: Arc<ServerConfig>) -> Builder {
        Builder { tls: Some(settings), ca: Some(authority.file().to_owned()), ..Builder::new("tls") }
    }

    /// How the configuration names it.
    pub(crate) fn url(&self) -> String {
        let name = if self.scheme == "tls" { format!("#{NAME}") } else { String::new() };
        format!("{}://{}{name}", self.scheme, self.address)
    }

    /// What else the configuration needs.
    pub(crate) fn extra(&self) -> String {
        self.ca.as_ref().map(|file| format!("ca = {file:?}")).unwrap_or_default()
    }

    /// What it counted.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Every query so far.
    pub(crate) fn seen(&self) -> Vec<Query> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Number of queries so far.
    pub(crate) fn queries(&self) -> usize {
        self.state.seen.lock().unwrap().len()
    }

    /// Number of queries for `name` (lower-case) so far.
    pub(crate) fn queries_for(&self, name: &str) -> usize {
        self.state.seen.lock().unwrap().iter().filter(|query| query.name() == name).count()
    }

    /// Waits until it has seen `count` queries.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        wait_until(&format!("{count} queries at the upstream"), || self.queries() >= count);
    }

    /// Number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Ends all open connections and waits until they have ended.
    #[track_caller]
    pub(crate) fn end_all(&self, how: Close) {
        let before = self.state.ended.load(Ordering::SeqCst);
        let count = self.state.orders.send(how).unwrap_or(0);
        wait_until("all connections end", || self.state.ended.load(Ordering::SeqCst) >= before + count);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().expect("taken only here").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the upstream's handler panicked");
    }
}

impl Query {
    /// QNAME in lower case.
    pub(crate) fn name(&self) -> String {
        self.message.questions.first().map(|question| question.name.to_ascii_lowercase()).unwrap_or_default()
    }

    /// QTYPE.
    pub(crate) fn kind(&self) -> u16 {
        self.message.questions.first().map_or(0, |question| question.kind)
    }

    /// An answer in the making.
    pub(crate) fn answer(&self) -> Compose {
        Compose::to(&self.message)
    }
}

impl Gate {
    /// A closed gate.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::channel(false).0))
    }

    /// Lets all answers through, those to come as well.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    /// This answer once the gate is open.
    pub(crate) fn hold(&self, answer: &Compose) -> Action {
        Action::After(self.clone(), answer.bytes())
    }

    /// Waits until it is open.
    async fn passed(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl Cut {
    /// From now on nothing comes back.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// From now on all is well.
    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    /// This answer, unless the server is cut off.
    pub(crate) fn pass(&self, answer: &Compose) -> Action {
        if self.0.load(Ordering::SeqCst) { Action::Ignore } else { Action::Answer(vec![answer.bytes()]) }
    }
}

impl From<Compose> for Action {
    fn from(answer: Compose) -> Self {
        Self::Answer(vec![answer.bytes()])
    }
}

impl From<Vec<Compose>> for Action {
    fn from(answers: Vec<Compose>) -> Self {
        Self::Answer(answers.iter().map(Compose::bytes).collect())
    }
}

/// A handler that answers every query with one A record.
pub(crate) fn one_address(query: &Query) -> Compose {
    query.answer().addresses(300, &[[192, 0, 2, 1]])
}
