//! One server block: its directives checked against the table of plugins and read.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::cache::Cache;
use super::forward::Forward;
use super::names::{Rule, Scoped};
use super::report::Report;
use super::serving::Serving;
use super::{Outside, cache, names, rewrite, words};
use crate::config::quote;
use crate::corefile::plugins::{self, Body, Plugin, Word};
use crate::corefile::{Directive, Place, ServerBlock, Transport};

/// What a server block says.
#[derive(Debug)]
pub(super) struct Block {
    /// Where it begins.
    pub(super) place: Place,
    /// Its keys as they were written.
    pub(super) keys: String,
    /// Its zones, each once: lower-case, without the last dot.
    pub(super) zones: Vec<String>,
    /// Where it listens.
    pub(super) listen: Vec<SocketAddr>,
    /// Who is asked, in the order of the text.
    pub(super) forwards: Vec<Forward>,
    /// What is kept.
    pub(super) cache: Option<Cache>,
    /// What is logged: names and classes.
    pub(super) logs: Vec<Scoped>,
    /// A hosts file.
    pub(super) hosts: Option<Scoped>,
    /// Who may ask what, in order.
    pub(super) acl: Vec<names::Acl>,
    /// IPv6 addresses made of IPv4 ones.
    pub(super) dns64: Option<Scoped>,
    /// Names to be rewritten.
    pub(super) rewrites: Vec<Rule>,
    /// Answers made from patterns.
    pub(super) templates: Vec<Rule>,
    /// Whether clients are told who they are.
    pub(super) whoami: Option<Place>,
    /// How long a query may take.
    pub(super) timeout: Option<String>,
}

impl Block {
    /// Reads it. `listen` are its addresses.
    pub(super) fn read(
        source: &ServerBlock,
        listen: Vec<SocketAddr>,
        serving: &mut Serving,
        outside: &mut Outside<'_>,
        report: &mut Report,
    ) -> Self {
        let mut zones: Vec<String> = Vec::new();
        let mut keys: Vec<&str> = Vec::new();
        for key in source.keys.iter().filter(|key| key.transport == Transport::Dns) {
            let zone = words::name(&key.zone);
            if !zones.contains(&zone) {
                zones.push(zone);
            }
            if !keys.contains(&key.text.as_str()) {
                keys.push(&key.text);
            }
        }
        let mut block = Self {
            place: source.place.clone(),
            keys: keys.join(" "),
            zones,
            listen,
            forwards: Vec::new(),
            cache: None,
            logs: Vec::new(),
            hosts: None,
            acl: Vec::new(),
            dns64: None,
            rewrites: Vec::new(),
            templates: Vec::new(),
            whoami: None,
            timeout: None,
        };
        // The order of plugins in the text means nothing.
        let root = source.directives.iter().find(|line| line.name == "root");
        let root = root.and_then(|line| line.arguments.first()).map(PathBuf::from);
        let mut seen: Vec<&str> = Vec::new();
        for line in &source.directives {
            let Some(plugin) = check(line, report) else { continue };
            if plugin.once && seen.contains(&plugin.name) {
                report.mistake(&line.place, plugin.name, "is there twice in this block", "keep one of them");
                continue;
            }
            seen.push(plugin.name);
            match plugin.name {
                "forward" => block.forwards.extend(Forward::read(line, root.as_deref(), outside, report)),
                "cache" => block.cache = Some(Cache::read(line, report)),
                "log" => block.logs.push(log(line, report)),
                "hosts" => block.hosts = Some(names::hosts(line, &block.zones, root.as_deref(), outside, report)),
                "acl" => block.acl.push(names::acl(line, report)),
                "dns64" => block.dns64 = Some(names::dns64(line, report)),
                "rewrite" => block.rewrites.extend(rewrite::rewrite(line, report)),
                "template" => block.templates.extend(names::template(line, report)),
                "whoami" => block.whoami = Some(line.place.clone()),
                "cancel" => {
                    if let Some(time) = report.duration(line, "cancel", 0) {
                        let bounds = (std::time::Duration::from_millis(100), std::time::Duration::from_secs(60));
                        let time = report.bounded(line, "cancel", time, bounds, crate::config::print_duration);
                        block.timeout = Some(quote(&crate::config::print_duration(time)));
                    }
                }
                _ => serving.read(line, report),
            }
        }
        block
    }
}

//------ Check ---------------------------------------------------------------

