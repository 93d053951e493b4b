//! A naive reader of DNS messages: every field as it stands on the wire, no caching, no cleverness (RFC 1035 section 4).
//!
//! It is stricter than a resolver would be: bytes after the last record, a forward pointer or a second OPT record are mistakes.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Record types by their IANA numbers.
pub(crate) mod kind {
    /// IPv4 address (RFC 1035).
    pub(crate) const A: u16 = 1;
    /// Name server (RFC 1035).
    pub(crate) const NS: u16 = 2;
    /// Alias (RFC 1035).
    pub(crate) const CNAME: u16 = 5;
    /// Start of authority (RFC 1035).
    pub(crate) const SOA: u16 = 6;
    /// Reverse name (RFC 1035).
    pub(crate) const PTR: u16 = 12;
    /// Host information (RFC 1035), the stand-in answer of RFC 8482.
    pub(crate) const HINFO: u16 = 13;
    /// Mail exchange (RFC 1035).
    pub(crate) const MX: u16 = 15;
    /// Text (RFC 1035).
    pub(crate) const TXT: u16 = 16;
    /// IPv6 address (RFC 3596).
    pub(crate) const AAAA: u16 = 28;
    /// Service (RFC 2782).
    pub(crate) const SRV: u16 = 33;
    /// Aliases of all names below (RFC 6672).
    pub(crate) const DNAME: u16 = 39;
    /// EDNS (RFC 6891).
    pub(crate) const OPT: u16 = 41;
    /// DNSSEC signature (RFC 4034).
    pub(crate) const RRSIG: u16 = 46;
    /// Incremental transfer (RFC 1995).
    pub(crate) const IXFR: u16 = 251;
    /// Transfer (RFC 5936).
    pub(crate) const AXFR: u16 = 252;
    /// Everything (RFC 1035, RFC 8482).
    pub(crate) const ANY: u16 = 255;
    /// Service binding.
    pub(crate) const SVCB: u16 = 64;
    /// Service binding for HTTP.
    pub(crate) const HTTPS: u16 = 65;
}

/// Response codes by their IANA numbers.
pub(crate) mod rcode {
    /// All is well.
    pub(crate) const NOERROR: u16 = 0;
    /// The query does not parse.
    pub(crate) const FORMERR: u16 = 1;
    /// The server failed.
    pub(crate) const SERVFAIL: u16 = 2;
    /// The name does not exist.
    pub(crate) const NXDOMAIN: u16 = 3;
    /// The operation is unknown.
    pub(crate) const NOTIMP: u16 = 4;
    /// The server will not.
    pub(crate) const REFUSED: u16 = 5;
    /// The EDNS version is unknown (RFC 6891).
    pub(crate) const BADVERS: u16 = 16;
}

/// EDNS option codes by their IANA numbers.
pub(crate) mod option {
    /// Name server identifier (RFC 5001).
    pub(crate) const NSID: u16 = 3;
    /// Client subnet (RFC 7871).
    pub(crate) const CLIENT_SUBNET: u16 = 8;
    /// Cookie (RFC 7873).
    pub(crate) const COOKIE: u16 = 10;
    /// Keepalive (RFC 7828).
    pub(crate) const KEEPALIVE: u16 = 11;
    /// Padding (RFC 7830).
    pub(crate) const PADDING: u16 = 12;
    /// Extended DNS error (RFC 8914).
    pub(crate) const EDE: u16 = 15;
}

/// The Internet class.
pub(crate) const IN: u16 = 1;
/// The CHAOS class.
pub(crate) const CH: u16 = 3;

/// A message taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// All of it.
    pub(crate) bytes: Vec<u8>,
    /// Identifier.
    pub(crate) id: u16,
    /// The second 16 bits of the header.
    pub(crate) flags: u16,
    /// The question section, in bytes as received.
    pub(crate) question_bytes: Vec<u8>,
    /// The question section.
    pub(crate) questions: Vec<Question>,
    /// The answer section.
    pub(crate) answers: Vec<Record>,
    /// The authority section.
    pub(crate) authorities: Vec<Record>,
    /// The additional section without OPT.
    pub(crate) additionals: Vec<Record>,
    /// The OPT record.
    pub(crate) edns: Option<Edns>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The name, letter case as on the wire, without the last dot; "." is the root.
    pub(crate) name: String,
    /// QTYPE.
    pub(crate) kind: u16,
    /// QCLASS.
    pub(crate) class: u16,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The owner, letter case as on the wire, without the last dot.
    pub(crate) name: String,
    /// TYPE.
    pub(crate) kind: u16,
    /// CLASS.
    pub(crate) class: u16,
    /// Seconds.
    pub(crate) ttl: u32,
    /// RDATA as on the wire; names in it may be compressed.
    pub(crate) data: Vec<u8>,
    /// Names found in RDATA of the types that RFC 1035 allows to compress, in their order.
    pub(crate) names: Vec<String>,
}

