//! A server as `forward` names it: `[SCHEME://]ADDRESS[%NAME][:PORT]`, taken apart. One reader for all who read such words; what each of them takes
//! beyond, a file, a host name, a scheme that nobody asks over, is its own to say.
//!
//! CoreDNS takes what stands behind the last "%" for the name of a certificate, and so for `tls://` and `https://` it is; elsewhere it is the
//! scope of an address (RFC 4007 section 11.2). With both a name and a port behind an address of IPv6 without brackets CoreDNS reads the port as
//! a part of the address, which nobody can mean; here it is the port.

use std::net::{IpAddr, SocketAddr};

/// A word, taken apart. Nothing of it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server<'t> {
    /// What stands before "://".
    pub scheme: Option<&'t str>,
    /// What stands for the server, without brackets, with its scope.
    pub host: &'t str,
    /// The name that its certificate must have.
    pub name: Option<&'t str>,
    /// What stands behind its colon.
    pub port: Option<&'t str>,
}

impl<'t> Server<'t> {
    /// Takes a word apart; `None` if brackets are open, or something else stands behind them than a port.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
        // The path of a URL.
        let rest = if scheme == Some("https") { rest.split('/').next().unwrap_or(rest) } else { rest };
        let has_name = matches!(scheme, Some("tls" | "https"));
        let named = |host: &'t str| match host.rsplit_once('%').filter(|_| has_name) {
            Some((host, name)) => (host, Some(name).filter(|name| !name.is_empty())),
            None => (host, None),
        };
        if let Some(inner) = rest.strip_prefix('[') {
            let (host, behind) = inner.split_once(']')?;
            let (host, name) = named(host);
            let port = if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) };
            return Some(Self { scheme, host, name, port });
        }
        let (host, port) = match rest.rsplit_once('%').filter(|_| has_name) {
            // A name has no colon.
            Some((_, name)) => match name.split_once(':') {
                Some((_, port)) => (&rest[..rest.len() - port.len() - 1], Some(port)),
                None => (rest, None),
            },
            // More than one colon is an address of IPv6 without a port.
            None => match rest.split_once(':').filter(|(_, port)| !port.contains(':')) {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let (host, name) = named(host);
        Some(Self { scheme, host, name, port })
    }

    /// The address that stands for it, whatever its scope.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.split('%').next()?.parse().ok()
    }

    /// The address with its port, or else `port`; `None` if it has no address, the scope is no number or the port is none.
    #[must_use]
    pub fn address(&self, port: u16) -> Option<SocketAddr> {
        let port = self.port.map_or(Some(port), |port| port.parse().ok())?;
        match self.host.parse::<IpAddr>() {
            Ok(ip) => Some(SocketAddr::new(ip, port)),
            Err(_) => format!("[{}]:{port}", self.host).parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Server;

    #[test]
    fn words_are_taken_apart_as_coredns_takes_them() {
        for (text, host, name, address) in [
            ("192.0.2.1", "192.0.2.1", None, Some("192.0.2.1:53")),
            ("192.0.2.1:5353", "192.0.2.1", None, Some("192.0.2.1:5353")),
            ("dns://192.0.2.1:0", "192.0.2.1", None, Some("192.0.2.1:0")),
            ("2001:db8::1", "2001:db8::1", None, Some("[2001:db8::1]:53")),
            ("[2001:db8::1]", "2001:db8::1", None, Some("[2001:db8::1]:53")),
            ("[2001:db8::1]:5353", "2001:db8::1", None, Some("[2001:db8::1]:5353")),
            ("fe80::1%2", "fe80::1%2", None, Some("[fe80::1%2]:53")),
            ("[fe80::1%2]:54", "fe80::1%2", None, Some("[fe80::1%2]:54")),
            ("fe80::1%eth0", "fe80::1%eth0", None, None),
            ("tls://9.9.9.9", "9.9.9.9", None, Some("9.9.9.9:53")),
            ("tls://9.9.9.9%dns.quad9.net", "9.9.9.9", Some("dns.quad9.net"), Some("9.9.9.9:53")),
            ("tls://9.9.9.9%dns.quad9.net:8853", "9.9.9.9", Some("dns.quad9.net"), Some("9.9.9.9:8853")),
            (
                "tls://[2620:fe::fe%dns.quad9.net]:8853",
                "2620:fe::fe",
                Some("dns.quad9.net"),
                Some("[2620:fe::fe]:8853"),
            ),
            ("tls://[2620:fe::fe%dns.quad9.net]", "2620:fe::fe", Some("dns.quad9.net"), Some("[2620:fe::fe]:53")),
            ("tls://2620:fe::fe%dns.quad9.net", "2620:fe::fe", Some("dns.quad9.net"), Some("[2620:fe::fe]:53")),
            ("tls://2620:fe::fe%dns.quad9.net:853", "2620:fe::fe", Some("dns.quad9.net"), Some("[2620:fe::fe]:853")),
            ("tls://9.9.9.9%", "9.9.9.9", None, Some("9.9.9.9:53")),
            ("https://9.9.9.9/dns-query", "9.9.9.9", None, Some("9.9.9.9:53")),
            ("dns.example:53", "dns.example", None, None),
            ("/etc/resolv.conf", "/etc/resolv.conf", None, None),
            ("10.0.0.53:", "10.0.0.53", None, None),
            ("10.0.0.53:99999", "10.0.0.53", None, None),
            ("", "", None, None),
        ] {
            let server = Server::read(text).unwrap();
            assert_eq!((server.host, server.name), (host, name), "{text:?}");
            assert_eq!(server.address(53).map(|address| address.to_string()).as_deref(), address, "{text:?}");
        }
        for text in ["[::1", "[::1]53", "[::1]x:53"] {
            assert_eq!(Server::read(text), None, "{text:?}");
        }
        assert_eq!(Server::read("fe80::1%eth0").unwrap().ip(), Some("fe80::1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(tls://|https://|)[\\[]?[0-9a-f.:%\\]/é]{0,20}") {
            if let Some(server) = Server::read(&text) {
                let _ = (server.ip(), server.address(53));
            }
        }
    }
}
