//! What the daemon says of itself, on standard error.
//!
//! One line an event, as `key=value` or as a JSON object, with the same keys in both: `time`, `level`, `msg`, then the event's own.
//! Nothing a stranger sends can begin a line or a key of its own (`format`), and nothing a stranger does can fill the disk:
//! whatever a query or a connection can trigger goes through a [`LogLimiter`]. What pods ask is not logged here.

use std::cell::Cell;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, reload};

use crate::config::{Format, Level, Log};
use crate::error::{ExitCode, Failure};

mod escape;
mod format;
mod limiter;

pub use escape::{Escaped, escaped};
pub use limiter::{LogLimiter, Topic};

/// Where our own events come from; everything below it is ours.
const OWN_TARGET: &str = "nodens";

/// Where detections come from: their text is a whole line, a JSON object in both forms of the log.
pub(crate) const DETECTIONS: &str = "nodens::detections";

/// Changes what is written while the daemon runs.
#[derive(Debug)]
pub struct Control {
    /// Changes it.
    handle: reload::Handle<Targets, Registry>,
    /// What is written now.
    level: Cell<Level>,
}

impl Control {
    /// Writes lines of this level and above from now on.
    pub fn set(&self, level: Level) {
        // It fails only when the log is gone, and then nobody writes.
        let _ = self.handle.reload(targets(level));
        self.level.set(level);
    }

    /// The level of now.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level.get()
    }
}

/// Begins to log to standard error; once a process.
///
/// # Errors
///
/// If it was called before.
pub fn initialize(log: &Log) -> Result<Control, Failure> {
    let (subscriber, control) = subscriber(log, std::io::stderr);
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|error| Failure::new(ExitCode::Software, format!("logging was begun twice: {error}")))?;
    Ok(control)
}

/// What turns events into lines and writes them to `writer`, each line in one write.
fn subscriber<W>(log: &Log, writer: W) -> (impl Subscriber + Send + Sync, Control)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .event_format(format::Line { json: log.format == Format::Json })
        .with_ansi(false)
        .with_writer(writer);
    let (targets, handle) = reload::Layer::new(targets(log.level));
    (tracing_subscriber::registry().with(targets).with(lines), Control { handle, level: Cell::new(log.level) })
}

/// Which events are written at a level.
///
/// Libraries speak only at level debug: some of theirs tell of every query, which nobody asked for.
fn targets(level: Level) -> Targets {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let libraries = if level == LevelFilter::DEBUG { level } else { LevelFilter::OFF };
    Targets::new().with_default(libraries).with_target(OWN_TARGET, level)
}

#[cfg(test)]
mod tests;
