//! N34, N35: some hundred hostile answers and as many honest ones, from an authority over TLS: none of the first pass, and all of the second.
//!
//! The list of prefixes is written down here once more, from the registries and not from the code, and so are the ways to hide an IPv4
//! address in an IPv6 one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use nix::sys::signal::Signal;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup};
use super::common::namespace::NetNs;
use super::common::peer::{Peer, free_address};
use super::common::skip::{Need, unless};
use super::common::upstream::NAME;
use super::common::wait_until;
use super::common::wire::{Message, kind, rcode};

/// Prefixes that are never public.
const INSIDE: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
    "::1/128",
    "::/128",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "2001:db8::/32",
    "64:ff9b:1::/48",
    "100::/64",
    // The network's own, as the configuration below says.
    "11.12.0.0/16",
    "2a0a:1:2::/48",
];

/// Ways to hide an IPv4 address.
fn disguises(address: Ipv4Addr) -> Vec<Ipv6Addr> {
    let v4 = u128::from(u32::from(address));
    let [a, b, c, d] = address.octets().map(u128::from);
    let at = |prefix: &str, bits: u128| Ipv6Addr::from(u128::from(prefix.parse::<Ipv6Addr>().unwrap()) | bits);
    vec![
        at("::ffff:0:0", v4),
        at("::", v4),
        at("::ffff:0:0:0", v4),
        at("64:ff9b::", v4),
        // Of the network's own prefixes, below.
        at("2a0b:64::", v4),
        at("2a0b:65::", a << 80 | b << 72 | c << 64 | d << 48),
        at("2002::1", v4 << 80),
        at("2001:0:808:808:0:f7f7::", !v4 & 0xffff_ffff),
        at("2001::f7f7:f7f7", v4 << 64),
        at("2a0c::5efe:0:0", v4),
        at("2a0c::200:5efe:0:0", v4),
    ]
}

/// What the network says of itself: the second of its prefixes leaves out bits 64 to 71 (RFC 6052 section 2.2).
const NETWORK: &str = "private = [\"11.12.0.0/16\", \"2a0a:1:2::/48\"]\nnat64 = [\"2a0b:64::/96\", \"2a0b:65::/40\"]";

/// Zones, and what to ask of them.
#[derive(Default)]
struct Corpus {
    /// Lines of the public zone `pub.example`.
    public: String,
    /// Lines of the cluster's zone.
    cluster: String,
    /// Questions whose answers must not pass.
    hostile: Vec<Ask>,
    /// Questions whose answers must pass as they are.
    honest: Vec<Ask>,
}

impl Corpus {
    /// Adds a name with an address.
    fn address(&mut self, address: IpAddr, is_hostile: bool) {
        let list = if is_hostile { &mut self.hostile } else { &mut self.honest };
        let (name, qtype) = match address {
            IpAddr::V4(v4) => (format!("h{:08x}", u32::from(v4)), "A"),
            IpAddr::V6(v6) => (format!("h{:032x}", u128::from(v6)), "AAAA"),
        };
        writeln!(self.public, "{name} {qtype} {address}").unwrap();
        let kind = if address.is_ipv4() { kind::A } else { kind::AAAA };
        list.push(Ask::new(&format!("{name}.pub.example"), kind).edns(1232));
    }

    /// Adds lines and a question.
    fn lines(&mut self, lines: &str, name: &str, kind: u16, is_hostile: bool) {
        self.public.push_str(lines);
        let ask = Ask::new(name, kind).edns(1232);
        if is_hostile { self.hostile.push(ask) } else { self.honest.push(ask) }
    }

