//! The daemon of the demo: its configuration, its start, and what it counted.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::{
    Authentication, Cache, Class, Config, Dnssec, Endpoint, Format, Level, Limits, Listen, Local, Log, Server, Transport, Upstream,
    Zone,
};
use crate::error::Failure;

use super::stand_in::{AUTHENTICATION_NAME, StandIns};

/// What the daemon calls itself in class CHAOS.
pub(super) const IDENTITY: &str = "demo-node";

/// Position of cluster DNS in the configuration's upstreams.
const CLUSTER: usize = 0;
/// Position of the resolver.
const INTERNET: usize = 1;

/// The running daemon.
pub(super) struct Daemon {
    /// Where it answers.
    address: SocketAddr,
    /// The daemon itself.
    running: worker::Running,
}

/// What the daemon counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Queries of clients.
    pub(super) queries: u64,
    /// Queries answered from memory, positive and negative.
    pub(super) hits: u64,
    /// Queries to upstreams that were answered.
    pub(super) exchanges: u64,
    /// TLS handshakes, full and resumed.
    pub(super) handshakes: u64,
}

/// Starts the daemon between the stand-ins.
pub(super) fn start(port: u16, stand_ins: &StandIns) -> Result<Daemon, Failure> {
    let running = worker::start(config(port, stand_ins))?;
    let address = running.addresses.first().copied().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    Ok(Daemon { address, running })
}

impl Daemon {
    /// Where it answers.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counted until now.
    pub(super) fn counters(&self) -> Counters {
        Counters::read(&self.running.metrics().exposition())
    }

    /// Stops it and waits for its threads.
    pub(super) fn stop(self) {
        self.running.stop();
    }
}

impl Counters {
    /// Adds up what a scrape would see; a family that is not there counts nothing.
    pub(super) fn read(exposition: &str) -> Self {
        let sum = |family: &str| exposition.lines().filter_map(|line| sample(line, family)).sum();
        Self {
            queries: sum("coredns_dns_requests_total"),
            hits: sum("coredns_cache_hits_total"),
            exchanges: sum("coredns_proxy_request_duration_seconds_count"),
            handshakes: sum("nodens_upstream_handshakes_total"),
        }
    }
}

/// The value of a line of the text exposition, if it is a sample of that family.
fn sample(line: &str, family: &str) -> Option<u64> {
    let rest = line.strip_prefix(family)?;
    if !rest.starts_with(['{', ' ']) {
        return None;
    }
    rest.rsplit(' ').next()?.parse().ok()
}
