//! The few fields of a pod that matter, and the lists and events in which pods come (Kubernetes API, core/v1).
//!
//! Everything else in them is skipped, not kept. A pod whose name cannot be one is left out: what is not a name of Kubernetes must not reach a log.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Failure, Who};

/// Addresses of a pod that are looked at; it has one of each family.
const MOST_ADDRESSES: usize = 4;

/// The longest name of a pod, a namespace or a container (a DNS subdomain, RFC 1123).
const LONGEST_NAME: usize = 253;

/// A pod of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pod {
    /// Tells it from one of the same name before it.
    pub(super) uid: Box<str>,
    /// Its names.
    pub(super) who: Who,
    /// Its addresses.
    pub(super) addresses: Vec<IpAddr>,
    /// Addresses of the node it is on.
    pub(super) host: Vec<IpAddr>,
    /// Whether it has no address of its own.
    pub(super) on_host_network: bool,
    /// How far it is.
    pub(super) phase: Phase,
    /// When the kubelet took it, in a form that sorts by time (RFC 3339, always UTC); empty before that.
    pub(super) started: Box<str>,
    /// Whether it was told to end.
    pub(super) ending: bool,
}

/// How far a pod is, in the order in which it is believed to hold its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It has ended and holds no address.
    Finished,
    /// It is being started, or nobody knows.
    Waiting,
    /// A container of it runs.
    Running,
}

//------ What Kubernetes writes ------------------------------------------------------------------------------------------

/// A pod.
#[derive(Default, Deserialize)]
struct Raw<'a> {
    /// What it is called.
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    /// What it shall be.
    #[serde(borrow, default)]
    spec: Spec<'a>,
    /// What it is.
    #[serde(borrow, default)]
    status: Status<'a>,
}

/// `metadata` of a pod or a list.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata<'a> {
    /// Its name.
    #[serde(borrow)]
    name: Cow<'a, str>,
    /// The namespace it is in.
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    /// What tells it from another of the same name.
    #[serde(borrow)]
    uid: Cow<'a, str>,
    /// Up to where what is said of it is known.
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
    /// When it will be gone at the latest; there once it was told to end.
    deletion_timestamp: Option<IgnoredAny>,
}

/// `spec` of a pod.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec<'a> {
    /// Whether it shares the node's network.
    host_network: Option<bool>,
    /// Its containers, without those that run before them.
    #[serde(borrow)]
    containers: Option<Vec<Container<'a>>>,
}

/// An element of `spec.containers`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Container<'a> {
    /// Its name.
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// `status` of a pod.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    /// How far it is.
    #[serde(borrow)]
    phase: Cow<'a, str>,
    /// When the kubelet took it.
    #[serde(borrow, rename = "startTime")]
    started: Option<Cow<'a, str>>,
    /// The first of its addresses.
    #[serde(borrow, rename = "podIP")]
    address: Option<Cow<'a, str>>,
    /// All of them.
    #[serde(borrow, rename = "podIPs")]
    addresses: Option<Vec<Address<'a>>>,
    /// The first address of its node.
    #[serde(borrow, rename = "hostIP")]
    host: Option<Cow<'a, str>>,
    /// All of them.
    #[serde(borrow, rename = "hostIPs")]
    hosts: Option<Vec<Address<'a>>>,
}

/// An element of `status.podIPs`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Address<'a> {
    /// The address.
    #[serde(borrow)]
    ip: Cow<'a, str>,
}

/// A list without its elements.
#[derive(Deserialize)]
struct List<'a> {
    /// `PodList`.
    #[serde(borrow)]
    kind: Cow<'a, str>,
    /// Its version.
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

/// The kind of an event.
#[derive(Deserialize)]
struct Kind<'a> {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// An event about a pod.
#[derive(Deserialize)]
struct About<'a> {
    /// The pod.
    #[serde(borrow)]
    object: Raw<'a>,
}

/// An event about a failure.
#[derive(Deserialize)]
struct Trouble<'a> {
    /// What has gone wrong.
    #[serde(borrow)]
    object: Reason<'a>,
}

