//! Servers over TLS that a Corefile names by their address alone. Needs N31, N8.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::common::ask::Ask;
use crate::common::certificate::{Authority, Certificate};
use crate::common::client::Udp;
use crate::common::daemon::{BINARY, Daemon};
use crate::common::peer::{self, Peer, free_address};
use crate::common::skip::{Need, unless};
use crate::common::wire::{Message, rcode};

/// What the server behind knows.
const ZONE: &str = "$TTL 60\n@ SOA ns hostmaster 1 7200 1800 86400 60\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\n";

/// What a node-cache answers whose Corefile has this `forward`.
fn answer(forward: &str) -> Message {
    let (folder, listen) = (tempfile::tempdir().unwrap(), free_address());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let corefile = format!(".:{} {{\n bind 127.0.0.1\n {forward}\n}}\n", listen.port());
    fs::write(path("Corefile"), corefile).unwrap();
    fs::write(path("nodens.toml"), "[sandbox]\nuser = \"root\"\n").unwrap();
    let mut command = Command::new(BINARY);
    command.args(["node-cache", "-localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false"]);
    command.args(["-basecorefile", &path("Corefile"), "-conf", &path("shown"), "-kubednscm", &path("none")]);
    command.args(["-metrics-listen-address", "", "-dns.port", &listen.port().to_string()]);
    let mut daemon = Daemon::start(command, tempfile::tempdir().unwrap());
    let answer = Udp::to(listen).ask(&Ask::a("www.example.org"));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    answer
}

/// What OpenSSL says of the server's certificate for an address.
fn openssl(server: SocketAddr, authority: &Authority) -> String {
    let (server, ca) = (server.to_string(), authority.file().display().to_string());
    peer::all_output("openssl", &["s_client", "-connect", &server, "-CAfile", &ca, "-verify_ip", "127.0.0.1", "-brief"])
}

/// N31: `forward . tls://ADDRESS` without tls_servername asks whoever has a certificate for the address, as CoreDNS does: it leaves the name to
/// Go's crypto/tls, which takes the address that it connects to. OpenSSL judges the same way.
#[test]
fn a_server_without_a_name_needs_a_certificate_for_its_address() {
    if unless(&[Need::Program("named"), Need::Program("dnsdist"), Need::Program("openssl")]).is_some() {
        return;
    }
    let authority = Authority::new();
    let behind = Peer::bind(free_address(), &[("example.org", ZONE)]);
    let start = |certificate: &Certificate| Peer::dnsdist(free_address(), behind.address, certificate);
    let [for_address, for_name] =
        [&["127.0.0.1"][..], &["dns.example.net"]].map(|names| start(&authority.certificate(names)));
    let ca = authority.file().display();
    let ask = |server: SocketAddr, more: &str| answer(&format!("forward . tls://{server} {{\n tls {ca}\n {more}\n }}"));
    let asked = ask(for_address.address, "");
    assert_eq!(asked.addresses(), ["192.0.2.80".parse::<std::net::IpAddr>().unwrap()], "{asked}");
    assert_eq!(ask(for_name.address, "").rcode(), rcode::SERVFAIL);
    assert_eq!(ask(for_name.address, "tls_servername dns.example.net").rcode(), rcode::NOERROR);
    assert_eq!(ask(for_address.address, "tls_servername dns.example.net").rcode(), rcode::SERVFAIL);
    let (good, bad) = (openssl(for_address.address, &authority), openssl(for_name.address, &authority));
    assert!(good.contains("Verification: OK") && !bad.contains("Verification: OK"), "{good}\n{bad}");
}
