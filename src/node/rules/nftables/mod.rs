//! Rules by netlink: a table `inet nodens` of our own, made, replaced and removed in one step each, without any program.
//!
//! What the table holds is in `table`; how that is said to the kernel in `message`. That the table is still as it was made is seen by a
//! fingerprint over everything in it, handles included: whatever was replaced has another handle. Linux 5.2 is needed (`nat` in `inet`).

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::net::SocketAddr;

use self::message::{Kind, Message, attributes};
use self::table::{CHAINS, Plan, TABLE};
use super::super::{Done, Error, Step};
use crate::config;
use crate::sys::netfilter::{Answer, Netfilter, Notices};

mod message;
mod table;

/// How often a table is read again that changes while it is read; every rule of the node that somebody else writes is such a change.
const TRIES: usize = 5;

/// The table and what is known of it.
#[derive(Debug)]
pub(super) struct Nftables {
    /// What it is made of.
    plan: Plan,
    /// The way to the kernel, once it was needed.
    kernel: Option<Netfilter>,
    /// The way from the kernel, once it was needed.
    notices: Option<Notices>,
    /// What it looked like when we had made it.
    fingerprint: Option<u64>,
    /// Whether the rules take the traffic.
    is_live: bool,
}

impl Nftables {
    /// Nothing is installed yet.
    pub(super) fn new(config: &config::Rules, listeners: &[SocketAddr], health: &[SocketAddr]) -> Self {
        let (node_local, shared) = listeners.iter().partition(|listener| config.is_node_local(**listener));
        let plan = Plan {
            shared,
            node_local,
            health: health.to_vec(),
            fallback: config.fallback.clone(),
            timeout: config.timeout,
        };
        Self { plan, kernel: None, notices: None, fingerprint: None, is_live: true }
    }

    /// The way to the kernel.
    fn kernel(&mut self) -> io::Result<&mut Netfilter> {
        if self.kernel.is_none() {
            self.kernel = Some(Netfilter::new()?);
        }
        Ok(self.kernel.as_mut().expect("it was just made"))
    }

    /// Installs the table, or puts it back if it is not as it was.
    pub(super) fn reconcile(&mut self) -> Result<Done, Error> {
        let found = self.look().map_err(|error| failure("read", &error))?;
        if found.is_some() && found == self.fingerprint {
            return Ok(Done::Unchanged);
        }
        let done = if found.is_none() && self.fingerprint.is_none() { Done::Created } else { Done::Repaired };
        self.install()?;
        Ok(done)
    }

    /// Puts the table in place of whatever is there.
    fn install(&mut self) -> Result<(), Error> {
        let batch = self.plan.install(self.is_live);
        let installed = self.kernel().and_then(|kernel| kernel.transact(&batch));
        installed.map_err(|error| failure("install", &error))?;
        self.fingerprint = self.look().map_err(|error| failure("read", &error))?;
        Ok(())
    }

    /// Lets the rules hold for another time-out. A table that is gone is put back.
    pub(super) fn refresh(&mut self) -> Result<Done, Error> {
        self.is_live = true;
        self.switch()
    }

    /// Opens the way around us.
    pub(super) fn withdraw(&mut self) -> Result<Done, Error> {
        self.is_live = false;
        self.switch()
    }

    /// Fills or empties the sets that take the traffic.
    fn switch(&mut self) -> Result<Done, Error> {
        let batch = self.plan.switch(self.is_live);
        match self.kernel().and_then(|kernel| kernel.transact(&batch)) {
            Ok(()) => Ok(Done::Unchanged),
            // Before the first installation there is nothing to switch.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.fingerprint.is_none() => Ok(Done::Unchanged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.install().map(|()| Done::Repaired),
            Err(error) => Err(failure("refresh", &error)),
        }
    }

    /// Removes the table.
    fn remove(&mut self) -> Result<(), Error> {
        self.fingerprint = None;
        let batch = self.plan.clear();
        self.kernel().and_then(|kernel| kernel.transact(&batch)).map_err(|error| failure("remove", &error))
    }

    /// Removes the table if there is one of that name, ours or of a run before us; where it cannot be looked for, there is none unless it
    /// `is_needed`.
    pub(super) fn remove_if_there(&mut self, is_needed: bool) -> Result<(), Error> {
        match self.get(Kind::GetTable, &[(1, TABLE)]) {
            Ok(_) => self.remove(),
            Err(error) if is_needed && error.kind() != io::ErrorKind::NotFound => Err(failure("read", &error)),
            Err(_) => Ok(()),
        }
    }

