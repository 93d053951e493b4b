//! Two thousand questions of all kinds: a daemon with a Corefile gives what the servers behind it gave, and so does one with the file that
//! `nodens migrate` makes of that Corefile.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;

use nix::sys::signal::Signal;

use super::container::{Container, Manifest, Mode};
use super::{CLUSTER_NAME, NEEDS, resolves};
use crate::common::ask::Ask;
use crate::common::client::{Tcp, Udp};
use crate::common::cluster::{Cluster, DNS_POD, LINK_LOCAL, Proxy, UPSTREAM, Wiring};
use crate::common::daemon::{BINARY, Setup};
use crate::common::skip::unless;
use crate::common::wire::{Message, Record, kind, rcode};

/// How many questions are asked.
const QUESTIONS: usize = 2_000;

/// The largest datagram that we send.
const LARGEST: u16 = 1_232;

/// Everything that is not said elsewhere: names outside that are not there.
const ROOT_ZONE: &str = "$TTL 60\n@ SOA ns. hostmaster. 1 7200 1800 86400 60\n@ NS ns.\nns A 192.0.2.53\n";

/// Reverse names of 200 services.
fn reverse_zone() -> String {
    let mut zone = String::from(
        "$TTL 30\n@ SOA ns.dns.cluster.local. hostmaster 1 7200 1800 86400 30\n@ NS ns.dns.cluster.local.\n",
    );
    for number in 0..200 {
        writeln!(zone, "{number}.1.96.10 PTR service-{number}.prod.svc.cluster.local.").unwrap();
    }
    zone
}

/// A question: its name and type, the size of its EDNS, whether it asks for signatures, and whether it goes over TCP.
#[derive(Clone, Debug)]
struct Question {
    /// The name.
    name: String,
    /// The type.
    kind: u16,
    /// The size that the client can take; `None` is no EDNS.
    edns: Option<u16>,
    /// DO.
    is_signed: bool,
    /// Whether it goes over TCP.
    is_stream: bool,
}

impl Question {
    /// The message, with this size of EDNS where it has any.
    fn ask(&self) -> Ask {
        let ask = Ask::new(&self.name, self.kind);
        let ask = match self.edns {
            Some(size) => ask.edns(size),
            None => ask,
        };
        if self.is_signed { ask.dnssec_ok() } else { ask }
    }
}

/// All questions: cluster, reverse and external names, such as are there and such as are not, small and large answers, unknown types.
fn questions() -> Vec<Question> {
    let question = |number: usize| {
        let (name, kind) = match number % 20 {
            0 => ("web.default.svc.cluster.local".to_owned(), kind::A),
            1 => ("web.default.svc.cluster.local".to_owned(), kind::AAAA),
            2 => ("many.prod.svc.cluster.local".to_owned(), kind::A),
            3 => (format!("{}.1.96.10.in-addr.arpa", number % 200), kind::PTR),
            4 => (format!("{number}.9.96.10.in-addr.arpa"), kind::PTR),
            5 => (format!("no-{number}.default.svc.cluster.local"), kind::A),
            6 => (format!("h-{number}.example.org.default.svc.cluster.local"), kind::A),
            7 => ("db.prod.svc.cluster.local".to_owned(), if number % 40 == 7 { kind::A } else { kind::AAAA }),
            8 => ("_http._tcp.web.default.svc.cluster.local".to_owned(), kind::SRV),
            9 => ("external.default.svc.cluster.local".to_owned(), kind::A),
            10 => (format!("h-{number}.example.org"), kind::A),
            11 => (format!("nothing-{number}.nowhere"), kind::A),
            12 => ("example.org".to_owned(), kind::MX),
            13 => ("text.example.org".to_owned(), kind::TXT),
            14 => ("odd.example.org".to_owned(), 65_400),
            15 => ("www.example.org".to_owned(), 65_000),
            16 => ("www.example.org".to_owned(), 65),
            17 => ("alias.example.org".to_owned(), kind::A),
            18 => ("example.org".to_owned(), if number % 40 == 18 { kind::SOA } else { kind::NS }),
            _ => (format!("{number}.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"), kind::PTR),
        };
        let edns = [None, Some(LARGEST), Some(4_096), Some(512)][number / 20 % 4];
        Question { name, kind, edns, is_signed: edns.is_some() && number / 80 % 2 == 1, is_stream: number % 7 == 3 }
    };
    (0..QUESTIONS).map(question).collect()
}

/// A record without its TTL. Names within data are spelt out where they may be compressed.
fn record(record: &Record) -> String {
    let fixed = match record.kind {
        kind::MX => &record.data[..2],
        kind::SOA => &record.data[record.data.len() - 20..],
        _ if record.names.is_empty() => &record.data,
        _ => &[],
    };
    let text = format!("{} {} {} {:?} {fixed:02x?}", record.name, record.class, record.kind, record.names);
    text.to_lowercase()
}

