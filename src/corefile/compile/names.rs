//! Plugins that answer by themselves or change names: hosts, rewrite, template, acl, dns64.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::quoted;
use super::report::Report;
use super::{Outside, cache, words};
use crate::config::{print_duration, quote};
use crate::corefile::{Directive, Place, plugins};

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

/// `hosts [FILE [ZONES…]] { … }`
pub(super) fn hosts(line: &Directive, root: Option<&Path>, outside: &mut Outside<'_>, report: &mut Report) -> Scoped {
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
    if !reverse {
        settings.push(("hosts-reverse", "false".to_owned()));
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

//------ rewrite -------------------------------------------------------------

/// How names are compared.
const MATCHES: [&str; 5] = ["exact", "prefix", "suffix", "substring", "regex"];
/// What can be rewritten.
const FIELDS: [&str; 7] = ["name", "type", "ttl", "class", "edns0", "cname", "rcode"];

/// `rewrite [continue|stop] FIELD …`; `None` where it is not done, and why was said.
pub(super) fn rewrite(line: &Directive, report: &mut Report) -> Option<Rule> {
    let arguments: Vec<&str> = line.arguments.iter().map(String::as_str).collect();
    let (is_continued, rest) = match arguments.split_first() {
        Some((word, rest)) if word.eq_ignore_ascii_case("continue") => (true, rest),
        Some((word, rest)) if word.eq_ignore_ascii_case("stop") => (false, rest),
        _ => (false, arguments.as_slice()),
    };
    let (field, rest) = rest.split_first().map_or(("", rest), |(field, rest)| (*field, rest));
    let mut gives_back = false;
    let mut wrong = |wrong: String, right: &str| {
        report.mistake(&line.place, "rewrite", wrong, right);
        None
    };
    let mut settings: Vec<Setting> = match (field.to_ascii_lowercase().as_str(), rest) {
        ("name", [from, to]) => vec![("match", quote("exact")), ("from", quote(from)), ("to", quote(to))],
        ("name", [kind, from, to, answers @ ..]) => {
            let kind = kind.to_ascii_lowercase();
            if !MATCHES.contains(&kind.as_str()) {
                return wrong(unknown(&kind, &MATCHES), "write exact, prefix, suffix, substring or regex");
            }
            let mut settings = vec![("match", quote(&kind)), ("from", quote(from)), ("to", quote(to))];
            match answer_rules(answers, kind == "exact") {
                Ok(mut more) => {
                    if kind == "exact" && more.iter().any(|(key, _)| *key == "answer-names") {
                        more.retain(|(key, _)| *key != "answer-names");
                        gives_back = true;
                    }
                    settings.extend(more);
                }
                Err(text) => {
                    return wrong(
                        text,
                        "write \"answer auto\", \"answer name REGEX NAME\" or \"answer value REGEX NAME\"",
                    );
                }
            }
            settings
        }
        ("type", [from, to]) => vec![("match", quote("type")), ("from", quote(from)), ("to", quote(to))],
        ("ttl", [name, ttl]) => vec![("match", quote("ttl")), ("from", quote(name)), ("to", quote(ttl))],
        ("ttl", [kind, name, ttl]) => {
            let kind = kind.to_ascii_lowercase();
            if !MATCHES.contains(&kind.as_str()) {
                return wrong(unknown(&kind, &MATCHES), "write exact, prefix, suffix, substring or regex");
            }
            vec![("match", quote("ttl")), ("name-match", quote(&kind)), ("from", quote(name)), ("to", quote(ttl))]
        }
        (field @ ("class" | "edns0" | "cname" | "rcode"), [_, ..]) => {
            let differs = format!("{field} is not rewritten");
            let instead = match field {
                "edns0" => "options of clients are not passed on (RFC 6891), and none is added",
                "class" => "names of class IN are asked, and those of the daemon in CH answered",
                _ => "the answer stays as it is",
            };
            report.notice(&line.place, "rewrite", differs, instead);
            return None;
        }
        ("name" | "type" | "ttl" | "class" | "edns0" | "cname" | "rcode", _) => {
            return wrong(
                format!("{field} has too few or too many words"),
                "write what is to be matched, and what takes its place",
            );
        }
        (other, _) => return wrong(unknown(other, &FIELDS), "write name, type or ttl"),
    };
    if gives_back {
        let differs = "names of an exact rule are given back as they were asked";
        report.notice(&line.place, "rewrite", differs, "\"answer name\" is left out");
    }
    // CoreDNS asks the servers of the block that the question came to.
    if field.eq_ignore_ascii_case("name") {
        settings.push(("route", quote("question")));
    }
    if is_continued {
        settings.push(("continue", "true".to_owned()));
    }
    let text = format!("rewrite {}", line.arguments.join(" "));
    Some(Rule { place: line.place.clone(), zones: Vec::new(), settings, text })
}

/// What to say about a word that is none of these.
fn unknown(word: &str, known: &[&str]) -> String {
    match plugins::nearest(word, known.iter().copied()) {
        Some(near) => format!("{word:?} is unknown (did you mean {near:?}?)"),
        None => format!("{word:?} is unknown"),
    }
}

/// `answer auto`, `answer name FROM TO`, `answer value FROM TO`, in a row.
fn answer_rules(mut words: &[&str], is_exact: bool) -> Result<Vec<Setting>, String> {
    let (mut is_auto, mut names, mut values) = (is_exact, Vec::new(), Vec::new());
    while !words.is_empty() {
        // The word "answer" may be left out behind the first.
        let rest = words.strip_prefix(&["answer"]).unwrap_or(words);
        words = match rest {
            ["auto", rest @ ..] => {
                is_auto = true;
                rest
            }
            ["name", from, to, rest @ ..] => {
                names.push(format!("{from} {to}"));
                rest
            }
            ["value", from, to, rest @ ..] => {
                values.push(format!("{from} {to}"));
                rest
            }
            _ => return Err(format!("{:?} does not say how answers are rewritten", rest.join(" "))),
        };
    }
    if is_auto && !is_exact && !names.is_empty() {
        return Err("\"answer auto\" gives names back already".to_owned());
    }
    let mut settings = Vec::new();
    if !is_auto {
        settings.push(("answers", quote("none")));
    }
    if !names.is_empty() {
        settings.push(("answer-names", quoted(names.iter().map(String::as_str))));
    }
    if !values.is_empty() {
        settings.push(("answer-values", quoted(values.iter().map(String::as_str))));
    }
    Ok(settings)
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
    Some(Rule { place: line.place.clone(), zones, settings, text })
}
