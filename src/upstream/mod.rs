//! Step 6: asking other servers.
//!
//! What is here sends one query to one server and brings back the answer to that query, or says who is to blame. Which server is
//! asked, and what the answer means, is decided elsewhere.

// What can go wrong.
pub mod error;

// How a server is spoken to.
pub mod tls;
pub mod udp;

pub use error::{Fault, Rejection, TlsFailure, UpstreamError};
pub use tls::{SystemRoots, TlsGroup};
pub use udp::{UdpServer, UdpSettings};
