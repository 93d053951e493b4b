//! Whom to trust, and of which names nothing is to be proved.
//!
//! A trust anchor is a key of a zone, or the digest of one, that is believed without a signature from above (RFC 4033 section 2). The
//! root's keys are built in; a file adds those of other zones, or puts others in the root's place. Its lines are records in zone-file
//! form, one a line, or over several lines in parentheses:
//!
//! ```text
//! example.       IN DS 12345 13 2 0123…      ; digest types 1, 2 and 4
//! corp.test. 3600 IN DNSKEY 257 3 15 base64…
//! ```
//!
//! A negative trust anchor (RFC 7646) is a name below which nothing is validated. The nearer of the two decides; of two on the same
//! name, the negative one.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use data_encoding::{BASE64, HEXUPPER_PERMISSIVE};
use foldhash::quality::RandomState;
use hickory_proto::dnssec::rdata::{DNSKEY, DS};
use hickory_proto::dnssec::{Algorithm, DigestType, PublicKey as _, PublicKeyBuf, TrustAnchors};
use hickory_proto::rr::Name;

use crate::config::{Config, Dnssec};
use crate::error::{ExitCode, Failure};
use crate::wire::name;

/// Largest file of anchors in bytes: a thousand zones.
const MAX_BYTES: u64 = 1 << 20;

/// Most keys and digests of one zone. A guess: a zone that changes its key has two, and each is compared with every key of the zone.
const MOST_OF_A_ZONE: usize = 16;

/// The flags of a key that signs keys: zone key and secure entry point (RFC 4034 section 2.1.1).
const KEY_SIGNING: u16 = 0x0101;

/// Reverse zones of addresses that everybody may use at home: RFC 1918, 6598, 4193, 3927 and 4291 (those of RFC 6303). Whoever answers for them,
/// their parents' signatures say that they do not exist.
const PRIVATE_REVERSE: [&str; 11] = [
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    "254.169.in-addr.arpa",
    "127.in-addr.arpa",
    "0.in-addr.arpa",
    "c.f.ip6.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
];

/// What is trusted of one zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Anchor {
    /// Keys.
    pub(super) keys: Vec<DNSKEY>,
    /// Digests of keys.
    pub(super) digests: Vec<DS>,
}

impl Anchor {
    /// Whether `key` of `zone` is one of them.
    pub(super) fn holds(&self, zone: &Name, key: &DNSKEY) -> bool {
        let same = |anchor: &DNSKEY| anchor.public_key() == key.public_key();
        self.keys.iter().any(same) || self.digests.iter().any(|digest| digest.covers(zone, key).unwrap_or(false))
    }

    /// Adds a record.
    fn add(&mut self, record: Trusted) {
        match record {
            Trusted::Key(key) => self.keys.push(key),
            Trusted::Digest(digest) => self.digests.push(digest),
        }
    }
}

/// One record of a file.
enum Trusted {
    /// DNSKEY.
    Key(DNSKEY),
    /// DS.
    Digest(DS),
}

/// Who decides over a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Governor<'a> {
    /// The zone of a trust anchor, in wire format.
    Anchor(&'a [u8]),
    /// Nobody: no anchor lies above, or a negative one is nearer.
    Nobody,
}

/// Everything that is trusted, and all that is not looked at. Made at the start and by a reload; all workers share one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Anchors {
    /// By zone, in wire format.
    positive: BTreeMap<Box<[u8]>, Anchor>,
    /// In wire format.
    negative: HashSet<Box<[u8]>, RandomState>,
}

