//! Names that nobody gets: which, from what lists, and what is wrong with lists.

use super::super::blocked::Blocked;
use super::super::blocklist::{MAX_NAMES, parse};
use super::*;

/// What a test says of `[policy]`.
fn policy(block: &[&str], unblock: &[&str]) -> config::Policies {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    config::Policies { block: list(block), unblock: list(unblock), ..Config::default().policy }
}

/// What is answered with these names blocked, these own records and these zones.
fn blocking(policy: &config::Policies, records: &[&str], zones: &[&str]) -> Local {
    let mut local = local(&with_records(records), zones);
    local.block(policy, &[]).unwrap();
    local
}

/// The names of a list, or what is wrong with it.
fn names(text: &[u8]) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let take = |wire: &[u8]| {
        names.push(name::display(wire).to_string());
        names.len()
    };
    parse(text, "list", take).map_err(|failure| failure.message)?;
    Ok(names)
}

#[test]
fn a_blocked_name_is_denied_with_all_below_it_and_no_other() {
    let local = blocking(&policy(&["example.bad", "com", "a.b.c.d"], &[]), &[], &["."]);
    for (name, zone) in [
        ("example.bad", "bad."),
        ("www.example.bad", "bad."),
        ("a.b.c.d.e.f.g.h.example.bad", "bad."),
        ("anything.com", "."),
        ("a.b.c.d", "b.c.d."),
    ] {
        for qtype in [A, AAAA, TXT, NS, SOA, DS, HTTPS] {
            assert_eq!(owner(&local, name, qtype), Some(LocalZone::Blocked), "{name}");
            assert_negative(&ask(&local, name, qtype), ResponseCode::NXDomain, zone, BLOCKED_TTL);
        }
    }
    for name in ["bad", "xexample.bad", "example.bad.org", "b.c.d", "."] {
        assert_eq!(owner(&local, name, A), None, "{name}");
    }
    assert_eq!(local.lookup(&wire("example.bad"), TXT, CH), Some(LocalZone::Chaos), "of class IN alone");
    assert_eq!(local.blocked_names(), 3);
}

#[test]
fn the_longest_of_blocked_and_unblocked_decides_and_of_equals_the_unblocked() {
    let policy = policy(&["bad", "evil.good.bad", "equal.example"], &["good.bad", "equal.example"]);
    let local = blocking(&policy, &[], &["."]);
    for (name, is_blocked) in [
        ("bad", true),
        ("x.bad", true),
        ("good.bad", false),
        ("www.good.bad", false),
        ("evil.good.bad", true),
        ("x.evil.good.bad", true),
        ("equal.example", false),
    ] {
        assert_eq!(local.blocks(&wire(name)), is_blocked, "{name}");
    }
}

#[test]
fn own_names_go_first_and_nothing_else_does() {
    let local = blocking(
        &policy(&["corp.example", "localhost", "10.in-addr.arpa"], &[]),
        &["db.corp.example. 60 A 192.0.2.7"],
        &[".", "live.corp.example"],
    );
    for (name, expected) in [
        ("db.corp.example", LocalZone::OwnName),
        ("x.db.corp.example", LocalZone::Blocked),
        ("live.corp.example", LocalZone::Blocked),
        ("www.live.corp.example", LocalZone::Blocked),
        ("localhost", LocalZone::Blocked),
        ("1.0.0.10.in-addr.arpa", LocalZone::Blocked),
        ("1.0.168.192.in-addr.arpa", LocalZone::SpecialUse),
    ] {
        assert_eq!(owner(&local, name, A), Some(expected), "{name}");
    }
}

#[test]
fn a_zone_that_is_blocked_as_a_whole_is_warned_about() {
    let text = "[policy]\nblock = [\"local\"]\n[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\"]\n\
                [[zone]]\nname = \".\"\nupstream = \"a\"\n[[zone]]\nname = \"cluster.local\"\nupstream = \"a\"\n";
    let config = Config::parse(text, "test", &config::Environment::neutral()).unwrap().config;
    let warnings = Local::new(&config).unwrap().warnings().join("\n");
    assert_eq!(
        warnings,
        "policy: the whole zone \"cluster.local\" is blocked by local.; list the zone in unblock, or remove it"
    );
}

