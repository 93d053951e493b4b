//! The names that never leave the node.

use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Upstream, one_address};
use super::common::wire::{CH, Message, kind, rcode};

/// A daemon with these lines in `[local]`, and the server that must not hear of it.
fn with_local(lines: &str) -> (Upstream, Daemon) {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("local", lines).start();
    (upstream, daemon)
}

/// The addresses of an answer as text.
fn addresses(answer: &Message) -> Vec<String> {
    answer.addresses().iter().map(ToString::to_string).collect()
}

#[test]
fn localhost_and_all_below_it_are_this_host() {
    let (upstream, daemon) = with_local("");
    for name in ["localhost", "LocalHost", "a.b.localhost"] {
        assert_eq!(addresses(&daemon.ask(&Ask::a(name))), ["127.0.0.1"], "{name}");
        assert_eq!(addresses(&daemon.ask(&Ask::new(name, kind::AAAA))), ["::1"], "{name}");
        assert_eq!(addresses(&daemon.tcp().ask(&Ask::a(name))), ["127.0.0.1"], "{name} over TCP");
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn the_reverse_of_loopback_is_localhost() {
    let (upstream, daemon) = with_local("");
    let answer = daemon.ask(&Ask::new("1.0.0.127.in-addr.arpa", kind::PTR));
    assert_eq!(answer.answers[0].names, ["localhost"]);
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn special_names_and_empty_reverse_zones_are_denied_here_with_soa() {
    let (upstream, daemon) = with_local("");
    let names = [
        "www.invalid",
        "some.test",
        "facebookcore.onion",
        "1.0.0.10.in-addr.arpa",
        "5.1.168.192.in-addr.arpa",
        "9.254.169.in-addr.arpa",
    ];
    for name in names {
        let answer = daemon.ask(&Ask::new(name, kind::PTR));
        assert_eq!(answer.rcode(), rcode::NXDOMAIN, "{name}");
        assert!(answer.authorities.iter().any(|record| record.kind == kind::SOA), "{answer}");
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn special_names_go_out_when_the_operator_says_so() {
    let (upstream, daemon) = with_local("special-use = false");
    daemon.ask(&Ask::a("some.test"));
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn a_configured_zone_wins_over_an_empty_one() {
    let upstream = Upstream::tcp().serve(|query| query.answer().answer(kind::PTR, 60, b"\x04host\x04corp\x00"));
    let daemon = Setup::forward(&upstream).zone("10.in-addr.arpa", "all", "class = \"internal\"").start();
    let answer = daemon.ask(&Ask::new("1.0.0.10.in-addr.arpa", kind::PTR));
    assert_eq!(answer.answers[0].names, ["host.corp"]);
}

#[test]
fn records_of_the_configuration_are_answered_here() {
    let (upstream, daemon) = with_local(
        r#"records = ["api.corp.example. 60 A 192.0.2.7", "api.corp.example. 60 A 192.0.2.8", "www.corp.example. 60 CNAME api.corp.example."]"#,
    );
    let mut found = addresses(&daemon.ask(&Ask::a("API.corp.example")));
    found.sort();
    assert_eq!(found, ["192.0.2.7", "192.0.2.8"]);
    let alias = daemon.ask(&Ask::new("www.corp.example", kind::CNAME));
    assert_eq!(alias.answers[0].names, ["api.corp.example"]);
    assert!(daemon.ask(&Ask::new("api.corp.example", kind::AAAA)).answers.is_empty());
    assert_eq!(upstream.queries(), 0);
    daemon.ask(&Ask::a("other.corp.example"));
    assert_eq!(upstream.queries(), 1, "a name beside them is not ours");
}

#[test]
fn names_of_the_hosts_file_are_answered_here_in_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hosts");
    std::fs::write(&file, "192.0.2.9 printer printer.corp.example # a comment\n2001:db8::9 printer.corp.example\n")
        .unwrap();
    let (upstream, daemon) = with_local(&format!("hosts = {file:?}"));
    assert_eq!(addresses(&daemon.ask(&Ask::a("printer.corp.example"))), ["192.0.2.9"]);
    assert_eq!(addresses(&daemon.ask(&Ask::new("printer.corp.example", kind::AAAA))), ["2001:db8::9"]);
    let reverse = daemon.ask(&Ask::new("9.2.0.192.in-addr.arpa", kind::PTR));
    assert!(reverse.answers.iter().any(|record| record.names[0].starts_with("printer")), "{reverse}");
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn chaos_tells_identity_and_version() {
    let (upstream, daemon) = with_local("identity = \"node-7\"\nversion = \"cache 1\"");
    for (name, text) in [("id.server", "node-7"), ("version.server", "cache 1")] {
        for answer in
            [daemon.ask(&Ask::new(name, kind::TXT).class(CH)), daemon.tcp().ask(&Ask::new(name, kind::TXT).class(CH))]
        {
            assert_eq!((answer.answers[0].text().as_str(), answer.answers[0].class), (text, CH), "{name}");
        }
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn chaos_tells_nothing_that_is_hidden_or_unknown() {
    let (upstream, daemon) = with_local("identity = \"\"\nversion = \"\"");
    for name in ["id.server", "version.server", "hostname.bind.example", "www.example.org"] {
        let answer = daemon.ask(&Ask::new(name, kind::TXT).class(CH));
        assert_eq!((answer.rcode(), answer.answers.len()), (rcode::REFUSED, 0), "{name}");
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn a_class_does_not_leak_into_the_other() {
    let (_upstream, daemon) = with_local("identity = \"node-7\"");
    daemon.ask(&Ask::new("id.server", kind::TXT).class(CH));
    let internet = daemon.ask(&Ask::new("id.server", kind::A));
    assert_eq!(addresses(&internet), ["192.0.2.1"]);
    assert_eq!(daemon.ask(&Ask::new("id.server", kind::TXT).class(CH)).answers[0].text(), "node-7");
}
