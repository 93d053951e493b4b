//! One connection in memory: what a client of TCP sees of it, and where its messages go.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::u16_at;

use super::server::Server;

/// The server's side of a connection.
pub(super) struct Line {
    /// Who is at its other end.
    server: Rc<Server>,
    /// Bytes that have arrived at the client and were not read.
    arrived: RefCell<Vec<u8>>,
    /// Bytes from the client that make no whole message yet.
    partial: RefCell<Vec<u8>>,
    /// Wakes the client.
    reader: RefCell<Option<Waker>>,
    /// How it ended, if it did; `None` within is FIN.
    end: Cell<Option<Option<io::ErrorKind>>>,
    /// Whether the client has let it go.
    left: Cell<bool>,
}

impl Line {
    /// A connection to `server` and the client's end of it.
    pub(super) fn open(server: &Rc<Server>) -> (Rc<Self>, Stream) {
        let line = Rc::new(Self {
            server: Rc::clone(server),
            arrived: RefCell::default(),
            partial: RefCell::default(),
            reader: RefCell::default(),
            end: Cell::default(),
            left: Cell::new(false),
        });
        (Rc::clone(&line), Stream(line))
    }

    /// Whether anything still comes through.
    pub(super) fn is_open(&self) -> bool {
        self.end.get().is_none() && !self.left.get()
    }

    /// Lets bytes arrive at the client.
    pub(super) fn deliver(&self, bytes: &[u8]) {
        if self.is_open() {
            self.arrived.borrow_mut().extend_from_slice(bytes);
            self.wake();
        }
    }

    /// Ends it: orderly, behind what has arrived, or with an error.
    pub(super) fn finish(&self, error: Option<io::ErrorKind>) {
        if self.end.get().is_none() {
            self.end.set(Some(error));
            self.wake();
        }
    }

    /// Lets the client look.
    fn wake(&self) {
        if let Some(waker) = self.reader.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// The client's end.
pub(super) struct Stream(Rc<Line>);

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = &self.0;
        if let Some(Some(error)) = line.end.get() {
            return Poll::Ready(Err(error.into()));
        }
        let mut arrived = line.arrived.borrow_mut();
        if !arrived.is_empty() {
            let count = arrived.len().min(room.remaining());
            room.put_slice(&arrived[..count]);
            arrived.drain(..count);
            return Poll::Ready(Ok(()));
        }
        if line.end.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        *line.reader.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let line = &self.0;
        if let Some(Some(error)) = line.end.get() {
            return Poll::Ready(Err(error.into()));
        }
        let mut partial = line.partial.borrow_mut();
        partial.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(length) = u16_at(&partial, start) {
            let end = start + 2 + usize::from(length);
            let Some(message) = partial.get(start + 2..end) else { break };
            Server::take(&line.server, line, message.to_vec());
            start = end;
        }
        partial.drain(..start);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.left.set(true);
    }
}
