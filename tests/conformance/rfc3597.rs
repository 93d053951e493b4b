//! RFC 3597, Handling of unknown DNS resource record types.
//!
//! - Section 3: "To enable new RR types to be deployed without server changes, name servers and resolvers MUST handle RRs of unknown
//!   type transparently."
//! - Section 3: RDATA of unknown types is "unstructured binary data"; nothing in it is a name that could be decompressed.

use hickory_proto::rr::RecordType;

use super::behind;
use super::common::ask::Ask;
use super::common::wire::kind;

/// RDATA with every trap: it looks like compression pointers, lengths and text.
fn traps() -> Vec<u8> {
    [&[0xc0, 0x0c, 0xff, 0xff, 0, 63][..], &(0..=255).collect::<Vec<u8>>()].concat()
}

/// N30: what is not known passes byte for byte.
#[test]
fn records_of_unknown_types_pass_byte_for_byte_fresh_and_kept() {
    let (upstream, daemon) = behind(|query| query.answer().answer(query.kind(), 300, &traps()));
    for kind in [65_280, 65_281, 65_400, 65_534] {
        for _ in 0..2 {
            let answer = daemon.ask(&Ask::new("odd.example.org", kind).edns(1232));
            assert_eq!((answer.answers[0].kind, &answer.answers[0].data), (kind, &traps()), "TYPE{kind}");
        }
    }
    assert_eq!(upstream.queries(), 4);
}

/// N30: every number below 1,024 and every 61st above it, as far as it can be the type of a record and says nothing of its RDATA.
#[test]
fn records_of_all_numbers_pass_byte_for_byte() {
    /// Types whose RDATA holds names or has one length, of those that hickory-proto knows nothing of.
    const FORMS: [u16; 14] = [3, 4, 7, 8, 9, 14, 17, 18, 21, 24, 26, 30, 36, 39];
    let unknown = |number: &u16| matches!(RecordType::from(*number), RecordType::Unknown(_));
    let data = |number: u16| [&number.to_be_bytes()[..], &[0xc0, 0x0c, 0, 63]].concat();
    let (upstream, daemon) = behind(move |query| query.answer().answer(query.kind(), 300, &data(query.kind())));
    let numbers = (1..1_024).chain((1_024..=65_534).step_by(61)).filter(unknown);
    let numbers: Vec<u16> = numbers.filter(|number| !(128..=255).contains(number) && !FORMS.contains(number)).collect();
    let mut client = daemon.tcp();
    for number in &numbers {
        for _ in 0..2 {
            let answer = client.ask(&Ask::new("odd.example.org", *number));
            assert_eq!((answer.answers[0].kind, &answer.answers[0].data), (*number, &data(*number)), "TYPE{number}");
        }
    }
    assert!(numbers.len() > 1_500 && upstream.queries() == numbers.len());
}

#[test]
fn records_of_unknown_types_may_be_empty() {
    let (_upstream, daemon) = behind(|query| query.answer().answer(query.kind(), 300, &[]));
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::new("odd.example.org", 65_280));
        assert_eq!((answer.answers.len(), answer.answers[0].data.len()), (1, 0));
    }
}

#[test]
fn an_unknown_record_beside_a_known_one_loses_neither() {
    let (_upstream, daemon) = behind(|query| {
        query.answer().addresses(300, &[[192, 0, 2, 1]]).record(2, "odd.example.org", 65_280, 300, &traps())
    });
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::a("www.example.org").edns(1232));
        assert_eq!(answer.addresses().len(), 1);
    }
}

#[test]
fn types_that_came_after_rfc_1035_keep_their_rdata() {
    // HTTPS (RFC 9460): priority 1, the owner itself as target, alpn=h2.
    let service = b"\x00\x01\x00\x00\x01\x00\x03\x02h2";
    // CAA (RFC 8659).
    let authority = b"\x00\x05issueexample.net";
    let (_upstream, daemon) = behind(move |query| {
        let data: &[u8] = if query.kind() == 65 { service } else { authority };
        query.answer().answer(query.kind(), 300, data)
    });
    for _ in 0..2 {
        assert_eq!(daemon.ask(&Ask::new("www.example.org", 65)).answers[0].data, service);
        assert_eq!(daemon.ask(&Ask::new("www.example.org", 257)).answers[0].data, authority);
    }
}

#[test]
fn a_query_for_a_meta_type_number_does_not_disturb_the_others() {
    let (_upstream, daemon) = behind(|query| query.answer().answer(kind::A, 300, &[192, 0, 2, 1]));
    for kind in [0, kind::OPT, 249, 250, 253, 254, 65_535] {
        daemon.ask(&Ask::new("meta.example.org", kind));
    }
    assert_eq!(daemon.ask(&Ask::a("www.example.org")).addresses().len(), 1);
}
