//! The task that owns the stream of a connection, TCP or TLS.
//!
//! It writes what has gathered since its last turn in one piece, so that queries made in the same turn of the worker share a segment, takes
//! apart whatever one read brings, and closes what was unused for too long or is out of step. Why a connection ended is counted here.

use std::future::Future;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_rustls::client::TlsStream;

use crate::metrics::UpstreamEvent;
use crate::sys::clock;
use crate::wire::header::MAX_MESSAGE;
use crate::wire::u16_at;

use super::connection::Connection;
use super::dial::{Link, Stream};
use super::error::UpstreamError;

/// Bytes read at once to begin with; about a hundred answers.
const INPUT: usize = 16 << 10;

/// Reads in one turn before others get theirs.
const READS_A_TURN: usize = 8;

/// A stream that takes framed messages.
pub(super) trait Carrier: Stream {
    /// Takes as many of the bytes as it has room for; they leave at the next flush.
    fn poll_carry(&mut self, context: &mut Context<'_>, frames: &[u8]) -> Poll<io::Result<usize>>;
}

impl Carrier for Link {
    fn poll_carry(&mut self, context: &mut Context<'_>, frames: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write(context, frames)
    }
}

impl Carrier for TlsStream<Link> {
    /// Each message gets a TLS record of its own, all of them one write to the socket. Sharing a record would be a little cheaper, but there
    /// are servers that answer the first message of a record and forget the others until more bytes come (dnsdist 1.7 without `maxInFlight`).
    fn poll_carry(&mut self, context: &mut Context<'_>, frames: &[u8]) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        while let Some(length) = u16_at(frames, taken) {
            let end = frames.len().min(taken + 2 + usize::from(length));
            let count = self.get_mut().1.writer().write(&frames[taken..end])?;
            taken += count;
            if taken < end {
                break;
            }
        }
        if taken > 0 {
            return Poll::Ready(Ok(taken));
        }
        // No room, or the rest of a frame whose beginning went before: what is in the session has to leave first.
        match Pin::new(&mut *self).poll_flush(context) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(self.get_mut().1.writer().write(frames)?)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The task that owns the stream; ends when the connection does.
pub(super) struct Driver {
    /// The askers' side.
    connection: Rc<Connection>,
    /// The stream.
    stream: Box<dyn Carrier>,
    /// Bytes being written.
    writing: Vec<u8>,
    /// How many of them are.
    written: usize,
    /// Whether bytes were written and not flushed.
    unflushed: bool,
    /// Room to read into.
    input: Vec<u8>,
    /// Bytes in it that make no whole message yet.
    filled: usize,
    /// Fires when the connection may have been unused for too long.
    idle: Pin<Box<Sleep>>,
    /// The time it was set for.
    patience: Duration,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The server closed it.
    Peer,
    /// It broke.
    Broken(UpstreamError),
    /// What came on it is not made of answers.
    Garbled,
    /// We closed it: unused, drained or told to.
    Us,
}

impl Driver {
    /// A driver for a fresh stream.
    pub(super) fn new(connection: Rc<Connection>, stream: Box<dyn Carrier>) -> Self {
        let patience = connection.idle_limit();
        let idle = Box::pin(tokio::time::sleep(patience));
        let input = vec![0; INPUT];
        Self { connection, stream, writing: Vec::new(), written: 0, unflushed: false, input, filled: 0, idle, patience }
    }

    /// Runs the connection to its end and counts why it ended.
    pub(super) async fn run(mut self) {
        let end = std::future::poll_fn(|context| self.turn(context)).await;
        let connection = Rc::clone(&self.connection);
        let unanswered = connection.awaited() > 0;
        let unused = clock::now().since(connection.last_use());
        // Bytes that nobody acknowledges tell of the network, not of the server's patience.
        if !unanswered && !matches!(end, End::Us | End::Garbled | End::Broken(UpstreamError::Timeout)) {
            connection.learned.closed_after(unused);
        }
        connection.learned.count(match end {
            End::Us => connection.reason.get().unwrap_or(UpstreamEvent::ClosedIdleByUs),
            End::Peer if !unanswered => UpstreamEvent::ClosedIdleByPeer,
            End::Broken(UpstreamError::Timeout) => UpstreamEvent::ClosedTimeout,
            End::Broken(UpstreamError::Tls(_)) => UpstreamEvent::ClosedTls,
            End::Garbled => UpstreamEvent::ClosedGarbled,
            End::Peer | End::Broken(_) => UpstreamEvent::ClosedBroken,
        });
        connection.closed.set(true);
        connection.fail_all(match end {
            End::Broken(error) => error,
            End::Peer | End::Us | End::Garbled => UpstreamError::Closed,
        });
        if matches!(end, End::Us | End::Garbled) {
            // close_notify and FIN; a peer that does not take them is not waited for.
            let _ = tokio::time::timeout(
                Duration::from_secs(1),
                std::future::poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context)),
            )
            .await;
        }
        connection.learned.connection_closed(connection.sent.get());
    }

