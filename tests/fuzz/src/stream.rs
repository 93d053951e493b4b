//! A server's stream, as it is once decrypted, cut anywhere: each query gets the answer that a naive reader finds for it, and no other.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use nodens::metrics::WorkerMetrics;
use nodens::upstream::probe::{converse, metrics};
use nodens::wire::message::{Outgoing, Question};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local, yield_now};

use crate::Choices;

/// Queries on the connection.
const QUERIES: u16 = 6;

/// Mixed into their IDs.
const MASK: u16 = 0x5A3C;

/// Two bytes of choices, then what the server does, see [`script`].
pub fn check(data: &[u8]) {
    thread_local! {
        /// One for all inputs; time stands still unless everybody waits.
        static RUNTIME: Runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime needs no more");
        /// Where all of them count.
        static METRICS: Arc<WorkerMetrics> = metrics();
        /// The same queries each time.
        static QUERIES: Vec<Rc<Outgoing>> = queries();
    }
    let mut choices = Choices(data);
    let (pieces, room) = (choices.byte(), choices.byte());
    let queries = QUERIES.with(Clone::clone);
    let stream = script(choices, &queries);
    let expected = naive(&stream, &queries);
    let metrics = METRICS.with(Arc::clone);
    let drive = drive(stream.clone(), pieces, room, &queries, metrics);
    let got = RUNTIME.with(|runtime| LocalSet::new().block_on(runtime, drive));
    assert_eq!(got, expected, "{stream:02x?}");
}

/// The queries; two of them ask the same.
fn queries() -> Vec<Rc<Outgoing>> {
    let query = |number: u16| {
        let name = [
            1,
            b'a' + u8::try_from(number % (QUERIES - 1)).expect("few"),
            7,
            b'e',
            b'x',
            b'a',
            b'm',
            b'p',
            b'l',
            b'e',
            0,
        ];
        Rc::new(Outgoing::new(&Question {
            name: &name,
            qtype: 1 + number % 2 * 27,
            qclass: 1,
            dnssec_ok: false,
            checking_disabled: false,
            authentic_data: false,
        }))
    };
    (0..QUERIES).map(query).collect()
}

/// What the server sends: steps of an answer to one of the queries, right or spoilt in one bit, and of bytes as they come.
fn script(mut choices: Choices<'_>, queries: &[Rc<Outgoing>]) -> Vec<u8> {
    let mut stream = Vec::new();
    while !choices.0.is_empty() && stream.len() < 40_000 {
        let step = choices.byte();
        if step & 0x80 != 0 {
            let count = usize::from(step & 0x3F).min(choices.0.len());
            let (bytes, rest) = choices.0.split_at(count);
            stream.extend(bytes);
            choices.0 = rest;
            continue;
        }
        let position = usize::from(step % 8).min(queries.len() - 1);
        let query = &queries[position];
        let mut answer = query.as_bytes()[..query.question_end()].to_vec();
        answer[..2].copy_from_slice(&(u16::try_from(position).expect("few") ^ MASK).to_be_bytes());
        answer[2..4].copy_from_slice(&[0x81, 0x80]);
        answer[6..12].fill(0);
        if step & 0x10 != 0 {
            let at = usize::from(choices.word());
            let bit = at % (answer.len() * 8);
            answer[bit / 8] ^= 1 << (bit % 8);
        }
        if step & 0x20 != 0 {
            // A long answer, which needs more than the room that there is.
            answer.resize(answer.len() + usize::from(choices.byte()) * 150, 0xAA);
        }
        if step & 0x40 != 0 {
            answer.truncate(usize::from(choices.byte()));
        }
        stream.extend(u16::try_from(answer.len()).expect("not so long").to_be_bytes());
        stream.extend(answer);
    }
    stream
}

/// What each query gets, by the letter of RFC 7766 section 7 and RFC 5452 section 9.1.
fn naive(mut stream: &[u8], queries: &[Rc<Outgoing>]) -> Vec<Option<Vec<u8>>> {
    let mut got: Vec<Option<Vec<u8>>> = vec![None; queries.len()];
    while let Some((head, rest)) = stream.split_at_checked(2) {
        let Some((frame, behind)) = rest.split_at_checked(usize::from(u16::from_be_bytes([head[0], head[1]]))) else {
            break;
        };
        stream = behind;
        // Neither a message nor a response: the server is out of step, and nothing behind it can be believed.
        if frame.len() < 12 || frame[2] & 0x80 == 0 {
            break;
        }
        let position = usize::from(u16::from_be_bytes([frame[0], frame[1]]) ^ MASK);
        let Some(query) = queries.get(position).filter(|_| got[position].is_none()) else { continue };
        let question = &query.as_bytes()[12..query.question_end()];
        let same = frame[4..6] == [0, 1]
            && frame.get(12..12 + question.len()).is_some_and(|theirs| theirs.eq_ignore_ascii_case(question));
        let bare = frame[4..6] == [0, 0] && frame[3] & 15 != 0;
        if frame[2] & 0x78 == 0 && (same || bare) {
            got[position] = Some(frame.to_vec());
        }
        if got.iter().all(Option::is_some) {
            break;
        }
    }
    got
}

/// Sends the stream in pieces while the queries are taken; what each of them got.
async fn drive(
    stream: Vec<u8>,
    pieces: u8,
    room: u8,
    queries: &[Rc<Outgoing>],
    metrics: Arc<WorkerMetrics>,
) -> Vec<Option<Vec<u8>>> {
    // Short streams are cut byte by byte, long ones into some dozens of pieces, so that no input takes long.
    let least = stream.len() / 64 + 1;
    let (near, far) = duplex(usize::from(room) * 64 + least);
    let (mut from, mut to) = tokio::io::split(near);
    let sink = Rc::new(RefCell::new(0));
    let taken = Rc::clone(&sink);
    let taker = spawn_local(async move {
        let mut piece = [0; 256];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            *taken.borrow_mut() += count;
        }
    });
    let sender = spawn_local(async move {
        for piece in stream.chunks(usize::from(pieces) * 4 + least) {
            if to.write_all(piece).await.is_err() {
                return;
            }
            yield_now().await;
        }
        let _ = to.shutdown().await;
    });
    let outcomes = converse(far, MASK, queries, metrics).await;
    sender.await.expect("the sender does not panic");
    taker.await.expect("the taker does not panic");
    assert!(*sink.borrow() > 0, "the queries left");
    outcomes
}
