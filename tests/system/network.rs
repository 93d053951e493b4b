//! What networks do to the connections of a node: all packets lost for a while, and replicas that come and go behind one address.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use nodens::sys::clock;

use super::common::daemon::{Daemon, Setup};
use super::common::namespace::NetNs;
use super::common::peer::Peer;
use super::common::skip::{Need, unless};
use super::common::{elapsed, wait_until};

/// What these tests need.
const NEEDS: &[Need] =
    &[Need::Namespaces, Need::Program("named"), Need::Program("nft"), Need::Program("dig"), Need::Program("dnsperf")];

/// The address that stays, as a ClusterIP does.
const SERVICE: &str = "10.96.0.10";
/// Those that come and go.
const REPLICAS: [&str; 3] = ["10.244.1.1", "10.244.1.2", "10.244.1.3"];

/// A namespace with all these addresses.
fn node() -> NetNs {
    let node = NetNs::new();
    for address in REPLICAS.iter().chain([&SERVICE]) {
        node.ip(&["address", "add", &format!("{address}/32"), "dev", "lo"]);
    }
    node
}

/// Loads rules inside a namespace.
#[track_caller]
fn nft(node: &NetNs, rules: &str) {
    let wrapper = node.wrapper();
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).args(["nft", "-f", "-"]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{rules}");
}

/// bind9 with names under example.org at one of the addresses.
fn replica(node: &NetNs, address: &str) -> Peer {
    Peer::bind_inside(SocketAddr::new(address.parse().unwrap(), 53), &[("example.org", super::PUBLIC_ZONE)], node)
}

/// A daemon in the namespace that asks `server` over TCP.
fn daemon(node: &NetNs, server: &str, workers: usize, extra: &str) -> Daemon {
    let workers = format!("workers = {workers}");
    let setup = Setup::new().section("listen", &workers).upstream("all", &[format!("tcp://{server}")], extra);
    setup.zone(".", "all", "").under(&node.wrapper()).start()
}

/// Whether a name is answered within `seconds`.
fn answers(node: &NetNs, daemon: &Daemon, name: &str, seconds: &str) -> bool {
    let (port, time) = (daemon.udp_address().port().to_string(), format!("+time={seconds}"));
    let output = node.run(&["dig", "@127.0.0.1", "-p", &port, "+tries=1", &time, "+short", name]);
    String::from_utf8_lossy(&output.stdout).contains("192.0.2.")
}

/// N8: all packets to and from the only server are lost for a while (60 s by hand: NODENS_CUT=60).
#[test]
fn after_a_cut_the_first_query_is_answered_within_a_second() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cut = Duration::from_secs(std::env::var("NODENS_CUT").map_or(7, |seconds| seconds.parse().unwrap()));
    let node = node();
    let _server = replica(&node, REPLICAS[0]);
    let daemon = daemon(&node, REPLICAS[0], 1, "");
    assert!(answers(&node, &daemon, "before.example.org", "5"));
    nft(
        &node,
        "table inet cut {\nchain input {\ntype filter hook input priority 0;\ntcp dport 53 drop;\ntcp sport 53 drop;\n}\n}\n",
    );
    let (start, mut number) = (clock::now(), 0);
    while elapsed(start) < cut {
        assert!(!answers(&node, &daemon, &format!("name-{number}.example.org"), "1"), "the cut has a hole");
        number += 1;
    }
    nft(&node, "delete table inet cut\n");
    let start = clock::now();
    assert!(answers(&node, &daemon, "after.example.org", "2"), "not within two seconds");
    assert!(elapsed(start) <= Duration::from_secs(1), "{:?}", elapsed(start));
}

/// Spreads connections to the service over these replicas, one after the other.
fn endpoints(node: &NetNs, replicas: &[&str]) {
    let mut map = String::new();
    for (position, replica) in replicas.iter().enumerate() {
        write!(map, "{}{position} : {replica}", if position == 0 { "" } else { ", " }).unwrap();
    }
    let count = replicas.len();
    let rule = format!("ip daddr {SERVICE} tcp dport 53 dnat to numgen inc mod {count} map {{ {map} }}");
    nft(
        node,
        &format!(
            "table ip service\ndelete table ip service\n\
             table ip service {{\nchain output {{\ntype nat hook output priority -100;\n{rule};\n}}\n}}\n"
        ),
    );
}

/// How many queries each replica has seen.
fn seen(replicas: &[Peer]) -> Vec<usize> {
    replicas.iter().map(|replica| replica.log().matches(" query: ").count()).collect()
}

/// N11: all replicas of the cluster's DNS are replaced under load, one in good order, one without a word, one while its address is still
/// given out. No client sees it, and a few lifetimes of a connection later each has its share.
#[test]
fn replicas_behind_one_address_are_replaced_unseen_and_share_the_load() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = node();
    let mut replicas: Vec<Peer> = REPLICAS.iter().map(|address| replica(&node, address)).collect();
    endpoints(&node, &REPLICAS);
    let daemon = daemon(&node, SERVICE, 4, "max-age = \"1s\"");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries");
    let names: String = (0..20_000).map(|number| format!("name-{number}.example.org A\n")).collect();
    std::fs::write(&file, names).unwrap();
    let port = daemon.udp_address().port().to_string();
    let words = ["-s", "127.0.0.1", "-p", &port, "-c", "40", "-Q", "400", "-l", "22", "-t", "5", "-d"];
    let load = |node: &NetNs| node.run(&[&["dnsperf"], &words[..], &[file.to_str().unwrap()]].concat());
    let said = std::thread::scope(|scope| {
        let load = scope.spawn(|| load(&node));
        wait_until("all replicas are asked", || seen(&replicas).iter().all(|&count| count > 50));
        for (position, address) in REPLICAS.iter().enumerate() {
            let others: Vec<&str> = REPLICAS.iter().copied().filter(|other| other != address).collect();
            if position < 2 {
                endpoints(&node, &others);
            }
            if position == 0 {
                // Its connections age and end; nothing is asked there any more.
                wait_until("the replica is drained", || is_quiet(&replicas[0]));
            }
            drop(replicas.remove(position));
            if position == 2 {
                endpoints(&node, &others);
            }
            replicas.insert(position, replica(&node, address));
            endpoints(&node, &REPLICAS);
            wait_until("the new one is asked", || seen(&replicas)[position] > 50);
        }
        let before = seen(&replicas);
        let since = || -> Vec<usize> { seen(&replicas).iter().zip(&before).map(|(now, then)| now - then).collect() };
        wait_until("the load is spread", || since().iter().sum::<usize>() >= 4_000);
        let shares = since();
        let fair = shares.iter().sum::<usize>() / 3;
        assert!(shares.iter().all(|&share| share.abs_diff(fair) * 10 <= fair * 3), "{shares:?}");
        String::from_utf8_lossy(&load.join().unwrap().stdout).into_owned()
    });
    assert!(said.contains("Queries lost:         0 "), "{said}");
    assert!(said.contains("(100.00%)") && said.contains("Response codes:       NOERROR"), "{said}");
}

/// Whether no query comes for half a second.
fn is_quiet(replica: &Peer) -> bool {
    let (before, start) = (replica.log().matches(" query: ").count(), clock::now());
    wait_until("half a second", || elapsed(start) >= Duration::from_millis(500));
    replica.log().matches(" query: ").count() == before
}
