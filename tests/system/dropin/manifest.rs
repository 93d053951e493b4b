//! The official manifest as it is, but for the image.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use nodens::sys::clock;

use super::container::{Container, Manifest, Mode};
use super::{CLUSTER_NAME, COMMENTS, LINK, NEEDS, PUBLIC_NAME, RULES_OF_AN_ADDRESS, addresses, resolves, rules, serve};
use crate::common::cluster::{Cluster, KUBE_DNS, LINK_LOCAL, LOCAL_V6, Proxy, Wiring, has_ipv6};
use crate::common::metrics::{Scrape, get};
use crate::common::skip::unless;
use crate::common::{elapsed, wait_until};

/// How long a start may take until all listeners answer.
const READY: Duration = Duration::from_secs(5);

/// What liveness probes, Prometheus and setup alerts ask on the node.
#[track_caller]
fn check_endpoints(cluster: &Cluster) {
    cluster.node.inside(|| {
        let health = get(format!("{LINK_LOCAL}:8080").parse().unwrap(), "/health");
        assert_eq!((health.status, health.body.as_str()), (200, "OK"));
        for port in [9253, 9353] {
            let page = get(([127, 0, 0, 1], port).into(), "/metrics");
            let scrape = Scrape::read(&page.body);
            for kind in ["iptables", "iptables_lock", "interface_add", "interface_check", "configmap"] {
                let count = scrape.value("coredns_nodecache_setup_errors_total", &[("errortype", kind)]);
                assert_eq!(count, Some(0.0), "port {port}: {kind}");
            }
            assert!(scrape.value("coredns_dns_requests_total", &[]).is_some(), "port {port}");
        }
    });
}

/// Starts the manifest on a node and checks all that somebody would look at.
#[track_caller]
fn start_and_check(mode: Mode, proxy: Proxy, servers: &[&str], is_read_only: bool) {
    let cluster = Cluster::new(1, Wiring::Routed, proxy);
    let _dns = serve(&cluster);
    let container = Container::new(&Manifest::official(mode), &cluster);
    let container = if is_read_only { container.read_only() } else { container };
    let start = clock::now();
    let mut daemon = container.start();
    let took = elapsed(start);
    assert!(took < READY, "ready after {took:?}");
    wait_until("there are rules", || rules(&cluster).len() == servers.len() * RULES_OF_AN_ADDRESS);
    assert_eq!(addresses(&cluster).unwrap(), servers);
    for server in servers {
        for name in [CLUSTER_NAME, PUBLIC_NAME] {
            assert!(resolves(&cluster, server, name), "{server} {name:?}\n{}", daemon.log().join("\n"));
        }
        let reverse = cluster.dig(0, server, "34.12.96.10.in-addr.arpa", &["PTR", "+short"]);
        assert_eq!(reverse.trim(), "web.default.svc.cluster.local.", "{server}");
    }
    check_endpoints(&cluster);
    let shown = fs::read_to_string(container.path("root/etc/Corefile"));
    if is_read_only {
        assert!(shown.is_err(), "nothing can be written there");
    } else {
        let shown = shown.unwrap();
        assert!(shown.contains("forward . 10.96.0.11 {") && shown.contains("forward . /etc/resolv.conf"), "{shown}");
        assert!(!shown.contains("__PILLAR__"), "{shown}");
    }
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!((rules(&cluster), addresses(&cluster)), (vec![], None), "{LINK}");
}

/// N31, 2.13: "official manifest, image swapped, becomes Ready < 5 s", "both metrics ports answer"
#[test]
fn the_official_manifest_is_ready_within_five_seconds_and_does_all_it_did() {
    if unless(NEEDS).is_some() {
        return;
    }
    start_and_check(Mode::Iptables, Proxy::Iptables, &[LINK_LOCAL, KUBE_DNS], false);
}

