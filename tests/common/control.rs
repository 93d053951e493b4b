//! A daemon with an admin socket, and `nodens ctl` that asks there.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{BINARY, Daemon, Setup};

/// A folder with a control socket.
#[derive(Debug)]
pub(crate) struct Control {
    /// The folder.
    folder: TempDir,
}

impl Control {
    /// A place for one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The socket.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// The setup with this socket.
    pub(crate) fn of(&self, setup: Setup) -> Setup {
        setup.section("control", &format!("socket = {:?}", self.path()))
    }

    /// Starts a daemon with this socket.
    #[track_caller]
    pub(crate) fn start(setup: Setup) -> (Daemon, Self) {
        let control = Self::new();
        let daemon = control.of(setup).start();
        (daemon, control)
    }

    /// Runs `nodens ctl` with these words to its end, under another command if there are some words before.
    pub(crate) fn run_under(&self, before: &[&str], words: &str) -> Output {
        let socket = self.path();
        let mut all = before.iter().copied().chain([BINARY, "ctl", "--socket", socket.to_str().unwrap()]);
        let mut command = Command::new(all.next().expect("at least the binary"));
        command.args(all).args(words.split_whitespace()).stdin(Stdio::null()).output().expect("it starts")
    }

    /// Runs `nodens ctl` with these words to its end.
    pub(crate) fn run(&self, words: &str) -> Output {
        self.run_under(&[], words)
    }

    /// What `nodens ctl` prints, which must succeed.
    #[track_caller]
    pub(crate) fn text(&self, words: &str) -> String {
        let output = self.run(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{words}: {:?}\n{error}", output.status);
        String::from_utf8(output.stdout).expect("text")
    }

    /// What `nodens ctl --json` prints.
    #[track_caller]
    pub(crate) fn json(&self, words: &str) -> Value {
        let text = self.text(&format!("--json {words}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words}: {error}\n{text}"))
    }

    /// What `nodens ctl --json` prints, a line each.
    #[track_caller]
    pub(crate) fn lines(&self, words: &str) -> Vec<Value> {
        let text = self.text(&format!("--json {words}"));
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Why `nodens ctl` fails, and its exit code.
    #[track_caller]
    pub(crate) fn failure(&self, words: &str) -> (i32, String) {
        let output = self.run(words);
        assert!(output.stdout.is_empty(), "{words}: {}", String::from_utf8_lossy(&output.stdout));
        (output.status.code().expect("it ends by itself"), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
