//! What a supervisor does for whoever started it, besides: how workers find the configuration, a file with its number, and what others may see of a
//! configuration that was made from something else.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::{debug, info, warn};

use crate::config::Origin;
use crate::sys::watch::{Stamp, Watch};

/// What is asked of a supervisor besides its work.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// The arguments of `nodens worker`: where it reads the configuration.
    pub worker: Vec<OsString>,
    /// A file that holds the number of this process from the first answer to the end.
    pub pid_file: Option<PathBuf>,
}

/// The file with the process's number; gone with it.
#[derive(Debug, Default)]
pub(super) struct PidFile {
    /// Where it is to be.
    path: Option<PathBuf>,
    /// Whether it is there.
    is_written: bool,
}

impl PidFile {
    /// Not written yet.
    pub(super) const fn new(path: Option<PathBuf>) -> Self {
        Self { path, is_written: false }
    }

    /// Writes it, if it is wanted. One that is left over is overwritten; that it cannot be written stops nobody.
    pub(super) fn write(&mut self) {
        let Some(path) = self.path.as_ref().filter(|_| !self.is_written) else { return };
        match fs::write(path, format!("{}\n", std::process::id())) {
            Ok(()) => self.is_written = true,
            Err(error) => warn!(path = %path.display(), %error, "the file with the process's number cannot be written"),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = self.path.as_ref().filter(|_| self.is_written) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Shows a configuration that was made from something else, and does so again whenever that changes. Never ends.
pub(super) async fn show(mut origin: Origin, files: Vec<(PathBuf, Stamp)>) {
    if !origin.is_made() {
        return std::future::pending().await;
    }
    let mut watch = Watch::new();
    watch.follow(files);
    let mut before = None;
    loop {
        tell(origin.show(), &mut before);
        watch.changed().await;
        watch.look();
        // Of mistakes the worker tells.
        if let Ok(loaded) = origin.read() {
            watch.follow(loaded.files);
        }
    }
}

/// Says where it is shown, or why not; each once.
fn tell(shown: io::Result<Option<&Path>>, before: &mut Option<String>) {
    let now = match shown {
        Ok(None) => return,
        Ok(Some(path)) => {
            debug!(path = %path.display(), "the configuration that was made is shown");
            None
        }
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = now.as_ref().filter(|_| now != *before) {
        // On a read-only file system nobody expects anything else.
        info!(reason, "the configuration that was made is not shown in a file");
    }
    *before = now;
}
