//! Which addresses are not public: one table of prefixes, the longest of which decides.
//!
//! Behind the built-in prefixes (IANA's special-purpose registries of RFC 6890, and what clouds put on public-looking space) come those of the
//! configuration and the node's own addresses. An IPv6 address that carries an IPv4 address, and reaches it by some translator, is what
//! that is: it is unwrapped and looked up again.
//!
//! A look-up is a binary search over ranges that do not overlap: 60 ns for an address of the usual kind, however many prefixes there are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use crate::config;
use crate::metrics::AddressClass;

/// Why an address is not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the address is.
    pub class: AddressClass,
    /// The prefix that says so; of the IPv4 address, where that is inside another.
    pub prefix: IpNet,
}

/// The prefixes that are never public, each with its class.
///
/// 0.0.0.0 and :: are a class of their own: they reach the local machine, but whoever blocks advertisements answers them for "nowhere".
const BUILT_IN: &[(&str, AddressClass)] = &[
    // IPv4 (RFC 6890 table 1 ff.; RFC 1122 section 3.2.1.3, RFC 1918, 6598, 1122, 3927, 6890, 5737, 2544, 5771, 1112).
    ("0.0.0.0/32", AddressClass::Null),
    ("0.0.0.0/8", AddressClass::Loopback),
    ("10.0.0.0/8", AddressClass::Private),
    ("100.64.0.0/10", AddressClass::Shared),
    ("127.0.0.0/8", AddressClass::Loopback),
    ("169.254.0.0/16", AddressClass::LinkLocal),
    ("172.16.0.0/12", AddressClass::Private),
    ("192.0.0.0/24", AddressClass::Reserved),
    ("192.0.2.0/24", AddressClass::Documentation),
    ("192.168.0.0/16", AddressClass::Private),
    ("198.18.0.0/15", AddressClass::Reserved),
    ("198.51.100.0/24", AddressClass::Documentation),
    ("203.0.113.0/24", AddressClass::Documentation),
    ("224.0.0.0/4", AddressClass::Multicast),
    ("240.0.0.0/4", AddressClass::Reserved),
    // IPv6 (RFC 4291 sections 2.5.2, 2.5.3, 2.5.6, 2.7; RFC 4193, 3879, 3849, 9637, 8215, 6666).
    ("::/128", AddressClass::Null),
    ("::1/128", AddressClass::Loopback),
    ("fc00::/7", AddressClass::Private),
    ("fe80::/10", AddressClass::LinkLocal),
    ("fec0::/10", AddressClass::Private),
    ("ff00::/8", AddressClass::Multicast),
    ("2001:db8::/32", AddressClass::Documentation),
    ("3fff::/20", AddressClass::Documentation),
    ("64:ff9b:1::/48", AddressClass::Private),
    ("100::/64", AddressClass::Reserved),
    // Metadata and agents of clouds: credentials of the machine. Azure's stands on space that looks public; the others lie inside
    // prefixes above, and have their own class so that an alarm can tell.
    ("168.63.129.16/32", AddressClass::Metadata),
    ("169.254.169.254/32", AddressClass::Metadata),
    ("192.0.0.192/32", AddressClass::Metadata),
    ("100.100.100.200/32", AddressClass::Metadata),
    ("fd00:ec2::254/128", AddressClass::Metadata),
];

/// Where IPv4 addresses are inside IPv6 ones; ISATAP, which may be below any prefix, is looked for by itself.
const WRAPPED: &[(&str, Wrap)] = &[
    // Mapped (RFC 4291 section 2.5.5.2), compatible (section 2.5.5.1), translated (RFC 7915, once RFC 2765).
    ("::ffff:0:0/96", Wrap::At(12)),
    ("::/96", Wrap::At(12)),
    ("::ffff:0:0:0/96", Wrap::At(12)),
    // NAT64's well-known prefix (RFC 6052 section 2.1).
    ("64:ff9b::/96", Wrap::At(12)),
    // 6to4 (RFC 3056 section 2).
    ("2002::/16", Wrap::At(2)),
    // Teredo (RFC 4380 section 4).
    ("2001::/32", Wrap::Teredo),
];

