//! RFC 7858, Specification for DNS over Transport Layer Security (TLS); RFC 8310, Usage profiles for DNS over TLS and DTLS.
//!
//! - RFC 7858 section 3.1: on the port for DNS over TLS nothing is ever sent in clear text.
//! - RFC 7858 section 3.3: queries are pipelined, connections reused; section 3.4: TLS sessions are resumed.
//! - RFC 7858 section 4.2 and appendix A: a server may be known by a set of SPKI pins.
//! - RFC 8310 section 5: the strict profile asks for encryption and authentication, and has no answer where it cannot have both.
//! - RFC 8310 section 8.1: the certificate's subjectAltName carries the authentication name.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::ServerConfig;

use super::common::ask::Ask;
use super::common::certificate::Authority;
use super::common::daemon::{Daemon, Setup, check};
use super::common::upstream::{Close, NAME, Upstream, one_address};
use super::common::wire::{Message, rcode};

/// A daemon with one server of this URL and these further lines.
fn daemon_with(url: String, extra: &str) -> Daemon {
    Setup::new().upstream("all", &[url], extra).zone(".", "all", "").start()
}

/// Asks once and expects a failure that says why and leaves nothing in clear text.
#[track_caller]
fn fails_closed(upstream: &Upstream, daemon: &Daemon) {
    let answer = daemon.ask(&Ask::a("www.example.org").edns(1232));
    assert_eq!(answer.rcode(), rcode::SERVFAIL, "{answer}");
    assert!(!answer.extended_errors().is_empty(), "an extended error says why: {answer}");
    assert_eq!(upstream.queries(), 0, "no query in whatever form");
    assert_eq!(upstream.state().plain_text.load(Ordering::SeqCst), 0, "nothing in clear text on the port");
}

/// Asks once and expects the answer.
#[track_caller]
fn serves(daemon: &Daemon) -> Message {
    let answer = daemon.ask(&Ask::a("www.example.org"));
    assert_eq!(answer.rcode(), rcode::NOERROR, "{answer}");
    answer
}

#[test]
fn a_server_with_the_right_name_serves_and_sees_sni_and_alpn() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    serves(&Setup::forward(&upstream).start());
    let hellos = upstream.state().hellos.lock().unwrap().clone();
    assert_eq!(hellos, [(Some(NAME.to_owned()), Some("dot".to_owned()))]);
}

#[test]
fn a_server_without_alpn_serves() {
    let authority = Authority::new();
    let mut settings = ServerConfig::clone(&authority.certificate(&[NAME]).server());
    settings.alpn_protocols.clear();
    let upstream = Upstream::tls_with(&authority, Arc::new(settings)).serve(one_address);
    serves(&Setup::forward(&upstream).start());
}

/// N17.
#[test]
fn a_certificate_for_another_name_fails_closed() {
    let authority = Authority::new();
    let certificate = authority.certificate(&["other.example"]);
    let upstream = Upstream::tls_as(&authority, &certificate).serve(one_address);
    let daemon = Setup::forward(&upstream).start();
    fails_closed(&upstream, &daemon);
    daemon.wait_for_metric("nodens_upstream_failures_total", &[("reason", "name")], 1.0);
}

/// N17.
#[test]
fn a_certificate_of_an_unknown_authority_fails_closed() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let upstream = Upstream::tls_as(&known, &unknown.certificate(&[NAME])).serve(one_address);
    fails_closed(&upstream, &Setup::forward(&upstream).start());
}

#[test]
fn without_a_ca_file_the_systems_store_decides() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    fails_closed(&upstream, &daemon_with(upstream.url(), ""));
}

#[test]
fn a_certificate_for_the_address_serves_where_the_address_is_the_name() {
    let authority = Authority::new();
    let upstream = Upstream::tls_as(&authority, &authority.certificate(&["127.0.0.1"])).serve(one_address);
    serves(&daemon_with(format!("tls://{}#127.0.0.1", upstream.address), &upstream.extra()));
}

#[test]
fn a_pin_alone_identifies_a_server() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let certificate = stranger.certificate(&["whatever.example"]);
    let upstream = Upstream::tls_as(&authority, &certificate).serve(one_address);
    serves(&daemon_with(format!("tls://{}", upstream.address), &format!("pins = [\"{}\"]", certificate.pin)));
}

#[test]
fn a_backup_pin_beside_the_right_one_does_no_harm() {
    let authority = Authority::new();
    let (backup, certificate) = (authority.certificate(&[NAME]), authority.certificate(&[NAME]));
    let upstream = Upstream::tls_as(&authority, &certificate).serve(one_address);
    let pins = format!("{}\npins = [\"{}\", \"{}\"]", upstream.extra(), backup.pin, certificate.pin);
    serves(&daemon_with(upstream.url(), &pins));
}

