//! When the configuration is read again, and what becomes of it: on SIGHUP, and when a file that it was made of changes.
//!
//! Everything is made before anybody goes by it, so that a mistake anywhere leaves the daemon as it was, with a line in the log, a
//! counter, and a line in `/ready`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::{Changes, Running, in_background};
use crate::config::{Loaded, Origin};
use crate::control::{Endpoints, Readiness};
use crate::error::Failure;
use crate::log;
use crate::metrics::Event;
use crate::sys::watch::Watch;

/// How often the addresses of this machine are looked at. The kernel would tell, but of every link of every pod; to look costs some ten
/// microseconds.
const ADDRESSES_EVERY: Duration = Duration::from_secs(5);

/// Between whoever asks for a reading of the configuration and whoever reads it.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Asks for one.
    pub(super) wanted: Notify,
    /// Tells that one that somebody asked for is over, with whatever outcome.
    pub(super) over: Notify,
    /// The hash of the document in force.
    pub(super) in_force: watch::Sender<String>,
}

impl Reading {
    /// While the document with this hash is in force.
    pub(super) fn of(hash: &str) -> Self {
        Self { in_force: watch::Sender::new(hash.to_owned()), ..Self::default() }
    }
}

/// What has to know of a new configuration besides the workers.
pub(super) struct Followers {
    /// What `/ready` says.
    pub(super) readiness: Arc<Readiness>,
    /// Who may read health and metrics.
    pub(super) endpoints: watch::Sender<Endpoints>,
    /// Who asks for readings, and hears of them.
    pub(super) reading: Rc<Reading>,
    /// Which lines are written.
    pub(super) log: Rc<log::Control>,
}

/// Somebody who asks for a reading and wants to hear what came of it.
pub(super) type Asking = oneshot::Sender<Result<(Changes, String), Failure>>;

/// Follows the configuration for as long as it is polled; `files` is what the one in force was made of.
pub(super) async fn follow(
    running: &mut Running,
    mut origin: Origin,
    files: FilesRead,
    followers: &Followers,
    mut asking: mpsc::Receiver<Asking>,
) {
    let mut watch = Watch::new();
    watch.follow(files);
    let mut addresses = interval(ADDRESSES_EVERY);
    addresses.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if let Some(error) = watch.fallback() {
            running.metrics.main().count(Event::WatchFailed);
            warn!(%error, "the kernel does not tell of changed files; they are looked at every five seconds");
        }
        let mut listener: Option<Asking> = None;
        let asked = tokio::select! {
            () = followers.reading.wanted.notified() => true,
            Some(asking) = asking.recv() => {
                listener = Some(asking);
                true
            }
            () = watch.changed() => false,
            _ = addresses.tick() => {
                if running.has_moved() {
                    move_along(running).await;
                }
                continue;
            }
        };
        watch.look();
        let outcome = match take(running, &mut origin, followers).await {
            Ok((files, changes, hash)) => {
                watch.follow(files);
                tell(&changes, &hash, asked);
                Ok((changes, hash))
            }
            Err(failure) => {
                refuse(&failure, &origin, running, followers);
                Err(failure)
            }
        };
        if let Some(listener) = listener {
            // Who does not wait any more does not want to know.
            let _ = listener.send(outcome);
        } else if asked {
            followers.reading.over.notify_one();
        }
    }
}

/// Judges by the addresses that the machine has now.
async fn move_along(running: &mut Running) {
    match running.reload(running.config().clone()).await {
        Ok(_) => info!("addresses of this machine have changed"),
        Err(failure) => {
            error!(reason = failure.message, "addresses of this machine have changed; those from before are judged by")
        }
    }
}

/// Files and their state before they were read.
type FilesRead = Vec<(std::path::PathBuf, crate::sys::watch::Stamp)>;

/// Reads the configuration and lets all go by it.
async fn take(
    running: &mut Running,
    origin: &mut Origin,
    followers: &Followers,
) -> Result<(FilesRead, Changes, String), Failure> {
    let mut reader = origin.clone();
    let (reader, loaded) = in_background(move || {
        let loaded = reader.read();
        (reader, loaded)
    })
    .await?;
    *origin = reader;
    let Loaded { config, warnings, refused, hash, files, .. } = loaded?;
    let mut changes = running.reload(config).await?;
    changes.warnings.splice(..0, warnings);
    if changes.forgotten.is_some() {
        running.metrics.main().count(Event::Reloaded);
        followers.endpoints.send_replace(Endpoints::of(running.config()));
        followers.log.set(running.config().log.level);
    }
    in_force(running, &followers.readiness, &hash, &refused);
    followers.reading.in_force.send_replace(hash.clone());
    refused.iter().for_each(|_| running.metrics.main().count(Event::ReloadFailed));
    Ok((files, changes, hash))
}

/// Says which configuration is in force, and which parts of what it was made from are not.
pub(super) fn in_force(running: &Running, readiness: &Readiness, hash: &str, refused: &[String]) {
    running.metrics.set_hash(hash);
    readiness.configured(hash);
    for reason in refused {
        running.metrics.main().count(Event::ConfigmapFailed);
        readiness.mistaken(reason);
        error!(reason, "not taken; what it said before stays");
    }
}

/// Says what a configuration changed. That nothing did is worth a line only to somebody who asked.
fn tell(changes: &Changes, hash: &str, asked: bool) {
    for warning in &changes.warnings {
        warn!("{warning}");
    }
    if !changes.kept.is_empty() {
        warn!(options = changes.kept.join(" "), "changed options take effect at the next start");
    }
    match changes.forgotten {
        Some(forgotten) => info!(hash, forgotten, "configuration reloaded"),
        None if asked => info!(hash, "configuration read again: nothing has changed"),
        None => {}
    }
}

/// Says what is wrong with a configuration that is not taken.
pub(super) fn refuse(failure: &Failure, origin: &Origin, running: &Running, followers: &Followers) {
    let mut lines = failure.message.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    // Mistakes of the file say where they are; those of what it names may not.
    let name = origin.name();
    let reason = if first.starts_with(&name) { first.to_owned() } else { format!("{name}: {first}") };
    running.metrics.main().count(Event::ReloadFailed);
    if origin.is_made() {
        running.metrics.main().count(Event::ConfigmapFailed);
    }
    followers.readiness.mistaken(&reason);
    error!(reason, more = lines.count(), "configuration not reloaded; the one before stays");
}