/// What an IPv6 prefix says of the address inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrap {
    /// It begins at this byte.
    At(u8),
    /// As [`Wrap::At`], with byte 8 left out (RFC 6052 section 2.2: bits 64 to 71 "MUST be set to zero").
    Around(u8),
    /// The server's begins at byte 4, the client's at byte 12 with every bit turned.
    Teredo,
}

/// What holds for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It is public: nobody, or the operator, says otherwise.
    Public,
    /// It is not.
    Not(Rule),
    /// It is what the address inside is.
    Wrapped(Wrap),
}

/// The table.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// IPv4: where each range begins, and what holds until the next. Invariant: ascending, the first is 0.
    v4: Vec<(u128, Meaning)>,
    /// The same for IPv6.
    v6: Vec<(u128, Meaning)>,
}

impl Addresses {
    /// The table of a configuration, on a node with these addresses.
    #[must_use]
    pub fn new(config: &config::Rebinding, own: &[IpAddr]) -> Self {
        let parse = |text: &str| -> IpNet { text.parse().expect("the built-in prefixes are prefixes") };
        let not = |prefix: IpNet, class| (prefix, Meaning::Not(Rule { class, prefix }));
        let mut prefixes: Vec<(IpNet, Meaning)> =
            WRAPPED.iter().map(|(prefix, wrap)| (parse(prefix), Meaning::Wrapped(*wrap))).collect();
        prefixes.extend(BUILT_IN.iter().map(|(prefix, class)| not(parse(prefix), *class)));
        prefixes.extend(config.nat64.iter().map(|prefix| (IpNet::V6(*prefix), Meaning::Wrapped(nat64(*prefix)))));
        prefixes.extend(config.private.iter().map(|prefix| not(*prefix, AddressClass::Cluster)));
        prefixes.extend(own.iter().map(|address| not(IpNet::from(address.to_canonical()), AddressClass::Own)));
        prefixes.extend(config.public.iter().map(|prefix| (*prefix, Meaning::Public)));
        if !config.null {
            let nothing = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            prefixes.extend(nothing.map(|address: IpAddr| (IpNet::from(address), Meaning::Public)));
        }
        let (v4, v6) = prefixes.into_iter().partition(|(prefix, _)| matches!(prefix, IpNet::V4(_)));
        Self { v4: ranges(v4), v6: ranges(v6) }
    }

    /// Why `address` is not public; `None` if it is.
    #[must_use]
    pub fn rule(&self, address: IpAddr) -> Option<Rule> {
        match address {
            IpAddr::V4(address) => self.rule_v4(address),
            IpAddr::V6(address) => self.rule_v6(address),
        }
    }

    /// As [`Addresses::rule`].
    fn rule_v4(&self, address: Ipv4Addr) -> Option<Rule> {
        match meaning(&self.v4, u128::from(u32::from(address))) {
            Meaning::Not(rule) => Some(rule),
            Meaning::Public | Meaning::Wrapped(_) => None,
        }
    }

    /// As [`Addresses::rule`].
    fn rule_v6(&self, address: Ipv6Addr) -> Option<Rule> {
        let bytes = address.octets();
        match meaning(&self.v6, u128::from(address)) {
            Meaning::Not(rule) => return Some(rule),
            Meaning::Wrapped(Wrap::At(at)) => {
                if let Some(rule) = self.rule_v4(inside(&bytes, usize::from(at), false)) {
                    return Some(rule);
                }
            }
            Meaning::Wrapped(Wrap::Around(at)) => {
                if let Some(rule) = self.rule_v4(inside(&bytes, usize::from(at), true)) {
                    return Some(rule);
                }
            }
            Meaning::Wrapped(Wrap::Teredo) => {
                let client = !u32::from(inside(&bytes, 12, false));
                let server = inside(&bytes, 4, false);
                if let Some(rule) = self.rule_v4(server).or_else(|| self.rule_v4(Ipv4Addr::from(client))) {
                    return Some(rule);
                }
            }
            Meaning::Public => {}
        }
        // ISATAP (RFC 5214 section 6.1): an interface identifier of 0000:5efe or, where the address is unique, 0200:5efe.
        let is_isatap = bytes[8] & !2 == 0 && bytes[9..12] == [0, 0x5e, 0xfe];
        if is_isatap { self.rule_v4(inside(&bytes, 12, false)) } else { None }
    }
}

