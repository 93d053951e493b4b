//! Options that are one of a few words: the words, in one place for reading and printing.

use super::{
    Answers, Class, Dnssec, Format, Level, Matching, MetricNames, Policy, Preset, RebindingAction, RebindingMode,
    Route, RulesBackend,
};

/// A type whose values have words.
pub(super) trait Choice: Copy + PartialEq + Sized + 'static {
    /// The words.
    const NAMES: &'static [&'static str];
    /// The values, in the order of the words.
    const VALUES: &'static [Self];

    /// The value of a word.
    fn named(word: &str) -> Option<Self> {
        let position = Self::NAMES.iter().position(|name| *name == word)?;
        Self::VALUES.get(position).copied()
    }

    /// The word of a value.
    fn name(self) -> &'static str {
        let position = Self::VALUES.iter().position(|value| *value == self);
        position.and_then(|position| Self::NAMES.get(position)).expect("every value has a word")
    }
}

impl Choice for Level {
    const NAMES: &'static [&'static str] = &["error", "warn", "info", "debug"];
    const VALUES: &'static [Self] = &[Self::Error, Self::Warn, Self::Info, Self::Debug];
}

impl Choice for MetricNames {
    const NAMES: &'static [&'static str] = &["few", "coredns", "all"];
    const VALUES: &'static [Self] = &[Self::Few, Self::Coredns, Self::All];
}

impl Choice for Format {
    const NAMES: &'static [&'static str] = &["text", "json"];
    const VALUES: &'static [Self] = &[Self::Text, Self::Json];
}

impl Choice for Class {
    const NAMES: &'static [&'static str] = &["internal", "public"];
    const VALUES: &'static [Self] = &[Self::Internal, Self::Public];
}

impl Choice for Dnssec {
    const NAMES: &'static [&'static str] = &["off", "forward", "validate"];
    const VALUES: &'static [Self] = &[Self::Off, Self::Forward, Self::Validate];
}

impl Choice for Policy {
    const NAMES: &'static [&'static str] = &["fastest", "sequential", "round-robin", "random"];
    const VALUES: &'static [Self] = &[Self::Fastest, Self::Sequential, Self::RoundRobin, Self::Random];
}

impl Choice for RebindingMode {
    const NAMES: &'static [&'static str] = &["block", "report", "off"];
    const VALUES: &'static [Self] = &[Self::Block, Self::Report, Self::Off];
}

impl Choice for RebindingAction {
    const NAMES: &'static [&'static str] = &["nodata", "refuse", "strip"];
    const VALUES: &'static [Self] = &[Self::NoData, Self::Refuse, Self::Strip];
}

impl Choice for RulesBackend {
    const NAMES: &'static [&'static str] = &["none", "nftables", "iptables"];
    const VALUES: &'static [Self] = &[Self::None, Self::Nftables, Self::Iptables];
}

impl Choice for Preset {
    const NAMES: &'static [&'static str] = &["aws", "azure", "gcp", "plex", "dnsbl"];
    const VALUES: &'static [Self] = &[Self::Aws, Self::Azure, Self::Gcp, Self::Plex, Self::Dnsbl];
}

impl Choice for Matching {
    const NAMES: &'static [&'static str] = &["exact", "prefix", "suffix", "substring", "regex", "type", "ttl"];
    const VALUES: &'static [Self] =
        &[Self::Exact, Self::Prefix, Self::Suffix, Self::Substring, Self::Regex, Self::Type, Self::Ttl];
}

impl Choice for Answers {
    const NAMES: &'static [&'static str] = &["auto", "none"];
    const VALUES: &'static [Self] = &[Self::Auto, Self::None];
}

impl Choice for Route {
    const NAMES: &'static [&'static str] = &["target", "question"];
    const VALUES: &'static [Self] = &[Self::Target, Self::Question];
}

/// Gives types their words outside of this folder, too.
macro_rules! words {
    ($($name:ident),+) => {
        $(impl $name {
            /// The word that the configuration has for it.
            #[must_use]
            pub fn word(self) -> &'static str {
                Choice::name(self)
            }
        })+
    };
}

words!(Level, Class, Dnssec, Policy, RebindingMode, RebindingAction, Matching);
