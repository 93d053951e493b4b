//! From a file, or from none, to a [`Config`]; again when it has changed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ::aws_lc_rs::digest;
use data_encoding::HEXLOWER;

use super::address::RawServer;
use super::environment::{Environment, RESOLV_CONF, read_bounded};
use super::mistake::{Mistake, Place, Report};
use super::options::{SILENT_CLUSTER_GROUP, SILENT_CLUSTER_ZONE, Section, silent_forwarding};
use super::raw::File;
use super::value::{At, Value};
use super::{Cache, Config, Listen, Transport, sections, upstream, zone};
use crate::error::{ExitCode, Failure};
use crate::sys::watch::Stamp;

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
    /// SHA-256 of the file's text in hexadecimal, as `sha256sum` prints it; of no text if there is no file.
    pub hash: String,
    /// The files it was made of, each as it was before it was read.
    pub files: Vec<(PathBuf, Stamp)>,
}

/// Where a configuration comes from: a file and the machine, or the machine alone. It can be read again when these have changed.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The file; `None` is the silent configuration.
    path: Option<PathBuf>,
    /// What the machine said at the start, and its nameservers of now.
    environment: Environment,
    /// Where the nameservers are.
    resolv_conf: PathBuf,
    /// Whether it was read before.
    again: bool,
}

impl Origin {
    /// This machine, and a file if there is one.
    #[must_use]
    pub fn new(path: Option<&Path>) -> Self {
        Self {
            path: path.map(Path::to_owned),
            environment: Environment::detect(),
            resolv_conf: RESOLV_CONF.into(),
            again: false,
        }
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| NO_FILE.to_owned(), |path| path.display().to_string())
    }

    /// Reads it all. What the machine said of cores, memory and its name at the start holds until the end, so that no limit changes
    /// behind the operator's back.
    ///
    /// # Errors
    ///
    /// As [`Config::load`]. From the second time on also for an empty file, and for a pipe, which has nothing more to say: it would be the
    /// silent configuration, but means a file that is just being written.
    pub fn read(&mut self) -> Result<Loaded, Failure> {
        let stamp = |path: &Path| (path.to_owned(), Stamp::of(path));
        let mut files: Vec<_> = self.path.iter().map(|path| stamp(path)).collect();
        let nameservers = stamp(&self.resolv_conf);
        let text = self.path.as_deref().map(read_text).transpose()?.unwrap_or_default();
        if self.path.is_some() && text.trim().is_empty() && self.again {
            let text = format!("{}: is empty; for the built-in configuration, restart", self.name());
            return Err(Failure::new(ExitCode::Config, text));
        }
        self.again = true;
        let found = self.environment.refresh(&self.resolv_conf);
        let mut loaded = Config::parse(&text, &self.name(), &self.environment).map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Failure::new(ExitCode::Config, lines.join("\n"))
        })?;
        if loaded.files.iter().any(|(path, _)| path == Path::new(RESOLV_CONF)) {
            if !found && !self.environment.nameservers.is_empty() {
                let kept = "those from before stay";
                loaded.warnings.push(format!("no nameserver in {}; {kept}", self.resolv_conf.display()));
            }
            loaded.files.retain(|(path, _)| path != Path::new(RESOLV_CONF));
            files.push(nameservers);
        }
        loaded.files.splice(..0, files);
        Ok(loaded)
    }
}

impl Config {
    /// Reads a file, or makes the silent configuration if there is none.
    ///
    /// # Errors
    ///
    /// [`ExitCode::NoInput`] if the file cannot be read, [`ExitCode::Config`] with all mistakes, one a line.
    pub fn load(path: Option<&Path>) -> Result<Loaded, Failure> {
        Origin::new(path).read()
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
            let upstreams = upstream::assemble(&file.upstreams, &listen, &mut report);
            let zones = zone::assemble(&file.zones, &file.upstreams, &cache, &mut report);
            (upstreams, zones)
        };
        let warnings = report.finish()?;
        let named = local.hosts.iter().chain(upstreams.iter().filter_map(|upstream| upstream.ca.as_ref()));
        let mut files: Vec<(PathBuf, Stamp)> = Vec::new();
        let resolv_conf = file.is_silent.then(|| Path::new(RESOLV_CONF));
        for path in resolv_conf.into_iter().chain(named.map(PathBuf::as_path)) {
            if !files.iter().any(|(known, _)| known == path) {
                files.push((path.to_owned(), Stamp::of(path)));
            }
        }
        let hash = HEXLOWER.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let config = Self { listen, limits, cache, local, upstreams, zones, metrics, health, log };
        Ok(Loaded { config, warnings, hash, files })
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
    let servers: Vec<At<RawServer>> = environment
        .nameservers
        .iter()
        .filter(|server| !leads_to_us(**server, listen))
        .map(|address| At::nowhere(RawServer { transport: Transport::Auto, address: *address, name: None }))
        .collect();
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
    let upstreams = upstream::assemble(&file.upstreams, listen, &mut inner);
    let zones = zone::assemble(&file.zones, &file.upstreams, cache, &mut inner);
    if let Err(mistakes) = inner.finish() {
        // Only when somebody listens on the very address of a public resolver; then they must say what they want.
        for mistake in mistakes {
            report.mistake(Place::Nowhere, mistake.key, mistake.fault);
        }
    }
    (upstreams, zones)
}

/// Whether a nameserver of resolv.conf is this daemon: one of its addresses, whatever the port. A loopback address on which nobody
/// here listens is somebody else's, such as systemd-resolved on 127.0.0.53; where all addresses are listened on, it is ours.
fn leads_to_us(server: SocketAddr, listen: &Listen) -> bool {
    let ip = server.ip().to_canonical();
    listen
        .addresses
        .iter()
        .map(|address| address.ip().to_canonical())
        .any(|own| own == ip || (own.is_unspecified() && ip.is_loopback()))
        || ip.is_unspecified()
        || ip.is_multicast()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// N32
    #[test]
    fn a_file_that_is_empty_is_the_silent_configuration_only_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nodens.toml");
        fs::write(&path, "\n").unwrap();
        let mut origin = Origin::new(Some(&path));
        assert!(origin.read().is_ok());
        assert!(
            origin
                .read()
                .unwrap_err()
                .message
                .ends_with("nodens.toml: is empty; for the built-in configuration, restart")
        );
        fs::write(&path, "# Nothing.\n").unwrap();
        let loaded = origin.read().unwrap();
        assert_eq!(loaded.files[0], (path.clone(), Stamp::of(&path)));
        assert_eq!(loaded.files[1].0, Path::new(RESOLV_CONF));
    }

    #[test]
    fn the_hash_is_that_of_sha256sum_and_the_files_are_those_named() {
        let folder = tempfile::tempdir().unwrap();
        let (path, hosts) = (folder.path().join("nodens.toml"), folder.path().join("hosts"));
        fs::write(&hosts, "").unwrap();
        let servers =
            "[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\"]\n[[zone]]\nname = \".\"\nupstream = \"a\"\n";
        fs::write(&path, format!("[local]\nhosts = {hosts:?}\n{servers}")).unwrap();
        let loaded = Config::load(Some(&path)).unwrap();
        assert_eq!(loaded.files.iter().map(|(path, _)| path).collect::<Vec<_>>(), [&path, &hosts]);
        let known = Config::parse("", NO_FILE, &Environment::neutral()).unwrap().hash;
        assert_eq!(known, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
