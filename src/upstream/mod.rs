//! Step 6: asking other servers.
//!
//! ```text
//! query ─► group (order, deadline) ─► server ─┬─ udp: a port and an ID for each query
//!                                             └─ stream: few connections, many queries on each ─► connection ─► TCP | TLS
//! ```
//!
//! What is here sends a question to the servers of a group and brings back the message that answers it, or says who is to blame. What
//! the answer means is decided elsewhere. Everything lives in one worker: nothing is shared but the TLS configuration.

// What can go wrong, and what is known.
pub mod error;
mod health;
mod learned;
mod pace;

// How a server is spoken to.
mod address;
mod connection;
pub(crate) mod dial;
mod driver;
mod opening;
mod order;
mod plain;
#[doc(hidden)]
pub mod probe;
mod stream;
pub mod tls;
pub mod udp;

// Which server, and how often.
mod budget;
pub mod exchange;
mod report;
mod select;
mod trial;
mod way;

pub use error::{Fault, Rejection, TlsFailure, UpstreamError};
pub use exchange::{Failed, Group};
pub use report::ServerReport;
pub use tls::{SystemRoots, TlsGroup};
pub use udp::{UdpServer, UdpSettings};
pub use way::Response;
