//! What is asked over the admin socket, and what is answered: one JSON object a line each way.
//!
//! A request is an object with `"command"` and what the command needs: `{"command":"explain","name":"www.example.org"}`. The answer is one
//! line, `{"ok":…}` or `{"error":"…"}`; to `cache-dump` it is many lines, a [`DumpLine`] each, the last of which is the end. The connection
//! stays open for more. The daemon, `nodens ctl` and `nodens top` use the same types, so that they cannot disagree. A field may be added to
//! an answer at any time; what is there keeps its name and its meaning.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The longest request, in bytes: far more than the longest name and all else that can be said.
pub const LONGEST_REQUEST: usize = 64 << 10;

/// The most of anything that a list in an answer holds if nothing is said, and at most: what a person looks at.
pub const USUAL_LIST: usize = 20;
/// As [`USUAL_LIST`].
pub const LONGEST_LIST: usize = 1_000;

/// What the error begins with of somebody who may not ask.
pub const FORBIDDEN: &str = "forbidden: ";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// The daemon and its configuration: a [`Status`].
    Status,
    /// All figures that change: a [`Stats`].
    Stats,
    /// The servers that are asked: a list of [`Server`].
    Upstreams,
    /// The kept answers and failures, of names below a suffix or all: many [`DumpLine`].
    CacheDump {
        /// The suffix.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suffix: Option<String>,
    },
    /// Forgets kept answers and failures: a [`Flushed`].
    CacheFlush {
        /// Of which names.
        #[serde(flatten)]
        what: Flush,
    },
    /// What was detected, the newest first: a list of [`Detection`].
    Detections {
        /// How many at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    /// The domains that are asked for most: a list of [`Top`].
    TopNames {
        /// How many at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    /// The clients that ask most: a list of [`Top`].
    TopClients {
        /// How many at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
    },
    /// Changes which log lines are written, until the next reload: a [`LogLevel`].
    LogLevel {
        /// The least important that are.
        level: Level,
    },
    /// Reads the configuration again: a [`Reload`].
    Reload,
    /// What would happen to a query: an [`Explanation`](super::protocol::Explanation).
    Explain(Subject),
}

/// Which names are forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flush {
    /// This one, with all its types.
    Name(String),
    /// This one and all below it.
    Suffix(String),
    /// All, if it is true.
    All(bool),
}

/// What is to be explained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Subject {
    /// The name, in presentation form.
    pub name: String,
    /// The type, as a word or as `TYPE` with its number; silent is A.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub qtype: Option<String>,
    /// Who asks; silent is somebody who may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// Whether the client wants signatures (DO).
    #[serde(default)]
    pub dnssec_ok: bool,
    /// Whether the client wants data that are not validated (CD).
    #[serde(default)]
    pub checking_disabled: bool,
    /// Whether it is asked after that, as any client asks.
    #[serde(default)]
    pub ask: bool,
}

/// Which log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// What broke.
    Error,
    /// And what is odd.
    Warn,
    /// And the daemon's life.
    Info,
    /// And all else.
    Debug,
}

/// An answer, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply<T> {
    /// The answer.
    Ok(T),
    /// What is wrong, for a person.
    Error(String),
}

//------ The daemon --------------------------------------------------------------------------------------------------

/// The daemon and its configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Of nodens.
    pub version: String,
    /// How long the process that answers has been there.
    pub uptime_seconds: u64,
    /// The process that answers.
    pub worker_pid: u32,
    /// The process behind it, if there is one.
    pub supervisor_pid: Option<u32>,
    /// The number of the user that answers.
    pub user: u32,
    /// Threads that answer.
    pub workers: usize,
    /// The configuration file; none is the built-in configuration.
    pub config_file: Option<String>,
    /// The SHA-256 of its text.
    pub config_sha256: String,
    /// What is wrong with a newer one, which was not taken.
    pub config_mistake: Option<String>,
    /// Whether all listeners have answered.
    pub ready: bool,
    /// Where clients ask.
    pub listeners: Vec<Listener>,
    /// Where health and metrics are.
    pub endpoints: BTreeMap<String, String>,
    /// What the process that answers has given up.
    pub sandbox: Sandbox,
    /// What the supervisor has counted, by what it is called in metrics.
    pub supervisor: BTreeMap<String, u64>,
    /// Which log lines are written.
    pub log_level: String,
}

