//! How often a source is asked, and what holds while it says nothing: with a source that the test plays, and a clock that it moves.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::time::{Instant, advance, sleep};

use super::super::follow::{Keeper, News, Pace, Source};
use super::*;
use crate::metrics::{Event, Gauge, WorkerMetrics};
use crate::who::Failure;

/// What a source says next; the last is said again and again.
type Script = Arc<Mutex<VecDeque<Result<Vec<Value>, Failure>>>>;

/// A source that is looked at now and then, and notes when.
struct Looked {
    script: Script,
    looks: Arc<Mutex<Vec<Instant>>>,
}

impl Source for Looked {
    const LIVE: bool = false;

    async fn next(&mut self) -> Result<News, Failure> {
        self.looks.lock().unwrap().push(Instant::now());
        // As long as an answer takes.
        sleep(Duration::from_millis(20)).await;
        let mut script = self.script.lock().unwrap();
        let said = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
        said.unwrap().map(|pods| News::All(pods.iter().map(read).collect()))
    }
}

/// A daemon's part that keeps a directory, with a hand on what its source says.
struct Stage {
    directory: Directory,
    metrics: Arc<WorkerMetrics>,
    script: Script,
    looks: Arc<Mutex<Vec<Instant>>>,
}

impl Stage {
    /// Begins.
    fn begin(said: Vec<Result<Vec<Value>, Failure>>) -> Self {
        let directory = Directory::new(super::super::follow::hold(Duration::from_secs(10)));
        let stage = Self {
            directory,
            metrics: Arc::default(),
            script: Arc::new(Mutex::new(said.into())),
            looks: Arc::default(),
        };
        let keeper =
            Keeper::new(stage.directory.clone(), Pace::of(Duration::from_secs(10)), Arc::clone(&stage.metrics));
        tokio::spawn(keeper.keep(Looked { script: Arc::clone(&stage.script), looks: Arc::clone(&stage.looks) }));
        stage
    }

    /// Lets the source say this from now on.
    fn say(&self, pods: &[Value]) {
        *self.script.lock().unwrap() = [Ok(pods.to_vec())].into();
    }

    /// Looks so far.
    fn looks(&self) -> usize {
        self.looks.lock().unwrap().len()
    }
}

/// Lets time pass in small steps, so that whatever is due happens when it is due.
async fn pass(time: Duration) {
    for _ in 0..time.as_millis() / 10 {
        advance(Duration::from_millis(10)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_looked_at_every_refresh_and_an_unknown_client_is_worth_a_look_a_second() {
    let stage = Stage::begin(vec![Ok(vec![written("web-1", &["10.1.0.9"])])]);
    pass(Duration::from_secs(35)).await;
    assert_eq!(stage.looks(), 4, "at 0, 10, 20 and 30");
    assert_eq!(name(&stage.directory, "10.1.0.9"), "shop/web-1/web");
    assert_eq!(stage.metrics.counted(Event::ClientsRead), 4);
    assert_eq!(stage.metrics.gauged(Gauge::ClientAddresses), 1);
    stage.say(&[written("web-1", &["10.1.0.9"]), written("web-2", &["10.1.0.10"])]);
    assert_eq!(name(&stage.directory, "10.1.0.10"), "unknown");
    pass(Duration::from_millis(100)).await;
    assert_eq!(name(&stage.directory, "10.1.0.10"), "shop/web-2/web", "the last look was long enough ago");
    assert_eq!(stage.looks(), 5);
    for _ in 0..300 {
        assert_eq!(name(&stage.directory, "10.1.0.77"), "unknown");
        pass(Duration::from_millis(10)).await;
    }
    assert_eq!(stage.looks(), 8, "one a second");
}

#[tokio::test(start_paused = true)]
async fn an_address_changes_hands_within_a_second_while_its_pod_is_told_to_end() {
    let stage = Stage::begin(vec![Ok(vec![ending(written("old", &["10.1.0.9"]))])]);
    pass(Duration::from_millis(500)).await;
    assert_eq!(name(&stage.directory, "10.1.0.9"), "shop/old/web");
    let new = changed(written("new", &["10.1.0.9"]), &[("/status/startTime", json!("2026-11-27T05:00:00Z"))]);
    stage.say(&[new]);
    pass(Duration::from_millis(600)).await;
    assert_eq!(name(&stage.directory, "10.1.0.9"), "shop/new/web", "asking has led to a look");
    // Without anybody asking there is no look, and nobody is called by a name that may be wrong.
    stage.say(&[ending(written("new", &["10.1.0.9"]))]);
    pass(Duration::from_secs(12)).await;
    assert_eq!(name(&stage.directory, "10.1.0.9"), "unknown");
    pass(Duration::from_millis(100)).await;
    assert_eq!(name(&stage.directory, "10.1.0.9"), "shop/new/web", "looked up again");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_holds_for_a_while_and_the_pauses_grow() {
    let down = Err(Failure::Unreachable("refused".to_owned()));
    let stage = Stage::begin(vec![Ok(vec![written("web-1", &["10.1.0.9"])]), down]);
    pass(Duration::from_secs(59)).await;
    assert_eq!(name(&stage.directory, "10.1.0.9"), "shop/web-1/web", "59 s after it was last heard at 0.02 s");
    pass(Duration::from_secs(250)).await;
    assert_eq!(name(&stage.directory, "10.1.0.9"), "unknown");
    let looks = stage.looks.lock().unwrap().clone();
    let pauses: Vec<_> = looks.windows(2).skip(1).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    for (number, pause) in pauses.iter().enumerate() {
        let whole = f64::from(1_u32 << number.min(5)).min(30.0) + 0.02;
        assert!((whole / 2.0..=whole + 0.02).contains(pause), "pause {number}: {pauses:?}");
    }
    assert_eq!(stage.metrics.counted(Event::ClientsUnreachable), looks.len() as u64 - 1);
    stage.say(&[written("web-1", &["10.1.0.9"])]);
    pass(Duration::from_secs(31)).await;
    assert_eq!(name(&stage.directory, "10.1.0.9"), "shop/web-1/web");
}
