//! The real server on free ports, asked byte by byte; and the way to readiness.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::server::{BIND_PAUSE, MAX_AGE, MAX_CONNECTIONS, REQUEST_TIMEOUT};
use super::*;
use crate::config::{Endpoint, Health, MetricNames, Prefixes};
use crate::metrics::{Event, Layout, Metrics};

//------ A server to ask ---------------------------------------------------------------------------------------------

/// A running server; ends when dropped.
struct Server {
    /// Where it listens.
    bound: watch::Receiver<Bound>,
    /// Its counters.
    metrics: Arc<Metrics>,
    /// Its listeners.
    readiness: Arc<Readiness>,
    /// What the operator says.
    endpoints: watch::Sender<Endpoints>,
    /// Its task.
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An endpoint on loopback for some sources.
fn endpoint(port: u16, allow: &[&str]) -> Endpoint {
    Endpoint {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], port))],
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
        names: MetricNames::Few,
    }
}

/// The same for health, and `/ready` nowhere else.
fn health(Endpoint { listen, allow, .. }: Endpoint) -> Health {
    Health { listen, ready_listen: Vec::new(), allow }
}

/// No endpoint.
fn nowhere() -> Endpoint {
    Endpoint { listen: Vec::new(), allow: Prefixes::default(), names: MetricNames::Few }
}

impl Server {
    /// Starts one, without waiting for its addresses.
    fn start(metrics_endpoint: Endpoint, health_endpoint: Endpoint) -> Self {
        Self::start_with(metrics_endpoint, health(health_endpoint))
    }

    /// The same, with a place for readiness alone.
    fn start_with(metrics_endpoint: Endpoint, health: Health) -> Self {
        let metrics = Arc::new(Metrics::new(&Layout::default(), 1));
        let readiness = Arc::new(Readiness::new(listeners(&["127.0.0.1:53".parse().unwrap()])));
        let (sender, bound) = watch::channel(Bound::default());
        let (endpoints, read) = watch::channel(Endpoints { metrics: metrics_endpoint, health });
        let task = tokio::spawn(serve(read, Arc::clone(&metrics), Arc::clone(&readiness), sender));
        Self { bound, metrics, readiness, endpoints, task }
    }

    /// Where `/metrics` is served.
    async fn metrics_address(&mut self) -> SocketAddr {
        self.bound.wait_for(|bound| !bound.metrics.is_empty()).await.unwrap().metrics[0]
    }

    /// Where `/health` is served.
    async fn health_address(&mut self) -> SocketAddr {
        self.bound.wait_for(|bound| !bound.health.is_empty()).await.unwrap().health[0]
    }
}

/// Sends bytes and reads until the server closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read_to_end(&mut stream).await
}

/// Reads until the server closes; a reset counts as a close.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Asks for a path and closes.
async fn ask(address: SocketAddr, method: &str, path: &str) -> String {
    exchange(address, &format!("{method} {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")).await
}

/// The status and the body of an answer.
fn parts(answer: &str) -> (u16, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

/// Runs a test on one thread, as the daemon runs the server.
fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(60), test).await.unwrap() });
}

/// As [`on_one_thread`], with a clock that jumps to the next timer whenever there is nothing to do.
fn on_jumping_clock(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test);
}

//------ Paths -------------------------------------------------------------------------------------------------------

#[test]
fn health_is_ok_while_listeners_are_not_ready() {
    on_one_thread(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let address = server.health_address().await;
        assert_eq!(parts(&ask(address, "GET", "/health").await), (200, "OK"));
        assert_eq!(parts(&ask(address, "GET", "/ready").await), (503, "udp://127.0.0.1:53\ntcp://127.0.0.1:53\n"));
        server.readiness.pass("udp://127.0.0.1:53");
        assert_eq!(parts(&ask(address, "GET", "/ready").await), (503, "tcp://127.0.0.1:53\n"));
        server.readiness.pass("tcp://127.0.0.1:53");
        assert_eq!(parts(&ask(address, "GET", "/ready").await), (200, "OK"));
    });
}

