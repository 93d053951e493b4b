//! Changing the names of a message: of its question, of its records, and of what they lead to.
//!
//! The message is written anew without compression. What is signed is not true under another name: signatures and proofs stay behind (RFC 4034).

use super::header::{HEADER, rtype};
use super::name::{self, MAX_NAME};
use super::record::{self, Form, Record};
use super::{put_u16, u16_at};

/// Where a name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It owns a record.
    Owner,
    /// A record leads to it: CNAME, DNAME, MX, NAPTR, NS, PTR, SRV, or the server of an SOA.
    Value,
}

/// Why a message cannot be written with other names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unnamable {
    /// A record is broken.
    Record,
    /// A name would be no name: too long, or with an empty label.
    Name,
    /// It would be too long.
    Size,
}

/// Writes a message with one question, that of the uncompressed name `before`, with the name `question` in its place and other names where
/// `change` gives some; it gets names as they stand, uncompressed, and says `None` for one that becomes no name.
///
/// # Errors
///
/// [`Unnamable`] says why not.
pub fn rename(
    message: &[u8],
    before: &[u8],
    question: &[u8],
    mut change: impl FnMut(Stand, &[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, Unnamable> {
    let mut written = message.get(..HEADER).ok_or(Unnamable::Record)?.to_vec();
    written.extend_from_slice(question);
    let mut at = HEADER + before.len();
    written.extend_from_slice(message.get(at..at + 4).ok_or(Unnamable::Record)?);
    at += 4;
    for section in [6, 8, 10] {
        let mut kept = 0_u16;
        for _ in 0..u16_at(message, section).unwrap_or(0) {
            let record = record::read(message, at).ok_or(Unnamable::Record)?;
            at = record.end;
            if matches!(record.rtype, rtype::RRSIG | rtype::NSEC | rtype::NSEC3 | rtype::SIG | rtype::NXT) {
                continue;
            }
            write(message, &record, &mut change, &mut written)?;
            kept += 1;
        }
        put_u16(&mut written, section, kept);
    }
    Ok(written)
}

/// Writes one record.
fn write(
    message: &[u8],
    record: &Record,
    change: &mut impl FnMut(Stand, &[u8]) -> Option<Vec<u8>>,
    written: &mut Vec<u8>,
) -> Result<(), Unnamable> {
    let mut changed =
        |stand, name: &[u8]| change(stand, name).filter(|name| name.len() <= MAX_NAME).ok_or(Unnamable::Name);
    let (owner, fixed) = name::expand(message, record.start).ok_or(Unnamable::Record)?;
    written.extend_from_slice(&changed(Stand::Owner, owner.as_bytes())?);
    written.extend_from_slice(message.get(fixed..record.rdata_start - 2).ok_or(Unnamable::Record)?);
    let length_at = written.len();
    written.extend_from_slice(&[0, 0]);
    let (mut names, form) = (Vec::new(), record::form(record.rtype));
    match record::take_apart(message, record, form, &mut names) {
        None if matches!(form, Form::Names { .. } | Form::Naptr) => return Err(Unnamable::Record),
        None => written.extend_from_slice(record.rdata(message)),
        Some(parts) => {
            written.extend_from_slice(&message[parts.lead]);
            let mut from = 0;
            while let Some(length) = name::plain_length(&names, from) {
                let name = &names[from..from + length];
                if from == 0 && leads_on(record.rtype) {
                    written.extend_from_slice(&changed(Stand::Value, name)?);
                } else {
                    written.extend_from_slice(name);
                }
                from += length;
            }
            written.extend_from_slice(&message[parts.tail]);
        }
    }
    let length = u16::try_from(written.len() - length_at - 2).map_err(|_| Unnamable::Size)?;
    put_u16(written, length_at, length);
    Ok(())
}

/// Whether the first name in the data of such a record is one that clients go on to.
fn leads_on(rtype: u16) -> bool {
    matches!(
        rtype,
        rtype::CNAME | rtype::DNAME | rtype::MX | rtype::NAPTR | rtype::NS | rtype::PTR | rtype::SOA | rtype::SRV
    )
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;
    use proptest::prelude::*;

    use super::*;

    /// `a.x SRV`: a record that leads to `b.x`, with a signature behind it, and the address of `b.x`.
    const MESSAGE: &[u8] = b"\0\0\x80\0\0\x01\0\x02\0\0\0\x01\x01a\x01x\0\0\x21\0\x01\
        \xC0\x0C\0\x21\0\x01\0\0\0\x3C\0\x0B\0\0\0\0\0\x35\x01b\x01x\0\
        \xC0\x0C\0\x2E\0\x01\0\0\0\x3C\0\x02\0\0\x01b\x01x\0\0\x01\0\x01\0\0\0\x3C\0\x04\x7F\0\0\x01";

    /// [`MESSAGE`] with `x` made `long.y`.
    fn changed() -> Vec<u8> {
        let (before, question) = (name::parse("a.x").unwrap(), name::parse("a.long.y").unwrap());
        rename(MESSAGE, &before, &question, |_, name| {
            let mut name = name[..name.len() - 3].to_vec();
            name.extend_from_slice(b"\x04long\x01y\0");
            Some(name)
        })
        .unwrap()
    }

    #[test]
    fn owners_and_targets_get_other_names_and_signatures_stay_behind() {
        let message = Message::from_vec(&changed()).unwrap();
        assert_eq!(message.queries[0].name().to_string(), "a.long.y.");
        assert_eq!(message.answers.len(), 1);
        assert!(message.answers[0].to_string().ends_with("SRV 0 0 53 b.long.y."), "{}", message.answers[0]);
        assert_eq!(message.additionals[0].name.to_string(), "b.long.y.");
    }

    #[test]
    fn what_is_no_name_is_an_error() {
        let before = name::parse("a.x").unwrap();
        assert_eq!(rename(MESSAGE, &before, &before, |_, _| None), Err(Unnamable::Name));
        assert_eq!(rename(MESSAGE, &before, &before, |_, _| Some(vec![1; 256])), Err(Unnamable::Name));
        assert_eq!(rename(&MESSAGE[..40], &before, &before, |_, name| Some(name.to_vec())), Err(Unnamable::Record));
    }

    proptest! {
        #[test]
        fn strange_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = rename(&bytes, b"\x01a\x01x\0", b"\0", |_, name| Some(name.to_vec()));
        }
    }
}
