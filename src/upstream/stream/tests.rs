//! How one server is reached, with streams made in memory and a clock that moves on only when all wait.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::super::dial::{Dialing, Link};
use super::*;
use crate::config::{Config, Environment};
use crate::metrics::{Layout, Metrics, WorkerMetrics};
use crate::wire::header::{HEADER, flag};
use crate::wire::message::Question;
use crate::wire::name;

mod broken;

/// A dial that does what a test says with each attempt, and notes them.
struct Script<F> {
    /// What comes of an attempt.
    attempt: F,
    /// Each attempt: where, and when.
    attempts: RefCell<Vec<(SocketAddr, Instant)>>,
    /// Attempts that go on.
    running: Rc<Cell<usize>>,
    /// Most of them at a time.
    peak: Cell<usize>,
}

impl<F: Fn(usize, SocketAddr) -> Dialing> Dial for Script<F> {
    fn dial(&self, address: SocketAddr) -> Dialing {
        let number = self.attempts.borrow().len();
        self.attempts.borrow_mut().push((address, Instant::now()));
        self.running.set(self.running.get() + 1);
        self.peak.set(self.peak.get().max(self.running.get()));
        let (attempt, guard) = ((self.attempt)(number, address), Guard(Rc::clone(&self.running)));
        Box::pin(async move {
            let _guard = guard;
            attempt.await
        })
    }
}

/// Counts an attempt that goes on.
struct Guard(Rc<Cell<usize>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A dial that does what `attempt` says; it is told the number of each attempt.
fn script(
    attempt: impl Fn(usize, SocketAddr) -> Dialing + 'static,
) -> Rc<Script<impl Fn(usize, SocketAddr) -> Dialing>> {
    Rc::new(Script { attempt, attempts: RefCell::default(), running: Rc::default(), peak: Cell::default() })
}

/// A stream at once, whose other end `serve` has.
fn to<S: Future<Output = ()> + 'static>(serve: impl FnOnce(DuplexStream) -> S) -> Dialing {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    spawn_local(serve(theirs));
    Box::pin(async { Ok(Box::new(ours) as Link) })
}

/// No stream, and no word.
fn nothing() -> Dialing {
    Box::pin(std::future::pending())
}

/// A refusal at once.
fn refusal() -> Dialing {
    Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
}

/// The next query on a stream; `None` at its end.
async fn next(stream: &mut DuplexStream) -> Option<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await.ok()?)];
    stream.read_exact(&mut message).await.ok()?;
    Some(message)
}

/// Answers a query with its own question.
async fn answer(stream: &mut DuplexStream, mut message: Vec<u8>) {
    message[2] |= u8::try_from(flag::QR >> 8).unwrap();
    let _ = stream.write_u16(u16::try_from(message.len()).unwrap()).await;
    let _ = stream.write_all(&message).await;
}

/// Answers every query.
async fn echo(mut stream: DuplexStream) {
    while let Some(message) = next(&mut stream).await {
        answer(&mut stream, message).await;
    }
}

/// Answers every query, until none has come for `idle`; then ends the connection, or only reads.
async fn echo_while_busy(idle: Duration, silently: bool, mut stream: DuplexStream) {
    while let Ok(Some(message)) = timeout(idle, next(&mut stream)).await {
        answer(&mut stream, message).await;
    }
    while silently && next(&mut stream).await.is_some() {}
}

/// Answers one query after the other, those for "slow" after two seconds.
async fn echo_in_order(mut stream: DuplexStream) {
    while let Some(message) = next(&mut stream).await {
        if message.windows(5).any(|window| window == b"\x04slow") {
            sleep(Duration::from_secs(2)).await;
        }
        answer(&mut stream, message).await;
    }
}

/// Reads and answers nothing before `moment`, then everything.
async fn echo_from(moment: Instant, stream: DuplexStream) {
    sleep_until(moment).await;
    echo(stream).await;
}

/// A server over plain TCP, and what is counted of it.
struct Test {
    server: Rc<StreamServer>,
    metrics: Arc<WorkerMetrics>,
}

