//! Names and answers that the file itself makes: rewrite, template, hosts, zone files.

use super::super::rule::Severity::{Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};
use super::super::zone_set::ZoneSet;
use crate::corefile::Directive;

/// The documentation of `rewrite`.
const REWRITE: &str = "https://coredns.io/plugins/rewrite/";
/// The documentation of `template`.
const TEMPLATE: &str = "https://coredns.io/plugins/template/";

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA059",
        name: "rewrite-passes-acl",
        severity: Medium,
        title: "rewrite and acl in one server",
        why: "Before CoreDNS 1.14.2 the acl sees the name before it is rewritten (CVE-2026-26017): a client asks for another name and gets what \
              the acl keeps from it.",
        fix: "# with CoreDNS 1.14.2 or newer, and above the line:\n# nodens-audit: ignore NDA059 CoreDNS is 1.14.2 or newer",
        sources: &[REWRITE, "https://nvd.nist.gov/vuln/detail/CVE-2026-26017"],
        look: rewrite_beside_acl,
    },
    Rule {
        id: "NDA060",
        name: "loose-pattern",
        severity: Low,
        title: "a pattern that fits more names than it says",
        why: "Patterns are not anchored: \"corp.example\" fits corp.example.attacker.org and corpXexample.org, too, and answers of the inside are \
              given for them.",
        fix: "rewrite stop {\n    name regex ^(.*)\\.corp\\.example\\.$ {1}.default.svc.cluster.local\n    answer auto\n}",
        sources: &[REWRITE, TEMPLATE],
        look: loose_pattern,
    },
    Rule {
        id: "NDA061",
        name: "failures-hidden",
        severity: Medium,
        title: "rewrite rcode makes failures look like answers",
        why: "SERVFAIL is how a validating resolver says that an answer is forged; as NOERROR it becomes \"there is no such record\", which is \
              kept, and nobody asks another server.",
        fix: "# remove the line; to ask another server: failover in forward\nforward . 10.0.0.10 10.0.0.11 {\n    failover SERVFAIL REFUSED\n    \
              max_concurrent 1000\n}",
        sources: &[REWRITE, "https://www.rfc-editor.org/rfc/rfc4035#section-5.5"],
        look: failures_hidden,
    },
    Rule {
        id: "NDA062",
        name: "template-of-everything",
        severity: Medium,
        title: "a template that answers every name",
        why: "It runs before hosts, kubernetes, file and forward, wherever it stands in the file: without zone and match all of them are never \
              asked.",
        fix: "template ANY ANY internal.example.org {\n    match ^.*\\.internal\\.example\\.org\\.$\n    rcode NXDOMAIN\n    fallthrough\n}",
        sources: &[TEMPLATE, "https://github.com/coredns/coredns/blob/master/plugin.cfg"],
        look: template_of_everything,
    },
    Rule {
        id: "NDA063",
        name: "addresses-by-request",
        severity: Medium,
        title: "a template gives whatever address the name holds",
        why: "Anybody makes a name below that zone lead to any address, the metadata service and the API server among them: rebinding without a \
              server of his own, and names for wildcard certificates.",
        fix: "template IN A ip.example.org {\n    match ^10-1-2-(?P<d>[0-9]+)\\.ip\\.example\\.org\\.$\n    \
              answer \"{{ .Name }} 60 IN A 10.1.2.{{ .Group.d }}\"\n    fallthrough\n}",
        sources: &[TEMPLATE, "https://coredns.io/plugins/kubernetes/"],
        look: addresses_by_request,
    },
    Rule {
        id: "NDA064",
        name: "template-without-fallthrough",
        severity: Low,
        title: "a template with match and without fallthrough",
        why: "Names of its zone that do not match are not passed on: they fail with SERVFAIL, which clients ask for again and again.",
        fix: "template IN A example.org {\n    match ^web[0-9]+\\.example\\.org\\.$\n    answer \"{{ .Name }} 60 IN A 192.0.2.1\"\n    fallthrough\n}",
        sources: &[TEMPLATE],
        look: template_without_fallthrough,
    },
    Rule {
        id: "NDA065",
        name: "hosts-without-fallthrough",
        severity: Medium,
        title: "hosts without fallthrough before other sources",
        why: "hosts answers for all zones of its server: every name that it does not list does not exist, and forward or kubernetes are never asked.",
        fix: "hosts /etc/coredns/hosts example.org {\n    fallthrough\n}",
        sources: &["https://coredns.io/plugins/hosts/"],
        look: hosts_without_fallthrough,
    },
    Rule {
        id: "NDA066",
        name: "zone-file-in-shared-folder",
        severity: Medium,
        title: "zones or hosts are read from a folder that others write to",
        why: "The file is read again while the server runs: whoever can write there decides what names mean.",
        fix: "file /etc/coredns/db.example.org example.org",
        sources: &["https://coredns.io/plugins/file/", "https://coredns.io/plugins/auto/"],
        look: shared_folder,
    },
    Rule {
        id: "NDA067",
        name: "loose-file-names",
        severity: Low,
        title: "auto takes up backups and other files",
        why: "The pattern is not anchored: example.org.zone.bak becomes a zone, with records that were taken out.",
        fix: "auto example.org {\n    directory /etc/coredns/zones ^db\\.(.*)$ {1}\n}",
        sources: &["https://coredns.io/plugins/auto/"],
        look: loose_file_names,
    },
];

