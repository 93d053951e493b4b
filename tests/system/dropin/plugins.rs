//! Every plugin that answers or changes questions, in one Corefile: a daemon with it and one with the file that `nodens migrate` makes of it answer
//! alike, and both as a table says that was written by hand from CoreDNS's manual and, where that is silent, its source.
//!
//! The table is [`TABLE`] with what [`families`] adds; its names are below `example.org`, which is written "@". What has no answer, or depends on who
//! asks, has functions of its own below.

mod table;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use self::table::{COREFILE, HOSTS, REVERSE_ZONE, TABLE, ZONE, families};
use crate::common::ask::Ask;
use crate::common::client::{Tcp, Udp};
use crate::common::daemon::{BINARY, Daemon, Setup};
use crate::common::peer::{self, Peer, free_address};
use crate::common::skip::{Need, unless};
use crate::common::wire::{Message, Record, kind, option, rcode};

/// A question and what it must get.
#[derive(Debug)]
struct Row {
    /// The name.
    name: String,
    /// The type.
    kind: u16,
    /// The answer, as [`said`] has it.
    answer: String,
}

/// All rows. Lines without "=" are headlines.
fn rows() -> Vec<Row> {
    let text = format!("{TABLE}{}", families()).replace('@', ".example.org").replace(" .example.org", " example.org");
    let row = |line: &str| {
        let (question, answer) = line.trim().split_once(" = ")?;
        let (name, kind) = question.split_once(' ').expect("a name and a type");
        // Records are in no order.
        let (records, rest) = answer.find([' ']).map_or((answer, ""), |_| match answer.find(['+', '!']) {
            Some(at) => answer.split_at(at),
            None => (answer, ""),
        });
        let mut records: Vec<&str> = records.split('|').map(str::trim).collect();
        records[1..].sort_unstable();
        let answer = format!("{} {rest}", records.join(" | "));
        Some(Row { name: name.to_owned(), kind: number(kind), answer: answer.trim().to_owned() })
    };
    text.lines().filter_map(row).collect()
}

/// Types by name.
const KINDS: &[(&str, u16)] = &[
    ("A", kind::A),
    ("AAAA", kind::AAAA),
    ("CNAME", kind::CNAME),
    ("HINFO", kind::HINFO),
    ("MX", kind::MX),
    ("PTR", kind::PTR),
    ("SOA", kind::SOA),
    ("SRV", kind::SRV),
    ("TXT", kind::TXT),
];

/// The number of a type.
fn number(kind: &str) -> u16 {
    KINDS.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("{kind} is not known here")).1
}

/// A record without its TTL.
fn shown(record: &Record) -> String {
    let kind = KINDS.iter().find(|(_, number)| *number == record.kind).map_or("?", |(name, _)| name);
    let word = |at: usize| u16::from_be_bytes([record.data[at], record.data[at + 1]]);
    let data = match record.kind {
        kind::A | kind::AAAA => record.address().unwrap().to_string(),
        kind::TXT => record.text(),
        kind::MX => format!("{} {}", word(0), record.names[0].to_lowercase()),
        kind::SRV => format!("{} {} {} {}", word(0), word(2), word(4), plain_name(&record.data[6..])),
        _ => record.names.first().map_or_else(|| format!("{:02x?}", record.data), |name| name.to_lowercase()),
    };
    format!("{} {kind} {data}", record.name.to_lowercase())
}

/// A name that is not compressed.
fn plain_name(mut data: &[u8]) -> String {
    let mut labels = Vec::new();
    while let [length, rest @ ..] = data
        && *length > 0
    {
        let (label, after) = rest.split_at(usize::from(*length));
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        data = after;
    }
    if labels.is_empty() { ".".to_owned() } else { labels.join(".") }
}

/// Extended errors that the table speaks of; others are our own addition.
const EXTENDED: [u16; 3] = [15, 17, 21];

/// What an answer says, in the form of the table.
fn said(message: &Message) -> String {
    let code = match message.rcode() {
        rcode::NOERROR => "NOERROR".to_owned(),
        rcode::NXDOMAIN => "NXDOMAIN".to_owned(),
        rcode::SERVFAIL => "SERVFAIL".to_owned(),
        rcode::REFUSED => "REFUSED".to_owned(),
        other => other.to_string(),
    };
    let list = |records: &[Record]| records.iter().map(shown).collect::<BTreeSet<_>>();
    let mut text = code;
    text.extend(list(&message.answers).iter().map(|record| format!(" | {record}")));
    text.extend(list(&message.additionals).iter().map(|record| format!(" + {record}")));
    let starts = message.authorities.iter().filter(|record| record.kind == kind::SOA);
    text.extend(starts.map(|start| format!(" ! {}", start.name.to_lowercase())));
    text.extend(
        message.extended_errors().iter().filter(|code| EXTENDED.contains(code)).map(|code| format!(" ede {code}")),
    );
    text
}

