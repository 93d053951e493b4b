//! What servers say that they should not: each lie with what the client must see.
//!
//! Broken bytes in every field of a message are in `tests/integration/malformed.rs`; these are lies that parse, and those that need a look at
//! what comes out.

use super::{POISON, VICTIM};
use crate::common::compose::{Compose, fields, soa_data, text_data};
use crate::common::upstream::{Action, Query, one_address};
use crate::common::wire::{CH, Message, kind, name_bytes, rcode};

/// One lie.
pub(super) struct Lie {
    /// What is wrong.
    pub(super) what: &'static str,
    /// The type that is asked for.
    pub(super) kind: u16,
    /// What the server sends.
    pub(super) say: fn(&Query) -> Action,
    /// What the client must get over UDP, where no lie can befall another one's answer.
    pub(super) want: fn(&Message) -> bool,
    /// The counter that must have moved, if one must.
    pub(super) counted: Option<&'static str>,
}

/// Counts answers that were ignored.
const MISMATCHES: &str = "nodens_upstream_mismatches_total";

/// Counts records that were left out.
const DROPPED: &str = "nodens_upstream_records_dropped_total";

/// A lie about addresses.
const fn lie(what: &'static str, say: fn(&Query) -> Action, want: fn(&Message) -> bool) -> Lie {
    Lie { what, kind: kind::A, say, want, counted: None }
}

impl Lie {
    /// The same about another type.
    const fn about(self, kind: u16) -> Self {
        Self { kind, ..self }
    }

    /// The same, which a counter must have seen.
    const fn counted(self, counter: &'static str) -> Self {
        Self { counted: Some(counter), ..self }
    }
}

//------ What must come out ------------------------------------------------------------------------------------------------------

/// The one true address.
fn truth(message: &Message) -> bool {
    message.rcode() == rcode::NOERROR
        && message.addresses().iter().all(|a| a.to_string() == "192.0.2.1")
        && !message.answers.is_empty()
}

/// A failure with its reason.
fn failure(message: &Message) -> bool {
    message.rcode() == rcode::SERVFAIL && message.answers.is_empty() && !message.extended_errors().is_empty()
}

/// No record that answers; failure or denial.
fn nothing(message: &Message) -> bool {
    message.addresses().is_empty()
}

/// The truth, or a failure.
fn truth_or_failure(message: &Message) -> bool {
    truth(message) || failure(message)
}

/// No addresses and a failure, or aliases alone.
fn any(_: &Message) -> bool {
    true
}

/// An alias and what it leads to.
fn alias_and_address(message: &Message) -> bool {
    message.answers.len() == 2 && message.addresses().len() == 1
}

//------ What is said ------------------------------------------------------------------------------------------------------------

/// An answer that must not be believed.
fn forged(query: &Query) -> Compose {
    query.answer().addresses(300, &[POISON])
}

/// A forgery, and the truth right behind it.
fn then_truth(query: &Query, forgery: &Compose) -> Action {
    vec![forgery.clone(), one_address(query)].into()
}

/// These bytes, and the truth right behind them.
fn bytes_then_truth(query: &Query, bytes: &[u8]) -> Action {
    Action::Answer(vec![bytes.to_vec(), one_address(query).bytes()])
}

/// The same message with one count changed.
fn miscounted(query: &Query, section: usize, count: u16) -> Action {
    let mut bytes = one_address(query).no_edns().bytes();
    bytes[4 + section * 2..6 + section * 2].copy_from_slice(&count.to_be_bytes());
    Action::Answer(vec![bytes])
}

/// An alias of the question's name.
fn alias(query: &Query, target: &str) -> Compose {
    query.answer().answer(kind::CNAME, 60, &name_bytes(target))
}

/// A chain of `links` aliases and an address at its end.
fn chain(query: &Query, links: usize) -> Action {
    let name = |link: usize| format!("link-{link}.{}", query.name());
    let mut answer = alias(query, &name(1));
    for link in 1..links {
        answer = answer.record(0, &name(link), kind::CNAME, 60, &name_bytes(&name(link + 1)));
    }
    answer.record(0, &name(links), kind::A, 60, &[192, 0, 2, 1]).into()
}

/// Where the first record begins.
fn own_offset(query: &Query) -> u8 {
    u8::try_from(12 + query.message.question_bytes.len()).unwrap()
}

