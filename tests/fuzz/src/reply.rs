//! Any answer for any client: it fits, says so when it does not, and leaves out no more than it must.

use nodens::reply::{self, Client};
use nodens::sys::clock::Moment;
use nodens::wire::answer::{Answer, Asked};
use nodens::wire::query::Edns;
use nodens::wire::{name, u16_at};

use crate::{Choices, answer, walker};

/// Eight bytes of choices about the client, then an upstream's message.
pub fn check(data: &[u8]) {
    let mut choices = Choices(data);
    let (switches, size, ours, age, turn) =
        (choices.byte(), choices.word(), choices.word(), choices.word(), usize::from(choices.byte()));
    let message = choices.0;
    let Some(end) = name::plain_length(message, 12).map(|length| 12 + length) else { return };
    let (Some(qtype), Some(qclass)) = (u16_at(message, end), u16_at(message, end + 2)) else { return };
    let folded = message[12..end].to_ascii_lowercase();
    let asked = Asked { name: &folded, qtype, qclass, dnssec_ok: switches & 1 != 0 };
    let mut read = Answer::default();
    if read.read(message, &asked).is_err() {
        return;
    }
    let Some(entry) = answer::entry(&mut read, &asked) else { return };
    let dnssec_ok = switches & 1 != 0;
    let edns = (switches & 2 != 0).then_some(Edns { udp_size: size, dnssec_ok, keepalive: false, nsid: false });
    // The range of `listen.udp-size`.
    let udp_size = ours.clamp(512, 4096);
    let tcp = switches & 4 != 0;
    let limit = if tcp { 65_535 } else { Client::udp_limit(edns, udp_size) };
    let asks = tcp && edns.is_some() && switches & 8 != 0;
    let options: &[u8] = if asks { &[0, 11, 0, 2, 1, 44] } else { &[] };
    let client = Client { flags: u16_at(message, 2).unwrap_or(0) & !0x8000, edns, limit, udp_size, options };
    let question = &message[..end + 4];
    let write = |client: &Client<'_>, age: u16, turn| {
        let mut room = question.to_vec();
        room.resize(65_535, 0xEE);
        let now = Moment::from_secs(1_000 + u64::from(age));
        let composed = reply::answer(&mut room, question.len(), client, &entry.body(now), turn);
        room.truncate(composed.length);
        (room, composed.truncated)
    };
    let (bytes, truncated) = write(&client, age, turn);
    let (whole, _) = write(&Client { limit: 65_535, ..client }, 0, 0);
    let (short, long) = (read_back(&bytes), read_back(&whole));
    assert!(bytes.len() <= limit, "{} bytes for a client that takes {limit}", bytes.len());
    assert_eq!(&bytes[..2], &question[..2], "the ID");
    assert_eq!(&bytes[12..question.len()], &question[12..], "the question, letter case included");
    assert_eq!(short.flags & 0x8480, 0x8080, "QR and RA, not AA");
    assert_eq!(short.opt.len(), usize::from(edns.is_some()), "EDNS for those who speak it");
    assert!(short.opt.iter().all(|opt| opt.class == udp_size), "the size we offer");
    let lost = short.count(0) < long.count(0) || short.count(1) < long.count(1);
    assert_eq!(truncated, lost, "TC when, and only when, records that matter are missing");
    assert_eq!(short.flags & 0x0200 != 0, lost || read.truncated, "TC in the header");
    if lost {
        let missing = long.records.len() - short.records.len();
        let room = limit - bytes.len();
        let next = &long.records[long.records.len() - missing];
        assert!(room < 12 + next.rdata.len() + 255, "{room} bytes are left, and the next record would have fitted");
    }
    // Whatever the order of addresses, they are the same ones if none is missing, each a second older a second.
    let content = |message: &walker::Message, age: u16| {
        let mut all: Vec<_> = message
            .records
            .iter()
            .filter(|record| record.section < 2)
            .map(|record| (record.section, record.rtype, record.ttl.saturating_sub(age.into()), record.rdata.len()))
            .collect();
        all.sort_unstable();
        all
    };
    if !lost {
        assert_eq!(content(&short, 0), content(&long, age));
    }
}

/// The message as a strict reader reads it.
fn read_back(bytes: &[u8]) -> walker::Message {
    walker::message(bytes).unwrap_or_else(|| panic!("not well-formed: {bytes:02x?}"))
}
