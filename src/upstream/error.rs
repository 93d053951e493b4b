//! Why a server gave no usable answer, and what follows from it. Step 6 of the flow.
//!
//! One value says who is at fault, whether another server may do better, and what the client is told: the RCODE and the extended
//! error (RFC 8914). A server's denial (NXDOMAIN, NODATA) is an answer, never an error.
//!
//! Nothing here retries, counts or logs. The values are a few octets, so that they cost nothing where they pass.

use std::fmt;
use std::io;

use rustls::AlertDescription;

/// The client's query was not answered for a reason that is no fault of its own (RFC 1035 section 4.1.1).
const SERVFAIL: u16 = 2;

/// The query was not worked on, by policy (RFC 1035 section 4.1.1).
const REFUSED: u16 = 5;

/// "The resolver could not reach any of the authoritative name servers (or they potentially refused to reply)."
/// ([RFC 8914 section 4.23](https://www.rfc-editor.org/rfc/rfc8914#section-4.23))
const NO_REACHABLE_AUTHORITY: u16 = 22;

/// "An unrecoverable error occurred while communicating with another server."
/// ([RFC 8914 section 4.24](https://www.rfc-editor.org/rfc/rfc8914#section-4.24))
const NETWORK_ERROR: u16 = 23;

/// Why a query has no answer from the server, or from the servers, that were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamError {
    /// Nothing came in time.
    Timeout,
    /// The server cannot be reached: refused, no route, forbidden by the local firewall.
    Connect(io::ErrorKind),
    /// The two sides could not agree on an encrypted connection.
    Tls(TlsFailure),
    /// The server did not prove that it is the one we were told to ask (RFC 8310 section 5).
    Authentication(Rejection),
    /// The connection ended before the answer came.
    Closed,
    /// What came is not a DNS message.
    Malformed,
    /// What came answers another question (RFC 5452 section 9.1). Over UDP such a message is ignored; there it means that too many of them
    /// came, or that what came does not prove itself by its cookie or by being whole, so that UDP is not to be trusted.
    Mismatched,
    /// The server answered that it cannot or will not help; the RCODE with the extended bits.
    Rcode(u16),
    /// One of our own bounds was reached.
    Shed,
    /// The kernel gave us no socket or buffer; the error number.
    System(i32),
    /// There is no server left to ask.
    NoServer,
}

/// What broke an encrypted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// The server ended it with this alert (RFC 8446 section 6).
    Alert(AlertDescription),
    /// No version, cipher suite or key exchange in common.
    Incompatible,
    /// The server broke the protocol, or does not speak it.
    Protocol,
}

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is for another name or address (RFC 8310 section 8.1).
    Name,
    /// Nobody whom we trust has signed it.
    Issuer,
    /// It is expired or not valid yet.
    Validity,
    /// Its public key is none of the pinned ones (RFC 7858 section 4.2).
    Pin,
    /// There is none, it does not parse, is for another purpose, or its key did not sign the handshake.
    Certificate,
}

/// Who is to blame when there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server, or the network between it and us.
    Upstream,
    /// nodens or the machine it runs on.
    Us,
}

impl UpstreamError {
    /// Who is to blame.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Shed | Self::System(_) => Fault::Us,
            _ => Fault::Upstream,
        }
    }

    /// Whether another server of the group may do better.
    ///
    /// Not when the fault is ours: asking on would add load to what is short already.
    #[must_use]
    pub const fn retry_elsewhere(self) -> bool {
        !matches!(self, Self::Shed | Self::System(_) | Self::NoServer)
    }

    /// Whether the server could not be spoken to at all, whatever it was asked.
    #[must_use]
    pub const fn is_unreachable(self) -> bool {
        matches!(self, Self::Connect(_) | Self::Tls(_) | Self::Authentication(_))
    }

    /// The RCODE that the client gets if nothing better is found.
    #[must_use]
    pub const fn rcode(self) -> u16 {
        match self {
            Self::Shed => REFUSED,
            _ => SERVFAIL,
        }
    }

    /// The extended error that the client gets beside the RCODE (RFC 8914), if there is one that fits.
    #[must_use]
    pub const fn ede(self) -> Option<u16> {
        match self {
            Self::Timeout | Self::Connect(_) | Self::Rcode(REFUSED) | Self::NoServer => Some(NO_REACHABLE_AUTHORITY),
            Self::Tls(_)
            | Self::Authentication(_)
            | Self::Closed
            | Self::Malformed
            | Self::Mismatched
            | Self::Rcode(_) => Some(NETWORK_ERROR),
            Self::Shed | Self::System(_) => None,
        }
    }
}

