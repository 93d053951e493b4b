//! A client over UDP and TCP. Every reply goes through [`Ask::check`].

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};

use nodens::sys::clock;
use socket2::{Domain, Protocol, Socket, Type};

use super::ask::{Ask, Over, length16};
use super::wire::Message;
use super::{PATIENCE, elapsed};

/// The largest message there is.
const LARGEST: usize = 65_535;

/// A UDP socket connected to the daemon.
#[derive(Debug)]
pub(crate) struct Udp {
    /// The socket.
    socket: UdpSocket,
}

impl Udp {
    /// A socket of its own port for `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self::from_to(if server.is_ipv4() { [127, 0, 0, 1].into() } else { "::1".parse().unwrap() }, server)
    }

    /// A socket of its own port at an address of this machine, for `server`.
    pub(crate) fn from_to(client: IpAddr, server: SocketAddr) -> Self {
        let local = SocketAddr::new(client, 0);
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP)).unwrap();
        // Thousands of replies may be waiting while a test still sends.
        socket.set_recv_buffer_size(8 << 20).unwrap();
        socket.bind(&local.into()).unwrap();
        socket.connect(&server.into()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket: socket.into() }
    }

    /// Sends a query.
    pub(crate) fn send(&self, ask: &Ask) {
        self.send_bytes(&ask.bytes());
    }

    /// Sends a datagram, whatever it is.
    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        self.socket.send(bytes).expect("the daemon listens");
    }

    /// The next datagram.
    #[track_caller]
    pub(crate) fn receive_bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0; LARGEST];
        let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no reply: {error}"));
        buffer.truncate(length);
        buffer
    }

    /// The next datagram, which must be a reply to `ask`.
    #[track_caller]
    pub(crate) fn receive(&self, ask: &Ask) -> Message {
        ask.check(&self.receive_bytes(), Over::Udp)
    }

    /// Sends a query and takes the reply.
    #[track_caller]
    pub(crate) fn ask(&self, ask: &Ask) -> Message {
        self.send(ask);
        self.receive(ask)
    }
}

/// A TCP connection to the daemon.
#[derive(Debug)]
pub(crate) struct Tcp {
    /// The connection.
    stream: TcpStream,
}

impl Tcp {
    /// A connection to `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&server, PATIENCE).expect("the daemon accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// A connection whose receive buffer is as small as the kernel allows.
    pub(crate) fn narrow(server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.set_recv_buffer_size(1).unwrap();
        socket.connect(&server.into()).expect("the daemon accepts connections");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    /// A connection from the loopback address `client`.
    pub(crate) fn between(client: IpAddr, server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&SocketAddr::new(client, 0).into()).expect("a loopback address");
        socket.connect(&server.into()).expect("the daemon accepts connections");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    /// Sends queries, length prefixes and all, in one write.
    pub(crate) fn send(&mut self, asks: &[&Ask]) {
        let stream: Vec<u8> = asks.iter().flat_map(|ask| prefixed(&ask.bytes())).collect();
        self.send_bytes(&stream).expect("the daemon reads");
    }

    /// Sends bytes, whatever they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends as much of `bytes` as goes without waiting; the number of bytes that went.
    pub(crate) fn send_without_waiting(&mut self, bytes: &[u8]) -> usize {
        self.stream.set_nonblocking(true).unwrap();
        let sent = self.stream.write(bytes).unwrap_or(0);
        self.stream.set_nonblocking(false).unwrap();
        sent
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn receive_bytes(&mut self) -> Vec<u8> {
        let mut length = [0; 2];
        self.stream.read_exact(&mut length).unwrap_or_else(|error| panic!("no reply: {error}"));
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut message).unwrap_or_else(|error| panic!("half a reply: {error}"));
        message
    }

    /// The next message, which must be a reply to `ask`.
    #[track_caller]
    pub(crate) fn receive(&mut self, ask: &Ask) -> Message {
        ask.check(&self.receive_bytes(), Over::Tcp)
    }

    /// Sends a query and takes the reply.
    #[track_caller]
    pub(crate) fn ask(&mut self, ask: &Ask) -> Message {
        self.send(&[ask]);
        self.receive(ask)
    }

    /// Says that nothing more will be sent (FIN), keeps reading.
    pub(crate) fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Waits until the daemon closes the connection; bytes that still came before.
    #[track_caller]
    pub(crate) fn wait_for_close(&mut self) -> Vec<u8> {
        let start = clock::now();
        let mut rest = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return rest,
                Ok(length) => rest.extend(&buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                    return rest;
                }
                Err(error) => panic!("still open after {:?}: {error}", elapsed(start)),
            }
        }
    }

    /// The first bytes that come; none if the daemon closes the connection instead.
    pub(crate) fn wait_for_reply_or_close(&mut self) -> Vec<u8> {
        let mut buffer = [0; 4096];
        let length = self.stream.read(&mut buffer).unwrap_or(0);
        buffer[..length].to_vec()
    }

    /// Whether the daemon has closed the connection by now.
    pub(crate) fn is_closed(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        match peeked {
            Ok(length) => length == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// The connection itself.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// A message behind its length (RFC 1035 section 4.2.2).
pub(crate) fn prefixed(message: &[u8]) -> Vec<u8> {
    [&length16(message), message].concat()
}
