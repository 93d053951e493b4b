//! The manual: chapters to read, without code.
//!
//! They hold what has no place beside a single item: the way through all steps, the reasons of decisions, and what an operator does.
//! Whatever a chapter says of an item is also checked by the compiler as far as links go; figures carry how they were measured.
//!
//! For operators:
//!
//! - [`operations`] start, stop, watch: health, metrics, log lines.
//! - [`troubleshooting`] from a symptom to its cause, command by command.
//! - [`asking`] what is my node asking? From a question to the command that answers it.
//! - [`alerts`] what each alert means, and what to do.
//! - [`metrics`] what can be counted, name by name.
//! - [`detection`] what a tunnel is seen by, how soon, and by what it is not.
//! - [`packages`] what packages and image install, start and leave alone.
//! - [`processes`] supervisor and worker: crashes, upgrades, the end.
//! - [`node`] on the nodes of a cluster: the ways to be there, and the link that carries the addresses.
//! - [`corefile`] Corefiles: what each line becomes here, and what differs.
//! - [`audit`] what a security review says of CoreDNS's own configuration: `nodens audit`.
//! - [`dropin`] in the place of node-local-dns.
//! - [`defaults`] all options, and why their defaults are what they are.
//! - [`faults`] what clients see when servers or the network fail, measured.
//! - [`written`] rules for questions and answers: rewriting, templates, hosts of a zone, DNS64, access lists.
//! - [`rules`] packet rules of a node, and what happens when nobody is there to remove them.
//! - [`fleet`] many nodes before few servers.
//! - [`clients`] which pod asked.
//! - [`threats`] what strangers can try, what holds, and what does not yet.
//! - [`sandbox`] what the process that answers has given up.
//!
//! For readers of the code:
//!
//! - [`flow`] a query's way, hit and miss.
//! - [`performance`] how the way of a hit is kept short, and the decisions behind it.
//! - [`rfcs`] the standards, clause by clause.
//! - [`contributing`] how to change something.

pub mod operations;
//
pub mod troubleshooting;
//
pub mod asking;
//
pub mod alerts;
//
#[doc = include_str!("metrics.md")]
pub mod metrics {}
//
pub mod detection;
//
pub mod packages;
//
pub mod processes;
//
pub mod node;
//
pub mod corefile;
//
pub mod audit;
//
pub mod dropin;
//
pub mod defaults;
//
pub mod faults;
//
pub mod rules;
//
pub mod written;
//
pub mod clients;
//
pub mod fleet;
//
pub mod threats;
//
pub mod sandbox;

pub mod flow;
//
pub mod performance;
//
pub mod rfcs;
//
pub mod contributing;
