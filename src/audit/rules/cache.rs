//! What is kept: nothing, too much, too long.

use super::super::rule::Severity::{Info, Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};
use crate::corefile::{Directive, ServerBlock};

/// The documentation of `cache`.
const CACHE: &str = "https://coredns.io/plugins/cache/";

/// Most answers that a cache should hold: some 500 bytes each, so half a gigabyte for both kinds. A guess.
const MOST_ANSWERS: u64 = 500_000;
/// Longest that an expired answer should be used, in seconds: three days.
const LONGEST_STALE: f64 = 259_200.0;
/// Longest that an answer should be kept beyond its TTL, in seconds.
const LONGEST_MINIMUM: u64 = 30;

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA046",
        name: "no-cache",
        severity: Medium,
        title: "forward without cache",
        why: "Every question goes upstream: it is slower, a flood reaches the upstream whole, and more answers can be forged.",
        fix: "cache 30 {\n    success 9984 30\n    denial 9984 5\n    serve_stale 1h verify\n}",
        sources: &[CACHE],
        look: none,
    },
    Rule {
        id: "NDA047",
        name: "huge-cache",
        severity: Low,
        title: "a cache larger than the pod's memory",
        why: "The capacity counts answers, not bytes: names that a client makes up fill it, and the kernel kills the process before it evicts \
              anything.",
        fix: "cache 30 {\n    success 39936 30\n    denial 9984 5\n}",
        sources: &[CACHE],
        look: huge,
    },
    Rule {
        id: "NDA048",
        name: "no-negative-cache",
        severity: Medium,
        title: "denials are not kept",
        why: "Search paths make most questions of pods ones for names that do not exist: each goes upstream again, as does a flood of them.",
        fix: "cache 30 {\n    denial 9984 5\n}",
        sources: &[CACHE, "https://www.rfc-editor.org/rfc/rfc2308#section-5"],
        look: no_denials,
    },
    Rule {
        id: "NDA049",
        name: "beyond-ttl",
        severity: Low,
        title: "answers outlive the TTL that their owner gave",
        why: "Clients go on to an address that its owner took away, or to somebody else who has it by now; the documentation warns of keepttl for \
              names that CoreDNS is not the source of.",
        fix: "cache 30 {\n    success 9984 30 5\n    denial 9984 5 5\n}",
        sources: &[CACHE, "https://www.rfc-editor.org/rfc/rfc2181#section-8"],
        look: beyond_ttl,
    },
    Rule {
        id: "NDA050",
        name: "stale-for-days",
        severity: Low,
        title: "expired answers are used for more than three days",
        why: "By then the address may be anybody's: RFC 8767 suggests one to three days at most.",
        fix: "cache 30 {\n    serve_stale 1h verify\n}",
        sources: &[CACHE, "https://www.rfc-editor.org/rfc/rfc8767#section-5"],
        look: stale_for_days,
    },
    Rule {
        id: "NDA051",
        name: "stale-cluster-names",
        severity: Medium,
        title: "expired answers for names of the cluster",
        why: "Addresses of pods are given to others within seconds: an expired answer sends a connection, with its credentials, to a pod of \
              another owner.",
        fix: "cache 30 {\n    disable success cluster.local\n    disable denial cluster.local\n    serve_stale 1h verify\n}",
        sources: &[CACHE, "https://www.rfc-editor.org/rfc/rfc8767#section-10"],
        look: stale_cluster_names,
    },
    Rule {
        id: "NDA052",
        name: "no-serve-stale",
        severity: Info,
        title: "no expired answers while upstreams are away",
        why: "When no upstream answers, names that were known a second ago fail, too: one attack on the upstream stops everything.",
        fix: "cache 30 {\n    serve_stale 1h verify\n}",
        sources: &[CACHE, "https://www.rfc-editor.org/rfc/rfc8767"],
        look: no_stale,
    },
];

/// The zones that a `cache` holds for; its first word may be the TTL.
fn zones(server: &ServerBlock, cache: &Directive) -> Vec<String> {
    let named = match cache.arguments.split_first() {
        Some((first, rest)) if first.parse::<u64>().is_ok() => rest,
        _ => &cache.arguments[..],
    };
    sight::zones(server, named)
}