    /// Waits until somebody else has changed something in the table. May be dropped at any time.
    pub(super) async fn changed(&mut self) -> io::Result<()> {
        // Our own refreshes are told, too.
        let own = self.kernel()?.port();
        if self.notices.is_none() {
            self.notices = Some(Notices::new()?);
        }
        let notices = self.notices.as_mut().expect("it was just made");
        loop {
            let heard = notices.next().await?;
            let concerns = |notice: &Answer| {
                let is_ours = attributes(&notice.attributes).any(|(kind, value)| kind == 1 && is_text(value, TABLE));
                is_ours && notice.port != own
            };
            if heard.is_empty() || heard.iter().any(concerns) {
                return Ok(());
            }
        }
    }

    /// The fingerprint of the table as it is; `None` if there is none.
    fn look(&mut self) -> io::Result<Option<u64>> {
        for _ in 0..TRIES {
            match self.fingerprint() {
                Ok(fingerprint) => return Ok(Some(fingerprint)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Nothing is known against it.
        Ok(self.fingerprint)
    }

    /// Reads everything in the table. What is missing fails with `NotFound`, as a missing table does: it is made anew either way.
    fn fingerprint(&mut self) -> io::Result<u64> {
        let mut hasher = DefaultHasher::new();
        // The table's use count tells of chains and sets that somebody else has put in.
        add(&mut hasher, &self.get(Kind::GetTable, &[(1, TABLE)])?, &[]);
        for (chain, ..) in CHAINS {
            add(&mut hasher, &self.get(Kind::GetChain, &[(1, TABLE), (3, chain)])?, &[]);
        }
        for rule in self.dump(Kind::GetRule, &[(1, TABLE)])? {
            add(&mut hasher, &rule, &[]);
        }
        for set in self.plan.sets() {
            // NFTA_SET_COUNT (19) and what may follow it change with what is in the set.
            let volatile: Vec<u16> = (17..64).collect();
            add(&mut hasher, &self.get(Kind::GetSet, &[(1, TABLE), (2, &set.name)])?, &volatile);
            // Elements of the others come and go.
            if !set.is_live {
                let messages = self.dump(Kind::GetElements, &[(1, TABLE), (2, &set.name)])?;
                let lists =
                    messages.iter().flat_map(|message| attributes(&message.attributes).filter(|(kind, _)| *kind == 3));
                // A set that has just grown shows them in another order, and some twice.
                let sorted: BTreeSet<&[u8]> =
                    lists.flat_map(|(_, list)| attributes(list)).map(|(_, one)| one).collect();
                sorted.into_iter().for_each(|one| hasher.write(one));
            }
        }
        Ok(hasher.finish())
    }

    /// Asks for one thing by names.
    fn get(&mut self, kind: Kind, names: &[(u16, &str)]) -> io::Result<Answer> {
        self.kernel()?.get(&request(kind, names))
    }

    /// Asks for all things of a kind by names.
    fn dump(&mut self, kind: Kind, names: &[(u16, &str)]) -> io::Result<Vec<Answer>> {
        self.kernel()?.dump(&request(kind, names))
    }
}

/// Hashes the attributes of an answer, without some.
fn add(hasher: &mut DefaultHasher, answer: &Answer, without: &[u16]) {
    for (kind, value) in attributes(&answer.attributes).filter(|(kind, _)| !without.contains(kind)) {
        hasher.write_u16(kind);
        hasher.write(value);
    }
    hasher.write_u8(0xff);
}

/// A request with names.
fn request(kind: Kind, names: &[(u16, &str)]) -> Vec<u8> {
    let mut message = Message::new(kind, 0);
    for (attribute, name) in names {
        message.text(*attribute, name);
    }
    message.finish()
}

/// Whether an attribute is this text.
fn is_text(value: &[u8], text: &str) -> bool {
    value.strip_suffix(&[0]).unwrap_or(value) == text.as_bytes()
}

/// What to tell of an error of the kernel.
fn failure(verb: &str, error: &io::Error) -> Error {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => "give the process CAP_NET_ADMIN, or set rules.backend = \"none\"",
        Some(libc::EPROTONOSUPPORT | libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::EINVAL | libc::ENOENT) => {
            "the kernel needs nf_tables with nft_ct, nft_nat, nft_masq, nft_numgen and nft_reject, Linux 5.2 or newer; or set \
             rules.backend = \"iptables\""
        }
        _ => "it is tried again",
    };
    Error::new(Step::Iptables, format!("cannot {verb} the table inet {TABLE} of nftables: {error}; {remedy}"))
}
