//! `[[rewrite]]`, `[[template]]` and what a `[[zone]]` has of their kind, put together.
//!
//! What regular expressions, templates, types and lines of hosts mean is read by the step that goes by them ([`crate::policy`]), which says what is
//! wrong in them; here is what only makes sense between options.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::Ipv6Net;

use super::choice::Choice;
use super::mistake::{Fault, Place, Report};
use super::options::Section;
use super::raw::Raw;
use super::render::{list, unknown};
use super::sections::{check_readable, choice};
use super::value::{At, Value};

/// Most `[[rewrite]]` and `[[template]]` tables, each. A guess well above any use: all of them may be tried for a question.
const MOST_RULES: usize = 256;

/// Lengths that a prefix of NAT64 may have (RFC 6052 section 2.2).
const NAT64_LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// How a name may be compared: the first words of [`Matching`].
pub(super) const NAME_MATCHES: &[&str] = &["exact", "prefix", "suffix", "substring", "regex"];

/// Response codes by their numbers (RFC 1035 section 4.1.1, RFC 2136 section 2.2).
pub(super) const RCODES: &[&str] = &[
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
    "NOTZONE",
];

/// `[[rewrite]]`: a question that is asked in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// The suffix of the names that it is for: lower-case, without the last dot; "." is the root.
    pub zone: String,
    /// What is compared with `from`.
    pub matching: Matching,
    /// What is looked for.
    pub from: String,
    /// What takes its place.
    pub to: String,
    /// How the name of a rule for TTLs is compared.
    pub name_matching: Matching,
    /// What is done to names in the answer.
    pub answers: Answers,
    /// "REGEX REPLACEMENT" for owner names in the answer.
    pub answer_names: Vec<String>,
    /// The same for names in data.
    pub answer_values: Vec<String>,
    /// Whose servers are asked.
    pub route: Route,
    /// Whether the rules after it are tried, too.
    pub continues: bool,
}

/// What of a question a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The name as a whole.
    Exact,
    /// How the name begins.
    Prefix,
    /// How it ends.
    Suffix,
    /// What it holds.
    Substring,
    /// What a regular expression makes of it.
    Regex,
    /// The type.
    Type,
    /// The name, but what is rewritten are the TTLs of the answer.
    Ttl,
}

/// What a rule does to names in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Puts back what was asked for.
    Auto,
    /// Nothing.
    None,
}

/// Whose servers are asked for a name that was rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Those of the zone of the new name.
    Target,
    /// Those of the zone of the old one.
    Question,
}

/// `[[template]]`: an answer that is made of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The suffix of the names that it is for, as [`Rewrite::zone`].
    pub zone: String,
    /// The types, never empty; ANY is all.
    pub types: Vec<u16>,
    /// Regular expressions, of which one must fit; empty fits all.
    pub patterns: Vec<String>,
    /// The response code, at most 15.
    pub rcode: u16,
    /// Records with places to fill, of the answer, authority and additional section.
    pub records: [Vec<String>; 3],
    /// The code of an extended error.
    pub extended_error: Option<u16>,
    /// Whether names that fit no regular expression go on.
    pub fallthrough: bool,
    /// If not empty, only these do, with those below.
    pub fallthrough_zones: Vec<String>,
}

/// What a `[[zone]]` says of its names besides where they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRules {
    /// Lines of an access list.
    pub acl: Vec<String>,
    /// Names and addresses that are known here.
    pub hosts: ZoneHosts,
    /// Addresses that are made up; `None` is none.
    pub dns64: Option<Dns64>,
}

/// `zone.hosts`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneHosts {
    /// A file in the form of /etc/hosts.
    pub file: Option<PathBuf>,
    /// Lines of one.
    pub lines: Vec<String>,
    /// For how long clients may keep them.
    pub ttl: Duration,
    /// Whether addresses are answered backwards.
    pub reverse: bool,
    /// Whether other names are asked.
    pub fallthrough: bool,
    /// If not empty, only these are, with those below.
    pub fallthrough_zones: Vec<String>,
}

impl ZoneRules {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.acl.is_empty() && self.dns64.is_none() && self.hosts.is_silent()
    }
}

impl ZoneHosts {
    /// Whether there are none.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.file.is_none() && self.lines.is_empty()
    }
}

/// `zone.dns64` (RFC 6147)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dns64 {
    /// The prefix of the NAT64, of 32, 40, 48, 56, 64 or 96 bits.
    pub prefix: Ipv6Net,
    /// Whether also names with AAAA records get addresses of it.
    pub translate_all: bool,
    /// Whether clients that ask over IPv4 do.
    pub ipv4_clients: bool,
}

