//! A steady load of queries while something goes wrong, and what its clients saw.
//!
//! Queries leave at fixed times, whether or not earlier ones were answered: a load that waits for answers measures too well.

use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use nodens::sys::clock;

use super::super::ask::{Ask, Over};
use super::super::elapsed;
use super::super::wire::{Message, rcode};

/// How long a client of the C library waits for an answer (`timeout:5` of resolv.conf). What comes later is lost.
pub(crate) const CLIENT_PATIENCE: Duration = Duration::from_secs(5);

/// What takes longer is slow. A guess: programs of people feel it.
const SLOW: Duration = Duration::from_secs(1);

/// A load in the making.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Who is asked.
    server: SocketAddr,
    /// Names that are in memory, and the address each has.
    cached: Vec<(String, &'static str)>,
    /// Begins the names that are in nobody's memory; `N-PREFIX.example.org`, which a wildcard answers.
    prefix: String,
    /// The address of those.
    wildcard: &'static str,
    /// Queries a second, one half for each kind of name.
    rate: u32,
    /// How long it lasts.
    time: Duration,
}

/// What happened to queries of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Queries sent.
    pub(crate) asked: usize,
    /// Queries without an answer in [`CLIENT_PATIENCE`].
    pub(crate) lost: usize,
    /// Answers that took longer than [`SLOW`].
    pub(crate) slow: usize,
    /// Answers that say that there is none: SERVFAIL, REFUSED.
    pub(crate) failed: usize,
    /// Answers that are not the server's: another address, or a denial.
    pub(crate) wrong: usize,
    /// Times of all answers, in order of length.
    times: Vec<Duration>,
}

/// What happened to all queries of a load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Names in memory.
    pub(crate) cached: Seen,
    /// Names in nobody's memory.
    pub(crate) fresh: Seen,
}

/// One query on its way.
struct Sent {
    /// The query.
    ask: Ask,
    /// Whether its name is in memory.
    cached: bool,
    /// The right address.
    address: &'static str,
    /// When it left.
    at: clock::Moment,
    /// Whether its answer is there.
    done: bool,
}

impl Load {
    /// A load for `server`, of names in memory (see [`Load::warm`]) and of names below example.org that only a wildcard knows.
    pub(crate) fn on(
        server: SocketAddr,
        cached: &[(String, &'static str)],
        prefix: &str,
        wildcard: &'static str,
    ) -> Self {
        let (cached, prefix) = (cached.to_vec(), prefix.to_owned());
        Self { server, cached, prefix, wildcard, rate: 80, time: Duration::from_secs(6) }
    }

    /// The same with so many queries a second.
    pub(crate) fn rate(mut self, rate: u32) -> Self {
        self.rate = rate;
        self
    }

    /// The same for another time.
    pub(crate) fn lasting(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Asks every name in memory once, so that it is there.
    #[track_caller]
    pub(crate) fn warm(&self) {
        for (name, address) in &self.cached {
            let answer = super::super::client::Udp::to(self.server).ask(&Ask::a(name));
            assert_eq!(answer.addresses().first().map(ToString::to_string).as_deref(), Some(*address), "{answer}");
        }
    }

    /// Sends the load and waits for its last answer. Every answer is checked byte for byte by [`Ask::check`].
    #[track_caller]
    pub(crate) fn run(&self) -> Report {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.server).unwrap();
        let total = u16::try_from(self.time.as_millis() * u128::from(self.rate) / 1000).expect("IDs tell all apart");
        let gap = Duration::from_secs(1) / self.rate;
        let (start, mut sent): (_, Vec<Sent>) = (clock::now(), Vec::new());
        let (mut report, mut buffer) = (Report::default(), vec![0; 65_535]);
        loop {
            let number = u16::try_from(sent.len()).expect("at most total");
            let now = elapsed(start);
            let due = gap * u32::from(number);
            if number < total && now >= due {
                let query = self.query(number);
                socket.send(&query.ask.bytes()).expect("the daemon listens");
                sent.push(query);
                continue;
            }
            let end = gap * u32::from(total) + CLIENT_PATIENCE;
            if number == total && (now >= end || sent.iter().all(|query| query.done)) {
                break;
            }
            let wait = if number < total { due - now } else { end - now };
            socket.set_read_timeout(Some(wait.max(Duration::from_micros(100)))).unwrap();
            match socket.recv(&mut buffer) {
                Ok(length) => take(&mut sent, &mut report, &buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("the daemon's socket: {error}"),
            }
        }
        for query in &sent {
            let seen = if query.cached { &mut report.cached } else { &mut report.fresh };
            seen.asked += 1;
            seen.lost += usize::from(!query.done);
        }
        report.cached.times.sort();
        report.fresh.times.sort();
        report
    }

    /// The query with this number: names in memory and others take turns.
    fn query(&self, number: u16) -> Sent {
        let cached = number.is_multiple_of(2) && !self.cached.is_empty();
        let (name, address) = if cached {
            let (name, address) = &self.cached[usize::from(number / 2) % self.cached.len()];
            (name.clone(), *address)
        } else {
            (format!("{number}-{}.example.org", self.prefix), self.wildcard)
        };
        Sent { ask: Ask::a(&name).edns(1232).id(number), cached, address, at: clock::now(), done: false }
    }
}

/// Takes an answer.
#[track_caller]
fn take(sent: &mut [Sent], report: &mut Report, bytes: &[u8]) {
    let id = Message::read(bytes).unwrap_or_else(|error| panic!("a reply does not parse: {error}\n{bytes:02x?}")).id;
    let query = sent.get_mut(usize::from(id)).expect("an answer to what was asked");
    let message = query.ask.check(bytes, Over::Udp);
    assert!(!query.done, "a second answer\n{message}");
    let took = elapsed(query.at);
    let seen = if query.cached { &mut report.cached } else { &mut report.fresh };
    if took >= CLIENT_PATIENCE {
        return;
    }
    query.done = true;
    seen.times.push(took);
    seen.slow += usize::from(took > SLOW);
    match message.rcode() {
        rcode::NOERROR if message.addresses().iter().any(|a| a.to_string() == query.address) => {}
        rcode::NOERROR | rcode::NXDOMAIN => seen.wrong += 1,
        _ => {
            assert!(!message.extended_errors().is_empty(), "a failure says why (RFC 8914)\n{message}");
            seen.failed += 1;
        }
    }
}

impl Seen {
    /// The time within which so many percent of the answers came.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let place = (self.times.len() * percent).div_ceil(100).max(1) - 1;
        self.times.get(place).copied().unwrap_or_default()
    }

    /// Whether every query got the server's answer.
    pub(crate) fn is_perfect(&self) -> bool {
        self.lost + self.failed + self.wrong == 0
    }
}

/// As the manual's table has it: asked, lost, slow, failed, wrong; then the times.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, lost, slow, failed, wrong, .. } = self;
        write!(f, "{asked} | {lost} | {slow} | {failed} | {wrong} | ")?;
        write!(f, "{} | {} | {}", time(self.percentile(50)), time(self.percentile(99)), time(self.percentile(100)))
    }
}

/// A time as people read it.
fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}
