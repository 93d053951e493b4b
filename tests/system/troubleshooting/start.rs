//! It does not start, is not ready, or cannot be reached.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use tempfile::TempDir;

use super::super::common::control::Control;
use super::super::common::daemon::{BINARY, Setup};
use super::super::common::namespace::NetNs;
use super::super::common::peer::free_address;
use super::super::common::skip::Need;
use super::super::common::upstream::{Upstream, one_address};
use super::{Row, is_missing, row};

/// A file with this text, called as the page's word says.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodens.toml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

/// Looks at what is said of this configuration.
#[track_caller]
fn says(symptom: &str, text: &str) {
    let (_folder, file) = file(text);
    of(symptom, &file).holds_alone();
}

/// The row about a configuration or Corefile.
#[track_caller]
fn of(symptom: &str, file: &std::path::Path) -> Row {
    let name = file.display().to_string();
    row(symptom).with("COREFILE", &name).with("FILE", &name)
}

/// A configuration with one server.
fn before(server: &str) -> Setup {
    Setup::new().upstream("all", &[server.to_owned()], "").zone(".", "all", "")
}

#[test]
fn configurations_that_are_wrong() {
    if is_missing(&[]) {
        return;
    }
    says("its configuration has a mistake", "[listen]\nadresses = [\"127.0.0.1:5353\"]\n");
    let (folder, _) = file("");
    of("there is no such file", &folder.path().join("absent.toml")).holds_alone();
    let hosts = format!("hosts = {:?}", folder.path().join("absent"));
    says(
        "a file that the configuration names is not there",
        &before("udp://127.0.0.1:1").section("local", &hosts).text(),
    );
    let ours = free_address();
    let listening = |server: &str| before(server).section("listen", &format!("addresses = [\"{ours}\"]")).text();
    says("a server is one of our own addresses", &listening(&format!("udp://{ours}")));
    says("a server is systemd-resolved", &listening("udp://127.0.0.53"));
    says("a Corefile has a mistake", ".:53 {\n errors\n forwrad . 192.0.2.1\n}\n");
    of("there is no Corefile.base", &folder.path().join("absent")).holds_alone();
}

#[test]
fn addresses_that_cannot_be_had() {
    if is_missing(&[Need::Program("ss"), Need::Program("setpriv")]) {
        return;
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text =
        |address: &str| before("udp://127.0.0.1:1").section("listen", &format!("addresses = [\"{address}\"]")).text();
    says("its port is taken", &text(&address.to_string()));
    // Another user needs a place where it may read both; in a namespace of its own, where low ports are what they usually are.
    let (folder, file) = file(&text("127.0.0.1:53"));
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        let program = folder.path().join("nodens");
        fs::copy(BINARY, &program).unwrap();
        for path in [folder.path(), &program, &file] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let nobody = ["setpriv", "--reuid", "65532", "--regid", "65532", "--clear-groups"];
        let row =
            of("it may not have a port below 1024", &file).with("nodens run", &format!("{} run", program.display()));
        row.under(&nobody).holds_alone();
    }
}

#[test]
fn a_file_for_root_alone() {
    if is_missing(&[]) || fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "192.0.2.1 a.example\n").unwrap();
    fs::set_permissions(&hosts, fs::Permissions::from_mode(0o600)).unwrap();
    let setup = before("udp://127.0.0.1:1").section("local", &format!("hosts = {hosts:?}"));
    says(
        "a file cannot be read once the worker has another user",
        &setup.section("sandbox", "user = \"65532\"").text(),
    );
}

#[test]
fn the_port_of_the_demonstration() {
    if is_missing(&[Need::Namespaces]) {
        return;
    }
    let space = NetNs::new();
    let _taken = space.inside(|| TcpListener::bind("127.0.0.1:5353").unwrap());
    row("the demonstration's port is taken").inside(&space).holds_alone();
}

#[test]
fn an_address_that_is_not_there_yet() {
    if is_missing(&[Need::Namespaces]) {
        return;
    }
    let node = NetNs::new();
    let setup = before("udp://127.0.0.1:1").under(&node.wrapper());
    let daemon = setup
        .section("listen", "addresses = [\"10.99.99.99:53\"]")
        .section("health", "listen = \"127.0.0.1:8080\"")
        .spawn();
    let row = row("it runs and is not ready").inside(&node);
    row.holds_alone();
    node.ip(&["address", "add", "10.99.99.99/32", "dev", "lo"]);
    daemon.wait_for_log("msg=\"ready\"");
    assert!(row.look(&Vec::new).contains("OK"));
}

#[test]
fn metrics_that_another_program_is_in_the_way_of() {
    if is_missing(&[]) {
        return;
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let upstream = Upstream::tcp().serve(one_address);
    let daemon = Setup::forward(&upstream).section("metrics", &format!("listen = \"{address}\"")).start();
    let row = row("health or metrics cannot be reached").with("127.0.0.1:9253", &address).with("curl", "curl -m 1");
    row.holds(&|| daemon.log());
}

#[test]
fn a_control_socket_that_is_out_of_reach() {
    if is_missing(&[Need::Program("setpriv")]) {
        return;
    }
    row("`nodens ctl` reaches nobody").control(&Control::new()).holds_alone();
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let upstream = Upstream::tcp().serve(one_address);
    let (_daemon, control) = Control::start(Setup::forward(&upstream));
    fs::set_permissions(control.path().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"];
    // The program itself may lie where others cannot look.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("nodens");
    fs::copy(BINARY, &program).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let row =
        row("`nodens ctl` is kept out").control(&control).with("nodens ctl", &format!("{} ctl", program.display()));
    row.under(&nobody).holds_alone();
}
