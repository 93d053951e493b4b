//! `[rules]`, put together: what only makes sense with the listen addresses.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::mistake::{Fault, Place, Report};
use super::raw::Raw;
use super::sections::choice;
use super::value::At;
use super::{Listen, Rules, RulesBackend};

impl Rules {
    /// Whether nobody else has rules for a listen address: the fallback answers for it, or nobody.
    #[must_use]
    pub fn is_node_local(&self, listener: SocketAddr) -> bool {
        self.node_local.iter().any(|prefix| prefix.contains(&listener.ip()))
    }
}

/// `[rules]`
pub(super) fn assemble(raw: &Raw, listen: &Listen, report: &mut Report<'_>) -> Rules {
    let fallback: Vec<At<SocketAddr>> = raw.value("fallback");
    let node_local: Vec<At<IpNet>> = raw.value("node-local");
    let rules = Rules {
        backend: choice(raw, "backend"),
        interval: raw.value("interval"),
        timeout: raw.value("timeout"),
        fallback: fallback.iter().map(|at| at.value).collect(),
        node_local: node_local.into_iter().map(|at| at.value).collect(),
        teardown: raw.value("teardown"),
    };
    if !fallback.is_empty() && rules.backend != RulesBackend::Nftables {
        let wrong = "only rules of nftables know when the daemon is gone";
        let fault = Fault::new(wrong, "backend = \"nftables\", or no fallback");
        report.mistake(raw.place("fallback"), raw.path("fallback"), fault);
    }
    if rules.backend != RulesBackend::None {
        check_listeners(raw, listen, report);
    }
    if rules.backend == RulesBackend::Nftables {
        for At { value, offset } in &fallback {
            if let Some(fault) = unfit(*value, &rules, listen) {
                report.mistake(Place::Exact(*offset), raw.path("fallback"), fault);
            }
        }
    }
    rules
}

/// Notes listen addresses that no rule can name.
fn check_listeners(raw: &Raw, listen: &Listen, report: &mut Report<'_>) {
    let fault = if let Some(all) = listen.addresses.iter().find(|address| address.ip().is_unspecified()) {
        let wrong = format!("rules need addresses, and {all} of listen.addresses is all of them");
        Fault::new(wrong, "the addresses that clients ask, or backend = \"none\"")
    } else if let Some(free) = listen.addresses.iter().find(|own| own.port() == 0 && !own.ip().is_loopback()) {
        Fault::new(format!("rules need ports, and {free} of listen.addresses has none"), "a port, such as 53")
    } else if listen.addresses.iter().all(|address| address.ip().is_loopback()) {
        let wrong = "all of listen.addresses are on loopback, which needs no rules";
        Fault::new(wrong, "an address that pods ask, such as 169.254.20.10, or backend = \"none\"")
    } else {
        return;
    };
    report.mistake(raw.place("backend"), raw.path("backend"), fault);
}

/// Why a server cannot answer in our place, if it cannot.
fn unfit(server: SocketAddr, rules: &Rules, listen: &Listen) -> Option<Fault> {
    let ip = server.ip();
    if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() {
        return Some(Fault::new(
            format!("{server} is not the address of another server"),
            "a server that pods can reach",
        ));
    }
    if listen.addresses.iter().any(|own| own.ip() == ip) {
        let wrong = format!("{ip} is one of listen.addresses, which is gone when this is used");
        return Some(Fault::new(wrong, "another server"));
    }
    let has_use = listen.addresses.iter().any(|own| own.is_ipv4() == server.is_ipv4() && rules.is_node_local(*own));
    (!has_use).then(|| {
        let family = if server.is_ipv4() { "IPv4" } else { "IPv6" };
        let wrong = format!(
            "{server} has nothing to stand in for: no {family} address of listen.addresses is in rules.node-local"
        );
        Fault::new(wrong, "leave it out, or name the prefix in node-local")
    })
}
