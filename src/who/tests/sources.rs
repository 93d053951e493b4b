//! The kubelet and the API server as they really speak, and as they fail.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::api_server::ApiServer;
use super::super::follow::{Keeper, News, Pace, Source, hold};
use super::super::http;
use super::super::kubelet::Kubelet;
use super::server::{Files, Identity, Reply, Server};
use super::*;
use crate::config::{ClientSource, Clients};
use crate::metrics::{Event, WorkerMetrics};
use crate::who::Failure;

/// A short pace, so that no test waits.
const PACE: Pace = Pace {
    refresh: Duration::from_millis(20),
    shortest_pause: Duration::from_millis(1),
    first_back_off: Duration::from_millis(5),
    longest_back_off: Duration::from_millis(20),
};

/// What the operator says of a server.
fn clients(url: &str, token: Option<&Path>, ca: Option<&Path>) -> Clients {
    Clients {
        source: ClientSource::Kubelet,
        address: url.to_owned(),
        token: token.map(Path::to_owned),
        ca: ca.map(Path::to_owned),
        node: "node-7".to_owned(),
        refresh: PACE.refresh,
    }
}

/// How a server is reached.
fn way(url: &str, token: Option<&Path>, ca: Option<&Path>) -> http::Server {
    http::Server::new(&clients(url, token, ca)).unwrap()
}

/// The names of the pods that a kubelet knows.
async fn pods(kubelet: &mut Kubelet) -> Result<Vec<String>, Failure> {
    match timeout(PATIENCE, kubelet.next()).await.unwrap()? {
        News::All(pods) => Ok(pods.iter().map(|pod| pod.who.to_string()).collect()),
        news => panic!("{news:?}"),
    }
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

/// A status as the kubelet and the API server write it.
fn status(code: u16) -> Reply {
    let text = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": code });
    Reply::Whole(code, text.to_string().into_bytes())
}

//------ The kubelet -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_read_only_port_tells_all_pods() {
    let pods_now = list("", &[written("web-1", &["10.1.0.9"]), written("web-2", &["10.1.0.10", "fd00::10"])]);
    let server = Server::start(None, move |_, _| Reply::Whole(200, pods_now.clone().into_bytes())).await;
    let mut kubelet = Kubelet::new(way(&server.url("http"), None, None));
    assert_eq!(pods(&mut kubelet).await.unwrap(), ["shop/web-1/web", "shop/web-2/web"]);
    assert_eq!(server.asked(), [("/pods".to_owned(), None)]);
}

#[tokio::test]
async fn a_token_that_is_replaced_is_the_next_that_is_sent() {
    let (identity, files) = (Identity::new(&["127.0.0.1"]), Files::new());
    let right = Arc::new(Mutex::new("Bearer first".to_owned()));
    let expected = Arc::clone(&right);
    let server = Server::start(Some(&identity), move |_, token| {
        if token == Some(&*expected.lock().unwrap()) {
            Reply::Whole(200, list("", &[written("web-1", &["10.1.0.9"])]).into_bytes())
        } else {
            Reply::Whole(401, b"Unauthorized".to_vec())
        }
    })
    .await;
    let (ca, token) = (files.put("ca.crt", &identity.authority), files.put("token", "first\n"));
    let mut kubelet = Kubelet::new(way(&server.url("https"), Some(&token), Some(&ca)));
    assert_eq!(pods(&mut kubelet).await.unwrap().len(), 1);
    "Bearer second".clone_into(&mut right.lock().unwrap());
    assert_eq!(pods(&mut kubelet).await, Err(Failure::Refused(401)));
    files.put("token", "second");
    assert_eq!(pods(&mut kubelet).await.unwrap().len(), 1);
    files.put("token", "a\nb");
    assert!(matches!(pods(&mut kubelet).await, Err(Failure::Credentials(_))));
    std::fs::remove_file(&token).unwrap();
    assert!(matches!(pods(&mut kubelet).await, Err(Failure::Credentials(_))));
}

