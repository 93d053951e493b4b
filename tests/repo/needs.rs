//! The list of needs (tests/needs.md) and the tests that show them, in step: a test names the needs it shows in its documentation, as `N7`.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, read, root};

/// The file.
const LIST: &str = "tests/needs.md";

/// What stands before the tests of a need.
const SHOWN_BY: &str = "Shown by: ";

/// The needs that a line of documentation names.
fn named(line: &str) -> impl Iterator<Item = u32> {
    line.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.strip_prefix('N')?.parse().ok())
}

/// The tests of each need, as "file: test", as the tests say it.
fn shown() -> BTreeMap<u32, BTreeSet<String>> {
    let mut shown: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for file in
        files("src", ".rs").into_iter().chain(files("tests", ".rs")).filter(|file| file != "tests/repo/needs.rs")
    {
        let (mut needs, mut is_test) = (BTreeSet::new(), false);
        for line in read(&file).lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                needs.extend(named(text));
            } else if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("test(");
            } else {
                let name = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn "));
                if let Some((name, _)) = name.filter(|_| is_test).and_then(|name| name.split_once('(')) {
                    for need in &needs {
                        shown.entry(*need).or_default().insert(format!("{file}: {name}"));
                    }
                }
                (needs, is_test) = (BTreeSet::new(), false);
            }
        }
    }
    shown
}

/// What the line of a need's tests says.
fn line(tests: &BTreeSet<String>) -> String {
    let mut by_file: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (file, test) in tests.iter().filter_map(|test| test.split_once(": ")) {
        by_file.entry(file).or_default().push(test);
    }
    let files = by_file.into_iter().map(|(file, tests)| format!("`{file}` ({})", tests.join(", ")));
    format!("{SHOWN_BY}{}", files.collect::<Vec<_>>().join("; "))
}

#[test]
fn every_need_lists_the_tests_that_name_it() {
    let (text, shown) = (read(LIST), shown());
    let mut need = 0;
    let right: Vec<String> = text
        .lines()
        .map(|written| {
            if let Some(title) = written.strip_prefix("**N") {
                need = title.split('.').next().and_then(|number| number.parse().ok()).expect("a number");
            }
            match shown.get(&need).filter(|_| written.starts_with(SHOWN_BY)) {
                Some(tests) => line(tests),
                None => written.to_owned(),
            }
        })
        .collect();
    let right = format!("{}\n", right.join("\n"));
    if std::env::var_os("NODENS_WRITE").is_some() {
        std::fs::write(root().join(LIST), &right).unwrap();
    } else {
        assert!(
            text == right,
            "{LIST} does not say what the tests say; NODENS_WRITE=1 cargo nextest run --test repo writes it"
        );
    }
    for need in shown.keys() {
        assert!(text.contains(&format!("**N{need}.")), "{LIST} does not know N{need}, which tests name");
    }
    let without = text.lines().filter(|line| *line == SHOWN_BY.trim_end() || *line == "Shown by: -").count();
    assert_eq!(without, 0, "a need in {LIST} has no test");
}
