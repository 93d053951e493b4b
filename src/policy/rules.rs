//! All that operators write down of questions and answers, compiled: rewriting, templates, and what zones say of their names.
//!
//! Read-only after [`RuleSet::new`]; all workers share one. In what order it is asked is the pipeline's.

use std::sync::Arc;

use super::acl::Acl;
use super::hosts::Hosts;
use super::mistake::{Mistake, Written};
use super::rewrite::Rewrites;
use super::scope::Place;
use super::template::Templates;
use crate::config::{Config, Dns64};
use crate::error::Failure;
use crate::metrics::HostsRead;
use crate::wire::suffixes::Suffixes;

/// What operators write down.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Questions that are asked in another form.
    pub rewrites: Rewrites,
    /// Answers that are made of the question.
    pub templates: Templates,
    /// Names that tell a client where it asks from.
    whoami: Suffixes<()>,
    /// What zones say, in the order of the configuration.
    zones: Vec<ZoneRules>,
    /// The names of all zones.
    suffixes: Suffixes<()>,
    /// What looks odd, a line each.
    warnings: Vec<String>,
}

/// What one zone says of its names.
#[derive(Clone, Debug, Default)]
pub struct ZoneRules {
    /// Who may ask.
    pub acl: Option<Arc<Acl>>,
    /// What it knows itself.
    pub hosts: Option<Arc<Hosts>>,
    /// Addresses that are made up.
    pub dns64: Option<Dns64>,
}

impl RuleSet {
    /// Compiles what a configuration says; reads the hosts files of zones.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or with all that is wrong in rules, a line each.
    pub fn new(config: &Config) -> Result<Self, Failure> {
        let (mut set, mistakes) = Self::written(config);
        if !mistakes.is_empty() {
            return Err(Failure::of_mistakes(&mistakes));
        }
        for (zone, rules) in config.zones.iter().zip(&mut set.zones) {
            let written = &zone.rules.hosts;
            let hosts = (!written.is_silent()).then(|| Hosts::new(&zone.name, written, &mut set.warnings));
            rules.hosts = hosts.transpose()?.map(Arc::new);
        }
        Ok(set)
    }

    /// All that is wrong in the rules of a configuration; no file is read.
    #[must_use]
    pub fn mistakes(config: &Config) -> Vec<Mistake> {
        Self::written(config).1
    }

    /// What a configuration says but for the hosts of zones, as far as it can be read; and all that is wrong.
    fn written(config: &Config) -> (Self, Vec<Mistake>) {
        let (mut set, mut mistakes) = (Self::default(), Vec::new());
        match Rewrites::new(&config.rewrites) {
            Ok(rewrites) => set.rewrites = rewrites,
            Err(wrong) => mistakes.extend(wrong),
        }
        match Templates::new(&config.templates) {
            Ok(templates) => set.templates = templates,
            Err(wrong) => mistakes.extend(wrong),
        }
        for (position, zone) in config.zones.iter().enumerate() {
            let acl = Acl::new(&zone.rules.acl).unwrap_or_else(|wrong| {
                mistakes.extend(wrong.into_iter().map(|(line, wrong)| {
                    let at = Written::Access { zone: position, name: zone.name.clone(), line };
                    Mistake { at, wrong }
                }));
                None
            });
            set.zones.push(ZoneRules { acl: acl.map(Arc::new), hosts: None, dns64: zone.rules.dns64 });
            if zone.name != "." {
                set.suffixes.insert(&zone.name, ());
            }
        }
        for suffix in &config.local.whoami {
            set.whoami.insert(suffix, ());
        }
        (set, mistakes)
    }

    /// What looks odd in the zones' hosts: lines for the log, none of them fatal.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What the zone at that position of the configuration says.
    #[must_use]
    pub fn zone(&self, position: usize) -> ZoneRules {
        self.zones.get(position).cloned().unwrap_or_default()
    }

    /// Whether a name tells a client where it asks from. In wire format, lower-case.
    #[must_use]
    pub fn is_whoami(&self, name: &[u8]) -> bool {
        self.whoami.find(name).is_some()
    }

    /// Where a name stands; `is_special` tells whether the node itself would answer.
    #[must_use]
    pub fn place(&self, name: &[u8], is_special: bool) -> Place {
        Place { zone: self.suffixes.find(name).map_or(1, |(suffix, ())| suffix.len()), is_special }
    }

    /// Whether any answer is made or found by a rule, so that memory is not to be asked for all names.
    #[must_use]
    pub fn makes_some(&self) -> bool {
        self.rewrites.change_some() || !self.templates.is_empty() || self.zones.iter().any(|zone| zone.hosts.is_some())
    }

    /// Whether anything is to be looked at before memory is asked.
    #[must_use]
    pub fn intercepts(&self) -> bool {
        self.makes_some() || !self.whoami.is_empty() || self.zones.iter().any(|zone| zone.dns64.is_some())
    }

    /// Whether a zone says who may ask.
    #[must_use]
    pub fn has_acls(&self) -> bool {
        self.zones.iter().any(|zone| zone.acl.is_some())
    }

    /// The hosts of each zone that has some, for whoever counts.
    #[must_use]
    pub fn hosts_read(&self) -> Vec<HostsRead> {
        self.zones.iter().filter_map(|zone| zone.hosts.as_ref()).map(|hosts| hosts.told()).collect()
    }

    /// Names in the hosts of all zones.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.zones.iter().filter_map(|zone| zone.hosts.as_ref()).map(|hosts| hosts.len()).sum()
    }
}