/// N32
#[test]
fn ready_names_the_configuration_and_what_is_wrong_with_a_newer_one() {
    on_one_thread(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let address = server.health_address().await;
        server.readiness.pass("udp://127.0.0.1:53");
        server.readiness.pass("tcp://127.0.0.1:53");
        server.readiness.configured("aa");
        assert_eq!(parts(&ask(address, "GET", "/ready").await), (200, "OK\nconfiguration sha256 aa\n"));
        server.readiness.mistaken("f:1: wrong");
        let both = "OK\nconfiguration sha256 aa\na newer configuration was not taken: f:1: wrong\n";
        assert_eq!(parts(&ask(address, "GET", "/ready").await), (200, both));
        server.readiness.configured("bb");
        assert_eq!(parts(&ask(address, "GET", "/ready").await), (200, "OK\nconfiguration sha256 bb\n"));
    });
}

/// N32
#[test]
fn who_may_ask_can_be_changed_while_the_endpoint_stays() {
    on_one_thread(async {
        let mut server = Server::start(endpoint(0, &["192.0.2.0/24"]), nowhere());
        let address = server.metrics_address().await;
        assert_eq!(parts(&ask(address, "GET", "/metrics").await).0, 403);
        server.endpoints.send_modify(|endpoints| endpoints.metrics.allow = Prefixes::default());
        assert_eq!(parts(&ask(address, "GET", "/metrics").await).0, 200);
        assert_eq!(server.metrics_address().await, address);
    });
}

#[test]
fn metrics_are_served_in_the_text_format() {
    on_one_thread(async {
        let mut server = Server::start(endpoint(0, &[]), nowhere());
        let address = server.metrics_address().await;
        server.metrics.worker(0).count(Event::Coalesced);
        let answer = ask(address, "GET", "/metrics").await;
        assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        let (status, body) = parts(&answer);
        assert_eq!(status, 200);
        assert!(body.contains("\nnodens_queries_coalesced_total 1\n"));
    });
}

#[test]
fn each_endpoint_serves_its_own_paths_only() {
    on_one_thread(async {
        let mut server = Server::start(endpoint(0, &["127.0.0.0/8"]), endpoint(0, &[]).apart());
        let (metrics, health) = (server.metrics_address().await, server.health_address().await);
        assert_ne!(metrics, health);
        for (address, path, status) in [
            (metrics, "/metrics", 200),
            (metrics, "/health", 404),
            (metrics, "/ready", 404),
            (health, "/metrics", 404),
            (health, "/health", 200),
            (health, "/", 404),
            (health, "/health/", 404),
            (health, "/health?verbose", 200),
        ] {
            assert_eq!(parts(&ask(address, "GET", path).await).0, status, "{path}");
        }
    });
}

#[test]
fn one_address_serves_all_paths_each_with_its_own_allow_list() {
    on_one_thread(async {
        // Port 0 would be two ports; one that was free a moment ago is the same for both.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Server::start(endpoint(port, &["192.0.2.0/24"]), endpoint(port, &[]));
        let address = server.health_address().await;
        assert_eq!(server.metrics_address().await, address);
        assert_eq!(parts(&ask(address, "GET", "/health").await), (200, "OK"));
        assert_eq!(parts(&ask(address, "GET", "/metrics").await).0, 403);
        assert_eq!(server.metrics.main().counted(Event::HttpForbidden), 1);
    });
}

#[test]
fn head_has_the_length_and_no_body() {
    on_one_thread(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let answer = ask(server.health_address().await, "HEAD", "/health").await;
        assert!(answer.contains("content-length: 2\r\n"));
        assert_eq!(parts(&answer), (200, ""));
    });
}

#[test]
fn other_methods_are_told_which_are_allowed() {
    on_one_thread(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let address = server.health_address().await;
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = ask(address, method, "/health").await;
            assert_eq!(parts(&answer).0, 405);
            assert!(answer.contains("allow: GET, HEAD\r\n"));
        }
    });
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    on_one_thread(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let request = "GET /health HTTP/1.1\r\nHost: node\r\n\r\n";
        let last = "GET /health HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
        let answers = exchange(server.health_address().await, &format!("{request}{request}{last}")).await;
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3);
    });
}

//------ Bounds ------------------------------------------------------------------------------------------------------

