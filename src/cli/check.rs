//! `nodens check FILE`: all mistakes of a configuration file, or all that holds.

use std::path::PathBuf;

use super::{print, warn};
use crate::config::Config;
use crate::error::Failure;

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file, in TOML
    file: PathBuf,
}

/// Prints the effective configuration to standard output and warnings to standard error. Mistakes are the failure.
pub(super) fn check(arguments: &Arguments) -> Result<(), Failure> {
    let loaded = Config::load(Some(&arguments.file))?;
    for warning in &loaded.warnings {
        warn(warning);
    }
    print(&loaded.config.to_string())
}
