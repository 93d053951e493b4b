//! `nodens node-cache`, and nodens started as `node-cache`: the command line, files and environment of node-local-dns's program.
//!
//! - [`flags`] the command line.
//! - [`kube_dns`] the ConfigMap of kube-dns.
//! - [`template`] the variables of a base Corefile.
//! - [`document`] what flags and nodens's own file say besides.
//! - [`apart`] a Corefile with its variables and stub domains, without a command line.
//! - [`source`] all of it as one configuration, which both processes read, and read again.
//!
//! What a Corefile means, [`crate::corefile`] says. The manual's chapter [`dropin`](crate::manual::dropin) says what differs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use super::{check, print};
use crate::config::Origin;
use crate::corefile;
use crate::error::Failure;
use crate::supervisor::{self, Orders};

mod apart;
mod document;
mod flags;
mod kube_dns;
mod source;
mod template;

pub(super) use apart::{Given, tree};
pub(super) use flags::usage;
use flags::{Flags, Wish};
use source::NodeCache;

/// The name of the command, and of the program that it takes the place of.
pub(super) const NAME: &str = "node-cache";

/// What tells a worker that it is one of node-cache.
const WORKER: &str = "--node-cache";

/// The arguments behind the name, if the program was started as node-cache or with that command.
pub(super) fn asked(arguments: &[OsString]) -> Option<&[OsString]> {
    let (program, rest) = arguments.split_first()?;
    if Path::new(program).file_name() == Some(OsStr::new(NAME)) {
        return Some(rest);
    }
    let (command, rest) = rest.split_first()?;
    (command == NAME).then_some(rest)
}

/// Does what the flags say.
pub(super) fn node_cache(arguments: &[OsString]) -> Result<(), Failure> {
    match flags::read(arguments)? {
        Wish::Help => print(&usage()),
        Wish::Version => print(&format!("nodens {} (node-cache)\n", env!("CARGO_PKG_VERSION"))),
        Wish::Plugins => print(&plugins()),
        Wish::Check(flags) => check::show(&mut origin(*flags)),
        Wish::Run(flags) => {
            let worker = [WORKER, "--"].map(OsString::from).into_iter().chain(arguments.iter().cloned()).collect();
            let orders = Orders { worker, pid_file: flags.pid_file.clone() };
            supervisor::run(origin(*flags), &orders)
        }
    }
}

/// Where a worker of node-cache reads the configuration: it has the arguments of its supervisor.
pub(super) fn origin_of_worker(arguments: &[OsString]) -> Result<Origin, Failure> {
    match flags::read(arguments)? {
        Wish::Run(flags) => Ok(origin(*flags)),
        _ => unreachable!("nobody starts a worker to print something"),
    }
}

/// Where the configuration is read.
fn origin(flags: Flags) -> Origin {
    Origin::of(Arc::new(NodeCache::new(flags)))
}

/// The plugins that a Corefile may name, as CoreDNS lists them.
fn plugins() -> String {
    let names: Vec<String> = corefile::plugin_names().map(|name| format!("  dns.{name}\n")).collect();
    format!("Server types:\n  dns\n\nOther plugins:\n{}", names.concat())
}
