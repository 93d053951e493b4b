//! A Corefile with the values of its variables and the server blocks of stub domains, apart from the command line of node-cache: for those who
//! migrate, perhaps on another machine.

use std::net::IpAddr;
use std::path::Path;

use super::kube_dns::KubeDns;
use super::template::{CLUSTER_DNS, Variables};
use crate::corefile::{self, Corefile, Mistake, Surroundings};
use crate::error::{ExitCode, Failure};

/// Where the environment names the cluster's DNS, with the service of the official manifest.
const VARIABLE: &str = "KUBE_DNS_UPSTREAM_SERVICE_HOST";
/// What node-cache puts in for metrics, unless its command line says otherwise.
const PROMETHEUS: &str = ":9253";
/// The port of server blocks.
const PORT: u16 = 53;

/// What is known besides the text.
#[derive(Debug, Default)]
pub(in crate::cli) struct Given<'a> {
    /// The folder of kube-dns's ConfigMap.
    pub(in crate::cli) kube_dns: Option<&'a Path>,
    /// The cluster's DNS.
    pub(in crate::cli) cluster_dns: &'a [String],
}

/// The tree of a text.
///
/// # Errors
///
/// All that is wrong with the text or the ConfigMap.
pub(in crate::cli) fn tree(
    text: &str,
    origin: &str,
    given: &Given<'_>,
    surroundings: &dyn Surroundings,
) -> Result<Corefile, Failure> {
    let config = |reason: String| Failure::new(ExitCode::Config, reason);
    let kube_dns = given.kube_dns.map_or_else(|| Ok(KubeDns::default()), KubeDns::read).map_err(config)?;
    let mut cluster_dns = given.cluster_dns.to_vec();
    if cluster_dns.is_empty() {
        let value = surroundings.variable(VARIABLE).unwrap_or_default();
        cluster_dns.extend(value.split_whitespace().map(str::to_owned));
    }
    let variables = |local| Variables { local, cluster_dns: &cluster_dns, prometheus: PROMETHEUS, port: PORT };
    let rendered = variables(&[]).render(text, &kube_dns);
    if rendered.contains(CLUSTER_DNS) {
        let right = format!("name it with --cluster-dns, or in {VARIABLE} of the environment");
        return Err(config(format!("{origin}: nothing says what {CLUSTER_DNS} stands for; {right}")));
    }
    let told = |mistakes: Vec<Mistake>| Failure::of_mistakes(&mistakes);
    let mut tree = corefile::parse(&rendered, origin, surroundings).map_err(told)?;
    // Stub domains are asked where everything is: the addresses of the first block.
    let binds = tree.blocks.first().into_iter().flat_map(|block| &block.directives).filter(|line| line.name == "bind");
    let local: Vec<IpAddr> = binds.flat_map(|line| &line.arguments).filter_map(|word| word.parse().ok()).collect();
    let variables = variables(&local);
    let zone = |domain: &str| format!("{}.", domain.trim_end_matches('.').to_lowercase());
    let is_held = |domain: &str| tree.blocks.iter().any(|block| block.keys.iter().any(|key| key.zone == zone(domain)));
    let stubs = kube_dns.stub_domains.iter().filter(|(domain, _)| !is_held(domain));
    let stubs: String = stubs.map(|(domain, servers)| variables.stub(domain, servers)).collect();
    if !stubs.is_empty() {
        let folder = given.kube_dns.unwrap_or_else(|| Path::new("")).display();
        tree.blocks
            .extend(corefile::parse(&stubs, &format!("{folder} (stubDomains)"), surroundings).map_err(told)?.blocks);
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Given, tree};
    use crate::corefile::Nothing;

    /// N31: the ConfigMap of kube-dns.
    #[test]
    fn stub_domains_become_blocks_unless_the_corefile_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let stubs = "{\"corp.example\": [\"10.0.0.53\"], \"Lab.example\": [\"10.0.0.54\", \"10.0.0.55:5353\"]}";
        fs::write(folder.path().join("stubDomains"), stubs).unwrap();
        fs::write(folder.path().join("upstreamNameservers"), "[\"192.0.2.1\"]").unwrap();
        let text = ".:53 {\nbind 169.254.20.10 fd00::a\nforward . __PILLAR__UPSTREAM__SERVERS__\n}\nlab.example {\nforward . __PILLAR__CLUSTER__DNS__\n}\n";
        let cluster_dns = ["10.96.0.11".to_owned()];
        let given = Given { kube_dns: Some(folder.path()), cluster_dns: &cluster_dns };
        let tree = tree(text, "Corefile", &given, &Nothing).unwrap();
        let zones: Vec<_> = tree.blocks.iter().map(|block| block.keys[0].zone.as_str()).collect();
        assert_eq!(zones, [".", "lab.example.", "corp.example."]);
        let arguments = |block: usize, line: usize| tree.blocks[block].directives[line].arguments.join(" ");
        assert_eq!(arguments(0, 1), ". 192.0.2.1");
        assert_eq!(arguments(1, 0), ". 10.96.0.11");
        assert_eq!([arguments(2, 2), arguments(2, 3)], ["169.254.20.10 fd00::a", ". 10.0.0.53"]);
    }

    #[test]
    fn a_server_that_nobody_names_is_asked_for() {
        let failure =
            tree("a {\nforward . __PILLAR__CLUSTER__DNS__\n}", "Corefile", &Given::default(), &Nothing).unwrap_err();
        assert!(failure.message.contains("--cluster-dns"), "{failure}");
    }
}
