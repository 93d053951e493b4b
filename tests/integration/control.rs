//! The admin socket and `nodens ctl`: what is asked of a daemon that runs, what it is told, and who may.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nodens::control::admin::client::Client;
use nodens::control::admin::protocol::{Request, Stats, Status};
use serde_json::Value;

use super::common::ask::Ask;
use super::common::control::Control;
use super::common::daemon::{Daemon, Setup};
use super::common::skip::{Need, unless};
use super::common::upstream::{Action, Query, Upstream, one_address};
use super::common::wait_until;
use super::common::wire::{kind, rcode};

/// Connections and requests turned away.
const REFUSED: &str = "nodens_control_refused_total";

/// "no..." does not exist, "fail..." fails, all else has an address for an hour.
fn say(query: &Query) -> Action {
    let name = query.name();
    match name.split('.').next().unwrap_or_default() {
        first if first.starts_with("no") => {
            let zone = if name.ends_with("net") { "example.net" } else { "example.org" };
            query.answer().rcode(rcode::NXDOMAIN).soa(zone, 60, 60).into()
        }
        first if first.starts_with("fail") => query.answer().rcode(rcode::SERVFAIL).into(),
        _ => query.answer().addresses(3_600, &[[192, 0, 2, 1]]).into(),
    }
}

/// A daemon with two threads in front of such a server.
fn begin() -> (Upstream, Daemon, Control) {
    let upstream = Upstream::udp().serve(say);
    let setup = Setup::forward(&upstream).section("listen", "workers = 2").section("cache", "servfail = \"5m\"");
    let (daemon, control) = Control::start(setup);
    (upstream, daemon, control)
}

