//! `nodens migrate`: from a Corefile to a file that passes `nodens check`, or to all that is wrong. Needs N31.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::common::daemon::run;

/// The Corefiles of vendors, and what they become.
const GOOD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/corefiles/good");

/// A base Corefile with variables; its 14th line is a plugin that does nothing here.
const BASE: &str = "cluster.local:53 {
    errors
    cache 30
    bind 169.254.20.10
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
}
.:53 {
    cache 30
    bind 169.254.20.10
    forward . __PILLAR__UPSTREAM__SERVERS__ {
            force_tcp
    }
    debug
}
";

/// Standard error as text.
fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// N31: every Corefile of vendors means something that holds, rules, records and all.
#[test]
fn what_corefiles_become_passes_check() {
    let mut number = 0;
    for entry in fs::read_dir(GOOD).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let output = run(&["check", path.to_str().unwrap()]);
            assert!(output.status.success(), "{}: {}", path.display(), errors(&output));
            number += 1;
        }
    }
    assert!(number >= 12, "{number}");
}

#[test]
fn a_corefile_becomes_a_file_that_passes_check() {
    let folder = tempfile::tempdir().unwrap();
    let (kube_dns, file) = (folder.path().join("kube-dns"), folder.path().join("nodens.toml"));
    fs::create_dir(&kube_dns).unwrap();
    fs::write(kube_dns.join("stubDomains"), "{\"corp.example\": [\"10.0.0.53\"]}").unwrap();
    fs::write(kube_dns.join("upstreamNameservers"), "[\"192.0.2.1\"]").unwrap();
    let base = folder.path().join("Corefile.base");
    fs::write(&base, BASE).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let words = [text(&base), text(&kube_dns), text(&file)];
    let arguments = ["migrate", &words[0], "--kube-dns", &words[1], "--cluster-dns", "10.96.0.11", "-o", &words[2]];
    let output = run(&arguments);
    assert!(output.status.success(), "{}", errors(&output));
    assert!(errors(&output).contains("debug: messages are not dumped"), "{}", errors(&output));
    let toml = fs::read_to_string(&file).unwrap();
    for wanted in ["tcp://10.96.0.11", "auto://192.0.2.1", "auto://10.0.0.53", "name = \"corp.example\""] {
        assert!(toml.contains(wanted), "{wanted}\n{toml}");
    }
    let output = run(&["check", &words[2]]);
    assert!(output.status.success(), "{}\n{toml}", errors(&output));
    // Without a place to write, standard output is the file.
    let printed = run(&arguments[..6]);
    assert_eq!(String::from_utf8_lossy(&printed.stdout), toml);
}

#[test]
fn all_mistakes_are_told_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Corefile");
    let refused = |text: &str| {
        fs::write(&file, text).unwrap();
        let output = run(&["migrate", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(78), "{}", errors(&output));
        assert!(output.stdout.is_empty());
        errors(&output).replace(file.to_str().unwrap(), "Corefile")
    };
    let words = refused(". {\n  bind 127.0.0.1\n  fowrard . 192.0.2.1\n  cache {\n    sucess 1\n  }\n}\n");
    assert!(words.contains("Corefile:3: fowrard: there is no such plugin; did you mean \"forward\"?"), "{words}");
    assert!(
        words.contains("Corefile:5: cache: the option \"sucess\" is unknown; did you mean \"success\"?"),
        "{words}"
    );
    // What only those know who answer by it.
    let rules = refused(
        ". {\n  bind 127.0.0.1\n  forward . 192.0.2.1\n  rewrite name regex ( a\n  template IN A {\n    answer \"{{ .Nmae }} 60 IN A 192.0.2.1\"\n  }\n}\n",
    );
    assert!(rules.contains("Corefile:4: ") && rules.contains("Corefile:5: "), "{rules}");
}
