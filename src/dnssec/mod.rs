//! Step 6a: whether an answer is what its zone's owner signed (RFC 4033–4035, 5155, 6840).
//!
//! ```text
//! answer ─► parts ─► each: whose name? ─┬─ a negative trust anchor, or known to be unsigned ─► insecure
//!           alias by alias              └─ a trust anchor ─► hickory's validator ─► verdict ─► the reason, if it is bad
//!                                                                 │     ▲
//!                                                    DNSKEY, DS, NS▼     │ bounded, kept, each asked once at a time
//!                                                          whoever sent the answer
//! ```
//!
//! What is hard to do right, signatures and proofs that something does not exist, is hickory-net's [`DnssecDnsHandle`]; it works on parsed
//! copies and asks for keys by a handle of ours. What it leaves to its user is here:
//!
//! - [`Anchors`] whom to trust: DS and DNSKEY records of any zone, and names that are not validated (RFC 7646).
//! - `chain` an answer in parts: each alias and the end of the chain belong to zones of their own, and are judged by their keys.
//! - `handle` what the validator asks for: from what was prepared, from memory, or from the upstream, and only so much of it.
//! - `messages` answers to such questions, kept for as long as they are good, and asked for once at a time.
//! - `budget` how much work a question may cause, whatever its zone looks like: KeyTrap (CVE-2023-50387) and floods of NSEC3 hashes
//!   (CVE-2023-50868) end there.
//! - `trust` keys of the anchors' zones, fetched and matched with the anchors.
//! - [`Validator`] the order of all that.
//! - [`Verdict`] what comes of it, and the extended error (RFC 8914) that says why.
//!
//! Asking is the pipeline's: it hands in a closure. What is kept of a verdict, and who is shown AD, is decided there, too. The bytes that
//! clients get are the upstream's, never re-encoded here.
//!
//! Deliberately not done: RFC 5011 (anchors are configuration, and come with a release or from the operator), aggressive use of denials
//! (RFC 8198), and asking for missing pieces with QTYPE ANY.
//!
//! [`DnssecDnsHandle`]: hickory_net::dnssec::DnssecDnsHandle

mod anchors;
mod budget;
mod chain;
mod handle;
mod messages;
#[cfg(test)]
#[path = "../../tests/common/signing.rs"]
#[expect(dead_code, reason = "each kind of test uses another part")]
mod signing;
#[cfg(test)]
mod tests;
mod trust;
mod validator;
mod verdict;

pub use anchors::Anchors;
pub use messages::{Ask, Unanswered};
pub use validator::Validator;
pub use verdict::{Judgement, Reason, Unsupported, Verdict, Work};

use hickory_proto::rr::Name;

/// A name as hickory has it in wire format, folded.
fn wire(name: &Name) -> Vec<u8> {
    let mut wire = crate::wire::name::of_labels(name.iter());
    crate::wire::name::fold(&mut wire);
    wire
}

/// A name in wire format as hickory has it; `None` if it is none.
fn parsed(name: &[u8]) -> Option<Name> {
    let mut labels = Vec::with_capacity(8);
    let mut rest = name;
    while let Some((&length, behind)) = rest.split_first()
        && length > 0
    {
        let (label, behind) = behind.split_at_checked(usize::from(length))?;
        labels.push(label);
        rest = behind;
    }
    Name::from_labels(labels).ok()
}

/// The name above; the root's is the root.
fn above(name: &[u8]) -> &[u8] {
    name.first().and_then(|length| name.get(usize::from(*length) + 1..)).filter(|rest| !rest.is_empty()).unwrap_or(&[0])
}
