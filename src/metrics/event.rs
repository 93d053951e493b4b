//! The tables of what is counted: each entry is the event, its family and its label, in one line.
//!
//! Adding an event is one line here; adding a family is one more in [`super::family`]. The compiler sees to the rest.
//! What CoreDNS has a name for is paired with that name, see [`super::family`].

use super::family::{self, Family};

/// Makes an enum whose variants each name a family and, where the family has one, the value of its last label.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])+ $variant:ident => $family:ident $(/ $label:literal)?,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])+ $variant,)+ }

        impl $name {
            /// Every variant, each at the position of its counter.
            pub(super) const ALL: &[Self] = &[$(Self::$variant),+];
            /// How many counters there are.
            pub(super) const COUNT: usize = Self::ALL.len();

            /// The family it is a series of, and the value of that family's last label if that tells events apart.
            pub(super) const fn series(self) -> (&'static Family, Option<&'static str>) {
                match self { $(Self::$variant => (&family::$family, table!(@label $($label)?)),)+ }
            }
        }
    };
    (@label) => { None };
    (@label $label:literal) => { Some($label) };
}

table! {
    /// Events without labels of their own; `nodens_*` in the exposition.
    Event {
        /// A datagram shorter than a header; dropped.
        Garbage => DROPPED / "short",
        /// A datagram or message with QR=1; dropped (RFC 1035 section 7.3; a reply to it could start a loop).
        UnexpectedResponse => DROPPED / "response",
        /// A query that does not parse; answered FORMERR.
        Malformed => REJECTED / "malformed",
        /// A source outside `listen.allow`; answered REFUSED.
        NotAllowed => REJECTED / "not_allowed",
        /// A client asked faster than `limits.client-rate`; answered REFUSED.
        ClientRate => REJECTED / "client_rate",
        /// A type of `policy.refuse-types`; answered REFUSED.
        TypeRefused => REJECTED / "type",
        /// A client began with what another had left of its rate, since the table of clients is full.
        RateShared => RATE_SHARED,
        /// A name of `policy.block`, or one whose alias leads to such a name; answered NXDOMAIN.
        Blocked => BLOCKED,
        /// A query that `zone.acl` of some zone was asked about and let pass.
        AclAllowed => WRITTEN_RULES / "acl_allow",
        /// One that it blocks; answered REFUSED.
        AclBlocked => WRITTEN_RULES / "acl_block",
        /// One that it filters; answered with nothing.
        AclFiltered => WRITTEN_RULES / "acl_filter",
        /// One that it drops.
        AclDropped => WRITTEN_RULES / "acl_drop",
        /// A question asked in another form.
        Rewritten => WRITTEN_RULES / "rewrite",
        /// One that became no name, or whose answer did; answered SERVFAIL.
        RewriteFailed => WRITTEN_RULES / "rewrite_failed",
        /// An answer made by a template.
        Templated => WRITTEN_RULES / "template",
        /// One that is no record; answered SERVFAIL.
        TemplateFailed => WRITTEN_RULES / "template_failed",
        /// Rules that lead from one to the next for too long; answered SERVFAIL.
        RulesTooDeep => WRITTEN_RULES / "too_deep",
        /// An answer from the hosts of a zone.
        FromHosts => WRITTEN_RULES / "hosts",
        /// An answer with addresses made up (RFC 6147).
        Translated => WRITTEN_RULES / "dns64",
        /// A client was told where it asks from.
        ToldWhere => WRITTEN_RULES / "whoami",
        /// A question shed because `limits.in-flight` was reached; answered REFUSED.
        ShedInFlight => REJECTED / "in_flight",
        /// A client shed because `limits.waiting` was reached; answered REFUSED.
        ShedWaiting => REJECTED / "waiting",
        /// A question asked while every server of its group was down (`coredns_forward_healthcheck_broken_total`).
        AllDown => FORWARD_BROKEN,
        /// A query shed because its client held as much of these limits as was left for all others; answered REFUSED.
        ShedClient => REJECTED / "client_share",
        /// A popular answer was asked for before it expired.
        Prefetched => PREFETCHES / "asked",
        /// A popular answer was not asked for before it expired: too many such requests were for nobody.
        PrefetchOverBudget => PREFETCHES / "over_budget",
        /// A popular answer was not asked for before it expired: too many wait for their moment.
        PrefetchFull => PREFETCHES / "full",
        /// The kept answers were written to `cache.snapshot`.
        SnapshotWritten => SNAPSHOTS / "written",
        /// They could not be.
        SnapshotFailed => SNAPSHOTS / "failed",
        /// They were read from there at the start.
        SnapshotRead => SNAPSHOTS / "read",
        /// The file could not be used at the start.
        SnapshotUnusable => SNAPSHOTS / "unusable",
        /// Servers were asked again beside giving an expired answer.
        Rechecked => RECHECKS,
        /// They were not, since as many names a second are asked again already as there may be.
        RecheckHeldBack => RECHECKS_HELD_BACK,
        /// Clients that came late to a question which ran out of time shared another try.
        FlownAgain => FLOWN_AGAIN,
        /// The servers of a zone were found to ask us what we ask them.
        LoopFound => LOOPS,
        /// A client that joined an exchange which was already under way.
        Coalesced => COALESCED,
        /// A UDP answer that had to be truncated.
        Truncated => TRUNCATED,
        /// A UDP answer the kernel would not take (full buffer, unreachable client).
        SendFailed => SEND_FAILED,
        /// A TCP connection accepted.
        TcpAccepted => TCP_ACCEPTED,
        /// A TCP connection closed at once because `limits.tcp-connections` was reached.
        TcpRefusedTotal => TCP_REFUSED / "total",
        /// A TCP connection closed at once because `limits.tcp-connections-per-client` was reached.
        TcpRefusedClient => TCP_REFUSED / "client",
        /// A TCP connection closed at once because its source is outside `listen.allow`.
        TcpRefusedSource => TCP_REFUSED / "source",
        /// A TCP connection closed because it was silent for `listen.tcp-idle-timeout`.
        TcpIdleClosed => TCP_CLOSED / "idle",
        /// A TCP connection closed because the client did not take its answers.
        TcpSlowClosed => TCP_CLOSED / "slow",
        /// accept(2) failed, for want of descriptors or memory.
        AcceptFailed => ACCEPT_FAILED,
        /// An answer whose chain of signatures holds.
        DnssecSecure => VALIDATIONS / "secure",
        /// An answer of which it is proved that it is not signed, or nothing is to be proved.
        DnssecInsecure => VALIDATIONS / "insecure",
        /// An answer that is not what its zone signed; answered SERVFAIL.
        DnssecBogus => VALIDATIONS / "bogus",
        /// An answer that could not be judged, since keys could not be had; answered SERVFAIL, or with what has expired.
        DnssecIndeterminate => VALIDATIONS / "indeterminate",
        /// A question for keys or a delegation that was answered from memory, or together with another.
        DnssecKnown => VALIDATION_QUERIES / "known",
        /// One that was sent to an upstream.
        DnssecAsked => VALIDATION_QUERIES / "asked",
        /// What was remembered of zones, that they are not signed or that they rest, was forgotten for want of room.
        DnssecForgotten => VALIDATION_FORGOTTEN,
        /// A validation given up because of too many signatures.
        DnssecSignatures => VALIDATION_LIMITS / "signatures",
        /// One given up because of too many questions for keys and delegations.
        DnssecQueries => VALIDATION_LIMITS / "queries",
        /// One given up because of too many rounds of hashing.
        DnssecHashes => VALIDATION_LIMITS / "hashes",
        /// One given up because of too many records in a set or a message.
        DnssecRecords => VALIDATION_LIMITS / "records",
        /// One given up because it took too long.
        DnssecTime => VALIDATION_LIMITS / "time",
        /// One not begun because its zone cost too much a moment ago.
        DnssecRested => VALIDATION_LIMITS / "rest",
        /// What a Corefile or the ConfigMap of kube-dns said was not taken because of a mistake.
        ConfigmapFailed => SETUP_ERRORS / "configmap",
        /// A record of an upstream's answer that did not parse; it was dropped, the others passed.
        RecordDropped => RECORD_DROPPED,
        /// A question failed since what servers said cannot be used: no DNS, aliases in a circle, or too many of them.
        AnswerUnusable => ANSWERS_UNUSABLE,
        /// A log line that the limiter held back.
        LogSuppressed => LOG_SUPPRESSED,
        /// An answer or message noted for the query log.
        QueryLogged => QUERY_LOG / "noted",
        /// One that was not: the writer is behind, and `query-log.buffer` is full.
        QueryLogDropped => QUERY_LOG / "dropped",
        /// One that was noted and could not be written.
        QueryLogLost => QUERY_LOG / "lost",
        /// A known program's signs in what a client asks.
        DetectedSignature => DETECTIONS / "signature",
        /// A tunnel at full speed.
        DetectedBurst => DETECTIONS / "burst",
        /// A throttled tunnel.
        DetectedVolume => DETECTIONS / "volume",
        /// A slow tunnel.
        DetectedSlow => DETECTIONS / "slow",
        /// A client that asks too fast.
        DetectedFlood => DETECTIONS / "flood",
        /// One that asks too fast for names which do not exist.
        DetectedDenial => DETECTIONS / "denial",
        /// One that public names lead inside.
        DetectedRebinding => DETECTIONS / "rebinding",
        /// One that asks for types which nobody gets.
        DetectedType => DETECTIONS / "type",
        /// What was to be told to detection while its ring was full.
        DetectDropped => DETECT_DROPPED,
        /// A client and domain that detection forgot for others.
        DetectEvicted => DETECT_EVICTED,
        /// A question of a client that is held back below that domain (`detect.mode`); answered REFUSED.
        Sentenced => REJECTED / "detected",
        /// A client was held back no longer, because too many others are.
        SentenceEnded => SENTENCES_ENDED,
        /// The kernel does not tell of all files that the configuration was made of; they are looked at every few seconds.
        WatchFailed => WATCH_FAILED,
        /// A new configuration taken over.
        Reloaded => RELOADS,
        /// A new configuration with a mistake; the one before stayed.
        ReloadFailed => RELOAD_FAILED,
        /// All pods of this node were read.
        ClientsRead => CLIENT_READS / "read",
        /// The source of pods was not there, did not prove itself, or did not answer in time.
        ClientsUnreachable => CLIENT_READS / "unreachable",
        /// It did not let us read.
        ClientsRefused => CLIENT_READS / "refused",
        /// What it said was not understood, or too long.
        ClientsGarbled => CLIENT_READS / "garbled",
        /// Our token, or the certificates to prove it by, could not be read.
        ClientsCredentials => CLIENT_READS / "credentials",
        /// It had forgotten what we knew, and was asked for everything.
        ClientsExpired => CLIENT_READS / "expired",
        /// An HTTP request from a source outside the endpoint's allow-list; answered 403.
        HttpForbidden => HTTP_REFUSED / "not_allowed",
        /// An HTTP connection closed at once because its endpoint had too many.
        HttpRefused => HTTP_REFUSED / "connections",
        /// An HTTP connection closed because the client was too slow to ask or to read.
        HttpSlowClosed => HTTP_REFUSED / "slow",
        /// A user came to the control socket who may not.
        ControlForbidden => CONTROL_REFUSED / "user",
        /// A connection to the control socket ended at once because there were too many.
        ControlFull => CONTROL_REFUSED / "connections",
        /// A request at the control socket was too long.
        ControlLong => CONTROL_REFUSED / "long",
        /// A client of the control socket was too slow to ask or to read.
        ControlSlow => CONTROL_REFUSED / "slow",
        /// A request at the control socket was not understood.
        ControlMalformed => CONTROL_REFUSED / "malformed",
    }
}

