//! The sockets of the listen addresses: bound here, or taken over from whoever held them before.
//!
//! A socket outlives the process that answers on it when another one holds it, too; what clients ask meanwhile waits in the kernel. So a
//! worker that is started again, and a new version, go on with the same sockets.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use crate::config::Listen;
use crate::error::{ExitCode, Failure};
use crate::sys::socket::{Given, adopt, bind_tcp, bind_udp, has_ipv6, tune};

/// Free ports tried for an address with port 0 before giving up: one free for UDP may be taken for TCP.
const PORT_TRIES: usize = 16;

/// Times that an address is tried again which somebody else has: a second together.
const NEIGHBOUR_TRIES: u32 = 50;

/// Time between two of them.
const NEIGHBOUR_PAUSE: Duration = Duration::from_millis(20);

/// All sockets, address by address.
#[derive(Debug, Default)]
pub struct Sockets {
    /// In the order of the configuration.
    places: Vec<Place>,
}

/// The sockets of one address. The kernel spreads clients over those of a kind.
#[derive(Debug)]
struct Place {
    /// With its real port.
    address: SocketAddr,
    /// Datagrams.
    udp: Vec<UdpSocket>,
    /// Connections.
    tcp: Vec<TcpListener>,
}

/// One worker's share of an address.
#[derive(Debug)]
pub struct Listener {
    /// Position of the address in the configuration.
    pub server: u16,
    /// Datagrams.
    pub udp: Vec<UdpSocket>,
    /// Connections.
    pub tcp: Vec<TcpListener>,
}

impl Sockets {
    /// Binds every address, once a worker.
    ///
    /// # Errors
    ///
    /// When one of them cannot be had.
    pub fn bind(listen: &Listen) -> Result<Self, Failure> {
        Self::default().complete(listen)
    }

    /// Sorts descriptors by what they are; those that are no listeners of ours are closed.
    #[must_use]
    pub fn adopt(descriptors: Vec<OwnedFd>) -> Self {
        let mut sockets = Self::default();
        for descriptor in descriptors {
            match adopt(descriptor) {
                Some(Given::Udp(address, socket)) => sockets.place(address).udp.push(socket),
                Some(Given::Tcp(address, listener)) => sockets.place(address).tcp.push(listener),
                None => {}
            }
        }
        sockets
    }

    /// The sockets of an address, so far none.
    fn place(&mut self, address: SocketAddr) -> &mut Place {
        let at = self.places.iter().position(|place| place.address == address).unwrap_or_else(|| {
            self.places.push(Place { address, udp: Vec::new(), tcp: Vec::new() });
            self.places.len() - 1
        });
        &mut self.places[at]
    }

    /// Binds what is missing for the configuration, and closes what it does not have. All sockets of an address that it has stay, however many
    /// workers there are: one that is closed loses what waits in it.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn complete(mut self, listen: &Listen) -> Result<Self, Failure> {
        let mut places = Vec::new();
        let has_ipv6 = has_ipv6();
        for &address in &listen.addresses {
            if address.is_ipv6() && !has_ipv6 && listen.addresses.iter().any(SocketAddr::is_ipv4) {
                // One configuration for all nodes; those without IPv6 have no pods that could ask there.
                tracing::warn!(%address, "not listening there: this node has no IPv6");
                continue;
            }
            let known = self.places.iter().position(|place| place.address == address);
            let mut place = match known.map(|at| self.places.swap_remove(at)) {
                Some(place) => {
                    // A kernel that does not know an option has answered so far, too.
                    place.udp.iter().for_each(|socket| drop(tune(socket, listen.udp_size)));
                    place
                }
                None => first(address, listen.udp_size).map_err(|error| explain(address, &error))?,
            };
            let real = place.address;
            // Of one that was given there may be only one: a socket of somebody who does not share it.
            let is_given = known.is_some();
            for _ in place.udp.len()..listen.workers {
                match bind_udp(real, listen.udp_size) {
                    Ok(socket) => place.udp.push(socket),
                    Err(_) if is_given && !place.udp.is_empty() => break,
                    Err(error) => return Err(explain(real, &error)),
                }
            }
            for _ in place.tcp.len()..listen.workers {
                match bind_tcp(real) {
                    Ok(listener) => place.tcp.push(listener),
                    Err(_) if is_given && !place.tcp.is_empty() => break,
                    Err(error) => return Err(explain(real, &error)),
                }
            }
            places.push(place);
        }
        Ok(Self { places })
    }

    /// Where they listen, with real ports.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.places.iter().map(|place| place.address).collect()
    }

    /// All of them, address by address.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.places.iter().flat_map(|place| {
            let udp = place.udp.iter().map(AsFd::as_fd);
            udp.chain(place.tcp.iter().map(AsFd::as_fd))
        })
    }

    /// Shares them among so many workers; each address may leave some of them without.
    #[must_use]
    pub fn share(self, workers: usize) -> Vec<Vec<Listener>> {
        let mut shares: Vec<Vec<Listener>> = (0..workers.max(1)).map(|_| Vec::new()).collect();
        for (server, Place { udp, tcp, .. }) in (0..).zip(self.places) {
            let mut listeners: Vec<Listener> =
                shares.iter().map(|_| Listener { server, udp: Vec::new(), tcp: Vec::new() }).collect();
            let workers = listeners.len();
            udp.into_iter().enumerate().for_each(|(index, socket)| listeners[index % workers].udp.push(socket));
            tcp.into_iter().enumerate().for_each(|(index, listener)| listeners[index % workers].tcp.push(listener));
            for (share, listener) in shares.iter_mut().zip(listeners) {
                share.push(listener);
            }
        }
        shares
    }
}

