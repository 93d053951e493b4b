//! Sockets: UDP in batches, listeners, and the options that tokio and std do not offer.
//!
//! `recvmmsg` and `sendmmsg` are called here and not through nix: its receiver forgets the room for control messages when headers
//! are used again, and its sender is unsound with them. Neither is needed here, since every socket is bound to one address and
//! its answers therefore leave from there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Datagrams taken from the kernel at once. As the bench's echo; 32 costs 2 % more when saturated.
pub const BATCH: usize = 64;

/// Room for one datagram, query or answer: the largest `listen.udp-size`.
pub const ROOM: usize = 4096;

/// Answers up to this size pass every path in one piece (DNS flag day 2020; RFC 9715 section 3.1).
const SAFE_SIZE: u16 = 1232;

/// Bytes the kernel may queue for a UDP socket: about 100 ms of a saturated worker.
const UDP_BUFFER: usize = 4 << 20;

/// Connections the kernel may queue before they are accepted.
const BACKLOG: i32 = 1024;

/// Whether this machine has IPv6, in this network namespace: the kernel knows it, and it is not switched off for all links.
#[must_use]
pub fn has_ipv6() -> bool {
    match std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6") {
        Ok(disabled) => disabled.trim() == "0",
        // There is none, or this process may not see it.
        Err(_) => Socket::new(Domain::IPV6, Type::DGRAM, None).is_ok(),
    }
}

/// A UDP socket of our own for `address`, one of several that share it; it sends answers of at most `largest` bytes.
///
/// # Errors
///
/// What the kernel says: no permission for a low port, or another program without SO_REUSEPORT there.
pub fn bind_udp(address: SocketAddr, largest: u16) -> io::Result<UdpSocket> {
    let socket = unbound(address, Type::DGRAM, Protocol::UDP)?;
    tune_udp(&socket, address, largest)?;
    bind(&socket, address)?;
    Ok(socket.into())
}

/// Tells a UDP socket that somebody else made what [`bind_udp`] tells its own.
///
/// # Errors
///
/// What the kernel says.
pub fn tune(socket: &UdpSocket, largest: u16) -> io::Result<()> {
    tune_udp(&SockRef::from(socket), socket.local_addr()?, largest)
}

/// What a UDP socket of ours is told, whoever made it.
fn tune_udp(socket: &Socket, address: SocketAddr, largest: u16) -> io::Result<()> {
    // Without NET_ADMIN the kernel caps this at net.core.rmem_max and says nothing; less room is no reason not to serve.
    socket.set_recv_buffer_size(UDP_BUFFER)?;
    socket.set_send_buffer_size(UDP_BUFFER)?;
    if largest <= SAFE_SIZE {
        forbid_fragments(socket, address)?;
    }
    Ok(())
}

/// A socket that somebody else made.
#[derive(Debug)]
pub enum Given {
    /// Datagrams, bound to this address.
    Udp(SocketAddr, UdpSocket),
    /// Connections, listened for at this address.
    Tcp(SocketAddr, TcpListener),
}

/// Takes a descriptor over as one of our listeners, as [`bind_udp`] and [`bind_tcp`] make them; `None` if it is none.
#[must_use]
pub fn adopt(descriptor: OwnedFd) -> Option<Given> {
    let socket = Socket::from(descriptor);
    let address = socket.local_addr().ok()?.as_socket()?;
    socket.set_nonblocking(true).ok()?;
    socket.set_cloexec(true).ok()?;
    // Whoever made it without may not share it; then it stays the only one.
    let _ = socket.set_reuse_port(true);
    match socket.r#type().ok()? {
        Type::DGRAM => Some(Given::Udp(address, socket.into())),
        Type::STREAM if socket.is_listener().ok()? => Some(Given::Tcp(address, socket.into())),
        _ => None,
    }
}

/// Sets DF on every answer and believes no ICMP about the path's MTU (RFC 9715 section 3.1, recommendations R1 and R2): answers are small
/// enough for every path, and forged fragments cannot take their place. It also spares the kernel an atomic counter that all sockets share.
fn forbid_fragments(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
    } else {
        set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    }
}

