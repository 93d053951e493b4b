//! The kubelet's `/pods`: all pods of this node, as often as somebody looks.

use std::time::Duration;

use tokio::time::timeout;

use super::Failure;
use super::follow::{News, Source};
use super::http::Server;
use super::pod::{Pod, list_version};
use super::split::Splitter;

/// Time for the whole list: as long as it may be, over the node's own loopback.
const LIST_TIMEOUT: Duration = Duration::from_secs(20);

/// Time for each piece of it.
const PIECE_TIMEOUT: Duration = Duration::from_secs(5);

/// A kubelet.
#[derive(Debug)]
pub(super) struct Kubelet {
    /// Where it is.
    server: Server,
}

impl Kubelet {
    /// The one at this server.
    pub(super) const fn new(server: Server) -> Self {
        Self { server }
    }
}

impl Source for Kubelet {
    const LIVE: bool = false;

    async fn next(&mut self) -> Result<News, Failure> {
        let (pods, _) = list(&self.server, "/pods").await?;
        Ok(News::All(pods))
    }
}

/// Reads a list of pods, and its version.
///
/// # Errors
///
/// When it does not come whole and in time.
pub(super) async fn list(server: &Server, path: &str) -> Result<(Vec<Pod>, String), Failure> {
    let read = async {
        let mut body = server.get(path, PIECE_TIMEOUT).await?;
        let (mut splitter, mut pods) = (Splitter::list(), Vec::new());
        while let Some(piece) = body.piece().await? {
            splitter.feed(&piece, |element| {
                pods.extend(Pod::read(element)?);
                Ok(())
            })?;
        }
        Ok((pods, list_version(&splitter.finish()?)?))
    };
    timeout(LIST_TIMEOUT, read).await.unwrap_or_else(|_| {
        Err(Failure::Unreachable(format!("its list took longer than {} s", LIST_TIMEOUT.as_secs())))
    })
}
