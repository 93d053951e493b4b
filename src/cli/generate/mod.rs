//! `nodens generate WHAT`: files that are made from the program itself, so that they cannot disagree with it.
//!
//! - `man` the manual pages: one a command, from the command line's own description, and one of the configuration file.

use clap::{Command, Subcommand, ValueEnum};
use clap_complete::{Generator, shells};

use super::print;
use crate::config::reference;
use crate::corefile;
use crate::error::{ExitCode, Failure};
use crate::metrics;

mod man;
#[cfg(test)]
mod tests;

/// What `generate` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which file
    #[command(subcommand)]
    what: What,
}

/// The files.
#[derive(Debug, Subcommand)]
enum What {
    /// The reference configuration: every option with its default, range and unit
    Config,
    /// The list of metrics, a chapter of the manual in Markdown
    Metrics,
    /// The table of CoreDNS's plugins and what becomes of them, a part of the manual in Markdown
    Plugins,
    /// A manual page
    Man {
        /// Which one, such as nodens.1 or nodens.toml.5; none prints the names of all
        page: Option<String>,
    },
    /// What a shell needs to complete commands and options
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// The shells.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    /// For /usr/share/bash-completion/completions/nodens
    Bash,
    /// For /usr/share/zsh/vendor-completions/_nodens
    Zsh,
    /// For /usr/share/fish/vendor_completions.d/nodens.fish
    Fish,
}

/// Prints a file to standard output; `command` is the whole command line's description.
pub(super) fn generate(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    match &arguments.what {
        What::Config => print(&reference()),
        What::Metrics => print(&metrics::reference()),
        What::Plugins => print(&corefile::table()),
        What::Man { page: None } => print(&man::pages(command).into_keys().map(|name| name + "\n").collect::<String>()),
        What::Man { page: Some(name) } => match man::pages(command).remove(name) {
            Some(text) => print(&text),
            None => Err(Failure::new(
                ExitCode::Usage,
                format!("error: there is no manual page {name}; \"nodens generate man\" prints the names of all"),
            )),
        },
        What::Completions { shell } => print(&completions(*shell, &command)),
    }
}

/// The completions for a shell. Commands that are hidden from people are not offered.
fn completions(shell: Shell, command: &Command) -> String {
    let mut command = without_hidden(command);
    let mut text = Vec::new();
    command.set_bin_name("nodens");
    command.build();
    match shell {
        Shell::Bash => shells::Bash.generate(&command, &mut text),
        Shell::Zsh => shells::Zsh.generate(&command, &mut text),
        Shell::Fish => shells::Fish.generate(&command, &mut text),
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The command line without what is not for people: clap has no way to take a command away, so that one is made of the others.
fn without_hidden(command: &Command) -> Command {
    Command::new("nodens")
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments())
        .subcommands(command.get_subcommands().filter(|sub| !sub.is_hide_set()))
}
