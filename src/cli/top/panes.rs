//! Rows in the order that was chosen, and of clients those that were looked for.

use std::cmp::Reverse;

use super::figures::{Happening, Note};
use super::state::{Order, Pane, State};
use crate::control::admin::protocol::{Detection, Server, Top};

/// Rows of a pane.
pub(super) fn count(state: &State, pane: Pane) -> usize {
    match pane {
        Pane::Upstreams => upstreams(state).len(),
        Pane::Names => names(state).len(),
        Pane::Clients => clients(state).len(),
        Pane::Events => events(state).len(),
    }
}

/// The servers.
pub(super) fn upstreams(state: &State) -> Vec<&Server> {
    let mut servers: Vec<_> = state.figures.last().into_iter().flat_map(|stats| &stats.upstreams).collect();
    // What is alike stays in the order of the configuration.
    match state.order(Pane::Upstreams) {
        Order::Usual => {}
        Order::Second => {
            servers.sort_by(|a, b| b.latency_ms.unwrap_or_default().total_cmp(&a.latency_ms.unwrap_or_default()))
        }
        Order::Third => {
            servers.sort_by_key(|server| (server.state == "up", Reverse(server.failures)));
        }
    }
    servers
}

/// The domains that are asked for most.
pub(super) fn names(state: &State) -> Vec<&Top> {
    let tops = state.figures.last().into_iter().flat_map(|stats| &stats.top_names).collect();
    sorted(tops, state.order(Pane::Names), |top| top.what.clone())
}

/// The clients that ask most, of those that are looked for.
pub(super) fn clients(state: &State) -> Vec<&Top> {
    let tops = state.figures.last().into_iter().flat_map(|stats| &stats.top_clients);
    let wanted = |top: &&Top| matches(state, &top.what, pod(top.namespace.as_ref(), top.pod.as_ref()).as_deref());
    sorted(tops.filter(wanted).collect(), state.order(Pane::Clients), |top| {
        pod(top.namespace.as_ref(), top.pod.as_ref()).unwrap_or_else(|| top.what.clone())
    })
}

/// What has happened, of clients that are looked for.
pub(super) fn events(state: &State) -> Vec<Note> {
    let mut notes = state.figures.notes();
    notes.retain(|note| match &note.what {
        Happening::Detected(found) => {
            matches(state, &found.client, pod(found.namespace.as_ref(), found.pod.as_ref()).as_deref())
        }
        // It is not known whose they were.
        Happening::Withheld(..) => state.filter.is_empty(),
    });
    let found = |note: &Note| match &note.what {
        Happening::Detected(found) => Some(Box::clone(found)),
        Happening::Withheld(..) => None,
    };
    match state.order(Pane::Events) {
        Order::Usual => {}
        Order::Second => notes.sort_by_key(|note| Reverse(found(note).map(|found| found.score))),
        Order::Third => notes.sort_by_key(|note| found(note).map_or_else(|| "~".to_owned(), |found| who(&found))),
    }
    notes
}

/// A pod's name with its namespace.
fn pod(namespace: Option<&String>, pod: Option<&String>) -> Option<String> {
    pod.map(|pod| format!("{}/{pod}", namespace.map_or("", String::as_str)))
}

/// What a client is called: its pod, or its address.
pub(super) fn client(top: &Top) -> String {
    pod(top.namespace.as_ref(), top.pod.as_ref()).unwrap_or_else(|| top.what.clone())
}

/// The same of somebody who was detected.
pub(super) fn who(found: &Detection) -> String {
    pod(found.namespace.as_ref(), found.pod.as_ref()).unwrap_or_else(|| found.client.clone())
}

/// Whether a client is looked for.
fn matches(state: &State, address: &str, pod: Option<&str>) -> bool {
    address.contains(&state.filter) || pod.is_some_and(|pod| pod.contains(&state.filter))
}

/// By rate as they come, or by name.
fn sorted(mut tops: Vec<&Top>, order: Order, name: impl Fn(&Top) -> String) -> Vec<&Top> {
    match order {
        Order::Usual => tops.sort_by(|a, b| b.queries_per_second.total_cmp(&a.queries_per_second)),
        Order::Second => tops.sort_by_key(|top| name(top)),
        Order::Third => tops.sort_by_key(|top| Reverse(name(top))),
    }
    tops
}
