//! The closed sets of label values: a number of the wire becomes a position here, and a position a name at the scrape.
//!
//! The sets are closed and short so that a stranger who asks for every type there is creates no series (RFC 6895 has 65,536 types).

use super::Source;

/// QTYPEs that have a series of their own, by number; the last stands for all others. CoreDNS's names, and of its list those that
/// programs on a node ask for: signatures, keys and transfers are the business of servers, and cost a series for each zone and transport.
const TYPES: [(u16, &str); 12] = [
    (1, "A"),
    (28, "AAAA"),
    (5, "CNAME"),
    (12, "PTR"),
    (15, "MX"),
    (2, "NS"),
    (6, "SOA"),
    (16, "TXT"),
    (33, "SRV"),
    (65, "HTTPS"),
    (255, "ANY"),
    (0, OTHER_TYPE),
];

/// The name of all types without one.
pub(super) const OTHER_TYPE: &str = "other";

/// RCODEs that have a name, by number; the last stands for all others. Not each has a series of its own, see [`response_rcode`].
const RCODES: [(u16, &str); 14] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
    (u16::MAX, "other"),
];

/// What an address is that no public name should have; the value of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// 0.0.0.0 and ::, which reach the local machine but are mostly meant for "nowhere".
    Null,
    /// The machine itself.
    Loopback,
    /// Of a private network (RFC 1918, RFC 4193, RFC 3879, RFC 8215).
    Private,
    /// Shared by those behind a provider's translator (RFC 6598), and by clusters.
    Shared,
    /// Of one link (RFC 3927, RFC 4291 section 2.5.6).
    LinkLocal,
    /// For examples in documents (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// Of many hosts.
    Multicast,
    /// For protocols, measurements or the future.
    Reserved,
    /// The metadata service of a cloud.
    Metadata,
    /// Of this cluster, as the configuration says.
    Cluster,
    /// Of this node.
    Own,
    /// None: aliases lead to a name that is not anybody's.
    Alias,
    /// None that could be read.
    Unreadable,
}

impl AddressClass {
    /// All of them, in order.
    pub const ALL: [Self; 13] = [
        Self::Null,
        Self::Loopback,
        Self::Private,
        Self::Shared,
        Self::LinkLocal,
        Self::Documentation,
        Self::Multicast,
        Self::Reserved,
        Self::Metadata,
        Self::Cluster,
        Self::Own,
        Self::Alias,
        Self::Unreadable,
    ];

    /// What labels and logs call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::LinkLocal => "link_local",
            Self::Documentation => "documentation",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Metadata => "metadata",
            Self::Cluster => "cluster",
            Self::Own => "own",
            Self::Alias => "alias",
            Self::Unreadable => "unreadable",
        }
    }
}

/// How many positions [`type_index`] has.
pub(super) const TYPE_COUNT: usize = TYPES.len();

/// How many positions [`rcode_index`] has.
pub(super) const RCODE_COUNT: usize = RCODES.len();

/// The position of SERVFAIL among the RCODEs.
pub(super) const SERVFAIL: usize = 2;

/// Positions of the QTYPEs below 256, from [`TYPES`].
static TYPE_POSITIONS: [u8; 256] = positions(&TYPES);

/// Positions of the RCODEs below 256, from [`RCODES`].
static RCODE_POSITIONS: [u8; 256] = positions(&RCODES);

/// The position of a QTYPE, below [`TYPE_COUNT`].
pub(super) fn type_index(qtype: u16) -> usize {
    TYPE_POSITIONS.get(usize::from(qtype)).map_or(TYPE_COUNT - 1, |&position| usize::from(position))
}

/// The name of the type at a position.
pub(super) fn type_name(index: usize) -> &'static str {
    TYPES.get(index).map_or("other", |&(_, name)| name)
}

/// The position of an RCODE, below [`RCODE_COUNT`].
pub(super) fn rcode_index(rcode: u16) -> usize {
    RCODE_POSITIONS.get(usize::from(rcode)).map_or(RCODE_COUNT - 1, |&position| usize::from(position))
}

/// The name of a response code; "other" for those that have none here.
#[must_use]
pub fn name_of_rcode(rcode: u16) -> &'static str {
    rcode_name(rcode_index(rcode))
}

/// The name of the RCODE at a position.
pub(super) fn rcode_name(index: usize) -> &'static str {
    RCODES.get(index).map_or("other", |&(_, name)| name)
}

/// The name under which an answer's RCODE is shown. FORMERR and NOTIMP are told apart where they are the verdict on a query, which is before it
/// has a zone, and REFUSED where it means something: a server's or ours. From memory comes none of them but by accident. All others are those of
/// updates and of DNS's older extensions.
pub(super) fn response_rcode(index: usize, source: Source, has_zone: bool) -> &'static str {
    let name = rcode_name(index);
    let is_told = match name {
        "NOERROR" | "NXDOMAIN" => true,
        "SERVFAIL" => !matches!(source, Source::Local),
        "REFUSED" => matches!(source, Source::Policy | Source::Forward),
        "FORMERR" | "NOTIMP" => matches!(source, Source::Policy) && !has_zone,
        _ => false,
    };
    if is_told { name } else { rcode_name(RCODE_COUNT - 1) }
}

/// The name under which the RCODE of a server is shown beside its times: each costs a histogram a server. Alerts look for SERVFAIL.
pub(super) fn exchange_rcode(index: usize) -> &'static str {
    match rcode_name(index) {
        name @ ("NOERROR" | "NXDOMAIN" | "SERVFAIL") => name,
        _ => rcode_name(RCODE_COUNT - 1),
    }
}

/// Turns a list of numbers into a table from number to position; a number that is not listed has the last position.
#[expect(clippy::cast_possible_truncation, reason = "the lists have fewer than 256 entries")]
const fn positions<const N: usize>(list: &[(u16, &str); N]) -> [u8; 256] {
    let last = N - 1;
    let mut table = [last as u8; 256];
    let mut position = 0;
    while position < last {
        table[list[position].0 as usize] = position as u8;
        position += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_number_finds_its_name() {
        for (number, name) in TYPES {
            assert_eq!(type_name(type_index(number)), name);
        }
        for (number, name) in RCODES {
            assert_eq!(rcode_name(rcode_index(number)), name);
        }
        assert_eq!(rcode_name(SERVFAIL), "SERVFAIL");
    }

    #[test]
    fn classes_of_addresses_are_listed_in_order() {
        for (position, class) in AddressClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, position, "{}", class.name());
        }
    }

    #[test]
    fn unlisted_numbers_share_one_name() {
        for number in [0, 10, 48, 99, 252, 254, 256, 257, 32768, u16::MAX] {
            assert_eq!(type_name(type_index(number)), "other");
        }
        for number in [11, 15, 17, 255, 256, 4095, u16::MAX] {
            assert_eq!(rcode_name(rcode_index(number)), "other");
        }
    }
}
