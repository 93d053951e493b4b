//! The options of the filter against DNS rebinding: `[rebinding]`, and `rebinding` of a `[[zone]]`.

use super::{Kind, Section, Setting, Silent};
use crate::config::choice::Choice;
use crate::config::{Preset, RebindingAction, RebindingMode};

/// What `[rebinding]` is about.
pub(super) const REBINDING_DOC: &str = "The addresses that no public name may have. A page whose name gets the address of something inside (DNS rebinding) makes a \
     browser or another client speak to what only the inside may reach. Those that are never public are known: private, shared, \
     loopback, link-local, documentation, multicast and reserved ones, metadata services of clouds, and IPv4 addresses of these kinds \
     inside IPv6 ones. What happens to such answers is said zone by zone (zone.rebinding).";

/// The options of `[rebinding]`.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Rebinding,
        key: "private",
        kind: Kind::Prefixes,
        silent: Silent::Value("[]"),
        doc: "More of them: the networks of pods and services, and whatever else is reached from here alone, where these are on space that \
              looks public.",
    },
    Setting {
        section: Section::Rebinding,
        key: "public",
        kind: Kind::Prefixes,
        silent: Silent::Value("[]"),
        doc: "Addresses that count as public all the same, such as \"198.18.0.0/15\" where a proxy makes addresses up there. Of two \
              prefixes that hold an address the longer decides, and of equal ones this.",
    },
    Setting {
        section: Section::Rebinding,
        key: "nat64",
        kind: Kind::Prefixes,
        silent: Silent::Value("[]"),
        doc: "Prefixes of the network's own NAT64 (RFC 6052), of 32, 40, 48, 56, 64 or 96 bits: the IPv4 address inside is judged. \
              \"64:ff9b::/96\" is known.",
    },
    Setting {
        section: Section::Rebinding,
        key: "own-addresses",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether the addresses of this machine's interfaces are among them; they are looked at every five seconds. false where public \
              names rightly have the public address of this very node.",
    },
    Setting {
        section: Section::Rebinding,
        key: "null",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether 0.0.0.0 and :: are among them. They reach the local machine. Resolvers that block advertisements answer them for \
              \"nowhere\"; a client that gets no data instead goes nowhere as well.",
    },
];

/// The options of `rebinding` in a `[[zone]]`.
pub(super) const ZONE_SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Zone,
        key: "rebinding.mode",
        kind: Kind::Choice(RebindingMode::NAMES),
        silent: Silent::Derived {
            words: "\"block\" for a public zone, \"off\" for an internal one",
            example: "\"block\"",
        },
        doc: "What happens to an answer that leads from a name of this zone to an address of [rebinding]: it does not pass (\"block\"), or it \
              is counted and logged and passes (\"report\"). The name that was asked decides, wherever its aliases lead.",
    },
    Setting {
        section: Section::Zone,
        key: "rebinding.action",
        kind: Kind::Choice(RebindingAction::NAMES),
        silent: Silent::Value("\"nodata\""),
        doc: "What is left of an answer that is blocked: no data, REFUSED, or the records that do not offend (\"strip\"). Clients are told why \
              by the extended error 15.",
    },
    Setting {
        section: Section::Zone,
        key: "rebinding.exempt",
        kind: Kind::Exemptions,
        silent: Silent::Value("[]"),
        doc: "Names that may have such addresses, with all below them: \"corp.example\", or \"lists.example=127.0.0.0/8\" for some alone.",
    },
    Setting {
        section: Section::Zone,
        key: "rebinding.presets",
        kind: Kind::Choices(Preset::NAMES),
        silent: Silent::Value("[]"),
        doc: "Sets of names that are known to have such addresses: services inside a virtual network of Amazon, Microsoft or Google, media \
              servers at home, and block lists of mail servers (these 127.0.0.0/8 alone). See what mode \"report\" logs before you need one.",
    },
];
