//! Answers, judged by the addresses in them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::{RebindingAction, RebindingMode, ZoneRebinding};
use crate::metrics::AddressClass;
use crate::wire::{name, rtype, u16_at};

use super::addresses::{Addresses, Rule};
use super::exempt::Exemptions;

/// SvcParamKeys that hold addresses (RFC 9460 section 14.3.2).
const IPV4_HINT: u16 = 4;
/// As [`IPV4_HINT`].
const IPV6_HINT: u16 = 6;

/// What a zone says about answers to its names.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether answers are judged, and what follows.
    pub mode: RebindingMode,
    /// What is left of an answer that is blocked.
    pub action: RebindingAction,
    /// Names that may have such addresses.
    pub exempt: Exemptions,
}

/// Why an answer may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offence {
    /// What the address is.
    pub class: AddressClass,
    /// The address as the answer has it, and the prefix that it is in; `None` where there is none.
    pub address: Option<(IpAddr, Rule)>,
}

impl Offence {
    /// That aliases of a public name lead to one that is not anybody's, about which the answer says nothing.
    pub const ALIAS: Self = Self { class: AddressClass::Alias, address: None };
    /// That hints cannot be read: a client that reads them in another way might find addresses there.
    const UNREADABLE: Self = Self { class: AddressClass::Unreadable, address: None };

    /// An address.
    const fn of(address: IpAddr, rule: Rule) -> Self {
        Self { class: rule.class, address: Some((address, rule)) }
    }
}

impl Policy {
    /// That of a zone.
    #[must_use]
    pub fn new(zone: &ZoneRebinding) -> Self {
        Self { mode: zone.mode, action: zone.action, exempt: Exemptions::new(zone) }
    }

    /// What is wrong with a record in an answer to the folded `name`; `None` if nothing is. Some 20 ns for an address that is public.
    #[must_use]
    pub fn judge(&self, addresses: &Addresses, name: &[u8], rtype: u16, rdata: &[u8]) -> Option<Offence> {
        let mut found = None;
        let mut note = |address: IpAddr| {
            if found.is_none()
                && let Some(rule) = addresses.rule(address)
                && !self.exempt.holds(name, address)
            {
                found = Some(Offence::of(address, rule));
            }
        };
        let whole = match rtype {
            rtype::A => rdata.first_chunk().is_none_or(|bytes: &[u8; 4]| {
                note(Ipv4Addr::from(*bytes).into());
                true
            }),
            rtype::AAAA => rdata.first_chunk().is_none_or(|bytes: &[u8; 16]| {
                note(Ipv6Addr::from(*bytes).into());
                true
            }),
            rtype::SVCB | rtype::HTTPS => each_hint(rdata, &mut note).is_some(),
            _ => true,
        };
        found.or_else(|| (!whole && !self.exempt.is_free(name)).then_some(Offence::UNREADABLE))
    }
}

/// Calls `note` for each address among the parameters of SVCB or HTTPS RDATA (RFC 9460 sections 2.2 and 7.3); `None` if they cannot be read.
fn each_hint(rdata: &[u8], note: &mut dyn FnMut(IpAddr)) -> Option<()> {
    // The target is never compressed as the RFC has it; a pointer that stands there all the same is stepped over.
    let mut rest = rdata.get(name::skip(rdata, 2)?..)?;
    while !rest.is_empty() {
        let (key, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let value = rest.get(4..4 + length)?;
        rest = rest.get(4 + length..)?;
        match key {
            IPV4_HINT => {
                let (hints, odd) = value.as_chunks::<4>();
                hints.iter().for_each(|bytes| note(Ipv4Addr::from(*bytes).into()));
                odd.is_empty().then_some(())?;
            }
            IPV6_HINT => {
                let (hints, odd) = value.as_chunks::<16>();
                hints.iter().for_each(|bytes| note(Ipv6Addr::from(*bytes).into()));
                odd.is_empty().then_some(())?;
            }
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// What the default policy of a public zone says of a record of `www.example`.
    fn judge(rtype: u16, rdata: &[u8]) -> Option<AddressClass> {
        let config = Config::default();
        let addresses = Addresses::new(&config.rebinding, &[]);
        let policy = Policy::new(&config.zones[0].rebinding);
        policy.judge(&addresses, &name::parse("www.example").unwrap(), rtype, rdata).map(|offence| offence.class)
    }

    /// RDATA of SVCB: priority 1, a target, and parameters.
    fn service(target: &[u8], parameters: &[(u16, &[u8])]) -> Vec<u8> {
        let mut rdata = vec![0, 1];
        rdata.extend_from_slice(target);
        for (key, value) in parameters {
            rdata.extend_from_slice(&key.to_be_bytes());
            rdata.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            rdata.extend_from_slice(value);
        }
        rdata
    }

    #[test]
    fn addresses_are_found_in_records_and_hints() {
        let (inside, outside) = ([10, 0, 0, 1], [1, 1, 1, 1]);
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
        assert_eq!(judge(rtype::A, &inside), Some(AddressClass::Private));
        assert_eq!(judge(rtype::A, &outside), None);
        assert_eq!(judge(rtype::AAAA, &mapped), Some(AddressClass::Private));
        assert_eq!(judge(rtype::TXT, &inside), None);
        for rtype in [rtype::SVCB, rtype::HTTPS] {
            for target in [&b"\0"[..], b"\x03svc\x07example\0", b"\x03svc\xC0\x0C"] {
                let two = [outside, inside].concat();
                assert_eq!(
                    judge(rtype, &service(target, &[(1, b"\x02h2"), (IPV4_HINT, &two)])),
                    Some(AddressClass::Private)
                );
                assert_eq!(judge(rtype, &service(target, &[(IPV4_HINT, &outside)])), None);
                assert_eq!(judge(rtype, &service(target, &[(IPV6_HINT, &mapped)])), Some(AddressClass::Private));
                assert_eq!(judge(rtype, &service(target, &[(5, &[0; 70])])), None);
            }
            assert_eq!(judge(rtype, &service(b"\0", &[])), None, "alias form");
        }
    }

    #[test]
    fn hints_that_cannot_be_read_do_not_pass() {
        let whole = service(b"\0", &[(IPV4_HINT, &[1, 1, 1, 1])]);
        for cut in 1..whole.len() {
            let verdict = judge(rtype::HTTPS, &whole[..cut]);
            let is_without_parameters = cut == 3;
            assert_eq!(verdict, (!is_without_parameters).then_some(AddressClass::Unreadable), "{cut} bytes");
        }
        assert_eq!(judge(rtype::HTTPS, &service(b"\0", &[(IPV4_HINT, &[1, 1, 1])])), Some(AddressClass::Unreadable));
        assert_eq!(
            judge(rtype::HTTPS, &service(b"\0", &[(IPV4_HINT, &[10, 0, 0, 1, 1])])),
            Some(AddressClass::Private)
        );
        assert_eq!(judge(rtype::HTTPS, &[]), Some(AddressClass::Unreadable));
    }
}
