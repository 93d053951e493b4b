//! RFC 6891, Extension mechanisms for DNS (EDNS(0)).
//!
//! - Section 6.1.1: "If an OPT record is present in a received request, compliant responders MUST include an OPT record in their
//!   respective responses." "If a query message with more than one OPT RR is received, a FORMERR (RCODE=1) MUST be returned."
//! - Section 6.1.2: "Any OPTION-CODE values not understood by a responder or requestor MUST be ignored."
//! - Section 6.1.3: "If a responder does not implement the VERSION level of the request, then it MUST respond with RCODE=BADVERS."
//! - Section 6.1.4: flags that are not assigned are "Set to zero by senders and ignored by receivers".
//! - Section 6.2.3: "Values lower than 512 MUST be treated as equal to 512."
//! - Section 7: without OPT in a request "the responder MUST NOT include an OPT record in its response".

use super::behind;
use super::common::ask::Ask;
use super::common::compose::text_data;
use super::common::upstream::{Query, one_address};
use super::common::wire::{Message, kind, option, rcode};

/// An answer of `count` TXT records, 113 bytes each.
fn texts(query: &Query, count: usize) -> super::common::compose::Compose {
    (0..count).fold(query.answer(), |answer, _| answer.answer(kind::TXT, 300, &text_data(100)))
}

