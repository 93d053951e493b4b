//! The nameservers of resolv.conf(5).
//!
//! Search lists and options are for stub resolvers and mean nothing to a cache.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use nix::net::if_::if_nametoindex;

/// The most nameservers that are kept. The C library uses three (MAXNS in resolv.h); more are no harm, but a list must end.
const MOST: usize = 16;
/// The port of DNS.
const PORT: u16 = 53;

/// The nameservers of a file's text, in their order and each once; lines that make no sense are skipped, as the C library does.
#[must_use]
pub fn parse(text: &str) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        if let Some(server) = words.next().and_then(parse_nameserver).filter(|server| !servers.contains(server)) {
            servers.push(server);
        }
        if servers.len() == MOST {
            break;
        }
    }
    servers
}

/// An address, which may carry a scope: a number or an interface's name ("fe80::1%eth0").
fn parse_nameserver(word: &str) -> Option<SocketAddr> {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, PORT));
    }
    let (ip, scope) = word.split_once('%')?;
    let scope = scope.parse().or_else(|_| if_nametoindex(scope)).ok()?;
    Some(SocketAddr::V6(SocketAddrV6::new(ip.parse().ok()?, PORT, 0, scope)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MOST, parse};

    #[test]
    fn nameservers_are_read_in_their_order() {
        let text = "# nameserver 192.0.2.9\nsearch a.example\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 \nnameserver fe80::1%7\n\
                    nameserver 192.0.2.1\nnameservers 192.0.2.3\nnameserver dns.example\nnameserver\noptions ndots:5\n";
        let found: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%7]:53"]);
    }

    #[test]
    fn an_interface_name_is_a_scope() {
        let found: Vec<String> =
            parse("nameserver fe80::1%lo\nnameserver fe80::1%nowhere0\n").iter().map(ToString::to_string).collect();
        assert_eq!(found, ["[fe80::1%1]:53"]);
    }

    #[test]
    fn the_list_ends() {
        let text: String = (0..200).map(|n| format!("nameserver 192.0.2.{n}\n")).collect();
        assert_eq!(parse(&text).len(), MOST);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(nameserver [0-9a-f:.%]{0,12}[ \n]|.){0,20}") {
            let _ = parse(&text);
        }
    }
}
