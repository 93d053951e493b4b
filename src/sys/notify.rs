//! The service manager's side of the door: sd_notify(3), sd_listen_fds(3) and the store of descriptors (systemd.service(5)).
//!
//! systemd learns from datagrams when the daemon is ready, reads its configuration again, stops, and that it still lives. It also keeps
//! descriptors for the daemon over a restart, and hands them to the next one from number 3 on. Without systemd nothing here does anything,
//! and nothing fails. Both protocols are a few lines of text and one control message, so no crate is needed for them.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

use super::clock;
use super::parcel::MOST_OF_THE_KERNEL;

/// The number of the first descriptor that a service manager hands over (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// The most descriptors that are taken; systemd's own bound is the limit on open files. A guess far above workers times addresses.
const MOST: usize = 4096;

/// The longest name of a descriptor, in bytes (sd_pid_notify_with_fds(3), `FDNAME`).
const LONGEST_NAME: usize = 255;

/// The name of a descriptor that has none (sd_listen_fds_with_names(3)).
const NO_NAME: &str = "unknown";

/// How long a service manager that reads nothing may hold us up. It is alive or the machine is in far greater trouble than ours.
const PATIENCE: Duration = Duration::from_secs(1);

//------ Telling --------------------------------------------------------------

/// Tells the service manager how this process is. Every call is one datagram, and does nothing where there is no service manager.
#[derive(Debug)]
pub struct Notifier(Option<Manager>);

/// A service manager that listens.
#[derive(Debug)]
struct Manager {
    /// Not connected: a manager that started again listens at the same path with another socket.
    socket: UnixDatagram,
    /// Where it listens.
    address: UnixAddr,
}

impl Notifier {
    /// The manager that `NOTIFY_SOCKET` names.
    ///
    /// # Errors
    ///
    /// If the variable is there and is neither a path nor an abstract name, or there is no descriptor left. The daemon can go on with
    /// [`Notifier::nobody`], but systemd will take it for one that never got ready.
    pub fn from_environment() -> io::Result<Self> {
        match env::var_os("NOTIFY_SOCKET") {
            Some(name) if !name.is_empty() => Self::at(&name),
            _ => Ok(Self::nobody()),
        }
    }

    /// No manager.
    #[must_use]
    pub const fn nobody() -> Self {
        Self(None)
    }

    /// The manager at a path, or at an abstract name where the first byte is "@".
    ///
    /// # Errors
    ///
    /// As [`Notifier::from_environment`].
    pub fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => UnixAddr::new_abstract(name)?,
            [b'/', ..] => UnixAddr::new(name.as_bytes())?,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "NOTIFY_SOCKET is neither a path nor @name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(Some(Manager { socket, address })))
    }

    /// Whether anybody listens.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// The daemon serves; ends the start, and a reload that [`Notifier::reloading`] began.
    ///
    /// # Errors
    ///
    /// As all that tell something: what the kernel says, [`io::ErrorKind::WouldBlock`] after a second in which nobody read.
    pub fn ready(&self, status: &str) -> io::Result<()> {
        self.send(&format!("READY=1\nSTATUS={}", line(status)), &[])
    }

    /// The configuration is being read again. Must be followed by [`Notifier::ready`], also when nothing came of it.
    ///
    /// # Errors
    ///
    /// As [`Notifier::ready`].
    pub fn reloading(&self) -> io::Result<()> {
        // `Type=notify-reload` wants to know that this is not an answer to an earlier request.
        let now = clock::since_boot().as_micros();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}"), &[])
    }

    /// The daemon is on its way out.
    ///
    /// # Errors
    ///
    /// As [`Notifier::ready`].
    pub fn stopping(&self) -> io::Result<()> {
        self.send("STOPPING=1", &[])
    }

    /// The daemon is alive: to be said more often than [`watchdog_timeout`] says.
    ///
    /// # Errors
    ///
    /// As [`Notifier::ready`].
    pub fn alive(&self) -> io::Result<()> {
        self.send("WATCHDOG=1", &[])
    }

    /// The daemon is beyond help: the manager shall do now what it does when [`Notifier::alive`] stays out.
    ///
    /// # Errors
    ///
    /// As [`Notifier::ready`].
    pub fn hung(&self) -> io::Result<()> {
        self.send("WATCHDOG=trigger", &[])
    }

    /// One line about the daemon, for `systemctl status`.
    ///
    /// # Errors
    ///
    /// As [`Notifier::ready`].
    pub fn status(&self, status: &str) -> io::Result<()> {
        self.send(&format!("STATUS={}", line(status)), &[])
    }

    /// Another process is the main one from now on; after a hand-over, the new one says so itself (`NotifyAccess=all` or `exec`), or the old one
    /// does it for the new one.
    ///
    /// # Errors
    ///
    /// As [`Notifier::ready`].
    pub fn main_process(&self, pid: u32) -> io::Result<()> {
        self.send(&format!("MAINPID={pid}"), &[])
    }

    /// Gives the manager copies of these descriptors to keep over a restart, all under one name of at most 255 printable characters
    /// without ":". Descriptors of the same file are kept once; those with a hang-up or an error are let go by the manager itself.
    ///
    /// # Errors
    ///
    /// As [`Notifier::ready`], and if the name cannot be one. The manager does not say whether it has room (`FileDescriptorStoreMax=`).
    pub fn store(&self, name: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let text = format!("FDSTORE=1\nFDNAME={}", checked(name)?);
        descriptors.chunks(MOST_OF_THE_KERNEL).try_for_each(|some| self.send(&text, some))
    }

    /// The manager shall let go of all descriptors of this name.
    ///
    /// # Errors
    ///
    /// As [`Notifier::store`].
    pub fn forget(&self, name: &str) -> io::Result<()> {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={}", checked(name)?), &[])
    }

    /// Sends one datagram.
    fn send(&self, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let Some(Manager { socket, address }) = &self.0 else { return Ok(()) };
        let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let control = if numbers.is_empty() { &[][..] } else { &rights[..] };
        loop {
            let text = [IoSlice::new(text.as_bytes())];
            match sendmsg(socket.as_raw_fd(), &text, control, MsgFlags::MSG_NOSIGNAL, Some(address)) {
                Err(Errno::EINTR) => {}
                sent => return sent.map(drop).map_err(io::Error::from),
            }
        }
    }
}

