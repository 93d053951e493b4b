//! The daemon within its sandbox: what the kernel says of each of its threads, and that everything it does still works there.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use nix::sys::signal::Signal;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;

/// A user that is nobody on any machine.
const USER: u32 = 65_532;

/// Lets everybody into a folder.
fn open(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The process that answers: the worker, or the only one.
fn answering(daemon: &Daemon) -> i32 {
    daemon.worker().unwrap_or_else(|| daemon.pid()).as_raw()
}

/// The values of a line of each thread's status.
fn of_each_thread(pid: i32, key: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let value = |thread: fs::DirEntry| {
        let status = fs::read_to_string(thread.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        // The kernel fills the line with tabs.
        Some(line.unwrap_or("no such line").split_whitespace().collect::<Vec<_>>().join(" "))
    };
    threads.filter_map(|thread| value(thread.unwrap())).collect()
}

/// N23
#[test]
fn the_daemon_does_all_its_work_without_a_privilege() {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (tls, plain) = (Upstream::tls(&authority).serve(one_address), Upstream::udp().serve(one_address));
    let ca = folder.path().join("ca.pem");
    let written = tls.extra();
    let given = written.split('"').nth(1).expect("the authority's file");
    fs::copy(given, &ca).unwrap();
    let (file, snapshot) = (folder.path().join("nodens.toml"), folder.path().join("cache/snapshot"));
    fs::create_dir(folder.path().join("cache")).unwrap();
    open(folder.path());
    if is_root {
        chown(folder.path().join("cache"), Some(USER), Some(USER)).unwrap();
    }
    let setup = |records: &str| {
        Setup::new()
            .section("sandbox", &format!("user = \"{USER}\""))
            .section("local", records)
            .section("cache", &format!("snapshot = {snapshot:?}"))
            .upstream("tls", &[tls.url()], &written.replace(given, ca.to_str().unwrap()))
            .upstream("plain", &[plain.url()], "")
            .zone(".", "tls", "")
            .zone("example.net", "plain", "")
    };
    fs::write(&file, setup("records = []").text()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let mut daemon = setup("").start_at(&file);
    for name in ["www.example.org", "www.example.net"] {
        assert_eq!(daemon.ask(&Ask::a(name)).addresses().len(), 1, "{:#?}", daemon.log());
        assert_eq!(daemon.tcp().ask(&Ask::a(name)).addresses().len(), 1);
    }
    let pid = answering(&daemon);
    for (key, expected) in
        [("NoNewPrivs:", "1"), ("Seccomp:", "2"), ("CapEff:", "0"), ("CapPrm:", "0"), ("CapBnd:", "0")]
    {
        let values = of_each_thread(pid, key);
        assert!(values.len() > 1, "one thread at least for the queries");
        let bounded = key == "CapBnd:" && !is_root;
        let is_right = |value: &String| value == expected || (expected == "0" && value.trim_matches('0').is_empty());
        assert!(bounded || values.iter().all(is_right), "{key} {values:?}");
    }
    if is_root {
        let all = format!("{USER} {USER} {USER} {USER}");
        assert!(of_each_thread(pid, "Uid:").iter().all(|value| *value == all));
        assert!(of_each_thread(pid, "Gid:").iter().all(|value| *value == all));
        assert!(of_each_thread(pid, "Groups:").iter().all(String::is_empty));
    }
    if is_root {
        // KILL, SETGID, SETUID, SETPCAP and NET_BIND_SERVICE: no more, since neither link nor rules are managed.
        let supervisor = of_each_thread(daemon.pid().as_raw(), "CapEff:");
        assert!(
            supervisor.iter().all(|set| u64::from_str_radix(set, 16).unwrap() == 0b101_1110_0000),
            "{supervisor:?}"
        );
    }
    fs::write(&file, setup("records = [\"new.example. 60 A 192.0.2.7\"]").text()).unwrap();
    daemon.signal(Signal::SIGHUP);
    wait_until("the new record is answered", || daemon.ask(&Ask::a("new.example")).addresses().len() == 1);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0), "{:#?}", daemon.log());
    assert!(fs::metadata(&snapshot).unwrap().len() > 0, "{:#?}", daemon.log());
    let refused = daemon.log().into_iter().filter(|line| line.contains("not permitted") || line.contains("Permission"));
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<String>::new());
}

/// N23
#[test]
fn a_file_that_the_user_cannot_read_ends_the_start_with_its_name() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        // Nobody else changes the user.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "192.0.2.1 a.example\n").unwrap();
    fs::set_permissions(&hosts, fs::Permissions::from_mode(0o600)).unwrap();
    let setup =
        Setup::new().section("sandbox", &format!("user = \"{USER}\"")).section("local", &format!("hosts = {hosts:?}"));
    let output = setup.arguments(&["--no-supervisor"]).start_and_fail();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(77), "{text}");
    assert!(text.contains("hosts cannot be read by the user 65532"), "{text}");
}