/// The same without what only EDNS carries.
fn without_edns(answer: &str) -> &str {
    answer.split(" ede ").next().unwrap_or(answer)
}

//------ The daemons ---------------------------------------------------------

/// What the daemons are started with.
struct Files {
    /// The folder.
    folder: tempfile::TempDir,
    /// Where they answer.
    listen: SocketAddr,
}

impl Files {
    /// Writes them.
    fn new(server: SocketAddr) -> Self {
        let (folder, listen) = (tempfile::tempdir().unwrap(), free_address());
        let text = COREFILE
            .replace("PORT", &listen.port().to_string())
            .replace("SERVER", &server.to_string())
            .replace("FOLDER", &folder.path().display().to_string());
        fs::write(folder.path().join("Corefile"), text).unwrap();
        fs::write(folder.path().join("hosts"), HOSTS).unwrap();
        fs::write(folder.path().join("own.toml"), "[sandbox]\nuser = \"root\"\n").unwrap();
        Self { folder, listen }
    }

    /// The path of one.
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// nodens in the place of node-cache, with the Corefile itself.
    fn as_node_cache(&self) -> Daemon {
        let mut command = Command::new(BINARY);
        command.args(["node-cache", "-localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false"]);
        command.args(["-basecorefile", &self.path("Corefile"), "-conf", &self.path("shown")]);
        command.args(["-kubednscm", &self.path("none"), "-metrics-listen-address", ""]);
        command.args(["-config", &self.path("own.toml"), "-dns.port", &self.listen.port().to_string()]);
        Daemon::start(command, tempfile::tempdir().unwrap())
    }

    /// nodens with what the Corefile means, as its own file.
    fn migrated(&self) -> Daemon {
        let text = peer::output(BINARY, &["migrate", &self.path("Corefile")]);
        let file = self.path("nodens.toml");
        fs::write(&file, format!("{text}\n[sandbox]\nuser = \"root\"\n")).unwrap();
        Setup::new().start_at(Path::new(&file))
    }
}

/// Ends a daemon in good order.
fn stop(mut daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
}

//------ The questions -------------------------------------------------------

/// What a daemon says to all questions: over UDP with EDNS, over UDP without, over TCP.
fn all_answers(server: SocketAddr, rows: &[Row]) -> Vec<[String; 3]> {
    let (udp, mut tcp) = (Udp::to(server), Tcp::to(server));
    let ask = |row: &Row| {
        let plain = Ask::new(&row.name, row.kind);
        let with = Ask::new(&row.name, row.kind).edns(1_232);
        [said(&udp.ask(&with)), said(&udp.ask(&plain)), said(&tcp.ask(&with))]
    };
    rows.iter().map(ask).collect()
}

