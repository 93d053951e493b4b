//! Faults of the network and of whole servers, each under a steady load. Every fault has a daemon and a proxy of its own.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::faults::{Bound, Case, DATAGRAMS, ENCRYPTED, Others, STREAMS};
use crate::bind;
use crate::common::certificate::Authority;
use crate::common::chaos::load::{Load, Report};
use crate::common::chaos::{End, Fault, Proxy};
use crate::common::daemon::{Daemon, Setup};
use crate::common::peer::{Peer, free_address};
use crate::common::skip::{Need, unless};
use crate::common::upstream::NAME;

/// Names the file that rows of the table are added to.
const TABLE: &str = "NODENS_FAULT_TABLE";

/// Where a fault is hidden from clients, it costs at least half of them less than this: a server that does not answer is found out.
const USUAL: Duration = Duration::from_secs(1);

/// The address of every name that only the wildcard of the public zone knows.
pub(super) const WILDCARD: &str = "192.0.2.99";

/// How servers are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `udp://`, to bind9.
    Udp,
    /// `tcp://`, to bind9.
    Tcp,
    /// `tls://`, to unbound.
    Tls,
}

impl Way {
    /// The programs that it takes.
    pub(super) fn needs(self) -> &'static [Need] {
        match self {
            Self::Tls => &[Need::Program("named"), Need::Program("unbound")],
            Self::Udp | Self::Tcp => &[Need::Program("named")],
        }
    }
}

/// The servers of all cases of a test.
pub(super) struct World {
    /// Certifies.
    authority: Authority,
    /// Certifies whom nobody should trust. Servers read their files when they like, so it lives as long as they do.
    _stranger: Authority,
    /// The server.
    pub(super) server: Peer,
    /// Behind it, where it is a resolver.
    _backend: Option<Peer>,
    /// The same with a certificate that nobody trusts.
    pub(super) impostor: Option<Peer>,
    /// How it is spoken to.
    pub(super) way: Way,
}

/// What a story is told with.
pub(super) struct Stage<'a> {
    /// In front of the first server.
    pub(super) proxy: &'a Proxy,
    /// In front of the second, if it is healthy.
    pub(super) second: Option<&'a Proxy>,
    /// The servers.
    world: &'a World,
    /// Says that the load has ended.
    ended: Receiver<()>,
}

impl World {
    /// Starts the servers.
    pub(super) fn new(way: Way) -> Self {
        let (authority, stranger, backend) = (Authority::new(), Authority::new(), bind());
        let resolver = |by: &Authority| Peer::unbound(free_address(), backend.address, &by.certificate(&[NAME]));
        if way == Way::Tls {
            let (server, impostor) = (resolver(&authority), resolver(&stranger));
            Self { authority, _stranger: stranger, server, _backend: Some(backend), impostor: Some(impostor), way }
        } else {
            Self { authority, _stranger: stranger, server: backend, _backend: None, impostor: None, way }
        }
    }

    /// How the configuration names the server behind `proxy`.
    fn url(&self, proxy: &Proxy) -> String {
        match self.way {
            Way::Udp => format!("udp://{}", proxy.address),
            Way::Tcp => format!("tcp://{}", proxy.address),
            Way::Tls => format!("tls://{}#{NAME}", proxy.address),
        }
    }

    /// A daemon with the defaults of all times, in front of these proxies.
    pub(super) fn daemon(&self, proxies: &[&Proxy]) -> Daemon {
        let servers: Vec<String> = proxies.iter().map(|proxy| self.url(proxy)).collect();
        let extra = if self.way == Way::Tls { format!("ca = {:?}", self.authority.file()) } else { String::new() };
        Setup::new().upstream("all", &servers, &extra).zone(".", "all", "").start()
    }

    /// Tells one story under load.
    fn tell(&self, case: &Case, seed: u64) -> Report {
        let proxy = Proxy::before(self.server.address, seed);
        let second = (case.others == Others::Healthy).then(|| Proxy::before(self.server.address, seed + 1));
        let proxies: Vec<&Proxy> = std::iter::once(&proxy).chain(&second).collect();
        let daemon = self.daemon(&proxies);
        // Handshakes of a build for tests cost milliseconds, and all daemons make theirs at once.
        let rate = if self.way == Way::Tls { 40 } else { 80 };
        let load = Load::on(daemon.udp_address(), &in_memory(), &format!("case-{seed}"), WILDCARD).rate(rate);
        load.warm();
        let (end, ended): (Sender<()>, _) = channel();
        let stage = Stage { proxy: &proxy, second: second.as_ref(), world: self, ended };
        std::thread::scope(|scope| {
            scope.spawn(move || (case.story)(&stage));
            let report = load.run();
            drop(end);
            report
        })
    }
}

