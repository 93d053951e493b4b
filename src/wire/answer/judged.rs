//! What a judge of answers looks at, and what is left of one that may not pass.

use super::{Answer, Kind};
use crate::wire::denial::write_soa;
use crate::wire::{rcode, u16_at};

/// Bytes of a TTL, and of TTL and RDLENGTH (RFC 1035 section 4.1.3).
const TTL: usize = 4;

impl Answer {
    /// Type and RDATA of the records kept, of all sections, in their order.
    pub fn data(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.ttls.iter().filter_map(|at| {
            let ttl = usize::from(*at);
            let rtype = u16_at(&self.records, ttl.checked_sub(4)?)?;
            let length = usize::from(u16_at(&self.records, ttl + TTL)?);
            Some((rtype, self.records.get(ttl + TTL + 2..ttl + TTL + 2 + length)?))
        })
    }

    /// The name that aliases lead to, folded or not, if the message says nothing of it; `None` without an alias.
    #[must_use]
    pub fn loose_end(&self) -> Option<&[u8]> {
        self.loose_end.map(|name| self.name(name))
    }

    /// Leaves nothing of it but that the type has no data, or with `rcode` REFUSED not even that, and why. It may be kept for as long as
    /// it might have been: an SOA record that `apex` owns says so to others (RFC 2308 section 5).
    pub fn withhold(&mut self, apex: &[u8], rcode: u16, ede: u16) {
        let ttl = if self.ttl == u32::MAX { self.negative_ttl.unwrap_or(0) } else { self.ttl };
        self.records.clear();
        self.ttls.clear();
        self.counts = [0; 3];
        if rcode == rcode::NOERROR {
            write_soa(&mut self.records, apex, ttl);
            self.ttls.push(u16::try_from(apex.len() + 4).unwrap_or(0));
            self.counts[1] = 1;
        }
        self.kind = Kind::NoData;
        (self.rcode, self.ede) = (rcode, Some(ede));
        (self.ttl, self.negative_ttl) = (u32::MAX, Some(ttl));
        (self.rotation, self.loose_end) = (None, None);
        (self.authentic, self.authoritative, self.truncated) = (false, false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::*;
    use crate::wire::header::ede;
    use crate::wire::{class, name, rtype};

    /// `www.example A`: an alias with an address, and one of another name that was not asked for.
    const MESSAGE: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x03\0\0\0\0\x03www\x07example\0\0\x01\0\x01\
        \xC0\x0C\0\x05\0\x01\0\0\0\x3C\0\x04\x01a\xC0\x10\x01a\xC0\x10\0\x01\0\x01\0\0\0\x1E\0\x04\x0A\x01\x02\x03\
        \x01b\xC0\x10\0\x01\0\x01\0\0\0\x1E\0\x04\x0A\x09\x09\x09";

    /// Reads [`MESSAGE`] without the records that `keep` does not want.
    fn read(keep: impl Fn(u16, &[u8]) -> bool) -> Answer {
        let name = name::parse("www.example").unwrap();
        let asked = Asked { name: &name, qtype: rtype::A, qclass: class::IN, dnssec_ok: false };
        let mut answer = Answer::default();
        answer.read_where(MESSAGE, &asked, keep).unwrap();
        answer
    }

    #[test]
    fn the_records_that_pass_on_are_seen_and_no_others() {
        let answer = read(|_, _| true);
        let types: Vec<_> = answer.data().map(|(rtype, rdata)| (rtype, rdata.len())).collect();
        assert_eq!((types[0].0, types[1], types.len()), (rtype::CNAME, (rtype::A, 4), 2));
        assert_eq!(answer.data().last().unwrap().1, [10, 1, 2, 3]);
        assert_eq!(answer.loose_end(), None);
    }

    #[test]
    fn without_its_address_an_alias_has_a_loose_end() {
        let answer = read(|rtype, _| rtype != rtype::A);
        assert_eq!((answer.kind, answer.counts), (Kind::Positive, [1, 0, 0]));
        assert_eq!(answer.loose_end(), name::parse("a.example").as_deref());
        let bare = read(|_, _| false);
        assert_eq!((bare.kind, bare.loose_end()), (Kind::NoData, None));
    }

    #[test]
    fn what_is_withheld_may_be_kept_as_long_and_says_why() {
        let apex = name::parse("example").unwrap();
        let mut answer = read(|_, _| true);
        answer.withhold(&apex, rcode::NOERROR, ede::BLOCKED);
        assert_eq!((answer.kind, answer.counts, answer.ede), (Kind::NoData, [0, 1, 0], Some(ede::BLOCKED)));
        assert_eq!((answer.negative_ttl, answer.ttls.as_slice()), (Some(30), &[13_u16][..]));
        assert_eq!(crate::wire::u32_at(&answer.records, 13), Some(30), "the TTL is where it is said to be");
        assert_eq!(answer.data().map(|(rtype, _)| rtype).collect::<Vec<_>>(), [rtype::SOA]);
        answer.withhold(&apex, rcode::REFUSED, ede::BLOCKED);
        assert_eq!((answer.rcode, answer.counts, answer.records.len()), (rcode::REFUSED, [0; 3], 0));
    }
}
