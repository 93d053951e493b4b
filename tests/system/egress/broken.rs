//! Servers of DNS over TLS that are broken, each in its own way.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::ServerConfig;
use rustls::version::TLS12;
use socket2::SockRef;

use crate::common::certificate::{Authority, Certificate};
use crate::common::upstream::{NAME, Upstream, one_address};

/// A record of TLS with the fatal alert `handshake_failure` (RFC 8446 section 6).
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// What lives as long as a test does: a server of the harness, if there is one.
pub(super) type Alive = Option<Upstream>;

/// A broken server.
pub(super) struct Broken {
    /// What is wrong.
    pub(super) what: &'static str,
    /// The counter that must tell it.
    pub(super) reason: &'static str,
    /// What the log must say.
    pub(super) log: &'static str,
    /// Starts it at an address; what the configuration needs besides the authority's certificate.
    pub(super) start: fn(&Authority, SocketAddr) -> (Alive, String),
}

/// Starts a server of the harness with these settings.
fn serve(authority: &Authority, settings: Arc<ServerConfig>, address: SocketAddr) -> (Alive, String) {
    (Some(Upstream::tls_with(authority, settings).on(address).serve(one_address)), String::new())
}

/// Starts a server of the harness with this certificate.
fn show(authority: &Authority, certificate: &Certificate, address: SocketAddr) -> (Alive, String) {
    serve(authority, certificate.server(), address)
}

/// Does something with every connection, on threads that end with the process.
fn meet(address: SocketAddr, handle: impl Fn(TcpStream) + Clone + Send + 'static) -> (Alive, String) {
    let listener = TcpListener::bind(address).expect("the port is free");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let handle = handle.clone();
            std::thread::spawn(move || handle(stream));
        }
    });
    (None, String::new())
}

/// Reads the client's first message, then sends these bytes and waits for the end.
fn say(address: SocketAddr, bytes: &'static [u8]) -> (Alive, String) {
    meet(address, move |mut stream| {
        let mut hello = [0; 4096];
        let _ = stream.read(&mut hello);
        let _ = stream.write_all(bytes);
        let _ = stream.read(&mut hello);
    })
}

/// A ServerHello of TLS 1.1, as a server sends it that knows nothing newer.
const OLD_HELLO: &[u8] = &{
    let mut bytes = [0; 5 + 4 + 38];
    // The record: handshake, version 1.1, 42 bytes; the message: ServerHello, 38 bytes, version 1.1; 32 bytes of chance, no session.
    (bytes[0], bytes[1], bytes[2], bytes[4]) = (22, 3, 2, 42);
    (bytes[5], bytes[8], bytes[9], bytes[10]) = (2, 38, 3, 2);
    // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, no compression.
    (bytes[44], bytes[45]) = (0xc0, 0x13);
    bytes
};

/// A DNS answer in plain text, with its length in front.
const PLAIN: &[u8] = b"\0\x1d\0\0\x81\x80\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

/// Passes bytes between a client and a server; where the server chooses the protocol `dot`, it becomes another.
fn change_protocol(client: &TcpStream, server: SocketAddr) {
    let Ok(server) = TcpStream::connect(server) else { return };
    let copy = |mut from: TcpStream, mut to: TcpStream, changes: bool| {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let bytes = &mut buffer[..length];
            let chosen = bytes.windows(4).position(|window| window == b"\x03dot").filter(|_| changes);
            if let Some(at) = chosen {
                bytes[at + 3] = b'x';
            }
            if to.write_all(bytes).is_err() {
                return;
            }
        }
    };
    let (from, to) = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    let upwards = std::thread::spawn(move || copy(from, to, false));
    copy(server, client.try_clone().expect("a socket"), true);
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = upwards.join();
}

/// All of them.
pub(super) const ALL: &[Broken] = &[
    Broken {
        what: "nobody listens",
        reason: "refused",
        log: "not reachable: connection refused",
        start: |_, _| (None, String::new()),
    },
    Broken {
        what: "connections are reset",
        reason: "closed",
        log: "closed the connection",
        start: |_, address| {
            meet(address, |stream| {
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            })
        },
    },
    Broken {
        what: "connections end within the handshake",
        reason: "closed",
        log: "closed the connection",
        start: |_, address| {
            meet(address, |mut stream| {
                let _ = stream.read(&mut [0; 4096]);
            })
        },
    },
    Broken {
        what: "the handshake is never answered",
        reason: "timeout",
        log: "no answer in time",
        start: |authority, address| {
            let builder = Upstream::tls(authority).on(address).mute_handshake();
            (Some(builder.serve(one_address)), String::new())
        },
    },
    Broken {
        what: "the certificate is for another name",
        reason: "name",
        log: "for another name",
        start: |authority, address| show(authority, &authority.certificate(&["other.example"]), address),
    },
    Broken {
        what: "the certificate is signed by somebody else",
        reason: "issuer",
        log: "signed by nobody we trust",
        start: |authority, address| serve(authority, Authority::new().certificate(&[NAME]).server(), address),
    },
    Broken {
        what: "the certificate has expired",
        reason: "validity",
        log: "expired or not valid yet",
        start: |authority, address| {
            let old = authority.certificate_with(&[NAME], |parameters| {
                (parameters.not_before, parameters.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
            });
            show(authority, &old, address)
        },
    },
    Broken {
        what: "the certificate is not valid yet",
        reason: "validity",
        log: "expired or not valid yet",
        start: |authority, address| {
            let new = authority.certificate_with(&[NAME], |parameters| {
                (parameters.not_before, parameters.not_after) = (date_time_ymd(2101, 1, 1), date_time_ymd(2102, 1, 1));
            });
            show(authority, &new, address)
        },
    },
    Broken {
        what: "the certificate is one of a client",
        reason: "certificate",
        log: "the certificate is unusable",
        start: |authority, address| {
            let client = authority.certificate_with(&[NAME], |parameters| {
                parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            });
            show(authority, &client, address)
        },
    },
    Broken {
        what: "the key is not the pinned one",
        reason: "pin",
        log: "none of the pinned ones",
        start: |authority, address| {
            let other = authority.certificate(&[NAME]);
            let (alive, _) = show(authority, &authority.certificate(&[NAME]), address);
            (alive, format!("pins = [\"{}\"]", other.pin))
        },
    },
    Broken {
        what: "the server knows other protocols only",
        reason: "alert",
        log: "the server sent the alert",
        start: |authority, address| {
            let mut settings = ServerConfig::clone(&authority.certificate(&[NAME]).server());
            settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            serve(authority, Arc::new(settings), address)
        },
    },
    Broken {
        what: "the server chooses a protocol that was not offered",
        reason: "protocol",
        log: "does not keep to the protocol",
        start: |authority, address| {
            let settings = authority.certificate(&[NAME]).server_of(&[&TLS12]);
            let server = Upstream::tls_with(authority, settings).serve(one_address);
            let behind = server.address;
            meet(address, move |stream| change_protocol(&stream, behind));
            (Some(server), String::new())
        },
    },
    Broken {
        what: "the server speaks plain DNS",
        reason: "protocol",
        log: "does not keep to the protocol",
        start: |_, address| say(address, PLAIN),
    },
    Broken {
        what: "the server knows nothing newer than TLS 1.1",
        reason: "incompatible",
        log: "no version or cipher suite in common",
        start: |_, address| say(address, OLD_HELLO),
    },
    Broken {
        what: "the server ends the handshake with an alert",
        reason: "alert",
        log: "the server sent the alert HandshakeFailure",
        start: |_, address| say(address, &ALERT),
    },
];
