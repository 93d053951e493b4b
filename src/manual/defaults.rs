//! All options, and why their defaults are what they are.
//!
//! What an option does, its range, its unit and its default stand in one table in the source, from which the reading of a file, the texts of
//! mistakes and the reference file below are made ([`config::reference`]). This chapter adds the reasons and no values.
//!
//! A default is right if a node works well without a configuration of its own, and if nobody who is silent about an option is
//! surprised by it later. Where the two pull apart, the safe one wins: nothing is reachable from outside the node, nothing goes out
//! in plain text that was meant to be encrypted, and nothing grows without end.
//!
//! # Where clients ask
//!
//! | option | why its default |
//! |---|---|
//! | `listen.addresses` | A first try needs no privilege, meets no other DNS server on port 53, and can be reached by nobody else. |
//! | `listen.workers` | One core answers more than the programs of a node usually ask; the second is for bursts. More would only split what a worker has for itself: its table of answers and its connections. |
//! | `listen.allow` | Empty is right for loopback and link-local addresses. An address that may be reached from everywhere with an empty list is warned about at the start. |
//! | `listen.udp-size` | The largest message that no usual path fragments; fragments get lost, and can be forged (RFC 9715). |
//! | `listen.tcp-idle-timeout` | Long enough for the next query of a busy client, short enough that idle clients do not fill the table. Clients that ask by edns-tcp-keepalive are told. |
//! | `listen.drain-timeout` | As long as one question may take at its upstream, so that whoever waits when the daemon is told to stop still gets an answer. |
//!
//! # How much may go on
//!
//! | option | why its default |
//! |---|---|
//! | `limits.in-flight` | Thousands of new names a second for as long as an unreachable upstream takes to fail, of one client alone, who may take half; and bounded memory when there are more. |
//! | `limits.waiting` | Two clients a question on average; a popular name that expires has hundreds, most questions have one. A guess. |
//! | `limits.tcp-connections`, `limits.tcp-connections-per-client` | Programs rarely hold more than a few connections. One client address may take an eighth of all, so that none can take everything. |
//! | `limits.tcp-pipeline` | More than a stub resolver ever has under way, and little enough that a client which only writes is slowed down by its own socket. |
//! | `limits.client-rate` | None: how much a client may ask depends on what it does, and a limit that honest work meets looks like a fault of the network. What a client could do to others without it is bounded already: it cannot take all places of those who wait, and hits are cheap. |
//! | `limits.client-burst` | A second's worth, since programs ask most when they start. It cannot be shorter than 10 ms at the rate: time is told in steps of some milliseconds. |
//! | `limits.client-rate-exempt` | Nobody is known beforehand. |
//!
//! # What is kept
//!
//! | option | why its default |
//! |---|---|
//! | `cache.size` | Half of the memory that the control group allows, so that sockets, connections and bursts have the other half; no more than what tens of thousands of names need. |
//! | `cache.negative-size` | Denials are small and short-lived, but search paths make many of them: a quarter of the above holds many thousands. It is a budget of its own, so that a flood of names that do not exist pushes out no good answer. |
//! | `cache.rotate` | Programs take the first address. Without rotation all of a node's traffic would go to one pod for as long as the answer is kept. |
//! | `cache.serve-stale` | RFC 8767 section 5 suggests one to three days; a day is longer than an outage that nobody mends, and names older than that are mostly gone. |
//! | `cache.servfail` | Long enough that a crowd which retries at once is not passed on to servers that failed a moment ago, short enough that nobody notices when they are back (RFC 9520 section 3.2 asks for a second at least). |
//! | `cache.prefetch` | From about ten uses a lifetime on, a refresh costs servers hardly more than the tenth that may be spent, see [`performance`](super::performance). |
//! | `cache.snapshot` | The file says which names the node's programs ask for; that it lies on a disk has to be wanted. On a plain host it is worth it: `config/systemd.toml` has it. In a pod, nothing outlasts the pod without a folder of the node mounted into it: one more right, for a cache that is warm again within a minute. Whoever wants answers to survive a restart during an outage mounts one. |
//! | `cache.snapshot-size` | Room for 140,000 usual answers, more than `cache.size` holds by default, so that as a rule nothing is left out. |
//! | `cache.snapshot-interval` | What is learnt in a minute is asked again in a minute. A usual node writes a megabyte each time, 1.5 GB a day. |
//! | `zone.serve-stale`, `zone.servfail`, `zone.prefetch` | As the cache's, so that one line changes all zones. |
//! | `zone.max-ttl` | RFC 8767 section 4 advises a cap of days to weeks; a day costs nothing, since what is asked rarely is pushed out long before. |
//! | `zone.min-ttl` | Whoever publishes a short TTL means it: a fail-over that is seen late is worse than a question more. |
//! | `zone.max-negative-ttl` | A service that is asked for before it exists must be found soon after: seconds inside the cluster, half a minute outside. RFC 2308 section 5 allows up to three hours, from a time when new names were rare. |
//! | `zone.nxdomain-cut` | Public servers keep RFC 8020. The cluster's DNS mostly does, but plugins and stub servers of companies deny names that others of theirs hold names below; there it has to be wanted. |
//! | `zone.no-types` | What a name's owner publishes is shown. Leaving AAAA out halves the questions of a cluster without IPv6, but only the operator knows that it has none. |
//! | `zone.dnssec` | Public zones may be signed and a program on the node may want to see it. Cluster zones are not signed, and asking for signatures only makes answers larger. Validating has to be wanted: it protects from the servers and the path to them, where "forward" trusts both; and it makes a broken zone fail here, where others may not notice. |
//! | `zone.negative-trust-anchors` | Each entry is a hole that somebody has to close again. |
//! | `dnssec.trust-anchors` | The root's keys are known and built in; whoever signs a zone of his own without the root knows his keys. |
//! | `zone.rebinding.mode` | A public name that leads inside is an attack, or a name that its owner meant for himself alone; the second can be said in a line, the first cannot be undone. Zones of the cluster and the company are full of such addresses. |
//! | `zone.rebinding.action` | NODATA is what clients understand best: they go on to the next address or give up. REFUSED makes some of them ask the next server, and what is left of a set after `strip` is an answer that nobody gave. |
//! | `zone.rebinding.exempt`, `zone.rebinding.presets` | Who has databases and balancers of a cloud on private addresses knows it, or sees it from mode `report`; below these suffixes anybody can have a name. |
//! | `rules.backend` | Nobody's packet filter is touched unasked. |
//! | `rules.interval` | As node-cache has it. With nftables a change by others is seen at once anyway. |
//! | `rules.timeout` | Two refreshes may come late before the way around us opens, and programs that wait five seconds still get their answer. |
//! | `rules.fallback` | Nobody knows who else may answer; a refusal at once lets programs ask their next server. |
//! | `rules.node-local` | Link-local addresses cannot be anybody else's on this node. Unique local ones may be those of services. |
//! | `rules.teardown` | What was made at the start goes at the end. |
//! | `rebinding.private` | Networks on private space are known; others are known to the operator alone. |
//! | `rebinding.public` | Nothing on the list of the registries is anybody's. |
//! | `rebinding.nat64` | Only the network's operator knows its own prefixes; the well-known one is built in. |
//! | `rebinding.own-addresses` | The services of a node listen on its public addresses, too, and trust who comes from the node. |
//! | `rebinding.null` | 0.0.0.0 reaches the local machine, and browsers were rebound by it. Who answers it for "nowhere" gets "no data" instead, which ends nowhere as well. |
//! | `zone.class` | A zone that says nothing is treated as the internet's. The class decides the three defaults above it. |
//!
//! # Who is asked
//!
//! | option | why its default |
//! |---|---|
//! | `upstream.servers` (silent) | Two operators, so that no single one takes the node's DNS away; by TLS, with the names that their certificates must carry. |
//! | `upstream.ca` | Public resolvers are signed by authorities that every system trusts; Mozilla's list is compiled in for images that have none. |
//! | `upstream.pins` | A pin that nobody maintains is an outage to come, so there is none unless the operator wants it. |
//! | `upstream.insecure` | An unproven server can be anybody. It has to be spelled out. |
//! | `upstream.timeout` | Half a second less than glibc and most stub resolvers wait for one try: a later answer finds nobody listening. |
//! | `upstream.try-timeout` | Leaves room for two more servers within the above. The slow one is not given up, only accompanied. |
//! | `upstream.policy` | Answers come from whoever is near and well, without anybody measuring first. CoreDNS's `random` and `round_robin` spend every second question on the slower server; its `sequential` is for servers that are not equals. |
//! | `upstream.connections` | One carries everything in normal times; the second is for the moment when the first is full, aged or silent, and for servers that answer strictly in order. There is no higher number for bursts: where such a server is slow, raise it to 4. Public resolvers count connections of a client. |
//! | `upstream.pipeline` | More questions than a node has under way, so that a second connection is opened for trouble and not for load. |
//! | `upstream.idle-timeout` | Long enough that a trickle of misses goes on using one connection. A server that closes sooner is found out, by its word (RFC 7828) or by what it does, and is then closed first, until that is forgotten some minutes later: a cut may have looked like it. No connection is kept warm beyond it: opening one anew costs two round trips with a resumed session, once after a pause, and a fleet that keeps idle connections costs its resolvers all the time. |
//! | `upstream.max-age` | A server behind a balanced address that was added or moved gets its share within minutes; the jitter keeps a cluster's nodes from reconnecting together. |
//! | `upstream.padding` | The block that RFC 8467 section 4.1 recommends for queries. |
//! | `upstream.case-randomization` | Bits that a forger must guess, at no cost. Servers that do not repeat the letters are found out and spared. |
//! | `upstream.cookies` | 64 bits more for a forger to guess, for 12 to 44 octets a query. Servers that do not know them, or lose them, are found out. |
//! | `upstream.udp-sockets` | A port of its own for each query (RFC 5452). Above that number queries share sockets, which is counted: a port less to guess is better than a query not asked. |
//!
//! # What is shown
//!
//! | option | why its default |
//! |---|---|
//! | `metrics.listen`, `health.listen` | Loopback: neither has a password. The ports are those of node-local-dns, so that scrapers and probes find them. |
//! | `metrics.allow`, `health.allow` | Nobody else reaches loopback. |
//! | `local.special-use` | `localhost` and private reverse names only tell the internet about this node. |
//! | `local.hosts`, `local.records` | What is answered is only what the operator wrote down. |
//! | `local.dead-suffixes` | No name is dead for everybody: "com" may be a namespace or a service. What search paths make up is learnt from the cluster's denials all the same. |
//! | `local.identity`, `local.version` | Nothing is told of the machine or the program unless it is asked for: which faults a version has is the first thing that an attacker wants to know. `"auto"` tells it, where "which node answered?" is the first question of a fault. |
//!
//! # What nobody gets
//!
//! | option | why its default |
//! |---|---|
//! | `policy.block`, `policy.block-file`, `policy.unblock` | What is bad is for the operator to say; a list of ours would be old on the day of its release. |
//! | `policy.refuse-types` | Every type that is data is somebody's data. Meta types are refused always. |
//! | `log.level`, `log.format` | The daemon's life and nothing of what was asked, for people to read. |
//!
//! # The reference file
//!
//! `nodens generate config` prints it; `config/nodens.toml` is the same text.
//!
//! ```toml
#![doc = include_str!("../../config/nodens.toml")]
//! ```
//!
//! [`config::reference`]: crate::config::reference
