//! Commands, exit codes and the mistakes an operator can make.

use std::process::Output;

use super::common::daemon::{Setup, check, run};
use super::common::peer::free_address;

/// A configuration that is right, with a server that need not exist.
fn sound() -> Setup {
    Setup::new().upstream("all", &["udp://127.0.0.1:5300".to_owned()], "").zone(".", "all", "")
}

/// Standard error as text.
fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard output as text.
fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn check_accepts_a_sound_file_and_prints_what_holds() {
    let (_, output) = check(&sound().text());
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let effective = text(&output);
    assert!(effective.contains("udp://127.0.0.1:5300") && effective.contains("max-negative-ttl"), "{effective}");
}

#[test]
fn what_check_prints_is_a_file_that_means_the_same() {
    let first = text(&check(&sound().text()).1);
    let (_, second) = check(&first);
    assert_eq!(second.status.code(), Some(0), "{}\n{first}", errors(&second));
    assert_eq!(first, text(&second));
}

#[test]
fn the_generated_reference_file_passes_check() {
    let generated = run(&["generate", "config"]);
    assert_eq!(generated.status.code(), Some(0), "{}", errors(&generated));
    let (_, output) = check(&text(&generated));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
}

/// Wrong lines, each with its line number in [`FAULTY`] and the key that a message must name.
const MISTAKES: [(usize, &str); 9] = [
    (2, "listen.addresses"),
    (3, "listen.workers"),
    (4, "listen.colour"),
    (6, "cache.size"),
    (7, "cache.rotate"),
    (9, "metrics.listen"),
    (12, "upstream.servers"),
    (13, "upstream.timeout"),
    (16, "zone.upstream"),
];

/// A file in which nearly everything is wrong.
const FAULTY: &str = r#"[listen]
addresses = ["localhost"]
workers = 65
colour = "blue"
[cache]
size = "32 parsecs"
rotate = "often"
[metrics]
listen = "127.0.0.1:99999"
[[upstream]]
name = "all"
servers = ["tls://192.0.2.1"]
timeout = 5
[[zone]]
name = "."
upstream = "nobody"
"#;

#[test]
fn all_mistakes_are_told_in_one_run_with_file_line_and_key() {
    let (file, output) = check(FAULTY);
    assert_eq!(output.status.code(), Some(78));
    let said = errors(&output);
    for (line, key) in MISTAKES {
        let place = format!("{}:{line}", file.display());
        let told = said.lines().any(|l| l.starts_with(&place) && l.contains(key));
        assert!(told, "nothing about {key} in line {line}:\n{said}");
    }
}

#[test]
fn run_refuses_the_same_file_with_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodens.toml");
    std::fs::write(&file, FAULTY).unwrap();
    let path = file.to_str().unwrap();
    let (checked, ran) = (run(&["check", path]), run(&["run", "--config", path]));
    assert_eq!(ran.status.code(), Some(78));
    for line in errors(&checked).lines().filter(|line| line.starts_with(path)) {
        assert!(errors(&ran).contains(line), "run does not say: {line}");
    }
}

/// Fails unless `check` refuses `text` with a message that holds all `words`.
#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let (_, output) = check(text);
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(78), "{said}\n{text}");
    for word in words {
        assert!(said.contains(word), "no word of {word:?}:\n{said}");
    }
}

#[test]
fn two_zones_of_one_name_are_a_mistake() {
    let twice = sound().zone("example.org", "all", "").zone("Example.ORG.", "all", "");
    refused(&twice.text(), &["zone", "example.org"]);
}

#[test]
fn two_upstreams_of_one_name_are_a_mistake() {
    refused(&sound().upstream("all", &["udp://192.0.2.1".to_owned()], "").text(), &["upstream", "all"]);
}

#[test]
fn a_file_without_the_root_zone_is_a_mistake() {
    let text = Setup::new().upstream("all", &["udp://192.0.2.1".to_owned()], "").zone("example.org", "all", "").text();
    refused(&text, &["zone"]);
}

#[test]
fn a_tls_server_without_name_and_pins_is_a_mistake_and_says_what_would_be_right() {
    let text = Setup::new().upstream("all", &["tls://192.0.2.1".to_owned()], "").zone(".", "all", "").text();
    refused(&text, &["upstream.servers", "#", "pins"]);
}

#[test]
fn encrypted_and_plain_servers_in_one_group_are_a_mistake() {
    let servers = ["tls://192.0.2.1#dns.example".to_owned(), "udp://192.0.2.1".to_owned()];
    refused(&Setup::new().upstream("all", &servers, "").zone(".", "all", "").text(), &["upstream"]);
}

#[test]
fn a_file_that_is_no_toml_is_a_mistake_with_its_line() {
    let (file, output) = check("[listen]\naddresses = [\n");
    assert_eq!(output.status.code(), Some(78));
    assert!(errors(&output).contains(&format!("{}:", file.display())), "{}", errors(&output));
}

#[test]
fn a_missing_file_is_told_by_its_name() {
    for arguments in [["check", "/nowhere/nodens.toml"].as_slice(), &["run", "--config", "/nowhere/nodens.toml"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(66), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains("/nowhere/nodens.toml"), "{}", errors(&output));
    }
}

#[test]
fn an_unknown_command_is_a_usage_error() {
    for arguments in [["fly"].as_slice(), &["run", "--colour"], &["check"], &["generate", "poems"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for command in ["run", "check", "demo", "generate"] {
        assert!(text(&help).contains(command), "{}", text(&help));
    }
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert!(text(&version).contains(env!("CARGO_PKG_VERSION")), "{}", text(&version));
}

#[test]
fn an_address_that_is_taken_ends_the_start_with_its_name() {
    let taken = std::net::TcpListener::bind(free_address()).unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodens.toml");
    std::fs::write(&file, sound().section("listen", &format!("addresses = [\"{address}\"]")).text()).unwrap();
    let output = run(&["run", "--config", file.to_str().unwrap()]);
    assert!(matches!(output.status.code(), Some(69 | 71 | 77)), "{:?}: {}", output.status, errors(&output));
    assert!(errors(&output).contains(&address.to_string()), "{}", errors(&output));
}
