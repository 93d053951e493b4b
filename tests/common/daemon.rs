//! The real daemon as a child process on ports of the kernel's choice.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::ask::Ask;
use super::client::{Tcp, Udp};
use super::metrics::{Response, Scrape, get};
use super::upstream::Upstream;
use super::wait_until;
use super::wire::Message;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_nodens");

/// A configuration in the making. One worker, port 0 everywhere, nothing local unless asked for.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// `[section]` heads with their lines.
    sections: Vec<(&'static str, String)>,
    /// `[[upstream]]` and `[[zone]]` tables.
    tables: String,
    /// What to run the daemon under, such as `ip netns exec NAME`.
    wrapper: Vec<String>,
    /// More arguments of `nodens run`.
    arguments: Vec<&'static str>,
}

impl Setup {
    /// The defaults of all tests; no upstream yet.
    pub(crate) fn new() -> Self {
        let sections = vec![
            ("listen", "addresses = [\"127.0.0.1:0\"]\nworkers = 1\n".to_owned()),
            ("metrics", "listen = \"127.0.0.1:0\"\n".to_owned()),
            // Another address than that of the metrics: the same one would be served by one listener.
            ("health", "listen = \"127.0.0.1:0\"\n".to_owned()),
            ("log", "level = \"debug\"\nformat = \"text\"\n".to_owned()),
            // The folders of tests are root's alone where tests run as root. All else that the sandbox takes, it takes.
            ("sandbox", "user = \"root\"\n".to_owned()),
        ];
        Self { sections, tables: String::new(), wrapper: Vec::new(), arguments: Vec::new() }
    }

    /// Everything goes to `upstream`.
    pub(crate) fn forward(upstream: &Upstream) -> Self {
        Self::new().upstream("all", &[upstream.url()], &upstream.extra()).zone(".", "all", "")
    }

    /// Adds lines to a section. A key that is there already is replaced.
    pub(crate) fn section(mut self, name: &'static str, lines: &str) -> Self {
        let at = self.sections.iter().position(|(n, _)| *n == name).unwrap_or_else(|| {
            self.sections.push((name, String::new()));
            self.sections.len() - 1
        });
        let section = &mut self.sections[at].1;
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let key = line.split('=').next().expect("a line has a key").trim();
            let kept: String = section.lines().filter(|l| l.split('=').next().map(str::trim) != Some(key)).fold(
                String::new(),
                |mut text, l| {
                    text.push_str(l);
                    text.push('\n');
                    text
                },
            );
            *section = format!("{kept}{line}\n");
        }
        self
    }

    /// Adds a group of servers; `extra` are more lines.
    pub(crate) fn upstream(mut self, name: &str, servers: &[String], extra: &str) -> Self {
        write!(self.tables, "[[upstream]]\nname = \"{name}\"\nservers = {servers:?}\n{extra}\n").unwrap();
        self
    }

    /// Adds a zone; `extra` are more lines. Unless they speak of it, its answers may have any addresses: those of tests are examples, or
    /// made of numbers.
    pub(crate) fn zone(mut self, name: &str, upstream: &str, extra: &str) -> Self {
        let filter = if extra.contains("rebinding") { "" } else { "rebinding.mode = \"off\"\n" };
        let extra = format!("{filter}{extra}");
        write!(self.tables, "[[zone]]\nname = \"{name}\"\nupstream = \"{upstream}\"\n{extra}\n").unwrap();
        self
    }

    /// Adds lines to the table that was written last.
    pub(crate) fn more(mut self, lines: &str) -> Self {
        self.tables.push_str(lines);
        self.tables.push('\n');
        self
    }

    /// Runs the daemon under another command.
    pub(crate) fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Runs that in turn under another command.
    pub(crate) fn around(mut self, wrapper: &[&str]) -> Self {
        self.wrapper.extend(wrapper.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Adds arguments of `nodens run`.
    pub(crate) fn arguments(mut self, arguments: &[&'static str]) -> Self {
        self.arguments.extend_from_slice(arguments);
        self
    }

    /// Runs the daemon, which is to end by itself at its start.
    #[track_caller]
    pub(crate) fn start_and_fail(&self) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nodens.toml");
        std::fs::write(&file, self.text()).unwrap();
        self.command(Some(&file)).output().expect("the binary starts")
    }

    /// The command that starts the daemon.
    fn command(&self, file: Option<&Path>) -> Command {
        let mut words =
            self.wrapper.iter().map(String::as_str).chain([BINARY, "run"]).chain(self.arguments.iter().copied());
        let mut command = Command::new(words.next().expect("at least the binary"));
        command.args(words);
        if let Some(file) = file {
            command.arg("--config").arg(file);
        }
        command
    }

    /// The file's text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, lines) in &self.sections {
            write!(text, "[{name}]\n{lines}\n").unwrap();
        }
        text + &self.tables
    }

    /// Starts the daemon and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nodens.toml");
        std::fs::write(&file, self.text()).unwrap();
        Daemon::start(self.command(Some(&file)), folder)
    }

    /// Starts the daemon, which need not become ready.
    pub(crate) fn spawn(&self) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nodens.toml");
        std::fs::write(&file, self.text()).unwrap();
        Daemon::spawn(self.command(Some(&file)), folder)
    }

    /// Starts the daemon with a configuration file that a test has written, and waits until it is ready.
    #[track_caller]
    pub(crate) fn start_at(&self, file: &Path) -> Daemon {
        Daemon::start(self.command(Some(file)), tempfile::tempdir().unwrap())
    }

    /// Starts the daemon without a configuration file, and waits until it is ready.
    #[track_caller]
    pub(crate) fn start_silent(&self) -> Daemon {
        Daemon::start(self.command(None), tempfile::tempdir().unwrap())
    }
}

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// The process.
    child: Child,
    /// Lines of standard error so far.
    lines: Arc<Mutex<Vec<String>>>,
    /// Holds the configuration file.
    folder: TempDir,
    /// Whether a test has taken the exit status; a death before that is a failure.
    reaped: bool,
}

