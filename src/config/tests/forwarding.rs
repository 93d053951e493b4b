//! Upstreams, zones, and what a silent file gets.

use std::fs;
use std::net::SocketAddr;

use super::ROOT;
use super::{load, mistakes};
use crate::config::{Class, Config, Dnssec, Environment, Loaded, Transport};

/// A zone for the group "u".
const ZONE: &str = "[[zone]]\nname = \".\"\nupstream = \"u\"\n";

/// The mistakes of a group "u" with these lines, which begin with line 3.
fn upstream(lines: &str) -> Vec<String> {
    mistakes(&format!("[[upstream]]\nname = \"u\"\n{lines}\n{ZONE}"))
}

/// The warnings about a group "u" with these lines.
fn warnings(lines: &str) -> Vec<String> {
    load(&format!("[[upstream]]\nname = \"u\"\n{lines}\n{ZONE}")).warnings
}

/// A file that is silent about upstreams and zones, on a machine with these nameservers.
fn silent(text: &str, nameservers: &[&str]) -> Loaded {
    let nameservers = nameservers.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 53)).collect();
    Config::parse(text, "f.toml", &Environment { nameservers, ..Environment::neutral() }).unwrap()
}

#[test]
fn servers_that_make_no_sense() {
    for (server, wrong) in [
        (
            "dns.example",
            "\"dns.example\" is not an address; its IP address; a name cannot be looked up before there is a server to ask",
        ),
        (
            "https://192.0.2.1",
            "\"https://192.0.2.1\": https:// is not supported by this version; one of tls://, tcp://, udp://, auto://",
        ),
        (
            "dot://192.0.2.1",
            "\"dot://192.0.2.1\" has the unknown scheme \"dot\"; one of tls://, tcp://, udp://, auto://",
        ),
        ("udp://192.0.2.1:0", "\"udp://192.0.2.1:0\" has port 0; a port from 1 to 65535, or none for 53"),
        ("0.0.0.0", "\"0.0.0.0\" is no server's address; the address of one server"),
        (
            "tls://192.0.2.1#",
            "\"tls://192.0.2.1#\" has no host name after \"#\"; the name of its certificate, such as \"#dns.example\"",
        ),
        (
            "tls://192.0.2.1#a b",
            "\"tls://192.0.2.1#a b\" has no host name after \"#\"; the name of its certificate, such as \"#dns.example\"",
        ),
        (
            "127.0.0.53",
            "127.0.0.53:53 is systemd-resolved on this machine, which may ask us in turn; the servers that it asks, from /run/systemd/resolve/resolv.conf",
        ),
        (
            "udp://192.0.2.1,",
            "\"\" is not an address; an IP address with or without a port, such as \"192.0.2.1\" or \"192.0.2.1:53\"",
        ),
        (
            "udp://192.0.2.1,192.0.2.2:0",
            "\"udp://192.0.2.1,192.0.2.2:0\" has port 0; a port from 1 to 65535, or none for 53",
        ),
        ("192.0.2.1,192.0.2.1:53", "\"192.0.2.1,192.0.2.1:53\" has 192.0.2.1:53 twice; each address once"),
        (
            "tcp://192.0.2.1,127.0.0.1:5353",
            "127.0.0.1:5353 is one of our own addresses; a server that is not this daemon",
        ),
        ("tcp://127.0.0.1:5353", "127.0.0.1:5353 is one of our own addresses; a server that is not this daemon"),
        (
            "udp://192.0.2.1#dns.example",
            "\"udp://192.0.2.1#dns.example\" has an authentication name but is not encrypted; \"tls://192.0.2.1#dns.example\", or the server without \"#\" and what follows",
        ),
    ] {
        assert_eq!(upstream(&format!("servers = [\"{server}\"]")), [format!("f.toml:3:12: upstream.servers: {wrong}")]);
    }
    assert_eq!(
        upstream("servers = [\"192.0.2.1\", \"192.0.2.1:53\"]"),
        ["f.toml:3:25: upstream.servers: 192.0.2.1:53 is listed twice; each server once"]
    );
}