/// Sets an option whose value is a number.
pub(super) fn set_option(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(&value)).unwrap_or(0);
    #[expect(unsafe_code, reason = "neither socket2 nor nix has these options")]
    // SAFETY: the pointer is to an int of the given length, which lives through the call, and the kernel only reads it.
    let status = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A TCP listener for `address`, one of several that share it.
///
/// # Errors
///
/// As [`bind_udp`].
pub fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = unbound(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    bind(&socket, address)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Binds a socket to an address that other workers may share. A port that the kernel chooses is nobody else's, and shared from then on: asked with
/// SO_REUSEPORT, it may choose that of another daemon of the same user.
fn bind(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_reuse_port(address.port() != 0)?;
    socket.bind(&address.into())?;
    socket.set_reuse_port(true)
}

/// A non-blocking socket that may be bound before its address exists (IP_FREEBIND: the node's link-local address appears when its interface is
/// made).
fn unbound(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    Ok(socket)
}

/// Lets the runtime of this thread tell when a descriptor can be read or written.
///
/// # Errors
///
/// When the kernel has no room to watch it.
#[expect(unsafe_code, reason = "AsyncFd cannot know that the descriptor stays the same")]
pub fn watch_descriptor(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is the same descriptor for as long as it lives, and is closed only when the AsyncFd that now owns it is dropped, which
    // takes it off the watch list first.
    unsafe { AsyncFd::register(descriptor) }.map_err(Into::into)
}

/// Lets the runtime of this thread tell when a socket can be read.
///
/// # Errors
///
/// When the kernel has no room to watch it.
#[expect(unsafe_code, reason = "AsyncFd cannot know that the descriptor stays the socket's own")]
pub fn watch(socket: UdpSocket) -> io::Result<AsyncFd<UdpSocket>> {
    // SAFETY: a UdpSocket owns its descriptor, gives the same one for as long as it lives, and closes it only when the AsyncFd that now owns the
    // socket is dropped, which takes it off the watch list first.
    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(io::Error::from)
}

/// Sets what a connection to an upstream needs: small writes leave at once, and a peer that vanished is noticed.
///
/// # Errors
///
/// What the kernel says.
pub fn prepare_upstream(stream: &tokio::net::TcpStream, user_timeout: Duration) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(user_timeout))?;
    socket.set_keepalive(true)
}

/// Lets the kernel ask a peer that is silent for so long whether it is still there; it gives up after three times that.
///
/// # Errors
///
/// What the kernel says.
pub fn keep_alive(stream: &tokio::net::TcpStream, silence: Duration) -> io::Result<()> {
    let keep_alive = TcpKeepalive::new().with_time(silence).with_interval(silence / 3).with_retries(6);
    SockRef::from(stream).set_tcp_keepalive(&keep_alive)
}

/// The address of a datagram's sender as the kernel writes it. Large enough for both families.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Peer {
    /// A `sockaddr_in6`, or a `sockaddr_in` in its first bytes; the family, which both have first, tells.
    raw: libc::sockaddr_in6,
}

impl Peer {
    /// Room for an address.
    const EMPTY: Self = Self {
        raw: libc::sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        },
    };

    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let port = u16::from_be(self.raw.sin6_port);
        let ip = if i32::from(self.raw.sin6_family) == libc::AF_INET6 {
            IpAddr::V6(Ipv6Addr::from(self.raw.sin6_addr.s6_addr))
        } else {
            // The IPv4 address lies where IPv6 has its flow label; both are in network order.
            IpAddr::V4(Ipv4Addr::from(self.raw.sin6_flowinfo.to_ne_bytes()))
        };
        SocketAddr::new(ip, port)
    }

    /// Bytes of it that the kernel wants.
    fn length(&self) -> libc::socklen_t {
        let bytes = if i32::from(self.raw.sin6_family) == libc::AF_INET6 {
            size_of::<libc::sockaddr_in6>()
        } else {
            size_of::<libc::sockaddr_in>()
        };
        libc::socklen_t::try_from(bytes).unwrap_or(0)
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address().fmt(f)
    }
}

