//! Faults of the network and of whole servers, each under a steady load. Every fault has a daemon and a proxy of its own.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use Fault::{Break, Delay, Drip, Flap, Forget, Garble, Half, Lose, Refuse, Silence};

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

/// The address of every name that only the wildcard of the public zone knows.
const WILDCARD: &str = "192.0.2.99";

/// How servers are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `udp://`, to bind9.
    Udp,
    /// `tcp://`, to bind9.
    Tcp,
    /// `tls://`, to unbound.
    Tls,
}

/// Who else could answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// Nobody: the fault is that of the only server.
    Nobody,
    /// A healthy second server.
    Healthy,
}

/// What clients may see of names that are not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// Nothing: every query gets its answer.
    Hidden,
    /// Failures, in time and with a reason.
    Failures,
}

/// One fault.
struct Case {
    /// What happens, for people.
    fault: &'static str,
    /// Who else could answer.
    others: Others,
    /// What clients may see.
    bound: Bound,
    /// Lets it happen, and ends when the load has ended.
    story: fn(&Stage),
    /// What node-local-dns does, by the documentation of CoreDNS's plugins.
    rival: &'static str,
}

/// The servers of all cases of a test.
struct World {
    /// Certifies.
    authority: Authority,
    /// The server.
    server: Peer,
    /// Behind it, where it is a resolver.
    _backend: Option<Peer>,
    /// The same with a certificate that nobody trusts.
    impostor: Option<Peer>,
    /// How it is spoken to.
    way: Way,
}

/// What a story is told with.
struct Stage<'a> {
    /// In front of the first server.
    proxy: &'a Proxy,
    /// In front of the second, if it is healthy.
    second: Option<&'a Proxy>,
    /// The servers.
    world: &'a World,
    /// Says that the load has ended.
    ended: Receiver<()>,
}

impl World {
    /// Starts the servers.
    fn new(way: Way) -> Self {
        let (authority, backend) = (Authority::new(), bind());
        let resolver = |by: &Authority| Peer::unbound(free_address(), backend.address, &by.certificate(&[NAME]));
        if way == Way::Tls {
            let (server, impostor) = (resolver(&authority), resolver(&Authority::new()));
            Self { authority, server, _backend: Some(backend), impostor: Some(impostor), way }
        } else {
            Self { authority, server: backend, _backend: None, impostor: None, way }
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
    fn daemon(&self, proxies: &[&Proxy]) -> Daemon {
        let servers: Vec<String> = proxies.iter().map(|proxy| self.url(proxy)).collect();
        let extra =
            if self.way == Way::Tls { format!("ca = {:?}", self.authority.file()) } else { String::new() };
        Setup::new().upstream("all", &servers, &extra).zone(".", "all", "").start()
    }

    /// Tells one story under load.
    fn tell(&self, case: &Case, seed: u64) -> Report {
        let proxy = Proxy::before(self.server.address, seed);
        let second = (case.others == Others::Healthy).then(|| Proxy::before(self.server.address, seed + 1));
        let proxies: Vec<&Proxy> = std::iter::once(&proxy).chain(&second).collect();
        let daemon = self.daemon(&proxies);
        let load = Load::on(daemon.udp_address(), &in_memory(), &format!("case-{seed}"), WILDCARD);
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
    fn pause(&self, milliseconds: u64) -> bool {
        let waited = self.ended.recv_timeout(Duration::from_millis(milliseconds));
        waited == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
    }

    /// Lets a fault begin while the load runs, and stay.
    fn stays(&self, fault: Fault) {
        self.pause(500);
        self.proxy.set(fault);
        while self.pause(1000) {}
    }

    /// Lets a fault happen for so long.
    fn passes(&self, fault: Fault, milliseconds: u64) {
        self.pause(500);
        self.proxy.set(fault);
        self.pause(milliseconds);
        self.proxy.heal();
    }

    /// Ends all connections again and again.
    fn ends_connections(&self, how: End) {
        while self.pause(100) {
            self.proxy.end_all(how);
        }
    }
}

/// Names in memory with their addresses.
fn in_memory() -> Vec<(String, &'static str)> {
    let known = [("www", "192.0.2.80"), ("mail", "192.0.2.25"), ("ns", "192.0.2.53"), ("alias", "192.0.2.80")];
    let known = known.map(|(name, address)| (format!("{name}.example.org"), address));
    known.into_iter().chain((0..36).map(|n| (format!("in-memory-{n}.example.org"), WILDCARD))).collect()
}

/// Tells all stories at once, writes their rows, and holds them to their bounds.
fn tell_all(way: Way, cases: &[Case]) {
    let needs: &[Need] = match way {
        Way::Tls => &[Need::Program("named"), Need::Program("unbound")],
        _ => &[Need::Program("named")],
    };
    if unless(needs).is_some() {
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
        let hidden = case.bound == Bound::Failures || fresh.is_perfect();
        if bad > 0 || fresh.lost > 0 || fresh.wrong > 0 || !hidden {
            broken.push(format!("{} ({way}): in memory {cached}; new {fresh}", case.fault));
        }
    }
    drop(world);
    println!("{rows}");
    if let Some(file) = std::env::var_os(TABLE) {
        OpenOptions::new().create(true).append(true).open(file).unwrap().write_all(rows.as_bytes()).unwrap();
    }
    assert!(broken.is_empty(), "asked | lost | slow | failed | wrong | p50 | p99 | max\n{broken:#?}");
}

/// N6, N7, N8: over UDP.
#[test]
fn faults_on_the_way_of_datagrams_are_not_seen_by_clients() {
    tell_all(
        Way::Udp,
        &[
            Case {
                fault: "server gone: port unreachable",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Refuse),
                rival: "next server at once; `max_fails` 2, probes every 0.5 s (`health_check`)",
            },
            Case {
                fault: "server silent",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Silence),
                rival: "2 s read timeout, then the next (`policy random`), until two probes failed (`max_fails`)",
            },
            Case {
                fault: "server silent",
                others: Others::Nobody,
                bound: Bound::Failures,
                story: |stage| stage.stays(Silence),
                rival: "random server although all are down, SERVFAIL after 5 s (at once with `failfast_all_unhealthy_upstreams`), kept for 5 s (`servfail`)",
            },
            Case {
                fault: "30 % of datagrams lost each way",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Lose(30)),
                rival: "2 s for each lost try; a probe that passes keeps the server",
            },
            Case {
                fault: "10 % of datagrams lost each way",
                others: Others::Nobody,
                bound: Bound::Failures,
                story: |stage| stage.stays(Lose(10)),
                rival: "asked again after 2 s, up to 5 s",
            },
            Case {
                fault: "answers 300-400 ms late",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| {
                    stage.stays(Delay { least: Duration::from_millis(300), jitter: Duration::from_millis(100) });
                },
                rival: "waits, up to 2 s",
            },
            Case {
                fault: "answers cut in the middle",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Half(End::Never)),
                rival: "a parse error is a failed try: the next server, and a probe",
            },
            Case {
                fault: "server flaps, 400 ms up, 400 ms gone",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Flap(Duration::from_millis(400))),
                rival: "next server at once; up again after one probe",
            },
            Case {
                fault: "server restarts, gone for 1 s",
                others: Others::Nobody,
                bound: Bound::Failures,
                story: |stage| stage.passes(Refuse, 1000),
                rival: "tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`)",
            },
        ],
    );
}

