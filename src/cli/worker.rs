//! `nodens worker`: answer queries for a supervisor. Not for people.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use super::node_cache;
use crate::config::Origin;
use crate::error::{ExitCode, Failure};
use crate::supervisor::channel::{Channel, Message};
use crate::sys::{file, process};
use crate::worker::{self, Given};

/// What `worker` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file, in TOML; none is the built-in configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file was not empty when the supervisor read it
    #[arg(long, requires = "config")]
    seen_full: bool,
    /// The flags behind this are those of node-cache, which say where the configuration is
    #[arg(long, conflicts_with = "config")]
    node_cache: bool,
    /// Those flags
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<OsString>,
}

/// Time the supervisor has to say all that a worker needs, in milliseconds. It does so before it does anything else.
const PATIENCE: u16 = 5_000;

/// Takes sockets and answers from the supervisor, at standard input, and answers until it says to stop.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let text = format!("a worker is started by `nodens run`, which speaks to it at standard input: {error}");
        Failure::new(ExitCode::Usage, text)
    };
    process::call(c"nodens-worker");
    // A worker that nobody watches would hold the sockets for ever.
    process::end_with_parent().map_err(failed)?;
    let channel = Channel::of(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    let given = receive(&channel).map_err(failed)?;
    let Arguments { config, seen_full, node_cache, flags } = arguments;
    let origin = match (node_cache, Origin::new(config.as_deref())) {
        (true, _) => node_cache::origin_of_worker(&flags)?,
        (false, origin) if seen_full => origin.seen_full(),
        (false, origin) => origin,
    };
    worker::run(origin, given, channel)
}

/// The longest document that is taken, in bytes: what is made of a Corefile may be longer than a file may be.
const LONGEST_DOCUMENT: u64 = 8 << 20;

/// All that a worker is given.
fn receive(channel: &Channel) -> io::Result<Given> {
    let (mut sockets, mut document) = (Vec::new(), None);
    loop {
        match channel.receive_within(PATIENCE)? {
            Some(Message::Sockets(more)) => sockets.extend(more),
            Some(Message::Document(shared)) => document = read_document(shared.into()),
            Some(Message::Begin(answers)) => return Ok(Given::new(sockets, answers, document)),
            Some(other) => return Err(io::Error::other(format!("{other:?} comes too early"))),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The document that the worker before went by; nothing if it cannot be read: it is for an emergency.
fn read_document(shared: File) -> Option<String> {
    let bytes = file::read_shared(shared, LONGEST_DOCUMENT)
        .inspect_err(|error| eprintln!("nodens: what the worker before went by cannot be read: {error}"));
    String::from_utf8(bytes.ok()?).ok()
}
