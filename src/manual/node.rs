//! On the nodes of a cluster: the ways to be there, and the link that carries the addresses.
//!
//! # Which way
//!
//! Manifests, a chart, and how to get there node by node and back: `packaging/kubernetes/README.md`.
//!
//! What decides is how services work in the cluster (`kubectl -n kube-system get configmap kube-proxy -o yaml`, `mode`).
//!
//! | services by | sample | pods ask | link | when the daemon is gone |
//! |---|---|---|---|---|
//! | kube-proxy, iptables or nftables | `config/kubernetes.toml` | the address of kube-dns as before, or 169.254.20.10 | yes, with both addresses | the rules let go, and kube-proxy sends kube-dns to CoreDNS again |
//! | kube-proxy, IPVS | `config/kubernetes-ipvs.toml` | 169.254.20.10, which the kubelet must tell them | yes, with that address | pods get no answers until it is back: run two name servers, or see to a quick restart |
//! | Cilium in its place | `config/kubernetes-cilium.toml` | the address of kube-dns as before | no | Cilium sends kube-dns to CoreDNS again |
//! | nothing: a plain host | `config/systemd.toml` | 127.0.0.1 and ::1, by resolv.conf | no | programs go on to the next nameserver of resolv.conf |
//!
//! **kube-proxy with iptables or nftables** translates kube-dns's address before a packet is found to be local, so that the address on a link of the node is not
//! enough: rules must lead queries past it (`notrack`). In return no pod has to change. The daemon itself reaches CoreDNS by a second service,
//! kube-dns-upstream, which nobody takes over.
//!
//! **IPVS** has every service's address on its own link, kube-ipvs0, and takes packets to it before any socket does. An address that another link has is
//! not put on ours (a warning says so), and listening on it would get nothing. kube-dns itself may be the upstream there.
//!
//! **Cilium** translates in the pod's socket or at its veth, where no rule of the host is asked. A `CiliumLocalRedirectPolicy` leads kube-dns to the daemon,
//! which is a pod like others: it listens on all of its addresses, needs no right but port 53, and touches nothing.
//!
//! # The link
//!
//! With `interface.manage` the daemon makes a link `nodelocaldns` before it says that it is ready, and puts each of `listen.addresses` on it as /32 or
//! /128. Loopback addresses, 0.0.0.0, ::, and link-local addresses of IPv6 (each belongs to the one link of its scope) are left out, and so is what
//! another link of the node has already. It asks the kernel directly (rtnetlink) and needs CAP_NET_ADMIN, and no program of the host. The type is
//! `dummy`; where the kernel has none, a `bridge` without ports, which drops what is sent into it just as well. The log says which.
//!
//! **Whose it is** is said by the link's alias, `nodens` (`ip link show nodelocaldns`). Without it, a link of that name is
//!
//! 1. *left over*, and made ours, if it is a dummy, or a bridge without ports, with no alias and no address but those that are to be on it, each alone
//!    (/32, /128). A Go node-cache that was killed leaves exactly this. If it had other addresses, there is an error that names them.
//! 2. *lent*, if `interface.take-over` is set: the addresses are added, nothing else is changed, neither alias nor what it had, and at the end only the
//!    addresses are removed.
//! 3. *somebody else's* otherwise: nothing is touched, and the daemon says what it found and what can be done
//!    (`coredns_nodecache_setup_errors_total{errortype="interface_check"}`).
//!
//! **What is on a link of ours is ours.** An address on it that is not to be there is removed; it is mostly that of a service which an earlier configuration
//! took over, and would keep queries on the node where nobody answers them. The address fe80::… that the kernel gives to every link stays. Put
//! addresses of your own on a link of your own.
//!
//! **Repairs.** The kernel tells of every change, and the link is repaired within some 20 ms: a missing or foreign address, the link down or deleted. Every
//! `interface.interval` it is looked at in any case. If somebody else undoes the repairs, ten are made within a minute, then there is a warning and a rest
//! until the minute is over; `ip monitor link address` shows who it is.
//!
//! **The end.** When it is told to stop, the daemon removes rules first and the link last, unless `interface.teardown = false`. After `kill -9` the link
//! stays, and the next start finds its alias. To remove it by hand: `ip link delete nodelocaldns`. Rolling back to a Go node-cache needs nothing: it takes
//! a link of that name as it is.
//!
//! **Without IPv6.** A node whose kernel has no IPv6, or has it switched off (`net.ipv6.conf.all.disable_ipv6 = 1`), leaves the IPv6 addresses of
//! `listen.addresses` out, on the link and as listeners, with one warning each; one configuration serves all nodes. If there is no IPv4 address either,
//! the daemon does not start. If IPv6 is off for new links alone (`net.ipv6.conf.default`), that is an error which says so: the listeners would be there,
//! and the address not.
