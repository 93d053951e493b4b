//! The denial of a name, moved to a name below it (RFC 8020).

use super::{Answer, Asked, Malformed};
use crate::wire::body::Body;
use crate::wire::header::{HEADER, flag};
use crate::wire::{name, record};

impl Answer {
    /// Makes an answer for a name below one that does not exist (RFC 8020) out of that one's `body`: the records are the same, but their
    /// pointers are not, since the question in front of them is longer.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if `body` is not one that was made here for `name`.
    pub fn read_below(&mut self, body: &Body<'_>, name: &[u8], asked: &Asked<'_>) -> Result<(), Malformed> {
        self.read(&Self::message_below(body, name, asked)?, asked)?;
        self.ede = body.ede;
        Ok(())
    }

    /// The message that answers `asked` with the records of `body`, which was made for `name`: that name or one above. No name in it is
    /// compressed.
    ///
    /// # Errors
    ///
    /// As [`Answer::read_below`].
    pub fn message_below(body: &Body<'_>, name: &[u8], asked: &Asked<'_>) -> Result<Vec<u8>, Malformed> {
        let message = |flags: u16, name: &[u8], records: &[u8]| {
            let mut message = Vec::with_capacity(HEADER + name.len() + 4 + records.len());
            message.extend_from_slice(&[0, 0]);
            message.extend_from_slice(&(flag::QR | flags | body.rcode & flag::RCODE).to_be_bytes());
            message.extend_from_slice(&[0, 1]);
            message.extend(body.counts.iter().flat_map(|count| count.to_be_bytes()));
            message.extend_from_slice(name);
            message.extend_from_slice(&asked.qtype.to_be_bytes());
            message.extend_from_slice(&asked.qclass.to_be_bytes());
            message.extend_from_slice(records);
            message
        };
        let mut records = body.records.to_vec();
        body.age_ttls(&mut records);
        let above = message(0, name, &records);
        let mut plain = Vec::with_capacity(2 * records.len());
        let mut at = HEADER + name.len() + 4;
        for _ in 0..body.counts.iter().sum::<u16>() {
            let record = record::read(&above, at).ok_or(Malformed::Record)?;
            at = record.end;
            let (owner, fixed) = name::expand(&above, record.start).ok_or(Malformed::Record)?;
            plain.extend_from_slice(owner.as_bytes());
            plain.extend_from_slice(above.get(fixed..record.rdata_start - 2).ok_or(Malformed::Record)?);
            let mut names = Vec::new();
            let rdata = match record::take_apart(&above, &record, record::form(record.rtype), &mut names) {
                None => record.rdata(&above).to_vec(),
                Some(parts) => [&above[parts.lead], &names, &above[parts.tail]].concat(),
            };
            plain.extend_from_slice(&u16::try_from(rdata.len()).map_err(|_| Malformed::Size)?.to_be_bytes());
            plain.extend_from_slice(&rdata);
        }
        let authentic = if body.authentic { flag::AD } else { 0 };
        Ok(message(authentic, asked.name, &plain))
    }
}
