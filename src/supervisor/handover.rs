//! A new nodens takes over from a running one: sockets, answers and connections, without a query lost.
//!
//! ```text
//!  new                                old
//!   ── Hello 1 ─────────────────────►      a user that is neither root nor its own is not let in
//!   ◄───────────────────── Hello 1 ──
//!   ◄───────────────── Sockets ... ──      both hold the same sockets: whoever reads a query answers it
//!   ◄──────────────── Begin answers ──
//!  (its worker answers)
//!   ── Taken ───────────────────────►      reads no more, answers what it has in hand
//!   ◄────────────── Connection ... ──      each as soon as nothing of it is in hand
//!   ◄──────────────────────── Gone ──      ends; link and rules stay, the new one looks after them
//! ```
//!
//! If the new one goes away before it has taken, nothing has happened. An old one that lingers (`supervisor.linger`) keeps the conversation, as
//! the new one does in any case: when that breaks, the new one has gone, and its place is taken again.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use super::channel::{Channel, Conversation, Message};
use super::signals::{Signals, Word};
use crate::sys::socket::watch_descriptor;
use crate::sys::{file, parcel};

/// The version of what is said.
pub(super) const VERSION: u16 = 1;

/// Time the other one has for each answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where others come to take over. The path is free again when this is dropped, unless another one stands there by then.
#[derive(Debug)]
pub(super) struct Door {
    /// The listening socket.
    listener: AsyncFd<OwnedFd>,
}

impl Door {
    /// Opens it at `path`, in the place of one behind which nobody is any more.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Under another name first, so that there is never a moment without one.
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let temporary: PathBuf = path.with_file_name(name);
        file::remove(&temporary)?;
        let listener = parcel::listen_at(&temporary)?;
        fs::set_permissions(&temporary, Permissions::from_mode(0o600))?;
        fs::rename(&temporary, path)?;
        Ok(Self { listener: watch_descriptor(listener)? })
    }

    /// Waits for somebody who may take over. May be dropped at any time.
    pub(super) async fn guest(&self) -> io::Result<Conversation> {
        loop {
            let mut ready = self.listener.readable().await?;
            let Ok(accepted) = ready.try_io(parcel::accept) else { continue };
            let connection = accepted?;
            let user = parcel::peer_user(&connection)?;
            if user == 0 || user == geteuid().as_raw() {
                return Channel::of(connection).watched();
            }
            tracing::warn!(user, "somebody came to take over who may not");
        }
    }
}

/// What a new nodens got.
#[derive(Debug)]
pub(super) struct Inheritance {
    /// Listening sockets.
    pub(super) sockets: Vec<OwnedFd>,
    /// Answers, as a snapshot of the cache.
    pub(super) answers: Option<OwnedFd>,
    /// Whoever it was.
    pub(super) before: Conversation,
}

/// Takes over from whoever listens at `path`; `None` if nobody does.
pub(super) async fn take_over(path: &Path) -> io::Result<Option<Inheritance>> {
    let connection = match parcel::connect_to(path) {
        Ok(connection) => connection,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let before = Channel::of(connection).watched()?;
    before.say(&Message::Hello(VERSION)).await?;
    match next(&before).await? {
        Message::Hello(VERSION) => {}
        Message::Hello(version) => return Err(io::Error::other(format!("it speaks version {version}, not {VERSION}"))),
        other => return Err(io::Error::other(format!("it begins with {other:?}"))),
    }
    let mut sockets = Vec::new();
    loop {
        match next(&before).await? {
            Message::Sockets(more) => sockets.extend(more),
            Message::Begin(answers) => return Ok(Some(Inheritance { sockets, answers, before })),
            other => return Err(io::Error::other(format!("instead of sockets comes {other:?}"))),
        }
    }
}

/// The next thing it says.
async fn next(conversation: &Conversation) -> io::Result<Message> {
    let heard = timeout(PATIENCE, conversation.receive()).await.map_err(|_| io::ErrorKind::TimedOut)??;
    heard.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Waits until the one that has taken over is gone: `true`; or until this process is told to stop.
pub(super) async fn outlives(successor: &Conversation, signals: &mut Signals) -> bool {
    loop {
        tokio::select! {
            heard = successor.receive() => match heard {
                // There is nothing left to be said.
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return true,
            },
            word = signals.next() => match word {
                Word::Stop(signal) => {
                    tracing::info!(signal, "stopped");
                    return false;
                }
                // The configuration is read when its time comes again.
                Word::Reload => {}
            },
        }
    }
}
