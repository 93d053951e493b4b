//! What the standards say, one file a document. A file quotes the deciding clauses; a test's name is the behaviour.
//!
//! The real daemon is asked over loopback; what stands behind it is a server of the test's own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each kind of test uses another part")]
mod common;

mod rfc1035;
mod rfc2181;
mod rfc2308;
mod rfc3597;
mod rfc4035;
mod rfc4343;
mod rfc5452;
mod rfc6891;
mod rfc7766;
mod rfc7828;
mod rfc7830_8467;
mod rfc7858_8310;
mod rfc7873_9018;
mod rfc8020;
mod rfc8482;
mod rfc8914;

use common::daemon::{Daemon, Setup};
use common::upstream::{Action, Query, Upstream};

/// A daemon that forwards everything over TCP to a server that acts as `handler` says.
fn behind<A: Into<Action>>(handler: impl Fn(&Query) -> A + Send + Sync + 'static) -> (Upstream, Daemon) {
    let upstream = Upstream::tcp().serve(handler);
    let daemon = Setup::forward(&upstream).start();
    (upstream, daemon)
}
