//! Servers that leave handshakes unanswered, cut them, or lose count of their frames.

use super::super::super::learned::Roster;
use super::*;

/// A server over TLS that is reached by `dial`, one of so many in its group.
fn encrypted(dial: Rc<dyn Dial>, servers: usize) -> Test {
    let group = "[[upstream]]\nname = \"a\"\nservers = [\"tls://192.0.2.1\"]\ninsecure = true\n";
    let text = format!("{group}\n[[zone]]\nname = \".\"\nupstream = \"a\"\n");
    let config = Config::parse(&text, "test.toml", &Environment::neutral()).unwrap().config;
    let (upstream, server) = (&config.upstreams[0], &config.upstreams[0].servers[0]);
    let upstreams = vec![("a".to_owned(), "tls://a".to_owned())];
    let metrics = Metrics::new(&Layout { upstreams, ..Layout::default() }, 1).worker(0);
    let roster = Rc::new(Roster::new("a", servers, &metrics));
    let learned = Learned::new(Arc::clone(&metrics), 0, Rc::default()).in_group(&roster, "a".to_owned(), true);
    let (addresses, tls) = (Rc::new(Addresses::new(server)), TlsGroup::new(upstream).unwrap());
    let server = StreamServer::new(server, upstream, Some(&tls), addresses, dial, Rc::new(learned));
    Test { server: Rc::new(server), metrics }
}

