//! `[query-log]`, `[detect]`, `[clients]` and `[control]`: what they hold, and how they are put together.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::choice::Choice;
use super::environment::Environment;
use super::mistake::{Fault, Report};
use super::options::Section;
use super::raw::{Raw, default};
use super::sections::choice;
use super::value::{At, Value};
use super::{Class, Config, Prefixes};

/// `[query-log]`: which answers leave a line, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryLog {
    /// Which are logged, where a zone does not say; empty is none.
    pub classes: Vec<QueryClass>,
    /// One in so many is logged.
    pub sample: u32,
    /// How a line looks.
    pub format: LogFormat,
    /// Where it goes.
    pub output: LogOutput,
    /// When a file is closed, and what becomes of it.
    pub rotation: Rotation,
    /// How clients are named.
    pub clients: LogClients,
    /// What is left of an IPv4 address where only prefixes are named, 0–32 bits.
    pub prefix_v4: u8,
    /// What is left of an IPv6 address, 0–128 bits.
    pub prefix_v6: u8,
    /// Bytes of each worker for what is not written yet.
    pub buffer: usize,
}

/// When a file of the query log is closed, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Size in bytes at which it is.
    pub size: u64,
    /// Age at which it is.
    pub every: Duration,
    /// Bytes of all files together.
    pub all: u64,
    /// How closed files are kept.
    pub closed: Rotated,
}

/// Which answers are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryClass {
    /// All.
    All,
    /// NOERROR with records.
    Success,
    /// NXDOMAIN and NODATA (RFC 9499).
    Denial,
    /// Any other code.
    Error,
    /// A server had to be asked.
    External,
    /// Withheld by rebinding filter, block list or detection.
    Blocked,
    /// SERVFAIL, since no server gave an answer; not from memory.
    Failure,
}

/// How a line of the query log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// As that of CoreDNS's plugin log.
    Coredns,
    /// An object of JSON.
    Json,
    /// Messages in protocol buffers (dnstap.info).
    Dnstap,
}

/// Where the query log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// A file, with others of its name beside it.
    File(PathBuf),
    /// A stream socket that somebody else listens at.
    Socket(PathBuf),
}

/// What becomes of a closed file of the query log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// It is compressed.
    Gzip,
    /// It stays as it is.
    Plain,
}

/// How clients are named in the query log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogClients {
    /// By address.
    Plain,
    /// By the prefix that it lies in.
    Prefix,
    /// By a name that is the same for a day and says nothing.
    Pseudonym,
}

/// `[detect]`: what is looked for, and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// What follows, where a zone does not say.
    pub mode: DetectMode,
    /// Suffixes whose names are nobody's tunnel: lower-case, without the last dot.
    pub exempt: Vec<String>,
    /// Whether the built-in list is exempt, too.
    pub built_in_exempt: bool,
    /// Queries a second of one client above which it floods.
    pub flood_rate: u32,
    /// NXDOMAIN answers a second to one client above which it storms.
    pub denial_rate: u32,
    /// How long what follows lasts after the last sign.
    pub hold: Duration,
    /// Queries a second that are let through for a client and domain that are limited.
    pub limit: u32,
}

/// What follows a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetectMode {
    /// Nothing is looked for.
    Off,
    /// It is noted.
    Observe,
    /// Somebody is warned.
    Alert,
    /// Besides, new names of the domain are let through slowly.
    RateLimit,
    /// Besides, they are refused.
    Block,
}

/// `[clients]`: who knows which pod an address belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Clients {
    /// Who is asked.
    pub source: ClientSource,
    /// Its URL; empty if nobody is asked.
    pub address: String,
    /// A file with the token to show.
    pub token: Option<PathBuf>,
    /// Certificates that its own must chain to; `None` is the system's store.
    pub ca: Option<PathBuf>,
    /// What the cluster calls this node.
    pub node: String,
    /// How often a kubelet is asked.
    pub refresh: Duration,
}

