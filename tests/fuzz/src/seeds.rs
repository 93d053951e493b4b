//! Writes the first inputs of every target below the folder given: messages that hickory-proto serialises, the sample configurations, names.
//!
//! Seeds are made anew for each run rather than kept, so that there are no blobs in the repository and none goes out of date.

use std::fs;
use std::path::Path;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Where the sample configurations are.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");

/// Where Corefiles are.
const COREFILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/corefiles/good");

/// Writes the seeds of all targets, a folder each.
pub fn write_all(root: &Path) {
    let queries: Vec<_> = queries().iter().map(bytes).collect();
    let answers: Vec<_> = answers().iter().map(bytes).collect();
    write(root, "query", &queries);
    write(root, "answer", &prefixed(&answers, &[&[0], &[3]]));
    write(root, "reply", &prefixed(&answers, &[&[0; 8], &[3, 2, 0, 4, 208, 0, 7, 1], &[15, 2, 0, 4, 208, 0, 61, 2]]));
    let kept: Vec<_> = answers.iter().map(|answer| kept(answer)).collect();
    write(root, "snapshot", &prefixed(&[&kept[..], &[kept.concat()]].concat(), &[&[0], &[200]]));
    let expanded: Vec<_> =
        answers.iter().flat_map(|answer| [12, 40, 60].map(|at| [&[at], &answer[..]].concat())).collect();
    let texts = ["www.example.com.", ".", r"odd\.label.caf\195\169.example", "_dns._tcp.a-b.svc.cluster.local"];
    write(root, "name", &[expanded, texts.map(|text| text.as_bytes().to_vec()).to_vec()].concat());
    let stream: Vec<u8> = queries.iter().flat_map(|query| [&length(query)[..], query].concat()).collect();
    write(root, "tcp", &prefixed(&[stream], &[&[255, 255, 7, 255], &[0, 1, 0, 0], &[6, 9, 3, 40]]));
    let options: [&[u8]; 4] =
        [b"", b"\0\x0B\0\0", b"\0\x0F\0\x03\0\x16x\0\x0B\0\x02\0\x64", b"\0\x0A\0\x08abcdefgh\0\x0C\0\x04\0\0\0\0"];
    write(root, "edns", &prefixed(&options.map(<[u8]>::to_vec), &[&[4, 208, 0, 0, 0x80], &[16, 0, 1, 0, 15]]));
    write(root, "hit", &prefixed(&answers, &[&[1, 0, 0, 0], &[1, 16, 1, 11, 0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 0]]));
    let questions: [&[u8]; 5] =
        [b"\x01\0\x01", b"\x01\x12\x0A\x01", b"\x01\x17\x05\x17\x06\x07\x08", b"\0\x01a\0", b"\x01\x14\x15"];
    write(root, "local", &prefixed(&questions.map(<[u8]>::to_vec), &[&[0, 1, 0], &[0, 16, 3], &[0, 255, 0]]));
    let steps: [&[u8]; 3] = [&[0, 1, 2, 3, 4, 5], &[0x10, 0, 19, 0x21, 200, 0x42, 5, 3], &[0x85, 0, 3, 1, 2, 3, 5, 4]];
    write(root, "stream", &prefixed(&steps.map(<[u8]>::to_vec), &[&[255, 255], &[0, 0], &[2, 1]]));
    let heads: [&[u8]; 4] =
        [&[2, 0, 0, 0, 0, 0, 0], &[3, 1, 2, 0, 0, 0, 0], &[7, 1, 2, 0, 105, 0, 0], &[0, 0, 0, 0, 0, 0, 0]];
    write(root, "datagram", &prefixed(&answers, &heads));
    let data: [&[u8]; 4] = [
        &[0, 10, 0, 0, 1],
        &[0, 8, 8, 8, 8],
        &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1],
        &[3, 0, 1, 0, 0, 4, 0, 4, 10, 0, 0, 1],
    ];
    let spoilt: [&[u8]; 4] = [
        &[0],
        &[1],
        &[2, 0, 40, 1, 0, 60, 255],
        &[255, b'.', b' ', b'D', b'S', b' ', b'1', b' ', b'8', b' ', b'2', b' ', b'0', b'0'],
    ];
    write(root, "validate", &spoilt.map(<[u8]>::to_vec));
    write(root, "filter", &data.map(<[u8]>::to_vec));
    let files: [&[u8]; 7] = [
        b"\x00192.0.2.1 a.example b # c\n2001:db8::1 a.example\n",
        b"\x01a.example. 60 A 192.0.2.1\nb.example. 60 CNAME a.example.\nc.example. 60 IN TXT \"x y\" z",
        b"\x01example. 60 SOA ns.example. admin.example. 1 2 3 4 5\nexample. 60 HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1",
        b"\x02# list\nads.example\n0.0.0.0 localhost a.example b.example\n",
        b"\x02\xEF\xBB\xBF127.0.0.1 localhost\n:: x.example",
        b"\x03nameserver 192.0.2.1\nnameserver fe80::1%2\noptions ndots:5\n",
        b"\x02*.bad.example",
    ];
    write(root, "files", &files.map(<[u8]>::to_vec));
    let samples =
        fs::read_dir(SAMPLES).expect("the samples are there").map(|file| fs::read(file.unwrap().path()).unwrap());
    let sections = samples.flat_map(|text| {
        let text = String::from_utf8(text).expect("the samples are UTF-8");
        // Comment signs off: the reference file shows every option in a comment.
        let options =
            text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line).to_owned() + "\n").collect::<String>();
        [text, options]
    });
    write(root, "config", &sections.map(String::into_bytes).collect::<Vec<_>>());
    let corefiles = fs::read_dir(COREFILES).expect("the Corefiles are there").map(|file| file.unwrap().path());
    let corefiles = corefiles.filter(|path| path.extension().is_none()).map(|path| fs::read(path).unwrap());
    write(root, "corefile", &corefiles.collect::<Vec<_>>());
}

