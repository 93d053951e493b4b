//! A zone that says the same at every one of its names.
//!
//! hickory's in-memory zones cannot do this: a wildcard there answers NXDOMAIN, not NODATA, for a type that it does not have, and
//! a CNAME cannot stand beside the SOA that a negative answer needs.

use std::sync::Arc;

use async_trait::async_trait;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{DNSClass, LowerName, Name, RData, RecordSet, RecordType, TSigResponseContext};
use hickory_server::server::{Request, RequestInfo};
use hickory_server::zone_handler::{
    AuthLookup, AxfrPolicy, LookupControlFlow, LookupError, LookupOptions, LookupRecords, ZoneHandler, ZoneTransfer,
    ZoneType,
};

/// A name, and what answers at it.
pub(super) type Owned = (LowerName, Arc<dyn ZoneHandler>);

/// The same records at a name and at whatever below it the catalog hands us.
pub(crate) struct Constant {
    /// The top of the zone.
    origin: LowerName,
    /// What only the top has: SOA, and NS for a real zone.
    apex: Vec<Arc<RecordSet>>,
    /// CNAMEs from the name to where `sets` are, in this order; mostly none.
    aliases: Vec<Arc<RecordSet>>,
    /// What every name has.
    sets: Vec<Arc<RecordSet>>,
}

impl Constant {
    /// A zone with an SOA made up for it, and nothing else yet.
    pub(crate) fn new(origin: LowerName, class: DNSClass, negative_ttl: u32) -> Self {
        let mut soa = RecordSet::with_ttl(Name::from(&origin), RecordType::SOA, negative_ttl);
        soa.add_rdata(RData::SOA(start_of_authority(&origin, negative_ttl)));
        soa.set_dns_class(class);
        Self { origin, apex: vec![Arc::new(soa)], aliases: Vec::new(), sets: Vec::new() }
    }

    /// Adds a set that only the top has; an SOA replaces the one made up.
    pub(crate) fn with_apex(mut self, set: Arc<RecordSet>) -> Self {
        self.apex.retain(|other| other.record_type() != set.record_type());
        self.apex.push(set);
        self
    }

    /// Sets what every name has.
    pub(crate) fn with_sets(mut self, sets: Vec<Arc<RecordSet>>) -> Self {
        self.sets = sets;
        self
    }

    /// Puts CNAMEs in front of the sets.
    pub(crate) fn with_aliases(mut self, aliases: Vec<Arc<RecordSet>>) -> Self {
        self.aliases = aliases;
        self
    }

    /// The sets that answer a question, in the order of the answer section; empty is NODATA.
    fn find(&self, name: &LowerName, record_type: RecordType) -> Vec<Arc<RecordSet>> {
        let at_apex = *name == self.origin;
        // The catalog asks for the SOA of a negative answer in the same way as a client does. Below a CNAME there is no other data.
        if let Some(alias) = self.aliases.first() {
            if matches!(record_type, RecordType::CNAME | RecordType::ANY) {
                return vec![Arc::clone(alias)];
            }
            let ends = self.sets.iter().filter(|set| set.record_type() == record_type);
            return self.aliases.iter().chain(ends).cloned().collect();
        }
        let apex = self.apex.iter().filter(|_| at_apex);
        // RFC 8482 section 4.1: one set is a complete answer to ANY, and the data comes before the SOA that was made up.
        let found =
            self.sets.iter().chain(apex).find(|set| set.record_type() == record_type || record_type == RecordType::ANY);
        match found {
            None => Vec::new(),
            Some(set) if at_apex => vec![Arc::clone(set)],
            Some(set) => vec![Arc::new(renamed(set, name))],
        }
    }
}

#[async_trait]
impl ZoneHandler for Constant {
    fn zone_type(&self) -> ZoneType {
        ZoneType::Primary
    }

    fn axfr_policy(&self) -> AxfrPolicy {
        AxfrPolicy::Deny
    }

    fn origin(&self) -> &LowerName {
        &self.origin
    }

    async fn lookup(
        &self,
        name: &LowerName,
        record_type: RecordType,
        request: Option<&RequestInfo<'_>>,
        options: LookupOptions,
    ) -> LookupControlFlow<AuthLookup> {
        let mut found = self.find(name, record_type);
        LookupControlFlow::Continue(match found.len() {
            // The catalog itself looks for the NS set to go with an SOA; an own name has none, and that is not worth its warning.
            0 if request.is_none() => Ok(AuthLookup::Empty),
            0 => Err(LookupError::NameExists),
            1 => Ok(LookupRecords::new(options, found.remove(0)).into()),
            _ => Ok(LookupRecords::many(options, found).into()),
        })
    }

    async fn search(
        &self,
        request: &Request,
        options: LookupOptions,
    ) -> (LookupControlFlow<AuthLookup>, Option<TSigResponseContext>) {
        let info = match request.request_info() {
            Ok(info) => info,
            Err(error) => return (LookupControlFlow::Break(Err(error)), None),
        };
        (self.lookup(info.query.name(), info.query.query_type(), Some(&info), options).await, None)
    }

    async fn zone_transfer(
        &self,
        _: &Request,
        _: LookupOptions,
        _: u64,
    ) -> Option<(Result<ZoneTransfer, LookupError>, Option<TSigResponseContext>)> {
        Some((Err(LookupError::ResponseCode(ResponseCode::Refused)), None))
    }

    async fn nsec_records(&self, _: &LowerName, _: LookupOptions) -> LookupControlFlow<AuthLookup> {
        LookupControlFlow::Continue(Ok(AuthLookup::Empty))
    }
}

/// The SOA that RFC 6303 section 3 gives to an empty zone, with another negative TTL where that fits better.
pub(super) fn start_of_authority(origin: &LowerName, negative_ttl: u32) -> SOA {
    let nobody = Name::from_ascii("nobody.invalid.").expect("a literal name");
    SOA::new(Name::from(origin), nobody, 1, 3_600, 1_200, 604_800, negative_ttl)
}

/// A copy of a set for another name.
fn renamed(set: &RecordSet, name: &LowerName) -> RecordSet {
    let mut copy = RecordSet::with_ttl(Name::from(name), set.record_type(), set.ttl());
    for record in set.records_without_rrsigs() {
        copy.add_rdata(record.data.clone());
    }
    copy.set_dns_class(set.dns_class());
    copy
}
