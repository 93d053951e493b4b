//! Binding the listen addresses: UDP and TCP, once a worker.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use crate::config::Listen;
use crate::error::{ExitCode, Failure};
use crate::sys::socket::{bind_tcp, bind_udp, has_ipv6};

/// Free ports tried for an address with port 0 before giving up: one free for UDP may be taken for TCP.
const PORT_TRIES: usize = 16;

/// The sockets of all workers.
pub(super) struct Bound {
    /// Where they listen, with real ports.
    pub(super) addresses: Vec<SocketAddr>,
    /// A list of listeners each, in the order of `addresses`.
    pub(super) workers: Vec<Vec<Listener>>,
}

/// One worker's sockets of one address.
pub(super) struct Listener {
    /// Datagrams.
    pub(super) udp: UdpSocket,
    /// Connections.
    pub(super) tcp: TcpListener,
}

/// Binds them all.
pub(super) fn bind(listen: &Listen) -> Result<Bound, Failure> {
    let mut bound = Bound { addresses: Vec::new(), workers: (0..listen.workers).map(|_| Vec::new()).collect() };
    let has_ipv6 = has_ipv6();
    for address in &listen.addresses {
        if address.is_ipv6() && !has_ipv6 && listen.addresses.iter().any(SocketAddr::is_ipv4) {
            // One configuration for all nodes; those without IPv6 have no pods that could ask there.
            tracing::warn!(%address, "not listening there: this node has no IPv6");
            continue;
        }
        let (first, real) = first(*address, listen.udp_size).map_err(|error| explain(*address, &error))?;
        bound.addresses.push(real);
        let mut first = Some(first);
        for worker in &mut bound.workers {
            let listener = match first.take() {
                Some(listener) => listener,
                None => pair(real, listen.udp_size).map_err(|error| explain(real, &error))?,
            };
            worker.push(listener);
        }
    }
    Ok(bound)
}

/// Both sockets of an address.
fn pair(address: SocketAddr, largest: u16) -> io::Result<Listener> {
    Ok(Listener { udp: bind_udp(address, largest)?, tcp: bind_tcp(address)? })
}

/// The first worker's sockets, and the address with the port it got.
fn first(address: SocketAddr, largest: u16) -> io::Result<(Listener, SocketAddr)> {
    refuse_neighbours(address)?;
    let mut tries = 0;
    loop {
        let udp = bind_udp(address, largest)?;
        let real = udp.local_addr()?;
        match bind_tcp(real) {
            Ok(tcp) => return Ok((Listener { udp, tcp }, real)),
            Err(error) if address.port() != 0 || error.kind() != io::ErrorKind::AddrInUse || tries == PORT_TRIES => {
                return Err(error);
            }
            Err(_) => tries += 1,
        }
    }
}

/// SO_REUSEPORT would let a second daemon of the same user share the port and take half of the queries: only our own workers shall.
fn refuse_neighbours(address: SocketAddr) -> io::Result<()> {
    if address.port() == 0 {
        return Ok(());
    }
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    socket.bind(&address.into())
}

/// What to do about an address that cannot be bound.
fn explain(address: SocketAddr, error: &io::Error) -> Failure {
    let (code, remedy) = match error.kind() {
        io::ErrorKind::PermissionDenied => (
            ExitCode::NoPermission,
            "start it as root or with CAP_NET_BIND_SERVICE, or choose a port above 1023".to_owned(),
        ),
        io::ErrorKind::AddrInUse => {
            let port = address.port();
            (
                ExitCode::System,
                format!(
                    "another program is there: `ss -lpn 'sport = :{port}'` shows which; stop it or choose another address"
                ),
            )
        }
        _ if address.is_ipv6() && !has_ipv6() => {
            (ExitCode::System, "this node has no IPv6: list an IPv4 address in listen.addresses".to_owned())
        }
        _ => (ExitCode::System, "see listen.addresses".to_owned()),
    };
    Failure::new(code, format!("cannot listen on {address}: {error}; {remedy}"))
}
