//! Passwords and keys in the file, and databases that are asked in the clear.

use super::super::rule::Severity::{High, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA075",
        name: "secret-in-file",
        severity: High,
        title: "a secret stands in the file",
        why: "Corefiles live in ConfigMaps, repositories and logs of pipelines, which many people read; the key opens the zones of a cloud account \
              or lets zones be copied. Change it, and move it out.",
        fix: "# route53 takes the role of its service account, azure and etcd take variables from a Secret:\nroute53 example.org.:Z1Z2Z3Z4DZ5Z6Z7 {\n    \
              fallthrough\n}",
        sources: &[
            "https://coredns.io/plugins/route53/",
            "https://coredns.io/plugins/azure/",
            "https://coredns.io/plugins/etcd/",
            "https://coredns.io/plugins/tsig/",
        ],
        look: secret,
    },
    Rule {
        id: "NDA076",
        name: "etcd-in-the-clear",
        severity: Medium,
        title: "etcd on another machine is asked without TLS",
        why: "Whoever is on the path writes the answers, and reads the password if there is one.",
        fix: "etcd skydns.local {\n    endpoint https://10.0.0.5:2379\n    tls /etc/coredns/client.crt /etc/coredns/client.key /etc/coredns/ca.crt\n}",
        sources: &["https://coredns.io/plugins/etcd/"],
        look: etcd,
    },
];

/// Plugin, option, and which of its words is secret.
const SECRETS: &[(&str, &str, usize)] =
    &[("route53", "aws_access_key", 1), ("azure", "secret", 0), ("etcd", "credentials", 1), ("tsig", "secret", 1)];

/// NDA075
fn secret(sight: &Sight<'_>, findings: &mut Findings) {
    for (plugin, option, word) in SECRETS {
        for (_, directive) in sight.plugins(plugin) {
            for line in directive.lines().iter().filter(|line| line.name == *option) {
                let is_variable =
                    sight.texts.line(&line.place).is_some_and(|text| text.contains("{$") || text.contains("{%"));
                if line.arguments.get(*word).is_some_and(|word| !word.is_empty()) && !is_variable {
                    // The secret itself is not repeated: reports are read by more people than the file.
                    findings.add(&line.place, format!("{plugin}: {option} is written out"));
                }
            }
        }
    }
}

/// NDA076
fn etcd(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("etcd") {
        for line in directive.lines().iter().filter(|line| line.name == "endpoint") {
            let open = line.arguments.iter().find(|url| !url.starts_with("https://") && sight::is_remote(url));
            if let Some(url) = open {
                findings.add(&line.place, format!("endpoint {url}"));
            }
        }
    }
}
