//! Plugins that hold for the whole daemon, whatever block they stand in: where it listens, is watched, and what it tells of itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Outside;
use super::report::Report;
use super::words;
use crate::config::print_duration;
use crate::corefile::{Directive, Place, ServerBlock, Transport};

/// Bounds of `listen.udp-size`, which are those of `bufsize`.
const UDP_SIZES: (u64, u64) = (512, 4_096);
/// Bounds of `listen.tcp-idle-timeout`.
const IDLE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3_600));
/// The shortest interval and jitter that `reload` takes.
const RELOAD: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(1)];

/// A value and where it comes from.
pub(super) type Placed<T> = (T, Place);

/// What the whole daemon does.
#[derive(Debug, Default)]
pub(super) struct Serving {
    /// Where probes are answered: an address, or all of them, and a port.
    pub(super) health: Vec<Placed<(Option<IpAddr>, u16)>>,
    /// Where `/ready` alone is answered.
    pub(super) ready: Vec<Placed<(Option<IpAddr>, u16)>>,
    /// Where metrics are served.
    pub(super) metrics: Vec<Placed<(Option<IpAddr>, u16)>>,
    /// The largest UDP answer.
    pub(super) udp_size: Option<Placed<u64>>,
    /// How long a client's connection may be silent.
    pub(super) idle: Option<Placed<Duration>>,
    /// The name server identifier.
    pub(super) nsid: Option<Placed<String>>,
    /// The version that is told.
    pub(super) version: Option<Placed<String>>,
    /// Where special names are said to be answered here.
    pub(super) local: Option<Place>,
}

impl Serving {
    /// Reads a directive, if it is one of these.
    pub(super) fn read(&mut self, line: &Directive, report: &mut Report) {
        match line.name.as_str() {
            "health" => endpoint(&mut self.health, line, (None, 8080), report),
            "ready" => {
                endpoint(&mut self.ready, line, (None, 8181), report);
                for option in line.lines().iter().filter(|option| option.name == "monitor") {
                    match option.arguments.first().map(String::as_str) {
                        Some("continuously") | None => {}
                        Some("until-ready") => {
                            let differs = "what was ready once is asked again";
                            report.notice(&option.place, "ready monitor", differs, "it may be not ready later");
                        }
                        Some(other) => {
                            let right = "write until-ready or continuously";
                            report.mistake(&option.place, "ready monitor", format!("{other:?} is unknown"), right);
                        }
                    }
                }
            }
            "prometheus" => endpoint(&mut self.metrics, line, (Some([127, 0, 0, 1].into()), 9153), report),
            "bufsize" => {
                let size = if line.arguments.is_empty() { Some(1_232) } else { report.number(line, "bufsize", 0, 0) };
                if let Some(size) = size {
                    if !(UDP_SIZES.0..=UDP_SIZES.1).contains(&size) {
                        report.mistake(&line.place, "bufsize", format!("{size} is out of range"), "write 512 to 4096");
                    }
                    let size = size.clamp(UDP_SIZES.0, UDP_SIZES.1);
                    keep_first(&mut self.udp_size, size, line, report, |size| size.to_string());
                }
            }
            "timeouts" => self.timeouts(line, report),
            "nsid" => {
                let text = line.arguments.join(" ");
                let text = if text.is_empty() { "auto".to_owned() } else { text };
                keep_first(&mut self.nsid, text, line, report, |text| format!("{text:?}"));
            }
            "chaos" => {
                if line.arguments.len() > 1 {
                    report.notice(&line.place, "chaos", "authors are not told", "authors.bind is refused");
                }
                let version = line.arguments.first().cloned().unwrap_or_else(|| "auto".to_owned());
                keep_first(&mut self.version, version, line, report, |text| format!("{text:?}"));
            }
            "loadbalance" => loadbalance(line, report),
            "local" => {
                self.local.get_or_insert_with(|| line.place.clone());
            }
            "reload" => {
                for (position, least) in RELOAD.into_iter().enumerate() {
                    if let Some(time) = report.duration(line, "reload", position)
                        && time < least
                    {
                        let wrong = format!("{} is too short", print_duration(time));
                        report.mistake(
                            &line.place,
                            "reload",
                            wrong,
                            format!("write at least {}", print_duration(least)),
                        );
                    }
                }
            }
            "errors" => {
                for option in line.lines().iter().filter(|option| option.name == "consolidate") {
                    report.duration(option, "errors consolidate", 0);
                }
            }
            _ => {}
        }
    }

