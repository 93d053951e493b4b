//! The document: what was read, in the words of the first front end, each part with the lines of the Corefile that it comes from.

use std::net::{IpAddr, SocketAddr};

use super::block::Block;
use super::document::{Document, quoted};
use super::names::Setting;
use super::report::Report;
use super::serving::{Placed as With, Serving};
use super::words;
use super::zones::{Placed, Zone, place};
use crate::config::quote;
use crate::corefile::Place;

/// Bytes that one positive answer takes in memory, about; a denial takes half.
const ANSWER: u64 = 512;
/// The default sizes of our cache for answers and denials, in MiB.
const SIZES: [u64; 2] = [32, 8];
/// The largest sizes, in MiB.
const LARGEST: u64 = 64 << 10;
/// Bounds of `limits.in-flight`.
const IN_FLIGHT: (u64, u64) = (16, 1_000_000);

/// A group of servers with its name.
struct Group<'a> {
    /// What zones call it.
    name: String,
    /// Its options.
    settings: Vec<Setting>,
    /// Who says so.
    says: Vec<(&'a Place, &'a str)>,
    /// Whether the choice among its servers is ours.
    is_free: bool,
}

/// Writes all of it.
pub(super) fn write(blocks: &[Block], zones: &[Zone<'_>], serving: &Serving, report: &mut Report) -> Document {
    let mut document = Document::default();
    let groups = groups(zones);
    head(&mut document);
    listen(&mut document, blocks, serving);
    limits(&mut document, &groups, zones, report);
    cache(&mut document, zones);
    local(&mut document, blocks, zones, serving, report);
    endpoints(&mut document, blocks, serving);
    query_log(&mut document, zones);
    write_groups(&mut document, &groups);
    write_zones(&mut document, zones, &groups);
    write_rules(&mut document, blocks, zones);
    document
}

/// What it is.
fn head(document: &mut Document) {
    document.comment("What the Corefile means, in the form of nodens. Made by \"nodens migrate\"; each part names the line that it comes from. \"nodens check FILE\" shows all that holds.");
    document.comment("");
    document.comment("Better than the Corefile without a line of it: names outside the cluster that lead to private addresses are counted and logged (rebinding.mode = \"report\"; \"block\" withholds them); loops are found while it runs; one memory serves all zones, whole answers share it, and the same question of many clients is asked once; few connections carry all queries side by side.");
}

/// `[listen]`
fn listen(document: &mut Document, blocks: &[Block], serving: &Serving) {
    let mut addresses: Vec<(SocketAddr, &Place)> = Vec::new();
    for block in blocks {
        for address in &block.listen {
            if addresses.iter().all(|(known, _)| known != address) {
                addresses.push((*address, &block.place));
            }
        }
    }
    // Sockets on all addresses of a port leave nothing for others.
    let all: Vec<SocketAddr> =
        addresses.iter().map(|(address, _)| *address).filter(|address| address.ip().is_unspecified()).collect();
    addresses.retain(|(address, _)| {
        let covers = |all: &SocketAddr| all.port() == address.port() && all.is_ipv4() == address.is_ipv4();
        address.ip().is_unspecified() || !all.iter().any(covers)
    });
    document.gap();
    let first = addresses.first().map(|(_, place)| *place);
    document.headline("[listen]", first);
    let elements: Vec<(String, Option<Place>)> =
        addresses.iter().map(|(address, place)| (quote(&address.to_string()), Some((*place).clone()))).collect();
    document.list("addresses", &elements);
    if let Some((size, place)) = &serving.udp_size {
        document.comment(&format!("{place}: bufsize"));
        document.set("udp-size", &size.to_string(), Some(place));
    }
    if let Some((idle, place)) = &serving.idle {
        document.comment(&format!("{place}: timeouts"));
        document.set("tcp-idle-timeout", &quote(&crate::config::print_duration(*idle)), Some(place));
    }
}

/// `[limits]`, if every group has a limit.
fn limits(document: &mut Document, groups: &[Group<'_>], zones: &[Zone<'_>], report: &mut Report) {
    let mut counted: Vec<(&Place, u64)> = Vec::new();
    let mut is_whole = true;
    for forward in zones.iter().filter_map(|zone| zone.forward) {
        match forward.max_concurrent {
            Some(most) if counted.iter().all(|(place, _)| *place != &forward.place) => {
                counted.push((&forward.place, most))
            }
            Some(_) => {}
            None => is_whole = false,
        }
    }
    let Some((place, _)) = counted.first() else { return };
    if !is_whole {
        for (place, _) in &counted {
            let differs = "questions under way are limited for all zones together, and other forwards have no limit";
            report.notice(place, "forward max_concurrent", differs, "limits.in-flight holds, with its default");
        }
        return;
    }
    if groups.len() > 1 || counted.len() > 1 {
        let differs = "questions under way are limited for all zones together";
        report.notice(place, "forward max_concurrent", differs, "the sum of all forwards holds (limits.in-flight)");
    }
    let sum = counted.iter().fold(0_u64, |sum, (_, most)| sum.saturating_add(*most)).clamp(IN_FLIGHT.0, IN_FLIGHT.1);
    document.gap();
    let lines: Vec<String> = counted.iter().map(|(place, most)| format!("{place}: max_concurrent {most}")).collect();
    document.comment(&lines.join("; "));
    document.headline("[limits]", Some(place));
    document.set("in-flight", &sum.to_string(), Some(place));
}

/// `[cache]`, where the Corefile asks for more than the default.
fn cache(document: &mut Document, zones: &[Zone<'_>]) {
    let mut caches = Vec::new();
    for block in zones.iter().filter_map(|zone| zone.block) {
        if let Some(cache) = &block.cache
            && caches.iter().all(|known: &&super::cache::Cache| known.place != cache.place)
        {
            caches.push(cache);
        }
    }
    let sum = |count: fn(&super::cache::Cache) -> u64| {
        caches.iter().fold(0_u64, |sum, cache| sum.saturating_add(count(cache)))
    };
    let mebibytes = |answers: u64, bytes: u64| answers.saturating_mul(bytes).div_ceil(1 << 20).min(LARGEST);
    let [positive, negative] =
        [mebibytes(sum(|cache| cache.positive), ANSWER), mebibytes(sum(|cache| cache.negative), ANSWER / 2)];
    let place = caches.first().map(|cache| &cache.place);
    let stale = caches.iter().any(|cache| !cache.says_stale());
    let (more, more_negative) = (positive > SIZES[0], negative > SIZES[1].max(positive / 4));
    document.gap();
    if !more && !more_negative {
        document.comment("The numbers of answers that the Corefile allows fit into the default size: 32MiB, or half of the memory that this process may use.");
    }
    if stale && !caches.is_empty() {
        document.comment("Better than the Corefile: where it says no serve_stale, an answer may be given for a day after its expiry when no server gives a better one. serve-stale = \"0s\" here ends that.");
    }
    document.headline("[cache]", place);
    if more {
        document.set("size", &quote(&format!("{positive}MiB")), place);
    }
    if more_negative {
        document.set("negative-size", &quote(&format!("{negative}MiB")), place);
    }
}

/// `[local]`
fn local(document: &mut Document, blocks: &[Block], zones: &[Zone<'_>], serving: &Serving, report: &mut Report) {
    let holds = |name: &str| zones.iter().any(|zone| zone.name == name);
    let reverse = holds("in-addr.arpa") && holds("ip6.arpa");
    document.gap();
    document.headline("[local]", serving.local.as_ref());
    if !reverse && serving.local.is_none() {
        document.comment("The Corefile asks its servers for localhost and for the reverse zones of private addresses. true answers them here.");
        document.set("special-use", "false", None);
    }
    let mut whoami: Vec<(String, Option<Place>)> = Vec::new();
    for block in blocks {
        let Some(place) = &block.whoami else { continue };
        for zone in &block.zones {
            if block.forwards.iter().any(|forward| words::is_within(zone, &forward.from)) {
                report.notice(place, "whoami", "forward answers before it", "it is left out");
            } else if whoami.iter().all(|(known, _)| *known != quote(zone)) {
                whoami.push((quote(zone), Some(place.clone())));
            }
        }
    }
    if let Some((_, Some(place))) = whoami.first() {
        document.comment(&format!("{place}: whoami"));
        document.list("whoami", &whoami);
    }
    let texts = [("nsid", &serving.nsid), ("version", &serving.version)];
    for (key, text) in texts {
        if let Some((text, place)) = text {
            document.set(key, &quote(text), Some(place));
        }
    }
    if let Some((_, place)) = &serving.version {
        document.set("identity", &quote("auto"), Some(place));
    }
}

/// `[metrics]` and `[health]`
fn endpoints(document: &mut Document, blocks: &[Block], serving: &Serving) {
    // A socket for all addresses of IPv6 takes those of IPv4, too. A node that has no IPv6 has no such socket.
    let has_ipv6 = blocks.iter().flat_map(|block| &block.listen).any(|address| address.is_ipv6());
    let all: IpAddr = if has_ipv6 { [0; 16].into() } else { [0; 4].into() };
    let print = |endpoints: &[With<(Option<IpAddr>, u16)>]| -> String {
        let address = |((ip, port), _): &With<(Option<IpAddr>, u16)>| SocketAddr::new(ip.unwrap_or(all), *port);
        let addresses: Vec<String> = endpoints.iter().map(|endpoint| address(endpoint).to_string()).collect();
        match addresses.as_slice() {
            [] => quote(""),
            [one] => quote(one),
            several => quoted(several.iter().map(String::as_str)),
        }
    };
    let say = |document: &mut Document, name: &str, endpoints: &[With<(Option<IpAddr>, u16)>]| {
        for (_, place) in endpoints {
            document.comment(&format!("{place}: {name}"));
        }
    };
    document.gap();
    say(document, "prometheus", &serving.metrics);
    let place = serving.metrics.first().map(|(_, place)| place);
    document.headline("[metrics]", place);
    document.set("listen", &print(&serving.metrics), place);
    document.gap();
    say(document, "health", &serving.health);
    say(document, "ready", &serving.ready);
    let place = serving.health.first().map(|(_, place)| place);
    document.headline("[health]", place);
    document.set("listen", &print(&serving.health), place);
    if let Some((_, place)) = serving.ready.first() {
        document.set("ready-listen", &print(&serving.ready), Some(place));
    }
}

/// `[query-log]`, if anything is logged.
fn query_log(document: &mut Document, zones: &[Zone<'_>]) {
    if zones.iter().any(|zone| zone.settings.iter().any(|(key, _)| *key == "query-log")) {
        document.gap();
        document.comment("Which answers are logged is said zone by zone.");
        document.headline("[query-log]", None);
        document.set("format", &quote("coredns"), None);
        document.set("output", &quote("stdout"), None);
    }
}

//------ Upstreams -----------------------------------------------------------

/// The groups of servers, each once.
fn groups<'a>(zones: &[Zone<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for zone in zones {
        let Some(forward) = zone.forward else { continue };
        let settings = group_settings(zone);
        let says = (&forward.place, forward.text.as_str());
        match groups.iter_mut().find(|group| group.settings == settings) {
            Some(group) if group.says.contains(&says) => {}
            Some(group) => group.says.push(says),
            None => {
                let name = free_name(&zone.name, &groups);
                groups.push(Group { name, settings, says: vec![says], is_free: forward.is_free });
            }
        }
    }
    groups
}

/// The options of the group of a zone.
fn group_settings(zone: &Zone<'_>) -> Vec<Setting> {
    let mut settings = zone.forward.map(|forward| forward.settings.clone()).unwrap_or_default();
    if let Some(timeout) = zone.block.and_then(|block| block.timeout.clone()) {
        settings.retain(|(key, _)| *key != "timeout");
        settings.push(("timeout", timeout));
    }
    settings
}

/// A name for a group, after the first zone that it answers for.
fn free_name(zone: &str, groups: &[Group<'_>]) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let stem: String = if zone == "." { "default".to_owned() } else { zone.chars().take(50).map(plain).collect() };
    let taken = |name: &str| groups.iter().any(|group| group.name == name);
    if !taken(&stem) {
        return stem;
    }
    let mut number = 2_usize;
    while taken(&format!("{stem}-{number}")) {
        number += 1;
    }
    format!("{stem}-{number}")
}

/// `[[upstream]]`, all of them.
fn write_groups(document: &mut Document, groups: &[Group<'_>]) {
    for group in groups {
        document.gap();
        for (place, text) in &group.says {
            document.comment(&format!("{place}: {text}"));
        }
        if group.is_free {
            document.comment("Better than the Corefile, which takes any: of two servers the faster one is asked. policy = \"random\" ends that.");
        }
        let place = group.says.first().map(|(place, _)| *place);
        document.headline("[[upstream]]", place);
        document.set("name", &quote(&group.name), place);
        for (key, value) in &group.settings {
            document.set(key, value, place);
        }
    }
    if groups.is_empty() {
        document.gap();
        document.comment("The Corefile asks nobody, and neither does anybody ask this server.");
        document.headline("[[upstream]]", None);
        document.set("name", &quote(NOBODY), None);
        document.set("servers", &quoted(["udp://192.0.2.1"]), None);
    }
}

/// The group where no server is asked.
const NOBODY: &str = "nobody";

//------ Zones ---------------------------------------------------------------

/// `[[zone]]`, all of them.
fn write_zones(document: &mut Document, zones: &[Zone<'_>], groups: &[Group<'_>]) {
    for zone in zones {
        document.gap();
        match zone.block {
            Some(block) if zone.block.is_some_and(|block| block.zones.contains(&zone.name)) => {
                document.comment(&format!("{}: {}", block.place, block.keys));
            }
            Some(block) => {
                document.comment(&format!("{}: {}, what is said for {} in it", block.place, block.keys, zone.name))
            }
            None => document.comment("No block of the Corefile holds other names: they are refused."),
        }
        let place = zone.forward.map(|forward| &forward.place).or_else(|| zone.block.map(|block| &block.place));
        if zone.block.is_some_and(|block| block.cache.is_none()) {
            document.comment("There is no cache in the block: nothing is kept.");
        }
        document.headline("[[zone]]", place);
        document.set("name", &quote(&zone.name), place);
        let settings = group_settings(zone);
        let group =
            groups.iter().find(|group| zone.forward.is_some() && group.settings == settings).or_else(|| groups.first());
        document.set("upstream", &quote(group.map_or(NOBODY, |group| &group.name)), place);
        let class = if zone.name == "." { "public" } else { "internal" };
        document.set("class", &quote(class), place);
        document.set("dnssec", &quote("forward"), place);
        if zone.name == "." {
            document.set("rebinding.mode", &quote("report"), place);
        }
        let refuses = zone.forward.is_none() && zone.settings.iter().any(|(key, _)| *key == "hosts-fallthrough");
        for (key, value) in &zone.settings {
            let value = if refuses && *key == "hosts-fallthrough" { "false" } else { value };
            document.set(key, value, place);
        }
        if !zone.acl.is_empty() {
            document.list("acl", &zone.acl);
        }
    }
}

/// `[[rewrite]]` and `[[template]]`, all of them.
fn write_rules(document: &mut Document, blocks: &[Block], zones: &[Zone<'_>]) {
    for block in blocks {
        for rule in &place(&block.rewrites, block, zones) {
            write_rule(document, "[[rewrite]]", rule);
            // CoreDNS goes on with the plugins of the block that the question came to.
            if !rule.rule.leads.stays(&rule.zone, block, zones) {
                document.set("route", &quote("question"), Some(&rule.rule.place));
            }
        }
        for rule in &place(&block.templates, block, zones) {
            write_rule(document, "[[template]]", rule);
        }
    }
    for zone in zones {
        let has_hosts = zone.settings.iter().any(|(key, _)| *key == "hosts-fallthrough");
        if zone.forward.is_some() || zone.block.is_none() || has_hosts {
            continue;
        }
        let place = zone.block.map(|block| &block.place);
        document.gap();
        document.comment(&format!("Nobody is asked for other names of {}.", zone.name));
        document.headline("[[template]]", place);
        document.set("zone", &quote(&zone.name), place);
        document.set("rcode", &quote("SERVFAIL"), place);
    }
}

/// One of them.
fn write_rule(document: &mut Document, header: &str, placed: &Placed<'_>) {
    let place = Some(&placed.rule.place);
    document.gap();
    document.comment(&format!("{}: {}", placed.rule.place, placed.rule.text));
    document.headline(header, place);
    document.set("zone", &quote(&placed.zone), place);
    for (key, value) in &placed.rule.settings {
        document.set(key, value, place);
    }
}
