//! An upstream's message, checked and reduced to what answers the question.
//!
//! What comes out is in our own form: the alias chain in order, then the records asked for, then what a negative answer or a
//! signature needs; every pointer is one we wrote; nothing the question did not ask for. The records can be put behind any client's
//! copy of the question, since the question's length never changes with its letter case.
//!
//! Kept, of the answer section: records of the asked type, CNAME, DNAME and signatures whose owner is the question's name or an alias
//! of it (RFC 1034 section 4.3.2, RFC 2181 section 5.4.1: unrelated records are not believed). Of the authority section: the SOA of a
//! negative answer (RFC 2308) and denial proofs of zones that these names lie in. Of the additional section: addresses of hosts that the records asked for name. Dropped and counted:
//! records of a known form whose RDATA does not have it. NS sets beside a positive answer are dropped, as resolvers do that answer minimally.
//!
//! Costs no allocation once its buffers have grown; 0.1–0.2 µs for a usual answer, where decoding and encoding it anew by a library costs 1.1 µs.

mod below;
mod judged;
mod proof;
mod whole;

use super::header::{HEADER, MAX_MESSAGE, flag, option, rcode, rtype};
use super::record::{self, Form, Parts, Record};
use super::{header, name, u16_at, u32_at};

/// Most aliases followed in one answer. Resolvers give up after about eleven themselves; a chain that we cut off would look like
/// a name without data, so a longer one is an error.
pub const MAX_CHAIN: usize = 16;

/// Most hosts of an answer whose addresses are looked for in its additional section. A guess: more never fit a datagram.
const MAX_HOSTS: usize = 64;

/// Names remembered for compression. A guess: more would help only sets of many names with several parents.
const MAX_REMEMBERED: usize = 32;

/// The farthest offset a pointer can name (RFC 1035 section 4.1.4: 14 bits).
const POINTER_LIMIT: usize = 0x4000;

/// What kind of answer a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Records of the asked type, or an alias leading on.
    #[default]
    Positive,
    /// The name exists, the type does not (RFC 2308 section 2.2).
    NoData,
    /// The name does not exist (RFC 2308 section 2.1).
    NxDomain,
    /// Another response code; no records are kept.
    Failure,
}

/// A set of addresses that can be answered in any order: equal records, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Offset of the first record, counted from the end of the question.
    pub start: u16,
    /// Bytes of each.
    pub stride: u16,
    /// How many; at least 2.
    pub count: u16,
}

/// Why a message answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No header, or a header that is not a response to one question.
    Header,
    /// Another question.
    Question,
    /// A record is cut off, so that none behind it can be found.
    Record,
    /// Aliases in a circle (RFC 1034 section 3.6.2: "CNAME loops signalled as an error"), or more than [`MAX_CHAIN`].
    Chain,
    /// More than fits a message once names are written out.
    Size,
}

/// An answer in our own form, and the room to make it in; reused from one message to the next.
#[derive(Debug, Default)]
pub struct Answer {
    /// Its kind.
    pub kind: Kind,
    /// RCODE with the extended bits.
    pub rcode: u16,
    /// Whether the responder set AA.
    pub authoritative: bool,
    /// Whether the responder set AD.
    pub authentic: bool,
    /// Whether the responder set TC.
    pub truncated: bool,
    /// Whether there was an OPT record.
    pub edns: bool,
    /// The responder's first extended error, if any (RFC 8914).
    pub ede: Option<u16>,
    /// The responder's edns-tcp-keepalive in units of 100 ms, if any (RFC 7828).
    pub keepalive: Option<u16>,
    /// Answer, authority and additional records kept.
    pub counts: [u16; 3],
    /// The records kept, as they follow the question.
    pub records: Vec<u8>,
    /// Where their TTLs are, counted from the end of the question.
    pub ttls: Vec<u16>,
    /// Smallest TTL in seconds of the answer section; `u32::MAX` if it is empty.
    pub ttl: u32,
    /// Negative TTL in seconds of the SOA record (RFC 2308 section 5); `None` without one.
    pub negative_ttl: Option<u32>,
    /// The set of addresses that may be rotated.
    pub rotation: Option<Rotation>,
    /// Records dropped because their RDATA did not have its type's form.
    pub dropped: u16,
    /// The name that aliases lead to, if nothing is said of that.
    loose_end: Option<Name>,
    /// The message's records, in order.
    items: Vec<Item>,
    /// Expanded names; the question's stands first.
    names: Vec<u8>,
    /// Bytes of the question's name.
    question_length: u8,
    /// Names already written behind the question, for compression.
    written: Vec<(Name, u16)>,
    /// Offsets in the message of DNAME records already written: one can lie above several aliases of a chain.
    dnames: Vec<usize>,
    /// The question's name and its aliases so far; then the hosts that the records asked for name. Invariant: at most [`MAX_HOSTS`].
    reached: Vec<Name>,
}