    /// All of it.
    fn new() -> Self {
        let mut corpus = Self::default();
        let nets: Vec<IpNet> = INSIDE.iter().map(|net| net.parse().unwrap()).collect();
        let is_inside = |address: &IpAddr| nets.iter().any(|net| net.contains(address));
        let step = |address: IpAddr, up: bool| -> Option<IpAddr> {
            match address {
                IpAddr::V4(v4) => {
                    let number = u32::from(v4);
                    let next = if up { number.checked_add(1) } else { number.checked_sub(1) };
                    next.map(|number| Ipv4Addr::from(number).into())
                }
                IpAddr::V6(v6) => {
                    let number = u128::from(v6);
                    let next = if up { number.checked_add(1) } else { number.checked_sub(1) };
                    next.map(|number| Ipv6Addr::from(number).into())
                }
            }
        };
        // Edges: first and last are in; one before and one after are out, unless another prefix or a disguise holds them.
        let (mut inside, mut outside) = (BTreeSet::new(), BTreeSet::new());
        for net in &nets {
            inside.extend([net.network(), net.broadcast()]);
            let around = [step(net.network(), false), step(net.broadcast(), true)].into_iter().flatten();
            outside.extend(around.filter(|address| !is_inside(address) && !address.to_string().starts_with("::")));
        }
        for address in inside.clone() {
            if let IpAddr::V4(v4) = address {
                inside.extend(disguises(v4).into_iter().map(IpAddr::V6));
            }
        }
        let public =
            [[1, 1, 1, 1], [8, 8, 8, 8], [9, 255, 255, 255], [223, 255, 255, 255], [168, 63, 129, 17], [11, 13, 0, 0]];
        for v4 in public.map(Ipv4Addr::from) {
            outside.insert(v4.into());
            outside.extend(disguises(v4).into_iter().map(IpAddr::V6));
        }
        // Public addresses here and there.
        outside.extend((0..60_u8).map(|n| IpAddr::from([20 + n, n, 3, 4])));
        outside.extend((0..60_u16).map(|n| IpAddr::from([0x2600 + n, n, 0, 0, 0, 0, 0, 1])));
        inside.iter().for_each(|address| corpus.address(*address, true));
        outside.iter().filter(|address| !inside.contains(address)).for_each(|address| corpus.address(*address, false));
        corpus.types_and_chains();
        // Names that may: the cluster's, and below an exempt suffix.
        for n in 0..60 {
            writeln!(corpus.cluster, "svc{n}.default.svc A 10.96.0.{n}\nsvc{n}.default.svc AAAA fd00:10:96::{n}")
                .unwrap();
            corpus.honest.push(Ask::a(&format!("svc{n}.default.svc.cluster.local")).edns(1232));
            corpus.honest.push(Ask::new(&format!("svc{n}.default.svc.cluster.local"), kind::AAAA).edns(1232));
            corpus.lines(&format!("n{n}.corp A 192.168.7.{n}\n"), &format!("n{n}.corp.pub.example"), kind::A, false);
        }
        corpus
    }

    /// Other sections, types and ways.
    fn types_and_chains(&mut self) {
        let sections = [("in", "10.1.2.3", "fd00::3", true), ("out", "1.2.3.4", "2606:4700::3", false)];
        for (side, v4, v6, is_hostile) in sections {
            let lines = format!("host-{side} A {v4}\nhost-{side} AAAA {v6}\n");
            self.public.push_str(&lines);
            let mut add = |line: &str, name: &str, kind: u16| {
                let (line, name) = (line.replace("SIDE", side), name.replace("SIDE", side));
                let line = line.replace("V4", v4).replace("V6", v6);
                self.lines(&format!("{line}\n"), &format!("{name}.pub.example"), kind, is_hostile);
            };
            add("https4-SIDE HTTPS 1 . alpn=h2 ipv4hint=V4", "https4-SIDE", kind::HTTPS);
            add("https6-SIDE HTTPS 1 . ipv6hint=V6", "https6-SIDE", kind::HTTPS);
            add(
                "https-both-SIDE HTTPS 1 svc.pub.example. port=8443 ipv4hint=1.1.1.1,V4 ipv6hint=2606:4700::1,V6",
                "https-both-SIDE",
                kind::HTTPS,
            );
            add("svcb4-SIDE SVCB 2 other.pub.example. ipv4hint=V4", "svcb4-SIDE", kind::SVCB);
            add("svcb6-SIDE SVCB 2 other.pub.example. ipv6hint=V6", "svcb6-SIDE", kind::SVCB);
            add("https-glue-SIDE HTTPS 1 host-SIDE.pub.example.", "https-glue-SIDE", kind::HTTPS);
            add("mail-SIDE MX 10 host-SIDE", "mail-SIDE", kind::MX);
            add("_x._tcp.srv-SIDE SRV 0 0 80 host-SIDE", "_x._tcp.srv-SIDE", kind::SRV);
            add("among-SIDE A 1.1.1.1\namong-SIDE A 8.8.8.8\namong-SIDE A V4", "among-SIDE", kind::A);
            add("first-SIDE A V4\nfirst-SIDE A 8.8.8.8", "first-SIDE", kind::A);
            add("alias-SIDE CNAME host-SIDE", "alias-SIDE", kind::A);
            add("alias6-SIDE CNAME host-SIDE", "alias6-SIDE", kind::AAAA);
            add("*.wild-SIDE A V4", "any.wild-SIDE", kind::A);
            add("tree-SIDE DNAME deep-SIDE.pub.example.\nx.deep-SIDE A V4", "x.tree-SIDE", kind::A);
            let chain: String = (0..9).map(|n| format!("chain{n}-SIDE CNAME chain{}-SIDE\n", n + 1)).collect();
            add(&format!("{chain}chain9-SIDE A V4"), "chain0-SIDE", kind::A);
        }
        // Into an exempt name, and into the cluster: not asked for by these.
        self.public.push_str("secret.corp A 192.168.7.99\n");
        self.lines("launder CNAME secret.corp\n", "launder.pub.example", kind::A, true);
        self.lines("tunnel CNAME svc1.default.svc.cluster.local.\n", "tunnel.pub.example", kind::A, true);
        self.lines(
            "service HTTPS 1 svc1.default.svc.cluster.local. alpn=h2\n",
            "service.pub.example",
            kind::HTTPS,
            true,
        );
        self.lines("text TXT \"10.0.0.1\"\n", "text.pub.example", kind::TXT, false);
        self.lines("nothing MX 10 host-in\n", "nothing.pub.example", kind::A, false);
    }

