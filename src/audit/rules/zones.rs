//! Servers and zones against each other: twice, hidden, never asked.

use std::collections::{BTreeMap, BTreeSet};

use super::super::rule::Severity::{High, Info, Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};
use super::super::zone_set::ZoneSet;
use super::PLUGINS;
use crate::corefile::{Key, ServerBlock, Transport};

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA068",
        name: "zone-twice",
        severity: High,
        title: "the same zone and port twice",
        why: "CoreDNS does not start with it; a running one keeps the old file and only its log says so.",
        fix: "example.org:53 {\n    errors\n    forward . 10.0.0.10 {\n        max_concurrent 1000\n    }\n}",
        sources: &["https://coredns.io/manual/configuration/", "https://coredns.io/plugins/view/"],
        look: twice,
    },
    Rule {
        id: "NDA069",
        name: "view-hidden",
        severity: Medium,
        title: "a view behind a server that takes every question",
        why: "Servers of one zone are tried from top to bottom; what stands below one without a view never gets a question, so that its clients \
              get the answers of the others.",
        fix: "example.org:53 {\n    view inside {\n        expr incidr(client_ip(), '10.0.0.0/8')\n    }\n    errors\n    whoami\n}\n\
              example.org:53 {\n    errors\n    whoami\n}",
        sources: &["https://coredns.io/plugins/view/"],
        look: view_hidden,
    },
    Rule {
        id: "NDA070",
        name: "nothing-answers",
        severity: Medium,
        title: "a server without a source of answers",
        why: "The longest zone takes the question away from all others, and nothing in this server answers it: its names fail.",
        fix: "example.org:53 {\n    errors\n    forward . 10.0.0.10 {\n        max_concurrent 1000\n    }\n}",
        sources: &["https://coredns.io/manual/setups/", "https://coredns.io/manual/plugins/"],
        look: nothing_answers,
    },
    Rule {
        id: "NDA071",
        name: "forward-hidden",
        severity: Medium,
        title: "a forward that an earlier one hides",
        why: "Several forwards of a server are tried in their order: names of the smaller zone go to the servers of the larger one, perhaps out of \
              the house.",
        fix: "forward corp.example.org 10.0.0.10 {\n    max_concurrent 1000\n}\nforward . 10.0.0.11 {\n    max_concurrent 1000\n}",
        sources: &["https://coredns.io/plugins/forward/"],
        look: forward_hidden,
    },
    Rule {
        id: "NDA072",
        name: "zone-never-asked",
        severity: Low,
        title: "a plugin for a zone that its server does not serve",
        why: "Its server never gets those questions; another one answers them, or none, and the file reads as if it were otherwise.",
        fix: "corp.example.org:53 {\n    errors\n    forward . 10.0.0.10 {\n        max_concurrent 1000\n    }\n}",
        sources: &["https://coredns.io/manual/configuration/"],
        look: never_asked,
    },
    Rule {
        id: "NDA073",
        name: "plugin-twice",
        severity: Medium,
        title: "a plugin twice that may stand once in a server",
        why: "CoreDNS refuses the file, or takes one of the two without saying which.",
        fix: "cache 30 {\n    success 9984 30\n    denial 9984 5\n}",
        sources: &["https://coredns.io/plugins/cache/", "https://coredns.io/plugins/kubernetes/"],
        look: plugin_twice,
    },
    Rule {
        id: "NDA074",
        name: "order-means-nothing",
        severity: Info,
        title: "the order of plugins has no effect",
        why: "CoreDNS runs them in the order of its plugin.cfg, whatever the file says: what is written below forward is not asked after it.",
        fix: "# the order in which they run\nhosts /etc/coredns/hosts example.org {\n    fallthrough\n}\nforward . 10.0.0.10 {\n    max_concurrent 1000\n}",
        sources: &["https://coredns.io/manual/plugins/", "https://github.com/coredns/coredns/blob/master/plugin.cfg"],
        look: order,
    },
];

/// What two servers must not have in common: transport, zone, port.
fn identity(key: &Key) -> (u8, &str, u16) {
    let (transport, default) = match key.transport {
        Transport::Dns => (0, 53),
        Transport::Tls => (1, 853),
        Transport::Https => (2, 443),
        Transport::Grpc => (3, 443),
        Transport::Quic => (4, 853),
    };
    // https3 is QUIC, and may stand beside https.
    let transport = if key.text.starts_with("https3://") { 5 } else { transport };
    (transport, &key.zone, key.port.unwrap_or(default))
}

/// The addresses that a server is bound to; one empty word for all.
fn addresses(server: &ServerBlock) -> BTreeSet<&str> {
    let bound: BTreeSet<_> =
        sight::plugins(server, "bind").flat_map(|bind| &bind.arguments).map(String::as_str).collect();
    if bound.is_empty() { BTreeSet::from([""]) } else { bound }
}