/// An owner of pointers, each to the one before it, behind one A record.
fn pointers(query: &Query, count: u16) -> Action {
    // The pointers lie in the data of a type that nobody looks into.
    let start = u16::from(own_offset(query)) + 2 + 10;
    let mut data = Vec::new();
    for number in 0..count {
        let target = if number == 0 { 12 } else { start + (number - 1) * 2 };
        data.extend((0xc000 | target).to_be_bytes());
    }
    let mut record = (0xc000 | (start + (count - 1) * 2)).to_be_bytes().to_vec();
    record.extend(fields(kind::A, 60, &[192, 0, 2, 1]));
    query.answer().no_edns().answer(65_400, 60, &data).raw(0, &record).into()
}

/// A record with this owner in wire form.
fn owned(query: &Query, owner: &[u8]) -> Action {
    query.answer().no_edns().raw(0, &[owner, &fields(kind::A, 60, &POISON)].concat()).into()
}

/// The SOA record of a zone that the name is not in, beside an NXDOMAIN.
fn foreign_denial(query: &Query) -> Action {
    query.answer().rcode(rcode::NXDOMAIN).soa("example.net", 3600, 3600).into()
}

/// Two OPT records.
fn two_opts(query: &Query) -> Action {
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    one_address(query).no_edns().raw(2, &opt).raw(2, &opt).into()
}

/// A record of the question's name in class CHAOS.
fn chaos_record(query: &Query) -> Action {
    let mut record = vec![0xc0, 12];
    record.extend(fields(kind::A, 60, &POISON));
    record[4..6].copy_from_slice(&CH.to_be_bytes());
    one_address(query).raw(0, &record).into()
}

