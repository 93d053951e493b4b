//! Reads a file of names to block, in the two forms in which such lists come: a name a line, or a hosts file whose addresses lead nowhere.
//!
//! Unlike those of a hosts file, a line that is wrong refuses the whole list. A list is fetched from somewhere by a program, and what
//! comes when that fails is a page that says so: read as far as it goes, it would block nothing, and nobody would notice. At a reload the
//! list before stays.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::net::IpAddr;
use std::path::Path;

use crate::error::{ExitCode, Failure};
use crate::wire::name;

/// Largest list in bytes: two million names of thirty.
const MAX_BYTES: u64 = 64 << 20;

/// Most names of a list: the largest that are published have about a million and a half.
pub(super) const MAX_NAMES: usize = 2_000_000;

/// Longest line in bytes. A guess: hosts files may have some dozens of names in one.
const MAX_LINE: u64 = 4096;

/// Mistakes that are told one by one; the others are only counted.
const MAX_TOLD: usize = 10;

/// Names that stand in the heads of published hosts files, for the machine that uses them as such. Passed over: the suffix "local" would
/// take a cluster's names away.
const OF_HOSTS: [&str; 11] = [
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
];

/// Hands the names of a file to `take`, in wire format and lower-case; it says how many it has.
///
/// # Errors
///
/// When the file cannot be read, is too large or has a line that is wrong; the first ten are in the failure, each with its number.
pub(super) fn read(path: &Path, take: impl FnMut(&[u8]) -> usize) -> Result<(), Failure> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&shown, &error))?;
    parse(BufReader::new(file.take(MAX_BYTES + 1)), &shown, take)
}

/// What to say about a file that cannot be read.
fn unreadable(file: &str, error: &std::io::Error) -> Failure {
    let text = format!("policy.block-file: {file}: {error}; name a file that can be read");
    Failure::new(ExitCode::NoInput, text)
}

/// As [`read`], from a text that messages call `file`.
pub(super) fn parse(mut text: impl BufRead, file: &str, mut take: impl FnMut(&[u8]) -> usize) -> Result<(), Failure> {
    let too_much = |what: &str| {
        let right = "a shorter list, or a resolver that has it, as upstream";
        Err(Failure::new(ExitCode::Config, format!("{file}: policy.block-file: {what}; {right}")))
    };
    let (mut line, mut number, mut bytes) = (Vec::new(), 0_usize, 0_u64);
    let (mut mistakes, mut wrong) = (Vec::new(), 0_usize);
    loop {
        line.clear();
        let length = (&mut text).take(MAX_LINE + 1).read_until(b'\n', &mut line);
        let length = length.map_err(|error| unreadable(file, &error))? as u64;
        if length == 0 {
            break;
        }
        number += 1;
        bytes += length;
        if bytes > MAX_BYTES {
            return too_much("is larger than 64MiB");
        }
        let mut count = 0;
        let result = if length > MAX_LINE {
            Err("is longer than 4096 bytes; a name a line".to_owned())
        } else {
            entry(&line, number == 1, |name| count = take(name))
        };
        if count > MAX_NAMES {
            return too_much("has more than 2,000,000 names");
        }
        if let Err(reason) = result {
            wrong += 1;
            if wrong <= MAX_TOLD {
                mistakes.push(format!("{file}:{number}: {reason}"));
            }
            if length > MAX_LINE {
                // Where the next line begins is not worth finding out.
                break;
            }
        }
    }
    if wrong > MAX_TOLD {
        mistakes.push(format!("{file}: {} more lines are wrong", wrong - MAX_TOLD));
    }
    if mistakes.is_empty() { Ok(()) } else { Err(Failure::of_mistakes(&mistakes)) }
}

/// Hands on the names of one line.
fn entry(line: &[u8], is_first: bool, mut take: impl FnMut(&[u8])) -> Result<(), String> {
    /// What editors of another system put in front of a text.
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    let line = line.strip_prefix(MARK).filter(|_| is_first).unwrap_or(line);
    // Comments may be in any encoding; only the rest must be text.
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    let line =
        std::str::from_utf8(line).map_err(|_| "is not text; names outside ASCII begin with \"xn--\"".to_owned())?;
    let mut words = line.split_ascii_whitespace();
    let Some(first) = words.next() else { return Ok(()) };
    let Some(address) = address(first) else {
        if words.next().is_some() {
            return Err("has several words; a name a line, or \"0.0.0.0 NAME\"".to_owned());
        }
        take(&wire(first)?);
        return Ok(());
    };
    let mut words = words.peekable();
    if words.peek().is_none() {
        return Err(format!("no name follows {first}; a name a line, or \"0.0.0.0 NAME\""));
    }
    for word in words.filter(|word| !is_of_hosts(word)) {
        if !(address.is_unspecified() || address.is_loopback()) {
            return Err(format!(
                "{first} is the address of a host; in a list of names to block it is 0.0.0.0, and a file of hosts goes into local.hosts"
            ));
        }
        take(&wire(word)?);
    }
    Ok(())
}

/// Whether a name of a hosts file is of no interest here.
fn is_of_hosts(word: &str) -> bool {
    OF_HOSTS.iter().any(|name| name.eq_ignore_ascii_case(word)) || address(word).is_some()
}

/// An address, perhaps with a scope.
fn address(word: &str) -> Option<IpAddr> {
    word.split('%').next()?.parse().ok()
}

/// A name in wire format and lower-case, of letters, digits, hyphens and, as real lists have them, underscores.
fn wire(word: &str) -> Result<Vec<u8>, String> {
    if let Some(below) = word.strip_prefix("*.") {
        return Err(format!("{word:?} has a star; {below:?} blocks all that is below it"));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let wire = name::parse(word).filter(|wire| wire.len() > 1 && word.bytes().all(fits));
    wire.ok_or_else(|| {
        format!("{word:?} is not a domain name; a name a line, such as \"ads.example\", or \"0.0.0.0 NAME\"")
    })
}
