//! A new configuration without a restart: what changes does, what does not stays, and a mistake changes nothing.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use nodens::config::digest;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::client::Udp;
use super::common::daemon::{Daemon, Setup};
use super::common::upstream::{Action, Gate, Upstream, one_address};
use super::common::wait_until;
use super::common::wire::rcode;

/// How often a new configuration was taken.
pub(super) const RELOADS: &str = "nodens_reloads_total";
/// How often one was refused.
pub(super) const FAILURES: &str = "coredns_reload_failed_total";

/// A server that answers everything with this address.
fn server(last: u8) -> Upstream {
    Upstream::tcp().serve(move |query| query.answer().addresses(300, &[[192, 0, 2, last]]))
}

/// `one.example` at the first, everything else at the second server.
fn two(one: &Upstream, rest: &Upstream) -> Setup {
    let setup = Setup::new().upstream("one", &[one.url()], "").upstream("rest", &[rest.url()], "");
    setup.zone("one.example", "one", "").zone(".", "rest", "")
}

/// The configuration file of a daemon.
pub(super) fn file(daemon: &Daemon) -> PathBuf {
    daemon.folder().join("nodens.toml")
}

/// Writes a file as editors and configuration tools do: a new one in the place of the old.
pub(super) fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

/// Writes the daemon's configuration and waits until it is taken.
#[track_caller]
pub(super) fn reload(daemon: &Daemon, setup: &Setup) {
    let before = daemon.metric(RELOADS, &[]);
    replace(&file(daemon), &setup.text());
    daemon.wait_for_metric(RELOADS, &[], before + 1.0);
}

