//! RFC 4035, protocol modifications for DNSSEC, and RFC 6840, their clarifications: DO, AD and CD.
//!
//! - RFC 4035 section 3.2.1: a server "MUST NOT" give signatures to those who did not set DO.
//! - RFC 4035 section 3.2.2: "if the CD bit is set, it indicates that the originating resolver is willing to perform whatever authentication its
//!   local policy requires"; such a query gets the data.
//! - RFC 4035 section 3.2.3: AD "if and only if all RRsets in the Answer section and any relevant negative response RRs in the Authority
//!   section are authentic".
//! - RFC 6840 section 5.7: AD in a query asks for AD in the answer, without DO. Section 5.8: AD is shown to those alone who set DO or AD.
//! - RFC 4035 section 4.7: what is bogus may be kept for a short time, and must not be given for something else.

use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup};
use super::common::signing::{SignedZone, address, denial, message, server};
use super::common::upstream::{Action, Query, Upstream};
use super::common::wire::{Message, kind, rcode};

/// All eight combinations of DO, AD and CD.
fn combinations() -> impl Iterator<Item = (bool, bool, bool)> {
    (0..8).map(|bits: u8| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0))
}

/// A query with these bits.
fn query(name: &str, (dnssec_ok, authentic, checking_disabled): (bool, bool, bool)) -> Ask {
    let mut ask = Ask::a(name).edns(1232);
    if dnssec_ok {
        ask = ask.dnssec_ok();
    }
    if authentic {
        ask = ask.wants_authentic();
    }
    if checking_disabled {
        ask = ask.checking_disabled();
    }
    ask
}

/// The root, signed; with "signed.example" and a wildcard below it, "changed.example" that is not what was signed, and "open" that is another
/// zone's and not signed. AD is always set: whoever believes it is wrong.
fn world(zone: &SignedZone, query: &Query) -> Action {
    let (owner, id) = (query.name(), query.message.id);
    let asked = RecordType::from(query.kind());
    let reply = |rcode, answers, authorities| {
        let mut bytes = message(id, &owner, asked, rcode, answers, authorities);
        bytes[3] |= 0x20;
        Action::Answer(vec![bytes])
    };
    let with = |set| zone.start().into_iter().chain(zone.signed(set)).collect();
    match (owner.as_str(), query.kind()) {
        ("" | ".", kind) if kind == u16::from(RecordType::DNSKEY) => reply(ResponseCode::NoError, zone.keys(), vec![]),
        ("signed.example", kind::A) => {
            reply(ResponseCode::NoError, zone.signed(vec![address("signed.example", 1)]), vec![])
        }
        ("changed.example", kind::A) => {
            let mut set = zone.signed(vec![address("changed.example", 1)]);
            set[0].data = address("changed.example", 66).data;
            reply(ResponseCode::NoError, set, vec![])
        }
        ("www.open", kind::A) => reply(ResponseCode::NoError, vec![address("www.open", 2)], vec![]),
        ("open", kind) if kind == u16::from(RecordType::DS) => {
            reply(ResponseCode::NoError, vec![], with(vec![denial("open", "p", &[RecordType::NS])]))
        }
        ("open", kind) if kind == u16::from(RecordType::NS) => {
            reply(ResponseCode::NoError, vec![server("open")], vec![])
        }
        (name, _) if name.ends_with("open") => reply(ResponseCode::NoError, vec![], vec![]),
        _ => reply(ResponseCode::NXDomain, vec![], with(vec![denial(".", "open", &[RecordType::SOA, RecordType::NS])])),
    }
}

/// A daemon that validates what the world says, and its server.
fn validating() -> (Upstream, Daemon, tempfile::TempDir) {
    let zone = SignedZone::new(".", clock::wall());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchors");
    std::fs::write(&file, zone.anchor()).unwrap();
    let upstream = Upstream::tcp().serve(move |query| world(&zone, query));
    let daemon = Setup::new()
        .section("dnssec", &format!("trust-anchors = {file:?}"))
        .upstream("all", &[upstream.url()], "")
        .zone(".", "all", "dnssec = \"validate\"")
        .start();
    (upstream, daemon, folder)
}

/// What an answer shows: RCODE, AD, and whether there are signatures.
fn shown(answer: &Message) -> (u16, bool, bool) {
    let signature = u16::from(RecordType::RRSIG);
    let signed = answer.answers.iter().chain(&answer.authorities).any(|record| record.kind == signature);
    (answer.rcode(), answer.authentic(), signed)
}

