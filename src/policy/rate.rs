//! How fast one client may ask (`limits.client-rate`): a token bucket for each, in a table that does not grow.
//!
//! **One table for all workers.** The kernel spreads a client's sockets over workers by their ports. With a bucket in each worker, a client of
//! one socket would get a part of its rate and one of many sockets all of it; with one table, the operator's number is the number. It is the one place
//! where workers write to the same memory on the way of a hit, and only where a rate is set.
//!
//! **A bucket is one number,** when it will be full again (the generic cell rate algorithm): a query moves it on by the time in which one
//! token comes, and must not move it further ahead of now than the burst. A bucket that is full again is like one that was never there.
//!
//! **No place is won back by losing it.** Where all buckets of a set are in use, a new client takes the one that is full again first, with
//! what is missing in it. So who asks most is forgotten last, and who wants to be forgotten has to find, among sets that a secret
//! chooses, seven other addresses that ask even more than he does. An IPv6 client is its prefix of 64 bits, since one
//! host has all of its addresses.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::config::Limits;
use crate::sys::clock::Moment;

/// Sets of the table.
const SETS: u64 = 4096;

/// Buckets of a set: two cache lines. With 32,768 buckets of 16 bytes the table takes 512 KiB; a node has some hundreds of clients.
const WAYS: usize = 8;

/// One client's bucket. Its two numbers are written one after the other: a worker that comes in between charges a query to the wrong
/// client, no more.
#[derive(Debug, Default)]
struct Bucket {
    /// The client's hash; 0 is nobody.
    client: AtomicU64,
    /// When it is full again, in nanoseconds since boot.
    full_at_ns: AtomicU64,
}

/// The buckets of all clients.
#[derive(Debug)]
pub struct Rates {
    /// [`SETS`] sets.
    sets: Box<[[Bucket; WAYS]]>,
    /// In what time a token comes.
    interval: Duration,
    /// How far ahead of now a bucket may be full again before a query is refused.
    tolerance: Duration,
    /// What it was made for: rate and burst.
    limits: (u32, u32),
    /// Chooses sets and tells clients apart; secret, so that nobody can choose his neighbours.
    hashing: RandomState,
}

/// What becomes of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is answered.
    pub passes: bool,
    /// Whether its client begins with what another has left, for want of buckets.
    pub is_crowded: bool,
}

impl Rates {
    /// Full buckets for everybody; `None` where no rate is set.
    #[must_use]
    pub fn new(limits: &Limits) -> Option<Self> {
        let interval = Duration::from_secs(1).checked_div(limits.client_rate)?;
        let sets = (0..SETS).map(|_| Default::default()).collect();
        let tolerance = interval.saturating_mul(limits.client_burst.saturating_sub(1));
        let limits = (limits.client_rate, limits.client_burst);
        Some(Self { sets, interval, tolerance, limits, hashing: RandomState::default() })
    }

    /// Whether it was made for these limits, so that a reload can go on with it.
    #[must_use]
    pub fn is_for(&self, limits: &Limits) -> bool {
        self.limits == (limits.client_rate, limits.client_burst)
    }

