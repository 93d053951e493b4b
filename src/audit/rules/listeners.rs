//! Servers for TLS, HTTPS, gRPC and QUIC.

use super::super::rule::Severity::{High, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};
use crate::corefile::Transport;

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA032",
        name: "encrypted-server-without-tls",
        severity: High,
        title: "a server for TLS, HTTPS, gRPC or QUIC without certificate",
        why: "Without the plugin tls no encryption takes place, or the server does not start: clients that were told it is private are wrong.",
        fix: "tls://.:853 {\n    tls /etc/coredns/tls.crt /etc/coredns/tls.key\n    errors\n    whoami\n}",
        sources: &["https://coredns.io/plugins/tls/", "https://www.rfc-editor.org/rfc/rfc8310"],
        look: no_certificate,
    },
    Rule {
        id: "NDA033",
        name: "tls-keylog",
        severity: High,
        title: "the secrets of all TLS connections are written to a file",
        why: "Whoever reads that file decrypts what clients asked, now and from recordings.",
        fix: "tls /etc/coredns/tls.crt /etc/coredns/tls.key",
        sources: &["https://coredns.io/plugins/tls/"],
        look: keylog,
    },
    Rule {
        id: "NDA034",
        name: "tsig-not-verified",
        severity: Medium,
        title: "tsig on a server for HTTPS, gRPC or QUIC",
        why: "Before CoreDNS 1.14.3 these transports do not check the signature (CVE-2026-35579): the name of a key is enough.",
        fix: "# with CoreDNS 1.14.3 or newer, and above the line:\n# nodens-audit: ignore NDA034 CoreDNS is 1.14.3 or newer",
        sources: &["https://coredns.io/plugins/tsig/", "https://nvd.nist.gov/vuln/detail/CVE-2026-35579"],
        look: tsig,
    },
    Rule {
        id: "NDA035",
        name: "limits-off",
        severity: Medium,
        title: "a limit of connections or streams is switched off",
        why: "A single client opens as many as it likes, each with memory of its own, until the server is killed (as in CVE-2025-47950).",
        fix: "https {\n    max_connections 200\n}",
        sources: &[
            "https://coredns.io/plugins/https/",
            "https://coredns.io/plugins/quic/",
            "https://nvd.nist.gov/vuln/detail/CVE-2025-47950",
        ],
        look: limits,
    },
];

/// NDA032
fn no_certificate(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let key = server.keys.iter().find(|key| key.transport != Transport::Dns);
        if let Some(key) = key.filter(|_| !sight::has(server, "tls")) {
            let fix = format!("{} {{\n    tls /etc/coredns/tls.crt /etc/coredns/tls.key\n}}", key.text);
            findings.add_with(&server.place, format!("{} has no tls", key.text), fix);
        }
    }
}

/// NDA033
fn keylog(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("tls") {
        if let Some(line) = sight::option(directive, "keylog") {
            findings.add(&line.place, format!("keylog {}", line.arguments.join(" ")));
        }
    }
}

/// NDA034
fn tsig(sight: &Sight<'_>, findings: &mut Findings) {
    for (server, directive) in sight.plugins("tsig") {
        let affected = [Transport::Https, Transport::Grpc, Transport::Quic];
        if let Some(key) = server.keys.iter().find(|key| affected.contains(&key.transport)) {
            findings.add(&directive.place, format!("{} accepts signatures that are wrong", key.text));
        }
    }
}

/// NDA035
fn limits(sight: &Sight<'_>, findings: &mut Findings) {
    for plugin in ["https", "https3", "grpc_server", "quic"] {
        for (_, directive) in sight.plugins(plugin) {
            let off = directive.lines().iter().find(|line| {
                matches!(line.name.as_str(), "max_connections" | "max_streams" | "worker_pool_size")
                    && line.arguments.first().is_some_and(|number| number == "0")
            });
            if let Some(line) = off {
                findings.add(&line.place, format!("{plugin}: {} 0 is no limit", line.name));
            }
        }
    }
}
