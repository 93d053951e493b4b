//! Who may ask, how much, and for what; and the names that nobody gets.

use std::fmt::Write as _;

use super::common::ask::Ask;
use super::common::client::{Tcp, Udp, prefixed};
use super::common::compose::Compose;
use super::common::daemon::{Daemon, Setup, check};
use super::common::upstream::{Query, Upstream, one_address};
use super::common::wire::{CH, Message, kind, name_bytes, rcode};
use super::common::{elapsed, wait_until};
use super::reload::{FAILURES, RELOADS, file, refusals, reload, replace};

/// Extended errors (RFC 8914 section 4).
const OTHER: u16 = 0;
const BLOCKED: u16 = 15;
const PROHIBITED: u16 = 18;

/// Queries for blocked names.
const DENIED: &str = "nodens_queries_blocked_total";
/// Queries that were refused, by reason.
const REJECTED: &str = "nodens_queries_rejected_total";

/// A server for everything, and a daemon with these lines in a section.
fn with(section: &'static str, lines: &str) -> (Upstream, Setup) {
    let upstream = Upstream::tcp().serve(aliases);
    let setup = Setup::forward(&upstream).section(section, lines);
    (upstream, setup)
}

/// `aliasN.NAME` is an alias of `aliasN-1.NAME` and so on down to NAME, in one answer; every other name has an address.
fn aliases(query: &Query) -> Compose {
    let name = query.name();
    let Some((count, target)) = name.strip_prefix("alias").and_then(|rest| rest.split_once('.')) else {
        return one_address(query);
    };
    let count: u32 = count.parse().unwrap();
    let name = |n: u32| if n == 0 { target.to_owned() } else { format!("alias{n}.{target}") };
    let links = (1..=count).rev().fold(query.answer(), |answer, n| {
        answer.record(0, &name(n), kind::CNAME, 300, &name_bytes(&name(n - 1).to_ascii_uppercase()))
    });
    links.record(0, target, kind::A, 300, &[192, 0, 2, 1])
}

/// Code and extended errors of the answer to a question with EDNS.
#[track_caller]
fn verdict(answer: &Message) -> (u16, Vec<u16>) {
    (answer.rcode(), answer.extended_errors())
}

/// What becomes of a name over UDP and over TCP, which must be the same.
#[track_caller]
fn ask(daemon: &Daemon, name: &str) -> (u16, Vec<u16>) {
    let ask = Ask::a(name).edns(1232);
    let over_udp = verdict(&daemon.ask(&ask));
    assert_eq!(over_udp, verdict(&daemon.tcp().ask(&ask)), "{name}");
    over_udp
}

/// That a name has an address.
const GIVEN: (u16, Vec<u16>) = (rcode::NOERROR, Vec::new());

//------ Who may ask -------------------------------------------------------------------------------------------------