impl Clients {
    /// Where the source is, and whether the connection to it is encrypted.
    ///
    /// # Errors
    ///
    /// What is wrong with the URL, and what would be right. A name in it would have to be looked up, by this daemon.
    pub fn server(&self) -> Result<(SocketAddr, bool), (String, &'static str)> {
        let wrong = |what: &str, right| Err((format!("{:?} {what}", self.address), right));
        let example = match self.source {
            ClientSource::Kubelet => "such as \"https://127.0.0.1:10250\"",
            ClientSource::None | ClientSource::ApiServer => "such as \"https://10.96.0.1\"",
        };
        let (encrypted, rest) = match (self.address.strip_prefix("https://"), self.address.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ if self.address.is_empty() => return Err(("it is not said where the source is".to_owned(), example)),
            _ => return wrong("is no URL", example),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let bare = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(rest);
        let port = if encrypted { 443 } else { 80 };
        let address = rest.parse().or_else(|_| bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, port)));
        match address {
            Err(_) => wrong("has no address in it", "an address: it is this daemon that looks names up"),
            Ok(_) if !encrypted && self.token.is_some() => {
                wrong("would show the token to everybody on the way", "https://, or no token")
            }
            Ok(address) => Ok((address, encrypted)),
        }
    }
}

/// Who knows the pods of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSource {
    /// Nobody.
    None,
    /// The node's kubelet.
    Kubelet,
    /// The cluster's API server.
    ApiServer,
}

/// `[metrics]`: HTTP addresses of our own.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Where it listens; empty is nowhere.
    pub listen: Vec<SocketAddr>,
    /// Who may ask; empty is everybody.
    pub allow: Prefixes,
    /// Which of CoreDNS's names there are.
    pub names: MetricNames,
}

/// Which of CoreDNS's metrics there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricNames {
    /// Those that say something here.
    #[default]
    Few,
    /// All that a CoreDNS of today has and that mean anything here.
    Coredns,
    /// Also those that older ones had.
    All,
}

/// `[health]`: HTTP addresses of our own.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Where `/health` and `/ready` are; empty is nowhere.
    pub listen: Vec<SocketAddr>,
    /// Where `/ready` alone is besides.
    pub ready_listen: Vec<SocketAddr>,
    /// Who may ask; empty is everybody.
    pub allow: Prefixes,
}

/// `[control]`: where an operator asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The socket; `None` is none.
    pub socket: Option<PathBuf>,
}

//------ Words -----------------------------------------------------------------

impl Choice for QueryClass {
    const NAMES: &'static [&'static str] = &["all", "success", "denial", "error", "external", "blocked", "failure"];
    const VALUES: &'static [Self] =
        &[Self::All, Self::Success, Self::Denial, Self::Error, Self::External, Self::Blocked, Self::Failure];
}

impl Choice for LogFormat {
    const NAMES: &'static [&'static str] = &["coredns", "json", "dnstap"];
    const VALUES: &'static [Self] = &[Self::Coredns, Self::Json, Self::Dnstap];
}

impl Choice for Rotated {
    const NAMES: &'static [&'static str] = &["gzip", "none"];
    const VALUES: &'static [Self] = &[Self::Gzip, Self::Plain];
}

impl Choice for LogClients {
    const NAMES: &'static [&'static str] = &["plain", "prefix", "pseudonym"];
    const VALUES: &'static [Self] = &[Self::Plain, Self::Prefix, Self::Pseudonym];
}

impl Choice for DetectMode {
    const NAMES: &'static [&'static str] = &["off", "observe", "alert", "rate-limit", "block"];
    const VALUES: &'static [Self] = &[Self::Off, Self::Observe, Self::Alert, Self::RateLimit, Self::Block];
}

impl Choice for ClientSource {
    const NAMES: &'static [&'static str] = &["none", "kubelet", "api-server"];
    const VALUES: &'static [Self] = &[Self::None, Self::Kubelet, Self::ApiServer];
}

