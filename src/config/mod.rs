//! The validated configuration: the only form of it that leaves this folder.
//!
//! A TOML file becomes a [`Config`] in three steps: its text is read into a table that keeps line numbers, each key is looked up in
//! the one table of options (`options`), and what only makes sense together is checked last. All mistakes of a file are
//! reported in one run. Defaults, reference file and error messages come from the same table, so that they cannot disagree.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};

// What there is to say.
mod choice;
mod options;

// From text to values.
mod address;
mod mistake;
mod prefixes;
mod raw;
mod units;
mod value;

// From values to a configuration.
mod believed;
mod environment;
mod load;
mod loops;
mod observing;
mod rebinding;
mod resolv;
mod rewriting;
mod rules;
mod running;
mod sections;
mod source;
mod upstream;
mod zone;

// And back to text.
mod page;
mod reference;
mod render;

#[cfg(test)]
mod tests;

pub use environment::Environment;
pub use load::{Loaded, Origin};
pub(crate) use loops::{BEHIND_THE_STUB, is_stub};
pub(crate) use mistake::nearest;
pub use mistake::{Fault, Mistake};
pub use observing::{
    ClientSource, Clients, Control, Detect, DetectMode, Endpoint, Health, LogClients, LogFormat, LogOutput,
    MetricNames, QueryClass, QueryLog, Rotated, Rotation,
};
pub use page::manual_page;
pub use prefixes::Prefixes;
pub use reference::reference;
#[doc(hidden)]
pub use resolv::parse as nameservers;
pub use rewriting::{Answers, Dns64, Matching, Rewrite, Route, Template, ZoneHosts, ZoneRules};
pub use running::digest;
pub use source::{LONGEST_FILE, Source, Written, check_part, read_text};
pub(crate) use units::print_duration;
pub(crate) use value::quote;

/// Everything an operator can say, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where clients ask.
    pub listen: Listen,
    /// How much may go on at once.
    pub limits: Limits,
    /// The answers that are kept.
    pub cache: Cache,
    /// The names that never leave the node.
    pub local: Local,
    /// What is not answered, whoever knows it.
    pub policy: Policies,
    /// Whom zones that are validated trust.
    pub dnssec: Trust,
    /// The addresses that no public name may have.
    pub rebinding: Rebinding,
    /// Groups of servers that are asked on a miss.
    pub upstreams: Vec<Upstream>,
    /// Which names go to which group, and under which rules. Always holds one zone for the root.
    pub zones: Vec<Zone>,
    /// Questions that are asked in another form, in the order in which they are tried.
    pub rewrites: Vec<Rewrite>,
    /// Answers that are made of the question, in the order in which they are tried.
    pub templates: Vec<Template>,
    /// The Prometheus endpoint.
    pub metrics: Endpoint,
    /// The health and readiness endpoint.
    pub health: Health,
    /// What the daemon says of itself on standard error.
    pub log: Log,
    /// Which answers leave a line, and where.
    pub query_log: QueryLog,
    /// What looks like an attack.
    pub detect: Detect,
    /// Who knows which pod an address belongs to.
    pub clients: Clients,
    /// Where an operator asks.
    pub control: Control,
    /// The process behind the one that answers.
    pub supervisor: Supervisor,
    /// What the process that answers gives up.
    pub sandbox: Sandbox,
    /// The link that carries the listen addresses.
    pub interface: Interface,
    /// Packet rules of the node.
    pub rules: Rules,
}

impl Config {
    /// Whether it says what is to be done with questions and answers: rewriting, templates, access lists, hosts of zones and the like.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        let rules = self.rewrites.len() + self.templates.len() + self.local.whoami.len();
        rules > 0 || self.zones.iter().any(|zone| !zone.rules.is_silent())
    }

    /// Whether link or packet rules of the node are made and looked after.
    #[must_use]
    pub fn manages_node(&self) -> bool {
        self.interface.manage || self.rules.backend != RulesBackend::None
    }
}

/// `[listen]`: where clients ask, and for how long they may hold on.
#[derive(Clone, Debug, PartialEq)]
pub struct Listen {
    /// UDP and TCP addresses; never empty. Port 0 takes a free one, the same for both.
    pub addresses: Vec<SocketAddr>,
    /// Threads that answer, 1–64.
    pub workers: usize,
    /// Who may ask; empty is everybody.
    pub allow: Prefixes,
    /// The largest UDP answer in bytes, 512–4096 (RFC 9715 and DNS flag day 2020: 1232).
    pub udp_size: u16,
    /// How long a TCP connection may stay silent (RFC 7766 section 6.2.3).
    pub tcp_idle_timeout: Duration,
    /// How long queries in hand may take after SIGTERM.
    pub drain_timeout: Duration,
}

