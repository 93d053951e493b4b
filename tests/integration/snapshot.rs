//! Kept answers over a restart: what the next process knows, and what becomes of a file that cannot be used.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;
use super::common::wire::rcode;

/// A server that gives every name an address for an hour.
fn server() -> Upstream {
    Upstream::tcp().serve(|query| query.answer().addresses(3600, &[[192, 0, 2, 1]]))
}

/// A daemon in front of it that keeps its answers in a file, and the file.
fn setup(upstream: &Upstream) -> (Setup, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache");
    (keeping(Setup::forward(upstream), &file), file, folder)
}

/// The same with its answers in `file`.
fn keeping(setup: Setup, file: &Path) -> Setup {
    setup.section("cache", &format!("snapshot = {file:?}"))
}

/// Ends the daemon in good order.
#[track_caller]
fn stop(mut daemon: Daemon) -> Vec<String> {
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0), "{:#?}", daemon.log());
    daemon.log()
}

/// The lines of a log with this text.
fn count(log: &[String], text: &str) -> usize {
    log.iter().filter(|line| line.contains(text)).count()
}

#[test]
fn after_a_restart_answers_are_there_with_the_ttl_that_is_left() {
    let upstream = server();
    let (setup, file, _folder) = setup(&upstream);
    let (www, gone) = (Ask::a("www.example.org"), Ask::a("www.example.net"));
    let first = setup.start();
    first.ask(&www);
    first.ask(&gone);
    wait_until("the answers are two seconds old", || first.ask(&www).ttl() <= 3598 && first.ask(&gone).ttl() <= 3598);
    stop(first);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let second = setup.start();
    for ask in [&www, &gone] {
        let answer = second.ask(ask);
        assert_eq!(answer.addresses().len(), 1);
        assert!((3500..=3598).contains(&answer.ttl()), "{answer}");
    }
    assert_eq!(upstream.queries(), 2, "nothing was asked again");
    assert_eq!(second.metric("nodens_snapshot_entries", &[("state", "restored")]), 2.0);
    assert_eq!(second.metric("nodens_snapshots_total", &[("result", "read")]), 1.0);
}

#[test]
fn a_process_that_is_killed_loses_only_what_it_learnt_since_it_last_wrote() {
    let upstream = server();
    let (setup, _file, _folder) = setup(&upstream);
    let setup = setup.section("cache", "snapshot-interval = \"1s\"");
    let mut first = setup.start();
    first.ask(&Ask::a("www.example.org"));
    first.wait_for_metric("nodens_snapshot_entries", &[("state", "written")], 1.0);
    assert!(first.metric("nodens_snapshot_bytes", &[]) > 100.0);
    assert!(first.metric("nodens_snapshot_timestamp_seconds", &[]) > 1.7e9);
    first.signal(Signal::SIGKILL);
    first.wait();
    setup.start().ask(&Ask::a("www.example.org"));
    assert_eq!(upstream.queries(), 1);
}

/// N6: a restart in the middle of an outage, with an answer that has expired: it is still given.
#[test]
fn a_restart_during_an_outage_loses_no_expired_answer() {
    let upstream = Upstream::tcp().serve(|query| query.answer().addresses(1, &[[192, 0, 2, 1]]));
    let (setup, _file, _folder) = setup(&upstream);
    let first = setup.start();
    assert_eq!(first.ask(&Ask::a("www.example.org")).rcode(), rcode::NOERROR);
    stop(first);
    drop(upstream);
    let second = setup.start();
    let mut last = None;
    wait_until("the answer has expired and is given", || {
        let answer = second.ask(&Ask::a("www.example.org"));
        let is_stale = answer.ttl() == 30;
        last = Some(answer);
        is_stale
    });
    assert_eq!(last.unwrap().addresses().len(), 1);
}

/// More than a start waits for.
#[test]
fn megabytes_of_answers_come_in_while_clients_are_answered() {
    let upstream = Upstream::tcp().serve(|query| query.answer().addresses(3600, &[[192, 0, 2, 1]; 500]));
    let (setup, file, _folder) = setup(&upstream);
    let names: Vec<Ask> = (0..200).map(|number| Ask::a(&format!("name-{number}.example.org"))).collect();
    let first = setup.start();
    let mut client = first.tcp();
    names.iter().for_each(|name| assert_eq!(client.ask(name).addresses().len(), 500));
    stop(first);
    assert!(fs::metadata(&file).unwrap().len() > 1 << 20);
    let second = setup.start();
    assert_eq!(second.ask(&Ask::a("localhost")).addresses().len(), 1);
    second.wait_for_metric("nodens_snapshot_entries", &[("state", "restored")], 200.0);
    let mut client = second.tcp();
    names.iter().for_each(|name| assert_eq!(client.ask(name).addresses().len(), 500));
    assert_eq!(upstream.queries(), 200, "nothing was asked again");
}

