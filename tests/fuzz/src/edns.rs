//! OPT records of both sides: what is taken out of them is what a naive reader finds, and what we write is what hickory-proto reads.

use hickory_proto::op::Message;
use nodens::wire::answer::{Answer, Asked};
use nodens::wire::message::{Outgoing, Question, UDP_SIZE};
use nodens::wire::query::{Edns, Query, Reject};

use crate::Choices;

/// The question of all of them: `a.` A IN.
const QUESTION: &[u8] = b"\x01a\0\0\x01\0\x01";

/// Five bytes of choices (class, extended RCODE, version, flags), then the options.
pub fn check(data: &[u8]) {
    let mut choices = Choices(data);
    let (class, extended, version, flags) = (choices.word(), choices.byte(), choices.byte(), choices.byte());
    let options = choices.0.get(..65_000).unwrap_or(choices.0);
    let mut opt = vec![0, 0, 41];
    opt.extend(class.to_be_bytes());
    opt.extend([extended, version, flags, 0]);
    opt.extend(u16::try_from(options.len()).expect("they were cut").to_be_bytes());
    opt.extend(options);
    let found = naive(options);
    client(&opt, class, version, flags, &found);
    server(&opt, extended, &found);
    ours(&opt, flags);
}

/// The options that are whole, and whether all are.
fn naive(mut options: &[u8]) -> (Vec<(u16, &[u8])>, bool) {
    let mut found = Vec::new();
    while !options.is_empty() {
        let Some((head, rest)) = options.split_at_checked(4) else { return (found, false) };
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let Some((value, behind)) = rest.split_at_checked(length) else { return (found, false) };
        found.push((u16::from_be_bytes([head[0], head[1]]), value));
        options = behind;
    }
    (found, true)
}

/// A client's query with this record.
fn client(opt: &[u8], class: u16, version: u8, flags: u8, (options, is_whole): &(Vec<(u16, &[u8])>, bool)) {
    let message = [b"\0\x01\x01\0\0\x01\0\0\0\0\0\x01", QUESTION, opt].concat();
    match Query::parse(&message) {
        Ok(query) => {
            let [keepalive, nsid] = [11, 3].map(|wanted| options.iter().any(|(code, _)| *code == wanted));
            let edns = Edns { udp_size: class, dnssec_ok: flags & 0x80 != 0, keepalive, nsid };
            assert_eq!((query.edns, version, *is_whole), (Some(edns), 0, true), "{opt:02x?}");
        }
        Err(Reject::Answer { rcode, .. }) if version != 0 => assert_eq!(rcode, 16, "{opt:02x?}"),
        Err(Reject::Answer { rcode, .. }) => assert_eq!((rcode, *is_whole), (1, false), "{opt:02x?}"),
        Err(other) => panic!("{other:?} for {opt:02x?}"),
    }
}

/// A server's answer with this record.
fn server(opt: &[u8], extended: u8, (options, _): &(Vec<(u16, &[u8])>, bool)) {
    let message = [b"\0\x01\x81\x80\0\x01\0\0\0\0\0\x01", QUESTION, opt].concat();
    let mut answer = Answer::default();
    let asked = Asked { name: b"\x01a\0", qtype: 1, qclass: 1, dnssec_ok: false };
    answer.read(&message, &asked).expect("options change nothing about the question");
    let first = |code: u16| {
        let number = |value: &[u8]| value.first_chunk::<2>().map(|pair| u16::from_be_bytes(*pair));
        options.iter().filter(|(other, _)| *other == code).find_map(|(_, value)| number(value))
    };
    assert_eq!((answer.edns, answer.rcode), (true, u16::from(extended) << 4), "{opt:02x?}");
    assert_eq!((answer.ede, answer.keepalive), (first(15), first(11)), "{opt:02x?}");
}

/// Queries of our own, with every option that we write.
fn ours(opt: &[u8], flags: u8) {
    let block = u16::from(opt[3] % 5) * 128;
    let query = Outgoing::new(&Question {
        name: b"\x01a\0",
        qtype: 1,
        qclass: 1,
        dnssec_ok: flags & 1 != 0,
        checking_disabled: flags & 2 != 0,
        authentic_data: flags & 4 != 0,
    });
    let mut stream = Vec::new();
    query.append_to(&mut stream, 0x1234, flags & 8 != 0, block);
    let (length, message) = stream.split_at(2);
    assert_eq!(usize::from(u16::from_be_bytes([length[0], length[1]])), message.len());
    assert!(block == 0 || message.len().is_multiple_of(usize::from(block)));
    let theirs = Message::from_vec(message).expect("hickory-proto reads what we write");
    let edns = theirs.edns.expect("an OPT record goes along");
    assert_eq!((edns.flags().dnssec_ok, edns.max_payload(), edns.version()), (flags & 1 != 0, UDP_SIZE, 0));
}
