//! Corefiles as people write them, in `tests/data/audit`: bad ones say in each line what is found there, good ones are clean.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::Value;

use super::print::{Audited, human, json, sarif};
use super::rule::{MOST_FINDINGS, Severity};
use super::rules::PLUGINS;
use super::{Report, audit, rules};
use crate::corefile::Nothing;

/// The Corefiles of a folder, in order: names and texts.
fn samples(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/audit").join(folder);
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// A bad Corefile without what it says of itself, which would be read as a part of its comments.
fn bare(text: &str) -> String {
    text.lines().map(|line| line.split("#!").next().unwrap_or_default().to_owned() + "\n").collect()
}

/// Audits a text that is a Corefile.
#[track_caller]
fn look(text: &str) -> Report {
    audit(text, "Corefile", &Nothing).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
}

/// The lines and numbers of what is found and not accepted.
fn found(report: &Report) -> BTreeSet<(u32, &'static str)> {
    let open = report.findings.iter().filter(|finding| finding.accepted.is_none());
    open.map(|finding| (finding.place.line, finding.rule.id)).collect()
}

/// What a bad Corefile says is found in it: `#! NDA001 NDA002` at the end of a line.
fn expected(text: &str) -> BTreeSet<(u32, String)> {
    let mut all = BTreeSet::new();
    for (line, number) in text.lines().zip(1..) {
        let ids = line.split_once("#!").map_or("", |(_, ids)| ids);
        all.extend(ids.split_whitespace().map(|id| (number, id.to_owned())));
    }
    all
}

#[test]
fn bad_files_show_what_they_say_line_by_line() {
    for (name, text) in samples("bad") {
        let report = look(&bare(&text));
        let found: BTreeSet<_> = found(&report).into_iter().map(|(line, id)| (line, id.to_owned())).collect();
        let expected = expected(&text);
        let missing: Vec<_> = expected.difference(&found).collect();
        let surplus: Vec<_> = found.difference(&expected).collect();
        assert!(missing.is_empty() && surplus.is_empty(), "{name}: not found: {missing:?}, not expected: {surplus:?}");
    }
}

#[test]
fn good_files_are_clean() {
    let samples = samples("good");
    assert!(samples.len() >= 5);
    for (name, text) in samples {
        let report = look(&text);
        assert!(found(&report).is_empty(), "{name}: {:?}", found(&report));
    }
}

#[test]
fn every_rule_is_shown_by_a_file_and_not_by_another() {
    let mut by_rule: BTreeMap<&str, usize> = rules().map(|rule| (rule.id, 0)).collect();
    let bad = samples("bad");
    for (_, text) in &bad {
        let ids: BTreeSet<_> = found(&look(&bare(text))).into_iter().map(|(_, id)| id).collect();
        ids.into_iter().for_each(|id| *by_rule.get_mut(id).unwrap() += 1);
    }
    for (id, count) in by_rule {
        assert!(count > 0, "no file of tests/data/audit/bad shows {id}");
        assert!(count < bad.len(), "{id} is found in every bad file: it tells nothing");
    }
}

#[test]
fn rules_are_numbered_named_and_explained() {
    let ids: Vec<_> = rules().map(|rule| rule.id).collect();
    let right: Vec<_> = (1..=ids.len()).map(|number| format!("NDA{number:03}")).collect();
    assert_eq!(ids, right);
    let names: BTreeSet<_> = rules().map(|rule| rule.name).collect();
    assert_eq!(names.len(), ids.len(), "two rules have one name");
    for rule in rules() {
        assert!(rule.name.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit()), "{}", rule.name);
        assert!(rule.why.ends_with('.') && rule.why.len() > 60, "{}: why", rule.id);
        assert!(!rule.title.ends_with('.') && rule.title.len() < 80, "{}: title", rule.id);
        assert!(!rule.sources.is_empty() && rule.sources.iter().all(|source| source.starts_with("https://")));
    }
}