#[test]
fn a_server_may_have_several_addresses() {
    let text = format!(
        "{ROOT}[[upstream]]\nname = \"v\"\nservers = [\"tls://192.0.2.1,[2001:db8::1]:8853,2001:db8::2#dns.example\"]\n"
    );
    let server = &load(&text).config.upstreams[1].servers[0];
    assert_eq!(server.address, "192.0.2.1:853".parse().unwrap());
    let all: Vec<String> = server.addresses().map(|address| address.to_string()).collect();
    assert_eq!(all, ["192.0.2.1:853", "[2001:db8::1]:8853", "[2001:db8::2]:853"]);
    assert_eq!(
        upstream("servers = [\"192.0.2.1,192.0.2.2\", \"192.0.2.2\"]"),
        ["f.toml:3:35: upstream.servers: 192.0.2.2:53 is listed twice; each server once"]
    );
}

#[test]
fn a_group_has_at_most_64_servers() {
    let list: Vec<String> = (0..65).map(|number| format!("\"192.0.2.{number}\"")).collect();
    let servers = |count| format!("servers = [{}]", list[..count].join(", "));
    let text = format!("[[upstream]]\nname = \"u\"\n{}\n{ZONE}", servers(64));
    assert_eq!(load(&text).config.upstreams[0].servers.len(), 64);
    let mistakes = upstream(&servers(65));
    assert!(
        mistakes.len() == 1 && mistakes[0].ends_with("upstream.servers: 65 servers; at most 64 servers"),
        "{mistakes:?}"
    );
}

#[test]
fn an_upstream_without_servers() {
    let kind = "a list of servers \"tls://IP[:PORT]#NAME\", \"tcp://IP[:PORT]\", \"udp://IP[:PORT]\" or \"IP[:PORT]\"";
    let example = "[\"tls://1.1.1.1#cloudflare-dns.com\", \"tls://9.9.9.9#dns.quad9.net\"]";
    assert_eq!(upstream(""), [format!("f.toml:1: upstream.servers: is missing; {kind}, such as {example}")]);
    assert_eq!(
        upstream("servers = []"),
        [format!("f.toml:3:11: upstream.servers: the list is empty; {kind}, at least one")]
    );
}

/// N17.
#[test]
fn encrypted_without_authentication_must_be_spelled_out() {
    assert_eq!(
        upstream("servers = [\"tls://192.0.2.1\"]"),
        [
            "f.toml:3:12: upstream.servers: tls://192.0.2.1:853 has no authentication name; \"#NAME\" after the address, pins, or insecure = true in this upstream"
        ]
    );
    assert_eq!(
        warnings("servers = [\"tls://192.0.2.1\"]\ninsecure = true"),
        [
            "f.toml:3: upstream.servers: tls://192.0.2.1:853 of \"u\" is not authenticated: whoever is on the path can answer in its name"
        ]
    );
    assert_eq!(
        warnings("servers = [\"tls://192.0.2.1#dns.example\"]\ninsecure = true"),
        ["f.toml:4: upstream.insecure: has no effect: every server has a name or pins, which are checked"]
    );
    let pins = "pins = [\"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]";
    assert_eq!(warnings(&format!("servers = [\"tls://192.0.2.1\"]\n{pins}")), [""; 0]);
}

/// N17.
#[test]
fn what_looks_encrypted_but_is_not_is_refused() {
    let wrong = "is for tls:// servers, and this upstream has none: its queries are not encrypted";
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, rcgen::generate_simple_self_signed(vec!["dns.example".to_owned()]).unwrap().cert.pem()).unwrap();
    for (key, value, column) in [
        ("insecure", "true".to_owned(), 12),
        ("pins", "[\"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]".to_owned(), 8),
        ("ca", format!("{ca:?}"), 6),
    ] {
        assert_eq!(
            upstream(&format!("servers = [\"tcp://192.0.2.1\"]\n{key} = {value}")),
            [format!("f.toml:4:{column}: upstream.{key}: {wrong}; tls:// servers, or no {key}")]
        );
    }
    assert_eq!(
        upstream("servers = [\"tls://192.0.2.1#dns.example\", \"192.0.2.2\"]"),
        [
            "f.toml:3:43: upstream.servers: auto://192.0.2.2:53 is not encrypted, but other servers of this upstream are; two upstreams, one encrypted and one not"
        ]
    );
}

