//! What people read must be true: commands of the README, configuration samples, the changelog's shape, CI's one line.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{files, nodens, read, root, temporary};

/// The fenced blocks of a Markdown text in one of these languages.
fn blocks(text: &str, languages: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => open = Some((languages.contains(&language.trim()), String::new())),
            (Some(_), Some(_)) => found.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, block)| block)),
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Whether a repository path of that name exists.
fn exists(path: &str) -> bool {
    root().join(path.trim_start_matches("./")).exists()
}

#[test]
fn the_readme_begins_with_two_commands_that_exist() {
    let readme = read("README.md");
    assert!(readme.contains("cargo run --release -- demo"), "the demonstration");
    assert!(readme.contains("tests/run"), "the tests");
    let demo = nodens(&["demo", "--help"]);
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
}

/// Compares a file with what a command prints; with NODENS_WRITE set, writes it.
#[track_caller]
fn is_what_prints(path: &str, arguments: &[&str]) {
    let output = nodens(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if std::env::var_os("NODENS_WRITE").is_some() {
        std::fs::write(root().join(path), &output.stdout).unwrap();
    } else {
        let same = read(path).as_bytes() == output.stdout;
        assert!(
            same,
            "{path} is not what nodens {} prints; NODENS_WRITE=1 cargo nextest run --test repo writes it",
            arguments.join(" ")
        );
    }
}

#[test]
fn the_list_of_plugins_is_made_from_their_table() {
    is_what_prints("src/manual/plugins.md", &["generate", "plugins"]);
}

#[test]
fn the_list_of_metrics_is_made_from_their_table() {
    is_what_prints("src/manual/metrics.md", &["generate", "metrics"]);
}

#[test]
fn every_command_of_the_readme_exists() {
    let blocks = blocks(&read("README.md"), &["sh", "bash", "console", "shell"]);
    assert!(!blocks.is_empty(), "the README shows commands");
    for line in blocks.iter().flat_map(|block| block.lines()) {
        let line = line.trim().trim_start_matches("$ ").split(" #").next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().filter(|word| !["sudo", "env"].contains(word)).collect();
        let own = match words.as_slice() {
            ["nodens" | "target/release/nodens" | "./target/release/nodens", rest @ ..] => rest,
            ["cargo", "run", rest @ ..] => {
                rest.iter().position(|word| *word == "--").map_or(&[][..], |at| &rest[at + 1..])
            }
            _ => &[],
        };
        if let Some(command) = own.first().filter(|word| !word.starts_with('-')) {
            let output = nodens(&[command, "--help"]);
            assert!(output.status.success(), "README.md: {line}: {}", String::from_utf8_lossy(&output.stderr));
        }
        for word in words {
            let ours = ["tests/", "benches/", "config/", "packaging/", "./tests/", ".ci/"]
                .iter()
                .any(|start| word.starts_with(start));
            assert!(!ours || exists(word), "README.md: {line}: there is no {word}");
        }
    }
}

#[test]
fn every_link_inside_the_repository_leads_somewhere() {
    for page in files("", ".md").into_iter().filter(|page| !page.starts_with('.')) {
        let text = read(&page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '#']).next()) {
            if link.is_empty() || link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            assert!(exists(format!("{folder}/{link}").trim_start_matches('/')), "{page}: no {link}");
        }
    }
}