impl Stage<'_> {
    /// Waits so long; `false` if the load ended meanwhile.
    pub(super) fn pause(&self, milliseconds: u64) -> bool {
        let waited = self.ended.recv_timeout(Duration::from_millis(milliseconds));
        waited == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    }

    /// Lets a fault begin while the load runs, and stay.
    pub(super) fn stays(&self, fault: Fault) {
        self.pause(500);
        self.proxy.set(fault);
        while self.pause(1000) {}
    }

    /// Lets a fault happen for so long.
    pub(super) fn passes(&self, fault: Fault, milliseconds: u64) {
        self.pause(500);
        self.proxy.set(fault);
        self.pause(milliseconds);
        self.proxy.heal();
    }

    /// The server that nobody should trust.
    pub(super) fn impostor(&self) -> SocketAddr {
        self.world.impostor.as_ref().expect("there is one").address
    }

    /// Ends all connections again and again; seldom enough that a busy machine completes a handshake in between.
    pub(super) fn ends_connections(&self, how: End) {
        while self.pause(if self.world.way == Way::Tls { 800 } else { 250 }) {
            self.proxy.end_all(how);
        }
    }
}

/// Names in memory with their addresses.
pub(super) fn in_memory() -> Vec<(String, &'static str)> {
    let known = [("www", "192.0.2.80"), ("mail", "192.0.2.25"), ("ns", "192.0.2.53"), ("alias", "192.0.2.80")];
    let known = known.map(|(name, address)| (format!("{name}.example.org"), address));
    known.into_iter().chain((0..36).map(|n| (format!("in-memory-{n}.example.org"), WILDCARD))).collect()
}

/// Tells all stories at once, writes their rows, and holds them to their bounds.
fn tell_all(way: Way, cases: &[Case]) {
    if unless(way.needs()).is_some() {
        return;
    }
    let world = World::new(way);
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let world = &world;
        let told: Vec<_> =
            (1..).zip(cases).map(|(number, case)| scope.spawn(move || world.tell(case, number * 100))).collect();
        told.into_iter().map(|told| told.join().expect("a story is told to its end")).collect()
    });
    let mut rows = String::new();
    let mut broken = Vec::new();
    for (case, Report { cached, fresh }) in cases.iter().zip(&reports) {
        let bad = cached.lost + cached.failed + cached.wrong + cached.slow;
        let way = match (way, case.others) {
            (way, Others::Nobody) => format!("{way:?}").to_lowercase(),
            (way, Others::Healthy) => format!("{way:?} + 1").to_lowercase(),
        };
        writeln!(rows, "| {} | {way} | {bad} of {} | {fresh} | {} |", case.fault, cached.asked, case.rival).unwrap();
        let hidden = case.bound == Bound::Failures || fresh.is_perfect() && fresh.percentile(50) < USUAL;
        if bad > 0 || fresh.lost > 0 || fresh.wrong > 0 || !hidden {
            broken.push(format!("{} ({way}): in memory {cached}; new {fresh}", case.fault));
        }
    }
    drop(world);
    eprintln!("{rows}");
    if let Some(file) = std::env::var_os(TABLE) {
        OpenOptions::new().create(true).append(true).open(file).unwrap().write_all(rows.as_bytes()).unwrap();
    }
    assert!(broken.is_empty(), "asked | lost | slow | failed | wrong | p50 | p99 | max\n{broken:#?}");
}

/// N6, N7, N8: over UDP.
#[test]
fn faults_on_the_way_of_datagrams_are_not_seen_by_clients() {
    tell_all(Way::Udp, DATAGRAMS);
}

/// N7, N8, N11, N15: over TCP, as cluster DNS is asked.
#[test]
fn faults_on_the_way_of_streams_are_not_seen_by_clients() {
    tell_all(Way::Tcp, STREAMS);
}

/// N8, N14, N15, N17: over TLS.
#[test]
fn faults_on_the_way_of_encrypted_streams_are_not_seen_by_clients() {
    tell_all(Way::Tls, ENCRYPTED);
}
