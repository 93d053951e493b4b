//! Exchanges with real servers on loopback: honest ones, forgers, and ones that do not repeat letter case.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::io;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::net::UdpSocket;
use tokio::task::{JoinSet, LocalSet};

mod cookies;

use super::*;
use crate::config::{Server, Transport};

/// Ends a test that hangs; never reached otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time in tests that have no use for it.
const NOW: Moment = Moment::from_secs(1);

/// A query for A of `name`: header, question, OPT; and the end of its question.
fn query(name: &str) -> (Vec<u8>, usize) {
    let mut message = b"\0\0\x01\0\0\x01\0\0\0\0\0\x01".to_vec();
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.extend(b"\0\0\x01\0\x01");
    let question_end = message.len();
    message.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
    (message, question_end)
}

/// The answer to `query`: its bytes with QR and, as a mark to know it by, `mark` in the OPT's extended RCODE.
fn answer(query: &[u8], mark: u8) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] |= 0x80;
    let position = answer.len() - 6;
    answer[position] = mark;
    answer
}

/// The mark of an answer.
fn mark(answer: &[u8]) -> u8 {
    answer[answer.len() - 6]
}

/// What the client does with a server at `address`.
fn client(address: SocketAddr, sockets: usize) -> UdpServer {
    UdpServer::new(at(&[address]), UdpSettings { sockets, case_randomization: true, cookies: false }, Arc::default(), 0)
}

/// A server's addresses.
fn at(all: &[SocketAddr]) -> Rc<Addresses> {
    let (address, further) = (all[0], all[1..].to_vec());
    Rc::new(Addresses::new(&Server { transport: Transport::Udp, address, further, authentication: None }))
}

/// A socket for a server on loopback.
async fn bind(address: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(address).await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// The next query at a server, and whose it is.
async fn receive(server: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 512];
    let (length, source) = server.recv_from(&mut buffer).await.unwrap();
    (buffer[..length].to_vec(), source)
}

/// Runs a client beside an endless server.
async fn against<T>(server: impl Future<Output = ()>, client: impl Future<Output = T>) -> T {
    let race = async {
        tokio::select! {
            () = server => unreachable!("servers do not end"),
            result = client => result,
        }
    };
    tokio::time::timeout(PATIENCE, race).await.expect("the test hangs")
}

/// A server that answers each query by what `reply` makes of it, in order.
async fn serve(server: &UdpSocket, mut reply: impl FnMut(&[u8]) -> Vec<Vec<u8>>) {
    loop {
        let (query, source) = receive(server).await;
        for message in reply(&query) {
            server.send_to(&message, source).await.unwrap();
        }
    }
}

/// One exchange with a server that replies by `reply`.
async fn exchange_with(reply: impl FnMut(&[u8]) -> Vec<Vec<u8>>) -> Result<Vec<u8>, UpstreamError> {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = client(address, 4);
    let result = against(serve(&server, reply), client.exchange(&message, end, NOW)).await;
    assert!(client.sockets.borrow().is_empty(), "a socket stayed open");
    result
}

#[tokio::test]
async fn the_right_answer_comes_back_with_the_question_in_lower_case() {
    let mut seen = Vec::new();
    let result = exchange_with(|query| {
        seen = query.to_vec();
        vec![answer(query, 1)]
    });
    let result = result.await.unwrap();
    let (message, end) = query("www.example");
    assert!(seen[HEADER..end].eq_ignore_ascii_case(&message[HEADER..end]));
    assert_eq!(seen[end..], message[end..], "what follows the question is sent as it is");
    assert_eq!(result[..2], seen[..2], "the ID is the server's");
    assert_eq!(result[HEADER..end], message[HEADER..end]);
    assert_eq!(mark(&result), 1);
}

#[tokio::test]
async fn a_truncated_answer_comes_back_as_it_is() {
    let truncated = |query: &[u8]| {
        let mut answer = answer(query, 1);
        answer[2] |= 0x02;
        vec![answer]
    };
    assert_eq!(exchange_with(truncated).await.unwrap()[2] & 0x02, 0x02);
}

