//! What the node answers itself: names and types in tables, precedence, and what operators write wrongly.

use std::io::Write;
use std::path::PathBuf;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::Record;
use proptest::prelude::{any, prop, proptest};

use super::*;

mod blocked_names;
mod dead_names;

/// QTYPE and QCLASS values, as the wire has them.
const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const PTR: u16 = 12;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const DS: u16 = 43;
const HTTPS: u16 = 65;
const AXFR: u16 = 252;
const ANY: u16 = 255;
const IN: u16 = 1;
const CH: u16 = 3;

/// `[local]` with the built-in zones and nothing else.
fn settings() -> config::Local {
    config::Local {
        special_use: true,
        hosts: None,
        records: Vec::new(),
        dead_suffixes: Vec::new(),
        identity: None,
        version: None,
        nsid: String::new(),
        whoami: Vec::new(),
    }
}

/// `[local]` with static records.
fn with_records(records: &[&str]) -> config::Local {
    config::Local { records: records.iter().map(|line| (*line).to_owned()).collect(), ..settings() }
}

/// A file that holds `text` until the value is dropped.
fn hosts_file(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts");
    std::fs::File::create(&path).unwrap().write_all(text).unwrap();
    (folder, path)
}

/// What is answered with these settings and these configured zones.
fn local(settings: &config::Local, zones: &[&str]) -> Local {
    Local::build(settings, zones.iter().copied()).unwrap()
}

/// A name as it comes from the wire step.
fn wire(name: &str) -> Box<[u8]> {
    wire_name(&LowerName::new(&Name::from_ascii(name).unwrap()))
}

/// Whether the node answers a name.
fn owner(local: &Local, name: &str, qtype: u16) -> Option<LocalZone> {
    local.lookup(&wire(name), qtype, IN)
}

/// Asks and checks what holds of every answer.
fn ask_class(local: &Local, name: &str, qtype: u16, qclass: u16) -> Message {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let name = wire(name);
    let bytes = runtime.block_on(local.answer(&name, qtype, qclass));
    assert_eq!(bytes[HEADER..HEADER + name.len()], *name, "the question is echoed");
    let message = Message::from_vec(&bytes).unwrap();
    assert_eq!(message.metadata.message_type, MessageType::Response);
    assert_eq!(message.metadata.id, 0);
    assert!(!message.metadata.recursion_desired && !message.metadata.recursion_available);
    assert!(!message.metadata.truncation);
    assert!(message.edns.is_none());
    assert_eq!(message.queries.len(), 1);
    assert_eq!(u16::from(message.queries[0].query_type()), qtype);
    message
}

/// Asks in class IN.
fn ask(local: &Local, name: &str, qtype: u16) -> Message {
    ask_class(local, name, qtype, IN)
}

