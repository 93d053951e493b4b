//! A [`Config`] as TOML: everything that holds, also what the file left to defaults. It reads back as the same `Config`.

use std::fmt;

use ipnet::IpNet;

use super::address::RawServer;
use super::choice::Choice;
use super::observing;
use super::options::Section;
use super::rewriting;
use super::value::{At, Value};
use super::{Authentication, Config, Endpoint, Health, Upstream, Zone};

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in Section::ALL {
            let count = match section {
                Section::Upstream => self.upstreams.len(),
                Section::Zone => self.zones.len(),
                Section::Rewrite => self.rewrites.len(),
                Section::Template => self.templates.len(),
                _ => 1,
            };
            for position in 0..count {
                if (section, position) != (Section::Listen, 0) {
                    writeln!(f)?;
                }
                writeln!(f, "{}", section.header())?;
                for setting in section.settings() {
                    if let Some(value) = self.value(section, position, setting.key) {
                        writeln!(f, "{} = {value}", setting.key)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Config {
    /// The value of an option, in the `position`th of its sections; `None` if there is none to write.
    fn value(&self, section: Section, position: usize, key: &str) -> Option<Value> {
        match section {
            Section::Listen => self.listen_value(key),
            Section::Limits => self.limits_value(key),
            Section::Cache => self.cache_value(key),
            Section::Local => self.local_value(key),
            Section::Policy => self.policy_value(key),
            Section::Dnssec => match key {
                "trust-anchors" => Some(Value::Text(self.dnssec.anchors.as_ref()?.to_string_lossy().into_owned())),
                _ => unknown(section, key),
            },
            Section::Rebinding => self.rebinding_value(key),
            Section::Metrics => endpoint_value(&self.metrics, key),
            Section::Health => health_value(&self.health, key),
            Section::Log => match key {
                "level" => Some(Value::Text(self.log.level.name().to_owned())),
                "format" => Some(Value::Text(self.log.format.name().to_owned())),
                _ => unknown(section, key),
            },
            Section::Sandbox => match key {
                "enabled" => Some(Value::Switch(self.sandbox.enabled)),
                "user" => Some(Value::Text(self.sandbox.user.clone())),
                _ => unknown(section, key),
            },
            Section::QueryLog | Section::Detect | Section::Clients | Section::Control => {
                self.observing_value(section, key)
            }
            Section::Supervisor => match key {
                "hang-timeout" => Some(Value::Duration(self.supervisor.hang_timeout)),
                "snapshot-interval" => Some(Value::Duration(self.supervisor.snapshot_interval)),
                "socket" => Some(Value::Text(self.supervisor.socket.as_ref()?.to_string_lossy().into_owned())),
                "linger" => Some(Value::Switch(self.supervisor.linger)),
                _ => unknown(section, key),
            },
            Section::Interface => self.interface_value(key),
            Section::Rules => self.rules_value(key),
            Section::Upstream => upstream_value(self.upstreams.get(position)?, key),
            Section::Zone => self.zone_value(self.zones.get(position)?, key),
            Section::Rewrite => rewriting::rewrite_value(self.rewrites.get(position)?, key),
            Section::Template => rewriting::template_value(self.templates.get(position)?, key),
        }
    }

    /// An option of `[listen]`.
    fn listen_value(&self, key: &str) -> Option<Value> {
        let listen = &self.listen;
        Some(match key {
            "addresses" => Value::Addresses(list(&listen.addresses)),
            "workers" => integer(listen.workers),
            "allow" => Value::Prefixes(list(listen.allow.as_slice())),
            "udp-size" => Value::Integer(listen.udp_size.into()),
            "tcp-idle-timeout" => Value::Duration(listen.tcp_idle_timeout),
            "drain-timeout" => Value::Duration(listen.drain_timeout),
            _ => return unknown(Section::Listen, key),
        })
    }

    /// An option of `[interface]`.
    fn interface_value(&self, key: &str) -> Option<Value> {
        let interface = &self.interface;
        Some(match key {
            "manage" => Value::Switch(interface.manage),
            "name" => Value::Text(interface.name.clone()),
            "interval" => Value::Duration(interface.interval),
            "take-over" => Value::Switch(interface.take_over),
            "teardown" => Value::Switch(interface.teardown),
            _ => return unknown(Section::Interface, key),
        })
    }

    /// An option of `[rules]`.
    fn rules_value(&self, key: &str) -> Option<Value> {
        let rules = &self.rules;
        Some(match key {
            "backend" => Value::Text(rules.backend.name().to_owned()),
            "interval" => Value::Duration(rules.interval),
            "timeout" => Value::Duration(rules.timeout),
            "fallback" => Value::Addresses(list(&rules.fallback)),
            "node-local" => Value::Prefixes(list(&rules.node_local)),
            "teardown" => Value::Switch(rules.teardown),
            _ => return unknown(Section::Rules, key),
        })
    }

    /// An option of `[limits]`.
    fn limits_value(&self, key: &str) -> Option<Value> {
        let limits = &self.limits;
        Some(match key {
            "in-flight" => integer(limits.in_flight),
            "waiting" => integer(limits.waiting),
            "tcp-connections" => integer(limits.tcp_connections),
            "tcp-connections-per-client" => integer(limits.tcp_connections_per_client),
            "tcp-pipeline" => integer(limits.tcp_pipeline),
            "client-rate" => Value::Integer(limits.client_rate.into()),
            "client-burst" => Value::Integer(limits.client_burst.into()),
            "client-rate-exempt" => Value::Prefixes(list(limits.client_rate_exempt.as_slice())),
            _ => return unknown(Section::Limits, key),
        })
    }

    /// An option of `[cache]`.
    fn cache_value(&self, key: &str) -> Option<Value> {
        Some(match key {
            "size" => Value::Size(self.cache.size),
            "negative-size" => Value::Size(self.cache.negative_size),
            "rotate" => Value::Switch(self.cache.rotate),
            "serve-stale" => Value::Duration(self.cache.serve_stale),
            "servfail" => Value::Duration(self.cache.servfail),
            "prefetch" => Value::Integer(self.cache.prefetch.into()),
            "snapshot" => Value::Text(self.cache.snapshot.as_ref()?.to_string_lossy().into_owned()),
            "snapshot-size" => Value::Size(self.cache.snapshot_size),
            "snapshot-interval" => Value::Duration(self.cache.snapshot_interval),
            _ => return unknown(Section::Cache, key),
        })
    }

    /// An option of `[local]`.
    fn local_value(&self, key: &str) -> Option<Value> {
        let local = &self.local;
        Some(match key {
            "special-use" => Value::Switch(local.special_use),
            "hosts" => Value::Text(local.hosts.as_ref()?.to_string_lossy().into_owned()),
            "records" => Value::Lines(list(&local.records)),
            "dead-suffixes" => Value::Lines(list(&local.dead_suffixes)),
            "identity" => Value::Text(local.identity.clone().unwrap_or_default()),
            "version" => Value::Text(local.version.clone().unwrap_or_default()),
            "nsid" => Value::Text(local.nsid.clone()),
            "whoami" => Value::Lines(list(&local.whoami)),
            _ => return unknown(Section::Local, key),
        })
    }

    /// An option of `[policy]`.
    fn policy_value(&self, key: &str) -> Option<Value> {
        let policy = &self.policy;
        Some(match key {
            "block" => Value::Lines(list(&policy.block)),
            "block-file" => Value::Text(policy.block_file.as_ref()?.to_string_lossy().into_owned()),
            "unblock" => Value::Lines(list(&policy.unblock)),
            "refuse-types" => Value::Types(list(&policy.refuse_types)),
            _ => return unknown(Section::Policy, key),
        })
    }

    /// An option of `[rebinding]`.
    fn rebinding_value(&self, key: &str) -> Option<Value> {
        let rebinding = &self.rebinding;
        Some(match key {
            "private" => Value::Prefixes(list(&rebinding.private)),
            "public" => Value::Prefixes(list(&rebinding.public)),
            "nat64" => Value::Prefixes(rebinding.nat64.iter().map(|prefix| At::nowhere(IpNet::V6(*prefix))).collect()),
            "own-addresses" => Value::Switch(rebinding.own_addresses),
            "null" => Value::Switch(rebinding.null),
            _ => return unknown(Section::Rebinding, key),
        })
    }

    /// An option of a `[[zone]]`.
    fn zone_value(&self, zone: &Zone, key: &str) -> Option<Value> {
        Some(match key {
            "name" => Value::Text(zone.name.clone()),
            "upstream" => Value::Text(self.upstreams.get(zone.upstream)?.name.clone()),
            "class" => Value::Text(zone.class.name().to_owned()),
            "dnssec" => Value::Text(zone.dnssec.name().to_owned()),
            "negative-trust-anchors" => Value::Lines(list(&zone.negative_trust_anchors)),
            "max-ttl" => Value::Duration(zone.max_ttl),
            "min-ttl" => Value::Duration(zone.min_ttl),
            "max-negative-ttl" => Value::Duration(zone.max_negative_ttl),
            "serve-stale" => Value::Duration(zone.serve_stale),
            "servfail" => Value::Duration(zone.servfail),
            "prefetch" => Value::Integer(zone.prefetch.into()),
            "nxdomain-cut" => Value::Switch(zone.nxdomain_cut),
            "no-types" => Value::Types(list(&zone.no_types)),
            "query-log" => observing::class_words(&zone.query_log),
            "detect" => Value::Text(zone.detect.name().to_owned()),
            "rebinding.mode" => Value::Text(zone.rebinding.mode.name().to_owned()),
            "rebinding.action" => Value::Text(zone.rebinding.action.name().to_owned()),
            "rebinding.exempt" => Value::Exemptions(list(&zone.rebinding.exempt)),
            "rebinding.presets" => {
                let words = zone.rebinding.presets.iter().map(|preset| At::nowhere(preset.name().to_owned()));
                Value::Lines(words.collect())
            }
            _ => return rewriting::zone_value(&zone.rules, key),
        })
    }
}

/// An option of `[metrics]`.
fn endpoint_value(endpoint: &Endpoint, key: &str) -> Option<Value> {
    Some(match key {
        "listen" => Value::Addresses(list(&endpoint.listen)),
        "allow" => Value::Prefixes(list(endpoint.allow.as_slice())),
        "names" => Value::Text(endpoint.names.name().to_owned()),
        _ => return unknown(Section::Metrics, key),
    })
}

/// An option of `[health]`.
fn health_value(health: &Health, key: &str) -> Option<Value> {
    Some(match key {
        "listen" => Value::Addresses(list(&health.listen)),
        "ready-listen" => Value::Addresses(list(&health.ready_listen)),
        "allow" => Value::Prefixes(list(health.allow.as_slice())),
        _ => return unknown(Section::Health, key),
    })
}

/// An option of an `[[upstream]]`.
fn upstream_value(upstream: &Upstream, key: &str) -> Option<Value> {
    Some(match key {
        "name" => Value::Text(upstream.name.clone()),
        "servers" => {
            Value::Servers(upstream.servers.iter().map(|server| At::nowhere(RawServer::from(server))).collect())
        }
        "policy" => Value::Text(upstream.policy.name().to_owned()),
        "ca" => Value::Text(upstream.ca.as_ref()?.to_string_lossy().into_owned()),
        "pins" => Value::Pins(list(&upstream.pins)),
        "insecure" => {
            Value::Switch(upstream.servers.iter().any(|server| server.authentication == Some(Authentication::Nothing)))
        }
        "timeout" => Value::Duration(upstream.timeout),
        "try-timeout" => Value::Duration(upstream.try_timeout),
        "connections" => integer(upstream.connections),
        "pipeline" => integer(upstream.pipeline),
        "idle-timeout" => Value::Duration(upstream.idle_timeout),
        "max-age" => Value::Duration(upstream.max_age),
        "padding" => Value::Integer(upstream.padding.into()),
        "case-randomization" => Value::Switch(upstream.case_randomization),
        "cookies" => Value::Switch(upstream.cookies),
        "udp-sockets" => integer(upstream.udp_sockets),
        _ => return unknown(Section::Upstream, key),
    })
}

/// A key that the table of options has and this file has not.
pub(super) fn unknown(section: Section, key: &str) -> Option<Value> {
    debug_assert!(false, "{}.{key} is in the table of options but is never printed", section.name());
    None
}

/// A number of things.
fn integer(number: usize) -> Value {
    Value::Integer(u64::try_from(number).unwrap_or(u64::MAX))
}

/// A list whose elements are in no file.
pub(super) fn list<T: Clone>(elements: &[T]) -> Vec<At<T>> {
    elements.iter().cloned().map(At::nowhere).collect()
}
