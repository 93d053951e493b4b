//! Manual pages and completions that are checked in are those that the program makes, and their readers find nothing wrong with them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::{files, nodens, read, root};

/// What `nodens generate` prints.
#[track_caller]
fn generated(arguments: &[&str]) -> String {
    let output = nodens(&[&["generate"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Compares the files of a folder with what they should be, or with NODENS_WRITE=1 makes them so.
fn compare(folder: &str, expected: &[(String, String)]) {
    let paths: BTreeSet<String> = expected.iter().map(|(name, _)| format!("{folder}/{name}")).collect();
    let present: BTreeSet<String> = files(folder, "").into_iter().collect();
    if std::env::var_os("NODENS_WRITE").is_some() {
        fs::create_dir_all(root().join(folder)).unwrap();
        for stale in present.difference(&paths) {
            fs::remove_file(root().join(stale)).unwrap();
        }
        for (name, text) in expected {
            fs::write(root().join(folder).join(name), text).unwrap();
        }
        return;
    }
    let advice = "NODENS_WRITE=1 cargo nextest run --test repo writes it";
    assert_eq!(present, paths, "{folder} has other files than it should; {advice}");
    for (name, text) in expected {
        assert!(read(&format!("{folder}/{name}")) == *text, "{folder}/{name} is not what the program makes; {advice}");
    }
}

/// Says that a test could not look, and why.
fn skip(why: &str) {
    if let Some(path) = std::env::var_os("NODENS_SKIPPED") {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "generated: {why}").unwrap();
    }
}

/// Whether a program finds nothing wrong; where it is not installed, says so and is content.
#[track_caller]
fn finds_nothing(program: &str, arguments: &[&str], files: &[String]) {
    match Command::new(program).args(arguments).args(files).current_dir(root()).output() {
        Ok(output) => {
            let said =
                [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
            assert!(output.status.success() && said.trim().is_empty(), "{program} {arguments:?}: {said}");
        }
        Err(error) => skip(&format!("{program}: {error}")),
    }
}

#[test]
fn manual_pages_are_those_of_the_program() {
    let pages = generated(&["man"]);
    let expected: Vec<_> = pages.lines().map(|name| (name.to_owned(), generated(&["man", name]))).collect();
    assert!(expected.len() > 10, "{pages}");
    compare("packaging/man", &expected);
}

#[test]
fn completions_are_those_of_the_program() {
    let expected: Vec<_> = ["bash", "zsh", "fish"]
        .map(|shell| (format!("nodens.{shell}"), generated(&["completions", shell])))
        .into_iter()
        .collect();
    compare("packaging/completions", &expected);
}

#[test]
fn readers_of_manual_pages_find_nothing_wrong_with_them() {
    let pages = files("packaging/man", "");
    // Below a warning is style: that a line of the source is longer than 80 bytes.
    finds_nothing("mandoc", &["-T", "lint", "-W", "warning"], &pages);
    finds_nothing("groff", &["-man", "-Tutf8", "-ww", "-z"], &pages);
}

#[test]
fn shells_can_read_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        finds_nothing(shell, &["-n"], &[format!("packaging/completions/nodens.{shell}")]);
    }
}

#[test]
fn a_page_that_is_not_there_is_a_mistake_of_the_caller() {
    let output = nodens(&["generate", "man", "nodens.9"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("nodens generate man"), "{said}");
}