/// N7, N8, N11, N15: over TCP, as cluster DNS is asked.
#[test]
fn faults_on_the_way_of_streams_are_not_seen_by_clients() {
    tell_all(
        Way::Tcp,
        &[
            Case {
                fault: "server gone: connection refused",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Refuse),
                rival: "next server at once; `max_fails` 2, probes every 0.5 s",
            },
            Case {
                fault: "server silent, connections open",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Silence),
                rival: "2 s read timeout a query, then the next; one query a connection",
            },
            Case {
                fault: "all connections reset every 100 ms",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| stage.ends_connections(End::Reset),
                rival: "only EOF on a kept connection is tried again at once; a reset is a failed try",
            },
            Case {
                fault: "all connections closed every 100 ms",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| stage.ends_connections(End::Finish),
                rival: "EOF on a kept connection is tried again at once",
            },
            Case {
                fault: "connections reset instead of answers",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Break(End::Reset)),
                rival: "next server; probes fail, so it is down after two",
            },
            Case {
                fault: "half an answer, then FIN",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Half(End::Finish)),
                rival: "next server; probes fail, so it is down after two",
            },
            Case {
                fault: "half an answer, then silence",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Half(End::Never)),
                rival: "2 s read timeout, then the next",
            },
            Case {
                fault: "one byte every 5 ms",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Drip(Duration::from_millis(5))),
                rival: "waits, up to 2 s a query; one query a connection, so connections pile up",
            },
            Case {
                fault: "firewall forgets connections once",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| {
                    stage.pause(500);
                    stage.proxy.end_all(End::Never);
                },
                rival: "2 s read timeout for each kept connection in turn (`expire` 10 s), up to 5 s a query",
            },
            Case {
                fault: "server restarts, gone for 1 s",
                others: Others::Nobody,
                bound: Bound::Failures,
                story: |stage| stage.passes(Refuse, 1000),
                rival: "tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`)",
            },
            Case {
                fault: "both servers restart, one after the other",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| {
                    stage.passes(Refuse, 700);
                    let second = stage.second.expect("there are two");
                    stage.pause(300);
                    second.set(Refuse);
                    stage.pause(700);
                    second.heal();
                },
                rival: "next server at once; a server is up again after one probe",
            },
            Case {
                fault: "server flaps, 400 ms up, 400 ms gone",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Flap(Duration::from_millis(400))),
                rival: "next server at once; up again after one probe",
            },
        ],
    );
}