#[test]
fn pins_and_certificates_that_make_no_sense() {
    let with = |lines: &str| upstream(&format!("servers = [\"tls://192.0.2.1#dns.example\"]\n{lines}"));
    assert_eq!(
        with("pins = [\"sha1/AAAA\", \"sha256/AAAA\"]"),
        [
            "f.toml:4:9: upstream.pins: \"sha1/AAAA\" is not a pin; \"sha256/\" and the base64 of a SHA-256 digest",
            "f.toml:4:22: upstream.pins: \"sha256/AAAA\" holds 3 bytes; the 32 bytes of a SHA-256 digest, 44 characters of base64"
        ]
    );
    let right = "a file of certificates in PEM form";
    assert_eq!(
        with("ca = \"/nowhere/ca.pem\""),
        [format!(
            "f.toml:4:6: upstream.ca: /nowhere/ca.pem cannot be read: No such file or directory (os error 2); {right}"
        )]
    );
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, "").unwrap();
    let found = with(&format!("ca = {ca:?}"));
    assert_eq!(found, [format!("f.toml:4:6: upstream.ca: {} holds no certificate; {right}", ca.display())]);
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(with(&format!("ca = {ca:?}"))[0].contains("is broken"));
}

#[test]
fn names_are_given_once() {
    let group = "[[upstream]]\nname = \"u\"\nservers = [\"192.0.2.1\"]\n";
    assert_eq!(
        mistakes(&format!("{group}{group}{ZONE}")),
        ["f.toml:5:8: upstream.name: there is another upstream \"u\"; a name of its own"]
    );
    let zone = "[[zone]]\nname = \"A.example.\"\nupstream = \"u\"\n";
    assert_eq!(
        mistakes(&format!("{group}{ZONE}{zone}{}", zone.to_lowercase())),
        ["f.toml:11:8: zone.name: there is another zone \"a.example\"; each zone once"]
    );
}

#[test]
fn zone_names_that_make_no_sense() {
    for (name, wrong) in [
        ("", "is not a name; a domain name, or \".\" for all names"),
        ("a..example", "has an empty label; a name without two dots in a row or one in front"),
        (".example", "has an empty label; a name without two dots in a row or one in front"),
        ("*.example", "holds a character that is not allowed; letters, digits, \"-\", \"_\" and \"/\" between dots"),
        ("bücher.example", "is not in ASCII; its form with \"xn--\""),
    ] {
        let found = mistakes(&format!(
            "[[upstream]]\nname = \"u\"\nservers = [\"192.0.2.1\"]\n{ZONE}[[zone]]\nname = \"{name}\"\nupstream = \"u\"\n"
        ));
        assert_eq!(found, [format!("f.toml:8:8: zone.name: {name:?} {wrong}")]);
    }
    for (name, part) in [("a".repeat(64), "a label that is too long"), ("a.".repeat(128), "is too long")] {
        assert!(mistakes(&format!("[[zone]]\nname = \"{name}\"\n"))[1].contains(part));
    }
}

#[test]
fn zones_and_upstreams_must_find_each_other() {
    let group = |name: &str| format!("[[upstream]]\nname = \"{name}\"\nservers = [\"192.0.2.1\"]\n");
    assert_eq!(
        mistakes(&format!("{}{ZONE}", group("up"))),
        ["f.toml:6:12: zone.upstream: there is no upstream \"u\"; did you mean \"up\"?"]
    );
    assert_eq!(
        mistakes(&format!("{}{}{ZONE}", group("corp"), group("world"))),
        ["f.toml:9:12: zone.upstream: there is no upstream \"u\"; one of \"corp\", \"world\""]
    );
    assert_eq!(
        mistakes(ZONE),
        ["f.toml:3:12: zone.upstream: there is no upstream \"u\"; an [[upstream]] with name = \"u\""]
    );
    assert_eq!(
        mistakes(&format!("{}[[zone]]\nname = \".\"\n", group("u"))),
        [
            "f.toml:4: zone.upstream: is missing; a name of letters, digits, \"-\", \"_\" and \".\", at most 63, such as \"internet\""
        ]
    );
    let no_root = "there is no zone \".\"; a [[zone]] with name = \".\", for all names that no other zone holds";
    assert_eq!(mistakes(&group("u")), [format!("f.toml:1: zone: {no_root}")]);
    assert_eq!(
        mistakes(&format!("\n{}[[zone]]\nname = \"example\"\nupstream = \"u\"\n", group("u"))),
        [format!("f.toml:2: zone: {no_root}")]
    );
    assert_eq!(
        load(&format!("{}{ZONE}{}", group("u"), group("v"))).warnings,
        ["f.toml:7: upstream: no zone refers to \"v\"; it is never asked"]
    );
}