/// Checks all answers of a daemon against the table.
#[track_caller]
fn check_table(who: &str, rows: &[Row], found: &[[String; 3]]) {
    let wrong: Vec<String> = rows
        .iter()
        .zip(found)
        .filter(|(row, found)| {
            *found != &[row.answer.clone(), without_edns(&row.answer).to_owned(), row.answer.clone()]
        })
        .map(|(row, found)| format!("{} {}\n  must get {}\n  and gets {found:#?}", row.name, row.kind, row.answer))
        .collect();
    assert!(wrong.is_empty(), "{who}: {} of {} answers are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// What depends on who asks: `acl` by network. The networks are those of loopback.
fn check_acl(server: SocketAddr) {
    let ask = |client: [u8; 4], name: &str, kind: u16| {
        let (client, ask) = (IpAddr::from(client), Ask::new(name, kind).edns(1_232));
        let over_udp = said(&Udp::from_to(client, server).ask(&ask));
        assert_eq!(said(&Tcp::between(client, server).ask(&ask)), over_udp);
        over_udp
    };
    let (name, secret) = ("www.acl.example.org", "secret.acl.example.org");
    assert_eq!(ask([127, 0, 1, 8], name, kind::A), "REFUSED ede 15");
    assert_eq!(ask([127, 0, 1, 8], name, kind::AAAA), "NOERROR ede 17");
    assert_eq!(ask([127, 0, 1, 9], name, kind::A), "NOERROR | www.acl.example.org A 192.0.2.50");
    assert_eq!(ask([127, 0, 1, 9], name, kind::AAAA), "NOERROR | www.acl.example.org AAAA 2001:db8::50");
    assert_eq!(ask([127, 0, 1, 9], secret, kind::A), "REFUSED ede 15", "the first access list has the first word");
    // What is dropped has no answer: the one to the next question comes first.
    let (dropped, next) = (Ask::new(name, kind::TXT), Ask::a("www.example.org"));
    let client = Ipv4Addr::new(127, 0, 1, 8).into();
    let udp = Udp::from_to(client, server);
    udp.send(&dropped);
    assert_eq!(said(&udp.ask(&next)), "NOERROR | www.example.org A 192.0.2.80");
    let mut tcp = Tcp::between(client, server);
    tcp.send(&[&dropped, &next]);
    assert_eq!(said(&tcp.receive(&next)), "NOERROR | www.example.org A 192.0.2.80");
}

/// `whoami`: the address and port of the client, in the additional section.
fn check_whoami(server: SocketAddr) {
    let client = |port: u16, protocol: &str| {
        format!("NOERROR + _{protocol}.me.example.org SRV 0 0 {port} . + me.example.org A 127.0.0.1")
    };
    let (ask, udp, mut tcp) = (Ask::a("me.example.org"), Udp::to(server), Tcp::to(server));
    let port = |text: &str| text.split("SRV 0 0 ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    for (text, protocol) in [(said(&udp.ask(&ask)), "udp"), (said(&tcp.ask(&ask)), "tcp")] {
        let port: u16 = port(&text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(text, client(port, protocol));
        assert!(port > 0);
    }
    assert_eq!(tcp.stream().local_addr().unwrap().port(), port(&said(&tcp.ask(&ask))).unwrap());
}

/// TTLs: of `rewrite ttl`, `hosts`, and of `cache`, which keeps nothing longer than it says.
fn check_ttls(server: SocketAddr) {
    let udp = Udp::to(server);
    let ttl = |name: &str| udp.ask(&Ask::a(&format!("{name}.example.org"))).ttl();
    for (name, least, most) in [
        ("a.brief.names", 1, 10),
        ("www.names", 11, 30),
        ("file.hosts", 1, 20),
        ("www", 1, 20),
        ("ip-10-1-2-3.made", 1, 60),
    ] {
        let found = ttl(name);
        assert!((least..=most).contains(&found), "{name}: {found}");
    }
}

/// `nsid` and `bufsize`.
fn check_edns(server: SocketAddr) {
    let answer = Udp::to(server).ask(&Ask::a("www.example.org").option(option::NSID, b""));
    assert_eq!(answer.option(option::NSID), Some(b"edge 7".as_slice()));
    let answer = Udp::to(server).ask(&Ask::a("www.example.org").edns(1_232));
    assert_eq!(answer.option(option::NSID), None, "only who asks is told");
    let large = Ask::new("large.example.org", kind::TXT).edns(4_096);
    let answer = Udp::to(server).ask(&large);
    assert!(answer.truncated() && answer.bytes.len() <= 900, "{} bytes", answer.bytes.len());
    let answer = Tcp::to(server).ask(&large);
    assert_eq!(answer.answers.len(), 12, "{} bytes", answer.bytes.len());
}

/// N31, N20: one Corefile with all plugins, as it is and migrated.
#[test]
fn every_plugin_answers_as_its_manual_says_from_the_corefile_and_from_what_it_becomes() {
    if unless(&[Need::Program("named")]).is_some() {
        return;
    }
    let large =
        "large TXT 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123-";
    let zone: String = (0..12).map(|number| format!("{large}{number}\n")).collect();
    let zone = format!("{ZONE}{zone}");
    let server = Peer::bind(free_address(), &[("example.org", &zone), ("10.in-addr.arpa", REVERSE_ZONE)]);
    let files = Files::new(server.address);
    let rows = rows();
    assert!(rows.len() > 300, "{}", rows.len());
    let mut before: Option<Vec<[String; 3]>> = None;
    for (who, start) in [("node-cache", Files::as_node_cache as fn(&Files) -> Daemon), ("migrated", Files::migrated)] {
        let daemon = start(&files);
        let found = all_answers(files.listen, &rows);
        if let Some(before) = &before {
            assert_eq!(before, &found, "both daemons answer alike");
        }
        check_table(who, &rows, &found);
        // Again, from memory where it is kept.
        assert_eq!(all_answers(files.listen, &rows), found, "{who}");
        check_acl(files.listen);
        check_whoami(files.listen);
        check_ttls(files.listen);
        check_edns(files.listen);
        stop(daemon);
        before = Some(found);
    }
}
