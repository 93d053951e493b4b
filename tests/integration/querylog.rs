//! The query log of the real daemon: where its lines go, what is in them, and that nobody waits for them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use super::common::ask::Ask;
use super::common::daemon::{Daemon, Setup};
use super::common::skip::{Need, unless};
use super::common::upstream::{Query, Upstream, one_address};
use super::common::wait_until;
use super::common::wire::rcode;

/// A user that is nobody on any machine.
const USER: u32 = 65_532;

/// A server that knows some names and fails for one.
fn upstream() -> Upstream {
    Upstream::tcp().serve(|query: &Query| match query.name().as_str() {
        "gone.example.org" => query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 300, 300),
        "broken.example.org" => query.answer().rcode(rcode::SERVFAIL),
        _ => one_address(query),
    })
}

/// A daemon with this in `[query-log]`, and its log in a folder that it makes itself.
fn setup(upstream: &Upstream, folder: &Path, lines: &str) -> Setup {
    let output = format!("output = \"file:{}\"", folder.join("log/queries").display());
    Setup::forward(upstream).section("query-log", &output).section("query-log", lines)
}

/// The lines of a log file so far.
fn lines(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("log/queries")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Waits for so many lines, and for no more than these.
#[track_caller]
fn wait_for(folder: &Path, count: usize) -> Vec<String> {
    wait_until("all lines are written", || lines(folder).len() >= count);
    let lines = lines(folder);
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

/// N37
#[test]
fn classes_choose_what_is_logged_and_a_reload_chooses_anew() {
    let (upstream, folder) = (upstream(), tempfile::tempdir().unwrap());
    let file = folder.path().join("nodens.toml");
    let with = |classes: &str| setup(&upstream, folder.path(), &format!("classes = {classes}")).text();
    fs::write(&file, with("[\"denial\", \"error\"]")).unwrap();
    let daemon = Setup::new().start_at(&file);
    let ask_all = || {
        for name in ["www.example.org", "gone.example.org", "broken.example.org"] {
            daemon.ask(&Ask::a(name).id(1234));
        }
    };
    ask_all();
    let found = wait_for(folder.path(), 2);
    assert!(found[0].starts_with("[INFO] 127.0.0.1:"), "{found:#?}");
    assert!(found[0].contains(" - 1234 \"A IN gone.example.org. udp 34 false 512\" NXDOMAIN qr,rd,ra "), "{found:#?}");
    assert!(found[1].contains("\"A IN broken.example.org. udp 36 false 512\" SERVFAIL qr,rd,ra 36 "), "{found:#?}");
    let about = fs::metadata(folder.path().join("log/queries")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(folder.path().join("log")).unwrap().permissions().mode() & 0o777, 0o700);
    fs::write(&file, with("[]")).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_metric("nodens_reloads_total", &[], 1.0);
    ask_all();
    fs::write(&file, with("[\"success\"]")).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_metric("nodens_reloads_total", &[], 2.0);
    ask_all();
    assert!(wait_for(folder.path(), 3)[2].contains("www.example.org. udp 33 false 512\" NOERROR qr,rd,ra 49 0s"));
}

/// N37
#[test]
fn lines_in_json_name_who_knew_and_what_was_withheld() {
    let (upstream, folder) = (upstream(), tempfile::tempdir().unwrap());
    let daemon = setup(&upstream, folder.path(), "classes = [\"all\"]\nformat = \"json\"")
        .section("policy", "block = [\"bad.example\"]")
        .section("local", "records = [\"own.example. 60 A 192.0.2.7\"]")
        .start();
    let asks = [
        (Ask::a("www.example.org").edns(1232).dnssec_ok(), "upstream", "NOERROR", false),
        (Ask::a("WWW.example.org").edns(1232).dnssec_ok(), "cache", "NOERROR", false),
        (Ask::a("gone.example.org"), "upstream", "NXDOMAIN", false),
        (Ask::a("gone.example.org"), "denial", "NXDOMAIN", false),
        (Ask::a("own.example"), "local", "NOERROR", false),
        (Ask::a("x.bad.example"), "policy", "NXDOMAIN", true),
        (Ask::a("www.example.org").opcode(2), "policy", "NOTIMP", false),
    ];
    for (ask, ..) in &asks {
        daemon.tcp().ask(ask);
    }
    let found = wait_for(folder.path(), asks.len());
    for (line, (_, source, rcode, blocked)) in found.iter().zip(&asks) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["source"], *source, "{line:#}");
        assert_eq!(line["rcode"], *rcode, "{line:#}");
        assert_eq!(line["blocked"], *blocked, "{line:#}");
        assert_eq!((line["client"].as_str(), line["protocol"].as_str()), (Some("127.0.0.1"), Some("tcp")), "{line:#}");
    }
    let first: serde_json::Value = serde_json::from_str(&found[0]).unwrap();
    assert_eq!((first["do"].as_bool(), first["udp_size"].as_u64()), (Some(true), Some(1232)));
    assert!(first["duration_us"].as_u64().unwrap() > 0, "a server was asked");
}

