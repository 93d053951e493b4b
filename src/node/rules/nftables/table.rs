//! What our table holds: sets, chains and rules, as the messages that make them.
//!
//! Rules look addresses up in sets, so that their number does not depend on how many addresses there are. Of each family of addresses there is:
//!
//! | set | holds | for |
//! |---|---|---|
//! | `live` | protocol, address and port of listeners and probes, for [`Plan::timeout`] | the dead-man switch |
//! | `fallback` | the same of node-local listeners, if there is a fallback | the way around us |
//! | `refuse` | the same of node-local listeners, if there is none | the end of the way |
//! | `own` | the listeners' addresses | programs of the node itself that take the way around us |

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::message::{CREATE, End, Expressions, Family, Kind, Message, comment};

/// The name of our table, in the family `inet`.
pub(super) const TABLE: &str = "nodens";

/// What the table says of itself.
const COMMENT: &str = "nodens: node-local DNS; the sets live4 and live6 are the dead-man switch";

/// Elements in one message; an attribute has 64 KiB at most.
const ELEMENTS: usize = 256;

/// `IPPROTO_TCP`
const TCP: u8 = 6;
/// `IPPROTO_UDP`
const UDP: u8 = 17;

/// Hooks: `NF_INET_PRE_ROUTING`, `NF_INET_LOCAL_OUT`, `NF_INET_POST_ROUTING`.
const HOOKS: [u32; 3] = [0, 3, 4];

/// Where our chains hang: name, type, hook and priority. -300 is before connection tracking, -100 where destinations are replaced, 100
/// where sources are.
pub(super) const CHAINS: [(&str, &str, u32, i32); 5] = [
    ("prerouting", "filter", HOOKS[0], -300),
    ("output", "filter", HOOKS[1], -300),
    ("redirect-prerouting", "nat", HOOKS[0], -100),
    ("redirect-output", "nat", HOOKS[1], -100),
    ("redirect-postrouting", "nat", HOOKS[2], 100),
];

/// What the table is made of.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Listeners that somebody else has rules for: the way around us is theirs.
    pub(super) shared: Vec<SocketAddr>,
    /// Listeners that nobody else has rules for.
    pub(super) node_local: Vec<SocketAddr>,
    /// Where probes ask.
    pub(super) health: Vec<SocketAddr>,
    /// Who answers for node-local listeners when we are gone.
    pub(super) fallback: Vec<SocketAddr>,
    /// How long the rules hold without a refresh.
    pub(super) timeout: Duration,
}

/// A set.
#[derive(Debug)]
pub(super) struct Set {
    /// Its name.
    pub(super) name: String,
    /// `nft`'s number for the type of its keys.
    key_type: u32,
    /// Bytes of a key.
    key_length: u32,
    /// Whether elements expire.
    pub(super) is_live: bool,
    /// The keys.
    keys: Vec<Vec<u8>>,
}

