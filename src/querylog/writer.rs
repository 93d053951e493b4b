//! The thread at the other end of the rings: makes lines of records and writes them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, Thread};
use std::time::Duration;

use arc_swap::ArcSwap;
use rtrb::{Consumer, RingBuffer};

use crate::config::{Config, LogClients, LogFormat, QueryLog};
use crate::error::{ExitCode, Failure};
use crate::log::{LogLimiter, Topic};
use crate::metrics::{Beside, Event, Metrics, WorkerMetrics};
use crate::sys::clock::{self, Moment};

use super::client::Namer;
use super::dnstap::Message;
use super::format::{Line, Pod};
use super::record::{Kind, LONGEST, Record};
use super::recorder::Recorder;
use super::sink::Sink;

/// How often the thread comes round while anything may be logged.
const PAUSE: Duration = Duration::from_millis(100);

/// How often it does while nothing is: only to notice files that are old.
const LONG_PAUSE: Duration = Duration::from_secs(3600);

/// Bytes that are written at once, more or less.
const BATCH: usize = 64 << 10;

/// How long the end waits for the last lines to be written; a pipe that nobody reads would make it wait for ever.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The listen address of what came by none.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Tells which pod a client is.
pub type Names = Arc<dyn Fn(IpAddr) -> Option<Pod> + Send + Sync>;

/// The query log of a process.
pub struct QueryLogs {
    /// What a reload changes.
    wishes: Arc<Wishes>,
    /// The thread that writes.
    thread: Thread,
    /// Tells when it has ended.
    ended: mpsc::Receiver<()>,
}

impl std::fmt::Debug for QueryLogs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryLogs").field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// What is wanted of the thread.
struct Wishes {
    /// The configuration in force.
    config: ArcSwap<QueryLog>,
    /// Whether anything may be logged.
    is_on: AtomicBool,
    /// Whether it shall end.
    stop: AtomicBool,
}

impl QueryLogs {
    /// Starts the thread that writes, and makes a recorder for each worker. `addresses` are the listen addresses, `names` knows pods.
    ///
    /// # Errors
    ///
    /// When there can be no other thread.
    pub fn start(
        config: &Config,
        addresses: &[SocketAddr],
        names: Names,
        metrics: &Metrics,
    ) -> Result<(Self, Vec<Recorder>), Failure> {
        let query_log = &config.query_log;
        // Their memory is taken from the system as it is used.
        let ring = |_| RingBuffer::new(query_log.buffer.max(LONGEST));
        let (producers, rings): (Vec<_>, _) = (0..config.listen.workers).map(ring).unzip();
        let counters = metrics.beside(Beside::QueryLog);
        let wishes = Arc::new(Wishes {
            config: ArcSwap::from_pointee(query_log.clone()),
            is_on: AtomicBool::new(config.records_queries()),
            stop: AtomicBool::new(false),
        });
        let whole = query_log.format == LogFormat::Dnstap;
        let writer = Writer {
            rings,
            wishes: Arc::clone(&wishes),
            sink: Sink::new(&query_log.output, query_log.rotation, whole),
            whole,
            namer: Namer::new(query_log.clients, [query_log.prefix_v4, query_log.prefix_v6]),
            names,
            servers: addresses.iter().map(|address| (*address, address.to_string())).collect(),
            identity: config.clients.node.clone(),
            limiter: LogLimiter::new(Arc::clone(&counters)),
            metrics: counters,
            record: Vec::new(),
            message: Vec::new(),
            out: Vec::with_capacity(BATCH),
            line: String::new(),
            lines: 0,
        };
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("query-log".to_owned()).spawn(move || {
            writer.run();
            let _ = end.send(());
        });
        let thread =
            thread.map_err(|error| Failure::new(ExitCode::System, format!("no thread for the query log: {error}")))?;
        let thread = thread.thread().clone();
        let servers: Arc<[IpAddr]> = addresses.iter().map(SocketAddr::ip).collect();
        let recorder =
            |(index, ring)| Recorder::new(ring, thread.clone(), whole, Arc::clone(&servers), metrics.worker(index));
        let recorders = producers.into_iter().enumerate().map(recorder).collect();
        Ok((Self { wishes, thread, ended }, recorders))
    }

    /// Goes by another configuration from now on. Output, format and buffer stay as they were.
    pub fn adopt(&self, config: &Config) {
        self.wishes.config.store(Arc::new(config.query_log.clone()));
        self.wishes.is_on.store(config.records_queries(), Ordering::Release);
        self.thread.unpark();
    }

    /// Writes what there is and ends. What cannot be written within a second is lost.
    pub fn stop(self) {
        self.wishes.stop.store(true, Ordering::Release);
        self.thread.unpark();
        if self.ended.recv_timeout(LAST_LINES) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the query log does not take its last lines; they are lost");
        }
    }
}

