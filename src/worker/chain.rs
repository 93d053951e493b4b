//! What the supervisor says to the worker process, and what it is told: signs of life, and answers to keep.

use std::io;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at};
use tracing::{debug, error};

use super::disk::Disk;
use super::reload::Reading;
use crate::control::admin::Listening;
use crate::listener::tcp::Begun;
use crate::metrics::{Gauge, Metrics};
use crate::supervisor::channel::{Conversation, Message};

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// To stop, and why.
    Stop(&'static str),
    /// To leave connections to another process.
    Leave,
}

/// Does what it says for as long as it says neither to stop nor to leave; tells which, as the reason to end.
pub(super) async fn follow(
    supervisor: &Conversation,
    disk: &Disk,
    metrics: &Metrics,
    reading: &Reading,
    begun: &[mpsc::Sender<Begun>],
    admin: &mpsc::Sender<Listening>,
) -> Told {
    let mut in_force = reading.in_force.subscribe();
    in_force.mark_changed();
    let mut turns = begun.iter().cycle();
    let every = disk.leaving_interval();
    let mut often = interval_at(tokio::time::Instant::now() + every, every);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let heard = tokio::select! {
            heard = supervisor.receive() => heard,
            Ok(()) = in_force.changed() => {
                let hash = in_force.borrow_and_update().clone();
                let _ = supervisor.say(&Message::InForce(hash)).await;
                continue;
            }
            () = reading.over.notified() => {
                // If it is gone, it says no more.
                let _ = supervisor.say(&Message::Reloaded).await;
                continue;
            }
            _ = often.tick() => {
                leave(supervisor, disk).await;
                continue;
            }
        };
        match heard {
            Ok(Some(Message::Stop)) => return Told::Stop("the supervisor says so"),
            Ok(Some(Message::Leave)) => return Told::Leave,
            Ok(Some(Message::Reload)) => reading.wanted.notify_one(),
            Ok(Some(Message::Keep)) => leave(supervisor, disk).await,
            Ok(Some(Message::Figures(figures))) => {
                for (gauge, figure) in Gauge::SUPERVISED.into_iter().zip(figures) {
                    metrics.main().set(gauge, figure);
                }
            }
            Ok(Some(Message::Connection(descriptor, input))) => {
                if let Some(worker) = turns.next() {
                    // It ends with the worker.
                    let _ = worker.send(Begun { descriptor, input }).await;
                }
            }
            // There is room for the first, and there is no second.
            Ok(Some(Message::Control(socket, starter))) => drop(admin.try_send(Listening::given(socket, starter))),
            Ok(Some(other)) => debug!(?other, "not for a worker"),
            // A worker that nobody watches and nobody can replace would hold the sockets for ever.
            Ok(None) => return Told::Stop("the supervisor is gone"),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                error!(%error, "the supervisor is not understood")
            }
            Err(_) => return Told::Stop("the supervisor is gone"),
        }
    }
}

/// Leaves the answers with the supervisor.
async fn leave(supervisor: &Conversation, disk: &Disk) {
    let left = match disk.leave().await {
        Ok(Some(answers)) => supervisor.say(&Message::Kept(answers.into())).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = left {
        error!(%error, "the answers could not be left with the supervisor");
    }
}