    /// An authority that knows it, behind a resolver that speaks TLS.
    fn serve(&self, authority: &Authority) -> [Peer; 2] {
        let head = "$TTL 300\n@ SOA ns.example. hostmaster 1 7200 1800 86400 60\n@ NS ns.example.\n";
        let zones = [
            ("pub.example", format!("$ORIGIN pub.example.\n{head}{}", self.public)),
            ("cluster.local", format!("$ORIGIN cluster.local.\n{head}{}", self.cluster)),
        ];
        let zones: Vec<(&str, &str)> = zones.iter().map(|(origin, text)| (*origin, text.as_str())).collect();
        let named = Peer::bind_in_full(free_address(), &zones);
        let resolver = Peer::dnsdist(free_address(), named.address, &authority.certificate(&[NAME]));
        [named, resolver]
    }
}

/// A daemon in front of the resolver, with lines for the public zone.
fn setup(authority: &Authority, resolver: &Peer, lines: &str) -> Setup {
    let extra = format!("ca = {:?}", authority.file());
    Setup::new()
        .section("rebinding", NETWORK)
        .upstream("all", &[format!("tls://{}#{NAME}", resolver.address)], &extra)
        .zone("cluster.local", "all", "class = \"internal\"\nmax-ttl = \"1s\"\n# rebinding as it is")
        .zone(".", "all", &format!("# rebinding\nmax-ttl = \"1s\"\n{lines}"))
}

/// The lines of a zone that blocks.
const BLOCKS: &str = "rebinding = { mode = \"block\", exempt = [\"corp.pub.example\"] }";

/// Asks everything; hostile answers are blocked.
#[track_caller]
fn blocks_the_hostile_alone(daemon: &Daemon, corpus: &Corpus, stage: &str) {
    for ask in &corpus.hostile {
        let answer = daemon.ask(ask);
        let records = [&answer.answers, &answer.authorities, &answer.additionals].into_iter().flatten();
        assert!(records.clone().all(|record| record.kind == kind::SOA), "{stage}: {answer}");
        assert_eq!((answer.rcode(), answer.answers.len()), (rcode::NOERROR, 0), "{stage}: {answer}");
        assert_eq!(answer.extended_errors(), [15], "{stage}: {answer}");
    }
    for ask in &corpus.honest {
        let answer = daemon.ask(ask);
        assert!(!answer.extended_errors().contains(&15), "{stage}: {answer}");
        let is_empty = answer.answers.is_empty();
        assert_eq!(is_empty, answer.questions[0].name.starts_with("nothing"), "{stage}: {answer}");
    }
}