/// N17.
#[test]
fn a_wrong_pin_fails_closed_even_where_the_name_is_right() {
    let authority = Authority::new();
    let (other, certificate) = (authority.certificate(&[NAME]), authority.certificate(&[NAME]));
    let upstream = Upstream::tls_as(&authority, &certificate).serve(one_address);
    let pins = format!("{}\npins = [\"{}\"]", upstream.extra(), other.pin);
    fails_closed(&upstream, &daemon_with(upstream.url(), &pins));
}

/// N17.
#[test]
fn a_right_pin_does_not_excuse_a_wrong_name() {
    let authority = Authority::new();
    let certificate = authority.certificate(&["other.example"]);
    let upstream = Upstream::tls_as(&authority, &certificate).serve(one_address);
    let pins = format!("{}\npins = [\"{}\"]", upstream.extra(), certificate.pin);
    fails_closed(&upstream, &daemon_with(upstream.url(), &pins));
}

/// N17.
#[test]
fn a_server_that_speaks_no_tls_fails_closed() {
    let upstream = Upstream::tcp().serve(one_address);
    let authority = Authority::new();
    let daemon = daemon_with(
        format!("tls://{}#{NAME}", upstream.address),
        &format!("ca = {:?}\ntimeout = \"1s\"\ntry-timeout = \"500ms\"", authority.file()),
    );
    let answer = daemon.ask(&Ask::a("www.example.org").edns(1232));
    assert_eq!(answer.rcode(), rcode::SERVFAIL);
    // What reached the server is a handshake, not a query: read as DNS its length prefix is 0x1603.
    assert!(upstream.seen().iter().all(|query| query.name() != "www.example.org"));
}

/// N17.
#[test]
fn a_handshake_that_is_never_answered_fails_closed_in_time() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).mute_handshake().serve(one_address);
    let extra = format!("{}\ntimeout = \"1s\"\ntry-timeout = \"500ms\"", upstream.extra());
    fails_closed(&upstream, &daemon_with(upstream.url(), &extra));
}

#[test]
fn a_server_of_tls_1_2_serves() {
    let authority = Authority::new();
    let certificate = authority.certificate(&[NAME]);
    let settings = certificate.server_of(&[&rustls::version::TLS12]);
    let upstream = Upstream::tls_with(&authority, settings).serve(one_address);
    serves(&Setup::forward(&upstream).start());
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let daemon = Setup::forward(&upstream).start();
    serves(&daemon);
    upstream.end_all(Close::Finish);
    assert_eq!(daemon.ask(&Ask::a("again.example.org")).rcode(), rcode::NOERROR);
    let (handshakes, resumed) = (&upstream.state().handshakes, &upstream.state().resumed);
    assert_eq!((handshakes.load(Ordering::SeqCst), resumed.load(Ordering::SeqCst)), (2, 1));
}

#[test]
fn queries_share_one_connection() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let daemon = Setup::forward(&upstream).start();
    for number in 0..50 {
        daemon.ask(&Ask::a(&format!("name-{number}.example.org")));
    }
    assert_eq!(upstream.connections(), 1);
}

/// N17: who gives up authentication has to say so, and then sees it: in `check`, in the log, in the metrics.
#[test]
fn an_unauthenticated_server_must_be_spelled_out_and_is_shown() {
    let authority = Authority::new();
    let upstream = Upstream::tls(&authority).serve(one_address);
    let setup = |lines: &str| {
        let url = format!("tls://{}", upstream.address);
        Setup::new().upstream("careless", &[url], lines).zone(".", "careless", "")
    };
    let (_, refused) = check(&setup("").text());
    assert_eq!(refused.status.code(), Some(78), "{refused:?}");
    let (_, warned) = check(&setup("insecure = true").text());
    let warning = format!("tls://{} of \"careless\" is not authenticated", upstream.address);
    assert!(warned.status.success() && String::from_utf8_lossy(&warned.stderr).contains(&warning), "{warned:?}");
    let daemon = setup("insecure = true").start();
    serves(&daemon);
    assert!(daemon.log().iter().any(|line| line.contains("level=warn") && line.contains("is not authenticated")));
    let to = format!("tls://{}", upstream.address);
    let labels = [("upstream", "careless"), ("to", to.as_str()), ("transport", "tls"), ("authentication", "none")];
    assert_eq!(daemon.metric("nodens_upstream_info", &labels), 1.0);
}

/// N17.
#[test]
fn metrics_show_what_each_server_must_prove() {
    let authority = Authority::new();
    let certificate = authority.certificate(&[NAME]);
    let upstream = Upstream::tls_as(&authority, &certificate).serve(one_address);
    let shown = |url: String, lines: &str, proof: &str| {
        let daemon = daemon_with(url, lines);
        assert_eq!(daemon.metric("nodens_upstream_info", &[("authentication", proof)]), 1.0, "{proof}");
        assert_eq!(daemon.metric("nodens_upstream_info", &[]), 1.0);
    };
    let pins = format!("pins = [\"{}\"]", certificate.pin);
    shown(upstream.url(), &upstream.extra(), "name");
    shown(upstream.url(), &format!("{}\n{pins}", upstream.extra()), "name+pins");
    shown(format!("tls://{}", upstream.address), &pins, "pins");
}
