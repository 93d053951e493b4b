//! `nodens run`: answer queries until told to stop.

use std::path::PathBuf;

use crate::config::Origin;
use crate::error::Failure;
use crate::worker;

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file, in TOML; none is the built-in configuration
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Reads the configuration and runs until a signal.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let origin = Origin::new(arguments.config.as_deref());
    drop(arguments);
    worker::run(origin)
}