#[tokio::test]
async fn a_kubelet_that_signed_its_own_certificate_is_known_by_it() {
    // For its host name alone, as kubelets do, and asked at another address.
    let (identity, other, files) = (Identity::new(&["node-7"]), Identity::new(&["127.0.0.1"]), Files::new());
    let server = Server::start(Some(&identity), |_, _| Reply::Whole(200, list("", &[]).into_bytes())).await;
    let token = files.put("token", "secret");
    let ca = files.put("kubelet.crt", &format!("{}{}", identity.own, identity.authority));
    let mut kubelet = Kubelet::new(way(&server.url("https"), Some(&token), Some(&ca)));
    assert_eq!(pods(&mut kubelet).await, Ok(Vec::new()));
    // The authority alone vouches for another name.
    for wrong in [&identity.authority, &other.own, &other.authority] {
        files.put("kubelet.crt", wrong);
        assert!(matches!(pods(&mut kubelet).await, Err(Failure::Unreachable(_))));
    }
    // A new certificate of the kubelet's, and the file that follows it.
    files.put("kubelet.crt", &identity.own);
    assert_eq!(pods(&mut kubelet).await, Ok(Vec::new()));
    assert_eq!(server.asked().len(), 2, "nobody else was given the token");
    files.put("kubelet.crt", "nothing");
    assert!(matches!(pods(&mut kubelet).await, Err(Failure::Credentials(_))));
    let mut kubelet = Kubelet::new(way(&server.url("https"), None, Some(&files.path().join("not-there"))));
    assert!(matches!(pods(&mut kubelet).await, Err(Failure::Credentials(_))));
    // The system's authorities know nothing of it.
    let mut kubelet = Kubelet::new(way(&server.url("https"), None, None));
    assert!(matches!(pods(&mut kubelet).await, Err(Failure::Unreachable(_))));
}

