//! The addresses of one server, and which of them is used: the one that worked, IPv6 before IPv4 (RFC 8305).

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::Server;
use crate::sys::clock::Moment;

/// How long it is remembered which address worked and which did not. Afterwards the order is IPv6 first again; a path that was broken for
/// an hour is found within it.
const MEMORY: Duration = Duration::from_secs(600);

/// Where a server is, shared by all ways in which one worker speaks to it.
pub(super) struct Addresses {
    /// In the configured order; never empty.
    all: Vec<Known>,
}

/// One address.
struct Known {
    /// Where it is.
    address: SocketAddr,
    /// How many addresses of its family stand before it.
    position: usize,
    /// When it was found to be the one that works.
    chosen: Cell<Option<Moment>>,
    /// When it failed last, unless it worked since.
    failed: Cell<Option<Moment>>,
}

impl Addresses {
    /// The addresses of a server of which nothing is known yet.
    pub(super) fn new(server: &Server) -> Self {
        let mut all: Vec<Known> = Vec::new();
        for address in server.addresses() {
            let position = all.iter().filter(|known| known.address.is_ipv6() == address.is_ipv6()).count();
            all.push(Known { address, position, chosen: Cell::default(), failed: Cell::default() });
        }
        Self { all }
    }

    /// The addresses in the order in which they are tried: the one that worked, then those that did not fail, the families in turn.
    pub(super) fn order(&self, now: Moment) -> Vec<SocketAddr> {
        let mut all: Vec<&Known> = self.all.iter().collect();
        all.sort_by_key(|known| known.rank(now));
        all.into_iter().map(|known| known.address).collect()
    }

    /// The first of them.
    pub(super) fn first(&self, now: Moment) -> SocketAddr {
        let first = self.all.iter().min_by_key(|known| known.rank(now));
        first.expect("a server has an address").address
    }

    /// This one works.
    pub(super) fn worked(&self, address: SocketAddr, now: Moment) {
        for known in &self.all {
            if known.address != address {
                known.chosen.set(None);
            } else {
                known.failed.set(None);
                // The time of the choice, not of the last use: it is made anew even if the address never fails.
                if !is_recent(known.chosen.get(), now) {
                    known.chosen.set(Some(now));
                }
            }
        }
    }

    /// This one does not.
    pub(super) fn failed(&self, address: SocketAddr, now: Moment) {
        if let Some(known) = self.all.iter().find(|known| known.address == address) {
            known.chosen.set(None);
            known.failed.set(Some(now));
        }
    }
}

impl Known {
    /// Its place in the order; the smallest is first. Of those that failed, the one whose failure is longest ago.
    fn rank(&self, now: Moment) -> (Option<Moment>, bool, usize, bool) {
        let failed = self.failed.get().filter(|_| is_recent(self.failed.get(), now));
        (failed, !is_recent(self.chosen.get(), now), self.position, self.address.is_ipv4())
    }
}

/// Whether something is remembered.
fn is_recent(then: Option<Moment>, now: Moment) -> bool {
    then.is_some_and(|then| now.since(then) < MEMORY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Transport;

    /// Two addresses of each family.
    fn four() -> (Addresses, [SocketAddr; 4]) {
        let all = ["192.0.2.1:53", "192.0.2.2:53", "[2001:db8::1]:53", "[2001:db8::2]:53"].map(|a| a.parse().unwrap());
        let server =
            Server { transport: Transport::Tcp, address: all[0], further: all[1..].to_vec(), authentication: None };
        (Addresses::new(&server), all)
    }

    #[test]
    fn the_families_are_tried_in_turn_and_ipv6_first() {
        let (addresses, [a, b, c, d]) = four();
        assert_eq!(addresses.order(Moment::from_secs(1)), [c, a, d, b]);
        assert_eq!(addresses.first(Moment::from_secs(1)), c);
    }

    #[test]
    fn what_failed_comes_last_until_it_is_forgotten_or_works() {
        let (addresses, [a, b, c, d]) = four();
        addresses.failed(c, Moment::from_secs(1));
        addresses.failed(a, Moment::from_secs(2));
        assert_eq!(addresses.order(Moment::from_secs(3)), [d, b, c, a]);
        assert_eq!(addresses.order(Moment::from_secs(601)), [c, d, b, a]);
        addresses.worked(a, Moment::from_secs(601));
        assert_eq!(addresses.first(Moment::from_secs(601)), a);
    }

    #[test]
    fn what_worked_comes_first_for_a_while_however_often_it_is_used() {
        let (addresses, [a, _, c, _]) = four();
        for second in (1..600).step_by(10) {
            addresses.worked(a, Moment::from_secs(second));
            assert_eq!(addresses.first(Moment::from_secs(second)), a);
        }
        assert_eq!(addresses.first(Moment::from_secs(601)), c, "ten minutes after the choice");
    }
}
