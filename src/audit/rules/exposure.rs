//! Who may ask, and what else is open: metrics, health, profiles, copies of all questions.

use super::super::rule::Severity::{High, Info, Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Listener, Sight};

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA017",
        name: "open-resolver",
        severity: Medium,
        title: "everybody who reaches the port is answered",
        why: "The server listens on all addresses and has no acl that ends in a refusal: it forwards for strangers, who use it to hide, to \
              amplify floods, or to see what is in its cache. Networks change; a rule here stays.",
        fix: "acl {\n    allow net 10.0.0.0/8\n    block\n}",
        sources: &["https://coredns.io/plugins/acl/", "https://www.rfc-editor.org/rfc/rfc5358"],
        look: open_resolver,
    },
    Rule {
        id: "NDA018",
        name: "acl-allows-everybody",
        severity: Medium,
        title: "an acl that keeps nobody out",
        why: "Whom no line names is allowed, and so is the whole internet where a line names it: the acl only looks like protection.",
        fix: "acl {\n    allow net 10.0.0.0/8\n    block\n}",
        sources: &["https://coredns.io/plugins/acl/"],
        look: wide_acl,
    },
    Rule {
        id: "NDA019",
        name: "metrics-on-all-addresses",
        severity: Low,
        title: "metrics are readable from everywhere",
        why: "They tell zones, upstreams, versions and load to whoever can connect, without a password; Prometheus needs one address.",
        fix: "prometheus {$POD_IP}:9153",
        sources: &["https://coredns.io/plugins/metrics/"],
        look: metrics,
    },
    Rule {
        id: "NDA020",
        name: "health-on-all-addresses",
        severity: Info,
        title: "health or readiness is open on all addresses",
        why: "They tell little (ready names the plugins that wait), but they are HTTP servers for whoever can connect, on every network of the \
              host where the pod uses it.",
        fix: "health {$POD_IP}:8080 {\n    lameduck 5s\n}\nready {$POD_IP}:8181",
        sources: &["https://coredns.io/plugins/health/", "https://coredns.io/plugins/ready/"],
        look: health,
    },
    Rule {
        id: "NDA021",
        name: "pprof-exposed",
        severity: High,
        title: "profiling is open to other machines",
        why: "Whoever connects reads memory and command line, and a trace or profile stops the server for as long as he likes.",
        fix: "# remove the line; while you look for a fault: pprof localhost:6053",
        sources: &["https://coredns.io/plugins/pprof/", "https://nvd.nist.gov/vuln/detail/CVE-2019-11248"],
        look: pprof_exposed,
    },
    Rule {
        id: "NDA022",
        name: "pprof-enabled",
        severity: Low,
        title: "profiling is switched on",
        why: "It is a tool to look for a fault with; every process that shares the network namespace can use it.",
        fix: "# remove the line: pprof is for the time of a search",
        sources: &["https://coredns.io/plugins/pprof/"],
        look: pprof,
    },
    Rule {
        id: "NDA023",
        name: "version-told",
        severity: Info,
        title: "chaos tells version and authors",
        why: "Who looks for servers with a known hole asks for version.bind first.",
        fix: "# remove the line: chaos",
        sources: &["https://coredns.io/plugins/chaos/", "https://www.rfc-editor.org/rfc/rfc4892#section-3"],
        look: chaos,
    },
    Rule {
        id: "NDA024",
        name: "dnstap-in-the-clear",
        severity: Medium,
        title: "all questions are sent to another machine unprotected",
        why: "dnstap carries every name with the client that asked; without TLS, or with skipverify, others on the path have the list.",
        fix: "dnstap tls://collector.example.org:6000 full",
        sources: &["https://coredns.io/plugins/dnstap/", "https://www.rfc-editor.org/rfc/rfc9076"],
        look: dnstap,
    },
    Rule {
        id: "NDA025",
        name: "trace-in-the-clear",
        severity: Low,
        title: "traces with names go to another machine in the clear",
        why: "A span has the name that was asked and who asked it, and by default every question makes one.",
        fix: "trace zipkin https://zipkin.example.org/api/v2/spans {\n    every 1000\n}",
        sources: &["https://coredns.io/plugins/trace/"],
        look: trace,
    },
    Rule {
        id: "NDA026",
        name: "proxyproto-from-everybody",
        severity: High,
        title: "everybody may say which address he has",
        why: "Without allow the PROXY header of any client is believed: it passes every acl, and the log shows an address of its choice.",
        fix: "proxyproto {\n    allow 10.0.0.5/32\n    default reject\n}",
        sources: &["https://coredns.io/plugins/proxyproto/"],
        look: proxyproto,
    },
];

