//! Names and addresses that one zone knows itself (`zone.hosts`), as by CoreDNS's hosts plugin: A, AAAA, and PTR for addresses backwards.
//!
//! Other than the node's own names ([`super::local`]) these belong to a zone: a file for one zone says nothing of another. What is not there goes on
//! to the zone's servers, or fails, since a hosts file has no SOA that a denial could carry.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt as _;

use foldhash::fast::RandomState;

use super::local;
use crate::config;
use crate::error::Failure;
use crate::metrics::HostsRead;
use crate::wire::header::HEADER;
use crate::wire::name::{self, is_below};
use crate::wire::{class, flag, put_u16, rcode, rtype};

/// The names of a zone.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Addresses by name, in wire format and lower-case.
    names: HashMap<Box<[u8]>, Vec<IpAddr>, RandomState>,
    /// Names by address.
    addresses: HashMap<IpAddr, Vec<Box<[u8]>>, RandomState>,
    /// Seconds that clients may keep them.
    ttl: u32,
    /// The zone, in wire format.
    zone: Vec<u8>,
    /// Below what names go on that are not there, in wire format; `None` if none do.
    through: Option<Vec<Vec<u8>>>,
    /// The file; empty if there is none.
    file: String,
    /// When it was written, in seconds since 1970.
    modified: Option<f64>,
}

/// What a zone's hosts say of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostsAnswer {
    /// A message in wire format.
    Message(Vec<u8>),
    /// Nobody knows.
    Failure,
}

impl Hosts {
    /// Reads file and lines of a zone; what is wrong in them goes to `warnings`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is too large.
    pub(super) fn new(zone: &str, hosts: &config::ZoneHosts, warnings: &mut Vec<String>) -> Result<Self, Failure> {
        let zones = || hosts.fallthrough_zones.iter().filter_map(|zone| name::parse(zone)).collect();
        let mut read = Self {
            ttl: u32::try_from(hosts.ttl.as_secs()).unwrap_or(u32::MAX),
            zone: name::parse(zone).unwrap_or_else(|| vec![0]),
            through: hosts.fallthrough.then(zones),
            ..Self::default()
        };
        let lines = hosts.lines.join("\n");
        read.add(lines.as_bytes(), "zone.hosts-lines", hosts.reverse, warnings);
        if let Some(path) = &hosts.file {
            read.file = path.display().to_string();
            // Before it is read: what is written meanwhile counts as read later.
            read.modified = fs::metadata(path).ok().map(|file| file.mtime() as f64 + file.mtime_nsec() as f64 * 1e-9);
            let text = local::hosts::text(path, "zone.hosts")?;
            let file = read.file.clone();
            read.add(&text, &file, hosts.reverse, warnings);
        }
        Ok(read)
    }

