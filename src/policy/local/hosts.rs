//! Reads a file in the form of /etc/hosts (hosts(5)): an address, then names, then perhaps a comment.
//!
//! Each name gets an A or AAAA record, each address a PTR to the first name of its line, which is the canonical one. A bad line is
//! reported with its number and left out: a cache that does not start over a typing error in a hosts file helps nobody.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use hickory_proto::rr::rdata::{A, AAAA, PTR};
use hickory_proto::rr::{Name, RData, Record};

use super::own::OwnNames;
use crate::error::{ExitCode, Failure};

/// Largest hosts file in bytes, some 30,000 lines; each of its names costs about 1 kB of memory.
const MAX_BYTES: u64 = 1 << 20;

/// Bad lines that are reported one by one; the others are only counted.
const MAX_WARNINGS: usize = 10;

/// Seconds that clients may keep an entry; what CoreDNS's hosts plugin says.
pub(super) const TTL: u32 = 3_600;

/// The text of a file; `option` names it.
///
/// # Errors
///
/// When it cannot be read or is larger than [`MAX_BYTES`].
pub(in crate::policy) fn text(path: &Path, option: &str) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    // One byte more than may be there shows that there is more.
    let size = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text)).map_err(|error| {
        Failure::new(
            ExitCode::NoInput,
            format!("{option}: {}: {error}; name a file that can be read, such as \"/etc/hosts\"", path.display()),
        )
    })?;
    if size as u64 > MAX_BYTES {
        return Err(Failure::new(
            ExitCode::Config,
            format!(
                "{option}: {} is larger than {MAX_BYTES} bytes; a list of that size is an upstream's work",
                path.display()
            ),
        ));
    }
    Ok(text)
}

/// Adds the entries of a file.
///
/// # Errors
///
/// As [`text`].
pub(super) fn read(path: &Path, own: &mut OwnNames, warnings: &mut Vec<String>) -> Result<(), Failure> {
    parse(&text(path, "local.hosts")?, &path.display().to_string(), own, warnings);
    Ok(())
}

/// Adds the entries of a text; `file` is what warnings call it.
pub(super) fn parse(text: &[u8], file: &str, own: &mut OwnNames, warnings: &mut Vec<String>) {
    each(text, file, warnings, |address, names| {
        let data = match address {
            IpAddr::V4(address) => RData::A(A(address)),
            IpAddr::V6(address) => RData::AAAA(AAAA(address)),
        };
        for name in &names {
            // Only addresses come from here, so that no CNAME is in the way yet.
            let _ = own.add(Record::from_rdata(name.clone(), TTL, data.clone()));
        }
        if let Some(canonical) = names.into_iter().next() {
            let _ = own.add(Record::from_rdata(Name::from(address), TTL, RData::PTR(PTR(canonical))));
        }
    });
}

/// Calls `note` for each line of a text with its address and names; what is wrong goes to `warnings`, which call the text `file`.
pub(in crate::policy) fn each(
    text: &[u8],
    file: &str,
    warnings: &mut Vec<String>,
    mut note: impl FnMut(IpAddr, Vec<Name>),
) {
    let mut bad = 0_usize;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        // Comments may be in any encoding; only the rest must be text.
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let Err(reason) = entry(line, &mut note) else { continue };
        bad += 1;
        if bad <= MAX_WARNINGS {
            warnings.push(format!("{file}:{}: {reason}; left out", number + 1));
        }
    }
    if bad > MAX_WARNINGS {
        warnings.push(format!("{file}: {} more lines are wrong and left out", bad - MAX_WARNINGS));
    }
}

/// Takes one line without its comment apart. A name that is wrong does not keep the others of its line out.
fn entry(line: &[u8], note: &mut impl FnMut(IpAddr, Vec<Name>)) -> Result<(), String> {
    let line = std::str::from_utf8(line).map_err(|_| "not text".to_owned())?;
    let mut words = line.split_whitespace();
    let Some(address) = words.next() else { return Ok(()) };
    let address: IpAddr = address.parse().map_err(|_| {
        format!(
            "{address:?} is not an IP address; a line is an address and its names, as in \"192.0.2.1 db.example db\""
        )
    })?;
    let (mut names, mut wrong) = (Vec::new(), None);
    for word in words {
        match host_name(word) {
            Some(name) => names.push(name),
            None => wrong = wrong.or(Some(word)),
        }
    }
    let has_none = names.is_empty();
    if !has_none {
        note(address, names);
    }
    match wrong {
        Some(word) => Err(format!("{word:?} is not a host name")),
        None if has_none => Err(format!("no name follows {address}")),
        None => Ok(()),
    }
}

/// A host name of letters, digits, hyphens and, as real files have them, underscores.
fn host_name(word: &str) -> Option<Name> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !word.bytes().all(fits) {
        return None;
    }
    let mut name = Name::from_ascii(word).ok()?.to_lowercase();
    name.set_fqdn(true);
    (!name.is_root()).then_some(name)
}
