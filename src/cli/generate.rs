//! `nodens generate WHAT`: files that are made from the program itself, so that they cannot disagree with it.

use clap::ValueEnum;

use super::print;
use crate::config::reference;
use crate::corefile;
use crate::error::Failure;
use crate::metrics;

/// What `generate` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which file
    what: What,
}

/// The files.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The reference configuration: every option with its default, range and unit
    Config,
    /// The list of metrics, a chapter of the manual in Markdown
    Metrics,
    /// The table of CoreDNS's plugins and what becomes of them, a part of the manual in Markdown
    Plugins,
}

/// Prints a file to standard output.
pub(super) fn generate(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.what {
        What::Config => print(&reference()),
        What::Metrics => print(&metrics::reference()),
        What::Plugins => print(&corefile::table()),
    }
}
