//! Public names that may have addresses which are not public: suffixes of the configuration, and sets for those whom a filter would break.
//!
//! An exemption is about the name that is asked. It may be for some prefixes alone: whoever looks addresses up in a block list of mail
//! servers gets answers such as 127.0.0.2, and nothing else there is meant.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::{Exemption, Preset, ZoneRebinding};
use crate::wire::suffixes::Suffixes;

/// The addresses of a mail block list's answers (RFC 5782 section 2.1).
const DNSBL: &str = "127.0.0.0/8";

/// Suffixes below which Amazon's services answer with addresses inside a virtual network.
///
/// Whoever can create such a service chooses its address within his own network: these names are anybody's, and the sets are off unless named.
const AWS: &[&str] = &[
    "compute.internal",
    "ec2.internal",
    "elb.amazonaws.com",
    "rds.amazonaws.com",
    "docdb.amazonaws.com",
    "neptune.amazonaws.com",
    "cache.amazonaws.com",
    "redshift.amazonaws.com",
    "efs.*.amazonaws.com",
    "eks.amazonaws.com",
    "*.es.amazonaws.com",
    "aos.*.on.aws",
    "kafka.*.amazonaws.com",
    "vpce.amazonaws.com",
    "mq.*.amazonaws.com",
    "fsx.*.amazonaws.com",
];

/// The same of Microsoft's: private endpoints answer under the public name of the service, with an alias below "privatelink".
const AZURE: &[&str] = &[
    "internal.cloudapp.net",
    "core.windows.net",
    "database.windows.net",
    "servicebus.windows.net",
    "azmk8s.io",
    "azurecr.io",
    "azurewebsites.net",
    "azurestaticapps.net",
    "azure-api.net",
    "azure-devices.net",
    "azure-automation.net",
    "azuredatabricks.net",
    "azurehdinsight.net",
    "azureml.ms",
    "vault.azure.net",
    "vaultcore.azure.net",
    "managedhsm.azure.net",
    "afs.azure.net",
    "eventgrid.azure.net",
    "search.windows.net",
    "sql.azuresynapse.net",
    "dev.azuresynapse.net",
    "documents.azure.com",
    "mongo.cosmos.azure.com",
    "cassandra.cosmos.azure.com",
    "gremlin.cosmos.azure.com",
    "table.cosmos.azure.com",
    "postgres.database.azure.com",
    "mysql.database.azure.com",
    "mariadb.database.azure.com",
    "cache.windows.net",
    "redisenterprise.cache.azure.net",
    "redis.azure.net",
    "cognitiveservices.azure.com",
    "openai.azure.com",
    "services.ai.azure.com",
    "batch.azure.com",
    "adf.azure.com",
    "azconfig.io",
    "signalr.net",
    "webpubsub.azure.com",
    "kusto.windows.net",
];

/// The same of Google's.
const GCP: &[&str] = &[
    "internal",
    "svc.id.goog",
    "gke.goog",
    "sql.goog",
    "sql-psc.goog",
    "alloydb.goog",
    "alloydb-psc.goog",
    "p.googleapis.com",
];

/// Media servers at home whose name is their address, so that they can have a certificate.
const PLEX: &[&str] = &["plex.direct"];

/// Block and allow lists that mail servers ask by name.
const DNSBLS: &[&str] = &[
    "spamhaus.org",
    "spamhaus.net",
    "bl.spamcop.net",
    "barracudacentral.org",
    "abuseat.org",
    "surbl.org",
    "uribl.com",
    "mailspike.net",
    "dnswl.org",
    "uceprotect.net",
    "spamrats.com",
    "dronebl.org",
    "psbl.surriel.com",
    "invaluement.com",
    "junkemailfilter.com",
    "blocklist.de",
    "backscatterer.org",
    "senderscore.com",
    "isipp.com",
    "s5h.net",
    "dnsbl.manitu.net",
    "rbl.interserver.net",
    "truncate.gbudb.net",
    "dbl.nordspam.com",
];

/// The suffixes of a set, and the addresses that their names may have; none is any.
const fn members(preset: Preset) -> (&'static [&'static str], &'static [&'static str]) {
    match preset {
        Preset::Aws => (AWS, &[]),
        Preset::Azure => (AZURE, &[]),
        Preset::Gcp => (GCP, &[]),
        Preset::Plex => (PLEX, &[]),
        Preset::Dnsbl => (DNSBLS, &[DNSBL]),
    }
}

/// The set that would let the folded `name` have `address`, for whoever reads the log and wonders.
#[must_use]
pub fn preset_for(name: &[u8], address: IpAddr) -> Option<Preset> {
    let holds = |preset: &&Preset| {
        let zone = ZoneRebinding { presets: vec![**preset], ..ZoneRebinding::default() };
        Exemptions::new(&zone).holds(name, address)
    };
    Preset::ALL.iter().find(holds).copied()
}

/// Which names are exempt, and for which addresses.
#[derive(Clone, Debug, Default)]
pub struct Exemptions(Suffixes<Vec<IpNet>>);

