//! The process behind the one that answers.
//!
//! It holds the listening sockets and the latest snapshot of the cache, starts the worker process with them, and starts it again when it
//! ends or hangs: what clients ask meanwhile waits in the sockets. It reads nothing that comes from the network, and goes by the configuration
//! of its start.
//! Another nodens that comes to take over gets sockets and answers from here.
//!
//! - [`channel`] what the processes say to each other.
//! - `child` one worker process.
//! - `figures` what the supervisor counts.
//! - `keeper` the node's link and packet rules.
//! - `manager` what the service manager is told, and keeps.
//! - `orders` what is asked of it besides.
//! - `handover` both sides of a hand-over.
//! - `patience` when a worker is started again.
//! - `signals` which are heeded.
//! - `standing` the document that workers go by, for one that finds mistakes in the file.
//! - [`run()`] the process's one loop.

pub mod channel;
mod child;
pub(crate) mod figures;
mod handover;
pub(crate) mod keeper;
pub(crate) mod manager;
mod orders;
mod patience;
mod run;
pub(crate) mod signals;
mod standing;

pub use orders::Orders;
pub use run::run;
