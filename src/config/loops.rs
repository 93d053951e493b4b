//! Servers that would lead a question back to us, as far as addresses tell.
//!
//! What goes round by way of a server in between shows only when questions come back.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Listen;
use super::environment::Environment;
use super::mistake::Fault;

/// The port of DNS.
const DNS: u16 = 53;
/// Where systemd-resolved listens (systemd-resolved.service(8)): it asks the servers of its own configuration, and we may be one.
const STUBS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 53), Ipv4Addr::new(127, 0, 0, 54)];
/// Where systemd-resolved tells whom it asks.
pub(crate) const BEHIND_THE_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// Whether an address is systemd-resolved's.
pub(crate) fn is_stub(server: SocketAddr) -> bool {
    server.port() == DNS && STUBS.iter().any(|stub| server.ip().to_canonical() == *stub)
}

/// What is wrong with asking `server`, if that may lead to us.
pub(super) fn check(server: SocketAddr, listen: &Listen, environment: &Environment) -> Option<Fault> {
    let own = || listen.addresses.iter().filter(|own| own.port() == server.port());
    find(server, own(), environment)
}

/// What is wrong with asking a nameserver of resolv.conf(5), which has no port to tell it from us: whoever listens on its address at another
/// port than 53 does so because packets for port 53 are led there.
pub(super) fn check_nameserver(server: SocketAddr, listen: &Listen, environment: &Environment) -> Option<Fault> {
    if server.ip().is_unspecified() || server.ip().is_multicast() {
        return Some(Fault::new(format!("{server} is no server's address"), "the address of one server"));
    }
    find(server, listen.addresses.iter(), environment)
        .or_else(|| is_beside_us(server, listen).then(|| Fault::new(beside(server), "a server outside this machine")))
}

/// Whether `server` is another loopback address at a port where we have one: somebody else's, who may well be asking us.
pub(super) fn is_beside_us(server: SocketAddr, listen: &Listen) -> bool {
    let is_own = |own: &SocketAddr| own.port() == server.port() && own.ip().to_canonical().is_loopback();
    server.ip().to_canonical().is_loopback() && listen.addresses.iter().any(is_own)
}

/// What to say of such a server.
pub(super) fn beside(server: SocketAddr) -> String {
    format!("{server} is on loopback, as we are: if whoever listens there asks us, questions go round")
}

/// What is wrong with asking `server` from a daemon with these addresses.
fn find<'a>(
    server: SocketAddr,
    mut own: impl Iterator<Item = &'a SocketAddr>,
    environment: &Environment,
) -> Option<Fault> {
    let ip = server.ip().to_canonical();
    let is_here = ip.is_loopback() || environment.addresses.contains(&ip);
    // Sockets on all addresses of IPv6 take nothing of IPv4.
    let all = |own: IpAddr| own.is_unspecified() && own.is_ipv4() == ip.is_ipv4();
    let hit = own.find(|own| own.ip().to_canonical() == ip || (all(own.ip()) && is_here));
    match hit {
        Some(own) if own.ip().is_unspecified() => Some(Fault::new(
            format!("{server} is an address of this machine, and we listen on all of them"),
            "a server that is not this daemon, or single addresses in listen.addresses",
        )),
        Some(_) => {
            Some(Fault::new(format!("{server} is one of our own addresses"), "a server that is not this daemon"))
        }
        None if is_stub(server) => Some(Fault::new(
            format!("{server} is systemd-resolved on this machine, which may ask us in turn"),
            format!("the servers that it asks, from {BEHIND_THE_STUB}"),
        )),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// How asking `server` looks to a daemon that listens on `own`, on a machine with an address of each family: first for a server that
    /// the operator wrote, then for a nameserver of resolv.conf.
    fn verdicts(own: &str, server: &str) -> [Option<&'static str>; 2] {
        let addresses = own.split(' ').map(|own| own.parse().unwrap()).collect();
        let listen = Listen { addresses, ..Config::default().listen };
        let addresses = vec!["10.0.0.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        let environment = Environment { addresses, ..Environment::neutral() };
        let server: SocketAddr = server.parse().unwrap();
        [check, check_nameserver].map(|check| {
            let fault = check(server, &listen, &environment)?;
            let kinds = ["our own", "all of them", "systemd-resolved", "on loopback", "no server's"];
            kinds.into_iter().find(|kind| fault.wrong.contains(kind))
        })
    }

    /// N33: what leads back to us by its address alone.
    #[test]
    fn a_server_that_is_ourselves_is_found_by_its_address() {
        let (own, all, stub, beside) = ("our own", "all of them", "systemd-resolved", "on loopback");
        for (listen, server, written, nameserver) in [
            ("127.0.0.1:53", "127.0.0.1:53", Some(own), Some(own)),
            ("127.0.0.1:53", "[::ffff:127.0.0.1]:53", Some(own), Some(own)),
            ("169.254.20.10:53 10.96.0.10:53", "10.96.0.10:53", Some(own), Some(own)),
            ("[fd00:10::a]:53", "[fd00:10::a]:53", Some(own), Some(own)),
            // The operator's ports tell more than those of resolv.conf, which has none.
            ("127.0.0.1:5353", "127.0.0.1:53", None, Some(own)),
            ("127.0.0.1:5353", "127.0.0.1:5353", Some(own), Some(own)),
            // All addresses, of one family.
            ("0.0.0.0:53", "127.0.0.1:53", Some(all), Some(all)),
            ("0.0.0.0:53", "127.9.9.9:53", Some(all), Some(all)),
            ("0.0.0.0:53", "10.0.0.7:53", Some(all), Some(all)),
            ("0.0.0.0:5353", "10.0.0.7:53", None, Some(all)),
            ("0.0.0.0:53", "10.0.0.8:53", None, None),
            ("0.0.0.0:53", "[2001:db8::7]:53", None, None),
            ("[::]:53", "[2001:db8::7]:53", Some(all), Some(all)),
            ("[::]:53", "[::1]:53", Some(all), Some(all)),
            ("[::]:53", "10.0.0.7:53", None, None),
            // systemd-resolved, whoever we are.
            ("169.254.20.10:53", "127.0.0.53:53", Some(stub), Some(stub)),
            ("169.254.20.10:53", "127.0.0.54:53", Some(stub), Some(stub)),
            ("169.254.20.10:53", "127.0.0.53:5300", None, None),
            ("127.0.0.53:53", "127.0.0.53:53", Some(own), Some(own)),
            // Others on loopback.
            ("127.0.0.1:53", "127.0.0.2:53", None, Some(beside)),
            ("[::1]:53", "127.0.0.1:53", None, Some(beside)),
            ("127.0.0.1:5353", "127.0.0.2:53", None, None),
            ("169.254.20.10:53", "127.0.0.1:53", None, None),
            // Everybody else.
            ("127.0.0.1:53", "10.0.0.7:53", None, None),
            ("127.0.0.1:53", "192.0.2.1:53", None, None),
            ("127.0.0.1:53", "0.0.0.0:53", None, Some("no server's")),
            ("127.0.0.1:53", "224.0.0.1:53", None, Some("no server's")),
        ] {
            assert_eq!(verdicts(listen, server), [written, nameserver], "listening on {listen}, asking {server}");
        }
    }
}
