//! A cluster of one node as network namespaces: pods, the node they run on, and the pods of the cluster's DNS elsewhere.
//!
//! ```text
//!   pod 0  10.244.0.7 ─┐
//!   pod 1  10.244.0.8 ─┼─ node ── 10.244.1.2  dns
//!                          │
//!          kube-proxy: 10.96.0.10, 10.96.0.11 port 53 ─► 10.244.1.2 port 53, for what comes in and for the node's own
//! ```
//!
//! IPv6 is there beside it where the machine has it: fd00:10:244::7, fd00:10:244:1::2, fd00:10:96::a, fd00:10:96::b.

use std::fmt::Write as _;
use std::path::Path;

use super::namespace::NetNs;
use super::peer::Peer;

/// The node-local address that pods ask.
pub(crate) const LINK_LOCAL: &str = "169.254.20.10";
/// The same in IPv6: a unique local one, since a link-local one of IPv6 needs its link's name.
pub(crate) const LOCAL_V6: &str = "fd00:20::a";
/// The service kube-dns, which the cache takes over on the node where kube-proxy uses packet rules.
pub(crate) const KUBE_DNS: &str = "10.96.0.10";
/// The service kube-dns-upstream, by which the cache itself reaches the cluster's DNS.
pub(crate) const UPSTREAM: &str = "10.96.0.11";
/// The one pod behind both services.
pub(crate) const DNS_POD: &str = "10.244.1.2";
/// The services in IPv6, in the same order.
pub(crate) const SERVICES_V6: [&str; 2] = ["fd00:10:96::a", "fd00:10:96::b"];
/// The pod behind them in IPv6.
pub(crate) const DNS_POD_V6: &str = "fd00:10:244:1::2";

/// How pods hang on the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wiring {
    /// All on one bridge with the node's address, as kubenet and flannel do.
    Bridge,
    /// Each by a veth of its own and a route to its one address, as Calico does.
    Routed,
}

/// What makes a service's address reach a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    /// kube-proxy with nftables.
    Nftables,
    /// kube-proxy with iptables.
    Iptables,
    /// kube-proxy with IPVS: every service's address is local, on the link kube-ipvs0. Packets are sent on by nftables all the same, since
    /// few kernels of test machines have IPVS; what matters here is that the addresses are taken.
    Ipvs,
}

/// The cluster. Whatever runs in it must be dropped before it.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The pods of the node.
    pub(crate) pods: Vec<NetNs>,
    /// The node.
    pub(crate) node: NetNs,
    /// Where the cluster's DNS runs.
    pub(crate) dns: NetNs,
    /// How services work.
    proxy: Proxy,
}

