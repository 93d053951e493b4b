//! The memory of one worker: dense arrays that only this worker writes.
//!
//! The zones of the start have one array, so that counting an answer is one index. Zones of later configurations, and upstream servers,
//! which count misses alone, lie in [`Pages`] that come into being when they are needed: nothing is ever moved, so that no count is lost.
//!
//! Counting an answer costs eight loads and stores in at most six cache lines (a few nanoseconds), no hash, no string and no lock
//! prefix. What can be derived is derived by the scrape: requests with DO from the request counters, cache requests, hits and
//! misses from the response counters, every histogram's count from its cells.

use std::sync::OnceLock;
use std::time::Duration;

use super::counter::{Counter, Counts, Durations, Sizes};
use super::event::{Event, Gauge, UpstreamEvent};
use super::label::{AddressClass, RCODE_COUNT, TYPE_COUNT, rcode_index, type_index};
use super::rules::{self, RuleRow};
use super::{Answered, Layout, Protocol, Source};

/// How many transports clients have.
const PROTOCOLS: usize = 2;

/// The zone of queries that were answered before they got to one.
pub(super) const NO_ZONE: usize = u16::MAX as usize;

/// How many sources an answer can have.
pub(super) const SOURCES: usize = 7;

/// Zones that reloads may add to those of the start, and servers likewise. A guess: a zone that changes twice an hour for three months.
/// What it costs is memory for what was really added, some kilobytes each.
pub(crate) const MOST_LATER: usize = 4096;

/// The counters of one worker.
///
/// Aligned to two cache lines, because processors fetch lines in pairs: no other worker's writes ever take one away.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerMetrics {
    /// By [`Event`].
    events: [Counter; Event::COUNT],
    /// By [`Gauge`].
    gauges: [Counter; Gauge::COUNT],
    /// Zones of a server at the start, and one for queries that got to none.
    zones: usize,
    /// Listen addresses.
    servers: usize,
    /// By server, zone and protocol. A row comes into being with its first query: of all combinations few are ever asked.
    rows: Box<[Slot<Row>]>,
    /// By zone that came later, server and protocol.
    later: Pages<Row>,
    /// By position in [`Layout::upstreams`].
    upstreams: Pages<UpstreamRow>,
    /// By position in [`Layout::zones`].
    rebinding: Pages<RebindingRow>,
    /// By position in [`Layout::zones`].
    rules: Pages<RuleRow>,
}

/// Answers of one zone that led to addresses which are not public: by what they are, let pass and blocked.
pub(super) type RebindingRow = [[Counter; 2]; AddressClass::ALL.len()];

/// Room for a row.
type Slot<T> = OnceLock<Box<T>>;

/// Slots that come into being a page at a time.
#[derive(Debug)]
struct Pages<T>(Box<[Slot<[Slot<T>; PAGE]>]>);

/// Slots of a page.
const PAGE: usize = 64;

impl<T> Pages<T> {
    /// Room for `slots` and, if any page is not full, some more.
    fn new(slots: usize) -> Self {
        Self((0..slots.div_ceil(PAGE)).map(|_| OnceLock::new()).collect())
    }

    /// A slot to write to; none above those there is room for.
    #[inline]
    fn slot(&self, index: usize) -> Option<&Slot<T>> {
        let page = self.0.get(index / PAGE)?.get_or_init(|| Box::new([const { OnceLock::new() }; PAGE]));
        page.get(index % PAGE)
    }

    /// What is in a slot.
    fn get(&self, index: usize) -> Option<&T> {
        Some(self.0.get(index / PAGE)?.get()?.get(index % PAGE)?.get()?)
    }
}

/// What is counted of one server, zone and protocol. The fields that every cache hit touches come first.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Row {
    /// Answers by [`Source`] and RCODE.
    responses: [[Counter; RCODE_COUNT]; SOURCES],
    /// Queries by QTYPE, without and with DO.
    requests: [[Counter; 2]; TYPE_COUNT],
    /// From the read to the answer.
    durations: Durations,
    /// Bytes of queries.
    request_sizes: Sizes,
    /// Bytes of answers.
    response_sizes: Sizes,
}

/// What is counted of one upstream server.
#[derive(Debug)]
pub(super) struct UpstreamRow {
    /// By [`UpstreamEvent`].
    events: [Counter; UpstreamEvent::COUNT],
    /// By RCODE.
    exchanges: [Durations; RCODE_COUNT],
    /// Groups of the worker in which it is down: none or one, and two for as long as a reload takes.
    down: Counter,
    /// Queries of each connection that has ended.
    connections: Counts,
}

//------ Counting ----------------------------------------------------------------------------------------------------

