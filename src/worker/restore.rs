//! The answers of the process before, read at the start from the supervisor or from a file. The form of that file, and what of it is
//! believed, is [`cache::snapshot`](crate::cache::snapshot)'s.
//!
//! A start waits for few answers, as a usual node has them: whoever asks first during an outage is to find them. Many are read beside the
//! workers, which answer meanwhile what they know or can ask, and go first. What they have learned by then is newer and stays. Whatever goes wrong here
//! costs no answer: the cache begins empty. Until it is over, the answers are written nowhere, since that would put a part in the place of
//! the whole.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::disk::{now, within};
use super::snapshot::Snapshot;
use crate::cache::Entry;
use crate::cache::snapshot::{Restored, read};
use crate::metrics::{Event, Gauge, WorkerMetrics};
use crate::sys::{file, process};

/// Bytes of answers that a start waits for: some 10,000, which take less than a tenth of a second.
const FEW: u64 = 1 << 20;

/// How long a start waits for them. A disk that takes longer must not take the node's DNS away.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long anything is waited for beside the workers. A million answers take some three seconds, or minutes on a core that clients keep busy; a disk
/// that takes longer than this is gone.
const LONG_PATIENCE: Duration = Duration::from_secs(300);

/// Answers that are put in at once: a reload and a flush wait for so many, a fraction of a millisecond.
const BATCH: usize = 256;

/// Where answers come from.
pub(super) struct Source {
    /// What the log calls it.
    name: String,
    /// How many bytes there are, as far as that can be told.
    size: Box<dyn FnOnce() -> u64 + Send>,
    /// Reads them.
    read: Box<dyn FnOnce() -> io::Result<Vec<u8>> + Send>,
}

/// Whether answers still come in.
#[derive(Clone, Debug, Default)]
pub(super) struct Restoring(Arc<AtomicBool>);

