//! Asks each listener, over UDP and over TCP, until it answers.
//!
//! The question is `id.server` CH TXT (RFC 4892), which needs neither cache nor upstream: readiness says that this node serves,
//! not that the internet is there. Any RCODE will do; REFUSED, too, proves that a worker reads and answers.

use std::io;
use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::readiness::Readiness;
use crate::metrics::Protocol;

/// Time the first try has to succeed; each further one has twice as much.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Time the last tries have.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The question after the ID: RD=0, one question, `id.server` TXT CH.
const QUESTION: [u8; 25] = *b"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02id\x06server\x00\x00\x10\x00\x03";

/// How a listener is spoken to.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

impl Way {
    /// Both ways, in the order in which listeners are named.
    const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    /// The listener's name: `udp://127.0.0.1:53`.
    fn name(self, address: SocketAddr) -> String {
        match self {
            Self::Udp => format!("udp://{address}"),
            Self::Tcp => format!("tcp://{address}"),
        }
    }
}

/// The names of the listeners at these addresses, for [`Readiness::new`].
#[must_use]
pub fn listeners(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().flat_map(|&address| Way::ALL.map(|way| way.name(address))).collect()
}

/// Asks each listener until it answers, then marks it ready. Ends when all have; may be dropped at any time.
pub async fn selfcheck(addresses: Vec<SocketAddr>, readiness: Arc<Readiness>) {
    let mut checks = JoinSet::new();
    for address in addresses {
        for way in Way::ALL {
            let readiness = Arc::clone(&readiness);
            checks.spawn(async move {
                check(reachable(address), way).await;
                readiness.pass(&way.name(address));
            });
        }
    }
    while checks.join_next().await.is_some() {}
}

/// Asks these listeners once; whether all of them are at work. Waits for them without end.
pub async fn all_answer(listeners: Vec<(SocketAddr, Protocol)>) -> bool {
    let mut checks = JoinSet::new();
    for (address, protocol) in listeners {
        checks.spawn(async move {
            match protocol {
                Protocol::Udp => ask_udp(reachable(address)).await,
                Protocol::Tcp => meet_tcp(reachable(address)).await,
            }
        });
    }
    let mut all = true;
    while let Some(outcome) = checks.join_next().await {
        all &= matches!(outcome, Ok(Ok(())));
    }
    all
}

/// Where a listener can be asked: one on all addresses is asked on loopback.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    // Changed in place, so that a link-local address keeps its scope.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Asks one listener until it answers.
async fn check(address: SocketAddr, way: Way) {
    let mut pause = FIRST_PAUSE;
    loop {
        // The pause runs beside the try: a refusal, which comes at once, is not followed by the next try at once.
        let pausing = tokio::time::sleep(pause);
        tokio::pin!(pausing);
        let tried = async {
            match way {
                Way::Udp => ask_udp(address).await,
                Way::Tcp => ask_tcp(address).await,
            }
        };
        tokio::select! {
            result = tried => match result {
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(listener = way.name(address), %error, "not ready");
                    pausing.await;
                }
            },
            () = &mut pausing => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Asks over UDP, once, and waits for the answer.
async fn ask_udp(address: SocketAddr) -> io::Result<()> {
    let any = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    let id: [u8; 2] = rand::random();
    socket.send(&query(id)).await?;
    let mut answer = [0; 512];
    loop {
        let length = socket.recv(&mut answer).await?;
        if answers(&answer[..length], id) {
            return Ok(());
        }
    }
}

/// Asks over TCP, once, and waits for the answer (RFC 7766 section 8).
async fn ask_tcp(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let id: [u8; 2] = rand::random();
    let query = query(id);
    let mut message = Vec::with_capacity(2 + query.len());
    message.extend_from_slice(&u16::try_from(query.len()).unwrap_or(0).to_be_bytes());
    message.extend_from_slice(&query);
    stream.write_all(&message).await?;
    loop {
        let mut answer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        if answers(&answer, id) {
            return Ok(());
        }
    }
}

/// Asks over TCP as [`ask_tcp`] does. A connection that was taken and closed is as good as an answer: clients hold all that there may be
/// (`limits.tcp-connections`), and somebody was there to say so. From a thread that hangs comes neither.
async fn meet_tcp(address: SocketAddr) -> io::Result<()> {
    match ask_tcp(address).await {
        Err(error) if matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe) => {
            Ok(())
        }
        outcome => outcome,
    }
}

/// The query with an ID.
fn query(id: [u8; 2]) -> [u8; 27] {
    let mut query = [0; 27];
    query[..2].copy_from_slice(&id);
    query[2..].copy_from_slice(&QUESTION);
    query
}

/// Whether a message is a response with this ID.
fn answers(message: &[u8], id: [u8; 2]) -> bool {
    message.len() >= 12 && message[..2] == id && message[2] & 0x80 != 0
}
