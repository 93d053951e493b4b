//! Each kind of mistake: its exact message, with its line.

use std::fs;

use super::{ROOT, load, mistakes};
use crate::config::Config;
use crate::error::ExitCode;

/// Checks that a text, followed by a group and a zone, has one mistake.
fn one(text: &str, expected: &str) {
    assert_eq!(mistakes(&format!("{text}\n{ROOT}")), [expected], "{text}");
}

#[test]
fn syntax() {
    one(
        "[cache]\nsize = 32MiB",
        "f.toml:2:8: syntax: 32MiB is neither a number, true, false nor a quoted text; \"32MiB\"",
    );
    one("[cache]\nrotate = true\nrotate = false", "f.toml:3:1: syntax: rotate is written twice; keep one of them");
    one("[cache", "f.toml:1:7: syntax: unclosed table; expected `]`");
    one("[cache]\nsize = \"1MiB", "f.toml:2:13: syntax: invalid basic string; expected `\"`");
}

#[test]
fn a_list_that_is_not_closed_is_one_mistake_and_hides_what_it_swallows() {
    let text = "[listen]\naddresses = [\"127.0.0.1\"\n\n[cache]\nsize = \"1MiB\"\n";
    let found = mistakes(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("f.toml:"), "{found:#?}");
}

#[test]
fn sections_and_keys() {
    let all = "the sections are [listen] [limits] [cache] [local] [policy] [dnssec] [rebinding] [metrics] [health] [log] [query-log] \
               [detect] [clients] [control] [supervisor] [sandbox] [interface] [rules] [[upstream]] [[zone]] \
               [[rewrite]] [[template]]";
    one("[forwarders]", &format!("f.toml:1:2: forwarders: unknown section; {all}"));
    one("[cahce]", "f.toml:1:2: cahce: unknown section; did you mean [cache]?");
    one("[[zones]]", "f.toml:1:3: zones: unknown section; did you mean [[zone]]?");
    one("udp-size = 1232", "f.toml:1:1: udp-size: stands before any section; it belongs to [listen]");
    one("[listen]\nudp_size = 1232", "f.toml:2:1: listen.udp_size: unknown key; did you mean udp-size?");
    one("[cache]\nudp-size = 1232", "f.toml:2:1: cache.udp-size: unknown key; it belongs to [listen]");
    one(
        "[cache]\nbytes = 1",
        "f.toml:2:1: cache.bytes: unknown key; the keys of [cache] are size, negative-size, rotate, serve-stale, servfail, prefetch, snapshot, snapshot-size, snapshot-interval",
    );
    one("[[cache]]", "f.toml:1:3: cache: may stand only once; [cache]");
    one("cache = 1", "f.toml:1:1: cache: is not a table; [cache]");
    assert_eq!(
        mistakes(&ROOT.replace("[[zone]]", "[zone]")),
        ["f.toml:4:2: zone: one pair of brackets, but there may be several; [[zone]]"]
    );
    assert_eq!(mistakes("zone = [1]\n")[1], "f.toml:1:9: zone: is not a table; [[zone]]");
}