/// A name in [`Answer::names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    /// Offset of its first byte.
    start: u32,
    /// Bytes of it.
    length: u8,
}

/// One record of the message.
#[derive(Clone, Copy, Debug)]
struct Item {
    /// 0 answer, 1 authority, 2 additional.
    section: u8,
    /// Its owner.
    owner: Name,
    /// Where its parts are.
    record: Record,
}

/// What is asked of [`Answer::read`].
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The name, folded, uncompressed.
    pub name: &'a [u8],
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// Whether signatures and proofs are wanted.
    pub dnssec_ok: bool,
}

impl Answer {
    /// Reads an upstream's message that answers `asked`. What was here before is forgotten.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the message is no answer to that question or its structure is broken; a record whose RDATA alone is broken is
    /// dropped instead. After an error the fields mean nothing.
    pub fn read(&mut self, message: &[u8], asked: &Asked<'_>) -> Result<(), Malformed> {
        self.read_where(message, asked, |_, _| true)
    }

    /// As [`Answer::read`], as if the message had only those records of which `keep` says so by type and RDATA.
    ///
    /// # Errors
    ///
    /// As [`Answer::read`].
    pub fn read_where(
        &mut self,
        message: &[u8],
        asked: &Asked<'_>,
        keep: impl Fn(u16, &[u8]) -> bool,
    ) -> Result<(), Malformed> {
        let question_end = self.begin(message, asked)?;
        self.collect(message, question_end, asked.qclass, keep)?;
        self.select(message, asked)?;
        if self.records.len() + question_end > MAX_MESSAGE { Err(Malformed::Size) } else { Ok(()) }
    }

    /// Forgets the last message and reads header and question of this one; the offset behind them.
    fn begin(&mut self, message: &[u8], asked: &Asked<'_>) -> Result<usize, Malformed> {
        self.clear();
        let question_end = HEADER + asked.name.len() + 4;
        let flags = header::flags(message);
        if message.len() < HEADER
            || flags & flag::QR == 0
            || flags & flag::OPCODE != 0
            || u16_at(message, header::COUNTS[0]) != Some(1)
        {
            return Err(Malformed::Header);
        }
        let name = message.get(HEADER..question_end - 4).ok_or(Malformed::Question)?;
        let fields = (u16_at(message, question_end - 4), u16_at(message, question_end - 2));
        if !name::equal(name, asked.name) || fields != (Some(asked.qtype), Some(asked.qclass)) {
            return Err(Malformed::Question);
        }
        self.rcode = flags & flag::RCODE;
        self.authoritative = flags & flag::AA != 0;
        self.authentic = flags & flag::AD != 0;
        self.truncated = flags & flag::TC != 0;
        self.names.extend_from_slice(asked.name);
        self.question_length = u8::try_from(asked.name.len()).map_err(|_| Malformed::Question)?;
        Ok(question_end)
    }