/// A server at `addresses` that is reached by `dial`, with more lines for its group.
fn server(dial: Rc<dyn Dial>, addresses: &str, more: &str) -> Test {
    let group = format!("[[upstream]]\nname = \"a\"\nservers = [\"tcp://{addresses}\"]\n{more}");
    let text = format!("{group}\n[[zone]]\nname = \".\"\nupstream = \"a\"\n");
    let config = Config::parse(&text, "test.toml", &Environment::neutral()).unwrap().config;
    let (upstream, server) = (&config.upstreams[0], &config.upstreams[0].servers[0]);
    let upstreams = vec![("a".to_owned(), "tcp://a".to_owned())];
    let metrics = Metrics::new(&Layout { upstreams, ..Layout::default() }, 1).worker(0);
    let learned = Rc::new(Learned::new(Arc::clone(&metrics), 0, Rc::default()));
    let addresses = Rc::new(Addresses::new(server));
    Test { server: Rc::new(StreamServer::new(server, upstream, None, addresses, dial, learned)), metrics }
}

impl Test {
    /// Asks for a name, for as long as a client may wait.
    async fn ask(&self, name: &str) -> Result<Vec<u8>, UpstreamError> {
        let query = query(name);
        let answer = timeout(Duration::from_secs(5), self.server.exchange(&query, &Cell::default())).await;
        let answer = answer.unwrap_or(Err(UpstreamError::Timeout))?;
        assert_eq!(&answer[HEADER..query.question_end()], query.question());
        Ok(answer)
    }

    /// How often an event was counted.
    fn counted(&self, event: UpstreamEvent) -> u64 {
        self.metrics.counted_upstream(0, event)
    }
}

/// A query for a name.
fn query(text: &str) -> Rc<Outgoing> {
    let name = name::parse(text).unwrap();
    let (dnssec_ok, checking_disabled, authentic_data) = (false, false, false);
    let question = Question { name: &name, qtype: 1, qclass: 1, dnssec_ok, checking_disabled, authentic_data };
    Rc::new(Outgoing::new(&question))
}

/// Runs a test.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// One address.
const ONE: &str = "192.0.2.1";
/// An address of each family.
const TWO: &str = "192.0.2.1,[2001:db8::1]";

//------ Opening -----------------------------------------------------------------------------------------------------------------

#[test]
fn a_query_goes_over_whatever_stream_the_dial_hands_out() {
    run(async {
        let test = server(script(|_, _| to(echo)), ONE, "");
        test.ask("www.example.org").await.unwrap();
        assert_eq!(test.server.connections.borrow().len(), 1);
    });
}

#[test]
fn an_attempt_that_fails_at_once_tells_the_queries_that_wait_for_it() {
    run(async {
        let test = server(script(|_, _| refusal()), ONE, "");
        let start = Instant::now();
        let error = test.ask("www.example.org").await.unwrap_err();
        assert_eq!(error, UpstreamError::Connect(io::ErrorKind::ConnectionRefused));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(test.counted(UpstreamEvent::ConnectRefused), 1);
    });
}

/// N16: a server that refuses is not tried for each query.
#[test]
fn a_server_that_refuses_is_tried_about_once_a_second_however_many_queries_there_are() {
    run(async {
        let dial = script(|_, _| refusal());
        let test = server(Rc::clone(&dial) as Rc<dyn Dial>, ONE, "");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            test.ask("www.example.org").await.unwrap_err();
            sleep(Duration::from_millis(5)).await;
        }
        let attempts = dial.attempts.borrow().len();
        assert!((60..130).contains(&attempts), "{attempts}");
    });
}

/// N8: a SYN lost in a cut does not make queries wait after it.
#[test]
fn after_a_cut_of_sixty_seconds_the_first_answer_comes_within_a_second() {
    run(async {
        let whole = Instant::now() + Duration::from_secs(60);
        let dial = script(move |_, _| if Instant::now() < whole { nothing() } else { to(echo) });
        let test = server(dial, ONE, "");
        // Each query gives up after five seconds, as a client does; the attempt goes on.
        while test.ask("www.example.org").await.is_err() {}
        assert!(Instant::now() - whole <= Duration::from_secs(1), "{:?}", Instant::now() - whole);
    });
}

#[test]
fn nobody_goes_on_opening_what_nobody_wants() {
    run(async {
        let dial = script(|_, _| nothing());
        let test = server(Rc::clone(&dial) as Rc<dyn Dial>, ONE, "");
        assert_eq!(test.ask("www.example.org").await, Err(UpstreamError::Timeout));
        sleep(Duration::from_secs(60)).await;
        assert_eq!(dial.attempts.borrow().len(), 7, "one after the other while a query might wait");
        assert!(test.server.opening.borrow().is_none());
    });
}