/// Where clients ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `udp://127.0.0.1:53`.
    pub address: String,
    /// Whether it has answered.
    pub ready: bool,
}

/// What the process that answers has given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// What it may still do as root might: "none", or names.
    pub capabilities: String,
    /// System calls that are allowed, or "off".
    pub system_calls: String,
    /// The version of landlock that holds, or "off".
    pub landlock: String,
    /// What does not hold, and why.
    pub missing: Vec<String>,
}

/// What came of reading the configuration again; an error says what is wrong, and that the one before stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Whether it says something new.
    pub changed: bool,
    /// The SHA-256 of the file.
    pub config_sha256: String,
    /// Kept answers that no longer held.
    pub forgotten: usize,
    /// Options that say something new and take effect at the next start.
    pub at_next_start: Vec<String>,
    /// What is odd about it.
    pub warnings: Vec<String>,
}

/// Which log lines are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevel {
    /// Before.
    pub before: String,
    /// From now on.
    pub now: String,
}

//------ Figures -----------------------------------------------------------------------------------------------------

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

//------ Kept answers ------------------------------------------------------------------------------------------------

/// One line of a dump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DumpLine {
    /// A kept answer.
    Entry(Box<Kept>),
    /// A failure that is noted.
    Failure(NotedFailure),
    /// That is all.
    End {
        /// Answers.
        entries: u64,
        /// Failures.
        failures: u64,
    },
}

/// A kept answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The name that was asked for.
    pub name: String,
    /// The type; `*` is NXDOMAIN, which answers for all.
    #[serde(rename = "type")]
    pub qtype: String,
    /// Whether it was asked with DO.
    pub dnssec_ok: bool,
    /// Whether it was asked with CD.
    pub checking_disabled: bool,
    /// `answer`, `nxdomain` or `nodata`.
    pub kind: String,
    /// The response code.
    pub rcode: String,
    /// The zone that it belongs to.
    pub zone: String,
    /// The group of servers that it came from.
    pub upstream: String,
    /// `fresh`, `stale` (given if no server has a better one) or `expired`.
    pub state: String,
    /// Since when it is kept.
    pub age_seconds: u64,
    /// How long it is still good for; 0 if it has expired.
    pub ttl_seconds: u64,
    /// If it has expired, how long it may still be given.
    pub stale_seconds: Option<u64>,
    /// How often the workers have given it from their own tables; what a popular predecessor had left counts, and each worker begins anew
    /// after 65,535.
    pub hits: u64,
    /// Whether it was validated, or vouched for by a server that proved who it is.
    pub authentic: bool,
    /// Whether something was withheld, since a public name led to an address which is not public.
    pub withheld: bool,
    /// The generation of the policy that judged it.
    pub policy_generation: u32,
    /// The extended error that clients get (RFC 8914).
    pub extended_error: Option<u16>,
    /// Bytes it takes.
    pub bytes: u32,
    /// Its records, a line of a zone file each, with the TTL that is left.
    pub records: Vec<String>,
}

/// A failure that is noted (RFC 9520).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedFailure {
    /// The name that was asked for.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub qtype: String,
    /// Whether it was asked with DO.
    pub dnssec_ok: bool,
    /// Whether it was asked with CD.
    pub checking_disabled: bool,
    /// The response code.
    pub rcode: String,
    /// The extended error that clients get.
    pub extended_error: Option<u16>,
    /// Whether there was an answer, but not what its zone signed.
    pub bogus: bool,
    /// When it was asked last.
    pub age_seconds: u64,
    /// How long that is answered without asking again.
    pub left_seconds: u64,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flushed {
    /// Answers.
    pub entries: usize,
    /// Failures.
    pub failures: usize,
}

//------ Who asks what -----------------------------------------------------------------------------------------------

/// One of those that are asked for most, or that ask most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Top {
    /// The domain, or the client's address.
    pub what: String,
    /// Queries a second, lately.
    pub queries_per_second: f64,
    /// Part of all queries, from 0 to 1.
    pub share: f64,
    /// The namespace of the client's pod, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The client's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
}

/// What was detected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// When, in seconds since 1970.
    pub at: u64,
    /// The rule that found it.
    pub rule: String,
    /// Who asks.
    pub client: String,
    /// The namespace of the client's pod, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The client's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The registered domain that it asks below.
    pub domain: String,
    /// How sure that is, from 0 to 100.
    pub score: u8,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// What followed.
    pub action: String,
    /// How often.
    pub count: u64,
}

