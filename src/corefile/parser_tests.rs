//! Tests of the language: blocks, keys, snippets, imports, variables, and what is said of mistakes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Nothing, Surroundings, parse};
use crate::corefile::{Corefile, Directive};

/// A machine made for a test.
#[derive(Default)]
struct Made {
    /// Its variables.
    variables: BTreeMap<String, String>,
    /// Its files.
    files: BTreeMap<PathBuf, String>,
}

impl Surroundings for Made {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.files.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }
}

/// A directive on one line.
fn line(directive: &Directive) -> String {
    let mut text = directive.name.clone();
    for argument in &directive.arguments {
        text += &format!(" {argument}");
    }
    if let Some(block) = &directive.block {
        text += &format!(" {{ {} }}", block.iter().map(line).collect::<Vec<_>>().join("; "));
    }
    text
}

/// All blocks, a line each.
fn lines(corefile: &Corefile) -> Vec<String> {
    let block = |block: &super::ServerBlock| {
        let keys: Vec<_> = block.keys.iter().map(|key| key.zone.as_str()).collect();
        format!("{}: {}", keys.join(" "), block.directives.iter().map(line).collect::<Vec<_>>().join("; "))
    };
    corefile.blocks.iter().map(block).collect()
}

/// What a text says on no machine.
#[track_caller]
fn said(text: &str) -> Vec<String> {
    lines(&parse(text, "Corefile", &Nothing).unwrap())
}

