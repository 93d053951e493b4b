//! SERVFAIL: servers that are silent, closed, foreign, broken or lead back, and answers that nobody signed.

use std::net::SocketAddr;
use std::sync::Arc;

use super::super::common::ask::Ask;
use super::super::common::certificate::Authority;
use super::super::common::control::Control;
use super::super::common::daemon::{Daemon, Setup};
use super::super::common::namespace::NetNs;
use super::super::common::peer::{Peer, free_address};
use super::super::common::skip::Need;
use super::super::common::upstream::{Action, NAME, Upstream, one_address};
use super::super::common::wait_until;
use super::super::common::wire::rcode;
use super::super::dnssec::world::{TOOLS, World};
use super::{is_missing, row};

/// A server must answer soon enough for a test.
const PATIENCE: &str = "timeout = \"1s\"\ntry-timeout = \"500ms\"\n";

/// A daemon with one group of these servers.
#[track_caller]
fn before(servers: &[String], extra: &str) -> (Daemon, Control) {
    Control::start(Setup::new().upstream("all", servers, &format!("{PATIENCE}{extra}")).zone(".", "all", ""))
}

/// Asks for a name, whatever comes of it, and looks at what the page says of it.
#[track_caller]
fn shows(symptom: &str, daemon: &Daemon, control: &Control) -> String {
    daemon.ask(&Ask::a("www.example.org").edns(1232));
    row(symptom).name("www.example.org").control(control).holds_at(daemon)
}

#[test]
fn servers_that_cannot_be_spoken_to() {
    if is_missing(&[]) {
        return;
    }
    let silent = Upstream::udp().serve(|_| Action::Ignore);
    let (daemon, control) = before(&[silent.url()], "");
    shows("no server answers in time", &daemon, &control);
    let (daemon, control) = before(&[format!("tcp://{}", free_address())], "");
    shows("nothing listens at the server", &daemon, &control);
    // One that is well beside one that is not.
    let good = Upstream::tcp().serve(one_address);
    let (daemon, control) = before(&[format!("tcp://{}", free_address()), good.url()], "policy = \"sequential\"");
    shows("one of several servers is down", &daemon, &control);
}

#[test]
fn a_node_without_a_way_out() {
    if is_missing(&[Need::Namespaces]) {
        return;
    }
    let node = NetNs::new();
    let daemon = Setup::new()
        .under(&node.wrapper())
        .upstream("all", &["tcp://192.0.2.53".to_owned()], PATIENCE)
        .zone(".", "all", "")
        .start();
    let row = row("there is no way to the server").name("www.example.org").at(&daemon).inside(&node);
    row.holds(&|| daemon.log());
    // A restart is not needed.
    node.ip(&["address", "add", "192.0.2.53/32", "dev", "lo"]);
    let _back = node.inside(|| Upstream::tcp().on("192.0.2.53:53".parse().unwrap()).serve(one_address));
    wait_until("answers come", || row.look(&Vec::new).contains("status: NOERROR"));
}

#[test]
fn servers_that_cannot_prove_who_they_are() {
    if is_missing(&[Need::Program("unbound"), Need::Program("named")]) {
        return;
    }
    let world = super::super::bind();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let resolver = |certificate: &_| Peer::unbound(free_address(), world.address, certificate);
    let url = |address: SocketAddr| format!("tls://{address}#{NAME}");
    let trusting = |authority: &Authority| format!("ca = {:?}\n", authority.file());

    let other = resolver(&authority.certificate(&["resolver.example.net"]));
    let (daemon, control) = before(&[url(other.address)], &trusting(&authority));
    shows("its certificate is for another name", &daemon, &control);

    let past = |params: &mut rcgen::CertificateParams| {
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
    };
    let expired = resolver(&authority.certificate_with(&[NAME], past));
    let (daemon, control) = before(&[url(expired.address)], &trusting(&authority));
    shows("its certificate has expired", &daemon, &control);

    let sound = resolver(&authority.certificate(&[NAME]));
    let (daemon, control) = before(&[url(sound.address)], &trusting(&stranger));
    shows("an authority has signed it that nobody here knows", &daemon, &control);

    let pin = format!("pins = [{:?}]\n", authority.certificate(&[NAME]).pin);
    let (daemon, control) = before(&[url(sound.address)], &(trusting(&authority) + &pin));
    shows("it has another key than those pinned", &daemon, &control);

    let mut proxy = (*authority.certificate(&[NAME]).server()).clone();
    proxy.alpn_protocols = vec![b"http/1.1".to_vec()];
    let proxy = Upstream::tls_with(&authority, Arc::new(proxy)).serve(one_address);
    let (daemon, control) = before(&[proxy.url()], &proxy.extra());
    shows("what answers on port 853 speaks TLS and no DNS", &daemon, &control);

    let (daemon, control) = before(&[url(world.address)], &trusting(&authority));
    shows("what answers on port 853 speaks no TLS", &daemon, &control);
}

#[test]
fn servers_that_lead_back() {
    if is_missing(&[]) {
        return;
    }
    let ours = free_address();
    // It looks for loops, too; whoever is silent for longer finds this one already cut off. Its default is 4.5 seconds.
    let other = Setup::new().upstream("back", &[format!("udp://{ours}")], "").zone(".", "back", "").start();
    let (daemon, control) = Control::start(
        Setup::new()
            .section("listen", &format!("addresses = [\"{ours}\"]"))
            .upstream("there", &[format!("udp://{}", other.udp_address())], PATIENCE)
            .zone(".", "there", ""),
    );
    shows("the servers ask us what we ask them", &daemon, &control);
}

#[test]
fn a_process_that_may_open_few_files() {
    if is_missing(&[Need::Program("prlimit")]) {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).under(&["prlimit", "--nofile=64:64"]).start();
    row("no file descriptor is left").holds_at(&daemon);
}

#[test]
fn answers_that_their_zone_did_not_sign() {
    let tools: Vec<Need> = TOOLS.iter().map(|name| Need::Program(name)).collect();
    if is_missing(&tools) {
        return;
    }
    let world = World::new();
    let validating = |server: SocketAddr| {
        Control::start(
            Setup::new()
                .section("dnssec", &format!("trust-anchors = {:?}", world.anchors))
                .upstream("all", &[format!("auto://{server}")], "")
                .zone(".", "all", "dnssec = \"validate\""),
        )
    };
    let (daemon, control) = validating(world.resolver.address);
    for (symptom, label) in [
        ("the zone's signatures have expired", "expired"),
        ("the zone's keys are not those that its parent vouches for", "wrongkey"),
    ] {
        row(symptom).name(&format!("www.{label}.world")).control(&control).holds_at(&daemon);
    }
    // A server that knows the names and fails whenever it is asked for keys.
    let forgetful = Upstream::udp().serve(|query| match query.kind() {
        43 | 48 => query.answer().rcode(rcode::SERVFAIL),
        _ => one_address(query),
    });
    let (daemon, control) = validating(forgetful.address);
    row("servers do not give keys").name("www.p256.world").control(&control).holds_at(&daemon);
}
