//! The one table of plugins: which there are, what may follow them, what becomes of each word here.
//!
//! Reading a server block, the nearest word to one that is unknown, the notices of what differs in any case, and the table of the manual are
//! made from it, so that they cannot disagree. What depends on the values of an option is in `compile`.

mod forwarding;
mod names;
mod others;
mod serving;

/// A plugin of CoreDNS.
#[derive(Debug)]
pub(super) struct Plugin {
    /// As a Corefile names it.
    pub(super) name: &'static str,
    /// The fewest and the most words behind it on its line.
    pub(super) arguments: (usize, usize),
    /// Whether CoreDNS refuses a second one in the same server block.
    pub(super) once: bool,
    /// What becomes of it.
    pub(super) effect: Effect,
    /// What may stand in its braces.
    pub(super) body: Body,
}

/// What may stand in the braces of a plugin.
#[derive(Debug)]
pub(super) enum Body {
    /// These words.
    Words(&'static [Word]),
    /// These words, and lines that begin with an address.
    Hosts(&'static [Word]),
    /// Whatever: the plugin does nothing here.
    Anything,
}

/// A line in the braces of a plugin.
#[derive(Debug)]
pub(super) struct Word {
    /// The first word of the line.
    pub(super) name: &'static str,
    /// The fewest and the most words behind it.
    pub(super) arguments: (usize, usize),
    /// What becomes of it.
    pub(super) effect: Effect,
}

/// What becomes of a plugin or an option.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// It becomes this.
    Becomes(&'static str),
    /// It is so in any case.
    Always(&'static str),
    /// It is not done: a notice tells what differs and what happens instead.
    Differs(&'static str, &'static str),
    /// It cannot be left out without names going wrong: a mistake tells what it would do and what to do instead.
    Refused(&'static str, &'static str),
}

/// Any number of words.
pub(super) const ANY: usize = usize::MAX;

impl Plugin {
    /// All plugins that are known.
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        [serving::PLUGINS, forwarding::PLUGINS, names::PLUGINS, others::PLUGINS].into_iter().flatten()
    }

    /// The plugin of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|plugin| plugin.name == name)
    }

    /// The lines that its braces may hold; `None` if they may hold anything.
    pub(super) fn words(&self) -> Option<&'static [Word]> {
        match self.body {
            Body::Words(words) | Body::Hosts(words) => Some(words),
            Body::Anything => None,
        }
    }
}

/// The known word that somebody who wrote `word` most likely meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let spelt: Vec<(String, &str)> = candidates.map(|candidate| (candidate.replace('_', "-"), candidate)).collect();
    let near = crate::config::nearest(word, spelt.iter().map(|(spelling, _)| spelling.as_str()))?.to_owned();
    spelt.into_iter().find(|(spelling, _)| *spelling == near).map(|(_, candidate)| candidate)
}

impl Effect {
    /// A sentence for the manual.
    fn sentence(self) -> String {
        match self {
            Self::Becomes(what) => what.to_owned(),
            Self::Always(what) => format!("always so: {what}"),
            Self::Differs(differs, instead) => format!("a notice: {differs}; {instead}"),
            Self::Refused(wrong, right) => format!("a mistake: {wrong}; {right}"),
        }
    }
}

/// The names of all plugins that are known.
pub fn plugin_names() -> impl Iterator<Item = &'static str> {
    Plugin::all().map(|plugin| plugin.name)
}

/// The table of the manual, in Markdown.
#[must_use]
pub fn table() -> String {
    let mut text = String::from("| in a Corefile | here |\n|---|---|\n");
    for plugin in Plugin::all() {
        text.push_str(&format!("| **{}** | {} |\n", plugin.name, plugin.effect.sentence()));
        for word in plugin.words().unwrap_or_default() {
            text.push_str(&format!("| {}: `{}` | {} |\n", plugin.name, word.name, word.effect.sentence()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ANY, Plugin, nearest};

    #[test]
    fn every_plugin_and_every_word_of_one_stands_once() {
        let mut seen = BTreeSet::new();
        for plugin in Plugin::all() {
            assert!(seen.insert((plugin.name, "")), "{}", plugin.name);
            assert!(plugin.arguments.0 <= plugin.arguments.1, "{}", plugin.name);
            for word in plugin.words().unwrap_or_default() {
                assert!(seen.insert((plugin.name, word.name)), "{} {}", plugin.name, word.name);
                assert!(word.arguments.0 <= word.arguments.1 && word.arguments.0 < ANY, "{}", word.name);
            }
        }
    }

    #[test]
    fn node_cache_knows_no_plugin_that_is_not_here() {
        for name in [
            "bind",
            "bufsize",
            "cache",
            "debug",
            "dns64",
            "errors",
            "forward",
            "health",
            "hosts",
            "loadbalance",
            "log",
            "loop",
            "prometheus",
            "pprof",
            "reload",
            "rewrite",
            "template",
            "timeouts",
            "trace",
            "whoami",
            "acl",
            "ready",
            "nsid",
        ] {
            assert!(Plugin::named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_word_with_an_underscore_is_near_itself() {
        let words = ["force_tcp", "prefer_udp", "expire"];
        assert_eq!(nearest("force-tcp", words.into_iter()), Some("force_tcp"));
        assert_eq!(nearest("forcetcp", words.into_iter()), Some("force_tcp"));
        assert_eq!(nearest("perfer_udp", words.into_iter()), Some("prefer_udp"));
        assert_eq!(nearest("kubernetes", words.into_iter()), None);
    }
}
