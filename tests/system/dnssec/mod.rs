//! Zones that real tools have signed, served by a real server: our verdicts beside those of unbound and delv.

pub(super) mod world;

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup};
use super::common::peer::{Peer, all_output, free_address};
use super::common::skip::{Need, unless};
use super::common::wire::{Message, kind, rcode};

use world::{TOOLS, World, ZONES};

/// What the test needs, and whether it is missing.
fn is_missing(more: &[&'static str]) -> bool {
    let needs: Vec<Need> = TOOLS.iter().chain(more).map(|name| Need::Program(name)).collect();
    unless(&needs).is_some()
}

/// A daemon that validates what the world's server says.
fn validating(world: &World, more: &str) -> Daemon {
    Setup::new()
        .section("dnssec", &format!("trust-anchors = {:?}", world.anchors))
        .upstream("all", &[format!("auto://{}", world.resolver.address)], "")
        .zone(".", "all", &format!("dnssec = \"validate\"\n{more}"))
        .start()
}

/// Asks a server over UDP.
fn ask_at(server: std::net::SocketAddr, ask: &Ask) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.send_to(&ask.bytes(), server).unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    Message::read(&buffer[..length]).unwrap()
}

/// What is asked of each zone: name below it, type.
const QUESTIONS: &[(&str, u16)] = &[
    ("www", kind::A),
    ("www", kind::AAAA),
    ("mail", kind::MX),
    ("nothing", kind::A),
    ("a.b.c.nothing", kind::A),
    ("x.wild", kind::A),
    ("x.y.wild", kind::A),
    ("x.wild", kind::AAAA),
    ("b.ent", kind::A),
    ("here", kind::A),
    ("here", kind::AAAA),
    ("away", kind::A),
    ("plain", kind::A),
    ("bad", kind::A),
    ("gone", kind::A),
    ("x.alias", kind::A),
    ("www.tree", kind::A),
    ("nothing.tree", kind::A),
    ("", kind::SOA),
    ("", kind::NS),
    ("", DNSKEY),
    ("", DS),
    ("child", DS),
    ("child", kind::NS),
    ("www.child", kind::A),
    ("nothing.child", kind::A),
];

/// DNSKEY and DS, by number.
const DNSKEY: u16 = 48;
/// See [`DNSKEY`].
const DS: u16 = 43;

/// What matters of an answer: RCODE, AD, and whether its extended error tells of broken signatures (RFC 8914 sections 4.6 to 4.13).
fn essence(answer: &Message) -> (u16, bool, bool) {
    let is_broken = answer.extended_errors().iter().any(|error| (5..=12).contains(error));
    (answer.rcode(), answer.authentic(), is_broken)
}

