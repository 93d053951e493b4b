//! The families of the exposition: name, kind, labels and help text, each once.
//!
//! First CoreDNS's own, whose names, labels and buckets are kept to the letter; then ours.

/// One family of the exposition.
#[derive(Debug)]
pub(super) struct Family {
    /// Its name, with the unit last but for `_total`.
    pub(super) name: &'static str,
    /// What its values mean.
    pub(super) kind: Kind,
    /// The names of its labels, in the order in which values are given.
    pub(super) labels: &'static [&'static str],
    /// What an operator reads about it.
    pub(super) help: &'static str,
}

/// What the values of a family mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows, but for a restart.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// What has to be turned on before some families have anything to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// The file of kept answers.
    Snapshot,
    /// Signatures are verified here, in one zone at least.
    Validation,
    /// Another version may take over.
    HandOver,
    /// Names are blocked.
    Blocking,
    /// Clients are held to a rate.
    ClientRate,
    /// Answers are logged.
    QueryLog,
    /// The operator wrote rules for questions and answers.
    WrittenRules,
}

impl Family {
    /// What has to be turned on before the family says anything. Until then, and until anything is counted, it is not shown: zeros for ever.
    pub(super) fn feature(&self) -> Option<Feature> {
        Some(match self.name {
            "nodens_snapshots_total"
            | "nodens_snapshot_entries"
            | "nodens_snapshot_bytes"
            | "nodens_snapshot_timestamp_seconds" => Feature::Snapshot,
            "nodens_dnssec_validations_total"
            | "nodens_dnssec_queries_total"
            | "nodens_dnssec_limits_total"
            | "nodens_dnssec_zones_forgotten_total"
            | "nodens_dnssec_messages" => Feature::Validation,
            "nodens_handovers_total" => Feature::HandOver,
            "nodens_queries_blocked_total" | "nodens_blocked_names" => Feature::Blocking,
            "nodens_client_rates_shared_total" => Feature::ClientRate,
            "nodens_query_log_total" => Feature::QueryLog,
            "nodens_written_rules_total" | "nodens_hosts_names" => Feature::WrittenRules,
            _ => return None,
        })
    }
}

