//! A test that cannot run here says so, by name and reason; `tests/run` counts it as skipped and never as passed.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Names the file that `tests/run` reads afterwards.
const VARIABLE: &str = "NODENS_SKIPPED";

/// Why this test cannot run, or `None`; a reason is written down for `tests/run`.
pub(crate) fn unless(has_all: &[Need]) -> Option<String> {
    let missing: Vec<String> = has_all.iter().filter_map(Need::missing).collect();
    if missing.is_empty() {
        return None;
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let reason = format!("{test}: {}", missing.join(", "));
    eprintln!("SKIPPED {reason}");
    if let Some(file) = std::env::var_os(VARIABLE) {
        let mut file = OpenOptions::new().create(true).append(true).open(file).expect("the list of skipped tests");
        writeln!(file, "{reason}").expect("the list of skipped tests");
    }
    Some(reason)
}

/// Something that not every machine has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    /// A program in one of the usual folders.
    Program(&'static str),
    /// Network namespaces: root, and a kernel that allows them.
    Namespaces,
    /// IPv6 on loopback.
    Ipv6,
}

impl Need {
    /// What is missing.
    fn missing(&self) -> Option<String> {
        match self {
            Self::Program(name) => super::peer::program(name).is_none().then(|| format!("{name} is not installed")),
            Self::Namespaces if !is_root() => Some("network namespaces need root".into()),
            Self::Namespaces if !Path::new("/proc/self/ns/net").exists() => Some("no network namespaces here".into()),
            Self::Namespaces => super::namespace::probe().err(),
            Self::Ipv6 => {
                std::net::UdpSocket::bind("[::1]:0").err().map(|error| format!("no IPv6 on loopback: {error}"))
            }
        }
    }
}

/// Whether this process runs as root: its own entry in /proc belongs to root.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}
