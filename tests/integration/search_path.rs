//! What ndots:5 and search paths make of a name: a handful of names that do not exist, before the one that was meant.

use super::common::ask::Ask;
use super::common::compose::Compose;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Query, Upstream, one_address};
use super::common::wait_until;
use super::common::wire::{Message, kind, rcode};

/// The search path of a pod in the namespace "default", and the domain of its cloud.
const SEARCH: [&str; 4] = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "internal.cloud.example"];

/// The cluster's DNS and the cloud's: no name that a search path makes up exists.
fn nowhere(query: &Query) -> Compose {
    query.answer().rcode(rcode::NXDOMAIN).soa("cluster.local", 300, 300)
}

/// Everybody else's: every name exists, with IPv4 addresses only.
fn ipv4_only(query: &Query) -> Compose {
    if query.kind() == kind::A { one_address(query) } else { query.answer().soa(".", 300, 300) }
}

/// All that the C library asks for `name` with [`SEARCH`] and ndots:5: both families of each expansion, and then of the name itself.
fn look_up(daemon: &Daemon, name: &str) -> Vec<Message> {
    let expanded = SEARCH.iter().map(|suffix| format!("{name}.{suffix}"));
    let client = daemon.udp();
    let names = expanded.chain([name.to_owned()]);
    names.flat_map(|name| [kind::A, kind::AAAA].map(|kind| client.ask(&Ask::new(&name, kind)))).collect()
}

/// A daemon that asks `cluster` for the cluster's names and `internet` for all others, with these lines in `[local]`.
fn daemon(cluster: &Upstream, internet: &Upstream, local: &str) -> Daemon {
    Setup::new()
        .section("local", local)
        .upstream("cluster", &[cluster.url()], "")
        .upstream("internet", &[internet.url()], "")
        .zone("cluster.local", "cluster", "class = \"internal\"\nmax-negative-ttl = \"30s\"")
        .zone(".", "internet", "")
        .start()
}

/// N12: once the expansions of a name are known not to exist, memory answers them.
#[test]
fn a_walk_through_a_search_path_is_asked_for_once() {
    let (cluster, internet) = (Upstream::tcp().serve(nowhere), Upstream::tcp().serve(ipv4_only));
    let daemon = daemon(&cluster, &internet, "");
    for _ in 0..20 {
        let answers = look_up(&daemon, "api.example.org");
        assert!(answers[..6].iter().all(|answer| answer.rcode() == rcode::NXDOMAIN));
        assert!(answers[6..].iter().all(|answer| answer.rcode() == rcode::NOERROR));
    }
    assert_eq!(cluster.queries(), 3, "a denial is about both families");
    // Two names that exist here, with both families each.
    assert_eq!(internet.queries(), 4);
}

/// N12: a list of dead search suffixes answers without an upstream.
#[test]
fn dead_suffixes_are_denied_here_and_never_asked() {
    let (cluster, internet) = (Upstream::tcp().serve(nowhere), Upstream::tcp().serve(ipv4_only));
    let dead = r#"dead-suffixes = ["org.*.svc.cluster.local", "org.svc.cluster.local", "org.cluster.local", "internal.cloud.example"]
records = ["meta.internal.cloud.example 60 A 192.0.2.7"]"#;
    let daemon = daemon(&cluster, &internet, dead);
    for number in 0..20 {
        let answers = look_up(&daemon, &format!("api-{number}.example.org"));
        for answer in &answers[..8] {
            assert_eq!((answer.rcode(), answer.authorities[0].kind), (rcode::NXDOMAIN, kind::SOA), "{answer}");
        }
        assert_eq!(answers[8].addresses().len(), 1);
    }
    assert_eq!((cluster.queries(), internet.queries()), (0, 40));
    // Asked again, they are answered as fast as what is kept.
    let hits = || daemon.metric("coredns_cache_hits_total", &[("type", "denial")]);
    let before = hits();
    let again = daemon.ask(&Ask::a("api-0.example.org.default.svc.cluster.local"));
    assert!(again.rcode() == rcode::NXDOMAIN && again.authoritative(), "{again}");
    wait_until("it is a hit", || hits() > before);
    assert_eq!(daemon.tcp().ask(&Ask::a("A.Internal.Cloud.example")).rcode(), rcode::NXDOMAIN);
    assert_eq!(daemon.ask(&Ask::a("meta.internal.cloud.example")).addresses()[0].to_string(), "192.0.2.7");
    assert_eq!(daemon.ask(&Ask::a("cloud.example")).addresses().len(), 1, "what is above is alive");
    let denied = [("plugin", "local"), ("rcode", "NXDOMAIN")];
    daemon.wait_for_metric("coredns_dns_responses_total", &denied, 1.0);
}

/// N25: the cluster's own denial would hold for five minutes.
#[test]
fn a_service_that_was_denied_before_it_was_made_is_found_as_soon_as_its_denial_ends() {
    let made = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let state = std::sync::Arc::clone(&made);
    let cluster = Upstream::tcp().serve(move |query| {
        if state.load(std::sync::atomic::Ordering::SeqCst) { one_address(query) } else { nowhere(query) }
    });
    let daemon = Setup::forward(&cluster).zone("cluster.local", "all", "class = \"internal\"").start();
    let ask = Ask::a("new.default.svc.cluster.local");
    let denial = daemon.ask(&ask);
    assert_eq!(denial.rcode(), rcode::NXDOMAIN);
    assert!(denial.authorities[0].ttl <= 5, "whoever keeps it as well keeps it no longer: {denial}");
    made.store(true, std::sync::atomic::Ordering::SeqCst);
    let start = nodens::sys::clock::now();
    wait_until("the new service is found", || !daemon.ask(&ask).addresses().is_empty());
    // Two seconds more than allowed, for a machine that is busy with other things.
    assert!(super::common::elapsed(start).as_secs() < 7);
}
