//! Cookies, and what happens when somebody seems to forge: servers with cookies, without, and with them now and then.

use super::*;

/// A client that sends cookies.
fn with_cookies(address: SocketAddr) -> UdpServer {
    let settings = UdpSettings { sockets: 4, case_randomization: true, cookies: true };
    let layout =
        crate::metrics::Layout { upstreams: vec![("a".to_owned(), format!("udp://{address}"))], ..Default::default() };
    let metrics = crate::metrics::Metrics::new(&layout, 1).worker(0);
    UdpServer::new(at(&[address]), settings, metrics, 0)
}

/// The COOKIE option of a query, which is the last thing in it; empty without one.
fn cookie(query: &[u8], end: usize) -> &[u8] {
    let options = &query[end + 11..];
    if options.is_empty() { options } else { &options[4..] }
}

/// The answer to `query` with this mark as its extended RCODE and this COOKIE option, or none.
fn answer_with(query: &[u8], end: usize, mark: u8, cookie: &[u8]) -> Vec<u8> {
    let mut answer = query[..end + 11].to_vec();
    answer[2] |= 0x80;
    answer[end + 5] = mark;
    let option = if cookie.is_empty() {
        Vec::new()
    } else {
        [&[0, 10, 0, u8::try_from(cookie.len()).unwrap()], cookie].concat()
    };
    answer[end + 10] = u8::try_from(option.len()).unwrap();
    answer.extend(option);
    answer
}

/// The mark of such an answer.
fn mark_of(answer: &[u8], end: usize) -> u8 {
    answer[end + 5]
}

/// The client's part of a cookie, and this part of a server behind it.
fn both(client: &[u8], server: &[u8]) -> Vec<u8> {
    [&client[..8], server].concat()
}

/// How often an event was counted.
fn counted(client: &UdpServer, event: UpstreamEvent) -> u64 {
    client.metrics.counted_upstream(0, event)
}

#[tokio::test]
async fn the_servers_cookie_is_sent_back_to_it_and_every_answer_is_checked() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let seen = RefCell::new(Vec::new());
    let reply = |query: &[u8]| {
        seen.borrow_mut().push(cookie(query, end).to_vec());
        vec![answer_with(query, end, 1, &both(cookie(query, end), b"of the server"))]
    };
    against(serve(&server, reply), async {
        for _ in 0..3 {
            assert_eq!(mark_of(&client.exchange(&message, end, NOW).await.unwrap(), end), 1);
        }
    })
    .await;
    let seen = seen.borrow();
    assert_eq!((seen[0].len(), &seen[1][..8], &seen[1][8..]), (8, &seen[0][..], &b"of the server"[..]));
    assert_eq!(seen[1], seen[2]);
    assert_eq!(counted(&client, UpstreamEvent::CookieRight), 3);
}

/// N29.
#[tokio::test]
async fn a_server_that_knows_cookies_is_not_believed_without_ours() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let turn = Cell::new(0);
    let reply = |query: &[u8]| {
        turn.set(turn.get() + 1);
        let right = both(cookie(query, end), b"of the server");
        let mut wrong = right.clone();
        wrong[3] ^= 1;
        vec![match turn.get() % 3 {
            1 => answer_with(query, end, 1, &right),
            2 => answer_with(query, end, 66, &wrong),
            _ => answer_with(query, end, 66, &[]),
        }]
    };
    against(serve(&server, reply), async {
        for _ in 0..4 {
            assert_eq!(mark_of(&client.exchange(&message, end, NOW).await.unwrap(), end), 1);
            for _ in 0..2 {
                assert_eq!(client.exchange(&message, end, NOW).await, Err(UpstreamError::Mismatched));
            }
        }
    })
    .await;
    assert_eq!((counted(&client, UpstreamEvent::DoubtCookie), counted(&client, UpstreamEvent::CookiesGone)), (8, 0));
}