/// All that is known.
pub(super) const LIES: &[Lie] = &[
    // Not an answer to this question: ignored, and the wait goes on.
    lie("another ID", |q| then_truth(q, &forged(q).id(q.message.id ^ 1)), truth).counted(MISMATCHES),
    lie("another name", |q| then_truth(q, &forged(q).question(VICTIM, kind::A)), truth).counted(MISMATCHES),
    lie("another type", |q| then_truth(q, &forged(q).question(&q.name(), kind::TXT)), truth).counted(MISMATCHES),
    lie(
        "another class",
        |q| {
            let mut bytes = forged(q).bytes();
            bytes[usize::from(own_offset(q)) - 1] = 3;
            bytes_then_truth(q, &bytes)
        },
        truth,
    )
    .counted(MISMATCHES),
    lie("a query (QR=0)", |q| then_truth(q, &forged(q).clear(0x8000)), truth).counted(MISMATCHES),
    lie("opcode NOTIFY", |q| then_truth(q, &forged(q).set(0x2000)), truth).counted(MISMATCHES),
    lie("an empty message", |q| bytes_then_truth(q, b""), truth).counted(MISMATCHES),
    lie("one byte", |q| bytes_then_truth(q, b"x"), truth).counted(MISMATCHES),
    lie("garbage", |q| bytes_then_truth(q, &[0xa5; 300]), truth).counted(MISMATCHES),
    lie(
        "no question",
        |q| {
            let mut bytes = forged(q).bytes();
            bytes[5] = 0;
            bytes_then_truth(q, &bytes)
        },
        truth,
    )
    .counted(MISMATCHES),
    lie(
        "two questions",
        |q| {
            let mut bytes = forged(q).bytes();
            bytes[5] = 2;
            bytes_then_truth(q, &bytes)
        },
        truth,
    )
    .counted(MISMATCHES),
    lie("never anything", |_| Action::Ignore, failure).counted("nodens_upstream_failures_total"),
    // Counts and lengths that lie.
    lie("more answers promised than given", |q| miscounted(q, 1, 9), failure),
    lie("65,535 answers promised", |q| miscounted(q, 1, 65_535), failure),
    lie("fewer answers promised than given", |q| miscounted(q, 1, 0), nothing),
    lie("more additional records promised", |q| miscounted(q, 3, 1), failure),
    lie("bytes behind the end", |q| Action::Answer(vec![[one_address(q).bytes(), vec![0xff; 40]].concat()]), truth),
    lie(
        "a record cut off",
        |q| {
            let mut bytes = forged(q).no_edns().bytes();
            bytes.truncate(bytes.len() - 1);
            Action::Answer(vec![bytes])
        },
        failure,
    ),
    lie(
        "an RDLENGTH that reaches into the next record",
        |q| {
            let mut bytes = one_address(q).no_edns().answer(kind::A, 60, &[192, 0, 2, 1]).bytes();
            let at = usize::from(own_offset(q)) + 11;
            bytes[at] = 6;
            Action::Answer(vec![bytes])
        },
        failure,
    ),
    // Names.
    lie("an owner that points at itself", |q| owned(q, &[0xc0, own_offset(q)]), failure),
    lie("an owner that points forward", |q| owned(q, &[0xc0, own_offset(q) + 4]), failure),
    lie("a pointer among 100 pointers", |q| pointers(q, 100), truth_or_failure),
    lie("a pointer among 600 pointers", |q| pointers(q, 600), failure),
    lie("a label of 64 bytes", |q| owned(q, &[&[64][..], &[b'a'; 64], &[0]].concat()), failure),
    lie(
        "a name of 306 bytes",
        |q| owned(q, &[&[&[50][..], &[b'a'; 50]].concat().repeat(6)[..], &[0]].concat()),
        failure,
    ),
    lie("an alias of 306 bytes by compression", long_by_compression, nothing),
    // Aliases.
    lie("a chain of 1 alias", |q| chain(q, 1), |m| m.answers.len() == 2 && truth(m)),
    lie("a chain of 2 aliases", |q| chain(q, 2), |m| m.answers.len() == 3 && truth(m)),
    lie("a chain of 8 aliases", |q| chain(q, 8), |m| m.answers.len() == 9 && truth(m)),
    lie("a chain of 16 aliases", |q| chain(q, 16), |m| m.answers.len() == 17 && truth(m) || m.truncated()),
    lie("a chain of 17 aliases", |q| chain(q, 17), failure),
    lie("a chain of 50 aliases", |q| chain(q, 50), failure),
    lie("an alias of itself", |q| alias(q, &q.name()).into(), failure),
    lie(
        "two aliases of each other",
        |q| {
            alias(q, "other.example.org").record(0, "other.example.org", kind::CNAME, 60, &name_bytes(&q.name())).into()
        },
        failure,
    ),
    lie(
        "two aliases of one name",
        |q| {
            alias(q, "one.example.org")
                .answer(kind::CNAME, 60, &name_bytes("two.example.org"))
                .record(0, "two.example.org", kind::A, 60, &POISON)
                .into()
        },
        |m| m.answers.len() == 1,
    ),
    lie(
        "an alias beside an address",
        |q| one_address(q).answer(kind::CNAME, 60, &name_bytes(&format!("a.{}", q.name()))).into(),
        any,
    ),
    lie(
        "an alias into a foreign zone, with its address",
        |q| alias(q, VICTIM).record(0, VICTIM, kind::A, 300, &[198, 51, 100, 7]).into(),
        alias_and_address,
    ),
    lie(
        "an alias that leads nowhere",
        |q| alias(q, VICTIM).into(),
        |m| m.answers.len() == 1 && m.rcode() == rcode::NOERROR,
    ),
    lie(
        "an NXDOMAIN behind an alias",
        |q| alias(q, "gone.example.net").rcode(rcode::NXDOMAIN).soa("example.net", 60, 60).into(),
        |m| m.rcode() == rcode::NXDOMAIN && m.answers.len() == 1,
    ),
    lie(
        "a DNAME onto itself",
        |q| {
            q.answer()
                .record(0, "example.org", kind::DNAME, 60, &name_bytes("example.org"))
                .answer(kind::CNAME, 60, &name_bytes(&q.name()))
                .into()
        },
        failure,
    ),
    lie(
        "a DNAME that lengthens the name each time",
        |q| q.answer().record(0, "example.org", kind::DNAME, 60, &name_bytes("a.example.org")).into(),
        nothing,
    ),
    lie(
        "a DNAME of a foreign zone",
        |q| one_address(q).record(0, "example.net", kind::DNAME, 60, &name_bytes("evil.example")).into(),
        |m| truth(m) && m.answers.len() == 1,
    ),
    lie(
        "a DNAME and an alias it does not make",
        |q| {
            q.answer()
                .record(0, "example.org", kind::DNAME, 60, &name_bytes("example.com"))
                .answer(kind::CNAME, 60, &name_bytes(VICTIM))
                .into()
        },
        nothing,
    ),
    // Records that nobody asked for.
    lie("an address of another name only", |q| q.answer().record(0, VICTIM, kind::A, 300, &POISON).into(), nothing),
    lie(
        "an address of another name beside the right one",
        |q| one_address(q).record(0, VICTIM, kind::A, 300, &POISON).into(),
        truth,
    ),
    lie(
        "an address of the zone above",
        |q| one_address(q).record(0, "example.org", kind::A, 300, &POISON).into(),
        truth,
    ),
    lie(
        "another type of the right name",
        |q| one_address(q).answer(kind::TXT, 60, &text_data(9)).into(),
        |m| truth(m) && m.answers.len() == 1,
    ),
    lie(
        "a delegation of a foreign zone with glue",
        |q| {
            one_address(q)
                .record(1, "example.net", kind::NS, 300, &name_bytes(VICTIM))
                .record(2, VICTIM, kind::A, 300, &POISON)
                .into()
        },
        truth,
    ),
    lie(
        "a delegation of its own zone with foreign glue",
        |q| {
            one_address(q)
                .record(1, "example.org", kind::NS, 300, &name_bytes(VICTIM))
                .record(2, VICTIM, kind::A, 300, &POISON)
                .into()
        },
        truth,
    ),
    lie(
        "an address in the additional section alone",
        |q| q.answer().record(2, &q.name(), kind::A, 300, &POISON).into(),
        nothing,
    ),
    lie(
        "an address of a foreign host beside a mail exchange",
        |q| {
            q.answer()
                .answer(kind::MX, 60, &[&[0, 10][..], &name_bytes("mail.example.org")].concat())
                .record(2, VICTIM, kind::A, 300, &POISON)
                .record(2, "mail.example.org", kind::A, 300, &[192, 0, 2, 1])
                .into()
        },
        |m| m.answers.len() == 1 && m.additionals.len() == 1,
    )
    .about(kind::MX),
    lie("a record of class CH", chaos_record, |m| truth(m) && m.answers.len() == 1).counted(DROPPED),
    lie(
        "a meta type among the answers",
        |q| one_address(q).answer(kind::AXFR, 60, b"x").into(),
        |m| truth(m) && m.answers.len() == 1,
    ),
    lie(
        "an address of five bytes",
        |q| one_address(q).answer(kind::A, 60, &[203, 0, 113, 66, 1]).into(),
        |m| truth(m) && m.answers.len() == 1,
    )
    .counted(DROPPED),
    // Denials.
    lie("an NXDOMAIN with the SOA of a foreign zone", foreign_denial, |m| {
        m.rcode() == rcode::NXDOMAIN && m.authorities.is_empty()
    }),
    lie(
        "an NXDOMAIN with a SOA from below the name",
        |q| q.answer().rcode(rcode::NXDOMAIN).soa(&format!("sub.{}", q.name()), 3600, 3600).into(),
        |m| m.rcode() == rcode::NXDOMAIN && m.authorities.is_empty(),
    ),
    lie("an NXDOMAIN with addresses", |q| one_address(q).rcode(rcode::NXDOMAIN).into(), any),
    lie(
        "an NXDOMAIN with half a SOA",
        |q| q.answer().rcode(rcode::NXDOMAIN).record(1, "example.org", kind::SOA, 60, &soa_data(60)[..30]).into(),
        nothing,
    )
    .counted(DROPPED),
    lie("no record at all", |q| q.answer().into(), |m| m.rcode() == rcode::NOERROR && m.answers.is_empty()),
    lie(
        "a referral instead of an answer",
        |q| q.answer().clear(0x0080).record(1, "example.org", kind::NS, 300, &name_bytes("ns.example.org")).into(),
        nothing,
    ),
    // Bits and numbers.
    lie(
        "AA, AD and Z set, RA clear",
        |q| one_address(q).set(0x0460).clear(0x0080).into(),
        |m| truth(m) && m.recursion_available() && !m.authentic(),
    ),
    lie("RCODE 15", |q| q.answer().rcode(15).into(), nothing),
    lie("RCODE 2748", |q| q.answer().rcode(0xabc).into(), nothing),
    lie("REFUSED with addresses", |q| forged(q).rcode(rcode::REFUSED).into(), nothing),
    lie(
        "a TTL with the top bit set",
        |q| q.answer().addresses(0x8000_0001, &[[192, 0, 2, 1]]).into(),
        |m| truth(m) && m.ttl() == 0,
    ),
    lie(
        "TTLs of one set that differ",
        |q| one_address(q).addresses(7, &[[192, 0, 2, 2]]).into(),
        |m| m.answers.len() == 2 && m.answers.iter().all(|r| r.ttl <= 7),
    ),
    lie("two OPT records", two_opts, truth_or_failure),
    lie(
        "an OPT record among the answers",
        |q| one_address(q).no_edns().raw(0, &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]).into(),
        |m| truth(m) && m.answers.len() == 1,
    ),
];

/// An alias that is short on the wire, by a pointer to a long name, and longer than a name may be (RFC 1035 section 3.1).
fn long_by_compression(query: &Query) -> Action {
    let long: Vec<u8> = [&[&[50][..], &[b'a'; 50]].concat().repeat(4)[..], &[0]].concat();
    let start = u16::from(own_offset(query)) + 2 + 10;
    let mut data = [&[50][..], &[b'b'; 50]].concat();
    data.extend((0xc000 | start).to_be_bytes());
    query.answer().no_edns().answer(65_400, 60, &long).answer(kind::CNAME, 60, &data).into()
}
