//! REFUSED: clients, types and rates.

use super::super::common::ask::Ask;
use super::super::common::control::Control;
use super::super::common::daemon::Setup;
use super::super::common::upstream::{Gate, Upstream, one_address};
use super::super::common::wire::rcode;
use super::{is_missing, row};

/// A name that exists.
const NAME: &str = "www.example.org";

#[test]
fn clients_that_may_not_ask() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let setup = Setup::forward(&upstream).section("listen", "allow = [\"127.0.0.2/32\"]");
    let (daemon, control) = Control::start(setup);
    let ask = |symptom| row(symptom).name(NAME).with("CLIENT", "127.0.0.1").control(&control).holds_at(&daemon);
    ask("the client is not in the list");
    ask("its TCP connections are closed at once");
}

#[test]
fn types_that_nobody_gets_and_servers_that_refuse() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::udp().serve(|query| query.answer().rcode(rcode::REFUSED));
    let (daemon, control) = Control::start(Setup::forward(&upstream).section("policy", "refuse-types = [\"NULL\"]"));
    for symptom in ["nobody gets this type", "the type or class is never forwarded", "the server refuses"] {
        row(symptom).name(NAME).control(&control).holds_at(&daemon);
    }
}

#[test]
fn clients_that_ask_too_much() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let setup = Setup::forward(&upstream).section("limits", "client-rate = 1\nclient-burst = 1");
    let (daemon, control) = Control::start(setup);
    row("a client is held back to its rate").name(NAME).with("CLIENT", "127.0.0.1").control(&control).holds_at(&daemon);
    // A server that stands still, and as many questions as may wait.
    let gate = Gate::new();
    let held = gate.clone();
    let slow = Upstream::tcp().serve(move |query| held.hold(&one_address(query)));
    let (daemon, control) = Control::start(Setup::forward(&slow).section("limits", "in-flight = 16"));
    let waiting: Vec<_> = (0..16).map(|pod| daemon.udp_of(pod)).collect();
    for (number, client) in waiting.iter().enumerate() {
        client.send(&Ask::a(&format!("slow-{number}.example.org")));
    }
    slow.wait_for(16);
    let said = row("too many questions wait").name(NAME).control(&control).holds_at(&daemon);
    assert!(!said.contains("shed              0"), "{said}");
    gate.open();
}