impl WorkerMetrics {
    /// Counters for a layout, all zero.
    pub(super) fn new(layout: &Layout) -> Self {
        let (servers, zones) = (layout.servers.len(), layout.zones.len() + 1);
        // Without a layout there is nothing to tell apart.
        let zoned = if layout.zones.is_empty() { 0 } else { layout.zones.len() + MOST_LATER };
        let upstreams = if servers + layout.upstreams.len() == 0 { 0 } else { layout.upstreams.len() + MOST_LATER };
        Self {
            events: [const { Counter::new() }; Event::COUNT],
            gauges: [const { Counter::new() }; Gauge::COUNT],
            zones,
            servers,
            rows: (0..servers * zones * PROTOCOLS).map(|_| OnceLock::new()).collect(),
            later: Pages::new(servers * MOST_LATER * PROTOCOLS),
            upstreams: Pages::new(upstreams),
            rebinding: Pages::new(zoned),
            rules: Pages::new(zoned),
        }
    }

    /// Counts an answered query.
    #[inline]
    pub fn answered(&self, answered: &Answered) {
        let zone = usize::from(answered.zone);
        let slot = if zone >= self.zones - 1 && zone < NO_ZONE {
            self.later_slot(usize::from(answered.server), zone, answered.protocol)
        } else {
            let zone = zone.min(self.zones - 1);
            self.rows.get((usize::from(answered.server) * self.zones + zone) * PROTOCOLS + answered.protocol as usize)
        };
        // A server that the layout does not have is a mistake of the caller, which is not worth the process.
        debug_assert!(self.rows.is_empty() || slot.is_some(), "no such server or zone: {answered:?}");
        let Some(slot) = slot else { return };
        let row = slot.get_or_init(Row::new);
        row.responses[answered.source as usize][rcode_index(answered.rcode)].add(1);
        row.requests[type_index(answered.qtype)][usize::from(answered.dnssec_ok)].add(1);
        row.durations.observe(answered.duration);
        row.request_sizes.observe(answered.request_size);
        row.response_sizes.observe(answered.response_size);
    }

    /// Counts one of the plain events.
    #[inline]
    pub fn count(&self, event: Event) {
        self.events[event as usize].add(1);
    }

    /// Counts so many of them.
    pub fn add(&self, event: Event, amount: u64) {
        self.events[event as usize].add(amount);
    }

    /// Counts an event at one upstream server, by its position in [`Layout::upstreams`].
    #[inline]
    pub fn upstream(&self, server: usize, event: UpstreamEvent) {
        if let Some(row) = self.upstream_row(server) {
            row.events[event as usize].add(1);
        }
    }

    /// Counts an exchange with one upstream server that brought an answer.
    #[inline]
    pub fn exchanged(&self, server: usize, rcode: u16, duration: Duration) {
        if let Some(row) = self.upstream_row(server) {
            row.exchanges[rcode_index(rcode)].observe(duration);
        }
    }

    /// An upstream server was marked down, or is so no more.
    pub fn upstream_down(&self, server: usize, down: bool) {
        if let Some(row) = self.upstream_row(server) {
            let count = row.down.value();
            row.down.set(if down { count + 1 } else { count.saturating_sub(1) });
        }
    }

    /// Counts a connection to one upstream server that has ended after so many queries.
    pub fn connection_ended(&self, server: usize, queries: u64) {
        if let Some(row) = self.upstream_row(server) {
            row.connections.observe(queries);
        }
    }

    /// Counts an answer of a zone, by its position in [`Layout::zones`], that led to an address which is not public.
    pub fn rebinding(&self, zone: u16, class: AddressClass, blocked: bool) {
        if let Some(slot) = self.rebinding.slot(usize::from(zone)) {
            slot.get_or_init(|| Box::new([const { [const { Counter::new() }; 2] }; _]))[class as usize]
                [usize::from(blocked)]
            .add(1);
        }
    }

    /// Counts what a rule did with a question of that type, and in which zone, by its position in [`Layout::zones`], where that is told apart.
    pub fn ruled(&self, zone: u16, qtype: u16, event: Event) {
        self.count(event);
        if let Some(place) = rules::place(event, qtype)
            && let Some(slot) = self.rules.slot(usize::from(zone))
        {
            slot.get_or_init(|| Box::new([const { Counter::new() }; _]))[place].add(1);
        }
    }

    /// Sets one of the plain gauges.
    #[inline]
    pub fn set(&self, gauge: Gauge, value: u64) {
        self.gauges[gauge as usize].set(value);
    }

    /// The slot of a zone that a reload brought.
    #[cold]
    fn later_slot(&self, server: usize, zone: usize, protocol: Protocol) -> Option<&Slot<Row>> {
        self.later.slot(self.later_index(server, zone, protocol))
    }

