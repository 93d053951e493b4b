//! The ConfigMap of kube-dns, as a folder: `stubDomains` and `upstreamNameservers`. `federations` and all else is left alone.
//!
//! What it says becomes text of a Corefile, so nothing passes that could be more than one word there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::read_text;
use crate::corefile::Server;

/// Most servers of `upstreamNameservers`, as kube-dns has it.
const MOST_UPSTREAM_SERVERS: usize = 3;

/// Most servers of a stub domain, as CoreDNS's plugin forward has it.
const MOST_SERVERS: usize = 15;

/// Most stub domains. A guess well above any use.
const MOST_DOMAINS: usize = 256;

/// What the ConfigMap says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KubeDns {
    /// Domains with the servers that know their names.
    pub(super) stub_domains: BTreeMap<String, Vec<String>>,
    /// Servers for all names that nobody else knows, in the place of those of the node.
    pub(super) upstream_servers: Vec<String>,
}

/// The files that are read in the folder.
pub(super) fn files(folder: &Path) -> [PathBuf; 2] {
    ["stubDomains", "upstreamNameservers"].map(|name| folder.join(name))
}

impl KubeDns {
    /// Reads the folder; nothing is said where there is none.
    ///
    /// # Errors
    ///
    /// What is wrong, with the file.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let [stub_domains, upstream_servers] = files(folder);
        let mut found = Self::default();
        if let Some(text) = text(&stub_domains)? {
            found.stub_domains = domains(&text).map_err(|reason| format!("{}: {reason}", stub_domains.display()))?;
        }
        if let Some(text) = text(&upstream_servers)? {
            found.upstream_servers =
                servers(&text).map_err(|reason| format!("{}: {reason}", upstream_servers.display()))?;
        }
        Ok(found)
    }
}

/// The text of a file, if it is there.
fn text(path: &Path) -> Result<Option<String>, String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read_text(path).map(Some).map_err(|failure| failure.message),
    }
}

/// The map of `stubDomains`.
fn domains(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let map: BTreeMap<String, Vec<String>> = serde_json::from_str(text)
        .map_err(|error| format!("{error}; a JSON object of lists, such as {{\"corp.example\": [\"10.0.0.53\"]}}"))?;
    if map.len() > MOST_DOMAINS {
        return Err(format!("{} domains; at most {MOST_DOMAINS}", map.len()));
    }
    for (domain, servers) in &map {
        let is_name = !domain.is_empty()
            && domain.len() <= 253
            && domain.trim_end_matches('.').split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            });
        if !is_name {
            return Err(format!("{domain:?} is no domain; a name such as \"corp.example\""));
        }
        if servers.is_empty() || servers.len() > MOST_SERVERS {
            return Err(format!("{domain} has {} servers; from 1 to {MOST_SERVERS}", servers.len()));
        }
        servers.iter().try_for_each(|server| check_server(server))?;
    }
    Ok(map)
}

/// The list of `upstreamNameservers`.
fn servers(text: &str) -> Result<Vec<String>, String> {
    let list: Vec<String> = serde_json::from_str(text)
        .map_err(|error| format!("{error}; a JSON list, such as [\"10.0.0.53\", \"10.0.0.54:5353\"]"))?;
    if list.len() > MOST_UPSTREAM_SERVERS {
        return Err(format!("{} servers; at most {MOST_UPSTREAM_SERVERS}", list.len()));
    }
    list.iter().try_for_each(|server| check_server(server))?;
    Ok(list)
}

