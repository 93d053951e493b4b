//! The thread at the other end: takes observations out of all rings, lets the detector look at them, and says what was found.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::ArcSwap;
use rtrb::{Consumer, RingBuffer};
use serde_json::json;
use tracing::{info, warn};

use crate::error::{ExitCode, Failure};
use crate::log::{DETECTIONS, LogLimiter, Topic};
use crate::metrics::{Event, Gauge, WorkerMetrics};
use crate::sys::clock::{self, Moment};

use super::board::{Board, Detection};
use super::detector::{Detector, Settings};
use super::observation::Observation;
use super::rules::Rule;
use super::sentence::{Sentence, Sentences};
use super::tap::{SLOTS, Tap};

/// How often the thread comes round.
const PAUSE: Duration = Duration::from_millis(100);

/// How often while there is nothing to look at: on an idle node ten times a second were half of what the daemon took of the processor. A ring that is half
/// full ends the pause.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// Seconds after which what is asked most is shown again although nobody asked, since it fades.
const SHOW_IDLE: u32 = 10;

/// Tells namespace and name of a client's pod.
pub type Names = Arc<dyn Fn(IpAddr) -> Option<(String, String)> + Send + Sync>;

/// Detection in a process.
#[derive(Debug)]
pub struct Watch {
    /// What was found.
    board: Arc<Board>,
    /// What a reload changes.
    wishes: Arc<Wishes>,
    /// The thread.
    thread: JoinHandle<()>,
}

/// What is wanted of the thread.
#[derive(Debug)]
struct Wishes {
    /// What the operator says.
    settings: ArcSwap<Settings>,
    /// Whether it shall end.
    stop: AtomicBool,
}

impl Watch {
    /// Starts the thread, and makes a tap for each worker, which counts by its own metrics.
    ///
    /// # Errors
    ///
    /// When there can be no other thread.
    pub fn start(
        settings: Settings,
        names: Names,
        metrics: Arc<WorkerMetrics>,
        of_workers: impl Iterator<Item = Arc<WorkerMetrics>>,
    ) -> Result<(Self, Vec<Tap>), Failure> {
        let (board, sentences) = (Arc::<Board>::default(), Arc::<Sentences>::default());
        let wishes = Arc::new(Wishes { settings: ArcSwap::from_pointee(settings), stop: AtomicBool::new(false) });
        let (mut taps, mut rings, sleeper) = (Vec::new(), Vec::new(), Arc::<OnceLock<_>>::default());
        for (seed, metrics) in (1..).zip(of_workers) {
            let (producer, consumer) = RingBuffer::new(SLOTS);
            taps.push(Tap::new(producer, Arc::clone(&sleeper), Arc::clone(&sentences), metrics, seed));
            rings.push(consumer);
        }
        let settings = wishes.settings.load_full();
        let mut watcher = Watcher::new(rings, settings, Arc::clone(&board), sentences, names, metrics);
        let wished = Arc::clone(&wishes);
        let thread = thread::Builder::new().name("detect".to_owned()).spawn(move || {
            while !wished.stop.load(Ordering::Acquire) {
                watcher.follow(&wished.settings.load_full());
                let is_idle = !watcher.turn(clock::coarse(), clock::wall());
                thread::park_timeout(if is_idle { IDLE_PAUSE } else { PAUSE });
            }
            watcher.turn(clock::coarse(), clock::wall());
        });
        let thread =
            thread.map_err(|error| Failure::new(ExitCode::System, format!("no thread for detection: {error}")))?;
        sleeper.get_or_init(|| thread.thread().clone());
        Ok((Self { board, wishes, thread }, taps))
    }

    /// What was found.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Goes by other settings from now on.
    pub fn adopt(&self, settings: Settings) {
        self.wishes.settings.store(Arc::new(settings));
    }

    /// Ends the thread, when it has looked at what is there.
    pub fn stop(self) {
        self.wishes.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // If it panicked, it has said so.
        let _ = self.thread.join();
    }
}

/// What the thread does, by the clock of whoever lets it.
struct Watcher {
    /// The workers' rings.
    rings: Vec<Consumer<Observation>>,
    /// What it goes by.
    settings: Arc<Settings>,
    /// What looks.
    detector: Detector,
    /// Where it is shown.
    board: Arc<Board>,
    /// Who is held back.
    sentences: Arc<Sentences>,
    /// Whose addresses are.
    names: Names,
    /// Bounds the lines of each rule; what is left out is counted, and on the board.
    limiter: LogLimiter,
    /// What is counted.
    metrics: Arc<WorkerMetrics>,
    /// Pairs that were forgotten, as counted.
    evicted: u64,
    /// When what is asked most was shown last, in seconds.
    shown: u32,
}

