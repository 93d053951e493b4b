//! Who asked: namespace, pod and container of a client's address, known on the node itself.
//!
//! Beside a query's way: whoever writes a line about a client looks here, the answer never waits for it. Two sources can be asked, both
//! about the pods of this node alone: the kubelet, every few seconds and when an address turns up that nobody knows, or the API server,
//! which tells of every change (`spec.nodeName`). Without a source nothing is known, and an address stays an address.
//!
//! # When an address changes hands
//!
//! A wrong name is worse than none. A pod that has ended holds no address; of two that claim one it is the later that runs; the node's own
//! addresses belong to no pod. With the API server a change is known within a second. The kubelet is only looked at: between two looks an
//! address belongs to whoever had it at the last one, unless that pod was already told to end: then it is given for a second at most, and
//! looked up again while it asks. What remains is a pod that ends without notice and is followed by another within `clients.refresh`.
//! When the source cannot be reached, what it said last holds for [`HOLD`], or three times `refresh` if that is longer.
//!
//! # What is not here
//!
//! The runtime's own socket (CRI): it is root's on every node, whoever has a connection to it can start a privileged container, and the
//! process that answers must not hold a key to the node ([`manual::sandbox`](crate::manual::sandbox)). Nor are there client certificates,
//! or a way to trust a server without a proof.
//!
//! - `directory` who has which address, as one value that is swapped.
//! - `pod` the few fields of a pod that matter.
//! - `split` a long list or an endless one in JSON, cut into its elements as they arrive.
//! - `http`, `tls` one request, with the bounds it has and the proof that its server must give.
//! - `kubelet`, `api_server` the two sources.
//! - `follow` keeps the directory like its source.

mod directory;
mod pod;
mod split;

mod http;
mod tls;

mod api_server;
mod kubelet;

mod follow;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use directory::{Directory, Whose};
pub use follow::{HOLD, follow};

/// A pod, and its container if it has but one: all containers of a pod have the same address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub pod: Arc<str>,
    /// The name of its only container.
    pub container: Option<Arc<str>>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.pod)?;
        self.container.iter().try_for_each(|container| write!(f, "/{container}"))
    }
}

/// Why a source said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// No connection, no encryption, or no answer in time.
    Unreachable(String),
    /// An answer with another status than 200: most often 401 or 403, rights that are missing.
    Refused(u16),
    /// An answer that is not what it should be, or too long.
    Garbled(String),
    /// The token or the certificates cannot be read here.
    Credentials(String),
    /// The API server no longer knows what happened since the version that we know; everything is asked anew.
    Expired,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(text) | Self::Garbled(text) | Self::Credentials(text) => f.write_str(text),
            Self::Refused(401) => f.write_str("status 401: it does not know us; is clients.token the right file?"),
            Self::Refused(403) => {
                f.write_str("status 403: we may not read its pods; see [clients] in config/kubernetes.toml")
            }
            Self::Refused(status) => write!(f, "status {status}"),
            Self::Expired => f.write_str("it has forgotten what we know"),
        }
    }
}
