//! The twelve bytes in front of every message (RFC 1035 section 4.1.1) and the numbers used in messages (IANA DNS parameters).

/// Bytes of a header.
pub const HEADER: usize = 12;

/// Offset of QDCOUNT, ANCOUNT, NSCOUNT and ARCOUNT in the header.
pub const COUNTS: [usize; 4] = [4, 6, 8, 10];

/// Largest message: what fits the two-byte length of a stream (RFC 1035 section 4.2.2).
pub const MAX_MESSAGE: usize = 65_535;

/// Bits of the header's second word.
pub mod flag {
    /// This is a response.
    pub const QR: u16 = 0x8000;
    /// The responder owns the zone.
    pub const AA: u16 = 0x0400;
    /// Records were left out.
    pub const TC: u16 = 0x0200;
    /// Recursion is wanted.
    pub const RD: u16 = 0x0100;
    /// Recursion is offered.
    pub const RA: u16 = 0x0080;
    /// The data were validated (RFC 4035 section 3.2.3).
    pub const AD: u16 = 0x0020;
    /// The client validates for itself (RFC 4035 section 3.2.2).
    pub const CD: u16 = 0x0010;
    /// Where the opcode is.
    pub const OPCODE: u16 = 0x7800;
    /// Where the response code is.
    pub const RCODE: u16 = 0x000F;
}

/// Opcodes.
pub mod opcode {
    /// An ordinary question.
    pub const QUERY: u16 = 0;
}

/// Response codes; above 15 they need EDNS (RFC 6891 section 6.1.3).
pub mod rcode {
    /// No error; with an empty answer section, NODATA.
    pub const NOERROR: u16 = 0;
    /// The query could not be understood.
    pub const FORMERR: u16 = 1;
    /// The answer could not be found out.
    pub const SERVFAIL: u16 = 2;
    /// The name does not exist, nor any name below it (RFC 8020).
    pub const NXDOMAIN: u16 = 3;
    /// This kind of query is not implemented.
    pub const NOTIMP: u16 = 4;
    /// Refused by policy.
    pub const REFUSED: u16 = 5;
    /// The EDNS version is not implemented (RFC 6891 section 9).
    pub const BADVERS: u16 = 16;
    /// The server's cookie is missing or not its own (RFC 7873 section 8).
    pub const BADCOOKIE: u16 = 23;
}

/// Classes.
pub mod class {
    /// The Internet.
    pub const IN: u16 = 1;
    /// Chaosnet, today used for facts about the server itself (RFC 4892).
    pub const CH: u16 = 3;
}

/// Record types that are treated in a special way somewhere.
pub mod rtype {
    /// IPv4 address.
    pub const A: u16 = 1;
    /// Name server.
    pub const NS: u16 = 2;
    /// Mail destination, obsolete.
    pub const MD: u16 = 3;
    /// Mail forwarder, obsolete.
    pub const MF: u16 = 4;
    /// Alias.
    pub const CNAME: u16 = 5;
    /// Start of a zone; carries the negative TTL.
    pub const SOA: u16 = 6;
    /// Mailbox.
    pub const MB: u16 = 7;
    /// Mail group member.
    pub const MG: u16 = 8;
    /// Mail rename.
    pub const MR: u16 = 9;
    /// Pointer.
    pub const PTR: u16 = 12;
    /// Mailbox information.
    pub const MINFO: u16 = 14;
    /// Mail exchange.
    pub const MX: u16 = 15;
    /// Text.
    pub const TXT: u16 = 16;
    /// Responsible person.
    pub const RP: u16 = 17;
    /// AFS database.
    pub const AFSDB: u16 = 18;
    /// Route through.
    pub const RT: u16 = 21;
    /// Signature of the first DNSSEC, and of transactions (RFC 2931).
    pub const SIG: u16 = 24;
    /// X.400 mapping.
    pub const PX: u16 = 26;
    /// IPv6 address.
    pub const AAAA: u16 = 28;
    /// Denial of the first DNSSEC.
    pub const NXT: u16 = 30;
    /// Service location.
    pub const SRV: u16 = 33;
    /// Naming authority pointer.
    pub const NAPTR: u16 = 35;
    /// Key exchanger.
    pub const KX: u16 = 36;
    /// Alias of a whole subtree.
    pub const DNAME: u16 = 39;
    /// EDNS (RFC 6891).
    pub const OPT: u16 = 41;
    /// Delegation signer.
    pub const DS: u16 = 43;
    /// DNSSEC signature.
    pub const RRSIG: u16 = 46;
    /// Denial of existence.
    pub const NSEC: u16 = 47;
    /// Hashed denial of existence.
    pub const NSEC3: u16 = 50;
    /// Service binding.
    pub const SVCB: u16 = 64;
    /// Service binding for HTTP.
    pub const HTTPS: u16 = 65;
    /// First of the types that are questions or about the transaction, never data (RFC 6895 section 3.1).
    pub const FIRST_META: u16 = 128;
    /// Last of them; above it come types such as URI and CAA, which are data.
    pub const LAST_META: u16 = 255;
    /// Transaction signature.
    pub const TSIG: u16 = 250;
    /// Incremental transfer.
    pub const IXFR: u16 = 251;
    /// Transfer.
    pub const AXFR: u16 = 252;
    /// Mailbox-related records, obsolete.
    pub const MAILB: u16 = 253;
    /// Mail agent records, obsolete.
    pub const MAILA: u16 = 254;
    /// All records; answered minimally (RFC 8482).
    pub const ANY: u16 = 255;
}

