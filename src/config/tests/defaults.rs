//! Defaults, the reference file and the samples say the same, and what is printed reads back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{ROOT, load};
use crate::config::options::{Section, Silent, settings};
use crate::config::raw::default;
use crate::config::{
    Authentication, Class, Config, Dnssec, Environment, Format, Level, RebindingAction, RebindingMode, Transport,
    reference,
};

/// A file of the folder `config`.
fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
}

/// The reference file with the comment signs of its options removed.
fn uncommented() -> String {
    reference()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect()
}

/// Every option with another value than its default.
const EVERYTHING: &str = r#"
[listen]
addresses = ["169.254.20.10", "[fd00:10::a]:5300", "fd00:10::b", "127.0.0.1:0", "127.0.0.1:0"]
workers = 5
allow = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]
udp-size = 4096
tcp-idle-timeout = "1500ms"
drain-timeout = "0s"
[limits]
in-flight = 16
waiting = 17
tcp-connections = 18
tcp-connections-per-client = 19
tcp-pipeline = 20
client-rate = 500
client-burst = 50
client-rate-exempt = ["10.0.0.1"]
[cache]
size = "1GiB"
negative-size = "100kB"
rotate = false
serve-stale = "1h"
servfail = "0s"
prefetch = 0
snapshot = "/var/lib/other/cache"
snapshot-size = "1MiB"
snapshot-interval = "5m"
[local]
special-use = false
hosts = "HOSTS"
records = ['a.example. 60 TXT "b\c"']
dead-suffixes = ["Com.*.svc.cluster.local.", "*.lan", "internal.cloudapp.net"]
identity = "é\u0007\"\\"
version = "auto"
nsid = "node-7"
whoami = ["Health-check.localdns.local."]
[policy]
block = ["Example.BAD.", "com"]
block-file = "BLOCKED"
unblock = ["good.example.bad"]
refuse-types = ["NULL", "TYPE65399", "TXT"]
[rebinding]
private = ["11.0.0.0/8", "2a01:db8::/48"]
public = ["198.18.0.0/15"]
nat64 = ["2a00:64::/96", "2a00:65::/32"]
own-addresses = false
null = false
[metrics]
listen = ""
names = "all"
allow = ["127.0.0.1"]
[health]
listen = ["[::1]:8081", "127.0.0.1:8082"]
ready-listen = "127.0.0.1:8181"
allow = ["::1"]
[log]
level = "debug"
format = "json"
[query-log]
classes = ["denial", "blocked"]
sample = 10
format = "json"
output = "file:/var/log/nodens/queries"
rotate-size = "1MiB"
rotate-every = "1h"
max-size = "10MiB"
compress = "none"
clients = "pseudonym"
prefix-v4 = 16
prefix-v6 = 48
buffer = "2MiB"
[detect]
mode = "alert"
exempt = ["tunnel.example", "*.cdn.example"]
built-in-exempt = false
flood-rate = 100
denial-rate = 10
hold = "1h"
limit = 5
[clients]
source = "kubelet"
address = "https://127.0.0.1:10250"
token = "/run/token"
ca = "/run/ca.crt"
node = "node-1"
refresh = "5s"
[control]
socket = "/run/other/control"
[sandbox]
enabled = false
user = "other"
[supervisor]
hang-timeout = "10s"
snapshot-interval = "1m"
socket = "/run/other/handover"
linger = true
[interface]
manage = true
name = "nodens0"
interval = "5s"
take-over = true
teardown = false
[rules]
backend = "nftables"
interval = "90s"
timeout = "2500ms"
fallback = ["10.244.0.53", "10.244.0.54:5353"]
node-local = ["169.254.20.0/24"]
teardown = false
[dnssec]
trust-anchors = "HOSTS"
[[upstream]]
name = "a"
servers = ["tls://[2001:db8::1]:8853#dns.example", "tls://192.0.2.1#192.0.2.1", "tls://192.0.2.2"]
policy = "round-robin"
ca = "CA_FILE"
pins = ["sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
timeout = "9s"
try-timeout = "3s"
connections = 16
pipeline = 1
idle-timeout = "1h"
max-age = "1d"
padding = 0
case-randomization = false
cookies = false
udp-sockets = 16
[[upstream]]
name = "b"
servers = ["tls://192.0.2.3", "tls://192.0.2.4#dns.example"]
insecure = true
[[upstream]]
name = "c"
servers = ["192.0.2.5", "2001:db8::5", "tcp://192.0.2.6", "udp://192.0.2.7:54,[2001:db8::7]", "auto://[fe80::1%2]"]
[[zone]]
name = "Cluster.Local."
upstream = "c"
class = "internal"
dnssec = "forward"
max-ttl = "1h"
min-ttl = "1m"
max-negative-ttl = "0s"
serve-stale = "0s"
servfail = "5m"
prefetch = 65535
nxdomain-cut = true
no-types = ["aaaa", "TYPE65", "TYPE65280"]
query-log = ["all"]
detect = "block"
rebinding.mode = "report"
rebinding.action = "strip"
rebinding.exempt = ["Corp.example.", "*.lan", "lists.example=127.0.0.0/8,::1"]
rebinding.presets = ["aws", "azure", "gcp", "plex", "dnsbl"]
acl = ["allow net 10.0.0.0/8", "block type ANY"]
dns64 = "64:ff9b::/96"
dns64-translate-all = true
dns64-ipv4-clients = true
hosts = "HOSTS"
hosts-lines = ["192.0.2.1 a.cluster.local"]
hosts-ttl = "5s"
hosts-reverse = false
hosts-fallthrough = true
hosts-fallthrough-zones = ["b.cluster.local"]
[[zone]]
name = "b.example"
upstream = "b"
dnssec = "off"
rebinding = { mode = "block", action = "refuse" }
[[zone]]
name = "c.example"
upstream = "b"
dnssec = "validate"
negative-trust-anchors = ["broken.c.example"]
[[zone]]
name = "."
upstream = "a"
[[rewrite]]
zone = "Corp.example."
match = "regex"
from = '(.*)\.a\.'
to = "{1}.b."
answers = "none"
answer-names = ['(.*)\.b\. {1}.a.']
answer-values = ['(.*)\.b\. {1}.a.']
route = "question"
continue = true
[[rewrite]]
match = "ttl"
from = "a"
to = "30-300"
name-match = "suffix"
[[template]]
zone = "corp.example"
types = ["A", "TYPE65"]
match = ["a(.*)"]
rcode = "NXDOMAIN"
answers = ["{{ .Name }} 60 IN A 192.0.2.1"]
authority = ["{{ .Zone }} 60 IN NS ns.corp.example."]
additional = ["ns.corp.example. 60 IN A 192.0.2.1"]
extended-error = 21
fallthrough = true
fallthrough-zones = ["b.corp.example"]
"#;

#[test]
fn the_defaults_are_those_of_the_design() {
    let config = Config::default();
    assert_eq!(config.listen.addresses, ["127.0.0.1:5353".parse().unwrap()]);
    assert_eq!((config.listen.workers, config.listen.udp_size), (2, 1232));
    assert_eq!((config.cache.size, config.cache.negative_size), (32 << 20, 8 << 20));
    assert_eq!((config.local.identity.as_deref(), config.local.version.as_deref()), (None, None));
    assert_eq!((config.log.level, config.log.format), (Level::Info, Format::Text));
    assert_eq!(config.metrics.listen, ["127.0.0.1:9253".parse().unwrap()]);
    let [upstream] = config.upstreams.as_slice() else { panic!("one group") };
    assert!(upstream.servers.iter().all(|server| server.transport == Transport::Tls && server.address.port() == 853));
    assert_eq!(upstream.servers[0].authentication, Some(Authentication::Name("cloudflare-dns.com".to_owned())));
    let [zone] = config.zones.as_slice() else { panic!("one zone") };
    assert_eq!((zone.name.as_str(), zone.class, zone.dnssec), (".", Class::Public, Dnssec::Forward));
    assert_eq!((zone.rebinding.mode, zone.rebinding.action), (RebindingMode::Block, RebindingAction::NoData));
    assert_eq!((zone.max_ttl, zone.max_negative_ttl), (Duration::from_secs(86_400), Duration::from_secs(30)));
}

#[test]
fn the_defaults_print_and_read_back() {
    let config = Config::default();
    assert_eq!(load(&config.to_string()).config, config);
}

#[test]
fn every_option_that_has_a_value_is_printed() {
    let printed = Config::default().to_string();
    let without = ["hosts", "block-file", "ca", "snapshot", "trust-anchors", "socket", "token"];
    // Of these there are none.
    let is_there = |section: Section| !section.is_repeated() || section.is_forwarding();
    for setting in settings().filter(|setting| !without.contains(&setting.key) && is_there(setting.section)) {
        assert!(printed.contains(&format!("\n{} = ", setting.key)), "{} is not printed", setting.path());
    }
}

#[test]
fn what_differs_from_every_default_prints_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = rcgen::generate_simple_self_signed(vec!["dns.example".to_owned()]).unwrap();
    let (ca, hosts) = (folder.path().join("ca.pem"), folder.path().join("hosts"));
    fs::write(&ca, certificate.cert.pem()).unwrap();
    fs::write(&hosts, "192.0.2.1 a.example\n").unwrap();
    let text = EVERYTHING
        .replace("HOSTS", hosts.to_str().unwrap())
        .replace("BLOCKED", hosts.to_str().unwrap())
        .replace("CA_FILE", ca.to_str().unwrap());
    let config = load(&text).config;
    assert_eq!(load(&config.to_string()).config, config);
    assert_eq!(config.zones[0].name, "cluster.local");
    assert_eq!(config.zones[0].no_types, [28, 65, 65_280]);
    assert!(config.to_string().contains("no-types = [\"AAAA\", \"HTTPS\", \"TYPE65280\"]"));
    assert_eq!(config.local.dead_suffixes, ["com.*.svc.cluster.local", "*.lan", "internal.cloudapp.net"]);
    assert_eq!(config.zones[0].rebinding.exempt[2].within.len(), 2);
    let of_zone = |zone: usize| (config.zones[zone].rebinding.mode, config.zones[zone].rebinding.action);
    assert_eq!(of_zone(1), (RebindingMode::Block, RebindingAction::Refuse));
    assert_eq!(config.upstreams[0].servers[2].authentication, None);
    assert_eq!(config.upstreams[1].servers[0].authentication, Some(Authentication::Nothing));
    assert_eq!(config.local.identity.as_deref(), Some("é\u{7}\"\\"));
    assert_eq!(config.local.version.as_deref(), Some(concat!("nodens ", env!("CARGO_PKG_VERSION"))));
    assert_eq!(config.policy.block, ["example.bad", "com"]);
    assert_eq!(config.policy.refuse_types, [10, 65_399, 16]);
    assert_eq!((config.templates[0].types.as_slice(), config.templates[0].rcode), (&[1, 65][..], 3));
    assert_eq!(config.rewrites[1].name_matching.word(), "suffix");
    // Whoever adds an option adds it above.
    for setting in settings() {
        assert!(text.contains(&format!("\n{} = ", setting.key)), "{} is not in the text", setting.path());
    }
}