    /// Adds the entries of a text.
    fn add(&mut self, text: &[u8], file: &str, reverse: bool, warnings: &mut Vec<String>) {
        local::hosts::each(text, file, warnings, |address, names| {
            for name in names {
                let name = name::of_labels(name.iter()).into_boxed_slice();
                if name.len() > name::MAX_NAME {
                    continue;
                }
                let known = self.names.entry(name.clone()).or_default();
                if !known.contains(&address) {
                    known.push(address);
                }
                let backwards = self.addresses.entry(address).or_default();
                if reverse && !backwards.contains(&name) {
                    backwards.push(name);
                }
            }
        });
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// How many there are, and of what file.
    pub(super) fn told(&self) -> HostsRead {
        let lengths = self.names.values().map(Vec::len).chain(self.addresses.values().map(Vec::len));
        let entries = u64::try_from(lengths.sum::<usize>()).unwrap_or(u64::MAX);
        HostsRead { file: self.file.clone(), entries, modified: self.modified }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// What is said of a question of the zone; `None` if that is up to its servers.
    #[must_use]
    pub fn answer(&self, name: &[u8], qtype: u16) -> Option<HostsAnswer> {
        if qtype == rtype::PTR {
            let names = self.addresses.get(&address(name)?).filter(|names| !names.is_empty())?;
            return Some(self.message(name, qtype, names.iter().map(|name| name.to_vec())));
        }
        // A name that belongs to a narrower zone is not asked here, but a reverse name may be asked in any.
        if !is_below(name, &self.zone) {
            return None;
        }
        let Some(addresses) = self.names.get(name) else {
            let goes_on = self
                .through
                .as_ref()
                .is_some_and(|zones| zones.is_empty() || zones.iter().any(|zone| is_below(name, zone)));
            return (!goes_on).then_some(HostsAnswer::Failure);
        };
        let data = addresses.iter().filter_map(|address| match (address, qtype) {
            (IpAddr::V4(address), rtype::A) => Some(address.octets().to_vec()),
            (IpAddr::V6(address), rtype::AAAA) => Some(address.octets().to_vec()),
            _ => None,
        });
        Some(self.message(name, qtype, data))
    }

    /// A message with these data in its answer section.
    fn message(&self, name: &[u8], qtype: u16, data: impl Iterator<Item = Vec<u8>>) -> HostsAnswer {
        let mut message = vec![0; HEADER];
        put_u16(&mut message, 2, flag::QR | flag::AA | rcode::NOERROR);
        put_u16(&mut message, 4, 1);
        message.extend_from_slice(name);
        for field in [qtype, class::IN] {
            message.extend_from_slice(&field.to_be_bytes());
        }
        let mut count = 0;
        for rdata in data {
            message.extend_from_slice(&[0xC0, 0x0C]);
            for field in [qtype, class::IN] {
                message.extend_from_slice(&field.to_be_bytes());
            }
            message.extend_from_slice(&self.ttl.to_be_bytes());
            message.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(0).to_be_bytes());
            message.extend_from_slice(&rdata);
            count += 1;
        }
        put_u16(&mut message, 6, count);
        HostsAnswer::Message(message)
    }
}

/// The address of which a name is the reverse (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn address(name: &[u8]) -> Option<IpAddr> {
    let text = super::pattern::text(name);
    if let Some(text) = text.strip_suffix(".in-addr.arpa.") {
        let mut octets = [0; 4];
        let mut labels = text.split('.');
        for octet in octets.iter_mut().rev() {
            *octet = labels.next()?.parse().ok()?;
        }
        return labels.next().is_none().then(|| IpAddr::V4(Ipv4Addr::from(octets)));
    }
    let text = text.strip_suffix(".ip6.arpa.")?;
    let mut number = 0_u128;
    let mut count = 0;
    for (place, label) in text.split('.').enumerate() {
        let digit = u128::from_str_radix(label, 16).ok().filter(|digit| label.len() == 1 && *digit < 16)?;
        number |= digit.checked_shl(u32::try_from(4 * place).ok()?)?;
        count += 1;
    }
    (count == 32).then(|| IpAddr::V6(Ipv6Addr::from(number)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hickory_proto::op::Message;

    use super::*;

    /// Hosts of the zone `example` with these lines.
    fn hosts(lines: &[&str], change: impl FnOnce(&mut config::ZoneHosts)) -> Hosts {
        let mut written = config::ZoneHosts {
            file: None,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            ttl: Duration::from_secs(60),
            reverse: true,
            fallthrough: true,
            fallthrough_zones: Vec::new(),
        };
        change(&mut written);
        Hosts::new("example", &written, &mut Vec::new()).unwrap()
    }

    /// The data of an answer; "servers" where they are asked, "failure" where nobody knows.
    fn answer(hosts: &Hosts, name: &str, qtype: u16) -> String {
        match hosts.answer(&name::parse(name).unwrap(), qtype) {
            None => "servers".to_owned(),
            Some(HostsAnswer::Failure) => "failure".to_owned(),
            Some(HostsAnswer::Message(message)) => {
                let message = Message::from_vec(&message).unwrap();
                assert!(message.metadata.authoritative);
                message
                    .answers
                    .iter()
                    .map(|record| format!("{} {}", record.ttl, record.data))
                    .collect::<Vec<_>>()
                    .join(" ")
            }
        }
    }

    #[test]
    fn names_and_addresses_are_answered_both_ways() {
        let hosts = hosts(&["192.0.2.1 a.example b.example", "192.0.2.2 a.example", "2001:db8::1 a.example"], |_| {});
        assert_eq!(hosts.len(), 2);
        for (name, qtype, expected) in [
            ("a.example", rtype::A, "60 192.0.2.1 60 192.0.2.2"),
            ("a.example", rtype::AAAA, "60 2001:db8::1"),
            ("b.example", rtype::AAAA, ""),
            ("b.example", rtype::TXT, ""),
            ("c.example", rtype::A, "servers"),
            ("a.other", rtype::A, "servers"),
            ("1.2.0.192.in-addr.arpa", rtype::PTR, "60 a.example. 60 b.example."),
            ("9.2.0.192.in-addr.arpa", rtype::PTR, "servers"),
            ("a.example", rtype::PTR, "servers"),
            ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", rtype::PTR, "60 a.example."),
        ] {
            assert_eq!(answer(&hosts, name, qtype), expected, "{name} {qtype}");
        }
    }

    #[test]
    fn what_is_not_there_fails_where_nothing_falls_through() {
        let lines = &["192.0.2.1 a.example"];
        let closed = hosts(lines, |hosts| hosts.fallthrough = false);
        assert_eq!(answer(&closed, "c.example", rtype::A), "failure");
        assert_eq!(answer(&closed, "c.other", rtype::A), "servers");
        assert_eq!(answer(&closed, "9.2.0.192.in-addr.arpa", rtype::PTR), "servers", "as CoreDNS has it");
        let ajar = hosts(lines, |hosts| hosts.fallthrough_zones.push("b.example".to_owned()));
        assert_eq!(answer(&ajar, "c.b.example", rtype::A), "servers");
        assert_eq!(answer(&ajar, "c.example", rtype::A), "failure");
        let forward = hosts(lines, |hosts| hosts.reverse = false);
        assert_eq!(answer(&forward, "1.2.0.192.in-addr.arpa", rtype::PTR), "servers");
    }

    #[test]
    fn a_reverse_name_is_one_only_if_it_is_whole() {
        for name in
            ["2.0.192.in-addr.arpa", "1.1.2.0.192.in-addr.arpa", "x.2.0.192.in-addr.arpa", "1.ip6.arpa", "a.example"]
        {
            assert_eq!(address(&name::parse(name).unwrap()), None, "{name}");
        }
        let long = format!("{}ip6.arpa", "1.".repeat(40));
        assert_eq!(address(&name::parse(&long).unwrap()), None);
    }
}
