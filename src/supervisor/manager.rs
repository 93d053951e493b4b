//! The service manager: what it is told, and what it keeps for the next one.

use std::os::fd::{AsFd, OwnedFd};

use tracing::{debug, warn};

use crate::listener::sockets::Sockets;
use crate::sys::notify::{self, Notifier};

/// The name of our sockets in its store.
const SOCKETS: &str = "sockets";

/// The name of the answers in its store.
const ANSWERS: &str = "answers";

/// The service manager, if there is one.
#[derive(Debug)]
pub(crate) struct Manager(Notifier);

impl Manager {
    /// The one that started this process.
    pub(crate) fn find() -> Self {
        Self(Notifier::from_environment().unwrap_or_else(|error| {
            warn!(%error, "the service manager will not be told anything");
            Notifier::nobody()
        }))
    }

    /// What it kept, or has made for us: sockets, and answers if there are any.
    pub(super) fn kept(&self) -> (Vec<OwnedFd>, Option<OwnedFd>) {
        let (answers, sockets): (Vec<_>, Vec<_>) =
            notify::inherited().into_iter().partition(|(name, _)| name == ANSWERS);
        let sockets = sockets.into_iter().map(|(_, socket)| socket).collect();
        (sockets, answers.into_iter().next_back().map(|(_, answers)| answers))
    }

    /// Leaves these sockets with it.
    pub(super) fn keep_sockets(&self, sockets: &Sockets) {
        if self.0.is_heard() {
            // Those it made itself, or kept from before, are kept once.
            tell(self.0.store(SOCKETS, &sockets.descriptors().collect::<Vec<_>>()));
        }
    }

    /// Leaves these answers with it, in the place of others.
    pub(super) fn keep_answers(&self, answers: &OwnedFd) {
        tell(self.0.forget(ANSWERS));
        tell(self.0.store(ANSWERS, &[answers.as_fd()]));
    }

    /// Whether anybody listens.
    pub(super) fn is_there(&self) -> bool {
        self.0.is_heard()
    }

    /// Every listener answers.
    pub(crate) fn ready(&self) {
        tell(self.0.ready("every listener answers"));
    }

    /// The listeners have just answered again.
    pub(crate) fn alive(&self) {
        tell(self.0.alive());
    }

    /// The configuration is being read again.
    pub(crate) fn reloading(&self) {
        tell(self.0.reloading());
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        tell(self.0.stopping());
    }
}

/// That it did not hear something changes nothing.
fn tell(told: std::io::Result<()>) {
    if let Err(error) = told {
        debug!(%error, "the service manager did not hear it");
    }
}
