//! Names of the cluster: pods, services, the API they come from.

use super::super::rule::Severity::{High, Low, Medium};
use super::super::rule::{Findings, Rule};
use super::super::sight::{self, Sight};

/// The documentation of `kubernetes`.
const KUBERNETES: &str = "https://coredns.io/plugins/kubernetes/";

/// Longest TTL of an address in the cluster, in seconds: that of kubeadm's file is 30.
const LONGEST_TTL: f64 = 60.0;

/// What is looked for.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "NDA053",
        name: "pods-insecure",
        severity: Medium,
        title: "pods insecure: any name like 1-2-3-4.ns.pod exists",
        why: "The address in the name is given back without asking whether there is such a pod; with a wildcard certificate below that zone, a \
              stranger's address gets a name that clients trust. The documentation says so and keeps it for kube-dns's sake.",
        fix: "kubernetes cluster.local in-addr.arpa ip6.arpa {\n    pods verified\n    fallthrough in-addr.arpa ip6.arpa\n    ttl 30\n}",
        sources: &[KUBERNETES],
        look: pods_insecure,
    },
    Rule {
        id: "NDA054",
        name: "api-in-the-clear",
        severity: High,
        title: "the Kubernetes API is asked without TLS",
        why: "Whoever is on the path decides which address every service has.",
        fix: "kubernetes cluster.local in-addr.arpa ip6.arpa {\n    endpoint https://10.0.0.1:6443\n    \
              tls /etc/coredns/client.crt /etc/coredns/client.key /etc/coredns/ca.crt\n    fallthrough in-addr.arpa ip6.arpa\n}",
        sources: &[KUBERNETES],
        look: api_in_the_clear,
    },
    Rule {
        id: "NDA055",
        name: "reverse-zone-swallowed",
        severity: Low,
        title: "all reverse names outside the cluster do not exist",
        why: "kubernetes answers for all of in-addr.arpa or ip6.arpa; without fallthrough the addresses of everybody else have no names, which \
              breaks access lists and logs that rely on them.",
        fix: "kubernetes cluster.local in-addr.arpa ip6.arpa {\n    fallthrough in-addr.arpa ip6.arpa\n}",
        sources: &[KUBERNETES],
        look: reverse_swallowed,
    },
    Rule {
        id: "NDA056",
        name: "long-cluster-ttl",
        severity: Low,
        title: "addresses in the cluster are kept for more than a minute",
        why: "Addresses of pods are reused within seconds; with a long TTL clients go on to whoever has the address by then.",
        fix: "kubernetes cluster.local in-addr.arpa ip6.arpa {\n    ttl 30\n    fallthrough in-addr.arpa ip6.arpa\n}",
        sources: &[KUBERNETES],
        look: long_ttl,
    },
    Rule {
        id: "NDA057",
        name: "headless-services-outside",
        severity: Medium,
        title: "k8s_external shows headless services outside",
        why: "Names and addresses behind headless services, which are meant for the cluster, are answered to whoever asks for the outer zone.",
        fix: "k8s_external example.org",
        sources: &["https://coredns.io/plugins/k8s_external/"],
        look: headless,
    },
    Rule {
        id: "NDA058",
        name: "autopath",
        severity: Low,
        title: "autopath may search in another namespace",
        why: "It takes the namespace from the client's address. When an address has just gone from one pod to another, the new one gets names of \
              the old one's namespace.",
        fix: "# remove the line; in pods: dnsConfig with ndots 2, or names with a dot at their end",
        sources: &["https://coredns.io/plugins/autopath/"],
        look: autopath,
    },
];

/// NDA053
fn pods_insecure(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("kubernetes") {
        let line = sight::option(directive, "pods");
        if let Some(line) = line.filter(|line| line.arguments.first().is_some_and(|mode| mode == "insecure")) {
            findings.add(&line.place, "pods insecure");
        }
    }
}

/// NDA054
fn api_in_the_clear(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("kubernetes") {
        let line = sight::option(directive, "endpoint").filter(|_| sight::option(directive, "kubeconfig").is_none());
        let open = line.and_then(|line| Some((line, line.arguments.first()?)));
        if let Some((line, url)) = open.filter(|(_, url)| url.starts_with("http://") && sight::is_remote(url)) {
            findings.add(&line.place, format!("endpoint {url}"));
        }
    }
}

/// NDA055
fn reverse_swallowed(sight: &Sight<'_>, findings: &mut Findings) {
    const WHOLE: [&str; 2] = ["in-addr.arpa.", "ip6.arpa."];
    for server in sight.servers().iter().filter(|server| sight::has(server, "kubernetes")) {
        let served = WHOLE.map(|whole| server.keys.iter().any(|key| key.zone == whole));
        for directive in sight::plugins(server, "kubernetes") {
            let is_held = |whole: &str, is_served: bool| match directive.arguments.as_slice() {
                [] => is_served,
                named => named.iter().any(|name| sight::zone(name) == whole),
            };
            let ends = WHOLE
                .into_iter()
                .zip(served)
                .find(|(zone, is_served)| is_held(zone, *is_served) && !sight::falls_through(directive, zone));
            if let Some((zone, _)) = ends {
                findings.add(&directive.place, format!("{zone} ends here"));
            }
        }
    }
}

/// NDA056
fn long_ttl(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("kubernetes") {
        let Some(line) = sight::option(directive, "ttl") else { continue };
        let time = line.arguments.first().and_then(|time| sight::seconds(time)).unwrap_or(0.0);
        if time > LONGEST_TTL {
            findings.add(&line.place, format!("ttl {time}"));
        }
    }
}

/// NDA057
fn headless(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("k8s_external") {
        if let Some(line) = sight::option(directive, "headless") {
            findings.add(&line.place, format!("k8s_external {}: headless", directive.arguments.join(" ")));
        }
    }
}

/// NDA058
fn autopath(sight: &Sight<'_>, findings: &mut Findings) {
    for (_, directive) in sight.plugins("autopath") {
        if directive.arguments.iter().any(|word| word == "@kubernetes") {
            findings.add(&directive.place, "autopath @kubernetes");
        }
    }
}