/// NDA017
fn open_resolver(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers().iter().filter(|server| sight::is_open(server)) {
        let is_said = sight::plugins(server, "acl").any(|acl| sight::keeps_nobody_out(server, acl).is_some());
        if !sight::outward(server).is_empty() && !is_said {
            let what = if sight::has(server, "acl") { "no acl ends in a refusal" } else { "no acl, and no bind" };
            findings.add(&server.place, format!("forwards for everybody: {what}"));
        }
    }
}

/// NDA018
fn wide_acl(sight: &Sight<'_>, findings: &mut Findings) {
    for (server, acl) in sight.plugins("acl") {
        match sight::keeps_nobody_out(server, acl) {
            Some(line) if line.name == "allow" => {
                findings.add(&line.place, "allow covers every client; lines below it are never looked at");
            }
            Some(_) => findings.add(&acl.place, "there is no block: whom no line names is allowed, too"),
            None => {}
        }
    }
}

/// NDA019
fn metrics(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("prometheus") {
        if sight::listener(directive, "localhost:9153") == Listener::Everywhere {
            findings.add(&directive.place, format!("prometheus {} listens everywhere", directive.arguments.join(" ")));
        }
    }
}

/// NDA020
fn health(sight: &Sight<'_>, findings: &mut Findings) {
    for (name, default) in [("health", ":8080"), ("ready", ":8181")] {
        for (_, directive) in sight.plugins(name) {
            if sight::listener(directive, default) == Listener::Everywhere {
                let address = directive.arguments.first().map_or(default, String::as_str);
                findings.add(&directive.place, format!("{name} listens on {address}"));
            }
        }
    }
}

/// NDA021
fn pprof_exposed(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("pprof") {
        if sight::listener(directive, "localhost:6053") != Listener::Loopback {
            findings.add(&directive.place, format!("pprof {} is no loopback address", directive.arguments.join(" ")));
        }
    }
}

/// NDA022
fn pprof(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("pprof") {
        if sight::listener(directive, "localhost:6053") == Listener::Loopback {
            findings.add(&directive.place, "pprof is on");
        }
    }
}

/// NDA023
fn chaos(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("chaos") {
        findings.add(&directive.place, "version.bind and authors.bind are answered");
    }
}

/// NDA024
fn dnstap(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("dnstap") {
        let mut words = directive.arguments.iter().map(String::as_str).peekable();
        let listens = words.next_if_eq(&"listen").is_some();
        let socket = words.next().unwrap_or_default();
        let is_remote = if listens {
            let host = socket.split_once("://").map_or(socket, |(_, rest)| rest);
            socket.starts_with("tcp://") && (host.starts_with(':') || sight::is_remote(socket))
        } else {
            socket.starts_with("tcp://") && sight::is_remote(socket)
        };
        let is_sealed = listens && sight::option(directive, "tls").is_some();
        if let Some(line) = sight::option(directive, "skipverify") {
            findings.add(&line.place, "skipverify: any certificate will do");
        } else if is_remote && !is_sealed {
            findings.add(&directive.place, format!("{socket} has no TLS"));
        }
    }
}

/// NDA025
fn trace(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("trace") {
        let endpoint = directive.arguments.last().filter(|word| !matches!(word.as_str(), "zipkin" | "datadog"));
        let open = endpoint.filter(|word| !word.starts_with("https://") && sight::is_remote(word));
        if let Some(endpoint) = open {
            findings.add(&directive.place, format!("spans go to {endpoint} without TLS"));
        }
    }
}

/// NDA026
fn proxyproto(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("proxyproto") {
        let allowed: Vec<_> = sight::plugin_words(directive, "allow").collect();
        if allowed.is_empty() || allowed.iter().any(|net| matches!(*net, "0.0.0.0/0" | "::/0")) {
            findings.add(&directive.place, "a PROXY header is believed whoever sends it");
        }
    }
}
