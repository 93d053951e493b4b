//! The demo's output: a picture, a table that grows as the answers come, counters, and what to try next.
//!
//! At most 96 columns. Colour only on a terminal, and not if `NO_COLOR` is set (no-color.org).

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::client::Answer;
use super::daemon::Counters;
use super::script::{Answerer, Step, rcode_name};
use super::stand_in::{RESOLVER_LATENCY, StandIns};

/// Columns of the question and of the first record below it.
const QUESTION: usize = 48;
/// Columns of who answered.
const ANSWERER: usize = 17;
/// Columns of the response code.
const RCODE: usize = 9;
/// Columns of the time.
const TIME: usize = 12;
/// Columns of a whole row: number, gap and the four above.
const ROW: usize = 4 + QUESTION + ANSWERER + RCODE + TIME;

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// Whether escape sequences are written.
    colour: bool,
}

impl Style {
    /// The style for standard output.
    pub(super) fn new(terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|terminal| terminal == "dumb");
        Self { colour: terminal && !dumb && set("NO_COLOR").is_none() }
    }

    /// Text without any escape sequence.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { colour: false }
    }

    /// Text as a terminal gets it.
    #[cfg(test)]
    pub(super) fn coloured() -> Self {
        Self { colour: true }
    }

    /// Text in a style; the padding must be in it already, because escape sequences have no width.
    fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Good => "32",
            Paint::Bad => "31;1",
            Paint::Far => "33",
            Paint::Near => "36",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What a piece of text is.
#[derive(Clone, Copy)]
enum Paint {
    /// Headings.
    Bold,
    /// What explains.
    Dim,
    /// From memory.
    Good,
    /// Not as expected.
    Bad,
    /// From outside.
    Far,
    /// From the cluster or the node.
    Near,
}

/// Writes the demo's output.
pub(super) struct Narration<W> {
    /// Standard output, except in tests.
    output: W,
    /// How it looks.
    style: Style,
}

impl<W: Write> Narration<W> {
    /// A narration to `output`.
    pub(super) fn new(output: W, style: Style) -> Self {
        Self { output, style }
    }

    /// Who is who, and the head of the table.
    pub(super) fn open(&mut self, daemon: SocketAddr, stand_ins: &StandIns) -> io::Result<()> {
        let bold = |text: &str| self.style.paint(Paint::Bold, text);
        let dim = |text: &str| self.style.paint(Paint::Dim, text);
        let title = bold(&format!("nodens {}", env!("CARGO_PKG_VERSION")));
        let name = format!("nodens {daemon}");
        let gap = " ".repeat("  you ─► ".chars().count() + name.len());
        let servers = [
            ("┌", "tcp", "cluster DNS", stand_ins.cluster(), "cluster.local and pods".to_owned()),
            (
                "└",
                "tls",
                "resolver",
                stand_ins.resolver(),
                format!("all else, {} ms away", RESOLVER_LATENCY.as_millis()),
            ),
        ];
        writeln!(self.output, "{title} between two stand-in servers: one process, no network\n")?;
        for (index, (corner, transport, server, address, what)) in servers.into_iter().enumerate() {
            if index == 1 {
                writeln!(self.output, "  you ─► {} ┤", bold(&name))?;
            }
            let address = format!("{:<15}", address.to_string());
            writeln!(self.output, "{gap} {corner}─ {transport} ─► {server:<11} {address}  {}", dim(&what))?;
        }
        writeln!(self.output)?;
        let head = format!(
            "    {:<QUESTION$}{:<ANSWERER$}{:<RCODE$}{:>TIME$}",
            "Question, first record", "Answered by, why", "Rcode", "Time"
        );
        writeln!(self.output, "{}", bold(&head))?;
        writeln!(self.output, "{}", dim(&"─".repeat(ROW)))
    }