/// Names of a dump's lines that are of answers or of failures.
fn names(lines: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = lines.iter().map(|line| line["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_daemon_says_which_it_is() {
    let (_upstream, daemon, control) = begin();
    let status: Status = serde_json::from_value(control.json("status")).unwrap();
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    assert!(status.ready && status.listeners.iter().all(|listener| listener.ready), "{status:?}");
    assert_eq!(status.listeners.len(), 2);
    assert_eq!(Some(status.worker_pid), daemon.worker().map(|pid| pid.as_raw().unsigned_abs()));
    assert_eq!(status.supervisor_pid, Some(daemon.pid().as_raw().unsigned_abs()));
    assert_eq!(status.config_file.as_deref(), daemon.folder().join("nodens.toml").to_str());
    assert_eq!(status.config_sha256.len(), 64);
    assert_eq!(status.endpoints.len(), 2);
    assert!(status.sandbox.system_calls.ends_with("allowed"), "{:?}", status.sandbox);
    assert!(status.supervisor.contains_key("worker_restarts_total/died"), "{:?}", status.supervisor);
    let text = control.text("status");
    for expected in ["version", "ready", &status.config_sha256, &daemon.udp_address().to_string()] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn figures_and_servers_are_those_of_the_metrics() {
    let (upstream, daemon, control) = begin();
    for _ in 0..3 {
        daemon.ask(&Ask::a("www.example.org"));
    }
    daemon.ask(&Ask::a("no.example.org"));
    daemon.ask(&Ask::a("fail.example.org"));
    let stats: Stats = serde_json::from_value(control.json("stats")).unwrap();
    assert!(stats.queries >= 5);
    assert!(
        stats.answers.forwarded >= 2 && stats.rcodes["NXDOMAIN"] == 1 && stats.rcodes["SERVFAIL"] == 1,
        "{stats:?}"
    );
    assert_eq!(stats.latency.counts.iter().sum::<u64>(), stats.queries);
    assert_eq!(stats.latency.counts.len(), stats.latency.bounds.len() + 1);
    assert_eq!((stats.cache.entries, stats.cache.failures), ([1, 1], 1));
    assert!(stats.time > 1e9);
    let server = &stats.upstreams[0];
    assert_eq!((server.group.as_str(), server.address.as_str()), ("all", upstream.url().as_str()));
    assert_eq!((server.state.as_str(), server.authentication.as_str()), ("up", "none"));
    assert!(server.exchanges >= 3 && server.latency_ms.is_some(), "{server:?}");
    assert_eq!(control.json("upstreams").as_array().unwrap().len(), 1);
    for (words, expected) in [("stats", "kept answers"), ("upstreams", "STATE")] {
        let text = control.text(words);
        assert!(text.contains(expected) && text.contains(&upstream.url()), "{text}");
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_down_with_its_failures_by_kind() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup::new().upstream("dead", &[format!("tcp://{closed}")], "timeout = \"1s\"").zone(".", "dead", "");
    let (daemon, control) = Control::start(setup);
    daemon.ask(&Ask::a("www.example.org"));
    let server = control.json("upstreams")[0].clone();
    assert_eq!(server["state"], "down", "{server}");
    assert!(server["failures_by_kind"]["refused"].as_u64().unwrap() >= 1, "{server}");
    assert!(server["retry_in_ms"].is_u64());
    assert!(control.text("upstreams").contains("refused"));
}

#[test]
fn what_is_kept_is_listed_as_a_zone_file_and_as_objects() {
    let (_upstream, daemon, control) = begin();
    for name in ["www.example.org", "mail.example.org", "no.example.org", "fail.example.org", "www.example.net"] {
        daemon.ask(&Ask::a(name));
    }
    for _ in 0..4 {
        daemon.ask(&Ask::a("www.example.org"));
    }
    let lines = control.lines("cache dump");
    let all = ["fail.example.org.", "mail.example.org.", "no.example.org.", "www.example.net.", "www.example.org."];
    assert_eq!(names(&lines), all);
    let of = |name: &str| lines.iter().find(|line| line["name"] == name).unwrap();
    let www = of("www.example.org.");
    assert!(www["hits"].as_u64().unwrap() >= 2, "{www}");
    assert_eq!(
        (&www["kind"], &www["state"], &www["zone"], &www["upstream"]),
        (&"answer".into(), &"fresh".into(), &".".into(), &"all".into())
    );
    assert!((3_590..=3_600).contains(&www["ttl_seconds"].as_u64().unwrap()), "{www}");
    assert!(www["records"][0].as_str().unwrap().ends_with("IN A 192.0.2.1"), "{www}");
    assert_eq!((&of("no.example.org.")["kind"], &of("no.example.org.")["type"]), (&"nxdomain".into(), &"*".into()));
    assert_eq!(
        (&of("fail.example.org.")["rcode"], &of("fail.example.org.")["bogus"]),
        (&"SERVFAIL".into(), &false.into())
    );
    assert_eq!(names(&control.lines("cache dump --suffix example.net")), ["www.example.net."]);
    let text = control.text("cache dump --suffix example.org");
    assert!(text.ends_with("; 3 answers, 1 failures\n"), "{text}");
    // What is no comment is a zone file.
    for line in text.lines().filter(|line| !line.starts_with(';')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert!(fields[0].ends_with("example.org.") && fields[1].parse::<u32>().is_ok() && fields[2] == "IN", "{line}");
    }
}

#[test]
fn a_full_cache_is_listed_whole_and_piece_by_piece_while_queries_are_answered() {
    let (_upstream, daemon, control) = begin();
    let client = daemon.udp();
    for number in 0..2_000 {
        client.ask(&Ask::a(&format!("host{number}.example.org")));
    }
    let stream = UnixStream::connect(control.path()).unwrap();
    // A reader who does not read, and others beside it.
    (&stream).write_all(b"{\"command\":\"cache-dump\"}\n").unwrap();
    assert_eq!(control.lines("cache dump").len(), 2_000);
    client.ask(&Ask::a("host1.example.org"));
    drop(stream);
}

#[test]
fn what_is_flushed_is_asked_for_again_by_every_worker() {
    let (upstream, daemon, control) = begin();
    // From many ports, so that both workers have each answer in their own tables.
    let warm = |name: &str| (0..16).for_each(|_| drop(daemon.ask(&Ask::a(name))));
    let all = ["www.example.org", "a.www.example.org", "www.example.net", "no.example.net"];
    let flush = |what: &str, expected: [usize; 4], entries: u64| {
        all.iter().for_each(|name| warm(name));
        let before = all.map(|name| upstream.queries_for(name));
        let flushed = control.json(&format!("cache flush {what}"));
        assert_eq!(flushed["entries"], entries, "{what}");
        all.iter().for_each(|name| warm(name));
        let asked = all.map(|name| upstream.queries_for(name));
        let again: Vec<usize> = asked.iter().zip(before).map(|(asked, before)| asked - before).collect();
        assert_eq!(again, expected, "{what}");
    };
    flush("www.example.org", [1, 0, 0, 0], 1);
    flush("--suffix www.example.org", [1, 1, 0, 0], 2);
    flush("--suffix Example.NET", [0, 0, 1, 1], 2);
    flush("--all", [1, 1, 1, 1], 4);
    assert!(control.text("cache flush never.example.org").starts_with("0 answers"));
}

#[test]
fn a_failure_that_is_flushed_is_asked_for_again() {
    let (upstream, daemon, control) = begin();
    let ask = || drop(daemon.ask(&Ask::a("fail.example.org")));
    ask();
    let asked = upstream.queries_for("fail.example.org");
    ask();
    assert_eq!(upstream.queries_for("fail.example.org"), asked, "it is known to fail");
    assert_eq!(control.json("cache flush fail.example.org")["failures"], 1);
    ask();
    assert!(upstream.queries_for("fail.example.org") > asked);
}

#[test]
fn a_reload_says_what_came_of_it() {
    let (_upstream, daemon, control) = begin();
    let file = daemon.folder().join("nodens.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(control.json("reload")["changed"], false);
    let before = control.json("status")["config_sha256"].clone();
    // The watch of the file may be faster; then nothing is new any more.
    std::fs::write(&file, text.replace("servfail = \"5m\"", "servfail = \"4m\"").replace("workers = 2", "workers = 1"))
        .unwrap();
    let reload = control.json("reload");
    let later = reload["at_next_start"].as_array().unwrap();
    assert!(later.contains(&"listen.workers".into()), "{reload}");
    assert_ne!(reload["config_sha256"], before);
    std::fs::write(&file, text.replace("workers = 2", "workerz = 2\nudp-size = 1")).unwrap();
    let (code, error) = control.failure("reload");
    assert_eq!(code, 78, "{error}");
    for expected in ["not taken", "workerz", "udp-size"] {
        assert!(error.contains(expected), "all mistakes are told: {error}");
    }
    assert!(control.json("status")["config_mistake"].is_string());
    std::fs::write(&file, &text).unwrap();
    assert!(control.text("reload").contains("sha256"));
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1);
}

#[test]
fn log_lines_become_more_and_fewer() {
    let (_upstream, daemon, control) = begin();
    let level = control.json("log-level error");
    assert_eq!((&level["before"], &level["now"]), (&"debug".into(), &"error".into()));
    let before = daemon.log().len();
    control.text("cache flush --all");
    assert_eq!(daemon.log().len(), before, "{:#?}", daemon.log());
    assert!(control.text("log-level info").contains("before: error"));
    control.text("cache flush --all");
    wait_until("a line says so", || daemon.log().iter().any(|line| line.contains("were flushed")));
    assert_eq!(control.failure("log-level loud").0, 64);
}

#[test]
fn lists_that_nothing_is_known_of_are_empty() {
    let (_upstream, _daemon, control) = begin();
    for words in ["detections", "top-names", "top-clients --limit 3"] {
        assert!(control.json(words).is_array(), "{words}");
        assert!(!control.text(words).is_empty(), "{words}");
    }
}

#[test]
fn whoever_cannot_reach_a_daemon_is_told_where_and_what_to_do() {
    let control = Control::new();
    let (code, error) = control.failure("status");
    assert_eq!(code, 69);
    assert!(error.contains(control.path().to_str().unwrap()) && error.contains("[control] socket"), "{error}");
    drop(std::os::unix::net::UnixListener::bind(control.path()).unwrap());
    let (code, error) = control.failure("status");
    assert!(code == 69 && error.contains("has ended"), "{error}");
    let (_upstream, _daemon, control) = begin();
    for (words, part) in [
        ("explain a..b", "no domain name"),
        ("explain a.example NONSENSE", "no type"),
        ("cache flush a..b", "no domain name"),
        ("cache dump --suffix a..b", "no domain name"),
    ] {
        let (code, error) = control.failure(words);
        assert!(code == 64 && error.contains(part), "{words}: {error}");
    }
}

#[test]
fn another_user_is_kept_out_twice() {
    if unless(&[Need::Program("setpriv")]).is_some() {
        return;
    }
    let upstream = Upstream::udp().serve(say);
    let (daemon, control) = Control::start(Setup::forward(&upstream).section("sandbox", "user = \"65532\""));
    assert_eq!(std::fs::metadata(control.path()).unwrap().permissions().mode() & 0o777, 0o600);
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let as_user = |user: &str, words: &str| {
        control.run_under(&["setpriv", "--reuid", user, "--regid", user, "--clear-groups"], words)
    };
    let folder = control.path().parent().unwrap().to_owned();
    let open = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(&folder, 0o755);
    let ask = || {
        let output = as_user("12345", "status");
        assert!(output.stdout.is_empty(), "{output:?}");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, error) = ask();
    assert!(code == Some(77) && error.contains("sudo"), "by the file's mode: {code:?} {error}");
    open(&control.path(), 0o666);
    let (code, error) = ask();
    assert!(code == Some(77) && error.contains("12345"), "by who it is: {code:?} {error}");
    daemon.wait_for_metric(REFUSED, &[("reason", "user")], 1.0);
    assert!(as_user("65532", "status").status.success(), "the user that the daemon has become");
    assert_eq!(control.json("status")["user"], 65_532);
}

#[test]
fn strange_bytes_harm_nobody() {
    let (_upstream, daemon, control) = begin();
    let mut seed = 0x9E37_79B9_u64;
    for round in 0..200_usize {
        let mut stream = UnixStream::connect(control.path()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut bytes: Vec<u8> = (0..round * 7 % 500)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 56) as u8
            })
            .collect();
        if round % 2 == 0 {
            bytes.splice(..0, *b"{\"command\":\"explain\",\"name\":\"");
        }
        bytes.push(b'\n');
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.lines().all(|line| line.starts_with("{\"error\":")), "{answer}");
    }
    control.text("status");
    assert!(daemon.metric(REFUSED, &[("reason", "malformed")]) >= 100.0);
}

#[test]
fn connections_are_bounded_and_the_next_one_is_told() {
    let (_upstream, daemon, control) = begin();
    let mut held: Vec<Client> = (0..8).map(|_| Client::connect(&control.path()).unwrap()).collect();
    for client in &mut held {
        client.ask::<Status>(&Request::Status).unwrap();
    }
    let (code, error) = control.failure("status");
    assert!(code != 0 && error.contains("connections are open"), "{error}");
    daemon.wait_for_metric(REFUSED, &[("reason", "connections")], 1.0);
    held.pop();
    wait_until("there is room again", || control.run("status").status.success());
}

/// N1
#[test]
fn a_worker_that_is_started_again_answers_at_the_same_socket() {
    let (_upstream, daemon, control) = begin();
    let worker = daemon.worker().expect("it answers");
    kill(worker, Signal::SIGKILL).unwrap();
    // What comes meanwhile waits in the socket.
    let status = control.json("status");
    assert_ne!(status["worker_pid"], worker.as_raw(), "{status}");
    wait_until("it is counted", || control.json("status")["supervisor"]["worker_restarts_total/died"] == 1);
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1);
}

