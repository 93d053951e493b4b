//! How the outside looks in: health, readiness and metrics over HTTP, the operator's socket, and the check that every listener answers.
//!
//! Beside a query's way, on the main thread. Over HTTP it serves three fixed paths, reads no request bodies, keeps few connections and none
//! for long. It has no TLS and no authentication; whom the allow-list lets in may read.
//!
//! - `readiness` which listeners have not yet answered, and the configuration in force.
//! - `selfcheck` asks each listener until it answers.
//! - `http` what is answered on which path.
//! - `server` listeners, connections and their bounds.
//! - [`admin`] the socket of `nodens ctl` and `nodens top`.

pub mod admin;
mod http;
mod readiness;
mod selfcheck;
mod server;

#[cfg(test)]
mod tests;

pub use readiness::Readiness;
pub use selfcheck::{all_answer, listeners, selfcheck};
pub use server::{Bound, Endpoints, serve};
