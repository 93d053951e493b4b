//! Lines as others read them, files within their bound, and a writer that cannot follow.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::file::Files;
use super::format::{Line, Pod};
use super::record::{Kind, Record};
use crate::config::{Rotated, Rotation};
use crate::metrics::{Protocol, Source};
use crate::sys::clock::Moment;
use crate::wire::name;

/// An answer's header and question.
fn message(flags: u16, name: &[u8], qtype: u16) -> Vec<u8> {
    let mut message = vec![0x04, 0xD2];
    message.extend_from_slice(&flags.to_be_bytes());
    message.extend_from_slice(&[0, 1, 0, 1, 0, 0, 0, 0]);
    message.extend_from_slice(name);
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// An answer to a client at 10.244.1.7, as it is noted.
fn noted(message: &[u8]) -> Record<'_> {
    Record {
        kind: Kind::Answer,
        client: "10.244.1.7".parse().unwrap(),
        port: 43_210,
        size: 41,
        udp_size: Some(1232),
        source: Source::Forward,
        duration: Duration::from_nanos(93_208),
        answer_size: 68,
        message,
        ..Record::EMPTY
    }
}

/// The lines of a record in both forms.
fn lines(record: &Record<'_>, pod: Option<Pod>) -> [String; 2] {
    let (client, server) = (record.client, "169.254.20.10:53");
    let line = Line { record, client, pod, server, time: Duration::from_micros(1_795_755_600_000_321) };
    let (mut coredns, mut json) = (String::new(), String::new());
    line.coredns(&mut coredns);
    line.json(&mut json);
    [coredns, json]
}

/// N37. Lines that CoreDNS 1.11 wrote for the same queries, the time it took apart.
#[test]
fn a_line_is_that_of_coredns() {
    let name = name::parse("WWW.Example.org.").unwrap();
    let named = message(0x8580, &name, 1);
    let [line, _] = lines(&noted(&named), None);
    assert_eq!(
        line,
        "[INFO] 10.244.1.7:43210 - 1234 \"A IN www.example.org. udp 41 false 1232\" NOERROR qr,aa,rd,ra 68 0.000093208s\n"
    );
    let root = message(0x8183, &[0], 65_280);
    let [line, _] = lines(
        &Record {
            client: "2001:db8::1".parse().unwrap(),
            protocol: Protocol::Tcp,
            udp_size: None,
            rcode: 3,
            duration: Duration::ZERO,
            ..noted(&root)
        },
        None,
    );
    assert_eq!(
        line,
        "[INFO] [2001:db8::1]:43210 - 1234 \"TYPE65280 IN . tcp 41 false 65535\" NXDOMAIN qr,rd,ra 68 0s\n"
    );
    for (offered, dnssec_ok, shown) in
        [(None, false, "false 512"), (Some(100), false, "false 512"), (Some(4096), true, "true 4096")]
    {
        let [line, _] = lines(&Record { udp_size: offered, dnssec_ok, ..noted(&named) }, None);
        assert!(line.contains(&format!("udp 41 {shown}\"")), "{line}");
    }
}

/// N31: the line of CoreDNS's plugin errors, as those who look for failures know it.
#[test]
fn a_failure_has_a_line_of_the_plugin_errors() {
    let name = name::parse("Web.default.svc.cluster.local.").unwrap();
    let asked = message(0x8182, &name, 28);
    let record = Record { rcode: 2, source: Source::Policy, duration: Duration::from_millis(4_002), ..noted(&asked) };
    let line = Line { record: &record, client: record.client, pod: None, server: "", time: Duration::ZERO };
    let mut text = String::new();
    line.failure(&mut text);
    assert_eq!(
        text,
        "[ERROR] plugin/errors: 2 web.default.svc.cluster.local. AAAA: no server gave an answer within 4.002s\n"
    );
}