    /// `timeouts { read|write|idle DURATION }`
    fn timeouts(&mut self, line: &Directive, report: &mut Report) {
        if line.lines().is_empty() {
            let right = "write read, write or idle within its braces, or remove it";
            report.mistake(&line.place, "timeouts", "says nothing", right);
        }
        for option in line.lines() {
            let subject = format!("timeouts {}", option.name);
            match option.name.as_str() {
                "read" | "write" => {
                    report.duration(option, &subject, 0);
                }
                "idle" => {
                    if let Some(idle) = report.duration(option, &subject, 0) {
                        let idle = report.bounded(option, &subject, idle, IDLE, print_duration);
                        keep_first(&mut self.idle, idle, option, report, print_duration);
                    }
                }
                _ => {}
            }
        }
    }
}

/// `loadbalance [round_robin | weighted FILE]`: addresses change their order in any case.
fn loadbalance(line: &Directive, report: &mut Report) {
    match line.arguments.first().map(String::as_str) {
        None | Some("round_robin") => {}
        Some("weighted") => {
            let instead = "addresses change their order with equal chances";
            report.notice(&line.place, "loadbalance", "there are no weights", instead);
        }
        Some(other) => {
            let right = "write round_robin, or nothing";
            report.mistake(&line.place, "loadbalance", format!("{other:?} is unknown"), right);
        }
    }
}

/// Keeps a value that holds for the whole daemon; a second one that is another is noticed.
fn keep_first<T: PartialEq + Clone>(
    kept: &mut Option<Placed<T>>,
    value: T,
    line: &Directive,
    report: &mut Report,
    print: impl Fn(T) -> String,
) {
    match kept {
        None => *kept = Some((value, line.place.clone())),
        Some((first, place)) if *first != value => {
            let differs = format!("one value holds for all zones, and {place} says another");
            report.notice(&line.place, &line.name, differs, format!("{} holds", print(first.clone())));
        }
        Some(_) => {}
    }
}

/// `NAME [ADDRESS]` of an HTTP endpoint.
fn endpoint(
    endpoints: &mut Vec<Placed<(Option<IpAddr>, u16)>>,
    line: &Directive,
    silent: (Option<IpAddr>, u16),
    report: &mut Report,
) {
    let listener = match line.arguments.first() {
        None => Some(silent),
        Some(text) => words::listener(text, words::Everywhere::Unwritten),
    };
    match listener {
        None => {
            let wrong = format!("{:?} is no place to listen at", line.arguments.first().map_or("", String::as_str));
            report.mistake(&line.place, &line.name, wrong, "write \"IP:PORT\", or \":PORT\" for all addresses");
        }
        Some(listener) if endpoints.iter().all(|(known, _)| *known != listener) => {
            endpoints.push((listener, line.place.clone()));
        }
        Some(_) => {}
    }
}

//------ Addresses -----------------------------------------------------------

/// The port where a key has none.
const PORT: u16 = 53;

/// Where a server block listens; an address that is not specified is all of its family.
pub(super) fn listeners(block: &ServerBlock, outside: &Outside<'_>, report: &mut Report) -> Vec<SocketAddr> {
    let mut hosts: Vec<SocketAddr> = Vec::new();
    let mut says = false;
    for line in block.directives.iter().filter(|line| line.name == "bind") {
        says = true;
        let find = |words: &[String], report: &mut Report| -> Vec<SocketAddr> {
            words.iter().flat_map(|word| bind_address(line, word, outside, report)).collect()
        };
        let except: Vec<SocketAddr> = line
            .lines()
            .iter()
            .filter(|option| option.name == "except")
            .flat_map(|option| find(&option.arguments, report))
            .collect();
        for host in find(&line.arguments, report) {
            if !except.contains(&host) && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    }
    if !says {
        let unspecified: [IpAddr; 2] = [[0; 4].into(), [0; 16].into()];
        hosts.extend(unspecified.map(|ip| SocketAddr::new(ip, 0)));
    }
    let mut listeners = Vec::new();
    for key in &block.keys {
        if key.transport != Transport::Dns {
            let wrong = format!("clients cannot ask over what {:?} says", key.text);
            report.mistake(&block.place, &key.text, wrong, "they ask over UDP and TCP: write the zone alone");
            continue;
        }
        for host in &hosts {
            let mut listener = *host;
            listener.set_port(key.port.unwrap_or(PORT));
            if !listeners.contains(&listener) {
                listeners.push(listener);
            }
        }
    }
    listeners
}

/// The addresses that a word behind `bind` means.
fn bind_address(line: &Directive, word: &str, outside: &Outside<'_>, report: &mut Report) -> Vec<SocketAddr> {
    // What an empty variable leaves.
    if word.is_empty() {
        return Vec::new();
    }
    if let Ok(ip) = word.parse::<IpAddr>() {
        return vec![SocketAddr::new(ip, 0)];
    }
    if let Ok(address) = format!("[{word}]:0").parse() {
        return vec![address];
    }
    let addresses = outside.surroundings.addresses(word);
    if addresses.is_empty() {
        let wrong = format!("{word:?} is neither an address nor an interface of this machine with one");
        report.mistake(&line.place, "bind", wrong, "write the addresses");
    }
    addresses
}
