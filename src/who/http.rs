//! One request to the kubelet or the API server, over a connection of its own, and the answer's body piece by piece.
//!
//! Only GET, only status 200, no redirections, no cookies, no compression. The token is read from its file for each request: Kubernetes
//! replaces it every hour. It is never sent without encryption.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Failure, tls};
use crate::config::Clients;
use crate::sys::socket::keep_alive;

/// Time for the connection, with its encryption.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time from the request to the head of its answer. A kubelet that has much to do takes seconds.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence after which the kernel asks whether the other side is still there; it gives up after three times that.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Bytes of an answer's head, and of what is read at once.
const MAX_BUFFER_BYTES: usize = 64 << 10;

/// Headers of an answer.
const MAX_HEADERS: usize = 64;

/// Bytes of a token; a projected one has some 1,200.
const MOST_TOKEN_BYTES: u64 = 64 << 10;

/// Bytes both ways, in order.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A server that is asked, and how.
#[derive(Debug)]
pub(super) struct Server {
    /// Where it is.
    address: SocketAddr,
    /// Whether the connection is encrypted.
    encrypted: bool,
    /// What tells it who we are.
    token: Option<PathBuf>,
    /// What it must prove itself by.
    authorities: Option<PathBuf>,
}

/// The body of an answer that is being read.
#[derive(Debug)]
pub(super) struct Body {
    /// The pieces.
    incoming: Incoming,
    /// How long the next may take.
    patience: Duration,
    /// Drives the connection, and ends with us.
    _connection: JoinSet<()>,
}

impl Server {
    /// The one that the operator names.
    ///
    /// # Errors
    ///
    /// What is wrong with its URL.
    pub(super) fn new(clients: &Clients) -> Result<Self, String> {
        let (address, encrypted) = clients.server().map_err(|(wrong, _)| wrong)?;
        Ok(Self { address, encrypted, token: clients.token.clone(), authorities: clients.ca.clone() })
    }

    /// Asks for `path`; every piece of the answer then comes within `patience`.
    ///
    /// # Errors
    ///
    /// When there is no connection, no answer in time, or one with another status than 200.
    pub(super) async fn get(&self, path: &str, patience: Duration) -> Result<Body, Failure> {
        let request = self.request(path)?;
        let stream = in_time(CONNECT_TIMEOUT, "connect", self.connect()).await?;
        let unreachable = |error: hyper::Error| Failure::Unreachable(format!("{}: {error}", self.address));
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_BUFFER_BYTES)
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What goes wrong with the connection is told to whoever reads the answer.
            let _ = connection.await;
        });
        let sending = async { sender.send_request(request).await.map_err(unreachable) };
        let answer = in_time(HEAD_TIMEOUT, "answer", sending).await?;
        match answer.status() {
            StatusCode::OK => Ok(Body { incoming: answer.into_body(), patience, _connection: driver }),
            StatusCode::GONE => Err(Failure::Expired),
            status => Err(Failure::Refused(status.as_u16())),
        }
    }

    /// The request, with the token of now.
    fn request(&self, path: &str) -> Result<Request<Empty<Bytes>>, Failure> {
        let mut request = Request::get(path)
            .header(HOST, self.address.to_string())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("nodens/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| Failure::Garbled(error.to_string()))?;
        if let Some(path) = &self.token {
            let failure = |text: &str| Failure::Credentials(format!("clients.token: {}: {text}", path.display()));
            let token = read_token(path).map_err(|error| failure(&error.to_string()))?;
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
                .map_err(|_| failure("holds characters that no token has"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// Opens a connection.
    async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        let unreachable = |error: &io::Error| Failure::Unreachable(format!("{}: {error}", self.address));
        let stream = TcpStream::connect(self.address).await.map_err(|error| unreachable(&error))?;
        keep_alive(&stream, KEEP_ALIVE).map_err(|error| unreachable(&error))?;
        if !self.encrypted {
            return Ok(Box::new(stream));
        }
        let connector = tls::connector(self.authorities.as_deref())?;
        let name = ServerName::from(self.address.ip());
        let stream = connector.connect(name, stream).await.map_err(|error| unreachable(&error))?;
        Ok(Box::new(stream))
    }
}

impl Body {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// When it does not come in time, or the connection breaks.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let next = async {
            loop {
                match self.incoming.frame().await {
                    // Trailers say nothing.
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Ok(Some(data));
                        }
                    }
                    Some(Err(error)) => return Err(Failure::Unreachable(error.to_string())),
                    None => return Ok(None),
                }
            }
        };
        in_time(self.patience, "go on", next).await
    }
}

/// Reads a token that is short.
fn read_token(path: &Path) -> io::Result<String> {
    let mut token = String::new();
    File::open(path)?.take(MOST_TOKEN_BYTES).read_to_string(&mut token)?;
    Ok(token)
}

/// Waits for this long at most.
async fn in_time<T>(limit: Duration, what: &str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Failure::Unreachable(format!("it did not {what} within {} s", limit.as_secs()))),
    }
}
