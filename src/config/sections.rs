//! The sections that stand once, put together: values that hold for a silent file, and checks between options.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::choice::Choice;
use super::environment::{Environment, read_bounded};
use super::mistake::{Fault, Place, Report};
use super::options::{Kind, Section};
use super::raw::{File, Raw, default};
use super::value::At;
use super::{
    Cache, Endpoint, Health, Interface, Limits, Listen, Local, Log, Policies, Prefixes, Sandbox, Supervisor, Trust,
    Zone,
};

/// `[listen]`
pub(super) fn listen(raw: &Raw, environment: &Environment, report: &mut Report<'_>) -> Listen {
    let written: Vec<At<SocketAddr>> = raw.value("addresses");
    let allow = prefixes(raw, "allow");
    let mut seen = BTreeSet::new();
    for At { value, offset } in &written {
        // Port 0 is a different free port each time.
        if !seen.insert(*value) && value.port() != 0 {
            let fault = Fault::new(format!("{value} is listed twice"), "each address once");
            report.mistake(Place::Exact(*offset), raw.path("addresses"), fault);
        }
        if allow.is_empty() && is_open(value.ip()) {
            let text = format!(
                "{value} may be reached from everywhere and allow is empty: an open resolver; list who may ask in allow"
            );
            report.warn(Place::Exact(*offset), &raw.path("addresses"), &text);
        }
    }
    let most: usize = default(Section::Listen, "workers");
    Listen {
        addresses: written.into_iter().map(|at| at.value).collect(),
        workers: raw.given("workers").unwrap_or_else(|| environment.cores.clamp(1, most)),
        allow,
        udp_size: raw.value("udp-size"),
        tcp_idle_timeout: raw.value("tcp-idle-timeout"),
        drain_timeout: raw.value("drain-timeout"),
    }
}

/// Whether an address of ours may be reached from anywhere: all addresses, or one that is routed globally.
fn is_open(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            // RFC 6598: shared by providers and clusters, not routed.
            let is_shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared)
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}

/// A burst that is shorter than this at its own rate cannot be told from a flood, since the clock that queries are counted by goes in steps of
/// up to ten milliseconds.
const SHORTEST_BURST: Duration = Duration::from_millis(10);

/// `[limits]`
pub(super) fn limits(raw: &Raw, report: &mut Report<'_>) -> Limits {
    let client_rate: u32 = raw.value("client-rate");
    let client_burst = raw.given("client-burst").unwrap_or_else(|| client_rate.max(1));
    let least = SHORTEST_BURST.mul_f64(f64::from(client_rate)).as_secs_f64().ceil();
    if f64::from(client_burst) < least {
        let wrong = format!("{client_burst} is less than 10 ms at a client-rate of {client_rate}");
        let fault = Fault::new(wrong, format!("at least {least}, or none for a second's worth"));
        report.mistake(raw.place("client-burst"), raw.path("client-burst"), fault);
    }
    Limits {
        in_flight: raw.value("in-flight"),
        waiting: raw.value("waiting"),
        tcp_connections: raw.value("tcp-connections"),
        tcp_connections_per_client: raw.value("tcp-connections-per-client"),
        tcp_pipeline: raw.value("tcp-pipeline"),
        client_rate,
        client_burst,
        client_rate_exempt: prefixes(raw, "client-rate-exempt"),
    }
}

/// `[cache]`
pub(super) fn cache(raw: &Raw, environment: &Environment) -> Cache {
    let size = raw.given("size").unwrap_or_else(|| {
        // A derived default may be held inside the bounds; only what an operator wrote must not be.
        let most: u64 = default(Section::Cache, "size");
        environment.memory_limit.map_or(most, |limit| (limit / 2).clamp(smallest("size"), most))
    });
    Cache {
        size,
        negative_size: raw.given("negative-size").unwrap_or(size / 4),
        rotate: raw.value("rotate"),
        serve_stale: raw.value("serve-stale"),
        servfail: raw.value("servfail"),
        prefetch: raw.value("prefetch"),
        snapshot: raw.given("snapshot").map(|path: String| PathBuf::from(path)),
        snapshot_size: raw.value("snapshot-size"),
        snapshot_interval: raw.value("snapshot-interval"),
    }
}

/// The smallest value of one of the sizes in `[cache]`.
fn smallest(key: &str) -> u64 {
    match Section::Cache.setting(key).map(|setting| setting.kind) {
        Some(Kind::Size { minimum, .. }) => minimum,
        _ => 0,
    }
}

