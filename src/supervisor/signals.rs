//! The signals that are heeded, by a supervisor and by whoever answers.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that are heeded. Made first of all: one that comes earlier ends the process, SIGHUP included.
#[derive(Debug)]
pub(crate) struct Signals {
    /// To stop.
    terminate: Signal,
    /// To stop, from a terminal.
    interrupt: Signal,
    /// To read the configuration again.
    hangup: Signal,
    /// The same, as CoreDNS and node-cache have it.
    user: Signal,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// To stop, and which signal it was.
    Stop(&'static str),
    /// To read the configuration again.
    Reload,
}

impl Signals {
    /// All of them. Must be called within an event loop.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub(crate) fn new() -> io::Result<Self> {
        let [terminate, interrupt, hangup, user] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::user_defined1()]
                .map(signal);
        Ok(Self { terminate: terminate?, interrupt: interrupt?, hangup: hangup?, user: user? })
    }

    /// Waits for the next one. May be dropped at any time.
    pub(crate) async fn next(&mut self) -> Word {
        tokio::select! {
            _ = self.terminate.recv() => Word::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Word::Stop("SIGINT"),
            _ = self.hangup.recv() => Word::Reload,
            _ = self.user.recv() => Word::Reload,
        }
    }
}
