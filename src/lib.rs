//! nodens: the DNS cache that runs on every node.
#![doc = include_str!("flow.txt")]

// What everything stands on.
pub mod error;
pub mod sys;
pub mod wire;

// What the operator says.
pub mod cli;
pub mod config;

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
pub mod reply;

// Their order.
pub mod pipeline;

// Beside the way: bounded, never blocking, never answering.
pub mod log;
pub mod metrics;

// Who runs it.
pub mod control;
pub mod worker;
