//! Bounds of connections to the admin socket, strange bytes, and that both ends read the same types.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::task::LocalSet;

use super::client::{Client, Fault};
use super::protocol::{
    DumpLine, Explanation, FORBIDDEN, Flush, Kept, LONGEST_REQUEST, Level, LogLevel, Reply, Request, Stats, Status,
    Subject,
};
use super::serve::{IDLE_TIMEOUT, MAX_CONNECTIONS, REQUEST_TIMEOUT};
use super::{Answers, Line, listen, serve};
use crate::metrics::{Event, Layout, Metrics};

/// Answers a status with itself, a reload never, a dump with more than anybody reads, and all else with an error.
struct Stub;

impl Answers for Stub {
    async fn answer(&self, request: Request, line: &mut Line<'_>) -> io::Result<()> {
        match request {
            Request::Status => line.say(&Reply::Ok(Status { version: "stub".into(), ..Status::default() })).await,
            Request::Reload => std::future::pending().await,
            Request::CacheDump { .. } => loop {
                line.say_all(vec![DumpLine::Entry(Box::default()); 1_000]).await?;
            },
            _ => line.refuse("not here").await,
        }
    }
}

/// A socket that is served, by a task of this thread.
struct Served {
    /// Where it is.
    path: PathBuf,
    /// What is counted.
    metrics: Arc<Metrics>,
    /// Holds the file.
    _folder: TempDir,
}

impl Served {
    /// Serves one.
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let metrics = Arc::new(Metrics::new(&Layout::default(), 1));
        let (listening, counted) = (listen(&path, false).unwrap(), Arc::clone(&metrics));
        tokio::task::spawn_local(async move { serve(listening, &Stub, &counted).await });
        Self { path, metrics, _folder: folder }
    }

    /// A client.
    async fn client(&self) -> BufReader<UnixStream> {
        BufReader::new(UnixStream::connect(&self.path).await.unwrap())
    }

    /// How often something was counted.
    fn counted(&self, event: Event) -> u64 {
        self.metrics.total(event)
    }
}

/// Runs a story in which time passes when all wait.
fn story<F: Future<Output = ()>>(story: impl FnOnce(Served) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async { story(Served::begin()).await });
}

/// Sends bytes and reads a line; empty if the connection has ended.
async fn ask(client: &mut BufReader<UnixStream>, bytes: &[u8]) -> String {
    client.get_mut().write_all(bytes).await.unwrap();
    let mut line = String::new();
    client.read_line(&mut line).await.unwrap();
    line
}

#[test]
fn requests_follow_one_another_on_a_connection_even_in_one_piece() {
    story(async |served| {
        let mut client = served.client().await;
        let both = b"{\"command\":\"status\"}\n{\"command\":\"status\"}\n{\"comm";
        assert!(ask(&mut client, both).await.starts_with("{\"ok\":{\"version\":\"stub\""));
        assert!(ask(&mut client, b"").await.starts_with("{\"ok\":"));
        assert!(ask(&mut client, b"and\":\"stats\"}\n").await.starts_with("{\"error\":\"not here\""));
    });
}

#[test]
fn what_is_not_understood_is_said_and_counted_and_the_connection_stays() {
    story(async |served| {
        let mut client = served.client().await;
        let strange: [&[u8]; 6] = [
            b"\n",
            b"GET / HTTP/1.1\n",
            b"{\"command\":\"halt\"}\n",
            b"{\"command\":\"explain\",\"nam\":\"a\"}\n",
            b"\xff\xfe\n",
            b"[]\n",
        ];
        for line in strange {
            assert!(ask(&mut client, line).await.starts_with("{\"error\":"), "{line:?}");
        }
        assert_eq!(served.counted(Event::ControlMalformed), 6);
        assert!(ask(&mut client, b"{\"command\":\"status\"}\n").await.starts_with("{\"ok\":"));
    });
}

#[test]
fn a_request_that_is_too_long_or_too_slow_ends_the_connection() {
    story(async |served| {
        let mut long = served.client().await;
        assert!(ask(&mut long, &vec![b'x'; LONGEST_REQUEST + 5_000]).await.contains("64 KiB"));
        assert_eq!(served.counted(Event::ControlLong), 1);
        let mut slow = served.client().await;
        let begun = tokio::time::Instant::now();
        assert!(ask(&mut slow, b"{\"command\"").await.contains("ten seconds"));
        assert!((REQUEST_TIMEOUT..REQUEST_TIMEOUT + Duration::from_secs(1)).contains(&begun.elapsed()));
        assert_eq!(served.counted(Event::ControlSlow), 1);
        assert_eq!(slow.read(&mut [0; 1]).await.unwrap(), 0, "the end");
    });
}

#[test]
fn a_connection_may_be_idle_for_two_minutes() {
    story(async |served| {
        let mut client = served.client().await;
        assert!(ask(&mut client, b"{\"command\":\"status\"}\n").await.starts_with("{\"ok\":"));
        let begun = tokio::time::Instant::now();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        assert!((IDLE_TIMEOUT..IDLE_TIMEOUT + Duration::from_secs(1)).contains(&begun.elapsed()));
        assert_eq!(served.counted(Event::ControlSlow), 0);
    });
}

