//! Servers that go away and come back: found out by real traffic, tried again at nobody's cost, used again without a restart.

use std::time::Duration;

use nodens::sys::clock;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup};
use super::common::peer::free_address;
use super::common::upstream::{Action, Builder, Cut, Query, Upstream, one_address};
use super::common::wire::rcode;
use super::common::{elapsed, wait_until};

/// Times short enough for a test that waits for them.
const HASTE: &str = "timeout = \"1500ms\"\ntry-timeout = \"200ms\"";

/// A daemon with these servers in one group, under one of the policies.
fn daemon(servers: &[String], policy: &str, extra: &str) -> Daemon {
    let extra = format!("policy = {policy:?}\n{HASTE}\n{extra}");
    Setup::new().upstream("all", servers, &extra).zone(".", "all", "").start()
}

/// Asks for a name of the `number`th domain; the RCODE.
#[track_caller]
fn ask(daemon: &Daemon, number: usize) -> u16 {
    daemon.ask(&Ask::a(&format!("www.site-{number}.example")).edns(1232)).rcode()
}

/// The value of a metric of one server.
fn of(daemon: &Daemon, metric: &str, server: &str) -> f64 {
    daemon.metric(metric, &[("to", server.split('#').next().unwrap())])
}

/// N7
#[test]
fn a_dead_server_first_in_the_list_costs_nothing_once_it_is_found_out() {
    for scheme in [Upstream::udp as fn() -> Builder, Upstream::tcp] {
        let (first, second) = (scheme().serve(|_| Action::Ignore), scheme().serve(one_address));
        let daemon = daemon(&[first.url(), second.url()], "sequential", "");
        for number in 0..3 {
            assert_eq!(ask(&daemon, number), rcode::NOERROR);
        }
        daemon.wait_for_metric("nodens_upstream_ejections_total", &[("to", &first.url())], 1.0);
        assert_eq!(of(&daemon, "nodens_upstream_up", &first.url()), 0.0);
        assert_eq!(of(&daemon, "nodens_upstream_up", &second.url()), 1.0);
        let (start, before) = (clock::now(), first.queries());
        for number in 3..103 {
            assert_eq!(ask(&daemon, number), rcode::NOERROR);
        }
        // A hundred tries of the first would take 20 seconds.
        assert!(elapsed(start) < Duration::from_secs(10), "{:?}", elapsed(start));
        let probes = of(&daemon, "nodens_upstream_probes_total", &first.url());
        // Over TCP a probe may go out on an old and a fresh connection.
        assert!(first.queries() - before <= 12, "{} queries, {probes} probes", first.queries() - before);
        assert!(daemon.log().iter().any(|line| line.contains("a server is down") && line.contains(&first.url())));
    }
}

/// N7
#[test]
fn a_server_that_refuses_connections_is_down_at_once_and_hardly_asked_again() {
    let address = free_address();
    let dead = format!("tcp://{address}");
    let second = Upstream::tcp().serve(one_address);
    let daemon = daemon(&[dead.clone(), second.url()], "sequential", "");
    for number in 0..50 {
        assert_eq!(ask(&daemon, number), rcode::NOERROR);
    }
    assert_eq!(of(&daemon, "nodens_upstream_ejections_total", &dead), 1.0);
    assert_eq!(of(&daemon, "nodens_upstream_up", &dead), 0.0);
    daemon.wait_for_metric("coredns_proxy_healthcheck_failures_total", &[("to", &address.to_string())], 1.0);
    // The server starts at last, and is used without a restart of ours.
    let first = Upstream::tcp().on(address).serve(one_address);
    let mut number = 50;
    wait_until("the first server is asked again", || {
        number += 1;
        assert_eq!(ask(&daemon, number), rcode::NOERROR);
        first.queries() > 0
    });
    wait_until("it is up", || of(&daemon, "nodens_upstream_up", &dead) > 0.5);
    let before = second.queries();
    for number in 1000..1010 {
        assert_eq!(ask(&daemon, number), rcode::NOERROR);
    }
    assert_eq!(second.queries(), before, "all questions go to the first one again");
    assert!(daemon.log().iter().any(|line| line.contains("a server is up again")));
}