    /// The place among `later` of a zone's row.
    const fn later_index(&self, server: usize, zone: usize, protocol: Protocol) -> usize {
        ((zone - (self.zones - 1)) * self.servers + server) * PROTOCOLS + protocol as usize
    }

    /// The row of an upstream server; none if there is no room for so many.
    #[inline]
    fn upstream_row(&self, server: usize) -> Option<&UpstreamRow> {
        self.upstreams.slot(server).map(|slot| &**slot.get_or_init(UpstreamRow::new))
    }
}

impl Default for WorkerMetrics {
    /// Counters that keep events and gauges only, for a step that is tried alone.
    fn default() -> Self {
        Self::new(&Layout::default())
    }
}

//------ Reading -----------------------------------------------------------------------------------------------------

impl WorkerMetrics {
    /// How often an event was counted.
    #[must_use]
    pub fn counted(&self, event: Event) -> u64 {
        self.events[event as usize].value()
    }

    /// How often an event was counted at one upstream server.
    #[must_use]
    pub fn counted_upstream(&self, server: usize, event: UpstreamEvent) -> u64 {
        self.upstreams(server).map_or(0, |row| row.events[event as usize].value())
    }

    /// What a gauge was last set to.
    #[must_use]
    pub fn gauged(&self, gauge: Gauge) -> u64 {
        self.gauges[gauge as usize].value()
    }

    /// The row of a server, zone ([`NO_ZONE`]: none) and protocol; none if nothing was counted in it.
    pub(super) fn row(&self, server: usize, zone: usize, protocol: Protocol) -> Option<&Row> {
        if zone >= self.zones - 1 && zone < NO_ZONE {
            return self.later.get(self.later_index(server, zone, protocol));
        }
        let zone = zone.min(self.zones - 1);
        self.rows.get((server * self.zones + zone) * PROTOCOLS + protocol as usize)?.get().map(|row| &**row)
    }

    /// What was counted by [`WorkerMetrics::rebinding`] in a zone; none if nothing was.
    pub(super) fn rebindings(&self, zone: usize) -> Option<&RebindingRow> {
        self.rebinding.get(zone)
    }

    /// What was counted by [`WorkerMetrics::ruled`] in a zone; none if nothing was.
    pub(super) fn rules(&self, zone: usize) -> Option<&RuleRow> {
        self.rules.get(zone)
    }

    /// The row of an upstream server; none if nothing was counted in it.
    pub(super) fn upstreams(&self, server: usize) -> Option<&UpstreamRow> {
        self.upstreams.get(server)
    }
}

impl Row {
    /// All zero.
    fn new() -> Box<Self> {
        Box::new(Self {
            responses: [const { [const { Counter::new() }; RCODE_COUNT] }; SOURCES],
            requests: [const { [const { Counter::new() }; 2] }; TYPE_COUNT],
            durations: Durations::new(),
            request_sizes: Sizes::new(),
            response_sizes: Sizes::new(),
        })
    }

    /// Answers from one source, by RCODE.
    pub(super) fn responses(&self, source: Source) -> [u64; RCODE_COUNT] {
        self.responses[source as usize].each_ref().map(Counter::value)
    }

    /// Queries by QTYPE, without and with DO.
    pub(super) fn requests(&self) -> [[u64; 2]; TYPE_COUNT] {
        self.requests.each_ref().map(|by_do| by_do.each_ref().map(Counter::value))
    }

    /// From the read to the answer.
    pub(super) const fn durations(&self) -> &Durations {
        &self.durations
    }

    /// Bytes of queries.
    pub(super) const fn request_sizes(&self) -> &Sizes {
        &self.request_sizes
    }

    /// Bytes of answers.
    pub(super) const fn response_sizes(&self) -> &Sizes {
        &self.response_sizes
    }
}

impl UpstreamRow {
    /// All zero.
    fn new() -> Box<Self> {
        Box::new(Self {
            events: [const { Counter::new() }; UpstreamEvent::COUNT],
            exchanges: [const { Durations::new() }; RCODE_COUNT],
            down: Counter::new(),
            connections: Counts::new(),
        })
    }

    /// How often an event was counted.
    pub(super) fn event(&self, event: UpstreamEvent) -> u64 {
        self.events[event as usize].value()
    }

    /// Whether it is down.
    pub(super) fn is_down(&self) -> bool {
        self.down.value() > 0
    }

    /// Queries of each connection that has ended.
    pub(super) const fn connections(&self) -> &Counts {
        &self.connections
    }

    /// Exchanges by RCODE.
    pub(super) const fn exchanges(&self) -> &[Durations; RCODE_COUNT] {
        &self.exchanges
    }
}
