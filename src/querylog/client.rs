//! Who asked, or as much of it as may be known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ::aws_lc_rs::hmac;
use rand::Rng as _;

use crate::config::LogClients;
use crate::sys::clock::Moment;
use crate::sys::random;

/// For how long a pseudonym means the same client.
pub(super) const KEY_AGE: Duration = Duration::from_secs(86_400);

/// Names clients in one of three ways.
pub(super) struct Namer {
    /// Which.
    pub(super) clients: LogClients,
    /// What is left of IPv4 and IPv6 addresses, in bits.
    pub(super) prefixes: [u8; 2],
    /// The key of the pseudonyms, and when it was made. In memory alone: when it is gone, nobody can find out who it was.
    key: Option<(hmac::Key, Moment)>,
}

impl Namer {
    /// One that names clients like this.
    pub(super) const fn new(clients: LogClients, prefixes: [u8; 2]) -> Self {
        Self { clients, prefixes, key: None }
    }

    /// What a client is called at this moment. A pseudonym is an address of fd00::/8 (RFC 4193), so that whatever reads logs can read it.
    pub(super) fn name(&mut self, client: IpAddr, now: Moment) -> IpAddr {
        match self.clients {
            LogClients::Plain => client,
            LogClients::Prefix => self.prefix(client),
            LogClients::Pseudonym => IpAddr::V6(self.pseudonym(client, now)),
        }
    }

    /// The prefix of an address, with zeros behind it.
    fn prefix(&self, client: IpAddr) -> IpAddr {
        match client {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefixes[0])).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefixes[1])).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
            }
        }
    }

    /// What the key makes of an address.
    fn pseudonym(&mut self, client: IpAddr, now: Moment) -> Ipv6Addr {
        if self.key.as_ref().is_none_or(|(_, made)| now.since(*made) >= KEY_AGE) {
            let mut key = [0; 32];
            random::rng().fill_bytes(&mut key);
            self.key = Some((hmac::Key::new(hmac::HMAC_SHA256, &key), now));
        }
        let octets = match client {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let mut name = [0; 16];
        if let Some((key, _)) = &self.key {
            name.copy_from_slice(&hmac::sign(key, &octets).as_ref()[..16]);
        }
        name[0] = 0xFD;
        Ipv6Addr::from(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_what_is_left() {
        let mut namer = Namer::new(LogClients::Prefix, [24, 56]);
        let mut name = |text: &str| namer.name(text.parse().unwrap(), Moment::default()).to_string();
        assert_eq!(name("192.0.2.77"), "192.0.2.0");
        assert_eq!(name("2001:db8:1:2345::7"), "2001:db8:1:2300::");
        for (bits, shown) in [([0, 0], ["0.0.0.0", "::"]), ([32, 128], ["192.0.2.77", "2001:db8::7"])] {
            let mut namer = Namer::new(LogClients::Prefix, bits);
            for (client, shown) in ["192.0.2.77", "2001:db8::7"].into_iter().zip(shown) {
                assert_eq!(namer.name(client.parse().unwrap(), Moment::default()).to_string(), shown);
            }
        }
    }

    #[test]
    fn a_pseudonym_lasts_a_day_and_tells_nothing() {
        let day = Moment::from_secs(1_000);
        let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let mut namer = Namer::new(LogClients::Pseudonym, [24, 56]);
        let first = namer.name(one, day);
        assert_eq!(first, namer.name(one, day + Duration::from_secs(86_399)));
        assert_ne!(first, namer.name(other, day));
        assert!(first.to_string().starts_with("fd"), "{first}");
        let next_day = namer.name(one, day + KEY_AGE);
        assert_ne!(first, next_day, "the key is another");
        assert_ne!(first, Namer::new(LogClients::Pseudonym, [24, 56]).name(one, day), "on another node, too");
    }
}
