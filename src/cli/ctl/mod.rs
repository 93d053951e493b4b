//! `nodens ctl`: asks a daemon that runs over its admin socket, and shows what it says, for people or for scripts.
//!
//! - `show` answers as tables.
//! - `explanation` why a name gets the answer it gets.
//! - `table` columns.

use std::io::{self, ErrorKind, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde::de::DeserializeOwned;

use super::print;
use crate::control::admin::client::{Client, Fault, USUAL_PATH};
use crate::control::admin::protocol::{
    Detection, DumpLine, Explanation, FORBIDDEN, Flush, Flushed, Level, LogLevel, Reload, Request, Server, Stats,
    Status, Subject, Top,
};
use crate::error::{ExitCode, Failure};

mod explanation;
mod show;
mod table;
#[cfg(test)]
mod tests;

/// Where the daemon listens.
const WHERE: &str = "Where the daemon listens: \"[control] socket\" of its configuration";

/// What the help says behind the options.
pub(super) const MORE: &str = "\
The daemon listens where \"[control] socket\" of its configuration says; only root
and the user who runs it may ask. Names may have a last dot or not.

  nodens ctl explain www.example.org            why does it get the answer it gets?
  nodens ctl explain api.example AAAA --ask     and what does it get now?
  nodens ctl cache dump --suffix example.org    what is kept of it, and how old?
  nodens ctl cache flush --suffix example.org   ask for it again
  nodens ctl upstreams                          which servers are down, and why?
  nodens ctl --json stats | jq .answers         figures for a script

Exit codes: 0 done, 64 the question makes no sense, 69 no daemon listens there,
70 the daemon is of another version, 77 it does not let this user in, 78 it did
not take the configuration.";

/// What `explain` says behind its options.
const STEPS: &str = "\
In the order in which it is found out: may the client ask, does the node know it
itself, which zone is it in, what is kept (for a plain query, with DO, with CD,
with both), did it fail a moment ago, do its servers ask us, does the zone leave
the type out, which servers would be asked in which order, what becomes of private
addresses and of signatures. The last line says what would happen, and why, for a
query with the bits that --do and --cd say.

  refuse    REFUSED, before anything is looked up
  block     NXDOMAIN: a name that nobody gets
  local     the node answers it itself
  memory    a kept answer is given
  denial-above   NXDOMAIN: a name above does not exist
  failure   the failure of a moment ago is given
  stale     what has expired is given, since no server is there
  stale-unless-answered   servers are asked; what has expired is given if none answers
  loop      the zone is cut off, since its servers ask us
  type-left-out   no data, if the name exists
  ask       servers are asked";

/// What `ctl` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where the daemon listens: `socket` in `control` of its configuration
    #[arg(long, global = true, value_name = "PATH", default_value = USUAL_PATH, help = WHERE)]
    socket: PathBuf,
    /// Print the daemon's answer as JSON, for scripts: one object, or one a line
    #[arg(long, global = true)]
    json: bool,
    /// What to ask.
    #[command(subcommand)]
    command: Command,
}

/// What to ask.
#[derive(Debug, Subcommand)]
enum Command {
    /// Which daemon it is: version, configuration, listeners, processes, sandbox
    Status,
    /// How much it does: queries, hits, latency, memory, what was withheld
    Stats,
    /// The servers it asks: state, latency, connections, failures by kind
    Upstreams,
    /// The kept answers
    #[command(subcommand)]
    Cache(Cache),
    /// What was detected lately: tunnels, floods, rebinding attempts
    Detections(List),
    /// The domains that are asked for most
    TopNames(List),
    /// The clients that ask most
    TopClients(List),
    /// Write more or fewer log lines, until the configuration is read again
    LogLevel {
        /// The least important lines that are written
        level: Words,
    },
    /// Read the configuration again, and say what came of it
    Reload,
    /// What would happen to a query, and why; nothing is asked of a server unless --ask
    #[command(after_help = STEPS)]
    Explain(Explain),
}

