//! Tests of whole Corefiles: what they become, and what is said about them.
//!
//! The files are in `tests/data/corefiles`. Beside each good one is the document that it becomes and what differs; beside each bad one what is
//! wrong with it. After a change, `NODENS_WRITE=1 cargo nextest run --lib -E 'test(corefile::)'` writes them anew; look at the difference.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Compiled, compile};
use crate::config::{Class, Config, Dnssec, Environment, RebindingMode, Transport};
use crate::corefile::{Mistake, Nothing, Surroundings, parse};

/// A machine with these files and one interface.
struct Paper(BTreeMap<PathBuf, &'static str>);

impl Paper {
    /// With the nameservers of a node.
    fn new() -> Self {
        Self(BTreeMap::from([(
            PathBuf::from("/etc/resolv.conf"),
            "search example\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n",
        )]))
    }
}

impl Surroundings for Paper {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.0.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn entries(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    fn addresses(&self, interface: &str) -> Vec<SocketAddr> {
        let all = ["169.254.20.10:0", "[fe80::1%7]:0"];
        if interface == "nodelocaldns" { all.iter().map(|text| text.parse().unwrap()).collect() } else { Vec::new() }
    }
}

/// What a text becomes on that machine.
fn try_compile(text: &str) -> Result<Compiled, Vec<Mistake>> {
    let paper = Paper::new();
    compile(&parse(text, "Corefile", &paper)?, &paper)
}

/// What it becomes, if nothing is wrong with it.
#[track_caller]
fn compiled(text: &str) -> Compiled {
    try_compile(text).unwrap_or_else(|mistakes| panic!("{}", lines(&mistakes)))
}

/// The configuration that it becomes.
#[track_caller]
fn config(text: &str) -> Config {
    let compiled = compiled(text);
    let loaded = Config::parse(&compiled.toml, "f.toml", &Environment::neutral());
    loaded.unwrap_or_else(|mistakes| panic!("{}\n{}", lines(&mistakes), compiled.toml)).config
}

/// A line each.
fn lines<T: Display>(all: &[T]) -> String {
    all.iter().map(|one| format!("{one}\n")).collect()
}

//------ Files ---------------------------------------------------------------

/// The files of a folder whose names have no dot.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/corefiles").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_none());
    files.sort();
    files
}

/// Compares what is found with a file, or writes it.
fn same(path: &Path, found: &str) {
    if std::env::var_os("NODENS_WRITE").is_some() {
        std::fs::write(path, found).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, found, "{}: NODENS_WRITE=1 writes it anew", path.display());
}

/// drop-in.md 2.13: every Corefile of 2.12 parses. Each becomes a document that holds, and what differs is told.
#[test]
fn corefiles_of_vendors_become_documents() {
    let files = files("good");
    assert!(files.len() >= 12, "{files:?}");
    for path in files {
        let compiled = compiled(&std::fs::read_to_string(&path).unwrap());
        same(&path.with_extension("toml"), &compiled.toml);
        same(&path.with_extension("notices"), &lines(&compiled.notices));
    }
}

#[test]
fn wrong_corefiles_are_refused_with_all_that_is_wrong() {
    let files = files("bad");
    assert!(files.len() >= 10, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let Err(mistakes) = try_compile(&text) else { panic!("{} is accepted", path.display()) };
        same(&path.with_extension("mistakes"), &lines(&mistakes));
    }
}

//------ Meaning -------------------------------------------------------------

/// The zones of a configuration with the first server of each and whether it refuses.
fn routes(config: &Config) -> Vec<(&str, String)> {
    let server = |upstream: usize| config.upstreams[upstream].servers[0].address.ip().to_string();
    config.zones.iter().map(|zone| (zone.name.as_str(), server(zone.upstream))).collect()
}

#[test]
fn the_cluster_is_internal_and_all_else_is_anybodys() {
    let config = config(
        "cluster.local 10.0.0.0/8 { bind 127.0.0.1\n forward . 192.0.2.1\n}\ncorp.example { bind 127.0.0.1\n forward . 192.0.2.2\n}\n\
         . { bind 127.0.0.1\n forward . 192.0.2.3\n}",
    );
    for zone in &config.zones {
        let is_root = zone.name == ".";
        assert_eq!(zone.class == Class::Public, is_root, "{}", zone.name);
        assert_eq!(
            zone.rebinding.mode,
            if is_root { RebindingMode::Report } else { RebindingMode::Off },
            "{}",
            zone.name
        );
        assert_eq!(zone.dnssec, Dnssec::Forward, "{}", zone.name);
    }
    assert_eq!(
        routes(&config),
        [
            ("cluster.local", "192.0.2.1".into()),
            ("10.in-addr.arpa", "192.0.2.1".into()),
            ("corp.example", "192.0.2.2".into()),
            (".", "192.0.2.3".into())
        ]
    );
}

#[test]
fn several_forwards_answer_as_they_would_in_their_order() {
    let route = |text: &str| {
        let text = format!(". {{ bind 127.0.0.1\n{text}\n}}");
        routes(&config(&text)).into_iter().map(|(zone, server)| format!("{zone} {server}")).collect::<Vec<_>>()
    };
    // The first that is for a name answers it, however exact a later one is.
    assert_eq!(route("forward . 192.0.2.1\nforward a.example 192.0.2.2"), [". 192.0.2.1"]);
    assert_eq!(route("forward a.example 192.0.2.2\nforward . 192.0.2.1"), [". 192.0.2.1", "a.example 192.0.2.2"]);
    assert_eq!(
        route(
            "forward . 192.0.2.1 {\nexcept b.example a.b.example\n}\nforward example 192.0.2.2 {\nexcept a.b.example\n}\nforward . 192.0.2.3"
        ),
        [". 192.0.2.1", "b.example 192.0.2.2", "a.b.example 192.0.2.3"]
    );
    // What another block holds is none of this one's.
    let config = config(
        ". {\nbind 127.0.0.1\nforward . 192.0.2.1 {\nexcept b.a.example\n}\nforward . 192.0.2.2\n}\na.example {\nbind 127.0.0.1\nforward . 192.0.2.3\n}",
    );
    assert_eq!(routes(&config), [(".", "192.0.2.1".into()), ("a.example", "192.0.2.3".into())]);
}

#[test]
fn the_protocol_is_the_one_that_the_corefile_chooses() {
    for (options, transport) in [
        ("", Transport::Auto),
        ("force_tcp", Transport::Tcp),
        ("prefer_udp", Transport::Udp),
        ("prefer_udp\nforce_tcp", Transport::Tcp),
    ] {
        let config = config(&format!(". {{\nbind 127.0.0.1\nforward . 192.0.2.1 {{\n{options}\n}}\n}}"));
        assert_eq!(config.upstreams[0].servers[0].transport, transport, "{options}");
    }
}

#[test]
fn caches_are_as_long_as_the_corefile_says() {
    let seconds = |cache: &str| {
        let config = config(&format!(". {{\nbind 127.0.0.1\nforward . 192.0.2.1\n{cache}\n}}"));
        let zone = &config.zones[0];
        [zone.max_ttl, zone.min_ttl, zone.max_negative_ttl, zone.servfail].map(|time| time.as_secs())
    };
    assert_eq!(seconds("cache"), [3600, 5, 1800, 5]);
    assert_eq!(seconds("cache 30"), [30, 5, 30, 5]);
    assert_eq!(seconds("cache 3"), [3, 3, 3, 5]);
    assert_eq!(seconds("cache 30 {\ndenial 9984 5\nservfail 0\n}"), [30, 5, 5, 0]);
    assert_eq!(seconds("cache {\nsuccess 9984 60 0\n}"), [60, 0, 1800, 5]);
    assert_eq!(seconds("cache {\ndisable success\n}"), [0, 0, 1800, 5]);
    assert_eq!(seconds(""), [0, 0, 0, 0], "nothing is kept without cache");
}

#[test]
fn a_cache_for_some_names_is_a_zone_for_each() {
    let config =
        config(". {\nbind 127.0.0.1\nforward . 192.0.2.1\ncache 60 a.example {\ndisable denial b.a.example\n}\n}");
    let kept: Vec<_> = config
        .zones
        .iter()
        .map(|zone| (zone.name.as_str(), zone.max_ttl.as_secs(), zone.max_negative_ttl.as_secs()))
        .collect();
    assert_eq!(kept, [(".", 0, 0), ("a.example", 60, 60), ("b.a.example", 60, 0)]);
}

#[test]
fn interfaces_stand_for_their_addresses() {
    let compiled = compiled(". {\nbind nodelocaldns {\nexcept fe80::1%7\n}\nforward . 192.0.2.1\n}");
    assert!(compiled.toml.contains("addresses = [\"169.254.20.10:53\"]"), "{}", compiled.toml);
}

#[test]
fn nameservers_that_are_ourselves_are_left_out() {
    let own = compiled(". {\nbind 10.0.0.2\nforward . /etc/resolv.conf\n}");
    assert!(own.toml.contains("servers = [\"auto://10.0.0.3\"]"), "{}", own.toml);
    assert!(lines(&own.notices).contains("10.0.0.2 of /etc/resolv.conf is an address of this daemon"));
    assert_eq!(own.files, [Path::new("/etc/resolv.conf")]);
    let wrong = try_compile(". {\nbind 10.0.0.2\nforward . 10.0.0.2\n}").unwrap_err();
    assert_eq!(
        lines(&wrong),
        "Corefile:3: upstream.servers: 10.0.0.2:53 is one of our own addresses; a server that is not this daemon\n"
    );
}

//------ Any text ------------------------------------------------------------

/// Words that Corefiles are made of.
fn word() -> impl Strategy<Value = String> {
    let known: Vec<&'static str> = super::super::plugins::Plugin::all()
        .flat_map(|plugin| {
            std::iter::once(plugin.name).chain(plugin.words().unwrap_or_default().iter().map(|word| word.name))
        })
        .chain([
            ".",
            "example",
            "a.example:53",
            "10.0.0.0/9",
            "{",
            "}",
            "{\n",
            "}\n",
            "\n",
            "\n",
            "\n",
            "192.0.2.1",
            "tls://192.0.2.1",
            "tls://1.1.1.1%a.b:1",
            "/etc/resolv.conf",
            "::1",
            "[::1]:53",
            "30",
            "0",
            "-1",
            "1h",
            "0s",
            "5%",
            "20%",
            "name",
            "regex",
            "(",
            "(.*)",
            "{1}",
            "answer",
            "auto",
            "ANY",
            "IN",
            "NXDOMAIN",
            "*",
            "net",
            "type",
            "10.0.0.0/8",
            "immediate",
            "verify",
            ":53",
            "127.0.0.1:9253",
            "\"a b\"",
            "#",
            "ttl",
            "7",
        ])
        .collect();
    prop_oneof![8 => proptest::sample::select(known).prop_map(str::to_owned), 1 => "[a-z0-9.:/%*_-]{1,8}", 1 => ".{0,4}"]
}

/// A text that is mostly a Corefile.
fn corefile() -> impl Strategy<Value = String> {
    let line = proptest::collection::vec(word(), 1..5).prop_map(|words| words.join(" "));
    let block = proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"));
    proptest::collection::vec((word(), block, any::<bool>()), 1..4).prop_map(|blocks| {
        let mut text = String::new();
        for (key, body, is_whole) in blocks {
            let forward = if is_whole { "\nforward . 192.0.2.77\n" } else { "\n" };
            text.push_str(&format!("{key} {{\n{body}{forward}}}\n"));
        }
        text
    })
}

/// Whatever the text: no panic, and a document that comes out is one that the first front end takes.
fn check(text: &str) -> bool {
    let made = parse(text, "Corefile", &Nothing).and_then(|tree| compile(&tree, &Nothing));
    let Ok(compiled) = made else { return false };
    let loaded = Config::parse(&compiled.toml, "f.toml", &Environment::neutral());
    assert!(loaded.is_ok(), "{text}\n{}\n{}", compiled.toml, lines(&loaded.unwrap_err()));
    true
}

proptest! {
    #[test]
    fn no_text_panics_and_every_document_holds(text in corefile()) {
        check(&text);
    }

    #[test]
    fn a_good_file_with_a_word_changed_is_compiled_or_refused(at in 0_usize..400, word in word()) {
        for path in files("good") {
            let text = std::fs::read_to_string(&path).unwrap();
            let words: Vec<&str> = text.split(' ').collect();
            let at = at % words.len();
            let changed: Vec<&str> = words.iter().enumerate().map(|(number, old)| if number == at { word.as_str() } else { *old }).collect();
            check(&changed.join(" "));
        }
    }
}
