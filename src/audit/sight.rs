//! What rules see: the tree, and questions about it that several of them ask.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::source::Texts;
use super::upstream::{Forward, Host};
pub(super) use crate::corefile::is_within as within;
use crate::corefile::{self, Corefile, Directive, ServerBlock, Transport};

/// A Corefile and what was read for it.
#[derive(Debug)]
pub struct Sight<'a> {
    /// The tree.
    pub corefile: &'a Corefile,
    /// What the file and its imports say, line by line.
    pub texts: &'a Texts,
    /// The zones that the cluster's names are in.
    cluster: OnceCell<BTreeSet<String>>,
}

impl<'a> Sight<'a> {
    /// Looks at a tree.
    pub(super) fn new(corefile: &'a Corefile, texts: &'a Texts) -> Self {
        Self { corefile, texts, cluster: OnceCell::new() }
    }

    /// The server blocks.
    #[must_use]
    pub fn servers(&self) -> &'a [ServerBlock] {
        &self.corefile.blocks
    }

    /// All uses of a plugin, with their servers.
    pub fn plugins(&self, name: &'a str) -> impl Iterator<Item = (&'a ServerBlock, &'a Directive)> {
        self.servers().iter().flat_map(move |server| plugins(server, name).map(move |directive| (server, directive)))
    }

    /// All `forward` lines, with their servers.
    pub fn forwards(&self) -> impl Iterator<Item = (&'a ServerBlock, Forward<'a>)> {
        self.servers().iter().flat_map(|server| forwards(server).into_iter().map(move |forward| (server, forward)))
    }

    /// Whether some server has a plugin.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.servers().iter().any(|server| has(server, name))
    }

    /// The zones of the cluster's own names: those of `kubernetes`, and cluster.local.
    pub fn cluster_zones(&self) -> &BTreeSet<String> {
        self.cluster.get_or_init(|| {
            let own = self.servers().iter().flat_map(|server| {
                // Those of the server once, however many lines hold for them.
                let unnamed = plugins(server, "kubernetes").find(|directive| directive.arguments.is_empty());
                let named = plugins(server, "kubernetes").flat_map(|directive| &directive.arguments);
                let keys = unnamed.map_or(&[][..], |_| &server.keys).iter().map(|key| key.zone.clone());
                keys.chain(named.map(|name| zone(name)))
            });
            own.filter(|zone| zone != "." && !is_reverse(zone)).chain(["cluster.local.".to_owned()]).collect()
        })
    }
}

/// All uses of a plugin in a server.
pub(super) fn plugins<'a>(server: &'a ServerBlock, name: &'a str) -> impl Iterator<Item = &'a Directive> {
    server.directives.iter().filter(move |directive| directive.name == name)
}

/// Whether a server has a plugin.
pub(super) fn has(server: &ServerBlock, name: &str) -> bool {
    server.directives.iter().any(|directive| directive.name == name)
}

/// The first line of that name within a plugin's braces.
pub(super) fn option<'a>(directive: &'a Directive, name: &str) -> Option<&'a Directive> {
    directive.lines().iter().find(|line| line.name == name)
}

/// The words of all lines of that name within a plugin's braces.
pub(super) fn plugin_words<'a>(directive: &'a Directive, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = directive.lines().iter().filter(move |line| line.name == name);
    lines.flat_map(|line| &line.arguments).map(String::as_str)
}

/// Whether a line forwards. `proxy` is what came before `forward`, and is written alike.
fn is_forward(directive: &Directive) -> bool {
    matches!(directive.name.as_str(), "forward" | "proxy")
}

/// The `forward` lines of a server.
pub(super) fn forwards(server: &ServerBlock) -> Vec<Forward<'_>> {
    server.directives.iter().filter(|directive| is_forward(directive)).map(Forward::read).collect()
}

/// Whether a server forwards.
pub(super) fn has_forward(server: &ServerBlock) -> bool {
    server.directives.iter().any(is_forward)
}

/// The `forward` lines of a server that send all names away, not those of one zone.
pub(super) fn outward(server: &ServerBlock) -> Vec<Forward<'_>> {
    let serves_all = server.keys.iter().any(|key| key.zone == ".");
    let mut all = forwards(server);
    all.retain(|forward| serves_all && forward.from == ".");
    all
}

/// Whether clients ask a server over UDP.
pub(super) fn is_plain(server: &ServerBlock) -> bool {
    server.keys.iter().any(|key| key.transport == Transport::Dns)
}

/// Whether a server listens on more than addresses that were chosen.
pub(super) fn listens_everywhere(server: &ServerBlock) -> bool {
    let mut addresses = plugins(server, "bind").flat_map(|bind| &bind.arguments).peekable();
    addresses.peek().is_none() || addresses.any(|address| matches!(address.as_str(), "0.0.0.0" | "::" | "*" | "[::]"))
}

/// Where an HTTP listener stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// On every address of the machine.
    Everywhere,
    /// On the machine itself.
    Loopback,
    /// On an address that somebody chose.
    Chosen,
}

/// Where the listener of a plugin stands, which has `default` without an address.
pub(super) fn listener(directive: &Directive, default: &str) -> Listener {
    let text = directive.arguments.first().map_or(default, String::as_str);
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host).trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => Listener::Everywhere,
        Ok(address) if address.is_loopback() => Listener::Loopback,
        Ok(_) => Listener::Chosen,
        Err(_) if host.is_empty() => Listener::Everywhere,
        Err(_) if host.eq_ignore_ascii_case("localhost") => Listener::Loopback,
        Err(_) => Listener::Chosen,
    }
}