/// Asks everything and finds everything as the authority has it.
#[track_caller]
fn lets_all_pass(daemon: &Daemon, corpus: &Corpus) -> Vec<Message> {
    let answers: Vec<Message> = corpus.hostile.iter().map(|ask| daemon.ask(ask)).collect();
    answers.iter().for_each(|answer| assert!(!answer.answers.is_empty(), "{answer}"));
    answers
}

/// N34, N35
#[test]
fn hostile_answers_are_blocked_on_miss_hit_stale_and_after_a_reload_and_honest_ones_never() {
    if unless(&[Need::Program("named"), Need::Program("dnsdist")]).is_some() {
        return;
    }
    let (authority, corpus) = (Authority::new(), Corpus::new());
    assert!(
        corpus.hostile.len() >= 300 && corpus.honest.len() >= 300,
        "{} {}",
        corpus.hostile.len(),
        corpus.honest.len()
    );
    let [named, resolver] = corpus.serve(&authority);
    let daemon = setup(&authority, &resolver, BLOCKS).start();
    blocks_the_hostile_alone(&daemon, &corpus, "miss");
    blocks_the_hostile_alone(&daemon, &corpus, "hit, or miss again");
    let found = daemon.metric("nodens_rebinding_answers_total", &[("zone", "."), ("action", "blocked")]);
    assert!(found >= corpus.hostile.len() as f64, "{found} of {}", corpus.hostile.len());
    drop(daemon);

    // Kept while nobody judged, and then judged: fresh where it still is, and expired once all servers are gone.
    let daemon = setup(&authority, &resolver, "rebinding.mode = \"report\"").start();
    lets_all_pass(&daemon, &corpus);
    for ask in &corpus.honest {
        daemon.ask(ask);
    }
    drop((named, resolver));
    let known = Ask::a("h01010101.pub.example").edns(1232);
    wait_until("all servers are known to be gone", || daemon.ask(&known).extended_errors() == [3]);
    let stale = lets_all_pass(&daemon, &corpus).iter().filter(|answer| answer.extended_errors() == [3]).count();
    assert!(stale > corpus.hostile.len() / 2, "{stale} of {} are stale", corpus.hostile.len());
    let file = daemon.folder().join("nodens.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("rebinding.mode = \"report\"", BLOCKS);
    std::fs::write(&file, text).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_metric("nodens_reloads_total", &[], 1.0);
    for stage in ["stale, after a reload", "stale, again"] {
        blocks_the_hostile_alone(&daemon, &corpus, stage);
    }
}

/// N35: the node's own addresses, as they come and go.
#[test]
fn an_address_that_the_node_gets_is_blocked_from_then_on() {
    if unless(&[Need::Namespaces, Need::Program("named"), Need::Program("dig")]).is_some() {
        return;
    }
    let node = NetNs::new();
    let zone = "$ORIGIN example.org.\n$TTL 300\n@ SOA ns hostmaster 1 7200 1800 86400 60\n@ NS ns\nns A 9.9.9.7\n";
    let named = Peer::bind_inside("127.0.0.1:53".parse().unwrap(), &[("example.org", zone)], &node);
    let daemon = Setup::new()
        .upstream("all", &[format!("tcp://{}", named.address)], "")
        .zone(".", "all", "# rebinding as it is")
        .under(&node.wrapper())
        .start();
    let port = daemon.udp_address().port().to_string();
    let answer = || {
        let output = node.run(&["dig", "@127.0.0.1", "-p", &port, "+tries=1", "+time=5", "ns.example.org"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let is_withheld = || answer().contains("ANSWER: 0") && answer().contains("EDE: 15");
    assert!(answer().contains("9.9.9.7"), "{}", answer());
    node.ip(&["address", "add", "9.9.9.7/32", "dev", "lo"]);
    wait_until("the address is the node's own", is_withheld);
    node.ip(&["address", "del", "9.9.9.7/32", "dev", "lo"]);
    daemon.signal(Signal::SIGHUP);
    wait_until("the address is anybody's again", || answer().contains("9.9.9.7"));
}
