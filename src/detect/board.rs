//! What was found, for whoever wants to see it: the last detections and what is asked most.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::rules::Rule;
use super::top::Top;

/// Detections that are remembered.
pub const REMEMBERED: usize = 256;

/// Names and clients that are shown at most.
pub const MOST_SHOWN: usize = 100;

/// What follows a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is noted.
    Observed,
    /// Somebody is warned.
    Alerted,
    /// New names of the domain are let through slowly to that client.
    Limited,
    /// They are refused.
    Blocked,
}

impl Action {
    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Alerted => "alerted",
            Self::Limited => "limited",
            Self::Blocked => "blocked",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// When it was found first, in seconds since 1970.
    pub at: u64,
    /// When it was found last.
    pub last: u64,
    /// What.
    pub rule: Rule,
    /// Who did it.
    pub client: IpAddr,
    /// With which domain, in presentation form; empty where it is about the client alone.
    pub domain: String,
    /// How sure it is, from 60 to 99.
    pub score: u8,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// What follows.
    pub action: Action,
    /// How many questions it was found with.
    pub count: u32,
}

/// What is shown.
#[derive(Debug, Default)]
pub struct Board(Mutex<Shown>);

/// What is on it.
#[derive(Debug, Default)]
struct Shown {
    /// The newest last.
    detections: VecDeque<Detection>,
    /// The names asked most, the first first.
    names: Vec<Top>,
    /// The clients that ask most.
    clients: Vec<Top>,
}

impl Board {
    /// The last detections, the newest first: [`REMEMBERED`] at most.
    #[must_use]
    pub fn detections(&self) -> Vec<Detection> {
        self.shown().detections.iter().rev().cloned().collect()
    }

    /// The names asked most.
    #[must_use]
    pub fn top_names(&self, most: usize) -> Vec<Top> {
        self.shown().names.iter().take(most).cloned().collect()
    }

    /// The clients that ask most.
    #[must_use]
    pub fn top_clients(&self, most: usize) -> Vec<Top> {
        self.shown().clients.iter().take(most).cloned().collect()
    }

    /// Puts a detection on it: in the place of what it goes on with, which was first found when that was, or as the newest.
    pub(super) fn put(&self, mut detection: Detection) {
        let mut shown = self.shown();
        let is_same = |other: &Detection| {
            let is_tunnel = |rule| matches!(rule, Rule::Signature | Rule::Burst | Rule::Volume | Rule::Slow);
            let is_kind = other.rule == detection.rule || is_tunnel(other.rule) && is_tunnel(detection.rule);
            is_kind
                && other.client == detection.client
                && other.domain == detection.domain
                && other.count < detection.count
        };
        if let Some(at) = shown.detections.iter().rposition(is_same) {
            if let Some(before) = shown.detections.remove(at) {
                detection.at = before.at;
                detection.score = detection.score.max(before.score);
            }
        } else if shown.detections.len() >= REMEMBERED {
            shown.detections.pop_front();
        }
        shown.detections.push_back(detection);
    }

    /// Shows what is asked most.
    pub(super) fn set_top(&self, names: Vec<Top>, clients: Vec<Top>) {
        let mut shown = self.shown();
        (shown.names, shown.clients) = (names, clients);
    }

    /// What is on it. Whoever panicked with it in hand has ended the process.
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A detection of a client.
    fn detection(client: u8, rule: Rule, count: u32) -> Detection {
        let client = IpAddr::from([10, 0, 0, client]);
        let domain = "tunnel.test.".to_owned();
        Detection {
            at: count.into(),
            last: count.into(),
            rule,
            client,
            domain,
            score: 70,
            reasons: vec![],
            action: Action::Observed,
            count,
        }
    }

    #[test]
    fn what_goes_on_has_one_entry_and_moves_to_the_front() {
        let board = Board::default();
        board.put(detection(1, Rule::Burst, 1));
        board.put(detection(2, Rule::Burst, 1));
        board.put(detection(1, Rule::Signature, 9));
        let shown = board.detections();
        assert_eq!(shown.len(), 2);
        assert_eq!(
            (shown[0].client, shown[0].count, shown[0].at, shown[0].last),
            (IpAddr::from([10, 0, 0, 1]), 9, 1, 9)
        );
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let board = Board::default();
        for client in 0..=255 {
            board.put(detection(client, Rule::Burst, 1));
        }
        board.put(detection(0, Rule::Rebinding, 1));
        let shown = board.detections();
        assert_eq!(shown.len(), REMEMBERED);
        assert_eq!(shown[0].rule, Rule::Rebinding);
        assert!(shown[1..].iter().all(|one| one.client != IpAddr::from([10, 0, 0, 0])), "the first is gone");
    }
}
