//! The stand-ins asked directly, the script against what they and the node know, and the look of the table.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, LowerName, Name, RecordType};
use hickory_proto::serialize::binary::BinEncodable;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::client::Answer;
use super::daemon::Counters;
use super::script::{STEPS, Step};
use super::*;
use crate::config::{Class, Transport};
use crate::policy::local::Local;

/// Widest line of the demo, in columns.
const WIDTH: usize = 96;

/// A query message.
fn query(id: u16, name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
    message.to_vec().unwrap()
}

/// Writes messages to a stream, each with its length.
fn send(stream: &mut impl Write, messages: &[Vec<u8>]) {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend(message);
    }
    stream.write_all(&bytes).unwrap();
}

/// Reads a message from a stream.
fn receive(stream: &mut impl Read) -> Message {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    Message::from_vec(&message).unwrap()
}

/// A TLS connection to the resolver that believes in `roots` and wants `name`.
fn tls(stand_ins: &StandIns, roots: RootCertStore, name: &'static str) -> StreamOwned<ClientConnection, TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"dot".to_vec()];
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let stream = TcpStream::connect(stand_ins.resolver()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    StreamOwned::new(connection, stream)
}

/// The demo's authority.
fn roots(stand_ins: &StandIns) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(stand_ins.ca()).unwrap()).unwrap();
    roots
}

/// Asks the resolver over TLS.
fn ask_resolver(stand_ins: &StandIns, name: &str, record_type: RecordType) -> Message {
    let mut stream = tls(stand_ins, roots(stand_ins), stand_in::AUTHENTICATION_NAME);
    send(&mut stream, &[query(7, name, record_type)]);
    receive(&mut stream)
}

//------ Stand-ins ------

#[test]
fn cluster_dns_answers_over_udp_and_tcp() {
    let stand_ins = StandIns::start().unwrap();
    let mut client = Client::connect(stand_ins.cluster()).unwrap();
    let service = client.ask("shop.default.svc.cluster.local", RecordType::A, DNSClass::IN).unwrap();
    assert_eq!((service.rcode, service.authoritative), (ResponseCode::NoError, true));
    assert_eq!(service.records, ["10.96.14.7"]);
    let headless = client.ask("db.default.svc.cluster.local", RecordType::A, DNSClass::IN).unwrap();
    assert_eq!(headless.records.len(), 2);
    let search = client.ask("www.example.com.default.svc.cluster.local", RecordType::A, DNSClass::IN).unwrap();
    assert_eq!((search.rcode, search.negative_ttl), (ResponseCode::NXDomain, Some(5)));

    let mut stream = TcpStream::connect(stand_ins.cluster()).unwrap();
    send(&mut stream, &[query(3, "_sql._tcp.db.default.svc.cluster.local", RecordType::SRV)]);
    let ports = receive(&mut stream);
    assert_eq!((ports.metadata.id, ports.answers.len(), ports.additionals.len()), (3, 2, 1));
    assert_eq!(stand_ins.questions(), stand_in::Questions { cluster: 4, resolver: 0 });
    drop(stream);
    stand_ins.stop();
}

#[test]
fn the_resolver_answers_pipelined_queries_over_tls() {
    let stand_ins = StandIns::start().unwrap();
    let mut stream = tls(&stand_ins, roots(&stand_ins), stand_in::AUTHENTICATION_NAME);
    let names = ["www.example.com", "nosuch.example.com", "anything.example.org"];
    let queries: Vec<Vec<u8>> = (0..30).map(|id| query(id, names[usize::from(id) % 3], RecordType::A)).collect();
    send(&mut stream, &queries);
    let mut seen = [false; 30];
    for _ in 0..30 {
        let answer = receive(&mut stream);
        let id = usize::from(answer.metadata.id);
        assert!(!std::mem::replace(&mut seen[id], true));
        let rcode = if id % 3 == 1 { ResponseCode::NXDomain } else { ResponseCode::NoError };
        assert_eq!(answer.metadata.response_code, rcode);
    }
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"dot"[..]));
    assert_eq!(stand_ins.questions().resolver, 30);
    stand_ins.stop();
}

#[test]
fn any_other_name_has_addresses_and_no_other_type_denies_it() {
    let stand_ins = StandIns::start().unwrap();
    assert_eq!(ask_resolver(&stand_ins, "deb.debian.org", RecordType::AAAA).answers.len(), 1);
    let https = ask_resolver(&stand_ins, "deb.debian.org", RecordType::HTTPS);
    assert_eq!((https.metadata.response_code, https.answers.len()), (ResponseCode::NoError, 0));
    stand_ins.stop();
}

