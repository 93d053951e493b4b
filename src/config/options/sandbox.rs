//! The options of what the process that answers gives up: `[sandbox]`.

use super::{Kind, Section, Setting, Silent};

/// What `[sandbox]` is about.
pub(super) const DOC: &str =
    "What the process that answers gives up before the first query: root, capabilities, files, and most system calls.";

/// The options.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Sandbox,
        key: "enabled",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether it does. Parts that a kernel does not have are left out and named in the log; this switch is for finding a fault.",
    },
    Setting {
        section: Section::Sandbox,
        key: "user",
        kind: Kind::Text { maximum: 32 },
        silent: Silent::Value("\"\""),
        doc: "Who it is when it was started as root: a name or a number. \"\" is the user \"nodens\" if there is one, else 65532, which no system \
              gives to anybody. That user must be able to read the configuration and what it names, and to write the snapshot's folder. \
              \"root\" stays root, without capabilities.",
    },
];
