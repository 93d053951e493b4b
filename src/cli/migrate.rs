//! `nodens migrate COREFILE`: what a Corefile means, as a configuration file.

use std::fs;
use std::path::{Path, PathBuf};

use super::node_cache::{Given, tree};
use super::{corefile_rules, print, warn};
use crate::config::read_text;
use crate::corefile::{self, Compiled, Machine};
use crate::error::{ExitCode, Failure};
use crate::policy::local::Local;
use crate::policy::rules::RuleSet;

/// What `migrate` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The Corefile of CoreDNS or node-cache
    corefile: PathBuf,
    /// The folder that the kube-dns ConfigMap is mounted at, with its stub domains and upstream servers
    #[arg(long, value_name = "DIR")]
    kube_dns: Option<PathBuf>,
    /// What __PILLAR__CLUSTER__DNS__ stands for; else KUBE_DNS_UPSTREAM_SERVICE_HOST of the environment says
    #[arg(long, value_name = "ADDRESS")]
    cluster_dns: Vec<String>,
    /// The file to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What is said below the options.
pub(super) const MORE: &str = "\
Standard output is a configuration file for `nodens run --config`, with comments
that name the lines it comes from. Standard error tells what differs. A Corefile
with mistakes becomes nothing: all of them are told, with their lines.";

/// Prints the document, or writes it to a file, and warns of what differs.
pub(super) fn migrate(arguments: &Arguments) -> Result<(), Failure> {
    let text = read_text(&arguments.corefile)?;
    let origin = arguments.corefile.display().to_string();
    let given = Given { kube_dns: arguments.kube_dns.as_deref(), cluster_dns: &arguments.cluster_dns };
    let tree = tree(&text, &origin, &given, &Machine)?;
    let compiled = corefile::compile(&tree, &Machine).map_err(|mistakes| Failure::of_mistakes(&mistakes))?;
    check(&compiled, &origin)?;
    for notice in &compiled.notices {
        warn(&notice.to_string());
    }
    match &arguments.output {
        None => print(&compiled.toml),
        Some(path) => write(path, &compiled.toml),
    }
}

/// Checks what only those can who answer by it: expressions of rules, records of templates, lines of hosts.
fn check(compiled: &Compiled, origin: &str) -> Result<(), Failure> {
    let config = corefile_rules::checked(compiled, origin)?;
    let rules = RuleSet::new(&config)?;
    let local = Local::new(&config)?;
    for warning in local.warnings().iter().chain(rules.warnings()) {
        warn(warning);
    }
    Ok(())
}

/// Writes a new file, or one that is there.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::new(ExitCode::InputOutput, format!("{}: cannot be written: {error}", path.display())))
}
