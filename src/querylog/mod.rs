//! The query log: who asked what, and what was answered.
//!
//! Beside a query's way. A worker copies what it knows of an answer into a ring of its own; one thread takes it out, makes a line or a message of
//! it and writes it where the operator wants. The ring has one writer and one reader and no lock; when it is full, what would have to wait is lost
//! and counted. So a disk that is slow, a pipe that nobody reads and a collector that is gone cost lines, and no query a microsecond.
//!
//! It does not decide what is logged for a zone (the pipeline's plan does), and it is not the daemon's own log ([`crate::log`]).
//! Names are written in presentation form (RFC 1035 section 5.1), so that no name breaks a line.
//!
//! - [`class`] which answers are wanted.
//! - [`record`] what is noted, as bytes in a ring.
//! - [`recorder`] a worker's end of the ring.
//! - [`writer`] the thread at the other end.
//! - `format` lines, in CoreDNS's form and as JSON.
//! - `dnstap` whole messages.
//! - `client` who asked, or as much of it as may be known.
//! - `sink` where it goes: standard output, a socket.
//! - `file` a file, and those before it.

pub mod class;
mod client;
mod dnstap;
mod file;
mod format;
pub mod record;
pub mod recorder;
mod sink;
pub mod writer;

#[cfg(test)]
mod tests;

pub use class::Classes;
pub use file::prepare;
pub use format::Pod;
pub use record::Noted;
pub use recorder::Recorder;
pub use writer::{Names, QueryLogs};