#[test]
fn nobody_else_believes_the_resolver() {
    let stand_ins = StandIns::start().unwrap();
    let strangers = [(RootCertStore::empty(), stand_in::AUTHENTICATION_NAME), (roots(&stand_ins), "other.example")];
    for (roots, name) in strangers {
        let mut stream = tls(&stand_ins, roots, name);
        assert!(stream.write_all(b"\0").and_then(|()| stream.read_exact(&mut [0; 2])).is_err());
    }
    assert_eq!(stand_ins.questions().resolver, 0);
    stand_ins.stop();
}

#[test]
fn nothing_is_left_behind() {
    let stand_ins = StandIns::start().unwrap();
    let (folder, address) = (stand_ins.ca().parent().unwrap().to_owned(), stand_ins.cluster());
    assert!(folder.join("ca.pem").exists());
    stand_ins.stop();
    assert!(!folder.exists());
    TcpListener::bind(address).unwrap();
}

//------ Script ------

#[test]
fn every_answer_of_the_script_is_what_somebody_knows() {
    let stand_ins = StandIns::start().unwrap();
    let config = daemon::config(0, &stand_ins).unwrap();
    let local = Local::new(&config).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (index, step) in STEPS.iter().enumerate() {
        let asked_before = STEPS[..index]
            .iter()
            .any(|other| (other.name, other.record_type, other.class) == (step.name, step.record_type, step.class));
        assert_eq!(
            step.answerer == Answerer::Cache,
            asked_before,
            "{}: only what was asked before is in memory",
            step.name
        );
        let wire = LowerName::new(&Name::from_ascii(step.name).unwrap()).to_bytes().unwrap();
        let (qtype, class) = (step.record_type.into(), step.class.into());
        assert_eq!(local.lookup(&wire, qtype, class).is_some(), step.answerer == Answerer::Node, "{}", step.name);
        let answer = match step.answerer {
            Answerer::Resolver => ask_resolver(&stand_ins, step.name, step.record_type),
            Answerer::Cluster => {
                let mut stream = TcpStream::connect(stand_ins.cluster()).unwrap();
                send(&mut stream, &[query(1, step.name, step.record_type)]);
                receive(&mut stream)
            }
            Answerer::Node => Message::from_vec(&runtime.block_on(local.answer(&wire, qtype, class))).unwrap(),
            Answerer::Cache => continue,
            Answerer::Nobody => panic!("{}: nobody is not an expectation", step.name),
        };
        let answer = Answer::read(&answer, Duration::ZERO);
        if step.name == "rebind.example.com" {
            // What the resolver says is not what the daemon lets pass.
            assert_eq!(answer.records, ["10.96.14.7"]);
            continue;
        }
        assert_eq!(step.mistake(step.answerer, Ok(&answer)), None, "{}", step.name);
    }
    stand_ins.stop();
}

#[test]
fn the_daemon_is_configured_as_the_narration_says() {
    let stand_ins = StandIns::start().unwrap();
    let config = daemon::config(5_353, &stand_ins).unwrap();
    assert_eq!(config.listen.addresses, [SocketAddr::from((Ipv4Addr::LOCALHOST, 5_353))]);
    assert!(config.metrics.listen.is_empty() && config.health.listen.is_empty());
    let route = |name: &str| {
        let zone = config.zones.iter().find(|zone| zone.name == name).unwrap();
        let server = &config.upstreams[zone.upstream].servers[0];
        (server.address, server.transport, zone.class)
    };
    for name in ["cluster.local", "10.in-addr.arpa"] {
        assert_eq!(route(name), (stand_ins.cluster(), Transport::Tcp, Class::Internal));
    }
    assert_eq!(route("."), (stand_ins.resolver(), Transport::Tls, Class::Public));
    stand_ins.stop();
}

#[test]
fn the_answerer_is_whoever_was_asked() {
    let questions = |cluster, resolver| stand_in::Questions { cluster, resolver };
    let mut answer = answer(&["192.0.2.1"]);
    let before = questions(3, 5);
    assert_eq!(Answerer::found(before, questions(4, 5), Some(&answer)), Answerer::Cluster);
    assert_eq!(Answerer::found(before, questions(3, 6), Some(&answer)), Answerer::Resolver);
    assert_eq!(Answerer::found(before, before, Some(&answer)), Answerer::Cache);
    answer.authoritative = true;
    assert_eq!(Answerer::found(before, before, Some(&answer)), Answerer::Node);
    assert_eq!(Answerer::found(before, questions(3, 6), None), Answerer::Nobody);
    answer.rcode = ResponseCode::ServFail;
    assert_eq!(Answerer::found(before, before, Some(&answer)), Answerer::Nobody);
    assert_eq!(Answerer::found(before, questions(3, 6), Some(&answer)), Answerer::Resolver);
}

