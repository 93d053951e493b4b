//! Queries as a client writes them, sound or broken on purpose, and the check that every reply must pass.

use super::wire::{IN, Message, kind, name_bytes, rcode};

/// A query in the making. Starts as a stub resolver's: random ID, RD=1, class IN, no EDNS.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Identifier.
    pub(crate) id: u16,
    /// The second 16 bits of the header.
    flags: u16,
    /// QNAME in wire form.
    name: Vec<u8>,
    /// QTYPE.
    kind: u16,
    /// QCLASS.
    class: u16,
    /// QDCOUNT; the one question is written that many times.
    questions: u16,
    /// OPT, if any.
    edns: Option<Opt>,
    /// Bytes written after everything else.
    trailer: Vec<u8>,
    /// Whether a reply over TCP may say that it is a part.
    partial: bool,
}

/// An OPT record in the making.
#[derive(Clone, Debug, Default)]
struct Opt {
    /// The UDP size the client can take.
    size: u16,
    /// The version.
    version: u8,
    /// The 16 bits of flags; DO is the first.
    flags: u16,
    /// Options in their order.
    options: Vec<(u16, Vec<u8>)>,
}

impl Ask {
    /// A query for `name` and type `kind`.
    pub(crate) fn new(name: &str, kind: u16) -> Self {
        let (name, flags) = (name_bytes(name), 0x0100);
        Self {
            id: rand::random(),
            flags,
            name,
            kind,
            class: IN,
            questions: 1,
            edns: None,
            trailer: Vec::new(),
            partial: false,
        }
    }

    /// A query for the IPv4 addresses of `name`.
    pub(crate) fn a(name: &str) -> Self {
        Self::new(name, kind::A)
    }

    /// The same with this ID.
    pub(crate) fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// The same with these header flags; `0x0100` is a stub resolver's.
    pub(crate) fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    /// The same with this OPCODE.
    pub(crate) fn opcode(mut self, opcode: u16) -> Self {
        self.flags = self.flags & !0x7800 | opcode << 11;
        self
    }

    /// The same with CD set.
    pub(crate) fn checking_disabled(mut self) -> Self {
        self.flags |= 0x0010;
        self
    }

    /// The same with AD set (RFC 6840 section 5.7: the client understands AD).
    pub(crate) fn wants_authentic(mut self) -> Self {
        self.flags |= 0x0020;
        self
    }

    /// The same without RD.
    pub(crate) fn no_recursion(mut self) -> Self {
        self.flags &= !0x0100;
        self
    }

    /// The same in another class.
    pub(crate) fn class(mut self, class: u16) -> Self {
        self.class = class;
        self
    }

    /// The same with the question written `count` times.
    pub(crate) fn questions(mut self, count: u16) -> Self {
        self.questions = count;
        self
    }

    /// The same with EDNS and this UDP size.
    pub(crate) fn edns(mut self, size: u16) -> Self {
        self.edns.get_or_insert_default().size = size;
        self
    }

    /// The same with DO set; EDNS is added if need be.
    pub(crate) fn dnssec_ok(mut self) -> Self {
        self = if self.edns.is_none() { self.edns(1232) } else { self };
        self.edns.as_mut().expect("just added").flags |= 0x8000;
        self
    }

    /// The same with all EDNS flags that RFC 6891 reserves.
    pub(crate) fn reserved_edns_flags(mut self) -> Self {
        self = if self.edns.is_none() { self.edns(1232) } else { self };
        self.edns.as_mut().expect("just added").flags |= 0x7fff;
        self
    }

    /// The same with another EDNS version.
    pub(crate) fn version(mut self, version: u8) -> Self {
        self = if self.edns.is_none() { self.edns(1232) } else { self };
        self.edns.as_mut().expect("just added").version = version;
        self
    }

    /// The same with one more EDNS option.
    pub(crate) fn option(mut self, code: u16, data: &[u8]) -> Self {
        self = if self.edns.is_none() { self.edns(1232) } else { self };
        self.edns.as_mut().expect("just added").options.push((code, data.to_vec()));
        self
    }

