//! What the supervisor counts. It has no endpoint of its own: the worker shows it.

use std::cell::Cell;

use crate::metrics::{Gauge, WorkerMetrics};

/// Counts since the start of the supervisor.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// By position in [`Gauge::SUPERVISED`].
    counts: [Cell<u64>; Gauge::SUPERVISED.len()],
    /// Whether something was counted since they were last told.
    is_new: Cell<bool>,
}

impl Figures {
    /// One more of these.
    pub(super) fn count(&self, gauge: Gauge) {
        if let Some(at) = Gauge::SUPERVISED.iter().position(|known| *known == gauge) {
            self.counts[at].set(self.counts[at].get() + 1);
            self.is_new.set(true);
        }
    }

    /// All counts, in the order of [`Gauge::SUPERVISED`].
    pub(super) fn all(&self) -> Vec<u64> {
        self.is_new.set(false);
        self.counts.iter().map(Cell::get).collect()
    }

    /// Shows all counts where the worker's own are shown, in a process that has no supervisor.
    pub(crate) fn show(&self, metrics: &WorkerMetrics) {
        if let Some(news) = self.news() {
            Gauge::SUPERVISED.into_iter().zip(news).for_each(|(gauge, count)| metrics.set(gauge, count));
        }
    }

    /// All counts, if they are other than when they were last asked for.
    pub(super) fn news(&self) -> Option<Vec<u64>> {
        self.is_new.get().then(|| self.all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_told_again_only_when_it_changes() {
        let figures = Figures::default();
        assert_eq!(figures.news(), None);
        figures.count(Gauge::WorkerHung);
        figures.count(Gauge::WorkerHung);
        let at = Gauge::SUPERVISED.iter().position(|gauge| *gauge == Gauge::WorkerHung).unwrap();
        assert_eq!(figures.news().unwrap()[at], 2);
        assert_eq!(figures.news(), None);
        assert_eq!(figures.all().iter().sum::<u64>(), 2);
    }
}