/// Where the IPv4 address is below a NAT64 prefix (RFC 6052 section 2.2). The configuration takes no other lengths.
fn nat64(prefix: Ipv6Net) -> Wrap {
    match prefix.prefix_len() {
        32 => Wrap::At(4),
        40 => Wrap::Around(5),
        48 => Wrap::Around(6),
        56 => Wrap::Around(7),
        64 => Wrap::At(9),
        _ => Wrap::At(12),
    }
}

/// The IPv4 address that begins at byte `at`, without byte 8 if it goes `around` that.
fn inside(bytes: &[u8; 16], at: usize, around: bool) -> Ipv4Addr {
    let byte = |offset: usize| {
        let position = at + offset;
        bytes.get(if around && position >= 8 { position + 1 } else { position }).copied().unwrap_or(0)
    };
    Ipv4Addr::new(byte(0), byte(1), byte(2), byte(3))
}

/// What holds for an address, by number.
fn meaning(ranges: &[(u128, Meaning)], address: u128) -> Meaning {
    let behind = ranges.partition_point(|(start, _)| *start <= address);
    behind.checked_sub(1).and_then(|at| ranges.get(at)).map_or(Meaning::Public, |(_, meaning)| *meaning)
}

/// Prefixes of one family as ranges: of several that hold an address the longest counts, and of equal ones the last.
fn ranges(mut prefixes: Vec<(IpNet, Meaning)>) -> Vec<(u128, Meaning)> {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    // Those that hold others stand before them; equal ones stay in order.
    prefixes.sort_by_key(|(prefix, _)| (number(prefix.network()), prefix.prefix_len()));
    let mut ranges: Vec<(u128, Meaning)> = vec![(0, Meaning::Public)];
    // The prefixes that hold the place where we are, the longest last, and where each ends.
    let mut open: Vec<(u128, Meaning)> = Vec::new();
    let mut put = |start: u128, meaning: Meaning| {
        if ranges.last().is_some_and(|(last, _)| *last == start) {
            ranges.pop();
        }
        ranges.push((start, meaning));
    };
    let leave = |open: &mut Vec<(u128, Meaning)>, before: Option<u128>, put: &mut dyn FnMut(u128, Meaning)| {
        while let Some((end, _)) = open.last().copied()
            && before.is_none_or(|before| end < before)
        {
            open.pop();
            if let Some(next) = end.checked_add(1) {
                put(next, open.last().map_or(Meaning::Public, |(_, meaning)| *meaning));
            }
        }
    };
    for (prefix, meaning) in prefixes {
        let (start, end) = (number(prefix.network()), number(prefix.broadcast()));
        leave(&mut open, Some(start), &mut put);
        put(start, meaning);
        open.push((end, meaning));
    }
    leave(&mut open, None, &mut put);
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The table of a configuration that says nothing.
    fn plain() -> Addresses {
        Addresses::new(&config::Config::default().rebinding, &[])
    }

    /// The class of an address.
    fn class(table: &Addresses, address: &str) -> Option<AddressClass> {
        table.rule(address.parse().unwrap()).map(|rule| rule.class)
    }

    /// N35: the first and the last address of each prefix are in, their neighbours are out unless another prefix holds them.
    #[test]
    fn prefixes_begin_and_end_where_they_say() {
        let table = plain();
        let nets: Vec<(IpNet, AddressClass)> =
            BUILT_IN.iter().map(|(prefix, class)| (prefix.parse().unwrap(), *class)).collect();
        let longest = |address: IpAddr| {
            let holds = nets.iter().filter(|(net, _)| net.contains(&address));
            holds.max_by_key(|(net, _)| net.prefix_len()).map(|(_, class)| *class)
        };
        for (net, _) in &nets {
            for address in [net.network(), net.broadcast()] {
                assert_eq!(table.rule(address).map(|rule| rule.class), longest(address), "{address} of {net}");
                assert!(table.rule(address).is_some());
            }
            let neighbours: Vec<IpAddr> = match net {
                IpNet::V4(net) => {
                    let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
                    let around = [first.checked_sub(1), last.checked_add(1)];
                    around.into_iter().flatten().map(|number| Ipv4Addr::from(number).into()).collect()
                }
                // Around :: and ::1 lie compatible addresses.
                IpNet::V6(net) if net.prefix_len() == 128 => Vec::new(),
                IpNet::V6(net) => {
                    let (first, last) = (u128::from(net.network()), u128::from(net.broadcast()));
                    let around = [first.checked_sub(1), last.checked_add(1)];
                    around.into_iter().flatten().map(|number| Ipv6Addr::from(number).into()).collect()
                }
            };
            for address in neighbours {
                assert_eq!(table.rule(address).map(|rule| rule.class), longest(address), "{address} beside {net}");
            }
        }
    }

    #[test]
    fn the_longest_prefix_names_the_class() {
        let table = plain();
        for (address, expected) in [
            ("0.0.0.0", AddressClass::Null),
            ("0.0.0.1", AddressClass::Loopback),
            ("127.0.0.1", AddressClass::Loopback),
            ("10.9.8.7", AddressClass::Private),
            ("100.127.255.255", AddressClass::Shared),
            ("169.254.169.254", AddressClass::Metadata),
            ("169.254.20.10", AddressClass::LinkLocal),
            ("168.63.129.16", AddressClass::Metadata),
            ("255.255.255.255", AddressClass::Reserved),
            ("239.255.255.250", AddressClass::Multicast),
            ("fd00:ec2::254", AddressClass::Metadata),
            ("fd00:ec2::253", AddressClass::Private),
            ("::", AddressClass::Null),
            ("::1", AddressClass::Loopback),
        ] {
            assert_eq!(class(&table, address), Some(expected), "{address}");
        }
        for address in ["1.1.1.1", "168.63.129.15", "100.63.255.255", "172.32.0.0", "198.20.0.0", "223.255.255.255"] {
            assert_eq!(class(&table, address), None, "{address}");
        }
        for address in ["2606:4700::1111", "2001:4860:4860::8888", "2a00::1", "64:ff9b:2::1", "101::", "fbff::1"] {
            assert_eq!(class(&table, address), None, "{address}");
        }
    }

    /// A way to hide an IPv4 address in an IPv6 one.
    type Disguise = (&'static str, fn([u8; 4]) -> String);

    /// N35: an IPv4 address is found in each of its disguises, and a public one is let pass in all of them.
    #[test]
    fn addresses_inside_addresses_are_unwrapped() {
        let nat64 =
            ["2a00:64::/32", "2a00:164::/40", "2a00:264::/48", "2a00:364::/56", "2a00:464::/64", "2a00:564::/96"];
        let nat64 = nat64.iter().map(|prefix| prefix.parse().unwrap()).collect();
        let table = Addresses::new(&config::Rebinding { nat64, ..config::Config::default().rebinding }, &[]);
        let disguises: &[Disguise] = &[
            ("mapped", |[a, b, c, d]| format!("::ffff:{a}.{b}.{c}.{d}")),
            ("compatible", |[a, b, c, d]| format!("::{a}.{b}.{c}.{d}")),
            ("translated", |[a, b, c, d]| format!("::ffff:0:{a}.{b}.{c}.{d}")),
            ("NAT64", |[a, b, c, d]| format!("64:ff9b::{a}.{b}.{c}.{d}")),
            ("NAT64 of /32", |[a, b, c, d]| format!("2a00:64:{a:02x}{b:02x}:{c:02x}{d:02x}::7")),
            ("NAT64 of /40", |[a, b, c, d]| format!("2a00:164:{a:02x}:{b:02x}{c:02x}:{d:02x}::")),
            ("NAT64 of /48", |[a, b, c, d]| format!("2a00:264:0:{a:02x}{b:02x}:{c:02x}:{d:02x}00::")),
            ("NAT64 of /56", |[a, b, c, d]| format!("2a00:364:0:{a:02x}:{b:02x}:{c:02x}{d:02x}::")),
            ("NAT64 of /64", |[a, b, c, d]| format!("2a00:464:0:0:{a:02x}:{b:02x}{c:02x}:{d:02x}00:0")),
            ("NAT64 of /96", |[a, b, c, d]| format!("2a00:564::{a}.{b}.{c}.{d}")),
            ("6to4", |[a, b, c, d]| format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1")),
            ("Teredo server", |[a, b, c, d]| format!("2001:0:{a:02x}{b:02x}:{c:02x}{d:02x}:0:ffff:f7f7:f7f7")),
            ("Teredo client", |[a, b, c, d]| {
                format!("2001:0:808:808:0:ffff:{:02x}{:02x}:{:02x}{:02x}", !a, !b, !c, !d)
            }),
            ("ISATAP", |[a, b, c, d]| format!("2a00:1234::5efe:{a}.{b}.{c}.{d}")),
            ("ISATAP, unique", |[a, b, c, d]| format!("2a00:1234::200:5efe:{a}.{b}.{c}.{d}")),
        ];
        for (name, disguise) in disguises {
            for inside in [[10, 1, 2, 3], [127, 0, 0, 1], [169, 254, 169, 254], [192, 168, 0, 255], [240, 0, 0, 1]] {
                let address = disguise(inside);
                let rule = table.rule(Ipv4Addr::from(inside).into());
                assert!(rule.is_some());
                assert_eq!(table.rule(address.parse().unwrap()), rule, "{name}: {address}");
            }
            for inside in [[8, 8, 8, 8], [1, 1, 1, 1], [172, 15, 255, 255], [223, 255, 255, 255]] {
                assert_eq!(class(&table, &disguise(inside)), None, "{name}: {}", disguise(inside));
            }
        }
    }

    #[test]
    fn the_configuration_and_the_node_add_and_take_away() {
        let net = |text: &str| -> IpNet { text.parse().unwrap() };
        let config = config::Rebinding {
            private: vec![net("11.0.0.0/8"), net("2a01::/48")],
            public: vec![net("198.18.0.0/15"), net("11.1.0.0/16"), net("10.0.0.0/8")],
            null: false,
            ..config::Config::default().rebinding
        };
        let own = ["9.9.9.7".parse().unwrap(), "::ffff:9.9.9.8".parse().unwrap(), "2a02::7".parse().unwrap()];
        let table = Addresses::new(&config, &own);
        for (address, expected) in [
            ("11.0.0.1", Some(AddressClass::Cluster)),
            ("11.1.0.1", None),
            ("2a01::1", Some(AddressClass::Cluster)),
            ("2a01:0:1::1", None),
            ("198.19.255.255", None),
            // Of two that say opposite things of the same prefix, the operator's word that it is public counts.
            ("10.0.0.1", None),
            ("0.0.0.0", None),
            ("::", None),
            ("0.0.0.1", Some(AddressClass::Loopback)),
            ("9.9.9.7", Some(AddressClass::Own)),
            ("9.9.9.8", Some(AddressClass::Own)),
            ("9.9.9.9", None),
            ("2a02::7", Some(AddressClass::Own)),
            ("::ffff:9.9.9.7", Some(AddressClass::Own)),
        ] {
            assert_eq!(class(&table, address), expected, "{address}");
        }
    }

    proptest! {
        /// The ranges say what a walk over all prefixes says.
        #[test]
        fn ranges_are_the_longest_prefix(
            nets in proptest::collection::vec((any::<u32>(), 0_u8..=32), 0..40),
            addresses in proptest::collection::vec(any::<u32>(), 0..40),
        ) {
            let nets: Vec<(IpNet, Meaning)> = nets.into_iter().map(|(address, length)| {
                let prefix = IpNet::new(Ipv4Addr::from(address).into(), length).unwrap().trunc();
                (prefix, Meaning::Not(Rule { class: AddressClass::Private, prefix }))
            }).collect();
            let table = ranges(nets.clone());
            prop_assert!(table.is_sorted_by_key(|(start, _)| *start));
            let edges = nets.iter().flat_map(|(net, _)| [net.network(), net.broadcast()]);
            for address in addresses.into_iter().map(|number| Ipv4Addr::from(number).into()).chain(edges) {
                let IpAddr::V4(v4) = address else { continue };
                let holds = nets.iter().filter(|(net, _)| net.contains(&address));
                let longest = holds.max_by_key(|(net, _)| net.prefix_len()).map_or(Meaning::Public, |(_, meaning)| *meaning);
                prop_assert_eq!(meaning(&table, u128::from(u32::from(v4))), longest);
            }
        }
    }
}