/// `[limits]`: every bound on work that a stranger can cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Distinct questions waiting for an upstream, over all workers.
    pub in_flight: usize,
    /// Clients waiting for those questions, over all workers.
    pub waiting: usize,
    /// TCP connections of clients, over all workers.
    pub tcp_connections: usize,
    /// TCP connections of one client address, over all workers.
    pub tcp_connections_per_client: usize,
    /// Queries of one TCP connection waiting for an answer; more are left in the socket.
    pub tcp_pipeline: usize,
    /// Queries a second that one client may ask in the long run, over all workers; 0 is as many as it likes.
    pub client_rate: u32,
    /// Queries that a client who was silent may ask at once.
    pub client_burst: u32,
    /// Clients that may ask as many as they like.
    pub client_rate_exempt: Prefixes,
}

/// `[cache]`
#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// Bytes of answers kept, over all workers, negative ones not counted.
    pub size: u64,
    /// Bytes of negative answers kept, over all workers.
    pub negative_size: u64,
    /// Whether A and AAAA sets of an answer change their order from hit to hit.
    pub rotate: bool,
    /// For how long after its expiry an answer may be given when no server gives a better one (RFC 8767); zero is never.
    pub serve_stale: Duration,
    /// For how long a failure is answered without asking again (RFC 9520); zero is not at all.
    pub servfail: Duration,
    /// Uses within its lifetime that make an answer worth a refresh before it expires; 0 refreshes nothing.
    pub prefetch: u16,
    /// The file that keeps the answers over a restart; `None` is none.
    pub snapshot: Option<PathBuf>,
    /// The longest that file may be, in bytes.
    pub snapshot_size: u64,
    /// How often it is written.
    pub snapshot_interval: Duration,
}

/// `[sandbox]`: what the process that answers gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether it gives up anything.
    pub enabled: bool,
    /// Who it is when it was started as root: a name or a number; empty is the default.
    pub user: String,
}

/// `[supervisor]`: the process behind the one that answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Supervisor {
    /// Time without a sign of life after which a worker is killed.
    pub hang_timeout: Duration,
    /// How often a worker leaves its answers.
    pub snapshot_interval: Duration,
    /// The socket of hand-overs; `None` is none.
    pub socket: Option<PathBuf>,
    /// Whether a process stays when another one has taken over.
    pub linger: bool,
}

/// `[local]`: what the node answers from its own knowledge.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// Whether the special-use names of RFC 6761 and the empty reverse zones of RFC 6303 are answered here.
    pub special_use: bool,
    /// A file in the form of /etc/hosts whose names are answered here.
    pub hosts: Option<PathBuf>,
    /// Records in zone-file form ("name TTL TYPE data") that are answered here.
    pub records: Vec<String>,
    /// Suffixes whose names do not exist, whatever an upstream would say: lower-case, without the last dot; a "*" stands for one label.
    pub dead_suffixes: Vec<String>,
    /// The answer to `id.server` CH TXT (RFC 4892); `None`, the default, hides it.
    pub identity: Option<String>,
    /// The answer to `version.server` CH TXT; `None`, the default, hides it.
    pub version: Option<String>,
    /// What is told to queries that ask who answers (RFC 5001); empty is nothing.
    pub nsid: String,
    /// Suffixes whose names tell the client where it asks from: lower-case, without the last dot.
    pub whoami: Vec<String>,
}

/// `[policy]`: what is not answered, whoever knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Suffixes whose names are denied, all below them included: lower-case, without the last dot; never the root.
    pub block: Vec<String>,
    /// A file with more of them.
    pub block_file: Option<PathBuf>,
    /// Suffixes below those, or equal to them, whose names are answered nevertheless.
    pub unblock: Vec<String>,
    /// Types that are refused.
    pub refuse_types: Vec<u16>,
}

/// `[dnssec]`: what zones with `dnssec = "validate"` have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// A file of DS and DNSKEY records that are trusted; `None` is the root's keys alone, which are built in.
    pub anchors: Option<PathBuf>,
}

/// `[rebinding]`: the addresses that no public name may have, besides those that are never public (RFC 6890).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebinding {
    /// Those of pods, services and other networks that are reached from here alone.
    pub private: Vec<IpNet>,
    /// Those that count as public all the same.
    pub public: Vec<IpNet>,
    /// Prefixes of the network's own NAT64 (RFC 6052 section 2.2), of 32, 40, 48, 56, 64 or 96 bits.
    pub nat64: Vec<Ipv6Net>,
    /// Whether the addresses of this machine's interfaces are among them.
    pub own_addresses: bool,
    /// Whether 0.0.0.0 and :: are.
    pub null: bool,
}

