//! The samples of one family while a scrape adds them up, and their form in the exposition.
//!
//! Samples with the same labels become one: two groups may name the same server.

use std::collections::BTreeMap;

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::counter::{COUNT_BOUNDS, Counts, Durations, SIZE_BOUNDS, Sizes, Tally, count_bound, duration_bound};
use super::family::{Family, Kind};

/// Counters or gauges of one family, by their label values.
#[derive(Debug)]
pub(super) struct Scalars<'a> {
    /// Whose samples they are.
    family: &'static Family,
    /// Sums by label values, which are as many as the family has labels.
    sums: BTreeMap<Vec<&'a str>, f64>,
}

impl<'a> Scalars<'a> {
    /// No samples yet.
    pub(super) const fn new(family: &'static Family) -> Self {
        Self { family, sums: BTreeMap::new() }
    }

    /// Whose samples they are.
    pub(super) const fn family(&self) -> &'static Family {
        self.family
    }

    /// Whether there is anything but zeros.
    pub(super) fn has_any(&self) -> bool {
        self.sums.values().any(|&sum| sum > 0.0)
    }

    /// Adds to a sample; zero makes it appear.
    pub(super) fn add(&mut self, labels: &[&'a str], value: f64) {
        debug_assert_eq!(labels.len(), self.family.labels.len(), "labels of {}", self.family.name);
        *self.sums.entry(labels.to_vec()).or_insert(0.0) += value;
    }

    /// Adds a count to a sample; zero makes it appear.
    pub(super) fn count(&mut self, labels: &[&'a str], value: u64) {
        self.add(labels, value as f64);
    }

    /// Adds a count to a sample; zero leaves it out.
    pub(super) fn count_if_any(&mut self, labels: &[&'a str], value: u64) {
        if value > 0 {
            self.count(labels, value);
        }
    }

    /// The family as the exposition has it.
    pub(super) fn finish(self) -> MetricFamily {
        let family = self.family;
        let metrics = self.sums.into_iter().map(|(values, sum)| {
            let mut metric = labelled(family, &values);
            if family.kind == Kind::Counter {
                let mut counter = Counter::default();
                counter.set_value(sum);
                metric.set_counter(counter);
            } else {
                let mut gauge = Gauge::default();
                gauge.set_value(sum);
                metric.set_gauge(gauge);
            }
            metric
        });
        described(family, metrics.collect())
    }
}

/// A histogram whose cells know their upper bounds.
pub(super) trait Bounded<const CELLS: usize> {
    /// Adds the values to a tally.
    fn add_to(&self, tally: &mut Tally<CELLS>);

    /// The upper bound of a cell, in the unit of the exposition.
    fn upper_bound(cell: usize) -> f64;

    /// What one unit of the sum is in the unit of the exposition.
    const UNIT: f64;
}

impl Bounded<{ super::counter::DURATION_BOUNDS + 1 }> for Durations {
    fn add_to(&self, tally: &mut Tally<{ super::counter::DURATION_BOUNDS + 1 }>) {
        self.tally(tally);
    }

    fn upper_bound(cell: usize) -> f64 {
        duration_bound(cell)
    }

    const UNIT: f64 = 1e-9;
}

impl Bounded<{ SIZE_BOUNDS.len() + 1 }> for Sizes {
    fn add_to(&self, tally: &mut Tally<{ SIZE_BOUNDS.len() + 1 }>) {
        self.tally(tally);
    }

    fn upper_bound(cell: usize) -> f64 {
        f64::from(SIZE_BOUNDS[cell])
    }

    const UNIT: f64 = 1.0;
}

impl Bounded<{ COUNT_BOUNDS + 1 }> for Counts {
    fn add_to(&self, tally: &mut Tally<{ COUNT_BOUNDS + 1 }>) {
        self.tally(tally);
    }

    fn upper_bound(cell: usize) -> f64 {
        count_bound(cell) as f64
    }

    const UNIT: f64 = 1.0;
}

/// Histograms of one family, by their label values.
#[derive(Debug)]
pub(super) struct Histograms<'a, const CELLS: usize> {
    /// Whose samples they are.
    family: &'static Family,
    /// Cells whose upper bounds are shown, in order: each is a series for every combination of labels.
    shown: &'static [usize],
    /// Tallies by label values, which are as many as the family has labels.
    tallies: BTreeMap<Vec<&'a str>, Tally<CELLS>>,
}

impl<'a, const CELLS: usize> Histograms<'a, CELLS> {
    /// No samples yet.
    pub(super) const fn new(family: &'static Family, shown: &'static [usize]) -> Self {
        Self { family, shown, tallies: BTreeMap::new() }
    }

    /// Adds a worker's histogram to those of the same labels.
    pub(super) fn add<H: Bounded<CELLS>>(&mut self, labels: &[&'a str], histogram: &H) {
        debug_assert_eq!(labels.len(), self.family.labels.len(), "labels of {}", self.family.name);
        histogram.add_to(self.tallies.entry(labels.to_vec()).or_default());
    }

    /// The family as the exposition has it; a histogram without values is left out.
    pub(super) fn finish<H: Bounded<CELLS>>(self) -> MetricFamily {
        let (family, shown) = (self.family, self.shown);
        let metrics = self.tallies.into_iter().filter_map(|(values, tally)| {
            let mut count = 0;
            let mut buckets = Vec::with_capacity(shown.len());
            for (cell, &counted) in tally.cells.iter().enumerate() {
                count += counted;
                // The encoder writes the last bucket, +Inf, from the count of all values.
                if cell + 1 < CELLS && shown.contains(&cell) {
                    let mut bucket = Bucket::default();
                    bucket.set_cumulative_count(count);
                    bucket.set_upper_bound(H::upper_bound(cell));
                    buckets.push(bucket);
                }
            }
            let mut histogram = Histogram::default();
            histogram.set_bucket(buckets);
            histogram.set_sample_count(count);
            histogram.set_sample_sum(tally.sum as f64 * H::UNIT);
            let mut metric = labelled(family, &values);
            metric.set_histogram(histogram);
            (count > 0).then_some(metric)
        });
        described(family, metrics.collect())
    }
}

/// A sample with its labels and no value yet.
fn labelled(family: &'static Family, values: &[&str]) -> Metric {
    let pairs = family.labels.iter().zip(values).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

/// A family with its name, kind, help text and samples.
fn described(family: &'static Family, metrics: Vec<Metric>) -> MetricFamily {
    let mut described = MetricFamily::default();
    described.set_name(family.name.to_owned());
    described.set_help(family.help.to_owned());
    described.set_field_type(match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    described.set_metric(metrics);
    described
}
