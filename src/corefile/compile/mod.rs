//! What a Corefile means: a document for the first front end, and notices of what differs.
//!
//! ```text
//! tree ── block (checked against the table of plugins, read) ── zones (which names, which rules) ── write ── TOML ── checked as any file is
//! ```
//!
//! There is one validated configuration and one way to it, so nothing here makes a [`Config`]: a document is written, and it is read as an
//! operator's file would be. What that finds wrong is said about the line of the Corefile that it came from. So a document that is given
//! out always passes `nodens check`, as far as the machine is the same.
//!
//! Not done here: variables of templates and the ConfigMap of kube-dns, which make other Corefiles; links and packet rules, which no Corefile
//! mentions.

mod block;
mod cache;
mod document;
mod forward;
mod names;
mod report;
mod rewrite;
mod serving;
mod write;
mod zones;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use self::block::Block;
use self::document::Document;
use self::report::Report;
use self::serving::Serving;
use super::parser::Surroundings;
use super::tree::{Corefile, Mistake, Notice, Place};
use super::words;
use crate::config::{Config, Environment, LONGEST_FILE};

/// What a Corefile means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compiled {
    /// A configuration file.
    pub toml: String,
    /// What differs, in the order of the lines.
    pub notices: Vec<Notice>,
    /// Where each `[[rewrite]]` of the document comes from.
    pub rewrites: Vec<Place>,
    /// Where each `[[template]]` does.
    pub templates: Vec<Place>,
    /// Where each line of the access list of each zone does, zones in the order of the document.
    pub access: Vec<Vec<Place>>,
    /// All files that were read, imports included: a change of one of them may change the document.
    pub files: Vec<PathBuf>,
}

/// The machine as the compiler sees it.
struct Outside<'a> {
    /// Files and interfaces.
    surroundings: &'a dyn Surroundings,
    /// What was read.
    files: Vec<PathBuf>,
    /// Where the daemon will listen.
    own: Vec<SocketAddr>,
}

impl Outside<'_> {
    /// The text of a file.
    fn read(&mut self, path: &Path) -> io::Result<String> {
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_owned());
        }
        self.surroundings.read(path)
    }

    /// Whether a server is this daemon, as far as its addresses tell.
    fn is_own(&self, server: SocketAddr) -> bool {
        let ip = server.ip().to_canonical();
        let is_all = |own: IpAddr| own.is_unspecified() && own.is_ipv4() == ip.is_ipv4() && ip.is_loopback();
        self.own.iter().any(|own| own.ip().to_canonical() == ip || is_all(own.ip()))
    }
}

/// Compiles a Corefile.
///
/// # Errors
///
/// All that is wrong with it, in the order of the lines; never an empty list.
pub fn compile(corefile: &Corefile, surroundings: &dyn Surroundings) -> Result<Compiled, Vec<Mistake>> {
    let mut report = Report::default();
    let mut outside = Outside { surroundings, files: corefile.files.clone(), own: Vec::new() };
    let sources: Vec<_> = corefile
        .blocks
        .iter()
        .map(|source| {
            let listen = serving::listeners(source, &outside, &mut report);
            (source, listen)
        })
        .collect();
    outside.own = sources.iter().flat_map(|(_, listen)| listen).copied().collect();
    let mut serving = Serving::default();
    let blocks: Vec<Block> = sources
        .into_iter()
        .map(|(source, listen)| Block::read(source, listen, &mut serving, &mut outside, &mut report))
        .collect();
    if blocks.is_empty() && report.mistakes.is_empty() {
        let place = Place { file: first_file(corefile), line: 1 };
        report.mistake(
            &place,
            "syntax",
            "there is no server block",
            "write one such as \".:53 { forward . 192.0.2.1 }\"",
        );
    }
    let document = (report.mistakes.is_empty()).then(|| {
        let zones = zones::zones(&blocks, &mut report);
        let access = zones.iter().map(|zone| zone.acl.iter().filter_map(|(_, place)| place.clone()).collect());
        (write::write(&blocks, &zones, &serving, &mut report), access.collect())
    });
    if let Some((document, _)) = &document {
        check(document, corefile, &mut report);
    }
    let Report { mut mistakes, mut notices } = report;
    notices.extend(corefile.notices.iter().cloned());
    let order = |one: &Place, other: &Place| one.cmp(other);
    mistakes.sort_by(|one, other| order(&one.place, &other.place));
    notices.sort_by(|one, other| order(&one.place, &other.place));
    match document {
        Some((document, access)) if mistakes.is_empty() => {
            let [rewrites, templates] = ["[[rewrite]]", "[[template]]"].map(|header| document.headlines(header));
            Ok(Compiled { toml: document.finish(), notices, rewrites, templates, access, files: outside.files })
        }
        _ => Err(mistakes),
    }
}

/// What messages call a Corefile.
fn first_file(corefile: &Corefile) -> std::sync::Arc<str> {
    corefile.blocks.first().map_or_else(|| "Corefile".into(), |block| std::sync::Arc::clone(&block.place.file))
}

/// Reads the document as a file of an operator, on no machine in particular.
fn check(document: &Document, corefile: &Corefile, report: &mut Report) {
    let whole = Place { file: first_file(corefile), line: 1 };
    if document.text().len() as u64 > LONGEST_FILE {
        report.mistake(&whole, "syntax", "means more than 1MiB of configuration", "write fewer blocks");
        return;
    }
    for mistake in Config::parse(document.text(), "Corefile", &Environment::neutral()).err().unwrap_or_default() {
        let place = mistake.line.and_then(|line| document.place(line)).unwrap_or(&whole);
        report.mistake(&place.clone(), &mistake.key, mistake.fault.wrong, mistake.fault.right);
    }
}
