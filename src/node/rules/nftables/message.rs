//! Messages of nf_tables as bytes, and their attributes back. The names of the constants are those of linux/netfilter/nf_tables.h.

use crate::sys::netfilter::{HEADER, PREFIX};

/// `NFNL_SUBSYS_NFTABLES`, in the upper half of a message's type.
const SUBSYSTEM: u16 = 10 << 8;

/// `NFPROTO_INET`: the family of our table, IPv4 and IPv6 in one.
const INET: u8 = 1;

/// `NLM_F_CREATE`, and for rules `NLM_F_APPEND`.
pub(super) const CREATE: u16 = 0x400 | 0x800;

/// `NLA_F_NESTED`
const NESTED: u16 = 0x8000;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Kind {
    /// `NFT_MSG_NEWTABLE`
    NewTable = 0,
    /// `NFT_MSG_GETTABLE`
    GetTable = 1,
    /// `NFT_MSG_DELTABLE`
    DeleteTable = 2,
    /// `NFT_MSG_NEWCHAIN`
    NewChain = 3,
    /// `NFT_MSG_GETCHAIN`
    GetChain = 4,
    /// `NFT_MSG_NEWRULE`
    NewRule = 6,
    /// `NFT_MSG_GETRULE`
    GetRule = 7,
    /// `NFT_MSG_NEWSET`
    NewSet = 9,
    /// `NFT_MSG_GETSET`
    GetSet = 10,
    /// `NFT_MSG_NEWSETELEM`
    NewElements = 12,
    /// `NFT_MSG_GETSETELEM`
    GetElements = 13,
    /// `NFT_MSG_DELSETELEM`
    DeleteElements = 14,
}

/// A message, or the inside of an attribute, that grows.
#[derive(Debug)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// One without attributes. The socket fills in length and number.
    pub(super) fn new(kind: Kind, flags: u16) -> Self {
        let mut bytes = vec![0; HEADER + PREFIX];
        bytes[4..6].copy_from_slice(&(SUBSYSTEM | kind as u16).to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes[HEADER] = INET;
        Self(bytes)
    }

    /// Its bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Appends an attribute.
    pub(super) fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(value.len() + 4).expect("no attribute of ours is that long");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Appends a text, which ends with a zero.
    pub(super) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    /// Appends a number of 32 bits.
    pub(super) fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Appends attributes inside an attribute.
    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inside = Self(Vec::new());
        fill(&mut inside);
        self.bytes(kind | NESTED, &inside.0)
    }
}

/// The attributes of a message: kind and value.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let [a, b, c, d] = *bytes.first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([c, d]) & !NESTED, value))
    })
}

/// Comments of tables and rules as `nft` reads them: `NFTNL_UDATA_TABLE_COMMENT` and `NFTNL_UDATA_RULE_COMMENT`.
pub(super) fn comment(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len() + 1).expect("our comments are short");
    [&[0, length], text.as_bytes(), &[0]].concat()
}

//------ Expressions ---------------------------------------------------------

/// The first of the registers of 32 bits: `NFT_REG32_00`. A key of several parts lies in it and those behind it.
const REGISTER: u32 = 8;

/// A packet's family: IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Which end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Where it comes from.
    Source,
    /// Where it goes to.
    Destination,
}

impl Family {
    /// Its suffix in the names of sets.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::V4 => "4",
            Self::V6 => "6",
        }
    }

    /// `NFPROTO_IPV4` or `NFPROTO_IPV6`.
    const fn number(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }

    /// Bytes of an address.
    pub(super) const fn length(self) -> u32 {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    /// Where an address is in the header.
    const fn offset(self, end: End) -> u32 {
        match (self, end) {
            (Self::V4, End::Source) => 12,
            (Self::V4, End::Destination) => 16,
            (Self::V6, End::Source) => 8,
            (Self::V6, End::Destination) => 24,
        }
    }
}

/// The expressions of a rule, one after the other.
#[derive(Debug)]
pub(super) struct Expressions(Message);

impl Expressions {
    /// Begins with: the packet is of this family.
    pub(super) fn of(family: Family) -> Self {
        let mut all = Self(Message(Vec::new()));
        // NFT_META_NFPROTO
        all.meta(15, REGISTER);
        all.equals(REGISTER, &[family.number()]);
        all
    }

