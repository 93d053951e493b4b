//! `rewrite`: rules that ask another question, or change what answers say.
//!
//! CoreDNS brings names into lower case and puts the last dot behind them before it compares, also where only a part of a name is meant: `prefix
//! old` fits "old.example." and not "older.example.". A rule written here says so itself, since our own takes parts as they are written.

use super::document::quoted;
use super::names::{Rule, Setting};
use super::report::Report;
use super::words;
use super::zones::Zone;
use crate::config::quote;
use crate::corefile::{Directive, plugins};

use super::block::Block;

/// How names are compared.
const MATCHES: [&str; 5] = ["exact", "prefix", "suffix", "substring", "regex"];
/// What can be rewritten.
const FIELDS: [&str; 7] = ["name", "type", "ttl", "class", "edns0", "cname", "rcode"];
/// What is done to options of EDNS.
const ACTIONS: [&str; 4] = ["set", "append", "replace", "unset"];
/// The classes that CoreDNS knows.
const CLASSES: [&str; 6] = ["IN", "CS", "CH", "HS", "NONE", "ANY"];

/// Where the names lie that a rule makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// It makes none.
    Nowhere,
    /// It makes this one.
    To(String),
    /// Below this one.
    Below(String),
    /// Where the name was that it is made of, or, if that is the whole of it, below this one.
    Beside(String, String),
}

impl Leads {
    /// Where names lie that are made by a comparison.
    fn of(kind: &str, from: &str, to: &str) -> Self {
        let (from, to) = (words::name(from), to.to_ascii_lowercase());
        // Behind a part of a label begins what is surely one.
        let whole_labels =
            |text: &str| text.split_once('.').map_or_else(|| ".".to_owned(), |(_, rest)| words::name(rest));
        match kind {
            "exact" => Self::To(words::name(&to)),
            "suffix" => Self::Below(whole_labels(&to)),
            "prefix" => Self::Beside(from, words::name(&to)),
            "regex" => match to.rsplit_once('}') {
                None => Self::To(words::name(&to)),
                Some((_, behind)) => Self::Below(whole_labels(behind)),
            },
            _ => Self::Below(".".to_owned()),
        }
    }

