//! One question and its answer, and the cache between a client and the detector.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use nodens::config::{Config, DetectMode};
use nodens::detect::{Detector, Found, Kind, Observation, Settings};
use nodens::metrics::Source;
use nodens::sys::clock::Moment;
use nodens::wire::{name, rcode};

/// The zone of all names.
const ROOT: u16 = 0;
/// The zone of the cluster, which is not looked at.
const CLUSTER: u16 = 1;

/// What a server would answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// RCODE.
    pub(crate) rcode: u16,
    /// TTL; of a denial, for how long it is kept.
    pub(crate) ttl: u32,
    /// Bytes of records; 0 is a denial.
    pub(crate) bytes: u16,
}

impl Answer {
    /// Addresses that are good for `ttl` seconds.
    pub(crate) const fn good(ttl: u32) -> Self {
        Self { rcode: rcode::NOERROR, ttl, bytes: 64 }
    }

    /// So many bytes.
    pub(crate) const fn bytes(ttl: u32, bytes: u16) -> Self {
        Self { rcode: rcode::NOERROR, ttl, bytes }
    }

    /// There is no such name.
    pub(crate) const fn denied() -> Self {
        Self { rcode: rcode::NXDOMAIN, ttl: 30, bytes: 0 }
    }

    /// There is no such type.
    pub(crate) const fn nothing() -> Self {
        Self { rcode: rcode::NOERROR, ttl: 30, bytes: 0 }
    }
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Who asks.
    pub(crate) client: IpAddr,
    /// The name, in presentation form.
    pub(crate) name: String,
    /// QTYPE.
    pub(crate) qtype: u16,
    /// What a server would answer.
    pub(crate) answer: Answer,
}

/// A node's cache and its detector.
pub(crate) struct Node {
    /// When what is kept expires, in milliseconds, by name and type.
    kept: HashMap<(String, u16), u64>,
    /// The detector.
    pub(crate) detector: Detector,
    /// Questions so far, and those of them that were misses.
    pub(crate) counts: [u64; 2],
    /// What was found and is loud.
    pub(crate) found: Vec<Found>,
}

impl Node {
    /// One that looks in this mode.
    pub(crate) fn new(mode: DetectMode) -> Self {
        let detect = Config::default().detect;
        let settings = Settings::new(&detect, [(ROOT, mode), (CLUSTER, DetectMode::Off)].into_iter());
        Self { kept: HashMap::new(), detector: Detector::new(Arc::new(settings)), counts: [0, 0], found: Vec::new() }
    }

    /// Asks at a time, in milliseconds; whether something was found.
    pub(crate) fn ask(&mut self, at_ms: u64, question: &Question) -> bool {
        let Question { client, name, qtype, answer } = question;
        let zone = if name.ends_with(".cluster.local") { CLUSTER } else { ROOT };
        let key = (name.clone(), *qtype);
        let is_hit = self.kept.get(&key).is_some_and(|expires| *expires > at_ms);
        let Some(wire) = name::parse(name) else { panic!("{name:?} is no name") };
        let mut seen = Observation::of(&wire);
        seen.at = Moment::from_secs(3_000_000) + Duration::from_millis(at_ms);
        (seen.client, seen.qtype, seen.rcode, seen.zone) = (*client, *qtype, answer.rcode, zone);
        (seen.answer_bytes, seen.ttl) = (answer.bytes, if answer.bytes > 0 { answer.ttl } else { u32::MAX });
        (seen.source, seen.kind) = (if is_hit { Source::CacheSuccess } else { Source::Forward }, Kind::Sample(1));
        self.counts[0] += 1;
        let mut is_found = self.tell(&seen);
        if !is_hit {
            self.counts[1] += 1;
            let kept = if zone == CLUSTER { answer.ttl.min(30) } else { answer.ttl };
            if self.kept.len() > 200_000 {
                self.kept.retain(|_, expires| *expires > at_ms);
            }
            self.kept.insert(key, at_ms + u64::from(kept) * 1_000);
            seen.kind = Kind::Miss;
            is_found |= self.tell(&seen);
        }
        is_found
    }

    /// Tells the detector.
    fn tell(&mut self, seen: &Observation) -> bool {
        let Some(found) = self.detector.observe(seen) else { return false };
        if found.is_loud || found.sentence.is_some() {
            self.found.push(found);
        }
        true
    }
}
