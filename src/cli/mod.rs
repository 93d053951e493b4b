//! Commands.
//!
//! - [`demo`] the daemon between two stand-in servers, without a network.

pub mod demo;