    /// Its bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0.0
    }

    /// Appends an expression.
    fn push(&mut self, name: &str, fill: impl FnOnce(&mut Message)) -> &mut Self {
        self.0.nest(1, |element| {
            element.text(1, name).nest(2, fill);
        });
        self
    }

    /// Loads a property of the packet.
    fn meta(&mut self, key: u32, register: u32) -> &mut Self {
        self.push("meta", |data| {
            data.number(1, register).number(2, key);
        })
    }

    /// Loads bytes of a header: 1 is the network's, 2 the transport's.
    fn payload(&mut self, base: u32, offset: u32, length: u32, register: u32) -> &mut Self {
        self.push("payload", |data| {
            data.number(1, register).number(2, base).number(3, offset).number(4, length);
        })
    }

    /// Goes on if a register has this value.
    fn equals(&mut self, register: u32, value: &[u8]) -> &mut Self {
        self.push("cmp", |data| {
            // NFT_CMP_EQ
            data.number(1, register).number(2, 0).nest(3, |data| {
                data.bytes(1, value);
            });
        })
    }

    /// Goes on if the registers' value is in a set.
    fn lookup(&mut self, set: &str) -> &mut Self {
        self.push("lookup", |data| {
            data.text(1, set).number(2, REGISTER);
        })
    }

    /// Goes on for this protocol alone.
    pub(super) fn protocol(&mut self, number: u8) -> &mut Self {
        // NFT_META_L4PROTO
        self.meta(16, REGISTER);
        self.equals(REGISTER, &[number])
    }

    /// Goes on if protocol, address and port of one end of the packet are in a set.
    pub(super) fn endpoint_in(&mut self, family: Family, end: End, set: &str) -> &mut Self {
        let port = if end == End::Source { 0 } else { 2 };
        self.meta(16, REGISTER);
        self.payload(1, family.offset(end), family.length(), REGISTER + 1);
        self.payload(2, port, 2, REGISTER + 1 + family.length() / 4);
        self.lookup(set)
    }

    /// Goes on if the packet's source address is in a set.
    pub(super) fn source_in(&mut self, family: Family, set: &str) -> &mut Self {
        self.payload(1, family.offset(End::Source), family.length(), REGISTER);
        self.lookup(set)
    }

    /// Loads what connection tracking knows, of the first packet's direction where there is one.
    fn connection(&mut self, key: u32, is_original: bool, register: u32) -> &mut Self {
        self.push("ct", |data| {
            data.number(1, register).number(2, key);
            if is_original {
                data.bytes(3, &[0]);
            }
        })
    }

    /// Goes on if the connection's destination was replaced: `IPS_DST_NAT`.
    pub(super) fn is_redirected(&mut self) -> &mut Self {
        // NFT_CT_STATUS
        self.connection(2, false, REGISTER);
        self.push("bitwise", |data| {
            data.number(1, REGISTER).number(2, REGISTER).number(3, 4);
            data.nest(4, |data| {
                data.bytes(1, &(1_u32 << 5).to_ne_bytes());
            });
            data.nest(5, |data| {
                data.bytes(1, &[0; 4]);
            });
        });
        self.push("cmp", |data| {
            // NFT_CMP_NEQ
            data.number(1, REGISTER).number(2, 1).nest(3, |data| {
                data.bytes(1, &[0; 4]);
            });
        })
    }

    /// Goes on if protocol, address and port that the client asked are in a set.
    pub(super) fn asked_in(&mut self, family: Family, set: &str) -> &mut Self {
        // NFT_CT_DST_IP, NFT_CT_DST_IP6, NFT_CT_PROTO_DST
        let address = if family == Family::V4 { 20 } else { 22 };
        self.meta(16, REGISTER);
        self.connection(address, true, REGISTER + 1);
        self.connection(12, true, REGISTER + 1 + family.length() / 4);
        self.lookup(set)
    }

    /// Goes on in one of so many cases, by chance.
    pub(super) fn one_of(&mut self, count: u32) -> &mut Self {
        self.push("numgen", |data| {
            // NFT_NG_RANDOM
            data.number(1, REGISTER).number(2, count).number(3, 1);
        });
        self.equals(REGISTER, &[0; 4])
    }

    /// Keeps the packet away from connection tracking.
    pub(super) fn skip_tracking(&mut self) -> &mut Self {
        self.push("notrack", |_| {})
    }

    /// Ends this chain.
    pub(super) fn accept(&mut self) -> &mut Self {
        self.push("immediate", |data| {
            // NFT_REG_VERDICT, NF_ACCEPT
            data.number(1, 0).nest(2, |data| {
                data.nest(2, |verdict| {
                    verdict.number(1, 1);
                });
            });
        })
    }

    /// Refuses the packet: a TCP connection by a reset, all else by "port unreachable".
    pub(super) fn refuse(&mut self, by_reset: bool) -> &mut Self {
        self.push("reject", |data| {
            // NFT_REJECT_TCP_RST; NFT_REJECT_ICMPX_UNREACH with NFT_REJECT_ICMPX_PORT_UNREACH
            data.number(1, if by_reset { 1 } else { 2 }).bytes(2, &[u8::from(!by_reset)]);
        })
    }

    /// Sends the connection to another server.
    pub(super) fn redirect(&mut self, family: Family, address: &[u8], port: u16) -> &mut Self {
        let port_register = REGISTER + family.length() / 4;
        for (register, value) in [(REGISTER, address), (port_register, &port.to_be_bytes())] {
            self.push("immediate", |data| {
                data.number(1, register).nest(2, |data| {
                    data.bytes(1, value);
                });
            });
        }
        self.push("nat", |data| {
            // NFT_NAT_DNAT
            data.number(1, 1).number(2, family.number().into()).number(3, REGISTER).number(5, port_register);
        })
    }

    /// Gives the connection an address of ours as its source, so that answers come back.
    pub(super) fn masquerade(&mut self) -> &mut Self {
        self.push("masq", |_| {})
    }
}
