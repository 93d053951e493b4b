//! How many connections clients may hold, over all workers.
//!
//! Touched once when a connection is accepted and once when it ends, so that a lock costs nothing that matters.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;

/// The bounds and what is open.
#[derive(Debug)]
pub struct Connections {
    /// What is open, and may be.
    open: Mutex<Open>,
}

/// What is open, and may be.
#[derive(Debug, Default)]
struct Open {
    /// Most in all.
    most: usize,
    /// Most of one client.
    most_per_client: usize,
    /// In all. Invariant: the sum of `clients`.
    total: usize,
    /// By client; none is zero.
    clients: HashMap<IpAddr, usize, RandomState>,
}

/// Which bound was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The one for all.
    Total,
    /// The one for this client.
    Client,
}

/// One open connection; dropping it makes room.
#[derive(Debug)]
pub struct Permit {
    /// Where it is counted.
    connections: Arc<Connections>,
    /// Whose it is.
    client: IpAddr,
}

impl Connections {
    /// Nothing is open.
    #[must_use]
    pub fn new(total: usize, per_client: usize) -> Arc<Self> {
        Arc::new(Self { open: Mutex::new(Open { most: total, most_per_client: per_client, ..Open::default() }) })
    }

    /// Other bounds from now on; what is open above them stays open.
    pub fn set(&self, total: usize, per_client: usize) {
        let mut open = self.open();
        (open.most, open.most_per_client) = (total, per_client);
    }

    /// Counts one more of `client`.
    ///
    /// # Errors
    ///
    /// Which bound it met.
    pub fn admit(self: &Arc<Self>, client: IpAddr) -> Result<Permit, Full> {
        let mut open = self.open();
        if open.total >= open.most {
            return Err(Full::Total);
        }
        let most = open.most_per_client;
        let count = open.clients.entry(client).or_default();
        if *count >= most {
            return Err(Full::Client);
        }
        *count += 1;
        open.total += 1;
        drop(open);
        Ok(Permit { connections: Arc::clone(self), client })
    }

    /// What is open. No code panics while it holds the lock; if some day one does, the counts are still sound.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.total -= 1;
        if let Some(count) = open.clients.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_room_comes_back() {
        let connections = Connections::new(3, 2);
        let client = |last: u8| IpAddr::from([192, 0, 2, last]);
        let first = connections.admit(client(1)).unwrap();
        let _second = connections.admit(client(1)).unwrap();
        assert_eq!(connections.admit(client(1)).unwrap_err(), Full::Client);
        let _third = connections.admit(client(2)).unwrap();
        assert_eq!(connections.admit(client(2)).unwrap_err(), Full::Total);
        drop(first);
        assert!(connections.admit(client(1)).is_ok());
        let _fourth = connections.admit(client(1)).unwrap();
        connections.set(4, 3);
        let _fifth = connections.admit(client(1)).unwrap();
        connections.set(1, 1);
        assert_eq!(connections.admit(client(3)).unwrap_err(), Full::Total);
    }
}
