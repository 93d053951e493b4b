//! The kernel's packet filter by netlink: a socket that tells and asks it, and one that hears of changes.
//!
//! Messages are bytes here; what they say is for `node` to know. The kernel works on a message while it is being sent, so that its answer
//! is there when the sending returns: nothing here waits, and nothing here has to be polled. See RFC 3549 and linux/netfilter/nfnetlink.h.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname, recv, send, setsockopt,
    socket, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Bytes of a message's header: `struct nlmsghdr`.
pub const HEADER: usize = 16;

/// Bytes behind it that every message to the packet filter has: `struct nfgenmsg`.
pub const PREFIX: usize = 4;

/// The type of a message that carries an error, or none: `NLMSG_ERROR`.
const ERROR: u16 = 2;

/// The type of the message that ends a dump: `NLMSG_DONE`.
const DONE: u16 = 3;

/// `NLM_F_REQUEST`
const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`
const ACKNOWLEDGE: u16 = 0x4;
/// `NLM_F_DUMP_INTR`: something changed during the dump.
const INTERRUPTED: u16 = 0x10;
/// `NLM_F_DUMP`
const DUMP: u16 = 0x300;

/// `NFNL_MSG_BATCH_BEGIN`
const BATCH_BEGIN: u16 = 0x10;
/// `NFNL_MSG_BATCH_END`
const BATCH_END: u16 = 0x11;
/// `NFNL_SUBSYS_NFTABLES`, which the batch is for.
const NFTABLES: u16 = 10;
/// `NFNLGRP_NFTABLES`, as a bit.
const GROUP_NFTABLES: u32 = 1 << (7 - 1);

/// The longest that the kernel puts into one datagram, with room to spare.
const LONGEST: usize = 128 << 10;

/// A message of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `nlmsg_type`
    pub kind: u16,
    /// `nlmsg_pid`: the port of the socket whose request caused it.
    pub port: u32,
    /// What follows `struct nfgenmsg`: attributes.
    pub attributes: Vec<u8>,
}

/// A socket to the packet filter of the network namespace in which it was made.
#[derive(Debug)]
pub struct Netfilter {
    /// The socket.
    socket: OwnedFd,
    /// Its netlink port.
    port: u32,
    /// The number of the last message sent.
    sequence: u32,
    /// What is received.
    buffer: Vec<u8>,
}

/// A socket that does not block, in these multicast groups.
fn open(groups: u32) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkNetFilter)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(socket)
}

impl Netfilter {
    /// A new one.
    ///
    /// # Errors
    ///
    /// If the kernel has no netlink socket for the packet filter.
    pub fn new() -> io::Result<Self> {
        let socket = open(0)?;
        // A batch is one datagram.
        setsockopt(&socket, sockopt::SndBuf, &(1 << 20))?;
        let address: NetlinkAddr = getsockname(socket.as_raw_fd())?;
        Ok(Self { socket, port: address.pid(), sequence: 0, buffer: vec![0; LONGEST] })
    }

    /// Its netlink port: notices of what it did carry this number.
    #[must_use]
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Does all that these messages say, or nothing.
    ///
    /// # Errors
    ///
    /// The first that the kernel gives; then nothing was done.
    pub fn transact(&mut self, messages: &[Vec<u8>]) -> io::Result<()> {
        let Some(last) = messages.len().checked_sub(1) else { return Ok(()) };
        self.drain();
        let mut batch = bracket(BATCH_BEGIN, self.number());
        let mut awaited = 0;
        for (position, message) in messages.iter().enumerate() {
            awaited = self.number();
            // The answer to the last one comes when all is done; an error comes unasked.
            let flags = REQUEST | if position == last { ACKNOWLEDGE } else { 0 };
            stamped(&mut batch, message, flags, awaited);
        }
        batch.extend(bracket(BATCH_END, self.number()));
        self.send(&batch)?;
        let mut is_done = false;
        while let Some(answers) = self.receive()? {
            for (header, body) in answers {
                if header.kind == ERROR {
                    result(&body)?;
                    is_done |= header.sequence == awaited;
                }
            }
        }
        if is_done { Ok(()) } else { Err(io::Error::other("the kernel gave no answer")) }
    }

    /// Asks for one thing.
    ///
    /// # Errors
    ///
    /// If it is not there (`NotFound`), or must not be seen.
    pub fn get(&mut self, message: &[u8]) -> io::Result<Answer> {
        self.ask(message, 0)?.into_iter().next().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Asks for all of a kind.
    ///
    /// # Errors
    ///
    /// If that is not there, must not be seen, or changes while it is looked at (`Interrupted`).
    pub fn dump(&mut self, message: &[u8]) -> io::Result<Vec<Answer>> {
        self.ask(message, DUMP)
    }

    /// Sends a request and takes the answers.
    fn ask(&mut self, message: &[u8], flags: u16) -> io::Result<Vec<Answer>> {
        self.drain();
        let mut request = Vec::with_capacity(message.len());
        let number = self.number();
        stamped(&mut request, message, REQUEST | flags, number);
        self.send(&request)?;
        let mut found = Vec::new();
        while let Some(answers) = self.receive()? {
            for (header, body) in answers {
                if header.flags & INTERRUPTED != 0 && flags & DUMP != 0 {
                    self.drain();
                    return Err(io::ErrorKind::Interrupted.into());
                }
                match header.kind {
                    ERROR => result(&body)?,
                    DONE => return Ok(found),
                    _ => found.push(header.answer(&body)),
                }
            }
        }
        Ok(found)
    }

    /// The number of the next message.
    fn number(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends one datagram.
    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        send(self.socket.as_raw_fd(), bytes, MsgFlags::empty())?;
        Ok(())
    }

    /// Forgets answers to what was given up.
    fn drain(&mut self) {
        while matches!(self.receive(), Ok(Some(_))) {}
    }

    /// The messages of the next datagram; `None` if there is none.
    fn receive(&mut self) -> io::Result<Option<Datagram>> {
        receive(&self.socket, &mut self.buffer)
    }
}

/// The messages of the next datagram of a socket; `None` if there is none.
fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
    loop {
        match recv(socket.as_raw_fd(), buffer, MsgFlags::empty()) {
            Ok(length) => return Ok(Some(messages(buffer.get(..length).unwrap_or_default()))),
            Err(nix::Error::EAGAIN) => return Ok(None),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The messages of a datagram: header and what follows it.
type Datagram = Vec<(Header, Vec<u8>)>;

/// `struct nlmsghdr`, without the length.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// `nlmsg_type`
    kind: u16,
    /// `nlmsg_flags`
    flags: u16,
    /// `nlmsg_seq`
    sequence: u32,
    /// `nlmsg_pid`
    port: u32,
}

impl Header {
    /// A message of the packet filter.
    fn answer(self, body: &[u8]) -> Answer {
        Answer { kind: self.kind, port: self.port, attributes: body.get(PREFIX..).unwrap_or_default().to_vec() }
    }
}

/// The messages of a datagram: header and what follows it.
fn messages(mut bytes: &[u8]) -> Datagram {
    let mut found = Vec::new();
    while let Some((head, _)) = bytes.split_first_chunk::<HEADER>() {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *head;
        let length = usize::try_from(u32::from_ne_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some(body) = bytes.get(HEADER..length) else { break };
        let header = Header {
            kind: u16::from_ne_bytes([e, f]),
            flags: u16::from_ne_bytes([g, h]),
            sequence: u32::from_ne_bytes([i, j, k, l]),
            port: u32::from_ne_bytes([m, n, o, p]),
        };
        found.push((header, body.to_vec()));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// The result in the body of an error message.
fn result(body: &[u8]) -> io::Result<()> {
    match body.first_chunk::<4>().map(|code| i32::from_ne_bytes(*code)) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::other("the kernel's answer is too short")),
    }
}

/// The message that begins or ends a batch.
fn bracket(kind: u16, number: u32) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes.extend([0, 0]);
    bytes.extend(NFTABLES.to_be_bytes());
    let mut whole = Vec::new();
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    stamped(&mut whole, &bytes, REQUEST, number);
    whole
}

/// Appends a message with its length, its number and more flags.
fn stamped(to: &mut Vec<u8>, message: &[u8], flags: u16, number: u32) {
    let start = to.len();
    to.extend(message);
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    if let Some(header) = to.get_mut(start..).and_then(|bytes| bytes.first_chunk_mut::<HEADER>()) {
        let own = u16::from_ne_bytes([header[6], header[7]]);
        header[..4].copy_from_slice(&length.to_ne_bytes());
        header[6..8].copy_from_slice(&(own | flags).to_ne_bytes());
        header[8..12].copy_from_slice(&number.to_ne_bytes());
    }
}

//------ Notices -------------------------------------------------------------

/// Hears of every change of the packet filter.
#[derive(Debug)]
pub struct Notices {
    /// The socket, within the event loop.
    socket: AsyncFd<Listener>,
    /// What is received.
    buffer: Vec<u8>,
}

/// The socket in the form that the event loop takes.
#[derive(Debug)]
struct Listener(OwnedFd);

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Notices {
    /// A new one. Must be made within an event loop.
    ///
    /// # Errors
    ///
    /// If the kernel has no such notices, or we must not hear them.
    #[expect(unsafe_code, reason = "AsyncFd cannot know that the descriptor stays the socket's own")]
    pub fn new() -> io::Result<Self> {
        let listener = Listener(open(GROUP_NFTABLES)?);
        // SAFETY: the `Listener` owns an open descriptor, which is always the same and closed only when it is dropped; `AsyncFd` owns the
        // `Listener`, and nothing here replaces it.
        let socket = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?;
        Ok(Self { socket, buffer: vec![0; LONGEST] })
    }

    /// Waits for notices; empty if some were lost. May be dropped at any time.
    ///
    /// # Errors
    ///
    /// If the socket fails.
    pub async fn next(&mut self) -> io::Result<Vec<Answer>> {
        loop {
            let mut ready = self.socket.readable().await?;
            match receive(&self.socket.get_ref().0, &mut self.buffer) {
                Ok(Some(messages)) => {
                    return Ok(messages.iter().map(|(header, body)| header.answer(body)).collect());
                }
                Ok(None) => ready.clear_ready(),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(Vec::new()),
                Err(error) => return Err(error),
            }
        }
    }
}