impl LogOutput {
    /// As it is written in a file.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Stdout => "stdout".to_owned(),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Socket(path) => format!("unix:{}", path.display()),
        }
    }

    /// What those words mean; `None` for others.
    fn named(words: &str) -> Option<Self> {
        let absolute =
            |path: &str| Some(PathBuf::from(path)).filter(|path| path.is_absolute() && !words.contains('\0'));
        match words.split_once(':') {
            None if words == "stdout" => Some(Self::Stdout),
            Some(("file", path)) => absolute(path).filter(|path| path.file_name().is_some()).map(Self::File),
            Some(("unix", path)) => absolute(path).map(Self::Socket),
            _ => None,
        }
    }
}

impl Config {
    /// Whether any answer leaves a line in the query log.
    #[must_use]
    pub fn records_queries(&self) -> bool {
        !self.query_log.classes.is_empty() || self.zones.iter().any(|zone| !zone.query_log.is_empty())
    }
}

//------ And back to text ------------------------------------------------------

impl Config {
    /// The value of an option of these sections; `None` if there is none to write.
    pub(super) fn observing_value(&self, section: Section, key: &str) -> Option<Value> {
        let (log, detect, clients) = (&self.query_log, &self.detect, &self.clients);
        let text = |text: &str| Value::Text(text.to_owned());
        let path = |path: &Option<PathBuf>| Some(text(&path.as_ref()?.to_string_lossy()));
        Some(match (section, key) {
            (Section::QueryLog, "classes") => class_words(&log.classes),
            (Section::QueryLog, "sample") => Value::Integer(log.sample.into()),
            (Section::QueryLog, "format") => text(log.format.name()),
            (Section::QueryLog, "output") => Value::Text(log.output.words()),
            (Section::QueryLog, "rotate-size") => Value::Size(log.rotation.size),
            (Section::QueryLog, "rotate-every") => Value::Duration(log.rotation.every),
            (Section::QueryLog, "max-size") => Value::Size(log.rotation.all),
            (Section::QueryLog, "compress") => text(log.rotation.closed.name()),
            (Section::QueryLog, "clients") => text(log.clients.name()),
            (Section::QueryLog, "prefix-v4") => Value::Integer(log.prefix_v4.into()),
            (Section::QueryLog, "prefix-v6") => Value::Integer(log.prefix_v6.into()),
            (Section::QueryLog, "buffer") => Value::Size(u64::try_from(log.buffer).unwrap_or(u64::MAX)),
            (Section::Detect, "mode") => text(detect.mode.name()),
            (Section::Detect, "exempt") => {
                Value::Lines(detect.exempt.iter().map(|suffix| At::nowhere(suffix.clone())).collect())
            }
            (Section::Detect, "built-in-exempt") => Value::Switch(detect.built_in_exempt),
            (Section::Detect, "flood-rate") => Value::Integer(detect.flood_rate.into()),
            (Section::Detect, "denial-rate") => Value::Integer(detect.denial_rate.into()),
            (Section::Detect, "hold") => Value::Duration(detect.hold),
            (Section::Detect, "limit") => Value::Integer(detect.limit.into()),
            (Section::Clients, "source") => text(clients.source.name()),
            (Section::Clients, "address") => text(&clients.address),
            (Section::Clients, "token") => return path(&clients.token),
            (Section::Clients, "ca") => return path(&clients.ca),
            (Section::Clients, "node") => text(&clients.node),
            (Section::Clients, "refresh") => Value::Duration(clients.refresh),
            (Section::Control, "socket") => return path(&self.control.socket),
            _ => return super::render::unknown(section, key),
        })
    }
}

/// Some of a few words, as a value.
pub(super) fn class_words(classes: &[QueryClass]) -> Value {
    Value::Lines(classes.iter().map(|class| At::nowhere(class.name().to_owned())).collect())
}

//------ From the file -----------------------------------------------------------

/// Some of a few words.
pub(super) fn classes(raw: &Raw, key: &str) -> Option<Vec<QueryClass>> {
    let written: Option<Vec<At<String>>> = raw.given(key);
    written.map(|words| words.iter().filter_map(|at| QueryClass::named(&at.value)).collect())
}

