//! Sockets to the kernel's tables of links and addresses: rtnetlink(7). What is said over them is not known here.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Seconds that the kernel may take for an answer. It answers within the call that asks; this is for a kernel that never does.
const PATIENCE: i64 = 2;

/// A socket to rtnetlink.
#[derive(Debug)]
pub struct Route(OwnedFd);

impl AsRawFd for Route {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Route {
    /// One to ask by; it waits for answers.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        let route = Self::new(0, SockFlag::SOCK_CLOEXEC)?;
        setsockopt(&route.0, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
        Ok(route)
    }

    /// One that is told of the changes of `groups` (`RTMGRP_*`), within an event loop; it never waits.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    #[expect(unsafe_code, reason = "AsyncFd cannot know that the descriptor stays the socket's own")]
    pub fn listen(groups: u32) -> io::Result<AsyncFd<Self>> {
        let route = Self::new(groups, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK)?;
        // SAFETY: the `Route` owns an open descriptor, which is always the same and closed only when it is dropped; `AsyncFd` owns the `Route`,
        // and nothing replaces it.
        Ok(unsafe { AsyncFd::register_with_interest(route, Interest::READABLE) }?)
    }

    /// A socket that hears of `groups`.
    fn new(groups: u32, flags: SockFlag) -> io::Result<Self> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self(fd))
    }

    /// Sends messages to the kernel.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn send(&self, messages: &[u8]) -> io::Result<()> {
        send(self.0.as_raw_fd(), messages, MsgFlags::empty())?;
        Ok(())
    }

    /// Takes the next datagram of messages; its length.
    ///
    /// # Errors
    ///
    /// What the kernel says: `ENOBUFS` if it had more to tell than there was room for.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(recv(self.0.as_fd().as_raw_fd(), buffer, MsgFlags::empty())?)
    }
}
