//! The keys of the anchors' zones.
//!
//! hickory's validator trusts keys; an anchor may be a digest of one, and often is the key that signs the zone's keys alone. So before the
//! first answer below an anchor is judged, the zone's keys are fetched; if one of them is the anchor's and has signed them all (RFC 4035 section
//! 5, RFC 5011 section 2), the validator gets all of them. They are fetched anew when they expire.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hickory_net::dnssec::DnssecDnsHandle;
use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::dnssec::{TrustAnchors, Verifier as _};
use hickory_proto::rr::{Name, Record, RecordType, SerialNumber};

use super::anchors::Anchor;
use super::budget::{ITERATIONS, key, signature, tag};
use super::handle::Source;
use super::messages::{Known, Question};
use super::parsed;
use super::verdict::{Reason, Verdict, reason};
use crate::sys::clock::{self, Moment};

/// Verdicts on sets of records that hickory's validator remembers, a worker, each for the TTL of its set; the one that was used longest ago makes
/// room. Each takes about 200 bytes.
///
/// They pay off for keys and delegations, which each answer of a zone needs, and for answers that are asked for ahead of their expiry. So many let a
/// zone stay that is used every half minute while 50 answers a second are validated; to verify its keys anew takes 0.2 ms.
const VERDICTS: usize = 4096;

/// The longest that a good verdict is remembered. Answers are kept for as long as their signatures and TTLs say, whatever this says.
const LONGEST: Duration = Duration::from_secs(3600);

/// Keys of the anchors' zones, by name in wire format, and until when.
type Zones = BTreeMap<Box<[u8]>, (Vec<DNSKEY>, Moment)>;

/// What is trusted now.
pub(super) struct Trust {
    /// The keys of each anchor's zone, and until when.
    zones: RefCell<Zones>,
    /// A validator that trusts them.
    validator: RefCell<Rc<DnssecDnsHandle<Source>>>,
}

impl Trust {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let validator = RefCell::new(Rc::new(validator(&Zones::new())));
        Self { zones: RefCell::default(), validator }
    }

    /// The validator, if the keys of `zone` are known.
    pub(super) fn validator(&self, zone: &[u8]) -> Option<Rc<DnssecDnsHandle<Source>>> {
        let is_known = self.zones.borrow().get(zone).is_some_and(|(_, until)| clock::coarse() < *until);
        is_known.then(|| Rc::clone(&self.validator.borrow()))
    }

    /// Takes the keys of an anchor's zone, if the anchor vouches for them.
    pub(super) fn take(
        &self,
        zone: &[u8],
        anchor: &Anchor,
        known: &Known,
    ) -> Result<Rc<DnssecDnsHandle<Source>>, Verdict> {
        let now = u32::try_from(clock::wall().as_secs() & u64::from(u32::MAX)).unwrap_or(0);
        let (name, response) = match (parsed(zone), &known.response) {
            (Some(name), Ok(response)) => (name, response),
            (_, Err(limit)) => return Err(Verdict::Bogus(Reason::Work(super::verdict::Work(*limit)))),
            (None, _) => return Err(Verdict::Bogus(Reason::KeyMissing)),
        };
        let set: Vec<&Record> = response.answers.iter().filter(|record| key(record).is_some()).collect();
        let keys: Vec<DNSKEY> = set.iter().filter_map(|record| key(record)).cloned().collect();
        let seconds = signed_until(&name, &set, &response.answers, &keys, anchor, now).ok_or_else(|| {
            let anchored = |name: &Name, key: &DNSKEY| anchor.holds(name, key);
            Verdict::Bogus(reason(std::iter::once(&**response), &hickory_proto::op::Message::query(), anchored, now))
        })?;
        let until = known.until.min(clock::coarse() + Duration::from_secs(u64::from(seconds)));
        let mut zones = self.zones.borrow_mut();
        let is_same = zones.get(zone).is_some_and(|(old, _)| *old == keys);
        zones.insert(zone.into(), (keys, until));
        if !is_same {
            // What was proved by keys that are trusted no more is forgotten with them.
            self.validator.replace(Rc::new(validator(&zones)));
        }
        Ok(Rc::clone(&self.validator.borrow()))
    }
}

/// The question for a zone's keys.
pub(super) fn question(zone: &[u8]) -> Question {
    Question { name: zone.into(), kind: RecordType::DNSKEY.into() }
}

/// A validator that trusts these keys.
///
/// Of verdicts it remembers only the good ones: a bad one may be the fault of a server that did not answer, and then must not outlast it.
fn validator(zones: &Zones) -> DnssecDnsHandle<Source> {
    let mut anchors = TrustAnchors::empty();
    for (zone, (keys, _)) in zones {
        let Some(name) = parsed(zone) else { continue };
        for key in keys.iter().filter(|key| key.zone_key() && !key.revoke()) {
            anchors.insert_with_name(key.public_key(), (&name).into());
        }
    }
    DnssecDnsHandle::with_trust_anchor(Source, Arc::new(anchors))
        .nsec3_iteration_limits(Some(ITERATIONS), Some(u16::MAX))
        .validation_cache_size(VERDICTS)
        .positive_validation_ttl(Duration::ZERO..=LONGEST)
        .negative_validation_ttl(Duration::ZERO..=Duration::ZERO)
}

/// For how many seconds an anchor's key has signed the set of all keys; `None` if it has not.
fn signed_until(
    zone: &Name,
    set: &[&Record],
    answers: &[Record],
    keys: &[DNSKEY],
    anchor: &Anchor,
    now: u32,
) -> Option<u32> {
    let time = SerialNumber::new(now);
    let trusted: Vec<&DNSKEY> =
        keys.iter().filter(|key| key.zone_key() && !key.revoke() && anchor.holds(zone, key)).collect();
    let class = set.first()?.dns_class;
    answers.iter().filter_map(signature).find_map(|signature| {
        let input = signature.input();
        let fits = input.type_covered == RecordType::DNSKEY
            && input.signer_name == *zone
            && input.sig_inception <= time
            && time <= input.sig_expiration;
        let tagged = (input.key_tag, u8::from(input.algorithm));
        let mut signers = trusted.iter().filter(|key| fits && tag(key) == tagged);
        let is_good = |key: &&&DNSKEY| key.verify_rrsig(zone, class, signature, set.iter().copied()).is_ok();
        signers.find(is_good).map(|_| input.sig_expiration.get().wrapping_sub(now))
    })
}
