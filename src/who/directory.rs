//! Who has which address: one value that is read from any thread and swapped as a whole.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::Who;
use super::follow::hold;
use super::pod::{Phase, Pod};
use crate::config::{ClientSource, Clients};
use crate::sys::clock::{self, Moment};

/// Addresses that are known at most. A node has 110 pods as a rule, with two addresses each.
pub(super) const MOST_ADDRESSES: usize = 4096;

/// Addresses that nobody knows, and which are noted so that they are not looked up for ever.
pub(super) const MOST_STRANGERS: usize = 1024;

/// Looks out of turn that an unknown address is worth. A new pod's address is in the kubelet's list a few seconds after the pod has begun.
const LOOKS_FOR_STRANGERS: u8 = 5;

/// Time after which it is worth them again.
const FORGET_STRANGERS: Duration = Duration::from_secs(600);

/// How long a pod that was told to end is taken for the owner of its address without another look (needs N36).
const LAST_SECOND: Duration = Duration::from_secs(1);

/// Whose an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A pod's.
    Pod(Who),
    /// The node's: a process on it, or a pod without a network of its own.
    Host,
    /// Nobody's who is known.
    Unknown,
}

/// Whose an address is, by what the source has said. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Directory(Option<Arc<Inner>>);

/// What all clones share.
#[derive(Debug)]
struct Inner {
    /// What is known.
    current: ArcSwap<Snapshot>,
    /// When the source was heard last, in nanoseconds.
    heard: AtomicU64,
    /// Whether the source tells of every change just now.
    live: AtomicBool,
    /// How long what it said holds after that.
    hold: Duration,
    /// Addresses that were asked for and not known.
    strangers: Mutex<Strangers>,
    /// Somebody asks for what the source may know by now.
    wish: Notify,
}

/// What is known at one time.
#[derive(Debug, Default)]
struct Snapshot {
    /// By address.
    owners: HashMap<IpAddr, Owner, foldhash::fast::RandomState>,
    /// When the source said so.
    at: Moment,
    /// How many there were before.
    number: u64,
}

/// Who has an address.
#[derive(Clone, Debug)]
struct Owner {
    /// The pod, or else the node.
    who: Option<Who>,
    /// Whether it was told to end.
    ending: bool,
}

/// Addresses that nobody knows.
#[derive(Debug, Default)]
struct Strangers {
    /// How many looks each was worth, and the snapshot it was missed in last.
    looks: HashMap<IpAddr, (u8, u64), foldhash::fast::RandomState>,
    /// When this began.
    since: Moment,
    /// Addresses that there was no room for.
    turned_away: u64,
}

/// What is in a directory, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Addresses of pods.
    pub(super) addresses: u64,
    /// Addresses that there was no room for.
    pub(super) left_out: u64,
}

impl Directory {
    /// One that knows nobody, for want of a source.
    #[must_use]
    pub const fn absent() -> Self {
        Self(None)
    }

    /// One for the source that the operator has chosen, to be filled by [`follow`](super::follow()).
    #[must_use]
    pub fn open(clients: &Clients) -> Self {
        match clients.source {
            ClientSource::None => Self::absent(),
            ClientSource::Kubelet | ClientSource::ApiServer => Self::new(hold(clients.refresh)),
        }
    }

    /// One that a source will fill; what it says holds for `hold` after it has fallen silent.
    pub(super) fn new(hold: Duration) -> Self {
        Self(Some(Arc::new(Inner {
            current: ArcSwap::default(),
            heard: AtomicU64::default(),
            live: AtomicBool::default(),
            hold,
            strangers: Mutex::default(),
            wish: Notify::new(),
        })))
    }

    /// The pod that has this address; `None` if it is the node's, or nobody's who is known.
    #[must_use]
    pub fn of(&self, client: IpAddr) -> Option<Who> {
        match self.whose(client) {
            Whose::Pod(who) => Some(who),
            Whose::Host | Whose::Unknown => None,
        }
    }

    /// Whose this address is. Costs two hashes at most; never waits for the source.
    #[must_use]
    pub fn whose(&self, client: IpAddr) -> Whose {
        let Some(inner) = &self.0 else { return Whose::Unknown };
        let client = client.to_canonical();
        if client.is_loopback() {
            return Whose::Host;
        }
        let now = clock::coarse();
        let current = inner.current.load();
        let live = inner.live.load(Ordering::Acquire);
        if !live && now.since(Moment::from_nanos(inner.heard.load(Ordering::Acquire))) > inner.hold {
            return Whose::Unknown;
        }
        match current.owners.get(&client) {
            Some(Owner { who: None, .. }) => Whose::Host,
            Some(Owner { who: Some(_), ending: true }) if !live && now.since(current.at) > LAST_SECOND => {
                inner.wish.notify_one();
                Whose::Unknown
            }
            Some(Owner { who: Some(who), ending }) => {
                if *ending && !live {
                    inner.wish.notify_one();
                }
                Whose::Pod(who.clone())
            }
            None => {
                if !live && inner.strangers().is_worth_a_look(client, current.number, now) {
                    inner.wish.notify_one();
                }
                Whose::Unknown
            }
        }
    }

