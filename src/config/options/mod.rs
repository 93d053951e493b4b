//! The one table of options.
//!
//! Each [`Setting`] says everything about an option: section, key, kind with unit and range, default, and what it is for. Reading,
//! [`Config::default`](super::Config), the reference file and the texts of mistakes are made from it, so that they cannot disagree.
//! What the table does not say is what only makes sense between two options; that stands where the sections are put together.

use std::fmt;
use std::time::Duration;

use super::units::{print_duration, print_size};

mod forwarding;
mod node;
mod observing;
mod rebinding;
mod rewriting;
mod rules;
mod sandbox;
mod serving;
mod supervisor;

pub(super) use forwarding::{INTERNAL_MAX_NEGATIVE_TTL, SILENT_CLUSTER_GROUP, SILENT_CLUSTER_ZONE};

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    /// `[listen]`
    Listen,
    /// `[limits]`
    Limits,
    /// `[cache]`
    Cache,
    /// `[local]`
    Local,
    /// `[policy]`
    Policy,
    /// `[dnssec]`
    Dnssec,
    /// `[rebinding]`
    Rebinding,
    /// `[metrics]`
    Metrics,
    /// `[health]`
    Health,
    /// `[log]`
    Log,
    /// `[query-log]`
    QueryLog,
    /// `[detect]`
    Detect,
    /// `[clients]`
    Clients,
    /// `[control]`
    Control,
    /// `[supervisor]`
    Supervisor,
    /// `[sandbox]`
    Sandbox,
    /// `[interface]`
    Interface,
    /// `[rules]`
    Rules,
    /// `[[upstream]]`, any number of times.
    Upstream,
    /// `[[zone]]`, any number of times.
    Zone,
    /// `[[rewrite]]`, any number of times.
    Rewrite,
    /// `[[template]]`, any number of times.
    Template,
}

impl Section {
    /// All sections in the order of the reference file.
    pub(super) const ALL: [Self; 22] = [
        Self::Listen,
        Self::Limits,
        Self::Cache,
        Self::Local,
        Self::Policy,
        Self::Dnssec,
        Self::Rebinding,
        Self::Metrics,
        Self::Health,
        Self::Log,
        Self::QueryLog,
        Self::Detect,
        Self::Clients,
        Self::Control,
        Self::Supervisor,
        Self::Sandbox,
        Self::Interface,
        Self::Rules,
        Self::Upstream,
        Self::Zone,
        Self::Rewrite,
        Self::Template,
    ];

    /// Its name in the file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Limits => "limits",
            Self::Cache => "cache",
            Self::Local => "local",
            Self::Policy => "policy",
            Self::Dnssec => "dnssec",
            Self::Rebinding => "rebinding",
            Self::Metrics => "metrics",
            Self::Health => "health",
            Self::Log => "log",
            Self::QueryLog => "query-log",
            Self::Detect => "detect",
            Self::Clients => "clients",
            Self::Control => "control",
            Self::Supervisor => "supervisor",
            Self::Sandbox => "sandbox",
            Self::Interface => "interface",
            Self::Rules => "rules",
            Self::Upstream => "upstream",
            Self::Zone => "zone",
            Self::Rewrite => "rewrite",
            Self::Template => "template",
        }
    }

    /// Whether it may stand in a file several times.
    pub(super) const fn is_repeated(self) -> bool {
        self.is_forwarding() || matches!(self, Self::Rewrite | Self::Template)
    }

    /// Whether one of it says where names are asked, so that a file with it is not silent about that.
    pub(super) const fn is_forwarding(self) -> bool {
        matches!(self, Self::Upstream | Self::Zone)
    }

    /// Its headline in the file.
    pub(super) fn header(self) -> String {
        if self.is_repeated() { format!("[[{}]]", self.name()) } else { format!("[{}]", self.name()) }
    }

    /// What its options are about.
    pub(super) const fn doc(self) -> &'static str {
        match self {
            Self::Listen => serving::LISTEN_DOC,
            Self::Limits => serving::LIMITS_DOC,
            Self::Cache => serving::CACHE_DOC,
            Self::Local => serving::LOCAL_DOC,
            Self::Policy => serving::POLICY_DOC,
            Self::Dnssec => forwarding::DNSSEC_DOC,
            Self::Rebinding => rebinding::REBINDING_DOC,
            Self::Metrics => serving::METRICS_DOC,
            Self::Health => serving::HEALTH_DOC,
            Self::Log => serving::LOG_DOC,
            Self::QueryLog => observing::QUERY_LOG_DOC,
            Self::Detect => observing::DETECT_DOC,
            Self::Clients => observing::CLIENTS_DOC,
            Self::Control => observing::CONTROL_DOC,
            Self::Supervisor => supervisor::DOC,
            Self::Sandbox => sandbox::DOC,
            Self::Interface => node::INTERFACE_DOC,
            Self::Rules => rules::DOC,
            Self::Upstream => forwarding::UPSTREAM_DOC,
            Self::Zone => forwarding::ZONE_DOC,
            Self::Rewrite => rewriting::REWRITE_DOC,
            Self::Template => rewriting::TEMPLATE_DOC,
        }
    }

    /// Its options in the order of the reference file.
    pub(super) fn settings(self) -> impl Iterator<Item = &'static Setting> {
        settings().filter(move |setting| setting.section == self)
    }

    /// The section of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }

    /// The option of that key.
    pub(super) fn setting(self, key: &str) -> Option<&'static Setting> {
        self.settings().find(|setting| setting.key == key)
    }
}