/// `[local]`
pub(super) fn local(raw: &Raw, environment: &Environment, report: &mut Report<'_>) -> Local {
    let hosts = raw.given("hosts").map(|path: String| PathBuf::from(path));
    if let Some(path) = &hosts {
        check_readable(path, raw.place("hosts"), &raw.path("hosts"), report);
    }
    let records: Vec<At<String>> = raw.value("records");
    let own_version = concat!("nodens ", env!("CARGO_PKG_VERSION"));
    let told = |text: String, by_itself: Option<&str>| match text.as_str() {
        "" => None,
        ITSELF => by_itself.map(str::to_owned),
        _ => Some(text),
    };
    let nsid = told(raw.value("nsid"), environment.host_name.as_deref());
    Local {
        special_use: raw.value("special-use"),
        hosts,
        records: records.into_iter().map(|at| at.value).collect(),
        dead_suffixes: raw.value::<Vec<At<String>>>("dead-suffixes").into_iter().map(|at| at.value).collect(),
        identity: told(raw.value("identity"), environment.host_name.as_deref()),
        version: told(raw.value("version"), Some(own_version)),
        nsid: nsid.unwrap_or_default(),
        whoami: raw.value::<Vec<At<String>>>("whoami").into_iter().map(|at| at.value).collect(),
    }
}

/// The word for what the daemon knows of itself.
const ITSELF: &str = "auto";

/// `[policy]`
pub(super) fn policy(raw: &Raw, report: &mut Report<'_>) -> Policies {
    let block_file = raw.given("block-file").map(|path: String| PathBuf::from(path));
    if let Some(path) = &block_file {
        check_readable(path, raw.place("block-file"), &raw.path("block-file"), report);
    }
    let suffixes = |key: &str, report: &mut Report<'_>| {
        let mut known = Vec::new();
        for At { value, offset } in raw.value::<Vec<At<String>>>(key) {
            if known.contains(&value) {
                let fault = Fault::new(format!("{value:?} is listed twice"), "each suffix once");
                report.mistake(Place::Exact(offset), raw.path(key), fault);
            }
            known.push(value);
        }
        known
    };
    let (block, unblock) = (suffixes("block", report), suffixes("unblock", report));
    for At { value, offset } in raw.value::<Vec<At<String>>>("unblock") {
        if block.contains(&value) {
            let fault = Fault::new(format!("{value:?} is in block, too"), "one of them");
            report.mistake(Place::Exact(offset), raw.path("unblock"), fault);
        }
    }
    let refuse_types = raw.value::<Vec<At<u16>>>("refuse-types").into_iter().map(|at| at.value).collect();
    Policies { block, block_file, unblock, refuse_types }
}

/// Checks that no suffix is said to be dead twice, or is a zone as well.
pub(super) fn check_dead_suffixes(raw: &Raw, zones: &[Zone], report: &mut Report<'_>) {
    let mut seen = BTreeSet::new();
    for At { value, offset } in raw.value::<Vec<At<String>>>("dead-suffixes") {
        let fault = if zones.iter().any(|zone| zone.name == value) {
            Fault::new(format!("there is a zone {value:?}"), "one of them: a zone is asked, a dead suffix is not")
        } else if seen.contains(&value) {
            Fault::new(format!("{value:?} is listed twice"), "each suffix once")
        } else {
            seen.insert(value);
            continue;
        };
        report.mistake(Place::Exact(offset), raw.path("dead-suffixes"), fault);
    }
}

/// `[dnssec]`
pub(super) fn trust(raw: &Raw, report: &mut Report<'_>) -> Trust {
    let anchors = raw.given("trust-anchors").map(|path: String| PathBuf::from(path));
    if let Some(path) = &anchors {
        check_readable(path, raw.place("trust-anchors"), &raw.path("trust-anchors"), report);
    }
    Trust { anchors }
}

/// Notes a file that cannot be read; its names would silently not be answered.
pub(super) fn check_readable(path: &Path, place: Place, key: &str, report: &mut Report<'_>) {
    if let Err(error) = read_bounded(path, 1) {
        report.mistake(
            place,
            key,
            Fault::new(format!("{} cannot be read: {error}", path.display()), "a file that can be read"),
        );
    }
}

/// `[metrics]`
pub(super) fn metrics(raw: &Raw) -> Endpoint {
    Endpoint { listen: addresses(raw, "listen"), allow: prefixes(raw, "allow"), names: choice(raw, "names") }
}

