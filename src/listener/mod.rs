//! Step 1: queries come in, answers go out.
//!
//! ```text
//! udp: recvmmsg ─► handler ─► sendmmsg           (hits, in one batch)
//!                     └─ later ─► outbox ─► sendmmsg   (misses, together at the end of the worker's turn)
//! tcp: read ─► frames ─► handler ─► one write
//! ```
//!
//! A listener knows messages, not DNS: a [`Handler`] looks at each and says what becomes of it. Connections are bounded in all, per client,
//! in queries waiting and in bytes unread. RFC 1035 section 4.2, RFC 7766.
//!
//! - [`udp`] datagrams.
//! - [`tcp`] connections.
//! - [`limits`] how many of them.
//! - [`sockets`] where: bound, or taken over.

pub mod limits;
pub mod sockets;
pub mod tcp;
pub mod udp;

use std::net::IpAddr;
use std::rc::Rc;

use crate::metrics::Protocol;
use crate::sys::clock::Moment;
use crate::sys::socket::Peer;

/// A message that came in.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Position of the listen address in the configuration.
    pub server: u16,
    /// How it came.
    pub protocol: Protocol,
    /// Who sent it.
    pub client: IpAddr,
    /// The port that it sent it from.
    pub port: u16,
    /// The message, and behind it room for an answer.
    pub room: &'a mut [u8],
    /// Bytes of the message.
    pub length: usize,
    /// Whether the message was longer than the room.
    pub cut: bool,
    /// When it was read.
    pub now: Moment,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many bytes of the room are its answer.
    Answer(usize),
    /// The handler took the [`ReplyTo`] and will answer by it.
    Later,
    /// Nothing: it is not worth an answer.
    Drop,
}

/// Who looks at messages.
pub trait Handler: 'static {
    /// Looks at one. `reply_to` makes the way back for an answer that comes later; it is called at most once, and only when the outcome is
    /// [`Outcome::Later`].
    fn handle(self: &Rc<Self>, incoming: Incoming<'_>, reply_to: &dyn Fn() -> ReplyTo) -> Outcome;
}

/// What a test does with an answer.
#[cfg(test)]
pub(crate) type Taker = Box<dyn FnOnce(&[u8])>;

/// The way back to a client.
pub enum ReplyTo {
    /// A datagram.
    Udp {
        /// From where.
        socket: Rc<udp::Socket>,
        /// To whom.
        peer: Peer,
    },
    /// A connection.
    Tcp(tcp::Ticket),
    /// Whoever a test has put in the client's place.
    #[cfg(test)]
    Test(Taker),
}

impl ReplyTo {
    /// Sends an answer: `write` fills at most `limit` bytes and says how many it used.
    pub fn send(self, limit: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        match self {
            Self::Udp { socket, peer } => socket.send_later(peer, limit, write),
            Self::Tcp(ticket) => ticket.send(limit, write),
            #[cfg(test)]
            Self::Test(take) => {
                let mut room = vec![0; limit];
                let used = write(&mut room);
                take(&room[..used]);
            }
        }
    }
}
