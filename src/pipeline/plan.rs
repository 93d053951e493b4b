//! What a configuration says of queries, in the form in which they ask for it. A reload makes another.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::Key;
use crate::cache::ttl::Bounds;
use crate::config::{Class, Config, Dns64, Dnssec, Upstream, Zone};
use crate::dnssec::Validator;
use crate::filter::{Addresses, Policy};
use crate::metrics::{Protocol, WorkerMetrics};
use crate::policy::acl::Acl;
use crate::policy::hosts::Hosts;
use crate::policy::local::Local;
use crate::policy::rules::{RuleSet, ZoneRules};
use crate::querylog::Classes;
use crate::reply::Client;
use crate::route::Zones;
use crate::sys::clock::Moment;
use crate::upstream::{Group, ServerReport, TlsGroup};
use crate::wire::header::{self, MAX_MESSAGE, option};
use crate::wire::query::Edns;
use crate::wire::{class, name};

use super::Shared;
use super::guard::Guard;
use super::hit::Context;

/// What holds for queries that begin now.
pub(super) struct Plan {
    /// What the operator said of clients; mostly nothing.
    pub(super) guard: Option<Box<Guard>>,
    /// Largest UDP answer.
    pub(super) udp_size: u16,
    /// EDNS options for clients that ask for edns-tcp-keepalive (1), for our name (2), for both (3).
    options: [Box<[u8]>; 4],
    /// Whether sets of addresses change their order.
    pub(super) rotate: bool,
    /// Exchanges and clients that may wait in this worker.
    pub(super) limits: [usize; 2],
    /// Which answers are noted in the query log where no zone has its say.
    pub(super) recorded: Classes,
    /// Whether any zone wants any.
    pub(super) records: bool,
    /// One in so many is noted.
    pub(super) record_sample: u32,
    /// The node's own names.
    pub(super) local: Arc<Local>,
    /// What operators write down of questions and answers.
    pub(super) set: Arc<RuleSet>,
    /// Whether anything is to be looked at before memory is asked.
    pub(super) intercepts: bool,
    /// Whether some answers are made or found by rules.
    pub(super) makes_some: bool,
    /// Whether rules are to be asked at all.
    pub(super) has_rules: bool,
    /// Whether addresses are made up in some zone.
    pub(super) translates_some: bool,
    /// The addresses that no public name may have.
    pub(super) addresses: Arc<Addresses>,
    /// Generation of what is said of them, by anybody.
    pub(super) policy: u32,
    /// Which zone a name belongs to, by number.
    pub(super) zones: Zones,
    /// What the zones say, by number.
    rules: Vec<Rules>,
    /// The servers, by position in the configuration.
    groups: Vec<Rc<Group>>,
    /// Judges answers by their signatures, if a zone wants it.
    pub(super) validator: Option<Rc<Validator>>,
    /// How often each group was seen to have come back, and when that was noticed last.
    recovered: RefCell<Vec<(u64, Moment)>>,
    /// What it was made of.
    shared: Shared,
}

/// What a zone says.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Position of its servers.
    pub(super) group: usize,
    /// Whether DNSSEC is asked for.
    pub(super) dnssec: Dnssec,
    /// How long its answers are kept.
    pub(super) bounds: Bounds,
    /// For how long after its expiry an answer may be given, in seconds.
    pub(super) serve_stale: u32,
    /// For how long a failure is answered without asking again.
    pub(super) servfail: Duration,
    /// Uses that make an answer worth a refresh before it expires.
    pub(super) prefetch: u16,
    /// How long a client waits for an answer.
    pub(super) timeout: Duration,
    /// Whether the NXDOMAIN of a name answers for the names below it.
    pub(super) nxdomain_cut: bool,
    /// Whose names they are.
    pub(super) class: Class,
    /// What becomes of answers with addresses that no public name may have.
    pub(super) rebinding: Rc<Policy>,
    /// Which of their answers are noted in the query log.
    pub(super) recorded: Classes,
    /// Who may ask for its names.
    pub(super) acl: Option<Arc<Acl>>,
    /// What it knows itself.
    pub(super) hosts: Option<Arc<Hosts>>,
    /// Addresses that are made up.
    pub(super) dns64: Option<Dns64>,
    /// Types that are answered with no data.
    no_types: Box<[u16]>,
}

