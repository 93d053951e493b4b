//! From a file, or from none, to a [`Config`]; again when it has changed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::aws_lc_rs::digest;
use data_encoding::HEXLOWER;

use super::address::RawServer;
use super::environment::{Environment, RESOLV_CONF};
use super::mistake::{Mistake, Place, Report};
use super::options::{SILENT_CLUSTER_GROUP, SILENT_CLUSTER_ZONE, Section, silent_forwarding};
use super::raw::File;
use super::source::{Source, Written, read_text};
use super::value::{At, Value};
use super::{Config, Listen, Transport, loops, observing, rebinding, rewriting, rules, sections, upstream, zone};
use crate::error::{ExitCode, Failure};
use crate::sys::watch::{Stamp, stamped};

/// What messages call the configuration of a daemon that was given no file.
const NO_FILE: &str = "built-in configuration";

/// A configuration and what is odd about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is odd but does not keep the daemon from starting; each names file, line and key.
    pub warnings: Vec<String>,
    /// The document: the file's text, or what was made of something else.
    pub text: String,
    /// SHA-256 of the file's text in hexadecimal, as `sha256sum` prints it; of no text if there is no file.
    pub hash: String,
    /// Parts of what it was made from that were not taken because of a mistake; each names its file.
    pub refused: Vec<String>,
    /// The files it was made of, each as it was before it was read.
    pub files: Vec<(PathBuf, Stamp)>,
    /// Whether the machine's nameservers are asked for the cluster's names, since the file says nothing.
    pub is_silent: bool,
}

/// Where a configuration comes from: a file and the machine, the machine alone, or something else that a document can be made of. It can be
/// read again when these have changed.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The file; `None` is the silent configuration, or another source.
    path: Option<PathBuf>,
    /// What makes the document, if no file is one.
    source: Option<Arc<dyn Source>>,
    /// What the machine said at the start, and its nameservers of now.
    environment: Environment,
    /// Where the nameservers are.
    resolv_conf: PathBuf,
    /// Whether it was read before, here or by whoever started this process.
    again: bool,
}

impl Origin {
    /// This machine, and a file if there is one.
    #[must_use]
    pub fn new(path: Option<&Path>) -> Self {
        Self {
            path: path.map(Path::to_owned),
            source: None,
            environment: Environment::detect(),
            resolv_conf: RESOLV_CONF.into(),
            again: false,
        }
    }

    /// The same, of which another process has read that the file is not empty: one that is empty now is just being written.
    #[must_use]
    pub fn seen_full(self) -> Self {
        Self { again: true, ..self }
    }

    /// This machine, and what a source makes a document of.
    #[must_use]
    pub fn of(source: Arc<dyn Source>) -> Self {
        Self { source: Some(source), ..Self::new(None) }
    }

