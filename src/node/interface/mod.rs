//! The link that carries the listen addresses: made, repaired, recognised, taken down. Needs N3, N19, N21.
//!
//! **Whose link it is** is said by its alias, [`ALIAS`]. A link of the configured name without it is
//!
//! - a *leftover*, and made ours, if it is a dummy (or a bridge without ports) that has no alias at all and no address but those it is to carry, each as
//!   /32 or /128: that is what a Go node-cache leaves, and what a process of ours leaves that is killed between two steps;
//! - *lent*, with `interface.take-over`: the addresses are added, nothing else is touched, and at the end only they are removed;
//! - *foreign* otherwise, and refused.
//!
//! On a link of ours an address that is not to be there is removed: it is one of an earlier configuration, and would keep queries to a service on the node
//! where nobody answers them. The link-local address that the kernel gives every link stays. An address that another link of the node has stays there alone.
//!
//! **Two owners** who undo each other's work would wake each other for ever. [`MOST_REPAIRS`] repairs a minute are made on the kernel's word; then
//! [`Interface::changed`] holds back until the minute is over.

mod table;

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use self::table::{BRIDGE, Change, DUMMY, Held, Link, Tables};
use super::{Done, Error, Step};
use crate::config;
use crate::sys::route::Route;
use crate::sys::socket::has_ipv6;

/// What marks a link as ours.
pub const ALIAS: &str = "nodens";

/// Repairs a minute on the kernel's word. A guess: one careless script does less, and a fight of two owners is cheap at this rate.
pub const MOST_REPAIRS: usize = 10;

/// The time in which they are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// How long changes are collected: whoever flushes a link's addresses removes them one by one.
const SETTLE: Duration = Duration::from_millis(20);

/// Times that a step is begun anew because the link went away within it.
const TRIES: usize = 3;

/// Bytes of one message of the kernel.
const ROOM: usize = 16 << 10;

/// The groups of changes that matter.
const GROUPS: libc::c_int = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;

/// The link.
#[derive(Debug)]
pub struct Interface {
    /// The operator's will.
    config: config::Interface,
    /// The addresses it is to carry.
    addresses: Vec<IpAddr>,
    /// The kernel's word of changes; `None` before the first look, and where there is none to be had.
    events: Option<AsyncFd<Route>>,
    /// What the link was made as, or found to be.
    kind: Option<String>,
    /// Its number in the kernel's messages.
    index: Option<u32>,
    /// Whether a change was seen that nobody was told of yet.
    is_due: bool,
    /// When the last repairs were made or failed, at most [`MOST_REPAIRS`].
    repairs: VecDeque<Instant>,
    /// How often there was a rest, since too much had to be repaired.
    held_back: u64,
    /// When the last of them was told.
    rested: Option<Instant>,
    /// What was said once and need not be said again.
    said: Vec<String>,
}

/// Whose a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Ours, by its alias.
    Us,
    /// Nobody's any more.
    Nobody,
    /// Somebody else's, who lends it.
    Lender,
    /// Somebody else's.
    Stranger,
}