/// What came in one datagram.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// All its room; an answer may be written over it.
    pub room: &'a mut [u8; ROOM],
    /// Bytes received.
    pub length: usize,
    /// Whether there were more than the room holds.
    pub cut: bool,
    /// Who sent it.
    pub peer: Peer,
}

/// Buffers for [`BATCH`] datagrams, used again and again.
pub struct Batch {
    /// The bytes.
    rooms: Box<[[u8; ROOM]; BATCH]>,
    /// The senders.
    peers: Box<[Peer; BATCH]>,
    /// Where each datagram's bytes go. Invariant: each entry points to the room of its number.
    receive: Box<[libc::iovec; BATCH]>,
    /// Bytes of each answer; 0 is none.
    answers: [usize; BATCH],
    /// The kernel's headers.
    headers: Box<[libc::mmsghdr; BATCH]>,
    /// Datagrams of the last receive.
    received: usize,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("received", &self.received).finish_non_exhaustive()
    }
}

/// A header without pointers.
const EMPTY_HEADER: libc::mmsghdr = libc::mmsghdr {
    msg_hdr: libc::msghdr {
        msg_name: ptr::null_mut(),
        msg_namelen: 0,
        msg_iov: ptr::null_mut(),
        msg_iovlen: 0,
        msg_control: ptr::null_mut(),
        msg_controllen: 0,
        msg_flags: 0,
    },
    msg_len: 0,
};

impl Default for Batch {
    fn default() -> Self {
        // Made on the heap: 256 KiB would be much of a thread's stack. Rooms that no datagram comes to are never touched, and cost nothing.
        #[expect(unsafe_code, reason = "zeroed memory has no safe constructor for arrays of arrays")]
        // SAFETY: all bits zero are a valid array of bytes.
        let rooms: Box<[[u8; ROOM]; BATCH]> = unsafe { Box::new_zeroed().assume_init() };
        Self {
            rooms,
            peers: Box::new([Peer::EMPTY; BATCH]),
            receive: Box::new([libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH]),
            answers: [0; BATCH],
            headers: Box::new([EMPTY_HEADER; BATCH]),
            received: 0,
        }
    }
}

impl Batch {
    /// Takes what is there, at most [`BATCH`] datagrams, without waiting. Fewer than that: the socket is empty.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; otherwise what the kernel says.
    #[expect(unsafe_code, reason = "recvmmsg has no sound safe wrapper that reuses its headers")]
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        // Only what the last round used up has to be set again.
        let stale = self.received;
        self.received = 0;
        for index in 0..if self.headers[0].msg_hdr.msg_iov.is_null() { BATCH } else { stale } {
            self.receive[index] = libc::iovec { iov_base: self.rooms[index].as_mut_ptr().cast(), iov_len: ROOM };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.peers[index]).cast();
            header.msg_namelen = libc::socklen_t::try_from(size_of::<Peer>()).unwrap_or(0);
            header.msg_iov = &raw mut self.receive[index];
            header.msg_iovlen = 1;
        }
        let count = u32::try_from(BATCH).unwrap_or(0);
        // SAFETY: `headers` are BATCH valid headers. Each points to its own iovec, which points to its own room of ROOM writable bytes,
        // and to its own Peer of the length given; all of them are boxed, so that they have not moved since the pointers were set, and
        // nothing else refers to them during the call.
        let received = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), count, libc::MSG_DONTWAIT, ptr::null_mut())
        };
        self.received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        self.answers[..self.received].fill(0);
        Ok(self.received)
    }

    /// The datagram of that number in the last batch.
    #[inline]
    pub fn datagram(&mut self, index: usize) -> Datagram<'_> {
        debug_assert!(index < self.received, "asked for datagram {index} of {}", self.received);
        let header = &self.headers[index];
        Datagram {
            length: usize::try_from(header.msg_len).unwrap_or(0).min(ROOM),
            cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            room: &mut self.rooms[index],
            peer: self.peers[index],
        }
    }

    /// Says that the first `length` bytes of the datagram's room are now its answer.
    #[inline]
    pub fn answer(&mut self, index: usize, length: usize) {
        self.answers[index] = length.min(ROOM);
    }

    /// Sends the answers; how many the kernel would not take.
    pub fn send(&mut self, socket: BorrowedFd<'_>) -> usize {
        let mut outgoing = Outgoing::default();
        let mut failed = 0;
        for index in 0..self.received {
            if self.answers[index] > 0 {
                outgoing.add(&self.rooms[index][..self.answers[index]], &self.peers[index]);
            }
        }
        failed += outgoing.send(socket);
        failed
    }
}