#[test]
fn what_is_noted_of_queries() {
    one(
        "[query-log]\noutput = \"queries.log\"",
        "f.toml:2:10: query-log.output: \"queries.log\" is no place for the query log; \"stdout\", \"file:/PATH\" or \"unix:/PATH\", with an \
         absolute path",
    );
    one(
        "[query-log]\nrotate-size = \"1MiB\"\nmax-size = \"1MiB\"",
        "f.toml:3:12: query-log.max-size: rotate-size is more than half of max-size, so that no closed file could be kept; a max-size of \
         at least twice as much",
    );
    one(
        "[query-log]\nclasses = [\"denials\"]",
        "f.toml:2:12: query-log.classes: \"denials\" is not one of the words; a list of \"all\", \"success\", \"denial\", \"error\", \"external\", \"blocked\" and \"failure\"",
    );
    one(
        "[clients]\nsource = \"kubelet\"",
        "f.toml:1: clients.address: it is not said where the source is; such as \"https://127.0.0.1:10250\"",
    );
    one(
        "[clients]\nsource = \"kubelet\"\naddress = \"https://localhost:10250\"",
        "f.toml:3:11: clients.address: \"https://localhost:10250\" has no address in it; an address: it is this daemon that looks names up",
    );
    one(
        "[clients]\nsource = \"kubelet\"\naddress = \"http://127.0.0.1:10255\"\ntoken = \"/token\"",
        "f.toml:3:11: clients.address: \"http://127.0.0.1:10255\" would show the token to everybody on the way; https://, or no token",
    );
    one(
        "[clients]\nsource = \"api-server\"\naddress = \"https://[fd00::1]\"\nnode = \"a&b\"",
        "f.toml:4:8: clients.node: \"a&b\" is no name of a node; small letters, digits, hyphens and dots",
    );
    assert_eq!(
        mistakes("[clients]\nsource = \"api-server\"\naddress = \"10.96.0.1\"\n"),
        [
            "f.toml:1: clients.node: this node's name is not known; a name, here or as NODE_NAME of the environment",
            "f.toml:3:11: clients.address: \"10.96.0.1\" is no URL; such as \"https://10.96.0.1\"",
        ]
    );
}

#[test]
fn keys_of_a_table_in_a_section() {
    let zone = |line: &str| mistakes(&format!("{ROOT}{line}\n"));
    assert_eq!(
        zone("rebinding = \"off\""),
        ["f.toml:7:1: zone.rebinding: is not a table; rebinding.mode, or rebinding = { … }"]
    );
    assert_eq!(
        zone("rebinding = { mode = \"blok\", acton = \"strip\" }"),
        [
            "f.toml:7:22: zone.rebinding.mode: \"blok\" is not one of the words; \"block\", \"report\" or \"off\"",
            "f.toml:7:30: zone.rebinding.acton: unknown key; did you mean rebinding.action?"
        ]
    );
    assert_eq!(
        zone("rebinding.exempt = [\"*\", \"a.example=10.0.0.1/8\"]")[1],
        "f.toml:7:26: zone.rebinding.exempt: \"10.0.0.1/8\" has bits set after its length; \"10.0.0.0/8\""
    );
    assert_eq!(
        zone("rebinding.presets = [\"amazon\"]"),
        [
            "f.toml:7:22: zone.rebinding.presets: \"amazon\" is not one of the words; a list of \"aws\", \"azure\", \"gcp\", \"plex\" and \"dnsbl\""
        ]
    );
    one(
        "[rebinding]\nnat64 = [\"2a00::/95\"]",
        "f.toml:2:10: rebinding.nat64: 2a00::/95 is no prefix of NAT64; an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits (RFC 6052 section 2.2)",
    );
}

#[test]
fn the_link_of_the_listen_addresses() {
    let link = |line: &str| format!("[listen]\naddresses = [\"169.254.20.10\"]\n[interface]\n{line}");
    for name in ["sixteen-bytes-xx", "..", "lo"] {
        one(
            &link(&format!("name = \"{name}\"")),
            &format!(
                "f.toml:4:8: interface.name: \"{name}\" cannot be the name of a link of ours; at most 15 bytes, such as \"nodelocaldns\""
            ),
        );
    }
    one(
        "[interface]\nmanage = true\n[listen]\naddresses = [\"127.0.0.1\", \"::1\", \"[fe80::1%2]:53\"]",
        "f.toml:2:10: interface.manage: no address of listen.addresses needs a link; false, or an address such as \"169.254.20.10\"",
    );
    one(
        &link("interval = \"1ms\""),
        "f.toml:4:12: interface.interval: \"1ms\" is out of range; a duration from 1s to 1h",
    );
}