/// The plugin of a directive, if it is known and may be read; notes what is wrong or differs in any case.
fn check(line: &Directive, report: &mut Report) -> Option<&'static Plugin> {
    let Some(plugin) = Plugin::named(&line.name) else {
        let near = plugins::nearest(&line.name, Plugin::all().map(|plugin| plugin.name));
        let right = match near {
            Some(near) => format!("did you mean {near:?}?"),
            None => "see \"Corefile\" in the manual for all plugins".to_owned(),
        };
        report.mistake(&line.place, &line.name, "there is no such plugin", right);
        return None;
    };
    let may_be_read = report.effect(&line.place, plugin.name, plugin.effect);
    let fits = count(line, plugin.name, plugin.arguments, report);
    if let Some(known) = plugin.words() {
        for option in line.lines() {
            check_option(plugin, known, option, report);
        }
    }
    // What is wrong in its braces does not keep the rest from being looked at.
    (may_be_read && fits).then_some(plugin)
}

/// Notes what is wrong with a line within the braces of a plugin, and what differs in any case.
fn check_option(plugin: &Plugin, known: &[Word], option: &Directive, report: &mut Report) {
    if let Some(word) = known.iter().find(|word| word.name == option.name) {
        let subject = format!("{} {}", plugin.name, word.name);
        if option.block.is_some() {
            report.mistake(&option.place, &subject, "has braces of its own", "remove them");
        }
        report.effect(&option.place, &subject, word.effect);
        count(option, &subject, word.arguments, report);
        return;
    }
    let is_address = option.name.parse::<std::net::IpAddr>().is_ok();
    if matches!(plugin.body, Body::Hosts(_)) && is_address && option.block.is_none() {
        return;
    }
    let right = match plugins::nearest(&option.name, known.iter().map(|word| word.name)) {
        Some(near) => format!("did you mean {near:?}?"),
        None if known.is_empty() => format!("{} takes no options", plugin.name),
        None => format!("write one of {}", known.iter().map(|word| word.name).collect::<Vec<_>>().join(", ")),
    };
    report.mistake(&option.place, plugin.name, format!("the option {:?} is unknown", option.name), right);
}

/// Whether a line has as many words as it may.
fn count(line: &Directive, subject: &str, (least, most): (usize, usize), report: &mut Report) -> bool {
    let found = line.arguments.len();
    if (least..=most).contains(&found) {
        return true;
    }
    let right = match (least, most) {
        (0, 0) => "write nothing behind it".to_owned(),
        (least, most) if least == most => format!("write {least} behind it"),
        (0, most) => format!("write at most {most} behind it"),
        (least, plugins::ANY) => format!("write at least {least} behind it"),
        (least, most) => format!("write {least} to {most} behind it"),
    };
    let words = if found == 1 { "word" } else { "words" };
    report.mistake(&line.place, subject, format!("has {found} {words} behind it"), right);
    false
}

//------ log -----------------------------------------------------------------

/// Formats that are the one of `query-log.format = "coredns"`.
const COMMON: [&str; 2] = [
    "{common}",
    "{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" {rcode} {>rflags} {rsize} {duration}",
];

/// `log [NAMES…] [FORMAT] { class … }`
fn log(line: &Directive, report: &mut Report) -> Scoped {
    let mut texts = line.arguments.as_slice();
    if let Some((format, rest)) = texts.split_last()
        && format.contains('{')
    {
        texts = rest;
        if !COMMON.contains(&format.as_str()) {
            let differs = "the format of a line cannot be chosen";
            report.notice(
                &line.place,
                "log",
                differs,
                "it is CoreDNS's common one; query-log.format = \"json\" names every part",
            );
        }
    }
    let zones = cache::names(line, "log", texts, report);
    let mut classes: Vec<&str> = Vec::new();
    for option in line.lines() {
        for class in &option.arguments {
            let known = ["success", "denial", "error", "all"];
            match known.into_iter().find(|known| known == class) {
                Some(class) if classes.contains(&class) => {}
                Some(class) => classes.push(class),
                None => {
                    let right = plugins::nearest(class, known.into_iter()).map_or_else(
                        || "write success, denial, error or all".to_owned(),
                        |near| format!("did you mean {near:?}?"),
                    );
                    report.mistake(&option.place, "log class", format!("{class:?} is no class"), right);
                }
            }
        }
    }
    if classes.is_empty() || classes.contains(&"all") {
        classes = vec!["all"];
    }
    Scoped { zones, settings: vec![("query-log", super::document::quoted(classes))] }
}