impl Daemon {
    /// Starts this and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(command: Command, folder: TempDir) -> Self {
        let shown = format!("{command:?}");
        let mut daemon = Self::spawn(command, folder);
        wait_until("the daemon says that it is ready", || {
            if let Some(status) = daemon.child.try_wait().unwrap() {
                let log = daemon.log().join("\n");
                panic!("the daemon ended at its start: {status}\n{shown}\n{log}");
            }
            daemon.log().iter().any(|line| has_word(line, "ready"))
        });
        daemon
    }

    /// Starts this, whatever becomes of it.
    pub(crate) fn spawn(mut command: Command, folder: TempDir) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stderr, sink) = (child.stderr.take().expect("it is piped"), Arc::clone(&lines));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Self { child, lines, folder, reaped: false }
    }

    /// All lines of standard error so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until a line of standard error holds `text`.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(&format!("the log says {text}"), || self.log().iter().any(|line| line.contains(text)));
    }

    /// The addresses of all "listening" lines that carry `field`, in their order.
    #[track_caller]
    pub(crate) fn listening(&self, field: &str) -> Vec<SocketAddr> {
        let log = self.log();
        let lines = log.iter().filter(|line| line.contains("listening") && has_word(&line.replace('"', ""), field));
        let address = |line: &String| {
            let value = line.split("address=").nth(1).expect("a listening line has its address");
            let end = value.find([' ', ',']).unwrap_or(value.len());
            value[..end].trim_matches('"').parse().expect("an address and a port")
        };
        let mut addresses: Vec<SocketAddr> = lines.map(address).collect();
        addresses.dedup();
        assert!(!addresses.is_empty(), "no listening line with {field}: {log:#?}");
        addresses
    }

    /// The first UDP address.
    #[track_caller]
    pub(crate) fn udp_address(&self) -> SocketAddr {
        self.listening("protocol=udp")[0]
    }

    /// The first TCP address.
    #[track_caller]
    pub(crate) fn tcp_address(&self) -> SocketAddr {
        self.listening("protocol=tcp")[0]
    }

    /// A UDP client.
    #[track_caller]
    pub(crate) fn udp(&self) -> Udp {
        Udp::to(self.udp_address())
    }

    /// A UDP client of an address of its own, as another pod has: one of 250.
    #[track_caller]
    pub(crate) fn udp_of(&self, pod: usize) -> Udp {
        let pod = u8::try_from(pod).ok().filter(|pod| *pod < 250).expect("one of 250 pods");
        Udp::from_to([127, 0, 1, pod + 1].into(), self.udp_address())
    }

    /// A TCP client.
    #[track_caller]
    pub(crate) fn tcp(&self) -> Tcp {
        Tcp::to(self.tcp_address())
    }

    /// Asks over UDP from a new socket.
    #[track_caller]
    pub(crate) fn ask(&self, ask: &Ask) -> Message {
        self.udp().ask(ask)
    }

    /// Fetches `path` from the `metrics` or `health` address.
    #[track_caller]
    pub(crate) fn http(&self, service: &str, path: &str) -> Response {
        get(self.http_address(service), path)
    }

    /// The address of the `metrics` or `health` endpoint.
    #[track_caller]
    pub(crate) fn http_address(&self, service: &str) -> SocketAddr {
        // Each worker process takes a port of its own; the last line is that of the one that lives.
        *self.listening(&format!("service={service}")).last().expect("at least one")
    }

    /// Scrapes the metrics.
    #[track_caller]
    pub(crate) fn scrape(&self) -> Scrape {
        let response = self.http("metrics", "/metrics");
        assert_eq!(response.status, 200, "{}", response.body);
        Scrape::read(&response.body)
    }

    /// The sum of the series `name` with these labels; absent is zero.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.scrape().value(name, labels).unwrap_or(0.0)
    }

    /// Waits until the series `name` is at least `least`.
    #[track_caller]
    pub(crate) fn wait_for_metric(&self, name: &str, labels: &[(&str, &str)], least: f64) {
        wait_until(&format!("{name} {labels:?} is at least {least}"), || self.metric(name, labels) >= least);
    }

    /// The process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process number fits"))
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the daemon runs");
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the daemon ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.reaped = true;
        status.expect("waited for it")
    }

    /// The folder of its configuration.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon's processes: the one that was started, and those that it has started.
    pub(crate) fn family(&self) -> Vec<u32> {
        let parent = self.child.id();
        let children =
            std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).expect("the daemon runs");
        let children = children.split_whitespace().map(|pid| pid.parse().expect("a process number"));
        std::iter::once(parent).chain(children).collect()
    }

    /// The process that answers, if there is one just now.
    pub(crate) fn worker(&self) -> Option<Pid> {
        self.family().get(1).map(|pid| Pid::from_raw(i32::try_from(*pid).expect("a process number fits")))
    }

    /// Processor time used so far, in ticks of the kernel (hundredths of a second).
    pub(crate) fn processor_ticks(&self) -> u64 {
        let of = |pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the daemon runs");
            // Behind the name, which is in parentheses, user and system time are the 12th and 13th fields.
            let behind = stat.rsplit_once(')').expect("the kernel's form").1;
            behind.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum::<u64>()
        };
        self.family().into_iter().map(of).sum()
    }

    /// Kilobytes of resident memory without the program's own pages, which belong to the page cache.
    pub(crate) fn private_kilobytes(&self) -> u64 {
        let of = |pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the daemon runs");
            let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("the kernel says so");
            line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("a number of kilobytes")
        };
        self.family().into_iter().map(of).sum()
    }
}