    /// One question and what came of it.
    pub(super) fn step(
        &mut self,
        number: usize,
        step: &Step,
        answerer: Answerer,
        answer: Result<&Answer, &String>,
        mistake: Option<&str>,
    ) -> io::Result<()> {
        let class = if step.class == hickory_proto::rr::DNSClass::IN { "" } else { "CH " };
        let question = format!("{} {class}{}", step.name, step.record_type);
        let rcode = answer.map_or_else(|_| "-".to_owned(), |answer| rcode_name(answer.rcode));
        let time = answer.map_or_else(|_| "-".to_owned(), |answer| microseconds(answer.latency));
        let paint = match answerer {
            Answerer::Resolver => Paint::Far,
            Answerer::Cluster | Answerer::Node => Paint::Near,
            Answerer::Cache => Paint::Good,
            Answerer::Nobody => Paint::Bad,
        };
        let answerer = self.style.paint(paint, &format!("{:<ANSWERER$}", answerer.title()));
        writeln!(self.output, "{number:>2}  {question:<QUESTION$}{answerer}{rcode:<RCODE$}{time:>TIME$}")?;

        let record = match answer {
            Ok(answer) => first_record(answer),
            Err(_) => String::new(),
        };
        let record = format!("{:<QUESTION$}", shorten(&record, QUESTION - 1));
        let remark = match mistake {
            None => self.style.paint(Paint::Dim, step.why),
            Some(mistake) => self.style.paint(Paint::Bad, &format!("✗ {mistake}")),
        };
        writeln!(self.output, "    {}{remark}", self.style.paint(Paint::Dim, &record))?;
        self.output.flush()
    }

    /// The daemon's own counters.
    pub(super) fn count(&mut self, counters: Counters) -> io::Result<()> {
        let Counters { queries, hits, exchanges, handshakes } = counters;
        writeln!(self.output, "{}", self.style.paint(Paint::Dim, &"─".repeat(ROW)))?;
        let title = self.style.paint(Paint::Bold, "The daemon counted");
        writeln!(
            self.output,
            "{title}  {}, {}, {}, {}",
            plural(queries, "query", "queries"),
            plural(hits, "cache hit", "cache hits"),
            plural(exchanges, "upstream exchange", "upstream exchanges"),
            plural(handshakes, "TLS handshake", "TLS handshakes"),
        )?;
        self.output.flush()
    }

    /// What to try, before the demo waits.
    pub(super) fn invite(&mut self, daemon: SocketAddr) -> io::Result<()> {
        let bold = |text: &str| self.style.paint(Paint::Bold, text);
        let dim = |text: &str| self.style.paint(Paint::Dim, text);
        let dig = format!("dig @{} -p {}", daemon.ip(), daemon.port());
        writeln!(self.output)?;
        writeln!(self.output, "{} the demo goes on answering until Ctrl-C", bold("Your turn;"))?;
        for (arguments, why) in [
            ("www.example.com", "a hit: look at the query time"),
            ("shop.default.svc.cluster.local", "a service of the cluster"),
            ("kubernetes.default.svc.cluster.local", "one that was not asked yet"),
            ("what.you.like.example AAAA", "the resolver makes it up"),
            ("-x 10.244.1.11", "a pod's name"),
            ("+tcp id.server CH TXT", "which node is this? over TCP"),
        ] {
            writeln!(self.output, "  {dig} {arguments:<38}{}", dim(&format!("# {why}")))?;
        }
        self.output.flush()
    }
}

/// The first record, or for how long there is none.
fn first_record(answer: &Answer) -> String {
    match (answer.records.first(), answer.negative_ttl) {
        (Some(record), _) => {
            let more = answer.records.len() - 1;
            let record = record.strip_suffix('.').unwrap_or(record);
            if more == 0 { record.to_owned() } else { format!("{record} +{more}") }
        }
        (None, Some(ttl)) => format!("none, for {}", plural(ttl.into(), "second", "seconds")),
        (None, None) => "none".to_owned(),
    }
}

/// "14,213 µs".
fn microseconds(time: Duration) -> String {
    format!("{} µs", grouped(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)))
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts.
fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// Text cut to a number of columns, with an ellipsis for what is gone.
fn shorten(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}
