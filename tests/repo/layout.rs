//! Where a line may live and what it may touch: import direction, file sizes, unsafe, clocks, exceptions from lints.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, read};

/// What everything may stand on.
const GROUND: &[&str] = &["error", "sys", "wire", "config", "metrics", "log"];

/// The steps of a query's way; none knows another.
const STEPS: &[&str] = &["listener", "policy", "cache", "route", "upstream", "dnssec", "filter", "reply"];

/// Beside the way.
const OBSERVERS: &[&str] = &["querylog", "detect", "who", "control"];

/// Single imports that the rule below would refuse, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[("reply", "cache", "a kept entry is what a reply is written from")];

/// The longest a file may be, in lines.
const LONGEST_FILE: usize = 600;

/// What the module `from` may import; `None` is everything.
fn allowed(from: &str) -> Option<Vec<&'static str>> {
    match from {
        // The map and the entry may name all.
        "lib" | "main" => None,
        "error" => Some(vec![]),
        "sys" | "log" => Some(vec!["error", "config", "sys", "metrics"]),
        "wire" => Some(vec!["sys"]),
        "config" => Some(vec!["error", "sys", "wire"]),
        "metrics" => Some(vec!["error", "sys", "wire", "config"]),
        "corefile" => Some(vec!["error", "sys", "wire", "config"]),
        "audit" => Some(vec!["error", "corefile"]),
        "pipeline" => Some([GROUND, STEPS, OBSERVERS].concat()),
        step if STEPS.contains(&step) || OBSERVERS.contains(&step) || step == "node" => Some(GROUND.to_vec()),
        "manual" => Some(vec![]),
        "worker" | "supervisor" | "cli" | "simulation" => None,
        _ => panic!("tests/repo does not know the module {from}: say in this table what it may import"),
    }
}

/// The code of a line, without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// All modules that each top-level module of src imports, with the places.
fn imports() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut graph: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for path in files("src", ".rs") {
        let module = path["src/".len()..].split(['/', '.']).next().unwrap().to_owned();
        let found = graph.entry(module).or_default();
        for (number, line) in read(&path).lines().enumerate() {
            for (at, _) in code(line).match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let names = rest.strip_prefix('{').map_or(rest, |group| group.split('}').next().unwrap_or(group));
                let grouped = rest.starts_with('{');
                for name in names.split(',').take(if grouped { usize::MAX } else { 1 }) {
                    let word: String =
                        name.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                    found.entry(word).or_insert_with(|| format!("{path}:{}", number + 1));
                }
            }
        }
    }
    graph
}

#[test]
fn a_module_imports_only_what_lies_below_it() {
    let mut wrong = Vec::new();
    for (module, found) in imports() {
        let Some(allowed) = allowed(&module) else { continue };
        for (import, place) in found {
            let excepted = EXCEPTIONS.iter().any(|(from, to, _)| (*from, *to) == (module.as_str(), import.as_str()));
            if import != module && !import.is_empty() && !allowed.contains(&import.as_str()) && !excepted {
                wrong.push(format!("{place}: {module} must not know {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_exception_from_the_import_rule_is_used() {
    let graph = imports();
    for (from, to, reason) in EXCEPTIONS {
        assert!(
            graph.get(*from).is_some_and(|found| found.contains_key(*to)),
            "{from} no longer imports {to} ({reason})"
        );
    }
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let all = [files("src", ".rs"), files("tests", ".rs"), files("benches", ".rs")].concat();
    let long: Vec<_> =
        all.iter().map(|path| (path, read(path).lines().count())).filter(|(_, n)| *n > LONGEST_FILE).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn every_file_says_what_it_is() {
    // A binary's own module and files that are included as tests of another begin with their documentation, too.
    let silent: Vec<_> = [files("src", ".rs"), files("tests", ".rs"), files("benches", ".rs")]
        .concat()
        .into_iter()
        .filter(|path| !read(path).starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "no module documentation: {silent:?}");
}

/// Lines of `paths` whose code satisfies `is_wrong`, as "file:line: text".
fn offenders(paths: Vec<String>, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in paths {
        for (number, line) in read(&path).lines().enumerate() {
            if is_wrong(code(line)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

/// Rust files of src outside sys.
fn outside_sys() -> Vec<String> {
    files("src", ".rs").into_iter().filter(|path| !path.starts_with("src/sys")).collect()
}

#[test]
fn unsafe_code_lives_in_sys_alone() {
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "no_mangle"];
    let found = offenders(outside_sys(), |line| words.iter().any(|word| line.contains(word)));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn clocks_are_read_in_sys_alone() {
    // Timers need tokio's Instant, which tests can pause; what the lints forbid is the time of day and a second monotonic clock.
    let words = ["std::time::Instant", "std::time::{Duration, Instant", "SystemTime::now", "clock_gettime"];
    let found = offenders(outside_sys(), |line| words.iter().any(|word| line.contains(word)));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn exceptions_from_lints_are_expectations_with_reasons() {
    let all = [files("src", ".rs"), files("tests", ".rs"), files("benches", ".rs")].concat();
    let allows = offenders(all.clone(), |line| {
        line.contains(concat!("#[", "allow(")) || line.contains(concat!("#![", "allow("))
    });
    assert!(allows.is_empty(), "{allows:#?}");
    for path in all {
        let text = read(&path);
        for (at, _) in
            text.match_indices(concat!("expect", "(clippy::")).chain(text.match_indices(concat!("#[expect", "(")))
        {
            let attribute = text[at..].split(")]").next().unwrap();
            assert!(attribute.contains("reason"), "{path}: {attribute}");
        }
    }
}

#[test]
fn no_test_is_ignored_without_a_reason() {
    let all = [files("src", ".rs"), files("tests", ".rs")].concat();
    let found = offenders(all, |line| line.contains(concat!("#[", "ignore]")));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_test_sleeps() {
    let all = files("tests", ".rs").into_iter().chain(files("src", "tests.rs"));
    let found = offenders(all.collect(), |line| line.contains(concat!("thread::", "sleep")));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_test_kind_is_in_the_readme_of_the_tests() {
    let table = read("tests/README.md");
    let kinds: BTreeSet<String> =
        files("tests", "main.rs").iter().filter_map(|path| Some(path.split('/').nth(1)?.to_owned())).collect();
    assert!(kinds.len() >= 4, "{kinds:?}");
    for kind in kinds {
        assert!(table.contains(&format!("| {kind} ")) || table.contains(&format!("| `{kind}` ")), "{kind} is missing");
    }
}