/// Reads to the end of a stream and says nothing.
async fn swallow(mut stream: DuplexStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

/// N8, N16: a fresh handshake is never far away in a cut, and the first one is still there if the server only stood still.
#[test]
fn a_handshake_that_is_not_answered_gets_another_beside_it_which_is_begun_anew_and_is_kept_itself() {
    run(async {
        let open = Rc::new(RefCell::new(Vec::new()));
        let peak = Rc::new(Cell::new(0));
        let (streams, most) = (Rc::clone(&open), Rc::clone(&peak));
        let dial = script(move |number, _| {
            let (streams, most) = (Rc::clone(&streams), Rc::clone(&most));
            streams.borrow_mut().push(number);
            to(move |stream| async move {
                // Whoever was given up by now has ended.
                tokio::task::yield_now().await;
                most.set(most.get().max(streams.borrow().len()));
                swallow(stream).await;
                streams.borrow_mut().retain(|other| *other != number);
            })
        });
        let test = encrypted(Rc::clone(&dial) as Rc<dyn Dial>, 1);
        let start = Instant::now();
        assert_eq!(test.ask("www.example.org").await, Err(UpstreamError::Timeout));
        let begun: Vec<u128> =
            dial.attempts.borrow().iter().map(|(_, at)| at.duration_since(start).as_millis()).collect();
        assert!(begun.len() >= 8 && begun.windows(2).all(|two| (600..=610).contains(&(two[1] - two[0]))), "{begun:?}");
        assert!(open.borrow().contains(&0), "{open:?}");
        assert_eq!(peak.get(), 2);
        // Nobody wants it any more: the first may still be answered, and no other is begun.
        sleep(Duration::from_secs(4)).await;
        assert!(open.borrow().contains(&0) && dial.attempts.borrow().len() <= begun.len() + 1, "{open:?}");
        sleep(Duration::from_secs(30)).await;
        assert!(open.borrow().is_empty() && dial.attempts.borrow().len() <= begun.len() + 1, "{open:?}");
    });
}

/// N8, N16: connections that are cut again and again.
#[test]
fn a_query_outlives_handshakes_that_are_cut_if_it_has_nowhere_else_to_go() {
    for (servers, outcome) in [(1, UpstreamError::Timeout), (2, UpstreamError::Closed)] {
        run(async move {
            let dial = script(|_, _| to(|stream| async { drop(stream) }));
            let test = encrypted(Rc::clone(&dial) as Rc<dyn Dial>, servers);
            assert_eq!(test.ask("www.example.org").await, Err(outcome));
            let attempts = dial.attempts.borrow().len();
            assert!(if servers == 1 { (6..=14).contains(&attempts) } else { attempts == 1 }, "{attempts}");
        });
    }
}

#[test]
fn a_query_waits_up_to_a_second_for_the_next_attempt_if_it_has_nowhere_else_to_go() {
    run(async {
        let test = server(script(|number, _| if number < 10 { refusal() } else { to(echo) }), ONE, "");
        for number in 0..10 {
            let start = Instant::now();
            assert!(test.ask("www.example.org").await.is_err());
            assert!(start.elapsed() <= Duration::from_secs(1), "{number}: {:?}", start.elapsed());
        }
        test.ask("www.example.org").await.unwrap();
    });
}

#[test]
fn time_that_goes_by_until_a_connection_is_open_is_told_apart_from_that_of_the_answer() {
    run(async {
        let dial = script(|_, _| {
            let ready = to(echo);
            Box::pin(async {
                sleep(Duration::from_millis(500)).await;
                ready.await
            })
        });
        let test = server(dial, ONE, "");
        for expected in [500, 0] {
            let opening = Cell::default();
            test.server.exchange(&query("www.example.org"), &opening).await.unwrap();
            assert_eq!(opening.get().as_millis() / 10, expected / 10);
        }
    });
}

/// What a server writes instead of an answer.
type Bytes = fn(Vec<u8>) -> Vec<u8>;

/// Answers every query, but those for "lie" with something else.
async fn lie(mut stream: DuplexStream, lie: Bytes) {
    while let Some(message) = next(&mut stream).await {
        if message.windows(4).any(|window| window == b"\x03lie") {
            let _ = stream.write_all(&lie(message)).await;
        } else {
            answer(&mut stream, message).await;
        }
    }
}

/// N18
#[test]
fn a_connection_on_which_something_else_than_answers_comes_is_closed_and_its_queries_sent_again() {
    let lies: [Bytes; 3] = [
        |_| vec![0, 0],
        |_| vec![0, 1, 7],
        // A query, as it came.
        |query| [vec![0, u8::try_from(query.len()).unwrap()], query].concat(),
    ];
    for (number, bytes) in lies.into_iter().enumerate() {
        run(async move {
            let test = Rc::new(server(script(move |_, _| to(move |stream| lie(stream, bytes))), ONE, ""));
            test.ask("first.example.org").await.unwrap();
            let liar = Rc::clone(&test);
            let lied = spawn_local(async move { liar.ask("lie.example.org").await });
            tokio::task::yield_now().await;
            let start = Instant::now();
            test.ask("second.example.org").await.unwrap();
            assert!(start.elapsed() <= Duration::from_secs(1), "{number}: {:?}", start.elapsed());
            assert!(test.counted(UpstreamEvent::ClosedGarbled) >= 1, "{number}");
            lied.await.unwrap().unwrap_err();
        });
    }
}

/// N18: what the server says next fills the frame, but makes no answer.
#[test]
fn a_connection_whose_server_has_lost_count_of_its_frames_is_given_up_like_a_silent_one() {
    run(async {
        // A length that is too short: the rest of the answer is taken for the next one, and that is long.
        let short: Bytes = |mut query| {
            query[2] |= u8::try_from(flag::QR >> 8).unwrap();
            [vec![0, 12], query].concat()
        };
        let dial = script(move |number, _| {
            to(move |stream| async move { if number == 0 { lie(stream, short).await } else { echo(stream).await } })
        });
        let test = Rc::new(server(dial, ONE, ""));
        test.ask("first.example.org").await.unwrap();
        let liar = Rc::clone(&test);
        spawn_local(async move { liar.ask("lie.example.org").await });
        for _ in 0..4 {
            let victim = Rc::clone(&test);
            spawn_local(async move { victim.ask("victim.example.org").await });
            sleep(Duration::from_millis(200)).await;
        }
        sleep(Duration::from_millis(1200)).await;
        assert!(test.server.abandon_quiet(Duration::from_millis(1900)), "bytes came all the time");
        let start = Instant::now();
        test.ask("second.example.org").await.unwrap();
        assert!(start.elapsed() <= Duration::from_millis(10), "{:?}", start.elapsed());
    });
}

#[test]
fn an_answer_that_begins_when_nothing_was_asked_ends_its_connection() {
    run(async {
        // Behind the first answer, the beginning of another.
        let dial = script(|_, _| {
            to(|mut stream| async move {
                while let Some(message) = next(&mut stream).await {
                    answer(&mut stream, message).await;
                    let _ = stream.write_all(&[1, 0, 0]).await;
                }
            })
        });
        let test = server(dial, ONE, "");
        for _ in 0..5 {
            let start = Instant::now();
            test.ask("www.example.org").await.unwrap();
            assert!(start.elapsed() <= Duration::from_millis(10), "{:?}", start.elapsed());
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(test.counted(UpstreamEvent::ClosedGarbled), 5);
    });
}

/// N8, N18: bytes are no sign of life, whole answers are.
#[test]
fn a_connection_on_which_a_byte_comes_now_and_then_is_silent() {
    run(async {
        let dial = script(|number, _| {
            to(move |mut stream| async move {
                if number > 0 {
                    return echo(stream).await;
                }
                let message = next(&mut stream).await.unwrap();
                answer(&mut stream, message).await;
                next(&mut stream).await;
                let _ = stream.write_all(&[0xff, 0xff]).await;
                while stream.write_all(&[0]).await.is_ok() {
                    sleep(Duration::from_millis(20)).await;
                }
            })
        });
        let test = server(dial, ONE, "");
        test.ask("www.example.org").await.unwrap();
        sleep(Duration::from_secs(2)).await;
        for _ in 0..10 {
            let start = Instant::now();
            test.ask("www.example.org").await.unwrap();
            assert!(start.elapsed() <= Duration::from_secs(1), "{:?}", start.elapsed());
        }
        assert_eq!(test.counted(UpstreamEvent::ClosedSilent), 1);
    });
}

#[test]
fn a_connection_that_is_closed_under_queries_some_of_which_were_given_up_ends_in_good_order() {
    run(async {
        // The first connection answers once and then never again; the others always.
        let never = Instant::now() + Duration::from_secs(3600);
        let dial =
            script(move |number, _| if number == 0 { to(move |stream| pausing(stream, never)) } else { to(echo) });
        let test = server(dial, ONE, "");
        test.ask("www.example.org").await.unwrap();
        for _ in 0..3 {
            let given_up = query("given-up.example.org");
            assert!(
                timeout(Duration::from_millis(100), test.server.exchange(&given_up, &Cell::default())).await.is_err()
            );
        }
        sleep(Duration::from_secs(2)).await;
        test.ask("www.example.org").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(test.counted(UpstreamEvent::ClosedSilent), 1);
        test.ask("www.example.org").await.unwrap();
    });
}
