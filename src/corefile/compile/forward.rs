//! `forward`: which servers are asked for which names, and how.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Outside;
use super::report::Report;
use super::words;
use crate::config::{BEHIND_THE_STUB, is_stub, nameservers, print_duration, quote};
use crate::corefile::{Directive, Place, Server};

/// Most servers that CoreDNS takes in one `forward`.
const MOST_SERVERS: usize = 15;
/// The number of failures after which CoreDNS takes a server to be down.
const MAX_FAILS: u64 = 2;
/// How long a query may take over all servers, unless `cancel` says otherwise; what CoreDNS waits, with time left for the way back.
const TIMEOUT: Duration = Duration::from_millis(4_500);

/// What a `forward` says.
#[derive(Debug)]
pub(super) struct Forward {
    /// Where it stands.
    pub(super) place: Place,
    /// The names it is for, as far as they lie in its block.
    pub(super) from: String,
    /// Names among them that it is not for.
    pub(super) except: Vec<String>,
    /// The options of the group of servers that it becomes, without the name.
    pub(super) settings: Vec<(&'static str, String)>,
    /// What the Corefile says, for a comment.
    pub(super) text: String,
    /// Questions that may wait at once.
    pub(super) max_concurrent: Option<u64>,
    /// Whether the choice among several servers is ours.
    pub(super) is_free: bool,
}

/// A server to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// Whether over TLS.
    is_tls: bool,
    /// Where it is.
    address: SocketAddr,
    /// The name of its certificate.
    name: Option<String>,
}

/// The options, as they are read.
#[derive(Debug, Default)]
struct Options {
    /// Names to leave out.
    except: Vec<String>,
    /// TCP, whatever the client asked over.
    force_tcp: bool,
    /// UDP, whatever the client asked over.
    prefer_udp: bool,
    /// The name of all certificates.
    server_name: Option<String>,
    /// Who signs the certificates.
    ca: Option<PathBuf>,
    /// The way to choose a server.
    policy: Option<&'static str>,
    /// Questions at once.
    max_concurrent: Option<u64>,
    /// Times: of a connection without use, of a connection, of one try.
    times: [Option<Duration>; 3],
}

impl Forward {
    /// Reads it; `None` where no server is left.
    pub(super) fn read(
        line: &Directive,
        root: Option<&Path>,
        outside: &mut Outside<'_>,
        report: &mut Report,
    ) -> Option<Self> {
        let (from, targets) = line.arguments.split_first()?;
        let zones = words::zones(from).unwrap_or_default();
        if zones.len() != 1 {
            let (wrong, right) =
                if zones.is_empty() { ("no zone", "such as \".\"") } else { ("several zones", "for each") };
            report.mistake(&line.place, "forward", format!("{from:?} is {wrong}"), format!("write one {right}"));
        }
        let options = Options::read(line, root, report);
        let mut servers: Vec<Target> = Vec::new();
        for text in targets {
            for target in read_targets(line, text, outside, report) {
                if !servers.iter().any(|known| known.address == target.address && known.is_tls == target.is_tls) {
                    servers.push(target);
                }
            }
        }
        if servers.len() > MOST_SERVERS {
            let wrong = format!("{} servers", servers.len());
            report.mistake(&line.place, "forward", wrong, format!("write at most {MOST_SERVERS}, as CoreDNS does"));
        }
        let has_tls = options.name_servers(line, &mut servers, report);
        if servers.is_empty() {
            return None;
        }
        let settings = options.settings(line, &servers, has_tls, report);
        let words = line.arguments.join(" ");
        let inner: Vec<String> = line
            .lines()
            .iter()
            .map(|option| {
                std::iter::once(&option.name).chain(&option.arguments).map(String::as_str).collect::<Vec<_>>().join(" ")
            })
            .collect();
        let braces = if inner.is_empty() { String::new() } else { format!(" {{ {} }}", inner.join("; ")) };
        Some(Self {
            place: line.place.clone(),
            from: zones.into_iter().next()?,
            settings,
            text: format!("forward {words}{braces}"),
            max_concurrent: options.max_concurrent,
            is_free: options.policy.is_none() && servers.len() > 1,
            except: options.except,
        })
    }

    /// Whether it is for a name.
    pub(super) fn holds(&self, name: &str) -> bool {
        words::is_within(name, &self.from) && !self.except.iter().any(|except| words::is_within(name, except))
    }
}

impl Options {
    /// Reads the lines within the braces.
    fn read(line: &Directive, root: Option<&Path>, report: &mut Report) -> Self {
        let mut options = Self::default();
        for option in line.lines() {
            options.option(option, root, report);
        }
        options
    }