/// One option.
#[derive(Debug)]
pub(super) struct Setting {
    /// The table it stands in.
    pub(super) section: Section,
    /// Its key, in kebab case; a dot stands between the key of a table inside the section and a key of that.
    pub(super) key: &'static str,
    /// What may be written.
    pub(super) kind: Kind,
    /// What holds when nothing is written.
    pub(super) silent: Silent,
    /// What it is for: one paragraph, plain text.
    pub(super) doc: &'static str,
}

impl Setting {
    /// The option's name in messages: "section.key".
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.section.name(), self.key)
    }
}

/// What holds when a file is silent about an option.
#[derive(Clone, Copy, Debug)]
pub(super) enum Silent {
    /// This value, as TOML.
    Value(&'static str),
    /// Something that depends on the machine or on other options.
    Derived {
        /// What it depends on.
        words: &'static str,
        /// A value, as TOML. Where the words speak of "at most", it is this one; the code reads it from here.
        example: &'static str,
    },
    /// A mistake; the option must be there.
    Required {
        /// A value, as TOML.
        example: &'static str,
    },
}

/// What may be written as an option's value, with unit and range. Bounds are inclusive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number of something.
    Integer {
        /// The smallest.
        minimum: u64,
        /// The largest.
        maximum: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// A time to the millisecond.
    Duration {
        /// The shortest.
        minimum: Duration,
        /// The longest.
        maximum: Duration,
    },
    /// A time in whole seconds, as TTLs are (RFC 2181 section 8).
    Ttl {
        /// The shortest.
        minimum: Duration,
        /// The longest.
        maximum: Duration,
    },
    /// A number of bytes of memory.
    Size {
        /// The smallest.
        minimum: u64,
        /// The largest.
        maximum: u64,
    },
    /// Any text up to so many bytes.
    Text {
        /// The longest, in bytes.
        maximum: usize,
    },
    /// A name that one section gives and another refers to: letters, digits, "-", "_" and ".".
    Label,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file's path.
    Path,
    /// Addresses and ports of our own, one or a list; empty is nowhere.
    Endpoints,
    /// Addresses of others, perhaps none.
    Destinations {
        /// The port where none is written.
        port: u16,
    },
    /// Addresses of our own, at least one.
    Addresses {
        /// The port where none is written.
        port: u16,
    },
    /// IP prefixes.
    Prefixes,
    /// Lines of text.
    Lines,
    /// Servers to ask, at least one.
    Servers,
    /// SHA-256 digests of subject public key infos.
    Pins,
    /// A domain name.
    Domain,
    /// Suffixes of names.
    Suffixes,
    /// Domain names, none of them the root.
    Domains,
    /// Types of records that a name may go without.
    Types,
    /// Types of questions; "ANY" is all.
    QueryTypes,
    /// Suffixes, each perhaps with prefixes.
    Exemptions,
    /// Some of these words.
    Choices(&'static [&'static str]),
}

