//! Keeps the directory like its source, for as long as the process lives.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::Failure;
use super::api_server::ApiServer;
use super::directory::Directory;
use super::http::Server;
use super::kubelet::Kubelet;
use super::pod::Pod;
use crate::config::{ClientSource, Clients};
use crate::log::{LogLimiter, Topic};
use crate::metrics::{Event, Gauge, WorkerMetrics};
use crate::sys::{clock, random};

/// How long what a source said holds after it cannot be reached any more. A guess: a kubelet is back by then after an upgrade, and few
/// addresses change hands while it is away.
pub const HOLD: Duration = Duration::from_secs(60);

/// Pods that are kept at most; those beyond are left out.
const MOST_PODS: usize = 4096;

/// Time between two looks at least, so that those out of turn cannot add up.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Pause after the first failure; each further one doubles it.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);

/// The longest pause after a failure.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// What a source has to say.
#[derive(Debug)]
pub(super) enum News {
    /// These are all pods.
    All(Vec<Pod>),
    /// A pod is new or has changed.
    Changed(Pod),
    /// The pod of this uid is gone.
    Gone(Box<str>),
    /// Nothing has changed.
    Nothing,
}

/// Knows the pods of this node.
pub(super) trait Source {
    /// Whether it tells of every change until it fails; otherwise it is asked now and then.
    const LIVE: bool;

    /// Asks, or waits for a change.
    async fn next(&mut self) -> Result<News, Failure>;
}

/// How often what is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Time between two looks.
    pub(super) refresh: Duration,
    /// The same for those out of turn.
    pub(super) shortest_pause: Duration,
    /// Pause after the first failure.
    pub(super) first_back_off: Duration,
    /// The longest pause after a failure.
    pub(super) longest_back_off: Duration,
}

impl Pace {
    /// The one of every daemon.
    pub(super) const fn of(refresh: Duration) -> Self {
        Self {
            refresh,
            shortest_pause: SHORTEST_PAUSE,
            first_back_off: FIRST_BACK_OFF,
            longest_back_off: LONGEST_BACK_OFF,
        }
    }

    /// The pause after so many failures in a row, between half of it and the whole: nodes that lost the same server come back one by one.
    fn back_off(self, failures: u32) -> Duration {
        let whole = self.first_back_off * 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
        whole.min(self.longest_back_off).mul_f64(random::rng().random_range(0.5..=1.0))
    }
}

/// Keeps the directory like the source that the operator has chosen. Never ends; without a source it does nothing.
pub async fn follow(directory: &Directory, clients: &Clients, metrics: Arc<WorkerMetrics>) {
    // One that cannot be was refused with the configuration.
    if let Ok(server) = Server::new(clients) {
        let keeper = Keeper::new(directory.clone(), Pace::of(clients.refresh), metrics);
        match clients.source {
            ClientSource::None => {}
            ClientSource::Kubelet => keeper.keep(Kubelet::new(server)).await,
            ClientSource::ApiServer => keeper.keep(ApiServer::new(server, clients.node.clone())).await,
        }
    }
    std::future::pending().await
}

/// How long what a source said holds, by the time between two looks.
pub(super) fn hold(refresh: Duration) -> Duration {
    HOLD.max(refresh * 3)
}

/// Keeps one directory.
pub(super) struct Keeper {
    /// The directory.
    directory: Directory,
    /// How often what is done.
    pace: Pace,
    /// What is counted.
    metrics: Arc<WorkerMetrics>,
    /// The pods, by uid.
    pods: HashMap<Box<str>, Pod>,
    /// Pods that there was no room for, of those that were told last.
    left_out: u64,
}

impl Keeper {
    /// Of an empty directory.
    pub(super) fn new(directory: Directory, pace: Pace, metrics: Arc<WorkerMetrics>) -> Self {
        Self { directory, pace, metrics, pods: HashMap::new(), left_out: 0 }
    }

    /// Keeps it like this source, without end.
    pub(super) async fn keep<S: Source>(mut self, mut source: S) {
        let limiter = LogLimiter::new(Arc::clone(&self.metrics));
        let (mut failures, mut failed_at) = (0_u32, Instant::now());
        let mut silent = false;
        loop {
            let begun = Instant::now();
            match source.next().await {
                Ok(news) => {
                    if std::mem::take(&mut silent) {
                        tracing::info!("the pods of this node are known again");
                    }
                    self.take(news);
                    self.directory.hear(S::LIVE);
                    self.metrics.set(Gauge::ClientsHeard, clock::wall().as_secs());
                    if !S::LIVE {
                        failures = 0;
                        self.rest(begun).await;
                    }
                }
                Err(failure) => {
                    self.directory.lose();
                    self.metrics.count(event(&failure));
                    // A watch that has gone on for a while was a success, whoever ended it.
                    if failed_at.elapsed() > self.pace.longest_back_off * 2 {
                        failures = 0;
                    }
                    (failures, failed_at) = (failures.saturating_add(1), Instant::now());
                    if failure != Failure::Expired {
                        silent = true;
                        if limiter.admits(Topic::Clients, clock::coarse()) {
                            tracing::warn!(reason = %failure, "the pods of this node cannot be read");
                        }
                    }
                    sleep(self.pace.back_off(failures)).await;
                }
            }
        }
    }

    /// Waits for the next look, after one that began then.
    async fn rest(&self, begun: Instant) {
        let due = sleep_until(begun + self.pace.refresh);
        let early = async {
            // One wish is kept until then: it may be older than what was read, and costs a look for nothing then.
            sleep_until(begun + self.pace.shortest_pause).await;
            self.directory.wished().await;
        };
        tokio::select! {
            () = due => {}
            () = early => {}
        }
    }

    /// Takes news in, and publishes what follows from them.
    fn take(&mut self, news: News) {
        match news {
            News::All(pods) => {
                self.metrics.count(Event::ClientsRead);
                self.left_out = (pods.len() as u64).saturating_sub(MOST_PODS as u64);
                self.pods = pods.into_iter().take(MOST_PODS).map(|pod| (pod.uid.clone(), pod)).collect();
            }
            News::Changed(pod) if self.pods.len() < MOST_PODS || self.pods.contains_key(&pod.uid) => {
                self.pods.insert(pod.uid.clone(), pod);
            }
            News::Changed(_) => self.left_out += 1,
            News::Gone(uid) => {
                self.pods.remove(&uid);
            }
            News::Nothing => return,
        }
        let extent = self.directory.publish(self.pods.values());
        self.metrics.set(Gauge::ClientAddresses, extent.addresses);
        self.metrics.set(Gauge::ClientsLeftOut, extent.left_out + self.left_out);
        self.metrics.set(Gauge::ClientsNotLookedUp, self.directory.turned_away());
    }
}

/// How a failure is counted.
const fn event(failure: &Failure) -> Event {
    match failure {
        Failure::Unreachable(_) => Event::ClientsUnreachable,
        Failure::Refused(_) => Event::ClientsRefused,
        Failure::Garbled(_) => Event::ClientsGarbled,
        Failure::Credentials(_) => Event::ClientsCredentials,
        Failure::Expired => Event::ClientsExpired,
    }
}
