//! The sockets of a test's server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustls::HandshakeKind;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::client::prefixed;
use super::super::wire::Message;
use super::{Action, Builder, Close, Handle, Query, State, Via};

/// The first byte of a TLS handshake record (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// Runs the server until `stopped` resolves.
pub(super) fn run(
    builder: &Builder,
    handler: impl Handle,
    state: &Arc<State>,
    started: &Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    let handler = Arc::new(handler);
    runtime.block_on(async {
        let (tcp, udp) = bind(builder).await;
        started.send(udp.local_addr().expect("it is bound")).expect("the test waits for it");
        tokio::spawn(datagrams(Arc::new(udp), Arc::clone(&handler), Arc::clone(state)));
        let server = Server {
            acceptor: builder.tls.clone().map(TlsAcceptor::from),
            mute: builder.mute_handshake,
            idle: builder.idle,
            handler,
            state: Arc::clone(state),
        };
        if builder.datagrams_only {
            drop(tcp);
        } else {
            tokio::spawn(accept(tcp, Arc::new(server)));
        }
        let _ = stopped.await;
    });
}

/// Takes one free port for both transports. A TLS server listens on UDP, too: what comes there is a query in plain text.
async fn bind(builder: &Builder) -> (TcpListener, UdpSocket) {
    for _ in 0..64 {
        let socket =
            Socket::new(Domain::for_address(builder.address), Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        socket.set_reuse_address(true).expect("a flag");
        socket.set_nonblocking(true).expect("a flag");
        socket.bind(&builder.address.into()).expect("an address of this machine");
        socket.listen(1024).expect("a listening socket");
        let tcp = TcpListener::from_std(socket.into()).expect("inside the event loop");
        let address = tcp.local_addr().expect("it is bound");
        if let Ok(udp) = UdpSocket::bind(address).await {
            let _ = SockRef::from(&udp).set_recv_buffer_size(8 << 20);
            return (tcp, udp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

/// Writes a query down and asks the handler.
fn decide(handler: &impl Handle, state: &State, query: Query) -> Action {
    let action = handler(&query);
    state.seen.lock().unwrap().push(query);
    action
}

/// Answers datagrams.
async fn datagrams(socket: Arc<UdpSocket>, handler: Arc<impl Handle>, state: Arc<State>) {
    let mut buffer = vec![0; 65_535];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let message = Message::read(&buffer[..length]).expect("the daemon sends messages that parse");
        let query = Query { message, via: Via::Udp, connection: 0, port: client.port() };
        match decide(&*handler, &state, query) {
            Action::Answer(messages) => {
                for message in messages {
                    let _ = socket.send_to(&message, client).await;
                }
            }
            Action::After(gate, message) => {
                let socket = Arc::clone(&socket);
                tokio::spawn(async move {
                    gate.passed().await;
                    let _ = socket.send_to(&message, client).await;
                });
            }
            Action::Later(delay, message) => {
                let socket = Arc::clone(&socket);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = socket.send_to(&message, client).await;
                });
            }
            Action::Ignore | Action::End(_) => {}
        }
    }
}

/// What all connections of a server share.
struct Server<H> {
    /// TLS, if it is spoken.
    acceptor: Option<TlsAcceptor>,
    /// Whether handshakes are never answered.
    mute: bool,
    /// When a connection without queries ends, and how.
    idle: Option<(Duration, Close)>,
    /// The test's.
    handler: Arc<H>,
    /// The counts.
    state: Arc<State>,
}

/// Accepts connections.
async fn accept<H: Handle>(listener: TcpListener, server: Arc<Server<H>>) {
    loop {
        let Ok((stream, client)) = listener.accept().await else { continue };
        let number = server.state.connections.fetch_add(1, Ordering::SeqCst);
        let open = server.state.open.fetch_add(1, Ordering::SeqCst) + 1;
        server.state.peak.fetch_max(open, Ordering::SeqCst);
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            server.connection(stream, number, client.port()).await;
            server.state.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

impl<H: Handle> Server<H> {
    /// Serves one connection to its end.
    async fn connection(&self, stream: TcpStream, number: usize, port: u16) {
        let Some(acceptor) = &self.acceptor else {
            return self.serve(stream, Via::Tcp, number, port).await;
        };
        if self.mute {
            return std::future::pending().await;
        }
        let mut first = [0];
        if stream.peek(&mut first).await.is_ok_and(|length| length == 1) && first[0] != HANDSHAKE {
            self.state.plain_text.fetch_add(1, Ordering::SeqCst);
        }
        match acceptor.accept(stream).await {
            Ok(stream) => {
                let session = stream.get_ref().1;
                if session.handshake_kind() == Some(HandshakeKind::Resumed) {
                    self.state.resumed.fetch_add(1, Ordering::SeqCst);
                }
                let protocol = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
                self.state.hellos.lock().unwrap().push((session.server_name().map(str::to_owned), protocol));
                self.state.handshakes.fetch_add(1, Ordering::SeqCst);
                self.serve(stream, Via::Tls, number, port).await;
            }
            Err(_) => {
                self.state.handshake_failures.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Reads queries and writes answers until one side has enough.
    async fn serve(&self, mut stream: impl Stream, via: Via, number: usize, port: u16) {
        let mut orders = self.state.orders.subscribe();
        let (answers, mut ready) = mpsc::unbounded_channel::<Vec<u8>>();
        let mut received = Vec::new();
        loop {
            let idle = async {
                match self.idle {
                    Some((after, how)) => {
                        tokio::time::sleep(after).await;
                        how
                    }
                    None => std::future::pending().await,
                }
            };
            let how = tokio::select! {
                read = stream.read_buf(&mut received) => match read {
                    Ok(0) | Err(_) => {
                        self.state.closed_by_peer.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    Ok(_) => self.answer_all(&mut received, &answers, &mut stream, via, number, port).await,
                },
                Some(answer) = ready.recv() => stream.write_all(&answer).await.err().map(|_| Close::Reset),
                Ok(how) = orders.recv() => Some(how),
                how = idle => Some(how),
            };
            if let Some(how) = how {
                return self.end(stream, how).await;
            }
        }
    }

    /// Handles every whole message of `received`; says how the connection ends if one asks for it.
    async fn answer_all(
        &self,
        received: &mut Vec<u8>,
        answers: &mpsc::UnboundedSender<Vec<u8>>,
        stream: &mut impl Stream,
        via: Via,
        connection: usize,
        port: u16,
    ) -> Option<Close> {
        while let Some(bytes) = next_message(received) {
            let message = Message::read(&bytes).expect("the daemon sends messages that parse");
            match decide(&*self.handler, &self.state, Query { message, via, connection, port }) {
                Action::Answer(messages) => {
                    let bytes: Vec<u8> = messages.iter().flat_map(|message| prefixed(message)).collect();
                    if stream.write_all(&bytes).await.is_err() {
                        return Some(Close::Reset);
                    }
                }
                Action::After(gate, message) => {
                    let answers = answers.clone();
                    tokio::spawn(async move {
                        gate.passed().await;
                        let _ = answers.send(prefixed(&message));
                    });
                }
                Action::Later(delay, message) => {
                    let answers = answers.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(delay).await;
                        let _ = answers.send(prefixed(&message));
                    });
                }
                Action::Ignore => {}
                Action::End(how) => return Some(how),
            }
        }
        None
    }

    /// Ends a connection on a test's order.
    async fn end(&self, mut stream: impl Stream, how: Close) {
        match how {
            Close::Finish => {
                let _ = stream.shutdown().await;
                self.state.ended.fetch_add(1, Ordering::SeqCst);
                // Reads on, so that the end stays a FIN: closing with unread bytes would send RST.
                let mut rest = [0; 4096];
                while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {}
            }
            Close::Reset => {
                let _ = SockRef::from(stream.tcp()).set_linger(Some(Duration::ZERO));
                drop(stream);
                self.state.ended.fetch_add(1, Ordering::SeqCst);
            }
            Close::Silence => {
                self.state.ended.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
        }
    }
}

/// A plain or encrypted stream whose socket can be reached.
trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// The socket below.
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Takes the first whole message out of `received`.
fn next_message(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (length, rest) = received.split_at_checked(2)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let message = rest.get(..length)?.to_vec();
    received.drain(..2 + length);
    Some(message)
}