#[test]
fn the_reference_without_comment_signs_is_the_default() {
    let loaded = load(&uncommented());
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn the_reference_as_it_is_says_nothing() {
    let (reference, nothing) = (load(&reference()), load(""));
    assert_eq!((reference.config, reference.warnings), (nothing.config, nothing.warnings));
}

#[test]
fn the_reference_has_every_option_and_no_long_line() {
    let text = reference();
    for setting in settings() {
        let is_example = setting.section.is_repeated() && !setting.section.is_forwarding();
        let sign = if is_example || matches!(setting.silent, Silent::Derived { .. }) { "# " } else { "#" };
        assert!(text.contains(&format!("\n{sign}{} = ", setting.key)), "{}", setting.path());
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn the_reference_in_the_tree_is_the_one_that_is_generated() {
    assert!(
        sample("nodens.toml") == reference(),
        "config/nodens.toml is old: nodens generate config > config/nodens.toml"
    );
}

#[test]
fn the_samples_have_no_mistakes_and_no_warnings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let environment = Environment { nameservers: vec!["10.0.0.2:53".parse().unwrap()], ..Environment::neutral() };
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let loaded = Config::parse(&sample(&name), &name, &environment).unwrap();
        assert_eq!(loaded.warnings, [""; 0], "{name}");
        assert_eq!(load(&loaded.config.to_string()).config, loaded.config, "{name}");
        count += 1;
    }
    assert!(count >= 6);
}

#[test]
fn the_kubernetes_sample_keeps_the_cluster_in_the_cluster() {
    let config = load(&sample("kubernetes.toml")).config;
    assert_eq!(config.listen.addresses, ["169.254.20.10:53", "10.96.0.10:53"].map(|text| text.parse().unwrap()));
    assert!(config.interface.manage);
    for name in ["cluster.local", "in-addr.arpa", "ip6.arpa"] {
        let zone = config.zones.iter().find(|zone| zone.name == name).unwrap();
        let group = &config.upstreams[zone.upstream];
        assert_eq!((zone.class, group.servers[0].transport), (Class::Internal, Transport::Tcp), "{name}");
    }
    let root = config.zones.iter().find(|zone| zone.name == ".").unwrap();
    assert!(config.upstreams[root.upstream].servers.iter().all(|server| server.transport == Transport::Tls));
}

/// N22
#[test]
fn the_samples_differ_in_what_they_do_to_the_node() {
    for (name, addresses, manage) in [
        ("kubernetes.toml", 2, true),
        ("kubernetes-ipvs.toml", 1, true),
        ("kubernetes-cilium.toml", 2, false),
        ("systemd.toml", 2, false),
        ("minimal.toml", 1, false),
    ] {
        let config = load(&sample(name)).config;
        assert_eq!((config.listen.addresses.len(), config.interface.manage), (addresses, manage), "{name}");
    }
    assert!(!Config::default().interface.manage, "a host is left as it is unless somebody asks for it");
}

#[test]
fn the_environment_fills_what_the_file_is_silent_about() {
    let environment = |cores, memory_limit| Environment {
        cores,
        memory_limit,
        host_name: Some("n7".to_owned()),
        ..Environment::neutral()
    };
    let config = |environment: &Environment| Config::parse(ROOT, "f.toml", environment).unwrap().config;
    let small = config(&environment(1, Some(16 << 20)));
    assert_eq!((small.listen.workers, small.cache.size, small.cache.negative_size), (1, 8 << 20, 2 << 20));
    assert_eq!((small.local.identity, small.local.version), (None, None), "nothing is told unless it is asked for");
    let told = format!("[local]\nidentity = \"auto\"\n{ROOT}");
    let told = Config::parse(&told, "f.toml", &environment(1, None)).unwrap().config;
    assert_eq!(told.local.identity.as_deref(), Some("n7"));
    let large = config(&environment(128, Some(1 << 40)));
    assert_eq!((large.listen.workers, large.cache.size), (2, 32 << 20));
    // Half of the limit would be below the smallest size that can be written.
    let tiny = config(&environment(1, Some(1 << 20)));
    assert_eq!((tiny.cache.size, tiny.cache.negative_size), (1 << 20, 256 << 10));
}

#[test]
fn the_table_names_each_option_once_and_its_words_match_its_numbers() {
    for (position, setting) in settings().enumerate() {
        assert!(
            settings().take(position).all(|other| other.path() != setting.path()),
            "{} is there twice",
            setting.path()
        );
        assert!(setting.doc.ends_with('.') && !setting.doc.contains("  "), "{}", setting.path());
    }
    let words = |section: Section, key| match section.setting(key).unwrap().silent {
        Silent::Derived { words, .. } => words,
        _ => panic!("{key} is derived"),
    };
    assert!(
        words(Section::Listen, "workers").ends_with(&format!("at most {}", default::<u64>(Section::Listen, "workers")))
    );
    assert!(
        words(Section::Cache, "size").ends_with("at most 32MiB") && default::<u64>(Section::Cache, "size") == 32 << 20
    );
    let (internal, public) =
        (crate::config::options::INTERNAL_MAX_NEGATIVE_TTL, default::<Duration>(Section::Zone, "max-negative-ttl"));
    assert_eq!(
        words(Section::Zone, "max-negative-ttl"),
        format!("{}s for an internal zone, {}s for a public one", internal.as_secs(), public.as_secs())
    );
}
