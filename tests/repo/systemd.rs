//! The units are what systemd understands, and leave little open.

use std::fs;
use std::process::Command;

use super::{files, read, root};

/// The most that `systemd-analyze security` may say of the service, 0 to 10.
const MOST_EXPOSED: f64 = 2.0;

/// The units in a folder of their own, with programs that are there: the binary under test in the place of the installed one.
fn installed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nodens.service", "nodens.socket", "nodens-fallback.service"] {
        let text = read(&format!("packaging/systemd/{name}"));
        fs::write(folder.path().join(name), text.replace("/usr/bin/nodens", env!("CARGO_BIN_EXE_nodens"))).unwrap();
    }
    folder
}

/// What systemd-analyze prints about units of [`installed`], and whether it is content; `None` where it is not installed, said so.
fn analyze(arguments: &[&str], units: &[&str]) -> Option<(bool, String)> {
    let folder = installed();
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).args(units.iter().map(|unit| folder.path().join(unit)));
    match command.env("SYSTEMD_COLORS", "0").output() {
        Ok(output) => {
            let text =
                [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
            Some((output.status.success(), text))
        }
        Err(error) => {
            if let Some(path) = std::env::var_os("NODENS_SKIPPED") {
                use std::io::Write as _;
                let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
                writeln!(file, "systemd: systemd-analyze: {error}").unwrap();
            }
            None
        }
    }
}

/// N24
#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let units = ["nodens.service", "nodens.socket", "nodens-fallback.service"];
    let Some((good, text)) = analyze(&["verify"], &units) else { return };
    let about_ours: Vec<&str> = text.lines().filter(|line| line.contains("nodens")).collect();
    assert!(good && about_ours.is_empty(), "{text}");
}

/// N23
#[test]
fn the_service_leaves_little_open() {
    let Some((_, text)) = analyze(&["security", "--offline=true", "--no-pager"], &["nodens.service"]) else { return };
    let level = text.lines().find_map(|line| line.split("exposure level for nodens.service: ").nth(1)).unwrap_or(&text);
    let level: f64 = level.split(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{text}"));
    assert!(level <= MOST_EXPOSED, "{text}");
}

#[test]
fn each_directive_of_the_service_stands_below_a_reason() {
    let text = read("packaging/systemd/nodens.service");
    let service = text.split("[Service]\n").nth(1).unwrap().split("[Install]").next().unwrap();
    let mut before = "";
    for line in service.lines().filter(|line| !line.is_empty()) {
        assert!(line.starts_with('#') || before.starts_with("# "), "no reason above {line}");
        before = line;
    }
    for path in files("packaging/systemd", "") {
        if root().join(&path).is_file() {
            assert!(read(&path).starts_with('#'), "{path} does not say what it is");
        }
    }
}
