//! `nodens run`: answer queries until told to stop.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::config::Origin;
use crate::error::Failure;
use crate::supervisor::{self, Orders};
use crate::worker;

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file, in TOML; none is the built-in configuration
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Answer in this process, without one behind it that starts it again
    #[arg(long)]
    pub(super) no_supervisor: bool,
}

/// Reads the configuration and runs until a signal.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { config, no_supervisor } = arguments;
    let origin = Origin::new(config.as_deref());
    if no_supervisor {
        drop(config);
        return worker::run_alone(origin);
    }
    let mut worker: Vec<OsString> = Vec::new();
    if let Some(path) = config {
        // A worker that starts while somebody writes the file must not take it for the built-in configuration.
        worker.extend(fs::metadata(&path).is_ok_and(|file| file.len() > 0).then(|| "--seen-full".into()));
        worker.extend(["--config".into(), path.into()]);
    }
    supervisor::run(origin, &Orders { worker, pid_file: None })
}