#[tokio::test]
async fn an_answer_larger_than_we_take_comes_back_truncated() {
    let large = |query: &[u8]| {
        let mut answer = answer(query, 1);
        answer.resize(9_000, 0);
        vec![answer]
    };
    let result = exchange_with(large).await.unwrap();
    assert_eq!((result.len(), result[2] & 0x02), (query("www.example").1, 0x02));
}

#[tokio::test]
async fn forged_answers_do_not_end_the_wait() {
    let change = |query: &[u8], position: usize, bits: u8| {
        let mut forged = answer(query, 66);
        forged[position] ^= bits;
        forged
    };
    let forgeries = |query: &[u8]| {
        vec![
            change(query, 0, 0x01),          // ID
            change(query, 1, 0xff),          // ID
            change(query, 2, 0x80),          // QR
            change(query, 2, 0x28),          // opcode
            change(query, 5, 0x03),          // QDCOUNT
            change(query, HEADER + 1, 0x01), // name
            change(query, HEADER + 14, 1),   // type
            change(query, HEADER + 16, 2),   // class
            Vec::new(),
            vec![0; 3],
            answer(&query[..20], 66),
            answer(query, 1),
        ]
    };
    assert_eq!(mark(&exchange_with(forgeries).await.unwrap()), 1);
}

/// N18: whatever datagrams come, the right answer behind them is taken, by all who share the socket.
#[tokio::test]
async fn no_datagram_wedges_a_socket() {
    let (server, address) = bind("127.0.0.1:0").await;
    let client = Rc::new(client(address, 1));
    let mut random = StdRng::seed_from_u64(18);
    let mut garbage = |query: &[u8]| {
        let mut all = Vec::new();
        for _ in 0..20 {
            // Noise, or the right answer cut and broken in a few places.
            let mut message = answer(query, 66);
            message.truncate(random.random_range(0..=message.len()));
            for _ in 0..random.random_range(1..8) {
                match random.random_range(0..message.len().max(1)) {
                    0 => message = (0..random.random_range(0..600)).map(|_| random.random()).collect(),
                    at => message[at] = random.random(),
                }
            }
            // What has our ID and question is an answer, whatever stands behind.
            if message.get(..2) != query.get(..2) || message.len() < query.len() - 11 {
                all.push(message);
            }
        }
        all.push(answer(query, 1));
        all
    };
    let ask = async {
        for _ in 0..40 {
            // Few at a time, so that the kernel has room for all of it.
            let mut tasks = many(&client, 4);
            while let Some(result) = tasks.join_next().await {
                assert_eq!(mark(&result.unwrap().1.unwrap()), 1);
            }
        }
    };
    LocalSet::new().run_until(against(serve(&server, &mut garbage), ask)).await;
    assert!(client.sockets.borrow().is_empty());
}

#[tokio::test]
async fn a_flood_of_forged_answers_is_not_believed_and_ends_the_wait_on_udp() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let flood = async {
        let (query, source) = receive(&server).await;
        let right = u16::from_be_bytes([query[0], query[1]]);
        for id in (0..=u16::MAX).filter(|&id| id != right).step_by(65) {
            let mut forged = answer(&query, 66);
            forged[..2].copy_from_slice(&id.to_be_bytes());
            // Once the client has closed its socket, the kernel says so.
            let _: io::Result<usize> = server.send_to(&forged, source).await;
            tokio::task::yield_now().await;
        }
        std::future::pending().await
    };
    let client = client(address, 4);
    assert_eq!(against(flood, client.exchange(&message, end, NOW)).await, Err(UpstreamError::Mismatched));
    assert!(client.sockets.borrow().is_empty(), "a socket stayed open");
}