/// Two servers that treat one domain badly and others well, under each policy.
fn one_broken_domain(bad: fn(&Query) -> Action) {
    for policy in ["fastest", "sequential", "round-robin", "random"] {
        let servers =
            [Upstream::udp(), Upstream::udp()].map(|server| {
                server.serve(move |query| {
                    if query.name().ends_with("broken.example") { bad(query) } else { one_address(query).into() }
                })
            });
        let extra = "try-timeout = \"50ms\"\ntimeout = \"150ms\"";
        let extra = format!("policy = {policy:?}\n{extra}");
        let urls = servers.each_ref().map(Upstream::url);
        let daemon = Setup::new().upstream("all", &urls, &extra).zone(".", "all", "").start();
        for number in 0..12 {
            let answer = daemon.ask(&Ask::a(&format!("n{number}.broken.example")));
            assert_eq!(answer.rcode(), rcode::SERVFAIL, "{policy}");
        }
        for url in &urls {
            assert_eq!(of(&daemon, "nodens_upstream_ejections_total", url), 0.0, "{policy}");
            assert_eq!(of(&daemon, "nodens_upstream_up", url), 1.0, "{policy}");
        }
        assert_eq!(ask(&daemon, 0), rcode::NOERROR);
    }
}

/// N7
#[test]
fn one_domain_that_fails_marks_no_server_down() {
    one_broken_domain(|query| query.answer().rcode(rcode::SERVFAIL).into());
}

/// N7
#[test]
fn one_domain_about_which_nothing_is_said_marks_no_server_down() {
    one_broken_domain(|_| Action::Ignore);
}

/// Cuts both servers off until both are found to be down, asks on, and brings one of them back.
fn outage(servers: [Builder; 2], extra: &str) {
    let cuts = [Cut::default(), Cut::default()];
    let [one, other] = servers;
    let serve = |server: Builder, cut: &Cut| {
        let cut = cut.clone();
        server.serve(move |query| cut.pass(&one_address(query)))
    };
    let servers = [serve(one, &cuts[0]), serve(other, &cuts[1])];
    let urls = servers.each_ref().map(Upstream::url);
    let daemon = daemon(&urls, "fastest", extra);
    for number in 0..4 {
        assert_eq!(ask(&daemon, number), rcode::NOERROR);
    }
    cuts.iter().for_each(Cut::begin);
    let mut number = 100;
    wait_until("both servers are down", || {
        number += 1;
        let start = clock::now();
        let answer = daemon.ask(&Ask::a(&format!("www.site-{number}.example")).edns(1232));
        assert_eq!(answer.rcode(), rcode::SERVFAIL);
        assert!(!answer.extended_errors().is_empty(), "{answer}");
        assert!(elapsed(start) < Duration::from_secs(5), "{:?}", elapsed(start));
        daemon.metric("nodens_upstream_up", &[]) < 0.5
    });
    // Both are asked nevertheless, each time.
    let before = servers.each_ref().map(Upstream::queries);
    assert_eq!(ask(&daemon, 99), rcode::SERVFAIL);
    assert!(servers.iter().zip(before).all(|(server, before)| server.queries() > before));
    assert!(daemon.metric("coredns_forward_healthcheck_broken_total", &[]) >= 1.0);
    // The first question after the cut is answered, whichever server is back.
    cuts[1].end();
    let start = clock::now();
    assert_eq!(ask(&daemon, 98), rcode::NOERROR);
    assert!(elapsed(start) < Duration::from_secs(1), "{:?}", elapsed(start));
    wait_until("it is up", || of(&daemon, "nodens_upstream_up", &urls[1]) > 0.5);
    cuts[0].end();
    wait_until("the other is up, too", || {
        number += 1;
        assert_eq!(ask(&daemon, number), rcode::NOERROR);
        of(&daemon, "nodens_upstream_up", &urls[0]) > 0.5
    });
}

/// N8
#[test]
fn the_first_question_after_an_outage_of_all_servers_is_answered_over_udp() {
    outage([Upstream::udp(), Upstream::udp()], "");
}

/// N8
#[test]
fn the_first_question_after_an_outage_of_all_servers_is_answered_over_tcp() {
    outage([Upstream::tcp(), Upstream::tcp()], "");
}

/// N8
#[test]
fn the_first_question_after_an_outage_of_all_servers_is_answered_over_tls() {
    let authority = Authority::new();
    let servers = [Upstream::tls(&authority), Upstream::tls(&authority)];
    outage(servers, &format!("ca = {:?}", authority.file()));
}
