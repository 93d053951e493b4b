//! The alerts of `packaging/prometheus`, checked and tried by Prometheus's own tool.

use std::path::Path;
use std::process::Command;

use super::common::peer::program;
use super::common::skip::{Need, unless};

/// Runs promtool in the rules' folder; both its outputs.
#[track_caller]
fn promtool(arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus");
    let tool = program("promtool").expect("it was looked for");
    let output = Command::new(tool).args(arguments).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "promtool {arguments:?}: {text}");
    text
}

#[test]
fn the_alerts_are_what_prometheus_takes() {
    if unless(&[Need::Program("promtool")]).is_some() {
        return;
    }
    let said = promtool(&["check", "rules", "--lint=all", "--lint-fatal", "nodens.rules.yml"]);
    assert!(said.contains("SUCCESS"), "{said}");
}

/// Each fault fires its own alert and no other, a healthy node none. That no alert is left out is a rule of the house (`tests/repo`).
#[test]
fn every_alert_speaks_of_its_fault_and_is_silent_otherwise() {
    if unless(&[Need::Program("promtool")]).is_some() {
        return;
    }
    let said = promtool(&["test", "rules", "nodens.rules.test.yml"]);
    assert!(said.contains("SUCCESS"), "{said}");
}
