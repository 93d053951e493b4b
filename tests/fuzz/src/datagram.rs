//! A server's datagram: it is taken for the answer exactly when a naive reader finds question, letter case and header to be right.

use nodens::upstream::udp::probe::{Judged, Letter};
use nodens::wire::answer::{Answer, Asked};
use nodens::wire::message::{Outgoing, Question};

use crate::{Choices, walker};

/// The name that is asked for.
const NAME: &[u8] = b"\x03www\x07example\x03org\0";

/// The bytes before the datagram: how it is made, which letters, and what is flipped in it.
pub fn check(data: &[u8]) {
    let mut choices = Choices(data);
    let (way, seed, flips) = (choices.byte(), choices.word(), [choices.word(), choices.word()]);
    let question = Question {
        name: NAME,
        qtype: 28,
        qclass: 1,
        dnssec_ok: false,
        checking_disabled: false,
        authentic_data: false,
    };
    let query = Outgoing::new(&question);
    let letter = Letter::new(&query, 0x1234, (way & 1 != 0).then_some(seed.into()));
    let end = query.question_end();
    let mut datagram = choices.0.to_vec();
    if way & 2 != 0 {
        // As a server would begin it, with some bits wrong.
        let mut head = letter.message()[..end].to_vec();
        head[2] |= 0x80;
        head[6..12].fill(0);
        for flip in flips.iter().take(usize::from(way >> 2 & 3)) {
            let bit = usize::from(*flip) % (end * 8);
            head[bit / 8] ^= 1 << (bit % 8);
        }
        datagram.splice(..0, head);
    }
    let judged = letter.judge(&datagram);
    assert_eq!(judged, naive(&datagram, letter.message(), end), "{datagram:02x?}");
    if judged != Judged::Answer {
        return;
    }
    for limit in [512, 4096] {
        let kept = letter.keep(&datagram, limit);
        assert!(kept.len() <= limit.max(end));
        assert_eq!(&kept[12..end], query.question(), "the question is in our letters");
        let mut answer = Answer::default();
        let _ = answer.read(&kept, &Asked { name: NAME, qtype: 28, qclass: 1, dnssec_ok: false });
    }
}

/// RFC 5452 section 9.1 and draft-vixie-dnsext-dns0x20, by the letter.
fn naive(datagram: &[u8], sent: &[u8], end: usize) -> Judged {
    if datagram.len() < 12 || datagram[2] & 0xF8 != 0x80 {
        return Judged::Foreign;
    }
    // RFC 6891 section 7: what a server says that knows no EDNS, some without the question.
    if datagram.len() == 12 && datagram[4..] == [0; 8] && [1, 4].contains(&(datagram[3] & 15)) {
        return Judged::Answer;
    }
    let whole = |message: &[u8]| {
        let (labels, behind) = walker::name(message, 12)?;
        Some((labels, message.get(behind..behind + 4)?.to_vec(), behind + 4))
    };
    // A name that points elsewhere stands for the same labels and is not the same bytes.
    let (Some(theirs), Some(ours)) = (whole(datagram).filter(|(_, _, behind)| *behind == end), whole(&sent[..end]))
    else {
        return Judged::Foreign;
    };
    let is_plain = datagram[12..end - 4].len() == theirs.0.iter().map(|label| label.len() + 1).sum::<usize>() + 1;
    if datagram[4..6] != [0, 1] || !is_plain || theirs.1 != ours.1 || !walker::same(&theirs.0, &ours.0) {
        return Judged::Foreign;
    }
    let is_secret = sent[12..end] != sent[12..end].to_ascii_lowercase();
    if is_secret && theirs.0 != ours.0 { Judged::OtherCase } else { Judged::Answer }
}
