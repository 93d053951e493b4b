//! While it runs: configurations that are not taken, deaths, memory, and files that cannot be written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::sys::signal::{Signal, kill};

use super::super::common::ask::Ask;
use super::super::common::control::Control;
use super::super::common::daemon::Setup;
use super::super::common::skip::Need;
use super::super::common::upstream::{Upstream, one_address};
use super::super::common::wait_until;
use super::{is_missing, row};

#[test]
fn configurations_that_are_not_taken() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let (daemon, control) = Control::start(Setup::forward(&upstream));
    let file = daemon.folder().join("nodens.toml");
    let write = |setup: Setup| fs::write(&file, control.of(setup).text()).unwrap();
    let row = |symptom| row(symptom).with("FILE", &file.display().to_string()).control(&control).at(&daemon);
    write(Setup::forward(&upstream).section("limits", "in-flihgt = 100"));
    row("a change of the file does nothing").holds(&|| daemon.log());
    write(Setup::forward(&upstream).section("cache", "size = \"16MiB\""));
    row("one option does nothing").holds(&|| daemon.log());
    let elsewhere = tempfile::tempdir().unwrap();
    let hosts = elsewhere.path().join("hosts");
    fs::write(&hosts, "192.0.2.1 a.example\n").unwrap();
    write(Setup::forward(&upstream).section("local", &format!("hosts = {hosts:?}")));
    row("a reload may not read a file in another folder").holds(&|| daemon.log());
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1, "what was in force goes on");
}

#[test]
fn a_worker_that_dies() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let (daemon, control) = Control::start(Setup::forward(&upstream));
    kill(daemon.worker().unwrap(), Signal::SIGKILL).unwrap();
    daemon.wait_for_log("the worker has ended");
    // Another one has other ports for metrics here.
    wait_until("the next one is ready", || {
        daemon.log().iter().filter(|line| line.contains("msg=\"ready\"")).count() == 2
    });
    row("the worker has died").control(&control).holds_at(&daemon);
}

#[test]
fn a_cache_that_is_full() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::tcp().serve(|query| {
        let addresses: Vec<_> = (0..60).map(|number| [192, 0, 2, number]).collect();
        query.answer().addresses(300, &addresses)
    });
    let (daemon, control) = Control::start(Setup::forward(&upstream).section("cache", "size = \"1MiB\""));
    let mut client = daemon.tcp();
    for number in 0..2_000 {
        client.ask(&Ask::a(&format!("name-{number}.example.org")));
    }
    let said = row("the cache is full").control(&control).holds_at(&daemon);
    let line = said.lines().find(|line| line.starts_with("kept answers")).unwrap();
    assert!(!line.contains(", 0 pushed out"), "{line}");
}

#[test]
fn a_snapshot_that_is_not_used() {
    if is_missing(&[]) {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache");
    let setup = Setup::forward(&upstream).section("cache", &format!("snapshot = {file:?}"));
    let mut first = setup.start();
    first.ask(&Ask::a("www.example.org"));
    first.signal(Signal::SIGTERM);
    first.wait();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let second = setup.start();
    row("the cache was empty after a restart").holds_at(&second);
}

/// Runs the daemon where a folder may not be written to.
fn read_only(setup: Setup, folder: &Path) -> Setup {
    let mount = format!("mount --bind {0} {0} && mount -o remount,ro,bind {0} && exec \"$@\"", folder.display());
    setup.under(&["unshare", "--mount", "--propagation", "private", "sh", "-c", &mount, "sh"])
}

#[test]
fn files_that_cannot_be_written() {
    if is_missing(&[Need::Namespaces, Need::Program("unshare")]) {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("log")).unwrap();
    let setup = Setup::forward(&upstream)
        .section("cache", &format!("snapshot = {:?}\nsnapshot-interval = \"1s\"", folder.path().join("cache")))
        .section(
            "query-log",
            &format!("classes = [\"all\"]\noutput = \"file:{}\"", folder.path().join("log/queries").display()),
        );
    let daemon = read_only(setup, folder.path()).start();
    for _ in 0..10 {
        assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1, "no query is concerned");
    }
    for symptom in ["kept answers are not written", "lines of the query log are missing"] {
        row(symptom).holds_at(&daemon);
    }
}

#[test]
fn datagrams_that_the_kernel_drops() {
    if is_missing(&[Need::Program("nstat")]) {
        return;
    }
    row("datagrams get lost under load").holds_alone();
}
