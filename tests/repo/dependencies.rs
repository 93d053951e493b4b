//! What nodens is built from: permissive licences, one registry, no duplicates without a reason. The lists are those of .deny.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use toml::{Table, Value};

use super::{read, root};

/// A file in TOML.
fn table(path: &str) -> Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A list of .deny.toml.
fn list(section: &str, key: &str) -> Vec<Value> {
    table(".deny.toml")[section][key].as_array().unwrap().clone()
}

/// Every crate of the lock file: name, version, source.
fn locked() -> Vec<(String, String, Option<String>)> {
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let packages = table("Cargo.lock")["package"].as_array().unwrap().clone();
    packages.iter().map(|p| (text(p, "name").unwrap(), text(p, "version").unwrap(), text(p, "source"))).collect()
}

/// Every crate that is built, with its licence.
fn licences() -> BTreeMap<String, String> {
    let arguments = ["tree", "--prefix", "none", "--format", "{p}\t{l}", "--edges", "normal,build,dev", "--locked"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    // Cargo marks a crate that it has shown before with (*).
    pairs.map(|(package, licence)| (package.to_owned(), licence.trim_end_matches("(*)").trim().to_owned())).collect()
}

/// Whether a licence expression holds when only `allowed` may be used: AND binds closer than OR.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let holds = any(&words, &mut at, allowed);
    holds && at == words.len()
}

/// `a OR b`
fn any(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut holds = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        holds |= all(words, at, allowed);
    }
    holds
}

/// `a AND b`
fn all(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut holds = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        holds &= one(words, at, allowed);
    }
    holds
}

/// A licence, with its exception if it has one, or an expression in parentheses.
fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let holds = any(words, at, allowed);
        *at += 1;
        return holds;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{licence} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&licence)
}

#[test]
fn every_licence_is_on_the_list() {
    let allowed: BTreeSet<String> = list("licenses", "allow").iter().map(|v| v.as_str().unwrap().to_owned()).collect();
    let all = licences();
    assert!(all.len() > 50, "{all:?}");
    let wrong: Vec<_> = all.iter().filter(|(_, licence)| !permits(licence, &allowed)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    let allowed: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/GPL-3.0",
        "MIT AND ISC",
        "(GPL-3.0 OR ISC) AND MIT",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR AGPL-3.0)", "Apache-2.0", "MIT WITH GPL-exception"]
    {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}

#[test]
fn every_crate_comes_from_the_one_registry() {
    let sources: BTreeSet<String> = locked().into_iter().filter_map(|(_, _, source)| source).collect();
    assert!(sources.len() == 1 && sources.iter().all(|source| source.starts_with("registry+")), "{sources:?}");
    let local: Vec<_> = locked().into_iter().filter(|(_, _, source)| source.is_none()).map(|(name, ..)| name).collect();
    assert_eq!(local, ["nodens"], "crates of a path");
}

#[test]
fn no_crate_has_two_versions_without_a_reason() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version, _) in locked() {
        versions.entry(name).or_default().push(version);
    }
    let exempt: Vec<(String, String)> = list("bans", "skip")
        .iter()
        .map(|entry| {
            assert!(!entry["reason"].as_str().unwrap().is_empty());
            let (name, version) = entry["crate"].as_str().unwrap().split_once('@').unwrap();
            (name.to_owned(), version.to_owned())
        })
        .collect();
    for (name, all) in &versions {
        let kept = all.iter().filter(|version| {
            !exempt.iter().any(|(n, v)| n == name && (*version == v || version.starts_with(&format!("{v}."))))
        });
        assert!(kept.count() <= 1, "{name} {all:?}");
    }
    for (name, version) in exempt {
        assert!(versions.get(&name).is_some_and(|all| all.len() > 1), "{name}@{version} is a duplicate no more");
    }
}

#[test]
fn crates_that_must_not_be_used_are_not() {
    for entry in list("bans", "deny") {
        let name = entry["crate"].as_str().unwrap();
        assert!(!locked().iter().any(|(locked, ..)| locked == name), "{name}: {}", entry["reason"]);
    }
}