impl Kind {
    /// The most elements of a list. A guess well above any use; it keeps what grows with a list in bounds.
    pub(super) const LONGEST_LIST: usize = 1024;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("true or false"),
            Self::Integer { minimum, maximum, unit } => {
                write!(f, "a whole number from {minimum} to {maximum}")?;
                if unit.is_empty() { Ok(()) } else { write!(f, " ({unit})") }
            }
            Self::Duration { minimum, maximum } => {
                write!(f, "a duration from {} to {}", print_duration(*minimum), print_duration(*maximum))
            }
            Self::Ttl { minimum, maximum } => {
                write!(
                    f,
                    "a duration in whole seconds from {} to {}",
                    print_duration(*minimum),
                    print_duration(*maximum)
                )
            }
            Self::Size { minimum, maximum } => {
                write!(f, "a size from {} to {}", print_size(*minimum), print_size(*maximum))
            }
            Self::Text { maximum } => write!(f, "a text of at most {maximum} bytes"),
            Self::Label => f.write_str("a name of letters, digits, \"-\", \"_\" and \".\", at most 63"),
            Self::Choice(words) => write_words(f, words, "or"),
            Self::Choices(words) => {
                f.write_str("a list of ")?;
                write_words(f, words, "and")
            }
            Self::Exemptions => f.write_str(
                "a list of domain names, each with at most one \"*\" in the place of a label, and perhaps \"=PREFIX,PREFIX\" behind it",
            ),
            Self::Path => f.write_str("the path of a file"),
            Self::Endpoints => f.write_str("an address \"IP:PORT\", a list of them, or \"\" for nowhere"),
            Self::Addresses { port } | Self::Destinations { port } => {
                write!(f, "a list of addresses \"IP\" (port {port}) or \"IP:PORT\", with IPv6 as \"[IP]:PORT\"")
            }
            Self::Prefixes => f.write_str("a list of prefixes \"IP/LENGTH\" or single addresses"),
            Self::Lines => f.write_str("a list of texts"),
            Self::Servers => f.write_str(
                "a list of servers \"tls://IP[:PORT]#NAME\", \"tcp://IP[:PORT]\", \"udp://IP[:PORT]\" or \"IP[:PORT]\"",
            ),
            Self::Pins => f.write_str("a list of pins \"sha256/BASE64\""),
            Self::Domain => f.write_str("a domain name"),
            Self::Domains => f.write_str("a list of domain names"),
            Self::Types => f.write_str("a list of types of records, by name or as \"TYPE\" and a number"),
            Self::QueryTypes => f.write_str("a list of types by name or as \"TYPE\" and a number; \"ANY\" is all"),
            Self::Suffixes => {
                f.write_str("a list of domain names, each with at most one \"*\" in the place of a label")
            }
        }
    }
}

/// Writes words as a person lists them.
fn write_words(f: &mut fmt::Formatter<'_>, words: &[&str], last: &str) -> fmt::Result {
    for (position, word) in words.iter().enumerate() {
        match position {
            0 => {}
            _ if position + 1 == words.len() => write!(f, " {last} ")?,
            _ => f.write_str(", ")?,
        }
        write!(f, "{word:?}")?;
    }
    Ok(())
}

/// All options, by section, in the order of the reference file.
pub(super) fn settings() -> impl Iterator<Item = &'static Setting> {
    serving::SETTINGS
        .iter()
        .chain(rebinding::SETTINGS)
        .chain(observing::SETTINGS)
        .chain(supervisor::SETTINGS)
        .chain(sandbox::SETTINGS)
        .chain(node::INTERFACE)
        .chain(rules::SETTINGS)
        .chain(forwarding::SETTINGS)
        .chain(rebinding::ZONE_SETTINGS)
        .chain(observing::ZONE_SETTINGS)
        .chain(rewriting::ZONE_SETTINGS)
        .chain(rewriting::SETTINGS)
}

/// The group and the zone of a file that has none, as TOML: what the examples of the required options say.
pub(super) fn silent_forwarding() -> String {
    let mut text = String::new();
    for section in Section::ALL.into_iter().filter(|section| section.is_forwarding()) {
        text.push_str(&section.header());
        text.push('\n');
        for setting in section.settings() {
            if let Silent::Required { example } = setting.silent {
                text.push_str(&format!("{} = {example}\n", setting.key));
            }
        }
    }
    text
}
