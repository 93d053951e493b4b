//! `[[upstream]]` put together: who authenticates whom, and what would silently not be encrypted or not act.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::address::RawServer;
use super::environment::{Environment, read_bounded};
use super::loops;
use super::mistake::{Fault, Place, Report};
use super::raw::Raw;
use super::sections::choice;
use super::value::At;
use super::{Authentication, Listen, MOST_SERVERS, Server, Transport, Upstream};

/// The most that is read of a file of certificates, in bytes; the system's whole store is a quarter of a megabyte.
const LONGEST_CA_FILE: u64 = 4 << 20;

/// All groups, in the order of the file.
pub(super) fn assemble(
    raws: &[Raw],
    listen: &Listen,
    environment: &Environment,
    report: &mut Report<'_>,
) -> Vec<Upstream> {
    let mut names = BTreeSet::new();
    let mut upstreams = Vec::with_capacity(raws.len());
    for raw in raws {
        if let Some(name) = raw.given::<String>("name")
            && !names.insert(name.clone())
        {
            let fault = Fault::new(format!("there is another upstream {name:?}"), "a name of its own");
            report.mistake(raw.place("name"), raw.path("name"), fault);
        }
        upstreams.push(assemble_one(raw, listen, environment, report));
    }
    upstreams
}

/// One group.
fn assemble_one(raw: &Raw, listen: &Listen, environment: &Environment, report: &mut Report<'_>) -> Upstream {
    let pins: Vec<At<[u8; 32]>> = raw.value("pins");
    let ca = raw.given("ca").map(|path: String| PathBuf::from(path));
    if let Some(path) = &ca
        && let Err(fault) = check_ca(path)
    {
        report.mistake(raw.place("ca"), raw.path("ca"), fault);
    }
    let servers = servers(raw, listen, environment, report);
    let upstream = Upstream {
        name: raw.value("name"),
        servers,
        policy: choice(raw, "policy"),
        ca,
        pins: pins.into_iter().map(|at| at.value).collect(),
        timeout: raw.value("timeout"),
        try_timeout: raw.value("try-timeout"),
        connections: raw.value("connections"),
        pipeline: raw.value("pipeline"),
        idle_timeout: raw.value("idle-timeout"),
        max_age: raw.value("max-age"),
        padding: raw.value("padding"),
        case_randomization: raw.value("case-randomization"),
        cookies: raw.value("cookies"),
        udp_sockets: raw.value("udp-sockets"),
    };
    if upstream.try_timeout > upstream.timeout {
        let key = if raw.given::<std::time::Duration>("try-timeout").is_some() { "try-timeout" } else { "timeout" };
        report.warn(
            raw.place(key),
            &raw.path(key),
            "try-timeout is longer than timeout: a silent server leaves no time for the next",
        );
    }
    upstream
}

