//! A node between clients and servers of which now one, now all are out of order.
//!
//! `NODENS_SEEDS=FROM..TO` tells further stories than the usual ones: `NODENS_SEEDS=0..1000 cargo test --lib simulation::story`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::judge::{DEADLINE, Judge, Question};
use super::node::{Node, configure, query, run};
use super::server::{Fault, Server, Servers};
use super::truth::Truth;
use crate::sys::clock;
use crate::upstream::dial::take_over;
use crate::wire::header::rtype;
use crate::wire::name;

/// The node's configuration: small limits, so that they are met.
const CONFIG: &str = r#"
[listen]
workers = 1
[limits]
in-flight = 64
waiting = 128
[[upstream]]
name = "cluster"
servers = ["auto://10.96.0.10"]
[[upstream]]
name = "internet"
servers = ["tcp://192.0.2.1", "tcp://192.0.2.2"]
[[zone]]
name = "cluster.local"
upstream = "cluster"
class = "internal"
[[zone]]
name = "."
upstream = "internet"
"#;

/// The limits in it.
const LIMITS: [u64; 2] = [64, 128];

/// The servers: their zone, address, way there and back, round trips before the first query.
const SERVERS: [(usize, &str, Duration, u32); 3] = [
    (0, "10.96.0.10:53", Duration::from_millis(1), 1),
    (1, "192.0.2.1:53", Duration::from_millis(10), 2),
    (1, "192.0.2.2:53", Duration::from_millis(20), 2),
];

/// Most connections that may be open to one server: the default of `connections`, once more while the old ones drain.
const CONNECTIONS: usize = 4;

/// How long stale answers may be given: the default.
const SERVE_STALE: Duration = Duration::from_secs(86_400);

/// Names that are asked for.
const NAMES: usize = 400;

/// How long a story is.
const SPAN: Duration = Duration::from_secs(2700);

/// The mean time between two queries of one client or another.
const PACE: Duration = Duration::from_millis(500);

/// Everything in a story.
struct Story {
    /// The node.
    node: Node,
    /// What the servers know.
    truth: Rc<Truth>,
    /// The servers, in the order of [`SERVERS`].
    servers: Vec<Rc<Server>>,
    /// Who looks at the answers.
    judge: Judge,
    /// Questions without an answer yet.
    waiting: RefCell<BTreeMap<u64, Question>>,
    /// Questions so far.
    asked: Cell<u64>,
    /// A digest of all that happened.
    trace: RefCell<DefaultHasher>,
    /// Whether the servers shall stay in order from now on.
    peace: Cell<bool>,
}

/// What became of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    /// Answers by [`Verdict`].
    answers: [u64; 4],
    /// Queries that reached the servers.
    upstream: u64,
    /// A digest of all that happened.
    trace: u64,
}

impl Story {
    /// A quiet beginning.
    fn new(seed: u64) -> Rc<Self> {
        let truth = Rc::new(Truth::new(NAMES));
        let server = |(number, (_, _, round_trip, greetings)): (usize, &(usize, &str, Duration, u32))| {
            Server::new(number, Rc::clone(&truth) as _, *round_trip, *greetings)
        };
        let servers: Vec<_> = SERVERS.iter().enumerate().map(server).collect();
        let addresses = SERVERS.iter().map(|(_, address, ..)| address.parse::<SocketAddr>().unwrap());
        take_over(Rc::new(Servers(addresses.zip(servers.iter().cloned()).collect())));
        Rc::new(Self {
            node: Node::new(&configure(CONFIG)),
            judge: Judge::new(&truth, [vec![0], vec![1, 2]], SERVE_STALE, seed),
            truth,
            servers,
            waiting: RefCell::default(),
            asked: Cell::new(0),
            trace: RefCell::default(),
            peace: Cell::new(false),
        })
    }

    /// Lets a client ask.
    fn ask(self: &Rc<Self>, client: u8, wire: &[u8], qtype: u16) {
        let number = self.asked.replace(self.asked.get() + 1);
        let id = u16::try_from(number % 65_536).unwrap();
        let question = Question { id, wire: wire.to_vec(), qtype, asked: clock::now() };
        self.waiting.borrow_mut().insert(number, question);
        let story = Rc::clone(self);
        self.node.ask(IpAddr::from([10, 0, 0, client]), &query(id, wire, qtype), move |answer, at_once| {
            let question = story.waiting.borrow_mut().remove(&number).unwrap();
            let verdict = story.judge.judge(&question, answer, at_once);
            (number, question.asked.as_nanos(), clock::now().as_nanos(), verdict, answer)
                .hash(&mut *story.trace.borrow_mut());
        });
        self.check();
    }

    /// What must hold at any time besides the answers.
    fn check(&self) {
        self.judge.check();
        let waiting = self.waiting.borrow();
        if let Some((_, question)) = waiting.first_key_value()
            && clock::now().since(question.asked) > DEADLINE
        {
            self.judge.violation(question, "a client was not answered");
        }
        let load = self.node.load();
        assert!(load[0] <= LIMITS[0] && load[1] <= LIMITS[1], "more wait than may: {load:?}");
        assert_eq!(load[1], waiting.len() as u64, "who waits is not who is counted");
        for server in &self.servers {
            assert!(server.connections() <= CONNECTIONS, "{} connections to one server", server.connections());
        }
    }

