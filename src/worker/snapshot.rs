//! What workers share, made completely of a configuration before any of them sees it.
//!
//! A later one takes over from the one before what is the same: TLS sessions of groups, own names, and the numbers of zones and servers.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::cache::snapshot::Rules;
use crate::cache::{Entry, Store};
use crate::config::{Config, Dnssec, Environment, Policies, Server, Transport, Upstream, Zone, digest};
use crate::dnssec::Anchors;
use crate::error::{ExitCode, Failure};
use crate::filter::Addresses;
use crate::metrics::{Layout, MOST_LATER};
use crate::pipeline::{Numbers, Shared};
use crate::policy::local::Local;
use crate::policy::rate::Rates;
use crate::policy::rules::RuleSet;
use crate::sys::clock::Moment;
use crate::upstream::{SystemRoots, TlsGroup};
use crate::wire::body::leads_to;
use crate::wire::rtype;

/// What a file held; `None` if there is none or it could not be read.
type Digest = Option<[u8; 32]>;

/// What workers share, and what it was made of.
#[derive(Clone)]
pub(super) struct Snapshot {
    /// What they share.
    pub(super) shared: Shared,
    /// The names of all zones and servers since the start, by number.
    pub(super) layout: Layout,
    /// How many of each there were at the start.
    first: [usize; 2],
    /// The hosts file.
    hosts: Digest,
    /// The list of names to block.
    blocked: Digest,
    /// The hosts file of each zone.
    zone_hosts: Vec<Digest>,
    /// The file of certificates of each group.
    authorities: Vec<Digest>,
    /// The addresses of this machine that a public name could have.
    own: Vec<IpAddr>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("numbers", &self.shared.numbers).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Makes it all, with an empty store if there is none `before`. May read files and take some milliseconds.
    ///
    /// # Errors
    ///
    /// When a certificate file cannot be used, a local record is wrong, or there were too many zones or servers since the start.
    pub(super) fn new(config: Config, before: Option<&Self>) -> Result<Self, Failure> {
        // Told before they are read: what changes in between is seen as a change later.
        let hosts = config.local.hosts.as_deref().and_then(digest);
        let blocked = config.policy.block_file.as_deref().and_then(digest);
        let file_of = |zone: &Zone| zone.rules.hosts.file.as_deref().and_then(digest);
        let zone_hosts: Vec<Digest> = config.zones.iter().map(file_of).collect();
        let authorities: Vec<Digest> =
            config.upstreams.iter().map(|upstream| upstream.ca.as_deref().and_then(digest)).collect();
        let store = before.map_or_else(
            || Arc::new(Store::new(config.cache.size, config.cache.negative_size)),
            |before| Arc::clone(&before.shared.store),
        );
        let local = match before {
            Some(before)
                if (before.hosts, before.blocked) == (hosts, blocked)
                    && same_own_names(&before.shared.config, &config) =>
            {
                Arc::clone(&before.shared.local)
            }
            _ => Arc::new(Local::new(&config)?),
        };
        let rules = Arc::new(RuleSet::new(&config)?);
        let anchors = Arc::new(Anchors::new(&config)?);
        let anchors = match before {
            Some(before) if before.shared.anchors == anchors => Arc::clone(&before.shared.anchors),
            _ => anchors,
        };
        // Whose limits stay as they are goes on with what clients have used of them.
        let kept = before.and_then(|before| before.shared.rates.clone()).filter(|rates| rates.is_for(&config.limits));
        let rates = kept.or_else(|| Rates::new(&config.limits).map(Arc::new));
        let roots = SystemRoots::default();
        let known = before.map(Self::tls).unwrap_or_default();
        let tls = config.upstreams.iter().zip(&authorities).map(|(upstream, authority)| {
            if let Some(same) = known.get(&(upstream.believed(), *authority)) {
                return Ok(same.clone());
            }
            let encrypted = upstream.servers.iter().any(|server| server.transport == Transport::Tls);
            encrypted.then(|| TlsGroup::with_roots(upstream, &roots)).transpose()
        });
        let tls: Vec<Option<TlsGroup>> = tls.collect::<Result<_, Failure>>()?;
        let mut layout = before.map(|before| before.layout.clone()).unwrap_or_default();
        let numbers =
            number(&config, &mut layout, before.map(|before| (&before.shared, before.shared.anchors == anchors)))?;
        let first = before.map_or([layout.zones.len(), layout.upstreams.len()], |before| before.first);
        if layout.zones.len() > first[0] + MOST_LATER || layout.upstreams.len() > first[1] + MOST_LATER {
            let text = format!(
                "more than {MOST_LATER} zones or servers are new since the start; restart to take this configuration"
            );
            return Err(Failure::new(ExitCode::Config, text));
        }
        let loops = before.map(|before| Arc::clone(&before.shared.loops)).unwrap_or_default();
        let own = own_addresses(&config);
        let addresses = Arc::new(Addresses::new(&config.rebinding, &own));
        // Whatever changed may change what is said of addresses: zones and own names, too. To judge once more costs a microsecond an answer.
        let policy = before.map_or(1, |before| before.shared.policy + 1);
        let (config, numbers) = (Arc::new(config), Arc::new(numbers));
        let shared =
            Shared { config, store, local, rules, anchors, rates, tls: tls.into(), addresses, policy, loops, numbers };
        Ok(Self { shared, layout, first, hosts, blocked, zone_hosts, authorities, own })
    }