    /// Waits until somebody asks for what the source may know by now.
    pub(super) async fn wished(&self) {
        match &self.0 {
            Some(inner) => inner.wish.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Addresses that could not be noted as unknown so far.
    pub(super) fn turned_away(&self) -> u64 {
        self.0.as_ref().map_or(0, |inner| inner.strangers().turned_away)
    }

    /// The source was heard; `live` if it tells of every change from now on.
    pub(super) fn hear(&self, live: bool) {
        if let Some(inner) = &self.0 {
            inner.heard.store(clock::now().as_nanos(), Ordering::Release);
            inner.live.store(live, Ordering::Release);
        }
    }

    /// The source has fallen silent.
    pub(super) fn lose(&self) {
        // What it said until now was true until now.
        if let Some(inner) = &self.0
            && inner.live.swap(false, Ordering::AcqRel)
        {
            inner.heard.store(clock::now().as_nanos(), Ordering::Release);
        }
    }

    /// Goes by these pods from now on.
    pub(super) fn publish<'a>(&self, pods: impl Iterator<Item = &'a Pod>) -> Extent {
        let Some(inner) = &self.0 else { return Extent::default() };
        let (mut snapshot, extent) = Snapshot::of(pods);
        (snapshot.at, snapshot.number) = (clock::now(), inner.current.load().number + 1);
        inner.strangers().looks.retain(|address, _| !snapshot.owners.contains_key(address));
        inner.current.store(Arc::new(snapshot));
        extent
    }
}

impl Inner {
    /// The unknown addresses.
    fn strangers(&self) -> std::sync::MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Strangers {
    /// Notes an address that nobody knows in the snapshot of this number; whether another look is worth it.
    fn is_worth_a_look(&mut self, address: IpAddr, number: u64, now: Moment) -> bool {
        if now.since(self.since) > FORGET_STRANGERS {
            self.looks.clear();
            self.since = now;
        }
        if !self.looks.contains_key(&address) && self.looks.len() >= MOST_STRANGERS {
            self.turned_away += 1;
            return false;
        }
        let (looks, missed) = self.looks.entry(address).or_insert((0, u64::MAX));
        if *missed != number {
            (*looks, *missed) = (looks.saturating_add(1), number);
        }
        *looks <= LOOKS_FOR_STRANGERS
    }
}

impl Snapshot {
    /// Sorts pods by their addresses.
    fn of<'a>(pods: impl Iterator<Item = &'a Pod>) -> (Self, Extent) {
        let mut extent = Extent::default();
        let mut claims: HashMap<IpAddr, Option<&Pod>, foldhash::fast::RandomState> = HashMap::default();
        for pod in pods {
            let own: &[IpAddr] = if pod.on_host_network { &[] } else { &pod.addresses };
            let host = if pod.on_host_network { pod.addresses.iter() } else { [].iter() }.chain(&pod.host);
            let own = own.iter().filter(|_| pod.phase != Phase::Finished).map(|address| (address, Some(pod)));
            for (address, claim) in own.chain(host.map(|address| (address, None))) {
                let is_full = claims.len() >= MOST_ADDRESSES;
                match claims.get_mut(address) {
                    // The node's addresses are nobody else's.
                    Some(held) => match (&held, claim) {
                        (Some(holder), Some(pod)) if rank(holder) >= rank(pod) => {}
                        (None, _) => {}
                        _ => *held = claim,
                    },
                    None if !is_full => {
                        claims.insert(*address, claim);
                    }
                    None => extent.left_out += 1,
                }
            }
        }
        let owner = |(address, claim): (IpAddr, Option<&Pod>)| {
            (address, Owner { who: claim.map(|pod| pod.who.clone()), ending: claim.is_some_and(|pod| pod.ending) })
        };
        let owners: HashMap<_, _, _> = claims.into_iter().map(owner).collect();
        extent.addresses = owners.values().filter(|owner| owner.who.is_some()).count() as u64;
        (Self { owners, at: Moment::default(), number: 0 }, extent)
    }
}

/// How much a pod is believed to hold an address that another claims, too: the one that runs, the later one; the rest is chance, but always
/// the same.
fn rank(pod: &Pod) -> (Phase, &str, &str) {
    (pod.phase, &pod.started, &pod.uid)
}