/// Stops a process where it stands, and waits until each of its threads does: one that is just reading would take what was sent last.
#[track_caller]
pub(crate) fn freeze(pid: Pid) {
    kill(pid, Signal::SIGSTOP).expect("it runs");
    wait_until("all threads stand still", || {
        let mut threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").flatten();
        let stands = |thread: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
        };
        threads.all(stands)
    });
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let died = if self.reaped { None } else { self.child.try_wait().ok().flatten() };
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log();
        if thread::panicking() {
            eprintln!("--- standard error of the daemon ---\n{}\n--- end ---", log.join("\n"));
            return;
        }
        assert!(died.is_none(), "the daemon died during the test: {died:?}\n{}", log.join("\n"));
        let panicked = log.iter().any(|line| line.contains("panicked at"));
        assert!(!panicked, "a part of the daemon panicked\n{}", log.join("\n"));
    }
}

/// Runs `nodens` with `arguments` to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).stdin(Stdio::null()).output().expect("the binary starts")
}

/// Writes `text` to a file called nodens.toml and runs `nodens check` on it.
pub(crate) fn check(text: &str) -> (PathBuf, Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodens.toml");
    std::fs::write(&file, text).unwrap();
    let output = run(&["check", file.to_str().expect("a temporary folder has a plain name")]);
    (file, output)
}

/// Whether `line` holds `word` between other words.
fn has_word(line: &str, word: &str) -> bool {
    line.split([' ', ',', '"']).any(|w| w == word)
}