/// N8, N14, N15, N17: over TLS.
#[test]
fn faults_on_the_way_of_encrypted_streams_are_not_seen_by_clients() {
    tell_all(
        Way::Tls,
        &[
            Case {
                fault: "server gone: connection refused",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Refuse),
                rival: "next server at once; `max_fails` 2, probes every 0.5 s",
            },
            Case {
                fault: "server silent, connections open",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Silence),
                rival: "2 s read timeout a query; a new handshake may wait 1 s to 30 s (dial timeout)",
            },
            Case {
                fault: "server silent, connections open",
                others: Others::Nobody,
                bound: Bound::Failures,
                story: |stage| stage.stays(Silence),
                rival: "SERVFAIL after 5 s, kept for 5 s (`servfail`); names in memory until their TTL (`serve_stale` is off)",
            },
            Case {
                fault: "silent for 1 s, then as before",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| stage.passes(Silence, 1000),
                rival: "waits, up to 2 s a query; one query a connection, so each needs a handshake",
            },
            Case {
                fault: "answers 300-400 ms late",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| {
                    stage.stays(Delay { least: Duration::from_millis(300), jitter: Duration::from_millis(100) });
                },
                rival: "waits; one query a connection, so a handshake for each query that finds none free",
            },
            Case {
                fault: "all connections reset every 100 ms",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| stage.ends_connections(End::Reset),
                rival: "only EOF on a kept connection is tried again at once; a reset is a failed try",
            },
            Case {
                fault: "all connections closed every 100 ms",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| stage.ends_connections(End::Finish),
                rival: "EOF on a kept connection is tried again at once",
            },
            Case {
                fault: "half a TLS record, then FIN",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Half(End::Finish)),
                rival: "next server; probes fail, so it is down after two",
            },
            Case {
                fault: "half a TLS record, then silence",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Half(End::Never)),
                rival: "2 s read timeout, then the next",
            },
            Case {
                fault: "one byte every 5 ms",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Drip(Duration::from_millis(5))),
                rival: "handshakes of seconds within the dial timeout, then 2 s a query",
            },
            Case {
                fault: "a byte changed in 20 % of all pieces",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Garble(20)),
                rival: "a broken record is a failed try: the next server, and a probe",
            },
            Case {
                fault: "firewall forgets connections once",
                others: Others::Nobody,
                bound: Bound::Hidden,
                story: |stage| {
                    stage.pause(500);
                    stage.proxy.end_all(End::Never);
                },
                rival: "2 s read timeout for each kept connection in turn (`expire` 10 s), up to 5 s a query",
            },
            Case {
                fault: "firewall drops established and new for 1 s",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.passes(Forget, 1000),
                rival: "2 s read timeout, then the next",
            },
            Case {
                fault: "certificate of somebody else",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| {
                    stage.pause(500);
                    stage.proxy.redirect(stage.world.impostor.as_ref().expect("there is one").address);
                    stage.ends_connections(End::Reset);
                },
                rival: "handshake fails: the next server (only with `tls_servername`; without it anybody's passes)",
            },
            Case {
                fault: "certificate of somebody else",
                others: Others::Nobody,
                bound: Bound::Failures,
                story: |stage| {
                    stage.pause(500);
                    stage.proxy.redirect(stage.world.impostor.as_ref().expect("there is one").address);
                    stage.ends_connections(End::Reset);
                },
                rival: "SERVFAIL after 5 s, kept for 5 s (`servfail`)",
            },
            Case {
                fault: "server restarts, gone for 1 s",
                others: Others::Nobody,
                bound: Bound::Failures,
                story: |stage| stage.passes(Refuse, 1000),
                rival: "tries again for 5 s; SERVFAIL is kept for 5 s (`servfail`)",
            },
            Case {
                fault: "server flaps, 400 ms up, 400 ms gone",
                others: Others::Healthy,
                bound: Bound::Hidden,
                story: |stage| stage.stays(Flap(Duration::from_millis(400))),
                rival: "next server at once; up again after one probe",
            },
        ],
    );
}
