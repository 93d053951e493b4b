//! bind9 as the cluster's DNS, over pooled TCP.

use super::common::ask::Ask;
use super::common::skip::{Need, unless};
use super::common::wire::{kind, rcode};
use super::{bind, in_front_of, rest};

/// What these tests need.
const NEEDS: &[Need] = &[Need::Program("named")];

#[test]
fn services_headless_sets_ports_and_denials_come_from_the_cluster() {
    if unless(NEEDS).is_some() {
        return;
    }
    let (cluster, rest) = (bind(), rest());
    let daemon = in_front_of(&cluster, &rest).start();
    for _ in 0..2 {
        let service = daemon.ask(&Ask::a("web.default.svc.cluster.local"));
        assert_eq!(service.addresses()[0].to_string(), "10.96.12.34");
        assert!(service.ttl() <= 30);
        assert_eq!(daemon.ask(&Ask::new("web.default.svc.cluster.local", kind::AAAA)).addresses().len(), 1);
        assert_eq!(daemon.ask(&Ask::a("db.prod.svc.cluster.local")).addresses().len(), 3);
        let port = daemon.ask(&Ask::new("_http._tcp.web.default.svc.cluster.local", kind::SRV));
        assert_eq!(port.answers[0].data[4..6], 80_u16.to_be_bytes());
        let gone = daemon.ask(&Ask::a("nothing.default.svc.cluster.local"));
        assert_eq!((gone.rcode(), gone.authorities[0].kind), (rcode::NXDOMAIN, kind::SOA));
        let empty = daemon.ask(&Ask::new("db.prod.svc.cluster.local", kind::AAAA));
        assert_eq!((empty.rcode(), empty.answers.len()), (rcode::NOERROR, 0));
    }
    assert_eq!(rest.queries(), 0, "no cluster name went elsewhere");
}

#[test]
fn the_search_list_of_a_pod_walks_through_memory() {
    if unless(NEEDS).is_some() {
        return;
    }
    let (cluster, rest) = (bind(), rest());
    let daemon = in_front_of(&cluster, &rest).start();
    // What ndots:5 makes of "www.example.com" in the namespace default.
    let search = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    for _ in 0..3 {
        for suffix in search {
            let answer = daemon.ask(&Ask::a(&format!("www.example.com.{suffix}")));
            assert_eq!(answer.rcode(), rcode::NXDOMAIN, "{suffix}");
        }
        assert_eq!(daemon.ask(&Ask::a("www.example.com")).rcode(), rcode::NOERROR);
    }
    assert_eq!(rest.queries(), 1);
    let asked = cluster.log().matches("query: www.example.com.").count();
    assert!(asked <= 3, "{asked} queries reached the cluster");
}

#[test]
fn a_set_of_200_pods_is_truncated_over_udp_and_whole_over_tcp() {
    if unless(NEEDS).is_some() {
        return;
    }
    let (cluster, rest) = (bind(), rest());
    let daemon = in_front_of(&cluster, &rest).start();
    let ask = Ask::a("many.prod.svc.cluster.local");
    for _ in 0..2 {
        let part = daemon.ask(&ask.clone().edns(1232));
        assert!(part.truncated() && part.answers.len() > 60, "{} records", part.answers.len());
        assert_eq!(daemon.tcp().ask(&ask).answers.len(), 200);
    }
}

#[test]
fn a_cluster_that_comes_back_is_found_again() {
    if unless(NEEDS).is_some() {
        return;
    }
    let (cluster, rest) = (bind(), rest());
    let daemon = in_front_of(&cluster, &rest).more("").start();
    let address = cluster.address;
    daemon.ask(&Ask::a("web.default.svc.cluster.local"));
    drop(cluster);
    assert_eq!(daemon.ask(&Ask::a("db.prod.svc.cluster.local")).rcode(), rcode::SERVFAIL);
    assert_eq!(
        daemon.ask(&Ask::a("web.default.svc.cluster.local")).rcode(),
        rcode::NOERROR,
        "what is kept still serves"
    );
    let _again = super::Peer::bind(address, &[("cluster.local", super::CLUSTER_ZONE)]);
    super::common::wait_until("the cluster's DNS serves again", || {
        daemon.ask(&Ask::a("db.prod.svc.cluster.local")).rcode() == rcode::NOERROR
    });
}