//------ Why ---------------------------------------------------------------------------------------------------------

/// What would happen to a query, in the order in which it would.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub qtype: String,
    /// Who asks.
    pub client: Option<ClientView>,
    /// What the node says of it itself, if it does.
    pub local: Option<LocalView>,
    /// Which zone it belongs to.
    pub zone: ZoneView,
    /// What is kept of it: for a plain query, with DO, with CD, with both.
    pub cache: Vec<VariantView>,
    /// Whether the zone's servers ask us what we ask them, so that it is cut off.
    pub looping: bool,
    /// Whether the zone leaves this type out (`zone.no-types`).
    pub type_left_out: bool,
    /// The servers, in the order in which they would be asked.
    pub servers: Vec<Server>,
    /// Of which group, and how one is chosen.
    pub group: GroupView,
    /// Addresses that no public name may have.
    pub rebinding: RebindingView,
    /// Signatures.
    pub dnssec: DnssecView,
    /// What would happen, and why.
    pub verdict: Verdict,
    /// What did happen, if it was asked.
    pub answer: Option<AskedAnswer>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientView {
    /// From where.
    pub address: String,
    /// The namespace of the client's pod, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The client's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Whether `listen.allow` lets it ask.
    pub allowed: bool,
    /// Whether there is a rate for it, and whether it would pass just now.
    pub rate: Option<bool>,
    /// Whether nobody gets this type (`policy.refuse-types`).
    pub type_refused: bool,
}

/// What the node says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalView {
    /// `own-name` (hosts file or records), `special-use`, `blocked` or `dead`.
    pub kind: String,
    /// The suffix that says so.
    pub suffix: String,
    /// The records.
    pub records: Vec<String>,
    /// The response code.
    pub rcode: String,
}

/// The zone of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneView {
    /// Its name.
    pub name: String,
    /// Other zones whose names are suffixes, too, but shorter.
    pub shorter: Vec<String>,
    /// `internal` or `public`.
    pub class: String,
    /// How long an expired answer may be given, in seconds.
    pub serve_stale_seconds: u64,
}

/// What is kept of a question with these bits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VariantView {
    /// DO.
    pub dnssec_ok: bool,
    /// CD.
    pub checking_disabled: bool,
    /// `fresh`, `above` (the name above does not exist), `stale`, `expired` or `absent`.
    pub state: String,
    /// Whether a worker has it in its own table.
    pub in_front: bool,
    /// Whether another policy than that of now judged it, so that it is judged again before it is given.
    pub judged_anew: bool,
    /// The answer.
    pub entry: Option<Kept>,
    /// The failure that is noted.
    pub failure: Option<NotedFailure>,
}

/// A group of servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// How a server is chosen.
    pub policy: String,
    /// Whether all are down, as the worker sees it that would answer.
    pub failing: bool,
}

/// What becomes of addresses that no public name may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebindingView {
    /// `block`, `report` or `off`.
    pub mode: String,
    /// What is left of an answer that is blocked: `nodata`, `refuse` or `strip`.
    pub action: String,
    /// The suffix by which the name may have any address.
    pub exempt_by: Option<String>,
    /// What is wrong with the kept answer; none if nothing is, or nothing is kept.
    pub offence: Option<String>,
}

/// Signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnssecView {
    /// `off`, `forward` or `validate`.
    pub mode: String,
    /// What was found of what is kept: `secure`, `insecure`, `bogus`, `vouched-for`, `unknown`; none if nothing is kept.
    pub verdict: Option<String>,
}

/// What would happen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `refuse`, `block`, `local`, `memory`, `denial-above`, `stale`, `stale-unless-answered`, `failure`, `loop`, `type-left-out` or `ask`.
    pub outcome: String,
    /// The response code, where it is known beforehand.
    pub rcode: Option<String>,
    /// In words.
    pub text: String,
}

/// What a query was answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedAnswer {
    /// The listener that was asked.
    pub listener: String,
    /// How long it took.
    pub took_us: u64,
    /// The response code.
    pub rcode: String,
    /// Flags that are set.
    pub flags: Vec<String>,
    /// Extended errors (RFC 8914).
    pub extended_errors: Vec<u16>,
    /// The records.
    pub records: Vec<String>,
}
