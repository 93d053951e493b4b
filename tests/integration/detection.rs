//! Who tunnels: found by the real daemon in what clients ask, and by the detector alone in hours and weeks of made traffic.

#[path = "../../benches/detection/mod.rs"]
#[expect(dead_code, reason = "the bench prints more of it")]
mod made;

use serde_json::Value;

use super::common::ask::Ask;
use super::common::control::Control;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;
use super::common::wire::{kind, rcode};
use made::evaluate::{ROWS, SEED, try_benign, try_row};

/// Sessions of each row that are tried.
const SESSIONS: u64 = 25;

/// The questions of a tunnel.
fn tunnel(daemon: &Daemon, numbers: std::ops::Range<u64>) -> Vec<u16> {
    let ask = |number: u64| {
        let digest = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        daemon.ask(&Ask::new(&format!("{digest:016x}{digest:016x}.t.badtunnel.net"), kind::TXT)).rcode()
    };
    numbers.map(ask).collect()
}

/// A daemon in this mode, behind it a server that knows everything.
fn in_mode(mode: &str) -> (Upstream, Daemon) {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("detect", &format!("mode = \"{mode}\"")).start();
    (upstream, daemon)
}

/// Waits for the first detection: a line that is a JSON object in whatever form the others are.
fn detection(daemon: &Daemon) -> Value {
    let find = || daemon.log().into_iter().find(|line| line.starts_with('{') && line.contains("\"detection\""));
    wait_until("a detection is logged", || find().is_some());
    serde_json::from_str(&find().unwrap()).expect("it is JSON")
}

/// N39
#[test]
fn a_tunnel_is_told_and_let_through_unless_the_operator_wants_more() {
    let (_upstream, daemon) = in_mode("observe");
    tunnel(&daemon, 0..40);
    let line = detection(&daemon);
    assert_eq!((line["rule"].as_str(), line["domain"].as_str()), (Some("burst"), Some("badtunnel.net.")), "{line}");
    assert_eq!((line["action"].as_str(), line["level"].as_str()), (Some("observed"), Some("info")), "{line}");
    assert!(
        line["reasons"][0].as_str().unwrap().contains("names never asked before under badtunnel.net in 60 s"),
        "{line}"
    );
    daemon.wait_for_metric("nodens_detections_total", &[("rule", "burst")], 1.0);
    assert!(tunnel(&daemon, 40..60).iter().all(|code| *code == rcode::NOERROR));
    assert!(daemon.metric("nodens_detect_sentences", &[]) < 0.5);
}

/// N39
#[test]
fn a_client_that_tunnels_is_blocked_below_that_domain_alone_and_gets_what_is_kept() {
    let upstream = Upstream::tcp().serve(one_address);
    let (daemon, control) = Control::start(Setup::forward(&upstream).section("detect", "mode = \"block\""));
    let kept = Ask::a("www.t.badtunnel.net");
    assert_eq!(daemon.ask(&kept).rcode(), rcode::NOERROR);
    tunnel(&daemon, 0..60);
    daemon.wait_for_metric("nodens_detect_sentences", &[], 1.0);
    assert!(tunnel(&daemon, 60..80).iter().all(|code| *code == rcode::REFUSED));
    assert_eq!(daemon.ask(&kept).rcode(), rcode::NOERROR, "what is kept is given");
    let told = control.json("explain new.t.badtunnel.net --client 127.0.0.1");
    assert_eq!(told["verdict"]["outcome"], "held-back", "{told}");
    assert!(told["client"]["held_back_seconds"].as_u64().is_some_and(|left| left <= 600), "{told}");
    assert_eq!(control.json("explain new.t.badtunnel.net --client 127.0.0.9")["verdict"]["outcome"], "ask");
    assert_eq!(daemon.ask(&Ask::a("www.other.net")).rcode(), rcode::NOERROR);
    daemon.wait_for_metric("nodens_queries_rejected_total", &[("reason", "detected")], 20.0);
    assert_eq!(detection(&daemon)["level"].as_str(), Some("warn"));
}