/// The words of a list.
fn words(raw: &Raw, key: &str) -> Vec<String> {
    raw.value::<Vec<At<String>>>(key).into_iter().map(|at| at.value).collect()
}

/// Notes that there are more tables than are tried.
fn check_number(raws: &[Raw], report: &mut Report<'_>) {
    if let Some(raw) = raws.get(MOST_RULES) {
        let fault = Fault::new(format!("there are {} of them", raws.len()), format!("at most {MOST_RULES}"));
        report.mistake(Place::Table(raw.offset), raw.section.name(), fault);
    }
}

/// All of `[[rewrite]]`, in the order of the file.
pub(super) fn rewrites(raws: &[Raw], report: &mut Report<'_>) -> Vec<Rewrite> {
    check_number(raws, report);
    raws.iter().map(|raw| rewrite(raw, report)).collect()
}

/// One of them.
fn rewrite(raw: &Raw, report: &mut Report<'_>) -> Rewrite {
    let rule = Rewrite {
        zone: raw.value("zone"),
        matching: choice(raw, "match"),
        from: raw.value("from"),
        to: raw.value("to"),
        name_matching: choice(raw, "name-match"),
        answers: choice(raw, "answers"),
        answer_names: words(raw, "answer-names"),
        answer_values: words(raw, "answer-values"),
        route: choice(raw, "route"),
        continues: raw.value("continue"),
    };
    let mut mistake = |key: &str, wrong: &str, right: &str| {
        report.mistake(raw.place(key), raw.path(key), Fault::new(wrong, right));
    };
    let is_name = !matches!(rule.matching, Matching::Type | Matching::Ttl);
    if raw.given::<String>("name-match").is_some() && rule.matching != Matching::Ttl {
        mistake("name-match", "is for match = \"ttl\" alone", "say in match how the name is compared");
    }
    if rule.answers == Answers::Auto && !rule.answer_names.is_empty() {
        let right = "one of them: answers = \"none\", or no answer-names";
        mistake("answer-names", "answers is \"auto\", which puts the names back", right);
    }
    if rule.matching == Matching::Exact && rule.answers == Answers::None {
        mistake("answers", "an exact name is always put back", "\"auto\"");
    }
    let has_answers = !rule.answer_names.is_empty() || !rule.answer_values.is_empty();
    if has_answers && !is_name {
        let key = if rule.answer_names.is_empty() { "answer-values" } else { "answer-names" };
        mistake(key, "is for rules that rewrite names", "none");
    }
    rule
}

/// All of `[[template]]`, in the order of the file.
pub(super) fn templates(raws: &[Raw], report: &mut Report<'_>) -> Vec<Template> {
    check_number(raws, report);
    raws.iter().map(|raw| template(raw, report)).collect()
}

/// One of them.
fn template(raw: &Raw, report: &mut Report<'_>) -> Template {
    let word: String = raw.value("rcode");
    let rcode = RCODES.iter().position(|name| *name == word).and_then(|number| u16::try_from(number).ok());
    let template = Template {
        zone: raw.value("zone"),
        types: raw.value::<Vec<At<u16>>>("types").into_iter().map(|at| at.value).collect(),
        patterns: words(raw, "match"),
        rcode: rcode.unwrap_or(0),
        records: ["answers", "authority", "additional"].map(|key| words(raw, key)),
        extended_error: raw.given("extended-error"),
        fallthrough: raw.value("fallthrough"),
        fallthrough_zones: words(raw, "fallthrough-zones"),
    };
    if !template.fallthrough && !template.fallthrough_zones.is_empty() {
        let fault = Fault::new("nothing falls through", "fallthrough = true beside it");
        report.mistake(raw.place("fallthrough-zones"), raw.path("fallthrough-zones"), fault);
    }
    template
}

/// What a `[[zone]]` says of its names.
pub(super) fn assemble_zone(raw: &Raw, report: &mut Report<'_>) -> ZoneRules {
    ZoneRules { acl: words(raw, "acl"), hosts: hosts(raw, report), dns64: dns64(raw, report) }
}

/// Its hosts.
fn hosts(raw: &Raw, report: &mut Report<'_>) -> ZoneHosts {
    let file = raw.given("hosts").map(|path: String| PathBuf::from(path));
    if let Some(path) = &file {
        check_readable(path, raw.place("hosts"), &raw.path("hosts"), report);
    }
    let hosts = ZoneHosts {
        file,
        lines: words(raw, "hosts-lines"),
        ttl: raw.value("hosts-ttl"),
        reverse: raw.value("hosts-reverse"),
        fallthrough: raw.value("hosts-fallthrough"),
        fallthrough_zones: words(raw, "hosts-fallthrough-zones"),
    };
    if !hosts.fallthrough && !hosts.fallthrough_zones.is_empty() {
        let fault = Fault::new("nothing falls through", "hosts-fallthrough = true");
        report.mistake(raw.place("hosts-fallthrough-zones"), raw.path("hosts-fallthrough-zones"), fault);
    }
    hosts
}