/// `[[upstream]]`: a group of servers with the same knowledge.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// What zones call it.
    pub name: String,
    /// From 1 to [`MOST_SERVERS`]. Either all of them are `tls` or none is, so that no failure leads to plain text.
    pub servers: Vec<Server>,
    /// Which of them is asked.
    pub policy: Policy,
    /// Certificates that `tls` servers must chain to; `None` is the system's store.
    pub ca: Option<PathBuf>,
    /// SHA-256 digests of acceptable subject public key infos (RFC 7858 section 4.2); empty asks for none.
    pub pins: Vec<[u8; 32]>,
    /// How long one query may take over all servers.
    pub timeout: Duration,
    /// How long one server may take before the next is asked.
    pub try_timeout: Duration,
    /// TCP or TLS connections to one server from one worker, 1–16.
    pub connections: usize,
    /// Queries waiting on one connection before another is opened.
    pub pipeline: usize,
    /// How long an unused connection is kept, if the server does not close it sooner.
    pub idle_timeout: Duration,
    /// Age at which a connection is replaced; each gets a jitter of 20 %.
    pub max_age: Duration,
    /// Block size in bytes that queries over TLS are padded to (RFC 8467); 0 pads nothing.
    pub padding: u16,
    /// Whether UDP queries carry random letter case (draft-vixie-dnsext-dns0x20).
    pub case_randomization: bool,
    /// Whether UDP queries carry cookies (RFC 7873).
    pub cookies: bool,
    /// Most UDP sockets open to one server from one worker.
    pub udp_sockets: usize,
}

impl Upstream {
    /// What one of the servers must prove, as metrics call it: `name`, `pins`, both, or `none`. Plain servers prove nothing.
    #[must_use]
    pub fn proof(&self, server: &Server) -> &'static str {
        match (server.transport, &server.authentication) {
            (Transport::Tls, Some(Authentication::Name(_))) if self.pins.is_empty() => "name",
            (Transport::Tls, Some(Authentication::Name(_))) => "name+pins",
            (Transport::Tls, None) => "pins",
            _ => "none",
        }
    }
}

/// Most servers in a group: as many as a worker can tick off in one word. Far more than anybody lists.
pub const MOST_SERVERS: usize = 64;

/// Which server of a group is asked first, and which next; a server that is down is passed over by all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The better one of two taken at random, by answer time and queries under way.
    Fastest,
    /// The first one listed; the next when it fails.
    Sequential,
    /// Each in its turn.
    RoundRobin,
    /// Any.
    Random,
}

/// One server of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// How it is spoken to.
    pub transport: Transport,
    /// Where it is, and what it is called by in metrics.
    pub address: SocketAddr,
    /// Where it is besides. The addresses are tried IPv6 first, a quarter of a second apart (RFC 8305); the one that works is kept.
    pub further: Vec<SocketAddr>,
    /// The name its certificate must carry, `tls` only; `None` if it is known by pins alone.
    pub authentication: Option<Authentication>,
}

impl Server {
    /// All its addresses, in the configured order.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        std::iter::once(self.address).chain(self.further.iter().copied())
    }
}

/// What a TLS server's certificate must prove.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Authentication {
    /// The certificate is for this name or address (RFC 8310 section 8.1).
    Name(String),
    /// Nothing is checked. Only when the operator spelled out `insecure = true`.
    Nothing,
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// DNS over TLS (RFC 7858), port 853.
    Tls,
    /// DNS over TCP (RFC 7766), port 53.
    Tcp,
    /// DNS over UDP, TCP when an answer is truncated; port 53.
    Udp,
    /// As `Udp`, but a truncated answer is passed on where TCP fails.
    Auto,
}

