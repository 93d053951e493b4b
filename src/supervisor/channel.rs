//! What supervisor and worker, and an old and a new supervisor, say to each other.
//!
//! One message is one packet of a Unix socket: a byte that says which, what it says, and descriptors that it brings. Neither end takes
//! anything on trust: what it does not understand is an error, which ends the conversation and never the process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::unix::AsyncFd;

use crate::sys::parcel::{self, MOST_DESCRIPTORS, Parcel};
use crate::sys::socket::watch_descriptor;

/// Letters of a SHA-256 in hexadecimal.
const HASH: usize = 64;

/// One thing to say.
#[derive(Debug)]
pub enum Message {
    /// Supervisors: the version of what follows; first of all, from both.
    Hello(u16),
    /// Listening sockets; there may be several of these.
    Sockets(Vec<OwnedFd>),
    /// All sockets are there. The answers of whoever held them before, if it left any, as a snapshot of the cache.
    Begin(Option<OwnedFd>),
    /// What the supervisor counts, by number.
    Figures(Vec<u64>),
    /// To the worker: the admin socket, and the user that started the daemon.
    Control(OwnedFd, u32),
    /// To the worker: read the configuration again.
    Reload,
    /// To the worker: answer what is in hand, then end.
    Stop,
    /// To the worker: leave the answers now.
    Keep,
    /// To the worker: as `Stop`, and leave the connections, each as soon as nothing of it is in hand.
    Leave,
    /// From the worker: every listener has just answered and every thread is at work.
    Beat,
    /// From the worker: it has read the configuration again, with whatever outcome.
    Reloaded,
    /// From the worker: the SHA-256, in hexadecimal, of the document that it goes by from now on.
    InForce(String),
    /// To the worker, before `Begin`: the document that the one before it went by, if what is read now should have mistakes.
    Document(OwnedFd),
    /// From the worker: its answers.
    Kept(OwnedFd),
    /// A client's connection, and what was read of a message that is not yet whole.
    Connection(OwnedFd, Vec<u8>),
    /// Between supervisors: the new one answers, the old one shall leave.
    Taken,
    /// Between supervisors: the old one has nothing in hand any more.
    Gone,
}

impl Message {
    /// The byte that says which.
    fn tag(&self) -> u8 {
        match self {
            Self::Hello(_) => b'H',
            Self::Sockets(_) => b'L',
            Self::Begin(_) => b'B',
            Self::Figures(_) => b'F',
            Self::Control(..) => b'A',
            Self::Reload => b'R',
            Self::Stop => b'S',
            Self::Keep => b'K',
            Self::Leave => b'V',
            Self::Beat => b'*',
            Self::Reloaded => b'r',
            Self::InForce(_) => b'I',
            Self::Document(_) => b'D',
            Self::Kept(_) => b'k',
            Self::Connection(..) => b'C',
            Self::Taken => b'T',
            Self::Gone => b'G',
        }
    }

    /// All its bytes.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.tag()];
        bytes.extend(self.text());
        bytes
    }

    /// What it says behind the tag.
    fn text(&self) -> Vec<u8> {
        match self {
            Self::Hello(version) => version.to_be_bytes().to_vec(),
            Self::Figures(figures) => figures.iter().flat_map(|figure| figure.to_be_bytes()).collect(),
            Self::InForce(hash) => hash.as_bytes().to_vec(),
            Self::Control(_, user) => user.to_be_bytes().to_vec(),
            Self::Connection(_, begun) => begun.clone(),
            _ => Vec::new(),
        }
    }

    /// What it brings.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Sockets(sockets) => sockets.iter().map(AsFd::as_fd).collect(),
            Self::Begin(snapshot) => snapshot.iter().map(AsFd::as_fd).collect(),
            Self::Kept(descriptor)
            | Self::Document(descriptor)
            | Self::Connection(descriptor, _)
            | Self::Control(descriptor, _) => vec![descriptor.as_fd()],
            _ => Vec::new(),
        }
    }

    /// Reads one.
    fn read(parcel: Parcel) -> Option<Self> {
        let Parcel { bytes, mut descriptors } = parcel;
        let (tag, text) = bytes.split_first()?;
        let message = match (tag, text.len(), descriptors.len()) {
            (b'H', 2, 0) => Self::Hello(u16::from_be_bytes(text.try_into().ok()?)),
            (b'L', 0, _) => return Some(Self::Sockets(descriptors)),
            (b'B', 0, 0 | 1) => Self::Begin(descriptors.pop()),
            (b'F', length, 0) if length % 8 == 0 => {
                Self::Figures(text.as_chunks::<8>().0.iter().map(|figure| u64::from_be_bytes(*figure)).collect())
            }
            (b'A', 4, 1) => Self::Control(descriptors.pop()?, u32::from_be_bytes(text.try_into().ok()?)),
            (b'R', 0, 0) => Self::Reload,
            (b'S', 0, 0) => Self::Stop,
            (b'K', 0, 0) => Self::Keep,
            (b'V', 0, 0) => Self::Leave,
            (b'*', 0, 0) => Self::Beat,
            (b'r', 0, 0) => Self::Reloaded,
            (b'I', HASH, 0) => Self::InForce(String::from_utf8(text.to_vec()).ok()?),
            (b'D', 0, 1) => Self::Document(descriptors.pop()?),
            (b'k', 0, 1) => Self::Kept(descriptors.pop()?),
            (b'C', _, 1) => Self::Connection(descriptors.pop()?, text.to_vec()),
            (b'T', 0, 0) => Self::Taken,
            (b'G', 0, 0) => Self::Gone,
            _ => return None,
        };
        Some(message)
    }
}

