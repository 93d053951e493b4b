//! Rules by table: what becomes of questions, and of their answers.

use super::*;
use crate::config::{Answers, Matching};
use crate::wire::header::rtype;

/// A rule for all names, with `from` and `to`.
fn rule(matching: Matching, from: &str, to: &str) -> config::Rewrite {
    config::Rewrite {
        zone: ".".to_owned(),
        matching,
        from: from.to_owned(),
        to: to.to_owned(),
        name_matching: Matching::Exact,
        answers: Answers::Auto,
        answer_names: Vec::new(),
        answer_values: Vec::new(),
        route: Route::Target,
        continues: false,
    }
}

/// Rules, compiled.
fn compiled(rules: &[config::Rewrite]) -> Rewrites {
    Rewrites::new(rules).unwrap()
}

/// An ordinary name of the root zone.
const PLACE: Place = Place { zone: 1, is_special: false };

/// The name that is asked for instead; empty if no rule fits.
fn turned(rules: &Rewrites, name: &str) -> String {
    let wire = name::parse(name).unwrap();
    rules.turn(&wire, rtype::A, PLACE).unwrap().map(|turn| text(&turn.name)).unwrap_or_default()
}

#[test]
fn names_are_rewritten_by_their_whole_or_a_part() {
    for (matching, from, to, name, expected) in [
        (Matching::Exact, "Example.net", "example.ORG", "example.net", "example.org."),
        (Matching::Exact, "example.net.", "example.org.", "www.example.net", ""),
        (Matching::Prefix, "foo-", "bar-", "foo-1.example", "bar-1.example."),
        (Matching::Prefix, "foo.", "", "foo.example", "example."),
        (Matching::Prefix, "foo-", "bar-", "a.foo-1.example", ""),
        (Matching::Suffix, ".schmoogle.com.", ".google.com.", "www.schmoogle.com", "www.google.com."),
        (Matching::Suffix, ".schmoogle.com.", ".google.com.", "schmoogle.com", ""),
        (Matching::Suffix, "oogle.com", "example", "schmoogle.com", "schmexample."),
        (Matching::Substring, "us-west-1.example", "eu.example", "ftp.us-west-1.example", "ftp.eu.example."),
        (Matching::Substring, "a", "bb", "a.a.example", "bb.bb.exbbmple."),
        (
            Matching::Regex,
            r"(.*)-(us-west-1)\.example\.org",
            "{1}.service.{2}.consul",
            "ftp-us-west-1.example.org",
            "ftp.service.us-west-1.consul.",
        ),
        (Matching::Regex, "^x", "y", "a.x", ""),
    ] {
        assert_eq!(turned(&compiled(&[rule(matching, from, to)]), name), expected, "{matching:?} {from} {name}");
    }
}

#[test]
fn the_first_rule_that_fits_is_the_last_unless_it_says_continue() {
    let (first, second) = (rule(Matching::Exact, "a.test", "b.test"), rule(Matching::Exact, "b.test", "c.test"));
    assert_eq!(turned(&compiled(&[first.clone(), second.clone()]), "a.test"), "b.test.");
    let first = config::Rewrite { continues: true, ..first };
    assert_eq!(turned(&compiled(&[first.clone(), second.clone()]), "a.test"), "c.test.");
    assert_eq!(turned(&compiled(&[first, rule(Matching::Exact, "a.test", "d.test")]), "a.test"), "b.test.");
    let back = config::Rewrite { continues: true, ..second };
    assert_eq!(turned(&compiled(&[back, rule(Matching::Exact, "c.test", "b.test")]), "b.test"), "b.test.", "no circle");
}

#[test]
fn types_and_ttls_are_rewritten_too() {
    let ttl = |to: &str| config::Rewrite { name_matching: Matching::Suffix, ..rule(Matching::Ttl, "example", to) };
    let wire = name::parse("www.example").unwrap();
    for (to, bounds) in [("30", (30, 30)), ("30-300", (30, 300)), ("30-", (30, 0x7FFF_FFFF)), ("-300", (0, 300))] {
        let rules = compiled(&[ttl(to)]);
        let turn = rules.turn(&wire, rtype::A, PLACE).unwrap().unwrap();
        assert_eq!((turn.ttls, turn.changes()), (Some(bounds), false), "{to}");
    }
    let rules = compiled(&[config::Rewrite { continues: true, ..rule(Matching::Type, "aaaa", "A") }, ttl("5")]);
    let turn = rules.turn(&wire, rtype::AAAA, PLACE).unwrap().unwrap();
    assert_eq!(
        (turn.qtype, turn.ttls, turn.changes(), turn.rules.as_slice()),
        (rtype::A, Some((5, 5)), true, &[1, 2][..])
    );
    assert!(rules.turn(&wire, rtype::A, PLACE).unwrap().is_some_and(|turn| !turn.changes()));
    assert!(rules.changes(&wire, rtype::AAAA, PLACE) && !rules.changes(&wire, rtype::A, PLACE));
}

