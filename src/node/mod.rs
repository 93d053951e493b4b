//! The node's own network, as far as it is ours: the link that carries the listen addresses, and the packet rules for them.
//!
//! Nothing here sees a query. It is called by whoever holds the privilege, on an event loop with a single thread: no call waits for anything
//! but the kernel, and for programs no longer than a few seconds.
//!
//! - [`interface`] the link and its addresses.
//! - [`rules`] packets to the listeners pass by connection tracking, and by us when we are gone.

use std::fmt;

pub mod interface;
pub mod rules;

/// What it took to make the node as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing: all was as it should be.
    Unchanged,
    /// It was not there and is now.
    Created,
    /// Something was missing, foreign or left over, and is as it should be now.
    Repaired,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Repaired => "repaired",
        })
    }
}

/// Which step failed; the label `errortype` of `coredns_nodecache_setup_errors_total`, as the Go node-cache has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The link or one of its addresses could not be made, marked or removed.
    InterfaceAdd,
    /// The link could not be looked at, or it is somebody else's.
    InterfaceCheck,
    /// Packet rules could not be read or written, whatever their backend.
    Iptables,
    /// Another program holds the lock of iptables.
    IptablesLock,
}

/// Why the node is not as it should be.
#[derive(Debug)]
#[expect(clippy::error_impl_error, reason = "both parts of this module have one error; elsewhere it is node::Error")]
pub struct Error {
    /// Which step failed.
    step: Step,
    /// What, where, and the remedy.
    message: String,
}

impl Error {
    /// A failure of a step, with what to tell a person.
    pub fn new(step: Step, message: impl Into<String>) -> Self {
        Self { step, message: message.into() }
    }

    /// Both failures, counted as the first.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self { step: self.step, message: format!("{self}; {other}") }
    }

    /// The step as metrics call it.
    #[must_use]
    pub const fn errortype(&self) -> &'static str {
        match self.step {
            Step::InterfaceAdd => "interface_add",
            Step::InterfaceCheck => "interface_check",
            Step::Iptables => "iptables",
            Step::IptablesLock => "iptables_lock",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
