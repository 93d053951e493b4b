//! Where names are sent: in the clear, to whom, how many at a time.

use super::super::rule::Severity::{High, Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};
use super::super::upstream::{Forward, Host, Way, known};
use super::super::zone_set::ZoneSet;

/// The documentation of `forward`.
const FORWARD: &str = "https://coredns.io/plugins/forward/";

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA001",
        name: "plain-text-upstream",
        severity: High,
        title: "names go to a public resolver in the clear",
        why: "Everybody on the path reads which names the machines behind this server ask for, and can answer in the resolver's place.",
        fix: "forward . tls://9.9.9.9 tls://149.112.112.112 {\n    tls_servername dns.quad9.net\n    max_concurrent 1000\n}",
        sources: &[FORWARD, "https://www.rfc-editor.org/rfc/rfc9076", "https://www.rfc-editor.org/rfc/rfc7858"],
        look: plain_text,
    },
    Rule {
        id: "NDA002",
        name: "unauthenticated-upstream",
        severity: High,
        title: "an encrypted upstream without tls_servername",
        why: "Nothing says whose certificate is the right one. CoreDNS's documentation says that anyone may then stand in the middle: the \
              encryption keeps out those who listen, not those who answer.",
        fix: "forward . tls://9.9.9.9 tls://149.112.112.112 {\n    tls_servername dns.quad9.net\n    max_concurrent 1000\n}",
        sources: &[FORWARD, "https://www.rfc-editor.org/rfc/rfc8310#section-5"],
        look: unauthenticated,
    },
    Rule {
        id: "NDA003",
        name: "mixed-transports",
        severity: Medium,
        title: "encrypted and plain upstreams in one forward",
        why: "Names go to either at random, and whoever closes the way to the encrypted ones gets all of them in the clear.",
        fix: "forward . tls://9.9.9.9 tls://149.112.112.112 {\n    tls_servername dns.quad9.net\n    max_concurrent 1000\n}",
        sources: &[FORWARD, "https://www.rfc-editor.org/rfc/rfc8310#section-5"],
        look: mixed,
    },
    Rule {
        id: "NDA004",
        name: "resolvers-of-the-host",
        severity: Low,
        title: "names go to whatever resolv.conf names",
        why: "Servers from that file are always asked in the clear, and DHCP or an image decides which they are; a review of this file does not \
              tell who sees the names.",
        fix: "forward . tls://9.9.9.9 tls://149.112.112.112 {\n    tls_servername dns.quad9.net\n    max_concurrent 1000\n}",
        sources: &[FORWARD, "https://www.rfc-editor.org/rfc/rfc9076"],
        look: resolvers_of_the_host,
    },
    Rule {
        id: "NDA005",
        name: "cluster-names-to-public",
        severity: High,
        title: "names of the cluster go to a public resolver",
        why: "The names of namespaces and services are shown to strangers, and whoever answers for them decides where connections inside go.",
        fix: "kubernetes cluster.local in-addr.arpa ip6.arpa {\n    fallthrough in-addr.arpa ip6.arpa\n}",
        sources: &[FORWARD, "https://github.com/kubernetes/dns/blob/master/docs/specification.md"],
        look: cluster_names,
    },
    Rule {
        id: "NDA006",
        name: "search-path-leak",
        severity: Medium,
        title: "cluster names that do not exist fall through to forward",
        why: "With the search path of pods every name outside is first asked below the cluster's zone; each of those, typing errors included, \
              leaves the cluster, and the upstream can answer it.",
        fix: "kubernetes cluster.local in-addr.arpa ip6.arpa {\n    fallthrough in-addr.arpa ip6.arpa\n}",
        sources: &[
            "https://coredns.io/plugins/kubernetes/",
            "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/",
        ],
        look: search_path,
    },
    Rule {
        id: "NDA007",
        name: "no-max-concurrent",
        severity: Medium,
        title: "forward without max_concurrent",
        why: "Each question that waits for a slow upstream holds memory (2 kB and a goroutine): when the upstream stops, a busy server grows \
              until the kernel kills it.",
        fix: "forward . /etc/resolv.conf {\n    max_concurrent 1000\n}",
        sources: &[FORWARD],
        look: unbounded,
    },
    Rule {
        id: "NDA008",
        name: "no-upstream-health",
        severity: Low,
        title: "max_fails 0: a dead upstream stays in use",
        why: "An upstream that does not answer is never left out, so that a share of all questions runs into its time-out.",
        fix: "forward . /etc/resolv.conf {\n    max_fails 2\n    max_concurrent 1000\n}",
        sources: &[FORWARD],
        look: no_health,
    },
    Rule {
        id: "NDA009",
        name: "public-without-dnssec",
        severity: Medium,
        title: "nobody validates DNSSEC for names outside",
        why: "CoreDNS does not validate. A resolver that does not either, or one whose answers come over a path that can be changed, lets forged \
              answers of signed zones through.",
        fix: "# dns.quad9.net validates, and TLS with its name keeps the verdict whole\nforward . tls://9.9.9.9 tls://149.112.112.112 {\n    \
              tls_servername dns.quad9.net\n    max_concurrent 1000\n}",
        sources: &[FORWARD, "https://www.rfc-editor.org/rfc/rfc4033#section-7", "https://coredns.io/plugins/dnssec/"],
        look: no_dnssec,
    },
    Rule {
        id: "NDA010",
        name: "dnssec-signs",
        severity: Medium,
        title: "dnssec beside forward: it signs, it does not validate",
        why: "The plugin puts this server's signatures on whatever the upstream said, forged answers included; it never checks one.",
        fix: "forward . tls://9.9.9.9 {\n    tls_servername dns.quad9.net\n    max_concurrent 1000\n}",
        sources: &["https://coredns.io/plugins/dnssec/", "https://www.rfc-editor.org/rfc/rfc4033#section-7"],
        look: dnssec_beside_forward,
    },
    Rule {
        id: "NDA011",
        name: "grpc-in-the-clear",
        severity: Medium,
        title: "grpc to another machine without tls",
        why: "Without the option tls the plugin asks over an unencrypted connection: names can be read and answers changed.",
        fix: "grpc . 10.0.0.10:443 {\n    tls /etc/coredns/ca.crt\n    tls_servername dns.example.org\n}",
        sources: &["https://coredns.io/plugins/grpc/"],
        look: grpc_in_the_clear,
    },
    Rule {
        id: "NDA012",
        name: "private-addresses-to-public",
        severity: Low,
        title: "reverse names of private networks go to a public resolver",
        why: "Nobody outside can answer them; asking tells strangers which addresses are in use inside.",
        fix: "10.0.0.0/8:53 172.16.0.0/12:53 192.168.0.0/16:53 {\n    errors\n    template ANY ANY {\n        rcode NXDOMAIN\n    }\n}",
        sources: &["https://www.rfc-editor.org/rfc/rfc6303#section-4.1", "https://coredns.io/plugins/local/"],
        look: private_addresses,
    },
];