/// An OPT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edns {
    /// The UDP size its sender can take.
    pub(crate) size: u16,
    /// The upper eight bits of the response code.
    pub(crate) extended: u8,
    /// The version.
    pub(crate) version: u8,
    /// The DO bit.
    pub(crate) dnssec_ok: bool,
    /// Options in their order.
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Message {
    /// Takes `bytes` apart.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = Reader { bytes, at: 0 };
        let mut message = Self { bytes: bytes.to_vec(), ..Self::default() };
        message.id = reader.word()?;
        message.flags = reader.word()?;
        let mut counts = [0; 4];
        for count in &mut counts {
            *count = reader.word()?;
        }
        let start = reader.at;
        for _ in 0..counts[0] {
            let name = reader.name()?;
            message.questions.push(Question { name, kind: reader.word()?, class: reader.word()? });
        }
        message.question_bytes = bytes[start..reader.at].to_vec();
        for _ in 0..counts[1] {
            message.answers.push(reader.record()?);
        }
        for _ in 0..counts[2] {
            message.authorities.push(reader.record()?);
        }
        for _ in 0..counts[3] {
            let record = reader.record()?;
            if record.kind != kind::OPT {
                message.additionals.push(record);
            } else if message.edns.replace(Edns::read(&record)?).is_some() {
                return Err("two OPT records".into());
            }
        }
        if reader.at != bytes.len() {
            return Err(format!("{} bytes after the last record", bytes.len() - reader.at));
        }
        Ok(message)
    }

    /// Whether it is a response (QR).
    pub(crate) fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// OPCODE.
    pub(crate) fn opcode(&self) -> u16 {
        self.flags >> 11 & 0xf
    }

    /// Authoritative answer (AA).
    pub(crate) fn authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    /// Truncated (TC).
    pub(crate) fn truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// Recursion desired (RD).
    pub(crate) fn recursion_desired(&self) -> bool {
        self.flags & 0x0100 != 0
    }

    /// Recursion available (RA).
    pub(crate) fn recursion_available(&self) -> bool {
        self.flags & 0x0080 != 0
    }

    /// Authentic data (AD).
    pub(crate) fn authentic(&self) -> bool {
        self.flags & 0x0020 != 0
    }

    /// Checking disabled (CD).
    pub(crate) fn checking_disabled(&self) -> bool {
        self.flags & 0x0010 != 0
    }

    /// RCODE with the eight bits that EDNS adds.
    pub(crate) fn rcode(&self) -> u16 {
        let upper = self.edns.as_ref().map_or(0, |edns| u16::from(edns.extended));
        upper << 4 | self.flags & 0xf
    }

    /// All A and AAAA addresses of the answer section.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.answers.iter().filter_map(Record::address).collect()
    }

    /// The data of option `code`.
    pub(crate) fn option(&self, code: u16) -> Option<&[u8]> {
        let edns = self.edns.as_ref()?;
        edns.options.iter().find(|(c, _)| *c == code).map(|(_, data)| data.as_slice())
    }

    /// The codes of the extended errors (RFC 8914).
    pub(crate) fn extended_errors(&self) -> Vec<u16> {
        let options = self.edns.iter().flat_map(|edns| &edns.options);
        options.filter(|(code, data)| *code == option::EDE && data.len() >= 2).map(|(_, d)| be16(d)).collect()
    }

    /// The smallest TTL of the answer section.
    pub(crate) fn ttl(&self) -> u32 {
        self.answers.iter().map(|record| record.ttl).min().expect("the answer section holds records")
    }
}

impl Record {
    /// The address of an A or AAAA record.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.kind {
            kind::A => <[u8; 4]>::try_from(self.data.as_slice()).ok().map(|a| Ipv4Addr::from(a).into()),
            kind::AAAA => <[u8; 16]>::try_from(self.data.as_slice()).ok().map(|a| Ipv6Addr::from(a).into()),
            _ => None,
        }
    }

    /// The strings of a TXT record, joined.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut rest = self.data.as_slice();
        while let [length, tail @ ..] = rest {
            let (string, after) = tail.split_at(usize::from(*length).min(tail.len()));
            text.push_str(&String::from_utf8_lossy(string));
            rest = after;
        }
        text
    }
}

