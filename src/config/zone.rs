//! `[[zone]]` put together: which group is asked, and the values that depend on whose names they are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::address::RawServer;
use super::mistake::{Fault, Place, Report, nearest};
use super::observing;
use super::options::{INTERNAL_MAX_NEGATIVE_TTL, Section};
use super::raw::{Raw, default};
use super::rebinding;
use super::rewriting;
use super::sections::choice;
use super::units::print_duration;
use super::value::At;
use super::{Cache, Class, Detect, Dnssec, QueryLog, Zone};

/// The sections that say what holds where a zone is silent.
pub(super) struct Outer<'a> {
    /// `[cache]`
    pub(super) cache: &'a Cache,
    /// `[query-log]`
    pub(super) query_log: &'a QueryLog,
    /// `[detect]`
    pub(super) detect: &'a Detect,
}

/// All zones, in the order of the file; `groups` are the sections of the groups that they refer to.
pub(super) fn assemble(raws: &[Raw], groups: &[Raw], outer: &Outer<'_>, report: &mut Report<'_>) -> Vec<Zone> {
    let mut positions: BTreeMap<String, usize> = BTreeMap::new();
    for (position, group) in groups.iter().enumerate() {
        if let Some(name) = group.given("name") {
            positions.entry(name).or_insert(position);
        }
    }
    // A zone may mean the group whose name cannot be read.
    let names_are_complete = groups.iter().all(|group| !group.has_failed("name"));
    let (mut names, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut zones = Vec::with_capacity(raws.len());
    for raw in raws {
        if let Some(name) = raw.given::<String>("name")
            && !names.insert(name.clone())
        {
            report.mistake(
                raw.place("name"),
                raw.path("name"),
                Fault::new(format!("there is another zone {name:?}"), "each zone once"),
            );
        }
        let group = raw.given::<String>("upstream").and_then(|name| {
            let position = positions.get(&name).copied();
            if position.is_none() && names_are_complete {
                report.absence(raw.place("upstream"), raw.path("upstream"), unknown_group(&name, &positions));
            }
            position
        });
        used.extend(group);
        if let Some(group) = group.and_then(|position| groups.get(position)) {
            note_stub(raw, group, report);
        }
        zones.push(assemble_one(raw, group.unwrap_or_default(), outer, report));
    }
    let names_failed = raws.iter().any(|raw| raw.has_failed("name"));
    if !names.contains(".") && !names_failed {
        let first = raws.iter().chain(groups).map(|raw| raw.offset).min();
        let fault = Fault::new(
            "there is no zone \".\"",
            "a [[zone]] with name = \".\", for all names that no other zone holds",
        );
        report.absence(first.map_or(Place::Nowhere, Place::Table), "zone", fault);
    }
    for (name, position) in positions.iter().filter(|(_, position)| !used.contains(*position)) {
        report.warn(
            Place::Table(groups[*position].offset),
            "upstream",
            &format!("no zone refers to {name:?}; it is never asked"),
        );
    }
    zones
}

/// Notes a zone that looks like the company's own and is treated as anybody's, since nothing says whose it is: its servers are inside, but its
/// names may not be.
fn note_stub(raw: &Raw, group: &Raw, report: &mut Report<'_>) {
    let says_nothing = raw.given::<String>("class").is_none() && raw.given::<String>("rebinding.mode").is_none();
    let is_inside = |ip: IpAddr| match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    };
    let servers: Vec<At<RawServer>> = group.given("servers").unwrap_or_default();
    let mut addresses = servers.iter().flat_map(|server| &server.value.addresses);
    if says_nothing
        && raw.given::<String>("name").is_some_and(|name| name != ".")
        && addresses.all(|at| is_inside(at.ip()))
    {
        let text = "its servers are inside, but private addresses of its names are withheld; class = \"internal\" if they are yours, \
                    class = \"public\" if not";
        report.warn(raw.place("name"), &raw.path("class"), text);
    }
}

/// What to say about a group that is not there.
fn unknown_group(name: &str, positions: &BTreeMap<String, usize>) -> Fault {
    let right = match nearest(name, positions.keys().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None if positions.is_empty() => format!("an [[upstream]] with name = {name:?}"),
        None => format!("one of {}", positions.keys().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")),
    };
    Fault::new(format!("there is no upstream {name:?}"), right)
}

/// One zone.
fn assemble_one(raw: &Raw, upstream: usize, outer: &Outer<'_>, report: &mut Report<'_>) -> Zone {
    let class: Class = choice(raw, "class");
    let dnssec = match (raw.given::<String>("dnssec"), class) {
        (Some(_), _) => choice(raw, "dnssec"),
        (None, Class::Public) => Dnssec::Forward,
        (None, Class::Internal) => Dnssec::Off,
    };
    let max_negative_ttl = raw.given("max-negative-ttl").unwrap_or_else(|| match class {
        Class::Internal => INTERNAL_MAX_NEGATIVE_TTL,
        Class::Public => default(Section::Zone, "max-negative-ttl"),
    });
    let (max_ttl, min_ttl): (Duration, Duration) = (raw.value("max-ttl"), raw.value("min-ttl"));
    if min_ttl > max_ttl {
        let key = if raw.given::<Duration>("min-ttl").is_some() { "min-ttl" } else { "max-ttl" };
        let wrong = format!("min-ttl {} is longer than max-ttl {}", print_duration(min_ttl), print_duration(max_ttl));
        report.mistake(raw.place(key), raw.path(key), Fault::new(wrong, "a min-ttl that is not longer"));
    }
    let nxdomain_cut = raw.given("nxdomain-cut").unwrap_or(class == Class::Public);
    let negative_trust_anchors: Vec<At<String>> = raw.value("negative-trust-anchors");
    for At { value, offset } in &negative_trust_anchors {
        if value.split('.').any(|label| label == "*") {
            let fault = Fault::new(format!("{value:?} holds a \"*\""), "a suffix; all names below it are meant");
            report.mistake(Place::Exact(*offset), raw.path("negative-trust-anchors"), fault);
        }
    }
    let no_types = raw.value::<Vec<At<u16>>>("no-types").into_iter().map(|at| at.value).collect();
    Zone {
        name: raw.value("name"),
        upstream,
        class,
        dnssec,
        negative_trust_anchors: negative_trust_anchors.into_iter().map(|at| at.value).collect(),
        max_ttl,
        min_ttl,
        max_negative_ttl,
        serve_stale: raw.given("serve-stale").unwrap_or(outer.cache.serve_stale),
        servfail: raw.given("servfail").unwrap_or(outer.cache.servfail),
        prefetch: raw.given("prefetch").unwrap_or(outer.cache.prefetch),
        nxdomain_cut,
        no_types,
        rebinding: rebinding::assemble_zone(raw, class),
        query_log: observing::classes(raw, "query-log").unwrap_or_else(|| outer.query_log.classes.clone()),
        detect: observing::zone_mode(raw, class, outer.detect),
        rules: rewriting::assemble_zone(raw, report),
    }
}
