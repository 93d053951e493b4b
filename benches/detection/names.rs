//! Chance from a seed, and the names that programs make with it.

/// Numbers that look random and follow from a seed (`SplitMix64`, by Steele and others).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

/// Words that hosts are called by.
const WORDS: [&str; 64] = [
    "api", "app", "auth", "backend", "billing", "blog", "broker", "cache", "cart", "catalog", "cdn", "checkout",
    "cloud", "cluster", "config", "console", "content", "data", "dev", "docs", "edge", "events", "files", "frontend",
    "gateway", "git", "grafana", "graph", "health", "images", "ingest", "internal", "invoice", "jobs", "kafka",
    "login", "logs", "mail", "media", "metrics", "mobile", "monitor", "node", "orders", "payments", "portal",
    "preview", "prod", "proxy", "queue", "registry", "report", "review", "search", "shop", "staging", "static",
    "status", "store", "stream", "team", "upload", "video", "web",
];

impl Dice {
    /// From a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number of the range.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// From 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time until the next of things that come by chance, `mean` apart on average.
    pub(crate) fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// One of `count`, of which the first is taken most (Zipf).
    pub(crate) fn popular(&mut self, count: u64) -> u64 {
        let drawn = (count as f64 + 1.0).powf(self.unit());
        (drawn as u64).saturating_sub(1).min(count - 1)
    }

    /// A word.
    pub(crate) fn word(&mut self) -> &'static str {
        WORDS[usize::try_from(self.below(WORDS.len() as u64)).unwrap()]
    }

    /// Characters of an alphabet.
    pub(crate) fn text(&mut self, alphabet: &[u8], length: u64) -> String {
        (0..length).map(|_| char::from(alphabet[usize::try_from(self.below(alphabet.len() as u64)).unwrap()])).collect()
    }

    /// Hexadecimal digits.
    pub(crate) fn hex(&mut self, length: u64) -> String {
        self.text(b"0123456789abcdef", length)
    }

    /// An UUID.
    pub(crate) fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|length| self.hex(length)).join("-")
    }
}

/// The same as [`Dice`] would give for the thing of this number: names of a pool that need not be kept.
pub(crate) fn of(kind: u64, number: u64) -> Dice {
    Dice::new(kind.wrapping_mul(0x1_0000_01B3) ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Splits text into labels of at most `length`.
pub(crate) fn labels(text: &str, length: usize) -> String {
    let chunks: Vec<_> =
        text.as_bytes().chunks(length).map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect();
    chunks.join(".")
}
