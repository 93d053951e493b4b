//! Step 2 of a query's way: what is decided before any upstream could be asked.
//!
//! - [`local`] what the node answers from its own knowledge (RFC 6303, RFC 6761, hosts, static records, CHAOS).
//!
//! Who may ask and how much is decided by the listeners, which have the client at hand; nothing here looks at the client.

pub mod local;
