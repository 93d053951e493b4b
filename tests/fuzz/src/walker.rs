//! A strict reader of messages, by the letter of RFC 1035 section 4.1: no byte too many, no pointer forward, no name too long.

/// A name as its labels, letter case kept.
pub type Labels = Vec<Vec<u8>>;

/// A record, its owner written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// 0 answer, 1 authority, 2 additional.
    pub section: usize,
    /// Owner.
    pub owner: Labels,
    /// TYPE.
    pub rtype: u16,
    /// CLASS.
    pub class: u16,
    /// TTL.
    pub ttl: u32,
    /// RDATA as it stands there.
    pub rdata: Vec<u8>,
    /// Offset of the RDATA in the message.
    pub rdata_start: usize,
}

/// A message with one question or none.
#[derive(Clone, Debug)]
pub struct Message {
    /// The header's second word.
    pub flags: u16,
    /// QNAME, QTYPE, QCLASS.
    pub question: Option<(Labels, u16, u16)>,
    /// All records but OPT.
    pub records: Vec<Record>,
    /// OPT records.
    pub opt: Vec<Record>,
}

impl Message {
    /// How many records of a section there are, OPT not counted.
    pub fn count(&self, section: usize) -> usize {
        self.records.iter().filter(|record| record.section == section).count()
    }
}

/// Two bytes.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// Reads a name at `at`, following pointers to the front only; its labels and the offset behind it.
pub fn name(bytes: &[u8], at: usize) -> Option<(Labels, usize)> {
    let (mut labels, mut position, mut behind, mut length) = (Labels::new(), at, None, 1);
    let mut run = at;
    loop {
        let byte = *bytes.get(position)?;
        match byte >> 6 {
            0 if byte == 0 => return Some((labels, behind.unwrap_or(position + 1))),
            0 => {
                let label = bytes.get(position + 1..position + 1 + usize::from(byte))?;
                length += 1 + label.len();
                if length > 255 {
                    return None;
                }
                labels.push(label.to_vec());
                position += 1 + label.len();
            }
            3 => {
                behind = behind.or(Some(position + 2));
                let target = usize::from(word(bytes, position)? & 0x3FFF);
                if target >= run {
                    return None;
                }
                (position, run) = (target, target);
            }
            _ => return None,
        }
    }
}

/// Reads a whole message; `None` if anything about it is not as it should be.
pub fn message(bytes: &[u8]) -> Option<Message> {
    let flags = word(bytes, 2)?;
    let mut at = 12;
    let question = match word(bytes, 4)? {
        0 => None,
        1 => {
            let (owner, behind) = name(bytes, at)?;
            at = behind + 4;
            Some((owner, word(bytes, behind)?, word(bytes, behind + 2)?))
        }
        _ => return None,
    };
    let mut message = Message { flags, question, records: Vec::new(), opt: Vec::new() };
    for section in 0..3 {
        for _ in 0..word(bytes, 6 + 2 * section)? {
            let (owner, behind) = name(bytes, at)?;
            let (rtype, class, length) = (word(bytes, behind)?, word(bytes, behind + 2)?, word(bytes, behind + 8)?);
            let ttl = u32::from(word(bytes, behind + 4)?) << 16 | u32::from(word(bytes, behind + 6)?);
            let rdata_start = behind + 10;
            at = rdata_start + usize::from(length);
            let rdata = bytes.get(rdata_start..at)?.to_vec();
            let record = Record { section, owner, rtype, class, ttl, rdata, rdata_start };
            if rtype != 41 {
                message.records.push(record);
            } else if section == 2 && record.owner.is_empty() {
                message.opt.push(record);
            } else {
                return None;
            }
        }
    }
    (at == bytes.len()).then_some(message)
}

/// Whether the names in a record's RDATA can be followed and end where it ends; `true` for types without.
pub fn rdata_is_whole(bytes: &[u8], record: &Record) -> bool {
    let (lead, names, tail) = match record.rtype {
        1 => return record.rdata.len() == 4,
        28 => return record.rdata.len() == 16,
        2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 39 => (0, 1, 0),
        6 => (0, 2, 20),
        14 | 17 => (0, 2, 0),
        15 | 18 | 21 | 36 => (2, 1, 0),
        26 => (2, 2, 0),
        33 => (6, 1, 0),
        // These hold a name that is never compressed; only types, signatures and parameters follow.
        46 => return plain(&record.rdata, 18),
        47 => return plain(&record.rdata, 0),
        64 | 65 => return plain(&record.rdata, 2),
        _ => return true,
    };
    let end = record.rdata_start + record.rdata.len();
    let mut at = record.rdata_start + lead;
    for _ in 0..names {
        match name(&bytes[..end], at) {
            Some((_, behind)) => at = behind,
            None => return false,
        }
    }
    at + tail == end
}

/// Whether a name without pointers begins at `at`.
fn plain(rdata: &[u8], at: usize) -> bool {
    name(rdata, at).is_some_and(|(_, end)| {
        let mut at = at;
        while at < end && rdata[at] < 0xC0 {
            at += 1 + usize::from(rdata[at]);
        }
        at == end
    })
}

/// Whether two names are the same but for the case of ASCII letters (RFC 4343).
pub fn same(a: &Labels, b: &Labels) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq_ignore_ascii_case(b))
}
