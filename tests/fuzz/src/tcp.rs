//! A client's stream, cut anywhere and read at any pace, through the real connection: every whole query is answered once.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use nodens::listener::limits::Connections;
use nodens::listener::tcp::{Drain, Settings, serve};
use nodens::listener::{Handler, Incoming, Outcome, ReplyTo};
use nodens::metrics::{Layout, Metrics};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local, yield_now};

use crate::Choices;

/// Answers with the query's own bytes, turned round: at once, later, or never, as its third byte says.
struct Mirror {
    /// Queries seen, in order.
    seen: RefCell<Vec<Vec<u8>>>,
}

impl Handler for Mirror {
    fn handle(self: &Rc<Self>, incoming: Incoming<'_>, reply_to: &dyn Fn() -> ReplyTo) -> Outcome {
        let query = incoming.room[..incoming.length].to_vec();
        let answer = turned(&query);
        let way = query[2];
        self.seen.borrow_mut().push(query);
        match way % 4 {
            0 => Outcome::Drop,
            1 => {
                let reply_to = reply_to();
                spawn_local(async move {
                    for _ in 0..way / 4 {
                        yield_now().await;
                    }
                    reply_to.send(answer.len(), |room| {
                        room.copy_from_slice(&answer);
                        answer.len()
                    });
                });
                Outcome::Later
            }
            _ => {
                incoming.room[..answer.len()].copy_from_slice(&answer);
                Outcome::Answer(answer.len())
            }
        }
    }
}

/// The bytes in the opposite order.
fn turned(query: &[u8]) -> Vec<u8> {
    query.iter().rev().copied().collect()
}

/// Four bytes of choices, then the stream.
pub fn check(data: &[u8]) {
    thread_local! {
        /// One for all inputs; time stands still unless everybody waits.
        static RUNTIME: Runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime needs no more");
    }
    let mut choices = Choices(data);
    let (pieces, room, pipeline, taken) = (choices.byte(), choices.byte(), choices.byte(), choices.byte());
    let stream = choices.0.to_vec();
    let (frames, garbage) = frames(&stream);
    let wanted: Vec<_> = frames.iter().filter(|query| query[2] % 4 != 0).map(|query| turned(query)).collect();
    let at_once = |query: &Vec<u8>| query.last().map_or(0, |_| query[query.len() - 3]) % 4 >= 2;
    let (seen, got, whole) = RUNTIME.with(|runtime| {
        LocalSet::new().block_on(runtime, drive(stream, pieces, room, usize::from(pipeline % 8) + 1, taken))
    });
    assert_eq!(seen, frames, "every whole query was looked at once, in order");
    let immediate = |answers: &[Vec<u8>]| answers.iter().filter(|query| at_once(query)).cloned().collect::<Vec<_>>();
    if garbage {
        // Who sends what is no DNS is hung up on, and loses what was not yet on its way.
        assert!(immediate(&wanted).starts_with(&immediate(&got)) && got.iter().all(|answer| wanted.contains(answer)));
        return;
    }
    assert!(whole, "half an answer");
    assert_eq!(immediate(&got), immediate(&wanted), "answers that are known at once keep their order");
    let sorted = |mut answers: Vec<Vec<u8>>| {
        answers.sort_unstable();
        answers
    };
    assert_eq!(sorted(got), sorted(wanted), "each answer came, once");
}

/// The queries in a stream, up to one too short to be any; and whether there was one.
fn frames(mut stream: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut frames = Vec::new();
    while let Some((head, rest)) = stream.split_at_checked(2) {
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        if length < 12 {
            return (frames, true);
        }
        let Some((frame, behind)) = rest.split_at_checked(length) else { break };
        frames.push(frame.to_vec());
        stream = behind;
    }
    (frames, false)
}

/// Sends the stream in pieces to a connection while taking its answers; the queries it saw, the answers, and whether the last was whole.
async fn drive(
    stream: Vec<u8>,
    pieces: u8,
    room: u8,
    pipeline: usize,
    taken: u8,
) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, bool) {
    let (near, far) = duplex(usize::from(room) * 8 + 1);
    let connections = Connections::new(1, 1);
    let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
    let permit = connections.admit(client.ip()).expect("it is the only one");
    let (_drain, drained) = watch::channel(Drain::No);
    let settings = Rc::new(Settings {
        idle: Cell::new(Duration::from_secs(10)),
        pipeline: Cell::new(pipeline),
        connections,
        allow: RefCell::default(),
        metrics: Metrics::new(&Layout::default(), 1).worker(0),
        open: Default::default(),
        room: RefCell::new(vec![0; 65_535].into()),
        drain: drained,
        heirs: tokio::sync::mpsc::channel(1).0,
    });
    let mirror = Rc::new(Mirror { seen: RefCell::default() });
    let connection = spawn_local(serve(far, client, 0, permit, settings, Rc::clone(&mirror)));
    let (mut from, mut to) = tokio::io::split(near);
    let sender = spawn_local(async move {
        for piece in stream.chunks(usize::from(pieces) + 1) {
            // A connection that found no DNS closes; what it did not read is nobody's.
            if to.write_all(piece).await.is_err() {
                return;
            }
            yield_now().await;
        }
        let _ = to.shutdown().await;
    });
    let mut answers = Vec::new();
    let mut piece = vec![0; usize::from(taken) + 1];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        answers.extend_from_slice(&piece[..count]);
        yield_now().await;
    }
    sender.await.expect("the sender does not panic");
    connection.await.expect("the connection does not panic");
    let mut all = Vec::new();
    let mut rest = &answers[..];
    while let Some((head, behind)) = rest.split_at_checked(2) {
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        let Some((frame, behind)) = behind.split_at_checked(length) else { break };
        all.push(frame.to_vec());
        rest = behind;
    }
    (mirror.seen.take(), all, rest.is_empty())
}
