//! The command line of node-cache, as Go's package flag reads it: one dash or two, `-x value` or `-x=value`, switches as `-x` or `-x=false` alone.
//!
//! One table says what there is; usage, parsing and the manual's table are made from it or compared with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{ExitCode, Failure};

/// One flag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    /// Its name, without dashes.
    pub(super) name: &'static str,
    /// What may be written behind it.
    kind: Kind,
    /// What holds without it.
    pub(super) default: &'static str,
    /// What it is for.
    pub(super) help: &'static str,
}

/// What may be written behind a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Any text.
    Text,
    /// Nothing, or "=true" and "=false" in Go's spellings.
    Switch,
    /// A whole number.
    Port,
    /// A whole number of seconds, or a duration of Go.
    Seconds,
}

impl Kind {
    /// What usage calls the value, as Go does.
    const fn word(self) -> &'static str {
        match self {
            Self::Text => " string",
            Self::Switch => "",
            Self::Port => " int",
            Self::Seconds => " duration",
        }
    }
}

/// A line of the table.
const fn flag(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Flag {
    Flag { name, kind, default, help }
}

/// All flags: those of node-cache, those of CoreDNS that it inherits, and two of our own at the end.
pub(super) const FLAGS: &[Flag] = &[
    flag("localip", Kind::Text, "", "addresses to listen on, with commas between them; of both families if need be"),
    flag("setupinterface", Kind::Switch, "true", "make the link that carries the addresses, and look after it"),
    flag("interfacename", Kind::Text, "nodelocaldns", "the link's name"),
    flag(
        "setupiptables",
        Kind::Switch,
        "true",
        "make packet rules that keep queries out of connection tracking, and look after them",
    ),
    flag("syncinterval", Kind::Seconds, "60", "how often link and rules are looked at, in seconds or as \"60s\""),
    flag(
        "metrics-listen-address",
        Kind::Text,
        "0.0.0.0:9353",
        "where metrics are served besides the Corefile's addresses; empty is nowhere",
    ),
    flag("prometheus-listen-address", Kind::Text, ":9253", "what __PROMETHEUS__ENDPOINT__ stands for in the Corefile"),
    flag("basecorefile", Kind::Text, "/etc/coredns/Corefile.base", "the Corefile with variables"),
    flag(
        "corefile",
        Kind::Text,
        "/etc/Corefile",
        "where the Corefile without variables is shown, if that can be written",
    ),
    flag("kubednscm", Kind::Text, "", "the folder of kube-dns's ConfigMap; empty is /etc/kube-dns if it is there"),
    flag(
        "upstreamsvc",
        Kind::Text,
        "kube-dns",
        "the service whose address __PILLAR__CLUSTER__DNS__ stands for, taken from its environment variable",
    ),
    flag("health-port", Kind::Port, "8080", "the port of probes, for packet rules; the Corefile's own goes first"),
    flag("skipteardown", Kind::Switch, "false", "leave link and rules behind at the end"),
    flag(
        "reloadwithsignal",
        Kind::Switch,
        "false",
        "nothing: changed files are read again in any case, and at SIGUSR1",
    ),
    flag("conf", Kind::Text, "", "the same as corefile, and goes first"),
    flag("dns.port", Kind::Text, "53", "the port of server blocks that name none"),
    flag("p", Kind::Text, "53", "the same as dns.port"),
    flag("pidfile", Kind::Text, "", "a file with the number of the process, from its first answer to its end"),
    flag("quiet", Kind::Switch, "false", "nothing: there is no banner"),
    flag("plugins", Kind::Switch, "false", "print the plugins that a Corefile may name, and end"),
    flag("version", Kind::Switch, "false", "print the version, and end"),
    flag(
        "config",
        Kind::Text,
        "",
        "a file of nodens, in TOML, that goes before what Corefile and flags say; empty is nodens.toml beside the base Corefile, if it is there",
    ),
    flag("check", Kind::Switch, "false", "print the configuration that all of it makes, or its mistakes, and end"),
];

/// Where node-cache looks for the ConfigMap of kube-dns if nobody says where.
const KUBE_DNS: &str = "/etc/kube-dns";

/// The name of nodens's own file beside the base Corefile.
const OWN_FILE: &str = "nodens.toml";

/// The shortest and the longest time between two looks at link and rules, as their options have it.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flags {
    /// The addresses of `-localip`, each once.
    pub(super) local: Vec<IpAddr>,
    /// Whether the link is made.
    pub(super) sets_up_interface: bool,
    /// Its name.
    pub(super) interface: String,
    /// Whether packet rules are made.
    pub(super) sets_up_iptables: bool,
    /// How often both are looked at.
    pub(super) interval: Duration,
    /// Where metrics are served besides, as Go writes addresses.
    pub(super) metrics: String,
    /// What `__PROMETHEUS__ENDPOINT__` stands for.
    pub(super) prometheus: String,
    /// The Corefile with variables.
    pub(super) base: PathBuf,
    /// Where it is shown without.
    pub(super) shown: PathBuf,
    /// The folder of kube-dns's ConfigMap.
    pub(super) kube_dns: PathBuf,
    /// The variable with the address of the cluster's DNS.
    pub(super) variable: String,
    /// The port of probes.
    pub(super) health_port: u16,
    /// Whether link and rules are left behind.
    pub(super) skips_teardown: bool,
    /// The port of server blocks that name none.
    pub(super) port: u16,
    /// The file with the process's number.
    pub(super) pid_file: Option<PathBuf>,
    /// nodens's own file; whether it was asked for.
    pub(super) own: (PathBuf, bool),
    /// What is odd.
    pub(super) warnings: Vec<String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Answer queries.
    Run(Box<Flags>),
    /// Print the configuration.
    Check(Box<Flags>),
    /// Print the version.
    Version,
    /// Print the plugins.
    Plugins,
    /// Print the flags.
    Help,
}

