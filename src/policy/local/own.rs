//! The names that the operator wrote down: collected from the hosts file and the static records, then made into handlers.
//!
//! An own name is one name: what is below it goes on to the upstream. All its data is here, so that a type which is not there is
//! NODATA, with an SOA made up at the name itself. CNAMEs are followed once, when the configuration is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use hickory_proto::rr::{DNSClass, LowerName, Name, RData, Record, RecordSet, RecordType};

use super::constant::{Constant, Owned};
use crate::error::Failure;

/// Seconds that "this name has no such record" may be kept. A guess: a typing error in the file is mended within minutes.
pub(super) const NEGATIVE_TTL: u32 = 300;

/// Most CNAMEs in a row. unbound stops at 11; nobody needs more than a few on purpose.
const MAX_ALIASES: usize = 8;

/// The operator's names and their records.
#[derive(Default)]
pub(super) struct OwnNames(BTreeMap<LowerName, Vec<RecordSet>>);

/// Why a record cannot stand beside those that are there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    /// RFC 1034 section 3.6.2: "If a CNAME RR is present at a node, no other data should be present".
    AliasAndData,
    /// RFC 2181 section 6.1: a zone has one SOA.
    SecondStart,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AliasAndData => "a CNAME must be the only record of its name",
            Self::SecondStart => "a name has one SOA at most",
        })
    }
}

impl OwnNames {
    /// Adds a record of class IN; one that is there already changes nothing (RFC 2181 section 5).
    pub(super) fn add(&mut self, record: Record) -> Result<(), Conflict> {
        let record_type = record.record_type();
        let sets = self.0.entry(LowerName::new(&record.name)).or_default();
        let alias = record_type == RecordType::CNAME;
        if sets.iter().any(|set| (set.record_type() == RecordType::CNAME) != alias) {
            return Err(Conflict::AliasAndData);
        }
        let Some(set) = sets.iter_mut().find(|set| set.record_type() == record_type) else {
            // Records that differ only in the letter case of their owner are one set, under the name in lower case.
            let name = Name::from(LowerName::new(&record.name));
            // RFC 2308 section 3: the TTL of an SOA in a negative answer is at most its MINIMUM.
            let ttl = match &record.data {
                RData::SOA(soa) => record.ttl.min(soa.minimum),
                _ => record.ttl,
            };
            let mut set = RecordSet::with_ttl(name, record_type, ttl);
            set.add_rdata(record.data);
            sets.push(set);
            return Ok(());
        };
        if set.records_without_rrsigs().any(|other| other.data == record.data) {
            return Ok(());
        }
        match record_type {
            RecordType::CNAME => return Err(Conflict::AliasAndData),
            RecordType::SOA => return Err(Conflict::SecondStart),
            _ => {}
        }
        // RFC 2181 section 5.2: the TTLs of a set must not differ.
        let ttl = record.ttl.min(set.ttl());
        set.add_rdata(record.data);
        set.set_ttl(ttl);
        Ok(())
    }

    /// A handler for each name.
    ///
    /// Warns of CNAMEs that leave the own names.
    ///
    /// # Errors
    ///
    /// When CNAMEs lead in a circle or are too many in a row.
    pub(super) fn into_handlers(self, warnings: &mut Vec<String>) -> Result<Vec<Owned>, Failure> {
        let names: BTreeMap<LowerName, Vec<Arc<RecordSet>>> =
            self.0.into_iter().map(|(name, sets)| (name, sets.into_iter().map(Arc::new).collect())).collect();
        let mut handlers: Vec<Owned> = Vec::with_capacity(names.len());
        let mut mistakes = Vec::new();
        for (name, sets) in &names {
            let mut handler = Constant::new(name.clone(), DNSClass::IN, NEGATIVE_TTL);
            match follow(name, sets, &names) {
                Ok(Chain { aliases, end: Some(end) }) => {
                    let (apex, sets) = end.iter().cloned().partition(|set| set.record_type() == RecordType::SOA);
                    if aliases.is_empty() {
                        handler = Vec::into_iter(apex).fold(handler, Constant::with_apex);
                    }
                    handler = handler.with_aliases(aliases).with_sets(sets);
                }
                Ok(Chain { aliases, end: None }) => {
                    if aliases.len() == 1 {
                        warnings.push(format!(
                            "local.records: {name} is a CNAME to a name that is not in local.hosts or local.records; \
                             clients get the CNAME alone"
                        ));
                    }
                    handler = handler.with_aliases(aliases);
                }
                Err(TooLong) => mistakes.push(format!(
                    "local.records: the CNAMEs from {name} lead in a circle or are more than {MAX_ALIASES} in a row; \
                     point the first at the last"
                )),
            }
            handlers.push((name.clone(), Arc::new(handler)));
        }
        if mistakes.is_empty() { Ok(handlers) } else { Err(Failure::of_mistakes(&mistakes)) }
    }
}

/// Where the CNAMEs of a name lead.
struct Chain<'a> {
    /// The CNAMEs, in their order; mostly none.
    aliases: Vec<Arc<RecordSet>>,
    /// The sets at the last name, if that is an own name.
    end: Option<&'a [Arc<RecordSet>]>,
}

/// More than [`MAX_ALIASES`] in a row, which a circle is, too.
struct TooLong;

/// Follows the CNAMEs from a name.
fn follow<'a>(
    name: &LowerName,
    sets: &'a [Arc<RecordSet>],
    names: &'a BTreeMap<LowerName, Vec<Arc<RecordSet>>>,
) -> Result<Chain<'a>, TooLong> {
    let mut aliases = Vec::new();
    let mut end = Some(sets);
    let mut at = name.clone();
    while let Some(alias) = end.and_then(|sets| sets.iter().find(|set| set.record_type() == RecordType::CNAME)) {
        aliases.push(Arc::clone(alias));
        if let Some(RData::CNAME(target)) = alias.record().map(|record| &record.data) {
            at = LowerName::new(&target.0);
        }
        if aliases.len() > MAX_ALIASES {
            return Err(TooLong);
        }
        end = names.get(&at).map(Vec::as_slice);
    }
    Ok(Chain { aliases, end })
}
