//! The proxy does what it says: a fault that does not happen is one that every daemon survives.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use nodens::sys::clock;

use crate::common::ask::Ask;
use crate::common::chaos::{End, Fault, Proxy};
use crate::common::client::prefixed;
use crate::common::upstream::{Upstream, one_address};
use crate::common::{PATIENCE, elapsed, wait_until};

/// How long nothing is waited for.
const NOTHING: Duration = Duration::from_millis(150);

/// Length of an answer behind its prefix: header, question of `www.example.org`, one address.
const ANSWER: usize = 12 + 21 + 16;

/// A server, and a proxy before it.
fn pair(seed: u64) -> (Upstream, Proxy) {
    let server = Upstream::auto().serve(one_address);
    let proxy = Proxy::before(server.address, seed);
    (server, proxy)
}

/// A connection to the proxy that has sent a query.
fn asked(proxy: &Proxy) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&prefixed(&Ask::a("www.example.org").bytes())).unwrap();
    stream
}

/// Bytes until `length` of them are there or the end is; and the error at the end, if there was one.
fn read(stream: &mut TcpStream, length: usize) -> (usize, Option<ErrorKind>) {
    let mut buffer = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => return (filled, Some(error.kind())),
        }
    }
    (filled, None)
}

/// Whether nothing comes, not even an end.
fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(NOTHING)).unwrap();
    let silent = read(stream, 1) == (0, Some(ErrorKind::WouldBlock));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    silent
}

/// Whether a query over UDP gets its answer; its length.
fn datagram(proxy: &Proxy, patience: Duration) -> Option<usize> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(proxy.address).unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    let _ = socket.send(&Ask::a("www.example.org").bytes());
    socket.recv(&mut [0; 4096]).ok()
}

#[test]
fn all_bytes_pass_when_nothing_is_wrong() {
    let (_server, proxy) = pair(1);
    assert_eq!(read(&mut asked(&proxy), 2 + ANSWER), (2 + ANSWER, None));
    assert_eq!(datagram(&proxy, PATIENCE), Some(ANSWER));
    assert_eq!((proxy.connections(), proxy.bytes()), (1, 2 * ANSWER as u64 + 2));
}

#[test]
fn silence_holds_bytes_back_and_forgetting_loses_them() {
    let (_server, proxy) = pair(1);
    for fault in [Fault::Silence, Fault::Forget] {
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        proxy.set(fault);
        stream.write_all(&prefixed(&Ask::a("www.example.org").bytes())).unwrap();
        assert!(is_silent(&mut stream));
        assert_eq!(datagram(&proxy, NOTHING), None);
        proxy.heal();
        if fault == Fault::Silence {
            assert_eq!(read(&mut stream, 2 + ANSWER), (2 + ANSWER, None));
        } else {
            assert!(is_silent(&mut stream));
        }
        assert_eq!(datagram(&proxy, PATIENCE), Some(ANSWER));
    }
}

#[test]
fn a_port_that_refuses_is_gone_and_comes_back() {
    let (_server, proxy) = pair(1);
    let mut before = asked(&proxy);
    read(&mut before, 2 + ANSWER);
    proxy.set(Fault::Refuse);
    assert_eq!(read(&mut before, 1), (0, Some(ErrorKind::ConnectionReset)));
    assert_eq!(TcpStream::connect(proxy.address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(datagram(&proxy, NOTHING), None);
    proxy.heal();
    assert_eq!(read(&mut asked(&proxy), 2 + ANSWER), (2 + ANSWER, None));
    proxy.set(Fault::Flap(Duration::from_millis(50)));
    wait_until("it is gone", || TcpStream::connect(proxy.address).is_err());
    wait_until("it is back", || TcpStream::connect(proxy.address).is_ok());
    wait_until("it is gone again", || TcpStream::connect(proxy.address).is_err());
}

#[test]
fn connections_end_as_they_are_told() {
    let (_server, proxy) = pair(1);
    let half = (2 + ANSWER) / 2;
    for (fault, length, error) in [
        (Fault::Break(End::Finish), 0, None),
        (Fault::Break(End::Reset), 0, Some(ErrorKind::ConnectionReset)),
        (Fault::Half(End::Finish), half, None),
    ] {
        proxy.set(fault);
        assert_eq!(read(&mut asked(&proxy), 2 + ANSWER), (length, error), "{fault:?}");
    }
    proxy.set(Fault::Half(End::Never));
    let mut stream = asked(&proxy);
    assert_eq!(read(&mut stream, half), (half, None));
    assert!(is_silent(&mut stream));
    assert_eq!(datagram(&proxy, PATIENCE), Some(ANSWER / 2));
    proxy.heal();
    for (how, error) in [(End::Finish, None), (End::Reset, Some(ErrorKind::ConnectionReset))] {
        let mut stream = asked(&proxy);
        read(&mut stream, 2 + ANSWER);
        proxy.end_all(how);
        assert_eq!(read(&mut stream, 1), (0, error), "{how:?}");
    }
}

#[test]
fn what_is_late_or_drips_comes_whole() {
    let (_server, proxy) = pair(1);
    for fault in [
        Fault::Delay { least: Duration::from_millis(60), jitter: Duration::from_millis(20) },
        Fault::Drip(Duration::from_millis(1)),
    ] {
        proxy.set(fault);
        let (start, mut stream) = (clock::now(), asked(&proxy));
        assert_eq!(read(&mut stream, 2 + ANSWER), (2 + ANSWER, None));
        assert!(elapsed(start) >= Duration::from_millis(50), "{fault:?}");
    }
}

#[test]
fn some_datagrams_are_lost_and_some_are_not() {
    let (_server, proxy) = pair(1);
    proxy.set(Fault::Lose(50));
    let arrived = std::thread::scope(|scope| {
        let all: Vec<_> = (0..40).map(|_| scope.spawn(|| datagram(&proxy, NOTHING * 4).is_some())).collect();
        all.into_iter().map(|one| usize::from(one.join().unwrap())).sum::<usize>()
    });
    // One in four passes; that none or all of 40 do has a chance of one in 100,000.
    assert!((1..40).contains(&arrived), "{arrived} of 40");
}

#[test]
fn garbling_changes_one_byte() {
    let (server, proxy) = pair(1);
    proxy.set(Fault::Garble(100));
    let (ask, socket) = (Ask::a("www.example.org"), UdpSocket::bind("127.0.0.1:0").unwrap());
    let mut answers = Vec::new();
    for address in [server.address, proxy.address] {
        let mut buffer = [0; 4096];
        socket.send_to(&ask.bytes(), address).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        answers.push(buffer[..length].to_vec());
    }
    assert_eq!(answers[0].iter().zip(&answers[1]).filter(|(sound, garbled)| sound != garbled).count(), 1);
}

#[test]
fn another_server_can_stand_behind_the_same_address() {
    let (server, proxy) = pair(1);
    let other = Upstream::auto().serve(one_address);
    proxy.redirect(other.address);
    read(&mut asked(&proxy), 2 + ANSWER);
    assert_eq!((server.queries(), other.queries()), (0, 1));
}