/// One end, before there is an event loop.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Two ends.
    ///
    /// # Errors
    ///
    /// When the process may have no more descriptors.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = parcel::pair()?;
        Ok((Self(ours), theirs))
    }

    /// An end that somebody gave us.
    #[must_use]
    pub fn of(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Waits for a message, at most so long; `None` when the other end is gone.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`], [`io::ErrorKind::InvalidData`] for what is no message, else as the kernel says.
    pub fn receive_within(&self, milliseconds: u16) -> io::Result<Option<Message>> {
        let mut ends = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ends, PollTimeout::from(milliseconds))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        receive(&self.0)
    }

    /// The end within an event loop. Must be called within it.
    ///
    /// # Errors
    ///
    /// When the kernel has no room to watch it.
    pub fn watched(self) -> io::Result<Conversation> {
        Ok(Conversation { end: watch_descriptor(self.0)? })
    }
}

/// One end, within an event loop.
#[derive(Debug)]
pub struct Conversation {
    /// The socket.
    end: AsyncFd<OwnedFd>,
}

impl Conversation {
    /// Waits for a message; `None` when the other end is gone. May be dropped at any time.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] for what is no message, else as the kernel says.
    pub async fn receive(&self) -> io::Result<Option<Message>> {
        loop {
            let mut ready = self.end.readable().await?;
            if let Ok(outcome) = ready.try_io(receive) {
                return outcome;
            }
        }
    }

    /// Says something.
    ///
    /// # Errors
    ///
    /// When the other end is gone.
    pub async fn say(&self, message: &Message) -> io::Result<()> {
        let bytes = message.bytes();
        let descriptors = message.descriptors();
        // At least one message, if it brings none at all.
        let mut rest = descriptors.as_slice();
        loop {
            let (part, behind) = rest.split_at(rest.len().min(MOST_DESCRIPTORS));
            loop {
                let mut ready = self.end.writable().await?;
                match ready.try_io(|end| parcel::send(end, &bytes, part)) {
                    Ok(Ok(())) => break,
                    Ok(Err(error)) => return Err(error),
                    Err(_would_block) => {}
                }
            }
            rest = behind;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Says something that may be lost when the other end does not read just now.
    pub fn mention(&self, message: &Message) {
        let _ = parcel::send(&self.end, &message.bytes(), &message.descriptors());
    }
}

/// Receives what is there.
fn receive<E: AsFd>(end: &E) -> io::Result<Option<Message>> {
    let received = match parcel::receive(end) {
        // It went without having heard all that was said to it; what it said itself before that is still there.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => parcel::receive(end)?,
        received => received?,
    };
    let Some(parcel) = received else { return Ok(None) };
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "not a message of this version");
    Message::read(parcel).map(Some).ok_or_else(strange)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ends in an event loop.
    fn ends() -> (Conversation, Conversation) {
        let (ours, theirs) = Channel::pair().unwrap();
        (ours.watched().unwrap(), Channel::of(theirs).watched().unwrap())
    }

    /// A descriptor of no meaning.
    fn some() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    #[tokio::test]
    async fn every_message_is_understood_as_it_was_said() {
        let (ours, theirs) = ends();
        let messages = [
            Message::Hello(1),
            Message::Sockets(vec![some(), some()]),
            Message::Begin(None),
            Message::Begin(Some(some())),
            Message::Figures(vec![0, u64::MAX]),
            Message::Control(some(), 65_532),
            Message::Reload,
            Message::Stop,
            Message::Keep,
            Message::Leave,
            Message::Beat,
            Message::Reloaded,
            Message::InForce("0a".repeat(32)),
            Message::Document(some()),
            Message::Kept(some()),
            Message::Connection(some(), b"\x00\x10half".to_vec()),
            Message::Taken,
            Message::Gone,
        ];
        for message in &messages {
            ours.say(message).await.unwrap();
            let heard = theirs.receive().await.unwrap().unwrap();
            assert_eq!((heard.tag(), heard.text()), (message.tag(), message.text()));
            assert_eq!(heard.descriptors().len(), message.descriptors().len(), "{message:?}");
        }
        drop(ours);
        assert!(theirs.receive().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn many_sockets_go_in_several_messages() {
        let (ours, theirs) = ends();
        ours.say(&Message::Sockets((0..MOST_DESCRIPTORS + 2).map(|_| some()).collect())).await.unwrap();
        ours.say(&Message::Begin(None)).await.unwrap();
        let mut count = 0;
        while let Some(Message::Sockets(sockets)) = theirs.receive().await.unwrap() {
            count += sockets.len();
        }
        assert_eq!(count, MOST_DESCRIPTORS + 2);
    }

    #[tokio::test]
    async fn what_was_said_before_the_end_is_heard_even_if_the_other_did_not_listen() {
        let (ours, theirs) = ends();
        ours.say(&Message::Keep).await.unwrap();
        theirs.say(&Message::Beat).await.unwrap();
        drop(theirs);
        assert!(matches!(ours.receive().await.unwrap(), Some(Message::Beat)));
        assert!(ours.receive().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_no_message_is_an_error() {
        let (ours, theirs) = ends();
        for bytes in [&b"?"[..], b"H\x01", b"F1234567", b"Rx", b"k", b"C", b"A\0\0\0\0"] {
            parcel::send(&ours.end, bytes, &[]).unwrap();
            assert_eq!(theirs.receive().await.unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
    }
}