    /// Reads one of them.
    fn option(&mut self, line: &Directive, root: Option<&Path>, report: &mut Report) {
        let subject = format!("forward {}", line.name);
        match line.name.as_str() {
            "except" => self.except.extend(super::cache::names(line, &subject, &line.arguments, report)),
            "force_tcp" => self.force_tcp = true,
            "prefer_udp" => self.prefer_udp = true,
            "tls_servername" => self.server_name = line.arguments.first().cloned(),
            "tls" => {
                let ca = match line.arguments.as_slice() {
                    [ca] | [_, _, ca] => Some(ca),
                    _ => None,
                };
                self.ca = ca.map(|ca| root.map_or_else(|| PathBuf::from(ca), |root| root.join(ca)));
                if line.arguments.len() > 1 {
                    let differs = "no certificate of our own is shown to servers";
                    report.notice(&line.place, &subject, differs, "a server that asks for one refuses the connection");
                }
            }
            "policy" => self.policy = policy(line, &subject, report),
            "max_concurrent" => self.max_concurrent = report.number(line, &subject, 0, 0).filter(|most| *most > 0),
            "expire" => self.times[0] = report.duration(line, &subject, 0),
            "max_age" => self.times[1] = report.duration(line, &subject, 0),
            "read_timeout" => self.times[2] = report.duration(line, &subject, 0),
            "max_fails" => match report.number(line, &subject, 0, 0) {
                None | Some(MAX_FAILS) => {}
                Some(0) => report.notice(
                    &line.place,
                    &subject,
                    "a server that fails is taken to be down all the same",
                    "it is asked now and then until it answers, and the only one of a group is always asked",
                ),
                Some(_) => report.notice(
                    &line.place,
                    &subject,
                    "failures that make a server count as down are not counted this way",
                    "a few in a row do",
                ),
            },
            "failover" => {
                for code in &line.arguments {
                    match code.to_ascii_uppercase().as_str() {
                        "SERVFAIL" | "REFUSED" => {}
                        "NOERROR" => report.mistake(&line.place, &subject, "NOERROR is no failure", "remove it"),
                        _ => {
                            let differs = format!("{code} does not lead to the next server");
                            report.notice(
                                &line.place,
                                &subject,
                                differs,
                                "the answer is given; SERVFAIL and REFUSED do",
                            );
                        }
                    }
                }
            }
            "health_check" => {
                report.duration(line, &subject, 0);
            }
            "max_idle_conns" | "max_connect_attempts" => {
                report.number(line, &subject, 0, 0);
            }
            _ => {}
        }
    }

    /// Gives TLS servers the name of their certificate, and leaves out plain ones beside them. Whether any is over TLS.
    fn name_servers(&self, line: &Directive, servers: &mut Vec<Target>, report: &mut Report) -> bool {
        let has_tls = servers.iter().any(|server| server.is_tls);
        if has_tls && servers.iter().any(|server| !server.is_tls) {
            servers.retain(|server| server.is_tls);
            let differs = "encrypted and plain servers do not stand in one group";
            report.notice(
                &line.place,
                "forward",
                differs,
                "the plain ones are left out, so that no failure leads to plain text",
            );
        }
        if !has_tls {
            if self.server_name.is_some() {
                let differs = "no server is asked over TLS";
                report.notice(
                    &line.place,
                    "forward tls_servername",
                    differs,
                    "the name is not used; write tls:// before the servers",
                );
            }
            return false;
        }
        for server in servers {
            match (&self.server_name, &server.name) {
                (Some(_), Some(name)) => {
                    let wrong = format!("tls_servername is there and {name:?} behind a server, too");
                    report.mistake(&line.place, "forward", wrong, "keep one of them");
                }
                (Some(name), None) => server.name = Some(name.clone()),
                (None, Some(_)) => {}
                // CoreDNS leaves the name in its TLS configuration empty then. The library that it asks with hands that to Go's tls.Dialer,
                // which takes the host of the address for the name; and crypto/x509 compares an address with the IP addresses among
                // the certificate's subjectAltNames alone, never with its common name. So does rustls.
                (None, None) => {
                    server.name = Some(server.address.ip().to_string());
                    report.notice(
                        &line.place,
                        "forward",
                        format!("tls://{} has no name that its certificate must carry", server.address.ip()),
                        "the certificate must carry the address, as with CoreDNS; better name it with tls_servername",
                    );
                }
            }
        }
        true
    }

    /// The options of the group.
    fn settings(
        &self,
        line: &Directive,
        servers: &[Target],
        has_tls: bool,
        report: &mut Report,
    ) -> Vec<(&'static str, String)> {
        let scheme = match (has_tls, self.force_tcp, self.prefer_udp) {
            (true, ..) => "tls",
            (_, true, _) => "tcp",
            (_, _, true) => "udp",
            _ => "auto",
        };
        let port = port(has_tls);
        let print = |server: &Target| {
            let place = match server.address {
                SocketAddr::V6(v6) if v6.scope_id() != 0 => server.address.to_string(),
                address if address.port() == port => address.ip().to_string(),
                address => address.to_string(),
            };
            let name = server.name.as_ref().map(|name| format!("#{name}")).unwrap_or_default();
            quote(&format!("{scheme}://{place}{name}"))
        };
        let list: Vec<String> = servers.iter().map(print).collect();
        let mut settings = vec![("servers", format!("[{}]", list.join(", ")))];
        settings.extend(self.policy.map(|policy| ("policy", quote(policy))));
        if has_tls && let Some(ca) = &self.ca {
            settings.push(("ca", quote(&ca.display().to_string())));
        }
        let hour = Duration::from_secs(3_600);
        let bounds = [
            ("idle-timeout", "forward expire", Duration::from_millis(100), hour),
            ("max-age", "forward max_age", Duration::from_secs(1), 24 * hour),
            ("try-timeout", "forward read_timeout", Duration::from_millis(50), Duration::from_secs(60)),
        ];
        for ((key, subject, least, most), time) in bounds.into_iter().zip(self.times) {
            let Some(time) = time.filter(|time| !(time.is_zero() && key == "max-age")) else { continue };
            let time = report.bounded(line, subject, time, (least, most), print_duration);
            settings.push((key, quote(&print_duration(time))));
            if key == "try-timeout" && time > TIMEOUT {
                settings.push(("timeout", quote(&print_duration(time))));
            }
        }
        settings
    }
}

