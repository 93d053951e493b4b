//! What a configuration takes from the machine when the file is silent: cores, memory limit, host name, nameservers.
//!
//! It is read once and handed in as a value, so that reading a configuration is the same everywhere that the value is the same. While the
//! daemon runs, only nameservers and addresses are read again.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::thread::available_parallelism;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

use super::{loops, resolv};

/// Where the resolver's configuration is (resolv.conf(5)).
pub(super) const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where control groups of version 2 are mounted.
const CGROUPS: &str = "/sys/fs/cgroup";
/// The most that is read of any of these files, in bytes. They are far smaller.
const LONGEST_FILE: u64 = 64 * 1024;

/// What the machine says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Cores that this process may use.
    pub cores: usize,
    /// The memory limit of this process's control group in bytes, if there is one.
    pub memory_limit: Option<u64>,
    /// The host's name.
    pub host_name: Option<String>,
    /// What the cluster calls this node, if the manifest says so: `NODE_NAME`.
    pub node_name: Option<String>,
    /// The nameservers of resolv.conf, in their order; if that knows only systemd-resolved, those that it asks.
    pub nameservers: Vec<SocketAddr>,
    /// The addresses of this machine's interfaces.
    pub addresses: Vec<IpAddr>,
}

impl Environment {
    /// This machine.
    #[must_use]
    pub fn detect() -> Self {
        Self::detect_with(Path::new(RESOLV_CONF))
    }

    /// This machine, with another resolv.conf.
    #[must_use]
    pub fn detect_with(resolv_conf: &Path) -> Self {
        let host_name = read(Path::new("/proc/sys/kernel/hostname")).map(|name| name.trim().to_owned());
        Self {
            cores: available_parallelism().map_or(1, usize::from),
            memory_limit: memory_limit(Path::new("/proc/self/cgroup"), Path::new(CGROUPS)),
            node_name: std::env::var("NODE_NAME").ok().or_else(|| host_name.clone()).filter(|name| !name.is_empty()),
            host_name: host_name.filter(|name| !name.is_empty()),
            nameservers: nameservers(resolv_conf, Path::new(loops::BEHIND_THE_STUB)),
            addresses: Self::interface_addresses(),
        }
    }

    /// Reads again what may change while the daemon runs.
    pub(super) fn refresh(&mut self, resolv_conf: &Path) {
        self.nameservers = nameservers(resolv_conf, Path::new(loops::BEHIND_THE_STUB));
        self.addresses = Self::interface_addresses();
    }

    /// The addresses of all interfaces of this machine, those that are down included; none if the kernel does not tell.
    #[must_use]
    pub fn interface_addresses() -> Vec<IpAddr> {
        let interfaces = getifaddrs().into_iter().flatten().filter_map(|interface| interface.address);
        let ip = |address: SockaddrStorage| {
            let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
        };
        interfaces.filter_map(ip).collect()
    }

    /// No machine in particular: cores enough, no limit, no name, no nameservers.
    #[must_use]
    pub const fn neutral() -> Self {
        Self {
            cores: 64,
            memory_limit: None,
            host_name: None,
            node_name: None,
            nameservers: Vec::new(),
            addresses: Vec::new(),
        }
    }
}

/// The nameservers of a resolv.conf; where they are systemd-resolved and nobody else, those that it asks, which it writes to `behind`.
fn nameservers(resolv_conf: &Path, behind: &Path) -> Vec<SocketAddr> {
    let parse = |path| read(path).map(|text| resolv::parse(&text)).unwrap_or_default();
    let named = parse(resolv_conf);
    if named.iter().all(|server| loops::is_stub(*server)) {
        let behind = parse(behind);
        // A file left over from a resolver that is gone is of no use where nobody names that resolver.
        if !named.is_empty() && !behind.is_empty() {
            return behind;
        }
    }
    named
}

/// The smallest memory limit of this process's control group and those above it; `None` without limit or without version 2.
fn memory_limit(own: &Path, mount: &Path) -> Option<u64> {
    let text = read(own)?;
    let group = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    // In a container the mount shows only the container's own part of the tree, with the limit at its root.
    let mut folder = mount.join(group.trim_start_matches('/'));
    let mut limit: Option<u64> = None;
    while folder.starts_with(mount) {
        let here = read(&folder.join("memory.max")).and_then(|text| text.trim().parse().ok());
        limit = limit.into_iter().chain(here).min();
        if !folder.pop() {
            break;
        }
    }
    limit
}

/// The beginning of a text file; `None` if there is none.
fn read(path: &Path) -> Option<String> {
    read_bounded(path, LONGEST_FILE).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The first bytes of a file.
pub(super) fn read_bounded(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Environment, memory_limit, nameservers};

    #[test]
    fn the_smallest_limit_above_us_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mount = folder.path().join("cgroup");
        fs::create_dir_all(mount.join("a/b")).unwrap();
        let own = folder.path().join("own");
        fs::write(&own, "12:cpu:/x\n0::/a/b\n").unwrap();
        assert_eq!(memory_limit(&own, &mount), None);
        fs::write(mount.join("a/b/memory.max"), "max\n").unwrap();
        assert_eq!(memory_limit(&own, &mount), None);
        fs::write(mount.join("a/memory.max"), "1048576\n").unwrap();
        assert_eq!(memory_limit(&own, &mount), Some(1_048_576));
        fs::write(mount.join("a/b/memory.max"), "2097152\n").unwrap();
        assert_eq!(memory_limit(&own, &mount), Some(1_048_576));
    }

    #[test]
    fn a_container_finds_its_limit_at_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::write(&own, "0::/../../elsewhere\n").unwrap();
        fs::write(folder.path().join("memory.max"), "33554432\n").unwrap();
        assert_eq!(memory_limit(&own, folder.path()), Some(33_554_432));
    }

    #[test]
    fn nameservers_come_from_the_given_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        assert_eq!(Environment::detect_with(&path).nameservers, []);
        fs::write(&path, "nameserver 192.0.2.1\n").unwrap();
        assert_eq!(Environment::detect_with(&path).nameservers, ["192.0.2.1:53".parse().unwrap()]);
    }

    #[test]
    fn loopback_is_an_address_of_this_machine() {
        assert!(Environment::detect().addresses.contains(&"127.0.0.1".parse().unwrap()));
    }

    /// N33
    #[test]
    fn those_whom_systemd_resolved_asks_take_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (named, behind) = (folder.path().join("resolv.conf"), folder.path().join("behind"));
        let found = |text: &str| -> Vec<String> {
            fs::write(&named, text).unwrap();
            nameservers(&named, &behind).iter().map(ToString::to_string).collect()
        };
        assert_eq!(found("nameserver 127.0.0.53\n"), ["127.0.0.53:53"]);
        fs::write(&behind, "nameserver 192.0.2.1\nnameserver 192.0.2.2\n").unwrap();
        assert_eq!(found("nameserver 127.0.0.53\noptions edns0 trust-ad\n"), ["192.0.2.1:53", "192.0.2.2:53"]);
        assert_eq!(found("nameserver 127.0.0.53\nnameserver 10.0.0.2\n"), ["127.0.0.53:53", "10.0.0.2:53"]);
        assert_eq!(found("search example.org\n"), [""; 0]);
    }
}
