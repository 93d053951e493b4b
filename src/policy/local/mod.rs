//! What the node answers itself, so that it never leaves the node.
//!
//! Three kinds of knowledge, each in a hickory-server [`Catalog`] of its own, because each owns names in another way, and two that are
//! the same for all their names and need none:
//!
//! | knowledge | owns | from |
//! |---|---|---|
//! | own names | exactly the name, nothing below it | `local.hosts`, `local.records` |
//! | zones | a name and everything below it | the special-use names and empty reverse zones, `builtin.rs` |
//! | blocked names | a name and everything below it, whoever else would own it | `policy.block`, `policy.block-file`, `blocked.rs` |
//! | dead names | a name, or all that fit a pattern, and everything below | `local.dead-suffixes`, `dead.rs` |
//! | CHAOS | the whole class | RFC 4892: `id.server`, `version.server` |
//!
//! Own names win over everything, and blocked ones over all but these. A built-in zone gives way to a configured `[[zone]]`: one that equals or contains it replaces it,
//! one that lies below it cuts its part out. The root zone is not counted, since it contains everything. Of dead suffixes and zones,
//! built-in or configured, the longest decides.
//!
//! [`Local::lookup`] says without waiting whether a question is answered here; [`Local::answer`] answers it. Both are used only when
//! the cache has no answer. Size limits, EDNS and the letter case of the question are left to the reply step, recursion and
//! the choice of an upstream to the route step: a CNAME whose target is not an own name is answered alone.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};

use foldhash::fast::RandomState;
use hickory_net::runtime::TokioTime;
use hickory_net::xfer::Protocol;
use hickory_proto::rr::{DNSClass, LowerName, Name, RecordType};
use hickory_server::server::{Request, RequestHandler};
use hickory_server::zone_handler::Catalog;

use crate::config::{self, Config};
use crate::error::{ExitCode, Failure};
use crate::wire::suffixes::Suffixes;
use crate::wire::{class, name};

mod blocked;
mod blocklist;
mod builtin;
mod capture;
mod chaos;
mod constant;
mod dead;
pub(super) mod hosts;
mod own;
pub(super) mod records;
#[cfg(test)]
mod tests;

pub(crate) use capture::Capture;
pub(crate) use constant::Constant;

/// Where a question comes from is of no matter to the catalogs, but they want an address.
const NO_CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Seconds that the denial of a blocked name may be kept by clients. A guess: what was blocked by mistake is back within a minute.
const BLOCKED_TTL: u32 = 60;

/// Which of the node's own knowledge answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalZone {
    /// A name of the hosts file or of the static records.
    OwnName,
    /// A special-use name or an empty reverse zone.
    SpecialUse,
    /// A name that nobody gets.
    Blocked,
    /// A name that the operator declared not to exist.
    Dead,
    /// The CHAOS class: the server about itself, or REFUSED.
    Chaos,
}

/// Everything the node answers itself. Read-only after [`Local::new`]; all workers share one.
pub struct Local {
    /// Own names in wire format, lower-case.
    names: HashSet<Box<[u8]>, RandomState>,
    /// Who owns a suffix, in wire format, lower-case: the longest that matches decides.
    suffixes: HashMap<Box<[u8]>, Suffix, RandomState>,
    /// Labels of the longest key of `suffixes`; longer suffixes of a question need no look-up.
    deepest: usize,
    /// Names that nobody gets.
    blocked: blocked::Blocked,
    /// Names that do not exist.
    dead: Suffixes<()>,
    /// Answers for own names. Invariant: holds exactly the names of `names`.
    name_catalog: Catalog,
    /// Answers for the built-in zones. Invariant: holds exactly the `Suffix::BuiltIn` keys of `suffixes`.
    zone_catalog: Catalog,
    /// Answers for class CHAOS.
    chaos_catalog: Catalog,
    /// What was wrong with the hosts file or looks odd, a line each.
    warnings: Vec<String>,
}

/// Who owns the names below a suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suffix {
    /// This module.
    BuiltIn,
    /// The upstream of a configured zone.
    Configured,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local")
            .field("names", &self.names.len())
            .field("suffixes", &self.suffixes.len())
            .finish_non_exhaustive()
    }
}

impl Local {
    /// Reads the hosts file and the records of a configuration and builds the catalogs.
    ///
    /// # Errors
    ///
    /// When the hosts file or the list of names to block cannot be read or is too large, or a record, an identity or a line of that list is
    /// wrong; all wrong records are in one failure.
    pub fn new(config: &Config) -> Result<Self, Failure> {
        let mut local = Self::build(&config.local, config.zones.iter().map(|zone| zone.name.as_str()))?;
        local.block(&config.policy, &config.zones)?;
        Ok(local)
    }

