//! A zone that a test signs itself, answer by answer, with one key: also such answers as no tool would sign.

use std::time::Duration;

use hickory_proto::dnssec::crypto::Ed25519SigningKey;
use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, NSEC, RRSIG};
use hickory_proto::dnssec::{Algorithm, DigestType, PublicKey as _, PublicKeyBuf, SigningKey, TBS};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, NS, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};

/// A zone and its key.
pub(crate) struct SignedZone {
    /// Its name.
    pub(crate) name: Name,
    /// Signs.
    key: Ed25519SigningKey,
    /// The key that is published.
    pub(crate) dnskey: DNSKEY,
    /// When it is, in seconds since 1970.
    now: u32,
}

/// A name.
pub(crate) fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

/// An address record.
pub(crate) fn address(owner: &str, last: u8) -> Record {
    Record::from_rdata(name(owner), 300, RData::A(A::new(192, 0, 2, last)))
}

/// A name server.
pub(crate) fn server(owner: &str) -> Record {
    Record::from_rdata(name(owner), 300, RData::NS(NS(name(&format!("ns.{owner}")))))
}

/// A denial by names: nothing stands between `owner` and `next`, and `owner` has these types.
pub(crate) fn denial(owner: &str, next: &str, types: &[RecordType]) -> Record {
    let types = types.iter().copied().chain([RecordType::NSEC, RecordType::RRSIG]);
    Record::from_rdata(name(owner), 300, RData::DNSSEC(DNSSECRData::NSEC(NSEC::new(name(next), types))))
}

/// A key that nobody has, of Ed25519, with this tag: the last two bytes make up for the others.
pub(crate) fn colliding(seed: u8, tag: u16) -> DNSKEY {
    let key = |last: [u8; 2]| {
        let mut bytes = vec![seed; 30];
        bytes.extend(last);
        DNSKEY::new(true, true, false, PublicKeyBuf::new(bytes, Algorithm::ED25519))
    };
    let missing = tag.wrapping_sub(key([0, 0]).calculate_key_tag().unwrap());
    // Sums of the tag carry around, so that a few may have to be tried.
    let near = (0..u16::MAX).map(|less| key(missing.wrapping_sub(less).to_be_bytes()));
    near.into_iter().find(|key| key.calculate_key_tag().unwrap() == tag).expect("one of them has it")
}

/// A message that answers the question for `owner` and `kind`.
pub(crate) fn message(
    id: u16,
    owner: &str,
    kind: RecordType,
    rcode: ResponseCode,
    answers: Vec<Record>,
    authorities: Vec<Record>,
) -> Vec<u8> {
    let mut message = Message::response(id, OpCode::Query);
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_desired = true;
    message.metadata.recursion_available = true;
    message.metadata.response_code = rcode;
    message.queries = vec![Query::query(name(owner), kind)];
    message.answers = answers;
    message.authorities = authorities;
    message.to_vec().unwrap()
}

impl SignedZone {
    /// A zone with a new key; `now` is the time of day.
    pub(crate) fn new(zone: &str, now: Duration) -> Self {
        let der = Ed25519SigningKey::generate_pkcs8().unwrap();
        let key = Ed25519SigningKey::from_pkcs8(&der).unwrap();
        let dnskey = DNSKEY::new(true, true, false, key.to_public_key().unwrap());
        Self { name: name(zone), key, dnskey, now: u32::try_from(now.as_secs()).unwrap() }
    }

    /// The key as a line of a file of trust anchors.
    pub(crate) fn anchor(&self) -> String {
        let key = self.dnskey.public_key().public_bytes();
        format!("{} 300 IN DNSKEY 257 3 15 {}\n", self.name, data_encoding::BASE64.encode(key))
    }

    /// Its digest as a DS record for the zone above.
    pub(crate) fn delegation(&self) -> Record {
        let tag = self.dnskey.calculate_key_tag().unwrap();
        let digest = self.dnskey.to_digest(&self.name, DigestType::SHA256).unwrap();
        let digest = DS::new(tag, Algorithm::ED25519, DigestType::SHA256, digest.as_ref().to_vec());
        Record::from_rdata(self.name.clone(), 300, RData::DNSSEC(DNSSECRData::DS(digest)))
    }

    /// Its keys, signed.
    pub(crate) fn keys(&self) -> Vec<Record> {
        self.signed(vec![self.key()])
    }

    /// Its key.
    pub(crate) fn key(&self) -> Record {
        Record::from_rdata(self.name.clone(), 300, RData::DNSSEC(DNSSECRData::DNSKEY(self.dnskey.clone())))
    }

    /// The record at its beginning, signed.
    pub(crate) fn start(&self) -> Vec<Record> {
        let soa = SOA::new(self.name.clone(), self.name.clone(), 1, 7200, 1800, 86_400, 60);
        self.signed(vec![Record::from_rdata(self.name.clone(), 300, RData::SOA(soa))])
    }

    /// A signature in the form of a good one that fits nothing.
    pub(crate) fn forged(&self, owner: &str, covered: RecordType, salt: u8) -> Record {
        let input = SigInput {
            type_covered: covered,
            algorithm: Algorithm::ED25519,
            num_labels: name(owner).num_labels(),
            original_ttl: 300,
            sig_expiration: SerialNumber::new(self.now + 86_400),
            sig_inception: SerialNumber::new(self.now - 86_400),
            key_tag: self.dnskey.calculate_key_tag().unwrap(),
            signer_name: self.name.clone(),
        };
        let signature = RData::DNSSEC(DNSSECRData::RRSIG(RRSIG::from_sig(input, vec![salt; 64])));
        Record::from_rdata(name(owner), 300, signature)
    }

    /// A set of records with a signature that is valid for a day before and after now.
    pub(crate) fn signed(&self, set: Vec<Record>) -> Vec<Record> {
        let labels = set[0].name.num_labels();
        self.signed_as(set, labels, -86_400, 86_400)
    }

    /// A set of records with a signature of so many labels, valid from and until so many seconds from now.
    pub(crate) fn signed_as(&self, mut set: Vec<Record>, labels: u8, from: i64, until: i64) -> Vec<Record> {
        let at = |seconds: i64| SerialNumber::new(u32::try_from(i64::from(self.now) + seconds).unwrap());
        let input = SigInput {
            type_covered: set[0].record_type(),
            algorithm: Algorithm::ED25519,
            num_labels: labels,
            original_ttl: set[0].ttl,
            sig_expiration: at(until),
            sig_inception: at(from),
            key_tag: self.dnskey.calculate_key_tag().unwrap(),
            signer_name: self.name.clone(),
        };
        let signed = TBS::from_input(&set[0].name, DNSClass::IN, &input, set.iter()).unwrap();
        let signature = RRSIG::from_sig(input, self.key.sign(&signed).unwrap());
        let signature = RData::DNSSEC(DNSSECRData::RRSIG(signature));
        set.push(Record::from_rdata(set[0].name.clone(), set[0].ttl, signature));
        set
    }
}