/// The last number of the address that `name` has.
#[track_caller]
fn address(daemon: &Daemon, name: &str) -> u8 {
    let answer = daemon.ask(&Ask::a(name));
    answer
        .addresses()
        .first()
        .unwrap_or_else(|| panic!("no address: {answer}"))
        .to_string()
        .rsplit('.')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// The hash that `/ready` shows.
#[track_caller]
fn ready_hash(daemon: &Daemon) -> String {
    let body = daemon.http("health", "/ready").body;
    let line = body.lines().find_map(|line| line.strip_prefix("configuration sha256 "));
    line.unwrap_or_else(|| panic!("no hash: {body}")).to_owned()
}

/// The hash of a file, as `sha256sum` prints it.
fn hash(path: &Path) -> String {
    digest(path).unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lines of the log that speak of a refused configuration.
pub(super) fn refusals(daemon: &Daemon) -> Vec<String> {
    daemon.log().into_iter().filter(|line| line.contains("configuration not reloaded")).collect()
}

/// N32
#[test]
fn a_zone_gets_other_servers_and_all_other_answers_stay() {
    let (old, new, rest) = (server(1), server(2), server(3));
    let daemon = two(&old, &rest).start();
    assert_eq!((address(&daemon, "www.one.example"), address(&daemon, "www.example.org")), (1, 3));
    let before = ready_hash(&daemon);
    reload(&daemon, &two(&new, &rest));
    assert_eq!(address(&daemon, "www.one.example"), 2, "the zone's kept answer is gone");
    assert_eq!(address(&daemon, "www.example.org"), 3);
    assert_eq!((old.queries(), new.queries(), rest.queries()), (1, 1, 1), "the other zone's answer was kept");
    assert_eq!(rest.connections(), 1);
    address(&daemon, "mail.example.org");
    assert_eq!(rest.connections(), 1, "servers that stay keep their connections");
    let now = ready_hash(&daemon);
    assert_ne!(before, now);
    assert_eq!(now, hash(&file(&daemon)));
    assert_eq!(daemon.metric("coredns_reload_version_info", &[("hash", "sha256"), ("value", &now)]), 1.0);
    assert_eq!(daemon.metric("coredns_reload_version_info", &[]), 1.0);
    daemon.wait_for_metric("coredns_dns_requests_total", &[("zone", "one.example."), ("type", "A")], 2.0);
}

/// N32
#[test]
fn how_servers_are_asked_can_change_during_an_outage_and_no_answer_is_lost() {
    let out = Arc::new(AtomicBool::new(false));
    let is_out = Arc::clone(&out);
    let upstream = Upstream::tcp().serve(move |query| match is_out.load(Ordering::SeqCst) {
        true => Action::Ignore,
        false => query.answer().addresses(1, &[[192, 0, 2, 1]]).into(),
    });
    let setup = |lines: &str| Setup::new().upstream("all", &[upstream.url()], lines).zone(".", "all", "");
    let haste = "timeout = \"1s\"\ntry-timeout = \"200ms\"";
    let daemon = setup(haste).start();
    assert_eq!(address(&daemon, "www.example.org"), 1);
    out.store(true, Ordering::SeqCst);
    reload(&daemon, &setup(&format!("{haste}\npolicy = \"sequential\"\nconnections = 3\nidle-timeout = \"3s\"")));
    assert!(daemon.log().iter().any(|line| line.contains("configuration reloaded") && line.contains("forgotten=0")));
    wait_until("the answer has expired and is given as stale", || {
        let answer = daemon.ask(&Ask::a("www.example.org").edns(1232));
        assert_eq!(answer.addresses().len(), 1, "{answer}");
        !answer.extended_errors().is_empty()
    });
}

/// N32
#[test]
fn names_that_go_to_another_zone_or_to_the_node_are_asked_there() {
    let (one, rest) = (server(1), server(3));
    let plain =
        Setup::new().upstream("one", &[one.url()], "").upstream("rest", &[rest.url()], "").zone(".", "rest", "");
    let daemon = plain.start();
    for name in ["www.one.example", "own.example", "www.example.org"] {
        assert_eq!(address(&daemon, name), 3);
    }
    let split =
        plain.clone().zone("one.example", "one", "").section("local", "records = [\"own.example. 60 A 192.0.2.9\"]");
    reload(&daemon, &split);
    assert_eq!(["www.one.example", "own.example", "www.example.org"].map(|name| address(&daemon, name)), [1, 9, 3]);
    reload(&daemon, &plain);
    assert_eq!(["www.one.example", "own.example", "www.example.org"].map(|name| address(&daemon, name)), [3, 3, 3]);
    assert_eq!(rest.queries_for("www.example.org"), 1);
}

/// N32
#[test]
fn any_mistake_keeps_everything_as_it_was_and_is_counted_logged_and_shown() {
    let (old, rest) = (server(1), server(3));
    let setup = two(&old, &rest);
    let daemon = setup.start();
    assert_eq!(address(&daemon, "www.one.example"), 1);
    let (path, good) = (file(&daemon), ready_hash(&daemon));
    let shown = path.display().to_string();
    // Syntax in the file's last line; three mistakes of meaning; a record; a file that is none; no file.
    let lines = setup.text().lines().count();
    let cases: [(Option<String>, String, &str); 5] = [
        (Some(setup.text() + "[listen\n"), format!("{shown}:{}:", lines + 1), "more=0"),
        (
            Some(setup.text().replace("workers = 1", "workers = 0\nworkerz = 2\nudp-size = 1")),
            format!("{shown}:3:"),
            "more=2",
        ),
        (
            Some(setup.clone().section("local", "records = [\"a.example. 60 A 192.0.2.1.2\"]").text()),
            format!("{shown}: "),
            "192.0.2.1.2",
        ),
        (
            Some(setup.text().replace("[log]", "[local]\nhosts = \"/nowhere/hosts\"\n[log]")),
            format!("{shown}:"),
            "/nowhere/hosts",
        ),
        (None, format!("{shown}: cannot be read"), "more=0"),
    ];
    for (number, (text, place, also)) in cases.iter().enumerate() {
        match text {
            Some(text) => replace(&path, text),
            None => std::fs::remove_file(&path).unwrap(),
        }
        daemon.wait_for_metric(FAILURES, &[], f64::from(u8::try_from(number + 1).unwrap()));
        wait_until("a line says why", || refusals(&daemon).len() == number + 1);
        let line = refusals(&daemon).pop().unwrap();
        assert!(line.contains(place) && line.contains(also) && line.contains("level=error"), "{line}");
        assert_eq!(address(&daemon, "www.one.example"), 1);
        assert_eq!(ready_hash(&daemon), good);
        assert!(daemon.http("health", "/ready").body.contains("was not taken"));
    }
    assert_eq!(old.queries(), 1, "the answer was kept all the time");
    assert_eq!(daemon.metric(FAILURES, &[]), 5.0);
    assert_eq!(daemon.metric(RELOADS, &[]), 0.0);
    // The old text again is no change, and nothing is wrong any more.
    replace(&path, &setup.text());
    wait_until("nothing is wrong any more", || !daemon.http("health", "/ready").body.contains("was not taken"));
    assert_eq!((daemon.metric(RELOADS, &[]), daemon.metric(FAILURES, &[])), (0.0, 5.0));
}

/// N32
#[test]
fn sighup_reads_again_and_says_that_nothing_has_changed() {
    let rest = server(3);
    let setup = two(&rest, &rest);
    let daemon = setup.start();
    assert_eq!(address(&daemon, "www.example.org"), 3);
    let said = || daemon.log().iter().filter(|line| line.contains("nothing has changed")).count();
    daemon.signal(Signal::SIGHUP);
    wait_until("it says so", || said() == 1);
    // A comment is a new file and no new configuration.
    replace(&file(&daemon), &(setup.text() + "# a comment\n"));
    wait_until("the hash is that of the file", || ready_hash(&daemon) == hash(&file(&daemon)));
    assert_eq!(daemon.metric(RELOADS, &[]), 0.0);
    assert_eq!(address(&daemon, "www.example.org"), 3);
    assert_eq!(rest.queries(), 1);
}

/// N32: Kubernetes shows a ConfigMap as links to `..data`, itself a link that is swapped.
#[test]
fn a_configuration_behind_a_link_that_is_swapped_is_taken() {
    let (one, two) = (server(1), server(2));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (version, upstream) in [("..1", &one), ("..2", &two)] {
        std::fs::create_dir(path(version)).unwrap();
        std::fs::write(path(version).join("nodens.toml"), Setup::forward(upstream).text()).unwrap();
    }
    symlink("..1", path("..data")).unwrap();
    symlink("..data/nodens.toml", path("nodens.toml")).unwrap();
    let daemon = Setup::forward(&one).start_at(&path("nodens.toml"));
    assert_eq!(address(&daemon, "www.example.org"), 1);
    symlink("..2", path("..data_tmp")).unwrap();
    std::fs::rename(path("..data_tmp"), path("..data")).unwrap();
    std::fs::remove_dir_all(path("..1")).unwrap();
    daemon.wait_for_metric(RELOADS, &[], 1.0);
    assert_eq!(address(&daemon, "www.example.org"), 2);
    // The new folder is watched, too.
    std::fs::write(path("..2/nodens.toml"), Setup::forward(&one).text()).unwrap();
    daemon.wait_for_metric(RELOADS, &[], 2.0);
    assert_eq!(address(&daemon, "www.example.org"), 1);
}

/// N32
#[test]
fn a_hosts_file_and_an_authority_that_change_are_read_again() {
    let (first, second) = (Authority::new(), Authority::new());
    let upstream = Upstream::tls(&first).serve(one_address);
    let folder = tempfile::tempdir().unwrap();
    let (hosts, ca) = (folder.path().join("hosts"), folder.path().join("ca.pem"));
    std::fs::write(&hosts, "192.0.2.7 own.example\n").unwrap();
    std::fs::copy(second.file(), &ca).unwrap();
    let setup = Setup::new().upstream("all", &[upstream.url()], &format!("ca = {ca:?}")).zone(".", "all", "");
    let daemon = setup.section("local", &format!("hosts = {hosts:?}")).start();
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).rcode(), rcode::SERVFAIL, "not the server that is meant");
    assert_eq!(address(&daemon, "own.example"), 7);
    std::fs::write(&hosts, "192.0.2.8 own.example\n192.0.2.9 another.example\n").unwrap();
    daemon.wait_for_metric(RELOADS, &[], 1.0);
    assert_eq!((address(&daemon, "own.example"), address(&daemon, "another.example")), (8, 9));
    replace(&ca, &std::fs::read_to_string(first.file()).unwrap());
    daemon.wait_for_metric(RELOADS, &[], 2.0);
    assert_eq!(address(&daemon, "www.example.org"), 1);
    assert_eq!(daemon.metric(FAILURES, &[]), 0.0);
}