    /// Whether it is no TOML file that is read.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.source.is_some()
    }

    /// Shows what was read last, as [`Source::show`].
    ///
    /// # Errors
    ///
    /// As that.
    pub fn show(&self) -> io::Result<Option<&Path>> {
        self.source.as_ref().map_or(Ok(None), |source| source.show())
    }

    /// The files that are read, the one that an operator would look at first before the others.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.source.as_ref().map_or_else(|| self.path.iter().cloned().collect(), |source| source.paths())
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> String {
        if let Some(source) = &self.source {
            return source.name();
        }
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
        if let Some(source) = &self.source {
            let Written { text, warnings, refused, files } = source.read()?;
            self.environment.refresh(&self.resolv_conf);
            let mut loaded = self.parse(&text)?;
            loaded.warnings.splice(..0, warnings);
            loaded.files.splice(..0, files);
            return Ok(Loaded { refused, ..loaded });
        }
        let mut files = self.stamps();
        let behind = PathBuf::from(loops::BEHIND_THE_STUB);
        let nameservers: Vec<_> = [self.resolv_conf.clone(), behind].into_iter().map(stamped).collect();
        let text = self.path.as_deref().map(read_text).transpose()?.unwrap_or_default();
        if self.path.is_some() && text.trim().is_empty() && self.again {
            let text = format!("{}: is empty; for the built-in configuration, restart", self.name());
            return Err(Failure::new(ExitCode::Config, text));
        }
        let before = self.environment.nameservers.clone();
        self.environment.refresh(&self.resolv_conf);
        let mut loaded = self.parse(&text)?;
        let cluster = |loaded: &Loaded| loaded.config.zones.iter().any(|zone| zone.name == SILENT_CLUSTER_ZONE);
        if loaded.is_silent && self.again && !cluster(&loaded) && !before.is_empty() {
            // A file that is being written or was lost, or a node that now asks us, is no reason to forget where the cluster's names are.
            self.environment.nameservers = before;
            loaded = self.parse(&text)?;
            let kept = "those from before stay";
            loaded
                .warnings
                .push(format!("{}: no nameserver that is not ourselves; {kept}", self.resolv_conf.display()));
        }
        if loaded.is_silent {
            files.extend(nameservers.into_iter().filter(|(path, _)| *path == self.resolv_conf || path.exists()));
        }
        loaded.files.splice(..0, files);
        self.again = true;
        Ok(loaded)
    }

    /// What a document means that was in force before, for as long as what is read has mistakes. `files` is what [`Origin::stamps`] said before
    /// that was read.
    ///
    /// # Errors
    ///
    /// When what the document names is no longer as it was.
    pub fn recall(&mut self, document: &str, files: Vec<(PathBuf, Stamp)>) -> Result<Loaded, Failure> {
        self.environment.refresh(&self.resolv_conf);
        self.again = true;
        let mut loaded = self.parse(document)?;
        loaded.files.splice(..0, files);
        Ok(loaded)
    }

    /// The files that are read, each as it is now.
    #[must_use]
    pub fn stamps(&self) -> Vec<(PathBuf, Stamp)> {
        self.paths().into_iter().map(stamped).collect()
    }

    /// What a text means on this machine.
    fn parse(&self, text: &str) -> Result<Loaded, Failure> {
        let name = self.name();
        let report = Report::new(&name, text);
        let report = if self.is_made() { report.of_something_else() } else { report };
        Config::assemble(report, text, &self.environment).map_err(|mistakes| Failure::of_mistakes(&mistakes))
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

    /// Reads a text; `origin` is what messages call it. Certificates, hosts files and lists that it names are looked at, nothing else.
    ///
    /// # Errors
    ///
    /// All mistakes of the text, in the order of their lines; never none.
    pub fn parse(text: &str, origin: &str, environment: &Environment) -> Result<Loaded, Vec<Mistake>> {
        Self::assemble(Report::new(origin, text), text, environment)
    }

    /// The same, into a report that knows what the text is.
    fn assemble(mut report: Report<'_>, text: &str, environment: &Environment) -> Result<Loaded, Vec<Mistake>> {
        let mut file = File::read(text, &mut report);
        let listen = sections::listen(file.section(Section::Listen), environment, &mut report);
        let limits = sections::limits(file.section(Section::Limits), &mut report);
        let cache = sections::cache(file.section(Section::Cache), environment);
        let local = sections::local(file.section(Section::Local), environment, &mut report);
        let policy = sections::policy(file.section(Section::Policy), &mut report);
        let dnssec = sections::trust(file.section(Section::Dnssec), &mut report);
        let rebinding = rebinding::assemble(file.section(Section::Rebinding), &mut report);
        let metrics = sections::metrics(file.section(Section::Metrics));
        let health = sections::health(file.section(Section::Health));
        let log = sections::log(file.section(Section::Log));
        let query_log = observing::query_log(file.section(Section::QueryLog), &mut report);
        let detect = observing::detect(file.section(Section::Detect));
        let clients = observing::clients(file.section(Section::Clients), environment, &mut report);
        let control = observing::control(file.section(Section::Control));
        let supervisor = sections::supervisor(file.section(Section::Supervisor));
        let sandbox = sections::sandbox(file.section(Section::Sandbox));
        let interface = sections::interface(file.section(Section::Interface), &listen, &mut report);
        let rules = rules::assemble(file.section(Section::Rules), &listen, &mut report);
        sections::check_endpoints(&mut file, &listen, &mut report);
        let outer = zone::Outer { cache: &cache, query_log: &query_log, detect: &detect };
        let (upstreams, zones) = if file.is_silent {
            silent(&listen, &outer, environment, &mut report)
        } else {
            let upstreams = upstream::assemble(&file.upstreams, &listen, environment, &mut report);
            let zones = zone::assemble(&file.zones, &file.upstreams, &outer, &mut report);
            (upstreams, zones)
        };
        sections::check_dead_suffixes(file.section(Section::Local), &zones, &mut report);
        let rewrites = rewriting::rewrites(&file.rewrites, &mut report);
        let templates = rewriting::templates(&file.templates, &mut report);
        let warnings = report.finish()?;
        let certificates = upstreams.iter().filter_map(|upstream| upstream.ca.as_ref());
        let hosts = zones.iter().filter_map(|zone| zone.rules.hosts.file.as_ref());
        let named =
            local.hosts.iter().chain(hosts).chain(&policy.block_file).chain(&dnssec.anchors).chain(certificates);
        let mut files: Vec<(PathBuf, Stamp)> = Vec::new();
        for path in named {
            if !files.iter().any(|(known, _)| known == path) {
                files.push(stamped(path));
            }
        }
        let hash = HEXLOWER.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let config = Self {
            listen,
            limits,
            cache,
            local,
            policy,
            dnssec,
            rebinding,
            upstreams,
            zones,
            rewrites,
            templates,
            metrics,
            health,
            log,
            query_log,
            detect,
            clients,
            control,
            supervisor,
            sandbox,
            interface,
            rules,
        };
        let text = text.to_owned();
        Ok(Loaded { config, warnings, text, hash, refused: Vec::new(), files, is_silent: file.is_silent })
    }
}

