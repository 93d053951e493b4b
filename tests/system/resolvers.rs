//! dnsdist and unbound as DNS-over-TLS resolvers.

use super::bind;
use super::common::ask::{Ask, Over};
use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup};
use super::common::peer::{Peer, free_address};
use super::common::skip::{Need, unless};
use super::common::upstream::NAME;
use super::common::wire::{Message, kind, rcode};

/// A daemon in front of a resolver at `address` that `authority` has certified.
fn daemon(authority: &Authority, address: std::net::SocketAddr) -> Daemon {
    let extra = format!("ca = {:?}", authority.file());
    Setup::new().upstream("all", &[format!("tls://{address}#{NAME}")], &extra).zone(".", "all", "").start()
}

/// Records of all kinds pass, and memory keeps them.
fn serves_public_names(daemon: &Daemon) {
    for _ in 0..2 {
        assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses()[0].to_string(), "192.0.2.80");
        assert_eq!(daemon.ask(&Ask::new("www.example.org", kind::AAAA)).addresses().len(), 1);
        let alias = daemon.ask(&Ask::a("ALIAS.example.org"));
        assert_eq!((alias.answers.len(), alias.answers[0].kind), (2, kind::CNAME));
        assert_eq!(daemon.ask(&Ask::new("example.org", kind::MX)).answers[0].names, ["mail.example.org"]);
        assert_eq!(daemon.ask(&Ask::new("text.example.org", kind::TXT)).answers[0].text(), "onetwo");
        assert_eq!(daemon.ask(&Ask::new("odd.example.org", 65_400)).answers[0].data, [0xc0, 0x0c, 0xff, 0]);
        let empty = daemon.ask(&Ask::new("www.example.org", kind::TXT));
        assert_eq!((empty.rcode(), empty.answers.len()), (rcode::NOERROR, 0));
    }
}

/// 300 names at once: all are answered over few connections. (dnsdist answers one query at a time unless told otherwise, and forgets those
/// that share a TLS record with the one in hand; queries in records of their own it takes as they come.)
fn serves_a_burst(daemon: &Daemon) {
    let client = daemon.udp();
    for id in 0..300_u16 {
        client.send(&Ask::a(&format!("burst-{id}.example.org")).id(id));
        if id % 100 == 99 {
            daemon.wait_for_metric("coredns_cache_misses_total", &[], f64::from(id / 2));
        }
    }
    for _ in 0..300 {
        let bytes = client.receive_bytes();
        let id = Message::read(&bytes).unwrap().id;
        let answer = Ask::a(&format!("burst-{id}.example.org")).id(id).check(&bytes, Over::Udp);
        assert_eq!(answer.rcode(), rcode::NOERROR, "{answer}");
        assert_eq!(answer.addresses()[0].to_string(), "192.0.2.99");
    }
    let handshakes = daemon.metric("nodens_upstream_handshakes_total", &[]);
    assert!(handshakes <= 2.5, "{handshakes} handshakes");
}

#[test]
fn dnsdist_serves_over_tls() {
    if unless(&[Need::Program("named"), Need::Program("dnsdist")]).is_some() {
        return;
    }
    let (authority, backend) = (Authority::new(), bind());
    let resolver = Peer::dnsdist(free_address(), backend.address, &authority.certificate(&[NAME]));
    let daemon = daemon(&authority, resolver.address);
    serves_public_names(&daemon);
    serves_a_burst(&daemon);
}

#[test]
fn unbound_serves_over_tls() {
    if unless(&[Need::Program("named"), Need::Program("unbound")]).is_some() {
        return;
    }
    let (authority, backend) = (Authority::new(), bind());
    let resolver = Peer::unbound(free_address(), backend.address, &authority.certificate(&[NAME]));
    let daemon = daemon(&authority, resolver.address);
    serves_public_names(&daemon);
    serves_a_burst(&daemon);
}

#[test]
fn a_resolver_that_restarts_is_found_again() {
    if unless(&[Need::Program("named"), Need::Program("unbound")]).is_some() {
        return;
    }
    let (authority, backend) = (Authority::new(), bind());
    let certificate = authority.certificate(&[NAME]);
    let resolver = Peer::unbound(free_address(), backend.address, &certificate);
    let (daemon, address) = (daemon(&authority, resolver.address), resolver.address);
    daemon.ask(&Ask::a("www.example.org"));
    drop(resolver);
    let _again = Peer::unbound(address, backend.address, &certificate);
    // The old connection is dead; the query that finds out is sent again on a new one, and its client sees nothing.
    assert_eq!(daemon.ask(&Ask::a("mail.example.org")).rcode(), rcode::NOERROR);
}
