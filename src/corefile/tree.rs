//! What a Corefile says, before anybody asks what it means: server blocks of directives, each with its place.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A file that was read, with all it imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corefile {
    /// In the order of the text. A block without directives is one, too.
    pub blocks: Vec<ServerBlock>,
    /// What was imported: a change of one of them is a change of the whole.
    pub files: Vec<PathBuf>,
    /// What is odd, but no reason to refuse the file.
    pub notices: Vec<Notice>,
}

/// `cluster.local:53 in-addr.arpa:53 { … }`: what holds for some zones at one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerBlock {
    /// Where its first key stands.
    pub place: Place,
    /// The zones and ports; never empty. A reverse zone in CIDR form that lies between labels has become several.
    pub keys: Vec<Key>,
    /// The plugins, in the order of the text, which means nothing to CoreDNS: it runs plugins in an order of its own.
    pub directives: Vec<Directive>,
}

/// A zone and a port that a server block holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// As it was written, variables replaced.
    pub text: String,
    /// How clients ask.
    pub transport: Transport,
    /// The zone: lower case, with the dot at its end.
    pub zone: String,
    /// The port; `None` is the transport's own, or what the command line says.
    pub port: Option<u16>,
}

/// How clients ask a server block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `dns://`, or nothing: UDP and TCP.
    Dns,
    /// `tls://`: DNS over TLS.
    Tls,
    /// `https://` and `https3://`: DNS over HTTPS.
    Https,
    /// `grpc://`.
    Grpc,
    /// `quic://`: DNS over QUIC.
    Quic,
}

/// A plugin, or a line within the braces of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Where it begins.
    pub place: Place,
    /// The first word.
    pub name: String,
    /// The other words of the line.
    pub arguments: Vec<String>,
    /// The lines within braces; `None` without braces.
    pub block: Option<Vec<Self>>,
}

impl Directive {
    /// The lines within its braces; none without braces.
    #[must_use]
    pub fn lines(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as the operator named it, or as `import` found it.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What keeps a Corefile from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// The directive or option, or "syntax".
    pub subject: String,
    /// What is wrong, as a clause without a full stop.
    pub wrong: String,
    /// What would be right, as a clause without a full stop.
    pub right: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.place, self.subject, self.wrong, self.right)
    }
}

/// What a Corefile says and is not done just so here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Where.
    pub place: Place,
    /// The directive or option.
    pub subject: String,
    /// What differs, as a clause without a full stop.
    pub differs: String,
    /// What happens instead, or what to do, as a clause without a full stop.
    pub instead: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.place, self.subject, self.differs, self.instead)
    }
}
