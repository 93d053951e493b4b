//! Where the log goes: standard output, a file, a socket. What cannot be written is lost; the writer counts it.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::config::{LogOutput, Rotation};
use crate::sys::clock::Moment;

use super::dnstap::{self, Control};
use super::file::Files;

/// How long somebody at the other end of a socket may take to accept bytes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time between two tries to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest control frame that a collector may send, in bytes (fstrm: 512).
const LONGEST_CONTROL: u32 = 512;

/// Where the log goes.
pub(super) enum Sink {
    /// Standard output; whether frames have begun there.
    Stdout(bool),
    /// A file.
    File(Box<Files>),
    /// A socket.
    Socket(Peer),
}

/// Whoever listens at a socket.
pub(super) struct Peer {
    /// Where.
    path: PathBuf,
    /// The connection, while there is one.
    stream: Option<UnixStream>,
    /// When a connection was tried last.
    tried: Option<Moment>,
}

impl Sink {
    /// One that is not open yet.
    pub(super) fn new(output: &LogOutput, rotation: Rotation, frames: bool) -> Self {
        match output {
            LogOutput::Stdout => Self::Stdout(false),
            LogOutput::File(path) => Self::File(Box::new(Files::new(path, rotation, frames))),
            LogOutput::Socket(path) => Self::Socket(Peer { path: path.clone(), stream: None, tried: None }),
        }
    }

    /// Goes by another rotation from now on.
    pub(super) fn set_rotation(&mut self, rotation: Rotation) {
        if let Self::File(files) = self {
            files.set_rotation(rotation);
        }
    }

    /// Writes whole lines or frames.
    pub(super) fn write(&mut self, bytes: &[u8], frames: bool, now: Moment) -> io::Result<()> {
        match self {
            Self::Stdout(begun) => {
                let mut out = io::stdout().lock();
                if frames && !std::mem::replace(begun, true) {
                    out.write_all(&dnstap::control(Control::Start))?;
                }
                out.write_all(bytes)?;
                out.flush()
            }
            Self::File(files) => files.write(bytes, now),
            Self::Socket(peer) => peer.write(bytes, frames, now),
        }
    }

    /// Looks after what is due: files that are old, and those that are to be compressed.
    pub(super) fn tend(&mut self, now: Moment) -> io::Result<()> {
        match self {
            Self::File(files) => files.tend(now),
            _ => Ok(()),
        }
    }

    /// Ends it in good order.
    pub(super) fn close(&mut self, frames: bool) {
        match self {
            Self::Stdout(true) if frames => {
                let _ = io::stdout().lock().write_all(&dnstap::control(Control::Stop));
            }
            Self::File(files) => files.close(),
            Self::Socket(Peer { stream: Some(stream), .. }) if frames => {
                // The reader says when it has read all.
                let _ = stream.write_all(&dnstap::control(Control::Stop)).and_then(|()| read_control(stream));
            }
            _ => {}
        }
    }
}

impl Peer {
    /// Writes to whoever listens, if anybody does.
    fn write(&mut self, bytes: &[u8], frames: bool, now: Moment) -> io::Result<()> {
        if self.stream.is_none() {
            if self.tried.is_some_and(|tried| now.since(tried) < PAUSE) {
                return Err(io::ErrorKind::NotConnected.into());
            }
            self.tried = Some(now);
            self.stream = Some(connect(&self.path, frames)?);
        }
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        let written = stream.write_all(bytes);
        if written.is_err() {
            // Half a line may be there; the next connection begins with a whole one.
            self.stream = None;
        }
        written
    }
}

/// Connects, and agrees on frames if it is to be frames (fstrm's handshake in both directions).
fn connect(path: &Path, frames: bool) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A listener that accepts nobody would hold us for ever.
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(&SockAddr::unix(path)?)?;
    let mut stream = UnixStream::from(std::os::fd::OwnedFd::from(socket));
    if frames {
        stream.write_all(&dnstap::control(Control::Ready))?;
        let answer = read_control(&mut stream)?;
        let accepts = answer.get(..4) == Some(&(Control::Accept as u32).to_be_bytes())
            && answer.windows(dnstap::CONTENT.len()).any(|window| window == dnstap::CONTENT);
        if !accepts {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not take dnstap in frame streams"));
        }
        stream.write_all(&dnstap::control(Control::Start))?;
    }
    Ok(stream)
}

/// Reads a control frame.
fn read_control(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut head = [0; 8];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    if head[..4] != [0; 4] || length > LONGEST_CONTROL {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "what it says is no control frame"));
    }
    let mut body = vec![0; usize::try_from(length).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(body)
}