#[test]
fn a_client_that_does_not_read_is_given_up_and_others_are_answered_meanwhile() {
    story(async |served| {
        let mut deaf = served.client().await;
        deaf.get_mut().write_all(b"{\"command\":\"cache-dump\"}\n").await.unwrap();
        let mut other = served.client().await;
        assert!(ask(&mut other, b"{\"command\":\"status\"}\n").await.starts_with("{\"ok\":"));
        tokio::time::sleep(REQUEST_TIMEOUT * 2).await;
        assert_eq!(served.counted(Event::ControlSlow), 1);
    });
}

#[test]
fn one_connection_too_many_is_told_so() {
    story(async |served| {
        let mut clients = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut client = served.client().await;
            assert!(ask(&mut client, b"{\"command\":\"status\"}\n").await.starts_with("{\"ok\":"));
            clients.push(client);
        }
        let mut last = served.client().await;
        assert!(ask(&mut last, b"").await.contains("connections are open already"));
        assert_eq!(served.counted(Event::ControlFull), 1);
        drop(clients.pop());
        // The one that is gone is noticed, and there is room again.
        let mut next = served.client().await;
        let answered = ask(&mut next, b"{\"command\":\"status\"}\n").await;
        assert!(answered.starts_with("{\"ok\":"), "{answered}");
    });
}

#[test]
fn every_request_reads_as_it_is_documented() {
    let explain = Subject { name: "a.example".into(), qtype: Some("AAAA".into()), ..Subject::default() };
    let cases = [
        (Request::Status, "{\"command\":\"status\"}"),
        (Request::CacheDump { suffix: None }, "{\"command\":\"cache-dump\"}"),
        (
            Request::CacheFlush { what: Flush::Name("a.example".into()) },
            "{\"command\":\"cache-flush\",\"name\":\"a.example\"}",
        ),
        (
            Request::CacheFlush { what: Flush::Suffix("example".into()) },
            "{\"command\":\"cache-flush\",\"suffix\":\"example\"}",
        ),
        (Request::CacheFlush { what: Flush::All(true) }, "{\"command\":\"cache-flush\",\"all\":true}"),
        (Request::TopNames { limit: Some(3) }, "{\"command\":\"top-names\",\"limit\":3}"),
        (Request::LogLevel { level: Level::Debug }, "{\"command\":\"log-level\",\"level\":\"debug\"}"),
        (Request::Explain(explain), "{\"command\":\"explain\",\"name\":\"a.example\",\"type\":\"AAAA\"}"),
    ];
    for (request, text) in cases {
        assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request, "{text}");
        let again = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&again).unwrap(), request, "{again}");
    }
}

#[test]
fn answers_go_both_ways() {
    /// Writes and reads.
    fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
        let text = serde_json::to_string(&Reply::Ok(&value)).unwrap();
        assert!(text.starts_with("{\"ok\":"), "{text}");
        assert_eq!(serde_json::from_str::<Reply<T>>(&text).unwrap(), Reply::Ok(value));
    }
    again(Status::default());
    again(Stats::default());
    again(Explanation::default());
    again(DumpLine::Entry(Box::new(Kept { stale_seconds: Some(7), ..Kept::default() })));
    again(DumpLine::End { entries: 1, failures: 2 });
    let error = serde_json::to_string(&Reply::<()>::Error(format!("{FORBIDDEN}you"))).unwrap();
    assert_eq!(error, "{\"error\":\"forbidden: you\"}");
}

#[test]
fn a_client_whose_daemon_leaves_to_another_asks_that_one() {
    use std::io::{BufRead as _, Write as _};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let daemon = std::thread::spawn(move || {
        // The first leaves before it has read, the second after that; the third and all after it answer, one question each.
        drop(listener.accept().unwrap());
        for answers in [false, true, true] {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            io::BufReader::new(&stream).read_line(&mut line).unwrap();
            if answers {
                (&stream).write_all(b"{\"ok\":{\"before\":\"info\",\"now\":\"warn\"}}\n").unwrap();
            }
        }
    });
    let request = Request::LogLevel { level: Level::Warn };
    let mut client = Client::connect(&path).unwrap();
    assert!(matches!(client.ask::<LogLevel>(&request), Err(Fault::Connection(_))), "once more, and not for ever");
    for _ in 0..2 {
        assert_eq!(client.ask::<LogLevel>(&request).unwrap().now, "warn");
    }
    daemon.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn strange_bytes_never_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..8)) {
        story(async |served| {
            let mut client = served.client().await;
            for piece in &pieces {
                if client.get_mut().write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(client);
            let mut other = served.client().await;
            let answer = ask(&mut other, b"{\"command\":\"status\"}\n").await;
            assert!(answer.starts_with("{\"ok\":"), "{answer}");
        });
    }
}
