//! From flags, base Corefile, ConfigMap of kube-dns and nodens's own file to one document.
//!
//! ```text
//! Corefile.base ── variables ── stub domains ── parse ── compile ── flags ── nodens.toml ── document
//!      └ kube-dns ──┘───────────────┘
//! ```
//!
//! Nothing is written on the way; the Corefile without variables is shown in a file for people, where there can be one.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::corefile_rules;
use super::document;
use super::flags::Flags;
use super::kube_dns::{self, KubeDns};
use super::template::{CLUSTER_DNS, Variables};
use crate::config::{Source, Written, check_part, read_text};
use crate::corefile::{self, Corefile, Directive, Machine, Surroundings, Transport};
use crate::error::Failure;
use crate::sys::watch::{Stamp, stamped};

/// The file beside the base Corefile that names the cluster's DNS where no environment variable does.
const CLUSTER_DNS_FILE: &str = "cluster-dns";

/// Whatever node-cache was told, and what it makes of it.
#[derive(Debug)]
pub(super) struct NodeCache {
    /// The command line.
    flags: Flags,
    /// The environment variable's value; it never changes while a process runs.
    variable: Option<String>,
    /// What was read last.
    state: Mutex<State>,
}

/// What was read last.
#[derive(Debug, Default)]
struct State {
    /// What kube-dns's ConfigMap said when it made sense last.
    kube_dns: KubeDns,
    /// The Corefile without variables; empty if there is none of our making.
    rendered: String,
}

impl NodeCache {
    /// With these flags, on this machine.
    pub(super) fn new(flags: Flags) -> Self {
        let variable = std::env::var(&flags.variable).ok().filter(|value| !value.trim().is_empty());
        Self { flags, variable, state: Mutex::default() }
    }

    /// What was read last.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that names the cluster's DNS.
    fn cluster_dns_file(&self) -> PathBuf {
        self.flags.base.parent().unwrap_or_else(|| Path::new("/")).join(CLUSTER_DNS_FILE)
    }

    /// The addresses of the cluster's DNS; none if nobody knows them.
    fn cluster_dns(&self, warnings: &mut Vec<String>) -> Vec<String> {
        if let Some(value) = &self.variable {
            return value.split_whitespace().map(str::to_owned).collect();
        }
        let file = self.cluster_dns_file();
        let named: Vec<String> = fs::read_to_string(&file)
            .map(|text| {
                text.split([' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
            })
            .unwrap_or_default();
        let (good, bad): (Vec<_>, Vec<_>) = named.into_iter().partition(|word| kube_dns::check_server(word).is_ok());
        warnings.extend(bad.iter().map(|word| format!("{}: {word:?} is no address; it is left out", file.display())));
        if good.is_empty() {
            warnings.push(format!(
                "{}: nobody says where the cluster's DNS is, so {CLUSTER_DNS} stands for nothing and names that need it are \
                 answered with SERVFAIL; restart the pod when the service is there, or name the address in {}",
                self.flags.variable,
                file.display()
            ));
        }
        good
    }

    /// The Corefile's text, its name in messages, and whether it has variables.
    fn base(
        &self,
        files: &mut Vec<(PathBuf, Stamp)>,
        warnings: &mut Vec<String>,
    ) -> Result<(String, PathBuf, bool), Failure> {
        let Flags { base, shown, .. } = &self.flags;
        files.push(stamped(base));
        match (read_text(base), base.exists()) {
            (Ok(text), _) => Ok((text, base.clone(), true)),
            // As node-cache does: what is there is served, even if nobody makes it anew.
            (Err(_), false) if shown.exists() => {
                files.push(stamped(shown));
                warnings.push(format!("{}: is not there; {} is read", base.display(), shown.display()));
                Ok((read_text(shown)?, shown.clone(), false))
            }
            (Err(failure), _) => Err(failure),
        }
    }

    /// What kube-dns's ConfigMap says, or said when it made sense last.
    fn kube_dns(&self, files: &mut Vec<(PathBuf, Stamp)>, refused: &mut Vec<String>) -> KubeDns {
        files.extend(kube_dns::files(&self.flags.kube_dns).map(stamped));
        let mut state = self.state();
        match KubeDns::read(&self.flags.kube_dns) {
            Ok(found) => state.kube_dns = found,
            Err(reason) => refused.push(reason),
        }
        state.kube_dns.clone()
    }

    /// The tree of the whole, with the server blocks of stub domains.
    fn tree(
        &self,
        text: &str,
        name: &Path,
        kube_dns: &KubeDns,
        found: &mut Found<'_>,
    ) -> Result<(String, Corefile), Failure> {
        let variables = Variables {
            local: &self.flags.local,
            cluster_dns: &found.cluster_dns,
            prometheus: &self.flags.prometheus,
            port: self.flags.port,
        };
        let origin = name.display().to_string();
        let mut rendered = variables.render(text, kube_dns);
        let mut tree = corefile::parse(&rendered, &origin, &found.surroundings)
            .map_err(|mistakes| Failure::of_mistakes(&mistakes))?;
        let mut stubs = String::new();
        for (domain, servers) in &kube_dns.stub_domains {
            let zone = format!("{}.", domain.trim_end_matches('.').to_lowercase());
            let held = tree.blocks.iter().find(|block| block.keys.iter().any(|key| key.zone == zone));
            match held {
                Some(block) => found.warnings.push(format!(
                    "{}: {domain:?} is left out: {} has a server block for it",
                    kube_dns::files(&self.flags.kube_dns)[0].display(),
                    block.place
                )),
                None => stubs.push_str(&variables.stub(domain, servers)),
            }
        }
        if !stubs.is_empty() {
            let origin = format!("{} (stubDomains)", self.flags.kube_dns.display());
            let more = corefile::parse(&stubs, &origin, &found.surroundings)
                .map_err(|mistakes| Failure::of_mistakes(&mistakes))?;
            tree.blocks.extend(more.blocks);
            rendered = format!("{}\n{stubs}", rendered.trim_end());
        }
        found.warnings.extend(tree.notices.iter().map(ToString::to_string));
        for block in &mut tree.blocks {
            for key in block.keys.iter_mut().filter(|key| key.transport == Transport::Dns) {
                key.port.get_or_insert(self.flags.port);
            }
            block.directives.iter_mut().for_each(answer_for_the_unknown);
        }
        Ok((rendered, tree))
    }

    /// nodens's own file, if there is one.
    fn own(&self, files: &mut Vec<(PathBuf, Stamp)>) -> Result<Option<String>, Failure> {
        let (path, is_asked_for) = &self.flags.own;
        files.push(stamped(path));
        if !is_asked_for && !path.exists() {
            return Ok(None);
        }
        let text = read_text(path)?;
        check_part(&text, &path.display().to_string())?;
        Ok(Some(text))
    }
}

/// What is found on the way.
struct Found<'a> {
    /// The machine, which notes what is read.
    surroundings: Noting<'a>,
    /// The addresses of the cluster's DNS.
    cluster_dns: Vec<String>,
    /// What is odd.
    warnings: Vec<String>,
}

impl Source for NodeCache {
    fn name(&self) -> String {
        self.flags.base.display().to_string()
    }

