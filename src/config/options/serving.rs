//! The options of what is answered to clients: `[listen]`, `[limits]`, `[cache]`, `[local]`, `[policy]`, `[metrics]`, `[health]`, `[log]`.

use std::time::Duration;

use super::{Kind, Section, Setting, Silent};
use crate::config::choice::Choice;
use crate::config::{Format, Level, MetricNames};

/// What `[listen]` is about.
pub(super) const LISTEN_DOC: &str = "Where clients ask, and for how long they may hold on.";
/// What `[limits]` is about.
pub(super) const LIMITS_DOC: &str = "How much may go on at once. Each limit bounds memory that clients can make the daemon use; a counter tells when one is reached.";
/// What `[cache]` is about.
pub(super) const CACHE_DOC: &str = "The answers that are kept in memory.";
/// What `[local]` is about.
pub(super) const LOCAL_DOC: &str = "Names that are answered from the node's own knowledge and never leave it.";
/// What `[policy]` is about.
pub(super) const POLICY_DOC: &str =
    "What is not answered, whoever knows it. Who may ask is in [listen], and how much in [limits].";
/// What `[metrics]` is about.
pub(super) const METRICS_DOC: &str = "The Prometheus endpoint, /metrics.";
/// What `[health]` is about.
pub(super) const HEALTH_DOC: &str =
    "The endpoint for probes: /health (the process lives) and /ready (every listener answers).";
/// What `[log]` is about.
pub(super) const LOG_DOC: &str = "What the daemon says of itself on standard error. Queries are not logged here.";

/// 2^20 bytes.
const MIB: u64 = 1 << 20;

