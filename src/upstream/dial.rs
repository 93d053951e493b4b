//! Where a connection's bytes come from: the kernel, or in a test whatever the test hands out.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::sys::socket::prepare_upstream;

/// How long unacknowledged bytes may be on the way before the kernel gives the connection up (RFC 5482): five transmissions as a rule. Those
/// of a fresh connection arrive sooner than the next one, whose pause has doubled each time. A server that was stopped acknowledges.
pub(crate) const USER_TIMEOUT: Duration = Duration::from_secs(3);

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
        #[cfg(test)]
        if let Some(dialing) = simulated(|network| network.connect(address)) {
            return dialing;
        }
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            prepare_upstream(&stream, USER_TIMEOUT)?;
            Ok::<Link, _>(Box::new(stream))
        })
    }
}

#[cfg(test)]
pub(crate) use simulation::{Asking, Network, simulated, take_over};

/// Another network in the place of the kernel's, for all servers that are spoken to in a thread.
#[cfg(test)]
mod simulation {
    use std::cell::RefCell;
    use std::future::Future;
    use std::net::SocketAddr;
    use std::pin::Pin;
    use std::rc::Rc;

    use super::super::UpstreamError;
    use super::Dialing;

    /// A datagram's answer that is on its way.
    pub(crate) type Asking = Pin<Box<dyn Future<Output = Result<Vec<u8>, UpstreamError>>>>;

    /// A network that a test makes.
    pub(crate) trait Network {
        /// Begins to open a stream to `address`.
        fn connect(&self, address: SocketAddr) -> Dialing;
        /// Sends a query in a datagram to `address`; the future brings the answer that is believed, and does not end without one. Ports, IDs
        /// and letter case are not part of it.
        fn ask(&self, address: SocketAddr, query: &[u8]) -> Asking;
    }

    thread_local! {
        /// This thread's network, where it is not the kernel's.
        static NETWORK: RefCell<Option<Rc<dyn Network>>> = const { RefCell::new(None) };
    }

    /// Lets all servers of this thread be reached over `network`.
    pub(crate) fn take_over(network: Rc<dyn Network>) {
        NETWORK.set(Some(network));
    }

    /// Does it over this thread's simulated network, if it has one.
    pub(crate) fn simulated<T>(work: impl FnOnce(&dyn Network) -> T) -> Option<T> {
        NETWORK.with_borrow(|network| network.as_deref().map(work))
    }
}
