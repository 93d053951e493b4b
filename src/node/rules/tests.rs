//! Rules in a network of their own: a thread enters a new network namespace, in which `nft`, `iptables` and sockets see nothing of the machine.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

use super::iptables::Iptables;
use super::{Done, Rules};
use crate::config;
use crate::config::RulesBackend;
use crate::sys::clock;

mod dead_man;
mod programs;
mod table;

/// A link-local address, as node-local-dns has it.
const LINK_LOCAL: &str = "169.254.20.10:53";
/// The address of the cluster's DNS service.
const SERVICE: &str = "10.96.0.10:53";
/// The like for IPv6.
const SERVICE6: &str = "[fd00:10:96::a]:53";

/// Runs a test in a new network namespace with loopback up, on an event loop; the namespace goes with its thread. Needs root, as `tests/run`
/// has it; says so and passes where there is none.
fn within<T: Future<Output = ()>>(test: impl FnOnce() -> T + Send + 'static) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let thread = std::thread::Builder::new().name(name.clone()).spawn(move || {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            skip(&format!("{name}: no network namespaces here: {error}"));
            return;
        }
        if ["nft", "iptables-save", "iptables-legacy-save"]
            .iter()
            .any(|program| Command::new(program).arg("-V").output().is_err())
        {
            skip(&format!("{name}: nftables or iptables are not installed"));
            return;
        }
        sh("ip link set lo up");
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test());
    });
    if let Err(panic) = thread.unwrap().join() {
        std::panic::resume_unwind(panic);
    }
}

/// Tells `tests/run` that a test could not run.
fn skip(reason: &str) {
    eprintln!("SKIPPED {reason}");
    if let Some(file) = std::env::var_os("NODENS_SKIPPED") {
        let mut text = fs::read_to_string(&file).unwrap_or_default();
        text.push_str(&format!("{reason}\n"));
        fs::write(file, text).unwrap();
    }
}

/// Runs a line of shell to its end; what it prints.
#[track_caller]
fn sh(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The section with this backend, and fallback servers.
fn config(backend: RulesBackend, fallback: &[&str]) -> config::Rules {
    let rules = config::Config::default().rules;
    config::Rules { backend, fallback: addresses(fallback), ..rules }
}

/// Addresses.
fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Rules of nftables for listeners.
fn nftables(listeners: &[&str], fallback: &[&str]) -> Rules {
    Rules::new(&config(RulesBackend::Nftables, fallback), &addresses(listeners), &addresses(&["10.0.0.1:8080"]))
}

/// Answers on a socket in a thread of its own until it is told to end by the datagram `end`.
fn answer(socket: UdpSocket, name: &'static str) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(name.as_bytes(), client);
            if &buffer[..length] == b"end" {
                return;
            }
        }
    })
}

/// A client's socket that asks one server.
fn client(server: &str) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect(server).unwrap();
    socket
}

/// What a server answers: its name, or why there is none.
fn ask(client: &UdpSocket) -> Result<String, std::io::ErrorKind> {
    let mut buffer = [0; 64];
    client.send(b"who").map_err(|error| error.kind())?;
    let length = client.recv(&mut buffer).map_err(|error| error.kind())?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// How long it is since then.
fn since(start: clock::Moment) -> Duration {
    clock::now().since(start)
}