#[test]
fn a_sample_has_all_of_a_conversation_or_none_of_it() {
    let (upstream, folder) = (upstream(), tempfile::tempdir().unwrap());
    let daemon = setup(&upstream, folder.path(), "classes = [\"all\"]\nsample = 4").start();
    for round in 0..3 {
        for number in 0..64 {
            let name = format!("n{number}.example.org");
            daemon.ask(&Ask::a(&if round == 1 { name.to_uppercase() } else { name }));
        }
    }
    // How many that are follows from the names alone.
    wait_until("a whole number of rounds", || {
        !lines(folder.path()).is_empty() && lines(folder.path()).len().is_multiple_of(3)
    });
    let noted = daemon.metric("nodens_query_log_total", &[("result", "noted")]);
    wait_until("all is written", || lines(folder.path()).len() as f64 >= noted);
    let mut names: Vec<String> = lines(folder.path())
        .iter()
        .map(|line| line.split(" IN ").nth(1).unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    let logged = names.len();
    names.sort();
    names.dedup();
    assert_eq!(logged, 3 * names.len(), "{names:?}");
    assert!((4..=32).contains(&names.len()), "about a quarter of 64: {}", names.len());
}

/// N37
#[test]
fn a_reader_that_is_stuck_costs_lines_and_no_answer() {
    let (upstream, folder) = (upstream(), tempfile::tempdir().unwrap());
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    // Opened for both, so that neither end waits for the other; nobody ever reads.
    let held = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let script = format!("exec \"$0\" \"$@\" >{}", pipe.display());
    let mut daemon = Setup::forward(&upstream)
        .section("query-log", "classes = [\"all\"]\nbuffer = \"128KiB\"")
        .under(&["sh", "-c", &script])
        .start();
    let udp = daemon.udp();
    let asks: u32 = 4_000;
    for _ in 0..asks {
        assert_eq!(udp.ask(&Ask::a("www.example.org")).addresses().len(), 1);
    }
    let count = |result: &str| daemon.metric("nodens_query_log_total", &[("result", result)]);
    assert!(count("dropped") > 0.0, "noted {}", count("noted"));
    assert!((count("dropped") + count("noted") - f64::from(asks)).abs() < 0.5, "every answer is one or the other");
    // The end does not wait for it, either.
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0), "{:#?}", daemon.log());
    drop(held);
}

/// A collector's socket, by its lines.
fn first_lines(listener: &UnixListener, count: usize) -> Vec<String> {
    let (stream, _) = listener.accept().unwrap();
    BufReader::new(stream).lines().take(count).map(Result::unwrap).collect()
}

/// N37. Another user than root, with all that the sandbox takes away; the collector is replaced by another.
#[test]
fn within_the_sandbox_lines_go_to_a_socket_that_comes_and_goes() {
    let (upstream, folder) = (upstream(), tempfile::tempdir().unwrap());
    let socket = folder.path().join("collector");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let listen = || {
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
        listener
    };
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let user = if is_root { format!("user = \"{USER}\"") } else { String::new() };
    let first = listen();
    let daemon = Setup::forward(&upstream)
        .section("sandbox", &user)
        .section("query-log", &format!("classes = [\"all\"]\noutput = \"unix:{}\"", socket.display()))
        .start();
    daemon.ask(&Ask::a("a.example.org"));
    assert!(first_lines(&first, 1)[0].contains("a.example.org"), "{:#?}", daemon.log());
    drop(first);
    let lost = || daemon.metric("nodens_query_log_total", &[("result", "lost")]);
    wait_until("what nobody takes is counted", || {
        daemon.ask(&Ask::a("b.example.org"));
        lost() >= 1.0
    });
    let second = listen();
    let found = std::thread::spawn(move || first_lines(&second, 1));
    wait_until("the new collector has a line", || {
        daemon.ask(&Ask::a("c.example.org"));
        found.is_finished()
    });
    assert!(found.join().unwrap()[0].contains(".example.org"));
}