/// The first sockets of an address, with the port it got.
fn first(address: SocketAddr, largest: u16) -> io::Result<Place> {
    wait_for_neighbours(address)?;
    let mut tries = 0;
    loop {
        let udp = bind_udp(address, largest)?;
        let real = udp.local_addr()?;
        match bind_tcp(real) {
            Ok(tcp) => return Ok(Place { address: real, udp: vec![udp], tcp: vec![tcp] }),
            Err(error) if address.port() != 0 || error.kind() != io::ErrorKind::AddrInUse || tries == PORT_TRIES => {
                return Err(error);
            }
            Err(_) => tries += 1,
        }
    }
}

/// Gives a daemon that is just ending the time to do so: a process that was killed holds its sockets until it is gone.
fn wait_for_neighbours(address: SocketAddr) -> io::Result<()> {
    for _ in 0..NEIGHBOUR_TRIES {
        match refuse_neighbours(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => thread::sleep(NEIGHBOUR_PAUSE),
            outcome => return outcome,
        }
    }
    refuse_neighbours(address)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// A configuration of these addresses.
    fn listen(addresses: &[&str], workers: usize) -> Listen {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Listen { addresses, workers, ..Config::default().listen }
    }

    /// Copies of all descriptors, as another process gets them.
    fn copies(sockets: &Sockets) -> Vec<OwnedFd> {
        sockets.descriptors().map(|descriptor| descriptor.try_clone_to_owned().unwrap()).collect()
    }

    #[test]
    fn what_waits_in_a_socket_is_there_for_whoever_takes_it_over() {
        let listen = listen(&["127.0.0.1:0"], 1);
        let before = Sockets::bind(&listen).unwrap();
        let address = before.addresses()[0];
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"asked before", address).unwrap();
        let after = Sockets::adopt(copies(&before));
        drop(before);
        let listeners = after.share(1).remove(0);
        let mut room = [0; 32];
        assert_eq!(listeners[0].udp[0].recv(&mut room).unwrap(), 12);
    }

    #[test]
    fn more_workers_bind_more_and_fewer_share_all() {
        let sockets = Sockets::bind(&listen(&["127.0.0.1:0", "[::1]:0"], 2)).unwrap();
        let addresses = sockets.addresses();
        let given = Sockets::adopt(copies(&sockets));
        assert_eq!(given.addresses(), addresses);
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let three = given.complete(&listen(&texts, 3)).unwrap();
        let counts = |sockets: Sockets, workers| -> Vec<Vec<(u16, usize, usize)>> {
            let shares = sockets.share(workers);
            let count = |share: Vec<Listener>| share.iter().map(|l| (l.server, l.udp.len(), l.tcp.len())).collect();
            shares.into_iter().map(count).collect()
        };
        let copy = Sockets::adopt(copies(&three));
        assert_eq!(counts(three, 3), vec![vec![(0, 1, 1), (1, 1, 1)]; 3]);
        assert_eq!(counts(copy, 2), [[(0, 2, 2), (1, 2, 2)], [(0, 1, 1), (1, 1, 1)]]);
    }

    #[test]
    fn only_the_addresses_of_the_configuration_stay_in_its_order() {
        let sockets = Sockets::bind(&listen(&["127.0.0.1:0", "127.0.0.1:0"], 1)).unwrap();
        let [first, second] = sockets.addresses()[..] else { panic!("two addresses") };
        let texts = [second.to_string(), "[::1]:0".to_owned()];
        let sockets = sockets.complete(&listen(&[&texts[0], &texts[1]], 1)).unwrap();
        assert_eq!(sockets.addresses()[0], second);
        assert!(!sockets.addresses().contains(&first));
        Sockets::bind(&listen(&[&first.to_string()], 1)).expect("the first is free again");
    }

    #[test]
    fn what_is_no_listener_is_not_taken() {
        let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        let stream = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let given = Sockets::adopt(vec![reader.into(), stream.into(), connected.into()]);
        assert_eq!(given.addresses().len(), 1, "a bound UDP socket is one");
    }

    #[test]
    fn a_socket_that_is_not_shared_stays_the_only_one() {
        let alone = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = alone.local_addr().unwrap();
        let sockets = Sockets::adopt(vec![alone.into()]).complete(&listen(&[&address.to_string()], 2)).unwrap();
        let shares = sockets.share(2);
        assert!(shares.iter().map(|share| share[0].udp.len()).sum::<usize>() >= 1);
        assert!(shares.iter().all(|share| share[0].tcp.len() == 1), "TCP was not given, and is bound");
    }
}
