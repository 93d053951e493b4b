//! Where `forward` and `grpc` send questions: transport, server, and whose certificate is asked for.

use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::corefile::{Directive, Server};

use super::sight;

/// One server that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream<'a> {
    /// As it was written.
    pub text: &'a str,
    /// How it is asked.
    pub transport: Way,
    /// What stands for the server.
    pub host: Host<'a>,
    /// The name its certificate must have, if it stands behind the address: `tls://9.9.9.9%dns.quad9.net`.
    pub name: Option<&'a str>,
}

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In the clear: UDP, TCP.
    Plain,
    /// DNS over TLS.
    Tls,
    /// DNS over HTTPS.
    Https,
}

/// What stands for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// An address.
    Address(IpAddr),
    /// A file like `/etc/resolv.conf`.
    File(&'a str),
    /// A variable that has no value here.
    Variable(&'a str),
    /// A name, or a word that only whoever installs the file replaces.
    Name(&'a str),
}

impl<'a> Upstream<'a> {
    /// Reads what stands behind FROM in `forward FROM TO...`.
    fn read(text: &'a str) -> Self {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let transport = match text.split_once("://") {
            Some(("tls", _)) => Way::Tls,
            Some(("https", _)) => Way::Https,
            // Whatever else it is, nobody has said that it is encrypted.
            _ => Way::Plain,
        };
        // What is broken is shown as it stands: others refuse it.
        let server = Server::read(text).unwrap_or(Server { scheme: None, host: rest, name: None, port: None });
        let host = if rest.contains("{$") || rest.contains("{%") {
            Host::Variable(rest)
        } else if transport == Way::Plain && rest.starts_with(['/', '.']) {
            Host::File(rest)
        } else {
            server.ip().map_or(Host::Name(server.host), Host::Address)
        };
        Self { text, transport, host, name: server.name }
    }

    /// Whether it is a server of the public internet.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(self.host, Host::Address(address) if is_public(address))
    }

    /// Whether it stands on the same machine: nobody is between.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self.host {
            Host::Address(address) => address.is_loopback() || is_link_local(address),
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
            Host::File(_) | Host::Variable(_) => false,
        }
    }
}

/// Resolvers of clouds that look public and are reached from the virtual network alone: Azure's and Tencent's.
const OF_CLOUDS: &[[u8; 4]] = &[[168, 63, 129, 16], [183, 60, 83, 19], [183, 60, 82, 98]];

/// Whether an address belongs to no network that somebody may have at home.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = Ipv4Net::new_assert([100, 64, 0, 0].into(), 10).contains(&v4);
            let of_cloud = OF_CLOUDS.contains(&v4.octets());
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || shared || of_cloud)
        }
        IpAddr::V6(v6) => {
            let global = Ipv6Net::new_assert([0x2000, 0, 0, 0, 0, 0, 0, 0].into(), 3);
            global.contains(&v6)
        }
    }
}

/// Whether an address is valid on its own link alone, as those of caches on the same node are.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        // The resolvers of clouds stand there, too (169.254.169.253): those are not on this machine.
        IpAddr::V4(v4) => v4.is_link_local() && v4.octets()[2] != 169,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// A `forward` line.
#[derive(Clone, Debug)]
pub struct Forward<'a> {
    /// The line.
    pub directive: &'a Directive,
    /// Which names, with the dot at their end.
    pub from: String,
    /// Whom it asks.
    pub to: Vec<Upstream<'a>>,
    /// The value of `tls_servername`.
    pub tls_name: Option<&'a str>,
}

impl<'a> Forward<'a> {
    /// Reads a `forward` or `grpc` line.
    pub(super) fn read(directive: &'a Directive) -> Self {
        let (from, to) = directive.arguments.split_first().map_or((".", &[][..]), |(from, to)| (from, to));
        Self {
            directive,
            from: sight::zone(from),
            to: to.iter().map(|text| Upstream::read(text)).collect(),
            tls_name: sight::option(directive, "tls_servername")
                .and_then(|line| line.arguments.first())
                .map(String::as_str),
        }
    }

    /// Whether the upstream's certificate must have a name that the file says.
    #[must_use]
    pub fn is_authenticated(&self, upstream: &Upstream<'_>) -> bool {
        upstream.transport != Way::Plain
            && (self.tls_name.is_some() || upstream.name.is_some() || matches!(upstream.host, Host::Name(_)))
    }