/// Writes each family as a constant, and all of them as [`ALL`].
macro_rules! families {
    ($($(#[$doc:meta])* $constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            $(#[$doc])*
            #[doc = $help]
            pub(super) const $constant: Family =
                Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )+

        /// Every family there can be.
        pub(super) const ALL: &[Family] = &[$($constant),+];
    };
}

families! {
    //------ CoreDNS's names -----------------------------------------------------------------------------------------
    BUILD_INFO = Gauge "coredns_build_info" ["version", "revision", "goversion"]
        "Always 1; the labels name the running nodens. There is no Go in it: goversion is empty.";
    PANICS = Counter "coredns_panics_total" []
        "Panics survived. Always 0: a worker that panics is ended and started anew.";
    REQUESTS = Counter "coredns_dns_requests_total" ["server", "zone", "view", "proto", "family", "type"]
        "Queries answered, by zone, transport, address family (1 IPv4, 2 IPv6) and type. All addresses are shown under the first.";
    RESPONSES = Counter "coredns_dns_responses_total" ["server", "zone", "view", "rcode", "plugin"]
        "Answers by response code and by who gave them: cache, forward, local or policy.";
    REQUEST_DURATION = Histogram "coredns_dns_request_duration_seconds" ["server", "zone", "view"]
        "Time from reading a query to handing over its answer, of all zones under the root.";
    REQUEST_SIZE = Histogram "coredns_dns_request_size_bytes" ["server", "zone", "view", "proto"]
        "Size of queries, of all zones under the root.";
    RESPONSE_SIZE = Histogram "coredns_dns_response_size_bytes" ["server", "zone", "view", "proto"]
        "Size of answers, of all zones under the root.";
    DO_REQUESTS = Counter "coredns_dns_do_requests_total" ["server", "zone", "view"]
        "Queries with the DO bit set.";
    CACHE_ENTRIES = Gauge "coredns_cache_entries" ["server", "type", "zones", "view"]
        "Answers kept. One cache serves all servers and zones; it is shown under the first server and the root.";
    CACHE_REQUESTS = Counter "coredns_cache_requests_total" ["server", "zones", "view"]
        "Queries looked up in the cache.";
    CACHE_HITS = Counter "coredns_cache_hits_total" ["server", "type", "zones", "view"]
        "Queries answered by the cache: success has records, denial is NXDOMAIN or no data.";
    CACHE_MISSES = Counter "coredns_cache_misses_total" ["server", "zones", "view"]
        "Queries the cache had no answer for: answered by an upstream, or SERVFAIL because none did.";
    CACHE_EVICTIONS = Counter "coredns_cache_evictions_total" ["server", "type", "zones", "view"]
        "Answers dropped before their time to make room.";
    SERVED_STALE = Counter "coredns_cache_served_stale_total" ["server", "zones", "view"]
        "Queries answered with what had expired, because no server gave a better answer.";
    COREDNS_PREFETCHES = Counter "coredns_cache_prefetch_total" ["server", "zones", "view"]
        "Popular answers asked for before they expired; shown under the first server and the root.";
    FORWARD_REJECTS = Counter "coredns_forward_max_concurrent_rejects_total" []
        "Queries refused because too many were waiting for upstreams.";
    FORWARD_BROKEN = Counter "coredns_forward_healthcheck_broken_total" []
        "Questions asked while every server of their group was down.";
    PROXY_HEALTH_FAILURES = Counter "coredns_proxy_healthcheck_failures_total" ["proxy_name", "to"]
        "Tries of a server that was down and still is.";
    PROXY_DURATION = Histogram "coredns_proxy_request_duration_seconds" ["proxy_name", "to", "rcode"]
        "Time from sending a query to an upstream server to its answer.";
    PROXY_CONNECTION_HITS = Counter "coredns_proxy_conn_cache_hits_total" ["proxy_name", "to", "proto"]
        "Queries to an upstream server that went over an open connection.";
    PROXY_CONNECTION_MISSES = Counter "coredns_proxy_conn_cache_misses_total" ["proxy_name", "to", "proto"]
        "Queries to an upstream server that had to wait for a new connection.";
    RELOAD_FAILED = Counter "coredns_reload_failed_total" []
        "New configurations that were not taken because of a mistake; the one before stayed in force.";
    RELOAD_VERSION = Gauge "coredns_reload_version_info" ["hash", "value"]
        "Always 1; value is the hash of the configuration file that is in force.";

    //------ CoreDNS's names for those who come from it (metrics.names) ---------------------------------------------------
    PLUGIN_ENABLED = Gauge "coredns_plugin_enabled" ["server", "zone", "view", "name"]
        "Always 1; the plugins of CoreDNS that do what is done here, zone by zone under the first server.";
    CACHE_DROPS = Counter "coredns_cache_drops_total" ["server", "zones", "view"]
        "Answers to another question than was asked. Always 0: those are ignored when they come, see nodens_upstream_mismatches_total.";
    ACL_ALLOWED = Counter "coredns_acl_allowed_requests_total" ["server", "view"]
        "Queries that access lists let pass; shown under the first server, where any zone has one.";
    ACL_BLOCKED = Counter "coredns_acl_blocked_requests_total" ["server", "zone", "view"]
        "Queries refused by the access list of a zone.";
    ACL_FILTERED = Counter "coredns_acl_filtered_requests_total" ["server", "zone", "view"]
        "Queries answered with nothing by the access list of a zone.";
    ACL_DROPPED = Counter "coredns_acl_dropped_requests_total" ["server", "zone", "view"]
        "Queries not answered because of the access list of a zone.";
    TEMPLATE_MATCHES = Counter "coredns_template_matches_total" ["server", "zone", "view", "class", "type"]
        "Questions that a template had its say in, by their zone and type. Answers that a worker still has are not made again.";
    TEMPLATE_FAILURES = Counter "coredns_template_rr_failures_total" ["server", "zone", "view", "class", "type", "section", "template"]
        "Answers of templates that are no record, SERVFAIL. The last two labels are empty: the log has the number of the template.";
    DNS64_TRANSLATED = Counter "coredns_dns64_requests_translated_total" ["server"]
        "Answers given IPv6 addresses that are made up. Those that a worker still has are not made again; CoreDNS counts each.";
    HOSTS_ENTRIES = Gauge "coredns_hosts_entries" ["hostsfile"]
        "Addresses of names and names of addresses in the hosts of zones, by file; empty are those with lines alone.";
    HOSTS_RELOADED = Gauge "coredns_hosts_reload_timestamp_seconds" []
        "When the file with hosts of a zone was written that was written last, of those in force, in seconds since 1970-01-01 UTC.";
    FORWARD_REQUESTS = Counter "coredns_forward_requests_total" ["to"]
        "Questions that an upstream server has answered; CoreDNS had this until 1.11.";
    FORWARD_RESPONSES = Counter "coredns_forward_responses_total" ["to", "rcode"]
        "Answers of an upstream server; CoreDNS had this until 1.11.";
    FORWARD_DURATION = Histogram "coredns_forward_request_duration_seconds" ["to", "rcode"]
        "Time from sending a query to an upstream server to its answer; CoreDNS had this until 1.11.";
    FORWARD_HEALTH_FAILURES = Counter "coredns_forward_healthcheck_failures_total" ["to"]
        "Tries of a server that was down and still is; CoreDNS had this until 1.11.";

    //------ nodens's own: clients -----------------------------------------------------------------------------------
    NODENS_BUILD_INFO = Gauge "nodens_build_info" ["version", "revision"]
        "Always 1; the labels name the running nodens.";
    LISTENER_QUERIES = Counter "nodens_listener_queries_total" ["server", "proto"]
        "Queries answered, by the address that was asked.";
    WORKERS = Gauge "nodens_workers" []
        "Threads that answer queries.";
    DROPPED = Counter "nodens_messages_dropped_total" ["reason"]
        "Messages never answered: shorter than a header, or themselves a response.";
    REJECTED = Counter "nodens_queries_rejected_total" ["reason"]
        "Queries answered with an error before anything was asked: malformed, from a source or for a type that is not allowed, or over a limit.";
    RATE_SHARED = Counter "nodens_client_rates_shared_total" []
        "Clients that began with what another had left of its rate, because more clients asked at a time than the table holds.";
    BLOCKED = Counter "nodens_queries_blocked_total" []
        "Queries denied because their name, or one that its alias leads to, is blocked.";
    BLOCKED_NAMES = Gauge "nodens_blocked_names" []
        "Names that are blocked by the configuration in force, those below them not counted.";
    COALESCED = Counter "nodens_queries_coalesced_total" []
        "Queries that shared an exchange which was already under way.";
    PREFETCHES = Counter "nodens_cache_prefetches_total" ["result"]
        "Popular answers whose time to be asked for again had come: asked, or not, because the budget was spent or too many wait.";
    RECHECKS = Counter "nodens_stale_rechecks_total" []
        "Times servers were asked again beside giving an expired answer.";
    RECHECKS_HELD_BACK = Counter "nodens_stale_rechecks_held_back_total" []
        "Times servers were not asked again beside giving an expired answer, because of how many names a second are.";
    FLOWN_AGAIN = Counter "nodens_questions_asked_again_total" []
        "Questions that ran out of time and were asked once more for clients who had come late.";
    LOOPS = Counter "nodens_loops_found_total" []
        "Times the servers of a zone were found to ask us what we ask them.";
    LOOPING_ZONES = Gauge "nodens_zones_looping" []
        "Zones that are answered with SERVFAIL because their servers ask us what we ask them.";
    CACHE_FAILURES = Gauge "nodens_cache_failures" []
        "Questions of which it is noted that no server answered them.";
    TRUNCATED = Counter "nodens_responses_truncated_total" []
        "UDP answers that did not fit and told the client to ask over TCP.";
    SEND_FAILED = Counter "nodens_responses_unsent_total" []
        "UDP answers the kernel would not take.";
    TCP_ACCEPTED = Counter "nodens_tcp_accepted_total" []
        "TCP connections of clients accepted.";
    TCP_REFUSED = Counter "nodens_tcp_refused_total" ["limit"]
        "TCP connections of clients closed at once: a limit was reached, of all connections or of one client's, or the source is not allowed.";
    TCP_CLOSED = Counter "nodens_tcp_closed_total" ["reason"]
        "TCP connections of clients closed by nodens: idle for too long, or too slow to take answers.";
    ACCEPT_FAILED = Counter "nodens_accept_failures_total" []
        "Connections the kernel would not hand over, for want of descriptors or memory.";
    IN_FLIGHT = Gauge "nodens_questions_in_flight" []
        "Distinct questions waiting for an upstream.";
    WAITING = Gauge "nodens_queries_waiting" []
        "Queries of clients waiting for those questions.";
    TCP_CONNECTIONS = Gauge "nodens_tcp_connections" []
        "Open TCP connections of clients.";

    //------ nodens's own: the cache ---------------------------------------------------------------------------------
    CACHE_BYTES = Gauge "nodens_cache_bytes" ["type"]
        "Memory that kept answers take.";
    CACHE_CAPACITY = Gauge "nodens_cache_capacity_bytes" ["type"]
        "Memory that kept answers may take.";
    SNAPSHOTS = Counter "nodens_snapshots_total" ["result"]
        "Times the file of kept answers was written or failed to be, and whether it was read at the start or was unusable.";
    SNAPSHOT_ENTRIES = Gauge "nodens_snapshot_entries" ["state"]
        "Answers written to that file last and left out for want of room; restored from it at the start and dropped as of no use any more.";
    SNAPSHOT_BYTES = Gauge "nodens_snapshot_bytes" []
        "Length of that file when it was written last.";
    SNAPSHOT_TIME = Gauge "nodens_snapshot_timestamp_seconds" []
        "When it was written last, in seconds since 1970-01-01 UTC; 0 is not since the start.";

    //------ nodens's own: the node ------------------------------------------------------------------------------------
    WORKER_RESTARTS = Counter "nodens_worker_restarts_total" ["reason"]
        "Workers started again after they died, or were killed since they hung.";
    HAND_OVERS = Counter "nodens_handovers_total" ["outcome"]
        "Times this daemon took sockets and answers over from another nodens, and times that another one came for them and failed.";
    NODE_REPAIRS = Counter "nodens_node_repairs_total" ["part"]
        "Times the link or the packet rules were not as they should be and were put right.";
    INTERFACE_RESTS = Counter "nodens_interface_rests_total" []
        "Times the link was left as it is for the rest of a minute, because somebody undoes what is put right.";
    RULES_WITHDRAWN = Counter "nodens_rules_withdrawn_total" []
        "Times the way around this daemon was opened since it did not answer its own queries.";
    SETUP_ERRORS = Counter "coredns_nodecache_setup_errors_total" ["errortype"]
        "What went wrong with link, rules and configuration, by node-local-dns's names; iptables stands for rules of every kind, configmap for a \
         Corefile as well.";

    //------ nodens's own: what operators write down ---------------------------------------------------------------------
    WRITTEN_RULES = Counter "nodens_written_rules_total" ["rule"]
        "What came of rules in the configuration: queries that zone.acl let pass or turned away, questions asked in another form, answers made by templates, \
         found in a zone's hosts, given IPv6 addresses or told where they ask from; and failures of these, which are SERVFAIL. Answers that a \
         worker still has are not made again.";

    HOSTS_NAMES = Gauge "nodens_hosts_names" []
        "Names in the hosts of all zones.";

    //------ nodens's own: validation --------------------------------------------------------------------------------
    VALIDATIONS = Counter "nodens_dnssec_validations_total" ["result"]
        "Answers of zones with dnssec = \"validate\" by verdict.";
    VALIDATION_QUERIES = Counter "nodens_dnssec_queries_total" ["from"]
        "Questions for keys and delegations that validation asked: sent to an upstream, or known.";
    VALIDATION_LIMITS = Counter "nodens_dnssec_limits_total" ["limit"]
        "Validations given up because of a bound on their work, and those not begun because their zone had met one a moment ago.";
    VALIDATION_FORGOTTEN = Counter "nodens_dnssec_zones_forgotten_total" []
        "Times it was forgotten for want of room which zones are not signed, or which rest; it is learned again.";
    VALIDATION_MESSAGES = Gauge "nodens_dnssec_messages" []
        "Messages with keys and delegations that are kept for validation.";

    //------ nodens's own: the filter --------------------------------------------------------------------------------
    REBINDING = Counter "nodens_rebinding_answers_total" ["zone", "class", "action"]
        "Answers to public names that led to addresses which are not public, by what these are: blocked, or reported and let pass.";

    //------ nodens's own: upstreams ---------------------------------------------------------------------------------
    RECORD_DROPPED = Counter "nodens_upstream_records_dropped_total" []
        "Records of upstream answers that did not parse; the other records of the answer passed.";
    ANSWERS_UNUSABLE = Counter "nodens_upstream_answers_unusable_total" []
        "Questions that failed because no server gave an answer that can be used: no DNS, aliases in a circle, or more than 16 of them.";
    UPSTREAM_CONNECTIONS = Gauge "nodens_upstream_connections" []
        "Open connections to upstream servers.";
    HANDSHAKES = Counter "nodens_upstream_handshakes_total" ["upstream", "to", "kind"]
        "TLS handshakes completed: full, or resumed from an earlier connection.";
    UPSTREAM_FAILURES = Counter "nodens_upstream_failures_total" ["upstream", "to", "reason"]
        "Tries that failed: no connection (refused, connect_timeout, closed, connect), no encryption (alert, incompatible, protocol), a wrong \
         certificate (name, issuer, validity, pin, certificate), or no answer in time (timeout).";
    UPSTREAM_INFO = Gauge "nodens_upstream_info" ["upstream", "to", "transport", "authentication"]
        "Always 1; what each server of the configuration in force must prove: its name, pinned keys, name+pins, or nothing (none).";
    UPSTREAM_CLOSED = Counter "nodens_upstream_connections_closed_total" ["upstream", "to", "reason"]
        "Connections that ended: idle and closed by the server or by nodens, broken, garbled, timed out, a TLS error, too old, silent, or told to.";
    UPSTREAM_CONNECTION_QUERIES = Histogram "nodens_upstream_connection_queries" ["upstream", "to"]
        "Queries that were sent on a connection, counted when it ends.";
    UPSTREAM_RETRIES = Counter "nodens_upstream_retries_total" ["upstream", "to", "reason"]
        "Queries sent again: their connection died, or their UDP answer was truncated.";
    UPSTREAM_STREAM_FIRST = Counter "nodens_upstream_tcp_first_total" ["upstream", "to"]
        "Queries sent over TCP at once because the UDP answer to that question was truncated in the last minutes.";
    UPSTREAM_MISMATCHES = Counter "nodens_upstream_mismatches_total" ["upstream", "to"]
        "Answers ignored because ID, question or address were not those of a query: late, or forged.";
    UPSTREAM_COOKIES = Counter "nodens_upstream_cookies_total" ["upstream", "to", "event"]
        "UDP answers with our cookie in them (right), and those of servers that wanted to see their own first (refused).";
    UPSTREAM_DOUBTS = Counter "nodens_upstream_doubts_total" ["upstream", "to", "reason"]
        "Questions not left to UDP: datagrams that answer nothing (mismatches), fragments, no cookie where one should be (cookie), cookies \
         refused twice (bad_cookie), or the same question under way too often (alike).";
    UPSTREAM_DOWNGRADES = Counter "nodens_upstream_downgrades_total" ["upstream", "to", "feature"]
        "Times a server was found not to echo letter case or cookies, not to understand EDNS, not to take TCP, or to answer strictly in order.";
    UPSTREAM_UP = Gauge "nodens_upstream_up" ["upstream", "to"]
        "Share of the workers that take the server for usable, from 0 to 1.";
    UPSTREAM_EJECTIONS = Counter "nodens_upstream_ejections_total" ["upstream", "to"]
        "Times a worker marked the server down: it could not be reached, or did not answer three times in a row.";
    UPSTREAM_PROBES = Counter "nodens_upstream_probes_total" ["upstream", "to"]
        "Tries of the server while it was down, beside the server that was to answer.";
    UPSTREAM_HEDGES = Counter "nodens_upstream_hedges_total" ["upstream", "to", "event"]
        "Queries sent to this server because another was slow, and how many of them it answered first.";
    UPSTREAM_DENIED = Counter "nodens_upstream_tries_denied_total" ["upstream", "to", "kind"]
        "Tries not made for want of budget, a hedge of a slow query or a third try of a failed one; or not heard to their end.";
    UPSTREAM_SOCKETS_SHARED = Counter "nodens_upstream_sockets_shared_total" ["upstream", "to"]
        "Queries that shared a UDP socket because udp-sockets was reached.";

    //------ nodens's own: who asks --------------------------------------------------------------------------------------
    CLIENT_READS = Counter "nodens_client_directory_reads_total" ["result"]
        "Times the pods of this node were read, all of them, and times that failed: nobody there (unreachable), no rights (refused), not \
         understood (garbled), no token (credentials); and watches begun anew (expired).";
    CLIENT_ADDRESSES = Gauge "nodens_client_directory_addresses" []
        "Addresses of which the pod is known.";
    CLIENTS_LEFT_OUT = Gauge "nodens_client_directory_left_out" []
        "Pods and addresses that there was no room for.";
    CLIENTS_NOT_LOOKED_UP = Counter "nodens_client_directory_not_looked_up_total" []
        "Times an unknown client was worth no look at the pods, because too many are unknown.";
    CLIENTS_HEARD = Gauge "nodens_client_directory_timestamp_seconds" []
        "When the source of pods was heard last, in seconds since 1970-01-01 UTC; 0 is never.";

    //------ nodens's own: itself ------------------------------------------------------------------------------------
    LOG_SUPPRESSED = Counter "nodens_log_lines_suppressed_total" []
        "Log lines held back by the limiter.";
    QUERY_LOG = Counter "nodens_query_log_total" ["result"]
        "Answers and messages for the query log: noted, dropped because its buffer was full, lost because they could not be written.";
    DETECTIONS = Counter "nodens_detections_total" ["rule"]
        "Clients that were found to tunnel (signature, burst, volume, slow), to flood, to ask for what does not exist, to be led inside, or to ask for refused types.";
    DETECT_DROPPED = Counter "nodens_detect_observations_dropped_total" []
        "Answers that detection was not told of, because its ring was full.";
    DETECT_EVICTED = Counter "nodens_detect_pairs_evicted_total" []
        "Clients with a domain that detection forgot because more are asked at a time than its table holds.";
    SENTENCES = Gauge "nodens_detect_sentences" []
        "Clients that are limited or blocked below a domain.";
    SENTENCES_ENDED = Counter "nodens_detect_sentences_ended_early_total" []
        "Clients that were limited or blocked no longer before their time was over, because too many others are.";
    WATCH_FAILED = Counter "nodens_reload_watch_failures_total" []
        "Times the kernel could not tell of changes of all files of the configuration, such as for more than 256; they are looked at every five seconds then.";
    RELOADS = Counter "nodens_reloads_total" []
        "New configurations taken over without a restart.";
    HTTP_REFUSED = Counter "nodens_http_refused_total" ["reason"]
        "HTTP requests and connections turned away: source not allowed, too many connections, or too slow.";
    CONTROL_REFUSED = Counter "nodens_control_refused_total" ["reason"]
        "Requests and connections turned away at the control socket: user not allowed, too many connections, too long, too slow, or not understood.";

    //------ The process ---------------------------------------------------------------------------------------------
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "User and system CPU time spent.";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" []
        "Open file descriptors.";
    PROCESS_MAX_FDS = Gauge "process_max_fds" []
        "File descriptors that may be open.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" []
        "Virtual memory.";
    PROCESS_VIRTUAL_MAX = Gauge "process_virtual_memory_max_bytes" []
        "Virtual memory that may be had.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" []
        "Resident memory.";
    PROCESS_START = Gauge "process_start_time_seconds" []
        "When the process started, in seconds since 1970-01-01 UTC.";
}
