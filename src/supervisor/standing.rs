//! The document that workers go by, for one that finds a file with mistakes when it starts.
//!
//! A worker that dies while somebody edits the configuration must not stay away until that is mended: it goes by what the one before it went by. What
//! that was is read here from the file and not taken from the worker: whoever broke into one cannot choose how the next one is confined.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

use tracing::{debug, warn};

use crate::config::{Loaded, Origin};
use crate::sys::file::in_memory;

/// The document, and where it is read.
#[derive(Debug)]
pub(super) struct Standing {
    /// Where.
    origin: Origin,
    /// The text that a worker has said it goes by, or that was read at the start.
    text: String,
    /// The hash of the text.
    hash: String,
}

impl Standing {
    /// Of what was read at the start.
    pub(super) fn new(origin: Origin, loaded: &Loaded) -> Self {
        Self { origin, text: loaded.text.clone(), hash: loaded.hash.clone() }
    }

    /// A worker goes by the document with this hash.
    pub(super) fn in_force(&mut self, hash: &str) {
        if hash == self.hash {
            return;
        }
        match self.origin.read() {
            Ok(loaded) if loaded.hash == hash => {
                (self.text, self.hash) = (loaded.text, loaded.hash);
                debug!(hash, "the configuration in force is kept for the next worker");
            }
            // It has changed once more; the worker will say of that, too, if it is any good.
            Ok(_) => debug!("the configuration has changed again"),
            Err(failure) => debug!(%failure, "the configuration has changed again"),
        }
    }

    /// The document, for a worker.
    pub(super) fn document(&self) -> Option<OwnedFd> {
        let write = || -> io::Result<OwnedFd> {
            let mut file = in_memory()?;
            file.write_all(self.text.as_bytes())?;
            Ok(file.into())
        };
        write().inspect_err(|error| warn!(%error, "a worker is not told what the one before it went by")).ok()
    }
}
