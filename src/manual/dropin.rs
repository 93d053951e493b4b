//! In the place of node-local-dns: change the image, keep the rest.
//!
//! `nodens node-cache …`, and nodens under the name `node-cache`, take the flags, files and environment of node-local-dns's program: the manifest that
//! is installed stays as it is. A Corefile becomes a configuration of nodens ([`crate::corefile`]); `nodens node-cache … -check` prints it, with the same
//! flags, and what differs.
//!
//! # Flags
//!
//! As Go reads them: one dash or two, `-x value` or `-x=value`, switches as `-x` or `-x=false` alone. An unknown flag or an argument that is no flag
//! ends the start with a list of all flags and exit code 64.
//!
//! | flag | default | meaning |
//! |---|---|---|
//! | `-localip` | | addresses to listen on, with commas between them; of both families if need be |
//! | `-setupinterface` | `true` | make the link that carries the addresses, and look after it |
//! | `-interfacename` | `nodelocaldns` | the link's name |
//! | `-setupiptables` | `true` | make packet rules that keep queries out of connection tracking, and look after them |
//! | `-syncinterval` | `60` | how often link and rules are looked at, in seconds or as "60s" |
//! | `-metrics-listen-address` | `0.0.0.0:9353` | where metrics are served besides the Corefile's addresses; empty is nowhere |
//! | `-prometheus-listen-address` | `:9253` | what `__PROMETHEUS__ENDPOINT__` stands for in the Corefile |
//! | `-basecorefile` | `/etc/coredns/Corefile.base` | the Corefile with variables |
//! | `-corefile` | `/etc/Corefile` | where the Corefile without variables is shown, if that can be written |
//! | `-kubednscm` | | the folder of kube-dns's ConfigMap; empty is /etc/kube-dns if it is there |
//! | `-upstreamsvc` | `kube-dns` | the service whose address `__PILLAR__CLUSTER__DNS__` stands for, taken from its environment variable |
//! | `-health-port` | `8080` | the port of probes, for packet rules; the Corefile's own goes first |
//! | `-skipteardown` | `false` | leave link and rules behind at the end |
//! | `-reloadwithsignal` | `false` | nothing: changed files are read again in any case, and at SIGUSR1 |
//! | `-conf` | | the same as corefile, and goes first |
//! | `-dns.port` | `53` | the port of server blocks that name none |
//! | `-p` | `53` | the same as dns.port |
//! | `-pidfile` | | a file with the number of the process, from its first answer to its end |
//! | `-quiet` | `false` | nothing: there is no banner |
//! | `-plugins` | `false` | print the plugins that a Corefile may name, and end |
//! | `-version` | `false` | print the version, and end |
//! | `-config` | | a file of nodens, in TOML, that goes before what Corefile and flags say; empty is nodens.toml beside the base Corefile, if it is there |
//! | `-check` | `false` | print the configuration that all of it makes, or its mistakes, and end |
//!
//! # What goes into the configuration
//!
//! The base Corefile, with its variables replaced; behind it a server block for each stub domain of kube-dns's ConfigMap; then the flags; then
//! `nodens.toml` beside the base Corefile, or the file of `-config`. What comes later goes first. That file has the options of every configuration
//! file ([`crate::config::reference`]): sections are joined key by key, `[[zone]]` and `[[upstream]]` by `name`, all other lists of tables are put
//! behind those that the Corefile makes. So this blocks what the drop-in only reports, and leaves all else as it is:
//!
//! ```toml
//! [[zone]]
//! name = "."
//! upstream = "default"
//! rebinding.mode = "block"
//! ```
//!
//! (`upstream` may be left out there: what a Corefile says of the zone stays.)
//!
//! - `__PILLAR__LOCAL__DNS__` is every `-localip`, `__PILLAR__DNS__SERVER__` nothing, `__PROMETHEUS__ENDPOINT__` the flag,
//!   `__PILLAR__UPSTREAM__SERVERS__` the ConfigMap's `upstreamNameservers` or /etc/resolv.conf. `__PILLAR__DNS__DOMAIN__` is for whoever installs.
//! - `__PILLAR__CLUSTER__DNS__` is the environment variable of `-upstreamsvc`, which Kubernetes sets when the service is older than the pod. Where it is
//!   not set, the file `cluster-dns` beside the base Corefile names the addresses (a key of the ConfigMap node-local-dns); it is followed. Where nobody
//!   names them, names that need them are answered with SERVFAIL at once and a line of the log says so; all others work. node-cache asked a server
//!   called "\<nil>".
//! - The rendered Corefile stays in memory. It is shown at `-conf` where that can be written, for people to look at; a root that is read-only is enough.
//! - Base Corefile, ConfigMaps, resolv.conf and nodens.toml are followed: the kernel tells of changes, and they are looked at every ten seconds in
//!   any case. A mistake in the ConfigMap of kube-dns keeps what that said before, one in another file keeps the whole configuration. Either is an
//!   error line with file and line, one more in `coredns_reload_failed_total` and `coredns_nodecache_setup_errors_total{errortype="configmap"}`, and a
//!   line in `/ready`.
//!
//! # What differs, and why
//!
//! | node-cache | here |
//! |---|---|
//! | all addresses of one family | of both |
//! | `-syncinterval=60` does not parse, `60s` overflows | both are a minute |
//! | packet rules after the first `-syncinterval`, or when the file of `-pidfile` is there | as soon as every listener has answered |
//! | SIGUSR1 reads the configuration again | so do SIGUSR1 and SIGHUP |
//! | addresses that no server block binds are on the link, and nobody answers there | they are answered as the others are |
//! | a private address from a public name passes | passes, is counted and logged: `rebinding.mode = "report"` in public zones. `"block"` is one line in nodens.toml |
//! | nobody knows the process | two processes; the one that answers has no privilege and is started again in milliseconds ([`processes`](super::processes)) |
//! | two servers of metrics | the same page at both ports |
//!
//! Rules are those of node-cache to the letter, made by iptables, so that either takes over from the other, also from one that was killed: nothing is
//! doubled, and nothing is left at the end. They hold until somebody removes them. For rules that end with the daemon, say `[rules] backend = "nftables"`
//! in nodens.toml ([`rules`](super::rules)).
//!
//! # Lines of the log
//!
//! `log` in a server block writes CoreDNS's line for each query to standard output. `errors` writes
//! `[ERROR] plugin/errors: 2 NAME. TYPE: no server gave an answer within SECONDSs` for each question that no server answered: the class "failure" of
//! the query log, where its format is that of CoreDNS. One server block with `errors` turns it on for all. Questions that are known to fail leave no further
//! line. What the daemon says of itself goes to standard error in its own form.
//!
//! # Metrics
//!
//! The same names, labels and buckets, with `metrics.names = "coredns"`. `"all"` in nodens.toml adds those that CoreDNS had before 1.12 and alerts may still look
//! for: `coredns_forward_requests_total`, `coredns_forward_responses_total`, `coredns_forward_request_duration_seconds`,
//! `coredns_forward_healthcheck_failures_total`. Rules have CoreDNS's names where they are written: `coredns_acl_*`, `coredns_template_*`, `coredns_hosts_*`,
//! `coredns_dns64_requests_translated_total`, which counts an answer when it is made and not each time it is given again. A histogram shows some of its buckets, all of them CoreDNS's own. Left out, each for a reason:
//!
//! | left out | why |
//! |---|---|
//! | `go_*` | there is no Go in it; `process_*` is there |
//! | `coredns_health_request_duration_seconds`, `coredns_health_request_failures_total` | CoreDNS asks its own HTTP server. Here every listener is asked over DNS, once a second; one that does not answer ends the worker, which `nodens_worker_restarts_total` counts |
//! | `coredns_template_template_failures_total` | templates are checked when the configuration is read; what then makes no record is `coredns_template_rr_failures_total` |
//! | the labels `section` and `template` of that | they would hold text of the configuration: they are empty, and the log has the number of the template |
//! | the label `type` of `coredns_dns_request_duration_seconds` | CoreDNS itself has it only by choice; it would cost a histogram a type |
