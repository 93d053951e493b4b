//! A thousand nodes, one resolver and one DNS of the cluster: what the servers see when they fail, and when they are back.
//!
//! Each node is a whole worker with its cache; its clients ask at random times, half of the time for names that everybody asks for, half for
//! names that nobody asked for before. Both servers suffer the same at the same time: the groups of a node share nothing.
//!
//! The figures are in the manual's chapter on fleets.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use super::node::{Node, configure, query, run};
use super::server::{Fault, Seen, Server, Servers};
use super::truth::Truth;
use crate::sys::clock::{self, Moment};
use crate::upstream::dial::take_over;
use crate::wire::header::{self, flag, rcode, rtype};
use crate::wire::name;

/// What each node is configured with; the resolver stands for one over TLS, whose greeting takes a round trip more.
const CONFIG: &str = r#"
[listen]
workers = 1
[cache]
size = "1MiB"
[[upstream]]
name = "cluster"
servers = ["auto://10.96.0.10"]
[[upstream]]
name = "internet"
servers = ["tcp://192.0.2.1"]
[[zone]]
name = "cluster.local"
upstream = "cluster"
class = "internal"
[[zone]]
name = "."
upstream = "internet"
"#;

/// The servers: name, address, way there and back, round trips before the first query.
const SERVERS: [(&str, &str, Duration, u32); 2] = [
    ("cluster DNS", "10.96.0.10:53", Duration::from_millis(1), 1),
    ("resolver", "192.0.2.1:53", Duration::from_millis(10), 2),
];

/// Nodes.
const NODES: usize = 1000;

/// Names that everybody asks for.
const NAMES: usize = 200;

/// Questions of a node's clients a second and zone.
const RATE: f64 = 0.2;

/// The time before an outage, of which the second half is the steady state.
const BEFORE: u64 = 20;

/// The time that is looked at after one.
const AFTER: u64 = 15;

/// A node, and what its clients wait for.
struct Member {
    /// The node.
    node: Node,
    /// By server: since when a client waits without a break; not before the end of the outage.
    needs: [Cell<Option<Moment>>; 2],
    /// By server: how long clients waited after the outage until the first got an answer.
    waited: [Cell<Duration>; 2],
    /// By server: whether one got an answer.
    served: [Cell<bool>; 2],
    /// By server: clients that wait.
    waiting: [Cell<u64>; 2],
}

/// All nodes.
struct Fleet {
    /// The nodes.
    members: Vec<Member>,
    /// The servers, in the order of [`SERVERS`].
    servers: Vec<Rc<Server>>,
    /// What they know.
    truth: Rc<Truth>,
    /// Whether the outage is over.
    over: Cell<bool>,
    /// Answers, and failures, so far.
    answers: RefCell<[u64; 2]>,
}

/// What to make of the counts of many seconds.
type Fold = fn(u64, u64) -> u64;

/// What a server saw.
#[derive(Debug)]
struct Report {
    /// In a second of the steady state.
    steady: Seen,
    /// In the worst second of the outage.
    outage: Seen,
    /// In the worst second after it.
    peak: Seen,
    /// In all seconds after it.
    after: Seen,
    /// For how long the clients of a node waited after the outage until one was answered: half of all nodes, 99 of 100, all.
    waited: [Duration; 3],
}

impl Fleet {
    /// Nodes that have just started.
    fn new() -> Rc<Self> {
        let truth = Rc::new(Truth::new(NAMES));
        let server = |(number, (_, _, round_trip, greetings)): (usize, &(&str, &str, Duration, u32))| {
            Server::new(number, Rc::clone(&truth) as _, *round_trip, *greetings)
        };
        let servers: Vec<_> = SERVERS.iter().enumerate().map(server).collect();
        let addresses = SERVERS.iter().map(|(_, address, ..)| address.parse().unwrap());
        take_over(Rc::new(Servers(addresses.zip(servers.iter().cloned()).collect())));
        let shared = configure(CONFIG);
        let member = |_| Member {
            node: Node::new(&shared),
            needs: Default::default(),
            waited: Default::default(),
            served: Default::default(),
            waiting: Default::default(),
        };
        Rc::new(Self {
            members: (0..NODES).map(member).collect(),
            servers,
            truth,
            over: Cell::new(false),
            answers: RefCell::default(),
        })
    }

