//! `nodens top`: a live view of a daemon that runs, over its admin socket.
//!
//! It shows what `nodens ctl stats` says, once a second, and what follows from two such answers: rates, percentiles, what has just been
//! detected or blocked. It changes nothing.
//!
//! - `figures` what follows from answers: pure, with the time that they carry.
//! - `panes` rows in order, those that the person wants to see.
//! - `state` what the person has chosen, and what a key changes of it.
//! - `text` strangers' words, made fit for a terminal; numbers for people.
//! - `look` which characters and colours there are.
//! - `view`, `table` all of that as a picture.
//! - `screen` the terminal, the keys, the socket: the loop.

use std::io::{IsTerminal as _, stdout};
use std::path::PathBuf;
use std::time::Duration;

use crate::control::admin::client::USUAL_PATH;
use crate::error::{ExitCode, Failure};

mod figures;
mod look;
mod panes;
mod screen;
mod state;
mod table;
mod text;
mod view;

#[cfg(test)]
mod tests;

/// What the help says behind the options.
pub(super) const MORE: &str = "\
Keys: q quit, Tab next pane, Enter that pane alone, up and down scroll it, s its
order, / only clients whose address, namespace or pod holds a text, p pause,
? help.

NO_COLOR=1 takes the colours away, and a locale that is not UTF-8 all characters
beyond ASCII. For scripts there is \"nodens ctl --json stats\".";

/// What `top` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where the daemon listens: `socket` in `control` of its configuration
    #[arg(long, value_name = "PATH", default_value = USUAL_PATH, help = "Where the daemon listens: \"[control] socket\" of its configuration")]
    socket: PathBuf,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=60))]
    interval: u16,
}

/// Shows it until somebody has seen enough.
pub(super) fn top(arguments: &Arguments) -> Result<(), Failure> {
    if !stdout().is_terminal() {
        let text = "standard output is no terminal; \"nodens ctl stats\" writes the same figures once";
        return Err(Failure::new(ExitCode::Usage, text));
    }
    let every = Duration::from_secs(arguments.interval.into());
    screen::show(&arguments.socket, every, look::Look::of_environment())
        .map_err(|error| Failure::new(ExitCode::InputOutput, format!("the terminal cannot be written to: {error}")))
}
