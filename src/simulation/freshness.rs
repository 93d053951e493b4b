//! An hour of names of all popularities: what refreshing ahead spares clients, and what it costs servers.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use super::node::{Node, configure, query, run};
use super::server::{Knowledge, Server, Servers};
use crate::sys::clock::{self, Moment};
use crate::upstream::dial::take_over;
use crate::wire::header::rtype;
use crate::wire::name;

/// Names, of which the first is asked most often.
const NAMES: usize = 300;

/// An hour, and as much before it to get used to what is asked.
const SPAN: Duration = Duration::from_secs(3600);

/// The TTL of all answers, in seconds.
const TTL: u32 = 60;

/// One address for every name.
struct Everything;

impl Knowledge for Everything {
    fn answer(&self, _server: usize, query: &[u8], _foreign: bool) -> Vec<u8> {
        let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let mut answer = query[..end].to_vec();
        answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        answer.extend([0xC0, 12, 0, 1, 0, 1]);
        answer.extend(TTL.to_be_bytes());
        answer.extend([0, 4, 192, 0, 2, 1]);
        answer
    }
}

/// What an hour came to.
#[derive(Debug)]
struct Hour {
    /// Queries at the server.
    upstream: u64,
    /// Queries of clients that had to wait, by how often their name was asked: three times a minute at least, or less often.
    misses: [u64; 2],
}

/// An hour with that number of uses that make an answer popular.
fn hour(prefetch: u16, seed: u64) -> Hour {
    run(seed, async move {
        let server = Server::new(0, Rc::new(Everything), Duration::from_millis(10), 1);
        take_over(Rc::new(Servers(BTreeMap::from([("192.0.2.1:53".parse().unwrap(), Rc::clone(&server))]))));
        let node = Node::new(&configure(&format!(
            "[listen]\nworkers = 1\n[cache]\nprefetch = {prefetch}\n[[upstream]]\nname = \"all\"\nservers = [\"tcp://192.0.2.1\"]\n\
             [[zone]]\nname = \".\"\nupstream = \"all\"\n"
        )));
        let misses: [Rc<Cell<u64>>; 2] = Default::default();
        let mut random = StdRng::seed_from_u64(seed);
        // Times between two queries of a name: evenly for the popular ones, by chance for the others; from five seconds to an hour.
        let mean = |number: usize| Duration::from_secs_f64(5.0 * 720_f64.powf(number as f64 / NAMES as f64));
        let is_popular = |number: usize| mean(number) <= Duration::from_secs(20);
        let mut next: BTreeMap<(u64, usize), ()> = BTreeMap::new();
        for number in 0..NAMES {
            let first = clock::now() + mean(number).mul_f64(random.random());
            next.insert((first.as_nanos(), number), ());
        }
        let (begun, mut before) = (clock::now(), 0);
        while let Some(((at, number), ())) = next.pop_first() {
            let at = Moment::from_nanos(at);
            if at.since(begun) > SPAN * 2 {
                break;
            }
            sleep(at.since(clock::now())).await;
            let counts = at.since(begun) > SPAN;
            if !counts {
                before = server.seen().iter().map(|seen| seen.queries).sum();
            }
            let miss = Rc::clone(&misses[usize::from(!is_popular(number))]);
            let wire = name::parse(&format!("n{number}.d{}.example", number % 17)).unwrap();
            node.ask(IpAddr::from([10, 0, 0, 1]), &query(1, &wire, rtype::A), move |_, at_once| {
                if counts && !at_once {
                    miss.set(miss.get() + 1);
                }
            });
            let pause = if is_popular(number) { 1.0 } else { -random.random_range(f64::EPSILON..1.0_f64).ln() };
            next.insert(((at + mean(number).mul_f64(pause)).as_nanos(), number), ());
        }
        let all: u64 = server.seen().iter().map(|seen| seen.queries).sum();
        Hour { upstream: all - before, misses: misses.map(|misses| misses.get()) }
    })
}

/// N27
#[test]
fn popular_names_never_make_a_client_wait_for_a_tenth_more_queries_at_most() {
    for seed in 0..2 {
        let (without, with) = (hour(0, seed), hour(3, seed));
        println!("without: {without:?}, with: {with:?}");
        assert!(without.misses[0] > 1_000, "without it, popular names are misses once a minute: {without:?}");
        assert_eq!(with.misses[0], 0, "{with:?}");
        assert!(with.misses[1] < without.misses[1], "{with:?}, {without:?}");
        assert!(with.upstream * 100 <= without.upstream * 110, "{with:?}, {without:?}");
    }
}
