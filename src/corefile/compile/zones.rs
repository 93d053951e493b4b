//! Server blocks to zones: which names are asked where, and by which rules.
//!
//! CoreDNS finds the block by the longest of its zones, and then goes through the block's plugins, each of which may be for some names only:
//! `forward FROM`, `except`, `log NAMES`, `cache … ZONES`. Here one `[[zone]]` says all about its names. So a block becomes a zone for each of its
//! keys, and one more for each name within at which something changes.

use std::collections::BTreeMap;

use super::block::Block;
use super::cache;
use super::forward::Forward;
use super::names::{Rule, Setting};
use super::report::Report;
use super::words;
use crate::corefile::Place;

/// Most zones that a Corefile may become.
const MOST_ZONES: usize = 4_096;

/// A `[[zone]]`.
#[derive(Debug)]
pub(super) struct Zone<'a> {
    /// Its name.
    pub(super) name: String,
    /// The block that it comes from; `None` for names that no block holds.
    pub(super) block: Option<&'a Block>,
    /// Who is asked; `None` if nobody is.
    pub(super) forward: Option<&'a Forward>,
    /// Its options but name, upstream and class.
    pub(super) settings: Vec<Setting>,
    /// Who may ask what.
    pub(super) acl: Vec<(String, Option<Place>)>,
}

/// A `[[rewrite]]` or `[[template]]` with its zone.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    /// The zone.
    pub(super) zone: String,
    /// The rule.
    pub(super) rule: &'a Rule,
}

/// All zones, those of the same block together.
pub(super) fn zones<'a>(blocks: &'a [Block], report: &mut Report) -> Vec<Zone<'a>> {
    let mut holders: BTreeMap<&str, &Block> = BTreeMap::new();
    for block in blocks {
        for zone in &block.zones {
            match holders.get(zone.as_str()) {
                None => {
                    holders.insert(zone, block);
                }
                Some(first) => note_second(first, block, zone, report),
            }
        }
    }
    let mut found = Vec::new();
    for block in blocks {
        for zone in &block.zones {
            let is_held_here = holders.get(zone.as_str()).is_some_and(|holder| std::ptr::eq(*holder, block));
            // Whoever is told their own address asks nobody.
            let is_only_whoami = block.whoami.is_some() && block.forwards.is_empty();
            if !is_held_here || (is_only_whoami && zone != ".") {
                continue;
            }
            for name in cuts(block, zone, &holders) {
                if found.len() >= MOST_ZONES {
                    let right = "write fewer names behind except, log, cache and hosts";
                    report.mistake(&block.place, &block.keys, format!("becomes more than {MOST_ZONES} zones"), right);
                    return found;
                }
                found.push(zone_at(block, name));
            }
        }
    }
    if !holders.contains_key(".") || !found.iter().any(|zone| zone.name == ".") {
        let refused = ("\"block\"".to_owned(), None);
        found.push(Zone {
            name: ".".to_owned(),
            block: None,
            forward: None,
            settings: cache::nothing(),
            acl: vec![refused],
        });
    }
    found
}

/// Notes a zone that another block holds already, if what they say differs.
fn note_second(first: &Block, second: &Block, zone: &str, report: &mut Report) {
    if first.keys == second.keys && std::ptr::eq(first, second) {
        return;
    }
    let say = |block: &Block| {
        let zone = zone_at(block, zone.to_owned());
        let acl: Vec<String> = zone.acl.into_iter().map(|(line, _)| line).collect();
        let forward = zone.forward.map(|forward| (forward.settings.clone(), forward.except.clone()));
        let rules: Vec<Vec<Setting>> =
            block.rewrites.iter().chain(&block.templates).map(|rule| rule.settings.clone()).collect();
        (zone.settings, acl, forward, rules)
    };
    if say(first) == say(second) {
        return;
    }
    let shown = |block: &Block| {
        let addresses: Vec<String> = block.listen.iter().map(ToString::to_string).collect();
        addresses.join(", ")
    };
    let differs = format!(
        "{} are answered alike at every address, and the block at {} for {} says otherwise",
        if zone == "." { "all other names".to_owned() } else { format!("names of {zone}") },
        first.place,
        shown(first)
    );
    let instead = format!("that one holds, also for clients that ask {}", shown(second));
    report.notice(&second.place, &second.keys, differs, instead);
}