#[test]
fn values_that_contradict_each_other() {
    let text =
        format!("[[upstream]]\nname = \"u\"\nservers = [\"192.0.2.1\"]\n{ZONE}min-ttl = \"1m\"\nmax-ttl = \"59s\"\n");
    assert_eq!(
        mistakes(&text),
        ["f.toml:7:11: zone.min-ttl: min-ttl 1m is longer than max-ttl 59s; a min-ttl that is not longer"]
    );
    assert_eq!(
        warnings("servers = [\"192.0.2.1\"]\ntimeout = \"1s\""),
        ["f.toml:4: upstream.timeout: try-timeout is longer than timeout: a silent server leaves no time for the next"]
    );
}

#[test]
fn a_class_decides_what_a_zone_is_silent_about() {
    let text = format!("[[upstream]]\nname = \"u\"\nservers = [\"192.0.2.1\"]\n{ZONE}class = \"internal\"\n");
    let zone = load(&text).config.zones.remove(0);
    assert_eq!((zone.class, zone.dnssec, zone.max_negative_ttl.as_secs()), (Class::Internal, Dnssec::Off, 5));
    assert!(!zone.nxdomain_cut, "a company's servers do not always know of names below");
}

#[test]
fn a_silent_file_asks_the_machines_nameservers_for_the_cluster() {
    let loaded = silent("[cache]\nrotate = false\n", &["10.96.0.10", "10.96.0.11"]);
    assert_eq!(loaded.warnings, [""; 0]);
    let zone = loaded.config.zones.iter().find(|zone| zone.name == "cluster.local").unwrap();
    assert_eq!((zone.class, zone.dnssec), (Class::Internal, Dnssec::Off));
    let servers = &loaded.config.upstreams[zone.upstream].servers;
    let addresses: Vec<String> = servers.iter().map(|server| server.address.to_string()).collect();
    assert_eq!(addresses, ["10.96.0.10:53", "10.96.0.11:53"]);
    assert!(servers.iter().all(|server| server.transport == Transport::Auto && server.authentication.is_none()));
    assert_eq!(load(&loaded.config.to_string()).config, loaded.config);
}

#[test]
fn a_silent_file_never_asks_ourselves() {
    let addresses = |text: &str, nameservers: &[&str]| -> Vec<String> {
        let config = silent(text, nameservers).config;
        let group = config.upstreams.iter().find(|group| group.name == "resolv-conf");
        group
            .map(|group| group.servers.iter().map(|server| server.address.ip().to_string()).collect())
            .unwrap_or_default()
    };
    // The default listens on 127.0.0.1.
    assert_eq!(addresses("", &["127.0.0.1", "::ffff:127.0.0.1", "192.0.2.1"]), ["192.0.2.1"]);
    let own = "[listen]\naddresses = [\"169.254.20.10\"]\n";
    assert_eq!(addresses(own, &["169.254.20.10", "127.0.0.1"]), ["127.0.0.1"]);
    let all = "[listen]\naddresses = [\"0.0.0.0\"]\nallow = [\"10.0.0.0/8\"]\n";
    assert_eq!(addresses(all, &["127.0.0.53", "10.0.0.2"]), ["10.0.0.2"]);
    assert_eq!(addresses("", &["0.0.0.0", "::"]), [""; 0]);
}

#[test]
fn a_silent_file_without_nameservers_leaves_the_cluster_out_and_says_so() {
    let left_out = "zone: no nameserver in /etc/resolv.conf that is not ourselves; there is no zone \"cluster.local\", and its names are asked on the internet";
    let loaded = silent("", &["127.0.0.1"]);
    assert_eq!(loaded.config.zones.len(), 1);
    assert_eq!(
        loaded.warnings,
        [
            "f.toml: zone: a nameserver of /etc/resolv.conf is left out: 127.0.0.1:53 is one of our own addresses; name a server that is not this daemon",
            &format!("f.toml: {left_out}")
        ]
    );
    assert_eq!(silent("", &[]).warnings, [format!("f.toml: {left_out}")]);
}

/// N33: systemd-resolved in resolv.conf is skipped with a clear message, and the daemon starts.
#[test]
fn a_nameserver_that_may_ask_us_is_left_out_with_what_would_be_right() {
    let loaded = silent("[listen]\naddresses = [\"169.254.20.10\"]\n", &["127.0.0.53", "10.0.0.2"]);
    assert_eq!(
        loaded.warnings,
        [
            "f.toml: zone: a nameserver of /etc/resolv.conf is left out: 127.0.0.53:53 is systemd-resolved on this machine, which may ask us in turn; name the servers that it asks, from /run/systemd/resolve/resolv.conf"
        ]
    );
    let servers = &loaded.config.upstreams[loaded.config.zones.iter().find(|zone| zone.name != ".").unwrap().upstream];
    assert_eq!(servers.servers[0].address.to_string(), "10.0.0.2:53");
}