impl Restoring {
    /// Whether they do.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Where answers may be: with the supervisor, who has `given` them, and in the file of the configuration.
pub(super) fn sources(snapshot: &Snapshot, given: Option<File>) -> Vec<Source> {
    let cache = &snapshot.shared.config.cache;
    let limit = cache.snapshot_size;
    let given = given.map(|answers| Source {
        name: "the supervisor".to_owned(),
        size: Box::new(size_of_file(answers.metadata())),
        read: Box::new(move || file::read_shared(answers, limit)),
    });
    let kept = cache.snapshot.clone().map(|path| {
        let place = path.clone();
        Source {
            name: path.display().to_string(),
            size: Box::new(move || size_of_file(fs::metadata(place))()),
            read: Box::new(move || file::read_own(&path, limit)),
        }
    });
    given.into_iter().chain(kept).collect()
}

/// The size of a file of which so much is known.
fn size_of_file(about: io::Result<fs::Metadata>) -> impl FnOnce() -> u64 + Send {
    move || about.map_or(0, |about| about.len())
}

/// Begins to take over the answers of the first of `sources` that has any; returns when that is done, or when it takes longer than a start
/// may. `orders` says what is in force, `metrics` is the reader's own.
pub(super) fn begin(
    sources: Vec<Source>,
    orders: watch::Receiver<Arc<Snapshot>>,
    metrics: Arc<WorkerMetrics>,
) -> Restoring {
    let restoring = Restoring::default();
    if sources.is_empty() {
        return restoring;
    }
    restoring.0.store(true, Ordering::Release);
    let (go_on, waited) = mpsc::channel();
    let under_way = restoring.clone();
    let work = move || {
        for source in sources {
            let limit = orders.borrow().shared.config.cache.snapshot_size;
            if (FEW + 1..=limit).contains(&(source.size)()) {
                // A thread that just wakes would wait three milliseconds for this one each time, where there is one core: with 100,000 answers the
                // daemon was ready after 83 ms instead of 24. A nice value of 10 is not enough for that (74 ms). Whoever waits for a lock that this
                // thread holds lets it run: in a control group of its own (a pod, a service) the daemon has no other threads to go before it.
                process::let_others_go_first();
                // Nobody may wait any more.
                let _ = go_on.send(());
            }
            let of = Arc::clone(&orders.borrow());
            let reader = Arc::clone(&of);
            let found = within(LONG_PATIENCE, move || understand(&(source.read)()?, &reader));
            if take_over(found, (&source.name, &of), &orders, &metrics) {
                break;
            }
        }
        under_way.0.store(false, Ordering::Release);
    };
    match thread::Builder::new().name("restore".to_owned()).spawn(work) {
        // It says nothing when it has ended: then it is gone.
        Ok(_) => drop(waited.recv_timeout(PATIENCE)),
        Err(error) => {
            warn!(%error, "the snapshot of the cache is not used");
            restoring.0.store(false, Ordering::Release);
        }
    }
    restoring
}

/// Reads what a snapshot says.
fn understand(bytes: &[u8], snapshot: &Snapshot) -> io::Result<Restored> {
    let shared = &snapshot.shared;
    let restored = read(bytes, &snapshot.rules(), snapshot.owner(), now(), shared.store.hashing());
    let Restored { mut entries, dropped } = restored.map_err(io::Error::other)?;
    let all = entries.len();
    entries.retain(|entry| !snapshot.blocks(entry));
    let blocked = u64::try_from(all - entries.len()).unwrap_or(u64::MAX);
    Ok(Restored { entries, dropped: dropped + blocked })
}

/// Takes over what was read of a source, as understood by the configuration of then; whether there was anything.
fn take_over(
    read: io::Result<Restored>,
    (from, of): (&str, &Arc<Snapshot>),
    orders: &watch::Receiver<Arc<Snapshot>>,
    metrics: &WorkerMetrics,
) -> bool {
    match read {
        Ok(Restored { entries, dropped }) => {
            let all = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            let restored = put(entries, of, orders);
            let dropped = dropped + (all - restored);
            metrics.set(Gauge::SnapshotRestored, restored);
            metrics.set(Gauge::SnapshotDropped, dropped);
            metrics.count(Event::SnapshotRead);
            info!(from, restored, dropped, "kept answers taken over from the snapshot");
        }
        // The first start.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
        Err(error) => {
            metrics.count(Event::SnapshotUnusable);
            warn!(from, %error, "the snapshot of the cache is not used");
            return false;
        }
    }
    true
}

/// Puts answers into the store that hold by the configuration in force, and are the newest there; how many.
fn put(entries: Vec<Entry>, of: &Arc<Snapshot>, orders: &watch::Receiver<Arc<Snapshot>>) -> u64 {
    let mut by = Arc::clone(of);
    let mut holds: Box<dyn Fn(&Entry) -> bool> = Box::new(|_| true);
    let (mut entries, mut restored) = (entries.into_iter().peekable(), 0);
    while entries.peek().is_some() {
        // No other configuration comes into force while this is held. So what is judged by the one before is in the store before that is searched
        // for what no longer holds.
        let in_force = orders.borrow();
        if !Arc::ptr_eq(&by, &in_force) {
            by = Arc::clone(&in_force);
            holds = Box::new(in_force.holds());
        }
        match in_force.shared.store.restore(entries.by_ref().take(BATCH).filter(|entry| holds(entry))) {
            Some(count) => restored += count,
            // Somebody wants an empty cache.
            None => break,
        }
    }
    restored
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::cache::entry::Terms;
    use crate::cache::snapshot::write;
    use crate::cache::{Key, Variant};
    use crate::config::{Config, Environment};
    use crate::sys::clock;
    use crate::wire::answer::{Answer, Asked};
    use crate::wire::{name, rtype};
    use crate::worker::start_from;

    /// A configuration with this name for the only zone but the root.
    fn config(zone: &str) -> Config {
        let text = format!(
            "[listen]\naddresses = [\"127.0.0.1:0\"]\nworkers = 1\n[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\"]\n\
             [[zone]]\nname = \".\"\nupstream = \"a\"\n[[zone]]\nname = {zone:?}\nupstream = \"a\"\n"
        );
        Config::parse(&text, "test", &Environment::neutral()).unwrap().config
    }

    /// A source of `bytes` that says it is large and is read when the test says so.
    fn held(bytes: Vec<u8>) -> (Source, mpsc::Sender<()>) {
        let (release, wait) = mpsc::channel();
        let read = move || {
            let _ = wait.recv();
            Ok(bytes)
        };
        (Source { name: "a test".to_owned(), size: Box::new(|| FEW + 1), read: Box::new(read) }, release)
    }

    /// An answer for a name, so old, with this last number in its address.
    fn entry(snapshot: &Snapshot, text: &str, age: u64, last: u8) -> (Key, Entry) {
        let hashing = snapshot.shared.store.hashing();
        let owner = name::parse(text).unwrap();
        let key = Key::new(&owner, rtype::A, Variant::new(false, false), hashing);
        let mut message = vec![0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend(&owner);
        message.extend([0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, last]);
        let mut answer = Answer::default();
        answer.read(&message, &Asked { name: key.name(), qtype: rtype::A, qclass: 1, dnssec_ok: false }).unwrap();
        let now = clock::coarse().before(Duration::from_secs(age)).unwrap();
        let zone = snapshot.owner()(&owner).unwrap();
        let entry = Entry::new(&key, &mut answer, Terms { now, lifetime: 300, zone, ..Terms::default() }, hashing);
        (key, entry)
    }

    /// What is written of a store that has these names, ten seconds old.
    fn written(names: &[&str]) -> Vec<u8> {
        let snapshot = Snapshot::new(config("one.example"), None).unwrap();
        names.iter().for_each(|name| snapshot.shared.store.insert(entry(&snapshot, name, 10, 1).1));
        let mut bytes = Vec::new();
        write(&snapshot.shared.store, &snapshot.rules(), now(), 1 << 20, &mut bytes).unwrap();
        bytes
    }

    /// The last number of the address that is kept.
    fn kept(snapshot: &Snapshot, key: &Key) -> Option<u8> {
        let entry = snapshot.shared.store.find(key, clock::coarse()).fresh()?;
        entry.body(clock::coarse()).records.last().copied()
    }

    /// Lets it be read and waits for its end.
    fn finish(release: &mpsc::Sender<()>, restoring: &Restoring) {
        release.send(()).unwrap();
        while restoring.is_under_way() {
            thread::yield_now();
        }
    }

    #[test]
    fn queries_are_answered_and_reloads_taken_while_many_answers_are_read_and_the_end_waits_for_nothing() {
        let (source, release) = held(written(&["a.one.example", "b.two.example"]));
        let mut running = start_from(config("one.example"), None, |_| vec![source]).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(running.addresses[0]).unwrap();
        let mut query = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(name::parse("localhost").unwrap());
        query.extend([0, 1, 0, 1]);
        client.send(&query).unwrap();
        let mut answer = [0; 512];
        let length = client.recv(&mut answer).unwrap();
        assert!(length > query.len() && answer[..2] == [7, 7]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(running.reload(config("two.example"))).unwrap();
        assert!(running.restoring.is_under_way());
        let left = runtime.block_on(running.disk().leave()).unwrap();
        assert!(left.is_none(), "a part is not left in the place of the whole");
        running.stop();
        drop(release);
    }

    #[test]
    fn what_came_meanwhile_stays_and_what_no_longer_holds_does_not_come() {
        let first = Arc::new(Snapshot::new(config("one.example"), None).unwrap());
        let (orders, ordered) = watch::channel(Arc::clone(&first));
        let (source, release) = held(written(&["new.example", "old.example", "older.example", "a.two.example"]));
        let metrics = Arc::<WorkerMetrics>::default();
        let restoring = begin(vec![source], ordered, Arc::clone(&metrics));
        let (new, entry_of_new) = entry(&first, "new.example", 0, 9);
        let (old, _) = entry(&first, "old.example", 0, 0);
        let (older, entry_of_older) = entry(&first, "older.example", 20, 9);
        let (moved, _) = entry(&first, "a.two.example", 0, 0);
        first.shared.store.insert(entry_of_new);
        first.shared.store.insert(entry_of_older);
        let second = Arc::new(Snapshot::new(config("two.example"), Some(&first)).unwrap());
        orders.send_replace(Arc::clone(&second));
        second.forget_what_changed();
        finish(&release, &restoring);
        assert_eq!([&new, &old, &older, &moved].map(|key| kept(&second, key)), [Some(9), Some(1), Some(1), None]);
        assert_eq!(metrics.counted(Event::SnapshotRead), 1);
    }

    #[test]
    fn after_a_flush_nothing_more_comes() {
        let first = Arc::new(Snapshot::new(config("one.example"), None).unwrap());
        let (_orders, ordered) = watch::channel(Arc::clone(&first));
        let (source, release) = held(written(&["old.example"]));
        let restoring = begin(vec![source], ordered, Arc::default());
        first.shared.store.flush(&[0], true);
        finish(&release, &restoring);
        assert_eq!(kept(&first, &entry(&first, "old.example", 0, 0).0), None);
    }
}
