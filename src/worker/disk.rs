//! The kept answers in a file: written now and then, and when the workers have stopped.
//!
//! Whatever goes wrong here costs no answer: the next start begins with what was written before. The form of the file is
//! [`cache::snapshot`](crate::cache::snapshot)'s; [`restore`](super::restore) reads it.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::in_background;
use super::restore::Restoring;
use super::snapshot::Snapshot;
use crate::cache::snapshot::{Now, Written, write};
use crate::metrics::{Event, Gauge, WorkerMetrics};
use crate::sys::{clock, file};

/// How long the end waits for it to be written.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Both clocks.
pub(super) fn now() -> Now {
    Now { moment: clock::coarse(), wall: clock::wall() }
}

/// Waits for work with the disk, so long; what comes later is lost.
pub(super) fn within<T: Send + 'static>(
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
    /// Whether there is more to come than is there.
    restoring: Restoring,
    /// Held while writing: the end may come in the middle of it.
    writing: Arc<Mutex<()>>,
    /// Whether the last time failed, so that it need not be said again.
    is_failing: Cell<bool>,
}

impl Disk {
    /// Whoever writes what `orders` says.
    pub(super) fn new(
        orders: watch::Receiver<Arc<Snapshot>>,
        metrics: Arc<WorkerMetrics>,
        restoring: Restoring,
    ) -> Self {
        Self { orders, metrics, restoring, writing: Arc::default(), is_failing: Cell::new(false) }
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

    /// The answers in a file that is only in memory, for whoever comes next; `None` while there are only a part of those of before.
    pub(super) async fn leave(&self) -> io::Result<Option<File>> {
        if self.restoring.is_under_way() {
            return Ok(None);
        }
        let snapshot = Arc::clone(&self.orders.borrow());
        let work = move || {
            let mut memory = file::in_memory()?;
            write_to(&mut memory, &snapshot)?;
            Ok(Some(memory))
        };
        in_background(work).await.unwrap_or_else(|failure| Err(io::Error::other(failure.message)))
    }

    /// How often they are left with the supervisor.
    pub(super) fn leaving_interval(&self) -> Duration {
        self.orders.borrow().shared.config.supervisor.snapshot_interval
    }

    /// What there is to write, and where; `None` if nothing, or only a part of what the file has.
    fn work(&self) -> Option<(PathBuf, impl FnOnce() -> io::Result<Written> + Send + 'static)> {
        if self.restoring.is_under_way() {
            return None;
        }
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
