//! What flags and nodens's own file say, put into the document that a Corefile has become.
//!
//! Sections are joined key by key, `[[zone]]` and `[[upstream]]` by their names; all other lists of tables are put behind those that are there. What
//! is said later goes first: the Corefile, then the flags, then the file.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use toml::{Table, Value};

use super::flags::Flags;
use crate::corefile::{self, Corefile, Everywhere};
use crate::error::{ExitCode, Failure};
use crate::sys::socket::has_ipv6;

/// The document with all of it.
///
/// # Errors
///
/// If one of the texts is no TOML, which others have checked.
pub(super) fn complete(
    compiled: &str,
    flags: &Flags,
    tree: &Corefile,
    own: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<String, Failure> {
    let mut document = table(compiled)?;
    set_listeners(&mut document, flags, warnings);
    set_metrics(&mut document, flags, warnings);
    set_health(&mut document, flags, warnings);
    set_node(&mut document, flags);
    set_errors(&mut document, tree);
    if let Some(own) = own {
        join(&mut document, table(own)?);
    }
    report_rebinding(&mut document);
    toml::to_string(&document)
        .map_err(|error| Failure::new(ExitCode::Software, format!("a document cannot be written: {error}")))
}

/// The tables of a text.
fn table(text: &str) -> Result<Table, Failure> {
    text.parse().map_err(|error| Failure::new(ExitCode::Software, format!("a document cannot be read: {error}")))
}

/// A section that stands once.
fn section<'a>(document: &'a mut Table, name: &str) -> &'a mut Table {
    let entry = document.entry(name).or_insert_with(|| Value::Table(Table::new()));
    if !entry.is_table() {
        *entry = Value::Table(Table::new());
    }
    entry.as_table_mut().expect("it was just made one")
}

/// The tables of a section that stands several times.
fn tables<'a>(document: &'a mut Table, name: &str) -> impl Iterator<Item = &'a mut Table> {
    document.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_table_mut)
}

