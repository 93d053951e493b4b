//! The small files that an operator or a program hands us: hosts, static records, names to block, nameservers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use nodens::config::{Config, Environment, nameservers};
use nodens::policy::local::{Local, LocalZone};
use nodens::wire::name;
use tokio::runtime::{Builder, Runtime};

/// Nothing but defaults, without names of our own.
static SILENT: LazyLock<Config> = LazyLock::new(|| {
    let text = "[local]\nspecial-use = false\n[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\"]\n[[zone]]\nname = \".\"\nupstream = \"a\"\n";
    Config::parse(text, "fuzz", &Environment::neutral()).expect("it has no mistakes").config
});

/// A first byte says which file it is.
pub fn check(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    match which % 4 {
        0 => hosts(text),
        1 => records(text),
        2 => blocked(text),
        _ => resolv(text),
    }
}

/// The answer to a question of class IN, as hickory-proto reads it.
fn ask(local: &Local, name: &[u8], qtype: u16) -> Message {
    thread_local! {
        /// One for all inputs.
        static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime needs no more");
    }
    let message = RUNTIME.with(|runtime| runtime.block_on(local.answer(name, qtype, 1)));
    Message::from_vec(&message).unwrap_or_else(|error| panic!("{error}: {message:02x?}"))
}

/// A word as a name of letters, digits, hyphens and underscores, in wire format.
fn host_name(word: &str) -> Option<Vec<u8>> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name::parse(word).filter(|wire| wire.len() > 1 && word.bytes().all(fits))
}

/// The words of each line, comments off; lines that are no text are left out.
fn lines(text: &[u8]) -> impl Iterator<Item = Vec<&str>> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        Some(std::str::from_utf8(line).ok()?.split_whitespace().collect())
    })
}

/// Every address of a name that the naive reader finds is answered, and no other.
fn hosts(text: &[u8]) {
    let local = Local::of_texts(&SILENT, text, b"").expect("a line that is wrong is left out");
    let mut expected: BTreeMap<Vec<u8>, Vec<IpAddr>> = BTreeMap::new();
    for words in lines(text) {
        let Some(address) = words.first().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
        // A host name begins with a letter or a digit, label by label (RFC 1123 section 2.1).
        let begins = |word: &&&str| word.split('.').all(|label| !label.starts_with('-'));
        for name in words[1..].iter().filter(begins).filter_map(|word| host_name(word)) {
            expected.entry(name).or_default().push(address);
        }
    }
    for (name, mut addresses) in expected.into_iter().take(16) {
        let mut found: Vec<IpAddr> = [1, 28]
            .iter()
            .flat_map(|qtype| ask(&local, &name, *qtype).answers)
            .filter_map(|record| record.data.ip_addr())
            .collect();
        found.sort_unstable();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(found, addresses, "{}", name::display(&name));
    }
}

/// Records are refused with a reason that names their line, or answered under their names.
fn records(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut config = SILENT.clone();
    config.local.records = text.split('\n').map(str::to_owned).collect();
    match Local::of_texts(&config, b"", b"") {
        Err(failure) => assert!(failure.message.starts_with("local.records"), "{failure}"),
        Ok(local) => {
            for line in &config.local.records {
                let owner = line.split_whitespace().next().unwrap_or_default();
                let Some(wire) = host_name(owner) else { continue };
                assert_eq!(local.lookup(&wire, 1, 1), Some(LocalZone::OwnName), "{line:?}");
                let answer = ask(&local, &wire, 255);
                assert!(!answer.answers.is_empty(), "{line:?}: {answer:?}");
                assert!(answer.answers.iter().all(|record| !matches!(record.data, RData::OPT(_))));
            }
        }
    }
}

/// A list is refused with line and reason, or every name in it is blocked with all below it.
fn blocked(text: &[u8]) {
    /// Names that stand in published lists for the machine itself.
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
    let address = |word: &str| word.split('%').next().and_then(|word| word.parse::<IpAddr>().ok()).is_some();
    match Local::of_texts(&SILENT, b"", text) {
        Err(failure) => assert!(failure.message.starts_with("list:"), "{failure}"),
        Ok(local) => {
            let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
            for words in lines(text) {
                let is_hosts = words.first().is_some_and(|word| address(word));
                let passed = |word: &str| {
                    is_hosts && (address(word) || OF_HOSTS.iter().any(|name| name.eq_ignore_ascii_case(word)))
                };
                for word in words.iter().filter(|word| !passed(word)) {
                    let wire = host_name(word).unwrap_or_else(|| panic!("{word:?} was taken"));
                    assert!(local.blocks(&wire), "{word:?}");
                    let below = [b"\x01x", &wire[..]].concat();
                    assert!(below.len() > 255 || local.blocks(&below), "below {word:?}");
                }
            }
            assert!(!local.blocks(&[0]), "never the root");
        }
    }
}

/// Nameservers come from lines that say so, each once.
fn resolv(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let found = nameservers(text);
    assert!(found.len() <= 16);
    for (position, server) in found.iter().enumerate() {
        assert!(!found[..position].contains(server) && server.port() == 53);
        let names = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let is_it = words.next() == Some("nameserver");
            let ip = words.next().and_then(|word| word.split('%').next()?.parse::<IpAddr>().ok());
            is_it && ip == Some(server.ip())
        };
        assert!(text.lines().any(names), "{server} from nowhere");
    }
}