#[test]
fn warming_opens_one_connection_and_only_if_there_is_none() {
    run(async {
        let dial = script(|_, _| to(echo));
        let test = server(Rc::clone(&dial) as Rc<dyn Dial>, ONE, "");
        for _ in 0..10 {
            test.server.warm();
            sleep(Duration::from_secs(1)).await;
        }
        test.ask("www.example.org").await.unwrap();
        assert_eq!(dial.attempts.borrow().len(), 1);
        assert_eq!(test.counted(UpstreamEvent::ConnectionReused), 1, "the query found it open");
    });
}

#[test]
fn warming_a_server_that_is_down_is_tried_seldom_and_a_query_does_not_wait_for_it() {
    run(async {
        let dial = script(|_, _| refusal());
        let test = server(Rc::clone(&dial) as Rc<dyn Dial>, ONE, "");
        for _ in 0..3000 {
            test.server.warm();
            sleep(Duration::from_millis(100)).await;
        }
        // 0.25 s doubled up to 30 s: 7 attempts in the first 32 s, then 9 in 270 s; the jitter may make one or two of it.
        let attempts = dial.attempts.borrow().len();
        assert!((13..=20).contains(&attempts), "{attempts}");
        // The last one may have failed just now, and then a query would be told so.
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        test.ask("www.example.org").await.unwrap_err();
        assert_eq!((dial.attempts.borrow().len(), start.elapsed()), (attempts + 1, Duration::ZERO));
    });
}

//------ Addresses ---------------------------------------------------------------------------------------------------------------

/// N8: a family that is broken silently costs a quarter of a second, once.
#[test]
fn the_other_family_is_tried_after_a_quarter_of_a_second_and_remembered() {
    run(async {
        let dial = script(|_, address| if address.is_ipv6() { nothing() } else { to(echo) });
        let test = server(Rc::clone(&dial) as Rc<dyn Dial>, TWO, "idle-timeout = \"1s\"");
        let start = Instant::now();
        test.ask("www.example.org").await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(250));
        sleep(Duration::from_secs(2)).await;
        let start = Instant::now();
        test.ask("www.example.org").await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        let families: Vec<bool> = dial.attempts.borrow().iter().map(|(address, _)| address.is_ipv6()).collect();
        assert_eq!(families, [true, false, false]);
    });
}

#[test]
fn the_other_family_is_tried_at_once_when_the_first_is_refused() {
    run(async {
        let test = server(script(|_, address| if address.is_ipv6() { refusal() } else { to(echo) }), TWO, "");
        let start = Instant::now();
        test.ask("www.example.org").await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(test.counted(UpstreamEvent::ConnectRefused), 0, "the server as a whole was reached");
    });
}

#[test]
fn a_server_that_is_nowhere_says_so_and_is_found_at_any_address_afterwards() {
    run(async {
        let test = server(script(|number, _| if number < 2 { refusal() } else { to(echo) }), TWO, "");
        test.ask("www.example.org").await.unwrap_err();
        test.ask("www.example.org").await.unwrap();
    });
}

//------ The pool ----------------------------------------------------------------------------------------------------------------

/// N16: whatever waits, one connection at a time is being opened, and no more than there may be.
#[test]
fn five_thousand_queries_at_an_empty_pool_open_one_connection_at_a_time_and_two_in_all() {
    run(async {
        let dial = script(|_, _| {
            let ready = to(echo);
            Box::pin(async {
                sleep(Duration::from_millis(50)).await;
                ready.await
            })
        });
        let test = Rc::new(server(Rc::clone(&dial) as Rc<dyn Dial>, ONE, "pipeline = 4096"));
        let mut queries = JoinSet::new();
        for number in 0..5_000 {
            let test = Rc::clone(&test);
            queries.spawn_local(async move { test.ask(&format!("name-{number}.example.org")).await.is_ok() });
        }
        assert!(queries.join_all().await.into_iter().all(|answered| answered));
        assert!(dial.attempts.borrow().len() <= 2 && dial.peak.get() == 1, "{}", dial.attempts.borrow().len());
    });
}

