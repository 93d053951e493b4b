//! The manual's page for bad days, tried: each symptom is brought about, its commands are run as they stand there, and say what the page promises.
//!
//! A row's commands and promises are read from the page itself; a test gives values for its words in capitals. That no row is without its test is a
//! rule of the house (`tests/repo`).

mod names;
mod node;
mod refused;
mod running;
mod servers;
mod start;

use std::process::Command;

use super::common::control::Control;
use super::common::daemon::{BINARY, Daemon};
use super::common::namespace::NetNs;
use super::common::skip::{Need, unless};
use super::common::wait_until;

/// The page.
const PAGE: &str = include_str!("../../../src/manual/troubleshooting.rs");

/// The programs that the page asks for.
const NEEDS: &[Need] = &[Need::Program("dig"), Need::Program("curl")];

/// Whether something is missing that the page or a test takes.
fn is_missing(more: &[Need]) -> bool {
    unless(&[NEEDS, more].concat()).is_some()
}

/// A row of the page.
#[derive(Clone, Debug)]
struct Row {
    /// What one sees.
    symptom: String,
    /// The commands that show why.
    commands: Vec<String>,
    /// Whether the log is to be looked at, too.
    reads_log: bool,
    /// What they say.
    promises: Vec<String>,
    /// What a command begins with to run where the daemon does.
    wrapper: Vec<String>,
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The row of a symptom.
#[track_caller]
fn row(symptom: &str) -> Row {
    let mut rows = PAGE.lines().filter_map(|line| line.strip_prefix("//! | ")).map(|line| line.split(" | "));
    let cells = rows.find(|cells| cells.clone().next() == Some(symptom));
    let cells: Vec<&str> = cells.unwrap_or_else(|| panic!("the page has no row {symptom}")).collect();
    assert!(cells.len() >= 4, "{cells:?}");
    let (commands, promises) = (quoted(cells[1]), quoted(cells[2]));
    assert!(!promises.is_empty(), "{symptom}: nothing is promised");
    Row {
        symptom: symptom.to_owned(),
        commands,
        reads_log: cells[1].contains("the log"),
        promises,
        wrapper: Vec::new(),
    }
}

impl Row {
    /// Puts a value in the place of a word of the page.
    fn with(mut self, word: &str, value: &str) -> Self {
        for text in self.commands.iter_mut().chain(&mut self.promises) {
            *text = text.replace(word, value);
        }
        self
    }

    /// The name that somebody misses.
    fn name(self, name: &str) -> Self {
        self.with("NAME", name)
    }

    /// Asks this daemon, which listens on ports of the kernel's choice.
    fn at(self, daemon: &Daemon) -> Self {
        let address = daemon.udp_address();
        let server = format!("@{} -p {}", address.ip(), address.port());
        let services = [("127.0.0.1:8080", "health"), ("127.0.0.1:9253", "metrics")];
        services.into_iter().fold(self.with("@ADDRESS", &server), |row, (usual, service)| {
            let is_asked = row.commands.iter().any(|command| command.contains(usual));
            if is_asked { row.with(usual, &daemon.http_address(service).to_string()) } else { row }
        })
    }

    /// Where `nodens ctl` asks.
    fn control(self, control: &Control) -> Self {
        self.with("nodens ctl", &format!("nodens ctl --socket {}", control.path().display()))
    }

    /// Runs commands there.
    fn inside(mut self, space: &NetNs) -> Self {
        self.wrapper = space.wrapper().map(str::to_owned).to_vec();
        self
    }

    /// Runs commands under these words.
    fn under(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// What all commands write, and the codes of those that fail; after it the log if that is to be looked at.
    fn look(&self, log: &dyn Fn() -> Vec<String>) -> String {
        let mut said = String::new();
        for command in &self.commands {
            let line = command.strip_prefix("nodens ").map(|rest| format!("{BINARY} {rest}"));
            let shell = ["sh", "-c", line.as_ref().unwrap_or(command)];
            let mut words = self.wrapper.iter().map(String::as_str).chain(shell);
            let mut process = Command::new(words.next().expect("at least the shell"));
            // Administrators' programs are not in everybody's path.
            let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
            let output = process.args(words).env("PATH", path).output().expect("a shell");
            let text =
                [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
            said += &format!("$ {command}\n{text}");
            if let Some(code) = output.status.code().filter(|code| *code != 0) {
                said += &format!("code {code}\n");
            }
        }
        if self.reads_log {
            // As it is unless somebody asks for more.
            let lines = log().into_iter().filter(|line| !line.contains("level=debug"));
            said += &lines.fold("the log:\n".to_owned(), |text, line| format!("{text}{line}\n"));
        }
        said
    }

    /// Looks until all that the page promises is there; what was said then.
    #[track_caller]
    fn holds(&self, log: &dyn Fn() -> Vec<String>) -> String {
        let (mut said, mut missing) = (String::new(), Vec::new());
        wait_until(&format!("{}: what the page promises", self.symptom), || {
            let now = self.look(log);
            // The command itself proves nothing.
            let answers: String =
                now.lines().filter(|line| !line.starts_with("$ ")).map(|line| format!("{line}\n")).collect();
            missing = self.promises.iter().filter(|promise| !answers.contains(*promise)).cloned().collect();
            if !missing.is_empty() && now.len() != said.len() {
                eprintln!("missing: {missing:?} in\n{now}");
            }
            said = now;
            missing.is_empty()
        });
        said
    }

    /// The same, with the log of this daemon.
    #[track_caller]
    fn holds_at(self, daemon: &Daemon) -> String {
        self.at(daemon).holds(&|| daemon.log())
    }

    /// The same, where there is no log.
    #[track_caller]
    fn holds_alone(&self) -> String {
        assert!(!self.reads_log, "{}: the page wants the log", self.symptom);
        self.holds(&Vec::new)
    }
}
