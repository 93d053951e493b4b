//! Answers as a server writes them, sound or broken on purpose. Only the question's own name is ever compressed.

use super::ask::length16;
use super::wire::{IN, Message, kind, name_bytes};

/// An answer in the making: ID, question and RD of the query, QR=1, RA=1.
#[derive(Clone, Debug)]
pub(crate) struct Compose {
    /// Identifier.
    id: u16,
    /// The second 16 bits of the header.
    flags: u16,
    /// The question section.
    question: Vec<u8>,
    /// Question count.
    questions: u16,
    /// Records of the answer, authority and additional sections, each in wire form.
    sections: [Vec<Vec<u8>>; 3],
    /// Upper bits of the response code, if EDNS is answered.
    edns: Option<u8>,
    /// EDNS options.
    options: Vec<u8>,
}

impl Compose {
    /// An answer to `query` without records; EDNS if the query has it.
    pub(crate) fn to(query: &Message) -> Self {
        Self {
            id: query.id,
            flags: 0x8080 | query.flags & 0x7910,
            question: query.question_bytes.clone(),
            questions: u16::try_from(query.questions.len()).expect("as many as a message can hold"),
            sections: [const { Vec::new() }; 3],
            edns: query.edns.as_ref().map(|_| 0),
            options: Vec::new(),
        }
    }

    /// The same with this response code.
    pub(crate) fn rcode(mut self, rcode: u16) -> Self {
        self.flags = self.flags & !0xf | rcode & 0xf;
        self.edns = self.edns.map(|_| u8::try_from(rcode >> 4).expect("a response code has 12 bits"));
        self
    }

    /// The same with another ID.
    pub(crate) fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// The same with header bits set.
    pub(crate) fn set(mut self, bits: u16) -> Self {
        self.flags |= bits;
        self
    }

    /// The same with header bits cleared.
    pub(crate) fn clear(mut self, bits: u16) -> Self {
        self.flags &= !bits;
        self
    }

    /// The same with TC.
    pub(crate) fn truncated(self) -> Self {
        self.set(0x0200)
    }

    /// The same with AD.
    pub(crate) fn authentic(self) -> Self {
        self.set(0x0020)
    }

    /// The same with the question replaced.
    pub(crate) fn question(mut self, name: &str, kind: u16) -> Self {
        self.question = name_bytes(name);
        self.question.extend(kind.to_be_bytes());
        self.question.extend(IN.to_be_bytes());
        self
    }

    /// The same without EDNS.
    pub(crate) fn no_edns(mut self) -> Self {
        self.edns = None;
        self
    }

    /// The same with one more EDNS option.
    pub(crate) fn option(mut self, code: u16, data: &[u8]) -> Self {
        self.options.extend(code.to_be_bytes());
        self.options.extend(length16(data));
        self.options.extend(data);
        self
    }

    /// The same with a record of the question's name in the answer section; the owner is a pointer, as servers write it.
    pub(crate) fn answer(self, kind: u16, ttl: u32, data: &[u8]) -> Self {
        let mut record = vec![0xc0, 12];
        record.extend(fields(kind, ttl, data));
        self.raw(0, &record)
    }

    /// The same with an A record of the question's name for each address.
    pub(crate) fn addresses(mut self, ttl: u32, addresses: &[[u8; 4]]) -> Self {
        for address in addresses {
            self = self.answer(kind::A, ttl, address);
        }
        self
    }

    /// The same with a record of any name in section 0 (answer), 1 (authority) or 2 (additional).
    pub(crate) fn record(self, section: usize, name: &str, kind: u16, ttl: u32, data: &[u8]) -> Self {
        let mut record = name_bytes(name);
        record.extend(fields(kind, ttl, data));
        self.raw(section, &record)
    }

    /// The same with a record written by the caller, mistakes and all.
    pub(crate) fn raw(mut self, section: usize, record: &[u8]) -> Self {
        self.sections[section].push(record.to_vec());
        self
    }

    /// The same with a SOA record for `zone` in the authority section.
    pub(crate) fn soa(self, zone: &str, ttl: u32, minimum: u32) -> Self {
        self.record(1, zone, kind::SOA, ttl, &soa_data(minimum))
    }

    /// The message without a look at EDNS.
    fn bare(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        bytes.extend(self.questions.to_be_bytes());
        bytes.extend([0; 6]);
        bytes.extend(&self.question);
        bytes
    }

    /// The message as it goes out.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.bare();
        for (index, section) in self.sections.iter().enumerate() {
            let count = section.len() + usize::from(index == 2 && self.edns.is_some());
            let count = u16::try_from(count).expect("as many as a message can hold");
            bytes[6 + index * 2..8 + index * 2].copy_from_slice(&count.to_be_bytes());
            bytes.extend(section.concat());
        }
        if let Some(extended) = self.edns {
            bytes.push(0);
            bytes.extend(kind::OPT.to_be_bytes());
            bytes.extend(1232_u16.to_be_bytes());
            bytes.extend([extended, 0, 0, 0]);
            bytes.extend(length16(&self.options));
            bytes.extend(&self.options);
        }
        bytes
    }
}

/// A record without its owner.
pub(crate) fn fields(kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_be_bytes(), IN.to_be_bytes()].concat();
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(length16(data));
    bytes.extend(data);
    bytes
}

/// RDATA of a SOA record with this MINIMUM.
pub(crate) fn soa_data(minimum: u32) -> Vec<u8> {
    let mut data = name_bytes("ns.example.org");
    data.extend(name_bytes("hostmaster.example.org"));
    for number in [1, 7200, 3600, 1_209_600, minimum] {
        data.extend(number.to_be_bytes());
    }
    data
}

/// RDATA of a TXT record with one string of `length` bytes.
pub(crate) fn text_data(length: u8) -> Vec<u8> {
    let mut data = vec![length];
    data.extend(std::iter::repeat_n(b'x', usize::from(length)));
    data
}
