//! An ordinary query to one of our own listeners, so that what comes back is what any client gets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::protocol::AskedAnswer;
use super::text;
use crate::control::selfcheck::reachable;
use crate::sys::clock;
use crate::wire::header::{HEADER, MAX_MESSAGE, flag, option};
use crate::wire::record::{self, options};
use crate::wire::{name, put_u16, rtype, u16_at};

/// Bytes of OPT without options (RFC 6891 section 6.1.2).
const OPT: [u8; 11] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

/// Where DO is in [`OPT`].
const DO: (usize, u8) = (7, 0x80);

/// Asks the listener at `address` for a name in wire format over UDP, and over TCP if the answer does not fit.
///
/// # Errors
///
/// When no answer comes within `patience`.
pub async fn ask(
    address: SocketAddr,
    wire: &[u8],
    qtype: u16,
    (dnssec_ok, checking_disabled): (bool, bool),
    patience: Duration,
) -> io::Result<AskedAnswer> {
    let address = reachable(address);
    let query = query(wire, qtype, dnssec_ok, checking_disabled, rand::random());
    let begun = clock::now();
    let exchange = async {
        let answer = over_udp(address, &query).await?;
        let is_cut = u16_at(&answer, 2).unwrap_or(0) & flag::TC != 0;
        if is_cut { over_tcp(address, &query).await } else { Ok(answer) }
    };
    let answer = timeout(patience, exchange).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let took = clock::now().since(begun);
    let (extended, extended_errors) = edns(&answer);
    Ok(AskedAnswer {
        listener: format!("udp://{address}"),
        took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        rcode: text::rcode_name(u16_at(&answer, 2).unwrap_or(0) & flag::RCODE | extended),
        flags: text::flags(&answer),
        extended_errors,
        records: text::records(&answer),
    })
}

/// The query.
fn query(wire: &[u8], qtype: u16, dnssec_ok: bool, checking_disabled: bool, id: u16) -> Vec<u8> {
    let mut query = vec![0; HEADER];
    put_u16(&mut query, 0, id);
    put_u16(&mut query, 2, flag::RD | if checking_disabled { flag::CD } else { 0 });
    put_u16(&mut query, 4, 1);
    put_u16(&mut query, 10, 1);
    query.extend_from_slice(wire);
    query.extend_from_slice(&qtype.to_be_bytes());
    query.extend_from_slice(&[0, 1]);
    let at = query.len();
    query.extend_from_slice(&OPT);
    if dnssec_ok {
        query[at + DO.0] |= DO.1;
    }
    query
}

/// Whether a message answers the query.
fn answers(message: &[u8], query: &[u8]) -> bool {
    message.len() >= HEADER && message[..2] == query[..2] && u16_at(message, 2).unwrap_or(0) & flag::QR != 0
}

/// Asks once over UDP.
async fn over_udp(address: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    socket.send(query).await?;
    let mut room = vec![0; MAX_MESSAGE];
    loop {
        let length = socket.recv(&mut room).await?;
        if answers(&room[..length], query) {
            room.truncate(length);
            return Ok(room);
        }
    }
}

/// Asks once over TCP.
async fn over_tcp(address: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let length = u16::try_from(query.len()).unwrap_or(0).to_be_bytes();
    stream.write_all(&[&length, query].concat()).await?;
    loop {
        let mut answer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        if answers(&answer, query) {
            return Ok(answer);
        }
    }
}

/// The high bits of the response code, in their place, and extended errors.
fn edns(message: &[u8]) -> (u16, Vec<u16>) {
    let Some(mut at) = name::skip(message, HEADER).map(|end| end + 4) else { return (0, Vec::new()) };
    while let Some(record) = record::read(message, at) {
        at = record.end;
        if record.rtype == rtype::OPT {
            let extended = options(record.rdata(message)).flatten().filter(|(code, _)| *code == option::EDE);
            let high = u16::try_from(record.ttl >> 24).unwrap_or(0) << 4;
            return (high, extended.filter_map(|(_, value)| u16_at(value, 0)).collect());
        }
    }
    (0, Vec::new())
}
