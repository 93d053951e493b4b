//! What an operator asks of the daemon that runs, over a Unix socket: figures, kept answers, and why a name gets the answer it gets.
//!
//! ```text
//! nodens ctl, nodens top ──one JSON object a line──► socket ─► requests in turn ─► whoever knows (the worker process's main thread)
//!                        ◄─one JSON object a line────
//! ```
//!
//! Beside a query's way, on the main thread, which answers no queries. The file's mode and the kernel's word on who is at the other end keep
//! others out; there is no other authentication, and nothing of it can be reached over a network. What is said is in [`protocol`]; whoever
//! implements [`Answers`] knows the rest of the daemon, which this module does not.
//!
//! - [`protocol`] what is asked and answered.
//! - `socket` where it listens, and who is let in.
//! - `serve` connections and their bounds.
//! - [`client`] the other end.
//! - [`text`] records as people read them.
//! - [`ask`] an ordinary query to a listener of our own.

pub mod ask;
pub mod client;
pub mod protocol;
mod serve;
mod socket;
pub mod text;

#[cfg(test)]
mod tests;

pub use serve::{Answers, Line, serve};
pub use socket::{Listening, listen};