#[test]
fn configuration_in_the_documents_passes_check() {
    for page in files("", ".md") {
        for block in blocks(&read(&page), &["toml"]).iter().filter(|block| block.contains("[[zone]]")) {
            let (_folder, file) = temporary("nodens.toml", block);
            let output = nodens(&["check", file.to_str().unwrap()]);
            assert!(output.status.success(), "{page}: {}\n{block}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn configuration_samples_pass_check() {
    let samples = files("config", ".toml");
    assert!(samples.len() >= 2, "{samples:?}");
    for sample in samples {
        let output = nodens(&["check", root().join(&sample).to_str().unwrap()]);
        assert!(output.status.success(), "{sample}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_reference_configuration_is_the_generated_one() {
    let generated = nodens(&["generate", "config"]);
    assert!(generated.status.success());
    assert_eq!(
        String::from_utf8_lossy(&generated.stdout),
        read("config/nodens.toml"),
        "run: nodens generate config > config/nodens.toml"
    );
}

/// What a change can be, in the order in which a reader wants to know.
const SECTIONS: [&str; 5] = ["Security", "Added", "Changed", "Fixed", "Removed"];

#[test]
fn the_changelog_keeps_its_shape() {
    let text = read("packaging/CHANGELOG.md");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("# Changelog"));
    let releases: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(releases.first(), Some(&"Unreleased"), "the first section is what comes next");
    for release in &releases[1..] {
        let (version, date) = release.split_once(", ").unwrap_or_else(|| panic!("## VERSION, YYYY-MM-DD: {release}"));
        assert_eq!(version.split('.').filter(|number| number.parse::<u32>().is_ok()).count(), 3, "{release}");
        let digits: Vec<usize> = date.split('-').map(str::len).collect();
        assert_eq!(digits, [4, 2, 2], "{release}");
    }
    for release in text.split("\n## ").skip(1) {
        let parts: Vec<&str> = release.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let places: Vec<_> = parts.iter().map(|part| SECTIONS.iter().position(|s| s == part)).collect();
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{parts:?} is not a part of {SECTIONS:?} in its order"
        );
        assert!(
            release.lines().skip(1).all(|line| line.is_empty() || line.starts_with(['#', '-', ' '])),
            "entries are lists"
        );
    }
}

#[test]
fn ci_runs_what_the_readme_says() {
    for script in ["tests/run", ".ci/run"] {
        let mode =
            root().join(script).metadata().unwrap_or_else(|error| panic!("{script}: {error}")).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} is executable");
        let syntax = Command::new("bash").arg("-n").arg(root().join(script)).status().unwrap();
        assert!(syntax.success(), "{script}");
        assert!(read(script).contains("set -euo pipefail"), "{script}");
    }
    assert!(read(".ci/run").contains("tests/run"));
}

/// The tests that a text names as `file` (test, test).
fn tests_named(text: &str) -> Vec<(String, String)> {
    let pieces: Vec<&str> = text.split('`').collect();
    let files = pieces.windows(2).filter(|pair| pair[0].ends_with(".rs") && !pair[0].contains(' '));
    files
        .filter_map(|pair| Some((pair[0], pair[1].strip_prefix(" (")?.split_once(')')?.0)))
        .flat_map(|(file, names)| names.split(", ").map(move |name| (file.to_owned(), name.to_owned())))
        .collect()
}

#[test]
fn the_tests_that_the_chapter_on_threats_names_exist() {
    let named = tests_named(&read("src/manual/threats.rs"));
    assert!(named.len() > 10, "the chapter names the tests that show what holds");
    for (file, name) in named {
        let is_there = exists(&file)
            && read(&file)
                .lines()
                .any(|line| line.trim().trim_start_matches("async ").starts_with(&format!("fn {name}(")));
        assert!(is_there, "src/manual/threats.rs: there is no test {name} in {file}");
    }
}

#[test]
fn every_symptom_of_the_page_for_bad_days_is_tried() {
    let page = read("src/manual/troubleshooting.rs");
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    let symptoms: Vec<&str> = rows.filter(|symptom| *symptom != "symptom").collect();
    assert!(symptoms.len() > 40, "{symptoms:?}");
    let tests: String = files("tests/system/troubleshooting", ".rs").iter().map(|file| read(file)).collect();
    for symptom in symptoms {
        assert!(
            tests.contains(&format!("\"{symptom}\"")),
            "no test in tests/system/troubleshooting looks at: {symptom}"
        );
    }
}

#[test]
fn every_warning_and_error_of_the_log_is_explained() {
    let chapter = read("src/manual/operations.rs");
    let mut seen = 0;
    for file in files("src", ".rs").into_iter().filter(|file| !file.contains("test") && !file.contains("/manual/")) {
        let text = read(&file);
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for line in ["warn!(", "error!("].iter().flat_map(|level| code.split(level).skip(1)) {
            // What is constant in it; a line that is made elsewhere begins with a brace.
            let constant =
                line.split('"').nth(1).and_then(|text| text.split([';', ':', '{']).next()).unwrap_or_default();
            seen += usize::from(!constant.is_empty());
            assert!(
                chapter.contains(constant.trim()),
                "src/manual/operations.rs has no row for a line of {file}: {constant}"
            );
        }
    }
    assert!(seen > 50, "{seen} lines");
}