/// About the kept answers.
#[derive(Debug, Subcommand)]
enum Cache {
    /// Print them as a zone file, with what is known of each in comments
    Dump {
        /// Only names below this one, and itself
        #[arg(long, value_name = "NAME")]
        suffix: Option<String>,
    },
    /// Forget answers and failures, so that they are asked for again
    Flush(FlushArguments),
}

/// What to forget.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct FlushArguments {
    /// This name, with all its types
    name: Option<String>,
    /// This name and all below it
    #[arg(long, value_name = "NAME")]
    suffix: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

/// A list.
#[derive(Debug, clap::Args)]
struct List {
    /// How many lines at most (20 if silent, at most 1,000)
    #[arg(long, short = 'n', value_name = "COUNT")]
    limit: Option<usize>,
}

/// What to explain.
#[derive(Debug, clap::Args)]
struct Explain {
    /// The name
    name: String,
    /// The type: "AAAA", "HTTPS", or "TYPE" and its number
    #[arg(value_name = "TYPE", default_value = "A")]
    qtype: String,
    /// Who asks: may that client, and how fast?
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// For a client that wants signatures (DO)
    #[arg(long = "do")]
    dnssec_ok: bool,
    /// For a client that wants data which are not validated (CD)
    #[arg(long = "cd")]
    checking_disabled: bool,
    /// Ask it, too, as any client does, and show the answer
    #[arg(long)]
    ask: bool,
}

/// Log levels as words of the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Words {
    /// What broke
    Error,
    /// And what is odd
    Warn,
    /// And the daemon's life
    Info,
    /// And all else
    Debug,
}

impl From<Words> for Level {
    fn from(words: Words) -> Self {
        match words {
            Words::Error => Self::Error,
            Words::Warn => Self::Warn,
            Words::Info => Self::Info,
            Words::Debug => Self::Debug,
        }
    }
}

/// Asks, and prints the answer.
pub(super) fn ctl(arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::connect(&arguments.socket).map_err(|error| unreachable(&arguments.socket, &error))?;
    let mut asking = Asking { client, path: &arguments.socket, json: arguments.json };
    match &arguments.command {
        Command::Status => asking.ask(&Request::Status, |answer: Status| show::status(&answer)),
        Command::Stats => asking.ask(&Request::Stats, |answer: Stats| show::stats(&answer)),
        Command::Upstreams => asking.ask(&Request::Upstreams, |answer: Vec<Server>| show::upstreams(&answer)),
        Command::Cache(Cache::Dump { suffix }) => asking.dump(&Request::CacheDump { suffix: suffix.clone() }),
        Command::Cache(Cache::Flush(flush)) => {
            let what = match (&flush.name, &flush.suffix) {
                (Some(name), _) => Flush::Name(name.clone()),
                (None, Some(suffix)) => Flush::Suffix(suffix.clone()),
                (None, None) => Flush::All(flush.all),
            };
            asking.ask(&Request::CacheFlush { what }, |answer: Flushed| show::flushed(answer))
        }
        Command::Detections(List { limit }) => {
            asking.ask(&Request::Detections { limit: *limit }, |answer: Vec<Detection>| show::detections(&answer))
        }
        Command::TopNames(List { limit }) => {
            asking.ask(&Request::TopNames { limit: *limit }, |answer: Vec<Top>| show::top("DOMAIN", &answer))
        }
        Command::TopClients(List { limit }) => {
            asking.ask(&Request::TopClients { limit: *limit }, |answer: Vec<Top>| show::top("CLIENT", &answer))
        }
        Command::LogLevel { level } => asking.ask(&Request::LogLevel { level: (*level).into() }, |answer: LogLevel| {
            format!("log level {} (before: {}), until the configuration is read again\n", answer.now, answer.before)
        }),
        Command::Reload => asking.ask(&Request::Reload, |answer: Reload| show::reload(&answer)),
        Command::Explain(explain) => {
            let subject = Subject {
                name: explain.name.clone(),
                qtype: Some(explain.qtype.clone()),
                client: explain.client,
                dnssec_ok: explain.dnssec_ok,
                checking_disabled: explain.checking_disabled,
                ask: explain.ask,
            };
            asking.ask(&Request::Explain(subject), |answer: Explanation| explanation::explanation(&answer))
        }
    }
}

