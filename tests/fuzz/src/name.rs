//! Names: following pointers, and presentation form both ways.

use nodens::wire::name;

use crate::walker;

/// Bytes as a message with a name at the offset its first byte says; and as text.
pub fn check(data: &[u8]) {
    if let Some((at, message)) = data.split_first() {
        expansion(message, usize::from(*at));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        presentation(text);
    }
}

/// What we expand is what the naive reader reads, and neither reads what the other does not.
fn expansion(message: &[u8], at: usize) {
    let ours = name::expand(message, at);
    let theirs = walker::name(message, at);
    let labels = ours.as_ref().map(|(name, behind)| (labels(name.as_bytes()), *behind));
    assert_eq!(labels, theirs, "a name at {at} of {message:02x?}");
    let plain = name::plain_length(message, at);
    let uncompressed = theirs.as_ref().filter(|(labels, behind)| behind - at == wire_length(labels));
    assert_eq!(plain, uncompressed.map(|(labels, _)| wire_length(labels)), "an uncompressed name at {at}");
    let Some((name, behind)) = ours else { return };
    assert_eq!(name::skip(message, at), Some(behind));
    let bytes = name.as_bytes();
    let shown = name::display(bytes).to_string();
    assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown:?} would confuse a log");
    assert_eq!(name::parse(&shown).as_deref(), Some(&bytes.to_ascii_lowercase()[..]), "{shown}");
    let (all, total) = (self::labels(bytes), bytes.len());
    let mut lengths = (0..=all.len()).map(|from| wire_length(&all[from..]));
    assert!(name::suffixes(bytes).all(|from| lengths.next() == Some(total - from)) && lengths.next().is_none());
    for from in name::suffixes(bytes) {
        assert!(name::is_below(bytes, &bytes[from..].to_ascii_uppercase()));
    }
}

/// What reads as a name shows as one that reads as the same.
fn presentation(text: &str) {
    let Some(wire) = name::parse(text) else { return };
    assert_eq!(name::plain_length(&wire, 0), Some(wire.len()), "{text:?} became no name");
    let shown = name::display(&wire).to_string();
    assert_eq!(name::parse(&shown), Some(wire), "{text:?} shows as {shown}");
}

/// The labels of a whole uncompressed name.
fn labels(mut bytes: &[u8]) -> walker::Labels {
    let mut labels = walker::Labels::new();
    while let Some((length, rest)) = bytes.split_first().filter(|(length, _)| **length > 0) {
        let (label, behind) = rest.split_at(usize::from(*length));
        labels.push(label.to_vec());
        bytes = behind;
    }
    labels
}

/// Bytes of a name with these labels.
fn wire_length(labels: &[Vec<u8>]) -> usize {
    labels.iter().map(|label| label.len() + 1).sum::<usize>() + 1
}
