//! Templates by table: what is read, what is made, and of which questions.

use hickory_proto::op::Message;

use super::*;

/// A template of `example` for all types with this answer.
fn template(patterns: &[&str], answer: &[&str]) -> config::Template {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    config::Template {
        zone: "example".to_owned(),
        types: vec![rtype::ANY],
        patterns: lines(patterns),
        rcode: rcode::NOERROR,
        records: [lines(answer), Vec::new(), Vec::new()],
        extended_error: None,
        fallthrough: false,
        fallthrough_zones: Vec::new(),
    }
}

/// An ordinary name of the root zone.
const PLACE: Place = Place { zone: 1, is_special: false };

/// What is made of a question by one template: the records of the answer, "none" if it is not for it, or what went wrong.
fn made(template: config::Template, name: &str, qtype: u16) -> String {
    let templates = Templates::new(&[template]).unwrap();
    let name = name::parse(name).unwrap();
    let made = templates.answer(&name, qtype, PLACE);
    assert_eq!(templates.claims(&name, qtype, PLACE), made.is_some());
    match made.map(|made| made.answer) {
        None => "none".to_owned(),
        Some(MadeAnswer::Broken) => "broken".to_owned(),
        Some(MadeAnswer::Code(rcode, ede)) => format!("rcode {rcode} {ede:?}"),
        Some(MadeAnswer::Message(message, _)) => {
            let message = Message::from_vec(&message).unwrap();
            message.answers.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn records_are_made_of_names_and_groups() {
    let ip = r"^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)[.]example[.]$";
    let hex = "^ip0a(?P<b>[a-f0-9]{2})[.]example[.]$";
    for (pattern, answer, name, expected) in [
        (
            ip,
            "{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Group.b }}",
            "IP-1-2.example",
            "ip-1-2.example. 60 IN A 10.0.1.2",
        ),
        (
            ip,
            "{{.Name}} 60 IN A 10.0.{{index .Match 1}}.{{ index .Group \"b\" }}",
            "ip-1-2.example",
            "ip-1-2.example. 60 IN A 10.0.1.2",
        ),
        (ip, "{{ .Name }} 60 IN A 10.0.0.{{ .Group.a }}", "ip-300-1.example", "broken"),
        (
            hex,
            "{{ .Name }} 60 IN A 10.0.0.{{ parseInt .Group.b 16 8 }}",
            "ip0a7b.example",
            "ip0a7b.example. 60 IN A 10.0.0.123",
        ),
        (hex, "{{ .Name }} 60 IN A 10.0.0.{{ parseInt .Group.b 16 6 }}", "ip0a7b.example", "broken"),
        (
            "x",
            "{{ .Zone }} 5 {{ .Class }} TXT \"{{- .Type -}}  {{ index .Match 0 }}\"",
            "x.example",
            "example. 5 IN TXT AAAAx",
        ),
        (
            "x",
            "{{/* a comment */}}{{ .Question.Name }} 5 IN TXT {{ (index .Match 0) }}",
            "x.example",
            "x.example. 5 IN TXT x",
        ),
    ] {
        assert_eq!(made(template(&[pattern], &[answer]), name, rtype::AAAA), expected, "{answer}");
    }
}

#[test]
fn zone_type_and_expression_say_which_questions_are_meant() {
    let only = || config::Template { types: vec![rtype::A, rtype::TXT], ..template(&["^a[.]", "^b[.]"], &[]) };
    assert_eq!(made(only(), "a.example", rtype::A), "");
    assert_eq!(made(only(), "b.example", rtype::TXT), "");
    assert_eq!(made(only(), "a.example", rtype::AAAA), "none");
    assert_eq!(made(only(), "a.other", rtype::A), "none");
    assert_eq!(made(only(), "c.example", rtype::A), "rcode 2 None", "SERVFAIL where nothing falls through");
    let through = || config::Template { fallthrough: true, ..only() };
    assert_eq!(made(through(), "c.example", rtype::A), "none");
    let some = config::Template { fallthrough_zones: vec!["d.example".to_owned()], ..through() };
    assert_eq!(made(some.clone(), "c.d.example", rtype::A), "none");
    assert_eq!(made(some, "c.example", rtype::A), "rcode 2 None");
}

#[test]
fn codes_sections_and_extended_errors_are_as_written() {
    let refused = config::Template { rcode: rcode::REFUSED, extended_error: Some(15), ..template(&[], &[]) };
    assert_eq!(made(refused, "a.example", rtype::A), "rcode 5 Some(15)");
    let mut denied = config::Template { rcode: rcode::NXDOMAIN, extended_error: Some(21), ..template(&[], &[]) };
    denied.records[1].push("{{ .Zone }} 60 {{ .Class }} SOA ns.example hostmaster.example (1 60 60 60 60)".to_owned());
    denied.records[2].push("ns.example. 60 IN A 192.0.2.1".to_owned());
    let templates = Templates::new(&[denied]).unwrap();
    let made = templates.answer(&name::parse("a.example").unwrap(), rtype::MX, PLACE).unwrap();
    let MadeAnswer::Message(message, ede) = made.answer else { panic!("a message") };
    let message = Message::from_vec(&message).unwrap();
    assert_eq!(
        (ede, message.metadata.response_code, message.metadata.authoritative),
        (Some(21), ResponseCode::NXDomain, true)
    );
    assert_eq!((message.authorities.len(), message.additionals.len()), (1, 1));
}

#[test]
fn templates_are_tried_in_their_order() {
    let first = config::Template { fallthrough: true, ..template(&["^a[.]"], &["{{ .Name }} 60 IN A 192.0.2.1"]) };
    let second = template(&[], &["{{ .Name }} 60 IN A 192.0.2.2"]);
    let templates = Templates::new(&[first, second]).unwrap();
    let number = |name: &str| templates.answer(&name::parse(name).unwrap(), rtype::A, PLACE).unwrap().template;
    assert_eq!((number("a.example"), number("b.example")), (1, 2));
}

#[test]
fn what_is_wrong_is_said_of_all() {
    for (answer, wrong) in [
        ("{{ .Name 60 IN A 192.0.2.1", "without"),
        ("{{ .Name }} 60 IN A 192.0.2", "invalid"),
        ("{{ .Remote }} 60 IN A 192.0.2.1", "\".Remote\" is not known here"),
        ("{{ .Group.b }} 60 IN A 192.0.2.1", "has a group \"b\""),
        ("{{ index .Match 2 }} 60 IN A 192.0.2.1", "has a group \"2\""),
        ("{{ index .Match x }}", "no number"),
        ("{{ if .Name }}", "\"if\" is not known here"),
        ("{{ .Name | print }}", "pipes"),
        ("{{ parseInt .Group.a 99 8 }}", "base"),
        ("{{ }}", "is empty"),
        ("{{ \"a }}", "open quote"),
        ("{{ ((((((.Name)))))) }}", "too many"),
    ] {
        let mistakes = Templates::new(&[template(&["^(?P<a>x)"], &[answer])]).unwrap_err();
        assert!(mistakes[0].wrong.contains(wrong), "{mistakes:?}");
    }
    let mistakes = Templates::new(&[template(&["(", "["], &["x"])]).unwrap_err();
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
}

#[test]
fn a_record_that_becomes_too_long_is_broken() {
    let place = "{{ .Name }} ".repeat(20);
    let long = format!("{}example", "a.".repeat(110));
    assert_eq!(
        made(template(&["(.*)"], &[&format!("{{{{ index .Match 1 }}}} 60 IN TXT {place}")]), &long, rtype::TXT),
        "broken"
    );
}
