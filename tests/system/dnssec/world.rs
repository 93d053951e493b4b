//! A small signed internet: a private root, a domain below it, and zones below that which are sound, unsigned, or broken in one way each. Signed
//! by bind9's own tools in a temporary folder, served by one bind9.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::super::common::peer::{Peer, free_address, program};

/// How a zone denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// By names.
    Nsec,
    /// By hashes.
    Nsec3,
    /// By hashes, with delegations left out.
    OptOut,
}

/// What is wrong with a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    Nothing,
    /// It is not signed, and its parent says so.
    Unsigned,
    /// Its signatures have expired.
    Expired,
    /// They begin in the future.
    NotYetValid,
    /// Its parent vouches for another key.
    WrongKey,
    /// Its parent vouches for a key, and it is not signed.
    Stripped,
    /// A record is another than the signed one.
    Changed,
    /// A name is missing that its denials show to exist.
    WrongDenial,
    /// Its parent vouches for a key of an algorithm that nobody knows.
    UnknownAlgorithm,
    /// Its parent vouches for a key by a digest that nobody knows.
    UnknownDigest,
    /// It is signed, and its parent does not know.
    Island,
}

/// The zones below "world": label, algorithm, denial, fault.
pub(crate) const ZONES: &[(&str, u8, Denial, Fault)] = &[
    ("rsa", 8, Denial::Nsec, Fault::Nothing),
    ("p256", 13, Denial::Nsec, Fault::Nothing),
    ("p256n3", 13, Denial::Nsec3, Fault::Nothing),
    ("p384", 14, Denial::Nsec3, Fault::Nothing),
    ("ed25519", 15, Denial::Nsec, Fault::Nothing),
    ("optout", 15, Denial::OptOut, Fault::Nothing),
    ("unsigned", 0, Denial::Nsec, Fault::Unsigned),
    ("island", 13, Denial::Nsec, Fault::Island),
    ("expired", 13, Denial::Nsec, Fault::Expired),
    ("future", 13, Denial::Nsec, Fault::NotYetValid),
    ("wrongkey", 13, Denial::Nsec, Fault::WrongKey),
    ("stripped", 13, Denial::Nsec, Fault::Stripped),
    ("changed", 13, Denial::Nsec, Fault::Changed),
    ("denial", 13, Denial::Nsec, Fault::WrongDenial),
    ("denial3", 13, Denial::Nsec3, Fault::WrongDenial),
    ("algorithm", 13, Denial::Nsec, Fault::UnknownAlgorithm),
    ("digest", 13, Denial::Nsec, Fault::UnknownDigest),
];

/// The programs that sign.
pub(crate) const TOOLS: [&str; 4] = ["dnssec-keygen", "dnssec-signzone", "named", "unbound"];

/// The world, and who serves it.
#[derive(Debug)]
pub(crate) struct World {
    /// The server of all zones.
    _server: Peer,
    /// A resolver that asks it, follows aliases, and judges nothing.
    pub(crate) resolver: Peer,
    /// The files.
    pub(crate) folder: TempDir,
    /// A file of the root's DS records.
    pub(crate) anchors: PathBuf,
    /// Those of the island.
    pub(crate) island: String,
}

/// What all zones below "world" hold.
fn contents(label: &str) -> String {
    let mut text = format!(
        "$ORIGIN {label}.world.\n$TTL 300\n@ SOA ns hostmaster 1 7200 1800 86400 60\n@ NS ns\nns A 192.0.2.53\n\
         www A 192.0.2.80\nwww A 192.0.2.81\nmail MX 10 www\n*.wild A 192.0.2.99\na.b.ent TXT deep\n\
         here CNAME www\naway CNAME www.ed25519.world.\nplain CNAME www.unsigned.world.\nbad CNAME www.changed.world.\n\
         gone CNAME nothing.p256n3.world.\n*.alias CNAME www.p256.world.\ntree DNAME ed25519.world.\n"
    );
    // A delegation that is not signed.
    writeln!(text, "child NS ns.child\nns.child A 192.0.2.54").unwrap();
    text
}

