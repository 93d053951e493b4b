//! Whether a server is asked: up, or down until it answers again.
//!
//! ```text
//!        ┌── refused, unreachable, handshake failed ──────────────────┐
//! up ────┤                                                            ├──► down ──► back-off over ──► one real query ─┐
//!        └── 3 tries in a row without an answer, of different names ──┘      ▲                        beside others   │
//! up ◄────────────────────────── any answer, whatever its RCODE ◄───────────┼───────────────────────────────────────┤
//!                                                                            └─── twice the back-off ◄── no answer ──┘
//! ```
//!
//! Only what happened to real traffic counts, and only at the transport: an RCODE never marks a server down. Silence may be the fault of
//! what was asked, since resolvers say nothing while they look for a dead domain's servers; so it takes silence about names of different domains, or
//! about names for which another server had an answer.
//!
//! Nothing here has a clock, a source of randomness or a socket: times and jitter are arguments.

use std::cell::Cell;
use std::time::Duration;

use crate::sys::clock::Moment;

/// Tries in a row without an answer after which a server is down. CoreDNS has `max_fails 2`, of probes; traffic is more.
pub(super) const FAILURES: u8 = 3;

/// How many of these must not be explained by one broken domain.
const INDEPENDENT: u8 = 2;

/// The first wait before a server that is down is tried again, before jitter.
pub(super) const FIRST_BACK_OFF: Duration = Duration::from_millis(250);

/// The longest wait, before jitter.
pub(super) const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// Bounds of the factor by which a wait is jittered, so that the nodes of a cluster do not come back to a server together.
pub(super) const JITTER: std::ops::Range<f32> = 0.8..1.2;

/// What a try without an answer tells of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// It cannot be reached, or does not prove who it is. No name explains that.
    Unreachable,
    /// A connection could not be opened in time. No name explains that either, but chance may.
    Unopened,
    /// It was asked about a name of this domain, and nothing came.
    Silent {
        /// See [`domain`].
        domain: u64,
        /// Whether another server has answered the same question.
        outdone: bool,
    },
}

/// What became of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It was up and is down.
    Down,
    /// It was down, was tried, and still is.
    StaysDown,
    /// It was down for so long, and is up.
    Up(Duration),
}

/// The state of one server.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Tries in a row without an answer.
    failures: Cell<u8>,
    /// Those among them that are not explained by the domain of an earlier one.
    independent: Cell<u8>,
    /// The domain of the last one.
    domain: Cell<u64>,
    /// Set while it is down.
    down: Cell<Option<Down>>,
}

/// A server that is down.
#[derive(Clone, Copy, Debug)]
struct Down {
    /// Since when.
    since: Moment,
    /// Whether it could not be reached; otherwise it was silent.
    unreachable: bool,
    /// Whether it was tried since the last back-off ended, and nothing is known of that.
    tried: bool,
    /// The back-off that runs, before jitter.
    back_off: Duration,
    /// When it ends.
    ends: Moment,
}

impl Health {
    /// Whether it is asked like any other.
    pub(super) fn is_up(&self) -> bool {
        self.down.get().is_none()
    }

    /// How bad a server that is down is: those with the shortest back-off first, then those that are due first. Zero if it is up.
    pub(super) fn badness(&self) -> (Duration, Moment) {
        self.down.get().map_or_else(Default::default, |down| (down.back_off, down.ends))
    }

    /// Goes on with what is known of the same server.
    pub(super) fn go_on_with(&self, before: &Self) {
        self.failures.set(before.failures.get());
        self.independent.set(before.independent.get());
        self.domain.set(before.domain.get());
        self.down.set(before.down.get());
    }

    /// It answered.
    pub(super) fn answered(&self, now: Moment) -> Option<Change> {
        self.failures.set(0);
        self.independent.set(0);
        self.down.take().map(|down| Change::Up(now.since(down.since)))
    }

    /// A connection was opened to it. That is no answer, but all that was missing if it could not be reached.
    pub(super) fn reached(&self, now: Moment) -> Option<Change> {
        if self.down.get()?.unreachable { self.answered(now) } else { None }
    }

