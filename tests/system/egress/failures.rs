//! Encrypted means encrypted: whatever is wrong with a server, no packet shows what was asked, and none goes to the port of plain DNS.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;

use super::broken::{ALL, Broken};
use super::tap::{Packet, Tap};
use super::{ip, is_inside};
use crate::common::ask::Ask;
use crate::common::certificate::Authority;
use crate::common::daemon::{Daemon, Setup};
use crate::common::skip::{Need, unless};
use crate::common::upstream::{NAME, Upstream, one_address};
use crate::common::wait_until;
use crate::common::wire::rcode;

/// A label that stands in every question and nowhere else.
const SECRET: &str = "what-nobody-may-read";

/// A server of plain DNS at the port of DNS on all addresses, which would gladly answer.
fn tempter() -> Upstream {
    Upstream::auto().on(([0, 0, 0, 0], 53).into()).serve(one_address)
}

/// A daemon that asks this server.
fn daemon(server: &str, extra: &str) -> Daemon {
    let extra = format!("timeout = \"1500ms\"\ntry-timeout = \"700ms\"\n{extra}");
    Setup::new()
        .section("log", "level = \"info\"")
        .upstream("secret", &[server.to_owned()], &extra)
        .zone(".", "secret", "")
        .start()
}

/// What is wrong with the packets that passed.
fn leaks(packets: &[Packet]) -> Vec<String> {
    let leak = |packet: &&Packet| packet.is_of_plain_dns() || packet.shows(SECRET) || packet.protocol != 6;
    let tell = |packet: &Packet| format!("protocol {}, ports {:?}: {:?}", packet.protocol, packet.ports, packet.bytes);
    packets.iter().filter(leak).map(tell).collect()
}

/// Asks a daemon behind a broken server: the daemon, and what is wrong with what came of it.
fn try_out(broken: &Broken, authority: &Authority, address: SocketAddr) -> (Daemon, Vec<String>) {
    let (_alive, extra) = (broken.start)(authority, address);
    let daemon = daemon(&format!("tls://{}#{NAME}", address.ip()), &format!("ca = {:?}\n{extra}", authority.file()));
    let mut wrong = Vec::new();
    for number in 0..2 {
        let answer = daemon.ask(&Ask::a(&format!("{number}.{SECRET}.example")).edns(1232));
        if answer.rcode() != rcode::SERVFAIL || answer.extended_errors().is_empty() {
            wrong.push(format!("{answer}"));
        }
    }
    daemon.wait_for_metric("nodens_upstream_failures_total", &[("reason", broken.reason)], 1.0);
    wait_until(&format!("the log tells of it: {}", broken.what), || {
        daemon.log().iter().any(|line| line.contains("a server") && line.contains(broken.log))
    });
    (daemon, wrong.into_iter().map(|text| format!("{}: {text}", broken.what)).collect())
}

/// N17: refused, reset, silent, with wrong certificates, other protocols, plain text, too old: nothing leaves in clear text, nothing goes
/// to port 53, and each has its counter and its line in the log.
#[test]
fn no_failure_of_a_server_shows_a_query_to_anybody() {
    let name = "egress::failures::no_failure_of_a_server_shows_a_query_to_anybody";
    if unless(&[Need::Namespaces]).is_some() || !is_inside(name) {
        return;
    }
    let (tempter, authority) = (tempter(), Authority::new());
    let tap = Tap::open();
    let (daemons, wrong): (Vec<Daemon>, Vec<Vec<String>>) = std::thread::scope(|scope| {
        let authority = &authority;
        let all: Vec<_> = (1..=u8::MAX)
            .zip(ALL)
            .map(|(number, broken)| scope.spawn(move || try_out(broken, authority, ([127, 0, 1, number], 853).into())))
            .collect();
        all.into_iter().map(|one| one.join().expect("a case that failed has said why")).unzip()
    });
    assert_eq!(wrong.concat(), [""; 0]);
    assert_eq!(leaks(&tap.close(&daemons)), [""; 0]);
    assert_eq!(tempter.queries(), 0, "the server of plain DNS was asked");
}

/// N17: packets that vanish on their way to the server.
#[test]
fn a_black_hole_shows_no_query_to_anybody() {
    let name = "egress::failures::a_black_hole_shows_no_query_to_anybody";
    if unless(&[Need::Namespaces]).is_some() || !is_inside(name) {
        return;
    }
    // The other end of the cable is nobody's with this hardware address.
    for arguments in [
        "link add hole type veth peer name end",
        "address add 10.99.0.1/24 dev hole",
        "link set hole up",
        "link set end up",
        "neighbour add 10.99.0.2 lladdr 02:00:00:00:00:01 dev hole nud permanent",
    ] {
        ip(&arguments.split(' ').collect::<Vec<_>>());
    }
    let (tempter, authority) = (tempter(), Authority::new());
    let hole = Broken {
        what: "nothing comes back",
        reason: "connect_timeout",
        log: "no answer in time",
        start: |_, _| (None, String::new()),
    };
    let tap = Tap::open();
    let (daemon, wrong) = try_out(&hole, &authority, ([10, 99, 0, 2], 853).into());
    assert_eq!(wrong, [""; 0]);
    assert_eq!(leaks(&tap.close(&[daemon])), [""; 0]);
    assert_eq!(tempter.queries(), 0, "the server of plain DNS was asked");
}

/// N17: a server that strips ALPN is used, since RFC 7858 does not know it, and encrypted like any other.
#[test]
fn a_server_without_alpn_serves_and_shows_no_query_to_anybody() {
    let name = "egress::failures::a_server_without_alpn_serves_and_shows_no_query_to_anybody";
    if unless(&[Need::Namespaces]).is_some() || !is_inside(name) {
        return;
    }
    let (tempter, authority) = (tempter(), Authority::new());
    let mut settings = ServerConfig::clone(&authority.certificate(&[NAME]).server());
    settings.alpn_protocols.clear();
    let server = Upstream::tls_with(&authority, Arc::new(settings));
    let server = server.on(([127, 0, 1, 1], 853).into()).serve(one_address);
    let tap = Tap::open();
    let daemon = daemon(&format!("tls://127.0.1.1#{NAME}"), &server.extra());
    assert_eq!(daemon.ask(&Ask::a(&format!("{SECRET}.example"))).rcode(), rcode::NOERROR);
    assert_eq!(leaks(&tap.close(&[daemon])), [""; 0]);
    assert_eq!((server.queries(), tempter.queries()), (1, 0));
}

#[test]
fn the_tap_sees_what_is_not_encrypted() {
    let name = "egress::failures::the_tap_sees_what_is_not_encrypted";
    if unless(&[Need::Namespaces]).is_some() || !is_inside(name) {
        return;
    }
    let _tempter = tempter();
    for scheme in ["udp", "tcp"] {
        let tap = Tap::open();
        let daemon = daemon(&format!("{scheme}://127.0.0.1"), "");
        assert_eq!(daemon.ask(&Ask::a(&format!("{SECRET}.example"))).rcode(), rcode::NOERROR);
        let packets = tap.close(&[daemon]);
        assert!(packets.iter().any(|packet| packet.is_of_plain_dns() && packet.shows(SECRET)), "{scheme}");
    }
}