/// `policy random|round_robin|sequential`
fn policy(line: &Directive, subject: &str, report: &mut Report) -> Option<&'static str> {
    let word = line.arguments.first().map_or("", String::as_str);
    let known = [("random", "random"), ("round_robin", "round-robin"), ("sequential", "sequential")];
    if let Some((_, policy)) = known.into_iter().find(|(name, _)| *name == word) {
        return Some(policy);
    }
    let near = crate::corefile::plugins::nearest(word, known.iter().map(|(name, _)| *name));
    let right = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => "write random, round_robin or sequential".to_owned(),
    };
    report.mistake(&line.place, subject, format!("{word:?} is no policy"), right);
    None
}

//------ Servers -------------------------------------------------------------

/// The port that a server is asked at where none is written.
const fn port(is_tls: bool) -> u16 {
    if is_tls { 853 } else { 53 }
}

/// The servers that one word behind `forward` means.
fn read_targets(line: &Directive, text: &str, outside: &mut Outside<'_>, report: &mut Report) -> Vec<Target> {
    let server = Server::read(text);
    let is_tls = match text.split_once("://") {
        None | Some(("dns", _)) => false,
        Some(("tls", _)) => true,
        Some((scheme, _)) => {
            let wrong = format!("{text:?}: {scheme}:// is not spoken to servers");
            report.mistake(&line.place, "forward", wrong, "write tls://, dns://, or the address alone");
            return Vec::new();
        }
    };
    if let Some((server, address)) = server.and_then(|server| Some((server, server.address(port(is_tls))?))) {
        let ip = address.ip();
        if ip.is_unspecified() || ip.is_multicast() || address.port() == 0 {
            report.mistake(
                &line.place,
                "forward",
                format!("{text:?} is no server's address"),
                "write the address of one",
            );
            return Vec::new();
        }
        return vec![Target { is_tls, address, name: server.name.map(str::to_owned) }];
    }
    if is_tls || text.contains("://") {
        report.mistake(
            &line.place,
            "forward",
            format!("{text:?} has no address"),
            "write one such as \"tls://192.0.2.1%dns.example\"",
        );
        return Vec::new();
    }
    // A file is the one thing that stands for servers beside an address.
    from_file(line, text, outside, report)
}

/// The nameservers of a file in the form of resolv.conf(5).
fn from_file(line: &Directive, text: &str, outside: &mut Outside<'_>, report: &mut Report) -> Vec<Target> {
    let path = Path::new(text);
    let content = match outside.read(path) {
        Ok(content) => content,
        Err(error) if text.contains('/') => {
            let right = "name a file such as /etc/resolv.conf, or addresses";
            report.mistake(&line.place, "forward", format!("{text} cannot be read: {error}"), right);
            return Vec::new();
        }
        Err(_) => {
            let right = "write its address; a name cannot be looked up before there is a server to ask";
            report.mistake(&line.place, "forward", format!("{text:?} is no address"), right);
            return Vec::new();
        }
    };
    let mut found = nameservers(&content);
    if !found.is_empty() && found.iter().all(|server| is_stub(*server)) {
        // systemd-resolved, which may ask us in turn, says whom it asks itself.
        let behind = outside.read(Path::new(BEHIND_THE_STUB)).map(|content| nameservers(&content)).unwrap_or_default();
        if !behind.is_empty() {
            let differs = format!("{text} names systemd-resolved alone");
            report.notice(
                &line.place,
                "forward",
                differs,
                format!("those that it asks are asked, from {BEHIND_THE_STUB}"),
            );
            found = behind;
        }
    }
    let (own, mut others): (Vec<_>, Vec<_>) = found.into_iter().partition(|server| outside.is_own(*server));
    for server in own {
        let differs = format!("{} of {text} is an address of this daemon", server.ip());
        report.notice(&line.place, "forward", differs, "it is left out, since questions would go round");
    }
    if others.len() > MOST_SERVERS {
        others.truncate(MOST_SERVERS);
        let differs = format!("{text} names more than {MOST_SERVERS} servers");
        report.notice(&line.place, "forward", differs, "the first ones are asked");
    }
    if others.is_empty() {
        report.mistake(
            &line.place,
            "forward",
            format!("{text} names no server"),
            "name a file with a nameserver, or addresses",
        );
    }
    others.into_iter().map(|address| Target { is_tls: false, address, name: None }).collect()
}
