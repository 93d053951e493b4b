//! What leaves the node: nothing in clear text that should be encrypted, and nothing believed that comes in plain and may be forged.
//!
//! These tests run in a network namespace of their own: they start themselves once more inside it. So the ports of DNS are free, every packet
//! that passes can be seen, and forged ones that miss their mark reach nobody else.

use std::process::Command;

use crate::common::namespace::NetNs;

// The means.
mod tap;

// Encrypted means encrypted.
mod broken;
mod failures;

// Plain, and not to be fooled.
mod datagrams;
mod forgery;

/// Set inside the namespace.
const INSIDE: &str = "NODENS_INSIDE";

/// Whether this process is inside a namespace of its own. If not, runs the test `name` (its path in this binary) inside one to its end; the test
/// then has nothing left to do.
#[track_caller]
fn is_inside(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let space = NetNs::new();
    let wrapper = space.wrapper();
    let binary = std::env::current_exe().expect("the test's own binary");
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(binary).args([name, "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = command.output().expect("a process inside the namespace");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} inside a namespace: {}\n{said}\n{complained}", output.status);
    assert!(said.contains("1 passed"), "there is no test {name}:\n{said}");
    eprintln!("{said}");
    false
}

/// Runs `ip` in the namespace that this process is in.
#[track_caller]
fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("ip runs");
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