/// Answers to be sent at once, which lie somewhere else.
struct Outgoing<'a> {
    /// Their bytes.
    pieces: [libc::iovec; BATCH],
    /// The kernel's headers.
    headers: [libc::mmsghdr; BATCH],
    /// How many.
    count: usize,
    /// What the pointers point to is borrowed for as long.
    borrowed: std::marker::PhantomData<&'a [u8]>,
}

impl Default for Outgoing<'_> {
    fn default() -> Self {
        let pieces = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
        Self { pieces, headers: [EMPTY_HEADER; BATCH], count: 0, borrowed: std::marker::PhantomData }
    }
}

impl<'a> Outgoing<'a> {
    /// Adds one; `false` if there are [`BATCH`] already.
    fn add(&mut self, bytes: &'a [u8], peer: &'a Peer) -> bool {
        let Some(piece) = self.pieces.get_mut(self.count) else { return false };
        *piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let header = &mut self.headers[self.count].msg_hdr;
        header.msg_name = ptr::from_ref(peer).cast_mut().cast();
        header.msg_namelen = peer.length();
        self.count += 1;
        true
    }

    /// Sends all; how many the kernel would not take. Those are skipped: a full buffer or an unreachable client holds up no other's answer.
    #[expect(unsafe_code, reason = "sendmmsg has no sound safe wrapper")]
    fn send(&mut self, socket: BorrowedFd<'_>) -> usize {
        for (header, piece) in self.headers.iter_mut().zip(&mut self.pieces).take(self.count) {
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
        }
        let (mut next, mut failed) = (0, 0);
        while next < self.count {
            let count = u32::try_from(self.count - next).unwrap_or(0);
            // SAFETY: the headers from `next` on, `count` of them, are initialised; each points to an iovec of this value, which does not move
            // during the call, and the iovec and the name to bytes and an address that `'a` keeps borrowed. The kernel only reads them.
            let sent = unsafe {
                libc::sendmmsg(socket.as_raw_fd(), self.headers[next..].as_mut_ptr(), count, libc::MSG_DONTWAIT)
            };
            match usize::try_from(sent) {
                Ok(sent) if sent > 0 => next += sent,
                _ => (next, failed) = (next + 1, failed + 1),
            }
        }
        failed
    }
}

/// Answers that are ready later than their batch: they gather until the worker's next turn and then leave together.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Their bytes, one after another.
    bytes: Vec<u8>,
    /// Where each ends, and for whom it is.
    parts: Vec<(usize, Peer)>,
}

impl Outbox {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Lets `write` fill at most `limit` bytes for `peer` and return how many it used.
    pub fn push(&mut self, peer: Peer, limit: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        let start = self.bytes.len();
        self.bytes.resize(start + limit, 0);
        let used = write(&mut self.bytes[start..]).min(limit);
        self.bytes.truncate(start + used);
        self.parts.push((self.bytes.len(), peer));
    }

