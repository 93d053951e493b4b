//! Bytes from the network, made fit for a line that people and machines read.

use std::fmt::{self, Write};

/// Most bytes shown; a name has at most 255 (RFC 1035 section 2.3.4).
const MAX_SHOWN: usize = 255;

/// Shows bytes from the network in presentation form: what is not printable ASCII becomes `\DDD`, a backslash or quote `\X`
/// (RFC 1035 section 5.1). More than 255 bytes end in `...`.
#[must_use]
pub fn escaped<T: AsRef<[u8]> + ?Sized>(bytes: &T) -> Escaped<'_> {
    Escaped(bytes.as_ref())
}

/// See [`escaped`].
#[derive(Clone, Copy)]
pub struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        for &byte in bytes.iter().take(MAX_SHOWN) {
            match byte {
                b'\\' | b'"' => {
                    f.write_char('\\')?;
                    f.write_char(char::from(byte))?;
                }
                0x21..=0x7e => f.write_char(char::from(byte))?,
                _ => write!(f, "\\{byte:03}")?,
            }
        }
        if bytes.len() > MAX_SHOWN { f.write_str("...") } else { Ok(()) }
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_printable_ascii_is_spelled_out() {
        assert_eq!(escaped("www.example.").to_string(), "www.example.");
        assert_eq!(escaped(b"a b\n\"\\\x00\xff\x1b").to_string(), r#"a\032b\010\"\\\000\255\027"#);
        assert_eq!(escaped("\u{202e}").to_string(), r"\226\128\174");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(escaped(&[b'x'; 255]).to_string().len(), 255);
        assert_eq!(escaped(&[b'x'; 70_000]).to_string().len(), 255 + 3);
    }
}
