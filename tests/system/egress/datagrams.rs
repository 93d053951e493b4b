//! Over UDP among real servers: cookies of bind9, and answers that come in fragments.

use super::{ip, is_inside};
use crate::common::ask::Ask;
use crate::common::daemon::{Daemon, Setup};
use crate::common::peer::{Peer, free_address};
use crate::common::skip::{Need, unless};
use crate::common::upstream::{Query, Upstream, Via};
use crate::common::wire::{kind, rcode};

/// The zone that bind9 knows.
const ZONES: &[(&str, &str)] = &[("example.org", crate::PUBLIC_ZONE)];

/// A daemon that asks this server over UDP.
fn daemon(server: std::net::SocketAddr, extra: &str) -> Daemon {
    Setup::new()
        .section("log", "level = \"info\"")
        .upstream("all", &[format!("auto://{server}")], extra)
        .zone(".", "all", "")
        .start()
}

/// Asks for this many names that exist.
#[track_caller]
fn ask(daemon: &Daemon, names: std::ops::Range<u32>) {
    for number in names {
        assert_eq!(daemon.ask(&Ask::a(&format!("name-{number}.example.org"))).addresses()[0].to_string(), "192.0.2.99");
    }
}

/// The sum of the doubts about UDP.
fn doubts(daemon: &Daemon) -> f64 {
    daemon.metric("nodens_upstream_doubts_total", &[])
}

/// N29: RFC 7873 with a server that offers cookies.
#[test]
fn cookies_are_exchanged_with_bind9() {
    if unless(&[Need::Program("named")]).is_some() {
        return;
    }
    let server = Peer::bind(free_address(), ZONES);
    let daemon = daemon(server.address, "");
    ask(&daemon, 0..20);
    assert_eq!(daemon.metric("nodens_upstream_cookies_total", &[("event", "right")]), 20.0);
    assert_eq!((daemon.metric("nodens_upstream_cookies_total", &[("event", "refused")]), doubts(&daemon)), (0.0, 0.0));
    // bind9 writes K for a cookie without one of its own, and V for both.
    let log = server.log();
    let with = |flag: char| log.lines().filter(|line| line.contains(" query: ") && flags(line).contains(flag)).count();
    assert_eq!((with('K'), with('V')), (1, 19), "{log}");
}

/// The flags at the end of a line about a query, such as `+E(0)DV`.
fn flags(line: &str) -> &str {
    line.split_whitespace().find(|word| word.starts_with('+')).unwrap_or_default()
}

/// N29: BADCOOKIE is answered by the cookie that came with it, once, and from then on there is none.
#[test]
fn a_bind9_that_insists_on_cookies_is_shown_its_own() {
    if unless(&[Need::Program("named")]).is_some() {
        return;
    }
    let server = Peer::bind_saying(free_address(), ZONES, "require-server-cookie yes;");
    let daemon = daemon(server.address, "");
    ask(&daemon, 0..20);
    assert_eq!(daemon.metric("nodens_upstream_cookies_total", &[("event", "refused")]), 1.0);
    assert_eq!(daemon.metric("nodens_upstream_cookies_total", &[("event", "right")]), 20.0);
    assert_eq!(doubts(&daemon), 0.0);
}

#[test]
fn a_bind9_whose_secret_changes_costs_no_answer() {
    if unless(&[Need::Program("named")]).is_some() {
        return;
    }
    let address = free_address();
    let server = Peer::bind_saying(address, ZONES, "require-server-cookie yes;");
    let daemon = daemon(address, "");
    ask(&daemon, 0..5);
    drop(server);
    let _again = Peer::bind_saying(address, ZONES, "require-server-cookie yes;");
    ask(&daemon, 5..10);
    assert_eq!(daemon.metric("nodens_upstream_cookies_total", &[("event", "refused")]), 2.0);
    assert_eq!(doubts(&daemon), 0.0);
}

/// Where cookies are switched off at the server, it is asked over TCP three times, and then without them.
#[test]
fn a_bind9_that_stops_answering_cookies_costs_no_answer() {
    if unless(&[Need::Program("named")]).is_some() {
        return;
    }
    let address = free_address();
    let server = Peer::bind(address, ZONES);
    let daemon = daemon(address, "");
    ask(&daemon, 0..5);
    drop(server);
    let _again = Peer::bind_saying(address, ZONES, "answer-cookie no;");
    ask(&daemon, 5..15);
    assert_eq!(daemon.metric("nodens_upstream_doubts_total", &[("reason", "cookie")]), 3.0);
    assert_eq!(daemon.metric("nodens_upstream_downgrades_total", &[("feature", "cookie")]), 1.0);
}

/// N29: RFC 9715 section 3.2: an answer in fragments, of which only the first is hard to forge, is not believed; the same question over TCP is answered.
#[test]
fn an_answer_in_fragments_is_not_believed_and_is_asked_for_over_tcp() {
    let name = "egress::datagrams::an_answer_in_fragments_is_not_believed_and_is_asked_for_over_tcp";
    if unless(&[Need::Namespaces, Need::Ipv6]).is_some() || !is_inside(name) {
        return;
    }
    let texts = |query: &Query| {
        let text = |number: u8| [&[250][..], &[number; 250]].concat();
        (0..6).fold(query.answer(), |answer, number| answer.answer(kind::TXT, 60, &text(number)))
    };
    // IPv6 first: it ends where an MTU is below its own.
    for (address, mtu) in [("[::1]:0", "1280"), ("127.0.0.1:0", "576")] {
        let server = Upstream::auto().on(address.parse().unwrap()).serve(texts);
        let daemon = daemon(server.address, "");
        ip(&["link", "set", "lo", "mtu", mtu]);
        let answer = daemon.tcp().ask(&Ask::new("text.example.org", kind::TXT));
        assert_eq!((answer.rcode(), answer.answers.len()), (rcode::NOERROR, 6), "{answer}");
        let fragments = daemon.metric("nodens_upstream_doubts_total", &[("reason", "fragments")]);
        let by_tcp = server.seen().iter().filter(|query| query.via == Via::Tcp).count();
        assert_eq!((fragments, by_tcp), (1.0, 1), "{address}");
    }
}
