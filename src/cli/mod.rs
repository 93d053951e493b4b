//! The command line: one file a command.
//!
//! The only place that writes to standard output. Commands return a [`Failure`]; its exit code is for `main` to map.

use std::ffi::OsString;
use std::io::{ErrorKind, Write, stdout};
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::error::{ExitCode, Failure};

mod audit;
mod check;
mod corefile_rules;
mod ctl;
mod demo;
mod generate;
mod migrate;
mod node_cache;
mod run;
#[cfg(feature = "top")]
mod top;
mod worker;

/// The DNS cache that runs on every node.
///
/// Answers from memory, sends cluster names to the cluster's DNS and everything
/// else over pooled DNS-over-TLS. Without a command it runs; without a file it
/// listens on 127.0.0.1:5353.
#[derive(Debug, Parser)]
#[command(name = "nodens", version, verbatim_doc_comment)]
struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration file, in TOML; none is the built-in configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Answer queries until told to stop (the default)
    Run(run::Arguments),
    /// Answer queries for a supervisor, which starts it
    #[command(hide = true)]
    Worker(worker::Arguments),
    /// Ask a daemon that runs, or tell it something
    #[command(after_help = ctl::MORE)]
    Ctl(ctl::Arguments),
    /// Watch a daemon that runs: queries, hits, latency, servers, clients, detections
    #[cfg(feature = "top")]
    #[command(after_help = top::MORE)]
    Top(top::Arguments),
    /// Watch a daemon that runs; this build of nodens cannot
    #[cfg(not(feature = "top"))]
    Top {
        /// Whatever it would take
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
        ignored: Vec<OsString>,
    },
    /// Answer queries with the flags, Corefile and ConfigMaps of node-local-dns's node-cache; see `nodens node-cache -help`
    #[command(disable_help_flag = true, after_help = node_cache::usage())]
    NodeCache {
        /// Its flags
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Look at a CoreDNS Corefile as a security review does
    #[command(after_help = audit::MORE)]
    Audit(audit::Arguments),
    /// Check a configuration file: print all its mistakes, or all that holds
    Check(check::Arguments),
    /// Print what a Corefile means, as a configuration file, and what differs
    #[command(after_help = migrate::MORE)]
    Migrate(migrate::Arguments),
    /// Print files that are made from the program itself
    Generate(generate::Arguments),
    /// Show a cache at work, without any network
    Demo(demo::Arguments),
}

/// Does what the arguments say; the first is the program's name.
///
/// # Errors
///
/// [`ExitCode::Usage`] for arguments that make no sense, else what the command fails with.
pub fn main<I>(arguments: I) -> Result<(), Failure>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    // Its flags have one dash, which clap does not know.
    if let Some(rest) = node_cache::asked(&arguments) {
        return node_cache::node_cache(rest);
    }
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        // Help and version are errors to clap, but asked for.
        Err(error) if !error.use_stderr() => return print(&error.to_string()),
        Err(error) => return Err(usage(&error)),
    };
    match (arguments.command, arguments.config) {
        (None, config) => run::run(run::Arguments { config, no_supervisor: false }),
        (Some(Command::Run(run::Arguments { config: None, no_supervisor })), config) => {
            run::run(run::Arguments { config, no_supervisor })
        }
        (Some(Command::Run(run)), None) => run::run(run),
        (Some(Command::Worker(worker)), None) => worker::run(worker),
        (Some(Command::Ctl(ctl)), None) => ctl::ctl(&ctl),
        #[cfg(feature = "top")]
        (Some(Command::Top(top)), None) => top::top(&top),
        #[cfg(not(feature = "top"))]
        (Some(Command::Top { .. }), None) => Err(Failure::new(
            ExitCode::Usage,
            "this nodens was built without \"top\"; \"nodens ctl stats\" shows the same figures once",
        )),
        (Some(Command::NodeCache { flags }), None) => node_cache::node_cache(&flags),
        (Some(Command::Audit(audit)), None) => audit::audit(&audit),
        (Some(Command::Check(check)), None) => check::check(&check),
        (Some(Command::Migrate(migrate)), None) => migrate::migrate(&migrate),
        (Some(Command::Generate(generate)), None) => generate::generate(&generate, Arguments::command()),
        (Some(Command::Demo(demo)), None) => demo::demo(&demo),
        (Some(_), Some(_)) => Err(usage(
            &Arguments::command()
                .error(clap::error::ErrorKind::ArgumentConflict, "'--config <FILE>' goes with 'run', and only once"),
        )),
    }
}

/// A mistake in the arguments, in clap's words; where something is missing, it prints the help alone, which says nothing of a mistake.
fn usage(error: &clap::Error) -> Failure {
    let is_missing = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let said = if is_missing { "error: a command is missing\n\n" } else { "" };
    Failure::new(ExitCode::Usage, format!("{said}{}", error.to_string().trim_end()))
}

/// Writes to standard output. A reader that has gone away (`nodens generate config | head`) has seen what it wanted.
fn print(text: &str) -> Result<(), Failure> {
    let mut output = stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(ExitCode::InputOutput, format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error, where there is nobody to tell that it failed.
fn warn(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "warning: {line}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{CommandFactory, Parser};

    use super::{Arguments, Command, main};
    use crate::error::ExitCode;

    /// The arguments of a command line without the program's name.
    fn parse(line: &str) -> Arguments {
        Arguments::try_parse_from(std::iter::once("nodens").chain(line.split_whitespace())).unwrap()
    }

    #[test]
    fn clap_finds_no_contradiction() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_is_the_default_and_takes_its_file_before_or_after() {
        assert!(parse("").command.is_none());
        assert_eq!(parse("--config a.toml").config.as_deref(), Some(Path::new("a.toml")));
        assert_eq!(parse("--config a.toml run").config.as_deref(), Some(Path::new("a.toml")));
        let Some(Command::Run(run)) = parse("run --config a.toml").command else { panic!("run is a command") };
        assert_eq!(run.config.as_deref(), Some(Path::new("a.toml")));
    }

    #[test]
    fn arguments_that_make_no_sense_are_usage_errors() {
        for line in [
            "dig",
            "check",
            "--verbose",
            "generate",
            "generate socks",
            "--config a.toml check b.toml",
            "--config a.toml run --config b.toml",
        ] {
            let failure = main(std::iter::once("nodens").chain(line.split(' '))).unwrap_err();
            assert_eq!(failure.code, ExitCode::Usage, "{line}: {failure}");
            assert!(failure.message.starts_with("error: "), "{line}: {failure}");
        }
    }

    #[test]
    fn check_reads_what_the_file_refers_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nodens.toml");
        std::fs::write(&path, "[local]\nrecords = [\"a.example. 60 A 192.0.2.1.2\"]\n").unwrap();
        let failure = main([std::ffi::OsStr::new("nodens"), "check".as_ref(), path.as_os_str()]).unwrap_err();
        assert_eq!(failure.code, ExitCode::Config);
        assert!(failure.message.contains("192.0.2.1.2"), "{failure}");
    }

    #[test]
    fn a_file_that_is_not_there_is_no_input() {
        let failure = main(["nodens", "check", "/nowhere/nodens.toml"]).unwrap_err();
        assert_eq!(failure.code, ExitCode::NoInput);
        assert_eq!(failure.message, "/nowhere/nodens.toml: cannot be read: No such file or directory (os error 2)");
        assert_eq!(main(["nodens", "--config", "/nowhere/nodens.toml"]).unwrap_err().code, ExitCode::NoInput);
    }
}
