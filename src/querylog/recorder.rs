//! A worker's end of the ring.

use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use foldhash::fast::FixedState;
use rtrb::Producer;

use crate::metrics::{Event, Protocol, WorkerMetrics};
use crate::sys::clock::Moment;
use crate::wire::header::HEADER;
use crate::wire::{class, u16_at};

use super::class::Classes;
use super::record::{Kind, Noted, Record};

/// Notes answers. Never waits.
pub struct Recorder {
    /// The ring.
    ring: Producer<u8>,
    /// Room for one record.
    room: Vec<u8>,
    /// Who takes them out.
    writer: Thread,
    /// Whether it has been woken since the ring was half full.
    woken: bool,
    /// Whether whole messages are noted.
    whole: bool,
    /// One in so many is noted.
    sample: u32,
    /// Our own addresses, by position: what the daemon asks itself to see whether it answers is nobody's query.
    servers: Arc<[IpAddr]>,
    /// Where what is lost is counted.
    metrics: Arc<WorkerMetrics>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("whole", &self.whole).field("sample", &self.sample).finish_non_exhaustive()
    }
}

impl Recorder {
    /// The end of a ring that `writer` takes out of.
    #[must_use]
    pub fn new(
        ring: Producer<u8>,
        writer: Thread,
        whole: bool,
        servers: Arc<[IpAddr]>,
        metrics: Arc<WorkerMetrics>,
    ) -> Self {
        Self { ring, room: Vec::new(), writer, woken: false, whole, sample: 1, servers, metrics }
    }

    /// Notes one in so many from now on.
    pub fn set_sample(&mut self, sample: u32) {
        self.sample = sample.max(1);
    }

    /// Whether queries and what servers are asked are noted besides answers.
    #[must_use]
    pub fn has_messages(&self) -> bool {
        self.whole
    }

    /// Notes an answer, if it is `wanted`.
    pub fn answer(&mut self, wanted: Classes, noted: &Noted<'_>) {
        let Noted { client, port, server, protocol, edns, message, question_end, rcode, source, is_withheld, .. } =
            *noted;
        let classes = Classes::of_answer(message, rcode, source, is_withheld);
        if !wanted.has(classes)
            || !self.is_sampled(client, message)
            || self.is_own(client, server, message, question_end)
        {
            return;
        }
        let shown = if self.whole { message } else { message.get(..question_end).unwrap_or(message) };
        self.push(&Record {
            kind: Kind::Answer,
            client,
            port,
            server,
            protocol,
            size: u32::try_from(noted.size).unwrap_or(u32::MAX),
            udp_size: edns.map(|edns| edns.udp_size),
            dnssec_ok: edns.is_some_and(|edns| edns.dnssec_ok),
            rcode,
            source,
            is_withheld,
            wanted_as: [wanted.has_failures(classes), wanted.of_answers().has(classes)],
            received: noted.received,
            duration: noted.duration,
            answer_size: u32::try_from(message.len()).unwrap_or(u32::MAX),
            message: shown,
            response: &[],
        });
    }

    /// Notes a query as it came.
    pub fn query(
        &mut self,
        client: IpAddr,
        port: u16,
        server: u16,
        protocol: Protocol,
        message: &[u8],
        received: Moment,
    ) {
        let question_end = crate::wire::name::plain_length(message, HEADER).map_or(0, |length| HEADER + length + 4);
        if self.is_sampled(client, message) && !self.is_own(client, server, message, question_end) {
            self.push(&Record { client, port, server, protocol, message, received, ..Record::EMPTY });
        }
    }

    /// Notes what a server was asked and what it said, if answers that servers give are `wanted`. Whose sake it was for is not known here, so a
    /// sample goes by the name alone.
    pub fn exchange(&mut self, wanted: Classes, query: &[u8], response: &[u8], begun: Moment, duration: Duration) {
        let rcode = crate::wire::header::flags(response) & crate::wire::flag::RCODE;
        let classes = Classes::of_answer(response, rcode, crate::metrics::Source::Forward, false);
        let nobody = IpAddr::from([0, 0, 0, 0]);
        if self.whole && wanted.has(classes) && self.is_sampled(nobody, query) {
            let record =
                Record { kind: Kind::Exchange, message: query, response, received: begun, duration, ..Record::EMPTY };
            self.push(&record);
        }
    }

    /// Whether client and name are among those that are noted: always the same ones, on every node.
    fn is_sampled(&self, client: IpAddr, message: &[u8]) -> bool {
        if self.sample == 1 {
            return true;
        }
        use std::hash::{BuildHasher as _, Hash as _};
        let mut hasher = FixedState::with_seed(0x6e6f_6465_6e73).build_hasher();
        client.hash(&mut hasher);
        let length = crate::wire::name::plain_length(message, HEADER).unwrap_or(0);
        // Clients that turn letters to defend themselves (0x20) still ask for one name.
        for byte in message.get(HEADER..HEADER + length).unwrap_or_default() {
            hasher.write_u8(byte.to_ascii_lowercase());
        }
        hasher.finish().is_multiple_of(u64::from(self.sample))
    }

    /// Whether the daemon asked itself.
    fn is_own(&self, client: IpAddr, server: u16, message: &[u8], question_end: usize) -> bool {
        let qclass = question_end.checked_sub(2).and_then(|at| u16_at(message, at));
        qclass == Some(class::CH)
            && (client.is_loopback() || self.servers.get(usize::from(server)).is_some_and(|own| *own == client))
    }

    /// Puts a record into the ring, if there is room.
    fn push(&mut self, record: &Record<'_>) {
        record.write(&mut self.room);
        if self.ring.push_entire_slice(&self.room).is_err() {
            self.metrics.count(Event::QueryLogDropped);
            self.writer.unpark();
            return;
        }
        self.metrics.count(Event::QueryLogged);
        // The writer comes round several times a second by itself; only when there is much to do is it worth a system call.
        let half = self.ring.buffer().capacity() / 2;
        if self.ring.cached_slots() < half {
            if !std::mem::replace(&mut self.woken, true) {
                self.writer.unpark();
            }
        } else {
            self.woken = false;
        }
    }
}
