//! The options of packet rules: `[rules]`.

use std::time::Duration;

use super::{Kind, Section, Setting, Silent};
use crate::config::RulesBackend;
use crate::config::choice::Choice;

/// What `[rules]` is about.
pub(super) const DOC: &str = "Packet rules of the node for the addresses of [listen], loopback excepted: packets pass by connection \
     tracking, and with nftables they pass by the daemon, too, as soon as it is gone.";

/// The options.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Rules,
        key: "backend",
        kind: Kind::Choice(RulesBackend::NAMES),
        silent: Silent::Value("\"none\""),
        doc: "Who makes them: nobody, the daemon itself in a table \"inet nodens\" of its own (\"nftables\", Linux 5.2 or newer, no program \
              needed), or the programs iptables-restore and iptables-save with the rules of node-cache (\"iptables\").",
    },
    Setting {
        section: Section::Rules,
        key: "interval",
        kind: Kind::Duration { minimum: Duration::from_secs(1), maximum: Duration::from_secs(3600) },
        silent: Silent::Value("\"60s\""),
        doc: "How often the rules are compared with what they should be. With nftables they are also looked at when the kernel tells of a \
              change.",
    },
    Setting {
        section: Section::Rules,
        key: "timeout",
        kind: Kind::Duration { minimum: Duration::from_secs(2), maximum: Duration::from_secs(60) },
        silent: Silent::Value("\"3s\""),
        doc: "With nftables: how long the rules hold when nobody says any more that the daemon answers; it is said every second. After that \
              packets go as if the daemon had never been there.",
    },
    Setting {
        section: Section::Rules,
        key: "fallback",
        kind: Kind::Destinations { port: 53 },
        silent: Silent::Value("[]"),
        doc: "With nftables: servers that then answer in our place for addresses of node-local, one of them by chance for each client \
              port. They must be servers themselves: the address of a Kubernetes service is not one, since a packet's destination is \
              replaced only once. Empty, or none of the address's family: such packets are refused at once.",
    },
    Setting {
        section: Section::Rules,
        key: "node-local",
        kind: Kind::Prefixes,
        silent: Silent::Value("[\"169.254.0.0/16\", \"fe80::/10\"]"),
        doc: "Listen addresses in these prefixes belong to nobody but this daemon. Others, such as the address of the cluster's DNS service, \
              have somebody else's rules behind ours, which take over by themselves.",
    },
    Setting {
        section: Section::Rules,
        key: "teardown",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether the rules are removed at the end, before anything else.",
    },
];
