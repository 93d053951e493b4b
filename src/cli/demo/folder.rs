//! A folder of our own that goes when it is dropped.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A temporary folder that only its owner may enter.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder under the system's temporary one, with a name that nobody can have prepared.
    pub(super) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("nodens-demo-{:016x}", rand::random::<u64>()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is lost with what cannot be removed, and nobody is left to be told.
        let _ = fs::remove_dir_all(&self.0);
    }
}
