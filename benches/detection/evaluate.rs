//! How many tunnels are found and how soon, and how often something is found that is none.

use std::collections::BTreeMap;

use nodens::config::DetectMode;
use nodens::detect::Rule;

use super::benign::Pods;
use super::tools::{A, AAAA, CNAME, KEY, MX, NULL, PRIVATE, Plan, SRV, Session, TXT, Tool};
use super::world::Node;

/// The seed of all that the manual says.
pub(crate) const SEED: u64 = 20_261_127;

/// Milliseconds of a week.
pub(crate) const WEEK_MS: f64 = 7.0 * 86_400_000.0;

/// Seconds and bytes by which a tunnel at its own speed must be found.
const AT_ONCE: (u64, u64) = (30, 4_096);

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The program, in words.
    pub(crate) name: &'static str,
    /// How its sessions go.
    pub(crate) plan: Plan,
    /// By when it must be found, in seconds; or by how many bytes, if that is said.
    pub(crate) within: (u64, u64),
    /// Of a hundred sessions, how many at least.
    pub(crate) least: u64,
}

/// A row of the program's own speed.
const fn fast(name: &'static str, tool: Tool, types: &'static [u16], encoding: &'static str) -> Row {
    Row { name, plan: Plan { tool, types, encoding, interval_ms: 0 }, within: AT_ONCE, least: 99 }
}

/// A row of a throttled program: a question in ten seconds, ten minutes.
const fn throttled(name: &'static str, tool: Tool, types: &'static [u16], encoding: &'static str) -> Row {
    Row { name, plan: Plan { tool, types, encoding, interval_ms: 10_000 }, within: (600, 0), least: 90 }
}

/// A row of a slow program: 0.7 bytes a second, a day.
const fn slow(name: &'static str, tool: Tool, types: &'static [u16], encoding: &'static str, interval_ms: u64) -> Row {
    Row { name, plan: Plan { tool, types, encoding, interval_ms }, within: (86_400, 0), least: 80 }
}

/// All rows.
pub(crate) const ROWS: &[Row] = &[
    fast("iodine", Tool::Iodine, &[NULL], "base32"),
    fast("iodine", Tool::Iodine, &[PRIVATE], "base32"),
    fast("iodine", Tool::Iodine, &[TXT], "base32"),
    fast("iodine", Tool::Iodine, &[TXT], "base128"),
    fast("iodine", Tool::Iodine, &[CNAME], "base32"),
    fast("iodine", Tool::Iodine, &[MX], "base32"),
    fast("iodine", Tool::Iodine, &[SRV], "base32"),
    fast("iodine", Tool::Iodine, &[A], "base32"),
    fast("iodine, handshake not seen", Tool::IodineData, &[CNAME], "base32"),
    fast("iodine, handshake not seen", Tool::IodineData, &[A], "base32"),
    fast("dnscat2, waiting", Tool::DnscatIdle, &[TXT, CNAME, MX], "hex"),
    fast("dnscat2, waiting", Tool::DnscatIdle, &[TXT], "hex"),
    fast("dnscat2, waiting", Tool::DnscatIdle, &[CNAME], "hex"),
    fast("dnscat2, waiting", Tool::DnscatIdle, &[MX], "hex"),
    fast("dnscat2, waiting", Tool::DnscatIdle, &[A], "hex"),
    fast("dnscat2, waiting", Tool::DnscatIdle, &[A, AAAA], "hex"),
    fast("dnscat2, not encrypted", Tool::DnscatPlain, &[TXT, CNAME, MX], "hex"),
    fast("dnscat2, a file", Tool::DnscatBulk, &[TXT, CNAME, MX], "hex"),
    fast("dnscat2, a file", Tool::DnscatBulk, &[A], "hex"),
    fast("dns2tcp", Tool::Dns2tcp, &[TXT], "base64"),
    fast("dns2tcp", Tool::Dns2tcp, &[KEY], "base64"),
    fast("DNSExfiltrator", Tool::Exfiltrator, &[TXT], "base64"),
    fast("DNSExfiltrator", Tool::Exfiltrator, &[TXT], "base32"),
    fast("script, hex in A", Tool::Script, &[A], "hex"),
    fast("data as words", Tool::Words, &[TXT], "words"),
    fast("pieces of a program", Tool::Stager, &[TXT], "none"),
    throttled("iodine", Tool::IodineData, &[TXT], "base32"),
    throttled("iodine", Tool::IodineData, &[A], "base32"),
    throttled("dnscat2", Tool::DnscatIdle, &[TXT, CNAME, MX], "hex"),
    throttled("dnscat2", Tool::DnscatIdle, &[A], "hex"),
    throttled("dnscat2, not encrypted", Tool::DnscatPlain, &[TXT, CNAME, MX], "hex"),
    throttled("dns2tcp", Tool::Dns2tcp, &[TXT], "base64"),
    throttled("DNSExfiltrator", Tool::Exfiltrator, &[TXT], "base32"),
    throttled("script, hex in A", Tool::Script, &[A], "hex"),
    throttled("short chunks in A", Tool::Quiet, &[A], "base32"),
    throttled("data as words", Tool::Words, &[TXT], "words"),
    // 20 bytes in 28 s.
    slow("short chunks", Tool::Quiet, &[TXT], "base32", 28_500),
    slow("short chunks", Tool::Quiet, &[A], "base32", 28_500),
    slow("script, hex in A", Tool::Script, &[A], "hex", 42_000),
    slow("iodine", Tool::IodineData, &[TXT], "base32", 150_000),
    slow("dnscat2", Tool::DnscatIdle, &[TXT, CNAME, MX], "hex", 24_000),
];

