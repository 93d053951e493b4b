//! What is counted. Off the answer's path: a count is one load and one store of the worker's own memory.
//!
//! Each worker owns a [`WorkerMetrics`] and is the only one to write to it; a scrape reads all of them and adds up.
//! No label ever carries a query name or a client, so the number of series is fixed by the configuration.

use std::sync::Arc;
use std::time::Duration;

/// What the series are made of; known when the configuration is.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Listen addresses in the form "dns://169.254.20.10:53", in the order of worker sockets.
    pub servers: Vec<String>,
    /// Zones in the form "cluster.local.", in the order of [`crate::config::Config::zones`].
    pub zones: Vec<String>,
    /// Every server of every group: (group name, "tls://1.1.1.1:853"), numbered over all groups in their order.
    pub upstreams: Vec<(String, String)>,
}

/// The transport of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache, a positive answer.
    CacheSuccess,
    /// The cache, NXDOMAIN or NODATA.
    CacheDenial,
    /// An upstream, just now.
    Forward,
    /// The node's own zones.
    Local,
    /// Nobody: it was refused, malformed, or an error was made up here.
    Policy,
}

/// One answered query, as the counters see it.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Position in [`Layout::servers`].
    pub server: u16,
    /// Position in [`Layout::zones`].
    pub zone: u16,
    /// How it came.
    pub protocol: Protocol,
    /// QTYPE.
    pub qtype: u16,
    /// RCODE with the extended bits.
    pub rcode: u16,
    /// Whether the client set DO.
    pub dnssec_ok: bool,
    /// Who knew.
    pub source: Source,
    /// Bytes of the query.
    pub request_size: usize,
    /// Bytes of the answer.
    pub response_size: usize,
    /// From the read to the answer.
    pub duration: Duration,
}

/// The counters of one worker.
#[derive(Debug, Default)]
pub struct WorkerMetrics {}

impl WorkerMetrics {
    /// Counts an answered query.
    pub fn answered(&self, _answered: &Answered) {}

    /// Counts one of the plain events.
    pub fn count(&self, _event: Event) {}

    /// Counts an event at one upstream server, by its position in [`Layout::upstreams`].
    pub fn upstream(&self, _server: usize, _event: UpstreamEvent) {}

    /// Counts an exchange with one upstream server that brought an answer.
    pub fn exchanged(&self, _server: usize, _rcode: u16, _duration: Duration) {}

    /// Sets one of the plain gauges.
    pub fn set(&self, _gauge: Gauge, _value: u64) {}
}

/// Events without labels of their own; `nodens_*` in the exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A datagram shorter than a header; dropped.
    Garbage,
    /// A datagram or message with QR=1; dropped (RFC 1035 section 7.3; a reply to it could start a loop).
    UnexpectedResponse,
    /// A query that does not parse; answered FORMERR.
    Malformed,
    /// A source outside `listen.allow`; answered REFUSED.
    NotAllowed,
    /// A question shed because `limits.in-flight` was reached; answered REFUSED.
    ShedInFlight,
    /// A client shed because `limits.waiting` was reached; answered REFUSED.
    ShedWaiting,
    /// A client that joined an exchange which was already under way.
    Coalesced,
    /// A UDP answer that had to be truncated.
    Truncated,
    /// A UDP answer the kernel would not take (full buffer, unreachable client).
    SendFailed,
    /// A TCP connection accepted.
    TcpAccepted,
    /// A TCP connection closed at once because `limits.tcp-connections` was reached.
    TcpRefusedTotal,
    /// A TCP connection closed at once because `limits.tcp-connections-per-client` was reached.
    TcpRefusedClient,
    /// A TCP connection closed because it was silent for `listen.tcp-idle-timeout`.
    TcpIdleClosed,
    /// A TCP connection closed because the client did not take its answers.
    TcpSlowClosed,
    /// accept(2) failed, for want of descriptors or memory.
    AcceptFailed,
    /// An answer too large to be kept.
    NotCachedSize,
    /// A record of an upstream's answer that did not parse; it was dropped, the others passed.
    RecordDropped,
    /// A log line that the limiter held back.
    LogSuppressed,
}

/// Events at one upstream server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamEvent {
    /// A query sent on an open connection (`coredns_proxy_conn_cache_hits_total`).
    ConnectionReused,
    /// A query that had to wait for a new connection (`coredns_proxy_conn_cache_misses_total`).
    ConnectionOpened,
    /// A full TLS handshake completed.
    HandshakeFull,
    /// A resumed TLS handshake completed.
    HandshakeResumed,
    /// A connection or handshake failed.
    ConnectFailed,
    /// The certificate, name or pin was wrong.
    AuthenticationFailed,
    /// The peer closed an idle connection (FIN).
    ClosedIdleByPeer,
    /// We closed an idle connection first.
    ClosedIdleByUs,
    /// The peer reset a connection or broke it with queries in flight.
    ClosedBroken,
    /// We replaced a connection because of its age.
    ClosedAge,
    /// A connection was given up because nothing came back on it.
    ClosedSilent,
    /// A query was sent again because its reused connection died.
    Retried,
    /// A try took longer than `try-timeout`.
    TryTimeout,
    /// An answer with the wrong ID, question or address; ignored.
    Mismatched,
    /// A UDP answer was truncated and asked again over TCP.
    TruncatedRetry,
    /// The server does not echo letter case; randomisation is off for it.
    CaseNotEchoed,
    /// The server does not understand EDNS; asked again without.
    EdnsRefused,
    /// `udp-sockets` was reached; the query shared a socket.
    SocketShared,
}

/// Values that go up and down, one a worker; a scrape adds them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Distinct questions waiting for an upstream.
    InFlight,
    /// Clients waiting.
    Waiting,
    /// Open TCP connections of clients.
    TcpConnections,
    /// Open connections to upstreams.
    UpstreamConnections,
}

/// The counters of all workers, and how to read them.
#[derive(Debug)]
pub struct Metrics {}

impl Metrics {
    /// Counters for `workers` workers.
    #[must_use]
    pub fn new(_layout: &Layout, _workers: usize) -> Self {
        Self {}
    }

    /// The counters of one worker.
    #[must_use]
    pub fn worker(&self, _index: usize) -> Arc<WorkerMetrics> {
        Arc::default()
    }
}
