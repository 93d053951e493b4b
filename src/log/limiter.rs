//! A bound on lines that a stranger can trigger: a few at once, then one now and then, and a count of the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::metrics::{Event, WorkerMetrics};
use crate::sys::clock::Moment;

/// Lines of one topic that may come at once. A guess: enough to see a pattern.
const BURST: u32 = 10;

/// Time in which one more line of a topic may come. A guess: 8,640 lines a day, topic and worker at most.
const INTERVAL: Duration = Duration::from_secs(10);

/// What lines are about that are limited together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Upstream servers: connections, certificates, answers.
    Upstream,
    /// Sockets and descriptors that the kernel refuses.
    System,
    /// Queries refused because a bound was reached.
    Shed,
    /// Answers that are not what their zone signed.
    Validation,
    /// Clients that ask too fast.
    Rate,
    /// Queries for names that nobody gets.
    Blocked,
    /// Requests to the health and metrics endpoints.
    Http,
    /// Public names that lead to addresses which are not public.
    Rebinding,
    /// Who the clients are.
    Clients,
    /// Rules of the operator that come to nothing.
    Rules,
    /// Detections: signs of a known program. Each rule has a topic, so that a flood of one hides no other.
    Signature,
    /// Detections: a tunnel at full speed.
    Burst,
    /// Detections: a throttled one.
    Volume,
    /// Detections: a slow one.
    Slow,
    /// Detections: a client that asks too fast.
    Flood,
    /// Detections: a client that asks too fast for what does not exist.
    Denial,
    /// Detections: a client that is led to addresses inside.
    Inside,
    /// Detections: a client that asks for a type that nobody gets.
    Type,
}

impl Topic {
    /// How many there are.
    const COUNT: usize = Self::Type as usize + 1;

    /// What lines call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::System => "system",
            Self::Shed => "shed",
            Self::Validation => "validation",
            Self::Rate => "rate",
            Self::Blocked => "blocked",
            Self::Http => "http",
            Self::Rebinding => "rebinding",
            Self::Clients => "clients",
            Self::Rules => "rules",
            Self::Signature => "detection signature",
            Self::Burst => "detection burst",
            Self::Volume => "detection volume",
            Self::Slow => "detection slow",
            Self::Flood => "detection flood",
            Self::Denial => "detection denial",
            Self::Inside => "detection rebinding",
            Self::Type => "detection type",
        }
    }
}

/// Decides which lines are written; one a thread.
///
/// A token bucket a topic, kept as the one number that the generic cell rate algorithm needs. Two threads on one limiter would
/// let a line too many through, no more.
#[derive(Debug)]
pub struct LogLimiter {
    /// By [`Topic`].
    buckets: [Bucket; Topic::COUNT],
    /// Counts what is held back; written by the thread that asks.
    metrics: Arc<WorkerMetrics>,
}

/// The lines of one topic.
#[derive(Debug, Default)]
struct Bucket {
    /// When the bucket will be full again, in nanoseconds since boot.
    full_at_ns: AtomicU64,
    /// Lines held back since the last one that was written.
    suppressed: AtomicU64,
}

impl LogLimiter {
    /// Full buckets; what is held back is counted in `metrics`, which must be the asking thread's own.
    #[must_use]
    pub fn new(metrics: Arc<WorkerMetrics>) -> Self {
        Self { buckets: Default::default(), metrics }
    }

    /// Whether a line may be written now. If lines were held back before it, this one is preceded by one that says how many.
    ///
    /// ```
    /// use nodens::log::{LogLimiter, Topic};
    ///
    /// let limiter = LogLimiter::new(Default::default());
    /// let (server, now) = ("192.0.2.1:853", nodens::sys::clock::coarse());
    /// if limiter.admits(Topic::Upstream, now) {
    ///     tracing::warn!(server, "handshake failed");
    /// }
    /// ```
    #[must_use]
    pub fn admits(&self, topic: Topic, now: Moment) -> bool {
        let bucket = &self.buckets[topic as usize];
        let full_at = Moment::from_nanos(bucket.full_at_ns.load(Ordering::Relaxed)).max(now);
        if full_at.since(now) > INTERVAL * (BURST - 1) {
            bucket.suppressed.store(bucket.suppressed.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            self.metrics.count(Event::LogSuppressed);
            return false;
        }
        bucket.full_at_ns.store((full_at + INTERVAL).as_nanos(), Ordering::Relaxed);
        let suppressed = bucket.suppressed.swap(0, Ordering::Relaxed);
        if suppressed > 0 {
            tracing::warn!(topic = topic.name(), "{suppressed} similar lines suppressed");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limiter and its counters.
    fn limiter() -> (LogLimiter, Arc<WorkerMetrics>) {
        let metrics = Arc::new(WorkerMetrics::default());
        (LogLimiter::new(Arc::clone(&metrics)), metrics)
    }

    #[test]
    fn a_burst_passes_and_then_one_line_an_interval() {
        let (limiter, metrics) = limiter();
        let start = Moment::from_secs(1000);
        let admitted = |now| (0..100).filter(|_| limiter.admits(Topic::Upstream, now)).count();
        assert_eq!(admitted(start), 10);
        assert_eq!(admitted(start + Duration::from_secs(9)), 0);
        assert_eq!(admitted(start + Duration::from_secs(10)), 1);
        assert_eq!(admitted(start + Duration::from_secs(35)), 2);
        assert_eq!(metrics.counted(Event::LogSuppressed), 90 + 100 + 99 + 98);
        assert_eq!(admitted(start + Duration::from_secs(86_400)), 10);
    }

    #[test]
    fn topics_do_not_hold_each_other_back() {
        let (limiter, _) = limiter();
        let now = Moment::from_secs(5);
        while limiter.admits(Topic::System, now) {}
        assert!(limiter.admits(Topic::Upstream, now));
    }

    #[test]
    fn a_clock_that_stands_still_or_at_zero_changes_nothing() {
        let (limiter, _) = limiter();
        assert_eq!((0..50).filter(|_| limiter.admits(Topic::Http, Moment::default())).count(), 10);
    }
}
