//! How many series a node of a cluster has: `config/kubernetes.toml` as it is, in a namespace, with traffic of every kind and servers that fail.

use std::collections::BTreeMap;

use super::common::ask::Ask;
use super::common::client::{Tcp, Udp};
use super::common::cluster::{Cluster, KUBE_DNS, LINK_LOCAL, Proxy, Wiring};
use super::common::daemon::Setup;
use super::common::metrics::{Scrape, get};
use super::common::skip::{Need, unless};
use super::common::wait_until;
use super::common::wire::kind;

/// What these tests need.
const NEEDS: &[Need] = &[Need::Namespaces, Need::Program("named"), Need::Program("dig"), Need::Program("nft")];

/// The file as operators get it.
const SAMPLE: &str = include_str!("../../config/kubernetes.toml");

/// Types that programs ask for, and one that nobody asks for.
const TYPES: [u16; 17] = [1, 28, 5, 12, 15, 2, 6, 16, 33, 43, 46, 48, 64, 65, 255, 10, 65_400];

/// Names of every zone that the file has: there, not there, answered by the node itself, reverse ones, and outside where no server answers.
const NAMES: [&str; 8] = [
    "web.default.svc.cluster.local",
    "nobody.default.svc.cluster.local",
    "external.default.svc.cluster.local",
    "localhost",
    "4.3.2.1.in-addr.arpa",
    "1.0.0.10.in-addr.arpa",
    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa",
    "www.example.org",
];

/// Asks `server` for every name and type over both transports, and says things that no client says. Who asks must stay until all is answered.
fn ask_everything(server: &str) -> (Udp, Tcp) {
    let (pod, address) = (Cluster::pod_address(0).parse().unwrap(), format!("{server}:53").parse().unwrap());
    let (udp, mut tcp) = (Udp::from_to(pod, address), Tcp::between(pod, address));
    for name in NAMES {
        for qtype in TYPES {
            udp.send(&Ask::new(name, qtype).dnssec_ok());
            tcp.send(&[&Ask::new(name, qtype)]);
        }
    }
    for odd in [
        Ask::a("www.example.org").opcode(5),
        Ask::a("www.example.org").questions(2),
        Ask::a("www.example.org").class(3),
        Ask::a("www.example.org").version(1),
        Ask::new("cluster.local", 252),
        Ask::new("id.server", kind::TXT).class(3),
    ] {
        udp.send(&odd);
        tcp.send(&[&odd]);
    }
    udp.send_bytes(&[0; 5]);
    udp.send(&Ask::a("www.example.org").flags(0x8000));
    (udp, tcp)
}

/// How many series each family has.
fn by_family(scrape: &Scrape) -> BTreeMap<String, usize> {
    let mut families = BTreeMap::new();
    for series in &scrape.series {
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| series.name.strip_suffix(end));
        *families.entry(name.unwrap_or(&series.name).to_owned()).or_default() += 1;
    }
    families
}

/// N38: what is counted is that of a worst day (`src/metrics/tests.rs` counts what can be at all): pods ask for everything at both addresses over
/// both transports, somebody takes the rules away, cluster DNS goes away, and nobody outside answers at all.
#[test]
fn a_node_of_a_cluster_has_at_most_600_series_on_a_bad_day() {
    if unless(NEEDS).is_some() {
        return;
    }
    for names in ["few", "coredns", "all"] {
        bad_day(names);
    }
}

/// Such a day of a node that shows these names.
fn bad_day(names: &str) {
    let cluster = Cluster::new(1, Wiring::Bridge, Proxy::Nftables);
    let dns = cluster.serve(&[("cluster.local", super::CLUSTER_ZONE)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nodens.toml");
    std::fs::write(&file, SAMPLE.replacen("[metrics]\n", &format!("[metrics]\nnames = {names:?}\n"), 1)).unwrap();
    let _daemon = Setup::new().under(&cluster.node.wrapper()).start_at(&file);
    wait_until("there are rules", || cluster.node.output(&["nft", "list", "tables"]).contains("inet nodens"));
    let scrape = || scrape(&cluster);
    let quiet = scrape().series.len();
    let ask = || [LINK_LOCAL, KUBE_DNS].map(|server| cluster.pods[0].inside(|| ask_everything(server)));
    let asking = ask();
    let asked = |scrape: &Scrape| scrape.value("coredns_dns_requests_total", &[]).unwrap_or(0.0);
    // Both addresses, both transports.
    let all = NAMES.len() * TYPES.len() * 4;
    wait_until("all is answered", || asked(&scrape()) >= f64::from(u32::try_from(all).unwrap()));
    drop(asking);
    cluster.node.output(&["nft", "delete", "table", "inet", "nodens"]);
    wait_until("the rules are back", || scrape().value("nodens_node_repairs_total", &[("part", "rules")]) > Some(0.0));
    drop(dns);
    let _asking = ask();
    wait_until("questions fail", || {
        scrape().value("coredns_dns_responses_total", &[("rcode", "SERVFAIL")]) > Some(20.0)
    });
    let scrape = scrape();
    let (series, families) = (scrape.series.len(), by_family(&scrape));
    eprintln!("{names}: {quiet} series of a quiet node, {series} on a bad day: {families:#?}");
    assert!(series <= 600, "{names}: {series} series: {families:#?}");
    assert_eq!(families.contains_key("coredns_plugin_enabled"), names != "few");
    assert_eq!(families.contains_key("coredns_forward_requests_total"), names == "all");
    // It was a bad day indeed.
    for (family, least) in [
        ("coredns_dns_requests_total", 40),
        ("coredns_dns_responses_total", 12),
        ("coredns_dns_request_duration_seconds", 19),
    ] {
        assert!(families[family] >= least, "{family}: {families:#?}");
    }
}

/// What Prometheus gets of the node.
fn scrape(cluster: &Cluster) -> Scrape {
    let page = cluster.node.inside(|| get(([127, 0, 0, 1], 9253).into(), "/metrics"));
    assert_eq!(page.status, 200, "{}", page.body);
    Scrape::read(&page.body)
}
