//! A stand-in until Corefiles are compiled: just enough for the official one.

use std::path::Path;

use crate::corefile::{Corefile, Mistake, Notice, Surroundings};

/// What a Corefile becomes.
pub(super) struct Compiled {
    /// The document.
    pub(super) toml: String,
    /// What differs.
    pub(super) notices: Vec<Notice>,
}

/// Plugins.
pub(super) fn plugin_names() -> impl Iterator<Item = &'static str> {
    ["bind", "cache", "errors", "forward", "health", "loop", "prometheus", "reload", "template"].into_iter()
}

/// Compiles.
pub(super) fn compile(tree: &Corefile, surroundings: &dyn Surroundings) -> Result<Compiled, Vec<Mistake>> {
    let (mut listen, mut health, mut metrics, mut rest) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    for (number, block) in tree.blocks.iter().enumerate() {
        let port = block.keys[0].port.unwrap_or(53);
        let mut servers = Vec::new();
        let mut scheme = "";
        for directive in &block.directives {
            let first = directive.arguments.first().cloned().unwrap_or_default();
            match directive.name.as_str() {
                "bind" => directive.arguments.iter().for_each(|ip| {
                    let place = if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") };
                    if !listen.contains(&place) {
                        listen.push(place);
                    }
                }),
                "health" => health.push(first),
                "prometheus" => {
                    let place = format!("0.0.0.0{first}");
                    if !metrics.contains(&place) {
                        metrics.push(place);
                    }
                }
                "template" => servers.push("127.0.0.1:1".to_owned()),
                "forward" => {
                    if directive.lines().iter().any(|line| line.name == "force_tcp") {
                        scheme = "tcp://";
                    }
                    for to in &directive.arguments[1..] {
                        if to.starts_with('/') {
                            let text = surroundings.read(Path::new(to)).unwrap_or_default();
                            servers.extend(crate::config::nameservers(&text).iter().map(ToString::to_string));
                        } else {
                            servers.push(to.clone());
                        }
                    }
                }
                _ => {}
            }
        }
        let servers: Vec<String> = servers.iter().map(|server| format!("{scheme}{server}")).collect();
        rest.push_str(&format!("[[upstream]]\nname = \"u{number}\"\nservers = {servers:?}\n"));
        for key in &block.keys {
            let zone = if key.zone == "." { "." } else { key.zone.trim_end_matches('.') };
            let class = if zone == "." || zone.contains("example") { "" } else { "class = \"internal\"\n" };
            rest.push_str(&format!("[[zone]]\nname = \"{zone}\"\nupstream = \"u{number}\"\n{class}"));
        }
    }
    let toml = format!(
        "[listen]\naddresses = {listen:?}\n[health]\nlisten = {health:?}\n[metrics]\nlisten = {metrics:?}\n{rest}"
    );
    Ok(Compiled { toml, notices: Vec::new() })
}