/// Whether a URL or address leads to another machine.
pub(super) fn is_remote(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or(rest);
    let host = match rest.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or(inner),
        None => rest.split(':').next().unwrap_or(rest),
    };
    match host.parse::<IpAddr>() {
        Ok(address) => !address.is_loopback(),
        Err(_) => !host.is_empty() && !host.eq_ignore_ascii_case("localhost"),
    }
}

//------ Names ----------------------------------------------------------------

/// A zone as the tree has it: lower case, with the dot at its end.
pub(super) fn zone(text: &str) -> String {
    let name = text.strip_suffix('.').unwrap_or(text);
    format!("{}.", name.to_ascii_lowercase())
}

/// The zones that a plugin holds for: those it names, or else its server's.
pub(super) fn zones(server: &ServerBlock, named: &[String]) -> Vec<String> {
    if named.is_empty() {
        server.keys.iter().map(|key| key.zone.clone()).collect()
    } else {
        named.iter().map(|name| zone(name)).collect()
    }
}

/// A name, the name above it, and so on up to the root.
pub(super) fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    let dots = name.match_indices('.').map(|(at, _)| &name[at + 1..]).filter(|rest| !rest.is_empty());
    std::iter::once(name).chain(dots).chain((name != ".").then_some("."))
}

/// Whether a zone is of addresses.
pub(super) fn is_reverse(zone: &str) -> bool {
    within(zone, "in-addr.arpa.") || within(zone, "ip6.arpa.") || zone.contains('/')
}

/// Whether `fallthrough` passes names of a zone on.
pub(super) fn falls_through(directive: &Directive, zone_: &str) -> bool {
    directive
        .lines()
        .iter()
        .filter(|line| line.name == "fallthrough")
        .any(|line| line.arguments.is_empty() || line.arguments.iter().any(|name| within(zone_, &zone(name))))
}

/// Whether somebody who asks may come from anywhere, as this server is written.
pub(super) fn is_open(server: &ServerBlock) -> bool {
    is_plain(server) && listens_everywhere(server) && !plugins(server, "acl").any(denies_others)
}

/// Whether an `acl` keeps nobody out: the line that allows all, or the plugin's own where no line refuses anybody.
pub(super) fn keeps_nobody_out<'a>(server: &ServerBlock, acl: &'a Directive) -> Option<&'a Directive> {
    let refuses = acl.lines().iter().any(|line| matches!(line.name.as_str(), "block" | "drop" | "filter"));
    let allows_all = acl.lines().iter().find(|line| line.name == "allow" && covers_all(line));
    allows_all.or_else(|| (!refuses && !plugins(server, "acl").any(denies_others)).then_some(acl))
}

/// Whether an `acl` refuses whom it does not name.
pub(super) fn denies_others(acl: &Directive) -> bool {
    acl.lines().iter().any(|line| matches!(line.name.as_str(), "block" | "drop" | "filter") && covers_all(line))
}

/// Whether a line of an `acl` is about every client and every type.
pub(super) fn covers_all(line: &Directive) -> bool {
    let nets = nets(line);
    let types = types(line);
    (types.is_empty() || types.contains(&"*"))
        && (nets.is_empty() || nets.iter().any(|net| matches!(*net, "*" | "0.0.0.0/0" | "::/0")))
}

/// The networks that a line of an `acl` names.
pub(super) fn nets(line: &Directive) -> Vec<&str> {
    behind(line, "net", "type")
}

/// The types that a line of an `acl` names.
pub(super) fn types(line: &Directive) -> Vec<&str> {
    behind(line, "type", "net")
}

/// The words behind one keyword, up to the other.
fn behind<'a>(line: &'a Directive, keyword: &str, other: &str) -> Vec<&'a str> {
    let words = line.arguments.iter().map(String::as_str);
    words.skip_while(|word| *word != keyword).skip(1).take_while(|word| *word != other).collect()
}

/// Whether one of these servers may lead back to us, as far as the file tells.
pub(super) fn may_loop(forward: &Forward<'_>) -> bool {
    forward.to.iter().any(|upstream| match upstream.host {
        Host::File(_) | Host::Name(_) | Host::Variable(_) => upstream.transport == super::upstream::Way::Plain,
        Host::Address(_) => !upstream.is_public(),
    })
}

/// Seconds of a duration as Go writes it ("1h30m", "500ms"), or of a number without a unit.
pub(super) fn seconds(text: &str) -> Option<f64> {
    text.parse::<u64>().ok().map(|number| number as f64).or_else(|| corefile::seconds(text))
}

#[cfg(test)]
mod tests {
    use super::{ancestors, is_remote, seconds, within};

    #[test]
    fn names_lie_within_zones_by_whole_labels() {
        assert!(within("a.cluster.local.", "cluster.local."));
        assert!(within("cluster.local.", "cluster.local."));
        assert!(within("anything.", "."));
        assert!(!within("mycluster.local.", "cluster.local."));
        let all: Vec<_> = ancestors("a.b.").collect();
        assert_eq!(all, ["a.b.", "b.", "."]);
        assert_eq!(ancestors(".").collect::<Vec<_>>(), ["."]);
    }

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(seconds("30"), Some(30.0));
        assert_eq!(seconds("1h30m"), Some(5_400.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        for text in ["", "h", "1x", "1.2.3s", "5 s", "-"] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn another_machine_is_what_is_not_loopback() {
        for text in ["http://10.0.0.1:2379", "zipkin.example:9411", "https://[2001:db8::1]:2379/x"] {
            assert!(is_remote(text), "{text}");
        }
        for text in ["http://localhost:2379", "127.0.0.1:6000", "http://[::1]:80", "/var/run/tap.sock", ""] {
            assert!(!is_remote(text), "{text}");
        }
    }
}