/// `[query-log]`
pub(super) fn query_log(raw: &Raw, report: &mut Report<'_>) -> QueryLog {
    let words: String = raw.value("output");
    let output = LogOutput::named(&words).unwrap_or_else(|| {
        let fault = Fault::new(
            format!("{words:?} is no place for the query log"),
            "\"stdout\", \"file:/PATH\" or \"unix:/PATH\", with an absolute path",
        );
        report.mistake(raw.place("output"), raw.path("output"), fault);
        LogOutput::Stdout
    });
    let all: u64 = raw.value("max-size");
    let rotation = Rotation {
        size: raw.given("rotate-size").unwrap_or_else(|| (all / 8).min(default(Section::QueryLog, "rotate-size"))),
        every: raw.value("rotate-every"),
        all,
        closed: choice(raw, "compress"),
    };
    // One that is written and one that is closed are the least that can be kept.
    if rotation.size > rotation.all / 2 && !raw.has_failed("rotate-size") && !raw.has_failed("max-size") {
        let key = if raw.given::<u64>("max-size").is_some() { "max-size" } else { "rotate-size" };
        let fault = Fault::new(
            "rotate-size is more than half of max-size, so that no closed file could be kept",
            "a max-size of at least twice as much",
        );
        report.mistake(raw.place(key), raw.path(key), fault);
    }
    let bits = |key: &str| u8::try_from(raw.value::<u32>(key)).unwrap_or(u8::MAX);
    QueryLog {
        classes: classes(raw, "classes").unwrap_or_default(),
        sample: raw.value("sample"),
        format: choice(raw, "format"),
        output,
        rotation,
        clients: choice(raw, "clients"),
        prefix_v4: bits("prefix-v4"),
        prefix_v6: bits("prefix-v6"),
        buffer: raw.value("buffer"),
    }
}

/// `[detect]`
pub(super) fn detect(raw: &Raw) -> Detect {
    let exempt: Vec<At<String>> = raw.value("exempt");
    Detect {
        mode: choice(raw, "mode"),
        exempt: exempt.into_iter().map(|at| at.value).collect(),
        built_in_exempt: raw.value("built-in-exempt"),
        flood_rate: raw.value("flood-rate"),
        denial_rate: raw.value("denial-rate"),
        hold: raw.value("hold"),
        limit: raw.value("limit"),
    }
}

/// `detect` of a zone.
pub(super) fn zone_mode(raw: &Raw, class: Class, outer: &Detect) -> DetectMode {
    match (raw.given::<String>("detect"), class) {
        (Some(_), _) => choice(raw, "detect"),
        (None, Class::Public) => outer.mode,
        // Nothing leaves by names of the cluster's own.
        (None, Class::Internal) => DetectMode::Off,
    }
}

/// `[clients]`
pub(super) fn clients(raw: &Raw, environment: &Environment, report: &mut Report<'_>) -> Clients {
    let path = |key: &str| raw.given(key).map(|path: String| PathBuf::from(path));
    let clients = Clients {
        source: choice(raw, "source"),
        address: raw.value("address"),
        token: path("token"),
        ca: path("ca"),
        node: raw.given("node").or_else(|| environment.node_name.clone()).unwrap_or_default(),
        refresh: raw.value("refresh"),
    };
    if clients.source == ClientSource::None {
        return clients;
    }
    if !raw.has_failed("address")
        && let Err((wrong, right)) = clients.server()
    {
        report.mistake(raw.place("address"), raw.path("address"), Fault::new(wrong, right));
    }
    let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if !clients.node.bytes().all(in_name) {
        let fault =
            Fault::new(format!("{:?} is no name of a node", clients.node), "small letters, digits, hyphens and dots");
        report.mistake(raw.place("node"), raw.path("node"), fault);
    }
    if clients.source == ClientSource::ApiServer && clients.node.is_empty() {
        let fault = Fault::new("this node's name is not known", "a name, here or as NODE_NAME of the environment");
        report.mistake(raw.place("node"), raw.path("node"), fault);
    }
    clients
}

/// `[control]`
pub(super) fn control(raw: &Raw) -> Control {
    Control { socket: raw.given("socket").map(|path: String| PathBuf::from(path)) }
}
