//! The edge to the kernel: the only unsafe code, the only clock and the only chance.
//!
//! - [`clock`] monotonic time, fine and coarse.
//! - [`mod@file`] files of our own that nobody else may have written.
//! - [`fragment`] datagrams, and whether they came in one piece.
//! - [`memory`] how little of it the process keeps.
//! - [`parcel`] messages with descriptors between processes.
//! - [`notify`] what the service manager is told, and what it hands over.
//! - [`netfilter`] the packet filter by netlink.
//! - [`process`] what this process takes of time, memory and descriptors.
//! - [`random`] what nobody can foresee.
//! - [`route`] sockets to the tables of links and addresses.
//! - [`sandbox`] what the process that answers gives up.
//! - [`socket`] UDP in batches, TCP listeners, socket options.
//! - [`watch`] which files have changed.

pub mod clock;
pub mod file;
pub mod fragment;
pub mod memory;
pub mod netfilter;
pub mod notify;
pub mod parcel;
pub mod process;
pub mod random;
pub mod route;
pub mod sandbox;
pub mod socket;
pub mod watch;
