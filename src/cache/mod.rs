//! Step 3 and 7: the answers that are kept.
//!
//! ```text
//! question ─► key ─► front (this worker's, no lock) ─► store (the node's, moka) ─► miss
//! ```
//!
//! An [`Entry`] is an answer in wire form that knows its own times; a hit copies it behind the client's question. Each worker
//! has a [`Front`], a small set-associative table, since every look-up in the shared store does policy work (about 0.5 µs): the hit path thus
//! writes to no memory that another worker reads. NXDOMAIN answers for every type (RFC 2308 section 5) and for every name below (RFC 8020).
//!
//! This step owns no clock and no socket and knows nothing of upstreams; times come as arguments.
//!
//! - [`key`] what an answer is found by.
//! - [`entry`] the answer.
//! - [`ttl`] for how long (RFC 2308, RFC 8767 section 4).
//! - [`front`] one worker's table.
//! - [`store`] the node's.
//! - [`snapshot`] the node's in a file, over a restart.

pub mod entry;
pub mod front;
pub mod key;
pub mod snapshot;
pub mod store;
pub mod ttl;

pub use entry::Entry;
pub use front::Front;
pub use key::{Hashing, Key, Variant};
pub use store::{Failure, Known, Store};

#[cfg(test)]
mod tests;
