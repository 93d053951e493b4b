//! The link that carries the listen addresses, as a node's own tools see it.

use std::net::IpAddr;
use std::time::Duration;

use nodens::config::Interface as Options;
use nodens::node::interface::{ALIAS, Interface, MOST_REPAIRS};
use nodens::node::{Done, Error};
use tokio::time::timeout;

use super::common::cluster::{KUBE_DNS, LINK_LOCAL, LOCAL_V6};
use super::common::namespace::NetNs;
use super::common::skip::{Need, unless};
use super::common::{PATIENCE, wait_until};

/// What these tests need.
const NEEDS: &[Need] = &[Need::Namespaces];

/// The link's name.
const NAME: &str = "nodelocaldns";

/// The options of a managed link.
fn options() -> Options {
    Options { manage: true, name: NAME.to_owned(), interval: Duration::from_secs(60), take_over: false, teardown: true }
}

/// Addresses from texts.
fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Runs a future inside a namespace.
fn inside<T: Send>(node: &NetNs, work: impl AsyncFnOnce() -> T + Send) -> T {
    node.inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work())
    })
}

/// One look of a new process.
fn reconcile(node: &NetNs, options: &Options, listen: &[&str]) -> Result<Done, Error> {
    inside(node, async || Interface::new(options, &addresses(listen)).reconcile().await)
}

/// Takes the link down as a process does that is told to stop.
fn remove(node: &NetNs, options: &Options, listen: &[&str]) {
    inside(node, async || Interface::new(options, &addresses(listen)).remove().await).unwrap();
}

/// The link as `ip -json` shows it, without spaces; empty if there is none.
fn shown(node: &NetNs, link: &str) -> String {
    let output = node.run(&["ip", "-json", "-details", "address", "show", "dev", link]);
    String::from_utf8_lossy(&output.stdout).trim().replace(' ', "")
}

/// The addresses of the link as ADDRESS/LENGTH, those of the kernel left out.
fn held(node: &NetNs, link: &str) -> Vec<String> {
    let said = node.output(&["ip", "-brief", "address", "show", "dev", link]);
    let mut held: Vec<String> =
        said.split_whitespace().skip(2).filter(|word| !word.starts_with("fe80:")).map(str::to_owned).collect();
    held.sort();
    held
}

/// Makes a link as a Go node-cache does, of a type that this kernel has.
fn leftover(node: &NetNs) {
    if !node.run(&["ip", "link", "add", NAME, "type", "dummy"]).status.success() {
        node.ip(&["link", "add", NAME, "type", "bridge"]);
    }
}

/// N21
#[test]
fn the_link_is_up_marked_and_has_every_listen_address_alone() {
    if unless(&[NEEDS, &[Need::Ipv6]].concat()).is_some() {
        return;
    }
    let node = NetNs::new();
    let listen = [LINK_LOCAL, KUBE_DNS, LOCAL_V6, "127.0.0.1", "0.0.0.0", "::1", "::", LINK_LOCAL];
    inside(&node, async || {
        let mut interface = Interface::new(&options(), &addresses(&listen));
        assert_eq!(interface.reconcile().await.unwrap(), Done::Created);
        let kind = interface.kind().unwrap();
        assert!(["dummy", "bridge"].contains(&kind), "{kind}");
        assert_eq!(interface.reconcile().await.unwrap(), Done::Unchanged);
    });
    let said = shown(&node, NAME);
    for part in ["\"UP\"", &format!("\"ifalias\":\"{ALIAS}\"")] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(["dummy", "bridge"].iter().any(|kind| said.contains(&format!("\"info_kind\":\"{kind}\""))), "{said}");
    assert_eq!(held(&node, NAME), ["10.96.0.10/32", "169.254.20.10/32", "fd00:20::a/128"]);
    assert!(said.contains("\"nodad\":true"), "{said}");
    assert!(!said.split("fd00:20::a").nth(1).unwrap().split('}').next().unwrap().contains("tentative"), "{said}");
    assert_eq!(reconcile(&node, &options(), &listen).unwrap(), Done::Unchanged, "the next process finds it as it is");
    remove(&node, &options(), &listen);
    assert_eq!(shown(&node, NAME), "");
    remove(&node, &options(), &listen);
}

