//! A list of IP prefixes, in the order in which it is written and in the form in which an address is found in it.
//!
//! Whether an address is in a list of a thousand prefixes is asked for every query: ten comparisons by halving, where walking through the
//! list would cost a microsecond. That lists allow or except and never do both makes one sorted row of ranges enough; no prefix has to win
//! over another.

use std::net::IpAddr;

use ipnet::IpNet;

/// The prefixes of an option. An IPv4 address is the same as its IPv4-mapped form (RFC 4291 section 2.5.5.2), in prefixes as in addresses;
/// an IPv6 prefix that holds all mapped addresses and more, such as `::/0`, holds no IPv4.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    /// As they are written.
    written: Vec<IpNet>,
    /// First and last IPv4 address of each stretch. Invariant: in order, and no two overlap or touch.
    four: Vec<(u32, u32)>,
    /// The same for IPv6.
    six: Vec<(u128, u128)>,
}

/// Bits in front of an IPv4 address in its mapped form.
const MAPPED: u8 = 96;

impl Prefixes {
    /// The prefixes that are written, in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[IpNet] {
        &self.written
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Whether one of them holds an address; the empty list holds none.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => holds(&self.four, address.into()),
            IpAddr::V6(address) => holds(&self.six, address.into()),
        }
    }

    /// Whether a list of who may do something lets an address: one that is empty lets everybody.
    #[must_use]
    #[inline]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.is_empty() || self.contains(address)
    }
}

impl FromIterator<IpNet> for Prefixes {
    fn from_iter<I: IntoIterator<Item = IpNet>>(prefixes: I) -> Self {
        let written: Vec<IpNet> = prefixes.into_iter().collect();
        let (mut four, mut six) = (Vec::new(), Vec::new());
        for prefix in &written {
            match (prefix.network().to_canonical(), prefix.broadcast().to_canonical()) {
                (IpAddr::V4(first), IpAddr::V4(last)) if prefix.addr().is_ipv4() || prefix.prefix_len() >= MAPPED => {
                    four.push((first.into(), last.into()));
                }
                _ => match prefix {
                    IpNet::V4(_) => {}
                    IpNet::V6(prefix) => six.push((prefix.network().into(), prefix.broadcast().into())),
                },
            }
        }
        Self {
            four: joined(four, |last| last.saturating_add(1)),
            six: joined(six, |last| last.saturating_add(1)),
            written,
        }
    }
}

/// Whether one of the ranges holds a number.
fn holds<T: Ord + Copy>(ranges: &[(T, T)], number: T) -> bool {
    let behind = ranges.partition_point(|(first, _)| *first <= number);
    behind.checked_sub(1).is_some_and(|before| ranges[before].1 >= number)
}

/// The ranges in order, those that overlap or touch made into one.
fn joined<T: Ord + Copy>(mut all: Vec<(T, T)>, next: impl Fn(T) -> T) -> Vec<(T, T)> {
    all.sort_unstable();
    let mut ranges: Vec<(T, T)> = Vec::with_capacity(all.len());
    for (first, last) in all {
        match ranges.last_mut() {
            Some(before) if first <= next(before.1) => before.1 = before.1.max(last),
            _ => ranges.push((first, last)),
        }
    }
    ranges.shrink_to_fit();
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A list of these prefixes.
    fn list(prefixes: &[&str]) -> Prefixes {
        prefixes.iter().map(|prefix| prefix.parse::<IpNet>().unwrap()).collect()
    }

    #[test]
    fn first_and_last_address_are_inside_and_their_neighbours_are_not() {
        let list = list(&["10.1.0.0/16", "192.0.2.7/32", "2001:db8::/33", "10.2.0.0/16"]);
        for (address, is_inside) in [
            ("10.0.255.255", false),
            ("10.1.0.0", true),
            ("10.2.255.255", true),
            ("10.3.0.0", false),
            ("192.0.2.6", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false),
            ("2001:db8::", true),
            ("2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", true),
            ("2001:db8:8000::", false),
        ] {
            assert_eq!(list.contains(address.parse().unwrap()), is_inside, "{address}");
        }
    }

    #[test]
    fn an_address_and_its_mapped_form_are_the_same() {
        let plain = list(&["10.0.0.0/8"]);
        assert!(plain.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!plain.contains("::10.1.2.3".parse().unwrap()), "compatible addresses are others");
        let mapped = list(&["::ffff:10.0.0.0/104"]);
        assert!(mapped.contains("10.1.2.3".parse().unwrap()) && !mapped.contains("11.0.0.0".parse().unwrap()));
    }

    #[test]
    fn everything_and_nothing_have_their_place() {
        let (all, none) = (list(&["0.0.0.0/0", "::/0"]), Prefixes::default());
        for address in ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            let address = address.parse().unwrap();
            assert!(all.contains(address) && !none.contains(address) && none.allows(address));
        }
        assert!(!list(&["::/0"]).contains("10.0.0.1".parse().unwrap()), "one family says nothing of the other");
    }

    /// An address from a small space, so that lists and addresses meet.
    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<[u8; 2]>().prop_map(|[a, b]| IpAddr::from([10, 0, a, b])),
            any::<[u8; 2]>().prop_map(|[a, b]| IpAddr::from([
                0x2001,
                0xdb8,
                0,
                0,
                0,
                0,
                0,
                u16::from_be_bytes([a, b])
            ])),
        ]
    }

    proptest! {
        #[test]
        fn a_list_holds_what_one_of_its_prefixes_holds(
            prefixes in proptest::collection::vec((address(), 0_u8..=16), 0..64),
            addresses in proptest::collection::vec(address(), 64),
        ) {
            let prefix = |(address, short): (IpAddr, u8)| {
                let longest = if address.is_ipv4() { 32 } else { 128 };
                IpNet::new(address, longest - short).unwrap().trunc()
            };
            let prefixes: Vec<IpNet> = prefixes.into_iter().map(prefix).collect();
            let list: Prefixes = prefixes.iter().copied().collect();
            for address in addresses {
                let naive = prefixes.iter().any(|prefix| prefix.contains(&address));
                prop_assert_eq!(list.contains(address), naive, "{} in {:?}", address, prefixes);
            }
        }
    }
}
