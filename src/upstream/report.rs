//! What an operator is told of the servers that one worker asks; workers are told apart nowhere else.

use std::time::Duration;

/// One server, as one worker knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerReport {
    /// Its position in [`crate::metrics::Layout::upstreams`].
    pub index: usize,
    /// Whether it is asked like any other.
    pub is_up: bool,
    /// If it is down, in what time it is tried again.
    pub retry_in: Option<Duration>,
    /// By what it is compared with others; the less, the sooner it is asked. The largest number if it is down.
    pub cost: u64,
    /// The smoothed time of an answer; `None` before the first.
    pub answer_time: Option<Duration>,
    /// The time within which 95 of 100 answers come; `None` if too few came to tell.
    pub percentile_95: Option<Duration>,
    /// Queries under way.
    pub in_flight: u32,
    /// Open connections.
    pub connections: usize,
}

impl ServerReport {
    /// What two workers know of the same server, as one: both work with it, and it is as good as it is for the better one.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let mean = |one: Option<Duration>, other: Option<Duration>| match (one, other) {
            (Some(one), Some(other)) => Some((one + other) / 2),
            (one, other) => one.or(other),
        };
        Self {
            index: self.index,
            is_up: self.is_up && other.is_up,
            retry_in: self.retry_in.into_iter().chain(other.retry_in).min(),
            cost: self.cost.min(other.cost),
            answer_time: mean(self.answer_time, other.answer_time),
            percentile_95: self.percentile_95.max(other.percentile_95),
            in_flight: self.in_flight.saturating_add(other.in_flight),
            connections: self.connections + other.connections,
        }
    }
}