impl Rules {
    /// The rules of `zone`, whose servers are `upstream`.
    fn new(zone: &Zone, upstream: &Upstream, written: ZoneRules) -> Self {
        let ZoneRules { acl, hosts, dns64 } = written;
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        Self {
            group: zone.upstream,
            dnssec: zone.dnssec,
            bounds: Bounds::of(zone),
            serve_stale: seconds(zone.serve_stale),
            servfail: zone.servfail,
            prefetch: zone.prefetch,
            timeout: upstream.timeout,
            nxdomain_cut: zone.nxdomain_cut,
            class: zone.class,
            rebinding: Rc::new(Policy::new(&zone.rebinding)),
            recorded: Classes::of(&zone.query_log),
            acl,
            hosts,
            dns64,
            no_types: zone.no_types.as_slice().into(),
        }
    }

    /// Whether the records that `key` asks for are not to be shown. To whoever wants proof (DO), and gets it where DNSSEC is passed on, an
    /// empty answer that nothing proves would be forged.
    pub(super) fn hides(&self, key: &Key) -> bool {
        let wants_proof = self.dnssec != Dnssec::Off && key.variant().dnssec_ok();
        self.no_types.contains(&key.qtype()) && !wants_proof
    }
}

impl Plan {
    /// What `shared` says. Groups that are in `before` as they are here are taken over with what they have open and have learned; those of the same
    /// servers that are asked in another way now go on with what is known of them.
    pub(super) fn new(
        shared: &Shared,
        metrics: &Arc<WorkerMetrics>,
        connections: &Rc<Cell<u64>>,
        before: Option<&Self>,
    ) -> Self {
        let config = &shared.config;
        let known: HashMap<String, usize> = before.map_or_else(HashMap::new, |before| {
            before.shared.config.upstreams.iter().map(Upstream::believed).zip(0..).collect()
        });
        let group = |(position, upstream): (usize, &Upstream)| {
            let tls = shared.tls[position].as_ref();
            let fresh = || Group::new(upstream, tls, metrics, shared.numbers.servers[position], connections);
            let Some(before) = before else { return Rc::new(fresh()) };
            let has_same_tls = |old: &usize| TlsGroup::is_same(before.shared.tls[*old].as_ref(), tls);
            let is_same = |old: &usize| before.shared.config.upstreams[*old] == *upstream && has_same_tls(old);
            if let Some(old) = (0..before.groups.len()).find(is_same) {
                return Rc::clone(&before.groups[old]);
            }
            let group = fresh();
            if let Some(old) = known.get(&upstream.believed()).filter(|old| has_same_tls(old)) {
                group.go_on_with(&before.groups[*old]);
            }
            Rc::new(group)
        };
        // The bounds are for the node; each worker takes its part.
        let share = |limit: usize| limit.div_ceil(config.listen.workers).max(1);
        let numbers = &shared.numbers.zones;
        let set = &shared.rules;
        let rules_of = |at: usize, zone: &Zone| Rules::new(zone, &config.upstreams[zone.upstream], set.zone(at));
        let highest = usize::from(numbers.iter().copied().max().unwrap_or(0));
        let mut rules = vec![rules_of(0, &config.zones[0]); highest + 1];
        for (at, (zone, number)) in config.zones.iter().zip(numbers).enumerate() {
            rules[usize::from(*number)] = rules_of(at, zone);
        }
        let validator = config.zones.iter().any(|zone| zone.dnssec == Dnssec::Validate).then(|| {
            // What it has learned holds for as long as its anchors do, whoever was asked.
            let kept = before.and_then(|before| before.validator.clone());
            let kept = kept.filter(|validator| validator.goes_by(&shared.anchors));
            kept.unwrap_or_else(|| Rc::new(Validator::new(&shared.anchors, metrics)))
        });
        Self {
            guard: Guard::new(config, shared.rates.as_ref(), set.has_acls()),
            udp_size: config.listen.udp_size,
            options: options(config),
            rotate: config.cache.rotate,
            limits: [share(config.limits.in_flight), share(config.limits.waiting)],
            records: config.records_queries(),
            record_sample: config.query_log.sample,
            recorded: Classes::of(&config.query_log.classes),
            local: Arc::clone(&shared.local),
            set: Arc::clone(set),
            intercepts: set.intercepts() || shared.local.blocks_some(),
            makes_some: set.makes_some(),
            has_rules: set.makes_some() || !set.rewrites.is_empty(),
            translates_some: config.zones.iter().any(|zone| zone.rules.dns64.is_some()),
            addresses: Arc::clone(&shared.addresses),
            policy: shared.policy,
            zones: Zones::new(&config.zones, numbers),
            rules,
            groups: config.upstreams.iter().enumerate().map(group).collect(),
            validator,
            recovered: RefCell::new(vec![(0, Moment::default()); config.upstreams.len()]),
            shared: shared.clone(),
        }
    }

