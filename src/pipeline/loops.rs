//! Noticing that a zone's servers ask us what we ask them.
//!
//! Such a loop shows itself as silence: the question comes back, meets its own flight and waits for it. So when a zone's servers are
//! silent, they are asked for a name that nobody else can know, at most every 30 seconds. If that name is asked of us, the zone is cut off:
//! its names are answered with SERVFAIL, or with what has expired, until the name does not come back any more. Nothing is asked in good times,
//! no special type is needed, and other zones and the process go on.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::cache::Key;
use crate::metrics::{Event, Gauge};
use crate::sys::clock::{self, Moment};
use crate::sys::random;
use crate::wire::header::{class, ede, rtype};
use crate::wire::message::{Outgoing, Question};
use crate::wire::{name, rcode};

use super::Pipeline;
use super::plan::Plan;

/// How often a zone is asked for the name.
const INTERVAL: Duration = Duration::from_secs(30);

/// What the name begins with.
const PREFIX: &str = "nodens-loop-";

/// What is known of loops, by all workers.
#[derive(Debug)]
pub struct Loops {
    /// The label before its number: [`PREFIX`] and what only this process knows.
    label: String,
    /// Whether the name was ever asked for: until then nothing is looked at.
    armed: AtomicBool,
    /// By zone; as many as there are zones.
    zones: Mutex<HashMap<u16, Zone>>,
}

/// What is known of a zone.
#[derive(Debug, Default)]
struct Zone {
    /// When it was asked for the name last; `None` before.
    asked: Option<Moment>,
    /// How often.
    number: u16,
    /// Whether the name has come back since.
    seen: bool,
    /// Whether the zone is cut off.
    loops: bool,
    /// Whether somebody looks after it.
    watched: bool,
}

impl Default for Loops {
    fn default() -> Self {
        let label = format!("{PREFIX}{:016x}", random::rng().random::<u64>());
        Self { label, armed: AtomicBool::new(false), zones: Mutex::default() }
    }
}

impl Loops {
    /// The table. Nothing panics while it is held.
    fn zones(&self) -> MutexGuard<'_, HashMap<u16, Zone>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a question of `zone` is answered with because of a loop, if there is one: RCODE and extended error.
    pub(super) fn judge(&self, key: &Key, zone: u16) -> Option<(u16, Option<u16>)> {
        if !self.armed.load(Ordering::Relaxed) {
            return None;
        }
        let label = key.name().get(1..=self.label.len());
        let is_ours = label == Some(self.label.as_bytes());
        let mut zones = self.zones();
        let known = zones.get_mut(&zone)?;
        known.seen |= is_ours;
        known.loops |= is_ours;
        known.loops.then_some((rcode::SERVFAIL, Some(ede::OTHER)))
    }

    /// Whether a zone is cut off.
    pub(super) fn is_cut_off(&self, zone: u16) -> bool {
        self.armed.load(Ordering::Relaxed) && self.zones().get(&zone).is_some_and(|known| known.loops)
    }

    /// Whether `zone` should be looked at; who is told so does, until [`leave`](Self::leave).
    fn enter(&self, zone: u16, now: Moment) -> bool {
        let mut zones = self.zones();
        let known = zones.entry(zone).or_default();
        let rests = known.asked.is_some_and(|asked| now.since(asked) < INTERVAL);
        !known.watched && !rests && {
            known.watched = true;
            true
        }
    }

    /// The name to ask for below `suffix`.
    fn mark(&self, zone: u16, suffix: &[u8], now: Moment) -> Vec<u8> {
        let mut zones = self.zones();
        let known = zones.entry(zone).or_default();
        (known.asked, known.seen, known.number) = (Some(now), false, known.number.wrapping_add(1));
        let label = format!("{}{:04x}", self.label, known.number);
        self.armed.store(true, Ordering::Relaxed);
        let mut name = vec![u8::try_from(label.len()).unwrap_or(0)];
        name.extend(label.into_bytes());
        name.extend(suffix);
        name
    }

    /// Whether the name came back; if not, the zone is not cut off any more.
    fn came_back(&self, zone: u16) -> bool {
        let mut zones = self.zones();
        let known = zones.entry(zone).or_default();
        known.loops = known.seen;
        known.seen
    }