    /// Whether the machine has other addresses now.
    pub(super) fn has_moved(&self) -> bool {
        own_addresses(&self.shared.config) != self.own
    }

    /// The TLS configuration of each group, by who is believed there and what its file of certificates held; none where there is no TLS.
    fn tls(&self) -> HashMap<(String, Digest), Option<TlsGroup>> {
        let groups = self.shared.config.upstreams.iter().map(Upstream::believed).zip(self.authorities.iter().copied());
        groups.zip(self.shared.tls.iter().cloned()).collect()
    }

    /// Whether nobody could tell this one from `other`.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let files = |snapshot: &Self| (snapshot.hosts, snapshot.blocked);
        self.shared.config == other.shared.config
            && self.shared.anchors == other.shared.anchors
            && files(self) == files(other)
            && self.authorities == other.authorities
            && self.zone_hosts == other.zone_hosts
            && self.own == other.own
    }

    /// Whether each kept answer of the one `before` still holds.
    pub(super) fn keeps_answers(&self, before: &Self) -> bool {
        let names = |snapshot: &Self| -> Vec<(u16, String)> {
            let zones = snapshot.shared.config.zones.iter().map(|zone| zone.name.clone());
            let mut names: Vec<_> = snapshot.shared.numbers.zones.iter().copied().zip(zones).collect();
            names.sort();
            names
        };
        Arc::ptr_eq(&self.shared.local, &before.shared.local) && names(self) == names(before)
    }

    /// What its zones say of kept answers, by number.
    pub(super) fn rules(&self) -> BTreeMap<u16, Rules> {
        let config = &self.shared.config;
        let anchors = self.shared.anchors.to_string();
        let rules = |zone: &Zone| {
            let rules = Rules::new(zone, &config.upstreams[zone.upstream]);
            if zone.dnssec == Dnssec::Validate { rules.judged_by(&anchors) } else { rules }
        };
        self.shared.numbers.zones.iter().copied().zip(config.zones.iter().map(rules)).collect()
    }

    /// Tells whose a name is: the number of its zone, or `None` if it is the node's own.
    pub(super) fn owner(&self) -> impl Fn(&[u8]) -> Option<u16> + use<> {
        let Shared { config, numbers, local, .. } = self.shared.clone();
        let zones = crate::route::Zones::new(&config.zones, &numbers.zones);
        move |name| local.lookup(name, rtype::A, crate::wire::class::IN).is_none().then(|| zones.find(name))
    }

    /// Whether nobody gets an answer: it leads to a name that is blocked.
    pub(super) fn blocks(&self, entry: &Entry) -> bool {
        let local = &self.shared.local;
        let body = entry.body(Moment::default());
        local.blocks_some() && leads_to(body.records, body.counts[0], entry.name(), |target| local.blocks(target))
    }

    /// Takes the answers out of the store that no longer hold: of zones that have changed, of names that belong to another zone or to the
    /// node itself now, or whose aliases lead to blocked ones. How many. Walks the whole store.
    pub(super) fn forget_what_changed(&self) -> usize {
        let holds = self.holds();
        self.shared.store.forget_if(|entry| !holds(entry))
    }

    /// Tells whether a kept answer still holds.
    pub(super) fn holds(&self) -> impl Fn(&Entry) -> bool + use<> {
        let (owner, snapshot) = (self.owner(), self.clone());
        move |entry| owner(entry.name()) == Some(entry.zone()) && !snapshot.blocks(entry)
    }
}

