//! What the audit could not look at, what today's CoreDNS does not take, and acceptances that accept nothing.

use super::super::rule::Severity::{Info, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::Sight;

/// Plugins that come with CoreDNS.
pub(in super::super) const PLUGINS: &[&str] = &[
    "root",
    "metadata",
    "geoip",
    "cancel",
    "proxyproto",
    "quic",
    "grpc_server",
    "https",
    "https3",
    "timeouts",
    "multisocket",
    "reload",
    "nsid",
    "bufsize",
    "bind",
    "debug",
    "trace",
    "ready",
    "health",
    "pprof",
    "shed",
    "prometheus",
    "errors",
    "log",
    "dnstap",
    "local",
    "dns64",
    "any",
    "chaos",
    "loadbalance",
    "tsig",
    "rewrite",
    "autopath",
    "acl",
    "cache",
    "header",
    "dnssec",
    "tls",
    "minimal",
    "template",
    "transfer",
    "hosts",
    "route53",
    "azure",
    "clouddns",
    "k8s_external",
    "kubernetes",
    "file",
    "auto",
    "secondary",
    "etcd",
    "loop",
    "forward",
    "grpc",
    "erratic",
    "whoami",
    "on",
    "sign",
    "view",
    "nomad",
];

/// Plugins that CoreDNS once had, and what took their place.
const REMOVED: &[(&str, &str)] = &[
    ("proxy", "forward"),
    ("federation", "nothing: cluster federation is gone"),
    ("reverse", "template"),
    ("startup", "on"),
    ("shutdown", "on"),
    ("dnsfilter", "acl"),
];

/// Options that plugins once had.
const REMOVED_OPTIONS: &[(&str, &str)] = &[
    ("kubernetes", "upstream"),
    ("kubernetes", "resyncperiod"),
    ("kubernetes", "transfer"),
    ("file", "upstream"),
    ("file", "transfer"),
    ("auto", "upstream"),
    ("auto", "transfer"),
    ("auto", "no_reload"),
    ("file", "no_reload"),
    ("etcd", "upstream"),
    ("etcd", "stubzones"),
    ("template", "upstream"),
    ("route53", "upstream"),
];

/// The rule of acceptances: found when all others have looked.
pub(in super::super) const ACCEPTANCE: &str = "NDA081";

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA077",
        name: "unknown-plugin",
        severity: Info,
        title: "a plugin that does not come with CoreDNS",
        why: "What it does was not looked at. It runs with all rights of the server: know who builds it in, and from which source.",
        fix: "# nodens-audit: ignore NDA077 built in by us, and reviewed",
        sources: &["https://coredns.io/explugins/", "https://coredns.io/manual/plugins/"],
        look: unknown,
    },
    Rule {
        id: "NDA078",
        name: "removed-syntax",
        severity: Medium,
        title: "a plugin or option that today's CoreDNS does not take",
        why: "A version that takes this file is years old and has known holes; with a new one, the next upgrade of the cluster stops DNS.",
        fix: "forward . /etc/resolv.conf {\n    max_concurrent 1000\n}",
        sources: &[
            "https://coredns.io/2020/06/15/coredns-1.7.0-release/",
            "https://github.com/coredns/deployment/tree/master/kubernetes",
        ],
        look: removed,
    },
    Rule {
        id: "NDA079",
        name: "import-not-read",
        severity: Info,
        title: "an import could not be read",
        why: "What it holds was not looked at, and belongs to what this server does.",
        fix: "# audit it where the files are: kubectl exec, or the whole folder at once",
        sources: &["https://coredns.io/plugins/import/"],
        look: import,
    },
    Rule {
        id: "NDA080",
        name: "variable-without-value",
        severity: Info,
        title: "a variable decides, and has no value here",
        why: "Whom this server asks, answers or serves is not in the file: the audit saw the variable's name alone. Set it where you audit.",
        fix: "# write the value, or audit with the variable set: POD_NETWORK=10.244.0.0/16 nodens audit Corefile",
        sources: &["https://coredns.io/manual/configuration/"],
        look: variable,
    },
    Rule {
        id: "NDA081",
        name: "acceptance-without-effect",
        severity: Info,
        title: "an ignore comment that accepts nothing",
        why: "The finding is gone, the number is wrong, or a reason is missing; without one nothing is accepted.",
        fix: "# nodens-audit: ignore NDA053 old clients need these names, until 2027",
        sources: &["https://coredns.io/manual/configuration/"],
        look: |_, _| {},
    },
];

/// NDA077
fn unknown(sight: &Sight<'_>, findings: &mut Findings) {
    for directive in sight.servers().iter().flat_map(|server| &server.directives) {
        let name = directive.name.as_str();
        if !PLUGINS.contains(&name) && !REMOVED.iter().any(|(removed, _)| *removed == name) {
            findings.add(&directive.place, format!("{name:?} is not known here"));
        }
    }
}

/// NDA078
fn removed(sight: &Sight<'_>, findings: &mut Findings) {
    for directive in sight.servers().iter().flat_map(|server| &server.directives) {
        if let Some((name, instead)) = REMOVED.iter().find(|(name, _)| *name == directive.name) {
            findings.add(&directive.place, format!("{name} was removed; in its place: {instead}"));
        }
        for line in directive.lines() {
            let gone = REMOVED_OPTIONS.contains(&(directive.name.as_str(), line.name.as_str()));
            if gone {
                findings.add(&line.place, format!("{}: {} was removed", directive.name, line.name));
            }
        }
    }
}

/// NDA079
fn import(sight: &Sight<'_>, findings: &mut Findings) {
    for notice in sight.corefile.notices.iter().filter(|notice| notice.subject == "import") {
        findings.add(&notice.place, notice.differs.clone());
    }
    for (place, path) in sight.texts.missing(sight.corefile) {
        findings.add(&place, format!("{path} cannot be read here"));
    }
}

/// NDA080
fn variable(sight: &Sight<'_>, findings: &mut Findings) {
    let is_open = |word: &&String| word.contains("{$") || word.contains("{%");
    for directive in sight.servers().iter().flat_map(|server| &server.directives) {
        let found = match directive.name.as_str() {
            "forward" | "bind" => directive.arguments.iter().find(is_open).map(|word| (word, &directive.place)),
            "acl" => {
                directive.lines().iter().find_map(|line| Some((line.arguments.iter().find(is_open)?, &line.place)))
            }
            _ => None,
        };
        if let Some((word, place)) = found {
            findings.add(place, format!("{} {word}", directive.name));
        }
    }
}
