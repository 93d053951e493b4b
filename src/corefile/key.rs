//! The keys of a server block: `[SCHEME://]ZONE[:PORT]`, where the zone may be a network in CIDR form, which means its reverse zones.

use std::net::IpAddr;

use ipnet::IpNet;

use super::tree::{Key, Transport};

/// Most reverse zones that one network may become: a /1 of IPv4 is 128 zones of an octet.
const MOST_ZONES: u32 = 128;

/// What a key means: one, or several for a network whose length ends within a label.
///
/// # Errors
///
/// What is wrong with it, and what would be right.
pub(super) fn keys(text: &str) -> Result<Vec<Key>, (String, String)> {
    let (transport, rest) = transport(text)?;
    let (host, port) = match rest.rsplit_once(':') {
        Some((_, "")) => return Err((format!("{text:?} ends with a colon"), "write the port after it".to_owned())),
        Some((host, digits)) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            let port = digits.parse().ok().filter(|port| *port != 0);
            let port = port.ok_or_else(|| (format!("{digits} is no port"), "take one from 1 to 65535".to_owned()))?;
            (host, Some(port))
        }
        _ => (rest, None),
    };
    let zones = match host.parse::<IpNet>() {
        Ok(network) => reverse_zones(network),
        Err(_) => vec![zone(host)?],
    };
    Ok(zones.into_iter().map(|zone| Key { text: text.to_owned(), transport, zone, port }).collect())
}

/// How clients ask, and the key without it.
fn transport(text: &str) -> Result<(Transport, &str), (String, String)> {
    let Some((scheme, rest)) = text.split_once("://") else { return Ok((Transport::Dns, text)) };
    let transport = match scheme {
        "dns" => Transport::Dns,
        "tls" => Transport::Tls,
        "https" | "https3" => Transport::Https,
        "grpc" => Transport::Grpc,
        "quic" => Transport::Quic,
        _ => {
            let right = "take dns://, tls://, https://, grpc://, quic://, or none".to_owned();
            return Err((format!("{scheme}:// is unknown"), right));
        }
    };
    Ok((transport, rest))
}

/// The name of a zone: lower case, with the dot at its end.
fn zone(host: &str) -> Result<String, (String, String)> {
    let is_letter = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '/' | '{' | '}' | '"' | '(' | ')');
    let name = host.strip_suffix('.').unwrap_or(host);
    let labels_fit = name.is_empty() || name.split('.').all(|label| (1..=63).contains(&label.len()));
    if host.is_empty() || !host.chars().all(is_letter) || !labels_fit || name.len() > 253 {
        let right = "write one such as \"cluster.local\", \".\", or a network such as \"10.0.0.0/8\"".to_owned();
        return Err((format!("{host:?} is no zone"), right));
    }
    Ok(format!("{}.", name.to_ascii_lowercase()))
}

/// The reverse zones of a network, in whole labels: an octet for IPv4, four bits for IPv6.
fn reverse_zones(network: IpNet) -> Vec<String> {
    let step = if network.addr().is_ipv4() { 8 } else { 4 };
    let length = network.prefix_len().div_ceil(step) * step;
    let parts = network.trunc().subnets(length).into_iter().flatten();
    parts.take(MOST_ZONES as usize).map(|part| reverse_zone(part.addr(), usize::from(length / step))).collect()
}

/// The reverse zone of the first labels of an address.
fn reverse_zone(address: IpAddr, labels: usize) -> String {
    let (labels, suffix): (Vec<String>, _) = match address {
        IpAddr::V4(v4) => (v4.octets().iter().take(labels).map(ToString::to_string).collect(), "in-addr.arpa."),
        IpAddr::V6(v6) => {
            let digits = v6.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 0xf]);
            (digits.take(labels).map(|digit| format!("{digit:x}")).collect(), "ip6.arpa.")
        }
    };
    labels.into_iter().rev().fold(String::new(), |name, label| name + &label + ".") + suffix
}

#[cfg(test)]
mod tests {
    use super::keys;
    use crate::corefile::Transport;

    /// The zones and ports of a key.
    fn zones(text: &str) -> Vec<(String, Option<u16>)> {
        keys(text).unwrap().into_iter().map(|key| (key.zone, key.port)).collect()
    }

    #[test]
    fn a_key_is_a_zone_and_perhaps_a_port() {
        for (text, zone, port) in [
            (".", ".", None),
            (".:53", ".", Some(53)),
            ("Cluster.LOCAL:5353", "cluster.local.", Some(5353)),
            ("example.org.", "example.org.", None),
            ("dns://a.example:1053", "a.example.", Some(1053)),
            ("10.0.0.0/8", "10.in-addr.arpa.", None),
            ("10.0.0.0/8:53", "10.in-addr.arpa.", Some(53)),
            ("192.168.1.77/24", "1.168.192.in-addr.arpa.", None),
            ("fd00::/8", "d.f.ip6.arpa.", None),
            ("2001:db8::/32:53", "8.b.d.0.1.0.0.2.ip6.arpa.", Some(53)),
            ("0.0.0.0/0", "in-addr.arpa.", None),
        ] {
            assert_eq!(zones(text), [(zone.to_owned(), port)], "{text}");
        }
        assert_eq!(keys("tls://example.org").unwrap()[0].transport, Transport::Tls);
    }

    #[test]
    fn a_network_between_labels_is_several_zones() {
        let four: Vec<_> = zones("10.20.12.0/22").into_iter().map(|(zone, _)| zone).collect();
        let right =
            ["12.20.10.in-addr.arpa.", "13.20.10.in-addr.arpa.", "14.20.10.in-addr.arpa.", "15.20.10.in-addr.arpa."];
        assert_eq!(four, right);
        assert_eq!(zones("128.0.0.0/1").len(), 128);
        assert_eq!(zones("fd00::/10").len(), 4);
    }

    #[test]
    fn what_is_no_key_is_named() {
        for text in
            ["", ":53", "a..b", "a:0", "a:65536", "gopher://a", "a:", "10.0.0.0/33", "a/b", "{", &"a".repeat(64)]
        {
            assert!(keys(text).is_err(), "{text:?}");
        }
    }
}
