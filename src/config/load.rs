//! From a file, or from none, to a [`Config`].

use std::path::Path;

use super::address::RawServer;
use super::environment::{Environment, RESOLV_CONF, read_bounded};
use super::mistake::{Mistake, Place, Report};
use super::options::{SILENT_CLUSTER_GROUP, SILENT_CLUSTER_ZONE, Section, silent_forwarding};
use super::raw::File;
use super::value::{At, Value};
use super::{Cache, Config, Listen, Transport, loops, sections, upstream, zone};
use crate::error::{ExitCode, Failure};

/// The largest configuration file, in bytes: thousands of zones fit, and nothing that is read by accident does.
const LONGEST_FILE: u64 = 1 << 20;
/// What messages call the configuration of a daemon that was given no file.
const NO_FILE: &str = "built-in configuration";

/// A configuration and what is odd about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is odd but does not keep the daemon from starting; each names file, line and key.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads a file, or makes the silent configuration if there is none.
    ///
    /// # Errors
    ///
    /// [`ExitCode::NoInput`] if the file cannot be read, [`ExitCode::Config`] with all mistakes, one a line.
    pub fn load(path: Option<&Path>) -> Result<Loaded, Failure> {
        let (text, origin) = match path {
            Some(path) => (read_text(path)?, path.display().to_string()),
            None => (String::new(), NO_FILE.to_owned()),
        };
        Self::parse(&text, &origin, &Environment::detect()).map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Failure::new(ExitCode::Config, lines.join("\n"))
        })
    }

    /// Reads a text; `origin` is what messages call it. Certificates and hosts files that it names are looked at, nothing else.
    ///
    /// # Errors
    ///
    /// All mistakes of the text, in the order of their lines; never none.
    pub fn parse(text: &str, origin: &str, environment: &Environment) -> Result<Loaded, Vec<Mistake>> {
        let mut report = Report::new(origin, text);
        let mut file = File::read(text, &mut report);
        let listen = sections::listen(file.section(Section::Listen), environment, &mut report);
        let limits = sections::limits(file.section(Section::Limits));
        let cache = sections::cache(file.section(Section::Cache), environment);
        let local = sections::local(file.section(Section::Local), environment, &mut report);
        let metrics = sections::endpoint(file.section(Section::Metrics));
        let health = sections::endpoint(file.section(Section::Health));
        let log = sections::log(file.section(Section::Log));
        sections::check_endpoints(&mut file, &listen, [&metrics, &health], &mut report);
        let (upstreams, zones) = if file.is_silent {
            silent(&listen, &cache, environment, &mut report)
        } else {
            let upstreams = upstream::assemble(&file.upstreams, &listen, environment, &mut report);
            let zones = zone::assemble(&file.zones, &file.upstreams, &cache, &mut report);
            (upstreams, zones)
        };
        sections::check_dead_suffixes(file.section(Section::Local), &zones, &mut report);
        let warnings = report.finish()?;
        Ok(Loaded { config: Self { listen, limits, cache, local, upstreams, zones, metrics, health, log }, warnings })
    }
}

/// The silent configuration of no machine in particular.
impl Default for Config {
    fn default() -> Self {
        let loaded = Self::parse("", NO_FILE, &Environment::neutral());
        loaded.expect("the defaults are without mistakes").config
    }
}

/// The whole text of a file.
fn read_text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes = read_bounded(path, LONGEST_FILE + 1)
        .map_err(|error| Failure::new(ExitCode::NoInput, format!("{shown}: cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST_FILE {
        return Err(Failure::new(
            ExitCode::Config,
            format!("{shown}: is larger than 1MiB; is it a configuration file?"),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::new(ExitCode::Config, format!("{shown}:{line}: syntax: is not UTF-8; save the file as UTF-8"))
    })
}

/// Groups and zones of a file that has none: the world over TLS, the cluster by the resolvers that this machine uses.
fn silent(
    listen: &Listen,
    cache: &Cache,
    environment: &Environment,
    report: &mut Report<'_>,
) -> (Vec<super::Upstream>, Vec<super::Zone>) {
    let mut text = silent_forwarding();
    let mut servers = Vec::new();
    for address in &environment.nameservers {
        match loops::check_nameserver(*address, listen, environment) {
            None => {
                let server = RawServer { transport: Transport::Auto, addresses: vec![*address], name: None };
                servers.push(At::nowhere(server));
            }
            // A loop would end every question for the cluster; a nameserver less only those that no other can answer.
            Some(fault) => {
                let warning =
                    format!("a nameserver of {RESOLV_CONF} is left out: {}; name {}", fault.wrong, fault.right);
                report.warn(Place::Nowhere, "zone", &warning);
            }
        }
    }
    if servers.is_empty() {
        let warning = format!(
            "no nameserver in {RESOLV_CONF} that is not ourselves; there is no zone {SILENT_CLUSTER_ZONE:?}, and its names are asked on the internet"
        );
        report.warn(Place::Nowhere, "zone", &warning);
    } else {
        let servers = Value::Servers(servers);
        text.push_str(&format!(
            "[[upstream]]\nname = \"{SILENT_CLUSTER_GROUP}\"\nservers = {servers}\n\
             [[zone]]\nname = \"{SILENT_CLUSTER_ZONE}\"\nupstream = \"{SILENT_CLUSTER_GROUP}\"\nclass = \"internal\"\n"
        ));
    }
    let mut inner = Report::new(NO_FILE, &text);
    let file = File::read(&text, &mut inner);
    let upstreams = upstream::assemble(&file.upstreams, listen, environment, &mut inner);
    let zones = zone::assemble(&file.zones, &file.upstreams, cache, &mut inner);
    if let Err(mistakes) = inner.finish() {
        // Only when somebody listens on the very address of a public resolver; then they must say what they want.
        for mistake in mistakes {
            report.mistake(Place::Nowhere, mistake.key, mistake.fault);
        }
    }
    (upstreams, zones)
}