/// What an answer says: its code, its records in no order, and for a denial who says so.
fn said(message: &Message) -> (u16, BTreeSet<String>, BTreeSet<String>) {
    let all = |records: &[Record]| records.iter().map(record).collect::<BTreeSet<_>>();
    let denies = message.answers.is_empty() || message.rcode() == rcode::NXDOMAIN;
    (message.rcode(), all(&message.answers), if denies { all(&message.authorities) } else { BTreeSet::new() })
}

/// What a server says to all questions. What is truncated is asked again over TCP, after `check` has seen it.
fn all_answers(
    server: SocketAddr,
    check: impl Fn(&Question, &Message),
) -> Vec<(u16, BTreeSet<String>, BTreeSet<String>)> {
    let (udp, mut tcp) = (Udp::to(server), Tcp::to(server));
    let mut answers = Vec::with_capacity(QUESTIONS);
    for question in questions() {
        let ask = question.ask();
        let mut answer = if question.is_stream { tcp.ask(&ask) } else { udp.ask(&ask) };
        if answer.truncated() {
            check(&question, &answer);
            answer = tcp.ask(&ask);
        }
        answers.push(said(&answer));
    }
    answers
}

/// What the server behind the daemons says: whole, over TCP.
fn truth(server: SocketAddr) -> Vec<(u16, BTreeSet<String>, BTreeSet<String>)> {
    let mut tcp = Tcp::to(server);
    questions().iter().map(|question| said(&tcp.ask(&question.ask()))).collect()
}

/// Compares, question by question.
#[track_caller]
fn compare(
    who: &str,
    found: &[(u16, BTreeSet<String>, BTreeSet<String>)],
    truth: &[(u16, BTreeSet<String>, BTreeSet<String>)],
) {
    let wrong: Vec<String> = questions()
        .iter()
        .zip(found.iter().zip(truth))
        .filter(|(_, (found, truth))| found != truth)
        .map(|(question, (found, truth))| format!("{question:?}\n  {found:?}\n  {truth:?}"))
        .collect();
    assert_eq!(found.len(), QUESTIONS);
    assert!(wrong.is_empty(), "{who}: {} answers differ:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
}

/// Whether an answer to this question was rightly cut: the whole one does not fit.
fn check_size(question: &Question, answer: &Message) {
    let limit = question.edns.unwrap_or(512).clamp(512, LARGEST);
    assert_eq!(question.name, "many.prod.svc.cluster.local", "{limit} bytes hold all others\n{answer}");
}

/// N31, N20: the same 2,000 questions through a daemon with the official Corefile, through one with what `nodens migrate` makes of it, and to the
/// servers behind.
#[test]
fn two_thousand_answers_are_those_of_the_servers_behind() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = cluster.serve(&[
        ("cluster.local", &crate::cluster_zone()),
        ("example.org", crate::PUBLIC_ZONE),
        ("in-addr.arpa", &reverse_zone()),
        ("ip6.arpa", ROOT_ZONE),
        (".", ROOT_ZONE),
    ]);
    let (behind, local) = (format!("{DNS_POD}:53").parse().unwrap(), format!("{LINK_LOCAL}:53").parse().unwrap());
    let truth = cluster.node.inside(|| truth(behind));
    let codes: BTreeSet<u16> = truth.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes, BTreeSet::from([rcode::NOERROR, rcode::NXDOMAIN]), "questions of both kinds");

    // The Corefile, as it is.
    let manifest = Manifest::official(Mode::Ipvs);
    let mut daemon = Container::new(&manifest, &cluster).start();
    compare("Corefile", &cluster.node.inside(|| all_answers(local, check_size)), &truth);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));

    // The same as nodens's own file. Links are no matter of a Corefile.
    let folder = tempfile::tempdir().unwrap();
    let (corefile, file) = (folder.path().join("Corefile"), folder.path().join("nodens.toml"));
    fs::write(&corefile, &manifest.corefile).unwrap();
    cluster.node.resolv_conf(&format!("nameserver {DNS_POD}\n"));
    let words =
        [BINARY, "migrate", corefile.to_str().unwrap(), "--cluster-dns", UPSTREAM, "-o", file.to_str().unwrap()];
    cluster.node.output(&words);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[interface]\nmanage = true\n[sandbox]\nuser = \"root\"\n")).unwrap();
    cluster.node.output(&[BINARY, "check", file.to_str().unwrap()]);
    let mut daemon = Setup::new().under(&cluster.node.wrapper()).start_at(&file);
    assert!(resolves(&cluster, LINK_LOCAL, CLUSTER_NAME));
    compare("migrated", &cluster.node.inside(|| all_answers(local, check_size)), &truth);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
}