/// N32
#[test]
fn what_sockets_and_memory_were_made_by_waits_for_the_next_start_and_the_rest_is_taken() {
    let (one, rest) = (server(1), server(3));
    let daemon = two(&rest, &rest).start();
    let (dns, health, metrics) = (daemon.udp_address(), daemon.http_address("health"), daemon.http_address("metrics"));
    let mut idle = daemon.tcp();
    idle.ask(&Ask::a("www.example.org"));
    let next = two(&one, &rest)
        .section(
            "listen",
            "addresses = [\"127.0.0.9:0\"]\nworkers = 2\nallow = [\"127.0.0.0/8\"]\ntcp-idle-timeout = \"1s\"",
        )
        .section("cache", "size = \"9MiB\"")
        .section("health", "listen = \"127.0.0.1:9\"\nallow = [\"192.0.2.0/24\"]")
        .section("log", "format = \"json\"\nlevel = \"info\"");
    reload(&daemon, &next);
    wait_until("a line names them", || {
        let options =
            "options=\"listen.addresses listen.workers cache.size cache.negative-size health.listen log.format\"";
        daemon.log().iter().any(|line| line.contains(options) && line.contains("level=warn"))
    });
    assert_eq!(address(&daemon, "www.one.example"), 1);
    assert_eq!(daemon.http("health", "/ready").status, 403, "the list of who may ask is new");
    assert_eq!(daemon.http("metrics", "/metrics").status, 200);
    // A connection that was open goes on, and new ones follow the new time-out.
    idle.ask(&Ask::a("mail.example.org"));
    let mut short = daemon.tcp();
    short.ask(&Ask::a("www.example.org"));
    short.wait_for_close();
    assert_eq!(
        (daemon.udp_address(), daemon.http_address("health"), daemon.http_address("metrics")),
        (dns, health, metrics)
    );
}