/// The rules of a `rewrite`, in its short form and within braces, as words behind `continue` and `stop`.
fn rewrites(directive: &Directive) -> impl Iterator<Item = (&Directive, Vec<&str>)> {
    let own = (directive, directive.arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let inner = directive.lines().iter().map(|line| {
        (line, std::iter::once(line.name.as_str()).chain(line.arguments.iter().map(String::as_str)).collect::<Vec<_>>())
    });
    std::iter::once(own).chain(inner).map(|(place, mut words)| {
        if words.first().is_some_and(|word| matches!(*word, "continue" | "stop")) {
            words.remove(0);
        }
        (place, words)
    })
}

/// NDA059
fn rewrite_beside_acl(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers().iter().filter(|server| sight::has(server, "acl")) {
        let is_of_question = |words: &[&str]| matches!(words.first(), Some(&("name" | "type" | "class")));
        let mut all = sight::plugins(server, "rewrite");
        if let Some(line) = all.find(|line| rewrites(line).any(|(_, words)| is_of_question(&words))) {
            findings.add(&line.place, "the acl may see another name than the one that is answered");
        }
    }
}

/// Why a pattern fits more than it says.
fn looseness(pattern: &str) -> Option<&'static str> {
    let (begins, ends) = (pattern.starts_with('^'), pattern.ends_with('$'));
    // "(.*)\.corp\.example\.$" fits from the first letter, whatever it is.
    let from_start = begins || pattern.starts_with(".*") || pattern.starts_with("(.*)");
    let to_end = ends || pattern.ends_with(".*") || pattern.ends_with("(.*)");
    if !from_start || !to_end {
        return Some("is not anchored");
    }
    let letters: Vec<char> = pattern.chars().collect();
    let is_name = |letter: Option<&char>| letter.is_some_and(char::is_ascii_alphanumeric);
    let bare =
        (1..letters.len()).any(|at| letters[at] == '.' && is_name(letters.get(at - 1)) && is_name(letters.get(at + 1)));
    bare.then_some("has a dot that fits every letter")
}

/// NDA060
fn loose_pattern(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("rewrite") {
        for (line, words) in rewrites(directive) {
            if let ["name", "regex", pattern, ..] = words.as_slice()
                && let Some(reason) = looseness(pattern)
            {
                findings.add(&line.place, format!("{pattern} {reason}"));
            }
        }
    }
    for (_, directive) in sight.plugins("template") {
        for line in directive.lines().iter().filter(|line| line.name == "match") {
            let loose = line.arguments.iter().find_map(|pattern| Some((pattern, looseness(pattern)?)));
            if let Some((pattern, reason)) = loose {
                findings.add(&line.place, format!("{pattern} {reason}"));
            }
        }
    }
}

/// NDA061
fn failures_hidden(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("rewrite") {
        for (line, words) in rewrites(directive) {
            let hides = words.first() == Some(&"rcode")
                && words
                    .last()
                    .is_some_and(|code| matches!(code.to_ascii_uppercase().as_str(), "NOERROR" | "NXDOMAIN"));
            if hides {
                findings.add(&line.place, words.join(" "));
            }
        }
    }
}

/// The words of all `match` lines of a template.
fn matches(directive: &Directive) -> Vec<&str> {
    sight::plugin_words(directive, "match").collect()
}

/// Whether a plugin holds for all names of a zone of its server: it names that one, or none.
fn holds_a_key(keys: &ZoneSet, named: &[String]) -> bool {
    named.is_empty() || named.iter().any(|name| keys.has(&sight::zone(name)))
}

