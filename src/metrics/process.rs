//! The `process_*` families: what the kernel says of this process.

use prometheus::proto::MetricFamily;

use super::family;
use super::samples::Scalars;
use crate::sys::process::{Usage, usage};

/// The `process_*` families; what cannot be read is left out.
pub(super) fn families() -> impl Iterator<Item = MetricFamily> {
    let Usage {
        cpu_seconds,
        open_descriptors,
        max_descriptors,
        virtual_bytes,
        max_virtual_bytes,
        resident_bytes,
        start_seconds,
    } = usage();
    [
        (&family::PROCESS_CPU, cpu_seconds),
        (&family::PROCESS_OPEN_FDS, open_descriptors.map(|count| count as f64)),
        (&family::PROCESS_MAX_FDS, max_descriptors.map(|count| count as f64)),
        (&family::PROCESS_VIRTUAL, virtual_bytes.map(|bytes| bytes as f64)),
        (&family::PROCESS_VIRTUAL_MAX, max_virtual_bytes.map(|bytes| bytes as f64)),
        (&family::PROCESS_RESIDENT, resident_bytes.map(|bytes| bytes as f64)),
        (&family::PROCESS_START, start_seconds),
    ]
    .into_iter()
    .filter_map(|(family, value)| {
        let mut samples = Scalars::new(family);
        samples.add(&[], value?);
        Some(samples.finish())
    })
}
