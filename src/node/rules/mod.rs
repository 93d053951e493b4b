//! Packet rules for the listen addresses: packets pass by connection tracking, and by us when we are gone.
//!
//! Connection tracking would cost an entry for each query, has races that lose answers, and fills up; so queries and answers skip it. As a
//! packet that is not tracked is not redirected either, the same rules decide whether a query for the address of the cluster's DNS service
//! comes to us (while they hold) or goes where kube-proxy sends it (when they do not). With nftables they hold for a few seconds only and
//! are prolonged every second while the worker answers: a dead-man switch, for which nobody has to be alive. The manual's chapter on rules
//! has its states.
//!
//! This does not decide whether we answer; whoever calls [`Rules::refresh`] does.

use std::net::SocketAddr;

use super::{Done, Error};
use crate::config;
use crate::config::RulesBackend;

mod iptables;
mod nftables;
#[cfg(test)]
mod tests;

use iptables::Iptables;
use nftables::Nftables;

/// The rules of a node.
#[derive(Debug)]
pub struct Rules {
    /// Who makes them.
    backend: RulesBackend,
    /// Our table; with another backend, what one before us may have left.
    nftables: Nftables,
    /// The rules of iptables; with another backend, what one before us, or node-cache, may have left.
    iptables: Iptables,
    /// Whether leftovers were looked for.
    is_clean: bool,
    /// Whether [`Rules::remove`] does anything.
    teardown: bool,
}

impl Rules {
    /// The rules for these listeners, loopback and addresses that stand for all excepted, and for the addresses that probes ask. Nothing is
    /// done yet.
    #[must_use]
    pub fn new(config: &config::Rules, listeners: &[SocketAddr], health: &[SocketAddr]) -> Self {
        let needs_rules = |address: &SocketAddr| !address.ip().is_loopback() && !address.ip().is_unspecified();
        let listeners: Vec<SocketAddr> = listeners.iter().copied().filter(needs_rules).collect();
        // One that stands for all is asked where the listeners are.
        let places = |health: &SocketAddr| -> Vec<SocketAddr> {
            if health.ip().is_unspecified() {
                return listeners.iter().map(|listener| SocketAddr::new(listener.ip(), health.port())).collect();
            }
            Some(*health).into_iter().filter(needs_rules).collect()
        };
        let health: Vec<SocketAddr> = health.iter().flat_map(places).collect();
        let mut ports: Vec<u16> = health.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        Self {
            backend: config.backend,
            nftables: Nftables::new(config, &listeners, &health),
            iptables: Iptables::new(&listeners, &ports),
            is_clean: false,
            teardown: config.teardown,
        }
    }

    /// Installs the rules, or repairs what is missing, doubled or altered. With nftables they begin to hold with the first call. The first
    /// call also removes what node-cache or a run with another backend has left: rules that always hold would break the dead-man switch.
    ///
    /// # Errors
    ///
    /// If rules cannot be read or written; what was there stays. Worth another try, sooner for `iptables_lock`.
    pub async fn reconcile(&mut self) -> Result<Done, Error> {
        let done = match self.backend {
            RulesBackend::None => return Ok(Done::Unchanged),
            RulesBackend::Nftables => self.nftables.reconcile()?,
            RulesBackend::Iptables => self.iptables.reconcile().await?,
        };
        if !self.is_clean {
            self.clean().await?;
            self.is_clean = true;
        }
        Ok(done)
    }

    /// Lets the rules hold for another `rules.timeout`; to be called every second while the worker answers. A table that somebody has removed
    /// is put back. Does nothing for other backends than nftables.
    ///
    /// # Errors
    ///
    /// If the kernel refuses; the rules end by themselves then.
    pub async fn refresh(&mut self) -> Result<Done, Error> {
        match self.backend {
            RulesBackend::Nftables => self.nftables.refresh(),
            RulesBackend::None | RulesBackend::Iptables => Ok(Done::Unchanged),
        }
    }

    /// Opens the way around us at once, until [`Rules::refresh`] is called again. Does nothing for other backends than nftables.
    ///
    /// # Errors
    ///
    /// If the kernel refuses; the rules end by themselves after `rules.timeout`.
    pub async fn withdraw(&mut self) -> Result<(), Error> {
        match self.backend {
            RulesBackend::Nftables => self.nftables.withdraw().map(|_| ()),
            RulesBackend::None | RulesBackend::Iptables => Ok(()),
        }
    }

    /// Waits until somebody else has changed our rules, as far as the kernel tells of it: with nftables. Otherwise never ends. May be dropped
    /// at any time.
    pub async fn changed(&mut self) {
        let heard = match self.backend {
            RulesBackend::Nftables => self.nftables.changed().await.is_ok(),
            RulesBackend::None | RulesBackend::Iptables => false,
        };
        if !heard {
            // Then the interval has to do.
            std::future::pending::<()>().await;
        }
    }

    /// Removes everything of ours, and what node-cache or a run with another backend has left; nothing if `rules.teardown` is off. Takes a few
    /// seconds at most.
    ///
    /// # Errors
    ///
    /// If something could not be removed; the text says what is left.
    pub async fn remove(&mut self) -> Result<(), Error> {
        if !self.teardown || self.backend == RulesBackend::None {
            return Ok(());
        }
        let removed = self.nftables.remove_if_there(self.backend == RulesBackend::Nftables);
        let cleaned = self.iptables.remove(self.backend == RulesBackend::Iptables).await;
        match (removed, cleaned) {
            (Err(one), Err(other)) => Err(one.and(&other)),
            (one, other) => one.and(other),
        }
    }

    /// Removes what others have left.
    async fn clean(&mut self) -> Result<(), Error> {
        match self.backend {
            RulesBackend::None => Ok(()),
            RulesBackend::Nftables => self.iptables.remove(false).await,
            RulesBackend::Iptables => {
                self.nftables.remove_if_there(false)?;
                self.iptables.remove_foreign().await
            }
        }
    }
}
