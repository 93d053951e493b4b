//! A message of our own making: taken as it is, whatever its records have to do with the question.

use super::{Answer, Asked, Kind, Malformed, Name, Rotation, plausible_ttl};
use crate::wire::header::{HEADER, MAX_MESSAGE, rcode, rtype};
use crate::wire::u32_at;

impl Answer {
    /// Reads a message that answers `asked` with all its records, in their order and sections: what an operator wrote down, or what is left of an
    /// upstream's message after its names were changed. That the records answer the question is up to whoever made them.
    ///
    /// # Errors
    ///
    /// As [`Answer::read`].
    pub fn read_whole(&mut self, message: &[u8], asked: &Asked<'_>) -> Result<(), Malformed> {
        let question_end = self.begin(message, asked)?;
        self.collect(message, question_end, asked.qclass, |_, _| true)?;
        if !matches!(self.rcode, rcode::NOERROR | rcode::NXDOMAIN) {
            self.kind = Kind::Failure;
            return Ok(());
        }
        let items = std::mem::take(&mut self.items);
        let mut addresses = None;
        for item in &items {
            let start = self.records.len();
            let ttl = plausible_ttl(item.record.ttl);
            let is_kept = self.write(message, item, usize::from(item.section), ttl)?;
            let is_address = item.section == 0 && matches!(item.record.rtype, rtype::A | rtype::AAAA);
            if is_kept && is_address && item.record.rtype == asked.qtype {
                addresses = self.append(addresses, start, item.owner);
            }
        }
        self.kind = match self.rcode {
            rcode::NXDOMAIN => Kind::NxDomain,
            _ if self.counts[0] > 0 => Kind::Positive,
            _ => Kind::NoData,
        };
        let soa = items.iter().find(|item| item.section == 1 && item.record.rtype == rtype::SOA);
        if let Some(soa) = soa.filter(|_| self.kind != Kind::Positive) {
            let minimum = soa.record.end.checked_sub(4).and_then(|at| u32_at(message, at)).map_or(0, plausible_ttl);
            self.negative_ttl = Some(plausible_ttl(soa.record.ttl).min(minimum));
        }
        self.items = items;
        self.rotation = addresses.and_then(Set::rotation);
        if self.records.len() + HEADER + asked.name.len() + 4 > MAX_MESSAGE { Err(Malformed::Size) } else { Ok(()) }
    }

    /// The set of addresses that goes on with the record from `start` on, or begins there.
    fn append(&self, set: Option<Set>, start: usize, owner: Name) -> Option<Set> {
        let stride = self.records.len() - start;
        let is_pointer = self.records.get(start).is_some_and(|byte| byte & 0xC0 == 0xC0);
        Some(match set {
            Some(set) if set.owner == owner && set.end == start => Set {
                count: set.count + 1,
                end: self.records.len(),
                is_uniform: set.is_uniform && is_pointer && stride == set.stride,
                ..set
            },
            _ => Set { owner, start, end: self.records.len(), stride, count: 1, is_uniform: is_pointer },
        })
    }

    /// Lets each record of the answer, whatever its type, claim a TTL between two numbers of seconds.
    pub fn clamp_ttls(&mut self, least: u32, most: u32) {
        for at in &self.ttls {
            let at = usize::from(*at);
            let ttl = u32_at(&self.records, at).unwrap_or(0).clamp(least, most);
            crate::wire::put_u32(&mut self.records, at, ttl);
        }
        if self.ttl != u32::MAX {
            self.ttl = self.ttl.clamp(least, most);
        }
        self.negative_ttl = self.negative_ttl.map(|ttl| ttl.clamp(least, most));
    }
}

/// Addresses of one name, one after another.
#[derive(Clone, Copy, Debug)]
struct Set {
    /// The name.
    owner: Name,
    /// Offset of the first, counted from the end of the question.
    start: usize,
    /// Offset behind the last.
    end: usize,
    /// Bytes of the first.
    stride: usize,
    /// How many.
    count: u16,
    /// Whether all are as long as the first, so that their order can be changed by moving bytes.
    is_uniform: bool,
}