/// N37
#[test]
fn within_the_sandbox_files_are_closed_and_compressed() {
    let (upstream, folder) = (upstream(), tempfile::tempdir().unwrap());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let user = if is_root { format!("user = \"{USER}\"") } else { String::new() };
    let daemon = setup(&upstream, folder.path(), "classes = [\"all\"]\nrotate-size = \"4KiB\"\nmax-size = \"64KiB\"")
        .section("sandbox", &user)
        .start();
    let log = folder.path().join("log");
    let first = log.join("queries.000001.gz");
    wait_until("a file is closed and compressed", || {
        for _ in 0..20 {
            daemon.ask(&Ask::a("www.example.org"));
        }
        first.exists()
    });
    if is_root {
        assert_eq!(fs::metadata(&log).unwrap().uid(), USER);
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(&first).unwrap()).read_to_string(&mut text).unwrap();
    assert!(text.lines().count() > 20 && text.lines().all(|line| line.starts_with("[INFO] 127.0.0.1:")), "{text}");
    let refused = daemon.log().into_iter().filter(|line| line.contains("cannot be written"));
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<String>::new());
}

//------ Dnstap --------------------------------------------------------------------

/// A collector of dnstap, ended when dropped.
struct Collector(Child);

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What another reader of dnstap finds in a file.
fn read_dnstap(file: &Path) -> String {
    let output = Command::new("dnstap-ldns").arg("-y").arg("-r").arg(file).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What both ways of dnstap must show of one query that was asked at a server.
#[track_caller]
fn check_messages(text: &str) {
    for kind in ["CLIENT_QUERY", "FORWARDER_QUERY", "FORWARDER_RESPONSE", "CLIENT_RESPONSE"] {
        assert!(text.contains(&format!("type: {kind}")), "{kind} in\n{text}");
    }
    assert!(text.contains("query_address: \"127.0.0.1\"") || text.contains("query_address: 127.0.0.1"), "{text}");
    assert!(text.contains("www.example.org.\t"), "{text}");
}

/// N37
#[test]
fn dnstap_goes_to_a_collector_and_to_a_file() {
    if unless(&[Need::Program("fstrm_capture"), Need::Program("dnstap-ldns")]).is_some() {
        return;
    }
    let (upstream, folder) = (upstream(), tempfile::tempdir().unwrap());
    let (socket, captured) = (folder.path().join("socket"), folder.path().join("captured"));
    let capture = Command::new("fstrm_capture")
        .args(["-t", "protobuf:dnstap.Dnstap", "-u"])
        .arg(&socket)
        .arg("-w")
        .arg(&captured)
        .stderr(Stdio::null())
        .spawn();
    let mut capture = Collector(capture.unwrap());
    wait_until("the collector listens", || socket.exists());
    let start = |output: &str| -> Daemon {
        let lines = format!("classes = [\"all\"]\nformat = \"dnstap\"\noutput = \"{output}\"");
        Setup::forward(&upstream).section("query-log", &lines).start()
    };
    for output in [format!("unix:{}", socket.display()), format!("file:{}", folder.path().join("file").display())] {
        let mut daemon = start(&output);
        daemon.ask(&Ask::a("www.example.org"));
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait().code(), Some(0), "{:#?}", daemon.log());
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(capture.0.id()).unwrap()), Signal::SIGTERM)
        .unwrap();
    capture.0.wait().unwrap();
    check_messages(&read_dnstap(&captured));
    check_messages(&read_dnstap(&folder.path().join("file")));
}
