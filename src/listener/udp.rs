//! One UDP socket of one worker: batches in, batches out.

use std::cell::RefCell;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::metrics::{Event, Protocol, WorkerMetrics};
use crate::sys::clock;
use crate::sys::socket::{BATCH, Batch, Outbox, Peer, watch};

use super::{Handler, Incoming, Outcome, ReplyTo};

/// Full batches taken before other tasks of the worker get their turn.
const BATCHES_A_TURN: usize = 4;

/// A socket and the answers that wait to leave by it.
pub struct Socket {
    /// The socket, known to the runtime.
    socket: AsyncFd<UdpSocket>,
    /// Position of its address in the configuration.
    server: u16,
    /// What is received into: one for all of a worker's sockets, of which only one at a time is read.
    batch: Rc<RefCell<Batch>>,
    /// Answers that came later than their batch.
    outbox: RefCell<Outbox>,
    /// Wakes whoever sends them.
    waiting: Notify,
    /// Where failures are counted.
    metrics: Arc<WorkerMetrics>,
}

impl Socket {
    /// Takes a bound, non-blocking socket, and the buffers that it shares with the worker's other sockets. Must be called within the
    /// worker's runtime.
    ///
    /// # Errors
    ///
    /// When the kernel has no room to watch it.
    pub fn new(
        socket: UdpSocket,
        server: u16,
        metrics: Arc<WorkerMetrics>,
        batch: Rc<RefCell<Batch>>,
    ) -> io::Result<Rc<Self>> {
        let socket = watch(socket)?;
        Ok(Rc::new(Self { socket, server, batch, outbox: RefCell::default(), waiting: Notify::new(), metrics }))
    }

    /// Lets an answer leave at the end of this turn.
    pub(super) fn send_later(&self, peer: Peer, limit: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_empty() {
            // The sender runs behind the tasks that are ready now, whose answers leave with this one.
            self.waiting.notify_one();
        }
        outbox.push(peer, limit, write);
    }

    /// Sends late answers for as long as it is polled.
    pub async fn send(self: Rc<Self>) {
        loop {
            self.waiting.notified().await;
            self.flush();
        }
    }

    /// Sends the late answers that wait.
    pub fn flush(&self) {
        let failed = self.outbox.borrow_mut().send(self.socket.get_ref());
        for _ in 0..failed {
            self.metrics.count(Event::SendFailed);
        }
    }

    /// Receives and answers for as long as it is polled.
    pub async fn receive<H: Handler>(self: Rc<Self>, handler: Rc<H>) {
        loop {
            let Ok(mut ready) = self.socket.readable().await else { return };
            // Fewer than asked for: the socket is empty, and the kernel will say when it is not. No need to hear "would block".
            let drained = (0..BATCHES_A_TURN).any(|_| self.round(&handler) < BATCH);
            if drained {
                ready.clear_ready();
            } else {
                // Yielding costs a look at all sockets, which is right now and then, but not after every batch.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Answers what still waits in the kernel, at most so many batches: the last thing before the socket is closed.
    pub fn finish<H: Handler>(self: &Rc<Self>, handler: &Rc<H>) {
        /// More than a socket's buffer holds.
        const ENOUGH: usize = 1024;
        for _ in 0..ENOUGH {
            if self.round(handler) < BATCH {
                break;
            }
        }
    }

    /// Takes one batch and sends the answers known at once; how many datagrams it held.
    #[inline]
    fn round<H: Handler>(self: &Rc<Self>, handler: &Rc<H>) -> usize {
        let mut batch = self.batch.borrow_mut();
        let Ok(count) = batch.receive(self.socket.get_ref().as_fd()) else {
            // Nothing there, or an ICMP error of an earlier answer, which the kernel hands over once.
            return 0;
        };
        let now = clock::coarse();
        for index in 0..count {
            let datagram = batch.datagram(index);
            let peer = datagram.peer;
            let address = peer.address();
            let incoming = Incoming {
                server: self.server,
                protocol: Protocol::Udp,
                client: address.ip(),
                port: address.port(),
                length: datagram.length,
                cut: datagram.cut,
                room: datagram.room,
                now,
            };
            let reply_to = || ReplyTo::Udp { socket: Rc::clone(self), peer };
            if let Outcome::Answer(length) = handler.handle(incoming, &reply_to) {
                batch.answer(index, length);
            }
        }
        for _ in 0..batch.send(self.socket.get_ref().as_fd()) {
            self.metrics.count(Event::SendFailed);
        }
        count
    }
}