#[test]
fn a_line_in_json_says_all_there_is() {
    let name = name::parse("www.example.org.").unwrap();
    let named = message(0x85B0, &name, 28);
    let pod = Pod { namespace: "shop".into(), name: "cart-7".into() };
    let [_, line] = lines(&noted(&named), Some(pod));
    assert_eq!(
        line,
        "{\"time\":\"2026-11-27T05:00:00.000321Z\",\"client\":\"10.244.1.7\",\"port\":43210,\"namespace\":\"shop\",\"pod\":\"cart-7\",\
         \"server\":\"169.254.20.10:53\",\"protocol\":\"udp\",\"id\":1234,\"name\":\"www.example.org.\",\"type\":\"AAAA\",\"class\":\"IN\",\
         \"size\":41,\"do\":false,\"udp_size\":1232,\"rcode\":\"NOERROR\",\"flags\":[\"qr\",\"aa\",\"rd\",\"ra\",\"ad\",\"cd\"],\"answers\":1,\
         \"response_size\":68,\"duration_us\":93,\"source\":\"upstream\",\"blocked\":false}\n"
    );
}

#[test]
fn times_are_those_of_the_calendar() {
    for (seconds, shown) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (951_782_399, "2000-02-28T23:59:59.000000Z"),
        (951_782_400, "2000-02-29T00:00:00.000000Z"),
        (1_709_251_199, "2024-02-29T23:59:59.000000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
    ] {
        assert_eq!(super::format::timestamp(Duration::from_secs(seconds)), shown);
    }
}

proptest! {
    /// A name of any bytes stays within its place in its line.
    #[test]
    fn no_name_breaks_a_line(labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..20), 0..6)) {
        let mut name = Vec::new();
        for label in &labels {
            name.push(u8::try_from(label.len()).unwrap());
            name.extend_from_slice(label);
        }
        name.push(0);
        let named = message(0x8180, &name, 1);
        let [coredns, json] = lines(&noted(&named), None);
        prop_assert!(coredns[..coredns.len() - 1].bytes().all(|byte| (0x20..0x7F).contains(&byte)));
        let expected = name::display(&name.to_ascii_lowercase()).to_string();
        let inside = coredns.split(" IN ").nth(1).unwrap().split(" udp 41 ").next().unwrap();
        prop_assert_eq!(inside, expected.as_str());
        let object: serde_json::Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(object["name"].as_str(), Some(expected.as_str()));
        prop_assert_eq!(json.matches('\n').count(), 1);
    }

    /// Bytes that are no message make a line, too, and no panic.
    #[test]
    fn strange_messages_make_lines(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        for line in lines(&noted(&bytes), None) {
            prop_assert!(line.ends_with('\n'));
        }
    }
}

//------ Files ---------------------------------------------------------------------

/// Small files.
fn rotation(size: u64, all: u64, closed: Rotated) -> Rotation {
    Rotation { size, every: Duration::from_secs(3600), all, closed }
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Bytes of all files in a folder; one that is taken away meanwhile has none.
fn total(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().map_or(0, |about| about.len())).sum()
}

/// N37
#[test]
fn files_are_closed_by_size_and_age_and_never_exceed_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries");
    let mut files = Files::new(&path, rotation(100, 1000, Rotated::Plain), false);
    let mut now = Moment::from_secs(1_000);
    for number in 0..200 {
        files.write(format!("{number:09}\n").as_bytes(), now).unwrap();
        assert!(total(folder.path()) <= 1000, "after {number}: {}", total(folder.path()));
    }
    let kept: Vec<String> = names(folder.path());
    assert_eq!(kept.first().unwrap(), "queries");
    assert_eq!(kept.len(), 10, "{kept:?}");
    assert_eq!(kept.last().unwrap(), "queries.000019");
    assert_eq!(fs::read_to_string(&path).unwrap().lines().last().unwrap(), "000000199");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    now = now + Duration::from_secs(3600);
    files.tend(now).unwrap();
    assert!(!path.exists(), "it is old");
    files.write(b"another\n", now).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"another\n");
}

