//! dig, kdig and dnsperf as clients.

use std::fmt::Write as _;

use super::common::compose::{Compose, text_data};
use super::common::daemon::{Daemon, Setup};
use super::common::peer::output;
use super::common::skip::{Need, unless};
use super::common::upstream::{Query, Upstream, one_address};
use super::common::wire::kind;

/// Texts are large, everything else is one address.
fn handler(query: &Query) -> Compose {
    match query.kind() {
        kind::TXT => (0..20).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 300, &text_data(100))),
        _ => one_address(query),
    }
}

/// A daemon, and the port that clients are told.
fn daemon() -> (Upstream, Daemon, String) {
    let upstream = Upstream::tcp().serve(handler);
    let daemon = Setup::forward(&upstream).section("local", "identity = \"node-7\"").start();
    let address = daemon.udp_address();
    assert_eq!(address, daemon.tcp_address(), "clients fall back to TCP on the same port");
    (upstream, daemon, address.port().to_string())
}

/// Runs dig with `arguments` against the daemon.
fn dig(port: &str, arguments: &[&str]) -> String {
    output("dig", &[&["@127.0.0.1", "-p", port, "+tries=1"], arguments].concat())
}

#[test]
fn dig_is_content_over_udp_and_tcp() {
    if unless(&[Need::Program("dig")]).is_some() {
        return;
    }
    let (_upstream, _daemon, port) = daemon();
    for transport in ["+notcp", "+tcp"] {
        for _ in 0..2 {
            let said = dig(&port, &[transport, "WwW.example.org", "A"]);
            assert!(
                said.contains("status: NOERROR") && said.contains("192.0.2.1") && said.contains("WwW.example.org."),
                "{said}"
            );
            assert!(!said.to_lowercase().contains("warning") && !said.contains("malformed"), "{said}");
        }
    }
}

#[test]
fn dig_falls_back_to_tcp_for_a_large_answer() {
    if unless(&[Need::Program("dig")]).is_some() {
        return;
    }
    let (_upstream, _daemon, port) = daemon();
    for size in ["+bufsize=512", "+bufsize=1232", "+noedns"] {
        let said = dig(&port, &[size, "text.example.org", "TXT"]);
        assert!(said.contains("Truncated, retrying in TCP mode") && said.contains("ANSWER: 20"), "{size}: {said}");
        let part = dig(&port, &[size, "+ignore", "text.example.org", "TXT"]);
        assert!(part.contains(" tc ") && !part.contains("ANSWER: 0"), "{size}: {part}");
    }
}

#[test]
fn dig_finds_nothing_odd_in_unusual_queries() {
    if unless(&[Need::Program("dig")]).is_some() {
        return;
    }
    let (_upstream, _daemon, port) = daemon();
    for (arguments, expected) in [
        (&["+ednsopt=65001:abcd", "www.example.org"][..], "status: NOERROR"),
        (&["+edns=1", "+noednsneg", "www.example.org"], "BADVERS"),
        (&["+nsid", "+cookie", "+subnet=192.0.2.0/24", "www.example.org"], "status: NOERROR"),
        (&["+header-only"], "status: FORMERR"),
        (&["+opcode=5", "www.example.org"], "status: NOTIMP"),
        (&["www.example.org", "ANY", "+notcp"], "RFC8482"),
        (&["id.server", "TXT", "CH"], "node-7"),
        (&["+dnssec", "www.example.org"], "flags: do"),
        (&["+norecurse", "www.example.org"], "status: "),
        (&["-x", "127.0.0.1"], "localhost."),
    ] {
        let said = dig(&port, arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("malformed") && !said.contains("expected opt record"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_zone_transfer_by_dig_is_refused() {
    if unless(&[Need::Program("dig")]).is_some() {
        return;
    }
    let (upstream, _daemon, port) = daemon();
    let said = dig(&port, &["example.org", "AXFR"]);
    assert!(said.contains("Transfer failed"), "{said}");
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn kdig_keeps_a_connection_open_for_several_queries() {
    if unless(&[Need::Program("kdig")]).is_some() {
        return;
    }
    let (_upstream, daemon, port) = daemon();
    // The daemon's own look at its listeners is a connection, too.
    super::common::wait_until("ready", || daemon.http("health", "/ready").status == 200);
    let names = ["a.example.org", "b.example.org", "c.example.org"];
    // Now and then it looks at a listener again meanwhile; not every time.
    super::common::wait_until("three queries by one connection", || {
        let before = daemon.metric("nodens_tcp_accepted_total", &[]);
        let said = output("kdig", &[&["@127.0.0.1", "-p", &port, "+tcp", "+keepopen"], &names[..]].concat());
        assert_eq!(said.matches("status: NOERROR").count(), 3, "{said}");
        (daemon.metric("nodens_tcp_accepted_total", &[]) - before - 1.0).abs() < 0.5
    });
}

#[test]
fn kdig_sees_edns_as_it_should_be() {
    if unless(&[Need::Program("kdig")]).is_some() {
        return;
    }
    let (_upstream, _daemon, port) = daemon();
    let said = output("kdig", &["@127.0.0.1", "-p", &port, "+edns", "+dnssec", "+padding", "www.example.org"]);
    assert!(said.contains("Version: 0; flags: do") && said.contains("192.0.2.1"), "{said}");
}

/// Runs dnsperf and fails unless every query was answered with NOERROR.
fn perfect(port: &str, mode: &str, names: usize, connections: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries");
    let mut text = String::new();
    for number in 0..names {
        writeln!(text, "name-{number}.example.org A").unwrap();
    }
    std::fs::write(&file, text).unwrap();
    let arguments = [
        "-s",
        "127.0.0.1",
        "-p",
        port,
        "-m",
        mode,
        "-c",
        connections,
        "-q",
        "100",
        "-n",
        "3",
        "-d",
        file.to_str().unwrap(),
    ];
    let said = output("dnsperf", &arguments);
    assert!(said.contains("Queries lost:         0 "), "{said}");
    let total = names * 3;
    assert!(said.contains(&format!("Response codes:       NOERROR {total} (100.00%)")), "{said}");
}

#[test]
fn dnsperf_loses_nothing_over_udp() {
    if unless(&[Need::Program("dnsperf")]).is_some() {
        return;
    }
    let (_upstream, _daemon, port) = daemon();
    perfect(&port, "udp", 3_000, "20");
}

#[test]
fn dnsperf_loses_nothing_over_tcp() {
    if unless(&[Need::Program("dnsperf")]).is_some() {
        return;
    }
    let (_upstream, _daemon, port) = daemon();
    perfect(&port, "tcp", 3_000, "20");
}