    /// Whether all such names are in zones of the block, so that the block answers for them wherever they lie.
    pub(super) fn stays(&self, zone: &str, block: &Block, zones: &[Zone<'_>]) -> bool {
        let is_own = |zone: &Zone<'_>| zone.block.is_some_and(|holder| std::ptr::eq(holder, block));
        let (above, has_below) = match self {
            Self::Nowhere => return true,
            Self::To(name) => (name.as_str(), false),
            Self::Below(name) => (name.as_str(), true),
            // All of the name is replaced.
            Self::Beside(from, to) if zone != "." && words::is_within(from, zone) => (to.as_str(), true),
            Self::Beside(..) => (zone, true),
        };
        let home = zones
            .iter()
            .filter(|zone| words::is_within(above, &zone.name))
            .max_by_key(|zone| words::labels(&zone.name));
        home.is_some_and(is_own)
            && (!has_below || zones.iter().filter(|zone| words::is_within(&zone.name, above)).all(is_own))
    }
}

/// `rewrite [continue|stop] FIELD …`; `None` where it is not done, and why was said.
pub(super) fn rewrite(line: &Directive, report: &mut Report) -> Option<Rule> {
    let mut arguments: Vec<&str> = line.arguments.iter().map(String::as_str).collect();
    // As CoreDNS has it, lines in braces are read as one line, and only behind one word or none.
    let inner = line.lines().iter().flat_map(|line| std::iter::once(&line.name).chain(&line.arguments));
    if arguments.len() < 2 {
        arguments.extend(inner.map(String::as_str));
    } else if line.block.is_some() {
        let right = "write all of it in one line, or all behind continue or stop within the braces";
        report.mistake(&line.place, "rewrite", "stands before its braces and within them", right);
        return None;
    }
    let text = format!("rewrite {}", arguments.join(" "));
    let (is_continued, rest) = match arguments.split_first() {
        Some((word, rest)) if word.eq_ignore_ascii_case("continue") => (true, rest),
        Some((word, rest)) if word.eq_ignore_ascii_case("stop") => (false, rest),
        _ => (false, arguments.as_slice()),
    };
    let (field, rest) = rest.split_first().map_or(("", rest), |(field, rest)| (*field, rest));
    let (mut settings, leads) = match (field.to_ascii_lowercase().as_str(), rest) {
        ("name", [from, to]) => name(line, "exact", from, to, &[], report)?,
        ("name", [kind, from, to, answers @ ..]) => {
            name(line, known(line, kind, &MATCHES, report)?, from, to, answers, report)?
        }
        ("type", [from, to]) => {
            (vec![("match", quote("type")), ("from", quote(from)), ("to", quote(to))], Leads::Nowhere)
        }
        ("ttl", [name, ttl]) => (ttl_rule("exact", name, ttl), Leads::Nowhere),
        ("ttl", [kind, name, ttl]) => (ttl_rule(known(line, kind, &MATCHES, report)?, name, ttl), Leads::Nowhere),
        ("class", [from, to]) => return class(line, from, to, report),
        ("edns0", [option, action, ..]) => return edns0(line, option, action, report),
        (field @ ("cname" | "rcode"), [_, _, ..]) => {
            let differs = format!("{field} is not rewritten");
            report.notice(&line.place, "rewrite", differs, "the answer is given as it is");
            return None;
        }
        ("name" | "type" | "ttl" | "class" | "edns0" | "cname" | "rcode", _) => {
            let wrong = format!("{field} has too few or too many words");
            report.mistake(&line.place, "rewrite", wrong, "write what is to be matched, and what takes its place");
            return None;
        }
        (other, _) => {
            report.mistake(&line.place, "rewrite", unknown(other, &FIELDS), "write name, type or ttl");
            return None;
        }
    };
    if is_continued {
        settings.push(("continue", "true".to_owned()));
    }
    Some(Rule { place: line.place.clone(), zones: Vec::new(), settings, leads, text })
}

/// `name KIND FROM TO [answer …]`: the options, and where it leads.
fn name(
    line: &Directive,
    kind: &str,
    from: &str,
    to: &str,
    answers: &[&str],
    report: &mut Report,
) -> Option<(Vec<Setting>, Leads)> {
    let is_exact = kind == "exact";
    let mut settings = vec![("match", quote(kind)), ("from", quote(&compared(kind, from))), ("to", quote(&whole(to)))];
    match answer_rules(answers, is_exact) {
        Ok(mut more) => {
            if is_exact && more.iter().any(|(key, _)| *key == "answer-names") {
                more.retain(|(key, _)| *key != "answer-names");
                let differs = "names of an exact rule are given back as they were asked";
                report.notice(&line.place, "rewrite", differs, "\"answer name\" is left out");
            }
            settings.extend(more);
        }
        Err(wrong) => {
            let right = "write \"answer auto\", \"answer name REGEX NAME\" or \"answer value REGEX NAME\"";
            report.mistake(&line.place, "rewrite", wrong, right);
            return None;
        }
    }
    Some((settings, Leads::of(kind, from, to)))
}

/// `ttl KIND NAME TTL`
fn ttl_rule(kind: &str, name: &str, ttl: &str) -> Vec<Setting> {
    let mut settings = vec![("match", quote("ttl"))];
    if kind != "exact" {
        settings.push(("name-match", quote(kind)));
    }
    settings.extend([("from", quote(&compared(kind, name))), ("to", quote(ttl))]);
    settings
}

/// What names are compared with, as CoreDNS has it: an expression as it is, all else in lower case and with a dot behind it.
fn compared(kind: &str, from: &str) -> String {
    if kind == "regex" { from.to_owned() } else { whole(from) }
}

/// A name or a part of one in lower case, with a dot behind it.
fn whole(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.ends_with('.') { lower } else { lower + "." }
}

/// `class FROM TO`: not done, since there is nobody to ask in other classes.
fn class(line: &Directive, from: &str, to: &str, report: &mut Report) -> Option<Rule> {
    let [from, to] = [from, to].map(str::to_ascii_uppercase);
    if let Some(other) = [&from, &to].into_iter().find(|class| !CLASSES.contains(&class.as_str())) {
        report.mistake(&line.place, "rewrite class", unknown(other, &CLASSES), "write IN, CH or HS");
    } else if from == "IN" && to != "IN" {
        let wrong = format!("no server is asked in class {to}, so that no name of class IN would be answered");
        report.mistake(&line.place, "rewrite class", wrong, "remove the rule");
    } else if from != to {
        let differs = format!("questions of class {from} are not asked in class {to}");
        let instead = if from == "CH" {
            "the daemon's own names, such as version.bind, are answered where chaos says so, and all others refused"
        } else {
            "they are refused"
        };
        report.notice(&line.place, "rewrite class", differs, instead);
    }
    None
}

/// `edns0 OPTION ACTION …`: not done. Options end at each hop (RFC 6891 section 6.1.1), so to take one away is no work, but to send one is.
fn edns0(line: &Directive, option: &str, action: &str, report: &mut Report) -> Option<Rule> {
    let action = known(line, action, &ACTIONS, report)?;
    match (option.to_ascii_lowercase().as_str(), action) {
        ("local" | "nsid" | "subnet", "unset") => {
            let differs = "options of clients are never passed on";
            report.notice(
                &line.place,
                "rewrite edns0",
                differs,
                "there is nothing to take away, and the rule is left out",
            );
        }
        ("nsid", _) => {
            let differs = "servers are not asked for their identifiers";
            report.notice(&line.place, "rewrite edns0", differs, "the plugin nsid tells clients that of this daemon");
        }
        (option @ ("local" | "subnet"), _) => {
            let wrong = format!("no option \"{option}\" is sent to servers, which may answer otherwise without it");
            let right = match option {
                "subnet" => {
                    "remove the rule if its servers need no client's network, or leave these names to CoreDNS: forward them to it"
                }
                _ => "remove the rule if its servers do without, or leave these names to CoreDNS: forward them to it",
            };
            report.mistake(&line.place, "rewrite edns0", wrong, right);
        }
        (other, _) => {
            report.mistake(
                &line.place,
                "rewrite edns0",
                unknown(other, &["local", "nsid", "subnet"]),
                "write local, nsid or subnet",
            );
        }
    }
    None
}

/// A word that is one of these, whatever its case; `None` if it is none, which is said.
fn known<'k>(line: &Directive, word: &str, among: &[&'k str], report: &mut Report) -> Option<&'k str> {
    let found = among.iter().find(|known| known.eq_ignore_ascii_case(word)).copied();
    if found.is_none() {
        let (last, first) = among.split_last()?;
        let right = format!("write {} or {last}", first.join(", "));
        report.mistake(&line.place, "rewrite", unknown(&word.to_ascii_lowercase(), among), right);
    }
    found
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

#[cfg(test)]
mod tests {
    use super::Leads;

    #[test]
    fn where_new_names_lie_is_known_as_far_as_labels_are_whole() {
        for (kind, from, to, leads) in [
            ("exact", "a.example", "B.example.", Leads::To("b.example".into())),
            ("suffix", ".a.example", ".b.example", Leads::Below("b.example".into())),
            ("suffix", "a.example", "b.example", Leads::Below("example".into())),
            ("suffix", "a", "b", Leads::Below(".".into())),
            ("prefix", "a.", "b.", Leads::Beside("a".into(), "b".into())),
            ("regex", "(.*)-x", "{1}.service.{2}.Consul", Leads::Below("consul".into())),
            ("regex", "(.*)-x", "{1}-y.consul", Leads::Below("consul".into())),
            ("regex", "(.*)-x", "a.{1}", Leads::Below(".".into())),
            ("regex", "^x", "a.example", Leads::To("a.example".into())),
            ("substring", "a.", "b.", Leads::Below(".".into())),
        ] {
            assert_eq!(Leads::of(kind, from, to), leads, "{kind} {from} {to}");
        }
    }
}