/// The names within a zone of a block at which something changes: the zone itself, then the others, those above before those below.
fn cuts(block: &Block, zone: &str, holders: &BTreeMap<&str, &Block>) -> Vec<String> {
    let mut names: Vec<&String> = Vec::new();
    for forward in &block.forwards {
        names.push(&forward.from);
        names.extend(&forward.except);
    }
    if let Some(cache) = &block.cache {
        names.extend(cache.zones.iter().chain(&cache.no_positive).chain(&cache.no_negative));
    }
    let scoped = block.logs.iter().chain(&block.hosts);
    names.extend(scoped.flat_map(|scoped| &scoped.zones));
    names.extend(block.acl.iter().flat_map(|(zones, _)| zones));
    let mut names: Vec<&str> = names
        .into_iter()
        .map(String::as_str)
        .filter(|name| *name != zone && words::is_within(name, zone) && holder(name, holders) == Some(zone))
        .collect();
    names.sort_unstable_by_key(|name| (words::labels(name), *name));
    names.dedup();
    names.truncate(MOST_ZONES);
    let mut kept: Vec<(String, Zone<'_>)> = vec![(zone.to_owned(), zone_at(block, zone.to_owned()))];
    for name in names {
        let here = zone_at(block, name.to_owned());
        let above = kept
            .iter()
            .filter(|(above, _)| words::is_within(name, above))
            .max_by_key(|(above, _)| words::labels(above));
        if above.is_none_or(|(_, above)| !is_alike(above, &here)) {
            kept.push((name.to_owned(), here));
        }
    }
    kept.into_iter().map(|(name, _)| name).collect()
}

/// The zone of a key that holds a name: the longest.
fn holder<'a>(name: &'a str, holders: &BTreeMap<&'a str, &Block>) -> Option<&'a str> {
    let mut rest = name;
    loop {
        if let Some((zone, _)) = holders.get_key_value(rest) {
            return Some(zone);
        }
        rest = match rest.split_once('.') {
            Some((_, above)) if !above.is_empty() => above,
            _ if rest == "." => return None,
            _ => ".",
        };
    }
}

/// Whether nothing changes between two zones of a block.
fn is_alike(one: &Zone<'_>, other: &Zone<'_>) -> bool {
    let forward = |zone: &Zone<'_>| zone.forward.map(std::ptr::from_ref);
    let acl = |zone: &Zone<'_>| zone.acl.iter().map(|(line, _)| line.clone()).collect::<Vec<_>>();
    forward(one) == forward(other) && one.settings == other.settings && acl(one) == acl(other)
}

/// What a block says for the names at and below `name`.
fn zone_at(block: &Block, name: String) -> Zone<'_> {
    let forward = block.forwards.iter().find(|forward| forward.holds(&name));
    let mut settings = match &block.cache {
        Some(cache) => cache.settings(&name),
        None => cache::nothing(),
    };
    // The first that names it decides.
    if let Some(log) = block.logs.iter().find(|log| log.holds(&name)) {
        settings.extend(log.settings.iter().cloned());
    }
    for scoped in block.hosts.iter().filter(|hosts| hosts.holds(&name)).chain(&block.dns64) {
        settings.extend(scoped.settings.iter().cloned());
    }
    let holds = |zones: &[String]| zones.is_empty() || zones.iter().any(|zone| words::is_within(&name, zone));
    let acl = block.acl.iter().filter(|(zones, _)| holds(zones)).flat_map(|(_, lines)| lines);
    let acl = acl.map(|(line, place)| (line.clone(), Some(place.clone()))).collect();
    Zone { name, block: Some(block), forward, settings, acl }
}

/// The rules of a block with the zones that they are for. A rule is for the names that no longer zone holds, so it is written for each zone of
/// the block that lies within what it is for.
pub(super) fn place<'a>(rules: &'a [Rule], block: &Block, zones: &[Zone<'_>]) -> Vec<Placed<'a>> {
    let own: Vec<&str> = zones
        .iter()
        .filter(|zone| zone.block.is_some_and(|holder| std::ptr::eq(holder, block)))
        .map(|zone| zone.name.as_str())
        .collect();
    let mut placed = Vec::new();
    for rule in rules {
        let mut targets: Vec<&str> = Vec::new();
        let wanted: Vec<&str> =
            if rule.zones.is_empty() { vec!["."] } else { rule.zones.iter().map(String::as_str).collect() };
        for wanted in wanted {
            let above = zones.iter().map(|zone| zone.name.as_str()).filter(|zone| words::is_within(wanted, zone));
            let above = above.max_by_key(|zone| words::labels(zone));
            if above.is_some_and(|above| own.contains(&above)) {
                targets.push(wanted);
            }
            targets.extend(own.iter().copied().filter(|zone| *zone != wanted && words::is_within(zone, wanted)));
        }
        let mut seen: Vec<&str> = Vec::new();
        for zone in targets {
            if !seen.contains(&zone) {
                seen.push(zone);
                placed.push(Placed { zone: zone.to_owned(), rule });
            }
        }
    }
    placed
}