#[test]
fn lists_are_read_in_both_forms() {
    let text = b"\xEF\xBB\xBF# A list\r\n\r\nADS.example\r\n  tracker.example.  # why\n_dmarc.x-y.example\n\
                 127.0.0.1 localhost\n127.0.0.1 localhost.localdomain local\n255.255.255.255 broadcasthost\n::1 ip6-loopback\n\
                 fe80::1%lo0 localhost\nff02::1 ip6-allnodes\n0.0.0.0 0.0.0.0\n\
                 0.0.0.0 one.example two.example # \xFF\n127.0.0.1\tthree.example\n:: four.example\n::1 five.example";
    let expected = ["ads", "tracker", "_dmarc.x-y", "one", "two", "three", "four", "five"];
    assert_eq!(names(text).unwrap(), expected.map(|label| format!("{label}.example.")));
    assert_eq!(names(b"").unwrap(), [""; 0]);
}

#[test]
fn a_list_with_a_wrong_line_is_refused_with_line_and_remedy() {
    for (line, right) in [
        ("<!DOCTYPE html>", "has several words; a name a line, or \"0.0.0.0 NAME\""),
        ("<html>", "\"<html>\" is not a domain name; a name a line, such as \"ads.example\", or \"0.0.0.0 NAME\""),
        ("||ads.example^", "is not a domain name"),
        ("*.ads.example", "\"*.ads.example\" has a star; \"ads.example\" blocks all that is below it"),
        ("a..example", "is not a domain name"),
        (".", "is not a domain name"),
        ("192.0.2.7 printer", "192.0.2.7 is the address of a host; in a list of names to block it is 0.0.0.0"),
        ("0.0.0.0", "no name follows 0.0.0.0"),
        ("caf\u{e9}.example", "is not a domain name"),
        (&format!("{}.example", "a".repeat(64)), "is not a domain name"),
        (&"a.".repeat(2_100), "is longer than 4096 bytes"),
    ] {
        let message = names(format!("good.example\n{line}\n").as_bytes()).unwrap_err();
        assert!(message.starts_with("list:2: ") && message.contains(right), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert!(names(b"\xFF.example").unwrap_err().contains("is not text"));
    let many = names("<\n".repeat(25).as_bytes()).unwrap_err();
    assert_eq!((many.lines().count(), many.lines().last()), (11, Some("list: 15 more lines are wrong")));
}

#[test]
fn the_number_of_names_and_the_size_are_bounded() {
    let take_all = |text: &[u8], most: usize| parse(text, "list", |_| most).map_err(|failure| failure.message);
    assert_eq!(take_all(b"a.example\n", MAX_NAMES), Ok(()));
    assert!(take_all(b"a.example\n", MAX_NAMES + 1).unwrap_err().contains("more than 2,000,000 names"));
    let line = [&[b' '; 4095][..], b"\n"].concat();
    let large = line.repeat((64 << 20) / line.len() + 1);
    assert!(parse(large.as_slice(), "list", |_| 0).unwrap_err().message.contains("is larger than 64MiB"));
    let folder = tempfile::tempdir().unwrap();
    let missing = config::Policies { block_file: Some(folder.path().join("none")), ..policy(&[], &[]) };
    let failure = Blocked::new(&missing).unwrap_err();
    assert_eq!(failure.code, ExitCode::NoInput);
    assert!(failure.message.starts_with("policy.block-file: "), "{failure}");
}

proptest! {
    #[test]
    fn whatever_a_list_holds_it_is_read_or_refused(
        text in proptest::collection::vec(prop::sample::select(b"a.-_ \t\n\r#0:1%*\xEF".to_vec()), 0..200),
    ) {
        match names(&text) {
            Ok(names) => assert!(names.iter().all(|text| name::parse(text).is_some_and(|wire| wire.len() > 1))),
            Err(message) => assert!(message.starts_with("list:"), "{message}"),
        }
    }

    #[test]
    fn a_name_is_blocked_as_a_naive_reader_of_the_lists_says(
        block in proptest::collection::btree_set("[ab](\\.[ab]){0,3}", 0..6),
        unblock in proptest::collection::btree_set("[ab](\\.[ab]){0,3}", 0..6),
        asked in "[abx](\\.[ab]){0,5}",
    ) {
        let list = |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect();
        let blocked = Blocked::new(&config::Policies { block: list(&block), unblock: list(&unblock), ..policy(&[], &[]) });
        // The longest suffix of the name that is in one of the lists.
        let mut suffix = Some(asked.as_str());
        while let Some(name) = suffix.filter(|name| !block.contains(*name) && !unblock.contains(*name)) {
            suffix = name.split_once('.').map(|(_, rest)| rest);
        }
        let expected = suffix.filter(|name| !unblock.contains(*name)).map(wire);
        assert_eq!(blocked.unwrap().find(&wire(&asked)), expected.as_deref(), "{asked}");
    }
}