#[test]
fn a_request_that_does_not_arrive_is_not_waited_for() {
    on_jumping_clock(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let address = server.health_address().await;
        let start = tokio::time::Instant::now();
        assert_eq!(exchange(address, "GET /health HTTP/1.1\r\nHost: no").await.matches("200 OK").count(), 0);
        assert!(start.elapsed() >= REQUEST_TIMEOUT && start.elapsed() < REQUEST_TIMEOUT * 2);
        assert_eq!(server.metrics.main().counted(Event::HttpSlowClosed), 1);
    });
}

#[test]
fn an_idle_connection_is_closed_without_blame() {
    on_jumping_clock(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let address = server.health_address().await;
        let start = tokio::time::Instant::now();
        let answer = exchange(address, "GET /health HTTP/1.1\r\nHost: node\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(start.elapsed() >= REQUEST_TIMEOUT && start.elapsed() < REQUEST_TIMEOUT * 2);
        assert_eq!(server.metrics.main().counted(Event::HttpSlowClosed), 0);
    });
}

#[test]
fn a_busy_connection_is_closed_for_its_age_between_two_requests() {
    on_jumping_clock(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let mut stream = TcpStream::connect(server.health_address().await).await.unwrap();
        let start = tokio::time::Instant::now();
        let mut answer = [0; 1024];
        while stream.write_all(b"GET /health HTTP/1.1\r\nHost: node\r\n\r\n").await.is_ok()
            && stream.read(&mut answer).await.is_ok_and(|length| length > 0)
        {
            tokio::time::sleep(REQUEST_TIMEOUT / 2).await;
        }
        assert!(start.elapsed() >= MAX_AGE && start.elapsed() < MAX_AGE + REQUEST_TIMEOUT);
    });
}

#[test]
fn headers_have_a_bound() {
    on_one_thread(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let address = server.health_address().await;
        let long = format!("GET /health HTTP/1.1\r\nHost: node\r\nX: {}\r\n\r\n", "x".repeat(10_000));
        let many = format!("GET /health HTTP/1.1\r\nHost: node\r\n{}\r\n", "X: y\r\n".repeat(100));
        for request in [long, many] {
            assert!(!exchange(address, &request).await.contains("200 OK"));
        }
        for garbage in ["\0\0\0\r\n\r\n", "GET /health HTTP/9.9\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            assert!(!exchange(address, garbage).await.contains("200 OK"));
        }
        assert_eq!(parts(&ask(address, "GET", "/health").await), (200, "OK"));
    });
}

#[test]
fn a_body_is_not_read() {
    on_one_thread(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let request = "POST /health HTTP/1.1\r\nHost: node\r\nContent-Length: 1000000000\r\n\r\nbegin";
        assert_eq!(parts(&exchange(server.health_address().await, request).await).0, 405);
    });
}

#[test]
fn connections_have_a_bound_and_room_comes_back() {
    on_one_thread(async {
        let mut server = Server::start(nowhere(), endpoint(0, &[]));
        let address = server.health_address().await;
        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            // An answer shows that the connection was accepted, so that they are counted one by one.
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: node\r\n\r\n").await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            held.push(stream);
        }
        let mut refused = TcpStream::connect(address).await.unwrap();
        assert_eq!(read_to_end(&mut refused).await, "");
        assert_eq!(server.metrics.main().counted(Event::HttpRefused), 1);

        drop(held);
        while !ask(address, "GET", "/health").await.contains("200 OK") {}
    });
}

/// N31
#[test]
fn several_addresses_are_served_and_one_may_have_readiness_alone() {
    on_one_thread(async {
        let mut metrics = endpoint(0, &[]);
        metrics.listen.push("127.0.0.2:0".parse().unwrap());
        let mut server = Server::start(metrics, endpoint(0, &[]));
        server.bound.wait_for(|bound| bound.metrics.len() == 2).await.unwrap();
        for address in server.bound.borrow().metrics.clone() {
            assert_eq!(parts(&ask(address, "GET", "/metrics").await).0, 200, "{address}");
            assert_eq!(parts(&ask(address, "GET", "/ready").await).0, 404, "{address}");
        }
        let mut ready = health(nowhere());
        ready.ready_listen = vec!["127.0.0.1:0".parse().unwrap()];
        let server = Server::start_with(nowhere(), ready);
        let mut bound = server.bound.clone();
        let address = bound.wait_for(|bound| !bound.ready.is_empty()).await.unwrap().ready[0];
        assert_eq!(parts(&ask(address, "GET", "/ready").await).0, 503);
        assert_eq!(parts(&ask(address, "GET", "/health").await).0, 404);
    });
}

