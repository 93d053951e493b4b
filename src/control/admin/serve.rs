//! Connections to the admin socket, and their bounds. What a request means is for whoever implements [`Answers`].

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{ReadHalf, WriteHalf};
use tokio::time::{sleep, timeout};

use super::protocol::{FORBIDDEN, LONGEST_REQUEST, Reply, Request};
use super::socket::{self, Listening};
use crate::log::{LogLimiter, Topic};
use crate::metrics::{Event, Metrics, WorkerMetrics};
use crate::sys::clock;

/// Connections at a time. One person and a script need two or three.
pub(super) const MAX_CONNECTIONS: usize = 8;

/// Time a client has to send a request, from its first byte on, and to take a piece of an answer.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Time a connection may be idle between two requests: `nodens top` asks once a second, a person who has paused it does not ask.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Time without accepting after the kernel could not hand over a connection, so that want of descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes read at a time.
const PIECE: usize = 4096;

/// Answers requests.
pub trait Answers {
    /// Answers one; an error is that of the connection, which ends.
    fn answer(&self, request: Request, line: &mut Line<'_>) -> impl Future<Output = io::Result<()>>;
}

/// Where answers go.
#[derive(Debug)]
pub struct Line<'a> {
    /// To the client.
    to: WriteHalf<'a>,
    /// What is counted.
    counters: &'a WorkerMetrics,
}

impl Line<'_> {
    /// Says one line, and waits until the client takes it.
    ///
    /// # Errors
    ///
    /// When the client is gone, or takes nothing for ten seconds.
    pub async fn say<T: Serialize>(&mut self, reply: &Reply<T>) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(reply).map_err(io::Error::other)?;
        bytes.push(b'\n');
        self.write(&bytes).await
    }

    /// Writes as fast as the client reads.
    async fn write(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            let Ok(written) = timeout(REQUEST_TIMEOUT, self.to.write(rest)).await else {
                self.counters.count(Event::ControlSlow);
                return Err(io::ErrorKind::TimedOut.into());
            };
            rest = rest.get(written?..).unwrap_or_default();
        }
        Ok(())
    }

    /// Says many lines at once.
    ///
    /// # Errors
    ///
    /// As [`Line::say`].
    pub async fn say_all<T: Serialize>(&mut self, all: Vec<T>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for one in all {
            serde_json::to_writer(&mut bytes, &Reply::Ok(one)).map_err(io::Error::other)?;
            bytes.push(b'\n');
        }
        self.write(&bytes).await
    }

    /// Says what is wrong.
    ///
    /// # Errors
    ///
    /// As [`Line::say`].
    pub async fn refuse(&mut self, text: impl Into<String>) -> io::Result<()> {
        self.say(&Reply::<()>::Error(text.into())).await
    }
}

/// Serves a socket for as long as it is polled.
pub async fn serve<A: Answers>(listening: Listening, answers: &A, metrics: &Metrics) {
    let (counters, limiter) = (metrics.main(), Arc::new(LogLimiter::new(metrics.main())));
    let (listener, starter) = match listening.watched() {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "there is no control socket");
            return;
        }
    };
    let mut connections = FuturesUnordered::new();
    loop {
        let accepted = tokio::select! {
            biased;
            // One that has ended makes room for the next.
            Some(()) = connections.next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let is_one_too_many = connections.len() >= MAX_CONNECTIONS;
                let refusal = refusal(&stream, starter, is_one_too_many, &counters, &limiter);
                match refusal {
                    // Short enough for any socket's room, so that nobody has to wait for it.
                    Some(text) => drop(stream.try_write(text.as_bytes())),
                    None => connections.push(converse(stream, answers, &counters)),
                }
            }
            Err(error) => {
                counters.count(Event::AcceptFailed);
                if limiter.admits(Topic::System, clock::coarse()) {
                    tracing::warn!(%error, "cannot accept a connection to the control socket");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What somebody who is not let in is told.
fn refusal(
    stream: &UnixStream,
    starter: u32,
    is_one_too_many: bool,
    counters: &WorkerMetrics,
    limiter: &LogLimiter,
) -> Option<String> {
    let text = match socket::stranger(stream, starter) {
        Ok(None) if !is_one_too_many => return None,
        Ok(None) => {
            counters.count(Event::ControlFull);
            format!("{MAX_CONNECTIONS} connections are open already; end one, or wait until one is idle for too long")
        }
        Ok(Some(user)) => {
            counters.count(Event::ControlForbidden);
            if limiter.admits(Topic::System, clock::coarse()) {
                tracing::warn!(user, "a user came to the control socket who may not");
            }
            format!("{FORBIDDEN}user {user} may not ask here; only root and the user who runs nodens may (sudo)")
        }
        Err(error) => format!("the kernel does not say who you are: {error}"),
    };
    let reply = serde_json::to_string(&Reply::<()>::Error(text)).unwrap_or_default();
    Some(reply + "\n")
}

/// Why no request comes any more.
enum Over {
    /// The client is gone, or has been idle for too long.
    Gone,
    /// It did something that it is told of.
    Wrong(Event, &'static str),
}

/// Serves one connection to its end.
async fn converse<A: Answers>(mut stream: UnixStream, answers: &A, counters: &WorkerMetrics) {
    let (mut from, to) = stream.split();
    let mut line = Line { to, counters };
    let mut room = Vec::new();
    loop {
        let request = match request(&mut from, &mut room).await {
            Ok(request) => request,
            Err(Over::Gone) => return,
            Err(Over::Wrong(event, text)) => {
                counters.count(event);
                let _ = line.refuse(text).await;
                return;
            }
        };
        let answered = match serde_json::from_slice::<Request>(&request) {
            Ok(request) => answers.answer(request, &mut line).await,
            Err(error) => {
                counters.count(Event::ControlMalformed);
                line.refuse(format!("not a request of this version ({}): {error}", env!("CARGO_PKG_VERSION"))).await
            }
        };
        if answered.is_err() {
            return;
        }
    }
}

/// The next line. `room` is what was read behind the last one.
async fn request(from: &mut ReadHalf<'_>, room: &mut Vec<u8>) -> Result<Vec<u8>, Over> {
    let mut looked_at = 0;
    if room.is_empty() {
        // Nothing is begun yet, so that this is no slow client.
        match timeout(IDLE_TIMEOUT, read(from, room)).await {
            Ok(Ok(1..)) => {}
            _ => return Err(Over::Gone),
        }
    }
    let whole = async {
        loop {
            if let Some(at) = room[looked_at..].iter().position(|byte| *byte == b'\n') {
                let rest = room.split_off(looked_at + at + 1);
                return Ok(std::mem::replace(room, rest));
            }
            looked_at = room.len();
            if looked_at > LONGEST_REQUEST {
                return Err(Over::Wrong(Event::ControlLong, "a request has at most 64 KiB"));
            }
            match read(from, room).await {
                Ok(1..) => {}
                _ => return Err(Over::Gone),
            }
        }
    };
    timeout(REQUEST_TIMEOUT, whole)
        .await
        .unwrap_or(Err(Over::Wrong(Event::ControlSlow, "a request has ten seconds from its first byte on")))
}

/// Reads a piece to the end of `room`; how many bytes.
async fn read(from: &mut ReadHalf<'_>, room: &mut Vec<u8>) -> io::Result<usize> {
    let before = room.len();
    room.resize(before + PIECE, 0);
    let outcome = from.read(&mut room[before..]).await;
    room.truncate(before + *outcome.as_ref().unwrap_or(&0));
    outcome
}
