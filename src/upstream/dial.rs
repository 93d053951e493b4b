//! Where a connection's bytes come from: the kernel, or in a test whatever the test hands out.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::sys::socket::prepare_upstream;

/// How long unacknowledged bytes may be on the way before the kernel gives the connection up (RFC 5482).
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes both ways, in order.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A stream, whoever made it.
pub(crate) type Link = Box<dyn Stream>;

/// A stream that is being opened.
pub(crate) type Dialing = Pin<Box<dyn Future<Output = io::Result<Link>>>>;

/// Opens streams to servers. Dropping what it returns gives the attempt up.
pub(crate) trait Dial {
    /// Begins to open a stream to `address`.
    fn dial(&self, address: SocketAddr) -> Dialing;
}

/// The kernel's TCP.
pub(crate) struct Tcp;

impl Dial for Tcp {
    fn dial(&self, address: SocketAddr) -> Dialing {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            prepare_upstream(&stream, USER_TIMEOUT)?;
            Ok::<Link, _>(Box::new(stream))
        })
    }
}
