//! How a server that is down is found to be up again, at nobody's cost.
//!
//! When its back-off is over, the next query is sent to it as well, beside the server that answers the client. A server
//! that could not be reached is found by opening a connection to it, too, for a while after the last question: a group that nobody asks is left alone.
//! Either is done once in a back-off, so a server that is down gets a query every half a minute in the end, however much is asked.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::metrics::UpstreamEvent;
use crate::sys::clock;

use super::exchange::GRAIN;
use super::health::FIRST_BACK_OFF;
use super::select::Servers;
use super::way::{Inquiry, Way};

/// How long after the last question connections are tried. A guess: two of the longest back-offs.
const DEMAND: Duration = Duration::from_secs(60);

/// Sends a question to the servers that are down and whose time has come, other than those `asked` already.
pub(super) fn ask_those_down(ways: &[Rc<Way>], asked: Servers, inquiry: &Rc<Inquiry>, patience: Duration) {
    let now = clock::now();
    for (_, way) in ways.iter().enumerate().filter(|(position, _)| !asked.contains(*position)) {
        if way.learned().is_due(now) {
            way.count(UpstreamEvent::Probed);
            spawn_local(timeout(patience + GRAIN, way.attempt(inquiry, patience)));
        }
    }
}

/// Opens a connection now and then to the servers that cannot be reached; ends when there are none, or when nobody has asked for a while.
pub(super) async fn watch(ways: Rc<[Rc<Way>]>, demand: impl Fn() -> clock::Moment) {
    loop {
        let next = ways.iter().filter_map(|way| Some((way.learned().opens_at()?, way))).min_by_key(|(due, _)| *due);
        let Some((due, way)) = next else { return };
        let now = clock::now();
        if now.since(demand()) > DEMAND {
            return;
        }
        if due > now {
            sleep(due.since(now)).await;
        } else if way.stream.warm() && way.learned().is_due(now) {
            way.count(UpstreamEvent::Probed);
        } else {
            // Connections have a back-off of their own, which began a little later.
            sleep(FIRST_BACK_OFF).await;
        }
    }
}