impl Anchors {
    /// What a configuration says: the built-in keys, the file, and the names that its zones leave out.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is too large, or something in it is wrong; all that is wrong is in one failure, with its lines.
    pub fn new(config: &Config) -> Result<Self, Failure> {
        let mut anchors = Self { positive: BTreeMap::from([(Box::from([0]), root())]), ..Self::default() };
        if !config.zones.iter().any(|zone| zone.dnssec == Dnssec::Validate) && config.dnssec.anchors.is_none() {
            return Ok(anchors);
        }
        if let Some(path) = &config.dnssec.anchors {
            let of_file = read(path)?;
            anchors.positive.extend(of_file);
        }
        // A zone of which nothing is validated is no business of those above it, whose servers may not even know it.
        let left_out = config.zones.iter().filter(|zone| zone.dnssec != Dnssec::Validate).map(|zone| &zone.name);
        let configured = config.zones.iter().flat_map(|zone| &zone.negative_trust_anchors);
        let shared = (16..32).map(|byte| format!("{byte}.172.in-addr.arpa"));
        let shared = shared.chain((64..128).map(|byte| format!("{byte}.100.in-addr.arpa")));
        let private = PRIVATE_REVERSE.iter().map(|zone| (*zone).to_owned()).chain(shared);
        // The operator who validates a private reverse zone by an anchor of its own knows better.
        let all = left_out.chain(configured).filter(|name| *name != ".").cloned().chain(private);
        anchors.negative.extend(all.filter_map(|name| name::parse(&name)).map(Vec::into_boxed_slice));
        Ok(anchors)
    }

    /// Who decides over `name`, folded and in wire format.
    pub(super) fn govern<'a>(&self, name: &'a [u8]) -> Governor<'a> {
        for suffix in name::suffixes(name).map(|at| &name[at..]).chain([&[0][..]]) {
            if self.negative.contains(suffix) {
                return Governor::Nobody;
            }
            if self.positive.contains_key(suffix) {
                return Governor::Anchor(suffix);
            }
        }
        Governor::Nobody
    }

    /// What is trusted of a zone.
    pub(super) fn of(&self, zone: &[u8]) -> Option<&Anchor> {
        self.positive.get(zone)
    }
}

/// All of it in one form, for comparing what was judged by which.
impl fmt::Display for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut negative: Vec<_> = self.negative.iter().collect();
        negative.sort_unstable();
        write!(f, "{:?} {negative:?}", self.positive)
    }
}

/// The root's keys that are built in: KSK-2017 and KSK-2024.
fn root() -> Anchor {
    let built_in = TrustAnchors::default();
    let keys = (0..built_in.len()).filter_map(|index| built_in.get(index));
    let key = |key: &PublicKeyBuf| {
        DNSKEY::with_flags(KEY_SIGNING, PublicKeyBuf::new(key.public_bytes().to_vec(), key.algorithm()))
    };
    Anchor { keys: keys.map(key).collect(), digests: Vec::new() }
}

//------ The file ----------------------------------------------------------------------------------------------------

/// Reads a file of anchors.
fn read(path: &Path) -> Result<BTreeMap<Box<[u8]>, Anchor>, Failure> {
    let shown = path.display();
    let mut bytes = Vec::new();
    // One byte more than may be there shows that there is more.
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::new(ExitCode::Config, format!("dnssec.trust-anchors: {shown}: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        let text = format!("dnssec.trust-anchors: {shown} is larger than {MAX_BYTES} bytes");
        return Err(Failure::new(ExitCode::Config, text));
    }
    let text = String::from_utf8_lossy(&bytes);
    parse(&text).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(|mistake| format!("{shown}:{mistake}")).collect();
        Failure::new(ExitCode::Config, lines.join("\n"))
    })
}

/// Something wrong in a file of anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The line, from 1.
    line: usize,
    /// What.
    wrong: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: dnssec.trust-anchors: {}; a record such as \"example. IN DS 12345 13 2 49FD…\"",
            self.line, self.wrong
        )
    }
}

/// Reads the text of such a file; all mistakes at once.
pub(super) fn parse(text: &str) -> Result<BTreeMap<Box<[u8]>, Anchor>, Vec<Mistake>> {
    let mut anchors: BTreeMap<Box<[u8]>, Anchor> = BTreeMap::new();
    let mut mistakes = Vec::new();
    let mut open = false;
    let (mut words, mut first): (Vec<String>, usize) = (Vec::new(), 0);
    for (index, line) in text.lines().enumerate() {
        let line = line.split(';').next().unwrap_or_default();
        for character in line.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
            match character {
                "(" => open = true,
                ")" => open = false,
                word => {
                    if words.is_empty() {
                        first = index + 1;
                    }
                    words.push(word.to_owned());
                }
            }
        }
        if open || words.is_empty() {
            continue;
        }
        match record(&words) {
            Ok((zone, record)) => {
                let anchor = anchors.entry(zone).or_default();
                if anchor.keys.len() + anchor.digests.len() == MOST_OF_A_ZONE {
                    let wrong = format!("{} has more than {MOST_OF_A_ZONE} keys and digests", words[0]);
                    mistakes.push(Mistake { line: first, wrong });
                } else {
                    anchor.add(record);
                }
            }
            Err(wrong) => mistakes.push(Mistake { line: first, wrong }),
        }
        words.clear();
    }
    if open {
        mistakes.push(Mistake { line: first, wrong: "a parenthesis is not closed".to_owned() });
    }
    if mistakes.is_empty() { Ok(anchors) } else { Err(mistakes) }
}