/// The addresses of an option, which may be one text or a list.
fn addresses(section: &Table, key: &str) -> Vec<SocketAddr> {
    let texts = match section.get(key) {
        Some(Value::String(text)) => vec![text.as_str()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    // In listen.addresses the port may be missing.
    let parse = |text: &str| text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
    texts.into_iter().filter_map(parse).collect()
}

/// Addresses as an option takes them.
fn list(addresses: &[SocketAddr]) -> Value {
    Value::Array(addresses.iter().map(|address| Value::String(address.to_string())).collect())
}

/// The addresses of `-localip` are listened on, as they are put on the link: where no server block binds one, the others answer there, too.
fn set_listeners(document: &mut Table, flags: &Flags, warnings: &mut Vec<String>) {
    let listen = section(document, "listen");
    let mut places = addresses(listen, "addresses");
    for &local in flags.local.iter().filter(|_| flags.sets_up_interface) {
        if !places.iter().any(|place| place.ip() == local) {
            warnings.push(format!("-localip: no server block binds {local}; it is answered there all the same"));
            places.push(SocketAddr::new(local, flags.port));
        }
    }
    listen.insert("addresses".to_owned(), list(&places));
}

/// Metrics are served where the Corefile says and where the flag says, the same at both.
fn set_metrics(document: &mut Table, flags: &Flags, warnings: &mut Vec<String>) {
    let metrics = section(document, "metrics");
    let mut places = addresses(metrics, "listen");
    match endpoint(&flags.metrics) {
        _ if flags.metrics.is_empty() => {}
        Some(place) if places.iter().any(|other| other.port() == place.port()) => {
            warnings
                .push(format!("-metrics-listen-address: port {} is taken by the Corefile's own metrics", place.port()));
        }
        Some(place) => places.push(place),
        None => warnings.push(format!(
            "-metrics-listen-address: {:?} is no address with a port; nothing is served there",
            flags.metrics
        )),
    }
    metrics.insert("listen".to_owned(), list(&places));
    // Who changes the image has the dashboards already.
    metrics.entry("names").or_insert_with(|| "coredns".into());
}

/// An address as Go's listeners take it: all addresses where none is written.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (ip, port) = corefile::listener(text, Everywhere::AsWritten)?;
    let all = || if has_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    Some(SocketAddr::new(ip.unwrap_or_else(all), port))
}

/// Rules for probes are made for the port where they are answered; the flag only says which one that was thought to be.
fn set_health(document: &mut Table, flags: &Flags, warnings: &mut Vec<String>) {
    let health = section(document, "health");
    let places = addresses(health, "listen");
    if flags.sets_up_iptables && !places.is_empty() && places.iter().all(|place| place.port() != flags.health_port) {
        warnings.push(format!(
            "-health-port: probes are answered at {}, and rules are made for that; {} is not used",
            places[0], flags.health_port
        ));
    }
    if places.is_empty() {
        health.insert("listen".to_owned(), Value::String(String::new()));
    }
}

/// Link and rules.
fn set_node(document: &mut Table, flags: &Flags) {
    let interval = format!("{}ms", flags.interval.as_millis());
    let interface = section(document, "interface");
    interface.insert("manage".to_owned(), flags.sets_up_interface.into());
    interface.insert("name".to_owned(), flags.interface.clone().into());
    interface.insert("interval".to_owned(), interval.clone().into());
    interface.insert("teardown".to_owned(), (!flags.skips_teardown).into());
    let rules = section(document, "rules");
    rules.insert("backend".to_owned(), if flags.sets_up_iptables { "iptables" } else { "none" }.into());
    rules.insert("interval".to_owned(), interval.into());
    rules.insert("teardown".to_owned(), (!flags.skips_teardown).into());
}

/// Failures leave a line each where a server block says `errors`, in CoreDNS's form.
fn set_errors(document: &mut Table, tree: &Corefile) {
    if !tree.blocks.iter().flat_map(|block| &block.directives).any(|directive| directive.name == "errors") {
        return;
    }
    let add = |table: &mut Table, key: &str| {
        let classes = table.entry(key).or_insert_with(|| Value::Array(Vec::new()));
        if let Some(classes) = classes.as_array_mut() {
            classes.push(FAILURE.into());
        }
    };
    add(section(document, "query-log"), "classes");
    // Zones with classes of their own do not have those.
    for zone in tables(document, "zone").filter(|zone| zone.contains_key("query-log")) {
        add(zone, "query-log");
    }
}

/// The class of failures in the query log.
const FAILURE: &str = "failure";

/// Joins what is said later into what was said before.
fn join(document: &mut Table, later: Table) {
    for (key, value) in later {
        match (document.get_mut(&key), value) {
            (Some(Value::Table(before)), Value::Table(value)) => join(before, value),
            (Some(Value::Array(before)), Value::Array(value)) if value.iter().any(Value::is_table) => {
                value.into_iter().for_each(|table| join_named(before, table));
            }
            (_, value) => {
                document.insert(key, value);
            }
        }
    }
}

/// Joins a table into the one of the same name, or puts it behind all others.
fn join_named(before: &mut Vec<Value>, later: Value) {
    let name =
        |value: &Value| value.get("name").and_then(Value::as_str).map(|name| name.trim_end_matches('.').to_lowercase());
    let same = name(&later).and_then(|wanted| before.iter_mut().find(|value| name(value).as_ref() == Some(&wanted)));
    match (same, later) {
        (Some(Value::Table(same)), Value::Table(later)) => join(same, later),
        (_, later) => before.push(later),
    }
}

/// Addresses that are not public are reported and pass, unless somebody has said what is to be done: what a Corefile let pass until now, load balancers
/// and databases of clouds among it, does not fail because of a new image.
fn report_rebinding(document: &mut Table) {
    for zone in tables(document, "zone") {
        if zone.get("class").and_then(Value::as_str) == Some("internal") {
            continue;
        }
        section(zone, "rebinding").entry("mode").or_insert_with(|| "report".into());
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::flags::{Wish, read};
    use super::*;

    /// What a command line and a file make of a document; and the warnings.
    fn made(compiled: &str, line: &str, own: Option<&str>) -> (Table, Vec<String>) {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let Wish::Run(flags) = read(&words).unwrap() else { panic!("{line}") };
        let mut warnings = Vec::new();
        let text = complete(compiled, &flags, &Corefile::default(), own, &mut warnings).unwrap();
        (text.parse().unwrap(), warnings)
    }

    /// A document such as a Corefile becomes.
    const COMPILED: &str = "[listen]\naddresses = [\"169.254.20.10:53\"]\n[metrics]\nlisten = \"0.0.0.0:9253\"\n[health]\nlisten = \"169.254.20.10:8080\"\n\
        [[upstream]]\nname = \"a\"\nservers = [\"10.0.0.1\"]\n[[zone]]\nname = \"cluster.local\"\nupstream = \"a\"\nclass = \"internal\"\n\
        [[zone]]\nname = \".\"\nupstream = \"a\"\n";

    /// N31
    #[test]
    fn flags_say_what_a_corefile_cannot() {
        let (document, warnings) =
            made(COMPILED, "-localip 169.254.20.10,10.96.0.10 -syncinterval 5 -skipteardown -interfacename x", None);
        assert_eq!(document["listen"]["addresses"].to_string(), r#"["169.254.20.10:53", "10.96.0.10:53"]"#);
        assert_eq!(document["metrics"]["listen"].to_string(), r#"["0.0.0.0:9253", "0.0.0.0:9353"]"#);
        assert_eq!(document["rules"]["backend"].as_str(), Some("iptables"));
        assert_eq!(document["interface"]["name"].as_str(), Some("x"));
        for section in ["interface", "rules"] {
            assert_eq!(
                (document[section]["interval"].as_str(), document[section]["teardown"].as_bool()),
                (Some("5000ms"), Some(false))
            );
        }
        assert!(warnings[0].contains("no server block binds 10.96.0.10"), "{warnings:?}");
        let (document, warnings) = made(
            COMPILED,
            "-localip 10.96.0.10 -setupinterface=false -setupiptables=false -metrics-listen-address :9253",
            None,
        );
        assert_eq!(document["listen"]["addresses"].to_string(), r#"["169.254.20.10:53"]"#);
        assert_eq!(
            (document["interface"]["manage"].as_bool(), document["rules"]["backend"].as_str()),
            (Some(false), Some("none"))
        );
        assert!(warnings[0].contains("port 9253 is taken"), "{warnings:?}");
    }

    /// N31, N35
    #[test]
    fn rebinding_is_reported_unless_somebody_says_otherwise() {
        let mode = |document: &Table, zone: usize| {
            document["zone"][zone].get("rebinding").map(|table| table["mode"].as_str().unwrap().to_owned())
        };
        let (document, _) = made(COMPILED, "-localip 169.254.20.10", None);
        assert_eq!((mode(&document, 0), mode(&document, 1)), (None, Some("report".to_owned())));
        let own = "[metrics]\nlisten = \"127.0.0.1:1\"\n[[zone]]\nname = \".\"\nrebinding.mode = \"block\"\n[[zone]]\nname = \"b\"\nupstream = \"a\"\n";
        let (document, _) = made(COMPILED, "-localip 169.254.20.10", Some(own));
        assert_eq!(mode(&document, 1).as_deref(), Some("block"));
        assert_eq!(document["zone"][1]["upstream"].as_str(), Some("a"), "the rest stays");
        assert_eq!(document["zone"].as_array().unwrap().len(), 3);
        assert_eq!(document["metrics"]["listen"].as_str(), Some("127.0.0.1:1"));
    }

    #[test]
    fn addresses_are_those_of_go() {
        for (text, expected) in [
            ("127.0.0.1:9353", Some("127.0.0.1:9353")),
            ("localhost:1", Some("127.0.0.1:1")),
            ("[::1]:2", Some("[::1]:2")),
            ("x:1", None),
            ("9353", None),
        ] {
            assert_eq!(endpoint(text).map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
        assert!(endpoint(":9353").is_some_and(|address| address.ip().is_unspecified()));
    }
}
