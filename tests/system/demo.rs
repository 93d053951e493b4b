//! The demonstration: no network, one command.

use super::common::daemon::BINARY;
use super::common::namespace::NetNs;
use super::common::skip::{Need, unless};

#[test]
fn the_demonstration_runs_without_any_network_and_tells_what_it_shows() {
    if unless(&[Need::Namespaces]).is_some() {
        return;
    }
    // A namespace of its own: no network, and port 5353 is free.
    let alone = NetNs::new();
    let output = alone.run(&[BINARY, "demo", "--once"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    for word in ["resolver, TLS", "cache", "cluster DNS, TCP", "NXDOMAIN", "13 queries"] {
        assert!(said.to_lowercase().contains(&word.to_lowercase()), "no word of {word}:\n{said}");
    }
}
