//! Packet rules: what is put into the node's packet filter, what each rule is for, and what happens when nobody is there to remove it.
//!
//! By default nothing is (`rules.backend = "none"`). Rules are for nodes of a cluster, where pods ask an address that belongs to the node alone
//! (169.254.20.10), the address of the cluster's DNS service (10.96.0.10), or both. The code is [`node::rules`](crate::node::rules).
//!
//! # Why rules at all
//!
//! Connection tracking makes an entry of every query. Entries fill its table, and two of the same client at the same time race, which loses
//! answers for five seconds at a time. So queries for us and our answers skip it (`notrack`).
//!
//! The same rule decides who gets a query for the service's address. kube-proxy replaces the destination of such packets, and it can do
//! that only for packets that are tracked. While our rule holds, they are not: the packet finds the address on the node's own interface and comes
//! to us. When it does not, kube-proxy's rules act as if we had never been there. Whether our interface is still there makes no difference,
//! since destinations are replaced before it is looked for.
//!
//! # The dead-man switch
//!
//! With `rules.backend = "nftables"` rules look addresses up in sets (`live4`, `live6`) whose elements expire after `rules.timeout`. Every second,
//! and only while the worker answers, they are put in again. Whoever kills both processes leaves rules behind that end by themselves:
//!
//! | state | elements of `live` | a query for a service's address | a query for a node-local address |
//! |---|---|---|---|
//! | the worker answers | there | comes to us, not tracked | comes to us, not tracked |
//! | it has just died, up to `rules.timeout` | there | refused by the kernel: no socket | refused by the kernel: no socket |
//! | it hangs, and the supervisor sees it | taken out at once | kube-proxy's way | to `rules.fallback`, or refused at once |
//! | both processes are gone | expired | kube-proxy's way | to `rules.fallback`, or refused at once |
//! | and the interface, too | expired | kube-proxy's way | the same, if pods send such packets to the node |
//! | back again | there | comes to us, whatever was tracked meanwhile | comes to us, whatever was tracked meanwhile |
//! | stopped by SIGTERM | no table | kube-proxy's way | whatever the node does with that address |
//! | stopped, `rules.teardown = false` | expired | kube-proxy's way | to `rules.fallback`, or refused at once |
//!
//! Which addresses are node-local says `rules.node-local`: 169.254.0.0/16 and `fe80::/10` unless told otherwise. A unique local address such as
//! fd00:10::a has to be named there if it is no service's, since services of IPv6 clusters have such addresses, too.
//!
//! Servers of `rules.fallback` get their queries from the node (masqueraded), so that answers find back whatever pods' addresses are. They must
//! be servers themselves, such as the resolvers of the node's network. The address of a service is none: a packet's destination is replaced only
//! once, and that was us. A cluster whose pods ask the service's address needs no fallback. UDP and TCP go there; each client
//! port stays with one of the servers.
//!
//! TCP connections do not survive a change of state: they are reset, and clients ask again.
//!
//! # The table
//!
//! `nft list table inet nodens` shows it, each rule with what it is for. It is made, replaced and removed in one step, by netlink and without any
//! program; Linux 5.2 is needed.
//!
//! | chain | at | its rules, for each family |
//! |---|---|---|
//! | `prerouting` | before connection tracking, -300 | to `live`: not tracked; to `refuse`: TCP reset, or "port unreachable" |
//! | `output` | the same, programs of the node | the same; and from `live`, our answers: not tracked |
//! | `redirect-prerouting`, `redirect-output` | where destinations are replaced, -100 | to `fallback`: one of the servers |
//! | `redirect-postrouting` | where sources are replaced, 100 | what went to the fallback, and what programs of the node sent with one of our addresses as their source: masqueraded |
//!
//! | set | holds |
//! |---|---|
//! | `live4`, `live6` | protocol, address and port of each listener; the address of probes (`health.listen`) over TCP. The time after "expires" is what is left |
//! | `fallback4`, `fallback6` | node-local listeners, if there is a fallback of their family |
//! | `refuse4`, `refuse6` | node-local listeners, if there is none |
//! | `own4`, `own6` | the listeners' addresses |
//!
//! Loopback addresses need no rules and get none. A node-local address that nobody answers for is refused even if a process that hangs still
//! holds the socket; a program of the node itself sees "not permitted" then.
//!
//! No rule of ours lets a packet through that others drop: in nftables `accept` ends one chain and says nothing to the next. A firewall that
//! drops what it does not know needs a rule of its own for port 53 of these addresses, to the node and back.
//!
//! To see whether it works:
//!
//! ```sh
//! nft list set inet nodens live4          # elements with "expires": the rules hold
//! conntrack -L -s POD -d 169.254.20.10    # no entries for the address of a pod; those of the node itself are from the start, before the rules
//! ```
//!
//! # When others interfere
//!
//! The kernel tells of every change; a table that was flushed, altered or added to is replaced at once, and without that every second when the
//! switch is prolonged, or every `rules.interval` when the whole is compared. The number of rules does not grow. A table of that name belongs to
//! one daemon: a new one replaces it in one step, so that nothing is open between.
//!
//! Where the kernel's audit is on, each refresh is an event of the type `NETFILTER_CFG`; a rule of auditctl leaves them out
//! (`-a always,exclude -F msgtype=NETFILTER_CFG`).
//!
//! # With iptables
//!
//! `rules.backend = "iptables"` runs `iptables-save`, `iptables-restore` and their likes for IPv6, and makes the rules of node-cache to the letter:
//! for each address, before all others, ten rules of tables `raw` and `filter` for port 53 and two for the port of probes, with the comments
//! "NodeLocal DNS Cache: skip conntrack" and "NodeLocal DNS Cache: allow DNS traffic". There is no dead-man switch: what a killed daemon leaves
//! behind holds until it is back. It is for nodes whose kernel is too old for the other, or whose firewall is made by
//! iptables and drops DNS: these rules stand before its own.
//!
//! The lock of iptables is waited for two seconds at most; then the error is `iptables_lock`, and the next look tries again. At the end it
//! is asked for again and again, for ten seconds in all; then the daemon says how many rules are left.
//!
//! # What others have left
//!
//! The first look and the removal also take out what is not ours to keep: rules with node-cache's comments for other addresses, all of them with
//! nftables, since rules that always hold would break the switch; and the table of a run with nftables, with iptables. Rules of node-cache for our
//! addresses are taken over by the backend iptables as they are. Without the programs of iptables nothing is looked for.