#[tokio::test]
async fn an_answer_from_another_address_or_port_is_not_seen() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (other_port, _) = bind("127.0.0.1:0").await;
    let other_address = UdpSocket::bind(("127.0.0.2", address.port())).await.unwrap();
    let (message, end) = query("www.example");
    let forge = async {
        let (query, source) = receive(&server).await;
        for forger in [&other_port, &other_address] {
            // The kernel may tell the forger at once that nobody listens to him.
            let _: io::Result<usize> = forger.send_to(&answer(&query, 66), source).await;
        }
        server.send_to(&answer(&query, 1), source).await.unwrap();
        std::future::pending().await
    };
    let client = client(address, 4);
    assert_eq!(mark(&against(forge, client.exchange(&message, end, NOW)).await.unwrap()), 1);
}

#[tokio::test]
async fn a_closed_port_ends_the_try_at_once() {
    let (server, address) = bind("127.0.0.1:0").await;
    drop(server);
    let (message, end) = query("www.example");
    let client = client(address, 4);
    let result = tokio::time::timeout(PATIENCE, client.exchange(&message, end, NOW)).await.unwrap();
    assert_eq!(result, Err(UpstreamError::Connect(io::ErrorKind::ConnectionRefused)));
    assert!(client.sockets.borrow().is_empty());
}

#[tokio::test]
async fn a_server_closing_its_port_ends_all_waits_on_a_shared_socket() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = client(address, 1);
    let close = async {
        receive(&server).await;
        receive(&server).await;
        // The third query will meet a closed port. The kernel says so to the fourth as it is sent, and to nobody else.
        drop(server);
    };
    let queries = async {
        tokio::join!(client.exchange(&message, end, NOW), client.exchange(&message, end, NOW), async {
            close.await;
            tokio::join!(client.exchange(&message, end, NOW), client.exchange(&message, end, NOW))
        })
    };
    let queries = tokio::time::timeout(PATIENCE, queries).await.expect("the test hangs");
    for result in [queries.0, queries.1, queries.2.0, queries.2.1] {
        assert_eq!(result, Err(UpstreamError::Connect(io::ErrorKind::ConnectionRefused)));
    }
    assert!(client.sockets.borrow().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_repeat_letters_is_asked_in_lower_case_after_three_times() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("a-long-name-with-many-letters.example");
    let client = client(address, 4);
    let asked = RefCell::new(Vec::new());
    let lower = |query: &[u8]| {
        asked.borrow_mut().push(query[HEADER..end] != message[HEADER..end]);
        let mut answer = answer(query, 1);
        answer[HEADER..end].make_ascii_lowercase();
        vec![answer]
    };
    let ask = async |now| {
        asked.borrow_mut().clear();
        client.exchange(&message, end, now).await.unwrap();
        asked.borrow().clone()
    };
    against(serve(&server, lower), async {
        for _ in 0..3 {
            assert_eq!(ask(NOW).await, [true, false], "a suspicious answer is confirmed");
        }
        for _ in 0..10 {
            assert_eq!(ask(NOW).await, [false]);
        }
        let later = NOW + Duration::from_secs(3_601);
        assert_eq!(ask(later).await, [true, false], "it may have been replaced");
        assert_eq!(ask(later).await, [false]);
    })
    .await;
}

#[tokio::test]
async fn a_forged_answer_in_other_letters_counts_nothing_against_a_server_that_repeats_them() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("a-long-name-with-many-letters.example");
    let client = client(address, 4);
    let asked = RefCell::new(Vec::new());
    let forged_first = |query: &[u8]| {
        let secret = query[HEADER..end] != message[HEADER..end];
        asked.borrow_mut().push(secret);
        let mut forged = answer(query, 66);
        forged[HEADER..end].make_ascii_lowercase();
        // The confirmation in lower case is never answered: the right answer to the first query must do.
        if secret { vec![forged, answer(query, 1)] } else { Vec::new() }
    };
    against(serve(&server, forged_first), async {
        for _ in 0..10 {
            assert_eq!(mark(&client.exchange(&message, end, NOW).await.unwrap()), 1);
        }
        assert_eq!(asked.borrow().iter().filter(|&&secret| secret).count(), 10, "letters are still random");
    })
    .await;
}

