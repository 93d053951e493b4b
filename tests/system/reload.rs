//! A node whose resolv.conf changes, and one whose ConfigMap does.

use std::os::unix::fs::symlink;
use std::time::Duration;

use nodens::sys::clock;

use super::common::daemon::{Daemon, Setup};
use super::common::namespace::NetNs;
use super::common::peer::Peer;
use super::common::skip::{Need, unless};
use super::common::{elapsed, wait_until};

/// What these tests need.
const NEEDS: &[Need] = &[Need::Namespaces, Need::Program("named"), Need::Program("dig")];

/// The need's own words: applied within ten seconds.
const MOST: Duration = Duration::from_secs(10);

/// The addresses of two name servers of a node's network.
const SERVERS: [&str; 2] = ["10.96.0.10", "10.96.0.11"];

/// A node with two name servers, which know one name by different addresses.
fn node() -> (NetNs, [Peer; 2]) {
    let node = NetNs::new();
    let servers = SERVERS.map(|address| {
        node.ip(&["address", "add", &format!("{address}/32"), "dev", "lo"]);
        let zone = format!(
            "$ORIGIN cluster.local.\n$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A {address}\nweb A {address}\n"
        );
        Peer::bind_inside(format!("{address}:53").parse().unwrap(), &[("cluster.local", &zone)], &node)
    });
    (node, servers)
}

/// What a program on the node is told about the name.
#[track_caller]
fn ask(node: &NetNs, port: u16) -> String {
    let port = port.to_string();
    let words = ["dig", "@127.0.0.1", "-p", &port, "+short", "+tries=1", "web.cluster.local"];
    String::from_utf8(node.run(&words).stdout).unwrap().trim().to_owned()
}

/// Waits until the daemon has taken a new configuration for the `count`th time.
#[track_caller]
fn reloaded(daemon: &Daemon, count: usize) {
    let start = clock::now();
    let seen = || daemon.log().iter().filter(|line| line.contains("configuration reloaded")).count();
    wait_until("a configuration is taken", || seen() == count);
    assert!(elapsed(start) < MOST, "{:?}", elapsed(start));
}

/// N32: without a file, the cluster's names are asked at the servers of resolv.conf, which is a bind mount here as it is in containers.
#[test]
fn a_changed_resolv_conf_is_followed_within_ten_seconds_and_an_empty_one_changes_nothing() {
    if unless(NEEDS).is_some() {
        return;
    }
    let (node, _servers) = node();
    node.resolv_conf(&format!("nameserver {}\n", SERVERS[0]));
    let daemon = Setup::new().under(&node.wrapper()).start_silent();
    assert_eq!(ask(&node, 5353), SERVERS[0]);
    node.resolv_conf(&format!("nameserver {}\n", SERVERS[1]));
    reloaded(&daemon, 1);
    assert_eq!(ask(&node, 5353), SERVERS[1], "what the old server said is forgotten");
    node.resolv_conf("options edns0\n");
    wait_until("a line says so", || daemon.log().iter().any(|line| line.contains("those from before stay")));
    assert_eq!(ask(&node, 5353), SERVERS[1]);
}

/// N32: the kubelet swaps the link `..data` and removes the folder that it led to.
#[test]
fn a_swapped_config_map_is_taken_within_ten_seconds() {
    if unless(NEEDS).is_some() {
        return;
    }
    let (node, _servers) = node();
    let volume = tempfile::tempdir().unwrap();
    let path = |name: &str| volume.path().join(name);
    let write = |version: &str, server: &str| {
        std::fs::create_dir(path(version)).unwrap();
        let servers = [format!("auto://{server}:53")];
        let setup = Setup::new().section("listen", "addresses = [\"127.0.0.1:5353\"]");
        let setup = setup.upstream("cluster", &servers, "").zone(".", "cluster", "");
        std::fs::write(path(version).join("nodens.toml"), setup.text()).unwrap();
    };
    write("..2026_11_23", SERVERS[0]);
    symlink("..2026_11_23", path("..data")).unwrap();
    symlink("..data/nodens.toml", path("nodens.toml")).unwrap();
    let daemon = Setup::new().under(&node.wrapper()).start_at(&path("nodens.toml"));
    assert_eq!(ask(&node, 5353), SERVERS[0]);
    write("..2026_11_24", SERVERS[1]);
    symlink("..2026_11_24", path("..data_tmp")).unwrap();
    std::fs::rename(path("..data_tmp"), path("..data")).unwrap();
    std::fs::remove_dir_all(path("..2026_11_23")).unwrap();
    reloaded(&daemon, 1);
    assert_eq!(ask(&node, 5353), SERVERS[1]);
}