impl Interface {
    /// The link for these listen addresses. Nothing is touched yet.
    #[must_use]
    pub fn new(config: &config::Interface, listeners: &[IpAddr]) -> Self {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in listeners.iter().filter(|address| config::Interface::carries(**address)) {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        Self {
            config: config.clone(),
            addresses,
            events: None,
            kind: None,
            index: None,
            is_due: false,
            repairs: VecDeque::new(),
            held_back: 0,
            rested: None,
            said: Vec::new(),
        }
    }

    /// What the link is: "dummy", or "bridge" where the kernel has no dummies; `None` before it was made or found.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Rests taken because somebody undoes our repairs; one a minute at most.
    #[must_use]
    pub const fn held_back(&self) -> u64 {
        self.held_back
    }

    /// Makes the link, or repairs what is not as it should be. Does nothing unless `interface.manage` is set.
    ///
    /// # Errors
    ///
    /// `interface_check` if the link cannot be looked at or is a stranger's; `interface_add` if it or an address cannot be made.
    pub async fn reconcile(&mut self) -> Result<Done, Error> {
        if !self.config.manage {
            return Ok(Done::Unchanged);
        }
        // Before anything is looked at, so that no change falls between the look and the wait.
        self.listen();
        let mut done = self.attempt();
        for _ in 1..TRIES {
            match &done {
                Err(fault) if fault.is_gone() => done = self.attempt(),
                _ => break,
            }
        }
        // What fails is worth a rest as well.
        if !matches!(done, Ok(Done::Unchanged)) {
            if self.repairs.len() == MOST_REPAIRS {
                self.repairs.pop_front();
            }
            self.repairs.push_back(Instant::now());
        }
        let done = done.map_err(|fault| fault.error)?;
        if done == Done::Repaired {
            info!(link = self.config.name, kind = self.kind(), "repaired");
        }
        Ok(done)
    }

    /// Waits until a change of the kernel's tables may concern the link. May be dropped and called again: nothing is lost.
    pub async fn changed(&mut self) {
        if !self.config.manage || self.events.is_none() {
            // The interval is left.
            return pending().await;
        }
        while !self.is_due {
            self.is_due = self.read().await;
        }
        sleep(SETTLE).await;
        let oldest = self.repairs.front().filter(|_| self.repairs.len() == MOST_REPAIRS).copied();
        if let Some(until) = oldest.map(|oldest| oldest + WINDOW).filter(|until| *until > Instant::now()) {
            // Whoever waits for other things, too, asks again and again within one rest.
            if self.rested.is_none_or(|before| before.elapsed() >= WINDOW) {
                self.rested = Some(Instant::now());
                self.held_back += 1;
                warn!(
                    link = self.config.name,
                    "repaired {MOST_REPAIRS} times within a minute; somebody else changes it, see \"ip monitor link address\". It is left for {:?}",
                    until - Instant::now()
                );
            }
            sleep_until(until).await;
        }
        // What came meanwhile is seen by the same look.
        self.drain();
        self.is_due = false;
    }

    /// Removes what is ours: the link, or from a lent link the addresses. Leaves all if `interface.teardown` is not set.
    ///
    /// # Errors
    ///
    /// `interface_add` if it cannot be removed, `interface_check` if it cannot be looked at. That it is gone already is none.
    pub async fn remove(&mut self) -> Result<(), Error> {
        if !self.config.manage || !self.config.teardown {
            return Ok(());
        }
        self.events = None;
        let name = self.config.name.clone();
        let mut tables = Tables::open().map_err(|error| self.unseen(&error))?;
        let Some(link) = tables.link(&name).map_err(|error| self.unseen(&error))? else {
            return Ok(());
        };
        let on_it = held_by(&mut tables, link.index).map_err(|error| self.unseen(&error))?;
        let removed = match self.owner(&mut tables, &link, &on_it).map_err(|error| self.unseen(&error))? {
            Owner::Us | Owner::Nobody => tables.delete(link.index),
            Owner::Lender => self
                .wanted(link.index)
                .into_iter()
                .filter(|held| on_it.contains(held))
                .try_for_each(|held| tables.take(held)),
            Owner::Stranger => Ok(()),
        };
        match removed {
            Ok(()) => {
                info!(link = name, "removed");
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(Error::new(
                Step::InterfaceAdd,
                format!("cannot remove link {name}: {error}; \"ip link delete {name}\" does it by hand"),
            )),
        }
    }

    //------ One look ------------------------------------------------------------

    /// Looks once, and makes what is missing.
    fn attempt(&mut self) -> Result<Done, Fault> {
        let mut tables = Tables::open().map_err(|error| self.check(&error))?;
        let name = self.config.name.clone();
        let mut done = Done::Unchanged;
        let link = match tables.link(&name).map_err(|error| self.check(&error))? {
            Some(link) => link,
            None => {
                let kind = create(&mut tables, &name).map_err(|error| self.uncreated(&error))?;
                done = Done::Created;
                let link = tables.link(&name).map_err(|error| self.check(&error))?;
                let link = link.ok_or_else(|| self.check(&io::Error::from_raw_os_error(libc::ENODEV)))?;
                info!(link = name, kind, "created");
                link
            }
        };
        let on_it = held_by(&mut tables, link.index).map_err(|error| self.check(&error))?;
        let owner = self.owner(&mut tables, &link, &on_it).map_err(|error| self.check(&error))?;
        if owner == Owner::Stranger {
            return Err(self.stranger(&link, &on_it));
        }
        let repaired = |done: &mut Done| {
            if *done == Done::Unchanged {
                *done = Done::Repaired;
            }
        };
        if owner == Owner::Nobody {
            tables.mark(link.index, ALIAS).map_err(|error| self.add(&format!("mark link {name} as ours"), &error))?;
            if done == Done::Unchanged {
                info!(link = name, kind = link.kind, "taken over from a process that left it");
            }
            repaired(&mut done);
        }
        if !link.is_up {
            tables.raise(link.index).map_err(|error| self.add(&format!("set link {name} up"), &error))?;
            repaired(&mut done);
        }
        self.index = Some(link.index);
        self.kind = link.kind;
        if self.addresses(&mut tables, link.index, owner)? {
            repaired(&mut done);
        }
        Ok(done)
    }

    /// Removes the addresses that are not to be on the link, unless it is lent, and adds those that are missing; whether there were any.
    fn addresses(&mut self, tables: &mut Tables, index: u32, owner: Owner) -> Result<bool, Fault> {
        let name = self.config.name.clone();
        let all = tables.addresses().map_err(|error| self.check(&error))?;
        let (on_it, elsewhere): (Vec<Held>, Vec<Held>) = all.into_iter().partition(|held| held.index == index);
        let wanted = self.wanted(index);
        let mut changed = false;
        for held in
            on_it.iter().filter(|held| owner != Owner::Lender && !wanted.contains(held) && !is_of_the_kernel(held))
        {
            match tables.take(*held) {
                Ok(()) => info!(link = name, address = %held, "removed: it is not one of listen.addresses"),
                Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
                Err(error) => return Err(self.add(&format!("remove {held} from link {name}"), &error)),
            }
            changed = true;
        }
        for held in wanted.into_iter().filter(|held| !on_it.contains(held)) {
            if elsewhere.iter().any(|other| other.address == held.address) {
                self.say(format!("{} stays on the other link that has it and is not put on link {name}", held.address));
                continue;
            }
            match tables.add(held) {
                Ok(()) => debug!(link = name, address = %held, "added"),
                Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {}
                Err(error) => return Err(self.add(&format!("add {held} to link {name}"), &error)),
            }
            changed = true;
        }
        Ok(changed)
    }

    /// What is to be on the link: of a node without IPv6, the others.
    fn wanted(&mut self, index: u32) -> Vec<Held> {
        let has_ipv6 = has_ipv6();
        let (wanted, without): (Vec<IpAddr>, Vec<IpAddr>) =
            self.addresses.iter().partition(|address| has_ipv6 || address.is_ipv4());
        for address in without {
            self.say(format!("{address} is left out: this node has no IPv6"));
        }
        wanted.into_iter().map(|address| Held::alone(index, address)).collect()
    }

    /// Whose a link is that has these addresses.
    fn owner(&mut self, tables: &mut Tables, link: &Link, on_it: &[Held]) -> io::Result<Owner> {
        if link.alias.as_deref() == Some(ALIAS) {
            return Ok(Owner::Us);
        }
        let is_plain = match link.kind.as_deref() {
            Some(DUMMY) => true,
            Some(BRIDGE) => !tables.has_ports(link.index)?,
            _ => false,
        };
        let is_left = |held: &Held| {
            is_of_the_kernel(held) || self.addresses.iter().any(|address| Held::alone(link.index, *address) == *held)
        };
        if is_plain && link.alias.is_none() && on_it.iter().all(is_left) {
            return Ok(Owner::Nobody);
        }
        Ok(if self.config.take_over { Owner::Lender } else { Owner::Stranger })
    }

    //------ The kernel's word ---------------------------------------------------

    /// Asks to be told of changes, if that was not done yet.
    fn listen(&mut self) {
        if self.events.is_some() {
            return;
        }
        match Route::listen(u32::try_from(GROUPS).unwrap_or(0)) {
            Ok(events) => self.events = Some(events),
            Err(error) => {
                let every = self.config.interval;
                self.say(format!(
                    "the kernel tells of no change of links ({error}); link {} is looked at every {every:?}",
                    self.config.name
                ));
            }
        }
    }

    /// Waits for the kernel's next word; whether it may concern the link.
    async fn read(&mut self) -> bool {
        let Some(events) = &self.events else { return pending().await };
        let mut room = vec![0; ROOM];
        let Ok(mut ready) = events.readable().await else { return true };
        match ready.try_io(|events| events.get_ref().receive(&mut room)) {
            Ok(Ok(length)) => self.concerns(room.get(..length).unwrap_or_default()),
            // More happened than the kernel kept for us (ENOBUFS), or something odd: look.
            Ok(Err(_)) => true,
            Err(_would_block) => false,
        }
    }

    /// Forgets what the kernel has said so far.
    fn drain(&mut self) {
        let Some(events) = &self.events else { return };
        let mut room = vec![0; ROOM];
        // As many as there may be for a time; the rest only makes one more look.
        for _ in 0..1_000 {
            match events.get_ref().receive(&mut room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                _ => {}
            }
        }
    }

    /// Whether one of these changes is about our link, its name, or one of our addresses.
    fn concerns(&self, datagram: &[u8]) -> bool {
        Change::all(datagram).any(|change| match change {
            Change::Link(link) => Some(link.index) == self.index || link.name == self.config.name,
            Change::Address(held) => Some(held.index) == self.index || self.addresses.contains(&held.address),
        })
    }

    //------ What to say ---------------------------------------------------------

    /// Warns once.
    fn say(&mut self, text: String) {
        if !self.said.contains(&text) {
            warn!("{text}");
            self.said.push(text);
        }
    }

    /// That the link cannot be looked at.
    fn unseen(&self, error: &io::Error) -> Error {
        Error::new(
            Step::InterfaceCheck,
            format!("cannot look at link {}: {error}; the sandbox must allow AF_NETLINK sockets", self.config.name),
        )
    }

    /// The same within a look.
    fn check(&self, error: &io::Error) -> Fault {
        Fault { code: error.raw_os_error(), error: self.unseen(error) }
    }

    /// That something could not be done.
    fn add(&self, what: &str, error: &io::Error) -> Fault {
        let remedy = match error.raw_os_error() {
            Some(libc::EPERM) => "give the process CAP_NET_ADMIN in the node's network, or make the link yourself and set interface.manage = false".to_owned(),
            Some(libc::EACCES) => format!(
                "IPv6 is off for this link alone: set sysctl net.ipv6.conf.{}.disable_ipv6 to 0, or leave the address out of listen.addresses",
                self.config.name
            ),
            _ => format!("see \"ip address show dev {}\" and the kernel's log", self.config.name),
        };
        Fault {
            code: error.raw_os_error(),
            error: Error::new(Step::InterfaceAdd, format!("cannot {what}: {error}; {remedy}")),
        }
    }

    /// That the link could not be made.
    fn uncreated(&self, error: &io::Error) -> Fault {
        let name = &self.config.name;
        if error.raw_os_error() == Some(libc::EOPNOTSUPP) {
            let text = format!(
                "cannot create link {name}: this kernel has neither dummy nor bridge links; load one of the modules, or make the link \
                 yourself and set interface.manage = false"
            );
            return Fault { code: None, error: Error::new(Step::InterfaceAdd, text) };
        }
        self.add(&format!("create link {name}"), error)
    }

    /// That the link is somebody else's.
    fn stranger(&self, link: &Link, on_it: &[Held]) -> Fault {
        let name = &self.config.name;
        let kind = link.kind.as_deref().unwrap_or("physical");
        let alias = link.alias.as_ref().map_or_else(String::new, |alias| format!(" with alias {alias:?}"));
        let held: Vec<String> = on_it.iter().filter(|held| !is_of_the_kernel(held)).map(Held::to_string).collect();
        let held = if held.is_empty() { "no addresses".to_owned() } else { held.join(", ") };
        let text = format!(
            "link {name} is not ours: a {kind} link{alias} and {held}; delete it with \"ip link delete {name}\", choose another \
             interface.name, or set interface.take-over = true to use it as it is"
        );
        Fault { code: None, error: Error::new(Step::InterfaceCheck, text) }
    }
}

/// An error, and what the kernel called it.
#[derive(Debug)]
struct Fault {
    /// The kernel's number.
    code: Option<i32>,
    /// What to tell.
    error: Error,
}

impl Fault {
    /// Whether somebody made, or took away, what we were about to: it is worth another look.
    fn is_gone(&self) -> bool {
        matches!(self.code, Some(libc::ENODEV | libc::EEXIST))
    }
}

/// Makes the link; what it was made as.
fn create(tables: &mut Tables, name: &str) -> io::Result<&'static str> {
    match tables.create(name, DUMMY) {
        Ok(()) => Ok(DUMMY),
        // "Unknown device type"
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            tables.create(name, BRIDGE)?;
            warn!(link = name, "this kernel has no dummy links: a bridge without ports takes its place");
            Ok(BRIDGE)
        }
        Err(error) => Err(error),
    }
}

/// The addresses of a link.
fn held_by(tables: &mut Tables, index: u32) -> io::Result<Vec<Held>> {
    Ok(tables.addresses()?.into_iter().filter(|held| held.index == index).collect())
}

/// Whether the kernel gave an address to a link by itself, as it does to every link with IPv6.
fn is_of_the_kernel(held: &Held) -> bool {
    matches!(held.address, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// Whether an error says that there is nothing left to remove.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::EADDRNOTAVAIL))
}