/// `[[zone]]`: a suffix and the rules for names under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// The suffix, lower-case, without the last dot; "." is the root.
    pub name: String,
    /// Position of the group in [`Config::upstreams`].
    pub upstream: usize,
    /// Whose names they are.
    pub class: Class,
    /// What is done about DNSSEC.
    pub dnssec: Dnssec,
    /// Suffixes whose names are not validated (RFC 7646): lower-case, without the last dot.
    pub negative_trust_anchors: Vec<String>,
    /// Longest time a positive answer is kept.
    pub max_ttl: Duration,
    /// Shortest time a positive answer is kept, if it may be kept at all.
    pub min_ttl: Duration,
    /// Longest time a negative answer is kept (RFC 2308 section 5).
    pub max_negative_ttl: Duration,
    /// As [`Cache::serve_stale`], for names of this zone.
    pub serve_stale: Duration,
    /// As [`Cache::servfail`], for names of this zone.
    pub servfail: Duration,
    /// As [`Cache::prefetch`], for names of this zone.
    pub prefetch: u16,
    /// Whether the NXDOMAIN of a name answers for the names below it (RFC 8020).
    pub nxdomain_cut: bool,
    /// Types of which no name of the zone has records, whatever its servers would say; never A.
    pub no_types: Vec<u16>,
    /// What becomes of answers with addresses that are not public.
    pub rebinding: ZoneRebinding,
    /// As [`QueryLog::classes`], for names of this zone.
    pub query_log: Vec<QueryClass>,
    /// As [`Detect::mode`], for names of this zone.
    pub detect: DetectMode,
    /// Who may ask for its names, which of them are answered from a hosts file, and which have addresses made up.
    pub rules: ZoneRules,
}

/// `zone.rebinding`: what becomes of answers that lead from a name of the zone to an address of [`Rebinding`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneRebinding {
    /// Whether they are looked for.
    pub mode: RebindingMode,
    /// What is left of one that is blocked.
    pub action: RebindingAction,
    /// Names that may have such addresses.
    pub exempt: Vec<Exemption>,
    /// Sets of such names.
    pub presets: Vec<Preset>,
}

/// Whether a zone's answers are judged by their addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RebindingMode {
    /// They are, and what offends does not pass.
    Block,
    /// They are, and what offends is counted, logged and passes.
    Report,
    /// They are not.
    #[default]
    Off,
}

/// What is left of an answer that is blocked; all of them carry the extended error 15 (RFC 8914 section 4.16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RebindingAction {
    /// That the name has no such data.
    #[default]
    NoData,
    /// REFUSED.
    Refuse,
    /// The records that do not offend; no data if there are none.
    Strip,
}

/// Names that may have addresses which are not public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The suffix, lower-case, without the last dot; one label may be a star.
    pub suffix: String,
    /// The addresses they may have; empty is any.
    pub within: Vec<IpNet>,
}

/// Sets of names that are known to have such addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Amazon's services inside a virtual network.
    Aws,
    /// Microsoft's.
    Azure,
    /// Google's.
    Gcp,
    /// Media servers at home.
    Plex,
    /// Block lists of mail servers: 127.0.0.0/8 alone.
    Dnsbl,
}

/// Whose names a zone holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The cluster's or the company's own; private addresses are expected.
    Internal,
    /// Anybody's.
    Public,
}

/// What happens with DNSSEC in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dnssec {
    /// Not asked for: DO is not passed on, AD never set.
    Off,
    /// DO, CD and AD pass; AD is believed only of an authenticated server over TLS.
    Forward,
    /// Signatures are asked for and verified here; AD is our own verdict, and what is forged is not given.
    Validate,
}

impl Preset {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as choice::Choice>::VALUES;

    /// What the configuration calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        choice::Choice::name(self)
    }
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written.
    pub level: Level,
    /// Lines for people or for machines.
    pub format: Format,
}

/// `[interface]`: the link that carries the listen addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Whether it is made, repaired and taken down by the daemon.
    pub manage: bool,
    /// Its name, at most 15 bytes.
    pub name: String,
    /// How often it is looked at even if the kernel tells of no change.
    pub interval: Duration,
    /// Whether a link of that name that somebody else has made is used.
    pub take_over: bool,
    /// Whether it is deleted at the end.
    pub teardown: bool,
}

/// `[rules]`: packet rules of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who makes them.
    pub backend: RulesBackend,
    /// How often they are compared with what they should be.
    pub interval: Duration,
    /// How long they hold after the last word that the daemon answers; nftables alone.
    pub timeout: Duration,
    /// Servers that answer for node-local addresses when we are gone; nftables alone. Empty refuses such queries.
    pub fallback: Vec<SocketAddr>,
    /// Prefixes of listen addresses for which nobody else has rules.
    pub node_local: Vec<IpNet>,
    /// Whether they are removed at the end.
    pub teardown: bool,
}

/// Who makes packet rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesBackend {
    /// Nobody.
    None,
    /// The daemon itself, by netlink.
    Nftables,
    /// `iptables-restore` and `ip6tables-restore`.
    Iptables,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something broke.
    Error,
    /// Something is odd.
    Warn,
    /// The daemon's life.
    Info,
    /// For those who look for a fault.
    Debug,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `key=value`
    Text,
    /// One JSON object a line.
    Json,
}