#[test]
fn answers_of_a_zone_that_changed_meanwhile_are_asked_for_again() {
    let upstream = server();
    let (setup, _file, _folder) = setup(&upstream);
    let first = setup.start();
    first.ask(&Ask::a("www.example.org"));
    stop(first);
    let second = setup.more("max-ttl = \"1m\"").start();
    assert_eq!(second.ask(&Ask::a("www.example.org")).ttl(), 60);
    assert_eq!(upstream.queries(), 2);
    assert_eq!(second.metric("nodens_snapshot_entries", &[("state", "dropped")]), 1.0);
}

/// Starts where the file cannot be used: it answers, says so once, and does not touch the file until it writes its own.
#[track_caller]
fn starts_cold(spoil: impl FnOnce(&Path), reason: &str) {
    let upstream = server();
    let (setup, file, _folder) = setup(&upstream);
    let first = setup.start();
    first.ask(&Ask::a("www.example.org"));
    stop(first);
    spoil(&file);
    let before = fs::read(&file).unwrap();
    let second = setup.start();
    assert_eq!(second.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    assert_eq!(upstream.queries(), 2, "the cache began empty");
    assert_eq!(second.metric("nodens_snapshots_total", &[("result", "unusable")]), 1.0);
    assert_eq!(fs::read(&file).unwrap(), before, "it is still there");
    let log = stop(second);
    assert_eq!(count(&log, "the snapshot of the cache is not used"), 1, "{log:#?}");
    assert_eq!(count(&log, reason), 1, "{log:#?}");
    setup.start().ask(&Ask::a("www.example.org"));
    assert_eq!(upstream.queries(), 2, "the next one was written in its place");
}

#[test]
fn a_damaged_file_is_a_warning_and_a_cold_start() {
    let spoil = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(file, bytes).unwrap();
    };
    starts_cold(spoil, "it is damaged");
}

#[test]
fn another_file_at_that_place_is_a_warning_and_a_cold_start() {
    starts_cold(|file| fs::write(file, "something else").unwrap(), "it is not a snapshot of the cache");
}

#[test]
fn a_file_that_others_may_write_to_is_a_warning_and_a_cold_start() {
    let spoil = |file: &Path| fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    starts_cold(spoil, "others may write to it");
}

#[test]
fn a_link_at_that_place_is_not_followed() {
    let spoil = |file: &Path| {
        let other = file.with_file_name("other");
        fs::rename(file, &other).unwrap();
        symlink(&other, file).unwrap();
    };
    starts_cold(spoil, "Too many levels of symbolic links");
}

#[test]
fn a_file_that_is_too_long_is_a_warning_and_a_cold_start() {
    starts_cold(|file| fs::write(file, vec![7; (16 << 20) + 1]).unwrap(), "at most 16777216 are read");
}

#[test]
fn a_folder_that_is_not_there_is_one_warning_and_no_harm() {
    let upstream = Upstream::tcp().serve(one_address);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing/cache");
    let daemon = keeping(Setup::forward(&upstream), &file).section("cache", "snapshot-interval = \"1s\"").start();
    daemon.wait_for_metric("nodens_snapshots_total", &[("result", "failed")], 2.0);
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    let log = stop(daemon);
    assert_eq!(count(&log, "the snapshot of the cache cannot be written"), 1, "{log:#?}");
    assert_eq!(count(&log, "the snapshot of the cache is not used"), 0, "a first start is nothing odd: {log:#?}");
}

#[test]
fn a_file_never_grows_beyond_its_size() {
    let upstream = server();
    let (setup, file, _folder) = setup(&upstream);
    let setup = setup.section("cache", "snapshot-size = \"64KiB\"\nsnapshot-interval = \"1s\"");
    let daemon = setup.start();
    let client = daemon.udp();
    for number in 0..1_000 {
        client.ask(&Ask::a(&format!("name-{number}.example.org")));
    }
    daemon.wait_for_metric("nodens_snapshot_entries", &[("state", "left_out")], 1.0);
    stop(daemon);
    let length = fs::metadata(&file).unwrap().len();
    assert!((60 << 10..=64 << 10).contains(&length), "{length}");
    assert!(setup.start().metric("nodens_snapshot_entries", &[("state", "restored")]) > 500.0);
}

#[test]
fn what_a_reload_says_of_the_file_holds_at_once() {
    let upstream = server();
    let (setup, file, folder) = setup(&upstream);
    // The sandbox lets nobody write to a folder that was not named at the start.
    let (setup, open) = (setup.section("sandbox", "enabled = false"), "enabled = false");
    let config = folder.path().join("nodens.toml");
    fs::write(&config, Setup::forward(&upstream).section("sandbox", open).text()).unwrap();
    let daemon = setup.start_at(&config);
    daemon.ask(&Ask::a("www.example.org"));
    fs::write(&config, setup.section("cache", "snapshot-interval = \"1s\"").text()).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_metric("nodens_snapshot_entries", &[("state", "written")], 1.0);
    assert!(file.exists());
}
