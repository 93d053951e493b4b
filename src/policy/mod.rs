//! Step 2 of a query's way: what is decided before any upstream could be asked.
//!
//! - [`local`] what the node answers from its own knowledge (RFC 6303, RFC 6761, hosts, static records, CHAOS), and what nobody gets.
//! - [`rate`] how fast one client may ask.
//!
//! Who may ask is a list of prefixes, which is a value of the configuration; the order of it all is the pipeline's.

pub mod local;
pub mod rate;
