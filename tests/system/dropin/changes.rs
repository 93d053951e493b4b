//! What changes while it runs: the ConfigMaps of kube-dns and of node-local-dns, the node's resolv.conf, and an address that nobody knew.

use std::time::Duration;

use nix::sys::signal::Signal;
use nodens::sys::clock;

use super::container::{Container, Manifest, Mode};
use super::{CLUSTER_NAME, NEEDS, PUBLIC_NAME, resolves, serve};
use crate::common::cluster::{Cluster, DNS_POD, LINK_LOCAL, Proxy, Wiring};
use crate::common::daemon::Daemon;
use crate::common::metrics::{Scrape, get};
use crate::common::peer::Peer;
use crate::common::skip::unless;
use crate::common::{elapsed, wait_until};

/// Within this time a change has to be followed.
const SOON: Duration = Duration::from_secs(10);

/// A domain of the company's own, and a name in it with the address that one server and the other give.
const STUB: &str = "db.corp.example";

/// A zone file for that.
fn zone(address: &str) -> String {
    format!(
        "$TTL 1\n@ SOA ns hostmaster 1 7200 1800 86400 1\n@ NS ns\nns A 192.0.2.53\ndb A {address}\nwww A {address}\n"
    )
}

/// Waits for a change, no longer than it may take.
#[track_caller]
fn soon(what: &str, condition: impl FnMut() -> bool) {
    let start = clock::now();
    wait_until(what, condition);
    let took = elapsed(start);
    assert!(took < SOON, "{what}: after {took:?}");
}

/// A metric of the node.
fn metric(cluster: &Cluster, name: &str, labels: &[(&str, &str)]) -> f64 {
    let page = cluster.node.inside(|| get(([127, 0, 0, 1], 9353).into(), "/metrics"));
    Scrape::read(&page.body).value(name, labels).unwrap_or(0.0)
}

/// Mistakes of ConfigMaps so far.
fn mistakes(cluster: &Cluster) -> f64 {
    metric(cluster, "coredns_nodecache_setup_errors_total", &[("errortype", "configmap")])
}

/// The status of a pod's answer.
fn status(cluster: &Cluster, name: &str) -> String {
    let text = cluster.dig(0, LINK_LOCAL, name, &[]);
    text.split_once("status: ").map_or_else(String::new, |(_, rest)| rest.split(',').next().unwrap().to_owned())
}

/// Two more servers in the pod of the cluster's DNS, at other ports.
fn more_servers(cluster: &Cluster) -> [Peer; 2] {
    [("5301", "10.9.9.1"), ("5302", "10.9.9.2")].map(|(port, address)| {
        let (corp, org) = (zone(address), zone(address));
        let at = format!("{DNS_POD}:{port}").parse().unwrap();
        Peer::bind_inside(at, &[("corp.example", corp.as_str()), ("example.org", org.as_str())], &cluster.dns)
    })
}

/// The container of the official manifest with some ConfigMap of kube-dns.
fn start(cluster: &Cluster, files: &[(&str, &str)]) -> (Container, Daemon) {
    let container = Container::new(&Manifest::official(Mode::Iptables), cluster);
    container.config_map("kube-dns", files);
    let daemon = container.start();
    (container, daemon)
}

/// N31, N32, 2.13: "kube-dns ConfigMap add/change/remove within 10 s, invalid JSON keeps old"
#[test]
fn the_config_map_of_kube_dns_is_followed_and_a_mistake_in_it_keeps_what_it_said() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = serve(&cluster);
    let _servers = more_servers(&cluster);
    let (container, _daemon) = start(&cluster, &[]);
    let stub = |port: &str| format!("{{\"corp.example\": [\"{DNS_POD}:{port}\"]}}");
    assert_eq!(status(&cluster, STUB), "REFUSED", "nobody knows it");
    // It comes, and changes.
    for (port, address) in [("5301", "10.9.9.1"), ("5302", "10.9.9.2")] {
        container.config_map("kube-dns", &[("stubDomains", &stub(port)), ("federations", "whatever")]);
        soon("the stub domain is asked at its server", || resolves(&cluster, LINK_LOCAL, (STUB, address)));
    }
    // It is broken in several ways.
    for (count, text) in [(1.0, "{\"corp.example\": "), (2.0, "{\"corp.example\": [\"nowhere\"]}"), (3.0, "")] {
        container.config_map("kube-dns", &[("stubDomains", text)]);
        soon("the mistake is counted", || mistakes(&cluster) >= count);
        assert!(resolves(&cluster, LINK_LOCAL, (STUB, "10.9.9.2")), "{text:?}");
    }
    let ready = cluster.node.inside(|| get(format!("{LINK_LOCAL}:8080").parse().unwrap(), "/ready"));
    assert_eq!(ready.status, 200);
    assert!(ready.body.contains("stubDomains"), "{}", ready.body);
    // Servers for all other names.
    container.config_map("kube-dns", &[("upstreamNameservers", &format!("[\"{DNS_POD}:5301\"]"))]);
    soon("other servers are asked", || resolves(&cluster, LINK_LOCAL, (PUBLIC_NAME.0, "10.9.9.1")));
    // And all of it goes.
    container.config_map("kube-dns", &[]);
    soon("the servers of the node are asked again", || resolves(&cluster, LINK_LOCAL, PUBLIC_NAME));
    assert_eq!(status(&cluster, STUB), "REFUSED");
    assert!(resolves(&cluster, LINK_LOCAL, CLUSTER_NAME));
    assert_eq!(mistakes(&cluster), 3.0);
}