/// N31, 2.13: "same manifest in IPVS variant (LOCAL only)"
#[test]
fn the_manifest_for_ipvs_has_the_node_local_address_alone() {
    if unless(NEEDS).is_some() {
        return;
    }
    start_and_check(Mode::Ipvs, Proxy::Ipvs, &[LINK_LOCAL], false);
}

/// N31, 2.13: "readOnlyRootFilesystem works"
#[test]
fn a_root_that_cannot_be_written_to_is_enough() {
    if unless(NEEDS).is_some() {
        return;
    }
    start_and_check(Mode::Iptables, Proxy::Nftables, &[LINK_LOCAL, KUBE_DNS], true);
}

/// N31, 2.13: "-skipteardown / -setupinterface=false / -setupiptables=false combinations"
#[test]
fn what_flags_leave_to_others_is_left_to_them() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = serve(&cluster);
    let both = 2 * RULES_OF_AN_ADDRESS;
    // Flags, what is there while it runs, what is left when it has ended: rules and addresses on the link.
    for (flags, running, left) in [
        (&["-setupiptables=false"] as &[&str], (0, true), (0, false)),
        (&["-skipteardown=true"], (both, true), (both, true)),
        // What the run before has left is taken over, and taken away.
        (&["--skipteardown=false"], (both, true), (0, false)),
        (&["-setupiptables=false", "-skipteardown"], (0, true), (0, true)),
        // Now the link is there, and stays.
        (&["-setupinterface=false"], (both, true), (0, true)),
        (&["-setupinterface=false", "-setupiptables=false"], (0, true), (0, true)),
        (&["-setupinterface=false", "-skipteardown"], (both, true), (both, true)),
    ] {
        let container = Container::new(&Manifest::official(Mode::Iptables), &cluster).arguments(flags);
        let mut daemon = container.start();
        wait_until(&format!("{flags:?}: all is there"), || {
            (rules(&cluster).len(), addresses(&cluster).is_some()) == running
        });
        assert!(resolves(&cluster, LINK_LOCAL, CLUSTER_NAME), "{flags:?}");
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait().code(), Some(0));
        assert_eq!((rules(&cluster).len(), addresses(&cluster).is_some()), left, "{flags:?}");
    }
}

/// N31, 2.1
#[test]
fn an_unknown_flag_ends_it_with_usage() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(0, Wiring::Routed, Proxy::Nftables);
    let output = Container::new(&Manifest::official(Mode::Iptables), &cluster).arguments(&["-nosuchflag"]).run();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.starts_with("flag provided but not defined: -nosuchflag\nUsage of node-cache:"), "{text}");
}

/// N21, N31: node-cache refuses addresses of two families.
#[test]
fn one_process_has_addresses_of_both_families() {
    if unless(NEEDS).is_some() || !has_ipv6() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = serve(&cluster);
    let mut manifest = Manifest::official(Mode::Iptables);
    manifest.corefile =
        manifest.corefile.replace(&format!("bind {LINK_LOCAL} {KUBE_DNS}"), "bind __PILLAR__LOCAL__DNS__");
    let both = format!("{LINK_LOCAL},{LOCAL_V6}");
    let mut daemon = Container::new(&manifest, &cluster).arguments(&["-localip", &both]).start();
    let of_six = || {
        let text: String =
            ["raw", "filter"].map(|table| cluster.node.output(&["ip6tables-save", "-t", table])).concat();
        text.lines().filter(|line| COMMENTS.iter().any(|comment| line.contains(comment))).count()
    };
    // Probes are answered at the IPv4 address alone, and rules for them are for every address.
    wait_until("there are rules", || (rules(&cluster).len(), of_six()) == (RULES_OF_AN_ADDRESS, RULES_OF_AN_ADDRESS));
    for server in [LINK_LOCAL, LOCAL_V6] {
        assert!(resolves(&cluster, server, CLUSTER_NAME), "{server}");
    }
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!((rules(&cluster).len(), of_six()), (0, 0));
}