    /// Forgets the last message, keeps the room.
    fn clear(&mut self) {
        let (mut records, mut ttls) = (std::mem::take(&mut self.records), std::mem::take(&mut self.ttls));
        let (mut items, mut names) = (std::mem::take(&mut self.items), std::mem::take(&mut self.names));
        let (mut written, mut dnames) = (std::mem::take(&mut self.written), std::mem::take(&mut self.dnames));
        let mut reached = std::mem::take(&mut self.reached);
        records.clear();
        ttls.clear();
        items.clear();
        names.clear();
        written.clear();
        dnames.clear();
        reached.clear();
        *self = Self { records, ttls, items, names, written, dnames, reached, ttl: u32::MAX, ..Self::default() };
    }

    /// The bytes of a name.
    fn name(&self, name: Name) -> &[u8] {
        let start = name.start as usize;
        self.names.get(start..start + usize::from(name.length)).unwrap_or(&[0])
    }

    /// The question's name.
    fn question(&self) -> Name {
        Name { start: 0, length: self.question_length }
    }

    /// Remembers a name.
    fn keep(&mut self, bytes: &[u8]) -> Name {
        let start = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.extend_from_slice(bytes);
        Name { start, length: u8::try_from(bytes.len()).unwrap_or(u8::MAX) }
    }