    /// Clients that ask for as long as told; popular names more often than others.
    async fn live(self: Rc<Self>, seed: u64, span: Duration) {
        let mut random = StdRng::seed_from_u64(seed ^ 0xC11E);
        let end = clock::now() + span;
        while clock::now() < end {
            sleep(PACE.mul_f64(-random.random_range(f64::EPSILON..1.0).ln())).await;
            let client = random.random();
            let qtype = if random.random_bool(0.2) { rtype::AAAA } else { rtype::A };
            let wire = &self.truth.any(&mut random).wire;
            match random.random_range(0..1000) {
                // Everybody at once for one name.
                0..10 => (0..20).for_each(|_| self.ask(random.random(), wire, qtype)),
                // Names that nobody asked for before, more than have room.
                10..13 => (0..100).for_each(|_| self.ask(client, &below(random.random(), wire), qtype)),
                13..100 => self.ask(client, &below(random.random_range(0..50), wire), qtype),
                _ => self.ask(client, wire, qtype),
            }
        }
    }

    /// Faults that come and go: of one server, of all of a zone, or of all.
    async fn rage(self: Rc<Self>, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed ^ 0xFA17);
        loop {
            sleep(Duration::from_secs(random.random_range(1..120))).await;
            if self.peace.get() {
                return;
            }
            let struck: Vec<usize> = match random.random_range(0..8) {
                0..2 => vec![0],
                2 | 3 => vec![1],
                4 => vec![2],
                5 | 6 => vec![1, 2],
                _ => vec![0, 1, 2],
            };
            for server in &struck {
                self.suffer(*server, Some(fault(&mut random)));
            }
            let time = if random.random_bool(0.1) { 300_000 } else { 30_000 };
            sleep(Duration::from_millis(random.random_range(100..time))).await;
            for server in struck {
                self.suffer(server, None);
            }
        }
    }

    /// Puts a server out of order, or in order.
    fn suffer(&self, server: usize, fault: Option<Fault>) {
        self.judge.note(SERVERS[server].0, server, fault);
        self.servers[server].suffer(fault);
        (server, fault, clock::now().as_nanos()).hash(&mut *self.trace.borrow_mut());
    }
}

/// A name below another.
fn below(number: u16, wire: &[u8]) -> Vec<u8> {
    let label = name::parse(&format!("u{number}")).unwrap();
    [&label[..label.len() - 1], wire].concat()
}

/// Any fault.
fn fault(random: &mut StdRng) -> Fault {
    const SIMPLE: [Fault; 12] = [
        Fault::Silent,
        Fault::Stopped,
        Fault::Gone,
        Fault::Fail,
        Fault::Refuse,
        Fault::Close,
        Fault::Half,
        Fault::Garbage,
        Fault::OtherId,
        Fault::OtherQuestion,
        Fault::Foreign,
        Fault::Truncated,
    ];
    let slow = || Fault::Slow(Duration::from_millis(300));
    SIMPLE.get(random.random_range(0..=SIMPLE.len())).copied().unwrap_or_else(slow)
}

/// Tells a story of that length.
fn tell(seed: u64, span: Duration) -> Outcome {
    run(seed, async {
        let story = Story::new(seed);
        let faults = spawn_local(Rc::clone(&story).rage(seed));
        Rc::clone(&story).live(seed, span).await;
        // All is well again, and after a while nobody remembers; until then the judge knows what may be.
        story.peace.set(true);
        faults.abort();
        for server in 0..SERVERS.len() {
            story.suffer(server, None);
        }
        Rc::clone(&story).live(seed + 1, Duration::from_secs(60)).await;
        sleep(DEADLINE).await;
        // Popular answers are still being refreshed, each in a moment.
        for _ in 0..10 {
            if !story.node.is_idle() {
                sleep(Duration::from_millis(50)).await;
            }
        }
        story.check();
        let waiting = story.waiting.borrow().len();
        assert_eq!(
            (waiting, story.node.is_idle(), story.node.load()),
            (0, true, [0, 0]),
            "seed {seed}: not all is over"
        );
        Outcome {
            answers: story.judge.counts.each_ref().map(Cell::get),
            upstream: story.servers.iter().flat_map(|server| server.seen()).map(|seen| seen.queries).sum(),
            trace: story.trace.borrow().finish(),
        }
    })
}

/// The stories that are told: the usual ones, or those that somebody wants to hear.
fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("NODENS_SEEDS") else { return 0..4 };
    let (from, to) = text.split_once("..").expect("NODENS_SEEDS=FROM..TO");
    from.parse().unwrap()..to.parse().unwrap()
}

#[test]
fn clients_are_told_nothing_wrong_in_hours_of_faults() {
    // Two threads, each with a clock, a network and chance of its own.
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let part = |part| {
            let seeds = seeds().filter(move |seed| seed % 2 == part);
            scope.spawn(|| seeds.map(|seed| (seed, tell(seed, SPAN))).collect::<Vec<_>>())
        };
        [0, 1].map(part).into_iter().flat_map(|part| part.join().expect("the seed is told above")).collect()
    });
    let mut traces = HashSet::new();
    for (seed, outcome) in outcomes {
        println!("seed {seed}: {outcome:?}");
        let [fresh, stale, failed, shed] = outcome.answers;
        assert!(fresh > 10 * failed && stale > 0 && failed > 0 && shed > 0, "seed {seed} tells little: {outcome:?}");
        assert!(traces.insert(outcome.trace), "seed {seed} tells the story of another");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let tell = || tell(42, Duration::from_secs(600));
    assert_eq!(tell(), tell());
}