/// The servers of a group, with what each must prove.
fn servers(raw: &Raw, listen: &Listen, environment: &Environment, report: &mut Report<'_>) -> Vec<Server> {
    // The example that stands in for a missing list would only lead to follow-up mistakes.
    let Some(written) = raw.given::<Vec<At<RawServer>>>("servers") else { return Vec::new() };
    if !raw.has_failed("servers") {
        check_encryption(raw, &written, report);
    }
    if let Some(extra) = written.get(MOST_SERVERS) {
        let fault = Fault::new(format!("{} servers", written.len()), format!("at most {MOST_SERVERS} servers"));
        report.mistake(Place::Exact(extra.offset), raw.path("servers"), fault);
    }
    let has_pins = raw.has_failed("pins") || !raw.value::<Vec<At<[u8; 32]>>>("pins").is_empty();
    let insecure = raw.has_failed("insecure") || raw.value("insecure");
    let mut seen = BTreeSet::new();
    let mut servers = Vec::with_capacity(written.len());
    for At { value: server, offset } in written {
        let place = Place::Exact(offset);
        for address in &server.addresses {
            if let Some(fault) = loops::check(*address, listen, environment) {
                report.mistake(place, raw.path("servers"), fault);
            } else if loops::is_beside_us(*address, listen) {
                report.warn(place, &raw.path("servers"), &loops::beside(*address));
            }
            if !seen.insert((server.transport.scheme(), *address)) {
                let fault = Fault::new(format!("{address} is listed twice"), "each server once");
                report.mistake(place, raw.path("servers"), fault);
            }
        }
        let mut addresses = server.addresses.into_iter();
        let address = addresses.next().expect("a server has an address");
        let further = addresses.collect();
        let authentication = match (server.transport, server.name) {
            (Transport::Tls, Some(name)) => Some(Authentication::Name(name)),
            (Transport::Tls, None) if has_pins => None,
            (Transport::Tls, None) => {
                note_unknown(raw, place, address, insecure, report);
                Some(Authentication::Nothing)
            }
            (Transport::Tcp | Transport::Udp | Transport::Auto, _) => None,
        };
        servers.push(Server { transport: server.transport, address, further, authentication });
    }
    if raw.given("insecure") == Some(true)
        && servers.iter().all(|server| server.authentication != Some(Authentication::Nothing))
    {
        let has_tls = servers.iter().any(|server| server.transport == Transport::Tls);
        if has_tls {
            report.warn(
                raw.place("insecure"),
                &raw.path("insecure"),
                "has no effect: every server has a name or pins, which are checked",
            );
        }
    }
    servers
}

/// Notes a server whose answers nobody vouches for: a mistake, or a warning if the operator spelled it out.
fn note_unknown(raw: &Raw, place: Place, address: SocketAddr, insecure: bool, report: &mut Report<'_>) {
    if insecure {
        let text = format!(
            "tls://{address} of {:?} is not authenticated: whoever is on the path can answer in its name",
            raw.value::<String>("name")
        );
        report.warn(place, &raw.path("servers"), &text);
    } else {
        let right = "\"#NAME\" after the address, pins, or insecure = true in this upstream";
        report.mistake(
            place,
            raw.path("servers"),
            Fault::new(format!("tls://{address} has no authentication name"), right),
        );
    }
}

/// Notes what looks encrypted and is not: options of TLS without a TLS server, and groups that would fall back to plain text.
fn check_encryption(raw: &Raw, written: &[At<RawServer>], report: &mut Report<'_>) {
    let is_tls = |at: &&At<RawServer>| at.value.transport == Transport::Tls;
    let Some(_) = written.iter().find(is_tls) else {
        let has_pins = raw.given::<Vec<At<[u8; 32]>>>("pins").is_some_and(|pins| !pins.is_empty());
        let written_keys = [
            ("ca", raw.given::<String>("ca").is_some()),
            ("pins", has_pins),
            ("insecure", raw.given("insecure") == Some(true)),
        ];
        for (key, _) in written_keys.into_iter().filter(|(_, is_written)| *is_written) {
            let fault = Fault::new(
                "is for tls:// servers, and this upstream has none: its queries are not encrypted",
                format!("tls:// servers, or no {key}"),
            );
            report.mistake(raw.place(key), raw.path(key), fault);
        }
        return;
    };
    if let Some(plain) = written.iter().find(|at| !is_tls(at)) {
        let fault = Fault::new(
            format!("{} is not encrypted, but other servers of this upstream are", plain.value),
            "two upstreams, one encrypted and one not",
        );
        report.mistake(Place::Exact(plain.offset), raw.path("servers"), fault);
    }
}

/// Whether a file holds at least one certificate and nothing broken.
fn check_ca(path: &Path) -> Result<(), Fault> {
    let shown = path.display();
    let right = "a file of certificates in PEM form";
    let bytes = read_bounded(path, LONGEST_CA_FILE)
        .map_err(|error| Fault::new(format!("{shown} cannot be read: {error}"), right))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(Fault::new(format!("{shown} holds no certificate"), right)),
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::new(format!("{shown} is broken: {error}"), right)),
    }
}