/// N14: at one query a second for two hours, ages and idle times included.
#[test]
fn of_a_steady_trickle_at_least_995_of_1000_queries_reuse_a_connection() {
    run(async {
        let test = server(script(|_, _| to(echo)), ONE, "");
        for _ in 0..7_200 {
            test.ask("www.example.org").await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        let reused = test.counted(UpstreamEvent::ConnectionReused);
        assert!(reused >= 7_164, "{reused}");
        assert!((10..=16).contains(&test.counted(UpstreamEvent::ClosedAge)), "replaced every ten minutes or so");
    });
}

/// N15: servers that end idle connections early, in good order or without a word. A query that finds out costs a fresh connection; soon
/// the daemon closes first.
#[test]
fn queries_around_the_idle_time_of_a_server_are_all_answered_and_it_is_learned() {
    for (seconds, silently) in [2, 5, 10, 30].into_iter().flat_map(|seconds| [(seconds, false), (seconds, true)]) {
        run(async {
            let idle = Duration::from_secs(seconds);
            let test = server(
                script(move |_, _| to(move |stream| echo_while_busy(idle, silently, stream))),
                ONE,
                "idle-timeout = \"1m\"",
            );
            let mut slow = 0;
            for percent in (90..=110).cycle().take(210) {
                let start = Instant::now();
                test.ask("www.example.org").await.unwrap();
                slow += usize::from(start.elapsed() > Duration::ZERO);
                assert!(start.elapsed() <= Duration::from_millis(200), "{:?}", start.elapsed());
                sleep(idle * percent / 100).await;
            }
            assert!(slow <= 1 + 21 * usize::try_from(seconds).unwrap() / 60, "{slow} of 210 were delayed");
        });
    }
}

/// Connections opened for a question every ten seconds, soon after the server closed the first `early` of them unused, and much later.
async fn opened_where_the_first_close_early(early: usize) -> [usize; 2] {
    let unused = Duration::from_secs(2);
    let dial = script(
        move |number, _| {
            if number < early { to(move |stream| echo_while_busy(unused, false, stream)) } else { to(echo) }
        },
    );
    let test = server(Rc::clone(&dial) as Rc<dyn Dial>, ONE, "");
    let ask = async |times| {
        let before = dial.attempts.borrow().len();
        for _ in 0..times {
            test.ask("www.example.org").await.unwrap();
            sleep(Duration::from_secs(10)).await;
        }
        dial.attempts.borrow().len() - before
    };
    ask(early).await;
    let soon = ask(20).await;
    ask(60).await;
    [soon, ask(60).await]
}

/// N15: one accident, as a restart is, does not shorten the life of connections.
#[test]
fn a_single_early_close_teaches_nothing_and_two_are_forgotten_after_some_minutes() {
    run(async {
        assert_eq!(opened_where_the_first_close_early(1).await[0], 1, "the second lives");
        let [soon, later] = opened_where_the_first_close_early(2).await;
        assert!(soon == 20 && later <= 3, "we close first, and later they live again: {soon}, {later}");
    });
}

/// N14: a server that answers strictly in order is found out and gets more connections.
#[test]
fn a_server_that_answers_in_order_is_given_more_connections_and_slow_names_delay_few_others() {
    run(async {
        let dial = script(|_, _| to(echo_in_order));
        let test = Rc::new(server(Rc::clone(&dial) as Rc<dyn Dial>, ONE, "connections = 4"));
        let ask = |name: String| {
            let test = Rc::clone(&test);
            spawn_local(async move {
                let start = Instant::now();
                test.ask(&name).await.map(|_| start.elapsed())
            })
        };
        test.ask("first.example.org").await.unwrap();
        let slow = ask("slow.example.org".to_owned());
        let behind: Vec<_> = (0..8).map(|number| ask(format!("behind-{number}.example.org"))).collect();
        slow.await.unwrap().unwrap();
        for query in behind {
            assert_eq!(query.await.unwrap(), Ok(Duration::from_secs(2)), "nothing was known yet");
        }
        assert_eq!(test.counted(UpstreamEvent::StrictOrder), 1);
        // From now on: whoever comes when the first of a connection waits for long goes elsewhere.
        let slow = ask("slow.example.org".to_owned());
        sleep(Duration::from_millis(300)).await;
        for number in 0..100 {
            let took = ask(format!("later-{number}.example.org")).await.unwrap().unwrap();
            assert!(took < Duration::from_millis(100), "{took:?}");
        }
        slow.await.unwrap().unwrap();
        assert!((2..=4).contains(&dial.attempts.borrow().len()), "{}", dial.attempts.borrow().len());
    });
}

/// N8: a stopped process that is continued answers on what it had.
#[test]
fn a_connection_that_went_quiet_is_kept_and_used_again_when_the_server_goes_on() {
    run(async {
        let continued = Instant::now() + Duration::from_secs(8);
        // Its only process stands still: connections are accepted for it, and nothing is read until it goes on.
        let dial =
            script(move |number, _| if number == 0 { to(move |stream| pausing(stream, continued)) } else { nothing() });
        let test = server(dial, ONE, "");
        test.ask("www.example.org").await.unwrap();
        sleep(Duration::from_secs(2)).await;
        test.ask("www.example.org").await.unwrap_err();
        assert_eq!(test.counted(UpstreamEvent::ClosedSilent), 0);
        test.ask("www.example.org").await.unwrap();
        assert!(Instant::now() - continued < Duration::from_secs(1));
    });
}

/// Answers the first query, then nothing before `continued`.
async fn pausing(mut stream: DuplexStream, continued: Instant) {
    let message = next(&mut stream).await.unwrap();
    answer(&mut stream, message).await;
    echo_from(continued, stream).await;
}

#[test]
fn connections_kept_for_a_silent_server_are_few_and_end_as_silent() {
    run(async {
        let never = Instant::now() + Duration::from_secs(3600);
        let test = server(script(move |_, _| to(move |stream| echo_from(never, stream))), ONE, "");
        for _ in 0..20 {
            test.ask("www.example.org").await.unwrap_err();
            test.server.abandon_quiet(Duration::from_secs(2));
            let open = test.server.connections.borrow().iter().filter(|(one, _)| one.is_open()).count();
            assert!(open <= 4, "{open}");
        }
        sleep(Duration::from_secs(60)).await;
        let open = test.server.connections.borrow().iter().filter(|(one, _)| one.is_open()).count();
        assert_eq!(open, 0);
        assert!(test.counted(UpstreamEvent::ClosedSilent) >= 1);
    });
}

#[test]
fn a_connection_that_dies_under_a_query_is_replaced_and_the_query_sent_again() {
    run(async {
        let test = server(
            script(|number, _| {
                to(move |mut stream| async move {
                    // The first one serves one query and ends at the next.
                    while let Some(message) = next(&mut stream).await {
                        answer(&mut stream, message).await;
                        if number == 0 {
                            next(&mut stream).await;
                            return;
                        }
                    }
                })
            }),
            ONE,
            "",
        );
        for _ in 0..10 {
            test.ask("www.example.org").await.unwrap();
        }
        assert_eq!(test.counted(UpstreamEvent::Retried), 1);
        assert_eq!(test.counted(UpstreamEvent::ClosedBroken), 1);
    });
}

/// A stream whose bytes are not acknowledged any more once the other end is gone.
struct Unacknowledged(DuplexStream);

impl AsyncRead for Unacknowledged {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.0).poll_read(context, buffer));
        let is_over = buffer.filled().len() == before;
        Poll::Ready(if is_over { Err(io::ErrorKind::TimedOut.into()) } else { read })
    }
}

