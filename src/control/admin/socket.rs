//! Where the admin socket listens, and who is let in.
//!
//! The file takes the place of one behind which nobody is any more, in one step, so that there is never a moment without one. One behind which
//! somebody listens is left alone, unless that is the nodens from which this one has just taken over. It is made before the process
//! that answers gives up its rights, by its supervisor if there is one: after that, no socket of this kind can be made.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::net::UnixStream as Connection;

/// Times that a path is tried again behind which somebody listens: a process that was just killed does until it is gone.
const NEIGHBOUR_TRIES: u32 = 50;

/// Time between two of them; a second together.
const NEIGHBOUR_PAUSE: Duration = Duration::from_millis(20);

/// The mode of the file.
const MODE: u32 = 0o600;

/// The mode of its folder, if that has to be made.
const FOLDER_MODE: u32 = 0o755;

/// An admin socket that listens, and who may come.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    descriptor: OwnedFd,
    /// The user that started the daemon, besides the one that it is now and root.
    starter: u32,
}

impl Listening {
    /// A socket that listens already, as the supervisor gives it.
    #[must_use]
    pub fn given(descriptor: OwnedFd, starter: u32) -> Self {
        Self { descriptor, starter }
    }

    /// The user that started the daemon.
    #[must_use]
    pub fn starter(&self) -> u32 {
        self.starter
    }

    /// The listener within an event loop.
    pub(super) fn watched(self) -> io::Result<(tokio::net::UnixListener, u32)> {
        let listener = UnixListener::from(self.descriptor);
        listener.set_nonblocking(true)?;
        Ok((tokio::net::UnixListener::from_std(listener)?, self.starter))
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Listens at `path`; `takes_over` says that whoever listens there now is about to leave to us. May take a second.
///
/// # Errors
///
/// [`io::ErrorKind::AddrInUse`] if somebody else listens there, else as the kernel says: no permission, or something is there that is no socket.
pub fn listen(path: &Path, takes_over: bool) -> io::Result<Listening> {
    use std::os::unix::fs::FileTypeExt as _;

    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something is there that is no socket"));
        }
        _ => {}
    }
    let is_free = |tries: u32| {
        (0..tries).any(|number| {
            if number > 0 {
                thread::sleep(NEIGHBOUR_PAUSE);
            }
            UnixStream::connect(path).is_err()
        })
    };
    if !takes_over && !is_free(NEIGHBOUR_TRIES) {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        fs::DirBuilder::new().mode(FOLDER_MODE).create(folder)?;
    }
    // Under another name first. The number keeps two that start at once out of each other's way.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let temporary: PathBuf = path.with_file_name(name);
    let _ = fs::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary)?;
    let in_place =
        fs::set_permissions(&temporary, Permissions::from_mode(MODE)).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = in_place {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(Listening { descriptor: listener.into(), starter: geteuid().as_raw() })
}

/// The user at the other end of a connection, if that one may not ask.
pub(super) fn stranger(connection: &Connection, starter: u32) -> io::Result<Option<u32>> {
    let user = connection.peer_cred()?.uid();
    let may = user == 0 || user == starter || user == geteuid().as_raw();
    Ok((!may).then_some(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_for_its_owner_and_takes_a_dead_ones_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/control");
        let first = listen(&path, false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(UnixStream::connect(&path).is_ok());
        drop(first);
        assert!(UnixStream::connect(&path).is_err());
        let _second = listen(&path, false).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn one_that_lives_is_left_alone_unless_it_leaves_to_us() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let first = listen(&path, false).unwrap();
        assert_eq!(listen(&path, false).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let second = listen(&path, true).unwrap();
        drop(first);
        assert!(UnixStream::connect(&path).is_ok());
        drop(second);
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        fs::write(&path, "precious").unwrap();
        assert_eq!(listen(&path, true).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
