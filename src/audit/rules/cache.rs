//! What is kept: nothing, too much, too long.

use super::super::rule::Severity::{Info, Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};
use super::super::zone_set::ZoneSet;
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

/// Tells whether a kind of answers is not kept for a zone.
fn disabled(cache: &Directive, kind: &str) -> impl Fn(&str) -> bool + use<> {
    let mut zones: Vec<String> = Vec::new();
    for line in cache.lines().iter().filter(|line| line.name == "disable") {
        match line.arguments.split_first() {
            Some((first, [])) if first == kind => zones.push(".".to_owned()),
            Some((first, named)) if first == kind => zones.extend(named.iter().map(|name| sight::zone(name))),
            _ => {}
        }
    }
    let zones = ZoneSet::of(zones.iter().map(String::as_str));
    move |zone| zones.holder(zone).is_some()
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
    for server in sight.servers() {
        let away: Vec<String> = sight::forwards(server).into_iter().map(|forward| forward.from).collect();
        let forwarded = ZoneSet::of(away.iter().map(String::as_str));
        for cache in sight::plugins(server, "cache").filter(|cache| sight::option(cache, "disable").is_some()) {
            let zones = zones(server, cache);
            if !zones.iter().any(|zone| zone == "." || forwarded.has(zone)) {
                continue;
            }
            let (zones, is_disabled) = (ZoneSet::of(zones.iter().map(String::as_str)), disabled(cache, "denial"));
            let found = away.iter().find(|from| is_disabled(zones.within(from).unwrap_or(from)));
            if let Some(from) = found {
                findings.add(&cache.place, format!("denials of {from} are asked for again and again"));
            }
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
    let first =
        |server: &ServerBlock| sight::plugins(server, "cache").any(|c| sight::option(c, "serve_stale").is_some());
    for server in sight.servers().iter().filter(|server| first(server)) {
        let keys = ZoneSet::of(server.keys.iter().map(|key| key.zone.as_str()).filter(|zone| *zone != "."));
        let named = sight::plugins(server, "kubernetes").flat_map(|directive| &directive.arguments);
        let named: Vec<String> = named.map(|name| sight::zone(name)).collect();
        let named = ZoneSet::of(named.iter().map(String::as_str));
        // Those of the cluster that this server answers for.
        let here = sight.cluster_zones().iter().filter(|own| keys.holder(own).is_some() || named.has(own));
        let here: Vec<&String> = here.collect();
        for cache in sight::plugins(server, "cache") {
            let Some(line) = sight::option(cache, "serve_stale") else { continue };
            if here.is_empty() || line.arguments.iter().any(|word| word == "verify") {
                continue;
            }
            let held = zones(server, cache);
            let (held, is_disabled) = (ZoneSet::of(held.iter().map(String::as_str)), disabled(cache, "success"));
            if let Some(own) = here.iter().find(|own| held.holder(own).is_some() && !is_disabled(own)) {
                findings.add(&line.place, format!("expired addresses of {own} are given first, and looked up later"));
            }
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