/// N1
#[test]
fn after_a_hand_over_the_new_one_answers() {
    let upstream = Upstream::udp().serve(one_address);
    let (control, folder) = (Control::new(), tempfile::tempdir().unwrap());
    let handover = folder.path().join("handover");
    let setup = control.of(Setup::forward(&upstream)).section("supervisor", &format!("socket = {handover:?}"));
    let mut daemon = setup.start();
    wait_until("others can take over", || handover.exists());
    let setup = setup.section("listen", &format!("addresses = [\"{}\"]", daemon.udp_address()));
    for _ in 0..3 {
        let next = std::thread::scope(|scope| {
            let starting = scope.spawn(|| setup.start());
            // There is no moment in which nobody answers.
            while !starting.is_finished() {
                control.text("status");
            }
            starting.join().unwrap()
        });
        let mut old = std::mem::replace(&mut daemon, next);
        assert_eq!(old.wait().code(), Some(0), "{:#?}", old.log());
        let status = control.json("status");
        assert_eq!(status["supervisor_pid"], daemon.pid().as_raw(), "{status}");
    }
}

#[test]
fn a_second_daemon_leaves_the_socket_of_the_first_alone() {
    let (_upstream, daemon, control) = begin();
    let other = control.of(Setup::forward(&Upstream::udp().serve(one_address))).start();
    assert!(other.log().iter().any(|line| line.contains("no control socket")), "{:#?}", other.log());
    assert_eq!(control.json("status")["supervisor_pid"], daemon.pid().as_raw());
}

#[test]
fn a_file_that_a_dead_daemon_has_left_is_in_nobodys_way_and_a_daemon_without_a_supervisor_serves_it_too() {
    let upstream = Upstream::udp().serve(one_address);
    let control = Control::new();
    let setup = control.of(Setup::forward(&upstream)).arguments(&["--no-supervisor"]);
    let mut daemon = setup.start();
    assert_eq!(control.json("status")["supervisor_pid"], Value::Null);
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    assert!(control.path().exists());
    let daemon = setup.start();
    assert_eq!(control.json("status")["worker_pid"], daemon.pid().as_raw());
    assert_eq!(daemon.ask(&Ask::new("www.example.org", kind::A)).addresses().len(), 1);
    assert!(control.json("stats")["queries"].as_u64().unwrap() >= 1);
    drop(daemon);
}