#[test]
fn a_wrong_answer_is_noticed() {
    let step = &STEPS[0];
    let right = answer(&["192.0.2.9", step.data.unwrap()]);
    assert_eq!(step.mistake(Answerer::Resolver, Ok(&right)), None);
    assert_eq!(step.mistake(Answerer::Cache, Ok(&right)).unwrap(), "expected: resolver, TLS");
    assert_eq!(step.mistake(Answerer::Resolver, Ok(&answer(&[]))).unwrap(), "expected: 203.0.113.80");
    let refused = Answer { rcode: ResponseCode::Refused, ..right };
    assert_eq!(step.mistake(Answerer::Resolver, Ok(&refused)).unwrap(), "expected: NOERROR");
    assert_eq!(step.mistake(Answerer::Nobody, Err(&"no answer".to_owned())).unwrap(), "no answer");
}

/// A positive answer.
fn answer(records: &[&str]) -> Answer {
    Answer {
        rcode: ResponseCode::NoError,
        authoritative: false,
        records: records.iter().map(|record| (*record).to_owned()).collect(),
        negative_ttl: None,
        latency: Duration::from_micros(12_345),
    }
}

//------ Narration ------

/// What the demo prints if every answer is as expected, or none comes.
fn printed(style: Style, answered: bool) -> String {
    let stand_ins = StandIns::start().unwrap();
    let daemon = SocketAddr::from((Ipv4Addr::LOCALHOST, 65_535));
    let mut output = Vec::new();
    let mut narration = Narration::new(&mut output, style);
    narration.open(daemon, &stand_ins).unwrap();
    for (index, step) in STEPS.iter().enumerate() {
        let result = if answered { Ok(expected(step)) } else { Err("no answer".to_owned()) };
        let answerer = if answered { step.answerer } else { Answerer::Nobody };
        let mistake = step.mistake(answerer, result.as_ref());
        narration.step(index + 1, step, answerer, result.as_ref(), mistake.as_deref()).unwrap();
    }
    narration.count(Counters { queries: 12, hits: 3, exchanges: 1_234_567, handshakes: 1 }).unwrap();
    narration.invite(daemon).unwrap();
    stand_ins.stop();
    String::from_utf8(output).unwrap()
}

/// The answer that a step waits for, with as many records as the stand-ins have.
fn expected(step: &Step) -> Answer {
    let mut answer = answer(&step.data.into_iter().collect::<Vec<_>>());
    answer.rcode = step.rcode;
    answer.negative_ttl = step.data.is_none().then_some(10_800);
    if step.record_type == RecordType::SRV {
        answer.records.push("another".to_owned());
    }
    answer
}

#[test]
fn the_table_fits_a_terminal_and_is_not_cut() {
    let text = printed(Style::plain(), true);
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
        assert_eq!(line.trim_end(), line);
    }
    for part in [
        "12,345 µs",
        "1,234,567 upstream exchanges",
        "1 TLS handshake\n",
        "none, for 10,800 seconds",
        "dig @127.0.0.1 -p 65535 ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains('\x1b') && !text.contains('…') && !text.contains('✗'), "{text}");
}

#[test]
fn what_went_wrong_stands_out() {
    let text = printed(Style::plain(), false);
    assert_eq!(text.matches("✗ no answer").count(), STEPS.len());
    assert_eq!(text.matches("nobody").count(), STEPS.len());
}

#[test]
fn colour_changes_no_text() {
    let coloured = printed(Style::coloured(), true);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((text, escape)) = rest.split_once('\x1b') {
        plain.push_str(text);
        rest = escape.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert!(coloured.contains("\x1b[32m"));
    // The stand-ins' ports are others each time.
    let lines = |text: &str| text.lines().skip(5).map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(&plain), lines(&printed(Style::plain(), true)));
}

//------ The rest ------

#[test]
fn counters_are_the_sum_of_their_family() {
    let text = "# TYPE coredns_dns_requests_total counter\ncoredns_dns_requests_total{server=\"a\",type=\"A\"} 9\n\
                coredns_dns_requests_total{server=\"a\",type=\"AAAA\"} 3\ncoredns_dns_requests_total_other 5\n\
                coredns_cache_hits_total{type=\"success\"} 2\ncoredns_cache_hits_total{type=\"denial\"} 1\n\
                coredns_proxy_request_duration_seconds_bucket{le=\"1\"} 6\ncoredns_proxy_request_duration_seconds_count{} 6\n\
                nodens_upstream_handshakes_total{kind=\"full\"} 1\n";
    assert_eq!(Counters::read(text), Counters { queries: 12, hits: 3, exchanges: 6, handshakes: 1 });
    assert_eq!(Counters::read(""), Counters::default());
}

#[test]
fn a_taken_port_is_told_with_a_remedy() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let failure = probe(taken.local_addr().unwrap().port()).unwrap_err();
    assert_eq!(failure.code, ExitCode::Unavailable);
    assert!(failure.message.contains("nodens demo --port 0"), "{failure}");
    probe(0).unwrap();
}

#[test]
fn a_signal_ends_the_demo() {
    let mut ending = Ending::watch().unwrap();
    assert!(!ending.is_near());
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).unwrap();
    ending.wait();
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGINT).unwrap();
    while !ending.is_near() {}
}
