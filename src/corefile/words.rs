//! Words of a Corefile as values: durations as Go writes them, numbers, names, addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Units of time in nanoseconds.
const UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

/// Reads a duration as Go's `time.ParseDuration` does; `None` also for what Go cannot count.
pub(super) fn duration(text: &str) -> Option<Duration> {
    // 63 bits of nanoseconds.
    seconds(text).filter(|seconds| *seconds < 9.2e9).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// Reads a duration in seconds, however long: numbers with units in a row ("1h30m", "1.5s"), or "0"; not one below zero.
#[must_use]
pub fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0.0);
    }
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let end = behind.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanoseconds += number.parse::<f64>().ok()? * factor;
        rest = behind;
    }
    (!text.is_empty()).then_some(nanoseconds / 1e9)
}

/// A domain name as the configuration has it: lower case, without the last dot; "." is the root.
pub(super) fn name(text: &str) -> String {
    let text = text.trim_end_matches('.').to_ascii_lowercase();
    if text.is_empty() { ".".to_owned() } else { text }
}

/// The names that a word stands for where a plugin takes zones: one, or the reverse zones of a network.
pub(super) fn zones(word: &str) -> Option<Vec<String>> {
    let keys = super::key::keys(word).ok()?;
    Some(keys.iter().map(|key| name(&key.zone)).collect())
}

/// Whether a name lies in a zone, or is it.
#[must_use]
pub fn is_within(name: &str, zone: &str) -> bool {
    zone == "." || name == zone || name.strip_suffix(zone).is_some_and(|front| front.ends_with('.'))
}

/// How many labels a name has.
pub(super) fn labels(name: &str) -> usize {
    if name == "." { 0 } else { name.split('.').count() }
}

/// What a listener at 0.0.0.0 or `[::]` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Everywhere {
    /// One at all addresses, as if none were written.
    Unwritten,
    /// One at all addresses of its family, as it is written.
    AsWritten,
}

/// Where somebody listens, as Go has it: an address, or none for all of them, and a port.
#[must_use]
pub fn listener(text: &str, everywhere: Everywhere) -> Option<(Option<IpAddr>, u16)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        let is_written = everywhere == Everywhere::AsWritten || !address.ip().is_unspecified();
        return Some((is_written.then_some(address.ip()), address.port()));
    }
    let (host, port) = text.rsplit_once(':')?;
    let ip = match host {
        "" => None,
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        _ => return None,
    };
    Some((ip, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Duration, Everywhere, duration, is_within, name, zones};

    #[test]
    fn durations_are_those_of_go() {
        for (text, milliseconds) in [
            ("0", Some(0)),
            ("30s", Some(30_000)),
            ("1.5s", Some(1_500)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("1us", Some(0)),
            (".5s", Some(500)),
            ("30", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("1.2.3s", None),
            ("9999999999999h", None),
        ] {
            assert_eq!(duration(text).map(|found: Duration| found.as_millis()), milliseconds, "{text}");
        }
    }

    #[test]
    fn a_name_lies_in_its_zone_and_in_those_above() {
        for (name, zone, is_in) in [
            ("a.example", ".", true),
            ("a.example", "example", true),
            ("example", "example", true),
            ("notexample", "example", false),
            ("example", "a.example", false),
            (".", ".", true),
            (".", "example", false),
        ] {
            assert_eq!(is_within(name, zone), is_in, "{name} in {zone}");
        }
        assert_eq!([name("."), name(""), name("A.Example.")], [".", ".", "a.example"]);
        assert_eq!(zones("10.0.0.0/8").unwrap(), ["10.in-addr.arpa"]);
    }

    #[test]
    fn listeners_are_addresses_with_a_port() {
        let listener = |text| super::listener(text, Everywhere::Unwritten);
        let written = super::listener("0.0.0.0:8080", Everywhere::AsWritten);
        assert_eq!(written, Some((Some("0.0.0.0".parse().unwrap()), 8080)));
        assert_eq!(listener(":8080"), Some((None, 8080)));
        assert_eq!(listener("0.0.0.0:8080"), Some((None, 8080)));
        assert_eq!(listener("[::1]:1"), Some((Some("::1".parse().unwrap()), 1)));
        assert_eq!(listener("localhost:9153"), Some((Some("127.0.0.1".parse().unwrap()), 9153)));
        for text in ["8080", "node:8080", "1.2.3.4", ":", ":65536"] {
            assert_eq!(listener(text), None, "{text}");
        }
    }
}
