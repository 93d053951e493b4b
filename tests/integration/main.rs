//! The whole daemon as its operators and clients meet it: the real binary on loopback, between clients and servers of the tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each kind of test uses another part")]
mod common;

// The tools themselves.
mod harness;

// What the operator says and sees.
mod command_line;
mod control;
mod detection;
mod dropin;
mod explain;
mod handover;
mod life_cycle;
mod observation;
mod querylog;
mod reload;
mod reload_rules;
mod supervisor;
mod top;
mod who;

// A query's way.
mod absent;
mod access;
mod cache;
mod coalescing;
mod failures;
mod listener;
mod local;
mod loops;
mod memory;
mod migrate;
mod prefetch;
mod rebinding;
mod routing;
mod rules;
mod search_path;
mod shedding;
mod snapshot;
mod stale;

// What stands behind.
mod encrypted;
mod failover;
mod health;
mod hedging;
mod malformed;
mod sandbox;
mod selection;
mod transport;
mod validation;

use common::daemon::{Daemon, Setup};
use common::upstream::{Action, Query, Upstream};

/// A daemon that forwards everything over TCP to a server that acts as `handler` says.
fn behind<A: Into<Action>>(handler: impl Fn(&Query) -> A + Send + Sync + 'static) -> (Upstream, Daemon) {
    let upstream = Upstream::tcp().serve(handler);
    let daemon = Setup::forward(&upstream).start();
    (upstream, daemon)
}
