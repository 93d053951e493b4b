//! What a fuzz target does with the part that reads a server's stream: nothing else has a use for it, and no socket is in it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::metrics::{Layout, Metrics, UpstreamEvent, WorkerMetrics};
use crate::wire::message::Outgoing;

use super::connection::{Connection, Terms};
use super::dial::Link;
use super::driver::Driver;
use super::learned::Learned;

/// Where a connection counts.
#[must_use]
pub fn metrics() -> Arc<WorkerMetrics> {
    let layout = Layout {
        servers: Vec::new(),
        zones: Vec::new(),
        upstreams: vec![("probe".to_owned(), "tcp://192.0.2.1:53".to_owned())],
    };
    Metrics::new(&layout, 1).worker(0)
}

/// Sends queries on a connection over `stream`, whose IDs are their positions mixed with `mask`, and waits until it ends; what each of them got.
/// Must run in a [`tokio::task::LocalSet`].
pub async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    mask: u16,
    queries: &[Rc<Outgoing>],
    metrics: Arc<WorkerMetrics>,
) -> Vec<Option<Vec<u8>>> {
    let terms = Terms { pipeline: queries.len().max(1), idle: Duration::from_secs(10), padding: 0 };
    let learned = Rc::new(Learned::new(metrics, 0, Rc::new(Cell::new(0))));
    let connection = Rc::new(Connection::new(terms, mask, Rc::new(Notify::new()), learned, Rc::default()));
    let replies: Vec<_> = queries.iter().map(|query| connection.send(query)).collect();
    let link: Link = Box::new(stream);
    let driver = spawn_local(Driver::new(Rc::clone(&connection), Box::new(link)).run());
    let mut outcomes = Vec::new();
    for reply in replies {
        outcomes.push(match reply {
            Ok(reply) => reply.await.ok(),
            Err(_) => None,
        });
    }
    connection.drain(UpstreamEvent::ClosedTold);
    let _ = driver.await;
    outcomes
}