    /// Nobody looks at `zone` any more.
    fn leave(&self, zone: u16) {
        let mut zones = self.zones();
        let known = zones.entry(zone).or_default();
        (known.watched, known.loops) = (false, false);
    }
}

impl Pipeline {
    /// The servers of a zone are silent; looks whether they only wait for us.
    #[cold]
    pub(super) fn suspect_loop(self: &Rc<Self>, zone: u16, plan: &Rc<Plan>) {
        let Some(suffix) = plan.zone_name(zone) else { return };
        if self.loops.enter(zone, clock::now()) {
            spawn_local(Rc::clone(self).look_for_loop(zone, suffix, Rc::clone(plan)));
        }
    }

    /// Asks for the name until it does not come back.
    async fn look_for_loop(self: Rc<Self>, zone: u16, suffix: Vec<u8>, plan: Rc<Plan>) {
        let mut loops = false;
        loop {
            let name = self.loops.mark(zone, &suffix, clock::now());
            let query = Outgoing::new(&Question {
                name: &name,
                qtype: rtype::TXT,
                qclass: class::IN,
                dnssec_ok: false,
                checking_disabled: false,
                authentic_data: false,
            });
            // What comes of it does not matter, only whether it comes to us.
            let _ = plan.group(plan.rules(zone)).exchange(&Rc::new(query), &|_| true).await;
            // A configuration that was put in place of this one has servers of its own.
            let came_back = self.loops.came_back(zone) && self.plan.borrow().zone_name(zone).is_some();
            if came_back != loops {
                loops = came_back;
                let shown = name::display(&suffix).to_string();
                if loops {
                    self.metrics.count(Event::LoopFound);
                    tracing::error!(zone = %shown, "the servers of this zone ask us what we ask them; it is answered with SERVFAIL until they do not: see its [[upstream]], or where those servers forward to");
                } else {
                    tracing::info!(zone = %shown, "the servers of this zone do not ask us any more");
                }
                let count = self.looping.get();
                self.looping.set(if loops { count + 1 } else { count.saturating_sub(1) });
                self.metrics.set(Gauge::LoopingZones, self.looping.get());
            }
            if !loops {
                break;
            }
            sleep(INTERVAL).await;
        }
        self.loops.leave(zone);
    }
}

#[cfg(test)]
mod tests {
    use crate::cache::{Hashing, Variant};

    use super::*;

    /// A key for `name`.
    fn key(name: &[u8]) -> Key {
        Key::new(name, rtype::TXT, Variant::default(), &Hashing::default())
    }

    /// N33
    #[test]
    fn a_zone_whose_mark_comes_back_is_cut_off_until_it_does_not() {
        let loops = Loops::default();
        let (suffix, start) = (name::parse("cluster.local").unwrap(), Moment::from_secs(100));
        assert!(loops.enter(1, start));
        let mark = loops.mark(1, &suffix, start);
        let other = key(&name::parse("web.cluster.local").unwrap());
        assert!(loops.judge(&other, 1).is_none(), "nothing came back yet");
        assert!(loops.judge(&key(&mark), 1).is_some());
        assert!(loops.judge(&other, 1).is_some());
        assert!(loops.judge(&other, 0).is_none(), "other zones go on");
        assert!(loops.came_back(1));
        loops.mark(1, &suffix, start + INTERVAL);
        assert!(loops.judge(&other, 1).is_some(), "still, until it is known better");
        assert!(!loops.came_back(1));
        assert!(loops.judge(&other, 1).is_none());
    }

    #[test]
    fn a_zone_is_looked_at_by_one_and_not_all_the_time() {
        let (loops, start) = (Loops::default(), Moment::from_secs(100));
        assert!(loops.enter(1, start));
        assert!(!loops.enter(1, start + INTERVAL), "somebody does");
        loops.mark(1, &[0], start);
        loops.leave(1);
        assert!(!loops.enter(1, start + INTERVAL / 2));
        assert!(loops.enter(1, start + INTERVAL));
    }

    #[test]
    fn nobody_can_guess_the_name_of_another_process() {
        let (ours, theirs) = (Loops::default(), Loops::default());
        ours.mark(0, &[0], Moment::from_secs(100));
        let mark = theirs.mark(0, &[0], Moment::from_secs(100));
        assert!(ours.judge(&key(&mark), 0).is_none());
    }
}