    /// As [`Local::new`], from the texts of a hosts file and of a list of names to block, for fuzz targets.
    ///
    /// # Errors
    ///
    /// As [`Local::new`].
    #[doc(hidden)]
    pub fn of_texts(config: &Config, hosts: &[u8], list: &[u8]) -> Result<Self, Failure> {
        let mut own = own::OwnNames::default();
        let mut warnings = Vec::new();
        hosts::parse(hosts, "hosts", &mut own, &mut warnings);
        let zones = config.zones.iter().map(|zone| zone.name.as_str());
        let mut local = Self::assemble(&config.local, zones, own, warnings)?;
        local.block(&config.policy, &config.zones)?;
        local.blocked.add_list(list)?;
        Ok(local)
    }

    /// Denies names from now on, and warns where that takes a whole zone away, which is rarely meant.
    fn block(&mut self, policy: &config::Policies, zones: &[config::Zone]) -> Result<(), Failure> {
        self.blocked = blocked::Blocked::new(policy)?;
        for zone in zones {
            let wire = name::parse(&zone.name).unwrap_or_default();
            if let Some(suffix) = self.blocked.find(&wire) {
                self.warnings.push(format!(
                    "policy: the whole zone {:?} is blocked by {}; list the zone in unblock, or remove it",
                    zone.name,
                    name::display(suffix)
                ));
            }
        }
        Ok(())
    }