impl Set {
    /// The set as one that may be rotated, if it may.
    fn rotation(self) -> Option<Rotation> {
        let (start, stride) = (u16::try_from(self.start).ok()?, u16::try_from(self.stride).ok()?);
        (self.count > 1 && self.is_uniform).then_some(Rotation { start, stride, count: self.count })
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;

    use super::*;
    use crate::wire::{class, name, put_u16};

    /// A response to `www.example A` with these records in its sections.
    fn message(flags: u16, sections: [&[&[u8]]; 3]) -> (Vec<u8>, Vec<u8>) {
        let question = name::parse("www.example").unwrap();
        let mut message = vec![0; HEADER];
        put_u16(&mut message, 2, 0x8400 | flags);
        put_u16(&mut message, 4, 1);
        message.extend_from_slice(&question);
        message.extend_from_slice(&[0, 1, 0, 1]);
        for (at, section) in [6, 8, 10].into_iter().zip(sections) {
            put_u16(&mut message, at, u16::try_from(section.len()).unwrap());
            section.iter().for_each(|record| message.extend_from_slice(record));
        }
        (message, question)
    }

    /// An A record of a name with TTL 60.
    fn address(owner: &str, last: u8) -> Vec<u8> {
        let mut record = name::parse(owner).unwrap();
        record.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
        record
    }

    /// What is read of such a message.
    fn read(message: &[u8], question: &[u8]) -> Answer {
        let mut answer = Answer::default();
        let asked = Asked { name: question, qtype: rtype::A, qclass: class::IN, dnssec_ok: false };
        answer.read_whole(message, &asked).unwrap();
        answer
    }

    #[test]
    fn records_of_any_name_stay_where_they_are() {
        let records = [address("www.example", 1), address("other.test", 2), address("other.test", 3)];
        let (message, question) =
            message(0, [&[&records[0], &records[1], &records[2]], &[&records[1]], &[&records[0]]]);
        let answer = read(&message, &question);
        assert_eq!((answer.kind, answer.counts, answer.ttl), (Kind::Positive, [3, 1, 1], 60));
        let mut written = message[..HEADER + question.len() + 4].to_vec();
        written.extend_from_slice(&answer.records);
        let parsed = Message::from_vec(&written).unwrap();
        assert_eq!(parsed.answers[2].name.to_string(), "other.test.");
        assert_eq!(parsed.authorities[0].name.to_string(), "other.test.");
    }

    #[test]
    fn a_set_of_addresses_may_be_rotated_if_they_are_alike() {
        let records = [address("www.example", 1), address("www.example", 2), address("a.test", 3)];
        let (all, question) = message(0, [&[&records[0], &records[1]], &[], &[]]);
        assert_eq!(read(&all, &question).rotation, Some(Rotation { start: 0, stride: 16, count: 2 }));
        let (mixed, question) = message(0, [&[&records[0], &records[1], &records[2]], &[], &[]]);
        assert_eq!(read(&mixed, &question).rotation, None);
    }

    #[test]
    fn a_bare_denial_and_another_code_are_told_apart() {
        let (denied, question) = message(rcode::NXDOMAIN, [&[], &[], &[]]);
        assert_eq!((read(&denied, &question).kind, read(&denied, &question).negative_ttl), (Kind::NxDomain, None));
        let (empty, question) = message(0, [&[], &[], &[]]);
        assert_eq!(read(&empty, &question).kind, Kind::NoData);
        let (refused, question) = message(rcode::REFUSED, [&[], &[], &[]]);
        assert_eq!(read(&refused, &question).kind, Kind::Failure);
    }

    #[test]
    fn ttls_are_brought_between_two_bounds() {
        let record = address("www.example", 1);
        let (message, question) = message(0, [&[&record], &[], &[]]);
        let mut answer = read(&message, &question);
        answer.clamp_ttls(100, 200);
        assert_eq!((answer.ttl, u32_at(&answer.records, usize::from(answer.ttls[0]))), (100, Some(100)));
        answer.clamp_ttls(0, 30);
        assert_eq!(answer.ttl, 30);
    }
}