/// The thread.
struct Writer {
    /// What workers have noted.
    rings: Vec<Consumer<u8>>,
    /// What is wanted.
    wishes: Arc<Wishes>,
    /// Where it goes.
    sink: Sink,
    /// Whether whole messages are written.
    whole: bool,
    /// Names clients.
    namer: Namer,
    /// Knows pods.
    names: Names,
    /// The listen addresses, and how they are written.
    servers: Vec<(SocketAddr, String)>,
    /// What this node calls itself.
    identity: String,
    /// So that a full disk is said once.
    limiter: LogLimiter,
    /// What is counted.
    metrics: Arc<WorkerMetrics>,
    /// Room for a record.
    record: Vec<u8>,
    /// Room for a message of dnstap.
    message: Vec<u8>,
    /// What is to be written.
    out: Vec<u8>,
    /// Room for a line.
    line: String,
    /// Lines or frames in it.
    lines: u64,
}

impl Writer {
    /// Writes until it is told to end.
    fn run(mut self) {
        loop {
            let stop = self.wishes.stop.load(Ordering::Acquire);
            let config = self.wishes.config.load_full();
            self.sink.set_rotation(config.rotation);
            self.namer.clients = config.clients;
            self.namer.prefixes = [config.prefix_v4, config.prefix_v6];
            let now = clock::now();
            let any = self.round(&config, now);
            self.flush(now);
            if let Err(error) = self.sink.tend(now) {
                self.complain(&error, now);
            }
            if stop && !any {
                break;
            }
            if !any {
                thread::park_timeout(if self.wishes.is_on.load(Ordering::Acquire) { PAUSE } else { LONG_PAUSE });
            }
        }
        self.sink.close(self.whole);
    }

    /// Takes what the rings hold now, each in its turn and none for ever; whether there was anything.
    fn round(&mut self, config: &QueryLog, now: Moment) -> bool {
        let wall = clock::wall();
        // No more than a file may hold.
        let batch = usize::try_from(config.rotation.size).unwrap_or(BATCH).min(BATCH);
        let mut any = false;
        for index in 0..self.rings.len() {
            let mut left = self.rings[index].slots();
            while let Some(length) = self.take(index) {
                any = true;
                self.write(config, now, wall);
                left = left.saturating_sub(length);
                if self.out.len() >= batch {
                    self.flush(now);
                }
                if left == 0 {
                    break;
                }
            }
        }
        any
    }

    /// Takes one record out of a ring; how many bytes it had there.
    fn take(&mut self, index: usize) -> Option<usize> {
        let ring = &mut self.rings[index];
        let mut head = [0; 4];
        ring.pop_entire_slice(&mut head).ok()?;
        let length = usize::try_from(u32::from_ne_bytes(head)).ok()?;
        self.record.resize(length, 0);
        // A worker puts in length and record at once.
        ring.pop_entire_slice(&mut self.record).ok()?;
        Some(4 + length)
    }

    /// Makes a line or frames of the record that was taken.
    fn write(&mut self, config: &QueryLog, now: Moment, wall: Duration) {
        let taken = std::mem::take(&mut self.record);
        if let Some(record) = Record::read(&taken) {
            let client = self.namer.name(record.client, now);
            let time = wall.saturating_sub(now.since(record.received));
            let (server, shown) =
                self.servers.get(usize::from(record.server)).map_or((NOWHERE, ""), |known| (known.0, known.1.as_str()));
            if self.whole {
                let message = Message { record: &record, client, server, time, identity: &self.identity };
                message.push(&mut self.out, &mut self.message);
                self.lines += if record.kind == Kind::Exchange { 2 } else { 1 };
            } else {
                let pod = (config.clients == LogClients::Plain).then(|| (self.names)(record.client)).flatten();
                let line = Line { record: &record, client, pod, server: shown, time };
                self.line.clear();
                match config.format {
                    LogFormat::Json => line.json(&mut self.line),
                    _ => {
                        let [as_failure, as_answer] = record.wanted_as;
                        if as_failure {
                            line.failure(&mut self.line);
                        }
                        if as_answer {
                            line.coredns(&mut self.line);
                        }
                    }
                }
                self.out.extend_from_slice(self.line.as_bytes());
                self.lines += 1;
            }
        }
        self.record = taken;
    }

    /// Writes what there is; what cannot be written is lost.
    fn flush(&mut self, now: Moment) {
        if self.out.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        if let Err(error) = self.sink.write(&self.out, self.whole, now) {
            self.metrics.add(Event::QueryLogLost, lines);
            self.complain(&error, now);
        }
        self.out.clear();
    }

    /// Says, within limits, that the log cannot be written.
    fn complain(&self, error: &std::io::Error, now: Moment) {
        if self.limiter.admits(Topic::System, now) {
            tracing::warn!(%error, "the query log cannot be written");
        }
    }
}