#[test]
fn a_source_outside_the_list_gets_no_connection_and_refused_by_datagram_until_a_reload_lets_it_in() {
    let (upstream, setup) = with("listen", "allow = [\"127.0.0.2/32\"]");
    let daemon = setup.start();
    let question = Ask::a("www.example.org").edns(1232);
    let between = |client: [u8; 4]| Tcp::between(client.into(), daemon.tcp_address());
    let from = |client: [u8; 4]| Udp::from_to(client.into(), daemon.udp_address());
    assert_eq!(verdict(&between([127, 0, 0, 2]).ask(&question)), GIVEN);
    // A kept answer is no way around the list.
    let refused = (rcode::REFUSED, vec![PROHIBITED]);
    assert_eq!(verdict(&from([127, 0, 0, 3]).ask(&question)), refused);
    let mut connection = between([127, 0, 0, 3]);
    let _ = connection.send_bytes(&prefixed(&question.bytes()));
    assert_eq!(connection.wait_for_close(), [0; 0]);
    daemon.wait_for_metric("nodens_tcp_refused_total", &[("limit", "source")], 1.0);
    daemon.wait_for_metric(REJECTED, &[("reason", "not_allowed")], 1.0);
    // Who asks from the very address that is asked is ourselves, and the daemon is ready although it is not in the list.
    assert_eq!(verdict(&daemon.tcp().ask(&question)), refused);
    wait_until("ready", || daemon.http("health", "/ready").status == 200);
    reload(&daemon, &setup.section("listen", "allow = [\"127.0.0.3/32\"]"));
    assert_eq!(verdict(&from([127, 0, 0, 3]).ask(&question)), GIVEN);
    assert_eq!(verdict(&between([127, 0, 0, 3]).ask(&question)), GIVEN);
    assert_eq!(verdict(&from([127, 0, 0, 2]).ask(&question)), refused);
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn a_source_outside_the_list_learns_nothing_by_malformed_queries() {
    let (upstream, setup) = with("listen", "allow = [\"127.0.0.2/32\"]");
    let daemon = setup.start();
    let stranger = daemon.udp();
    for question in [Ask::a("www.example.org").questions(2), Ask::a("www.example.org").opcode(5)] {
        assert_eq!(stranger.ask(&question).rcode(), rcode::REFUSED);
    }
    for question in
        [Ask::new("id.server", kind::TXT).class(CH), Ask::new("example.org", kind::ANY), Ask::a("localhost")]
    {
        assert_eq!(stranger.ask(&question).rcode(), rcode::REFUSED);
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn a_list_of_a_thousand_prefixes_of_both_families_is_looked_up_as_one_of_two() {
    let mut list = String::new();
    (0..1_000).for_each(|n| write!(list, "\"10.{}.{}.0/24\", ", n / 250, n % 250).unwrap());
    let (_upstream, setup) = with("listen", &format!("allow = [{list}\"127.0.0.2\", \"::1\"]"));
    let daemon = setup.section("listen", "addresses = [\"127.0.0.1:0\", \"[::1]:0\"]").start();
    let question = Ask::a("www.example.org");
    let allowed = Udp::from_to([127, 0, 0, 2].into(), daemon.udp_address());
    assert_eq!(allowed.ask(&question).rcode(), rcode::NOERROR);
    assert_eq!(daemon.ask(&question).rcode(), rcode::REFUSED);
    let six = *daemon.listening("protocol=udp").iter().find(|address| address.is_ipv6()).unwrap();
    assert_eq!(Udp::to(six).ask(&question).rcode(), rcode::NOERROR);
}

#[test]
fn who_may_read_metrics_and_health_changes_with_a_reload() {
    let (_upstream, setup) = with("health", "allow = [\"192.0.2.0/24\"]");
    let daemon = setup.start();
    assert_eq!(daemon.http("health", "/ready").status, 403);
    assert_eq!(daemon.http("metrics", "/metrics").status, 200);
    reload(&daemon, &setup.clone().section("health", "allow = [\"127.0.0.0/8\"]"));
    assert_eq!(daemon.http("health", "/ready").status, 200);
    // By then the metrics are closed, which have told of the reload so far.
    replace(&file(&daemon), &setup.section("health", "allow = []").section("metrics", "allow = [\"::1\"]").text());
    wait_until("the metrics are closed", || daemon.http("metrics", "/metrics").status == 403);
}

//------ How much ----------------------------------------------------------------------------------------------------

/// How many of `count` queries are answered, all others being refused with a reason.
fn answered(client: &Udp, count: u16) -> usize {
    let question = Ask::a("www.example.org").edns(1232);
    let verdicts = (0..count).map(|_| verdict(&client.ask(&question)));
    verdicts
        .filter(|verdict| {
            *verdict == GIVEN || {
                assert_eq!(*verdict, (rcode::REFUSED, vec![OTHER]));
                false
            }
        })
        .count()
}

/// N5
#[test]
fn a_client_that_asks_too_fast_is_refused_on_all_its_sockets_and_no_other_is() {
    let (_upstream, setup) = with("limits", "client-rate = 1\nclient-burst = 50\nclient-rate-exempt = [\"127.0.1.3\"]");
    let daemon = setup.section("listen", "workers = 2").start();
    let start = nodens::sys::clock::now();
    let sum: usize = (0..20).map(|_| answered(&daemon.udp_of(0), 10)).sum();
    let most = 51 + usize::try_from(elapsed(start).as_secs()).unwrap();
    assert!((50..=most).contains(&sum), "{sum} of at most {most}");
    let mut connection = Tcp::between([127, 0, 1, 1].into(), daemon.tcp_address());
    let over_tcp = (0..20).filter(|_| connection.ask(&Ask::a("www.example.org")).rcode() == rcode::NOERROR).count();
    assert!(over_tcp < 15, "the same tokens over TCP: {over_tcp}");
    assert_eq!(answered(&daemon.udp_of(1), 40), 40, "another client");
    assert_eq!(answered(&daemon.udp_of(2), 200), 200, "one that is exempt");
    let refused = daemon.metric(REJECTED, &[("reason", "client_rate")]);
    assert!(refused > 100.0, "{refused}");
    let lines: Vec<_> = daemon.log().into_iter().filter(|line| line.contains("a client asks too fast")).collect();
    assert!((1..=20).contains(&lines.len()) && lines[0].contains("client=127.0.1.1"), "{lines:?}");
}

#[test]
fn without_a_rate_nobody_is_refused_and_a_reload_sets_and_lifts_one() {
    let (_upstream, setup) = with("limits", "client-rate = 0");
    let daemon = setup.start();
    let client = daemon.udp_of(0);
    assert_eq!(answered(&client, 300), 300);
    let limited = setup.clone().section("limits", "client-rate = 1\nclient-burst = 5");
    reload(&daemon, &limited);
    assert!((5..30).contains(&answered(&client, 60)));
    // What was used up stays used up over a reload of something else.
    reload(&daemon, &limited.section("local", "special-use = false"));
    assert!(answered(&client, 60) < 30);
    reload(&daemon, &setup);
    assert_eq!(answered(&client, 60), 60);
}

#[test]
fn malformed_queries_count_as_queries() {
    let (_upstream, setup) = with("limits", "client-rate = 1\nclient-burst = 5");
    let daemon = setup.start();
    let client = daemon.udp_of(0);
    let codes: Vec<u16> = (0..60).map(|_| client.ask(&Ask::a("www.example.org").questions(2)).rcode()).collect();
    assert_eq!(codes[0], rcode::FORMERR);
    assert!(codes.iter().filter(|code| **code == rcode::REFUSED).count() > 30, "{codes:?}");
}

//------ For what ----------------------------------------------------------------------------------------------------

#[test]
fn types_that_nobody_gets_are_refused_whatever_the_name() {
    let (upstream, setup) = with("policy", "refuse-types = [\"NULL\", \"TXT\", \"TYPE65399\"]");
    let daemon = setup.start();
    for number in [10, kind::TXT, 65_399] {
        let question = Ask::new("www.example.org", number).edns(1232);
        for answer in [daemon.ask(&question), daemon.tcp().ask(&question)] {
            assert_eq!(verdict(&answer), (rcode::REFUSED, vec![PROHIBITED]), "TYPE{number}");
        }
    }
    assert_eq!(upstream.queries(), 0);
    assert_eq!(ask(&daemon, "www.example.org"), GIVEN);
    daemon.wait_for_metric(REJECTED, &[("reason", "type")], 6.0);
}

/// N29
#[test]
fn updates_notifications_and_transfers_go_nowhere_over_any_transport() {
    for upstream in [Upstream::udp(), Upstream::tcp()] {
        let upstream = upstream.serve(one_address);
        let daemon = Setup::forward(&upstream).start();
        // An update of RFC 2136: a zone, no prerequisite, one record to add; a notification of RFC 1996 with the new SOA.
        let record = [&name_bytes("new.example.org")[..], &[0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 9]].concat();
        let counted = |section: usize, question: &Ask| {
            let mut message = [question.bytes(), record.clone()].concat();
            message[7 + 2 * section] = 1;
            message
        };
        let update = Ask::new("example.org", kind::SOA).opcode(5).id(1);
        let notify = Ask::new("example.org", kind::SOA).opcode(4).id(2);
        let axfr = Ask::new("example.org", kind::AXFR).id(3);
        let ixfr = Ask::new("example.org", kind::IXFR).id(4);
        for (question, message, code) in [
            (&update, counted(1, &update), rcode::NOTIMP),
            (&update, update.bytes(), rcode::NOTIMP),
            (&notify, counted(0, &notify), rcode::NOTIMP),
            (&axfr, axfr.bytes(), rcode::REFUSED),
            (&ixfr, ixfr.bytes(), rcode::REFUSED),
            // RFC 1995: the SOA that the client has stands in the authority section.
            (&ixfr, counted(1, &ixfr), rcode::FORMERR),
        ] {
            let (datagram, mut stream) = (daemon.udp(), daemon.tcp());
            datagram.send_bytes(&message);
            assert_eq!(datagram.receive(question).rcode(), code, "{question:?}");
            stream.send_bytes(&prefixed(&message)).unwrap();
            assert_eq!(stream.receive(question).rcode(), code, "{question:?} over TCP");
        }
        assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::NOERROR);
        assert_eq!(upstream.queries(), 1, "only the question went on");
    }
}

#[test]
fn the_chaos_class_tells_nothing_unless_it_is_told_to() {
    let (upstream, setup) = with("local", "special-use = true");
    let daemon = setup.start();
    let names =
        ["id.server", "hostname.bind", "version.server", "version.bind", "authors.bind", "www.example.org", "."];
    for name in names {
        for number in [kind::TXT, kind::ANY, kind::A] {
            let question = Ask::new(name, number).class(CH).edns(1232);
            for answer in [daemon.ask(&question), daemon.tcp().ask(&question)] {
                assert_eq!((answer.rcode(), answer.answers.len()), (rcode::REFUSED, 0), "{name} TYPE{number}");
            }
        }
    }
    wait_until("ready all the same", || daemon.http("health", "/ready").status == 200);
    reload(&daemon, &setup.section("local", "identity = \"auto\"\nversion = \"auto\""));
    let told = |name: &str, number: u16| daemon.ask(&Ask::new(name, number).class(CH));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(told("id.server", kind::TXT).answers[0].text(), host.trim());
    assert!(told("version.bind", kind::TXT).answers[0].text().starts_with("nodens "));
    // RFC 8482: one set is enough for ANY.
    assert_eq!(told("id.server", kind::ANY).answers.len(), 1);
    assert_eq!(upstream.queries(), 0);
}

//------ Names that nobody gets --------------------------------------------------------------------------------------

/// What becomes of a blocked name.
fn denied() -> (u16, Vec<u16>) {
    (rcode::NXDOMAIN, vec![BLOCKED])
}

#[test]
fn blocked_names_are_denied_with_a_reason_and_never_asked() {
    let (upstream, setup) = with("policy", "block = [\"example.bad\"]\nunblock = [\"good.example.bad\"]");
    let daemon = setup.start();
    for name in ["example.bad", "www.example.bad", "a.b.c.WWW.example.BAD", "www.example.bad"] {
        assert_eq!(ask(&daemon, name), denied(), "{name}");
    }
    let answer = daemon.ask(&Ask::new("x.example.bad", kind::AAAA));
    let soa = answer.authorities.iter().find(|record| record.kind == kind::SOA).unwrap();
    assert_eq!((answer.rcode(), soa.ttl), (rcode::NXDOMAIN, 60), "whoever keeps it does so for a minute");
    assert_eq!(upstream.queries(), 0);
    for name in ["good.example.bad", "www.good.example.bad", "bad", "xexample.bad"] {
        assert_eq!(ask(&daemon, name), GIVEN, "{name}");
    }
    assert_eq!(daemon.metric(DENIED, &[]), 9.0, "counted each time, also from memory");
    assert_eq!(daemon.metric("nodens_blocked_names", &[]), 1.0);
    assert_eq!(daemon.metric("coredns_dns_responses_total", &[("rcode", "NXDOMAIN"), ("plugin", "policy")]), 9.0);
    let lines: Vec<_> = daemon.log().into_iter().filter(|line| line.contains("a blocked name")).collect();
    assert!(lines.len() == 9 && lines[0].contains("name=example.bad. client=127.0.0.1"), "{lines:?}");
    (0..100).for_each(|_| assert_eq!(ask(&daemon, "example.bad"), denied()));
    let lines = daemon.log().iter().filter(|line| line.contains("a blocked name")).count();
    assert!(lines < 15, "no stranger can fill the log: {lines}");
}

#[test]
fn an_alias_that_leads_to_a_blocked_name_is_denied_and_one_that_does_not_is_not() {
    let (upstream, setup) = with("policy", "block = [\"example.bad\", \"alias2.tracker.example\"]");
    let daemon = setup.start();
    let before = daemon.metric(DENIED, &[]);
    for (name, expected) in [
        ("alias1.www.example.org", GIVEN),
        ("alias5.www.example.org", GIVEN),
        ("alias1.tracker.example", GIVEN),
        ("alias3.tracker.example", denied()),
        ("alias9.tracker.example", denied()),
    ] {
        for _ in 0..2 {
            assert_eq!(ask(&daemon, name), expected, "{name}");
        }
    }
    assert_eq!(daemon.metric(DENIED, &[]) - before, 8.0);
    assert_eq!(upstream.queries_for("alias3.tracker.example"), 1, "the denial is kept");
}

#[test]
fn names_and_aliases_that_are_kept_already_are_denied_after_a_reload_and_all_others_stay() {
    let (upstream, setup) = with("local", "special-use = true");
    let daemon = setup.start();
    let (bad, led, other) = ("www.example.bad", "alias3.shop.example", "www.example.org");
    for name in [bad, led, other] {
        assert_eq!(ask(&daemon, name), GIVEN, "{name}");
    }
    reload(&daemon, &setup.clone().section("policy", "block = [\"example.bad\", \"alias1.shop.example\"]"));
    assert_eq!((ask(&daemon, bad), ask(&daemon, led), ask(&daemon, other)), (denied(), denied(), GIVEN));
    assert_eq!(upstream.queries_for(other), 1, "what is not blocked is still kept");
    reload(&daemon, &setup);
    assert_eq!((ask(&daemon, bad), ask(&daemon, led), ask(&daemon, other)), (GIVEN, GIVEN, GIVEN));
    assert_eq!(upstream.queries_for(other), 1);
}

#[test]
fn answers_of_the_last_process_that_lead_to_a_blocked_name_are_not_taken_over() {
    let upstream = Upstream::tcp().serve(aliases);
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("cache");
    let setup = Setup::forward(&upstream).section("cache", &format!("snapshot = {kept:?}"));
    let mut daemon = setup.start();
    for name in ["www.example.bad", "alias2.shop.example", "www.example.org"] {
        assert_eq!(ask(&daemon, name), GIVEN, "{name}");
    }
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait();
    let daemon = setup
        .section("policy", "block = [\"example.bad\", \"shop.example\"]\nunblock = [\"alias2.shop.example\"]")
        .start();
    assert_eq!(daemon.metric("nodens_snapshot_entries", &[("state", "restored")]), 1.0);
    assert_eq!(ask(&daemon, "www.example.bad"), denied());
    assert_eq!(ask(&daemon, "alias2.shop.example"), denied());
    assert_eq!(ask(&daemon, "www.example.org"), GIVEN);
    assert_eq!(upstream.queries_for("www.example.org"), 1);
}

#[test]
fn a_list_in_a_file_is_followed_and_a_mistake_in_it_keeps_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("blocked");
    std::fs::write(&list, "# mine\nexample.bad\n").unwrap();
    let (_upstream, setup) = with("policy", &format!("block-file = {list:?}"));
    let daemon = setup.start();
    assert_eq!((ask(&daemon, "www.example.bad"), ask(&daemon, "www.example.evil")), (denied(), GIVEN));
    replace(&list, "0.0.0.0 localhost\n0.0.0.0 example.evil www.example.bad\n");
    daemon.wait_for_metric(RELOADS, &[], 1.0);
    let now =
        || ["www.example.bad", "mail.example.bad", "www.example.evil", "localhost"].map(|name| ask(&daemon, name));
    assert_eq!(now(), [denied(), GIVEN, denied(), GIVEN]);
    assert_eq!(daemon.metric("nodens_blocked_names", &[]), 2.0);
    for (number, (text, reason)) in [
        (Some("example.evil\n<html>404</html>\n"), ":2: "),
        (Some("example.evil\n192.0.2.7 printer\n"), "goes into local.hosts"),
        (None, "block-file"),
    ]
    .into_iter()
    .enumerate()
    {
        match text {
            Some(text) => replace(&list, text),
            None => std::fs::remove_file(&list).unwrap(),
        }
        daemon.wait_for_metric(FAILURES, &[], f64::from(u8::try_from(number + 1).unwrap()));
        wait_until("a line says why", || refusals(&daemon).len() == number + 1);
        let line = refusals(&daemon).pop().unwrap();
        assert!(line.contains(list.to_str().unwrap()) && line.contains(reason), "{line}");
        assert_eq!(now(), [denied(), GIVEN, denied(), GIVEN], "the list before is in force");
    }
    replace(&list, "");
    daemon.wait_for_metric(RELOADS, &[], 2.0);
    assert_eq!(now(), [GIVEN, GIVEN, GIVEN, GIVEN]);
}

#[test]
fn check_says_what_is_wrong_with_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("blocked");
    std::fs::write(&list, "good.example\n*.bad.example\n").unwrap();
    let (_upstream, setup) = with("policy", &format!("block-file = {list:?}"));
    let (_, output) = check(&setup.text());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("{}:2: \"*.bad.example\" has a star", list.display())), "{said}");
    assert_eq!(output.status.code(), Some(78));
}

#[test]
fn a_flood_of_names_below_a_blocked_one_reaches_nobody() {
    let (upstream, setup) = with("policy", "block = [\"example.bad\"]");
    let daemon = setup.start();
    let client = daemon.udp();
    for number in 0..2_000_u16 {
        let answer = client.ask(&Ask::a(&format!("tunnel-{number}.example.bad")).id(number));
        assert_eq!(answer.rcode(), rcode::NXDOMAIN);
    }
    assert_eq!(upstream.queries(), 0);
    assert_eq!(ask(&daemon, "www.example.org"), GIVEN);
}
