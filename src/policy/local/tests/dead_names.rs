//! Names that the operator declared not to exist, among zones and own names.

use super::*;

/// `[local]` with dead suffixes and static records.
fn with_dead(suffixes: &[&str], records: &[&str]) -> config::Local {
    config::Local { dead_suffixes: suffixes.iter().map(|name| (*name).to_owned()).collect(), ..with_records(records) }
}

#[test]
fn dead_names_are_denied_with_all_below_them_and_no_others() {
    let settings = with_dead(&["com.svc.cluster.local", "com.*.svc.cluster.local", "*.lan", "reddog.example"], &[]);
    let local = local(&settings, &["."]);
    // Each with the zone that its denial shows.
    let dead = [
        ("com.svc.cluster.local", "svc.cluster.local."),
        ("api.example.com.svc.cluster.local", "svc.cluster.local."),
        ("com.default.svc.cluster.local", "default.svc.cluster.local."),
        ("API.example.COM.default.svc.cluster.local", "default.svc.cluster.local."),
        ("printer.lan", "lan."),
        ("a.printer.lan", "lan."),
        ("reddog.example", "example."),
    ];
    for (name, zone) in dead {
        for qtype in [A, AAAA, TXT, NS, SOA, DS] {
            assert_eq!(owner(&local, &name.to_ascii_lowercase(), qtype), Some(LocalZone::Dead), "{name}");
            let message = ask(&local, &name.to_ascii_lowercase(), qtype);
            assert_negative(&message, ResponseCode::NXDomain, zone, dead::TTL);
        }
    }
    let alive = [
        "lan",
        "svc.cluster.local",
        "org.svc.cluster.local",
        "default.svc.cluster.local",
        "com.a.b.svc.cluster.local",
        "com.cluster.local",
        "xcom.svc.cluster.local",
        "example",
        ".",
    ];
    for name in alive {
        assert_eq!(owner(&local, name, A), None, "{name}");
    }
}

#[test]
fn what_is_named_more_closely_wins_over_a_dead_suffix() {
    let suffixes = ["corp.example", "*.svc.cluster.local", "private.arpa", "x.test"];
    let local = local(
        &with_dead(&suffixes, &["db.corp.example. 60 A 192.0.2.7"]),
        &[".", "cluster.local", "live.corp.example", "prod.svc.cluster.local"],
    );
    for (name, expected) in [
        ("corp.example", Some(LocalZone::Dead)),
        ("db.corp.example", Some(LocalZone::OwnName)),
        ("a.db.corp.example", Some(LocalZone::Dead)),
        ("live.corp.example", None),
        ("a.live.corp.example", None),
        // A zone that is named wins over a wildcard of the same length.
        ("web.prod.svc.cluster.local", None),
        ("web.dev.svc.cluster.local", Some(LocalZone::Dead)),
        ("svc.cluster.local", None),
        // Below a built-in zone, too, so that the operator's own word holds.
        ("x.test", Some(LocalZone::Dead)),
        ("y.test", Some(LocalZone::SpecialUse)),
    ] {
        assert_eq!(owner(&local, name, A), expected, "{name}");
    }
}