/// The text that names all flags.
pub(in crate::cli) fn usage() -> String {
    let mut text = "Usage of node-cache:\n".to_owned();
    for Flag { name, kind, default, help } in FLAGS {
        text.push_str(&format!("  -{name}{}\n    \t{help}", kind.word()));
        if !(default.is_empty() || *default == "false") {
            text.push_str(&format!(" (default {default:?})"));
        }
        text.push('\n');
    }
    text
}

/// A command line that makes no sense, with all flags behind.
fn wrong(reason: &str) -> Failure {
    Failure::new(ExitCode::Usage, format!("{reason}\n{}", usage().trim_end()))
}

/// Reads the arguments, without the program's name.
///
/// # Errors
///
/// [`ExitCode::Usage`], with what is wrong and all flags.
pub(super) fn read(arguments: &[OsString]) -> Result<Wish, Failure> {
    let Some(mut written) = written(arguments)? else { return Ok(Wish::Help) };
    let is_on = |written: &BTreeMap<&str, String>, name: &str| written.get(name).is_some_and(|value| value == "true");
    if is_on(&written, "version") {
        return Ok(Wish::Version);
    }
    if is_on(&written, "plugins") {
        return Ok(Wish::Plugins);
    }
    let checks = is_on(&written, "check");
    let flags = Box::new(Flags::of(&mut written)?);
    Ok(if checks { Wish::Check(flags) } else { Wish::Run(flags) })
}

/// The values of all flags that are written, the last of each; `None` if help is asked for.
fn written(arguments: &[OsString]) -> Result<Option<BTreeMap<&'static str, String>>, Failure> {
    let mut found = BTreeMap::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let argument = argument.to_str().ok_or_else(|| wrong(&format!("{argument:?} is not UTF-8")))?;
        let bare = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
        let bare = match bare {
            // Go's end of the flags; what follows is no flag, and node-cache takes nothing else.
            Some("") if argument == "--" => match rest.next() {
                Some(extra) => return Err(extra_argument(&extra.to_string_lossy())),
                None => break,
            },
            Some(bare) if !bare.is_empty() => bare,
            _ => return Err(extra_argument(argument)),
        };
        if bare.starts_with(['-', '=']) {
            return Err(wrong(&format!("bad flag syntax: {argument}")));
        }
        let (name, value) = bare.split_once('=').map_or((bare, None), |(name, value)| (name, Some(value)));
        let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) else {
            if ["h", "help"].contains(&name) {
                return Ok(None);
            }
            return Err(wrong(&format!("flag provided but not defined: -{name}")));
        };
        let value = match (flag.kind, value) {
            (Kind::Switch, value) => switch(name, value.unwrap_or("true"))?,
            (_, Some(value)) => value.to_owned(),
            (_, None) => {
                let next = rest.next().ok_or_else(|| wrong(&format!("flag needs an argument: -{name}")))?;
                next.to_str().ok_or_else(|| wrong(&format!("{next:?} is not UTF-8")))?.to_owned()
            }
        };
        found.insert(flag.name, value);
    }
    Ok(Some(found))
}

/// An argument that is no flag.
fn extra_argument(argument: &str) -> Failure {
    wrong(&format!("extra command line arguments: [{argument}]"))
}