/// What is said of a failure (`metav1.Status`).
#[derive(Deserialize)]
struct Reason<'a> {
    /// As an HTTP status.
    #[serde(default)]
    code: u16,
    /// In words.
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

//------ What becomes of it ----------------------------------------------------------------------------------------------

/// An event of a watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A pod is new or has changed.
    Changed(Pod),
    /// A pod is gone, by its uid.
    Gone(Box<str>),
    /// Nothing has happened up to this version, or nothing that is understood.
    Nothing,
}

impl Pod {
    /// Reads a pod; `None` if it has names that no pod can have.
    ///
    /// # Errors
    ///
    /// When the bytes are no pod in JSON.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Failure> {
        Ok(Self::of(parse(bytes)?))
    }

    /// Takes what matters.
    fn of(raw: Raw<'_>) -> Option<Self> {
        let Raw { metadata, spec, status } = raw;
        let phase = match &*status.phase {
            "Succeeded" | "Failed" => Phase::Finished,
            "Running" => Phase::Running,
            _ => Phase::Waiting,
        };
        let container = match spec.containers.as_deref() {
            Some([only]) if is_name(&only.name) => Some(only.name.as_ref().into()),
            _ => None,
        };
        let is_whole = is_name(&metadata.name) && is_name(&metadata.namespace) && !metadata.uid.is_empty();
        is_whole.then(|| Self {
            uid: metadata.uid.into(),
            who: Who { namespace: metadata.namespace.as_ref().into(), pod: metadata.name.as_ref().into(), container },
            addresses: addresses(status.address.as_ref(), status.addresses.as_ref()),
            host: addresses(status.host.as_ref(), status.hosts.as_ref()),
            on_host_network: spec.host_network.unwrap_or_default(),
            phase,
            started: status.started.unwrap_or_default().into(),
            ending: metadata.deletion_timestamp.is_some(),
        })
    }
}

/// The version of a list, of which this is left without its elements; empty if it has none.
///
/// # Errors
///
/// When it is no list of pods.
pub(super) fn list_version(rest: &[u8]) -> Result<String, Failure> {
    let List { kind, metadata } = parse(rest)?;
    if kind == "PodList" {
        Ok(metadata.resource_version.into_owned())
    } else {
        Err(Failure::Garbled("its answer is no list of pods".to_owned()))
    }
}

/// Reads an event of a watch, and the version up to which everything is known then.
///
/// # Errors
///
/// When it is no event in JSON; and what it says went wrong, with 410 as [`Failure::Expired`].
pub(super) fn event(bytes: &[u8]) -> Result<(Event, String), Failure> {
    let Kind { kind } = parse(bytes)?;
    if kind == "ERROR" {
        let Trouble { object: Reason { code, message } } = parse(bytes)?;
        return Err(match code {
            410 => Failure::Expired,
            0 => Failure::Garbled(message.chars().take(LONGEST_NAME).collect()),
            code => Failure::Refused(code),
        });
    }
    let About { object } = parse(bytes)?;
    let version = object.metadata.resource_version.clone().into_owned();
    let event = match &*kind {
        "ADDED" | "MODIFIED" => Pod::of(object).map_or(Event::Nothing, Event::Changed),
        "DELETED" => Event::Gone(object.metadata.uid.into()),
        _ => Event::Nothing,
    };
    Ok((event, version))
}

/// Reads JSON.
fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::Garbled(format!("its answer is not understood: {error}")))
}

/// Whether Kubernetes could have given this name: letters, digits, hyphens and dots.
pub(super) fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(letter)
}

/// The addresses in a pair of fields, the older of which has the first.
fn addresses(first: Option<&Cow<'_, str>>, all: Option<&Vec<Address<'_>>>) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for text in first.into_iter().chain(all.into_iter().flatten().map(|address| &address.ip)) {
        if let Ok(address) = text.parse::<IpAddr>().map(|address| address.to_canonical())
            && !found.contains(&address)
            && found.len() < MOST_ADDRESSES
        {
            found.push(address);
        }
    }
    found
}
