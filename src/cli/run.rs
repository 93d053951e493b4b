//! `nodens run`: answer queries until told to stop.

use std::path::PathBuf;

use crate::config::{Config, Loaded};
use crate::error::{ExitCode, Failure};

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file, in TOML; none is the built-in configuration
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Reads the configuration and runs until a signal.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let loaded = Config::load(arguments.config.as_deref())?;
    drop(arguments);
    start(loaded)
}

/// Hands over to the workers.
fn start(loaded: Loaded) -> Result<(), Failure> {
    // The seam: `crate::worker::run(loaded)`, which logs the warnings and returns when all workers have stopped.
    drop(loaded);
    Err(Failure::new(ExitCode::Software, "there are no workers in this build yet"))
}