/// `[health]`
pub(super) fn health(raw: &Raw) -> Health {
    Health {
        listen: addresses(raw, "listen"),
        ready_listen: addresses(raw, "ready-listen"),
        allow: prefixes(raw, "allow"),
    }
}

/// The addresses of an option.
fn addresses(raw: &Raw, key: &str) -> Vec<SocketAddr> {
    raw.value::<Vec<At<SocketAddr>>>(key).into_iter().map(|at| at.value).collect()
}

/// Checks that no two TCP listeners want the same address.
pub(super) fn check_endpoints(file: &mut File, listen: &Listen, report: &mut Report<'_>) {
    let mut taken: Vec<(SocketAddr, &str)> =
        listen.addresses.iter().map(|address| (*address, "listen.addresses")).collect();
    for (section, key, name) in [
        (Section::Metrics, "listen", "metrics.listen"),
        (Section::Health, "listen", "health.listen"),
        (Section::Health, "ready-listen", "health.ready-listen"),
    ] {
        let raw = file.section(section);
        for At { value: address, offset } in raw.value::<Vec<At<SocketAddr>>>(key) {
            // Port 0 is a different free port each time.
            if address.port() == 0 || raw.has_failed(key) {
                continue;
            }
            if let Some((_, other)) = taken.iter().find(|(taken, _)| is_same_listener(*taken, address)) {
                let fault = Fault::new(format!("{address} is taken by {other}"), "another port");
                // A default is written nowhere.
                let place = match raw.place(key) {
                    Place::Exact(_) => Place::Exact(offset),
                    table => table,
                };
                report.mistake(place, raw.path(key), fault);
            }
            taken.push((address, name));
        }
    }
}

/// Whether the kernel would refuse the second of two TCP listeners.
fn is_same_listener(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// `[log]`
pub(super) fn log(raw: &Raw) -> Log {
    Log { level: choice(raw, "level"), format: choice(raw, "format") }
}

/// `[sandbox]`
pub(super) fn sandbox(raw: &Raw) -> Sandbox {
    Sandbox { enabled: raw.value("enabled"), user: raw.value("user") }
}

/// `[supervisor]`
pub(super) fn supervisor(raw: &Raw) -> Supervisor {
    Supervisor {
        hang_timeout: raw.value("hang-timeout"),
        snapshot_interval: raw.value("snapshot-interval"),
        socket: raw.given("socket").map(|path: String| PathBuf::from(path)),
        linger: raw.value("linger"),
    }
}

/// The longest name of a link, in bytes: IFNAMSIZ without the zero at its end.
const LONGEST_LINK: usize = 15;

/// `[interface]`
pub(super) fn interface(raw: &Raw, listen: &Listen, report: &mut Report<'_>) -> Interface {
    let interface = Interface {
        manage: raw.value("manage"),
        name: raw.value("name"),
        interval: raw.value("interval"),
        take_over: raw.value("take-over"),
        teardown: raw.value("teardown"),
    };
    let name = interface.name.as_str();
    if name.len() > LONGEST_LINK || [".", "..", "lo", "all", "default"].contains(&name) {
        let fault = Fault::new(
            format!("{name:?} cannot be the name of a link of ours"),
            "at most 15 bytes, such as \"nodelocaldns\"",
        );
        report.mistake(raw.place("name"), raw.path("name"), fault);
    }
    if interface.manage && !listen.addresses.iter().any(|address| Interface::carries(address.ip())) {
        let fault =
            Fault::new("no address of listen.addresses needs a link", "false, or an address such as \"169.254.20.10\"");
        report.mistake(raw.place("manage"), raw.path("manage"), fault);
    }
    interface
}

impl Interface {
    /// Whether the link is the place for a listen address: not for those of loopback, "all of this host's", and IPv6's link-local ones, which
    /// belong to the one link that their scope names.
    #[must_use]
    pub fn carries(address: IpAddr) -> bool {
        let is_of_a_link = matches!(address, IpAddr::V6(ip) if ip.is_unicast_link_local());
        !(address.is_loopback() || address.is_unspecified() || is_of_a_link)
    }
}

/// The value of an option that is one of a few words.
pub(super) fn choice<T: Choice>(raw: &Raw, key: &str) -> T {
    let word: String = raw.value(key);
    T::named(&word).expect("the table of options takes its words from this type")
}

/// The prefixes of an option.
fn prefixes(raw: &Raw, key: &str) -> Prefixes {
    let written: Vec<At<ipnet::IpNet>> = raw.value(key);
    written.into_iter().map(|at| at.value).collect()
}
