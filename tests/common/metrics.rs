//! Reads the Prometheus text format, as a scraper does.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// One HTTP response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// The header lines, lower-case.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

/// What a scrape brought.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    /// All series in their order.
    pub(crate) series: Vec<Series>,
    /// The text itself.
    pub(crate) text: String,
}

/// One line of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    /// The metric's name.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its value.
    pub(crate) value: f64,
}

impl Scrape {
    /// Reads the text format; every line must be one that Prometheus takes.
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { series: lines.map(Series::read).collect(), text: text.to_owned() }
    }

    /// The sum of all series called `name` that carry these labels; `None` if there is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let fits = |series: &&Series| {
            series.name == name && labels.iter().all(|(key, value)| series.labels.get(*key).is_some_and(|v| v == value))
        };
        let values: Vec<f64> = self.series.iter().filter(fits).map(|series| series.value).collect();
        if values.is_empty() { None } else { Some(values.iter().sum()) }
    }
}

impl Series {
    /// Reads one line: `name{label="value",…} value`.
    fn read(line: &str) -> Self {
        let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
        let (name, mut rest) =
            head.split_once('{').map_or((head, ""), |(name, rest)| (name, rest.trim_end_matches('}')));
        let mut labels = BTreeMap::new();
        while let Some((key, tail)) = rest.split_once("=\"") {
            let (value, after) = tail.split_once('"').unwrap_or_else(|| panic!("an open quote: {line}"));
            labels.insert(key.to_owned(), value.to_owned());
            rest = after.trim_start_matches(',');
        }
        Self { name: name.to_owned(), labels, value }
    }
}

/// Asks `address` for `path` by HTTP.
#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str) -> Response {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the HTTP address answers");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an HTTP response");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP head: {text}"));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
    let head = head.to_ascii_lowercase();
    let body = if head.contains("transfer-encoding: chunked") { dechunk(body) } else { body.to_owned() };
    Response { status, head, body }
}

/// Takes the lengths of chunks out of a chunked body.
fn dechunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).expect("a chunk's length in hex");
        whole.push_str(&rest[..length]);
        body = rest[length..].trim_start_matches("\r\n");
    }
    whole
}