impl From<&io::Error> for UpstreamError {
    /// What an error of a socket means; TLS errors inside it are [`crate::upstream::tls::classify`]'s business.
    fn from(error: &io::Error) -> Self {
        // EAGAIN: a send buffer is full although nobody is slow at the other end, as it happens with datagrams.
        let short = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EAGAIN];
        if let Some(number) = error.raw_os_error().filter(|number| short.contains(number)) {
            return Self::System(number);
        }
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::WriteZero => Self::Closed,
            kind => Self::Connect(kind),
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer in time"),
            Self::Connect(kind) => write!(f, "not reachable: {kind}"),
            Self::Tls(failure) => write!(f, "TLS failed: {failure}"),
            Self::Authentication(rejection) => write!(f, "not authenticated: {rejection}"),
            Self::Closed => f.write_str("the server closed the connection before it answered"),
            Self::Malformed => f.write_str("the answer is not a DNS message"),
            Self::Mismatched => f.write_str("the answer is for another question"),
            Self::Rcode(rcode) => write!(f, "the server answered RCODE {rcode}"),
            Self::Shed => f.write_str("too many queries are waiting for this server"),
            Self::System(number) => write!(f, "no socket: {}", io::Error::from_raw_os_error(*number)),
            Self::NoServer => f.write_str("no server is left to ask"),
        }
    }
}

impl std::error::Error for UpstreamError {}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "the server sent the alert {alert:?}"),
            Self::Incompatible => f.write_str("no version or cipher suite in common"),
            Self::Protocol => f.write_str("the server does not keep to the protocol"),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the certificate is for another name",
            Self::Issuer => "the certificate is signed by nobody we trust",
            Self::Validity => "the certificate is expired or not valid yet",
            Self::Pin => "the public key is none of the pinned ones",
            Self::Certificate => "the certificate is unusable",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small_enough_to_pass_by_value() {
        assert!(size_of::<UpstreamError>() <= 8);
        assert!(size_of::<Result<Vec<u8>, UpstreamError>>() <= 24);
    }

    #[test]
    fn asks_another_server_only_for_what_is_not_our_own_fault() {
        for error in [
            UpstreamError::Timeout,
            UpstreamError::Connect(io::ErrorKind::ConnectionRefused),
            UpstreamError::Tls(TlsFailure::Protocol),
            UpstreamError::Authentication(Rejection::Pin),
            UpstreamError::Closed,
            UpstreamError::Malformed,
            UpstreamError::Mismatched,
            UpstreamError::Rcode(2),
        ] {
            assert!(error.retry_elsewhere(), "{error}");
            assert_eq!(error.fault(), Fault::Upstream, "{error}");
            assert!(error.ede().is_some(), "{error}");
        }
        for error in [UpstreamError::Shed, UpstreamError::System(libc::EMFILE)] {
            assert!(!error.retry_elsewhere(), "{error}");
            assert_eq!(error.fault(), Fault::Us, "{error}");
            assert_eq!(error.ede(), None, "{error}");
        }
        assert!(!UpstreamError::NoServer.retry_elsewhere());
    }

    #[test]
    fn tells_what_is_short_here_from_what_is_broken_there() {
        let from = |number| UpstreamError::from(&io::Error::from_raw_os_error(number));
        assert_eq!(from(libc::EMFILE), UpstreamError::System(libc::EMFILE));
        assert_eq!(from(libc::ECONNREFUSED), UpstreamError::Connect(io::ErrorKind::ConnectionRefused));
        assert_eq!(from(libc::ECONNRESET), UpstreamError::Closed);
        assert_eq!(from(libc::ETIMEDOUT), UpstreamError::Timeout);
        assert_eq!(from(libc::EPERM), UpstreamError::Connect(io::ErrorKind::PermissionDenied));
    }

    #[test]
    fn uses_the_extended_errors_as_their_registry_means_them() {
        assert_eq!(UpstreamError::Timeout.ede(), Some(22));
        assert_eq!(UpstreamError::NoServer.ede(), Some(22));
        assert_eq!(UpstreamError::Rcode(5).ede(), Some(22));
        assert_eq!(UpstreamError::Rcode(2).ede(), Some(23));
        assert_eq!(UpstreamError::Authentication(Rejection::Name).ede(), Some(23));
        assert_eq!((UpstreamError::Shed.rcode(), UpstreamError::Timeout.rcode()), (5, 2));
    }
}
