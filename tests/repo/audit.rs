//! What `nodens audit` says and what is written about it agree; Corefiles that we give away are clean.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{files, nodens, read, root};

/// The chapter about it.
const CHAPTER: &str = "src/manual/audit.rs";

#[test]
fn the_chapter_has_all_rules() {
    let output = nodens(&["audit", "--rules"]);
    assert!(output.status.success());
    let rules = String::from_utf8(output.stdout).unwrap();
    let said = rules.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [id, severity, name, title @ ..] = words.as_slice() else { panic!("{line}") };
        format!("//! | {id} | `{name}` | {severity} | {} |", title.join(" "))
    });
    let said: Vec<String> = said.collect();
    let chapter = read(CHAPTER);
    let written: Vec<&str> = chapter.lines().filter(|line| line.starts_with("//! | NDA")).collect();
    assert!(said.len() >= 25, "{} rules", said.len());
    assert_eq!(said, written, "the table of {CHAPTER}");
}

#[test]
fn corefiles_that_we_give_away_are_clean() {
    let mut ours = files("tests/data/audit/good", ".Corefile");
    // The cluster's own DNS server, as a ConfigMap among other objects.
    let cluster = "packaging/kubernetes/coredns";
    ours.extend(root().join(cluster).is_dir().then(|| cluster.to_owned()));
    for path in ours {
        let output = nodens(&["audit", "--fail-on", "low", root().join(&path).to_str().unwrap()]);
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn the_numbers_that_documents_name_exist() {
    let rules = String::from_utf8(nodens(&["audit", "--rules"]).stdout).unwrap();
    for page in [files("", ".md"), vec![CHAPTER.to_owned()]].concat() {
        let text = read(&page);
        let named = text.match_indices("NDA").map(|(at, _)| text[at..].chars().take(6).collect::<String>());
        for id in named.filter(|id| id[3..].bytes().all(|byte| byte.is_ascii_digit())) {
            assert!(id.len() == 6 && rules.contains(&id), "{page}: there is no rule {id}");
        }
    }
}

#[test]
fn standard_input_is_audited_without_colour() {
    let map = "kind: ConfigMap\ndata:\n  Corefile: |\n    .:53 {\n        errors\n        pprof 0.0.0.0:6053\n    }\n";
    let mut child = Command::new(env!("CARGO_BIN_EXE_nodens"))
        .args(["audit", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(map.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(report.contains("stdin:6  pprof 0.0.0.0:6053") && !report.contains('\x1b'), "{report}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "1 finding of severity high or above\n");
}