    /// As [`Local::new`], from what it needs of the configuration.
    fn build<'a>(local: &config::Local, zones: impl Iterator<Item = &'a str>) -> Result<Self, Failure> {
        let mut warnings = Vec::new();
        let mut own = own::OwnNames::default();
        if let Some(path) = &local.hosts {
            hosts::read(path, &mut own, &mut warnings)?;
        }
        Self::assemble(local, zones, own, warnings)
    }

    /// Builds the catalogs of own names, those of the hosts file so far, and of all the rest.
    fn assemble<'a>(
        local: &config::Local,
        zones: impl Iterator<Item = &'a str>,
        mut own: own::OwnNames,
        mut warnings: Vec<String>,
    ) -> Result<Self, Failure> {
        records::parse(&local.records, &mut own)?;
        let name_handlers = own.into_handlers(&mut warnings)?;

        let mut suffixes: HashMap<Box<[u8]>, Suffix, RandomState> = HashMap::default();
        for zone in zones.filter(|zone| *zone != ".") {
            let name = Name::from_ascii(zone).map_err(|error| {
                Failure::new(
                    ExitCode::Config,
                    format!("zone.name {zone:?}: {error}; write a domain name such as \"cluster.local\""),
                )
            })?;
            suffixes.insert(wire_name(&LowerName::new(&name)), Suffix::Configured);
        }

        let mut zone_catalog = Catalog::new();
        if local.special_use {
            for (name, handler) in builtin::zones() {
                let wire = wire_name(&name);
                if name::suffixes(&wire).any(|at| suffixes.get(&wire[at..]) == Some(&Suffix::Configured)) {
                    continue;
                }
                suffixes.insert(wire, Suffix::BuiltIn);
                zone_catalog.upsert(name, vec![handler]);
            }
        }

        let mut names = HashSet::default();
        let mut name_catalog = Catalog::new();
        for (name, handler) in name_handlers {
            names.insert(wire_name(&name));
            name_catalog.upsert(name, vec![handler]);
        }

        let deepest = suffixes.keys().map(|suffix| name::suffixes(suffix).count() - 1).max().unwrap_or(0);
        Ok(Self {
            names,
            suffixes,
            deepest,
            blocked: blocked::Blocked::default(),
            dead: dead::table(&local.dead_suffixes),
            name_catalog,
            zone_catalog,
            chaos_catalog: chaos::catalog(local)?,
            warnings,
        })
    }

    /// What was wrong with the hosts file or looks odd in the records: lines for the log, none of them fatal.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the node itself answers a question, and from what; at most a hash a label.
    ///
    /// `name` is in wire format, lower-case, uncompressed and ends with the root label. A DS record belongs to the parent's side of a
    /// zone cut (RFC 4035 section 3.1.4.1), so that DS at the top of a built-in zone is not ours: it goes to the upstream, which can
    /// prove to a validating client that the delegation is insecure, as RFC 8375 section 4 demands for `home.arpa`.
    #[must_use]
    pub fn lookup(&self, name: &[u8], qtype: u16, qclass: u16) -> Option<LocalZone> {
        match DNSClass::from(qclass) {
            DNSClass::IN => self.owner(name, qtype).map(|(zone, _)| zone),
            DNSClass::CH => Some(LocalZone::Chaos),
            _ => None,
        }
    }

    /// As [`Local::lookup`] for class IN, with the suffix of `name` that decides.
    #[must_use]
    pub fn owner<'a>(&self, name: &'a [u8], qtype: u16) -> Option<(LocalZone, &'a [u8])> {
        if self.names.contains(name) {
            return Some((LocalZone::OwnName, name));
        }
        if let Some(suffix) = self.blocked.find(name) {
            return Some((LocalZone::Blocked, suffix));
        }
        let cut = usize::from(qtype == u16::from(RecordType::DS));
        let labels = name::suffixes(name).count() - 1;
        let zone = name::suffixes(name)
            .skip(cut.max(labels.saturating_sub(self.deepest)))
            .find_map(|at| Some((&name[at..], *self.suffixes.get(&name[at..])?)));
        let Some((dead, ())) = self.dead.find(name) else {
            return zone
                .filter(|(_, owner)| *owner == Suffix::BuiltIn)
                .map(|(suffix, _)| (LocalZone::SpecialUse, suffix));
        };
        match zone {
            Some((suffix, Suffix::BuiltIn)) if suffix.len() > dead.len() => Some((LocalZone::SpecialUse, suffix)),
            // Of a zone and a pattern of the same length, the zone is named in full.
            Some((suffix, Suffix::Configured)) if suffix.len() >= dead.len() => None,
            _ => Some((LocalZone::Dead, dead)),
        }
    }

    /// Whether any name is blocked at all: where none is, the rest need not be asked.
    #[must_use]
    #[inline]
    pub fn blocks_some(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// How many names are blocked, those below them not counted.
    #[must_use]
    pub fn blocked_names(&self) -> usize {
        self.blocked.len()
    }

    /// Whether a name of class IN is one that nobody gets. In wire format, lower-case.
    #[must_use]
    pub fn blocks(&self, name: &[u8]) -> bool {
        self.blocks_some() && !self.names.contains(name) && self.blocked.find(name).is_some()
    }

    /// The answer for a name that nobody gets, or whose alias leads to one, as [`Local::answer`] gives it.
    #[must_use]
    pub fn deny(&self, name: &[u8], qtype: u16) -> Vec<u8> {
        dead::answer(query(name, qtype, class::IN), self.blocked.find(name).unwrap_or(name), BLOCKED_TTL)
    }

    /// The complete answer to a question that [`Local::lookup`] claims, in wire format: header with QR and AA, ID 0, RD and RA 0; the
    /// question as given; no OPT; never truncated.
    ///
    /// Never fails: a question that is not ours is answered REFUSED, one that does not parse SERVFAIL.
    pub async fn answer(&self, name: &[u8], qtype: u16, qclass: u16) -> Vec<u8> {
        let query = query(name, qtype, qclass);
        let Ok(request) = Request::from_bytes(query.clone(), NO_CLIENT, Protocol::Tcp) else {
            return error(query, RCODE_SERVFAIL);
        };
        let catalog = match self.lookup(name, qtype, qclass) {
            Some(LocalZone::OwnName) => &self.name_catalog,
            Some(LocalZone::SpecialUse) => &self.zone_catalog,
            Some(LocalZone::Blocked) => return self.deny(name, qtype),
            Some(LocalZone::Dead) => {
                return dead::answer(query, self.dead.find(name).map_or(name, |found| found.0), dead::TTL);
            }
            // Each name of this class stands alone; the catalog would take one below it for its own.
            Some(LocalZone::Chaos) if chaos::owns(&self.chaos_catalog, &request) => &self.chaos_catalog,
            Some(LocalZone::Chaos) | None => return error(query, RCODE_REFUSED),
        };
        let capture = Capture::default();
        catalog.handle_request::<_, TokioTime>(&request, capture.clone()).await;
        capture.take().unwrap_or_else(|| error(query, RCODE_SERVFAIL))
    }
}

//------ Wire format ------

/// RFC 1035 section 4.1.1.
const RCODE_SERVFAIL: u8 = 2;
/// RFC 1035 section 4.1.1.
const RCODE_REFUSED: u8 = 5;
/// Bytes of a header (RFC 1035 section 4.1.1).
const HEADER: usize = 12;

/// A query message for one question: opcode QUERY, every flag 0, no EDNS.
fn query(name: &[u8], qtype: u16, qclass: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + name.len() + 4);
    message.extend_from_slice(&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(name);
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&qclass.to_be_bytes());
    message
}

/// Turns a message of [`query`] into a response without records.
fn error(mut query: Vec<u8>, rcode: u8) -> Vec<u8> {
    /// QR, the first bit of the flags.
    const RESPONSE: u8 = 0x80;
    if let [_, _, flags, low, ..] = query.as_mut_slice() {
        *flags = RESPONSE;
        *low = rcode;
    }
    query
}

/// A name in wire format, as [`Local::lookup`] gets it from the wire.
fn wire_name(name: &LowerName) -> Box<[u8]> {
    name::of_labels(name.iter()).into_boxed_slice()
}
