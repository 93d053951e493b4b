//! Datagrams, and whether they came in one piece.
//!
//! Only the first fragment of a datagram carries its ports and the DNS header; whoever forges a later one has to guess 16 bits of the IP header
//! and none of ours. RFC 9715 section 3.2, recommendation R6, wants such answers dropped. The kernel puts them together before anybody sees
//! them, but tells of it when asked.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use socket2::Socket;

use super::socket::set_option;

/// A control message with one number takes 24 bytes; this is room for a second one that nobody asked for.
const CONTROL: usize = 64;

/// A datagram that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its bytes, at most as many as there was room for.
    pub length: usize,
    /// Who sent it.
    pub source: Option<SocketAddr>,
    /// Whether it came in fragments.
    pub fragmented: bool,
}

/// Lets the kernel tell of fragments on a socket for `address`.
///
/// # Errors
///
/// What the kernel says; it knows the option since version 4.7.
pub fn tell_fragments(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVFRAGSIZE, 1)
    } else {
        set_option(socket, libc::IPPROTO_IP, libc::IP_RECVFRAGSIZE, 1)
    }
}

/// Takes a datagram without waiting.
///
/// # Errors
///
/// `WouldBlock` if none is there; otherwise what the kernel says, such as an ICMP message about an earlier one.
pub fn receive(socket: &impl AsRawFd, room: &mut [u8]) -> io::Result<Received> {
    let mut control = [0; CONTROL];
    let mut rooms = [IoSliceMut::new(room)];
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut rooms, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let tells_fragments = |message: &ControlMessageOwned| match message {
        ControlMessageOwned::Unknown(unknown) => matches!(
            (unknown.cmsg_header.cmsg_level, unknown.cmsg_header.cmsg_type),
            (libc::IPPROTO_IP, libc::IP_RECVFRAGSIZE) | (libc::IPPROTO_IPV6, libc::IPV6_RECVFRAGSIZE)
        ),
        _ => false,
    };
    // What does not fit the room for control messages is not what was asked for.
    let fragmented = message.cmsgs().is_ok_and(|mut all| all.any(|message| tells_fragments(&message)));
    let source = message.address.as_ref().and_then(|source| {
        let v4 = source.as_sockaddr_in().map(|source| SocketAddr::from((source.ip(), source.port())));
        v4.or_else(|| source.as_sockaddr_in6().map(|source| SocketAddr::from((source.ip(), source.port()))))
    });
    Ok(Received { length: message.bytes, source, fragmented })
}