/// N32
#[test]
fn a_query_that_is_under_way_is_answered_by_the_server_it_went_to_and_not_kept_for_others() {
    let gate = Gate::new();
    let held = gate.clone();
    let old = Upstream::tcp().serve(move |query| held.hold(&query.answer().addresses(300, &[[192, 0, 2, 1]])));
    let (new, rest) = (server(2), server(3));
    let daemon = two(&old, &rest).start();
    let (client, ask) = (daemon.udp(), Ask::a("www.one.example"));
    client.send(&ask);
    old.wait_for(1);
    reload(&daemon, &two(&new, &rest));
    assert_eq!(address(&daemon, "www.one.example"), 2, "whoever asks now does not wait for the old server");
    gate.open();
    assert_eq!(client.receive(&ask).addresses()[0].to_string(), "192.0.2.1");
    assert_eq!(address(&daemon, "www.one.example"), 2);
    assert_eq!((old.queries(), new.queries()), (1, 1));
}

/// N32
#[test]
fn a_reload_that_mends_a_zone_helps_at_once() {
    let (dead, alive, rest) =
        (Upstream::tcp().serve(|query| query.answer().rcode(rcode::REFUSED)), server(2), server(3));
    let daemon = two(&dead, &rest).start();
    assert_ne!(daemon.ask(&Ask::a("www.one.example")).rcode(), rcode::NOERROR);
    reload(&daemon, &two(&alive, &rest));
    assert_eq!(address(&daemon, "www.one.example"), 2, "the failure is forgotten");
}

/// N32
#[test]
fn fifty_reloads_under_load_lose_no_query() {
    let (one, other, rest) = (server(1), server(2), server(3));
    let daemon = two(&one, &rest).section("listen", "workers = 2").start();
    let (stop, place) = (AtomicBool::new(false), daemon.udp_address());
    let (health, metrics) = (daemon.http_address("health"), daemon.http_address("metrics"));
    let asked: usize = std::thread::scope(|scope| {
        let client = |number: usize| {
            let (stop, ports) = (&stop, 0..4);
            scope.spawn(move || {
                let sockets: Vec<Udp> = ports.map(|_| Udp::to(place)).collect();
                let mut asked = 0;
                while !stop.load(Ordering::Relaxed) {
                    // Every fourth name is new and has to be asked for; a lost answer fails within the client's patience.
                    let name =
                        if asked % 4 == 0 { format!("{number}-{asked}.one.example") } else { "www.one.example".into() };
                    let reply = sockets[asked % sockets.len()].ask(&Ask::a(&name));
                    assert_eq!(reply.rcode(), rcode::NOERROR, "{reply}");
                    asked += 1;
                }
                asked
            })
        };
        let clients = [client(0), client(1)];
        for round in 0..50 {
            let upstream = if round % 2 == 0 { &other } else { &one };
            let before = daemon.metric(RELOADS, &[]);
            replace(&file(&daemon), &two(upstream, &rest).section("listen", "workers = 2").text());
            daemon.signal(Signal::SIGHUP);
            daemon.wait_for_metric(RELOADS, &[], before + 1.0);
            assert_eq!(daemon.http("health", "/ready").status, 200);
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert!(asked > 500, "{asked} queries");
    assert_eq!(daemon.metric(RELOADS, &[]), 50.0);
    assert_eq!((daemon.http_address("health"), daemon.http_address("metrics")), (health, metrics));
    assert_eq!(daemon.metric("coredns_dns_responses_total", &[("rcode", "SERVFAIL")]), 0.0);
}