/// Servers by what they serve, in their order.
fn by_key<'a>(sight: &Sight<'a>) -> BTreeMap<(u8, &'a str, u16), Vec<&'a ServerBlock>> {
    let mut all: BTreeMap<_, Vec<&ServerBlock>> = BTreeMap::new();
    for server in sight.servers() {
        for key in &server.keys {
            all.entry(identity(key)).or_default().push(server);
        }
    }
    all
}

/// NDA068
fn twice(sight: &Sight<'_>, findings: &mut Findings) {
    for ((_, zone, port), servers) in by_key(sight) {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for server in servers.iter().filter(|server| !sight::has(server, "view")) {
            // A server on all addresses takes those that another one is bound to, and the other way round.
            let all = |seen: &BTreeMap<&str, u32>| seen.values().next().copied();
            let taken = addresses(server).into_iter().find_map(|address| match address {
                "" => all(&seen),
                _ => seen.get(address).or_else(|| seen.get("")).copied(),
            });
            if let Some(line) = taken {
                findings.add(&server.place, format!("{zone} at port {port} stands in line {line} already"));
            }
            for address in addresses(server) {
                seen.entry(address).or_insert(server.place.line);
            }
        }
    }
}

/// NDA069
fn view_hidden(sight: &Sight<'_>, findings: &mut Findings) {
    for ((_, zone, _), servers) in by_key(sight) {
        let Some(open) = servers.iter().position(|server| !sight::has(server, "view")) else { continue };
        let taken = addresses(servers[open]);
        for server in servers[open..].iter().filter(|server| sight::has(server, "view")) {
            if addresses(server).iter().any(|address| taken.contains(address)) {
                let what = format!("the server in line {} takes all of {zone}", servers[open].place.line);
                findings.add(&server.place, what);
            }
        }
    }
}

/// Plugins that answer. One that nobody here knows may answer, too.
const SOURCES: &[&str] = &[
    "forward",
    "grpc",
    "kubernetes",
    "k8s_external",
    "hosts",
    "file",
    "auto",
    "secondary",
    "etcd",
    "route53",
    "azure",
    "clouddns",
    "template",
    "whoami",
    "erratic",
    "chaos",
    "nomad",
    "local",
    "proxy",
];

/// NDA070
fn nothing_answers(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let answers = |name: &str| SOURCES.contains(&name) || !PLUGINS.contains(&name);
        // An acl that ends in a refusal is an answer, and meant.
        let refuses = sight::plugins(server, "acl").any(sight::denies_others);
        if !refuses && !server.directives.iter().any(|directive| answers(&directive.name)) {
            let zone = server.keys.first().map_or(".", |key| key.zone.as_str());
            findings.add(&server.place, format!("names of {zone} come here, and nothing answers them"));
        }
    }
}

/// NDA071
fn forward_hidden(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for forward in sight::forwards(server) {
            let above = sight::ancestors(&forward.from).find_map(|zone| Some((zone.to_owned(), *seen.get(zone)?)));
            if let Some((zone, line)) = above {
                let what = format!("forward {} never gets a question: line {line} takes {zone}", forward.from);
                findings.add(&forward.directive.place, what);
            }
            // What an earlier forward leaves out, or hands on by next, a later one may get.
            let passes = forward
                .directive
                .lines()
                .iter()
                .any(|line| matches!(line.name.as_str(), "except" | "next" | "next_on_nodata"));
            if !passes {
                seen.entry(forward.from).or_insert(forward.directive.place.line);
            }
        }
    }
}

/// NDA072
fn never_asked(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let keys = ZoneSet::keys(server);
        for directive in &server.directives {
            let named = match directive.name.as_str() {
                "forward" | "grpc" => directive.arguments.get(..1),
                "kubernetes" => Some(&directive.arguments[..]),
                "file" | "hosts" => directive.arguments.get(1..),
                _ => None,
            };
            let zones = named.unwrap_or_default().iter().filter(|name| !name.contains(['/', '{']));
            if let Some(zone) = zones.map(|name| sight::zone(name)).find(|zone| !keys.touches(zone)) {
                let own = server.keys.first().map_or(".", |key| key.zone.as_str());
                findings.add(&directive.place, format!("{} for {zone}, in a server for {own}", directive.name));
            }
        }
    }
}

/// Plugins whose documentation says "only once", and `health`, which is one for the process.
const ONCE: &[&str] = &[
    "cache",
    "dnssec",
    "errors",
    "grpc_server",
    "hosts",
    "https",
    "https3",
    "kubernetes",
    "prometheus",
    "nsid",
    "pprof",
    "quic",
    "reload",
    "root",
    "health",
    "ready",
    "loop",
];

/// NDA073
fn plugin_twice(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for directive in server.directives.iter().filter(|directive| ONCE.contains(&directive.name.as_str())) {
            if let Some(line) = seen.insert(&directive.name, directive.place.line) {
                findings.add(&directive.place, format!("{} stands in line {line} already", directive.name));
            }
        }
    }
}

/// NDA074
fn order(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let Some(forward) = server.directives.iter().position(|directive| directive.name == "forward") else {
            continue;
        };
        let before = ["acl", "rewrite", "template", "hosts", "file", "auto", "kubernetes"];
        let below = server.directives[forward..].iter().find(|directive| before.contains(&directive.name.as_str()));
        if let Some(directive) = below {
            let what = format!("{} stands below forward, and runs before it", directive.name);
            findings.add(&directive.place, what);
        }
    }
}