table! {
    /// Events at one upstream server.
    UpstreamEvent {
        /// A query sent on an open connection (`coredns_proxy_conn_cache_hits_total`).
        ConnectionReused => PROXY_CONNECTION_HITS,
        /// A query that had to wait for a new connection (`coredns_proxy_conn_cache_misses_total`).
        ConnectionOpened => PROXY_CONNECTION_MISSES,
        /// A full TLS handshake completed.
        HandshakeFull => HANDSHAKES / "full",
        /// A resumed TLS handshake completed.
        HandshakeResumed => HANDSHAKES / "resumed",
        /// No connection, for a reason that has no name of its own here: no route, forbidden, or something is short on this machine.
        ConnectFailed => UPSTREAM_FAILURES / "connect",
        /// The connection was refused.
        ConnectRefused => UPSTREAM_FAILURES / "refused",
        /// The connection or the handshake was not answered in time.
        ConnectTimedOut => UPSTREAM_FAILURES / "connect_timeout",
        /// The connection ended within the handshake.
        ConnectClosed => UPSTREAM_FAILURES / "closed",
        /// The server ended the handshake with an alert.
        HandshakeAlert => UPSTREAM_FAILURES / "alert",
        /// No version or cipher suite in common.
        HandshakeIncompatible => UPSTREAM_FAILURES / "incompatible",
        /// What the server sent is not TLS, or breaks it.
        HandshakeProtocol => UPSTREAM_FAILURES / "protocol",
        /// The certificate is for another name.
        WrongName => UPSTREAM_FAILURES / "name",
        /// The certificate is signed by nobody whom we trust.
        WrongIssuer => UPSTREAM_FAILURES / "issuer",
        /// The certificate is expired or not valid yet.
        WrongValidity => UPSTREAM_FAILURES / "validity",
        /// The key is none of the pinned ones.
        WrongPin => UPSTREAM_FAILURES / "pin",
        /// The certificate is unusable for another reason.
        WrongCertificate => UPSTREAM_FAILURES / "certificate",
        /// The peer closed an idle connection (FIN).
        ClosedIdleByPeer => UPSTREAM_CLOSED / "idle_peer",
        /// We closed an idle connection first.
        ClosedIdleByUs => UPSTREAM_CLOSED / "idle_us",
        /// The peer reset a connection or ended it with queries in flight.
        ClosedBroken => UPSTREAM_CLOSED / "broken",
        /// We closed a connection on which something else than answers came.
        ClosedGarbled => UPSTREAM_CLOSED / "garbled",
        /// Bytes on a connection were not acknowledged in time.
        ClosedTimeout => UPSTREAM_CLOSED / "timeout",
        /// A connection ended by an alert or an error of TLS.
        ClosedTls => UPSTREAM_CLOSED / "tls",
        /// The server asked to close the connection (keepalive of zero, RFC 7828 section 3.4).
        ClosedTold => UPSTREAM_CLOSED / "told",
        /// We replaced a connection because of its age.
        ClosedAge => UPSTREAM_CLOSED / "age",
        /// A connection was given up because nothing came back on it.
        ClosedSilent => UPSTREAM_CLOSED / "silent",
        /// A query was sent again because its reused connection died.
        Retried => UPSTREAM_RETRIES / "connection",
        /// A try took longer than `try-timeout`.
        TryTimeout => UPSTREAM_FAILURES / "timeout",
        /// An answer with the wrong ID, question or address; ignored.
        Mismatched => UPSTREAM_MISMATCHES,
        /// A UDP answer was truncated and asked again over TCP.
        TruncatedRetry => UPSTREAM_RETRIES / "truncated",
        /// A question whose answer was truncated lately was asked over TCP at once.
        StreamFirst => UPSTREAM_STREAM_FIRST,
        /// TCP to a server that may be asked by UDP alone failed; it is not tried for a while.
        StreamRefused => UPSTREAM_DOWNGRADES / "tcp",
        /// The server does not echo letter case; randomisation is off for it.
        CaseNotEchoed => UPSTREAM_DOWNGRADES / "case",
        /// The server does not send our cookies back any more; it gets none for a while.
        CookiesGone => UPSTREAM_DOWNGRADES / "cookie",
        /// An answer had our cookie in it.
        CookieRight => UPSTREAM_COOKIES / "right",
        /// The server wanted to see a cookie of its own first (BADCOOKIE).
        CookieRefused => UPSTREAM_COOKIES / "refused",
        /// So many datagrams answered nothing that the question was not left to UDP.
        DoubtMismatches => UPSTREAM_DOUBTS / "mismatches",
        /// An answer came in fragments; likewise.
        DoubtFragments => UPSTREAM_DOUBTS / "fragments",
        /// An answer had not the cookie that it should have; likewise.
        DoubtCookie => UPSTREAM_DOUBTS / "cookie",
        /// The server refused its own cookie; likewise.
        DoubtBadCookie => UPSTREAM_DOUBTS / "bad_cookie",
        /// The same question was under way too often; likewise.
        DoubtAlike => UPSTREAM_DOUBTS / "alike",
        /// The server does not understand EDNS; asked again without.
        EdnsRefused => UPSTREAM_DOWNGRADES / "edns",
        /// A server was marked down.
        Ejected => UPSTREAM_EJECTIONS,
        /// A server that is down was tried.
        Probed => UPSTREAM_PROBES,
        /// It is still down (`coredns_proxy_healthcheck_failures_total`).
        ProbeFailed => PROXY_HEALTH_FAILURES,
        /// A query was sent to a second server because the first was slow.
        HedgeSent => UPSTREAM_HEDGES / "sent",
        /// The second server was faster.
        HedgeWon => UPSTREAM_HEDGES / "won",
        /// The first server was slow, but too many queries were sent twice already.
        HedgeDenied => UPSTREAM_DENIED / "hedge",
        /// A third try was not made because too many were made already.
        RetryDenied => UPSTREAM_DENIED / "retry",
        /// A try that lost a race was not listened to any longer, since too many are: nothing is learned of its server.
        Unheard => UPSTREAM_DENIED / "listen",
        /// The server was found to answer strictly in the order of the queries; it gets all the connections it may have.
        StrictOrder => UPSTREAM_DOWNGRADES / "order",
        /// `udp-sockets` was reached; the query shared a socket.
        SocketShared => UPSTREAM_SOCKETS_SHARED,
    }
}