/// A truth value in the spellings of Go.
fn switch(name: &str, value: &str) -> Result<String, Failure> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok("true".to_owned()),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok("false".to_owned()),
        _ => Err(wrong(&format!("invalid boolean value {value:?} for -{name}: parse error"))),
    }
}

/// A number of seconds, with or without a unit, or several with units ("1m30s").
fn seconds(text: &str) -> Option<Duration> {
    if let Ok(number) = text.parse::<u64>() {
        return Some(Duration::from_secs(number));
    }
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).filter(|end| *end > 0)?;
        let (number, behind) = rest.split_at(digits);
        let unit = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let factor = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "us" | "µs" | "μs" => 0.000_001,
            "ns" => 0.000_000_001,
            _ => return None,
        };
        let more = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()?;
        total = total.checked_add(more)?;
        rest = behind;
    }
    (!text.is_empty()).then_some(total)
}

impl Flags {
    /// What the values mean.
    fn of(written: &mut BTreeMap<&'static str, String>) -> Result<Self, Failure> {
        let mut warnings = Vec::new();
        if written.get("reloadwithsignal").is_some_and(|value| value == "true") {
            warnings.push("-reloadwithsignal: changed files are read again without a signal".to_owned());
        }
        let port = written.remove("p").or_else(|| written.remove("dns.port"));
        let shown = written.remove("conf").filter(|path| !path.is_empty());
        let kube_dns = written.remove("kubednscm").filter(|path| !path.is_empty());
        let mut take = |name: &str| {
            let default = FLAGS.iter().find(|flag| flag.name == name).map_or("", |flag| flag.default);
            written.remove(name).unwrap_or_else(|| default.to_owned())
        };
        let number = |name: &str, text: &str| -> Result<u16, Failure> {
            let number = text.parse().ok().filter(|port| *port > 0);
            number.ok_or_else(|| wrong(&format!("invalid value {text:?} for flag -{name}: a port from 1 to 65535")))
        };
        let interval = take("syncinterval");
        let interval = seconds(&interval)
            .ok_or_else(|| wrong(&format!("invalid value {interval:?} for flag -syncinterval: parse error")))?;
        if interval < INTERVALS.0 || interval > INTERVALS.1 {
            let taken = interval.clamp(INTERVALS.0, INTERVALS.1);
            warnings.push(format!("-syncinterval: {interval:?} is out of range; {taken:?} is taken"));
        }
        let base = PathBuf::from(take("basecorefile"));
        let own = Some(take("config")).filter(|path| !path.is_empty());
        let beside = || base.parent().unwrap_or_else(|| Path::new("/")).join(OWN_FILE);
        let own = own.map_or_else(|| (beside(), false), |path| (PathBuf::from(path), true));
        let health_port = take("health-port");
        Ok(Self {
            local: addresses(&take("localip"))?,
            sets_up_interface: take("setupinterface") == "true",
            interface: take("interfacename"),
            sets_up_iptables: take("setupiptables") == "true",
            interval: interval.clamp(INTERVALS.0, INTERVALS.1),
            metrics: take("metrics-listen-address"),
            prometheus: take("prometheus-listen-address"),
            shown: PathBuf::from(shown.unwrap_or_else(|| take("corefile"))),
            kube_dns: PathBuf::from(kube_dns.unwrap_or_else(|| KUBE_DNS.to_owned())),
            variable: variable(&take("upstreamsvc")),
            health_port: number("health-port", &health_port)?,
            skips_teardown: take("skipteardown") == "true",
            port: number("dns.port", port.as_deref().unwrap_or("53"))?,
            pid_file: Some(take("pidfile")).filter(|path| !path.is_empty()).map(PathBuf::from),
            own,
            warnings,
            base,
        })
    }
}

/// The addresses of `-localip`: at least one, of whatever family.
fn addresses(text: &str) -> Result<Vec<IpAddr>, Failure> {
    let mut found = Vec::new();
    for part in text.split(',') {
        let address = part.trim().parse::<IpAddr>();
        let address =
            address.map_err(|_| wrong(&format!("invalid value {text:?} for flag -localip: {part:?} is no address")))?;
        if !found.contains(&address) {
            found.push(address);
        }
    }
    Ok(found)
}

/// The environment variable that Kubernetes gives the address of a service in.
fn variable(service: &str) -> String {
    service.to_uppercase().replace('-', "_") + "_SERVICE_HOST"
}

#[cfg(test)]
#[path = "flags_tests.rs"]
mod tests;
