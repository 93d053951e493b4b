//! A new nodens takes over from a running one: no query is lost, no connection broken, no answer forgotten.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use tempfile::TempDir;

use super::common::ask::Ask;
use super::common::client::prefixed;
use super::common::daemon::{Daemon, Setup, freeze};
use super::common::upstream::{Gate, Upstream, one_address};
use super::common::wait_until;

/// A daemon where another one can take over, how the next one is set up, and what holds the socket's folder.
fn first(upstream: &Upstream) -> (Daemon, Setup, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("handover");
    let setup = Setup::forward(upstream).section("supervisor", &format!("socket = {socket:?}"));
    let daemon = setup.start();
    wait_until("others can take over", || socket.exists());
    let next = at(&setup, daemon.udp_address());
    (daemon, next, folder)
}

/// The same where the old one stays after that.
fn lingering(upstream: &Upstream) -> (Daemon, Setup, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("handover");
    let setup = Setup::forward(upstream).section("supervisor", &format!("socket = {socket:?}\nlinger = true"));
    // Not port 0: it comes back to where it was.
    let free = setup.start().udp_address();
    let setup = at(&setup, free);
    let daemon = setup.start();
    wait_until("others can take over", || socket.exists());
    (daemon, setup, folder)
}

/// The same at this very address.
fn at(setup: &Setup, address: SocketAddr) -> Setup {
    setup.clone().section("listen", &format!("addresses = [\"{address}\"]"))
}

/// Waits for the end in good order.
#[track_caller]
fn gone(mut daemon: Daemon) {
    assert_eq!(daemon.wait().code(), Some(0), "{:#?}", daemon.log());
}

/// N1
#[test]
fn answers_sockets_and_connections_pass_to_the_next() {
    let upstream = Upstream::udp().serve(|query| query.answer().addresses(3600, &[[192, 0, 2, 1]]));
    let (old, setup, _folder) = first(&upstream);
    let (udp, mut tcp) = (old.udp(), old.tcp());
    let (known, new) = (Ask::a("known.example.org"), Ask::a("new.example.org"));
    udp.ask(&known);
    tcp.ask(&known);
    let asked = upstream.queries();
    let next = setup.start();
    gone(old);
    assert_eq!(tcp.ask(&known).addresses().len(), 1, "the same connection");
    assert_eq!(udp.ask(&known).addresses().len(), 1, "the same socket");
    assert_eq!(upstream.queries(), asked, "the same answers");
    assert_eq!(tcp.ask(&new).addresses().len(), 1);
    assert!(next.metric("nodens_tcp_connections", &[]) >= 1.0);
    next.wait_for_metric("nodens_handovers_total", &[("outcome", "taken")], 1.0);
}

/// N1
#[test]
fn what_is_in_hand_is_answered_and_what_is_half_said_is_heard_out() {
    let gate = Gate::new();
    let held = gate.clone();
    let upstream = Upstream::udp().serve(move |query| held.hold(&one_address(query)));
    let (old, setup, _folder) = first(&upstream);
    let (udp, mut tcp, mut half) = (old.udp(), old.tcp(), old.tcp());
    let (slow, slower, known) = (Ask::a("slow.example.org"), Ask::a("slower.example.org"), Ask::a("localhost"));
    udp.send(&slow);
    tcp.send(&[&slower]);
    upstream.wait_for(2);
    let frame = prefixed(&known.bytes());
    half.send_bytes(&frame[..7]).unwrap();
    // It was read, since a query behind which it stands is answered.
    let next = setup.start();
    wait_until("the old one reads no more", || old.log().iter().any(|line| line.contains("has taken over")));
    gate.open();
    assert_eq!(udp.receive(&slow).addresses().len(), 1);
    assert_eq!(tcp.receive(&slower).addresses().len(), 1);
    gone(old);
    half.send_bytes(&frame[7..]).unwrap();
    assert_eq!(half.receive(&known).addresses().len(), 1);
    assert_eq!(tcp.ask(&known).addresses().len(), 1);
    drop(next);
}

