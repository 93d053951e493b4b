//! `nodens check FILE`: all mistakes of a configuration file, or all that holds.

use std::path::PathBuf;

use super::{print, warn};
use crate::config::Origin;
use crate::dnssec::Anchors;
use crate::error::Failure;
use crate::policy::local::Local;
use crate::policy::rules::RuleSet;

/// What `check` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file, in TOML
    file: PathBuf,
}

/// Prints the effective configuration to standard output and warnings to standard error. Mistakes are the failure.
pub(super) fn check(arguments: &Arguments) -> Result<(), Failure> {
    show(&mut Origin::new(Some(&arguments.file)))
}

/// Prints what holds, wherever it comes from.
pub(super) fn show(origin: &mut Origin) -> Result<(), Failure> {
    let loaded = origin.read()?;
    // Static records, hosts files and rules are read by the step that answers from them; it knows best what is wrong in them.
    let local = Local::new(&loaded.config)?;
    let rules = RuleSet::new(&loaded.config)?;
    Anchors::new(&loaded.config)?;
    for warning in loaded.refused.iter().chain(&loaded.warnings).chain(local.warnings()).chain(rules.warnings()) {
        warn(warning);
    }
    print(&loaded.config.to_string())
}