/// The mistakes of a text.
#[track_caller]
fn wrong(text: &str) -> Vec<String> {
    parse(text, "Corefile", &Nothing).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn blocks_hold_plugins_and_plugins_hold_lines() {
    let text = "cluster.local:53 {\n    errors\n    cache {\n            success 9984 30\n            denial 9984 5\n    }\n    forward . 10.96.0.10 {\n            force_tcp\n    }\n}\nin-addr.arpa:53, ip6.arpa:53 {\n    cache 30\n}\n";
    let right = [
        "cluster.local.: errors; cache { success 9984 30; denial 9984 5 }; forward . 10.96.0.10 { force_tcp }",
        "in-addr.arpa. ip6.arpa.: cache 30",
    ];
    assert_eq!(said(text), right);
    let tree = parse(text, "Corefile", &Nothing).unwrap();
    assert_eq!(tree.blocks[0].directives[1].lines()[1].place.to_string(), "Corefile:5");
}

#[test]
fn a_file_without_braces_is_one_block() {
    assert_eq!(said(".:5353\nforward . 1.1.1.1\ncache 30"), [".: forward . 1.1.1.1; cache 30"]);
    assert_eq!(said(""), [""; 0]);
    assert_eq!(said("# nothing but a comment"), [""; 0]);
    assert_eq!(said("example.org"), ["example.org.: "]);
}

#[test]
fn keys_go_on_after_a_comma() {
    assert_eq!(said("a.example,\nb.example c.example {\n}"), ["a.example. b.example. c.example.: "]);
    assert_eq!(said("a.example,b.example {\nwhoami\n}"), ["a.example. b.example.: whoami"]);
}

#[test]
fn a_brace_may_stand_on_the_next_line_or_on_the_same() {
    assert_eq!(said(".\n{\nhealth\n{\nlameduck 5s\n}\n}"), [".: health { lameduck 5s }"]);
    assert_eq!(said(". { errors }"), [".: errors"]);
    assert_eq!(said(". {\ncache 30 { disable denial }\nlog }"), [".: cache 30 { disable denial }; log"]);
}

#[test]
fn snippets_are_put_where_they_are_imported() {
    let text = "(common) {\nerrors\ncache 30 {\nprefetch 2\n}\n}\n. {\nimport common\nloop\n}\na.example {\nlog\nimport common\n}";
    let right = [".: errors; cache 30 { prefetch 2 }; loop", "a.example.: log; errors; cache 30 { prefetch 2 }"];
    assert_eq!(said(text), right);
}

#[test]
fn files_are_imported_beside_the_file_that_names_them() {
    let mut machine = Made::default();
    machine.files.insert("/etc/coredns/custom/a.server".into(), "a.example {\nforward . 1.2.3.4\n}".into());
    machine.files.insert("/etc/coredns/custom/b.server".into(), "b.example {\nwhoami\n}".into());
    machine.files.insert("/etc/coredns/custom/c.override".into(), "log\nimport ../more".into());
    machine.files.insert("/etc/coredns/custom/../more".into(), "loop".into());
    let text = ". {\nerrors\nimport custom/*.override\nimport custom/none*\n}\nimport custom/*.server\n";
    let tree = parse(text, "/etc/coredns/Corefile", &machine).unwrap();
    let right = [".: errors; log; loop", "a.example.: forward . 1.2.3.4", "b.example.: whoami"];
    assert_eq!(lines(&tree), right);
    assert_eq!(tree.blocks[1].directives[0].place.to_string(), "/etc/coredns/custom/a.server:2");
    assert_eq!(tree.files.len(), 4);
    let said: Vec<_> = tree.notices.iter().map(ToString::to_string).collect();
    let notice = "/etc/coredns/Corefile:4: import: no file is called /etc/coredns/custom/none*; nothing is imported";
    assert_eq!(said, [notice]);
}

#[test]
fn an_import_brings_lines_into_braces() {
    let mut machine = Made::default();
    machine.files.insert("hosts.lines".into(), "10.0.0.1 a.example\nfallthrough".into());
    let tree = parse(". {\nhosts {\nimport hosts.lines\nttl 60\n}\n}", "Corefile", &machine).unwrap();
    assert_eq!(lines(&tree), [".: hosts { 10.0.0.1 a.example; fallthrough; ttl 60 }"]);
}

#[test]
fn variables_are_replaced_once() {
    let mut machine = Made::default();
    machine.variables.insert("DOMAIN".into(), "cluster.local".into());
    machine.variables.insert("SERVER".into(), "{$DOMAIN}".into());
    let text = "{$DOMAIN}:{%PORT%}53 {\nforward . {%SERVER%}:{$MISSING}5353 \"{$DOMAIN} x\" {$} {$OPEN\n}";
    let tree = parse(text, "Corefile", &machine).unwrap();
    // The two forms are two passes, as with CoreDNS; within one, what a variable holds is not looked at again.
    assert_eq!(lines(&tree), ["cluster.local.: forward . cluster.local:5353 cluster.local x {$} {$OPEN"]);
}

#[test]
fn mistakes_name_line_and_remedy() {
    for (text, right) in [
        (". {\nerrors\n", "Corefile:1: syntax: this brace is not closed; write \"}\" at the end of the block"),
        (
            ". {\n}\n}\n",
            "Corefile:3: syntax: a brace closes what none has opened; remove it, or look for the brace that closes too much above",
        ),
        ("{\n}", "Corefile:1: syntax: a brace opens without a zone before it; write \".:53 {\""),
        (
            ". {\n{\n}\n}",
            "Corefile:2: syntax: a brace opens without a plugin before it; write the plugin's name before it",
        ),
        (
            "a.example, {\n}",
            "Corefile:1: syntax: a comma stands before the brace; write another zone, or remove the comma",
        ),
        (". {\nimport\n}", "Corefile:2: syntax: import names nothing; write the name of a snippet or a file after it"),
        (". {\nimport a b\n}", "Corefile:2: syntax: import takes one name; write one snippet, file or pattern a line"),
        (
            ". {\nimport nowhere\n}",
            "Corefile:2: syntax: nowhere cannot be read: entity not found; name a snippet that is defined above, or a file",
        ),
        (
            "(a) {\nimport a\n}\n. {\nimport a\n}",
            "Corefile:2: syntax: more than 1000 imports; look for a snippet or file that imports itself",
        ),
        ("(a)\n. {\n}", "Corefile:1: syntax: the snippet (a) has no braces; write \"(name) {\""),
        ("(a) {\nb {\n}\n", "Corefile:1: syntax: the snippet (a) is not closed; write \"}\" at its end"),
        ("(a) {\n}\n(a) {\n}\n. {\n}", "Corefile:3: syntax: the snippet (a) is there already; give it another name"),
        (
            "a..b {\n}",
            "Corefile:1: server block: \"a..b\" is no zone; write one such as \"cluster.local\", \".\", or a network such as \"10.0.0.0/8\"",
        ),
    ] {
        assert_eq!(wrong(text), [right], "{text}");
    }
}

#[test]
fn mistakes_in_keys_are_found_together() {
    assert_eq!(wrong("a..b {\n}\nb:0 {\n}\n").len(), 2);
}

proptest! {
    /// Bytes of strangers: an answer or a mistake with a place, never a panic.
    #[test]
    fn no_text_makes_it_panic(text in "[a-c .:{}()\"\\\\#\n/0-9$%,]{0,80}|\\PC{0,80}|(import|\\(a\\)|a|\\.|\\{|\\}|\n| |,){0,60}") {
        if let Err(mistakes) = parse(&text, "Corefile", &Nothing) {
            prop_assert!(!mistakes.is_empty());
            let last = u32::try_from(text.lines().count().max(1)).unwrap() + 1;
            prop_assert!(mistakes.iter().all(|mistake| (1..=last).contains(&mistake.place.line)));
        }
    }
}