#[test]
fn types() {
    one("[cache]\nrotate = \"yes\"", "f.toml:2:10: cache.rotate: a text is written; true or false");
    one(
        "[listen]\nworkers = \"2\"",
        "f.toml:2:11: listen.workers: a text is written; a whole number from 1 to 64 (threads)",
    );
    one(
        "[listen]\nworkers = 1.5",
        "f.toml:2:11: listen.workers: a number with a fraction is written; a whole number from 1 to 64 (threads)",
    );
    one(
        "[listen]\nallow = \"::1\"",
        "f.toml:2:9: listen.allow: a text is written; a list of prefixes \"IP/LENGTH\" or single addresses",
    );
    one(
        "[log]\nlevel = \"warning\"",
        "f.toml:2:9: log.level: \"warning\" is not one of the words; \"error\", \"warn\", \"info\" or \"debug\"",
    );
    one("[local]\nrecords = [\"\"]", "f.toml:2:12: local.records: \"\" is not a line; one line of text");
    one(
        &format!("[local]\nidentity = \"{}\"", "x".repeat(256)),
        "f.toml:2:12: local.identity: the text has 256 bytes; a text of at most 255 bytes",
    );
}

#[test]
fn durations_and_sizes_without_or_with_a_wrong_unit() {
    one(
        "[listen]\ndrain-timeout = \"30\"",
        "f.toml:2:17: listen.drain-timeout: \"30\" has no unit; \"30s\" or another of ms, s, m, h, d",
    );
    one("[listen]\ndrain-timeout = 30", "f.toml:2:17: listen.drain-timeout: 30 has no unit; \"30s\"");
    one(
        "[listen]\ndrain-timeout = \"5S\"",
        "f.toml:2:17: listen.drain-timeout: \"5S\" has the unknown unit \"S\"; \"5s\"",
    );
    one(
        "[listen]\ndrain-timeout = \"5KiB\"",
        "f.toml:2:17: listen.drain-timeout: \"5KiB\" has the unknown unit \"KiB\"; one of ms, s, m, h, d, such as \"5s\"",
    );
    one(
        "[cache]\nsize = 1048576",
        "f.toml:2:8: cache.size: 1048576 has no unit; \"1048576B\", or a number with KiB, MiB or GiB",
    );
    one(
        "[cache]\nsize = \"32M\"",
        "f.toml:2:8: cache.size: \"32M\" has the unknown unit \"M\"; one of B, kB, MB, GB, KiB, MiB, GiB, such as \"32MiB\"",
    );
    assert_eq!(
        mistakes(&format!("{ROOT}max-ttl = \"1500ms\"\n")),
        ["f.toml:7:11: zone.max-ttl: \"1500ms\" is not in whole seconds; a duration in whole seconds from 0s to 7d"]
    );
}

#[test]
fn addresses() {
    let listen = |text: &str| format!("[listen]\naddresses = [{text}]");
    one(
        &listen("\"127.0.0.1\", \"127.0.0.1:53\""),
        "f.toml:2:27: listen.addresses: 127.0.0.1:53 is listed twice; each address once",
    );
    one(
        &listen(""),
        "f.toml:2:13: listen.addresses: the list is empty; a list of addresses \"IP\" (port 53) or \"IP:PORT\", with IPv6 as \"[IP]:PORT\", at least one",
    );
    one(
        &listen("\"localhost\""),
        "f.toml:2:14: listen.addresses: \"localhost\" is not an address; an IP address with or without a port, such as \"192.0.2.1\" or \"192.0.2.1:53\"",
    );
    one(
        &listen("\"fd00::1::2\""),
        "f.toml:2:14: listen.addresses: \"fd00::1::2\" is not an address; an address such as \"fd00::1\" or \"[fd00::1]:53\"",
    );
    one(
        &listen("\"224.0.0.251\""),
        "f.toml:2:14: listen.addresses: \"224.0.0.251\" is a multicast address; an address of this host",
    );
    one(
        "[metrics]\nlisten = \"127.0.0.1\"",
        "f.toml:2:10: metrics.listen: \"127.0.0.1\" has no port; an address \"IP:PORT\"",
    );
    one(
        "[health]\nlisten = \"127.0.0.1:9253\"",
        "f.toml:2:10: health.listen: 127.0.0.1:9253 is taken by metrics.listen; another port",
    );
    one(
        "[metrics]\nlisten = [\"127.0.0.1:9253\", \"127.0.0.1:8080\"]",
        "f.toml:1: health.listen: 127.0.0.1:8080 is taken by metrics.listen; another port",
    );
    one(
        "[health]\nready-listen = [\"127.0.0.1:8081\", \"0.0.0.0:8080\"]",
        "f.toml:2:35: health.ready-listen: 0.0.0.0:8080 is taken by health.listen; another port",
    );
    one(
        "[metrics]\nlisten = \"0.0.0.0:5353\"",
        "f.toml:2:10: metrics.listen: 0.0.0.0:5353 is taken by listen.addresses; another port",
    );
}

