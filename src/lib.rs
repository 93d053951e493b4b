//! nodens: the DNS cache that runs on every node.
//!
//! Programs of a node ask it over UDP and TCP. It answers from memory, and what it does not know it asks: names of the cluster at the
//! cluster's DNS, all others at resolvers over few, long-lived TLS connections. This page is the map; the reasons are in the [`manual`].
#![doc = include_str!("flow.txt")]
//! # The parts
//!
//! The numbers are the steps of a query's way; 5 is not used. A step is a module that knows bytes, times and settings handed to it,
//! and no other step. Only [`pipeline`] knows their order, and only [`worker`] knows the pipeline.
//!
//! | step | module | decides |
//! |---|---|---|
//! | 1, 8 | [`listener`] | how messages come in and leave: batches of datagrams, pipelined connections, and how many |
//! | 2 | [`policy`] | what the node answers from its own knowledge, what nobody gets, and how fast one client may ask; the checks of source, class and type stand in the pipeline |
//! | 3, 7 | [`cache`] | what is kept, for how long, and how it is found |
//! | 4 | [`route`] | whose names these are |
//! | 6 | [`upstream`] | which server is asked, how, and how often |
//! | 6a | [`dnssec`] | whether an answer is what its zone signed |
//! | 6b | [`filter`] | which addresses no public name may have |
//! | 8 | [`reply`] | every byte of an answer behind its question: size, flags, EDNS, truncation |
//!
//! Below them stand [`wire`] (DNS as bytes), [`config`] (the only form of the operator's will), [`sys`] (the only `unsafe` code and the
//! only clock) and [`error`] (why the process ends). Beside them, [`metrics`], [`log`],
//! [`querylog`] and [`detect`] observe, and [`control`] shows it to the outside.
//! [`node`] is what is done to the node: the link that carries the listen addresses, and packet rules. [`supervisor`] is the process behind
//! the one that answers, [`cli`] what an operator types. [`audit`] looks at the configuration of other servers, by [`corefile`]'s tree.
//!
//! # Four rules that explain the rest
//!
//! - **A worker shares nothing that it writes on a hit.** A worker is a thread with its own event loop, sockets, upstream connections,
//!   counters and a small cache in front of the shared one. A query never leaves its worker.
//! - **A hit is bytes.** It is parsed in place, found by one hash, and answered over the client's own datagram: no allocation, no await.
//! - **Everything is bounded.** Memory, connections, questions under way, retries, alias chains, log lines: each bound has a default and
//!   a counter that tells when it was met.
//! - **Errors say who is to blame.** [`upstream::UpstreamError`] is one value that decides the client's RCODE, the extended error, the
//!   counter and whether another server is asked.
//!
//! # Where to read next
//!
//! - What happens to a query, step by step with links into the code: [`manual::flow`].
//! - Why a default is what it is: [`manual::defaults`]. What each option does: [`config::reference`].
//! - Running it: [`manual::operations`]. Attacks and what holds against them: [`manual::threats`].
//! - Which clause of which RFC is where: [`manual::rfcs`]. Figures and the decisions they led to: [`manual::performance`].
//! - Changing something: [`manual::contributing`].

// What everything stands on.
pub mod error;
pub mod sys;
pub mod wire;

// What the operator says.
pub mod cli;
pub mod config;
pub mod corefile;
//
pub mod audit;

// A query's way, step by step.
pub mod listener;
//
pub mod policy;
//
pub mod cache;
//
pub mod route;
//
pub mod upstream;
//
pub mod dnssec;
//
pub mod filter;
//
pub mod reply;

// Their order.
pub mod pipeline;

// Beside the way: bounded, never blocking, never answering.
pub mod detect;
pub mod log;
pub mod metrics;
pub mod querylog;
pub mod who;

// Who runs it.
pub mod control;
pub mod node;
pub mod supervisor;
pub mod worker;

// Whom the tests put around it.
#[cfg(test)]
mod simulation;

// To read.
pub mod manual;
