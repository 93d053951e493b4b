//! How fast each client asks, and how much of it does not exist: for floods and storms, over ten seconds.
//!
//! What is told are samples of all answers, each with the number of answers that it stands for.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::quality::RandomState;

use super::pair::Told;
use super::table::who;

/// Sets of clients; a power of two.
const SETS: usize = 128;
/// Clients of a set.
const WAYS: usize = 4;
/// Seconds over which rates are taken.
const SECONDS: u32 = 10;

/// One client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Client {
    /// Its hash; 0 is nobody.
    tag: u64,
    /// When the ten seconds that run began.
    begun: u32,
    /// Answers in them, and those of them that were NXDOMAIN.
    counts: [u32; 2],
    /// What was told of floods, storms and refused types.
    pub(super) told: [Told; 3],
}

/// All clients.
#[derive(Debug)]
pub(super) struct Clients {
    /// Set after set.
    all: Box<[Client]>,
    /// Chooses sets.
    hashing: RandomState,
}

impl Clients {
    /// None.
    pub(super) fn new() -> Self {
        Self { all: vec![Client::default(); SETS * WAYS].into(), hashing: RandomState::default() }
    }

    /// Adds an answer that stands for `weight`; at the end of ten seconds, how many a second there were in them, of all and of NXDOMAIN.
    pub(super) fn add(
        &mut self,
        client: IpAddr,
        weight: u32,
        is_denial: bool,
        now: u32,
    ) -> Option<([u32; 2], &mut Client)> {
        let known = self.entry(client, now);
        let passed = now.saturating_sub(known.begun);
        let mut over = None;
        if passed >= SECONDS {
            // One that was silent meanwhile was not fast.
            over = (passed < 2 * SECONDS).then(|| known.counts.map(|count| count / passed));
            (known.begun, known.counts) = (now, [0, 0]);
        }
        known.counts[0] = known.counts[0].saturating_add(weight);
        known.counts[1] = known.counts[1].saturating_add(if is_denial { weight } else { 0 });
        over.map(|rates| (rates, known))
    }

    /// A client, in the place of another if it is not known.
    pub(super) fn entry(&mut self, client: IpAddr, now: u32) -> &mut Client {
        let tag = self.hashing.hash_one(who(client)) | 1;
        let at = usize::try_from(tag >> 40).unwrap_or(0) % SETS * WAYS;
        let set = &mut self.all[at..at + WAYS];
        let place = set.iter().position(|known| known.tag == tag).unwrap_or_else(|| {
            // Who asks most is forgotten last.
            let quiet = (0..WAYS).min_by_key(|at| (now.saturating_sub(set[*at].begun) < SECONDS, set[*at].counts[0]));
            let quiet = quiet.unwrap_or(0);
            set[quiet] = Client { tag, begun: now, ..Client::default() };
            quiet
        });
        &mut set[place]
    }

    /// Bytes that it takes.
    pub(super) const fn bytes() -> usize {
        SETS * WAYS * size_of::<Client>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_came_in_ten_seconds() {
        let mut clients = Clients::new();
        let client = IpAddr::from([10, 0, 0, 1]);
        for second in 100..110 {
            assert!(clients.add(client, 500, false, second).is_none());
            assert!(clients.add(client, 100, true, second).is_none());
        }
        assert_eq!(clients.add(client, 1, false, 110).unwrap().0, [600, 100]);
        assert!(clients.add(client, 1, false, 500).is_none(), "who was silent was not fast");
    }
}
