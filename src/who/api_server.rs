//! The API server's pods of this node: a list, and then every change as it happens.
//!
//! As the kubelets themselves do: the first list is what the server has at hand (`resourceVersion=0`); a watch that ends goes on where it was;
//! one that begins too far back (410 Gone) is begun anew with a list that is sure to be newer than what is known.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

use super::Failure;
use super::follow::{News, Source};
use super::http::{Body, Server};
use super::kubelet::list;
use super::pod::{Event, event};
use super::split::Splitter;
use crate::sys::random;

/// Seconds after which the server shall end a watch, between these two: all nodes' do not end at the same time.
const WATCH_SECONDS: std::ops::Range<u32> = 300..600;

/// Silence after which a watch is begun anew. The server sends a bookmark about every minute.
const SILENCE: Duration = Duration::from_secs(150);

/// A watch that ends sooner counts as a failure, so that the next one waits.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);

/// An API server.
#[derive(Debug)]
pub(super) struct ApiServer {
    /// Where it is.
    server: Server,
    /// The node's name.
    node: String,
    /// Up to where everything is known; `None` before the first list and when it is too far back.
    version: Option<String>,
    /// Whether the next list must be newer than what is known.
    expired: bool,
    /// The watch, once there is one.
    watch: Option<Watch>,
}

/// A watch that goes on.
#[derive(Debug)]
struct Watch {
    /// What comes in.
    body: Body,
    /// Cuts it.
    splitter: Splitter,
    /// What has come in.
    events: VecDeque<(Event, String)>,
    /// When it began.
    begun: Instant,
}

impl ApiServer {
    /// The one at this server, about the node of this name, which is a name.
    pub(super) const fn new(server: Server, node: String) -> Self {
        Self { server, node, version: None, expired: false, watch: None }
    }

    /// What is asked for, without the version.
    fn path(&self) -> String {
        format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", self.node)
    }

    /// The next event; `None` at the end of a watch.
    async fn event(&mut self, version: &str) -> Result<Option<(Event, String)>, Failure> {
        let watch = match &mut self.watch {
            Some(watch) => watch,
            None => {
                let seconds = random::rng().random_range(WATCH_SECONDS);
                let path = format!(
                    "{}&watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={version}",
                    self.path()
                );
                let body = self.server.get(&path, SILENCE).await?;
                self.watch.insert(Watch {
                    body,
                    splitter: Splitter::stream(),
                    events: VecDeque::new(),
                    begun: Instant::now(),
                })
            }
        };
        loop {
            if let Some(event) = watch.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(piece) = watch.body.piece().await? else {
                return if watch.begun.elapsed() < SHORTEST_WATCH {
                    Err(Failure::Unreachable("it ended a watch at once".to_owned()))
                } else {
                    Ok(None)
                };
            };
            let Watch { splitter, events, .. } = watch;
            splitter.feed(&piece, |element| {
                events.push_back(event(element)?);
                Ok(())
            })?;
        }
    }
}

impl Source for ApiServer {
    const LIVE: bool = true;

    async fn next(&mut self) -> Result<News, Failure> {
        loop {
            let Some(version) = self.version.clone() else {
                // Any version will do at first; after 410 only the newest.
                let at_hand = if self.expired { "" } else { "&resourceVersion=0" };
                let (pods, version) = list(&self.server, &format!("{}{at_hand}", self.path())).await?;
                (self.version, self.expired) = (Some(version), false);
                return Ok(News::All(pods));
            };
            match self.event(&version).await {
                Ok(Some((event, version))) => {
                    if !version.is_empty() {
                        self.version = Some(version);
                    }
                    return Ok(match event {
                        Event::Changed(pod) => News::Changed(pod),
                        Event::Gone(uid) => News::Gone(uid),
                        Event::Nothing => News::Nothing,
                    });
                }
                Ok(None) => self.watch = None,
                Err(failure) => {
                    self.watch = None;
                    if failure == Failure::Expired {
                        (self.version, self.expired) = (None, true);
                    }
                    return Err(failure);
                }
            }
        }
    }
}
