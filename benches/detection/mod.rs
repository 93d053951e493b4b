//! Traffic to try detection on: tunnels that behave like known programs, and a node of Kubernetes that has none.
//!
//! Everything follows from a seed. Only what a cache would not answer gets to the detector as a miss, so there is a cache with TTLs between. The command
//! `cargo run --release --example detection` prints the table of the manual; tests run the same with fewer queries.

#![expect(clippy::unwrap_used, reason = "what is made here is made right")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times and shares are small and not negative"
)]

pub(crate) mod benign;
pub(crate) mod evaluate;
pub(crate) mod names;
pub(crate) mod tools;
pub(crate) mod world;