/// N31, N32: the ConfigMap of node-local-dns and the node's resolv.conf.
#[test]
fn the_corefile_and_resolv_conf_are_followed_and_shown_and_a_mistake_keeps_the_one_before() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(2, Wiring::Routed, Proxy::Nftables);
    let _dns = serve(&cluster);
    let _servers = more_servers(&cluster);
    let (container, daemon) = start(&cluster, &[]);
    let corefile = Manifest::official(Mode::Iptables).corefile;
    let more = format!("corp.example:53 {{\n bind {LINK_LOCAL}\n forward . {DNS_POD}:5301\n}}\n{corefile}");
    container.config_map("coredns", &[("Corefile.base", &more)]);
    soon("the new server block is asked", || resolves(&cluster, LINK_LOCAL, (STUB, "10.9.9.1")));
    let shown = || std::fs::read_to_string(container.path("root/etc/Corefile")).unwrap();
    soon("it is shown", || shown().starts_with("corp.example:53 {"));
    // A mistake: DNS goes on, and somebody is told where it is.
    let failed = metric(&cluster, "coredns_reload_failed_total", &[]);
    container.config_map("coredns", &[("Corefile.base", &format!("{more}\n.:53 {{\n forwrd . 1.1.1.1\n"))]);
    soon("the mistake is counted", || metric(&cluster, "coredns_reload_failed_total", &[]) > failed);
    assert!(mistakes(&cluster) >= 1.0);
    assert!(
        daemon.log().iter().any(|line| line.contains("reason=\"/etc/coredns/Corefile.base:")),
        "{:#?}",
        daemon.log()
    );
    assert!(resolves(&cluster, LINK_LOCAL, (STUB, "10.9.9.1")) && resolves(&cluster, LINK_LOCAL, CLUSTER_NAME));
    container.config_map("coredns", &[("Corefile.base", &corefile)]);
    soon("the server block is gone", || status(&cluster, STUB) == "REFUSED");
    // The node moves to another network.
    let (org, other) = (zone("10.9.9.3"), Cluster::pod_address(1));
    let _other =
        Peer::bind_inside(format!("{other}:53").parse().unwrap(), &[("example.org", org.as_str())], &cluster.pods[1]);
    container.resolv_conf(&format!("nameserver {other}\n"));
    soon("the new nameserver is asked", || resolves(&cluster, LINK_LOCAL, (PUBLIC_NAME.0, "10.9.9.3")));
    // SIGUSR1 reads all of it again, as node-cache and CoreDNS do.
    daemon.signal(Signal::SIGUSR1);
    wait_until("it says so", || daemon.log().iter().any(|line| line.contains("configuration read again")));
}

/// N31, 2.13: "KUBE_DNS_UPSTREAM_SERVICE_HOST unset: cluster zone retries lookups of env/file, "." still works"
#[test]
fn without_the_address_of_the_clusters_dns_other_names_work_and_a_file_can_name_it() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = serve(&cluster);
    let manifest = Manifest::official(Mode::Iptables);
    let container = Container::new(&manifest, &cluster).without_variables();
    let daemon = container.start();
    assert!(resolves(&cluster, LINK_LOCAL, PUBLIC_NAME));
    assert_eq!(status(&cluster, CLUSTER_NAME.0), "SERVFAIL");
    assert!(daemon.log().iter().any(|line| line.contains("KUBE_DNS_UPSTREAM_SERVICE_HOST")), "{:#?}", daemon.log());
    container.config_map("coredns", &[("Corefile.base", &manifest.corefile), ("cluster-dns", &format!("{DNS_POD}\n"))]);
    soon("the cluster's names are asked there", || resolves(&cluster, LINK_LOCAL, CLUSTER_NAME));
    assert!(resolves(&cluster, LINK_LOCAL, PUBLIC_NAME));
}

/// N31: a file that comes to the folder of an `import` with a pattern is taken up, and let go when it goes.
#[test]
fn a_new_file_that_fits_an_import_is_found() {
    if unless(NEEDS).is_some() {
        return;
    }
    let cluster = Cluster::new(1, Wiring::Routed, Proxy::Nftables);
    let _dns = serve(&cluster);
    let _servers = more_servers(&cluster);
    let manifest = Manifest::official(Mode::Iptables);
    let container = Container::new(&manifest, &cluster);
    let corefile = format!("import *.server\n{}", manifest.corefile);
    container.config_map("coredns", &[("Corefile.base", &corefile)]);
    let _daemon = container.start();
    assert_eq!(status(&cluster, STUB), "REFUSED", "nobody knows it");
    let file = container.path("coredns").join("corp.server");
    let block = format!("corp.example:53 {{\n bind {LINK_LOCAL}\n forward . {DNS_POD}:5301\n}}\n");
    std::fs::write(&file, block).unwrap();
    soon("the new file is taken up", || resolves(&cluster, LINK_LOCAL, (STUB, "10.9.9.1")));
    std::fs::remove_file(&file).unwrap();
    soon("it is let go", || status(&cluster, STUB) == "REFUSED");
    assert!(resolves(&cluster, LINK_LOCAL, CLUSTER_NAME));
}