#[test]
fn prefixes() {
    let allow = |text: &str| format!("[listen]\nallow = [\"{text}\"]");
    one(
        &allow("10.0.0.0/33"),
        "f.toml:2:10: listen.allow: \"10.0.0.0/33\" is not a prefix; \"IP/LENGTH\" such as \"10.0.0.0/8\", or an address",
    );
    one(
        &allow("10.1.2.3/8"),
        "f.toml:2:10: listen.allow: \"10.1.2.3/8\" has bits set after its length; \"10.0.0.0/8\"",
    );
}

#[test]
fn dead_suffixes() {
    for (suffix, wrong) in [
        (".", "holds every name; a suffix that ends in a label"),
        ("*", "holds every name; a suffix that ends in a label"),
        ("com.*", "holds every name; a suffix that ends in a label"),
        ("*.*.svc.cluster.local", "has more than one \"*\"; one \"*\", or a suffix for each of its values"),
        ("a*.lan", "holds a character that is not allowed; letters, digits, \"-\", \"_\" and \"/\" between dots"),
        ("*..lan", "has an empty label; a name without two dots in a row or one in front"),
    ] {
        let line = format!("[local]\ndead-suffixes = [\"{suffix}\"]");
        one(&line, &format!("f.toml:2:18: local.dead-suffixes: {suffix:?} {wrong}"));
    }
    one(
        "[local]\ndead-suffixes = [\"lan\", \"LAN.\"]",
        "f.toml:2:25: local.dead-suffixes: \"lan\" is listed twice; each suffix once",
    );
    let zone = "[[zone]]\nname = \"corp.example\"\nupstream = \"u\"\n";
    assert_eq!(
        mistakes(&format!("[local]\ndead-suffixes = [\"corp.example\"]\n{ROOT}{zone}")),
        [
            "f.toml:2:18: local.dead-suffixes: there is a zone \"corp.example\"; one of them: a zone is asked, a dead suffix is not"
        ]
    );
}

#[test]
fn lists_of_names_that_contradict_themselves() {
    one(
        "[policy]\nblock = [\"a.bad\", \"A.bad.\"]",
        "f.toml:2:19: policy.block: \"a.bad\" is listed twice; each suffix once",
    );
    one(
        "[policy]\nblock = [\"a.bad\"]\nunblock = [\"b.bad\", \"a.bad\"]",
        "f.toml:3:21: policy.unblock: \"a.bad\" is in block, too; one of them",
    );
    one("[policy]\nblock = [\".\"]", "f.toml:2:10: policy.block: \".\" holds every name; a domain name with a label");
    let missing = "[policy]\nblock-file = \"/nowhere/list\"";
    assert!(
        mistakes(&format!("{missing}\n{ROOT}"))[0]
            .starts_with("f.toml:2:14: policy.block-file: /nowhere/list cannot be read")
    );
}

