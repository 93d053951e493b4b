//! Domain names as bytes: a sequence of labels, each with its length in front, closed by the root's zero (RFC 1035 section 3.1).
//!
//! Comparison ignores the case of ASCII letters and nothing else (RFC 4343). Since a label's length byte is at most 63, it is
//! never in the range of letters, so a whole name can be folded and compared byte by byte.

use std::fmt;

/// Longest name with all length bytes and the root (RFC 1035 section 2.3.4).
pub const MAX_NAME: usize = 255;

/// Longest label (RFC 1035 section 2.3.4).
pub const MAX_LABEL: u8 = 63;

/// Most pointers followed in one name. A name has at most 127 labels, so more pointers lead nowhere, only round about.
const MAX_POINTERS: usize = 127;

/// The two high bits that make a length byte a pointer (RFC 1035 section 4.1.4).
const POINTER: u8 = 0xC0;

/// A name of its own, uncompressed, in the case it came in.
#[derive(Clone, Copy)]
pub struct NameBuf {
    /// Bytes used. Invariant: `bytes[..length]` is a whole uncompressed name.
    length: u8,
    /// Room for the longest name.
    bytes: [u8; MAX_NAME],
}

impl NameBuf {
    /// The root.
    #[must_use]
    pub const fn root() -> Self {
        Self { length: 1, bytes: [0; MAX_NAME] }
    }

    /// The name's bytes, the root's zero included.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Debug for NameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", display(self.as_bytes()))
    }
}

/// Labels as a name in wire format. Each has 1 to [`MAX_LABEL`] bytes, as those of every name of hickory's have (RFC 1035 section 2.3.4).
#[must_use]
pub fn of_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut wire = Vec::with_capacity(32);
    for label in labels {
        wire.push(u8::try_from(label.len()).unwrap_or(0));
        wire.extend_from_slice(label);
    }
    wire.push(0);
    wire
}

/// The length of the uncompressed name at `at`, root included; `None` if it is cut off, too long or holds a pointer.
///
/// Names in a question and of our own making are never compressed; a pointer in a question could only point at the header.
#[must_use]
#[inline]
pub fn plain_length(message: &[u8], at: usize) -> Option<usize> {
    let mut position = at;
    loop {
        let label = *message.get(position)?;
        if label == 0 {
            let length = position + 1 - at;
            return (length <= MAX_NAME).then_some(length);
        }
        if label > MAX_LABEL {
            return None;
        }
        position += 1 + usize::from(label);
    }
}

/// Follows a possibly compressed name at `at`: the name, and the offset behind its representation there.
///
/// Every pointer must point before the place where the present run of labels began, so the walk ends (RFC 1035 section 4.1.4:
/// "a prior occurrence of the same name"). `None` for anything else.
#[must_use]
pub fn expand(message: &[u8], at: usize) -> Option<(NameBuf, usize)> {
    let mut name = NameBuf { length: 0, bytes: [0; MAX_NAME] };
    let mut length = 0_usize;
    let (mut position, mut limit) = (at, at);
    let mut end = None;
    let mut pointers = 0;
    loop {
        let label = *message.get(position)?;
        if label == 0 {
            *name.bytes.get_mut(length)? = 0;
            name.length = u8::try_from(length + 1).ok()?;
            return Some((name, end.unwrap_or(position + 1)));
        }
        if label & POINTER == POINTER {
            let target = usize::from(super::u16_at(message, position)? & 0x3FFF);
            pointers += 1;
            if target >= limit || pointers > MAX_POINTERS {
                return None;
            }
            end = end.or(Some(position + 2));
            (position, limit) = (target, target);
        } else if label <= MAX_LABEL {
            let run = 1 + usize::from(label);
            name.bytes.get_mut(length..length + run)?.copy_from_slice(message.get(position..position + run)?);
            length += run;
            position += run;
        } else {
            return None;
        }
    }
}

/// The offset behind a possibly compressed name at `at`, without looking where pointers lead.
#[must_use]
#[inline]
pub fn skip(message: &[u8], at: usize) -> Option<usize> {
    let mut position = at;
    loop {
        let label = *message.get(position)?;
        if label == 0 {
            return Some(position + 1);
        }
        if label & POINTER == POINTER {
            return (position + 2 <= message.len()).then_some(position + 2);
        }
        if label > MAX_LABEL {
            return None;
        }
        position += 1 + usize::from(label);
    }
}

/// Folds ASCII letters to lower case, in place.
#[inline]
pub fn fold(bytes: &mut [u8]) {
    bytes.make_ascii_lowercase();
}

/// Whether two names are the same (RFC 4343 section 3).
#[must_use]
#[inline]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Whether `name` is `suffix` or lies below it. Both uncompressed.
#[must_use]
pub fn is_below(name: &[u8], suffix: &[u8]) -> bool {
    suffixes(name).any(|at| name.len() - at == suffix.len() && equal(&name[at..], suffix))
}

