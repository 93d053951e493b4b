//! The rules of the house, as tests over the repository's own files: layout, documents and units of systemd.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod documents;
mod generated;
mod layout;
mod needs;
mod systemd;
mod watching;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The top of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository as text.
#[track_caller]
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below `folder` that end in `end`, in order, as paths from the top; none if there is no such folder.
fn files(folder: &str, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            // A fuzz target's own build folder and corpus are not ours.
            let skipped = ["target", "corpus", "artifacts"].iter().any(|name| path.ends_with(name));
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(from_root(&path));
            }
        }
    }
    found.sort();
    found
}

/// A path from the top.
fn from_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

/// Runs the binary under test to its end.
fn nodens(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_nodens")).args(arguments).output().unwrap()
}

/// A new folder for a file that a test writes.
fn temporary(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    (folder, file)
}
