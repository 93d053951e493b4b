//! Names that tell a client where it asks from (`local.whoami`): what CoreDNS's whoami plugin says.

use std::net::IpAddr;

use crate::metrics::Protocol;
use crate::wire::{class, rtype};

/// The records of the additional section, as they follow a question: the client's address, and its port as an SRV record. Nobody may keep them.
#[must_use]
pub fn records(client: IpAddr, port: u16, protocol: Protocol) -> Vec<u8> {
    /// A pointer to the question's name.
    const QUESTION: [u8; 2] = [0xC0, 0x0C];
    let mut records = Vec::with_capacity(64);
    let mut record = |owner: &[u8], rtype: u16, rdata: &[u8]| {
        records.extend_from_slice(owner);
        records.extend_from_slice(&QUESTION);
        records.extend_from_slice(&rtype.to_be_bytes());
        records.extend_from_slice(&class::IN.to_be_bytes());
        records.extend_from_slice(&[0; 4]);
        records.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(0).to_be_bytes());
        records.extend_from_slice(rdata);
    };
    match client.to_canonical() {
        IpAddr::V4(address) => record(&[], rtype::A, &address.octets()),
        IpAddr::V6(address) => record(&[], rtype::AAAA, &address.octets()),
    }
    let label: &[u8] = match protocol {
        Protocol::Udp => b"\x04_udp",
        Protocol::Tcp => b"\x04_tcp",
    };
    let [high, low] = port.to_be_bytes();
    // Priority, weight, port, and the root as the target.
    record(label, rtype::SRV, &[0, 0, 0, 0, high, low, 0]);
    records
}
