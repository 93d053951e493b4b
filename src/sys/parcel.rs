//! Bytes and descriptors between processes: one message each, over a Unix socket that keeps their bounds (`SOCK_SEQPACKET`, `unix(7)`).

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind,
    connect, getsockopt, listen, recv, recvmsg, sendmsg, socket, socketpair, sockopt,
};

/// The most bytes of a message: a DNS message over TCP and a few more.
pub const LONGEST: usize = 70_000;

/// The most descriptors of a message.
pub const MOST_DESCRIPTORS: usize = 128;

/// What the kernel takes (`SCM_MAX_FD`). There is room for as many, since those that are cut off would stay open without an owner.
pub(super) const MOST_OF_THE_KERNEL: usize = 253;

/// A message.
#[derive(Debug, Default)]
pub struct Parcel {
    /// What it says.
    pub bytes: Vec<u8>,
    /// What it brings; closed on drop.
    pub descriptors: Vec<OwnedFd>,
}

/// Flags of every socket here.
const FLAGS: SockFlag = SockFlag::SOCK_CLOEXEC.union(SockFlag::SOCK_NONBLOCK);

/// Two ends that speak with each other.
///
/// # Errors
///
/// When the process may have no more descriptors.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, FLAGS)?)
}

/// Listens at a path that must be free.
///
/// # Errors
///
/// As the kernel says: no such folder, no permission, or something is there.
pub fn listen_at(path: &Path) -> io::Result<OwnedFd> {
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, FLAGS, None)?;
    bind(listener.as_raw_fd(), &UnixAddr::new(path)?)?;
    // One takes over at a time; a second one waits, or gives up.
    listen(&listener, Backlog::new(1)?)?;
    Ok(listener)
}

/// Takes a connection.
///
/// # Errors
///
/// [`io::ErrorKind::WouldBlock`] if there is none, else as the kernel says.
#[expect(unsafe_code, reason = "nix returns the number of the descriptor")]
pub fn accept(listener: &impl AsFd) -> io::Result<OwnedFd> {
    let raw = accept4(listener.as_fd().as_raw_fd(), FLAGS)?;
    // SAFETY: the kernel has just made it for us, and nobody else knows the number.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Connects to whoever listens at a path.
///
/// # Errors
///
/// As the kernel says: [`io::ErrorKind::NotFound`] and [`io::ErrorKind::ConnectionRefused`] mean that nobody does.
pub fn connect_to(path: &Path) -> io::Result<OwnedFd> {
    let ours = socket(AddressFamily::Unix, SockType::SeqPacket, FLAGS, None)?;
    connect(ours.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(ours)
}

/// The user of the process that made the other end.
///
/// # Errors
///
/// When this is no Unix socket.
pub fn peer_user(connection: &impl AsFd) -> io::Result<u32> {
    Ok(getsockopt(&connection.as_fd(), sockopt::PeerCredentials)?.uid())
}

/// Sends a message.
///
/// # Errors
///
/// [`io::ErrorKind::WouldBlock`] when the other end does not read, [`io::ErrorKind::BrokenPipe`] when it is gone.
pub fn send(connection: &impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    sendmsg::<()>(connection.as_fd().as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Receives a message; `None` when the other end is gone.
///
/// # Errors
///
/// [`io::ErrorKind::WouldBlock`] when there is none, [`io::ErrorKind::InvalidData`] for one that is too large.
pub fn receive(connection: &impl AsFd) -> io::Result<Option<Parcel>> {
    let raw = connection.as_fd().as_raw_fd();
    // How long it is, first: a sign of life is one byte, and room for the longest would be new pages each second.
    let length = recv(raw, &mut [0; 1], MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC)?;
    let mut bytes = vec![0; length.min(LONGEST)];
    let mut room = cmsg_space!([RawFd; MOST_OF_THE_KERNEL]);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<()>(raw, &mut parts, Some(&mut room), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let length = message.bytes;
    let cut = message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC);
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            descriptors.extend(numbers.into_iter().map(own));
        }
    }
    if cut || descriptors.len() > MOST_DESCRIPTORS {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message between processes is too large"));
    }
    bytes.truncate(length);
    // Of a socket of this kind an empty message cannot be told from the end; nobody sends one.
    Ok((length > 0 || !descriptors.is_empty()).then_some(Parcel { bytes, descriptors }))
}

/// Owns a descriptor that has just come in a message.
#[expect(unsafe_code, reason = "nix returns the numbers of the descriptors")]
fn own(raw: RawFd) -> OwnedFd {
    // SAFETY: the kernel has just made it for us, and nobody else knows the number.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn bytes_and_descriptors_arrive_together_and_message_by_message() {
        let (ours, theirs) = pair().unwrap();
        assert_eq!(receive(&theirs).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let (reader, mut writer) = io::pipe().unwrap();
        send(&ours, b"first", &[reader.as_fd()]).unwrap();
        send(&ours, &[7; 66_000], &[]).unwrap();
        drop(reader);
        writer.write_all(b"through the pipe").unwrap();
        drop(writer);
        let mut first = receive(&theirs).unwrap().unwrap();
        assert_eq!((first.bytes.as_slice(), first.descriptors.len()), (&b"first"[..], 1));
        let mut text = String::new();
        File::from(first.descriptors.remove(0)).read_to_string(&mut text).unwrap();
        assert_eq!(text, "through the pipe");
        assert_eq!(receive(&theirs).unwrap().unwrap().bytes.len(), 66_000);
        drop(ours);
        assert!(receive(&theirs).unwrap().is_none(), "the end");
    }

    #[test]
    fn a_message_that_is_too_large_is_an_error_and_not_cut() {
        let (ours, theirs) = pair().unwrap();
        send(&ours, &[0; LONGEST + 1], &[]).unwrap();
        assert_eq!(receive(&theirs).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let many = vec![ours.as_fd(); MOST_DESCRIPTORS + 1];
        send(&ours, b"x", &many).unwrap();
        assert_eq!(receive(&theirs).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn whoever_connects_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        assert_eq!(connect_to(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let listener = listen_at(&path).unwrap();
        assert_eq!(accept(&listener).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let ours = connect_to(&path).unwrap();
        let theirs = accept(&listener).unwrap();
        assert_eq!(peer_user(&theirs).unwrap(), nix::unistd::geteuid().as_raw());
        send(&ours, b"hello", &[]).unwrap();
        assert_eq!(receive(&theirs).unwrap().unwrap().bytes, b"hello");
        drop(listener);
        assert_eq!(connect_to(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