/// Its prefix of NAT64.
fn dns64(raw: &Raw, report: &mut Report<'_>) -> Option<Dns64> {
    let text: String = raw.value("dns64");
    if text.is_empty() {
        return None;
    }
    let prefix = text.parse().ok().filter(|prefix: &Ipv6Net| {
        // RFC 6052 section 2.2: bits 64 to 71 are zero.
        NAT64_LENGTHS.contains(&prefix.prefix_len()) && prefix.trunc() == *prefix && prefix.addr().octets()[8] == 0
    });
    let Some(prefix) = prefix else {
        let right = "an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits such as \"64:ff9b::/96\" (RFC 6052 section 2.2)";
        report.mistake(
            raw.place("dns64"),
            raw.path("dns64"),
            Fault::new(format!("{text:?} is no prefix of NAT64"), right),
        );
        return None;
    };
    Some(Dns64 {
        prefix,
        translate_all: raw.value("dns64-translate-all"),
        ipv4_clients: raw.value("dns64-ipv4-clients"),
    })
}

//------ Back to text --------------------------------------------------------

/// An option of a `[[rewrite]]`.
pub(super) fn rewrite_value(rule: &Rewrite, key: &str) -> Option<Value> {
    Some(match key {
        "zone" => Value::Text(rule.zone.clone()),
        "match" => Value::Text(rule.matching.name().to_owned()),
        "from" => Value::Text(rule.from.clone()),
        "to" => Value::Text(rule.to.clone()),
        "name-match" if rule.matching != Matching::Ttl => return None,
        "name-match" => Value::Text(rule.name_matching.name().to_owned()),
        "answers" => Value::Text(rule.answers.name().to_owned()),
        "answer-names" => Value::Lines(list(&rule.answer_names)),
        "answer-values" => Value::Lines(list(&rule.answer_values)),
        "route" => Value::Text(rule.route.name().to_owned()),
        "continue" => Value::Switch(rule.continues),
        _ => return unknown(Section::Rewrite, key),
    })
}

/// An option of a `[[template]]`.
pub(super) fn template_value(template: &Template, key: &str) -> Option<Value> {
    let [answers, authority, additional] = &template.records;
    Some(match key {
        "zone" => Value::Text(template.zone.clone()),
        "types" => Value::Types(list(&template.types)),
        "match" => Value::Lines(list(&template.patterns)),
        "rcode" => Value::Text(RCODES.get(usize::from(template.rcode)).copied().unwrap_or_default().to_owned()),
        "answers" => Value::Lines(list(answers)),
        "authority" => Value::Lines(list(authority)),
        "additional" => Value::Lines(list(additional)),
        "extended-error" => Value::Integer(template.extended_error?.into()),
        "fallthrough" => Value::Switch(template.fallthrough),
        "fallthrough-zones" => Value::Lines(list(&template.fallthrough_zones)),
        _ => return unknown(Section::Template, key),
    })
}

/// An option of a `[[zone]]`.
pub(super) fn zone_value(rules: &ZoneRules, key: &str) -> Option<Value> {
    let hosts = &rules.hosts;
    Some(match key {
        "acl" => Value::Lines(list(&rules.acl)),
        "dns64" => Value::Text(rules.dns64.map(|dns64| dns64.prefix.to_string()).unwrap_or_default()),
        "dns64-translate-all" => Value::Switch(rules.dns64.is_some_and(|dns64| dns64.translate_all)),
        "dns64-ipv4-clients" => Value::Switch(rules.dns64.is_some_and(|dns64| dns64.ipv4_clients)),
        "hosts" => Value::Text(hosts.file.as_ref()?.to_string_lossy().into_owned()),
        "hosts-lines" => Value::Lines(list(&hosts.lines)),
        "hosts-ttl" => Value::Duration(hosts.ttl),
        "hosts-reverse" => Value::Switch(hosts.reverse),
        "hosts-fallthrough" => Value::Switch(hosts.fallthrough),
        "hosts-fallthrough-zones" => Value::Lines(list(&hosts.fallthrough_zones)),
        _ => return unknown(Section::Zone, key),
    })
}