/// N28
#[test]
fn verdicts_agree_with_unbound_on_every_zone() {
    if is_missing(&[]) {
        return;
    }
    let world = World::new();
    let daemon = validating(&world, "");
    let unbound = Peer::unbound_validating(free_address(), world.resolver.address, &world.anchors);
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (label, .., fault) in ZONES {
        for (name, kind) in QUESTIONS {
            let name = if name.is_empty() { format!("{label}.world") } else { format!("{name}.{label}.world") };
            let ask = Ask::new(&name, *kind).dnssec_ok();
            let (ours, theirs) = (daemon.ask(&ask), ask_at(unbound.address, &ask));
            seen += 1;
            if essence(&ours) != essence(&theirs) {
                let (ours, theirs) =
                    ((essence(&ours), ours.extended_errors()), (essence(&theirs), theirs.extended_errors()));
                wrong.push(format!("{name} {kind} ({fault:?}): ours {ours:?}, theirs {theirs:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
    let verdicts = ["secure", "insecure", "bogus", "indeterminate"]
        .map(|result| daemon.metric("nodens_dnssec_validations_total", &[("result", result)]));
    assert!(verdicts[..3].iter().all(|count| *count > 50.0) && verdicts[3] == 0.0, "{verdicts:?}");
}

/// N28
#[test]
fn delv_agrees_on_every_zone() {
    if is_missing(&["delv"]) {
        return;
    }
    let world = World::new();
    let daemon = validating(&world, "");
    let set = fs::read_to_string(&world.anchors).unwrap();
    let words: Vec<&str> = set.split_whitespace().collect();
    let (fields, digest) = (words[3..6].join(" "), words[6..].concat());
    let file = world.folder.path().join("delv");
    fs::write(&file, format!("trust-anchors {{ . static-ds {fields} \"{digest}\"; }};\n")).unwrap();
    let (port, file) = (world.resolver.address.port().to_string(), file.display().to_string());
    for (label, .., fault) in ZONES {
        for (name, kind) in [("www", "A"), ("nothing", "A"), ("www", "AAAA"), ("x.wild", "A")] {
            let name = format!("{name}.{label}.world");
            let said = all_output("delv", &["@127.0.0.1", "-p", &port, "-a", &file, "+root=.", &name, kind]);
            let theirs = match () {
                () if said.contains("; fully validated") || said.contains("; negative response, fully validated") => {
                    (true, true)
                }
                () if said.contains("unsigned answer") => (true, false),
                () if said.contains("resolution failed") => (false, false),
                () => panic!("{name} {kind}: {said}"),
            };
            let answer = daemon.ask(&Ask::new(&name, if kind == "A" { kind::A } else { kind::AAAA }).dnssec_ok());
            // It shows a denial as proved that may leave out an unsigned delegation; RFC 5155 section 9.2 forbids that, and unbound does not.
            let theirs = if (*label, name.starts_with("nothing")) == ("optout", true) { (true, false) } else { theirs };
            let ours = (answer.rcode() != rcode::SERVFAIL, answer.authentic());
            assert_eq!(ours, theirs, "{name} {kind} ({fault:?})\n{answer}\n{said}");
        }
    }
}

/// N28
#[test]
fn a_bogus_answer_is_a_failure_that_says_why() {
    if is_missing(&[]) {
        return;
    }
    let world = World::new();
    let daemon = validating(&world, "");
    for (label, name, reason) in [
        ("expired", "www", 7),
        ("future", "www", 8),
        ("wrongkey", "www", 9),
        ("stripped", "www", 10),
        ("changed", "www", 6),
        ("denial", "nothing", 12),
        ("denial3", "nothing", 12),
    ] {
        let ask = Ask::a(&format!("{name}.{label}.world"));
        let answer = daemon.ask(&ask.clone().edns(1232));
        assert_eq!((answer.rcode(), answer.extended_errors()), (rcode::SERVFAIL, vec![reason]), "{label}\n{answer}");
        assert!(answer.answers.is_empty() && !answer.authentic(), "{answer}");
        // Who does not want to be protected gets what there is.
        let answer = daemon.ask(&ask.clone().checking_disabled().edns(1232));
        assert!(answer.rcode() != rcode::SERVFAIL && !answer.authentic(), "{label}\n{answer}");
        // And nobody else gets it from memory.
        assert_eq!(daemon.ask(&ask).rcode(), rcode::SERVFAIL, "{label}");
    }
    for (label, reason) in [("algorithm", 1), ("digest", 2)] {
        let answer = daemon.ask(&Ask::a(&format!("www.{label}.world")).dnssec_ok());
        assert_eq!((answer.rcode(), answer.extended_errors()), (rcode::NOERROR, vec![reason]), "{label}\n{answer}");
        assert!(!answer.authentic(), "{answer}");
    }
    let line = daemon.log().into_iter().find(|line| line.contains("an answer is bogus")).unwrap();
    assert!(line.contains("name=www.expired.world.") && line.contains("signature expired"), "{line}");
}

/// N28
#[test]
fn names_below_a_negative_trust_anchor_are_answered_unjudged() {
    if is_missing(&[]) {
        return;
    }
    let world = World::new();
    let daemon = validating(&world, "negative-trust-anchors = [\"changed.world\", \"expired.world\"]");
    for name in ["www.changed.world", "www.expired.world"] {
        let answer = daemon.ask(&Ask::a(name).dnssec_ok());
        assert_eq!((answer.rcode(), answer.authentic()), (rcode::NOERROR, false), "{answer}");
    }
    assert_eq!(daemon.ask(&Ask::a("www.wrongkey.world")).rcode(), rcode::SERVFAIL);
    assert!(daemon.ask(&Ask::a("www.p256.world").dnssec_ok()).authentic());
}

/// N28
#[test]
fn an_anchor_below_an_unsigned_delegation_is_followed_as_soon_as_it_is_written() {
    if is_missing(&[]) {
        return;
    }
    let world = World::new();
    let daemon = validating(&world, "");
    let ask = |name: &str| {
        let answer = daemon.ask(&Ask::a(name).dnssec_ok());
        (answer.rcode(), answer.authentic())
    };
    assert_eq!(ask("www.island.world"), (rcode::NOERROR, false));
    assert_eq!(ask("www.unsigned.world"), (rcode::NOERROR, false));
    // The second is an anchor that the zone cannot meet: to take its signatures off is no way around it.
    let root = fs::read_to_string(&world.anchors).unwrap();
    let other = world.island.replace("island.world", "unsigned.world");
    fs::write(&world.anchors, format!("{root}\n{}\n{other}", world.island)).unwrap();
    daemon.wait_for_metric("nodens_reloads_total", &[], 1.0);
    assert_eq!(ask("www.island.world"), (rcode::NOERROR, true), "the answer that was kept is judged anew");
    assert_eq!(ask("nothing.island.world"), (rcode::NXDOMAIN, true));
    assert_eq!(ask("www.unsigned.world").0, rcode::SERVFAIL);
    assert_eq!(ask("www.p256.world"), (rcode::NOERROR, true));
    // A mistake leaves all as it was, and says where it is.
    fs::write(&world.anchors, format!("{root}\nisland.world. IN DS 1 2 3 zz\n")).unwrap();
    daemon.wait_for_metric("coredns_reload_failed_total", &[], 1.0);
    assert_eq!(ask("mail.island.world"), (rcode::NOERROR, true));
    let line = daemon.log().into_iter().find(|line| line.contains("not reloaded")).unwrap();
    assert!(line.contains("anchors:") && line.contains("dnssec.trust-anchors"), "{line}");
}