/// The addresses of this machine, and those that we listen on, that a public name could have: those that are not known to be private anyway,
/// as the ones of virtual interfaces that come and go with pods.
fn own_addresses(config: &Config) -> Vec<IpAddr> {
    if !config.rebinding.own_addresses {
        return Vec::new();
    }
    let known = Addresses::new(&config.rebinding, &[]);
    let listen = config.listen.addresses.iter().map(SocketAddr::ip);
    let found = Environment::interface_addresses().into_iter().chain(listen).map(|address| address.to_canonical());
    let mut own: Vec<IpAddr> = found.filter(|address| known.rule(*address).is_none()).collect();
    own.sort_unstable();
    own.dedup();
    own
}

/// Whether the node has the same names of its own, as far as the configurations say.
fn same_own_names(before: &Config, now: &Config) -> bool {
    let zones = |config: &Config| {
        let mut names: Vec<String> = config.zones.iter().map(|zone| zone.name.clone()).collect();
        names.sort();
        names
    };
    before.local == now.local && is_blocked_alike(&before.policy, &now.policy) && zones(before) == zones(now)
}

/// Whether the same names are blocked, as far as the configurations say.
fn is_blocked_alike(before: &Policies, now: &Policies) -> bool {
    let names = |policy: &Policies| (policy.block.clone(), policy.block_file.clone(), policy.unblock.clone());
    names(before) == names(now)
}