/// "forward . 8.8.8.8 8.8.4.4", shortened.
fn shown(forward: &Forward<'_>) -> String {
    let to: Vec<&str> = forward.to.iter().map(|upstream| upstream.text).take(3).collect();
    let more = if forward.to.len() > 3 { " …" } else { "" };
    let name = &forward.directive.name;
    format!("{name} {} {}{more}", forward.directive.arguments.first().map_or(".", String::as_str), to.join(" "))
}

/// The same line over TLS, where it is known which names its servers have.
fn over_tls(forward: &Forward<'_>) -> Option<String> {
    let mut to = Vec::new();
    for upstream in &forward.to {
        let resolver = known(upstream).filter(|resolver| !resolver.name.is_empty())?;
        let Host::Address(address) = upstream.host else { return None };
        let server = format!("tls://{address}%{}", resolver.name);
        if !to.contains(&server) {
            to.push(server);
        }
    }
    let (from, to) = (forward.directive.arguments.first()?, to.join(" "));
    Some(format!("forward {from} {to} {{\n    max_concurrent 1000\n}}"))
}

/// Adds a finding with the line over TLS as its fix, if that is known.
fn add(findings: &mut Findings, forward: &Forward<'_>, what: String) {
    match over_tls(forward) {
        Some(fix) => findings.add_with(&forward.directive.place, what, fix),
        None => findings.add(&forward.directive.place, what),
    }
}

