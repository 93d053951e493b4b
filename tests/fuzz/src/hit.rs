//! A client's message through the real pipeline, about a name that is kept: what the store gives and what the front gives is one and the
//! same, and it is what the writer makes of the kept answer; whatever else the message says is answered or dropped, never asked elsewhere.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use nodens::cache::entry::Terms;
use nodens::cache::{Entry, Key, Store, Variant};
use nodens::config::{Config, Environment};
use nodens::filter::Addresses;
use nodens::listener::{Handler, Incoming, Outcome};
use nodens::metrics::{Layout, Metrics, Protocol};
use nodens::pipeline::{Numbers, Pipeline, Shared};
use nodens::policy::local::Local;
use nodens::reply::{self, Client};
use nodens::sys::clock::Moment;
use nodens::wire::answer::{Answer, Asked, Kind};
use nodens::wire::query::{Query, Reject};
use nodens::wire::{name, u16_at};

use crate::{Choices, walker};

/// When all this happens.
const NOW: Moment = Moment::from_secs(1_000);

/// A pipeline whose servers are never asked, and its store.
struct Node {
    /// The pipeline.
    pipeline: Rc<Pipeline>,
    /// Its answers.
    store: Arc<Store>,
}

impl Node {
    /// A node that knows nothing yet.
    fn new() -> Self {
        let text = "[cache]\nrotate = false\nprefetch = 0\n[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\"]\n[[zone]]\nname = \".\"\nupstream = \"a\"\n";
        let config = Arc::new(Config::parse(text, "fuzz", &Environment::neutral()).expect("it has no mistakes").config);
        let layout = Layout {
            servers: vec!["dns://127.0.0.1:53".to_owned()],
            zones: vec![".".to_owned()],
            upstreams: vec![("a".to_owned(), "udp://192.0.2.1:53".to_owned())],
        };
        let store = Arc::new(Store::new(1 << 20, 1 << 20));
        let shared = Shared {
            store: Arc::clone(&store),
            local: Arc::new(Local::new(&config).expect("it has no names of its own")),
            rules: Arc::default(),
            anchors: Arc::default(),
            rates: None,
            addresses: Arc::new(Addresses::new(&config.rebinding, &[])),
            policy: 0,
            tls: vec![None].into(),
            loops: Arc::default(),
            numbers: Arc::new(Numbers::of(&config)),
            config,
        };
        Self { pipeline: Pipeline::new(&shared, Metrics::new(&layout, 1).worker(0)), store }
    }
}

/// Four bytes of choices, the length of the tail in the last; the tail that follows the question in the client's message; an upstream's message.
pub fn check(data: &[u8]) {
    thread_local! {
        /// One for all inputs.
        static NODE: RefCell<Option<Node>> = const { RefCell::new(None) };
    }
    let mut choices = Choices(data);
    let (high, low, switches, tail) = (choices.byte(), choices.byte(), choices.byte(), usize::from(choices.byte()));
    let Some((tail, message)) = choices.0.split_at_checked(tail) else { return };
    let Some(end) = name::plain_length(message, 12).map(|length| 12 + length) else { return };
    let (Some(qtype), Some(1)) = (u16_at(message, end), u16_at(message, end + 2)) else { return };
    // These are never looked up, and neither are names that the node owns; the last is theirs.
    if qtype == 0 || qtype == 41 || (128..=255).contains(&qtype) {
        return;
    }
    let mut query = vec![0x12, 0x34, high, low, 0, 1, 0, 0, 0, 0, 0, switches & 3];
    query.extend(&message[12..end + 4]);
    query.extend(tail);
    NODE.with_borrow_mut(|node| {
        let node = node.get_or_insert_with(Node::new);
        if let Some(entry) = keep(node, message, end, qtype, &query) {
            twice(node, &query, &entry, switches & 4 != 0);
            let _ = node.store.flush(&[0], true);
        }
    });
}

/// Keeps the answer under the question that the client will ask; `None` if it may not be kept, or the client asks nothing.
fn keep(node: &Node, message: &[u8], end: usize, qtype: u16, query: &[u8]) -> Option<Entry> {
    let folded = message[12..end].to_ascii_lowercase();
    let variant = match Query::parse(query) {
        Ok(parsed) => Variant::new(parsed.dnssec_ok(), u16_at(query, 2)? & 0x10 != 0),
        Err(Reject::Answer { .. } | Reject::Garbage | Reject::Response) => Variant::default(),
    };
    let asked = Asked { name: &folded, qtype, qclass: 1, dnssec_ok: variant.dnssec_ok() };
    let mut answer = Answer::default();
    answer.read(message, &asked).ok()?;
    if answer.kind == Kind::Failure || answer.truncated || answer.records.len() > 60_000 {
        return None;
    }
    let key = Key::new(&folded, qtype, variant, node.store.hashing());
    let terms = Terms { now: NOW, lifetime: 60, zone: 0, authentic: answer.authentic, ..Terms::default() };
    let entry = Entry::new(&key, &mut answer, terms, node.store.hashing());
    node.store.insert(entry.clone());
    Some(entry)
}

/// Asks twice: first the store knows it, then the front.
fn twice(node: &Node, query: &[u8], entry: &Entry, tcp: bool) {
    let ask = || {
        let mut room = query.to_vec();
        room.resize(65_535, 0xEE);
        let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
        let client = IpAddr::from([127, 0, 0, 1]);
        let incoming =
            Incoming { server: 0, protocol, client, port: 40_000, room: &mut room, length: query.len(), cut: false, now: NOW };
        match node.pipeline.handle(incoming, &|| panic!("it is known, and nobody is asked")) {
            Outcome::Answer(length) => Some(room[..length].to_vec()),
            Outcome::Drop => None,
            Outcome::Later => panic!("it is known, and nobody waits"),
        }
    };
    let (first, second) = (ask(), ask());
    assert_eq!(first, second, "the store and the front say the same");
    let parsed = Query::parse(query);
    let Some(got) = first else {
        assert!(matches!(parsed, Err(Reject::Garbage | Reject::Response)), "only what is no query is dropped");
        return;
    };
    let read = walker::message(&got).unwrap_or_else(|| panic!("not well-formed: {got:02x?}"));
    assert_eq!(&got[..2], &query[..2], "the ID");
    let Ok(parsed) = parsed else {
        assert!(read.records.is_empty() && read.flags & 15 != 0 || got[3] & 15 == 0, "an error, and nothing else");
        return;
    };
    let limit = if tcp { 65_535 } else { Client::udp_limit(parsed.edns, 1232) };
    let asks = parsed.edns.is_some_and(|edns| tcp && edns.keepalive);
    let options: &[u8] = if asks { &[0, 11, 0, 2, 0, 100] } else { &[] };
    let client = Client { flags: u16_at(query, 2).unwrap_or(0), edns: parsed.edns, limit, udp_size: 1232, options };
    let mut room = query[..parsed.question_end].to_vec();
    room.resize(65_535, 0xEE);
    let composed = reply::answer(&mut room, parsed.question_end, &client, &entry.body(NOW), 0);
    assert_eq!(got, room[..composed.length], "as the writer writes the kept answer");
}