/// N29.
#[tokio::test]
async fn a_bare_error_without_a_cookie_cannot_switch_edns_off_at_a_server_that_knows_cookies() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let turn = Cell::new(0);
    let reply = |query: &[u8]| {
        turn.set(turn.get() + 1);
        let right = answer_with(query, end, 1, &both(cookie(query, end), b"of the server"));
        let bare = [&query[..2], &[0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        vec![if turn.get() == 1 { right } else { bare }]
    };
    against(serve(&server, reply), async {
        assert!(client.exchange(&message, end, NOW).await.is_ok());
        assert_eq!(client.exchange(&message, end, NOW).await, Err(UpstreamError::Mismatched));
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_sending_cookies_is_asked_without_after_three_times() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let seen = RefCell::new(Vec::new());
    let reply = |query: &[u8]| {
        let first = seen.borrow().is_empty();
        seen.borrow_mut().push(!cookie(query, end).is_empty());
        let right = both(&[cookie(query, end), &[0; 8]].concat(), b"of the server");
        vec![answer_with(query, end, 1, if first { &right } else { &[] })]
    };
    against(serve(&server, reply), async {
        assert!(client.exchange(&message, end, NOW).await.is_ok());
        for _ in 0..3 {
            assert_eq!(client.exchange(&message, end, NOW).await, Err(UpstreamError::Mismatched));
        }
        for _ in 0..3 {
            assert!(client.exchange(&message, end, NOW).await.is_ok());
        }
        let later = NOW + Duration::from_secs(3600);
        assert!(client.exchange(&message, end, later).await.is_ok(), "it is told nothing new, and nothing is expected");
    })
    .await;
    assert_eq!(*seen.borrow(), [true, true, true, true, false, false, false, true]);
    assert_eq!(counted(&client, UpstreamEvent::CookiesGone), 1);
}

#[tokio::test]
async fn bad_cookie_is_tried_once_more_with_the_servers_cookie_and_then_not_by_udp() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let (strict, seen) = (Cell::new(false), Cell::new(0));
    // BADCOOKIE is 23: 7 in the header, and 1 in the OPT record.
    let refused = |query: &[u8], server: &[u8]| {
        let mut answer = answer_with(query, end, 1, &both(cookie(query, end), server));
        answer[3] |= 7;
        vec![answer]
    };
    let reply = |query: &[u8]| {
        seen.set(seen.get() + 1);
        match &cookie(query, end)[8..] {
            b"a fresh one" if !strict.get() => vec![answer_with(query, end, 2, cookie(query, end))],
            _ => refused(query, b"a fresh one"),
        }
    };
    against(serve(&server, reply), async {
        assert_eq!(mark_of(&client.exchange(&message, end, NOW).await.unwrap(), end), 2);
        assert_eq!(seen.get(), 2);
        strict.set(true);
        assert_eq!(client.exchange(&message, end, NOW).await, Err(UpstreamError::Mismatched));
        assert_eq!(seen.get(), 4);
    })
    .await;
    assert_eq!(counted(&client, UpstreamEvent::CookieRefused), 3);
    assert_eq!(counted(&client, UpstreamEvent::DoubtBadCookie), 1);
}

#[tokio::test]
async fn a_server_without_cookies_is_asked_as_ever() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    against(serve(&server, |query| vec![answer_with(query, end, 1, &[])]), async {
        for _ in 0..10 {
            assert_eq!(mark_of(&client.exchange(&message, end, NOW).await.unwrap(), end), 1);
        }
    })
    .await;
    assert_eq!(counted(&client, UpstreamEvent::DoubtCookie), 0);
}

#[tokio::test]
async fn a_server_that_stumbles_over_a_cookie_is_asked_without_at_once_and_for_an_hour() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let seen = Cell::new(0);
    let reply = |query: &[u8]| {
        seen.set(seen.get() + 1);
        let mut answer = answer_with(query, end, 1, &[]);
        answer[3] |= u8::from(!cookie(query, end).is_empty());
        vec![answer]
    };
    against(serve(&server, reply), async {
        for queries in [2, 3, 4] {
            assert_eq!(client.exchange(&message, end, NOW).await.unwrap()[3] & 0xf, 0);
            assert_eq!(seen.get(), queries);
        }
    })
    .await;
    assert_eq!(counted(&client, UpstreamEvent::CookiesGone), 1);
}

#[tokio::test]
async fn a_server_that_stumbles_over_everything_says_so_and_keeps_its_cookies() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let seen = Cell::new(0);
    let reply = |query: &[u8]| {
        seen.set(seen.get() + 1);
        let mut answer = answer_with(query, end, 1, &[]);
        answer[3] |= 4;
        vec![answer]
    };
    against(serve(&server, reply), async {
        assert_eq!(client.exchange(&message, end, NOW).await.unwrap()[3] & 0xf, 4);
        assert_eq!(seen.get(), 2);
    })
    .await;
    assert_eq!(counted(&client, UpstreamEvent::CookiesGone), 0);
}

