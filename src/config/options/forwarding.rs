//! The options of what is asked elsewhere, `[[upstream]]` and `[[zone]]`, and the names that a silent file gives them.

use std::time::Duration;

use super::{Kind, Section, Setting, Silent};
use crate::config::choice::Choice;
use crate::config::{Class, Dnssec, Policy};

/// What `[[upstream]]` is about.
pub(super) const UPSTREAM_DOC: &str = "A group of servers that know the same names. One [[upstream]] a group; a [[zone]] refers to it by name. A file that has neither \
     an [[upstream]] nor a [[zone]] gets the ones shown here, and \"cluster.local\" to the nameservers of /etc/resolv.conf. Any \
     [[upstream]] or [[zone]] replaces all of these.";
/// What `[[zone]]` is about.
pub(super) const ZONE_DOC: &str = "Where names are asked, and the rules for their answers. One [[zone]] a suffix; the longest that fits a name decides. There must \
     be one for \".\", all other names.";

/// What `[dnssec]` is about.
pub(super) const DNSSEC_DOC: &str = "What zones with dnssec = \"validate\" have in common.";

/// The name of the group of /etc/resolv.conf's nameservers in a silent file.
pub(in crate::config) const SILENT_CLUSTER_GROUP: &str = "resolv-conf";
/// The zone that they are asked for.
pub(in crate::config) const SILENT_CLUSTER_ZONE: &str = "cluster.local";

