//! The options of what is noted of queries: `[query-log]`, `[detect]`, `[clients]`, `[control]`.

use std::time::Duration;

use super::{Kind, Section, Setting, Silent};
use crate::config::choice::Choice;
use crate::config::{ClientSource, DetectMode, LogClients, LogFormat, QueryClass, Rotated};

/// What `[query-log]` is about.
pub(super) const QUERY_LOG_DOC: &str = "Queries and their answers, a line each. They stay on the node. When the log cannot follow, lines are lost and counted, never queries.";
/// What `[detect]` is about.
pub(super) const DETECT_DOC: &str =
    "What looks like a tunnel through DNS, a flood or an attack by rebinding. Looked for beside the way of queries.";
/// What `[clients]` is about.
pub(super) const CLIENTS_DOC: &str =
    "Which pod an address belongs to, for query log, detections and `nodens ctl`. Never a label of a metric.";
/// What `[control]` is about.
pub(super) const CONTROL_DOC: &str = "Where `nodens ctl` and `nodens top` ask.";

/// 2^20 bytes.
const MIB: u64 = 1 << 20;

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// The options.
pub(super) const SETTINGS: &[Setting] = &[
    //------ [query-log] -----------------------------------------------------
    Setting {
        section: Section::QueryLog,
        key: "classes",
        kind: Kind::Choices(QueryClass::NAMES),
        silent: Silent::Value("[]"),
        doc: "Which answers are logged: \"all\"; \"success\" (there were records), \"denial\" (no such name, or none of that type), \"error\" (any \
              other code), \"external\" (a server had to be asked), \"blocked\" (by rebinding filter, block list or detection), \"failure\" (no server \
              gave an answer; in the format coredns a line such as its plugin errors writes). Nothing is logged by default.",
    },
    Setting {
        section: Section::QueryLog,
        key: "sample",
        kind: Kind::Integer { minimum: 1, maximum: 1_000_000, unit: "" },
        silent: Silent::Value("1"),
        doc: "One in so many is logged. Client and name decide, so that all of one conversation is logged or none of it.",
    },
    Setting {
        section: Section::QueryLog,
        key: "format",
        kind: Kind::Choice(LogFormat::NAMES),
        silent: Silent::Value("\"coredns\""),
        doc: "The line of CoreDNS's plugin log, an object of JSON a line, or dnstap: whole messages, of clients and of servers, in frame streams.",
    },
    Setting {
        section: Section::QueryLog,
        key: "output",
        kind: Kind::Text { maximum: 4096 },
        silent: Silent::Value("\"stdout\""),
        doc: "\"stdout\", \"file:/PATH\" or \"unix:/PATH\", a socket that somebody listens at. A file's folder must be there and be writable for \
              sandbox.user. What others may read of it is theirs to say: files are made with mode 0600.",
    },
    Setting {
        section: Section::QueryLog,
        key: "rotate-size",
        kind: Kind::Size { minimum: 4096, maximum: 64 * MIB },
        silent: Silent::Derived { words: "an eighth of max-size, at most 64MiB", example: "\"64MiB\"" },
        doc: "Size at which a file is closed and another begun.",
    },
    Setting {
        section: Section::QueryLog,
        key: "rotate-every",
        kind: Kind::Duration { minimum: Duration::from_secs(1), maximum: Duration::from_secs(366 * 86_400) },
        silent: Silent::Value("\"24h\""),
        doc: "Age at which it is, if it is not empty.",
    },
    Setting {
        section: Section::QueryLog,
        key: "max-size",
        kind: Kind::Size { minimum: 64 << 10, maximum: 1 << 42 },
        silent: Silent::Value("\"128MiB\""),
        doc: "Bytes of all files together; the oldest go first. No disk gets fuller than this by the query log.",
    },
    Setting {
        section: Section::QueryLog,
        key: "compress",
        kind: Kind::Choice(Rotated::NAMES),
        silent: Silent::Value("\"gzip\""),
        doc: "What becomes of a file that is closed.",
    },
    Setting {
        section: Section::QueryLog,
        key: "clients",
        kind: Kind::Choice(LogClients::NAMES),
        silent: Silent::Value("\"plain\""),
        doc: "How clients are named: by address and pod, by the prefix their address lies in, or by a pseudonym, which is the same for a day. \
              The key that it is made with exists in memory alone, and another is taken after a day and at each start.",
    },
    Setting {
        section: Section::QueryLog,
        key: "prefix-v4",
        kind: Kind::Integer { minimum: 0, maximum: 32, unit: "bits" },
        silent: Silent::Value("24"),
        doc: "What is left of an IPv4 address with clients = \"prefix\".",
    },
    Setting {
        section: Section::QueryLog,
        key: "prefix-v6",
        kind: Kind::Integer { minimum: 0, maximum: 128, unit: "bits" },
        silent: Silent::Value("56"),
        doc: "What is left of an IPv6 address.",
    },
    Setting {
        section: Section::QueryLog,
        key: "buffer",
        kind: Kind::Size { minimum: 128 << 10, maximum: 64 * MIB },
        silent: Silent::Value("\"1MiB\""),
        doc: "Memory of each worker for what is not written yet. What does not fit is lost and counted (nodens_query_log_total, \"dropped\").",
    },
    //------ [detect] --------------------------------------------------------
    Setting {
        section: Section::Detect,
        key: "mode",
        kind: Kind::Choice(DetectMode::NAMES),
        silent: Silent::Value("\"observe\""),
        doc: "What follows: a line in the log, an entry of `nodens ctl detections` and a count in the metrics (\"observe\"); the same, and the line is \
              a warning (\"alert\"); besides, new names of that domain are answered slowly for that client (\"rate-limit\"), or not at all \
              (\"block\"). Floods are never more than warned of: limits.client-rate holds them.",
    },
    Setting {
        section: Section::Detect,
        key: "exempt",
        kind: Kind::Suffixes,
        silent: Silent::Value("[]"),
        doc: "Suffixes whose names are nobody's tunnel, besides internal zones, reverse zones and built-in-exempt.",
    },
    Setting {
        section: Section::Detect,
        key: "built-in-exempt",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether domains are exempt that are known to have long and many names: content networks, clouds, block lists of mail servers, \
              look-ups of virus scanners.",
    },
    Setting {
        section: Section::Detect,
        key: "flood-rate",
        kind: Kind::Integer { minimum: 1, maximum: 10_000_000, unit: "queries a second" },
        silent: Silent::Value("5000"),
        doc: "More than this of one client, over ten seconds, is a flood.",
    },
    Setting {
        section: Section::Detect,
        key: "denial-rate",
        kind: Kind::Integer { minimum: 1, maximum: 10_000_000, unit: "answers a second" },
        silent: Silent::Value("500"),
        doc: "More NXDOMAIN than this to one client, over ten seconds, is a storm: mostly a wrong search list or a program in a loop.",
    },
    Setting {
        section: Section::Detect,
        key: "hold",
        kind: Kind::Duration { minimum: Duration::from_secs(1), maximum: DAY },
        silent: Silent::Value("\"10m\""),
        doc: "For how long client and domain stay limited or blocked after the last sign, and how often the same is logged again.",
    },
    Setting {
        section: Section::Detect,
        key: "limit",
        kind: Kind::Integer { minimum: 1, maximum: 1000, unit: "queries a second" },
        silent: Silent::Value("1"),
        doc: "What mode \"rate-limit\" lets through.",
    },
    //------ [clients] -------------------------------------------------------
    Setting {
        section: Section::Clients,
        key: "source",
        kind: Kind::Choice(ClientSource::NAMES),
        silent: Silent::Value("\"none\""),
        doc: "Who knows the pods of this node: its kubelet, or the cluster's API server, of which only this node's pods are asked for.",
    },
    Setting {
        section: Section::Clients,
        key: "address",
        kind: Kind::Text { maximum: 255 },
        silent: Silent::Value("\"\""),
        doc: "Where it is: \"https://127.0.0.1:10250\" of a kubelet, \"https://10.96.0.1\" of an API server.",
    },
    Setting {
        section: Section::Clients,
        key: "token",
        kind: Kind::Path,
        silent: Silent::Derived { words: "none", example: "\"/var/run/secrets/kubernetes.io/serviceaccount/token\"" },
        doc: "A file with the token that is shown there. It is read each time, since it is replaced every hour.",
    },
    Setting {
        section: Section::Clients,
        key: "ca",
        kind: Kind::Path,
        silent: Silent::Derived {
            words: "the certificates of the system",
            example: "\"/var/run/secrets/kubernetes.io/serviceaccount/ca.crt\"",
        },
        doc: "Certificates that its own must chain to, or its own, in PEM.",
    },
    Setting {
        section: Section::Clients,
        key: "node",
        kind: Kind::Text { maximum: 253 },
        silent: Silent::Derived { words: "NODE_NAME of the environment, else the host's name", example: "\"node-1\"" },
        doc: "What the cluster calls this node; an API server is asked for its pods alone.",
    },
    Setting {
        section: Section::Clients,
        key: "refresh",
        kind: Kind::Duration { minimum: Duration::from_secs(1), maximum: Duration::from_secs(3600) },
        silent: Silent::Value("\"10s\""),
        doc: "How often a kubelet is asked. An address that nobody knows is asked for at once, at most once a second.",
    },
    //------ [control] -------------------------------------------------------
    Setting {
        section: Section::Control,
        key: "socket",
        kind: Kind::Path,
        silent: Silent::Derived { words: "nowhere", example: "\"/run/nodens/control\"" },
        doc: "A socket for `nodens ctl` and `nodens top`. Its folder is made if only that is missing; only root and the daemon's own user are let in.",
    },
];

/// The same options of a `[[zone]]`.
pub(super) const ZONE_SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Zone,
        key: "query-log",
        kind: Kind::Choices(QueryClass::NAMES),
        silent: Silent::Derived { words: "query-log.classes", example: "[]" },
        doc: "Which answers for names of this zone are logged; [] is none.",
    },
    Setting {
        section: Section::Zone,
        key: "detect",
        kind: Kind::Choice(DetectMode::NAMES),
        silent: Silent::Derived {
            words: "detect.mode for a public zone, \"off\" for an internal one",
            example: "\"observe\"",
        },
        doc: "What follows what is detected among names of this zone.",
    },
];