/// Records in zone-file form, the owner's letter case and the TTL included.
fn lines(records: &[Record]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

/// Checks a negative answer: rcode, AA, no answer, one SOA of `zone` with `ttl` as TTL and as MINIMUM (RFC 2308 section 3).
fn assert_negative(message: &Message, rcode: ResponseCode, zone: &str, ttl: u32) {
    let question = &message.queries[0];
    assert_eq!(message.metadata.response_code, rcode, "{question}");
    assert!(message.metadata.authoritative, "{question}");
    assert!(message.answers.is_empty(), "{question}: {:?}", message.answers);
    let [soa] = message.authorities.as_slice() else { panic!("{question}: {:?}", message.authorities) };
    assert_eq!(soa.name, Name::from_ascii(zone).unwrap(), "{question}");
    assert_eq!(soa.ttl, ttl, "{question}");
    let hickory_proto::rr::RData::SOA(data) = &soa.data else { panic!("{question}: {soa}") };
    assert_eq!(data.minimum, ttl, "{question}");
}

//------ Special-use names ------

#[test]
fn localhost_and_every_name_below_it_is_the_loopback_address() {
    let local = local(&settings(), &["."]);
    for name in ["localhost.", "foo.localhost.", "a.b.c.localhost."] {
        for (qtype, data) in [(A, "A 127.0.0.1"), (AAAA, "AAAA ::1")] {
            let message = ask(&local, name, qtype);
            assert_eq!(message.metadata.response_code, ResponseCode::NoError);
            assert!(message.metadata.authoritative);
            assert_eq!(lines(&message.answers), [format!("{name} {} IN {data}", builtin::TTL)]);
            assert!(message.authorities.is_empty());
        }
        for qtype in [MX, TXT, SRV, HTTPS, CNAME, 65_280, 0, 41] {
            assert_negative(&ask(&local, name, qtype), ResponseCode::NoError, "localhost.", builtin::TTL);
        }
        assert_eq!(ask(&local, name, ANY).answers.len(), 1, "RFC 8482: one set answers ANY");
    }
    assert_eq!(ask(&local, "localhost.", NS).answers.len(), 1);
    assert_eq!(ask(&local, "localhost.", SOA).answers.len(), 1);
    assert_negative(&ask(&local, "foo.localhost.", SOA), ResponseCode::NoError, "localhost.", builtin::TTL);
}

#[test]
fn loopback_addresses_have_a_name() {
    let local = local(&settings(), &["."]);
    let six = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.";
    for name in ["1.0.0.127.in-addr.arpa.", six] {
        assert_eq!(lines(&ask(&local, name, PTR).answers), [format!("{name} {} IN PTR localhost.", builtin::TTL)]);
    }
    assert_negative(
        &ask(&local, "2.0.0.127.in-addr.arpa.", PTR),
        ResponseCode::NXDomain,
        "127.in-addr.arpa.",
        builtin::TTL,
    );
    // RFC 8020: there is a name below this one, so that it exists.
    assert_negative(
        &ask(&local, "0.0.127.in-addr.arpa.", PTR),
        ResponseCode::NoError,
        "127.in-addr.arpa.",
        builtin::TTL,
    );
    assert_negative(&ask(&local, &format!("x.{six}"), PTR), ResponseCode::NXDomain, six, builtin::TTL);
}

#[test]
fn every_empty_zone_denies_what_is_below_it_and_has_a_top() {
    let local = local(&settings(), &["."]);
    let constant = ["localhost.", "resolver.arpa.", "127.in-addr.arpa."];
    let zones: Vec<String> = builtin::zones().iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(zones.len(), 20 + 16 + 64 + 4, "20 of their own, 172.16/12, 100.64/10, two names and two loopbacks");
    for zone in &zones {
        assert_eq!(owner(&local, zone, A), Some(LocalZone::SpecialUse));
        for qtype in [SOA, NS] {
            let message = ask(&local, zone, qtype);
            assert_eq!(message.answers.len(), 1, "{zone}");
            assert_eq!(message.answers[0].ttl, builtin::TTL);
            assert!(message.metadata.authoritative);
        }
        assert_negative(&ask(&local, zone, TXT), ResponseCode::NoError, zone, builtin::TTL);
        if !constant.contains(&zone.as_str()) {
            for name in [format!("1.{zone}"), format!("1.2.3.{zone}")] {
                assert_negative(&ask(&local, &name, PTR), ResponseCode::NXDomain, zone, builtin::TTL);
                assert_negative(&ask(&local, &name, A), ResponseCode::NXDomain, zone, builtin::TTL);
            }
        }
    }
}

#[test]
fn designated_resolvers_are_not_found_but_not_denied() {
    let local = local(&settings(), &["."]);
    for name in ["resolver.arpa.", "_dns.resolver.arpa.", "x._dns.resolver.arpa."] {
        for qtype in [64, A] {
            assert_negative(&ask(&local, name, qtype), ResponseCode::NoError, "resolver.arpa.", builtin::TTL);
        }
    }
}

#[test]
fn other_names_go_to_the_upstream() {
    let local = local(&settings(), &["."]);
    for name in [
        ".",
        "example.",
        "example.com.",
        "www.example.net.",
        "local.",
        "printer.local.",
        "alt.",
        "internal.",
        "ipv4only.arpa.",
        "arpa.",
        "in-addr.arpa.",
        "1.1.1.1.in-addr.arpa.",
        "15.172.in-addr.arpa.",
        "32.172.in-addr.arpa.",
        "63.100.in-addr.arpa.",
        "128.100.in-addr.arpa.",
        "255.in-addr.arpa.",
        "255.255.255.in-addr.arpa.",
        "3.0.192.in-addr.arpa.",
        "c.e.f.ip6.arpa.",
        "1.0.0.2.ip6.arpa.",
        "notlocalhost.",
        "mytest.",
        "localhost.example.com.",
        "xinvalid.",
    ] {
        assert_eq!(owner(&local, name, A), None, "{name}");
        assert_eq!(ask(&local, name, A).metadata.response_code, ResponseCode::Refused, "{name}");
    }
}

#[test]
fn ds_at_the_top_of_a_zone_belongs_to_its_parent() {
    let local = local(&settings(), &["."]);
    for name in ["home.arpa.", "10.in-addr.arpa.", "localhost.", "test."] {
        assert_eq!(owner(&local, name, DS), None);
        assert_eq!(owner(&local, &format!("x.{name}"), DS), Some(LocalZone::SpecialUse));
    }
    assert_negative(&ask(&local, "x.localhost.", DS), ResponseCode::NoError, "localhost.", builtin::TTL);
    assert_negative(&ask(&local, "x.home.arpa.", DS), ResponseCode::NXDomain, "home.arpa.", builtin::TTL);
}

#[test]
fn special_use_names_can_be_left_to_the_upstream() {
    let local = local(&config::Local { special_use: false, ..with_records(&["a.test 60 A 192.0.2.1"]) }, &["."]);
    for name in ["localhost.", "10.in-addr.arpa.", "test.", "1.0.0.127.in-addr.arpa."] {
        assert_eq!(owner(&local, name, A), None);
    }
    assert_eq!(owner(&local, "a.test.", A), Some(LocalZone::OwnName));
}

//------ Precedence ------

#[test]
fn a_configured_zone_that_equals_or_contains_a_built_in_one_replaces_it() {
    let local = local(&settings(), &[".", "cluster.local", "in-addr.arpa", "test"]);
    for name in ["10.in-addr.arpa.", "1.0.0.10.in-addr.arpa.", "1.0.0.127.in-addr.arpa.", "test.", "a.test."] {
        assert_eq!(owner(&local, name, PTR), None, "{name}");
    }
    for name in ["localhost.", "d.f.ip6.arpa.", "home.arpa.", "invalid."] {
        assert_eq!(owner(&local, name, A), Some(LocalZone::SpecialUse), "{name}");
    }
}

#[test]
fn a_configured_zone_below_a_built_in_one_cuts_its_part_out() {
    let local = local(&settings(), &[".", "cluster.test", "96.10.in-addr.arpa"]);
    for name in ["cluster.test.", "a.b.cluster.test.", "96.10.in-addr.arpa.", "1.0.96.10.in-addr.arpa."] {
        assert_eq!(owner(&local, name, A), None, "{name}");
    }
    for name in ["test.", "other.test.", "mycluster.test.", "97.10.in-addr.arpa.", "1.0.0.10.in-addr.arpa."] {
        assert_eq!(owner(&local, name, A), Some(LocalZone::SpecialUse), "{name}");
    }
}

#[test]
fn own_names_win_over_everything_but_only_for_themselves() {
    let (_folder, path) = hosts_file(b"10.1.2.3 db.cluster.local\n192.0.2.7 host.test\n127.0.0.53 localhost\n");
    let settings = config::Local { hosts: Some(path), ..with_records(&["api.test. 60 A 192.0.2.9"]) };
    let local = local(&settings, &[".", "cluster.local", "in-addr.arpa"]);
    for name in ["db.cluster.local.", "3.2.1.10.in-addr.arpa.", "host.test.", "api.test.", "localhost."] {
        assert_eq!(owner(&local, name, A), Some(LocalZone::OwnName), "{name}");
    }
    assert_eq!(owner(&local, "x.db.cluster.local.", A), None);
    assert_eq!(owner(&local, "4.2.1.10.in-addr.arpa.", PTR), None);
    // Below an own name a built-in zone still holds, and answers with its own data.
    assert_negative(&ask(&local, "x.host.test.", A), ResponseCode::NXDomain, "test.", builtin::TTL);
    assert_eq!(lines(&ask(&local, "x.localhost.", A).answers), ["x.localhost. 10800 IN A 127.0.0.1"]);
    assert_eq!(lines(&ask(&local, "localhost.", A).answers), ["localhost. 3600 IN A 127.0.0.53"]);
    assert_negative(&ask(&local, "localhost.", AAAA), ResponseCode::NoError, "localhost.", own::NEGATIVE_TTL);
}

#[test]
fn a_wrong_zone_name_is_told() {
    let failure = Local::build(&settings(), ["a..b"].into_iter()).unwrap_err();
    assert_eq!(failure.code, ExitCode::Config);
    assert!(failure.message.starts_with("zone.name \"a..b\""), "{failure}");
}

//------ Hosts ------

#[test]
fn hosts_entries_are_addresses_and_pointers() {
    let (_folder, path) = hosts_file(
        b"# a comment\n\n192.0.2.1\tDB.Example. db  db_2 # and another\r\n2001:db8::1 db.example\n192.0.2.2 db.example\n  \n",
    );
    let local = local(&config::Local { hosts: Some(path), ..settings() }, &["."]);
    assert!(local.warnings().is_empty(), "{:?}", local.warnings());
    let addresses = ask(&local, "db.example.", A);
    assert!(addresses.metadata.authoritative);
    assert_eq!(lines(&addresses.answers), ["db.example. 3600 IN A 192.0.2.1", "db.example. 3600 IN A 192.0.2.2"]);
    assert_eq!(lines(&ask(&local, "db.example.", AAAA).answers), ["db.example. 3600 IN AAAA 2001:db8::1"]);
    for alias in ["db.", "db_2."] {
        assert_eq!(lines(&ask(&local, alias, A).answers), [format!("{alias} {} IN A 192.0.2.1", hosts::TTL)]);
        assert_negative(&ask(&local, alias, AAAA), ResponseCode::NoError, alias, own::NEGATIVE_TTL);
    }
    let pointer = "1.2.0.192.in-addr.arpa.";
    assert_eq!(lines(&ask(&local, pointer, PTR).answers), [format!("{pointer} 3600 IN PTR db.example.")]);
    assert_eq!(
        ask(&local, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", PTR).answers.len(),
        1
    );
    assert_negative(&ask(&local, "db.example.", SRV), ResponseCode::NoError, "db.example.", own::NEGATIVE_TTL);
}

#[test]
fn bad_hosts_lines_are_told_with_their_number_and_left_out() {
    let (_folder, path) = hosts_file(
        b"192.0.2.1 good.example\nbogus name.example\n192.0.2.3\nfe80::1%eth0 scoped.example\n192.0.2.5 a..b still.good\n\
          192.0.2.6 caf\xc3\xa9.example\n192.0.2.7 \xff\n# \xff in a comment is fine\n192.0.2.8 *.example\n192.0.2.9 .\n",
    );
    let local = local(&config::Local { hosts: Some(path.clone()), ..settings() }, &["."]);
    let file = path.display();
    let numbers: Vec<&str> = local
        .warnings()
        .iter()
        .map(|line| line.strip_prefix(&format!("{file}:")).unwrap().split(':').next().unwrap())
        .collect();
    assert_eq!(numbers, ["2", "3", "4", "5", "6", "7", "9", "10"]);
    assert!(local.warnings()[0].contains("\"bogus\" is not an IP address"), "{:?}", local.warnings());
    for name in ["good.example.", "still.good."] {
        assert_eq!(owner(&local, name, A), Some(LocalZone::OwnName));
    }
    for name in ["scoped.example.", "name.example.", "*.example.", "."] {
        assert_eq!(owner(&local, name, A), None, "{name}");
    }
}

#[test]
fn many_bad_hosts_lines_are_counted() {
    let (_folder, path) = hosts_file("x\n".repeat(500).as_bytes());
    let local = local(&config::Local { hosts: Some(path), ..settings() }, &["."]);
    assert_eq!(local.warnings().len(), 11);
    assert!(local.warnings()[10].ends_with("490 more lines are wrong and left out"), "{}", local.warnings()[10]);
}

#[test]
fn a_hosts_file_that_cannot_be_read_or_is_too_large_is_a_failure() {
    let missing = config::Local { hosts: Some(PathBuf::from("/nowhere/hosts")), ..settings() };
    assert_eq!(Local::build(&missing, std::iter::empty()).unwrap_err().code, ExitCode::NoInput);
    let (_folder, path) = hosts_file(&vec![b'#'; (1 << 20) + 1]);
    let large = config::Local { hosts: Some(path), ..settings() };
    assert_eq!(Local::build(&large, std::iter::empty()).unwrap_err().code, ExitCode::Config);
    let (_folder, path) = hosts_file(&vec![b'#'; 1 << 20]);
    Local::build(&config::Local { hosts: Some(path), ..settings() }, std::iter::empty()).unwrap();
}

//------ Static records ------

#[test]
fn records_of_many_types_are_answered_as_written() {
    let written = [
        ("a.example.", A, "a.example. 300 A 192.0.2.1"),
        ("rel.example.", A, "rel.example 300 IN A 192.0.2.1"),
        ("six.example.", AAAA, "SIX.example. 1h AAAA 2001:db8::1"),
        ("mail.example.", MX, "mail.example. 300 MX 10 mx.example."),
        ("text.example.", TXT, "text.example. 300 TXT \"two words\" three"),
        ("_http._tcp.example.", SRV, "_http._tcp.example. 300 SRV 0 5 8080 a.example."),
        ("h.example.", HTTPS, "h.example. 300 HTTPS 1 . alpn=h2"),
        ("caa.example.", 257, "caa.example. 300 CAA 0 issue \"ca.example\""),
        ("ns.example.", NS, "ns.example. 300 NS a.example."),
        ("soa.example.", SOA, "soa.example. 300 SOA a.example. b.example. 7 1 2 3 4"),
        ("p.example.", PTR, "p.example. 300 PTR a.example."),
    ];
    let local = local(&with_records(&written.map(|(_, _, line)| line)), &["."]);
    assert!(local.warnings().is_empty());
    for (name, qtype, line) in written {
        let message = ask(&local, name, qtype);
        assert_eq!(message.metadata.response_code, ResponseCode::NoError, "{line}");
        assert!(message.metadata.authoritative, "{line}");
        assert_eq!(message.answers.len(), 1, "{line}");
        assert!(message.authorities.is_empty(), "{line}");
        let negative = if name == "soa.example." { 4 } else { own::NEGATIVE_TTL };
        let denied = ask(&local, name, 65_280);
        assert_eq!(denied.metadata.response_code, ResponseCode::NoError, "{line}");
        assert_eq!(denied.authorities[0].ttl, negative, "{line}");
    }
}

#[test]
fn records_of_one_name_and_type_are_one_set() {
    let lines_in =
        ["a.example. 300 A 192.0.2.1", "A.EXAMPLE. 60 A 192.0.2.2", "a.example. 300 A 192.0.2.1", "a.example. 9 TXT x"];
    let local = local(&with_records(&lines_in), &["."]);
    // RFC 2181 section 5.2: one TTL; section 5: no duplicates.
    assert_eq!(
        lines(&ask(&local, "a.example.", A).answers),
        ["a.example. 60 IN A 192.0.2.1", "a.example. 60 IN A 192.0.2.2"]
    );
    assert_eq!(lines(&ask(&local, "a.example.", ANY).answers).len(), 2);
}

#[test]
fn a_cname_is_followed_among_own_names() {
    let records = [
        "www.example. 300 CNAME web.example.",
        "web.example. 60 CNAME a.example.",
        "a.example. 30 A 192.0.2.1",
        "out.example. 9 CNAME b.test.",
    ];
    let local = local(&with_records(&records), &["."]);
    let message = ask(&local, "www.example.", A);
    assert_eq!(
        lines(&message.answers),
        [
            "www.example. 300 IN CNAME web.example.",
            "web.example. 60 IN CNAME a.example.",
            "a.example. 30 IN A 192.0.2.1"
        ]
    );
    assert_eq!(ask(&local, "www.example.", AAAA).answers.len(), 2, "the chain, and no address");
    assert_eq!(ask(&local, "www.example.", CNAME).answers.len(), 1);
    assert_eq!(ask(&local, "www.example.", SOA).answers.len(), 2);
    assert_eq!(lines(&ask(&local, "out.example.", A).answers), ["out.example. 9 IN CNAME b.test."]);
    assert_eq!(local.warnings().len(), 1);
    assert!(local.warnings()[0].contains("out.example."), "{:?}", local.warnings());
}

#[test]
fn wrong_records_are_told_together_each_with_what_would_be_right() {
    let wrong = [
        ("", "not one record"),
        ("db.example.", "not one record"),
        ("db.example. A 192.0.2.1", "ttl not specified"),
        ("db.example. 300 A", "write"),
        ("db.example. 300 A 192.0.2.256", "write"),
        ("db.example. 300 A ::1", "write"),
        ("db.example. 300 BOGUS x", "write"),
        // Found by a fuzz target: it was answered with a record that nobody can read.
        ("db.example. 300 TXT", "no text; an empty one is written"),
        ("db.example. 300 CH TXT x", "class CH"),
        ("*.example. 300 A 192.0.2.1", "wildcard"),
        ("$INCLUDE /etc/passwd", "not one record"),
        ("$ORIGIN example.", "not one record"),
        ("@ 300 A 192.0.2.1", "not one record"),
        ("; only a comment", "not one record"),
        ("a.example. 300 A 192.0.2.1\nb.example. 300 A 192.0.2.1", "not one record"),
        ("a.example. 300 ANAME b.example.", "type ANAME"),
        ("a.example. 300 DNSKEY x", "write"),
        ("ok.example. 300 A 192.0.2.1", ""),
        ("ok.example. 300 CNAME a.example.", "CNAME must be the only record"),
    ];
    let failure = Local::build(&with_records(&wrong.map(|(line, _)| line)), std::iter::empty()).unwrap_err();
    assert_eq!(failure.code, ExitCode::Config);
    let told: Vec<&str> = failure.message.lines().collect();
    let wanted: Vec<(usize, &str)> = wrong
        .iter()
        .enumerate()
        .filter(|(_, (_, reason))| !reason.is_empty())
        .map(|(index, (_, reason))| (index + 1, *reason))
        .collect();
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for (line, (number, reason)) in told.iter().zip(wanted) {
        assert!(line.starts_with(&format!("local.records, line {number}: ")) && line.contains(reason), "{line}");
    }
}

#[test]
fn text_that_no_message_can_hold_is_told() {
    let long = format!("a.example. 300 TXT {}", "x".repeat(256));
    let failure = Local::build(&with_records(&[&long]), std::iter::empty()).unwrap_err();
    assert!(failure.message.starts_with("local.records, line 1: "), "{failure}");
}

#[test]
fn cnames_in_a_circle_are_told() {
    let failure =
        Local::build(&with_records(&["a.test 60 CNAME b.test", "b.test 60 CNAME a.test"]), std::iter::empty())
            .unwrap_err();
    assert_eq!(failure.code, ExitCode::Config);
    assert_eq!(failure.message.lines().count(), 2);
}

#[test]
fn a_large_set_is_answered_whole() {
    let records: Vec<String> = (0..200).map(|n| format!("big.example. 60 A 192.0.2.{n}")).collect();
    let local = local(&config::Local { records, ..settings() }, &["."]);
    assert_eq!(ask(&local, "big.example.", A).answers.len(), 200);
}

//------ CHAOS ------

#[test]
fn the_server_tells_about_itself_what_it_may() {
    let settings = config::Local { identity: Some("node-1".to_owned()), version: None, ..settings() };
    let local = local(&settings, &["."]);
    for name in ["id.server.", "hostname.bind."] {
        let message = ask_class(&local, name, TXT, CH);
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        assert_eq!(lines(&message.answers), [format!("{name} 0 CH TXT node-1")]);
        assert_eq!(ask_class(&local, name, ANY, CH).answers.len(), 1);
        assert_negative(&ask_class(&local, name, A, CH), ResponseCode::NoError, name, 0);
        assert_eq!(owner(&local, name, TXT), None, "class IN has no such names");
    }
    for name in ["version.server.", "version.bind.", "x.id.server.", "authors.bind.", ".", "localhost."] {
        assert_eq!(local.lookup(&wire(name), TXT, CH), Some(LocalZone::Chaos));
        let message = ask_class(&local, name, TXT, CH);
        assert_eq!(message.metadata.response_code, ResponseCode::Refused, "{name}");
        assert!(message.answers.is_empty() && message.authorities.is_empty() && !message.metadata.authoritative);
    }
}

#[test]
fn an_identity_must_fit_into_a_character_string() {
    let fits = config::Local { version: Some("x".repeat(255)), ..settings() };
    assert_eq!(ask_class(&local(&fits, &[]), "version.bind.", TXT, CH).answers.len(), 1);
    let long = config::Local { version: Some("x".repeat(256)), ..settings() };
    let failure = Local::build(&long, std::iter::empty()).unwrap_err();
    assert!(failure.message.starts_with("local.version: 256 bytes"), "{failure}");
}

//------ Anything ------

#[test]
fn other_classes_are_not_ours() {
    let local = local(&settings(), &["."]);
    for class in [0, 2, 4, 254, 255, 65_535] {
        assert_eq!(local.lookup(&wire("localhost."), A, class), None);
    }
}

#[test]
fn a_transfer_is_refused() {
    let local = local(&with_records(&["a.test. 60 A 192.0.2.1"]), &["."]);
    for name in ["test.", "localhost.", "a.test."] {
        let message = ask(&local, name, AXFR);
        assert!(message.answers.is_empty());
        assert_ne!(message.metadata.response_code, ResponseCode::NoError);
    }
}

proptest! {
    #[test]
    fn any_name_type_and_class_is_answered(
        labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..8), 0..6),
        top in prop::sample::select(vec!["localhost.", "10.in-addr.arpa.", "a.test.", "id.server.", "."]),
        qtype in any::<u16>(),
        qclass in prop::sample::select(vec![1_u16, 3, 255]),
    ) {
        let local = local(&with_records(&["a.test. 60 A 192.0.2.1"]), &[".", "b.test"]);
        let mut name = Vec::new();
        for label in labels {
            name.push(u8::try_from(label.len()).unwrap());
            name.extend(label.to_ascii_lowercase());
        }
        name.extend(wire(top));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let message = Message::from_vec(&runtime.block_on(local.answer(&name, qtype, qclass))).unwrap();
        proptest::prop_assert_eq!(message.metadata.message_type, MessageType::Response);
        proptest::prop_assert_eq!(message.queries.len(), 1);
    }

    #[test]
    fn bytes_that_are_no_name_do_no_harm(name in prop::collection::vec(any::<u8>(), 0..300), qtype in any::<u16>()) {
        let local = local(&settings(), &["."]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(local.answer(&name, qtype, IN));
        proptest::prop_assert!(answer.len() >= HEADER && answer[2] & 0x80 != 0);
    }

    #[test]
    fn any_text_in_the_options_is_read_or_refused(text in "\\PC{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut own = own::OwnNames::default();
        let _ = records::parse(&[text.clone(), format!("a.test 60 TXT {text}"), format!("{text} 60 A 1.2.3.4")], &mut own);
        hosts::parse(&bytes, "hosts", &mut own, &mut Vec::new());
    }
}