    /// Takes a token out of a client's bucket, if there is one.
    #[must_use]
    pub fn charge(&self, client: IpAddr, now: Moment) -> Verdict {
        let (bucket, is_new) = self.bucket(client);
        let mut is_crowded = false;
        let charged = bucket.full_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at_ns| {
            let full_at = Moment::from_nanos(full_at_ns).max(now);
            is_crowded = is_new && full_at > now;
            (full_at.since(now) <= self.tolerance).then(|| (full_at + self.interval).as_nanos())
        });
        Verdict { passes: charged.is_ok(), is_crowded }
    }

    /// Whether a query of a client would pass just now; takes nothing, and makes no bucket.
    #[must_use]
    pub fn would_pass(&self, client: IpAddr, now: Moment) -> bool {
        let (set, tag) = self.place(client);
        let bucket = set.iter().find(|bucket| bucket.client.load(Ordering::Relaxed) == tag);
        bucket.is_none_or(|bucket| {
            Moment::from_nanos(bucket.full_at_ns.load(Ordering::Relaxed)).since(now) <= self.tolerance
        })
    }

    /// Where a client's bucket is, and what it is marked with.
    fn place(&self, client: IpAddr) -> (&[Bucket; WAYS], u64) {
        let who = match client.to_canonical() {
            IpAddr::V4(address) => (4_u8, u64::from(u32::from(address))),
            IpAddr::V6(address) => (6, (u128::from(address) >> 64) as u64),
        };
        let hash = self.hashing.hash_one(who);
        // The set is chosen by the high half; a tag is never nobody's.
        (&self.sets[usize::try_from((hash >> 32) % SETS).unwrap_or(0)], hash | 1)
    }

    /// A client's bucket, and whether it was another's a moment ago.
    fn bucket(&self, client: IpAddr) -> (&Bucket, bool) {
        let (set, tag) = self.place(client);
        if let Some(bucket) = set.iter().find(|bucket| bucket.client.load(Ordering::Relaxed) == tag) {
            return (bucket, false);
        }
        let fullest = set.iter().min_by_key(|bucket| bucket.full_at_ns.load(Ordering::Relaxed));
        let bucket = fullest.unwrap_or(&set[0]);
        bucket.client.store(tag, Ordering::Relaxed);
        (bucket, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// Buckets of so many tokens, of which so many come in a second.
    fn rates(rate: u32, burst: u32) -> Rates {
        Rates::new(&Limits { client_rate: rate, client_burst: burst, ..Config::default().limits }).unwrap()
    }

    /// How many of `count` queries at `now` pass.
    fn passed(rates: &Rates, client: IpAddr, now: Moment, count: usize) -> usize {
        (0..count).filter(|_| rates.charge(client, now).passes).count()
    }

    /// A client of the pods' network.
    fn pod(number: u32) -> IpAddr {
        IpAddr::V4((0x0A00_0000 + number).into())
    }

    const START: Moment = Moment::from_secs(1_000);

    #[test]
    fn without_a_rate_there_is_no_table() {
        assert!(Rates::new(&Config::default().limits).is_none());
    }

    #[test]
    fn a_burst_passes_and_then_what_the_rate_lets() {
        let rates = rates(100, 50);
        assert_eq!(passed(&rates, pod(1), START, 1_000), 50);
        for second in 1..=5 {
            let in_steps = (0..250).map(|step| {
                let now = START + Duration::from_secs(second) + Duration::from_millis(4 * step);
                passed(&rates, pod(1), now, 10)
            });
            let sum: usize = in_steps.sum();
            // After the first second the bucket, which holds half a second's worth, is full once more.
            assert!((99..=101).contains(&sum) || second == 1 && (148..=151).contains(&sum), "{sum} in second {second}");
        }
        assert_eq!(passed(&rates, pod(1), START + Duration::from_secs(3_600), 1_000), 50);
    }

    #[test]
    fn to_look_at_a_bucket_takes_nothing_out_of_it() {
        let rates = rates(10, 2);
        for _ in 0..5 {
            assert!(rates.would_pass(pod(1), START));
        }
        assert_eq!(passed(&rates, pod(1), START, 5), 2);
        assert!(!rates.would_pass(pod(1), START) && rates.would_pass(pod(2), START));
        assert!(rates.would_pass(pod(1), START + Duration::from_millis(101)));
    }

    #[test]
    fn clients_do_not_hold_each_other_back() {
        let rates = rates(10, 5);
        for number in 0..300 {
            assert_eq!(passed(&rates, pod(number), START, 100), 5, "client {number}");
        }
    }

    #[test]
    fn all_addresses_of_an_ipv6_host_are_one_client_and_so_are_both_forms_of_an_ipv4_address() {
        let rates = rates(10, 4);
        let parse = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(passed(&rates, parse("2001:db8:1:2::1"), START, 4), 4);
        assert_eq!(passed(&rates, parse("2001:db8:1:2:ffff:ffff:ffff:ffff"), START, 4), 0);
        assert_eq!(passed(&rates, parse("2001:db8:1:3::1"), START, 4), 4);
        assert_eq!(passed(&rates, parse("10.0.0.9"), START, 4), 4);
        assert_eq!(passed(&rates, parse("::ffff:10.0.0.9"), START, 4), 0);
    }

    #[test]
    fn a_flood_of_addresses_neither_grows_the_table_nor_empties_the_bucket_of_who_asked_most() {
        let rates = rates(10, 1_000);
        assert_eq!(passed(&rates, pod(0), START, 5_000), 1_000);
        // Ten for each bucket; each asks twice, which is far less than the first.
        let mut crowded = 0;
        for number in 1..10 * u32::try_from(SETS).unwrap() * 8 {
            crowded += usize::from(rates.charge(pod(number), START).is_crowded);
            let _ = rates.charge(pod(number), START);
        }
        assert!(crowded > 200_000, "{crowded} began with what others had left");
        assert_eq!(passed(&rates, pod(0), START, 5_000), 0, "who asked most was not forgotten");
        assert_eq!(size_of::<Bucket>(), 16);
    }

    #[test]
    fn workers_that_charge_one_client_at_once_let_no_more_through_than_one_would() {
        let rates = rates(10, 10_000);
        let sum: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| passed(&rates, pod(1), START, 10_000))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // Two threads may both find the bucket new, no more than once each.
        assert!((10_000..=10_004).contains(&sum), "{sum}");
    }

    #[test]
    fn a_reload_with_the_same_limits_goes_on_with_the_same_buckets() {
        let limits = Limits { client_rate: 10, client_burst: 4, ..Config::default().limits };
        let rates = Rates::new(&limits).unwrap();
        assert!(rates.is_for(&limits) && !rates.is_for(&Limits { client_burst: 5, ..limits }));
    }
}
