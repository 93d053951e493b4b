//! Which server of a group is asked, and which next.
//!
//! A server that is down is passed over as long as any other is up. When all are down, the least bad one is asked: a query is never refused because
//! everybody is believed to be dead.

use std::cell::Cell;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::config::Policy;
use crate::sys::clock::Moment;

/// What a choice is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is up, and asking it costs so much.
    Up(u64),
    /// It is down, and so bad; see [`Health::badness`](super::health::Health::badness).
    Down((Duration, Moment)),
}

/// A set of servers by their positions, at most [`crate::config::MOST_SERVERS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Servers(u64);

impl Servers {
    /// Adds one.
    pub(super) fn insert(&mut self, position: usize) {
        self.0 |= 1 << position;
    }

    /// Whether it is in the set.
    pub(super) fn contains(self, position: usize) -> bool {
        self.0 >> position & 1 == 1
    }

    /// How many there are.
    pub(super) fn count(self) -> u8 {
        u8::try_from(self.0.count_ones()).unwrap_or(u8::MAX)
    }
}

/// Chooses servers by a policy.
#[derive(Debug)]
pub(super) struct Selector {
    /// How.
    policy: Policy,
    /// Whose turn it is.
    turn: Cell<usize>,
}

impl Selector {
    /// A selector that has not chosen yet.
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, turn: Cell::new(0) }
    }

    /// The next of `count` servers to ask, other than those `asked` already; `None` if there is none.
    pub(super) fn choose(
        &self,
        count: usize,
        asked: Servers,
        standing: impl Fn(usize) -> Standing,
        random: &mut impl Rng,
    ) -> Option<usize> {
        let left = || (0..count).filter(move |position| !asked.contains(*position));
        let is_up = |position: &usize| matches!(standing(*position), Standing::Up(_));
        let up = || left().filter(is_up);
        let number = up().count();
        if number == 0 {
            return left().min_by_key(|position| match standing(*position) {
                Standing::Down(badness) => badness,
                Standing::Up(_) => Default::default(),
            });
        }
        match self.policy {
            Policy::Sequential => up().next(),
            Policy::Random => up().nth(random.random_range(0..number)),
            Policy::RoundRobin => {
                let turn = self.turn.get();
                let chosen = up().find(|position| *position >= turn).or_else(|| up().next())?;
                // A query that asks a second server does not take the turn of the next query.
                if asked == Servers::default() {
                    self.turn.set(chosen + 1);
                }
                Some(chosen)
            }
            // "The power of two choices": nearly as good as the best of all, without everybody running to the same one.
            Policy::Fastest => {
                let one = random.random_range(0..number);
                let other = (one + 1 + random.random_range(0..(number - 1).max(1))) % number;
                let (one, other) = (up().nth(one)?, up().nth(other)?);
                let cost = |position| match standing(position) {
                    Standing::Up(cost) => cost,
                    Standing::Down(_) => u64::MAX,
                };
                Some(if cost(other) < cost(one) { other } else { one })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    /// How often each server is chosen first in a thousand queries.
    fn shares(policy: Policy, servers: &[Standing]) -> Vec<usize> {
        let (selector, mut random) = (Selector::new(policy), StdRng::seed_from_u64(7));
        let mut counts = vec![0; servers.len()];
        for _ in 0..1000 {
            counts[selector.choose(servers.len(), Servers::default(), |at| servers[at], &mut random).unwrap()] += 1;
        }
        counts
    }

    /// The order in which one query asks all servers.
    fn order(policy: Policy, servers: &[Standing]) -> Vec<usize> {
        let (selector, mut random) = (Selector::new(policy), StdRng::seed_from_u64(7));
        let mut asked = Servers::default();
        let mut order = Vec::new();
        while let Some(next) = selector.choose(servers.len(), asked, |at| servers[at], &mut random) {
            asked.insert(next);
            order.push(next);
        }
        assert_eq!(usize::from(asked.count()), order.len());
        order
    }

    /// A server that is down with this back-off in seconds.
    fn down(seconds: u64) -> Standing {
        Standing::Down((Duration::from_secs(seconds), Moment::default()))
    }

    #[test]
    fn sequential_asks_in_the_order_of_the_list() {
        let servers = [Standing::Up(9), Standing::Up(1), Standing::Up(5)];
        assert_eq!(shares(Policy::Sequential, &servers), [1000, 0, 0]);
        assert_eq!(order(Policy::Sequential, &servers), [0, 1, 2]);
    }

    #[test]
    fn round_robin_asks_each_in_its_turn() {
        let servers = [Standing::Up(9), Standing::Up(1), down(1), Standing::Up(5)];
        assert_eq!(shares(Policy::RoundRobin, &servers), [334, 333, 0, 333]);
        assert_eq!(order(Policy::RoundRobin, &servers), [0, 1, 3, 2]);
    }

    #[test]
    fn random_asks_all_alike() {
        let servers = [Standing::Up(9), Standing::Up(1), down(1), Standing::Up(5)];
        let shares = shares(Policy::Random, &servers);
        assert!(shares[2] == 0 && [0, 1, 3].iter().all(|&at| (270..400).contains(&shares[at])), "{shares:?}");
    }

    #[test]
    fn fastest_asks_the_better_one_of_two_taken_at_random() {
        assert_eq!(shares(Policy::Fastest, &[Standing::Up(9), Standing::Up(1)]), [0, 1000]);
        assert_eq!(shares(Policy::Fastest, &[Standing::Up(9)]), [1000]);
        // The best of four is one of the two half of the time, the worst never wins.
        let shares = shares(Policy::Fastest, &[Standing::Up(9), Standing::Up(1), Standing::Up(5), Standing::Up(3)]);
        assert!(shares[0] == 0 && (440..560).contains(&shares[1]) && shares[3] > shares[2], "{shares:?}");
    }

    #[test]
    fn servers_that_know_nothing_of_each_other_share_alike() {
        let shares = shares(Policy::Fastest, &[Standing::Up(1), Standing::Up(1)]);
        assert!((440..560).contains(&shares[0]), "{shares:?}");
    }

    #[test]
    fn when_all_are_down_the_least_bad_are_asked_first() {
        for policy in [Policy::Fastest, Policy::Sequential, Policy::RoundRobin, Policy::Random] {
            assert_eq!(order(policy, &[down(30), down(1), down(4)]), [1, 2, 0]);
            assert_eq!(order(policy, &[down(30), Standing::Up(9), down(4)]), [1, 2, 0]);
            assert_eq!(order(policy, &[]), [0; 0]);
        }
    }

    #[test]
    fn as_many_servers_as_may_be_listed_are_told_apart() {
        let servers = vec![Standing::Up(1); crate::config::MOST_SERVERS];
        for policy in [Policy::Fastest, Policy::Sequential, Policy::RoundRobin, Policy::Random] {
            let mut order = order(policy, &servers);
            order.sort_unstable();
            assert_eq!(order, (0..crate::config::MOST_SERVERS).collect::<Vec<_>>());
        }
    }
}
