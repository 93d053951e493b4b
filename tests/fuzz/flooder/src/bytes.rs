//! Queries, what becomes of them, and a reader for what comes back.

/// Numbers that follow from a seed (splitmix64).
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or(0) % limit.max(1)
    }

    /// Two random bytes.
    pub fn word(&mut self) -> u16 {
        u16::try_from(self.next() >> 48).expect("16 bits are left")
    }

    /// One random byte.
    pub fn byte(&mut self) -> u8 {
        self.word().to_be_bytes()[0]
    }
}

/// A proper query.
pub fn query(id: u16, name: &[u8], rtype: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(name);
    message.extend(rtype.to_be_bytes());
    message.extend([0, 1]);
    message
}

/// A query for one of a good many names, proper or spoilt in some way.
pub fn mutated(random: &mut Random) -> Vec<u8> {
    /// Types asked for: common, rare, and meta.
    const TYPES: [u16; 14] = [1, 28, 1, 28, 5, 6, 12, 15, 16, 33, 65, 255, 252, 41];
    if random.below(16) == 0 {
        return (0..random.below(600)).map(|_| random.byte()).collect();
    }
    let mut name = Vec::new();
    for label in [format!("h{}", random.below(2_000)), format!("zone{}", random.below(10))] {
        name.push(u8::try_from(label.len()).expect("labels are short"));
        name.extend(label.bytes());
    }
    name.extend(b"\x07example\0");
    let mut message = query(random.word(), &name, TYPES[random.below(TYPES.len())]);
    if random.below(2) == 0 {
        message[11] = 1;
        let length = random.below(24);
        message.extend([0, 0, 41, 4, 208, 0, 0, random.byte() & 0x80, 0, 0, u8::try_from(length).unwrap_or(0)]);
        message.extend((0..length).map(|_| random.byte()));
    }
    spoil(random, &mut message);
    message
}

/// Changes a message in one of several ways, or not at all.
pub fn spoil(random: &mut Random, message: &mut Vec<u8>) {
    let length = message.len();
    match random.below(8) {
        0 | 1 => {}
        2 => {
            for _ in 0..=random.below(8) {
                let at = random.below(length);
                message[at] ^= 1 << random.below(8);
            }
        }
        3 => message.truncate(random.below(length)),
        4 => {
            let more = if random.below(64) == 0 { 5_000 } else { 64 };
            let more = random.below(more);
            message.extend((0..more).map(|_| random.byte()));
        }
        5 => {
            let (from, to) = (random.below(length), random.below(length));
            let piece = message[from.min(to)..from.max(to)].to_vec();
            let at = random.below(length);
            message.splice(at..at, piece);
        }
        6 => {
            // Pointers, long labels, large counts.
            const WORDS: [[u8; 2]; 6] = [[0xC0, 0x0C], [0xFF, 0xFF], [0xC0, 0x00], [0x3F, 0x3F], [0, 0], [0x40, 0x80]];
            let at = random.below(length.saturating_sub(1));
            message[at..at + 2].copy_from_slice(&WORDS[random.below(WORDS.len())]);
        }
        _ => {
            let at = 2 + random.below(10);
            message[at] = random.byte();
        }
    }
}

/// Panics unless the bytes are one whole response: a header with QR, and names and records that end where the message ends.
pub fn well_formed(message: &[u8]) {
    assert!(walk(message).is_some(), "not well-formed: {message:02x?}");
    assert!(message[2] & 0x80 != 0, "not a response: {message:02x?}");
}

/// Walks to the end of a message.
fn walk(message: &[u8]) -> Option<()> {
    let word = |at: usize| Some(usize::from(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?])));
    let mut at = 12;
    for _ in 0..word(4)? {
        at = behind_name(message, at)? + 4;
    }
    for _ in 0..word(6)? + word(8)? + word(10)? {
        let fixed = behind_name(message, at)?;
        at = fixed + 10 + word(fixed + 8)?;
    }
    (at == message.len()).then_some(())
}

/// The offset behind a name that leads backwards only and is not too long.
fn behind_name(message: &[u8], at: usize) -> Option<usize> {
    let (mut position, mut run, mut behind, mut length) = (at, at, None, 1);
    loop {
        match *message.get(position)? {
            0 => return behind.or(Some(position + 1)),
            label @ 1..64 => {
                length += usize::from(label) + 1;
                position += usize::from(label) + 1;
            }
            high @ 192.. => {
                behind = behind.or(Some(position + 2));
                let target = usize::from(high & 63) << 8 | usize::from(*message.get(position + 1)?);
                if target >= run {
                    return None;
                }
                (position, run) = (target, target);
            }
            _ => return None,
        }
        if length > 255 {
            return None;
        }
    }
}
