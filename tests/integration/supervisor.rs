//! Two processes: what clients notice when the one that answers dies, hangs, or cannot start.

use std::fs;
use std::net::{IpAddr, UdpSocket};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup, freeze};
use super::common::upstream::{Action, Upstream, one_address};
use super::common::wait_until;

/// The process that answers, once there is one and it is not `before`.
#[track_caller]
fn worker_after(daemon: &Daemon, before: Option<Pid>) -> Pid {
    let mut worker = None;
    wait_until("there is a worker", || {
        worker = daemon.worker().filter(|worker| Some(*worker) != before);
        worker.is_some()
    });
    worker.expect("waited for it")
}

/// Lines of the log with this text.
fn count(daemon: &Daemon, text: &str) -> usize {
    daemon.log().iter().filter(|line| line.contains(text)).count()
}

/// N2
#[test]
fn a_worker_that_is_killed_is_started_again_and_what_was_asked_meanwhile_is_answered() {
    let upstream = Upstream::udp().serve(one_address);
    let daemon = Setup::forward(&upstream).start();
    let udp = daemon.udp();
    let mut worker = worker_after(&daemon, None);
    for round in 1..=5 {
        kill(worker, Signal::SIGKILL).unwrap();
        // Not a try more: the query waits in the socket.
        assert_eq!(udp.ask(&Ask::a(&format!("name-{round}.example.org"))).addresses().len(), 1);
        let mut tcp = daemon.tcp();
        assert_eq!(tcp.ask(&Ask::a("tcp.example.org")).addresses().len(), 1);
        wait_until("it answers", || count(&daemon, "msg=\"ready\"") == round + 1);
        worker = worker_after(&daemon, Some(worker));
    }
    daemon.wait_for_metric("nodens_worker_restarts_total", &[("reason", "died")], 5.0);
}

/// N2
#[test]
fn a_worker_that_hangs_is_killed_and_started_again() {
    let upstream = Upstream::udp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("supervisor", "hang-timeout = \"2s\"").start();
    let worker = worker_after(&daemon, None);
    let (udp, ask) = (daemon.udp(), Ask::a("www.example.org"));
    wait_until("it has given a sign of life", || count(&daemon, "the worker answers") == 1);
    freeze(worker);
    udp.send(&ask);
    let next = worker_after(&daemon, Some(worker));
    assert_ne!(next, worker);
    wait_until("it answers", || count(&daemon, "msg=\"ready\"") == 2);
    assert_eq!(udp.receive(&ask).addresses().len(), 1);
    daemon.wait_for_metric("nodens_worker_restarts_total", &[("reason", "hung")], 1.0);
}

#[test]
fn a_worker_whose_listeners_do_not_answer_says_so_before_it_is_killed() {
    let upstream = Upstream::udp().serve(one_address);
    let daemon = Setup::forward(&upstream).under(&["prlimit", "--nofile=64:64"]).start();
    // More connections than there are descriptors: none is left for one of our own.
    let _crowd: Vec<_> = (0..80).map(|_| daemon.tcp()).collect();
    wait_until("it is killed", || count(&daemon, "it is killed and started again") == 1);
    let line = daemon.log().into_iter().find(|line| line.contains("level=warn") && line.contains("not all is at work"));
    let line = line.expect("it was said before");
    assert!(line.contains("alive=true") && line.contains("answers=false"), "{line}");
}

#[test]
fn clients_that_hold_all_connections_there_may_be_are_no_reason_to_kill_it() {
    let upstream = Upstream::udp().serve(one_address);
    let daemon = Setup::forward(&upstream)
        .section("listen", "tcp-idle-timeout = \"5m\"")
        .section("limits", "tcp-connections = 16\ntcp-connections-per-client = 16")
        .section("supervisor", "hang-timeout = \"2s\"")
        .start();
    let worker = worker_after(&daemon, None);
    let _crowd: Vec<_> = (0..16).map(|_| daemon.tcp()).collect();
    // Each look at TCP, one in five seconds, is turned away from now on.
    let refused = ("nodens_tcp_refused_total", [("limit", "total")]);
    wait_until("it was looked at three times", || daemon.metric(refused.0, &refused.1) >= 3.0);
    assert_eq!(daemon.worker(), Some(worker), "{:#?}", daemon.log());
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1);
}