/// Whether a kind of answers is not kept for a zone.
fn is_disabled(cache: &Directive, kind: &str, zone: &str) -> bool {
    cache.lines().iter().filter(|line| line.name == "disable").any(|line| {
        let (first, zones) = line.arguments.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
        first == kind && (zones.is_empty() || zones.iter().any(|other| sight::within(zone, &sight::zone(other))))
    })
}

/// NDA046
fn none(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers() {
        let first = sight::forwards(server).into_iter().next().map(|forward| forward.directive);
        if let Some(forward) = first.filter(|_| !sight::has(server, "cache")) {
            findings.add(&forward.place, format!("{} {} keeps nothing", forward.name, forward.arguments.join(" ")));
        }
    }
}

/// NDA047
fn huge(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, cache) in sight.plugins("cache") {
        for line in cache.lines().iter().filter(|line| matches!(line.name.as_str(), "success" | "denial")) {
            let capacity = line.arguments.first().and_then(|number| number.parse::<u64>().ok());
            if let Some(capacity) = capacity.filter(|capacity| *capacity > MOST_ANSWERS) {
                findings.add(&line.place, format!("{} {capacity}: some {} MB", line.name, capacity / 2_000));
            }
        }
    }
}

/// NDA048
fn no_denials(sight: &Sight<'_>, findings: &mut Findings) {
    for (server, cache) in sight.plugins("cache") {
        let away: Vec<String> = sight::forwards(server).into_iter().map(|forward| forward.from).collect();
        let zones = zones(server, cache);
        let disabled = away.iter().find(|from| {
            let zone = zones.iter().find(|zone| sight::within(zone, from)).unwrap_or(from);
            is_disabled(cache, "denial", zone)
        });
        if let Some(from) = disabled.filter(|_| zones.iter().any(|zone| zone == "." || away.contains(zone))) {
            findings.add(&cache.place, format!("denials of {from} are asked for again and again"));
        }
    }
}

/// NDA049
fn beyond_ttl(sight: &Sight<'_>, findings: &mut Findings) {
    for (server, cache) in sight.plugins("cache") {
        if !sight::has_forward(server) {
            continue;
        }
        for line in cache.lines() {
            let minimum = line.arguments.get(2).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
            match line.name.as_str() {
                "keepttl" => findings.add(&line.place, "keepttl: the TTL that clients see never falls"),
                "success" | "denial" if minimum > LONGEST_MINIMUM => {
                    findings.add(&line.place, format!("{} is kept for {minimum} s at least", line.name));
                }
                _ => {}
            }
        }
    }
}

/// NDA050
fn stale_for_days(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, cache) in sight.plugins("cache") {
        let Some(line) = sight::option(cache, "serve_stale") else { continue };
        let time = line.arguments.first().and_then(|time| sight::seconds(time)).unwrap_or(0.0);
        if time > LONGEST_STALE {
            findings.add(&line.place, format!("serve_stale {}", line.arguments.join(" ")));
        }
    }
}

/// NDA051
fn stale_cluster_names(sight: &Sight<'_>, findings: &mut Findings) {
    for (server, cache) in sight.plugins("cache") {
        let Some(line) = sight::option(cache, "serve_stale") else { continue };
        let verifies = line.arguments.iter().any(|word| word == "verify");
        let held = zones(server, cache);
        let own = sight.cluster_zones().iter().find(|own| {
            let is_served = server.keys.iter().any(|key| sight::within(own, &key.zone) && key.zone != ".");
            let is_here = is_served
                || sight::plugins(server, "kubernetes")
                    .any(|directive| sight::zones(server, &directive.arguments).contains(own));
            is_here && held.iter().any(|zone| sight::within(own, zone)) && !is_disabled(cache, "success", own)
        });
        if let Some(own) = own.filter(|_| !verifies) {
            findings.add(&line.place, format!("expired addresses of {own} are given first, and looked up later"));
        }
    }
}

/// NDA052
fn no_stale(sight: &Sight<'_>, findings: &mut Findings) {
    for server in sight.servers().iter().filter(|server| !sight::outward(server).is_empty()) {
        for cache in sight::plugins(server, "cache") {
            if sight::option(cache, "serve_stale").is_none() {
                findings.add(&cache.place, "cache without serve_stale");
            }
        }
    }
}
