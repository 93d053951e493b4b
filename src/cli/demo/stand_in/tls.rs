//! A small DNS-over-TLS listener (RFC 7858): pipelined queries are answered side by side and in the order in which answers are ready
//! (RFC 7766 section 6.2.1.1).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_net::runtime::TokioTime;
use hickory_net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{Distant, IDLE};
use crate::policy::local::Capture;

/// Time for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Pause after a failed accept(2), as it is when descriptors ran out: a loop without it would only burn the core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections at a time; further ones wait in the backlog.
const CONNECTIONS: usize = 64;

/// Queries of one connection that are being answered; further ones wait in the socket.
const PIPELINE: usize = 256;

/// Serves until it is dropped, and all connections with it.
pub(super) async fn serve(listener: TcpListener, config: Arc<ServerConfig>, handler: Arc<Distant>) {
    let acceptor = TlsAcceptor::from(config);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, acceptor.clone(), Arc::clone(&handler)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, from the handshake to its end; errors end it, and the client notices.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    handler: Arc<Distant>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let (reader, writer) = tokio::io::split(stream);
    let (answers, ready) = mpsc::channel(PIPELINE);
    let writing = tokio::spawn(write(writer, ready));
    let read = read(reader, peer, handler, answers).await;
    // Every sender is gone now: the writer sends what is left and closes.
    let _ = writing.await;
    read
}

/// Reads queries and answers each in a task of its own, until the client closes or falls silent.
async fn read(
    mut reader: impl AsyncRead + Unpin,
    peer: SocketAddr,
    handler: Arc<Distant>,
    answers: mpsc::Sender<Vec<u8>>,
) -> io::Result<()> {
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() >= PIPELINE {
            tasks.join_next().await;
        }
        while tasks.try_join_next().is_some() {}
        let Ok(length) = timeout(IDLE, reader.read_u16()).await? else { break };
        let mut query = vec![0; usize::from(length)];
        reader.read_exact(&mut query).await?;
        let (handler, answers) = (Arc::clone(&handler), answers.clone());
        tasks.spawn(async move {
            // To hickory TLS is TCP as long as its own TLS is not built in.
            let Ok(request) = Request::from_bytes(query, peer, Protocol::Tcp) else { return };
            let capture = Capture::default();
            handler.handle_request::<_, TokioTime>(&request, capture.clone()).await;
            if let Some(answer) = capture.take() {
                // A writer that is gone needs no answers.
                let _ = answers.send(answer).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// Writes answers, length and message at once (RFC 7766 section 8), until there can be no more.
async fn write(mut writer: impl AsyncWrite + Unpin, mut ready: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(answer) = ready.recv().await {
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(answer.len() + 2);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&answer);
        writer.write_all(&message).await?;
        writer.flush().await?;
    }
    writer.shutdown().await
}
