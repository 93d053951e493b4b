//! The messages that routines work on, as bind9 and CoreDNS write them: owners as pointers to the question.

use nodens::wire::rtype;

use super::{Sample, wire};

/// The name of address samples.
const HOST: &str = "www.site17.example";

/// A query with EDNS.
pub(super) fn query(name: &str, qtype: u16) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0x20, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend(wire(name));
    message.extend(qtype.to_be_bytes());
    message.extend([0, 1]);
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    message
}

/// A response to a question with records as they stand there: how many in the answer and in the additional section.
fn sample(name: &str, qtype: u16, records: &[u8], counts: [u8; 2]) -> Sample {
    let mut message = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, counts[0], 0, 0, 0, counts[1] + 1];
    message.extend(wire(name));
    message.extend(qtype.to_be_bytes());
    message.extend([0, 1]);
    message.extend(records);
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    Sample { message, name: wire(name), qtype }
}

/// One record of class IN with a TTL of an hour.
fn record(owner: &[u8], rtype: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("the samples are small");
    [owner, &rtype.to_be_bytes(), &[0, 1, 0, 0, 0x0E, 0x10], &length.to_be_bytes(), data].concat()
}

/// So many addresses of one name.
pub(super) fn addresses(count: u8) -> Sample {
    let records: Vec<u8> = (0..count).flat_map(|last| record(&[0xC0, 12], rtype::A, &[192, 0, 2, last])).collect();
    sample(HOST, rtype::A, &records, [count, 0])
}

/// One address.
pub(super) fn address() -> Sample {
    addresses(1)
}

/// One address of the host of that number.
pub(super) fn host(number: usize) -> Sample {
    let records = record(&[0xC0, 12], rtype::A, &[192, 0, 2, 1]);
    sample(&format!("www.site{number}.example"), rtype::A, &records, [1, 0])
}

/// Two aliases and an address.
pub(super) fn chain() -> Sample {
    let (first, second) = (wire("site17.cdn.example"), wire("edge4.cdn.example"));
    let records = [
        record(&[0xC0, 12], rtype::CNAME, &first),
        record(&first, rtype::CNAME, &second),
        record(&second, rtype::A, &[192, 0, 2, 1]),
    ];
    sample(HOST, rtype::A, &records.concat(), [3, 0])
}

/// Three services and their addresses, as for a headless service of a cluster.
pub(super) fn services() -> Sample {
    let pod = |number: u8| wire(&format!("10-244-1-{number}.db.shop.svc.cluster.local"));
    let service = |number: u8| record(&[0xC0, 12], rtype::SRV, &[&[0, 0, 0, 33, 20, 56][..], &pod(number)].concat());
    let address = |number: u8| record(&pod(number), rtype::A, &[10, 244, 1, number]);
    let records: Vec<u8> = (1..4).flat_map(service).chain((1..4).flat_map(address)).collect();
    sample("_pg._tcp.db.shop.svc.cluster.local", rtype::SRV, &records, [3, 3])
}
