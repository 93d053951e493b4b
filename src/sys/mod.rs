//! The edge to the kernel: the only unsafe code and the only clock.
//!
//! - [`clock`] monotonic time, fine and coarse.
//! - [`socket`] UDP in batches, TCP listeners, socket options.

pub mod clock;
pub mod socket;
