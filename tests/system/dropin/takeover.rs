//! From the Go node-cache to nodens and back, on a node where the one before was killed.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::container::{Container, Manifest, Mode};
use super::{CLUSTER_NAME, COMMENTS, LINK, NEEDS, RULES_OF_AN_ADDRESS, addresses, resolves, rules, serve};
use crate::common::cluster::{Cluster, KUBE_DNS, LINK_LOCAL, Proxy, Wiring};
use crate::common::daemon::Daemon;
use crate::common::skip::unless;
use crate::common::wait_until;

/// Both addresses.
const SERVERS: [&str; 2] = [LINK_LOCAL, KUBE_DNS];

/// The rules that node-cache makes for an address: table, chain, and the words behind them.
fn go_rules(ip: &str) -> Vec<[String; 3]> {
    let [skip, allow] = COMMENTS;
    let mut rules = Vec::new();
    let mut add = |table: &str, chain: &str, what: String| {
        let (target, comment) = if table == "raw" { ("NOTRACK", skip) } else { ("ACCEPT", allow) };
        let words = format!("{what}|-j|{target}|-m|comment|--comment|{comment}");
        rules.push([table.to_owned(), chain.to_owned(), words]);
    };
    for protocol in ["tcp", "udp"] {
        add("raw", "PREROUTING", format!("-p|{protocol}|-d|{ip}|--dport|53"));
        add("filter", "INPUT", format!("-p|{protocol}|-d|{ip}|--dport|53"));
        add("raw", "OUTPUT", format!("-p|{protocol}|-s|{ip}|--sport|53"));
        add("filter", "OUTPUT", format!("-p|{protocol}|-s|{ip}|--sport|53"));
        add("raw", "OUTPUT", format!("-p|{protocol}|-d|{ip}|--dport|53"));
    }
    add("raw", "OUTPUT", format!("-p|tcp|-d|{ip}|--dport|8080"));
    add("raw", "OUTPUT", format!("-p|tcp|-s|{ip}|--sport|8080"));
    rules
}

/// Runs iptables on the node with a rule; whether it went well.
fn iptables(cluster: &Cluster, verb: &str, [table, chain, words]: &[String; 3]) -> bool {
    let mut line = vec!["iptables", "-w", "5", "-t", table, verb, chain];
    line.extend(words.split('|'));
    cluster.node.run(&line).status.success()
}

/// What the Go node-cache does at its start, and again and again: a dummy link that is not set up, addresses, and each rule unless it is there.
fn go_sets_up(cluster: &Cluster) {
    for kind in ["dummy", "bridge"] {
        // Few kernels of test machines have dummies.
        if addresses(cluster).is_none() {
            cluster.node.run(&["ip", "link", "add", LINK, "type", kind]);
        }
    }
    for ip in SERVERS {
        cluster.node.run(&["ip", "address", "add", &format!("{ip}/32"), "dev", LINK]);
        for rule in go_rules(ip) {
            assert!(iptables(cluster, "-C", &rule) || iptables(cluster, "-I", &rule), "{rule:?}");
        }
    }
}

/// What it does at its end.
fn go_tears_down(cluster: &Cluster) {
    for rule in SERVERS.iter().flat_map(|ip| go_rules(ip)) {
        while iptables(cluster, "-C", &rule) {
            assert!(iptables(cluster, "-D", &rule), "{rule:?}");
        }
    }
    cluster.node.ip(&["link", "delete", LINK]);
}

/// Ends both processes as the kernel does when memory is short.
fn kill_all(mut daemon: Daemon) {
    for pid in daemon.family().into_iter().rev() {
        let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL);
    }
    daemon.wait();
}

/// The rules without their order.
fn sorted(mut rules: Vec<String>) -> Vec<String> {
    rules.sort();
    rules
}

/// N31, 2.13: "takes over a node where Go node-cache was killed -9 (stale link + rules reused, none doubled)"
#[test]
fn what_a_killed_go_node_cache_left_is_used_and_nothing_is_doubled() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Iptables);
    let _dns = serve(&cluster);
    go_sets_up(&cluster);
    let before = sorted(rules(&cluster));
    assert_eq!(before.len(), 2 * RULES_OF_AN_ADDRESS);
    // It was killed while it put a rule back.
    assert!(iptables(&cluster, "-D", &go_rules(KUBE_DNS)[3]));
    let index = cluster.node.output(&["cat", &format!("/sys/class/net/{LINK}/ifindex")]);
    let container = Container::new(&Manifest::official(Mode::Iptables), &cluster);
    let mut daemon = container.start();
    wait_until("it answers", || SERVERS.iter().all(|server| resolves(&cluster, server, CLUSTER_NAME)));
    wait_until("the rule is back", || rules(&cluster).len() >= before.len());
    assert_eq!(sorted(rules(&cluster)), before, "the same rules");
    assert_eq!(addresses(&cluster).unwrap(), SERVERS);
    assert_eq!(cluster.node.output(&["cat", &format!("/sys/class/net/{LINK}/ifindex")]), index, "the same link");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!((rules(&cluster), addresses(&cluster)), (vec![], None), "nothing is left, as if Go had ended well");
}

/// N31, 2.13: "and the reverse (roll back to Go image)"
#[test]
fn what_a_killed_nodens_left_is_used_by_go_and_nothing_is_doubled() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Iptables);
    let _dns = serve(&cluster);
    let container = Container::new(&Manifest::official(Mode::Iptables), &cluster);
    let daemon = container.start();
    wait_until("there are rules", || rules(&cluster).len() == 2 * RULES_OF_AN_ADDRESS);
    let ours = sorted(rules(&cluster));
    kill_all(daemon);
    assert_eq!(sorted(rules(&cluster)), ours, "rules of iptables hold whoever is dead");
    assert_eq!(addresses(&cluster).unwrap(), SERVERS);
    go_sets_up(&cluster);
    assert_eq!(sorted(rules(&cluster)), ours, "each rule was there");
    assert_eq!(addresses(&cluster).unwrap(), SERVERS);
    go_tears_down(&cluster);
    assert_eq!((rules(&cluster), addresses(&cluster)), (vec![], None));
    // And to and fro without an end in between.
    for _ in 0..3 {
        go_sets_up(&cluster);
        let daemon = container.start();
        wait_until("it answers", || resolves(&cluster, LINK_LOCAL, CLUSTER_NAME));
        assert_eq!(sorted(rules(&cluster)), ours);
        kill_all(daemon);
    }
    go_sets_up(&cluster);
    go_tears_down(&cluster);
    assert_eq!((rules(&cluster), addresses(&cluster)), (vec![], None));
}