#[test]
fn of_several_ttl_rules_the_first_has_the_last_word() {
    let ttl = |to: &str| config::Rewrite { continues: true, ..rule(Matching::Ttl, "www.example", to) };
    let wire = name::parse("www.example").unwrap();
    let bounds = |rules: &[&str]| {
        let rules: Vec<_> = rules.iter().map(|to| ttl(to)).collect();
        compiled(&rules).turn(&wire, rtype::A, PLACE).unwrap().unwrap().ttls
    };
    assert_eq!(bounds(&["10-20", "15-100"]), Some((15, 20)));
    assert_eq!(bounds(&["10-20", "100"]), Some((20, 20)));
}

#[test]
fn what_becomes_no_name_is_an_error() {
    let rules = compiled(&[rule(Matching::Substring, "a", &"a".repeat(60)), rule(Matching::Suffix, "x.test", "..")]);
    let long = name::parse("aaaaaaaaaaaaaaaa.test").unwrap();
    assert_eq!(rules.turn(&long, rtype::A, PLACE).unwrap_err(), NoName { rule: 1 });
    assert!(rules.changes(&long, rtype::A, PLACE));
    let dots = name::parse("x.test").unwrap();
    assert_eq!(rules.turn(&dots, rtype::A, PLACE).unwrap_err(), NoName { rule: 2 });
}

#[test]
fn rules_are_for_their_zone_and_leave_special_names_to_the_node() {
    let rules = compiled(&[config::Rewrite { zone: "corp.example".to_owned(), ..rule(Matching::Prefix, "a", "b") }]);
    assert_eq!(turned(&rules, "a.corp.example"), "b.corp.example.");
    assert_eq!(turned(&rules, "a.example"), "");
    let special = Place { zone: 1, is_special: true };
    let wide = compiled(&[rule(Matching::Prefix, "a.", "b.")]);
    assert!(!wide.changes(&name::parse("a.test").unwrap(), rtype::A, special));
    let exact = compiled(&[rule(Matching::Exact, "a.test", "b.example")]);
    assert!(exact.changes(&name::parse("a.test").unwrap(), rtype::A, special));
}

#[test]
fn what_is_wrong_with_rules_is_said_of_all() {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let rules = [
        rule(Matching::Regex, "(", "a"),
        rule(Matching::Regex, "(a)", "{2}"),
        rule(Matching::Type, "NONE", "A"),
        rule(Matching::Type, "A", "OPT"),
        rule(Matching::Ttl, "a.example", "5-4"),
        rule(Matching::Ttl, "a.example", "-"),
        rule(Matching::Exact, "a.example", "a..b"),
        rule(Matching::Suffix, "", "b"),
        config::Rewrite { answer_names: lines(&["one"]), answers: Answers::None, ..rule(Matching::Prefix, "a", "b") },
        config::Rewrite { answer_values: lines(&["a {1}"]), ..rule(Matching::Prefix, "a", "b") },
    ];
    let mistakes = Rewrites::new(&rules).unwrap_err();
    let wrong = [
        "no regular expression",
        "has 1 groups",
        "\"NONE\" is no type",
        "\"OPT\" is no type",
        "is no TTL",
        "is no TTL",
        "is no name",
        "is empty",
        "has one word",
        "has 0 groups",
    ];
    assert_eq!(mistakes.len(), wrong.len(), "{mistakes:#?}");
    for (mistake, wrong) in mistakes.iter().zip(wrong) {
        assert!(mistake.wrong.contains(wrong), "{mistake}");
    }
}

//------ Answers -------------------------------------------------------------