/// The silent configuration of no machine in particular.
impl Default for Config {
    fn default() -> Self {
        let loaded = Self::parse("", NO_FILE, &Environment::neutral());
        loaded.expect("the defaults are without mistakes").config
    }
}

/// Groups and zones of a file that has none: the world over TLS, the cluster by the resolvers that this machine uses.
fn silent(
    listen: &Listen,
    outer: &zone::Outer<'_>,
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
    let zones = zone::assemble(&file.zones, &file.upstreams, outer, &mut inner);
    if let Err(mistakes) = inner.finish() {
        // Only when somebody listens on the very address of a public resolver; then they must say what they want.
        for mistake in mistakes {
            report.mistake(Place::Nowhere, mistake.key, mistake.fault);
        }
    }
    (upstreams, zones)
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

    /// N32
    #[test]
    fn nameservers_are_read_again_and_stay_where_none_is_of_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let mut origin = Origin { resolv_conf: path.clone(), ..Origin::new(None) };
        for (text, last, kept) in [
            (Some("nameserver 192.0.2.1\n"), Some("192.0.2.1:53"), false),
            (Some("nameserver 192.0.2.2\n"), Some("192.0.2.2:53"), false),
            (Some("options edns0\n"), Some("192.0.2.2:53"), true),
            (None, Some("192.0.2.2:53"), true),
            // Ourselves: now the node asks us.
            (Some("nameserver 127.0.0.1\n"), Some("192.0.2.2:53"), true),
            (Some("nameserver 127.0.0.1\nnameserver 192.0.2.3\n"), Some("192.0.2.3:53"), false),
        ] {
            match text {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let loaded = origin.read().unwrap();
            let group = loaded.config.upstreams.iter().find(|upstream| upstream.name == SILENT_CLUSTER_GROUP);
            assert_eq!(group.map(|group| group.servers[0].address.to_string()).as_deref(), last, "{text:?}");
            assert_eq!(loaded.warnings.iter().any(|line| line.contains("those from before stay")), kept, "{text:?}");
            assert_eq!(loaded.files[0], (path.clone(), Stamp::of(&path)));
        }
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
        assert!(!loaded.is_silent);
        let known = Config::parse("", NO_FILE, &Environment::neutral()).unwrap().hash;
        assert_eq!(known, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
