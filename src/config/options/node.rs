//! The options of the node's own network: `[interface]`.

use std::time::Duration;

use super::{Kind, Section, Setting, Silent};

/// What `[interface]` is about.
pub(super) const INTERFACE_DOC: &str = "The link that carries the listen addresses on a Kubernetes node, so that pods reach them. All of it takes effect at the next start.";

/// The options of `[interface]`.
pub(super) const INTERFACE: &[Setting] = &[
    Setting {
        section: Section::Interface,
        key: "manage",
        kind: Kind::Switch,
        silent: Silent::Value("false"),
        doc: "Whether the daemon makes the link, puts the addresses of listen.addresses on it as /32 and /128, and repairs it when somebody \
              changes it. Loopback addresses, 0.0.0.0, ::, link-local ones of IPv6 and those that another link has already stay where they \
              are. It needs CAP_NET_ADMIN.",
    },
    Setting {
        section: Section::Interface,
        key: "name",
        kind: Kind::Label,
        silent: Silent::Value("\"nodelocaldns\""),
        doc: "The link's name, at most 15 bytes. It is made as a dummy, or as a bridge without ports where the kernel has no dummies, and \
              carries the alias \"nodens\", by which it is known again.",
    },
    Setting {
        section: Section::Interface,
        key: "interval",
        kind: Kind::Duration { minimum: Duration::from_secs(1), maximum: Duration::from_secs(3600) },
        silent: Silent::Value("\"60s\""),
        doc: "How often the link is looked at even if the kernel tells of no change.",
    },
    Setting {
        section: Section::Interface,
        key: "take-over",
        kind: Kind::Switch,
        silent: Silent::Value("false"),
        doc: "Whether a link of that name that somebody else has made is used. Nothing on it is removed but the listen addresses, at the end, \
              and it is never deleted. Without this such a link is left alone, and that is an error; what a Go node-cache left behind is \
              taken over in any case: a dummy without an alias that has no addresses but those to be put on it.",
    },
    Setting {
        section: Section::Interface,
        key: "teardown",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether the link is deleted when the daemon is told to stop. false leaves it, with its addresses.",
    },
];
