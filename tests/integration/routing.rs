//! Which server is asked: the longest suffix decides.

use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::upstream::{Upstream, one_address};

#[test]
fn the_longest_suffix_decides() {
    let (root, company, team) =
        (Upstream::tcp().serve(one_address), Upstream::tcp().serve(one_address), Upstream::tcp().serve(one_address));
    let daemon = Setup::new()
        .upstream("root", &[root.url()], "")
        .upstream("company", &[company.url()], "")
        .upstream("team", &[team.url()], "")
        .zone(".", "root", "")
        .zone("corp.example", "company", "")
        .zone("team.corp.example", "team", "")
        .start();
    let names = [
        ("www.example.org", &root),
        ("example", &root),
        ("notcorp.example", &root),
        ("corp.example", &company),
        ("www.corp.example", &company),
        ("xteam.corp.example", &company),
        ("TEAM.Corp.Example", &team),
        ("a.b.team.corp.example", &team),
    ];
    for (name, server) in names {
        let before = server.queries();
        daemon.ask(&Ask::a(name));
        assert_eq!(server.queries(), before + 1, "{name}");
    }
    assert_eq!((root.queries(), company.queries(), team.queries()), (3, 3, 2));
}

#[test]
fn zones_of_one_group_have_their_own_rules() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon =
        Setup::forward(&upstream).more("max-ttl = \"100s\"").zone("corp.example", "all", "max-ttl = \"7s\"").start();
    for (name, most) in [("www.example.org", 100), ("www.corp.example", 7)] {
        daemon.ask(&Ask::a(name));
        let ttl = daemon.ask(&Ask::a(name)).ttl();
        assert!(ttl <= most && ttl >= most - 1, "{name}: {ttl}");
    }
}

#[test]
fn what_a_client_sees_of_a_zone_is_counted_under_it() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).zone("corp.example", "all", "").start();
    daemon.ask(&Ask::a("www.corp.example"));
    daemon.ask(&Ask::a("www.example.org"));
    daemon.wait_for_metric("coredns_dns_requests_total", &[("zone", "corp.example.")], 1.0);
    daemon.wait_for_metric("coredns_dns_requests_total", &[("zone", ".")], 1.0);
}