/// Numbers zones and servers. A zone whose answers are made by the same keeps its number, and so its kept answers; a server keeps its counters.
/// What was judged by other anchors is another matter: `before` says whether they are the same.
fn number(config: &Config, layout: &mut Layout, before: Option<(&Shared, bool)>) -> Result<Numbers, Failure> {
    let mut zones = Vec::with_capacity(config.zones.len());
    let answered = |config: &Config, zone: &Zone| zone.answered(&config.upstreams[zone.upstream]);
    let known: HashMap<String, u16> = before.map_or_else(HashMap::new, |(Shared { config, numbers, .. }, _)| {
        config.zones.iter().map(|zone| answered(config, zone)).zip(numbers.zones.iter().copied()).collect()
    });
    let is_judged_alike = |zone: &Zone| before.is_some_and(|(_, alike)| alike) || zone.dnssec != Dnssec::Validate;
    for zone in &config.zones {
        let kept = known.get(&answered(config, zone)).filter(|_| is_judged_alike(zone));
        zones.push(match kept {
            Some(number) => *number,
            None => {
                layout.zones.push(if zone.name == "." { zone.name.clone() } else { format!("{}.", zone.name) });
                // The last number stands for no zone.
                u16::try_from(layout.zones.len() - 1).ok().filter(|number| *number < u16::MAX).ok_or_else(|| {
                    Failure::new(ExitCode::Config, "there are too many zones; 65,535 may be numbered".to_owned())
                })?
            }
        });
    }
    let mut servers = Vec::with_capacity(config.upstreams.len());
    for upstream in &config.upstreams {
        let label =
            |server: &Server| (upstream.name.clone(), format!("{}://{}", server.transport.scheme(), server.address));
        let labels: Vec<_> = upstream.servers.iter().map(label).collect();
        let known = layout.upstreams.windows(labels.len().max(1)).position(|window| window == labels);
        servers.push(known.unwrap_or(layout.upstreams.len()));
        if known.is_none() {
            layout.upstreams.extend(labels);
        }
    }
    Ok(Numbers { zones, servers })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cache::entry::Terms;
    use crate::cache::{Key, Variant};
    use crate::wire::answer::{Answer, Asked};
    use crate::wire::name;

    /// Two groups and three zones, with more lines for a group and for a zone.
    fn config(group: &str, zone: &str) -> Config {
        let text = format!(
            "[[upstream]]\nname = \"a\"\nservers = [\"udp://192.0.2.1\", \"udp://192.0.2.2\"]\n{group}\n\
             [[upstream]]\nname = \"b\"\nservers = [\"tcp://192.0.2.3\"]\n\
             [[zone]]\nname = \"one.example\"\nupstream = \"a\"\n{zone}\n[[zone]]\nname = \"two.example\"\nupstream = \"b\"\n\
             [[zone]]\nname = \".\"\nupstream = \"b\"\n"
        );
        parse(&text)
    }

    /// The configuration of a text that has no mistakes.
    fn parse(text: &str) -> Config {
        Config::parse(text, "test", &Environment::neutral()).unwrap().config
    }

    /// Keeps an answer for a name of the zone with this number.
    fn keep(snapshot: &Snapshot, text: &str, zone: u16) -> Key {
        let store = &snapshot.shared.store;
        let owner = name::parse(text).unwrap();
        let key = Key::new(&owner, rtype::A, Variant::new(false, false), store.hashing());
        let mut message = vec![0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend(&owner);
        message.extend([0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1]);
        let mut answer = Answer::default();
        answer.read(&message, &Asked { name: key.name(), qtype: rtype::A, qclass: 1, dnssec_ok: false }).unwrap();
        let terms = Terms { now: Moment::from_secs(1), lifetime: 300, zone, ..Terms::default() };
        store.insert(Entry::new(&key, &mut answer, terms, store.hashing()));
        key
    }

    /// Whether the answer is still there.
    fn has(snapshot: &Snapshot, key: &Key) -> bool {
        snapshot.shared.store.find(key, Moment::from_secs(2)).fresh().is_some()
    }

    /// N32
    #[test]
    fn zones_whose_answers_are_made_by_the_same_keep_number_and_answers() {
        let first = Snapshot::new(config("", ""), None).unwrap();
        assert_eq!((&*first.shared.numbers.zones, &*first.shared.numbers.servers), (&[0, 1, 2][..], &[0, 2][..]));
        let keys = [("x.one.example", 0), ("x.two.example", 1), ("x.rest.example", 2)]
            .map(|(name, zone)| keep(&first, name, zone));
        for (group, zone, numbers) in [
            ("", "max-ttl = \"1m\"", [3, 1, 2]),
            ("", "dnssec = \"off\"", [3, 1, 2]),
            ("timeout = \"3s\"\npolicy = \"sequential\"", "", [0, 1, 2]),
            ("", "serve-stale = \"1h\"\nprefetch = 0", [0, 1, 2]),
            ("", "query-log = [\"all\"]\ndetect = \"block\"", [0, 1, 2]),
            ("", "", [0, 1, 2]),
        ] {
            let next = Snapshot::new(config(group, zone), Some(&first)).unwrap();
            assert_eq!(next.shared.numbers.zones, numbers, "{group}{zone}");
            assert_eq!(next.keeps_answers(&first), numbers[0] == 0);
        }
        let next = Snapshot::new(config("", "max-ttl = \"1m\""), Some(&first)).unwrap();
        assert_eq!(next.forget_what_changed(), 1);
        assert_eq!(keys.map(|key| has(&next, &key)), [false, true, true]);
        let again = Snapshot::new(config("", ""), Some(&next)).unwrap();
        assert_eq!(again.shared.numbers.zones, [4, 1, 2], "numbers are never used again");
        assert_eq!(again.layout.zones, ["one.example.", "two.example.", ".", "one.example.", "one.example."]);
        assert_eq!(again.shared.numbers.servers, [0, 2], "the servers are the same");
    }

    /// N32
    #[test]
    fn a_name_that_goes_to_another_zone_or_to_the_node_is_forgotten() {
        let first = Snapshot::new(config("", ""), None).unwrap();
        let root = keep(&first, "x.three.example", 2);
        let own = keep(&first, "own.example", 2);
        let gone = keep(&first, "x.two.example", 1);
        let stays = keep(&first, "other.example", 2);
        let text = "[local]\nrecords = [\"own.example. 60 A 192.0.2.9\"]\n\
             [[upstream]]\nname = \"b\"\nservers = [\"tcp://192.0.2.3\"]\n\
             [[zone]]\nname = \".\"\nupstream = \"b\"\n[[zone]]\nname = \"three.example\"\nupstream = \"b\"\n";
        let next = Snapshot::new(parse(text), Some(&first)).unwrap();
        assert_eq!(next.shared.numbers.zones, [2, 3]);
        assert!(!next.keeps_answers(&first));
        assert_eq!(next.forget_what_changed(), 3);
        assert_eq!([root, own, gone, stays].map(|key| has(&next, &key)), [false, false, false, true]);
    }

    #[test]
    fn own_names_and_tls_are_taken_over_where_their_files_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let certificate = || {
            let key = rcgen::generate_simple_self_signed(vec!["dns.example".to_owned()]).unwrap();
            std::fs::write(path("ca.pem"), key.cert.pem()).unwrap();
        };
        let make = |before: Option<&Snapshot>| {
            let shown = |path: &Path| path.display().to_string();
            let text = format!(
                "[local]\nhosts = {:?}\n[[upstream]]\nname = \"a\"\nservers = [\"tls://192.0.2.1#dns.example\"]\nca = {:?}\n\
                 [[zone]]\nname = \".\"\nupstream = \"a\"\n",
                shown(&path("hosts")),
                shown(&path("ca.pem")),
            );
            Snapshot::new(parse(&text), before).unwrap()
        };
        let tls = |one: &Snapshot, other: &Snapshot| {
            TlsGroup::is_same(one.shared.tls[0].as_ref(), other.shared.tls[0].as_ref())
        };
        certificate();
        std::fs::write(path("hosts"), "192.0.2.7 seven.test\n").unwrap();
        let first = make(None);
        let second = make(Some(&first));
        assert!(second.is_same(&first) && second.keeps_answers(&first) && tls(&first, &second));
        std::fs::write(path("hosts"), "192.0.2.8 eight.test\n").unwrap();
        let third = make(Some(&second));
        assert!(!third.is_same(&second) && !third.keeps_answers(&second) && tls(&second, &third));
        certificate();
        let fourth = make(Some(&third));
        assert!(!fourth.is_same(&third) && fourth.keeps_answers(&third) && !tls(&third, &fourth));
        assert_eq!(fourth.shared.numbers, first.shared.numbers);
    }

    #[test]
    fn zones_that_are_new_since_the_start_are_bounded() {
        let mut last = Snapshot::new(config("", ""), None).unwrap();
        let zones = |round: usize| -> Config {
            let mut config = config("", "");
            let root = config.zones.pop().unwrap();
            config.zones =
                (0..MOST_LATER / 2).map(|n| Zone { name: format!("{n}.{round}.example"), ..root.clone() }).collect();
            config.zones.push(root);
            config
        };
        for round in 0..2 {
            last = Snapshot::new(zones(round), Some(&last)).unwrap();
        }
        let refused = Snapshot::new(zones(2), Some(&last)).unwrap_err();
        assert!(refused.message.contains("restart"), "{refused}");
        assert_eq!(Snapshot::new(config("", ""), Some(&last)).unwrap_err().message, refused.message);
    }
}