    /// Does what can be done now.
    fn turn(&mut self, context: &mut Context<'_>) -> Poll<End> {
        *self.connection.driver.borrow_mut() = Some(context.waker().clone());
        if self.connection.closed.get() {
            return Poll::Ready(End::Us);
        }
        if let Poll::Ready(end) = self.write(context) {
            return Poll::Ready(end);
        }
        if let Poll::Ready(end) = self.read(context) {
            return Poll::Ready(end);
        }
        let drained = self.connection.draining.get() && self.connection.awaited() == 0;
        if drained || self.is_unused(context) { Poll::Ready(End::Us) } else { Poll::Pending }
    }

    /// Writes what has gathered.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<End> {
        loop {
            if self.written == self.writing.len() {
                self.writing.clear();
                self.written = 0;
                std::mem::swap(&mut self.writing, &mut *self.connection.outgoing.borrow_mut());
                if self.writing.is_empty() {
                    break;
                }
            }
            match self.stream.poll_carry(context, &self.writing[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(End::Broken(UpstreamError::Closed)),
                Poll::Ready(Ok(count)) => (self.written, self.unflushed) = (self.written + count, true),
                Poll::Ready(Err(error)) => return Poll::Ready(End::Broken(super::tls::classify(&error))),
                Poll::Pending => return Poll::Pending,
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(End::Broken(super::tls::classify(&error))),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    /// Reads what is there and delivers every whole message of it.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<End> {
        for _ in 0..READS_A_TURN {
            let mut room = ReadBuf::new(&mut self.input[self.filled..]);
            match Pin::new(&mut self.stream).poll_read(context, &mut room) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(End::Broken(super::tls::classify(&error))),
                Poll::Ready(Ok(())) => {}
            }
            let count = room.filled().len();
            if count == 0 {
                return Poll::Ready(End::Peer);
            }
            self.filled += count;
            if !self.take_messages() {
                return Poll::Ready(End::Garbled);
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Delivers the whole messages in `input` and moves the rest to its beginning; `false` if the server is out of step: what came is no
    /// answer, or begins one although every query has its own.
    fn take_messages(&mut self) -> bool {
        let mut start = 0;
        let mut wanted = 2;
        while let Some(length) = u16_at(&self.input[..self.filled], start) {
            let end = start + 2 + usize::from(length);
            if end > self.filled {
                wanted = end - start;
                break;
            }
            if !self.connection.deliver(&self.input[start + 2..end]) {
                return false;
            }
            start = end;
        }
        self.input.copy_within(start..self.filled, 0);
        self.filled -= start;
        // Only a message larger than the room makes it grow, and not beyond the largest message.
        if wanted > self.input.len() {
            self.input.resize(wanted.min(MAX_MESSAGE + 2), 0);
        }
        self.filled == 0 || self.connection.in_flight() > 0
    }

    /// Whether it has been unused for too long.
    fn is_unused(&mut self, context: &mut Context<'_>) -> bool {
        let limit = self.connection.idle_limit();
        if limit < self.patience {
            // The server has let us know since the timer was set.
            self.idle.as_mut().reset(Instant::now());
        }
        self.patience = limit;
        while self.idle.as_mut().poll(context).is_ready() {
            let unused = clock::now().since(self.connection.last_use());
            let busy = self.connection.awaited() > 0;
            if !busy && unused >= limit {
                if self.connection.is_suspected() {
                    self.connection.reason.set(Some(UpstreamEvent::ClosedSilent));
                }
                return true;
            }
            let rest = if busy { limit } else { limit - unused };
            self.idle.as_mut().reset(Instant::now() + rest.max(Duration::from_millis(1)));
        }
        false
    }
}
