//! What all tests share: the real daemon as a child process, a client that checks every reply, servers that misbehave on demand.
//!
//! Nothing here uses the daemon's own parser or composer: a mistake that both sides of a test make is a mistake no test finds.
//! [`wire`] is a second, naive reader of DNS messages, and every reply is read a third time by hickory-proto.

// The bytes.
pub(crate) mod ask;
pub(crate) mod compose;
pub(crate) mod wire;

// The two ends of the daemon, and what lies between it and a server.
pub(crate) mod chaos;
pub(crate) mod client;
pub(crate) mod upstream;

// The daemon itself, and what it says.
pub(crate) mod control;
pub(crate) mod daemon;
pub(crate) mod metrics;

// The surroundings.
pub(crate) mod certificate;
pub(crate) mod cluster;
pub(crate) mod namespace;
pub(crate) mod peer;
pub(crate) mod signing;
pub(crate) mod skip;

use std::time::Duration;

use nodens::sys::clock;

/// How long a test waits for something that must happen; far more than it ever takes, so that a loaded machine fails no test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(5);

/// Waits until `condition` holds, and fails the test with `what` if it does not within [`PATIENCE`].
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = clock::now();
    while !condition() {
        assert!(clock::now().since(start) < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        // The pause between two looks at a condition, not a guess at how long it takes to come true.
        std::thread::park_timeout(POLL);
    }
}

/// Seconds that passed since `start`.
pub(crate) fn elapsed(start: clock::Moment) -> Duration {
    clock::now().since(start)
}
