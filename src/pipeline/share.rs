//! How much of what is bounded one client may hold: as much as is still free.
//!
//! So a client that is alone gets half at most, two that want everything get a third each, and however many take what they can, as
//! much as each of them holds is left for those who come later (the "dynamic threshold" of shared packet buffers, Choudhury and Hahne
//! 1998). No number has to be chosen, and nothing is divided beforehand.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::quality::RandomState;

/// What clients hold, by address. Bounded by what may be held in all: who holds nothing is not in it.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// Places held.
    held: RefCell<HashMap<IpAddr, usize, RandomState>>,
}

impl Shares {
    /// Whether `client` may take one more of `limit` places, of which `taken` are held by all together.
    pub(super) fn admits(&self, client: IpAddr, taken: usize, limit: usize) -> bool {
        let held = self.held.borrow().get(&client).copied().unwrap_or(0);
        held < limit.saturating_sub(taken)
    }

    /// `client` takes a place.
    pub(super) fn take(&self, client: IpAddr) {
        *self.held.borrow_mut().entry(client).or_default() += 1;
    }

    /// `client` gives a place back.
    pub(super) fn give_back(&self, client: IpAddr) {
        let mut held = self.held.borrow_mut();
        if let Some(count) = held.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                held.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets each of `clients` take what it is given, turn by turn, until nobody gets more; what each holds.
    fn greedy(shares: &Shares, clients: u8, limit: usize) -> Vec<usize> {
        let mut held = vec![0; usize::from(clients)];
        loop {
            let before = held.clone();
            for client in 0..clients {
                let address = IpAddr::from([10, 0, 0, client]);
                if shares.admits(address, held.iter().sum(), limit) {
                    shares.take(address);
                    held[usize::from(client)] += 1;
                }
            }
            if held == before {
                return held;
            }
        }
    }

    /// N5
    #[test]
    fn greedy_clients_leave_as_much_as_each_of_them_holds() {
        for (clients, each) in [(1, 50), (2, 33), (4, 20), (9, 10)] {
            let held = greedy(&Shares::default(), clients, 100);
            assert!(held.iter().all(|held| held.abs_diff(each) <= 1), "{held:?}");
            assert!(100 - held.iter().sum::<usize>() >= each - 1, "{held:?}");
        }
    }

    #[test]
    fn who_gives_everything_back_is_forgotten() {
        let shares = Shares::default();
        let client = IpAddr::from([10, 0, 0, 1]);
        shares.take(client);
        shares.take(client);
        shares.give_back(client);
        shares.give_back(client);
        shares.give_back(client);
        assert!(shares.held.borrow().is_empty());
    }
}