impl Cluster {
    /// A node with so many pods.
    pub(crate) fn new(pods: usize, wiring: Wiring, proxy: Proxy) -> Self {
        let (node, dns) = (space(), space());
        for name in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            if has_ipv6() || !name.contains("ipv6") {
                node.sysctl(name, "1");
            }
        }
        node.link("to-dns", "10.244.1.1/24", &dns, "eth0", &format!("{DNS_POD}/24"));
        dns.ip(&["route", "add", "default", "via", "10.244.1.1"]);
        // Services have no route of their own; without a default one the node itself could not even begin to ask them.
        node.ip(&["route", "add", "default", "via", DNS_POD]);
        if has_ipv6() {
            node.ip(&["address", "add", "fd00:10:244:1::1/64", "dev", "to-dns", "nodad"]);
            dns.ip(&["address", "add", &format!("{DNS_POD_V6}/64"), "dev", "eth0", "nodad"]);
            dns.ip(&["route", "add", "default", "via", "fd00:10:244:1::1"]);
            node.ip(&["route", "add", "default", "via", DNS_POD_V6]);
        }
        if wiring == Wiring::Bridge {
            node.ip(&["link", "add", "pods", "type", "bridge"]);
            node.ip(&["address", "add", "10.244.0.1/24", "dev", "pods"]);
            if has_ipv6() {
                node.ip(&["address", "add", "fd00:10:244::1/64", "dev", "pods", "nodad"]);
            }
            node.ip(&["link", "set", "pods", "up"]);
        }
        let mut cluster = Self { pods: Vec::new(), node, dns, proxy };
        for _ in 0..pods {
            cluster.add_pod(wiring);
        }
        if proxy == Proxy::Ipvs {
            cluster.node.ip(&["link", "add", "kube-ipvs0", "type", "bridge"]);
            for address in [KUBE_DNS, UPSTREAM] {
                cluster.node.ip(&["address", "add", &format!("{address}/32"), "dev", "kube-ipvs0"]);
            }
        }
        let [first, second] = SERVICES_V6;
        cluster.services(&[(KUBE_DNS, DNS_POD), (UPSTREAM, DNS_POD), (first, DNS_POD_V6), (second, DNS_POD_V6)]);
        cluster
    }

    /// The IPv4 address of a pod.
    pub(crate) fn pod_address(number: usize) -> String {
        format!("10.244.0.{}", number + 7)
    }

    /// The IPv6 address of a pod.
    pub(crate) fn pod_address_v6(number: usize) -> String {
        format!("fd00:10:244::{:x}", number + 7)
    }

    /// One more pod.
    fn add_pod(&mut self, wiring: Wiring) {
        let (number, pod) = (self.pods.len(), space());
        let (device, node) = (format!("pod{number}"), &self.node);
        let (v4, v6) = (Self::pod_address(number), Self::pod_address_v6(number));
        node.ip(&["link", "add", &device, "type", "veth", "peer", "name", "eth0", "netns", pod.name()]);
        node.ip(&["link", "set", &device, "up"]);
        pod.ip(&["link", "set", "eth0", "up"]);
        match wiring {
            Wiring::Bridge => {
                node.ip(&["link", "set", &device, "master", "pods"]);
                pod.ip(&["address", "add", &format!("{v4}/24"), "dev", "eth0"]);
                pod.ip(&["route", "add", "default", "via", "10.244.0.1"]);
            }
            Wiring::Routed => {
                // The node answers for every address that a pod looks for, which is never more than this one.
                node.sysctl(&format!("net/ipv4/conf/{device}/proxy_arp"), "1");
                node.ip(&["route", "add", &format!("{v4}/32"), "dev", &device, "scope", "link"]);
                pod.ip(&["address", "add", &format!("{v4}/32"), "dev", "eth0"]);
                pod.ip(&["route", "add", "169.254.1.1", "dev", "eth0", "scope", "link"]);
                pod.ip(&["route", "add", "default", "via", "169.254.1.1"]);
            }
        }
        if has_ipv6() {
            match wiring {
                Wiring::Bridge => {
                    pod.ip(&["address", "add", &format!("{v6}/64"), "dev", "eth0", "nodad"]);
                    pod.ip(&["route", "add", "default", "via", "fd00:10:244::1"]);
                }
                Wiring::Routed => {
                    node.ip(&["address", "add", "fe80::1/64", "dev", &device, "nodad"]);
                    node.ip(&["route", "add", &format!("{v6}/128"), "dev", &device]);
                    pod.ip(&["address", "add", &format!("{v6}/128"), "dev", "eth0", "nodad"]);
                    pod.ip(&["route", "add", "default", "via", "fe80::1", "dev", "eth0"]);
                }
            }
        }
        self.pods.push(pod);
    }

    /// Sends port 53 of each service to a pod, in the place of what was said before.
    pub(crate) fn services(&self, services: &[(&str, &str)]) {
        match self.proxy {
            Proxy::Nftables | Proxy::Ipvs => self.node.feed(&["nft", "-f", "-"], &nftables(services)),
            Proxy::Iptables => {
                for (program, text) in
                    [("iptables-restore", iptables(services, false)), ("ip6tables-restore", iptables(services, true))]
                {
                    if has_ipv6() || program == "iptables-restore" {
                        self.node.feed(&[program], &text);
                    }
                }
            }
        }
    }

    /// bind9 as the cluster's DNS, behind the services.
    #[track_caller]
    pub(crate) fn serve(&self, zones: &[(&str, &str)]) -> Peer {
        Peer::bind_everywhere(format!("{DNS_POD}:53").parse().expect("an address"), zones, &self.dns)
    }

    /// What a pod gets when it asks `server` for the addresses of `name`; more arguments for dig.
    #[track_caller]
    pub(crate) fn dig(&self, pod: usize, server: &str, name: &str, more: &[&str]) -> String {
        let server = format!("@{server}");
        self.pods[pod].output(&[&["dig", &server, name, "+tries=1", "+time=2"], more].concat())
    }
}

/// A namespace whose IPv6 addresses can be used at once: nobody else has them, and a second of looking for one would make tests slow.
fn space() -> NetNs {
    let space = NetNs::new();
    if has_ipv6() {
        space.sysctl("net/ipv6/conf/default/accept_dad", "0");
    }
    space
}

/// Whether this machine has IPv6.
pub(crate) fn has_ipv6() -> bool {
    Path::new("/proc/net/if_inet6").exists()
}

/// Services as nftables; what was there of them before goes in the same step.
fn nftables(services: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (family, is_v6) in [("ip", false), ("ip6", true)] {
        if is_v6 && !has_ipv6() {
            continue;
        }
        writeln!(text, "table {family} kube-proxy\ndelete table {family} kube-proxy\ntable {family} kube-proxy {{\nchain services {{").unwrap();
        for (service, pod) in services.iter().filter(|(service, _)| service.contains(':') == is_v6) {
            let to = if is_v6 { format!("[{pod}]:53") } else { format!("{pod}:53") };
            writeln!(text, "{family} daddr {service} meta l4proto {{ tcp, udp }} th dport 53 dnat to {to}").unwrap();
        }
        writeln!(
            text,
            "}}\nchain coming-in {{ type nat hook prerouting priority -100; jump services; }}\n\
             chain of-the-node {{ type nat hook output priority -100; jump services; }}\n}}"
        )
        .unwrap();
    }
    text
}

/// Services of one family as iptables-restore reads them.
fn iptables(services: &[(&str, &str)], is_v6: bool) -> String {
    let mut text = "*nat\n:KUBE-SERVICES - [0:0]\n-F PREROUTING\n-F OUTPUT\n-F KUBE-SERVICES\n".to_owned();
    for chain in ["PREROUTING", "OUTPUT"] {
        writeln!(text, "-A {chain} -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES").unwrap();
    }
    for (service, pod) in services.iter().filter(|(service, _)| service.contains(':') == is_v6) {
        let to = if is_v6 { format!("[{pod}]:53") } else { format!("{pod}:53") };
        for protocol in ["udp", "tcp"] {
            writeln!(
                text,
                "-A KUBE-SERVICES -d {service} -p {protocol} -m {protocol} --dport 53 -j DNAT --to-destination {to}"
            )
            .unwrap();
        }
    }
    text + "COMMIT\n"
}