/// NDA062
fn template_of_everything(sight: &Sight<'_>, findings: &mut Findings) {
    let found = sight.servers().iter().flat_map(|server| {
        let keys = ZoneSet::keys(server);
        let others = server.directives.iter().any(|other| {
            ["hosts", "kubernetes", "file", "auto", "forward", "etcd", "k8s_external"].contains(&other.name.as_str())
        });
        let templates = sight::plugins(server, "template").filter(move |_| others);
        templates.filter(move |directive| holds_a_key(&keys, directive.arguments.get(2..).unwrap_or_default()))
    });
    for directive in found {
        let patterns = matches(directive);
        let fits_all = patterns.is_empty() || patterns.iter().any(|pattern| matches!(*pattern, ".*" | "^.*$" | "."));
        let kind = directive.arguments.get(1).map_or("ANY", String::as_str).to_ascii_uppercase();
        let is_wide = matches!(kind.as_str(), "ANY" | "A" | "AAAA");
        let class = directive.arguments.first().map_or("ANY", String::as_str).to_ascii_uppercase();
        // An empty answer for AAAA alone is how many live with IPv4: it hides nothing that they have.
        let is_empty_aaaa = kind == "AAAA" && sight::option(directive, "answer").is_none();
        let is_ours = class != "CH" && is_wide && !is_empty_aaaa;
        if fits_all && is_ours {
            let what = format!("template {} answers before all other sources", directive.arguments.join(" "));
            findings.add(&directive.place, what);
        }
    }
}

/// NDA063
fn addresses_by_request(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("template") {
        for line in directive.lines().iter().filter(|line| line.name == "answer") {
            let text = line.arguments.join(" ");
            let Some((_, data)) = text.split_once(" A ").or_else(|| text.split_once(" AAAA ")) else { continue };
            // The whole address from the name: it begins with a part of the name, or has no digits of its own.
            if data.trim_start().starts_with("{{")
                && [".Group", ".Match", ".Name"].iter().any(|part| data.contains(part))
            {
                findings.add(&line.place, "the address is a part of the name");
            }
        }
    }
}

/// NDA064
fn template_without_fallthrough(sight: &Sight<'_>, findings: &mut Findings) {
    for (server, directive) in sight.plugins("template") {
        let patterns = matches(directive);
        let fits_all = patterns.iter().any(|pattern| matches!(*pattern, ".*" | "^.*$" | "."));
        let passes = sight::option(directive, "fallthrough").is_some();
        if !patterns.is_empty() && !fits_all && !passes && server.directives.len() > 1 {
            findings.add(&directive.place, format!("template {} ends here", directive.arguments.join(" ")));
        }
    }
}

/// NDA065
fn hosts_without_fallthrough(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let next = ["kubernetes", "forward", "file", "auto", "etcd"].iter().find(|name| sight::has(server, name));
        let Some(next) = next else { continue };
        let keys = ZoneSet::keys(server);
        for directive in sight::plugins(server, "hosts") {
            let holds_all = holds_a_key(&keys, directive.arguments.get(1..).unwrap_or_default());
            if holds_all && sight::option(directive, "fallthrough").is_none() {
                findings.add(&directive.place, format!("{next} never gets a question"));
            }
        }
    }
}

/// Folders that every user of a machine may write to.
const SHARED: &[&str] = &["/tmp/", "/var/tmp/", "/dev/shm/"];

/// NDA066
fn shared_folder(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        for directive in &server.directives {
            let path = match directive.name.as_str() {
                "file" | "hosts" | "root" => directive.arguments.first().map(|path| (path, &directive.place)),
                "auto" => {
                    sight::option(directive, "directory").and_then(|line| Some((line.arguments.first()?, &line.place)))
                }
                _ => None,
            };
            let shared = path.filter(|(path, _)| SHARED.iter().any(|folder| format!("{path}/").starts_with(folder)));
            if let Some((path, place)) = shared {
                findings.add(place, format!("{} reads {path}", directive.name));
            }
        }
    }
}

/// NDA067
fn loose_file_names(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("auto") {
        let Some(line) = sight::option(directive, "directory") else { continue };
        if let Some(pattern) = line.arguments.get(1).filter(|pattern| !pattern.ends_with('$')) {
            findings.add(&line.place, format!("{pattern} has no end"));
        }
    }
}
