//! Whole zones that leave or come in.

use super::super::rule::Severity::{High, Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};
use super::super::zone_set::ZoneSet;
use crate::corefile::Directive;

/// The documentation of `transfer`.
const TRANSFER: &str = "https://coredns.io/plugins/transfer/";

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA027",
        name: "open-transfer",
        severity: High,
        title: "everybody may copy the zone",
        why: "One question gives all names and addresses: of a cluster, every namespace, service and pod of a headless service.",
        fix: "transfer {\n    to 192.0.2.53\n}\ntsig {\n    secrets /etc/coredns/tsig.keys\n    require AXFR IXFR\n}",
        sources: &[TRANSFER, "https://www.rfc-editor.org/rfc/rfc5936#section-5"],
        look: open,
    },
    Rule {
        id: "NDA028",
        name: "transfer-of-subzone",
        severity: Medium,
        title: "transfer for a zone and for one below it, with different hosts",
        why: "Before CoreDNS 1.14.3 the wrong one of the two may decide (CVE-2026-33489): hosts that may copy the upper zone copy the lower one, too.",
        fix: "# with CoreDNS 1.14.3 or newer, and above the line:\n# nodens-audit: ignore NDA028 CoreDNS is 1.14.3 or newer",
        sources: &[TRANSFER, "https://nvd.nist.gov/vuln/detail/CVE-2026-33489"],
        look: subzone,
    },
    Rule {
        id: "NDA029",
        name: "transfer-without-tsig",
        severity: Low,
        title: "an address alone opens the zone",
        why: "Whoever has that address, after a move, behind the same NAT or by a pod of the same node, may copy the zone. A key says who it is.",
        fix: "tsig {\n    secrets /etc/coredns/tsig.keys\n    require AXFR IXFR\n}\ntransfer {\n    to 192.0.2.53\n}",
        sources: &["https://coredns.io/plugins/tsig/", "https://www.rfc-editor.org/rfc/rfc8945"],
        look: unsigned,
    },
    Rule {
        id: "NDA030",
        name: "secondary-unsigned",
        severity: Low,
        title: "a zone is taken over from another machine unproved",
        why: "secondary does not sign its requests and checks no signature: whoever is on the path to the primary decides what the zone says.",
        fix: "# a sidecar that checks TSIG or ZONEMD takes the zone over and writes the file\nfile /zones/db.example.org example.org {\n    \
              reload 30s\n}",
        sources: &["https://coredns.io/plugins/secondary/", "https://www.rfc-editor.org/rfc/rfc8945"],
        look: secondary,
    },
    Rule {
        id: "NDA031",
        name: "catalog-of-everything",
        severity: Medium,
        title: "a catalog zone may add any zone",
        why: "Without names behind catalog its producer decides which zones this server claims, a bank's or the cluster's among them.",
        fix: "secondary catalog.example.org {\n    transfer from 127.0.0.1\n    catalog example.org\n}",
        sources: &["https://coredns.io/plugins/secondary/", "https://www.rfc-editor.org/rfc/rfc9432#section-7"],
        look: catalog,
    },
];

/// The words behind `to`, in the plugin and in the older form within `file` or `kubernetes`.
fn receivers(directive: &Directive) -> Vec<&str> {
    let in_plugin = directive.name == "transfer";
    let words = directive.lines().iter().filter_map(move |line| match line.name.as_str() {
        "to" if in_plugin => Some(&line.arguments[..]),
        "transfer" if line.arguments.first().is_some_and(|word| word == "to") => line.arguments.get(1..),
        _ => None,
    });
    words.flatten().map(String::as_str).collect()
}

/// Whether a word means everybody.
fn is_everybody(word: &str) -> bool {
    matches!(word, "*" | "0.0.0.0/0" | "::/0")
}

/// NDA027
fn open(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        for directive in &server.directives {
            if let Some(word) = receivers(directive).into_iter().find(|word| is_everybody(word)) {
                let named = match directive.name.as_str() {
                    "transfer" | "kubernetes" | "auto" | "secondary" => &directive.arguments[..],
                    _ => directive.arguments.get(1..).unwrap_or_default(),
                };
                let key = || server.keys.first().map(|key| key.zone.clone());
                let zone = named.first().map(|name| sight::zone(name)).or_else(key);
                let zone = zone.as_deref().unwrap_or(".");
                findings.add(&directive.place, format!("to {word}: {zone} is open to every client"));
            }
        }
    }
}

/// NDA028
fn subzone(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let keys = ZoneSet::keys(server);
        let is_nested = keys.is_below(&keys);
        let zones = |directive: &Directive| {
            let named: Vec<String> = directive.arguments.iter().map(|name| sight::zone(name)).collect();
            (!named.is_empty()).then(|| ZoneSet::of(named.iter().map(String::as_str)))
        };
        // `None` are the zones of the server.
        let all: Vec<(Option<ZoneSet>, Vec<&str>, &Directive)> = sight::plugins(server, "transfer")
            .take(64)
            .map(|directive| (zones(directive), receivers(directive), directive))
            .collect();
        let is_below = |one: &Option<ZoneSet>, other: &Option<ZoneSet>| match (one, other) {
            (None, None) => is_nested,
            (one, other) => one.as_ref().unwrap_or(&keys).is_below(other.as_ref().unwrap_or(&keys)),
        };
        for (zones, to, directive) in &all {
            let above = all.iter().find(|(others, other_to, _)| other_to != to && is_below(zones, others));
            if let Some((_, _, above)) = above {
                let what = format!("the transfer in line {} is for a zone above, with other hosts", above.place.line);
                findings.add(&directive.place, what);
            }
        }
    }
}

/// NDA029
fn unsigned(sight: &Sight<'_>, findings: &mut Findings) {
    for (server, directive) in sight.plugins("transfer") {
        let signed = sight::plugins(server, "tsig").flat_map(|tsig| sight::plugin_words(tsig, "require"));
        let is_signed = { signed }.any(|word| matches!(word.to_ascii_uppercase().as_str(), "AXFR" | "ALL"));
        let to = receivers(directive).into_iter().find(|word| !is_everybody(word) && sight::is_remote(word));
        if let Some(to) = to.filter(|_| !is_signed) {
            findings.add(&directive.place, format!("{to} needs no key"));
        }
    }
}

/// NDA030
fn secondary(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("secondary") {
        let primary = sight::plugin_words(directive, "transfer").find(|word| *word != "from" && sight::is_remote(word));
        if let Some(primary) = primary {
            findings.add(&directive.place, format!("what {primary} sends is believed"));
        }
    }
}

/// NDA031
fn catalog(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("secondary") {
        if let Some(line) = sight::option(directive, "catalog").filter(|line| line.arguments.is_empty()) {
            findings.add(&line.place, "catalog names no zones that it may add");
        }
    }
}
