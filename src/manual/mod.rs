//! The manual: chapters to read, without code.
//!
//! They hold what has no place beside a single item: the way through all steps, the reasons of decisions, and what an operator does.
//! Whatever a chapter says of an item is also checked by the compiler as far as links go; figures carry how they were measured.
//!
//! For operators:
//!
//! - [`operations`] start, stop, watch, find a fault.
//! - [`asking`] what is my node asking? From a question to the command that answers it.
//! - [`alerts`] what each alert means, and what to do.
//! - [`metrics`] what can be counted, name by name.
//! - [`detection`] what a tunnel is seen by, how soon, and by what it is not.
//! - [`packages`] what packages and image install, start and leave alone.
//! - [`processes`] supervisor and worker: crashes, upgrades, the end.
//! - [`node`] on the nodes of a cluster: the ways to be there, and the link that carries the addresses.
pub mod audit;