/// Reads one record: its zone in wire format, and what is trusted.
fn record(words: &[String]) -> Result<(Box<[u8]>, Trusted), String> {
    let (owner, mut rest) = words.split_first().ok_or("nothing is written")?;
    let zone = name::parse(owner).ok_or_else(|| format!("{owner:?} is not a name"))?;
    // TTL and class may stand in either order, or be left out (RFC 1035 section 5.1).
    while let Some((word, behind)) = rest.split_first()
        && (word.eq_ignore_ascii_case("IN") || word.bytes().all(|byte| byte.is_ascii_digit()))
    {
        rest = behind;
    }
    let (kind, data) = rest.split_first().ok_or("the type is missing")?;
    let record = match kind.to_ascii_uppercase().as_str() {
        "DS" => digest(data)?,
        "DNSKEY" => key(data)?,
        _ => return Err(format!("{kind:?} is neither DS nor DNSKEY")),
    };
    Ok((zone.into_boxed_slice(), record))
}

/// Reads the data of a DS record (RFC 4034 section 5.3).
fn digest(data: &[String]) -> Result<Trusted, String> {
    let [tag, algorithm, kind, digest @ ..] = data else {
        return Err("a DS record has a key tag, an algorithm, a digest type and a digest".to_owned());
    };
    let tag = tag.parse().map_err(|_| format!("{tag:?} is not a key tag"))?;
    let algorithm = self::algorithm(algorithm)?;
    let kind = kind.parse().map(<DigestType as From<u8>>::from).ok().filter(DigestType::is_supported);
    let kind = kind.ok_or("the digest type is none of 1, 2 and 4")?;
    let digest = HEXUPPER_PERMISSIVE.decode(digest.concat().as_bytes()).map_err(|_| "the digest is not hexadecimal")?;
    let length = match kind {
        DigestType::SHA1 => 20,
        DigestType::SHA256 => 32,
        _ => 48,
    };
    if digest.len() != length {
        return Err(format!("the digest has {} bytes instead of {length}", digest.len()));
    }
    Ok(Trusted::Digest(DS::new(tag, algorithm, kind, digest)))
}

/// Reads the data of a DNSKEY record (RFC 4034 section 2.2).
fn key(data: &[String]) -> Result<Trusted, String> {
    let [flags, protocol, algorithm, key @ ..] = data else {
        return Err("a DNSKEY record has flags, a protocol, an algorithm and a key".to_owned());
    };
    let flags: u16 = flags.parse().map_err(|_| format!("{flags:?} are not flags"))?;
    if protocol != "3" {
        return Err(format!("the protocol is {protocol:?} instead of 3"));
    }
    let algorithm = self::algorithm(algorithm)?;
    let bytes = BASE64.decode(key.concat().as_bytes()).map_err(|_| "the key is not base64")?;
    let key = DNSKEY::with_flags(flags, PublicKeyBuf::new(bytes, algorithm));
    if !key.zone_key() || key.revoke() {
        return Err("the key is not a zone's, or is revoked".to_owned());
    }
    Ok(Trusted::Key(key))
}

/// Reads an algorithm's number.
fn algorithm(text: &str) -> Result<Algorithm, String> {
    let algorithm = text.parse().map(Algorithm::from_u8).ok().filter(Algorithm::is_supported);
    algorithm.ok_or_else(|| format!("{text:?} is not the number of a supported algorithm: 5, 7, 8, 10, 13, 14 or 15"))
}
