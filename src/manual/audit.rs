//! Auditing CoreDNS: what `nodens audit` says of a Corefile, and what to do about it.
//!
//! A node's cache is as good as the servers behind it. `nodens audit` reads CoreDNS's own configuration as a security review does and says, line by
//! line, what is weak, why, and what to write instead. It asks nobody and changes nothing.
//!
//! # Using it
//!
//! ```text
//! nodens audit Corefile                                    # a Corefile, its imports with it
//! nodens audit deploy/                                     # all Corefiles and ConfigMaps of a folder
//! kubectl -n kube-system get cm coredns -o yaml | nodens audit -
//! kubectl -n kube-system get cm coredns -o jsonpath='{.data.Corefile}' | nodens audit -
//! nodens audit --format json Corefile                      # for programs
//! nodens audit --rules                                     # all rules
//! ```
//!
//! A ConfigMap may be YAML or JSON, alone or in a list. Its keys `Corefile`, `Corefile.*`, `*.Corefile` and `*.server` are read; in a literal block
//! (`Corefile: |`), which is how people write them, lines are those of the YAML file. In JSON they are those of the text within. Pieces that another
//! ConfigMap brings (`import custom/*.override`) are looked at if they lie where the import looks for them, beside the file; otherwise `NDA079` says
//! that they were not.
//!
//! Variables (`{$POD_IP}`) have the value that they have where the audit runs. Without one their name is left standing, which is enough for listeners:
//! `prometheus {$POD_IP}:9153` is an address that somebody chose. Whom to ask and whom to answer is not guessed (`NDA080`).
//!
//! # In a pipeline
//!
//! | exit status | means |
//! |---|---|
//! | 0 | nothing of the severity of `--fail-on` or above; the default is `high`, `never` never fails |
//! | 1 | something |
//! | 65 | a file is no Corefile, no YAML, or longer than 4 MiB; the message has the line |
//! | 66 | a file cannot be read, or holds no Corefile |
//!
//! Where several files are given, all that can be read are reported before the failure. `--format sarif` writes SARIF 2.1.0, which code scanners show
//! beside the lines; accepted findings are in it as suppressed.
//!
//! ```text
//! # .github/workflows/dns.yaml
//! - run: nodens audit --format sarif --fail-on never deploy/ > dns.sarif
//! - uses: github/codeql-action/upload-sarif@<hash>
//!   with: { sarif_file: dns.sarif }
//! - run: nodens audit --fail-on medium deploy/
//! ```
//!
//! # Accepting a finding
//!
//! What is known and wanted is accepted where it stands, with a reason. The report shows it as accepted, and it fails no pipeline.
//!
//! ```text
//! .:53 {
//!     kubernetes cluster.local in-addr.arpa ip6.arpa {
//!         pods insecure   # nodens-audit: ignore NDA053 old clients need these names, until 2027
//!         fallthrough in-addr.arpa ip6.arpa
//!     }
//! }
//! ```
//!
//! A comment at the end of a line stands for that line, one in a line of its own for the next line that says something. Findings about a whole server
//! stand in the line that opens it. Several numbers are parted by commas. A comment without a reason, with a number that does not exist, or for a finding
//! that is gone accepts nothing, and is a finding (`NDA081`): acceptances do not outlive what they were for.
//!
//! # What it does not see
//!
//! - **What is around the file**: network policies, services, firewalls, the version of CoreDNS. A server that only pods can reach is reported as open
//!   (`NDA017`) all the same: the file does not say so, and a rule in the file goes where the file goes.
//! - **What plugins from elsewhere do.** They are named (`NDA077`), not judged.
//! - **Values**: whether an address is the right one, a certificate valid, a zone file in order. CoreDNS says so when it starts.
//! - **Answers.** No plugin of CoreDNS looks into the addresses of answers, and an `acl` is about who asks. Rebinding is stopped by a resolver before or
//!   behind it; one on the same machine, as nodens is, counts as one (`NDA013`).
//!
//! A finding without a line of its own, such as a plugin that is missing, stands in the first line of its server. A report has 2,000 findings of a file
//! at most, and says how many it left out.
//!
//! # A Corefile without findings
//!
//! `tests/data/audit/good/hardened.Corefile` is one for a cluster: the cluster's names by `kubernetes`, all others by a resolver in the same pod.
//! `dot-only.Corefile` beside it does without that resolver, and accepts with a reason what is left then.
//!
//! # The rules
//!
//! high: secrets, names or zones are open to strangers, or the file does not start. medium: a weakness that an attack or an outage needs a second one for.
//! low: to mend when the file is touched next. info: to know, or what could not be looked at. Numbers keep their meaning; new rules are added at the end.
//!
//! | number | name | severity | what |
//! |---|---|---|---|
//! | NDA001 | `plain-text-upstream` | high | names go to a public resolver in the clear |
//! | NDA002 | `unauthenticated-upstream` | high | an encrypted upstream without tls_servername |
//! | NDA003 | `mixed-transports` | medium | encrypted and plain upstreams in one forward |
//! | NDA004 | `resolvers-of-the-host` | low | names go to whatever resolv.conf names |
//! | NDA005 | `cluster-names-to-public` | high | names of the cluster go to a public resolver |
//! | NDA006 | `search-path-leak` | medium | cluster names that do not exist fall through to forward |
//! | NDA007 | `no-max-concurrent` | medium | forward without max_concurrent |
//! | NDA008 | `no-upstream-health` | low | max_fails 0: a dead upstream stays in use |
//! | NDA009 | `public-without-dnssec` | medium | nobody validates DNSSEC for names outside |
//! | NDA010 | `dnssec-signs` | medium | dnssec beside forward: it signs, it does not validate |
//! | NDA011 | `grpc-in-the-clear` | medium | grpc to another machine without tls |
//! | NDA012 | `private-addresses-to-public` | low | reverse names of private networks go to a public resolver |
//! | NDA013 | `no-rebinding-protection` | medium | private addresses of public names are passed on |
//! | NDA014 | `acl-cannot-filter-answers` | medium | an acl that looks like protection from rebinding |
//! | NDA015 | `no-bufsize` | low | answers over UDP may come in fragments |
//! | NDA016 | `no-any` | low | ANY is answered in full |
//! | NDA017 | `open-resolver` | medium | everybody who reaches the port is answered |
//! | NDA018 | `acl-allows-everybody` | medium | an acl that keeps nobody out |
//! | NDA019 | `metrics-on-all-addresses` | low | metrics are readable from everywhere |
//! | NDA020 | `health-on-all-addresses` | info | health or readiness is open on all addresses |
//! | NDA021 | `pprof-exposed` | high | profiling is open to other machines |
//! | NDA022 | `pprof-enabled` | low | profiling is switched on |
//! | NDA023 | `version-told` | info | chaos tells version and authors |
//! | NDA024 | `dnstap-in-the-clear` | medium | all questions are sent to another machine unprotected |
//! | NDA025 | `trace-in-the-clear` | low | traces with names go to another machine in the clear |
//! | NDA026 | `proxyproto-from-everybody` | high | everybody may say which address he has |
//! | NDA027 | `open-transfer` | high | everybody may copy the zone |
//! | NDA028 | `transfer-of-subzone` | medium | transfer for a zone and for one below it, with different hosts |
//! | NDA029 | `transfer-without-tsig` | low | an address alone opens the zone |
//! | NDA030 | `secondary-unsigned` | low | a zone is taken over from another machine unproved |
//! | NDA031 | `catalog-of-everything` | medium | a catalog zone may add any zone |
//! | NDA032 | `encrypted-server-without-tls` | high | a server for TLS, HTTPS, gRPC or QUIC without certificate |
//! | NDA033 | `tls-keylog` | high | the secrets of all TLS connections are written to a file |
//! | NDA034 | `tsig-not-verified` | medium | tsig on a server for HTTPS, gRPC or QUIC |
//! | NDA035 | `limits-off` | medium | a limit of connections or streams is switched off |
//! | NDA036 | `no-errors` | medium | errors are not logged |
//! | NDA037 | `no-log` | info | refused and failed questions are not logged |
//! | NDA038 | `log-of-everything` | low | every question is logged |
//! | NDA039 | `no-loop` | medium | forward without loop |
//! | NDA040 | `no-reload` | low | changes of the file are not picked up |
//! | NDA041 | `no-ready` | low | kubernetes without ready |
//! | NDA042 | `no-health` | low | no health endpoint |
//! | NDA043 | `no-lameduck` | low | health without lameduck |
//! | NDA044 | `debug` | medium | debug is switched on |
//! | NDA045 | `erratic` | medium | erratic answers made-up addresses |
//! | NDA046 | `no-cache` | medium | forward without cache |
//! | NDA047 | `huge-cache` | low | a cache larger than the pod's memory |
//! | NDA048 | `no-negative-cache` | medium | denials are not kept |
//! | NDA049 | `beyond-ttl` | low | answers outlive the TTL that their owner gave |
//! | NDA050 | `stale-for-days` | low | expired answers are used for more than three days |
//! | NDA051 | `stale-cluster-names` | medium | expired answers for names of the cluster |
//! | NDA052 | `no-serve-stale` | info | no expired answers while upstreams are away |
//! | NDA053 | `pods-insecure` | medium | pods insecure: any name like 1-2-3-4.ns.pod exists |
//! | NDA054 | `api-in-the-clear` | high | the Kubernetes API is asked without TLS |
//! | NDA055 | `reverse-zone-swallowed` | low | all reverse names outside the cluster do not exist |
//! | NDA056 | `long-cluster-ttl` | low | addresses in the cluster are kept for more than a minute |
//! | NDA057 | `headless-services-outside` | medium | k8s_external shows headless services outside |
//! | NDA058 | `autopath` | low | autopath may search in another namespace |
//! | NDA059 | `rewrite-passes-acl` | medium | rewrite and acl in one server |
//! | NDA060 | `loose-pattern` | low | a pattern that fits more names than it says |
//! | NDA061 | `failures-hidden` | medium | rewrite rcode makes failures look like answers |
//! | NDA062 | `template-of-everything` | medium | a template that answers every name |
//! | NDA063 | `addresses-by-request` | medium | a template gives whatever address the name holds |
//! | NDA064 | `template-without-fallthrough` | low | a template with match and without fallthrough |
//! | NDA065 | `hosts-without-fallthrough` | medium | hosts without fallthrough before other sources |
//! | NDA066 | `zone-file-in-shared-folder` | medium | zones or hosts are read from a folder that others write to |
//! | NDA067 | `loose-file-names` | low | auto takes up backups and other files |
//! | NDA068 | `zone-twice` | high | the same zone and port twice |
//! | NDA069 | `view-hidden` | medium | a view behind a server that takes every question |
//! | NDA070 | `nothing-answers` | medium | a server without a source of answers |
//! | NDA071 | `forward-hidden` | medium | a forward that an earlier one hides |
//! | NDA072 | `zone-never-asked` | low | a plugin for a zone that its server does not serve |
//! | NDA073 | `plugin-twice` | medium | a plugin twice that may stand once in a server |
//! | NDA074 | `order-means-nothing` | info | the order of plugins has no effect |
//! | NDA075 | `secret-in-file` | high | a secret stands in the file |
//! | NDA076 | `etcd-in-the-clear` | medium | etcd on another machine is asked without TLS |
//! | NDA077 | `unknown-plugin` | info | a plugin that does not come with CoreDNS |
//! | NDA078 | `removed-syntax` | medium | a plugin or option that today's CoreDNS does not take |
//! | NDA079 | `import-not-read` | info | an import could not be read |
//! | NDA080 | `variable-without-value` | info | a variable decides, and has no value here |
//! | NDA081 | `acceptance-without-effect` | info | an ignore comment that accepts nothing |
