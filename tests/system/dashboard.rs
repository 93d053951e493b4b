//! The dashboard of `packaging/grafana` before a real Prometheus that scrapes a real node under load: every query of every panel must have data.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nodens::sys::clock;
use serde_json::Value;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::compose::{Compose, text_data};
use super::common::daemon::{Daemon, Setup};
use super::common::metrics::get;
use super::common::peer::{Peer, free_address};
use super::common::skip::{Need, unless};
use super::common::upstream::{Close, NAME, Query, Upstream};
use super::common::wire::{kind, rcode};
use super::common::{PATIENCE, elapsed, wait_until};

/// The dashboard.
const DASHBOARD: &str = include_str!("../../packaging/grafana/nodens.json");

/// A file of the repository.
fn file(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

//------ A node that has a little of everything ------------------------------------------------------------------------

/// Answers by the first letters of the name.
fn various(query: &Query) -> Compose {
    let name = query.name();
    match name.split('-').next().unwrap_or_default() {
        "gone" => query.answer().rcode(rcode::NXDOMAIN).soa("example.org", 300, 300),
        "broken" => query.answer().rcode(rcode::SERVFAIL),
        "inside" => query.answer().answer(kind::A, 300, &[10, 0, 0, 1]),
        "large" => (0..20).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 300, &text_data(100))),
        // Not one for examples, which the filter would withhold.
        _ if query.kind() == kind::A => query.answer().answer(kind::A, 300, &[1, 1, 1, 1]),
        _ => query.answer(),
    }
}

/// Servers, the node before them, and where it keeps files. Dropped in this order.
struct Node {
    /// The daemon.
    daemon: Daemon,
    /// The servers: all names, the cluster's.
    servers: [Upstream; 2],
    /// Their authority.
    _authority: Authority,
    /// Files of the node.
    _folder: tempfile::TempDir,
}

/// A node with all that can be turned on: encrypted servers of which one is dead, cluster DNS, validation, block list, snapshots, hand-over.
fn node() -> Node {
    let authority = Authority::new();
    let internet = Upstream::tls(&authority).serve(various);
    let cluster = Upstream::tcp().serve(various);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let daemon = Setup::new()
        .section("log", "level = \"info\"")
        .section("cache", &format!("snapshot = {:?}\nsnapshot-interval = \"1s\"", at("cache")))
        .section("supervisor", &format!("socket = {:?}", at("handover")))
        .section("query-log", &format!("classes = [\"all\"]\noutput = \"file:{}\"", at("queries")))
        .section("policy", "block = [\"blocked.example\"]")
        .upstream("internet", &[internet.url(), format!("tls://{}#{NAME}", free_address())], &internet.extra())
        .upstream("cluster-dns", &[cluster.url()], &cluster.extra())
        .upstream("corp", &["auto://127.0.0.1:9".to_owned()], "")
        .zone("cluster.local", "cluster-dns", "class = \"internal\"")
        .zone("corp.example", "corp", "")
        .zone("signed.example", "cluster-dns", "dnssec = \"validate\"")
        .zone(".", "internet", "rebinding.mode = \"block\"")
        .start();
    Node { daemon, servers: [internet, cluster], _authority: authority, _folder: folder }
}

/// Asks for everything again and again, until told to stop.
fn load(node: &Node, stop: &AtomicBool) {
    let daemon = &node.daemon;
    let client = daemon.udp();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if number % 20 == 0 {
            // So that there is something to say of connections that have ended.
            node.servers[0].end_all(Close::Finish);
        }
        for name in ["www.example.org", "web.default.svc.cluster.local", "localhost", "x.blocked.example"] {
            client.ask(&Ask::a(name));
        }
        for first in ["new", "gone", "broken", "inside"] {
            client.ask(&Ask::a(&format!("{first}-{number}.example.org")).dnssec_ok());
        }
        client.ask(&Ask::new(&format!("large-{}.example.org", number % 10), kind::TXT));
        daemon.tcp().ask(&Ask::new(&format!("large-{}.example.org", number % 10), kind::TXT));
        daemon.tcp().ask(&Ask::new("www.example.org", kind::AAAA));
    }
}

//------ Prometheus ----------------------------------------------------------------------------------------------------

