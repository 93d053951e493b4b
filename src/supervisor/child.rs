//! One worker process: how it is started, what it says, and how it ends.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::channel::{Channel, Conversation, Message};
use crate::control::admin::Listening;
use crate::listener::sockets::Sockets;
use crate::sys::notify::OWN_VARIABLES;

/// Time until the first sign of life. A full cache, a slow disk and a large list of names take some seconds together.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// The program that runs, also when its file has been replaced by another version meanwhile.
const PROGRAM: &str = "/proc/self/exe";

/// The admin socket, to be given to a worker.
pub(super) fn share(control: &Listening) -> io::Result<Message> {
    Ok(Message::Control(control.as_fd().try_clone_to_owned()?, control.starter()))
}

/// How a worker is started.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// Its arguments: where it reads the configuration.
    pub(super) arguments: Vec<OsString>,
    /// Time without a sign of life after which it hangs.
    pub(super) hang_timeout: Duration,
}

/// A worker process; killed when dropped.
#[derive(Debug)]
pub(super) struct Worker {
    /// The process.
    child: Child,
    /// What it is spoken to by; `None` when it does not listen any more.
    conversation: Option<Conversation>,
    /// When it gave its first sign of life.
    answers_since: Option<Instant>,
    /// By when it has to give the next one.
    deadline: Instant,
    /// Time between two.
    hang_timeout: Duration,
}

/// What happens to a worker.
#[derive(Debug)]
pub(super) enum Happened {
    /// It gave a sign of life; the first one tells that it answers.
    Beat {
        /// Whether it was the first.
        is_first: bool,
    },
    /// It has read the configuration again.
    Reloaded,
    /// It goes by the document with this hash.
    InForce(String),
    /// It left its answers.
    Kept(OwnedFd),
    /// It left a client's connection.
    Connection(OwnedFd, Vec<u8>),
    /// It gave no sign of life in time.
    Hung,
    /// It ended.
    Ended(ExitStatus),
}

impl Worker {
    /// Starts one with these sockets and answers, and the document that the one before it went by.
    pub(super) async fn start(
        recipe: &Recipe,
        sockets: &Sockets,
        document: Option<OwnedFd>,
        answers: Option<&OwnedFd>,
        figures: Vec<u64>,
        control: Option<&Listening>,
    ) -> io::Result<Self> {
        let (ours, theirs) = Channel::pair()?;
        let mut command = Command::new(PROGRAM);
        command.arg0("nodens").arg("worker").args(&recipe.arguments);
        // A signal from the terminal is the supervisor's to pass on. Standard output is for the query log.
        command.stdin(Stdio::from(theirs));
        for variable in OWN_VARIABLES {
            command.env_remove(variable);
        }
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn()?;
        let conversation = ours.watched()?;
        let copies = sockets.descriptors().map(|socket| socket.try_clone_to_owned()).collect::<io::Result<_>>()?;
        let answers = answers.map(|answers| answers.as_fd().try_clone_to_owned()).transpose()?;
        let control = control.map(share).transpose()?;
        let given = [Message::Begin(answers), Message::Figures(figures)];
        let before = document.map(Message::Document);
        for message in [Message::Sockets(copies)].into_iter().chain(before).chain(given).chain(control) {
            // One that has ended by now will say so by its status.
            let _ = conversation.say(&message).await;
        }
        let deadline = Instant::now() + START_PATIENCE.max(recipe.hang_timeout);
        let hang_timeout = recipe.hang_timeout;
        Ok(Self { child, conversation: Some(conversation), answers_since: None, deadline, hang_timeout })
    }

    /// Waits for what happens next. May be dropped at any time.
    pub(super) async fn happens(&mut self) -> Happened {
        loop {
            let heard = async {
                match &self.conversation {
                    Some(conversation) => conversation.receive().await,
                    None => std::future::pending().await,
                }
            };
            let heard = tokio::select! {
                // What it said before it ended is heard first.
                biased;
                heard = heard => heard,
                status = self.child.wait() => match status {
                    Ok(status) => return Happened::Ended(status),
                    Err(error) => {
                        warn!(%error, "nothing is known of the worker's end");
                        return Happened::Hung;
                    }
                },
                () = sleep_until(self.deadline) => return Happened::Hung,
            };
            match heard {
                Ok(Some(Message::Beat)) => {
                    let is_first = self.answers_since.is_none();
                    self.answers_since.get_or_insert_with(Instant::now);
                    self.deadline = Instant::now() + self.hang_timeout;
                    return Happened::Beat { is_first };
                }
                Ok(Some(Message::Reloaded)) => return Happened::Reloaded,
                Ok(Some(Message::InForce(hash))) => return Happened::InForce(hash),
                Ok(Some(Message::Kept(answers))) => return Happened::Kept(answers),
                Ok(Some(Message::Connection(connection, begun))) => return Happened::Connection(connection, begun),
                Ok(Some(other)) => debug!(?other, "not for a supervisor"),
                // It is ending; how, its status will tell.
                Ok(None) => self.conversation = None,
                Err(error) => {
                    warn!(%error, "the worker is not understood");
                    self.conversation = None;
                }
            }
        }
    }

    /// Says something to it, if it still listens.
    pub(super) async fn say(&self, message: &Message) {
        if let Some(conversation) = &self.conversation {
            // If it is gone, its end comes next.
            let _ = conversation.say(message).await;
        }
    }

    /// For how long it has answered; `None` if it never did.
    pub(super) fn answered(&self) -> Option<Duration> {
        self.answers_since.map(|since| since.elapsed())
    }

    /// Gives it so much time to end by itself.
    pub(super) fn must_end_within(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    /// Ends it.
    pub(super) async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            warn!(%error, "the worker cannot be killed");
        }
    }
}