#[test]
fn a_query_with_edns_is_answered_with_edns_and_one_without_is_not() {
    // Ask::check compares the two; here both kinds meet one kept answer.
    let (upstream, daemon) = behind(one_address);
    assert!(daemon.ask(&Ask::a("www.example.org").edns(1232)).edns.is_some());
    assert!(daemon.ask(&Ask::a("www.example.org")).edns.is_none());
    assert!(daemon.ask(&Ask::a("www.example.org").edns(4096)).edns.is_some());
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn an_answer_with_edns_names_our_own_size() {
    let (_upstream, daemon) = behind(one_address);
    for size in [512, 1232, 4096, 65_535] {
        let edns = daemon.ask(&Ask::a("www.example.org").edns(size)).edns.unwrap();
        assert_eq!(edns.size, 1232, "client size {size}");
    }
}

#[test]
fn dnssec_ok_comes_back_as_it_was_sent() {
    let (_upstream, daemon) = behind(one_address);
    for _ in 0..2 {
        assert!(daemon.ask(&Ask::a("www.example.org").dnssec_ok()).edns.unwrap().dnssec_ok);
        assert!(!daemon.ask(&Ask::a("www.example.org").edns(1232)).edns.unwrap().dnssec_ok);
    }
}

#[test]
fn other_versions_get_badvers_and_version_0() {
    let (upstream, daemon) = behind(one_address);
    for version in [1, 2, 255] {
        let answer = daemon.ask(&Ask::a("www.example.org").version(version));
        assert_eq!(answer.rcode(), rcode::BADVERS, "version {version}");
        assert!(answer.answers.is_empty());
        let answer = daemon.tcp().ask(&Ask::a("www.example.org").version(version));
        assert_eq!(answer.rcode(), rcode::BADVERS, "version {version} over TCP");
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn unknown_options_are_ignored_and_not_echoed() {
    let (upstream, daemon) = behind(one_address);
    let plain = daemon.ask(&Ask::a("www.example.org").edns(1232));
    let odd = daemon.ask(&Ask::a("www.example.org").option(65_001, b"surprise").option(65_002, b""));
    assert_eq!(plain.addresses(), odd.addresses());
    assert_eq!((odd.option(65_001), odd.option(65_002)), (None, None));
    assert_eq!(upstream.queries(), 1);
}

#[test]
fn options_of_clients_are_not_passed_on() {
    let (upstream, daemon) = behind(one_address);
    let ask = Ask::a("www.example.org")
        .option(option::CLIENT_SUBNET, &[0, 1, 24, 0, 192, 0, 2])
        .option(option::COOKIE, b"12345678")
        .option(option::NSID, b"")
        .option(65_001, b"x");
    assert_eq!(daemon.ask(&ask).rcode(), rcode::NOERROR);
    let sent = &upstream.seen()[0].message;
    for code in [option::CLIENT_SUBNET, option::COOKIE, option::NSID, 65_001] {
        assert_eq!(sent.option(code), None, "option {code} reached the upstream");
    }
}

#[test]
fn options_of_upstreams_are_not_passed_on() {
    let (_upstream, daemon) = behind(|query| one_address(query).option(65_001, b"x").option(option::COOKIE, &[7; 16]));
    for _ in 0..2 {
        let answer = daemon.ask(&Ask::a("www.example.org").edns(1232));
        assert_eq!((answer.option(65_001), answer.option(option::COOKIE)), (None, None));
    }
}

#[test]
fn reserved_flags_are_ignored() {
    let (_upstream, daemon) = behind(one_address);
    assert_eq!(daemon.ask(&Ask::a("www.example.org").reserved_edns_flags()).rcode(), rcode::NOERROR);
}

#[test]
fn two_opt_records_are_a_format_error() {
    let (upstream, daemon) = behind(one_address);
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    let mut query = Ask::a("www.example.org").bytes();
    query.extend([opt, opt].concat());
    query[11] = 2;
    let socket = daemon.udp();
    socket.send_bytes(&query);
    assert_eq!(Message::read(&socket.receive_bytes()).unwrap().rcode(), rcode::FORMERR);
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn an_opt_record_that_is_cut_off_is_a_format_error() {
    let (upstream, daemon) = behind(one_address);
    let whole = Ask::a("www.example.org").option(65_001, b"data").bytes();
    let socket = daemon.udp();
    let question_end = Ask::a("www.example.org").bytes().len();
    for length in question_end..whole.len() {
        socket.send_bytes(&whole[..length]);
        let reply = Message::read(&socket.receive_bytes()).unwrap();
        assert_eq!(reply.rcode(), rcode::FORMERR, "{length} of {} bytes", whole.len());
    }
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn an_option_longer_than_its_record_is_a_format_error() {
    let (upstream, daemon) = behind(one_address);
    let mut query = Ask::a("www.example.org").option(65_001, b"data").bytes();
    let length = query.len();
    query[length - 5] = 200;
    let socket = daemon.udp();
    socket.send_bytes(&query);
    assert_eq!(Message::read(&socket.receive_bytes()).unwrap().rcode(), rcode::FORMERR);
    assert_eq!(upstream.queries(), 0);
}

#[test]
fn sizes_below_512_mean_512() {
    let (_upstream, daemon) = behind(|query| texts(query, 3));
    for size in [0, 1, 100, 511, 512] {
        let answer = daemon.ask(&Ask::new("text.example.org", kind::TXT).edns(size));
        assert_eq!((answer.truncated(), answer.answers.len()), (false, 3), "size {size}");
    }
}

#[test]
fn the_client_size_bounds_the_answer_up_to_1232() {
    let (_upstream, daemon) = behind(|query| texts(query, 12));
    // 12 header, 22 question, 11 OPT, 113 a record.
    for (size, fit) in [(512, 4), (700, 5), (1000, 8), (1232, 10), (4096, 10), (65_535, 10)] {
        for _ in 0..2 {
            let answer = daemon.ask(&Ask::new("text.example.org", kind::TXT).edns(size));
            assert_eq!((answer.truncated(), answer.answers.len()), (true, fit), "size {size}");
        }
    }
}

#[test]
fn an_answer_of_exactly_the_clients_size_is_whole() {
    let (_upstream, daemon) = behind(|query| texts(query, 4));
    let whole = daemon.ask(&Ask::new("text.example.org", kind::TXT).edns(1232));
    let exact = u16::try_from(whole.bytes.len()).unwrap();
    assert!(exact > 512 || !daemon.ask(&Ask::new("text.example.org", kind::TXT).edns(512)).truncated());
    let (_upstream, daemon) = behind(|query| texts(query, 6));
    let exact = u16::try_from(daemon.ask(&Ask::new("text.example.org", kind::TXT).edns(1232)).bytes.len()).unwrap();
    assert!(!daemon.ask(&Ask::new("text.example.org", kind::TXT).edns(exact)).truncated());
    assert!(daemon.ask(&Ask::new("text.example.org", kind::TXT).edns(exact - 1)).truncated());
}

#[test]
fn a_server_without_edns_still_serves() {
    let (_upstream, daemon) = behind(|query| {
        if query.message.edns.is_some() { query.answer().no_edns().rcode(rcode::FORMERR) } else { one_address(query) }
    });
    assert_eq!(daemon.ask(&Ask::a("www.example.org").edns(1232)).rcode(), rcode::NOERROR);
}

#[test]
fn bytes_behind_the_last_record_do_not_reach_the_upstream() {
    let (upstream, daemon) = behind(one_address);
    let reply = {
        let socket = daemon.udp();
        socket.send(&Ask::a("www.example.org").trailer(b"behind the end"));
        Message::read(&socket.receive_bytes()).unwrap()
    };
    // Ignoring them and refusing them are both right; passing them on is not (the upstream reads strictly).
    assert!([rcode::NOERROR, rcode::FORMERR].contains(&reply.rcode()), "{reply}");
    assert!(upstream.queries() <= 1);
}