/// A message that answers `name A`: an alias to `host` below the name's end, and an address of that.
fn message(name: &str, host: &str) -> Vec<u8> {
    let (wire, host) = (name::parse(name).unwrap(), name::parse(host).unwrap());
    let mut message = vec![0, 0, 0x80, 0, 0, 1, 0, 2, 0, 0, 0, 0];
    message.extend_from_slice(&wire);
    message.extend_from_slice(&[0, 1, 0, 1]);
    message.extend_from_slice(&wire);
    message.extend_from_slice(&[0, 5, 0, 1, 0, 0, 0, 60, 0, u8::try_from(host.len()).unwrap()]);
    message.extend_from_slice(&host);
    message.extend_from_slice(&host);
    message.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    message
}

/// The answer to `name` by these rules, if the answer to what they ask leads to `host`; owner, target, owner.
fn restored(rules: &[config::Rewrite], name: &str, host: &str) -> [String; 3] {
    let (rules, wire) = (compiled(rules), name::parse(name).unwrap());
    let turn = rules.turn(&wire, rtype::A, PLACE).unwrap().unwrap();
    let message = turn.restore(&message(&text(&turn.name), host), &wire).unwrap();
    let message = hickory_proto::op::Message::from_vec(&message).unwrap();
    assert_eq!(message.queries[0].name().to_string(), format!("{name}."));
    let [first, second] = message.answers.as_slice() else { panic!("two records") };
    [first.name.to_string(), first.data.to_string(), second.name.to_string()]
}

#[test]
fn names_in_the_answer_become_again_what_was_asked() {
    let exact = rule(Matching::Exact, "red.test", "blue.example");
    assert_eq!(
        restored(std::slice::from_ref(&exact), "red.test", "a.blue.example"),
        ["red.test.", "a.red.test.", "a.red.test."]
    );
    assert_eq!(restored(&[exact], "red.test", "other.example"), ["red.test.", "other.example.", "other.example."]);
    let suffix = rule(Matching::Suffix, ".corp.test", ".svc.example");
    assert_eq!(restored(&[suffix], "a.corp.test", "b.svc.example"), ["a.corp.test.", "b.corp.test.", "b.corp.test."]);
    let regex = rule(Matching::Regex, r"^(.*)-eu\.test\.$", "{1}.eu.example");
    assert_eq!(restored(&[regex], "ftp-eu.test", "b.eu.example"), ["ftp-eu.test.", "b.eu.example.", "b.eu.example."]);
}

#[test]
fn explicit_rules_say_what_becomes_of_owners_and_values() {
    let lines = |line: &str| vec![line.to_owned()];
    let named = config::Rewrite {
        answers: Answers::None,
        answer_names: lines(r"^(.*)\.eu\.example\.$ {1}-eu.test"),
        ..rule(Matching::Regex, r"^(.*)-eu\.test\.$", "{1}.eu.example")
    };
    assert_eq!(
        restored(std::slice::from_ref(&named), "ftp-eu.test", "b.eu.example"),
        ["ftp-eu.test.", "b.eu.example.", "b-eu.test."]
    );
    let valued = config::Rewrite { answer_values: lines(r"^(.*)\.eu\.example\.$  {1}-eu.test"), ..named };
    assert_eq!(restored(&[valued], "ftp-eu.test", "b.eu.example"), ["ftp-eu.test.", "b-eu.test.", "b-eu.test."]);
    let nothing = config::Rewrite { answers: Answers::None, ..rule(Matching::Prefix, "a.", "b.") };
    assert_eq!(restored(&[nothing], "a.test", "c.test"), ["b.test.", "c.test.", "c.test."]);
}

#[test]
fn answers_are_restored_in_the_other_order() {
    let first = config::Rewrite { continues: true, ..rule(Matching::Suffix, ".one.test", ".two.test") };
    let second = rule(Matching::Suffix, ".two.test", ".three.test");
    let names = restored(&[first, second], "a.one.test", "b.three.test");
    assert_eq!(names, ["a.one.test.", "b.one.test.", "b.one.test."]);
}

#[test]
fn a_name_of_the_answer_that_becomes_too_long_is_an_error() {
    let rules = compiled(&[rule(Matching::Suffix, &format!(".{0}.{0}.{0}", "a".repeat(60)), ".b")]);
    let wire = name::parse(&format!("x.{0}.{0}.{0}", "a".repeat(60))).unwrap();
    let turn = rules.turn(&wire, rtype::A, PLACE).unwrap().unwrap();
    let host = format!("{0}.{0}.b", "c".repeat(60));
    assert_eq!(turn.restore(&message("x.b", &host), &wire), Err(Unnamable::Name));
}