    /// It did not answer; `jitter` is from [`JITTER`].
    pub(super) fn failed(&self, now: Moment, evidence: Evidence, jitter: f32) -> Option<Change> {
        let unreachable = matches!(evidence, Evidence::Unreachable | Evidence::Unopened);
        if let Some(mut down) = self.down.get() {
            let tried = std::mem::take(&mut down.tried);
            down.unreachable |= unreachable;
            self.down.set(Some(down));
            return tried.then_some(Change::StaysDown);
        }
        let independent = match evidence {
            Evidence::Unreachable => return Some(self.fall(now, true, jitter)),
            Evidence::Unopened => true,
            Evidence::Silent { domain, outdone } => {
                let first = self.failures.get() == 0;
                outdone || domain != self.domain.replace(domain) || first
            }
        };
        self.failures.set(self.failures.get().saturating_add(1));
        self.independent.set(self.independent.get().saturating_add(u8::from(independent)));
        self.weigh(now, unreachable, jitter)
    }

    /// Another server has answered what it was silent about.
    pub(super) fn outdone(&self, now: Moment, jitter: f32) -> Option<Change> {
        if !self.is_up() || self.failures.get() == 0 {
            return None;
        }
        self.independent.set(self.independent.get().saturating_add(1));
        self.weigh(now, false, jitter)
    }

    /// Marks it down if it was silent often enough.
    fn weigh(&self, now: Moment, unreachable: bool, jitter: f32) -> Option<Change> {
        let enough = self.failures.get() >= FAILURES && self.independent.get() >= INDEPENDENT;
        enough.then(|| self.fall(now, unreachable, jitter))
    }

    /// Marks it down.
    fn fall(&self, now: Moment, unreachable: bool, jitter: f32) -> Change {
        let ends = now + FIRST_BACK_OFF.mul_f32(jitter);
        self.down.set(Some(Down { since: now, unreachable, tried: false, back_off: FIRST_BACK_OFF, ends }));
        Change::Down
    }

    /// Whether it is time to try a server that is down. Saying so begins the next back-off, so that it is tried once in each.
    pub(super) fn is_due(&self, now: Moment, jitter: f32) -> bool {
        let Some(mut down) = self.down.get().filter(|down| now >= down.ends) else { return false };
        down.tried = true;
        down.back_off = (down.back_off * 2).min(LONGEST_BACK_OFF);
        down.ends = now + down.back_off.mul_f32(jitter);
        self.down.set(Some(down));
        true
    }

    /// When it is time to try it, and whether opening a connection would do; `None` if it is up.
    pub(super) fn due(&self) -> Option<(Moment, bool)> {
        self.down.get().map(|down| (down.ends, down.unreachable))
    }
}

