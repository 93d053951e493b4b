//! Running it: start, stop, watch.
//!
//! # Start
//!
//! ```text
//! nodens check /etc/nodens/nodens.toml      every mistake with file, line and what would be right; or all that holds
//! nodens run --config /etc/nodens/nodens.toml
//! ```
//!
//! `nodens` alone is `nodens run` without a file: 127.0.0.1:5353, two public resolvers over TLS, and `cluster.local` at the nameservers
//! of /etc/resolv.conf; where that knows only systemd-resolved, those that it asks in turn. The daemon stays in the foreground and writes to standard error. It needs no network to become ready: readiness
//! says that the listeners answer, not that the internet is there.
//!
//! For a port below 1024 it needs CAP_NET_BIND_SERVICE, and no other right. An address that does not exist yet can be listened on; it answers
//! as soon as it exists. A unit for a plain host:
//!
//! ```text
//! [Service]
//! ExecStart=/usr/local/bin/nodens run --config /etc/nodens/nodens.toml
//! DynamicUser=yes
//! StateDirectory=nodens
//! AmbientCapabilities=CAP_NET_BIND_SERVICE
//! CapabilityBoundingSet=CAP_NET_BIND_SERVICE
//! LimitNOFILE=16384
//! Restart=always
//! ```
//!
//! `Restart=always`, because a thread that meets a fault of ours ends the whole process on purpose: half a DNS server is worse than one that starts
//! anew. `LimitNOFILE` is the hard limit, up to which the daemon raises its own at the start. It may need, at most: `limits.tcp-connections`, and for each
//! worker and server twice `connections` and one (TLS, TCP; those beyond `connections` are kept for seconds after a server fell silent), `udp-sockets` more (UDP), and a few dozen.
//! A warning at the start says so where there are fewer.
//!
//! # Stop
//!
//! SIGTERM and SIGINT do the same. Health and metrics close at once, so that nobody is sent here any more; what lies in the sockets is
//! answered; questions under way may finish for `listen.drain-timeout`; then the process ends with code 0.
//!
//! # A new configuration
//!
//! No restart is needed. The daemon reads its configuration again within ten seconds when the file changes, or a hosts file, a list of names
//! to block or a file of certificates that it names; without a file, when the nameservers in /etc/resolv.conf change. It may be written over, replaced, or stand behind
//! links that are swapped, as in a ConfigMap. SIGHUP reads it at once, and says so also when nothing has changed. Where the kernel cannot
//! tell of changes, the files are looked at every five seconds.
//!
//! Everything is made anew beside what is in force. **Any mistake changes nothing**: the old configuration stays, `coredns_reload_failed_total`
//! grows, one line in the log names file, line and reason of the first mistake, and `/ready` repeats it; `nodens check FILE` lists all. A
//! resolv.conf without any nameserver of use changes nothing either: one that was emptied, or one by which the node asks us now.
//!
//! | | after a reload |
//! |---|---|
//! | sockets, connections of clients | stay open |
//! | questions under way | are answered by the servers they went to |
//! | kept answers | stay where the same servers are believed by the same proof (`servers`, `ca`, `pins`, `insecure`) and the zone makes the same of what they say (`class`, `dnssec`, its anchors, `no-types`, the bounds of TTLs); how servers are asked (`policy`, times, connections) costs none; others, and those of names that went to another zone, to `[local]` or to `policy.block`, are forgotten |
//! | names that are blocked | are denied from the first query on, kept answers and aliases to them included; what is blocked no more is asked for anew |
//! | tokens of clients | go on, unless `limits.client-rate` or `client-burst` say something new |
//! | connections to servers | stay where the `[[upstream]]` and its certificates are the same; who is down and who is slow is known on where the servers are |
//! | counters | go on; a zone or server that is gone keeps its series until the restart |
//!
//! At the next start only, with a warning that names them: `listen.addresses`, `listen.workers`, `listen.udp-size`, `cache.size`,
//! `cache.negative-size`, `metrics.listen`, `health.listen`, `log.format`, all of `[interface]`; and the system's own certificates. After 4,096 zones or servers that were
//! new or changed since the start, a reload is refused until a restart.
//!
//! **Which one is in force?** `/ready` and `coredns_reload_version_info` show the SHA-256 of its file as `sha256sum FILE` prints it, the
//! same on all nodes with that file. It says nothing of other files that it names.
//!
//! # The cache over a restart
//!
//! With `cache.snapshot`, kept answers are written to a file every `cache.snapshot-interval` and when the daemon ends, and read at the start: answers
//! that had expired, too, so that a restart while the servers are away takes nothing away. In the unit above, `StateDirectory=nodens` makes
//! /var/lib/nodens. The file is always whole: another is written beside it (`.new`) and takes its name. It has the mode 0600, since it says what the
//! node's programs ask for.
//!
//! Read is only what this user or root has written, nobody else can write to, and is not longer than `cache.snapshot-size`. Everything else
//! is a warning that names the reason, and an empty cache; the file is left alone until the next one takes its place. Answers of zones that say
//! something else now are left out, those of the others stay, as after a reload. After an update all may be left out once.
//!
//! A start waits for a file of up to a megabyte, some 10,000 answers, for a second at most. A larger one is read beside clients being answered; an
//! answer that came meanwhile is newer and stays, a reload or a flush meanwhile holds for what is still to come, and until all is there nothing is
//! written over the file. An end waits five seconds for the last writing. The time that passed is told by the time of day; where that was set
//! back, no time counts as passed. To empty the cache, remove the file while the daemon stands still.
//!
//! # systemd
//!
//! `packaging/systemd` has the units. `nodens.service` is ready when every listener has answered, is watched, and is restarted for ever. For port 53 it
//! holds NET_BIND_SERVICE alone; where nodens manages interface or rules, put `network.conf` into `/etc/systemd/system/nodens.service.d`.
//! `sysusers.d` and `tmpfiles.d` make the user and the folders.
//!
//! The host's programs ask nodens in one of two ways. With systemd-resolved: `resolved.conf.d/nodens.conf`. Without: `/etc/resolv.conf` becomes a link to
//! `/run/nodens-resolv.conf`, which the unit lets lead to `/etc/nodens/resolv.conf` while nodens answers and to `/etc/resolv.conf.before-nodens` whenever
//! it has ended, however it did. Thirty failed starts in a minute hand over to `nodens-fallback.service`, which tries again every half minute.
//!
//! # Exit codes
//!
//! Those of `sysexits.h` ([`ExitCode`]), with the reason on standard error:
//!
//! | code | when |
//! |---|---|
//! | 0 | ended by SIGTERM or SIGINT, or the command did its work |
//! | 64 | the command line is wrong |
//! | 66 | the configuration file cannot be read |
//! | 69 | `nodens demo`: its port is taken |
//! | 70 | a fault in nodens itself; `nodens demo --once`: an answer was not the expected one |
//! | 71 | the kernel refused something: an address in use, a thread |
//! | 74 | standard output cannot be written |
//! | 77 | no permission: a low port |
//! | 78 | the configuration is wrong, or a file that it names cannot be read; all mistakes are listed |
//! | by SIGABRT | a thread met a fault of ours; please report what stands on standard error |
//!
//! # Health
//!
//! | path | answer |
//! |---|---|
//! | `/health` | 200 `OK` for as long as the process lives |
//! | `/ready` | 200 `OK` once every listener, UDP and TCP, has answered a question of our own; until then 503 with the list of those that have not. Below `OK`, a line with the hash of the configuration, and one with the mistake of a newer one that was not taken |
//!
//! Both at `health.listen`, 403 for sources outside `health.allow`. If the address cannot be had, DNS goes on and it is tried again every
//! five seconds.
//!
//! # Metrics
//!
//! `/metrics` at `metrics.listen`. What CoreDNS has a name for keeps that name and its labels (`coredns_dns_*`,
//! `coredns_cache_*`, `coredns_forward_*`, `coredns_proxy_*`), times of answers all their buckets, sizes and times of servers some of them; the rest is
//! `nodens_*`. Each family says in its help text what it counts. Series are few, since every node of a cluster has its own: 600 at most with
//! `config/kubernetes.toml`. All addresses stand under the first, times and sizes of all zones under the root, rare types under `other`. The
//! `zone` label is the configured zone; `dropped` stands for what was answered before it had one. Hits count as 0 seconds in
//! `coredns_dns_request_duration_seconds`: they take microseconds, and a precise clock for each would cost more than it tells.
//!
//! What is worth an alert, and what each means, is in the chapter on [`alerts`](super::alerts); rules for Prometheus are in `packaging/prometheus`, a
//! dashboard for Grafana in `packaging/grafana`.
//!
//! The share of hits: `sum(rate(coredns_cache_hits_total[5m])) / sum(rate(coredns_cache_requests_total[5m]))`.
//!
//! # nodens ctl
//!
//! ```text
//! [control]
//! socket = "/run/nodens/control"
//! ```
//!
//! | command | tells or does |
//! |---|---|
//! | `nodens ctl status` | version, processes, file and hash of the configuration, listeners, what the sandbox holds, what the supervisor has counted |
//! | `nodens ctl stats` | queries by who answered them, latency, memory, what was withheld |
//! | `nodens ctl upstreams` | each server: state and when it is tried again, latency, connections, failures by kind |
//! | `nodens ctl cache dump [--suffix NAME]` | kept answers as a zone file, with age, uses and verdicts in comments; failures, too |
//! | `nodens ctl cache flush NAME`, `--suffix NAME`, `--all` | forgets them, in all workers; the last two also keys that were learned for validation |
//! | `nodens ctl explain NAME [TYPE] [--client IP] [--ask]` | what would happen to a query and why, step by step; with `--ask` it is asked, too |
//! | `nodens ctl detections`, `top-names`, `top-clients` | who asks for what, and what looked odd |
//! | `nodens ctl log-level debug` | more lines, until the configuration is read again with something new |
//! | `nodens ctl reload` | reads the configuration again, and waits: what changed, or all mistakes and code 78 |
//!
//! `--json` prints the daemon's own answer: one object, or one a line for `cache dump`. Its fields are in [`protocol`]; one is added now and then,
//! none changes its meaning. `--socket PATH` for another place than /run/nodens/control.
//!
//! The socket has the mode 0600, and who comes is looked at besides: root, the user who started the daemon, and the one that it became. In containers,
//! `kubectl exec`. Nothing of it can be reached over a network. At most eight connections, 64 KiB and ten seconds a request, two minutes idle;
//! `nodens_control_refused_total` tells by `reason` what was turned away. A worker that is started again goes on with the same socket, and what is asked
//! meanwhile waits; after a hand-over the new nodens has it. Another nodens that lives there is left alone, with a warning. Workers
//! are asked in between two queries, some ten microseconds each; a dump of the cache is made on a thread of its own and waits for whoever reads it.
//!
//! Hits of an answer are what workers gave from their own tables: each begins anew when the answer is replaced, with three quarters of what there
//! was, and after 65,535.
//!
//! # nodens top
//!
//! The same figures, live, over the same socket; it works over ssh from 60 columns and 20 lines on. Shown here: a pod that carries data out below
//! tunnel.example, a list that blocks much, and a server that is down.
//!
//! ```text
//!  nodens 0.1.0  up 00:00:40  /run/nodens/control                    06:55:04 UTC
//! ─ queries/s 2,840 ──────── ─ hit rate 97.3% ───────── ─ latency ────────────────
//! ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇█▇▇▇▇ ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ p50    128 µs waiting    0
//! ██████████████████████████ ██████████████████████████ p90    230 µs shed/s     0
//! ██████████████████████████ ██████████████████████████ p99    795 µs kept 1.1 MiB
//! ─ servers, as configured ───────────────────────────────────────────────────────
//! server                group       state      latency asked/s conns reuse fails/s
//! udp://127.0.0.1:5301  internet    up          0.4 ms      69     0     -       0
//! udp://127.0.0.1:5302  internet    down 8s          -       0     0     -       0
//! tcp://127.0.0.1:5301  cluster-dns up          1.6 ms       0     1    0%       0
//! ─ domains, 1-5 of 20 ─────────── ─ clients, busiest first ──────────────────────
//! domain                   asked/s client                            asks/s  share
//! api.svc.cluster.local.       229 payments-production/settlement-…   1,467  56.3%
//! mail.example.com.             70 shop/web-7d4f8b9c5-lq2vm             733  28.2%
//! api.example.net.              65 shop/cart-6f9b7c8d4-x2x9k            367  14.1%
//! api.example.com.              65 monitoring/prometheus-k8s-0           37   1.4%
//! static.shop.example.          65 127.0.0.1                            0.3   0.0%
//! ─ detected and blocked, newest first ───────────────────────────────────────────
//!  06:55:04 blocked 2,000 queries for blocked names in 39 s
//!  06:54:56 burst 99 monitoring/prometheus-k8s-0 tunnel.example. observed 1,221 t…
//!
//!
//!
//!  q quit  Tab pane  Enter alone  s order  / client  p pause  ? help
//! ```
//!
//! `Tab` goes to the next pane, `Enter` shows it alone (what was detected then with all its reasons), arrows scroll, `s` changes its order, `/` keeps only
//! clients whose address, namespace or pod holds a text, `p` lets the picture stand still, `q` ends it, `?` tells all of that. While the daemon
//! does not answer, what was known last stays, with why and since when; it is tried again every second.
//!
//! Percentiles, rates of servers and reuse are of the last ten looks (`--interval`), names and clients of the last minute. `NO_COLOR=1` and terminals
//! such as vt100 have no colours, and locales that are not UTF-8 nothing beyond ASCII. Whatever a stranger chose to call himself is written
//! as in a zone file: no name can do something to your terminal. An image that was built with `--no-default-features` has no `top`.
//!
//! # Log lines
//!
//! `key=value`, or JSON objects with the same keys. What a stranger can trigger is limited: ten lines a topic and worker at once, then one in
//! ten seconds ([`LogLimiter`]). What clients ask is not logged, except the name of a question that no server answered, of one that is
//! blocked, and of one that led inside.
//!
//! | level, `msg` | means | do |
//! |---|---|---|
//! | info `listening` | an address is served; `protocol` for DNS, `service` for HTTP | |
//! | info `ready` | every listener has answered | |
//! | warn `file descriptors may run out: …` | the hard `limit` is below what this configuration may take, `wanted` | raise `LimitNOFILE`, or lower `limits.tcp-connections` |
//! | info `stopping`, `stopped` | a signal came; all is over | |
//! | info `the system trusts no certificate authority; using the compiled-in ones` | no certificate store in this image | set `ca`, or nothing |
//! | warn, a file, line and key | something in the configuration or the hosts file is odd | mend it; `nodens check` says the same |
//! | info `configuration reloaded` | a new configuration is in force; `forgotten` kept answers no longer held | |
//! | info `configuration read again: nothing has changed` | after SIGHUP | |
//! | error `configuration not reloaded; the one before stays` | `reason` is the first mistake, there are `more` | mend it; `nodens check` lists all |
//! | warn `a worker is not told what the one before it went by` | no memory for a copy of the configuration, `error` says why | nothing, unless the file has mistakes when a worker starts |
//! | warn `changed options take effect at the next start` | `options` say something new | restart when it suits |
//! | warn `the kernel does not tell of changed files; …` | no inotify, or too few watches | raise `fs.inotify.max_user_watches` or `max_user_instances`, or nothing |
//! | info `kept answers taken over from the snapshot` | `restored` of them; `dropped` were too old, or of zones that have changed | |
//! | warn `the snapshot of the cache is not used` | `error` says why; the cache begins empty | nothing; or see to the owner and the mode of `path` |
//! | warn `the snapshot of the cache cannot be written; …` | said once until it works again; counted each time | make the folder, or room |
//! | warn `an answer is bogus` | a zone with `dnssec = "validate"`: what came is not what `name`'s zone signed, for the `reason` given | see [`troubleshooting`](super::troubleshooting) |
//! | warn `keys to validate an answer could not be had` | its servers gave no answer to the questions that it takes | ask them for DNSKEY and DS with `dig +dnssec +cd` |
//! | warn `no server answered` | a question failed at all servers of its group; `error` says how the last one did | see [`troubleshooting`](super::troubleshooting) |
//! | warn `no connection to a server` | it was refused, broke off, or the server did not prove who it is; `error` says which. Each cause once until a connection is open again | for a wrong certificate: who answers there? |
//! | warn `what comes by UDP is not trusted; asking over TCP` | wrong answers, fragments, or a missing cookie; `nodens_upstream_doubts_total` says which | somebody may be forging answers to the node |
//! | warn `a server is down` | a worker passes it over from now on; `error` says why, `left` how many servers of the group are up | look at the server; nothing here needs a restart |
//! | info `a server is up again` | it answered, or a connection could be opened, `after_seconds` | |
//! | warn `a public name leads to an address that is not public` | `name`, `address`, the `rule` it is under, the `client` that asked first, and whether it was `blocked` or `reported` | look at the client; if the name is right, `zone.rebinding.exempt` |
//! | info `addresses of this machine have changed` | answers are judged by the new ones | |
//! | warn `too many queries wait; shedding` | `limits.in-flight` or `limits.waiting` was reached | look at the upstreams, then at the clients |
//! | warn `a client asks too fast; refusing` | `client` used up its `limits.client-burst` | look at that client; raise the rate, or exempt it |
//! | warn `a blocked name was asked for` | `client` asked for `name`, which is blocked or leads by an alias to what is | look at that client; or list the name in `policy.unblock` |
//! | warn `policy: the whole zone … is blocked` | a suffix of `policy.block` holds a zone of yours | list the zone in `policy.unblock`, or remove it |
//! | warn `cannot listen` | the address for health or metrics cannot be had; tried again every `retry_seconds` | free it or change it |
//! | warn `too many HTTP connections`, `cannot accept an HTTP connection` | of health or metrics | look who holds them |
//! | warn `N similar lines suppressed` | the limiter held back lines of `topic`; those of detections have a topic for each rule | `nodens ctl detections` has the last 256 of them |
//! | error `a TCP listener is lost`, `metrics are incomplete` | a fault of the machine or of ours | restart; report it |
//! | error `the servers of this zone ask us what we ask them; …`, info `… do not ask us any more` | the `zone` is cut off until they do not | name the servers themselves, there and here |
//! | warn `the query log cannot be written`, `the query log does not take its last lines; …` | `error` says why; lines are lost, queries are not | room, owner, or whoever reads the socket |
//! | warn `the pods of this node cannot be read`, info `… are known again` | clients are shown by their addresses meanwhile; `reason` says why | see [`clients`](super::clients) |
//! | info `kept answers were flushed` | somebody has said `nodens ctl cache flush` | |
//! | warn `there is no control socket`, `cannot accept a connection to the control socket` | `nodens ctl` reaches nobody; `error` says why | the folder of `control.socket`, its owner, or another nodens that has it |
//! | warn `a user came to the control socket who may not` | `user` is neither root nor the daemon's own | |
//! | warn `the limit on file descriptors stays as it is`, `the capabilities of the program's file stay unused` | the kernel did not let us | nothing, unless a port or descriptors are missing |
//! | debug `not ready` | a listener did not answer yet | |
//! | lines with `target` | from a library; only at level debug | |
//!
//! Of the process behind, which starts the one that answers and sets up the node:
//!
//! | level, `msg` | means | do |
//! |---|---|---|
//! | error `the worker has ended; it is started again` | `status` says how; its successor has its sockets and most of its answers | report it with the lines before; killed by signal 9 is the kernel's, short of memory |
//! | error `the worker gives no sign of life; it is killed and started again` | a thread did not come round, or a listener did not answer, for `supervisor.hang-timeout` | a machine without processor time, or no descriptors; otherwise report it |
//! | warn `not all is at work: no sign of life is given` | `alive`: all threads came round; `answers`: all listeners answered us. For two seconds one of them was not so | a machine without processor time; no descriptors; `/ready` |
//! | error `a worker cannot be started; tried again` | after `pause`; `error` says why | what changed on the machine? |
//! | warn `the worker does not end; …` | `listen.drain-timeout` is over | |
//! | warn `nothing is known of the worker's end`, `the worker is not understood`, `the worker cannot be killed`, `the other nodens is not understood`, error `the supervisor is not understood`, `the answers could not be left with the supervisor` | a fault of the kernel or of ours | report it |
//! | warn `the supervisor keeps all its capabilities` | the kernel did not let it drop them | |
//! | info `taking over from another nodens`, `the other nodens may leave`, `the other nodens has gone`, `another nodens has taken over` | a hand-over, step by step | |
//! | warn `nothing is taken over from the nodens that is there`, `the other nodens has gone too early` | `error` says why; it starts as if there were none | the same user? the same `supervisor.socket`? |
//! | warn `another nodens came to take over and did not` | it failed before it answered, for this `reason`; this one goes on | look at the log of the other one |
//! | warn `somebody came to take over who may not` | `user` is neither root nor the daemon's own | |
//! | warn `no other nodens can take over: see supervisor.socket`, `nobody can take over` | the socket cannot be had | the folder, its owner |
//! | warn `the nodens that had taken over has gone: its place is taken again`, `the configuration is wrong by now; that of before is used` | with `supervisor.linger` | |
//! | warn `the service manager will not be told anything` | systemd's socket does not answer | |
//! | warn `the file with the process's number cannot be written`, info `the configuration that was made is not shown in a file` | of `node-cache`: `-pidfile`, `-conf` | nothing; a root that is read-only is enough |
//! | info `set up`, `created`, `added`, `taken over from a process that left it`, `removed` | link and rules | |
//! | warn `not as it should be: repaired` | somebody took away link or rules; `what` says which | `ip monitor link address`, `nft monitor` show who |
//! | warn `repaired … times within a minute; somebody else changes it …` | they fight; the link rests for a while | the same |
//! | warn `this kernel has no dummy links: a bridge without ports takes its place` | nothing else changes | |
//! | warn `not listening there: this node has no IPv6` | `address` is left out | |
//! | error, `kind` | link or rules cannot be made; the line says what was tried and why it failed | NET_ADMIN; who else has that link; who holds the lock of iptables |
//! | warn `no sign of life: queries are let around this daemon, …` | the worker did not answer, and the rules gave way | as for a worker that hangs |
//!
//! # Something is wrong
//!
//! The chapter [`troubleshooting`](super::troubleshooting) leads from what one sees to the command that shows why.
//!
//! [`ExitCode`]: crate::error::ExitCode
//! [`protocol`]: crate::control::admin::protocol
//! [`LogLimiter`]: crate::log::LogLimiter
