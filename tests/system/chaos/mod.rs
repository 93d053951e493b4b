//! What clients see while something goes wrong between the daemon and its servers, or with what these servers say.
//!
//! bind9, unbound and dnsdist stand behind a proxy that delays, loses, cuts and breaks (`common/chaos`), or a server of the test says what
//! no server should. Every query must get an answer that parses, to the question that was asked, before the client has lost patience; names
//! in memory must be answered whatever happens; and nothing that was not asked for may be passed on or kept.
//!
//! The tests in [`network`] print the rows of the table in the manual's chapter on faults; `tests/system/chaos_table` collects them.

// Faults of the network and of whole servers.
mod faults;
mod network;
mod outage;
mod proxy;

// Servers that lie.
mod hostile;
mod lies;
mod stream;
mod truncation;

use std::collections::BTreeSet;

use crate::common::wire::{Message, Record, kind};

/// An address that no client may ever see as an answer to what did not ask for it.
const POISON: [u8; 4] = [203, 0, 113, 66];

/// The name that liars try to poison.
const VICTIM: &str = "victim.example.net";

/// What is wrong with an answer whose every record must be one that the question asked for, or part of the alias chain from its name.
fn what_was_not_asked(message: &Message) -> Option<String> {
    let question = &message.questions[0];
    let lower = |name: &str| name.to_ascii_lowercase();
    let below = |name: &str, zone: &str| zone == "." || name == zone || name.ends_with(&format!(".{zone}"));
    let mut chain = BTreeSet::from([lower(&question.name)]);
    let mut hosts = BTreeSet::new();
    let mut known: Vec<&Record> = Vec::new();
    for record in &message.answers {
        let owner = lower(&record.name);
        let belongs = match record.kind {
            kind::DNAME => chain.iter().any(|name| *name != owner && below(name, &owner)),
            kind::CNAME | kind::RRSIG => chain.contains(&owner),
            other => other == question.kind && chain.contains(&owner),
        };
        if !belongs {
            return Some(format!("a record of {} that was not asked for\n{message}", record.name));
        }
        if known.contains(&record) {
            return Some(format!("the same record twice\n{message}"));
        }
        if record.class != question.class || record.ttl > 0x7fff_ffff {
            return Some(format!("another class, or a TTL that is none (RFC 2181 section 8)\n{message}"));
        }
        known.push(record);
        let targets = if record.kind == kind::CNAME { &mut chain } else { &mut hosts };
        targets.extend(record.names.iter().map(|name| lower(name)));
    }
    let denies =
        |record: &Record| record.kind == kind::SOA && chain.iter().any(|name| below(name, &lower(&record.name)));
    let helps = |record: &Record| matches!(record.kind, kind::A | kind::AAAA) && hosts.contains(&lower(&record.name));
    let fits = message.authorities.iter().all(denies) && message.additionals.iter().all(helps);
    (!fits).then(|| format!("a foreign record beside the answer\n{message}"))
}
