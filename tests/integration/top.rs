//! `nodens top` in a real terminal: it shows a daemon, outlives it, and gives the terminal back as it was.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::common::ask::Ask;
use super::common::control::Control;
use super::common::daemon::{BINARY, Setup, run};
use super::common::skip::{Need, unless};
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;

/// Makes room for the picture.
const ENTER: &str = "\u{1b}[?1049h";

/// Brings back what was there before.
const LEAVE: &str = "\u{1b}[?1049l";

/// `nodens top` in a terminal that script(1) makes.
struct Screen {
    child: Child,
    keys: ChildStdin,
    /// All that was written so far.
    written: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    /// Shows the daemon of this socket.
    fn begin(control: &Control) -> Self {
        // The shell becomes the program, so that its process is script's child.
        let line = format!("stty cols 80 rows 24; exec {BINARY} top --socket {}", control.path().display());
        let mut child = Command::new("script")
            .args(["-qefc", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let sink = Arc::clone(&written);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                sink.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        let screen = Self { child, keys, written };
        screen.until("there is a picture", ENTER);
        screen
    }

    /// Waits until this has been written.
    #[track_caller]
    fn until(&self, what: &str, words: &str) {
        wait_until(what, || String::from_utf8_lossy(&self.written.lock().unwrap()).contains(words));
    }

    /// Waits for the end; whether it was a good one.
    #[track_caller]
    fn ends(&mut self) -> bool {
        let mut status = None;
        wait_until("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.until("the terminal is given back", LEAVE);
        self.until("the cursor is there again", "\u{1b}[?25h");
        status.unwrap().success()
    }

    /// The process of `nodens top`.
    fn pid(&self) -> Pid {
        let script = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
        Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A daemon that has answered something.
fn begin() -> (Upstream, super::common::daemon::Daemon, Control) {
    let upstream = Upstream::udp().serve(one_address);
    let (daemon, control) = Control::start(Setup::forward(&upstream));
    daemon.ask(&Ask::a("www.example.org"));
    (upstream, daemon, control)
}

#[test]
fn it_shows_a_daemon_outlives_it_and_ends_with_a_key() {
    if unless(&[Need::Program("script")]).is_some() {
        return;
    }
    let (upstream, daemon, control) = begin();
    let mut screen = Screen::begin(&control);
    screen.until("the server is shown", &upstream.url());
    screen.until("there is a rate", "most ");
    drop(daemon);
    screen.until("it says that nobody answers", "no answer for");
    screen.keys.write_all(b"q").unwrap();
    assert!(screen.ends());
}

#[test]
fn a_signal_gives_the_terminal_back() {
    if unless(&[Need::Program("script")]).is_some() {
        return;
    }
    let (upstream, _daemon, control) = begin();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut screen = Screen::begin(&control);
        screen.until("the server is shown", &upstream.url());
        kill(screen.pid(), signal).unwrap();
        assert!(screen.ends(), "{signal}");
    }
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let output = run(&["top"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nodens ctl stats"));
}
