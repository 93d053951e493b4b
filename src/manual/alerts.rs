//! Alerts: what each means, and what to do.
//!
//! `packaging/prometheus/nodens.rules.yml` has them, with the recorded series that the dashboard of `packaging/grafana` shows. Both are tried:
//! every alert with its fault and on a healthy node (`promtool test rules nodens.rules.test.yml`), every query of the dashboard before a Prometheus that
//! scrapes a node under load.
//!
//! # Putting them in
//!
//! ```text
//! # prometheus.yml
//! rule_files: [/etc/prometheus/nodens.rules.yml]
//! scrape_configs:
//!   - job_name: nodens                      # any name will do
//!     static_configs: [{ targets: ["node-1:9253", "node-2:9253"] }]
//! ```
//!
//! With Prometheus's operator the file's `groups` go into a `PrometheusRule` as they are. The dashboard is imported by its file (Dashboards, New, Import);
//! it asks for the data source, and shows all jobs and nodes that have `nodens_build_info`. Neither needs anything of a job's name.
//!
//! A node has at most 600 series with `config/kubernetes.toml`, whatever is asked and whatever fails, and some 250 when it is quiet: no label carries a
//! name or a client. What is rare is added up: types that hardly anybody asks for are `other`, all addresses are shown under the first
//! (`nodens_listener_queries_total` tells them apart), and times and sizes are those of all zones. What is not turned on has no series.
//!
//! # The alerts
//!
//! critical wakes somebody, warning wants a look today, info is for the next review. Thresholds are guesses for a node of some thousand queries a second.
//! The commands are run on the node (chapter [`asking`](super::asking)).
//!
//! | alert | severity | means | do |
//! |---|---|---|---|
//! | `NodensDown` | critical | it was scraped within the last hour, and is not any more | is the pod or unit there? `nodens ctl status`. Pods have DNS only where rules have a way around |
//! | `NodensRestarts` | warning | what answers started three times in 15 minutes | the log's last lines before each start; `dmesg` for the out-of-memory killer |
//! | `NodensWorkerRestarts` | warning | the worker died or hung; the supervisor started it again with its answers | keep the log and report it |
//! | `NodensDescriptorsShort` | warning | four fifths of the file descriptors are used | `LimitNOFILE`, or fewer `limits.tcp-connections` |
//! | `NodensServfailSpike` | warning | more than 5 % of a zone's answers fail | `nodens ctl upstreams`; `dig` shows the extended error |
//! | `NodensStaleAnswers` | warning | expired answers are given: no server answers for what is in memory | the same; there is time until new names are wanted |
//! | `NodensSlow` | warning | one query in a hundred takes more than 2 s | `nodens ctl upstreams`: which server is slow? |
//! | `NodensQueriesShed` | warning | `limits.in-flight` or `limits.waiting` was met, or one client had all that was left | `nodens ctl top-clients`, then `nodens ctl upstreams` |
//! | `NodensCacheTooSmall` | info | ten answers a second are dropped before their time, for half an hour | `cache.size` |
//! | `NodensUpstreamHealthCheckFailures` | warning | a server is down and was still down when it was tried again | look at that server; others are asked |
//! | `NodensAllUpstreamsDown` | critical | a question found all servers of its group down | is the way out of the node closed (port 853)? |
//! | `NodensUpstreamCertificate` | critical | a server's certificate is for another name, signed by somebody else, or expired | `openssl s_client -connect SERVER:853`; its operator, or somebody between |
//! | `NodensUpstreamPin` | critical | a server has another key than those pinned | ask its operator by another way; then `upstream.pins` |
//! | `NodensUpstreamTls` | warning | a server does not speak TLS 1.2 or 1.3, or not DNS over it | what else answers on that port? |
//! | `NodensLoop` | critical | servers of a zone ask us what we ask them | CoreDNS's `forward` must not lead to this node: name the servers themselves |
//! | `NodensBypassed` | critical | the daemon did not answer itself, and the way around was opened | `/ready` lists the listener; a processor without time? |
//! | `NodensRuleDrift` | warning | packet rules were not as they should be and were put right | `nft monitor`: whose tool takes them away? |
//! | `NodensInterfaceDrift` | warning | the same of the link | `ip monitor link address` |
//! | `NodensSetupErrors` | warning | link or rules cannot be made | the log has the kernel's reason: capability, module, somebody else's link |
//! | `NodensReloadFailed` | warning | a new configuration has a mistake and was not taken | `nodens check FILE` |
//! | `NodensConfigurationsDiffer` | info | nodes have had different configurations for an hour | which node does not follow? |
//! | `NodensSnapshotFailed` | info | the file of the cache cannot be written | room, folder, owner |
//! | `NodensTunnelling` | critical | somebody carries data out, or in, by names | `nodens ctl detections`; `detect.exempt` if it is none, `detect.mode = "block"` if it is |
//! | `NodensFlood` | warning | a client asks more than `detect.flood-rate` | `nodens ctl top-clients`; `limits.client-rate` |
//! | `NodensNxdomainStorm` | info | a client asks more than `detect.denial-rate` for what does not exist | a wrong name, a search path (`local.dead-suffixes`), or malware |
//! | `NodensRebinding` | warning | public names led to addresses inside | the log names them; class `metadata` is worth a page. `zone.rebinding.exempt` if it is right |
//! | `NodensBogusAnswers` | warning | answers are not what their zones signed | the clock, then the log's reason |
//! | `NodensForgedAnswers` | warning | datagrams come that answer nothing | `tls://` for that group |
//! | `NodensQueryLogDrops` | info | lines of the query log are lost; no query is | who reads or writes it? `query-log.sample` |
//!
//! # Worth a look, without an alert
//!
//! | expression | means |
//! |---|---|
//! | `rate(nodens_upstream_failures_total{reason=~"connect\|refused\|connect_timeout\|closed\|timeout"}[5m]) > 0.1` | a server is away or slow; the others of its group carry it |
//! | `nodens_upstream_info{transport="tls",authentication="none"}` | `insecure = true`: whoever is on the path can answer |
//! | `rate(nodens_upstream_tries_denied_total{kind="retry"}[5m]) > 1` | servers fail so often that third tries are saved |
//! | `rate(nodens_queries_rejected_total{reason="not_allowed"}[5m]) > 0` | somebody asks who should not |
//! | `rate(nodens_queries_rejected_total{reason="client_rate"}[5m]) > 0` | a client asks faster than it may |
//! | `rate(nodens_client_rates_shared_total[5m]) > 0` | more clients ask at a time than the table of rates holds, or somebody forges their addresses |
//! | `rate(nodens_queries_blocked_total[5m]) > 0` | somebody asks for what is blocked; the log says who |
//! | `nodens_blocked_names == 0` | where a list is configured: it is empty |
//! | `rate(nodens_upstream_mismatches_total[5m]) > 1` | answers that fit no question: late ones, or somebody tries to forge |
//! | `rate(nodens_dnssec_validations_total{result="indeterminate"}[5m]) > 0.1` | servers do not give keys and delegations: do they pass DNSSEC records? |
//! | `rate(nodens_dnssec_limits_total[5m]) > 0` | somebody asks for names of a zone that wants to keep the validator busy |
//! | `rate(nodens_upstream_doubts_total{reason=~"cookie\|bad_cookie"}[5m]) > 0.1` | the same because cookies are missing or refused: forged answers, or servers behind one address that do not share their secret; `cookies = false` spares these the round trip |
//! | `rate(nodens_upstream_records_dropped_total[5m]) > 0` | a server sends records that do not parse |
//! | `rate(nodens_tcp_refused_total[5m]) > 0` | clients hold more TCP connections than they may |
//! | `rate(nodens_responses_unsent_total[5m]) > 0` | the kernel does not take answers: no route, no buffer |
//! | `nodens_snapshot_entries{state="left_out"} > 0` | `cache.snapshot-size` is too small for what is kept |
//! | `nodens_accept_failures_total > 0` | descriptors run out |