impl Watcher {
    /// One that has seen nothing.
    fn new(
        rings: Vec<Consumer<Observation>>,
        settings: Arc<Settings>,
        board: Arc<Board>,
        sentences: Arc<Sentences>,
        names: Names,
        metrics: Arc<WorkerMetrics>,
    ) -> Self {
        sentences.set_limit(settings.limit());
        let detector = Detector::new(Arc::clone(&settings));
        let limiter = LogLimiter::new(Arc::clone(&metrics));
        Self { rings, settings, detector, board, sentences, names, limiter, metrics, evicted: 0, shown: 0 }
    }

    /// Goes by these settings. Others end all sentences: what they were for may be exempt now, and what goes on is found again.
    fn follow(&mut self, settings: &Arc<Settings>) {
        if !Arc::ptr_eq(settings, &self.settings) {
            self.settings = Arc::clone(settings);
            self.sentences.pardon();
            self.sentences.set_limit(settings.limit());
            self.detector.adopt(Arc::clone(settings));
        }
    }

    /// Takes out what is there, no more than the rings hold; whether there was anything.
    fn turn(&mut self, now: Moment, wall: Duration) -> bool {
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        self.detector.set_wall(wall.as_secs().saturating_sub(now.as_secs()));
        let (mut sentences, mut took_any): (Vec<Sentence>, bool) = (Vec::new(), false);
        for at in 0..self.rings.len() {
            for _ in 0..SLOTS {
                let Some(seen) = self.rings.get_mut(at).and_then(|ring| ring.pop().ok()) else { break };
                took_any = true;
                let Some(found) = self.detector.observe(&seen) else { continue };
                sentences.extend(found.sentence);
                if found.is_loud {
                    self.metrics.count(event(found.detection.rule));
                    if self.limiter.admits(topic(found.detection.rule), now) {
                        self.log(&found.detection, found.is_warning);
                    }
                }
                self.board.put(found.detection);
            }
        }
        self.metrics.add(Event::SentenceEnded, self.sentences.pass(sentences, seconds));
        let evicted = self.detector.evicted();
        for _ in self.evicted..evicted {
            self.metrics.count(Event::DetectEvicted);
        }
        self.evicted = evicted;
        self.metrics.set(Gauge::Sentences, self.sentences.count() as u64);
        if self.shown != seconds && took_any || self.shown.abs_diff(seconds) >= SHOW_IDLE {
            self.shown = seconds;
            self.detector.show_top(&self.board, seconds);
        }
        took_any
    }

    /// One line, which is a JSON object.
    fn log(&self, detection: &Detection, is_warning: bool) {
        let mut line = json!({
            "time": detection.at,
            "level": if is_warning { "warn" } else { "info" },
            "msg": "detection",
            "rule": detection.rule,
            "client": detection.client,
            "domain": detection.domain,
            "score": detection.score,
            "action": detection.action,
            "count": detection.count,
            "reasons": detection.reasons,
        });
        if let Some((namespace, pod)) = (self.names)(detection.client) {
            (line["namespace"], line["pod"]) = (namespace.into(), pod.into());
        }
        if is_warning {
            warn!(target: DETECTIONS, "{line}");
        } else {
            info!(target: DETECTIONS, "{line}");
        }
    }
}

/// What a rule counts as.
const fn event(rule: Rule) -> Event {
    match rule {
        Rule::Signature => Event::DetectedSignature,
        Rule::Burst => Event::DetectedBurst,
        Rule::Volume => Event::DetectedVolume,
        Rule::Slow => Event::DetectedSlow,
        Rule::Flood => Event::DetectedFlood,
        Rule::Denial => Event::DetectedDenial,
        Rule::Rebinding => Event::DetectedRebinding,
        Rule::Type => Event::DetectedType,
    }
}