/// EDNS option codes.
pub mod option {
    /// Which server answers (RFC 5001).
    pub const NSID: u16 = 3;
    /// Cookies of client and server (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// edns-tcp-keepalive (RFC 7828).
    pub const KEEPALIVE: u16 = 11;
    /// Padding (RFC 7830).
    pub const PADDING: u16 = 12;
    /// Extended DNS error (RFC 8914).
    pub const EDE: u16 = 15;
}

/// Extended DNS error codes (RFC 8914 section 4).
pub mod ede {
    /// Nothing more precise fits.
    pub const OTHER: u16 = 0;
    /// None of a zone's keys is of an algorithm that is known.
    pub const UNSUPPORTED_ALGORITHM: u16 = 1;
    /// None of the digests of a zone's keys is of a type that is known.
    pub const UNSUPPORTED_DIGEST: u16 = 2;
    /// The answer has expired, and no server could be asked for a newer one.
    pub const STALE_ANSWER: u16 = 3;
    /// The answer is not what its zone signed.
    pub const DNSSEC_BOGUS: u16 = 6;
    /// All signatures have expired.
    pub const SIGNATURE_EXPIRED: u16 = 7;
    /// No signature is valid yet.
    pub const SIGNATURE_NOT_YET_VALID: u16 = 8;
    /// The zone has no key that its parent vouches for.
    pub const DNSKEY_MISSING: u16 = 9;
    /// The zone is signed, and the answer is not.
    pub const RRSIGS_MISSING: u16 = 10;
    /// It is not proved that something does not exist.
    pub const NSEC_MISSING: u16 = 12;
    /// Policy of the server's operator withholds the answer (RFC 8914 section 4.16).
    pub const BLOCKED: u16 = 15;
    /// Policy of the client's network wants the answer left out (RFC 8914 section 4.18).
    pub const FILTERED: u16 = 17;
    /// The client may not ask this.
    pub const PROHIBITED: u16 = 18;
    /// The denial has expired, and no server could be asked for a newer one.
    pub const STALE_NXDOMAIN_ANSWER: u16 = 19;
    /// The server does not do this.
    pub const NOT_SUPPORTED: u16 = 21;
    /// No server of the group could be reached.
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
    /// Sockets failed on the way to the servers.
    pub const NETWORK_ERROR: u16 = 23;
    /// The answer of the server did not parse.
    pub const INVALID_DATA: u16 = 24;
    /// The answer was made up from another one.
    pub const SYNTHESIZED: u16 = 29;
}

/// The number of the header's second word.
#[must_use]
#[inline]
pub fn flags(message: &[u8]) -> u16 {
    super::u16_at(message, 2).unwrap_or(0)
}