    /// Sends what waits; how many the kernel would not take.
    pub fn send(&mut self, socket: &impl AsFd) -> usize {
        let (mut failed, mut start) = (0, 0);
        for parts in self.parts.chunks(BATCH) {
            let mut outgoing = Outgoing::default();
            for (end, peer) in parts {
                outgoing.add(&self.bytes[start..*end], peer);
                start = *end;
            }
            failed += outgoing.send(socket.as_fd());
        }
        self.bytes.clear();
        self.parts.clear();
        // A burst of large answers is not remembered for ever.
        self.bytes.shrink_to(BATCH * ROOM);
        failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bound socket and a client of it.
    fn pair(address: &str) -> (UdpSocket, UdpSocket) {
        let server = bind_udp(address.parse().unwrap(), 1232).unwrap();
        let client = UdpSocket::bind(address.parse::<SocketAddr>().unwrap()).unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        (server, client)
    }

    #[test]
    fn a_port_that_the_kernel_chooses_is_nobody_elses_and_is_shared_from_then_on() {
        let sockets: Vec<UdpSocket> =
            (0..400).map(|_| bind_udp("127.0.0.1:0".parse().unwrap(), 1232).unwrap()).collect();
        let mut ports: Vec<u16> = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), sockets.len());
        let shared = sockets[0].local_addr().unwrap();
        let more: Vec<UdpSocket> = (0..3).map(|_| bind_udp(shared, 1232).unwrap()).collect();
        // Clients are spread over all four.
        let group: Vec<&UdpSocket> = more.iter().chain(&sockets[..1]).collect();
        let mut told = [0; 4];
        for _ in 0..200 {
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", shared).unwrap();
            let reached = group.iter().position(|socket| socket.recv(&mut [0; 8]).is_ok());
            told[reached.expect("one of them got it")] += 1;
        }
        assert!(told.iter().all(|count| *count > 0), "{told:?}");
        let (first, second) =
            (bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap(), bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap());
        assert_ne!(first.local_addr().unwrap(), second.local_addr().unwrap());
        bind_tcp(first.local_addr().unwrap()).unwrap();
    }

    #[test]
    fn batches_go_there_and_back_in_both_families() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (server, client) = pair(address);
            let mut batch = Batch::default();
            assert_eq!(batch.receive(server.as_fd()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            for round in 0..3_u8 {
                for number in 0..5 {
                    client.send(&[round, number]).unwrap();
                }
                assert_eq!(batch.receive(server.as_fd()).unwrap(), 5);
                for index in 0..5 {
                    let datagram = batch.datagram(index);
                    assert_eq!((datagram.length, datagram.cut), (2, false));
                    assert_eq!(datagram.peer.address(), client.local_addr().unwrap());
                    datagram.room[2] = 9;
                    if index != 3 {
                        batch.answer(index, 3);
                    }
                }
                assert_eq!(batch.send(server.as_fd()), 0);
                for number in [0, 1, 2, 4] {
                    let mut bytes = [0; 8];
                    assert_eq!(client.recv(&mut bytes).unwrap(), 3);
                    assert_eq!(bytes[..3], [round, number, 9]);
                }
            }
        }
    }

    #[test]
    fn a_datagram_beyond_the_room_is_marked() {
        let (server, client) = pair("127.0.0.1:0");
        client.send(&[0; ROOM + 1]).unwrap();
        let mut batch = Batch::default();
        assert_eq!(batch.receive(server.as_fd()).unwrap(), 1);
        assert!(batch.datagram(0).cut);
    }

    #[test]
    fn late_answers_leave_together() {
        let (server, client) = pair("127.0.0.1:0");
        client.send(b"?").unwrap();
        let mut batch = Batch::default();
        batch.receive(server.as_fd()).unwrap();
        let peer = batch.datagram(0).peer;
        let mut outbox = Outbox::default();
        for number in 0..200_u8 {
            outbox.push(peer, 10, |room| {
                room[0] = number;
                1
            });
        }
        assert_eq!(outbox.send(&server), 0);
        assert!(outbox.is_empty());
        for number in 0..200_u8 {
            let mut bytes = [0; 8];
            assert_eq!((client.recv(&mut bytes).unwrap(), bytes[0]), (1, number));
        }
    }
}