/// Longest time a negative answer is kept in an internal zone that does not say: a new service is found within it.
/// The one for public zones is the example of the option.
pub(in crate::config) const INTERNAL_MAX_NEGATIVE_TTL: Duration = Duration::from_secs(5);

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// The options, by section.
pub(super) const SETTINGS: &[Setting] = &[
    //------ [dnssec] --------------------------------------------------------
    Setting {
        section: Section::Dnssec,
        key: "trust-anchors",
        kind: Kind::Path,
        silent: Silent::Derived { words: "no file; the root's keys are built in", example: "\"/etc/nodens/anchors\"" },
        doc: "A file of DS and DNSKEY records, as in a zone file, of zones whose keys are trusted without a signature from above. It is read \
              anew when it changes. Records of the root take the place of the built-in ones; those of another zone hold for it and all \
              below it, also where nobody above has signed. DS digests may be of the types 1, 2 and 4.",
    },
    //------ [[upstream]] ----------------------------------------------------
    Setting {
        section: Section::Upstream,
        key: "name",
        kind: Kind::Label,
        silent: Silent::Required { example: "\"internet\"" },
        doc: "What zones, metrics and logs call the group.",
    },
    Setting {
        section: Section::Upstream,
        key: "servers",
        kind: Kind::Servers,
        silent: Silent::Required { example: "[\"tls://1.1.1.1#cloudflare-dns.com\", \"tls://9.9.9.9#dns.quad9.net\"]" },
        doc: "The servers, at most 64. tls:// is DNS over TLS (port 853), and what stands after # is the name that the \
              certificate must carry. tcp:// (port 53) keeps connections open. udp:// (port 53) asks again over TCP what was \
              truncated; auto://, or no scheme, does too, and passes the truncated answer on where TCP fails. A server may have several \
              addresses with commas between them, such as \"tls://1.1.1.1,[2606:4700:4700::1111]:853#cloudflare-dns.com\": IPv6 is tried \
              first, the next a quarter of a second later, and the one that works is kept. Encrypted and plain servers do not mix in a \
              group, since a failure would then send in plain text what should be encrypted.",
    },
    Setting {
        section: Section::Upstream,
        key: "policy",
        kind: Kind::Choice(Policy::NAMES),
        silent: Silent::Value("\"fastest\""),
        doc: "Which server is asked: \"fastest\" takes the better one of two, by answer time and queries under way; \"sequential\" the \
              first one listed, and the next only when that fails; \"round-robin\" each in its turn; \"random\" any. A server that is \
              down is passed over, and asked now and then until it answers. A slow answer is raced by a second server, for \
              5 % of the questions at most; not with \"sequential\".",
    },
    Setting {
        section: Section::Upstream,
        key: "ca",
        kind: Kind::Path,
        silent: Silent::Derived { words: "the system's certificate store", example: "\"/etc/nodens/ca.pem\"" },
        doc: "Certificates (PEM) that those of the tls:// servers must chain to.",
    },
    Setting {
        section: Section::Upstream,
        key: "pins",
        kind: Kind::Pins,
        silent: Silent::Value("[]"),
        doc: "Digests of public keys of which each tls:// server must hold one (RFC 7858 section 4.2): \"sha256/\" and the base64 of the \
              SHA-256 of the subject public key info. A server without a name after # is known by them alone.",
    },
    Setting {
        section: Section::Upstream,
        key: "insecure",
        kind: Kind::Switch,
        silent: Silent::Value("false"),
        doc: "Whether a tls:// server may go without a name and pins. It is then not known who answers: whoever is on the path can.",
    },
    Setting {
        section: Section::Upstream,
        key: "timeout",
        kind: Kind::Duration { minimum: Duration::from_millis(100), maximum: Duration::from_secs(60) },
        silent: Silent::Value("\"4500ms\""),
        doc: "How long a query may take over all servers of the group. Then the client gets SERVFAIL.",
    },
    Setting {
        section: Section::Upstream,
        key: "try-timeout",
        kind: Kind::Duration { minimum: Duration::from_millis(50), maximum: Duration::from_secs(60) },
        silent: Silent::Value("\"2s\""),
        doc: "How long one server may take before the next is asked.",
    },
    Setting {
        section: Section::Upstream,
        key: "connections",
        kind: Kind::Integer { minimum: 1, maximum: 16, unit: "connections" },
        silent: Silent::Value("2"),
        doc: "TCP or TLS connections from one worker to one server. One is used unless it is full, or the server is found to answer strictly \
              in order, so that a slow name delays those behind it: for such a server more than the default may help.",
    },
    Setting {
        section: Section::Upstream,
        key: "pipeline",
        kind: Kind::Integer { minimum: 1, maximum: 65_535, unit: "queries" },
        silent: Silent::Value("4096"),
        doc: "Queries that wait on one connection before another is opened. A query's 16-bit ID is the upper limit.",
    },
    Setting {
        section: Section::Upstream,
        key: "idle-timeout",
        kind: Kind::Duration { minimum: Duration::from_millis(100), maximum: Duration::from_secs(3600) },
        silent: Silent::Value("\"30s\""),
        doc: "How long an unused connection is kept, unless the server is known to close it sooner.",
    },
    Setting {
        section: Section::Upstream,
        key: "max-age",
        kind: Kind::Duration { minimum: Duration::from_secs(1), maximum: DAY },
        silent: Silent::Value("\"10m\""),
        doc: "Age at which a connection is replaced, give or take 20 %, so that a server which was added or moved is found.",
    },
    Setting {
        section: Section::Upstream,
        key: "padding",
        kind: Kind::Integer { minimum: 0, maximum: 468, unit: "bytes" },
        silent: Silent::Value("128"),
        doc: "Queries over TLS are padded to a multiple of this, so that their length tells little (RFC 8467). 0 pads nothing.",
    },
    Setting {
        section: Section::Upstream,
        key: "case-randomization",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether queries over UDP carry random letter case, which an attacker must guess as well. It is switched off by itself for \
              servers that do not echo it.",
    },
    Setting {
        section: Section::Upstream,
        key: "cookies",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether queries over UDP carry cookies (RFC 7873), which an attacker must guess as well. A server that has shown that it knows \
              them is believed only with ours in its answers; one that does not know them is asked as before.",
    },
    Setting {
        section: Section::Upstream,
        key: "udp-sockets",
        kind: Kind::Integer { minimum: 16, maximum: 4096, unit: "sockets" },
        silent: Silent::Value("512"),
        doc: "UDP sockets that one worker may have open to one server; each query leaves from a random port (RFC 5452).",
    },
    //------ [[zone]] --------------------------------------------------------
    Setting {
        section: Section::Zone,
        key: "name",
        kind: Kind::Domain,
        silent: Silent::Required { example: "\".\"" },
        doc: "The suffix: all names that end in it, and itself.",
    },
    Setting {
        section: Section::Zone,
        key: "upstream",
        kind: Kind::Label,
        silent: Silent::Required { example: "\"internet\"" },
        doc: "The name of the group that is asked.",
    },
    Setting {
        section: Section::Zone,
        key: "class",
        kind: Kind::Choice(Class::NAMES),
        silent: Silent::Value("\"public\""),
        doc: "Whose names these are: \"internal\" for the cluster's or company's own, \"public\" for everybody's.",
    },
    Setting {
        section: Section::Zone,
        key: "dnssec",
        kind: Kind::Choice(Dnssec::NAMES),
        silent: Silent::Derived {
            words: "\"forward\" for a public zone, \"off\" for an internal one",
            example: "\"forward\"",
        },
        doc: "\"off\" asks for no DNSSEC records. \"forward\" asks for them if the client does and passes them on; the servers' verdict (AD) \
              is passed on only if it came over authenticated TLS. \"validate\" always asks for them and verifies them here, up to the \
              keys of the root or of dnssec.trust-anchors: an answer that is forged or broken is a SERVFAIL that says why, unless the \
              client asked for unvalidated data (CD).",
    },
    Setting {
        section: Section::Zone,
        key: "negative-trust-anchors",
        kind: Kind::Suffixes,
        silent: Silent::Value("[]"),
        doc: "Suffixes whose names are answered without being validated where dnssec is \"validate\" (RFC 7646), for a domain whose \
              operators have broken it. Zones that are not validated and the reverse zones of private addresses are among \
              them by themselves.",
    },
    Setting {
        section: Section::Zone,
        key: "max-ttl",
        kind: Kind::Ttl { minimum: Duration::ZERO, maximum: Duration::from_secs(7 * 86_400) },
        silent: Silent::Value("\"1d\""),
        doc: "The longest time a positive answer is kept. 0s keeps nothing.",
    },
    Setting {
        section: Section::Zone,
        key: "min-ttl",
        kind: Kind::Ttl { minimum: Duration::ZERO, maximum: Duration::from_secs(3600) },
        silent: Silent::Value("\"0s\""),
        doc: "The shortest time a positive answer is kept, whatever its TTL says. Above 0s, changes of a name are seen late.",
    },
    Setting {
        section: Section::Zone,
        key: "max-negative-ttl",
        kind: Kind::Ttl { minimum: Duration::ZERO, maximum: DAY },
        silent: Silent::Derived { words: "5s for an internal zone, 30s for a public one", example: "\"30s\"" },
        doc: "The longest time a negative answer is kept (RFC 2308 section 5). 0s keeps none.",
    },
    Setting {
        section: Section::Zone,
        key: "serve-stale",
        kind: Kind::Ttl { minimum: Duration::ZERO, maximum: Duration::from_secs(7 * 86_400) },
        silent: Silent::Derived { words: "as [cache] says", example: "\"1d\"" },
        doc: "For how long after its expiry an answer may still be given when no server gives a better one.",
    },
    Setting {
        section: Section::Zone,
        key: "servfail",
        kind: Kind::Duration { minimum: Duration::ZERO, maximum: Duration::from_secs(300) },
        silent: Silent::Derived { words: "as [cache] says", example: "\"2s\"" },
        doc: "For how long a failure is answered without asking again.",
    },
    Setting {
        section: Section::Zone,
        key: "prefetch",
        kind: Kind::Integer { minimum: 0, maximum: 65_535, unit: "uses" },
        silent: Silent::Derived { words: "as [cache] says", example: "10" },
        doc: "Uses in its lifetime that make an answer worth asking for again before it expires.",
    },
    Setting {
        section: Section::Zone,
        key: "nxdomain-cut",
        kind: Kind::Switch,
        silent: Silent::Derived { words: "true for a public zone, false for an internal one", example: "true" },
        doc: "Whether a name that does not exist has none below it (RFC 8020): the denial of \"com.svc.cluster.local\" then answers for \
              \"api.example.com.svc.cluster.local\". Right for every server that keeps the standard; those of companies do not always.",
    },
    Setting {
        section: Section::Zone,
        key: "no-types",
        kind: Kind::Types,
        silent: Silent::Value("[]"),
        doc: "Types of records that no client is shown, such as \"AAAA\" where nothing has IPv6. A name that exists is answered with no \
              data, one that does not with NXDOMAIN: whether it does is known from its A records, so that one query at the servers \
              answers for all. Clients that ask for signatures are left out where dnssec is \"forward\".",
    },
];