/// A fix as a whole Corefile: lines of a plugin are put into a server.
fn whole(fix: &str) -> String {
    let first = fix.lines().find(|line| !line.trim_start().starts_with('#')).unwrap_or_default();
    let word = first.split_whitespace().next().unwrap_or_default();
    if word.is_empty() || PLUGINS.contains(&word) { format!(".:53 {{\n{fix}\n}}\n") } else { fix.to_owned() }
}

#[test]
fn every_fix_is_a_corefile_without_the_same_finding() {
    let mut fixes: BTreeSet<(&str, String)> = rules().map(|rule| (rule.id, rule.fix.to_owned())).collect();
    for (_, text) in samples("bad") {
        fixes.extend(look(&bare(&text)).findings.into_iter().map(|finding| (finding.rule.id, finding.fix)));
    }
    for (id, fix) in fixes {
        let left = look(&whole(&fix)).findings;
        let again = left.iter().find(|finding| finding.rule.id == id && id != "NDA081");
        assert!(again.is_none(), "{id}: {again:?}\n{fix}");
    }
}

#[test]
fn acceptances_need_a_number_a_reason_and_a_finding() {
    let text = "# nodens-audit: ignore NDA021 for a week, ticket 12\n";
    let with = |line: &str| look(&format!("a:53 {{\n errors\n{line}    pprof :6053\n}}\n"));
    let accepted = |report: &Report| report.findings.iter().find_map(|finding| finding.accepted.clone());
    assert_eq!(accepted(&with(text)).as_deref(), Some("for a week, ticket 12"));
    assert_eq!(with(text).count(Severity::High), 0);
    assert_eq!(with("").count(Severity::High), 1);
    assert_eq!(with("# nodens-audit: ignore NDA021\n").count(Severity::High), 1);
    // At the end of the line, several at once, in small letters, behind another comment.
    let report =
        look("a:53 { #nodens-audit: ignore nda036,nda042 a test\n whoami # x # nodens-audit: ignore NDA001 y\n}");
    let ids: Vec<_> = report.findings.iter().filter(|f| f.accepted.is_some()).map(|f| f.rule.id).collect();
    assert_eq!(ids, ["NDA036", "NDA042"]);
    assert!(found(&report).contains(&(2, "NDA081")));
}

/// The reports of all samples, as the printers take them.
fn audited() -> Vec<Audited> {
    let all = samples("bad").into_iter().chain(samples("good"));
    all.map(|(name, text)| {
        let report = audit(&bare(&text), &name, &Nothing).unwrap();
        Audited { path: name.clone(), origin: name, is_exact: true, report }
    })
    .collect()
}

#[test]
fn people_read_the_worst_first_and_colour_only_where_it_is_wanted() {
    let text = human(&audited(), false);
    assert!(!text.contains('\x1b'));
    assert!(human(&audited(), true).contains("\x1b[1;31mHIGH\x1b[0m"));
    let home = text.split("\n\n").collect::<Vec<_>>().join("\n\n");
    let home = &home[home.find("home-lab.Corefile: ").unwrap()..];
    let place = |word: &str| home.find(word).unwrap();
    assert!(place("\nHIGH\n") < place("\nMEDIUM\n") && place("\nMEDIUM\n") < place("\nLOW\n"));
    assert!(text.contains("forward . tls://8.8.8.8%dns.google"), "a fix is made for the line");
    assert!(
        text.contains("NDA059 rewrite-passes-acl (medium): CoreDNS is 1.14.2 or newer"),
        "accepted, with its reason"
    );
}

#[test]
fn a_terminal_obeys_nothing_that_a_file_says() {
    let text = "a:53 {\n errors\n \"\x1b[2J\x07evil\" x\n}\n";
    let report = audit(text, "Core\x1bfile", &Nothing).unwrap();
    let file = Audited { path: "Core\x1bfile".into(), origin: "Core\x1bfile".into(), is_exact: true, report };
    let shown = human(&[file], false);
    assert!(shown.contains("evil") && !shown.contains(['\x1b', '\x07']), "{shown:?}");
}

