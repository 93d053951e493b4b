//! Every packet of a network namespace, as an eavesdropper sees it.

use std::io::{ErrorKind, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::common::daemon::Daemon;

/// All protocols above the link (linux/if_ether.h: ETH_P_ALL), in the order of bytes that the kernel wants.
const ALL: i32 = 0x0003_u16.to_be() as i32;

/// One packet of UDP or TCP.
#[derive(Debug)]
pub(super) struct Packet {
    /// The protocol in the IP header: 6 is TCP, 17 is UDP.
    pub(super) protocol: u8,
    /// Source and destination.
    pub(super) ports: [u16; 2],
    /// Everything behind the IP header.
    pub(super) bytes: Vec<u8>,
}

/// A tap on all interfaces of this namespace.
#[derive(Debug)]
pub(super) struct Tap {
    /// Tells the thread to come to an end.
    over: Arc<AtomicBool>,
    /// Reads.
    thread: JoinHandle<Vec<Packet>>,
}

impl Tap {
    /// Sees all packets from now on.
    pub(super) fn open() -> Self {
        // Packets without the link's header; loopback shows each of them twice, as it leaves and as it arrives.
        let mut socket = Socket::new(Domain::from(libc::AF_PACKET), Type::DGRAM, Some(Protocol::from(ALL)))
            .expect("root may see packets");
        socket.set_recv_buffer_size(16 << 20).expect("a buffer");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time-out");
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let (mut packets, mut buffer) = (Vec::new(), vec![0; 1 << 17]);
            loop {
                match socket.read(&mut buffer) {
                    Ok(length) => packets.extend(Packet::read(&buffer[..length])),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        // Nothing is left to be read.
                        if told.load(Ordering::SeqCst) {
                            return packets;
                        }
                    }
                    Err(error) => panic!("the tap: {error}"),
                }
            }
        });
        Self { over, thread }
    }

    /// All packets but those of the daemons' own ports: what passed between them and their servers.
    pub(super) fn close(self, daemons: &[Daemon]) -> Vec<Packet> {
        self.over.store(true, Ordering::SeqCst);
        let packets = self.thread.join().expect("the tap works");
        let own_of = |daemon: &Daemon| {
            let dns = [daemon.udp_address(), daemon.tcp_address()];
            [dns[0], dns[1], daemon.http_address("metrics"), daemon.http_address("health")]
                .map(|address| address.port())
        };
        let own: Vec<u16> = daemons.iter().flat_map(own_of).collect();
        packets.into_iter().filter(|packet| packet.ports.iter().all(|port| !own.contains(port))).collect()
    }
}

impl Packet {
    /// Reads an IP packet of UDP or TCP; `None` for all others.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (protocol, header) = match bytes.first()? >> 4 {
            4 => (*bytes.get(9)?, usize::from(bytes[0] & 0xf) * 4),
            6 => (*bytes.get(6)?, 40),
            _ => return None,
        };
        let rest = bytes.get(header..)?;
        if !matches!(protocol, 6 | 17) {
            return None;
        }
        let port = |at| Some(u16::from_be_bytes([*rest.get(at)?, *rest.get(at + 1)?]));
        Some(Self { protocol, ports: [port(0)?, port(2)?], bytes: rest.to_vec() })
    }

    /// Whether it goes to or comes from the port of plain DNS.
    pub(super) fn is_of_plain_dns(&self) -> bool {
        self.ports.contains(&53)
    }

    /// Whether this label stands in it, in whatever letters.
    pub(super) fn shows(&self, label: &str) -> bool {
        let label = [&[u8::try_from(label.len()).expect("a label")], label.as_bytes()].concat();
        self.bytes.windows(label.len()).any(|window| window.eq_ignore_ascii_case(&label))
    }
}
