//! Which daemon it is, and what it was told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// Where health and metrics are; several addresses with a space between them.
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
