//! Troubleshooting: from a symptom to the command that shows its cause, what that says, and what helps.
//!
//! Every row is true: a test brings the symptom about with real servers, runs these commands, and finds these words (`tests/system/troubleshooting`).
//!
//! ADDRESS is one of `listen.addresses`, NAME a name that somebody misses, CLIENT or POD the address of who asks, FILE the configuration. *The log* is what the daemon writes to standard error:
//! `journalctl -u nodens`, `kubectl logs`. `nodens ctl` needs `[control] socket`; in a pod, `kubectl exec POD -- /nodens ctl …`. Ports of metrics and health
//! are the defaults; a Corefile names its own.
//!
//! # Where to begin
//!
//! ```text
//! dig @ADDRESS NAME                the code, and behind EDE the reason of it
//! nodens ctl explain NAME          the way of a query step by step, with the servers it would go to
//! nodens ctl upstreams             who is down, and by what kind of failure
//! nodens ctl status                does it live, and with which configuration?
//! ```
//!
//! `connection refused` and `timed out` instead of a code are no answer of the daemon: see [the start](#it-does-not-start) and [the node](#on-a-node).
//!
//! # SERVFAIL
//!
//! The extended error says how far a question came: 22, nobody was reached; 23, reached, but it went wrong; 24, what came is no DNS; 6 to 12,
//! the answer is not what its zone signed. In a `[[zone]]` with other servers nothing of it is to be seen.
//!
//! | symptom | look | it says | do |
//! |---|---|---|---|
//! | no server answers in time | `dig @ADDRESS NAME`, `nodens ctl upstreams`, the log | `EDE: 22`, `timeout`, `no answer in time` | a firewall drops port 853 or 53, or the server is overloaded: ask it from this machine, `kdig @1.1.1.1 +tls-hostname=cloudflare-dns.com +tls NAME` |
//! | nothing listens at the server | `dig @ADDRESS NAME`, `nodens ctl upstreams`, the log | `EDE: 22`, `refused`, `not reachable: connection refused` | is it the right port? is the server up? |
//! | there is no way to the server | `dig @ADDRESS NAME`, the log | `EDE: 22`, `not reachable: network unreachable` | a route, or the network itself; it is tried again and needs no restart |
//! | its certificate is for another name | `dig @ADDRESS NAME`, `nodens ctl upstreams`, the log | `EDE: 23`, `name`, `not authenticated: ` | the name behind `#` in `upstream.servers`; or who answers there? |
//! | its certificate has expired | `nodens ctl upstreams`, the log | `validity`, `not authenticated: ` | tell its operator; is the clock of this machine right? |
//! | an authority has signed it that nobody here knows | `nodens ctl upstreams`, the log | `issuer`, `not authenticated: ` | an authority of your own belongs into `upstream.ca`; otherwise somebody is on the path |
//! | it has another key than those pinned | `nodens ctl upstreams`, the log | `pin`, `not authenticated: ` | ask its operator by another way, then `upstream.pins` |
//! | what answers on port 853 speaks TLS and no DNS | `nodens ctl upstreams`, the log | `TLS failed: `, `NoApplicationProtocol` | a proxy or another service has that port |
//! | what answers on port 853 speaks no TLS | `nodens ctl upstreams`, the log | `connect_timeout`, `no answer in time` | DNS without encryption is `tcp://` or `udp://` with port 53 |
//! | the servers ask us what we ask them | `dig @ADDRESS NAME`, `nodens ctl explain NAME`, the log | `SERVFAIL`, `it is cut off`, `ask us what we ask them` | CoreDNS's `forward . /etc/resolv.conf` must not lead to this node: name its servers there |
//! | no file descriptor is left | `curl -s 127.0.0.1:9253/metrics`, the log | `process_max_fds 64`, `file descriptors may run out`, `limit=64` | `LimitNOFILE` of the unit; fewer `limits.tcp-connections`. A worker that cannot take a connection of our own is started again |
//! | the zone's signatures have expired | `dig @ADDRESS NAME`, `dig @ADDRESS +cd NAME`, the log | `EDE: 7`, `NOERROR`, `an answer is bogus`, `signature expired` | if many zones are concerned, the clock; otherwise tell its operator, and meanwhile `zone.negative-trust-anchors` |
//! | the zone's keys are not those that its parent vouches for | `dig @ADDRESS NAME`, the log | `EDE: 9`, `an answer is bogus` | the same; if many zones are concerned, servers or somebody before them forge |
//! | servers do not give keys | `dig @ADDRESS NAME`, the log | `SERVFAIL`, `keys to validate an answer could not be had` | `dig +dnssec +cd DNSKEY` at the server: it has to pass DNSSEC records |
//!
//! Of the other extended errors of a broken signature 6 says that it does not fit, 8 that it is not valid yet, 10 that there is none, 12 that a denial is not proved.
//! `delv` shows the same from the root on.
//!
//! # REFUSED
//!
//! | symptom | look | it says | do |
//! |---|---|---|---|
//! | the client is not in the list | `dig @ADDRESS NAME`, `nodens ctl explain NAME --client CLIENT`, `curl -s 127.0.0.1:9253/metrics` | `REFUSED`, `EDE: 18`, `may not ask (listen.allow)`, `reason="not_allowed"` | `listen.allow` |
//! | the server refuses | `dig @ADDRESS NAME`, `nodens ctl explain NAME` | `REFUSED`, `EDE: 22`, `failed REFUSED` | it does not serve this machine, or not this name: let it, or give the name a `[[zone]]` with other servers |
//! | its TCP connections are closed at once | `dig +tcp @ADDRESS NAME`, `curl -s 127.0.0.1:9253/metrics` | `nodens_tcp_refused_total{limit="source"}` | the same; with another `limit`, the option of that name under `[limits]` |
//! | nobody gets this type | `dig @ADDRESS NAME NULL`, `nodens ctl explain NAME NULL` | `EDE: 18`, `policy.refuse-types` | that option |
//! | the type or class is never forwarded | `dig @ADDRESS NAME AXFR`, `dig @ADDRESS -c HS NAME` | `Transfer failed`, `REFUSED`, `EDE: 21` | ask the zone's own server |
//! | a client is held back to its rate | `dig @ADDRESS NAME`, `nodens ctl explain NAME --client CLIENT`, the log | `EDE: 0`, `faster than its rate`, `a client asks too fast; refusing` | look at the client (`nodens ctl top-clients`); `limits.client-rate`, `client-burst`, `client-rate-exempt` |
//! | too many questions wait | `dig @ADDRESS NAME`, `nodens ctl stats`, the log | `EDE: 0`, `shed `, `too many queries wait; shedding` | the servers are slow (`nodens ctl upstreams`), or one client floods (`nodens ctl top-clients`) |
//!
//! # A name is missing, or wrong
//!
//! | symptom | look | it says | do |
//! |---|---|---|---|
//! | it is blocked here | `dig @ADDRESS NAME`, `nodens ctl explain NAME`, the log | `NXDOMAIN`, `EDE: 15`, ` aa `, `blocked, by `, `a blocked name was asked for` | `policy.unblock`; without `aa` it is a server that blocks |
//! | it has no address here, and has one elsewhere | `dig @ADDRESS NAME`, `nodens ctl explain NAME`, the log | `NOERROR`, `EDE: 15`, `something of it is withheld`, `leads to an address that is not public` | a name of the company's own: a `[[zone]]` with `class = "internal"`, or `rebinding.exempt` of its `[[zone]]`; for a cloud `rebinding.presets` there. To look first, `rebinding.mode = "report"` |
//! | it has IPv4 addresses alone | `nodens ctl explain NAME AAAA` | `yes (zone.no-types)` | that option |
//! | a private reverse name does not exist | `dig @ADDRESS -x 10.0.0.1`, `nodens ctl explain 1.0.0.10.in-addr.arpa PTR` | `NXDOMAIN`, ` aa `, `special-use, by 10.in-addr.arpa.` | a `[[zone]]` named `10.in-addr.arpa`, or `in-addr.arpa` for all of them, goes first |
//! | names of the cluster do not exist | `nodens ctl explain NAME` | `. (public), the longest suffix` | a `[[zone]]` for the cluster's domain; without a file, /etc/resolv.conf names its servers, and the log's first lines say what was left out |
//! | an old answer is given, or a new name does not exist | `nodens ctl cache dump --suffix NAME`, `nodens ctl explain NAME` | `NAME`, `memory (` | `nodens ctl cache flush NAME` or `--suffix`; for how long it is kept say `max-ttl` and `max-negative-ttl` of the zone |
//! | answers are older than their TTL | `dig @ADDRESS NAME`, `nodens ctl explain NAME` | `EDE: 3`, `plain: stale: ` | no server of the zone answers: see SERVFAIL; `serve-stale` says for how long |
//! | large answers fail | `dig @ADDRESS +notcp +ignore NAME`, `dig @ADDRESS +tcp NAME` | ` tc `, `NOERROR` | port 53 has to be open for TCP, too; clients without EDNS get 512 bytes by UDP |
//! | each name is asked for with many suffixes | `nodens ctl top-names` | `NAME.default.svc.cluster.local.` | the search path of pods (`ndots`): a dot behind the name, `dnsConfig` of the pod, or `local.dead-suffixes` |
//!
//! # It does not start
//!
//! | symptom | look | it says | do |
//! |---|---|---|---|
//! | its port is taken | `nodens run --config FILE`, `ss -lntup` | `cannot listen on `, `Address already in use`, `code 71`, `users:((` | end the other one; systemd-resolved sits on 127.0.0.53 and 127.0.0.54, which leaves 127.0.0.1 free |
//! | it may not have a port below 1024 | `nodens run --config FILE` | `cannot listen on `, `Permission denied`, `code 77` | `AmbientCapabilities=CAP_NET_BIND_SERVICE`; in a pod NET_BIND_SERVICE |
//! | its configuration has a mistake | `nodens check FILE` | `FILE:2:1: listen.adresses: unknown key; did you mean addresses?`, `code 78` | mend it: all mistakes are told at once |
//! | there is no such file | `nodens run --config FILE` | `FILE`, `No such file or directory`, `code 66` | |
//! | a file that the configuration names is not there | `nodens check FILE` | `local.hosts`, `No such file or directory`, `code 78` | |
//! | a file cannot be read once the worker has another user | `nodens run --config FILE` | `cannot be read by the user 65532`, `code 77` | `chmod o+r`, also of the folders above; or `sandbox.user` |
//! | a server is one of our own addresses | `nodens check FILE` | `is one of our own addresses`, `code 78` | name the servers that are to be asked |
//! | a server is systemd-resolved | `nodens check FILE` | `is systemd-resolved on this machine, which may ask us in turn`, `code 78` | those that it asks are in /run/systemd/resolve/resolv.conf |
//! | a Corefile has a mistake | `nodens node-cache -localip 169.254.20.10 -basecorefile COREFILE -check`, `nodens migrate COREFILE` | `COREFILE:3: forwrad: there is no such plugin; did you mean "forward"?`, `code 78` | the line; `nodens node-cache -plugins` lists what there is |
//! | there is no Corefile.base | `nodens node-cache -localip 169.254.20.10 -basecorefile COREFILE -check` | `COREFILE`, `No such file or directory`, `code 66` | the volume of the ConfigMap, or `-basecorefile` |
//! | the demonstration's port is taken | `nodens demo` | `Address already in use`, `code 69` | `nodens demo --port 0` |
//! | it runs and is not ready | `curl -s 127.0.0.1:8080/ready` | `udp://10.99.99.99:53`, `tcp://10.99.99.99:53` | the address is not on this machine yet, or somebody else's rules drop the packets |
//! | health or metrics cannot be reached | `curl -sS 127.0.0.1:9253/metrics`, the log | `cannot listen`, `service=metrics` | free the port, or `metrics.listen`; it is tried again every five seconds |
//! | `nodens ctl` reaches nobody | `nodens ctl status` | `cannot be reached`, `code 69` | `[control] socket` and `--socket` say the same? |
//! | `nodens ctl` is kept out | `nodens ctl status` | `sudo`, `code 77` | root, or the daemon's own user |
//!
//! # While it runs
//!
//! | symptom | look | it says | do |
//! |---|---|---|---|
//! | a change of the file does nothing | `nodens ctl reload`, `curl -s 127.0.0.1:8080/ready`, `nodens check FILE`, the log | `unknown key`, `code 78`, `not reloaded` | mend it; until then what was in force goes on |
//! | one option does nothing | `nodens ctl reload`, the log | `cache.size`, `changed options take effect at the next start` | restart when it suits |
//! | a reload may not read a file in another folder | `nodens ctl reload`, the log | `Permission denied`, `not reloaded` | the sandbox goes by the folders of the start: put the file beside the configuration, or restart |
//! | the worker has died | `nodens ctl status`, `curl -s 127.0.0.1:9253/metrics`, the log | `restarts`, `nodens_worker_restarts_total{reason="died"} 1`, `the worker has ended; it is started again` | nothing at once; report it with the lines before. Killed by signal 9 is the kernel's, short of memory |
//! | the cache is full | `nodens ctl stats`, `curl -s 127.0.0.1:9253/metrics` | `pushed out`, `coredns_cache_evictions_total` | `cache.size` |
//! | the cache was empty after a restart | the log | `the snapshot of the cache is not used`, `others may write to it` | owner and mode of the file: only this user or root may write to it |
//! | kept answers are not written | `curl -s 127.0.0.1:9253/metrics`, the log | `nodens_snapshots_total{result="failed"}`, `the snapshot of the cache cannot be written`, `Read-only file system` | room, owner, or a volume that may be written to; no query is concerned |
//! | lines of the query log are missing | `curl -s 127.0.0.1:9253/metrics`, the log | `nodens_query_log_total{result="lost"}`, `the query log cannot be written`, `Read-only file system` | the same |
//! | one of several servers is down | `nodens ctl upstreams`, the log | `down, again in`, `left=1` | nothing here: the others are asked, and it is tried again |
//! | datagrams get lost under load | `nstat -az UdpRcvbufErrors` | `UdpRcvbufErrors` | if it grows: `net.core.rmem_max` (the daemon asks for 4 MiB a socket), or another worker |
//!
//! **Answers are slow.** Is the share of hits low (`nodens ctl stats`), or are the servers slow (`nodens ctl upstreams`)? Handshakes
//! that are `full` again and again (`nodens_upstream_handshakes_total`), with connections closed by `idle_peer`, are a server that
//! closes early; `nodens_upstream_connection_queries` shows how many queries a connection serves. A server counted under
//! `nodens_upstream_downgrades_total{feature="order"}` answers strictly in order: a slow name delays the others; raise `connections`.
//!
//! **Connections end for a reason** (`nodens_upstream_connections_closed_total`): `idle_us`, `idle_peer`, `age` and `told` are everyday life; `silent`
//! and `timeout` are a network that loses packets or a server that stands still; `broken` is one that was restarted; `tls` and
//! `garbled` (no answers, or out of step with its frames) one that is not what it should be.
//!
//! # On a node
//!
//! | symptom | look | it says | do |
//! |---|---|---|---|
//! | the link has gone | `ip -brief address show dev nodelocaldns`, `curl -s 127.0.0.1:9253/metrics`, the log | `169.254.20.10/32`, `nodens_node_repairs_total{part="interface"} 1`, `not as it should be: repaired` | it is there again; `ip monitor link address` shows who takes it away |
//! | the rules have gone | `nft list table inet nodens`, `curl -s 127.0.0.1:9253/metrics`, the log | `live4`, `nodens_node_repairs_total{part="rules"} 1`, `not as it should be: repaired` | the same; `nft monitor` shows who |
//! | there is a link of that name already | `ip -brief address show dev nodelocaldns`, `curl -s 127.0.0.1:9253/metrics`, the log | `10.1.2.3/24`, `coredns_nodecache_setup_errors_total{errortype="interface_check"}`, `interface.take-over` | remove it, or give ours another name |
//! | link and rules cannot be made | `curl -s 127.0.0.1:9253/metrics`, the log | `coredns_nodecache_setup_errors_total{errortype="interface_add"}`, `ot permitted` | NET_ADMIN |
//! | pods get no answer at the address of kube-dns | `nft list set inet nodens live4`, `conntrack -L -s POD -d 10.96.0.10` | `10.96.0.10 . 53`, `expires`, ` 0 flow entries` | no elements: the daemon does not answer itself (`/ready`), and kube-proxy's way is open; entries: the rules are not before connection tracking. With IPVS see [`node`](super::node) |
//!
//! More symptoms: a client that floods or tunnels, [`asking`](super::asking); what an alert means, [`alerts`](super::alerts); files that the sandbox refuses,
//! [`sandbox`](super::sandbox).