/// N19
#[test]
fn what_a_foreign_hand_takes_away_is_there_again_at_once() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = NetNs::new();
    let hand = &node;
    inside(&node, async || {
        let mut interface = Interface::new(&options(), &addresses(&[LINK_LOCAL, KUBE_DNS]));
        interface.reconcile().await.unwrap();
        // Its own work, seen once more, and nothing after that.
        while timeout(Duration::from_millis(300), interface.changed()).await.is_ok() {
            assert_eq!(interface.reconcile().await.unwrap(), Done::Unchanged);
        }
        // A veth and its address come and go all the time on a node; they are none of our business.
        hand.ip(&["link", "add", "other", "type", "veth", "peer", "name", "peer"]);
        hand.ip(&["address", "add", "10.1.2.3/24", "dev", "other"]);
        assert!(timeout(Duration::from_millis(300), interface.changed()).await.is_err(), "a foreign link");
        let hands: [&[&str]; 5] = [
            &["address", "del", "10.96.0.10/32", "dev", NAME],
            &["address", "flush", "dev", NAME],
            &["link", "set", NAME, "down"],
            &["address", "add", "10.96.0.99/32", "dev", NAME],
            &["link", "del", NAME],
        ];
        for words in hands {
            hand.ip(words);
            timeout(PATIENCE, interface.changed()).await.unwrap_or_else(|_| panic!("nobody told of {words:?}"));
            let expected = if words[1] == "del" && words[0] == "link" { Done::Created } else { Done::Repaired };
            assert_eq!(interface.reconcile().await.unwrap(), expected, "{words:?}");
            assert_eq!(held(hand, NAME), ["10.96.0.10/32", "169.254.20.10/32"], "{words:?}");
            assert!(shown(hand, NAME).contains("\"UP\""), "{words:?}");
        }
    });
}

/// N19: two that undo each other's work do so a few times a minute, not for ever.
#[test]
fn a_fight_with_another_owner_is_given_a_rest() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = NetNs::new();
    let hand = &node;
    inside(&node, async || {
        let mut interface = Interface::new(&options(), &addresses(&[LINK_LOCAL]));
        interface.reconcile().await.unwrap();
        let mut repairs = 1;
        loop {
            hand.ip(&["address", "flush", "dev", NAME]);
            if timeout(Duration::from_secs(1), interface.changed()).await.is_err() {
                break;
            }
            if interface.reconcile().await.unwrap() == Done::Repaired {
                repairs += 1;
            }
            assert!(repairs <= MOST_REPAIRS, "{repairs}");
        }
        assert_eq!((repairs, interface.held_back()), (MOST_REPAIRS, 1));
        assert!(timeout(Duration::from_millis(100), interface.changed()).await.is_err());
        assert_eq!(interface.held_back(), 1, "the same rest");
        // The interval goes its own way.
        assert_eq!(interface.reconcile().await.unwrap(), Done::Repaired);
    });
}

/// N19
#[test]
fn a_link_that_is_not_ours_is_refused_and_left_as_it_is() {
    if unless(NEEDS).is_some() {
        return;
    }
    let foreign: [(&[&str], &[&str]); 3] = [
        (&["link", "add", NAME, "type", "veth", "peer", "name", "peer"], &["link", "set", NAME, "up"]),
        (&["link", "add", NAME, "type", "bridge"], &["address", "add", "10.1.2.3/24", "dev", NAME]),
        (&["link", "add", NAME, "type", "bridge"], &["link", "set", NAME, "alias", "localdns"]),
    ];
    for (first, second) in foreign {
        let node = NetNs::new();
        node.ip(first);
        node.ip(second);
        let before = shown(&node, NAME);
        let error = reconcile(&node, &options(), &[LINK_LOCAL]).unwrap_err();
        assert_eq!(error.errortype(), "interface_check");
        let said = error.to_string();
        for part in [NAME, "not ours", "ip link delete", "interface.name", "take-over"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        remove(&node, &options(), &[LINK_LOCAL]);
        assert_eq!(shown(&node, NAME), before, "{second:?}");
    }
    let node = NetNs::new();
    node.ip(&["link", "add", NAME, "type", "bridge"]);
    node.ip(&["link", "add", "port", "type", "veth", "peer", "name", "peer"]);
    node.ip(&["link", "set", "port", "master", NAME]);
    let said = reconcile(&node, &options(), &[LINK_LOCAL]).unwrap_err().to_string();
    assert!(said.contains("a bridge link"), "one with ports: {said}");
}

#[test]
fn a_lent_link_keeps_what_it_had() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = NetNs::new();
    node.ip(&["link", "add", NAME, "type", "veth", "peer", "name", "peer"]);
    node.ip(&["address", "add", "10.1.2.3/24", "dev", NAME]);
    let lent = Options { take_over: true, ..options() };
    assert_eq!(reconcile(&node, &lent, &[LINK_LOCAL]).unwrap(), Done::Repaired);
    assert_eq!(reconcile(&node, &lent, &[LINK_LOCAL]).unwrap(), Done::Unchanged);
    assert_eq!(held(&node, NAME), ["10.1.2.3/24", "169.254.20.10/32"]);
    assert!(!shown(&node, NAME).contains("ifalias"));
    remove(&node, &lent, &[LINK_LOCAL]);
    assert_eq!(held(&node, NAME), ["10.1.2.3/24"]);
}