/// A status cannot hold a second assignment.
fn line(status: &str) -> String {
    status.replace(['\n', '\r'], " ")
}

/// A name of descriptors, if it can be one.
fn checked(name: &str) -> io::Result<&str> {
    let fits = (1..=LONGEST_NAME).contains(&name.len());
    if fits && name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b':') {
        Ok(name)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} cannot be a descriptor's name")))
    }
}

/// How long the manager waits for [`Notifier::alive`] before it ends this process (`WATCHDOG_USEC`); `None` if it does not watch. Half
/// of it is a good interval (sd_watchdog_enabled(3)).
#[must_use]
pub fn watchdog_timeout() -> Option<Duration> {
    let (timeout, pid) = (env::var("WATCHDOG_USEC").ok()?, env::var("WATCHDOG_PID").ok());
    read_watchdog(&timeout, pid.as_deref(), std::process::id())
}

/// The same from the variables' texts; the process in them is the one that is watched, all are if there is none.
fn read_watchdog(timeout: &str, pid: Option<&str>, own: u32) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    let timeout = timeout.parse().ok().filter(|&timeout| timeout > 0 && is_ours)?;
    Some(Duration::from_micros(timeout))
}

//------ Taking over ----------------------------------------------------------

/// The variables that a process must not pass on to its children: they are about itself alone.
pub const OWN_VARIABLES: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The descriptors that the service manager handed to this process, each with its name, "unknown" if it has none: sockets of socket units,
/// and those that [`Notifier::store`] had it keep. No child inherits them. Only the first call gets them; empty if there are none or
/// `LISTEN_PID` is another process.
#[must_use]
pub fn inherited() -> Vec<(String, OwnedFd)> {
    let read = |name| env::var(name).unwrap_or_default();
    let (pid, count, names) = (read("LISTEN_PID"), read("LISTEN_FDS"), read("LISTEN_FDNAMES"));
    adopt(&listed(&pid, &count, &names, std::process::id()))
}

/// The names of the descriptors from 3 on, by the variables' texts.
fn listed(pid: &str, count: &str, names: &str, own: u32) -> Vec<String> {
    if pid.parse() != Ok(own) {
        return Vec::new();
    }
    let count = count.parse::<usize>().unwrap_or(0).min(MOST);
    let mut names = names.split(':').filter(|name| !name.is_empty());
    (0..count).map(|_| names.next().unwrap_or(NO_NAME).to_owned()).collect()
}

/// Takes descriptors that this process was started with: as many as there are names, from number 3 on. No child inherits them. Numbers that are
/// not open are left out. Only the first call of the process that asks for any gets them; that is what makes them its own.
#[must_use]
pub fn adopt(names: &[String]) -> Vec<(String, OwnedFd)> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if names.is_empty() || TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    (FIRST..).zip(names).filter_map(|(number, name)| Some((name.clone(), take(number)?))).collect()
}

/// The descriptor of that number, if it is open.
#[expect(unsafe_code, reason = "a number from outside becomes a descriptor that is owned")]
fn take(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: the number is only asked about; if it is not open, the answer is an error, and it is not used any more.
    let asked = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(asked, FcntlArg::F_GETFD).ok()?;
    // SAFETY: it is open, and nobody else in this process owns it: whoever started the process opened it there and said so, our caller
    // comes here once, and what this process opened itself got numbers that were free.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(owned.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    Some(owned)
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