#[test]
fn an_address_in_use_is_had_once_it_is_free() {
    on_jumping_clock(async {
        let squatter = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = squatter.local_addr().unwrap();
        let mut server = Server::start(endpoint(0, &[]), endpoint(address.port(), &[]));
        // The other endpoint does not wait for this one.
        server.metrics_address().await;
        tokio::time::sleep(BIND_PAUSE * 3).await;
        assert!(server.bound.borrow().health.is_empty());
        drop(squatter);
        assert_eq!(server.health_address().await, address);
        assert_eq!(parts(&ask(address, "GET", "/health").await), (200, "OK"));
    });
}

//------ Readiness ---------------------------------------------------------------------------------------------------

#[test]
fn readiness_knows_its_listeners_only() {
    let readiness = Readiness::new(listeners(&["127.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]));
    assert_eq!(readiness.pending(), ["udp://127.0.0.1:53", "tcp://127.0.0.1:53", "udp://[::1]:53", "tcp://[::1]:53"]);
    readiness.pass("udp://192.0.2.1:53");
    assert_eq!(readiness.pending().len(), 4);
    for listener in readiness.pending() {
        assert!(!readiness.ready());
        readiness.pass(&listener);
    }
    assert!(readiness.ready());
    assert!(Readiness::new(Vec::new()).ready());
}

/// Answers datagrams with `answer` until dropped.
async fn answer_udp(socket: UdpSocket, answer: fn(&mut [u8])) {
    let mut message = [0; 512];
    loop {
        let (length, client) = socket.recv_from(&mut message).await.unwrap();
        answer(&mut message[..length]);
        socket.send_to(&message[..length], client).await.unwrap();
    }
}

/// Answers each connection's first message until dropped.
async fn answer_tcp(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut message = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut message).await.unwrap();
        refuse(&mut message);
        let mut framed = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
        framed.append(&mut message);
        stream.write_all(&framed).await.unwrap();
    }
}

/// Turns a query into its answer: REFUSED.
fn refuse(message: &mut [u8]) {
    message[2] |= 0x80;
    message[3] |= 5;
}

#[test]
fn a_listener_is_ready_when_it_answers_and_not_before() {
    on_one_thread(async {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let readiness = Arc::new(Readiness::new(listeners(&[address])));
        let mut tasks = JoinSet::new();
        tasks.spawn(selfcheck(vec![address], Arc::clone(&readiness)));
        // The kernel takes connections and nobody answers; UDP is refused.
        assert_eq!(readiness.pending(), listeners(&[address]));

        tasks.spawn(answer_tcp(listener));
        let mut changes = readiness_changes(&readiness).await;
        assert_eq!(changes, [format!("udp://{address}")]);

        tasks.spawn(answer_udp(UdpSocket::bind(address).await.unwrap(), refuse));
        readiness.wait().await;
        changes = readiness.pending();
        assert!(changes.is_empty());
    });
}

/// What is pending once something has passed.
async fn readiness_changes(readiness: &Readiness) -> Vec<String> {
    let before = readiness.pending().len();
    while readiness.pending().len() == before {
        tokio::task::yield_now().await;
    }
    readiness.pending()
}

#[test]
fn somebody_elses_answer_proves_nothing() {
    on_jumping_clock(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let readiness = Arc::new(Readiness::new(listeners(&[address])));
        let mut tasks = JoinSet::new();
        tasks.spawn(selfcheck(vec![address], Arc::clone(&readiness)));
        tasks.spawn(answer_udp(socket, |message| {
            refuse(message);
            message[0] ^= 0xff;
        }));
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(readiness.pending(), listeners(&[address]));
    });
}

impl Endpoint {
    /// The same on another loopback address, so that it does not share a listener.
    fn apart(mut self) -> Self {
        self.listen.iter_mut().for_each(|address| address.set_ip([127, 0, 0, 2].into()));
        self
    }
}
