//! How answers look, and what is said when there is none.

use std::io::ErrorKind;
use std::path::Path;

use super::table::{bytes, list, table, time};
use super::{ctl, plain, show, unreachable};
use crate::cli::{Arguments, Command};
use crate::control::admin::protocol::{Kept, Latency, Server, Stats};
use crate::error::ExitCode;
use clap::Parser as _;

/// The arguments of `nodens ctl` and some words.
fn parse(line: &str) -> Result<super::Arguments, clap::Error> {
    let words = ["nodens", "ctl"].into_iter().chain(line.split_whitespace());
    Arguments::try_parse_from(words).map(|arguments| match arguments.command {
        Some(Command::Ctl(ctl)) => ctl,
        _ => panic!("ctl is a command"),
    })
}

#[test]
fn columns_are_as_wide_as_what_is_in_them_and_numbers_stand_to_the_right() {
    let rows = [["a", "1"], ["long", "1000"]].map(|row| row.map(str::to_owned).to_vec());
    assert_eq!(table(&["NAME", "COUNT"], &rows), "NAME  COUNT\na         1\nlong   1000\n");
    assert_eq!(
        list(&[("a", "1\n2".to_owned()), ("empty", String::new()), ("bcd", "3".to_owned())]),
        "a    1\n     2\nbcd  3\n"
    );
    assert_eq!((bytes(7), bytes(2048), bytes(32 << 20)), ("7 B".into(), "2.0 KiB".into(), "32.0 MiB".into()));
    assert_eq!(
        (time(9), time(61), time(3_661), time(90_000)),
        ("9 s".into(), "1 min 1 s".into(), "1 h 1 min".into(), "1 d 1 h".into())
    );
}

#[test]
fn nothing_that_a_terminal_obeys_is_printed() {
    assert_eq!(plain("a\u{1b}[2J\r\u{9b}31mb\n"), "a?[2J??31mb\n");
}

#[test]
fn what_cannot_be_reached_is_named_with_a_remedy() {
    let path = Path::new("/nowhere/control");
    for (kind, code, remedy) in [
        (ErrorKind::NotFound, ExitCode::Unavailable, "[control] socket"),
        (ErrorKind::ConnectionRefused, ExitCode::Unavailable, "has ended"),
        (ErrorKind::PermissionDenied, ExitCode::NoPermission, "sudo"),
    ] {
        let failure = unreachable(path, &kind.into());
        assert_eq!(failure.code, code);
        assert!(failure.message.starts_with("/nowhere/control: ") && failure.message.contains(remedy), "{failure}");
    }
    let failure = ctl(&parse("--socket /nowhere/control status").unwrap()).unwrap_err();
    assert_eq!(failure.code, ExitCode::Unavailable);
}

#[test]
fn a_flush_says_what() {
    for line in ["cache flush", "cache flush a.example --all", "cache flush --suffix a --all"] {
        assert!(parse(line).is_err(), "{line}");
    }
    for line in [
        "cache flush a.example",
        "cache flush --suffix a.example",
        "cache flush --all",
        "--json explain a.example AAAA --client 10.0.0.1 --ask",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn figures_are_shown_with_their_parts() {
    let mut stats = Stats { queries: 200, ..Stats::default() };
    (stats.answers.hits, stats.answers.denials) = (100, 50);
    stats.latency = Latency { bounds: vec![0.000_25, 0.000_5], counts: vec![198, 1, 1], sum: 0.0 };
    stats.upstreams.push(Server {
        group: "internet".into(),
        state: "up".into(),
        latency_ms: Some(12.34),
        ..Server::default()
    });
    let text = show::stats(&stats);
    for expected in ["150 (75.0 %)", "50 % within 0.2 ms, 95 % 0.2 ms, 99 % 0.2 ms", "internet", "12.3"] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn kept_answers_read_as_a_zone_file() {
    let entry = Kept {
        name: "www.example.".into(),
        qtype: "A".into(),
        kind: "answer".into(),
        state: "fresh".into(),
        rcode: "NOERROR".into(),
        ttl_seconds: 30,
        hits: 7,
        zone: ".".into(),
        upstream: "internet".into(),
        records: vec!["www.example. 30 IN A 192.0.2.1".into()],
        ..Kept::default()
    };
    let text = show::kept(&crate::control::admin::protocol::DumpLine::Entry(Box::new(entry)));
    assert_eq!(
        text,
        "; www.example. A fresh answer, 30 s left, 0 s old, given 7 times, zone . from internet, policy 0\nwww.example. 30 IN A 192.0.2.1\n"
    );
}
