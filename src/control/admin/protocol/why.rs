//! What would happen to a query, and why.

use serde::{Deserialize, Serialize};

use super::{Kept, NotedFailure, Server};

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
    /// For how many seconds more detection holds it back below this domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back_seconds: Option<u64>,
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
    /// `refuse`, `block`, `local`, `memory`, `denial-above`, `held-back`, `limited`, `stale`, `stale-unless-answered`, `failure`, `loop`,
    /// `type-left-out` or `ask`.
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
