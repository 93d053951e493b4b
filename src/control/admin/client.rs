//! The other end: whoever asks over the admin socket. It waits, as a command does; a live view asks from a thread of its own.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};

use super::protocol::{Reply, Request};

/// Where the socket is if nobody says otherwise.
pub const USUAL_PATH: &str = "/run/nodens/control";

/// How long a line of an answer may take: longer than a question may take at servers, and a reload at a slow disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest line that is taken. An answer has lists of a thousand at most.
const LONGEST_LINE: u64 = 16 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub enum Fault {
    /// The daemon could not be reached, or the connection broke.
    Connection(io::Error),
    /// It says what is wrong.
    Refused(String),
    /// It speaks another language; newer or older.
    Strange(String),
}

/// A connection to the admin socket.
#[derive(Debug)]
pub struct Client {
    /// Where it leads.
    path: PathBuf,
    /// Both ways.
    stream: BufReader<UnixStream>,
}

/// Opens a connection.
fn open(path: &Path) -> io::Result<BufReader<UnixStream>> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// As the kernel says.
    pub fn connect(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), stream: open(path)? })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, Fault> {
        self.send(request)?;
        self.receive()
    }

    /// Asks, and waits until something comes; that is for [`Client::receive`]. Whoever answered may just have left to another, a worker that was started
    /// again or a nodens that has taken over: where a connection ends before anything came, it is asked once more. To ask twice does no harm.
    ///
    /// # Errors
    ///
    /// [`Fault::Connection`].
    pub fn send(&mut self, request: &Request) -> Result<(), Fault> {
        let mut line = serde_json::to_vec(request).map_err(|error| Fault::Strange(error.to_string()))?;
        line.push(b'\n');
        if self.say(&line).map_err(Fault::Connection)? {
            return Ok(());
        }
        self.stream = open(&self.path).map_err(Fault::Connection)?;
        if self.say(&line).map_err(Fault::Connection)? { Ok(()) } else { Err(ended()) }
    }

    /// Says a line, and waits until something comes; whether it does.
    fn say(&mut self, line: &[u8]) -> io::Result<bool> {
        let is_end =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
        match self.stream.get_mut().write_all(line) {
            // Whoever does not let us in says so and closes; that is still to be read.
            Err(error) if !is_end(&error) => return Err(error),
            _ => {}
        }
        match self.stream.fill_buf() {
            Ok(bytes) => Ok(!bytes.is_empty()),
            Err(error) if is_end(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The next line of an answer.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn receive<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        let line = self.line()?;
        match serde_json::from_slice(&line) {
            Ok(Reply::Ok(answer)) => Ok(answer),
            Ok(Reply::Error(text)) => Err(Fault::Refused(text)),
            Err(error) => Err(Fault::Strange(error.to_string())),
        }
    }

    /// The next line of an answer as it came, without what tells that it is one.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn receive_text(&mut self) -> Result<String, Fault> {
        let line = self.line()?;
        match serde_json::from_slice::<Reply<IgnoredAny>>(&line) {
            Ok(Reply::Ok(_)) => {}
            Ok(Reply::Error(text)) => return Err(Fault::Refused(text)),
            Err(error) => return Err(Fault::Strange(error.to_string())),
        }
        let text = String::from_utf8_lossy(&line);
        let answer = text.trim().strip_prefix("{\"ok\":").and_then(|text| text.strip_suffix('}'));
        answer.map(str::to_owned).ok_or_else(|| Fault::Strange("an answer of another form".to_owned()))
    }

    /// The next line.
    fn line(&mut self) -> Result<Vec<u8>, Fault> {
        let mut line = Vec::new();
        let taken = self.stream.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        taken.map_err(Fault::Connection)?;
        if !line.ends_with(b"\n") {
            return Err(ended());
        }
        Ok(line)
    }
}

/// The connection has ended too early.
fn ended() -> Fault {
    Fault::Connection(io::ErrorKind::UnexpectedEof.into())
}