#[tokio::test]
async fn letters_are_not_touched_when_the_operator_says_so() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("a-long-name-with-many-letters.example");
    let settings = UdpSettings { sockets: 1, case_randomization: false, cookies: false };
    let client = UdpServer::new(at(&[address]), settings, Arc::default(), 0);
    let upper = |query: &[u8]| {
        assert_eq!(query[2..], message[2..]);
        let mut answer = answer(query, 1);
        answer[HEADER..end - 4].make_ascii_uppercase();
        vec![answer]
    };
    let result = against(serve(&server, upper), client.exchange(&message, end, NOW)).await.unwrap();
    assert_eq!(result[HEADER..end], message[HEADER..end]);
}

#[tokio::test]
async fn an_error_without_a_question_comes_back_with_one() {
    let bare = |query: &[u8]| vec![[&query[..2], b"\x81\x01\0\0\0\0\0\0\0\0"].concat()];
    let (message, end) = query("www.example");
    let result = exchange_with(bare).await.unwrap();
    assert_eq!((result[3], result[5], &result[HEADER..]), (1, 1, &message[HEADER..end]));
}

/// Runs `count` exchanges at once.
fn many(client: &Rc<UdpServer>, count: u16) -> JoinSet<(u16, Result<Vec<u8>, UpstreamError>)> {
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let client = Rc::clone(client);
        tasks.spawn_local(async move {
            let (message, end) = query(&format!("name-{number}.example"));
            let result = client.exchange(&message, end, NOW).await;
            (number, result.inspect(|answer| assert_eq!(answer[..end][HEADER..], message[..end][HEADER..])))
        });
    }
    tasks
}

#[tokio::test]
async fn queries_above_the_bound_share_sockets_and_are_all_answered() {
    let (server, address) = bind("127.0.0.1:0").await;
    let client = Rc::new(client(address, 8));
    let gather_then_answer = async {
        let mut waiting = Vec::new();
        while waiting.len() < 16 {
            waiting.push(receive(&server).await);
        }
        let ports: HashSet<_> = waiting.iter().map(|(_, source)| source.port()).collect();
        assert_eq!(ports.len(), 8);
        // Last in, first out: no answer comes in the order of its query.
        for (query, source) in waiting.iter().rev() {
            server.send_to(&answer(query, 1), source).await.unwrap();
        }
        std::future::pending().await
    };
    let ask = async {
        let mut tasks = many(&client, 16);
        while let Some(result) = tasks.join_next().await {
            assert_eq!(mark(&result.unwrap().1.unwrap()), 1);
        }
    };
    LocalSet::new().run_until(against(gather_then_answer, ask)).await;
    assert!(client.sockets.borrow().is_empty(), "a socket stayed open");
}

#[tokio::test]
async fn what_a_socket_carries_is_bounded() {
    let (_server, address) = bind("127.0.0.1:0").await;
    let client = Rc::new(client(address, 1));
    let ask = async {
        let mut tasks = many(&client, 300);
        for _ in 0..300 - 256 {
            assert_eq!(tasks.join_next().await.unwrap().unwrap().1, Err(UpstreamError::Shed));
        }
        assert_eq!(client.sockets.borrow().len(), 1);
        tasks.shutdown().await;
    };
    LocalSet::new().run_until(against(std::future::pending(), ask)).await;
    assert!(client.sockets.borrow().is_empty());
}

#[tokio::test]
async fn dropping_an_exchange_closes_its_socket_and_leaves_the_others_alone() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = client(address, 1);
    let test = async {
        let mut dropped = Box::pin(client.exchange(&message, end, NOW));
        let kept = client.exchange(&message, end, NOW);
        tokio::pin!(kept);
        let (first, second) = tokio::select! {
            biased;
            _ = &mut dropped => unreachable!("nobody answers"),
            _ = &mut kept => unreachable!("nobody answers"),
            queries = async { (receive(&server).await, receive(&server).await) } => queries,
        };
        drop(dropped);
        assert_eq!(client.sockets.borrow().len(), 1);
        // The late answer to the dropped query is nobody's.
        for (mark, (query, source)) in [(66, first), (1, second)] {
            server.send_to(&answer(&query, mark), source).await.unwrap();
        }
        assert_eq!(mark(&kept.await.unwrap()), 1);
        assert!(client.sockets.borrow().is_empty());
    };
    tokio::time::timeout(PATIENCE, test).await.expect("the test hangs");
}

