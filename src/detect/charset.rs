//! What the labels of a name are made of: words, numbers, or data in an encoding; and how much it says.
//!
//! Each label is taken apart at its hyphens. A piece is words if its letters follow each other as those of words do ([`super::bigrams`]), a number,
//! or encoded: hexadecimal, base32 and its like, binary. Entropy is not looked at: of a label of 30 letters it cannot tell base32 from
//! words, nor hexadecimal from numbers. Names are folded, so base64 looks like an alphabet of 36.
//!
//! The information is that of the encoding, not what is measured: 4 bits for a hexadecimal digit. Of words it is one bit a letter, so that data
//! written in words is not free.

use super::bigrams::SURPRISE;

/// Shortest piece that can be data. A guess: words glued to numbers, such as `x8k2p`, are as long.
const SHORTEST: usize = 8;

/// Pieces too short to be data, from which on together they are: nothing that hosts are called by has so many.
const MOST_PIECES: usize = 6;

/// What data is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Digits and a to f.
    #[default]
    Hex,
    /// Letters and digits: base32, base36, base58, base64 in lower case.
    Base32,
    /// Bytes that no host name has.
    Binary,
}

impl Charset {
    /// How many there are.
    pub(super) const COUNT: usize = 3;

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hexadecimal",
            Self::Base32 => "base32-like",
            Self::Binary => "binary",
        }
    }
}

/// What the part of a name below its domain looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Characters, dots not counted.
    pub length: u8,
    /// Characters that are data in an encoding.
    pub encoded: u8,
    /// In which one most of them are.
    pub charset: Charset,
    /// How much the whole says, in bits.
    pub bits: u16,
    /// Whether a label begins with an underscore: the name of a service (RFC 8552).
    pub is_service: bool,
    /// Whether it is an address written backwards, as block lists are asked.
    pub is_address: bool,
    /// Whether all data in it is one identifier as they are given to tenants (UUID) and contents (CID of IPFS).
    pub is_identifier: bool,
}

/// What is added up over the pieces of a name.
#[derive(Default)]
struct Sum {
    /// Bits.
    bits: f32,
    /// Encoded characters by encoding.
    encoded: [usize; Charset::COUNT],
    /// Pieces that are neither words nor numbers and too short to be data, and their characters.
    scraps: (usize, usize),
    /// Labels that are one hexadecimal digit, and those that are a number of one byte.
    digits: (usize, usize),
}

impl Shape {
    /// Looks at labels in wire format, folded, without the domain and the root.
    #[must_use]
    pub fn of(labels: &[u8]) -> Self {
        let mut shape = Self::default();
        let mut sum = Sum::default();
        let mut length = 0;
        let mut rest = labels;
        while let Some((&size, behind)) = rest.split_first() {
            let Some((label, next)) = behind.split_at_checked(usize::from(size)).filter(|_| size > 0) else { break };
            rest = next;
            length += label.len();
            if label[0] == b'_' && label.len() <= 24 {
                shape.is_service = true;
            } else {
                sum.label(label);
                shape.is_identifier |= is_uuid(label) || is_content(label);
            }
        }
        // Sixteen are half of an IPv6 address, four an IPv4 one.
        shape.is_address = sum.digits.0 >= 16 || sum.digits.1 >= 4 && sum.encoded == [0; Charset::COUNT];
        let (scraps, characters) = sum.scraps;
        if scraps >= MOST_PIECES && characters >= 2 * SHORTEST && !shape.is_address {
            sum.encoded[Charset::Base32 as usize] += characters;
            sum.bits += 2.0 * characters as f32;
        }
        let most = (0..Charset::COUNT).max_by_key(|at| sum.encoded[*at]).unwrap_or(0);
        shape.charset = [Charset::Hex, Charset::Base32, Charset::Binary][most];
        shape.length = u8::try_from(length).unwrap_or(u8::MAX);
        shape.encoded = u8::try_from(sum.encoded.iter().sum::<usize>()).unwrap_or(u8::MAX);
        shape.is_identifier &= shape.encoded <= 64;
        shape.bits = if shape.is_address { 8 } else { bounded(sum.bits) };
        shape
    }