/// Writes the inputs of a target, numbered.
fn write(root: &Path, target: &str, inputs: &[Vec<u8>]) {
    let folder = root.join(target);
    fs::create_dir_all(&folder).expect("the folder can be made");
    for (number, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:02}")), input).expect("the seed can be written");
    }
}

/// Every input behind every prefix.
fn prefixed(inputs: &[Vec<u8>], prefixes: &[&[u8]]) -> Vec<Vec<u8>> {
    inputs.iter().flat_map(|input| prefixes.iter().map(|prefix| [*prefix, input].concat())).collect()
}

/// A message's length as it stands before it in a stream.
fn length(message: &[u8]) -> [u8; 2] {
    u16::try_from(message.len()).expect("seeds are small").to_be_bytes()
}

/// A message as the file of the cache holds it: an hour old at most and good for five minutes; a denied name has no type.
fn kept(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    if message[3] & 15 == 3 {
        let end = 12 + message[12..].iter().position(|byte| *byte == 0).expect("a name ends") + 1;
        message[end..end + 2].fill(0);
    }
    [&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 44][..], &length(&message), &message].concat()
}

/// A message's bytes.
fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().expect("the seeds can be serialised")
}

/// A name.
fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("the seeds' names are names")
}

/// A message with one question.
fn message(kind: MessageType, asked: &str, rtype: RecordType) -> Message {
    let mut message = Message::new(0x1234, kind, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name(asked), rtype));
    message
}

/// An OPT record.
fn edns(size: u16, dnssec_ok: bool) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(size).set_dnssec_ok(dnssec_ok);
    edns
}

/// What clients ask.
fn queries() -> Vec<Message> {
    let mut all = vec![
        message(MessageType::Query, "wWw.example.", RecordType::A),
        message(MessageType::Query, "_dns._tcp.kube-dns.kube-system.svc.cluster.local.", RecordType::SRV),
        message(MessageType::Query, ".", RecordType::NS),
        message(MessageType::Query, "example.", RecordType::ANY),
    ];
    let mut with_edns = message(MessageType::Query, "www.example.", RecordType::AAAA);
    with_edns.set_edns(edns(1232, true));
    all.push(with_edns);
    all
}

/// What upstreams answer.
fn answers() -> Vec<Message> {
    let record = |owner: &str, data: RData| Record::from_rdata(name(owner), 300, data);
    let address = |last: u8| RData::A(A::new(192, 0, 2, last));
    let soa = || RData::SOA(SOA::new(name("ns.example."), name("admin.example."), 1, 3600, 600, 86400, 30));
    let mut all = Vec::new();
    let mut add =
        |asked: &str, rtype, answers: Vec<Record>, authorities: Vec<Record>, additionals: Vec<Record>, code| {
            let mut answer = message(MessageType::Response, asked, rtype);
            answer.metadata.recursion_available = true;
            answer.metadata.response_code = code;
            answer.answers = answers;
            answer.authorities = authorities;
            answer.additionals = additionals;
            all.push(answer.clone());
            answer.set_edns(edns(4096, false));
            all.push(answer);
        };
    let none = Vec::new;
    let addresses = (1..=30).map(|last| record("www.example.", address(last))).collect();
    add("www.example.", RecordType::A, addresses, none(), none(), ResponseCode::NoError);
    let chain = vec![
        record("a.example.", RData::CNAME(CNAME(name("b.cdn.example.")))),
        record("b.cdn.example.", RData::CNAME(CNAME(name("c.cdn.example.")))),
        record("c.cdn.example.", RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
    ];
    add("a.example.", RecordType::AAAA, chain, none(), none(), ResponseCode::NoError);
    let services = (0..3)
        .map(|node| {
            record("_dns._tcp.example.", RData::SRV(SRV::new(0, 100, 53, name(&format!("pod-{node}.example.")))))
        })
        .collect();
    let glue = (0..3).map(|node| record(&format!("pod-{node}.example."), address(node))).collect();
    add("_dns._tcp.example.", RecordType::SRV, services, none(), glue, ResponseCode::NoError);
    add("no.example.", RecordType::A, none(), vec![record("example.", soa())], none(), ResponseCode::NXDomain);
    add("example.", RecordType::AAAA, none(), vec![record("example.", soa())], none(), ResponseCode::NoError);
    let mail = vec![record("example.", RData::MX(MX::new(10, name("mx.example."))))];
    add("example.", RecordType::MX, mail, none(), vec![record("mx.example.", address(9))], ResponseCode::NoError);
    let text = vec![record("example.", RData::TXT(TXT::new(vec!["v=spf1 -all".to_owned(), "x".repeat(200)])))];
    add("example.", RecordType::TXT, text, none(), none(), ResponseCode::NoError);
    let pointer = vec![record("9.2.0.192.in-addr.arpa.", RData::PTR(PTR(name("mx.example."))))];
    add("9.2.0.192.in-addr.arpa.", RecordType::PTR, pointer, none(), none(), ResponseCode::NoError);
    let servers = vec![record("example.", RData::NS(NS(name("ns.example."))))];
    add("example.", RecordType::NS, servers, none(), none(), ResponseCode::NoError);
    add("broken.example.", RecordType::A, none(), none(), none(), ResponseCode::ServFail);
    all
}