impl Plan {
    /// The families of addresses that need rules.
    fn families(&self) -> impl Iterator<Item = Family> + '_ {
        let has = |family| self.shared.iter().chain(&self.node_local).any(|address| family_of(*address) == family);
        [Family::V4, Family::V6].into_iter().filter(move |family| has(*family))
    }

    /// The fallback servers of a family.
    fn fallback(&self, family: Family) -> Vec<SocketAddr> {
        self.fallback.iter().copied().filter(|server| family_of(*server) == family).collect()
    }

    /// All sets.
    pub(super) fn sets(&self) -> Vec<Set> {
        self.families().flat_map(|family| self.sets_of(family)).collect()
    }

    /// The sets of a family.
    fn sets_of(&self, family: Family) -> [Set; 4] {
        let of_family = |addresses: &[SocketAddr]| -> Vec<SocketAddr> {
            addresses.iter().copied().filter(|address| family_of(*address) == family).collect()
        };
        let (shared, node_local) = (of_family(&self.shared), of_family(&self.node_local));
        let listeners = [shared, node_local.clone()].concat();
        let ports = |addresses: &[SocketAddr]| -> Vec<Vec<u8>> {
            addresses.iter().flat_map(|address| [key(TCP, *address), key(UDP, *address)]).collect()
        };
        let mut live = ports(&listeners);
        live.extend(of_family(&self.health).into_iter().map(|health| key(TCP, health)));
        let (fallback, refuse) =
            if self.fallback(family).is_empty() { (Vec::new(), node_local) } else { (node_local, Vec::new()) };
        let own = unique(listeners.iter().map(|address| octets(*address)).collect());
        // nft's numbers: ipv4_addr 7, ipv6_addr 8, inet_proto 12, inet_service 13; six bits for each part of a key.
        let address = if family == Family::V4 { 7 } else { 8 };
        let key_type = (12 << 12) | (address << 6) | 13;
        let key_length = family.length() + 8;
        let set = |name: &str, is_live, keys| Set {
            name: format!("{name}{}", family.suffix()),
            key_type,
            key_length,
            is_live,
            keys: unique(keys),
        };
        [
            set("live", true, live),
            set("fallback", false, ports(&fallback)),
            set("refuse", false, ports(&refuse)),
            Set { key_type: address, key_length: family.length(), ..set("own", false, own) },
        ]
    }

    /// The messages that put the table in place of whatever is there, as one batch.
    pub(super) fn install(&self, is_live: bool) -> Vec<Vec<u8>> {
        let mut batch = self.clear();
        batch.push(table(Kind::NewTable));
        for (position, set) in self.sets().iter().enumerate() {
            batch.push(self.new_set(set, u32::try_from(position).unwrap_or(u32::MAX) + 1));
            if is_live || !set.is_live {
                batch.extend(elements(set));
            }
        }
        for (name, kind, hook, priority) in CHAINS {
            let mut message = Message::new(Kind::NewChain, CREATE);
            message.text(1, TABLE).text(3, name).nest(4, |to| {
                to.number(1, hook).bytes(2, &priority.to_be_bytes());
            });
            // NF_ACCEPT
            message.number(5, 1).text(7, kind);
            batch.push(message.finish());
        }
        for family in self.families() {
            batch.extend(self.rules(family));
        }
        batch
    }

    /// The messages that remove the table if it is there, as one batch.
    pub(super) fn clear(&self) -> Vec<Vec<u8>> {
        vec![table(Kind::NewTable), table(Kind::DeleteTable)]
    }

    /// The messages that let the rules hold for another time-out, or end them, as one batch.
    pub(super) fn switch(&self, is_live: bool) -> Vec<Vec<u8>> {
        let mut batch = Vec::new();
        for set in self.sets().iter().filter(|set| set.is_live) {
            // Kernels before 6.12 do not prolong an element that is there. All of them empty a set and fill it again within one step.
            let mut flush = Message::new(Kind::DeleteElements, 0);
            flush.text(1, TABLE).text(2, &set.name);
            batch.push(flush.finish());
            if is_live {
                batch.extend(elements(set));
            }
        }
        batch
    }

    /// The message that makes a set.
    fn new_set(&self, set: &Set, id: u32) -> Vec<u8> {
        let mut message = Message::new(Kind::NewSet, CREATE);
        // NFT_SET_TIMEOUT
        let flags = if set.is_live { 0x10 } else { 0 };
        message.text(1, TABLE).text(2, &set.name).number(3, flags).number(4, set.key_type).number(5, set.key_length);
        message.number(10, id);
        if set.is_live {
            let milliseconds = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
            message.bytes(11, &milliseconds.to_be_bytes());
        }
        message.finish()
    }

    /// The messages that make the rules of a family.
    fn rules(&self, family: Family) -> Vec<Vec<u8>> {
        let name = |set: &str| format!("{set}{}", family.suffix());
        let mut rules = Vec::new();
        let mut add = |chain, text: &str, fill: &dyn Fn(&mut Expressions)| {
            let mut expressions = Expressions::of(family);
            fill(&mut expressions);
            rules.push(rule(chain, text, expressions));
        };
        for chain in ["prerouting", "output"] {
            add(chain, "while we answer: no connection tracking", &|rule| {
                rule.endpoint_in(family, End::Destination, &name("live")).skip_tracking().accept();
            });
        }
        add("output", "our answers: no connection tracking", &|rule| {
            rule.endpoint_in(family, End::Source, &name("live")).skip_tracking().accept();
        });
        for chain in ["prerouting", "output"] {
            add(chain, "nobody answers: refuse at once", &|rule| {
                rule.protocol(TCP).endpoint_in(family, End::Destination, &name("refuse")).refuse(true);
            });
            add(chain, "nobody answers: refuse at once", &|rule| {
                rule.endpoint_in(family, End::Destination, &name("refuse")).refuse(false);
            });
        }
        let servers = self.fallback(family);
        for chain in ["redirect-prerouting", "redirect-output"] {
            for (server, left) in servers.iter().zip((1..=u32::try_from(servers.len()).unwrap_or(u32::MAX)).rev()) {
                add(chain, "nobody answers: ask the fallback", &|rule| {
                    rule.endpoint_in(family, End::Destination, &name("fallback"));
                    if left > 1 {
                        rule.one_of(left);
                    }
                    rule.redirect(family, &octets(*server), server.port());
                });
            }
        }
        add("redirect-postrouting", "answers of the fallback come back here", &|rule| {
            rule.is_redirected().asked_in(family, &name("fallback")).masquerade();
        });
        add("redirect-postrouting", "programs of the node had a listen address as their source", &|rule| {
            rule.is_redirected().source_in(family, &name("own")).masquerade();
        });
        rules
    }
}

/// The message that makes or deletes the table.
fn table(kind: Kind) -> Vec<u8> {
    let mut message = Message::new(kind, if kind == Kind::NewTable { CREATE } else { 0 });
    message.text(1, TABLE);
    if kind == Kind::NewTable {
        message.number(2, 0).bytes(6, &comment(COMMENT));
    }
    message.finish()
}

/// The message that appends a rule.
fn rule(chain: &str, text: &str, expressions: Expressions) -> Vec<u8> {
    let mut message = Message::new(Kind::NewRule, CREATE);
    message.text(1, TABLE).text(2, chain).bytes(4 | 0x8000, &expressions.finish()).bytes(7, &comment(text));
    message.finish()
}

/// The messages that fill a set.
fn elements(set: &Set) -> impl Iterator<Item = Vec<u8>> + '_ {
    set.keys.chunks(ELEMENTS).map(|keys| {
        let mut message = Message::new(Kind::NewElements, CREATE);
        message.text(1, TABLE).text(2, &set.name).nest(3, |list| {
            for key in keys {
                list.nest(1, |element| {
                    element.nest(1, |data| {
                        data.bytes(1, key);
                    });
                });
            }
        });
        message.finish()
    })
}

/// A key of protocol, address and port, each filled up to 32 bits as registers are.
fn key(protocol: u8, address: SocketAddr) -> Vec<u8> {
    [&[protocol, 0, 0, 0], octets(address).as_slice(), &address.port().to_be_bytes(), &[0, 0]].concat()
}

/// The bytes of an address.
fn octets(address: SocketAddr) -> Vec<u8> {
    match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The family of an address.
fn family_of(address: SocketAddr) -> Family {
    if address.is_ipv4() { Family::V4 } else { Family::V6 }
}

/// Each key once.
fn unique(mut keys: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    keys.sort_unstable();
    keys.dedup();
    keys
}