    /// Lets a client of a node ask.
    fn ask(self: &Rc<Self>, member: usize, zone: usize, wire: &[u8]) {
        let (fleet, asked) = (Rc::clone(self), clock::now());
        let own = &self.members[member];
        own.waiting[zone].set(own.waiting[zone].get() + 1);
        own.needs[zone].set(own.needs[zone].get().or(Some(asked)));
        own.node.ask(IpAddr::V4(Ipv4Addr::LOCALHOST), &query(1, wire, rtype::A), move |answer, at_once| {
            let own = &fleet.members[member];
            own.waiting[zone].set(own.waiting[zone].get() - 1);
            let good = matches!(header::flags(answer) & flag::RCODE, rcode::NOERROR | rcode::NXDOMAIN);
            fleet.answers.borrow_mut()[usize::from(!good)] += 1;
            let served = good && !at_once;
            if served || own.waiting[zone].get() == 0 {
                let since = own.needs[zone].take().unwrap_or(asked);
                if fleet.over.get() && !own.served[zone].get() {
                    own.waited[zone].set(own.waited[zone].get() + clock::now().since(since));
                    own.served[zone].set(served);
                }
            }
        });
    }

    /// Clients that ask for so many seconds.
    async fn live(self: &Rc<Self>, random: &mut StdRng, seconds: u64) {
        let end = clock::now() + Duration::from_secs(seconds);
        let pace = 1.0 / (RATE * 2.0 * NODES as f64);
        loop {
            sleep(Duration::from_secs_f64(-random.random_range(f64::EPSILON..1.0).ln() * pace)).await;
            if clock::now() >= end {
                return;
            }
            // Half of all names are of each zone.
            let name = self.truth.any(random);
            let label = name::parse(&format!("u{}", random.random::<u32>())).unwrap();
            let below = [&label[..label.len() - 1], &name.wire].concat();
            let wire = if random.random_bool(0.5) { &name.wire } else { &below };
            self.ask(random.random_range(0..NODES), name.zone, wire);
        }
    }

    /// The servers go out of order for so many seconds.
    async fn outage(self: Rc<Self>, fault: Fault, seconds: u64) -> [Report; 2] {
        let mut random = StdRng::seed_from_u64(1);
        self.live(&mut random, BEFORE).await;
        self.servers.iter().for_each(|server| server.suffer(Some(fault)));
        self.live(&mut random, seconds).await;
        self.servers.iter().for_each(|server| server.suffer(None));
        self.over.set(true);
        let now = clock::now();
        for member in &self.members {
            for zone in 0..2 {
                member.needs[zone].set((member.waiting[zone].get() > 0).then_some(now));
            }
        }
        self.live(&mut random, AFTER).await;
        [0, 1].map(|zone| self.report(zone, seconds))
    }

