//! Hours of a node's life in seconds, for the crate's own tests.
//!
//! The pipeline and all below it are the real ones. What stands around them is made here: clients that ask and check what they are told, a
//! network in memory, servers that fall ill and get well again. The clock is tokio's and moves only when everybody waits; every choice follows
//! from one seed, so that what went wrong once goes wrong again.
//!
//! - `line`, `server` connections and servers in memory, and what can be wrong with them.
//! - `truth` what servers know, and a book of all they said.
//! - `judge` what a client may be told.
//! - `node` a daemon's worker without sockets, and how it is asked.
//! - `story` a node with two zones, its clients and its servers' faults, told from a seed.
//! - `freshness` an hour of names of all popularities.
//! - `fleet` a thousand nodes and two servers.

mod fleet;
mod freshness;
mod judge;
mod line;
mod node;
mod server;
mod story;
mod truth;
