//! Whole messages, as dnstap has them (dnstap.info, dnstap.proto of 2021) in frame streams (fstrm, control.h).
//!
//! Four types of message: what clients ask and get, and what servers are asked and say. The form is protocol buffers, of which a dozen fields are
//! needed; they are written by hand.

use std::net::IpAddr;
use std::time::Duration;

use crate::metrics::Protocol;

use super::record::{Kind, Record};

/// The content type of the frames.
pub(super) const CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";

/// Types of control frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// The reader takes what the writer offers.
    Accept = 1,
    /// Data begins.
    Start = 2,
    /// Data ends.
    Stop = 3,
    /// What would be written.
    Ready = 4,
}

/// A control frame, with the content type where it has one.
pub(super) fn control(kind: Control) -> Vec<u8> {
    let mut body = (kind as u32).to_be_bytes().to_vec();
    if matches!(kind, Control::Accept | Control::Start | Control::Ready) {
        /// The field of a control frame that holds a content type.
        const FIELD: u32 = 1;
        body.extend_from_slice(&FIELD.to_be_bytes());
        body.extend_from_slice(&u32::try_from(CONTENT.len()).unwrap_or(0).to_be_bytes());
        body.extend_from_slice(CONTENT);
    }
    // A data frame of no bytes is the sign that a control frame follows.
    let mut frame = vec![0; 4];
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    frame.extend_from_slice(&body);
    frame
}

/// A message of dnstap.
pub(super) struct Message<'a> {
    /// What was noted.
    pub(super) record: &'a Record<'a>,
    /// What the client is called.
    pub(super) client: IpAddr,
    /// The listen address, with its port.
    pub(super) server: std::net::SocketAddr,
    /// When the query came, since 1970.
    pub(super) time: Duration,
    /// What this node calls itself.
    pub(super) identity: &'a str,
}

/// Numbers of the types of messages.
const CLIENT_QUERY: u64 = 5;
/// An answer to a client.
const CLIENT_RESPONSE: u64 = 6;
/// A server's answer.
const FORWARDER_RESPONSE: u64 = 8;
/// A question to a server.
const FORWARDER_QUERY: u64 = 7;

impl Message<'_> {
    /// Writes it as frames: one, or two for an exchange.
    pub(super) fn push(&self, out: &mut Vec<u8>, room: &mut Vec<u8>) {
        match self.record.kind {
            Kind::Query => self.frame(out, room, CLIENT_QUERY),
            Kind::Answer => self.frame(out, room, CLIENT_RESPONSE),
            Kind::Exchange => {
                self.frame(out, room, FORWARDER_QUERY);
                self.frame(out, room, FORWARDER_RESPONSE);
            }
        }
    }

    /// Writes one frame.
    fn frame(&self, out: &mut Vec<u8>, room: &mut Vec<u8>, kind: u64) {
        room.clear();
        self.message(room, kind);
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        bytes(out, 1, self.identity.as_bytes());
        bytes(out, 2, concat!("nodens ", env!("CARGO_PKG_VERSION")).as_bytes());
        bytes(out, 14, room);
        number(out, 15, 1);
        let length = u32::try_from(out.len() - at - 4).unwrap_or(0).to_be_bytes();
        out[at..at + 4].copy_from_slice(&length);
    }

    /// Writes the message inside.
    fn message(&self, out: &mut Vec<u8>, kind: u64) {
        let Record { message, response, port, protocol, duration, .. } = *self.record;
        let (asked, answered) = (self.time, self.time + duration);
        let is_client = matches!(kind, CLIENT_QUERY | CLIENT_RESPONSE);
        number(out, 1, kind);
        if is_client {
            number(out, 2, if self.client.is_ipv4() { 1 } else { 2 });
            number(out, 3, if protocol == Protocol::Udp { 1 } else { 2 });
            address(out, 4, self.client);
            // A pseudonym may be of another family than the address that was asked; then that is left out.
            if self.client.is_ipv4() == self.server.is_ipv4() {
                address(out, 5, self.server.ip());
            }
            number(out, 6, port.into());
            number(out, 7, self.server.port().into());
        }
        number(out, 8, asked.as_secs());
        fixed(out, 9, asked.subsec_nanos());
        if matches!(kind, CLIENT_QUERY | FORWARDER_QUERY) {
            bytes(out, 10, message);
            return;
        }
        number(out, 12, answered.as_secs());
        fixed(out, 13, answered.subsec_nanos());
        bytes(out, 14, if is_client { message } else { response });
    }
}

//------ Protocol buffers --------------------------------------------------------

/// A number of variable length: seven bits a byte, the lowest first.
fn variable(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7F).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// A field that is a number.
fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    variable(out, field << 3);
    variable(out, value);
}

/// A field that is four bytes.
fn fixed(out: &mut Vec<u8>, field: u64, value: u32) {
    variable(out, field << 3 | 5);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A field that is bytes.
fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    variable(out, field << 3 | 2);
    variable(out, u64::try_from(value.len()).unwrap_or(0));
    out.extend_from_slice(value);
}

/// A field that is an address.
fn address(out: &mut Vec<u8>, field: u64, value: IpAddr) {
    match value {
        IpAddr::V4(address) => bytes(out, field, &address.octets()),
        IpAddr::V6(address) => bytes(out, field, &address.octets()),
    }
}