/// N2
#[test]
fn the_next_worker_knows_what_the_one_before_knew() {
    let upstream = Upstream::udp().serve(|query| query.answer().addresses(3600, &[[192, 0, 2, 1]]));
    let daemon = Setup::forward(&upstream).section("supervisor", "snapshot-interval = \"1s\"").start();
    daemon.ask(&Ask::a("www.example.org"));
    // One may have begun before the name was asked for; the one after it has it.
    let left = count(&daemon, "has left its answers");
    wait_until("they were left twice", || count(&daemon, "has left its answers") >= left + 2);
    kill(worker_after(&daemon, None), Signal::SIGKILL).unwrap();
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    assert_eq!(upstream.queries(), 1, "it knows the name");
    wait_until("it answers", || count(&daemon, "msg=\"ready\"") == 2);
    daemon.wait_for_metric("nodens_snapshot_entries", &[("state", "restored")], 1.0);
}

#[test]
fn a_worker_never_outlives_its_supervisor() {
    let upstream = Upstream::udp().serve(one_address);
    let mut daemon = Setup::forward(&upstream).start();
    let address = daemon.udp_address();
    worker_after(&daemon, None);
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    wait_until("nobody holds the address", || UdpSocket::bind(address).is_ok());
}

/// N2, N32
#[test]
fn a_worker_that_finds_mistakes_in_the_file_goes_by_what_the_one_before_went_by() {
    let upstream = Upstream::udp().serve(one_address);
    let marked = |name: &str| format!("records = [\"{name}.example. 60 A 192.0.2.9\"]");
    let setup = Setup::forward(&upstream);
    let daemon = setup.clone().section("local", &marked("one")).start();
    let file = daemon.folder().join("nodens.toml");
    let write = |name: &str| fs::write(&file, setup.clone().section("local", &marked(name)).text()).unwrap();
    let knows =
        |name: &str| daemon.ask(&Ask::a(&format!("{name}.example"))).addresses() == [IpAddr::from([192, 0, 2, 9])];
    let kept = "is kept for the next worker";
    // What a reload has brought into force counts, not what was there at the start.
    write("two");
    wait_until("it is in force", || count(&daemon, kept) == 1);
    let mut worker = worker_after(&daemon, None);
    // An empty file is one that is just being written, and not the built-in configuration.
    for (round, broken) in (1..).zip(["[listen]\nnonsense = 1\n", "", "\u{0}"]) {
        fs::write(&file, broken).unwrap();
        kill(worker, Signal::SIGKILL).unwrap();
        assert!(knows("two"), "{broken:?}: {:#?}", daemon.log());
        worker = worker_after(&daemon, Some(worker));
        wait_until("it answers health and metrics, too", || count(&daemon, "msg=\"ready\"") == round + 1);
        daemon.wait_for_metric("coredns_reload_failed_total", &[], 1.0);
    }
    write("three");
    wait_until("the mended file is in force", || count(&daemon, kept) == 2);
    assert!(knows("three"));
    fs::remove_file(&file).unwrap();
    kill(worker, Signal::SIGKILL).unwrap();
    assert!(knows("three"), "a file that is gone: {:#?}", daemon.log());
}

#[test]
fn a_worker_that_cannot_start_again_is_tried_again_until_it_can() {
    let upstream = Upstream::udp().serve(one_address);
    let anchors = tempfile::NamedTempFile::new().unwrap();
    fs::write(&anchors, ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n")
        .unwrap();
    let daemon = Setup::forward(&upstream).section("dnssec", &format!("trust-anchors = {:?}", anchors.path())).start();
    let good = fs::read_to_string(&anchors).unwrap();
    // The file is as it was, but not what it names.
    fs::write(&anchors, "nonsense\n").unwrap();
    kill(worker_after(&daemon, None), Signal::SIGKILL).unwrap();
    wait_until("it was tried several times", || count(&daemon, "exit code 78") >= 2);
    let (udp, ask) = (daemon.udp(), Ask::a("www.example.org"));
    udp.send(&ask);
    fs::write(&anchors, good).unwrap();
    assert_eq!(udp.receive(&ask).addresses().len(), 1);
}

#[test]
fn a_reload_reaches_the_worker() {
    let upstream = Upstream::udp().serve(one_address);
    let daemon = Setup::forward(&upstream).start();
    daemon.signal(Signal::SIGHUP);
    wait_until("it was read again", || count(&daemon, "configuration read again") == 1);
}

#[test]
fn one_process_is_enough_if_an_operator_says_so() {
    let upstream = Upstream::udp().serve(|_| Action::Ignore);
    let daemon = Setup::forward(&upstream).arguments(&["--no-supervisor"]).start();
    assert_eq!(daemon.family().len(), 1);
    assert_eq!(daemon.ask(&Ask::a("localhost")).addresses().len(), 1);
}