    fn paths(&self) -> Vec<PathBuf> {
        let Flags { base, shown, kube_dns, own, .. } = &self.flags;
        let files = kube_dns::files(kube_dns);
        [base.clone(), self.cluster_dns_file(), own.0.clone()]
            .into_iter()
            .chain(files)
            .chain(Some(shown.clone()))
            .collect()
    }

    fn read(&self) -> Result<Written, Failure> {
        let (mut files, mut refused) = (Vec::new(), Vec::new());
        let mut warnings = self.flags.warnings.clone();
        if self.variable.is_none() {
            let file = self.cluster_dns_file();
            files.push(stamped(&file));
        }
        let noted = RefCell::new(Vec::new());
        let (text, name, has_variables) = self.base(&mut files, &mut warnings)?;
        let needs_cluster_dns = text.contains(CLUSTER_DNS);
        let cluster_dns = if needs_cluster_dns { self.cluster_dns(&mut warnings) } else { Vec::new() };
        let kube_dns = self.kube_dns(&mut files, &mut refused);
        let own = self.own(&mut files)?;
        let mut found = Found { surroundings: Noting { inner: Machine, noted: &noted }, cluster_dns, warnings };
        let (rendered, tree) = self.tree(&text, &name, &kube_dns, &mut found)?;
        let compiled =
            corefile::compile(&tree, &found.surroundings).map_err(|mistakes| Failure::of_mistakes(&mistakes))?;
        corefile_rules::checked(&compiled, &name.display().to_string())?;
        let Found { mut warnings, .. } = found;
        warnings.extend(compiled.notices.iter().map(ToString::to_string));
        let text = document::complete(&compiled.toml, &self.flags, &tree, own.as_deref(), &mut warnings)?;
        files.extend(tree.files.iter().map(stamped));
        files.extend(noted.into_inner());
        let mut seen = Vec::new();
        files.retain(|(path, _)| {
            let is_new = !seen.contains(path);
            seen.push(path.clone());
            is_new
        });
        self.state().rendered = if has_variables { rendered } else { String::new() };
        Ok(Written { text, warnings, refused, files })
    }

    fn show(&self) -> io::Result<Option<&Path>> {
        let rendered = self.state().rendered.clone();
        if rendered.is_empty() || self.flags.shown == self.flags.base {
            return Ok(None);
        }
        let path = self.flags.shown.as_path();
        // Not replaced but written: the file may be a mount of its own.
        if fs::read_to_string(path).is_ok_and(|there| there == rendered) {
            return Ok(Some(path));
        }
        match fs::write(path, rendered) {
            Ok(()) => Ok(Some(path)),
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }
}

/// Puts an answer in the place of a `forward` to servers that nobody knows: SERVFAIL at once, rather than a question to "__PILLAR__CLUSTER__DNS__".
fn answer_for_the_unknown(directive: &mut Directive) {
    if directive.name != "forward" || !directive.arguments.iter().any(|word| word.contains(CLUSTER_DNS)) {
        return;
    }
    let from = directive.arguments.first().filter(|from| *from != ".").cloned();
    let line = |name: &str, words: &[&str]| Directive {
        place: directive.place.clone(),
        name: name.to_owned(),
        arguments: words.iter().map(|word| (*word).to_owned()).collect(),
        block: None,
    };
    let template = line("template", &["ANY", "ANY"]);
    let block = Some(vec![line("rcode", &["SERVFAIL"])]);
    *directive = Directive { arguments: template.arguments.into_iter().chain(from).collect(), block, ..template };
}

/// A machine that notes which files of it are read and which folders are looked through, each as it was before.
struct Noting<'a> {
    /// The machine.
    inner: Machine,
    /// The files.
    noted: &'a RefCell<Vec<(PathBuf, Stamp)>>,
}

impl Surroundings for Noting<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.inner.variable(name)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.noted.borrow_mut().push(stamped(path));
        self.inner.read(path)
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        // A file that comes later may fit a pattern of `import`, too.
        self.noted.borrow_mut().push(stamped(folder));
        self.inner.entries(folder)
    }

    fn addresses(&self, interface: &str) -> Vec<SocketAddr> {
        self.inner.addresses(interface)
    }
}