#[test]
fn closed_files_are_compressed_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries");
    let now = Moment::from_secs(1_000);
    let line = [b"x".repeat(999), b"\n".to_vec()].concat();
    let mut files = Files::new(&path, rotation(50_000, 1 << 20, Rotated::Gzip), false);
    for _ in 0..120 {
        files.write(&line, now).unwrap();
    }
    // The second is compressed when the first is done.
    while names(folder.path()) != ["queries", "queries.000001.gz", "queries.000002.gz"] {
        std::thread::yield_now();
        files.tend(now).unwrap();
    }
    files.close();
    let mut text = Vec::new();
    let packed = fs::File::open(folder.path().join("queries.000001.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut text).unwrap();
    assert_eq!(text, line.repeat(50));
    // What another run has left: numbers go on, what was not finished goes, what is somebody else's stays.
    fs::write(folder.path().join("queries.000003.part"), "half").unwrap();
    fs::write(folder.path().join("queries.old"), "mine").unwrap();
    let mut files = Files::new(&path, rotation(20_000, 1 << 20, Rotated::Plain), false);
    files.write(&line, now).unwrap();
    assert_eq!(
        names(folder.path()),
        ["queries", "queries.000001.gz", "queries.000002.gz", "queries.000003", "queries.old"]
    );
}

/// Lets files be compressed until these are there; the errors meanwhile. The bound holds all the time.
fn tend_until(files: &mut Files, folder: &Path, all: u64, expected: &[&str]) -> usize {
    let mut errors = 0;
    while names(folder) != expected {
        errors += usize::from(files.tend(Moment::from_secs(1_000)).is_err());
        assert!(total(folder) <= all, "{:?}", names(folder));
        std::thread::yield_now();
    }
    errors
}

#[test]
fn files_that_a_writer_was_killed_over_are_compressed_by_the_next_one_even_if_they_fill_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries");
    let closed = |number: usize| folder.path().join(format!("queries.{number:06}"));
    for number in 371..=377 {
        fs::write(closed(number), b"a line\n".repeat(7_000)).unwrap();
    }
    // One was being compressed; another was, but had not been taken away.
    fs::write(closed(373).with_extension("000373.part"), "half").unwrap();
    fs::write(closed(372).with_extension("000372.gz"), "half").unwrap();
    let all = 8 * 50_000;
    let mut files = Files::new(&path, rotation(50_000, all, Rotated::Gzip), false);
    files.write(b"another\n", Moment::from_secs(1_000)).unwrap();
    let packed: Vec<String> = (372..=377).map(|number| format!("queries.{number:06}.gz")).collect();
    let expected: Vec<&str> = std::iter::once("queries").chain(packed.iter().map(String::as_str)).collect();
    assert_eq!(tend_until(&mut files, folder.path(), all, &expected), 0);
    let mut text = String::new();
    let first = fs::File::open(folder.path().join("queries.000372.gz")).unwrap();
    flate2::read::GzDecoder::new(first).read_to_string(&mut text).unwrap();
    assert_eq!(text, "a line\n".repeat(7_000));
}

#[test]
fn a_file_that_cannot_be_compressed_holds_up_no_other_and_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries");
    let now = Moment::from_secs(1_000);
    for number in 1..=3 {
        fs::write(folder.path().join(format!("queries.{number:06}")), b"a line\n".repeat(7_000)).unwrap();
    }
    let mut files = Files::new(&path, rotation(50_000, 400_000, Rotated::Gzip), false);
    files.write(b"another\n", now).unwrap();
    fs::remove_file(folder.path().join("queries.000001")).unwrap();
    let expected = ["queries", "queries.000002.gz", "queries.000003.gz"];
    assert_eq!(tend_until(&mut files, folder.path(), 400_000, &expected), 1);
    files.set_rotation(rotation(50_000, 60_000, Rotated::Plain));
    files.write(&b"another\n".repeat(6_000), now).unwrap();
    assert!(path.exists() && total(folder.path()) <= 60_000, "what is gone makes room, too");
}

#[test]
fn what_cannot_be_written_is_an_error_and_no_half_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries");
    let now = Moment::from_secs(1_000);
    let mut files = Files::new(&path, rotation(100, 200, Rotated::Plain), false);
    assert!(files.write(&[b'x'; 201], now).is_err(), "more than all files may have");
    files.write(b"line\n", now).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"line\n");
    std::os::unix::fs::symlink("/dev/null", folder.path().join("link")).unwrap();
    assert!(
        Files::new(&folder.path().join("link"), rotation(100, 200, Rotated::Plain), false).write(b"x\n", now).is_err()
    );
}