    /// What the writer has to know of a client whose header is in `room`.
    #[inline]
    pub(super) fn client(&self, room: &[u8], context: &Context, edns: Option<Edns>) -> Client<'_> {
        let tcp = context.protocol == Protocol::Tcp;
        Client {
            flags: header::flags(room),
            edns,
            limit: if tcp { MAX_MESSAGE } else { Client::udp_limit(edns, self.udp_size) },
            udp_size: self.udp_size,
            options: match edns {
                Some(edns) if edns.keepalive | edns.nsid => self.options_for(edns, tcp),
                _ => &[],
            },
        }
    }

    /// The options for a client that asks for some.
    #[cold]
    fn options_for(&self, edns: Edns, tcp: bool) -> &[u8] {
        &self.options[usize::from(edns.keepalive && tcp) | usize::from(edns.nsid) << 1]
    }

    /// The same with a validator that has learned nothing yet.
    pub(super) fn without_keys(&self, metrics: &Arc<WorkerMetrics>, connections: &Rc<Cell<u64>>) -> Self {
        let mut next = Self::new(&self.shared, metrics, connections, Some(self));
        next.validator = self.validator.as_ref().map(|_| Rc::new(Validator::new(&self.shared.anchors, metrics)));
        next
    }

    /// What the zone of that number says; of one that is gone, what another says.
    pub(super) fn rules(&self, zone: u16) -> &Rules {
        &self.rules[usize::from(zone).min(self.rules.len() - 1)]
    }

    /// Whether what the zone of that number said of `name` still holds: the name has not gone to another zone or to the node itself.
    pub(super) fn holds(&self, name: &[u8], qtype: u16, zone: u16) -> bool {
        self.zones.find(name) == zone && self.local.lookup(name, qtype, class::IN).is_none()
    }

    /// Whether the servers of a zone came back after `since`, having all been down.
    pub(super) fn recovered_since(&self, rules: &Rules, since: Moment, now: Moment) -> bool {
        let count = self.groups[rules.group].recoveries();
        let known = &mut self.recovered.borrow_mut()[rules.group];
        if known.0 != count {
            *known = (count, now);
        }
        known.1 > since
    }

    /// The longest part of the folded `name` that belongs to the zone of that number: where that begins, or what is left of it above others.
    pub(super) fn apex<'a>(&self, name: &'a [u8], zone: u16) -> &'a [u8] {
        let suffixes = name::suffixes(name).map(|at| &name[at..]);
        suffixes.take_while(|suffix| self.zones.find(suffix) == zone).last().unwrap_or(&[0])
    }

    /// The name of the zone of that number, in wire format; `None` if it is gone.
    pub(super) fn zone_name(&self, zone: u16) -> Option<Vec<u8>> {
        let position = self.shared.numbers.zones.iter().position(|number| *number == zone)?;
        name::parse(&self.shared.config.zones[position].name)
    }

    /// What the configuration says of the servers of a zone.
    pub(super) fn upstream(&self, rules: &Rules) -> &Upstream {
        &self.shared.config.upstreams[rules.group]
    }

    /// What is known of all servers, by position in the configuration.
    pub(super) fn report(&self, now: Moment) -> Vec<Vec<ServerReport>> {
        self.groups.iter().map(|group| group.report(now)).collect()
    }

    /// The configuration that it was made of.
    pub(super) fn config(&self) -> &Arc<Config> {
        &self.shared.config
    }

    /// The servers of a zone.
    pub(super) fn group(&self, rules: &Rules) -> &Rc<Group> {
        &self.groups[rules.group]
    }
}

/// EDNS options in wire format, by what a client asks for: edns-tcp-keepalive (RFC 7828 section 3.3.2) is 1, our name (RFC 5001) is 2.
fn options(config: &Config) -> [Box<[u8]>; 4] {
    let write = |code: u16, value: &[u8]| {
        let length = u16::try_from(value.len()).unwrap_or(0);
        [&code.to_be_bytes(), &length.to_be_bytes(), value].concat()
    };
    let idle = u16::try_from(config.listen.tcp_idle_timeout.as_millis() / 100).unwrap_or(u16::MAX);
    let keepalive = write(option::KEEPALIVE, &idle.to_be_bytes());
    let text = config.local.nsid.as_bytes();
    let nsid = if text.is_empty() { Vec::new() } else { write(option::NSID, text) };
    let both = [keepalive.as_slice(), &nsid].concat();
    [Vec::new(), keepalive, nsid, both].map(Vec::into_boxed_slice)
}
