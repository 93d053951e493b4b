//! Step 8: the answer as it goes to the client.
//!
//! One function writes every answer, on a hit over the client's own datagram, on a miss over a copy of its question. The question keeps
//! its letter case because it is never touched. Sizes, truncation, TTLs, EDNS and flags are decided here and nowhere else.
//! No clock, no socket, no allocation. RFC 1035, 2181, 4035, 6891, 7828, 8914.
//!
//! - [`compose`] answers from entries, and errors.

pub mod compose;

pub use compose::{Client, Composed, answer, error, minimal_any};