#[test]
fn programs_read_every_field() {
    let value: Value = serde_json::from_str(&json(&audited())).unwrap();
    let findings = value["findings"].as_array().unwrap();
    assert!(findings.len() > 100);
    for finding in findings {
        for field in ["id", "name", "severity", "file", "title", "what", "why", "fix"] {
            assert!(finding[field].is_string(), "{field}: {finding}");
        }
        assert!(finding["line"].as_u64().unwrap() > 0);
        assert!(finding.get("accepted").is_some());
    }
    let open = findings.iter().filter(|finding| finding["accepted"].is_null());
    let counts = value["counts"].as_object().unwrap();
    assert_eq!(open.count() as u64, counts.values().map(|count| count.as_u64().unwrap()).sum::<u64>());
}

//------ SARIF ----------------------------------------------------------------

/// What SARIF 2.1.0's schema says of the objects that are written here: name, required properties, all others that we use. The schema allows no
/// property that it does not name, so one that is not here is wrong.
const OBJECTS: &[(&str, &[&str], &[&str])] = &[
    ("log", &["version", "runs"], &["$schema"]),
    ("run", &["tool"], &["results", "columnKind"]),
    ("tool", &["driver"], &[]),
    ("toolComponent", &["name"], &["version", "rules"]),
    (
        "reportingDescriptor",
        &["id"],
        &["name", "shortDescription", "fullDescription", "help", "helpUri", "defaultConfiguration", "properties"],
    ),
    ("multiformatMessageString", &["text"], &["markdown"]),
    ("reportingConfiguration", &[], &["level"]),
    ("result", &["message"], &["ruleId", "ruleIndex", "level", "locations", "partialFingerprints", "suppressions"]),
    ("message", &["text"], &[]),
    ("location", &[], &["physicalLocation"]),
    ("physicalLocation", &["artifactLocation"], &["region"]),
    ("artifactLocation", &[], &["uri"]),
    ("region", &[], &["startLine"]),
    ("suppression", &["kind"], &["justification"]),
];

/// Checks an object's properties, and gives it back.
#[track_caller]
fn object<'a>(value: &'a Value, kind: &str) -> &'a Value {
    let (_, required, others) = OBJECTS.iter().find(|(name, ..)| *name == kind).unwrap();
    let object = value.as_object().unwrap_or_else(|| panic!("{kind} is no object: {value}"));
    for name in *required {
        assert!(object.contains_key(*name), "{kind} has no {name}: {value}");
    }
    for name in object.keys() {
        assert!(required.contains(&name.as_str()) || others.contains(&name.as_str()), "{kind} knows no {name}");
    }
    value
}