/// What became of the sessions of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Sessions.
    pub(crate) sessions: u64,
    /// Those that were found in time.
    pub(crate) found: u64,
    /// Seconds after which, of all found.
    pub(crate) seconds: Vec<u64>,
    /// Bytes after which.
    pub(crate) bytes: Vec<u64>,
    /// The rules that found them first.
    pub(crate) rules: BTreeMap<&'static str, u64>,
}

/// Tries a row.
pub(crate) fn try_row(number: usize, row: &Row, sessions: u64) -> Outcome {
    let mut outcome = Outcome { sessions, ..Outcome::default() };
    let mut node = Node::new(DetectMode::Observe);
    for index in 0..sessions {
        let mut session = Session::new(row.plan, SEED + number as u64 * 1_000 + index);
        let (mut at, mut bytes, mut sent) = (index * 97, 0_u64, 0_u64);
        let begun = at;
        let found = loop {
            let (question, wait) = session.next();
            // What is behind the data is not counted.
            bytes += question.name.split('.').rev().skip(2).map(|label| label.len() as u64).sum::<u64>();
            sent += 1;
            if node.ask(at, &question) {
                break true;
            }
            let seconds = (at - begun) / 1_000;
            if seconds >= row.within.0 && (bytes >= row.within.1 || row.within.1 == 0) || sent > 100_000 {
                break false;
            }
            at += wait;
        };
        let seconds = (at - begun).div_ceil(1_000);
        if found {
            if seconds <= row.within.0 || bytes <= row.within.1 {
                outcome.found += 1;
            }
            outcome.seconds.push(seconds);
            outcome.bytes.push(bytes);
            if let Some(last) = node.found.last() {
                *outcome.rules.entry(last.detection.rule.name()).or_default() += 1;
            }
        }
    }
    outcome.seconds.sort_unstable();
    outcome.bytes.sort_unstable();
    outcome
}

/// What a node without tunnels gave rise to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quiet {
    /// Queries and misses.
    pub(crate) counts: [u64; 2],
    /// Weeks.
    pub(crate) weeks: f64,
    /// What was found, in words.
    pub(crate) alerts: Vec<String>,
    /// Sentences.
    pub(crate) blocks: usize,
    /// Pairs that were forgotten for others.
    pub(crate) evicted: u64,
}

/// Lets a node without tunnels ask so many queries, at the rate at which ten million take a week.
pub(crate) fn try_benign(seed: u64, queries: u64) -> Quiet {
    // Each thing that happens is about nine queries.
    let mut pods = Pods::new(seed, WEEK_MS / 10_000_000.0 * 9.0);
    let mut node = Node::new(DetectMode::Block);
    while node.counts[0] < queries {
        for (at, question) in pods.next() {
            node.ask(at, &question);
        }
    }
    let tunnels = [Rule::Signature, Rule::Burst, Rule::Volume, Rule::Slow, Rule::Flood, Rule::Denial];
    let loud = node.found.iter().filter(|found| found.is_loud && tunnels.contains(&found.detection.rule));
    let alerts = loud.map(|found| {
        let one = &found.detection;
        format!("{} {} {} {}: {}", one.rule.name(), one.client, one.domain, one.score, one.reasons.join("; "))
    });
    Quiet {
        counts: node.counts,
        weeks: pods.at_ms as f64 / WEEK_MS,
        alerts: alerts.collect(),
        blocks: node.found.iter().filter(|found| found.sentence.is_some()).count(),
        evicted: node.detector.evicted(),
    }
}

/// The name of a set of types.
pub(crate) fn types(plan: &Plan) -> String {
    let name = |qtype: &u16| match *qtype {
        A => "A",
        AAAA => "AAAA",
        CNAME => "CNAME",
        NULL => "NULL",
        MX => "MX",
        TXT => "TXT",
        KEY => "KEY",
        SRV => "SRV",
        _ => "PRIVATE",
    };
    plan.types.iter().map(name).collect::<Vec<_>>().join(", ")
}
