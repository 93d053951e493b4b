//! What is asked over the admin socket, and what is answered: one JSON object a line each way.
//!
//! A request is an object with `"command"` and what the command needs: `{"command":"explain","name":"www.example.org"}`. The answer is one
//! line, `{"ok":…}` or `{"error":"…"}`; to `cache-dump` it is many lines, a [`DumpLine`] each, the last of which is the end. The connection
//! stays open for more. The daemon, `nodens ctl` and `nodens top` use the same types, so that they cannot disagree. A field may be added to
//! an answer at any time; what is there keeps its name and its meaning.
//!
//! - `daemon` which daemon it is, and what it was told.
//! - `figures` what it counts.
//! - `kept` what it keeps, and who asks what.
//! - `why` what would happen to a query.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

mod daemon;
mod figures;
mod kept;
mod why;

pub use daemon::{Listener, LogLevel, Reload, Sandbox, Status};
pub use figures::{Blocks, CacheFigures, Latency, Server, Sources, Stats};
pub use kept::{Detection, DumpLine, Flushed, Kept, NotedFailure, Top};
pub use why::{
    AskedAnswer, ClientView, DnssecView, Explanation, GroupView, LocalView, RebindingView, VariantView, Verdict,
    ZoneView,
};

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
    /// What would happen to a query: an [`Explanation`].
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