impl Edns {
    /// Takes an OPT record apart.
    fn read(record: &Record) -> Result<Self, String> {
        if record.name != "." {
            return Err("an OPT record must belong to the root (RFC 6891 section 6.1.2)".into());
        }
        let [extended, version, high, _] = record.ttl.to_be_bytes();
        let mut options = Vec::new();
        let mut rest = record.data.as_slice();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at_checked(4).ok_or("a cut-off EDNS option")?;
            let (data, after) = tail.split_at_checked(usize::from(be16(&head[2..]))).ok_or("a cut-off EDNS option")?;
            options.push((be16(head), data.to_vec()));
            rest = after;
        }
        Ok(Self { size: record.class, extended, version, dnssec_ok: high & 0x80 != 0, options })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "id {} flags {:04x} rcode {} edns {:?}", self.id, self.flags, self.rcode(), self.edns)?;
        for question in &self.questions {
            writeln!(f, "  ? {} TYPE{} CLASS{}", question.name, question.kind, question.class)?;
        }
        for (sign, section) in [("a", &self.answers), ("n", &self.authorities), ("+", &self.additionals)] {
            for r in section {
                writeln!(f, "  {sign} {} {} TYPE{} CLASS{} {:02x?}", r.name, r.ttl, r.kind, r.class, r.data)?;
            }
        }
        Ok(())
    }
}

/// A place in a message.
struct Reader<'a> {
    /// The whole message.
    bytes: &'a [u8],
    /// The next byte to read; never beyond the end.
    at: usize,
}

impl Reader<'_> {
    /// The next `length` bytes.
    fn take(&mut self, length: usize) -> Result<&[u8], String> {
        let piece = self.bytes.get(self.at..self.at + length).ok_or_else(|| format!("cut off at {}", self.at))?;
        self.at += length;
        Ok(piece)
    }

    /// The next 16 bits.
    fn word(&mut self) -> Result<u16, String> {
        self.take(2).map(be16)
    }

    /// A name, by pointers that only go back (RFC 1035 section 4.1.4: "a prior occurrence of the same name").
    fn name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        let mut back = None;
        let mut barrier = self.at;
        loop {
            let length = self.take(1)?[0];
            match length {
                0 => break,
                1..=63 => {
                    for byte in self.take(usize::from(length))? {
                        match byte {
                            b'!'..=b'~' if !b".\\".contains(byte) => name.push(char::from(*byte)),
                            _ => write!(name, "\\{byte:03}").map_err(|e| e.to_string())?,
                        }
                    }
                    name.push('.');
                }
                0xc0.. => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(self.take(1)?[0]);
                    if target >= barrier {
                        return Err(format!("a pointer to {target} at {}, not to a prior name", self.at - 2));
                    }
                    back.get_or_insert(self.at);
                    (barrier, self.at) = (target, target);
                }
                _ => return Err(format!("label type {length:#x}")),
            }
        }
        self.at = back.unwrap_or(self.at);
        name.pop();
        Ok(if name.is_empty() { ".".into() } else { name })
    }

    /// A record.
    fn record(&mut self) -> Result<Record, String> {
        let name = self.name()?;
        let (kind, class) = (self.word()?, self.word()?);
        let ttl = u32::from(self.word()?) << 16 | u32::from(self.word()?);
        let length = usize::from(self.word()?);
        let start = self.at;
        let data = self.take(length)?.to_vec();
        self.at = start;
        let mut names = Vec::new();
        match kind {
            kind::NS | kind::CNAME | kind::PTR => names.push(self.name()?),
            kind::MX => {
                self.word()?;
                names.push(self.name()?);
            }
            kind::SOA => {
                names.push(self.name()?);
                names.push(self.name()?);
                self.take(20)?;
            }
            _ => self.at = start + length,
        }
        if self.at != start + length {
            return Err(format!("RDATA of TYPE{kind} is {length} bytes, but its fields are {}", self.at - start));
        }
        match (kind, length) {
            (kind::A, 4) | (kind::AAAA, 16) => {}
            (kind::A | kind::AAAA, _) => return Err(format!("an address of {length} bytes")),
            _ => {}
        }
        Ok(Record { name, kind, class, ttl, data, names })
    }
}

/// Sixteen bits, big end first.
fn be16(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// A name in presentation form, `\DDD` allowed, as wire bytes without compression.
pub(crate) fn name_bytes(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        let mut octets = Vec::new();
        let mut rest = label.as_bytes();
        while let [first, tail @ ..] = rest {
            if *first == b'\\' {
                let digits = std::str::from_utf8(&tail[..3]).expect("a backslash is followed by three digits");
                octets.push(digits.parse().expect("three digits up to 255"));
                rest = &tail[3..];
            } else {
                octets.push(*first);
                rest = tail;
            }
        }
        wire.push(u8::try_from(octets.len()).expect("a label is at most 63 bytes"));
        wire.extend(octets);
    }
    wire.push(0);
    wire
}