#[test]
fn scanners_read_what_the_schema_of_sarif_allows() {
    let mut files = audited();
    // A Corefile in JSON: its lines are not those of the file.
    files.push(Audited {
        path: "cm.json".into(),
        origin: "cm.json[data.Corefile]".into(),
        is_exact: false,
        report: audit("a:53 {\n pprof :1\n}", "cm.json[data.Corefile]", &Nothing).unwrap(),
    });
    let value: Value = serde_json::from_str(&sarif(&files)).unwrap();
    assert_eq!(object(&value, "log")["version"], "2.1.0");
    assert_eq!(value["runs"].as_array().unwrap().len(), 1);
    let run = object(&value["runs"][0], "run");
    assert!(["utf16CodeUnits", "unicodeCodePoints"].contains(&run["columnKind"].as_str().unwrap()));
    let driver = object(&object(&run["tool"], "tool")["driver"], "toolComponent");
    let descriptors = driver["rules"].as_array().unwrap();
    for (descriptor, rule) in descriptors.iter().zip(rules()) {
        assert_eq!(object(descriptor, "reportingDescriptor")["id"], rule.id);
        for text in ["shortDescription", "fullDescription", "help"] {
            object(&descriptor[text], "multiformatMessageString");
        }
        let level = &object(&descriptor["defaultConfiguration"], "reportingConfiguration")["level"];
        assert!(["none", "note", "warning", "error"].contains(&level.as_str().unwrap()));
    }
    let results = run["results"].as_array().unwrap();
    let mut suppressed = 0;
    for result in results {
        let result = object(result, "result");
        object(&result["message"], "message");
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(descriptors[at]["id"], result["ruleId"], "the index is that of the rule");
        assert_eq!(result["locations"].as_array().unwrap().len(), 1);
        let physical = object(&object(&result["locations"][0], "location")["physicalLocation"], "physicalLocation");
        let uri = object(&physical["artifactLocation"], "artifactLocation")["uri"].as_str().unwrap();
        assert!(uri.ends_with("Corefile") || uri == "cm.json", "{uri}");
        assert!(object(&physical["region"], "region")["startLine"].as_u64().unwrap() >= 1);
        assert!(result["partialFingerprints"].as_object().unwrap().values().all(Value::is_string));
        for suppression in result["suppressions"].as_array().into_iter().flatten() {
            suppressed += 1;
            assert_eq!(object(suppression, "suppression")["kind"], "inSource");
            assert!(suppression["justification"].is_string());
        }
    }
    assert_eq!(results.len(), files.iter().map(|file| file.report.findings.len()).sum::<usize>());
    assert!(suppressed >= 3);
}

//------ Bounds and strangers -------------------------------------------------

#[test]
fn a_long_file_has_a_bounded_report_that_tells_so() {
    let text = "a:53 {\n pprof :1\n errors\n whoami\n}\n".repeat(MOST_FINDINGS);
    let report = look(&text);
    assert!(report.findings.len() <= MOST_FINDINGS);
    assert!(report.left_out > MOST_FINDINGS);
    let file = Audited { path: "x".into(), origin: "x".into(), is_exact: true, report };
    assert!(human(&[file], false).contains("more: the report ends after 2000"));
}

#[test]
fn more_than_can_be_compared_is_an_error() {
    let text = format!("a:53 {{\n{}}}\n", " x\n".repeat(60_000));
    let mistakes = audit(&text, "Corefile", &Nothing).unwrap_err();
    assert!(mistakes[0].to_string().starts_with("Corefile:1: audit: 60001 zones and plugins"), "{}", mistakes[0]);
}

/// Nearly as many zones as may be, in every shape that rules compare: a rule that compares all with all would take minutes here.
#[test]
fn ten_thousand_zones_are_looked_at() {
    let zones: Vec<String> = (0..9_900).map(|number| format!("z{number}.corp{}.example", number % 97)).collect();
    let (all, half) = (zones.join(" "), &zones[..4_900]);
    let lines = |line: &str| half.iter().map(|zone| line.replace("ZONE", zone)).collect::<String>();
    let keys = half.join(" ");
    for (shape, least) in [
        // One server with all zones, whose plugins name them all again.
        (
            format!(
                "{all} {{\n errors\n hosts /h {all} {{\n fallthrough {all}\n }}\n cache 30 {{\n disable denial {all}\n serve_stale 1h\n }}\n kubernetes {all} {{\n fallthrough {all}\n }}\n forward . 8.8.8.8\n dnssec {all}\n transfer {all} {{\n to *\n }}\n transfer {{\n to 192.0.2.1\n }}\n}}\n"
            ),
            5,
        ),
        // A server for each.
        (
            zones.iter().take(3_300).map(|zone| format!("{zone}:53 {{\n errors\n forward . 10.0.0.1\n}}\n")).collect(),
            100,
        ),
        // As many zones as plugins that hold for them all.
        (format!("{keys} {{\n{}}}\n", lines(" template IN A {\n rcode NXDOMAIN\n }\n")), 0),
        (format!("{keys} {{\n{} forward . 8.8.8.8\n}}\n", lines(" kubernetes {\n fallthrough other.ZONE\n }\n")), 1),
        (format!("{keys} {{\n{}}}\n", lines(" forward ZONE 8.8.8.8\n")), 100),
        (format!("{keys} {{\n{} forward . 8.8.8.8\n}}\n", lines(" hosts /h x.ZONE\n")), 1),
        (format!("{keys} {{\n{} forward . 8.8.8.8\n}}\n", lines(" transfer ZONE {\n to 192.0.2.1\n }\n")), 1),
    ] {
        let report = look(&shape);
        assert!(report.findings.len() >= least, "{} of {}", report.findings.len(), &shape[..80]);
    }
}