    /// Finds all records and reads OPT.
    fn collect(
        &mut self,
        message: &[u8],
        question_end: usize,
        qclass: u16,
        keep: impl Fn(u16, &[u8]) -> bool,
    ) -> Result<(), Malformed> {
        let question = self.question();
        let mut at = question_end;
        for section in 0..3_u8 {
            for _ in 0..u16_at(message, header::COUNTS[usize::from(section) + 1]).unwrap_or(0) {
                let record = record::read(message, at).ok_or(Malformed::Record)?;
                at = record.end;
                match record.rtype {
                    rtype::OPT => self.read_opt(message, &record),
                    rtype::FIRST_META..=rtype::LAST_META => {}
                    _ if record.class != qclass => self.dropped += 1,
                    _ if !keep(record.rtype, record.rdata(message)) => {}
                    _ => {
                        // Nearly every owner is a pointer to the question.
                        let owner = if message.get(record.start..record.start + 2) == Some(&[0xC0, 0x0C]) {
                            question
                        } else {
                            let (owner, _) = name::expand(message, record.start).ok_or(Malformed::Record)?;
                            if name::equal(owner.as_bytes(), self.name(question)) {
                                question
                            } else {
                                self.keep(owner.as_bytes())
                            }
                        };
                        self.items.push(Item { section, owner, record });
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes from the OPT record what is of use.
    fn read_opt(&mut self, message: &[u8], record: &Record) {
        self.edns = true;
        self.rcode |= u16::try_from(record.ttl >> 24).unwrap_or(0) << 4;
        for (code, value) in record::options(record.rdata(message)).flatten() {
            match code {
                option::EDE => self.ede = self.ede.or_else(|| u16_at(value, 0)),
                option::KEEPALIVE => self.keepalive = self.keepalive.or_else(|| u16_at(value, 0)),
                _ => {}
            }
        }
    }

    /// Chooses and writes the records that answer the question.
    fn select(&mut self, message: &[u8], asked: &Asked<'_>) -> Result<(), Malformed> {
        if !matches!(self.rcode, rcode::NOERROR | rcode::NXDOMAIN) {
            self.kind = Kind::Failure;
            return Ok(());
        }
        // The room moves out while it is read, since writing needs the rest of `self`.
        let items = std::mem::take(&mut self.items);
        let mut target = self.question();
        let mut found = false;
        while let Some(alias) = self.write_link(message, &items, target, asked, &mut found)? {
            self.reached.push(target);
            if self.reached.len() > MAX_CHAIN || self.has_reached(alias) {
                return Err(Malformed::Chain);
            }
            target = alias;
        }
        let soa = items.iter().find(|item| {
            item.section == 1
                && item.record.rtype == rtype::SOA
                && name::is_below(self.name(target), self.name(item.owner))
        });
        self.kind = match (self.rcode, found) {
            (rcode::NXDOMAIN, _) => Kind::NxDomain,
            (_, true) => Kind::Positive,
            // An alias that leads out of what the responder knows is an answer all the same.
            (_, false) if self.counts[0] > 0 && soa.is_none() => Kind::Positive,
            (_, false) => Kind::NoData,
        };
        if let Some(soa) = soa.filter(|_| self.kind != Kind::Positive) {
            // RFC 2308 section 5: "the minimum of the MINIMUM field of the SOA record and the TTL of the SOA itself".
            let minimum = soa.record.end.checked_sub(4).and_then(|at| u32_at(message, at)).map_or(0, plausible_ttl);
            let ttl = plausible_ttl(soa.record.ttl).min(minimum);
            if self.write(message, soa, 1, ttl)? {
                self.negative_ttl = Some(ttl);
            }
        }
        if asked.dnssec_ok {
            self.write_proofs(message, &items, target)?;
        }
        if self.kind == Kind::Positive && points_to_hosts(asked.qtype) && items.iter().any(|item| item.section == 2) {
            self.reach_hosts(message, &items, target, asked.qtype);
            for item in items.iter().filter(|item| item.section == 2) {
                let signature = item.record.rtype == rtype::RRSIG && asked.dnssec_ok;
                let wanted = matches!(item.record.rtype, rtype::A | rtype::AAAA) || signature;
                if wanted && self.has_reached(item.owner) {
                    self.write(message, item, 2, plausible_ttl(item.record.ttl))?;
                }
            }
        }
        self.loose_end = (!found && target.start > 0).then_some(target);
        self.items = items;
        Ok(())
    }

    /// Whether a name is one of [`Self::reached`].
    fn has_reached(&self, name: Name) -> bool {
        self.reached.iter().any(|reached| self.same(*reached, name))
    }

    /// Collects the hosts that the records asked for name, all of which `target` owns.
    fn reach_hosts(&mut self, message: &[u8], items: &[Item], target: Name, qtype: u16) {
        self.reached.clear();
        for item in items.iter().filter(|item| item.section == 0 && item.record.rtype == qtype) {
            if self.reached.len() == MAX_HOSTS || !self.same(item.owner, target) {
                continue;
            }
            let start = self.names.len();
            let form = record::form(qtype);
            let host = if matches!(form, Form::Plain { .. }) {
                // SVCB and HTTPS: a priority, then the host; the root stands for the owner (RFC 9460 section 2.5.2).
                let host =
                    message.get(..item.record.end).and_then(|here| name::expand(here, item.record.rdata_start + 2));
                host.map(|(host, _)| if host.as_bytes() == [0] { target } else { self.keep(host.as_bytes()) })
            } else {
                // The host is the last name of the others.
                let whole = record::take_apart(message, &item.record, form, &mut self.names).is_some();
                let length = u8::try_from(self.names.len() - start).ok().filter(|_| whole);
                length.zip(u32::try_from(start).ok()).map(|(length, start)| Name { start, length })
            };
            self.reached.extend(host);
        }
    }

    /// Writes the answer records that `target` owns; the name it is an alias of, if it is one.
    fn write_link(
        &mut self,
        message: &[u8],
        items: &[Item],
        target: Name,
        asked: &Asked<'_>,
        found: &mut bool,
    ) -> Result<Option<Name>, Malformed> {
        let any = asked.qtype == rtype::ANY;
        let mut alias = None;
        for item in items
            .iter()
            .filter(|item| item.section == 0 && item.record.rtype == rtype::DNAME && asked.qtype != rtype::DNAME)
        {
            let (owner, name) = (self.name(item.owner), self.name(target));
            let above = owner.len() < name.len() && name::is_below(name, owner);
            if above && !self.dnames.contains(&item.record.start) {
                self.dnames.push(item.record.start);
                self.write(message, item, 0, plausible_ttl(item.record.ttl))?;
                if asked.dnssec_ok {
                    self.write_signatures(message, items, item.owner, &[rtype::DNAME])?;
                }
            }
        }
        if asked.qtype != rtype::CNAME && !any {
            let link = items
                .iter()
                .find(|item| item.section == 0 && item.record.rtype == rtype::CNAME && self.same(item.owner, target));
            if let Some(link) = link {
                let here = message.get(..link.record.end).unwrap_or_default();
                if self.write(message, link, 0, plausible_ttl(link.record.ttl))? {
                    alias = name::expand(here, link.record.rdata_start).map(|(name, _)| self.keep(name.as_bytes()));
                }
            }
        }
        let owned = |answer: &Self, item: &Item| item.section == 0 && answer.same(item.owner, target);
        let wanted = |item: &Item| item.record.rtype == asked.qtype || any;
        // RFC 2181 section 5.2: the TTLs of a set are equal; where they are not, the lowest holds.
        let lowest = items
            .iter()
            .filter(|item| wanted(item) && owned(self, item))
            .map(|item| plausible_ttl(item.record.ttl))
            .min();
        let start = self.records.len();
        let before = self.counts[0];
        for item in items.iter().filter(|item| wanted(item)) {
            if owned(self, item) {
                let ttl = if any { plausible_ttl(item.record.ttl) } else { lowest.unwrap_or(0) };
                *found |= self.write(message, item, 0, ttl)?;
            }
        }
        let count = self.counts[0] - before;
        if count > 1 && matches!(asked.qtype, rtype::A | rtype::AAAA) {
            let length = self.records.len() - start;
            let stride = length / usize::from(count);
            if let (true, Ok(start), Ok(stride)) =
                (self.uniform(start, stride, count), u16::try_from(start), u16::try_from(stride))
            {
                self.rotation = Some(Rotation { start, stride, count });
            }
        }
        if asked.dnssec_ok && !any && asked.qtype != rtype::RRSIG {
            self.write_signatures(message, items, target, &[asked.qtype, rtype::CNAME])?;
        }
        Ok(alias)
    }

    /// Whether the records from `start` on are equally long and begin with a pointer, so that their order can be changed by moving bytes.
    fn uniform(&self, start: usize, stride: usize, count: u16) -> bool {
        let records = self.records.get(start..).unwrap_or_default();
        records.len() == stride * usize::from(count)
            && records.chunks(stride.max(1)).all(|record| record.first().is_some_and(|byte| byte & 0xC0 == 0xC0))
    }

    /// Whether two names are the same.
    fn same(&self, a: Name, b: Name) -> bool {
        a == b || (a.length == b.length && name::equal(self.name(a), self.name(b)))
    }

    /// Writes one record; `false` if its RDATA does not have its type's form, in which case it is counted and left out.
    fn write(&mut self, message: &[u8], item: &Item, section: usize, ttl: u32) -> Result<bool, Malformed> {
        let (before, names_before) = (self.records.len(), self.names.len());
        let form = record::form(item.record.rtype);
        let rdata = item.record.rdata(message);
        let (whole, parts) = match form {
            Form::Opaque => (true, None),
            Form::Plain { lead } => (name::plain_length(rdata, lead).is_some(), None),
            Form::Fixed(length) => (rdata.len() == length, None),
            Form::Names { .. } | Form::Naptr => {
                let parts = record::take_apart(message, &item.record, form, &mut self.names);
                (parts.is_some(), parts)
            }
        };
        if !whole {
            self.names.truncate(names_before);
            self.dropped += 1;
            return Ok(false);
        }
        self.write_name(item.owner, true, true);
        self.records.extend_from_slice(&item.record.rtype.to_be_bytes());
        self.records.extend_from_slice(&item.record.class.to_be_bytes());
        let ttl_at = u16::try_from(self.records.len()).map_err(|_| Malformed::Size)?;
        self.records.extend_from_slice(&ttl.to_be_bytes());
        let length_at = self.records.len();
        self.records.extend_from_slice(&[0, 0]);
        match parts {
            None => self.records.extend_from_slice(rdata),
            Some(parts) => self.write_parts(message, &parts, names_before),
        }
        let length = u16::try_from(self.records.len() - length_at - 2);
        let Ok(length) = length else {
            self.records.truncate(before);
            return Err(Malformed::Size);
        };
        super::put_u16(&mut self.records, length_at, length);
        self.ttls.push(ttl_at);
        self.counts[section] = self.counts[section].checked_add(1).ok_or(Malformed::Size)?;
        if section == 0 {
            self.ttl = self.ttl.min(ttl);
        }
        Ok(true)
    }

    /// Writes RDATA whose names are the last in `names`, from `first` on.
    fn write_parts(&mut self, message: &[u8], parts: &Parts, first: usize) {
        self.records.extend_from_slice(message.get(parts.lead.clone()).unwrap_or_default());
        let mut at = first;
        while let Some(length) = name::plain_length(&self.names, at) {
            let name = Name { start: u32::try_from(at).unwrap_or(0), length: u8::try_from(length).unwrap_or(0) };
            self.write_name(name, parts.compress, false);
            at += length;
        }
        self.records.extend_from_slice(message.get(parts.tail.clone()).unwrap_or_default());
    }

    /// Writes a name, as a pointer or ending in one where `compress` allows.
    ///
    /// Only owners may point into the question: its letter case is the client's, which no data should take on.
    fn write_name(&mut self, name: Name, compress: bool, owner: bool) {
        if owner && name.start == 0 {
            self.records.extend_from_slice(&[0xC0, 0x0C]);
            return;
        }
        let bytes = self.name(name);
        let question = self.name(self.question());
        let base = HEADER + question.len() + 4;
        let mut run = 0;
        let mut pointer = None;
        for at in name::suffixes(bytes) {
            run = at;
            if bytes.get(at) == Some(&0) {
                break;
            }
            let rest = &bytes[at..];
            pointer = compress.then(|| self.find(rest, owner)).flatten();
            if pointer.is_some() {
                break;
            }
        }
        // Room for what was found out above, before `self` changes.
        let written_at = base + self.records.len();
        let start = name.start as usize;
        let labels = start..start + run;
        self.records.extend_from_slice(self.names.get(labels.clone()).unwrap_or_default());
        match pointer {
            Some(offset) => self.records.extend_from_slice(&(0xC000 | offset).to_be_bytes()),
            None => self.records.push(0),
        }
        let mut at = 0;
        while at < run && self.written.len() < MAX_REMEMBERED && written_at + at < POINTER_LIMIT {
            let suffix = Name {
                start: name.start + u32::try_from(at).unwrap_or(0),
                length: name.length - u8::try_from(at).unwrap_or(0),
            };
            self.written.push((suffix, u16::try_from(written_at + at).unwrap_or(0)));
            at += 1 + usize::from(self.names.get(start + at).copied().unwrap_or(0));
        }
    }

    /// Where a name has been written before.
    fn find(&self, name: &[u8], owner: bool) -> Option<u16> {
        if owner {
            let question = self.name(self.question());
            if let Some(at) = question.len().checked_sub(name.len())
                && name::equal(&question[at..], name)
                && (at == 0 || name::suffixes(question).any(|border| border == at))
            {
                return u16::try_from(HEADER + at).ok();
            }
        }
        let mut earlier = self.written.iter().filter(|(earlier, _)| usize::from(earlier.length) == name.len());
        earlier
            .find(
                |(earlier, _)| if owner { name::equal(self.name(*earlier), name) } else { self.name(*earlier) == name },
            )
            .map(|(_, offset)| *offset)
    }
}

/// A TTL with the top bit set is zero (RFC 2181 section 8).
fn plausible_ttl(ttl: u32) -> u32 {
    if ttl > 0x7FFF_FFFF { 0 } else { ttl }
}

/// Whether records of this type name hosts whose addresses are worth adding.
fn points_to_hosts(qtype: u16) -> bool {
    matches!(qtype, rtype::NS | rtype::MX | rtype::SRV | rtype::NAPTR | rtype::SVCB | rtype::HTTPS)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
