//! What the server says about itself in class CHAOS: RFC 4892 and the older names of BIND.
//!
//! What the operator hides is answered REFUSED, as is every other name of the class.

use std::sync::Arc;

use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{DNSClass, LowerName, Name, RData, RecordSet, RecordType};
use hickory_server::server::Request;
use hickory_server::zone_handler::Catalog;

use super::constant::Constant;
use crate::config;
use crate::error::{ExitCode, Failure};

/// Names that tell which server this is.
const IDENTITY: [&str; 2] = ["id.server.", "hostname.bind."];

/// Names that tell what it runs.
const VERSION: [&str; 2] = ["version.server.", "version.bind."];

/// Not to be kept: the next query may meet another server behind the same address, which is why somebody asks.
const TTL: u32 = 0;

/// Largest character-string (RFC 1035 section 3.3).
const MAX_TEXT: usize = 255;

/// A catalog with what is not hidden.
///
/// # Errors
///
/// When a text is longer than a character-string.
pub(super) fn catalog(local: &config::Local) -> Result<Catalog, Failure> {
    let mut catalog = Catalog::new();
    for (option, names, text) in
        [("local.identity", IDENTITY, &local.identity), ("local.version", VERSION, &local.version)]
    {
        let Some(text) = text else { continue };
        if text.len() > MAX_TEXT {
            return Err(Failure::new(
                ExitCode::Config,
                format!("{option}: {} bytes; at most {MAX_TEXT} fit in an answer", text.len()),
            ));
        }
        for name in names {
            let origin = LowerName::new(&Name::from_ascii(name).expect("a literal name"));
            let mut set = RecordSet::with_ttl(Name::from(&origin), RecordType::TXT, TTL);
            set.add_rdata(RData::TXT(TXT::new(vec![text.clone()])));
            set.set_dns_class(DNSClass::CH);
            let handler = Constant::new(origin.clone(), DNSClass::CH, TTL).with_sets(vec![Arc::new(set)]);
            catalog.upsert(origin, vec![Arc::new(handler)]);
        }
    }
    Ok(catalog)
}

/// Whether a catalog has exactly the name of a question, not only one above it.
pub(super) fn owns(catalog: &Catalog, request: &Request) -> bool {
    request.request_info().is_ok_and(|info| catalog.contains(info.query.name()))
}