/// Whether a word is a server as the plugin forward takes it: `dns://` or `tls://` or neither, an address, perhaps a name for TLS, perhaps a port; or
/// a file of nameservers.
pub(super) fn check_server(text: &str) -> Result<(), String> {
    let wrong = |why: &str| {
        Err(format!(
            "{text:?} {why}; an address such as \"10.0.0.53\", \"10.0.0.53:5353\" or \"tls://1.1.1.1%one.one.one.one\", or a file"
        ))
    };
    if text.bytes().any(|byte| !byte.is_ascii_graphic() || b"{}\"\\#$".contains(&byte)) {
        return wrong("is more than one word");
    }
    if text.starts_with('/') {
        return Ok(());
    }
    let Some(server) = Server::read(text) else { return wrong("is no address") };
    if let Some(scheme) = server.scheme.filter(|scheme| !matches!(*scheme, "dns" | "tls")) {
        return wrong(&format!("has the unknown scheme {scheme}"));
    }
    // A host name is nothing that forward could ask, and a port is never 0 here.
    match (server.ip(), server.address(53)) {
        (None, _) => wrong("is no address"),
        (Some(_), Some(address)) if address.port() > 0 => Ok(()),
        (Some(_), Some(_)) => wrong("has no port behind its colon"),
        (Some(_), None) if server.host.contains('%') => wrong("has a scope that is no number"),
        (Some(_), None) => wrong("has no port behind its colon"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// N31, 2.4
    #[test]
    fn a_folder_says_what_its_files_say_and_a_missing_one_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(KubeDns::read(&folder.path().join("nowhere")), Ok(KubeDns::default()));
        assert_eq!(KubeDns::read(folder.path()), Ok(KubeDns::default()));
        let [stubs, upstreams] = files(folder.path());
        std::fs::write(
            &stubs,
            r#"{"corp.example": ["10.0.0.53", "[fd00::53]:5353"], "b.": ["tls://1.1.1.1%one.one.one.one"]}"#,
        )
        .unwrap();
        std::fs::write(&upstreams, r#"["8.8.8.8", "dns://9.9.9.9:53"]"#).unwrap();
        std::fs::write(folder.path().join("federations"), "not even JSON").unwrap();
        let found = KubeDns::read(folder.path()).unwrap();
        assert_eq!(found.stub_domains["corp.example"], ["10.0.0.53", "[fd00::53]:5353"]);
        assert_eq!(found.stub_domains.len(), 2);
        assert_eq!(found.upstream_servers, ["8.8.8.8", "dns://9.9.9.9:53"]);
        std::fs::write(&upstreams, [0xff, b'[']).unwrap();
        assert!(KubeDns::read(folder.path()).unwrap_err().contains("upstreamNameservers:1: syntax: is not UTF-8"));
        std::fs::write(&upstreams, "").unwrap();
        assert!(KubeDns::read(folder.path()).unwrap_err().contains("upstreamNameservers: EOF"));
    }

    /// N31, 2.4: what they say becomes text of a Corefile.
    #[test]
    fn nothing_that_is_more_than_a_word_passes() {
        for server in [
            "",
            "x.example",
            "10.0.0.53 {",
            "10.0.0.53\n}",
            "10.0.0.53:",
            "10.0.0.53:0",
            "10.0.0.53:99999",
            "https://1.1.1.1",
            "::1:x]",
            "[::1",
            "[::1]53",
            "1.1.1.1#x",
            "/etc/a b",
            "{$SECRET}",
        ] {
            assert!(servers(&serde_json::to_string(&[server]).unwrap()).is_err(), "{server:?}");
        }
        for domain in ["", ".", "a b", "a{", "a\n", "*.example", "a..b", "x:53"] {
            let map = BTreeMap::from([(domain, ["10.0.0.1"])]);
            assert!(domains(&serde_json::to_string(&map).unwrap()).is_err(), "{domain:?}");
        }
        assert!(domains(r#"{"a": []}"#).unwrap_err().contains("a has 0 servers"));
        assert!(servers(r#"["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]"#).unwrap_err().contains("at most 3"));
        assert!(servers("{}").is_err() && domains("[]").is_err() && domains(r#"{"a": "10.0.0.1"}"#).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = (domains(&text), servers(&text), check_server(&text));
        }
    }
}
