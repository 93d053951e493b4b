//! Step 2 of a query's way: what is decided before any upstream could be asked.
//!
//! - [`local`] what the node answers from its own knowledge (RFC 6303, RFC 6761, hosts, static records, CHAOS), and what nobody gets.
//! - [`rate`] how fast one client may ask.
//! - [`rules`] what operators write down of questions and answers, compiled:
//!   - [`acl`] who may ask for the names of a zone;
//!   - [`rewrite`] questions that are asked in another form;
//!   - [`template`] answers that are made of the question;
//!   - [`hosts`] what a zone knows itself;
//!   - [`dns64`] IPv6 addresses for names that have none;
//!   - [`whoami`] names that tell a client where it asks from;
//!   - [`mistake`] what is wrong in them, and which it is.
//!
//! Who may ask at all is a list of prefixes, which is a value of the configuration; the order of it all is the pipeline's.

pub mod local;
pub mod rate;

// What operators write down.
pub mod acl;
pub mod dns64;
pub mod hosts;
pub mod mistake;
mod pattern;
pub mod rewrite;
pub mod rules;
mod scope;
pub mod template;
pub mod whoami;

pub use scope::Place;