/// A question to the daemon.
struct Asking<'a> {
    /// The connection.
    client: Client,
    /// Where that leads.
    path: &'a Path,
    /// Whether the answer is for a script.
    json: bool,
}

impl Asking<'_> {
    /// Asks, and prints one answer.
    fn ask<T: DeserializeOwned>(&mut self, request: &Request, show: impl FnOnce(T) -> String) -> Result<(), Failure> {
        let path = self.path;
        let is_reload = *request == Request::Reload;
        let failed = |fault| explain_fault(path, fault, is_reload);
        self.client.send(request).map_err(failed)?;
        if self.json {
            return print(&(self.client.receive_text().map_err(failed)? + "\n"));
        }
        print(&plain(&show(self.client.receive().map_err(failed)?)))
    }

    /// Asks for what is kept, and prints it as it comes.
    fn dump(&mut self, request: &Request) -> Result<(), Failure> {
        let path = self.path;
        let failed = |fault| explain_fault(path, fault, false);
        self.client.send(request).map_err(failed)?;
        let mut output = io::BufWriter::new(io::stdout().lock());
        loop {
            let line: DumpLine = self.client.receive().map_err(failed)?;
            let is_end = matches!(line, DumpLine::End { .. });
            let text = match &line {
                DumpLine::End { .. } if self.json => String::new(),
                // Made anew of the same types, so that it is the same.
                DumpLine::Entry(entry) if self.json => serde_json::to_string(entry).unwrap_or_default() + "\n",
                DumpLine::Failure(failure) if self.json => serde_json::to_string(failure).unwrap_or_default() + "\n",
                line => plain(&show::kept(line)),
            };
            let written = output.write_all(text.as_bytes()).and_then(|()| if is_end { output.flush() } else { Ok(()) });
            match written {
                Ok(()) if is_end => return Ok(()),
                Ok(()) => {}
                // A reader that has gone away (`| head`) has seen what it wanted.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => {
                    let text = format!("standard output cannot be written: {error}");
                    return Err(Failure::new(ExitCode::InputOutput, text));
                }
            }
        }
    }
}

/// Text that no terminal obeys: the daemon escapes what strangers send, and this is the second lock.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() && character != '\n' { '?' } else { character }).collect()
}

/// Why there is no connection, and what to do.
fn unreachable(path: &Path, error: &io::Error) -> Failure {
    let (code, remedy) = match error.kind() {
        ErrorKind::NotFound => (
            ExitCode::Unavailable,
            "no daemon has made it: is nodens running, and does its configuration say [control] socket = \"…\"? \
             Name another place with --socket",
        ),
        ErrorKind::ConnectionRefused => {
            (ExitCode::Unavailable, "the daemon that made it has ended: start it again, or look at its log")
        }
        ErrorKind::PermissionDenied => {
            (ExitCode::NoPermission, "only root and the user who runs nodens may ask: try sudo")
        }
        _ => (ExitCode::Unavailable, "look at the daemon's log"),
    };
    Failure::new(code, format!("{}: cannot be reached: {error}\n{remedy}", path.display()))
}

/// Why there is no answer.
fn explain_fault(path: &Path, fault: Fault, is_reload: bool) -> Failure {
    match fault {
        Fault::Connection(error) => {
            let text = format!("{}: the daemon does not answer: {error}", path.display());
            Failure::new(ExitCode::Unavailable, text)
        }
        Fault::Refused(text) => match text.strip_prefix(FORBIDDEN) {
            Some(text) => Failure::new(ExitCode::NoPermission, format!("{}: {}", path.display(), plain(text))),
            None => Failure::new(if is_reload { ExitCode::Config } else { ExitCode::Usage }, plain(&text)),
        },
        Fault::Strange(error) => {
            let text = format!(
                "{}: the daemon is of another version ({error}); use the ctl of that version, or restart the daemon",
                path.display()
            );
            Failure::new(ExitCode::Software, text)
        }
    }
}