#[test]
fn rules_that_cannot_be_made() {
    let text = |listen: &str, rules: &str| {
        format!("[listen]\naddresses = [{listen}]\nallow = [\"10.0.0.0/8\"]\n[rules]\n{rules}")
    };
    let (link_local, nftables) = ("\"169.254.20.10\", \"10.96.0.10\"", "backend = \"nftables\"");
    one(
        &text(link_local, "fallback = [\"10.0.0.2\"]"),
        "f.toml:5:12: rules.fallback: only rules of nftables know when the daemon is gone; backend = \"nftables\", or no fallback",
    );
    let refuse = |fallback: &str, wrong: &str| {
        let rules = format!("{nftables}\nfallback = [\"{fallback}\"]");
        one(&text(link_local, &rules), &format!("f.toml:6:13: rules.fallback: {wrong}"));
    };
    refuse("127.0.0.1", "127.0.0.1:53 is not the address of another server; a server that pods can reach");
    refuse("10.96.0.10", "10.96.0.10 is one of listen.addresses, which is gone when this is used; another server");
    refuse(
        "2001:db8::1",
        "[2001:db8::1]:53 has nothing to stand in for: no IPv6 address of listen.addresses is in rules.node-local; leave it out, or name \
         the prefix in node-local",
    );
    let refuse = |listen: &str, wrong: &str| {
        one(&text(listen, nftables), &format!("f.toml:5:11: rules.backend: {wrong}"));
    };
    refuse(
        "\"0.0.0.0\"",
        "rules need addresses, and 0.0.0.0:53 of listen.addresses is all of them; the addresses that clients ask, or backend = \"none\"",
    );
    refuse("\"10.0.0.1:0\"", "rules need ports, and 10.0.0.1:0 of listen.addresses has none; a port, such as 53");
    refuse(
        "\"127.0.0.1\"",
        "all of listen.addresses are on loopback, which needs no rules; an address that pods ask, such as 169.254.20.10, or backend = \"none\"",
    );
    assert_eq!(load(&format!("{}\n{ROOT}", text(link_local, "backend = \"iptables\""))).warnings, [""; 0]);
}

#[test]
fn a_burst_that_the_clock_cannot_tell_from_a_flood() {
    one(
        "[limits]\nclient-rate = 1000\nclient-burst = 9",
        "f.toml:3:16: limits.client-burst: 9 is less than 10 ms at a client-rate of 1000; at least 10, or none for a second's worth",
    );
    let config = load(&format!("[limits]\nclient-rate = 1000\n{ROOT}")).config;
    assert_eq!(config.limits.client_burst, 1000);
}

#[test]
fn types_that_no_name_shows() {
    for (name, wrong) in [
        ("IPv6", "is no type of records; a name such as \"AAAA\", or \"TYPE65\""),
        ("TYPE65536", "is no type of records; a name such as \"AAAA\", or \"TYPE65\""),
        ("ANY", "is never the type of a record; a type such as \"AAAA\""),
        ("TYPE0", "is never the type of a record; a type such as \"AAAA\""),
        ("A", "is needed to answer for other types; a type such as \"AAAA\""),
        ("cname", "is needed to answer for other types; a type such as \"AAAA\""),
    ] {
        assert_eq!(
            mistakes(&format!("{ROOT}no-types = [\"{name}\"]\n")),
            [format!("f.toml:7:13: zone.no-types: {name:?} {wrong}")]
        );
    }
}

#[test]
fn files() {
    one(
        "[local]\nhosts = \"/nowhere/hosts\"",
        "f.toml:2:9: local.hosts: /nowhere/hosts cannot be read: No such file or directory (os error 2); a file that can be read",
    );
    one("[local]\nhosts = \"\"", "f.toml:2:9: local.hosts: \"\" is not a path; the path of a file");
}

