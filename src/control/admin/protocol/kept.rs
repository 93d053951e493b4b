//! What the daemon keeps, and who asks what.

use serde::{Deserialize, Serialize};

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
    /// When it was found first, in seconds since 1970.
    pub at: u64,
    /// When it was found last.
    #[serde(default)]
    pub last: u64,
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
