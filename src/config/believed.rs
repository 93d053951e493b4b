//! What of a configuration makes answers what they are: who is believed, and what is made of what they say.
//!
//! A reload keeps the answers of a zone where this is the same, and a start takes them over from a snapshot. How servers are asked (policy,
//! times, connections, padding, cookies) is no part of it: who changes that during an outage must not lose what could be given meanwhile. Nor
//! is what is looked up each time an answer is given: for how long it may be stale, rebinding, rules, access.
//!
//! Files are not looked at: what they hold is for whoever reads them to compare.

use super::{Upstream, Zone};

impl Upstream {
    /// Who is believed, and by what proof; equal where that is the same, in whatever order servers are listed.
    #[must_use]
    pub fn believed(&self) -> String {
        // Each by its name: whoever adds an option decides what it is.
        let Self {
            servers,
            ca,
            pins,
            name: _,
            policy: _,
            timeout: _,
            try_timeout: _,
            connections: _,
            pipeline: _,
            idle_timeout: _,
            max_age: _,
            padding: _,
            case_randomization: _,
            cookies: _,
            udp_sockets: _,
        } = self;
        let (mut servers, mut pins) = (servers.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>(), pins.clone());
        servers.sort_unstable();
        pins.sort_unstable();
        format!("{servers:?} {ca:?} {pins:?}")
    }
}

impl Zone {
    /// What its answers are made by, if `upstream` are its servers; equal where kept ones still hold.
    #[must_use]
    pub fn answered(&self, upstream: &Upstream) -> String {
        let Self {
            name,
            class,
            dnssec,
            negative_trust_anchors,
            max_ttl,
            min_ttl,
            max_negative_ttl,
            no_types,
            // Where it stands in the file says nothing.
            upstream: _,
            // Asked for whenever an answer is given.
            serve_stale: _,
            servfail: _,
            prefetch: _,
            nxdomain_cut: _,
            // Kept answers are judged anew.
            rebinding: _,
            // What is noted of answers does not change them.
            query_log: _,
            detect: _,
            // What rules make of answers is not kept.
            rules: _,
        } = self;
        let times = [max_ttl, min_ttl, max_negative_ttl];
        let judged = (class, dnssec, negative_trust_anchors, no_types);
        format!("{name:?} {times:?} {judged:?} {}", upstream.believed())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};

    /// What answers of the only zone are made by.
    fn answered(group: &str, zone: &str) -> String {
        let text = format!("[[upstream]]\nname = \"a\"\n{group}\n[[zone]]\nname = \".\"\nupstream = \"a\"\n{zone}\n");
        let config = Config::parse(&text, "test", &Environment::neutral()).unwrap().config;
        config.zones[0].answered(&config.upstreams[0])
    }

    /// Two servers.
    const SERVERS: &str = "servers = [\"tls://192.0.2.1#one.test\", \"tls://192.0.2.2#two.test\"]\n";

    #[test]
    fn how_servers_are_asked_changes_no_answer() {
        let plain = answered(SERVERS, "");
        for line in [
            "policy = \"sequential\"",
            "timeout = \"7s\"",
            "try-timeout = \"300ms\"",
            "connections = 4",
            "pipeline = 3",
            "idle-timeout = \"3s\"",
            "max-age = \"3m\"",
            "padding = 0",
            "case-randomization = false",
            "cookies = false",
            "udp-sockets = 17",
        ] {
            assert_eq!(answered(&format!("{SERVERS}{line}"), ""), plain, "{line}");
        }
        for line in ["serve-stale = \"0s\"", "servfail = \"1s\"", "prefetch = 0", "nxdomain-cut = false"] {
            assert_eq!(answered(SERVERS, line), plain, "{line}");
        }
        let other_order = "servers = [\"tls://192.0.2.2#two.test\", \"tls://192.0.2.1#one.test\"]";
        assert_eq!(answered(other_order, ""), plain);
    }

    #[test]
    fn who_is_believed_and_what_is_made_of_it_does() {
        let ca = tempfile::NamedTempFile::new().unwrap();
        let key = rcgen::generate_simple_self_signed(vec!["dns.test".to_owned()]).unwrap();
        std::fs::write(ca.path(), key.cert.pem()).unwrap();
        let pin = format!("pins = [\"sha256/{}=\"]", "A".repeat(43));
        let mut seen = vec![answered(SERVERS, "")];
        for (group, zone) in [
            (SERVERS.replace("two.test", "three.test"), ""),
            (SERVERS.replace("#two.test", "").replace("tls:", "tcp:").replace("#one.test", ""), ""),
            ("servers = [\"tls://192.0.2.1#one.test\"]".to_owned(), ""),
            ("servers = [\"tls://192.0.2.1\", \"tls://192.0.2.2\"]\ninsecure = true".to_owned(), ""),
            (format!("{SERVERS}{pin}"), ""),
            (format!("{SERVERS}ca = {:?}", ca.path()), ""),
            (SERVERS.to_owned(), "dnssec = \"off\""),
            (SERVERS.to_owned(), "max-ttl = \"1m\""),
            (SERVERS.to_owned(), "class = \"internal\""),
            (SERVERS.to_owned(), "no-types = [\"AAAA\"]"),
        ] {
            let answered = answered(&group, zone);
            assert!(!seen.contains(&answered), "{group}{zone}");
            seen.push(answered);
        }
    }
}