#[test]
fn imports_that_are_missing_are_reported_up_to_a_bound() {
    let text: String = (0..500).map(|number| format!("import absent{number}.conf\n")).collect();
    let report = look(&format!("a:53 {{\n{text} errors\n whoami\n}}\n"));
    assert_eq!(report.findings.iter().filter(|finding| finding.rule.id == "NDA079").count(), 100);
}

/// A word of a Corefile, among them those that rules look for.
fn word() -> impl Strategy<Value = String> {
    let words = [
        ".",
        ".:53",
        "tls://.",
        "cluster.local",
        "in-addr.arpa",
        "10.0.0.0/8",
        "{",
        "}",
        "\n",
        "\n",
        "tls://9.9.9.9%a:1",
        "https://",
        "%",
        "[",
        "]",
        "[::1]:53",
        "8.8.8.8",
        "net",
        "type",
        "allow",
        "block",
        "*",
        "to",
        "0",
        "-1",
        "1h",
        "9999999999999",
        "regex",
        "^(.*)$",
        "match",
        "answer",
        "class",
        "all",
        "pods",
        "insecure",
        "endpoint",
        "http://",
        "directory",
        "disable",
        "success",
        "denial",
        "except",
        "next",
        "name",
        "rcode",
        "NOERROR",
        "listen",
        "tcp://",
        "# nodens-audit: ignore NDA001 x",
        "#",
        "\"",
        "{$X}",
        "import",
        "(s)",
        "s",
        "serve_stale",
        "verify",
        "view",
        "fallthrough",
        "from",
        "ttl",
        "ä.",
        "..",
    ];
    let known: Vec<String> = words.iter().chain(PLUGINS).map(|word| (*word).to_owned()).collect();
    prop_oneof![9 => prop::sample::select(known), 1 => any::<String>()]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), words in prop::collection::vec(word(), 0..120)) {
        for text in [text, words.join(" "), format!(".:53 {{\n{}\n}}", words.join(" "))] {
            if let Ok(report) = audit(&text, "f", &Nothing) {
                let file = Audited { path: "f".into(), origin: "f".into(), is_exact: true, report };
                let files = [file];
                let _ = (human(&files, true), json(&files), sarif(&files));
            }
        }
    }

    #[test]
    fn no_directive_makes_it_panic(name in prop::sample::select(PLUGINS.to_vec()), lines in prop::collection::vec(prop::collection::vec(word(), 0..6), 0..8)) {
        let inner: String = lines.iter().map(|words| {
            words.iter().filter(|word| !["{", "}", "\n"].contains(&word.as_str())).cloned().collect::<Vec<_>>().join(" ") + "\n"
        }).collect();
        let _ = audit(&format!(".:53 {{\n{name} {{\n{inner}}}\n{name} {inner}\nforward . 1.1.1.1\n}}"), "f", &Nothing);
    }

    #[test]
    fn no_manifest_makes_it_panic(text in any::<String>(), word in prop_oneof![Just("a.yaml"), Just("a.json")]) {
        let _ = super::manifest::parts(word, &text);
        let _ = super::manifest::parts(word, &format!("data:\n  Corefile: |\n    {text}\n"));
    }
}
