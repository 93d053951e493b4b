//! The daemon of the demo: its configuration, its start, and what it counted.

use std::net::{Ipv4Addr, SocketAddr};

use super::stand_in::{AUTHENTICATION_NAME, StandIns};
use crate::config::{Config, Environment};
use crate::error::{ExitCode, Failure};
use crate::worker;

/// What the daemon calls itself in class CHAOS.
pub(super) const IDENTITY: &str = "demo-node";

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
    let running = worker::start(config(port, stand_ins)?, worker::Given::default())?;
    let address = running.addresses.first().copied().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    Ok(Daemon { address, running })
}

/// The configuration, through the same reader as a file.
pub(super) fn config(port: u16, stand_ins: &StandIns) -> Result<Config, Failure> {
    let loaded = Config::parse(&file(port, stand_ins), "demo", &Environment::neutral()).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Failure::new(ExitCode::Software, lines.join("\n"))
    })?;
    Ok(loaded.config)
}

/// What a file for this daemon would say.
///
/// One worker, so that the counters tell one story. No HTTP: its usual ports may be taken, and the demo reads the counters itself.
fn file(port: u16, stand_ins: &StandIns) -> String {
    let quote = |text: String| toml::Value::String(text).to_string();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (cluster, resolver) = (stand_ins.cluster(), stand_ins.resolver());
    let ca = quote(stand_ins.ca().display().to_string());
    format!(
        r#"
[listen]
addresses = ["{listen}"]
workers = 1

[local]
identity = "{IDENTITY}"

[rebinding]
public = ["203.0.113.0/24", "2001:db8::/32"]

[[upstream]]
name = "cluster-dns"
servers = ["tcp://{cluster}"]

[[upstream]]
name = "internet"
servers = ["tls://{resolver}#{AUTHENTICATION_NAME}"]
ca = {ca}

[[zone]]
name = "cluster.local"
upstream = "cluster-dns"
class = "internal"

[[zone]]
name = "10.in-addr.arpa"
upstream = "cluster-dns"
class = "internal"

[[zone]]
name = "."
upstream = "internet"

[metrics]
listen = ""

[health]
listen = ""

[log]
level = "error"
"#
    )
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