#[test]
fn all_mistakes_are_reported_in_one_run_in_the_order_of_their_lines() {
    let text = "\
[zone]
[cache]
size = \"12\"
rotate = 5s
seize = 1
[listen]
addresses = [\"127.0.0.1\", \"x\", \"127.0.0.1\"]
workers = 65
[[upstream]]
servers = [\"tls://192.0.2.1\", \"udp://dns.example\"]
pins = [\"sha256/AA==\"]
[detekt]
";
    let found = mistakes(text);
    let starts = [
        "f.toml:1: zone.name: is missing",
        "f.toml:1: zone.upstream: is missing",
        "f.toml:1:2: zone: one pair",
        "f.toml:3:8: cache.size: \"12\" has no unit",
        "f.toml:4:10: syntax: 5s is neither",
        "f.toml:5:1: cache.seize: unknown key; did you mean size?",
        "f.toml:7:27: listen.addresses: \"x\" is not an address",
        "f.toml:7:32: listen.addresses: 127.0.0.1:53 is listed twice",
        "f.toml:8:11: listen.workers: 65 is out of range",
        "f.toml:9: upstream.name: is missing",
        "f.toml:10:31: upstream.servers: \"dns.example\" is not an address",
        "f.toml:11:9: upstream.pins: \"sha256/AA==\" holds 1 bytes",
        "f.toml:12:2: detekt: unknown section; did you mean [detect]?",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found}\nshould begin with\n{start}");
    }
}

#[test]
fn a_file_full_of_mistakes_takes_no_time() {
    let text = format!("[listen]\nallow = [\n{}]\n[[zone]]\n{}", "x y\n".repeat(20_000), "a = [\n".repeat(20_000));
    assert!(!mistakes(&text).is_empty());
    let text = format!("[listen]\n{}", (0..20_000).map(|n| format!("key-{n} = [{n} x]\n")).collect::<String>());
    assert!(mistakes(&text).len() >= 20_000);
}

#[test]
fn what_a_syntax_error_may_hide_is_not_said_to_be_missing() {
    assert_eq!(mistakes("[[upstream]]\nname x\n").len(), 1);
}

#[test]
fn files_are_refused_with_the_exit_code_of_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodens.toml");
    assert_eq!(Config::load(Some(&path)).unwrap_err().code, ExitCode::NoInput);
    assert_eq!(Config::load(Some(folder.path())).unwrap_err().code, ExitCode::NoInput);
    for (bytes, end) in [
        (b"[cache]\nrotate = 1\n".to_vec(), ":2:10: cache.rotate: a whole number is written; true or false"),
        (b"[cache]\n# \xff\n".to_vec(), ":2: syntax: is not UTF-8; save the file as UTF-8"),
        (vec![b'#'; (1 << 20) + 1], ": is larger than 1MiB; is it a configuration file?"),
    ] {
        fs::write(&path, bytes).unwrap();
        let failure = Config::load(Some(&path)).unwrap_err();
        assert_eq!(failure.code, ExitCode::Config);
        assert_eq!(failure.message, format!("{}{end}", path.display()));
    }
}

#[test]
fn an_open_resolver_is_a_warning() {
    let warnings = |line: &str| load(&format!("[listen]\n{line}\n{ROOT}")).warnings;
    assert_eq!(
        warnings("addresses = [\"127.0.0.1\", \"0.0.0.0\"]"),
        [
            "f.toml:2: listen.addresses: 0.0.0.0:53 may be reached from everywhere and allow is empty: an open resolver; list who may ask in allow"
        ]
    );
    assert_eq!(warnings("addresses = [\"2001:db8::1\"]").len(), 1);
    assert_eq!(warnings("addresses = [\"0.0.0.0\"]\nallow = [\"10.0.0.0/8\"]"), [""; 0]);
    for private in ["169.254.20.10", "10.96.0.10", "100.64.0.1", "fd00:10::a", "fe80::1", "::1"] {
        assert_eq!(warnings(&format!("addresses = [\"{private}\"]")), [""; 0], "{private}");
    }
}

/// N34
#[test]
fn a_zone_of_servers_inside_of_which_nothing_says_whose_it_is_is_a_warning() {
    let warnings = |server: &str, lines: &str| {
        let group = format!("[[upstream]]\nname = \"s\"\nservers = [{server:?}]\n");
        load(&format!("{ROOT}{group}[[zone]]\nname = \"corp.example\"\nupstream = \"s\"\n{lines}\n")).warnings
    };
    assert_eq!(
        warnings("tcp://10.0.0.53", ""),
        [
            "f.toml:11: zone.class: its servers are inside, but private addresses of its names are withheld; class = \"internal\" if they are yours, class = \"public\" if not"
        ]
    );
    for lines in ["class = \"internal\"", "class = \"public\"", "rebinding.mode = \"off\""] {
        assert_eq!(warnings("tcp://10.0.0.53", lines), [""; 0], "{lines}");
    }
    assert_eq!(warnings("udp://192.0.2.1", ""), [""; 0]);
}