impl UpstreamEvent {
    /// Whether it can happen at a server of this scheme; what cannot is not shown as a series of zeros.
    pub(super) fn befalls(self, scheme: &str) -> bool {
        match self {
            Self::HandshakeAlert
            | Self::HandshakeIncompatible
            | Self::HandshakeProtocol
            | Self::WrongName
            | Self::WrongIssuer
            | Self::WrongValidity
            | Self::WrongPin
            | Self::WrongCertificate
            | Self::HandshakeFull
            | Self::HandshakeResumed
            | Self::ClosedTls => scheme == "tls",
            Self::CookiesGone
            | Self::CookieRight
            | Self::CookieRefused
            | Self::DoubtMismatches
            | Self::DoubtFragments
            | Self::DoubtCookie
            | Self::DoubtBadCookie
            | Self::DoubtAlike
            | Self::CaseNotEchoed
            | Self::StreamFirst
            | Self::StreamRefused
            | Self::TruncatedRetry
            | Self::SocketShared => !matches!(scheme, "tls" | "tcp"),
            _ => true,
        }
    }
}

table! {
    /// Values that go up and down, one a worker; a scrape adds them up.
    Gauge {
        /// Distinct questions waiting for an upstream.
        InFlight => IN_FLIGHT,
        /// Clients that are held back below a domain.
        Sentences => SENTENCES,
        /// Zones that are cut off because their servers ask us.
        LoopingZones => LOOPING_ZONES,
        /// Clients waiting.
        Waiting => WAITING,
        /// Names that are blocked, those below them not counted.
        BlockedNames => BLOCKED_NAMES,
        /// Names in the hosts of all zones.
        HostsNames => HOSTS_NAMES,
        /// Answers in the file that was written last.
        SnapshotEntries => SNAPSHOT_ENTRIES / "written",
        /// Answers that it had no room for (`cache.snapshot-size`).
        SnapshotLeftOut => SNAPSHOT_ENTRIES / "left_out",
        /// Answers taken from the file at the start.
        SnapshotRestored => SNAPSHOT_ENTRIES / "restored",
        /// Answers in it that were of no use any more.
        SnapshotDropped => SNAPSHOT_ENTRIES / "dropped",
        /// Bytes of the file that was written last.
        SnapshotBytes => SNAPSHOT_BYTES,
        /// When that was, in seconds since 1970.
        SnapshotTime => SNAPSHOT_TIME,
        /// Messages with keys and delegations that are kept for validation.
        DnssecMessages => VALIDATION_MESSAGES,
        /// Open TCP connections of clients.
        TcpConnections => TCP_CONNECTIONS,
        /// Open connections to upstreams.
        UpstreamConnections => UPSTREAM_CONNECTIONS,
        /// Addresses of pods that are known.
        ClientAddresses => CLIENT_ADDRESSES,
        /// Pods and addresses of pods that there was no room for when they were read last.
        ClientsLeftOut => CLIENTS_LEFT_OUT,
        /// Times an unknown client was not looked up since too many are; only grows.
        ClientsNotLookedUp => CLIENTS_NOT_LOOKED_UP,
        /// When the source of pods was heard last, in seconds since 1970.
        ClientsHeard => CLIENTS_HEARD,
        /// Workers that ended without being told to, and were started again.
        WorkerDied => WORKER_RESTARTS / "died",
        /// Workers that gave no sign of life for `supervisor.hang-timeout`, and were killed and started again.
        WorkerHung => WORKER_RESTARTS / "hung",
        /// Took sockets and answers over from another nodens.
        TookOver => HAND_OVERS / "taken",
        /// A nodens that came to take over went away before it answered.
        HandOverFailed => HAND_OVERS / "failed",
        /// The packet rules were not as they should be, and were put right.
        RulesRepaired => NODE_REPAIRS / "rules",
        /// The link was not as it should be, and was put right.
        InterfaceRepaired => NODE_REPAIRS / "interface",
        /// Somebody undid our repairs of the link so often that it was left for the rest of a minute.
        InterfaceRested => INTERFACE_RESTS,
        /// The way around this daemon was opened since it did not answer itself.
        RulesWithdrawn => RULES_WITHDRAWN,
        /// Rules could not be installed or looked at.
        RulesFailed => SETUP_ERRORS / "iptables",
        /// Another program held the lock of iptables for too long.
        RulesLocked => SETUP_ERRORS / "iptables_lock",
        /// The link could not be made, or an address not be added.
        InterfaceFailed => SETUP_ERRORS / "interface_add",
        /// The link could not be looked at.
        InterfaceUnseen => SETUP_ERRORS / "interface_check",
    }
}

impl Gauge {
    /// What the supervisor counts, in the order in which it tells a worker; they only grow.
    pub const SUPERVISED: [Self; 12] = [
        Self::WorkerDied,
        Self::WorkerHung,
        Self::TookOver,
        Self::HandOverFailed,
        Self::RulesRepaired,
        Self::InterfaceRepaired,
        Self::RulesWithdrawn,
        Self::RulesFailed,
        Self::RulesLocked,
        Self::InterfaceFailed,
        Self::InterfaceUnseen,
        Self::InterfaceRested,
    ];
}