impl Exemptions {
    /// Those of a zone.
    #[must_use]
    pub fn new(zone: &ZoneRebinding) -> Self {
        let mut table = Suffixes::default();
        for preset in &zone.presets {
            let (suffixes, within) = members(*preset);
            for suffix in suffixes {
                table.insert(suffix, within.iter().filter_map(|prefix| prefix.parse().ok()).collect());
            }
        }
        // The operator's own say more than a set.
        for Exemption { suffix, within } in &zone.exempt {
            table.insert(suffix, within.clone());
        }
        Self(table)
    }

    /// Whether the folded `name` may have `address`.
    #[must_use]
    pub fn holds(&self, name: &[u8], address: IpAddr) -> bool {
        self.0.find(name).is_some_and(|(_, within)| {
            within.is_empty() || within.iter().any(|prefix| prefix.contains(&address.to_canonical()))
        })
    }

    /// The suffix by which the folded `name` may have some addresses, and which; none listed is any.
    #[must_use]
    pub fn found<'a>(&self, name: &'a [u8]) -> Option<(&'a [u8], &[IpNet])> {
        self.0.find(name).map(|(suffix, within)| (suffix, within.as_slice()))
    }

    /// Whether the folded `name` may have any address.
    #[must_use]
    pub fn is_free(&self, name: &[u8]) -> bool {
        self.0.find(name).is_some_and(|(_, within)| within.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RebindingAction, RebindingMode};
    use crate::wire::name;

    /// The exemptions of a zone with these.
    fn exemptions(exempt: &[(&str, &[&str])], presets: &[Preset]) -> Exemptions {
        let exempt = exempt.iter().map(|(suffix, within)| Exemption {
            suffix: (*suffix).to_owned(),
            within: within.iter().map(|prefix| prefix.parse().unwrap()).collect(),
        });
        Exemptions::new(&ZoneRebinding {
            mode: RebindingMode::Block,
            action: RebindingAction::NoData,
            exempt: exempt.collect(),
            presets: presets.to_vec(),
        })
    }

    /// N34: an exempt suffix is exempt with all below it, a sibling is not.
    #[test]
    fn a_suffix_is_exempt_with_all_below_it_and_no_sibling_is() {
        let table = exemptions(&[("corp.example", &[]), ("lists.example", &["127.0.0.0/8"])], &[]);
        let holds = |name: &str, address: &str| table.holds(&name::parse(name).unwrap(), address.parse().unwrap());
        for name in ["corp.example", "a.corp.example", "b.a.corp.example"] {
            assert!(holds(name, "10.0.0.1") && holds(name, "fd00::1"), "{name}");
        }
        for name in ["example", "xcorp.example", "corp.example.evil.test", "corp.evil", "."] {
            assert!(!holds(name, "10.0.0.1"), "{name}");
        }
        assert!(holds("2.0.0.127.lists.example", "127.0.0.2") && holds("x.lists.example", "::ffff:127.0.0.2"));
        assert!(!holds("x.lists.example", "10.0.0.1"));
        assert!(!table.is_free(&name::parse("x.lists.example").unwrap()));
        assert!(table.is_free(&name::parse("x.corp.example").unwrap()));
    }

    #[test]
    fn sets_are_off_unless_named() {
        let all = [Preset::Aws, Preset::Azure, Preset::Gcp, Preset::Plex, Preset::Dnsbl];
        let names = [
            ("db.c1.eu-west-1.rds.amazonaws.com", "10.0.0.1"),
            ("fs-1.efs.eu-west-1.amazonaws.com", "10.0.0.1"),
            ("sql1.database.windows.net", "10.0.0.1"),
            ("vm.c.project.internal", "10.0.0.1"),
            ("192-168-1-2.0123456789abcdef.plex.direct", "192.168.1.2"),
            ("2.0.0.127.zen.spamhaus.org", "127.0.0.2"),
        ];
        for (name, address) in names {
            let (name, address) = (name::parse(name).unwrap(), address.parse().unwrap());
            assert!(exemptions(&[], &all).holds(&name, address));
            assert!(!exemptions(&[], &[]).holds(&name, address));
            let with = all.iter().filter(|preset| exemptions(&[], &[**preset]).holds(&name, address)).count();
            assert_eq!(with, 1, "each name is in one set");
            assert!(preset_for(&name, address).is_some());
        }
        let lists = exemptions(&[], &[Preset::Dnsbl]);
        assert_eq!(preset_for(&name::parse("www.example").unwrap(), "10.0.0.1".parse().unwrap()), None);
        assert!(!lists.holds(&name::parse("2.0.0.127.zen.spamhaus.org").unwrap(), "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_sets_are_of_names_that_can_be_found() {
        for suffix in [AWS, AZURE, GCP, PLEX, DNSBLS].concat() {
            assert!(name::parse(suffix).is_some() && suffix.to_ascii_lowercase() == suffix, "{suffix}");
        }
    }
}
