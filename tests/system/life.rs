//! A node's DNS while its cache comes, goes, dies and is replaced: link, rules and queries of pods. Needs N1, N2, N3, N9, N19.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nodens::sys::clock;
use tempfile::TempDir;

use super::common::cluster::{Cluster, DNS_POD, KUBE_DNS, LINK_LOCAL, Proxy, UPSTREAM, Wiring};
use super::common::daemon::{Daemon, Setup, freeze};
use super::common::elapsed;
use super::common::skip::{Need, unless};
use super::common::wait_until;

/// What these tests need.
const NEEDS: &[Need] =
    &[Need::Namespaces, Need::Program("named"), Need::Program("dig"), Need::Program("nft"), Need::Program("conntrack")];

/// What pods ask for in these tests.
const NAME: &str = "web.default.svc.cluster.local";
/// What they get.
const ADDRESS: &str = "10.96.12.34";

/// The daemon as on a node of Kubernetes; more lines for `[rules]` and `[supervisor]`.
fn setup(cluster: &Cluster, rules: &str, supervisor: &str) -> Setup {
    Setup::new()
        .under(&cluster.node.wrapper())
        .section("listen", &format!("addresses = [\"{LINK_LOCAL}\", \"{KUBE_DNS}\"]"))
        .section("interface", "manage = true")
        .section("rules", rules)
        .section("supervisor", supervisor)
        .upstream("cluster-dns", &[format!("tcp://{UPSTREAM}")], "")
        .zone("cluster.local", "cluster-dns", "class = \"internal\"")
        .zone(".", "cluster-dns", "")
}

/// Rules of nftables with the cluster's DNS as fallback.
fn nftables() -> String {
    format!("backend = \"nftables\"\nfallback = [\"{DNS_POD}\"]")
}

/// What of the daemon is on the node: its table, and its link.
fn traces(cluster: &Cluster) -> [bool; 2] {
    [
        cluster.node.output(&["nft", "list", "tables"]).contains("nodens"),
        cluster.node.output(&["ip", "-brief", "link"]).contains("nodelocaldns"),
    ]
}

/// Waits until queries for the cluster's DNS come to the daemon.
#[track_caller]
fn wait_for_rules(cluster: &Cluster) {
    wait_until("there are rules", || traces(cluster) == [true, true]);
}

/// Whether a pod gets the address of the name from this server.
fn resolves(cluster: &Cluster, server: &str) -> bool {
    let [program, arguments @ ..] = cluster.pods[0].wrapper();
    let mut dig = Command::new(program);
    dig.args(arguments).args(["dig", &format!("@{server}"), NAME, "+tries=1", "+time=1"]);
    String::from_utf8_lossy(&dig.output().unwrap().stdout).contains(ADDRESS)
}

/// Ends both processes as the kernel does when memory is short.
fn kill_all(mut daemon: Daemon) {
    for pid in daemon.family().into_iter().rev() {
        let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL);
    }
    daemon.wait();
}

/// N3, N9, N19
#[test]
fn link_and_rules_come_with_it_and_go_with_it_and_no_query_is_tracked() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = cluster.serve(&[("cluster.local", super::CLUSTER_ZONE)]);
    let mut daemon = setup(&cluster, &nftables(), "").start();
    wait_for_rules(&cluster);
    for server in [LINK_LOCAL, KUBE_DNS] {
        assert!(resolves(&cluster, server), "{server}");
    }
    // What the daemon asked itself before there were rules is another matter.
    let entries = cluster.node.output(&["conntrack", "-L", "-s", &Cluster::pod_address(0)]);
    assert_eq!(entries.trim(), "");
    // What a foreign hand takes away is put back, and said.
    cluster.node.ip(&["link", "delete", "nodelocaldns"]);
    cluster.node.output(&["nft", "delete", "table", "inet", "nodens"]);
    wait_until("all is back", || traces(&cluster) == [true, true] && resolves(&cluster, KUBE_DNS));
    cluster.node.inside(|| {
        for part in ["interface", "rules"] {
            daemon.wait_for_metric("nodens_node_repairs_total", &[("part", part)], 1.0);
        }
    });
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!(traces(&cluster), [false, false]);
}

/// N2
#[test]
fn when_all_of_it_is_killed_pods_are_answered_within_seconds_and_the_next_start_finds_its_things() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = cluster.serve(&[("cluster.local", super::CLUSTER_ZONE)]);
    for _ in 0..3 {
        let daemon = setup(&cluster, &nftables(), "").start();
        wait_until("pods are answered by it", || {
            traces(&cluster) == [true, true] && resolves(&cluster, LINK_LOCAL) && resolves(&cluster, KUBE_DNS)
        });
        kill_all(daemon);
        let dead = clock::now();
        for server in [KUBE_DNS, LINK_LOCAL] {
            wait_until("pods are answered by others", || resolves(&cluster, server));
        }
        // Three seconds until the rules end, one for a query that was lost meanwhile and asked again, and what the machine needs.
        assert!(elapsed(dead) < Duration::from_secs(10));
        assert_eq!(traces(&cluster), [true, true], "they are still there, and do not hold");
    }
    let mut last = setup(&cluster, &nftables(), "").start();
    wait_for_rules(&cluster);
    last.signal(Signal::SIGTERM);
    assert_eq!(last.wait().code(), Some(0));
    assert_eq!(traces(&cluster), [false, false]);
}

