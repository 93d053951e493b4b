//! The questions of the demo, what each shows, and who must answer it.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, RecordType};

use super::client::Answer;
use super::stand_in::Questions;

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answerer {
    /// The resolver, over TLS.
    Resolver,
    /// Cluster DNS, over TCP.
    Cluster,
    /// The daemon, from memory.
    Cache,
    /// The daemon, from its own zones.
    Node,
    /// Nobody.
    Nobody,
}

impl Answerer {
    /// Finds out who answered: a stand-in that was asked meanwhile, or the daemon, with authority or without.
    pub(super) fn found(before: Questions, after: Questions, answer: Option<&Answer>) -> Self {
        match answer {
            None => Self::Nobody,
            Some(_) if after.resolver > before.resolver => Self::Resolver,
            Some(_) if after.cluster > before.cluster => Self::Cluster,
            // An error that the daemon made up is no answer from memory.
            Some(answer) if !matches!(answer.rcode, ResponseCode::NoError | ResponseCode::NXDomain) => Self::Nobody,
            Some(answer) if answer.authoritative => Self::Node,
            Some(_) => Self::Cache,
        }
    }

    /// As the table calls it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Resolver => "resolver, TLS",
            Self::Cluster => "cluster DNS, TCP",
            Self::Cache => "cache",
            Self::Node => "nodens itself",
            Self::Nobody => "nobody",
        }
    }
}

/// One question of the script.
pub(super) struct Step {
    /// QNAME, without the last dot.
    pub(super) name: &'static str,
    /// QTYPE.
    pub(super) record_type: RecordType,
    /// QCLASS.
    pub(super) class: DNSClass,
    /// Who must answer.
    pub(super) answerer: Answerer,
    /// With what code.
    pub(super) rcode: ResponseCode,
    /// The data of the first record; `None` for a negative answer.
    pub(super) data: Option<&'static str>,
    /// What this question shows; at most 44 columns.
    pub(super) why: &'static str,
}

impl Step {
    /// A question in class IN that is answered with data.
    const fn positive(
        name: &'static str,
        record_type: RecordType,
        answerer: Answerer,
        data: &'static str,
        why: &'static str,
    ) -> Self {
        Self { name, record_type, class: DNSClass::IN, answerer, rcode: ResponseCode::NoError, data: Some(data), why }
    }

    /// A question for a name that does not exist.
    const fn denied(name: &'static str, record_type: RecordType, answerer: Answerer, why: &'static str) -> Self {
        Self { name, record_type, class: DNSClass::IN, answerer, rcode: ResponseCode::NXDomain, data: None, why }
    }

    /// What is not as expected, in a few words.
    pub(super) fn mistake(&self, answerer: Answerer, answer: Result<&Answer, &String>) -> Option<String> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Some(error.clone()),
        };
        if answerer != self.answerer {
            return Some(format!("expected: {}", self.answerer.title()));
        }
        if answer.rcode != self.rcode {
            return Some(format!("expected: {}", rcode_name(self.rcode)));
        }
        match self.data {
            None if answer.records.is_empty() && answer.negative_ttl.is_some() => None,
            None => Some("expected: an SOA and no records".to_owned()),
            // Addresses of a set come in any order.
            Some(data) if answer.records.iter().any(|record| record == data) => None,
            Some(data) => Some(format!("expected: {data}")),
        }
    }
}

/// What the demo asks, in this order: later questions count on earlier ones.
pub(super) const STEPS: &[Step] = &[
    Step::positive(
        "www.example.com",
        RecordType::A,
        Answerer::Resolver,
        "203.0.113.80",
        "first query: connect, TLS handshake, ask",
    ),
    Step::positive(
        "www.example.com",
        RecordType::A,
        Answerer::Cache,
        "203.0.113.80",
        "again: from memory, nothing leaves the node",
    ),
    Step::positive(
        "www.example.com",
        RecordType::AAAA,
        Answerer::Resolver,
        "2001:db8::80",
        "another type: over the open TLS connection",
    ),
    Step::positive(
        "shop.default.svc.cluster.local",
        RecordType::A,
        Answerer::Cluster,
        "10.96.14.7",
        "a service: cluster DNS knows, over TCP",
    ),
    Step::positive(
        "shop.default.svc.cluster.local",
        RecordType::A,
        Answerer::Cache,
        "10.96.14.7",
        "again: cluster DNS is left alone",
    ),
    Step::positive(
        "_sql._tcp.db.default.svc.cluster.local",
        RecordType::SRV,
        Answerer::Cluster,
        "0 50 5432 db-0.db.default.svc.cluster.local.",
        "a headless service: its pods and their ports",
    ),
    Step::positive(
        "11.1.244.10.in-addr.arpa",
        RecordType::PTR,
        Answerer::Cluster,
        "db-0.db.default.svc.cluster.local.",
        "a pod's address: stays in the cluster, too",
    ),
    Step::denied("nosuch.example.com", RecordType::A, Answerer::Resolver, "a name that does not exist"),
    Step::denied("nosuch.example.com", RecordType::A, Answerer::Cache, "again: \"no\" is kept as well, RFC 2308"),
    Step {
        name: "rebind.example.com",
        record_type: RecordType::A,
        class: DNSClass::IN,
        answerer: Answerer::Resolver,
        rcode: ResponseCode::NoError,
        data: None,
        why: "a public name, an address inside: withheld",
    },
    Step::positive("localhost", RecordType::A, Answerer::Node, "127.0.0.1", "special-use names never leave, RFC 6761"),
    Step::denied("1.1.168.192.in-addr.arpa", RecordType::PTR, Answerer::Node, "nor do private addresses, RFC 6303"),
    Step {
        name: "id.server",
        record_type: RecordType::TXT,
        class: DNSClass::CH,
        answerer: Answerer::Node,
        rcode: ResponseCode::NoError,
        data: Some(super::daemon::IDENTITY),
        why: "which node is this? RFC 4892",
    },
];

/// The mnemonic that every DNS tool writes.
pub(super) fn rcode_name(rcode: ResponseCode) -> String {
    match rcode {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        other => format!("RCODE{}", u16::from(other)),
    }
}