/// Runs a tool in a folder; its standard output.
#[track_caller]
fn tool(folder: &Path, name: &str, arguments: &[&str]) -> String {
    let path = program(name).unwrap();
    let output = Command::new(path).current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A zone's text signed with a new key; the signed text and the DS records of the key.
fn sign(folder: &Path, origin: &str, text: &str, algorithm: u8, denial: Denial, extra: &[&str]) -> (String, String) {
    let name = if origin == "." { "." } else { origin };
    let number = algorithm.to_string();
    let bits: &[&str] = if algorithm == 8 { &["-b", "2048"] } else { &[] };
    let keygen = |flags: &[&str]| {
        tool(folder, "dnssec-keygen", &[&["-q", "-a", &number], bits, flags, &["-n", "ZONE", name]].concat())
    };
    let (signer, other) = (keygen(&["-f", "KSK"]), keygen(&[]));
    let file = format!("{}zone", if origin == "." { "root." } else { origin });
    let mut whole = text.to_owned();
    for key in [&signer, &other] {
        whole.push_str(&fs::read_to_string(folder.join(format!("{key}.key"))).unwrap());
    }
    fs::write(folder.join(&file), whole).unwrap();
    let out = format!("{file}.signed");
    let hashed: &[&str] = match denial {
        Denial::Nsec => &[],
        Denial::Nsec3 => &["-3", "-", "-H", "0"],
        Denial::OptOut => &["-3", "-", "-H", "0", "-A"],
    };
    let base = ["-q", "-P", "-o", name, "-f", &out, "-k", &signer];
    tool(folder, "dnssec-signzone", &[&base[..], hashed, extra, &[&file, &other]].concat());
    let set = fs::read_to_string(folder.join(format!("dsset-{name}"))).unwrap();
    (fs::read_to_string(folder.join(out)).unwrap(), set)
}

/// A signed zone's text without one of its names: a line that begins with the name, and those behind it that begin with no name.
fn without(text: &str, name: &str) -> String {
    let (mut kept, mut skipping) = (String::new(), false);
    for line in text.lines() {
        if !line.starts_with([' ', '\t', ';']) {
            skipping = line.starts_with(name);
        }
        if !skipping {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

impl World {
    /// Signs everything and serves it.
    #[track_caller]
    pub(crate) fn new() -> Self {
        let owned = tempfile::tempdir().unwrap();
        let folder = owned.path();
        let mut zones: Vec<(String, String)> = Vec::new();
        let mut below = String::from(
            "$ORIGIN world.\n$TTL 300\n@ SOA ns.p256 hostmaster 1 7200 1800 86400 60\n@ NS ns.p256\nlocal A 192.0.2.1\n",
        );
        let mut island = String::new();
        for (label, algorithm, denial, fault) in ZONES {
            let (origin, mut text) = (format!("{label}.world."), contents(label));
            if *fault == Fault::WrongDenial {
                text.push_str("nothing A 192.0.2.83\n");
            }
            writeln!(below, "{label} NS ns.{label}\nns.{label} A 192.0.2.53").unwrap();
            let times: &[&str] = match fault {
                Fault::Expired => &["-s", "now-7200", "-e", "now-3600"],
                Fault::NotYetValid => &["-s", "now+86400", "-e", "now+172800"],
                _ => &[],
            };
            let (signed, set) = match fault {
                Fault::Unsigned => (text.clone(), String::new()),
                _ => sign(folder, &origin, &text, *algorithm, *denial, times),
            };
            let (served, set) = match fault {
                Fault::Stripped => (text.clone(), set),
                Fault::Changed => (signed.replace("192.0.2.80", "198.51.100.66"), set),
                Fault::WrongDenial => (without(&signed, &format!("nothing.{origin}")), set),
                Fault::WrongKey => (signed, sign(folder, &origin, &text, *algorithm, *denial, &[]).1),
                // The fields are key tag, algorithm, digest type, digest.
                Fault::UnknownAlgorithm => (signed, set.replace(&format!(" {algorithm} 2 "), " 200 2 ")),
                Fault::UnknownDigest => {
                    (signed, set.replace(&format!(" {algorithm} 2 "), &format!(" {algorithm} 200 ")))
                }
                Fault::Island => {
                    island = set;
                    (signed, String::new())
                }
                _ => (signed, set),
            };
            below.push_str(&set);
            zones.push((format!("{label}.world"), served));
            let child = format!(
                "$ORIGIN child.{label}.world.\n$TTL 300\n@ SOA ns hostmaster 1 7200 1800 86400 60\n@ NS ns\nns A 192.0.2.54\nwww A 192.0.2.82\n"
            );
            zones.push((format!("child.{label}.world"), child));
        }
        let (signed, set) = sign(folder, "world.", &below, 13, Denial::Nsec, &[]);
        zones.push(("world".to_owned(), signed));
        let root = format!(
            "$ORIGIN .\n$TTL 300\n. SOA ns.p256.world. hostmaster.world. 1 7200 1800 86400 60\n. NS ns.p256.world.\n\
             world. NS ns.p256.world.\nns.p256.world. A 192.0.2.53\n{set}"
        );
        let (signed, anchors) = sign(folder, ".", &root, 13, Denial::Nsec, &[]);
        zones.push((".".to_owned(), signed));
        let zones: Vec<(&str, &str)> = zones.iter().map(|(origin, text)| (origin.as_str(), text.as_str())).collect();
        let server = Peer::bind(free_address(), &zones);
        let resolver = Peer::unbound_resolving(free_address(), server.address);
        let file = folder.join("anchors");
        fs::write(&file, anchors).unwrap();
        Self { _server: server, resolver, anchors: file, folder: owned, island }
    }
}