impl AsyncWrite for Unacknowledged {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// N8: TCP_USER_TIMEOUT ends a connection in a cut; its queries are sent again when there is a way, within their time.
#[test]
fn queries_of_a_connection_that_timed_out_are_answered_if_the_network_comes_back_in_time() {
    for pause in [Duration::ZERO, Duration::from_secs(2)] {
        run(async move {
            let dial = script(move |number, _| {
                if number == 1 {
                    return nothing();
                }
                let (ours, mut theirs) = tokio::io::duplex(1 << 20);
                spawn_local(async move {
                    if number > 1 {
                        return echo(theirs).await;
                    }
                    let message = next(&mut theirs).await.unwrap();
                    answer(&mut theirs, message).await;
                    next(&mut theirs).await;
                    sleep(Duration::from_secs(3)).await;
                });
                Box::pin(async { Ok(Box::new(Unacknowledged(ours)) as Link) })
            });
            let test = server(dial, ONE, "");
            test.ask("www.example.org").await.unwrap();
            sleep(pause).await;
            test.ask("www.example.org").await.unwrap();
            sleep(Duration::from_secs(1)).await;
            assert_eq!(test.counted(UpstreamEvent::ClosedTimeout) + test.counted(UpstreamEvent::ClosedSilent), 1);
        });
    }
}