    /// Whether enough of it is data: half of it, or so much that words beside it are there to hide it.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        let (encoded, length) = (usize::from(self.encoded), usize::from(self.length));
        encoded >= SHORTEST && (2 * encoded >= length || encoded >= 3 * SHORTEST) && !self.is_address
    }
}

impl Sum {
    /// Adds a label.
    fn label(&mut self, label: &[u8]) {
        let strange = label.iter().filter(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')).count();
        if strange > 0 {
            return self.strange(label, strange);
        }
        if let [digit] = label
            && digit.is_ascii_hexdigit()
        {
            self.digits.0 += 1;
        }
        if label.len() <= 3 && label.iter().all(u8::is_ascii_digit) {
            self.digits.1 += 1;
        }
        if is_uuid(label) {
            self.bits += 122.0;
            self.encoded[Charset::Hex as usize] += 32;
            return;
        }
        let before: usize = self.encoded.iter().sum();
        for piece in label.split(|byte| matches!(byte, b'-' | b'_')).filter(|piece| !piece.is_empty()) {
            self.piece(piece);
        }
        // The rest of a long label that is mostly data is data, too: hyphens are letters of base64.
        let encoded = self.encoded.iter().sum::<usize>() - before;
        if label.len() >= 24 && encoded < label.len() && encoded * 5 >= label.len() * 3 {
            self.encoded[Charset::Base32 as usize] += label.len() - encoded;
            self.bits += 3.0 * (label.len() - encoded) as f32;
        }
    }

    /// Adds a label with so many bytes that host names do not have.
    fn strange(&mut self, label: &[u8], strange: usize) {
        let is_text =
            std::str::from_utf8(label).is_ok_and(|text| text.chars().all(|c| c.is_alphanumeric() || c == '-'));
        if is_text {
            // Names in letters of other scripts that nobody wrote in ASCII.
            self.bits += 2.0 * label.len() as f32;
        } else if label.iter().all(u8::is_ascii_graphic) && strange * 8 <= label.len() {
            self.encoded[Charset::Base32 as usize] += label.len();
            self.bits += 5.2 * label.len() as f32;
        } else {
            self.encoded[Charset::Binary as usize] += label.len();
            self.bits += 7.0 * label.len() as f32;
        }
    }

    /// Adds what stands between hyphens.
    fn piece(&mut self, piece: &[u8]) {
        let length = piece.len();
        let size = length as f32;
        let digits = piece.iter().filter(|byte| byte.is_ascii_digit()).count();
        let (surprise, pairs) = surprise(piece);
        if digits == length {
            self.bits += 3.3 * size;
            if length >= 2 * SHORTEST {
                self.encoded[Charset::Hex as usize] += length;
            }
            return;
        }
        if length < SHORTEST {
            // Words of four letters are abbreviations as often as not.
            let is_word = digits == 0 && (length < 5 || is_wordlike(surprise, pairs));
            self.bits += if is_word { size } else { 2.5 * size };
            if !is_word && digits > 0 {
                self.scraps.0 += 1;
                self.scraps.1 += length;
            }
            return;
        }
        if digits >= 2 && piece.iter().all(u8::is_ascii_hexdigit) {
            self.bits += 4.0 * size;
            self.encoded[Charset::Hex as usize] += length;
            return;
        }
        let changes = piece.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
        let letters = length - digits;
        // "server12345", "2024report", "mysql57prod": numbers in front of, behind or between words.
        if changes <= 2 && (pairs == 0 || is_wordlike(surprise, pairs)) && letters >= digits.min(3) {
            self.bits += letters as f32 + 3.3 * digits as f32;
            return;
        }
        self.bits += if digits == 0 { 4.7 } else { 5.0 } * size;
        self.encoded[Charset::Base32 as usize] += length;
    }
}

/// How much the letters behind letters surprise, in eighths of a bit, and how many there are.
fn surprise(piece: &[u8]) -> (usize, usize) {
    piece.windows(2).fold((0, 0), |(sum, pairs), pair| {
        let at = |byte: u8| usize::from(byte.wrapping_sub(b'a'));
        match SURPRISE.get(at(pair[0])).and_then(|row| row.get(at(pair[1]))) {
            Some(bits) => (sum + usize::from(*bits), pairs + 1),
            None => (sum, pairs),
        }
    })
}

/// Whether letters with such surprises are of words: 99 of 100 words of eight letters are below, 85 of 100 random ones are above; from sixteen on, both
/// are 99 of 100.
fn is_wordlike(surprise: usize, pairs: usize) -> bool {
    // 4.7 bits, and for short ones more.
    surprise <= pairs * 376 / 10 + 24
}

/// Whether a label is an UUID with its hyphens.
fn is_uuid(label: &[u8]) -> bool {
    let is_right = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    label.len() == 36 && label.iter().enumerate().all(is_right)
}

/// Whether a label is an identifier of contents in base32 or base36 (CIDv1): by its multibase letter, version and codec.
fn is_content(label: &[u8]) -> bool {
    let begins = [&b"bafy"[..], b"bafk", b"bafz", b"k51qzi", b"k2jmtx"].iter().any(|start| label.starts_with(start));
    begins && (59..=63).contains(&label.len())
}

/// Bits as they are kept.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a name has fewer than 2,040 bits, and none is negative"
)]
fn bounded(bits: f32) -> u16 {
    bits.min(2_040.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name;

    /// The shape of labels.
    fn shape(text: &str) -> Shape {
        let wire = name::parse(text).unwrap();
        Shape::of(&wire[..wire.len() - 1])
    }

    #[test]
    fn hosts_are_called_by_words_and_numbers() {
        let hosts = [
            "www",
            "prometheus-kube-state-metrics",
            "kafka-broker-0.kafka-headless",
            "ec2-52-14-113-7.eu-central-1",
            "ip-10-0-12-34",
            "registry-mirror01",
            "mysql57-production",
            "2024-annual-report",
            "my-app-7d9c6b5f4-x8k2p",
            "_ldap._tcp.dc._msdcs",
            "selector1._domainkey",
            "autodiscover-s",
            "feature-1234-add-oauth-login.review",
            "o447951.ingest",
            "fonts.gstatic",
            "xn--bcher-kva",
            "eu-west-1.console",
        ];
        for host in hosts {
            assert!(!shape(host).is_encoded(), "{host}: {:?}", shape(host));
            assert!(shape(host).bits < 170, "{host}: {:?}", shape(host));
        }
    }

    #[test]
    fn data_is_told_by_its_encoding() {
        let samples = [
            ("d1a7b2c9e4f60815", Charset::Hex, 64),
            ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", Charset::Hex, 122),
            ("0eyr4cq1tz3b5hxw2nkd5mu4jp0gs3vf", Charset::Base32, 160),
            ("zqxjkvbwpfgmhzyqxkjvwqpzb", Charset::Base32, 117),
            ("a1f.b2e.c3d.d4c.e5b.f6a.0a1", Charset::Base32, 90),
            (r"\200\201\202\203\204\205\206\207\208\209", Charset::Binary, 70),
            ("aGVsbG8gd29ybGQgdGhpcy-pcyBiYXNlNjQgdGV4dA_aaa", Charset::Base32, 200),
        ];
        for (text, charset, bits) in samples {
            let shape = shape(text);
            assert!(shape.is_encoded() && shape.charset == charset, "{text}: {shape:?}");
            assert!(shape.bits.abs_diff(bits) <= bits / 4, "{text}: {shape:?}");
        }
    }

    #[test]
    fn addresses_backwards_and_identifiers_are_known() {
        let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";
        for address in ["4.113.0.203.zen", "2.0.0.127", v6] {
            assert!(shape(address).is_address && !shape(address).is_encoded(), "{address}: {:?}", shape(address));
        }
        assert!(shape("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi").is_identifier);
        assert!(!shape("bafyshort").is_identifier);
    }

    #[test]
    fn strange_bytes_never_panic() {
        for bytes in [&b""[..], b"\x00", b"\x05ab", b"\x3f", b"\x01_", b"\xff\xff\xff", b"\x03-_-"] {
            let _ = Shape::of(bytes);
        }
    }
}
