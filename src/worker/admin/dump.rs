//! Kept answers and failures, piece by piece: the store is walked through on a thread of its own, which waits where the client does not read.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::super::snapshot::Snapshot;
use super::{Admin, parse};
use crate::cache::{Entry, Failure, Front, Variant};
use crate::control::admin::protocol::{DumpLine, Kept, NotedFailure, Reply};
use crate::control::admin::{Line, text};
use crate::sys::clock::{self, Moment};
use crate::wire::answer::{Answer, Asked, Kind};
use crate::wire::header::class;
use crate::wire::name;

/// Lines that are made before they are written: some 40 KiB.
const PIECE: usize = 64;

/// Pieces that wait to be written.
const PIECES: usize = 2;

impl Admin {
    /// Says all that is kept, or all of it below a suffix.
    pub(super) async fn dump(&self, suffix: Option<String>, line: &mut Line<'_>) -> io::Result<()> {
        let suffix = match suffix.as_deref().map(parse).transpose() {
            Ok(suffix) => suffix,
            Err(text) => return line.refuse(text).await,
        };
        let hits = self.hits().await;
        let snapshot = self.snapshot();
        let (sender, mut pieces) = mpsc::channel(PIECES);
        // It ends when nobody listens any more.
        drop(spawn_blocking(move || walk(&snapshot, suffix.as_deref(), &hits, &sender)));
        let (mut entries, mut failures) = (0, 0);
        while let Some(piece) = pieces.recv().await {
            let count = |is: fn(&DumpLine) -> bool| piece.iter().filter(|line| is(line)).count() as u64;
            entries += count(|line| matches!(line, DumpLine::Entry(_)));
            failures += count(|line| matches!(line, DumpLine::Failure(_)));
            line.say_all(piece).await?;
        }
        line.say(&Reply::Ok(DumpLine::End { entries, failures })).await
    }

    /// How often each answer was given by all workers, by the hash of its key.
    async fn hits(&self) -> HashMap<u64, u64> {
        let mut hits = HashMap::new();
        for part in 0..Front::PARTS {
            for (hash, uses) in self.ask_workers(move |pipeline| pipeline.uses(part)).await.into_iter().flatten() {
                *hits.entry(hash).or_default() += u64::from(uses);
            }
        }
        hits
    }
}

/// Walks through the store.
fn walk(snapshot: &Snapshot, suffix: Option<&[u8]>, hits: &HashMap<u64, u64>, to: &mpsc::Sender<Vec<DumpLine>>) {
    let (store, now) = (&snapshot.shared.store, clock::coarse());
    let zones = ZoneNames::of(snapshot);
    let is_asked = |name: &[u8]| suffix.is_none_or(|suffix| name::is_below(name, suffix));
    let mut piece = Vec::with_capacity(PIECE);
    let mut add = |line: DumpLine| {
        piece.push(line);
        piece.len() < PIECE || to.blocking_send(std::mem::replace(&mut piece, Vec::with_capacity(PIECE))).is_ok()
    };
    store.each_entry(|entry| {
        let hits = hits.get(&entry.hash()).copied().unwrap_or(0);
        !is_asked(entry.name()) || add(DumpLine::Entry(Box::new(zones.kept(entry, hits, now))))
    });
    store.each_failure(|name, qtype, variant, failure| {
        !is_asked(name) || add(DumpLine::Failure(zones.failure(name, qtype, variant, failure, now)))
    });
    // An empty piece at the end tells nobody anything.
    let _ = to.blocking_send(piece);
}

/// What zones are called, and what they say of kept answers.
pub(super) struct ZoneNames {
    /// Name, group, for how long an expired answer may be given, and for how long a failure is, by number.
    zones: HashMap<u16, (String, String, Duration, Duration)>,
    /// Tells whose a name is.
    table: crate::route::Zones,
}

