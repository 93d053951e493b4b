//! Plugins that answer by themselves: hosts, template, acl, dns64. Those that change questions are in [`super::rewrite`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::quoted;
use super::report::Report;
use super::rewrite::Leads;
use super::{Outside, cache, words};
use crate::config::{print_duration, quote};
use crate::corefile::{Directive, Place};

/// An option and its value, in TOML.
pub(super) type Setting = (&'static str, String);

/// A `[[rewrite]]` or `[[template]]` that wants only its zone.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Where it stands.
    pub(super) place: Place,
    /// The names that it is for; empty is all of the block.
    pub(super) zones: Vec<String>,
    /// Its options without the zone.
    pub(super) settings: Vec<Setting>,
    /// Where the names lie that it makes.
    pub(super) leads: Leads,
    /// What the Corefile says, for a comment.
    pub(super) text: String,
}

/// Options for some zones of a block.
#[derive(Debug)]
pub(super) struct Scoped {
    /// The names that they are for; empty is all of the block.
    pub(super) zones: Vec<String>,
    /// The options.
    pub(super) settings: Vec<Setting>,
}

impl Scoped {
    /// Whether they hold for a name.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.zones.is_empty() || self.zones.iter().any(|zone| words::is_within(name, zone))
    }
}

//------ hosts ---------------------------------------------------------------

/// The longest TTL that `hosts` takes, in seconds.
const LONGEST_TTL: u64 = 65_535;

/// `hosts [FILE [ZONES…]] { … }` in a block of these zones.
pub(super) fn hosts(
    line: &Directive,
    block: &[String],
    root: Option<&Path>,
    outside: &mut Outside<'_>,
    report: &mut Report,
) -> Scoped {
    let (file, zones) = match line.arguments.split_first() {
        Some((file, zones)) => (file.as_str(), zones),
        None => ("/etc/hosts", line.arguments.as_slice()),
    };
    let zones = cache::names(line, "hosts", zones, report);
    let path = root.map_or_else(|| PathBuf::from(file), |root| root.join(file));
    let mut settings: Vec<Setting> = Vec::new();
    match outside.read(&path) {
        Ok(_) => settings.push(("hosts", quote(&path.display().to_string()))),
        Err(error) => {
            let differs = format!("{} cannot be read: {error}", path.display());
            report.notice(&line.place, "hosts", differs, "it is left out");
        }
    }
    let (mut inline, mut is_fallthrough, mut unsupported) = (Vec::new(), false, None);
    let (mut ttl, mut reverse, mut fallthrough) = (None, true, Vec::new());
    for option in line.lines() {
        let subject = format!("hosts {}", option.name);
        match option.name.as_str() {
            "ttl" => {
                ttl = report.number(option, &subject, 0, 1);
                if ttl.is_some_and(|ttl| ttl > LONGEST_TTL) {
                    report.mistake(&option.place, &subject, "the TTL is too long", "write at most 65535");
                    ttl = None;
                }
            }
            "no_reverse" => reverse = false,
            "reload" => {
                report.duration(option, &subject, 0);
            }
            "fallthrough" => {
                is_fallthrough = true;
                fallthrough = cache::names(option, &subject, &option.arguments, report);
            }
            "fallthrough_unsupported" => unsupported = Some(option),
            _ => {
                let words = std::iter::once(&option.name).chain(&option.arguments).map(String::as_str);
                inline.push(words.collect::<Vec<_>>().join(" "));
            }
        }
    }
    if let Some(option) = unsupported.filter(|_| !is_fallthrough) {
        report.mistake(
            &option.place,
            "hosts fallthrough_unsupported",
            "there is no fallthrough",
            "write fallthrough, too",
        );
    }
    if !inline.is_empty() {
        settings.push(("hosts-lines", quoted(inline.iter().map(String::as_str))));
    }
    if settings.is_empty() && is_fallthrough {
        return Scoped { zones, settings };
    }
    settings.extend(ttl.map(|ttl| ("hosts-ttl", quote(&print_duration(Duration::from_secs(ttl))))));
    let may_reverse = |zone: &String| zone == "." || words::is_within(zone, "arpa");
    if !reverse {
        settings.push(("hosts-reverse", "false".to_owned()));
    } else if !zones.is_empty() && block.iter().any(may_reverse) && !zones.iter().any(may_reverse) {
        let differs = "names backwards of its addresses are asked of the servers";
        let instead = "write their zones behind the others, such as 10.in-addr.arpa, to have them answered from here";
        report.notice(&line.place, "hosts", differs, instead);
    }
    settings.push(("hosts-fallthrough", is_fallthrough.to_string()));
    if !fallthrough.is_empty() && !fallthrough.iter().any(|zone| zone == ".") {
        settings.push(("hosts-fallthrough-zones", quoted(fallthrough.iter().map(String::as_str))));
    }
    Scoped { zones, settings }
}

