//! Whether all of it is at work: every thread comes round, and every listener answers.
//!
//! Looked at once a second. A listener that has just answered clients is not asked: under a flood a query of our own would be lost like any
//! other, and a daemon that is killed for being busy serves nobody. TCP is asked every five seconds as long as it answers: a connection costs
//! more than all else that an idle daemon does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::control;
use crate::metrics::{Metrics, Protocol};
use crate::sys::memory;

/// How often is looked.
const BEAT: Duration = Duration::from_secs(1);

/// Time a listener has to answer.
const PATIENCE: Duration = Duration::from_millis(800);

/// Beats after which a thread gives back the memory that it does not need any more.
const GIVE_BACK_BEATS: u32 = 5;

/// Beats without a sign of life after which the log says what is not at work; one may be a busy machine.
const MISSES_TOLD: u32 = 2;

/// Beats after which TCP is asked again.
const TCP_BEATS: u32 = 5;

/// Beats after which code is given back. To find what can be, and to have what is in use again, costs about a millisecond.
const FORGET_BEATS: u32 = 10;

/// What threads have shown.
#[derive(Debug)]
pub(super) struct Pulse {
    /// By thread: whether it came round since somebody looked.
    threads: Box<[AtomicBool]>,
    /// Asks them to.
    call: watch::Sender<()>,
}

impl Pulse {
    /// Of so many threads, which get the time until the second look.
    pub(super) fn new(threads: usize) -> Self {
        Self { threads: (0..threads).map(|_| AtomicBool::new(true)).collect(), call: watch::Sender::new(()) }
    }

    /// Lets a thread show that it comes round, for as long as it is polled there; gives back what memory it has to spare now and then.
    pub(super) async fn come_round(&self, thread: usize) {
        let mut called = self.call.subscribe();
        for beats in 1_u32.. {
            // The sender lives as long as this.
            let _ = called.changed().await;
            self.tick(thread);
            if beats % GIVE_BACK_BEATS == 0 {
                memory::give_back();
            }
        }
    }

    /// A thread has come round.
    fn tick(&self, thread: usize) {
        self.threads[thread].store(true, Ordering::Relaxed);
    }

    /// Whether all have since the last look.
    fn look(&self) -> bool {
        let late = self.threads.iter().filter(|thread| !thread.swap(false, Ordering::Relaxed));
        late.count() == 0
    }

    /// Calls `beat` about once a second, for as long as all is at work and it is polled.
    ///
    /// Handshakes run a megabyte and a half of code that is then idle for long, and each page that is used brings its neighbours along: after
    /// each handshake and now and then all of it is given back, and what is in use comes again.
    pub(super) async fn watch(&self, addresses: &[SocketAddr], metrics: &Metrics, beat: impl Fn()) {
        let listeners: Vec<(u16, SocketAddr, Protocol)> = (0..)
            .zip(addresses)
            .flat_map(|(server, &address)| [Protocol::Udp, Protocol::Tcp].map(|protocol| (server, address, protocol)))
            .collect();
        let mut answered = vec![0; listeners.len()];
        let (mut tcp_answers, mut misses, mut opened) = (false, 0_u32, u64::MAX);
        // They have just answered for the first time.
        let mut often = interval_at(Instant::now() + BEAT, BEAT);
        often.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for beats in 0_u32.. {
            often.tick().await;
            let asks_tcp = !tcp_answers || beats % TCP_BEATS == 0;
            let mut silent = Vec::new();
            for (before, &(server, address, protocol)) in answered.iter_mut().zip(&listeners) {
                let now = metrics.answers(server, protocol);
                // One may have been the last query of our own.
                if now.saturating_sub(*before) < 2 && (protocol == Protocol::Udp || asks_tcp) {
                    silent.push((address, protocol));
                }
                *before = now;
            }
            let alive = self.look();
            // Together with the queries, so that a thread wakes once for both.
            self.call.send_replace(());
            let answers = timeout(PATIENCE, control::all_answer(silent)).await.unwrap_or(false);
            tcp_answers = answers;
            if alive && answers {
                misses = 0;
                beat();
                let opened_by_now = metrics.connections_opened();
                if opened_by_now != opened || beats % FORGET_BEATS == 0 {
                    memory::forget_code();
                }
                opened = opened_by_now;
                continue;
            }
            misses = misses.saturating_add(1);
            if misses == MISSES_TOLD {
                tracing::warn!(alive, answers, "not all is at work: no sign of life is given");
            } else {
                tracing::debug!(alive, answers, "not all is at work");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_that_does_not_come_round_is_seen() {
        let pulse = Pulse::new(2);
        assert!(pulse.look(), "they may just have begun");
        pulse.tick(0);
        assert!(!pulse.look());
        pulse.tick(0);
        pulse.tick(1);
        assert!(pulse.look());
        assert!(!pulse.look());
    }
}
