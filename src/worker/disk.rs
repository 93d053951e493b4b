//! The kept answers in a file: read before the workers begin, written now and then and when they have stopped.
//!
//! Whatever goes wrong here costs no answer: the cache begins empty, or the next start will. The form of the file, and what of it
//! is believed, is [`cache::snapshot`](crate::cache::snapshot)'s.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::in_background;
use super::snapshot::Snapshot;
use crate::cache::snapshot::{Now, Restored, Written, read, write};
use crate::metrics::{Event, Gauge, WorkerMetrics};
use crate::sys::{clock, file};

/// How long the start waits for the file. The answers of a full cache of 32 MiB take 0.1 to 0.2 s, those of a usual node a tenth of that; a disk
/// that takes longer than this must not take the node's DNS away.
const READ_PATIENCE: Duration = Duration::from_secs(1);

/// How long the end waits for it to be written.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Both clocks.
fn now() -> Now {
    Now { moment: clock::coarse(), wall: clock::wall() }
}

/// Takes over the answers that the supervisor had, or what the file holds, if one is configured, there and sound; says so if it is not.
pub(super) fn restore(snapshot: &Arc<Snapshot>, metrics: &WorkerMetrics, given: Option<File>) {
    if let Some(answers) = given {
        let of = Arc::clone(snapshot);
        let limit = snapshot.shared.config.cache.snapshot_size;
        let read = move || understand(&file::read_shared(answers, limit)?, &of);
        if take_over(snapshot, metrics, "the supervisor", within(READ_PATIENCE, read)) {
            return;
        }
    }
    let Some(path) = snapshot.shared.config.cache.snapshot.clone() else { return };
    let (of, from) = (Arc::clone(snapshot), path.clone());
    let read = move || understand(&file::read_own(&from, of.shared.config.cache.snapshot_size)?, &of);
    take_over(snapshot, metrics, &path.display().to_string(), within(READ_PATIENCE, read));
}

/// Takes over what was read; whether there was anything.
fn take_over(snapshot: &Snapshot, metrics: &WorkerMetrics, from: &str, read: io::Result<Restored>) -> bool {
    match read {
        Ok(Restored { entries, dropped }) => {
            let restored = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            for entry in entries {
                snapshot.shared.store.insert(entry);
            }
            metrics.count(Event::SnapshotRead);
            metrics.set(Gauge::SnapshotRestored, restored);
            metrics.set(Gauge::SnapshotDropped, dropped);
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

/// Waits for work with the disk, so long; what comes later is lost.
fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("disk".to_owned()).spawn(move || {
        // Nobody may wait any more.
        let _ = sender.send(work());
    })?;
    receiver.recv_timeout(patience).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
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

/// Writes all that may still be given.
fn write_to(out: &mut File, snapshot: &Snapshot) -> io::Result<Written> {
    let shared = &snapshot.shared;
    write(&shared.store, &snapshot.rules(), now(), shared.config.cache.snapshot_size, out)
}

/// Whoever writes the file.
pub(super) struct Disk {
    /// The configuration in force.
    orders: watch::Receiver<Arc<Snapshot>>,
    /// What the main thread counts.
    metrics: Arc<WorkerMetrics>,
    /// Held while writing: the end may come in the middle of it.
    writing: Arc<Mutex<()>>,
    /// Whether the last time failed, so that it need not be said again.
    is_failing: Cell<bool>,
}

impl Disk {
    /// Whoever writes what `orders` says.
    pub(super) fn new(orders: watch::Receiver<Arc<Snapshot>>, metrics: Arc<WorkerMetrics>) -> Self {
        Self { orders, metrics, writing: Arc::default(), is_failing: Cell::new(false) }
    }

    /// Writes as often as the configuration says; never ends.
    pub(super) async fn write_now_and_then(&self) {
        let mut orders = self.orders.clone();
        let mut last = Instant::now();
        loop {
            let interval = orders.borrow_and_update().shared.config.cache.snapshot_interval;
            tokio::select! {
                () = sleep_until(last + interval) => {}
                // The interval may be another; nobody changes it any more when the sender is gone, and the end is near.
                changed = orders.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => std::future::pending().await,
                }
            }
            last = Instant::now();
            if let Some((path, work)) = self.work() {
                let outcome =
                    in_background(work).await.unwrap_or_else(|failure| Err(io::Error::other(failure.message)));
                self.tell(&path, outcome);
            }
        }
    }

    /// Writes for the last time. A disk that is gone holds up the end for five seconds at most.
    pub(super) fn write_at_the_end(&self) {
        let Some((path, work)) = self.work() else { return };
        self.tell(&path, within(WRITE_PATIENCE, work));
    }

    /// The answers in a file that is only in memory, for whoever comes next.
    pub(super) async fn leave(&self) -> io::Result<File> {
        let snapshot = Arc::clone(&self.orders.borrow());
        let work = move || {
            let mut memory = file::in_memory()?;
            write_to(&mut memory, &snapshot)?;
            Ok(memory)
        };
        in_background(work).await.unwrap_or_else(|failure| Err(io::Error::other(failure.message)))
    }

    /// How often they are left with the supervisor.
    pub(super) fn leaving_interval(&self) -> Duration {
        self.orders.borrow().shared.config.supervisor.snapshot_interval
    }

    /// What there is to write, and where; `None` if nothing.
    fn work(&self) -> Option<(PathBuf, impl FnOnce() -> io::Result<Written> + Send + 'static)> {
        let snapshot = Arc::clone(&self.orders.borrow());
        let path = snapshot.shared.config.cache.snapshot.clone()?;
        let writing = Arc::clone(&self.writing);
        let to = path.clone();
        Some((path, move || {
            let _one_at_a_time = writing.lock().unwrap_or_else(PoisonError::into_inner);
            file::replace(&to, |file| write_to(file, &snapshot))
        }))
    }

    /// Counts what became of it, and says what an operator should know.
    fn tell(&self, path: &Path, outcome: io::Result<Written>) {
        match outcome {
            Ok(Written { entries, left_out, bytes }) => {
                self.metrics.count(Event::SnapshotWritten);
                self.metrics.set(Gauge::SnapshotEntries, entries);
                self.metrics.set(Gauge::SnapshotLeftOut, left_out);
                self.metrics.set(Gauge::SnapshotBytes, bytes);
                self.metrics.set(Gauge::SnapshotTime, clock::wall().as_secs());
                self.is_failing.set(false);
                tracing::debug!(entries, left_out, bytes, "snapshot of the cache written");
            }
            Err(error) => {
                self.metrics.count(Event::SnapshotFailed);
                if !self.is_failing.replace(true) {
                    warn!(path = %path.display(), %error, "the snapshot of the cache cannot be written; tried again every snapshot-interval");
                }
            }
        }
    }
}
