//! What the daemon counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Detection, Top};

/// All figures that change. Counts are since the start of the process that answers, and only grow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Of nodens.
    pub version: String,
    /// How long the process that answers has been there.
    pub uptime_seconds: u64,
    /// When these were read, in seconds since 1970; rates are differences by it.
    pub time: f64,
    /// Queries answered, of all kinds, those that the daemon asks itself included (one a second and listener).
    pub queries: u64,
    /// Who answered them.
    pub answers: Sources,
    /// By response code.
    pub rcodes: BTreeMap<String, u64>,
    /// Times from reading a query to its answer.
    pub latency: Latency,
    /// What was turned away or cut short by a limit.
    pub shed: u64,
    /// Distinct questions that wait for an upstream.
    pub in_flight: u64,
    /// Clients that wait for them.
    pub waiting: u64,
    /// Clients that joined a question which was under way already.
    pub coalesced: u64,
    /// Popular answers that were asked for before they expired.
    pub prefetched: u64,
    /// Open TCP connections of clients.
    pub tcp_connections: u64,
    /// Open connections to upstreams.
    pub upstream_connections: u64,
    /// The kept answers.
    pub cache: CacheFigures,
    /// What was withheld.
    pub blocks: Blocks,
    /// Verdicts of DNSSEC.
    pub dnssec: BTreeMap<String, u64>,
    /// The servers that are asked.
    pub upstreams: Vec<Server>,
    /// The domains that are asked for most.
    pub top_names: Vec<Top>,
    /// The clients that ask most.
    pub top_clients: Vec<Top>,
    /// What was detected last, the newest first.
    pub detections: Vec<Detection>,
}

/// Queries by who answered them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Memory, with records.
    pub hits: u64,
    /// Memory, NXDOMAIN or no data; the node's own denials included.
    pub denials: u64,
    /// Memory, with what had expired.
    pub stale: u64,
    /// Memory, with the failure of a moment ago.
    pub failures: u64,
    /// A server, just now.
    pub forwarded: u64,
    /// The node's own names.
    pub local: u64,
    /// Nobody: refused, malformed, blocked, or an error made up here.
    pub policy: u64,
}

/// How long answers took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Upper bounds of the cells, in seconds; there is one cell more, for all above.
    pub bounds: Vec<f64>,
    /// Answers in each cell, not in those before.
    pub counts: Vec<u64>,
    /// All of it, in seconds.
    pub sum: f64,
}

/// The kept answers; each pair is positive ones, then negative ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheFigures {
    /// How many.
    pub entries: [u64; 2],
    /// Bytes they take.
    pub bytes: [u64; 2],
    /// Bytes they may take.
    pub capacity: [u64; 2],
    /// Pushed out for want of room.
    pub evictions: [u64; 2],
    /// Questions of which a failure is noted.
    pub failures: u64,
}

/// What was withheld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    /// Queries for names of the block list.
    pub names: u64,
    /// Queries refused because of who asked, how fast, or for which type.
    pub refused: u64,
    /// Answers with addresses that no public name may have, withheld.
    pub rebinding: u64,
    /// The same, passed on and reported.
    pub rebinding_reported: u64,
}

/// A server that is asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// Its group.
    pub group: String,
    /// `tls://1.1.1.1:853`.
    pub address: String,
    /// What it must prove: `name`, `pins`, `name+pins`, or `none`.
    pub authentication: String,
    /// Which server of the group is asked.
    pub policy: String,
    /// Whether it is asked like any other: `up`, `down`, or `mixed` where workers disagree.
    pub state: String,
    /// If it is down, in how many milliseconds it is tried again.
    pub retry_in_ms: Option<u64>,
    /// The smoothed time of an answer; none before the first.
    pub latency_ms: Option<f64>,
    /// The time within which 95 of 100 answers come, once there were enough.
    pub latency_95_ms: Option<f64>,
    /// Queries under way.
    pub in_flight: u64,
    /// Open connections.
    pub connections: u64,
    /// Exchanges that brought an answer.
    pub exchanges: u64,
    /// Queries that found a connection open.
    pub reused: u64,
    /// Queries that waited for one to be opened.
    pub opened: u64,
    /// Failures of all kinds.
    pub failures: u64,
    /// Failures by kind; those that never happened are left out.
    pub failures_by_kind: BTreeMap<String, u64>,
}