    /// What a server saw.
    fn report(&self, zone: usize, seconds: u64) -> Report {
        let mut seen = self.servers[zone].seen();
        seen.resize(usize::try_from(BEFORE + seconds + AFTER).unwrap(), Seen::default());
        let after = seen.split_off(usize::try_from(BEFORE + seconds).unwrap());
        let outage = seen.split_off(usize::try_from(BEFORE).unwrap());
        let steady = &seen[seen.len() / 2..];
        let with = |seen: &[Seen], fold: Fold| Seen {
            attempts: seen.iter().map(|seen| seen.attempts).fold(0, fold),
            handshakes: seen.iter().map(|seen| seen.handshakes).fold(0, fold),
            queries: seen.iter().map(|seen| seen.queries).fold(0, fold),
        };
        let (mean, number) = (with(steady, u64::wrapping_add), steady.len() as u64);
        let mut waited: Vec<_> = self
            .members
            .iter()
            .filter(|member| member.served[zone].get())
            .map(|member| member.waited[zone].get())
            .collect();
        waited.sort_unstable();
        Report {
            steady: Seen {
                attempts: mean.attempts / number,
                handshakes: mean.handshakes / number,
                queries: mean.queries / number,
            },
            outage: with(&outage, u64::max),
            peak: with(&after, u64::max),
            after: with(&after, u64::wrapping_add),
            waited: [50, 99, 100].map(|percent| waited[(waited.len() * percent / 100).min(waited.len() - 1)]),
        }
    }
}

/// An outage of both servers.
fn outage(fault: Fault, seconds: u64) -> [Report; 2] {
    run(1, async {
        let fleet = Fleet::new();
        let reports = Rc::clone(&fleet).outage(fault, seconds).await;
        for ((name, ..), report) in SERVERS.iter().zip(&reports) {
            let [middle, most, all] = report.waited;
            println!("{fault:?}: {name} (attempts, handshakes, queries a second)");
            println!("  steady {}, worst of the outage {}", report.steady, report.outage);
            println!("  worst after it {}, in all {}", report.peak, report.after);
            println!("  clients waited {middle:?} on half of the nodes, {most:?} on 99 %, {all:?} on all");
        }
        println!("answers and failures: {:?}", fleet.answers.borrow());
        reports
    })
}

impl Report {
    /// The worst second's queries, at any time, are no more than so many times those of the steady state.
    fn queries_stay_below(&self, factor: f64) {
        let worst = self.outage.queries.max(self.peak.queries);
        assert!(worst as f64 <= factor * self.steady.queries as f64, "{worst} queries a second: {self:?}");
    }

    /// Each node opens no more than one connection, and none before a client asks.
    fn handshakes_follow_clients(&self) {
        assert!(self.after.handshakes <= NODES as u64 * 11 / 10, "more than one handshake a node: {self:?}");
        assert!(self.peak.handshakes <= self.peak.queries * 2, "handshakes for nobody: {self:?}");
    }

    /// On every node where a client waits, one has an answer within that time.
    fn answers_come_within(&self, time: Duration) {
        assert!(self.waited[2] <= time, "{self:?}");
    }
}

/// N16: the clients pace the handshakes.
#[test]
fn after_a_restart_of_ten_seconds_no_node_opens_two_connections_and_no_client_waits_a_second() {
    let [cluster, resolver] = outage(Fault::Gone, 10);
    for report in [&cluster, &resolver] {
        report.queries_stay_below(2.0);
        report.handshakes_follow_clients();
        report.answers_come_within(Duration::from_secs(1));
    }
}

/// N8: those who wait are answered in the first second, and are as many as asked in the time that a client waits.
#[test]
fn after_a_minute_without_packets_all_who_wait_are_answered_and_nothing_more_is_asked() {
    let [cluster, resolver] = outage(Fault::Silent, 60);
    cluster.queries_stay_below(3.0);
    resolver.queries_stay_below(1.0 + 5.0);
    resolver.handshakes_follow_clients();
    resolver.answers_come_within(Duration::from_secs(1));
    // A datagram that was lost is sent again after try-timeout.
    cluster.answers_come_within(Duration::from_millis(2600));
}

#[test]
fn a_server_that_takes_five_seconds_is_not_buried_under_second_tries_and_handshakes() {
    let [cluster, resolver] = outage(Fault::Slow(Duration::from_secs(5)), 30);
    resolver.queries_stay_below(3.0);
    // Third tries come out of a budget, but all nodes have saved up some.
    cluster.queries_stay_below(4.0);
    assert!(resolver.outage.handshakes <= resolver.steady.queries * 3 / 2, "{resolver:?}");
}
