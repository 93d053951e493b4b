//! What comes back: private addresses of public names, answers in fragments, answers that are all too long.

use super::super::rule::Severity::{Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA013",
        name: "no-rebinding-protection",
        severity: Medium,
        title: "private addresses of public names are passed on",
        why: "A stranger's name may lead to an address inside, and what trusts a name (browsers, proxies, checks against request forgery) then \
              speaks to internal services. No plugin of CoreDNS looks into answers; a resolver before it has to.",
        fix: "# nodens beside CoreDNS or on the node: asks over TLS, withholds private addresses of public names\nforward . 127.0.0.1:1053 {\n    \
              max_concurrent 1000\n}",
        sources: &[
            "https://coredns.io/plugins/acl/",
            "https://crypto.stanford.edu/dns/dns-rebinding.pdf",
            "https://www.rfc-editor.org/rfc/rfc6761",
        ],
        look: rebinding,
    },
    Rule {
        id: "NDA014",
        name: "acl-cannot-filter-answers",
        severity: Medium,
        title: "an acl that looks like protection from rebinding",
        why: "net is the source address of whoever asks, never an address in an answer: this refuses clients of private networks, or types to \
              all, and lets every private address in an answer through.",
        fix: "# whom to answer; what to answer is for the resolver behind forward\nacl {\n    allow net 10.0.0.0/8\n    block\n}",
        sources: &["https://coredns.io/plugins/acl/"],
        look: false_filter,
    },
    Rule {
        id: "NDA015",
        name: "no-bufsize",
        severity: Low,
        title: "answers over UDP may come in fragments",
        why: "Answers, the upstream's and those to clients, may be as long as the client offered. Fragments are lost or, worse, replaced by \
              forged ones; 1232 bytes fit every path.",
        fix: "bufsize 1232",
        sources: &["https://coredns.io/plugins/bufsize/", "https://www.rfc-editor.org/rfc/rfc9715"],
        look: fragments,
    },
    Rule {
        id: "NDA016",
        name: "no-any",
        severity: Low,
        title: "ANY is answered in full",
        why: "The answer may be fifty times as long as the question, which is what an attacker with a forged source address wants.",
        fix: "any",
        sources: &["https://coredns.io/plugins/any/", "https://www.rfc-editor.org/rfc/rfc8482"],
        look: any,
    },
];

/// NDA013
fn rebinding(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        for forward in sight::outward(server) {
            if let Some(upstream) = forward.to.iter().find(|upstream| !upstream.is_local()) {
                let what = format!("nothing looks at the addresses in answers of {}", upstream.text);
                findings.add(&forward.directive.place, what);
            }
        }
    }
}

/// Networks that are in answers of a rebinding attack; as clients, loopback and link-local ones make no sense.
const INSIDE: &[&str] = &[
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fd00::/8",
    "fe80::/10",
];

/// NDA014
fn false_filter(sight: &Sight<'_>, findings: &mut Findings) {
    for (server, acl) in sight.plugins("acl") {
        if !sight::has_forward(server) || sight::denies_others(acl) {
            continue;
        }
        let denials = acl.lines().iter().filter(|line| matches!(line.name.as_str(), "block" | "filter" | "drop"));
        let looks_so = denials.map(|line| (line, sight::nets(line))).find(|(line, nets)| {
            let inside = nets.iter().filter(|net| INSIDE.contains(net)).count();
            let senseless = nets.iter().any(|net| net.starts_with("127.") || net.starts_with("169.254."));
            let of_addresses = sight::types(line).iter().any(|kind| matches!(*kind, "A" | "AAAA"));
            inside == nets.len() && inside > 0 && (inside > 1 || senseless || of_addresses)
        });
        if let Some((line, nets)) = looks_so {
            findings.add(&line.place, format!("{} refuses clients of {}, not answers with them", line.name, nets[0]));
        }
    }
}

/// NDA015
fn fragments(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        if sight::is_plain(server) && sight::has_forward(server) && !sight::has(server, "bufsize") {
            findings.add(&server.place, "forward without bufsize");
        }
    }
}

/// NDA016
fn any(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let answers = ["forward", "file", "auto", "secondary"].iter().any(|name| sight::has(server, name));
        if sight::is_open(server) && answers && !sight::has(server, "any") {
            findings.add(&server.place, "everybody may ask for ANY, and is answered in full");
        }
    }
}