/// NDA001
fn plain_text(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, forward) in sight.forwards() {
        let open = forward.public().find(|upstream| upstream.transport == Way::Plain);
        if let Some(upstream) = open {
            let what = format!("{}: {} is asked in the clear", shown(&forward), upstream.text);
            add(findings, &forward, what);
        }
    }
}

/// NDA002
fn unauthenticated(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, forward) in sight.forwards() {
        let bare = forward.to.iter().find(|upstream| {
            upstream.transport != Way::Plain && !upstream.is_local() && !forward.is_authenticated(upstream)
        });
        if let Some(upstream) = bare {
            let what = format!("{}: nothing names the certificate of {}", shown(&forward), upstream.text);
            add(findings, &forward, what);
        }
    }
}

/// NDA003
fn mixed(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, forward) in sight.forwards() {
        let plain = forward.to.iter().find(|upstream| upstream.transport == Way::Plain && !upstream.is_local());
        let sealed = forward.to.iter().find(|upstream| upstream.transport != Way::Plain);
        if let (Some(plain), Some(sealed)) = (plain, sealed) {
            let what = format!("{}: {} stands beside {}", shown(&forward), plain.text, sealed.text);
            add(findings, &forward, what);
        }
    }
}

/// NDA004
fn resolvers_of_the_host(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, forward) in sight.forwards() {
        let file = forward.to.iter().find(|upstream| matches!(upstream.host, Host::File(_)));
        if let Some(upstream) = file {
            findings.add(&forward.directive.place, format!("{}: who that is, {} says", shown(&forward), upstream.text));
        }
    }
}

/// NDA005
fn cluster_names(sight: &Sight<'_>, findings: &mut Findings) {
    let own = |name: &str| sight::ancestors(name).find_map(|zone| sight.cluster_zones().get(zone));
    for server in sight.servers() {
        let by_key = server.keys.iter().find_map(|key| own(&key.zone));
        let has_plugin = sight::has(server, "kubernetes");
        for forward in sight::forwards(server) {
            let Some(upstream) = forward.public().next() else { continue };
            let has_zone = has_plugin && !sight::within(&forward.from, "cluster.local.");
            if let Some(zone) = own(&forward.from).or(by_key).filter(|_| !has_zone) {
                let what = format!("{}: {} is asked for names of {zone}", shown(&forward), upstream.text);
                findings.add(&forward.directive.place, what);
            }
        }
    }
}

/// NDA006
fn search_path(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers().iter().filter(|server| sight::has(server, "kubernetes")) {
        let forwards = sight::forwards(server);
        let forwarded = ZoneSet::of(forwards.iter().map(|forward| forward.from.as_str()));
        let is_forwarded = |zone: &&str| !sight::is_reverse(zone) && forwarded.holder(zone).is_some();
        let keys = ZoneSet::of(server.keys.iter().map(|key| key.zone.as_str()).filter(is_forwarded));
        for directive in sight::plugins(server, "kubernetes") {
            let named: Vec<String> = directive.arguments.iter().map(|name| sight::zone(name)).collect();
            let named = ZoneSet::of(named.iter().map(String::as_str).filter(is_forwarded));
            let zones = if directive.arguments.is_empty() { &keys } else { &named };
            let lines = directive.lines().iter().filter(|line| line.name == "fallthrough");
            let leak = { lines }.find_map(|line| match line.arguments.as_slice() {
                [] => zones.within("."),
                passed => passed.iter().find_map(|name| zones.within(&sight::zone(name))),
            });
            if let Some(zone) = leak {
                let place = sight::option(directive, "fallthrough").map_or(&directive.place, |line| &line.place);
                findings.add(place, format!("what does not exist in {zone} goes on to forward"));
            }
        }
    }
}

