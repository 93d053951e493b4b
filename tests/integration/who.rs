//! Who asked: the real daemon, in its sandbox, learns the pods of its node from a kubelet and from an API server of the tests.

use std::fs;
use std::io::{BufRead as _, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConnection, StreamOwned};

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::Setup;
use super::common::upstream::{Upstream, one_address};
use super::common::wait_until;

/// A pod of the list.
fn pod(name: &str, address: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"shop","uid":"uid-of-{name}"}},"spec":{{"containers":[{{"name":"web"}}]}},"status":{{"phase":"Running","hostIP":"192.0.2.7","podIP":"{address}","podIPs":[{{"ip":"{address}"}}],"startTime":"2026-11-27T04:12:00Z"}}}}"#
    )
}

/// A server over TLS that answers whoever shows the token with what is said just now, and closes the connection.
fn serve(authority: &Authority, said: Arc<Mutex<(String, String)>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut settings = (*authority.certificate(&["127.0.0.1"]).server()).clone();
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    let settings = Arc::new(settings);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (settings, said) = (Arc::clone(&settings), Arc::clone(&said));
            thread::spawn(move || answer(stream, settings, &said));
        }
    });
    address
}

/// Answers one request; one for a watch stays open, and silent.
fn answer(stream: TcpStream, settings: Arc<rustls::ServerConfig>, said: &Mutex<(String, String)>) {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(settings).unwrap(), stream));
    let mut head = Vec::new();
    while let Ok(1..) = stream.read_until(b'\n', &mut head)
        && !head.ends_with(b"\r\n\r\n")
    {}
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let (token, pods) = said.lock().unwrap().clone();
    let reply = if !head.contains(&format!("authorization: bearer {token}\r\n")) {
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned()
    } else if head.contains("watch=1") {
        let event = format!("{{\"type\":\"ADDED\",\"object\":{}}}\n", pod("late", "127.0.1.3"));
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{event}\r\n", event.len())
    } else {
        let list =
            format!(r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"7"}},"items":[{pods}]}}"#);
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{list}", list.len())
    };
    // A daemon that has ended is no failure of this test.
    let _ = stream.get_mut().write_all(reply.as_bytes());
    let _ = stream.get_mut().flush();
    let _ = stream.read_until(b'\n', &mut Vec::new());
}

/// Puts a file in the place of the one before, as Kubernetes does.
fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}

/// The reads that ended so.
const READS: &str = "nodens_client_directory_reads_total";

/// Addresses that are known.
const ADDRESSES: &str = "nodens_client_directory_addresses";

/// N36
#[test]
fn the_pods_of_the_node_are_known_within_the_sandbox() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let said = Arc::new(Mutex::new(("first".to_owned(), pod("web-1", "127.0.1.1"))));
    let kubelet = serve(&authority, Arc::clone(&said));
    let token = folder.path().join("token");
    put(&token, "first\n");
    let upstream = Upstream::udp().serve(one_address);
    let lines = format!(
        "source = \"kubelet\"\naddress = \"https://{kubelet}\"\ntoken = {token:?}\nca = {:?}\nrefresh = \"1s\"",
        authority.file()
    );
    let daemon = Setup::forward(&upstream).section("clients", &lines).start();
    daemon.wait_for_metric(ADDRESSES, &[], 1.0);
    // The token is replaced, and with it what the kubelet takes.
    *said.lock().unwrap() = ("second".to_owned(), [pod("web-1", "127.0.1.1"), pod("web-2", "127.0.1.2")].join(","));
    daemon.wait_for_metric(READS, &[("result", "refused")], 1.0);
    wait_until("the log says so", || {
        daemon.log().iter().any(|line| line.contains("cannot be read") && line.contains("status 401"))
    });
    put(&token, "second\n");
    daemon.wait_for_metric(ADDRESSES, &[], 2.0);
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1, "answers have waited for nothing");
    let refused = daemon.log().into_iter().filter(|line| line.contains("not permitted") || line.contains("Permission"));
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<String>::new());
}

/// N36
#[test]
fn the_api_server_tells_of_every_change() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let said =
        Arc::new(Mutex::new(("first".to_owned(), [pod("web-1", "127.0.1.1"), pod("web-2", "127.0.1.2")].join(","))));
    let server = serve(&authority, Arc::clone(&said));
    let token = folder.path().join("token");
    put(&token, "first\n");
    let upstream = Upstream::udp().serve(one_address);
    let lines = format!(
        "source = \"api-server\"\naddress = \"https://{server}\"\ntoken = {token:?}\nca = {:?}\nnode = \"node-7\"",
        authority.file()
    );
    let daemon = Setup::forward(&upstream).section("clients", &lines).start();
    daemon.wait_for_metric(ADDRESSES, &[], 3.0);
    assert_eq!(daemon.metric(READS, &[("result", "read")]), 1.0, "one list, and what has happened since");
}