/// A number for the domain that a name is thought to fail with: the name without its first label, or itself if it has no more than two.
///
/// Which names share servers cannot be seen from the outside. This is right for hosts of one domain and for services of one
/// namespace, and where it is wrong a server is marked down a query sooner or later.
pub(super) fn domain(name: &[u8]) -> u64 {
    let first = usize::from(name.first().copied().unwrap_or_default()) + 1;
    let parent = name.get(first..).unwrap_or_default();
    let second = usize::from(parent.first().copied().unwrap_or_default()) + 1;
    // The parent has at least two labels if its first one is not followed by the root.
    let domain = if parent.get(second).is_some_and(|&length| length > 0) { parent } else { name };
    // FNV-1a: whoever finds two names of one number gains that a dead server is found out a query later.
    domain.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    /// A moment to begin with.
    const START: Moment = Moment::from_secs(1000);

    /// Silence about a name.
    fn silence(name: &str) -> Evidence {
        Evidence::Silent { domain: domain(&crate::wire::name::parse(name).unwrap()), outdone: false }
    }

    /// A server that refused a connection at [`START`].
    fn down() -> Health {
        let health = Health::default();
        assert_eq!(health.failed(START, Evidence::Unreachable, 1.0), Some(Change::Down));
        health
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_down_at_once() {
        assert!(!down().is_up());
    }

    #[test]
    fn three_silences_in_a_row_about_different_domains_bring_a_server_down() {
        let health = Health::default();
        assert_eq!(health.failed(START, silence("www.example.org"), 1.0), None);
        assert_eq!(health.failed(START, silence("www.example.net"), 1.0), None);
        assert_eq!(health.failed(START, silence("www.example.org"), 1.0), Some(Change::Down));
        assert!(!health.is_up());
    }

    #[test]
    fn connections_that_cannot_be_opened_in_time_bring_a_server_down_after_three() {
        let health = Health::default();
        assert_eq!(health.failed(START, Evidence::Unopened, 1.0), None);
        assert_eq!(health.failed(START, Evidence::Unopened, 1.0), None);
        assert_eq!(health.failed(START, Evidence::Unopened, 1.0), Some(Change::Down));
        health.failed(START, silence("www.example.org"), 1.0);
        assert!(health.reached(START).is_some(), "who waited for a connection said nothing new");
    }

    #[test]
    fn any_answer_in_between_keeps_a_server_up() {
        let health = Health::default();
        for number in 0..100 {
            assert_eq!(health.failed(START, silence(&format!("www.{number}.example")), 1.0), None);
            assert_eq!(health.failed(START, silence(&format!("www.{number}.example.org")), 1.0), None);
            assert_eq!(health.answered(START), None);
        }
    }

    /// N7
    #[test]
    fn one_broken_domain_never_brings_a_server_down() {
        let health = Health::default();
        for number in 0..1000 {
            assert_eq!(health.failed(START, silence(&format!("n{number}.broken.example")), 1.0), None);
        }
        assert!(health.is_up());
    }

    #[test]
    fn silence_about_what_another_server_knows_counts_whatever_the_domain() {
        let health = Health::default();
        let Evidence::Silent { domain, .. } = silence("www.example.org") else { unreachable!() };
        assert_eq!(health.failed(START, silence("www.example.org"), 1.0), None);
        assert_eq!(health.failed(START, silence("www.example.org"), 1.0), None);
        assert_eq!(health.failed(START, Evidence::Silent { domain, outdone: true }, 1.0), Some(Change::Down));
        // The same if the other's answer comes after that was noted.
        let health = Health::default();
        for _ in 0..5 {
            assert_eq!(health.failed(START, silence("www.example.org"), 1.0), None);
        }
        assert_eq!(health.outdone(START, 1.0), Some(Change::Down));
        assert_eq!(health.outdone(START, 1.0), None);
        health.answered(START);
        assert_eq!(health.outdone(START, 1.0), None, "a server that was not silent cannot be outdone");
    }

    #[test]
    fn hosts_share_the_domain_above_them_and_domains_do_not() {
        let domain = |name: &str| domain(&crate::wire::name::parse(name).unwrap());
        assert_eq!(domain("www.example.org"), domain("mail.example.org"));
        assert_eq!(domain("www.example.org"), domain("example.org"));
        assert_ne!(domain("example.org"), domain("example.com"));
        assert_ne!(domain("a.one.svc.cluster.local"), domain("a.two.svc.cluster.local"));
        assert_ne!(domain("example.org"), domain("example.net"));
        assert_ne!(domain("org"), domain("net"));
        // Whatever it is given, it gives a number.
        assert_eq!(super::domain(&[]), super::domain(&[]));
        assert_ne!(super::domain(&[63, 1]), super::domain(&[]));
    }

    #[test]
    fn the_back_off_doubles_from_a_quarter_of_a_second_to_half_a_minute() {
        let health = down();
        let (mut now, mut waits) = (START, Vec::new());
        for _ in 0..10 {
            let (ends, _) = health.due().unwrap();
            waits.push(ends.since(now).as_millis());
            now = ends;
            assert!(!health.is_due(Moment::from_nanos(now.as_nanos() - 1), 1.0), "not before");
            assert!(health.is_due(now, 1.0), "then");
            assert!(!health.is_due(now, 1.0), "and once");
        }
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    }

    /// N7
    #[test]
    fn a_server_that_stays_down_is_tried_once_a_back_off_however_much_is_asked() {
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let health = down();
            // A query a millisecond for ten minutes.
            let tries: Vec<Moment> = (0..600_000)
                .map(|millisecond| START + Duration::from_millis(millisecond))
                .filter(|now| health.is_due(*now, random.random_range(JITTER)))
                .collect();
            assert!((24..=34).contains(&tries.len()), "seed {seed}: {} tries", tries.len());
            let gaps = tries.windows(2).map(|pair| pair[1].since(pair[0]));
            assert!(gaps.clone().all(|gap| gap >= Duration::from_millis(400)), "seed {seed}");
            assert!(gaps.max() <= Some(Duration::from_secs(36)), "seed {seed}");
        }
    }

    #[test]
    fn one_answer_brings_a_server_back_and_the_next_fall_begins_with_the_shortest_wait() {
        let health = down();
        let later = START + Duration::from_secs(100);
        assert!(health.is_due(later, 1.0) && health.badness().0 == FIRST_BACK_OFF * 2);
        assert_eq!(health.failed(later, Evidence::Unreachable, 1.0), Some(Change::StaysDown), "the try failed");
        assert_eq!(health.failed(later, Evidence::Unreachable, 1.0), None, "which is told once");
        assert_eq!(health.answered(later), Some(Change::Up(Duration::from_secs(100))));
        assert!(health.is_up());
        assert_eq!(health.failed(later, silence("www.example.org"), 1.0), None, "failures are counted anew");
        assert_eq!(health.failed(later, Evidence::Unreachable, 1.0), Some(Change::Down));
        assert_eq!(health.badness().0, FIRST_BACK_OFF);
    }

    #[test]
    fn a_connection_brings_back_what_could_not_be_reached_but_not_what_was_silent() {
        let health = down();
        assert_eq!(health.reached(START), Some(Change::Up(Duration::ZERO)));
        assert_eq!(health.reached(START), None);
        for name in ["a.example.org", "a.example.net", "a.example.com"] {
            health.failed(START, silence(name), 1.0);
        }
        assert!(!health.is_up());
        assert_eq!(health.reached(START), None, "a listening kernel is no answer");
        health.failed(START, Evidence::Unreachable, 1.0);
        assert!(health.reached(START).is_some());
    }

    /// Runs a server through random events and checks after each what must always hold.
    #[test]
    fn whatever_happens_a_server_is_up_after_an_answer_and_tried_at_most_once_a_back_off() {
        for seed in 0..200 {
            let mut random = StdRng::seed_from_u64(seed);
            let (health, mut now, mut last_try) = (Health::default(), START, None::<Moment>);
            for _ in 0..500 {
                now = now + Duration::from_millis(random.random_range(0..5000));
                let jitter = random.random_range(JITTER);
                match random.random_range(0..5) {
                    0 => {
                        health.answered(now);
                        last_try = None;
                        assert!(health.is_up(), "seed {seed}");
                    }
                    1 => {
                        health.failed(now, Evidence::Unreachable, jitter);
                        assert!(!health.is_up(), "seed {seed}");
                    }
                    2 | 3 => {
                        let domain = random.random_range(0..3);
                        health.failed(now, Evidence::Silent { domain, outdone: random.random() }, jitter);
                    }
                    _ => {
                        if health.is_due(now, jitter) {
                            let gap = last_try.map_or(LONGEST_BACK_OFF, |last| now.since(last));
                            assert!(gap >= (FIRST_BACK_OFF * 2).mul_f32(JITTER.start), "seed {seed}: {gap:?}");
                            last_try = Some(now);
                        }
                    }
                }
                if let Some((ends, _)) = health.due() {
                    assert!(ends <= now + LONGEST_BACK_OFF.mul_f32(JITTER.end), "seed {seed}");
                }
            }
        }
    }
}