/// N2
#[test]
fn when_it_hangs_the_way_around_it_is_opened() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = cluster.serve(&[("cluster.local", super::CLUSTER_ZONE)]);
    let daemon = setup(&cluster, &nftables(), "hang-timeout = \"5m\"").start();
    wait_until("pods are answered by it", || traces(&cluster) == [true, true] && resolves(&cluster, KUBE_DNS));
    let worker = daemon.worker().unwrap();
    freeze(worker);
    wait_until("pods are answered by others", || resolves(&cluster, KUBE_DNS));
    kill(worker, Signal::SIGCONT).unwrap();
    let metric = |name, labels: &[_]| cluster.node.inside(|| daemon.metric(name, labels));
    wait_until("it was counted", || metric("nodens_rules_withdrawn_total", &[]) >= 1.0);
    wait_until("pods are answered by it again", || {
        let before = metric("coredns_dns_requests_total", &[("type", "A")]);
        resolves(&cluster, KUBE_DNS) && metric("coredns_dns_requests_total", &[("type", "A")]) > before
    });
}

/// N1
#[test]
fn the_next_version_takes_over_link_and_rules_with_the_queries() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = cluster.serve(&[("cluster.local", super::CLUSTER_ZONE)]);
    // Both see the same folder of the node, and nothing else of each other.
    let folder: TempDir = tempfile::tempdir().unwrap();
    let socket = folder.path().join("handover");
    let setup = setup(&cluster, &nftables(), &format!("socket = {socket:?}"));
    let mut old = setup.start();
    wait_until("others can take over", || socket.exists() && traces(&cluster) == [true, true]);
    let before = table(&cluster);
    let mut next = apart(&setup, folder.path());
    assert_eq!(old.wait().code(), Some(0), "{:#?}", old.log());
    assert_eq!(traces(&cluster), [true, true]);
    assert_eq!(table(&cluster), before, "not a rule more or less");
    assert!(resolves(&cluster, KUBE_DNS) && resolves(&cluster, LINK_LOCAL));
    next.signal(Signal::SIGTERM);
    assert_eq!(next.wait().code(), Some(0));
    assert_eq!(traces(&cluster), [false, false]);
}

/// The rules of the daemon, without what changes by the second.
fn table(cluster: &Cluster) -> String {
    let text = cluster.node.output(&["nft", "list", "table", "inet", "nodens"]);
    text.lines().filter(|line| !line.contains("expires")).map(|line| format!("{line}\n")).collect()
}

/// Starts the daemon where it sees only one folder of what others see, as a container does.
fn apart(setup: &Setup, shared: &Path) -> Daemon {
    let name = shared.join("next.toml");
    fs::write(&name, setup.text()).unwrap();
    // A mount namespace of its own; what is mounted there stays there.
    setup.clone().around(&["unshare", "--mount", "--propagation", "private"]).start_at(&name)
}

/// N3, N19
#[test]
fn with_iptables_the_rules_of_node_cache_come_and_go() {
    if unless(&[NEEDS, &[Need::Program("iptables")]].concat()).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Iptables);
    let _dns = cluster.serve(&[("cluster.local", super::CLUSTER_ZONE)]);
    let mut daemon = setup(&cluster, "backend = \"iptables\"", "").start();
    let rules = || cluster.node.output(&["iptables-save"]).matches("NodeLocal DNS Cache").count();
    wait_until("the rules are there", || rules() >= 20);
    assert!(resolves(&cluster, KUBE_DNS));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!(rules(), 0);
    assert_eq!(traces(&cluster), [false, false]);
}

/// N19: two that undo each other's work do so a few times a minute; that it is so is shown.
#[test]
fn a_link_that_somebody_takes_away_again_and_again_is_given_a_rest_that_is_counted() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = cluster.serve(&[("cluster.local", super::CLUSTER_ZONE)]);
    let mut daemon = setup(&cluster, &nftables(), "").start();
    wait_for_rules(&cluster);
    wait_until("it is left for a while", || {
        // It may be gone already.
        cluster.node.run(&["ip", "link", "delete", "nodelocaldns"]);
        cluster.node.inside(|| daemon.metric("nodens_interface_rests_total", &[])) >= 1.0
    });
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0), "a rest keeps nobody from ending");
    assert_eq!(traces(&cluster), [false, false]);
}

/// N3: who holds the lock of iptables when the daemon is told to end delays it for a while, and no rule is left.
#[test]
fn rules_go_at_the_end_also_where_others_hold_the_lock_of_iptables() {
    if unless(&[NEEDS, &[Need::Program("iptables-legacy-save")]].concat()).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = cluster.serve(&[("cluster.local", super::CLUSTER_ZONE)]);
    let folder = tempfile::tempdir().unwrap();
    let (lock, calls) = (folder.path().join("xtables.lock"), folder.path().join("calls"));
    // The programs that have a lock, with one that no other program of this machine knows; and a note of each change.
    for program in ["iptables", "ip6tables"] {
        for verb in ["save", "restore"] {
            let (file, name) = (folder.path().join(format!("{program}-{verb}")), format!("{program}-{verb}"));
            let line = format!(
                "#!/bin/sh\necho {name} >> {}\nXTABLES_LOCKFILE={} exec {program}-legacy-{verb} \"$@\"\n",
                calls.display(),
                lock.display()
            );
            fs::write(&file, line).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let path = format!("PATH={}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut daemon = setup(&cluster, "backend = \"iptables\"", "").around(&["env", &path]).start();
    let rules = || cluster.node.output(&["iptables-legacy-save"]).matches("NodeLocal DNS Cache").count();
    wait_until("the rules are there", || rules() >= 20);
    let changes = || fs::read_to_string(&calls).unwrap().lines().filter(|line| *line == "iptables-restore").count();
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let before = changes();
    daemon.signal(Signal::SIGTERM);
    // The first waited for the lock in vain, and the second has begun.
    wait_until("it is tried again", || changes() >= before + 2);
    assert!(rules() >= 20);
    drop(held);
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!(rules(), 0);
    assert_eq!(traces(&cluster), [false, false]);
}