#[tokio::test]
async fn what_is_no_list_of_pods_is_a_failure() {
    let huge = format!("{{\"kind\":\"PodList\",\"items\":[{}", "{\"metadata\":{}},".repeat(5_000_000));
    let bodies = [
        "",
        "<html>",
        "null",
        "[]",
        "{\"kind\":\"PodList\"",
        "{\"kind\":\"PodList\",\"items\":[{]}",
        "{\"kind\":\"Status\",\"code\":200}",
        &huge,
    ];
    for body in bodies {
        let body = body.to_owned().into_bytes();
        let length = body.len();
        let server = Server::start(None, move |_, _| Reply::Whole(200, body.clone())).await;
        let mut kubelet = Kubelet::new(way(&server.url("http"), None, None));
        assert!(matches!(pods(&mut kubelet).await, Err(Failure::Garbled(_))), "{length} bytes");
    }
    for code in [301, 401, 403, 404, 500, 503] {
        let server = Server::start(None, move |_, _| status(code)).await;
        let mut kubelet = Kubelet::new(way(&server.url("http"), None, None));
        assert_eq!(pods(&mut kubelet).await, Err(Failure::Refused(code)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_or_stops_in_the_middle_is_given_up() {
    let silent = Server::start(None, |_, _| Reply::Nothing).await;
    let mut kubelet = Kubelet::new(way(&silent.url("http"), None, None));
    let failure = pods(&mut kubelet).await.unwrap_err();
    assert_eq!(failure.to_string(), "it did not answer within 10 s");
    let (sender, receiver) = mpsc::unbounded_channel();
    let receiver = Mutex::new(Some(receiver));
    let stops = Server::start(None, move |_, _| Reply::Pieces(receiver.lock().unwrap().take().unwrap())).await;
    sender.send("{\"kind\":\"PodList\",\"items\":[".to_owned()).unwrap();
    let mut kubelet = Kubelet::new(way(&stops.url("http"), None, None));
    assert_eq!(pods(&mut kubelet).await.unwrap_err().to_string(), "it did not go on within 5 s");
    let nobody = silent.address;
    drop(silent);
    let mut kubelet = Kubelet::new(way(&format!("http://{nobody}"), None, None));
    assert!(matches!(pods(&mut kubelet).await, Err(Failure::Unreachable(_))));
}

#[tokio::test]
async fn a_directory_follows_a_kubelet_through_an_outage() {
    let pods_now = Arc::new(Mutex::new(vec![written("old", &["10.1.0.9"])]));
    let (works, said) = (Arc::new(AtomicBool::new(true)), Arc::clone(&pods_now));
    let working = Arc::clone(&works);
    let server = Server::start(None, move |_, _| {
        if working.load(Ordering::Relaxed) {
            Reply::Whole(200, list("", &said.lock().unwrap()).into_bytes())
        } else {
            status(500)
        }
    })
    .await;
    let (directory, metrics) = (Directory::new(hold(PACE.refresh)), Arc::new(WorkerMetrics::default()));
    let keeper = Keeper::new(directory.clone(), PACE, Arc::clone(&metrics));
    tokio::spawn(keeper.keep(Kubelet::new(way(&server.url("http"), None, None))));
    until("the pod is known", || name(&directory, "10.1.0.9") == "shop/old/web").await;
    works.store(false, Ordering::Relaxed);
    until("three failures", || metrics.counted(Event::ClientsRefused) >= 3).await;
    assert_eq!(name(&directory, "10.1.0.9"), "shop/old/web", "it was true a moment ago");
    *pods_now.lock().unwrap() = vec![written("new", &["10.1.0.9"])];
    works.store(true, Ordering::Relaxed);
    until("the new pod is known", || name(&directory, "10.1.0.9") == "shop/new/web").await;
}

//------ The API server --------------------------------------------------------------------------------------------------

/// An API server whose watches a test writes to.
struct Api {
    server: Server,
    /// The watch that was begun last.
    watch: Arc<Mutex<Option<mpsc::UnboundedSender<String>>>>,
    /// Watches begun.
    watches: Arc<AtomicUsize>,
    /// What the list says.
    pods: Arc<Mutex<(String, Vec<Value>)>>,
    /// Whether the next watch is refused as too old.
    forgets: Arc<AtomicBool>,
}

impl Api {
    /// One that knows these pods at version 100.
    async fn start(pods: Vec<Value>) -> Self {
        let pods = Arc::new(Mutex::new(("100".to_owned(), pods)));
        let (watch, watches, forgets) =
            (Arc::<Mutex<Option<_>>>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (said, senders, count, forgetting) =
            (Arc::clone(&pods), Arc::clone(&watch), Arc::clone(&watches), Arc::clone(&forgets));
        let server = Server::start(None, move |path, _| {
            if !path.contains("watch=1") {
                let (version, pods) = &*said.lock().unwrap();
                return Reply::Whole(200, list(version, pods).into_bytes());
            }
            if forgetting.swap(false, Ordering::Relaxed) {
                return status(410);
            }
            let (sender, receiver) = mpsc::unbounded_channel();
            *senders.lock().unwrap() = Some(sender);
            count.fetch_add(1, Ordering::Relaxed);
            Reply::Pieces(receiver)
        })
        .await;
        Self { server, watch, watches, pods, forgets }
    }

    /// A directory that follows it.
    fn followed(&self) -> (Directory, Arc<WorkerMetrics>) {
        let (directory, metrics) = (Directory::new(hold(PACE.refresh)), Arc::new(WorkerMetrics::default()));
        let keeper = Keeper::new(directory.clone(), PACE, Arc::clone(&metrics));
        let source = ApiServer::new(way(&self.server.url("http"), None, None), "node-7".to_owned());
        tokio::spawn(keeper.keep(source));
        (directory, metrics)
    }

    /// Waits for the watch of this number.
    async fn watched(&self, number: usize) {
        until("a watch is begun", || self.watches.load(Ordering::Relaxed) >= number).await;
    }

    /// Writes to the watch.
    fn write(&self, text: String) {
        self.watch.lock().unwrap().as_ref().unwrap().send(text).unwrap();
    }

    /// Tells of a pod.
    fn tell(&self, kind: &str, pod: &Value) {
        self.write(json!({ "type": kind, "object": pod }).to_string() + "\n");
    }

    /// Ends the watch.
    fn end(&self) {
        *self.watch.lock().unwrap() = None;
    }

    /// What it was asked, without what chance adds.
    fn asked(&self) -> Vec<String> {
        let chance = |path: String| match (path.find("timeoutSeconds="), path.find("&resourceVersion")) {
            (Some(from), Some(to)) if from < to => path[..from].to_owned() + &path[to + 1..],
            _ => path,
        };
        self.server.asked().into_iter().map(|(path, _)| chance(path)).collect()
    }
}

/// A list that takes whatever the server has at hand.
const FIRST_LIST: &str = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-7&resourceVersion=0";

/// A list that is newer than all that is known.
const NEW_LIST: &str = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-7";

/// A watch from a version on.
fn watch(version: &str) -> String {
    format!(
        "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-7&watch=1&allowWatchBookmarks=true&resourceVersion={version}"
    )
}

/// N36
#[tokio::test]
async fn every_change_is_known_as_it_happens() {
    let api = Api::start(vec![written("old", &["10.1.0.9"])]).await;
    let (directory, _) = api.followed();
    api.watched(1).await;
    assert_eq!(api.asked(), [FIRST_LIST.to_owned(), watch("100")]);
    assert_eq!(name(&directory, "10.1.0.9"), "shop/old/web");
    let version = |pod: Value, version: &str| changed(pod, &[("/metadata/resourceVersion", json!(version))]);
    // A new pod has no address at first.
    api.tell("ADDED", &version(changed(written("new", &[]), &[("/status/phase", json!("Pending"))]), "101"));
    api.tell("MODIFIED", &version(written("new", &["10.1.0.10"]), "102"));
    until("the new pod is known", || name(&directory, "10.1.0.10") == "shop/new/web").await;
    // It stays the pod's until it is gone, however long that takes.
    api.tell("MODIFIED", &version(ending(written("old", &["10.1.0.9"])), "103"));
    // Its address is given to the next at once: the event comes in two pieces.
    api.tell("DELETED", &version(ending(written("old", &["10.1.0.9"])), "104"));
    let text = json!({ "type": "ADDED", "object": version(written("heir", &["10.1.0.9"]), "105") }).to_string();
    api.write(text[..300].to_owned());
    until("it is gone", || name(&directory, "10.1.0.9") == "unknown").await;
    api.write(text[300..].to_owned() + "\n");
    until("the next is known", || name(&directory, "10.1.0.9") == "shop/heir/web").await;
    api.write("{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"200\"}}}\n".to_owned());
    api.tell("MODIFIED", &json!({ "metadata": { "name": "new", "namespace": "shop", "uid": "uid-of-new" } }));
    until("it has lost its address", || name(&directory, "10.1.0.10") == "unknown").await;
    api.end();
    api.watched(2).await;
    assert_eq!(api.asked().last(), Some(&watch("200")), "goes on where it was");
    assert_eq!(name(&directory, "10.1.0.9"), "shop/heir/web");
}

#[tokio::test]
async fn what_the_server_has_forgotten_is_listed_anew() {
    let api = Api::start(vec![written("old", &["10.1.0.9"])]).await;
    let (directory, metrics) = api.followed();
    api.watched(1).await;
    *api.pods.lock().unwrap() = ("300".to_owned(), vec![written("new", &["10.1.0.9"])]);
    api.write("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"too old resource version: 100 (250)\",\"reason\":\"Expired\",\"code\":410}}\n".to_owned());
    api.watched(2).await;
    assert_eq!(name(&directory, "10.1.0.9"), "shop/new/web");
    assert_eq!(api.asked()[2..], [NEW_LIST.to_owned(), watch("300")]);
    // The same as a status.
    *api.pods.lock().unwrap() = ("400".to_owned(), vec![]);
    api.forgets.store(true, Ordering::Relaxed);
    api.end();
    api.watched(3).await;
    assert_eq!(api.asked()[api.asked().len() - 2..], [NEW_LIST.to_owned(), watch("400")]);
    assert_eq!(name(&directory, "10.1.0.9"), "unknown");
    assert_eq!(metrics.counted(Event::ClientsExpired), 2);
    assert_eq!(metrics.counted(Event::ClientsRead), 3);
}

#[tokio::test]
async fn a_watch_that_breaks_or_talks_nonsense_is_begun_anew() {
    let api = Api::start(vec![written("old", &["10.1.0.9"])]).await;
    let (directory, metrics) = api.followed();
    for (number, text) in ["no JSON\n", "{\"type\":3}\n", "]"].iter().enumerate() {
        api.watched(number + 1).await;
        api.write((*text).to_owned());
        until("it is counted", || metrics.counted(Event::ClientsGarbled) > number as u64).await;
    }
    api.watched(4).await;
    let long = "x".repeat(5 << 20);
    api.write(format!("{{\"type\":\"ADDED\",\"object\":{{\"a\":\"{long}"));
    until("it is counted", || metrics.counted(Event::ClientsGarbled) > 3).await;
    api.watched(5).await;
    api.tell("ADDED", &written("new", &["10.1.0.10"]));
    until("it goes on", || name(&directory, "10.1.0.10") == "shop/new/web").await;
    assert_eq!(api.asked().iter().filter(|path| **path == FIRST_LIST).count(), 1, "no list for that");
}