    /// The same with `bytes` behind the last record.
    pub(crate) fn trailer(mut self, bytes: &[u8]) -> Self {
        self.trailer = bytes.to_vec();
        self
    }

    /// The same, where TC over TCP is an honest answer: no server could give the whole.
    pub(crate) fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// The question section as it goes out.
    fn question_bytes(&self) -> Vec<u8> {
        let mut one = self.name.clone();
        one.extend(self.kind.to_be_bytes());
        one.extend(self.class.to_be_bytes());
        one.repeat(usize::from(self.questions))
    }

    /// The message as it goes out.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [self.id, self.flags, self.questions, 0, 0, u16::from(self.edns.is_some())] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(self.question_bytes());
        if let Some(opt) = &self.edns {
            bytes.push(0);
            bytes.extend(kind::OPT.to_be_bytes());
            bytes.extend(opt.size.to_be_bytes());
            bytes.extend([0, opt.version]);
            bytes.extend(opt.flags.to_be_bytes());
            let mut options = Vec::new();
            for (code, data) in &opt.options {
                options.extend(code.to_be_bytes());
                options.extend(length16(data));
                options.extend(data);
            }
            bytes.extend(length16(&options));
            bytes.extend(options);
        }
        bytes.extend(&self.trailer);
        bytes
    }

    /// Takes a reply apart and fails the test if it is not one that a strict client would take for this query.
    #[track_caller]
    pub(crate) fn check(&self, reply: &[u8], over: Over) -> Message {
        let message =
            Message::read(reply).unwrap_or_else(|error| panic!("a reply does not parse: {error}\n{reply:02x?}"));
        // RFC 3597 allows RDATA of no bytes, hickory-proto does not.
        let empty = message.answers.iter().any(|record| record.data.is_empty());
        match hickory_proto::op::Message::from_vec(reply) {
            Err(error) if !empty => panic!("hickory-proto cannot parse a reply: {error}\n{message}{reply:02x?}"),
            _ => {}
        }
        assert!(message.is_response(), "QR=1\n{message}");
        assert_eq!(message.id, self.id, "the ID comes back\n{message}");
        assert_eq!(message.opcode(), self.flags >> 11 & 0xf, "OPCODE comes back\n{message}");
        assert_eq!(message.recursion_desired(), self.flags & 0x0100 != 0, "RD comes back\n{message}");
        assert_eq!(message.flags & 0x0040, 0, "Z is zero\n{message}");
        if self.questions == 1 {
            assert_eq!(
                message.question_bytes,
                self.question_bytes(),
                "the question comes back, letter case and all\n{message}"
            );
        }
        match (&self.edns, &message.edns) {
            (None, Some(_)) => panic!("EDNS in a reply to a query without (RFC 6891 section 7)\n{message}"),
            // Another opcode has another message format, which may know no OPT record (RFC 8490 section 5.4 forbids it).
            (Some(_), None) if message.rcode() == rcode::NOTIMP => {}
            (Some(_), None) => panic!("no EDNS in a reply to a query with (RFC 6891 section 6.1.1)\n{message}"),
            (_, Some(edns)) => assert_eq!(edns.version, 0, "version 0 is the one we speak\n{message}"),
            (None, None) => {}
        }
        match over {
            Over::Udp => {
                let limit = self.edns.as_ref().map_or(512, |opt| opt.size.clamp(512, 1232));
                assert!(reply.len() <= usize::from(limit), "{} bytes, where {limit} fit\n{message}", reply.len());
                assert_eq!(
                    message.option(super::wire::option::KEEPALIVE),
                    None,
                    "keepalive over UDP (RFC 7828)\n{message}"
                );
            }
            Over::Tcp => assert!(self.partial || !message.truncated(), "TC over TCP\n{message}"),
        }
        message
    }
}

/// The transport a reply came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// A datagram.
    Udp,
    /// A stream.
    Tcp,
}

/// The length of `bytes` as two bytes, big end first.
pub(crate) fn length16(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).expect("at most 65,535 bytes").to_be_bytes()
}
