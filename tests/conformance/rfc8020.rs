//! RFC 8020, NXDOMAIN: there really is nothing underneath.
//!
//! - Section 2: after an NXDOMAIN "all names and resource record sets (RRsets) at or below that node SHOULD be considered
//!   unreachable".
//! - Section 2: an empty answer (NODATA) says nothing about the names below.
//! - Section 5 of RFC 8020 tells of servers that answer NXDOMAIN for a name that has others below it. A zone can leave the cut out, and does
//!   if its class is internal.
//! - The cut holds within one class of answers: what was said to a client that checks signatures is not said to one that does not.

use super::behind;
use super::common::ask::Ask;
use super::common::daemon::Setup;
use super::common::upstream::{Query, Upstream, one_address};
use super::common::wire::{kind, rcode};

/// `gone.example.org` and all below do not exist, `empty.example.org` has no addresses; everything else has one.
fn partly_gone(query: &Query) -> super::common::compose::Compose {
    match query.name() {
        name if name.ends_with("gone.example.org") => {
            query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 300, 300)
        }
        name if name == "empty.example.org" => query.answer().soa("example.org", 300, 300),
        _ => one_address(query),
    }
}

#[test]
fn names_below_a_name_that_does_not_exist_are_denied_from_memory() {
    let (upstream, daemon) = behind(partly_gone);
    daemon.ask(&Ask::a("gone.example.org"));
    for name in ["a.gone.example.org", "a.b.c.gone.example.org", "A.GONE.example.org"] {
        let answer = daemon.ask(&Ask::new(name, kind::TXT));
        assert_eq!(answer.rcode(), rcode::NXDOMAIN);
        assert_eq!(answer.authorities[0].kind, kind::SOA, "{answer}");
    }
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn names_beside_and_above_are_not_denied() {
    let (_upstream, daemon) = behind(partly_gone);
    daemon.ask(&Ask::a("gone.example.org"));
    for name in ["here.example.org", "xgone.example.com", "example.org", "org"] {
        assert_eq!(daemon.ask(&Ask::a(name)).rcode(), rcode::NOERROR, "{name}");
    }
}

#[test]
fn an_empty_answer_denies_nothing_below() {
    let (_upstream, daemon) = behind(partly_gone);
    assert!(daemon.ask(&Ask::a("empty.example.org")).answers.is_empty());
    assert_eq!(daemon.ask(&Ask::a("a.empty.example.org")).addresses().len(), 1);
}

#[test]
fn the_cut_does_not_reach_into_another_class_of_answers() {
    let upstream = Upstream::tcp().serve(partly_gone);
    let daemon = Setup::forward(&upstream).more("dnssec = \"forward\"").start();
    daemon.ask(&Ask::a("gone.example.org"));
    daemon.ask(&Ask::a("a.gone.example.org").dnssec_ok());
    assert_eq!(upstream.queries(), 2, "the second one asks for signatures");
    daemon.ask(&Ask::a("b.gone.example.org"));
    assert_eq!(upstream.queries(), 2);
}

#[test]
fn the_denial_of_one_zone_does_not_reach_into_another() {
    let (internet, cluster) = (
        Upstream::tcp().serve(|query| query.answer().rcode(rcode::NXDOMAIN).soa(".", 300, 300)),
        Upstream::tcp().serve(one_address),
    );
    let daemon = Setup::new()
        .upstream("internet", &[internet.url()], "")
        .upstream("cluster", &[cluster.url()], "")
        .zone(".", "internet", "")
        .zone("cluster.local", "cluster", "class = \"internal\"")
        .start();
    assert_eq!(daemon.ask(&Ask::a("local")).rcode(), rcode::NXDOMAIN);
    assert_eq!(daemon.ask(&Ask::a("web.default.svc.cluster.local")).addresses().len(), 1);
    assert_eq!(daemon.ask(&Ask::a("printer.local")).rcode(), rcode::NXDOMAIN);
    assert_eq!((internet.queries(), cluster.queries()), (1, 1), "the printer's denial follows from that of local");
}

#[test]
fn the_denial_of_a_name_above_does_not_hide_the_nodes_own() {
    let upstream = Upstream::tcp().serve(|query| query.answer().rcode(rcode::NXDOMAIN).soa(".", 300, 300));
    let daemon = Setup::forward(&upstream).section("local", "records = [\"db.example 300 A 192.0.2.7\"]").start();
    assert_eq!(daemon.ask(&Ask::a("example")).rcode(), rcode::NXDOMAIN);
    assert_eq!(daemon.ask(&Ask::a("db.example")).addresses().len(), 1);
}

#[test]
fn an_alias_to_a_name_that_does_not_exist_does_not_deny_names_below_the_alias() {
    let (_upstream, daemon) = behind(|query| match query.name().as_str() {
        "alias.example.org" => query
            .answer()
            .rcode(rcode::NXDOMAIN)
            .answer(kind::CNAME, 300, &super::common::wire::name_bytes("gone.example.org"))
            .soa("example.org", 300, 300),
        _ => one_address(query),
    });
    assert_eq!(daemon.ask(&Ask::a("alias.example.org")).rcode(), rcode::NXDOMAIN);
    assert_eq!(daemon.ask(&Ask::a("a.alias.example.org")).rcode(), rcode::NOERROR);
}

/// The cluster's DNS: two services in the namespace "default", and no namespace "com".
fn cluster(query: &Query) -> super::common::compose::Compose {
    match query.name().as_str() {
        "web.default.svc.cluster.local" | "default.svc.cluster.local" => one_address(query),
        _ => query.answer().rcode(rcode::NXDOMAIN).soa("cluster.local", 30, 30),
    }
}

/// N12: what a dead search suffix is made of is learnt from one denial.
#[test]
fn a_cluster_zone_that_wants_the_cut_denies_all_names_below_a_dead_search_suffix() {
    let upstream = Upstream::tcp().serve(cluster);
    let daemon = Setup::forward(&upstream)
        .zone("cluster.local", "all", "class = \"internal\"\nnxdomain-cut = true\nmax-negative-ttl = \"1m\"")
        .start();
    assert_eq!(daemon.ask(&Ask::a("com.svc.cluster.local")).rcode(), rcode::NXDOMAIN);
    for name in ["api.example.com.svc.cluster.local", "www.example.com.svc.cluster.local"] {
        for kind in [kind::A, kind::AAAA] {
            let answer = daemon.ask(&Ask::new(name, kind));
            assert_eq!(answer.rcode(), rcode::NXDOMAIN);
            assert_eq!(answer.authorities[0].kind, kind::SOA, "{answer}");
        }
    }
    assert_eq!(upstream.queries(), 1);
    assert_eq!(daemon.ask(&Ask::a("web.default.svc.cluster.local")).addresses().len(), 1);
}

#[test]
fn an_internal_zone_that_says_nothing_asks_for_names_below_a_denied_one() {
    let upstream = Upstream::tcp().serve(|query| match query.name().as_str() {
        // A server that keeps names of which it denies the parent.
        "db.corp.example" => one_address(query),
        _ => query.answer().rcode(rcode::NXDOMAIN).soa("example", 300, 300),
    });
    let daemon = Setup::forward(&upstream).zone("corp.example", "all", "class = \"internal\"").start();
    assert_eq!(daemon.ask(&Ask::a("corp.example")).rcode(), rcode::NXDOMAIN);
    assert_eq!(daemon.ask(&Ask::a("db.corp.example")).addresses().len(), 1);
}

#[test]
fn a_public_zone_can_leave_the_cut_out() {
    let upstream = Upstream::tcp().serve(partly_gone);
    let daemon = Setup::forward(&upstream).more("nxdomain-cut = false").start();
    daemon.ask(&Ask::a("gone.example.org"));
    daemon.ask(&Ask::a("a.gone.example.org"));
    assert_eq!(upstream.queries(), 2);
    daemon.ask(&Ask::new("gone.example.org", kind::TXT));
    assert_eq!(upstream.queries(), 2, "all types of the name itself are denied all the same");
}