/// What its lines are limited with.
const fn topic(rule: Rule) -> Topic {
    match rule {
        Rule::Signature => Topic::Signature,
        Rule::Burst => Topic::Burst,
        Rule::Volume => Topic::Volume,
        Rule::Slow => Topic::Slow,
        Rule::Flood => Topic::Flood,
        Rule::Denial => Topic::Denial,
        Rule::Rebinding => Topic::Inside,
        Rule::Type => Topic::Type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, DetectMode};
    use crate::detect::{Action, Kind};
    use crate::metrics::{Layout, Metrics};
    use crate::wire::name;

    /// A watcher over one ring in this mode, and the tap.
    fn watcher(mode: DetectMode) -> (Watcher, Tap, Arc<Board>) {
        let metrics = Metrics::new(&Layout::default(), 1);
        let (producer, consumer) = RingBuffer::new(SLOTS);
        let (board, sentences) = (Arc::<Board>::default(), Arc::<Sentences>::default());
        let tap = Tap::new(producer, Arc::default(), Arc::clone(&sentences), metrics.worker(0), 1);
        let settings = Arc::new(Settings::new(&Config::default().detect, [(0, mode)].into_iter()));
        let names: Names = Arc::new(|_| None);
        (Watcher::new(vec![consumer], settings, Arc::clone(&board), sentences, names, metrics.main()), tap, board)
    }

    /// A question of a tunnel.
    fn question(number: u32, at: Moment) -> Observation {
        let digest = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut seen = Observation::of(&name::parse(&format!("{digest:016x}{digest:016x}.t.tunnel.test")).unwrap());
        (seen.at, seen.client, seen.qtype, seen.zone, seen.ttl) = (at, [10, 0, 0, 7].into(), 16, 0, 60);
        seen
    }

    #[test]
    fn a_tunnel_is_shown_and_its_client_held_back_until_the_time_is_over() {
        let (mut watcher, mut tap, board) = watcher(DetectMode::Block);
        let (now, wall) = (Moment::from_secs(5_000), Duration::from_secs(1_700_000_000));
        for number in 0..60 {
            tap.tell(question(number, now));
        }
        let name = name::parse("other.t.tunnel.test").unwrap();
        let client = IpAddr::from([10, 0, 0, 7]);
        assert!(!tap.refuses(client, &name, now));
        watcher.turn(now, wall);
        assert!(tap.refuses(client, &name, now) && !tap.refuses([10, 0, 0, 8].into(), &name, now));
        let shown = board.detections();
        assert_eq!((shown.len(), shown[0].domain.as_str(), shown[0].at), (1, "tunnel.test.", 1_700_000_000));
        assert!(shown[0].action == Action::Blocked && shown[0].score >= 75, "{shown:?}");
        let later = now + Duration::from_secs(601);
        watcher.turn(later, wall);
        assert!(!tap.refuses(client, &name, later));
    }

    #[test]
    fn a_flood_of_one_rule_writes_few_lines_is_counted_and_hides_no_other() {
        let (mut watcher, mut tap, board) = watcher(DetectMode::Alert);
        let (now, wall) = (Moment::from_secs(5_000), Duration::from_secs(1_700_000_000));
        for number in 0..300 {
            let mut seen = Observation::of(&name::parse(&format!("www.site-{number}.test")).unwrap());
            (seen.at, seen.client, seen.kind, seen.zone) = (now, [10, 0, 0, 8].into(), Kind::Rebinding, 0);
            tap.tell(seen);
            watcher.turn(now, wall);
        }
        assert_eq!(watcher.metrics.counted(Event::DetectedRebinding), 300);
        assert_eq!(watcher.metrics.counted(Event::LogSuppressed), 290);
        assert_eq!(board.detections().len(), super::super::board::REMEMBERED);
        for number in 0..60 {
            tap.tell(question(number, now));
        }
        watcher.turn(now, wall);
        assert_eq!(board.detections()[0].domain, "tunnel.test.");
        assert_eq!(watcher.metrics.counted(Event::LogSuppressed), 290, "the tunnel has its line");
        assert!(
            !watcher.limiter.admits(Topic::Inside, now)
                && watcher.limiter.admits(Topic::Inside, now + Duration::from_secs(20))
        );
    }

    #[test]
    fn a_full_ring_loses_what_comes_and_other_settings_end_sentences() {
        let (mut watcher, mut tap, board) = watcher(DetectMode::Block);
        let (now, wall) = (Moment::from_secs(5_000), Duration::from_secs(1_700_000_000));
        for number in 0..2 * u32::try_from(SLOTS).unwrap() {
            tap.tell(question(number, now));
        }
        watcher.turn(now, wall);
        assert!(!board.detections().is_empty() && watcher.sentences.is_some());
        let settings = Settings::new(&Config::default().detect, [(0, DetectMode::Observe)].into_iter());
        watcher.follow(&Arc::new(settings));
        assert!(!watcher.sentences.is_some());
    }

    #[test]
    fn a_ring_that_is_half_full_wakes_the_thread() {
        let (producer, _consumer) = RingBuffer::new(SLOTS);
        let sleeper = Arc::new(OnceLock::from(thread::current()));
        let metrics = Metrics::new(&Layout::default(), 1);
        let mut tap = Tap::new(producer, sleeper, Arc::default(), metrics.worker(0), 1);
        for number in 0..u32::try_from(SLOTS / 2).unwrap() {
            tap.tell(question(number, Moment::from_secs(5_000)));
        }
        // Comes back at once; else it never would.
        thread::park();
    }

    #[test]
    fn what_is_asked_most_is_shown() {
        let (mut watcher, mut tap, board) = watcher(DetectMode::Observe);
        let now = Moment::from_secs(5_000);
        for _ in 0..20 {
            let mut seen = Observation::of(&name::parse("www.example.com").unwrap());
            (seen.at, seen.kind, seen.client) = (now, Kind::Sample(3), [10, 0, 0, 9].into());
            tap.sample(seen);
        }
        watcher.turn(now, Duration::ZERO);
        assert_eq!(board.top_names(5)[0].what, "www.example.com.");
        assert_eq!(board.top_clients(5)[0].what, "10.0.0.9");
    }

    #[test]
    fn all_of_it_takes_two_mebibytes_at_most() {
        let board = super::super::board::REMEMBERED * 700;
        let all = Detector::bytes() + 2 * SLOTS * size_of::<Observation>() + board;
        assert!(all <= 2 << 20, "{all} bytes: {} for the detector", Detector::bytes());
    }
}