    /// The servers of the public internet among its servers.
    pub fn public(&self) -> impl Iterator<Item = &Upstream<'a>> {
        self.to.iter().filter(|upstream| upstream.is_public())
    }
}

//------ Resolvers that everybody knows --------------------------------------

/// A public resolver.
#[derive(Clone, Copy, Debug)]
pub struct Resolver {
    /// The names that its certificates have; empty where it speaks no TLS.
    pub name: &'static str,
    /// Its addresses.
    pub addresses: &'static [&'static str],
    /// Whether it validates DNSSEC.
    pub validates: bool,
}

/// Public resolvers, for fixes that can be pasted, and for what they leave out.
const RESOLVERS: &[Resolver] = &[
    Resolver {
        name: "cloudflare-dns.com",
        addresses: &["1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"],
        validates: true,
    },
    Resolver {
        name: "dns.google",
        addresses: &["8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"],
        validates: true,
    },
    Resolver {
        name: "dns.quad9.net",
        addresses: &["9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9"],
        validates: true,
    },
    Resolver { name: "dns11.quad9.net", addresses: &["9.9.9.11", "149.112.112.11"], validates: true },
    Resolver { name: "dns10.quad9.net", addresses: &["9.9.9.10", "149.112.112.10", "2620:fe::10"], validates: false },
    Resolver { name: "dns.adguard-dns.com", addresses: &["94.140.14.14", "94.140.15.15"], validates: true },
    Resolver {
        name: "",
        addresses: &["4.2.2.1", "4.2.2.2", "4.2.2.3", "4.2.2.4", "4.2.2.5", "4.2.2.6"],
        validates: false,
    },
    Resolver { name: "", addresses: &["114.114.114.114", "114.114.115.115"], validates: false },
];

/// The public resolver that an upstream is.
#[must_use]
pub fn known(upstream: &Upstream<'_>) -> Option<&'static Resolver> {
    let Host::Address(address) = upstream.host else { return None };
    RESOLVERS.iter().find(|resolver| resolver.addresses.iter().any(|known| known.parse() == Ok(address)))
}

#[cfg(test)]
mod tests {
    use super::{Host, Upstream, Way};

    #[test]
    fn servers_are_read_as_coredns_reads_them() {
        let read = |text| {
            let upstream = Upstream::read(text);
            (upstream.transport, upstream.host, upstream.name)
        };
        let address = |text: &str| Host::Address(text.parse().unwrap());
        assert_eq!(read("8.8.8.8"), (Way::Plain, address("8.8.8.8"), None));
        assert_eq!(read("dns://8.8.8.8:53"), (Way::Plain, address("8.8.8.8"), None));
        assert_eq!(read("2001:db8::1"), (Way::Plain, address("2001:db8::1"), None));
        assert_eq!(read("[2001:db8::1]:5353"), (Way::Plain, address("2001:db8::1"), None));
        assert_eq!(read("tls://9.9.9.9%dns.quad9.net:853"), (Way::Tls, address("9.9.9.9"), Some("dns.quad9.net")));
        let within = read("tls://[2606:4700:4700::1111%one.one.one.one]:853");
        assert_eq!(within, (Way::Tls, address("2606:4700:4700::1111"), Some("one.one.one.one")));
        assert_eq!(read("https://9.9.9.9"), (Way::Https, address("9.9.9.9"), None));
        assert_eq!(read("/etc/resolv.conf"), (Way::Plain, Host::File("/etc/resolv.conf"), None));
        assert_eq!(read("my-dns.svc.cluster.local:53"), (Way::Plain, Host::Name("my-dns.svc.cluster.local"), None));
        assert_eq!(read("{$UPSTREAM}"), (Way::Plain, Host::Variable("{$UPSTREAM}"), None));
    }

    #[test]
    fn public_is_what_nobody_has_at_home() {
        for (text, is_public, is_local) in [
            ("8.8.8.8", true, false),
            ("tls://1.1.1.1", true, false),
            ("[2606:4700:4700::1111]:53", true, false),
            ("10.0.0.10", false, false),
            ("100.100.2.136", false, false),
            ("168.63.129.16", false, false),
            ("169.254.169.253", false, false),
            ("fd00::a", false, false),
            ("127.0.0.1:5301", false, true),
            ("::1", false, true),
            ("169.254.20.10", false, true),
            ("localhost:53", false, true),
            ("dns.example", false, false),
        ] {
            let upstream = Upstream::read(text);
            assert_eq!((upstream.is_public(), upstream.is_local()), (is_public, is_local), "{text}");
        }
    }
}