/// The options, by section.
pub(super) const SETTINGS: &[Setting] = &[
    //------ [listen] --------------------------------------------------------
    Setting {
        section: Section::Listen,
        key: "addresses",
        kind: Kind::Addresses { port: 53 },
        silent: Silent::Value("[\"127.0.0.1:5353\"]"),
        doc: "Addresses that clients ask over UDP and TCP, IPv4 and IPv6. An address need not exist yet when the daemon starts. \
              Port 0 takes a free port. The default needs no privilege, for a first try.",
    },
    Setting {
        section: Section::Listen,
        key: "workers",
        kind: Kind::Integer { minimum: 1, maximum: 64, unit: "threads" },
        silent: Silent::Derived { words: "one for each core that the process may use, at most 2", example: "2" },
        doc: "Threads that answer. Each has its own sockets, and the kernel spreads clients over them. A node rarely asks more than \
              one core can answer.",
    },
    Setting {
        section: Section::Listen,
        key: "allow",
        kind: Kind::Prefixes,
        silent: Silent::Value("[]"),
        doc: "Who may ask; everybody else gets REFUSED, and no TCP connection. Empty allows everybody, which is right for an address that \
              only the node's own pods reach.",
    },
    Setting {
        section: Section::Listen,
        key: "udp-size",
        kind: Kind::Integer { minimum: 512, maximum: 4096, unit: "bytes" },
        silent: Silent::Value("1232"),
        doc: "The largest UDP answer. A client that offers less gets less; what does not fit is truncated, and the client asks again \
              over TCP. 1232 bytes pass every path without fragments (RFC 9715).",
    },
    Setting {
        section: Section::Listen,
        key: "tcp-idle-timeout",
        kind: Kind::Duration { minimum: Duration::from_millis(100), maximum: Duration::from_secs(3600) },
        silent: Silent::Value("\"10s\""),
        doc: "How long a client's TCP connection may stay silent before it is closed (RFC 7766 section 6.2.3).",
    },
    Setting {
        section: Section::Listen,
        key: "drain-timeout",
        kind: Kind::Duration { minimum: Duration::ZERO, maximum: Duration::from_secs(300) },
        silent: Silent::Value("\"5s\""),
        doc: "How long queries in hand may take to finish when the daemon is told to stop.",
    },
    //------ [limits] --------------------------------------------------------
    Setting {
        section: Section::Limits,
        key: "in-flight",
        kind: Kind::Integer { minimum: 16, maximum: 1_000_000, unit: "questions" },
        silent: Silent::Value("16384"),
        doc: "Different questions that wait for an upstream at the same time. One more is answered with REFUSED, at \
              once. One client may take as many as are still free: half when it is alone, and half of what is left when it is not.",
    },
    Setting {
        section: Section::Limits,
        key: "waiting",
        kind: Kind::Integer { minimum: 16, maximum: 10_000_000, unit: "queries" },
        silent: Silent::Value("32768"),
        doc: "Clients' queries that wait for those questions; the same question of many clients is asked once. \
              One client may take as many as are still free.",
    },
    Setting {
        section: Section::Limits,
        key: "tcp-connections",
        kind: Kind::Integer { minimum: 1, maximum: 1_000_000, unit: "connections" },
        silent: Silent::Value("1024"),
        doc: "TCP connections of all clients together.",
    },
    Setting {
        section: Section::Limits,
        key: "tcp-connections-per-client",
        kind: Kind::Integer { minimum: 1, maximum: 1_000_000, unit: "connections" },
        silent: Silent::Value("128"),
        doc: "TCP connections of one client address.",
    },
    Setting {
        section: Section::Limits,
        key: "tcp-pipeline",
        kind: Kind::Integer { minimum: 1, maximum: 65_535, unit: "queries" },
        silent: Silent::Value("128"),
        doc: "Queries of one TCP connection that may wait for an answer. Further ones are left in the socket until one is answered.",
    },
    Setting {
        section: Section::Limits,
        key: "client-rate",
        kind: Kind::Integer { minimum: 0, maximum: 1_000_000, unit: "queries a second" },
        silent: Silent::Value("0"),
        doc: "Queries a second that one client may ask in the long run, all workers together; further ones get REFUSED. A client is an IPv4 \
              address or an IPv6 prefix of 64 bits. 0 is no limit. A busy pod asks some hundreds; 1000, with a burst of 5000, stops \
              only programs that have lost their way.",
    },
    Setting {
        section: Section::Limits,
        key: "client-burst",
        kind: Kind::Integer { minimum: 1, maximum: 10_000_000, unit: "queries" },
        silent: Silent::Derived { words: "as many as client-rate lets in a second", example: "1" },
        doc: "Queries that a client may ask at once after it was silent.",
    },
    Setting {
        section: Section::Limits,
        key: "client-rate-exempt",
        kind: Kind::Prefixes,
        silent: Silent::Value("[]"),
        doc: "Clients to which client-rate does not apply: the node's own address, or a forwarder that asks for many.",
    },
    //------ [cache] ---------------------------------------------------------
    Setting {
        section: Section::Cache,
        key: "size",
        kind: Kind::Size { minimum: MIB, maximum: 65_536 * MIB },
        silent: Silent::Derived {
            words: "half of the control group's memory limit, at most 32MiB",
            example: "\"32MiB\"",
        },
        doc: "Memory for positive answers, all workers together.",
    },
    Setting {
        section: Section::Cache,
        key: "negative-size",
        kind: Kind::Size { minimum: MIB / 16, maximum: 65_536 * MIB },
        silent: Silent::Derived { words: "a quarter of size", example: "\"8MiB\"" },
        doc: "Memory for negative answers (no such name, no such data), apart from the other so that a flood of random names evicts no \
              good answer.",
    },
    Setting {
        section: Section::Cache,
        key: "rotate",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether A and AAAA records change their order from answer to answer, which spreads clients that take the first.",
    },
    Setting {
        section: Section::Cache,
        key: "serve-stale",
        kind: Kind::Ttl { minimum: Duration::ZERO, maximum: Duration::from_secs(7 * 86_400) },
        silent: Silent::Value("\"1d\""),
        doc: "For how long after its expiry an answer may still be given when no server gives a better one (RFC 8767): with a TTL of 30 \
              seconds, after 1.8 seconds for the first client and at once for the next. \"0s\" is never. A [[zone]] may say otherwise.",
    },
    Setting {
        section: Section::Cache,
        key: "servfail",
        kind: Kind::Duration { minimum: Duration::ZERO, maximum: Duration::from_secs(300) },
        silent: Silent::Value("\"2s\""),
        doc: "For how long a question that found no answer, after two tries, is answered with that failure before servers are asked again \
              (RFC 9520). It never takes the place of an answer, not even of an expired one. \"0s\" asks every time. A [[zone]] may say \
              otherwise.",
    },
    Setting {
        section: Section::Cache,
        key: "prefetch",
        kind: Kind::Integer { minimum: 0, maximum: 65_535, unit: "uses" },
        silent: Silent::Value("10"),
        doc: "An answer that is given so often in its lifetime is asked for again shortly before it expires, so that no client waits for it. \
              0 asks for nothing ahead. A [[zone]] may say otherwise.",
    },
    Setting {
        section: Section::Cache,
        key: "snapshot",
        kind: Kind::Path,
        silent: Silent::Derived { words: "no file", example: "\"/var/lib/nodens/cache\"" },
        doc: "A file that keeps the answers over a restart, those that have expired and may still be given included. Written every \
              snapshot-interval and at the end, read at the start. Its folder must be there and be ours to write to; the file is made so that \
              no other user can read it, and not read if another user could have written it.",
    },
    Setting {
        section: Section::Cache,
        key: "snapshot-size",
        kind: Kind::Size { minimum: MIB / 16, maximum: 1024 * MIB },
        silent: Silent::Value("\"16MiB\""),
        doc: "The longest that this file may be, on the disk and, for a moment at the start, in memory. A usual answer takes about 120 bytes in it, a \
              quarter of what it takes in memory. Where not all fit, denials stay out first, then what is good for the shortest time. A \
              longer file is not read.",
    },
    Setting {
        section: Section::Cache,
        key: "snapshot-interval",
        kind: Kind::Duration { minimum: Duration::from_secs(1), maximum: Duration::from_secs(86_400) },
        silent: Silent::Value("\"1m\""),
        doc: "How often this file is written: what was learnt since is lost when the process is killed.",
    },
    //------ [local] ---------------------------------------------------------
    Setting {
        section: Section::Local,
        key: "special-use",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether localhost and the other special-use names (RFC 6761), and the reverse zones of private and local addresses \
              (RFC 6303), are answered here. Those that a [[zone]] other than \".\" holds are asked there.",
    },
    Setting {
        section: Section::Local,
        key: "hosts",
        kind: Kind::Path,
        silent: Silent::Derived { words: "no file", example: "\"/etc/hosts\"" },
        doc: "A file in the form of /etc/hosts whose names and addresses are answered here.",
    },
    Setting {
        section: Section::Local,
        key: "records",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "Records that are answered here, as in a zone file: \"NAME TTL TYPE DATA\". Their names exist with these records only.",
    },
    Setting {
        section: Section::Local,
        key: "dead-suffixes",
        kind: Kind::Suffixes,
        silent: Silent::Value("[]"),
        doc: "Names that do not exist, with all below them: answered here with NXDOMAIN, and never asked elsewhere. For what search paths \
              make of names outside: \"com.*.svc.cluster.local\" if no service is called \"com\", \"com.svc.cluster.local\" if no namespace \
              is, \"internal.cloudapp.net\". A \"*\" stands for exactly one label. Names in hosts and records, and a [[zone]] with a longer \
              name, go first.",
    },
    Setting {
        section: Section::Local,
        key: "identity",
        kind: Kind::Text { maximum: 255 },
        silent: Silent::Value("\"\""),
        doc: "The answer to \"id.server\" and \"hostname.bind\" in class CH (RFC 4892), which tells nodes apart. \"\" hides it: REFUSED. \
              \"auto\" is the host's name.",
    },
    Setting {
        section: Section::Local,
        key: "version",
        kind: Kind::Text { maximum: 255 },
        silent: Silent::Value("\"\""),
        doc: "The answer to \"version.server\" and \"version.bind\" in class CH. \"\" hides it: REFUSED. \"auto\" is name and version of \
              the daemon.",
    },
    Setting {
        section: Section::Local,
        key: "nsid",
        kind: Kind::Text { maximum: 64 },
        silent: Silent::Value("\"\""),
        doc: "What answers carry for clients that ask by EDNS which server it is (RFC 5001). \"\" is nothing. \"auto\" is the host's name.",
    },
    Setting {
        section: Section::Local,
        key: "whoami",
        kind: Kind::Domains,
        silent: Silent::Value("[]"),
        doc: "Names, with all below them, that tell a client where it asks from: no answer, but an additional A or AAAA record with its address, and an \
              SRV record of \"_udp\" or \"_tcp\" below the name with its port, as the whoami plugin of CoreDNS says it.",
    },
    //------ [policy] --------------------------------------------------------
    Setting {
        section: Section::Policy,
        key: "block",
        kind: Kind::Domains,
        silent: Silent::Value("[]"),
        doc: "Names that nobody gets, with all below them: NXDOMAIN with extended error 15 (Blocked). So is every name whose alias leads to \
              one of them. Only the names in local.hosts and local.records go first.",
    },
    Setting {
        section: Section::Policy,
        key: "block-file",
        kind: Kind::Path,
        silent: Silent::Derived { words: "no file", example: "\"/etc/nodens/blocked\"" },
        doc: "A file with more of them, one a line, or in the form of a hosts file (\"0.0.0.0 NAME\"); \"#\" begins a comment. At most 64MiB \
              and 2,000,000 names, each of which takes 10 to 20 bytes of memory. A change takes effect without a restart; a line that is wrong \
              keeps the whole list as it was.",
    },
    Setting {
        section: Section::Policy,
        key: "unblock",
        kind: Kind::Domains,
        silent: Silent::Value("[]"),
        doc: "Names, with all below them, that are answered although they are blocked, or below what is: the longest of both lists decides, and \
              of equals this one.",
    },
    Setting {
        section: Section::Policy,
        key: "refuse-types",
        kind: Kind::Types,
        silent: Silent::Value("[]"),
        doc: "Types that nobody gets: REFUSED with extended error 18 (Prohibited), whatever the name. A tunnel likes NULL, TXT and TYPE65399. For \
              names that shall look as if they had no such records, there is no-types of a [[zone]].",
    },
    //------ [metrics] -------------------------------------------------------
    Setting {
        section: Section::Metrics,
        key: "listen",
        kind: Kind::Endpoints,
        silent: Silent::Value("\"127.0.0.1:9253\""),
        doc: "Where metrics are served over HTTP: an address, a list of addresses, or \"\" for nowhere. Metrics never name a query or a client.",
    },
    Setting {
        section: Section::Metrics,
        key: "names",
        kind: Kind::Choice(MetricNames::NAMES),
        silent: Silent::Value("\"few\""),
        doc: "Which of CoreDNS's names there are: those that say something here (\"few\"), those as well that a CoreDNS of today has (\"coredns\"), \
              or also those that older ones had and alerts may still look for, coredns_forward_requests_total among them (\"all\"). Each kind \
              costs some dozens of series. \"few\" is right for whoever does not come from CoreDNS.",
    },
    Setting {
        section: Section::Metrics,
        key: "allow",
        kind: Kind::Prefixes,
        silent: Silent::Value("[]"),
        doc: "Who may read the metrics; empty allows everybody who reaches the address.",
    },
    //------ [health] --------------------------------------------------------
    Setting {
        section: Section::Health,
        key: "listen",
        kind: Kind::Endpoints,
        silent: Silent::Value("\"127.0.0.1:8080\""),
        doc: "Where probes are answered over HTTP, /health and /ready: an address, a list of addresses, or \"\" for nowhere.",
    },
    Setting {
        section: Section::Health,
        key: "ready-listen",
        kind: Kind::Endpoints,
        silent: Silent::Value("\"\""),
        doc: "Where /ready alone is answered besides, for whoever asks CoreDNS at port 8181.",
    },
    Setting {
        section: Section::Health,
        key: "allow",
        kind: Kind::Prefixes,
        silent: Silent::Value("[]"),
        doc: "Who may probe; empty allows everybody who reaches the address.",
    },
    //------ [log] -----------------------------------------------------------
    Setting {
        section: Section::Log,
        key: "level",
        kind: Kind::Choice(Level::NAMES),
        silent: Silent::Value("\"info\""),
        doc: "The least important lines that are written.",
    },
    Setting {
        section: Section::Log,
        key: "format",
        kind: Kind::Choice(Format::NAMES),
        silent: Silent::Value("\"text\""),
        doc: "Lines for people, or one JSON object a line for machines.",
    },
];