#[tokio::test]
async fn ports_and_ids_of_a_thousand_queries_follow_no_pattern() {
    let (server, address) = bind("127.0.0.1:0").await;
    let (message, end) = query("www.example");
    let client = client(address, 4);
    let (mut ports, mut ids) = (Vec::new(), Vec::new());
    let note = async {
        loop {
            let (query, source) = receive(&server).await;
            ports.push(source.port());
            ids.push(u16::from_be_bytes([query[0], query[1]]));
            server.send_to(&answer(&query, 1), source).await.unwrap();
        }
    };
    against(note, async {
        for _ in 0..1_000 {
            client.exchange(&message, end, NOW).await.unwrap();
        }
    })
    .await;
    for (what, numbers, least) in [("ports", &ports, 1_024), ("IDs", &ids, 0)] {
        assert!(numbers.iter().all(|&number| number >= least), "{what}");
        let distinct: HashSet<_> = numbers.iter().collect();
        assert!(distinct.len() > 950, "{what}: {} distinct", distinct.len());
        let mut steps = HashMap::new();
        for pair in numbers.windows(2) {
            *steps.entry(pair[1].wrapping_sub(pair[0])).or_insert(0) += 1;
        }
        assert!(steps.values().all(|&count| count < 10), "{what}: a step repeats");
        for sixteenth in 0..16 {
            let count = numbers.iter().filter(|&&number| number >> 12 == sixteenth).count();
            assert!((20..120).contains(&count), "{what}: {count} in sixteenth {sixteenth}");
        }
    }
}

#[tokio::test]
async fn servers_are_asked_over_ipv6() {
    let (server, address) = bind("[::1]:0").await;
    let (message, end) = query("www.example");
    let client = client(address, 4);
    let result = against(serve(&server, |query| vec![answer(query, 1)]), client.exchange(&message, end, NOW)).await;
    assert_eq!(mark(&result.unwrap()), 1);
}

#[tokio::test]
async fn a_server_that_is_not_at_its_first_address_is_asked_at_the_second_from_then_on() {
    let (closed, first) = bind("[::1]:0").await;
    drop(closed);
    let (server, second) = bind("127.0.0.1:0").await;
    let settings = UdpSettings { sockets: 4, case_randomization: true, cookies: false };
    let client = UdpServer::new(at(&[first, second]), settings, Arc::default(), 0);
    let (message, end) = query("www.example");
    against(serve(&server, |query| vec![answer(query, 1)]), async {
        let refused = client.exchange(&message, end, NOW).await;
        assert_eq!(refused, Err(UpstreamError::Connect(io::ErrorKind::ConnectionRefused)));
        for _ in 0..3 {
            assert_eq!(mark(&client.exchange(&message, end, NOW).await.unwrap()), 1);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn two_silent_queries_in_a_row_make_a_server_be_asked_at_its_other_address() {
    let (_silent, first) = bind("[::1]:0").await;
    let (_server, second) = bind("127.0.0.1:0").await;
    let settings = UdpSettings { sockets: 4, case_randomization: true, cookies: false };
    let client = UdpServer::new(at(&[first, second]), settings, Arc::default(), 0);
    let (message, end) = query("www.example");
    for expected in [first, first, second, second, first] {
        assert_eq!(client.addresses.first(clock::now()), expected);
        let silence = client.exchange(&message, end, clock::now());
        assert!(tokio::time::timeout(Duration::from_secs(2), silence).await.is_err());
    }
}