/// The offsets at which the labels of an uncompressed name begin: the name itself first, the root last.
pub fn suffixes(name: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut next = Some(0_usize);
    std::iter::from_fn(move || {
        let at = next?;
        let label = *name.get(at)?;
        next = (label != 0 && label <= MAX_LABEL).then(|| at + 1 + usize::from(label));
        Some(at)
    })
}

/// Reads a name in presentation form ("www.example.com", trailing dot or not, `\.` and `\DDD` escapes; "." is the root), folded
/// to lower case. `None` if a label is empty or too long, or the whole is.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len() + 2);
    if text != "." {
        let mut label = Vec::new();
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => {
                    push_label(&mut name, &label)?;
                    label.clear();
                }
                b'\\' => match bytes.next()? {
                    first @ b'0'..=b'9' => {
                        let (second, third) = (bytes.next()?, bytes.next()?);
                        let digits = [first, second, third];
                        label.push(std::str::from_utf8(&digits).ok()?.parse::<u8>().ok()?);
                    }
                    escaped => label.push(escaped),
                },
                plain => label.push(plain),
            }
        }
        if !label.is_empty() {
            push_label(&mut name, &label)?;
        }
        if name.is_empty() {
            return None;
        }
    }
    name.push(0);
    fold(&mut name);
    (name.len() <= MAX_NAME).then_some(name)
}

/// Appends one label; `None` if it is empty or too long.
fn push_label(name: &mut Vec<u8>, label: &[u8]) -> Option<()> {
    let length = u8::try_from(label.len()).ok().filter(|length| (1..=MAX_LABEL).contains(length))?;
    name.push(length);
    name.extend_from_slice(label);
    Some(())
}

/// A name in presentation form with its last dot; bytes that would confuse a reader or a log are escaped (RFC 1035 section 5.1).
pub fn display(name: &[u8]) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        if name.first().is_none_or(|label| *label == 0) {
            return f.write_str(".");
        }
        for at in suffixes(name) {
            let length = usize::from(name[at]);
            for byte in name.get(at + 1..at + 1 + length).unwrap_or_default() {
                match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(f, "\\{}", char::from(*byte))?,
                    b'!'..=b'~' => write!(f, "{}", char::from(*byte))?,
                    other => write!(f, "\\{other:03}")?,
                }
            }
            if length != 0 {
                f.write_str(".")?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn presentation_form_goes_both_ways() {
        for text in [".", "example.com.", "a.b-c._tcp.example.", r"odd\.label.example.", r"caf\195\169.example."] {
            assert_eq!(display(&parse(text).unwrap()).to_string(), text);
        }
        assert_eq!(parse("WWW.Example.COM").unwrap(), b"\x03www\x07example\x03com\0");
    }

    #[test]
    fn names_that_no_message_could_carry_are_refused() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = "abcdefg.".repeat(32);
        for text in ["", "..", ".example", "a..b", r"bad\25", r"bad\256x", &long_label, &long_name] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse(&format!("{}.example", "a".repeat(63))).is_some());
    }

    #[test]
    fn pointers_are_followed_backwards_only() {
        let message = b"\x03www\x07example\0\x02ns\xC0\x04\xC0\x11";
        let (name, end) = expand(message, 13).unwrap();
        assert_eq!((display(name.as_bytes()).to_string().as_str(), end), ("ns.example.", 18));
        assert!(expand(message, 18).is_none(), "points into the middle of a label and from there forward");
        assert!(expand(b"\xC0\x00", 0).is_none(), "points at itself");
        assert!(expand(b"\x01a\xC0\x00", 0).is_none(), "a loop");
    }

    #[test]
    fn suffix_relation_needs_label_borders() {
        let name = parse("www.example.com").unwrap();
        for (suffix, below) in
            [(".", true), ("com", true), ("Example.com", true), ("ample.com", false), ("a.www.example.com", false)]
        {
            assert_eq!(is_below(&name, &parse(suffix).unwrap()), below, "{suffix}");
        }
    }

    proptest! {
        #[test]
        fn strange_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..310) {
            let _ = plain_length(&bytes, at);
            let _ = skip(&bytes, at);
            let _ = display(&bytes).to_string();
            if let Some((name, end)) = expand(&bytes, at) {
                prop_assert_eq!(plain_length(name.as_bytes(), 0), Some(name.as_bytes().len()));
                prop_assert_eq!(skip(&bytes, at), Some(end));
                prop_assert!(parse(&display(name.as_bytes()).to_string()).unwrap().eq_ignore_ascii_case(name.as_bytes()));
            }
        }
    }
}