//------ acl and dns64 -------------------------------------------------------

/// The names that one `acl` is for, empty for all of the block; and its lines.
pub(super) type Acl = (Vec<String>, Vec<(String, Place)>);

/// One `acl [ZONES…] { ACTION [type …] [net …] }`: its lines, in the words of `zone.acl`, which are the same.
pub(super) fn acl(line: &Directive, report: &mut Report) -> Acl {
    let zones = cache::names(line, "acl", &line.arguments, report);
    let print = |option: &Directive| {
        let words = std::iter::once(option.name.as_str()).chain(option.arguments.iter().map(String::as_str));
        (quote(&words.collect::<Vec<_>>().join(" ")), option.place.clone())
    };
    (zones, line.lines().iter().map(print).collect())
}

/// `dns64 [PREFIX] { … }`
pub(super) fn dns64(line: &Directive, report: &mut Report) -> Scoped {
    let mut prefix = line.arguments.first().map_or("64:ff9b::/96", String::as_str);
    let mut more: Vec<Setting> = Vec::new();
    for option in line.lines() {
        match (option.name.as_str(), option.arguments.first()) {
            ("prefix", Some(text)) => prefix = text,
            ("translate_all", _) => more.push(("dns64-translate-all", "true".to_owned())),
            ("allow_ipv4", _) => more.push(("dns64-ipv4-clients", "true".to_owned())),
            _ => {}
        }
    }
    if prefix.parse::<ipnet::Ipv6Net>().is_err() {
        let wrong = format!("{prefix:?} is no prefix of IPv6");
        report.mistake(&line.place, "dns64", wrong, "write one such as \"64:ff9b::/96\"");
    }
    more.sort_unstable();
    more.dedup();
    let mut settings = vec![("dns64", quote(prefix))];
    settings.append(&mut more);
    Scoped { zones: Vec::new(), settings }
}

//------ template ------------------------------------------------------------

/// `template CLASS TYPE [ZONE…] { … }`; `None` where it is not done, and why was said.
pub(super) fn template(line: &Directive, report: &mut Report) -> Option<Rule> {
    let [class, kind, zones @ ..] = line.arguments.as_slice() else { return None };
    match class.as_str() {
        "IN" | "ANY" => {}
        "CH" | "HS" | "CS" | "NONE" => {
            let differs = format!("names of class {class} have no templates");
            report.notice(&line.place, "template", differs, "they are refused");
            return None;
        }
        other => {
            report.mistake(&line.place, "template", format!("{other:?} is no class"), "write IN or ANY");
            return None;
        }
    }
    let zones = cache::names(line, "template", zones, report);
    let mut settings: Vec<Setting> = vec![("types", quoted([kind.as_str()]))];
    let mut lists: [(&'static str, Vec<&str>); 4] =
        [("match", Vec::new()), ("answers", Vec::new()), ("authority", Vec::new()), ("additional", Vec::new())];
    let mut more: Vec<Setting> = Vec::new();
    for option in line.lines() {
        let subject = format!("template {}", option.name);
        let words = option.arguments.iter().map(String::as_str);
        match option.name.as_str() {
            "match" => lists[0].1.extend(words),
            "answer" => lists[1].1.extend(words),
            "authority" => lists[2].1.extend(words),
            "additional" => lists[3].1.extend(words),
            "rcode" => more.extend(words.map(|code| ("rcode", quote(code)))),
            "ederror" => {
                more.extend(report.number(option, &subject, 0, 0).map(|code| ("extended-error", code.to_string())));
                if option.arguments.len() > 1 {
                    report.notice(&option.place, &subject, "the text of the error is not sent", "its code is");
                }
            }
            "fallthrough" => {
                more.push(("fallthrough", "true".to_owned()));
                let zones = cache::names(option, &subject, &option.arguments, report);
                if !zones.is_empty() {
                    more.push(("fallthrough-zones", quoted(zones.iter().map(String::as_str))));
                }
            }
            _ => {}
        }
    }
    let filled = lists.into_iter().filter(|(_, list)| !list.is_empty());
    settings.extend(filled.map(|(key, list)| (key, quoted(list))));
    // A second line of the same option takes the place of the first.
    for (position, (key, value)) in more.iter().enumerate() {
        if more[position + 1..].iter().all(|(later, _)| later != key) {
            settings.push((key, value.clone()));
        }
    }
    let text = format!("template {}", line.arguments.join(" "));
    Some(Rule { place: line.place.clone(), zones, settings, leads: Leads::Nowhere, text })
}