#[tokio::test]
async fn a_query_without_edns_carries_no_cookie_and_its_answer_needs_none() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let reply = |query: &[u8]| {
        if query.len() == end {
            let mut answer = query.to_vec();
            answer[2] |= 0x80;
            return vec![answer];
        }
        vec![answer_with(query, end, 1, &both(cookie(query, end), b"of the server"))]
    };
    against(serve(&server, reply), async {
        assert!(client.exchange(&message, end, NOW).await.is_ok());
        let mut bare = message[..end].to_vec();
        bare[11] = 0;
        assert!(client.exchange(&bare, end, NOW).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_header_with_tc_alone_needs_no_cookie_since_it_says_nothing() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = with_cookies(address);
    let reply = |query: &[u8]| {
        let right = answer_with(query, end, 1, &both(cookie(query, end), b"of the server"));
        let mut stub = query[..end].to_vec();
        (stub[2], stub[11]) = (0x83, 0);
        vec![if cookie(query, end).len() == 8 { right } else { stub }]
    };
    against(serve(&server, reply), async {
        assert!(client.exchange(&message, end, NOW).await.is_ok());
        assert_eq!(client.exchange(&message, end, NOW).await.unwrap()[2] & 0x02, 0x02);
    })
    .await;
    assert_eq!(counted(&client, UpstreamEvent::DoubtCookie), 0);
}

#[tokio::test]
async fn after_sixteen_datagrams_that_answer_nothing_udp_is_not_trusted_with_the_question() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = client(address, 4);
    for (forgeries, outcome) in [(15, Ok(1)), (16, Err(UpstreamError::Mismatched))] {
        let reply = |query: &[u8]| {
            let forged = |number: u8| {
                let mut forged = answer(query, 66);
                forged[0] ^= number;
                forged
            };
            let truth = std::iter::once(answer(query, 1));
            (1..=forgeries).map(forged).chain(truth).collect()
        };
        let result = against(serve(&server, reply), client.exchange(&message, end, NOW)).await;
        assert_eq!(result.map(|answer| mark(&answer)), outcome, "{forgeries}");
    }
}

#[tokio::test]
async fn on_a_shared_socket_late_answers_are_not_taken_for_an_attack() {
    let (server, address) = bind("127.0.0.1:0").await;
    let client = Rc::new(client(address, 1));
    let test = async {
        let mut given_up = many(&client, 100);
        let mut late = Vec::new();
        while late.len() < 100 {
            tokio::select! {
                _ = given_up.join_next() => unreachable!("nobody answers"),
                query = receive(&server) => late.push(query),
            }
        }
        let (message, end) = query("kept.example");
        let kept = client.exchange(&message, end, NOW);
        tokio::pin!(kept);
        let (query, source) = tokio::select! {
            _ = &mut kept => unreachable!("nobody answers"),
            query = receive(&server) => query,
        };
        given_up.shutdown().await;
        for (query, source) in &late {
            server.send_to(&answer(query, 66), source).await.unwrap();
        }
        server.send_to(&answer(&query, 1), source).await.unwrap();
        assert_eq!(mark(&kept.await.unwrap()), 1);
    };
    LocalSet::new().run_until(async { tokio::time::timeout(PATIENCE, test).await.expect("the test hangs") }).await;
}

/// N29.
#[tokio::test]
async fn the_same_question_is_under_way_eight_times_at_most() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = client(address, 64);
    let test = async {
        let mut waiting: Vec<_> = (0..8).map(|_| Box::pin(client.exchange(&message, end, NOW))).collect();
        for exchange in &mut waiting {
            tokio::select! {
                biased;
                _ = exchange => unreachable!("nobody answers"),
                _ = receive(&server) => {}
            }
        }
        assert_eq!(client.exchange(&message, end, NOW).await, Err(UpstreamError::Mismatched));
        drop(waiting);
        against(serve(&server, |query| vec![answer(query, 1)]), client.exchange(&message, end, NOW)).await.unwrap();
    };
    tokio::time::timeout(PATIENCE, test).await.expect("the test hangs");
}