/// N1
#[test]
fn one_takes_over_from_the_other_again_and_again_under_load() {
    let upstream = Upstream::udp().serve(|query| query.answer().addresses(3600, &[[192, 0, 2, 1]]));
    let (mut daemon, setup, _folder) = first(&upstream);
    let (udp, mut tcp) = (daemon.udp(), daemon.tcp());
    for _ in 0..5 {
        let next = std::thread::scope(|scope| {
            let starting = scope.spawn(|| setup.start());
            // Every single query is answered: these clients do not ask twice.
            while !starting.is_finished() {
                assert_eq!(udp.ask(&Ask::a("www.example.org")).addresses().len(), 1);
                assert_eq!(tcp.ask(&Ask::a("www.example.org")).addresses().len(), 1);
            }
            starting.join().unwrap()
        });
        gone(std::mem::replace(&mut daemon, next));
    }
    assert_eq!(upstream.queries(), 1, "known from the first to the last");
}

#[test]
fn one_that_cannot_start_leaves_the_other_as_it_was() {
    let upstream = Upstream::udp().serve(one_address);
    let (old, setup, _folder) = first(&upstream);
    let broken = setup.section("local", "records = [\"nonsense\"]");
    let ended = broken.start_and_fail();
    assert_eq!(ended.status.code(), Some(78), "{ended:?}");
    assert_eq!(old.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    old.wait_for_metric("nodens_handovers_total", &[("outcome", "failed")], 1.0);
}

#[test]
fn a_path_that_a_dead_one_has_left_is_in_nobodys_way() {
    let upstream = Upstream::udp().serve(one_address);
    let (mut old, setup, _folder) = first(&upstream);
    old.signal(Signal::SIGKILL);
    old.wait();
    wait_until("the worker is gone, too", || std::net::UdpSocket::bind(old.udp_address()).is_ok());
    let next = setup.start();
    assert_eq!(next.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    drop(next);
}

#[test]
fn a_worker_that_dies_in_the_middle_of_it_does_no_harm() {
    let upstream = Upstream::udp().serve(one_address);
    let (old, setup, _folder) = first(&upstream);
    let worker = old.worker().expect("it answers");
    // Stopped, it does not leave its answers: the supervisor gives what there is, and the next one answers.
    freeze(worker);
    let next = setup.start();
    kill(worker, Signal::SIGKILL).unwrap();
    gone(old);
    assert_eq!(next.ask(&Ask::a("www.example.org")).addresses().len(), 1);
}

/// In a DaemonSet with a surge: the old pod's process stays until it is told to stop, and nothing comes back by itself.
#[test]
fn one_that_lingers_holds_nothing_and_ends_when_it_is_told_to() {
    let upstream = Upstream::udp().serve(|query| query.answer().addresses(3600, &[[192, 0, 2, 1]]));
    let (mut old, setup, _folder) = lingering(&upstream);
    let next = setup.start();
    wait_until("the old one has left", || old.worker().is_none());
    assert_eq!(next.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    old.signal(Signal::SIGTERM);
    assert_eq!(old.wait().code(), Some(0), "{:#?}", old.log());
    assert_eq!(next.ask(&Ask::a("other.example.org")).addresses().len(), 1);
    drop(next);
}

/// The new pod is taken back before the old one was told to stop, or its node has no memory for it.
#[test]
fn one_that_lingers_takes_its_place_again_when_the_next_has_gone() {
    let upstream = Upstream::udp().serve(|query| query.answer().addresses(3600, &[[192, 0, 2, 1]]));
    let (mut old, setup, _folder) = lingering(&upstream);
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut next = setup.start();
        wait_until("the old one has left", || old.worker().is_none());
        next.signal(signal);
        next.wait();
        wait_until("the old one is back", || old.worker().is_some());
        assert_eq!(old.ask(&Ask::a("www.example.org")).addresses().len(), 1, "after {signal}");
    }
    // And gives it away again.
    let next = setup.start();
    wait_until("the old one has left", || old.worker().is_none());
    old.signal(Signal::SIGTERM);
    assert_eq!(old.wait().code(), Some(0), "{:#?}", old.log());
    assert_eq!(next.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    drop(next);
}

#[test]
fn only_this_user_and_root_are_let_in() {
    let upstream = Upstream::udp().serve(one_address);
    let (old, _setup, folder) = first(&upstream);
    let socket: PathBuf = folder.path().join("handover");
    // Others are kept out twice: by the mode of the file, and by who they are.
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    drop(old);
}
