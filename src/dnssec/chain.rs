//! An answer in parts, each of which one zone vouches for.
//!
//! A recursive server answers with a chain: aliases of several zones, and at its end the records, or a denial, of one more. Each is signed by its
//! own zone, so each is judged by itself: as if it had been asked for. An alias that a DNAME makes is not signed, but follows from the DNAME
//! (RFC 6672 section 5.3.1), which is.

use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::{DnsResponse, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::budget::{Cost, Limit, reduce, signature};
use crate::wire::answer::MAX_CHAIN;

/// One part.
#[derive(Debug)]
pub(super) struct Part {
    /// What it answers.
    pub(super) query: Query,
    /// As if it had come alone.
    pub(super) response: DnsResponse,
    /// What it costs at most to verify.
    pub(super) cost: Cost,
}

/// Why an answer has no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// More than may be looked at.
    Limit(Limit),
    /// A chain that does not hold together.
    Chain,
}

impl From<Limit> for Broken {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

/// All parts of an answer.
#[derive(Debug)]
pub(super) struct Parts {
    /// In the order of the chain; never none.
    pub(super) parts: Vec<Part>,
    /// Whether they are all that is in the answer and all that it should have. If not, nothing vouches for the whole: a denial that belongs
    /// to no part, or a chain whose end is neither there nor denied.
    pub(super) is_whole: bool,
}

/// Takes an answer to `name` and `kind` apart.
pub(super) fn take_apart(response: DnsResponse, name: Name, kind: RecordType) -> Result<Parts, Broken> {
    let denials: Vec<(Name, RecordType)> = response.authorities.iter().filter_map(denial).collect();
    let (parts, has_end) = split(response, name, kind)?;
    let is_in = |(owner, kind): &(Name, RecordType)| {
        let same = |record: &Record| record.record_type() == *kind && record.name == *owner;
        parts.iter().any(|part| part.response.authorities.iter().any(same))
    };
    let is_whole = has_end && denials.iter().all(is_in);
    Ok(Parts { parts, is_whole })
}

/// Owner and type of a denial.
fn denial(record: &Record) -> Option<(Name, RecordType)> {
    let kind = record.record_type();
    matches!(kind, RecordType::NSEC | RecordType::NSEC3).then(|| (record.name.clone(), kind))
}

/// The parts, and whether the last one is the end of the chain.
fn split(response: DnsResponse, name: Name, kind: RecordType) -> Result<(Vec<Part>, bool), Broken> {
    // The usual answer is one set; nothing is copied for it.
    let is_plain =
        response.answers.iter().all(|record| record.name == name && record.record_type() != RecordType::CNAME)
            || kind == RecordType::CNAME;
    if is_plain {
        return Ok((vec![end(response, name, kind)?], true));
    }
    let mut parts = Vec::new();
    let mut owner = name;
    for links in 0.. {
        if links > MAX_CHAIN {
            return Err(Broken::Chain);
        }
        let alias = response.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == owner => Some(target.0.clone()),
            _ => None,
        });
        let Some(target) = alias else { break };
        let above = response.answers.iter().find_map(|record| {
            let is_above =
                record.record_type() == RecordType::DNAME && record.name != owner && record.name.zone_of(&owner);
            is_above.then(|| record.name.clone())
        });
        let (link, kind) = match above {
            Some(above) => {
                if substituted(&response, &above, &owner).as_ref() != Some(&target) {
                    return Err(Broken::Chain);
                }
                (above, RecordType::DNAME)
            }
            None => (owner.clone(), RecordType::CNAME),
        };
        let known = |part: &Part| *part.query.name() == link && part.query.query_type() == kind;
        if !parts.iter().any(known) {
            parts.push(part(alone(&response), link, kind)?);
        }
        owner = target;
    }
    // A chain may end with an alias that leads out of what the server knows; that something does not exist has to be proved in any case. An
    // answer that says nothing of the name, only of others, is a denial like one that says nothing at all.
    let has_end = parts.is_empty()
        || response.answers.iter().any(|record| record.name == owner)
        || !response.authorities.is_empty()
        || response.response_code == ResponseCode::NXDomain;
    if has_end {
        parts.push(end(response, owner, kind)?);
    }
    Ok((parts, has_end))
}

/// The part at the end of a chain. The code of an answer is not signed: to deny what is there as signed is to forge.
fn end(response: DnsResponse, name: Name, kind: RecordType) -> Result<Part, Broken> {
    let part = part(response, name, kind)?;
    let is_denied = part.response.response_code == ResponseCode::NXDomain;
    if is_denied && !part.response.answers.is_empty() { Err(Broken::Chain) } else { Ok(part) }
}

/// What the alias `owner` of the DNAME at `above` leads to.
fn substituted(response: &DnsResponse, above: &Name, owner: &Name) -> Option<Name> {
    let target = response.answers.iter().find_map(|record| match &record.data {
        RData::Unknown { code: RecordType::DNAME, rdata } if record.name == *above => super::parsed(&rdata.anything),
        _ => None,
    })?;
    let kept = usize::from(owner.num_labels().checked_sub(above.num_labels())?);
    let labels: Vec<&[u8]> = owner.iter().take(kept).chain(target.iter()).collect();
    Name::from_labels(labels).ok()
}

/// A copy of an answer, of which a link will be made: that is there, whatever the code says of the end of the chain (RFC 6604 section 3).
fn alone(response: &DnsResponse) -> DnsResponse {
    let mut alone = response.clone();
    alone.metadata.response_code = ResponseCode::NoError;
    alone
}

/// Makes a part of an answer.
fn part(mut response: DnsResponse, name: Name, kind: RecordType) -> Result<Part, Broken> {
    let query = Query::query(name, kind);
    let cost = reduce(&mut response, query.name(), kind)?;
    narrow(&mut response, &query);
    for record in &mut response.answers {
        // In the form that is signed, names in the data of a DNAME are in lower case (RFC 4034 section 6.2), but hickory takes them for unknown
        // bytes. Lengths of labels are below all letters.
        if let RData::Unknown { code: RecordType::DNAME, rdata } = &mut record.data {
            rdata.anything.make_ascii_lowercase();
        }
    }
    response.queries = vec![query.clone()];
    Ok(Part { query, response, cost })
}

/// Leaves of the denials those of the zone in question: a chain through several zones may carry those of more than one. A set that stands
/// there as its owner wrote it needs none; one made of a wildcard needs the proof that nothing is nearer (RFC 4035 section 5.3.4).
fn narrow(message: &mut Message, query: &Query) {
    let Message { answers, authorities, .. } = message;
    let is_answered = answers.iter().any(|record| record.record_type() == query.query_type());
    if is_answered {
        let expanded = answers.iter().find_map(|record| {
            let input = signature(record)?.input();
            (input.num_labels < record.name.num_labels()).then(|| input.signer_name.clone())
        });
        match expanded {
            Some(zone) => authorities.retain(|record| record.record_type() != RecordType::SOA && is_of(record, &zone)),
            None => authorities.clear(),
        }
        authorities.retain(|record| {
            signature(record).is_none_or(|signature| signature.input().type_covered != RecordType::SOA)
        });
        return;
    }
    let soa = |record: &&Record| record.record_type() == RecordType::SOA && record.name.zone_of(query.name());
    let Some(zone) = authorities.iter().find(soa).map(|record| record.name.clone()) else { return };
    authorities.retain(|record| is_of(record, &zone));
}

/// Whether a record is in or of `zone`.
fn is_of(record: &Record, zone: &Name) -> bool {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => signature.input().signer_name == *zone,
        _ => zone.zone_of(&record.name),
    }
}