/// N33
#[test]
fn a_server_on_an_address_of_this_machine_is_refused_where_all_are_listened_on() {
    let addresses = vec!["10.0.0.7".parse().unwrap()];
    let environment = Environment { addresses, ..Environment::neutral() };
    let text = |listen: &str| {
        format!(
            "[listen]\naddresses = [\"{listen}\"]\nallow = [\"10.0.0.0/8\"]\n[[upstream]]\nname = \"u\"\nservers = [\"10.0.0.8\", \"10.0.0.7\"]\n{ZONE}"
        )
    };
    let mistakes = Config::parse(&text("0.0.0.0"), "f.toml", &environment).unwrap_err();
    let [mistake] = mistakes.as_slice() else { panic!("{mistakes:#?}") };
    assert_eq!(
        mistake.to_string(),
        "f.toml:6:24: upstream.servers: 10.0.0.7:53 is an address of this machine, and we listen on all of them; a server that is not this daemon, or single addresses in listen.addresses"
    );
    assert_eq!(Config::parse(&text("127.0.0.1"), "f.toml", &environment).unwrap().warnings, [""; 0]);
}

#[test]
fn another_server_on_loopback_at_our_port_is_a_warning() {
    let text =
        format!("[listen]\naddresses = [\"127.0.0.1\"]\n[[upstream]]\nname = \"u\"\nservers = [\"127.0.0.2\"]\n{ZONE}");
    assert_eq!(
        load(&text).warnings,
        [
            "f.toml:5: upstream.servers: 127.0.0.2:53 is on loopback, as we are: if whoever listens there asks us, questions go round"
        ]
    );
}

/// The mistakes of a text with these lines behind a zone of its own.
fn wrong_rules(lines: &str) -> Vec<String> {
    mistakes(&format!("{ROOT}{lines}\n"))
}

#[test]
fn rules_are_checked_where_options_must_go_together() {
    let rewrite = "[[rewrite]]\nfrom = \"a\"\nto = \"b\"\n";
    for (lines, wrong) in [
        (format!("{rewrite}name-match = \"suffix\""), "rewrite.name-match: is for match = \"ttl\" alone"),
        (format!("{rewrite}answers = \"none\""), "rewrite.answers: an exact name is always put back"),
        (format!("{rewrite}match = \"regex\"\nanswer-names = [\"a b\"]"), "rewrite.answer-names: answers is \"auto\""),
        (
            format!("{rewrite}match = \"type\"\nanswer-values = [\"a b\"]"),
            "rewrite.answer-values: is for rules that rewrite names",
        ),
        ("[[rewrite]]\nfrom = \"a\"".to_owned(), "rewrite.to: is missing"),
        ("[[template]]\nrcode = \"XX\"".to_owned(), "template.rcode: \"XX\" is not one of the words"),
        ("[[template]]\ntypes = [\"OPT\"]".to_owned(), "template.types: \"OPT\" is no type of records"),
        ("[[template]]\nfallthrough-zones = [\"a\"]".to_owned(), "template.fallthrough-zones: nothing falls through"),
        ("dns64 = \"64:ff9b::/95\"".to_owned(), "zone.dns64: \"64:ff9b::/95\" is no prefix of NAT64"),
        ("dns64 = \"2001:db8:0:0:ff00::/96\"".to_owned(), "is no prefix of NAT64"),
        (
            "hosts-fallthrough = false\nhosts-fallthrough-zones = [\"a\"]".to_owned(),
            "zone.hosts-fallthrough-zones: nothing falls through",
        ),
        ("hosts = \"/does/not/exist\"".to_owned(), "zone.hosts: /does/not/exist cannot be read"),
    ] {
        let said = wrong_rules(&lines);
        assert!(said.len() == 1 && said[0].contains(wrong), "{lines}: {said:#?}");
    }
    let many = wrong_rules(&rewrite.repeat(257));
    assert!(many.len() == 1 && many[0].contains("rewrite: there are 257 of them; at most 256"), "{many:?}");
}

#[test]
fn a_file_with_rules_alone_is_silent_about_where_names_are_asked() {
    let loaded = load("[[rewrite]]\nfrom = \"a\"\nto = \"b\"\n");
    assert!(loaded.is_silent && loaded.config.rewrites.len() == 1 && loaded.config.zones.len() == 1);
}
