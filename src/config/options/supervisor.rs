//! The options of the process that stands behind the one that answers: `[supervisor]`.

use std::time::Duration;

use super::{Kind, Section, Setting, Silent};

/// What `[supervisor]` is about.
pub(super) const DOC: &str = "The process that holds the sockets, starts the one that answers, and starts it again. \
                              `nodens run --no-supervisor` goes without it.";

/// The options.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Supervisor,
        key: "hang-timeout",
        kind: Kind::Duration { minimum: Duration::from_secs(2), maximum: Duration::from_secs(300) },
        silent: Silent::Value("\"5s\""),
        doc: "For how long the worker may not answer its own queries, one a second to each listener, before it is killed and started again.",
    },
    Setting {
        section: Section::Supervisor,
        key: "snapshot-interval",
        kind: Kind::Duration { minimum: Duration::from_secs(1), maximum: Duration::from_secs(86_400) },
        silent: Silent::Value("\"30s\""),
        doc: "How often the worker leaves its answers with the supervisor, in memory, so that the next one begins with them. At most \
              cache.snapshot-size bytes.",
    },
    Setting {
        section: Section::Supervisor,
        key: "socket",
        kind: Kind::Path,
        silent: Silent::Derived { words: "nowhere", example: "\"/run/nodens/handover\"" },
        doc: "Where another nodens takes over from this one without a gap: sockets, connections and answers. Its folder must be there and be \
              writable; only root and the user of this process are let in. A nodens that finds one there takes over from it when it starts.",
    },
    Setting {
        section: Section::Supervisor,
        key: "linger",
        kind: Kind::Switch,
        silent: Silent::Value("false"),
        doc: "Whether a nodens from which another one has taken over stays, holding nothing, until it is told to stop, and takes its place \
              again if the other one goes first. For a DaemonSet whose rolling update has maxSurge: a pod that ended by itself would be started \
              again, and take over in its turn.",
    },
];