/// N39
#[test]
fn a_client_that_is_limited_gets_some_answers() {
    let (_upstream, daemon) = in_mode("rate-limit");
    tunnel(&daemon, 0..60);
    daemon.wait_for_metric("nodens_detect_sentences", &[], 1.0);
    let codes = tunnel(&daemon, 60..160);
    let refused = codes.iter().filter(|code| **code == rcode::REFUSED).count();
    assert!(refused >= 50, "{refused} of 100 were refused");
    let mut next = 160;
    wait_until("one is let through", || {
        next += 1;
        tunnel(&daemon, next..next + 1) == [rcode::NOERROR]
    });
}

/// N39
#[test]
fn attempts_at_rebinding_and_refused_types_are_told_with_their_client() {
    let upstream = Upstream::tcp().serve(|query| query.answer().addresses(300, &[[192, 168, 1, 1]]));
    let setup = Setup::new().upstream("all", &[upstream.url()], &upstream.extra());
    let setup = setup.zone(".", "all", "rebinding.mode = \"block\"");
    let daemon = setup.section("policy", "refuse-types = [\"NULL\"]").start();
    daemon.ask(&Ask::a("inside.attacker.example.org"));
    daemon.ask(&Ask::new("x.other.example.org", 10));
    for rule in ["rebinding", "type"] {
        daemon.wait_for_metric("nodens_detections_total", &[("rule", rule)], 1.0);
        let find =
            || daemon.log().into_iter().find(|line| line.starts_with('{') && line.contains(&format!("\"{rule}\"")));
        wait_until("its line", || find().is_some());
        let line: Value = serde_json::from_str(&find().unwrap()).unwrap();
        assert_eq!((line["client"].as_str(), line["action"].as_str()), (Some("127.0.0.1"), Some("observed")), "{line}");
    }
}

/// N39
#[test]
fn exempt_domains_and_zones_without_detection_are_not_looked_at() {
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("detect", "mode = \"block\"\nexempt = [\"badtunnel.net\"]").start();
    tunnel(&daemon, 0..60);
    daemon.ask(&Ask::new("probe.example.net", 10));
    let sampled = || daemon.metric("coredns_dns_requests_total", &[("type", "TXT")]) >= 60.0;
    wait_until("all is counted", sampled);
    assert!(tunnel(&daemon, 60..80).iter().all(|code| *code == rcode::NOERROR));
}

/// N39
#[test]
fn types_that_nobody_gets_are_told() {
    let upstream = Upstream::tcp().serve(one_address);
    let setup = Setup::new().upstream("all", &[upstream.url()], &upstream.extra());
    let setup = setup.zone(".", "all", "rebinding.mode = \"block\"");
    let daemon = setup.section("policy", "refuse-types = [\"NULL\"]").start();
    assert_eq!(daemon.ask(&Ask::new("x.badtunnel.net", 10)).rcode(), rcode::REFUSED);
    assert_eq!(detection(&daemon)["rule"].as_str(), Some("type"));
}

//------ The detector alone ------------------------------------------------------------------------------------------

/// N39
#[test]
fn tunnels_are_found_in_time_whatever_they_look_like() {
    for (number, row) in ROWS.iter().enumerate() {
        let outcome = try_row(number, row, SESSIONS);
        assert!(
            outcome.found * 100 >= outcome.sessions * row.least,
            "seed {SEED}, {row:?}: {} of {} in time, {:?}",
            outcome.found,
            outcome.sessions,
            outcome.rules
        );
    }
}

/// N39
#[test]
fn a_node_without_tunnels_gives_no_alarm() {
    let queries = std::env::var("NODENS_QUERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let quiet = try_benign(SEED, queries);
    assert_eq!(quiet.blocks, 0, "{:#?}", quiet.alerts);
    // One a week is let pass, and in a part of a week none.
    assert!(quiet.alerts.len() as f64 <= quiet.weeks, "seed {SEED}: {:#?} in {} weeks", quiet.alerts, quiet.weeks);
}
