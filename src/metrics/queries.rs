//! The families that come of answered queries: what each worker counted by address, zone and transport, in as few series as tell something.
//!
//! Every node has such a cache, so each series here is one for every node (CoreDNS issue 4650). All names and labels of CoreDNS are kept, since
//! dashboards and alerts add up over some of them; what nobody looks at for itself is added up here already:
//!
//! - Addresses: behind all of them are the same zones and the same cache. All is shown under the first, as CoreDNS shows it for one address;
//!   [`family::LISTENER_QUERIES`] tells addresses apart.
//! - Types that are rare, and those other than PTR in reverse zones, which are asked by mistake, are `other`; so are types of queries that got to no zone.
//! - RCODEs are told apart where they come from more than an accident: FORMERR and NOTIMP are ours alone, and before a zone is known.
//! - Times and sizes are those of all zones, under the root. Times have all of CoreDNS's buckets, sizes some of them.
//!   A zone's times are those of its servers ([`family::PROXY_DURATION`]) and of hits, which take none.

use prometheus::proto::MetricFamily;

use super::counter::{ALL_DURATIONS, DURATION_BOUNDS, Durations, SIZE_BOUNDS, SOME_SIZES, Sizes};
use super::family;
use super::label::{OTHER_TYPE, SERVFAIL, response_rcode, type_name};
use super::samples::{Histograms, Scalars};
use super::worker::Row;
use super::{Protocol, Source};

/// CoreDNS's name for queries that reach no zone; it cannot be a zone's, which end in a dot.
pub(super) const NO_ZONE: &str = "dropped";

/// CoreDNS tells servers of one address apart by views; nodens has none.
pub(super) const NO_VIEW: &str = "";

/// Under which zone stands what is not told apart by zones.
const ALL_ZONES: &str = ".";

/// Kinds of kept answers, positive ones first.
pub(super) const CACHE_TYPES: [&str; 2] = ["success", "denial"];

/// The families that come of answered queries.
pub(super) struct Queries<'a> {
    /// The address under which all are shown.
    server: &'a str,
    /// By type.
    requests: Scalars<'a>,
    /// By RCODE and source.
    responses: Scalars<'a>,
    /// By the address that was asked.
    by_address: Scalars<'a>,
    /// With DO.
    with_do: Scalars<'a>,
    /// Looked up in the cache.
    cache_requests: Scalars<'a>,
    /// Found there.
    cache_hits: Scalars<'a>,
    /// Of those, what had expired.
    served_stale: Scalars<'a>,
    /// Not found there.
    cache_misses: Scalars<'a>,
    /// How long they took.
    durations: Histograms<'a, { DURATION_BOUNDS + 1 }>,
    /// How large they were.
    request_sizes: Histograms<'a, { SIZE_BOUNDS.len() + 1 }>,
    /// How large their answers were.
    response_sizes: Histograms<'a, { SIZE_BOUNDS.len() + 1 }>,
}

impl<'a> Queries<'a> {
    /// No queries yet; all will be shown under this address.
    pub(super) const fn new(server: &'a str) -> Self {
        Self {
            server,
            requests: Scalars::new(&family::REQUESTS),
            responses: Scalars::new(&family::RESPONSES),
            by_address: Scalars::new(&family::LISTENER_QUERIES),
            with_do: Scalars::new(&family::DO_REQUESTS),
            cache_requests: Scalars::new(&family::CACHE_REQUESTS),
            cache_hits: Scalars::new(&family::CACHE_HITS),
            served_stale: Scalars::new(&family::SERVED_STALE),
            cache_misses: Scalars::new(&family::CACHE_MISSES),
            durations: Histograms::new(&family::REQUEST_DURATION, &ALL_DURATIONS),
            request_sizes: Histograms::new(&family::REQUEST_SIZE, &SOME_SIZES),
            response_sizes: Histograms::new(&family::RESPONSE_SIZE, &SOME_SIZES),
        }
    }

    /// Adds what one worker counted of one address, zone and transport.
    pub(super) fn add(&mut self, address: &'a str, zone: &'a str, protocol: Protocol, row: &Row) {
        let server = self.server;
        let protocol = protocol.name();
        let family = if address.contains('[') { "2" } else { "1" };
        let mut with_do = 0;
        let mut all = 0;
        for (index, [without, with]) in row.requests().into_iter().enumerate() {
            let labels = [server, zone, NO_VIEW, protocol, family, request_type(zone, index)];
            self.requests.count_if_any(&labels, without + with);
            with_do += with;
            all += without + with;
        }
        self.by_address.count_if_any(&[address, protocol], all);
        self.with_do.count(&[server, zone, NO_VIEW], with_do);

        let by_source = Source::ALL.map(|source| (source, row.responses(source)));
        for (source, by_rcode) in &by_source {
            for (rcode, &count) in by_rcode.iter().enumerate() {
                let rcode = response_rcode(rcode, *source, zone != NO_ZONE);
                self.responses.count_if_any(&[server, zone, NO_VIEW, rcode, plugin(*source)], count);
            }
        }
        if zone != NO_ZONE {
            // An error made up here is a miss when it is SERVFAIL: no upstream answered. Other errors come before the cache.
            let [success, denial, stale, failure, forward, _, policy] =
                by_source.each_ref().map(|(_, by_rcode)| by_rcode);
            let [success, denial, stale, failure, forward] =
                [success, denial, stale, failure, forward].map(|by_rcode| by_rcode.iter().sum::<u64>());
            // CoreDNS counts both among the hits, failures as denials.
            let (success, denial) = (success + stale, denial + failure);
            self.served_stale.count(&[server, zone, NO_VIEW], stale);
            let misses = forward + policy[SERVFAIL];
            self.cache_hits.count(&[server, CACHE_TYPES[0], zone, NO_VIEW], success);
            self.cache_hits.count(&[server, CACHE_TYPES[1], zone, NO_VIEW], denial);
            self.cache_misses.count(&[server, zone, NO_VIEW], misses);
            self.cache_requests.count(&[server, zone, NO_VIEW], success + denial + misses);
        }

        self.durations.add(&[server, ALL_ZONES, NO_VIEW], row.durations());
        self.request_sizes.add(&[server, ALL_ZONES, NO_VIEW, protocol], row.request_sizes());
        self.response_sizes.add(&[server, ALL_ZONES, NO_VIEW, protocol], row.response_sizes());
    }

    /// The families as the exposition has them.
    pub(super) fn finish(self, families: &mut Vec<MetricFamily>) {
        let scalars = [
            self.requests,
            self.responses,
            self.by_address,
            self.with_do,
            self.cache_requests,
            self.cache_hits,
            self.served_stale,
            self.cache_misses,
        ];
        families.extend(scalars.map(Scalars::finish));
        families.push(self.durations.finish::<Durations>());
        families.push(self.request_sizes.finish::<Sizes>());
        families.push(self.response_sizes.finish::<Sizes>());
    }
}

/// The type under which a query is shown: its own where it means something.
fn request_type(zone: &str, index: usize) -> &'static str {
    let name = type_name(index);
    let is_reverse = zone == "arpa." || zone.ends_with(".arpa.");
    if zone == NO_ZONE || is_reverse && name != "PTR" { OTHER_TYPE } else { name }
}

/// CoreDNS's name for who gave an answer.
const fn plugin(source: Source) -> &'static str {
    match source {
        Source::CacheSuccess | Source::CacheDenial | Source::Stale | Source::CacheFailure => "cache",
        Source::Forward => "forward",
        Source::Local => "local",
        Source::Policy => "policy",
    }
}
