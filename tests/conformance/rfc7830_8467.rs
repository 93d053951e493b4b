//! RFC 7830, The EDNS(0) padding option; RFC 8467, Padding policies for EDNS(0).
//!
//! - RFC 8467 section 4.1: "Clients SHOULD pad queries to the closest multiple of 128 octets."
//! - RFC 7830 section 3: padding octets should be 0x00.
//! - RFC 7830 section 6: padding hides nothing on a connection that is not encrypted.

use super::behind;
use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::Setup;
use super::common::upstream::{Upstream, one_address};
use super::common::wire::option::PADDING;

/// Names whose queries are shorter and longer than a block, and at its border.
fn names() -> Vec<String> {
    (1..=60).step_by(3).map(|length| format!("{}.{}.example.org", "a".repeat(length), "b".repeat(length))).collect()
}

#[test]
fn every_query_over_tls_is_a_multiple_of_128_bytes() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let daemon = Setup::forward(&upstream).start();
    for name in names() {
        daemon.ask(&Ask::a(&name));
    }
    for query in upstream.seen() {
        let length = query.message.bytes.len();
        assert_eq!(length % 128, 0, "{} is {length} bytes", query.name());
        assert!(query.message.option(PADDING).is_none_or(|zeros| zeros.iter().all(|octet| *octet == 0)));
    }
}

#[test]
fn padding_of_zero_pads_nothing() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let extra = format!("{}\npadding = 0", upstream.extra());
    let daemon = Setup::new().upstream("all", &[upstream.url()], &extra).zone(".", "all", "").start();
    daemon.ask(&Ask::a("www.example.org"));
    assert_eq!(upstream.seen()[0].message.option(PADDING), None);
}

#[test]
fn queries_in_plain_text_are_not_padded() {
    for upstream in [Upstream::tcp().serve(one_address), Upstream::udp().serve(one_address)] {
        let daemon = Setup::forward(&upstream).start();
        daemon.ask(&Ask::a("www.example.org"));
        assert_eq!(upstream.seen()[0].message.option(PADDING), None);
    }
}

#[test]
fn padding_of_an_upstream_does_not_reach_clients() {
    let (_upstream, daemon) = behind(|query| one_address(query).option(PADDING, &[0; 300]));
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::a("www.example.org").edns(1232));
        assert_eq!(answer.option(PADDING), None);
    }
}

#[test]
fn padding_of_a_client_in_plain_text_is_not_answered_with_padding() {
    let (_upstream, daemon) = behind(one_address);
    let ask = Ask::a("www.example.org").option(PADDING, &[0; 64]);
    assert_eq!(daemon.ask(&ask).option(PADDING), None);
    assert_eq!(daemon.tcp().ask(&ask).option(PADDING), None);
}