/// Prometheus with our rules, scraping the node every second.
fn prometheus(daemon: &Daemon) -> Peer {
    Peer::prometheus(&format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{:?}]\n\
         scrape_configs: [{{ job_name: nodens, static_configs: [{{ targets: [{:?}] }}] }}]\n",
        file("packaging/prometheus/nodens.rules.yml"),
        daemon.http_address("metrics").to_string(),
    ))
}

/// Asks Prometheus's API; the field `data`, or the error.
fn api(server: &Peer, path: &str, parameter: &str, value: &str) -> Result<Value, String> {
    let mut encoded = String::new();
    for byte in value.bytes() {
        write!(encoded, "%{byte:02x}").unwrap();
    }
    let body = get(server.address, &format!("/api/v1/{path}?{parameter}={encoded}")).body;
    let answer: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
    if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(body) }
}

/// Whether a query has a number to show.
fn has_data(server: &Peer, query: &str) -> bool {
    let data = api(server, "query", "query", query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let is_number = |sample: &Value| sample["value"][1].as_str().is_some_and(|value| value != "NaN");
    data["result"].as_array().is_some_and(|samples| samples.iter().any(is_number))
}

/// Waits until all of these queries have data; each comes with where it stands.
#[track_caller]
fn wait_for_data(server: &Peer, mut missing: Vec<(String, String)>) {
    let start = clock::now();
    loop {
        missing.retain(|(_, query)| !has_data(server, query));
        if missing.is_empty() {
            return;
        }
        assert!(elapsed(start) < PATIENCE, "no data: {missing:#?}");
        // A sample comes once a second.
        thread::park_timeout(Duration::from_millis(200));
    }
}

//------ The dashboard -------------------------------------------------------------------------------------------------

/// A query as Grafana sends it when all nodes are chosen.
fn filled(query: &str) -> String {
    query.replace("$__rate_interval", "4s").replace("$job", ".+").replace("$instance", ".+")
}

/// The queries of all panels, each with the panel's title.
fn panel_queries(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let of = |panel: &Value| -> Vec<(String, String)> {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.iter().map(|target| (title.clone(), filled(target["expr"].as_str().expect("an expression")))).collect()
    };
    panels.iter().flat_map(of).collect()
}

/// N38: every query of every panel, of the choices above and of the annotations, and every rule.
#[test]
fn every_panel_of_the_dashboard_shows_something() {
    if unless(&[Need::Program("prometheus")]).is_some() {
        return;
    }
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let node = node();
    let server = prometheus(&node.daemon);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| load(&node, &stop));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let queries = panel_queries(&dashboard);
            assert!(queries.len() > 80, "{} queries", queries.len());
            wait_for_data(&server, queries);
            choices_and_annotations(&server, &dashboard);
            rules(&server);
        }));
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// The lists to choose from are not empty, and the annotations are queries.
fn choices_and_annotations(server: &Peer, dashboard: &Value) {
    let mut choices = 0;
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        let Some(definition) = variable["definition"].as_str() else { continue };
        let inner = definition.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (series, label) = inner.and_then(|inner| inner.rsplit_once(", ")).expect("label_values(SERIES, LABEL)");
        let values = api(server, &format!("label/{label}/values"), "match[]", &filled(series)).unwrap();
        assert!(values.as_array().is_some_and(|values| !values.is_empty()), "{definition}");
        choices += 1;
    }
    assert_eq!(choices, 2, "jobs and nodes");
    for annotation in dashboard["annotations"]["list"].as_array().expect("annotations") {
        let query = filled(annotation["expr"].as_str().expect("an expression"));
        api(server, "query", "query", &query).unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}

/// Prometheus has evaluated every rule without an error, and what is recorded is there.
fn rules(server: &Peer) {
    let all = || -> Vec<Value> {
        let data = api(server, "rules", "", "").unwrap();
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect()
    };
    wait_until("every rule is evaluated", || {
        let rules = all();
        rules.len() > 30 && rules.iter().all(|rule| rule["health"] != "unknown")
    });
    let recorded: Vec<(String, String)> = all()
        .iter()
        .inspect(|rule| assert_eq!(rule["health"], "ok", "{rule}"))
        .filter(|rule| rule["type"] == "recording")
        .map(|rule| ("recorded".to_owned(), rule["name"].as_str().expect("a name").to_owned()))
        .collect();
    assert!(!recorded.is_empty());
    wait_for_data(server, recorded);
}
