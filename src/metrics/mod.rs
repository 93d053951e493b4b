//! What is counted. Off the answer's path: a count is one load and one store of the worker's own memory.
//!
//! Each worker owns a [`WorkerMetrics`] and is the only one to write to it; a scrape reads all of them and adds up.
//! No label ever carries a query name or a client, so the number of series is fixed by the configurations since the start.
//!
//! What CoreDNS has a name for keeps that name, its labels and its buckets, so that dashboards and alerts go on working;
//! everything else is `nodens_*`. Nothing here logs, answers or waits.
//!
//! Reading order: `event` (the tables of what is counted), `label` (the closed sets of label values), `counter`
//! (one cell, one histogram), `worker` (the memory of one worker), `family` (names and help texts), `collect` (the scrape), `habits` (names for those who come from CoreDNS), `queries` (what it
//! makes of answered queries), `rules` (and of rules), `totals` (the same in numbers).

use std::time::Duration;

// What is counted, and what it is called.
mod event;
mod family;
mod label;

// The memory of a worker.
mod counter;
mod worker;

// The scrape.
mod collect;
mod habits;
mod process;
mod queries;
mod rules;
mod samples;

// The same for whoever asks without Prometheus.
mod totals;

// The same for whoever reads.
mod reference;

#[cfg(test)]
mod tests;

pub use collect::{Beside, CacheFigures, Metrics};
pub use event::{Event, Gauge, UpstreamEvent};
pub use label::{AddressClass, name_of_rcode};
pub use reference::reference;
pub use totals::{Totals, UpstreamTotals};
pub(crate) use worker::MOST_LATER;
pub use worker::WorkerMetrics;

/// What the series are made of; known when the configuration is. A reload may add zones and upstreams, [`MOST_LATER`] of each at most.
///
/// [`MOST_LATER`]: worker::MOST_LATER
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Listen addresses in the form "dns://169.254.20.10:53", in the order of worker sockets.
    pub servers: Vec<String>,
    /// Zones in the form "cluster.local.", by number; one that a reload changed stands here again. Samples of the same name become one.
    pub zones: Vec<String>,
    /// Every server of every group: (group name, "tls://1.1.1.1:853"), by number.
    pub upstreams: Vec<(String, String)>,
}

/// The hosts of one zone, as they were read.
#[derive(Clone, Debug, PartialEq)]
pub struct HostsRead {
    /// The file; empty if there are lines alone.
    pub file: String,
    /// Addresses of names and names of addresses.
    pub entries: u64,
    /// When the file was written, in seconds since 1970.
    pub modified: Option<f64>,
}

/// The transport of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

impl Protocol {
    /// What labels call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache, a positive answer.
    CacheSuccess,
    /// The cache, NXDOMAIN or NODATA.
    CacheDenial,
    /// The cache, an answer that has expired, because no server gave a better one.
    Stale,
    /// The cache, the failure of a moment ago.
    CacheFailure,
    /// An upstream, just now.
    Forward,
    /// The node's own zones.
    Local,
    /// Nobody: it was refused, malformed, or an error was made up here.
    Policy,
}

impl Source {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::CacheSuccess,
        Self::CacheDenial,
        Self::Stale,
        Self::CacheFailure,
        Self::Forward,
        Self::Local,
        Self::Policy,
    ];
}

/// One answered query, as the counters see it.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Position in [`Layout::servers`].
    pub server: u16,
    /// Position in [`Layout::zones`]; `u16::MAX` is a query that was answered before it got to a zone.
    pub zone: u16,
    /// How it came.
    pub protocol: Protocol,
    /// QTYPE.
    pub qtype: u16,
    /// RCODE with the extended bits.
    pub rcode: u16,
    /// Whether the client set DO.
    pub dnssec_ok: bool,
    /// Who knew.
    pub source: Source,
    /// Bytes of the query.
    pub request_size: usize,
    /// Bytes of the answer.
    pub response_size: usize,
    /// From the read to the answer.
    pub duration: Duration,
}