impl ZoneNames {
    /// Those of a configuration.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let (config, numbers) = (&snapshot.shared.config, &snapshot.shared.numbers.zones);
        let zone = |zone: &crate::config::Zone| {
            let name = if zone.name == "." { zone.name.clone() } else { format!("{}.", zone.name) };
            (name, config.upstreams[zone.upstream].name.clone(), zone.serve_stale, zone.servfail)
        };
        let zones = numbers.iter().copied().zip(config.zones.iter().map(zone)).collect();
        Self { zones, table: crate::route::Zones::new(&config.zones, numbers) }
    }

    /// A kept answer, as it is told.
    pub(super) fn kept(&self, entry: &Entry, hits: u64, now: Moment) -> Kept {
        let unknown = (String::new(), String::new(), Duration::ZERO, Duration::ZERO);
        let (zone, upstream, serve_stale, _) = self.zones.get(&entry.zone()).cloned().unwrap_or(unknown);
        let stale_until = entry.expires() + serve_stale;
        let is_fresh = entry.is_fresh(now);
        let (terms, body) = (entry.terms(), entry.body(now));
        let (qtype, variant) = entry.question();
        Kept {
            name: name::display(entry.name()).to_string(),
            qtype: text::type_name(qtype),
            dnssec_ok: variant.dnssec_ok(),
            checking_disabled: variant.checking_disabled(),
            kind: match entry.kind() {
                Kind::Positive => "answer",
                Kind::NxDomain => "nxdomain",
                Kind::NoData => "nodata",
                Kind::Failure => "failure",
            }
            .to_owned(),
            rcode: text::rcode_name(entry.rcode()),
            zone,
            upstream,
            state: if is_fresh {
                "fresh"
            } else if now < stale_until {
                "stale"
            } else {
                "expired"
            }
            .to_owned(),
            age_seconds: now.since(entry.inserted()).as_secs(),
            ttl_seconds: entry.expires().since(now).as_secs(),
            stale_seconds: (!is_fresh).then(|| stale_until.since(now).as_secs()),
            hits,
            authentic: terms.authentic,
            withheld: terms.judgement.is_withheld,
            policy_generation: terms.judgement.policy,
            extended_error: body.ede,
            bytes: entry.weight(),
            records: records(entry, qtype, variant, now),
        }
    }

    /// A failure, as it is told.
    pub(super) fn failure(
        &self,
        name: &[u8],
        qtype: u16,
        variant: Variant,
        failure: Failure,
        now: Moment,
    ) -> NotedFailure {
        let servfail = self.zones.get(&self.table.find(name)).map_or(Duration::ZERO, |zone| zone.3);
        NotedFailure {
            name: name::display(name).to_string(),
            qtype: text::type_name(qtype),
            dnssec_ok: variant.dnssec_ok(),
            checking_disabled: variant.checking_disabled(),
            rcode: text::rcode_name(failure.rcode),
            extended_error: failure.ede,
            bogus: failure.is_bogus,
            age_seconds: now.since(failure.at).as_secs(),
            left_seconds: (failure.at + servfail).since(now).as_secs(),
        }
    }

    /// The name of the zone of that number, with its last dot.
    pub(super) fn name(&self, zone: u16) -> String {
        self.zones.get(&zone).map(|zone| zone.0.clone()).unwrap_or_default()
    }

    /// For how long an expired answer of that zone may be given.
    pub(super) fn serve_stale(&self, zone: u16) -> Duration {
        self.zones.get(&zone).map_or(Duration::ZERO, |zone| zone.2)
    }
}

/// The records of a kept answer, with the TTLs that are left.
fn records(entry: &Entry, qtype: u16, variant: Variant, now: Moment) -> Vec<String> {
    let asked = Asked { name: entry.name(), qtype, qclass: class::IN, dnssec_ok: variant.dnssec_ok() };
    Answer::message_below(&entry.body(now), entry.name(), &asked)
        .map_or_else(|_| Vec::new(), |message| text::records(&message))
}
