//! Any question to the node's own names, through hickory-server: what is claimed is answered, well-formed and about the question alone.

use std::sync::LazyLock;

use hickory_proto::op::Message;
use nodens::config::{Config, Environment};
use nodens::policy::local::{Local, LocalZone};
use nodens::wire::answer::{Answer, Asked};
use nodens::wire::name;
use tokio::runtime::{Builder, Runtime};

use crate::{Choices, walker};

/// Names of all kinds.
const CONFIG: &str = r#"
[local]
records = ["own.example. 60 A 192.0.2.1", "own.example. 60 MX 10 mx.example.", "alias.example. 60 CNAME own.example.", "out.example. 60 CNAME www.elsewhere.", "txt.example. 60 TXT \"a\""]
dead-suffixes = ["com.*.svc.cluster.local", "dead.example"]
identity = "node"
version = "1"
[policy]
block = ["bad.example", "10.in-addr.arpa"]
unblock = ["good.bad.example"]
[[upstream]]
name = "all"
servers = ["udp://192.0.2.1"]
[[zone]]
name = "."
upstream = "all"
[[zone]]
name = "168.192.in-addr.arpa"
upstream = "all"
"#;

/// What the node knows.
static LOCAL: LazyLock<Local> = LazyLock::new(|| {
    let loaded = Config::parse(CONFIG, "fuzz", &Environment::neutral()).expect("it has no mistakes");
    let hosts = b"192.0.2.7 host.example h\n2001:db8::7 host.example\n";
    Local::of_texts(&loaded.config, hosts, b"0.0.0.0 listed.example\n").expect("it has no mistakes")
});

/// Two bytes each of type and class, then the name: as it is on the wire, or labels of the names above put together.
pub fn check(data: &[u8]) {
    thread_local! {
        /// One for all inputs.
        static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime needs no more");
    }
    let mut choices = Choices(data);
    let (qtype, class) = (choices.word(), choices.byte());
    let qclass = [1, 1, 1, 3, u16::from(class)][usize::from(class % 5)];
    let Some(wire) = wire(choices) else { return };
    let claimed = LOCAL.lookup(&wire, qtype, qclass);
    let message = RUNTIME.with(|runtime| runtime.block_on(LOCAL.answer(&wire, qtype, qclass)));
    let end = 12 + wire.len() + 4;
    assert_eq!(&message[12..end - 4], &*wire, "the question is echoed");
    let read = walker::message(&message).unwrap_or_else(|| panic!("not well-formed: {message:02x?}"));
    assert!(read.flags & 0x8000 != 0 && read.opt.is_empty());
    match claimed {
        None => assert_eq!((read.flags & 15, read.records.len()), (5, 0), "what is not ours is refused"),
        Some(LocalZone::Blocked | LocalZone::Dead) => {
            assert_eq!((read.flags & 15, read.count(0), read.count(1)), (3, 0, 1), "denied with an SOA");
        }
        Some(_) => {}
    }
    assert_eq!(LOCAL.blocks(&wire), claimed == Some(LocalZone::Blocked) || qclass != 1 && LOCAL.blocks(&wire));
    if claimed.is_some() && read.flags & 15 != 2 {
        let asked = Asked { name: &wire, qtype, qclass, dnssec_ok: false };
        let mut answer = Answer::default();
        answer.read(&message, &asked).unwrap_or_else(|error| panic!("{error:?}: {message:02x?}"));
        assert_eq!(answer.dropped, 0, "{message:02x?}");
        Message::from_vec(&message).unwrap_or_else(|error| panic!("{error}: {message:02x?}"));
    }
}

/// A folded name.
fn wire(mut choices: Choices<'_>) -> Option<Vec<u8>> {
    /// Labels that have a meaning here.
    const LABELS: [&[u8]; 24] = [
        b"own",
        b"example",
        b"alias",
        b"out",
        b"txt",
        b"com",
        b"svc",
        b"cluster",
        b"local",
        b"dead",
        b"bad",
        b"good",
        b"10",
        b"in-addr",
        b"arpa",
        b"168",
        b"192",
        b"localhost",
        b"host",
        b"listed",
        b"id",
        b"server",
        b"test",
        b"x",
    ];
    if choices.byte() & 1 == 0 {
        let mut name = choices.0.get(..name::plain_length(choices.0, 0)?)?.to_vec();
        name::fold(&mut name);
        return Some(name);
    }
    let mut name = Vec::new();
    while !choices.0.is_empty() && name.len() < 200 {
        let label = LABELS[usize::from(choices.byte()) % LABELS.len()];
        name.push(u8::try_from(label.len()).expect("short labels"));
        name.extend(label);
    }
    name.push(0);
    Some(name)
}