/// NDA007
fn unbounded(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, forward) in sight.forwards() {
        let bound = sight::option(forward.directive, "max_concurrent").and_then(|line| line.arguments.first());
        if bound.is_none_or(|bound| bound == "0") {
            let arguments = forward.directive.arguments.join(" ");
            let mut fix = format!("forward {arguments} {{\n");
            for line in forward.directive.lines().iter().filter(|line| line.name != "max_concurrent") {
                fix += &format!("    {} {}", line.name, line.arguments.join(" "));
                fix.truncate(fix.trim_end().len());
                fix += "\n";
            }
            fix += "    max_concurrent 1000\n}";
            findings.add_with(&forward.directive.place, format!("{} takes any number", shown(&forward)), fix);
        }
    }
}

/// NDA008
fn no_health(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, forward) in sight.forwards() {
        let zero = sight::option(forward.directive, "max_fails");
        if let Some(line) = zero.filter(|line| line.arguments.first().is_some_and(|number| number == "0")) {
            findings.add(&line.place, format!("{} never gives a server up", shown(&forward)));
        }
    }
}

/// NDA009
fn no_dnssec(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, forward) in sight.forwards() {
        let lax = forward.public().find(|upstream| known(upstream).is_some_and(|resolver| !resolver.validates));
        let exposed = forward.public().find(|upstream| !forward.is_authenticated(upstream));
        if let Some(upstream) = lax {
            let what = format!("{}: {} does not validate", shown(&forward), upstream.text);
            findings.add(&forward.directive.place, what);
        } else if let Some(upstream) = exposed {
            let what = format!("{}: what {} validated can be changed on its way", shown(&forward), upstream.text);
            add(findings, &forward, what);
        }
    }
}

/// NDA010
fn dnssec_beside_forward(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers().iter().filter(|server| sight::has(server, "dnssec")) {
        let forwards = sight::forwards(server);
        let forwarded = ZoneSet::of(forwards.iter().map(|forward| forward.from.as_str()));
        let by_key = server.keys.iter().any(|key| forwarded.touches(&key.zone));
        for directive in sight::plugins(server, "dnssec") {
            let signs = match directive.arguments.as_slice() {
                [] => by_key,
                named => named.iter().any(|name| forwarded.touches(&sight::zone(name))),
            };
            if signs {
                findings.add(&directive.place, "answers of the upstream are signed unchecked");
            }
        }
    }
}

/// NDA011
fn grpc_in_the_clear(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("grpc") {
        let remote = directive.arguments.iter().skip(1).find(|to| sight::is_remote(to));
        if let Some(to) = remote.filter(|_| sight::option(directive, "tls").is_none()) {
            findings.add(&directive.place, format!("{to} is asked without TLS"));
        }
    }
}

/// NDA012
fn private_addresses(sight: &Sight<'_>, findings: &mut Findings) {
    const PRIVATE: &str = "10.in-addr.arpa.";
    let is_kept = |zone: &str| sight::within(PRIVATE, zone) && zone != ".";
    if sight.servers().iter().flat_map(|server| &server.keys).any(|key| is_kept(&key.zone)) {
        return;
    }
    for server in sight.servers() {
        let own = sight::plugins(server, "kubernetes").any(|directive| {
            // No key of a server is one.
            let is_held = directive.arguments.iter().any(|name| is_kept(&sight::zone(name)));
            is_held && !sight::falls_through(directive, PRIVATE)
        });
        for forward in sight::outward(server) {
            let excepted = sight::plugin_words(forward.directive, "except").any(|name| is_kept(&sight::zone(name)));
            if let Some(upstream) = forward.public().next().filter(|_| !own && !excepted) {
                findings.add(&forward.directive.place, format!("{} is asked whose 10.1.2.3 is", upstream.text));
            }
        }
    }
}
