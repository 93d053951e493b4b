//! The variables of a base Corefile, and the server blocks of stub domains behind it. Texts alone; nothing is read here.
//!
//! What cannot be known, the address of the cluster's DNS, is left in the text: [`super::source`] answers for it in another way.

use std::net::IpAddr;

use super::kube_dns::KubeDns;

/// The address of the cluster's DNS.
pub(super) const CLUSTER_DNS: &str = "__PILLAR__CLUSTER__DNS__";

/// The servers for everything else.
const UPSTREAM_SERVERS: &str = "__PILLAR__UPSTREAM__SERVERS__";

/// Where those are, unless somebody names others.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What variables stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variables<'a> {
    /// The addresses of `-localip`.
    pub(super) local: &'a [IpAddr],
    /// The addresses of the cluster's DNS; empty if nobody knows them.
    pub(super) cluster_dns: &'a [String],
    /// What `-prometheus-listen-address` says.
    pub(super) prometheus: &'a str,
    /// The port of server blocks.
    pub(super) port: u16,
}

impl Variables<'_> {
    /// The local addresses as `bind` takes them.
    fn local(&self) -> String {
        self.local.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The text with its variables replaced. Where kube-dns's ConfigMap names servers for all other names, they are asked as it always was: over UDP,
    /// also where the base says `force_tcp` for those of the node.
    pub(super) fn render(&self, base: &str, kube_dns: &KubeDns) -> String {
        let mut text = base.to_owned();
        let upstream = if kube_dns.upstream_servers.is_empty() {
            RESOLV_CONF.to_owned()
        } else {
            text = without_force_tcp(&text);
            kube_dns.upstream_servers.join(" ")
        };
        for (variable, value) in [
            ("__PILLAR__LOCAL__DNS__", self.local()),
            ("__PILLAR__DNS__SERVER__", String::new()),
            (UPSTREAM_SERVERS, upstream),
            ("__PROMETHEUS__ENDPOINT__", self.prometheus.to_owned()),
        ] {
            text = text.replace(variable, &value);
        }
        if !self.cluster_dns.is_empty() {
            text = text.replace(CLUSTER_DNS, &self.cluster_dns.join(" "));
        }
        text
    }

    /// The server block of a stub domain.
    pub(super) fn stub(&self, domain: &str, servers: &[String]) -> String {
        format!(
            "{domain}:{} {{\n    errors\n    cache 30\n    bind {}\n    forward . {}\n}}\n",
            self.port,
            self.local(),
            servers.join(" ")
        )
    }
}

/// The text with `forward . __PILLAR__UPSTREAM__SERVERS__ { force_tcp }` without its braces, however it is spaced.
fn without_force_tcp(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(UPSTREAM_SERVERS) {
        let (before, behind) = rest.split_at(at + UPSTREAM_SERVERS.len());
        result.push_str(before);
        rest = behind;
        let inside = behind.trim_start_matches([' ', '\t']).strip_prefix('{');
        if let Some((block, after)) = inside.and_then(|inside| inside.split_once('}'))
            && block.trim() == "force_tcp"
        {
            rest = after;
        }
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables of a node with both addresses.
    fn render(base: &str, cluster_dns: &[String], upstream: &[&str]) -> String {
        let local = ["169.254.20.10", "10.96.0.10"].map(|ip| ip.parse().unwrap());
        let upstream_servers = upstream.iter().map(|server| (*server).to_owned()).collect();
        let variables = Variables { local: &local, cluster_dns, prometheus: ":9253", port: 53 };
        variables.render(base, &KubeDns { upstream_servers, ..KubeDns::default() })
    }

    /// N31, 2.3
    #[test]
    fn variables_are_replaced_and_the_one_of_the_server_by_nothing() {
        let known = ["10.96.100.1".to_owned()];
        let text = "bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\nforward . __PILLAR__CLUSTER__DNS__ {\n force_tcp\n}\n\
                    prometheus __PROMETHEUS__ENDPOINT__\nforward . __PILLAR__UPSTREAM__SERVERS__\n__PILLAR__DNS__DOMAIN__\n";
        assert_eq!(
            render(text, &known, &[]),
            "bind 169.254.20.10 10.96.0.10 \nforward . 10.96.100.1 {\n force_tcp\n}\nprometheus :9253\n\
             forward . /etc/resolv.conf\n__PILLAR__DNS__DOMAIN__\n"
        );
        assert_eq!(render("forward . __PILLAR__CLUSTER__DNS__", &[], &[]), "forward . __PILLAR__CLUSTER__DNS__");
    }

    /// N31, 2.3
    #[test]
    fn custom_servers_are_asked_over_udp() {
        let tcp = "forward . __PILLAR__UPSTREAM__SERVERS__ {\n            force_tcp\n    }\n    x";
        assert_eq!(render(tcp, &[], &["1.1.1.1", "8.8.8.8:53"]), "forward . 1.1.1.1 8.8.8.8:53\n    x");
        assert_eq!(render(tcp, &[], &[]), "forward . /etc/resolv.conf {\n            force_tcp\n    }\n    x");
        let more = "forward . __PILLAR__UPSTREAM__SERVERS__ {\n force_tcp\n max_concurrent 9\n}";
        assert_eq!(render(more, &[], &["1.1.1.1"]), "forward . 1.1.1.1 {\n force_tcp\n max_concurrent 9\n}");
    }
}