/// N28
#[test]
fn what_is_shown_follows_from_the_bits_of_the_query_whoever_asked_before() {
    for before in combinations() {
        let (_upstream, daemon, _folder) = validating();
        for (name, code) in [
            ("signed.example", rcode::NOERROR),
            ("changed.example", rcode::SERVFAIL),
            ("www.open", rcode::NOERROR),
            ("gone.example", rcode::NXDOMAIN),
        ] {
            daemon.ask(&query(name, before));
            for now in combinations() {
                let (dnssec_ok, authentic, checking_disabled) = now;
                let answer = daemon.ask(&query(name, now));
                let is_signed = matches!(name, "signed.example" | "gone.example");
                let expected = if checking_disabled {
                    let code = if name == "changed.example" { rcode::NOERROR } else { code };
                    (code, false, dnssec_ok && name != "www.open")
                } else {
                    (code, is_signed && (dnssec_ok || authentic), is_signed && dnssec_ok)
                };
                assert_eq!(shown(&answer), expected, "{name}: {now:?} after {before:?}\n{answer}");
                assert_eq!(answer.checking_disabled(), checking_disabled, "CD comes back");
            }
        }
    }
}

/// N28
#[test]
fn a_zone_that_forwards_shows_what_the_server_says_to_those_who_ask_for_it() {
    let authority = Authority::new();
    for before in combinations() {
        let zone = SignedZone::new(".", clock::wall());
        let upstream = Upstream::tls(&authority).serve(move |query| {
            let mut set = zone.signed(vec![address("signed.example", 1)]);
            let wants = query.message.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
            set.retain(|record| wants || !matches!(record.data, RData::DNSSEC(DNSSECRData::RRSIG(_))));
            let mut bytes = message(query.message.id, &query.name(), RecordType::A, ResponseCode::NoError, set, vec![]);
            // A resolver that validates, but not for those who do so themselves.
            bytes[3] |= if query.message.checking_disabled() { 0x10 } else { 0x20 };
            Action::Answer(vec![bytes])
        });
        let daemon = Setup::forward(&upstream).more("dnssec = \"forward\"").start();
        daemon.ask(&query("signed.example", before));
        for now in combinations() {
            let (dnssec_ok, authentic, checking_disabled) = now;
            let answer = daemon.ask(&query("signed.example", now));
            let expected = (rcode::NOERROR, (dnssec_ok || authentic) && !checking_disabled, dnssec_ok);
            assert_eq!(shown(&answer), expected, "{now:?} after {before:?}\n{answer}");
        }
    }
}

/// N28
#[test]
fn servers_are_asked_for_unvalidated_data_with_signatures() {
    let (upstream, daemon, _folder) = validating();
    assert_eq!(daemon.ask(&Ask::a("signed.example")).rcode(), rcode::NOERROR);
    let seen = upstream.seen();
    assert!(seen.iter().any(|query| query.kind() == u16::from(RecordType::DNSKEY)));
    for query in seen {
        let wants = query.message.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
        assert!(wants && query.message.checking_disabled() && !query.message.authentic(), "{}", query.message);
    }
}

/// N28
#[test]
fn names_below_one_that_is_proved_not_to_exist_are_denied_with_the_same_proof() {
    let (upstream, daemon, _folder) = validating();
    let first = daemon.ask(&Ask::a("gone.example").dnssec_ok());
    let asked = upstream.queries();
    let below = daemon.ask(&Ask::a("a.b.gone.example").dnssec_ok());
    assert_eq!(
        (shown(&first), shown(&below)),
        ((rcode::NXDOMAIN, true, true), (rcode::NXDOMAIN, true, true)),
        "{below}"
    );
    assert_eq!(upstream.queries(), asked, "from memory");
    let kinds = |answer: &Message| {
        let mut kinds: Vec<u16> = answer.authorities.iter().map(|record| record.kind).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(kinds(&first), kinds(&below));
}

#[test]
fn an_answer_is_kept_no_longer_than_its_signature_is_valid() {
    let zone = SignedZone::new(".", clock::wall());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchors");
    std::fs::write(&file, zone.anchor()).unwrap();
    let upstream = Upstream::tcp().serve(move |query| {
        let answers = match query.kind() {
            kind::A => zone.signed_as(vec![address("short.example", 1)], 2, -60, 40),
            _ => zone.keys(),
        };
        let asked = RecordType::from(query.kind());
        let bytes = message(query.message.id, &query.name(), asked, ResponseCode::NoError, answers, vec![]);
        Action::Answer(vec![bytes])
    });
    let daemon = Setup::new()
        .section("dnssec", &format!("trust-anchors = {file:?}"))
        .upstream("all", &[upstream.url()], "")
        .zone(".", "all", "dnssec = \"validate\"")
        .start();
    let answer = daemon.ask(&Ask::a("short.example").dnssec_ok());
    assert!(answer.authentic() && answer.ttl() <= 40, "{answer}");
}