/// N2: what a Go node-cache leaves when it is killed, before or after it has added its addresses.
#[test]
fn the_leftover_of_a_go_node_cache_is_ours_without_a_word() {
    if unless(NEEDS).is_some() {
        return;
    }
    for had in [&["169.254.20.10/32", "10.96.0.10/32"][..], &["169.254.20.10/32"], &[]] {
        let node = NetNs::new();
        leftover(&node);
        for address in had {
            node.ip(&["address", "add", address, "dev", NAME]);
        }
        let index =
            |said: &str| said.split("\"ifindex\":").nth(1).map(|rest| rest.split(',').next().unwrap().to_owned());
        let before = index(&shown(&node, NAME));
        assert_eq!(reconcile(&node, &options(), &[LINK_LOCAL, KUBE_DNS]).unwrap(), Done::Repaired);
        assert_eq!(index(&shown(&node, NAME)), before, "the same link");
        assert_eq!(held(&node, NAME), ["10.96.0.10/32", "169.254.20.10/32"]);
        remove(&node, &options(), &[LINK_LOCAL, KUBE_DNS]);
        assert_eq!(shown(&node, NAME), "");
    }
}

/// N2: the address of a service that this configuration no longer takes over must not stay: queries would end where nobody answers.
#[test]
fn an_address_of_an_earlier_configuration_goes() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = NetNs::new();
    reconcile(&node, &options(), &[LINK_LOCAL, KUBE_DNS]).unwrap();
    assert_eq!(reconcile(&node, &options(), &[LINK_LOCAL]).unwrap(), Done::Repaired);
    assert_eq!(held(&node, NAME), ["169.254.20.10/32"]);
}

#[test]
fn an_address_of_another_link_stays_there_alone() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = NetNs::new();
    node.ip(&["link", "add", "kube-ipvs0", "type", "bridge"]);
    node.ip(&["address", "add", "10.96.0.10/32", "dev", "kube-ipvs0"]);
    reconcile(&node, &options(), &[LINK_LOCAL, KUBE_DNS]).unwrap();
    assert_eq!(held(&node, NAME), ["169.254.20.10/32"]);
}

/// N21
#[test]
fn a_node_without_ipv6_goes_on_with_ipv4() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = NetNs::new();
    if super::common::cluster::has_ipv6() {
        node.sysctl("net/ipv6/conf/all/disable_ipv6", "1");
    }
    assert_eq!(reconcile(&node, &options(), &[LINK_LOCAL, LOCAL_V6]).unwrap(), Done::Created);
    assert_eq!(reconcile(&node, &options(), &[LINK_LOCAL, LOCAL_V6]).unwrap(), Done::Unchanged);
    assert_eq!(held(&node, NAME), ["169.254.20.10/32"]);
}

/// N21: a remedy, where IPv6 is there but off for new links.
#[test]
fn ipv6_that_is_off_for_the_link_alone_is_an_error_that_says_so() {
    if unless(&[NEEDS, &[Need::Ipv6]].concat()).is_some() {
        return;
    }
    let node = NetNs::new();
    node.sysctl("net/ipv6/conf/default/disable_ipv6", "1");
    let error = reconcile(&node, &options(), &[LINK_LOCAL, LOCAL_V6]).unwrap_err();
    assert_eq!(error.errortype(), "interface_add");
    let said = error.to_string();
    assert!(said.contains("fd00:20::a/128") && said.contains("net.ipv6.conf.nodelocaldns.disable_ipv6"), "{said}");
}

/// N3
#[test]
fn without_teardown_the_link_stays() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = NetNs::new();
    let staying = Options { teardown: false, ..options() };
    reconcile(&node, &staying, &[LINK_LOCAL]).unwrap();
    remove(&node, &staying, &[LINK_LOCAL]);
    assert_eq!(held(&node, NAME), ["169.254.20.10/32"]);
    let unmanaged = Options { manage: false, ..options() };
    remove(&node, &unmanaged, &[LINK_LOCAL]);
    assert_eq!(held(&node, NAME), ["169.254.20.10/32"], "nor is it anybody's business who does not manage it");
}

/// N2
#[test]
fn a_hundred_starts_without_an_end_leave_one_link_and_the_last_end_none() {
    if unless(NEEDS).is_some() {
        return;
    }
    let node = NetNs::new();
    let links = || node.output(&["ip", "-oneline", "link"]).lines().count();
    let before = links();
    for _ in 0..100 {
        // What a kill leaves: a process that looked once and never took anything down.
        reconcile(&node, &options(), &[LINK_LOCAL, KUBE_DNS]).unwrap();
    }
    assert_eq!(links(), before + 1);
    assert_eq!(held(&node, NAME), ["10.96.0.10/32", "169.254.20.10/32"]);
    remove(&node, &options(), &[LINK_LOCAL, KUBE_DNS]);
    wait_until("the link is gone", || links() == before);
}
