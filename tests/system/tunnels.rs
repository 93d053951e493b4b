//! Real tunnels through the real daemon: iodine with each of its types and dns2tcp, in namespaces of their own.
//!
//! ```text
//! inside: nodens on 127.0.0.1:53, the tunnel's client ── 10.1.0.1 ══ 10.1.0.2 ── outside: the tunnel's server
//! ```

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::common::daemon::{Daemon, Setup};
use super::common::namespace::NetNs;
use super::common::skip::{Need, unless};
use super::common::wait_until;

/// The domain whose names the tunnel's server answers.
const DOMAIN: &str = "t.badtunnel.net";

/// Seconds by which a tunnel must be found.
const AT_ONCE: u64 = 30;

/// A program that runs until it is dropped.
struct Program {
    /// The process.
    child: Child,
    /// What it writes.
    folder: TempDir,
}

impl Program {
    /// Starts it in a namespace.
    fn start(space: &NetNs, words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let wrapper = space.wrapper();
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).args(words).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { child: command.spawn().unwrap(), folder }
    }

    /// What it wrote.
    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Inside and outside.
struct Line {
    /// Where the daemon and the client are.
    inside: NetNs,
    /// Where the server is.
    outside: NetNs,
}

impl Line {
    /// The two namespaces.
    fn new() -> Self {
        let (inside, outside) = (NetNs::new(), NetNs::new());
        inside.link("out", "10.1.0.1/24", &outside, "in", "10.1.0.2/24");
        Self { inside, outside }
    }

    /// The daemon, which asks the tunnel's server for its domain.
    fn daemon(&self) -> Daemon {
        Setup::new()
            .section("listen", "addresses = [\"127.0.0.1:53\"]")
            .upstream("tunnel", &["udp://10.1.0.2:53".to_owned()], "")
            .zone(DOMAIN, "tunnel", "")
            .zone(".", "tunnel", "")
            .under(&self.inside.wrapper())
            .start()
    }
}

/// Waits for a detection of the domain: the line, and after how many seconds.
#[track_caller]
fn detection(daemon: &Daemon, begun: Instant) -> (Value, u64) {
    let find = || daemon.log().into_iter().find(|line| line.starts_with('{') && line.contains("\"badtunnel.net.\""));
    wait_until("the tunnel is found", || find().is_some());
    (serde_json::from_str(&find().unwrap()).unwrap(), begun.elapsed().as_secs())
}

/// What iodine needs.
fn iodine_is_missing() -> bool {
    let needs = [Need::Namespaces, Need::Program("iodine"), Need::Program("iodined")];
    unless(&needs).is_some() || !Path::new("/dev/net/tun").exists()
}

/// iodine by one type: it comes through, and is found.
fn iodine(qtype: &str) {
    if iodine_is_missing() {
        return;
    }
    let line = Line::new();
    let server = Program::start(&line.outside, &["iodined", "-f", "-c", "-P", "secret", "10.99.0.1", DOMAIN]);
    wait_until("iodined listens", || server.log().contains("Listening to dns"));
    let daemon = line.daemon();
    #[expect(clippy::disallowed_methods, reason = "how long a program of its own takes is what is measured")]
    let begun = Instant::now();
    let words = ["iodine", "-f", "-r", "-T", qtype, "-P", "secret", "127.0.0.1", DOMAIN];
    let client = Program::start(&line.inside, &words);
    let (found, seconds) = detection(&daemon, begun);
    eprintln!("iodine {qtype}: found after {seconds} s: {found}");
    assert!(seconds <= AT_ONCE, "{seconds} s\n{}", client.log());
    // Which comes first depends on what was asked when the thread looked: what iodine is known by, or how its names look.
    assert!(matches!(found["rule"].as_str(), Some("signature" | "burst")), "{found}");
    wait_until("the tunnel comes through", || client.log().contains("Connection setup complete"));
}

/// N39
#[test]
fn iodine_by_null_is_found() {
    iodine("NULL");
}

/// N39
#[test]
fn iodine_by_a_private_type_is_found() {
    iodine("PRIVATE");
}

/// N39
#[test]
fn iodine_by_text_is_found() {
    iodine("TXT");
}

/// N39
#[test]
fn iodine_by_aliases_is_found() {
    iodine("CNAME");
}

/// N39
#[test]
fn iodine_by_mail_is_found() {
    iodine("MX");
}

/// N39
#[test]
fn iodine_by_services_is_found() {
    iodine("SRV");
}

/// N39
#[test]
fn iodine_by_addresses_is_found() {
    iodine("A");
}

/// dns2tcp by one type: bytes come through, and it is found.
fn dns2tcp(qtype: &str) {
    if unless(&[Need::Namespaces, Need::Program("dns2tcpc"), Need::Program("dns2tcpd")]).is_some() {
        return;
    }
    let line = Line::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dns2tcpd.conf");
    let text = format!(
        "listen = 10.1.0.2\nport = 53\nuser = root\nchroot = {}\ndomain = {DOMAIN}\nresources = echo:127.0.0.1:7\n",
        folder.path().display()
    );
    std::fs::write(&file, text).unwrap();
    let echo = line.outside.inside(|| TcpListener::bind("127.0.0.1:7").unwrap());
    std::thread::spawn(move || {
        for mut stream in echo.incoming().flatten() {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                let _ = stream.write_all(&bytes[..count]);
            }
        }
    });
    let _server = Program::start(&line.outside, &["dns2tcpd", "-F", "-d", "1", "-f", file.to_str().unwrap()]);
    let daemon = line.daemon();
    #[expect(clippy::disallowed_methods, reason = "how long a program of its own takes is what is measured")]
    let begun = Instant::now();
    let words = ["dns2tcpc", "-z", DOMAIN, "-r", "echo", "-l", "2222", "-T", qtype, "127.0.0.1"];
    let client = Program::start(&line.inside, &words);
    let connect = || line.inside.inside(|| TcpStream::connect("127.0.0.1:2222").ok());
    wait_until("dns2tcp listens", || connect().is_some());
    let mut stream = connect().unwrap();
    let _ = stream.write_all(&[7; 4096]);
    let (found, seconds) = detection(&daemon, begun);
    eprintln!("dns2tcp {qtype}: found after {seconds} s: {found}");
    assert!(seconds <= AT_ONCE, "{seconds} s\n{}", client.log());
}

/// N39
#[test]
fn dns2tcp_by_text_is_found() {
    dns2tcp("TXT");
}

/// N39
#[test]
fn dns2tcp_by_keys_is_found() {
    dns2tcp("KEY");
}
