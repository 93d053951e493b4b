//! Step 6b: addresses that a public name may not have.
//!
//! A page on the internet whose name first has the address of its server and then one inside (DNS rebinding) makes the browser that
//! shows it speak to what only the inside may reach: another pod, the node's services, the cloud's metadata. The node is the last place that
//! knows both that the name is anybody's and that the address is not. So an answer to a public name is judged by every address in it, in
//! any section and any disguise, before it is kept; and the name that was *asked* is what counts, wherever its aliases lead.
//!
//! ```text
//! answer ─► addresses: A, AAAA, hints of SVCB and HTTPS ─► which prefix? ─┬─ none ─────────────────────────► passes
//!                 ▲                                                       ├─ IPv4 inside IPv6 ─► again
//!                 └───────────────────────────────────────────────────────┘
//!                                                                         └─ a class ─► exempt? ─┬─ yes ──► passes
//!                                                                                                └─ no ───► an offence
//! ```
//!
//! What follows from an offence, and what is remembered of the judgement, is the pipeline's business. Nothing here has a clock or a socket.
//!
//! - [`addresses`] which addresses are not public, and IPv4 addresses inside IPv6 ones.
//! - [`rebind`] answers, judged.
//! - [`exempt`] names that may have such addresses.

pub mod addresses;
pub mod exempt;
pub mod rebind;

pub use addresses::{Addresses, Rule};
pub use rebind::{Offence, Policy};
